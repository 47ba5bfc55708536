"""Run one notebook in a fresh process and watch it: time, memory, and that nothing is left behind.

When the process dies or has to be ended, the cell or the exercise that it was at is left out and
the rest is run again, within the same total time: a crash costs its own cell only.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .reading import Submission
from .worker import GRACE, RESERVE

try:
    import psutil
except ImportError:
    psutil = None

PROC = sys.platform == "linux"
TOKEN = "D2LMINI_GRADE"
ATTEMPTS = 6
START = 60.0


@dataclass(frozen=True)
class Limits:
    """seconds: of a whole notebook; cell_seconds: of one cell; memory: MB."""

    seconds: float
    cell_seconds: float
    memory: int


@dataclass(frozen=True)
class Verdict:
    """What is said of one exercise."""

    status: str
    message: str
    seconds: float = 0.0


@dataclass
class Graded:
    """verdicts: by the name of the exercise; failed: code cell, counted from 1 -> why."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)


class Stopped(Exception):
    """Somebody pressed Ctrl-C."""


@dataclass
class _Ending:
    """How a process ended: kind is "" when it did all of its job; at: the last thing it began."""

    kind: str
    words: str
    at: dict[str, Any]


def memory_is_watched() -> bool:
    """Whether memory is limited on this machine."""
    return PROC or psutil is not None


def run(work: Submission, cases: str | None, limits: Limits, stop: threading.Event) -> Graded:
    """Grade one notebook. Raises Stopped when ``stop`` is set."""
    done, skip = Graded(), set()
    deadline = time.monotonic() + limits.seconds
    for _ in range(ATTEMPTS):
        cells = [(i, c) for i, c in enumerate(work.cells, 1) if i not in skip and c.strip()]
        job = {
            "cells": cells,
            "exercises": [name for name in work.exercises if name not in done.verdicts],
            "cases": cases,
            "cell_seconds": min(limits.cell_seconds, limits.seconds),
            "memory": limits.memory,
        }
        ending = _attempt(job, done, deadline, limits, stop)
        if not ending.kind:
            break
        if ending.at["event"] == "cell" and ending.kind != "timeout":
            skip.add(ending.at["number"])
            done.failed[ending.at["number"]] = ending.words
        elif ending.at["event"] == "judging" and ending.kind != "timeout":
            message = f"The process {ending.words} while this was judged."
            done.verdicts[ending.at["name"]] = Verdict(ending.kind, message)
        else:
            break
    _fill(work, done, ending)
    return done


def _fill(work: Submission, done: Graded, ending: _Ending) -> None:
    """A verdict on each exercise, also on those that were never reached or never answered."""
    for name in work.exercises:
        verdict = done.verdicts.get(name)
        if verdict is None:
            where = {"cell": "in code cell {number}", "judging": "while {name} was judged"}
            place = where.get(ending.at["event"], "before the first cell").format(**ending.at)
            words = f"The process {ending.words} {place}."
            done.verdicts[name] = Verdict(ending.kind or "crashed", words)
        elif verdict.status == "missing":
            done.verdicts[name] = Verdict("missing", _why_missing(name, work, done))


def _why_missing(name: str, work: Submission, done: Graded) -> str:
    for number, problem in done.failed.items():
        source = work.cells[number - 1]
        if f"def {name}" in source or f"{name} =" in source:
            return f"There is no {name}: code cell {number}, which makes it, {_failed(problem)}."
    return f"There is no {name} in the notebook."


def _failed(problem: str) -> str:
    return problem if problem[:1].islower() else f"stopped with {problem}"


def _attempt(
    job: dict, done: Graded, deadline: float, limits: Limits, stop: threading.Event
) -> _Ending:
    with tempfile.TemporaryDirectory(prefix="d2lmini-", ignore_cleanup_errors=True) as folder:
        events = Path(folder, "events")
        events.touch()
        token = uuid.uuid4().hex
        process = _start(Path(folder), token)
        tail, lines = _Tail(process), _lines(events)
        try:
            _send(process, {**job, "events": str(events)})
            return _watch(process, lines, done, deadline, limits, token, stop, tail)
        finally:
            _end(process, token)
            lines.close()
            tail.close()


def _start(folder: Path, token: str) -> subprocess.Popen:
    work, ipython = folder / "work", folder / "ipython"
    work.mkdir()
    ipython.mkdir()
    alone: dict[str, Any] = {"start_new_session": True}
    if os.name == "nt":
        alone = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return subprocess.Popen(
        [sys.executable, "-m", "d2lmini.grade.worker"],
        cwd=work,
        env=_environment(ipython, token),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        **alone,
    )


def _environment(ipython: Path, token: str) -> dict[str, str]:
    more = {
        TOKEN: token,
        "IPYTHONDIR": str(ipython),
        "MPLBACKEND": "Agg",
        "PIP_DRY_RUN": "1",
        "PIP_NO_INDEX": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
    }
    environment = {**os.environ, **more}
    environment.pop("D2LMINI_STRICT", None)
    root = str(Path(__file__).resolve().parents[2])
    if Path(root).name not in ("site-packages", "dist-packages"):  # not installed: a checkout
        old = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (root, old)))
    return environment


def _send(process: subprocess.Popen, job: dict) -> None:
    with contextlib.suppress(OSError), process.stdin as pipe:
        pipe.write(json.dumps(job).encode())


def _lines(events: Path) -> Iterator[list[dict]]:
    """At each step, what has come since the last."""
    rest = b""
    with events.open("rb") as file:
        while True:
            *whole, rest = (rest + file.read()).split(b"\n")
            new = []
            for line in whole:
                with contextlib.suppress(ValueError):
                    new.append(json.loads(line))
            yield new


def _watch(process, lines, done, deadline, limits, token, stop, tail) -> _Ending:
    at, since, limit, checked = {"event": "start"}, time.monotonic(), START, 0.0
    while True:
        ended = process.poll()
        for event in next(lines):
            if event["event"] in ("ready", "cell", "judging"):
                at, since, limit = event, time.monotonic(), event.get("limit", START)
            elif event["event"] == "failed":
                done.failed[event["number"]] = event["problem"]
            elif event["event"] == "result":
                verdict = Verdict(event["status"], event["message"], event["seconds"])
                done.verdicts[event["name"]] = verdict
            else:
                return _Ending("", "", at)
        now = time.monotonic()
        if stop.is_set():
            raise Stopped
        if ended is not None:
            return _Ending("crashed", _died(ended, at, tail), at)
        if now > deadline:
            return _Ending("timeout", f"was stopped after {limits.seconds:g} s", at)
        if now - since > limit:
            limit -= GRACE
            return _Ending("stuck", f"did not end within {limit:g} s and was stopped", at)
        if now - checked > 0.3:
            checked = now
            if _resident(token, process.pid) > (limits.memory + RESERVE) * 2**20:
                words = f"used more than {limits.memory} MB of memory and was stopped"
                return _Ending("memory", words, at)
        time.sleep(0.03)


def _died(code: int, at: dict[str, Any], tail: _Tail) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
    words = f"ended by itself (exit code {code})"
    if at["event"] in ("start", "ready") and (last := tail.last()):
        words += f": {last}"
    return words


class _Tail:
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


# A process and all that it started ---------------------------------------------------------------


def _family(token: str, pid: int) -> list[int]:
    """The process and what it started, also what has left its group, as far as can be told."""
    if PROC:
        return [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and _has(p, token)]
    if psutil is not None:
        with contextlib.suppress(psutil.Error):
            first = psutil.Process(pid)
            return [pid, *(child.pid for child in first.children(recursive=True))]
    return []


def _has(process: Path, token: str) -> bool:
    with contextlib.suppress(OSError):
        return f"{TOKEN}={token}".encode() in (process / "environ").read_bytes()
    return False


def _resident(token: str, pid: int) -> int:
    """Bytes of memory that the whole family holds."""
    total = 0
    for each in _family(token, pid):
        with contextlib.suppress(Exception):  # gone meanwhile
            if PROC:
                pages = Path(f"/proc/{each}/statm").read_text().split()[1]
                total += int(pages) * os.sysconf("SC_PAGE_SIZE")
            else:
                total += psutil.Process(each).memory_info().rss
    return total


def _end(process: subprocess.Popen, token: str) -> None:
    """End the process and all that it started."""
    family = _family(token, process.pid)
    if os.name == "nt":
        command = ["taskkill", "/F", "/T", "/PID", str(process.pid)]
        subprocess.run(command, capture_output=True, check=False)
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    for _ in range(20):
        for pid in family:
            with contextlib.suppress(OSError):
                os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        if process.poll() is not None and not (family := _family(token, process.pid)):
            break
        time.sleep(0.05)
    process.wait()
