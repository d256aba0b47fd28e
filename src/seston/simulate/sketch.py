"""Draw a silhouette in millimetres, then see it through a camera of any pixel.

A `Sketch` is a list of filled shapes and lines, each with a shade: the share of the light that it
takes away. `stamp` turns it into the attenuation of whole pixels, through the optics.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]
_SUBPIXEL = 4  # bits of a fine pixel in cv2's coordinates
_SHARP_MM = 0.03  # radius of the blur of an object in focus
_VISIBLE = 0.08  # attenuation that a plain threshold at 92 % of the background sees


@dataclass(slots=True)
class Sketch:
    """A silhouette in millimetres around its middle.

    Parameters
    ----------
    body : float
        Attenuation of the bulk of the body; below 0.12 the object is faint as a whole.
    texture : float
        Share by which the attenuation varies inside.
    """

    body: float = 0.5
    texture: float = 0.12
    shapes: list[tuple[FloatArray, float, float | None]] = field(default_factory=list)

    def fill(self, points: ArrayLike, shade: float) -> Sketch:
        """Fill a polygon (n, 2) of x, y in mm."""
        self.shapes.append((np.asarray(points, float), shade, None))
        return self

    def line(self, points: ArrayLike, width_mm: float, shade: float) -> Sketch:
        """Draw a line (n, 2) of a width in mm."""
        self.shapes.append((np.asarray(points, float), shade, width_mm))
        return self

    def disc(self, x: float, y: float, radius: float, shade: float, ratio: float = 1.0) -> Sketch:
        """Fill an ellipse; ratio is its height over its width."""
        return self.fill(ellipse(x, y, radius, radius * ratio), shade)

    def posed(self, rng: np.random.Generator, depth: float = 0.15, bend: float = 0.0) -> Sketch:
        """Turn it any way, mirror it, foreshorten it a little, bend its long axis."""
        angle, flip = rng.uniform(0, 2 * np.pi), rng.choice([-1.0, 1.0])
        short, curve = 1 - abs(rng.normal(0, depth)), rng.normal(0, bend) if bend else 0.0
        self.shapes = [
            (turned(bent(p, curve) * (max(short, 0.5), flip), angle), shade, width)
            for p, shade, width in self.shapes
        ]
        return self

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Least x, least y, greatest x, greatest y, mm, with the widths of lines."""
        low = np.min([p.min(axis=0) - (w or 0) / 2 for p, _, w in self.shapes], axis=0)
        high = np.max([p.max(axis=0) + (w or 0) / 2 for p, _, w in self.shapes], axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def ellipse(x: float, y: float, a: float, b: float, points: int = 40) -> FloatArray:
    """Outline of an ellipse."""
    turn = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.column_stack([x + a * np.cos(turn), y + b * np.sin(turn)])


def turned(points: FloatArray, angle: float) -> FloatArray:
    """Points turned around the origin."""
    c, s = np.cos(angle), np.sin(angle)
    return np.asarray(points @ np.array([[c, s], [-s, c]]))


def bent(points: FloatArray, curvature: float) -> FloatArray:
    """Points whose x axis is bent into an arc of that curvature, 1/mm."""
    if abs(curvature) < 1e-6:
        return points
    angle, radius = points[:, 0] * curvature, 1 / curvature - points[:, 1]
    return np.column_stack([radius * np.sin(angle), 1 / curvature - radius * np.cos(angle)])


def blob(
    rng: np.random.Generator, radius: float, rough: float, ratio: float = 1.0, points: int = 48
) -> FloatArray:
    """Outline of an irregular lump: a circle with random harmonics of falling size."""
    turn = np.linspace(0, 2 * np.pi, points, endpoint=False)
    order = np.arange(2, 9)
    size = rng.normal(0, rough, order.size) / order**0.7
    phase = rng.uniform(0, 2 * np.pi, order.size)
    wave = (size[:, None] * np.cos(order[:, None] * turn + phase[:, None])).sum(axis=0)
    r = radius * np.maximum(1 + wave, 0.25)
    return np.column_stack([r * np.cos(turn), r * ratio * np.sin(turn)])


def ribbon(spine: ArrayLike, half_widths: ArrayLike) -> FloatArray:
    """Outline of a band along a spine (n, 2), of half widths (n) in mm."""
    spine = np.asarray(spine, float)
    way = np.gradient(spine, axis=0)
    normal = np.column_stack([-way[:, 1], way[:, 0]])
    normal /= np.maximum(np.hypot(*normal.T), 1e-9)[:, None]
    half = np.asarray(half_widths, float)[:, None]
    return np.vstack([spine + normal * half, (spine - normal * half)[::-1]])


def wave(
    rng: np.random.Generator, length: float, height: float, turns: float, points: int = 40
) -> FloatArray:
    """Draw a wavy line along x, centred on the origin."""
    x = np.linspace(-0.5, 0.5, points)
    phase = rng.uniform(0, 2 * np.pi)
    y = height * np.sin(2 * np.pi * turns * x + phase)
    return np.column_stack([x * length, y - y.mean()])


@dataclass(frozen=True, slots=True)
class Stamp:
    """A silhouette in whole pixels.

    Parameters
    ----------
    attenuation : array (y, x), float32
        Share of the light taken away; slightly negative in the bright fringe of a shadow.
    mask : array (y, x), bool
        Pixels that belong to the object: 8 % or more below the background, without noise; for an
        object that is faint as a whole, half its own contrast.
    top, left : int
        Line and column of the first pixel.
    silhouette_mm2 : float
        Area of the shape itself, before any optics.
    """

    attenuation: Float32Array
    mask: NDArray[np.bool_]
    top: int
    left: int
    silhouette_mm2: float


def _oversampling(extent_px: float) -> int:
    return 4 if extent_px < 250 else 2 if extent_px < 700 else 1


def _paint(
    sketch: Sketch, origin: tuple[float, float], shape: tuple[int, int], step: float
) -> NDArray[np.uint8]:
    """Paint the shapes on a fine isotropic grid of `step` mm, shades as 0 to 255."""
    canvas = np.zeros(shape, np.uint8)
    for points, shade, width in sketch.shapes:
        fine = (points - origin) / step - 0.5
        where = np.rint(fine * (1 << _SUBPIXEL)).astype(np.int32)
        if width is None:
            cv2.fillPoly(canvas, [where], round(255 * shade), cv2.LINE_8, _SUBPIXEL)
            continue
        thick = max(1, round(width / step))
        thin = min(1.0, width / step)  # a line thinner than the grid takes less light
        cv2.polylines(
            canvas, [where], False, round(255 * shade * thin), thick, cv2.LINE_8, _SUBPIXEL
        )
    return canvas


def _textured(attenuation: Float32Array, amount: float, rng: np.random.Generator) -> Float32Array:
    """Vary the attenuation smoothly, at a scale of some six pixels."""
    height, width = attenuation.shape
    coarse = rng.normal(0, amount, (height // 6 + 2, width // 6 + 2)).astype(np.float32)
    grain = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(attenuation * np.clip(1 + grain, 0.4, 1.6), np.float32)


def _lens(attenuation: Float32Array, blur_px: tuple[float, float]) -> Float32Array:
    """Disc of confusion of an object out of focus; radii in pixels, along x and y."""
    rx, ry = blur_px
    x = np.arange(-np.ceil(rx), np.ceil(rx) + 1)
    y = np.arange(-np.ceil(ry), np.ceil(ry) + 1)[:, None]
    disc = np.clip((1.15 - np.hypot(x / max(rx, 0.5), y / max(ry, 0.5))) * 3, 0, 1)
    kernel = (disc / disc.sum()).astype(np.float32)
    return np.asarray(cv2.filter2D(attenuation, -1, kernel, borderType=cv2.BORDER_CONSTANT))


def stamp(
    sketch: Sketch,
    x_mm: float,
    y_mm: float,
    *,
    pixel_width: float,
    pixel_height: float,
    blur_mm: float,
    rng: np.random.Generator,
) -> Stamp:
    """See a sketch whose middle lies at (x, y) mm of a picture through the camera.

    Parameters
    ----------
    pixel_width, pixel_height : float, mm
        Size of a pixel; the sketch is drawn in mm and sampled in both spacings.
    blur_mm : float, mm
        Radius of the disc of confusion; 0 in focus.
    """
    low_x, low_y, high_x, high_y = sketch.bounds
    pad = 0.25 + 2 * blur_mm
    left = int(np.floor((x_mm + low_x - pad) / pixel_width))
    top = int(np.floor((y_mm + low_y - pad) / pixel_height))
    width = int(np.ceil((x_mm + high_x + pad) / pixel_width)) - left
    height = int(np.ceil((y_mm + high_y + pad) / pixel_height)) - top
    step = pixel_width / _oversampling(max(width, height))
    origin = (left * pixel_width - x_mm, top * pixel_height - y_mm)
    fine = (round(height * pixel_height / step), round(width * pixel_width / step))
    canvas = _paint(sketch, origin, fine, step)
    silhouette = float(np.count_nonzero(canvas)) * step * step
    grey = cv2.resize(canvas.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    attenuation = _textured(grey / np.float32(255), sketch.texture, rng)
    attenuation = _through_optics(attenuation, blur_mm, pixel_width, pixel_height)
    return Stamp(attenuation, _mask(attenuation, sketch.body), top, left, silhouette)


def _through_optics(
    attenuation: Float32Array, blur_mm: float, pixel_width: float, pixel_height: float
) -> Float32Array:
    """Blur, and give the shadow its bright fringe."""
    if blur_mm > 0:
        attenuation = _lens(attenuation, (blur_mm / pixel_width, blur_mm / pixel_height))
    sharp = cv2.GaussianBlur(
        attenuation, (0, 0), _SHARP_MM / pixel_width, sigmaY=_SHARP_MM / pixel_height
    )
    halo = cv2.blur(sharp, (5, 5))
    return np.asarray(np.clip(sharp + 0.18 * (sharp - halo), -0.1, 0.97), np.float32)


def _mask(attenuation: Float32Array, body: float) -> NDArray[np.bool_]:
    level = min(_VISIBLE, 0.5 * body, 0.5 * float(attenuation.max()))
    return np.asarray(attenuation >= level)
