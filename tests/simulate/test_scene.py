"""What is drawn: shapes in millimetres, seen through pixels that are not square."""

from __future__ import annotations

import numpy as np
import pytest

from seston.simulate import KINDS, standard_frame, standard_truth
from seston.simulate.light import Light, add_noise
from seston.simulate.sketch import Sketch, ellipse, stamp


def seen(sketch, blur=0.0, pixel_height=0.0714):
    rng = np.random.default_rng(0)
    return stamp(
        sketch, 3.0, 4.0, pixel_width=0.05127, pixel_height=pixel_height, blur_mm=blur, rng=rng
    )


def disc(radius, body=0.6):
    return Sketch(body=body, texture=0.0).fill(ellipse(0, 0, radius, radius, 90), body)


@pytest.mark.parametrize("pixel_height", [0.05127, 0.0714, 0.1])
def test_a_disc_is_round_in_millimetres_whatever_the_pixels(pixel_height):
    found = seen(disc(1.5), pixel_height=pixel_height)
    rows, columns = np.nonzero(found.mask)
    assert np.ptp(rows) * pixel_height == pytest.approx(3.0, abs=0.25)
    assert np.ptp(columns) * 0.05127 == pytest.approx(3.0, abs=0.25)
    assert found.silhouette_mm2 == pytest.approx(np.pi * 1.5**2, rel=0.02)


def test_a_stamp_lies_where_it_was_put():
    found = seen(disc(0.8))
    rows, columns = np.nonzero(found.mask)
    assert (found.top + rows.mean() + 0.5) * 0.0714 == pytest.approx(4.0, abs=0.02)
    assert (found.left + columns.mean() + 0.5) * 0.05127 == pytest.approx(3.0, abs=0.02)


def test_blur_spreads_the_shadow_and_keeps_the_light_it_takes():
    sharp, blurred = seen(disc(0.4)), seen(disc(0.4), blur=0.4)
    assert blurred.attenuation.max() < sharp.attenuation.max()
    assert blurred.mask.sum() > sharp.mask.sum()
    assert blurred.attenuation.sum() == pytest.approx(sharp.attenuation.sum(), rel=0.05)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.label)
def test_every_kind_is_about_as_long_as_it_should_be_and_never_twice_the_same(kind):
    shapes = [kind.draw(np.random.default_rng(k), kind.length_mm) for k in range(8)]
    stamps = [seen(shape) for shape in shapes]
    spans = [np.hypot(s.mask.shape[0] * 0.0714, s.mask.shape[1] * 0.05127) for s in stamps]
    assert 0.5 * kind.length_mm < np.median(spans) < 2.2 * kind.length_mm + 1.2
    assert len({s.attenuation.tobytes() for s in stamps}) == len(stamps)


def test_jellies_are_faint_and_long_and_all_else_is_dark():
    for kind in KINDS:
        found = seen(kind.draw(np.random.default_rng(1), kind.length_mm))
        darkest = float(np.percentile(found.attenuation[found.mask], 90))
        if kind.label == "ctenophore":
            assert 0.04 <= darkest <= 0.13
            assert max(found.mask.shape) > 250
        else:
            assert found.attenuation.max() > 0.25


def test_a_speck_of_four_pixels_is_still_a_shadow():
    kind = next(k for k in KINDS if k.label == "speck")
    areas = [int(seen(kind.draw(np.random.default_rng(k), 0.14)).mask.sum()) for k in range(40)]
    assert 2 <= min(areas) <= 8
    assert max(areas) < 25


def test_light_is_uneven_across_columns_drifts_slowly_and_dust_stands_still():
    light = Light.draw(3, 2048)
    lines = light.lines(0.0, 2048, 1 / 28000)
    profile = lines.mean(axis=0)
    assert 0.08 < np.ptp(profile) / profile.mean() < 0.6
    assert 160 < profile.mean() < 220
    later = light.columns(120.0)
    assert 0.001 < np.abs(later / light.columns(0.0) - 1).max() < 0.12
    assert np.corrcoef(np.diff(later), np.diff(profile))[0, 1] > 0.95


def test_noise_has_the_strength_it_should_and_does_not_repeat_in_place():
    grey = np.zeros((512, 2048), np.float32)
    add_noise(grey, np.random.default_rng(0))
    assert grey.std() == pytest.approx(3.0, rel=0.02)
    assert abs(np.corrcoef(grey[:64].ravel(), grey[64:128].ravel())[0, 1]) < 0.02


def test_the_standard_frame_is_the_same_each_time_and_its_truth_fits_it():
    frame, labels = standard_frame(1, height=1024), standard_truth(1, height=1024)
    assert frame.shape == labels.shape == (1024, 2048)
    assert (frame == standard_frame(1, height=1024)).all()
    light = np.median(frame, axis=0)
    shade = frame / light
    assert shade[labels > 0].mean() < 0.9 < 0.99 < shade[labels == 0].mean()


@pytest.mark.slow
def test_the_standard_frame_is_as_full_as_the_sea():
    for seed in (1, 2, 3):
        assert 2000 < standard_truth(seed).max() < 3000
