"""``check`` and ``progress``: what a reader calls in a notebook. Results stay in this process."""

from __future__ import annotations

import os
from typing import Any

from .engine import EXERCISES, NOT_YET, Result, find, judge
from .limits import undisturbed
from .show import show, show_progress

_RESULTS: dict[str, Result] = {}


class ExerciseError(AssertionError):
    """Raised by check under D2LMINI_STRICT=1 when the answer is not right."""


def check(name: str, answer: Any) -> Result:
    """Check an answer to an exercise, show what was found and return it.

    name: of the exercise; answer: whatever it asks for, a function or a value. Returns a Result
    with ``.passed`` and ``.message``. A wrong answer never raises, unless the environment variable
    D2LMINI_STRICT is 1 (ExerciseError). Raises ValueError for an unknown name.
    """
    exercise = find(name)
    result = judge(exercise, answer)
    _RESULTS[name] = result
    with undisturbed():
        show(exercise, result)
    if not result.passed and os.environ.get("D2LMINI_STRICT") == "1":
        raise ExerciseError(str(result))
    return result


def progress(chapter: int) -> None:
    """Show which exercises of a chapter have been passed since this notebook was started.

    Raises ValueError for a chapter without exercises.
    """
    mine = [e for e in EXERCISES.values() if e.chapter == chapter]
    if not mine:
        known = sorted({e.chapter for e in EXERCISES.values()})
        raise ValueError(f"chapter is {chapter!r}; it must be one of {known}")
    status = {name: result.status for name, result in _RESULTS.items()}
    show_progress(chapter, [(e.name, e.title, status.get(e.name, NOT_YET)) for e in mine])
