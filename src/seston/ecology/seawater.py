"""Properties of sea water that follow from what was measured (TEOS-10)."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seston.variables import PROFILES

Float = NDArray[np.float64]

#: umol of oxygen in one millilitre of the gas at standard conditions.
UMOL_PER_ML = 44.6608

_CELL = ("profile", "depth")


def add_seawater(profiles: xr.Dataset) -> xr.Dataset:
    """Add absolute salinity, conservative temperature, density, stability and oxygen state.

    Parameters
    ----------
    profiles : Dataset
        temperature (degree_C, in situ), salinity (practical) and oxygen (umol kg-1) by
        (profile, depth); latitude and longitude by profile; depth (m, positive down).

    Returns
    -------
    Dataset
        With absolute_salinity, conservative_temperature, sigma0, buoyancy_frequency_squared,
        oxygen_solubility, apparent_oxygen_utilization and spiciness0 by (profile, depth).

    References
    ----------
    IOC, SCOR and IAPSO (2010). The international thermodynamic equation of seawater - 2010,
    Manuals and Guides 56; computed by GSW-Python.
    """
    import gsw

    lat, lon = (profiles[n].to_numpy()[:, None] for n in ("latitude", "longitude"))
    t, sp, oxygen = (
        profiles[n].to_numpy().astype(np.float64) for n in ("temperature", "salinity", "oxygen")
    )
    pressure = gsw.p_from_z(-profiles["depth"].to_numpy()[None, :], lat)
    sa = gsw.SA_from_SP(sp, pressure, lon, lat)
    ct = gsw.CT_from_t(sa, t, pressure)
    solubility = gsw.O2sol(sa, ct, pressure, lon, lat)
    derived = {
        "absolute_salinity": sa,
        "conservative_temperature": ct,
        "sigma0": gsw.sigma0(sa, ct),
        "buoyancy_frequency_squared": stability(sa, ct, pressure, lat),
        "oxygen_solubility": solubility,
        "apparent_oxygen_utilization": solubility - oxygen,
        "spiciness0": gsw.spiciness0(sa, ct),
    }
    return profiles.assign(
        {n: (_CELL, v.astype(PROFILES[n].dtype), PROFILES[n].attrs) for n, v in derived.items()}
    )


def stability(sa: Float, ct: Float, pressure: Float, latitude: Float) -> Float:
    """Squared buoyancy frequency in each bin: between its neighbours, s-2.

    gsw gives it between two depths; a bin takes the mean of the values above and below it,
    and the only one at the ends.

    Parameters
    ----------
    sa, ct, pressure : array (profile, depth)
        Absolute salinity (g/kg), conservative temperature (degree_C), sea pressure (dbar).
    latitude : array (profile, 1), degrees north
    """
    import gsw

    bins = np.full(sa.shape, np.nan)
    if sa.shape[0] == 0 or sa.shape[1] < 2:
        return bins
    between, _ = gsw.Nsquared(sa, ct, pressure, np.broadcast_to(latitude, sa.shape), axis=1)
    padded = np.pad(between, ((0, 0), (1, 1)), constant_values=np.nan)
    pairs = np.stack([padded[:, :-1], padded[:, 1:]])
    known = np.isfinite(pairs).sum(axis=0)
    np.divide(np.nansum(pairs, axis=0), known, out=bins, where=known > 0)
    return bins


def umol_per_kg(oxygen_ml_per_l: Float, sigma0: Float) -> Float:
    """Convert oxygen from ml/l to umol/kg with the potential density anomaly (kg m-3)."""
    return oxygen_ml_per_l * UMOL_PER_ML * 1000 / (sigma0 + 1000)
