"""Annotated frames in COCO's format: what was written comes back, what is wrong is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seston.config import Segmentation
from seston.errors import InputError
from seston.frame import AnnotatedFrame, Instance
from seston.learn.semantic.coco import ANNOTATIONS, read_coco, write_coco
from seston.learn.semantic.masks import decode_mask, encode_mask

DISC = np.hypot(*np.mgrid[-8:9, -8:9]) <= 8


def frame(name: str = "one", top: int = 10) -> AnnotatedFrame:
    pixels = np.full((60, 80), 240, np.uint8)
    pixels[top : top + 17, 20:37][DISC] = 90
    instances = (Instance("copepod", top, 20, DISC), Instance("shrimp", 40, 50, DISC[:5]))
    return AnnotatedFrame(name, pixels, instances, 0.07, 0.05)


def written(folder: Path, *frames: AnnotatedFrame) -> Path:
    write_coco(folder / "set", frames or (frame(),))
    return folder / "set" / ANNOTATIONS


def changed(path: Path, change: Any) -> Path:
    facts = json.loads(path.read_text())
    change(facts)
    path.write_text(json.dumps(facts))
    return path


def test_frames_come_back_as_they_were_written(tmp_path: Path) -> None:
    read = read_coco(written(tmp_path, frame("a"), frame("b", 20)))
    assert read.taxa == ("copepod", "shrimp")
    for found, expected in zip(read, (frame("a"), frame("b", 20)), strict=True):
        assert found.name == f"{expected.name}.png"
        np.testing.assert_array_equal(found.pixels, expected.pixels)
        assert (found.pixel_height, found.pixel_width) == (0.07, 0.05)
        for one, other in zip(found.instances, expected.instances, strict=True):
            rows = np.flatnonzero(other.mask.any(axis=1))
            assert (one.taxon, one.top) == (other.taxon, other.top + rows[0])
            assert one.mask.sum() == other.mask.sum()


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_runs_of_any_mask_come_back(mask: np.ndarray) -> None:
    np.testing.assert_array_equal(decode_mask(encode_mask(mask), *mask.shape), mask)


def test_packed_runs_are_those_of_cocos_own_program() -> None:
    # What pycocotools 2.0 gives for it.
    mask = np.zeros((9, 7), bool)
    mask[2:5, 1:6] = True
    mask[8, 6] = True
    packed = {"size": [9, 7], "counts": PACKED}
    np.testing.assert_array_equal(decode_mask(packed, 9, 7), mask)


PACKED = ";3600000006N"


def test_polygons_are_filled() -> None:
    mask = decode_mask([[10, 5, 30, 5, 30, 25, 10, 25]], 40, 50)
    assert abs(int(mask.sum()) - 400) <= 41  # a row and a column at the edge may count or not
    assert mask[6:24, 11:29].all()
    assert not mask[:4].any()
    assert not mask[:, 32:].any()


@pytest.mark.parametrize(
    ("segmentation", "said"),
    [
        (None, "neither polygons nor runs"),
        ([], "neither polygons nor runs"),
        ([[1, 2, 3]], "three points"),
        ([[1, 2, 3, 4, 5, "x"]], "other than numbers"),
        ([[0, 0, 1e9, 0, 5, 5]], "far outside"),
        ([[0, 0, float("nan"), 0, 5, 5]], "far outside"),
        ({"size": [3, 3], "counts": [4800]}, "another size"),
        ({"size": [60, 80], "counts": [1, 2]}, "do not add up"),
        ({"size": [60, 80], "counts": [-1, 4801]}, "do not add up"),
        ({"size": [60, 80], "counts": [4799.0, 1]}, "do not add up"),
        ({"size": [60, 80], "counts": "\u2603"}, "damaged"),
        ({"size": [60, 80], "counts": "oooo"}, "damaged"),
    ],
)
def test_a_wrong_mask_is_told_with_the_number_of_its_annotation(
    tmp_path: Path, segmentation: object, said: str
) -> None:
    def change(facts: dict[str, Any]) -> None:
        facts["annotations"][1]["segmentation"] = segmentation

    path = changed(written(tmp_path), change)
    with pytest.raises(InputError, match=f"annotation 2: .*{said}") as told:
        list(read_coco(path))
    assert str(path) in str(told.value)


def drop(facts: dict[str, Any], *keys: Any) -> None:
    *before, last = keys
    for key in before:
        facts = facts[key]
    del facts[last]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: drop(f, "images"), "no list `images`"),
        (lambda f: f.update(images=[]), "lists no image"),
        (lambda f: f.update(images=[7]), r"`images\[0\]` is not an object"),
        (lambda f: drop(f, "images", 0, "width"), r"`images\[0\]`: `width`"),
        (lambda f: f["images"][0].update(width=1 << 40), "too many"),
        (lambda f: f["images"][0].update(file_name="../one.png"), "leads out"),
        (lambda f: f["images"][0].update(file_name="/etc/one.png"), "leads out"),
        (lambda f: f["images"].append(f["images"][0]), "stands twice"),
        (lambda f: f["categories"][0].update(name=" "), "`name` is empty"),
        (lambda f: f["annotations"][1].update(id=1), r"`annotations\[1\]`: its id 1 stands twice"),
        (lambda f: f["annotations"][1].update(image_id=9), "is not in the file"),
        (lambda f: f["annotations"][1].update(category_id=True), "`category_id`"),
        (lambda f: f["annotations"][0].update(iscrowd=1, segmentation=[[1]]), "crowd"),
    ],
)
def test_a_wrong_entry_is_told_with_its_place(tmp_path: Path, change: Any, said: str) -> None:
    path = changed(written(tmp_path), change)
    with pytest.raises(InputError, match=said) as told:
        read_coco(path)
    assert str(path) in str(told.value)


@pytest.mark.parametrize("content", [b"", b"[1, 2]", b"{", b"[" * 100_000, b"\xff\xfe\x00"])
def test_what_is_no_json_object_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "instances.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match="JSON"):
        read_coco(path)


def test_a_picture_that_is_missing_damaged_or_another_is_named(tmp_path: Path) -> None:
    read = read_coco(written(tmp_path))
    picture = tmp_path / "set/one.png"
    picture.write_bytes(cv2.imencode(".png", np.zeros((9, 9), np.uint8))[1].tobytes())
    with pytest.raises(InputError, match="the annotations say 60 x 80"):
        read.frame(0)
    picture.write_bytes(b"no picture")
    with pytest.raises(InputError, match="one.png: is no picture"):
        read.frame(0)
    picture.unlink()
    with pytest.raises(InputError, match="one.png: cannot be read"):
        read.frame(0)


def test_all_frames_come_before_any_comes_again_in_another_order(tmp_path: Path) -> None:
    names = [f"f{i}" for i in range(6)]
    read = read_coco(written(tmp_path, *map(frame, names)), seed=3)
    seen = [read.frame(i).name for i in range(12)]
    assert sorted(seen[:6]) == sorted(seen[6:]) == [f"{n}.png" for n in names]
    assert seen[:6] != seen[6:]


def test_parts_share_no_frame(tmp_path: Path) -> None:
    read = read_coco(written(tmp_path, *map(frame, "abcdefghij")))
    learn, held = read.split(most=40)
    assert len(held.pictures) == 2
    names = [{p.path.name for p in part.pictures} for part in (learn, held)]
    assert not names[0] & names[1]
    assert len(names[0] | names[1]) == 10
    with pytest.raises(InputError, match="one frame"):
        read_coco(written(tmp_path / "one")).split(40)


def test_frames_of_others_are_evened_out(tmp_path: Path) -> None:
    path = changed(written(tmp_path), lambda facts: facts.pop("info"))
    bright = 255 - frame().pixels // 2
    (tmp_path / "set/one.png").write_bytes(cv2.imencode(".png", bright)[1].tobytes())
    settings = Segmentation.model_validate({"polarity": "bright", "background": "level"})
    pixels = read_coco(path, segmentation=settings).frame(0).pixels
    assert abs(float(np.median(pixels)) - 240) <= 1
    assert pixels[18, 28] < 120
