"""A teacher's file of further cases, checked whole before the first notebook is graded.

Every case is tried on the reference: a case that the reference cannot answer would cost students
their marks. What is wrong is said in one message with the line and the key.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..exercise_checks.engine import EXERCISES, Exercise, find, judge
from ..exercise_checks.limits import call
from .reading import text_of

DRAWS, MOST_DRAWS = 3, 1000
DEEPEST = 4  # cases, exercise, number, argument
Case = Mapping[str, Any]
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')


class Further:
    """The further cases of each exercise, by its name, and the file's content.

    The file is JSON: {"seed": 7, "draws": 3, "cases": {"name": [{"argument": value}]}}. Raises
    OSError, and ValueError naming the line, the key and what is wrong.
    """

    def __init__(self, path: str | Path):
        self.path, self.content = Path(path), Path(path).read_bytes()
        try:
            self.text = text_of(self.content)
        except ValueError:
            raise ValueError(f"{self.path.name} is not text in UTF-8") from None
        self.lines: dict[tuple, int] = {(): 1}
        kept = self._parsed()
        self.lines = _lines(self.text)
        if unknown := sorted(set(kept) - {"seed", "draws", "cases"}):
            raise self._wrong(unknown[:1], "is unknown; there may be seed, draws and cases")
        own = self._own(kept)
        drawn = self._drawn(kept)
        names = [name for name in EXERCISES if own.get(name) or drawn.get(name)]
        self.cases = {name: [*own.get(name, ()), *drawn.get(name, ())] for name in names}
        if not self.cases:
            raise self._wrong((), "adds no case; it needs seed, or cases, or both")

    def _wrong(self, place: Sequence[Any], what: str) -> ValueError:
        """place: keys and indices from the top."""
        place = tuple(place)
        line = f", line {self.lines[place]}" if place in self.lines else ""
        key = "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in place).lstrip(".")
        return ValueError(f"{self.path.name}{line}: {key} {what}".replace(":  ", ": "))

    def _parsed(self) -> dict[str, Any]:
        def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            names = [name for name, _ in pairs]
            if twice := [name for name in names if names.count(name) > 1]:
                raise ValueError(f"{self.path.name}: {twice[0]} is there twice")
            return dict(pairs)

        try:
            kept = json.loads(self.text, object_pairs_hook=once)
        except json.JSONDecodeError as error:
            where = f"line {error.lineno}, column {error.colno}"
            raise ValueError(f"{self.path.name}, {where}: not JSON: {error.msg}") from None
        except RecursionError:
            raise ValueError(f"{self.path.name} is nested too deeply") from None
        if not isinstance(kept, dict):
            raise self._wrong((), f"holds {_kind(kept)}; it must hold {{...}}")
        return kept

    def _drawn(self, kept: dict[str, Any]) -> dict[str, list[Case]]:
        for name, most in (("seed", 2**63), ("draws", MOST_DRAWS)):
            value = kept.get(name, 0)
            if type(value) is not int or not 0 <= value <= most:
                shown = _shown(value)
                raise self._wrong([name], f"is {shown}; it must be a whole number, 0 to {most}")
        if "seed" not in kept:
            if "draws" in kept:
                raise self._wrong(["draws"], "needs a seed beside it")
            return {}
        drawn = {}
        for exercise in EXERCISES.values():
            if exercise.draw:
                rng = np.random.default_rng([kept["seed"], *exercise.name.encode()])
                count = kept.get("draws", DRAWS)
                drawn[exercise.name] = [exercise.draw(rng) for _ in range(count)]
        return drawn

    def _own(self, kept: dict[str, Any]) -> dict[str, list[Case]]:
        own = kept.get("cases", {})
        if not isinstance(own, dict):
            must = "it must be {name of an exercise: [case, ...]}"
            raise self._wrong(["cases"], f"is {_kind(own)}; {must}")
        for name, cases in own.items():
            try:
                exercise = find(name)
            except ValueError as error:
                raise self._wrong(["cases", name], f"is no exercise: {error}") from None
            if not exercise.cases:
                raise self._wrong(["cases", name], "takes no cases: its answer is no function")
            if not isinstance(cases, list):
                raise self._wrong(["cases", name], f"is {_kind(cases)}; it must be [case, ...]")
            form = _Form(exercise)
            for i, case in enumerate(cases):
                self._check(exercise, form, case, ["cases", name, i])
        return own

    def _check(self, exercise: Exercise, form: _Form, case: Any, place: list[Any]) -> None:
        wanted = ", ".join(exercise.cases[0])
        if not isinstance(case, dict):
            raise self._wrong(place, f"is {_kind(case)}; it must be {{...}} with {wanted}")
        if set(case) != set(exercise.cases[0]):
            has = ", ".join(case) or "nothing"
            raise self._wrong(place, f"has {has}; it must have {wanted}")
        for name, value in case.items():
            if problem := form.problem(name, value):
                raise self._wrong([*place, name], problem)
        if problem := form.lengths(case) or _refused(exercise, case):
            raise self._wrong(place, problem)


class _Form:
    """What the arguments of an exercise look like, learned from its own cases."""

    def __init__(self, exercise: Exercise):
        rng = np.random.default_rng(0)
        drawn = [exercise.draw(rng) for _ in range(3)] if exercise.draw else []
        self.known = [*exercise.cases, *drawn]

    def problem(self, name: str, value: Any) -> str:
        """What is wrong with one argument by itself, or ""."""
        kinds = {_kind(case[name]): None for case in self.known}
        finite = not any(_infinite(case[name]) for case in self.known)
        if isinstance(value, list) and (inside := _inside(value, finite)):
            return inside
        if _kind(value) not in kinds:
            return f"is {_shown(value)}; it must be {' or '.join(kinds)}"
        if isinstance(value, float) and _lost(value, finite):
            return f"is {value}; it must be a finite number"
        return ""

    def lengths(self, case: Case) -> str:
        """Two arguments that always have one length and here do not, in words; or ""."""
        sizes = [_sizes(known) for known in self.known]
        common = set.intersection(*map(set, sizes))
        mine = _sizes(case)
        for one, other in itertools.combinations(sorted(common), 2):
            pairs = {(each[one], each[other]) for each in sizes}
            tied = len(pairs) > 1 and all(a == b for a, b in pairs)
            if tied and mine.get(one) != mine.get(other):
                names = f"{one[0]} and {other[0]}"
                return f"has {names} of lengths {mine.get(one)} and {mine.get(other)}, not of one"
        return ""


def _refused(exercise: Exercise, case: Case) -> str:
    """Why the reference cannot answer a case, or ""."""
    answers = call(lambda: exercise.reference(**exercise.arguments(case)), exercise.seconds)
    if answers.problem:
        said = re.sub(r"^The function stopped with |\.$", "", answers.problem)
        return f"cannot be answered by the reference itself: {said}"
    if _not_finite(answers.value) and not any(
        _not_finite(exercise.reference(**exercise.arguments(known))) for known in exercise.cases
    ):
        return "has no answer: the reference gives NaN or infinity"
    result = judge(replace(exercise, cases=[case]), exercise.reference)
    return "" if result.passed else f"does not accept the reference itself: {result.message}"


def _not_finite(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return any(map(_not_finite, value))
    try:
        return not np.isfinite(np.asarray(value, dtype=float)).all()
    except (TypeError, ValueError):
        return False


def _sizes(case: Case) -> dict[tuple[str, int], int]:
    """(argument, axis) -> its length."""
    shapes = {name: np.shape(value) for name, value in case.items() if isinstance(value, list)}
    return {(name, i): n for name, shape in shapes.items() for i, n in enumerate(shape)}


def _kind(value: Any) -> str:
    """In words, so that two values of one kind give the same."""
    if isinstance(value, list):
        axes = np.ndim(value) if not _inside(value) else 1
        return ("a list" if axes == 1 else "a list of " * (axes - 1) + "lists") + _entries(value)
    if isinstance(value, dict):
        return "{...}"
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "a text"}
    return kinds.get(type(value), "null")


def _entries(value: Any) -> str:
    while isinstance(value, list) and value:
        value = value[0]
    return {bool: " of true and false", str: " of texts"}.get(type(value), " of numbers")


def _infinite(value: Any) -> bool:
    return _kind(value).endswith(("number", "numbers")) and bool(np.isinf(value).any())


def _lost(number: float, finite: bool) -> bool:
    return not np.isfinite(number) if finite else np.isnan(number)


def _inside(value: list, finite: bool = False) -> str:
    """What is wrong inside a list of any depth: other things than numbers, ragged rows; or ""."""
    flat = [value]
    while any(isinstance(one, list) for one in flat):
        lengths = {len(one) if isinstance(one, list) else None for one in flat}
        if len(lengths) > 1:
            return "has rows of unequal lengths"
        flat = list(itertools.chain.from_iterable(flat))
    kinds = {type(one) for one in flat} - {int, float}
    if not flat:
        return "is empty"
    if kinds and (len(kinds) > 1 or {type(one) for one in flat} != kinds):
        odd = next(one for one in flat if type(one) in kinds)
        return f"holds {_shown(odd)} among numbers"
    if kinds and not kinds <= {bool, str}:
        return f"holds {_shown(flat[0])}; it must hold numbers"
    if any(isinstance(one, float) and _lost(one, finite) for one in flat):
        return "holds NaN or infinity; every entry must be a finite number"
    return ""


def _shown(value: Any) -> str:
    return json.dumps(value)[:60] if not isinstance(value, list | dict) else _kind(value)


def _lines(text: str) -> dict[tuple, int]:
    """Path of keys and indices in JSON, DEEPEST of them -> the line on which it begins."""
    lines, path, awaits_key, line, seen = {}, [], False, 1, 0
    for token in _TOKEN.finditer(text):
        what = token[0]
        line, seen = line + text.count("\n", seen, token.start()), token.start()
        if what in "]}":
            path.pop()
            awaits_key = False
        elif what == ",":
            awaits_key = not isinstance(path[-1], int)
            path[-1] = path[-1] if awaits_key else path[-1] + 1
        elif what == ":":
            awaits_key = False
        elif awaits_key:
            path[-1] = json.loads(what)
            lines[tuple(path[:DEEPEST])] = line
        else:
            lines.setdefault(tuple(path[:DEEPEST]), line)
            if what in "[{":
                path.append(0 if what == "[" else "")
                awaits_key = what == "{"
    return lines
