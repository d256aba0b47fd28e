"""A tiny campaign on disk, and the way through all stages in one process."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import yaml
from distributed import Client

from seston.campaign import Campaign, load_campaign
from seston.simulate import TowSettings, write_isiis

CONFIG = """
campaigns: {folder}/campaigns.csv
results: {folder}/results
ingest: {{files_per_shard: 2, on_overlap: {on_overlap}}}
profiles: {{bin_size_m: 5, min_amplitude_m: 5}}
"""
#: What a card needs that nobody looks at where no vignette is scored.
CARD_PARTS = {
    "backbone": {"name": None},
    "preprocessing": {"image_size": 64, "mean": 0.5, "std": 0.5, "size_unit": "mm"},
    "head": {"kind": "linear"},
}
ROW = "tow,a,isiis,{folder}/tow/frames,{folder}/tow/environment"


def simulate(folder: Path) -> Path:
    write_isiis(folder, TowSettings.tiny(), 3)
    return folder


def prepare(folder: Path, simulated: Path, on_overlap: str = "error") -> Path:
    """Copy simulated files into a folder, with a configuration beside them; give that."""
    shutil.copytree(simulated, folder / "tow")
    header = "campaign,deployment,instrument,path,environment"
    (folder / "campaigns.csv").write_text(f"{header}\n{ROW.format(folder=folder)}\n")
    path = folder / "config.yaml"
    path.write_text(CONFIG.format(folder=folder, on_overlap=on_overlap))
    return path


def set_segmentation(config: Path, **keys: object) -> Path:
    """Give the segmentation of a configuration these keys; give the configuration."""
    facts = yaml.safe_load(config.read_text())
    facts["instruments"] = {"isiis": {"segmentation": keys}}
    config.write_text(yaml.safe_dump(facts))
    return config


def ingest(config: Path) -> Campaign:
    from seston.stages.ingest import ingest as run

    campaign = load_campaign(config, "tow")
    run(campaign)
    return campaign


def segment(campaign: Campaign, client: Client) -> None:
    from seston.stages.segment import segment as run

    for shard in campaign.shards:
        run(campaign, shard, client)


def finish(campaign: Campaign, client: Client) -> None:
    """Gather, profile and report."""
    from seston.stages.gather import gather
    from seston.stages.profile import profile
    from seston.stages.report import report

    gather(campaign, client)
    profile(campaign, client)
    report(campaign)


def content(folder: Path) -> dict[str, str]:
    """Hash of every file, hidden ones too; of a folder with nothing in it, its name."""
    files = [p for p in folder.rglob("*") if p.is_file()]
    empty = [p for p in folder.rglob("*") if p.is_dir() and not any(p.iterdir())]
    hashes = {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
    return {p.relative_to(folder).as_posix(): hashes.get(p, "") for p in sorted(files + empty)}
