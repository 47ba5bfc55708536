"""A weighted straight line at each query: the smoother of chapter 5, by tilting the weights."""

from contextlib import AbstractContextManager, nullcontext

import numpy as np

from . import arguments
from .attention import pool, smoothing_weights
from .distances import reach_message
from .kernels import Array, Kernel, namespace
from .memory import check_weights


def local_linear(
    queries: Array,
    keys: Array,
    values: Array,
    kernel: str | Kernel = "gaussian",
    sigma: float | Array = 1.0,
    mask: Array | None = None,
) -> tuple[Array, Array]:
    """Fit a weighted straight line at each query and read it off there: ``(estimates, weights)``.

    Arguments, results, warning and errors as for nadaraya_watson, whose weights alpha it tilts:

        weights[j] = alpha[j] (1 - mean . C^-1 (keys[j] - query - mean))

    with mean and C the alpha-weighted mean and covariance of keys - query. Rows sum to 1, but
    entries may be negative; values on a line (a plane) come back exactly. In directions in which
    the keys in reach do not spread the slope is 0: with a single place in reach, or all other
    weights rounded to 0, the estimate is nadaraya_watson's local constant.
    Source: Fan (1992), Wand and Jones (1995), section 5.2; chapter 5.
    """
    points, kernel = arguments.points(queries, keys, values, kernel, sigma, mask)
    check_weights(points.queries, points.keys, "give some of the queries at a time")
    constant = smoothing_weights(points, kernel)
    weights = tilt(constant, points.queries, points.keys)
    return pool(weights, points.values, lambda empty: reach_message(empty, points, kernel)), weights


@np.errstate(all="ignore")
def tilt(weights: Array, queries: Array, keys: Array) -> Array:
    """Local-linear weights from local-constant ones, (m, n) both.

    The slope is that of a least-squares fit to the keys in reach. Their places are measured from
    the heaviest key, so that a lone second key of weight 1e-300 still gives an exact line, and in
    units of their largest spread.
    """
    xp, seen = namespace(weights), weights > 0
    top, eps = xp.finfo(weights.dtype).max, xp.finfo(weights.dtype).eps
    heaviest = keys[weights.argmax(1)].T[:, :, None]  # (d, m, 1)
    place = xp.clip(keys.T[:, None, :] - heaviest, -top, top)  # (d, m, n)
    mean = (weights * place).sum(2)[:, :, None]
    share = xp.where(seen, xp.sqrt(xp.where(seen, weights, 1.0)), 0.0)
    columns = share * (place - mean)
    size = xp.amax(abs(columns), (0, 2))[:, None]
    size = xp.where(size > 0, size, 1.0)
    columns = columns / size
    length = (columns**2).sum((0, 2))[:, None]
    length = xp.sqrt(xp.where(length > 0, length, 1.0))
    columns = columns / length
    offset = xp.clip(heaviest - queries.T[:, :, None] + mean, -top, top) / size / length
    if len(columns) > 1:
        offset = _decorrelate(columns, offset, 10 * len(keys) * eps)
    tilt = share * (columns * offset).sum(0)
    tilt = tilt - weights * tilt.sum(1)[:, None]  # its sum is 0, but for rounding
    return xp.where(xp.isfinite(tilt).all(1)[:, None], weights - tilt, weights)


def _decorrelate(columns: Array, offset: Array, rtol: float) -> Array:
    """C^+ offset, C the covariance of the columns: (d, m, n), (d, m, 1) -> (d, m, 1)."""
    xp = namespace(columns)
    columns = xp.moveaxis(columns, 0, 1)  # (m, d, n)
    with full_precision(columns):
        covariance = columns @ xp.moveaxis(columns, 1, 2)
        inverse = xp.linalg.pinv(covariance, rtol=rtol, hermitian=True)
        return xp.moveaxis(inverse @ xp.moveaxis(offset, 0, 1), 1, 0)


def full_precision(array: Array) -> AbstractContextManager:
    """Where torch.autocast is on, products stay in the dtype of the array all the same."""
    xp = namespace(array)
    if xp is np:
        return nullcontext()
    return xp.autocast(device_type=array.device.type, enabled=False)
