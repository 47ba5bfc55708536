"""Exercises that check themselves: ``check("name", answer)`` says in words how far an answer is.

One registry, ``EXERCISES``: name -> Exercise, filled by one module a chapter. An exercise's name is
also the name of the reader's variable. Nothing here is a security boundary, and what is compared
with is not hidden: it is for a reader who wants to know, and for a teacher who has 200 of them.
"""

from importlib import import_module

from .engine import EXERCISES, Exercise, Mistake, Result, judge
from .session import check, progress

#: The chapters that have exercises.
CHAPTERS = range(1, 10)
for _chapter in CHAPTERS:
    import_module(f"{__name__}.chapter_{_chapter}")

__all__ = ["EXERCISES", "Exercise", "Mistake", "Result", "check", "judge", "progress"]
