"""Folders of classes: nested, by parts, turned, with scale bars."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawings import draw, write_learning_set

from seston.errors import InputError
from seston.learn.sets.parts import TEST, TRAIN, VALIDATION
from seston.learn.sets.sources import polarity_of, read_learning_set
from seston.taxonomy import Taxon, read_taxonomy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_learning_set(tmp_path / "drawings", per_class=5)


def test_a_class_in_a_folder_of_a_class_is_named_by_its_path(folder: Path) -> None:
    (folder / "long").mkdir()
    shutil.move(folder / "bar", folder / "long/bar")
    shutil.copy(folder / "disc/000.png", folder / "cross/more.png")
    (folder / "cross/rare").mkdir()
    shutil.move(folder / "cross/001.png", folder / "cross/rare/001.png")
    found = read_learning_set(folder)
    assert found.taxa == ("cross", "cross/rare", "disc", "long/bar")
    assert found.taxonomy["long/bar"].lineage == ("long",)
    assert "long/bar/000.png" in found.origins


def test_folders_named_after_parts_are_a_split(folder: Path, tmp_path: Path) -> None:
    for part in ("train", "valid", "test"):
        shutil.copytree(folder, tmp_path / "parted" / part)
    found = read_learning_set(tmp_path / "parted")
    assert found.taxa == ("bar", "cross", "disc")
    assert found.parts is not None
    assert np.bincount(found.parts).tolist() == [15, 15, 15]
    assert found.origins[0] == "test/bar/000.png"
    assert set(found.parts.tolist()) == {TRAIN, VALIDATION, TEST}


def test_a_table_of_taxa_joins_names_and_leaves_out(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "taxa.csv"
    table.write_text("label,name,aphia_id\nbar,Sagitta,\ncross,,\ndisc,Thalassiosira,148912\n")
    found = read_learning_set(folder, taxonomy=read_taxonomy(table))
    assert found.taxa == ("Sagitta", "Thalassiosira")
    assert found.left_out == {"with a label that the table of taxa leaves out": 5}
    assert found.taxonomy["Thalassiosira"] == Taxon("Thalassiosira", 148912)
    table.write_text("label,name\nbar,thing\ncross,thing\n")
    found = read_learning_set(folder, taxonomy=read_taxonomy(table))
    assert np.bincount(found.labels).tolist() == [5, 10]


def test_bright_objects_are_turned_whatever_is_said_or_not(folder: Path) -> None:
    dark = read_learning_set(folder)
    for path in folder.glob("*/*.png"):
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        cv2.imwrite(str(path), 255 - picture)
    for polarity in ("auto", "bright"):
        found = read_learning_set(folder, polarity=polarity)  # type: ignore[arg-type]
        assert found.polarity == "bright"
        assert found.digests == dark.digests
        assert found.sha256 == dark.sha256
    assert read_learning_set(folder, polarity="dark").digests != dark.digests


def test_a_single_dark_border_turns_nothing_and_a_mixture_is_told(folder: Path, caplog) -> None:
    night = np.full((30, 30), 20, np.uint8)
    night[10:20, 10:20] = 200
    cv2.imwrite(str(folder / "disc/night.png"), night)
    found = read_learning_set(folder)
    assert found.polarity == "dark"
    assert found.vignettes[found.origins.index("disc/night.png")].min() == 20
    assert "of 16 vignettes are dark, unlike the others" in caplog.text


def test_a_blank_picture_is_left_out_and_counted(folder: Path) -> None:
    cv2.imwrite(str(folder / "disc/blank.png"), np.full((9, 9), 240, np.uint8))
    found = read_learning_set(folder)
    assert found.skipped == ("disc/blank.png",)
    assert found.left_out == {"blank pictures": 1}


def test_a_picture_that_claims_a_billion_pixels_is_skipped(folder: Path) -> None:
    header = bytearray((folder / "bar/000.png").read_bytes())
    header[16:24] = (40_000).to_bytes(4, "big") * 2
    (folder / "bar/bomb.png").write_bytes(header)
    assert read_learning_set(folder).skipped == ("bar/bomb.png",)


def test_lines_below_are_cut_by_number(folder: Path) -> None:
    whole, cut = read_learning_set(folder), read_learning_set(folder, crop_bottom=3)
    assert (whole.vignettes[7].shape[0] - 3) == cut.vignettes[7].shape[0]
    np.testing.assert_array_equal(whole.vignettes[7][:-3], cut.vignettes[7])


def test_one_class_nested_is_not_two(tmp_path: Path) -> None:
    (tmp_path / "set/a/b").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "set/a/b/x.png"), draw("disc", np.random.default_rng(0)))
    with pytest.raises(InputError, match="two taxa or more"):
        read_learning_set(tmp_path / "set")


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="no table of pictures"):
        read_learning_set(tmp_path / "x.csv")


def test_unsorted_pictures_tell_their_polarity_too(folder: Path) -> None:
    paths = sorted(folder.glob("*/*.png"))
    assert polarity_of(paths) == "dark"
    for path in paths[:9]:
        cv2.imwrite(str(path), 255 - cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
    assert polarity_of(paths) == "bright"
    assert polarity_of([]) == polarity_of([folder / "none.png"]) == "dark"
