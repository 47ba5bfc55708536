"""Leave-one-out errors of keys on a line, in time n for each sigma: what bandwidth.py compares.

all_pairs.py has them for any keys. Sums with all points come from fast_gauss.py, prefix_sums.py or
windows.py; what a point adds to the sums at its own place is taken off again.
"""

import math
from collections.abc import Iterator

import numpy as np

from . import fast_gauss, prefix_sums, windows
from .arguments import Points
from .kernels import Kernel
from .line import Line, one_of_each
from .smoothing import FEW, LINEAR

#: From so many keys on sums along the line beat all pairs, over a grid of sigmas.
MANY = 700


def serves_at_keys(points: Points, kernel: Kernel) -> bool:
    """Whether leave_one_out_errors is for these points, and quicker than all pairs."""
    return points.keys.shape[1] == 1 and kernel in LINEAR and len(points.keys) >= MANY


@np.errstate(all="ignore")
def leave_one_out_errors(points: Points, sigmas: np.ndarray, kernel: Kernel) -> np.ndarray:
    """Mean squared errors at the keys, each without its own point, (s,); inf if one has none.

    For points and kernels that serves_at_keys.
    """
    order = np.argsort(points.keys[:, 0], kind="stable")
    keys, values = points.keys[order, 0], points.values.reshape(len(order), -1)[order]
    line = Line.of(keys, values)
    own, squares = one_of_each(values, line.scale), np.full(len(sigmas), math.nan)
    for sigma, totals in _totals_for_each(line, keys, kernel, np.unique(sigmas), own):
        square = np.square(totals[:-1] / totals[-1] - own[:-1]).mean() * line.scale**2
        squares[sigmas == sigma] = square
    return np.where(np.isnan(squares), math.inf, squares)


def _totals_for_each(
    line: Line, keys: np.ndarray, kernel: Kernel, sigmas: np.ndarray, own: np.ndarray
) -> Iterator[tuple[float, np.ndarray]]:
    """Each of the ascending sigmas and its totals, by the quickest method."""
    few = np.array([windows.pairs(line, keys, kernel, sigma) <= FEW for sigma in sigmas])
    for sigma in sigmas[few]:
        yield sigma, windows.totals(line, keys, kernel, sigma, own)
    if LINEAR[kernel] == "prefix sums":
        for sigma in sigmas[~few]:
            yield sigma, prefix_sums.totals(line, keys, kernel, sigma, own)
    elif not few.all():
        for octave in fast_gauss.octaves(sigmas[~few]):
            yield from zip(
                octave, fast_gauss.totals_of_octave(line, keys, octave, own), strict=True
            )
