"""Files of a simulated tow: exact pixels, same bytes, one clock, counts that follow the law."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import av
import cv2
import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2, kstest

from seston.errors import StoreError
from seston.simulate import KINDS, LABELS, TowSettings, write_isiis
from seston.simulate.isiis import write_avi
from seston.simulate.scene import expected, places, take
from seston.simulate.tow import Tow
from seston.simulate.truth import file_name, mask_runs, runs_mask

COLUMNS = [
    "Time",
    "Pressure (dbar)",
    "Depth (m)",
    "Temp (C)",
    "Salinity (PPT)",
    "Fluoro (volts)",
    "Oxygen (ml/l)",
    "Irrandiance (UE/cm)",
]


def decoded(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


def hashes(folder):
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files
    }


def read_log(tiny):
    (path,) = (tiny / "environment").glob("ISIIS*.txt")
    return path, pd.read_csv(path, sep="\t", skiprows=10, encoding="latin-1")


@pytest.mark.parametrize("codec", ["rawvideo", "ffv1"])
def test_a_video_gives_back_exactly_the_pixels_that_went_in(tmp_path, codec):
    frames = np.random.default_rng(0).integers(0, 256, (3, 37, 2048), dtype=np.uint8)
    write_avi(tmp_path / "a.avi", frames, codec=codec)
    assert (np.array(decoded(tmp_path / "a.avi")) == frames).all()


def test_the_files_hold_exactly_the_pixels_that_were_rendered(tiny):
    tow = Tow(TowSettings.tiny())
    files = tow.files()
    for file in (files[0], files[3]):
        scene = take(tow, files, file, 1)
        frames = decoded(tiny / "frames" / file_name(tow, file))
        assert (np.vstack(frames) == scene.pixels).all()


@pytest.mark.parametrize("codec", ["png", "tiff"])
def test_a_tow_of_pictures_has_the_pixels_and_the_times_of_its_frames(tiny, tmp_path, codec):
    settings = dataclasses.replace(
        TowSettings.tiny(), codec=codec, frames_per_file=1, files_per_burst=2, frame_lines=1024
    )
    write_isiis(tmp_path / "tow", settings, 1)
    pictures = sorted((tmp_path / "tow" / "frames").iterdir())
    assert [p.suffix for p in pictures] == [f".{codec}"] * 4
    assert pictures[0].stem == min(p.stem for p in (tiny / "frames").iterdir())
    tow = Tow(settings)
    scene = take(tow, tow.files(), tow.files()[0], 1)
    assert (cv2.imread(str(pictures[0]), cv2.IMREAD_UNCHANGED) == scene.pixels).all()


def test_the_same_seed_gives_the_same_bytes_with_one_worker_or_two(tiny, tmp_path):
    write_isiis(tmp_path / "again", TowSettings.tiny(), 1, workers=2)
    assert hashes(tmp_path / "again") == hashes(tiny)


def test_another_seed_gives_another_sea(tiny, tmp_path):
    write_isiis(tmp_path / "other", TowSettings.tiny(), 2)
    other = hashes(tmp_path / "other")
    assert all(
        digest != other[name] for name, digest in hashes(tiny).items() if name[-4:] == ".avi"
    )


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    with pytest.raises(StoreError, match="holds other things"):
        write_isiis(tmp_path / "mine", TowSettings.tiny(), 1)
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_tow_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("pulled plug")

    monkeypatch.setattr("seston.simulate.isiis.write_avi", fail)
    with pytest.raises(RuntimeError, match="pulled plug"):
        write_isiis(tmp_path / "tow", TowSettings.tiny(), 1)
    assert list(tmp_path.iterdir()) == []


def test_truth_lies_beside_the_frames_and_not_among_them(tiny):
    assert sorted(p.name for p in tiny.iterdir()) == ["environment", "frames", "truth"]
    assert {p.suffix for p in (tiny / "frames").iterdir()} == {".avi"}
    assert json.loads((tiny / "truth" / "tow.json").read_text())["seed"] == 1


def test_names_of_files_tell_the_time_of_their_first_line(truth):
    first = truth.frames[truth.frames["index_in_file"] == 0]
    named = pd.to_datetime(first["file"].str.removesuffix(".avi"), format="%Y%m%d%H%M%S.%f")
    late = (named - first["time"]).dt.total_seconds().abs()
    assert (late <= 0.0005).all()


def test_the_log_is_laid_out_as_the_instrument_does(tiny):
    path, table = read_log(tiny)
    lines = path.read_bytes().decode("latin-1").split("\r\n")
    assert path.name == "ISIIS201307241820.txt"
    assert lines[1][6:14] == "07/24/13"
    assert lines[10].split("\t")[0] == "Time"
    assert set(COLUMNS) <= set(table.columns)
    assert table.notna().all(axis=None)


def test_log_and_truth_tell_the_same_way(tiny, truth):
    _, table = read_log(tiny)
    clock = pd.to_datetime("2013-07-24 " + table["Time"], format="%Y-%m-%d %H:%M:%S.%f")
    seconds = (clock - clock[0]).dt.total_seconds()
    pairs = {
        "Depth (m)": ("depth", 1, 0.05),
        "Temp (C)": ("temperature", 1, 0.1),
        "Salinity (PPT)": ("salinity", 1, 0.03),
        "Oxygen (ml/l)": ("oxygen", 1, 0.06),
        "Horizontal Vel in water (mm/s)": ("speed", 1000, 25),
        "Lat (decimals)": ("latitude", 1, 1e-5),
        "Long (decimals)": ("longitude", 1, 1e-5),
    }
    for column, (name, scale, tolerance) in pairs.items():
        logged = np.interp(truth.frames["middle_s"], seconds, table[column])
        assert logged == pytest.approx(truth.frames[name] * scale, abs=tolerance)


def test_counts_are_poisson_draws_of_concentration_times_volume():
    """Deviance of all kinds in 144 frames, and the mean of each kind, for a fixed seed."""
    settings = dataclasses.replace(TowSettings.demo(), detritus_factor=0.02)
    tow = Tow(settings)
    means, counts = [], []
    for file in tow.files():
        t = file.start_s + settings.frame_lines / settings.line_rate_hz / 2
        means.append(expected(tow, t) * settings.volume_m3(float(tow.speed(t))))
        kinds = [place.kind for place in places(tow, file, 5)]
        counts.append(np.bincount(kinds, minlength=len(KINDS)))
    mean, count = np.array(means), np.array(counts)
    total, drawn = mean.sum(axis=0), count.sum(axis=0)
    z = (drawn - total) / np.sqrt(total)
    assert chi2.sf((z**2).sum(), len(KINDS)) > 0.001
    dispersion = ((count - mean) ** 2 / mean)[mean > 1]
    assert dispersion.mean() == pytest.approx(1, abs=5 * np.sqrt(2 / dispersion.size))


def test_the_table_of_concentrations_is_that_of_the_objects(truth):
    table = truth.concentrations
    assert set(table["taxon"]) == set(LABELS)
    placed = table.groupby("taxon")["placed"].sum()
    seen = truth.objects["taxon"].value_counts().reindex(placed.index, fill_value=0)
    assert (placed == seen).all()
    volume = 2048 * 0.105 / 2048 * 512 / 28000 * truth.frames["speed"] * 0.5
    assert truth.frames["volume_m3"].to_numpy() == pytest.approx(volume.to_numpy())


def test_objects_lie_anywhere_in_the_line():
    tow = Tow(TowSettings.demo())
    columns = [p.column for file in tow.files()[:8] for p in places(tow, file, 3)]
    assert kstest(np.array(columns) / 2048, "uniform").pvalue > 0.001


def test_objects_stand_in_the_order_of_their_first_pixels_and_boxes_hold_their_masks(truth):
    objects, masks = truth.objects, truth.masks()
    assert sorted(masks) == objects["object"].tolist()
    start = objects["first_line"] - objects["top"]
    for row in objects.itertuples():
        runs = masks[row.object]
        assert (runs[:, 2] - runs[:, 1]).sum() == row.area_px
        assert tuple(runs[0, :2]) == (row.first_line, row.first_column)
        assert runs[:, 1].min() == row.left
        assert runs[:, 2].max() == row.right
        assert runs[:, 0].max() + 1 == row.bottom + start[row.Index]
        assert runs[:, 0].min() == row.first_line


def test_masks_are_the_dark_pixels_of_the_frames(tiny, truth):
    names = dict.fromkeys(truth.frames["file"])
    frames = [pixels for name in names for pixels in decoded(tiny / "frames" / name)]
    tow = np.vstack(frames).astype(float)
    light = np.median(tow[:1024], axis=0)
    sharp = truth.objects.query("in_focus == 1 and contrast > 0.5 and overlapped == 0")
    masks = truth.masks()
    inside = [
        np.mean([tow[y, a:b].mean() / light[a:b].mean() for y, a, b in masks[i]])
        for i in sharp["object"]
    ]
    assert np.max(inside) < 0.92


def test_an_object_that_crosses_two_files_is_whole_in_the_truth_and_in_both_files(tiny, truth):
    """The last lines of a file and the first of the next show the same shadow."""
    settings = TowSettings.tiny()
    crossing = truth.objects[
        (truth.objects["bottom"] > settings.frame_lines)
        & (truth.objects["index_in_file"] == settings.frames_per_file - 1)
        & (truth.objects["in_focus"] == 1)
    ]
    assert len(crossing) > 0
    names = list(dict.fromkeys(truth.frames["file"]))
    for row in crossing.itertuples():
        after = decoded(tiny / "frames" / names[names.index(row.file) + 1])[0]
        runs = truth.masks()[row.object]
        below = runs[runs[:, 0] >= row.first_line - row.top + settings.frame_lines]
        line, a, b = below[0]
        shadow = after[line % settings.frame_lines, a:b].mean()
        assert shadow < 0.95 * np.median(after, axis=0)[a:b].mean()


def test_runs_and_masks_are_the_same_thing():
    rng = np.random.default_rng(4)
    mask = rng.random((13, 17)) < 0.4
    again, top, left = runs_mask(mask_runs(mask, 100, 7))
    whole = np.zeros_like(mask)
    whole[top - 100 : top - 100 + again.shape[0], left - 7 : left - 7 + again.shape[1]] = again
    assert (whole == mask).all()


def test_the_taxonomy_names_every_label_and_says_what_lives(truth):
    assert tuple(truth.taxonomy["label"]) == LABELS
    assert truth.taxonomy["plankton"].sum() >= 10
    assert (truth.taxonomy["plankton"] == 0).sum() >= 2
