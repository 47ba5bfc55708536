"""Claims that are true or false, each with the number that decides it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .compare import as_numbers
from .engine import entries_amiss, truth_table


def claims_with_numbers(
    truths: Mapping[str, bool],
    numbers: Callable[[], Mapping[str, float]],
    hint: str,
    looked_at: Mapping[str, str],
    tolerance: float = 0.02,
) -> Callable[[Any], str | None]:
    """A judge for a dict letter -> (True or False, number).

    numbers: what decides each claim, computed when first asked for; looked_at: letter -> what a
    reader with another number is told; tolerance: relative, on every number.
    """
    statements = truth_table(truths, hint)

    def judge_claims(answer: Any) -> str | None:
        if not isinstance(answer, Mapping) or set(answer) != set(truths):
            must = f"The answer must be a dict: {', '.join(truths)}, each (True or False, number)."
            return must + entries_amiss(answer, truths)
        pairs = {letter: _pair(answer[letter]) for letter in truths}
        if open_ := [letter for letter, pair in pairs.items() if any(_is_open(p) for p in pair)]:
            return f"Still open: {', '.join(open_)}. Put True or False, and the number."
        if single := [letter for letter, pair in pairs.items() if len(pair) != 2]:
            return f"{', '.join(single)}: put a pair, True or False and the number that decides it."
        for letter, right in numbers().items():
            got, problem = as_numbers(pairs[letter][1], np.array(1.0))
            if problem or got.ndim:
                return f"{letter}: the second of the pair must be one number."
            if not np.isclose(got, right, rtol=tolerance, atol=1e-6):
                return (
                    f"{letter}: {float(got):.4g} is not the number asked for. {looked_at[letter]}"
                )
        return statements({letter: pair[0] for letter, pair in pairs.items()})

    return judge_claims


def _pair(entry: Any) -> tuple:
    return tuple(entry) if isinstance(entry, tuple | list) else (entry,)


def _is_open(entry: Any) -> bool:
    return entry is None or entry is ...
