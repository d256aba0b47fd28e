from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawings import write_learning_set

from seston.errors import InputError
from seston.learn.sets.sources import read_learning_set
from seston.learn.sets.splits import TEST, TRAIN, VALIDATION, split


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_learning_set(tmp_path / "drawings", per_class=10)


def test_folders_are_taxa_and_pictures_their_vignettes(folder: Path) -> None:
    found = read_learning_set(folder)
    assert found.taxa == ("bar", "cross", "disc")
    assert np.bincount(found.labels).tolist() == [10, 10, 10]
    np.testing.assert_array_equal(found.vignettes[0], cv2.imread(str(folder / "bar/000.png"), 0))
    assert found.pixel_sizes_mm is None


def test_unreadable_files_are_skipped_and_told(folder: Path, caplog) -> None:
    (folder / "bar/broken.png").write_bytes(b"\x89PNG no more")
    (folder / "bar/empty.jpg").touch()
    (folder / "bar/notes.txt").write_text("not a picture, and not meant as one")
    found = read_learning_set(folder)
    assert found.skipped == ("bar/broken.png", "bar/empty.jpg")
    assert "2 files cannot be read" in caplog.text


def test_the_hash_is_of_the_pictures_not_of_their_names(folder: Path, tmp_path: Path) -> None:
    first = read_learning_set(folder).sha256
    (folder / "bar/000.png").rename(folder / "bar/zzz.png")
    assert read_learning_set(folder).sha256 == first
    shutil.move(folder / "bar/zzz.png", folder / "disc/zzz.png")
    assert read_learning_set(folder).sha256 != first


def test_pixel_sizes_and_polarity_are_read(folder: Path) -> None:
    dark = read_learning_set(folder)
    facts = {"pixel_height_mm": 0.07, "pixel_width_mm": 0.05, "polarity": "bright", "sha256": "x"}
    (folder / "learning_set.json").write_text(json.dumps(facts))
    bright = read_learning_set(folder)
    np.testing.assert_array_equal(bright.pixel_sizes_mm, [(0.07, 0.05)] * 30)
    np.testing.assert_array_equal(bright.vignettes[3], 255 - dark.vignettes[3])


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"pixel_height_mm": 0.1}', '{"polarity": "red"}',
             '{"pixel_height_mm": 0, "pixel_width_mm": 1}']
)  # fmt: skip
def test_wrong_facts_are_refused(folder: Path, text: str) -> None:
    (folder / "learning_set.json").write_text(text)
    with pytest.raises(InputError, match="learning_set.json"):
        read_learning_set(folder)


def test_a_missing_folder_one_taxon_or_an_empty_one_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_learning_set(folder / "nowhere")
    with pytest.raises(InputError, match="two taxa or more"):
        read_learning_set(folder / "bar")
    (folder / "worm").mkdir()
    with pytest.raises(InputError, match="no readable PNG or JPEG in worm"):
        read_learning_set(folder)


def test_each_taxon_gives_the_same_share_to_each_part_always_the_same(folder: Path) -> None:
    pictures = read_learning_set(folder)
    parts = split(pictures, seed=3, shares=(0.7, 0.1, 0.2))
    for part, number in ((TRAIN, 7), (VALIDATION, 1), (TEST, 2)):
        assert np.bincount(pictures.labels[parts == part]).tolist() == [number] * 3
    np.testing.assert_array_equal(parts, split(pictures, seed=3, shares=(0.7, 0.1, 0.2)))
    assert (parts != split(pictures, seed=4, shares=(0.7, 0.1, 0.2))).any()


def test_equal_pictures_are_never_parted(folder: Path) -> None:
    for path in sorted((folder / "disc").iterdir()):
        shutil.copy(path, path.with_stem(path.stem + "_again"))
    pictures = read_learning_set(folder)
    for seed in range(5):
        parts = split(pictures, seed)
        sides = set(zip(pictures.digests, parts.tolist(), strict=True))
        assert len(sides) == len(set(pictures.digests))


def test_a_picture_in_two_taxa_is_told_and_stays_on_one_side(folder: Path) -> None:
    shutil.copy(folder / "bar/001.png", folder / "cross/same.png")
    pictures = read_learning_set(folder)
    (both,) = pictures.contradictions
    for seed in range(5):
        parts = split(pictures, seed)
        sides = {p for d, p in zip(pictures.digests, parts.tolist(), strict=True) if d == both}
        assert len(sides) == 1


def test_a_taxon_of_one_picture_is_learned_from(folder: Path) -> None:
    for path in sorted((folder / "disc").iterdir())[1:]:
        path.unlink()
    pictures = read_learning_set(folder)
    assert split(pictures, 0)[pictures.labels == 2].tolist() == [TRAIN]
