"""FlowCam: a real run, simulated ones of known truth, and damaged lists."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import campaigns
from seston.errors import InputError, SestonError
from seston.features import FEATURES
from seston.inspection import inspect
from seston.readers import flowcam_pictures, recognise
from seston.readers.flowcam_run import read_list, read_summary
from seston.simulate.instruments import simulators

REAL = "raw/flowcam_dy086"


@pytest.fixture
def real(shared_data, tmp_path):
    """A copy of the real run to damage."""
    folder = tmp_path / "run"
    shutil.copytree(shared_data(REAL), folder)
    for file in [folder, *folder.iterdir()]:
        file.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flowcam") / "files"
    simulators()["flowcam"](folder, "tiny", 3, 1)
    return folder / "runs"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flowcam")
    campaign = campaigns.simulate(folder, "flowcam")
    with campaigns.one_worker() as client:
        objects, profiles = campaigns.run(campaign, client)
    return folder / "files" / "truth", objects, profiles


# --------------------------------------------------------------------------------- a real run


def test_a_real_run_has_its_objects_at_their_places(shared_data, open_reader):
    folder = shared_data(REAL)
    reader = open_reader(folder, "flowcam", imaged_volume_l=2e-6)
    frames = reader.frames()
    assert len(frames) == 692
    assert frames["vignettes"].sum() == 506
    assert (frames["vignettes"] > 0).sum() == 363
    assert (frames["usable"] == 1).all()
    assert (frames["problem"] == "").all()
    np.testing.assert_allclose(frames["pixel_width"], 1.813e-3)
    np.testing.assert_allclose(frames["imaged_volume"], 2e-9)
    assert set(frames["volume_source"]) == {"config"}
    (path,) = set(frames["path"])
    vignettes = [v for of in reader.vignettes(path, frames["index_in_file"]) for v in of]
    first = vignettes[0]
    assert (first.top, first.left, first.height, first.width) == (1633, 843, 63, 59)
    assert first.source_id == "59F138B2-3AD8-4515-8EF7-0F961A435F75"
    assert frames.loc[frames["vignettes"] > 0, "index_in_file"].iloc[0] == 10 - 1
    assert vignettes[-1].source_id == "B715F0C6-7148-440B-997B-7B566AB8149C"


def test_times_of_images_without_particles_lie_between_the_others(shared_data, open_reader):
    frames = open_reader(shared_data(REAL), "flowcam", clock_offset_s=-3600).frames()
    time_of = frames.set_index(frames["index_in_file"] + 1)["time"]
    assert time_of[10].isoformat() == "2019-10-08T13:23:07.847000"
    assert time_of[692].isoformat() == "2019-10-08T13:25:58.865000"
    assert time_of.is_monotonic_increasing
    assert np.diff(time_of).max() < np.timedelta64(1, "s")  # four images a second
    assert time_of.iloc[0] < time_of[10]


def test_areas_of_masks_are_raw_areas_and_abd_is_less_the_fringe(shared_data, open_reader):
    folder = shared_data(REAL)
    (path,) = folder.glob("*.lst")
    names = [line.split("|")[0] for line in path.read_text().splitlines()[2:67]]
    rows = [line.split("|") for line in path.read_text().splitlines()[67:]]
    table = pd.DataFrame(rows, columns=names).set_index("image_id")
    reader = open_reader(folder, "flowcam")
    vignettes = [v for of in reader.vignettes(path.name, range(692)) for v in of]
    area = pd.Series({v.source_id: int(v.mask.sum()) for v in vignettes}).reindex(table.index)
    assert (area == table["raw_area"].astype(float)).all()
    scale = table["cal_const"].astype(float)
    whole = np.sqrt(4 / np.pi * area)
    less = np.maximum(whole - table["fringe_size"].astype(float), whole / 2) * scale
    np.testing.assert_allclose(less, table["abd_diameter"].astype(float), rtol=2e-5)
    ratio = area * scale**2 / table["abd_area"].astype(float)
    assert 3.9 < ratio.median() < 4.01  # most are so small that half of the diameter is fringe


def test_the_threshold_meets_the_masks_where_there_are_none(shared_data, open_reader):
    from seston.config import Config, instrument
    from seston.image.segment import darker_than
    from seston.image.vignettes import corrected_vignette

    chosen = instrument(Config(), "flowcam").segmentation
    reader = open_reader(shared_data(REAL), "flowcam")
    (path,) = reader.files()
    ratios = [
        np.count_nonzero(corrected_vignette(v.pixels, chosen) < darker_than(chosen)) / v.mask.sum()
        for of in reader.vignettes(path.as_posix(), range(692))
        for v in of
    ]
    assert 0.9 < np.median(ratios) < 1.1


def test_inspect_names_the_real_run_and_counts_rightly(shared_data):
    begin = time.perf_counter()
    said = inspect(shared_data(REAL))
    assert time.perf_counter() - begin < 2
    assert (said["instrument"], said["samples"]) == ("flowcam", 1)
    assert (said["frames"], said["objects"]) == (692, 506)
    assert "imaged_volume_l" in said["problems"][0]["what"]
    assert len(said["problems"]) == 1


def test_a_mask_that_is_missing_leaves_the_threshold(real, open_reader):
    next(real.glob("*_bin.tif")).unlink()
    reader = open_reader(real, "flowcam")
    (path,) = reader.files()
    assert all(v.mask is None for of in reader.vignettes(path.as_posix(), range(692)) for v in of)
    assert (reader.frames()["usable"] == 1).all()


def test_particles_of_a_collage_that_is_missing_spoil_their_frames(real, open_reader):
    (path,) = real.glob("*.lst")
    text = path.read_text().replace("_000001.tif|7920DC69", "_000002.tif|7920DC69")
    path.write_text(text)
    frames = open_reader(real, "flowcam", imaged_volume_l=1e-6).frames()
    bad = frames[frames["usable"] == 0]
    assert bad["index_in_file"].tolist() == [686 - 1]
    assert bad["problem"].iloc[0].endswith("_000002.tif is missing, and the particles in it")


def test_without_any_picture_sizes_are_those_of_the_list(real, open_reader):
    for picture in real.glob("*.tif"):
        picture.unlink()
    reader = open_reader(real, "flowcam", imaged_volume_l=1e-6)
    frames = reader.frames()
    assert set(frames["problem"]) == {"no pictures are there: sizes are those of the list"}
    vignettes = [v for of in reader.vignettes(frames["path"][0], range(692)) for v in of]
    assert len(vignettes) == 506
    assert vignettes[0].pixels is None
    assert vignettes[0].measured["area"] == pytest.approx(444.7747e-6)


@pytest.mark.parametrize(
    ("damage", "frames_lost"),
    [
        (lambda row: row.rsplit("|", 3)[0], range(10, 14 + 1)),  # frame 10 before, 14 behind
        (lambda row: row + "|more", range(10, 14 + 1)),
        (lambda row: row.replace("|866|67|10|", "|866|67|x|"), range(10, 14 + 1)),
        (lambda row: row.replace("|866|67|10|", "|-5|67|10|"), [10]),
        (lambda row: row.replace("2|61|0|45|47|", "2|61|0|45|4700000|"), [10]),
        (lambda row: row.replace("2|61|0|45|47|", "2|61|1900|45|47|"), [10]),
    ],
)
def test_a_row_that_is_wrong_spoils_the_frames_it_may_be_of(real, open_reader, damage, frames_lost):
    (path,) = real.glob("*.lst")
    lines = path.read_text().splitlines()
    lines[68] = damage(lines[68])
    path.write_text("\n".join(lines))
    frames = open_reader(real, "flowcam", imaged_volume_l=1e-6).frames()
    lost = frames.loc[frames["usable"] == 0, "index_in_file"] + 1
    assert lost.tolist() == list(frames_lost)
    assert (frames.loc[frames["usable"] == 0, "problem"] != "").all()


def test_decimal_commas_and_rows_twice_are_understood(real, open_reader):
    (path,) = real.glob("*.lst")
    text = path.read_text()
    last = text.rstrip().rsplit("\n", 1)[1]
    path.write_text((text.rstrip() + "\n" + last + "\n").replace("|1.8130|", "|1,8130|"))
    frames = open_reader(real, "flowcam", imaged_volume_l=1e-6).frames()
    np.testing.assert_allclose(frames["pixel_width"], 1.813e-3)
    assert frames["vignettes"].sum() == 506
    assert set(frames["problem"]) == {"1 rows stand twice: counted once"}


def test_a_run_without_the_size_of_a_pixel_asks_for_it(real, open_reader):
    (path,) = real.glob("*.lst")
    path.write_text(path.read_text().replace("|1.8130|", "|0.0000|"))
    frames = open_reader(real, "flowcam", imaged_volume_l=1e-6).frames()
    assert (frames["usable"] == 0).all()
    assert "fill `pixel_width_mm`" in frames["problem"][0]
    told = open_reader(real, "flowcam", imaged_volume_l=1e-6, pixel_width_mm=0.002).frames()
    assert (told["usable"] == 1).all()


def test_a_path_in_the_list_leads_nowhere_else(real, open_reader, tmp_path):
    Image.new("L", (2000, 2000)).save(tmp_path / "secret.tif")
    (path,) = real.glob("*.lst")
    text = path.read_text()
    name = next(n for n in text.split("|") if n.endswith("_000001.tif"))
    path.write_text(text.replace(name, f"..\\..\\{tmp_path}/secret.tif", 1))
    frames = open_reader(real, "flowcam", imaged_volume_l=1e-6).frames()
    assert frames.loc[frames["usable"] == 0, "problem"].tolist() == [
        "secret.tif is missing, and the particles in it"
    ]


def test_a_collage_with_a_broken_body_is_an_error_that_names_it(real, open_reader):
    collage = next(p for p in real.glob("*.tif") if "_bin" not in p.name)
    data = bytearray(collage.read_bytes())
    data[5000:400_000] = bytes(395_000)
    collage.write_bytes(data)
    reader = open_reader(real, "flowcam")
    with pytest.raises(InputError, match="_000001"):
        list(reader.vignettes(reader.files()[0].as_posix(), range(692)))


# ----------------------------------------------------------------------------- what runs tell


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a_run_summary.txt", "\tFluid Volume Imaged: 0.0471 ml\nImages:\n\tTotal:  1107\n"),
        ("a_summary.csv", '"Fluid Volume Imaged, 0,0471 ml"\nTotal, 1107\n'),
        ("b_summary.csv", "Fluid Volume Imaged, 47.1 µl\nTotal, 1107\n"),
        ("a.ctx", "[Fluid]\nTotalVolumeML=0.0471\n[CaptureStats]\nRawImageTotal=1107"),
        (
            "old.ctx",
            "CalibConstant=0.55\nFlowCellDepth=100\nAcceptableTop=0\nAcceptableBottom=1000\n"
            "AcceptableLeft=0\nAcceptableRight=1406.5\nRawImageTotal=1107",
        ),
    ],
)
def test_the_volume_is_that_of_the_summary_or_the_context(tmp_path, name, text):
    (tmp_path / name).write_bytes(text.encode("latin-1"))
    summary = read_summary([tmp_path / name])
    assert summary.volume_ml == pytest.approx(0.0471, rel=1e-3)
    assert summary.images == 1107


def test_simulated_runs_are_listed_with_all_images_and_volumes(runs, open_reader):
    frames = open_reader(runs, "flowcam").frames()
    by_run = frames.groupby("sample")
    assert by_run.size().tolist() == [60, 60, 60 + 12]
    np.testing.assert_allclose(by_run["imaged_volume"].sum(), 60 * 2e-9)
    assert set(frames["volume_source"]) == {"header"}
    assert (frames["usable"] == 1).all()
    assert (np.diff(frames["first_line"]) > 0).all()


def test_a_collage_is_decoded_once_for_all_particles_in_it(runs, open_reader, monkeypatch):
    decoded = []
    read = flowcam_pictures.pictures.read_picture
    monkeypatch.setattr(
        flowcam_pictures.pictures, "read_picture", lambda p: decoded.append(p.name) or read(p)
    )
    flowcam_pictures.read_picture.cache_clear()
    list(open_reader(runs, "flowcam").vignettes("bottle-1/bottle-1.lst", range(60)))
    assert len(decoded) == len(set(decoded))


def test_single_pictures_are_found_by_the_name_of_the_particle(runs, open_reader, tmp_path):
    folder = Path(shutil.copytree(runs / "bottle-3", tmp_path / "bottle-3"))
    reader = open_reader(tmp_path, "flowcam")
    before = [v for of in reader.vignettes("bottle-3/bottle-3.csv", range(72)) for v in of]
    (folder / "images").mkdir()
    for vignette in before:
        Image.fromarray(vignette.pixels).save(folder / "images" / f"{vignette.source_id}.png")
    for raw in folder.glob("rawfile_*"):
        raw.unlink()
    (folder / "bottle-3_summary.csv").touch()
    (folder / "bottle-3.csv").write_bytes((folder / "bottle-3.csv").read_bytes() + b"\r\n")
    after = [v for of in reader.vignettes("bottle-3/bottle-3.csv", range(72)) for v in of]
    assert [v.source_id for v in after] == [v.source_id for v in before]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)


def test_raw_images_are_numbered_by_the_time_less_the_calibrations():
    seconds = np.array([33, 33, 34, 40, 40 + 33, 80]) / 7.0  # the long pause holds a calibration
    numbers, calibrations = flowcam_pictures.raw_numbers(seconds, 7.0)
    assert numbers.tolist() == [32, 32, 33, 39, 71, 78]
    assert calibrations == 2


def test_raw_images_that_do_not_fit_the_list_are_not_used(runs, open_reader, tmp_path):
    folder = Path(shutil.copytree(runs / "bottle-3", tmp_path / "bottle-3"))
    shutil.copy(folder / "cal_image_000001.tif", folder / "cal_image_000002.tif")
    frames = open_reader(tmp_path, "flowcam").frames()
    assert set(frames["problem"]) == {
        "the raw images cannot be matched with the list: sizes are those of the list"
    }


def test_same_seed_same_bytes(tmp_path):
    for name in "ab":
        simulators()["flowcam"](tmp_path / name, "tiny", 7, 1)
    files = [p for p in (tmp_path / "a").rglob("*") if p.is_file()]
    assert len(files) > 60
    for file in files:
        twin = tmp_path / "b" / file.relative_to(tmp_path / "a")
        assert file.read_bytes() == twin.read_bytes()


def test_the_truth_lies_in_the_interval(found):
    truth, objects, profiles = found
    assert campaigns.inside_the_interval(objects, profiles, truth).mean() >= 0.9


def test_all_objects_are_found_at_their_place_with_their_area(found):
    truth, objects, _ = found
    placed = pd.read_csv(truth / "objects.csv").set_index("source_id")
    table = pd.DataFrame({name: objects[name] for name in ("source_id", "top", "left", "depth")})
    table["area"] = objects["features"].to_numpy()[:, list(FEATURES).index("area")]
    table["sample"] = objects["frame_sample"].to_numpy()[objects["frame"].to_numpy()]
    table = table.set_index("source_id")
    assert sorted(table.index) == sorted(placed.index)
    table = table.reindex(placed.index)
    assert (table[["top", "left"]] == placed[["top", "left"]]).all(axis=None)
    assert set(table["depth"]) == {22.5}
    area = table["area"] / (1.813e-3**2 * placed["area_px"])
    masked = table["sample"] == "bottle-1"
    np.testing.assert_allclose(area[masked], 1, rtol=1e-6)
    assert 0.8 < area[~masked].median() < 1.2


# ----------------------------------------------------------------------------- hostile files


def _mutate(data: bytes, draw) -> bytes:
    kind = draw(st.sampled_from(["cut", "flip", "drop", "swap", "encode", "comma"]))
    if kind == "cut":
        return data[: draw(st.integers(0, len(data)))]
    if kind == "flip":
        place = draw(st.lists(st.integers(0, len(data) - 1), min_size=1, max_size=40))
        damaged = bytearray(data)
        for i in place:
            damaged[i] = draw(st.integers(0, 255))
        return bytes(damaged)
    if kind == "encode":
        return data.decode("latin-1").encode(draw(st.sampled_from(["utf-16", "utf-8-sig"])))
    if kind == "comma":
        return data.replace(b".", b",")
    lines = data.split(b"\n")
    if kind == "drop":
        gone = draw(st.sets(st.integers(0, len(lines) - 1), max_size=30))
        return b"\n".join(line for i, line in enumerate(lines) if i not in gone)
    one, other = draw(st.integers(0, 20)), draw(st.integers(0, 20))
    sign = b"|" if lines[0].startswith(b"017") else b","
    swapped = []
    for line in lines:
        cells = line.split(sign)
        if len(cells) > max(one, other):
            cells[one], cells[other] = cells[other], cells[one]
        swapped.append(sign.join(cells))
    return b"\n".join(swapped)


def _read_all(folder: Path, open_reader, name: str) -> None:
    """Read as the stages do: an error of ours for a file, or a frame, may come out."""
    reader = open_reader(folder, name, imaged_volume_l=1e-6)
    assert reader.environment() is not None
    for path, frames in reader.frames().groupby("path"):
        usable = frames[frames["usable"] == 1].sort_values("vignettes").tail(40)
        for index in usable["index_in_file"]:
            with suppress(SestonError):
                next(iter(reader.vignettes(str(path), [index])))


@pytest.mark.parametrize("name", ["bottle-1", "bottle-3"])
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_damaged_run_gives_an_error_of_ours_or_a_result(runs, open_reader, tmp_path, name, data):
    folder = tmp_path / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(runs / name, folder / name)
    files = sorted(p for p in (folder / name).iterdir() if p.suffix != ".tif")
    files += sorted((folder / name).glob("*.tif"))[:2]
    victim = data.draw(st.sampled_from(files))
    victim.write_bytes(_mutate(victim.read_bytes(), data.draw))
    recognise(folder)
    inspect(folder, "flowcam")
    with suppress(SestonError):
        _read_all(folder, open_reader, "flowcam")


@pytest.mark.parametrize("text", ["", "017", "017\nnum-fields|99999999\n", "\0\0", "a|b\nc|d\n"])
def test_what_is_no_list_is_said(tmp_path, text):
    (tmp_path / "run.lst").write_text(text)
    with pytest.raises(InputError):
        read_list(tmp_path / "run.lst")
