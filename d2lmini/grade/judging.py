"""What runs in the process of one notebook's judge: ``python -m d2lmini.grade.judging``.

The judge starts the student's process, asks it for answers and compares them here, where the cases
and the references are. When the student's process dies or has to be ended, the cell or the exercise
that it was at is left out and the rest is run again, within the same total time: a crash costs its
own cell only.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import wire
from .family import adopt, end_with_the_parent
from .link import SLACK, Ending, Limits, Link, Lost
from .near import Near

ATTEMPTS = 6
FETCH = 10.0


@dataclass(frozen=True)
class Job:
    """cells: number and source; exercises: names; cases: further ones, by name of the exercise."""

    cells: Sequence[tuple[int, str]]
    exercises: Sequence[str]
    cases: Mapping[str, Sequence[Mapping[str, Any]]]
    limits: Limits


def main() -> None:
    """Do the job that stands in standard input; say on standard output what was found."""
    outgoing = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    signal.signal(signal.SIGTERM, _leave)
    adopt()
    end_with_the_parent(signal.SIGTERM)
    sent = wire.message(wire.read(sys.stdin.buffer) or b"", wire.WORK)
    limits = Limits(sent["seconds"], sent["cell_seconds"], sent["memory"])
    job = Job(sent["cells"], sent["exercises"], sent["cases"], limits)
    grade(job, lambda event, **more: wire.write(outgoing, {"event": event, **more}))


def _leave(*_: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(1)


def grade(job: Job, tell: Callable[..., None]) -> None:
    """Grade one notebook, telling each cell that failed, each verdict, and how it ended."""
    left, skip, ending = list(job.exercises), set(), Ending("", "")
    deadline = time.monotonic() + job.limits.seconds
    place = ""
    for _ in range(ATTEMPTS):
        cells = [cell for cell in job.cells if cell[0] not in skip]
        link = Link(cells, job.limits, deadline)
        try:
            ending, place = _attempt(link, job, left, tell)
        finally:
            link.close()
        if not left or not ending.kind or ending.kind == "timeout":
            break
        if place == "cell" and link.at:
            skip.add(link.at)
            tell("failed", number=link.at, problem=ending.words)
        elif place == "cell":
            break
    places = {"cell": f"in code cell {link.at}" if link.at else "before the first cell"}
    tell("end", kind=ending.kind, words=ending.words, place=places.get(place, place))


def _attempt(link: Link, job: Job, left: list[str], tell: Callable) -> tuple[Ending, str]:
    """Run the cells, then judge what is left; how it ended and where: "cell", or words."""
    from ..exercise_checks import EXERCISES  # while the student's process starts as well

    try:
        for number, problem in link.run_cells():
            tell("failed", number=number, problem=problem[:2000])
    except Lost as lost:
        return lost.ending, "cell"
    while left:
        started = time.monotonic()
        status, message = _judge(link, EXERCISES[left[0]], job.cases.get(left[0], ()))
        if status == "timeout":
            return link.ending, f"while {left[0]} was judged"
        seconds = time.monotonic() - started
        tell("verdict", name=left.pop(0), status=status, message=message[:2000], seconds=seconds)
        if link.ending is not None:
            return link.ending, ""
    return Ending("", ""), ""


def _judge(link: Link, exercise: Any, cases: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Status and message for one exercise."""
    from ..exercise_checks.engine import judge
    from ..exercise_checks.limits import AnswerError

    seconds = exercise.seconds
    near = Near(link.ask, lambda: link.lost("garbled"))
    link.seconds_left = lambda: FETCH
    try:
        answer = near.answer(exercise.name)
        until = time.monotonic() + seconds
        if exercise.judge:  # one limit for all calls together
            link.seconds_left = lambda: until - time.monotonic()
        else:  # a limit for each call, kept where it runs
            link.seconds_left = lambda: seconds
            exercise = replace(exercise, seconds=seconds + 2 * SLACK)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = judge(exercise, answer, more=cases)
        status, message = result.status, result.message
        with contextlib.suppress(AnswerError):
            link.settle()
    except LookupError:
        return "missing", ""
    except AnswerError as error:
        status, message = "not right yet", str(error)
    if link.ending is not None and link.ending.kind != "stuck":
        return link.ending.kind, f"The process {link.ending.words} while this was judged."
    return status, message


if __name__ == "__main__":
    main()
