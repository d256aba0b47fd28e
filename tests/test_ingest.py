"""What the ingest says of a deployment: nothing that its files contradict."""

from __future__ import annotations

import logging

import cv2
import numpy as np
import pytest

import campaigns
from seston.errors import InputError
from seston.simulate.instruments import simulators
from seston.stages.ingest import ingest


def said(caplog: pytest.LogCaptureFixture, campaign) -> str:
    with caplog.at_level(logging.WARNING, "seston"):
        ingest(campaign)
    return caplog.text


@pytest.mark.parametrize(
    ("told", "missing"),
    [
        ({}, "the depth and the position"),
        ({"depth_m": "5"}, "the position"),
        ({"latitude": "43.4", "longitude": "7.3"}, "the depth"),
        ({"depth_m": "5", "latitude": "43.4", "longitude": "7.3"}, None),
    ],
)
def test_pictures_without_a_log_say_what_is_not_told(tmp_path, caplog, told, missing) -> None:
    (tmp_path / "pictures").mkdir()
    cv2.imwrite(str(tmp_path / "pictures" / "a.png"), np.zeros((40, 60), np.uint8))
    row = {"path": "pictures", "pixel_width_mm": "0.1", "start": "2024-01-01"}
    text = said(caplog, campaigns.write_campaign(tmp_path, "stills", {**row, **told}))
    if missing is None:
        assert "no CTD or navigation" not in text
    else:
        assert f"nor campaigns.csv tell {missing} of all frames" in text


@pytest.mark.parametrize("name", ["ecotaxa", "zooscan", "planktoscope"])
def test_files_that_tell_where_they_are_from_need_no_log(tmp_path, caplog, name) -> None:
    row = simulators()[name](tmp_path / "files", "tiny", 1, 1)
    campaign = campaigns.write_campaign(tmp_path, name, row | {"path": f"files/{row['path']}"})
    assert "no CTD or navigation" not in said(caplog, campaign)


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("height", 1 << 35, "has 68,719,476,736 lines"),
        ("width", 65_537, "has lines of 65,537 pixels"),
    ],
)
def test_lines_that_objects_could_not_be_named_by_are_refused(
    tmp_path, monkeypatch, column, value, text
) -> None:
    (tmp_path / "pictures").mkdir()
    for name in "ab":
        cv2.imwrite(str(tmp_path / "pictures" / f"{name}.png"), np.zeros((40, 60), np.uint8))
    row = {"path": "pictures", "pixel_width_mm": "0.1", "start": "2024-01-01"}
    campaign = campaigns.write_campaign(tmp_path, "stills", row)
    reader = campaign.reader(campaign.deployments[0])
    listed = reader.frames()
    monkeypatch.setattr(type(reader), "frames", lambda _: listed.assign(**{column: value}))
    with pytest.raises(InputError, match=text) as info:
        ingest(campaign)
    assert info.value.where == str(tmp_path / "pictures")
    assert not campaign.manifest.exists()
