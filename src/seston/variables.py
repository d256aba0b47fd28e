"""Every dataset variable, said once: name, dimensions, dtype, units and meaning.

Datasets, their attributes, the checks at the door and the docs all read them here.
Units are UDUNITS strings. ``standard_name`` is given only where the CF table has one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

TIME_UNITS = "nanoseconds since 1970-01-01T00:00:00"
#: Quality of a value: the primary flags of QARTOD (IOOS), which Argo's and others' map to.
GOOD, NOT_CHECKED, SUSPECT, BAD, MISSING = 1, 2, 3, 4, 9
FLAGS: Mapping[int, str] = MappingProxyType(
    {GOOD: "good", NOT_CHECKED: "not_checked", SUSPECT: "suspect", BAD: "bad", MISSING: "missing"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One variable of one of our datasets.

    Parameters
    ----------
    name : str
        Its name in the dataset.
    dims : tuple of str
        Its dimensions, in the order in which they are stored.
    dtype : str
        NumPy dtype, or ``"str"`` for text of any length, or ``"datetime64[ns]"``.
    units : str or None
        UDUNITS string; None for text, identifiers and times.
    long_name : str
        What it is, for a person.
    standard_name : str, optional
        CF standard name, where one exists.
    comment : str, optional
        What a user must know to use it rightly.
    flags : bool
        True where its values are those of `FLAGS`.
    """

    name: str
    dims: tuple[str, ...]
    dtype: str
    units: str | None
    long_name: str
    standard_name: str | None = None
    comment: str | None = None
    flags: bool = False

    @property
    def attrs(self) -> dict[str, Any]:
        """CF attributes of the variable, as a dataset carries them."""
        attrs: dict[str, Any] = {"long_name": self.long_name}
        if self.units is not None:
            attrs["units"] = self.units
        if self.standard_name is not None:
            attrs["standard_name"] = self.standard_name
        if self.comment is not None:
            attrs["comment"] = self.comment
        if self.flags:
            attrs["flag_values"] = list(FLAGS)
            attrs["flag_meanings"] = " ".join(FLAGS.values())
        return attrs

    @property
    def fill_value(self) -> object:
        """What stands where nothing is known: NaN, NaT, an empty text, or 0."""
        if self.dtype == "str":
            return ""
        if self.dtype.startswith("datetime64"):
            return np.datetime64("NaT", "ns")
        return np.nan if np.dtype(self.dtype).kind == "f" else 0


def _register(variables: Iterable[Variable]) -> Mapping[str, Variable]:
    registry: dict[str, Variable] = {}
    for variable in variables:
        if variable.name in registry:
            raise KeyError(f"variable {variable.name!r} is said twice")
        registry[variable.name] = variable
    return MappingProxyType(registry)


def _v(
    name: str,
    dims: tuple[str, ...],
    dtype: str,
    units: str | None,
    long_name: str,
    standard_name: str | None = None,
    comment: str | None = None,
) -> Variable:
    return Variable(
        name=name,
        dims=dims,
        dtype=dtype,
        units=units,
        long_name=long_name,
        standard_name=standard_name,
        comment=comment,
    )


# fmt: off: one row of the registry, one line
_FRAME = ("frame",)
_TIME = ("time",)
_OBJECT = ("object",)
_PROFILE = ("profile",)
_CELL = ("profile", "depth")
_TAXON_CELL = ("profile", "depth", "taxon")

# ---------------------------------------------------------------- frames: the manifest
_VOLUME_COMMENT = (
    "of a net sample, the water filtered: what subsampling took away is in subsample_factor"
)
FRAMES = _register(
    [
        _v("frame_id", _FRAME, "str", None, "name of the frame, unique in the campaign"),
        _v("deployment", _FRAME, "str", None, "deployment of the frame, a row of campaigns.csv"),
        _v("path", _FRAME, "str", None, "file of the frame, relative to the deployment's folder"),
        _v("index_in_file", _FRAME, "int32", "1", "position of the frame in its file, from 0"),
        _v("height", _FRAME, "int32", "1", "lines of the frame"),
        _v("width", _FRAME, "int32", "1", "pixels in a line"),
        _v("scan", _FRAME, "int32", "1", "number of the continuous scan that the frame belongs to"),
        _v("first_line", _FRAME, "int64", "1", "lines of the deployment before this frame"),
        _v("time", _FRAME, "datetime64[ns]", None, "time of the first line", "time"),
        _v("line_interval", _FRAME, "float64", "s", "time from one line to the next"),
        _v("speed", _FRAME, "float32", "m s-1", "speed of the imager through the water"),
        _v("pixel_height", _FRAME, "float64", "mm", "length of a pixel across the lines"),
        _v("pixel_width", _FRAME, "float64", "mm", "length of a pixel along a line"),
        _v(
            "imaged_volume",
            _FRAME,
            "float64",
            "m3",
            "water imaged in the frame",
            comment=_VOLUME_COMMENT,
        ),
        _v("volume_source", _FRAME, "str", None, "what tells the volume: header, rows or config"),
        _v(
            "subsample_factor",
            _FRAME,
            "float64",
            "1",
            "individuals in the sample for each one imaged",
        ),
        _v(
            "sample",
            _FRAME,
            "str",
            None,
            "sample, haul or cast that the frame is of; empty in a tow",
        ),
        _v(
            "latitude",
            _FRAME,
            "float64",
            "degrees_north",
            "latitude, where the frame's own files tell it",
            "latitude",
        ),
        _v(
            "longitude",
            _FRAME,
            "float64",
            "degrees_east",
            "longitude, where the frame's own files tell it",
            "longitude",
        ),
        _v(
            "depth_min",
            _FRAME,
            "float64",
            "m",
            "upper limit of the water sampled, where the frame's own files tell it",
        ),
        _v(
            "depth_max",
            _FRAME,
            "float64",
            "m",
            "lower limit of the water sampled, where the frame's own files tell it",
        ),
        _v(
            "vignettes",
            _FRAME,
            "int32",
            "1",
            "vignettes that the instrument cut from the frame; -1 where it cuts none",
        ),
        _v("usable", _FRAME, "int8", "1", "1 where the frame counts in both objects and volume"),
        _v("problem", _FRAME, "str", None, "why the frame is not usable or has no position"),
    ]
)

# ------------------------------------------------------------- environment: CTD and navigation
_CHL_COMMENT = "raw signal of the fluorometer; not calibrated to chlorophyll"
_CHLOROPHYLL = "mass_concentration_of_chlorophyll_a_in_sea_water"
_CHLOROPHYLL_COMMENT = (
    "from the fluorometer by its own calibration, or as the file tells; not adjusted to samples"
)
_SENSORS = _register(
    [
        _v("latitude", _TIME, "float64", "degrees_north", "latitude", "latitude"),
        _v("longitude", _TIME, "float64", "degrees_east", "longitude", "longitude"),
        _v("depth", _TIME, "float64", "m", "depth below the sea surface, positive down", "depth"),
        _v(
            "pressure",
            _TIME,
            "float64",
            "dbar",
            "sea pressure",
            "sea_water_pressure_due_to_sea_water",
        ),
        _v(
            "temperature",
            _TIME,
            "float32",
            "degree_C",
            "temperature in situ",
            "sea_water_temperature",
        ),
        _v("salinity", _TIME, "float32", "1", "practical salinity", "sea_water_practical_salinity"),
        _v("fluorescence", _TIME, "float32", "V", "fluorescence", comment=_CHL_COMMENT),
        _v(
            "chlorophyll",
            _TIME,
            "float32",
            "mg m-3",
            "chlorophyll a",
            _CHLOROPHYLL,
            comment=_CHLOROPHYLL_COMMENT,
        ),
        _v(
            "oxygen",
            _TIME,
            "float32",
            "umol kg-1",
            "dissolved oxygen",
            "moles_of_oxygen_per_unit_mass_in_sea_water",
        ),
        _v("irradiance", _TIME, "float32", "umol m-2 s-1", "photosynthetically active radiation"),
        _v("speed", _TIME, "float32", "m s-1", "speed of the imager through the water"),
    ]
)
_FLAG_COMMENT = "values that are bad or missing are NaN; suspect ones are kept"


def _flag_of(variable: Variable) -> Variable:
    """Quality flag of a sensor's values."""
    return Variable(
        name=f"{variable.name}_flag",
        dims=variable.dims,
        dtype="int8",
        units=None,
        long_name=f"quality of {variable.name}",
        comment=_FLAG_COMMENT,
        flags=True,
    )


ENVIRONMENT = _register(
    [
        *_SENSORS.values(),
        *map(_flag_of, _SENSORS.values()),
        _v("sample", _TIME, "str", None, "cast or sample of the record; empty where it is of none"),
        Variable(
            name="time_flag",
            dims=_TIME,
            dtype="int8",
            units=None,
            long_name="quality of time",
            comment="missing where a record tells no time: it has that of its cast, or none",
            flags=True,
        ),
    ]
)

# ------------------------------------------------------------------ objects: one row each
_BBOX_COMMENT = (
    "pixels of the source frame: top and bottom in lines from its first line, left and right in "
    "pixels from the left; bottom and right are excluded. bottom exceeds the frame's height where "
    "the object goes on in the next frame of a continuous scan."
)
_BLOCK = ("block",)
_INDEX_COMMENT = "in the group `index`, which `seston.store.select` reads; a block is 1024 rows"
OBJECTS = _register(
    [
        _v(
            "object_id",
            _OBJECT,
            "uint64",
            None,
            "name of the object, unique in the campaign",
            comment="deployment (12 bits), line in the deployment (36 bits) and column (16 bits) "
            "of the first pixel: the same however the campaign was split",
        ),
        _v("frame", _OBJECT, "int32", "1", "row of the object's frame in the frame variables"),
        _v("top", _OBJECT, "int32", "1", "first line", comment=_BBOX_COMMENT),
        _v("left", _OBJECT, "int32", "1", "first column", comment=_BBOX_COMMENT),
        _v("bottom", _OBJECT, "int32", "1", "line after the last", comment=_BBOX_COMMENT),
        _v("right", _OBJECT, "int32", "1", "column after the last", comment=_BBOX_COMMENT),
        _v("time", _OBJECT, "datetime64[ns]", None, "time of the object's middle line", "time"),
        _v("depth", _OBJECT, "float32", "m", "depth below the sea surface, positive down", "depth"),
        _v("latitude", _OBJECT, "float64", "degrees_north", "latitude", "latitude"),
        _v("longitude", _OBJECT, "float64", "degrees_east", "longitude", "longitude"),
        _v(
            "features",
            ("object", "feature"),
            "float32",
            None,
            "measured features",
            comment="units in `feature_units`",
        ),
        _v("scores", ("object", "taxon"), "float16", "1", "score of each taxon, sums to 1"),
        _v(
            "embedding",
            ("object", "component"),
            "float16",
            "1",
            "features that the model's network saw in the vignette",
            comment="objects that look alike lie near each other; only where "
            "classification.keep_embedding is set",
        ),
        _v(
            "predicted_taxon",
            _OBJECT,
            "int16",
            None,
            "taxon with the highest score, as an index into `taxon`",
            comment="-1 where nothing was predicted, or no score was high enough",
        ),
        _v(
            "validated_taxon",
            _OBJECT,
            "int16",
            None,
            "taxon that a person gave, as an index into `taxon`",
            comment="-1 where nobody has looked",
        ),
        _v(
            "vignette_start",
            _OBJECT,
            "int64",
            "1",
            "first byte of the object's vignette in `vignettes/pixels`",
            comment="the vignette is (bottom - top) lines of (right - left) pixels, line by line; "
            "-1 where there is none",
        ),
        _v(
            "pixels",
            ("byte",),
            "uint8",
            "1",
            "corrected grey levels of all vignettes, one after the other",
            comment="objects are dark, the background is at level 240",
        ),
        _v(
            "source_id",
            _OBJECT,
            "str",
            None,
            "name that the instrument or its software gave the object",
        ),
        _v("source_label", _OBJECT, "str", None, "taxon that came with the object from its source"),
        _v(
            "source_status",
            _OBJECT,
            "str",
            None,
            "predicted, validated or dubious: who gave the source's label",
        ),
        _v("feature", ("feature",), "str", None, "name of the feature"),
        _v("feature_units", ("feature",), "str", None, "units of the feature"),
        _v("frame_id", _FRAME, "str", None, "name of the frame, unique in the campaign"),
        _v("frame_deployment", _FRAME, "str", None, "deployment of the frame"),
        _v("frame_path", _FRAME, "str", None, "file of the frame in the deployment's folder"),
        _v(
            "frame_index_in_file", _FRAME, "int32", "1", "position of the frame in its file, from 0"
        ),
        _v("frame_height", _FRAME, "int32", "1", "lines of the frame"),
        _v("frame_first_line", _FRAME, "int64", "1", "lines of the deployment before this frame"),
        _v("frame_scan", _FRAME, "int32", "1", "number of the continuous scan in the deployment"),
        _v("frame_time", _FRAME, "datetime64[ns]", None, "time of the first line", "time"),
        _v("frame_line_interval", _FRAME, "float64", "s", "time from one line to the next"),
        _v("frame_pixel_height", _FRAME, "float64", "mm", "length of a pixel across the lines"),
        _v("frame_pixel_width", _FRAME, "float64", "mm", "length of a pixel along a line"),
        _v(
            "frame_volume",
            _FRAME,
            "float64",
            "m3",
            "water imaged in the frame",
            comment=_VOLUME_COMMENT,
        ),
        _v(
            "frame_volume_source",
            _FRAME,
            "str",
            None,
            "what tells the volume: header, rows or config",
        ),
        _v(
            "frame_subsample_factor",
            _FRAME,
            "float64",
            "1",
            "individuals in the sample for each one imaged",
        ),
        _v(
            "frame_sample",
            _FRAME,
            "str",
            None,
            "sample, haul or cast that the frame is of; empty in a tow",
        ),
        _v(
            "frame_usable",
            _FRAME,
            "int8",
            "1",
            "1 where the frame counts in both objects and volume",
        ),
        _v("frame_problem", _FRAME, "str", None, "why the frame is not usable or has no position"),
        _v(
            "frame_depth", _FRAME, "float32", "m", "depth at the first line, positive down", "depth"
        ),
        _v(
            "frame_depth_min",
            _FRAME,
            "float32",
            "m",
            "upper limit of the water sampled; NaN in a tow",
        ),
        _v(
            "frame_depth_max",
            _FRAME,
            "float32",
            "m",
            "lower limit of the water sampled; NaN in a tow",
        ),
        _v("frame_latitude", _FRAME, "float64", "degrees_north", "latitude", "latitude"),
        _v("frame_longitude", _FRAME, "float64", "degrees_east", "longitude", "longitude"),
        _v(
            "frame_background",
            _FRAME,
            "float32",
            "1",
            "mean grey level of the background, 0 to 255",
        ),
        _v("frame_object_start", _FRAME, "int64", "1", "row of the frame's first object"),
        _v("frame_object_count", _FRAME, "int32", "1", "objects that begin in the frame"),
        _v(
            "frame_left_out_count",
            _FRAME,
            "int32",
            "1",
            "objects that begin in the frame and that the filter left out; with frame_object_count "
            "it makes all particles within the limits of size",
        ),
        _v(
            "block_time_min",
            _BLOCK,
            "datetime64[ns]",
            None,
            "first time of the block's objects",
            comment=_INDEX_COMMENT,
        ),
        _v("block_time_max", _BLOCK, "datetime64[ns]", None, "last time of the block's objects"),
        _v("block_depth_min", _BLOCK, "float32", "m", "least depth of the block's objects"),
        _v("block_depth_max", _BLOCK, "float32", "m", "largest depth of the block's objects"),
        _v(
            "block_count",
            ("name", "block"),
            "uint16",
            "1",
            "objects of each name in the block",
            comment="names are those of `taxon`; the last is of objects that have none",
        ),
    ]
)

# --------------------------------------------------------------- profiles: profile x depth x taxon
_ADJUSTED_COMMENT = (
    "by the method in the attribute `quantification` of the dataset; what a person named is taken "
    "as it is. NaN where the model has no held-out objects of the taxon, or nothing was adjusted"
)
_ADJUSTED_LIMIT_COMMENT = "joins the error of counting and that of the classifier"
PROFILES = _register(
    [
        _v("deployment", _PROFILE, "str", None, "deployment of the profile"),
        _v("sample", _PROFILE, "str", None, "sample, haul or cast of the profile; empty in a tow"),
        _v(
            "cast",
            _PROFILE,
            "str",
            None,
            "cast that the environment of the profile was taken from",
            comment="empty where the environment was joined in time",
        ),
        _v("direction", _PROFILE, "str", None, "down, up or level"),
        _v("time", _PROFILE, "datetime64[ns]", None, "mean time of the profile", "time"),
        _v("latitude", _PROFILE, "float64", "degrees_north", "mean latitude", "latitude"),
        _v("longitude", _PROFILE, "float64", "degrees_east", "mean longitude", "longitude"),
        _v(
            "distance", _PROFILE, "float64", "km", "distance along the track from the first profile"
        ),
        _v("depth", ("depth",), "float64", "m", "middle of the depth bin, positive down", "depth"),
        _v("depth_bounds", ("depth", "bound"), "float64", "m", "edges of the depth bin"),
        _v("taxon", ("taxon",), "str", None, "name of the taxon, as its model names it"),
        _v(
            "biological_taxon_name",
            ("taxon",),
            "str",
            None,
            "scientific name",
            "biological_taxon_name",
        ),
        _v(
            "biological_taxon_lsid",
            ("taxon",),
            "str",
            None,
            "identifier in WoRMS",
            "biological_taxon_lsid",
        ),
        _v("plankton", ("taxon",), "int8", "1", "1 where the taxon is living plankton"),
        _v("count", _TAXON_CELL, "int32", "1", "objects counted in the bin"),
        _v(
            "individuals",
            _TAXON_CELL,
            "float64",
            "1",
            "individuals in the water sampled",
            comment="the count times the subsample factor of each object",
        ),
        _v("depth_min", _PROFILE, "float64", "m", "upper limit of the water sampled"),
        _v("depth_max", _PROFILE, "float64", "m", "lower limit of the water sampled"),
        _v(
            "imaged_volume",
            _CELL,
            "float64",
            "m3",
            "water imaged in the bin, 0 where none was",
            comment=_VOLUME_COMMENT,
        ),
        _v(
            "concentration",
            _TAXON_CELL,
            "float32",
            "m-3",
            "objects per volume of water imaged",
            "number_concentration_of_biological_taxon_in_sea_water",
            comment="0 in a bin that was imaged and held none, NaN in one not imaged",
        ),
        _v(
            "concentration_lower",
            _TAXON_CELL,
            "float32",
            "m-3",
            "lower limit of the 95 % Poisson interval of the concentration",
        ),
        _v(
            "concentration_upper",
            _TAXON_CELL,
            "float32",
            "m-3",
            "upper limit of the 95 % Poisson interval of the concentration",
        ),
        _v(
            "concentration_adjusted",
            _TAXON_CELL,
            "float32",
            "m-3",
            "objects per volume of water imaged, mended for the errors of the classifier",
            "number_concentration_of_biological_taxon_in_sea_water",
            comment=_ADJUSTED_COMMENT,
        ),
        _v(
            "concentration_adjusted_lower",
            _TAXON_CELL,
            "float32",
            "m-3",
            "lower limit of the 95 % interval of the adjusted concentration",
            comment=_ADJUSTED_LIMIT_COMMENT,
        ),
        _v(
            "concentration_adjusted_upper",
            _TAXON_CELL,
            "float32",
            "m-3",
            "upper limit of the 95 % interval of the adjusted concentration",
            comment=_ADJUSTED_LIMIT_COMMENT,
        ),
        _v(
            "biovolume",
            _TAXON_CELL,
            "float32",
            "mm3 m-3",
            "volume of the objects per volume of water imaged",
            comment="each object a sphere of the area it shows",
        ),
        _v(
            "carbon",
            _TAXON_CELL,
            "float32",
            "mg m-3",
            "carbon of the objects per volume of water imaged",
            comment="from biovolume by the taxon's factor; NaN where there is none",
        ),
        _v(
            "temperature",
            _CELL,
            "float32",
            "degree_C",
            "temperature in situ",
            "sea_water_temperature",
        ),
        _v("salinity", _CELL, "float32", "1", "practical salinity", "sea_water_practical_salinity"),
        _v("fluorescence", _CELL, "float32", "V", "fluorescence", comment=_CHL_COMMENT),
        _v(
            "chlorophyll",
            _CELL,
            "float32",
            "mg m-3",
            "chlorophyll a",
            _CHLOROPHYLL,
            comment=_CHLOROPHYLL_COMMENT,
        ),
        _v(
            "oxygen",
            _CELL,
            "float32",
            "umol kg-1",
            "dissolved oxygen",
            "moles_of_oxygen_per_unit_mass_in_sea_water",
        ),
        _v("irradiance", _CELL, "float32", "umol m-2 s-1", "photosynthetically active radiation"),
        _v(
            "absolute_salinity",
            _CELL,
            "float32",
            "g kg-1",
            "absolute salinity",
            "sea_water_absolute_salinity",
        ),
        _v(
            "conservative_temperature",
            _CELL,
            "float32",
            "degree_C",
            "conservative temperature",
            "sea_water_conservative_temperature",
        ),
        _v(
            "sigma0",
            _CELL,
            "float32",
            "kg m-3",
            "potential density anomaly to 0 dbar",
            "sea_water_sigma_theta",
        ),
        _v(
            "buoyancy_frequency_squared",
            _CELL,
            "float32",
            "s-2",
            "squared buoyancy frequency",
            "square_of_brunt_vaisala_frequency_in_sea_water",
        ),
        _v(
            "oxygen_solubility", _CELL, "float32", "umol kg-1", "oxygen at equilibrium with the air"
        ),
        _v(
            "apparent_oxygen_utilization",
            _CELL,
            "float32",
            "umol kg-1",
            "apparent oxygen utilization",
            "apparent_oxygen_utilization",
        ),
        _v("spiciness0", _CELL, "float32", "kg m-3", "spiciness to 0 dbar"),
        _v(
            "unpositioned_count",
            ("profile", "taxon"),
            "int32",
            "1",
            "objects of frames whose depth is not known: in no bin",
        ),
        _v(
            "unpositioned_volume",
            _PROFILE,
            "float64",
            "m3",
            "water imaged in frames whose depth is not known: in no bin",
        ),
    ]
)

# ------------------------------------------------ particles: profile x depth x size, no images
_SIZE_CELL = ("profile", "depth", "size_class")
_SEEN = "0 in a bin that was imaged and held none, NaN in one not imaged and in sizes not seen"
PARTICLES = _register(
    [
        _v("deployment", _PROFILE, "str", None, "deployment of the profile"),
        _v("sample", _PROFILE, "str", None, "cast or time series of the profile"),
        _v("sample_type", _PROFILE, "str", None, "depth: a cast; time: a span of a time series"),
        _v("sample_time", _PROFILE, "datetime64[ns]", None, "time of the sample by its header"),
        _v("time", _PROFILE, "datetime64[ns]", None, "mean time of the profile's images", "time"),
        _v("latitude", _PROFILE, "float64", "degrees_north", "latitude", "latitude"),
        _v("longitude", _PROFILE, "float64", "degrees_east", "longitude", "longitude"),
        _v("instrument", _PROFILE, "str", None, "kind of the instrument, as its source names it"),
        _v("raw_file", _PROFILE, "str", None, "file or sequence that the sample was recorded in"),
        _v("cruise", _PROFILE, "str", None, "cruise"),
        _v("station", _PROFILE, "str", None, "station"),
        _v("project", _PROFILE, "str", None, "project of the source"),
        _v("owner", _PROFILE, "str", None, "owner of the data, as the source tells"),
        _v("ctd_file", _PROFILE, "str", None, "file of the cast's CTD"),
        _v(
            "calibration_area",
            _PROFILE,
            "float64",
            "mm2",
            "area of a particle of one pixel",
            comment="a particle of S pixels has the area calibration_area * S ** "
            "calibration_exponent, and the diameter of a disc of this area",
        ),
        _v("calibration_exponent", _PROFILE, "float64", "1", "exponent of the calibration of area"),
        _v("pixel_size", _PROFILE, "float64", "mm", "side of a pixel"),
        _v("image_volume", _PROFILE, "float64", "m3", "water in one image"),
        _v("depth", ("depth",), "float64", "m", "middle of the depth bin, positive down", "depth"),
        _v("depth_bounds", ("depth", "bound"), "float64", "m", "edges of the depth bin"),
        _v(
            "size_class",
            ("size_class",),
            "float64",
            "mm",
            "geometric middle of the class of equivalent spherical diameter",
        ),
        _v(
            "size_class_bounds",
            ("size_class", "bound"),
            "float64",
            "mm",
            "limits of the class; the last is open",
        ),
        _v("cell_time", _CELL, "datetime64[ns]", None, "mean time of the bin's images", "time"),
        _v("mean_depth", _CELL, "float64", "m", "mean depth of the bin's images"),
        _v("images", _CELL, "float64", "1", "images in the bin, 0 where there is none"),
        _v("imaged_volume", _CELL, "float64", "m3", "water imaged in the bin, 0 where none was"),
        _v("count", _SIZE_CELL, "float64", "1", "particles counted", comment=_SEEN),
        _v(
            "concentration",
            _SIZE_CELL,
            "float64",
            "m-3",
            "particles per volume of water imaged",
            comment=_SEEN,
        ),
        _v(
            "biovolume",
            _SIZE_CELL,
            "float64",
            "mm3 m-3",
            "volume of the particles per volume of water imaged",
            comment="each particle a sphere of the diameter of its calibrated area; NaN where "
            "only numbers in classes are known",
        ),
        _v(
            "ctd_columns",
            _PROFILE,
            "str",
            None,
            "columns of the cast's CTD file in their order, with | between them",
        ),
        _v("ctd_column", ("ctd_column",), "str", None, "name and unit of a column of the CTD"),
        _v(
            "ctd",
            ("profile", "depth", "ctd_column"),
            "float64",
            None,
            "mean of the CTD's records in the bin",
            comment="in the units of their file, which `ctd_column` gives",
        ),
    ]
)
# fmt: on
