"""What runs in the student's process: the cells of one notebook, then its answers are handed over.

The judge, in a process of its own, says what to run and asks for answers; a function is called
here with what the judge sends, and what it returns goes back. Cases and verdicts are not here.
Each step is told before or right after the fact, so if this process dies, the judge knows where.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
from typing import Any, BinaryIO

from . import wire
from .family import end_with_the_parent
from .far import Answers

LARGEST_FILE = 2**30
INSTALLERS = re.compile(r"\b(pip3?|conda|mamba|uv)\b")


class CellTimeout(BaseException):
    """The time of a cell is over. Not an Exception: `except Exception` must not swallow it."""


def main() -> None:
    """Do the job that the judge sends."""
    incoming, outgoing = _line()
    end_with_the_parent()
    own = os.getpid()

    def say(event: str, **more: Any) -> None:
        if os.getpid() != own:  # a fork that a cell has left behind
            os._exit(0)
        wire.write(outgoing, {"event": event, **more})

    job = wire.message(wire.read(incoming) or b"", wire.JOB)
    shell = _shell()
    _limit(job["memory"], job["reserve"])
    say("ready")
    for number, source in job["cells"]:
        say("cell", number=number)
        if problem := run_cell(shell, source, job["cell_seconds"]):
            say("failed", number=number, problem=problem)
    _limit(job["memory"] + job["reserve"])
    say("ran")
    answers = Answers(shell.user_ns)
    while data := wire.read(incoming):
        reply = answers.to(wire.message(data, wire.REQUESTS))
        try:
            say("reply", **reply)
        except ValueError:  # too long for one message
            say("reply", **{**reply, "value": wire.thing([]), "changed": []})
    os._exit(0)  # whatever threads the notebook left behind


def _line() -> tuple[BinaryIO, BinaryIO]:
    """The line to the judge, taken off standard input and output: cells get the null device."""
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    return incoming, outgoing


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
