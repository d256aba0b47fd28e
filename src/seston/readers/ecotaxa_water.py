"""How much water the objects of an EcoTaxa table stand for.

Nets (ZooScan and other scanners): ``sample_tot_vol`` is the water filtered, m3, ``acq_sub_part``
the inverse of the fraction of the catch that was looked at. Fractions of one haul are acquisitions
of one sample: their numbers add up, the water counts once.

PlanktoScope: of ``sample_concentrated_sample_volume`` (mL), to which ``sample_total_volume`` of sea
water had been concentrated and which was then thinned ``sample_dilution_factor`` times,
``acq_imaged_volume`` (mL) was looked at: an object stands for concentrated x dilution / imaged
individuals. Acquisitions of one sample with the same meshes are repeats: what they imaged is added.
(Most formulas in use multiply by the dilution factor, as its name says; one published set of
scripts divides by it.)
``sample_total_volume`` is litres or m3, by the version of the software: a table that has a number
over 5000 is of litres throughout; else litres are taken too, and that is said.

UVP: the water of a depth depends on how many images were taken there, with and without objects.
An EcoTaxa table does not tell it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.readers.ecotaxa_cells import Float, is_planktoscope, is_uvp, number

_M3_PER_L = 1e-3
#: No net of a PlanktoScope filters so many m3; numbers above are litres.
MOST_M3 = 5000.0
#: ZooProcess writes so where nothing is known.
_UNKNOWN = (9999.0, 99999.0, 999999.0)
_UVP = ("an EcoTaxa table of a UVP does not tell the water of each depth: read the UVP's own "
        "project folder, or the tables that EcoPart exports")  # fmt: skip
LITRES = "sample_total_volume is taken as litres: its unit differs by version of the software"
_NO_NET = "sample_tot_vol (m3 filtered) is not told"
_NO_SCOPE = "sample_total_volume is not told"
#: Problems that a volume in campaigns.csv solves.
NO_TOTAL = (_NO_NET, _NO_SCOPE)
_NO_PART = "acq_sub_part, the inverse of the fraction looked at, is not told"
_BAD_PART = "acq_sub_part is below 1: it must be the inverse of the fraction looked at"
_UNLIKE = "sample_tot_vol differs between the fractions of the sample"


@dataclass(slots=True)
class Water:
    """What each frame stands for.

    Parameters
    ----------
    volume : array (frame), float64, m3
        Water that the sample is of, in the first of its frames, 0 in the others; NaN where it is
        not known.
    factor : array (frame), float64
        Individuals in the sample for each one that was imaged.
    problem : array (frame), str
        Why it is not known, or what was assumed.
    """

    volume: Float
    factor: Float
    problem: NDArray[np.object_]


def water(frames: pd.DataFrame) -> Water:
    """Give the water of each frame.

    Parameters
    ----------
    frames : DataFrame
        A row for each frame, in order, with the shared columns of the table, and ``sample_id`` and
        ``acq_id`` as text.
    """
    scope, uvp = is_planktoscope(frames), is_uvp(frames)
    if "acq_imaged_volume" in frames and "sample_tot_vol" not in frames:
        scope |= np.isfinite(_told(frames, "sample_total_volume"))
    found = _of_nets(frames)
    _take(found, _of_planktoscope(frames), scope)
    nothing = np.full(len(frames), np.nan)
    never = Water(nothing, np.ones(len(frames)), _texts(len(frames), _UVP))
    _take(found, never, uvp & np.isnan(found.volume))
    _share(found, frames)
    return found


def _take(found: Water, other: Water, rows: NDArray[np.bool_]) -> None:
    for name in ("volume", "factor", "problem"):
        getattr(found, name)[rows] = getattr(other, name)[rows]


def _texts(count: int, text: str = "") -> NDArray[np.object_]:
    return np.full(count, text, object)


def _told(frames: pd.DataFrame, name: str) -> Float:
    """Give a column's numbers, NaN where they are not above 0 or stand for nothing."""
    if name not in frames:
        return np.full(len(frames), np.nan)
    value = number(frames[name])
    return np.where((value > 0) & ~np.isin(value, _UNKNOWN), value, np.nan)


def _of_nets(frames: pd.DataFrame) -> Water:
    volume, part = _told(frames, "sample_tot_vol"), _told(frames, "acq_sub_part")
    problem = _texts(len(frames))
    problem[np.isnan(part)] = _NO_PART
    problem[part < 1] = _BAD_PART
    problem[np.isnan(volume)] = _NO_NET
    volume[~(part >= 1)] = np.nan
    return Water(volume, np.where(part >= 1, part, 1.0), problem)


def _of_planktoscope(frames: pd.DataFrame) -> Water:
    total = _told(frames, "sample_total_volume")
    concentrated = _told(frames, "sample_concentrated_sample_volume")
    dilution = _told(frames, "sample_dilution_factor")
    imaged = _imaged_together(frames)
    factor = concentrated * np.where(np.isnan(dilution), 1.0, dilution) / imaged
    volume = np.where(np.isfinite(factor), total * _M3_PER_L, np.nan)
    sure = bool((total > MOST_M3).any())
    problem = _texts(len(frames), "" if sure else LITRES)
    problem[np.isnan(total)] = _NO_SCOPE
    problem[np.isnan(concentrated)] = "sample_concentrated_sample_volume (mL) is not told"
    problem[np.isnan(imaged)] = "acq_imaged_volume (mL) is not told"
    return Water(volume, np.where(np.isfinite(factor), factor, 1.0), problem)


def _imaged_together(frames: pd.DataFrame) -> Float:
    """Add up what the acquisitions of a sample imaged that had the same meshes, mL."""
    meshes = [n for n in ("acq_minimum_mesh", "acq_maximum_mesh") if n in frames]
    keys = frames[["sample_id", "acq_id", *meshes]].astype(str)
    keys["imaged"] = _told(frames, "acq_imaged_volume")
    once = keys.drop_duplicates(["sample_id", "acq_id"])
    by = ["sample_id", *meshes]
    sums = once.groupby(by)["imaged"].sum(min_count=1).rename("sum").reset_index()
    return keys.merge(sums, "left", on=by)["sum"].to_numpy(np.float64)


def _share(found: Water, frames: pd.DataFrame) -> None:
    """Let the water of a sample count once, and not at all where a part of it is not known."""
    name, acquisition = (frames[n].astype(str) for n in ("sample_id", "acq_id"))
    sample = name.where(name != "", "\0" + acquisition).to_numpy()
    groups = pd.Series(found.volume).groupby(sample)
    unlike = (groups.transform("max") > groups.transform("min") * 1.001).to_numpy()
    partly = (groups.transform("count") < groups.transform("size")).to_numpy()
    plain = found.problem == ""
    found.problem[unlike & plain] = _UNLIKE
    found.problem[partly & ~np.isnan(found.volume)] = "the water of another fraction is not known"
    found.volume[unlike | partly] = np.nan
    later = pd.Series(sample).duplicated().to_numpy()
    found.volume[later & np.isfinite(found.volume)] = 0.0
