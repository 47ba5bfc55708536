"""Masks and kernels on positions: what a query may see, and how far along the sequence it looks.

Positions run from 0 to n - 1; rows are queries, columns are keys. Masks are bool, True = visible,
and combine with ``&``. Positional scores are added to the scores of ``dot_product_attention``
(its ``bias``), which multiplies the kernel by a factor that looks at positions alone. Chapter 7.
"""

import math
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike

from .arguments import find_kernel
from .kernels import Kernel


def causal_mask(n: int) -> np.ndarray:
    """Each query sees itself and what came before: (n, n) bool, True where j <= i.

    Errors: ValueError unless n is an integer >= 1. Source: Vaswani et al. (2017), section 3.2.3.
    """
    distance = _distance(n)
    return distance <= 0


def window_mask(n: int, reach: int) -> np.ndarray:
    """Each query sees the keys at most ``reach`` positions away: (n, n) bool, |i - j| <= reach.

    It is the boxcar kernel on positions, chapter 3. Errors: ValueError unless n is an integer >= 1
    and reach an integer >= 0.
    """
    if not _is_integer(reach) or reach < 0:
        raise ValueError(f"reach is {reach!r}; it must be an integer >= 0, in positions")
    return abs(_distance(n)) <= reach


def padding_mask(real: ArrayLike) -> np.ndarray:
    """Every query sees the real tokens only, not the padding: (n, n) bool, True where real[j].

    real (n,) bool, or 0 and 1: which tokens are real. Errors: ValueError.
    """
    tokens = np.asarray(real)
    if tokens.ndim != 1 or tokens.size == 0 or not np.isin(tokens, (0, 1)).all():
        raise ValueError(f"real is {real!r}; it must be a vector (n,) of True and False")
    return np.tile(tokens.astype(bool), (len(tokens), 1))


def positional_scores(n: int, kernel: str | Kernel = "gaussian", sigma: float = 1.0) -> np.ndarray:
    """log K(|i - j| / sigma), (n, n): the scores of a kernel on positions.

    kernel a name in KERNELS or a Kernel; sigma > 0 in positions. Where a compact kernel does not
    reach, the score is -inf, which is a mask. Errors: ValueError. Source: chapter 7; with the
    laplace kernel these are the linear biases of ALiBi (Press, Smith & Lewis 2021, arXiv
    2108.12409), whose slope is 1 / sigma.
    """
    kernel = find_kernel(kernel)
    if not (isinstance(sigma, Real) and 0 < sigma < math.inf):
        raise ValueError(f"sigma is {sigma!r}; it must be positive and finite, in positions")
    with np.errstate(over="ignore"):
        return kernel.score(abs(_distance(n)) / float(sigma)) + 0.0  # no -0 to be shown


def _distance(n: int) -> np.ndarray:
    """j - i, (n, n)."""
    if not _is_integer(n) or n < 1:
        raise ValueError(f"n is {n!r}; it must be an integer >= 1, the number of positions")
    positions = np.arange(n)
    return positions[None, :] - positions[:, None]


def _is_integer(number) -> bool:
    return isinstance(number, int | np.integer) and not isinstance(number, bool)
