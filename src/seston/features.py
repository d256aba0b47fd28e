"""Every number that can be measured on an object: name, units and meaning, said once.

`SETS` names those that belong together; the configuration chooses among them. The chosen ones are
the ``feature`` dimension of the objects dataset, in the order of the registry; who reads it looks
names up there. `seston.zooprocess` says what each column of ZooProcess is in these.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from seston.zooprocess import COLUMNS

#: What is measured together: `fast` from sums over runs, `costly` on a picture of the object,
#: `uvp6` and `whoi` as the instruments' own software has it, in pixels.
Group = Literal["fast", "costly", "uvp6", "whoi"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One number measured on every object.

    Parameters
    ----------
    name : str
        scikit-image's name where it has one.
    units : str
        UDUNITS string; ``"1"`` for ratios and grey levels; ``px`` and its powers for pixels.
    long_name : str
        What it is.
    group : str
        With which others it is measured.
    """

    name: str
    units: str
    long_name: str
    group: Group = "fast"


def _register(features: Iterable[Feature]) -> Mapping[str, Feature]:
    registry: dict[str, Feature] = {}
    for feature in features:
        if feature.name in registry:
            raise KeyError(f"feature {feature.name!r} is said twice")
        registry[feature.name] = feature
    return MappingProxyType(registry)


def _f(name: str, units: str, long_name: str) -> Feature:
    return Feature(name=name, units=units, long_name=long_name)


def _c(name: str, units: str, long_name: str) -> Feature:
    return Feature(name=name, units=units, long_name=long_name, group="costly")


def _hu(name: str, of: str) -> list[Feature]:
    return [_f(f"{name}-{i}", "1", f"Hu's invariant {i + 1} of {of}") for i in range(7)]


_UVP6_SIZES = (
    ("area", "px2", "pixels of the object"),
    ("width", "px", "width of the bounding box"),
    ("height", "px", "height of the bounding box"),
)
_UVP6_LEVELS = (
    ("mean", "1", "mean grey level"),
    ("stddev", "1", "standard deviation of grey levels (of the population)"),
    ("mode", "1", "most frequent grey level, the lowest of equals"),
    ("min", "1", "lowest grey level"),
    ("max", "1", "highest grey level"),
)
_UVP6_PLACES = (
    ("x", "px", "centre of area, from the centre of the left column"),
    ("y", "px", "centre of area, from the centre of the top line"),
    ("xm", "px", "centre of grey, from the centre of the left column"),
    ("ym", "px", "centre of grey, from the centre of the top line"),
    ("major", "px", "major axis of the ellipse of the same second moments"),
    ("minor", "px", "minor axis of that ellipse"),
    ("angle", "rad", "angle from the lines to the major axis, clockwise"),
    ("eccentricity", "1", "eccentricity of that ellipse"),
)
_UVP6_RATIOS = (
    ("intden", "1", "sum of grey levels"),
    ("median", "1", "first level with more than half of the pixels at or below"),
    ("histcum1", "1", "first level with more than a quarter of the pixels at or below"),
    ("histcum3", "1", "first level with more than three quarters of the pixels at or below"),
    ("esd", "px", "diameter of a disc of the same area"),
    ("range", "1", "highest less lowest grey level"),
    ("meanpos", "1", "(mean - min) / range, 0 where the range is"),
    ("cv", "percent", "standard deviation over mean of grey levels"),
    ("sr", "percent", "standard deviation over range of grey levels, 0 where the range is"),
    ("bbox_area", "px2", "area of the bounding box"),
    ("extent", "1", "area over area of the bounding box"),
)


def _uvp6() -> list[Feature]:
    """Give the 55 features that a UVP6 measures on board, in its order."""
    rows = [*_UVP6_SIZES, *_UVP6_LEVELS, *_UVP6_PLACES, *_UVP6_RATIOS]
    for prefix, of in (("", "the shape"), ("gray_", "the grey levels")):
        for p, q in ((2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (0, 3)):
            name = f"{prefix}central_moment-{p}-{q}"
            rows.append((name, f"px{2 + p + q}", f"central moment x{p} y{q} of {of}"))
        rows += [
            (f"{prefix}hu_moment-{i}", "1", f"Hu's invariant {i} of {of}, x before y")
            for i in range(1, 8)
        ]
    return [
        Feature(name=f"uvp6_{name}", units=units, long_name=said, group="uvp6")
        for name, units, said in rows
    ]


_WHOI = (
    ("Area", "px2", "pixels of the largest blob"),
    ("Biovolume", "px3", "volume by distance map or solid of revolution (Moberg & Sosik 2012)"),
    ("BoundingBox_xwidth", "px", "width of the bounding box"),
    ("BoundingBox_ywidth", "px", "height of the bounding box"),
    ("ConvexArea", "px2", "area of the convex hull of the outline's pixels"),
    ("ConvexPerimeter", "px", "perimeter of that hull"),
    ("Eccentricity", "1", "eccentricity of the ellipse of the same second moments"),
    ("EquivDiameter", "px", "diameter of a disc of the same area"),
    ("Extent", "1", "area over area of the bounding box"),
    ("MajorAxisLength", "px", "major axis of the ellipse of the same second moments"),
    ("MinorAxisLength", "px", "minor axis of that ellipse"),
    ("Orientation", "degree", "angle from the lines to the major axis, counter-clockwise"),
    ("Perimeter", "px", "perimeter after Benkrid"),
    ("RepresentativeWidth", "px", "representative width, of the biovolume"),
    ("Solidity", "1", "area over area of the convex hull"),
    ("SurfaceArea", "px2", "surface, of the biovolume"),
    ("maxFeretDiameter", "px", "longest distance between two parallel tangents"),
    ("minFeretDiameter", "px", "shortest distance between two parallel tangents"),
    ("numBlobs", "1", "blobs in the picture"),
    ("summedArea", "px2", "sum of Area over all blobs"),
    ("summedBiovolume", "px3", "sum of Biovolume over all blobs"),
    ("summedConvexArea", "px2", "sum of ConvexArea over all blobs"),
    ("summedConvexPerimeter", "px", "sum of ConvexPerimeter over all blobs"),
    ("summedMajorAxisLength", "px", "sum of MajorAxisLength over all blobs"),
    ("summedMinorAxisLength", "px", "sum of MinorAxisLength over all blobs"),
    ("summedPerimeter", "px", "sum of Perimeter over all blobs"),
    ("summedSurfaceArea", "px2", "sum of SurfaceArea over all blobs"),
    ("Area_over_PerimeterSquared", "1", "Area over the square of Perimeter"),
    ("Area_over_Perimeter", "px", "Area over Perimeter"),
    ("summedConvexPerimeter_over_Perimeter", "1", "summedConvexPerimeter over summedPerimeter"),
)


def _whoi() -> list[Feature]:
    """Give the 30 features of version 4 of the IFCB software of WHOI, in its order."""
    return [
        Feature(name=f"whoi_{name}", units=units, long_name=said, group="whoi")
        for name, units, said in _WHOI
    ]


#: Grey levels are corrected ones: dark objects on a background of 240. "Pixels" are those of the
#: object itself, without its holes.
FEATURES: Mapping[str, Feature] = _register(
    [
        # ---------------------------------------------------------------- size
        _f("area", "mm2", "area of the pixels, without holes"),
        _f("area_filled", "mm2", "area with the holes (what no path of 8-neighbours leads out of)"),
        _f("area_bbox", "mm2", "area of the bounding box"),
        _f("height", "mm", "extent along the scan (lines)"),
        _f("width", "mm", "extent along a line"),
        _f("equivalent_diameter_area", "mm", "diameter of a disc of the same area"),
        _f("axis_major_length", "mm", "major axis of the ellipse of the same second moments"),
        _f("axis_minor_length", "mm", "minor axis of the ellipse of the same second moments"),
        _f("perimeter_crofton", "mm", "length of the outlines, by crossings in four directions"),
        _f("darkness", "mm2", "area of black that would take away as much light"),
        # --------------------------------------------------------------- shape
        _f("eccentricity", "1", "eccentricity of the ellipse of the same second moments"),
        _f("orientation", "rad", "angle from the scan's direction to the major axis"),
        _f("elongation", "1", "major axis over minor axis"),
        _f("extent", "1", "area over area of the bounding box"),
        _f("circularity", "1", "4 pi area over the square of the Crofton perimeter"),
        _f("hole_percentage", "percent", "share of the filled area that is holes"),
        _f("euler_number", "1", "one less the number of holes (by 4-neighbours)"),
        *_hu("moments_hu", "the shape"),
        # ------------------------------------------------------------ position
        _f("centroid_local-0", "mm", "centre of area, from the centre of the top line"),
        _f("centroid_local-1", "mm", "centre of area, from the centre of the left column"),
        _f("centroid_weighted_local-0", "mm", "centre of grey, from the centre of the top line"),
        _f("centroid_weighted_local-1", "mm", "centre of grey, from the centre of the left column"),
        _f("centroid_offset", "mm", "distance from the centre of area to the centre of grey"),
        _f("centroid_offset_ratio", "1", "that distance over the square root of the area"),
        _f("first_column_local", "mm", "first pixel of the top line, from the left column"),
        # --------------------------------------------------------- grey levels
        _f("intensity_mean", "1", "mean grey level"),
        _f("intensity_std", "1", "standard deviation of grey levels (of the population)"),
        _f("intensity_min", "1", "lowest grey level"),
        _f("intensity_max", "1", "highest grey level"),
        _f("intensity_range", "1", "highest less lowest grey level"),
        _f("intensity_median", "1", "median grey level"),
        _f("intensity_mode", "1", "most frequent grey level, the lowest of equals"),
        _f("intensity_q25", "1", "first level with more than a quarter of the pixels at or below"),
        _f("intensity_q50", "1", "first level with more than half of the pixels at or below"),
        _f(
            "intensity_q75",
            "1",
            "first level with more than three quarters of the pixels at or below",
        ),
        _f("intensity_skewness", "1", "skewness of grey levels (biased)"),
        _f("intensity_kurtosis", "1", "excess kurtosis of grey levels (biased)"),
        _f("intensity_sum", "1", "sum of grey levels"),
        _f("intensity_cv", "percent", "standard deviation over mean of grey levels"),
        _f("intensity_sr", "percent", "standard deviation over range of grey levels"),
        _f("intensity_mean_position", "1", "place of the mean in the range, 0 at the lowest"),
        _f(
            "intensity_cumulative_slope", "1", "slope of the cumulative histogram, by least squares"
        ),
        _f("gradient_mean", "mm-1", "mean step of grey level to the next pixel along a line"),
        *_hu("moments_weighted_hu", "the grey levels"),
        # ------------------------------------------------- costly set: outline
        _c("perimeter", "mm", "length of the line through the border's pixels"),
        _c("perimeter_traced", "mm", "length of the outer outline, corners cut"),
        _c("perimeter_convex", "mm", "perimeter of the convex hull"),
        _c("area_convex", "mm2", "area of the convex hull"),
        _c("solidity", "1", "area over area of the convex hull"),
        _c("feret_diameter_max", "mm", "longest distance between two parallel tangents"),
        _c("feret_diameter_min", "mm", "shortest distance between two parallel tangents"),
        _c("fractal_dimension", "1", "box-counting dimension of the outline"),
        _c("circularity_traced", "1", "4 pi area over the square of the traced perimeter"),
        _c("circularity_traced_filled", "1", "the same of the area with the holes"),
        _c("perimeter_area_ratio", "1", "traced perimeter over the square root of the area"),
        _c("feret_area_ratio", "1", "longest Feret diameter over the square root of the area"),
        _c("perimeter_feret_ratio", "1", "traced perimeter over longest Feret diameter"),
        _c("perimeter_major_ratio", "1", "traced perimeter over major axis (at least a pixel)"),
        # -------------------------------------------------- costly set: inside
        _c("skeleton_length", "mm", "length of the skeleton"),
        _c("skeleton_area", "mm2", "area of the skeleton's pixels"),
        _c("skeleton_ends", "1", "ends of the skeleton"),
        _c("skeleton_branches", "1", "points where branches of the skeleton meet"),
        _c("thickness_max", "mm", "diameter of the largest disc inside"),
        _c(
            "thickness_ratio", "1", "thickest cut across the major axis over the mean of the others"
        ),
        _c("symmetry_major", "1", "share of pixels that have their mirror across the major axis"),
        _c("symmetry_minor", "1", "share of pixels that have their mirror across the minor axis"),
        # --------------------------------------------- costly set: grey levels
        _c("parts_q25", "1", "8-connected parts at or below intensity_q25"),
        _c("parts_q50", "1", "8-connected parts at or below intensity_q50"),
        _c("parts_q75", "1", "8-connected parts at or below intensity_q75"),
        _c(
            "symmetry_major_q75",
            "1",
            "symmetry_major of the largest part at or below intensity_q75",
        ),
        _c(
            "symmetry_minor_q75",
            "1",
            "symmetry_minor of the largest part at or below intensity_q75",
        ),
        _c(
            "intensity_contrast",
            "1",
            "contrast after Amadasun & King (1989), as pyradiomics has it",
        ),
        _c("centroid_gamma5_local-0", "mm", "centre of grey to the power of 5, from the top line"),
        _c(
            "centroid_gamma5_local-1",
            "mm",
            "centre of grey to the power of 5, from the left column",
        ),
        # ------------------------------------------- as the instruments' own
        *_uvp6(),
        *_whoi(),
    ]
)


def _of(*groups: Group) -> tuple[str, ...]:
    return tuple(name for name, feature in FEATURES.items() if feature.group in groups)


#: The cheap majority: measured on every object, stored where it is chosen.
CHEAP: tuple[str, ...] = _of("fast")
#: Stored whatever is chosen: profiles and size spectra are made of these.
ALWAYS: tuple[str, ...] = ("area", "equivalent_diameter_area")

#: Sets that the configuration can choose, by name.
SETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "fast": CHEAP,
        "all": _of("fast", "costly"),
        "zooprocess": tuple({c.ours: None for c in COLUMNS.values() if c.ours in FEATURES}),
        "uvp6": _of("uvp6"),
        "whoi": _of("whoi"),
    }
)


def names_of(sets: Iterable[str]) -> tuple[str, ...]:
    """Give the features of some sets and those that are always stored, each once.

    Returns
    -------
    tuple of str
        In the order of the registry, whatever the order of the sets.

    Raises
    ------
    KeyError
        There is no such set.
    """
    chosen = {*ALWAYS, *(name for one in sets for name in SETS[one])}
    return tuple(name for name in FEATURES if name in chosen)


def groups_of(names: Collection[str]) -> set[Group]:
    """Give the groups to which some features belong: what has to be measured for them."""
    return {FEATURES[name].group for name in names}
