"""The cluster of benchmarks/simulated: core-seconds are not lost, and limits are kept."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

from simulated.cluster import POLL_S, Piece, Site, fair_share, stream_s, work_through

START_S = {"segment": 5.0, "classify": 7.0, "gather": 3.0}
GATHER = Piece(10.0, 0.0, 40.0)


def site(cores=8, jobs=100, read_gb_s=1e9, submit_s=0.0):
    return Site(cores, 4, jobs, read_gb_s, submit_s, START_S)


def blocks(number, seconds=100.0, gigabytes=0.0, shards=1):
    piece = Piece(seconds, gigabytes, 4 * seconds)
    return [{"segment": [piece] * shards, "classify": [piece] * shards}] * number


@given(
    number=st.integers(1, 12), cores=st.integers(4, 60), jobs=st.integers(1, 9),
    read=st.floats(0.1, 50), shards=st.integers(1, 3),
)  # fmt: skip
def test_every_core_second_is_in_one_account(number, cores, jobs, read, shards):
    found = work_through(
        site(cores, jobs, read, 0.5), blocks(number, 50.0, 10.0, shards), GATHER, 9
    )
    assert sum(found.accounts.values()) == pytest.approx(cores * found.seconds)
    assert min(found.accounts.values()) >= -1e-6
    assert found.accounts["useful"] == pytest.approx(number * shards * 2 * 200 + 40)


def test_one_block_takes_its_steps_one_after_the_other_and_waits_until_each_is_noticed():
    found = work_through(site(), blocks(1), GATHER)
    # Segmented at 105 s. Looks: at 20, 50, 90, 140 s. Classified at 247 s; looks after 140 s, when
    # something had ended: at 160, 190, 230, 280 s.
    assert found.seconds == pytest.approx(280 + 3 + 10)
    assert found.accounts["starting"] == pytest.approx(4 * (5 + 7 + 3))


def test_a_file_system_that_all_share_bounds_the_campaign():
    free = work_through(site(200), blocks(50, gigabytes=100.0), GATHER)
    bound = work_through(site(200, read_gb_s=10.0), blocks(50, gigabytes=100.0), GATHER)
    assert bound.seconds > 2 * 50 * 100 / 10 > free.seconds
    assert bound.limit == "reading"
    assert free.accounts["reading"] == 0


def test_more_cores_than_blocks_can_use_stand_idle():
    some, many = (work_through(site(cores), blocks(10), GATHER) for cores in (40, 400))
    assert many.seconds == some.seconds
    assert many.limit == "blocks"


def test_a_job_that_is_not_yet_noticed_keeps_its_place_in_the_limit_of_jobs():
    found = work_through(site(4, jobs=1), blocks(2), GATHER)
    alone = 2 * (5 + 100) + 2 * (7 + 100) + 3 + 10
    assert found.seconds > alone + POLL_S
    assert found.accounts["scheduler"] > 0


def test_a_command_that_is_slower_than_its_workers_takes_one_result_after_the_other():
    assert stream_s([1.0] * 100, workers=4, command_s=0.0) == pytest.approx(25)
    assert stream_s([1.0] * 100, workers=50, command_s=0.5) == pytest.approx(1 + 50)


def test_a_long_task_holds_up_those_too_far_behind_it():
    assert stream_s([10.0, *[1.0] * 8], workers=2, command_s=0.0) == pytest.approx(13)


def test_who_asks_for_little_has_it_and_the_others_share_the_rest():
    import numpy as np

    assert fair_share(np.array([1.0, 5.0, 9.0]), 9.0) == pytest.approx(4.0)


def test_fewer_cores_than_one_job_are_refused():
    with pytest.raises(ValueError, match="fewer cores"):
        work_through(site(3), blocks(1), GATHER)
