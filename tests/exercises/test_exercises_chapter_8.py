"""Chapter 8's exercises: wrong answers get the message meant for them, right ones pass."""

import math

import numpy as np
import pytest

from d2lmini import nadaraya_watson
from d2lmini.exercise_checks import EXERCISES, chapter_8, judge


def merged(M1, N1, D1, M2, N2, D2):
    """From the smaller maximum to the larger, one after the other."""
    if M1 < M2:
        return merged(M2, N2, D2, M1, N1, D1)
    fall = math.exp(M2 - M1)
    return M1, N1 + fall * N2, D1 + fall * D2


def added(M1, N1, D1, M2, N2, D2):
    return max(M1, M2), N1 + N2, D1 + D2


def inverse(M1, N1, D1, M2, N2, D2):
    M = max(M1, M2)
    with np.errstate(all="ignore"):
        f, g = np.exp(M - M1), np.exp(M - M2)
        return M, f * N1 + g * N2, f * D1 + g * D2


def plain(M1, N1, D1, M2, N2, D2):
    with np.errstate(all="ignore"):
        e, f = np.exp(M1), np.exp(M2)
        return max(M1, M2), e * N1 + f * N2, e * D1 + f * D2


def half(part):
    def answer(M1, N1, D1, M2, N2, D2):
        M, N, D = merged(M1, N1, D1, M2, N2, D2)
        return (M, N1 + N2, D) if part == "D" else (M, N, D1 + D2)

    return answer


def one_factor(M1, N1, D1, M2, N2, D2):
    M = max(M1, M2)
    return M, math.exp(M1 - M) * N1 + N2, math.exp(M1 - M) * D1 + D2


def quotient(M1, N1, D1, M2, N2, D2):
    M, N, D = merged(M1, N1, D1, M2, N2, D2)
    return M, N / D, 1.0


def boxcar(queries, keys, values, sigma, inside=np.less_equal, divide=True):
    seen = inside(abs(keys - queries[:, None]), sigma)
    sums = seen @ values
    with np.errstate(all="ignore"):
        return sums / seen.sum(1) if divide else sums


def boxcar_loop(queries, keys, values, sigma):
    """By bisection, one query at a time; sums by accumulation."""
    import bisect
    import itertools

    so_far, found = [0.0, *itertools.accumulate(values)], []
    for q in queries:
        a = bisect.bisect_left(keys, q - sigma)
        b = bisect.bisect_right(keys, q + sigma)
        found.append((so_far[b] - so_far[a]) / (b - a))
    return found


def without_zero(queries, keys, values, sigma):
    C = np.cumsum(values)
    a = np.searchsorted(keys, queries - sigma, side="left")
    b = np.searchsorted(keys, queries + sigma, side="right")
    return (C[np.minimum(b, len(C) - 1)] - C[a]) / (b - a)


def more(queries, keys, of_key, of_query=1.0):
    """One coordinate more, by its formula in the squared length of the key."""
    square = np.sum(keys**2, axis=1, keepdims=True)
    ones = np.full((len(queries), 1), of_query)
    return np.concatenate([queries, ones], 1), np.concatenate([keys, of_key(square)], 1)


def centred(queries, keys, weight=1.0):
    """Any origin near the keys will do; so will any factor that the two coordinates share."""
    c = keys[0]
    return more(queries - c, keys - c, lambda square: -square / 2 / weight, weight)


def elu(t):
    return np.where(t > 0, t + 1, np.exp(t))


def by_table(Q, K, V, phi=elu, past=0, divide=True):
    kernel = np.tril(phi(Q) @ phi(K).T, past)
    with np.errstate(all="ignore"):
        return kernel @ V / (kernel.sum(1)[:, None] if divide else 1)


def by_cumulated_sums(Q, K, V):
    S = np.cumsum(elu(K)[:, :, None] * V[:, None, :], axis=0)
    z = np.cumsum(elu(K), axis=0)
    return np.einsum("nr,nrv->nv", elu(Q), S) / np.sum(elu(Q) * z, 1)[:, None]


def by_steps(Q, K, V):
    S, z, found = 0.0, 0.0, []
    for q, k, v in zip(Q, K, V, strict=True):
        S, z = S + np.outer(elu(k), v), z + elu(k)
        found.append(elu(q) @ S / (elu(q) @ z))
    return np.array(found)


WRONG = {
    "merge_states": [
        (lambda one, other: one, "must take 6 arguments"),
        (lambda M1, N1, D1, M2, N2, D2: ..., "returns nothing yet"),
        (added, "relative to different maxima"),
        (inverse, "the wrong way round"),
        (plain, "taken back to plain exponentials"),
        (half("D"), "The denominators have their factors"),
        (half("N"), "The numerators have their factors"),
        (one_factor, "Only the first half"),
        (lambda a, b, c, d, e, f: (max(a, d), (b / c + e / f) / 2, 1.0), "mean of two estimates"),
        (quotient, "could not be merged again"),
    ],
    "boxcar_sums": [
        (lambda q, k, v, s: ..., "returns nothing yet"),
        (lambda q, k, v, s: boxcar(q, k, v, s, divide=False), "Those are sums"),
        (lambda q, k, v, s: boxcar(q, k, v, s, np.less), "q − σ and q \\+ σ are missing"),
        (without_zero, "one key off"),
        (lambda q, k, v, s: boxcar(q, k, v, s, divide=False) / len(k), "number of all keys"),
        (lambda q, k, v, s: boxcar(q, k, v, s / 2), "only σ wide"),
        (boxcar, "table of all pairs"),
    ],
    "one_coordinate_more": [
        (3.0, "the function itself"),
        (lambda q, k: ..., "Nothing is returned yet"),
        (lambda q, k: q, "must return two arrays"),
        (lambda q, k: (q, k), "one coordinate more"),
        (lambda q, k: more(q, k, lambda square: square / 2), "prior is there twice"),
        (lambda q, k: more(q, k, lambda square: -square), "Too much is taken away"),
        (lambda q, k: more(q, k, lambda square: -np.sqrt(square) / 2), "it is squared"),
        (lambda q, k: more(q, k, np.ones_like), "no effect"),
        (lambda q, k: more(q, k, lambda square: square**2), "are not those of the Gaussian"),
        (lambda q, k: more(q, k, lambda square: -square / 2), "In single precision"),
    ],
    "carried_along": [
        (lambda q, k, v: ..., "returns nothing yet"),
        (lambda q, k, v: by_table(q, k, v, past=len(k)), "those after it"),
        (lambda q, k, v: by_table(q, k, v, past=-1), "does not see itself"),
        (lambda q, k, v: by_table(q, k, v, divide=False), "φ\\(q\\) · z"),
        (lambda q, k, v: by_table(q, k, v, lambda t: elu(t) - 1), "without the \\+ 1"),
        (lambda q, k, v: by_table(q, k, v, lambda t: t), "There is no φ"),
        (lambda q, k, v: by_table(q, k, v, lambda t: np.maximum(t, 0)), "That is relu,"),
        (lambda q, k, v: by_table(q, k, v, lambda t: np.maximum(t, 0) + 1), "relu \\+ 1"),
        (by_table, "table of all pairs"),
    ],
}
RIGHT = {
    "merge_states": [merged],
    "boxcar_sums": [boxcar_loop],
    "one_coordinate_more": [
        centred,
        lambda q, k: centred(q, k, weight=-2.0),
        lambda q, k: more(q - k.mean(0), k - k.mean(0), lambda square: 5 - square / 2),
    ],
    "carried_along": [by_steps, by_cumulated_sums],
}


# What the exercises claim ------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_the_merged_state_is_that_of_all_scores(seed):
    rng = np.random.default_rng(seed)
    scores, values = rng.normal(0, 200, 9), rng.normal(size=9)

    def state(part):
        kernel = np.exp(scores[part] - scores[part].max())
        return scores[part].max(), kernel @ values[part], kernel.sum()

    both = EXERCISES["merge_states"].reference(*state(slice(0, 4)), *state(slice(4, 9)))
    assert np.allclose(both, state(slice(0, 9)), rtol=1e-12)


@pytest.mark.parametrize("case", EXERCISES["boxcar_sums"].cases)
def test_the_windows_are_those_of_the_boxcar(case):
    given = {name: np.asarray(value, float) for name, value in case.items()}
    at = given["queries"], given["keys"], given["values"]
    expected, _ = nadaraya_watson(*at, "boxcar", float(case["sigma"]))
    assert np.allclose(EXERCISES["boxcar_sums"].reference(**given), expected)


def test_a_carried_sum_is_the_table_in_torch():
    torch = pytest.importorskip("torch")
    Q, K, V = np.random.default_rng(0).normal(size=(3, 30, 4))
    q, k = (torch.nn.functional.elu(torch.tensor(x)) + 1 for x in (Q, K))
    kernel = torch.tril(q @ k.T)
    expected = (kernel / kernel.sum(1, keepdim=True)) @ torch.tensor(V)
    found = EXERCISES["carried_along"].reference(Q, K, V)
    assert np.allclose(found, expected.numpy(), atol=1e-12)


def test_memory_is_not_traced_after_a_check():
    import tracemalloc

    assert judge(EXERCISES["carried_along"], by_steps).passed
    assert not tracemalloc.is_tracing()


def test_the_trap_is_one_only_in_single_precision():
    queries, keys = (x + chapter_8._MOVED for x in chapter_8._PLACES[0])
    plain = chapter_8._with_coordinate(queries, keys)
    right = chapter_8._gaussian(queries, keys, 0.5)
    assert abs(chapter_8._shares(plain, 0.5, np.float64) - right).max() < 1e-6
    assert abs(chapter_8._shares(plain, 0.5, np.float32) - right).max() > 0.05
