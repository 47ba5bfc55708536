"""Chapter 2's exercises: wrong answers get the message meant for them, right ones pass."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.neighbors import KNeighborsRegressor

from d2lmini import bandwidth, data
from d2lmini.attention import nadaraya_watson
from d2lmini.exercise_checks import EXERCISES, chapter_2, judge

HAND = {"weights": [8 / 25, 16 / 25, 1 / 25], "estimate": 8.4}
CLAIMS = {"a": False, "b": True, "c": False, "d": True, "e": False, "f": True}
POINTS = {name: errors.mean() for name, errors in chapter_2._errors().items()}
POINTS |= {"limit": chapter_2.limit()} | CLAIMS


def smoother(score=None, shift=None, axis=1):
    """A Gaussian smoother in the reader's manner, with what can go wrong in it."""
    score = score or (lambda d, sigma: -(d**2) / 2 / sigma**2)

    def smooth(queries, keys, values, sigma):
        scores = score(np.subtract.outer(queries, keys), sigma)
        votes = np.exp(scores - (shift(scores) if shift else 0))
        weights = votes / votes.sum(axis=axis, keepdims=True)
        return weights @ values, weights

    return smooth


def by_row(scores):
    return scores.max(1)[:, None]


def patched(mend):
    def smooth(queries, keys, values, sigma):
        weights = mend(np.exp(-(np.subtract.outer(queries, keys) ** 2) / 2 / sigma**2))
        return weights @ values, weights

    return smooth


def or_uniform(votes):
    shares = votes / votes.sum(1, keepdims=True)
    return np.where(np.isnan(shares), 1 / votes.shape[1], shares)


def repeated_index(queries, keys, values, sigma):
    votes = np.exp(-(np.subtract.outer(queries, keys) ** 2) / 2)
    weights = votes / (len(keys) * votes)
    weights = np.full(votes.shape, 1 / len(keys))
    return weights @ values, weights


def linear(queries, keys, values, sigma):
    scores = -(np.subtract.outer(queries, keys) ** 2) / 2 / sigma**2
    weights = scores / scores.sum(1)[:, None]
    return weights @ values, weights


def loop(queries, keys, values, sigma):
    weights = np.array([softmax([-((q - k) ** 2) / 2 / sigma**2 for k in keys]) for q in queries])
    return [float(row @ values) for row in weights], weights.tolist()


def neighbours(queries, keys, k, later=False, far=False, share=None, signed=False):
    """Each query sorts its keys, by distance and then by place."""
    rows = []
    for q in queries:

        def rank(j, q=q):
            distance = keys[j] - q if signed else abs(keys[j] - q)
            return (-distance if far else distance, -j if later else j)

        voters = sorted(range(len(keys)), key=rank)[:k]
        rows.append([(share or 1 / k) if j in voters else 0.0 for j in range(len(keys))])
    return np.array(rows)


def numbers_as_ranks(queries, keys, k):
    return (np.argsort(abs(queries[:, None] - keys), axis=1) < k) / k


def within_kth(queries, keys, k, share=False):
    distances = abs(queries[:, None] - keys)
    voters = distances <= np.sort(distances, 1)[:, [k - 1]]
    return voters / voters.sum(1)[:, None] if share else voters / k


def searched(values, votes):
    return tuple(
        minimize_scalar(
            lambda c: np.sum(votes * abs(values - c) ** p),  # noqa: B023
            bounds=(values.min(), values.max()),
            method="bounded",
            options={"xatol": 1e-9},
        ).x
        for p in (2, 1)
    )


def crowd(values, votes):
    """The weighted median as the plain median of a crowd, each vote worth many people."""
    people = np.repeat(values, np.round(1000 * votes).astype(int))
    return np.average(values, weights=votes), np.median(people)


def mean_and(second):
    return lambda values, votes: (np.average(values, weights=votes), second(values, votes))


def _half(values, votes):
    return values[np.argmax(np.cumsum(votes) >= votes.sum() / 2)]


def unstable(queries, keys, k, first=0):
    order = np.argsort(abs(queries[:, None] - keys), axis=1)
    chosen = order[:, -k:] if first is None else order[:, first : first + k]
    return np.array([[(j in row) / k for j in range(len(keys))] for row in chosen])


_TIED = np.abs(np.array(chapter_2._PAIRED) - 10.0)
#: Whether NumPy's default sort mixes up the ties of the check's last case on this machine.
MIXES_TIES = not np.array_equal(np.argsort(_TIED)[:9], np.argsort(_TIED, kind="stable")[:9])


def until_half_of_one(values, votes):
    pairs, running = sorted(zip(values, votes, strict=True)), 0
    for value, vote in pairs:
        running += vote
        if running >= 0.5:
            return value
    return pairs[0][0]


def place_of_half(values, votes):
    order = np.argsort(values)
    return int(np.argmax(votes[order].cumsum() >= votes.sum() / 2))


def interpolated(values, votes):
    order = np.argsort(values)
    return np.interp(0.5, votes[order].cumsum() / votes.sum(), values[order])


WRONG = {
    "weights_by_hand": [
        (HAND | {"weights": [0.5, 1, 0.0625]}, "these are the votes"),
        (HAND | {"weights": np.array([0.25, 1, 1 / 256]) / (1.25 + 1 / 256)}, "½"),
        (HAND | {"weights": [2 / 7, 4 / 7, 1 / 7]}, "four halvings"),
        (HAND | {"weights": softmax([-0.5, 0, -2])}, "σ = 1"),
        (HAND | {"weights": softmax(-np.array([1, 0, 4]) / 2 / 0.8493)}, "divides by σ²"),
        (HAND | {"weights": [1 / 3] * 3}, "x_j belongs"),
        (HAND | {"weights": [0.2, 0, 0.8]}, "farthest key counts most"),
        (HAND | {"weights": [0.64, 0.32, 0.04]}, "order is that of the keys"),
        (HAND | {"estimate": 0.32 * 2 + 0.64 * 3 + 0.04 * 5}, "mean of the keys"),
        (HAND | {"estimate": 65 / 3}, "plain mean"),
        (HAND | {"estimate": 8.4 * 25 / 16}, "before they were divided"),
        (HAND | {"weights": [..., ..., ...]}, "Still open: weights"),
        (HAND | {"weights": [0.32, 0.64, None]}, "entry 2 is None"),
        (HAND | {"weights": softmax(-np.array([1, 0, 4]) * 0.5 * (2 * np.log(2)) ** 2)}, "root"),
        (HAND | {"weights": [1 / 3, 2 / 3, 0]}, "small is not nothing"),
        (HAND | {"estimate": 8.4 / 3}, "by 3 once more"),
    ],
    "neighbour_votes": [
        (lambda **case: neighbours(**case, share=1.0), "sum to"),
        (lambda queries, keys, k: neighbours(queries, keys, k, share=1 / len(keys)), "1/n"),
        (numbers_as_ranks, "numbers of the voters"),
        (lambda **case: neighbours(**case, later=True), "comes first"),
        (lambda **case: within_kth(**case, share=True), "both have a vote"),
        (within_kth, "sums to more than 1"),
        (lambda **case: neighbours(**case, signed=True), "left of the query"),
        (lambda **case: neighbours(**case, signed=True, far=True), "right of the query"),
        (lambda **case: neighbours(**case, far=True), "farthest"),
        (lambda queries, keys, k: neighbours(keys, queries, k).T, "picks its k nearest queries"),
        *([(unstable, "argument `kind`")] if MIXES_TIES else []),
        (lambda **case: unstable(**case, first=1), "left out"),
        (lambda **case: unstable(**case, first=None), "farthest"),
        (lambda queries, keys, k: neighbours(queries, np.sort(keys), k), "other columns"),
        (lambda queries, keys, k: (k == 1) * neighbours(queries, keys, k), "cuts 1/k off"),
    ],
    "stable_smoother": [
        (smoother(), "0/0 is NaN"),
        (smoother(lambda d, sigma: -(d**2) / 2 / sigma, by_row), "divided by σ"),
        (smoother(lambda d, sigma: -(d**2) / 2 / sigma), "divided by σ"),
        (smoother(lambda d, sigma: -((d / sigma) ** 2), by_row), "½"),
        (smoother(lambda d, sigma: -((d * sigma) ** 2) / 2, by_row), "multiplied by σ"),
        (smoother(lambda d, sigma: -(d**2) / 2, by_row), "σ has no part"),
        (smoother(lambda d, sigma: -abs(d) / sigma, by_row), "distance itself"),
        (smoother(lambda d, sigma: (d / sigma) ** 2 / 2, by_row), "minus sign"),
        (smoother(shift=np.max), "its own maximum"),
        (smoother(shift=lambda scores: scores.max(0)), "largest score of each column"),
        (smoother(shift=np.max, axis=None), "All weights together"),
        (smoother(lambda d, sigma: -d / sigma**2 / 2, by_row), "square is missing"),
        (smoother(axis=0), "axis 1"),
        (smoother(shift=by_row, axis=0), "axis 1"),
        (smoother(shift=lambda scores: scores.max(0), axis=0), "axis 1"),
        (patched(lambda votes: np.nan_to_num(votes / votes.sum(1)[:, None])), "covered up"),
        (patched(lambda votes: votes / (votes.sum(1)[:, None] + 1e-12)), "covered up"),
        (patched(or_uniform), "give every key 1/n"),
        (linear, "exponential is missing"),
        (repeated_index, "x_j, not repeat"),
        (lambda **case: np.array(loop(**case)[0]), "return 2: estimates, weights"),
    ],
    "local_constants": [
        (lambda values, votes: (np.mean(values), np.median(values)), "no part"),
        (lambda **case: crowd(**case)[::-1], "exchanged"),
        (lambda values, votes: (values @ votes, crowd(values, votes)[1]), "nobody says"),
        (lambda values, votes: (np.mean(values * votes), crowd(values, votes)[1]), "number"),
        (mean_and(lambda values, votes: np.median(values)), "five votes"),
        (mean_and(lambda values, votes: np.median(values * votes)), "do not multiply"),
        (mean_and(lambda values, votes: _half(np.sort(values), np.sort(votes))), "lost their"),
        (mean_and(lambda values, votes: _half(np.sort(values), votes)), "lost their"),
        (mean_and(_half), "ascending"),
        (mean_and(lambda values, votes: values[votes.argmax()]), "most votes"),
        (mean_and(until_half_of_one), "half of what"),
        (mean_and(lambda values, votes: place_of_half(values, votes)), "a place in the sorted"),
        (mean_and(interpolated), "by interpolation"),
    ],
    "more_points": [
        (POINTS | {"n40": POINTS["n40"] + 1}, "n40: .*new observations"),
        (POINTS | {"n400": np.sqrt(POINTS["n400"])}, "root"),
        (POINTS | {"n4000": 10 * POINTS["n4000"]}, "sum over the ten"),
        (POINTS | {"n40": 0.430307}, "σ = 1"),
        (POINTS | {"n40": chapter_2._errors()["n40"][0]}, "seed 0"),
        (POINTS | {"n40": chapter_2.squared_errors(40, seeds=range(1, 11)).mean()}, "1 to 10"),
        (POINTS | {"limit": 0.0836}, "some scatter of the keys"),
        (POINTS | {"limit": 0}, "tend to"),
        (POINTS | {"limit": POINTS["n4000"]}, "some noise is left"),
        (POINTS | {"limit": 1.0}, "noise variance"),
        (POINTS | {"a": True}, "1 of the 6.*numbers are right"),
        (POINTS | {"a": True, "b": False}, "2 of the 6"),
        (POINTS | {"f": ...}, "Still open: f"),
        (POINTS | {"limit": ...}, "Still open: limit"),
        ({"n40": 1}, "must be a dict with n40"),
    ],
}
RIGHT = {
    "weights_by_hand": [HAND, HAND | {"weights": (0.32, 0.64, 0.04)}],
    "neighbour_votes": [neighbours],
    "stable_smoother": [loop, smoother(shift=by_row)],
    "local_constants": [searched],
    "more_points": [POINTS],
}


def test_the_weights_by_hand_are_the_librarys():
    sigma = 1 / np.sqrt(2 * np.log(2))
    estimate, weights = nadaraya_watson([3.0], [2.0, 3, 5], [10.0, 5, 50], sigma=sigma)
    np.testing.assert_allclose(weights[0], HAND["weights"])
    assert estimate[0] == pytest.approx(HAND["estimate"])


def test_neighbour_votes_are_scikit_learns():
    rng = np.random.default_rng(3)
    queries, keys, values = rng.random(20), rng.random(30), rng.normal(size=30)
    for k in (1, 4, 30):
        theirs = KNeighborsRegressor(k).fit(keys[:, None], values).predict(queries[:, None])
        votes = EXERCISES["neighbour_votes"].reference(queries, keys, k)
        np.testing.assert_allclose(votes @ values, theirs)


def test_the_weighted_median_is_that_of_a_crowd():
    for case in EXERCISES["local_constants"].cases:
        case = EXERCISES["local_constants"].arguments(case)
        assert EXERCISES["local_constants"].reference(**case) == pytest.approx(crowd(**case))


def test_the_limit_is_an_integral():
    """By quadrature on a fine grid of another kind; a reader's coarser or random keys pass too."""
    sample = data.sine_linear()
    x = np.linspace(0, 5, 20_001)
    votes = np.exp(-(((sample.queries[:, None] - x) / 0.5) ** 2) / 2)
    smooth = np.trapezoid(votes * (2 * np.sin(x) + x), x) / np.trapezoid(votes, x)
    error = np.mean((smooth - sample.truth) ** 2)
    assert chapter_2.limit() == pytest.approx(error, rel=1e-4)
    for keys in (np.linspace(0, 5, 2000), np.arange(0, 5, 0.001)):
        smooth = nadaraya_watson(sample.queries, keys, sample.f(keys), sigma=0.5)[0]
        limit = np.mean((smooth - sample.truth) ** 2)
        assert judge(EXERCISES["more_points"], POINTS | {"limit": limit}).passed


def test_the_claims_about_more_points_are_facts():
    parts = {}
    for n in chapter_2.SIZES.values():
        draws = [data.sine_linear(n=n, seed=seed) for seed in chapter_2.SEEDS]
        both = [bandwidth.bias_variance(d.f, d.keys, 1.0, d.queries, 0.5) for d in draws]
        parts[n] = np.mean(both, axis=(0, 2))
    bias, variance = np.array(list(parts.values())).T
    assert np.allclose(variance[:-1] / variance[1:], 10, rtol=0.1)  # b
    assert np.ptp(bias) < 0.2 * bias.min()  # b
    assert POINTS["n4000"] > POINTS["limit"] > 0.08  # a
    assert bias[-1] > 100 * variance[-1]  # c
    narrow = {n: chapter_2.squared_errors(n, 0.1).mean() for n in (40, 4000)}
    assert narrow[40] > POINTS["n40"] and narrow[4000] < POINTS["n4000"]  # d
    assert chapter_2.limit(1.0) > 4 * chapter_2.limit(0.5)  # f
