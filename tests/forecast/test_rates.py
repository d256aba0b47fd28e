"""Rates on disk."""

from __future__ import annotations

import json
import socket

import pytest

from seston.errors import InputError
from seston.forecast.rates import OPTIONAL, RATES, find_rates, rates_file, read_rates


def test_shipped_rates_are_whole_and_name_no_host():
    rates = find_rates("shipped")
    assert rates.shipped
    assert set(RATES) - OPTIONAL <= set(rates.values)
    text = rates.as_json()
    assert socket.gethostname() not in text
    assert set(rates.machine) <= {
        "processor", "architecture", "cores", "memory_gb", "system", "python", "load", "gpus",
    }  # fmt: skip


def test_what_was_written_is_read_again(tmp_path, monkeypatch):
    shipped = find_rates("shipped")
    monkeypatch.setenv("SESTON_RATES", str(tmp_path / "rates.json"))
    assert find_rates().shipped  # nobody has measured yet
    rates_file().write_text(shipped.as_json())
    found = find_rates()
    assert not found.shipped
    assert found.values == shipped.values


@pytest.mark.parametrize(
    "spoil",
    [
        lambda said: said["rates"].pop("segment"),
        lambda said: said["rates"]["segment"].update(low=-1),
        lambda said: said["rates"]["segment"].update(low=9e9),
        lambda said: said["rates"].update(segment="fast"),
        lambda said: said.pop("machine"),
    ],
)
def test_rates_that_make_no_sense_are_refused(tmp_path, spoil):
    said = json.loads(find_rates("shipped").as_json())
    spoil(said)
    path = tmp_path / "rates.json"
    path.write_text(json.dumps(said))
    with pytest.raises(InputError, match="Run `seston calibrate` again"):
        read_rates(path)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InputError, match="Run `seston calibrate`"):
        find_rates(str(tmp_path / "none.json"))
