"""How a result differs from what was expected, in words; the first thing that matters first."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

LARGEST = 10**6

#: Single and half precision cannot be asked for more: their results get at least this tolerance.
COARSE = {"float32": 1e-4, "complex64": 1e-4, "float16": 1e-2, "bfloat16": 1e-1}

OPEN = "Still open: replace the ... by your answer."


@dataclass(frozen=True)
class Difference:
    """What differs: a message, the expected and the given result where showing them helps."""

    message: str
    expected: Any = None
    got: Any = None
    unfinished: bool = False

    def saying(self, message: str) -> Difference:
        """The same difference under a message that says more."""
        return replace(self, message=message)

    def without_expected(self) -> Difference:
        """For a value that is the answer itself: showing it would give the solution away."""
        return replace(self, expected=None)


def differs(
    got: Any, expected: Any, tolerance: float, parts: Sequence[str] = (), reveal: bool = True
) -> Difference | None:
    """None when got equals expected to the tolerance, else the first difference that matters.

    expected may be a number, a text, True or False, an array or a tuple of them, named by parts.
    A result in single precision is compared to 1e-4 at best, one in half precision to 1e-2.
    With reveal=False no message contains an expected entry.
    """
    if isinstance(expected, tuple):
        return _tuples_differ(got, expected, tolerance, parts, reveal)
    if _is_open(got):
        return Difference(OPEN, unfinished=True)
    if isinstance(expected, bool | str):
        return _plain_differ(got, expected, reveal)
    if isinstance(got, tuple) and len(got) > 1 and differs(got[0], expected, tolerance) is None:
        return Difference(f"There are {len(got)} results. The first is right: return it alone.")
    right = np.asarray(expected)
    if right.dtype.kind in "USO":
        return _texts_differ(got, right, reveal)
    if (place := _none_among_numbers(got)) is not None:
        return Difference(
            f"Entry {place} is None. It must be a number; where there is no answer, np.nan."
        )
    array, problem = as_numbers(got, right)
    tolerance = max(tolerance, coarseness(got))
    problem = problem or _shapes_differ(array, right)
    problem = problem or _entries_differ(array, right, tolerance, reveal)
    return Difference(capital(problem), expected, got) if problem else None


def same(got: Any, other: Any, tolerance: float) -> bool:
    """Whether two results are equal, NaN where NaN."""
    if isinstance(other, tuple):
        got = _taken_apart(got, other)
        return (
            isinstance(got, tuple | list)
            and len(got) == len(other)
            and all(same(*pair, tolerance) for pair in zip(got, other, strict=True))
        )
    return other is not None and differs(got, other, tolerance) is None


def as_numbers(got: Any, like: np.ndarray) -> tuple[np.ndarray, str]:
    """got as a float array, or why it cannot be one; torch tensors are detached."""
    wanted = f"an array of shape {like.shape}" if like.ndim else "a number"
    if isinstance(got, bool | np.bool_) and like.dtype.kind != "b" and not like.ndim:
        return like, f"The result is {bool(got)}; it must be {wanted}."
    if problem := _no_numbers(got):
        return like, f"{problem}; it must be {wanted}."
    try:
        size = size_of(got)
        if size > max(LARGEST, 100 * like.size):
            return like, f"The result has {size} entries; it must be {wanted}."
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            array = np.asarray(detached(got))
            if array.dtype.kind in "US":
                return like, f"The result holds text; it must be {wanted}, without quotes."
            if array.dtype.kind == "c":
                if np.any(array.imag != 0):
                    return like, f"The result has complex numbers; it must be {wanted}, real."
                array = array.real
            return array.astype(float), ""
    except Exception:  # whatever the reader's object does when it is asked for numbers
        ragged = isinstance(got, list | tuple) and like.ndim > 1
        why = ", with rows of one length and numbers only" if ragged else ""
        return like, f"The result is {kind_of(got)}; it must be {wanted}{why}."


def coarseness(got: Any) -> float:
    """The least tolerance for a result of this precision; 0 for Python's and NumPy's default."""
    if isinstance(got, list | tuple):
        return max((coarseness(g) for g in got[:1]), default=0.0)
    with contextlib.suppress(Exception):
        return COARSE.get(str(got.dtype).removeprefix("torch."), 0.0)
    return 0.0


def capital(message: str) -> str:
    """The message with a capital at its start."""
    return message[:1].upper() + message[1:]


# What kind of thing it is -----------------------------------------------------------------------


def _is_open(got: Any) -> bool:
    if isinstance(got, list | tuple):
        some = got[:1000]
        return any(g is ... for g in some) or (bool(some) and all(g is None for g in some))
    return got is None or got is ...


def _none_among_numbers(got: Any) -> int | None:
    """The place of the first None in a list that holds other things as well."""
    if isinstance(got, list | tuple):
        return next((i for i, g in enumerate(got[:1000]) if g is None), None)
    return None


def _no_numbers(got: Any) -> str:
    """What it is when it certainly holds no numbers, else ""."""
    if isinstance(got, str | bytes):
        return "The result is a text in quotes"
    if isinstance(got, dict | set | frozenset):
        return f"The result is {kind_of(got)}"
    if hasattr(type(got), "__next__"):
        return "The result is a generator, which has computed nothing yet"
    if callable(got) and not hasattr(type(got), "__array__"):
        return "The result is a function that was not called"
    return ""


def kind_of(got: Any) -> str:
    """A value's type with its article: "a list", "an int"."""
    name = {"ndarray": "array", "Tensor": "tensor"}.get(type(got).__name__, type(got).__name__)
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def size_of(got: Any) -> int:
    """How many entries it has, without looking at them."""
    size = getattr(got, "size", None)
    if isinstance(size, int | np.integer):
        return int(size)
    if hasattr(got, "numel"):
        return int(got.numel())
    if isinstance(got, list | tuple):
        return sum(len(g) if isinstance(g, list | tuple) else 1 for g in got)
    return len(got) if hasattr(got, "__len__") else 1


def detached(got: Any) -> Any:
    """A torch tensor as an array, also inside a list; anything else as it is."""
    if hasattr(got, "detach"):
        got = got.detach().cpu()
        return got.double().numpy() if got.is_floating_point() else got.numpy()
    if isinstance(got, list | tuple) and any(hasattr(g, "detach") for g in got):
        return [detached(g) for g in got]
    return got


# Differences ------------------------------------------------------------------------------------


def _tuples_differ(got, expected, tolerance, parts, reveal) -> Difference | None:
    names = parts or [f"part {i + 1}" for i in range(len(expected))]
    got = _taken_apart(got, expected)
    if got is None or got is ...:
        return Difference(OPEN, unfinished=True)
    if not isinstance(got, tuple | list) or len(got) != len(expected):
        several = isinstance(got, tuple | list)
        what = f"There are {len(got)} results" if several else "There is one result"
        return Difference(f"{what}; return {len(expected)}: {', '.join(names)}.")
    turned = len(got) == 2 and same(got[::-1], expected, tolerance)
    if turned and not same(got, expected, tolerance):
        return Difference(f"The results are right, but exchanged: return {', '.join(names)}.")
    for name, one, right in zip(names, got, expected, strict=True):
        if difference := differs(one, right, tolerance, reveal=reveal):
            message = difference.message
            small = message if message.startswith("NaN") else message[:1].lower() + message[1:]
            return difference.saying(capital(f"{name}: {small}"))
    return None


def _taken_apart(got: Any, expected: tuple) -> Any:
    """An array that holds single numbers for a tuple of them, as a list."""
    numbers = all(isinstance(one, int | float | np.number) for one in expected)
    return list(got) if numbers and isinstance(got, np.ndarray) and got.ndim == 1 else got


def _plain_differ(got, expected, reveal) -> Difference | None:
    got = bool(got) if isinstance(got, np.bool_) else got
    if isinstance(expected, str) and isinstance(got, str):
        equal = got.strip().casefold() == expected.strip().casefold()
        return None if equal else Difference("That is not it.", expected if reveal else None, got)
    if type(got) is not type(expected):
        kind = "True or False" if isinstance(expected, bool) else "a text in quotes"
        return Difference(f"The answer is {kind_of(got)}; it must be {kind}.")
    return None if got == expected else Difference("That is not it.", expected, got)


def _texts_differ(got, right, reveal) -> Difference | None:
    try:
        given = np.asarray(got, dtype=object)
        if given.shape != right.shape:
            return Difference(_shapes_differ(given, right), None, got)
        wrong = [i for i in np.ndindex(right.shape) if str(given[i]) != str(right[i])]
    except Exception:
        return Difference(f"The result is {kind_of(got)}; it must be a list of texts in quotes.")
    if not wrong:
        return None
    message = f"{_place(wrong[0])} is not it; {len(wrong)} of {right.size} differ."
    return Difference(capital(message), right if reveal else None, got)


def _shapes_differ(array: np.ndarray, right: np.ndarray) -> str:
    if array.shape == right.shape:
        return ""
    if array.ndim == 0:
        return f"The result is one number; it must be an array of shape {right.shape}."
    wanted = f"it must be {right.shape}" if right.ndim else "it must be a single number"
    turned = array.ndim == 2 and array.T.shape == right.shape
    more = " It looks transposed: rows are queries, columns are keys." if turned else ""
    if array.size == right.size > 1 and not turned:
        more = " It has the right number of entries: reshape it."
    return f"The result has shape {array.shape}; {wanted}.{more}"


def _entries_differ(array, right, tolerance: float, reveal: bool) -> str:
    """What is wrong with numbers of the right shape; "" when nothing is."""
    boolean, right = right.dtype.kind == "b", right.astype(float)
    wrong = ~np.isclose(array, right, rtol=tolerance, atol=tolerance, equal_nan=True)
    if not wrong.any():
        return ""
    if message := _not_finite(array, right, wrong, reveal):
        return message
    if array.ndim == 0:
        return _numbers_differ(float(array), float(right), reveal)
    if boolean:
        return _masks_differ(array, right, wrong, reveal)
    if message := _rows_differ(array, right) or (
        pattern(array, right, tolerance, reveal) if wrong.mean() > 0.2 or right.size < 20 else ""
    ):
        return message
    if decimals := _decimals(array, right):
        return f"Every entry is right to {decimals} decimals. Give the result unrounded."
    where = _first(wrong)
    expected = f", expected {right[where]:.6g}" if reveal else ""
    is_ = f"{_place(where)} is {array[where]:.6g}{expected}"
    return f"{is_}; {_count(wrong)} entries differ."


def _not_finite(array, right, wrong, reveal) -> str:
    """NaN or infinity where a number was expected, and the other way round."""
    if (lost := np.isnan(array) & ~np.isnan(right)).any():
        if not array.ndim:
            return "The result is NaN; a number was expected."
        return f"{_place(_first(lost))} is NaN, a number was expected; {_count(lost)} are NaN."
    if (over := np.isinf(array) & np.isfinite(right)).any():
        what = _place(_first(over)) if array.ndim else "The result"
        return f"{what} is infinite: something overflows or is divided by 0."
    if (none := np.isnan(right) & wrong).any():
        if not array.ndim:
            why = "there is no answer here, NaN was expected" if reveal else "that is not it"
            return f"The result is {float(array):.6g}; {why}."
        where = _first(none)
        why = "there is no answer there, NaN was expected" if reveal else "that is not it"
        return f"{_place(where)} is {array[where]:.6g}; {why}; {_count(wrong)} entries differ."
    return ""


def _masks_differ(array, right, wrong, reveal) -> str:
    if np.array_equal(array, 1 - right):
        return "True and False are exchanged: True means visible."
    if array.ndim == 2 and array.shape[0] == array.shape[1] and np.array_equal(array.T, right):
        return "It looks transposed: rows are queries, columns are keys."
    where = _first(wrong)
    got = {0.0: "False", 1.0: "True"}.get(float(array[where]), f"{array[where]:.6g}")
    expected = f", expected {bool(right[where])}" if reveal else ""
    return f"{_place(where)} is {got}{expected}; {_count(wrong)} entries differ."


def _rows_differ(array: np.ndarray, right: np.ndarray) -> str:
    """Weights whose rows do not sum to 1 where they should."""
    if right.ndim < 1 or right.shape[-1] < 2 or np.any(right < 0):
        return ""
    due = np.isclose(right.sum(-1), 1)
    if not due.any() or not np.all(due | (right.sum(-1) == 0)):
        return ""
    sums = array.sum(-1)
    bad = due & ~np.isclose(sums, 1, atol=1e-3)
    if not np.any(bad):
        return ""
    if right.ndim == 1:
        return f"The entries sum to {sums:.4g}; they must sum to 1."
    if np.allclose(array.sum(-2), 1, atol=1e-3):
        return (
            "Each column sums to 1, the rows do not: normalise over the keys, axis 1, "
            "not over the queries."
        )
    where = _first(bad)
    place = f"row {where[0]}" if len(where) == 1 else f"{_place(where[:-1])}, row {where[-1]},"
    return f"{place} sums to {sums[where]:.4g}: normalise over the keys, axis 1."


def pattern(array: np.ndarray, right: np.ndarray, tolerance: float, reveal: bool = True) -> str:
    """Names what turns right into array as a whole: turned, exchanged, scaled, shifted; or ""."""

    def close(one: np.ndarray, other: np.ndarray) -> bool:
        return np.allclose(one, other, rtol=tolerance, atol=tolerance, equal_nan=True)

    if right.size > 2 and np.ptp(array) <= tolerance < np.ptp(right):
        return f"Every entry is {array.flat[0]:.6g}: the result does not depend on what goes in."
    if right.ndim == 2 and right.shape[0] == right.shape[1] and close(array.T, right):
        return "It looks transposed: rows are queries, columns are keys."
    if right.size > 1 and np.ptp(right) > tolerance:
        if close(array[::-1], right):
            return "The entries are right, but in reversed order."
        if right.ndim == 1 and close(array, np.sort(right)):
            return "The entries are right, but sorted: keep the order of what came in."
        if close(_ordered(array), _ordered(right)):
            what = "rows" if right.ndim > 1 else "entries"
            return f"The {what} are right, but in another order."
    return _scaled(array, right, close, reveal)


def _scaled(array, right, close, reveal) -> str:
    known = np.isfinite(right) & (np.abs(right) > 1e-12)
    if known.sum() < 2:
        return ""
    if close(array, -right):
        return "Every entry has the wrong sign."
    factor = float(np.median(array[known] / right[known]))
    if abs(factor) > 1e-9 and close(array / factor, right):
        times = f"{factor:.4g} times what was expected" if reveal else "off by the same factor"
        return f"Every entry is {times}."
    shift = float(np.median((array - right)[known]))
    if close(array - shift, right):
        by = f"{abs(shift):.4g} " if reveal else ""
        return f"Every entry is {by}too {'large' if shift > 0 else 'small'}, by the same amount."
    return ""


def _numbers_differ(got: float, right: float, reveal: bool) -> str:
    if decimals := _decimals(np.array(got), np.array(right)):
        return f"The result is {got:.6g}: right to {decimals} decimals. Give it unrounded."
    expected = f"; expected {right:.6g}" if reveal else ""
    return f"The result is {got:.6g}, which is too {'large' if got > right else 'small'}{expected}."


def _decimals(array: np.ndarray, right: np.ndarray) -> int:
    """To how many decimals right was rounded to give array; 0 when it was not, or to too few."""
    if np.all(np.abs(array - right) <= 0.005 * np.maximum(np.abs(right), 0.1)):
        for decimals in range(2, 7):
            if np.allclose(array, np.round(right, decimals), rtol=0, atol=1e-9, equal_nan=True):
                return decimals
    return 0


def _ordered(array: np.ndarray) -> np.ndarray:
    """The rows (entries of a vector) in an order of their own, whatever order they came in."""
    rows = np.round(array.reshape(len(array), -1), 9)
    return array[np.lexsort(rows.T[::-1])]


def _first(where: np.ndarray) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(where)[0])


def _count(where: np.ndarray) -> str:
    return f"{int(where.sum())} of {where.size}"


def _place(where: tuple[int, ...]) -> str:
    if len(where) == 1:
        return f"entry {where[0]}"
    if len(where) == 2:
        return f"row {where[0]}, column {where[1]}"
    return f"entry {where}"
