"""Tables of pictures: what they tell, and what is done with wrong cells and missing files."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from drawings import TAXA, write_learning_set
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seston.errors import ConfigError, InputError, SestonError
from seston.learn.sets.parts import TEST, TRAIN, UNTOLD, VALIDATION
from seston.learn.sets.sources import read_learning_set
from seston.learn.sets.splits import split, split_table
from seston.learn.sets.tables import is_table
from seston.taxonomy import read_taxonomy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_learning_set(tmp_path / "drawings", per_class=4)


def rows_of(folder: Path) -> list[tuple[str, str]]:
    return [(f"{t}/{i:03}.png", t) for t in TAXA for i in range(4)]


def write(folder: Path, header: str, rows: list[str], name: str = "set.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_a_table_tells_labels_parts_groups_and_pixels(folder: Path) -> None:
    rows = [f"{p},{t},{s},tow {i % 3},0.1,0.05" for i, ((p, t), s) in enumerate(
        zip(rows_of(folder), ["train", "val", "test", ""] * 3, strict=True)
    )]  # fmt: skip
    header = "path,label,split,group,pixel_height_mm,pixel_width_mm"
    found = read_learning_set(write(folder, header, rows))
    assert found.taxa == TAXA
    assert found.parts is not None
    assert found.parts.tolist() == [TRAIN, VALIDATION, TEST, UNTOLD] * 3
    assert found.groups is not None
    assert found.groups[:4] == ("tow 0", "tow 1", "tow 2", "tow 0")
    np.testing.assert_array_equal(found.pixel_sizes_mm, [(0.1, 0.05)] * 12)
    assert found.vignettes[0].shape == read_learning_set(folder).vignettes[0].shape


@pytest.mark.parametrize(("name", "separator"), [("a.tsv", "\t"), ("a.csv", ";"), ("a.txt", ",")])
def test_tabs_and_semicolons_and_other_names_of_columns(folder: Path, name, separator) -> None:
    rows = [separator.join(row) for row in rows_of(folder)]
    path = write(folder, separator.join(["Image", "taxon"]), rows, name)
    assert is_table(path)
    assert len(read_learning_set(path).labels) == 12


def test_a_gzipped_table_with_the_parts_of_published_sets(folder: Path) -> None:
    text = "path,taxon,set\n" + "".join(f"{p},{t},valid\n" for p, t in rows_of(folder))
    (folder / "taxa.csv.gz").write_bytes(gzip.compress(text.encode()))
    found = read_learning_set(folder / "taxa.csv.gz")
    assert found.parts is not None
    assert set(found.parts.tolist()) == {VALIDATION}


def test_each_row_can_tell_its_polarity(folder: Path) -> None:
    rows = [f"{p},{t},{'bright' if i == 0 else ''}" for i, (p, t) in enumerate(rows_of(folder))]
    found = read_learning_set(write(folder, "path,label,polarity", rows))
    plain = read_learning_set(folder)
    np.testing.assert_array_equal(found.vignettes[0], 255 - plain.vignettes[0])
    np.testing.assert_array_equal(found.vignettes[1], plain.vignettes[1])


def test_missing_files_are_skipped_and_counted(folder: Path) -> None:
    (folder / "bar/000.png").unlink()
    (folder / "bar/001.png").write_bytes(b"none")
    rows = [",".join(row) for row in rows_of(folder)]
    found = read_learning_set(write(folder, "path,label", rows))
    assert found.skipped == ("bar/000.png", "bar/001.png")
    assert found.left_out == {"files are not there": 1, "files cannot be read": 1}


def test_no_path_leads_out_of_the_folder_unless_it_is_told(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "tables"
    table.mkdir()
    rows = [f"../drawings/{p},{t}" for p, t in rows_of(folder)]
    path = write(table, "path,label", rows)
    with pytest.raises(InputError, match="12 files lie outside of the folder"):
        read_learning_set(path)
    rows = [f"{p},{t}" for p, t in rows_of(folder)]
    assert len(read_learning_set(write(table, "path,label", rows), images=folder).labels) == 12


def test_links_that_lead_out_are_not_followed(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes((folder / "bar/000.png").read_bytes())
    (folder / "bar/link.png").symlink_to(secret)
    rows = [",".join(row) for row in [*rows_of(folder), ("bar/link.png", "bar")]]
    found = read_learning_set(write(folder, "path,label", rows))
    assert found.left_out == {"files lie outside of the folder": 1}


@pytest.mark.parametrize(
    ("header", "cells", "said"),
    [
        ("path,label,split", "x,learn", "line 2: `split` is 'learn'"),
        ("path,label,polarity", "x,red", "line 2: `polarity` is 'red'"),
        ("path,label,pixel_size_mm", "x,-1", "line 2: `pixel size` is '-1, -1'"),
        ("path,label,pixel_size_mm", "x,wide", "line 2: `pixel size`"),
        ("path,label,pixel_width_mm", "x,1", "tells one side of a pixel only"),
    ],
)
def test_wrong_cells_are_refused(folder: Path, header: str, cells: str, said: str) -> None:
    path = write(folder, header, [f"bar/000.png,{cells}"])
    with pytest.raises(InputError, match=said):
        read_learning_set(path)


def test_commas_at_the_end_of_lines_shift_nothing_and_a_cell_too_many_is_refused(
    folder: Path,
) -> None:
    rows = [f"{path},{label}," for path, label in rows_of(folder)]
    assert read_learning_set(write(folder, "path,label", rows)).taxa == TAXA
    with pytest.raises(InputError, match="line 3 has more cells than there are columns"):
        read_learning_set(write(folder, "path,label", [rows[0], f"{rows[1]}train"]))


def test_a_table_of_taxa_that_says_nothing_of_the_labels_is_refused(folder: Path, caplog) -> None:
    taxa = write(folder, "label,name", ["Bar,Sagitta", "disk,disc2"], "taxa.csv")
    with pytest.raises(ConfigError, match=r"none of its 2 labels is in .*drawings\n.*bar, cross"):
        read_learning_set(folder, taxonomy=read_taxonomy(taxa))
    write(folder, "label,name", ["bar,Sagitta", "disk,disc2"], "taxa.csv")
    assert "Sagitta" in read_learning_set(folder, taxonomy=read_taxonomy(taxa)).taxa
    assert "1 of 2 labels are not in" in caplog.text


def test_a_table_without_rows_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="has no rows"):
        read_learning_set(write(folder, "path,label", []))


def test_the_table_of_a_split_gives_the_same_split_again(folder: Path) -> None:
    pictures = read_learning_set(folder)
    parts = split(pictures, seed=3)
    text = split_table(pictures, parts)
    text = text.replace("origin,digest,taxon,group,part", "path,digest,label,group,split")
    (folder / "split.csv").write_text(text)
    again = read_learning_set(folder / "split.csv")
    np.testing.assert_array_equal(split(again, seed=99), parts)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300), zipped=st.booleans())
def test_any_bytes_are_a_table_or_an_error_of_ours(folder: Path, content: bytes, zipped) -> None:
    path = folder / ("any.csv.gz" if zipped else "any.csv")
    path.write_bytes(content if zipped else b"path,label,split\n" + content)
    with pytest.raises(SestonError, match=path.name):
        read_learning_set(path)
