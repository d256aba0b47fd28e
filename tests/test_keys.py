"""What decides that something is done again, and what does not."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import grimp
import pytest

import tiny
from seston import keys
from seston.campaign import load_campaign
from seston.config import Config
from seston.keys import CODE, Keys, code_of, filter_key, network_key
from seston.plan import Plan, open_plan

#: Code that moves, counts, draws or explains results, or lists what there is, and changes none.
NO_RESULTS = (
    "seston", "seston.ahead", "seston.atomic", "seston.budget", "seston.campaign", "seston.cluster",
    "seston.config", "seston.errors", "seston.keys", "seston.learn", "seston.plot",
    "seston.progress", "seston.units", "seston.deployments",
)  # fmt: skip
#: What a module of a step calls for another step alone, or to refuse settings.
LISTED = {step: set[str]() for step in CODE} | {
    "segment": {"seston.simulate.annotated"},
    "train_filter": {"seston.readers.registry"},
    "train_semantic": {"seston.readers.registry"},
}
#: Modules of the steps that are not named as their step is.
MODULES = {"train_semantic": "semantic", "train_filter": "filter_training"}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.simulate(tmp_path_factory.mktemp("simulated"))


@pytest.fixture
def config(simulated: Path, tmp_path: Path) -> Path:
    return tiny.prepare(tmp_path, simulated)


def changed(config: Path, old: str, new: str) -> Plan:
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new))
    return open_plan([config])


def all_keys(plan: Plan) -> dict[str, object]:
    block = plan.campaigns["tow"].blocks[0].name
    return {
        "manifest": plan.manifest_depends_on("tow"),
        "objects": plan.objects_depend_on("tow", block),
        "gather": plan.gather_depends_on("tow"),
        "profiles": plan.profiles_depend_on("tow"),
        "report": plan.report_depends_on("tow"),
    }


@pytest.mark.parametrize(
    ("old", "new", "redone"),
    [
        ("bin_size_m: 5", "bin_size_m: 6", {"profiles", "report"}),
        ("profiles:", "publication: {title: Another}\nprofiles:", {"gather", "profiles", "report"}),
        (
            "profiles:",
            "instruments: {isiis: {segmentation: {threshold: 0.93}}}\nprofiles:",
            {"objects", "gather", "profiles", "report"},
        ),
        (
            "profiles:",
            "instruments: {isiis: {optics: {speed_m_s: 1.9}}}\nprofiles:",
            {"manifest", "objects", "gather", "profiles", "report"},
        ),
        ("files_per_shard: 2", "files_per_shard: 2, shards_per_block: 2", set()),
    ],
)
def test_a_setting_redoes_what_it_changes_and_what_follows_and_nothing_else(
    config: Path, old: str, new: str, redone: set[str]
) -> None:
    before = all_keys(open_plan([config]))
    after = all_keys(changed(config, old, new))
    assert {name for name in before if before[name] != after[name]} == redone


def test_a_change_in_how_figures_are_drawn_redoes_the_report_alone(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = all_keys(open_plan([config]))
    real = keys.code_of

    def other(step: str) -> str:
        return real(step) + ("*" if "plot" in CODE[step] else "")

    for room in ("seston.keys.code_of", "seston.plan.code_of"):
        monkeypatch.setattr(room, other)
    after = all_keys(open_plan([config]))
    assert {name for name in before if before[name] != after[name]} == {"report"}


def test_a_source_file_that_changes_redoes_its_shard_and_the_neighbours(config: Path) -> None:
    campaign = load_campaign(config, "tow")
    before = [Keys(campaign).objects(shard) for shard in campaign.shards]
    file = campaign.deployments[0].path / campaign.shards[0].files[0]
    with file.open("ab") as handle:
        handle.write(b"\0")
    after = [Keys(campaign).objects(shard) for shard in campaign.shards]
    assert [a != b for a, b in zip(after, before, strict=True)] == [True, True]


def test_a_deployment_that_is_added_leaves_the_keys_of_the_others(config: Path) -> None:
    campaign = load_campaign(config, "tow")
    before = {s.name: Keys(campaign).objects(s) for s in campaign.shards}
    listed = config.parent / "campaigns.csv"
    first = listed.read_text().splitlines()[1]
    listed.write_text(listed.read_text() + first.replace("tow,a,", "tow,b,") + "\n")
    more = load_campaign(config, "tow")
    after = {s.name: Keys(more).objects(s) for s in more.shards}
    assert len(after) == 2 * len(before)
    assert {name: after[name] for name in before} == before


# ------------------------------------------------------------------------------- of trainings
@pytest.fixture
def learned_from(tmp_path: Path) -> Path:
    """A folder with all that a network or a filter may learn from."""
    for name in ("one.png", "two.png"):
        (tmp_path / name).write_bytes(b"pixels")
    images = [{"file_name": name} for name in ("one.png", "two.png")]
    (tmp_path / "instances.json").write_text(json.dumps({"images": images}))
    (tmp_path / "before").mkdir()
    (tmp_path / "before/card.json").write_text("{}")
    (tmp_path / "taxonomy.csv").write_text("label,plankton\ncopepod,1\n")
    (tmp_path / "year/objects.zarr/validated_taxon/c").mkdir(parents=True)
    (tmp_path / "year/objects.zarr/validated_taxon/c/0").write_bytes(b"labels")
    return tmp_path


def trained(folder: Path, training: str, segmentation: dict[str, object], **more: object) -> Config:
    """A configuration that trains a network or a filter for another instrument than the preset."""
    settings = {"model": folder / "model", "instrument": "zooscan", **more}
    return Config.model_validate({
        training: settings,
        "taxonomy": folder / "taxonomy.csv",
        "instruments": {"zooscan": {"segmentation": segmentation}},
    })  # fmt: skip


LEVEL = {"background": "level"}


@pytest.mark.parametrize(
    ("segmentation", "again"),
    [
        ({"background": "none"}, True),
        (LEVEL | {"polarity": "bright"}, True),
        (LEVEL | {"min_esd_mm": 0.9}, True),
        (LEVEL | {"method": "semantic", "model": "model", "least_score": 0.6}, False),
    ],
)
def test_a_network_is_trained_again_where_its_frames_are_lit_or_objects_are_kept_otherwise(
    learned_from: Path, segmentation: dict[str, object], again: bool
) -> None:
    frames = {"annotations": learned_from / "instances.json"}
    one, other = (trained(learned_from, "semantic", s, **frames) for s in (LEVEL, segmentation))
    assert (network_key(one) != network_key(other)) == again


@pytest.mark.parametrize(
    ("segmentation", "again"),
    [
        (LEVEL | {"min_esd_mm": 0.9}, True),
        (LEVEL | {"threshold": 0.9}, True),
        (LEVEL | {"filter": "model"}, False),
    ],
)
@pytest.mark.parametrize("annotated", [True, False])
def test_a_filter_is_trained_again_where_objects_are_found_otherwise(
    learned_from: Path, segmentation: dict[str, object], again: bool, annotated: bool
) -> None:
    frames = {"annotations": learned_from / "instances.json"} if annotated else {}
    one, other = (trained(learned_from, "filter", s, **frames) for s in (LEVEL, segmentation))
    assert (filter_key(one) != filter_key(other)) == again


@pytest.mark.parametrize(
    ("training", "source", "changed"),
    [
        ("semantic", "annotations", "instances.json"),
        ("semantic", "annotations", "two.png"),
        ("semantic", "initial", "before/card.json"),
        ("filter", "annotations", "instances.json"),
        ("filter", "annotations", "one.png"),
        ("filter", "objects", "year/objects.zarr/validated_taxon/c/0"),
        ("filter", "objects", "taxonomy.csv"),
    ],
)
def test_what_is_learned_from_is_in_the_key_of_the_training(
    learned_from: Path, training: str, source: str, changed: str
) -> None:
    sources = {"annotations": "instances.json", "initial": "before", "objects": "year"}
    config = trained(learned_from, training, LEVEL, **{source: learned_from / sources[source]})
    key: Callable[[Config], str] = network_key if training == "semantic" else filter_key
    before = key(config)
    assert key(config) == before
    file = learned_from / changed
    times = file.stat()
    file.write_bytes(file.read_bytes().replace(b"1", b"0") + b" ")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert key(config) != before


@pytest.mark.parametrize("content", [b"", b"[]", b'{"images": [1]}', b'{"images": [{"id": 1}]}'])
def test_annotations_that_cannot_be_read_do_not_end_a_plan(
    learned_from: Path, content: bytes
) -> None:
    config = trained(learned_from, "semantic", LEVEL, annotations=learned_from / "instances.json")
    before = network_key(config)
    (learned_from / "instances.json").write_bytes(content)
    assert network_key(config) != before
    (learned_from / "instances.json").unlink()
    assert network_key(config) != before


@pytest.mark.parametrize("step", sorted(CODE))
def test_the_code_that_a_step_calls_is_in_its_key(step: str) -> None:
    graph = grimp.build_graph("seston")
    waiting, seen = [f"seston.stages.{MODULES.get(step, step)}"], set[str]()
    while waiting:
        module = waiting.pop()
        seen.add(module)
        called = graph.find_modules_directly_imported_by(module)
        waiting += [m for m in called - seen if m.startswith("seston.stages.")]
        seen |= called
    assert {m for m in seen if not _is_in(m, CODE[step]) and not _is_no_result(m)} == LISTED[step]


def _is_in(module: str, rooms: tuple[str, ...]) -> bool:
    path = module.removeprefix("seston.").replace(".", "/")
    return any(
        path == room.removesuffix(".py") or path.startswith(f"{room}/") or path == room
        for room in rooms
    )


def _is_no_result(module: str) -> bool:
    return module in NO_RESULTS or module.startswith(("seston.cluster.", "seston.config."))


def test_the_key_of_code_is_the_same_twice() -> None:
    assert code_of.__wrapped__("report") == code_of("report")
    assert code_of("report") != code_of("profile")
