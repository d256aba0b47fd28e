"""Correct, segment and measure the standard simulated frame: seston, scikit-image, OpenCV.

    python benchmarks/segment.py [--quick]

All get the same frame and threshold. scikit-image gives the features of seston that it has under
the same names; "OpenCV, no features" gives sizes, boxes and centroids with the same flat field in
numpy; "OpenCV + numpy" is the fastest way we know to the features that sums give (moments, Hu's
invariants, mean, range, vignettes). The noisy frame is the same with 110,000 specks in it, all of
them measured. Times are of the processor, on one core, the best of several runs in one process.
The last line is a JSON object of ratios.
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
SPECKS = 112_000  # in a frame of 10240 lines
POWERS = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (0, 3))
SAME = (
    "area", "area_bbox", "equivalent_diameter_area", "axis_major_length", "axis_minor_length",
    "perimeter_crofton", "eccentricity", "orientation", "extent", "euler_number", "area_filled",
    "moments_hu", "centroid_local", "centroid_weighted_local", "intensity_mean", "intensity_min",
    "intensity_max", "intensity_std", "moments_weighted_hu", "image_intensity",
)  # fmt: skip
#: These, scikit-image gives for square pixels only.
SQUARE = ("perimeter_crofton", "moments_hu", "moments_weighted_hu", "euler_number")


def best(run: Callable[[], object], times: int) -> float:
    """Shortest of several runs, s of the processor: what others do on the machine counts less."""
    taken = []
    for _ in range(times):
        begin = time.process_time()
        run()
        taken.append(time.process_time() - begin)
    return min(taken)


def noisy_frame(frame: np.ndarray) -> np.ndarray:
    """Put dark specks of 1 to 9 pixels into a frame."""
    rng = np.random.default_rng(0)
    noisy = frame.astype(np.int16)
    n = SPECKS * len(frame) // 10240
    y, x = rng.integers(0, len(frame) - 3, n), rng.integers(0, frame.shape[1] - 3, n)
    height, width, depth = rng.integers(1, 4, n), rng.integers(1, 4, n), rng.integers(20, 90, n)
    for i in range(n):
        noisy[y[i] : y[i] + height[i], x[i] : x[i] + width[i]] -= depth[i]
    return np.clip(noisy, 0, 255).astype(np.uint8)


def corrected(frame: np.ndarray) -> np.ndarray:
    """Flat field as a person writes it with numpy: each column over its mean."""
    mean = frame.mean(axis=0, dtype=np.float32)
    return np.clip(frame / mean * 240, 0, 255).astype(np.uint8)


def smallest(settings: Segmentation) -> float:
    """Pixels of the smallest object that is kept."""
    return float(np.pi / 4 * settings.min_esd_mm**2 / (PIXEL_HEIGHT * PIXEL_WIDTH))


def by_scikit_image(frame: np.ndarray, settings: Segmentation) -> int:
    """Flat field, threshold, label and regionprops_table."""
    grey = corrected(frame)
    labels = label(grey < settings.threshold * 240, connectivity=2)
    small = np.bincount(labels.ravel()) < smallest(settings)
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
    return int(np.count_nonzero(stats[1:, cv2.CC_STAT_AREA] >= smallest(settings)))


def by_opencv_and_numpy(frame: np.ndarray, settings: Segmentation) -> int:
    """All that OpenCV does fast, and numpy's sums over the foreground alone."""
    mean = cv2.reduce(frame, 0, cv2.REDUCE_AVG, dtype=cv2.CV_32F)
    level = cv2.repeat(cv2.convertScaleAbs(mean), len(frame), 1)
    grey = cv2.divide(frame, level, scale=240)
    mask = cv2.compare(grey, settings.threshold * 240, cv2.CMP_LT)
    n, labels, stats, _ = cv2.connectedComponentsWithStatsWithAlgorithm(
        mask, 8, cv2.CV_32S, cv2.CCL_BBDT
    )
    kept = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] >= smallest(settings))[1:]
    at = np.flatnonzero(mask)
    of = labels.ravel()[at]
    y, x = np.divmod(at, frame.shape[1])
    y = (y - stats[of, cv2.CC_STAT_TOP]) * PIXEL_HEIGHT
    x = (x - stats[of, cv2.CC_STAT_LEFT]) * PIXEL_WIDTH
    inside = grey.ravel()[at]
    shape = [np.bincount(of, y**p * x**q, n) for p, q in POWERS]
    weighted = [np.bincount(of, inside * (y**p * x**q), n) for p, q in POWERS]
    order = np.argsort(of, kind="stable")
    starts = np.flatnonzero(np.diff(of[order], prepend=-1))
    np.minimum.reduceat(inside[order], starts)
    np.maximum.reduceat(inside[order], starts)
    for k in kept:
        for sums in (shape, weighted):
            cv2.HuMoments(_moments([s[k] for s in sums]))
        left, top, width, height = stats[k, :4]
        grey[top : top + height, left : left + width].copy()
    return len(kept)


def _moments(sums: list[float]) -> dict[str, float]:
    """Give sums the names that cv2.HuMoments wants: normalised central moments."""
    raw = dict(zip(POWERS, sums, strict=True))
    mass = max(raw[0, 0], 1.0)
    y, x = raw[1, 0] / mass, raw[0, 1] / mass
    second = {
        "20": raw[0, 2] - x * raw[0, 1],
        "11": raw[1, 1] - y * raw[0, 1],
        "02": raw[2, 0] - y * raw[1, 0],
    }
    third = {
        "30": raw[0, 3] - 3 * x * raw[0, 2] + 2 * x * x * raw[0, 1],
        "21": raw[1, 2] - 2 * x * raw[1, 1] - y * raw[0, 2] + 2 * x * x * raw[1, 0],
        "12": raw[2, 1] - 2 * y * raw[1, 1] - x * raw[2, 0] + 2 * y * y * raw[0, 1],
        "03": raw[3, 0] - 3 * y * raw[2, 0] + 2 * y * y * raw[1, 0],
    }
    return {f"nu{k}": v / mass**2 for k, v in second.items()} | {
        f"nu{k}": v / mass**2.5 for k, v in third.items()
    }


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
    cv2.setNumThreads(1)
    settings = Segmentation.model_validate({})
    all_of_them = Segmentation.model_validate({"min_esd_mm": 0.05, "seed_threshold": 0.92})
    warm_up()
    frame = standard_frame(1, height=4096 if quick else 10240)
    noisy = noisy_frame(frame)
    times = 5 if quick else 15
    ways = {
        "seston": (lambda: by_seston(frame, settings), times),
        "seston, costly too": (lambda: by_seston(frame, settings, names=SETS["all"]), times),
        "seston, noisy frame": (lambda: by_seston(noisy, all_of_them), times),
        "scikit-image": (lambda: by_scikit_image(frame, settings), 1 if quick else 2),
        "OpenCV, no features": (lambda: by_opencv(frame, settings), times),
        "OpenCV + numpy": (lambda: by_opencv_and_numpy(frame, settings), times),
    }
    objects = {name: run() for name, (run, _) in ways.items()}
    seconds = {name: best(run, n) for name, (run, n) in ways.items()}
    copy = best(frame.copy, 20)  # reads and writes each pixel once: what memory allows
    print(f"frame of {frame.shape[0]} x {frame.shape[1]} px; one core")
    print(f"{'':22}{'objects':>9}{'ms':>10}{'Mpx/s':>10}{'x real time':>13}")
    speed = {name: frame.size / taken / 1e6 for name, taken in seconds.items()}
    for name, taken in seconds.items():
        print(f"{name:22}{objects[name]:>9,}{taken * 1e3:>10.1f}{speed[name]:>10,.0f}"
              f"{speed[name] / REAL_TIME:>13.2f}")  # fmt: skip
    cheap = len(CHEAP)
    share = copy / seconds["seston"]
    rate = objects["seston, noisy frame"] / seconds["seston, noisy frame"]
    print(f"{cheap} features in the first set, {len(SETS['all'])} in both")
    print(f"noisy frame: {rate:,.0f} objects/s")
    print(f"a copy of the frame takes {copy * 1e3:.1f} ms: {share:.1%} of the bandwidth of memory")
    ours = seconds["seston"]
    print(json.dumps({
        "times_real_time": round(speed["seston"] / REAL_TIME, 2),
        "times_scikit_image": round(seconds["scikit-image"] / ours, 1),
        "times_opencv": round(seconds["OpenCV, no features"] / ours, 2),
        "times_opencv_and_numpy": round(seconds["OpenCV + numpy"] / ours, 2),
        "noisy_times_real_time": round(speed["seston, noisy frame"] / REAL_TIME, 2),
        "costly_over_fast": round(seconds["seston, costly too"] / ours, 2),
        "share_of_bandwidth": round(share, 4),
        "features": cheap,
        "objects": objects["seston"],
        "noisy_objects": objects["seston, noisy frame"],
    }))  # fmt: skip


if __name__ == "__main__":
    main()
