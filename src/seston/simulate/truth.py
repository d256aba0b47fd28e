"""The truth of a simulated tow: what is in each frame, where, and how much was to be expected.

Beside the frames lie, in `truth/`: objects.csv (a row for each object), frames.csv (position,
environment and volume of each frame), concentrations.csv (expected concentration and placed
number of each taxon in each frame), taxonomy.csv, tow.json, and masks/ (runs of pixels).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.simulate.kinds import KINDS, LABELS
from seston.simulate.scene import Scene, Seen, expected, frame_middle, pixel_height
from seston.simulate.settings import TowSettings
from seston.simulate.tow import File, Tow

Runs = NDArray[np.int64]


def mask_runs(mask: NDArray[np.bool_], top: int, left: int) -> Runs:
    """Horizontal runs of a mask: array (run, 3) of line, first column, column after the last."""
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    line, start = np.nonzero(edges == 1)
    _, stop = np.nonzero(edges == -1)
    return np.column_stack([line + top, start + left, stop + left]).astype(np.int64)


def runs_mask(runs: Runs) -> tuple[NDArray[np.bool_], int, int]:
    """Mask of runs, with the line and the column of its first pixel."""
    top, left = int(runs[:, 0].min()), int(runs[:, 1].min())
    mask = np.zeros((int(runs[:, 0].max()) - top + 1, int(runs[:, 2].max()) - left), bool)
    for line, start, stop in runs:
        mask[line - top, start - left : stop - left] = True
    return mask, top, left


def file_name(tow: Tow, file: File) -> str:
    """Name of a file: UTC of its first line to the millisecond."""
    rounded = np.datetime64(tow.settings.start, "ms") + np.timedelta64(
        round(file.start_s * 1000), "ms"
    )
    digits = str(rounded).translate(str.maketrans("", "", "-T:"))
    return digits + tow.settings.suffix


def object_rows(tow: Tow, file: File, scene: Scene) -> tuple[pd.DataFrame, list[Runs]]:
    """Rows of objects.csv for the objects whose middle lies in a file, and their masks.

    Rows are in order of the first pixel; frames are numbered through the tow.
    """
    rows, masks = [], []
    for seen, overlapped in zip(scene.seen, scene.overlapped, strict=True):
        runs = mask_runs(seen.stamp.mask, seen.stamp.top, seen.stamp.left)
        rows.append(_row(tow, file, seen, runs) | {"overlapped": round(overlapped, 4)})
        masks.append(runs)
    table = pd.DataFrame(rows)
    if not rows:
        return table, masks
    order = np.lexsort([table["first_column"], table["first_line"]])
    return table.iloc[order], [masks[i] for i in order]


def _row(tow: Tow, file: File, seen: Seen, runs: Runs) -> dict[str, object]:
    s, place = tow.settings, seen.place
    kind = KINDS[place.kind]
    area_px = int((runs[:, 2] - runs[:, 1]).sum())
    t = frame_middle(s, file, place.frame)
    area = area_px * s.pixel_width_mm * pixel_height(tow, t)
    first_line, first_column = int(runs[0, 0]), int(runs[0, 1])
    frame = first_line // s.frame_lines
    start = frame * s.frame_lines
    return {
        "taxon": kind.label,
        "plankton": int(kind.plankton),
        "frame": frame,
        "top": first_line - start,
        "left": int(runs[:, 1].min()),
        "bottom": int(runs[:, 0].max()) + 1 - start,
        "right": int(runs[:, 2].max()),
        "first_line": first_line,
        "first_column": first_column,
        "middle_frame": file.index * s.frames_per_file + place.frame,
        "middle_line": round(place.line, 3),
        "middle_column": round(place.column, 3),
        "area_px": area_px,
        "area_mm2": round(area, 6),
        "esd_mm": round(2 * np.sqrt(area / np.pi), 5),
        "silhouette_mm2": round(seen.stamp.silhouette_mm2, 6),
        "length_mm": round(place.size_mm, 4),
        "contrast": round(float(seen.stamp.attenuation.max()), 4),
        "blur_mm": round(place.blur_mm, 4),
        "in_focus": int(place.blur_mm == 0),
        "cut": int(seen.cut),
    }


def frame_rows(tow: Tow, files: list[File]) -> pd.DataFrame:
    """frames.csv: file, time, position, environment and volume of each frame, at its middle."""
    s = tow.settings
    rows = [
        {
            "frame": file.index * s.frames_per_file + k,
            "file": file_name(tow, file),
            "index_in_file": k,
            "scan": file.scan,
            "first_line": file.first_line + k * s.frame_lines,
            "start_s": file.start_s + k * s.frame_lines / s.line_rate_hz,
            "middle_s": frame_middle(s, file, k),
        }
        for file in files
        for k in range(s.frames_per_file)
    ]
    table = pd.DataFrame(rows)
    t = table["middle_s"].to_numpy()
    table["time"] = tow.time(table["start_s"].to_numpy())
    table["cast"] = (t // s.cast_duration_s).astype(int)
    table["distance_km"] = tow.distance_km(t)
    for name, values in tow.environment(t).items():
        table[name] = values
    table["pixel_height_mm"] = table["speed"] / s.line_rate_hz * 1e3
    table["volume_m3"] = [s.volume_m3(v) for v in table["speed"]]
    return table


def concentration_rows(tow: Tow, frames: pd.DataFrame, objects: pd.DataFrame) -> pd.DataFrame:
    """concentrations.csv: expected m-3 and placed number of each taxon in each frame.

    An object counts in the frame where its middle lies.
    """
    means = np.array([expected(tow, t) for t in frames["middle_s"]])
    placed = np.zeros(means.shape, int)
    if len(objects):
        taxon = pd.Index(LABELS).get_indexer(pd.Index(objects["taxon"]))
        np.add.at(placed, (objects["middle_frame"].to_numpy(), taxon), 1)
    row, column = np.indices(means.shape)
    return pd.DataFrame(
        {
            "frame": frames["frame"].to_numpy()[row.ravel()],
            "depth": frames["depth"].to_numpy()[row.ravel()],
            "volume_m3": frames["volume_m3"].to_numpy()[row.ravel()],
            "taxon": np.array(LABELS)[column.ravel()],
            "expected_m3": means.ravel(),
            "placed": placed.ravel(),
        }
    )


def taxonomy() -> pd.DataFrame:
    """Make the taxonomy for `config.yaml`: label, name, aphia_id, plankton, carbon_mg_mm3."""
    rows = [
        {
            "label": k.label,
            "name": k.name,
            "aphia_id": k.aphia_id,
            "plankton": int(k.plankton),
            "carbon_mg_mm3": k.carbon_mg_mm3,
        }
        for k in KINDS
    ]
    return pd.DataFrame(rows).astype({"aphia_id": "Int64"})


def write_masks(path: Path, rows: NDArray[np.int64], masks: list[Runs]) -> None:
    """Write masks as runs: arrays object (row of objects.csv), line, start, stop, of the tow."""
    runs = np.vstack(masks) if masks else np.zeros((0, 3), np.int64)
    owner = np.repeat(rows, [len(m) for m in masks]) if masks else np.zeros(0, np.int64)
    np.savez_compressed(
        path,
        object=owner.astype(np.int32),
        line=runs[:, 0],
        start=runs[:, 1].astype(np.uint16),
        stop=runs[:, 2].astype(np.uint16),
    )


def write_settings(path: Path, settings: TowSettings, seed: int) -> None:
    """Write the settings and the seed, from which the tow can be made again."""
    path.write_text(json.dumps({"seed": seed, **asdict(settings)}, indent=2) + "\n", "utf-8")


@dataclass(frozen=True, slots=True)
class Truth:
    """The truth of a tow, read back.

    Parameters
    ----------
    objects, frames, concentrations, taxonomy : DataFrame
        The tables of the folder.
    folder : Path
        Where they lie.
    """

    objects: pd.DataFrame
    frames: pd.DataFrame
    concentrations: pd.DataFrame
    taxonomy: pd.DataFrame
    folder: Path

    def masks(self) -> dict[int, Runs]:
        """Mask of each object as runs (line of the tow, start, stop), by row of `objects`."""
        found: dict[int, Runs] = {}
        for path in sorted((self.folder / "masks").glob("*.npz")):
            with np.load(path) as stored:
                owner = stored["object"]
                runs = np.column_stack(
                    [stored[k].astype(np.int64) for k in ("line", "start", "stop")]
                )
            cuts = np.flatnonzero(np.diff(owner)) + 1
            heads = owner[np.concatenate([[0], cuts])] if len(owner) else owner
            found |= dict(zip((int(h) for h in heads), np.split(runs, cuts), strict=False))
        return found


def read_truth(folder: Path) -> Truth:
    """Read the truth beside the frames; `folder` is that of `write_isiis`."""
    truth = Path(folder) / "truth"
    return Truth(
        objects=pd.read_csv(truth / "objects.csv"),
        frames=pd.read_csv(truth / "frames.csv", parse_dates=["time"]),
        concentrations=pd.read_csv(truth / "concentrations.csv"),
        taxonomy=pd.read_csv(truth / "taxonomy.csv"),
        folder=truth,
    )
