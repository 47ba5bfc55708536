"""Smoothing on a line by looking only nearby: for each query the keys that can count at all.

A compact kernel is 0 beyond sigma. A Gaussian is not; but once a query's nearest key lies at
distance D, a key at distance r weighs exp(-(r^2 - D^2) / 2 sigma^2) as much, which is under 2e-22
beyond r = sqrt(D^2 + (10 sigma)^2). Sorted keys make that a window, two binary searches a query.
Scores are differences from the nearest key, so a far query is as good as a near one.
"""

import math
from collections.abc import Iterator

import numpy as np

from .distances import in_sigmas
from .kernels import Kernel
from .line import Line

#: Query-key pairs that are looked at together.
PAIRS = 2**18
#: Beyond the score of the nearest key, in nats: what lies lower counts for nothing.
DEPTH = 50.0


def serves(kernel: Kernel) -> bool:
    """Whether the kernel has windows: it is compact, or falls by a power of the distance."""
    return math.isfinite(kernel.support) or (
        kernel.power in (1, 2) and kernel.log_ratio is not None
    )


@np.errstate(all="ignore")
def totals(
    line: Line, queries: np.ndarray, kernel: Kernel, sigma: float, own: np.ndarray | None = None
) -> np.ndarray:
    """sum_j K(|q - k_j| / sigma) sums[:, j], (c, m), each column up to a factor of its own.

    queries (m,). own (c, m), if given, is left out of what lies at the query itself. A column of
    zeros has no key in reach. Memory: PAIRS pairs, or one query's window where that is longer.
    """
    found = np.zeros((len(line.sums), len(queries)))
    nearest = _nearest(line, queries, own)
    first, last = _window(line, queries, nearest, kernel, sigma)
    some = np.flatnonzero(last > first)
    for rows in _chunks(some, (last - first)[some]):
        count = last[rows] - first[rows]
        starts = np.cumsum(count) - count
        pair = np.repeat(np.arange(len(rows)), count)
        at = np.arange(len(pair)) + (first[rows] - starts)[pair]
        query, key, sums = queries[rows][pair], line.keys[at], line.sums[:, at]
        if own is not None:
            sums -= np.where(key == query, own[:, rows[pair]], 0.0)
        weights = _weights(query, key, line.keys[nearest[rows]][pair], kernel, sigma)
        weights[sums[-1] == 0] = 0.0  # the query's own key, which is left out, would be inf
        found[:, rows] = np.add.reduceat(weights * sums, starts, axis=1)
    return found


@np.errstate(all="ignore")
def pairs(line: Line, queries: np.ndarray, kernel: Kernel, sigma: float) -> float:
    """How many keys a query's window holds, on average over some of the queries."""
    queries = queries[:: max(1, len(queries) // 1000)]
    first, last = _window(line, queries, _nearest(line, queries), kernel, sigma)
    return float(np.mean(last - first))


def _nearest(line: Line, queries: np.ndarray, own: np.ndarray | None = None) -> np.ndarray:
    """The index of the nearest key at which something is left, (m,)."""
    right, end = np.searchsorted(line.keys, queries), len(line.keys) - 1
    left = right - 1
    if own is not None:
        right = right + (line.sums[-1, right] == own[-1])
    to_left = np.where(left < 0, math.inf, queries - line.keys[left])
    to_right = np.where(right > end, math.inf, line.keys[right.clip(0, end)] - queries)
    return np.where(to_left <= to_right, left, right).clip(0, end)


def _window(
    line: Line, queries: np.ndarray, nearest: np.ndarray, kernel: Kernel, sigma: float
) -> tuple[np.ndarray, np.ndarray]:
    """From which key to before which other a query looks, (m,) and (m,)."""
    distance = abs(line.keys[nearest] - queries)
    if math.isfinite(kernel.support):
        reach = kernel.support * sigma
    elif kernel.power == 1:
        reach = distance + DEPTH * sigma
    else:
        reach = np.hypot(distance, math.sqrt(2 * DEPTH) * sigma)
    reach = reach * (1 + 1e-15)  # rounding may let in a key too many, whose weight is then seen
    first = np.searchsorted(line.keys, np.nextafter(queries - reach, -math.inf), "left")
    last = np.searchsorted(line.keys, np.nextafter(queries + reach, math.inf), "right")
    return first, last


def _weights(
    query: np.ndarray, key: np.ndarray, nearest: np.ndarray, kernel: Kernel, sigma: float
) -> np.ndarray:
    """K of each pair over K of the query's nearest key; of a compact kernel K itself."""
    if math.isfinite(kernel.support):
        return kernel(in_sigmas(abs(key - query), sigma))
    middle = abs(key - query) / 2 + abs(nearest - query) / 2
    slope = ((key - query) / 2 + (nearest - query) / 2) / np.where(middle > 0, middle, 1.0)
    gap = (key - nearest) * slope  # |k - q| - |c - q|, by the difference of the keys
    return np.exp(kernel.log_ratio(in_sigmas(gap, sigma), in_sigmas(middle, sigma)))


def _chunks(rows: np.ndarray, count: np.ndarray) -> Iterator[np.ndarray]:
    """The rows, cut so that a piece counts about PAIRS pairs."""
    if len(rows):
        yield from np.split(rows, np.flatnonzero(np.diff(np.cumsum(count) // PAIRS)) + 1)
