"""Write what uvpec measures on UVP6 vignettes: run in an environment of its own (numpy below 2).

    python uvpec_features.py FOLDER THRESHOLD TABLE.csv

uvpec carries the compiled code of the camera. Only its compiled part is imported, which needs none
of the packages that train models.
"""

import csv
import sys
from pathlib import Path

import numpy as np
from cython_uvp6 import py_get_features
from skimage import io, measure

#: In the order of the compiled code: its table of names is in `uvpec.custom`.
NAMES = (
    "area width height mean stddev mode min max x y xm ym major minor angle eccentricity intden "
    "median histcum1 histcum3 esd range meanpos cv sr bbox_area extent "
    + " ".join(
        prefix + moment
        for prefix in ("", "gray_")
        for moment in (
            *(f"central_moment-{p}-{q}" for p, q in ("20", "11", "02", "30", "21", "12", "03")),
            *(f"hu_moment-{i}" for i in range(1, 8)),
        )
    )
).split()


def features(picture: np.ndarray, threshold: int) -> list[float]:
    """Give the 55 features of the largest region, as uvpec finds it."""
    regions = measure.regionprops(measure.label(picture > threshold), picture)
    largest = regions[int(np.argmax([region.area for region in regions]))]
    return list(py_get_features(picture, largest, threshold))


def main(folder: str, threshold: str, table: str) -> None:
    """Measure all vignettes below a folder."""
    with Path(table).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", *NAMES])
        for path in sorted(Path(folder).rglob("*.png")):
            picture = io.imread(path)
            if (picture > int(threshold)).any():
                values = features(picture, int(threshold))
                writer.writerow([path.relative_to(folder), *(repr(float(v)) for v in values)])


if __name__ == "__main__":
    main(*sys.argv[1:])
