"""Chapter 4's exercises: wrong answers get the message meant for them, right ones pass."""

import math

import numpy as np
import pytest

from d2lmini import bandwidth, data, local_linear, nadaraya_watson
from d2lmini.exercise_checks import EXERCISES, chapter_4, judge


def hat(keys, sigma):
    kernel = np.exp(-((keys[:, None] - keys) ** 2) / (2 * sigma**2))
    return kernel / kernel.sum(1, keepdims=True)


def numbers(
    degrees=lambda H: sum(H[i, i] for i in range(len(H))),
    effective=lambda H: [1 / sum(a**2 for a in row) for row in H],
):
    return lambda keys, sigma: (degrees(hat(keys, sigma)), effective(hat(keys, sigma)))


def loo(scores, values, **wrong):
    """n fits with Python loops, and with what can go wrong."""
    n, losses = len(values), []
    for i in range(n):
        rest = [j for j in range(n) if wrong.get("left_in") or j != i]
        rest = [j for j in rest if scores[i, j] > -math.inf]
        if not rest:
            if wrong.get("skip"):
                continue
            if not wrong.get("zero"):
                return wrong.get("lonely", math.inf)
            losses.append(values[i] ** 2)
            continue
        top = max(scores[i, j] for j in rest)
        vote = {j: math.exp(scores[i, j] - top) for j in rest}
        residual = values[i] - sum(vote[j] * values[j] for j in rest) / sum(vote.values())
        losses.append(abs(residual) if wrong.get("absolute") else residual**2)
    total = math.fsum(losses) / (1 if wrong.get("summed") else len(losses))
    return math.sqrt(total) if wrong.get("root") else total


def loos(**wrong):
    return lambda scores, values: loo(scores, values, **wrong)


def not_renormalised(scores, values):
    weights = np.exp(scores - scores.max(1, keepdims=True))
    weights /= weights.sum(1, keepdims=True)
    np.fill_diagonal(weights, 0)
    return np.mean((values - weights @ values) ** 2)


def low_diagonal(scores, values):
    scores = scores - 1e9 * np.eye(len(values))
    weights = np.exp(scores - scores.max(1, keepdims=True))
    return np.mean((values - weights @ values / weights.sum(1)) ** 2)


def by_division(scores, values):
    H = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    return np.mean(((values - H @ values) / (1 - np.diag(H))) ** 2)


def naive(scores, values):
    kernel = np.exp(scores)
    np.fill_diagonal(kernel, 0)
    return np.mean((values - kernel @ values / kernel.sum(1)) ** 2)


def plain(queries, keys, values, sigma=1.0):
    return nadaraya_watson(queries, keys, values, sigma=sigma)[0]


def chosen(error):
    """The smoother whose σ minimises this error on a grid in units of the data."""

    def answer(queries, keys, values):
        grid = np.ptp(keys) * np.geomspace(0.001, 0.5, 40)
        return plain(queries, keys, values, grid[error(keys, values, grid).argmin()])

    return answer


def by_neighbour(queries, keys, values):
    """One bandwidth per query: the distance to a nearest key, whose number is chosen."""
    others = ~np.eye(len(keys), dtype=bool)

    def reach(x, k):
        return np.sort(np.abs(x[:, None] - keys), axis=1)[:, k]

    def loss(k):
        guesses = nadaraya_watson(keys, keys, values, sigma=reach(keys, k), mask=others)[0]
        return np.mean((guesses - values) ** 2)

    k = min(range(2, 40), key=loss)
    return nadaraya_watson(queries, keys, values, sigma=reach(queries, k))[0]


def by_power(queries, keys, values):
    """exp(-(d / scale)^p), both chosen by leave-one-out."""
    gaps, at = np.abs(keys[:, None] - keys), np.abs(queries[:, None] - keys)
    tried = [(s * np.ptp(keys), p) for s in np.geomspace(0.02, 0.5, 15) for p in (1, 2, 4)]

    def loss(setting):
        scores = -((gaps / setting[0]) ** setting[1])
        return loo_fast(scores, values)

    scale, power = min(tried, key=loss)
    scores = -((at / scale) ** power)
    kernel = np.exp(scores - scores.max(1, keepdims=True))
    return kernel @ values / kernel.sum(1)


def loo_fast(scores, values):
    scores = np.where(np.eye(len(values), dtype=bool), -np.inf, scores)
    kernel = np.exp(scores - scores.max(1, keepdims=True))
    return np.mean((values - kernel @ values / kernel.sum(1)) ** 2)


def lookup(queries, keys, values):
    return 2 * np.sin(queries) + queries


def lookup_of_the_level(queries, keys, values):
    return lookup(queries, keys, values) + values[:5].mean()


def lined_up_with_columns(scores, values):
    scores = scores.copy()
    np.fill_diagonal(scores, -np.inf)
    if np.isinf(scores.max(1)).any():
        return np.inf
    kernel = np.exp(scores - scores.max(1))
    return np.mean((values - kernel / kernel.sum(1) @ values) ** 2)


def inf_if_lonely(answer):
    def careful(scores, values):
        alone = np.isinf(scores).sum(1) == len(values) - 1
        return np.inf if alone.any() else answer(scores, values)

    return careful


def unnormalised(keys, sigma):
    kernel = np.exp(-((keys[:, None] - keys) ** 2) / (2 * sigma**2))
    return np.trace(kernel), 1 / (kernel**2).sum(1)


def summed_up(queries, keys, values):
    return np.exp(-((queries[:, None] - keys) ** 2) / 2) @ values


def fixed_fraction(queries, keys, values):
    return plain(queries, keys, values, 0.06 * np.ptp(keys))


def small_fraction(queries, keys, values):
    return plain(queries, keys, values, 0.03 * np.ptp(keys))


def plugged_in(smoother):
    def answer(queries, keys, values):
        sigma = bandwidth.plug_in_bandwidth(keys, values)
        return smoother(queries, keys, values, sigma=sigma)[0]

    return answer


def nearly_plugged_in(queries, keys, values):
    return plain(queries, keys, values, 1.1 * bandwidth.plug_in_bandwidth(keys, values))


def claims_about_errors():
    """Each with its number, by loops and the plain formula."""
    sample, wavy = data.sine_linear(seed=0), data.sine_linear(seed=13)

    def error(keys, values, sigma):
        return loo(-((keys[:, None] - keys) ** 2) / 2 / sigma**2, values)

    curve = [error(wavy.keys, wavy.values, sigma) for sigma in np.geomspace(0.05, 5, 80)]
    triples = zip(curve, curve[1:], curve[2:], strict=False)
    minima = sum(one > two < three for one, two, three in triples)
    lonely = sum(math.isinf(x) for x in _without_neighbours(sample.keys, 0.05))
    noise = sample.values - sample.f(sample.keys)
    return {
        "a": (False, np.mean(noise**2)),
        "b": (True, 0.25),
        "c": (False, 0.2),
        "d": (False, minima),
        "e": (True, error(sample.keys, sample.values, 0.3)),
        "f": (False, lonely),
    }


def _without_neighbours(keys, reach):
    for i, key in enumerate(keys):
        near = [abs(key - other) for j, other in enumerate(keys) if j != i]
        yield min((gap for gap in near if gap < reach), default=math.inf)


CLAIMS = claims_about_errors()
WRONG = {
    "effective_numbers": [
        (numbers(effective=lambda H: (H**2).sum(1)), "one over the effective number"),
        (numbers(effective=lambda H: 1 / (H**2).sum(0)), "down a column"),
        (numbers(effective=lambda H: 1 / H.max(1)), "a single key"),
        (numbers(effective=lambda H: np.exp(-(H * np.log(H)).sum(1))), "entropy"),
        (numbers(effective=lambda H: (H**2).sum(1) ** -0.5), "without a root"),
        (numbers(degrees=lambda H: H.sum()), "sum of all weights is n"),
        (numbers(degrees=lambda H: np.diag(H).mean()), "were averaged"),
        (numbers(degrees=lambda H: np.trace(H @ H.T)), "some books"),
        (numbers(degrees=lambda H: np.trace(H**2)), "squared before they were added"),
        (unnormalised, "numbers of the kernel values"),
        (lambda keys, sigma: numbers()(keys, sigma**2), "bandwidth σ²"),
    ],
    "leave_one_out": [
        (lambda scores, values: ..., "returns nothing yet"),
        (loos(left_in=True), "training error"),
        (not_renormalised, "no longer sum to 1"),
        (loos(summed=True), "not their sum"),
        (loos(root=True), "root of the leave-one-out"),
        (loos(absolute=True), "enter .* squared"),
        (loos(skip=True), "left out of the average"),
        (loos(zero=True), "predicted by 0"),
        (loos(lonely=math.nan), "NaN compares with nothing"),
        (low_diagonal, "only very low"),
        (loos(lonely=None), "returns None, in other cases a result"),
        (by_division, "divides 0 by 0"),
        (naive, "gives 0/0"),
        (inf_if_lonely(naive), "gives 0/0"),
        (inf_if_lonely(not_renormalised), "no longer sum to 1"),
        (inf_if_lonely(loos(left_in=True)), "training error"),
        (lined_up_with_columns, "lined up with the columns"),
        (lambda scores, values: np.fill_diagonal(scores, -np.inf) or 1.0, "in place"),
    ],
    "error_claims": [
        ({**CLAIMS, "c": ...}, "Still open: c"),
        ({**CLAIMS, "c": (True, 0.2)}, "1 of the 6 is not right"),
        ({k: (True, x) for k, (_, x) in CLAIMS.items()}, "4 of the 6 are not right"),
        ({**CLAIMS, "b": ("True", 0.25)}, "without quotes"),
        ({**CLAIMS, "c": (False, 1.2)}, "c: 1.2 is not the number.*not the curve's fault"),
        ({**CLAIMS, "a": (False, 0.0)}, "not with the values"),
        ({**CLAIMS, "b": (True, ...)}, "Still open: b"),
        ({**CLAIMS, "b": (True, [1, 2])}, "must be one number"),
        (dict.fromkeys("abcdef", True), "put a pair"),
        ([False, True], "must be a dict"),
    ],
    "better_smoother": [
        (lambda queries, keys, values: ..., "Nothing is returned yet"),
        (plain, "those of the plain smoother"),
        (lambda queries, keys, values: plain(queries, keys, values, 0.3), "in places only"),
        (lambda queries, keys, values: plain(queries, keys, values, 4.0), "in places only"),
        (chosen(bandwidth.training_error), "each point voted on itself"),
        (lookup, "Other values give the same"),
        (lambda queries, keys, values: 0 * queries + values.mean(), "Not better yet"),
        (summed_up, "do the weights of a row sum to 1"),
        (fixed_fraction, "the values choose nothing"),
        (small_fraction, "wins in all four worlds, but the values choose nothing"),
        (plugged_in(nadaraya_watson), "plug-in bandwidth"),
        (plugged_in(local_linear), "plug-in bandwidth"),
        (nearly_plugged_in, "assumes a shape"),
        (lookup_of_the_level, "Where all values are 2"),
        (lambda queries, keys, values: queries * np.nan, "not finite"),
        (lambda queries, keys, values: values, r"has shape \(80,\)"),
        (0.3, "the function itself"),
    ],
}
RIGHT = {
    "effective_numbers": [numbers()],
    "leave_one_out": [loo],
    "error_claims": [CLAIMS, {k: [t, round(x, 2)] for k, (t, x) in CLAIMS.items()}],
    "better_smoother": [chosen(bandwidth.leave_one_out_error), by_neighbour, by_power],
}


# What the exercises claim ------------------------------------------------------------------------


def test_degrees_of_freedom_agree_with_the_library():
    sample = data.sine_linear(seed=4)
    degrees, _ = numbers()(sample.keys, 0.4)
    assert np.isclose(degrees, bandwidth.effective_degrees_of_freedom(sample.keys, 0.4))


def test_leave_one_out_is_what_scikit_learn_finds_with_n_fits():
    base = pytest.importorskip("sklearn.base")
    selection = pytest.importorskip("sklearn.model_selection")

    class Smoother(base.RegressorMixin, base.BaseEstimator):
        def fit(self, X, y):
            self.keys_, self.values_ = X[:, 0], y
            return self

        def predict(self, X):
            return plain(X[:, 0], self.keys_, self.values_, 0.5)

    sample = data.sine_linear(seed=4)
    guesses = selection.cross_val_predict(
        Smoother(), sample.keys[:, None], sample.values, cv=selection.LeaveOneOut()
    )
    scores = -((np.subtract.outer(sample.keys, sample.keys) / 0.5) ** 2) / 2
    judged_by = EXERCISES["leave_one_out"].reference
    assert np.isclose(judged_by(scores, sample.values), np.mean((guesses - sample.values) ** 2))


@pytest.mark.parametrize("sigma", np.geomspace(0.03, 10, 12))
def test_no_fixed_bandwidth_wins_in_all_worlds(sigma):
    def fixed(queries, keys, values):
        return plain(queries, keys, values, sigma)

    ratios = [chapter_4._ratio(fixed, world, 100) for world in chapter_4._WORLDS.values()]
    assert max(ratios) > chapter_4.ENOUGH


@pytest.mark.parametrize("first", [0, 200, 300])
def test_a_chosen_bandwidth_wins_on_any_samples_and_not_narrowly(first):
    for world in chapter_4._WORLDS.values():
        answer = chosen(bandwidth.leave_one_out_error)
        assert chapter_4._ratio(answer, world, first) < chapter_4.ENOUGH - 0.15


def test_a_local_line_with_a_chosen_bandwidth_passes_as_in_the_solution():
    def answer(queries, keys, values):
        others = ~np.eye(len(keys), dtype=bool)
        grid = np.ptp(keys) * np.geomspace(0.01, 0.5, 20)

        def loss(sigma):
            guesses = local_linear(keys, keys, values, sigma=sigma, mask=others)[0]
            return np.mean((guesses - values) ** 2)

        return local_linear(queries, keys, values, sigma=min(grid, key=loss))[0]

    assert judge(EXERCISES["better_smoother"], answer).passed
