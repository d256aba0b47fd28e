"""Networks of timm by name."""

from __future__ import annotations

import pytest

from seston.learn.networks.backbones import build

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "lcnet_050", "mobilenetv3_small_050"])
def test_as_many_features_come_out_as_a_backbone_says(name: str) -> None:
    """Some have a layer more between the last map and the classifier."""
    backbone = build(name)
    with torch.no_grad():
        assert backbone.module(torch.zeros(2, 1, 32, 32)).shape == (2, backbone.n_features)
