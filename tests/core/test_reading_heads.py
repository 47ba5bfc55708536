"""Reading weights as a smoother: what is put in comes out; bigrams against counting."""

from itertools import pairwise

import numpy as np
import pytest

from d2lmini import in_context, nadaraya_watson
from d2lmini.reading_heads import bigram_probabilities, read_head

RNG = np.random.default_rng(0)
QUERIES, KEYS = RNG.uniform(-2, 2, (5, 8)), RNG.uniform(-2, 2, (5, 24))


def weights_of(sigma, kernel="gaussian"):
    each = zip(QUERIES, KEYS, strict=True)
    return np.array([nadaraya_watson(q, k, k, kernel, sigma)[1] for q, k in each])


@pytest.mark.parametrize("sigma", [0.1, 0.35, 1.0])
def test_the_width_of_a_gaussian_is_found_and_fits(sigma):
    found = read_head(weights_of(sigma), QUERIES, KEYS)
    assert found.sigma == pytest.approx(sigma, rel=0.01)
    assert found.fit > 0.999
    one = read_head(weights_of(sigma)[0], QUERIES[0], KEYS[0])
    assert one.sigma == pytest.approx(sigma, rel=0.01)


def test_what_is_no_gaussian_fits_badly_and_equal_weights_fit_any_wide_one():
    shuffled = weights_of(0.3)[..., RNG.permutation(24)]
    assert read_head(shuffled, QUERIES, KEYS).fit < 0.3
    assert 0.9 < read_head(weights_of(0.5, "laplace"), QUERIES, KEYS).fit < 0.999
    even = np.full((5, 8, 24), 1 / 24)
    found = read_head(even, QUERIES, KEYS)
    assert (found.fit, found.effective_keys) == (1.0, pytest.approx(24))


def test_keys_distance_and_first_are_means_over_queries():
    weights = weights_of(0.4)
    found = read_head(weights, QUERIES, KEYS)
    rows = weights.reshape(-1, 24)
    gaps = abs(QUERIES[:, :, None] - KEYS[:, None]).reshape(-1, 24)
    assert found.effective_keys == pytest.approx(np.mean([1 / (r @ r) for r in rows]))
    assert found.distance == pytest.approx(
        np.mean([r @ g for r, g in zip(rows, gaps, strict=True)])
    )
    assert found.first == pytest.approx(rows[:, 0].mean())


def test_a_bad_argument_is_named():
    with pytest.raises(
        ValueError, match=r"weights has shape \(5, 8, 23\); it must be \(5, 8, 24\)"
    ):
        read_head(weights_of(0.4)[..., 1:], QUERIES, KEYS)
    with pytest.raises(ValueError, match="weights has rows that do not sum to 1"):
        read_head(2 * weights_of(0.4), QUERIES, KEYS)


def test_an_induction_head_is_a_count_of_bigrams():
    letters = in_context.texts(1, 200, in_context.torch.Generator().manual_seed(0))[0][0].numpy()
    found = bigram_probabilities(letters, 8)
    followed = [b for a, b in pairwise(letters) if a == letters[-1]]
    np.testing.assert_allclose(
        found, np.bincount(followed, minlength=8) / len(followed), atol=1e-12
    )
    np.testing.assert_allclose(bigram_probabilities(letters, 8, 40.0), found, atol=1e-12)
    even = bigram_probabilities(letters, 8, 0.0)
    np.testing.assert_allclose(even, np.bincount(letters[1:], minlength=8) / 199, atol=1e-12)


def test_a_letter_that_never_came_before_has_no_successor():
    assert np.isnan(bigram_probabilities(np.array([0, 1, 0, 2]), 3)).all()
