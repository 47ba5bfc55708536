"""Judges for answers in parts: a dict of numbers, of claims, or of claims with their numbers.

Each gives a judge, answer -> None when all is right, else what to say of the first part that is
not. ``first`` is for judges of another kind: a table, what to say -> whether it is so.
``within_memory`` is for functions that are right and must be frugal, too.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from .compare import as_numbers, differs, same
from .engine import slips

Judge = Callable[[Any], str | None]


def judge_parts(
    parts: Mapping[str, Any] | Callable[[], Mapping[str, Any]],
    slips_of: Mapping[str, Any] | Callable[[], Mapping[str, Any]],
    tolerance: float = 1e-3,
) -> Judge:
    """A judge for numbers and arrays, each on its own, in the order of ``parts``.

    slips_of: part -> what to say -> the wrong value, or a list of such, as in ``slips``; the part's
    name is put before what is said. Either may be a function, which is called when it is needed.
    tolerance: absolute plus relative.
    """

    def judge_each(answer: Any) -> str | None:
        right, table = (each() if callable(each) else each for each in (parts, slips_of))
        if problem := no_dict(answer, right, f" with the entries {', '.join(right)}"):
            return problem
        if problem := still_open(answer, right):
            return problem
        for name, expected in right.items():
            difference = differs(answer[name], expected, tolerance, reveal=False)
            if difference is None:
                continue
            if difference.unfinished:
                return f"Still open: {name}."
            message = difference.message
            said = _slip(answer[name], table.get(name, {}), tolerance)
            return f"{name}: {said or message[:1].lower() + message[1:]}"
        return None

    return judge_each


def truth_table(truths: Mapping[str, bool], hint: str) -> Judge:
    """A judge for claims that are true or false: a dict letter -> True or False."""

    def judge_claims(answer: Any) -> str | None:
        if problem := no_dict(answer, truths, f": {', '.join(truths)}, each True or False"):
            return problem
        if problem := still_open(answer, truths, " Put True or False."):
            return problem
        if odd := [k for k, v in answer.items() if not isinstance(v, bool | np.bool_)]:
            return f"{', '.join(odd)}: put True or False, without quotes."
        wrong = sum(bool(answer[key]) != truth for key, truth in truths.items())
        if wrong:
            are = "is" if wrong == 1 else "are"
            return f"{wrong} of the {len(truths)} {are} not right yet. {hint}"
        return None

    return judge_claims


def claims_with_numbers(
    truths: Mapping[str, bool],
    numbers: Callable[[], Mapping[str, float]],
    hint: str,
    looked_at: Mapping[str, str],
    tolerance: float = 0.02,
) -> Judge:
    """A judge for claims with what decides them: a dict letter -> (True or False, number).

    numbers: what decides each claim, computed when first asked for; looked_at: letter -> what a
    reader with another number is told; tolerance: relative, on every number.
    """
    claims = truth_table(truths, hint)

    def judge_pairs(answer: Any) -> str | None:
        each = f": {', '.join(truths)}, each (True or False, number)"
        if problem := no_dict(answer, truths, each):
            return problem
        pairs = {letter: _pair(answer[letter]) for letter in truths}
        whole = {letter: None if any(map(_is_open, p)) else p for letter, p in pairs.items()}
        if problem := still_open(whole, truths, " Put True or False, and the number."):
            return problem
        if single := [letter for letter, pair in pairs.items() if len(pair) != 2]:
            return f"{', '.join(single)}: put a pair, True or False and the number that decides it."
        for letter, right in numbers().items():
            got, problem = as_numbers(pairs[letter][1], np.array(1.0))
            if problem or got.ndim:
                return f"{letter}: the second of the pair must be one number."
            if not np.isclose(got, right, rtol=tolerance, atol=1e-6):
                not_it = f"{float(got):.4g} is not the number asked for."
                return f"{letter}: {not_it} {looked_at[letter]}"
        return claims({letter: pair[0] for letter, pair in pairs.items()})

    return judge_pairs


def within_memory(arguments: Callable[[], tuple], megabytes: float, said: str) -> Judge:
    """A judge for what a function allocates during one call, in NumPy and Python.

    arguments: makes those of the call, in the order of the case; said: why it takes more.
    """

    def judge_memory(answer: Callable) -> str | None:
        given, traced = arguments(), tracemalloc.is_tracing()
        tracemalloc.start()
        try:
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            answer(*given)
            taken = (tracemalloc.get_traced_memory()[1] - before) / 1e6
        finally:
            if not traced:
                tracemalloc.stop()
        if taken <= megabytes:
            return None
        return (
            f"The numbers are right in all cases. With {len(given[0])} queries and as many keys it "
            f"takes {taken:.0f} MB: {said}."
        )

    return judge_memory


def first(table: Mapping[str, Any]) -> str | None:
    """The first that is so in a table, what to say -> whether it is so; None where nothing is."""
    return next((said for said, so in table.items() if so), None)


def no_dict(answer: Any, wanted: Iterable[str], must: str) -> str:
    """What to say unless the answer is a dict with exactly these entries; else ""."""
    said = f"The answer must be a dict{must}."
    if not isinstance(answer, Mapping):
        return said
    missing = [name for name in wanted if name not in answer]
    extra = [str(name)[:20] for name in answer if name not in set(wanted)]
    for what, names in (("Missing", missing), ("Not asked for", extra)):
        said += f" {what}: {', '.join(names[:8])}." if names else ""
    return said if missing or extra else ""


def still_open(answer: Mapping[str, Any], names: Iterable[str], ask: str = "") -> str:
    """Which of the entries are to be filled in yet; "" when there is none."""
    open_ = [name for name in names if _is_open(answer[name])]
    return f"Still open: {', '.join(open_)}.{ask}" if open_ else ""


def _is_open(entry: Any) -> bool:
    return entry is None or entry is ...


def _pair(entry: Any) -> tuple:
    return tuple(entry) if isinstance(entry, tuple | list) else (entry,)


def _slip(got: Any, table: Mapping[str, Any], tolerance: float) -> str | None:
    """What to say of a typical wrong value; of two of them near it, the nearer speaks."""
    for close in (min(tolerance, 1e-6), tolerance):
        for mistake in slips(table):
            if same(got, mistake.answer, close):
                return mistake.message
    return None
