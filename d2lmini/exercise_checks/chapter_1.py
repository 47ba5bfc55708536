"""Exercises of chapter 1: average pooling."""

from typing import Any

import numpy as np

from ..attention import nadaraya_watson
from ..data import sine_power
from .engine import Exercise, Mistake, judge_parts, register, truth_table

SEED = 4  # of the data whose baseline the reader computes
WAITS = (5.0, 31.0, 2.0, 4.0, 3.0)

# 1.1 A weighted average --------------------------------------------------------------------------


def _weighted_average(values, weights):
    return float(np.sum(weights * values) / np.sum(weights))


register(
    Exercise(
        name="weighted_average",
        chapter=1,
        title="A weighted average",
        kind="implement",
        reference=_weighted_average,
        cases=[
            {"values": [1, 2, 6], "weights": [1, 1, 2]},
            {"values": [3, -1, 0, 5], "weights": [0.2, 0, 0.3, 0.1]},
            {"values": [4], "weights": [0.5]},
        ],
        draw=lambda rng: {
            "values": rng.normal(size=6).tolist(),
            "weights": rng.uniform(0.1, 2, 6).tolist(),
        },
        mistakes=[
            Mistake(
                lambda values, weights: np.sum(weights * values),
                "That is the weighted sum. What must the weights add up to?",
            ),
            Mistake(
                lambda values, weights: np.mean(weights * values),
                "Divided by the number of values; divide by what the weights add up to.",
            ),
            Mistake(
                lambda values, weights: np.mean(values),
                "That is the plain mean: the weights have no part in it.",
            ),
            Mistake(
                lambda values, weights: np.sum(weights * values) / np.sum(values),
                "Divided by the sum of the values: that is a mean of the weights. Which of the "
                "two is to be averaged?",
            ),
            Mistake(
                lambda values, weights: np.sum(weights * values) // np.sum(weights),
                "The decimals are cut off: // divides and drops what is left over, / does not.",
            ),
            Mistake(
                lambda values, weights: np.sum(weights * values / weights),
                "That is the sum of the values. In a / b, a is divided by b alone: which two sums "
                "are to be divided by each other?",
            ),
            Mistake(
                lambda values, weights: weights[0] * values[0] / np.sum(weights),
                "Only the first value has come in. Does the return stand inside the loop?",
            ),
            Mistake(
                lambda values, weights: np.sum(np.exp(weights) * values) / np.sum(np.exp(weights)),
                "There is an exponential of the weights in it. They are weights as they stand: "
                "divide by their sum, and by nothing else.",
            ),
        ],
    )
)


# 1.2 Average pooling -----------------------------------------------------------------------------


def _pooling(queries, keys, values):
    return nadaraya_watson(queries, keys, values, kernel="constant")


def _uniform(queries, keys, share):
    return np.full((len(queries), len(keys)), share)


register(
    Exercise(
        name="average_pooling",
        chapter=1,
        title="Attention that does not look",
        kind="implement",
        reference=_pooling,
        cases=[
            {"queries": [1, 2], "keys": [0, 3, 4], "values": [3, 6, 0]},
            {"queries": [0.5], "keys": [0, 1, 2, 7], "values": [4, -2, 1, 7]},
            {"queries": [5, 6, 7], "keys": [1, 2, 9], "values": [1, 5, 3]},
        ],
        draw=lambda rng: {
            "queries": rng.uniform(0, 5, 4).tolist(),
            "keys": rng.uniform(0, 5, 7).tolist(),
            "values": rng.normal(size=7).tolist(),
        },
        returns=("estimates", "weights"),
        mistakes=[
            Mistake(
                lambda queries, keys, values: (
                    _uniform(queries, keys, 1 / len(queries)) @ values,
                    _uniform(queries, keys, 1 / len(queries)),
                ),
                "Every weight is 1/m. Each query divides its attention among the keys: how many "
                "are there?",
            ),
            Mistake(
                lambda queries, keys, values: (
                    np.full(len(queries), np.mean(values)),
                    _uniform(queries, keys, 1 / len(queries)),
                ),
                "The estimates are right, but the weights are 1/m each. They must give these "
                "estimates as weights @ values; then each row sums to 1.",
            ),
            Mistake(
                lambda queries, keys, values: (
                    _uniform(queries, keys, 1.0) @ values,
                    _uniform(queries, keys, 1.0),
                ),
                "Every weight is 1, so each estimate is the sum of the values. The weights of one "
                "query must sum to 1.",
            ),
            Mistake(
                lambda queries, keys, values: (
                    np.full(len(queries), np.mean(keys)),
                    _uniform(queries, keys, 1 / len(keys)),
                ),
                "The estimates are the mean of the keys, that is, of places. What was measured "
                "there stands in the values.",
            ),
            Mistake(
                lambda queries, keys, values: (
                    queries,
                    _uniform(queries, keys, 1 / len(keys)),
                ),
                "The estimates are the queries themselves. The answer is made of the values.",
            ),
            Mistake(
                lambda queries, keys, values: (
                    np.zeros(len(queries)),
                    _uniform(queries, keys, 0.0),
                ),
                "All weights are 0: a share such as 1/3 was cut off to a whole number. Look for "
                "// or for an array of integers.",
            ),
            Mistake(
                lambda queries, keys, values: (
                    np.eye(len(queries), len(keys)) @ values,
                    np.eye(len(queries), len(keys)),
                ),
                "Each query takes the value of one key. Attention that does not look spreads its "
                "weight over all of them.",
            ),
        ],
    )
)


# 1.3 The best constant ---------------------------------------------------------------------------


def _best_constants():
    waits = np.array(WAITS)
    mean, median = float(np.mean(waits)), float(np.median(waits))
    return {"squared": mean, "absolute": median, "extra": (mean - median) ** 2}


_UNSORTED = "is the value in the middle of the list as it stands: put the waits in order first."
_HALFWAY = (
    "16.5 is halfway between the shortest and the longest wait; that minimises the largest error, "
    "which is neither of the two losses."
)

register(
    Exercise(
        name="best_constants",
        chapter=1,
        title="Two losses, two best constants",
        kind="derive",
        judge=judge_parts(
            _best_constants(),
            {
                "squared": [
                    (4, "squared: 4 minimises the other loss. Which equation has (1.3) solved?"),
                    (2, f"squared: 2 {_UNSORTED} And is it the median that you need here?"),
                    (11.25, "squared: 45 was divided by 4. How many waits are there?"),
                    (45, "squared: 45 is the sum of the waits; the slope is zero elsewhere."),
                    (16.5, f"squared: {_HALFWAY}"),
                ],
                "absolute": [
                    (9, "absolute: 9 minimises the other loss. Of 9, four waits lie below and one "
                        "above: which way does the absolute loss fall?"),
                    (2, f"absolute: 2 {_UNSORTED}"),
                    (3, "absolute: put the waits in order and count again: below 3 lies one wait, "
                        "above it lie three."),
                    (16.5, f"absolute: {_HALFWAY}"),
                ],
                "extra": [
                    (5, "extra: 5 is the distance between the two constants. What does it cost "
                        "under squared error, by (1.4)?"),
                    (-25, "extra: the size is right. No constant is below the smallest loss."),
                    (125, "extra: 125 is right for the sum of the squares; the loss is their "
                          "mean."),
                    (147, "extra: 147 is the whole loss of the second constant. By how much does "
                          "it exceed the smallest?"),
                    (0, "extra: 0 would mean that both constants are the same."),
                    (122, "extra: 122 is the smallest loss itself. By how much does the other "
                          "constant exceed it?"),
                ],
            },
            tolerance=1e-4,
        ),
    )
)  # fmt: skip


# 1.4 The baseline --------------------------------------------------------------------------------


def baseline() -> dict[str, float]:
    """The mean's error against the truth, on new observations, on noisier ones; and the least."""
    sample = sine_power(seed=SEED)
    truth = float(np.mean((sample.values.mean() - sample.truth) ** 2))
    return {"truth": truth, "new": truth + 0.5**2, "noisier": truth + 1.0**2, "least": 0.5**2}


_ONLY_TRUTH = "is the error against the truth once more. New observations carry noise of their own."


def _slips_of_truth(sample, truth):
    default = sine_power()
    chapters = float(np.mean((default.values.mean() - default.truth) ** 2))
    return [
        (
            chapters,
            "truth: that belongs to the chapter's data. Here the data are `sample`, drawn in the "
            "setup cell.",
        ),
        (
            float(np.var(sample.values)),
            "truth: that is the error on the 50 values that the mean was made of. Compare with "
            "sample.truth, at the queries.",
        ),
        (
            float(sample.truth.var()),
            "truth: that is the variance of the truth, the larger part of (1.7). The line does "
            "not lie at quite the right height.",
        ),
        (np.sqrt(truth), "truth: that is the root of it; leave it squared."),
        (
            len(sample.truth) * truth,
            "truth: that is the sum over the 50 queries; take the mean.",
        ),
    ]


def _slips_of_new(sample, truth):
    at_keys = float(np.mean((sample.values.mean() - sample.f(sample.keys)) ** 2))
    return [
        (truth, f"new: that {_ONLY_TRUTH}"),
        (
            truth + 0.5,
            "new: the noise sd was added; what is added to a mean of squares is itself a square.",
        ),
        (
            float(np.var(sample.values)),
            "new: that is the error on the 50 old values. They made the mean; new observations at "
            "the queries did not.",
        ),
        (
            at_keys + 0.25,
            "new: those are new observations at the keys; they are asked for at the queries.",
        ),
        (0.25, "new: that is the part of the noise alone. The mean is wrong even without it."),
    ]


def _judge_baseline(answer: Any) -> str | None:
    right, sample = baseline(), sine_power(seed=SEED)
    truth = right["truth"]
    slips = {
        "truth": _slips_of_truth(sample, truth),
        "new": _slips_of_new(sample, truth),
        "noisier": [
            (truth, f"noisier: that {_ONLY_TRUTH}"),
            (truth + 0.5, "noisier: the noise sd has doubled, and what it adds was doubled too. "
                          "How does a variance grow with the sd?"),
            (1.0, "noisier: that is the part of the noise alone."),
            (truth + 1.25, "noisier: both noises were added. The new instrument has one of its "
                           "own, and the old noise is already in the answer."),
        ],
        "least": [
            (0, "least: not even a rule that knows f foresees the noise of a new observation."),
            (0.5, "least: that is the noise sd. The error is a mean of squares."),
            (float(sample.truth.var()), "least: that is the least for a constant. A rule that "
             "looks at the query can follow f."),
        ],
    }  # fmt: skip
    return judge_parts(right, slips, tolerance=0.004)(answer)


register(
    Exercise(
        name="baseline_errors",
        chapter=1,
        title="The baseline, and what nobody can beat",
        kind="compute",
        judge=_judge_baseline,
    )
)


# 1.5 Two kinds of mean ---------------------------------------------------------------------------

register(
    Exercise(
        name="two_means",
        chapter=1,
        title="Two kinds of mean",
        kind="explain",
        judge=truth_table(
            {"a": True, "b": False, "c": True, "d": False, "e": True, "f": False, "g": False},
            "Ask of each claim which mean it speaks of: the one over everything or the one at a "
            "single x. For the weights, go back to a weighted mean of three values.",
        ),
    )
)
