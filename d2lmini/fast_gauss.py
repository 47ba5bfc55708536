"""Sums of Gaussians on a line in time n + m: an interpolated fast Gauss transform.

1. Cut the line into cells of width h, sigma / 2 < h <= sigma. Inside a pair of cells the Gaussian
   is smooth: a polynomial of 16 terms in the query and in the key is right to 1e-16.
2. Cells of keys: A[l, cell] = sum_j T_l(s_j) sums[j], T_l Chebyshev's polynomials, s_j in [-1, 1]
   the place of key j in its cell. From here on the keys are not needed.
3. Cells of queries: F[k, cell] = sum over the cells nearby and l of B[k, l] A[l, other], where B
   has the coefficients of K for that distance of cells.
4. Each query: sum_k T_k(s) F[k, cell].

h is a power of two, so places in cells are exact, whatever the offset of the data. A query whose
sum is small, in a gap or far outside, goes to windows.py. Greengard and Strain (1991) have the
transform, Fong and Darve (2009) Chebyshev interpolation; chapter 8 draws the steps.
"""

import math
from collections.abc import Sequence

import numpy as np

from . import windows
from .kernels import KERNELS
from .line import Line

#: Terms of each polynomial.
NODES = 16
#: Kernel sums below this are computed key by key.
GAP = 1e-3
#: Keys, or queries, that are looked at together.
CHUNK = 2**12
#: A place in more cells than this has no exact place in its cell.
CELLS = 2.0**50


def totals(
    line: Line, queries: np.ndarray, sigma: float, own: np.ndarray | None = None
) -> np.ndarray:
    """sum_j exp(-((q - k_j) / sigma)^2 / 2) sums[:, j], (c, m), for ascending queries (m,).

    Columns in gaps have a factor of their own. own (c, m) is left out, if given.
    """
    return totals_of_octave(line, queries, [sigma], own)[0]


def octaves(sigmas: np.ndarray) -> list[np.ndarray]:
    """Ascending sigmas, cut into pieces that share their cells."""
    width = np.floor(np.log2(sigmas))
    return np.split(sigmas, np.flatnonzero(np.diff(width)) + 1)


@np.errstate(all="ignore")
def totals_of_octave(
    line: Line, queries: np.ndarray, sigmas: Sequence[float], own: np.ndarray | None = None
) -> np.ndarray:
    """The same for several sigmas with the same cells, (s, c, m)."""
    found = np.zeros((len(sigmas), len(line.sums), len(queries)))
    width = 2.0 ** math.floor(math.log2(sigmas[0]))
    reach = math.ceil(_reach(line.sums[-1].sum()) * max(sigmas) / width)
    if max(-line.keys[0], line.keys[-1]) / width < CELLS:
        cells, moments = _moments(line, width)
        between = np.stack([_coefficients(reach, width / sigma) for sigma in sigmas])
        inside = np.searchsorted(queries, line.keys[[0, -1]] + [-reach * width, reach * width])
        for start in range(*inside, CHUNK):
            rows = slice(start, min(start + CHUNK, inside[1]))
            found[:, :, rows] = _evaluate(queries[rows], cells, moments, between, width)
    if own is not None:
        found -= own
    for sums, sigma in zip(found, sigmas, strict=True):
        gaps = sums[-1] < GAP
        if gaps.any():
            left_out = None if own is None else own[:, gaps]
            kernel = KERNELS["gaussian"]
            sums[:, gaps] = windows.totals(line, queries[gaps], kernel, sigma, left_out)
    return found


def _reach(n: float) -> float:
    """Beyond so many sigma n keys weigh under 1e-14 of GAP."""
    return math.sqrt(2 * math.log(n / (1e-14 * GAP)))


def _places(x: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    """The cell of each x, and the place in it from -1 to 1."""
    cell = np.floor(x / width)
    return cell.astype(np.int64), (x - (cell + 0.5) * width) * (2 / width)


def _chebyshev(s: np.ndarray) -> np.ndarray:
    """T_0(s) to T_15(s), (16, len(s))."""
    terms = np.empty((NODES, len(s)))
    terms[0], terms[1] = 1.0, s
    for k in range(2, NODES):
        np.multiply(2 * s, terms[k - 1], out=terms[k])
        terms[k] -= terms[k - 2]
    return terms


def _moments(line: Line, width: float) -> tuple[np.ndarray, np.ndarray]:
    """The cells that hold keys, ascending, and A, (c, cells + 1, 16); the last is an empty cell."""
    cell, place = _places(line.keys, width)
    first = np.flatnonzero(np.append(True, cell[1:] != cell[:-1]))
    moments = np.zeros((len(line.sums), NODES, len(first) + 1))
    for start in range(0, len(cell), CHUNK):
        keys = slice(start, start + CHUNK)
        terms = _chebyshev(place[keys])
        begins = np.flatnonzero(np.append(True, cell[keys][1:] != cell[keys][:-1]))
        at = np.searchsorted(first, start + begins, "right") - 1
        for moment, weight in zip(moments, line.sums[:, keys], strict=True):
            moment[:, at] += np.add.reduceat(terms * weight, begins, axis=1)
    return cell[first], np.ascontiguousarray(moments.transpose(0, 2, 1))


def _coefficients(reach: int, width: float) -> np.ndarray:
    """B for cells -reach to reach apart, (2 reach + 1, 16, 16); width in sigmas."""
    angle = (np.arange(NODES) + 0.5) * (math.pi / NODES)
    to_terms = np.cos(np.arange(NODES)[:, None] * angle) * (2 / NODES)
    to_terms[0] /= 2
    nodes = np.cos(angle)
    apart = np.arange(-reach, reach + 1)[:, None, None] + (nodes[:, None] - nodes) / 2
    return to_terms @ np.exp(-((apart * width) ** 2) / 2) @ to_terms.T


def _evaluate(
    queries: np.ndarray,
    cells: np.ndarray,
    moments: np.ndarray,
    between: np.ndarray,
    width: float,
) -> np.ndarray:
    """Steps 3 and 4 for some ascending queries and each of between's sigmas, (s, c, m)."""
    cell, place = _places(queries, width)
    target, at = np.unique(cell, return_inverse=True)
    terms, found = _chebyshev(place), np.empty((len(between), len(moments), len(queries)))
    reach = between.shape[1] // 2
    nearby = target[:, None] - np.arange(-reach, reach + 1)
    index = np.searchsorted(cells, nearby).clip(0, len(cells) - 1)
    index[cells[index] != nearby] = len(cells)  # the empty cell
    wide = between.transpose(1, 3, 0, 2).reshape(-1, len(between) * NODES)
    for c, moment in enumerate(moments):
        sources = np.take(moment, index, axis=0).reshape(len(target), -1)  # offsets * 16 a row
        local = np.take(sources @ wide, at, axis=0).reshape(len(queries), -1, NODES)
        np.einsum("kq,qsk->sq", terms, local, out=found[:, c])
    return found
