"""Facts of the repository itself."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

import seston

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SOURCES = sorted((ROOT / "src").rglob("*.py"))


def test_the_citation_names_this_version_and_licence():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == seston.__version__
    assert citation["license"] == PROJECT["license"]
    assert {"cff-version", "message", "title", "authors", "date-released"} <= set(citation)


def test_no_floor_of_the_house_imports_from_above():
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_every_module_says_what_it_is():
    silent = [p for p in SOURCES if not ast.get_docstring(ast.parse(p.read_text()))]
    assert not silent


def test_constraints_pin_every_direct_dependency_exactly():
    pinned = {
        re.split(r"[=\[ ;]", line)[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    extras = PROJECT["optional-dependencies"].values()
    wanted = {
        re.split(r"[<>=!~\[ ;]", one)[0].lower().replace("_", "-")
        for one in [*PROJECT["dependencies"], *(d for extra in extras for d in extra)]
    }
    assert wanted - pinned - {"seston"} == set()


def test_heavy_rooms_stay_out_of_pure_ones():
    """`image` and `ecology` know no files, no zarr, no torch, no dask."""
    banned = {"zarr", "torch", "dask", "distributed", "snakemake", "pathlib"}
    for room in ("image", "ecology"):
        for path in (ROOT / "src/seston" / room).glob("*.py"):
            tree = ast.walk(ast.parse(path.read_text()))
            names = {
                name.split(".")[0]
                for node in tree
                if isinstance(node, ast.Import | ast.ImportFrom)
                for name in (
                    [a.name for a in node.names]
                    if isinstance(node, ast.Import)
                    else [node.module or ""]
                )
            }
            assert not names & banned, path


def test_the_guide_lists_the_variables_that_there_are():
    from seston.schema import variables_as_markdown

    written = (ROOT / "docs/variables.md").read_text("utf-8")
    assert written == variables_as_markdown(), "run: seston schema --variables > docs/variables.md"


def test_the_guide_lists_the_features_that_there_are():
    from seston.schema import features_as_markdown

    written = (ROOT / "docs/features.md").read_text("utf-8")
    assert written == features_as_markdown(), "run: seston schema --features > docs/features.md"


@pytest.mark.slow
def test_the_wheel_holds_all_that_it_needs(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT)],
        check=True,
    )
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    for needed in ("py.typed", "presets/isiis.yaml", "report/templates/report.html"):
        assert f"seston/{needed}" in names
    assert not [name for name in names if name.startswith("tests")]
