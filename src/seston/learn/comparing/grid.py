"""How deep is enough? A grid of data sets, networks, heads and seeds, one cell each.

The question, and the layout of the answer, are those of Panaiotis et al. (2026), Earth System
Science Data 18, 945-967, doi:10.5194/essd-18-945-2026.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from seston.config import HeadName, Strict, explain
from seston.errors import ConfigError

log = logging.getLogger(__name__)

GRIDS = ("quick", "full")
MEASURED = "measured"
"""In the place of a network: the features that were measured on the objects."""


class Data(Strict):
    """One learning set of the grid."""

    path: Path | None = Field(None, description="as `seston train --images` takes it")
    at_most: int | None = Field(None, ge=2, description="vignettes of a class; all if absent")
    not_plankton: tuple[str, ...] = Field(
        (), description="labels that are no plankton; * stands for any"
    )


class Network(Strict):
    """A backbone at one size of picture, as it comes."""

    backbone: str
    weights: str
    image_size: int = Field(ge=32, le=512)

    @property
    def name(self) -> str:
        """Name in cells and tables."""
        return f"{self.backbone}@{self.image_size}"


class FineTuned(Network):
    """A backbone that learns with its head."""

    head: HeadName
    epochs: int = Field(ge=1)


class Grid(Strict):
    """What is compared."""

    data: dict[str, Data]
    networks: tuple[Network, ...] = ()
    heads: tuple[HeadName, ...] = ()
    measured_heads: tuple[HeadName, ...] = ()
    fine_tuned: tuple[FineTuned, ...] = ()
    seeds: tuple[int, ...] = (0, 1, 2)
    hourly_price: float | None = Field(
        None, gt=0, description="of this machine, in any currency: the tables tell costs"
    )

    def cells(self) -> Iterator[Cell]:
        """Name all cells, cheap ones first."""
        for seed, data in product(self.seeds, self.data):
            yield from (Cell(data, MEASURED, head, 0, seed) for head in self.measured_heads)
        for network, seed, data in product(self.networks, self.seeds, self.data):
            yield from (Cell(data, network.name, head, 0, seed) for head in self.heads)
        for tuned, seed, data in product(self.fine_tuned, self.seeds, self.data):
            yield Cell(data, tuned.name, tuned.head, tuned.epochs, seed)

    def network(self, name: str) -> Network:
        """Find a network by its name in cells."""
        return next(n for n in (*self.networks, *self.fine_tuned) if n.name == name)

    def settings(self, cell: Cell) -> dict[str, Any]:
        """Give all that a cell hangs on, but for the vignettes: as JSON has it."""
        known = cell.network == MEASURED
        return {
            "cell": asdict(cell),
            "data": self.data[cell.data].model_dump(mode="json", exclude={"path"}),
            "network": None if known else self.network(cell.network).model_dump(mode="json"),
        }

    def cell(self, name: str) -> Cell:
        """Find a cell by its name.

        Raises
        ------
        ConfigError
            The grid has no such cell.
        """
        for cell in self.cells():
            if cell.name == name:
                return cell
        raise ConfigError(
            f"the grid has no cell {name!r}", cure="`seston benchmark --list` names its cells."
        )


@dataclass(frozen=True, slots=True)
class Cell:
    """One model on one learning set with one seed; `epochs` is 0 where the network is frozen."""

    data: str
    network: str
    head: str
    epochs: int
    seed: int

    @property
    def name(self) -> str:
        """Name of its file."""
        how = f"tuned{self.epochs}" if self.epochs else "frozen"
        return f"{self.data}-{self.network}-{self.head}-{how}-seed{self.seed}"

    @property
    def model(self) -> tuple[str, str, int]:
        """What is compared: all but the data and the seed."""
        return self.network, self.head, self.epochs


def load_grid(name_or_path: str, places: Mapping[str, Path]) -> Grid:
    """Read a grid.

    Parameters
    ----------
    name_or_path : str
        ``quick`` or ``full``, or a YAML file.
    places : dict of str to Path
        Where the data sets lie, by name. With any given, those without a place are left out;
        a place of a name that the grid has not adds a data set, and a warning tells so.

    Raises
    ------
    ConfigError
        The file is wrong, or a data set has no place.
    """
    where = _path(name_or_path)
    try:
        grid = Grid.model_validate(_with_places(yaml.safe_load(where.read_text("utf-8")), places))
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=where) from None
    except yaml.YAMLError as error:
        raise ConfigError(f"not YAML: {error}".replace("\n", " "), where=where) from None
    except ValidationError as error:
        raise explain(error, where) from None
    lost = [name for name, data in grid.data.items() if data.path is None]
    if lost or not grid.data:
        what = f"the data set {lost[0]!r} has no path" if lost else "the grid has no data set"
        raise ConfigError(what, where=where, cure="Say where it lies: --data NAME=PATH.")
    return grid


def _path(name_or_path: str) -> Path:
    if name_or_path in GRIDS:
        return Path(str(files("seston.learn.comparing") / "grids" / f"{name_or_path}.yaml"))
    return Path(name_or_path)


def _with_places(raw: Any, places: Mapping[str, Path]) -> Any:  # noqa: ANN401
    if not isinstance(raw, dict) or not isinstance(raw.get("data", {}), dict) or not places:
        return raw
    known = raw.get("data", {})
    if more := sorted(set(places) - set(known)):
        log.warning(
            "the grid does not have %s, but %s: all vignettes are taken, and all taxa are "
            "plankton", ", ".join(more), ", ".join(known) or "no data set",
        )  # fmt: skip
    data = {name: {**(known.get(name) or {}), "path": path} for name, path in places.items()}
    return {**raw, "data": data}
