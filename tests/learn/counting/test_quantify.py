"""Shares of taxa, against published and hand-computed values, laws, and another implementation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.optimize import minimize

from seston.errors import InputError
from seston.learn.counting.quantify import (
    METHODS,
    ErrorRates,
    adjusted,
    binary_share,
    classify_and_count,
    corrected_count,
    kept_count,
    on_simplex,
    precision_at,
    probabilistic,
    probabilistic_adjusted,
    saerens,
    thresholded,
    turned,
)

RATES = np.array([[0.9, 0.10, 0.02], [0.05, 0.80, 0.03], [0.05, 0.10, 0.95]])
SIX = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.2, 0.8], [0.1, 0.9], [0.05, 0.95]])
EVEN = np.array([0.5, 0.5])


def scored(seed: int, n: int, taxa: int = 4, skill: float = 2.0, shares=None):
    """Objects of a classifier that is calibrated at even shares: true taxa and scores."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(taxa, n, p=shares)
    seen = rng.normal(size=(n, taxa)) + skill * np.eye(taxa)[truth]
    likelihood = np.exp(skill * seen)
    return truth, likelihood / likelihood.sum(axis=1, keepdims=True)


@st.composite
def samples(draw):
    """A errors and a sample of the same taxa, with a held-out object of each."""
    taxa = draw(st.integers(2, 5))
    seed = draw(st.integers(0, 10_000))
    labels, held_out = scored(seed, 60, taxa, draw(st.floats(0.3, 3.0)))
    labels[:taxa] = np.arange(taxa)
    _, scores = scored(seed + 1, draw(st.integers(1, 60)), taxa, 1.0)
    prior = draw(npst.arrays(float, taxa, elements=st.floats(0.05, 1.0)))
    return held_out, labels, prior, scores


# ------------------------------------------------------------------------------ published numbers
def test_the_share_of_one_taxon_is_mended_by_its_two_rates():
    assert binary_share(0.14, 0.9, 0.05) == pytest.approx(0.105882, abs=5e-7)
    np.testing.assert_array_equal(binary_share([0.01, 0.99], 0.9, 0.05), [0.0, 1.0])


def test_what_was_named_leads_back_to_what_there_was():
    np.testing.assert_allclose(RATES @ [0.2, 0.1, 0.7], [0.204, 0.111, 0.685])
    np.testing.assert_allclose(on_simplex(RATES, [0.204, 0.111, 0.685]), [0.2, 0.1, 0.7])
    found = on_simplex(RATES, [0.2, 0.1, 0.7])
    np.testing.assert_allclose(found, [0.196746, 0.085799, 0.717455], atol=1e-6)


@pytest.mark.parametrize(("iterations", "share"), [(1, 0.391667), (2, 0.337928), (3, 0.310822)])
def test_the_first_steps_of_em_are_those_computed_by_hand(iterations, share):
    found = saerens(SIX, EVEN, most_iterations=iterations)
    assert found[0] == pytest.approx(share, abs=5e-7)


def test_em_ends_where_it_was_computed_to_end():
    found = saerens(SIX, EVEN, tolerance=0.0, most_iterations=200)
    assert found[0] == pytest.approx(0.279780, abs=5e-7)


def test_counts_and_mean_scores_of_the_same_six_objects():
    errors = ErrorRates(np.eye(2), np.eye(2), EVEN)
    assert classify_and_count(SIX, errors)[0] == pytest.approx(1 / 3)
    assert probabilistic(SIX, errors)[0] == pytest.approx(0.391667, abs=5e-7)


def test_precision_falls_with_the_share_of_the_taxon():
    """A taxon that is a hundred times rarer is seen nine times rarer."""
    shares = np.array([0.1, 0.01, 0.001])
    precision = precision_at(shares, 0.9, 0.01)
    np.testing.assert_allclose(precision, [0.909, 0.476, 0.083], atol=5e-4)
    seen = 0.9 * shares / precision
    assert seen[0] / seen[2] == pytest.approx(9.09, abs=5e-3)
    np.testing.assert_allclose(binary_share(seen, 0.9, 0.01), shares)


def test_kept_objects_stand_for_those_below_the_threshold():
    assert corrected_count(120, 0.95, 0.60) == pytest.approx(190)
    scores = [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.5, 0.5]]
    np.testing.assert_array_equal(kept_count(scores, [0.7, 0.8]), [1, 1])
    np.testing.assert_array_equal(kept_count(scores, [np.nan, 0.8]), [0, 1])
    np.testing.assert_allclose(thresholded(scores, [0.7, 0.8], [1, 0.5], [0.5, 0.25]), [2, 2])


def test_a_taxon_that_no_threshold_finds_has_no_count():
    assert np.isnan(corrected_count([3.0], [np.nan], [0.5])).all()
    assert np.isnan(corrected_count([3.0], [0.9], [0.0])).all()


# ------------------------------------------------------------------------------------------- laws
@given(samples())
def test_shares_are_shares(sample):
    held_out, labels, prior, scores = sample
    errors = ErrorRates.fit(held_out, labels, prior)
    for method in METHODS.values():
        found = method(scores, errors)
        assert found.shape == (scores.shape[1],)
        assert (found >= 0).all()
        assert found.sum() == pytest.approx(1)


@given(samples(), st.randoms(use_true_random=False))
def test_the_order_of_taxa_and_of_objects_does_not_matter(sample, random):
    held_out, labels, prior, scores = sample
    order = list(range(scores.shape[1]))
    random.shuffle(order)
    errors = ErrorRates.fit(held_out, labels, prior)
    place = np.argsort(order)
    other = ErrorRates.fit(held_out[::-1, order], place[labels[::-1]], prior[order])
    seen = {"ACC": errors.rates, "PACC": errors.score_rates}
    for name, method in METHODS.items():
        first, second = method(scores, errors), method(scores[::-1, order], other)[place]
        view = seen.get(name, np.eye(len(order)))  # where taxa are confused wholly, shares are many
        np.testing.assert_allclose(view @ first, view @ second, atol=1e-6)


@given(st.integers(2, 6), st.integers(0, 1000), st.integers(1, 50))
def test_of_a_perfect_classifier_every_method_counts(taxa, seed, n):
    truth = np.random.default_rng(seed).integers(0, taxa, n)
    errors = ErrorRates.fit(np.eye(taxa), np.arange(taxa))
    shares = np.bincount(truth, minlength=taxa) / n
    for method in METHODS.values():
        np.testing.assert_allclose(method(np.eye(taxa)[truth], errors), shares, atol=1e-9)


@given(samples())
def test_without_errors_in_the_calibration_nothing_is_mended(sample):
    *_, scores = sample
    taxa = scores.shape[1]
    perfect = ErrorRates.fit(np.eye(taxa), np.arange(taxa))
    pairs = [(adjusted, classify_and_count), (probabilistic_adjusted, probabilistic)]
    for mended, plain in pairs:
        np.testing.assert_allclose(mended(scores, perfect), plain(scores, perfect), atol=1e-9)


@given(
    npst.arrays(float, (5, 4), elements=st.floats(0, 1)),
    npst.arrays(float, 5, elements=st.floats(0, 1)),
)
def test_no_shares_explain_what_was_named_better(rates, named):
    found = on_simplex(rates, named)
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1)
    best = np.sum((rates @ found - named) ** 2)
    rng = np.random.default_rng(0)
    others = np.vstack([np.eye(4), rng.dirichlet(np.ones(4), 200), found + 0 * np.eye(4)])
    assert best <= np.sum((others @ rates.T - named) ** 2, axis=1).min() + 1e-9
    slow = minimize(
        lambda p: np.sum((rates @ p - named) ** 2),
        np.full(4, 0.25),
        bounds=[(0, 1)] * 4,
        constraints={"type": "eq", "fun": lambda p: p.sum() - 1},
        method="SLSQP",
    )
    assert best <= slow.fun + 1e-9


@given(samples())
def test_scores_turned_to_the_shares_of_em_repeat_them(sample):
    held_out, labels, prior, scores = sample
    errors = ErrorRates.fit(held_out, labels, prior)
    found = saerens(scores, errors.prior, tolerance=1e-13, most_iterations=20_000)
    repeated = turned(scores, errors.prior, found).mean(axis=0)
    np.testing.assert_allclose(repeated, found, atol=1e-8)


def test_weights_stand_for_so_many_objects():
    _, scores = scored(5, 40)
    weights = np.random.default_rng(1).integers(0, 4, 40)
    prior = np.full(4, 0.25)
    np.testing.assert_allclose(
        saerens(scores, prior, weights=weights.astype(float)),
        saerens(np.repeat(scores, weights, axis=0), prior),
        atol=1e-12,
    )


def test_a_small_sample_stays_near_what_was_believed():
    """Of a perfect classifier: 3 objects seen and 6 believed in, so shares of ninths."""
    scores, believed = np.eye(3)[[0, 0, 1]], np.array([1.0, 2.0, 3.0])
    found = saerens(scores, np.full(3, 1 / 3), believed=believed, tolerance=1e-12)
    np.testing.assert_allclose(found, [3 / 9, 3 / 9, 3 / 9])
    many = saerens(np.repeat(scores, 10_000, axis=0), np.full(3, 1 / 3), believed=believed)
    np.testing.assert_allclose(many, [2 / 3, 1 / 3, 0], atol=1e-3)


def test_every_mended_share_is_closer_to_a_rare_taxon_than_the_count():
    shares = np.array([0.005, 0.015, 0.08, 0.9])
    labels, held_out = scored(1, 4000)
    errors = ErrorRates.fit(held_out, labels)
    _, scores = scored(2, 20_000, shares=shares)
    error = {n: abs(m(scores, errors)[0] - shares[0]) for n, m in METHODS.items()}
    assert error["CC"] > 0.01
    for name in ("ACC", "PACC", "EM"):
        assert error[name] < error["CC"] / 4


def test_a_taxon_without_held_out_objects_is_taken_as_named():
    errors = ErrorRates.fit([[0.8, 0.2, 0.0], [0.4, 0.6, 0.0]], [0, 1])
    np.testing.assert_array_equal(errors.rates[:, 2], [0, 0, 1])
    np.testing.assert_array_equal(errors.held_out, [1, 1, 0])


# ---------------------------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("scores", "labels", "prior", "said"),
    [
        ([0.5, 0.5], [0], None, "two taxa"),
        ([[0.5, np.nan]], [0], None, "no number"),
        ([[0.5, 0.5], [0.0, 0.0]], [0, 1], None, "none above 0; the first is 1"),
        ([[0.5, 0.5]], [2], None, "from 0 to 1"),
        ([[0.5, 0.5]], [0, 1], None, "labels are of shape"),
        ([[0.5, 0.5]], [0], [0.5, -0.5], "none below 0"),
        ([[0.5, 0.5]], [0], [0.0, 0.0], "all be 0"),
    ],
)
def test_what_cannot_calibrate_is_refused(scores, labels, prior, said):
    with pytest.raises(InputError, match=said):
        ErrorRates.fit(scores, labels, prior)


def test_a_sample_must_hold_objects_of_the_same_taxa():
    errors = ErrorRates.fit(np.eye(3), np.arange(3))
    with pytest.raises(InputError, match="without objects"):
        classify_and_count(np.empty((0, 3)), errors)
    with pytest.raises(InputError, match="of 2 taxa"):
        adjusted([[0.5, 0.5]], errors)
    with pytest.raises(InputError, match="exceed"):
        binary_share(0.1, 0.2, 0.3)
    with pytest.raises(InputError, match="within 0 and 1"):
        corrected_count(1, 1.2, 0.5)


# --------------------------------------------------------------------------------------- agreement
def test_quapy_finds_the_same_shares():
    """QuaPy (Moreo, Esuli, Sebastiani 2021, CIKM), where it is installed."""
    reason = "QuaPy is not there: pip install quapy, to compare with it"
    aggregative = pytest.importorskip("quapy.method.aggregative", reason=reason)

    from sklearn.base import BaseEstimator, ClassifierMixin

    class Known(ClassifierMixin, BaseEstimator):
        """A classifier whose input is its output."""

        def __init__(self):
            self.classes_ = np.arange(4)

        def fit(self, *_):
            return self

        def predict_proba(self, scores):
            return np.asarray(scores)

        def predict(self, scores):
            return np.asarray(scores).argmax(axis=1)

    labels, held_out = scored(3, 2000)
    errors = ErrorRates.fit(held_out, labels)
    _, scores = scored(4, 3000, shares=[0.02, 0.08, 0.3, 0.6])
    theirs = {
        "CC": aggregative.CC,
        "PCC": aggregative.PCC,
        "ACC": aggregative.ACC,
        "PACC": aggregative.PACC,
        "EM": aggregative.EMQ,
    }
    for name, method in theirs.items():
        keys = {} if name in ("CC", "PCC", "EM") else {"val_split": None}
        theirs_fitted = method(Known(), fit_classifier=False, **keys).fit(held_out, labels)
        found = theirs_fitted.predict(scores)
        np.testing.assert_allclose(METHODS[name](scores, errors), found, atol=2e-4)
