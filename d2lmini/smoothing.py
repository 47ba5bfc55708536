"""The smoother of chapter 2 for any number of points: estimates without an (m, n) matrix.

    dense        m n small: the weights of nadaraya_watson themselves
    blocks       any kernel, any dimension, a sigma for each query: some rows of weights at a time
    windows      on a line, where few keys are near a query or the kernel is compact
    fast gauss   Gaussian on a line, time n + m
    prefix sums  boxcar, triangular, Epanechnikov on a line, time n + m

``kernel_smooth`` picks one, ``method_for`` tells which.
"""

import math
import warnings

import numpy as np

from . import arguments, fast_gauss, prefix_sums, windows
from .all_pairs import nearest_key
from .arguments import Points
from .attention import PAIRS, EmptyWindowWarning, smoothing_weights
from .distances import unreached_message
from .kernels import KERNELS, Array, Kernel
from .line import Line

METHODS = ("dense", "blocks", "windows", "fast gauss", "prefix sums")
#: Up to so many query-key pairs the weights are made at once.
DENSE = 150_000
#: Up to so many keys near a query they are visited one by one.
FEW = 20


def kernel_smooth(
    queries: Array,
    keys: Array,
    values: Array,
    kernel: str | Kernel = "gaussian",
    sigma: float | Array = 1.0,
    method: str | None = None,
) -> Array:
    """The estimates of nadaraya_watson, for any number of queries and keys, without the weights.

    queries (m,) or (m, d); keys (n,) or (n, d); values (n,) or (n, d_v); kernel a name or a Kernel;
    sigma > 0, one number or (m,). method one of METHODS, or None: the quickest that serves. Returns
    (m,) or (m, d_v), computed in float64 and given in the dtype of the arguments; within 1e-10
    max |values| of the exact estimate. Beside the arguments it needs about 20 arrays of n or m
    numbers a column of values, and blocks of some 2^18 pairs or one row of n.

    A query with no key in reach gets NaN, and the call warns once with EmptyWindowWarning. Errors:
    ValueError naming the argument, also for a tensor that requires a gradient, which is lost here.
    Torch tensors give torch tensors. Source: the modules of the methods; chapter 8.
    """
    points, kernel = arguments.points(queries, keys, values, kernel, sigma, None)
    exact = points.in_float64()
    line = _line(exact)
    chosen = _pick(exact, line, kernel) if method is None else _checked(method, exact, kernel)
    if chosen in ("dense", "blocks"):
        estimates = _by_rows(exact, kernel, len(exact.queries) if chosen == "dense" else None)
    else:
        estimates = _along(line, exact, kernel, chosen)
    if (empty := np.isnan(estimates).any(tuple(range(1, estimates.ndim)))).any():
        farthest = nearest_key(exact.queries[empty], exact.keys).max()
        message = unreached_message(int(empty.sum()), len(empty), farthest, kernel)
        warnings.warn(message, EmptyWindowWarning, stacklevel=2)
    return points.like_values(estimates)


def method_for(
    queries: Array, keys: Array, kernel: str | Kernel = "gaussian", sigma: float | Array = 1.0
) -> str:
    """Which of METHODS kernel_smooth uses for these. Arguments and errors as there."""
    points, kernel = arguments.points(queries, keys, keys, kernel, sigma, None)
    exact = points.in_float64()
    return _pick(exact, _line(exact), kernel)


# Which method ------------------------------------------------------------------------------------


def _line(points: Points) -> Line | None:
    """The points on a line, if they lie on one and each query looks as far."""
    if points.keys.shape[1] > 1 or points.sigma.ndim:
        return None
    return Line.of(points.keys[:, 0], points.values.reshape(len(points.keys), -1))


def _pick(points: Points, line: Line | None, kernel: Kernel) -> str:
    m, n = len(points.queries), len(points.keys)
    if m * n <= DENSE:
        return "dense"
    if line is None:
        return "blocks"
    near = math.inf
    if windows.serves(kernel):
        near = windows.pairs(line, np.sort(points.queries[:, 0]), kernel, float(points.sigma))
    if near <= FEW:
        return "windows"
    if kernel in LINEAR:
        return LINEAR[kernel]
    return "windows" if near < len(line.keys) / 8 else "blocks"


#: The kernels whose cost is n + m, and the method.
LINEAR = dict.fromkeys(prefix_sums.POLYNOMIALS, "prefix sums") | {KERNELS["gaussian"]: "fast gauss"}


def _checked(method: str, points: Points, kernel: Kernel) -> str:
    serves = {"dense": True, "blocks": True}
    if points.keys.shape[1] == 1 and not points.sigma.ndim:
        serves |= {"windows": windows.serves(kernel), LINEAR.get(kernel, "windows"): True}
    if not serves.get(method):
        able = " or ".join(repr(name) for name, fits in serves.items() if fits)
        raise ValueError(f"method is {method!r}; for these arguments it must be {able}, or None")
    return method


# The methods -------------------------------------------------------------------------------------


@np.errstate(all="ignore")
def _by_rows(points: Points, kernel: Kernel, step: int | None) -> np.ndarray:
    """The estimator as it is written, for `step` queries at a time."""
    step = step or max(1, PAIRS // len(points.keys))
    estimates = np.empty((len(points.queries), *points.values.shape[1:]))
    for start in range(0, len(estimates), step):
        rows = slice(start, start + step)
        weights = smoothing_weights(points.rows(rows), kernel)
        estimates[rows] = weights @ points.values
        estimates[rows][~weights.any(1)] = math.nan
    return estimates


@np.errstate(all="ignore")
def _along(line: Line, points: Points, kernel: Kernel, method: str) -> np.ndarray:
    """A method for points on a line, on sorted queries."""
    order = np.argsort(points.queries[:, 0], kind="stable")
    totals = _totals(line, points.queries[order, 0], kernel, float(points.sigma), method)
    estimates = np.empty((len(order), len(totals) - 1))
    estimates[order] = (totals[:-1] / totals[-1]).T * line.scale
    return estimates.reshape(len(order), *points.values.shape[1:])


def _totals(
    line: Line, queries: np.ndarray, kernel: Kernel, sigma: float, method: str
) -> np.ndarray:
    """Numerators and, last, denominators at ascending queries, (c, m)."""
    if method == "fast gauss":
        return fast_gauss.totals(line, queries, sigma)
    engine = prefix_sums.totals if method == "prefix sums" else windows.totals
    return engine(line, queries, kernel, sigma)
