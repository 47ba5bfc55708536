"""A judge's end of the line to one student's process: start it, watch it, ask it, end it.

Whatever goes wrong there becomes an Ending: it crashed, it is stuck, time or memory are used up, or
what it sends is no message of this program.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..exercise_checks.limits import AnswerError
from . import family, wire

START = 60.0
GRACE = 5.0
SLACK = 3.0
RESERVE = 512  # MB beyond the limit, for calling what a notebook that filled its memory left
LATE = "Stopped after {:g} s without a result: is there a loop that never ends, or a very slow one?"


@dataclass(frozen=True)
class Limits:
    """seconds: of a whole notebook; cell_seconds: of one cell; memory: MB."""

    seconds: float
    cell_seconds: float
    memory: int


@dataclass(frozen=True)
class Ending:
    """Why a process is of no more use: crashed, stuck, timeout, memory or garbled; in words."""

    kind: str
    words: str


class Lost(Exception):
    """The student's process is of no more use; ``ending`` says why."""

    def __init__(self, ending: Ending):
        super().__init__(ending.words)
        self.ending = ending


class Link:
    """One student's process, running ``cells``. ``at`` is the code cell it is in, 0 before."""

    def __init__(self, cells: list, limits: Limits, deadline: float):
        self.limits, self.deadline, self.at = limits, deadline, 0
        self.numbers = {number for number, _ in cells}
        self.ending: Ending | None = None
        self.seconds_left = lambda: GRACE  # of one request; the judge sets it
        self.ids, self.waiting, self.checked = itertools.count(1), None, 0.0
        self.folder = tempfile.TemporaryDirectory(prefix="d2lmini-", ignore_cleanup_errors=True)
        self.process = _start(Path(self.folder.name))
        self.frames: queue.Queue = queue.Queue(2)
        self.tail = Tail(self.process)
        threading.Thread(target=self._receive, daemon=True).start()
        job = {"cells": cells, "cell_seconds": min(limits.cell_seconds, limits.seconds)}
        self._send("job", **job, memory=limits.memory, reserve=RESERVE)

    def run_cells(self) -> Iterator[tuple[int, str]]:
        """Each code cell that failed, and why, as they run. Raises Lost."""
        seconds = START
        while True:
            event = self._next(seconds, ("ready", "cell", "failed", "ran"))
            if event["event"] == "cell":
                self.at, seconds = event["number"], self.limits.cell_seconds + GRACE
            elif event["event"] == "failed":
                yield event["number"], event["problem"]
            elif event["event"] == "ran":
                return

    def ask(self, event: str, **more: Any) -> dict[str, Any]:
        """The reply to one request. AnswerError when none comes; ``ending`` then says why."""
        self.settle()
        seconds = max(self.seconds_left(), 0.01)
        self.waiting = number = next(self.ids), seconds
        try:
            self._send(event, id=number[0], seconds=seconds, **more)
            return self._reply(seconds)
        except Lost as lost:
            late = lost.ending.kind == "stuck"
            raise AnswerError(LATE.format(seconds) if late else str(lost)) from None

    def settle(self) -> None:
        """Wait for what an abandoned request still sends. Raises AnswerError when it does not."""
        if self.ending is not None:
            raise AnswerError(self.ending.words)
        if self.waiting is not None:
            try:
                self._reply(self.waiting[1])
            except Lost as lost:
                raise AnswerError(str(lost)) from None

    def _reply(self, seconds: float) -> dict[str, Any]:
        event = self._next(seconds + SLACK, ("reply",))
        if event["id"] != self.waiting[0]:
            raise self.lost("garbled")
        self.waiting = None
        return event

    def _send(self, event: str, **more: Any) -> None:
        # A process that does not read must not hold the judge: a thread of its own writes.
        def send() -> None:
            with contextlib.suppress(OSError, ValueError):
                wire.write(self.process.stdin, {"event": event, **more})

        threading.Thread(target=send, daemon=True).start()

    def _receive(self) -> None:
        with self.process.stdout as pipe:
            try:
                while (data := wire.read(pipe)) is not None:
                    self.frames.put(data)
            except (wire.Garbled, OSError, ValueError):
                self.frames.put(b"")
        self.frames.put(None)

    def _next(self, seconds: float, expected: Collection[str]) -> dict[str, Any]:
        """The next event. Raises Lost when it is none of those expected, or does not come."""
        until = time.monotonic() + seconds
        while True:
            self._check(until, seconds)
            try:
                data = self.frames.get(timeout=0.03)
                break
            except queue.Empty:
                continue
        if data is None:
            raise self.lost("gone")
        try:
            event = wire.message(data, wire.FROM_STUDENT)
        except wire.Garbled:
            raise self.lost("garbled") from None
        if event["event"] not in expected or event.get("number", self.at) not in {
            *self.numbers,
            self.at,
        }:
            raise self.lost("garbled")
        return event

    def _check(self, until: float, seconds: float) -> None:
        """Raises Lost when time or memory are used up."""
        now = time.monotonic()
        if self.ending is not None:
            raise Lost(self.ending)
        if now > self.deadline:
            raise self.lost("timeout")
        if now > until:
            raise self.lost("stuck", seconds)
        if now - self.checked > 0.3:
            self.checked = now
            if family.memory(os.getpid()) > (self.limits.memory + RESERVE) * 2**20:
                raise self.lost("memory")

    def lost(self, kind: str, seconds: float = 0.0) -> Lost:
        """End the process; what to raise. ``ending`` is the first reason and stays."""
        if self.ending is None:
            self.ending = self._ending(kind, seconds)
            family.end_all(self.process)
        return Lost(self.ending)

    def _ending(self, kind: str, seconds: float) -> Ending:
        if kind == "gone":
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self.process.wait(1)
                return Ending("crashed", _died(code, self.tail.last() if not self.at else ""))
        words = {
            "timeout": f"was stopped after {self.limits.seconds:g} s",
            "stuck": f"did not end within {seconds - GRACE:g} s and was stopped",
            "memory": f"used more than {self.limits.memory} MB of memory and was stopped",
            "gone": "cut the line to its judge and was stopped",
            "garbled": "sent its judge something that is no answer and was stopped",
        }
        return Ending("garbled" if kind == "gone" else kind, words[kind])

    def close(self) -> None:
        """End the process and all that it has started."""
        family.end_all(self.process)
        self.tail.close()
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.folder.cleanup()


def _died(code: int, last: str) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
    return f"ended by itself (exit code {code})" + (f": {last}" if last else "")


class Tail:
    """The end of what a process writes to stderr; the rest is thrown away."""

    def __init__(self, process: subprocess.Popen):
        self.text = b""
        self.pipe = process.stderr
        self.thread = threading.Thread(target=self._drain, daemon=True)
        self.thread.start()

    def _drain(self) -> None:
        with contextlib.suppress(OSError, ValueError), self.pipe:
            while more := os.read(self.pipe.fileno(), 65536):
                self.text = (self.text + more)[-4000:]

    def close(self) -> None:
        self.thread.join(1)  # not for ever: somebody who got away may hold the other end

    def last(self) -> str:
        self.thread.join(0.5)
        lines = self.text.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""


# Starting -----------------------------------------------------------------------------------------


def _start(folder: Path) -> subprocess.Popen:
    work, ipython = folder / "work", folder / "ipython"
    work.mkdir()
    ipython.mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "d2lmini.grade.worker"],
        cwd=work,
        env={**os.environ, **_environment(ipython)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **alone(),
    )


def alone() -> dict[str, Any]:
    """For Popen: a process that the terminal's Ctrl-C does not reach."""
    if os.name == "nt":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _environment(ipython: Path) -> dict[str, str]:
    return {
        "IPYTHONDIR": str(ipython),
        "MPLBACKEND": "Agg",
        "PIP_DRY_RUN": "1",
        "PIP_NO_INDEX": "1",
    }
