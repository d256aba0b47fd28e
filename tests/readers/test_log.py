"""Logs and tables as people and vehicles write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seston.errors import InputError, SestonError
from seston.readers import columns, environment, isiis_log, tables

HEADER = ["ISIIS data log", "Date: 07/25/13", *["x"] * 8]


def write_log(folder: Path, rows: list[str], names: str = "Time\tDepth (m)\tTemp (C)") -> Path:
    path = folder / "ISIIS201307251015.txt"
    path.write_bytes("\r\n".join([*HEADER, names, *rows, ""]).encode("latin-1"))
    return path


def test_a_log_rolls_over_midnight(tmp_path):
    path = write_log(tmp_path, ["23:59:59.50\t10.0\t15.0", "00:00:00.00\t10.5\t15.1"])
    table, problems = isiis_log.read(path)
    assert table["time"].tolist()[1].isoformat() == "2013-07-26T00:00:00"
    assert not problems


def test_rows_whose_clock_falls_back_are_left_out_and_counted(tmp_path):
    rows = ["10:00:01.00\t1\t15", "10:00:00.00\t2\t15", "10:00:02.00\t3\t15"]
    table, problems = isiis_log.read(write_log(tmp_path, rows))
    assert table["depth"].tolist() == [1.0, 3.0]
    assert problems == ["ISIIS201307251015.txt: 1 rows whose clock falls back"]


def test_words_for_a_missing_value_are_nan_and_other_words_are_counted(tmp_path):
    rows = ["10:00:00.00\tNo GPS Data\t15.0", "10:00:01.00\tdeep\tNA"]
    table, problems = isiis_log.read(write_log(tmp_path, rows))
    assert table["depth"].isna().all()
    assert problems == ["ISIIS201307251015.txt: 1 cells of `Depth (m)` are no numbers"]


def test_a_column_of_an_unknown_unit_is_left_out_and_told(tmp_path):
    path = write_log(tmp_path, ["10:00:00.00\t10\t50"], "Time\tDepth (m)\tTemp (F)")
    table, problems = isiis_log.read(path)
    assert "temperature" not in table
    assert "`Temp (F)` is not used: its unit is none of c" in problems[0]


def test_names_as_r_mangles_them_are_understood():
    assert columns.understand("Oxygen..ml.l.").factor == pytest.approx(44.6608)
    assert columns.understand("Irrandiance..UE.cm.").name == "irradiance"
    assert columns.understand("Depth..m.").factor == 1
    assert columns.understand("Heading") is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no line of columns"),
        (b"\n".join([b"x"] * 10 + [b"Time\tDepth (m)"]), "the log has no rows"),
        (b"Time\tDepth (m)\n10:00:00\t1\n", None),
    ],
)
def test_a_log_that_cannot_be_used_says_why(tmp_path, content, said):
    path = tmp_path / "ISIIS201307251015.txt"
    path.write_bytes(content)
    if said is None:  # the name tells the date
        assert len(isiis_log.read(path)[0]) == 1
        return
    with pytest.raises(InputError, match=said):
        isiis_log.read(path)


def test_a_log_without_a_date_anywhere_is_refused(tmp_path):
    path = tmp_path / "log.txt"
    path.write_text("Time\tDepth (m)\n10:00:00\t1\n")
    with pytest.raises(InputError, match="tells the date"):
        isiis_log.read(path)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_no_damage_to_a_log_brings_anything_but_an_error_in_words(tmp_path, data):
    rows = [f"10:00:{i:02d}.00\t{i}.5\t15.{i}" for i in range(20)]
    content = bytearray(write_log(tmp_path, rows).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "drop", "insert"])):
            case "flip":
                content[at] ^= data.draw(st.integers(1, 255))
            case "cut":
                del content[max(1, at) :]
            case "drop":
                del content[at : at + data.draw(st.integers(1, 30))]
            case "insert":
                content[at:at] = data.draw(st.binary(max_size=8))
        content = content or bytearray(b"x")
    path = tmp_path / "ISIIS201307251015.txt"
    path.write_bytes(content)
    try:
        table, problems = isiis_log.read(path)
        found = environment.as_dataset(*environment.join([table], problems))
    except SestonError as error:
        assert path.name in str(error)
        return
    assert np.all(np.diff(found["time"]) > np.timedelta64(0))
    if "depth" in found:
        low, high = environment.PLAUSIBLE["depth"]
        depth = found["depth"].to_numpy()
        assert ((depth >= low) & (depth <= high) | np.isnan(depth)).all()


# ------------------------------------------------------------------------------------------ tables
def table_of(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "positions.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_units_stand_in_a_second_row_or_in_the_names(tmp_path):
    rows = "2024-01-01T00:00:00Z,10,35.1\n2024-01-01T00:00:01Z,11,35.2\n"
    first, _ = tables.read(table_of(tmp_path, "time,depth,salinity\n,m,1\n" + rows))
    second, _ = tables.read(table_of(tmp_path, "time,depth_m,salinity (psu)\n" + rows))
    assert first.equals(second)
    assert first["depth"].tolist() == [10.0, 11.0]


def test_semicolons_and_decimal_commas_are_understood(tmp_path):
    text = "time;depth_m;lat;lon\n2024-01-01 00:00:00;10,5;43,7;7,3\n"
    table, _ = tables.read(table_of(tmp_path, text, "latin-1"))
    assert table.iloc[0, 1:].tolist() == [10.5, 43.7, 7.3]


def test_a_time_with_a_zone_is_brought_to_utc(tmp_path):
    table, _ = tables.read(table_of(tmp_path, "time,depth_m\n2024-01-01T02:00:00+02:00,1\n"))
    assert table["time"][0].isoformat() == "2024-01-01T00:00:00"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time,depth\n2024-01-01,1\n", "column `depth` has no unit"),
        ("time,depth_ft\n2024-01-01,1\n", "unit `ft`, which is not known"),
        ("when,depth_m\n2024-01-01,1\n", "no column `time`"),
        ("time,depth_m\nyesterday,1\n", "is a time"),
        ("time,depth_m,depth_m\n2024-01-01,1,1\n", "stands twice"),
        ("time,depth_m\n", "has no rows"),
        ("", "has no rows"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(tmp_path, text, said):
    with pytest.raises(InputError, match=said):
        tables.read(table_of(tmp_path, text))


# ------------------------------------------------------------------------------------- environment
def test_values_that_no_sea_has_become_nan_and_are_counted(tmp_path):
    text = "time,temperature_degC,lat,lon\n2024-01-01,15,43,353\n2024-01-02,99,95,7\n"
    table, problems = tables.read(table_of(tmp_path, text))
    found = environment.as_dataset(*environment.join([table], problems))
    assert np.isnan(found["temperature"][1])
    assert np.isnan(found["latitude"][1])
    np.testing.assert_allclose(found["longitude"], [-7, 7])
    assert "1 values of latitude outside -90 to 90" in found.attrs["problems"]


def test_oxygen_in_ml_per_l_becomes_umol_per_kg(tmp_path):
    """6 ml/l at 15 C and 35: 6 x 44.6608 / 1.025973 kg/l (density by UNESCO EOS-80 tables)."""
    text = "time,temp_degC,salinity_psu,oxygen_ml/l\n2024-01-01,15,35,6\n"
    found = environment.as_dataset(*environment.join([tables.read(table_of(tmp_path, text))[0]]))
    assert float(found["oxygen"][0]) == pytest.approx(6 * 44.6608 / 1.025973, rel=1e-4)


def test_a_time_that_stands_twice_is_kept_once(tmp_path):
    text = "time,depth_m\n2024-01-02,2\n2024-01-01,1\n2024-01-01,5\n"
    found = environment.as_dataset(*environment.join([tables.read(table_of(tmp_path, text))[0]]))
    assert found["depth"].to_numpy().tolist() == [1.0, 2.0]
    assert "1 records of a time that stands twice" in found.attrs["problems"]
