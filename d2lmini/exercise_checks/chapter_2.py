"""Exercises of chapter 2: nonparametric Nadaraya–Watson."""

from collections.abc import Iterable
from functools import cache, partial

import numpy as np

from ..attention import nadaraya_watson
from ..data import sine_linear
from .engine import exercises_of, slips
from .parts import judge_parts, no_dict, truth_table

exercise = exercises_of(2)

SIGMA = 0.5  # of the experiment with more points
SIZES = {"n40": 40, "n400": 400, "n4000": 4000}
SEEDS = range(10)


# 2.1 Weights by hand -----------------------------------------------------------------------------

_KEYS, _VALUES = np.array([2.0, 3.0, 5.0]), np.array([10.0, 5.0, 50.0])
_SQUARED = np.array([1.0, 0.0, 4.0])  # distances from the query 3
_VOTES = np.array([8.0, 16.0, 1.0])  # times 1/16: 2 to the power of minus the squared distance


def _shares(votes):
    return np.array(votes) / np.sum(votes)


_HAND_SLIPS = {
    "weights": {
        "these are the votes. Divide by what they add up to.": _VOTES / 16,
        "the ½ in the score is missing, so every vote is squared.": _shares([64, 256, 1]),
        "you took the distance where the score has its square. The key at distance 2 loses four "
        "halvings, not two.": _shares([2, 4, 1]),
        "these belong to σ = 1. Here σ is 1/√(2 ln 2).": _shares(np.exp(-_SQUARED / 2)),
        "you divided by σ where the score divides by σ².":
            _shares(np.exp(-_SQUARED * np.sqrt(np.log(2) / 2))),
        "these belong to σ = 1/(2 ln 2): the root is missing.":
            _shares(np.exp(-_SQUARED / 2 * (2 * np.log(2)) ** 2)),
        "equal weights are those of chapter 1. Is there x_i under the sum, where x_j belongs?":
            np.full(3, 1 / 3),
        "the scores were divided by their sum without an exponential, so the farthest key counts "
        "most.": _shares(_SQUARED),
        "the key at 5 has a vote, too: small is not nothing.": _shares([1, 2, 0]),
        "right, but sorted. The order is that of the keys 2, 3, 5.": _shares([16, 8, 1]),
    },
    "estimate": {
        "that is the weighted mean of the keys. Average what was measured there.":
            _shares(_VOTES) @ _KEYS,
        "that is the plain mean of the values.": _VALUES.mean(),
        "the votes were used, before they were divided by their sum.": _VOTES @ _VALUES / 16,
        "divided by 3 once more. The weights sum to 1, so nothing is left to divide by.": 2.8,
        "that is the value of the nearest key alone.": 5,
    },
}  # fmt: skip

exercise(
    "weights_by_hand",
    "Three weights by hand",
    "compute",
    judge=judge_parts(
        {"weights": _shares(_VOTES), "estimate": float(_shares(_VOTES) @ _VALUES)}, _HAND_SLIPS
    ),
)


# 2.2 Nearest neighbours as weights ---------------------------------------------------------------


def _votes(queries, keys, k, share=lambda n, k: 1 / k, by=np.abs, voters=slice, kind="stable"):
    """A share for the voters among the keys in the order of ``by``; each default can go wrong."""
    order = np.argsort(by(queries[:, None] - keys), axis=1, kind=kind)
    weights = np.zeros((len(queries), len(keys)))
    np.put_along_axis(weights, order[:, voters(k)], share(len(keys), k), axis=1)
    return weights


def _ranks_taken_for_voters(queries, keys, k, kind):
    return (np.argsort(np.abs(queries[:, None] - keys), axis=1, kind=kind) < k) / k


def _all_tied(queries, keys, k, shared):
    distances = np.abs(queries[:, None] - keys)
    reached = distances <= np.sort(distances, axis=1)[:, k - 1 : k]
    return reached / (reached.sum(axis=1, keepdims=True) if shared else k)


def _keys_sorted(queries, keys, k, kind):
    return _votes(queries, np.sort(keys), k, kind=kind)


def _turned_round(queries, keys, k, kind):
    return _votes(keys, queries, k, kind=kind).T


def _however_sorted(answer):
    """After a stable sort and after NumPy's default."""
    return [partial(answer, kind=kind) for kind in ("stable", None)]


#: Ten pairs of keys, the two of a pair equally far from 10: more than an unstable sort keeps in
#: order by chance.
_PAIRED = [10 + side * distance for distance in range(10, 0, -1) for side in (1, -1)]

_VOTE_SLIPS = {
    "The right keys vote, each with weight 1. What must a row of weights sum to?":
        {"share": lambda n, k: 1.0},
    "The right keys vote, each with 1/n. Among how many voters is the 1 divided?":
        {"share": lambda n, k: 1 / n},
    "argsort gives the keys in order of distance: its first k entries are the numbers of the "
    "voters. You compared these numbers with k, as if they were ranks.":
        _however_sorted(_ranks_taken_for_voters),
    "Right but for ties: of two keys equally near, the one that comes first in keys votes.":
        lambda queries, keys, k: _votes(queries, keys[::-1], k)[:, ::-1],
    "Right but for ties: where two keys are equally near and one place is left, both have a vote "
    "here. The one that comes first in keys gets it.": partial(_all_tied, shared=True),
    "Right but for ties: where two keys are equally near and one place is left, both have 1/k "
    "here, and the row sums to more than 1.": partial(_all_tied, shared=False),
    "A key far to the right of the query counts as near here: the difference is negative there. A "
    "distance has no sign.": {"by": np.positive},
    "A key far to the left of the query counts as near here: the difference is negative there. A "
    "distance has no sign.": {"by": np.negative},
    "These are the k farthest keys. Sorting puts the smallest first.":
        [{"by": lambda difference: -np.abs(difference)}, {"voters": lambda k: slice(-k, None)}],
    "The nearest key itself is left out: the first entry of an argsort is entry 0.":
        {"voters": lambda k: slice(1, k + 1)},
    "The keys were sorted, so the weights stand in other columns. Column j belongs to the key that "
    "came as number j.": _however_sorted(_keys_sorted),
    "The votes are 0: an array of integers cuts 1/k off to 0, and so does 1 // k.":
        {"share": lambda n, k: 1 // k},
    "Right but for ties among many keys: np.argsort does not keep equal entries in their order "
    "unless its argument `kind` asks for it.": partial(_votes, kind=None),
    "Here each key picks its k nearest queries. Turn it round: each query picks among the keys, "
    "along axis 1.": _however_sorted(_turned_round),
}  # fmt: skip

exercise(
    "neighbour_votes",
    "Nearest neighbours are attention, too",
    "implement",
    reference=_votes,
    cases=[
        ([1.2], [7, 0, 3, 1], 2),
        ([2, 4.6], [3, 0, 1, 5, 9], 1),
        ([0.1, 4.6, 2.5], [4, 0, 1, 5, 2.2], 3),
        ([10], _PAIRED, 9),
    ],
    draw=lambda rng: (rng.uniform(0, 5, 4), rng.uniform(0, 5, 8), rng.integers(1, 6)),
    picture="matrix",
    mistakes=slips(_VOTE_SLIPS, of=_votes, either=[{"kind": "stable"}, {"kind": None}]),
)


# 2.3 A smoother that never divides 0 by 0 --------------------------------------------------------


def _score(gap, sigma):
    return -(gap**2) / (2 * sigma**2)


def _smooth(
    queries, keys, values, sigma, score=_score, peak=1, kernel=np.exp, axis=1, mend=np.asarray
):
    """The softmax of scores step by step; each step can go wrong.

    peak: the axis along which the largest score is subtracted before exp, or "none".
    """
    scores = score(queries[:, None] - keys, sigma)
    votes = kernel(scores - (0.0 if peak == "none" else scores.max(axis=peak, keepdims=True)))
    weights = mend(votes / votes.sum(axis=axis, keepdims=True))
    return weights @ values, weights


#: Wrong scores are named whether or not the maximum is subtracted: they are the first to mend.
_SCORE_SLIPS = {
    "The scores are divided by σ. With σ = 1 this makes no difference; in general the distance is "
    "divided by σ before it is squared.": {"score": lambda gap, sigma: -(gap**2) / (2 * sigma)},
    "The ½ in the score is missing: you smooth with a bandwidth that is too small by √2.":
        {"score": lambda gap, sigma: -((gap / sigma) ** 2)},
    "The distance is multiplied by σ. A larger σ must let a query look farther, so divide.":
        {"score": lambda gap, sigma: -((gap * sigma) ** 2) / 2},
    "σ has no part in the weights: they are those of σ = 1, whatever σ is.":
        {"score": lambda gap, sigma: -(gap**2) / 2},
    "The scores fall with the distance itself. The Gaussian's fall with its square, halved.":
        {"score": lambda gap, sigma: -np.abs(gap) / sigma},
    "The minus sign is missing: here far keys count more than near ones.":
        {"score": lambda gap, sigma: (gap / sigma) ** 2 / 2},
}  # fmt: skip
_SMOOTH_SLIPS = {
    "Right where the votes are large enough. In the other cases every vote of a query rounds to 0, "
    "and 0/0 is NaN. Take something away from the scores, before exp.": {"peak": "none"},
    "You subtract the largest score of the whole array. A query far from every key still has votes "
    "that all round to 0: each row needs its own maximum.": {"peak": None},
    "You subtract the largest score of each column. Within a row these are different numbers, and "
    "that changes the weights: take the maximum of each row, axis 1.": {"peak": 0},
    "All weights together sum to 1. Each query has a row of its own: sum along axis 1 and keep the "
    "shape (m, 1).": {"peak": None, "axis": None},
    "The square is missing: without it a key on one side of the query has a positive score, and "
    "the farther away it is, the more it counts.":
        {"score": lambda gap, sigma: -gap / (2 * sigma**2)},
    "The far queries get 0: the NaN is covered up, not avoided. An estimate exists, and it is that "
    "of the nearest key. Keep the votes from rounding to 0.":
        {"peak": "none", "mend": np.nan_to_num},
    "Where all votes round to 0 you give every key 1/n. Far away the nearest key wins: keep the "
    "votes from rounding to 0 instead.": {
        "peak": "none",
        "mend": lambda weights: np.nan_to_num(weights, nan=1 / weights.shape[1]),
    },
    "Each column sums to 1, the rows do not: normalise over the keys, axis 1.":
        [{"peak": peak, "axis": 0} for peak in ("none", 1, 0)],
    "The exponential is missing: divided by their sum, the scores themselves give the farthest key "
    "the most weight.": {"kernel": np.positive, "peak": "none"},
    "Every weight is 1/n: the sum in the denominator must run over all keys, x_j, not repeat x_i.":
        {"score": lambda gap, sigma: np.zeros_like(gap)},
}  # fmt: skip

exercise(
    "stable_smoother",
    "A smoother that never divides 0 by 0",
    "implement",
    reference=lambda queries, keys, values, sigma: nadaraya_watson(
        queries, keys, values, sigma=sigma
    ),
    cases=[
        ([0, 2], [0, 1, 3], [1, 2, 6], 1),
        ([0.6, 2], [0, 1, 3], [1, 2, 6], 0.5),
        ([2, 100, -30], [0, 2.5], [4, -1], 0.5),
        ([0.4, 2.6], [2, 0, 1], [6, 1, 2], 0.001),
    ],
    draw=lambda rng: (
        rng.uniform(-20, 30, 4),
        rng.uniform(0, 5, 6),
        rng.normal(size=6),
        rng.choice([0.01, 0.2, 1.0]),
    ),
    returns=("estimates", "weights"),
    mistakes=[
        *slips(_SCORE_SLIPS, of=_smooth, either=[{"peak": 1}, {"peak": "none"}]),
        *slips(_SMOOTH_SLIPS, of=_smooth),
    ],
)


# 2.4 The best constant near a query --------------------------------------------------------------


def _mean(values, votes):
    return np.average(values, weights=votes)


def _reached(values, votes):
    """The value at which the running sum of the votes, in this order, reaches half of them."""
    running = np.cumsum(votes)
    return values[np.searchsorted(running, running[-1] / 2)]


def _median(values, votes):
    order = np.argsort(values)
    return _reached(values[order], votes[order])


def _beyond_one_half(values, votes):
    order = np.argsort(values)
    return values[order][np.argmax(np.cumsum(votes[order]) >= 0.5)]


def _between(values, votes):
    order = np.argsort(values)
    return np.interp(0.5, np.cumsum(votes[order]) / votes.sum(), values[order])


def _local_constants(values, votes, squared=_mean, absolute=_median):
    """The best constants for the two losses; both can go wrong."""
    return float(squared(values, votes)), float(absolute(values, votes))


_CONSTANTS_SLIPS = {
    "These are chapter 1's mean and median: the votes K_i have no part in them.": {
        "squared": lambda values, votes: np.mean(values),
        "absolute": lambda values, votes: np.median(values),
    },
    "The two constants are exchanged: first the one for squared errors.":
        {"squared": _median, "absolute": _mean},
    "The second is right. The first would be right if the votes summed to 1, and nobody says that "
    "they do.": {"squared": lambda values, votes: np.sum(votes * values)},
    "The second is right. In the first, divide by the sum of the votes, not by their number.":
        {"squared": lambda values, votes: np.mean(votes * values)},
    "The first is right. The second is the plain median: a value with five votes must count five "
    "times.": {"absolute": lambda values, votes: np.median(values)},
    "The first is right. For the second do not multiply votes and values: c must lie among the "
    "values. Ask which share of the votes lies below c.":
        {"absolute": lambda values, votes: np.median(votes * values)},
    "The first is right. For the second the values were sorted and lost their votes: each vote "
    "must move with its value.": [
        {"absolute": lambda values, votes: _reached(np.sort(values), np.sort(votes))},
        {"absolute": lambda values, votes: _reached(np.sort(values), votes)},
    ],
    "The first is right. For the second the votes were added up in the order of the list: go "
    "through the values in ascending order.": {"absolute": _reached},
    "The first is right. The second is the value with the most votes; what counts is where half of "
    "all votes is reached.": {"absolute": lambda values, votes: values[np.argmax(votes)]},
    "The first is right. The second stops where the running sum reaches ½. The votes need not sum "
    "to 1: half of what is it?": {"absolute": _beyond_one_half},
    "The first is right. The second is a place in the sorted list; asked is the value that stands "
    "there.":
        {"absolute": lambda values, votes: np.sum(values < _median(values, votes))},
    "The first is right. The second lies between two values, by interpolation. The slope of the "
    "loss changes its sign at a value: which?": {"absolute": _between},
}  # fmt: skip

exercise(
    "local_constants",
    "The best constant near a query",
    "derive",
    reference=_local_constants,
    cases=[
        ([1, 7, 3], [1, 1, 5]),
        ([8, 2, 5, 4], [0.5, 0.1, 0.05, 0.2]),
        ([6, 3, 0, 9, -2], [0.4, 0.7, 0.3, 0.9, 0]),
    ],
    draw=lambda rng: (rng.normal(size=7), rng.uniform(0.01, 2, 7)),
    returns=("squared", "absolute"),
    tolerance=1e-4,
    mistakes=slips(_CONSTANTS_SLIPS, of=_local_constants),
)


# 2.5 More training points ------------------------------------------------------------------------


def squared_errors(n: int, sigma: float = SIGMA, seeds: Iterable[int] = SEEDS) -> np.ndarray:
    """Error against the truth, one for each seed."""
    draws = [sine_linear(n=n, seed=seed) for seed in seeds]
    fits = [nadaraya_watson(d.queries, d.keys, d.values, sigma=sigma)[0] for d in draws]
    return np.array([np.mean((fit - d.truth) ** 2) for fit, d in zip(fits, draws, strict=True)])


def limit(sigma: float = SIGMA) -> float:
    """The error that no number of points removes: that of the smooth of f."""
    sample, keys = sine_linear(), (np.arange(5000) + 0.5) / 1000
    smooth = nadaraya_watson(sample.queries, keys, sample.f(keys), sigma=sigma)[0]
    return float(np.mean((smooth - sample.truth) ** 2))


@cache
def _errors():
    return {name: squared_errors(n) for name, n in SIZES.items()}


def _points_slips():
    return {name: _error_slips(SIZES[name], errors) for name, errors in _errors().items()} | {
        "limit": {
            "with σ fixed the error does not go to 0. What does the estimate tend to?": 0,
            "that is the noise variance, which an error against the truth does not hold.": 1,
            "that is the error at n = 4000, where some noise is left. Smooth f itself on many "
            "keys, without noise.": _errors()["n4000"].mean(),
        },
    }


def _error_slips(n, errors):
    shifted = [*errors[1:], *squared_errors(n, seeds=[len(SEEDS)])]
    return {
        "that is the error on new observations. Compare with the truth.": errors.mean() + 1,
        "that is the root of the mean squared error; leave it squared.": np.sqrt(errors.mean()),
        "that is the sum over the ten samples; take their mean.": errors.sum(),
        "that is the sample with seed 0 alone; take the mean over ten.": errors[0],
        "those are the seeds 1 to 10; asked are 0 to 9.": np.mean(shifted),
        f"that belongs to σ = 1; here it is {SIGMA}.": squared_errors(n, 1.0).mean(),
    }


def _points():
    return {name: float(errors.mean()) for name, errors in _errors().items()} | {"limit": limit()}


_POINTS_NUMBERS = judge_parts(_points, _points_slips)
_POINTS_CLAIMS = truth_table(
    {"a": False, "b": True, "c": False, "d": True, "e": False, "f": True},
    "The numbers are right, and they decide most of the claims. For the others change σ and the "
    "noise, one at a time, and look again.",
)


def _judge_points(answer):
    claims, names = "abcdef", [*SIZES, "limit"]
    must = f" with {', '.join(names)} and the claims a to f"
    if problem := no_dict(answer, [*names, *claims], must):
        return problem
    missed = _POINTS_NUMBERS({name: answer[name] for name in names})
    if missed and missed.startswith("limit: the result is ") and _near(answer["limit"]):
        return (
            f"{missed} It is near: some scatter of the keys is left in it. Take more keys, and put "
            "them evenly."
        )
    return missed or _POINTS_CLAIMS({letter: answer[letter] for letter in claims})


def _near(answer):
    """Whether it is the limit up to what a random or coarse set of keys does to it."""
    return isinstance(answer, float | np.floating) and abs(answer / limit() - 1) < 0.2


exercise("more_points", "More training points, the same window", "design", judge=_judge_points)
