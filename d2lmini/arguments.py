"""What a caller gives: arrays of one library, one dtype and fitting shapes, or a ValueError.

Every error names the argument, what it was and what it must be.
"""

import math
import reprlib
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np

from .kernels import KERNELS, Array, Kernel, namespace


@dataclass(frozen=True)
class Points:
    """Checked arguments of a smoother, of one library and one dtype."""

    queries: Array  # (m, d)
    keys: Array  # (n, d)
    values: Array  # (n,) or (n, d_v)
    sigma: Array  # () or (m, 1)
    mask: Array | None = None  # (m, n)
    moderate: bool = False  # no difference in sigmas overflows

    def rows(self, rows: slice) -> "Points":
        """The same for some of the queries."""
        sigma = self.sigma if self.sigma.ndim == 0 else self.sigma[rows]
        mask = None if self.mask is None else self.mask[rows]
        return replace(self, queries=self.queries[rows], sigma=sigma, mask=mask)

    def in_float64(self) -> "Points":
        """The same as NumPy arrays of float64. Errors: ValueError if a gradient would be lost."""
        arrays = {name: getattr(self, name) for name in ("queries", "keys", "values", "sigma")}
        return Points(**{name: plain(array, name).astype(float) for name, array in arrays.items()})

    def like_values(self, result: np.ndarray) -> Array:
        """A result of float64 in the library, dtype and place of the values."""
        if isinstance(self.values, np.ndarray):
            return result.astype(self.values.dtype, copy=False)
        return namespace(self.values).as_tensor(result).to(self.values)


def points(
    queries: Array,
    keys: Array,
    values: Array,
    kernel: str | Kernel,
    sigma: float | Array,
    mask: Array | None,
) -> tuple[Points, Kernel]:
    """The arguments of nadaraya_watson and local_linear."""
    kernel = find_kernel(kernel)
    xp = library(queries=queries, keys=keys, values=values, sigma=sigma, mask=mask)
    queries, keys, values = floating(xp, queries=queries, keys=keys, values=values)
    moderate = isinstance(sigma, float) and 1e-30 < sigma < 1e30
    for name, array in (("queries", queries), ("keys", keys), ("values", values)):
        if array.ndim not in (1, 2):
            raise ValueError(f"{name} has shape {shape(array)}; it must have one or two dimensions")
        moderate = finite(name, array) and moderate
    if len(keys) == 0:
        raise ValueError(f"keys has shape {shape(keys)}; there must be one key at least")
    if len(values) != len(keys):
        raise ValueError(f"values has length {len(values)}; it must be that of keys, {len(keys)}")
    if queries.shape[1:] != keys.shape[1:] or 0 in keys.shape[1:]:
        raise ValueError(
            f"queries has shape {shape(queries)} and keys {shape(keys)}; "
            "they must be (m,) and (n,), or (m, d) and (n, d) with the same d >= 1"
        )
    sigma = check_sigma(sigma, queries)
    mask = check_mask(mask, (len(queries), len(keys)), xp)
    return Points(column(queries), column(keys), values, sigma, mask, moderate), kernel


def tokens(
    queries: Array,
    keys: Array,
    values: Array,
    mask: Array | None,
    scale: float | Array | None,
    bias: Array | None,
) -> tuple:
    """The arguments of dot_product_attention, in that order."""
    xp = library(queries=queries, keys=keys, values=values, mask=mask, scale=scale, bias=bias)
    queries, keys, values = floating(xp, queries=queries, keys=keys, values=values)
    wanted = {"queries": "(..., m, d)", "keys": "(..., n, d)", "values": "(..., n, d_v)"}
    for name, array in (("queries", queries), ("keys", keys), ("values", values)):
        if array.ndim < 2 and not (name == "values" and array.ndim == 1):
            raise ValueError(f"{name} has shape {shape(array)}; it must be {wanted[name]}")
        finite(name, array)
    m, n, d = queries.shape[-2], keys.shape[-2], keys.shape[-1]
    if n == 0 or d == 0 or queries.shape[-1] != d:
        raise ValueError(
            f"queries has shape {shape(queries)} and keys {shape(keys)}; "
            "they must be (..., m, d) and (..., n, d) with the same d >= 1 and n >= 1"
        )
    if values.shape[0 if values.ndim == 1 else -2] != n:
        raise ValueError(f"values has shape {shape(values)}; it must have {n} rows, as keys has")
    full = (*_leading_axes(queries, keys, values), m, n)
    scale = d**-0.5 if scale is None else _check_scale(scale, queries.dtype, xp)
    if bias is not None:
        bias = _check_bias(bias, full, queries, xp)
    if mask is not None:
        mask = _broadcast("mask", _check_bool(mask, xp), full, xp)
    return queries, keys, values, mask, scale, bias


def _leading_axes(queries: Array, keys: Array, values: Array) -> tuple[int, ...]:
    """Batches and heads of the scores."""
    batches = [shape(array)[:-2] for array in (queries, keys, values)]
    try:
        np.broadcast_shapes(*batches)
    except ValueError:
        told = ", ".join(map(str, batches))
        raise ValueError(
            f"queries, keys and values have leading axes {told}; they must broadcast"
        ) from None
    return np.broadcast_shapes(*batches[:2])


def scores(scores: Array, mask: Array | None) -> tuple[Array, Array | None]:
    """The arguments of masked_softmax."""
    xp = library(scores=scores, mask=mask)
    (scores,) = floating(xp, scores=scores)
    if scores.ndim == 0 or scores.shape[-1] == 0:
        raise ValueError(f"scores has shape {shape(scores)}; it must have a key at least: (..., n)")
    if (xp.isnan(scores) | (scores == math.inf)).any():
        raise ValueError("scores holds NaN or +infinity; each must be finite or -infinity")
    return scores, check_mask(mask, scores.shape, xp)


def weights(weights: Array, values: Array) -> list[Array]:
    """The arguments of attention_pooling."""
    xp = library(weights=weights, values=values)
    weights, values = floating(xp, weights=weights, values=values)
    if weights.ndim == 0 or values.ndim not in (1, 2) or weights.shape[-1] != values.shape[0]:
        raise ValueError(
            f"weights has shape {shape(weights)} and values {shape(values)}; "
            "they must be (..., n) and (n,) or (n, d_v), with the same n"
        )
    return weights, values


def finite_scores(scores: Array, total: Array, bias: Array | None) -> None:
    """Neither may overflow; where the bias is -inf so may the total be."""
    xp = namespace(scores)
    fits = xp.isfinite(scores)
    if bias is not None:
        fits = fits & (xp.isfinite(total) | (bias == -math.inf))
    if not fits.all():
        raise ValueError(
            f"queries, keys, scale or bias are too large: a score overflows {scores.dtype}; "
            "every score must be finite"
        )


# Libraries and dtypes ----------------------------------------------------------------------------


def library(**arrays: Any) -> Any:
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


def floating(xp: Any, **arrays: Any) -> list[Array]:
    """The arrays in their common floating dtype; integers take the dtype of the others."""
    device = next((array.device for array in arrays.values() if hasattr(array, "device")), None)
    made = [as_array(name, array, xp, device) for name, array in arrays.items()]
    floats = [array.dtype for array in made if _is_floating(array)]
    if len(floats) == len(made) and len(set(floats)) == 1:
        return made
    default = np.dtype(float) if xp is np else xp.get_default_dtype()
    dtype = reduce(xp.promote_types, floats) if floats else default
    return [_cast(array, dtype) for array in made]


def as_array(name: str, given: Any, xp: Any, device: Any = None) -> Array:
    """What was given as an array of real numbers of the library xp."""
    if type(given) not in PLAIN:
        _lose_nothing(name, given)
    try:
        by_numpy = xp is np or (hasattr(given, "__array__") and not isinstance(given, xp.Tensor))
        array = np.asarray(given) if by_numpy else given  # torch reads pandas by its index
        array = array if xp is np else xp.as_tensor(array, device=device)
        real = array.dtype.kind in "fiub" if xp is np else not array.is_complex()
    except (TypeError, ValueError, RuntimeError):
        real = False
    if not real:
        raise ValueError(f"{name} is {reprlib.repr(given)}; it must be an array of real numbers")
    return array


def plain(given: Any, name: str) -> Any:
    """A torch tensor as a NumPy array, which has no bfloat16; anything else as it is."""
    if not hasattr(given, "detach"):
        return given
    if given.requires_grad:
        raise ValueError(f"{name} requires a gradient, which is lost here; pass {name}.detach()")
    given = given.cpu()
    return (given.double() if given.is_floating_point() else given).numpy()


#: What has no meaning beside its numbers; anything else is looked at before it becomes an array.
PLAIN = (np.ndarray, list, tuple, float, int)


def _lose_nothing(name: str, given: Any) -> None:
    """ValueError for what means more than its numbers: entries that are hidden, or a unit."""
    kind = f"{type(given).__module__.partition('.')[0]} {type(given).__name__}"
    if np.ma.is_masked(given):
        hidden = int(np.ma.getmaskarray(given).sum())
        raise ValueError(
            f"{name} is a {kind} with {hidden} hidden entries, whose values would be used; "
            "it must be a plain array: drop those points, or pass mask="
        )
    if any(hasattr(given, unit) and hasattr(given, number) for number, unit in QUANTITIES):
        raise ValueError(
            f"{name} is a {kind} with a unit, which would be lost; it must be plain numbers"
        )


#: The attributes of a quantity in pint, astropy and unyt: its plain numbers, its unit.
QUANTITIES = (("magnitude", "units"), ("value", "unit"), ("value", "units"))


def _is_floating(array: Array) -> bool:
    return array.dtype.kind == "f" if isinstance(array, np.ndarray) else array.is_floating_point()


def _cast(array: Array, dtype: Any) -> Array:
    if isinstance(array, np.ndarray | np.generic):
        return array.astype(dtype, copy=False)
    return array.to(dtype)


def shape(array: Array) -> tuple[int, ...]:
    """The shape as a plain tuple."""
    return tuple(array.shape)


def column(array: Array) -> Array:
    """(n,) as (n, 1)."""
    return array[:, None] if array.ndim == 1 else array


# One argument each -------------------------------------------------------------------------------


def find_kernel(kernel: str | Kernel) -> Kernel:
    """A Kernel, or the one of that name in KERNELS."""
    if isinstance(kernel, Kernel):
        return kernel
    if isinstance(kernel, str) and kernel in KERNELS:
        return KERNELS[kernel]
    raise ValueError(f"kernel is {kernel!r}; it must be a Kernel or one of {', '.join(KERNELS)}")


def whole(name: str, given: int, least: int = 0) -> int:
    """An integer of at least ``least``; True and 2.5 are none."""
    if isinstance(given, bool | np.bool_) or not isinstance(given, int | np.integer):
        raise ValueError(f"{name} is {given!r}; it must be an integer, at least {least}")
    if given < least:
        raise ValueError(f"{name} is {given!r}; it must be at least {least}")
    return int(given)


def not_negative(name: str, given: float) -> float:
    """A finite number, 0 or more."""
    try:
        number = float(given) if np.ndim(given) == 0 and not isinstance(given, str) else math.nan
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number < math.inf:
        raise ValueError(f"{name} is {given!r}; it must be finite and not negative")
    return number


def finite(name: str, array: Array) -> bool:
    """No NaN, no infinity; whether also its sum of squares is finite, in NumPy."""
    xp = namespace(array)
    if xp is np and math.isfinite(np.vdot(array, array)):
        return True
    if not xp.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinity; every entry must be finite")
    return False


def check_sigma(sigma: float | Array, queries: Array) -> Array:
    """sigma as () or (m, 1) in the dtype of the queries, whose range may be narrower."""
    xp, m = namespace(queries), len(queries)
    if xp is np and isinstance(sigma, float):
        range_ = np.finfo(queries.dtype)
        if float(range_.tiny) <= sigma <= float(range_.max):  # the usual case needs no more
            return queries.dtype.type(sigma)
    if not hasattr(sigma, "dtype"):  # numbers keep float64 until they are brought in range
        sigma = as_array("sigma", sigma, np)
    array = as_array("sigma", sigma, xp)
    if shape(array) not in ((), (m,)):
        raise ValueError(f"sigma has shape {shape(array)}; it must be one number or ({m},)")
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


def _exactly(name: str, given: Any, dtype: Any, xp: Any, device: Any = None) -> tuple[Array, Array]:
    """Python numbers keep float64 until they are cast: what was given, and cast to the dtype."""
    given = given if hasattr(given, "dtype") else as_array(name, given, np)
    given = as_array(name, given, xp, device)
    with np.errstate(over="ignore"):
        return given, _cast(given, dtype)


def _check_scale(scale: Any, dtype: Any, xp: Any) -> Array:
    _, array = _exactly("scale", scale, dtype, xp)
    if array.ndim or not xp.isfinite(array):
        raise ValueError(f"scale is {reprlib.repr(scale)}; it must be one finite number in {dtype}")
    return array


def _check_bias(bias: Any, full: tuple, queries: Array, xp: Any) -> Array:
    dtype = queries.dtype
    given, bias = _exactly("bias", bias, dtype, xp, getattr(queries, "device", None))
    if not (xp.isfinite(bias) | (given == -math.inf)).all():
        raise ValueError(
            f"bias holds NaN or +infinity, or overflows {dtype}; each must be finite or -infinity"
        )
    return _broadcast("bias", bias, full, xp)


def _broadcast(name: str, array: Array, full: tuple, xp: Any) -> Array:
    try:
        return xp.broadcast_to(array, full)
    except (ValueError, RuntimeError):
        raise ValueError(
            f"{name} has shape {shape(array)}; it must broadcast to {tuple(full)}"
        ) from None


def check_mask(mask: Any, full: tuple, xp: Any) -> Array | None:
    """None, or a bool array of this shape."""
    if mask is None:
        return None
    mask = _check_bool(mask, xp)
    if shape(mask) != tuple(full):
        raise ValueError(f"mask has shape {shape(mask)}; it must be {tuple(full)}")
    return mask


def _check_bool(mask: Any, xp: Any) -> Array:
    mask = as_array("mask", mask, xp)
    if mask.dtype != (np.dtype(bool) if xp is np else xp.bool):
        raise ValueError(f"mask has dtype {mask.dtype}; it must be bool, True = visible")
    return mask
