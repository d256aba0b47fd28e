"""The configuration of a workflow: ``config.yaml``, ``campaigns.csv`` and instrument presets.

Everything is validated here, before anything runs. Each physical key ends with its unit.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from seston.errors import ConfigError

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
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
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$", max_length=80)]


class Strict(BaseModel):
    """A model that refuses keys it does not know and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Segmentation(Strict):
    """How objects are found in a frame. Thresholds are shares of the background's level."""

    method: Literal["threshold", "semantic"] = Field(
        "threshold",
        description="threshold: all that is darker than the water is an object, to be named "
        "afterwards by `classification`; semantic: a network finds and names only what is wanted, "
        "see docs/detect-and-classify.md",
    )
    model: Path | None = Field(
        None, description="with method semantic: folder of the network, see `seston train-semantic`"
    )
    least_score: Fraction | None = Field(
        None,
        description="with method semantic: an object is kept where the shares of all taxa add up "
        "to this; empty: as the model's validation chose",
    )
    polarity: Literal["dark", "bright"] = Field(
        "dark", description="objects are darker or brighter than the water"
    )
    background: Literal["running_mean", "neighbours", "level", "none", "given"] = Field(
        "running_mean",
        description="running_mean: each column's mean over lines (line-scan cameras); neighbours: "
        "median of the frames around (still cameras); level: each frame's own median level, or "
        "that of a vignette's border; none: pixels are as they should be, only turned where "
        "objects are bright; given: the picture of the background that the instrument's files "
        "hold for each frame, its own level where they hold none",
    )
    background_lines: int = Field(8192, ge=512, description="lines in the running mean")
    background_frames: int = Field(11, ge=3, description="frames in the median, odd")
    threshold: Fraction = Field(
        0.92, description="a pixel below this share of the background can belong to an object"
    )
    threshold_level: int | None = Field(
        None,
        ge=1,
        le=255,
        description="with background none, in place of both thresholds: a pixel darker than this "
        "level belongs to an object (brighter, where objects are bright)",
    )
    pieces: Literal["largest", "all"] = Field(
        "all",
        description="of vignettes: all pixels of an object's colour are the object, or only the "
        "largest that hang together",
    )
    seed_threshold: Fraction = Field(
        0.86, description="an object has at least one pixel below this share"
    )
    faint_threshold: Fraction | None = Field(
        0.965,
        description="means over 8 x 8 pixels below this share make large faint objects; "
        "null turns the search for them off",
    )
    faint_min_esd_mm: Positive = Field(
        3.0, description="smallest equivalent diameter of a large faint object"
    )
    min_esd_mm: Positive = Field(0.25, description="smallest equivalent diameter kept")
    max_esd_mm: Positive = Field(100.0, description="largest equivalent diameter kept")
    max_length_mm: Positive = Field(
        200.0, description="longest extent along the scan; longer things are counted and dropped"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Segmentation:
        if self.seed_threshold > self.threshold:
            raise ValueError("seed_threshold must not exceed threshold")
        if self.min_esd_mm >= self.max_esd_mm:
            raise ValueError("min_esd_mm must be smaller than max_esd_mm")
        if (self.method == "semantic") != (self.model is not None):
            raise ValueError("`model` is given with method semantic, and only then")
        return self


class Optics(Strict):
    """What the camera sees. Empty values are told by the files or by campaigns.csv."""

    pixel_width_mm: Positive | None = Field(None, description="size of a pixel along a line")
    pixel_height_mm: Positive | None = Field(
        None, description="size of a pixel across lines; for a line scan: speed / line rate"
    )
    line_rate_hz: Positive | None = Field(None, description="lines per second of a line scan")
    speed_m_s: Positive | None = Field(None, description="speed through the water, if not logged")
    depth_of_field_mm: Positive | None = Field(None, description="depth of the imaged slab")
    imaged_volume_l: Positive | None = Field(None, description="water in one whole frame")


class Cast(Strict):
    """Which images of a profiler's cast are used."""

    descent_filter: bool = Field(
        False, description="of a cast by depth, leave out images that are shallower than one before"
    )
    depth_offset_m: float | None = Field(
        None, description="added to the depth of the sensor; empty: what the files tell, or 0"
    )


class Instrument(Strict):
    """An instrument's own optics and segmentation."""

    optics: Optics = Optics()
    cast: Cast = Cast()
    segmentation: Segmentation = Segmentation()


class Ingest(Strict):
    """How frames are listed, put in order and joined with positions."""

    files_per_shard: int = Field(64, ge=1, description="consecutive files in one shard")
    position_tolerance_s: Positive = Field(
        2.0, description="longest distance in time between a frame and a record of position"
    )
    gap_tolerance_s: Positive = Field(
        0.005, description="frames closer than this in time are one continuous scan"
    )
    on_overlap: Literal["error", "drop_later"] = Field(
        "error", description="what to do with a frame that starts before the last one ends"
    )


HeadName = Literal[
    "linear", "dense50", "dense600", "dense1792", "forest", "pca_forest", "boosting", "prototypes"
]


class Training(Strict):
    """How a classifier is made."""

    backbone: str = Field("tf_efficientnet_lite0", description="a timm backbone")
    weights: str = Field(
        "package", description="'package', 'timm', or a file of the backbone's weights"
    )
    head: HeadName = Field(
        "linear",
        description="what is fitted to the features: logistic regression; a hidden layer of 50, "
        "600 or 1792 units; random forest, also on 50 principal components; gradient boosting; "
        "nearest prototypes, for few examples",
    )
    inputs: Literal["deep", "measured", "both"] = Field(
        "deep", description="features of the backbone, measured ones (shape and grey), or both"
    )
    fine_tune: bool = Field(True, description="the backbone learns too, which is better and slower")
    image_size: int = Field(128, ge=32, le=512, description="side of the network's input, pixels")
    epochs: int = Field(12, ge=1, description="times that each picture is seen, at most")
    patience: int = Field(
        3, ge=1, description="epochs without gain on the validation part, after which it ends"
    )
    batch_size: int = Field(64, ge=2, description="vignettes of one step")
    learning_rate: Positive = Field(2e-4, description="at its height (Adam)")
    learning_rate_decay: float = Field(
        0.97, ge=0, description="the rate after e epochs is learning_rate / (1 + decay e)"
    )
    augment: bool = Field(True, description="turn, flip, stretch and shear pictures at random")
    class_weight_power: float = Field(
        0.25,
        ge=0,
        le=1,
        description="s of the weight (n_max / n)^s of a taxon with n pictures; 0: all count alike",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="of products in the training; auto: bfloat16 on a GPU that has it"
    )
    tensorboard: Path | None = Field(
        None, description="folder for TensorBoard's log of the training, if wanted"
    )
    seed: int = Field(0, ge=0, description="same seed, same split and same first weights")

    @property
    def tunes(self) -> bool:
        """Whether a backbone is there and learns too."""
        return self.fine_tune and self.inputs != "measured"


class Classification(Strict):
    """Which model names the objects, and how it is trained where it is not there yet."""

    model: Path = Field(description="folder of a model: weights and card")
    learning_set: Path | None = Field(
        None, description="folder of classes from which the workflow trains the model"
    )
    training: Training = Training()
    target_precision: Fraction | None = Field(
        None,
        description="objects are named only where the score promises this precision of their "
        "taxon (see docs/evaluation.md); null: all are named",
    )
    unknown_false_alarm: Fraction | None = Field(
        None,
        description="objects like nothing in the learning set stay without a name; this share of "
        "those of known taxa does too (0.05 is usual); null: all are named",
    )
    gpus: int = Field(0, ge=0, description="graphics processors of one classify job; 0: none")
    batch_size: int = Field(128, ge=1, description="vignettes at a time on a GPU")
    quantification: Literal["none", "adjusted", "em", "thresholded"] = Field(
        "em",
        description="how `concentration_adjusted` is made. em: scores are turned to the shares of "
        "each bin and summed; adjusted: named counts are mended by the rates of errors on held-out "
        "objects; thresholded: trusted names times precision over recall; docs/quantification.md",
    )
    engine: Literal[
        "auto", "eager", "eager-bf16", "compiled", "compiled-bf16", "onnxruntime", "openvino",
        "openvino-bf16",
    ] = Field(
        "auto",
        description="what computes: auto is the fastest of those that give the labels of float32, "
        "measured once per machine; see docs/engines.md",
    )  # fmt: skip
    keep_embedding: bool = Field(
        False, description="store what the network saw in each vignette, some 2.5 kB an object"
    )


class SemanticTraining(Strict):
    """How a network that finds and names objects at once is trained where it is not there yet.

    It learns from annotated frames, or without these from simulated ones (the camera of ISIIS).
    """

    model: Path = Field(
        description="folder of the network that is written; name it in `segmentation.model` of an "
        "instrument"
    )
    annotations: Path | None = Field(
        None, description="COCO instances (JSON): frames and the objects in them; empty: simulated"
    )
    images: Path | None = Field(
        None, description="folder of the frames; empty: that of the annotations"
    )
    instrument: Name = Field(
        "isiis",
        description="whose segmentation evens out the light of annotated frames, and whose optics "
        "tell the size of their pixels",
    )
    taxa: tuple[str, ...] = Field(
        (), description="taxa that are wanted, all else is background; empty: all annotated ones"
    )
    initial: Path | None = Field(
        None,
        description="folder of a network to begin from, such as one that learned from simulated "
        "frames; empty: random weights",
    )
    steps: int = Field(2000, ge=1, description="steps of the training")
    batch_size: int = Field(4, ge=1, description="squares in a step")
    side: int = Field(512, ge=64, multiple_of=64, description="side of a square, pixels")
    widths: tuple[Annotated[int, Field(ge=4, le=1024)], ...] = Field(
        (24, 48, 96, 128, 160),
        min_length=2,
        max_length=5,
        description="channels of the network's scales, from the finest",
    )
    validation: int = Field(
        16, ge=1, description="simulated frames held out; of annotated ones a fifth, at most these"
    )
    plankton: int = Field(200, ge=1, description="organisms in a simulated frame of 4096 lines")
    seed: int = Field(0, ge=0)


class Profiles(Strict):
    """How objects and water are put into bins."""

    bin_size_m: Positive = Field(1.0, description="thickness of a depth bin")
    split: Literal["turning_points", "time", "deployment"] = Field(
        "turning_points",
        description="a profile is one way down or up, a span of time, or a whole deployment",
    )
    min_amplitude_m: Positive = Field(
        10.0, description="smallest change of depth that makes a profile of its own"
    )
    interval_s: Positive = Field(3600.0, description="span of a profile where split is time")
    cast_tolerance_s: Positive = Field(
        10_800.0,
        description="longest time between a sample and a CTD cast of another name that stands for "
        "its water: 3 h, a quarter of the tide",
    )
    despike: bool = Field(True, description="despike the environment (moving median and MAD)")


class Particles(Strict):
    """How particles without images are put into bins of depth and size."""

    bin_size_m: Positive = Field(5.0, description="thickness of a depth bin")
    interval_s: Positive = Field(3600.0, description="span of a profile of a time series")
    ecopart_compat: bool = Field(
        False, description="count images as EcoPart does, see docs/particles.md"
    )


class Simulation(Strict):
    """A campaign with known truth, which the workflow makes before it begins."""

    instrument: Name = Field("isiis", description="whose files; see `seston instruments`")
    preset: Literal["tiny", "demo", "full"] = Field(
        "demo", description="size of the campaign: tiny for tests, full at the real density"
    )
    seed: int = Field(1, ge=0, description="same seed, same bytes")


class SimulatedLearningSet(Strict):
    """Vignettes of every simulated taxon, written where `classification` expects them."""

    per_class: int = Field(120, ge=8, description="vignettes of each taxon")
    seed: int = Field(2, ge=0, description="differs from the campaigns': other individuals")


class Simulate(Strict):
    """What the workflow simulates before it begins."""

    folder: Path = Field(Path("data"), description="a folder of its own for each campaign in it")
    campaigns: dict[Name, Simulation] = Field(
        default_factory=dict, description="by the name of the campaign in campaigns.csv"
    )
    learning_set: SimulatedLearningSet | None = None


class Publication(Strict):
    """What the datasets say of themselves (ACDD)."""

    title: str = "Plankton imaging campaign"
    summary: str = "Concentration and biovolume of plankton by taxon, time, depth and position."
    creator_name: str = ""
    creator_email: str = ""
    institution: str = ""
    license: str = "CC-BY-4.0"


def _absent(value: object) -> object:
    return None if value is None or (isinstance(value, str) and not value.strip()) else value


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Settings = TypeVar("Settings", bound=BaseModel)

OptionalFloat = Annotated[
    Annotated[float, Field(allow_inf_nan=False)] | None, BeforeValidator(_absent)
]
OptionalPositive = Annotated[Positive | None, BeforeValidator(_absent)]
OptionalPath = Annotated[Path | None, BeforeValidator(_absent)]
OptionalTime = Annotated[Annotated[datetime, AfterValidator(_utc)] | None, BeforeValidator(_absent)]


class Deployment(Strict):
    """One row of campaigns.csv: an instrument put in the water once, and its files."""

    campaign: Name
    deployment: Name
    instrument: Name
    path: Path = Field(description="folder of the files as they left the instrument")
    environment: OptionalPath = Field(
        None, description="file or folder of CTD and navigation; empty: look beside the frames"
    )
    clock_offset_s: Annotated[float, BeforeValidator(lambda v: _absent(v) or 0.0)] = Field(
        0.0, description="seconds added to the camera's clock to make it the CTD's"
    )
    latitude: Annotated[Annotated[float, Field(ge=-90, le=90)] | None, BeforeValidator(_absent)] = (
        Field(None, description="degrees north, where nothing else tells it")
    )
    longitude: Annotated[
        Annotated[float, Field(ge=-180, le=180)] | None, BeforeValidator(_absent)
    ] = Field(None, description="degrees east, where nothing else tells it")
    depth_m: OptionalFloat = Field(None, description="depth, where nothing else tells it")
    start: OptionalTime = Field(None, description="UTC of the first frame, where no name tells it")
    frame_interval_s: OptionalPositive = Field(
        None, description="time between still frames, where no name tells it"
    )
    pixel_width_mm: OptionalPositive = None
    pixel_height_mm: OptionalPositive = None
    line_rate_hz: OptionalPositive = None
    speed_m_s: OptionalPositive = None
    depth_of_field_mm: OptionalPositive = None
    imaged_volume_l: OptionalPositive = None

    def optics(self, preset: Optics) -> Optics:
        """Optics of this deployment: its own columns, then the instrument's preset."""
        own = {name: getattr(self, name) for name in Optics.model_fields}
        return preset.model_copy(update={k: v for k, v in own.items() if v is not None})


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


def checked(settings: type[Settings], **values: object) -> Settings:
    """Make settings from what a command was told.

    Raises
    ------
    ConfigError
        A value is wrong.
    """
    try:
        return settings.model_validate(values)
    except ValidationError as error:
        raise explain(error, "options") from None


def explain(error: ValidationError, where: Path | str) -> ConfigError:
    """Say in one line what the first wrong key or value is, and how many more there are."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        what, cure = f"unknown key `{key}`", "Remove it, or see config/README.md for the keys."
    else:
        what = f"`{key}`: {first['msg']} (got {first['input']!r})" if key else str(first["msg"])
        cure = "See config/README.md for what each key takes."
    more = error.error_count() - 1
    return ConfigError(what + (f" ({more} more)" if more else ""), where=where, cure=cure)


class _NoKeyTwice(yaml.SafeLoader):
    """Reads YAML as usual, but refuses a key that stands twice: the last would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.MarkedYAMLError(
                problem=f"key `{twice}` stands twice", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)


def load_config(path: Path | str = "config/config.yaml") -> Config:
    """Read and validate config.yaml.

    Raises
    ------
    ConfigError
        The file is missing, is not YAML, or a key or value in it is wrong.
    """
    path = Path(path)
    try:
        raw = yaml.load(path.read_text("utf-8"), _NoKeyTwice) or {}  # noqa: S506, it is a SafeLoader
    except FileNotFoundError:
        raise ConfigError("no such file", where=path, cure="Give --config.") from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=path) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"not YAML: {error}".replace("\n", " "), where=path) from None
    if not isinstance(raw, dict):
        raise ConfigError("must be a mapping of keys to values", where=path)
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


def fingerprint(*parts: BaseModel | str | float | None) -> str:
    """Short hash of settings: equal settings, equal text."""
    plain = [p.model_dump(mode="json") if isinstance(p, BaseModel) else p for p in parts]
    text = json.dumps(plain, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
