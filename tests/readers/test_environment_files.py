"""Files of CTD and navigation of many makers: the same names, units and flags."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import gsw
import netCDF4
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import shared
from seston.errors import InputError, SestonError
from seston.readers import environment
from seston.readers.logs import find, nmea, read_environment, recognise, seabird
from seston.simulate.instruments import simulators
from seston.variables import BAD, ENVIRONMENT, FLAGS, GOOD, MISSING, NOT_CHECKED, SUSPECT

SENSORS = [name for name in ENVIRONMENT if f"{name}_flag" in ENVIRONMENT]


def flags(dataset, name):
    values, counts = np.unique(dataset[f"{name}_flag"], return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def law(dataset):
    """What holds of every environment: time in order, each value with its flag, and plausible."""
    time = dataset["time"].to_numpy()
    known = time[~np.isnat(time)]
    assert np.all(np.diff(known) > np.timedelta64(0))
    assert np.isnat(time[len(known) :]).all()
    for name in set(SENSORS) & set(dataset.data_vars):
        there = np.isfinite(dataset[name]).to_numpy()
        flag = dataset[f"{name}_flag"].to_numpy()
        assert set(flag.tolist()) <= set(FLAGS)
        assert np.isin(flag[there], [GOOD, NOT_CHECKED, SUSPECT]).all()
        assert np.isin(flag[~there], [BAD, MISSING]).all()
        assert dataset[name].attrs["ancillary_variables"] == f"{name}_flag"
        if name in environment.PLAUSIBLE:
            low, high = environment.PLAUSIBLE[name]
            assert ((dataset[name] >= low - 1e-6) & (dataset[name] <= high + 1e-6))[there].all()


# ------------------------------------------------------------------------------------- Sea-Bird
def cnv(folder: Path, rows: list[str], **header: str) -> Path:
    said = {
        "interval": "seconds: 0.5",
        "start_time": "Aug 28 2008 12:33:46 [System UTC, first data scan]",
        "bad_flag": "-9.990e-29",
    } | header
    names = ["prDM: Pressure, Digiquartz [db]", "t090C: Temperature [ITS-90, deg C]",
             "t190C: Temperature, 2 [ITS-90, deg C]", "sal00: Salinity, Practical [PSU]",
             "wetCDOM: Fluorescence, WET Labs CDOM [mg/m^3]",
             "flECO-AFL: Fluorescence, WET Labs ECO-AFL/FL [mg/m^3]",
             "sbeox0V: Oxygen raw, SBE 43 [V]", "sbeox0Mm/Kg: Oxygen, SBE 43 [umol/kg]",
             "flag: flag"]  # fmt: skip
    lines = ["* Sea-Bird SBE 9 Data File:", "* NMEA Latitude = 25 27.85 S",
             "* NMEA Longitude = 044 15.34 E",
             *(f"# name {i} = {name}" for i, name in enumerate(names)),
             *(f"# {key} = {value}" for key, value in said.items()), "*END*", *rows]  # fmt: skip
    path = folder / "sta0001.cnv"
    path.write_bytes("\r\n".join([*lines, ""]).encode("latin-1"))
    return path


def scan(*values: float, flag: str = "0.0000e+00") -> str:
    return "".join(f"{value:11.4f}" for value in values) + f"{flag:>11}"


def test_the_real_cast_of_one_metre_bins():
    found = read_environment([shared.data("env/seabird_cnv/sta0860.cnv")])
    law(found)
    assert found.sizes["time"] == 88
    assert set(found["sample"].to_numpy()) == {"sta0860"}
    np.testing.assert_allclose(found["pressure"], np.arange(3, 91))
    expected = -gsw.z_from_p(np.arange(3, 91.0), -(25 + 27.85 / 60))
    np.testing.assert_allclose(found["depth"], expected)
    first = found.isel(time=0)
    assert float(first["temperature"]) == pytest.approx(22.5007 / 1.00024, abs=1e-5)  # ITS-68
    assert float(first["salinity"]) == pytest.approx(35.4487, abs=1e-4)
    assert float(first["chlorophyll"]) == pytest.approx(0.1379, abs=1e-5)
    density = 1000 + gsw.sigma0(gsw.SR_from_SP(35.4487), gsw.CT_from_t(35.6157, 22.4953, 3))
    assert float(first["oxygen"]) == pytest.approx(4.69119 * 44660.8 / density, rel=1e-4)
    assert float(first["latitude"]) == pytest.approx(-(25 + 27.85 / 60))
    assert float(first["longitude"]) == pytest.approx(44 + 15.34 / 60)
    assert first["time"].to_numpy() == np.datetime64("2008-08-28T12:33:46")
    assert set(found["time_flag"].to_numpy()) == {MISSING}  # scans have the time of their cast


def test_numbers_that_touch_are_parted_by_their_width():
    path = shared.data("env/seabird_cnv/missing_whitespace.cnv")
    table, problems = seabird.read_cnv(path)
    lines = path.read_text("latin-1").split("*END*\n")[1].splitlines()
    touching = [i for i, line in enumerate(lines) if len(line.split()) != 15]
    assert len(touching) == 2
    assert len(table) == 2072
    assert not any("damaged" in problem for problem in problems)
    others = [i for i in range(len(lines)) if i not in touching]
    split = np.array([lines[i].split() for i in others], float)
    np.testing.assert_allclose(table["temperature"][others], split[:, 1])
    np.testing.assert_allclose(table["chlorophyll"][others], split[:, 6])
    for i in touching:
        assert table["depth"][i] == float(lines[i][88:99])
        assert table["oxygen"][i] == pytest.approx(float(lines[i][99:110]) * 1000 / 31.9988)
    step = np.diff(table["time"])
    assert (step == np.timedelta64(250, "ms")).all()


def test_scans_that_were_marked_are_bad_but_their_depth_stands():
    found = read_environment([shared.data("env/seabird_cnv/missing_whitespace.cnv")])
    law(found)
    assert flags(found, "temperature") == {NOT_CHECKED: 396, BAD: 1676}
    assert flags(found, "pressure") == {NOT_CHECKED: 2072}
    assert "1676 values of temperature are flagged bad: left out" in found.attrs["problems"]
    assert "salinity" not in found  # the pump was off: 1999 PSU in the scans that are left
    assert "column `par` is not used: its unit is ``" in found.attrs["problems"]


def test_the_first_sensor_counts_and_cdom_is_no_chlorophyll(tmp_path):
    rows = [scan(1, 15, 16, 35, 9, 0.5, 2.5, 220), scan(2, 14, 16, 35, 9, 0.6, 2.5, 221)]
    found = read_environment([cnv(tmp_path, rows)])
    law(found)
    np.testing.assert_allclose(found["temperature"], [15, 14])
    np.testing.assert_allclose(found["chlorophyll"], [0.5, 0.6], rtol=1e-6)
    np.testing.assert_allclose(found["oxygen"], [220, 221])
    assert found["time"].to_numpy()[1] - found["time"].to_numpy()[0] == np.timedelta64(500, "ms")
    assert "problems" not in found.attrs
    assert "time_flag" not in found


def test_a_value_missing_by_the_files_own_word_is_missing_not_bad(tmp_path):
    row = scan(1, 15, 16, 35, 9, 0.5, 2.5, 220).replace("    15.0000", " -9.990e-29", 1)
    found = read_environment([cnv(tmp_path, [row, scan(2, 14, 16, 35, 9, 0.6, 2.5, 221)])])
    assert found["temperature_flag"].to_numpy().tolist() == [MISSING, NOT_CHECKED]


def test_a_start_that_may_be_local_time_is_said(tmp_path):
    path = cnv(tmp_path, [scan(1, 15, 16, 35, 9, 0.5, 2.5, 220)], start_time="Aug 28 2008 12:33:46")
    assert "not said to be UTC" in read_environment([path]).attrs["problems"]


@pytest.mark.parametrize(
    ("start", "stop", "said"),
    [("*END*", "", "the header has no end"), ("# name 3", "# nom 3", "does not name all columns")],
)
def test_a_cast_that_cannot_be_used_says_why(tmp_path, start, stop, said):
    path = cnv(tmp_path, [scan(1, 15, 16, 35, 9, 0.5, 2.5, 220)])
    path.write_text(path.read_text("latin-1").replace(start, stop))
    with pytest.raises(InputError, match=said):
        read_environment([path])


BTL = """\
* Sea-Bird SBE 9 Data File:
* NMEA Latitude = 36 46.86 N
* NMEA Longitude = 121 59.12 W
# start_time = Jun 27 2013 21:10:40 [NMEA time, header]
    Bottle        Date      DepSM       PrDM      T090C      Sal00  FlECO-AFLSbeox0Mm/Kg       Scan
  Position        Time
      1    Jun 27 2013     31.638     31.875     9.1594    33.9171     0.1277    118.458      18147 (avg)
              21:23:18      0.206      0.208     0.0253     0.0027     0.0224      1.770         14 (sdev)
      2    Jun 27 2013     10.094     10.169    10.6660    33.8778     2.8795    227.913      22196 (avg)
              21:26:07      0.120      0.121     0.0012     0.0003     0.1439      0.118         14 (sdev)
"""  # fmt: skip  # noqa: E501


def test_bottles_give_their_means_with_the_time_of_each(tmp_path):
    path = tmp_path / "cast1.btl"
    path.write_text(BTL)
    found = read_environment([path])
    law(found)
    assert found["time"].to_numpy().astype("datetime64[s]").astype(str).tolist() == [
        "2013-06-27T21:23:18", "2013-06-27T21:26:07"]  # fmt: skip
    np.testing.assert_allclose(found["pressure"], [31.875, 10.169])
    np.testing.assert_allclose(found["oxygen"], [118.458, 227.913], rtol=1e-6)
    np.testing.assert_allclose(found["chlorophyll"], [0.1277, 2.8795], rtol=1e-6)
    assert float(found["longitude"][0]) == pytest.approx(-(121 + 59.12 / 60))
    assert set(found["sample"].to_numpy()) == {"cast1"}


# -------------------------------------------------------------------------------------- EcoPart
def test_the_real_ctd_of_ecopart():
    path = shared.data("ecopart/ctd1.ctd")
    found = read_environment([path])
    law(found)
    raw = pd.read_csv(path, sep="\t", encoding="latin-1", na_values="NaN")
    raw.columns = raw.columns.str.strip()
    assert found.sizes["time"] == len(raw) == 497
    for name, column in {
        "pressure": "Pressure in Water Column [db]", "depth": "Depth [salt water, m]",
        "chlorophyll": "Chloro Fluo [mg Chl/m3]", "salinity": "Practical Salinity [psu]",
        "temperature": "Temperature [degC]",
    }.items():  # fmt: skip
        order = np.argsort(raw["time [yyyymmddhhmmssmmm]"].to_numpy(), kind="stable")
        np.testing.assert_allclose(found[name], raw[column].to_numpy()[order], rtol=1e-6)
    assert float(found["irradiance"][0]) == pytest.approx(140.01)  # the sign of micro is lost
    assert flags(found, "temperature") == {GOOD: 497}
    assert set(found["sample"].to_numpy()) == {"ctd1"}


def test_a_ctd_without_times_keeps_all_its_records():
    found = read_environment([shared.data("ecopart/ctd2.ctd")])
    law(found)
    assert found.sizes["time"] == 1010
    assert np.isnat(found["time"]).all()
    assert float(found["irradiance"][0]) == pytest.approx(28.737)
    assert "1010 records tell no time" in found.attrs["problems"]


def test_what_ecopart_exports_is_what_it_took_and_names_the_cast():
    folder = shared.data("ecopart/raw_multi")
    name = "20191121020000_brusample02_CTD_raw_20210201_14_15.tsv"
    taken = read_environment([shared.data("ecopart/ctd1.ctd")])
    given_back = read_environment([folder / name])
    assert set(given_back["sample"].to_numpy()) == {"brusample02"}
    for sensor in ("depth", "temperature", "salinity", "chlorophyll"):
        np.testing.assert_allclose(given_back[sensor], taken[sensor])


def ctd(folder: Path, text: str) -> Path:
    path = folder / "uvp_01.ctd"
    path.write_bytes(text.encode("latin-1"))
    return path


CTD = (
    "Pressure in Water Column [db]\tQC Flag\tTime [yyyymmddhhmmssmmm]\tOxygen [µmol/kg]\t"
    "Temperature [degC]\n"
    "1.0\t0\t20190101021400250\t210.5\t15.5\n2.0\t1\t20190101021401250\t211\t15.4\n"
    "3.0\t0\t20190101021402250\tNaN\t15.3\n"
)


def test_the_quality_of_a_row_holds_for_its_sensors(tmp_path):
    found = read_environment([ctd(tmp_path, CTD)])
    law(found)
    assert found["temperature_flag"].to_numpy().tolist() == [GOOD, BAD, GOOD]
    assert found["oxygen_flag"].to_numpy().tolist() == [GOOD, BAD, MISSING]
    assert np.isfinite(found["pressure"]).all()
    assert found["time"].to_numpy()[0] == np.datetime64("2019-01-01T02:14:00.250")


# ----------------------------------------------------------------------------------------- Argo
def test_the_real_float_gives_its_adjusted_values_and_their_flags():
    path = shared.data("env/argo/3902131_Sprof.nc")
    found = read_environment([path])
    law(found)
    with netCDF4.Dataset(path) as data:
        data.set_auto_mask(False)  # values beyond their valid range count: flags judge them
        there = data["PRES"][:] < 99_999
        names = {"pressure": "PRES", "temperature": "TEMP", "salinity": "PSAL", "oxygen": "DOXY"}
        values = {n: data[f"{p}_ADJUSTED"][:][there].astype(float) for n, p in names.items()}
        quality = {n: data[f"{p}_ADJUSTED_QC"][:][there] for n, p in names.items()}
        latitude = np.broadcast_to(data["LATITUDE"][:][:, None], there.shape)[there]
    assert found.sizes["time"] == 113_744
    for name in names:
        lost = (quality[name] == b"4") | (values[name] > 90_000)
        expected = np.where(lost, np.nan, values[name])
        np.testing.assert_allclose(found[name], expected, rtol=1e-6)
    depth = -gsw.z_from_p(values["pressure"], latitude)
    np.testing.assert_allclose(found["depth"], depth, atol=1e-3)
    assert flags(found, "oxygen") == {GOOD: 28_497, BAD: 28_338, MISSING: 56_909}
    assert flags(found, "salinity")[SUSPECT] == 934
    assert len(set(found["sample"].to_numpy())) == 162
    assert found["sample"].to_numpy()[[0, -1]].tolist() == ["3902131_001D", "3902131_161"]
    assert set(found["time_flag"].to_numpy()) == {MISSING}


def small_float(path: Path, mode: str = "D") -> Path:
    """Two profiles of three levels in the layout of Argo's synthetic files."""
    with netCDF4.Dataset(path, "w", format="NETCDF4_CLASSIC") as data:
        for name, size in {"N_PROF": 2, "N_LEVELS": 3, "N_PARAM": 2, "STRING8": 8,
                           "STRING64": 64}.items():  # fmt: skip
            data.createDimension(name, size)

        def text(name, dims, values):
            width = data.dimensions[dims[-1]].size
            data.createVariable(name, "S1", dims)[:] = netCDF4.stringtochar(
                np.array(values, f"S{width}")
            )

        text("PLATFORM_NUMBER", ("N_PROF", "STRING8"), ["6900001 ", "6900001 "])
        text("STATION_PARAMETERS", ("N_PROF", "N_PARAM", "STRING64"), [["PRES", "CHLA"]] * 2)
        data.createVariable("PARAMETER_DATA_MODE", "S1", ("N_PROF", "N_PARAM"))[:] = [
            ["R", mode]
        ] * 2
        data.createVariable("CYCLE_NUMBER", "i4", ("N_PROF",))[:] = [1, 2]
        data.createVariable("DIRECTION", "S1", ("N_PROF",))[:] = ["A", "A"]
        time = data.createVariable("JULD", "f8", ("N_PROF",))
        time.units = "days since 1950-01-01 00:00:00 UTC"
        time[:] = [25_000.5, 25_010.5]
        for name, values in {"LATITUDE": [10, 11], "LONGITUDE": [20, 21]}.items():
            data.createVariable(name, "f8", ("N_PROF",))[:] = values
        levels = {"PRES": ("decibar", [[1, 2, 3], [1, 2, 3]]),
                  "CHLA": ("mg/m3", [[1, 1, 1], [2, 2, 2]]),
                  "CHLA_ADJUSTED": ("mg/m3", [[0.5, 0.5, 0.5], [1, 1, 1]])}  # fmt: skip
        for name, (unit, values) in levels.items():
            variable = data.createVariable(name, "f4", ("N_PROF", "N_LEVELS"), fill_value=99999.0)
            variable.units = unit
            variable[:] = values
        for name, codes in {"CHLA_QC": "333333", "CHLA_ADJUSTED_QC": "125848"}.items():
            variable = data.createVariable(name, "S1", ("N_PROF", "N_LEVELS"), fill_value=" ")
            variable[:] = np.array(list(codes), "S1").reshape(2, 3)
    return path


def test_raw_values_stand_where_the_mode_is_real_time(tmp_path):
    adjusted = read_environment([small_float(tmp_path / "a.nc", "A")])
    raw = read_environment([small_float(tmp_path / "b.nc", "R")])
    law(adjusted)
    np.testing.assert_allclose(adjusted["chlorophyll"], [0.5, 0.5, 0.5, 1, np.nan, 1])
    assert adjusted["chlorophyll_flag"].to_numpy().tolist() == [
        GOOD, GOOD, NOT_CHECKED, NOT_CHECKED, BAD, NOT_CHECKED]  # fmt: skip
    np.testing.assert_allclose(raw["chlorophyll"], [1, 1, 1, 2, 2, 2])
    assert flags(raw, "chlorophyll") == {SUSPECT: 6}


# ------------------------------------------------------------------------------------- gliders
def test_the_real_dives_of_a_seaglider():
    folder = shared.data("env/seaglider_sg542")
    found = read_environment(find(folder))
    law(found)
    assert found.sizes["time"] == 1098 + sum(
        netCDF4.Dataset(folder / f"p542030{n}.nc").dimensions["sg_data_point"].size
        for n in (5, 6, 7)
    )
    one = read_environment([folder / "p5420304.nc"])
    with netCDF4.Dataset(folder / "p5420304.nc") as data:
        data.set_auto_mask(False)
        np.testing.assert_allclose(one["depth"], data["ctd_depth"][:])
        depth = -gsw.z_from_p(data["ctd_pressure"][:], -43.07)
        np.testing.assert_allclose(one["depth"], depth, atol=0.01)
        np.testing.assert_allclose(one["temperature"], data["temperature"][:], rtol=1e-6)
        chlorophyll = 0.0121 * (data["eng_wlbb2flvmt_Chlsig"][:] - 53)
        np.testing.assert_allclose(one["chlorophyll"], chlorophyll, rtol=1e-5, atol=1e-6)
        oxygen = data["aanderaa4330_dissolved_oxygen"][:]
        good = np.isfinite(one["oxygen"]).to_numpy()
        np.testing.assert_allclose(one["oxygen"][good], oxygen[good], rtol=1e-6)
        seconds = (one["time"].to_numpy() - np.datetime64(0, "s")) / np.timedelta64(1, "s")
        np.testing.assert_allclose(seconds, data["ctd_time"][:], atol=1e-3, rtol=0)
    assert flags(one, "salinity") == {GOOD: 1077, BAD: 21}
    assert flags(one, "oxygen") == {GOOD: 1001, BAD: 21, MISSING: 76}
    assert float(one["speed"].max()) < 1  # m/s; in the file cm/s
    assert "sample" not in one  # a glider's records are joined in time


# ---------------------------------------------------------------------------------------- NMEA
def sentence(body: str) -> str:
    return f"${body}*{nmea._checksum(body):02X}"


TRACK = [
    sentence("GPGGA,235958.50,4330.0000,N,00720.5000,W,1,08,1.0,2.0,M,48.0,M,,"),
    sentence("GPZDA,235959.50,31,12,2019,00,00"),
    sentence("GPGGA,235959.50,4330.1000,N,00720.6000,W,1,08,1.0,2.0,M,48.0,M,,"),
    sentence("GPGGA,000000.50,4330.2000,N,00720.7000,W,0,00,,,M,,M,,"),
    sentence("GNRMC,000001.50,A,4330.3000,S,00720.8000,E,5.0,90.0,010120,,,A"),
]


def test_positions_of_a_ship_roll_over_midnight(tmp_path):
    path = tmp_path / "ship.log"
    path.write_text("\n".join(f"2019-12-31 {i} {s}" for i, s in enumerate(TRACK)))
    found = read_environment([path])
    law(found)
    assert found["time"].to_numpy().astype(str).tolist() == [
        f"{t}.500000000" for t in ("2019-12-31T23:59:58", "2019-12-31T23:59:59",
                                   "2020-01-01T00:00:00", "2020-01-01T00:00:01")]  # fmt: skip
    np.testing.assert_allclose(found["latitude"], [43.5, 43.5 + 0.1 / 60, np.nan, -43.505])
    np.testing.assert_allclose(found["longitude"][0], -(7 + 20.5 / 60))
    np.testing.assert_allclose(found["longitude"][3], 7 + 20.8 / 60)
    assert flags(found, "latitude") == {GOOD: 3, BAD: 1}  # one without a fix
    assert "speed" not in found  # over ground is not through the water


def test_a_sentence_with_a_wrong_checksum_is_left_out_and_counted(tmp_path):
    path = tmp_path / "ship.nmea"
    path.write_text("\n".join([*TRACK[:4], TRACK[4].replace("4330.3", "4331.3")]))
    found = read_environment([path])
    assert found.sizes["time"] == 3
    assert "ship.nmea: 1 sentences are damaged: left out" in found.attrs["problems"]


def test_the_checksum_of_a_sentence_printed_elsewhere():
    """A sentence from the documentation of a ship's data system."""
    text = "GPGGA,000000.70,2200.112071,S,01756.360200,W,1,10,0.9,1.04,M,,M,,"
    assert nmea._checksum(text) == 0x41


def test_clocks_without_any_date_are_refused(tmp_path):
    path = tmp_path / "ship.nmea"
    path.write_text(TRACK[0])
    with pytest.raises(InputError, match="no sentence tells the date"):
        read_environment([path])


# --------------------------------------------------------------------------------------- tables
def test_the_real_series_needs_units_and_then_is_read(tmp_path):
    raw = shared.data("env/castr_ctd.csv")
    with pytest.raises(InputError, match="column `depth` has no unit"):
        read_environment([raw])
    table = pd.read_csv(raw)
    mended = table.rename(columns={"depth": "depth_m", "temp": "temp_degC", "sal": "sal_psu",
                                   "chla": "chla_mg/m3"}).assign(station=table["date"])  # fmt: skip
    path = tmp_path / "series.csv"
    mended.to_csv(path, index=False)
    found = read_environment([path])
    law(found)
    assert found.sizes["time"] == len(table)
    assert len(set(found["sample"].to_numpy())) == table["date"].nunique()
    np.testing.assert_allclose(found["chlorophyll"], table["chla"], rtol=1e-6)


def test_flags_of_a_table_are_kept(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "time,temperature_degC,temperature_qc,chl (ug/l)\n"
        "2024-01-01T00:00:00Z,15,1,0.5\n2024-01-01T00:00:01Z,16,4,\n2024-01-01T00:00:02Z,17,7,0.6\n"
    )
    found = read_environment([path])
    law(found)
    assert found["temperature_flag"].to_numpy().tolist() == [GOOD, BAD, NOT_CHECKED]
    assert found["chlorophyll_flag"].to_numpy().tolist() == [NOT_CHECKED, MISSING, NOT_CHECKED]
    assert "1 values of temperature are flagged bad: left out" in found.attrs["problems"]


def test_sensors_of_two_files_at_one_time_are_one_record(tmp_path):
    (tmp_path / "a.csv").write_text("time,depth_m\n2024-01-01,1\n2024-01-02,2\n")
    (tmp_path / "b.csv").write_text("time,temp_degC\n2024-01-01,15\n2024-01-03,16\n")
    found = read_environment(find(tmp_path))
    np.testing.assert_allclose(found["depth"], [1, 2, np.nan])
    np.testing.assert_allclose(found["temperature"], [15, np.nan, 16])
    assert "problems" not in found.attrs


# ----------------------------------------------------------------------------------------- door
def test_a_file_is_known_by_its_content_and_not_by_its_name(tmp_path):
    path = ctd(tmp_path, CTD)
    assert recognise(path.rename(tmp_path / "cast.txt")).name.startswith("CTD of EcoPart")
    log = tmp_path / "ISIIS.log"
    log.write_text("Date: 07/25/13\nTime\tDepth (m)\n10:00:00.00\t1.5\n")
    assert recognise(log).name == "logs of an ISIIS"
    np.testing.assert_allclose(read_environment([log])["depth"], [1.5])


def test_tables_that_tell_no_sensor_are_left_alone(tmp_path):
    (tmp_path / "features.csv").write_text("Area,Biovolume\n1,2\n")
    (tmp_path / "ecotaxa_x.tsv").write_text("object_id\tobject_lat\n[t]\t[f]\na\t43\n")
    (tmp_path / "notes.txt").write_text("windy\n")
    assert find(tmp_path) == []


def test_a_file_that_nobody_knows_is_refused_with_a_cure(tmp_path):
    path = tmp_path / "20130725.tethys"
    path.write_text("1\t2\t3\n")
    with pytest.raises(InputError, match="is recognised") as error:
        read_environment([path])
    assert "written as a table" in str(error.value)


def test_any_instrument_takes_a_folder_of_all_kinds(tmp_path, open_reader):
    logs, pictures = tmp_path / "logs", tmp_path / "pictures"
    logs.mkdir()
    pictures.mkdir()
    ctd(logs, CTD)
    cnv(logs, [scan(1, 15, 16, 35, 9, 0.5, 2.5, 220)])
    (logs / "ship.nmea").write_text("\n".join(TRACK))
    (logs / "readme.txt").write_text("nothing\n")
    for name in ("stills", "isiis"):
        reader = open_reader(pictures, name, environment=logs)
        assert {p.name for p in reader.environment_files()} == {
            "uvp_01.ctd", "sta0001.cnv", "ship.nmea"}  # fmt: skip
        found = reader.environment()
        assert set(found["sample"].to_numpy()) == {"", "sta0001", "uvp_01"}
        law(found)


@pytest.mark.parametrize("name", sorted(set(simulators()) - {"isiis"}))
def test_a_cast_of_a_ship_stands_beside_what_any_instrument_tells(tmp_path, open_reader, name):
    row = simulators()[name](tmp_path / "files", "tiny", 1, 1)
    path = cnv(tmp_path, [scan(1, 15, 16, 35, 9, 0.5, 2.5, 220)])
    reader = open_reader(tmp_path / "files" / row["path"], name, environment=path)
    assert path in reader.environment_files()
    found = reader.environment()
    law(found)
    (record,) = np.flatnonzero(found["sample"].to_numpy() == "sta0001")
    assert float(found["temperature"][record]) == 15


# --------------------------------------------------------------------------------------- damage
@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    rows = [scan(i, 15 - i / 10, 16, 35, 9, 0.5, 2.5, 220) for i in range(8)]
    cnv(folder, rows)
    ctd(folder, CTD)
    (folder / "cast1.btl").write_text(BTL)
    (folder / "ship.nmea").write_text("\n".join(TRACK))
    small_float(folder / "float.nc")
    shutil.copy(folder / "float.nc", folder / "classic.nc")
    with netCDF4.Dataset(folder / "classic.nc", "w", format="NETCDF3_CLASSIC") as data:
        data.createDimension("n", 6)
        for name, standard, unit in (
            ("time", "time", "seconds since 1970-01-01 00:00:00"), ("depth", "depth", "m"),
            ("temp", "sea_water_temperature", "degrees_Celsius"),
        ):  # fmt: skip
            variable = data.createVariable(name, "f8", ("n",))
            variable.standard_name, variable.units = standard, unit
            variable[:] = np.arange(6) + 10
    (folder / "table.csv").write_text(
        "time,depth,lon,temp,temp_flag\n,m,deg,degC,\n"
        "2024-01-01T00:00:00Z,10.5,7.25,15.1,1\n2024-01-01T00:00:01Z,11.5,7.26,15.2,3\n"
    )
    return folder


DAMAGE = ("flip", "cut", "drop", "insert", "comma", "sign", "wide")


def damaged(data: st.DataObject, content: bytearray) -> bytearray:
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, max(0, len(content) - 1)))
        match data.draw(st.sampled_from(DAMAGE)):
            case "flip":
                content[at] ^= data.draw(st.integers(1, 255))
            case "cut":
                del content[max(1, at) :]
            case "drop":
                del content[at : at + data.draw(st.integers(1, 60))]
            case "insert":
                content[at:at] = data.draw(st.binary(max_size=8))
            case "comma":
                content = bytearray(content.replace(b".", b","))
            case "sign":
                content = bytearray(content.replace(b" 0", b"-9").replace(b",7", b",-777"))
            case "wide":
                content = bytearray(content.decode("latin-1").encode("utf-16"))
        content = content or bytearray(b"x")
    return content


@pytest.mark.parametrize(
    "name",
    ["sta0001.cnv", "cast1.btl", "uvp_01.ctd", "ship.nmea", "float.nc", "classic.nc", "table.csv"],
)
def test_no_damage_brings_anything_but_an_error_in_words(whole, tmp_path_factory, name):
    folder = tmp_path_factory.mktemp("damage")

    examples = 12 if name.endswith(".nc") else 80  # each is a process of its own

    @settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.data())
    def check(data):
        path = folder / name
        path.write_bytes(damaged(data, bytearray((whole / name).read_bytes())))
        try:
            found = read_environment([path])
        except SestonError as error:
            assert name in str(error)
            return
        law(found)

    check()


def test_a_file_that_promises_a_giant_is_refused_before_it_takes_memory(whole, tmp_path):
    data = bytearray((whole / "classic.nc").read_bytes())
    at = data.index(b"\0\0\0\1n\0\0\0") + 8
    data[at : at + 4] = struct.pack(">I", 2_000_000_000)
    path = tmp_path / "giant.nc"
    path.write_bytes(data)
    with pytest.raises(InputError, match="giant.nc"):
        read_environment([path])
