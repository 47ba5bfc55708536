"""The smoother at scale: estimates at up to a million queries, beside what others offer.

    python -m benchmarks.scale            print the table; ``make bench`` does too
    python -m benchmarks.scale --write    and store it: scale.json, README.md, chapter 8

Times are the fastest of some runs, taken in turns; setting up and compiling are not counted. An
error is the largest difference from the estimator as it is written, in float64, over the largest
absolute value. Extra memory is what a fresh process takes during one call. What fails is a ratio
under half of what is required, a cost that grows with n more steeply than STEEPEST, or more memory
than MOST.
"""

import argparse
import contextlib
import datetime
import importlib.metadata
import json
import math
import os
import platform
import re
import subprocess
import sys
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path

import nbformat
import numpy as np
from nbformat import NotebookNode

from benchmarks import peers
from benchmarks.peers import Peer, Problem
from benchmarks.timing import fastest
from d2lmini import leave_one_out_error
from tools import ROOT, notebooks

JSON = ROOT / "benchmarks" / "scale.json"
README = ROOT / "README.md"
CHAPTER = ROOT / "chapters" / "08_scaling_up.ipynb"
MARKED = re.compile(r"(<!-- scale: .*? -->\n).*?(<!-- /scale -->)", re.S)
NS = 10**4, 10**5, 10**6
#: The exponent with which cost may grow with n, and the bytes that a million may take.
STEEPEST, MOST = 1.1, 200e6
COLUMNS = "way", "n = m", "time", "times ours", "largest error", "extra memory", "note"
VERSIONS = "numpy", "scipy", "statsmodels", "scikit-learn", "torch", "pykeops", "KDEpy"


# The rows ----------------------------------------------------------------------------------------


def exact(problem: Problem, kernel: str, count: int) -> np.ndarray:
    """The first estimates, as the syllabus writes them, in float64."""
    rows = max(1, 10**7 // len(problem.keys))
    found = []
    for start in range(0, count, rows):
        queries = problem.queries[start : min(start + rows, count)]
        u = (queries[:, None] - problem.keys) / problem.sigma
        if kernel == "gaussian":
            weights = np.exp(-(u**2 - (u**2).min(1, keepdims=True)) / 2)
        else:
            weights = np.maximum(0, 1 - u**2)
        found.append(weights @ problem.values / weights.sum(1))
    return np.concatenate(found)


def error_of(found: np.ndarray, problem: Problem, kernel: str) -> float:
    """The largest error over the largest |value|, at the first queries, 200 at least."""
    count = min(len(found), max(200, 10**8 // len(problem.keys)))
    worst = abs(found[:count] - exact(problem, kernel, count)).max()
    return float(worst / abs(problem.values).max())


def row(name: str, n: int, note: str = "") -> dict:
    """A row of the table in which nothing is known yet."""
    unknown = dict.fromkeys(("seconds", "ratio", "error", "memory"))
    return {"name": name, "n": n, **unknown, "required": peers.ALL[name].required, "note": note}


def ready(name: str, n: int) -> tuple[dict, Callable | None]:
    """The row of a peer with its error, and what is to be timed; None if it cannot run here."""
    peer, problem = peers.ALL[name], Problem.of(n, peers.ALL[name].gap)
    if not peer.installed:
        return row(name, n, "not installed"), None
    try:
        call = peer.prepare(problem)
        found = call()
    except Exception as error:
        if not peer.builds:
            raise
        return row(name, n, f"did not build here ({type(error).__name__})"), None
    known = row(name, n, peer.note)
    if np.ndim(found):
        known["error"] = error_of(found, problem, peer.kernel)
    return known, call


def measured(cases: list[tuple[str, int]], rounds: int) -> list[dict]:
    """A row for each name and n, run in turns."""
    rows, calls = zip(*(ready(name, n) for name, n in cases), strict=True)
    able = [i for i, call in enumerate(calls) if call]
    for i, taken in zip(able, fastest(*(calls[i] for i in able), rounds=rounds), strict=True):
        rows[i]["seconds"] = taken / peers.ALL[rows[i]["name"]].share
        rows[i]["memory"] = memory(*cases[i])
    return list(rows)


def beside_peers(group: dict[str, Peer], rounds: int) -> list[dict]:
    """Rows at the smallest n, with the ratios to the first."""
    rows = measured([(name, NS[0]) for name in group], rounds)
    for each in rows:
        each["ratio"] = each["seconds"] and each["seconds"] / rows[0]["seconds"]
    return rows


def leave_one_out() -> list[dict]:
    """Rows for the choice among SIGMAS bandwidths; the error is the difference of the two."""
    rows = beside_peers(peers.LEAVE_ONE_OUT, rounds=4)
    problem = Problem.of(NS[0])
    theirs = peers.cv_loo(problem)()
    ours = leave_one_out_error(problem.keys, problem.values, problem.sigma)
    rows[0] |= {"error": abs(ours - theirs) / theirs, "note": "error: beside statsmodels"}
    return rows


def exponents(rows: list[dict]) -> dict[str, float]:
    """b in time = a n^b for each of SIZES, by least squares over the logarithms."""
    found = {}
    for name in peers.SIZES:
        logs = np.log([[each["n"], each["seconds"]] for each in rows if each["name"] == name])
        found[name] = float(np.polyfit(*logs.T, 1)[0])
    return found


# Memory, in a process of its own -----------------------------------------------------------------


def memory(name: str, n: int) -> int | None:
    """Bytes that a fresh process takes during one call; None if the system does not tell."""
    command = [sys.executable, "-m", "benchmarks.scale", "--memory", name, str(n)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    return int(done.stdout.split()[-1]) or None


def taken_by(name: str, n: int) -> int:
    """Bytes at the peak of one call, beyond what was there: of the process, where Linux tells.

    Elsewhere what NumPy and Python allocate, and 0 for peers, which may not be traced.
    """
    peer = peers.ALL[name]
    warm, call = (peer.prepare(Problem.of(size, peer.gap)) for size in (2000, n))
    warm()
    forget = Path("/proc/self/clear_refs")
    if os.access(forget, os.W_OK):
        forget.write_text("5")  # the peak begins anew
        before = resident("VmRSS")
        call()
        return max(1, resident("VmHWM") - before)
    tracemalloc.start()
    call()
    return tracemalloc.get_traced_memory()[1] if name in peers.OURS else 0


def resident(what: str) -> int:
    """A line of /proc/self/status, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(re.search(rf"{what}:\s+(\d+) kB", status)[1])


# The table ---------------------------------------------------------------------------------------


def short(x: float | None, unit: str = "") -> str:
    """Two digits, without an exponent."""
    return "" if x is None else f"{float(f'{x:.2g}'):,.10g}".replace(",", " ") + unit


def duration(seconds: float | None) -> str:
    if seconds is None or seconds >= 0.995:
        return short(seconds, " s")
    return short(1e3 * seconds, " ms")


def cells(known: dict) -> list[str]:
    """What the table shows of a row."""
    power = f"{math.log10(known['n']):.0f}".translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    error, taken = known["error"], known["memory"]
    return [
        known["name"],
        f"10{power}",
        duration(known["seconds"]),
        short(known["ratio"]),
        "" if error is None else f"{error:.0e}",
        "< 1 MB" if taken and taken < 1e6 else short(taken and taken / 1e6, " MB"),
        known["note"],
    ]


def failures(found: dict) -> list[str]:
    """What is worse than it may be, in words."""
    words = []
    for each in found["rows"]:
        name, needed = each["name"], each["required"]
        if needed and each["ratio"] and each["ratio"] < needed / 2:
            words.append(f"{name}: {short(each['ratio'])} times ours (required: {needed:g})")
        if name in peers.SIZES and (each["memory"] or 0) > MOST:
            words.append(f"{name}, n = {each['n']}: {short(each['memory'] / 1e6)} MB")
    for name, b in found["exponents"].items():
        if b > STEEPEST:
            words.append(f"{name}: time grows as n^{b:.2f} (required: n^{STEEPEST:g})")
    return words


def sentences(found: dict) -> str:
    """What stands below the table."""
    grows = ", ".join(f"n^{b:.2f} ({name})" for name, b in found["exponents"].items())
    machine = found["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"Time grows as {grows}. Gaussian unless said, σ = {found['sigma']:g}, keys from 0 to 5. "
        f"Measured on {found['date']} with {machine['cores']} cores, {machine['system']}, "
        f"Python {machine['python']}, {versions}."
    )


def markdown(found: dict) -> str:
    """The table as README.md and the chapter show it."""
    rows = [cells(each) for each in found["rows"]]
    for row in rows:  # a number and its unit stay on one line
        row[2:6] = [cell.replace(" ", "\u00a0") for cell in row[2:6]]
    lines = [COLUMNS, ["---", *["--:"] * 5, "---"], *rows]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"{table}\n\n{sentences(found)}\n"


def show(rows: list[dict]) -> None:
    for each in rows:
        what, *numbers, note = cells(each)
        required = f"  (required: {each['required']:g})" if each["required"] else ""
        line = f"  {what:<42} " + " ".join(f"{number:>8}" for number in numbers)
        print(f"{line}  {note}{required}", flush=True)


# Commands ----------------------------------------------------------------------------------------


def measure() -> dict:
    """Everything, printed as it comes."""
    peers.install()
    peers.use_folder()
    print("The smoother at scale (fastest runs, in turns)")
    print(f"  {'':<42} {'n = m':>8} {'time':>8} {'ratio':>8} {'error':>8} {'memory':>8}")
    rows = []
    for group in (
        lambda: beside_peers(peers.AT_ONCE, rounds=5),
        lambda: beside_peers(peers.WITH_GAP, rounds=5),
        leave_one_out,
        lambda: measured([(name, n) for name in peers.SIZES for n in NS], rounds=9),
    ):
        rows += (found := group())
        show(found)
    found = {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "sigma": Problem.sigma,
        "rows": rows,
        "exponents": exponents(rows),
    }
    print("  " + sentences(found))
    return found


def machine() -> dict:
    """What the times depend on, in words."""
    versions = {}
    for name in VERSIONS:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return {
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": versions,
    }


def write(found: dict) -> None:
    """Store what was measured, and show it in README.md and in the chapter."""
    JSON.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    README.write_text(with_table(README.read_text(encoding="utf-8"), found), encoding="utf-8")
    notebook = nbformat.read(CHAPTER, as_version=nbformat.NO_CONVERT)
    cell = cell_of_table(notebook)
    cell.source = with_table(cell.source, found)
    CHAPTER.write_text(notebooks.written(notebook), encoding="utf-8")


def with_table(text: str, found: dict) -> str:
    """A text with the table between its marks."""
    return MARKED.sub(lambda marks: f"{marks[1]}{markdown(found)}{marks[2]}", text)


def cell_of_table(notebook: NotebookNode) -> NotebookNode:
    (cell,) = (cell for cell in notebook.cells if cell.id == "scale-table")
    return cell


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.scale", description="The smoother at scale.")
    parser.add_argument("--write", action="store_true", help="store scale.json and the table")
    parser.add_argument("--memory", nargs=2, metavar=("NAME", "N"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore", FutureWarning)
    if given.memory:
        peers.use_folder()
        print(taken_by(given.memory[0], int(given.memory[1])))
        return 0
    found = measure()
    if given.write:
        write(found)
    for each in failures(found):
        print(f"  TOO SLOW OR TOO LARGE  {each}")
    return 1 if failures(found) else 0


if __name__ == "__main__":
    sys.exit(main())
