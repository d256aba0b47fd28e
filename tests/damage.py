"""Ways to damage a folder of files, for Hypothesis: whatever comes of it must be a domain error."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

from seston import inspection
from seston.errors import SestonError

KINDS = ("cut", "flip", "drop", "swap", "utf16", "comma", "sign", "empty", "huge")


def damages() -> st.SearchStrategy[tuple[str, float, float]]:
    """Give a kind of damage, the file (as a share of the list) and the place (of its bytes)."""
    share = st.floats(0, 0.999)
    return st.tuples(st.sampled_from(KINDS), share, share)


def damage(folder: Path, how: tuple[str, float, float]) -> Path:
    """Damage one file of a folder."""
    kind, which, where = how
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    path = files[int(which * len(files))]
    data = path.read_bytes()
    path.write_bytes(damaged(data, kind, int(where * max(1, len(data)))))
    return path


def damaged(data: bytes, kind: str, at: int) -> bytes:
    """Damage bytes; see `KINDS`."""
    lines = data.split(b"\n")
    row = data[:at].count(b"\n")
    if kind == "cut":
        return data[:at]
    if kind == "flip":
        return data[:at] + bytes(b ^ 0x5A for b in data[at : at + 8]) + data[at + 8 :]
    if kind == "drop":
        return b"\n".join(lines[:row] + lines[row + 1 :])
    if kind == "swap":
        cut = b";" if b";" in lines[row] else b"\t" if b"\t" in lines[row] else b","
        lines[row] = cut.join(reversed(lines[row].split(cut)))
        return b"\n".join(lines)
    if kind == "utf16":
        return data.decode("latin-1").encode("utf-16")
    if kind == "comma":
        return data.replace(b".", b",")
    if kind == "sign":
        return data.replace(b"7.", b"-987.")
    if kind == "huge":
        return data.replace(b"1", b"99999999999999999999")
    return b""


def read_all(reader) -> None:
    """Ask a reader for everything; a domain error is an answer too."""
    for ask in (_frames, _particles, lambda r: r.environment(), lambda r: r.files()):
        try:
            ask(reader)
        except SestonError:
            continue


def _frames(reader) -> None:
    frames = reader.frames()
    assert not frames["problem"].isna().any()
    held = frames[frames["vignettes"] > 0]
    for path, rows in held.groupby("path"):
        list(reader.vignettes(path, rows["index_in_file"].tolist()[:20]))


def _particles(reader) -> None:
    for sample in reader.particles():
        assert sum(len(piece) for piece in sample.counts()) >= 0
        sample.ctd()


def inspect(folder: Path) -> None:
    """Inspect a folder; a domain error is an answer too."""
    try:
        inspection.inspect(folder)
    except SestonError:
        return
