"""Settings of what is learned: classifiers, filters, networks that find and name at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from seston.config.base import Fraction, Name, Positive, Strict
from seston.features import SETS

HeadName = Literal[
    "linear", "dense50", "dense600", "dense1792", "forest", "pca_forest", "boosting", "prototypes"
]


#: Where the object lay, and how it was turned, is no matter of its taxon.
_OF_PLACE = ("centroid_local", "centroid_weighted_local", "first_column", "orientation")
MEASURED_FEATURES = tuple(name for name in SETS["fast"] if not name.startswith(_OF_PLACE))
"""Features that are measured in vignettes for a classifier: size, shape and grey levels."""


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
    measured_features: tuple[str, ...] = Field(
        (),
        description="which measured ones, such as [area, elongation]; empty: all of the set fast "
        "of docs/features.md, but those of place and turn",
    )
    fine_tune: bool = Field(True, description="the backbone learns too, which is better and slower")
    image_size: int = Field(128, ge=32, le=512, description="side of the network's input, pixels")
    epochs: int = Field(12, ge=1, description="times that each picture is seen, at most")
    patience: int = Field(
        5,
        ge=1,
        description="epochs without gain on the validation part, after which it ends; counted "
        "from the middle of the training, where the rate has fallen to half",
    )
    batch_size: int = Field(64, ge=2, description="vignettes of one step")
    learning_rate: Positive | None = Field(
        None,
        description="at its height (AdamW); it falls to 0 at the last epoch, as a cosine. Without: "
        "0.001, and 0.0003 in a training of fewer than 200 steps",
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

    @model_validator(mode="after")
    def _measures_what_there_is(self) -> Training:
        names = self.measured_features
        if names and self.inputs == "deep":
            raise ValueError("`measured_features` need `inputs` measured or both")
        if unknown := [name for name in names if name not in MEASURED_FEATURES]:
            raise ValueError(f"no measured feature {unknown[0]!r}; {', '.join(MEASURED_FEATURES)}")
        if len(set(names)) < len(names):
            raise ValueError("a measured feature is named twice")
        return self

    @property
    def tunes(self) -> bool:
        """Whether a backbone is there and learns too."""
        return self.fine_tune and self.inputs != "measured"


class LearningPictures(Strict):
    """How the pictures of a learning set are to be seen, where their source does not tell it."""

    polarity: Literal["auto", "dark", "bright"] = Field(
        "auto", description="objects beside their background; auto: as most borders have it"
    )
    crop_bottom: Annotated[int, Field(ge=0)] | Literal["auto"] = Field(
        "auto", description="lines cut off below each picture; auto: EcoTaxa's scale bar, if any"
    )
    pixel_size_mm: tuple[Positive, Positive] | None = Field(
        None, description="height and width of a pixel, where the learning set tells none"
    )
    statuses: tuple[Literal["validated", "predicted", "dubious"], ...] = Field(
        ("validated",), min_length=1, description="which of EcoTaxa's rows count"
    )


class Classification(Strict):
    """Which model names the objects, and how it is trained where it is not there yet."""

    model: Path = Field(description="folder of a model: weights and card")
    learning_set: Path | None = Field(
        None, description="folder of classes from which the workflow trains the model"
    )
    pictures: LearningPictures = LearningPictures()
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
        description="whose segmentation evens out the light of annotated frames and says which "
        "sizes the network is measured by, and whose optics tell the size of their pixels",
    )
    pixel_size_mm: tuple[Positive, Positive] | None = Field(
        None,
        description="height and width of a pixel of annotated frames, where the COCO file does not "
        "tell them; empty: those of the instrument's optics",
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
    gpus: int = Field(
        0,
        ge=0,
        description="graphics processors of a job that trains the network (one is used), or finds "
        "objects by it; 0: none is asked for",
    )

    def without_gpus(self) -> SemanticTraining:
        """Give what tells which network is trained, whatever trains it."""
        return self.model_copy(update={"gpus": 0})


class FilterTraining(Strict):
    """How a filter of measured objects is trained where it is not there yet.

    It learns from the labelled objects of a campaign, from annotated frames, or without these from
    simulated frames (the camera of ISIIS).
    """

    model: Path = Field(
        description="folder of the filter that is written; name it in `segmentation.filter` of an "
        "instrument"
    )
    objects: Path | None = Field(
        None,
        description="results of a campaign that was segmented without a filter: its folder, or "
        "objects.zarr in it; the table of taxa says which labels are plankton",
    )
    labels: Literal["validated", "predicted"] = Field(
        "validated",
        description="of `objects`: which labels count; predicted: also the model's, where nobody "
        "has validated",
    )
    annotations: Path | None = Field(
        None,
        description="COCO instances (JSON): frames and the plankton in them; what is found and "
        "not annotated is to be left out",
    )
    images: Path | None = Field(
        None, description="folder of the frames; empty: that of the annotations"
    )
    instrument: Name = Field(
        "isiis",
        description="whose segmentation finds the objects of annotated or simulated frames, and "
        "whose optics tell the size of the pixels of annotated ones",
    )
    pixel_size_mm: tuple[Positive, Positive] | None = Field(
        None,
        description="height and width of a pixel of annotated frames, where the COCO file does not "
        "tell them; empty: those of the instrument's optics",
    )
    let_through: Fraction = Field(0.995, description="share of the plankton that is wanted to pass")
    frames: int = Field(48, ge=4, description="simulated or annotated frames, at most")
    plankton: int = Field(160, ge=1, description="organisms in a simulated frame of 4096 lines")
    seed: int = Field(0, ge=0, description="same seed, same bytes")

    @model_validator(mode="after")
    def _from_one_source(self) -> FilterTraining:
        if self.objects is not None and self.annotations is not None:
            raise ValueError("give `objects` or `annotations`, not both")
        return self
