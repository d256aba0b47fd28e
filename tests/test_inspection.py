"""What `seston inspect` says of real folders, and what a program may count on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seston import inspection
from seston.errors import InputError

KEYS = {
    "instrument", "samples", "frames", "objects", "time_range", "position_range", "depth_range",
    "pixel_size_mm", "imaged_volume_m3", "environment", "problems",
}  # fmt: skip
#: Folder or file: instrument, samples, frames, objects.
REAL = {
    "raw/isiis_cfe_mbari": ("isiis", 1, 1, None),
    "raw/darkfield_video": ("stills", 1, 5, None),
    "raw/holo_montage_planktonator": ("stills", 1, 2, None),
    "raw/flatbed_zooimage": ("flatbed", 1, 1, None),
    "raw/ifcb": ("ifcb", 1, 6, 5),
    "raw/flowcam_dy086": ("flowcam", 1, 692, 506),
    "ecotaxa/planktoscope_export_global.tsv.gz": ("ecotaxa", 14, 14, 7631),
    "ecotaxa/zooscan_tsv": ("ecotaxa", 21, 26, 148),
    "ecotaxa/import_test.zip": ("ecotaxa", 2, 2, 8),
    "ecotaxa/uvp6_import_b_da_19_Images.zip": ("ecotaxa", 1, 12, 15),
    "ecopart/raw_multi": ("ecopart", 15, 8189, 9300),
}


@pytest.mark.parametrize("name", REAL)
def test_a_real_folder_is_recognised_and_counted(shared_data, name: str) -> None:
    found = inspection.inspect(shared_data(name))
    assert (found["instrument"], found["samples"], found["frames"], found["objects"]) == REAL[name]
    assert set(found) >= KEYS
    assert all(set(problem) >= {"file", "what", "cure"} for problem in found["problems"])
    assert json.loads(inspection.as_json(found)) == found
    assert found["instrument"] in inspection.as_text(found)


def test_the_page_of_own_data_tells_every_key() -> None:
    page = (Path(__file__).resolve().parent.parent / "docs" / "own-data.md").read_text("utf-8")
    told = set(inspection.KEYS)
    assert told >= KEYS
    assert not [key for key in told if f"| `{key}` |" not in page]


def test_where_nothing_is_known_it_is_said_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no instrument's files are recognised"):
        inspection.inspect(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        inspection.inspect(tmp_path / "nowhere")
