"""A Slurm of our own on this machine, a small campaign on it, and ways to do them harm."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(__file__).resolve().parent / "sandbox"

CONFIG = """
campaigns: campaigns.csv
simulate:
  folder: data
  campaigns: {tow: {preset: tiny, seed: 3}}
  learning_set: {per_class: 10, seed: 4}
ingest: {files_per_shard: 1, shards_per_block: 2}
classification:
  model: results/model
  learning_set: data/learning-set
  training: {image_size: 64, fine_tune: false}
  gpus: 1
taxonomy: taxonomy.csv
profiles: {bin_size_m: 5, min_amplitude_m: 5}
publication: {title: A tiny tow, institution: seston}
"""
ROWS = """\
campaign,deployment,instrument,path,environment
tow,a,isiis,data/tow/frames,data/tow/environment
"""
SITE = """
partitions:
  cpu: {max_runtime: 1440, max_mem_mb: 4000, max_cpus_per_task: 2}
  gpu: {max_runtime: 1440, max_mem_mb: 4000, max_cpus_per_task: 2, max_gpu: 1}
scratch: SCRATCH
limits: {jobs: 4, cores: 1}
"""
#: What of the profile is for real queues, and only slow here.
QUICK = {"latency-wait": "20", "slurm-init-seconds-before-status-checks": "2"}

#: A busy machine, which starts Python in ten seconds, is no fault of the code.
PATIENCE_S = 900.0


def clone(folder: Path) -> Path:
    """Lay out what a person clones, with a campaign and a site of our own."""
    for name in ("Snakefile", "workflow", "envs", "profiles", "slurm"):
        there = ROOT / name
        if there.is_symlink() or there.is_file():
            shutil.copy2(there, folder / name, follow_symlinks=False)
        elif there.is_dir():
            shutil.copytree(there, folder / name)
    (folder / "config").mkdir()
    (folder / "config/config.yaml").write_text(CONFIG)
    (folder / "campaigns.csv").write_text(ROWS)
    shutil.copy(ROOT / "config/taxonomy.csv", folder)
    settle(folder)
    return folder


def settle(folder: Path, site: str = SITE) -> None:
    """Write the site of a folder, and make its profile one for a small machine."""
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    (folder / "profiles/slurm/site.yaml").write_text(site.replace("SCRATCH", str(scratch)))
    profile = folder / "profiles/slurm/config.yaml"
    text = profile.read_text()
    for key, value in QUICK.items():
        text, count = re.subn(rf"(?m)^{key}: \S+", f"{key}: {value}", text)
        assert count == 1, key
    profile.write_text(text)


def copy(campaign: Path, folder: Path) -> Path:
    """Copy a campaign that is done; times of files stay as they are."""
    shutil.copytree(campaign, folder, symlinks=True)
    settle(folder)
    shutil.rmtree(folder / "logs", ignore_errors=True)
    (folder / "said").unlink()
    return folder


def content(folder: Path) -> dict[str, str]:
    """Hash of every file that is data. Hidden ones tell of times of files, which differ."""
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and not p.name.startswith(".")
    }


def litter(folder: Path) -> list[str]:
    """What a dead writer left: drafts and locks."""
    return sorted(
        str(p.relative_to(folder))
        for p in folder.rglob(".*")
        if ".draft-" in p.name or p.name.endswith(".lock")
    )


# ----------------------------------------------------------------------------------- the workflow
def start(folder: Path, *arguments: str, **environ: str) -> subprocess.Popen[bytes]:
    """Start Snakemake in a folder; what it says is in the file `said` there."""
    with (folder / "said").open("ab") as said:
        return subprocess.Popen(
            [str(Path(sys.executable).parent / "snakemake"), *arguments],
            cwd=folder, stdout=said, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, **environ},
        )  # fmt: skip


def run(folder: Path, *arguments: str, **environ: str) -> str:
    """Run Snakemake to a good end; give what it said."""
    return end(start(folder, *arguments, **environ), folder)


def end(process: subprocess.Popen[bytes], folder: Path, code: int = 0) -> str:
    """Wait for Snakemake's end; give all that was said in this folder."""
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise AssertionError(f"no end after {PATIENCE_S} s\n{told(folder)}") from None
    assert process.returncode == code, told(folder)
    return (folder / "said").read_text()


def told(folder: Path) -> str:
    """Give all that was said in a folder, and the logs of its jobs."""
    logs = "".join(f"\n--- {p}\n{p.read_text()}" for p in sorted(folder.glob("logs/**/*.log")))
    return (folder / "said").read_text() + logs


def wait_for(what: Callable[[], object], seconds: float = PATIENCE_S) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


# ------------------------------------------------------------------------------------ processes
@dataclass(frozen=True)
class Process:
    """A process of a job: which command it belongs to, and what it is in it."""

    pid: int
    parent: int
    command: str

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


def processes(folder: Path) -> list[Process]:
    """Processes that work for a folder, the workers of its commands too."""
    mine = f"SESTON_CONFIG={folder / 'config/config.yaml'}".encode()
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError, IndexError):
            if mine in environment.read_bytes().split(b"\0"):
                place = environment.parent
                command = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                parent = int((place / "stat").read_text().rsplit(")", 1)[1].split()[1])
                found.append(Process(int(place.name), parent, command))
    return found


def leaders(folder: Path, step: str = "segment") -> list[Process]:
    """Commands of a step that are at work."""
    python = str(Path(sys.executable).parent)
    found = [p for p in processes(folder) if f"/seston {step} " in p.command]
    return [p for p in found if p.command.startswith(python)]  # not the shell around it


def workers(folder: Path, step: str = "segment") -> list[Process]:
    """Worker processes of Dask of the commands of a step."""
    heads = {p.pid for p in leaders(folder, step)}
    return [
        p for p in processes(folder) if p.parent in heads and "multiprocessing.spawn" in p.command
    ]


# ------------------------------------------------------------------------------------------ Slurm
class Slurm:
    """Slurm on this machine; `with Slurm.up()` brings it up and takes it down."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {"SLURM_SANDBOX": str(folder), "SLURM_CONF": str(folder / "etc/slurm.conf")}

    def script(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(SCRIPTS / name), *arguments],
            env={**os.environ, **self.environ}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def __call__(self, *command: str) -> str:
        return subprocess.run(
            command, env={**os.environ, **self.environ}, capture_output=True, text=True, check=True
        ).stdout

    def node(self, action: str, name: str) -> None:
        done = self.script("node.sh", action, name)
        assert done.returncode == 0, done.stderr

    def jobs(self, state: str = "RUNNING") -> dict[str, str]:
        """Rules of jobs in a state, by the job's number."""
        lines = self("squeue", "-h", "-t", state, "-o", "%i %k").splitlines()
        return dict(line.split(maxsplit=1) for line in lines)

    def node_of(self, job: str) -> str:
        return self("squeue", "-h", "-j", job, "-o", "%N").strip()

    def idle(self) -> None:
        """End all jobs, and wait until nothing runs."""
        self("scancel", "--user", self("id", "-un").strip())
        wait_for(lambda: not self("squeue", "-h", "-o", "%i").strip(), 120)

    def down(self) -> None:
        self.script("down.sh", "--purge")


def brought_up(folder: Path, *options: str) -> Iterator[Slurm]:
    """Bring Slurm up; raise OSError, saying why, where that cannot be; take it down at the end."""
    slurm = Slurm(folder)
    install = ["--install"] if os.geteuid() == 0 else []
    done = slurm.script("up.sh", *install, *options)
    if done.returncode:
        slurm.down()
        raise OSError(done.stderr.strip())
    try:
        yield slurm
    finally:
        slurm.down()
