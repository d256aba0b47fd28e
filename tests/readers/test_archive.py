"""Archives that are damaged, that lie, or that are very large."""

from __future__ import annotations

import errno
import gzip
import io
import os
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seston.errors import AccessError, InputError
from seston.readers.archive import damage, limits, open_file, open_shelf, text_lines

LINES = b"".join(b"20200205-%06d,10.0,14.2,1:3,%d,30.1,2.5;\n" % (i, i % 7) for i in range(5000))


def pack(path: Path, members: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def change(path: Path, old: bytes, offset: int, new: bytes) -> Path:
    """Write bytes over others, so many after the last `old`."""
    data = bytearray(path.read_bytes())
    at = data.rindex(old) + offset
    data[at : at + len(new)] = new
    path.write_bytes(data)
    return path


#: The header of a member before its bytes, and its entry in the list at the end.
LOCAL, ENTRY = b"PK\x03\x04", b"PK\x01\x02"


def wrong_crc(path: Path) -> None:
    change(path, ENTRY, 16, b"\x01\x02\x03\x04")


def flipped(path: Path) -> None:
    change(path, LOCAL, 60, b"\xff\xff\xff\xff")


def encrypted(path: Path) -> None:
    change(path, ENTRY, 8, b"\x01")


def unknown_method(path: Path) -> None:
    change(change(path, LOCAL, 8, b"\x61"), ENTRY, 10, b"\x61")


@pytest.mark.parametrize(("harm", "said", "cure"), [
    (wrong_crc, "is damaged: Bad CRC-32", "Copy it again"),
    (flipped, "is damaged", "Copy it again"),
    (encrypted, "is encrypted", "without a password"),
    (unknown_method, "is packed in a way that is not known", "deflate"),
])  # fmt: skip
def test_an_error_names_the_archive_the_file_in_it_and_the_cure(
    tmp_path: Path, harm: Callable[[Path], None], said: str, cure: str
) -> None:
    path = pack(tmp_path / "a.zip", {"b/particules.csv": LINES})
    harm(path)
    shelf = open_shelf(path)
    for read in (shelf.text, lambda name: list(shelf.lines(name))):
        with pytest.raises(InputError) as error:
            read("b/particules.csv")
        assert error.value.where == str(path)
        assert error.value.what.startswith(f"b/particules.csv {said}")
        assert error.value.cure is not None
        assert cure in error.value.cure


@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.99])
def test_a_cut_archive_is_an_error_that_says_to_copy_it_again(tmp_path: Path, kept: float) -> None:
    path = pack(tmp_path / "a.zip", {"a.csv": LINES})
    os.truncate(path, int(kept if kept > 1 else kept * path.stat().st_size))
    with pytest.raises(InputError, match=r"a\.zip: the archive is damaged: .*\n  Copy it again"):
        open_shelf(path)


def test_a_cut_gzip_gives_what_is_before_the_cut_and_then_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv.gz"
    whole = gzip.compress(LINES)
    path.write_bytes(whole[: len(whole) // 2])
    lines = text_lines(open_file(path), str(path))
    assert next(lines) == LINES.decode().splitlines(keepends=True)[0]
    with pytest.raises(InputError, match=r"a\.tsv\.gz: the file is damaged"):
        list(lines)


def test_a_disk_that_does_not_answer_is_no_damage_of_the_file(tmp_path: Path) -> None:
    said = r"a\.zip: b cannot be read: .*\n  Mend the disk"
    with pytest.raises(AccessError, match=said), damage("a.zip", "b"):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    with pytest.raises(AccessError, match=r"gone\.zip"):
        open_shelf(tmp_path / "gone.zip")


# ------------------------------------------------------------------------------------- bombs
def test_what_unpacks_a_thousandfold_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = pack(tmp_path / "bomb.zip", {"metadata.ini": b"0" * (1 << 24)})
    shelf = open_shelf(path)
    tracemalloc.start()
    for read in (shelf.text, lambda name: list(shelf.lines(name))):
        with pytest.raises(InputError, match=r"metadata\.ini claims to unpack to 16,777,216 bytes"):
            read("metadata.ini")
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


@given(packed=st.integers(0, 1 << 40))
def test_what_is_small_or_packs_as_text_does_is_no_bomb(packed: int) -> None:
    most = limits.most_unpacked(packed)
    assert most >= max(1 << 20, 200 * packed)
    assert most <= max(1 << 20, 1000 * packed)
    assert most <= max(1 << 26, 200 * packed)


def test_a_file_that_is_larger_than_it_may_be_is_refused_in_an_archive_and_in_a_folder(
    tmp_path: Path,
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_bytes(LINES)
    places = tmp_path / "folder", pack(tmp_path / "a.zip", {"a": LINES}, zipfile.ZIP_STORED)
    for shelf in map(open_shelf, places):
        assert shelf.read("a", len(LINES)) == LINES
        with pytest.raises(InputError, match=f"a .* more than {len(LINES) - 1:,}"):
            shelf.read("a", len(LINES) - 1)


def test_an_archive_of_too_many_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_MEMBERS", 3)
    assert len(open_shelf(pack(tmp_path / "a.zip", dict.fromkeys("abc", b""))).names()) == 3
    with pytest.raises(InputError, match="holds more than 3 files"):
        open_shelf(pack(tmp_path / "b.zip", dict.fromkeys("abcd", b"")))


@pytest.mark.parametrize("packed", [True, False])
def test_a_line_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    monkeypatch.setattr(limits, "MOST_LINE", 1000)
    data = b"a,b\n" + os.urandom(4000).hex().encode()
    (tmp_path / "a.csv").write_bytes(data)
    shelf = open_shelf(pack(tmp_path / "a.zip", {"a.csv": data}) if packed else tmp_path)
    lines = shelf.lines("a.csv")
    assert next(lines) == "a,b\n"
    with pytest.raises(InputError, match=r"a\.csv has a line that does not end"):
        next(lines)


def test_memory_does_not_grow_with_a_long_table(tmp_path: Path) -> None:
    def peak(times: int) -> int:
        shelf = open_shelf(pack(tmp_path / f"{times}.zip", {"a.csv": LINES * times}))
        tracemalloc.start()
        assert sum(1 for _ in shelf.lines("a.csv")) == 5000 * times
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    few = peak(4)
    assert few < 1 << 20
    assert peak(64) < 1.5 * few


# ------------------------------------------------------------------------------------- names
def test_names_that_lead_out_of_an_archive_name_nothing(tmp_path: Path) -> None:
    out = dict.fromkeys(["../a", "/etc/a", "b/../../a", "C:/a", "..\\a"], b"no")
    shelf = open_shelf(pack(tmp_path / "a.zip", out | {"b\\c.csv": b"yes", "./d": b"yes"}))
    assert shelf.names() == ["b/c.csv", "d"]
    assert shelf.text("b/c.csv") == shelf.text(shelf.need("C.CSV")) == "yes"
    for name in out:
        assert not shelf.holds(name)
        with pytest.raises(InputError, match="holds no"):
            shelf.text(name)
    with pytest.raises(InputError, match=r"a\.zip: holds no a$"):
        shelf.need("a")


def test_a_picture_is_the_same_in_a_folder_an_archive_and_an_archive_in_one(tmp_path: Path) -> None:
    grey = np.arange(240, dtype=np.uint8).reshape(12, 20)
    content = {"p/a.png": cv2.imencode(".png", grey)[1].tobytes()}
    (tmp_path / "folder" / "p").mkdir(parents=True)
    (tmp_path / "folder" / "p" / "a.png").write_bytes(content["p/a.png"])
    packed = pack(tmp_path / "a.zip", content)
    outer = open_shelf(pack(tmp_path / "b.zip", {"x/a.zip": packed.read_bytes()}))
    for shelf in (open_shelf(tmp_path / "folder"), open_shelf(packed), outer.inner("x/a.zip")):
        np.testing.assert_array_equal(shelf.picture("p/a.png", 240), grey)
        with pytest.raises(InputError, match="12 x 20 pixels, more than 239"):
            shelf.picture("p/a.png", 239)


# ----------------------------------------------------------------------- archives in archives
def inner(text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.csv", text)
    return buffer.getvalue()


def test_of_many_archives_in_one_only_few_are_held_and_all_can_be_read(tmp_path: Path) -> None:
    big = os.urandom(1 << 19).hex()
    texts = {f"{i}.zip": f"{i}{big}" for i in range(16)}
    outer = open_shelf(pack(tmp_path / "a.zip", {n: inner(t) for n, t in texts.items()}))
    tracemalloc.start()
    shelves = {name: outer.inner(name) for name in texts}
    assert tracemalloc.get_traced_memory()[0] < 4 * len(big)
    tracemalloc.stop()
    for name, shelf in shelves.items():
        assert shelf.text("a.csv") == texts[name]


def test_a_damaged_archive_in_one_is_an_error_that_names_both(tmp_path: Path) -> None:
    outer = open_shelf(pack(tmp_path / "a.zip", {"b/c.zip": inner("x")[:40]}))
    with pytest.raises(InputError, match=r"a\.zip/b/c\.zip: the archive is damaged"):
        outer.inner("b/c.zip")


def test_a_large_archive_in_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_INNER", 50)
    outer = open_shelf(pack(tmp_path / "a.zip", {"c.zip": inner("x")}))
    with pytest.raises(InputError, match=r"a\.zip: c\.zip claims to unpack to .* more than 50\n"):
        outer.inner("c.zip")
