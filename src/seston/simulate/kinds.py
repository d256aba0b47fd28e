"""The taxa of the simulated sea: name, shape, sizes, carbon, and where each lives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seston.simulate import detritus, organisms
from seston.simulate.ocean import Habitat
from seston.simulate.sketch import Sketch


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of object.

    Parameters
    ----------
    label : str
        Name of its class, as a model learns it.
    name : str
        Scientific name, or plain words for what does not live.
    draw : function
        `(rng, size in mm) -> Sketch`.
    habitat : Habitat
        Concentration in the water.
    length_mm : float, mm
        Median of the longest extent; sizes are log-normal.
    spread : float
        Standard deviation of the logarithm of the size.
    longest_mm : float, mm
        Sizes above are cut to this.
    plankton : bool
        Whether it lives.
    aphia_id : int or None
        WoRMS identifier; None where it is doubtful.
    carbon_mg_mm3 : float or None, mg mm-3
        Carbon in a volume of body.
    """

    label: str
    name: str
    draw: Callable[[np.random.Generator, float], Sketch]
    habitat: Habitat
    length_mm: float
    spread: float = 0.3
    longest_mm: float = 60.0
    plankton: bool = True
    aphia_id: int | None = None
    carbon_mg_mm3: float | None = None

    def size(self, rng: np.random.Generator) -> float:
        """Draw a size, mm."""
        if self.label == "speck":
            return _power_law(rng)
        drawn = self.length_mm * float(np.exp(rng.normal(0, self.spread)))
        return float(np.clip(drawn, 0.5 * self.length_mm, self.longest_mm))


def _power_law(rng: np.random.Generator) -> float:
    """Diameter of a speck, mm: from 4 pixels up, cumulative slope -2.2, at most 1.5 mm."""
    return min(0.14 / float(np.power(1 - rng.random(), 1 / 2.2)), 1.5)


KINDS: tuple[Kind, ...] = (
    Kind(
        label="copepod",
        name="Copepoda",
        draw=organisms.copepod,
        length_mm=2.4,
        aphia_id=1080,
        carbon_mg_mm3=0.0703,
        habitat=Habitat(peak=300, depth_m=42, night_m=16, spread_m=13, front=0.5),
    ),
    Kind(
        label="appendicularian",
        name="Appendicularia",
        draw=organisms.appendicularian,
        length_mm=3.2,
        aphia_id=17446,
        carbon_mg_mm3=0.04766,
        habitat=Habitat(peak=140, depth_m="thermocline", spread_m=8, side=0.4),
    ),
    Kind(
        label="chaetognath",
        name="Chaetognatha",
        draw=organisms.chaetognath,
        length_mm=9.0,
        aphia_id=2081,
        carbon_mg_mm3=0.038934,
        habitat=Habitat(peak=70, depth_m=38, night_m=22, spread_m=11, floor=0.03),
    ),
    Kind(
        label="hydromedusa",
        name="Hydrozoa",
        draw=organisms.hydromedusa,
        length_mm=5.5,
        aphia_id=1337,
        carbon_mg_mm3=0.003914,
        habitat=Habitat(peak=60, depth_m="chlorophyll", spread_m=7, front=1.0),
    ),
    Kind(
        label="ctenophore",
        name="Ctenophora",
        draw=organisms.ctenophore,
        length_mm=24.0,
        spread=0.35,
        longest_mm=50.0,
        aphia_id=1248,
        carbon_mg_mm3=0.0015,
        habitat=Habitat(peak=4, depth_m=30, spread_m=15, side=-0.6),
    ),
    Kind(
        label="siphonophore",
        name="Siphonophorae",
        draw=organisms.siphonophore,
        length_mm=14.0,
        spread=0.35,
        longest_mm=45.0,
        aphia_id=1371,
        carbon_mg_mm3=0.005,
        habitat=Habitat(peak=20, depth_m=46, night_m=30, spread_m=10, side=0.3),
    ),
    Kind(
        label="fish_larva",
        name="Actinopterygii",
        draw=organisms.fish_larva,
        length_mm=7.0,
        aphia_id=10194,
        carbon_mg_mm3=0.079,
        habitat=Habitat(peak=40, depth_m=14, spread_m=8, side=-0.7),
    ),
    Kind(
        label="shrimp",
        name="Decapoda",
        draw=organisms.shrimp,
        length_mm=8.0,
        aphia_id=1130,
        carbon_mg_mm3=0.09515,
        habitat=Habitat(peak=40, depth_m=52, night_m=20, spread_m=10, floor=0.02),
    ),
    Kind(
        label="radiolarian_colony",
        name="Collodaria",
        draw=organisms.radiolarian_colony,
        length_mm=5.5,
        carbon_mg_mm3=0.0010677,
        habitat=Habitat(peak=60, depth_m="thermocline", spread_m=9, side=-0.8),
    ),
    Kind(
        label="acantharian",
        name="Acantharea",
        draw=organisms.acantharian,
        length_mm=1.6,
        spread=0.2,
        carbon_mg_mm3=0.0026,
        habitat=Habitat(peak=120, depth_m=8, spread_m=9),
    ),
    Kind(
        label="trichodesmium",
        name="Trichodesmium",
        draw=organisms.trichodesmium,
        length_mm=2.2,
        carbon_mg_mm3=0.0018,
        habitat=Habitat(peak=130, depth_m=5, spread_m=10, side=-0.9),
    ),
    Kind(
        label="diatom_chain",
        name="Bacillariophyceae",
        draw=organisms.diatom_chain,
        length_mm=4.0,
        aphia_id=148899,
        habitat=Habitat(peak=130, depth_m="chlorophyll", spread_m=6, side=0.7, front=0.8),
    ),
    Kind(
        label="pteropod",
        name="Thecosomata",
        draw=organisms.pteropod,
        length_mm=2.6,
        carbon_mg_mm3=0.0631,
        habitat=Habitat(peak=70, depth_m=34, night_m=10, spread_m=10),
    ),
    Kind(
        label="doliolid",
        name="Doliolida",
        draw=organisms.doliolid,
        length_mm=3.0,
        aphia_id=137214,
        carbon_mg_mm3=0.038739,
        habitat=Habitat(peak=110, depth_m="chlorophyll", spread_m=9, side=0.8, front=0.6),
    ),
    Kind(
        label="speck",
        name="detritus, specks",
        draw=detritus.speck,
        length_mm=0.2,
        plankton=False,
        habitat=Habitat(peak=52_000, depth_m="chlorophyll", spread_m=18, floor=0.5),
    ),
    Kind(
        label="marine_snow",
        name="detritus, marine snow",
        draw=detritus.marine_snow,
        length_mm=1.3,
        spread=0.45,
        plankton=False,
        habitat=Habitat(peak=10_000, depth_m="thermocline", spread_m=9, floor=0.3, front=0.4),
    ),
    Kind(
        label="fecal_pellet",
        name="detritus, fecal pellets",
        draw=detritus.fecal_pellet,
        length_mm=1.1,
        plankton=False,
        habitat=Habitat(peak=4_500, depth_m=50, spread_m=20, floor=0.2),
    ),
    Kind(
        label="fibre",
        name="detritus, fibres",
        draw=detritus.fibre,
        length_mm=3.5,
        plankton=False,
        habitat=Habitat(peak=1_200, depth_m=25, spread_m=25, floor=0.4),
    ),
)

LABELS: tuple[str, ...] = tuple(kind.label for kind in KINDS)
