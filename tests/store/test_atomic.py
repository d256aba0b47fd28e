"""A folder or file is there whole, or not at all."""

from __future__ import annotations

import errno
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from seston.atomic import check_apart, named
from seston.errors import SpaceError, StoreError
from seston.store import new_file, new_folder

OURS = named("a", "b", "*.csv")


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
    with pytest.raises(RuntimeError), new_folder(target, OURS) as draft:
        (draft / "a").write_text("new")
        raise RuntimeError
    assert _content(target) == {"a": "old"}
    with new_folder(target, OURS) as draft:
        (draft / "b").write_text("new")
    assert _content(target) == {"b": "new"}


def test_a_folder_of_other_things_is_left_alone_and_one_of_them_is_named(tmp_path: Path) -> None:
    target = tmp_path / "pictures"
    target.mkdir()
    (target / "a").write_text("ours")
    (target / "copepod.png").write_text("the only copy")
    before = _content(target)
    told = r"pictures: holds other things, such as copepod.png\n"
    with pytest.raises(StoreError, match=told), new_folder(target, OURS):
        pytest.fail("long work began")
    with pytest.raises(StoreError, match="such as a\n"), new_folder(target):
        pytest.fail("without a word on what is ours, all is another's")
    assert _content(target) == before


def test_what_a_person_puts_there_meanwhile_is_not_lost(tmp_path: Path) -> None:
    target = tmp_path / "store"
    with pytest.raises(StoreError, match="notes"), new_folder(target, OURS) as draft:
        (draft / "a").write_text("new")
        target.mkdir()
        (target / "notes").write_text("of a night")
    assert _content(target) == {"notes": "of a night"}


def test_an_empty_folder_and_what_programs_leave_are_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    for name in (".DS_Store", ".training.png.lock"):
        (tmp_path / "store" / name).write_text("x")
    (tmp_path / "store" / ".training.png.draft-abc").mkdir()
    with new_folder(tmp_path / "store") as draft:
        (draft / "a").write_text("new")
    assert _content(tmp_path / "store") == {"a": "new"}


@pytest.mark.parametrize("written", ["read", "read/inner", ".", "read/../read", "link"])
def test_what_is_read_is_not_written_to(tmp_path: Path, written: str) -> None:
    (tmp_path / "read").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "read")
    with pytest.raises(StoreError, match="must lie apart"):
        check_apart(tmp_path / written, tmp_path / "read")
    check_apart(tmp_path / "reader", tmp_path / "read")


@pytest.mark.parametrize("new", [new_folder, new_file])
def test_what_a_killed_writer_left_is_swept_by_the_next(
    tmp_path: Path, new: Callable[[Path], AbstractContextManager[Path]]
) -> None:
    left_over = tmp_path / ".store.draft-abc"
    left_over.mkdir()
    (left_over / "junk").write_text("x")
    (tmp_path / ".store.lock").write_text("process 1 on a machine that was switched off")
    other = tmp_path / ".store.v2.draft-abc"
    other.mkdir()
    with new(tmp_path / "store") as draft:
        draft.mkdir(exist_ok=True)
    assert {p.name for p in tmp_path.iterdir()} == {"store", other.name}


WRITER = """
import sys, time
from pathlib import Path
from seston.store import new_folder
with new_folder(Path(sys.argv[1])) as draft:
    (draft / "a").write_text("of the first")
    print("writes", flush=True)
    sys.stdin.readline()
    (draft / "b").write_text("of the first")
"""


@pytest.fixture
def first(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that writes tmp_path/store, until it is told to end."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "store")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "writes\n"
        yield process
        process.kill()


def _write_second(target: Path) -> None:
    with new_folder(target, OURS) as draft:
        (draft / "a").write_text("of the second")


def test_a_second_writer_waits_for_the_first_and_is_told_for_whom(
    tmp_path: Path, first: subprocess.Popen[str], caplog: pytest.LogCaptureFixture
) -> None:
    target = tmp_path / "store"
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(_write_second, target)
        time.sleep(0.5)
        assert not target.exists()
        assert not second.done()
        first.communicate("\n")
        assert first.returncode == 0  # its draft was not swept
        second.result(timeout=10)
    assert _content(target) == {"a": "of the second"}
    assert [p.name for p in tmp_path.iterdir()] == ["store"]
    assert f"waiting for process {first.pid} on " in caplog.text


def test_a_writer_that_was_killed_holds_up_nobody(
    tmp_path: Path, first: subprocess.Popen[str]
) -> None:
    first.kill()
    first.wait()
    assert len(list(tmp_path.iterdir())) == 2
    _write_second(tmp_path / "store")
    assert [p.name for p in tmp_path.iterdir()] == ["store"]


def test_without_locks_the_draft_of_another_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "no locks on this file system")

    monkeypatch.setattr("fcntl.flock", refuse)
    other = tmp_path / ".store.draft-abc"
    other.mkdir()
    _write_second(tmp_path / "store")
    assert other.exists()
    assert _content(tmp_path / "store") == {"a": "of the second"}


def test_a_file_is_not_replaced_by_a_folder_nor_a_folder_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "page").write_text("x")
    with pytest.raises(StoreError, match="page: is a file"), new_folder(tmp_path / "page"):
        pass
    with pytest.raises(StoreError, match="is a folder"), new_file(tmp_path):
        pass
    assert _content(tmp_path) == {"page": "x"}


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file, not a folder")
    with pytest.raises(StoreError, match=r"results/store: cannot be written: .*\n  Look"):
        _write_second(tmp_path / "results" / "store")


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


def test_a_full_disk_is_known_by_the_words_of_compiled_zarr(tmp_path: Path) -> None:
    with pytest.raises(SpaceError), new_folder(tmp_path / "store"):
        raise RuntimeError(f"No space left on device (os error {errno.ENOSPC})")
    with pytest.raises(RuntimeError), new_folder(tmp_path / "store"):
        raise RuntimeError(f"No such file or directory (os error {errno.ENOENT})")


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


def test_a_thread_that_writes_on_into_a_failed_draft_leaves_nothing(tmp_path: Path) -> None:
    def late(draft: Path) -> None:
        time.sleep(0.05)
        (draft / "oxygen").mkdir(parents=True, exist_ok=True)
        (draft / "oxygen/zarr.json").write_text("{}")

    with (
        ThreadPoolExecutor() as pool,
        pytest.raises(ZeroDivisionError),
        new_folder(tmp_path / "profiles.zarr") as draft,
    ):
        pool.submit(late, draft)
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
