"""Damage to the text files of scanned net samples, and what must survive it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from hypothesis import strategies as st

from seston import inspection
from seston.errors import SestonError
from seston.readers import FrameReader, Reader, VignetteReader


def copy(pristine: Path, target: Path) -> Path:
    """Copy a folder; pictures are linked, so that a copy costs nothing."""
    shutil.rmtree(target, ignore_errors=True)

    def one(source: str, goal: str) -> str:
        large = source.endswith((".tif", ".jpg"))
        Path(goal).hardlink_to(source) if large else shutil.copyfile(source, goal)
        return goal

    return Path(shutil.copytree(pristine, target, copy_function=one))


def _cut(data: bytes, place: float, _: int) -> bytes:
    return data[: int(place * len(data))]


def _flip(data: bytes, place: float, value: int) -> bytes:
    at = int(place * (len(data) - 1))
    return data[:at] + bytes([data[at] ^ (value or 1)]) + data[at + 1 :]


def _line(change: Callable[[list[bytes], int], None]) -> Callable[[bytes, float, int], bytes]:
    def damage(data: bytes, place: float, _: int) -> bytes:
        lines = data.split(b"\n")
        change(lines, int(place * (len(lines) - 1)))
        return b"\n".join(lines)

    return damage


def _swap_columns(data: bytes, place: float, value: int) -> bytes:
    lines = data.split(b"\n")
    mark = b";" if data.count(b";") > data.count(b"\t") else b"\t"
    header = max(range(len(lines)), key=lambda i: lines[i].count(mark))
    cells = lines[header].split(mark)
    one, other = int(place * (len(cells) - 1)), value % len(cells)
    cells[one], cells[other] = cells[other], cells[one]
    lines[header] = mark.join(cells)
    return b"\n".join(lines)


def _negated(data: bytes, place: float, _: int) -> bytes:
    places = [i for i in range(1, len(data)) if data[i : i + 1].isdigit()
              and data[i - 1 : i] in b";\t ="]  # fmt: skip
    at = places[int(place * (len(places) - 1))] if places else 0
    return data[:at] + b"-" + data[at:]


DAMAGE = {
    "cut": _cut,
    "byte flipped": _flip,
    "line dropped": _line(lambda lines, at: lines.pop(at)),
    "line twice": _line(lambda lines, at: lines.insert(at, lines[at])),
    "columns swapped": _swap_columns,
    "sign changed": _negated,
    "decimal commas": lambda data, *_: data.replace(b".", b","),
    "commas for semicolons": lambda data, *_: data.replace(b";", b","),
    "utf-16": lambda data, *_: data.decode("utf-8").encode("utf-16"),
    "mark": lambda data, *_: b"\xef\xbb\xbf" + data,
    "latin-1": lambda data, *_: data.replace(b"e", b"\xe9", 3),
    "huge numbers": lambda data, *_: data.replace(b"20", b"2" + b"0" * 400, 3),
    "infinite": lambda data, *_: data.replace(b"20", b"inf"),
    "empty": lambda *_: b"",
}
damages = st.tuples(st.sampled_from(sorted(DAMAGE)), st.floats(0, 1), st.integers(0, 255))


def harm(path: Path, how: tuple[str, float, int]) -> None:
    data = DAMAGE[how[0]](path.read_bytes(), how[1], how[2])
    path.unlink()
    path.write_bytes(data)


def survives(reader: Reader, folder: Path, *, pixels: bool = True) -> None:
    """Do all that a workflow does; only our own errors may come out."""
    try:
        reader.files()
        reader.environment()
        frames = reader.frames()
        for frame in frames[frames["usable"] == 1].itertuples():
            assert frame.subsample_factor >= 1
            assert not abs(frame.latitude) > 90
            assert not abs(frame.longitude) > 180
            if isinstance(reader, VignetteReader):
                (found,) = reader.vignettes(frame.path, [0])
                assert len(found) == frame.vignettes
                assert len({(v.top, v.left) for v in found}) == len(found)
            elif pixels and isinstance(reader, FrameReader):
                reader.background(frame.path, 0)
    except SestonError:
        pass
    inspection.inspect(folder, reader.name)
