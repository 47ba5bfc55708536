"""Call a reader's function so that neither an error nor an endless loop reaches the notebook.

The call runs in a thread of its own. After ``seconds`` it is told to stop; a loop in Python does,
a single long computation in C goes on unseen, and the notebook is free in either case. Linux,
macOS and Windows alike. It limits accidents, it does not keep out malice.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import random
import re
import sys
import sysconfig
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SECONDS = 10.0
CHARACTERS = 2000
STACK = 16 * 2**20  # bytes; a thread's own on macOS is too small for a deep recursion

_OURS = str(Path(__file__).resolve().parents[1])
_NOT_THEIRS = (
    _OURS,
    "<frozen ",
    *{sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")},
)
_HINTS = {
    "NameError": "Did you run the cell that defines it?",
    "UnboundLocalError": "It is used before it gets a value.",
    "ZeroDivisionError": "Which case makes the divisor 0?",
    "ModuleNotFoundError": "Did you run the setup cell?",
}


_HINTS_BY_TEXT = {
    "inhomogeneous": "Does a function give back two things? Take them apart: one, two = …",
    "leaf Variable": "Make the update under torch.no_grad(), or on a detached copy.",
    "could not be broadcast": "Print both shapes: which axis is missing?",
    "truth value of an array": "An array is not one True or False: np.where decides by entry.",
}


class AnswerError(Exception):
    """Something is wrong with the reader's answer; the message says what, in words."""

    unfinished = False


class UnfinishedError(AnswerError):
    """The reader's answer has a place that is still to be filled."""

    unfinished = True


class _Stopped(SystemExit):
    """Raised inside the thread whose time is over; as a SystemExit it leaves no traceback."""


@dataclass
class Outcome:
    """The value of a call, or a problem in words; and what was printed, cut to CHARACTERS.

    unfinished: the problem is that a part is still to be written; error: what was raised, if
    anything; interrupted: the reader pressed stop.
    """

    value: Any = None
    problem: str = ""
    printed: str = ""
    unfinished: bool = False
    error: BaseException | None = None
    interrupted: bool = False


class _Bounded(io.TextIOBase):
    """Keeps the first CHARACTERS of what is printed, so that a loop that prints fills nothing."""

    def __init__(self):
        self.text, self.cut = "", False

    def write(self, text: str) -> int:
        room = CHARACTERS - len(self.text)
        self.text += text[:room]
        self.cut = self.cut or len(text) > room
        return len(text)

    def kept(self) -> str:
        return self.text + (" … and more" if self.cut else "")


def call(
    function: Callable, seconds: float, *arguments: Any, whose: str = "The function", **named: Any
) -> Outcome:
    """Call the function in at most ``seconds``; problems come back as words."""
    printed, interrupted = _Bounded(), False
    thread = _Thread(lambda: function(*arguments, **named))
    with _quiet(printed):
        try:
            _start(thread)
            late = not _ended(thread, seconds)
        except KeyboardInterrupt:
            interrupted = late = True
        finally:
            _stop(thread)
    outcome = Outcome(printed=printed.kept(), interrupted=interrupted)
    if interrupted:
        outcome.problem = "You stopped the check before it was over."
    elif late:
        outcome.problem = (
            f"Stopped after {seconds:g} s without a result: is there a loop that never ends, "
            "or a very slow one?"
        )
    elif thread.error is not None:
        outcome.error = thread.error
        outcome.problem = in_words(thread.error, whose)
        outcome.unfinished = _unfinished(thread.error)
    else:
        outcome.value = thread.value
    return outcome


def guarded(answer: Any, whose: str = "The function") -> Any:
    """A function as it is, but for its errors: they become AnswerError in words.

    Inside dicts, lists and tuples too. For what is called by a judge.
    """
    import functools
    import inspect

    if type(answer) in (list, tuple):
        return type(answer)(guarded(part, whose) for part in answer)
    if type(answer) is dict:
        return {name: guarded(part, whose) for name, part in answer.items()}
    if not inspect.isroutine(answer) and not isinstance(answer, functools.partial):
        return answer

    @functools.wraps(answer)
    def careful(*arguments: Any, **named: Any) -> Any:
        try:
            return answer(*arguments, **named)
        except (_Stopped, AnswerError):
            raise
        except BaseException as error:
            kind = UnfinishedError if _unfinished(error) else AnswerError
            raise kind(in_words(error, whose)) from error

    return careful


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Whatever runs inside, the notebook's random numbers and NumPy's error state stay.

    Gradients are on inside, also when the notebook has left them off.
    """
    python, numpy = random.getstate(), np.random.get_state()
    torch = sys.modules.get("torch")
    kept = torch.get_rng_state() if torch is not None else None
    with np.errstate(all="ignore"), warnings.catch_warnings(), contextlib.ExitStack() as modes:
        warnings.simplefilter("ignore")
        if torch is not None:
            modes.enter_context(torch.inference_mode(False))
            modes.enter_context(torch.enable_grad())
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
            if kept is not None:
                torch.set_rng_state(kept)


# Time ---------------------------------------------------------------------------------------------


class _Thread(threading.Thread):
    """Calls a function and keeps its value or error.

    over: the function has ended, so nothing is to be raised in this thread any more.
    """

    def __init__(self, function: Callable[[], Any]):
        super().__init__(daemon=True, name="exercise")
        self.function, self.value, self.error, self.over = function, None, None, False

    def run(self) -> None:
        try:
            try:
                self.value = self.function()
            except BaseException as caught:  # also SystemExit: exit() in an answer ends nothing
                self.error = caught
            self.over = True
        except _Stopped:  # it came when all was over already
            self.over = True


@contextlib.contextmanager
def _quiet(printed: _Bounded) -> Iterator[None]:
    """Prints go to printed, progress bars and warnings nowhere; a larger stack for new threads."""
    size = threading.stack_size()
    with contextlib.suppress(ValueError, RuntimeError):
        threading.stack_size(STACK)
    try:
        with (
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(_Bounded()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        threading.stack_size(size)


def _start(thread: _Thread) -> None:
    try:
        thread.start()
    except RuntimeError:  # in a browser there are no threads, so there is no limit either
        thread.run()


def _ended(thread: threading.Thread, seconds: float) -> bool:
    """Whether the thread ended in time; short waits, so that the reader can interrupt."""
    until = time.monotonic() + seconds
    while thread.is_alive() and (left := until - time.monotonic()) > 0:
        thread.join(min(left, 0.1))
    return not thread.is_alive()


def _stop(thread: _Thread, patience: float = 1.0) -> None:
    """Raise _Stopped in the thread until it ends: a bare except in a loop swallows the first."""
    if not thread.is_alive():
        return
    ident = ctypes.c_ulong(thread.ident)
    interval = sys.getswitchinterval()
    until = time.monotonic() + patience
    sys.setswitchinterval(1e-5)
    try:
        while not thread.over and thread.is_alive() and time.monotonic() < until:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(_Stopped))
            thread.join(1e-4)
        if thread.over:  # take back what was not raised yet
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object())
            thread.join(0.1)
    finally:
        sys.setswitchinterval(interval)


# Words --------------------------------------------------------------------------------------------


def in_words(error: BaseException, whose: str = "The function") -> str:
    """What went wrong, on which line of the reader's code."""
    if isinstance(error, AnswerError):
        return str(error)
    if isinstance(error, NotImplementedError):
        return f"{whose} is not written yet."
    where = _where(error)
    if _unfinished(error):
        return f"There is still a ... to be replaced{where}."
    if isinstance(error, SystemExit):
        return f"{whose} ends the program{where}: return a result instead of calling exit()."
    if isinstance(error, MemoryError):
        return f"{whose} ran out of memory{where}."
    if isinstance(error, RecursionError):
        return f"{whose} calls itself without end (RecursionError){where}."
    hint = _HINTS.get(type(error).__name__, "")
    text = _text(error)
    hint = next((more for part, more in _HINTS_BY_TEXT.items() if part in text), hint)
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return f"{whose} stopped with {what}{where}." + (f" {hint}" if hint else "")


def theirs(error: BaseException) -> list[traceback.FrameSummary]:
    """The frames of a traceback that are in the reader's code, outermost first."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f for f in frames if not f.filename.startswith(_NOT_THEIRS)]


def _unfinished(error: BaseException) -> bool:
    if getattr(error, "unfinished", False) is True or isinstance(error, NotImplementedError):
        return True
    return isinstance(error, TypeError) and "ellipsis" in _text(error).lower()


def _where(error: BaseException) -> str:
    try:
        frames = theirs(error)
    except Exception:
        return ""
    if not frames:
        return ""
    line = frames[-1].line
    return f" in line {frames[-1].lineno} of its cell" + (f", `{line.strip()}`" if line else "")


def _text(error: BaseException) -> str:
    """The first line of an error's text, without addresses and a full stop at its end."""
    try:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    except Exception:
        return ""
    text = re.sub(r"0x[0-9a-fA-F]{6,}", "0x…", lines[0]) if lines else ""
    if sizes := re.search(r"core dimension.*\(size (\d+) is different from (\d+)\)", text):
        text = f"the shapes do not fit, {sizes[1]} against {sizes[2]}"
    return text[:200].rstrip(".")
