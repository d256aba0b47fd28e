"""The recipes of nodes name what pyproject.toml names, and nothing else."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: Names that conda has for packages of Python's index.
CONDA = {
    "cf-xarray": "cf_xarray",
    "matplotlib": "matplotlib-base",  # without Qt
    "opencv-python-headless": "opencv",
    "snakemake": "snakemake-minimal",
}
#: An engine for the cores, which has no work on a node with GPUs.
ON_CPU_ONLY = {"openvino"}
#: What the environment is made of, beside what seston needs.
TOOLS = {"python", "pip"}


def parted(requirement: str) -> tuple[str, str]:
    """Give the name and the range of a requirement, as pip or conda writes it."""
    name, versions = re.fullmatch(r"([\w.-]+)\s*(.*)", requirement).groups()
    return name, versions.replace(" ", "")


def wanted(kind: str) -> dict[str, str]:
    """What a node needs by pyproject.toml, under conda's names."""
    names = CONDA | {"torch": f"pytorch-{kind}"}
    both = map(parted, [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["learn"]])
    skipped = ON_CPU_ONLY if kind == "gpu" else set()
    return {names.get(name, name): versions for name, versions in both if name not in skipped}


def listed(kind: str) -> dict[str, str]:
    """What a conda file lists, also of its section for pip."""
    lines = yaml.safe_load((ROOT / f"envs/{kind}.yaml").read_text())["dependencies"]
    plain = [line for line in lines if isinstance(line, str)]
    (by_pip,) = (line["pip"] for line in lines if not isinstance(line, str))
    return dict(map(parted, [*plain, *by_pip]))


@pytest.mark.parametrize("kind", ["cpu", "gpu"])
def test_a_conda_file_lists_what_the_project_needs_in_the_same_versions(kind: str) -> None:
    found = listed(kind)
    python = found["python"]
    assert {name: found[name] for name in found.keys() - TOOLS} == wanted(kind)
    assert python.startswith(PROJECT["requires-python"] + ",")
    newest = [c.rpartition(" 3.")[2] for c in PROJECT["classifiers"] if " :: 3." in c][-1]
    assert python.endswith(f"<3.{int(newest) + 1}")


#: Another build for each kind of node: installed before the lock, by the constraints.
NOT_LOCKED = {"torch", "torchvision"}


def pins(path: str) -> dict[str, str]:
    text = (ROOT / path).read_text()
    found = re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)
    return {name.lower().replace("_", "-").replace(".", "-"): version for name, version in found}


def test_the_lock_pins_all_that_the_project_needs_as_the_constraints_do() -> None:
    locked, constrained = pins("envs/lock.txt"), pins("constraints.txt")
    needed = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["learn"]]
    assert {parted(one)[0] for one in needed} - NOT_LOCKED <= locked.keys()
    assert locked == {name: constrained[name] for name in locked}


def test_every_package_of_the_lock_has_a_hash_and_names_no_place() -> None:
    text = (ROOT / "envs/lock.txt").read_text()
    entries = re.split(r"\n(?=\w)", text[text.index("\n") :].strip())
    packages = [entry for entry in entries if "==" in entry.split("\n")[0]]
    assert len(packages) > 50
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry) for entry in packages)
    assert "://" not in text


def test_the_image_is_made_of_the_lock_and_of_files_that_are_there() -> None:
    recipe = (ROOT / "envs/seston.def").read_text()
    lines = re.search(r"%files\n((?:    .*\n)+)", recipe)[1].splitlines()
    copied = [line.split()[0] for line in lines]
    assert all(len(line.split()) == 2 for line in lines)  # one source a line, as Apptainer reads
    assert "envs/lock.txt" in copied
    assert all((ROOT / name).exists() for name in copied)
    assert "-c constraints.txt torch torchvision\n" in recipe
    assert "--no-deps --require-hashes -r lock.txt" in recipe
    assert re.search(r"%test\n    seston --version", recipe)
