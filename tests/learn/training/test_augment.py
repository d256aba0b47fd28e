"""Augmentation: what is drawn, by which law, and what it does to pictures."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from seston.learn.training.augment import Recipe, affine_maps, augment  # noqa: E402

ROTATION = Recipe(flip=0.0, scale=(1.0, 1.0), shear=(0.0, 0.0))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(n: int = 4, side: int = 33, channels: int = 1) -> torch.Tensor:
    return torch.rand((n, channels, side, side), generator=seeded(9)) * 200 + 20


def test_equal_generators_give_equal_pictures_and_others_do_not() -> None:
    batch = pictures()
    assert torch.equal(augment(batch, seeded(1)), augment(batch, seeded(1)))
    assert not torch.equal(augment(batch, seeded(1)), augment(batch, seeded(2)))


def test_each_picture_of_a_batch_is_changed_in_its_own_way() -> None:
    same = pictures(1).expand(5, -1, -1, -1)
    found = augment(same, seeded())
    assert all(not torch.equal(found[0], other) for other in found[1:])


def test_a_recipe_of_nothing_changes_nothing() -> None:
    batch = pictures()
    assert torch.equal(augment(batch, seeded(), Recipe.none()), batch)


def test_levels_stay_between_those_of_the_picture_and_shape_and_type_stay() -> None:
    for dtype in (torch.float32, torch.float16):
        batch = pictures(channels=3).to(dtype)
        found = augment(batch, seeded())
        assert (found.shape, found.dtype) == (batch.shape, dtype)
        assert (found.amin((1, 2, 3)) >= batch.amin((1, 2, 3)) - 0.2).all()
        assert (found.amax((1, 2, 3)) <= batch.amax((1, 2, 3)) + 0.2).all()


def test_outside_is_the_edge_repeated() -> None:
    batch = torch.full((8, 1, 32, 32), 240.0)
    batch[:, :, 12:20, 12:20] = 40.0
    small = Recipe(scale=(0.5, 0.5))
    found = augment(batch, seeded(), small)
    corners = found[:, 0][:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert torch.allclose(corners, torch.tensor(240.0))


def test_a_mirror_is_exact() -> None:
    batch = pictures()
    always = Recipe(flip=1.0, scale=(1.0, 1.0), rotation=(0.0, 0.0), shear=(0.0, 0.0))
    assert torch.allclose(augment(batch, seeded(), always), batch.flip(2, 3), atol=1e-2)


def test_a_quarter_turn_is_exact() -> None:
    batch = pictures()
    quarter = Recipe(flip=0.0, scale=(1.0, 1.0), rotation=(90.0, 90.0), shear=(0.0, 0.0))
    found = augment(batch, seeded(), quarter)
    turned = [torch.rot90(batch, k, (2, 3)) for k in (1, 3)]
    assert any(torch.allclose(found, one, atol=1e-2) for one in turned)


def test_scale_is_of_the_object_and_not_of_the_map() -> None:
    batch = torch.zeros((1, 1, 101, 101))
    batch[:, :, 40:61, 40:61] = 1.0
    larger = Recipe(flip=0.0, scale=(2.0, 2.0), rotation=(0.0, 0.0), shear=(0.0, 0.0))
    assert float(augment(batch, seeded(), larger).sum()) == pytest.approx(4 * 21 * 21, rel=0.02)


def test_angles_are_uniform_over_half_a_turn() -> None:
    maps = affine_maps(20_000, seeded(), ROTATION).numpy()
    angle = np.degrees(np.arctan2(maps[:, 0, 1], maps[:, 0, 0]))
    assert 0 <= angle.min() < 1
    assert 179 < angle.max() <= 180
    assert angle.mean() == pytest.approx(90, abs=1.5)  # 4 standard errors of 180 / sqrt(12)
    counts = np.histogram(angle, 9, (0, 180))[0]
    assert np.abs(counts - 20_000 / 9).max() < 5 * np.sqrt(20_000 / 9)


def test_area_changes_by_the_scales_and_half_of_the_pictures_are_mirrored() -> None:
    maps = affine_maps(20_000, seeded()).numpy()
    turn = np.linalg.det(maps[:, :, :2].astype(np.float64))
    area = 1 / np.abs(turn)
    assert 0.64 <= area.min() < 0.7
    assert 1.38 < area.max() <= 1.4401
    assert area.mean() == pytest.approx(1.0, abs=0.005)  # of two independent uniforms around 1
    assert (turn < 0).mean() == pytest.approx(0.5, abs=0.015)  # one mirror and not the other
    assert np.abs(maps[:, :, 2]).max() == 0


def test_shear_is_no_more_than_fifteen_degrees() -> None:
    only = Recipe(flip=0.0, scale=(1.0, 1.0), rotation=(0.0, 0.0))
    maps = affine_maps(5000, seeded(), only).numpy()
    angle = np.degrees(np.arctan(maps[:, 0, 1]))
    assert 14.5 < np.abs(angle).max() <= 15.001
    assert angle.mean() == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 1, 8, 9)])
def test_what_is_no_batch_of_squares_is_refused(shape) -> None:
    with pytest.raises(ValueError, match="not square floats"):
        augment(torch.zeros(shape), seeded())


def test_an_empty_batch_stays_empty() -> None:
    assert augment(torch.zeros((0, 1, 8, 8)), seeded()).shape == (0, 1, 8, 8)
