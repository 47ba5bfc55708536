"""Exercises of chapter 5: a better local fit."""

import math

import numpy as np

from ..bandwidth import bias_variance
from ..data import sine_linear
from .compare import as_numbers
from .engine import exercises_of, slips
from .parts import first

exercise = exercises_of(5)

# 5.1 What a line leaves of a bend ----------------------------------------------------------------


def _tilted(d, a, sign=-1):
    """Weights (n,) of the local line from offsets d and weights a, before they are normalised."""
    return a * (a @ d**2 + sign * (a @ d) * d)


def _bend_errors(offsets, weights, tilt=_tilted, normalise=np.sum, power=2):
    """Errors of constant and line at the query when each value is its offset squared."""
    tilted = tilt(offsets, weights)
    line = tilted @ offsets**power / normalise(tilted)
    return float(weights @ offsets**power), float(line)


_BEND_SLIPS = {
    "Right for the constant. The tilted weights of the line do not sum to 1 yet: divide by their "
    "sum.": {"normalise": lambda tilted: 1.0},
    "Right for the constant. The line is tilted the wrong way: it takes weight from the side to "
    "which the keys lean.": {"tilt": lambda d, a: _tilted(d, a, sign=1)},
    "Right for the constant. The second number is the same, so the weights were not tilted: the "
    "line has weights of its own.": {"tilt": lambda d, a: a},
    "Right for the constant. The second number is the variance of the offsets. The line's error is "
    "its own weighted mean of the values, d squared.":
        lambda offsets, weights: (
            weights @ offsets**2,
            weights @ offsets**2 - (weights @ offsets) ** 2,
        ),
    "The numbers are right, but exchanged: first the constant, then the line.":
        lambda offsets, weights: _bend_errors(offsets, weights)[::-1],
    "The values are the squares of the offsets. Yours are the offsets themselves: a straight line, "
    "of which the local line leaves nothing.": {"power": 1},
}  # fmt: skip

exercise(
    "bend_errors",
    "What a line leaves of a bend",
    "derive",
    reference=_bend_errors,
    returns=("the error of the constant", "the error of the line"),
    cases=[
        ([0.0, 1.0, 3.0], [0.5, 0.25, 0.25]),
        ([-1.0, 0.0, 1.0], [0.25, 0.5, 0.25]),
        ([-2.0, -0.5, 0.1, 0.4], [0.1, 0.2, 0.4, 0.3]),
        ([0.2, 0.3, 0.9, 1.5, 2.5], [0.3, 0.3, 0.2, 0.15, 0.05]),
    ],
    draw=lambda rng: (rng.uniform(-0.5, 2, 8).round(3), rng.dirichlet(np.ones(8))),
    mistakes=slips(_BEND_SLIPS, of=_bend_errors),
)


# 5.2 A bandwidth that shrinks --------------------------------------------------------------------

COUNTS = (50, 400, 3200, 25600)
#: The smallest error that one bandwidth gives at each of COUNTS, and how far above it one may be.
LEAST = (0.0801, 0.01618, 0.003064, 0.000561)
NEAR = 1.25
POWER = (0.18, 0.22)  # of n, around 1/5
INTERIOR = np.linspace(1, 4, 31)


def _exact_error(sigma, n):
    """Squared bias plus variance in the interior, without drawing noise; mean over three seeds."""
    parts = [
        np.mean(sum(bias_variance(d.f, d.keys, 1.0, INTERIOR, sigma)))
        for d in (sine_linear(n=n, seed=seed) for seed in range(3))
    ]
    return float(np.mean(parts))


def _bandwidths(answer):
    sigmas = []
    for n in COUNTS:
        value = answer(n)
        if value is None or value is ...:
            return [], "Nothing is returned yet: replace the ... and return a bandwidth."
        number, problem = as_numbers(value, np.array(1.0))
        if problem or number.ndim or not 0 < number < math.inf:
            return [], f"For n = {n} the result is not a bandwidth: one positive number."
        sigmas.append(float(number))
    return sigmas, ""


def _judge_shrinking(answer):
    if not callable(answer):
        return "The answer must be the function itself, of one argument n."
    sigmas, problem = _bandwidths(answer)
    if problem:
        return problem
    if max(sigmas) - min(sigmas) < 1e-9:
        return (
            f"σ is {sigmas[0]:g} for every n. With a fixed bandwidth the variance falls and the "
            "bias stays: the error stops falling."
        )
    if sigmas != sorted(sigmas, reverse=True):
        return "σ must shrink as n grows, and yours does not. What would more points be good for?"
    errors = [_exact_error(sigma, n) for sigma, n in zip(sigmas, COUNTS, strict=True)]
    powers = -np.diff(np.log(sigmas)) / np.diff(np.log(COUNTS))
    power = -np.polyfit(np.log(COUNTS), np.log(sigmas), 1)[0]
    over = np.divide(errors, LEAST)
    if POWER[0] <= power <= POWER[1] and over.max() <= NEAR:
        return None
    slope = np.polyfit(np.log(COUNTS), np.log(errors), 1)[0]
    shown = ", ".join(f"{error:.4f}" for error in errors)
    found = f"Errors at n = {', '.join(map(str, COUNTS))}: {shown}; slope {slope:.2f}."
    worse = [n for n, e in zip(COUNTS, errors, strict=True) if e >= _exact_error(1.0, n)]
    return f"{found} {_why_not(powers, power, over, worse)}"


def _why_not(powers, power, over, worse):
    """What to say of a rule: its powers of n between the counts, errors relative to LEAST."""
    behind = "variance" if power > POWER[1] else "squared bias"
    at = int(over.argmax())
    return first({
        "σ is proportional to 1/n, so the window keeps the same number of keys. (If you meant a "
        "root: in Python n ** -1/k is (n ** -1)/k; put the exponent in brackets.)": power > 0.95,
        "σ shrinks so fast that the effective number of keys grows too slowly.": power > 0.4,
        f"The power of 1/n in σ falls from {powers[0]:.2f} to {powers[-1]:.2f} as n grows, as that "
        "of a logarithm does: in the end the bias, of order σ², falls too slowly.":
            powers[-1] < 0.6 * powers[0],
        "σ shrinks too slowly: the bias, of order σ², lags behind.": power < 0.15,
        f"σ falls like n^−{power:.2f}, so the squared bias falls like n^−{4 * power:.2f} and the "
        f"variance like n^−{1 - power:.2f}: the {behind} lags behind. Balance the two.":
            not POWER[0] <= power <= POWER[1],
        f"At n = {min(worse, default=0)} the fixed σ = 1 does better: look at the factor.": worse,
        f"The power is right. At n = {COUNTS[at]} the error is {over[at]:.1f} times the smallest "
        f"that a bandwidth gives; it must be {NEAR} times at most: look at the factor.": True,
    })  # fmt: skip


exercise(
    "shrinking_sigma",
    "A bandwidth that shrinks with n",
    "design",
    judge=_judge_shrinking,
    takes=("n",),
    seconds=30,
)


# 5.3 How fast, and in how many dimensions --------------------------------------------------------


def _rates(d, limit=lambda d: 1 / d, a=lambda d: 1 / (4 + d), r=lambda d: 4 / (4 + d)):
    return limit(d), a(d), r(d)


_RATES_SLIPS = {
    "Right on a line, and the same in every dimension. How many points lie in a window of radius σ "
    "when the keys have d coordinates?": lambda d: _rates(1),
    "The best rate is right. The limit still forgets the dimension: the number of keys in a window "
    "must grow, and that number is of order n σ to a power.": {"limit": lambda d: 1.0},
    "The numbers are right, but the last two are exchanged: first a, then r.":
        {"a": lambda d: 4 / (4 + d), "r": lambda d: 1 / (4 + d)},
    "That is the exponent of the root of the error. Asked is the squared error.":
        {"r": lambda d: 2 / (4 + d)},
    "The sizes are right. σ = n^−a and error ∝ n^−r carry the minus already, so a and r are "
    "positive.": {"a": lambda d: -1 / (4 + d), "r": lambda d: -4 / (4 + d)},
    "The sizes are right. The error is n^−r, which carries the minus already: r is positive.":
        {"r": lambda d: -4 / (4 + d)},
    "You balanced the bias itself, or a bias of order σ. Inside the data it is of order σ², and it "
    "enters the error squared.": {"a": lambda d: 1 / (2 + d), "r": lambda d: 2 / (2 + d)},
    "You balanced a bias of order σ² with the variance. It is its square that is added to the "
    "variance.": {"a": lambda d: 1 / (2 + d), "r": lambda d: 4 / (2 + d)},
    "The best a is right. Put it into either term of (5.5) and read off the power of n once more.":
        {"r": lambda d: d / (4 + d)},
}  # fmt: skip

exercise(
    "rates",
    "How fast may σ shrink?",
    "derive",
    reference=_rates,
    returns=("the limit for a", "the best a", "the exponent of the error"),
    cases=[(1,), (2,), (5,)],
    draw=lambda rng: (rng.integers(3, 20),),
    mistakes=slips(_RATES_SLIPS, of=_rates),
)
