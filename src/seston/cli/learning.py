"""Learning sets and classifiers: make them, look at them, use them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from seston.cli.app import app
from seston.cli.options import (
    CONFIG,
    LEARNING,
    ConfigPath,
    CropBottom,
    PixelSize,
    SeenPolarity,
    Statuses,
    told,
)


@app.command(rich_help_panel=LEARNING)
def train(
    config: ConfigPath = CONFIG,
    images: Annotated[
        Path | None,
        typer.Option(
            help="Sorted pictures: folders of classes, a table, an EcoTaxa bundle, or results of a "
            "campaign. With --model, no configuration is read.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Folder of the model to make.", show_default=False)
    ] = None,
    backbone: Annotated[
        str | None, typer.Option(help="A timm network.", show_default=False)
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="package, timm, or a file.", show_default=False)
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(
            help="linear, dense50, dense600, dense1792, forest, pca_forest, boosting, prototypes.",
            show_default=False,
        ),
    ] = None,
    inputs: Annotated[
        str | None, typer.Option(help="deep, measured or both.", show_default=False)
    ] = None,
    measured_features: Annotated[
        str | None,
        typer.Option(help="Such as area,elongation; all if absent.", show_default=False),
    ] = None,
    fine_tune: Annotated[
        bool | None,
        typer.Option("--fine-tune/--frozen", help="Train the backbone too.", show_default=False),
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(help="Side of the network's input.", show_default=False)
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="At most.", show_default=False)] = None,
    class_weight_power: Annotated[
        float | None, typer.Option(help="0: rare taxa count as they are.", show_default=False)
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Same seed, same split.", show_default=False)
    ] = None,
    taxonomy: Annotated[
        Path | None, typer.Option(help="Table of taxa, by label.", show_default=False)
    ] = None,
    polarity: SeenPolarity = None,
    crop_bottom: CropBottom = None,
    pixel_size_mm: PixelSize = None,
    statuses: Statuses = None,
    tensorboard: Annotated[
        Path | None, typer.Option(help="Folder for TensorBoard's log.", show_default=False)
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--restart", help="Go on after a kill, or begin anew.")
    ] = True,
) -> None:
    """Train a classifier: that of the configuration, or with --images and --model any other."""
    from seston.config import LearningPictures, checked, load_config
    from seston.errors import ConfigError
    from seston.stages import train as stage

    chosen = None if measured_features is None else measured_features.replace(" ", "").split(",")
    given = told(
        backbone=backbone, weights=weights, head=head, inputs=inputs, fine_tune=fine_tune,
        image_size=image_size, epochs=epochs, class_weight_power=class_weight_power, seed=seed,
        tensorboard=tensorboard, measured_features=chosen,
    )  # fmt: skip
    seen = told(
        polarity=polarity, crop_bottom=crop_bottom, pixel_size_mm=pixel_size_mm, statuses=statuses
    )
    if images is None and model is None and taxonomy is None and not given and not seen:
        stage.train(load_config(config), resume=resume)
        return
    if images is None or model is None:
        raise ConfigError(
            "these options are for a model apart from the configuration",
            cure="Give both --images and --model, or put the settings under "
            "`classification.training` and `classification.pictures` of config.yaml.",
        )
    settings, pictures = stage.settings_of(given), checked(LearningPictures, **seen)
    stage.train_on(images, model, settings, taxonomy=taxonomy, pictures=pictures, resume=resume)


@app.command(rich_help_panel=LEARNING)
def models(
    folders: Annotated[
        list[Path] | None, typer.Argument(help="Models, or folders with models.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """List classifiers; of a single one that is named, show all that its card tells."""
    from seston.stages import models as stage

    asked = folders or [Path()]
    found = stage.find_models(asked)
    whole = list(found) == asked
    show = stage.as_json if json else stage.as_text
    print(show(found, whole=whole))


@app.command("learning-set", rich_help_panel=LEARNING)
def learning_set(
    folder: Annotated[Path, typer.Argument(help="Where one folder per taxon is written.")],
    per_class: Annotated[int, typer.Option(min=8, help="Vignettes of each taxon.")] = 120,
    frames: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Instead: all vignettes of so many frames with the detritus of nature.",
            show_default=False,
        ),
    ] = None,
    filter_: Annotated[
        Path | None,
        typer.Option(
            "--filter",
            help="With --frames: only what this filter lets through, hard cases to learn from.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")] = 2,
) -> None:
    """Draw a learning set: vignettes of every simulated taxon, or what a filter lets through."""
    from seston.config import Segmentation
    from seston.errors import ConfigError
    from seston.simulate import write_learning_set
    from seston.stages.filter_training import write_passed

    if frames is not None:
        settings = Segmentation.model_validate({"filter": filter_})
        write_passed(folder, settings, frames=frames, seed=seed)
        return
    if filter_ is not None:
        raise ConfigError(
            "a filter works on whole frames", where="--filter", cure="Give --frames too."
        )
    write_learning_set(folder, seed, per_class=per_class)


_PixelSize = Annotated[
    tuple[float, float] | None,
    typer.Option(
        help="Height and width of a pixel of annotated frames, mm, if neither the file nor the "
        "instrument tells them.",
        show_default=False,
    ),
]


@app.command("train-filter", rich_help_panel=LEARNING)
def train_filter(
    config: ConfigPath = CONFIG,
    model: Annotated[
        Path | None,
        typer.Option(help="Folder to write, without a configuration.", show_default=False),
    ] = None,
    objects: Annotated[
        Path | None,
        typer.Option(help="Results of a campaign whose objects have labels.", show_default=False),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(help="validated, or predicted: these too.", show_default="validated"),
    ] = None,
    taxonomy: Annotated[
        Path | None,
        typer.Option(help="Table of taxa: which labels are plankton.", show_default=False),
    ] = None,
    annotations: Annotated[
        Path | None, typer.Option(help="COCO instances of the plankton.", show_default=False)
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of the frames, if not beside.", show_default=False)
    ] = None,
    instrument: Annotated[
        str | None,
        typer.Option(help="Its segmentation finds the objects of frames.", show_default="isiis"),
    ] = None,
    pixel_size_mm: _PixelSize = None,
    let_through: Annotated[
        float | None,
        typer.Option(help="Share of the plankton that is wanted to pass.", show_default="0.995"),
    ] = None,
    frames: Annotated[
        int | None,
        typer.Option(help="Simulated or annotated frames, at most.", show_default="48"),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Same seed, same bytes.", show_default="0")
    ] = None,
) -> None:
    """Train a filter that leaves out what is no plankton, before it is stored.

    It learns from --objects, from --annotations, or without these from simulated frames.
    """
    from seston.config import Config, FilterTraining, checked, load_config
    from seston.stages.filter_training import train_filter as run

    given = _given(
        objects=objects, labels=labels, annotations=annotations, images=images,
        instrument=instrument, pixel_size_mm=pixel_size_mm, let_through=let_through,
        frames=frames, seed=seed,
    )  # fmt: skip
    if model is None:
        _refuse_without_model(given | _given(taxonomy=taxonomy), "filter")
        run(load_config(config))
        return
    run(Config(filter=checked(FilterTraining, model=model, **given), taxonomy=taxonomy))


def _given(**options: Any) -> dict[str, Any]:  # noqa: ANN401
    """Give the options that were told: for the others the models of the settings know defaults."""
    return {name: value for name, value in options.items() if value is not None}


def _refuse_without_model(given: dict[str, Any], key: str) -> None:
    """Refuse options that would change nothing, for the model is that of the configuration."""
    from seston.errors import ConfigError

    if given:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise ConfigError(
            f"{names}: these options are for a model apart from the configuration",
            cure=f"Give --model too, or put the settings under `{key}` of config.yaml.",
        )


@app.command("train-semantic", rich_help_panel=LEARNING)
def train_semantic(
    config: ConfigPath = CONFIG,
    model: Annotated[
        Path | None,
        typer.Option(help="Folder to write, without a configuration.", show_default=False),
    ] = None,
    annotations: Annotated[
        Path | None,
        typer.Option(help="COCO instances; simulated frames if absent.", show_default=False),
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of the frames, if not beside.", show_default=False)
    ] = None,
    instrument: Annotated[
        str | None,
        typer.Option(help="Tells light, size of pixels, sizes kept.", show_default="isiis"),
    ] = None,
    pixel_size_mm: _PixelSize = None,
    initial: Annotated[
        Path | None, typer.Option(help="A network to begin from.", show_default=False)
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Steps of the training.", show_default="2000")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Same seed, same network.", show_default="0")
    ] = None,
) -> None:
    """Train a network that finds and names objects at once, from annotated or simulated frames."""
    from seston.config import Config, SemanticTraining, checked, load_config
    from seston.stages.semantic import train_semantic as run

    given = _given(
        annotations=annotations, images=images, instrument=instrument,
        pixel_size_mm=pixel_size_mm, initial=initial, steps=steps, seed=seed,
    )  # fmt: skip
    if model is None:
        _refuse_without_model(given, "semantic")
        run(load_config(config))
        return
    run(Config(semantic=checked(SemanticTraining, model=model, **given)))


@app.command("annotated-frames", rich_help_panel=LEARNING)
def annotated_frames(
    folder: Annotated[Path, typer.Argument(help="Gets a PNG for each frame, instances.json.")],
    count: Annotated[int, typer.Option(min=1, help="Frames of 4096 lines.")] = 10,
    plankton: Annotated[int, typer.Option(min=1, help="Organisms in a frame.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")] = 0,
) -> None:
    """Draw annotated frames as COCO instances: what `train-semantic --annotations` takes."""
    from seston.learn.semantic.coco import write_coco
    from seston.simulate.annotated import SimulatedFrames

    write_coco(folder, SimulatedFrames(seed, plankton).frames(0, count))
