"""What runs in the fresh process: the cells of one notebook, then its exercises are judged.

The job comes as JSON through standard input, what happens goes line by line into a file, each
line before or right after the fact. So if this process dies, the parent knows where.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import signal
import sys
import threading
import time
import warnings
from typing import Any

LARGEST_FILE = 2**30
INSTALLERS = re.compile(r"\b(pip3?|conda|mamba|uv)\b")
GRACE = 5.0
RESERVE = 512  # MB beyond the limit, for judging what a notebook that filled its memory left
PR_SET_PDEATHSIG = 1  # of prctl, on Linux
MISSING = object()


class CellTimeout(BaseException):
    """The time of a cell is over. Not an Exception: `except Exception` must not swallow it."""


def main() -> None:
    """Do the job that stands in standard input."""
    job = json.load(sys.stdin)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115
    events = open(job["events"], "a", encoding="utf-8")  # noqa: SIM115

    def say(event: str, **more: Any) -> None:
        events.write(json.dumps({"event": event, **more}) + "\n")
        events.flush()

    from ..exercise_checks.engine import EXERCISES, cases_from

    _end_with_the_parent(os.getppid())
    further = cases_from(job["cases"]) if job["cases"] else lambda exercise: []
    more = {name: further(EXERCISES[name]) for name in job["exercises"]}
    shell = _shell()
    _limit(job["memory"], RESERVE)
    say("ready")
    for number, source in job["cells"]:
        say("cell", number=number, limit=job["cell_seconds"] + GRACE)
        if problem := run_cell(shell, source, job["cell_seconds"]):
            say("failed", number=number, problem=problem)
    _limit(job["memory"] + RESERVE)
    for name in job["exercises"]:
        _judge(name, shell.user_ns.get(name, MISSING), more[name], say)
    say("end")
    os._exit(0)  # whatever threads the notebook left behind


def run_cell(shell: Any, source: str, seconds: float) -> str:
    """Run one cell; what went wrong, in words, or ""."""
    error: BaseException | None = None
    bell = _Bell(seconds)
    try:
        bell.set()
        result = shell.run_cell(source, store_history=False)
        error = result.error_before_exec or result.error_in_exec
    except BaseException as caught:  # the bell rang while IPython was tidying up
        error = caught
    bell.silence()
    if "matplotlib.pyplot" in sys.modules:
        with contextlib.suppress(Exception):
            sys.modules["matplotlib.pyplot"].close("all")
    return _in_words(error, seconds) if error is not None else ""


class _Bell:
    """Raises CellTimeout in the main thread, again each second. On Windows the parent ends it."""

    def __init__(self, seconds: float):
        self.seconds, self.armed = seconds, hasattr(signal, "setitimer")

    def set(self) -> None:
        if self.armed:
            signal.signal(signal.SIGALRM, self._ring)
            signal.setitimer(signal.ITIMER_REAL, self.seconds, 1.0)

    def silence(self) -> None:
        while self.armed:
            with contextlib.suppress(CellTimeout):
                self.armed = False
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _ring(self, *_: Any) -> None:
        if self.armed:
            raise CellTimeout


def _in_words(error: BaseException, seconds: float) -> str:
    if isinstance(error, CellTimeout):
        return f"did not end within {seconds:g} s and was stopped"
    if isinstance(error, SystemExit):
        return "ends the program (SystemExit); the cells below were run all the same"
    if isinstance(error, MemoryError):
        return "ran out of memory (MemoryError)"
    try:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        text = str(text)[:300].strip().split("\n")[0]
        if isinstance(error, SyntaxError):
            text += f" in line {error.lineno}"
    except Exception:
        text = ""
    if isinstance(error, EOFError):
        text += " (nobody is there to answer: do not ask for input)"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _judge(name: str, answer: Any, cases: list, say: Any) -> None:
    from ..exercise_checks.engine import EXERCISES, judge

    if answer is MISSING:
        say("result", name=name, status="missing", message="", seconds=0.0)
        return
    exercise = EXERCISES[name]
    calls = 1 if exercise.judge else len(exercise.cases) + len(cases) + 1
    say("judging", name=name, limit=calls * exercise.seconds + 2 * GRACE)
    started = time.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = judge(exercise, answer, more=cases)
        status, message = result.status, result.message
    except BaseException as error:
        status, message = "error", f"Judging stopped with {_in_words(error, 0)}."
    seconds = time.monotonic() - started
    say("result", name=name, status=status, message=message[:2000], seconds=seconds)


def _limit(memory: int, reserve: int = 0) -> None:
    """Limits of each process: memory in MB, the size of a file, no core dumps.

    reserve: by how much the limit on memory may be raised later.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    wanted = {
        resource.RLIMIT_DATA: (memory * 2**20, (memory + reserve) * 2**20),
        resource.RLIMIT_FSIZE: (LARGEST_FILE, LARGEST_FILE),
        resource.RLIMIT_CORE: (0, 0),
    }
    for which, sizes in wanted.items():
        hard = resource.getrlimit(which)[1]
        if hard != resource.RLIM_INFINITY:
            sizes = tuple(min(size, hard) for size in sizes)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(which, sizes)


def _end_with_the_parent(parent: int) -> None:
    """End this process when the one that started it is gone, also in a long computation in C."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _shell() -> Any:
    """An IPython shell that shows nothing, keeps no history and installs nothing."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    class Shell(InteractiveShell):
        def enable_gui(self, gui: str | None = None) -> None:
            """`%matplotlib` asks for it; there is no window here."""

        def ask_exit(self) -> None:
            """`exit` in a cell ends nothing."""

        def showtraceback(self, *arguments: Any, **named: Any) -> None:
            """Nobody looks."""

        def showsyntaxerror(self, *arguments: Any, **named: Any) -> None:
            """Nobody looks."""

        def _tee(self, channel: str) -> contextlib.nullcontext:
            """IPython 9 keeps all that is printed; a loop that prints would fill the memory."""
            return contextlib.nullcontext()

        def system(self, command: str) -> None:
            """`!command`, but nothing is installed on the teacher's machine."""
            if not INSTALLERS.search(command):
                super().system(command)

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "NoColor"
    shell = Shell.instance(config=config)
    shell.display_formatter.active_types = ["text/plain"]
    for name in ("pip", "conda", "mamba", "micromamba", "uv"):
        shell.register_magic_function(lambda line: None, "line", name)
    return shell


if __name__ == "__main__":
    main()
