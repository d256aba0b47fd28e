"""config.yaml as a whole: read, joined with the presets of instruments, and checked."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, Field, ValidationError

from seston.config.base import Name, Strict
from seston.config.checks import explain, read_yaml
from seston.config.instruments import Instrument
from seston.config.learning import Classification, FilterTraining, SemanticTraining
from seston.config.steps import Ingest, Particles, Profiles, Publication, Simulate

#: Sets of features, as in `seston.features.SETS`, and as they are written: a list, or one word.
FeatureSet = Literal["fast", "all", "zooprocess", "uvp6", "whoi"]


FeatureSets = Annotated[
    tuple[FeatureSet, ...],
    Field(min_length=1),
    BeforeValidator(
        lambda value: [value] if isinstance(value, str) else value,
        json_schema_input_type=FeatureSet | tuple[FeatureSet, ...],
    ),
]


class Config(Strict):
    """config.yaml, whole."""

    campaigns: Path = Field(Path("config/campaigns.csv"), description="the list of deployments")
    results: Path = Field(Path("results"), description="folder of everything that is computed")
    ingest: Ingest = Ingest()
    instruments: dict[Name, Instrument] = Field(
        default_factory=dict, description="changes to the presets of instruments, by name"
    )
    features: FeatureSets = Field(
        ("fast",),
        description="sets of features to store, one or a list: fast (the cheap majority), all (the "
        "costly ones too), zooprocess (those of its columns), uvp6 (the 55 measured on board), "
        "whoi (the 30 of IFCB version 4; slow); see docs/features.md",
    )
    classification: Classification | None = Field(
        None, description="absent: objects are found and measured, not named"
    )
    semantic: SemanticTraining | None = Field(
        None, description="absent: networks of `segmentation.model` are there already"
    )
    filter: FilterTraining | None = Field(
        None, description="absent: filters of `segmentation.filter` are there already"
    )
    taxonomy: Path | None = Field(
        None,
        description="CSV by label: name, aphia_id, plankton, carbon_mg_mm3, lineage, group; see "
        "docs/learning-sets.md",
    )
    profiles: Profiles = Profiles()
    particles: Particles = Particles()
    simulate: Simulate = Simulate()
    publication: Publication = Publication()


def preset_names() -> list[str]:
    """Names of the instruments that come with a preset."""
    folder = resources.files("seston") / "presets"
    return sorted(
        p.name.removesuffix(".yaml") for p in folder.iterdir() if p.name.endswith(".yaml")
    )


@cache
def _preset(instrument: str) -> dict[str, Any]:
    if instrument not in preset_names():
        return {}
    text = (resources.files("seston") / "presets" / f"{instrument}.yaml").read_text("utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text) or {}
    return loaded


def _merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in change.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merged(base[key], value) if both else value
    return merged


def load_config(path: Path | str = "config/config.yaml") -> Config:
    """Read and validate config.yaml.

    Raises
    ------
    ConfigError
        The file is missing, is not YAML, or a key or value in it is wrong.
    """
    raw = read_yaml(path, cure="Give --config.")
    instruments = raw.get("instruments") or {}
    if isinstance(instruments, dict):
        named = {
            n: _merged({"it": _preset(str(n))}, {"it": c})["it"] for n, c in instruments.items()
        }
        raw = {**raw, "instruments": named}
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        raise explain(error, path) from None


def instrument(config: Config, name: str) -> Instrument:
    """Give the settings of an instrument: the config's, else its preset's, else the defaults."""
    if name in config.instruments:
        return config.instruments[name]
    return Instrument.model_validate(_preset(name))
