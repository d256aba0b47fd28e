"""Correct, segment and measure the standard simulated frame: seston, scikit-image, OpenCV.

    python benchmarks/segment.py [--quick]

All three get the same frame, flat field and threshold; scikit-image gives the features of seston
that it has under the same names, OpenCV its connected components with their statistics only. Times
are the best of several runs in one process on one core. The last line is a JSON object of ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence

for _name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import cv2
import numpy as np
from skimage.measure import label, regionprops_table

from seston.config import Segmentation
from seston.features import CHEAP, SETS
from seston.image import find_objects, warm_up
from seston.simulate import standard_frame

LINE_RATE, WIDTH = 28_000.0, 2048
REAL_TIME = LINE_RATE * WIDTH / 1e6  # Mpx/s of one camera
PIXEL_HEIGHT, PIXEL_WIDTH = 2000.0 / LINE_RATE, 105.0 / WIDTH
SAME = (
    "area", "area_bbox", "equivalent_diameter_area", "axis_major_length", "axis_minor_length",
    "perimeter_crofton", "eccentricity", "orientation", "extent", "euler_number", "area_filled",
    "moments_hu", "centroid_local", "centroid_weighted_local", "intensity_mean", "intensity_min",
    "intensity_max", "intensity_std", "moments_weighted_hu", "image_intensity",
)  # fmt: skip
#: These, scikit-image gives for square pixels only.
SQUARE = ("perimeter_crofton", "moments_hu", "moments_weighted_hu", "euler_number")


def best(run: Callable[[], object], times: int) -> float:
    """Shortest of several runs, s."""
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        run()
        taken.append(time.perf_counter() - begin)
    return min(taken)


def corrected(frame: np.ndarray) -> np.ndarray:
    """Flat field as a person writes it with numpy: each column over its mean."""
    mean = frame.mean(axis=0, dtype=np.float32)
    return np.clip(frame / mean * 240, 0, 255).astype(np.uint8)


def by_scikit_image(frame: np.ndarray, settings: Segmentation) -> int:
    """Flat field, threshold, label and regionprops_table."""
    grey = corrected(frame)
    labels = label(grey < settings.threshold * 240, connectivity=2)
    sizes = np.bincount(labels.ravel())
    small = sizes < np.pi / 4 * settings.min_esd_mm**2 / (PIXEL_HEIGHT * PIXEL_WIDTH)
    labels[small[labels]] = 0
    spacing = (PIXEL_HEIGHT, PIXEL_WIDTH)
    table = regionprops_table(labels, grey, properties=("label",))
    plain = [name for name in SAME if name not in SQUARE]
    regionprops_table(labels, grey, properties=plain, spacing=spacing)
    regionprops_table(labels, grey, properties=SQUARE)
    return len(table["label"])


def by_opencv(frame: np.ndarray, settings: Segmentation) -> int:
    """Flat field, threshold and connected components: sizes, boxes and centroids, no more."""
    mask = cv2.compare(corrected(frame), settings.threshold * 240, cv2.CMP_LT)
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    small = np.pi / 4 * settings.min_esd_mm**2 / (PIXEL_HEIGHT * PIXEL_WIDTH)
    return int(np.count_nonzero(stats[1:, cv2.CC_STAT_AREA] >= small))


def by_seston(frame: np.ndarray, settings: Segmentation, *, names: Sequence[str] = CHEAP) -> int:
    """Everything: also hysteresis, faint objects and vignettes."""
    return len(
        find_objects(
            frame, owned=slice(0, len(frame)), settings=settings, pixel_height=PIXEL_HEIGHT,
            pixel_width=PIXEL_WIDTH, names=names,
        )
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smaller frame, fewer runs")
    quick = parser.parse_args().quick
    settings = Segmentation.model_validate({})
    warm_up()
    frame = standard_frame(1, height=4096 if quick else 10240)
    times = 3 if quick else 7
    objects = {
        "seston": by_seston(frame, settings),
        "seston, costly too": by_seston(frame, settings, names=SETS["all"]),
        "scikit-image": by_scikit_image(frame, settings),
        "OpenCV, no features": by_opencv(frame, settings),
    }
    seconds = {
        "seston": best(lambda: by_seston(frame, settings), times),
        "seston, costly too": best(lambda: by_seston(frame, settings, names=SETS["all"]), times),
        "scikit-image": best(lambda: by_scikit_image(frame, settings), 1 if quick else 2),
        "OpenCV, no features": best(lambda: by_opencv(frame, settings), times),
    }
    copy = best(frame.copy, 20)  # reads and writes each pixel once: what memory allows
    print(f"frame of {frame.shape[0]} x {frame.shape[1]} px; one core")
    print(f"{'':22}{'objects':>9}{'ms':>10}{'Mpx/s':>10}{'x real time':>13}")
    for name, taken in seconds.items():
        speed = frame.size / taken / 1e6
        print(f"{name:22}{objects[name]:>9,}{taken * 1e3:>10.1f}{speed:>10,.0f}"
              f"{speed / REAL_TIME:>13.2f}")  # fmt: skip
    cheap = len(CHEAP)
    share = copy / seconds["seston"]
    print(f"{cheap} features in the first set, {len(SETS['all'])} in both")
    print(f"a copy of the frame takes {copy * 1e3:.1f} ms: {share:.1%} of the bandwidth of memory")
    real = frame.size / seconds["seston"] / 1e6 / REAL_TIME
    print(json.dumps({
        "times_real_time": round(real, 3),
        "times_scikit_image": round(seconds["scikit-image"] / seconds["seston"], 1),
        "times_opencv": round(seconds["OpenCV, no features"] / seconds["seston"], 2),
        "costly_over_fast": round(seconds["seston, costly too"] / seconds["seston"], 2),
        "share_of_bandwidth": round(share, 4),
        "features": cheap,
        "objects": objects["seston"],
    }))  # fmt: skip


if __name__ == "__main__":
    main()
