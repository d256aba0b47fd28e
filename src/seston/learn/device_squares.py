"""Squares made on the device: ragged vignettes go up as bytes, and come out all of one size.

What `seston.learn.preprocess.squares` does one by one with OpenCV, this does for a whole batch
with two products of matrices: resizing is linear, and the weights of "area" (the share of a
target pixel that each source pixel covers) and of "linear" (the two nearest pixel centres) stand
in a matrix for the lines and one for the columns. Levels are those of OpenCV, or one beside where
its fixed-point numbers round otherwise.

Imports torch at once, as `seston.learn._network` does.
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
    is_area: Tensor


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
    fit = _fit(shapes, side, sizes, device)
    most = shapes.max(axis=0)
    canvas = _canvas(pixels, starts, fit, int(most[0]), int(most[1]))
    lines = _weights(fit.height, fit.rows, fit.is_area, side, int(most[0]))
    columns = _weights(fit.width, fit.columns, fit.is_area, side, int(most[1]))
    made = (lines @ canvas @ columns.transpose(1, 2)).round().clamp(0, 255).to(torch.uint8)
    inside = lines.sum(2).gt(0)[:, :, None] & columns.sum(2).gt(0)[:, None, :]
    return torch.where(inside, made, _border_median(pixels, starts, fit)[:, None, None])


def _fit(shapes: Int64Array, side: int, sizes: Float64Array, device: torch.device) -> _Fit:
    """Give the sizes that `preprocess` gives: the same divisions, in the same order."""
    height, width = shapes.T
    tall = height * (sizes[:, 0] / sizes[:, 1])
    scale = side / np.maximum(tall, width)
    rows, columns = (np.clip(np.rint(length * scale), 1, side) for length in (tall, width))
    is_area = (rows <= height) & (columns <= width)
    whole = (height, width, rows.astype(np.int64), columns.astype(np.int64), is_area)
    return _Fit(*(_up(np.ascontiguousarray(values), device) for values in whole))


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


def _weights(length: Tensor, target: Tensor, is_area: Tensor, side: int, most: int) -> Tensor:
    """Weights (n, side, most) of source pixels in the target pixels of a square.

    Rows of target pixels outside the vignette are zero.
    """
    before = (side - target) // 2
    i = torch.arange(side, device=length.device)[None, :] - before[:, None]
    inside = (i >= 0) & (i < target[:, None])
    step = (length.double() / target.double())[:, None, None]
    low = i[:, :, None] * step
    source = torch.arange(most, device=length.device)[None, None, :].double()
    area = ((low + step).minimum(source + 1) - low.maximum(source)).clamp(min=0) / step
    last = (length[:, None, None] - 1).double()
    centre = ((i[:, :, None] + 0.5) * step - 0.5).clamp(min=0).minimum(last)
    linear = (1 - (centre - source).abs()).clamp(min=0)
    weights = torch.where(is_area[:, None, None], area, linear)
    return (weights * inside[:, :, None]).float()


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
