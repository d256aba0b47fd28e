"""From counts and sensors to ecology: pure functions on arrays and datasets, that know no files."""

from __future__ import annotations

from seston.ecology.bins import Bins
from seston.ecology.casts import Tolerances
from seston.ecology.concentration import (
    concentration,
    equivalent_spherical_volume,
    poisson_interval,
    subsampled_interval,
)
from seston.ecology.environment import clean, despike, interpolate_at
from seston.ecology.particles import (
    Calibration,
    ParticleBins,
    bin_particles,
    coarsen_size_classes,
    particle_diameter,
    pixels_of_diameter,
    size_class,
)
from seston.ecology.profiles import (
    Adjusted,
    build_profiles,
    largest_factor,
    put_in_bins,
)
from seston.ecology.seawater import add_seawater
from seston.ecology.series import SeriesErrors, bray_curtis, series_errors
from seston.ecology.spectrum import normalised_biovolume_spectrum
from seston.ecology.tallies import PartialTally, Tally, tally
from seston.ecology.turning import direction, turning_points

__all__ = [
    "Adjusted",
    "Bins",
    "Calibration",
    "PartialTally",
    "ParticleBins",
    "SeriesErrors",
    "Tally",
    "Tolerances",
    "add_seawater",
    "bin_particles",
    "bray_curtis",
    "build_profiles",
    "clean",
    "coarsen_size_classes",
    "concentration",
    "despike",
    "direction",
    "equivalent_spherical_volume",
    "interpolate_at",
    "largest_factor",
    "normalised_biovolume_spectrum",
    "particle_diameter",
    "pixels_of_diameter",
    "poisson_interval",
    "put_in_bins",
    "series_errors",
    "size_class",
    "subsampled_interval",
    "tally",
    "turning_points",
]
