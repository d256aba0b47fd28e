"""Squares made on the device: ragged vignettes go up as bytes, and come out all of one size.

What `seston.learn.preprocess.squares` does one by one with OpenCV, this does for a whole batch,
and to the same grey levels, since a network sees a difference of one: in each hundredth vignette
whose best two taxa are near, it is enough to change the taxon. Enlarging is done in OpenCV's own
integers. Reducing, the mean of the pixels that a target pixel covers, is two products of
matrices; where the mean is a half, but for rounding, a level may differ by one.

Imports torch at once, as `seston.learn.networks.exported` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seston.learn import preprocess

UInt8Array = NDArray[np.uint8]
Int64Array = NDArray[np.int64]
Float64Array = NDArray[np.float64]

LARGEST: Final = 512
"""Lines or columns of the largest vignette that goes up; OpenCV makes larger ones small before."""


@dataclass(frozen=True, slots=True)
class _Fit:
    """Where vignettes lie in their squares; each (n,), on the device."""

    height: Tensor
    width: Tensor
    rows: Tensor
    columns: Tensor

    def of(self, at: Tensor) -> _Fit:
        """Give those of some vignettes."""
        return _Fit(*(getattr(self, name)[at] for name in self.__slots__))


def squares(
    vignettes: Sequence[UInt8Array], side: int, sizes: Float64Array, device: torch.device
) -> Tensor:
    """Fit each vignette into a square, keeping its true proportions.

    Parameters
    ----------
    vignettes : sequence of array (y, x), uint8
    side : int
        Side of the squares, pixels.
    sizes : array (n, 2)
        Height and width of the pixels of each vignette; only their ratio matters here.
    device : torch.device

    Returns
    -------
    tensor (n, side, side), uint8, on the device
        The vignette in the middle, with the median of its border around it.
    """
    shapes = np.array([v.shape for v in vignettes], np.int64).reshape(-1, 2)
    is_large = shapes.max(axis=1, initial=0) > LARGEST
    large, small = np.flatnonzero(is_large), np.flatnonzero(~is_large)
    out = torch.empty((len(shapes), side, side), dtype=torch.uint8, device=device)
    if large.size:
        made = preprocess.squares([vignettes[i] for i in large.tolist()], side, sizes[large])
        out[_up(large, device)] = _up(made, device)
    if small.size:
        chosen = [vignettes[i] for i in small.tolist()]
        out[_up(small, device)] = _fitted(chosen, shapes[small], side, sizes[small], device)
    return out


def _fitted(
    vignettes: Sequence[UInt8Array],
    shapes: Int64Array,
    side: int,
    sizes: Float64Array,
    device: torch.device,
) -> Tensor:
    pixels = _up(np.concatenate([v.reshape(-1) for v in vignettes]), device)
    starts = _up(np.cumsum(shapes.prod(axis=1)) - shapes.prod(axis=1), device)
    rows, columns = _targets_of(shapes, side, sizes)
    fit = _Fit(*(_up(np.ascontiguousarray(a), device) for a in (*shapes.T, rows, columns)))
    made = _linear(pixels, starts, fit, side)
    area = np.flatnonzero((rows <= shapes[:, 0]) & (columns <= shapes[:, 1]))
    if area.size:
        at = _up(area, device)
        made[at] = _area(pixels, starts[at], fit.of(at), side, shapes[area].max(axis=0))
    inside = _inside(fit.rows, side)[:, :, None] & _inside(fit.columns, side)[:, None, :]
    return torch.where(inside, made, _border_median(pixels, starts, fit)[:, None, None])


def _linear(pixels: Tensor, starts: Tensor, fit: _Fit, side: int) -> Tensor:
    """Between the two nearest lines and columns, in OpenCV's integers of 11 and 5 bits."""
    y0, y1, low, high = _taps(fit.height, fit.rows, side)
    x0, x1, left, right = _taps(fit.width, fit.columns, side)
    width = fit.width[:, None, None]

    def across(y: Tensor) -> Tensor:
        at = starts[:, None, None] + y[:, :, None] * width
        first, second = pixels[at + x0[:, None, :]].int(), pixels[at + x1[:, None, :]].int()
        return (first * left[:, None, :] + second * right[:, None, :]) >> 4

    upper, lower = (across(y0) * low[:, :, None]) >> 16, (across(y1) * high[:, :, None]) >> 16
    return ((upper + lower + 2) >> 2).to(torch.uint8)


def _taps(length: Tensor, target: Tensor, side: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """For each pixel of a square, the two source pixels and their weights of 11 bits, (n, side)."""
    i = _targets(target, side)
    step = 1 / (target.double() / length.double())
    centre = ((i + 0.5) * step[:, None] - 0.5).float()
    first = centre.floor()
    part = centre - first
    last = length[:, None] - 1
    part = torch.where((first < 0) | (first >= last), 0, part)
    start = first.long().clamp(min=0).minimum(last)
    weights = ((1 - part) * 2048).round().int(), (part * 2048).round().int()
    return start, (start + 1).minimum(last), *weights


def _targets(target: Tensor, side: int) -> Tensor:
    """Count the pixels of each square from where its vignette begins, (n, side)."""
    before = (side - target) // 2
    return torch.arange(side, device=target.device)[None, :] - before[:, None]


def _inside(target: Tensor, side: int) -> Tensor:
    i = _targets(target, side)
    return (i >= 0) & (i < target[:, None])


def _area(pixels: Tensor, starts: Tensor, fit: _Fit, side: int, most: Int64Array) -> Tensor:
    """Mean of the source pixels that a target pixel covers, as two products of matrices."""
    canvas = _canvas(pixels, starts, fit, int(most[0]), int(most[1]))
    lines = _shares(fit.height, fit.rows, side, int(most[0]))
    columns = _shares(fit.width, fit.columns, side, int(most[1]))
    mean = lines @ canvas @ columns.transpose(1, 2)
    halved = (fit.height == 2 * fit.rows) & (fit.width == 2 * fit.columns)
    # Of means of two by two pixels OpenCV rounds a half up, of others to the even one.
    rounded = torch.where(halved[:, None, None], (mean + 0.5).floor(), mean.round())
    return rounded.clamp(0, 255).to(torch.uint8)


def _targets_of(shapes: Int64Array, side: int, sizes: Float64Array) -> tuple[Int64Array, ...]:
    """Lines and columns that vignettes get: by the divisions of `preprocess`, in their order."""
    height, width = shapes.T
    tall = height * (sizes[:, 0] / sizes[:, 1])
    scale = side / np.maximum(tall, width)
    fitted = (np.clip(np.rint(length * scale), 1, side) for length in (tall, width))
    return tuple(lengths.astype(np.int64) for lengths in fitted)


def _up(values: NDArray[Any], device: torch.device) -> Tensor:
    """Bring an array to the device; a GPU fetches it while the host goes on."""
    tensor = torch.from_numpy(values)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


def _canvas(pixels: Tensor, starts: Tensor, fit: _Fit, lines: int, columns: int) -> Tensor:
    """Lay vignettes into one array (n, lines, columns), float32; what is beside them counts not."""
    y = torch.arange(lines, device=pixels.device)[None, :, None]
    x = torch.arange(columns, device=pixels.device)[None, None, :]
    height, width = fit.height[:, None, None], fit.width[:, None, None]
    at = starts[:, None, None] + y.minimum(height - 1) * width + x.minimum(width - 1)
    return pixels[at].float()


def _shares(length: Tensor, target: Tensor, side: int, most: int) -> Tensor:
    """Share (n, side, most) of each target pixel that each source pixel covers."""
    i = _targets(target, side)
    step = (length.double() / target.double())[:, None, None]
    low = i[:, :, None] * step
    source = torch.arange(most, device=length.device)[None, None, :].double()
    covered = ((low + step).minimum(source + 1) - low.maximum(source)).clamp(min=0)
    return (covered / step * _inside(target, side)[:, :, None]).float()


def _border_median(pixels: Tensor, starts: Tensor, fit: _Fit) -> Tensor:
    """Median level of the border of each vignette, corners counted twice, (n,), uint8."""
    height, width = fit.height[:, None], fit.width[:, None]
    half = fit.height + fit.width
    p = torch.arange(int(2 * half.max()), device=pixels.device)[None, :]
    top = p
    bottom = (height - 1) * width + p - width
    left = (p - 2 * width) * width
    right = (p - 2 * width - height) * width + width - 1
    at = torch.where(p < width, top, torch.where(p < 2 * width, bottom, left))
    at = torch.where(p < 2 * width + height, at, right)
    beyond = p >= 2 * half[:, None]
    levels = pixels[starts[:, None] + torch.where(beyond, 0, at)].masked_fill(beyond, 255)
    return levels.sort(dim=1).values.gather(1, half[:, None])[:, 0]
