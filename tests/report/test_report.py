"""The report says what there is, what is missing, and is safe to open."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import xarray as xr

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


ADJUSTED = tuple(f"concentration_adjusted{end}" for end in ("", "_lower", "_upper"))


def written(folder: Path, profiles: xr.Dataset) -> str:
    if not (folder / "objects.zarr").exists():
        synthetic.write_objects(folder / "objects.zarr", 50)
    write_report(folder / "r.html", profiles, folder / "objects.zarr", Making("", {}, None, TAXA))
    return (folder / "r.html").read_text("utf-8")


def test_adjusted_numbers_stand_beside_what_was_named(tmp_path):
    profiles = synthetic.profiles(n_profiles=2, n_depths=10)
    profiles.attrs["quantification"] = "em, from 900 held-out objects"
    for name in ADJUSTED:
        profiles[name] = profiles[name].where(profiles["taxon"] != "copepod")
    page = written(tmp_path, profiles)
    volume = float(profiles["imaged_volume"].sum())
    mended = float((profiles[ADJUSTED[0]] * profiles["imaged_volume"]).sel(taxon="detritus").sum())
    rows = {row.split("<")[0]: row for row in page.split("<tr><td>")}
    assert f"<td>{mended / volume:.3g}</td>" in rows["detritus"]
    assert "not adjusted" in next(row for name, row in rows.items() if name.strip() == "copepod")
    assert "em, from 900 held-out objects; docs/quantification.md" in page
    caption = next(c for c in re.findall("<figcaption>(.*?)</figcaption>", page) if "Dashed" in c)
    assert "Not adjusted, as these errors are not known: copepod." in caption
    assert "docs/quantification.md" in caption


def test_the_page_of_a_campaign_without_adjusted_numbers_knows_nothing_of_them(tmp_path):
    profiles = synthetic.profiles(n_profiles=2, n_depths=10)
    nothing = profiles.assign({name: profiles[name] * float("nan") for name in ADJUSTED})
    page = written(tmp_path, nothing)
    assert page == written(tmp_path, profiles.drop_vars(ADJUSTED))
    assert page != written(tmp_path, profiles)
    assert "djusted" not in page.split("<h2", 2)[2]


def test_why_nothing_is_adjusted_is_said_at_the_top(tmp_path):
    profiles = synthetic.profiles(n_profiles=2, n_depths=10).drop_vars(ADJUSTED)
    profiles.attrs["quantification"] = "none: the model's errors are not known"
    said = "No concentration is adjusted for the errors of naming: the model&#39;s errors"
    assert said in written(tmp_path, profiles).split("<main>")[0]
    profiles.attrs["quantification"] = "none"
    assert "No concentration is adjusted" not in written(tmp_path, profiles)


def test_without_a_volume_there_are_counts_and_no_concentrations(tmp_path):
    page = report(tmp_path, volume=False)
    assert "– to –" in page


def test_without_a_model_there_is_a_page_that_says_so(tmp_path):
    page = report(tmp_path, named=False)
    assert "No model" in page.split("<main>")[0]
    assert "How well the model names" not in page
