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
    if isinstance(default, tuple):
        return f"`[{', '.join(map(str, default))}]`"
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

What can be measured on every object. `features` of `config.yaml` chooses among sets, one or a list
of them, as in `features: [fast, uvp6]`; `objects.zarr` holds what they name, each once, in its
array `features` (object, feature). Look a feature up by its name in the labels `feature`; their
units are in `feature_units`. Profiles and size spectra are made of two that are always there:
{always}.
All shards of a campaign have the same features; another choice measures them again.

Of an object without a picture, what its source's own table tells is taken where it is chosen, and
the rest is NaN: for tables of ZooProcess or EcoTaxa choose `[fast, zooprocess]`.
"""
_OURS_HEAD = """
## Sets fast and all, in millimetres

**fast** is what sums over an object's runs of pixels give; **all** adds the costly ones, which need
a picture of each object. Both are measured whatever the instrument.

Sizes are in millimetres, whatever the height and the width of a pixel. Grey levels are corrected
ones: dark objects on a background of 240. An object's pixels are its own, without its holes, and
every feature has a number for every object: of a single pixel, of one grey level, or black.
Features of `regionprops` bear scikit-image's names and are its numbers with
`spacing=(pixel_height, pixel_width)`.
"""
_UVP6_HEAD = """
## Set uvp6, as the camera measures on board

The 55 features by which a UVP6 recognises taxa, in its order, with `uvp6_` before its name: in
pixels and raw grey levels, white on black. The object's pixels are those by which it was found.
Where the camera's pixels are left as they are (`polarity: bright`, `background: none`,
`threshold_level: 21`, `pieces: largest`) these are the largest 8-connected piece above the
threshold, and the features are those of uvpec 1.0.0, which carries the camera's compiled code: to
1e-6 on its own vignettes.

Any other object can be measured so, for a classifier that was trained on UVP6 features. Levels are
then 255 less ours: of dark objects the negative; and where light was corrected, those of the
corrected levels (background at 15), not of the file. Every feature has a number: `meanpos` and `sr`
of an object of one level are 0, where the camera's code divides by zero.
"""
_WHOI_HEAD = """
## Set whoi, as the IFCB software of WHOI (version 4) has it

The 30 features of version 4, in its order, with `whoi_` before its name: in pixels. seston calls
the package planktofeatures, which has to be installed: `pip install 'seston[whoi]'`. It wraps
WHOI's own ifcb-features, works with today's numpy, and gives WHOI's numbers of a real bin to 1e-8.
A second implementation would have to repeat the single precision and the rounding of MATLAB at
every step to find the same blobs. It is an optional dependency for its licence (LGPL-3; that of
FFTW, which it needs, is GPL-2): it is called where it is installed, and nothing of it is copied. It
is slow, most of it 24 Fourier filters a picture.

Of a vignette without a mask the package finds the blobs itself, in the pixels as they are in the
file (turned, where objects are bright). Where the instrument gives a mask, and where seston found
the object in a frame, those pixels are the blob. A picture in which it finds nothing has zeros, and
NaN for the three ratios, as in WHOI's files; NaN all over, where the package fails on a shape
(some of a few pixels).
"""
_ZOOPROCESS_HEAD = """
## Set zooprocess: its columns in ours

What the set `zooprocess` holds: the features below, in seston's units. The columns are the
same in EcoTaxa, with `object_` before the name. Lengths of ZooProcess are in pixels: ours over
the size of the pixel (areas: over its square), where it is square. ZooProcess takes grey levels and
centres over the object **with** its holes, ours are without: they are the same where `%area` is 0.
⌊⌉ rounds to a whole number; n is the number of pixels.

What the columns are was read in ZooProcess's macros (versions 7.26 to 7.40), and compared with two
tables of EcoTaxa (written by 7.24) where that can be told without the pictures; ZooProcess was not
run beside seston on the same scan. Objects of old tables keep the faults that are told here:
compute ratios and diameters from `area`, `perim.` and `feret` again.
"""
#: What finding and measuring takes with a set: ratios on the standard frame (the second one is
#: `costly_over_fast` of benchmarks/segment.py), times on real IFCB pictures; one core.
COSTS = {
    "fast": "the shortest time",
    "all": "eight to eleven times as long as fast: `costly_over_fast` of benchmarks/segment.py",
    "zooprocess": "as long as all: many of them are costly",
    "uvp6": "half as long again as fast",
    "whoi": "15 to 400 ms an object more, by the size of its picture: thousands of times as long",
}
_SAID = {
    "fast": "the cheap majority of ours",
    "all": "all of ours",
    "zooprocess": "those of ours that the columns of ZooProcess need: an export can write them all",
    "uvp6": "those of the UVP6 on board",
    "whoi": "those of the IFCB software of WHOI, version 4",
}


def features_as_markdown() -> str:
    """Give all sets, their features, and the columns of ZooProcess in them, for a person."""
    from seston.features import ALWAYS

    always = " and ".join(f"`{name}`" for name in ALWAYS)
    lines = [_FEATURES_HEAD.format(always=always), *_sets_table()]
    lines += [_OURS_HEAD, *_ours_table()]
    for head, name in ((_UVP6_HEAD, "uvp6"), (_WHOI_HEAD, "whoi")):
        lines += [head, *_features_table(name)]
    return "\n".join([*lines, _ZOOPROCESS_HEAD, *_zooprocess_table()]) + "\n"


def _sets_table() -> Iterator[str]:
    from seston.features import SETS

    yield "| set | features | what they are | finding and measuring takes |\n|---|---|---|---|"
    for name, features in SETS.items():
        yield f"| `{name}` | {len(features)} | {_SAID[name]} | {COSTS[name]} |"


def _ours_table() -> Iterator[str]:
    from seston.features import FEATURES, SETS
    from seston.zooprocess import COLUMNS

    theirs: dict[str, list[str]] = {}
    for column in COLUMNS.values():
        theirs.setdefault(column.ours, []).append(f"`{column.name}`")
    yield "| name | units | set | meaning | ZooProcess |\n|---|---|---|---|---|"
    for name in SETS["all"]:
        f, names = FEATURES[name], ", ".join(theirs.get(name, []))
        yield f"| `{name}` | {f.units} | {_set_of(f.group)} | {f.long_name} | {names} |"


def _set_of(group: str) -> str:
    return {"fast": "fast, all", "costly": "all"}.get(group, group)


def _features_table(name: str) -> Iterator[str]:
    from seston.features import FEATURES, SETS

    yield "| name | units | meaning |\n|---|---|---|"
    for feature in SETS[name]:
        yield f"| `{feature}` | {FEATURES[feature].units} | {FEATURES[feature].long_name} |"


def _zooprocess_table() -> Iterator[str]:
    from seston.features import FEATURES
    from seston.zooprocess import COLUMNS

    yield "| ZooProcess | ours | units | set | where the numbers differ |\n|---|---|---|---|---|"
    for column in COLUMNS.values():
        feature = FEATURES.get(column.ours)
        units = feature.units if feature else "px"
        kind = _set_of(feature.group) if feature else "of objects"
        yield f"| `{column.name}` | `{column.ours}` | {units} | {kind} | {column.note} |"
