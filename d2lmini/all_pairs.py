"""Fits at the keys themselves, for many sigmas at once: what bandwidth.py compares.

All pairs of points, in blocks of rows, so memory does not grow with n * n. The distances of a block
are computed once and serve every sigma. Per sigma remain a product, an exponential and a matrix
product with the values, over the keys that can count at all.
"""

import math
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from . import arguments
from .arguments import Points
from .attention import smoothing_weights
from .distances import distances, excess, in_sigmas
from .kernels import Kernel
from .line import nearest_others, nearest_places

PAIRS = 2**17  # query-key pairs in a block: its arrays of 1 MB stay in the processor's cache
NOTHING = -50.0  # a score this far below the row's best: a weight under 2e-22

#: For one sigma: the keys that count, as a slice, and their weights (rows, keys), of any scale.
Weigh = Callable[[float], tuple[slice, np.ndarray]]


@np.errstate(all="ignore")
def errors_at_keys(
    points: Points, sigmas: np.ndarray, kernel: Kernel, leave_out: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Mean squared errors of the fits at the keys, inf where one is missing, and tr(H): (s,), (s,).

    points of bandwidth's checks, queries equal to keys; sigmas (s,), positive. With ``leave_out``
    no point counts for itself, and tr(H) is 0.
    """
    points = _sorted(points)
    n = len(points.keys)
    values = points.values.reshape(n, -1)
    summed = np.column_stack([values, np.ones(n)])
    squares, traces = np.zeros((2, len(sigmas)))
    for rows in blocks(n, n):
        weigh = _weigher(points, rows, kernel, leave_out)
        own = np.arange(rows.stop - rows.start)
        for s, sigma in enumerate(sigmas):
            keys, weights = weigh(sigma)
            on_itself = own, own + rows.start - keys.start
            if leave_out:
                weights[on_itself] = 0.0
            sums = weights @ summed[keys]
            total = sums[:, -1]
            squares[s] += ((values[rows] - sums[:, :-1] / total[:, None]) ** 2).sum()
            traces[s] += (weights[on_itself] / total).sum()
    return np.where(np.isnan(squares), math.inf, squares / values.size), traces


def nearest_distances(keys: np.ndarray, distinct: bool = False) -> np.ndarray:
    """Distance of each key to the nearest other one (of another place, if distinct), (n,)."""
    keys, nearest = arguments.column(keys), np.empty(len(keys))
    if keys.shape[1] == 1:
        return nearest_others(keys[:, 0], distinct)
    for rows in blocks(len(keys), len(keys)):
        distance = distances(keys[rows], keys)
        distance[np.arange(len(distance)), np.arange(rows.start, rows.stop)] = math.inf
        if distinct:
            distance[distance == 0] = math.inf
        nearest[rows] = distance.min(1)
    return nearest


def nearest_key(queries: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """The distance of each query (m, d) to the nearest key (n, d), (m,)."""
    if keys.shape[1] == 1:
        return nearest_places(queries[:, 0], keys[:, 0])
    pieces = [queries[rows] for rows in blocks(len(queries), len(keys))]
    return np.concatenate([distances(piece, keys).min(1) for piece in pieces])


def blocks(m: int, n: int) -> Iterator[slice]:
    """Slices that cut m rows of n into blocks of about PAIRS entries."""
    step = max(1, PAIRS // max(n, 1))
    return (slice(start, min(start + step, m)) for start in range(0, m, step))


def _sorted(points: Points) -> Points:
    """The points in the order of their first component: then keys that count lie side by side."""
    order = np.argsort(points.keys[:, 0], kind="stable")
    keys = points.keys[order]
    return Points(keys, keys, points.values[order], points.sigma)


def _weigher(points: Points, rows: slice, kernel: Kernel, leave_out: bool) -> Weigh:
    """Weights of the keys `rows` as queries. What it gives is overwritten by the next call."""
    queries, keys = points.keys[rows], points.keys
    if math.isfinite(kernel.support):
        distance = distances(queries, keys)
        return partial(_in_reach, distance, distance.min(0), rows, kernel)
    visible = None
    if leave_out:
        visible = np.arange(len(keys)) != np.arange(rows.start, rows.stop)[:, None]
    if kernel.log_ratio is None:
        return partial(_by_softmax, Points(queries, keys, points.values, None, visible), kernel)
    gap, middle = excess(distances(queries, keys), queries, keys, visible)
    if kernel.power is None:
        return partial(_by_ratio, gap, middle, kernel)
    return _Scaled(gap, middle, rows, kernel)


def _in_reach(
    distance: np.ndarray, nearest: np.ndarray, rows: slice, kernel: Kernel, sigma: float
) -> tuple[slice, np.ndarray]:
    """A kernel of finite support."""
    keys = _span(nearest <= sigma * kernel.support, rows)
    return keys, kernel(distance[:, keys] / sigma)


def _by_softmax(block: Points, kernel: Kernel, sigma: float) -> tuple[slice, np.ndarray]:
    """A kernel of infinite support that knows no ratios."""
    at = Points(block.queries, block.keys, block.values, np.float64(sigma), block.mask)
    return slice(0, len(block.keys)), smoothing_weights(at, kernel)


def _by_ratio(
    gap: np.ndarray, middle: np.ndarray, kernel: Kernel, sigma: float
) -> tuple[slice, np.ndarray]:
    """Weights relative to the nearest key's."""
    scores = kernel.log_ratio(in_sigmas(gap, sigma), in_sigmas(middle, sigma))
    return slice(0, gap.shape[1]), _exp(scores)


class _Scaled:
    """The same for a kernel whose score is a power of u: one score at one sigma gives all others.

    log K(u / c) = log K(u) / c^power. The sigma of reference is a power of 2^100 near the one that
    is asked for, so that no factor and no product overflows.
    """

    def __init__(self, gap: np.ndarray, middle: np.ndarray, rows: slice, kernel: Kernel) -> None:
        self.gap, self.middle, self.rows, self.kernel = gap, middle, rows, kernel
        self.scratch = np.empty(gap.size)
        self.reference = 0.0

    def __call__(self, sigma: float) -> tuple[slice, np.ndarray]:
        reference = 2.0 ** (100 * round(math.log2(sigma) / 100))
        if reference != self.reference:
            self._refer_to(reference)
        factor = (self.reference / sigma) ** self.kernel.power
        keys = _span(self.best * factor > NOTHING, self.rows)
        scores = self.scores[:, keys]
        into = self.scratch[: scores.size].reshape(scores.shape)
        return keys, _exp(np.multiply(scores, factor, out=into))

    def _refer_to(self, sigma: float) -> None:
        gap, middle = in_sigmas(self.gap, sigma), in_sigmas(self.middle, sigma)
        self.reference = sigma
        self.scores = np.maximum(self.kernel.log_ratio(gap, middle), -np.finfo(float).max)
        self.best = self.scores.max(0)


def _exp(scores: np.ndarray) -> np.ndarray:
    """exp in place; numbers below e^-700, where it is slow, count for nothing."""
    return np.exp(np.maximum(scores, -700.0, out=scores), out=scores)


def _span(counts: np.ndarray, rows: slice) -> slice:
    """The shortest slice with all keys that count, and with the rows' own."""
    which = np.flatnonzero(counts)
    if not which.size:
        return rows
    return slice(min(rows.start, int(which[0])), max(rows.stop, int(which[-1]) + 1))
