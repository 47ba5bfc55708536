"""A process and all that it started, also what has left its session or lost its environment.

On Linux the judge is a subreaper: what a notebook starts and abandons becomes the judge's child,
so everything that a notebook started hangs below its judge and nowhere else. Elsewhere psutil,
where it is installed, knows children of living parents only: what was abandoned gets away.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

try:
    import psutil
except ImportError:
    psutil = None

LINUX = sys.platform == "linux"
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 1, 4, 36  # of prctl, on Linux
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)


def is_known() -> bool:
    """Whether this machine tells which processes a notebook has started, and their memory."""
    return LINUX or psutil is not None


def adopt() -> None:
    """Become the parent of what descendants abandon, and close one's memory to them (Linux)."""
    if LINUX:
        prctl = ctypes.CDLL(None).prctl
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def end_with_the_parent(sign: int = KILL) -> None:
    """Send this process ``sign`` when its parent is gone, also in a long computation in C."""
    parent = os.getppid()
    if LINUX:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, sign, 0, 0, 0)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), sign)

    threading.Thread(target=watch, daemon=True).start()


def descendants(pid: int) -> list[int]:
    """The living processes below ``pid``, not itself, as far as can be told."""
    if LINUX:
        parents = _parents()
        below, found = [pid], []
        while below:
            above = below.pop()
            children = [p for p, (parent, _) in parents.items() if parent == above]
            below += children
            found += [p for p in children if parents[p][1] not in "ZX"]
        return found
    if psutil is not None:
        with contextlib.suppress(psutil.Error):
            return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    return []


def _parents() -> dict[int, tuple[int, str]]:
    """Every process of this machine -> its parent and its state."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                state, parent = (entry / "stat").read_text("latin-1").rpartition(")")[2].split()[:2]
                found[int(entry.name)] = int(parent), state
    return found


def memory(pid: int) -> int:
    """Bytes of memory that all descendants hold together; what they share counts once."""
    total = 0
    for each in descendants(pid):
        with contextlib.suppress(Exception):  # gone meanwhile
            total += _held(each) if LINUX else psutil.Process(each).memory_info().rss
    return total


def _held(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) * 1024
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def end_all(process: subprocess.Popen, patience: float = 5.0) -> None:
    """End a child of this process and everything that is left below this process."""
    if os.name == "nt":
        command = ["taskkill", "/F", "/T", "/PID", str(process.pid)]
        subprocess.run(command, capture_output=True, check=False)
        process.wait()
        return
    until = time.monotonic() + patience
    left = [process.pid, *descendants(os.getpid() if LINUX else process.pid)]
    while left and time.monotonic() < until:
        for sign in (signal.SIGSTOP, signal.SIGKILL):  # what is stopped starts no others
            with contextlib.suppress(OSError):
                os.killpg(process.pid, sign)
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, sign)
        _reap(left, process)
        left = descendants(os.getpid()) if LINUX else []
    process.wait()


def _reap(pids: list[int], process: subprocess.Popen) -> None:
    """Take note of the ends of adopted processes, so that no zombies gather."""
    for pid in pids:
        if pid != process.pid:
            with contextlib.suppress(OSError):
                os.waitpid(pid, os.WNOHANG)
    process.poll()
    time.sleep(0.02)


def carriers(mark: str) -> list[int]:
    """The processes whose environment carries ``mark`` (Linux): for when a judge has died."""
    found = []
    if LINUX:
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and mark.encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
    return found
