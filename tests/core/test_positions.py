"""Masks and kernels on positions, against loops over positions and against torch's own."""

import math

import numpy as np
import pytest
import torch

from d2lmini import KERNELS, positions


@pytest.mark.parametrize("n", [1, 2, 7])
def test_masks_say_what_a_loop_says(n):
    rows = [[(i, j) for j in range(n)] for i in range(n)]
    causal = [[j <= i for i, j in row] for row in rows]
    assert positions.causal_mask(n).tolist() == causal
    for reach in (0, 1, 3, 10):
        window = [[abs(i - j) <= reach for i, j in row] for row in rows]
        assert positions.window_mask(n, reach).tolist() == window
    real = [k % 3 != 1 for k in range(n)]
    assert positions.padding_mask(real).tolist() == [real] * n
    assert positions.padding_mask(np.array(real, dtype=int)).dtype == bool


def test_the_causal_mask_is_torchs():
    torchs = torch.nn.Transformer.generate_square_subsequent_mask(5)
    assert np.array_equal(positions.causal_mask(5), (torchs == 0).numpy())


@pytest.mark.parametrize("name", KERNELS)
def test_positional_scores_are_the_logarithm_of_the_kernel(name):
    scores = positions.positional_scores(6, name, 2.5)
    for i in range(6):
        for j in range(6):
            factor = float(KERNELS[name](abs(i - j) / 2.5))
            assert scores[i, j] == pytest.approx(math.log(factor) if factor else -math.inf)
    assert np.array_equal(scores, positions.positional_scores(6, KERNELS[name], np.float32(2.5)))
    assert not np.signbit(np.diag(scores)[np.diag(scores) == 0]).any()


def test_the_laplace_kernel_is_the_linear_bias_of_alibi():
    """Press, Smith & Lewis (2021): slope times minus the number of positions between."""
    slope, n = 1 / 4, 5
    biases = np.array([[-slope * abs(i - j) for j in range(n)] for i in range(n)])
    assert np.allclose(positions.positional_scores(n, "laplace", 1 / slope), biases)


def test_the_boxcar_is_a_window():
    seen = np.isfinite(positions.positional_scores(7, "boxcar", 2))
    assert np.array_equal(seen, positions.window_mask(7, 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: positions.causal_mask(0), "n is 0; it must be an integer >= 1"),
        (lambda: positions.causal_mask(2.0), r"n is 2\.0; it must be an integer"),
        (lambda: positions.causal_mask(True), "n is True"),
        (lambda: positions.window_mask(3, -1), "reach is -1; it must be an integer >= 0"),
        (lambda: positions.window_mask(3, 1.5), r"reach is 1\.5"),
        (lambda: positions.padding_mask([]), r"real is \[\]; it must be a vector"),
        (lambda: positions.padding_mask([1, 2]), r"real is \[1, 2\]"),
        (lambda: positions.padding_mask([[True]]), r"real is \[\[True\]\]"),
        (lambda: positions.positional_scores(3, "cauchy"), "kernel is 'cauchy'; .* gaussian"),
        (lambda: positions.positional_scores(3, sigma=0), "sigma is 0; it must be positive"),
        (lambda: positions.positional_scores(3, sigma=math.nan), "sigma is nan"),
        (lambda: positions.positional_scores(3, sigma=[1, 2]), r"sigma is \[1, 2\]"),
    ],
)
def test_errors_name_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call()
