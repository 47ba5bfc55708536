"""What an exercise is and how an answer to it is judged.

The answer to an exercise is a value or a function. A function is called with each case, smallest
first, and must give what the reference gives. What comes out wrong is compared with typical
mistakes, each of which has a message of its own; if none fits, the message says what differs.

How the mistakes of an exercise are written: as a table, what to say -> what it is said of. The
reference is a function with a knob for each thing that readers get wrong, and the defaults are
right; a mistake is the knobs that are turned, ``{"share": 1.0}``. A mistake of another shape is a
function of its own, and one that comes in several guises is a list. ``slips`` makes the table into
mistakes. In ``parts``, ``judge_parts`` takes such a table of wrong values for each part, and
``first`` one of what was found, for judges that look at an answer as a whole. The tables are set by
hand: each mistake under what is said of it.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from .compare import Difference, as_numbers, detached, differs, kind_of, pattern, same
from .limits import SECONDS, AnswerError, Outcome, call, guarded, theirs, undisturbed

KINDS = ("derive", "compute", "implement", "explain", "design")

PASSED, NOT_YET, DIFFERS = "passed", "not yet", "not right yet"


@dataclass(frozen=True)
class Mistake:
    """A typical wrong answer: what it gives, and what to say to a reader who gave it.

    answer: a function called with each case, or the wrong value itself; message: what to look at,
    without the solution.
    """

    answer: Any
    message: str


def slips(
    table: Mapping[str, Any],
    of: Callable[..., Any] | None = None,
    either: Sequence[Mapping[str, Any]] = ({},),
) -> list[Mistake]:
    """Mistakes from a table: what to say -> the wrong answer, or a list of such.

    A wrong answer is a dict of knobs, arguments of the function ``of``; or a function or a value
    of its own. either: knobs that make no difference to what is said, such as which sort was used;
    each dict is tried with each of them.
    """
    return [
        Mistake(answer, message)
        for message, wrong in table.items()
        for one in (wrong if isinstance(wrong, list) else [wrong])
        for answer in ([partial(of, **one, **e) for e in either] if type(one) is dict else [one])
    ]


@dataclass(frozen=True)
class Exercise:
    """One exercise; exactly one of ``reference`` and ``judge`` is given.

    name : of the exercise and of the reader's variable.
    chapter, title, kind : where it stands, what it is called, one of KINDS.
    reference : for a function with ``cases``: what gives the expected result of each case.
        Without cases: a function of no arguments that returns the expected value.
    cases : arguments by name, JSON-like (numbers, strings, lists; lists become arrays), smallest
        first.
    draw : a random generator -> one more case; for cases that a teacher keeps.
    mistakes : recognised by what they give; the first that fits speaks.
    returns : names of the parts when the result is a tuple.
    also : a function that is right in all cases -> None, or what is to be said of it all the same,
        such as that it takes too much memory.
    prepare : one argument at a time, (name, value) -> what the function is called with; default:
        lists become float arrays.
    tolerance : absolute and relative, on every entry; a result in single precision gets at least
        1e-4, one in half precision 1e-2.
    judge : answer -> None when right, else a message or a Difference; a function among the answers
        is already limited in time and raises AnswerError in words.
    takes : names of the arguments with which ``judge`` calls an answer, in its order; the reader's
        own names may be others.
    seconds : limit for one call of the reader's function, or for all of ``judge``.
    picture : "curve" or "matrix" when a picture of expected and got helps; x names the case's
        argument on the horizontal axis.
    """

    name: str
    chapter: int
    title: str
    kind: str
    reference: Callable[..., Any] | None = None
    cases: Sequence[Mapping[str, Any]] = ()
    draw: Callable[[np.random.Generator], Mapping[str, Any]] | None = None
    mistakes: Sequence[Mistake] = ()
    returns: Sequence[str] = ()
    also: Callable[[Callable], str | None] | None = None
    prepare: Callable[[str, Any], Any] | None = None
    tolerance: float = 1e-6
    judge: Callable[[Any], str | Difference | None] | None = None
    takes: Sequence[str] = ()
    seconds: float = SECONDS
    picture: str | None = None
    x: str | None = None

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"kind is {self.kind!r}; it must be one of {', '.join(KINDS)}")
        if (self.reference is None) == (self.judge is None):
            raise ValueError(f"{self.name}: exactly one of reference and judge must be given")

    def arguments(self, case: Mapping[str, Any]) -> dict[str, Any]:
        """Fresh arguments of one call."""
        prepare = self.prepare or _as_array
        return {name: prepare(name, copy.deepcopy(value)) for name, value in case.items()}


@dataclass
class Result:
    """What ``check`` found: ``passed`` and ``message``, and the smallest case that fails."""

    name: str
    status: str
    message: str
    difference: Difference | None = field(default=None, repr=False)
    case: Mapping[str, Any] | None = field(default=None, repr=False)
    printed: str = field(default="", repr=False)

    @property
    def passed(self) -> bool:
        """Whether the exercise is solved."""
        return self.status == PASSED

    def __str__(self) -> str:
        from .show import as_text

        return as_text(self)

    def _ipython_display_(self) -> None:
        """Show nothing more: ``check`` has shown it."""


#: Every exercise by its name, in the order of the book.
EXERCISES: dict[str, Exercise] = {}


def register(exercise: Exercise) -> Exercise:
    """Add an exercise to EXERCISES. Raises ValueError when the name is taken."""
    if exercise.name in EXERCISES:
        raise ValueError(f"name is {exercise.name!r}; another exercise has it already")
    EXERCISES[exercise.name] = exercise
    return exercise


def exercises_of(chapter: int) -> Callable[..., Exercise]:
    """What a chapter's module makes its exercises with: Exercise without ``chapter``, registered.

    Each case, and what ``draw`` gives, is a tuple: the arguments in the order of the reference's.
    """

    def exercise(name: str, title: str, kind: str, **more: Any) -> Exercise:
        if "cases" in more:
            parameters = inspect.signature(more["reference"]).parameters.values()
            names = [p.name for p in parameters if p.default is p.empty and p.kind != p.VAR_KEYWORD]
            more["cases"] = [_by_name(names, case) for case in more["cases"]]
            if draw := more.get("draw"):
                more["draw"] = lambda rng: _by_name(names, draw(rng))
        return register(Exercise(name, chapter, title, kind, **more))

    return exercise


def _by_name(names: Sequence[str], case: tuple) -> dict[str, Any]:
    plain = [value.tolist() if hasattr(value, "tolist") else value for value in case]
    return dict(zip(names, plain, strict=True))


def find(name: str) -> Exercise:
    """The exercise of that name. Raises ValueError with near names when there is none."""
    import difflib

    if not isinstance(name, str):
        what = type(name).__name__
        raise ValueError(
            f"name is a {what}; it must be a text: the name of the exercise, in quotes"
        )
    if name in EXERCISES:
        return EXERCISES[name]
    near = difflib.get_close_matches(name, EXERCISES, n=3) or list(EXERCISES)
    raise ValueError(f"name is {name!r}; it must be that of an exercise, such as {', '.join(near)}")


def judge(exercise: Exercise, answer: Any, more: Sequence[Mapping[str, Any]] = ()) -> Result:
    """Judge one answer, on the exercise's own cases and on ``more`` of them; never raises."""
    try:
        if answer is None or answer is ...:
            message = "Nothing here yet: replace the ... by your answer."
            return Result(exercise.name, NOT_YET, message)
        with undisturbed():
            return _judge(exercise, answer, more)
    except KeyboardInterrupt:
        return Result(exercise.name, NOT_YET, "You stopped the check before it was over.")
    except Exception as error:
        what = f"{type(error).__name__}: {str(error)[:200]}, given {kind_of(answer)}"
        return Result(exercise.name, DIFFERS, f"{OURS}: {exercise.name}, {what}.")


# Judging -----------------------------------------------------------------------------------------

OURS = "The check itself failed, so this says nothing about your answer; please report it"


def _judge(exercise: Exercise, answer: Any, more: Sequence[Mapping[str, Any]]) -> Result:
    if exercise.judge is not None:
        result = _judge_freely(exercise, answer)
    elif exercise.cases:
        result = _judge_function(exercise, answer, [*exercise.cases, *more])
    else:
        result = _judge_value(exercise, answer)
    return result if result.passed else _of_another_exercise(exercise, answer) or result


def _judge_value(exercise: Exercise, answer: Any) -> Result:
    expected = exercise.reference()
    if callable(answer) and not hasattr(type(answer), "__array__"):
        message = f"The answer is a function; give what it returns: {exercise.name} = ..."
        return Result(exercise.name, DIFFERS, message)
    difference = differs(answer, expected, exercise.tolerance, exercise.returns, reveal=False)
    if difference is None:
        return Result(exercise.name, PASSED, "Right.")
    if difference.unfinished:
        return Result(exercise.name, NOT_YET, difference.message)
    if message := _recognised(exercise, [({}, answer, expected)]):
        difference = difference.saying(message)
    return Result(exercise.name, DIFFERS, difference.message, difference.without_expected())


def _judge_function(exercise: Exercise, answer: Any, cases: list[Mapping[str, Any]]) -> Result:
    names = list(exercise.cases[0])
    function = _under_any_names(answer, names) if callable(answer) else None
    if function is None:
        return Result(exercise.name, DIFFERS, _no_such_function(exercise.name, answer, names))
    failed, outcomes = None, []
    for case in cases:
        expected = exercise.reference(**exercise.arguments(case))
        outcome, bad = _judge_case(exercise, function, case)
        if bad is not None:
            return _none_later(bad, case) if outcomes and outcome.value is None else bad
        difference = differs(outcome.value, expected, exercise.tolerance, exercise.returns)
        outcomes.append((case, outcome.value, expected))
        if difference is not None and failed is None:
            failed = case, difference, outcome.printed
    if failed is None:
        if exercise.also and not (further := _judge_freely(exercise, function, names)).passed:
            return further
        count = f"in all {len(cases)} cases" if len(cases) > 1 else "in the one case there is"
        return Result(exercise.name, PASSED, f"Right {count}.", printed=outcome.printed)
    case, difference, printed = failed
    if difference.unfinished:
        return Result(exercise.name, NOT_YET, difference.message, printed=printed)
    message = _recognised(exercise, outcomes) or _in_every_case(exercise, outcomes)
    if message:
        difference = difference.saying(message)
    return Result(exercise.name, DIFFERS, difference.message, difference, case, printed)


def _none_later(bad: Result, case: Mapping[str, Any]) -> Result:
    """The Result for a function that gave something in earlier cases and nothing in this one."""
    if "returns nothing" not in bad.message:
        return bad
    message = "Here the function returns None, in other cases a result: a branch without return?"
    return Result(bad.name, DIFFERS, message, None, case, bad.printed)


def _judge_case(
    exercise: Exercise, function: Callable, case: Mapping[str, Any]
) -> tuple[Outcome, Result | None]:
    """Call the answer with one case; with it a Result when there is nothing to compare."""
    arguments = exercise.arguments(case)
    outcome = call(function, exercise.seconds, **arguments)
    status = DIFFERS
    if outcome.problem:
        status, message = _status_of(outcome), outcome.problem
    elif outcome.value is None or outcome.value is ...:
        status = NOT_YET
        message = (
            "The function prints something and returns nothing: end it with return and the result."
            if outcome.printed.strip()
            else "The function returns nothing yet: replace the ... and return the result."
        )
    elif hasattr(type(outcome.value), "__next__"):
        message = "The function gives a generator, which has computed nothing yet: return it all."
    elif changed := _changed(exercise, case, arguments):
        message = f"The function changes its argument {changed} in place: work on a copy."
    else:
        return outcome, None
    failing = case if status == DIFFERS else None
    return outcome, Result(exercise.name, status, message, None, failing, outcome.printed)


def _status_of(stopped: Outcome) -> str:
    return NOT_YET if stopped.unfinished or stopped.interrupted else DIFFERS


def _judge_freely(exercise: Exercise, answer: Any, names: Sequence[str] = ()) -> Result:
    answer = _called_in_order(guarded(answer), names or exercise.takes)
    judge = exercise.judge or exercise.also
    outcome = call(judge, exercise.seconds, answer, whose="Your answer")
    if outcome.problem:
        if outcome.error is not None and not _is_theirs(outcome.error, exercise):
            raise outcome.error
        problem = outcome.problem
        return Result(exercise.name, _status_of(outcome), problem, printed=outcome.printed)
    verdict = outcome.value
    if verdict is None:
        return Result(exercise.name, PASSED, "Right.", printed=outcome.printed)
    if isinstance(verdict, str):
        verdict = Difference(verdict, unfinished=verdict.startswith(("Still open", "Nothing")))
    if not isinstance(verdict, Difference):
        raise TypeError(f"the judge returned {type(verdict).__name__}; it must return words")
    status = NOT_YET if verdict.unfinished else DIFFERS
    return Result(exercise.name, status, verdict.message, verdict, printed=outcome.printed)


def _is_theirs(error: BaseException, exercise: Exercise) -> bool:
    """Whether an error inside a judge comes from the reader's answer, not from the judge."""
    if isinstance(error, AnswerError | NotImplementedError | MemoryError):
        return True
    judge = exercise.judge or exercise.also
    judges = getattr(getattr(judge, "__code__", None), "co_filename", "")
    return any(frame.filename != judges for frame in theirs(error))


def _of_another_exercise(exercise: Exercise, answer: Any) -> Result | None:
    name = getattr(answer, "__name__", None)
    if not isinstance(name, str) or name == exercise.name or name not in EXERCISES:
        return None
    message = f"This is {name}, the answer to another exercise; check {exercise.name} here."
    return Result(exercise.name, DIFFERS, message)


def _recognised(exercise: Exercise, outcomes: list[tuple]) -> str | None:
    """The message of the first mistake that gives the same as the reader in every case."""
    for mistake in exercise.mistakes:
        if all(
            same(got, _given_by(mistake, exercise, case), exercise.tolerance)
            for case, got, _ in outcomes
        ):
            return mistake.message
    return None


def _given_by(mistake: Mistake, exercise: Exercise, case: Mapping[str, Any]) -> Any:
    if not callable(mistake.answer):
        return mistake.answer
    try:
        return mistake.answer(**exercise.arguments(case))
    except Exception:  # a mistake that gives nothing is not this reader's
        return None


def _in_every_case(exercise: Exercise, outcomes: list[tuple]) -> str | None:
    """What single numbers have in common over the cases: all twice too large, all of one sign."""
    numbers = [
        as_numbers(got, np.asarray(right)) for _, got, right in outcomes if _is_number(right)
    ]
    if len(numbers) < max(2, len(outcomes)) or any(bad or a.ndim for a, bad in numbers):
        return None
    got = np.array([float(a) for a, _ in numbers])
    right = np.array([float(right) for *_, right in outcomes])
    found = pattern(got, right, exercise.tolerance)
    if not found.startswith(("Every entry is", "Every entry has")) or "depend" in found:
        return None
    return found.replace("Every entry", "In every case the result")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _under_any_names(answer: Callable, names: Sequence[str]) -> Callable | None:
    """A function of these names that calls the answer, whatever it calls its arguments.

    By name when the answer has all the names, else by place, those after a * in their order. None
    when it takes another number of arguments.
    """
    by_name = (), dict(zip(names, names, strict=True))
    try:
        signature = inspect.signature(answer)
    except ValueError:  # written in C
        return lambda **case: answer(*(case[name] for name in names))
    starred = [p.name for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY]
    first = max(len(names) - len(starred), 0)
    mixed = names[:first], dict(zip(starred, names[first:], strict=False))
    ways = [(names, {}), by_name, mixed]
    if set(names) <= set(signature.parameters):
        ways.insert(0, by_name)
    for placed, named in ways:
        with contextlib.suppress(TypeError):
            signature.bind(*placed, **named)
            return lambda **case: answer(
                *(case[name] for name in placed), **{at: case[name] for at, name in named.items()}
            )
    return None


def _called_in_order(answer: Any, names: Sequence[str]) -> Any:
    """The answer as a function of arguments in the order of these names, where it is one."""
    function = _under_any_names(answer, names) if names and callable(answer) else None
    if function is None:
        return answer
    return lambda *given: function(**dict(zip(names, given, strict=True)))


def _no_such_function(name: str, answer: Any, names: Sequence[str]) -> str:
    wanted = ", ".join(names)
    if not callable(answer):
        return (
            f"The answer is {kind_of(answer)}; it must be a function of ({wanted}). "
            f'Give the function itself, check("{name}", {name}), without calling it.'
        )
    takes = ", ".join(inspect.signature(answer).parameters)
    count = f"{len(names)} argument{'s' * (len(names) > 1)}"
    return f"The function takes ({takes}); it must take {count}, ({wanted})."


def _changed(exercise: Exercise, case: Mapping[str, Any], arguments: dict) -> str | None:
    fresh = exercise.arguments(case)
    for name, value in arguments.items():
        if not (isinstance(value, list | np.ndarray) or hasattr(value, "detach")):
            continue
        try:
            before, after = (np.asarray(detached(v)) for v in (fresh[name], value))
            nan = before.dtype.kind in "fc"
            if not np.array_equal(before, after, equal_nan=nan):
                return name
        except Exception:  # nothing that can be compared
            continue
    return None


def _as_array(name: str, value: Any) -> Any:
    if isinstance(value, list):
        array = np.asarray(value)
        return array.astype(float) if array.dtype.kind in "iuf" else array
    return value
