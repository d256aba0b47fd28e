"""Files of instruments, as they left the instrument: one file here for each kind.

A reader lists frames, decodes them and reads the environment; it never segments or writes.
"""

from seston.readers.piece import Piece
from seston.readers.reader import (
    About,
    FrameReader,
    ParticleReader,
    ParticleSample,
    Reader,
    VignetteReader,
)
from seston.readers.registry import (
    instruments,
    open_deployment,
    reader_of,
    readers,
    recognise,
    register,
)

__all__ = [
    "About",
    "FrameReader",
    "ParticleReader",
    "ParticleSample",
    "Piece",
    "Reader",
    "VignetteReader",
    "instruments",
    "open_deployment",
    "reader_of",
    "readers",
    "recognise",
    "register",
]
