"""The table of taxa: labels joined, left out, and what is known of each taxon."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seston.errors import ConfigError
from seston.taxonomy import Taxon, read_taxonomy

TABLE = """label,name,aphia_id,plankton,carbon_mg_mm3,lineage,group
calanoid,Copepoda,1080,1,0.0703,Animalia > Arthropoda > Crustacea,crustacean
cyclopoid,Copepoda,,,0.05,,
marine_snow,detritus,,0,,,dead
bubble,,,,,,
"""


@pytest.fixture
def write(tmp_path: Path):
    def write_(text: str | bytes) -> Path:
        path = tmp_path / "taxa.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write_


def test_labels_of_one_name_are_one_taxon_that_is_told_once(write) -> None:
    found = read_taxonomy(write(TABLE))
    assert found.name_of("calanoid") == found.name_of("cyclopoid") == "Copepoda"
    assert found.taxon("Copepoda") == Taxon(
        "Copepoda", 1080, ("Animalia", "Arthropoda", "Crustacea"), True, "crustacean"
    )


def test_a_label_with_an_empty_name_is_left_out_and_one_without_a_row_is_itself(write) -> None:
    found = read_taxonomy(write(TABLE))
    assert found.name_of("bubble") == ""
    assert found.name_of("worm") == "worm"
    assert found.taxon("worm") == Taxon("worm")
    assert found.taxon("worm").group == "worm"


def test_what_is_dead_is_no_plankton_and_of_what_nobody_tells_it_is_not_known(write) -> None:
    table = read_taxonomy(write(TABLE))
    assert table.taxon("detritus").plankton is False
    assert table.taxon("Copepoda").plankton is True
    assert table.taxon("worm").plankton is None
    assert read_taxonomy(write("label,group\nfibre,dead\n")).taxon("fibre").plankton is None


def test_a_lineage_tells_what_lives_where_its_cell_is_empty(write) -> None:
    text = (
        "label,plankton,lineage\na,,living > Animalia\nb,,Not_Living > detritus\nc,1,not-living\n"
    )
    table = read_taxonomy(write(text))
    assert [table.taxon(name).plankton for name in "abc"] == [True, False, True]


def test_a_table_of_labels_alone_will_do(write) -> None:
    found = read_taxonomy(write("label\na\nb\n"))
    assert (found.name_of("a"), found.taxon("a").aphia_id) == ("a", None)


def test_rows_are_found_by_label_and_else_by_name(write) -> None:
    rows = read_taxonomy(write(TABLE)).rows(["cyclopoid", "Copepoda", "worm"])
    assert rows["carbon_mg_mm3"].tolist()[:2] == [0.05, 0.0703]
    assert rows["name"].isna().tolist() == [False, False, True]
    assert rows.index.tolist() == ["cyclopoid", "Copepoda", "worm"]


def test_commas_at_the_end_of_lines_shift_nothing(write) -> None:
    texts = ("label,name,plankton\na,A,0,\nb,B,1,\n", "label,name,plankton,,\na,A,0,,\nb,B,1\n")
    for text in texts:
        found = read_taxonomy(write(text))
        assert (found.name_of("a"), found.taxon("A").plankton) == ("A", False)
        assert (found.name_of("b"), found.taxon("B").plankton) == ("B", True)


def test_rows_of_no_label_are_told_and_a_table_of_nothing_else_is_refused(write, caplog) -> None:
    found = read_taxonomy(write(TABLE))
    found.check_used({"calanoid", "cyclopoid", "detritus", "worm"}, "the set")  # by label, or name
    assert "taxa.csv: 1 of 4 labels are not in the set: bubble" in caplog.text
    with pytest.raises(ConfigError, match="none of its 4 labels is in the set\n.*a, worm"):
        found.check_used({"worm", "a"}, "the set")
    read_taxonomy(None).check_used({"a"}, "the set")


def test_no_table_knows_nothing() -> None:
    assert read_taxonomy(None).rows(["a"])["name"].isna().all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name\nCopepoda\n", "lacks the column 'label'"),
        ("label,name\na,A\na,B\n", "has a label twice: 'a'"),
        ("label,name\na,A\n ,B\n", "line 3 has no label"),
        ("label,aphia_id\na,12x\n", "`aphia_id` of 'a' is wrong: '12x'"),
        ("label,aphia_id\na,1.5\n", "`aphia_id` of 'a' is wrong"),
        ("label,plankton\na,yes\n", "`plankton` of 'a' is wrong: 'yes'"),
        ("label,carbon_mg_mm3\na,-1\n", "`carbon_mg_mm3` of 'a' is wrong"),
        ("label,name,group\na,X,one\nb,X,two\n", "tells two things of 'X': `group` is one, two"),
        ("label,name,aphia_id\na,X,1\nb,X,2\n", "tells two things of 'X'"),
        (b"label\n\xff\xfe\n", "cannot be read"),
        ("", "cannot be read"),
        ('label,name\n"a', "cannot be read"),
        ("label,name,Plankton\na,A,0\n", "has a column 'Plankton' that means nothing\n.*plankton"),
        ("label,name,plankton\na,A,0,1\n", "line 2 has more cells than there are columns"),
        ("label,name,name\na,A,B\n", "two columns are called 'name'"),
    ],
)
def test_a_wrong_table_is_refused(write, text, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_taxonomy(write(text))


def test_a_table_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_taxonomy(tmp_path / "none.csv")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_an_error_of_ours(tmp_path_factory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("taxa") / "taxa.csv"
    path.write_bytes(b"label,name\n" + content)
    try:
        read_taxonomy(path)
    except ConfigError as error:
        assert str(path) in str(error)
