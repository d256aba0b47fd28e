"""The campaigns of benchmarks/simulated: as much work as was measured, times their size."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

from simulated.campaign import LINE_RATE, SHARD_S, WIDTH, Campaign, Case, Facts, regions

OPTIONS = Namespace(seed=1, cores_per_job=4, jobs=50, read_gb_s=1e6, submit_s=0.0, quick=True)
SHARD_PX = SHARD_S * LINE_RATE * WIDTH


def part(tasks, worker, command):
    return {"tasks": tasks, "worker": worker, "command": command, "s": 0.0}


def facts(**other):
    """Shards of ten tasks, each a hundredth of ten minutes; a command of 1 s and 0.1 s a task."""
    run = {
        "segment": [part([1.0] * 10, 12.0, 2.0), part([3.0] * 10, 36.0, 2.0)],
        "small segment": [part([1.0], 1.2, 1.1)],
        "first segment": [part([6.0], 6.2, 2.1)],
        "classify": [part([4.0] * 10, 40.0, 2.0), part([4.0] * 10, 40.0, 2.0)],
        "small classify": [part([4.0], 4.0, 1.1)],
        "first classify": [part([9.0], 9.0, 1.1)],
        "gather": [part([0.1, 0.1, 5.0, 2.5], 7.7, 1.4)],
        "small gather": [part([0.1, 5.0], 5.1, 1.2)],
        "first gather": [part([0.1, 5.0], 8.1, 1.2)],
        "vignettes": [part([0.1, 2.0, 1.0], 3.1, 1.0)],
    }
    told = {"objects": 100_000, "pixels": 2 * SHARD_PX / 100, "vignette_px": 600.0,
            "rows": 1.5 * (1 << 18), "list_s": 0.001, "start_s": 4.0}  # fmt: skip
    return Facts(**({"run": run} | told | other))


def test_what_the_command_does_in_any_case_is_told_from_what_it_does_for_each_task():
    assert facts().command("segment") == pytest.approx((1.0, 0.1))


def test_a_job_starts_with_imports_that_workers_which_run_do_not_need():
    assert facts().start_of("segment") == pytest.approx(4 + (6.2 + 2.1) - (1.2 + 1.1))


def test_one_worker_takes_the_time_that_was_measured():
    found = facts()
    for one in found.run["segment"]:
        alone = found.worked("segment", one, one["tasks"], 1)
        assert alone.useful_s == pytest.approx(one["worker"] + one["command"])
        # The last result waits for the command once more, as if it had not shared the core.
        assert alone.seconds == pytest.approx(alone.useful_s + 0.1)


def test_more_workers_lose_what_the_command_does_alone():
    # Of the last result, 0.1 s of the command come after both workers.
    on_two = (1 + 13 / 2 + 0.2) + (1 + 37 / 2 + 0.2)
    assert facts().efficiency(["segment"], 2) == pytest.approx((14 + 38) / 2 / on_two)


def test_shards_of_a_campaign_are_a_hundred_times_those_measured_and_as_unlike():
    blocks = Campaign(facts(), Case("", 20, None), OPTIONS).blocks(60)
    shards = [piece for block in blocks for piece in block["segment"]]
    assert len(blocks) == 20
    assert len(shards) == 120
    assert {round(piece.gigabytes, 1) for piece in shards} == {34.4}
    # A thousand tasks of 1 s or of 3 s, with 0.2 of messages and the command beside them.
    assert {round(p.useful_s) for p in shards} == {1 + 1200 + 100, 1 + 3600 + 100}


def test_a_told_rate_of_the_classifier_replaces_the_measured_one():
    shards = Campaign(facts(), Case("", 1, 500.0), OPTIONS).blocks(60)[0]["classify"]
    objects = SHARD_PX * 100_000 / (2 * SHARD_PX / 100)
    for piece in shards:  # the command's own work is in the measured rate, and comes on top
        assert piece.useful_s == pytest.approx(objects / 500, rel=0.1)


def test_a_region_that_is_not_whole_counts_for_a_whole_one():
    whole, before = regions([0.1, 0.1, 5.0, 2.5], total=150, size=100)
    assert before == [0.1, 0.1]
    assert np.allclose(whole, 5.0)


def test_a_plan_of_few_cores_says_what_the_simulation_says():
    campaign = Campaign(facts(), Case("", 40, 500.0), OPTIONS)
    assert campaign.on(8).seconds / 3600 == pytest.approx(campaign.forecast_h(8), rel=0.2)
