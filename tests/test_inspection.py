"""What `seston inspect` says of real folders, and what a program may count on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from seston import inspection
from seston.errors import InputError
from seston.simulate.instruments import simulators

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
    assert "not counted" not in inspection.as_text(found)


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


def test_what_else_lies_in_a_folder_is_named_and_not_counted(shared_data) -> None:
    found = inspection.inspect(shared_data("ecotaxa"))
    beside = {p["file"] for p in found["problems"] if "not counted" in p["what"]}
    assert found["objects"] == 15
    assert beside == {"import_test.zip", "planktoscope_export_global.tsv.gz", "zooscan_tsv"}


def test_a_folder_of_folders_names_those_that_an_instrument_left(tmp_path: Path) -> None:
    simulators()["loki"](tmp_path / "a", "tiny", 1, 1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"Inspect what lies below: a \(loki\)\."):
        inspection.inspect(tmp_path)


def test_a_look_loads_no_library_that_computes(tmp_path: Path) -> None:
    """They take longer to load than the look itself."""
    simulators()["ifcb"](tmp_path / "bins", "tiny", 1, 1)
    program = (
        "import sys; from pathlib import Path; from seston import inspection;"
        f"inspection.inspect(Path({str(tmp_path / 'bins')!r}));"
        "print(*{'av', 'cv2', 'dask', 'gsw', 'numba', 'pint', 'scipy', 'torch', 'zarr'}"
        " & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == []
