"""The command's side of one notebook: start its judge, take down what the judge says, end it."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import family, reading, wire
from .link import Limits, Tail, alone
from .reading import Submission

TOKEN = "D2LMINI_GRADE"
PATIENCE = 300.0  # seconds that a judge may need on its own

Cases = Mapping[str, Sequence[Mapping[str, Any]]]


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


def run(work: Submission, cases: Cases, limits: Limits, stop: threading.Event) -> Graded:
    """Grade one notebook. Raises Stopped when ``stop`` is set."""
    done, token = Graded(), uuid.uuid4().hex
    try:
        process = _start(token)
    except OSError as error:
        _fill(work, done, _ending("error", f"that judges could not be started: {error}"))
        return done
    tail = Tail(process)
    try:
        _send(process, work, cases, limits)
        until = time.monotonic() + limits.seconds + PATIENCE
        end = _listen(process, work, done, until, stop, tail)
    finally:
        _end(process, token)
        tail.close()
    _fill(work, done, end)
    return done


def _start(token: str) -> subprocess.Popen:
    more = {
        TOKEN: token,
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
    return subprocess.Popen(
        [sys.executable, "-m", "d2lmini.grade.judging"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **alone(),
    )


def _send(process: subprocess.Popen, work: Submission, cases: Cases, limits: Limits) -> None:
    job = {
        "event": "work",
        "cells": [[i, cell] for i, cell in enumerate(work.cells, 1) if cell.strip()],
        "exercises": list(work.exercises),
        "cases": {name: list(cases[name]) for name in work.exercises if cases.get(name)},
        "seconds": float(limits.seconds),
        "cell_seconds": float(limits.cell_seconds),
        "memory": limits.memory,
    }
    with contextlib.suppress(OSError), process.stdin as pipe:
        wire.write(pipe, job)


def _listen(process, work: Submission, done: Graded, until, stop, tail: Tail) -> dict[str, Any]:
    """Take down what the judge says; the event with which it ended. Raises Stopped."""
    said: queue.Queue = queue.Queue()
    threading.Thread(target=_receive, args=(process, said), daemon=True).start()
    while not stop.is_set():
        if time.monotonic() > until:
            return _ending("stuck", "that judges came to no end and was stopped")
        try:
            event = said.get(timeout=0.1)
        except queue.Empty:
            continue
        if event is None:
            why = f": {last}" if (last := tail.last()) else ""
            return _ending("crashed", f"that judges has ended{why}")
        if event["event"] == "end":
            return event
        if event["event"] == "failed" and 0 < event["number"] <= len(work.cells):
            done.failed[event["number"]] = event["problem"]
        elif event["event"] == "verdict" and event["name"] in work.exercises:
            verdict = Verdict(event["status"], event["message"], event["seconds"])
            done.verdicts[event["name"]] = verdict
    raise Stopped


def _receive(process: subprocess.Popen, said: queue.Queue) -> None:
    with contextlib.suppress(wire.Garbled, OSError, ValueError), process.stdout as pipe:
        while (data := wire.read(pipe)) is not None:
            said.put(wire.message(data, wire.FROM_JUDGE))
    said.put(None)


def _ending(kind: str, words: str) -> dict[str, Any]:
    return {"event": "end", "kind": kind, "words": words, "place": ""}


def _end(process: subprocess.Popen, token: str) -> None:
    """Let the judge end its notebook's processes, and end it; if it has died, end them here."""
    if os.name == "nt":
        command = ["taskkill", "/F", "/T", "/PID", str(process.pid)]
        subprocess.run(command, capture_output=True, check=False)
    else:
        process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)
    process.kill()
    process.wait()
    for _ in range(20):
        if not (left := family.carriers(f"{TOKEN}={token}")):
            break
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, family.KILL)
        time.sleep(0.05)


def _fill(work: Submission, done: Graded, end: Mapping[str, Any]) -> None:
    """A verdict on each exercise, also on those that were never reached or never answered."""
    for name in work.exercises:
        verdict = done.verdicts.get(name)
        if verdict is None:
            words = f"The process {end['words']} {end['place']}".rstrip() + "."
            done.verdicts[name] = Verdict(end["kind"] or "crashed", words)
        elif verdict.status == "missing":
            done.verdicts[name] = Verdict("missing", _why_missing(name, work, done))


def _why_missing(name: str, work: Submission, done: Graded) -> str:
    for number, problem in done.failed.items():
        if name in reading.names_made(work.cells[number - 1]):
            return f"There is no {name}: code cell {number}, which makes it, {_failed(problem)}."
    return f"There is no {name} in the notebook."


def _failed(problem: str) -> str:
    return problem if problem[:1].islower() else f"stopped with {problem}"
