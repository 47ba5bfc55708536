"""Problems to be learned in context, and the best predictions: scikit-learn, and counting."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF

from d2lmini import in_context


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def test_curves_have_the_stated_moments():
    queries, keys, values, truth = in_context.curves(4000, 6, 2, rng())
    assert (queries.shape, keys.shape) == ((4000, 2), (4000, 6))
    assert keys.abs().max() <= 2
    assert truth.mean().abs() < 0.05
    assert truth.var().item() == pytest.approx(1, abs=0.05)
    assert values.var().item() == pytest.approx(1 + 0.3**2, abs=0.05)
    distance = queries[:, 0] - queries[:, 1]
    near = distance.abs() < 0.2
    together = (truth[near, 0] * truth[near, 1]).mean().item()
    assert together == pytest.approx(1, abs=0.12)
    expected = torch.exp(-((distance / 0.8) ** 2) / 2).mean().item()
    assert (truth[:, 0] * truth[:, 1]).mean().item() == pytest.approx(expected, abs=0.05)


def test_the_best_curve_is_that_of_scikit_learn():
    queries, keys, values, _ = in_context.curves(3, 12, 5, rng(1))
    found = in_context.best_curve(queries, keys, values)
    for i in range(3):
        process = GaussianProcessRegressor(RBF(0.8), alpha=0.3**2, optimizer=None)
        process.fit(keys[i].numpy()[:, None], values[i].numpy())
        expected = process.predict(queries[i].numpy()[:, None])
        np.testing.assert_allclose(found[i], expected, atol=1e-4)


def test_nobody_is_better_than_the_best_curve():
    queries, keys, values, truth = in_context.curves(500, 16, 8, rng(2))
    best = in_context.best_curve(queries, keys, values)
    least = torch.mean((best - truth) ** 2)
    for other in (best * 0.9, best + 0.1, best.mean(1, keepdim=True) + 0 * best):
        assert torch.mean((other - truth) ** 2) > least


def test_texts_follow_their_grammars():
    letters, grammar = in_context.texts(2, 40_000, rng(3))
    torch.testing.assert_close(grammar.sum(-1), torch.ones(2, 8))
    for text, rows in zip(letters.numpy(), grammar.numpy(), strict=True):
        counts = np.zeros((8, 8))
        np.add.at(counts, (text[:-1], text[1:]), 1)
        often = counts.sum(1) > 500
        share = counts[often] / counts[often].sum(1, keepdims=True)
        assert abs(share - rows[often]).max() < 0.06


def test_the_best_letters_count_what_followed():
    letters, _ = in_context.texts(2, 30, rng(4))
    found = in_context.best_letters(letters)
    for text, rows in zip(letters.tolist(), found.numpy(), strict=True):
        for i in (0, 7, 29):
            followed = [b for a, b in pairwise(text[: i + 1]) if a == text[i]]
            counts = np.bincount(followed, minlength=8) + 0.3
            np.testing.assert_allclose(rows[i], counts / counts.sum(), rtol=1e-5)


def test_the_surprise_of_a_guess_is_the_logarithm_of_eight():
    letters, grammar = in_context.texts(50, 20, rng(5))
    guess = torch.full((50, 20, 8), 1 / 8)
    assert in_context.nats(guess, letters) == pytest.approx(np.log(8))
    known = torch.take_along_dim(grammar, letters[..., None], 1)
    best = in_context.nats(in_context.best_letters(letters), letters)
    assert in_context.nats(known, letters) < best < np.log(8)


@pytest.mark.parametrize("name", ["count", "n", "m"])
def test_a_bad_count_is_named(name):
    given = {"count": 1, "n": 1, "m": 1} | {name: 0}
    with pytest.raises(ValueError, match=f"{name} is 0"):
        in_context.curves(**given, generator=rng())
    with pytest.raises(ValueError, match=r"length is 2\.5"):
        in_context.texts(1, 2.5, rng())
