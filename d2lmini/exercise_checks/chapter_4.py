"""Exercises of chapter 4: bandwidth."""

import math
from functools import cache

import numpy as np

from ..attention import masked_softmax, nadaraya_watson
from ..bandwidth import leave_one_out_error, plug_in_bandwidth
from ..data import sine_linear
from ..local_line import local_linear
from .compare import as_numbers
from .engine import exercises_of, slips
from .limits import AnswerError, UnfinishedError
from .parts import claims_with_numbers

exercise = exercises_of(4)

# 4.1 How many does a query listen to? ------------------------------------------------------------


def _weights(keys, sigma):
    return nadaraya_watson(keys, keys, keys, sigma=sigma)[1]


def _kernel(keys, sigma):
    return np.exp(-((keys[:, None] - keys) ** 2) / (2 * sigma**2))


def _numbers(
    keys, sigma, H=_weights, degrees=np.trace, effective=lambda H: 1 / np.sum(H**2, axis=1)
):
    """Two functions of the weights H (n, n); all three can go wrong."""
    H = H(keys, sigma)
    return float(degrees(H)), effective(H)


_NUMBERS_SLIPS = {
    "Those are the numbers of the kernel values. Attention weights are kernel values divided by "
    "their sum, so that each row sums to 1.": {"H": _kernel},
    "Those are the numbers for the bandwidth σ²: the library squares σ by itself.":
        {"H": lambda keys, sigma: _weights(keys, sigma**2)},
    "The own weights were squared before they were added. The squares belong to the second number "
    "only.": {"degrees": lambda H: np.trace(H**2)},
    "The sum of the squared weights is one over the effective number: with n equal weights it is "
    "1/n, and n keys are heard.": {"effective": lambda H: np.sum(H**2, axis=1)},
    "The squares were added down a column, over the queries. Each query has its own effective "
    "number: add along the row.": {"effective": lambda H: 1 / np.sum(H**2, axis=0)},
    "One over the largest weight looks at a single key. Formula (4.2) has all of them.":
        {"effective": lambda H: 1 / H.max(axis=1)},
    "That is the exponential of the entropy, another count of keys. The one of (4.2), which "
    "divides the noise variance, has the squares of the weights.":
        {"effective": lambda H: np.exp(-np.sum(H * np.log(H), axis=1))},
    "The effective number is one over the sum of squares, without a root.":
        {"effective": lambda H: np.sqrt(1 / np.sum(H**2, axis=1))},
    "Each row sums to 1, so the sum of all weights is n whatever σ is. Degrees of freedom are the "
    "weights that points give to themselves.": {"degrees": np.sum},
    "The own weights were averaged. The degrees of freedom are their sum.":
        {"degrees": lambda H: np.mean(np.diag(H))},
    "That is tr(H Hᵀ), which some books call degrees of freedom too. Chapter 4 uses tr(H), the sum "
    "of the own weights.": {"degrees": lambda H: np.sum(H**2)},
}  # fmt: skip

exercise(
    "effective_numbers",
    "How many points, how many parameters",
    "compute",
    reference=_numbers,
    returns=("degrees of freedom", "effective keys"),
    cases=[([0, 1, 3], 1.0), ([0, 0.5, 0.7, 2.5], 0.6), ([1, 2, 2.5, 4, 4.2, 7], 1.5)],
    draw=lambda rng: (np.sort(rng.uniform(0, 5, 6)), rng.uniform(0.3, 1.5)),
    mistakes=slips(_NUMBERS_SLIPS, of=_numbers),
)


# 4.2 Leave one out -------------------------------------------------------------------------------


def _leave_one_out(scores, values):
    """With one fit for each point, each to a data set of its own."""
    squares = []
    for i in range(len(values)):
        rest = np.arange(len(values)) != i
        weights = masked_softmax(scores[i, rest])
        squares.append((values[i] - weights @ values[rest]) ** 2 if weights.any() else math.inf)
    return float(np.mean(squares))


def _others(scores):
    return ~np.eye(len(scores), dtype=bool)


def _hidden(scores):
    return masked_softmax(scores, _others(scores))


def _loo(scores, values, weights=_hidden, loss=lambda r: np.mean(r**2), lonely=math.inf):
    """From one table of weights, with what can go wrong.

    lonely: the error when a point has no other key, or None to leave what comes out.
    """
    if lonely is not None and not _hidden(scores).any(axis=1).all():
        return lonely
    return float(loss(values - weights(scores) @ values))


def _lonely_or_not(weights):
    """Wrong weights, whatever is done about a point without another key."""
    return [{"weights": weights, "lonely": lonely} for lonely in (None, math.inf)]


def _along_columns(scores):
    """Row maxima and row sums without keepdims: NumPy lines them up with the columns."""
    scores = np.where(_others(scores), scores, -math.inf)
    kernel = np.exp(scores - scores.max(axis=1))
    return kernel / kernel.sum(axis=1)


def _plain(scores):
    """Without subtracting the maximum."""
    kernel = np.exp(scores) * _others(scores)
    with np.errstate(all="ignore"):
        return kernel / kernel.sum(axis=1, keepdims=True)


def _own_score_low(scores):
    """The own score is low, but finite: a lonely point sees itself again."""
    return masked_softmax(np.where(_others(scores), scores, -1e9))


def _by_division(scores, values):
    H = masked_softmax(scores)
    with np.errstate(all="ignore"):
        return float(np.mean(((values - H @ values) / (1 - np.diag(H))) ** 2))


def _over_served(scores, values):
    weights = _hidden(scores)
    return float(np.mean((values - weights @ values)[weights.any(axis=1)] ** 2))


_LOO_SLIPS = {
    "That is the training error: each point votes on itself, with the best score of its row. Hide "
    "the diagonal before you normalise (a score of 0 hides nothing).":
        _lonely_or_not(masked_softmax),
    "The own weight is gone, but the weights that remain no longer sum to 1. The diagonal must be "
    "hidden before the rows are normalised.":
        _lonely_or_not(lambda scores: masked_softmax(scores) * _others(scores)),
    "The weights of a row do not sum to 1: the maxima or sums of the rows were lined up with the "
    "columns. Give them the shape (n, 1), as keepdims=True does.": _lonely_or_not(_along_columns),
    "These are the right squares; (4.5) takes their mean, not their sum.":
        {"loss": lambda r: np.sum(r**2)},
    "That is the root of the leave-one-out error. (4.5) has no root.":
        {"loss": lambda r: np.sqrt(np.mean(r**2))},
    "The residuals enter (4.5) squared; yours enter with their size.":
        {"loss": lambda r: np.mean(np.abs(r))},
    "Right while every point has another key in reach. A point without one was left out of the "
    "average, so that the easy points alone are judged; such a bandwidth is not admissible.":
        _over_served,
    "Right while every point has another key in reach. A point without one was predicted by 0, "
    "which nothing supports: this bandwidth is not admissible.": {"lonely": None},
    "Right while every point has another key in reach. A score that is only very low hides nothing "
    "from a point that has no other: it votes on itself again.":
        {"weights": _own_score_low, "lonely": None},
    "Right while every point has another key in reach. Otherwise the bandwidth is not admissible, "
    "and a search for the smallest error needs a number for it that is larger than all others; NaN "
    "compares with nothing.": {"lonely": math.nan},
    "Formula (4.6) is right on paper. Where an own weight rounds to 1 it divides 0 by 0. Remove "
    "the diagonal from the scores instead.": _by_division,
    "A row of very low scores gives 0/0: all exponentials round to 0, although the weights exist. "
    "Subtract the row's maximum first, after the diagonal is hidden.": _lonely_or_not(_plain),
}  # fmt: skip

_INF = math.inf

exercise(
    "leave_one_out",
    "Leave one out",
    "implement",
    reference=_leave_one_out,
    cases=[
        ([[0, -1, -2], [-1, 0, -0.5], [-2, -0.5, 0]], [1, 4, 2]),
        (
            [
                [0, -800, -3200, -1250],
                [-800, 0, -800, -50],
                [-3200, -800, 0, -2450],
                [-1250, -50, -2450, 0],
            ],
            [3, 1, 2, 5],
        ),
        ([[0, -48, -52], [-48, 0, -45], [-52, -45, 0]], [2, 5, -1]),
        (
            [
                [0, -0.3, -_INF, -_INF],
                [-0.3, 0, -0.1, -_INF],
                [-_INF, -0.1, 0, -_INF],
                [-_INF, -_INF, -_INF, 0],
            ],
            [2, 4, 1, 3],
        ),
    ],
    draw=lambda rng: (-(((k := rng.uniform(0, 5, 6))[:, None] - k) ** 2), rng.normal(size=6)),
    mistakes=slips(_LOO_SLIPS, of=_loo),
)


# 4.3 Six sentences about errors ------------------------------------------------------------------


@cache
def _error_numbers():
    sample, wavy = sine_linear(n=40, noise_sd=1.0, seed=0), sine_linear(seed=13)
    at_keys = nadaraya_watson(sample.keys, sample.keys, sample.values, sigma=1e-4)[0]
    cv = leave_one_out_error(wavy.keys, wavy.values, np.geomspace(0.05, 5, 80))
    gaps = np.abs(sample.keys[:, None] - sample.keys)
    np.fill_diagonal(gaps, math.inf)
    return {
        "a": float(np.mean((at_keys - sample.f(sample.keys)) ** 2)),
        "b": 0.5**2,
        "c": 1.2 - 1.0**2,
        "d": int(np.sum((cv[1:-1] < cv[:-2]) & (cv[1:-1] < cv[2:]))),
        "e": float(leave_one_out_error(sample.keys, sample.values, 0.3)),
        "f": int(np.sum(gaps.min(axis=1) >= 0.05)),
    }


exercise(
    "error_claims",
    "What an error curve tells",
    "explain",
    judge=claims_with_numbers(
        {"a": False, "b": True, "c": False, "d": False, "e": True, "f": False},
        _error_numbers,
        "Ask of each error: which values is the estimate compared with, and have they taken "
        "part in making it?",
        {
            "a": "Compare the estimates at the keys with sample.f, not with the values.",
            "b": "Fresh noise has had no part in the curve: what does its square add?",
            "c": "What does the leave-one-out error contain that is not the curve's fault?",
            "d": "Count the entries of the curve that are lower than both their neighbours.",
            "e": "Use (4.6), or exercise 4.2, on the sample of the setup with σ = 0.3.",
            "f": "Count the points whose nearest other key is 0.05 away or more.",
        },
    ),
)


# 4.4 A better smoother ---------------------------------------------------------------------------

SAMPLES = 4  # of each world
ENOUGH = 0.85  # of the error of the plain smoother, in each world
#: Worlds: the length on which f varies, the range of the keys, and the noise sd.
_WORLDS = {"0 to 5": (1.0, 5.0, 0.5), "0 to 50": (10.0, 50.0, 1.0), "0 to 1": (0.2, 1.0, 0.4)}
#: Many swings: a rule that takes f for a quartic smooths them away.
_WORLDS["0 to 20"] = (1.0, 20.0, 0.5)


def _draw_world(length, end, noise_sd, seed):
    """keys, values, queries and the truth there; f is a random wave on a random slope."""
    rng = np.random.default_rng(seed)
    height, phase, slope = rng.uniform(1.5, 2.5), rng.uniform(0, 6), rng.uniform(-1, 1)

    def f(x):
        return height * np.sin(1.3 * x / length + phase) + slope * x / length

    keys = np.sort(rng.uniform(0, end, 80))
    queries = np.linspace(0, end, 41)
    return keys, f(keys) + rng.normal(0, noise_sd, 80), queries, f(queries)


def _estimates(answer, queries, keys, values):
    given = answer(queries.copy(), keys.copy(), values.copy())
    if given is None or given is ...:
        raise UnfinishedError("Nothing is returned yet: replace the ... and return the estimates.")
    got, problem = as_numbers(given, queries)
    if problem:
        raise AnswerError(problem)
    if got.shape != queries.shape:
        raise AnswerError(
            f"There are {len(queries)} queries, and the result has shape {got.shape}; "
            f"it must be {queries.shape}."
        )
    if not np.isfinite(got).all():
        raise AnswerError(
            f"{(~np.isfinite(got)).sum()} of {len(got)} estimates are not finite. Is there a "
            "bandwidth on your grid so small that windows are empty?"
        )
    return got


def _ratio(answer, world, first):
    """Error against the truth, relative to the Gaussian smoother with σ = 1."""
    errors = np.zeros(2)
    for seed in range(first, first + SAMPLES):
        keys, values, queries, truth = _draw_world(*world, seed)
        plain = nadaraya_watson(queries, keys, values, sigma=1.0)[0]
        ours = _estimates(answer, queries, keys, values)
        errors += [np.mean((ours - truth) ** 2), np.mean((plain - truth) ** 2)]
    return errors[0] / errors[1]


def _follows_values(answer):
    keys, values, queries, _ = _draw_world(*_WORLDS["0 to 5"], 0)
    one = _estimates(answer, queries, keys, values)
    two = _estimates(answer, queries, keys, 3 - values[::-1])
    return not np.allclose(one, two)


def _chooses(answer):
    """Whether the estimates of a sum differ from the sum of the estimates.

    With a fixed hyperparameter they are linear in the values; with one chosen from them, not.
    """
    keys, values, queries, _ = _draw_world(*_WORLDS["0 to 5"], 0)
    noise = 4 * np.random.default_rng(1).normal(size=len(keys))
    parts = [_estimates(answer, queries, keys, v) for v in (values, noise)]
    return not np.allclose(sum(parts), _estimates(answer, queries, keys, values + noise), rtol=1e-4)


def _normalises(answer):
    keys, _, queries, _ = _draw_world(*_WORLDS["0 to 5"], 0)
    return np.allclose(_estimates(answer, queries, keys, np.full(len(keys), 2.0)), 2, atol=0.05)


def _copies_values(answer):
    keys, values, _, _ = _draw_world(*_WORLDS["0 to 5"], 0)
    error = np.mean((_estimates(answer, keys, keys, values) - values) ** 2)
    return error < _WORLDS["0 to 5"][2] ** 2 / 2


_FIXED = (
    "It wins in {}, but the values choose nothing: the estimates of a sum of two "
    "data sets are the sums of their estimates, so the hyperparameter was fixed before any value "
    "was seen. Noisier data would need a larger one. Let leave-one-out choose it."
)


_PLUGGED_IN = (
    "These are the estimates of the plug-in bandwidth, which takes f for a quartic. The exercise "
    "asks for leave-one-out, which assumes no shape: where f swings many times the plug-in fails."
)


def _plugs_in(answer):
    """Whether the estimates are those of plug_in_bandwidth, with the plain mean or the line."""
    keys, values, queries, _ = _draw_world(*_WORLDS["0 to 5"], 0)
    sigma, got = plug_in_bandwidth(keys, values), _estimates(answer, queries, keys, values)
    smoothers = (nadaraya_watson, local_linear)
    return any(np.allclose(got, f(queries, keys, values, sigma=sigma)[0]) for f in smoothers)


def _judge_smoother(answer):
    if not callable(answer):
        return "The answer must be the function itself: better_smoother(queries, keys, values)."
    if not _follows_values(answer):
        return "Other values give the same estimates: your function must smooth the data it gets."
    if _plugs_in(answer):
        return _PLUGGED_IN
    ratios = {name: _ratio(answer, world, 100) for name, world in _WORLDS.items()}
    if all(ratio <= ENOUGH for ratio in ratios.values()):
        return None if _chooses(answer) else _FIXED.format("all four worlds")
    found = ", ".join(f"{ratio:.2f} for keys from {name}" for name, ratio in ratios.items())
    if all(abs(ratio - 1) < 1e-6 for ratio in ratios.values()):
        return f"Your estimates are those of the plain smoother with σ = 1: error ratios {found}."
    if _copies_values(answer):
        why = (
            "At the keys your estimates repeat the values: when the hyperparameter was chosen, "
            "each point voted on itself."
        )
    elif not _normalises(answer):
        why = "Where all values are 2 the estimates are not 2: do the weights of a row sum to 1?"
    elif max(list(ratios.values())[:3]) <= ENOUGH:
        if not _chooses(answer):
            return _FIXED.format("three of the four worlds")
        why = (
            "Better only where f is nearly a low polynomial: what chose the hyperparameter "
            "assumes a shape. Leave-one-out assumes none."
        )
    elif max(ratios.values()) > ENOUGH >= min(ratios.values()):
        why = "Better in places only: is a number fixed that the data should choose?"
    else:
        why = "Not better yet. Does the hyperparameter come from an error that leaves one out?"
    return f"Error relative to σ = 1: {found}. Each must be {ENOUGH} at most. {why}"


exercise(
    "better_smoother",
    "A hyperparameter that pays",
    "design",
    judge=_judge_smoother,
    takes=("queries", "keys", "values"),
    seconds=60,
)
