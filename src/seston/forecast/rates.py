"""How fast one core of a machine is, as `seston calibrate` measured it; and where that is kept."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

from seston.errors import InputError
from seston.forecast.spread import Spread

#: Each rate once: its unit and what it is. All of one core, or of one job.
RATES: Final[Mapping[str, tuple[str, str]]] = {
    "read": ("MB/s", "reading files that are not in memory, from the folder that was tried"),
    "write": ("MB/s", "writing files there, until they are on the disk"),
    "segment": ("Mpx/s", "raw AVI in memory to stored objects: its share by pixels"),
    "find": ("objects/s", "the same: its share by objects"),
    "shard": ("s", "the same: its share by shards, whatever they hold"),
    "decode_raw": ("Mpx/s", "a part of it: raw AVI in memory to grey levels"),
    "decode": ("Mpx/s", "decoding compressed video (FFV1)"),
    "measure": ("objects/s", "decoding and measuring vignettes that an instrument has cut"),
    "classify": ("objects/s", "stored vignettes to scores, on a core"),
    "classify_gpu": ("objects/s", "the same on a graphics processor"),
    "gather": ("objects/s", "joining the shards: its share by objects"),
    "pack": ("Mpx/s", "the same: its share by pixels of vignettes"),
    "profile": ("objects/s", "putting objects into bins"),
    "start": ("s", "a job: imports, workers started and ended"),
    "worker": ("MB", "memory of a worker"),
    "command": ("MB", "memory of the command beside its workers"),
    "object_bytes": ("B", "the table, of one object"),
    "vignette_bytes": ("B", "vignettes, stored, of each pixel"),
    "score_bytes": ("B", "the scores of one object, of each taxon"),
}
#: Rates that a machine need not have.
OPTIONAL: Final = frozenset({"classify", "classify_gpu"})
SHIPPED: Final = "shipped"


@dataclass(frozen=True, slots=True)
class Rates:
    """What was measured, where and when.

    Parameters
    ----------
    values : dict of Spread
        By the names of `RATES`; one of `OPTIONAL` that was not measured is not there.
    machine : dict
        Processor, cores, memory, system; never the name of the host.
    versions : dict of str
        Of what the rates hang on.
    date : str
        ISO 8601.
    notes : dict of str
        By rate: what it was measured on, or why it was not.
    source : str
        File that they were read from, or ``shipped``.
    """

    values: Mapping[str, Spread]
    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    date: str
    notes: Mapping[str, str]
    source: str = ""

    @property
    def shipped(self) -> bool:
        """Whether nobody measured this machine."""
        return self.source == SHIPPED

    def as_json(self) -> str:
        """Write as text that `read_rates` reads."""
        values = {
            name: _rounded(self.values[name]) | {"unit": unit, "what": what}
            if name in self.values
            else None
            for name, (unit, what) in RATES.items()
        }
        facts = {"date": self.date, "machine": self.machine, "versions": self.versions}
        return json.dumps({**facts, "rates": values, "notes": self.notes}, indent=2) + "\n"


def _rounded(spread: Spread) -> dict[str, Any]:
    """Four digits: a stopwatch gives no more."""
    return {key: float(f"{value:.4g}") for key, value in asdict(spread).items()}


def rates_file() -> Path:
    """Say where rates of this machine are kept: ``$SESTON_RATES``, else in the user's cache."""
    given = os.environ.get("SESTON_RATES")
    if given:
        return Path(given)
    cache = os.environ.get("SESTON_CACHE")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    return (Path(cache) if cache else home / "seston") / "rates.json"


def find_rates(wanted: str | None = None) -> Rates:
    """Give the rates of a file, or those of this machine; where there are none, the shipped ones.

    Parameters
    ----------
    wanted : str, optional
        A file, or ``shipped``.

    Raises
    ------
    InputError
        The file is missing or damaged.
    """
    if wanted == SHIPPED or (wanted is None and not rates_file().exists()):
        return _shipped()
    return read_rates(Path(wanted) if wanted else rates_file())


def read_rates(path: Path) -> Rates:
    """Read what `seston calibrate` has written.

    Raises
    ------
    InputError
        The file is missing or damaged.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"no rates can be read: {error}", where=path, cure="Run `seston calibrate`."
        ) from None
    return _parsed(text, str(path))


def _shipped() -> Rates:
    text = (resources.files("seston") / "forecast" / "rates-default.json").read_text("utf-8")
    return _parsed(text, SHIPPED)


def _parsed(text: str, source: str) -> Rates:
    try:
        said = json.loads(text)
        found = {n: _spread(v) for n, v in said["rates"].items() if n in RATES and v is not None}
        missing = [name for name in RATES if name not in found and name not in OPTIONAL]
        if missing:
            raise ValueError(f"`{missing[0]}` is missing")
        facts = {key: said[key] for key in ("machine", "versions", "date", "notes")}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"these are no rates: {error}", where=source, cure="Run `seston calibrate` again."
        ) from None
    return Rates(found, source=source, **facts)


def _spread(said: Mapping[str, float]) -> Spread:
    spread = Spread(*(float(said[key]) for key in ("low", "middle", "high")))
    if not 0 < spread.low <= spread.middle <= spread.high < float("inf"):
        raise ValueError(f"limits {spread.low:g}, {spread.middle:g}, {spread.high:g}")
    return spread
