"""UVP5: a project with a header, lists of images and particles, vignettes and CTD.

The first cast lies in `results`, the others in `raw`, as ZooProcess and the camera leave them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from seston.atomic import new_folder
from seston.simulate.instruments.registry import Row, simulator
from seston.simulate.kinds import LABELS
from seston.simulate.profiler import (
    BIN_M,
    Profiles,
    ctd_table,
    degrees_minutes,
    simulate_casts,
    write_profiler_truth,
)

PIXEL_MM, VOLUME_L, AA, EXPONENT = 0.088, 1.13, 0.0036, 1.149
_HEIGHT, _WIDTH = 1024, 1280
_COLUMNS = (
    "cruise;ship;filename;profileid;bottomdepth;ctdrosettefilename;latitude;longitude;firstimage;"
    "volimage;aa;exp;dn;winddir;windspeed;seastate;nebuloussness;comment;endimg;yoyo;stationid"
)
_MARGIN = 4


@simulator("uvp5")
def write(folder: Path, size: str, seed: int, workers: int) -> Row:  # noqa: ARG001
    """Write a project and its truth."""
    profiles = simulate_casts(
        size, seed, pixel_mm=PIXEL_MM, image_l=VOLUME_L, interval_s=0.25, height=_HEIGHT,
        width=_WIDTH, faults=("up",),
    )  # fmt: skip
    with new_folder(folder) as draft:
        project = draft / "uvp5_sn000_sim_2020"
        _write_header(project, profiles)
        ids: list[str] = []
        for cast, name in enumerate(profiles.names):
            shots = [i for i, s in enumerate(profiles.shots) if s.cast == cast]
            stamp = _stamp(profiles, cast)
            _write_lists(project, profiles, shots, name, stamp, raw=cast > 0)
            ids += _write_vignettes(project / "work" / name, profiles, shots, name)
            deepest = max(profiles.shots[i].depth for i in shots)
            _write(project / "ctd_data_cnv" / f"{name}.ctd",
                   ctd_table(deepest + BIN_M, profiles.shots[shots[0]].time))  # fmt: skip
        write_profiler_truth(draft / "truth", profiles, ids)
    return {"path": project.name}


def _stamp(profiles: Profiles, cast: int) -> str:
    first = next(s for s in profiles.shots if s.cast == cast)
    return _digits(first.time)[:14]


def _digits(time: np.datetime64) -> str:
    return str(time.astype("datetime64[ms]")).translate(str.maketrans("", "", "-:.T"))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("latin-1"))


def _write_header(project: Path, profiles: Profiles) -> None:
    rows = [_COLUMNS]
    for cast, name in enumerate(profiles.names):
        water = next(w for w in profiles.waters if w.sample == name)
        rows.append(";".join([
            "sim", "none", _stamp(profiles, cast), name, "nan", name,
            degrees_minutes(water.latitude), degrees_minutes(water.longitude), "1", str(VOLUME_L),
            str(AA), str(EXPONENT), "n", "nan", "nan", "nan", "nan", "", "999999", "N", f"st{cast}",
        ]))  # fmt: skip
    _write(project / "meta" / "uvp5_header_sn000_sim_2020.txt", "\n".join(rows) + "\n")
    settings = f"pixel = {PIXEL_MM}\nxsize = {_WIDTH}\nysize = {_HEIGHT}\n"
    _write(project / "config" / "uvp5_settings" / "uvp5_configuration_data.txt", settings)
    _write(project / "config" / "cruise_info.txt", "op_email= nobody@nowhere\nacron= sim\n")


def _write_lists(
    project: Path, profiles: Profiles, shots: list[int], name: str, stamp: str, *, raw: bool
) -> None:
    """Write the list of images, and that of particles."""
    star = "*" if raw else ";"
    number = {shot: i + 1 for i, shot in enumerate(shots)}
    dat = ["index;\timage;\tsensor data;\tnumber"]
    for shot in shots:
        one = profiles.shots[shot]
        digits, pressure = _digits(one.time), f"{round(one.depth * 10):05d}"
        dat.append(f"{number[shot]};\t{digits[:14]}_{digits[14:]};\t"
                   f"{star.join([pressure, '00181', '00009'])}!;\t1;")  # fmt: skip
    bru = ["index;\tblob;\t" + ("class;\t" if raw else "") + "area;\tgrey;\tx;\ty"]
    particles = profiles.particles[profiles.particles["shot"].isin(shots)]
    for shot, area, count in particles.itertuples(index=False):
        for blob in range(count):
            middle = "\t0;" if raw else ""
            bru.append(f"{number[shot]};\t{blob};{middle}\t{area};\t60;\t368;\t835")
    folder = project / "raw" / f"HDR{stamp}" if raw else project / "results"
    base = f"HDR{stamp}_000" if raw else name
    _write(folder / (f"{base}.dat" if raw else f"{name}_datfile.txt"), "\n".join(dat) + "\n")
    _write(folder / f"{base}.bru", "\n".join(bru) + "\n")
    header = (
        f"HDR\nuvp5hd sn000 : mixtfd\nSMbase= 2;\nSMzoo= 30;\nThresh= 21;\nGain= 6;\nname={name}"
    )
    _write(project / "work" / name / f"HDR{stamp}.txt", header + "\n")


def _write_vignettes(folder: Path, profiles: Profiles, shots: list[int], name: str) -> list[str]:
    """Write vignettes and EcoTaxa's table; give the names of the objects."""
    rows, mine = [], set(shots)
    for number, one in enumerate((o for o in profiles.objects if o.shot in mine), start=1):
        shot = profiles.shots[one.shot]
        digits = _digits(shot.time)
        picture = f"{digits[:14]}_{digits[14:]}_{number}.jpg"
        Image.fromarray(one.dark).save(folder / picture, quality=100)
        rows.append({
            "img_file_name": picture, "img_rank": 1, "object_id": f"{name}_{number}",
            "object_date": digits[:8], "object_time": digits[8:14],
            "object_depth_min": shot.depth, "object_depth_max": shot.depth,
            "object_area": one.area_px, "object_bx": one.left, "object_by": one.top,
            "object_width": one.dark.shape[1] - 2 * _MARGIN,
            "object_height": one.dark.shape[0] - 2 * _MARGIN,
            "object_annotation_category": LABELS[one.individual.kind],
            "object_annotation_status": "validated", "sample_id": name, "acq_id": name,
            "acq_volimage": VOLUME_L, "acq_pixel": PIXEL_MM,
        })  # fmt: skip
    _write_table(folder / f"ecotaxa_{name}.tsv", rows)
    return [str(row["object_id"]) for row in rows]


def _write_table(path: Path, rows: list[dict[str, object]]) -> None:
    table = pd.DataFrame(rows)
    types = ["[f]" if pd.api.types.is_numeric_dtype(table[n]) else "[t]" for n in table]
    lines = ["\t".join(table.columns), "\t".join(types)]
    lines += ["\t".join(map(str, row)) for row in table.itertuples(index=False)]
    _write(path, "\n".join(lines) + "\n")
