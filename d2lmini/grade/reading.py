"""What was handed in: which files, whose they are, which code and which exercises are in them."""

from __future__ import annotations

import ast
import codecs
import glob
import hashlib
import json
import os
import re
import threading
import unicodedata
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from ..exercise_checks import EXERCISES
from .table import safe

LARGEST = 50 * 2**20
LARGEST_CODE = 5 * 10**6
_ONE_AT_A_TIME = threading.Lock()
CHECK = re.compile(r"""\bcheck\(\s*["'](\w+)["']""")
#: Files that keep the name they have in the book are told apart by their folder.
OF_THE_BOOK = re.compile(
    r"(01_average_pooling|02_nadaraya_watson|03_kernels|04_bandwidth|05_a_better_local_fit"
    r"|0[56]_learning_the_kernel|0[67]_transformers_are_kernel_smoothers|08_scaling_up"
    r"|09_learning_in_context)( ?\(\d+\)|-Copy\d+)?"
)

#: What a cell of the table would change, and a % that would be read as one of ours.
UNSAFE = re.compile(
    r"^[=+\-@\s]|\s$|(?<=\s)\s|[^\S ]|[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]"
    r"|%(?=[0-9A-Fa-f]{2})"
)
LONGEST_KEY = 400
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class NotGradable(Exception):
    """A file that holds nothing to grade: its ``status``, and why in words."""

    def __init__(self, status: str, message: str):
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Submission:
    """One notebook.

    student: from the name of the file, only shown; key: its path seen from the table, no other file
    has it; digest: changes when it must be graded anew; cells: the sources of its code cells;
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
    """Each path seen from the table's folder, with forward slashes; no two are the same."""

    def seen(path: Path) -> str:
        try:
            return quoted(Path(os.path.relpath(path, folder)).as_posix())
        except ValueError:  # another drive, on Windows
            return quoted(path.as_posix())

    return {path: seen(path) for path in paths}


def quoted(path: str) -> str:
    """A path as text that a table keeps as it is: other bytes as %XX, long ones with a hash."""
    raw = os.fsencode(path)
    text = raw.decode("utf-8", "surrogateescape")
    text = UNSAFE.sub(lambda found: _percent(found[0]), text)
    if len(text) > LONGEST_KEY:
        text = f"{hashlib.sha256(raw).hexdigest()[:16]}…{text[-LONGEST_KEY:]}"
    return text


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogateescape"))


def students(names: Iterable[str]) -> dict[str, str]:
    """Path of a notebook, as quoted -> whose it is, to be shown: different where folders differ.

    It is the name of the file. A file that is called as in the book takes the name of its folder,
    and as many folders are put in front as tell two students from each other. Files in one folder
    whose names look alike are shown alike: see ``alike``.
    """
    parts = {name: _parts(name) for name in names}
    length = dict.fromkeys(parts, 1)
    for _ in range(20):
        told = {n: "/".join(p[0][-length[n] :]) for n, p in parts.items()}
        whole = defaultdict(set)
        for name, (shown, stem) in parts.items():
            whole[told[name], stem].add(tuple(shown))
        twice = [n for n in parts if len(whole[told[n], parts[n][1]]) > 1]
        twice = [n for n in twice if length[n] < len(parts[n][0])]
        if not twice:
            break
        for name in twice:
            length[name] += 1
    return told if parts else {}


def alike(shown: Mapping[str, str]) -> list[list[str]]:
    """Groups of paths whose students look the same to a reader. shown: what ``students`` gives."""
    groups = defaultdict(list)
    for name, student in shown.items():
        look = unicodedata.normalize("NFKC", student).casefold()
        groups[look, _parts(name)[1]].append(name)
    return [sorted(group) for group in groups.values() if len(group) > 1]


def _parts(name: str) -> tuple[list[str], str]:
    """The names that tell a student, the nearest last; and what tells two of one student's."""
    *folders, file = (safe(unquote(part)) for part in name.split("/"))
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
        notebook = json.loads(text_of(content))
    except (ValueError, RecursionError) as error:
        raise NotGradable("broken file", what_it_is(content, str(error)[:80])) from None
    try:
        if "worksheets" in notebook:  # format 3, until 2015
            cells = [cell for sheet in notebook["worksheets"] for cell in sheet["cells"]]
        else:
            cells = notebook["cells"]
        code = [c.get("source", c.get("input", "")) for c in cells if c["cell_type"] == "code"]
        code = ["".join(source) for source in code]
    except (TypeError, KeyError, AttributeError):
        raise NotGradable("broken file", "The file is JSON, but not a notebook.") from None
    if (size := sum(map(len, code))) > LARGEST_CODE:
        size //= 10**6
        raise NotGradable("too large", f"The file has {size} million characters of code.")
    return code


def text_of(content: bytes) -> str:
    """The text of a file: UTF-8, or what the mark at its start says. Raises ValueError."""
    coding = next((name for mark, name in MARKS if content.startswith(mark)), "utf-8")
    return content.decode(coding)


STARTS = (
    (b"PK\x03\x04", "a zip archive: unpack it and hand in the notebook that is inside"),
    (b"\x1f\x8b", "a compressed archive: unpack it and hand in the notebook that is inside"),
    (b"%PDF", "a PDF: hand in the notebook itself, not its print"),
    (b"\x89PNG", "a picture: hand in the notebook itself"),
)


def what_it_is(content: bytes, why: str) -> str:
    """In words, what a file is that is no notebook. why: what the reader of JSON has said."""
    for start, what in STARTS:
        if content.startswith(start):
            return f"The file is not a notebook but {what}."
    try:
        text = text_of(content).lstrip()
    except ValueError:
        return f"The file is not a notebook: it is not text in UTF-8 ({why})."
    if re.search(r"^(<{7} |>{7} |={7}$)", text, re.M):
        return (
            "The file is not a notebook any more: it holds the marks of a merge conflict "
            "(<<<<<<<). Settle the conflict and save it again."
        )
    if re.match(r"<(!doctype html|html|head|\?xml|!--)", text, re.I):
        return (
            "The file is not a notebook but a web page, such as the log-in page of a learning "
            "platform: download it again while you are logged in."
        )
    if not text.startswith(("{", "[")) and _is_script(text):
        return "The file is not a notebook but a Python script: put its code into the notebook."
    if text.startswith("{"):
        return f"The file is not a notebook as it stands: it is cut off or damaged ({why})."
    return f"The file is not a notebook: {why}."


def _is_script(text: str) -> bool:
    try:
        return bool(_parsed(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return bool(re.search(r"^(import \w|from \w+ import |def \w+\()", text, re.M))


def _parsed(source: str) -> list[ast.stmt]:
    """The statements; what Python warns of in a student's code is not the teacher's concern."""
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source).body


def names_made(source: str) -> set[str]:
    """The names that a cell's code defines or assigns at its outermost level."""
    made = set(re.findall(ANSWERS, source, re.M))
    try:
        body = _parsed(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return made  # a magic, or a slip further down
    for node in body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            made |= {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    return made


ANSWERS = r"^(?:(?:async\s+)?def\s+|class\s+)?(\w+)\s*(?::[^=\n]+)?(?:=(?!=)|\()"


def exercises_of(cells: Sequence[str]) -> tuple[int, list[str]]:
    """The chapter whose exercises the code checks or else answers, and their names.

    Raises NotGradable when there are none.
    """
    text = "\n".join(cells)
    answers = set().union(*map(names_made, cells))
    for names in (set(CHECK.findall(text)), answers):
        votes = Counter(EXERCISES[name].chapter for name in names if name in EXERCISES)
        if votes:
            chapter = votes.most_common(1)[0][0]
            return chapter, [e.name for e in EXERCISES.values() if e.chapter == chapter]
    raise NotGradable("no exercises", "The notebook checks none of the course's exercises.")
