"""Exercises of chapter 3: kernels."""

import warnings
from math import e, pi, sqrt

import numpy as np

from ..attention import EmptyWindowWarning, nadaraya_watson
from .compare import as_numbers
from .engine import Exercise, Mistake, register

# 3.1 A window with nobody in it ------------------------------------------------------------------


def _boxcar_average(queries, keys, values, sigma):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EmptyWindowWarning)
        return nadaraya_watson(queries, keys, values, "boxcar", sigma)[0]


def _distances(queries, keys):
    return np.abs(queries[:, None] - keys)


def _averaged(votes, values):
    total = votes.sum(1)
    return np.where(total > 0, votes @ values / np.where(total > 0, total, 1), np.nan)


def _filled(fill):
    """Right but for empty windows, which get ``fill(queries, keys, values)``."""

    def answer(queries, keys, values, sigma):
        right = _boxcar_average(queries, keys, values, sigma)
        return np.where(np.isnan(right), fill(queries, keys, values), right)

    return answer


def _window(inside):
    """The average over the keys with ``inside(distance, sigma)``."""
    return lambda queries, keys, values, sigma: _averaged(
        1.0 * inside(_distances(queries, keys), sigma), values
    )


def _summed(divisor, empty):
    """Sums over the window, divided by 1 or by n; ``empty`` for a window without keys."""

    def answer(queries, keys, values, sigma):
        inside = _distances(queries, keys) <= sigma
        sums = inside @ values / (len(keys) if divisor == "n" else divisor)
        return np.where(inside.any(axis=1), sums, empty)

    return answer


def _nearest_value(queries, keys, values):
    return values[_distances(queries, keys).argmin(1)]


def _drawn_window(rng):
    keys = np.sort(rng.uniform(0, 5, 6)).round(2)
    return {
        "queries": [*(keys[:2] + 0.5), 2.25, -1.0, float(keys[3])],
        "keys": keys.tolist(),
        "values": rng.normal(3, 2, 6).tolist(),
        "sigma": 0.5,
    }


register(
    Exercise(
        name="window_average",
        chapter=3,
        title="A window with nobody in it",
        kind="implement",
        reference=_boxcar_average,
        cases=[
            {"queries": [1, 4], "keys": [0, 1.5, 2], "values": [6, 3, 9], "sigma": 1.0},
            {
                "queries": [0, 0.75, 1.75, 3],
                "keys": [0, 0.25, 1.5, 2, 2.25],
                "values": [4, 8, 1, 2, 7],
                "sigma": 0.5,
            },
            {
                "queries": [-3, 1, 6, 20],
                "keys": [0, 2, 3, 5, 9],
                "values": [-2, 5, 1, 4, 3],
                "sigma": 3.0,
            },
        ],
        draw=_drawn_window,
        mistakes=[
            Mistake(
                _filled(lambda queries, keys, values: 0.0),
                "Right wherever there is a key. An empty window gives 0 in your answer: that is a "
                "claim about f which no data support. It has no estimate.",
            ),
            Mistake(
                _filled(_nearest_value),
                "Right wherever there is a key. An empty window gives the nearest value in your "
                "answer, though the window does not reach it. It has no estimate.",
            ),
            Mistake(
                _filled(lambda queries, keys, values: values.mean()),
                "Right wherever there is a key. An empty window gives the mean of all values in "
                "your answer, though it sees none of them. It has no estimate.",
            ),
            Mistake(
                _window(lambda distance, sigma: distance < sigma),
                "A key exactly at the edge of the window is lost: the boxcar of chapter 3 is 1 "
                "for |u| ≤ 1, the edge included.",
            ),
            Mistake(
                _window(lambda distance, sigma: distance <= 1),
                "The window has the same width for every σ: the distance was not divided by σ.",
            ),
            Mistake(
                _window(lambda distance, sigma: distance**2 <= sigma),
                "A squared distance was compared with σ. Compare a distance with σ, or a square "
                "with a square.",
            ),
            Mistake(
                _window(lambda distance, sigma: distance <= sigma / 2),
                "The window is half as wide as it should be: it reaches σ to each side.",
            ),
            *[
                Mistake(
                    answer,
                    "The sum over the window was divided by n, the number of all keys. Divide by "
                    "what the window holds, so that the weights of a query sum to 1.",
                )
                for answer in (_summed("n", 0.0), _summed("n", np.nan))
            ],
            *[
                Mistake(
                    answer,
                    "These are sums over the window. An average divides by the number of keys in "
                    "it.",
                )
                for answer in (_summed(1, 0.0), _summed(1, np.nan))
            ],
            *[
                Mistake(
                    lambda queries, keys, values, sigma, side=side: _averaged(
                        1.0 * (side * (queries[:, None] - keys) <= sigma), values
                    ),
                    f"Every key to the {where} of a query is seen, however far away: the "
                    "difference is negative there. A distance has no sign.",
                )
                for side, where in ((1, "right"), (-1, "left"))
            ],
            Mistake(
                lambda queries, keys, values, sigma: _boxcar_average(queries, keys, keys, sigma),
                "These are averages of the keys, that is, of places. Average the values.",
            ),
            Mistake(
                _window(lambda distance, sigma: np.exp(1.0 * (distance <= sigma))),
                "Keys outside the window still have a weight: the exponential of a mask of 0 and "
                "1 is 1 and e. A hidden key has the score log 0.",
            ),
        ],
        picture="curve",
        x="queries",
    )
)


# 3.2 The same spread -----------------------------------------------------------------------------

SPREAD = 0.6
#: Boxcar, cosine, quartic, Laplace: mass and variance of K(u), the variance for mass 1.
_MASS = np.array([2, 4 / pi, 16 / 15, 2])
_VARIANCE = np.array([1 / 3, 1 - 8 / pi**2, 1 / 7, 2])

register(
    Exercise(
        name="matched_widths",
        chapter=3,
        title="The same spread for four kernels",
        kind="compute",
        reference=lambda: SPREAD / np.sqrt(_VARIANCE),
        tolerance=2e-3,
        mistakes=[
            Mistake(
                SPREAD * np.sqrt(_VARIANCE),
                "Those are the spreads that the width 0.6 gives. Asked is the other direction: "
                "solve (3.1) for the width.",
            ),
            Mistake(
                SPREAD / _VARIANCE,
                "You divided by the variance of each kernel. The spread is in units of x, and so "
                "is the standard deviation.",
            ),
            Mistake(
                SPREAD / np.sqrt(_VARIANCE * _MASS),
                "The standard deviations are those of K as it stands. A kernel must first be "
                "divided by its integral to be a density.",
            ),
            Mistake(
                np.sqrt(_VARIANCE),
                "Those are the right standard deviations at width 1. One step is left: the width "
                "that turns each of them into 0.6.",
            ),
            Mistake(
                SPREAD / np.sqrt([1 / 3, 1 - 8 / pi**2, 1 / 7, 1]),
                "Three are right; the Laplace kernel is not. Its second moment is 2 ∫ u² e⁻ᵘ du "
                "over u > 0, divided by its integral, 2: the first integral is not 1.",
            ),
            Mistake(
                SPREAD / np.sqrt([1 / 3, 1 - 8 / pi**2, 1 / 5, 2]),
                "Three are right; the quartic one is not: its parabola is squared. You have the "
                "value of the Epanechnikov kernel.",
            ),
            Mistake(
                SPREAD / np.sqrt([1 / 12, *_VARIANCE[1:]]),
                "Three are right; the boxcar is not. 1/12 is the variance of a block of length 1; "
                "this one reaches from −1 to 1.",
            ),
            Mistake(
                SPREAD / np.sqrt([*_VARIANCE[:3], (2 - 5 / e) / (1 - 1 / e)]),
                "Three are right; the Laplace kernel is not: it does not end at −1 and 1.",
            ),
            Mistake(
                np.round(SPREAD / np.sqrt(_VARIANCE), 2),
                "These are rounded to two decimals. Give three digits.",
            ),
            Mistake(
                np.full(4, SPREAD),
                "That is one width for all. The same width means different spreads: see the table "
                "of standard deviations in chapter 3.",
            ),
        ],
    )
)


# 3.3 Parzen windows and attention ----------------------------------------------------------------


def _parzen(queries, keys, labels, sigma, share=None, factor=None, power=0.5):
    """p̂(x, 1) − p̂(x, −1); share: what a point of each class counts, 1/n when right."""
    u = _distances(queries, keys) / sigma
    bump = np.exp(-power * u**2) * (factor or 1 / (sigma * sqrt(2 * pi)))
    share = np.full(len(keys), 1 / len(keys)) if share is None else share
    return bump @ (labels * share)


def _vote(queries, keys, labels, sigma):
    return nadaraya_watson(queries, keys, labels, sigma=sigma)[0]


def _parzen_and_vote(queries, keys, labels, sigma):
    return _parzen(queries, keys, labels, sigma), _vote(queries, keys, labels, sigma)


def _of_its_class(labels):
    """For each point, one over the size of its class."""
    return 1 / np.where(labels > 0, (labels > 0).sum(), (labels < 0).sum())


def _with(first=None, second=None):
    """A wrong answer: one part, or both, replaced."""
    return lambda **case: (
        (first or _parzen)(**case),
        (second or _vote)(**case),
    )


def _weighted_sum(queries, keys, labels, sigma):
    return np.exp(-((_distances(queries, keys) / sigma) ** 2) / 2) @ labels


def _density_sum(**case):
    return _parzen(**{**case, "labels": np.abs(case["labels"])})


register(
    Exercise(
        name="parzen_and_attention",
        chapter=3,
        title="Parzen windows vote like attention",
        kind="derive",
        reference=_parzen_and_vote,
        returns=("the difference of the joint densities", "the vote"),
        cases=[
            {"queries": [0, 2], "keys": [0, 1, 3], "labels": [1, 1, -1], "sigma": 2.0},
            {
                "queries": [-1, 0.5, 2],
                "keys": [0, 0.5, 1, 1.2, 2.5],
                "labels": [1, -1, -1, -1, 1],
                "sigma": 0.7,
            },
            {
                "queries": [0, 1, 2, 4],
                "keys": [0, 1, 1.5, 3, 3.5, 4, 5],
                "labels": [-1, 1, -1, 1, 1, 1, -1],
                "sigma": 1.5,
            },
        ],
        draw=lambda rng: {
            "queries": rng.uniform(0, 5, 4).tolist(),
            "keys": rng.uniform(0, 5, 8).tolist(),
            "labels": [1, -1, *np.sign(rng.normal(0.5, 1, 6)).tolist()],
            "sigma": float(rng.uniform(0.6, 2)),
        },
        tolerance=1e-8,
        mistakes=[
            Mistake(
                _with(lambda **c: _parzen(**c, share=_of_its_class(c["labels"]))),
                "That is the difference of the densities within the classes. A joint density also "
                "counts how frequent the class is: its prior n_y / n is missing.",
            ),
            Mistake(
                _with(lambda **c: _parzen(**c, share=_of_its_class(c["labels"]) / 2)),
                "Both classes have the prior ½ in your answer. The empirical prior of a class is "
                "its share of the points, n_y / n.",
            ),
            Mistake(
                _with(lambda **c: _parzen(**c, factor=1 / sqrt(2 * pi))),
                "The difference lacks a factor 1/σ: a window of width σ must integrate to 1.",
            ),
            Mistake(
                _with(lambda **c: _parzen(**c, factor=1.0)),
                "The signs are right. For densities, each window must integrate to 1: the Gaussian "
                "needs its constant, which does not cancel here.",
            ),
            Mistake(
                _with(lambda **c: _parzen(**c, factor=1 / c["sigma"])),
                "Each window must integrate to 1: there is a 1/σ, and the integral of the "
                "bell itself is still missing.",
            ),
            Mistake(
                _with(lambda **c: _parzen(**c, share=np.ones(len(c["keys"])))),
                "The difference is n times too large: a Parzen estimate is a mean of windows.",
            ),
            *[
                Mistake(
                    _with(lambda **c: _parzen(**c, power=1.0), vote),
                    "The windows are too narrow for their σ: the exponent is −u²/2.",
                )
                for vote in (None, lambda **c: _vote(**{**c, "sigma": c["sigma"] / sqrt(2)}))
            ],
            Mistake(
                _with(
                    lambda **c: _parzen(
                        **{**c, "sigma": sqrt(c["sigma"])}, factor=1 / (c["sigma"] * sqrt(2 * pi))
                    ),
                    lambda **c: _vote(**{**c, "sigma": sqrt(c["sigma"])}),
                ),
                "In the exponent the squared distance is divided by σ. It is u that is squared, "
                "and u is already divided by σ.",
            ),
            Mistake(
                _with(lambda **c: _parzen(**c, factor=1 / sqrt(2 * pi * c["sigma"]))),
                "In the constant of the Gaussian only 2π stands under the root; σ does not.",
            ),
            Mistake(
                _with(lambda **c: _parzen(**c) * len(c["keys"]) / len(c["queries"])),
                "The difference was divided by the number of queries. A Parzen estimate is a mean "
                "over the points.",
            ),
            Mistake(
                _with(
                    lambda **c: _parzen(**c, share=1 / _of_its_class(c["labels"]) / len(c["keys"]))
                ),
                "The prior n_y / n multiplies a mean over the class; here it multiplies a sum, so "
                "the class size counts twice.",
            ),
            Mistake(
                _with(lambda **c: _parzen(**{**c, "labels": 1.0 * (c["labels"] == 1)})),
                "Only class 1 is in the difference. The other class has the label −1, not 0.",
            ),
            Mistake(
                lambda **c: (np.sign(_parzen(**c)), np.sign(_vote(**c))),
                "These are the decisions. Give the two quantities themselves, so that you can see "
                "that their signs agree.",
            ),
            Mistake(
                _with(_vote),
                "The first part is the vote again. Before anything is divided by p̂(x), it is a "
                "difference of two densities.",
            ),
            Mistake(
                _with(_density_sum),
                "The first part is the sum of the joint densities, which is p̂(x). Asked is their "
                "difference: the class −1 enters with a minus.",
            ),
            Mistake(
                _with(None, lambda **c: np.sign(_vote(**c))),
                "The vote is given as a sign. Give the estimate itself, a number between −1 and 1.",
            ),
            Mistake(
                _with(None, _weighted_sum),
                "The vote is a sum of kernels times labels. Attention weights sum to 1: divide "
                "by the sum of the kernels.",
            ),
            Mistake(
                _with(None, _parzen),
                "The second part is the difference again. The vote is an average of labels under "
                "weights that sum to 1.",
            ),
        ],
    )
)


# 3.4 Not an inner product ------------------------------------------------------------------------

NEGATIVE = -0.01
MOST_KEYS = 50


def _cosine(u):
    return np.where(np.abs(u) <= 1, np.cos(pi * np.clip(u, -1, 1) / 2), 0.0)


def _judge_keys(answer):
    keys, problem = as_numbers(answer, np.zeros(3))
    if problem or keys.ndim != 1:
        return "The answer must be a list of numbers, the keys on a line."
    if not 2 <= len(keys) <= MOST_KEYS:
        return f"There are {len(keys)} keys; give between 2 and {MOST_KEYS}."
    if not np.isfinite(keys).all():
        return "One of the keys is not a finite number."
    gaps = np.abs(keys[:, None] - keys)
    least = np.linalg.eigvalsh(_cosine(gaps))[0]
    if least <= NEGATIVE:
        return None
    apart = gaps[~np.eye(len(keys), dtype=bool)]
    if apart.min() >= 1:
        return (
            "No key sees another one, so the Gram matrix is the identity, and all its "
            "eigenvalues are 1. Move the keys closer together."
        )
    if apart.max() <= 1:
        return (
            "All keys see each other. There the kernel is a plain cosine of the difference, which "
            "does have features: the end of the window must come into play. Spread them farther."
        )
    if least > -1e-9:
        return (
            f"The smallest eigenvalue is {max(least, 0):.4f}, so these keys contradict nothing. "
            "Change their spacing, or take more of them."
        )
    return f"The smallest eigenvalue is {least:.4f}: negative, but asked is {NEGATIVE} or less."


register(
    Exercise(
        name="keys_without_features",
        chapter=3,
        title="Keys that admit no features",
        kind="design",
        judge=_judge_keys,
    )
)
