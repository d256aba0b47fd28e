"""The compiled loops against the slow and obvious way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from seston.image import kernels, light, median_level

widths = st.integers(1, 200)  # words of 64, and what is left over
seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=60, deadline=None)
@given(seeds, widths, st.sampled_from([0, 255]), st.integers(0, 600))
def test_runs_are_the_stretches_of_dark_pixels(seed, width, flip, first_line):
    rng = np.random.default_rng(seed)
    lines = rng.choice(np.array([0, 100, 101, 255], np.uint8), (20, width))
    limit = rng.integers(99, 103, (3, width)).astype(np.uint8)
    edges, ptr = kernels.find_runs(lines, first_line, np.uint8(flip), limit)
    for i in range(len(lines)):
        block = (first_line + i) // kernels.BLOCK - first_line // kernels.BLOCK
        dark = (lines[i] ^ flip) < limit[block]
        expected = np.flatnonzero(np.diff(dark.astype(int), prepend=0, append=0))
        assert (edges[2 * ptr[i] : 2 * ptr[i + 1]] == expected).all()


def test_runs_are_kept_where_every_other_pixel_is_dark():
    lines = np.tile(np.array([0, 255], np.uint8), (300, 500))
    edges, ptr = kernels.find_runs(lines, 0, np.uint8(0), np.full((1, 1000), 9, np.uint8))
    assert (np.diff(ptr) == 500).all()
    assert (edges[1::2] - edges[::2] == 1).all()


@settings(deadline=None)  # the first call compiles
@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 30))),
    st.integers(0, 1000),
    st.sampled_from([0, 255]),
)
def test_blocks_and_cells_are_sums_of_their_pixels(lines, first_line, flip):
    rows = np.arange(len(lines)) + first_line
    turned = (lines ^ np.uint8(flip)).astype(np.int64)
    of_block = rows // kernels.BLOCK - first_line // kernels.BLOCK
    of_cell = rows // kernels.CELL - first_line // kernels.CELL
    blocks = np.zeros((of_block[-1] + 1, lines.shape[1]), np.uint32)
    cells = np.zeros((of_cell[-1] + 1, -(-lines.shape[1] // kernels.CELL)), np.uint16)
    begin, end = len(lines) // 3, len(lines) - 1
    bright = light.add_up(lines, first_line, np.uint8(flip), blocks, cells, begin, end)
    assert bright == (lines[begin:end:8] == 255).sum()
    for b in range(len(blocks)):
        assert (blocks[b] == turned[of_block == b].sum(axis=0)).all()
    for (r, c), total in np.ndenumerate(cells):
        columns = slice(kernels.CELL * c, kernels.CELL * (c + 1))
        assert total == turned[of_cell == r, columns].sum()


@pytest.mark.parametrize("level", [1, 120, 207, 221, 240])
def test_the_limit_is_the_first_pixel_that_is_bright_enough_when_corrected(level):
    background = np.concatenate([np.arange(1, 256), np.linspace(1, 255, 9973)])
    scale = (kernels.WHITE / background).astype(np.float32)[None]
    pixels = np.arange(256, dtype=np.float32)[:, None]
    bright = np.minimum(255, (pixels * scale + np.float32(0.5)).astype(int)) >= level
    expected = np.where(bright.any(axis=0), bright.argmax(axis=0), 255)
    assert (kernels.limits(scale, level) == expected).all()


@settings(deadline=None)  # the first call compiles
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_the_median_level_is_numpys(pixels):
    assert median_level(pixels) == np.median(pixels)
