"""The table of taxa: what the labels of people and models stand for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from seston.cells import read_cells
from seston.errors import ConfigError

log = logging.getLogger(__name__)

#: Columns that the table may have, besides ``label``.
COLUMNS = ("name", "aphia_id", "plankton", "carbon_mg_mm3", "lineage", "group")
#: Between the levels of a lineage, from the root: as in EcoTaxa.
LEVELS = ">"
#: EcoTaxa's roots of what lives and of what does not; folders are often called so too.
LIVING, NOT_LIVING = "living", "not-living"
_CURE = f"Its columns are: label, and as needed {', '.join(COLUMNS)}; one row a label."


@dataclass(frozen=True, slots=True)
class Taxon:
    """What is known of a taxon, whatever it is called.

    Parameters
    ----------
    name : str
        Scientific name, or what stands for one.
    aphia_id : int, optional
        Its number in WoRMS.
    lineage : tuple of str
        Names of what it belongs to, from the root, without itself.
    plankton : bool, optional
        Whether it lives: detritus and artefacts do not. None where nobody tells.
    group : str
        Coarse group for summaries; its own name where none is told.
    """

    name: str
    aphia_id: int | None = None
    lineage: tuple[str, ...] = ()
    plankton: bool | None = None
    group: str = ""

    def __post_init__(self) -> None:
        if not self.group:
            object.__setattr__(self, "group", self.name)


def lives(lineage: Iterable[str]) -> bool | None:
    """Say what a lineage tells of whether a taxon lives: by levels called living or not-living.

    Returns
    -------
    bool, optional
        None where no level is called so; False where one is "not-living", whatever the others.

    Examples
    --------
    >>> lives(["living", "Chromista"]), lives(["nest", "Not living", "bubble"]), lives(["disc"])
    (True, False, None)
    """
    levels = {level.strip().lower().replace("_", "-").replace(" ", "-") for level in lineage}
    if NOT_LIVING in levels:
        return False
    return True if LIVING in levels else None


@dataclass(frozen=True)
class Taxonomy:
    """A table of taxa.

    Parameters
    ----------
    table : DataFrame
        By ``label``: name (str, empty where the label is to be left out), aphia_id, plankton,
        carbon_mg_mm3 (float, NaN where not told), lineage, group (str).
    where : str
        File that it was read from, for messages.
    """

    table: pd.DataFrame = field(default_factory=lambda: _typed(_empty()))
    where: str = ""

    def name_of(self, label: str) -> str:
        """Name the taxon that a label stands for.

        Returns
        -------
        str
            Empty where the table says to leave the label out; the label itself where the table
            does not have it.
        """
        return self._names.get(label, label)

    def taxon(self, name: str) -> Taxon:
        """Give what is known of a taxon; nothing but its name where the table does not have it."""
        return self._taxa.get(name) or Taxon(name)

    def rows(self, labels: list[str]) -> pd.DataFrame:
        """Give the rows of labels; of one that is the name of a taxon, the taxon's first row.

        Returns
        -------
        DataFrame
            By `labels`, in their order; all NaN where the table has neither.
        """
        by_name = self.table.reset_index().drop_duplicates("name").set_index("name")["label"]
        known = [one if one in self.table.index else by_name.get(one, one) for one in labels]
        found = self.table.reindex(known)
        return found.set_axis(pd.Index(labels, name="label"), axis=0)

    def check_used(self, labels: Collection[str], source: str | Path) -> None:
        """Say which rows are of no label of a source, nor of a taxon that is called so.

        Raises
        ------
        ConfigError
            All are: nothing of the table would count.
        """
        both = zip(self.table.index, self.table["name"], strict=True)
        idle = [label for label, name in both if label not in labels and name not in labels]
        if not idle:
            return
        if len(idle) == len(self.table):
            raise ConfigError(
                f"none of its {len(idle)} labels is in {source}",
                where=self.where or None,
                cure=f"Labels there are such as {', '.join(sorted(labels)[:3])}.",
            )
        log.warning(
            "%s: %d of %d labels are not in %s: %s%s",
            self.where or "table of taxa", len(idle), len(self.table), source,
            ", ".join(idle[:5]), ", ..." * (len(idle) > 5),
        )  # fmt: skip

    @cached_property
    def _names(self) -> Mapping[str, str]:
        return dict(zip(self.table.index, self.table["name"], strict=True))

    @cached_property
    def _taxa(self) -> Mapping[str, Taxon]:
        named = self.table[self.table["name"] != ""]
        return {str(name): _taxon(str(name), rows) for name, rows in named.groupby("name")}


def read_taxonomy(path: Path | None) -> Taxonomy:
    """Read a table of taxa.

    Parameters
    ----------
    path : Path, optional
        CSV with the column ``label``, and any of ``name`` (no such column: the label itself; an
        empty cell: objects of this label are left out of learning), ``aphia_id``, ``plankton``
        (1 or 0; empty: as the lineage has it, with a level "living" or "not-living", else not
        told), ``carbon_mg_mm3``, ``lineage`` (levels from the root, parted by ``>``)
        and ``group``. Labels of one name are one taxon. No path: an empty table.

    Raises
    ------
    ConfigError
        It cannot be read, has no column ``label`` or one that is not known, has a label twice, a
        cell that is no number or has no column, or tells two things of one taxon.
    """
    if path is None:
        return Taxonomy()
    try:
        text = Path(path).read_text("utf-8-sig")
        table = read_cells(text)
    except (OSError, ValueError) as error:  # not UTF-8 and not CSV are ValueErrors
        raise ConfigError(f"cannot be read ({error})", where=path, cure=_CURE) from None
    if unknown := [name for name in table if name not in ("label", *COLUMNS)]:
        raise ConfigError(f"has a column {unknown[0]!r} that means nothing", where=path, cure=_CURE)
    _check_labels(table, path)
    taxonomy = Taxonomy(_typed(table, path), str(path))
    for name in ("aphia_id", "plankton", "lineage", "group"):
        _check_told_once(taxonomy.table, name, path)
    return taxonomy


def _empty() -> pd.DataFrame:
    return pd.DataFrame(columns=pd.Index(["label"]), dtype=str)


def _check_labels(table: pd.DataFrame, path: Path) -> None:
    if "label" not in table:
        raise ConfigError("lacks the column 'label'", where=path, cure=_CURE)
    label = table["label"].fillna("").str.strip()
    if (label == "").any():
        row = int((label == "").argmax()) + 2
        raise ConfigError(f"line {row} has no label", where=path, cure=_CURE)
    if label.duplicated().any():
        twice = label[label.duplicated()].iloc[0]
        raise ConfigError(f"has a label twice: {twice!r}", where=path, cure=_CURE)


def _typed(table: pd.DataFrame, path: Path | None = None) -> pd.DataFrame:
    """Give the columns of `Taxonomy.table`."""
    text = {name: table[name].fillna("").str.strip() for name in table}
    nothing = pd.Series("", table.index, dtype=object)
    found = pd.DataFrame({"label": text["label"], "name": text.get("name", text["label"])})
    for name, good in _NUMBERS.items():
        found[name] = _numbers(text.get(name, nothing), good, text["label"], path)
    for name in ("lineage", "group"):
        found[name] = text.get(name, nothing)
    found["lineage"] = [LEVELS.join(_levels(cell)) for cell in found["lineage"]]
    alive = pd.Series([lives(_levels(cell)) for cell in found["lineage"]], found.index, dtype=float)
    found["plankton"] = found["plankton"].fillna(alive)
    return found.set_index("label")


_NUMBERS: Mapping[str, Callable[[float], bool]] = {
    "aphia_id": lambda number: number > 0 and number.is_integer(),
    "plankton": lambda number: number in (0, 1),
    "carbon_mg_mm3": lambda number: number >= 0,
}


def _numbers(
    cells: pd.Series[str], good: Callable[[float], bool], label: pd.Series[str], path: Path | None
) -> pd.Series[float]:
    values = pd.to_numeric(cells, errors="coerce").astype(float)
    wrong = [
        cell != "" and not (np.isfinite(v) and good(v))
        for cell, v in zip(cells, values, strict=True)
    ]
    if any(wrong):
        row = wrong.index(True)
        what = f"`{cells.name}` of {label.iloc[row]!r} is wrong: {cells.iloc[row]!r}"
        cure = "Numbers of WoRMS are whole, plankton is 1 or 0. Correct it, or leave it empty."
        raise ConfigError(what, where=path, cure=cure)
    return values


def _levels(cell: str) -> tuple[str, ...]:
    return tuple(level.strip() for level in cell.split(LEVELS) if level.strip())


def _check_told_once(table: pd.DataFrame, column: str, path: Path) -> None:
    """Refuse two facts of one taxon; what one of its rows does not tell, another may."""
    told = table[(table["name"] != "") & table[column].notna() & (table[column] != "")]
    facts = told.groupby("name")[column].nunique()
    if (facts > 1).any():
        name = facts.index[facts > 1][0]
        both = ", ".join(str(value) for value in told.loc[told["name"] == name, column].unique())
        what = f"tells two things of {name!r}: `{column}` is {both}"
        raise ConfigError(what, where=path, cure="Labels of one name are one taxon: say it once.")


def _taxon(name: str, rows: pd.DataFrame) -> Taxon:
    def first(column: str) -> object:
        told = rows[column][rows[column].notna() & (rows[column] != "")]
        return told.iloc[0] if len(told) else None

    number, plankton = first("aphia_id"), first("plankton")
    return Taxon(
        name,
        aphia_id=None if number is None else int(float(str(number))),
        lineage=_levels(str(first("lineage") or "")),
        plankton=None if plankton is None else bool(plankton),
        group=str(first("group") or ""),
    )
