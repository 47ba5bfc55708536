"""Distances, and scores made of them, that survive any sigma and any query.

The plain score, log K(|q - k| / sigma), serves wherever each query has a key within a few sigma.
Elsewhere it can be as low as -1e600. Only differences between the keys of one row matter, so they
are computed directly then, from the excess of each distance over the row's smallest; and the excess
comes from key differences, not from subtracting two distances.
"""

import math
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from .kernels import Array, Kernel, namespace

if TYPE_CHECKING:
    from .arguments import Points

#: A score of this size is rounded by some NEAR * eps, and its weight by no more.
NEAR = 8.0


def log_kernel(points: "Points", kernel: Kernel) -> Array:
    """log K(|q - k| / sigma), (m, n)."""
    if points.moderate and points.keys.shape[1] == 1:
        u = abs(points.keys[:, 0] - points.queries)
        u /= points.sigma
        return kernel.score(u)
    scores = kernel.score(in_sigmas(distances(points.queries, points.keys), points.sigma))
    if kernel.of_square is None or namespace(scores) is np or not scores.requires_grad:
        return scores
    smooth, square = scores.detach(), 0.0
    for c in range(points.keys.shape[1]):
        square = square + in_sigmas(_difference(points.queries, points.keys, c), points.sigma) ** 2
    slope = kernel.of_square(square)
    return smooth + (slope - slope.detach())  # the scores themselves, with the slopes of the square


def needs_care(peak: Array, kernel: Kernel) -> bool:
    """Whether, with these best scores of the rows, rounding or overflow may show in the weights."""
    if math.isfinite(kernel.support):
        return False
    return namespace(peak) is not np or not (peak.size == 0 or peak.min() >= -NEAR)


def careful_log_kernel(points: "Points", kernel: Kernel) -> Array:
    """log K(|q - k| / sigma) up to a constant per row, (m, n), for kernels of infinite support."""
    distance = distances(points.queries, points.keys)
    gap, middle = excess(distance, points.queries, points.keys, points.mask)
    if kernel.log_ratio is None:
        xp, plain = namespace(distance), kernel.score(in_sigmas(distance, points.sigma))
        lost = xp.amax(hide(plain, points.mask), 1)[:, None] == -math.inf
        return xp.where(lost & (gap <= 0), 0.0, plain)
    ratio = kernel.log_ratio(in_sigmas(gap, points.sigma), in_sigmas(middle, points.sigma))
    return ratio.clip(None, largest(ratio))


def in_sigmas(length: Array, sigma: Array) -> Array:
    """length / sigma, finite; its gradient in sigma does without 1 / sigma^2, which overflows."""
    top = largest(length)
    if namespace(length) is np:
        return np.minimum(length / sigma, top)
    unit = sigma.detach()
    return (length / unit).clip(-top, top) / (sigma / unit)


def distances(queries: Array, keys: Array) -> Array:
    """|q - k| (m, n) for queries (m, d) and keys (n, d) of any size; no array of (d, m, n)."""
    xp = namespace(keys)
    components = range(keys.shape[1])
    if len(components) == 1:
        return abs(_difference(queries, keys, 0))
    size = abs(_difference(queries, keys, 0))
    for c in components[1:]:
        size = xp.maximum(size, abs(_difference(queries, keys, c)))
    nonzero = size > 0
    unit, squares = xp.where(nonzero, size, 1.0), 0.0
    for c in components:
        squares = squares + (_difference(queries, keys, c) / unit) ** 2
    return (size * xp.sqrt(xp.where(nonzero, squares, 1.0))).clip(0, largest(keys))


def _difference(queries: Array, keys: Array, component: int) -> Array:
    """k - q in one component, (m, n), finite."""
    top = largest(keys)
    return (keys[None, :, component] - queries[:, None, component]).clip(-top, top)


def largest(array: Array) -> float:
    """The largest number of the array's dtype."""
    return _limits(namespace(array), array.dtype)[1]


def smallest(array: Array) -> float:
    """The smallest normal number of the array's dtype."""
    return _limits(namespace(array), array.dtype)[0]


@cache
def _limits(xp: Any, dtype: Any) -> tuple[float, float]:
    limits = xp.finfo(dtype)
    return float(limits.tiny), float(limits.max)


def excess(
    distance: Array, queries: Array, keys: Array, mask: Array | None = None
) -> tuple[Array, Array]:
    """How much farther each key is than the nearest visible one; their mean distance. (m, n)."""
    nearest = hide(distance, mask, math.inf).argmin(1)
    found, middle = _beyond(nearest, distance, queries, keys)
    closer = hide(found, mask, math.inf).argmin(1)
    if (closer != nearest).any():  # far away, all distances round to the same number
        found, middle = _beyond(closer, distance, queries, keys)
    return found, middle


def _beyond(chosen: Array, distance: Array, queries: Array, keys: Array) -> tuple[Array, Array]:
    """|k - q| - |c - q| and (|k - q| + |c - q|) / 2, both (m, n), for one chosen key c a row.

    The first is (k - c) . (k - q + c - q) / (|k - q| + |c - q|). The fraction is a vector of
    length at most 1, so its precision is that of k - c, however far away the query.
    """
    xp, rows, beyond = namespace(keys), namespace(keys).arange(len(distance)), 0.0
    middle = distance / 2 + distance[rows, chosen][:, None] / 2  # halves: no overflow
    unit = xp.where(middle > 0, middle, 1.0)
    for c in range(keys.shape[1]):
        difference = _difference(queries, keys, c)
        direction = (difference / 2 + difference[rows, chosen][:, None] / 2) / unit
        beyond = beyond + _difference(keys[chosen], keys, c) * direction
    return beyond, middle


def hide(array: Array, mask: Array | None, filler: float = -math.inf) -> Array:
    """The array, (m, n), with filler where the mask hides the key."""
    return array if mask is None else namespace(array).where(mask, array, filler)


# What is said where no key is in reach -----------------------------------------------------------


@np.errstate(all="ignore")
def reach_message(empty: Array, points: "Points", kernel: Kernel) -> str:
    """A sentence for the queries out of reach, and one for those whose keys are all hidden."""
    distance = distances(points.queries, points.keys)
    nearest = namespace(distance).amin(hide(distance, points.mask, math.inf), 1)
    hidden = int((nearest == math.inf).sum())
    parts = []
    if unreached := int(empty.sum()) - hidden:
        farthest = nearest[nearest < math.inf].max().item()
        parts.append(unreached_message(unreached, len(empty), farthest, kernel))
    if hidden:
        parts.append(
            f"mask hides every key from {hidden} of {len(empty)} queries "
            "(estimate NaN, weights 0 for any sigma)"
        )
    return "; ".join(parts)


def unreached_message(missed: int, count: int, farthest: float, kernel: Kernel) -> str:
    """For so many queries of count no key is in reach; to the farthest it is that far."""
    return (
        f"no key in reach of the {kernel.name} kernel for {missed} of {count} queries "
        f"(estimate NaN, weights 0); {all_reached(farthest, kernel)}"
    )


def all_reached(distance: float, kernel: Kernel) -> str:
    """From which sigma on a key at this distance is seen."""
    sigma = float(distance) / kernel.support
    closed = kernel(np.float64(kernel.support)) > 0
    since = f"from sigma = {sigma!r} on" if closed else f"only above sigma = {sigma!r}"
    return f"all are reached {since}"
