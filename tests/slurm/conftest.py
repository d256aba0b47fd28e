"""Slurm, once for all tests here; and a campaign that was worked through on the laptop."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import small_cluster


@pytest.fixture(scope="session")
def slurm() -> Iterator[small_cluster.Slurm]:
    """Slurm with two nodes of cores and one with a GPU that is none.

    Its folder has always the same name, so that one which killed tests left is taken down first.
    """
    folder = Path(tempfile.gettempdir()) / f"seston-slurm-{os.getuid()}"
    bringing = small_cluster.brought_up(folder, "--restart")
    try:
        slurm = next(bringing)
    except OSError as error:
        pytest.skip(f"no Slurm can be brought up here: {error}")
    before = dict(os.environ)
    os.environ.update(slurm.environ)
    yield slurm
    os.environ.clear()
    os.environ.update(before)
    bringing.close()


@pytest.fixture(scope="session")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The campaign, as `snakemake --cores 2` makes it.

    As many threads train as on the cluster: sums of floating-point numbers hang on their order.
    """
    folder = small_cluster.clone(tmp_path_factory.mktemp("laptop"))
    small_cluster.run(folder, "--cores", "2", "--set-threads", "train=1")
    return folder


@pytest.fixture
def campaign(laptop: Path, slurm: small_cluster.Slurm, tmp_path: Path) -> Iterator[Path]:
    """The campaign, done; for a test to take from it what the cluster is to make again."""
    yield small_cluster.copy(laptop, tmp_path / "campaign")
    slurm.idle()
    for node in ("cpu1", "cpu2", "gpu1"):
        slurm.node("restore", node)
