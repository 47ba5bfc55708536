"""Attention pooling with a smoothing kernel: scores, a softmax over the keys, a weighted mean.

    scores[i, j]  = log K(|q_i - k_j| / sigma)
    weights[i]    = softmax(scores[i])            rows are queries, columns are keys
    estimates[i]  = sum_j weights[i, j] values[j]

the estimator of Nadaraya (1964) and Watson (1964), chapter 2. NumPy arrays and torch tensors alike.
What is given is checked in ``arguments``; scores that survive any sigma and any query are made in
``distances``; ``local_line`` tilts the weights.
"""

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from . import arguments
from .arguments import Points
from .distances import (
    careful_log_kernel,
    hide,
    log_kernel,
    needs_care,
    reach_message,
    smallest,
)
from .kernels import Array, Kernel, namespace
from .memory import check_weights

#: Query-key pairs that are looked at together: what is computed on the way stays small.
PAIRS = 2**18


class EmptyWindowWarning(RuntimeWarning):
    """Some query has no key in reach, so it has no estimate."""


_TOLD_ELSEWHERE: ContextVar[bool] = ContextVar("told elsewhere", default=False)


@contextmanager
def told_elsewhere() -> Iterator[None]:
    """The caller says which windows are empty. (A filter of warnings would hold in all threads.)"""
    token = _TOLD_ELSEWHERE.set(True)
    try:
        yield
    finally:
        _TOLD_ELSEWHERE.reset(token)


def nadaraya_watson(
    queries: Array,
    keys: Array,
    values: Array,
    kernel: str | Kernel = "gaussian",
    sigma: float | Array = 1.0,
    mask: Array | None = None,
) -> tuple[Array, Array]:
    """Smooth values over keys, read off at the queries: ``(estimates, weights)``.

    queries (m,) or (m, d); keys (n,) or (n, d); values (n,) or (n, d_v); mask (m, n) bool, True
    where the query may see the key; kernel a name in KERNELS or a Kernel; sigma > 0, one number
    or (m,), one per query. estimates (m,) or (m, d_v); weights (m, n), each row sums to 1.

    A query with no key in reach gets NaN and a row of zeros, and the call warns once with
    EmptyWindowWarning. Errors: ValueError naming the argument, what it was and what it must be,
    also where the weights cannot fit into memory: kernel_smooth needs none.
    Torch tensors give torch tensors, differentiable in queries, keys, values and sigma.
    Source: Nadaraya (1964), Watson (1964); chapter 2.
    """
    points, kernel = arguments.points(queries, keys, values, kernel, sigma, mask)
    check_weights(points.queries, points.keys, "kernel_smooth gives the estimates without them")
    weights = smoothing_weights(points, kernel)
    return pool(weights, points.values, lambda empty: reach_message(empty, points, kernel)), weights


def dot_product_attention(
    queries: Array,
    keys: Array,
    values: Array,
    mask: Array | None = None,
    scale: float | Array | None = None,
    bias: Array | None = None,
) -> tuple[Array, Array]:
    """Average the values with softmax(scale q . k + bias) as weights: ``(outputs, weights)``.

    queries (..., m, d); keys (..., n, d); values (..., n, d_v) or (n,); mask bool and bias both
    broadcast to (..., m, n): True where the query may see the key, and what is added to its score,
    the log of one more kernel factor, finite or -inf. scale is 1 / sqrt(d) if not given. Leading
    axes, of batches and heads, broadcast. outputs (..., m, d_v) or (..., m); weights (..., m, n),
    each row sums to 1.

    A query that sees no key gets NaN and a row of zeros, and the call warns once with
    EmptyWindowWarning. Errors: ValueError naming the argument, what it was and what it must be.
    Torch tensors give torch tensors, differentiable in all but the mask.
    Source: Vaswani et al. (2017), equation 1; chapter 7.
    """
    queries, keys, values, mask, scale, bias = arguments.tokens(
        queries, keys, values, mask, scale, bias
    )
    with np.errstate(all="ignore"):
        scores = (queries * scale) @ keys.swapaxes(-1, -2)
        total = scores if bias is None else scores + bias
    arguments.finite_scores(scores, total, bias)
    total = hide(total, mask)
    with np.errstate(all="ignore"):
        weights = softmax(total, best(total))
    return pool(weights, values, _hidden_message), weights


def masked_softmax(scores: Array, mask: Array | None = None) -> Array:
    """exp(scores) normalised over the last axis, the keys; hidden keys get 0.

    scores (..., n), each finite or -inf; mask of the same shape, bool, True = visible. The row's
    maximum is subtracted first, so no row overflows or gives 0/0; a row in which every key is
    hidden or -inf is all 0. Errors: ValueError. Source: chapter 2 (stability), chapter 7 (masks).
    """
    scores = hide(*arguments.scores(scores, mask))
    with np.errstate(all="ignore"):
        return softmax(scores, best(scores))


def attention_pooling(weights: Array, values: Array) -> Array:
    """Mean of the values under each row of weights: ``weights @ values``.

    weights (..., n), values (n,) or (n, d_v); returns (...,) or (..., d_v). Errors: ValueError
    when the numbers of keys differ. Source: the general form of attention, chapter 2.
    """
    weights, values = arguments.weights(weights, values)
    with np.errstate(under="ignore"):
        return weights @ values


# The steps ---------------------------------------------------------------------------------------


@np.errstate(all="ignore")
def smoothing_weights(points: Points, kernel: Kernel) -> Array:
    """Softmax of log K over the keys that a query may see, (m, n); many rows of NumPy in blocks."""
    m, n = len(points.queries), len(points.keys)
    step = max(1, PAIRS // n)
    if m <= step or namespace(points.keys) is not np:
        return _rows_of_weights(points, kernel)
    blocks = (points.rows(slice(start, start + step)) for start in range(0, m, step))
    return np.concatenate([_rows_of_weights(block, kernel) for block in blocks])


def _rows_of_weights(points: Points, kernel: Kernel) -> Array:
    scores = hide(log_kernel(points, kernel), points.mask)
    peak = best(scores)
    if needs_care(peak, kernel):
        scores = hide(careful_log_kernel(points, kernel), points.mask)
        peak = best(scores)
    return softmax(scores, peak)


def best(scores: Array) -> Array:
    """The largest score of each row, (..., 1)."""
    return scores.max(-1, keepdims=True) if namespace(scores) is np else scores.amax(-1)[..., None]


def softmax(scores: Array, peak: Array) -> Array:
    """exp(scores) / its sum over the last axis; a row of -inf alone gives zeros, never 0/0."""
    xp, floor = namespace(scores), math.log(smallest(scores))
    shifted = scores - peak
    if xp is np and scores.size and shifted.min() > floor:  # quick: nothing to guard against
        terms = np.exp(shifted, out=shifted)
        terms /= terms.sum(-1, keepdims=True)
        return terms
    shifted = scores - xp.where(peak > -math.inf, peak, 0.0)
    # Below the smallest number exp is slow and imprecise.
    terms = xp.where(shifted > floor, xp.exp(xp.clip(shifted, floor, None)), 0.0)
    total = terms.sum(-1)[..., None]
    return terms / xp.where(total > 0, total, 1.0)


def pool(weights: Array, values: Array, explain: Callable[[Array], str]) -> Array:
    """weights @ values; NaN for a row without weight, and one warning, ``explain(empty)``."""
    estimates, seen = weights @ values, weights.any(-1)
    if not seen.all():
        empty = ~seen
        if not _TOLD_ELSEWHERE.get():
            warnings.warn(explain(empty), EmptyWindowWarning, stacklevel=3)
        rows = empty if values.ndim == 1 else empty[..., None]
        estimates = namespace(weights).where(rows, math.nan, estimates)
    return estimates


def _hidden_message(empty: Array) -> str:
    seen = f"{int(empty.sum())} of {math.prod(empty.shape)} queries"
    return f"every key is hidden from {seen} (output NaN, weights 0)"
