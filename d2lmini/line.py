"""Keys on a line, sorted once, ties merged: what the fast smoothers read."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Line:
    """Distinct keys in ascending order, and what lies at each."""

    keys: np.ndarray  # (k,), k <= n
    sums: np.ndarray  # (c, k): the sums of the values at each key, one row a column; then the count
    scale: float  # the values were divided by it, a power of two: they lie in [-1, 1]

    @classmethod
    def of(cls, keys: np.ndarray, values: np.ndarray) -> "Line":
        """Of keys (n,) and values (n, c - 1), in any order."""
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        sums = np.empty((values.shape[1] + 1, len(first)))
        scale = _power_of_two(values)
        for row, column in zip(sums, values.T, strict=False):
            np.add.reduceat(column[order] / scale, first, out=row)
        sums[-1] = np.diff(first, append=len(keys))
        return cls(ordered[first], sums, scale)


def one_of_each(values: np.ndarray, scale: float) -> np.ndarray:
    """What each point of a line adds to its sums: its values (n, c - 1), and a count, (c, n)."""
    return np.vstack([values.T / scale, np.ones(len(values))])


@np.errstate(over="ignore")
def nearest_places(queries: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """The distance of each query (m,) to the nearest key (n,), (m,)."""
    keys = np.sort(keys)
    right = np.searchsorted(keys, queries)
    nearer = [abs(keys[at.clip(0, len(keys) - 1)] - queries) for at in (right - 1, right)]
    return np.minimum(*nearer)


@np.errstate(over="ignore")
def nearest_others(keys: np.ndarray, distinct: bool) -> np.ndarray:
    """The distance of each key to the nearest other one, of another place if distinct, (n,)."""
    places, which, count = np.unique(keys, return_inverse=True, return_counts=True)
    gaps = np.diff(places, prepend=-np.inf, append=np.inf)
    nearest = np.minimum(gaps[:-1], gaps[1:])
    return np.where(distinct | (count == 1), nearest, 0.0)[which]


def _power_of_two(values: np.ndarray) -> float:
    _, exponent = np.frexp(abs(values).max(initial=0.0))
    return float(np.ldexp(1.0, min(int(exponent), 1023)))
