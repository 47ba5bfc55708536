"""Kernels that are polynomials on their window, in time n + m: differences of cumulative sums.

On one side of the query K is a_0 + a_1 u + a_2 u^2 with u = (q - k) / sigma. Multiplied out, the
sum over a window needs only the sums of 1, s and s^2 over the keys in it, and each is a difference
of two cumulative sums (Seifert, Brockmann, Engel and Gasser, 1994; Langrene and Warin, 2019).
Written down like that it loses every digit: s^2 is huge beside u^2, and the difference of two long
sums has the rounding of the long ones. Two repairs:

1. Places s are measured from the middle of a bin as wide as the window, exactly, as in fast_gauss.
   A window meets three bins at most, and is cut where they meet.
2. The cumulative sums are integers, in units of 2^-b with b as large as the fullest bin allows.
   Integers have no rounding, and a difference is right even where the sum has gone round 2^64.

Where the weights in a window are all small, windows.py counts key by key.
"""

import math

import numpy as np

from . import windows
from .kernels import KERNELS, Kernel
from .line import Line

#: a_0, a_1, a_2 to the left of the query (u > 0), and to its right.
POLYNOMIALS = {
    KERNELS["boxcar"]: ((1.0, 0.0, 0.0), (1.0, 0.0, 0.0)),
    KERNELS["triangular"]: ((1.0, -1.0, 0.0), (1.0, 1.0, 0.0)),
    KERNELS["epanechnikov"]: ((1.0, 0.0, -1.0), (1.0, 0.0, -1.0)),
}
#: A mean weight in the window below this is computed key by key.
THIN = 0.02
#: Queries that are looked at together.
CHUNK = 2**16
#: A place in more bins than this has no exact place in its bin.
BINS = 2.0**50


@np.errstate(all="ignore")
def totals(
    line: Line, queries: np.ndarray, kernel: Kernel, sigma: float, own: np.ndarray | None = None
) -> np.ndarray:
    """sum_j K(|q - k_j| / sigma) sums[:, j] with K(0) = 1, (c, m), for ascending queries (m,).

    Columns that windows.py counted have a factor of their own. own (c, m) is left out, if given.
    """
    found, count = np.zeros((len(line.sums), len(queries))), np.zeros(len(queries))
    width = 2.0 ** math.ceil(math.log2(sigma * (1 + 1e-6)))  # a little more than sigma at least
    if max(-line.keys[0], line.keys[-1]) / width < BINS:
        sums = _Sums(line, kernel, width, sigma)
        inside = np.searchsorted(queries, line.keys[[0, -1]] + [-width, width])
        for start in range(*inside, CHUNK):
            rows = slice(start, min(start + CHUNK, inside[1]))
            found[:, rows], count[rows] = sums.at(queries[rows])
    if own is not None:
        found -= own
        count -= own[-1]
    thin = ~(found[-1] > THIN * count) | (count == 0)  # rounding may be left where nothing is
    if thin.any():
        left_out = None if own is None else own[:, thin]
        found[:, thin] = windows.totals(line, queries[thin], kernel, sigma, left_out)
    return found


class _Sums:
    """Cumulative sums of s^p times the sums of a line, in bins; p to the kernel's degree."""

    def __init__(self, line: Line, kernel: Kernel, width: float, sigma: float) -> None:
        self.line, self.kernel, self.width, self.sigma = line, kernel, width, sigma
        self.sides = POLYNOMIALS[kernel]
        self.bins = np.floor(line.keys / width)
        first = np.flatnonzero(np.append(True, self.bins[1:] != self.bins[:-1]))
        fullest = np.add.reduceat(line.sums[-1], first).max()
        self.counts = np.append(0, np.cumsum(line.sums[-1], dtype=np.int64))
        place = (line.keys - (self.bins + 0.5) * width) / sigma  # within -1 and 1
        degree = max(p for side in self.sides for p, a in enumerate(side) if a)
        self.unit = 2.0 ** -(60 - math.ceil(math.log2(fullest)))
        self.cumulated = np.zeros((degree + 1, len(line.sums), len(place) + 1), dtype=np.int64)
        for p, power in enumerate(self.cumulated):
            for into, sums in zip(power, line.sums, strict=True):
                np.rint(place**p * sums / self.unit).astype(np.int64).cumsum(out=into[1:])

    def at(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The totals, (c, m), and how many points a window holds, (m,)."""
        keys, sigma, bin_ = self.line.keys, self.sigma, np.floor(queries / self.width)
        first, last = self._ends(queries)
        middle = np.searchsorted(keys, queries)
        here = np.searchsorted(self.bins, bin_, "left"), np.searchsorted(self.bins, bin_, "right")
        cuts = [first, np.maximum(here[0], first), middle, np.minimum(here[1], last), last]
        found = np.zeros((len(self.line.sums), len(queries)))
        for piece, (shift, side) in enumerate(((-1, 0), (0, 0), (0, 1), (1, 1))):
            place = (queries - (bin_ + shift + 0.5) * self.width) / sigma
            a0, a1, a2 = self.sides[side]
            powers = (a0 + place * (a1 + place * a2), -(a1 + 2 * a2 * place), a2)
            for factor, cumulated in zip(powers, self.cumulated, strict=False):
                difference = cumulated[:, cuts[piece + 1]] - cumulated[:, cuts[piece]]
                found += factor * difference * self.unit
        return found, (self.counts[last] - self.counts[first]).astype(float)

    def _ends(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The window of each query, to the last key by the kernel's own test, |k - q| / sigma."""
        keys, n = self.line.keys, len(self.line.keys)
        first = np.searchsorted(keys, queries - self.sigma, "left")
        last = np.searchsorted(keys, queries + self.sigma, "right")

        def within(at):
            distance = abs(keys[at.clip(0, n - 1)] - queries)
            return (self.kernel.score(distance / self.sigma) > -math.inf) & (at >= 0) & (at < n)

        first -= within(first - 1)
        first += ~within(first) & (first < last)
        last += within(last)
        last -= ~within(last - 1) & (last > first)
        return first, last
