"""Particles by size: classes, calibration, bins, and what EcoPart does otherwise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seston.ecology import (
    Calibration,
    bin_particles,
    coarsen_size_classes,
    particle_diameter,
    pixels_of_diameter,
    size_class,
)
from seston.ecology.particle_dataset import BinnedSample, build_particles
from seston.ecology.particles import CLASSES, SIZE_LIMITS_MM

CALIBRATION = Calibration(aa=0.0036, exponent=1.149, image_volume_l=1.1)
START = np.datetime64("2020-01-01T00:00:00", "ns")


def images(depths, *, usable=1, held=True, seconds=1.0):
    number = len(depths)
    step = (np.arange(number) * seconds * 1e9).astype("timedelta64[ns]")
    return pd.DataFrame({
        "time": START + step, "depth": np.array(depths, float), "images": 1.0,
        "usable": usable, "ecopart": held,
    })  # fmt: skip


def counts(rows, areas, numbers):
    return [pd.DataFrame({"row": rows, "area_px": areas, "number": numbers})]


def bins(table, pieces, **how):
    how = {"bin_size_m": 5.0, "interval_s": None, **how}
    return bin_particles(table, pieces, CALIBRATION, **how)


def test_published_diameters():
    # pixels and diameters of the UVP5 of planktyp, and the two limits that the UVP6 tells
    np.testing.assert_allclose(particle_diameter([1, 30, 500], 0.0036, 1.149),
                               [0.067703, 0.477763, 2.40527], rtol=5e-6)  # fmt: skip
    np.testing.assert_allclose(particle_diameter([73, 78, 79], 2300e-6, 1.136),
                               [0.6190, 0.6427, 0.6474], atol=5e-5)  # fmt: skip
    assert pixels_of_diameter(0.5, 0.0036, 1.149) == 32


def test_classes_are_closed_below_and_the_last_is_open():
    assert size_class([0.0009, 0.001, 0.00126, 0.0999999, 0.102, 26, 1e9]).tolist() == [
        -1, 0, 1, 19, 20, 44, 44]  # fmt: skip
    assert len(SIZE_LIMITS_MM) == 46


def test_an_image_without_particles_counts_in_the_water_and_an_unusable_one_in_nothing():
    table = images([1, 2, 3, 4], usable=[1, 1, 0, 1])
    found = bins(table, counts([0, 2], [30, 30], [6, 100]))
    assert found.images.tolist() == [3]
    np.testing.assert_allclose(found.volume, [3 * 1.1e-3])
    assert np.nansum(found.count) == 6


def test_sizes_that_the_camera_cannot_see_are_not_zero_but_unknown():
    found = bins(images([1]), counts([0], [30], [1]))
    seen = np.isfinite(found.count[0])
    assert seen.argmax() == size_class(0.0677)  # one pixel
    assert found.count[0, -1] == 0


def test_ecopart_leaves_out_images_and_metres_without_a_particle():
    table = images([0.2, 0.8, 1.5, 2.5, 3.5], held=[True, False, True, False, True])
    pieces = counts([0, 2], [30, 30], [1, 1])  # the last image was read and holds none
    assert bins(table, pieces).images.tolist() == [5]
    assert bins(table, pieces, ecopart="image").images.tolist() == [2]
    whole = table.assign(ecopart=True)
    assert bins(whole, pieces, ecopart="metre").images.tolist() == [3]


def test_a_time_series_is_cut_into_hours_at_the_depths_of_its_images():
    table = images([100, 101, 107, 100], seconds=1800)
    found = bins(table, counts([0, 3], [30, 30], [4, 2]), interval_s=3600)
    assert len(np.unique(found.profile)) == 2
    assert found.depth.tolist() == [20, 20, 21]
    assert np.nansum(found.count, axis=1).tolist() == [4, 2, 0]


def test_ecopart_labels_an_hour_by_the_mean_of_its_spans_not_of_its_images():
    # Three images in the first span, one in the second: their means are 10 and 40.
    table = images([5, 10, 15, 40], seconds=60)
    pieces = counts([0, 3], [30, 30], [1, 1])
    how = {"interval_s": 3600.0, "ecopart": "image", "integration_s": 180.0}
    assert bins(table, pieces, **how).mean_depth.tolist() == [25.0]


@st.composite
def casts(draw):
    number = draw(st.integers(1, 30))
    depths = draw(st.lists(st.floats(0, 60), min_size=number, max_size=number))
    rows = draw(st.lists(st.integers(0, number - 1), max_size=40))
    areas = draw(st.lists(st.integers(1, 5000), min_size=len(rows), max_size=len(rows)))
    numbers = draw(st.lists(st.integers(1, 50), min_size=len(rows), max_size=len(rows)))
    return images(depths), rows, areas, numbers


@given(casts(), st.integers(1, 5))
@settings(deadline=None, max_examples=60)
def test_binning_keeps_water_and_particles_however_the_pieces_are_cut(cast, parts):
    table, rows, areas, numbers = cast
    pieces = [pd.DataFrame({"row": r, "area_px": a, "number": n}) for r, a, n in zip(
        np.array_split(np.array(rows, int), parts), np.array_split(np.array(areas, int), parts),
        np.array_split(np.array(numbers, int), parts), strict=True)]  # fmt: skip
    found = bins(table, pieces)
    assert np.nansum(found.count) == sum(numbers)
    np.testing.assert_allclose(found.volume.sum(), len(table) * 1.1e-3)
    esd = particle_diameter(areas, 0.0036, 1.149)
    volume = (np.pi / 6 * esd**3 * np.array(numbers)).sum()
    np.testing.assert_allclose(np.nansum(found.biovolume), volume, rtol=1e-9)


@given(casts())
@settings(deadline=None, max_examples=30)
def test_fifteen_classes_hold_what_forty_five_hold(cast):
    table, rows, areas, numbers = cast
    found = bins(table, counts(rows, areas, numbers))
    about = {"sample": "a", "sample_time": START}
    detailed = build_particles([BinnedSample(found, about)], 5.0)
    reduced = coarsen_size_classes(detailed)
    assert reduced.sizes["size_class"] == 15
    assert float(reduced["count"].sum()) == float(detailed["count"].sum()) == sum(numbers)
    np.testing.assert_allclose(reduced["size_class_bounds"][:, 0], SIZE_LIMITS_MM[:-1:3])
    assert detailed.sizes["size_class"] == CLASSES


def test_a_bin_that_was_not_imaged_is_nan_and_its_water_zero():
    found = bins(images([1, 11]), counts([0], [30], [6]))
    data = build_particles([BinnedSample(found, {"sample": "a", "sample_time": START})], 5.0)
    assert data["imaged_volume"].to_numpy()[0].tolist() == pytest.approx([1.1e-3, 0, 1.1e-3])
    row = data["concentration"].isel(profile=0, size_class=27).to_numpy()
    assert np.isnan(row[1])
    assert row[2] == 0
    assert float(data["concentration"].isel(profile=0, depth=0).sum()) == pytest.approx(6 / 1.1e-3)
