"""The network: features at five scales of a frame, and from them the class of each cell.

From fine to coarse and back, with the fine features added on the way: a feature pyramid (Lin et
al. 2017, doi:10.1109/CVPR.2017.106) on residual blocks (He et al. 2016,
doi:10.1109/CVPR.2016.90). The first layer looks at whole cells of 4 x 4 pixels and around them,
so that nothing is computed at full resolution: most of a frame is water.

Nothing is normalised by statistics of a batch or a frame. In a frame that is nearly all water
these hang on how many animals happen to be in it, and a cell's answer must not: weights are drawn
so that signals keep their size (He et al. 2015, doi:10.1109/ICCV.2015.123) and a residual begins
small.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812, its usual name
from torch import Tensor, nn

from seston.image.regions import CELL

#: Levels below the background are divided by this.
CONTRAST = 64.0
#: What a residual is multiplied by at first.
RESIDUAL = 0.2
#: At first a cell is water, by so much (in logits).
WATER = 3.0


def _layer(before: int, after: int, step: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, step, 1), nn.ReLU())


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _layer(width, width)
        self.second = nn.Conv2d(width, width, 3, 1, 1)
        self.share = nn.Parameter(torch.tensor(RESIDUAL))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.share * self.second(self.first(x)))


class SemanticNetwork(nn.Module):
    """Scores of each cell of a frame for the background and each taxon.

    Parameters
    ----------
    classes : int
        The background, and the taxa that are wanted.
    widths : sequence of int
        Channels of each scale, the finest (cells of 4 pixels) first; each is half as fine as the
        one before.
    """

    def __init__(self, classes: int, widths: Sequence[int]) -> None:
        super().__init__()
        finest = widths[0]
        self.stem = nn.Sequential(
            nn.Conv2d(1, finest, 2 * CELL, CELL, CELL // 2), nn.ReLU(), _layer(finest, finest)
        )
        steps = list(pairwise(widths))
        self.down = nn.ModuleList(
            nn.Sequential(_layer(fine, coarse, 2), _Residual(coarse)) for fine, coarse in steps
        )
        self.across = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in steps)
        self.up = nn.ModuleList(_layer(fine, fine) for fine, _ in steps)
        self.head = nn.Conv2d(finest, classes, 1)
        self._begin()

    def _begin(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        nn.init.normal_(self.head.weight, std=0.01)
        with torch.no_grad():
            self.head.bias[0] = WATER  # type: ignore[index]

    def forward(self, pixels: Tensor) -> Tensor:
        """Score each cell.

        Parameters
        ----------
        pixels : tensor (n, 1, y, x), float32
            See `scaled`; sides are multiples of `seston.image.regions.STRIDE`.

        Returns
        -------
        tensor (n, class, y / 4, x / 4)
            Logits.
        """
        fine = [self.stem(pixels)]
        for down in self.down:
            fine.append(down(fine[-1]))
        found = fine.pop()
        for k in reversed(range(len(fine))):
            coarse = F.interpolate(self.across[k](found), scale_factor=2.0, mode="nearest")
            found = self.up[k](fine[k] + coarse)
        return torch.as_tensor(self.head(found))


def scaled(grey: Tensor) -> Tensor:
    """Make of grey levels (n, y, x), uint8, what the network takes: 0 is the background."""
    pixels = (240.0 - grey.unsqueeze(1).float()) / CONTRAST
    return pixels.contiguous(memory_format=torch.channels_last)
