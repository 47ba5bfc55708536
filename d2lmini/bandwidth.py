"""How far a query should look: the error of a bandwidth, estimated or exact, and its choice.

NumPy throughout, in float64; torch tensors are read through NumPy. What needs all pairs of points
works in blocks of rows, so memory does not grow with n * n; the distances of a block are computed
once and serve every bandwidth. Chapter 4.
"""

import math
import warnings
from collections.abc import Callable

import numpy as np

from . import attention
from .attention import EmptyWindowWarning, nadaraya_watson
from .kernels import Kernel

_PAIRS = 2**17  # query-key pairs in a block: its arrays of 1 MB stay in the processor's cache


def leave_one_out_error(keys, values, sigma, kernel="gaussian"):
    """Mean squared error of predicting each value from all the others.

        LOO(sigma) = mean_i (values[i] - estimate_i(keys[i]))^2,  estimate_i made without point i

    keys (n,) or (n, d); values (n,) or (n, d_v), averaged over all entries; kernel a name or a
    Kernel; sigma > 0, one number or (s,). Returns a float, or an array (s,). The error is inf where
    a left-out point has no key in reach (then sigma is not admissible), so for n = 1 always.

    The point's own weight is removed before normalising, never by 1 / (1 - H), which is 0/0 for
    small sigma. Errors: ValueError naming the argument. Source: Stone (1974); chapter 4.
    """
    data, kernel = _check(keys, values, kernel)
    sigmas = _check_sigmas(sigma)
    errors, _ = _errors_at_keys(data, sigmas.ravel(), kernel, leave_out=True)
    return _like(errors, sigmas)


def training_error(keys, values, sigma, kernel="gaussian"):
    """Mean squared error at the data points, each of which votes on itself: a float, or (s,).

    Arguments and errors as for leave_one_out_error. It falls to 0 as sigma does, for keys without
    ties, so its minimum chooses nothing. Source: chapter 4.
    """
    data, kernel = _check(keys, values, kernel)
    sigmas = _check_sigmas(sigma)
    errors, _ = _errors_at_keys(data, sigmas.ravel(), kernel, leave_out=False)
    return _like(errors, sigmas)


def effective_degrees_of_freedom(keys, sigma, kernel="gaussian"):
    """tr(H), the sum of the weights that the points give themselves: a float, or (s,).

    H (n, n) holds the weights of the keys as queries, so estimates = H values. From 1 (every
    estimate is the mean) to the number of distinct keys. Arguments and errors as for
    leave_one_out_error. Source: Hastie and Tibshirani (1990), section 3.5; chapter 4.
    """
    data, kernel = _check(keys, np.zeros(len(_numpy("keys", keys))), kernel)
    sigmas = _check_sigmas(sigma)
    _, traces = _errors_at_keys(data, sigmas.ravel(), kernel, leave_out=False)
    return _like(traces, sigmas)


def gcv_error(keys, values, sigma, kernel="gaussian"):
    """Generalised cross-validation, training error / (1 - tr(H) / n)^2: a float, or (s,).

    The leave-one-out shortcut with every H[i, i] replaced by their mean; inf where tr(H) = n.
    Arguments and errors as for leave_one_out_error. Source: Craven and Wahba (1978); chapter 4.
    """
    data, kernel = _check(keys, values, kernel)
    sigmas = _check_sigmas(sigma)
    errors, traces = _errors_at_keys(data, sigmas.ravel(), kernel, leave_out=False)
    left = 1 - traces / len(data.keys)
    usable = left > 8 * np.finfo(float).eps
    errors = np.where(usable, errors / np.where(usable, left, 1.0) ** 2, math.inf)
    return _like(errors, sigmas)


def select_bandwidth(keys, values, kernel="gaussian", sigmas=None) -> float:
    """The sigma with the smallest leave-one-out error on a grid; of equals, the smallest.

    keys (n,) or (n, d); values (n,) or (n, d_v); sigmas (s,), by default ``bandwidth_grid(keys,
    kernel)``. Errors: ValueError naming the argument, also when no sigma is admissible, that is,
    when each leaves some left-out point without a key in reach. Source: chapter 4.
    """
    data, kernel = _check(keys, values, kernel)
    sigmas = bandwidth_grid(keys, kernel) if sigmas is None else _check_sigmas(sigmas, "sigmas")
    sigmas = np.sort(sigmas.ravel())
    if len(sigmas) == 0:
        raise ValueError("sigmas is empty; it must hold one bandwidth at least")
    errors, _ = _errors_at_keys(data, sigmas, kernel, leave_out=True)
    best = int(errors.argmin())
    if errors[best] == math.inf:
        raise ValueError(_not_admissible(data, sigmas, kernel))
    return float(sigmas[best])


def bandwidth_grid(keys, kernel="gaussian", count: int = 50) -> np.ndarray:
    """The bandwidths that select_bandwidth tries, (count,), evenly spaced on a log scale.

    In units of the kernel's standard deviation, from half the median distance between a key and
    the nearest different one, where each estimate is about the nearest value, to the range of the
    keys (the diagonal of their box), where it is about the mean. Errors: ValueError naming the
    argument, also when all keys are equal.
    """
    keys, kernel = _check_keys(keys), attention._find_kernel(kernel)
    if not isinstance(count, int) or count < 1:
        raise ValueError(f"count is {count!r}; it must be an integer of 1 at least")
    scale = abs(keys).max()
    width = scale * math.hypot(*np.atleast_1d(np.ptp(keys / scale, axis=0))) if scale > 0 else 0.0
    if width == 0:
        raise ValueError(f"keys holds {len(keys)} equal keys; two must differ to give a width")
    spacing = np.median(_nearest_distances(keys, distinct=True))
    sd = kernel.sd or 1.0
    return np.geomspace(spacing / 2 / sd, width / sd, count)


def rule_of_thumb(keys, kernel="gaussian") -> float:
    """Silverman's rule 0.9 min(sd, IQR / 1.34) n^(-1/5), over the kernel's standard deviation.

    keys (n,). It is made for estimating the density of the keys, and it never sees the values: it
    cannot know how curved the truth is or how strong the noise. ``plug_in_bandwidth`` does.
    Errors: ValueError naming the argument, also for fewer than two keys, equal keys and a kernel
    without a standard deviation. Source: Silverman (1986), equation 3.31; chapter 4.
    """
    keys, kernel = _check_line(keys), _with_width(kernel)
    quarter, three_quarters = np.quantile(keys, [0.25, 0.75])
    spread, middle_half = np.std(keys, ddof=1), (three_quarters - quarter) / 1.34
    if spread == 0:
        raise ValueError(f"keys holds {len(keys)} equal keys; two must differ to give a width")
    spread = min(spread, middle_half) if middle_half > 0 else spread
    return float(0.9 * spread * len(keys) ** -0.2 / kernel.sd)


def plug_in_bandwidth(keys, values, kernel="gaussian") -> float:
    """The rule of thumb for regression: the asymptotically best sigma if the truth were a quartic.

        sigma^5 = R(K) s^2 L / (mu_2(K)^2 sum_i f''(keys[i])^2)

    with f'' and the noise variance s^2 from a fourth-degree polynomial fitted to all points, L the
    range of the keys, R(K) the integral of the squared density, mu_2 its variance. keys (n,) with
    at least six distinct; values (n,). The bias it weighs has no design term: it holds for evenly
    spread keys, and for local_linear. Errors: ValueError naming the argument; inf when the fitted
    quartic has no curvature. Source: Fan and Gijbels (1996), section 4.2; Ruppert, Sheather and
    Wand (1995) fit it in blocks; chapter 4.
    """
    data, kernel = _check(keys, values, kernel)
    keys, kernel = _check_line(keys), _with_width(kernel)
    if data.values.ndim != 1:
        raise ValueError(f"values has shape {data.values.shape}; it must be (n,)")
    if (distinct := len(np.unique(keys))) < 6:
        raise ValueError(f"keys holds {distinct} different keys; a quartic needs six at least")
    quartic, (residue, *_) = np.polynomial.Polynomial.fit(keys, data.values, 4, full=True)
    variance = float(residue.sum()) / (len(keys) - 5)
    curvature = float((quartic.deriv(2)(keys) ** 2).sum())
    if curvature == 0:
        return math.inf
    roughness = _roughness(kernel) / kernel.sd**4
    return float((roughness * variance * np.ptp(keys) / curvature) ** 0.2)


def bias_variance(
    f: Callable, keys, noise_sd: float, queries, sigma, kernel="gaussian", smoother=nadaraya_watson
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
    kernel = attention._find_kernel(kernel)
    keys, queries = _check_keys(keys), _check_keys(queries, "queries", none=True)
    signal, truth = _truth(f, keys), _truth(f, queries)
    if not 0 <= noise_sd < math.inf:
        raise ValueError(f"noise_sd is {noise_sd!r}; it must be finite and not negative")
    sigma = attention._check_sigma(_plain(sigma), queries, np)
    sigma = np.broadcast_to(sigma.reshape(-1), len(queries))
    squared_bias, variance = np.empty((2, len(queries)))
    reach = []
    for rows in _blocks(len(queries), len(keys)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EmptyWindowWarning)
            block = smoother(queries[rows], keys, signal, kernel=kernel, sigma=sigma[rows])
        estimates, weights = block
        squared_bias[rows] = (estimates - truth[rows]) ** 2
        variance[rows] = noise_sd**2 * (weights**2).sum(1)
        if (empty := np.isnan(estimates)).any():
            variance[rows][empty] = math.nan
            distances = attention._distances(_data(queries[rows][empty], keys, signal))[1]
            reach.extend(distances.min(1))
    if reach:
        warnings.warn(
            f"no key in reach of the {kernel.name} kernel for {len(reach)} of {len(queries)} "
            f"queries (squared bias and variance NaN); {_reached(max(reach), kernel)}",
            EmptyWindowWarning,
            stacklevel=2,
        )
    return squared_bias, variance


# All pairs of points, in blocks ------------------------------------------------------------------


def _errors_at_keys(data, sigmas, kernel, leave_out) -> tuple[np.ndarray, np.ndarray]:
    """Mean squared errors of the fits at the keys, inf where one is missing, and tr(H): (s,), (s,).

    Looping over sigma inside a block is faster than a third axis: the block stays in the cache.
    """
    n = len(data.keys)
    values = data.values.reshape(n, -1)
    squares, traces = np.zeros((2, len(sigmas)))
    with np.errstate(all="ignore"):
        for rows in _blocks(n, n):
            own = np.arange(rows.stop - rows.start), np.arange(rows.start, rows.stop)
            weights_at = _unnormalised(data, rows, own, kernel, leave_out)
            for s, sigma in enumerate(sigmas):
                weights = weights_at(sigma)
                if leave_out:
                    weights[own] = 0.0
                total = weights.sum(1)
                fits = weights @ values / total[:, None]
                squares[s] += ((values[rows] - fits) ** 2).sum()
                traces[s] += (weights[own] / total).sum()
    return np.where(np.isnan(squares), math.inf, squares / values.size), traces


def _unnormalised(data, rows, own, kernel, leave_out) -> Callable[[float], np.ndarray]:
    """sigma -> weights of the keys `rows` as queries, before normalising; of any scale per row."""
    visible = None
    if leave_out:
        visible = np.ones((len(own[0]), len(data.keys)), dtype=bool)
        visible[own] = False
    block = _data(data.keys[rows], data.keys, data.values, visible)
    difference, distance = attention._distances(block)
    top = np.finfo(float).max
    if math.isfinite(kernel.support):
        return lambda sigma: kernel(np.minimum(distance / sigma, top))
    if kernel.log_ratio is None:
        return lambda sigma: _softmax_at(block, sigma, kernel)
    excess, middle = attention._excess(difference, distance, block)
    gap, mid = np.empty((2, *distance.shape))

    def weights_at(sigma):
        np.clip(np.divide(excess, sigma, out=gap), -top, top, out=gap)
        np.minimum(np.divide(middle, sigma, out=mid), top, out=mid)
        scores = kernel.log_ratio(gap, mid)
        return np.exp(np.maximum(scores, -700.0, out=scores), out=scores)  # slow below -708

    return weights_at


def _softmax_at(block, sigma, kernel):
    at = _data(block.queries, block.keys, block.values, block.mask, np.float64(sigma))
    scores = attention._hide(attention._scores(at, kernel), -math.inf, at)
    return attention._softmax(scores, np)


def _nearest_distances(keys, distinct=False) -> np.ndarray:
    """Distance of each key to the nearest other one (of another place, if distinct), (n,)."""
    nearest = np.empty(len(keys))
    for rows in _blocks(len(keys), len(keys)):
        distance = attention._distances(_data(keys[rows], keys, None))[1]
        distance[np.arange(len(distance)), np.arange(rows.start, rows.stop)] = math.inf
        if distinct:
            distance[distance == 0] = math.inf
        nearest[rows] = distance.min(1)
    return nearest


def _blocks(m, n):
    """Slices that cut m rows of n into blocks of about _PAIRS entries."""
    step = max(1, _PAIRS // max(n, 1))
    return [slice(start, min(start + step, m)) for start in range(0, m, step)]


def _data(queries, keys, values, mask=None, sigma=None):
    def column(x):
        return x[:, None] if x.ndim == 1 else x

    return attention._Data(np, column(queries), column(keys), values, sigma, mask)


# Checks ------------------------------------------------------------------------------------------


def _check(keys, values, kernel) -> tuple[attention._Data, Kernel]:
    kernel = attention._find_kernel(kernel)
    keys, values = _check_keys(keys), _numpy("values", values)
    return attention._check(keys, keys, values, 1.0, None), kernel


def _numpy(name, given) -> np.ndarray:
    """float64, from a NumPy array, a torch tensor or a list."""
    return attention._array(name, _plain(given, name), np).astype(float)


def _plain(given, name="sigma"):
    """A torch tensor as a NumPy array; anything else as it is."""
    if not hasattr(given, "detach"):
        return given
    if given.requires_grad:
        raise ValueError(f"{name} requires a gradient, which is lost here; pass {name}.detach()")
    return given.cpu().numpy()


def _check_keys(keys, name="keys", none=False) -> np.ndarray:
    keys = _numpy(name, keys)
    if keys.ndim not in (1, 2) or 0 in keys.shape[1:] or not (none or len(keys)):
        least = "" if none else ", with one key at least"
        raise ValueError(f"{name} has shape {keys.shape}; it must be (n,) or (n, d){least}")
    if not np.isfinite(keys).all():
        raise ValueError(f"{name} holds NaN or infinity; every entry must be finite")
    return keys


def _check_line(keys) -> np.ndarray:
    keys = _check_keys(keys)
    if keys.ndim != 1 or len(keys) < 2:
        raise ValueError(f"keys has shape {keys.shape}; it must be (n,), two keys at least")
    return keys


def _check_sigmas(sigma, name="sigma") -> np.ndarray:
    sigmas = _numpy(name, sigma)
    if sigmas.ndim > 1:
        raise ValueError(f"{name} has shape {sigmas.shape}; it must be one number or (s,)")
    if (bad := ~((sigmas > 0) & np.isfinite(sigmas))).any():
        worst = float(sigmas[bad][0])
        raise ValueError(f"{name} is {worst!r}; it must be positive and finite")
    return sigmas


def _with_width(kernel) -> Kernel:
    kernel = attention._find_kernel(kernel)
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
    return float((shape**2).mean() / (2 * edge * shape.mean() ** 2))


def _not_admissible(data, sigmas, kernel) -> str:
    if len(data.keys) == 1:
        return "keys has length 1; leaving one out needs two at least"
    farthest = _nearest_distances(data.keys).max()
    return (
        f"sigmas reaches from {sigmas[0]!s} to {sigmas[-1]!s}, and none is admissible for the "
        f"{kernel.name} kernel: some left-out key has no other in reach; "
        f"{_reached(farthest, kernel)}"
    )


def _reached(distance, kernel) -> str:
    sigma = float(distance) / kernel.support
    closed = kernel(np.float64(kernel.support)) > 0
    since = f"from sigma = {sigma!r} on" if closed else f"only above sigma = {sigma!r}"
    return f"all are reached {since}"


def _like(found, sigmas):
    return float(found[0]) if sigmas.ndim == 0 else found
