"""Exercises of chapter 3: kernels."""

import warnings
from math import e, pi, sqrt

import numpy as np

from ..attention import EmptyWindowWarning, nadaraya_watson
from .compare import as_numbers
from .engine import exercises_of, slips
from .parts import first

exercise = exercises_of(3)

# 3.1 A window with nobody in it ------------------------------------------------------------------


def _boxcar_average(queries, keys, values, sigma):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EmptyWindowWarning)
        return nadaraya_watson(queries, keys, values, "boxcar", sigma)[0]


def _averaged(
    queries,
    keys,
    values,
    sigma,
    votes=lambda gap, sigma: np.abs(gap) <= sigma,
    divisor=lambda total, n: total,
    empty=np.nan,
):
    """The average under the votes step by step; each step can go wrong.

    empty: the average where none votes, or a function of queries, keys and values that gives it.
    """
    seen = 1.0 * votes(queries[:, None] - keys, sigma)
    total = seen.sum(axis=1)
    some = total > 0
    averages = seen @ values / np.where(some, divisor(total, len(keys)), 1)
    return np.where(some, averages, empty(queries, keys, values) if callable(empty) else empty)


def _nearest(queries, keys, values):
    return values[np.abs(queries[:, None] - keys).argmin(axis=1)]


_WINDOW_SLIPS = {
    "Right wherever there is a key. An empty window gives 0 in your answer: that is a claim about "
    "f which no data support. It has no estimate.": {"empty": 0.0},
    "Right wherever there is a key. An empty window gives the nearest value in your answer, though "
    "the window does not reach it. It has no estimate.": {"empty": _nearest},
    "Right wherever there is a key. An empty window gives the mean of all values in your answer, "
    "though it sees none of them. It has no estimate.":
        {"empty": lambda queries, keys, values: values.mean()},
    "A key exactly at the edge of the window is lost: the boxcar of chapter 3 is 1 for |u| ≤ 1, "
    "the edge included.": {"votes": lambda gap, sigma: np.abs(gap) < sigma},
    "The window has the same width for every σ: the distance was not divided by σ.":
        {"votes": lambda gap, sigma: np.abs(gap) <= 1},
    "A squared distance was compared with σ. Compare a distance with σ, or a square with a square.":
        {"votes": lambda gap, sigma: gap**2 <= sigma},
    "The window is half as wide as it should be: it reaches σ to each side.":
        {"votes": lambda gap, sigma: np.abs(gap) <= sigma / 2},
    "The sum over the window was divided by n, the number of all keys. Divide by what the window "
    "holds, so that the weights of a query sum to 1.":
        [{"divisor": lambda total, n: n, "empty": empty} for empty in (0.0, np.nan)],
    "These are sums over the window. An average divides by the number of keys in it.":
        [{"divisor": lambda total, n: 1, "empty": empty} for empty in (0.0, np.nan)],
    "Every key to the right of a query is seen, however far away: the difference is negative "
    "there. A distance has no sign.": {"votes": lambda gap, sigma: gap <= sigma},
    "Every key to the left of a query is seen, however far away: the difference is negative there. "
    "A distance has no sign.": {"votes": lambda gap, sigma: -gap <= sigma},
    "These are averages of the keys, that is, of places. Average the values.":
        lambda queries, keys, values, sigma: _averaged(queries, keys, keys, sigma),
    "Keys outside the window still have a weight: the exponential of a mask of 0 and 1 is 1 and e. "
    "A hidden key has the score log 0.":
        {"votes": lambda gap, sigma: np.exp(1.0 * (np.abs(gap) <= sigma))},
}  # fmt: skip


def _drawn_window(rng):
    keys = np.sort(rng.uniform(0, 5, 6)).round(2)
    return [*(keys[:2] + 0.5), 2.25, -1.0, keys[3]], keys, rng.normal(3, 2, 6), 0.5


exercise(
    "window_average",
    "A window with nobody in it",
    "implement",
    reference=_boxcar_average,
    cases=[
        ([1, 4], [0, 1.5, 2], [6, 3, 9], 1.0),
        ([0, 0.75, 1.75, 3], [0, 0.25, 1.5, 2, 2.25], [4, 8, 1, 2, 7], 0.5),
        ([-3, 1, 6, 20], [0, 2, 3, 5, 9], [-2, 5, 1, 4, 3], 3.0),
    ],
    draw=_drawn_window,
    mistakes=slips(_WINDOW_SLIPS, of=_averaged),
    picture="curve",
    x="queries",
)


# 3.2 The same spread -----------------------------------------------------------------------------

SPREAD = 0.6
#: Boxcar, cosine, quartic, Laplace: mass and variance of K(u), the variance for mass 1.
_MASS = np.array([2, 4 / pi, 16 / 15, 2])
_VARIANCE = np.array([1 / 3, 1 - 8 / pi**2, 1 / 7, 2])


def _widths(boxcar=1 / 3, cosine=1 - 8 / pi**2, quartic=1 / 7, laplace=2.0):
    """The widths for these variances, those of each kernel at width 1; each can go wrong."""
    return SPREAD / np.sqrt([boxcar, cosine, quartic, laplace])


_WIDTHS_SLIPS = {
    "Those are the spreads that the width 0.6 gives. Asked is the other direction: solve (3.1) for "
    "the width.": SPREAD * np.sqrt(_VARIANCE),
    "You divided by the variance of each kernel. The spread is in units of x, and so is the "
    "standard deviation.": SPREAD / _VARIANCE,
    "The standard deviations are those of K as it stands. A kernel must first be divided by its "
    "integral to be a density.": SPREAD / np.sqrt(_VARIANCE * _MASS),
    "Those are the right standard deviations at width 1. One step is left: the width that turns "
    "each of them into 0.6.": np.sqrt(_VARIANCE),
    "Three are right; the Laplace kernel is not. Its second moment is 2 ∫ u² e⁻ᵘ du over u > 0, "
    "divided by its integral, 2: the first integral is not 1.": {"laplace": 1},
    "Three are right; the quartic one is not: its parabola is squared. You have the value of the "
    "Epanechnikov kernel.": {"quartic": 1 / 5},
    "Three are right; the boxcar is not. 1/12 is the variance of a block of length 1; this one "
    "reaches from −1 to 1.": {"boxcar": 1 / 12},
    "Three are right; the Laplace kernel is not: it does not end at −1 and 1.":
        {"laplace": (2 - 5 / e) / (1 - 1 / e)},
    "These are rounded to two decimals. Give three digits.": np.round(_widths(), 2),
    "That is one width for all. The same width means different spreads: see the table of standard "
    "deviations in chapter 3.": np.full(4, SPREAD),
}  # fmt: skip

exercise(
    "matched_widths",
    "The same spread for four kernels",
    "compute",
    reference=_widths,
    tolerance=2e-3,
    mistakes=slips(_WIDTHS_SLIPS, of=_widths),
)


# 3.3 Parzen windows and attention ----------------------------------------------------------------


def _parzen(
    queries,
    keys,
    labels,
    sigma,
    adds=lambda labels: labels / len(labels),
    factor=lambda sigma: 1 / (sigma * sqrt(2 * pi)),
    power=0.5,
    width=lambda sigma: sigma,
):
    """p̂(x, 1) − p̂(x, −1), with what can go wrong. adds: what each point contributes."""
    u = (queries[:, None] - keys) / width(sigma)
    return factor(sigma) * np.exp(-power * u**2) @ adds(labels)


def _vote(queries, keys, labels, sigma):
    return nadaraya_watson(queries, keys, labels, sigma=sigma)[0]


def _parzen_and_vote(queries, keys, labels, sigma, first=_parzen, second=_vote, **window):
    """The two parts, each of which can go wrong; window: knobs of the first."""
    return first(queries, keys, labels, sigma, **window), second(queries, keys, labels, sigma)


def _size_of_class(labels):
    """For each point, the number of points of its class."""
    return np.where(labels > 0, (labels > 0).sum(), (labels < 0).sum())


def _vote_at(width):
    return lambda queries, keys, labels, sigma: _vote(queries, keys, labels, width(sigma))


def _over_queries(queries, keys, labels, sigma):
    return _parzen(queries, keys, labels, sigma, adds=lambda labels: labels) / len(queries)


def _weighted_sum(queries, keys, labels, sigma):
    return np.exp(-(((queries[:, None] - keys) / sigma) ** 2) / 2) @ labels


def _sign_of(part):
    return lambda *case: np.sign(part(*case))


_PARZEN_SLIPS = {
    "That is the difference of the densities within the classes. A joint density also counts how "
    "frequent the class is: its prior n_y / n is missing.":
        {"adds": lambda labels: labels / _size_of_class(labels)},
    "Both classes have the prior ½ in your answer. The empirical prior of a class is its share of "
    "the points, n_y / n.": {"adds": lambda labels: labels / _size_of_class(labels) / 2},
    "The difference lacks a factor 1/σ: a window of width σ must integrate to 1.":
        {"factor": lambda sigma: 1 / sqrt(2 * pi)},
    "The signs are right. For densities, each window must integrate to 1: the Gaussian needs its "
    "constant, which does not cancel here.": {"factor": lambda sigma: 1.0},
    "Each window must integrate to 1: there is a 1/σ, and the integral of the bell itself is still "
    "missing.": {"factor": lambda sigma: 1 / sigma},
    "The difference is n times too large: a Parzen estimate is a mean of windows.":
        {"adds": lambda labels: labels},
    "The windows are too narrow for their σ: the exponent is −u²/2.":
        [{"power": 1.0}, {"power": 1.0, "second": _vote_at(lambda sigma: sigma / sqrt(2))}],
    "In the exponent the squared distance is divided by σ. It is u that is squared, and u is "
    "already divided by σ.": {"width": sqrt, "second": _vote_at(sqrt)},
    "In the constant of the Gaussian only 2π stands under the root; σ does not.":
        {"factor": lambda sigma: 1 / sqrt(2 * pi * sigma)},
    "The difference was divided by the number of queries. A Parzen estimate is a mean over the "
    "points.": {"first": _over_queries},
    "The prior n_y / n multiplies a mean over the class; here it multiplies a sum, so the class "
    "size counts twice.": {"adds": lambda labels: labels * _size_of_class(labels) / len(labels)},
    "Only class 1 is in the difference. The other class has the label −1, not 0.":
        {"adds": lambda labels: (labels == 1) / len(labels)},
    "These are the decisions. Give the two quantities themselves, so that you can see that their "
    "signs agree.": {"first": _sign_of(_parzen), "second": _sign_of(_vote)},
    "The first part is the vote again. Before anything is divided by p̂(x), it is a difference of "
    "two densities.": {"first": _vote},
    "The first part is the sum of the joint densities, which is p̂(x). Asked is their difference: "
    "the class −1 enters with a minus.": {"adds": lambda labels: np.abs(labels) / len(labels)},
    "The vote is given as a sign. Give the estimate itself, a number between −1 and 1.":
        {"second": _sign_of(_vote)},
    "The vote is a sum of kernels times labels. Attention weights sum to 1: divide by the sum of "
    "the kernels.": {"second": _weighted_sum},
    "The second part is the difference again. The vote is an average of labels under weights that "
    "sum to 1.": {"second": _parzen},
}  # fmt: skip

exercise(
    "parzen_and_attention",
    "Parzen windows vote like attention",
    "derive",
    reference=_parzen_and_vote,
    returns=("the difference of the joint densities", "the vote"),
    cases=[
        ([0, 2], [0, 1, 3], [1, 1, -1], 2.0),
        ([-1, 0.5, 2], [0, 0.5, 1, 1.2, 2.5], [1, -1, -1, -1, 1], 0.7),
        ([0, 1, 2, 4], [0, 1, 1.5, 3, 3.5, 4, 5], [-1, 1, -1, 1, 1, 1, -1], 1.5),
    ],
    draw=lambda rng: (
        rng.uniform(0, 5, 4),
        rng.uniform(0, 5, 8),
        [1, -1, *np.sign(rng.normal(0.5, 1, 6))],
        rng.uniform(0.6, 2),
    ),
    tolerance=1e-8,
    mistakes=slips(_PARZEN_SLIPS, of=_parzen_and_vote),
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
    return first({
        "No key sees another one, so the Gram matrix is the identity, and all its eigenvalues are "
        "1. Move the keys closer together.": apart.min() >= 1,
        "All keys see each other. There the kernel is a plain cosine of the difference, which does "
        "have features: the end of the window must come into play. Spread them farther.":
            apart.max() <= 1,
        f"The smallest eigenvalue is {max(least, 0):.4f}, so these keys contradict nothing. Change "
        "their spacing, or take more of them.": least > -1e-9,
        f"The smallest eigenvalue is {least:.4f}: negative, but asked is {NEGATIVE} or less.": True,
    })  # fmt: skip


exercise("keys_without_features", "Keys that admit no features", "design", judge=_judge_keys)
