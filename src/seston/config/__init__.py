"""The configuration of a workflow: ``config.yaml``, ``campaigns.csv`` and instrument presets.

Everything is validated here, before anything runs. Each physical key ends with its unit.
"""

from seston.config.base import Fraction, Name, Positive, Settings, Strict
from seston.config.checks import checked, explain, fingerprint, read_yaml
from seston.config.deployment import Deployment
from seston.config.instruments import Cast, Instrument, Optics, Segmentation
from seston.config.learning import (
    Classification,
    FilterTraining,
    HeadName,
    LearningPictures,
    SemanticTraining,
    Training,
)
from seston.config.steps import (
    Ingest,
    Particles,
    Profiles,
    Publication,
    Simulate,
    SimulatedLearningSet,
    Simulation,
)
from seston.config.whole import (
    Config,
    FeatureSet,
    FeatureSets,
    instrument,
    load_config,
    preset_names,
)

__all__ = [
    "Cast",
    "Classification",
    "Config",
    "Deployment",
    "FeatureSet",
    "FeatureSets",
    "FilterTraining",
    "Fraction",
    "HeadName",
    "Ingest",
    "Instrument",
    "LearningPictures",
    "Name",
    "Optics",
    "Particles",
    "Positive",
    "Profiles",
    "Publication",
    "Segmentation",
    "SemanticTraining",
    "Settings",
    "Simulate",
    "SimulatedLearningSet",
    "Simulation",
    "Strict",
    "Training",
    "checked",
    "explain",
    "fingerprint",
    "instrument",
    "load_config",
    "preset_names",
    "read_yaml",
]
