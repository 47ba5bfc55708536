"""The command: ``python -m d2lmini.grade submissions/*.ipynb -o grades.csv``."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from importlib.util import find_spec
from pathlib import Path

import d2lmini

from ..exercise_checks import EXERCISES
from ..exercise_checks.engine import PASSED
from . import family, reading, report
from .cases import Further
from .link import Limits
from .process import Graded, Stopped, run
from .reading import Submission
from .table import COLUMNS, Row, Table, safe

ABOUT = """\
Grade exercise notebooks: one row for each student and exercise in a table, and, with --reports,
a page for each notebook. Each notebook runs in a fresh process, in an empty folder, without input.
The marks are the table's alone: they are made in a process of their own, which asks the notebook's
process for answers. What the notebook's own check(...) says does not count.
"""
MORE = """\
The table is written after each notebook. Ctrl-C leaves what was graded; the same command goes on
from there. A notebook is graded anew when it, the cases file or d2lmini's version has changed.

These are limits for accidents, not a security boundary. A notebook runs as you: it can read and
change your files, the table and the cases among them, and use the network. If you do not trust
your students' code, grade in a container without network; teaching.md in the book shows how.
"""


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = argparse.ArgumentParser(
        prog="python -m d2lmini.grade",
        description=ABOUT,
        epilog=MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("submissions", nargs="+", help="notebooks, folders of notebooks, or patterns")
    add("-o", "--output", type=Path, default=Path("grades.csv"), help="default: grades.csv")
    add("--cases", metavar="FILE", help="JSON file of further cases, which you keep")
    add("--reports", type=Path, metavar="DIR", help="write a page for each notebook into DIR")
    add("--seconds", type=_positive, default=300.0, help="for a whole notebook, default: 300")
    add("--cell-seconds", type=_positive, default=60.0, help="for one cell, default: 60")
    add("--memory", type=_megabytes, default=4096, help="MB for a notebook, default: 4096")
    add("--jobs", type=_count, default=1, help="notebooks at a time, default: 1")
    add("--again", action="store_true", help="grade also what has its marks already")
    return made


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"is {text}; it must be a positive number")
    return value


def _count(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"is {text}; it must be at least 1")
    return value


def _megabytes(text: str) -> int:
    if (value := int(text)) < 256:
        raise argparse.ArgumentTypeError(f"is {text}; a notebook needs 256 MB at the least")
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Grade; 0 when every notebook has its rows, 2 for a usage error, 130 after Ctrl-C."""
    options = parser().parse_args(arguments)
    if find_spec("IPython") is None:
        return _error("IPython is not installed; install it with:  pip install ipython")
    try:
        further = Further(options.cases) if options.cases else None
        table = Table(options.output)
        salt = d2lmini.__version__.encode() + (further.content if further else b"")
        todo, skipped = _todo(options, table, salt)
        options.output.resolve().parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        return _error(str(error))
    if skipped:
        _tell(f"{skipped} graded already; --again grades them anew")
    if not family.is_known():
        _tell("memory is not limited on this machine; with psutil it is:  pip install psutil")
    try:
        _grade_all(todo, options, table, further)
    except KeyboardInterrupt:
        rest = sum(not table.graded(work.key, work.digest) for work in todo)
        _tell(f"Stopped. {options.output} holds what was graded; {rest} of {len(todo)} are left.")
        _tell("The same command without --again goes on from there.")
        return 130
    except OSError as error:
        part = Path(f"{options.output}.part")
        return _error(f"{error}. Is {options.output} open elsewhere? The rows are in {part}.")
    print(f"{options.output}\n{report.summary(r for rows in table.rows.values() for r in rows)}")
    return 0


def _todo(options, table: Table, salt: bytes) -> tuple[list[Submission], int]:
    paths = reading.found(options.submissions)
    keys = reading.keys(paths, options.output.resolve().parent)
    students = reading.students([*keys.values(), *table.rows])
    for names in reading.alike(students):
        _tell(f"warning: {', '.join(names)} look alike in the table; tell them by their path")
    each = (reading.submission(p, k, students[k], salt) for p, k in keys.items())
    todo = [work for work in each if options.again or not table.graded(work.key, work.digest)]
    for work in todo:
        table.forget(work.key)
    return todo, len(paths) - len(todo)


def _grade_all(todo: Sequence[Submission], options, table: Table, further: Further | None) -> None:
    """Grade and write each notebook. Raises KeyboardInterrupt after all processes have ended."""
    limits = Limits(options.seconds, options.cell_seconds, options.memory)
    cases = further.cases if further else {}
    stop = threading.Event()
    names = report.file_names(_named(todo, table))

    def grade(work: Submission) -> Graded:
        if stop.is_set():
            raise Stopped
        return Graded() if work.problem else run(work, cases, limits, stop)

    with ThreadPoolExecutor(options.jobs) as pool:
        futures = {pool.submit(grade, work): work for work in todo}
        try:
            for future in _progress(futures):
                work, done = futures[future], future.result()
                rows = rows_of(work, done)
                table.put(work.key, rows)
                if options.reports:
                    _report(options.reports, names[work.key], work, rows, done)
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def _report(folder: Path, name: str, work: Submission, rows: list[Row], done: Graded) -> None:
    try:
        report.write(folder, name, work, rows, done)
    except OSError as error:  # a page less, and the others go on
        _tell(f"warning: no page for {work.key}: {error}")


def _named(todo: Sequence[Submission], table: Table) -> dict[str, str]:
    """Key -> student of every notebook in the table and to come."""
    known = {key: rows[0]["student"] for key, rows in table.rows.items() if rows}
    return known | {work.key: work.student for work in todo}


def rows_of(work: Submission, done: Graded) -> list[Row]:
    """The rows of one notebook."""
    same = {"student": work.student, "notebook": work.key, "hash": work.digest}
    if work.problem:
        nothing = dict.fromkeys(COLUMNS, "")
        problem = dict(zip(("status", "message"), work.problem, strict=True))
        same |= problem | {"points": "0"}
        return [{k: safe(v) for k, v in {**nothing, **same}.items()}]
    rows = []
    for name in work.exercises:
        verdict = done.verdicts[name]
        row = {
            "chapter": str(work.chapter),
            "exercise": name,
            "title": EXERCISES[name].title,
            "points": "1" if verdict.status == PASSED else "0",
            "status": verdict.status,
            "message": verdict.message,
            "seconds": f"{verdict.seconds:.2f}",
        }
        rows.append({k: safe(v) for k, v in {**same, **row}.items()})
    return rows


def _progress(futures: dict[Future, Submission]) -> Iterator[Future]:
    """Each future when it is done, with a bar on a terminal, else a line for each."""
    bar = _bar(len(futures))
    left, count = set(futures), 0
    while left:
        done, left = wait(left, timeout=0.2, return_when=FIRST_COMPLETED)
        for future in done:
            yield future
            count += 1
            if bar is not None:
                bar.update()
                bar.set_postfix_str(futures[future].student[:30])
            else:
                _tell(f"[{count}/{len(futures)}] {futures[future].student}")
    if bar is not None:
        bar.close()


def _bar(total: int):
    if not sys.stderr.isatty():
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm(total=total, unit="notebook")


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _error(text: str) -> int:
    _tell(f"error: {text}")
    return 2


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.stdout.reconfigure(errors="replace")
    sys.stderr.reconfigure(errors="replace")
    sys.exit(main())
