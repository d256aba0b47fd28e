"""Frames with known objects from which a network learns to find and name them at once.

A scene has the detritus of a random place and depth of the tow, in its natural density or near
it, and far more plankton than nature: as many of each taxon.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from seston.config import Segmentation
from seston.frame import AnnotatedFrame, Instance, UInt8Array
from seston.image import corrected_lines
from seston.simulate.kinds import KINDS, Kind
from seston.simulate.light import add_noise
from seston.simulate.scene import Place, Seen, expected, factor, light_of, pixel_height, see
from seston.simulate.settings import TowSettings
from seston.simulate.tow import File, Tow

_ANNOTATED = 0xA220  # stream of random numbers
_LINES = 4096
#: Taxa of large organisms are rarer by this power of their length: there is no room for as many.
_RARER = 0.7
#: Detritus of a scene, as a factor on its natural concentration: drawn evenly on a log scale.
_DETRITUS = (0.25, 1.6)


@dataclass(frozen=True, slots=True)
class SimulatedFrames:
    """An endless supply of frames of simulated scenes: one number, one frame.

    Parameters
    ----------
    seed : int
        Other than the seed of a tow, it gives other individuals.
    plankton : int or None
        Individuals of plankton in a frame, large taxa rarer; None: as
        many as in nature, in the detritus of nature.
    lines : int
        Lines of a frame.
    settings : TowSettings
        The camera and its tow.
    detritus : bool
        Whether detritus is annotated too.
    """

    seed: int
    plankton: int | None = 200
    lines: int = _LINES
    settings: TowSettings = field(default_factory=TowSettings)
    detritus: bool = False

    @property
    def taxa(self) -> tuple[str, ...]:
        """The plankton: what is wanted. Detritus is background."""
        return tuple(kind.label for kind in KINDS if kind.plankton)

    @property
    def identity(self) -> str:
        """What the frames are: equal text, equal frames."""
        return f"seston.simulate, {self!r}"

    def frame(self, number: int) -> AnnotatedFrame:
        """Draw a frame; equal seeds and numbers give equal frames."""
        rng = np.random.default_rng([self.seed, _ANNOTATED, number])
        tow = Tow(self.settings)
        start = float(rng.uniform(0, self.settings.duration_s))
        file = File(number, number, start, 0, 0, self.lines)
        places = [*self._plankton(rng), *self._natural(rng, tow, start)]
        drawn = [seen for seen in (see(p, tow, file) for p in places) if seen is not None]
        pixels = self._picture(rng, start, drawn)
        return AnnotatedFrame(
            name=f"simulated-{self.seed}-{number}",
            pixels=corrected_lines(pixels, Segmentation.model_validate({})),
            instances=tuple(
                _instance(s) for s in drawn if self.detritus or KINDS[s.place.kind].plankton
            ),
            pixel_height=pixel_height(tow, start),
            pixel_width=self.settings.pixel_width_mm,
        )

    def frames(self, first: int, count: int) -> Iterator[AnnotatedFrame]:
        """Draw some frames."""
        for number in range(first, first + count):
            yield self.frame(number)

    def _plankton(self, rng: np.random.Generator) -> list[Place]:
        living = [number for number, kind in enumerate(KINDS) if kind.plankton]
        odds = np.array([KINDS[number].length_mm ** -_RARER for number in living])
        drawn = rng.choice(living, self.plankton or 0, p=odds / odds.sum())
        return [self._place(rng, int(kind)) for kind in drawn]

    def _natural(self, rng: np.random.Generator, tow: Tow, start: float) -> list[Place]:
        """Detritus, and where `plankton` is None the plankton of nature."""
        s = self.settings
        mean = expected(tow, start) * s.volume_m3(float(tow.speed(start)))
        mean *= self.lines / s.frame_lines
        return [
            self._place(rng, number)
            for number, kind in enumerate(KINDS)
            for _ in range(rng.poisson(mean[number] / factor(s, kind) * self._share(rng, kind)))
        ]

    def _share(self, rng: np.random.Generator, kind: Kind) -> float:
        """Factor on the natural concentration of a kind."""
        if self.plankton is None:
            return 1.0
        return 0.0 if kind.plankton else float(np.exp(rng.uniform(*np.log(_DETRITUS))))

    def _place(self, rng: np.random.Generator, kind: int) -> Place:
        blurred = rng.random() < self.settings.blurred_share
        return Place(
            kind=kind,
            file=0,
            frame=0,
            line=rng.random() * self.lines,
            column=rng.random() * self.settings.width,
            size_mm=KINDS[kind].size(rng),
            blur_mm=rng.uniform(0.08, 0.40) if blurred else 0.0,
            seed=int(rng.integers(1 << 62)),
        )

    def _picture(self, rng: np.random.Generator, start: float, drawn: list[Seen]) -> UInt8Array:
        s = self.settings
        light = light_of(int(rng.integers(1 << 31)), s.width)
        grey = light.lines(start, self.lines, 1 / s.line_rate_hz)
        for seen in drawn:
            rows, columns = seen.stamp.mask.shape
            top, left = seen.stamp.top, seen.stamp.left
            grey[top : top + rows, left : left + columns] *= 1 - seen.stamp.attenuation
        add_noise(grey, rng)
        return np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8)


def _instance(seen: Seen) -> Instance:
    stamp = seen.stamp
    rows, columns = (np.flatnonzero(stamp.mask.any(axis=axis)) for axis in (1, 0))
    inside = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    top, left = stamp.top + int(rows[0]), stamp.left + int(columns[0])
    return Instance(KINDS[seen.place.kind].label, top, left, stamp.mask[inside])
