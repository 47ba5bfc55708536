"""Chapter 3's exercises: wrong answers get the message meant for them, right ones pass."""

import numpy as np
from scipy import integrate, stats

from d2lmini.exercise_checks import EXERCISES, judge

ROOT_2PI = np.sqrt(2 * np.pi)


def window(queries, keys, values, sigma, empty=np.nan, inside=lambda d, s: d <= s, share=None):
    """The boxcar average with loops, and with what can go wrong."""
    out = []
    for q in queries:
        near = [y for k, y in zip(keys, values, strict=True) if inside(abs(q - k), sigma)]
        out.append(sum(near) / (share or len(near)) if near else empty)
    return np.array(out)


def exponential_of_a_mask(queries, keys, values, sigma):
    weights = np.exp((np.abs(queries[:, None] - keys) <= sigma).astype(float))
    return (weights / weights.sum(1, keepdims=True)) @ values


def windows(**wrong):
    return lambda queries, keys, values, sigma: window(queries, keys, values, sigma, **wrong)


def nearest(queries, keys, values, sigma):
    found = window(queries, keys, values, sigma)
    for i in np.flatnonzero(np.isnan(found)):
        found[i] = values[np.abs(queries[i] - keys).argmin()]
    return found


def overall_mean(queries, keys, values, sigma):
    return window(queries, keys, values, sigma, empty=values.mean())


def widths(divide_by_mass=True, root=True, invert=True):
    """By adaptive integration."""
    kernels = (
        lambda u: float(u <= 1),
        lambda u: np.cos(np.pi * u / 2) * (u <= 1),
        lambda u: max(1 - u**2, 0) ** 2,
        lambda u: np.exp(-u),
    )
    out = []
    for kernel, end in zip(kernels, (1, 1, 1, np.inf), strict=True):
        mass = 2 * integrate.quad(kernel, 0, end)[0]
        second = 2 * integrate.quad(lambda u, K=kernel: K(u) * u**2, 0, end)[0]
        spread = second / (mass if divide_by_mass else 1)
        spread = np.sqrt(spread) if root else spread
        out.append(0.6 / spread if invert else 0.6 * spread)
    return np.array(out)


def joint(queries, keys, labels, sigma, prior=None, height=None, vote="mean", first="minus"):
    """Point by point, and with what can go wrong."""
    n, out, votes = len(keys), [], []
    for q in queries:
        bell = np.exp(-(((q - keys) / sigma) ** 2) / 2)
        density = bell / (sigma * ROOT_2PI) if height is None else bell * height(sigma)
        p = {}
        for c in (1, -1):
            own = labels == c
            p[c] = (own.sum() / n if prior is None else prior) * density[own].mean()
        out.append(p[1] - p[-1] if first == "minus" else p[1] + p[-1])
        votes.append(bell @ labels / (bell.sum() if vote == "mean" else 1))
    votes = np.sign(votes) if vote == "sign" else np.array(votes)
    return np.array(out), votes


def joints(**wrong):
    return lambda queries, keys, labels, sigma: joint(queries, keys, labels, sigma, **wrong)


def by_scipy(queries, keys, labels, sigma):
    p = {
        c: np.mean(labels == c) * stats.norm.pdf(queries[:, None], keys[labels == c], sigma).mean(1)
        for c in (1, -1)
    }
    return p[1] - p[-1], (p[1] - p[-1]) / (p[1] + p[-1])


def one_sided(side):
    def answer(queries, keys, values, sigma):
        seen = side * np.subtract.outer(queries, keys) <= sigma
        return np.array([values[row].mean() if row.any() else np.nan for row in seen])

    return answer


def of_both(power=lambda d, s: (d / s) ** 2 / 2, over=None, sign=lambda y: y):
    """Both parts from the same windows, as a reader writes it, with what can go wrong."""

    def answer(**case):
        keys, labels, sigma = case["keys"], case["labels"], case["sigma"]
        bell = np.exp(-power(np.subtract.outer(case["queries"], keys), sigma))
        density = bell / (sigma * ROOT_2PI) / (over(case) if over else len(keys))
        return density @ (1.0 * sign(labels)), bell @ labels / bell.sum(1)

    return answer


WRONG = {
    "window_average": [
        (windows(empty=0.0), "a claim about f"),
        (nearest, "gives the nearest value"),
        (overall_mean, "gives the mean of all values"),
        (windows(inside=lambda d, s: d < s), "exactly at the edge"),
        (windows(inside=lambda d, s: d <= 1), "same width for every σ"),
        (windows(inside=lambda d, s: d**2 <= s), "squared distance was compared"),
        (windows(inside=lambda d, s: 2 * d <= s), "half as wide"),
        (lambda queries, keys, values, sigma: window(
            queries, keys, values, sigma, empty=0, share=len(keys)), "divided by n"),
        (windows(empty=0, share=1), "sums over the window"),
        (exponential_of_a_mask, "exponential of a mask"),
        (lambda queries, keys, values, sigma: window(queries, keys, keys, sigma), "of the keys"),
        (one_sided(1), "to the right of a query"),
        (one_sided(-1), "to the left of a query"),
        (windows(share=1), "sums over the window"),
        (lambda **case: window(**case, share=len(case["keys"])), "divided by n"),
        (lambda **case: [None if np.isnan(f) else f for f in window(**case)], "None.*np.nan"),
        (lambda **case: (window(**case), 0), "return it alone"),
    ],
    "matched_widths": [
        (widths(invert=False), "the other direction"),
        (widths(root=False), "divided by the variance"),
        (widths(divide_by_mass=False), "first be divided by its integral"),
        (widths(invert=False) / 0.6, "right standard deviations at width 1"),
        (np.where(np.arange(4) == 3, 0.6, widths()), "the Laplace kernel is not"),
        (np.where(np.arange(4) == 2, 0.6 * 5**0.5, widths()), "quartic one is not"),
        ([0.6] * 4, "one width for all"),
        (np.round(widths(), 2), "two decimals"),
        (np.where(np.arange(4) == 0, 0.6 * 12**0.5, widths()), "boxcar is not"),
        (np.where(np.arange(4) == 3, 1.19035, widths()), "does not end at"),
    ],
    "parzen_and_attention": [
        (joints(prior=1.0), "how frequent the class is"),
        (joints(prior=0.5), "prior ½"),
        (joints(height=lambda s: 1 / ROOT_2PI), "lacks a factor 1/σ"),
        (joints(height=lambda s: 1.0), "needs its constant"),
        (joints(height=lambda s: 1 / s), "the integral of the bell itself"),
        (joints(first="plus"), "which is p̂"),
        (joints(vote="sign"), "given as a sign"),
        (joints(height=lambda s: 1 / (ROOT_2PI * s**0.5)), "σ does not"),
        (lambda **case: tuple(np.sign(joint(**case))), "decisions"),
        (of_both(lambda d, s: (d / s) ** 2), "too narrow"),
        (of_both(lambda d, s: d**2 / s / 2), "divided by σ"),
        (of_both(over=lambda case: len(case["queries"])), "number of queries"),
        (of_both(sign=lambda y: y == 1), "not 0"),
        (of_both(sign=lambda y: y * np.where(y > 0, (y > 0).sum(), (y < 0).sum())), "counts twice"),
        (joints(vote="sum"), "sum of kernels times labels"),
        (lambda **case: (joint(**case)[1], joint(**case)[1]), "first part is the vote"),
        (lambda **case: (joint(**case)[0], joint(**case)[0]), "second part is the difference"),
        (lambda **case: (len(case["keys"]) * joint(**case)[0], joint(**case)[1]), "n times"),
    ],
    "keys_without_features": [
        ([0, 2, 4], "identity"),
        ([0, 0.2, 0.4, 0.6], "All keys see each other"),
        ([0, 0.7, 1.4], "contradict nothing"),
        ([0, 0.34, 0.68, 1.02], "asked is -0.01"),
        ([0, 0.5, np.inf], "not a finite number"),
        (np.arange(60) / 2, "60 keys"),
        ("0, 0.5, 1", "list of numbers"),
    ],
}  # fmt: skip
RIGHT = {
    "window_average": [window],
    "matched_widths": [widths(), [1.04, 1.379, 1.587, 0.424]],
    "parzen_and_attention": [joint, by_scipy],
    "keys_without_features": [[0, 0.5, 1, 1.5], np.arange(0, 4, 0.5), (0.1, 0.6, 1.1, 1.6, 2)],
}


def test_the_two_classifiers_agree_and_equal_priors_part_them():
    rng = np.random.default_rng(3)
    keys, queries = rng.normal(size=40), np.linspace(-2, 2, 200)
    labels = np.where(np.arange(40) < 32, 1.0, -1.0)
    difference, vote = by_scipy(queries, keys, labels, 0.3)
    assert (np.sign(difference) == np.sign(vote)).all()
    equal, _ = joint(queries, keys, labels, 0.3, prior=0.5)
    assert (np.sign(equal) != np.sign(vote)).any()


def test_no_three_keys_answer_the_design_exercise():
    for a in np.linspace(0.01, 1.2, 60):
        for b in np.linspace(0.01, 1.2, 60):
            gaps = abs(np.subtract.outer([0, a, a + b], [0, a, a + b]))
            gram = np.where(gaps <= 1, np.cos(np.pi * gaps / 2), 0)
            assert np.linalg.eigvalsh(gram)[0] > -1e-9


def test_a_result_that_holds_text_is_shown_as_it_is():
    result = judge(EXERCISES["window_average"], lambda **case: [6.0, "NaN"])
    assert "your result = [6.0, 'NaN']" in str(result)
