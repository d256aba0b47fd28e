"""Units at the door: a quantity with a unit is checked and converted before a formula sees it.

Units are UDUNITS strings, as in the registry of variables and in CF attributes. Inside the
formulas there are numbers only.

>>> import xarray as xr
>>> from seston.units import convert
>>> litres = xr.DataArray([7.5, 12.0], attrs={"units": "l"})
>>> convert(litres, "m3").values.tolist()
[0.0075, 0.012]
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

import xarray as xr

from seston.errors import UnitError

P = ParamSpec("P")
R = TypeVar("R")

#: In place of a unit: any will do, but there must be one.
ANY = "any"
_EXAMPLES = "Units are UDUNITS strings such as `m-3`, `mm3 m-3`, `degree_C` or `1`."


@cache
def _registry() -> Any:  # noqa: ANN401 (pint's registry is built at run time)
    import cf_xarray.units

    registry = copy.deepcopy(cf_xarray.units.units)
    registry.define("@alias degree_Celsius = degree_C = degrees_C = deg_C")
    return registry


@cache
def parse(units: str) -> Any:  # noqa: ANN401
    """Read a UDUNITS string.

    Parameters
    ----------
    units : str
        Such as ``"umol kg-1"``; ``"1"`` for a pure number.

    Returns
    -------
    pint.Unit

    Raises
    ------
    UnitError
        It is no unit.
    """
    import pint

    try:
        return _registry().parse_units("" if units.strip() == "1" else units)
    except (pint.errors.PintError, ValueError, AttributeError, TypeError) as error:
        raise UnitError(f"`{units}` is no unit", cure=_EXAMPLES) from error


def convert(array: xr.DataArray, units: str, name: str | None = None) -> xr.DataArray:
    """Convert a labelled array to a unit.

    Parameters
    ----------
    array : DataArray
        With a ``units`` attribute.
    units : str
        The unit wanted.
    name : str, optional
        What the array is called in an error; its own name where it has one.

    Returns
    -------
    DataArray
        The same array where it already has the unit, else a converted copy.

    Raises
    ------
    UnitError
        The array has no unit, or one that does not convert.
    """
    called = name or (str(array.name) if array.name is not None else "the array")
    have = _units_of(array, called)
    if have == units:
        return array
    values = _converted(array.data, have, units, called)
    return array.copy(data=values).assign_attrs(units=units)


def _units_of(array: xr.DataArray, name: str) -> str:
    units = array.attrs.get("units")
    if not isinstance(units, str):
        raise UnitError(
            f"{name} has no unit",
            cure=f'Say it: {name}.attrs["units"] = "…". {_EXAMPLES}',
        )
    parse(units)
    return units


def _converted(values: Any, have: str, want: str, name: str) -> Any:  # noqa: ANN401
    import pint

    try:
        return _registry().Quantity(values, parse(have)).to(parse(want)).magnitude
    except pint.DimensionalityError as error:
        raise UnitError(
            f"{name} is in `{have}`, which does not convert to `{want}`",
            cure="Give the quantity that is asked for, or correct its `units` attribute.",
        ) from error


def with_units(
    *, returns: str | None = None, **units: str
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Check and convert the units of labelled arguments, and label the result.

    An argument that is a DataArray is converted to the unit declared for it. One that carries
    no labels (a number, a NumPy array) is taken to be in that unit.

    Parameters
    ----------
    returns : str, optional
        Unit of the result, or of each array of a tuple. ``{name}`` stands for the unit of the
        argument `name`.
    **units : str
        Unit of each argument by name; `ANY` where each unit will do.

    Returns
    -------
    callable
        A decorator. The decorated function raises `UnitError` where an argument has no unit,
        or one that does not convert.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        strange = set(units) - set(signature.parameters)
        if strange:
            raise TypeError(f"{function.__name__} has no argument {min(strange)!r}")

        @wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            bound = signature.bind(*args, **kwargs)
            known = {name: _enter(name, bound.arguments, unit) for name, unit in units.items()}
            result = function(*bound.args, **bound.kwargs)
            return result if returns is None else _label(result, _joined(returns, known))

        return checked

    return decorate


def _enter(name: str, arguments: dict[str, Any], unit: str) -> str:
    """Convert one argument in its place; give the unit that it now has."""
    value = arguments.get(name)
    if not isinstance(value, xr.DataArray):
        return "1" if unit == ANY else unit
    if unit == ANY:
        return _units_of(value, name)
    arguments[name] = convert(value, unit, name)
    return unit


def _joined(returns: str, known: Mapping[str, str]) -> str:
    parts = returns.format(**known).split()
    return " ".join(part for part in parts if part != "1") or "1"


def _label(result: Any, units: str) -> Any:  # noqa: ANN401
    if isinstance(result, tuple):
        return tuple(_label(part, units) for part in result)
    if isinstance(result, xr.DataArray):
        return result.assign_attrs(units=units)
    return result
