"""A wrong key, value or path is one clear line, before anything runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from seston import config as cfg
from seston import schema
from seston.errors import ConfigError
from seston.plan import open_plan

ROOT = Path(__file__).resolve().parent.parent
HEADER = "campaign,deployment,instrument,path"


def _write(folder: Path, text: str = "", rows: str = "") -> Path:
    (folder / "frames").mkdir(exist_ok=True)
    (folder / "campaigns.csv").write_text(f"{HEADER}\n{rows or f'c,d,isiis,{folder}/frames'}\n")
    path = folder / "config.yaml"
    path.write_text(f"campaigns: {folder}/campaigns.csv\n{text}")
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("resluts: here", "unknown key `resluts`"),
        ("profiles: {bin_size: 5}", "unknown key `profiles.bin_size`"),
        ("profiles: {bin_size_m: 5 m}", "`profiles.bin_size_m`"),
        ("profiles: {bin_size_m: -1}", "`profiles.bin_size_m`: Input should be greater than 0"),
        ("profiles: {bin_size_m: .nan}", "`profiles.bin_size_m`"),
        ("instruments: {isiis: {segmentation: {threshold: 92}}}", "segmentation.threshold"),
        ("instruments: {isiis: {segmentation: {seed_threshold: 0.95}}}", "must not exceed"),
        ("features: [area", "not YAML"),
        ("features: fast\nfeatures: all", "key `features` stands twice"),
        ("profiles:", "`profiles`"),
        ("instruments: {isiis: 5}", "`instruments.isiis`"),
        ("instruments: {isis: {optics: {speed_m_s: 1}}}", "`instruments.isis`: there is no such"),
        ("- a list", "not YAML"),
        ("simulate: {campaigns: {other: {}}}", "`simulate.campaigns.other`"),
        ("classification: {model: nowhere}", "`classification.model` does not exist"),
        ("taxonomy: nowhere.csv", "`taxonomy` does not exist"),
    ],
)
def test_what_is_wrong_is_named_with_the_file(tmp_path: Path, text: str, said: str) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        open_plan([path])
    first_line = str(caught.value).splitlines()[0]
    assert said in first_line
    assert str(path) in first_line


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("c,d,isiis,nowhere", "`path` of deployment 'd' does not exist: nowhere"),
        ("c,d,isiis", "not as many values"),
        ("c,d,isiis,.\nc,d,isiis,.", "stands twice"),
        ("../up,d,isiis,.", "`campaign`"),
    ],
)
def test_a_wrong_row_of_campaigns_is_named(tmp_path: Path, rows: str, said: str) -> None:
    with pytest.raises(ConfigError, match="campaigns.csv") as caught:
        open_plan([_write(tmp_path, rows=rows)])
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "lists no deployment"),
        (b"campaign,deployment,instrument,path\n", "lists no deployment"),
        (b"campaign,deployment,path\nc,d,.\n", "lacks the column `instrument`"),
        (b"campaign;deployment;instrument;path\nc;d;isiis;.\n", "separated by ';', not by ','"),
        (b"campaign,deployment,instrument,path,path\nc,d,isiis,.,.\n", "`path` stands twice"),
        (b"campaign,deployment,instrument,path,\nc,d,isiis,.,5\n", "unknown key ``"),
        ("campaign,deployment,instrument,path\nc,d,isiis,\xe9t\xe9\n".encode("latin-1"), "UTF-8"),
        ("campaign,deployment,instrument,path\nc,d,isiis,.\n".encode("utf-16"), "UTF-8"),
        (b"campaign,deployment,instrument,path,latitude\nc,d,isiis,.,43N\n", "`latitude`"),
        (b"campaign,deployment,instrument,path\nc,d,isis,.\n", "unknown instrument 'isis'"),
    ],
)
def test_a_campaigns_csv_that_is_no_such_list_is_said(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = _write(tmp_path)
    (tmp_path / "campaigns.csv").write_bytes(content)
    with pytest.raises(ConfigError, match="campaigns.csv") as caught:
        open_plan([path])
    assert said in str(caught.value).splitlines()[0]
    assert caught.value.cure


def test_a_campaigns_csv_as_a_spreadsheet_writes_it_is_read(tmp_path: Path) -> None:
    path = _write(tmp_path)
    text = f"# mine\n{HEADER},,\r\n,,,,,\r\nc, d,isiis,{tmp_path}/frames,,\r\n,,,,,\r\n"
    (tmp_path / "campaigns.csv").write_bytes(text.encode("utf-8-sig"))
    (deployment,) = open_plan([path]).campaigns["c"].deployments
    assert deployment.deployment == "d"


def test_a_missing_configuration_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="absent.yaml: no such file"):
        open_plan([tmp_path / "absent.yaml"])


def test_keys_on_snakemakes_command_line_are_refused(tmp_path: Path) -> None:
    path = _write(tmp_path, "features: fast")
    same = yaml.safe_load(path.read_text())
    open_plan([path], same)
    with pytest.raises(ConfigError, match="`features` was given with --config"):
        open_plan([path], same | {"features": "all"})
    with pytest.raises(ConfigError, match="2 configurations"):
        open_plan([path, path])


def test_a_deployment_changes_its_presets_optics_only_where_it_says_so() -> None:
    preset = cfg.instrument(cfg.Config(), "isiis").optics
    row = {"campaign": "c", "deployment": "d", "instrument": "isiis", "path": "."}
    changed = cfg.Deployment.model_validate(row | {"speed_m_s": "2.5", "line_rate_hz": ""})
    optics = changed.optics(preset)
    assert optics.speed_m_s == 2.5
    assert optics.line_rate_hz == preset.line_rate_hz == 28_000


def test_a_change_in_config_leaves_the_rest_of_a_preset(tmp_path: Path) -> None:
    path = _write(tmp_path, "instruments: {isiis: {segmentation: {min_esd_mm: 1.5}}}")
    changed = cfg.instrument(cfg.load_config(path), "isiis")
    preset = cfg.instrument(cfg.Config(), "isiis")
    assert changed.segmentation.min_esd_mm == 1.5
    assert changed.optics == preset.optics
    assert changed.segmentation.threshold == preset.segmentation.threshold


def test_equal_settings_have_equal_fingerprints_and_others_not() -> None:
    assert cfg.fingerprint(cfg.Ingest()) == cfg.fingerprint(cfg.Ingest())
    assert cfg.fingerprint(cfg.Ingest()) != cfg.fingerprint(cfg.Ingest(files_per_shard=65))


def test_the_schema_and_its_tables_are_those_of_the_models() -> None:
    assert (ROOT / "config/schema.json").read_text() == schema.as_json(), "seston schema > …"
    assert (ROOT / "config/README.md").read_text() == schema.as_markdown(), (
        "seston schema --markdown"
    )
    json.loads(schema.as_json())


def test_the_shipped_configuration_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    plan = open_plan()
    assert plan.simulated == ["demo"]
