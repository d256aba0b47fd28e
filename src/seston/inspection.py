"""What lies in a folder: looked at as the workflow would, without writing anything."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seston import config as cfg
from seston import readers
from seston.errors import ConfigError, InputError, SestonError
from seston.readers.environment import told

log = logging.getLogger(__name__)

Inspection = dict[str, Any]
_NAME = "inspected"
#: Entries of a folder that are looked at for files of other instruments.
_LOOKED_AT = 200
#: What an inspection tells; what nothing tells is None, or an empty list.
KEYS = (
    "instrument",
    "samples",
    "frames",
    "objects",
    "time_range",
    "position_range",
    "depth_range",
    "pixel_size_mm",
    "imaged_volume_m3",
    "volume_source",
    "particles_volume_m3",
    "environment",
    "problems",
)


def inspect(path: Path, instrument: str | None = None) -> Inspection:
    """Say what lies in a folder.

    Parameters
    ----------
    path : Path
        A folder or a file, as an instrument or its software left it.
    instrument : str, optional
        Its name; recognised if absent.

    Returns
    -------
    dict
        ``instrument``; ``samples``, ``frames`` and ``objects`` (numbers; None where nothing tells
        them); ``time_range`` (ISO 8601, UTC), ``position_range`` (latitudes, longitudes),
        ``depth_range`` (m); ``pixel_size_mm`` (height, width); ``imaged_volume_m3`` (of each
        sample, or of the whole) and ``volume_source``; ``particles_volume_m3`` (the same of
        particles without pictures); ``environment`` (names of variables);
        ``problems`` (file, what, cure, and how many frames).

    Raises
    ------
    InputError
        There is nothing, or no reader knows the files.
    ConfigError
        There is no instrument of that name.
    """
    if not path.exists():
        raise InputError("no such file or folder", where=path)
    found = [instrument] if instrument else readers.recognise(path)
    if not found:
        raise _unknown(path)
    said = _nothing(found[0])
    said["problems"] += [_also(found)] if len(found) > 1 and not _plain(found[1]) else []
    try:
        deployment = cfg.Deployment(
            campaign=_NAME, deployment=_NAME, instrument=found[0], path=path
        )
        settings = cfg.instrument(cfg.Config(), found[0])
        reader = readers.open_deployment(deployment, settings, cfg.Ingest(on_overlap="drop_later"))
        _tell_environment(said, reader)
        _tell_frames(said, reader)
        _tell_particles(said, reader)
        said["problems"] += [_not_counted(*one) for one in _others(path, _used(reader))]
    except SestonError as error:
        said["problems"].append(_problem(error))
    return said


def _unknown(path: Path) -> InputError:
    below = [f"{entry.name} ({names[0]})" for entry, names in _others(path, frozenset())]
    return InputError(
        "no instrument's files are recognised here",
        where=path,
        cure=f"Inspect what lies below: {', '.join(below)}."
        if below
        else "`seston instruments` lists what is read; name one with --instrument.",
    )


def _used(reader: readers.Reader) -> frozenset[Path]:
    """Give the files that a reader reads, and the folders that they lie in."""
    folder = reader.deployment.path
    files = [folder / file for file in reader.files()]
    files += [*reader.environment_files(), *reader.other_files()]
    return frozenset(p for file in files for p in (file, *file.parents))


def _others(path: Path, used: frozenset[Path]) -> Iterator[tuple[Path, list[str]]]:
    """Find what else in a folder is an instrument's; mere pictures are not taken for one's.

    A file of the same name as one that is used, but for its end, is part of it.
    """
    if not path.is_dir():
        return
    parts = {file.stem for file in used if file.parent == path}
    with suppress(OSError):
        entries = sorted(p for p in path.iterdir() if p not in used and p.name[0] != ".")
        for entry in [p for p in entries if p.stem not in parts][:_LOOKED_AT]:
            names = [name for name in readers.recognise(entry) if not _plain(name)]
            if names:
                yield entry, names


def _not_counted(entry: Path, names: list[str]) -> Inspection:
    what = f"files of {' or '.join(names)} lie here too: they are not counted"
    return {"file": entry.name, "what": what, "cure": "Inspect them by themselves."}


def _nothing(instrument: str) -> Inspection:
    lists: Inspection = {"environment": [], "problems": []}
    return {**dict.fromkeys(KEYS), "instrument": instrument, **lists}


def _plain(name: str) -> bool:
    return readers.readers()[name].plain


def _also(found: list[str]) -> Inspection:
    return {
        "file": None,
        "what": f"could also be of: {', '.join(found[1:])}",
        "cure": "Name the right one with --instrument.",
    }


def _problem(error: SestonError) -> Inspection:
    return {"file": error.where, "what": error.what, "cure": error.cure}


def _tell_environment(said: Inspection, reader: readers.Reader) -> None:
    try:
        records, problems = reader.records()
    except SestonError as error:
        said["problems"].append(_problem(error))
        return
    known = records[[*told(records)]]
    said["environment"] = sorted(known)
    said["problems"] += [{"file": None, "what": what, "cure": None} for what in problems]
    said["time_range"] = _times(records["time"])
    said["depth_range"] = _range(known, "depth")
    places = [_range(known, name) for name in ("latitude", "longitude")]
    said["position_range"] = places if all(places) else None


def _range(records: pd.DataFrame, name: str) -> list[float] | None:
    return _span(records[name]) if name in records else None


def _tell_frames(said: Inspection, reader: readers.Reader) -> None:
    frames = _frames(said, reader)
    usable = frames[frames["usable"] == 1]
    said["frames"] = len(frames)
    held = frames.loc[frames["vignettes"] >= 0, "vignettes"]
    said["objects"] = int(held.sum()) if len(held) else None
    named = frames.loc[frames["sample"] != "", "sample"]
    said["samples"] = int(named.nunique()) if len(named) else 1
    said["time_range"] = _times(usable["time"]) or said["time_range"]
    own = [_span(usable[name]) for name in ("latitude", "longitude")]
    said["position_range"] = own if all(own) else said["position_range"]
    depths = pd.concat([usable["depth_min"], usable["depth_max"]])
    said["depth_range"] = _span(depths) or said["depth_range"]
    said["pixel_size_mm"] = _sizes(usable)
    said["imaged_volume_m3"] = _volumes(usable)
    sources = sorted(set(usable["volume_source"]) - {""})
    said["volume_source"] = ", ".join(sources) or None
    said["problems"] += _problems(frames)


def _tell_particles(said: Inspection, reader: readers.Reader) -> None:
    """Give the water of each sample whose particles were counted, with pictures or without."""
    if not isinstance(reader, readers.ParticleReader):
        return
    volumes = {}
    for sample in reader.particles():
        litres = sample.images["images"] * sample.calibration.image_volume_l
        volumes[sample.sample] = float(litres[sample.images["usable"] == 1].sum()) * 1e-3
    said["particles_volume_m3"] = {n: v for n, v in volumes.items() if v > 0} or None


def _frames(said: Inspection, reader: readers.Reader) -> pd.DataFrame:
    """List the frames; where the optics are not known, without sizes and volumes."""
    try:
        return reader.frames()
    except ConfigError as error:
        said["problems"].append(_problem(error))
    unknown = dict.fromkeys(("pixel_width_mm", "line_rate_hz", "speed_m_s"), 1.0)
    reader.optics = reader.optics.model_copy(update=unknown)
    frames = reader.frames()
    frames["imaged_volume"] = frames["pixel_height"] = frames["pixel_width"] = np.nan
    frames["volume_source"] = ""
    frames.loc[frames["problem"].str.startswith("the imaged volume"), "problem"] = ""
    return frames


def _times(times: pd.Series[Any]) -> list[str] | None:
    known = times.dropna()
    return [f"{t.isoformat()}Z" for t in (known.min(), known.max())] if len(known) else None


def _span(values: pd.Series[Any]) -> list[float] | None:
    known = values.dropna()
    return [round(float(v), 6) for v in (known.min(), known.max())] if len(known) else None


def _sizes(frames: pd.DataFrame) -> list[float] | None:
    sizes = frames[["pixel_height", "pixel_width"]].dropna().median()
    return [round(float(v), 8) for v in sizes] if sizes.notna().all() else None


def _volumes(frames: pd.DataFrame) -> dict[str, float] | float | None:
    """Give the volume of each sample; of the whole where there are no samples."""
    if frames["imaged_volume"].isna().all():
        return None
    if (frames["sample"] == "").all():
        return float(frames["imaged_volume"].sum())
    by_sample = frames.groupby("sample", sort=False)["imaged_volume"].sum(min_count=1)
    return {str(name): float(v) for name, v in by_sample.items() if np.isfinite(v)}


def _problems(frames: pd.DataFrame) -> list[Inspection]:
    """Give the problems of frames: each once for a file, with the number of its frames."""
    bad = frames[frames["problem"] != ""]
    counted = bad.groupby(["path", "problem"], sort=False)["usable"].count()
    return [
        {"file": str(path), "what": str(problem), "cure": None, "frames": int(count)}
        for (path, problem), count in zip(counted.index, counted.to_numpy(), strict=True)
    ]


def as_json(found: Inspection) -> str:
    """Write an inspection as JSON."""
    return json.dumps(found, indent=2, ensure_ascii=False)


def as_text(found: Inspection) -> str:
    """Write an inspection for a person."""
    width = max(map(len, found))
    lines = [
        f"{key.replace('_', ' '):{width}}  {_words(value)}"
        for key, value in found.items()
        if key != "problems"
    ]
    for problem in found["problems"][:_SHOWN]:
        file = f"{problem['file']}: " if problem["file"] else ""
        times = f" ({problem['frames']:,} frames)" if problem.get("frames", 1) > 1 else ""
        lines.append(f"! {file}{problem['what']}{times}")
        lines += [f"    {problem['cure']}"] if problem["cure"] else []
    more = len(found["problems"]) - _SHOWN
    lines += [f"! and {more:,} more problems: see --json"] if more > 0 else []
    return "\n".join(lines)


_SHOWN = 20


def _words(value: object) -> str:
    if value is None or value == []:
        return "not known"
    if isinstance(value, dict):
        shown = [f"{name}: {v:.6g}" for name, v in list(value.items())[:5]]
        return ", ".join(shown) + (f", … ({len(value):,} samples)" if len(value) > 5 else "")
    if isinstance(value, list):
        if value and isinstance(value[0], list):
            return ", ".join(_words(part) for part in value)
        joiner = " to " if len(value) == 2 and not isinstance(value[0], str) else ", "
        return joiner.join(f"{v:.6g}" if isinstance(v, float) else str(v) for v in value)
    return (
        f"{value:,}"
        if isinstance(value, int)
        else f"{value:.6g}"
        if isinstance(value, float)
        else str(value)
    )


def instruments_table() -> str:
    """Write the table of instruments, for a person."""
    rows: list[tuple[str, ...]] = [("instrument", "yields", "files", "volume", "tested on")]
    rows += [
        (name, reader.yields, reader.about.files, reader.about.volume, reader.about.tested)
        for name, reader in readers.readers().items()
    ]
    return _table(rows)


def _table(rows: list[tuple[str, ...]]) -> str:
    from rich.console import Console
    from rich.table import Table

    table = Table(*rows[0], show_lines=True)
    for row in rows[1:]:
        table.add_row(*row)
    console = Console(width=_terminal_width())
    with console.capture() as capture:
        console.print(table)
    return capture.get().rstrip()


def _terminal_width() -> int:
    import shutil

    return max(80, min(160, shutil.get_terminal_size((120, 24)).columns))
