"""Chapter 1's exercises: wrong answers get the message meant for them, right ones pass."""

import re

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from d2lmini import data
from d2lmini.exercise_checks import EXERCISES, chapter_1, judge

BEST = {"squared": 9, "absolute": 4, "extra": 25}
CLAIMS = {"a": True, "b": False, "c": True, "d": False, "e": True, "f": False, "g": False}
BASE = chapter_1.baseline()
SAMPLE = data.sine_power(n=50, noise_sd=0.5, seed=chapter_1.SEED)
NEW_AT_KEYS = np.mean((SAMPLE.values.mean() - SAMPLE.f(SAMPLE.keys)) ** 2) + 0.25


def pooled(queries, keys, values, share=None, of=None, m=None, summed=False):
    """Average pooling with loops, and with what can go wrong."""
    n = m or len(keys)
    rows = [[(share or 1 / n) for _ in keys] for _ in queries]
    chosen = values if of is None else of
    factor = len(keys) if summed else 1
    return [factor * sum(chosen) / len(chosen) for _ in queries], rows


def softmax(weights):
    return np.exp(weights) / np.exp(weights).sum()


def whole_numbers(queries, keys, values):
    weights = np.zeros((len(queries), len(keys)), dtype=int)
    weights[:] = 1 / len(keys)
    return weights @ values, weights


WRONG = {
    "weighted_average": [
        (lambda values, weights: sum(weights * values), "weighted sum"),
        (lambda values, weights: (weights * values).mean(), "number of values"),
        (lambda values, weights: values.mean(), "plain mean"),
        (lambda values, weights: weights @ values / values.sum(), "mean of the weights"),
        (lambda values, weights: weights * values / weights.sum(), "single number"),
        (lambda values, weights: weights @ values // weights.sum(), "decimals are cut off"),
        (lambda values, weights: (values * weights / weights).sum(), "sum of the values"),
        (lambda values, weights: softmax(weights) @ values, "exponential of the weights"),
        (lambda values, weights: values[0] * weights[0] / weights.sum(), "inside the loop"),
        (lambda values, weights: print(weights @ values / weights.sum()), "prints something"),
        (lambda values, weights: (np.average(values, weights=weights), weights), "return it alone"),
    ],
    "average_pooling": [
        (
            lambda queries, keys, values: (
                np.full(len(queries), values.sum() / len(queries)),
                np.full((len(queries), len(keys)), 1 / len(queries)),
            ),
            "Every weight is 1/m",
        ),
        (lambda queries, keys, values: pooled(queries, keys, values, m=len(queries)), "1/m each"),
        (
            lambda queries, keys, values: pooled(queries, keys, values, share=1.0, summed=True),
            "sum of the values",
        ),
        (lambda queries, keys, values: pooled(queries, keys, values, of=keys), "mean of the keys"),
        (
            lambda queries, keys, values: (queries, pooled(queries, keys, values)[1]),
            "queries themselves",
        ),
        (lambda queries, keys, values: values.mean(), "estimates, weights"),
        (whole_numbers, "cut off to a whole number"),
        (
            lambda queries, keys, values: (
                np.eye(len(queries), len(keys)) @ values,
                np.eye(len(queries), len(keys)),
            ),
            "the value of one key",
        ),
        (
            lambda queries, keys, values: (
                pooled(queries, keys, values)[0],
                np.full((len(keys), len(queries)), 1 / len(keys)),
            ),
            "transposed",
        ),
    ],
    "best_constants": [
        ({"squared": 4, "absolute": 9, "extra": 25}, "squared: 4 minimises the other"),
        (BEST | {"absolute": 9}, "four waits lie below"),
        (BEST | {"absolute": 2}, "in order first"),
        (BEST | {"squared": 16.5}, "largest error"),
        (BEST | {"extra": 5}, "distance between"),
        (BEST | {"extra": 125}, "their mean"),
        (BEST | {"extra": -25}, "below the smallest"),
        (BEST | {"extra": 147}, "whole loss"),
        (BEST | {"extra": 22}, "^extra: the result is 22, which is too small"),
        (BEST | {"extra": ...}, "Still open: extra"),
        (BEST | {"squared": 11.25}, "How many waits"),
        (BEST | {"absolute": 3}, "above it lie three"),
        (BEST | {"extra": 0}, "both constants are the same"),
        ({"squared": 9, "absolute": 4}, "Missing: extra"),
        (BEST | {"Extra": 25}, "Not asked for: Extra"),
        ((9, 4, 25), "dict with the entries squared"),
    ],
    "baseline_errors": [
        (BASE | {"truth": 0.88903}, "chapter's data"),
        (BASE | {"truth": 50 * BASE["truth"]}, "sum over the 50"),
        (BASE | {"new": NEW_AT_KEYS}, "observations at the keys"),
        (BASE | {"noisier": BASE["truth"] + 1.25}, "both noises"),
        (BASE | {"truth": np.mean((SAMPLE.values.mean() - SAMPLE.values) ** 2)}, "50 values"),
        (BASE | {"truth": np.sqrt(BASE["truth"])}, "root"),
        (BASE | {"new": BASE["truth"]}, "noise of their own"),
        (BASE | {"new": BASE["truth"] + 0.5}, "itself a square"),
        (BASE | {"new": np.var(SAMPLE.values)}, "old values"),
        (BASE | {"noisier": BASE["truth"] + 0.5}, "doubled too"),
        (BASE | {"least": 0}, "foresees"),
        (BASE | {"least": 0.5}, "noise sd"),
        (BASE | {"least": SAMPLE.truth.var()}, "for a constant"),
    ],
    "two_means": [
        (CLAIMS | {"b": True}, "1 of the 7.*at a single x"),
        (CLAIMS | {"d": True, "f": True}, "2 of the 7"),
        ({k: not v for k, v in CLAIMS.items()}, "7 of the 7"),
        (CLAIMS | {"g": ...}, "Still open: g"),
    ],
}
RIGHT = {
    "weighted_average": [
        lambda values, weights: np.average(values, weights=weights),
        lambda values, weights: sum(
            v * w / sum(weights) for v, w in zip(values, weights, strict=True)
        ),
    ],
    "average_pooling": [pooled],
    "best_constants": [BEST, {k: np.float64(v) for k, v in BEST.items()}],
    "baseline_errors": [BASE],
    "two_means": [CLAIMS],
}


def test_no_message_about_a_part_tells_its_value():
    """Other than the wrong value that was given."""
    for part, right in BEST.items():
        said = judge(EXERCISES["best_constants"], BEST | {part: 1000}).message
        assert not re.search(rf"\b{right}\b", said), said


def test_the_best_constants_are_found_by_search():
    waits = np.array(chapter_1.WAITS)
    squared = minimize_scalar(lambda c: np.mean((waits - c) ** 2))
    absolute = minimize_scalar(lambda c: np.mean(abs(waits - c)), bounds=(2, 31), method="bounded")
    extra = np.mean((waits - absolute.x) ** 2) - squared.fun
    found = {"squared": squared.x, "absolute": absolute.x, "extra": extra}
    for part, value in found.items():
        assert value == pytest.approx(BEST[part], abs=1e-3)


def test_the_baseline_is_what_a_simulation_gives():
    """A reader's own simulation, of the size that the text asks for, passes."""
    answer, truth = SAMPLE.values.mean(), SAMPLE.truth
    for seed in range(5):
        noise = np.random.default_rng(seed).standard_normal((20_000, 50))
        simulated = {
            "truth": np.mean((answer - truth) ** 2),
            "new": np.mean((answer - truth - noise / 2) ** 2),
            "noisier": np.mean((answer - truth - noise) ** 2),
            "least": np.mean((noise / 2) ** 2),
        }
        result = judge(EXERCISES["baseline_errors"], simulated)
        assert result.passed, result.message


def test_the_claims_about_two_means_are_facts():
    many = data.sine_power(n=200_000, noise_sd=0.5, seed=1)
    at_2 = many.values[np.abs(many.keys - 2) < 0.02]
    assert at_2.mean() == pytest.approx(many.f(2), abs=0.05)  # c
    assert abs(many.values.mean() - many.f(2)) > 1  # b
    assert np.mean((many.values - many.f(many.keys)) ** 2) == pytest.approx(0.25, abs=0.01)  # d
    pool, (x, k, v) = (
        EXERCISES["average_pooling"].reference,
        np.random.default_rng(0).random((3, 4)),
    )
    np.testing.assert_allclose(pool(x, k, v)[0], pool(x, k**2, v)[0])  # e
    assert np.ptp(pool(x, k, v)[1]) == 0 < np.ptp(v)  # g
