"""What a cruise takes on a site."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seston.errors import ConfigError
from seston.forecast.cruise import Cut, cruise
from seston.forecast.estimate import estimate
from seston.forecast.rates import RATES, Rates, find_rates
from seston.forecast.site import Site, site_of
from seston.forecast.spread import Spread
from seston.forecast.table import ROWS, as_text

SHIPPED = find_rates("shipped")
CLUSTER = Site(cores=400, gpus=4, read_gb_s=2, jobs=100)


def rates(**changed: float) -> Rates:
    """One of everything, but what is said: a measured machine."""
    values = {name: Spread.sure(1.0) for name in RATES} | {
        name: Spread.sure(value) for name, value in changed.items()
    }
    return replace(SHIPPED, values=values, source="a file")


def test_six_hours_of_an_isiis_are_150_million_objects_and_a_year_is_25_terapixels():
    assert cruise("isiis", hours=6).objects.middle == pytest.approx(150e6, rel=1e-3)
    assert cruise("isiis", hours=60).objects.middle == pytest.approx(1.5e9, rel=1e-3)
    year = cruise("isiis", pixels=25e12)
    assert year.hours == pytest.approx(121, abs=0.2)
    assert year.frames == pytest.approx(25e12 / 2048**2)


def test_a_year_is_a_hundred_odd_blocks_of_an_hour_with_six_shards_each():
    year = cruise("isiis", pixels=25e12)
    assert (year.blocks, year.shards) == (122, 727)
    assert cruise("isiis", hours=1, cut=Cut(shard_minutes=60, block_minutes=30)).shards == 2


def test_core_hours_are_pixels_and_objects_over_their_rates():
    tow = cruise("isiis", hours=1)
    found = estimate(tow, Site(cores=1), rates(segment=57.344, find=6944 / 2, shard=1e-9)).values
    # An hour of pixels at the speed of the camera, and two of objects.
    assert found["segment_core_h"].middle == pytest.approx(3.0, rel=1e-6)
    assert found["segment_core_h"].low < 3.0 < found["segment_core_h"].high  # objects vary


def test_the_slowest_part_of_a_site_is_named():
    tow = cruise("isiis", hours=60)
    quick = ("segment", "find", "classify", "classify_gpu", "gather", "pack", "profile")
    fast = dict.fromkeys(quick, 1e9)
    site = Site(cores=400, gpus=4, read_gb_s=2, jobs=100)

    def named(place: Site = site, **changed: float) -> str:
        return estimate(
            tow, place, rates(**(fast | {"start": 1.0, "shard": 1.0} | changed))
        ).bottleneck

    assert named() == "reading"
    assert named(segment=1e-3) == "cores"
    assert named(classify_gpu=1e3) == "GPU"
    assert named(start=3e5) == "scheduler"
    assert named(gather=1e3) == "gather: one job"
    assert named(site.model_copy(update={"write_gb_s": 1e-6})) == "storage: writing"
    assert named(site.model_copy(update={"disk_tb": 1e-6})) == "storage: no room"


@settings(max_examples=10)
@given(st.floats(0.1, 1e4), st.floats(1.5, 50))
def test_more_of_the_same_never_takes_less(hours, times):
    one, many = (estimate(cruise("isiis", hours=hours), CLUSTER, SHIPPED, t) for t in (1, times))
    for name in ("objects", "core_h", "gpu_h", "results_tb", "read_h", "wall_h"):
        assert many.values[name].middle > one.values[name].middle


@settings(max_examples=10)
@given(st.integers(1, 1000), st.integers(1, 1000))
def test_more_cores_never_take_longer(few, more):
    tow = cruise("isiis", hours=60)
    slow, fast = (
        estimate(tow, Site(cores=n, jobs=100), SHIPPED).values["wall_h"].middle
        for n in (few, few + more)
    )
    assert fast <= slow * 1.1  # the efficiency of one core that shares with none


def test_limits_hold_the_middle_and_unknown_machines_have_wider_ones():
    tow = cruise("isiis", hours=6)
    shipped, measured = (
        estimate(tow, CLUSTER, r).values for r in (SHIPPED, replace(SHIPPED, source="a file"))
    )
    for value in shipped.values():
        assert not value.low > value.middle
        assert not value.high < value.middle
    wide, narrow = shipped["segment_core_h"], measured["segment_core_h"]
    assert wide.high / wide.low > narrow.high / narrow.low


def test_graphics_processors_that_nobody_measured_are_said_to_be_assumed():
    without = {n: v for n, v in SHIPPED.values.items() if n != "classify_gpu"}
    found = estimate(cruise("isiis", hours=6), CLUSTER, replace(SHIPPED, values=without))
    assert found.gpu == "assumed"
    assert any("an assumption, nothing was measured" in note for note in found.notes)
    assert found.values["classify_core_h"].middle == 0
    measured = estimate(cruise("isiis", hours=6), CLUSTER, rates())
    assert measured.gpu == "measured"


def test_what_an_instrument_takes_must_be_told_where_nobody_knows_it():
    with pytest.raises(ConfigError, match="--objects-per-s"):
        cruise("uvp6", hours=3)
    with pytest.raises(ConfigError, match="--frame-pixels"):
        cruise("isiis-dpi", hours=3)
    told = {"frame_pixels": 4e6}
    assert cruise("isiis-dpi", hours=1, told=told).pixels == pytest.approx(4e6 * 20.5 * 3600)
    with pytest.raises(ConfigError, match="no instrument 'sonar'"):
        cruise("sonar", hours=3)
    for wrong in ({}, {"hours": 1.0, "pixels": 1.0}):
        with pytest.raises(ConfigError, match="either --hours or --pixels"):
            cruise("isiis", **wrong)


def test_vignettes_that_come_cut_out_are_counted_by_their_pixels():
    year = cruise("uvp6", pixels=8.6e9)
    assert year.objects.middle == pytest.approx(8.6e9 / year.vignette_pixels)
    found = estimate(year, Site(cores=1), rates(measure=1000.0)).values
    assert found["segment_core_h"].middle == pytest.approx(year.objects.middle / 3.6e6)


def test_a_site_is_read_from_a_file_and_options_go_before_it(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text("site: {cores: 64, gpus: 2, read_gb_s: 5, jobs: 20}\n")
    assert site_of(path, {"gpus": None, "jobs": 7}) == Site(cores=64, gpus=2, read_gb_s=5, jobs=7)
    path.write_text("{coers: 64}\n")
    with pytest.raises(ConfigError, match="unknown key `coers`.*\n.*Keys: cores, gpus"):
        site_of(path, {})
    path.write_text("- 64\n")
    with pytest.raises(ConfigError, match="a mapping"):
        site_of(path, {})


def test_every_value_has_its_row_in_the_table():
    found = estimate(cruise("isiis", hours=60), CLUSTER, SHIPPED)
    named = {name for rows in ROWS.values() for name, _, _ in rows}
    assert named == set(found.values)
    text = as_text([(1, found), (10, estimate(found.cruise, CLUSTER, SHIPPED, 10))])
    assert "1.5 G" in text
    assert "15 G" in text
