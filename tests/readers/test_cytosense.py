"""Measurements of a CytoSense as Cyz2Json writes them: simulated, written by hand, and damaged."""

from __future__ import annotations

import base64
import io
import json
import resource
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import campaigns
from seston import inspection
from seston.errors import InputError, SestonError
from seston.features import FEATURES
from seston.readers import json_spans, recognise
from seston.simulate.instruments import simulators


def picture(height: int = 20, width: int = 30, kind: str = "PNG") -> str:
    file = io.BytesIO()
    Image.fromarray(np.full((height, width), 150, np.uint8)).save(file, kind)
    return base64.b64encode(file.getvalue()).decode()


def measurement(particles=4, imaged=(0, 1), sets=None, regions=None, **results):
    """A measurement of `particles`, of which `imaged` have an image."""
    told = {
        "filename": "a.cyz",
        "instrument": {
            "measurementSettings": {"CytoSettings": {"CytoSettings": {
                "iif": {"ImageScaleMuPerPixelP": 0.66}}}},
            "measurementResults": {"start": "2024-07-18T21:12:33.5+02:00", "pumpedVolume": 500.0,
                                   "duration": 600.0, **results},
        },
        "particles": [{"particleId": i, "hasImage": i in imaged, "pulseShapes": []}
                      for i in range(particles)],
        "images": [{"particleId": i, "base64": picture(),
                    "cropRectangle": {"X": 7, "Y": 5, "Width": 30, "Height": 20}}
                   for i in imaged],
    }  # fmt: skip
    if sets is not None:
        told["set_information"] = sets
    for particle, region in zip(told["particles"], regions or [], strict=False):
        particle["region"] = region
    return told


@pytest.fixture
def read(tmp_path, open_reader):
    """Write a measurement and open it."""

    def read_(told, name="a.json", **row):
        (tmp_path / name).write_text(json.dumps(told), encoding="utf-8-sig")
        return open_reader(tmp_path, "cytosense", **row)

    return read_


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cytosense") / "files"
    simulators()["cytosense"](folder, "tiny", 1, 1)
    return folder


# -------------------------------------------------------------------------------- what it tells


def test_a_measurement_tells_place_time_pixel_and_volume(read):
    reader = read(measurement())
    frames = reader.frames()
    assert frames["time"].iloc[0] == pd.Timestamp("2024-07-18T19:12:33.5"), "UTC"
    assert frames["sample"].tolist() == ["a", "a"]
    assert frames["pixel_width"].tolist() == [0.66e-3] * 2
    assert frames["imaged_volume"].sum() == pytest.approx(500e-9)
    assert set(frames["volume_source"]) == {"header"}
    (one,) = next(iter(reader.vignettes("a.json", [1])))
    assert (one.top, one.left, one.height, one.width) == (5, 7, 20, 30)
    assert one.source_id == "a_1"
    assert (one.pixels == 150).all()


def test_the_volume_is_that_of_the_particles_in_the_file(read):
    """Of 500 ul pumped 400 were analysed: the rest of the triggers was not kept."""
    frames = read(measurement(analysedVolume=400.0)).frames()
    assert frames["imaged_volume"].sum() == pytest.approx(400e-9)
    strange = read(measurement(analysedVolume=4000.0)).frames()
    assert strange["imaged_volume"].sum() == pytest.approx(500e-9)
    assert "the pumped taken" in strange["problem"].iloc[0]


def test_images_stand_for_all_particles(read):
    frames = read(measurement(particles=10, imaged=(3, 7))).frames()
    assert frames["subsample_factor"].tolist() == [5, 5]
    assert "the 2 images are taken for a fair sample of all 10 particles" in frames["problem"][0]


@pytest.mark.parametrize("wrapped", [True, False])
def test_the_ratio_of_the_one_set_is_the_weight(read, wrapped):
    sets = [{"name": "default", "count": 40, "images": 2, "imaged_volume": "NaN"}]
    told = measurement(sets={"definition": "", "statistics": sets} if wrapped else sets)
    assert read(told).frames()["subsample_factor"].tolist() == [20, 20]


def test_each_set_has_its_own_ratio_and_an_image_in_two_counts_for_the_fewer(read):
    sets = [{"name": "default", "count": 10, "images": 4}, {"name": "a", "count": 6, "images": 2},
            {"name": "b", "count": 3, "images": 3}]  # fmt: skip
    regions = [["a"], ["a", "b"], ["b"], ["b"], ["a"], ["a"], ["a"], ["a"], [], []]
    frames = read(measurement(10, (0, 1, 2, 3), sets, regions)).frames()
    assert frames["subsample_factor"].tolist() == [3, 1, 1, 1]
    np.testing.assert_allclose(frames["imaged_volume"] / 500e-9, [0.5, 1 / 6, 1 / 6, 1 / 6])
    assert frames["problem"].tolist() == [""] * 4


def test_a_particle_in_no_set_counts_among_the_rest(read):
    sets = [{"name": "a", "count": 1, "images": 1}, {"name": "b", "count": 1, "images": 0}]
    regions = [["a"], [], [], ["b"]]
    frames = read(measurement(4, (0, 1), sets, regions)).frames()
    assert frames["subsample_factor"].tolist() == [1, 2]


def test_where_the_set_tells_more_images_than_there_are_it_is_said(read):
    sets = [{"name": "a", "count": 40, "images": 4}]
    frames = read(measurement(sets=sets)).frames()
    assert frames["subsample_factor"].tolist() == [20, 20], "what is there stands for all"
    assert "set 'a' tells 4 images, 2 are there" in frames["problem"].iloc[0]


def test_water_without_particles_counts_and_particles_without_images_do_not(read):
    empty = read(measurement(particles=0, imaged=())).frames()
    assert (empty["usable"].tolist(), empty["vignettes"].tolist()) == ([1], [0])
    assert empty["imaged_volume"].sum() == pytest.approx(500e-9)
    blind = read(measurement(particles=5, imaged=())).frames()
    assert blind["usable"].tolist() == [0]
    assert blind["problem"].iloc[0] == "there is no image of any of its 5 particles"


def test_an_image_that_cannot_be_read_leaves_the_concentration_as_it_is(read):
    told = measurement(particles=12, imaged=(0, 1, 2, 3))
    told["images"][2]["base64"] = ""
    told["images"][3]["particleId"] = "x"
    frames = read(told).frames()
    usable = frames[frames["usable"] == 1]
    assert frames["usable"].tolist() == [1, 1, 0, 0]
    concentration = usable["subsample_factor"].sum() / usable["imaged_volume"].sum()
    assert concentration == pytest.approx(12 / 500e-9)


def test_without_a_pixel_size_or_volume_the_columns_to_fill_are_named(read):
    told = measurement()
    told["instrument"]["measurementSettings"] = {"name": "x"}
    told["instrument"]["measurementResults"]["pumpedVolume"] = "NaN"
    frames = read(told).frames()
    assert frames["usable"].sum() == 0
    assert "pixel_width_mm of campaigns.csv" in frames["problem"].iloc[0]
    frames = read(told, pixel_width_mm=0.001).frames()
    assert "imaged_volume_l (of a measurement) of campaigns.csv" in frames["problem"].iloc[0]
    frames = read(told, pixel_width_mm=0.001, imaged_volume_l=0.0005).frames()
    assert frames["imaged_volume"].sum() == pytest.approx(5e-7)
    assert set(frames["volume_source"]) == {"config"}


# ------------------------------------------------------------------------------- end to end


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("campaign")
    campaign = campaigns.simulate(folder, "cytosense")
    with campaigns.one_worker() as client:
        yield (folder / "files" / "truth", *campaigns.run(campaign, client))


def test_the_truth_of_all_particles_lies_in_the_interval_of_the_imaged(ran):
    truth, objects, profiles = ran
    held = campaigns.inside_the_interval(objects, profiles, truth)
    assert len(held) == 6
    assert held.mean() >= 0.9
    individuals = float(profiles["individuals"].sum())
    weights = pd.read_csv(truth / "objects.csv")["weight"].sum()
    assert individuals == pytest.approx(weights)
    assert individuals > 1.2 * objects.sizes["object"], "some images stand for several"


def test_all_simulated_images_are_found_at_their_place_with_their_area(ran):
    truth, objects, _ = ran
    placed = pd.read_csv(truth / "objects.csv").set_index("source_id")
    names = [str(name) for name in objects["source_id"].to_numpy()]
    assert sorted(names) == sorted(placed.index)
    placed = placed.loc[names]
    assert (objects["top"].to_numpy() == placed["top"]).all()
    assert (objects["left"].to_numpy() == placed["left"]).all()
    area = objects["features"].to_numpy()[:, list(FEATURES).index("area")] / 0.66e-3**2
    ratio = area / placed["area_px"].to_numpy()
    assert abs(np.median(ratio) - 1) < 0.05


def test_inspect_names_the_instrument_and_counts(simulated):
    said = inspection.inspect(simulated / "json")
    truth = pd.read_csv(simulated / "truth" / "objects.csv")
    assert (said["instrument"], said["samples"], said["objects"]) == ("cytosense", 6, len(truth))
    np.testing.assert_allclose(list(said["imaged_volume_m3"].values()), 480e-9)
    assert said["problems"] == []


def test_the_same_seed_writes_the_same_bytes(tmp_path, simulated):
    simulators()["cytosense"](tmp_path / "again", "tiny", 1, 1)
    for path in simulated.rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "again" / path.relative_to(simulated)).read_bytes()


def test_other_json_is_not_recognised(tmp_path, simulated):
    assert recognise(simulated / "json") == ["cytosense"]
    (tmp_path / "metadata.json").write_text('{"acq_id": 1, "object_date": "2020", "images": []}')
    assert recognise(tmp_path) == []


# ---------------------------------------------------------------------------------- hostile


def test_a_large_file_is_read_in_bounded_memory(tmp_path, open_reader):
    """200 MB of pulse shapes take less than half of that: one value at a time."""
    told = measurement(particles=1, imaged=(0,))
    shapes = [{"description": "FWS", "values": [0.123456789] * 8000}] * 10
    with (tmp_path / "a.json").open("w") as file:
        images = json.dumps(told.pop("images"))
        told.pop("particles")
        file.write(json.dumps(told)[:-1] + ', "particles": [')
        for i in range(200):
            particle = {"particleId": i, "hasImage": i == 0, "pulseShapes": shapes}
            file.write(("," if i else "") + json.dumps(particle))
        file.write(f'], "images": {images}}}')
    size = (tmp_path / "a.json").stat().st_size
    assert size > 200e6
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    frames = open_reader(tmp_path, "cytosense").frames()
    assert frames["subsample_factor"].tolist() == [200]
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < size / 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read"),
        (b"[1, 2]", "not a JSON object"),
        (b'{"a": [1, 2}', "brackets do not match"),
        (b'{"a": "never ends', "is cut"),
        (b'{"images": [', "is cut"),
        (b'{"a":' * 1000, "nested more than 64 deep"),
        (b'{"particles": [], "images": []}', "no `instrument`"),
        ('{"instrument": {}}'.encode("utf-16"), "not a JSON object in UTF-8"),
        (b'{"instrument": {"measurementResults": {}}}', "is no time"),
        (b'{"instrument": {"measurementResults": {"start": "yesterday at noon"}}}', "is no time"),
        (b'{"instrument": {"measurementResults": {"start": "9999-01-01T00:00:00Z"}}}', "range"),
    ],
)
def test_what_is_no_measurement_is_counted_with_its_reason(tmp_path, open_reader, content, said):
    (tmp_path / "a.json").write_bytes(content)
    frames = open_reader(tmp_path, "cytosense").frames()
    assert frames["usable"].tolist() == [0]
    assert said in frames["problem"].iloc[0]


@pytest.mark.parametrize(
    ("rectangle", "there"),
    [({"X": 1e9, "Y": 0, "Width": 5, "Height": 5}, 0), ({"X": -1, "Y": 0}, 0), ("1,2,3,4", 0),
     ({"X": 0.5, "Y": 0, "Width": 5, "Height": 5}, 0), (None, 1),
     ({"x": 0, "y": 0, "width": 5, "height": 5}, 1)],
)  # fmt: skip
def test_boxes_that_cannot_be_are_left_out(read, rectangle, there):
    told = measurement(imaged=(0, 1))
    told["images"][1]["cropRectangle"] = rectangle
    assert read(told).frames()["usable"].tolist() == [1, there]


@pytest.mark.parametrize("kind", ["bomb", "text", "no base64", "cut"])
def test_pictures_that_cannot_be_decoded_are_errors(read, kind):
    told = measurement(imaged=(0,))
    image = told["images"][0]
    match kind:
        case "bomb":
            image["base64"] = picture(6000, 6000)
        case "text":
            image["base64"] = base64.b64encode(b"%!PS-Adobe-3.0").decode()
        case "no base64":
            image["base64"] = "°°°"
        case "cut":
            image["base64"] = image["base64"][:60]
    reader = read(told)
    reader.frames()
    with pytest.raises(InputError):
        list(reader.vignettes("a.json", [0]))


def test_a_value_that_is_too_large_is_not_decoded(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"instrument": {"x": "a" * 1000}}))
    monkeypatch.setattr(json_spans, "MAX_VALUE", 500)
    span = json_spans.find(path, frozenset()).outer["instrument"]
    with pytest.raises(InputError, match=r"a value of 1,009 bytes is too large"):
        json_spans.load(path, span)


_SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
_ANY = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(deadline=None, max_examples=60,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(outer=st.dictionaries(st.text(min_size=1, max_size=5), _ANY, max_size=5),
       indent=st.sampled_from([None, 2]), ascii_only=st.booleans())  # fmt: skip
def test_values_are_found_where_they_are(tmp_path, outer, indent, ascii_only):
    path = tmp_path / "any.json"
    path.write_text(json.dumps(outer, indent=indent, ensure_ascii=ascii_only), "utf-8")
    found = json_spans.find(path, frozenset(outer))
    nested = {k: v for k, v in outer.items() if isinstance(v, list | dict)}
    decoded = {json.loads(f'"{k}"', strict=False): json_spans.load(path, s)
               for k, s in found.outer.items()}  # fmt: skip
    assert decoded == nested
    for key, spans in found.elements.items():
        whole = nested.get(key)
        objects = [v for v in whole if isinstance(v, dict)] if isinstance(whole, list) else []
        if json.dumps(key) == f'"{key}"':
            assert [json_spans.load(path, tuple(s)) for s in spans.tolist()] == objects


@settings(max_examples=25, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(data=st.data())
def test_no_damage_lets_anything_but_a_named_error_escape(data, tmp_path, simulated, open_reader):
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    source = sorted((simulated / "json").iterdir())[0]
    content = source.read_bytes()
    path = tmp_path / "a.json"
    match data.draw(st.sampled_from(["cut", "flip", "drop", "swap", "utf16", "comma", "types"])):
        case "cut":
            content = content[: data.draw(st.integers(0, len(content)))]
        case "flip":
            damaged = bytearray(content)
            for _ in range(data.draw(st.integers(1, 20))):
                damaged[data.draw(st.integers(0, len(content) - 1))] = data.draw(
                    st.integers(0, 255)
                )
            content = bytes(damaged)
        case "drop":
            lines = content.splitlines(keepends=True)
            first = data.draw(st.integers(0, len(lines)))
            content = b"".join(lines[:first] + lines[first + data.draw(st.integers(1, 30)) :])
        case "swap":
            content = content.replace(b'"particles"', b'"x"').replace(b'"images"', b'"particles"')
            content = content.replace(b'"x"', b'"images"')
        case "utf16":
            content = content.decode("utf-8-sig").encode("utf-16")
        case "comma":
            content = content.replace(b"480.0", b"480,0").replace(b"0.66", b"0,66")
        case "types":
            told = json.loads(content.decode("utf-8-sig"))
            where = data.draw(st.sampled_from(["instrument", "set_information", "particles",
                                               "images"]))  # fmt: skip
            told[where] = data.draw(_ANY | st.lists(st.dictionaries(
                st.sampled_from(["particleId", "region", "base64", "cropRectangle", "name",
                                 "count", "images"]), _ANY, max_size=4), max_size=4))  # fmt: skip
            content = json.dumps(told).encode()
    path.write_bytes(content)
    inspection.inspect(tmp_path, "cytosense")
    reader = open_reader(tmp_path, "cytosense", longitude=-7.5)
    frames = reader.frames()
    reader.environment()
    for index in frames.loc[frames["usable"] == 1, "index_in_file"].tolist():
        try:
            held = next(iter(reader.vignettes("a.json", [index])))
        except SestonError:
            continue
        for one in held:
            assert one.pixels.shape == (one.height, one.width)
