"""Units at the door: converted where they convert, refused where they do not."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from seston.ecology import concentration, equivalent_spherical_volume, poisson_interval
from seston.errors import UnitError
from seston.units import ANY, convert, parse, with_units


def labelled(values, units=None, name=None):
    attrs = {} if units is None else {"units": units}
    return xr.DataArray(values, dims="depth", attrs=attrs, name=name)


def test_volumes_in_litres_give_the_same_concentration():
    count = labelled([3, 0, 0], "1")
    litres = concentration(count, labelled([60.0, 60.0, 0.0], "l"))
    cubic = concentration(count, labelled([0.06, 0.06, 0.0], "m3"))
    np.testing.assert_allclose(litres, [50, 0, np.nan])
    np.testing.assert_allclose(cubic, litres)
    assert parse(litres.attrs["units"]) == parse("m-3")


def test_amounts_carry_their_unit_through():
    amount = labelled([3.0], "mm3")
    assert concentration(amount, labelled([2.0], "m3")).attrs["units"] == "mm3 m-3"


def test_bare_numbers_are_in_the_unit_the_function_names():
    assert concentration(3, 0.06) == pytest.approx(50)
    assert equivalent_spherical_volume(np.array([2.601])) == pytest.approx(3.1555, abs=1e-4)


def test_areas_in_square_micrometres_are_converted():
    found = equivalent_spherical_volume(labelled([2.601e6], "um2"))
    assert float(found[0]) == pytest.approx(3.1555, abs=1e-4)
    assert found.attrs["units"] == "mm3"


def test_both_limits_are_labelled():
    lower, upper = poisson_interval(labelled([10], "1"))
    assert (lower.attrs["units"], upper.attrs["units"]) == ("1", "1")


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (labelled([1.0]), "imaged_volume has no unit"),
        (labelled([1.0], "m2"), "`m2`, which does not convert to `m3`"),
        (labelled([1.0], "furlongs per fortnite"), "is no unit"),
    ],
)
def test_a_wrong_unit_is_refused_by_name_with_a_cure(array, words):
    with pytest.raises(UnitError, match=words) as caught:
        concentration(labelled([1], "1"), array)
    assert caught.value.cure


def test_conversion_leaves_the_original_and_its_other_attributes():
    warm = labelled([10.0], "degree_C", name="t").assign_attrs(long_name="temperature")
    kelvin = convert(warm, "K")
    assert float(kelvin[0]) == pytest.approx(283.15)
    assert kelvin.attrs == {"units": "K", "long_name": "temperature"}
    assert float(warm[0]) == 10.0
    assert convert(warm, "degree_C") is warm


def test_lazy_arrays_stay_lazy():
    lazy = labelled([1000.0], "l").chunk()
    assert convert(lazy, "m3").chunks is not None
    assert float(convert(lazy, "m3")[0]) == pytest.approx(1.0)


def test_declaring_an_argument_that_is_not_there_is_a_mistake():
    with pytest.raises(TypeError, match="no argument 'volumen'"):
        with_units(volumen=ANY)(lambda volume: volume)
