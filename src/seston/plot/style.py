"""How all figures look, and how they become bytes: the same ones every time.

Nothing here touches matplotlib's global state for longer than one call.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

P = ParamSpec("P")
R = TypeVar("R")

#: Okabe and Ito's colours, told apart by people of all kinds of colour vision.
BLUE, VERMILION, GREEN, ORANGE, PURPLE = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7"
INK, GREY, PALE = "#1b1f23", "#6b7280", "#e7e9ec"

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.fontsize": 8.0,
    "legend.frameon": False,
    "text.color": INK,
    "hatch.linewidth": 0.5,
    "svg.hashsalt": "seston",
    "svg.fonttype": "path",
    "figure.dpi": 100,
    "savefig.dpi": 100,
}

_SYMBOLS = {
    "1": "",
    "degree_C": "°C",
    "degrees_north": "°N",
    "degrees_east": "°E",
    "percent": "%",
}
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Run a drawing function in our style, and leave the caller's as it was."""

    @wraps(draw)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        with mpl.rc_context(dict(STYLE)):  # type: ignore[arg-type]
            return draw(*args, **kwargs)

    return inner


def new_axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """Give the axes themselves, or the axes of a new figure of a size in inches."""
    if ax is not None:
        return ax
    return Figure(figsize=size, layout="constrained").add_subplot()


def pretty_units(units: str | None) -> str:
    """Write UDUNITS text as a person does.

    >>> pretty_units("mm3 m-3"), pretty_units("umol kg-1"), pretty_units("1")
    ('mm³ m⁻³', 'µmol kg⁻¹', '')
    """
    if not units:
        return ""
    text = " ".join(_SYMBOLS.get(part, part) for part in units.split())
    text = re.sub(r"\bu(?=mol|m\b)", "µ", text)
    return re.sub(r"(?<=[a-z])-?\d+", lambda found: found[0].translate(_SUPERSCRIPT), text)


def with_units(name: str, units: str | None) -> str:
    """Name of a quantity with its units in parentheses, where it has any."""
    pretty = pretty_units(units)
    return f"{name} ({pretty})" if pretty else name


def axis_label(variable: xr.DataArray) -> str:
    """Label of a variable from its attributes: long name and units."""
    name = str(variable.attrs.get("long_name", variable.name))
    return with_units(plain(name[:1].upper() + name[1:]), variable.attrs.get("units"))


def plain(text: str) -> str:
    r"""Give text that matplotlib shows as it is: a dollar starts no formula, a line no line.

    >>> plain("a$b$")
    'a\\$b\\$'
    """
    printable = "".join(c if c.isprintable() else " " for c in text)
    return printable.replace("$", r"\$")


@styled
def to_png(figure: Figure, dpi: float = 144) -> bytes:
    """Render a figure as PNG; equal figures give equal bytes."""
    held = io.BytesIO()
    figure.savefig(held, format="png", dpi=dpi, metadata={"Software": None})
    return held.getvalue()


@styled
def to_svg(figure: Figure) -> bytes:
    """Render a figure as SVG without a date; equal figures give equal bytes."""
    held = io.BytesIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(held, format="svg", metadata=nothing)
    return held.getvalue()
