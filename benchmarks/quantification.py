"""What a classifier's errors do to a series of numbers, and what mends it.

    python benchmarks/quantification.py [--quick] [--data FOLDER] [--cache FOLDER] [--figure FILE]

1. Simulated seasons: a year of 104 samples of 5,000 objects, most of them detritus; each of nine
   taxa rises and falls a hundredfold. The classifier's scores are right where all taxa are
   equally common, as they are in its training; its errors are known from 150 held-out objects of
   each taxon. Another one is too sure of itself: its scores are sharpened.
2. Real vignettes: a frozen network and a linear head, calibrated, as `seston train` makes them of
   the learning sets under --data; each is trained once and kept under --cache. Objects that it did
   not learn from are drawn to 200 samples of random shares. Taxa with too few of them are joined:
   what is before the first `_` of a name is the taxon, and the rest are `other`.
3. How often 95 % intervals hold the truth. Of vignettes: one half of those held out tells the
   errors, samples are drawn from the other half, and no picture twice: pictures that are seen again
   and again would err the same way each time.
4. Casts of 20 bins, each taxon in a layer: what a bin's shares are best held to.
5. Seconds that a campaign of many bins takes.

The last line is a JSON object. --figure draws one season (simulated; it needs no data).
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np
import pandas as pd

from seston.ecology import bray_curtis, poisson_interval, series_errors
from seston.learn.counting import abundance
from seston.learn.counting.quantify import (
    METHODS,
    ErrorRates,
    corrected_count,
    kept_count,
    saerens,
    turned,
)
from seston.learn.judging.calibration import fit
from seston.learn.judging.thresholds import by_precision

TAXA, TIMES, OBJECTS, HELD_OUT = 10, 104, 5000, 150
#: The other classifier's scores are raised to this power.
TOO_SURE = 2.0
SMALLEST_POOL = 60
SAMPLES, SAMPLE = 200, 2000
LEVELS = (0.0, 1.0, 10.0, 100.0, np.inf)
#: Draws of the plain bootstrap that ours is held against.
BOOTSTRAPS = 100
BINS = 20


# ------------------------------------------------------------------------------- simulated seasons
@dataclass(frozen=True)
class Classifier:
    """Taxa are clouds in five dimensions; scores are right at equal shares, or sharpened."""

    middles: np.ndarray
    sharpened: float = 1.0

    @classmethod
    def some(cls, rng: np.random.Generator, sharpened: float = 1.0) -> Classifier:
        return cls(rng.normal(0, 1.5, (TAXA, 5)), sharpened)

    def scores(self, truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        seen = self.middles[truth] + rng.normal(size=(len(truth), self.middles.shape[1]))
        logs = self.sharpened * (seen @ self.middles.T - (self.middles**2).sum(axis=1) / 2)
        likelihood = np.exp(logs - logs.max(axis=1, keepdims=True))
        return likelihood / likelihood.sum(axis=1, keepdims=True)


def season(rng: np.random.Generator) -> np.ndarray:
    """Mean numbers (time, taxon): taxon 0 is detritus, others rise and fall a hundredfold."""
    when, peak = np.linspace(0, 1, TIMES, endpoint=False)[:, None], rng.uniform(size=TAXA - 1)
    height = ((1 + np.cos(2 * np.pi * (when - peak))) / 2) ** 2
    plankton = np.exp(rng.uniform(np.log(0.5), np.log(5), TAXA - 1)) * 100**height
    detritus = np.maximum(OBJECTS - plankton.sum(axis=1, keepdims=True), OBJECTS / 4)
    return np.concatenate([detritus, plankton], axis=1)


@dataclass(frozen=True)
class Known:
    """Held-out objects of a classifier."""

    scores: np.ndarray
    labels: np.ndarray

    @property
    def rates(self) -> ErrorRates:
        taxa = self.scores.shape[1]
        return ErrorRates.fit(self.scores, self.labels, np.full(taxa, 1 / taxa))


def estimators(known: Known, prior: np.ndarray) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Numbers of each taxon in a sample of scores, by method."""
    rates = ErrorRates.fit(known.scores, known.labels, prior)
    found: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        name: lambda scores, method=method: len(scores) * method(scores, rates)
        for name, method in METHODS.items()
    }
    least = by_precision(known.scores, known.labels)
    recall = np.where(least.recall > 0, least.recall, np.nan)
    found["threshold"] = lambda scores: corrected_count(
        kept_count(scores, least.threshold), least.precision, recall
    )
    return found


def em_calibrated(known: Known, prior: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """EM of scores that are calibrated first, as `seston train` does it."""
    calibration = fit(known.scores, known.labels)
    calibrated = calibration.apply(known.scores)
    supposed = calibrated.mean(axis=0) if len(calibration.bias) > 1 else prior
    rates = ErrorRates.fit(calibrated, known.labels, supposed)
    return lambda scores: len(scores) * METHODS["EM"](calibration.apply(scores), rates)


def errors_of(true: np.ndarray, found: np.ndarray, step: float) -> dict[str, float]:
    """Mean errors of the series (sample, taxon) of the given taxa."""
    when = np.arange(len(true)) * step
    each = [
        series_errors(true[:, taxon], found[:, taxon], when).facts
        for taxon in range(true.shape[1])
        if np.isfinite(found[:, taxon]).all()
    ]
    table = pd.DataFrame(each)
    table["peak_shift"] = table["peak_shift"].abs()
    means = table.mean().to_dict()
    means["bias"] = float(table["bias"].abs().mean())
    return means | {"taxa": len(table) / true.shape[1]}


def seasons(repeats: int, sharpened: float) -> pd.DataFrame:
    """Errors of each method over repeated seasons, each with a classifier of its own."""
    rows = []
    for repeat in range(repeats):
        rng = np.random.default_rng((1, repeat))
        classifier, mean = Classifier.some(rng, sharpened), season(rng)
        labels = np.repeat(np.arange(TAXA), HELD_OUT)
        known = Known(classifier.scores(labels, rng), labels)
        counts = rng.poisson(mean)
        samples = [classifier.scores(np.repeat(np.arange(TAXA), n), rng) for n in counts]
        even = np.full(TAXA, 1 / TAXA)
        ways = estimators(known, even) | {"EM, calibrated": em_calibrated(known, even)}
        for name, way in ways.items():
            found = np.array([way(scores) for scores in samples])
            dissimilar = np.nanmean(bray_curtis(counts, np.nan_to_num(found)))
            errors = errors_of(mean[:, 1:], found[:, 1:], step=365 / TIMES)
            rows.append({"method": name, **errors, "bray_curtis": dissimilar})
    return pd.DataFrame(rows).groupby("method", sort=False).mean()


# ----------------------------------------------------------------------------------- real vignettes
@dataclass(frozen=True)
class Vignettes:
    """Scores and true taxa of vignettes that a model did not learn from, taxa joined."""

    name: str
    scores: np.ndarray
    labels: np.ndarray
    validation: np.ndarray
    prior: np.ndarray
    accuracy: float


def vignettes(folder: Path, cache: Path) -> Vignettes:
    """Train a model, if there is none, and read its record."""
    from seston import learn
    from seston.config import Training
    from seston.learn.judging.held_out import load_held_out

    model = cache / folder.name
    if not model.exists():
        learn.train(folder, model, Training(fine_tune=False, image_size=96))
    card = learn.load_card(model)
    record = load_held_out(model, card)
    number = np.bincount(record.labels, minlength=len(card.taxa))
    joined = _joined(card.taxa, number)
    taxa = int(joined.max()) + 1
    member = np.eye(taxa)[joined]
    scores, labels = record.scores.astype(float) @ member, joined[record.labels]
    prior = np.asarray(card.training["effective_prior"]) @ member
    accuracy = float((scores.argmax(axis=1) == labels).mean())
    return Vignettes(folder.name, scores, labels, record.parts == 1, prior, accuracy)


def _joined(taxa: tuple[str, ...], number: np.ndarray) -> np.ndarray:
    """Give the joined taxon of each; those that stay too small are the last, `other`."""
    if number.min() >= SMALLEST_POOL / 3:
        return np.arange(len(taxa))
    heads = pd.Series([taxon.split("_")[0] for taxon in taxa])
    size = pd.Series(number).groupby(heads).sum()
    large = list(size.index[size >= SMALLEST_POOL])
    return np.array([large.index(h) if h in large else len(large) for h in heads])


def shares_of(rng: np.random.Generator, taxa: int) -> np.ndarray:
    """Shares over two decades: each taxon's logarithm is uniform."""
    shares = 10 ** rng.uniform(-2, 0, taxa)
    return shares / shares.sum()


def resampled(data: Vignettes, samples: int) -> pd.DataFrame:
    """Errors of each method over samples drawn from the test part, calibrated on validation."""
    rng = np.random.default_rng(2)
    taxa = data.scores.shape[1]
    ways = estimators(Known(data.scores[data.validation], data.labels[data.validation]), data.prior)
    pools = [np.flatnonzero(~data.validation & (data.labels == taxon)) for taxon in range(taxa)]
    counts = np.array([rng.multinomial(SAMPLE, shares_of(rng, taxa)) for _ in range(samples)])
    found: dict[str, list[np.ndarray]] = {name: [] for name in ways}
    for numbers in counts:
        rows = [rng.choice(pool, n) for pool, n in zip(pools, numbers, strict=True)]
        scores = data.scores[np.concatenate(rows)]
        for name, way in ways.items():
            found[name].append(way(scores))
    rows = []
    for name, series in found.items():
        table = np.array(series)
        dissimilar = np.nanmean(bray_curtis(counts, np.nan_to_num(table)))
        rows.append({"method": name, **errors_of(counts, table, 1.0), "bray_curtis": dissimilar})
    return pd.DataFrame(rows).set_index("method").drop(columns="peak_shift")


# ----------------------------------------------------------------------------------------- coverage
@dataclass(frozen=True)
class Trial:
    """Numbers that were named in samples, their true means, and what is known of the errors."""

    named: np.ndarray
    mean: np.ndarray
    known: Known


def ours(trial: Trial) -> tuple[np.ndarray, np.ndarray]:
    responses = abundance.named(trial.known.scores)
    rates = abundance.rate_draws(responses, trial.known.labels)
    return abundance.adjusted_limits(trial.named, trial.named, rates)


def counting_only(trial: Trial) -> tuple[np.ndarray, np.ndarray]:
    return poisson_interval(trial.named)


def plain_bootstrap(trial: Trial) -> tuple[np.ndarray, np.ndarray]:
    """Quantiles of ACC on counts and held-out objects that are drawn again."""
    rng = np.random.default_rng(3)
    responses, labels = abundance.named(trial.known.scores), trial.known.labels
    draws = []
    for _ in range(BOOTSTRAPS):
        again = rng.integers(0, len(labels), len(labels))
        rates = ErrorRates.fit(responses[again], labels[again]).rates
        draws.append(abundance.adjusted_counts(rng.poisson(trial.named), rates))
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    return low, high


WAYS = {"joined errors (ours)": ours, "plain bootstrap of ACC": plain_bootstrap,
        "Poisson of what was named": counting_only}  # fmt: skip


def season_trials(repeats: int) -> list[Trial]:
    trials = []
    for repeat in range(repeats):
        rng = np.random.default_rng((4, repeat))
        classifier = Classifier.some(rng)
        labels = np.repeat(np.arange(TAXA), HELD_OUT)
        known = Known(classifier.scores(labels, rng), labels)
        mean = season(rng)[:: TIMES // 8] / rng.choice([1, 10, 100])
        samples = [rng.poisson(row) for row in mean]
        named = [
            np.bincount(classifier.scores(np.repeat(np.arange(TAXA), n), rng).argmax(axis=1),
                        minlength=TAXA) if n.sum() else np.zeros(TAXA)
            for n in samples
        ]  # fmt: skip
        trials.append(Trial(np.array(named, float), mean, known))
    return trials


def vignette_trials(data: Vignettes, repeats: int) -> list[Trial]:
    """Each trial parts the held-out vignettes anew, and draws one sample without repeats."""
    taxa, trials = data.scores.shape[1], []
    pools = [np.flatnonzero(data.labels == taxon) for taxon in range(taxa)]
    smallest = min(len(pool) for pool in pools) // 2
    for repeat in range(repeats):
        rng = np.random.default_rng((5, repeat))
        halves = [np.array_split(rng.permutation(pool), 2) for pool in pools]
        rows = np.concatenate([first for first, _ in halves])
        mean = shares_of(rng, taxa)
        mean = mean / mean.max() * smallest / 1.5
        numbers = [min(n, len(h[1])) for n, h in zip(rng.poisson(mean), halves, strict=True)]
        drawn = np.concatenate([h[1][:n] for n, h in zip(numbers, halves, strict=True)])
        named = np.bincount(data.scores[drawn].argmax(axis=1), minlength=taxa)
        known = Known(data.scores[rows], data.labels[rows])
        trials.append(Trial(named[None].astype(float), mean[None], known))
    return trials


def coverage(trials: list[Trial], ways: dict[str, Callable] = WAYS) -> pd.DataFrame:
    """Share of intervals that hold the true mean, by its size; and their typical width."""
    rows = []
    for name, way in ways.items():
        limits = [way(trial) for trial in trials]
        mean = np.concatenate([trial.mean.ravel() for trial in trials])
        low, high = (np.concatenate([one[side].ravel() for one in limits]) for side in (0, 1))
        inside, level = (low <= mean) & (mean <= high), np.digitize(mean, LEVELS[1:-1])
        parts = {_level(i): inside[level == i].mean() for i in range(4) if (level == i).any()}
        width = np.median((high - low)[mean >= 1])
        rows.append({"interval": name, "all": inside.mean(), **parts, "width": width})
    return pd.DataFrame(rows).set_index("interval")


def _level(i: int) -> str:
    low, high = LEVELS[i : i + 2]
    return f"{low:g} or more" if np.isinf(high) else f"{low:g} to {high:g}"


# ------------------------------------------------------------------------------------------- layers
def layers(repeats: int) -> pd.DataFrame:
    """RMSE of ln(1 + n) over the bins of casts, by objects in a bin."""
    rows = []
    for repeat in range(repeats):
        rng = np.random.default_rng((7, repeat))
        classifier = Classifier.some(rng)
        labels = np.repeat(np.arange(TAXA), HELD_OUT)
        known = Known(classifier.scores(labels, rng), labels)
        for number in (20, 200, 3000):
            mean = _layered(rng, number)
            samples = [
                classifier.scores(np.repeat(np.arange(TAXA), rng.poisson(row)), rng) for row in mean
            ]
            found = {name: np.array(way) for name, way in _in_bins(samples, known).items()}
            errors = {
                name: np.sqrt(((np.log1p(table) - np.log1p(mean))[:, 1:] ** 2).mean())
                for name, table in found.items()
            }
            rows.append({"objects a bin": number, **errors})
    return pd.DataFrame(rows).groupby("objects a bin").mean()


def _layered(rng: np.random.Generator, number: int) -> np.ndarray:
    """Mean numbers (bin, taxon): detritus everywhere, each other taxon in a layer of its own."""
    depth = np.arange(BINS)[:, None]
    middle, thickness = rng.uniform(0, BINS, TAXA), rng.uniform(1.5, 6, TAXA)
    mean = np.exp(-(((depth - middle) / thickness) ** 2) / 2) * 0.3 * np.geomspace(1, 1e-3, TAXA)
    mean[:, 0] = 1.0
    return number * mean / mean.sum(axis=1, keepdims=True)


def _in_bins(samples: list[np.ndarray], known: Known) -> dict[str, list[np.ndarray]]:
    even = np.full(TAXA, 1 / TAXA)
    whole = saerens(np.concatenate(samples), even)
    held = 30 * np.maximum(whole, 1e-12)
    named = np.array([abundance.named(scores).sum(axis=0) for scores in samples])
    return {
        "CC": list(named),
        "ACC": list(abundance.adjusted_counts(named, known.rates.rates)),
        "EM of the cast": [turned(s, even, whole).sum(axis=0) for s in samples],
        "EM of the bin": [len(s) * saerens(s, even) if len(s) else 0 * even for s in samples],
        "EM, held to the cast": [
            turned(s, even, saerens(s, even, believed=held)).sum(axis=0) for s in samples
        ],
    }


# -------------------------------------------------------------------------------------------- speed
def speed(bins: int, taxa: int = 100) -> dict[str, float]:
    """Seconds of the two parts that look at every bin."""
    rng = np.random.default_rng(6)
    labels = np.repeat(np.arange(taxa), 50)
    wrong = rng.uniform(size=len(labels)) < 0.2
    responses = np.eye(taxa)[np.where(wrong, rng.integers(0, taxa, len(labels)), labels)]
    mean = np.geomspace(1, 1e-4, taxa) * rng.choice([3, 50, 2000], bins)[:, None]
    counts = rng.poisson(mean).astype(float)
    started = time.process_time()
    abundance.adjusted_counts(counts, ErrorRates.fit(responses, labels).rates)
    solved = time.process_time()
    abundance.adjusted_limits(counts, counts, abundance.rate_draws(responses, labels))
    return {"numbers_s": solved - started, "limits_s": time.process_time() - solved}


# ------------------------------------------------------------------------------------------- figure
def draw(path: Path) -> None:
    """One taxon of one season: what there was, what was named, what is made of it."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    from seston.plot.style import BLUE, GREY, INK, STYLE, VERMILION

    rng = np.random.default_rng((1, 0))
    classifier, mean = Classifier.some(rng), season(rng)
    labels = np.repeat(np.arange(TAXA), HELD_OUT)
    known = Known(classifier.scores(labels, rng), labels)
    samples = [classifier.scores(np.repeat(np.arange(TAXA), rng.poisson(row)), rng) for row in mean]
    named = np.array([abundance.named(scores).sum(axis=0) for scores in samples])
    low, high = ours(Trial(named, mean, known))
    acc = abundance.adjusted_counts(named, known.rates.rates)
    em = np.array([len(s) * METHODS["EM"](s, known.rates) for s in samples])
    taxon = 1 + int(np.argsort(named[:, 1:].min(axis=0))[(TAXA - 1) // 2])  # of middling errors
    with plt.rc_context({**STYLE, "svg.fonttype": "none"}):
        figure, axes = plt.subplots(figsize=(7.2, 3.2), layout="constrained")
        weeks = np.arange(TIMES) * 52 / TIMES
        axes.fill_between(weeks, low[:, taxon], high[:, taxon], color=BLUE, alpha=0.18, lw=0,
                          label="95 % interval")  # fmt: skip
        axes.plot(weeks, named[:, taxon], color=VERMILION, lw=1.2, label="named by the classifier")
        axes.plot(weeks, acc[:, taxon], color=BLUE, lw=0.9, label="adjusted")
        axes.plot(weeks, em[:, taxon], color=GREY, lw=0.9, label="EM")
        axes.plot(weeks, mean[:, taxon], color=INK, lw=1.6, ls="--", label="true")
        axes.set(xlabel="week", ylabel="organisms in a sample of 5,000 objects", yscale="symlog")
        axes.set_ylim(0, None)
        figure.legend(ncols=5, loc="outside upper left")
        figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few repeats, no real vignettes")
    parser.add_argument("--data", type=Path, default=_data(), help="folder that holds `vignettes`")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "seston-models")
    parser.add_argument("--figure", type=Path, help="draw one season into this file, and stop")
    said = parser.parse_args()
    if said.figure:
        draw(said.figure)
        return
    pd.set_option("display.width", 200)
    found: dict[str, float] = {}
    for name, sharpened in (("calibrated", 1.0), ("too sure", TOO_SURE)):
        table = seasons(2 if said.quick else 10, sharpened)
        show(f"Simulated seasons, scores {name}: errors of the series", table)
        found |= _facts(f"season_{name.replace(' ', '_')}", table)
    held = coverage(season_trials(8 if said.quick else 100))
    show("Simulated samples: 95 % intervals that hold the truth, by the true number", held)
    found["coverage_season"] = float(held.loc["joined errors (ours)", "all"])
    if not said.quick:
        found |= real(said.data / "vignettes", said.cache)
    show("Casts with layers: RMSE of ln(1 + n) of bins", layers(2 if said.quick else 10))
    bins = 500 if said.quick else 10_000
    taken = speed(bins)
    print(f"\n{bins} bins of 100 taxa, one core: numbers {taken['numbers_s']:.1f} s, "
          f"limits {taken['limits_s']:.1f} s")  # fmt: skip
    found |= {f"{name}_per_1000_bins": s * 1000 / bins for name, s in taken.items()}
    print(json.dumps({name: round(value, 4) for name, value in found.items()}))


def real(folder: Path, cache: Path) -> dict[str, float]:
    """All of the real vignettes."""
    found: dict[str, float] = {}
    for name in ("isiis_ndsb", "zooscan_crustacea"):
        if not (folder / name).exists():
            print(f"\n{name}: not there (--data)")
            continue
        cache.mkdir(parents=True, exist_ok=True)
        data = vignettes(folder / name, cache)
        table = resampled(data, SAMPLES)
        title = f"{name}: {data.scores.shape[1]} taxa, {len(data.labels)} vignettes held out"
        show(f"{title}, accuracy {data.accuracy:.3f}; errors over {SAMPLES} samples", table)
        held = coverage(vignette_trials(data, SAMPLES))
        show(f"{name}: 95 % intervals that hold the truth", held)
        found |= _facts(name, table)
        found[f"coverage_{name}"] = float(held.loc["joined errors (ours)", "all"])
    return found


def _data() -> Path:
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("SESTON_DATA", beside))


def _facts(prefix: str, table: pd.DataFrame) -> dict[str, float]:
    return {f"{prefix}_{m}_rmse_log1p": float(table.loc[m, "rmse_log1p"]) for m in table.index}


def show(title: str, table: pd.DataFrame) -> None:
    print(f"\n{title}\n{table.round(3).to_string()}", flush=True)


if __name__ == "__main__":
    main()
