"""What was handed in: which files, whose they are, which code and which exercises are in them."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..exercise_checks import EXERCISES
from .table import safe

LARGEST = 50 * 2**20
CHECK = re.compile(r"""\bcheck\(\s*["'](\w+)["']""")
#: Files that keep the name they have in the book are told apart by their folder.
OF_THE_BOOK = re.compile(
    r"(01_average_pooling|02_nadaraya_watson|03_kernels|04_bandwidth|05_learning_the_kernel"
    r"|06_transformers_are_kernel_smoothers)( ?\(\d+\)|-Copy\d+)?"
)


class NotGradable(Exception):
    """A file that holds nothing to grade: its ``status``, and why in words."""

    def __init__(self, status: str, message: str):
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Submission:
    """One notebook.

    student: from the name of the file; key: its path seen from the table, which tells it from all
    others; digest: changes when it must be graded anew; cells: the sources of its code cells;
    exercises: names; problem: (status, message) when there is nothing to run.
    """

    path: Path
    key: str
    student: str
    digest: str
    cells: Sequence[str] = ()
    chapter: int | None = None
    exercises: Sequence[str] = ()
    problem: tuple[str, str] | None = field(default=None)


def found(given: Iterable[str]) -> list[Path]:
    """The notebooks that files, folders and patterns name, each once, in that order.

    Raises ValueError for a name that leads to no notebook.
    """
    paths: dict[Path, None] = {}
    for name in given:
        path = Path(name)
        if path.is_dir():
            here = sorted(path.rglob("*.ipynb"))
        elif path.exists():
            here = [path]
        else:  # a shell that does not expand patterns
            here = [Path(match) for match in sorted(glob.glob(name, recursive=True))]
        here = [p for p in here if ".ipynb_checkpoints" not in p.parts]
        if not here:
            raise ValueError(f"no notebook found: {name}")
        paths.update(dict.fromkeys(p.resolve() for p in here if p.is_file()))
    return list(paths)


def keys(paths: Sequence[Path], folder: Path) -> dict[Path, str]:
    """Each path seen from the table's folder, with forward slashes."""

    def seen(path: Path) -> str:
        try:
            return safe(Path(os.path.relpath(path, folder)).as_posix())
        except ValueError:  # another drive, on Windows
            return safe(path.as_posix())

    return {path: seen(path) for path in paths}


def students(names: Iterable[str]) -> dict[str, str]:
    """Path of a notebook -> whose it is: all different where the files could be confused.

    It is the name of the file. A file that is called as in the book takes the name of its folder,
    and as many folders are put in front as tell two students from each other.
    """
    parts = {name: _parts(name) for name in names}
    length = dict.fromkeys(parts, 1)
    for _ in range(20):
        told = {n: "/".join(p[0][-length[n] :]) for n, p in parts.items()}
        count = Counter((told[n], parts[n][1]) for n in parts)
        twice = [n for n in parts if count[told[n], parts[n][1]] > 1]
        twice = [n for n in twice if length[n] < len(parts[n][0])]
        if not twice:
            break
        for name in twice:
            length[name] += 1
    return told if parts else {}


def _parts(name: str) -> tuple[list[str], str]:
    """The names that tell a student, the nearest last; and what tells two of one student's."""
    *folders, file = name.split("/")
    stem = file.removesuffix(".ipynb")
    if OF_THE_BOOK.fullmatch(stem) and folders and folders[-1] not in (".", ".."):
        return folders, stem
    return [*folders, stem], ""


def submission(path: Path, key: str, student: str, salt: bytes) -> Submission:
    """Read one notebook; never raises on what is in it. salt: what else decides its marks."""
    try:
        content = path.read_bytes()
        digest = hashlib.sha256(salt + content).hexdigest()[:16]
    except OSError as error:
        problem = ("unreadable", error.strerror or "cannot be read")
        return Submission(path, key, student, "", problem=problem)
    try:
        cells = code_cells(content)
        chapter, names = exercises_of(cells)
    except NotGradable as error:
        return Submission(path, key, student, digest, problem=(error.status, str(error)))
    return Submission(path, key, student, digest, cells, chapter, names)


def code_cells(content: bytes) -> list[str]:
    """The sources of the code cells, in order; formats 3 and 4. Raises NotGradable."""
    if not content.strip():
        raise NotGradable("empty file", "The file is empty.")
    if len(content) > LARGEST:
        size = len(content) // 2**20
        raise NotGradable("too large", f"The file has {size} MB: clear its outputs and save it.")
    try:
        notebook = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        why = str(error)[:80]
        raise NotGradable("broken file", f"The file is not a notebook: {why}.") from None
    try:
        if "worksheets" in notebook:  # format 3, until 2015
            cells = [cell for sheet in notebook["worksheets"] for cell in sheet["cells"]]
        else:
            cells = notebook["cells"]
        code = [c.get("source", c.get("input", "")) for c in cells if c["cell_type"] == "code"]
        return ["".join(source) for source in code]
    except (TypeError, KeyError, AttributeError):
        raise NotGradable("broken file", "The file is JSON, but not a notebook.") from None


def exercises_of(cells: Sequence[str]) -> tuple[int, list[str]]:
    """The chapter whose exercises the code checks or else answers, and their names.

    Raises NotGradable when there are none.
    """
    text = "\n".join(cells)
    answers = r"^(?:def\s+|class\s+)?(\w+)\s*(?:=(?!=)|\()"
    for names in (CHECK.findall(text), re.findall(answers, text, re.M)):
        votes = Counter(EXERCISES[name].chapter for name in set(names) if name in EXERCISES)
        if votes:
            chapter = votes.most_common(1)[0][0]
            return chapter, [e.name for e in EXERCISES.values() if e.chapter == chapter]
    raise NotGradable("no exercises", "The notebook checks none of the course's exercises.")
