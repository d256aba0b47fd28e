"""Annotated frames in COCO's format: what was written comes back, what is wrong is named."""

from __future__ import annotations

import json
import shutil
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
from seston.image import corrected_lines
from seston.learn.semantic.coco import ANNOTATIONS, read_coco, write_coco
from seston.learn.semantic.masks import decode_mask, encode_mask

DISC = np.hypot(*np.mgrid[-8:9, -8:9]) <= 8


def frame(name: str = "one", top: int = 10) -> AnnotatedFrame:
    pixels = np.full((60, 80), 240, np.uint8)
    pixels[top : top + 17, 20:37][DISC] = 90
    instances = (Instance("copepod", top, 20, DISC), Instance("shrimp", 40, 50, DISC[:5]))
    return AnnotatedFrame(name, pixels, instances, 0.07, 0.05)


def written(folder: Path, *frames: AnnotatedFrame) -> Path:
    shutil.rmtree(folder / "set", ignore_errors=True)
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
        assert found.name == expected.name
        np.testing.assert_array_equal(found.pixels, expected.pixels)
        assert (found.pixel_height, found.pixel_width) == (0.07, 0.05)
        for one, other in zip(found.instances, expected.instances, strict=True):
            rows = np.flatnonzero(other.mask.any(axis=1))
            assert (one.taxon, one.top) == (other.taxon, other.top + rows[0])
            assert one.mask.sum() == other.mask.sum()


def test_pictures_of_one_name_in_two_folders_stay_two(tmp_path: Path) -> None:
    path = written(tmp_path, frame("d1/0001.b", 10), frame("d2/0001.b", 20))
    again = written(tmp_path / "again", *read_coco(path))
    images = json.loads(again.read_text())["images"]
    assert [image["file_name"] for image in images] == ["d1/0001.b.png", "d2/0001.b.png"]
    for found, expected in zip(read_coco(again), read_coco(path), strict=True):
        np.testing.assert_array_equal(found.pixels, expected.pixels)


@pytest.mark.parametrize("name", ["../a", "/tmp/a", "d/../../a"])
def test_a_frame_is_not_written_outside_or_over_another(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="leads out"):
        write_coco(tmp_path / "set", [frame(name)])
    with pytest.raises(InputError, match="a.png: two frames have this name"):
        write_coco(tmp_path / "set", [frame("a"), frame("b"), frame("a", 20)])
    assert not list(tmp_path.iterdir())


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


@pytest.mark.parametrize("corner", [10, 10.25, 10.5, 10.75])
def test_a_polygon_has_the_pixels_whose_middle_it_holds(corner: float) -> None:
    x, y = corner + 20, corner + 4
    mask = decode_mask([[corner, corner, x, corner, x, y, corner, y]], 40, 50)
    first = 11 if corner > 10.5 else 10
    expected = np.zeros((40, 50), bool)
    expected[first : first + 4, first : first + 20] = True
    np.testing.assert_array_equal(mask, expected)


def circle(x: float, y: float, radius: float) -> list[float]:
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    return np.column_stack([x + radius * np.cos(turn), y + radius * np.sin(turn)]).ravel().tolist()


@pytest.mark.parametrize("radius", [2, 5, 12])
def test_discs_keep_their_area_and_place(radius: float) -> None:
    middles = np.random.default_rng(1).uniform(20, 40, (200, 2))
    found = [np.argwhere(decode_mask([circle(x, y, radius)], 60, 60)) for y, x in middles]
    assert np.mean([len(one) for one in found]) == pytest.approx(np.pi * radius**2, rel=0.02)
    moved = np.array([one.mean(axis=0) + 0.5 for one in found]) - middles
    assert np.abs(moved.mean(axis=0)).max() < 0.03


def test_polygons_of_one_object_are_joined_and_cut_at_the_edge_of_the_picture() -> None:
    square, beside = [0, 0, 6, 0, 6, 6, 0, 6], [3, 0, 9, 0, 9, 6, 3, 6]
    assert decode_mask([square, beside], 40, 50).sum() == 9 * 6
    assert decode_mask([[-5, -5, 3, -5, 3, 4, -5, 4]], 40, 50).sum() == 3 * 4
    assert decode_mask([[45, 36, 90, 36, 90, 70, 45, 70]], 40, 50).sum() == 5 * 4
    assert not decode_mask([[60, 5, 70, 5, 70, 9]], 40, 50).any()


def test_an_object_too_thin_for_the_middle_of_a_pixel_has_those_of_its_outline() -> None:
    line = decode_mask([[10, 5.1, 30, 5.1, 30, 5.2]], 40, 50)
    assert 20 <= line.sum() <= 21
    assert line[5, 10:30].all()
    assert decode_mask([[10.6, 5.6, 10.7, 5.6, 10.7, 5.7]], 40, 50).sum() == 1


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
    with pytest.raises(InputError, match=f"annotation 2 of one.png: .*{said}") as told:
        read_coco(path)
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
        (lambda f: f["images"][0].update(pixel_width_mm="0.05"), "not both a size in mm"),
        (lambda f: f["images"][0].pop("pixel_width_mm"), "not both a size in mm"),
        (lambda f: f["images"].append(f["images"][0]), "stands twice"),
        (lambda f: f["categories"][0].update(name=" "), "`name` is empty"),
        (lambda f: f["annotations"][1].update(id=1), r"`annotations\[1\]`: its id 1 stands twice"),
        (lambda f: f["annotations"][1].update(image_id=9), "is not in the file"),
        (lambda f: f["annotations"][1].update(category_id=True), "`category_id`"),
        (lambda f: f["annotations"][0].update(iscrowd=1), "a crowd in every frame"),
        (lambda f: f["annotations"][0].pop("segmentation"), "Annotate masks"),
        (lambda f: f["images"][0].update(file_name="d/two.png"), "1 of 1 .* the first: d/two.png"),
    ],
)
def test_a_wrong_entry_is_told_with_its_place(tmp_path: Path, change: Any, said: str) -> None:
    path = changed(written(tmp_path), change)
    with pytest.raises(InputError, match=said) as told:
        read_coco(path)
    assert str(path.parent) in str(told.value)


@pytest.mark.parametrize("content", [b"", b"[1, 2]", b"{", b"[" * 100_000, b"\xff\xfe\x00"])
def test_what_is_no_json_object_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "instances.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match="JSON"):
        read_coco(path)


@pytest.mark.parametrize("segmentation", [None, [[1, 1, 9, 1, 9, 9]], "as it was"])
def test_a_frame_with_a_crowd_is_left_out_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, segmentation: object
) -> None:
    def change(facts: dict[str, Any]) -> None:
        row = facts["annotations"][0]
        row.update(iscrowd=1)
        row.update({} if segmentation == "as it was" else {"segmentation": segmentation})

    read = read_coco(changed(written(tmp_path, frame("a"), of_taxa("b", "krill")), change))
    assert [one.name for one in read] == ["b"]
    assert read.taxa == ("krill",)
    assert "1 of 2 frames are left out, for they have crowds (the first: a.png)" in caplog.text


def test_an_annotation_outside_its_picture_does_not_count_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def change(facts: dict[str, Any]) -> None:
        facts["annotations"][1].update(segmentation=[[90, 70, 95, 70, 95, 75]])

    read = read_coco(changed(written(tmp_path), change))
    assert read.taxa == ("copepod",)
    assert "1 annotations have no pixel in their pictures" in caplog.text
    assert [one.taxon for one in read.frame(0).instances] == ["copepod"]


def test_taxa_do_not_differ_by_spaces_around_their_names(tmp_path: Path) -> None:
    def change(facts: dict[str, Any]) -> None:
        facts["categories"][1].update(name=" copepod ")

    assert read_coco(changed(written(tmp_path), change)).taxa == ("copepod",)


def test_pictures_of_more_than_8_bits_are_refused(tmp_path: Path) -> None:
    read = read_coco(written(tmp_path))
    deep = np.full((60, 80), 4000, np.uint16)
    (tmp_path / "set/one.png").write_bytes(cv2.imencode(".png", deep)[1].tobytes())
    with pytest.raises(InputError, match="one.png: has more than 8 bits"):
        read.frame(0)


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
    assert sorted(seen[:6]) == sorted(seen[6:]) == names
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


def held_out(path: Path, *taxa: str, settings: Segmentation | None = None) -> list[str]:
    learn, held = read_coco(path).split(40, taxa, settings)
    assert learn.pictures
    return [Path(one.path.name).stem for one in held.pictures]


def of_taxa(name: str, *taxa: str) -> AnnotatedFrame:
    pixels = np.full((60, 80), 240, np.uint8)
    instances = tuple(Instance(taxon, 10, 20, DISC) for taxon in taxa)
    return AnnotatedFrame(name, pixels, instances, 0.07, 0.05)


def test_a_frame_with_a_wanted_object_is_held_out_and_of_the_empty_ones_their_share(
    tmp_path: Path,
) -> None:
    full = [of_taxa(f"full{i}", "copepod") for i in range(5)]
    empty = [of_taxa(f"empty{i}") for i in range(15)]
    held = held_out(written(tmp_path, *full, *empty))
    assert len(held) == 4
    assert sum(name.startswith("full") for name in held) == 1
    others = [of_taxa(f"other{i}", "shrimp") for i in range(18)]
    held = held_out(written(tmp_path, *full[:2], *others), "copepod")
    assert sum(name.startswith("full") for name in held) == 1


def test_the_only_frame_of_a_taxon_is_learned_from(tmp_path: Path) -> None:
    frames = [of_taxa("both", "copepod", "shrimp"), of_taxa("one", "copepod")]
    assert held_out(written(tmp_path, *frames)) == ["one"]
    apart = [of_taxa("one", "copepod"), of_taxa("two", "shrimp")]
    with pytest.raises(InputError, match="the only objects of a taxon"):
        held_out(written(tmp_path, *apart))


def test_frames_that_nothing_can_be_measured_on_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, *map(frame, "abcdef"))
    assert held_out(path, settings=Segmentation())
    with pytest.raises(InputError, match="no annotated object .* of 2 to"):
        held_out(path, settings=Segmentation(min_esd_mm=2))
    with pytest.raises(InputError, match="no wanted object is annotated") as told:
        held_out(written(tmp_path, of_taxa("a"), of_taxa("b")))
    assert str(path) in str(told.value)
    with pytest.raises(InputError, match=r"no wanted object .*\n.*There are: copepod, shrimp"):
        held_out(written(tmp_path, *map(frame, "ab")), "krill")
    with pytest.raises(InputError, match="wanted objects in one frame"):
        held_out(written(tmp_path, of_taxa("a", "copepod"), of_taxa("b")))


def test_other_pixels_light_or_sizes_are_other_frames(tmp_path: Path) -> None:
    path = written(tmp_path, frame("a"), frame("b", 20))
    before = read_coco(path).identity
    assert read_coco(path).identity == before
    assert read_coco(path, pixel_size_mm=(0.1, 0.1)).identity != before
    facts = changed(path, lambda facts: facts.pop("info"))
    lit = [
        read_coco(facts, segmentation=Segmentation.model_validate(settings)).identity
        for settings in ({"background": "level"}, {"background": "none"}, {"min_esd_mm": 1.0}, {})
    ]
    assert len(set(lit)) == 3
    assert lit[2] == lit[3]  # how large an object must be is nothing to the light
    picture = path.parent / "b.png"
    cv2.imwrite(str(picture), frame("b", 21).pixels)
    assert read_coco(path, segmentation=Segmentation.model_validate({})).identity not in lit


def test_all_that_evens_out_light_is_in_what_tells_it() -> None:
    """What `corrected_lines` asks of the settings, beside what `light` has, is asked in vain."""
    asked = set[str]()

    class Noted(Segmentation):
        def __getattribute__(self, name: str) -> Any:
            if name in Segmentation.model_fields:
                asked.add(name)
            return super().__getattribute__(name)

    for background in ("running_mean", "level", "none"):
        for polarity in ("dark", "bright"):
            settings = Noted.model_validate({"background": background, "polarity": polarity})
            asked.clear()
            _ = settings.light
            told = set(asked)
            corrected_lines(frame().pixels, settings)
            assert asked == told


def test_frames_of_others_are_evened_out(tmp_path: Path) -> None:
    path = changed(written(tmp_path), lambda facts: facts.pop("info"))
    bright = 255 - frame().pixels // 2
    (tmp_path / "set/one.png").write_bytes(cv2.imencode(".png", bright)[1].tobytes())
    settings = Segmentation.model_validate({"polarity": "bright", "background": "level"})
    pixels = read_coco(path, segmentation=settings).frame(0).pixels
    assert abs(float(np.median(pixels)) - 240) <= 1
    assert pixels[18, 28] < 120
