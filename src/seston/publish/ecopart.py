"""EcoPart's tables: particles by size, and objects that people sorted, by depth or hour.

Names of columns, units and the form of numbers are EcoPart's own: particles per litre, organisms
per cubic metre, cubic millimetres per litre; latin-1, tabs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from seston.ecology.particles import coarsen_size_classes

Float = NDArray[np.float64]

_CTD = (
    "chloro fluo [mg chl m-3]", "conductivity [ms cm-1]", "cpar [%]", "depth [m]",
    "fcdom [ppb qse]", "in situ density anomaly [kg m-3]", "nitrate [umol l-1]",
    "oxygen [umol kg-1]", "oxygen [ml l-1]", "par [umol m-2 s-1]",
    "potential density anomaly [kg m-3]", "potential temperature [degc]",
    "practical salinity [psu]", "pressure [db]", "qc flag", "spar [umol m-2 s-1]",
    "temperature [degc]",
)  # fmt: skip
_EXTRA = 20
_LEVELS = 15
#: Limits of the layers of the reduced tables of plankton, m.
_LAYERS = np.array([
    0, 25, 50, 75, 100, 125, 150, 200, 250, 300, 350, 400, 450, 500, 600, 700, 800, 900,
    *range(1000, 6001, 250), *range(7000, 15001, 1000), 20000, 50000,
], np.float64)  # fmt: skip
_SUMMARY = (
    "profile\tCruise\tSite\tDataOwner\tRawfilename\tInstrument\tCTDrosettefilename\t"
    "yyyy-mm-dd hh:mm\tLatitude \tLongitude\taa\texp\tPixel size\tParticle filename\t"
    "Plankton filename\tProject"
)
_HEAD = ("Profile", "Rawfilename", "yyyy-mm-dd hh:mm", "Depth [m]", "Sampled volume [L]")
_KINDS = {"detailed": 1, "reduced": 3}


def write_tables(
    particles: xr.Dataset, folder: Path, objects: pd.DataFrame | None = None, stamp: str = ""
) -> None:
    """Write the detailed and the reduced tables of all samples, and their summaries.

    Parameters
    ----------
    particles : Dataset
        A particles dataset.
    folder : Path
        Exists.
    objects : DataFrame, optional
        Objects that people sorted: ``deployment``, ``sample``, ``taxon`` (with ``>`` between
        its levels), ``depth`` (m) and ``diameter_mm``.
    stamp : str
        Follows ``export_detailed`` in the names of files; EcoPart writes the time there.
    """
    for kind, by in _KINDS.items():
        base = f"export_{kind}{'_' if stamp else ''}{stamp}"
        table = coarsen_size_classes(particles, by) if by > 1 else particles
        summary = [_SUMMARY]
        taxa = _taxa([] if objects is None else sorted(set(objects["taxon"])), kind)
        for name, rows in _samples(table).items():
            mine = table.isel(profile=rows)
            par = f"{base}_PAR_{_safe(name)}.tsv"
            _write(folder / par, _particle_lines(mine))
            zoo = _zoo_lines(mine, objects, taxa, kind)
            zoo_name = f"{base}_ZOO_{_safe(name)}.tsv" if zoo else "no data available"
            if zoo:
                _write(folder / zoo_name, zoo)
            summary.append(_summary_line(mine, par, zoo_name))
        _write(folder / f"{base}_Export_metadata_summary.tsv", summary)


def _samples(table: xr.Dataset) -> dict[str, NDArray[np.int64]]:
    """Profiles of each sample, by name; with the deployment's where two have a sample of a name."""
    pairs = list(zip(table["deployment"].to_numpy(), table["sample"].to_numpy(), strict=True))
    unique = sorted(set(pairs), key=lambda pair: (pair[1], pair[0]))
    names = [sample for _, sample in unique]
    return {
        str(sample if names.count(sample) == 1 else f"{deployment}_{sample}"): np.flatnonzero(
            [pair == (deployment, sample) for pair in pairs]
        )
        for deployment, sample in unique
    }


def _write(path: Path, lines: Sequence[str]) -> None:
    data = "".join(f"{line}\n" for line in lines).encode("latin-1", "replace")
    path.write_bytes(data)


def _safe(sample: str) -> str:
    return "".join(c if c.isalnum() or c in "-_.+" else "_" for c in sample) or "_"


def _stored(value: float) -> str:
    """Write a number as EcoPart's database gives it: 15 digits; nothing for NaN."""
    return "" if not np.isfinite(value) else repr(float(f"{value:.15g}"))


def _number(value: float) -> str:
    return "" if not np.isfinite(value) else repr(float(value))


def class_name(lower_mm: float, upper_mm: float) -> str:
    """Name a size class as EcoPart does: micrometres below 1 mm, the last class open.

    Examples
    --------
    >>> class_name(0.001, 0.00126), class_name(0.813, 1.02), class_name(26, float("inf"))
    ('1-1.26 µm', '0.813-1.02 mm', '>26 mm')
    """
    if not np.isfinite(upper_mm):
        return f">{lower_mm:g} mm"
    if upper_mm < 1:
        return f"{lower_mm * 1000:.6g}-{upper_mm * 1000:.6g} µm"
    return f"{lower_mm:g}-{upper_mm:g} mm"


def _particle_lines(mine: xr.Dataset) -> list[str]:
    names = [class_name(*map(float, limits)) for limits in mine["size_class_bounds"].to_numpy()]
    header = [
        *_HEAD, *(f"LPM ({n}) [# l-1]" for n in names),
        *(f"LPM biovolume ({n}) [mm3 l-1]" for n in names),
        *_CTD, *(f"extrames{i:02d}" for i in range(1, _EXTRA + 1)),
    ]  # fmt: skip
    lines = ["\t".join(header)]
    count, biovolume = mine["count"].to_numpy(), mine["biovolume"].to_numpy()
    volume, series = mine["imaged_volume"].to_numpy(), _series(mine)
    when, ctd = mine["cell_time"].to_numpy(), _ctd(mine)
    cells = [(p, d) for p, d in np.argwhere(volume > 0)]
    for p, d in sorted(cells, key=lambda c: (_order(when[c[0], c[1]]), c[1])):
        litres = float(f"{volume[p, d] * 1000:.15g}")
        time = when[p, d] if not np.isnat(when[p, d]) else mine["sample_time"].to_numpy()[p]
        depth = float(mine["mean_depth"][p, d] if series else mine["depth"][d])
        values = [
            *_who(mine), _clock(time), _number(depth), _stored(litres),
            *(_number(n / litres) for n in count[p, d]),
            *(_stored(b / 1000) for b in biovolume[p, d]),
            *(_ctd_number(name, x) for name, x in zip(ctd[0], ctd[1][p, d], strict=True)),
        ]  # fmt: skip
        lines.append("\t".join(values))
    return lines


def _order(time: np.datetime64) -> int:
    return 0 if np.isnat(time) else int(time.astype("datetime64[s]").astype(np.int64))


def _series(mine: xr.Dataset) -> bool:
    return bool((mine["sample_type"] == "time").any())


def _text(mine: xr.Dataset, name: str) -> str:
    return " ".join(str(mine[name].to_numpy()[0]).split())


def _who(mine: xr.Dataset) -> list[str]:
    return [_text(mine, "sample"), f"HDR{_text(mine, 'raw_file')}"]


def _clock(time: np.datetime64) -> str:
    return "" if np.isnat(time) else f"{pd.Timestamp(time):%Y-%m-%d %H:%M:%S}"


def _ctd(mine: xr.Dataset) -> tuple[list[str], Float]:
    """Means of the CTD: EcoPart's own columns, then what else this sample's file tells."""
    shape = mine["imaged_volume"].shape
    values = np.full((*shape, len(_CTD) + _EXTRA), np.nan)
    names = [*_CTD, *[""] * _EXTRA]
    if "ctd" not in mine:
        return names, values
    known = [str(n) for n in mine["ctd_column"].to_numpy()]
    means = mine["ctd"].to_numpy()
    extra = [n for n in _extra_columns(mine, known) if n not in _CTD][:_EXTRA]
    for column, name in enumerate([*_CTD, *extra]):
        if name in known:
            values[..., column] = means[..., known.index(name)]
            names[column] = name
    return names, values


def _extra_columns(mine: xr.Dataset, known: Sequence[str]) -> list[str]:
    """Columns of this sample's own file, in their order: the dataset joins those of all."""
    own = str(mine["ctd_columns"].to_numpy()[0]).split(" | ")
    return [name for name in own if name in known]


def _ctd_number(name: str, value: float) -> str:
    if name == "qc flag" and value == 0:
        return "0E-20"  # how its database writes a mean of whole numbers
    return _stored(value)


def _summary_line(mine: xr.Dataset, par: str, zoo: str) -> str:
    place = [_number(float(mine[n][0])) for n in ("latitude", "longitude")]
    size = [
        _stored(float(mine[n][0]))
        for n in ("calibration_area", "calibration_exponent", "pixel_size")
    ]
    return "\t".join([
        _text(mine, "sample"), _text(mine, "cruise"), _text(mine, "station"),
        _text(mine, "owner"), _who(mine)[1], _text(mine, "instrument"), _text(mine, "ctd_file"),
        _clock(mine["sample_time"].to_numpy()[0]), *place, *size, par, zoo,
        _text(mine, "project"),
    ])  # fmt: skip


# ------------------------------------------------------------------------ objects of people
def _taxa(labels: Sequence[str], kind: str) -> list[str]:
    """Columns of taxa: of the detailed tables the levels above too, of the reduced none."""
    if kind == "reduced":
        return sorted(labels, key=_from_the_root)
    return sorted({level for taxon in labels for level in _levels(taxon)})


def _levels(taxon: str) -> list[str]:
    """Give a taxon and all that it is part of, from the root."""
    names = taxon.split(">")
    return [">".join(names[: i + 1]) for i in range(len(names))]


def _from_the_root(taxon: str) -> list[tuple[int, str]]:
    """Order of the reduced tables: by the highest of 15 levels, and what has none last."""
    names = taxon.split(">")[::-1]
    levels = [(0, names[i]) if i < len(names) else (1, "") for i in range(_LEVELS)]
    return levels[::-1]


def _zoo_lines(
    mine: xr.Dataset, objects: pd.DataFrame | None, taxa: Sequence[str], kind: str
) -> list[str]:
    """Lines of the table of plankton of a cast; none of a time series or where none was sorted."""
    if objects is None or _series(mine):
        return []
    own = objects[(objects["sample"] == _text(mine, "sample")) & objects["depth"].notna()]
    if "deployment" in own:
        own = own[own["deployment"] == _text(mine, "deployment")]
    if own.empty:
        return []
    detailed = _by_bin(own, mine)
    rows = detailed if kind == "detailed" else _by_layer(detailed)
    water = _water(mine, kind)
    header = [
        *_HEAD, *(f"{t} [# m-3]" for t in taxa), *(f"{t} biovolume [mm3 l-1]" for t in taxa),
        *(f"{t} avgesd [mm]" for t in taxa),
    ]  # fmt: skip
    lines = ["\t".join(header)]
    start = _clock(mine["sample_time"].to_numpy()[0])
    biovolume = bool(np.isfinite(mine["biovolume"].to_numpy()).any())
    for middle, cell in rows.groupby("middle", sort=True):
        litres = float(f"{water.get(float(str(middle)), np.nan):.15g}")
        shown = _with_parents(cell) if kind == "detailed" else cell.set_index("taxon")
        head = [*_who(mine), start, _number(float(str(middle))), _stored(litres)]
        lines.append("\t".join([*head, *_taxon_values(shown, taxa, litres, biovolume)]))
    return lines


def _by_bin(own: pd.DataFrame, mine: xr.Dataset) -> pd.DataFrame:
    size = float(np.diff(mine["depth_bounds"].to_numpy()[0])[0])
    table = pd.DataFrame({
        "taxon": own["taxon"], "middle": (np.maximum(own["depth"], 0) // size + 0.5) * size,
        "diameter": own["diameter_mm"], "volume": (own["diameter_mm"] / 2) ** 3 * 4 * np.pi / 3,
    })  # fmt: skip
    grouped = table.groupby(["middle", "taxon"])
    return pd.DataFrame({
        "number": grouped["diameter"].count(), "esd": grouped["diameter"].mean(),
        "volume": grouped["volume"].sum(),
    }).reset_index()  # fmt: skip


def _by_layer(detailed: pd.DataFrame) -> pd.DataFrame:
    table = detailed.assign(middle=_layer(detailed["middle"].to_numpy(np.float64)))
    grouped = table.groupby(["middle", "taxon"])
    return grouped.agg({"number": "sum", "esd": "mean", "volume": "sum"}).reset_index()


def _layer(depth: Float) -> Float:
    at = np.clip(np.searchsorted(_LAYERS, depth, side="right") - 1, 0, len(_LAYERS) - 2)
    return np.asarray((_LAYERS[at] + _LAYERS[at + 1]) / 2, np.float64)


def _water(mine: xr.Dataset, kind: str) -> Mapping[float, float]:
    """Litres of each bin or layer."""
    litres = pd.Series(mine["imaged_volume"].to_numpy().sum(axis=0) * 1000)
    depth = mine["depth"].to_numpy().astype(np.float64)
    middle = depth if kind == "detailed" else _layer(depth)
    of_bin = litres[litres > 0].groupby(middle[litres > 0]).sum()
    return {float(str(k)): float(v) for k, v in of_bin.items()}


def _with_parents(cell: pd.DataFrame) -> pd.DataFrame:
    """Add to each taxon what lies below it: numbers and volumes summed, diameters of taxa meant."""
    rows = [
        {"taxon": level, "number": n, "esd": e, "volume": v}
        for taxon, n, e, v in zip(*(cell[c] for c in ("taxon", "number", "esd", "volume")),
                                  strict=True)
        for level in _levels(taxon)
    ]  # fmt: skip
    grouped = pd.DataFrame(rows).groupby("taxon")
    return grouped.agg({"number": "sum", "esd": "mean", "volume": "sum"})


def _taxon_values(
    shown: pd.DataFrame, taxa: Sequence[str], litres: float, biovolume: bool
) -> list[str]:
    table = shown.reindex(list(taxa))
    number, volume = table["number"].fillna(0), table["volume"].fillna(0)
    known = np.isfinite(litres) and litres > 0
    values = [_zero(1000 * n / litres) if known else "" for n in number]
    if biovolume:
        values += [_zero(float(f"{v:.15g}") / litres) if known else "" for v in volume]
    else:
        values += [""] * len(taxa)
    return [*values, *(_stored(e) for e in table["esd"])]


def _zero(value: float) -> str:
    return "0" if value == 0 else _number(value)
