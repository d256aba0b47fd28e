"""The way of the vehicle and the water around it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seston.simulate import KINDS, TowSettings
from seston.simulate.ocean import Ocean, sun_elevation
from seston.simulate.tow import Tow


@st.composite
def tows(draw) -> Tow:
    shallow = draw(st.floats(0, 20))
    return Tow(
        TowSettings(
            casts=draw(st.integers(1, 5)),
            shallow_m=shallow,
            deep_m=shallow + draw(st.floats(5, 150)),
            cast_duration_s=draw(st.floats(60, 900)),
            speed_m_s=draw(st.floats(0.5, 4)),
            speed_variation=draw(st.floats(0, 0.5)),
            burst_spacing_m=draw(st.floats(3, 20)),
            frame_lines=draw(st.integers(64, 2048)),
        )
    )


@given(tows(), st.floats(0, 1))
def test_the_vehicle_stays_between_its_depths_and_always_goes_forward(tow, part):
    s = tow.settings
    t = part * s.duration_s
    assert s.shallow_m - 1e-6 <= tow.depth(t) <= s.deep_m + 1e-6
    assert tow.speed(t) >= s.speed_m_s * (1 - s.speed_variation) - 1e-9
    assert tow.distance_km(t + 1) > tow.distance_km(t)


@given(tows(), st.floats(0.01, 0.99), st.data())
def test_a_cast_passes_each_depth_once_where_it_says(tow, part, data):
    s = tow.settings
    cast = data.draw(st.integers(0, s.casts - 1))
    depth = s.shallow_m + part * (s.deep_m - s.shallow_m)
    t = tow.time_at(cast, depth)
    assert cast * s.cast_duration_s <= t <= (cast + 1) * s.cast_duration_s
    assert tow.depth(t) == pytest.approx(depth, abs=1e-6)


@given(tows(), st.floats(0, 0.9))
def test_distance_is_the_integral_of_speed(tow, part):
    start = part * tow.settings.duration_s
    t = np.linspace(start, start + 20, 2001)
    way = tow.distance_km(t[-1]) - tow.distance_km(t[0])
    assert way == pytest.approx(np.trapezoid(tow.speed(t), t) * 1e-3, rel=1e-6)


@given(tows())
def test_files_follow_each_other_without_overlap_and_number_every_line_once(tow):
    s, files = tow.settings, tow.files()
    starts = np.array([f.start_s for f in files])
    span = s.file_lines / s.line_rate_hz
    assert [f.index for f in files] == list(range(len(files)))
    assert [f.first_line for f in files] == [k * s.file_lines for k in range(len(files))]
    same = np.diff([f.scan for f in files]) == 0
    assert np.allclose(np.diff(starts)[same], span)
    assert all(f.scan_start <= f.first_line < f.scan_stop for f in files)


def test_every_five_metres_of_every_cast_of_the_demo_hold_one_burst():
    tow = Tow(TowSettings.demo())
    s = tow.settings
    t = np.array([f.start_s for f in tow.files()])
    bins = {
        (int(x // s.cast_duration_s), int(d // 5)) for x, d in zip(t, tow.depth(t), strict=True)
    }
    assert bins == {(cast, k) for cast in range(6) for k in range(12)}


def test_the_demo_fits_a_laptop():
    s = TowSettings.demo()
    pixels = len(Tow(s).files()) * s.file_lines * s.width
    assert 0.5e9 <= pixels <= 0.8e9


def test_the_full_tow_is_one_scan_without_a_break():
    settings = dataclasses.replace(TowSettings.full(), casts=1, cast_duration_s=20.0)
    files = Tow(settings).files()
    assert {f.scan for f in files} == {0}
    assert len(files) > 10


@pytest.mark.parametrize(
    "wrong",
    [
        {"casts": 0},
        {"shallow_m": 70.0},
        {"speed_variation": 1.0},
        {"frames_per_file": 0},
        {"codec": "png", "frames_per_file": 2},
    ],
)
def test_a_tow_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="tow|burst|shallow_m|speed_variation|picture"):
        TowSettings(**wrong)


def test_a_depth_that_the_tow_does_not_reach_is_refused():
    with pytest.raises(ValueError, match="does not pass"):
        Tow(TowSettings.tiny()).time_at(0, 90.0)


def test_the_water_has_a_front_a_thermocline_and_a_deep_chlorophyll_maximum():
    ocean, z = Ocean.across(7.0), np.arange(0, 100.0)
    assert ocean.salinity(7, 30) - ocean.salinity(0, 30) > 0.25
    before, behind = ocean.temperature(0, z), ocean.temperature(7, z)
    assert (np.diff(before) < 0).all()
    assert before[5] > behind[5] + 2
    fluorescence = ocean.fluorescence(0, z)
    assert z[fluorescence.argmax()] == pytest.approx(ocean.chlorophyll_maximum(0), abs=1)
    assert fluorescence.max() > 5 * fluorescence[0]
    assert 0 < ocean.oxygen(0, z).min() < ocean.oxygen(0, z).max() < 8


def test_the_sun_stands_where_it_stood():
    """43.69 N 7.31 E, 24 July 2013 (pvlib: 65.61, -26.23, -2.62, -5.09 degrees)."""
    moments = ["2013-07-24T12:00", "2013-07-24T00:00", "2013-07-24T04:00", "2013-07-24T19:30"]
    found = sun_elevation(np.array(moments, "datetime64[s]"), 43.69, 7.31)
    assert found == pytest.approx([65.61, -26.23, -2.62, -5.09], abs=1.5)


def test_migrants_come_up_at_night_and_others_do_not():
    ocean = Ocean.across(7.0)
    by_label = {kind.label: kind.habitat for kind in KINDS}
    copepod, snow = by_label["copepod"], by_label["marine_snow"]
    assert copepod.depth(ocean, 2, 0) < copepod.depth(ocean, 2, 1) - 15
    assert snow.depth(ocean, 2, 0) == snow.depth(ocean, 2, 1)


def test_no_concentration_is_negative_anywhere():
    ocean = Ocean.across(7.0)
    x, z, day = np.meshgrid(np.linspace(0, 7, 15), np.linspace(0, 100, 21), [0, 0.5, 1])
    for kind in KINDS:
        assert (kind.habitat.concentration(ocean, x, z, day) >= 0).all()
