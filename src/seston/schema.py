"""The configuration told to editors (JSON schema) and to people (tables)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from seston.config import Config, Deployment

_HEAD = """\
# What the configuration may hold

Written by `seston schema --markdown`; `config/schema.json` says the same to editors.
An unknown key, a wrong value or a path that does not exist stops the workflow before it runs.
Paths are relative to the folder where the workflow runs.
"""
_DEPLOYMENT = """
## `campaigns.csv`: one row is one deployment

An instrument put in the water once, and the folder of its files as they left it. Empty cells
and absent columns take the defaults. Lines that begin with `#` are skipped.
"""


def as_json() -> str:
    """JSON schema of config.yaml."""
    return json.dumps(Config.model_json_schema(), indent=2) + "\n"


def as_markdown() -> str:
    """Tables of all keys of config.yaml and all columns of campaigns.csv."""
    parts = [_HEAD, "\n## `config.yaml`\n", *_table(Config, "", nested=True)]
    parts += [_DEPLOYMENT, *_table(Deployment, "", nested=False)]
    return "\n".join(parts) + "\n"


def _table(model: type[BaseModel], prefix: str, *, nested: bool) -> Iterator[str]:
    yield "\n| key | default | meaning |\n|---|---|---|"
    yield from _rows(model, prefix, nested=nested)


def _rows(model: type[BaseModel], prefix: str, *, nested: bool) -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        inner, each = _inner(field)
        if nested and inner is not None:
            yield f"| **`{key}`** | | {field.description or _first_line(inner)} |"
            yield from _rows(inner, f"{key}.{'*.' if each else ''}", nested=True)
        else:
            yield f"| `{key}` | {_default(field)} | {field.description or ''} |"


def _inner(field: FieldInfo) -> tuple[type[BaseModel] | None, bool]:
    """Model that a key holds, and whether it holds many of them by name."""
    kinds = (field.annotation, *get_args(field.annotation))
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind, field.default_factory is dict
    return None, False


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").splitlines()[0].rstrip(".")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default: Any = field.get_default(call_default_factory=True)
    return "" if default is None or default in ("", {}) else f"`{default}`"


def variables_as_markdown() -> str:
    """Give the variables of all datasets as tables for a person."""
    from seston.variables import ENVIRONMENT, FRAMES, OBJECTS, PARTICLES, PROFILES

    registries = {
        "profiles.zarr": PROFILES,
        "particles.zarr": PARTICLES,
        "objects.zarr": OBJECTS,
        "manifest: frames": FRAMES,
        "manifest: environment": ENVIRONMENT,
    }
    lines = ["# Variables", "", "Written by `seston schema --variables`."]
    for title, registry in registries.items():
        lines += ["", f"## {title}", "", "| name | dims | units | meaning |", "|---|---|---|---|"]
        for name, v in registry.items():
            said = v.long_name + (f"; {v.comment}" if v.comment else "")
            lines.append(f"| `{name}` | {', '.join(v.dims)} | {v.units or ''} | {said} |")
    return "\n".join(lines) + "\n"


_FEATURES_HEAD = """\
# Features

Written by `seston schema --features`.

What is measured on every object, in the `features` array of `objects.zarr`. The **fast** set is
always measured. The **costly** one is measured where `config.yaml` says `features: all`. On the
standard simulated frame, finding and measuring with both sets takes {cost} as
with the fast one; `python benchmarks/segment.py` measures it on the machine at hand and prints it
as `costly_over_fast`.

Sizes are in millimetres, whatever the height and the width of a pixel. Grey levels are corrected
ones: dark objects on a background of 240. An object's pixels are its own, without its holes, and
every feature has a number for every object: of a single pixel, of one grey level, or black.
Features of `regionprops` bear scikit-image's names and are its numbers with
`spacing=(pixel_height, pixel_width)`.
"""
_ZOOPROCESS_HEAD = """
## The columns of ZooProcess

The same in EcoTaxa, with `object_` before the name. Lengths of ZooProcess are in pixels: ours over
the size of the pixel (areas: over its square), where it is square. ZooProcess takes grey levels and
centres over the object **with** its holes, ours are without: they are the same where `%area` is 0.
⌊⌉ rounds to a whole number; n is the number of pixels.

What the columns are was read in ZooProcess's macros (versions 7.26 to 7.40), and compared with two
tables of EcoTaxa (written by 7.24) where that can be told without the pictures; ZooProcess was not
run beside seston on the same scan. Objects of old tables keep the faults that are told here:
compute ratios and diameters from `area`, `perim.` and `feret` again.
"""
#: Measured by benchmarks/segment.py on the standard frame, one core; see `costly_over_fast`.
COSTLY_OVER_FAST = "six to eight times as long"


def features_as_markdown() -> str:
    """Give all features, and the columns of ZooProcess in them, as tables for a person."""
    from seston.features import FEATURES
    from seston.zooprocess import COLUMNS

    theirs: dict[str, list[str]] = {}
    for column in COLUMNS.values():
        theirs.setdefault(column.ours, []).append(f"`{column.name}`")
    lines = [_FEATURES_HEAD.format(cost=COSTLY_OVER_FAST)]
    lines += ["| name | units | set | meaning | ZooProcess |", "|---|---|---|---|---|"]
    for name, f in FEATURES.items():
        kind, names = "costly" if f.costly else "fast", ", ".join(theirs.get(name, []))
        lines.append(f"| `{name}` | {f.units} | {kind} | {f.long_name} | {names} |")
    lines += [_ZOOPROCESS_HEAD, "| ZooProcess | ours | units | set | where the numbers differ |"]
    lines.append("|---|---|---|---|---|")
    for column in COLUMNS.values():
        feature = FEATURES.get(column.ours)
        units = feature.units if feature else "px"
        kind = "of objects" if feature is None else "costly" if feature.costly else "fast"
        lines.append(f"| `{column.name}` | `{column.ours}` | {units} | {kind} | {column.note} |")
    return "\n".join(lines) + "\n"
