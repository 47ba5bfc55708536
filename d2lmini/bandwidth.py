"""How far a query should look: the error of a bandwidth, estimated or exact, and its choice.

NumPy throughout, in float64; torch tensors are read through NumPy. What needs all pairs of points
is in all_pairs.py; many points on a line go to along_line.py. Chapter 4.
"""

import math
import warnings
from collections.abc import Callable

import numpy as np

from .all_pairs import blocks, errors_at_keys, nearest_distances, nearest_key
from .along_line import leave_one_out_errors, serves_at_keys
from .arguments import (
    Points,
    as_array,
    check_sigma,
    column,
    find_kernel,
    finite,
    not_negative,
    plain,
    points,
    whole,
)
from .attention import EmptyWindowWarning, nadaraya_watson, told_elsewhere
from .distances import all_reached
from .kernels import Array, Kernel

#: Squares of n residuals of this size still have a finite sum.
LARGEST = 1e150


def leave_one_out_error(
    keys: Array, values: Array, sigma: float | Array, kernel: str | Kernel = "gaussian"
) -> float | np.ndarray:
    """Mean squared error of predicting each value from all the others.

        LOO(sigma) = mean_i (values[i] - estimate_i(keys[i]))^2,  estimate_i made without point i

    keys (n,) or (n, d); values (n,) or (n, d_v), averaged over all entries; kernel a name or a
    Kernel; sigma > 0, one number or (s,). Returns a float, or an array (s,). The error is inf where
    a left-out point has no key in reach (then sigma is not admissible), so for n = 1 always.

    The point's own weight is removed before normalising, never by 1 / (1 - H), which is 0/0 for
    small sigma. Errors: ValueError naming the argument. Source: Stone (1974); chapter 4.
    """
    data, kernel = _data(keys, values, kernel)
    sigmas = _sigmas(sigma)
    return _like(_left_out(data, sigmas.ravel(), kernel), sigmas)


def training_error(
    keys: Array, values: Array, sigma: float | Array, kernel: str | Kernel = "gaussian"
) -> float | np.ndarray:
    """Mean squared error at the data points, each of which votes on itself: a float, or (s,).

    Arguments and errors as for leave_one_out_error. It falls to 0 as sigma does, for keys without
    ties, so its minimum chooses nothing. Source: chapter 4.
    """
    data, kernel = _data(keys, values, kernel)
    sigmas = _sigmas(sigma)
    errors, _ = errors_at_keys(data, sigmas.ravel(), kernel, leave_out=False)
    return _like(errors, sigmas)


def effective_degrees_of_freedom(
    keys: Array, sigma: float | Array, kernel: str | Kernel = "gaussian"
) -> float | np.ndarray:
    """tr(H), the sum of the weights that the points give themselves: a float, or (s,).

    H (n, n) holds the weights of the keys as queries, so estimates = H values. From 1 (every
    estimate is the mean) to the number of distinct keys. Arguments and errors as for
    leave_one_out_error. Source: Hastie and Tibshirani (1990), section 3.5; chapter 4.
    """
    keys = _keys(keys)
    data, kernel = _data(keys, np.zeros(len(keys)), kernel)
    sigmas = _sigmas(sigma)
    _, traces = errors_at_keys(data, sigmas.ravel(), kernel, leave_out=False)
    return _like(traces, sigmas)


def gcv_error(
    keys: Array, values: Array, sigma: float | Array, kernel: str | Kernel = "gaussian"
) -> float | np.ndarray:
    """Generalised cross-validation, training error / (1 - tr(H) / n)^2: a float, or (s,).

    The leave-one-out shortcut with every H[i, i] replaced by their mean; inf where tr(H) = n.
    Arguments and errors as for leave_one_out_error. Source: Craven and Wahba (1978); chapter 4.
    """
    data, kernel = _data(keys, values, kernel)
    sigmas = _sigmas(sigma)
    errors, traces = errors_at_keys(data, sigmas.ravel(), kernel, leave_out=False)
    left = 1 - traces / len(data.keys)
    usable = left > 8 * np.finfo(float).eps
    errors = np.where(usable, errors / np.where(usable, left, 1.0) ** 2, math.inf)
    return _like(errors, sigmas)


def select_bandwidth(
    keys: Array,
    values: Array,
    kernel: str | Kernel = "gaussian",
    sigmas: Array | None = None,
) -> float:
    """The sigma with the smallest leave-one-out error on a grid; of equals, the smallest.

    keys (n,) or (n, d); values (n,) or (n, d_v); sigmas (s,), by default ``bandwidth_grid(keys,
    kernel)``. Errors: ValueError naming the argument, also when no sigma is admissible, that is,
    when each leaves some left-out point without a key in reach, and when the weights of the kernel
    do not depend on sigma. Source: chapter 4.
    """
    data, kernel = _data(keys, values, kernel)
    if np.ptp(kernel(np.linspace(0, 1, 9))) == 0 and math.isinf(kernel.support):
        raise ValueError(f"kernel is {kernel.name!r}, for which every sigma gives the same weights")
    sigmas = bandwidth_grid(keys, kernel) if sigmas is None else _sigmas(sigmas, "sigmas")
    sigmas = np.sort(sigmas.ravel())
    if len(sigmas) == 0:
        raise ValueError("sigmas is empty; it must hold one bandwidth at least")
    errors = _left_out(data, sigmas, kernel)
    best = int(errors.argmin())
    if errors[best] == math.inf:
        raise ValueError(_not_admissible(data, sigmas, kernel))
    return float(sigmas[best])


def bandwidth_grid(keys: Array, kernel: str | Kernel = "gaussian", count: int = 50) -> np.ndarray:
    """The bandwidths that select_bandwidth tries, (count,), evenly spaced on a log scale.

    In units of the kernel's standard deviation, from half the median distance between a key and
    the nearest different one, where each estimate is about the nearest value, to the range of the
    keys (the diagonal of their box), where it is about the mean. Errors: ValueError naming the
    argument, also when all keys are equal.
    """
    keys, kernel = _keys(keys), find_kernel(kernel)
    count = whole("count", count, least=1)
    scale = abs(keys).max()
    width = scale * math.hypot(*np.atleast_1d(np.ptp(keys / scale, axis=0))) if scale > 0 else 0.0
    if width == 0:
        raise ValueError(f"keys holds {len(keys)} equal keys; two must differ to give a width")
    spacing = np.median(nearest_distances(keys, distinct=True))
    sd = kernel.sd or 1.0
    return np.geomspace(spacing / 2 / sd, width / sd, count)


def rule_of_thumb(keys: Array, kernel: str | Kernel = "gaussian") -> float:
    """Silverman's rule 0.9 min(sd, IQR / 1.34) n^(-1/5), over the kernel's standard deviation.

    keys (n,). It is made for estimating the density of the keys, and it never sees the values: it
    cannot know how curved the truth is or how strong the noise. ``plug_in_bandwidth`` does.
    Errors: ValueError naming the argument, also for fewer than two keys, equal keys and a kernel
    without a standard deviation. Source: Silverman (1986), equation 3.31; chapter 4.
    """
    keys, kernel = _line(keys), _with_width(kernel)
    keys, width = _on_unit(keys)
    quarter, three_quarters = np.quantile(keys, [0.25, 0.75])
    spread, middle_half = np.std(keys, ddof=1), (three_quarters - quarter) / 1.34
    spread = min(spread, middle_half) if middle_half > 0 else spread
    return float(0.9 * spread * len(keys) ** -0.2 / kernel.sd) * width


def plug_in_bandwidth(keys: Array, values: Array, kernel: str | Kernel = "gaussian") -> float:
    """The rule of thumb for regression: the asymptotically best sigma if the truth were a quartic.

        sigma^5 = R(K) s^2 L / (mu_2(K)^2 sum_i f''(keys[i])^2)

    with f'' and the noise variance s^2 from a fourth-degree polynomial fitted to all points, L the
    range of the keys, R(K) the integral of the squared density, mu_2 its variance. keys (n,) with
    at least six distinct; values (n,). The bias it weighs has no design term: it holds for evenly
    spread keys, and for local_linear. Errors: ValueError naming the argument; inf when the fitted
    quartic has no curvature. Source: Fan and Gijbels (1996), section 4.2; Ruppert, Sheather and
    Wand (1995) fit it in blocks; chapter 5.
    """
    data, kernel = _data(keys, values, kernel)
    keys, kernel = _line(keys), _with_width(kernel)
    if data.values.ndim != 1:
        raise ValueError(f"values has shape {data.values.shape}; it must be (n,)")
    if (distinct := len(np.unique(keys))) < 6:
        raise ValueError(f"keys holds {distinct} different keys; a quartic needs six at least")
    keys, width = _on_unit(keys)
    values = data.values / (abs(data.values).max() or 1.0)
    with np.errstate(under="ignore"):
        quartic, (residue, *_) = np.polynomial.Polynomial.fit(keys, values, 4, full=True)
        variance = float(residue.sum()) / (len(keys) - 5)
        curvature = float((quartic.deriv(2)(keys) ** 2).sum())
    if curvature == 0:
        return math.inf
    roughness = _roughness(kernel) / kernel.sd**4
    return float((roughness * variance / curvature) ** 0.2) * width


def bias_variance(
    f: Callable[[np.ndarray], np.ndarray],
    keys: Array,
    noise_sd: float,
    queries: Array,
    sigma: float | Array,
    kernel: str | Kernel = "gaussian",
    smoother: Callable[..., tuple[np.ndarray, np.ndarray]] = nadaraya_watson,
) -> tuple[np.ndarray, np.ndarray]:
    """Squared bias and variance of the estimate at each query, exact given the keys: (m,), (m,).

        bias = sum_j alpha[j] f(keys[j]) - f(query)        variance = noise_sd^2 sum_j alpha[j]^2

    f the truth, called with keys and queries; keys (n,) or (n, d); queries (m,) or (m, d); sigma
    one number or (m,); smoother any function with the signature of nadaraya_watson whose estimates
    are its weights times the values, such as local_linear. No noise is drawn: the two add up to
    the mean squared error against the truth over all redraws of independent noise of standard
    deviation noise_sd, with these keys. Redrawn keys add the variance of the bias between designs.

    NaN where no key is in reach, with one EmptyWindowWarning. Errors: ValueError naming the
    argument. Source: chapter 4.
    """
    kernel, noise_sd = find_kernel(kernel), not_negative("noise_sd", noise_sd)
    keys, queries = _keys(keys), _keys(queries, "queries", none=True)
    signal, truth = _truth(f, keys), _truth(f, queries)
    sigma = np.broadcast_to(check_sigma(plain(sigma, "sigma"), queries).reshape(-1), len(queries))
    squared_bias, variance = np.empty((2, len(queries)))
    for rows in blocks(len(queries), len(keys)):
        with told_elsewhere(), np.errstate(under="ignore"):
            estimates, weights = smoother(
                queries[rows], keys, signal, kernel=kernel, sigma=sigma[rows]
            )
            squared_bias[rows] = (estimates - truth[rows]) ** 2
            variance[rows] = noise_sd**2 * (weights**2).sum(1)
    if (empty := np.isnan(squared_bias)).any():
        variance[empty] = math.nan
        message = _nothing_in_reach(queries[empty], keys, len(queries), kernel)
        warnings.warn(message, EmptyWindowWarning, stacklevel=2)
    return squared_bias, variance


def _left_out(data: Points, sigmas: np.ndarray, kernel: Kernel) -> np.ndarray:
    """Leave-one-out errors, (s,), by sums along the line where that is quicker than all pairs."""
    if serves_at_keys(data, kernel):
        return leave_one_out_errors(data, sigmas, kernel)
    errors, _ = errors_at_keys(data, sigmas, kernel, leave_out=True)
    return errors


def _nothing_in_reach(missed: np.ndarray, keys: np.ndarray, count: int, kernel: Kernel) -> str:
    farthest = nearest_key(column(missed), column(keys)).max()
    return (
        f"no key in reach of the {kernel.name} kernel for {len(missed)} of {count} queries "
        f"(squared bias and variance NaN); {all_reached(farthest, kernel)}"
    )


# Checks ------------------------------------------------------------------------------------------


def _data(keys, values, kernel) -> tuple[Points, Kernel]:
    keys, values = _keys(keys), _numpy("values", values)
    data, kernel = points(keys, keys, values, kernel, 1.0, None)
    if (size := abs(data.values).max(initial=0.0)) > LARGEST:
        raise ValueError(
            f"values reaches {size:.3g} in size, and its square overflows; "
            f"it must stay below {LARGEST:g}: use a larger unit"
        )
    return data, kernel


def _numpy(name, given) -> np.ndarray:
    """float64, from a NumPy array, a torch tensor or a list."""
    return as_array(name, plain(given, name), np).astype(float)


def _keys(keys, name="keys", none=False) -> np.ndarray:
    keys = _numpy(name, keys)
    if keys.ndim not in (1, 2) or 0 in keys.shape[1:] or not (none or len(keys)):
        least = "" if none else ", with one key at least"
        raise ValueError(f"{name} has shape {keys.shape}; it must be (n,) or (n, d){least}")
    finite(name, keys)
    return keys


def _line(keys) -> np.ndarray:
    keys = _keys(keys)
    if keys.ndim != 1 or len(keys) < 2:
        raise ValueError(f"keys has shape {keys.shape}; it must be (n,), two keys at least")
    return keys


def _on_unit(keys) -> tuple[np.ndarray, float]:
    """Keys (n,) moved and scaled to [0, 1], so that no square overflows, and their range."""
    scale = abs(keys).max() or 1.0
    scaled = keys / scale
    width = float(np.ptp(scaled))
    if width == 0:
        raise ValueError(f"keys holds {len(keys)} equal keys; two must differ to give a width")
    return (scaled - scaled.min()) / width, width * scale


def _sigmas(sigma, name="sigma") -> np.ndarray:
    sigmas = _numpy(name, sigma)
    if sigmas.ndim > 1:
        raise ValueError(f"{name} has shape {sigmas.shape}; it must be one number or (s,)")
    if (bad := ~((sigmas > 0) & np.isfinite(sigmas))).any():
        worst = float(sigmas[bad][0])
        raise ValueError(f"{name} is {worst!r}; it must be positive and finite")
    return sigmas


def _with_width(kernel) -> Kernel:
    kernel = find_kernel(kernel)
    if kernel.sd is None:
        raise ValueError(
            f"kernel is {kernel.name!r}, which has no width; it must be one with an sd"
        )
    return kernel


def _truth(f, at) -> np.ndarray:
    found = _numpy("f", f(at))
    if found.shape != at.shape[:1] or not np.isfinite(found).all():
        raise ValueError(
            f"f gave an array of shape {found.shape} for {len(at)} points; "
            f"it must be {at.shape[:1]}, every entry finite"
        )
    return found


def _roughness(kernel) -> float:
    """R(K), the integral of the squared density, numerically."""
    edge = min(kernel.support, 40.0)
    u = (np.arange(200_000) + 0.5) * edge / 200_000
    shape = kernel(u)
    with np.errstate(under="ignore"):
        return float((shape**2).mean() / (2 * edge * shape.mean() ** 2))


def _not_admissible(data, sigmas, kernel) -> str:
    if len(data.keys) == 1:
        return "keys has length 1; leaving one out needs two at least"
    farthest = nearest_distances(data.keys).max()
    return (
        f"sigmas reaches from {sigmas[0]!s} to {sigmas[-1]!s}, and none is admissible for the "
        f"{kernel.name} kernel: some left-out key has no other in reach; "
        f"{all_reached(farthest, kernel)}"
    )


def _like(found, sigmas):
    return float(found[0]) if sigmas.ndim == 0 else found
