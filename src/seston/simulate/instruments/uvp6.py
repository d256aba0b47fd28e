"""UVP6: a project with archives of particles and images, a raw sequence, and real-time files.

The first cast lies in `ecodata`, the second in `raw` with a header of the newer firmware; beside
the project lies what a float would have sent of the same casts.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from seston.atomic import new_folder
from seston.ecology.particles import SIZE_LIMITS_MM, particle_diameter, size_class
from seston.simulate.instruments.registry import Row, simulator
from seston.simulate.profiler import (
    BIN_M,
    Profiles,
    ctd_table,
    degrees_minutes,
    simulate_casts,
    write_profiler_truth,
)

PIXEL_MM, VOLUME_L, AA, EXPONENT, OFFSET_M = 0.073, 0.65, 2300e-6, 1.136, 0.5
_HEIGHT, _WIDTH = 2056, 2464
_DATE = (2020, 6, 1, 0, 0, 0)
_FIRST, _CLASSES = 16, 18
_OLD = ("150", "192.168.0.128")
_HEADER = (
    "cruise;ship;filename;profileid;bottomdepth;ctdrosettefilename;latitude;longitude;firstimage;"
    "volimage;aa;exp;dn;winddir;windspeed;seastate;nebuloussness;comment;endimg;yoyo;stationid;"
    "sampletype;integrationtime;argoid;pixelsize;sampledatetime;constantdepth"
)


@simulator("uvp6")
def write(folder: Path, size: str, seed: int, workers: int) -> Row:  # noqa: ARG001
    """Write a project, real-time files and the truth."""
    profiles = simulate_casts(
        size, seed, pixel_mm=PIXEL_MM, image_l=VOLUME_L, interval_s=1.0, height=_HEIGHT,
        width=_WIDTH, faults=("dark", "over"),
    )  # fmt: skip
    with new_folder(folder) as draft:
        project = draft / "uvp6_sn000000lp_sim_2020"
        _write_header(project, profiles)
        ids: list[str] = []
        for cast, name in enumerate(profiles.names):
            shots = [i for i, s in enumerate(profiles.shots) if s.cast == cast]
            lines = data_lines(profiles, shots)
            if cast == 0:
                _write_particles(project / "ecodata" / name / f"{name}_Particule.zip", lines, name)
            else:
                stamp = _stamp(profiles.shots[shots[0]].time)
                text = f"{hardware(new=True)}\n\n{acquisition()}\n\n" + "\n\n".join(lines) + "\n"
                _write(project / "raw" / stamp / f"{stamp}_data.txt", text)
            ids += _write_images(project / "ecodata" / name, profiles, shots, name)
            _write(project / "CTDdata" / f"{name}.ctd",
                   ctd_table(profiles.shots[shots[-1]].depth + BIN_M,
                             profiles.shots[shots[0]].time))  # fmt: skip
            _write_sent(draft / "realtime", profiles, shots, name)
        write_profiler_truth(draft / "truth", profiles, ids)
    return {"path": project.name}


def _stamp(time: np.datetime64) -> str:
    digits = str(time.astype("datetime64[s]")).translate(str.maketrans("", "", "-:T"))
    return f"{digits[:8]}-{digits[8:]}"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("latin-1"))


def limits_um() -> list[str]:
    """Lower limits of the 18 classes, micrometres."""
    return [f"{x * 1000:g}" for x in SIZE_LIMITS_MM[_FIRST : _FIRST + _CLASSES]]


def hardware(*, new: bool) -> str:
    """Write the line of the camera; newer firmware leaves two values out."""
    values = [
        "000000LP", "0", "ACQ", "0", "000000VE", "1", *([] if new else _OLD[:1]), "250", "000000",
        str(OFFSET_M), "393819", "10000", "2", *([] if new else _OLD[1:]), "0", "284", "6", "21",
        "2300", str(EXPONENT), "73", str(VOLUME_L), "20190724", "201910091317", "nobody@nowhere",
        *limits_um(),
    ]  # fmt: skip
    return ",".join(["HW_CONF", *values]) + ";"


def acquisition() -> str:
    """Write the line of the acquisition."""
    return ("ACQ_CONF,ACQ,2,1.000,1,1,1000,1000,1,0,45,2,620,1.0,1,3,0,10,3,100,"
            "nobody@nowhere,0,393819;")  # fmt: skip


def data_lines(profiles: Profiles, shots: list[int]) -> list[str]:
    """Write a line for each image."""
    held = {int(str(k)): v for k, v in profiles.particles.groupby("shot")}
    lines = []
    for shot in shots:
        one = profiles.shots[shot]
        flash = "0" if one.why == "dark" else "1"
        head = f"{_stamp(one.time)},{one.depth - OFFSET_M:.2f},14.20,{flash}:"
        if one.why == "over":
            tail = "OVER_EXPOSED"
        elif one.why == "dark":
            tail = "3,1,30.0,2.0;"
        elif shot in held:
            rows = held[shot].itertuples(index=False)
            tail = "".join(f"{area},{n},60.0,4.0;" for _, area, n in rows)
        else:
            tail = "EMPTY_IMAGE"
        lines.append(head + tail)
    return lines


def _write_header(project: Path, profiles: Profiles) -> None:
    rows = [_HEADER]
    for cast, name in enumerate(profiles.names):
        first = next(s for s in profiles.shots if s.cast == cast)
        water = next(w for w in profiles.waters if w.sample == name)
        rows.append(";".join([
            "sim", "none", _stamp(first.time), name, "", name, degrees_minutes(water.latitude),
            degrees_minutes(water.longitude), "0", str(VOLUME_L), str(AA), str(EXPONENT), "", "",
            "", "", "", "", "999999", "N", f"st{cast}", "P", "", "", "73", _stamp(first.time), "",
        ]))  # fmt: skip
    _write(project / "meta" / "uvp6_header_sn000000lp_sim_2020.txt", "\n".join(rows) + "\n")


def _zip(path: Path, members: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, _DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)


def _write_particles(path: Path, lines: list[str], name: str) -> None:
    text = f"{hardware(new=False)}\n\n{acquisition()}\n\n" + "\n".join(lines) + "\n"
    ini = (
        f"[sample_metadata]\nprofileid = {name}\ncruise = sim\n\n[HW_CONF]\nThreshold = 21\n"
        f"Pressure_offset = {OFFSET_M}\nAa = 2300\nExp = {EXPONENT}\nPixel_Size = 73\n"
        f"Image_volume = {VOLUME_L}\n\n[ACQ_CONF]\nLimit_lpm_detection_size = 45\n"
        "Vignetting_lower_limit_size = 620\n"
    )
    _zip(path, {"particules.csv": text.encode(), "metadata.ini": ini.encode()})


def _write_images(folder: Path, profiles: Profiles, shots: list[int], name: str) -> list[str]:
    """Write the archive of vignettes; give the names of the objects."""
    mine, members, rows = set(shots), {}, []
    for number, one in enumerate((o for o in profiles.objects if o.shot in mine), start=1):
        shot = profiles.shots[one.shot]
        object_id = f"{_stamp(shot.time)}_{number}"
        data = io.BytesIO()
        Image.fromarray(one.bright).save(data, "PNG")
        members[f"{name}_Images/sub1/{object_id}.png"] = data.getvalue()
        digits = _stamp(shot.time)
        rows.append([
            f"sub1/{object_id}.png", "1", object_id, "43°24 0", "7°18 0", digits[:8], digits[9:],
            f"{shot.depth:.2f}", f"{shot.depth:.2f}", str(one.area_px), name, name,
            str(VOLUME_L), str(AA), str(EXPONENT), "73", "21", name,
        ])  # fmt: skip
    names = [
        "img_file_name", "img_rank", "object_id", "object_lat", "object_lon", "object_date",
        "object_time", "object_depth_min", "object_depth_max", "object_area", "process_id",
        "acq_id", "acq_volimage", "acq_aa", "acq_exp", "acq_pixel", "acq_threshold", "sample_id",
    ]  # fmt: skip
    types = ["[f]" if n in ("img_rank", "object_depth_max", "object_area") or (n.startswith("acq_")
             and n != "acq_id") else "[t]" for n in names]  # fmt: skip
    table = "\n".join("\t".join(row) for row in [names, types, *rows]) + "\n"
    members[f"{name}_Images/ecotaxa_{name}.tsv"] = table.encode("latin-1")
    members[f"{name}_Images/compute_vignette.txt"] = b"[vignette]\ngamma=1\ninvert=y\nscale=1\n"
    _zip(folder / f"{name}_Images.zip", members)
    return [row[2] for row in rows]


def _write_sent(folder: Path, profiles: Profiles, shots: list[int], name: str) -> None:
    """Write what a float sends: particles by metre and class, as means over the images."""
    base = f"{name}_000000LP_DEPTH"
    water = next(w for w in profiles.waters if w.sample == name)
    particles = profiles.particles
    column = size_class(particle_diameter(particles["area_px"], AA, EXPONENT)) - _FIRST
    names = ["DATE_TIME", "PRES_decibar", "LATITUDE_decimal_degree", "LONGITUDE_decimal_degree",
             "IMAGE_NUMBER_PARTICLES", "TEMP_PARTICLES",
             *(f"{k}_SIZE_SPECTRA_PARTICLES_class_{i}" for k in ("NB", "GREY")
               for i in range(1, _CLASSES + 1))]  # fmt: skip
    lines = ["\t".join(names)]
    metres: dict[int, list[int]] = {}
    for shot in shots:
        if profiles.shots[shot].water >= 0:
            metres.setdefault(int(profiles.shots[shot].depth), []).append(shot)
    for metre, members in metres.items():
        own = particles["shot"].isin(members).to_numpy() & (column >= 0) & (column < _CLASSES)
        number = np.bincount(column[own], particles["number"][own], _CLASSES) / len(members)
        time = _stamp(profiles.shots[members[0]].time).replace("-", "T")
        lines.append("\t".join([
            time, f"{metre + 0.5 - OFFSET_M:.2f}", f"{water.latitude:.4f}",
            f"{water.longitude:.4f}", str(len(members)), "14.2", *(f"{n:.6f}" for n in number),
            *["60"] * _CLASSES,
        ]))  # fmt: skip
    _write(folder / f"{base}_LPM.txt", "\n".join(lines) + "\n")
    _write(folder / f"{base}_BLACK.txt", "\t".join(names) + "\n")
    meta = {
        "Camera_ref": "000000LP", "Pressure_offset": OFFSET_M, "Shutter": 284, "Gain": 6,
        "Threshold": 21, "Aa": AA, "Exp": EXPONENT, "Pixel_Size": 73, "Image_volume": VOLUME_L,
        **{f"Lower_limit_size_class_{i}": x for i, x in enumerate(limits_um(), start=1)},
    }  # fmt: skip
    _write(folder / f"{base}_META.txt", "".join(f"{k}\t{v}\n" for k, v in meta.items()))
