"""Attention pooling with a smoothing kernel: scores, a softmax over the keys, a weighted mean.

    weights[i, j] = K(|q_i - k_j| / sigma) / sum_l K(|q_i - k_l| / sigma)
    estimates[i]  = sum_j weights[i, j] values[j]

the estimator of Nadaraya (1964) and Watson (1964), chapter 2. Rows are queries, columns are keys.
NumPy arrays and torch tensors alike: xp below is the library of the data.
"""

import math
import reprlib
import warnings
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from .kernels import KERNELS, Kernel, namespace


class EmptyWindowWarning(RuntimeWarning):
    """Some query has no key in reach, so it has no estimate."""


def nadaraya_watson(queries, keys, values, kernel="gaussian", sigma=1.0, mask=None):
    """Smooth values over keys, read off at the queries: ``(estimates, weights)``.

    queries (m,) or (m, d); keys (n,) or (n, d); values (n,) or (n, d_v); mask (m, n) bool, True
    where the query may see the key; kernel a name in KERNELS or a Kernel; sigma > 0, one number
    or (m,), one per query. estimates (m,) or (m, d_v); weights (m, n), each row sums to 1.

    A query with no key in reach gets NaN and a row of zeros, and the call warns once with
    EmptyWindowWarning. Errors: ValueError naming the argument, what it was and what it must be.
    Torch tensors give torch tensors, differentiable in queries, keys, values and sigma.
    Source: Nadaraya (1964), Watson (1964); chapter 2.
    """
    kernel = _find_kernel(kernel)
    data = _check(queries, keys, values, sigma, mask)
    with np.errstate(all="ignore"):
        weights = _softmax(_hide(_scores(data, kernel), -math.inf, data), data.xp)
    return _estimates(weights, weights, data, kernel), weights


def local_linear(queries, keys, values, kernel="gaussian", sigma=1.0, mask=None):
    """Fit a weighted straight line at each query and read it off there: ``(estimates, weights)``.

    Arguments, results, warning and errors as for nadaraya_watson, whose weights alpha it tilts:

        weights[j] = alpha[j] (1 - mean . C^-1 (keys[j] - query - mean))

    with mean and C the alpha-weighted mean and covariance of keys - query. Rows sum to 1, but
    entries may be negative; values on a line (a plane) come back exactly. In directions in which
    the keys in reach do not spread the slope is 0: with a single place in reach, or all other
    weights rounded to 0, the estimate is nadaraya_watson's local constant.
    Source: Fan (1992), Wand and Jones (1995), chapter 5; chapter 4.
    """
    kernel = _find_kernel(kernel)
    data = _check(queries, keys, values, sigma, mask)
    with np.errstate(all="ignore"):
        constant = _softmax(_hide(_scores(data, kernel), -math.inf, data), data.xp)
        weights = _tilt(constant, data)
    return _estimates(weights, constant, data, kernel), weights


def dot_product_attention(queries, keys, values, mask=None, scale=None, bias=None):
    """Average the values with softmax(scale q . k + bias) as weights: ``(outputs, weights)``.

    queries (..., m, d); keys (..., n, d); values (..., n, d_v) or (n,); mask bool and bias both
    broadcast to (..., m, n): True where the query may see the key, and what is added to its score,
    the log of one more kernel factor, finite or -inf. scale is 1 / sqrt(d) if not given. Leading
    axes, of batches and heads, broadcast. outputs (..., m, d_v) or (..., m); weights (..., m, n),
    each row sums to 1.

    A query that sees no key gets NaN and a row of zeros, and the call warns once with
    EmptyWindowWarning. Errors: ValueError naming the argument, what it was and what it must be.
    Torch tensors give torch tensors, differentiable in all but the mask.
    Source: Vaswani et al. (2017), equation 1; chapter 6.
    """
    xp = _library(queries=queries, keys=keys, values=values, mask=mask, scale=scale, bias=bias)
    queries, keys, values = _floating(xp, queries=queries, keys=keys, values=values)
    shape = _check_tokens(queries, keys, values, xp)
    scale = _check_scale(scale, queries, xp)
    with np.errstate(all="ignore"):
        scores = (queries * scale) @ xp.swapaxes(keys, -1, -2)
        fits = xp.isfinite(scores)
        if bias is not None:
            bias = _check_bias(bias, shape, scores, xp)
            scores = scores + bias
            fits = fits & (xp.isfinite(scores) | (bias == -math.inf))
    if not fits.all():
        raise ValueError(
            f"queries, keys, scale or bias are too large: a score overflows {scores.dtype}; "
            "every score must be finite"
        )
    if mask is not None:
        mask = _broadcast("mask", _check_bool(mask, xp), shape, xp)
        scores = xp.where(mask, scores, -math.inf)
    with np.errstate(all="ignore"):
        weights = _softmax(scores, xp)
    outputs = weights @ values
    empty = ~(weights > 0).any(-1)
    if empty.any():
        hidden = f"every key is hidden from {int(empty.sum())} of {math.prod(shape[:-1])} queries"
        warnings.warn(f"{hidden} (output NaN, weights 0)", EmptyWindowWarning, stacklevel=2)
        outputs = xp.where(empty if values.ndim == 1 else empty[..., None], math.nan, outputs)
    return outputs, weights


def masked_softmax(scores, mask=None):
    """exp(scores) normalised over the last axis, the keys; hidden keys get 0.

    scores (..., n), each finite or -inf; mask of the same shape, bool, True = visible. The row's
    maximum is subtracted first, so no row overflows or gives 0/0; a row in which every key is
    hidden or -inf is all 0. Errors: ValueError. Source: chapter 2 (stability), chapter 6 (masks).
    """
    xp = _library(scores=scores, mask=mask)
    (scores,) = _floating(xp, scores=scores)
    if scores.ndim == 0 or scores.shape[-1] == 0:
        raise ValueError(
            f"scores has shape {_shape(scores)}; it must have a key at least: (..., n)"
        )
    if (xp.isnan(scores) | (scores == math.inf)).any():
        raise ValueError("scores holds NaN or +infinity; each must be finite or -infinity")
    if mask is not None:
        scores = xp.where(_check_mask(mask, scores.shape, xp), scores, -math.inf)
    with np.errstate(all="ignore"):
        return _softmax(scores, xp)


def attention_pooling(weights, values):
    """Mean of the values under each row of weights: ``weights @ values``.

    weights (..., n), values (n,) or (n, d_v); returns (...,) or (..., d_v). Errors: ValueError
    when the numbers of keys differ. Source: the general form of attention, chapter 2.
    """
    xp = _library(weights=weights, values=values)
    weights, values = _floating(xp, weights=weights, values=values)
    if weights.ndim == 0 or values.ndim not in (1, 2) or weights.shape[-1] != values.shape[0]:
        raise ValueError(
            f"weights has shape {_shape(weights)} and values {_shape(values)}; "
            "they must be (..., n) and (n,) or (n, d_v), with the same n"
        )
    return weights @ values


# Scores ------------------------------------------------------------------------------------------
#
# A score can be as low as -1e600. Only differences between the keys of one row matter, so for
# kernels of infinite support these are computed directly, from the excess of each distance over
# the row's smallest; the excess comes from key differences, not from subtracting two distances.


def _scores(data, kernel):
    """log K(|q - k| / sigma) up to a constant per row, (m, n)."""
    xp, sigma, top = data.xp, data.sigma, data.xp.finfo(data.keys.dtype).max
    unit = sigma if xp is np else sigma.detach()
    ratio = sigma / unit  # 1: it carries the gradient of sigma, which would need 1 / sigma^2

    def in_sigmas(length):
        return xp.clip(length / unit, -top, top) / ratio

    difference, distance = _distances(data)
    if math.isfinite(kernel.support):
        return kernel.score(in_sigmas(distance))
    excess, middle = _excess(difference, distance, data)
    if kernel.log_ratio is not None:
        return xp.clip(kernel.log_ratio(in_sigmas(excess), in_sigmas(middle)), None, top)
    scores = kernel.score(in_sigmas(distance))
    lost = xp.amax(_hide(scores, -math.inf, data), 1)[:, None] == -math.inf
    return xp.where(lost & (excess <= 0), 0.0, scores)


def _distances(data):
    """k - q (d, m, n) and its length |k - q| (m, n), for components of any size."""
    xp, top = data.xp, data.xp.finfo(data.keys.dtype).max
    difference = data.keys.T[:, None, :] - data.queries.T[:, :, None]
    difference = xp.clip(difference, -top, top)
    if len(difference) == 1:
        return difference, abs(difference[0])
    largest = xp.amax(abs(difference), 0)
    nonzero = largest > 0
    squares = ((difference / xp.where(nonzero, largest, 1.0)) ** 2).sum(0)
    length = largest * xp.sqrt(xp.where(nonzero, squares, 1.0))
    return difference, xp.clip(length, 0, top)


def _excess(difference, distance, data):
    """How much farther each key is than the nearest visible one; their mean distance. (m, n)."""
    nearest = _hide(distance, math.inf, data).argmin(1)
    excess, middle = _beyond(nearest, difference, distance, data)
    closer = _hide(excess, math.inf, data).argmin(1)
    if (closer != nearest).any():  # far away, all distances round to the same number
        excess, middle = _beyond(closer, difference, distance, data)
    return excess, middle


def _beyond(chosen, difference, distance, data):
    """|k - q| - |c - q| and (|k - q| + |c - q|) / 2, both (m, n), for one chosen key c a row.

    The first is (k - c) . (k - q + c - q) / (|k - q| + |c - q|). The fraction is a vector of
    length at most 1, so its precision is that of k - c, however far away the query.
    """
    xp, top, rows = data.xp, data.xp.finfo(distance.dtype).max, data.xp.arange(len(distance))
    from_chosen = data.keys.T[:, None, :] - data.keys[chosen].T[:, :, None]
    direction = difference / 2 + difference[:, rows, chosen][:, :, None] / 2  # halves: no overflow
    middle = distance / 2 + distance[rows, chosen][:, None] / 2
    direction = direction / xp.where(middle > 0, middle, 1.0)
    return (xp.clip(from_chosen, -top, top) * direction).sum(0), middle


def _hide(array, filler, data):
    """The array (m, n) with filler where the mask hides the key."""
    return array if data.mask is None else data.xp.where(data.mask, array, filler)


def _softmax(scores, xp):
    """Softmax over the last axis of scores that are finite or -inf; rows of -inf give zeros."""
    peak = xp.amax(scores, -1)[..., None]
    shifted = scores - xp.where(peak > -math.inf, peak, 0.0)
    floor = math.log(xp.finfo(scores.dtype).tiny)  # exp is slow and imprecise below
    terms = xp.where(shifted > floor, xp.exp(xp.clip(shifted, floor, None)), 0.0)
    total = terms.sum(-1)[..., None]
    return terms / xp.where(total > 0, total, 1.0)


def _estimates(weights, reach, data, kernel):
    """weights @ values; NaN and a warning where no key is in reach, that is, all of reach is 0."""
    estimates = weights @ data.values
    empty = ~(reach > 0).any(1)
    if empty.any():
        warnings.warn(_empty_message(empty, data, kernel), EmptyWindowWarning, stacklevel=3)
        rows = empty if estimates.ndim == 1 else empty[:, None]
        estimates = data.xp.where(rows, math.nan, estimates)
    return estimates


def _empty_message(empty, data, kernel) -> str:
    """A sentence for the queries out of reach, and one for those whose keys are all hidden."""
    with np.errstate(all="ignore"):
        nearest = data.xp.amin(_hide(_distances(data)[1], math.inf, data), 1)
    hidden = int((nearest == math.inf).sum())
    parts = []
    if unreached := int(empty.sum()) - hidden:
        sigma = nearest[nearest < math.inf].max().item() / kernel.support
        closed = kernel(np.float64(kernel.support)) > 0
        since = f"from sigma = {sigma!r} on" if closed else f"only above sigma = {sigma!r}"
        parts.append(
            f"no key in reach of the {kernel.name} kernel for {unreached} of {len(empty)} queries "
            f"(estimate NaN, weights 0); all are reached {since}"
        )
    if hidden:
        parts.append(
            f"mask hides every key from {hidden} of {len(empty)} queries "
            "(estimate NaN, weights 0 for any sigma)"
        )
    return "; ".join(parts)


# Local-linear weights ----------------------------------------------------------------------------
#
# The slope is that of a least-squares fit to the keys in reach. Their places are measured from
# the heaviest key, so that a lone second key of weight 1e-300 still gives an exact line, and in
# units of their largest spread.


def _tilt(weights, data):
    """Local-linear weights from local-constant ones, (m, n) both."""
    xp, seen = data.xp, weights > 0
    top, eps = xp.finfo(weights.dtype).max, xp.finfo(weights.dtype).eps
    heaviest = data.keys[weights.argmax(1)].T[:, :, None]  # (d, m, 1)
    place = xp.clip(data.keys.T[:, None, :] - heaviest, -top, top)  # (d, m, n)
    mean = (weights * place).sum(2)[:, :, None]
    share = xp.where(seen, xp.sqrt(xp.where(seen, weights, 1.0)), 0.0)
    columns = share * (place - mean)
    size = xp.amax(abs(columns), (0, 2))[:, None]
    size = xp.where(size > 0, size, 1.0)
    columns = columns / size
    length = (columns**2).sum((0, 2))[:, None]
    length = xp.sqrt(xp.where(length > 0, length, 1.0))
    columns = columns / length
    offset = xp.clip(heaviest - data.queries.T[:, :, None] + mean, -top, top) / size / length
    if len(columns) > 1:
        offset = _decorrelate(columns, offset, 10 * len(data.keys) * eps, xp)
    tilt = share * (columns * offset).sum(0)
    tilt = tilt - weights * tilt.sum(1)[:, None]  # its sum is 0, but for rounding
    return xp.where(xp.isfinite(tilt).all(1)[:, None], weights - tilt, weights)


def _decorrelate(columns, offset, rtol, xp):
    """C^+ offset, C the covariance of the columns: (d, m, n), (d, m, 1) -> (d, m, 1)."""
    columns = xp.moveaxis(columns, 0, 1)  # (m, d, n)
    covariance = columns @ xp.moveaxis(columns, 1, 2)
    inverse = xp.linalg.pinv(covariance, rtol=rtol, hermitian=True)
    return xp.moveaxis(inverse @ xp.moveaxis(offset, 0, 1), 1, 0)


# Checks ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Data:
    """Checked arguments, of one library and one dtype."""

    xp: Any
    queries: Any  # (m, d)
    keys: Any  # (n, d)
    values: Any  # (n,) or (n, d_v)
    sigma: Any  # () or (m, 1)
    mask: Any  # (m, n) or None


def _check(queries, keys, values, sigma, mask) -> _Data:
    xp = _library(queries=queries, keys=keys, values=values, sigma=sigma, mask=mask)
    queries, keys, values = _floating(xp, queries=queries, keys=keys, values=values)
    for name, array in (("queries", queries), ("keys", keys), ("values", values)):
        if array.ndim not in (1, 2):
            raise ValueError(
                f"{name} has shape {_shape(array)}; it must have one or two dimensions"
            )
        if not xp.isfinite(array).all():
            raise ValueError(f"{name} holds NaN or infinity; every entry must be finite")
    if len(keys) == 0:
        raise ValueError(f"keys has shape {_shape(keys)}; there must be one key at least")
    if len(values) != len(keys):
        raise ValueError(f"values has length {len(values)}; it must be that of keys, {len(keys)}")
    if queries.shape[1:] != keys.shape[1:] or 0 in keys.shape[1:]:
        raise ValueError(
            f"queries has shape {_shape(queries)} and keys {_shape(keys)}; "
            "they must be (m,) and (n,), or (m, d) and (n, d) with the same d >= 1"
        )
    sigma = _check_sigma(sigma, queries, xp)
    mask = _check_mask(mask, (len(queries), len(keys)), xp)
    columns = (queries[:, None], keys[:, None]) if keys.ndim == 1 else (queries, keys)
    return _Data(xp, *columns, values, sigma, mask)


def _library(**arrays):
    """NumPy or torch; arrays must agree in library and device. Numbers and lists go with both."""
    xp = namespace(*arrays.values())
    if xp is np:
        return np
    first = next(name for name, array in arrays.items() if isinstance(array, xp.Tensor))
    for name, array in arrays.items():
        if hasattr(array, "__array__") and not isinstance(array, xp.Tensor | np.generic):
            kind = f"{type(array).__module__}.{type(array).__name__}"
            raise ValueError(f"{name} is a {kind}; it must be a torch.Tensor, as {first} is")
        device = arrays[first].device
        if isinstance(array, xp.Tensor) and array.ndim and array.device != device:
            raise ValueError(f"{name} is on {array.device}; it must be on {device}, as {first} is")
    return xp


def _floating(xp, **arrays):
    """The arrays in their common floating dtype; integers take the dtype of the others."""
    device = next((array.device for array in arrays.values() if hasattr(array, "device")), None)
    made = [_array(name, array, xp, device) for name, array in arrays.items()]
    floats = [array.dtype for array in made if _is_floating(array)]
    default = np.dtype(float) if xp is np else xp.get_default_dtype()
    dtype = reduce(xp.promote_types, floats) if floats else default
    return [_cast(array, dtype) for array in made]


def _array(name, given, xp, device=None):
    """What was given as an array of real numbers of the library xp."""
    try:
        array = np.asarray(given) if xp is np else xp.as_tensor(given, device=device)
        real = array.dtype.kind in "fiub" if xp is np else not array.is_complex()
    except (TypeError, ValueError, RuntimeError):
        real = False
    if not real:
        raise ValueError(f"{name} is {reprlib.repr(given)}; it must be an array of real numbers")
    return array


def _is_floating(array):
    return array.dtype.kind == "f" if isinstance(array, np.ndarray) else array.is_floating_point()


def _cast(array, dtype):
    return array.astype(dtype) if isinstance(array, np.ndarray | np.generic) else array.to(dtype)


def _find_kernel(kernel) -> Kernel:
    if isinstance(kernel, Kernel):
        return kernel
    if isinstance(kernel, str) and kernel in KERNELS:
        return KERNELS[kernel]
    raise ValueError(f"kernel is {kernel!r}; it must be a Kernel or one of {', '.join(KERNELS)}")


def _check_sigma(sigma, queries, xp):
    """sigma as () or (m, 1) in the dtype of the queries, whose range may be narrower."""
    m = len(queries)
    if not hasattr(sigma, "dtype"):  # numbers keep float64 until they are brought in range
        sigma = _array("sigma", sigma, np)
    array = _array("sigma", sigma, xp)
    if _shape(array) not in ((), (m,)):
        raise ValueError(f"sigma has shape {_shape(array)}; it must be one number or ({m},)")
    if (bad := ~(xp.isfinite(array) & (array > 0))).any():
        worst = float(array[bad][0].item())
        raise ValueError(f"sigma is {worst!r}; it must be positive and finite")
    if not _is_floating(array):
        array = _cast(array, xp.float64)
    ranges = xp.finfo(array.dtype), xp.finfo(queries.dtype)
    array = xp.clip(array, max(r.tiny for r in ranges), min(r.max for r in ranges))
    array = _cast(array, queries.dtype)
    array = array if xp is np else array.to(queries.device)
    return array if array.ndim == 0 else array[:, None]


def _check_tokens(queries, keys, values, xp):
    """The shape of the scores, (..., m, n)."""
    for name, array in (("queries", queries), ("keys", keys), ("values", values)):
        if array.ndim < 2 and not (name == "values" and array.ndim == 1):
            shapes = {"queries": "(..., m, d)", "keys": "(..., n, d)", "values": "(..., n, d_v)"}
            raise ValueError(f"{name} has shape {_shape(array)}; it must be {shapes[name]}")
        if not xp.isfinite(array).all():
            raise ValueError(f"{name} holds NaN or infinity; every entry must be finite")
    m, n, d = queries.shape[-2], keys.shape[-2], keys.shape[-1]
    if n == 0 or d == 0 or queries.shape[-1] != d:
        raise ValueError(
            f"queries has shape {_shape(queries)} and keys {_shape(keys)}; "
            "they must be (..., m, d) and (..., n, d) with the same d >= 1 and n >= 1"
        )
    length = values.shape[0] if values.ndim == 1 else values.shape[-2]
    if length != n:
        raise ValueError(f"values has shape {_shape(values)}; it must have {n} rows, as keys has")
    batches = [_shape(array)[:-2] for array in (queries, keys, values)]
    try:
        np.broadcast_shapes(*batches)
    except ValueError:
        raise ValueError(
            f"queries, keys and values have leading axes {', '.join(map(str, batches))}; "
            "they must broadcast"
        ) from None
    return (*np.broadcast_shapes(*batches[:2]), m, n)


def _check_scale(scale, queries, xp):
    if scale is None:
        return queries.shape[-1] ** -0.5
    given = scale if hasattr(scale, "dtype") else _array("scale", scale, np)  # keeps float64
    with np.errstate(over="ignore"):
        array = _cast(_array("scale", given, xp), queries.dtype)
    if array.ndim or not xp.isfinite(array):
        raise ValueError(
            f"scale is {reprlib.repr(scale)}; it must be one finite number in {queries.dtype}"
        )
    return array


def _check_bias(bias, shape, scores, xp):
    given = bias if hasattr(bias, "dtype") else _array("bias", bias, np)  # keeps float64
    given = _array("bias", given, xp, getattr(scores, "device", None))
    with np.errstate(over="ignore"):
        bias = _cast(given, scores.dtype)
    if not (xp.isfinite(bias) | (given == -math.inf)).all():
        raise ValueError(
            f"bias holds NaN or +infinity, or overflows {scores.dtype}; "
            "each must be finite or -infinity"
        )
    return _broadcast("bias", bias, shape, xp)


def _broadcast(name, array, shape, xp):
    try:
        return xp.broadcast_to(array, shape)
    except (ValueError, RuntimeError):
        raise ValueError(
            f"{name} has shape {_shape(array)}; it must broadcast to {tuple(shape)}"
        ) from None


def _check_bool(mask, xp):
    mask = _array("mask", mask, xp)
    if mask.dtype != (np.dtype(bool) if xp is np else xp.bool):
        raise ValueError(f"mask has dtype {mask.dtype}; it must be bool, True = visible")
    return mask


def _check_mask(mask, shape, xp):
    if mask is None:
        return None
    mask = _check_bool(mask, xp)
    if _shape(mask) != tuple(shape):
        raise ValueError(f"mask has shape {_shape(mask)}; it must be {tuple(shape)}")
    return mask


def _shape(array):
    return tuple(array.shape)
