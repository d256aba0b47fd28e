"""The map to ZooProcess's columns: complete, and true of real tables of EcoTaxa."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from seston.features import FEATURES
from seston.variables import OBJECTS
from seston.zooprocess import COLUMNS
from shared import data

NAMES = [
    "area", "mean", "stddev", "mode", "min", "max", "x", "y", "xm", "ym", "perim.", "bx", "by",
    "width", "height", "major", "minor", "angle", "circ.", "feret", "intden", "median", "skew",
    "kurt", "%area", "xstart", "ystart", "area_exc", "fractal", "skelarea", "slope", "histcum1",
    "histcum2", "histcum3", "xmg5", "ymg5", "nb1", "nb2", "nb3", "symetrieh", "symetriev",
    "symetriehc", "symetrievc", "convperim", "convarea", "fcons", "thickr", "esd", "elongation",
    "range", "meanpos", "centroids", "cv", "sr", "perimareaexc", "feretareaexc", "perimferet",
    "perimmajor", "circex", "cdexc",
]  # fmt: skip


def test_every_column_of_zooprocess_is_something_of_ours():
    assert list(COLUMNS) == NAMES
    for column in COLUMNS.values():
        assert column.ours in FEATURES or column.ours in OBJECTS, column


@pytest.fixture(scope="module", params=["export.tsv", "import.tsv"])
def table(request) -> dict[str, np.ndarray]:
    """Numbers of a table of EcoTaxa, by ZooProcess's names."""
    read = pd.read_csv(data("ecotaxa/zooscan_tsv") / request.param, sep="\t", encoding="latin-1")
    read = read[~read.iloc[:, 0].astype(str).str.startswith("[")]
    return {
        name: pd.to_numeric(read[f"object_{name}"]).to_numpy()
        for name in NAMES
        if f"object_{name}" in read
    }


def whole(values) -> np.ndarray:
    return np.floor(values + 0.5).astype(int)


def test_the_faults_of_old_tables_are_those_that_the_map_tells(table):
    t = {name: whole(values) for name, values in table.items()}
    crooked = (t["xm"] - t["x"] ^ 2) + (t["ym"] - t["y"] ^ 2)
    expected = {
        "esd": 2 * np.floor(table["area"] / np.pi),
        "centroids": crooked,
        "cdexc": crooked / table["area_exc"],
        "perimareaexc": t["perim."] / table["area_exc"],
        "feretareaexc": t["feret"] / table["area_exc"],
        "circex": 4 * np.pi * table["area_exc"] / (t["perim."] ^ 2),
        "elongation": t["major"] / t["minor"],
        "perimferet": t["perim."] / t["feret"],
        "perimmajor": t["perim."] / t["major"],
        "cv": 100 * t["stddev"] / table["mean"],
        "sr": 100 * t["stddev"] / table["range"],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(table[name], values, rtol=1e-6, err_msg=name)


def test_zooprocess_measures_with_holes_in_boxes_and_scales_its_ellipses(table):
    np.testing.assert_allclose(table["intden"], table["area"] * table["mean"], rtol=2e-4)
    np.testing.assert_allclose(
        table["area"], np.pi / 4 * table["major"] * table["minor"], rtol=5e-3
    )
    assert (table["x"] < table["width"]).all()
    assert (table["ystart"] == table["by"]).all()
    np.testing.assert_allclose(
        table["circ."], np.minimum(1, 4 * np.pi * table["area"] / table["perim."] ** 2), atol=6e-4
    )
    assert (table["xmg5"] == 0).all()


def test_the_mean_position_turns_into_theirs(table):
    ours = (table["mean"] - table["min"]) / table["range"]
    np.testing.assert_allclose(table["meanpos"], 1 - 1 / ours, rtol=1e-6)
