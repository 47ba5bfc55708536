"""Chapter 9's exercises: wrong answers get the message meant for them, right ones pass."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from d2lmini import in_context, small_transformer
from d2lmini.exercise_checks import EXERCISES
from d2lmini.reading_heads import read_head

CLAIMS = {"a": False, "b": True, "c": False, "d": True, "e": True, "f": True, "g": False}


def one_key_more(scores, values, sink):
    """The ghost as a column of its own."""
    scores = np.column_stack([scores, np.full(len(scores), sink)])
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True) @ np.append(values, 0.0)


def plain_softmax(scores, values, sink):
    return one_key_more(scores, values, -np.inf)


def exponentials(scores, values, sink, of_sink=np.exp):
    with np.errstate(all="ignore"):
        kernel = np.exp(scores)
        return kernel @ values / (kernel.sum(1) + of_sink(sink))


def half_shifted(scores, values, sink):
    kernel = np.exp(scores - scores.max(1, keepdims=True))
    return kernel @ values / (kernel.sum(1) + np.exp(sink))


def ghost_of_one(scores, values, sink):
    return one_key_more(scores, values - 1, sink) + 1


def by_counter(letters, alphabet, prior):
    letters = [int(a) for a in letters]
    followed = Counter(b for a, b in pairwise(letters) if a == letters[-1])
    total = sum(followed.values()) + alphabet * prior
    return [(followed[b] + prior) / total for b in range(alphabet)]


def by_attention(letters, alphabet, prior):
    X = np.eye(alphabet)[np.asarray(letters, int)]
    kernel = X[:-1] @ X[-1]
    return (kernel @ X[1:] + prior) / (kernel.sum() + alphabet * prior)


def frequencies(letters, alphabet, prior):
    counts = np.bincount(np.asarray(letters[1:], int), minlength=alphabet) + prior
    return counts / counts.sum()


def no_prior(letters, alphabet, prior):
    with np.errstate(all="ignore"):
        return np.array(by_attention(letters, alphabet, 0.0))


def letters_before(letters, alphabet, prior):
    counts = np.full(alphabet, prior)
    for i in range(1, len(letters)):
        if letters[i] == letters[-1]:
            counts[int(letters[i - 1])] += 1
    return counts / counts.sum()


def roundabout(letters, alphabet, prior):
    counts = np.full(alphabet, prior)
    for i in range(len(letters)):
        if letters[i] == letters[-1]:
            counts[int(letters[(i + 1) % len(letters)])] += 1
    return counts / counts.sum()


def learned(keys, values, eta):
    B = np.zeros(keys.shape[1])
    for i in range(len(keys)):
        B += eta * (values[i] - keys[i] @ B) * keys[i]
    return B


def as_matrices(keys, values, eta):
    """The same as a product: B <- (I - eta k k') B + eta v k."""
    B = np.zeros(keys.shape[1])
    for k, v in zip(keys, values, strict=True):
        B = (np.eye(len(k)) - eta * np.outer(k, k)) @ B + eta * v * k
    return B


def changed(**answers):
    return CLAIMS | answers


WRONG = {
    "with_sink": [
        (lambda s, v, b: ..., "returns nothing yet"),
        (lambda s, v: v, "must take 3 arguments"),
        (plain_softmax, "without the ghost key"),
        (exponentials, "Right for small scores"),
        (half_shifted, "that of the ghost key is not"),
        (ghost_of_one, "has the value 1"),
        (lambda s, v, b: one_key_more(s, v, 0.0), "e\\^0, not e\\^b"),
        (lambda s, v, b: exponentials(s, v, b, np.positive), "The score b itself"),
    ],
    "next_letter": [
        (lambda x, n, p: ..., "returns nothing yet"),
        (no_prior, "without the prior"),
        (frequencies, "frequencies of all letters"),
        (letters_before, "letters \\*before\\*"),
        (roundabout, "followed by the first"),
        (lambda x, n, p: by_counter(x, n, p / n), "once in all"),
        (lambda x, n, p: by_counter(x, n, 1.0), "1 is added"),
    ],
    "delta_rule": [
        (lambda k, v, eta: ..., "returns nothing yet"),
        (lambda k, v, eta: eta * v @ k, "That is linear attention"),
        (lambda k, v, eta: learned(k[::-1], v[::-1], eta), "from last to first"),
        (lambda k, v, eta: learned(k, v, 2 * eta), "twice as long"),
        (lambda k, v, eta: eta * v[0] * k[0], "first key alone"),
        (lambda k, v, eta: learned(k, v, 1.0), "step size is missing"),
    ],
    "readings": [
        (3.0, "must be a dict"),
        (dict.fromkeys(CLAIMS), "Still open"),
        (changed(a=True), "1 of the 7 is not right"),
        (changed(c=True, f=False), "2 of the 7 are not right"),
        (changed(b="True"), "without quotes"),
    ],
}
RIGHT = {
    "with_sink": [one_key_more],
    "next_letter": [by_counter, by_attention],
    "delta_rule": [learned, as_matrices],
    "readings": [CLAIMS],
}


# What the exercises claim ------------------------------------------------------------------------


def test_a_sink_is_ridge_for_a_constant():
    rng = np.random.default_rng(0)
    scores, values = rng.normal(size=(1, 7)), rng.normal(size=7)
    rows = np.append(np.exp(scores[0] / 2), np.exp(0.4 / 2))
    right = np.append(rows[:-1] * values, 0.0)
    expected = np.linalg.lstsq(rows[:, None], right, rcond=None)[0]
    assert np.allclose(EXERCISES["with_sink"].reference(scores, values, 0.4), expected)


def test_a_head_that_counts_is_the_best_that_is_possible():
    torch = pytest.importorskip("torch")
    letters, _ = in_context.texts(3, 40, torch.Generator().manual_seed(0))
    best = in_context.best_letters(letters)[:, -1]
    for text, expected in zip(letters.tolist(), best.numpy(), strict=True):
        found = EXERCISES["next_letter"].reference(text, 8, 0.3)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_many_passes_of_the_delta_rule_solve_the_equations():
    rng = np.random.default_rng(1)
    keys, B = rng.normal(size=(4, 3)), rng.normal(size=3)
    passes = np.tile(keys, (3000, 1))
    found = EXERCISES["delta_rule"].reference(passes, passes @ B, 0.1)
    assert np.allclose(found, B)


def test_the_readings_are_true_and_false():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    queries, keys, values = rng.uniform(-2, 2, 9), rng.uniform(-2, 2, 30), rng.normal(size=30)
    scores = -(((queries[:, None] - keys) / 0.5) ** 2) / 2

    def weights(s):
        kernel = np.exp(s - s.max(1, keepdims=True))
        return kernel / kernel.sum(1, keepdims=True)

    def sigma(s):
        return read_head(weights(s), queries, keys).sigma

    model, widths = small_transformer.load("regression"), {}
    for n in (32, 64):  # a, c
        *given, _ = in_context.curves(300, n, 8, torch.Generator().manual_seed(n))
        alpha = model(*given)[1]
        heads = [read_head(alpha[a][:, h, n:].numpy(), *(x.numpy() for x in given[:2]))
                 for a in (0, 1) for h in (0, 1)]  # fmt: skip
        assert min(head.fit for head in heads) < 0.2
        widths[n] = [head.sigma for head in heads if head.fit > 0.8]
    assert np.allclose(widths[32], widths[64], rtol=0.05)
    assert sigma(scores + 5) == pytest.approx(sigma(scores))  # b
    assert sigma(4 * scores) == pytest.approx(sigma(scores) / 2, rel=0.02)  # f
    plain, sunk = plain_softmax(scores, values, 0), one_key_more(scores, values, 0.7)
    assert (abs(sunk) <= abs(plain) + 1e-12).all()  # e
    *given, _ = in_context.curves(20, 24, 8, torch.Generator().manual_seed(9))
    given[2].requires_grad_()  # d
    slopes = torch.autograd.grad(model(*given)[0].sum(), given[2])[0]
    assert slopes.min() < -0.02
    needle = weights(np.array([[6.0] + [0.0] * 99, [6.0] + [0.0] * 99]))[0, 0]  # g
    more = weights(np.array([[6.0] + [0.0] * 999]))[0, 0]
    assert more < 0.5 * needle
