"""Exercises of chapter 1: average pooling."""

from functools import partial

import numpy as np

from ..attention import nadaraya_watson
from ..data import sine_power
from .engine import exercises_of, slips
from .parts import judge_parts, truth_table

exercise = exercises_of(1)

SEED = 4  # of the data whose baseline the reader computes
WAITS = (5.0, 31.0, 2.0, 4.0, 3.0)

# 1.1 A weighted average --------------------------------------------------------------------------


def _weighted_average(
    values, weights, vote=np.positive, total=lambda values, votes: np.sum(votes), divide=np.divide
):
    """What a weight votes with, what is divided by, and how; all three can go wrong."""
    votes = vote(weights)
    return float(divide(np.sum(votes * values), total(values, votes)))


_AVERAGE_SLIPS = {
    "That is the weighted sum. What must the weights add up to?":
        {"total": lambda values, votes: 1.0},
    "Divided by the number of values; divide by what the weights add up to.":
        {"total": lambda values, votes: len(values)},
    "That is the plain mean: the weights have no part in it.": {"vote": np.ones_like},
    "Divided by the sum of the values: that is a mean of the weights. Which of the two is to be "
    "averaged?": {"total": lambda values, votes: np.sum(values)},
    "The decimals are cut off: // divides and drops what is left over, / does not.":
        {"divide": np.floor_divide},
    "That is the sum of the values. In a / b, a is divided by b alone: which two sums are to be "
    "divided by each other?": lambda values, weights: np.sum(weights * values / weights),
    "Only the first value has come in. Does the return stand inside the loop?":
        lambda values, weights: weights[0] * values[0] / np.sum(weights),
    "There is an exponential of the weights in it. They are weights as they stand: divide by their "
    "sum, and by nothing else.": {"vote": np.exp},
}  # fmt: skip

exercise(
    "weighted_average",
    "A weighted average",
    "implement",
    reference=_weighted_average,
    cases=[([1, 2, 6], [1, 1, 2]), ([3, -1, 0, 5], [0.2, 0, 0.3, 0.1]), ([4], [0.5])],
    draw=lambda rng: (rng.normal(size=6), rng.uniform(0.1, 2, 6)),
    mistakes=slips(_AVERAGE_SLIPS, of=_weighted_average),
)


# 1.2 Average pooling -----------------------------------------------------------------------------


def _pooled(queries, keys, values, share=lambda m, n: 1 / n, estimates=None):
    """Equal weights for m queries and n keys; the share, or the estimates, can go wrong."""
    weights = np.full((len(queries), len(keys)), share(len(queries), len(keys)))
    return weights @ values if estimates is None else estimates(queries, keys, values), weights


def _one_key_each(queries, keys, values):
    weights = np.eye(len(queries), len(keys))
    return weights @ values, weights


_POOLING_SLIPS = {
    "Every weight is 1/m. Each query divides its attention among the keys: how many are there?":
        {"share": lambda m, n: 1 / m},
    "The estimates are right, but the weights are 1/m each. They must give these estimates as "
    "weights @ values; then each row sums to 1.": {
        "share": lambda m, n: 1 / m,
        "estimates": lambda queries, keys, values: np.full(len(queries), np.mean(values)),
    },
    "Every weight is 1, so each estimate is the sum of the values. The weights of one query must "
    "sum to 1.": {"share": lambda m, n: 1.0},
    "The estimates are the mean of the keys, that is, of places. What was measured there stands in "
    "the values.":
        {"estimates": lambda queries, keys, values: np.full(len(queries), np.mean(keys))},
    "The estimates are the queries themselves. The answer is made of the values.":
        {"estimates": lambda queries, keys, values: queries},
    "All weights are 0: a share such as 1/3 was cut off to a whole number. Look for // or for an "
    "array of integers.": {"share": lambda m, n: 0.0},
    "Each query takes the value of one key. Attention that does not look spreads its weight over "
    "all of them.": _one_key_each,
}  # fmt: skip

exercise(
    "average_pooling",
    "Attention that does not look",
    "implement",
    reference=partial(nadaraya_watson, kernel="constant"),
    cases=[
        ([1, 2], [0, 3, 4], [3, 6, 0]),
        ([0.5], [0, 1, 2, 7], [4, -2, 1, 7]),
        ([5, 6, 7], [1, 2, 9], [1, 5, 3]),
    ],
    draw=lambda rng: (rng.uniform(0, 5, 4), rng.uniform(0, 5, 7), rng.normal(size=7)),
    returns=("estimates", "weights"),
    mistakes=slips(_POOLING_SLIPS, of=_pooled),
)


# 1.3 The best constant ---------------------------------------------------------------------------


def _best_constants():
    waits = np.array(WAITS)
    mean, median = float(np.mean(waits)), float(np.median(waits))
    return {"squared": mean, "absolute": median, "extra": (mean - median) ** 2}


_UNSORTED = "2 is the value in the middle of the list as it stands: put the waits in order first."
_HALFWAY = (
    "16.5 is halfway between the shortest and the longest wait; that minimises the largest error, "
    "which is neither of the two losses."
)
_CONSTANTS_SLIPS = {
    "squared": {
        "4 minimises the other loss. Which equation has (1.3) solved?": 4,
        f"{_UNSORTED} And is it the median that you need here?": 2,
        "45 was divided by 4. How many waits are there?": 11.25,
        "45 is the sum of the waits; the slope is zero elsewhere.": 45,
        _HALFWAY: 16.5,
    },
    "absolute": {
        "9 minimises the other loss. Of 9, four waits lie below and one above: which way does the "
        "absolute loss fall?": 9,
        _UNSORTED: 2,
        "put the waits in order and count again: below 3 lies one wait, above it lie three.": 3,
        _HALFWAY: 16.5,
    },
    "extra": {
        "5 is the distance between the two constants. What does it cost under squared error, by "
        "(1.4)?": 5,
        "the size is right. No constant is below the smallest loss.": -25,
        "125 is right for the sum of the squares; the loss is their mean.": 125,
        "147 is the whole loss of the second constant. By how much does it exceed the smallest?":
            147,
        "0 would mean that both constants are the same.": 0,
        "122 is the smallest loss itself. By how much does the other constant exceed it?": 122,
    },
}  # fmt: skip

exercise(
    "best_constants",
    "Two losses, two best constants",
    "derive",
    judge=judge_parts(_best_constants(), _CONSTANTS_SLIPS, tolerance=1e-4),
)


# 1.4 The baseline --------------------------------------------------------------------------------


def baseline() -> dict[str, float]:
    """The mean's error against the truth, on new observations, on noisier ones; and the least."""
    sample = sine_power(seed=SEED)
    truth = _error_of_mean(sample, sample.truth)
    return {"truth": truth, "new": truth + 0.5**2, "noisier": truth + 1.0**2, "least": 0.5**2}


def _error_of_mean(sample, targets):
    return float(np.mean((sample.values.mean() - targets) ** 2))


_ONLY_TRUTH = (
    "that is the error against the truth once more. New observations carry noise of their own."
)


def _baseline_slips():
    sample, chapters = sine_power(seed=SEED), sine_power()
    truth, on_values = baseline()["truth"], _error_of_mean(sample, sample.values)
    new_at_keys = _error_of_mean(sample, sample.f(sample.keys)) + 0.25
    return _noise_slips(truth, sample.truth.var()) | {
        "truth": {
            "that belongs to the chapter's data. Here the data are `sample`, drawn in the setup "
            "cell.": _error_of_mean(chapters, chapters.truth),
            "that is the error on the 50 values that the mean was made of. Compare with "
            "sample.truth, at the queries.": on_values,
            "that is the variance of the truth, the larger part of (1.7). The line does not lie at "
            "quite the right height.": sample.truth.var(),
            "that is the root of it; leave it squared.": np.sqrt(truth),
            "that is the sum over the 50 queries; take the mean.": len(sample.truth) * truth,
        },
        "new": {
            _ONLY_TRUTH: truth,
            "the noise sd was added; what is added to a mean of squares is itself a square.":
                truth + 0.5,
            "that is the error on the 50 old values. They made the mean; new observations at the "
            "queries did not.": on_values,
            "those are new observations at the keys; they are asked for at the queries.":
                new_at_keys,
            "that is the part of the noise alone. The mean is wrong even without it.": 0.25,
        },
    }  # fmt: skip


def _noise_slips(truth, spread):
    return {
        "noisier": {
            _ONLY_TRUTH: truth,
            "the noise sd has doubled, and what it adds was doubled too. How does a variance grow "
            "with the sd?": truth + 0.5,
            "that is the part of the noise alone.": 1.0,
            "both noises were added. The new instrument has one of its own, and the old noise is "
            "already in the answer.": truth + 1.25,
        },
        "least": {
            "not even a rule that knows f foresees the noise of a new observation.": 0,
            "that is the noise sd. The error is a mean of squares.": 0.5,
            "that is the least for a constant. A rule that looks at the query can follow f.":
                spread,
        },
    }  # fmt: skip


exercise(
    "baseline_errors",
    "The baseline, and what nobody can beat",
    "compute",
    judge=judge_parts(baseline, _baseline_slips, tolerance=0.004),
)


# 1.5 Two kinds of mean ---------------------------------------------------------------------------

exercise(
    "two_means",
    "Two kinds of mean",
    "explain",
    judge=truth_table(
        {"a": True, "b": False, "c": True, "d": False, "e": True, "f": False, "g": False},
        "Ask of each claim which mean it speaks of: the one over everything or the one at a "
        "single x. For the weights, go back to a weighted mean of three values.",
    ),
)
