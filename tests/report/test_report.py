"""The report says what there is, what is missing, and is safe to open."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import synthetic
from seston.report import Making, write_report

TAXA = synthetic.LABELS
METRICS = {
    "accuracy": 0.91,
    "confusion": [[9 if i == j else 1 for j in range(len(TAXA))] for i in range(len(TAXA))],
}


def report(folder: Path, *, named: bool = True, objects: int = 300, **kinds: bool) -> str:
    store = folder / "objects.zarr"
    if not store.exists():
        positions = kinds.get("positions", True)
        synthetic.write_objects(store, objects, named=named, positions=positions)
    making = Making(
        "key: value", {"seston": "0"}, METRICS if named else None, TAXA if named else ()
    )
    profiles = synthetic.profiles(n_profiles=4, n_depths=20, **kinds)
    write_report(folder / "report.html", profiles, store, making)
    return (folder / "report.html").read_text("utf-8")


def test_the_page_holds_its_chapters_and_numbers(tmp_path):
    page = report(tmp_path)
    for chapter in ("Taxa", "Where the plankton was", "Vertical distribution",
                    "What it looks like", "Size spectrum", "How well the model names",
                    "Quality of the pictures", "What is not in the numbers"):  # fmt: skip
        assert f">{chapter}</h2>" in page
    assert "0.910" in page
    assert "300" in page
    for taxon in TAXA:
        assert taxon in page
    assert all('alt="' in tag for tag in re.findall(r"<img[^>]*>", page))


def test_the_page_needs_no_network_and_runs_no_script(tmp_path):
    page = report(tmp_path)
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert "<script" not in page
    assert "url(" not in page


def test_equal_data_give_equal_bytes(tmp_path):
    assert report(tmp_path) == report(tmp_path)


def test_a_name_from_outside_cannot_become_part_of_the_page(tmp_path):
    synthetic.write_objects(tmp_path / "objects.zarr", 50)
    profiles = synthetic.profiles(n_profiles=2, n_depths=10)
    names = profiles["taxon"].to_numpy().astype(object)
    names[0] = evil = "<script>alert('x')</script>"
    profiles = profiles.assign_coords(taxon=("taxon", names.astype(str)))
    profiles.attrs["title"] = evil
    write_report(tmp_path / "r.html", profiles, tmp_path / "objects.zarr", Making("", {}))
    page = (tmp_path / "r.html").read_text("utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("environment", "No CTD"),
        ("positions", "have no position"),
    ],
)
def test_what_is_missing_is_said_at_the_top(tmp_path, missing, said):
    page = report(tmp_path, **{missing: False})
    assert said in page.split("<main>")[0]


def test_without_a_volume_there_are_counts_and_no_concentrations(tmp_path):
    page = report(tmp_path, volume=False)
    assert "– to –" in page


def test_without_a_model_there_is_a_page_that_says_so(tmp_path):
    page = report(tmp_path, named=False)
    assert "No model" in page.split("<main>")[0]
    assert "How well the model names" not in page
