"""Counters of energy: folders laid out as Linux has them, and a GPU's library that is played."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from seston.learn.comparing import energy as module
from seston.learn.comparing.energy import energy

RANGE = 262_143_328_850


def zone(folder: Path, name: str, of: str, counted: int) -> Path:
    own = folder / name
    own.mkdir(parents=True)
    for file, text in (("name", of), ("energy_uj", counted), ("max_energy_range_uj", RANGE)):
        (own / file).write_text(f"{text}\n")
    return own / "energy_uj"


@pytest.fixture
def powercap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "POWERCAP", tmp_path)
    monkeypatch.setattr(module, "device", lambda: torch.device("cpu"))
    return tmp_path


def test_the_energy_of_all_packages_and_not_of_their_parts(powercap: Path) -> None:
    one = zone(powercap, "intel-rapl:0", "package-0", 1_000_000)
    part = zone(powercap, "intel-rapl:0:0", "core", 500_000)
    two = zone(powercap, "intel-rapl:1", "package-1", 7_000_000)
    board = zone(powercap, "intel-rapl:2", "psys", 0)
    with energy() as spent:
        for counter, now in ((one, 3_500_000), (part, 2e6), (two, 8_000_000), (board, 9e6)):
            counter.write_text(f"{int(now)}\n")
    assert spent.joules == pytest.approx(2.5 + 1.0)


def test_a_counter_that_began_again_has_counted_on(powercap: Path) -> None:
    counter = zone(powercap, "intel-rapl:0", "package-0", RANGE - 2_000_000)
    with energy() as spent:
        counter.write_text("3000000\n")
    assert spent.joules == pytest.approx(5.0)


@pytest.mark.parametrize("missing", ["all", "one", "after"])
def test_what_no_counter_tells_is_not_known(powercap: Path, missing: str) -> None:
    if missing != "all":
        zone(powercap, "intel-rapl:0", "package-0", 1)
        counter = zone(powercap, "intel-rapl:1", "package-1", 1)
        if missing == "one":
            counter.unlink()
    with energy() as spent:
        if missing == "after":
            counter.unlink()
    assert np.isnan(spent.joules)


@pytest.mark.parametrize("counts", [True, False])
def test_the_gpu_counts_too_and_without_it_nothing_is_known(
    powercap: Path, monkeypatch: pytest.MonkeyPatch, counts: bool
) -> None:
    class NVMLError(Exception):
        pass

    readings = iter([1_000.0, 41_000.0])

    def total(handle: str) -> float:
        assert handle == "handle of GPU-1234"
        if not counts:
            raise NVMLError
        return next(readings)

    library = SimpleNamespace(
        NVMLError=NVMLError,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda own: f"handle of {own}",
        nvmlDeviceGetTotalEnergyConsumption=total,
    )
    monkeypatch.setitem(sys.modules, "pynvml", library)
    monkeypatch.setattr(module, "device", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(uuid="1234"))
    counter = zone(powercap, "intel-rapl:0", "package-0", 0)
    with energy() as spent:
        counter.write_text("2000000\n")
    assert spent.joules == pytest.approx(42.0) if counts else np.isnan(spent.joules)


def test_without_the_gpus_library_nothing_is_known(
    powercap: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr(module, "device", lambda: torch.device("cuda"))
    zone(powercap, "intel-rapl:0", "package-0", 0)
    with energy() as spent:
        pass
    assert np.isnan(spent.joules)
