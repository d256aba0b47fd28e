"""A filter of measured objects through the stages: what it leaves out is counted, not stored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml
from distributed import Client

import tiny
from campaigns import one_worker
from seston.campaign import Campaign, load_campaign
from seston.config import Config, FilterTraining, Segmentation
from seston.errors import ConfigError, InputError, ModelError, StoreError
from seston.keys import Keys
from seston.learn.filtering import Examples, load_filter, train_filter
from seston.learn.sets.measuring import NAMES
from seston.plan import open_plan
from seston.stages import filter_training, filtering
from seston.taxonomy import read_taxonomy

TAXONOMY = Path(__file__).resolve().parent.parent / "config/taxonomy.csv"
COUNT = NAMES.index("equivalent_diameter_area")


def write_filter(folder: Path, larger_than_mm: float = 0.6) -> None:
    """Write a filter that lets large things through: plankton is what is larger than so much."""
    rng = np.random.default_rng(5)
    features = rng.random((4000, len(NAMES))).astype(np.float32)
    features[:, COUNT] *= 2 * larger_than_mm
    large = features[:, COUNT] > larger_than_mm
    examples = Examples(
        features=features, names=NAMES, taxa=("small", "large"), plankton=np.array([False, True]),
        taxon=large.astype(np.int64), group=np.arange(len(large)) // 50, pixel_size_mm=None,
        origin="random numbers",
    )  # fmt: skip
    train_filter(examples, folder, let_through=0.99)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with one_worker() as one:
        yield one


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.simulate(tmp_path_factory.mktemp("files") / "tow")


def prepare(folder: Path, simulated: Path, **segmentation: object) -> Path:
    """Give a configuration whose segmentation has these keys."""
    return tiny.set_segmentation(tiny.prepare(folder, simulated), **segmentation)


def run(path: Path, client: Client) -> Campaign:
    campaign = tiny.ingest(path)
    tiny.segment(campaign, client)
    tiny.finish(campaign, client)
    return campaign


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, simulated: Path, client: Client) -> Campaign:
    return run(prepare(tmp_path_factory.mktemp("whole"), simulated), client)


@pytest.fixture(scope="module")
def filtered(tmp_path_factory: pytest.TempPathFactory, simulated: Path, client: Client) -> Campaign:
    folder = tmp_path_factory.mktemp("filtered")
    write_filter(folder / "filter")
    return run(prepare(folder, simulated, filter=str(folder / "filter")), client)


def opened(campaign: Campaign) -> xr.Dataset:
    return xr.open_zarr(campaign.objects, chunks=None)


def test_what_is_kept_is_what_the_filter_lets_through_and_the_rest_is_counted(
    whole: Campaign, filtered: Campaign
) -> None:
    every, kept = opened(whole), opened(filtered)
    chosen = load_filter(filtered.filters[0])
    names = [str(name) for name in every["feature"].to_numpy()]
    passed = chosen.passes(every["features"].to_numpy(), names)
    assert 10 < passed.sum() < len(passed) - 10
    for name in ("object_id", "frame", "features", "time", "top", "left", "bottom", "right"):
        np.testing.assert_array_equal(kept[name].to_numpy(), every[name].to_numpy()[passed])
    left_out = np.bincount(every["frame"].to_numpy()[~passed], minlength=every.sizes["frame"])
    np.testing.assert_array_equal(kept["frame_left_out_count"], left_out)
    assert int(kept.attrs["dropped_by_filter"]) == (~passed).sum()


def test_all_particles_are_still_known_by_frame(whole: Campaign, filtered: Campaign) -> None:
    every, kept = opened(whole), opened(filtered)
    np.testing.assert_array_equal(
        kept["frame_object_count"] + kept["frame_left_out_count"], every["frame_object_count"]
    )
    assert int(every["frame_left_out_count"].sum()) == 0
    assert "dropped_by_filter" not in every.attrs


def test_vignettes_of_what_is_kept_are_the_same(whole: Campaign, filtered: Campaign) -> None:
    from seston.store import open_group, read_vignettes

    every, kept = opened(whole), opened(filtered)
    row = {int(one): k for k, one in enumerate(every["object_id"].to_numpy())}
    groups = open_group(whole.objects), open_group(filtered.objects)
    ours = read_vignettes(groups[1], slice(0, kept.sizes["object"]))
    for one, vignette in zip(kept["object_id"].to_numpy(), ours, strict=True):
        np.testing.assert_array_equal(vignette, read_vignettes(groups[0], [row[int(one)]])[0])
    sizes = [open_group(c.objects)["vignettes/pixels"].shape[0] for c in (whole, filtered)]
    assert sizes[1] == sum(v.size for v in ours) < sizes[0]


def test_the_report_says_that_a_filter_was_there(whole: Campaign, filtered: Campaign) -> None:
    page, other = (
        (c.folder / "report.html").read_text("utf-8") for c in (filtered, whole)
    )  # fmt: skip
    assert "left out by a filter before they were stored" in page
    assert "objects that the filter took for no plankton and left out" in page
    assert "left out by a filter" not in other
    card = load_filter(filtered.filters[0]).card
    assert opened(filtered).attrs["filter_sha256"] == card.hash
    assert xr.open_zarr(filtered.profiles).attrs["filter_sha256"] == card.hash


def test_shards_of_another_size_give_the_same_objects(
    filtered: Campaign, simulated: Path, client: Client, tmp_path: Path
) -> None:
    write_filter(tmp_path / "filter")
    path = prepare(tmp_path, simulated, filter=str(tmp_path / "filter"))
    path.write_text(path.read_text().replace("files_per_shard: 2", "files_per_shard: 1"))
    other = run(path, client)
    assert len(other.shards) != len(filtered.shards)
    one, two = opened(filtered), opened(other)
    for name in ("object_id", "features", "frame_left_out_count", "vignette_start"):
        np.testing.assert_array_equal(one[name].to_numpy(), two[name].to_numpy())


def test_another_filter_changes_the_fingerprint_of_the_objects(
    simulated: Path, tmp_path: Path
) -> None:
    write_filter(tmp_path / "filter")
    path = prepare(tmp_path, simulated, filter=str(tmp_path / "filter"))
    before = _key_of_first(path)
    assert _key_of_first(path) == before
    write_filter(tmp_path / "filter", larger_than_mm=0.7)
    assert _key_of_first(path) != before


def _key_of_first(path: Path) -> str:
    campaign = load_campaign(path, "tow")
    return Keys(campaign).objects(campaign.shards[0])


def test_a_filter_that_was_trained_again_leaves_the_plan_and_changes_the_stores(
    simulated: Path, tmp_path: Path
) -> None:
    """Of a training the plan knows what goes in, a job what came out: labels may have changed."""
    path = prepare(tmp_path, simulated, filter=str(tmp_path / "filter"))
    facts = yaml.safe_load(path.read_text())
    facts["filter"] = {"model": str(tmp_path / "filter"), "frames": 5}
    path.write_text(yaml.safe_dump(facts))
    block = load_campaign(path, "tow").blocks[0]
    planned = Keys(load_campaign(path, "tow")).block(block)
    with pytest.raises(ModelError, match="no card"):
        _key_of_first(path)
    assert not open_plan([path]).is_segmented("tow", block.name)
    write_filter(tmp_path / "filter")
    before = _key_of_first(path)
    write_filter(tmp_path / "filter", larger_than_mm=0.7)
    assert _key_of_first(path) != before
    assert Keys(load_campaign(path, "tow")).block(block) == planned


def test_objects_that_another_filter_let_through_are_not_gathered(
    simulated: Path, client: Client, tmp_path: Path
) -> None:
    write_filter(tmp_path / "filter")
    campaign = tiny.ingest(prepare(tmp_path, simulated, filter=str(tmp_path / "filter")))
    tiny.segment(campaign, client)
    write_filter(tmp_path / "filter", larger_than_mm=0.7)
    with pytest.raises(StoreError, match="chosen by the network or filter .* now there is") as told:
        tiny.finish(campaign, client)
    assert "a-0000/objects.zarr" in str(told.value)
    assert not campaign.objects.exists()
    set_aside = tiny.set_segmentation(tmp_path / "config.yaml", threshold=0.92)
    with pytest.raises(StoreError, match="now there is no network and no filter"):
        tiny.finish(load_campaign(set_aside, "tow"), client)


def test_a_filter_that_the_workflow_trains_need_not_be_there_for_a_plan(
    simulated: Path, tmp_path: Path
) -> None:
    path = prepare(tmp_path, simulated, filter=str(tmp_path / "filter"))
    with pytest.raises(ConfigError, match="segmentation.filter` does not exist"):
        open_plan([path])
    facts = yaml.safe_load(path.read_text())
    facts["filter"] = {"model": str(tmp_path / "filter"), "frames": 5}
    path.write_text(yaml.safe_dump(facts))
    plan = open_plan([path])
    shard = plan.campaigns["tow"].blocks[0].name
    assert plan.network_of("tow", shard) == [plan.filter] == [str(tmp_path / "filter")]
    before = plan.objects_depend_on("tow", shard), plan.filter_depends_on()
    facts["filter"]["frames"] = 6
    path.write_text(yaml.safe_dump(facts))
    after = open_plan([path])
    assert after.objects_depend_on("tow", shard) != before[0]
    assert after.filter_depends_on() != before[1]


def test_a_filter_of_other_pixels_or_features_is_refused_before_anything_is_found(
    simulated: Path, client: Client, tmp_path: Path
) -> None:
    from seston.config import load_config
    from seston.stages.filtering import only_passing
    from seston.stages.manifest import read_frames

    write_filter(tmp_path / "filter")
    path = prepare(tmp_path, simulated, filter=str(tmp_path / "filter"))
    settings = load_config(path).instruments["isiis"].segmentation
    campaign = tiny.ingest(path)
    frames = read_frames(campaign, campaign.shards[0].name)
    with pytest.raises(ModelError, match="asks for .* more features that are not measured"):
        only_passing(print, settings, ("area",), frames)
    filtering._filter.cache_clear()
    chosen = load_filter(tmp_path / "filter")
    chosen.card.training["pixel_size_mm"] = [1.0, 1.0]
    with pytest.raises(ModelError, match="learned from pixels of 1.0000 x 1.0000 mm"):
        chosen.card.check_pixel_size(0.07, 0.06, "segmentation.filter")


def test_a_network_and_a_filter_do_not_go_together(tmp_path: Path) -> None:
    from seston.config import load_config

    path = tmp_path / "config.yaml"
    wrong = {"method": "semantic", "model": "m", "filter": "f"}
    path.write_text(yaml.safe_dump({"instruments": {"isiis": {"segmentation": wrong}}}))
    with pytest.raises(ConfigError, match="`filter` is for method threshold"):
        load_config(path)


# ----------------------------------------------------------------------- from a campaign's labels
def labelled(campaign: Campaign, folder: Path) -> Path:
    """Copy a campaign, and name its objects by their size: copepods are large, fibres small."""
    import shutil

    import zarr

    from seston.store import arrays
    from seston.variables import PROFILES

    path = Path(shutil.copytree(campaign.objects, folder / "objects.zarr"))
    group = zarr.open_group(path, mode="r+")
    names = [str(name) for name in group["feature"][:]]
    size = group["features"][:][:, names.index("equivalent_diameter_area")]
    arrays.create_labels(group, PROFILES["taxon"], ["copepod", "fibre"])
    large = size > np.median(size)
    group["validated_taxon"][:] = np.where(np.arange(len(size)) % 5, 1 - large, -1)
    group["predicted_taxon"][:] = 1 - large
    arrays.finish_store(path)
    return path


def test_the_labels_of_a_campaign_are_examples(whole: Campaign, tmp_path: Path) -> None:
    path = labelled(whole, tmp_path)
    taxonomy = read_taxonomy(TAXONOMY)
    some = filter_training.examples_of_objects(path, taxonomy, "validated")
    every = filter_training.examples_of_objects(tmp_path, taxonomy, "predicted")
    total = opened(whole).sizes["object"]
    assert len(every.taxon) == total > len(some.taxon) > total / 2
    assert some.plankton.tolist() == [True, False]
    assert every.wanted.mean() == pytest.approx(0.5, abs=0.01)
    settings = FilterTraining(model=tmp_path / "f", objects=path, labels="predicted")
    filter_training.train_filter(Config(filter=settings, taxonomy=TAXONOMY))
    card = load_filter(tmp_path / "f").card
    assert card.metrics["recall"] > 0.9
    assert card.metrics["passed_others"] < 0.2
    assert set(card.metrics["passed_by_taxon"]) == {"copepod", "fibre"}


def test_what_a_filter_has_left_is_nothing_to_learn_a_filter_from(filtered: Campaign) -> None:
    with pytest.raises(InputError, match="a filter has left out most"):
        filter_training.examples_of_objects(filtered.objects, read_taxonomy(TAXONOMY), "predicted")


def test_without_a_table_of_taxa_all_is_plankton_and_there_is_nothing_to_leave_out(
    whole: Campaign, tmp_path: Path
) -> None:
    settings = FilterTraining(model=tmp_path / "f", objects=labelled(whole, tmp_path))
    with pytest.raises(InputError, match="too little of anything else"):
        filter_training.train_filter(Config(filter=settings))


def test_by_hand_a_filter_is_trained_from_labels_and_its_card_is_read(
    whole: Campaign, tmp_path: Path
) -> None:
    from typer.testing import CliRunner

    from seston.cli import app

    labelled(whole, tmp_path)
    done = CliRunner().invoke(app, [
        "train-filter", "--model", str(tmp_path / "f"), "--objects", str(tmp_path),
        "--taxonomy", str(TAXONOMY), "--let-through", "0.9", "--seed", "3",
    ])  # fmt: skip
    assert done.exit_code == 0, done.output
    page = CliRunner().invoke(app, ["models", str(tmp_path / "f")]).output
    card = load_filter(tmp_path / "f").card
    assert f"recall {card.metrics['recall']:.4g}" in page
    passed = card.metrics["passed_by_taxon"]["copepod"]
    assert f"copepod  {passed['passed']:6,}  {passed['of']:6,}" in page


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (["--labels", "guessed"], "`labels`"),
        (["--let-through", "1.5"], "`let_through`"),
        (["--objects", "a", "--annotations", "b"], "not both"),
        (["--objects", "nowhere"], "holds no objects dataset"),
    ],
)
def test_what_no_filter_can_be_trained_from_is_told_in_words(
    tmp_path: Path, wrong: list[str], words: str
) -> None:
    from typer.testing import CliRunner

    from seston.cli import app

    done = CliRunner().invoke(app, ["train-filter", "--model", str(tmp_path / "f"), *wrong])
    assert done.exit_code != 0
    assert words in str(done.exception)
    assert not (tmp_path / "f").exists()


def test_objects_of_simulated_frames_are_found_as_the_instrument_finds_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from seston.learn.filtering import frames

    used: list[Segmentation] = []

    def noted(*arguments: object) -> None:
        used.extend(one for one in arguments if isinstance(one, Segmentation))

    monkeypatch.setattr(frames, "examples_of_frames", noted)
    changes = {"segmentation": {"min_esd_mm": 0.9}}
    settings = {"model": "f", "instrument": "zooscan"}
    config = Config.model_validate({"filter": settings, "instruments": {"zooscan": changes}})
    filter_training._examples(config, config.filter)
    assert [one.min_esd_mm for one in used] == [0.9]


def test_annotated_frames_are_examples_and_their_detritus_is_to_be_left_out(tmp_path: Path) -> None:
    from seston.learn.semantic.coco import write_coco
    from seston.simulate.annotated import SimulatedFrames

    write_coco(tmp_path / "frames", SimulatedFrames(6, 60, lines=1024).frames(0, 5))
    annotations = tmp_path / "frames/instances.json"
    settings = FilterTraining(model=tmp_path / "f", annotations=annotations, let_through=0.9)
    filter_training.train_filter(Config(filter=settings, taxonomy=TAXONOMY))
    card = load_filter(settings.model).card
    learned = card.training["learned_from"]
    assert learned["plankton"] > 50
    assert learned["other"] > 50
    assert "copepod" in card.metrics["passed_by_taxon"]
    assert card.training["pixel_size_mm"] == pytest.approx([0.0714, 0.0513], abs=0.01)
