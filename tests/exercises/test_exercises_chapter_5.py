"""Chapter 5's exercises: wrong answers get the message meant for them, right ones pass."""

import math

import numpy as np
import pytest

from d2lmini import bandwidth, data
from d2lmini.exercise_checks import chapter_5


def level(offsets, weights, degree):
    """The height at offset 0 of the polynomial that fits the squares of the offsets best."""
    return np.polyfit(offsets, np.square(offsets), degree, w=np.sqrt(weights))[-1]


def bends(offsets, weights):
    return level(offsets, weights, 0), level(offsets, weights, 1)


def moment(offsets, weights, p):
    return sum(a * d**p for d, a in zip(offsets, weights, strict=True))


def by_moments(sign=-1, divided=True):
    def answer(offsets, weights):
        m1, m2, m3 = (moment(offsets, weights, p) for p in (1, 2, 3))
        line = m2 * m2 + sign * m1 * m3
        return m2, line / (m2 + sign * m1**2) if divided else line

    return answer


WRONG = {
    "bend_errors": [
        (lambda offsets, weights: ..., "returns nothing yet"),
        (by_moments(divided=False), "do not sum to 1 yet"),
        (by_moments(sign=1), "tilted the wrong way"),
        (lambda offsets, weights: (bends(offsets, weights)[0],) * 2, "weights were not tilted"),
        (
            lambda d, a: (moment(d, a, 2), moment(d, a, 2) - moment(d, a, 1) ** 2),
            "variance of the offsets",
        ),
        (lambda offsets, weights: bends(offsets, weights)[::-1], "exchanged"),
        (lambda d, a: (moment(d, a, 1), 0.0), "a straight line"),
    ],
    "shrinking_sigma": [
        (lambda n: ..., "Nothing is returned yet"),
        (lambda n: 0.3, "for every n"),
        (lambda n: 25 / n, "keeps the same number of keys"),
        (lambda n: n**-1 / 5, "exponent in brackets"),
        (lambda n: n**-0.5, "grows too slowly"),
        (lambda n: n**-0.1, "too slowly: the bias"),
        (lambda n: 0.1 * n**0.2, "must shrink"),
        (lambda n: 5 * n**-0.2, "look at the factor"),
        (lambda n: 0.1 * n**-0.2, "look at the factor"),
        (lambda n: 2 * n**-0.2, "4.3 times the smallest"),
        (lambda n: 0.6 * n**-0.2, "power is right"),
        (lambda n: n**-0.25, "the variance lags behind"),
        (lambda n: 1.2 * n**-0.25, "the variance lags behind"),
        (lambda n: 0.7 * n ** (-1 / 6), "squared bias lags behind"),
        (lambda n: n ** (-1 / 6), "squared bias lags behind"),
        (lambda n: 1 / math.log(n), "a logarithm"),
        (lambda n: -0.1, "not a bandwidth"),
        (0.3, "the function itself"),
    ],
    "rates": [
        (lambda d: (1.0, 0.2, 0.8), "same in every dimension"),
        (lambda d: (1.0, 1 / (4 + d), 4 / (4 + d)), "limit still forgets"),
        (lambda d: (1 / d, 1 / (4 + d), 2 / (4 + d)), "root of the error"),
        (lambda d: (1 / d, 4 / (4 + d), 1 / (4 + d)), "last two are exchanged"),
        (lambda d: (1 / d, -1 / (4 + d), -4 / (4 + d)), "a and r are positive"),
        (lambda d: (1 / d, 1 / (4 + d), -4 / (4 + d)), "r is positive"),
        (lambda d: (1 / d, 1 / (2 + d), 2 / (2 + d)), "enters the error squared"),
        (lambda d: (1 / d, 1 / (2 + d), 4 / (2 + d)), "its square that is added"),
        (lambda d: (1 / d, 1 / (4 + d), d / (4 + d)), "power of n once more"),
    ],
}
RIGHT = {
    "bend_errors": [bends, by_moments()],
    "shrinking_sigma": [
        lambda n: 0.5 * (40 / n) ** 0.2,
        lambda n: n**-0.2,
        lambda n: 0.8 * n**-0.2,
        lambda n: 0.9 * n**-0.19,
        lambda n: bandwidth.plug_in_bandwidth(*vars_of(data.sine_linear(n=n))),
    ],
    "rates": [
        lambda d: [1 / d, (4 + d) ** -1, 1 - d / (4 + d)],
        lambda d: np.array([1 / d, 1 / (4 + d), 4 / (4 + d)]),
    ],
}


def vars_of(sample):
    return sample.keys, sample.values


# What the exercises claim ------------------------------------------------------------------------


@pytest.mark.parametrize("end, factor", [(False, 1.0), (True, (1 - 4 / np.pi) / (1 - 2 / np.pi))])
def test_what_is_left_of_a_bend_is_sigma_squared_inside_and_another_multiple_at_the_end(
    end, factor
):
    d = (np.arange(40_000) + 0.5) / 5000 - (0 if end else 4)
    weights = np.exp(-(d**2) / 2)
    _, line = chapter_5._bend_errors(d, weights / weights.sum())
    assert np.isclose(line, factor, atol=2e-3)


def test_the_best_power_is_a_fifth_on_the_line():
    counts, powers = np.array(chapter_5.COUNTS[:3]), np.array([0.1, 0.15, 0.2, 0.25, 0.3])
    slopes = []
    for a in powers:
        errors = [chapter_5._exact_error(0.7 * n**-a, n) for n in counts]
        slopes.append(np.polyfit(np.log(counts), np.log(errors), 1)[0])
    assert powers[np.argmin(slopes)] == 0.2
    assert abs(min(slopes) + 4 / 5) < 0.06


def test_the_smallest_errors_are_those_of_a_search():
    optimize = pytest.importorskip("scipy.optimize")
    for n, least in list(zip(chapter_5.COUNTS, chapter_5.LEAST, strict=True))[:3]:
        found = optimize.minimize_scalar(
            chapter_5._exact_error,
            bounds=(0.05, 1),
            args=(n,),
            method="bounded",
            options={"xatol": 5e-3},
        )
        assert np.isclose(found.fun, least, rtol=0.01)


def test_the_rates_balance_the_two_terms():
    for d in range(1, 12):
        limit, best, r = chapter_5._rates(d)
        powers = np.linspace(0, 1, 200_001)
        fall = np.minimum(4 * powers, 1 - powers * d)
        assert np.isclose(powers[fall.argmax()], best, atol=1e-5)
        assert np.isclose(fall.max(), r, atol=1e-4)
        assert np.isclose(powers[fall > 0].max(), limit, atol=1e-4)
