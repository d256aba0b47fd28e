"""What each column of ZooProcess is in features of seston, and how their numbers differ.

ZooProcess writes these columns for ZooScan, UVP and FlowCam; EcoTaxa keeps them with ``object_``
before the name. What they are was read in ZooProcess's own macros (github.com/picheral/Zooprocess:
`Zooprocess_generic_PID_Vignettes` 7.40 for the measures, `Zooprocess_pid_to_ecotaxa_zooscan` 7.26
for the ratios) and held against two ZooScan tables of EcoTaxa.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Column:
    """One column of ZooProcess.

    Parameters
    ----------
    name : str
        Without ``object_``.
    ours : str
        The feature, or the column of the objects dataset, that says the same.
    note : str
        Where their number is not ours in pixels, and how to get one from the other.
    """

    name: str
    ours: str
    note: str = ""


def _register(columns: Iterable[Column]) -> Mapping[str, Column]:
    registry: dict[str, Column] = {}
    for column in columns:
        if column.name in registry:
            raise KeyError(f"column {column.name!r} is said twice")
        registry[column.name] = column
    return MappingProxyType(registry)


_QUARTILE = (
    "the last level with less than {} of the pixels at or below, levels of 255 left out; ours, the "
    "first with more, is mostly theirs + 1"
)
_PARTS = "theirs: after an erosion, without parts under 5 px or at the edge of the vignette"
_MIRROR = (
    "roughly ours - 1 + 0.72 (width² + height²) / area, all in pixels: theirs counts the empty "
    "corners of a turned square as alike"
)
_OLD_RATIO = "of whole numbers; before 7.26 (2017-12) {}"
_LOCAL = "in the box; ours in pixels + 0.5"

#: In the order of ZooProcess's tables.
COLUMNS: Mapping[str, Column] = _register(
    [
        Column("area", "area_filled"),
        Column("mean", "intensity_mean"),
        Column("stddev", "intensity_std", "divides by n - 1, ours by n: ours √(n / (n - 1))"),
        Column("mode", "intensity_mode"),
        Column("min", "intensity_min"),
        Column("max", "intensity_max"),
        Column("x", "centroid_local-1", _LOCAL),
        Column("y", "centroid_local-0", _LOCAL),
        Column("xm", "centroid_weighted_local-1", _LOCAL),
        Column("ym", "centroid_weighted_local-0", _LOCAL),
        Column("perim.", "perimeter_traced"),
        Column("bx", "left", "from the left of the scan"),
        Column("by", "top", "from the first line of the deployment"),
        Column("width", "width"),
        Column("height", "height"),
        Column(
            "major", "axis_major_length", "ImageJ scales the ellipse to the area of the object: "
            "√(4 area_filled elongation / π) of ours"
        ),
        Column(
            "minor", "axis_minor_length", "scaled as `major`: √(4 area_filled / (π elongation))"
        ),
        Column(
            "angle", "orientation", "degrees from the line, counter-clockwise, 0 to 180: "
            "90 + 180 / π times ours"
        ),
        Column(
            "circ.", "circularity_traced_filled", "cut at 1; `circularity` is that of the Crofton "
            "perimeter"
        ),
        Column(
            "feret", "feret_diameter_max", "ImageJ goes from corner to corner of pixels, ours (and "
            "scikit-image) between middles of their edges: theirs is up to 1 px longer"
        ),
        Column("intden", "intensity_sum"),
        Column(
            "median", "intensity_q50", "the first level with more than half; `intensity_median` is "
            "the mean of the middle two"
        ),
        Column("skew", "intensity_skewness"),
        Column("kurt", "intensity_kurtosis"),
        Column("%area", "hole_percentage"),
        Column("xstart", "first_column_local", "left + ours in pixels"),
        Column("ystart", "top", "as `by`"),
        Column("area_exc", "area", "UVP5 and UVP6: the area of the holes"),
        Column(
            "fractal", "fractal_dimension", "theirs is Minkowski's sausage (Bérubé & Jébrak 1999), "
            "ours counts boxes: no conversion"
        ),
        Column(
            "skelarea", "skeleton_area", "by another thinning (ImageJ's Skeletonize): some "
            "pixels apart"
        ),
        Column(
            "slope", "intensity_cumulative_slope", "theirs is no slope of a cumulative histogram "
            "but σ(pixels of a level) / σ(level) over levels 0 to 254; it grows with the area: no "
            "conversion"
        ),
        Column("histcum1", "intensity_q25", _QUARTILE.format("a quarter")),
        Column("histcum2", "intensity_q50", _QUARTILE.format("half")),
        Column(
            "histcum3", "intensity_q75", _QUARTILE.format("three quarters") + "; then the next "
            "level that occurs"
        ),
        Column(
            "xmg5", "centroid_gamma5_local-1", "0 in the tables seen and not measured in 7.40; "
            "before, as `xm` with gamma 5, its levels rounded to 8 bits (unverified)"
        ),
        Column("ymg5", "centroid_gamma5_local-0", "as `xmg5`"),
        Column("nb1", "parts_q25", _PARTS),
        Column("nb2", "parts_q50", _PARTS),
        Column("nb3", "parts_q75", f"{_PARTS}; 0 in the tables seen"),
        Column("symetrieh", "symmetry_minor", _MIRROR),
        Column("symetriev", "symmetry_major", _MIRROR),
        Column(
            "symetriehc", "symmetry_minor_q75", "as `symetrieh`, of the largest part at or below "
            "histcum3, in whole numbers: no conversion"
        ),
        Column("symetrievc", "symmetry_major_q75", "as `symetriehc`"),
        Column("convperim", "perimeter_convex", "theirs counts the pixels of the hull's outline"),
        Column("convarea", "area_convex"),
        Column(
            "fcons", "intensity_contrast", "named after Amadasun & King (1989), but a running sum "
            "over three levels only; ours is their contrast: no conversion"
        ),
        Column(
            "thickr", "thickness_ratio", "theirs cuts every 15 px or 0.1 mm, measures up to the "
            "first gap, and leaves out the last cut instead of the thickest"
        ),
        Column(
            "esd", "equivalent_diameter_area", "of the area with holes: √(4 area_filled / π); "
            "before 7.26 (2017-12) without the root, 2 int(area / π)"
        ),
        Column("elongation", "elongation", "of whole numbers: ⌊major⌉ / ⌊minor⌉"),
        Column("range", "intensity_range"),
        Column(
            "meanpos", "intensity_mean_position", "(mean - max) / (mean - min), that is 1 - 1 / "
            "ours; not defined for a flat object"
        ),
        Column(
            "centroids", "centroid_offset", _OLD_RATIO.format(
                "(⌊xm⌉ - ⌊x⌉ xor 2) + (⌊ym⌉ - ⌊y⌉ xor 2), no distance"
            )
        ),
        Column("cv", "intensity_cv", "of whole numbers, with n - 1: 100 ⌊stddev⌉ / mean"),
        Column("sr", "intensity_sr", "of whole numbers, with n - 1: 100 ⌊stddev⌉ / range"),
        Column(
            "perimareaexc", "perimeter_area_ratio", _OLD_RATIO.format(
                "not of the root: times √area_exc"
            )
        ),
        Column(
            "feretareaexc", "feret_area_ratio", _OLD_RATIO.format(
                "not of the root: times √area_exc"
            )
        ),
        Column("perimferet", "perimeter_feret_ratio", "of whole numbers: ⌊perim.⌉ / ⌊feret⌉"),
        Column("perimmajor", "perimeter_major_ratio", "of whole numbers: ⌊perim.⌉ / ⌊major⌉"),
        Column(
            "circex", "circularity_traced", _OLD_RATIO.format(
                "4π area_exc / (⌊perim.⌉ xor 2)"
            )
        ),
        Column(
            "cdexc", "centroid_offset_ratio", _OLD_RATIO.format(
                "`centroids` / area_exc"
            )
        ),
    ]
)  # fmt: skip
