"""A folder or file is there whole, or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from seston.errors import SpaceError
from seston.store import new_file, new_folder


def _content(folder: Path) -> dict[str, str]:
    return {p.name: p.read_text() for p in folder.iterdir()}


def test_a_folder_appears_only_when_the_block_ends_well(tmp_path: Path) -> None:
    target = tmp_path / "store"
    with pytest.raises(RuntimeError), new_folder(target) as draft:
        (draft / "half").write_text("written")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []

    with new_folder(target) as draft:
        (draft / "whole").write_text("written")
        assert not target.exists()
    assert _content(target) == {"whole": "written"}


def test_a_failed_writer_leaves_the_old_folder_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "store"
    with new_folder(target) as draft:
        (draft / "a").write_text("old")
    with pytest.raises(RuntimeError), new_folder(target) as draft:
        (draft / "a").write_text("new")
        raise RuntimeError
    assert _content(target) == {"a": "old"}
    with new_folder(target) as draft:
        (draft / "b").write_text("new")
    assert _content(target) == {"b": "new"}


def test_what_a_killed_writer_left_is_swept_by_the_next(tmp_path: Path) -> None:
    left_over = tmp_path / ".store.abc"
    left_over.mkdir()
    (left_over / "junk").write_text("x")
    other = tmp_path / ".other.abc"
    other.mkdir()
    with new_folder(tmp_path / "store"):
        pass
    assert not left_over.exists()
    assert other.exists()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_with_its_place_and_leaves_nothing(tmp_path: Path, code: int) -> None:
    target = tmp_path / "store"
    with pytest.raises(SpaceError, match="no space is left") as caught, new_folder(target) as draft:
        (draft / "a").write_text("x")
        raise OSError(code, "No space left on device")
    assert str(target) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_really_full_disk_is_said(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with (
        pytest.raises(SpaceError),
        new_file(tmp_path / "page.html"),
        Path("/dev/full").open("wb", buffering=0) as full,
    ):
        full.write(b"x")
    assert list(tmp_path.iterdir()) == []


def test_other_errors_of_the_disk_are_not_called_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), new_folder(tmp_path / "store"):
        raise PermissionError(errno.EACCES, "no")


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    for text in ("one", "two"):
        with new_file(target) as draft:
            draft.write_text(text)
        assert target.read_text() == text
    with pytest.raises(RuntimeError), new_file(target) as draft:
        draft.write_text("half")
        raise RuntimeError
    assert target.read_text() == "two"
    assert list(tmp_path.iterdir()) == [target]
