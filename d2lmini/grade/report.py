"""What is said at the end: a page for each notebook, a summary for the teacher."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from urllib.parse import unquote

from ..exercise_checks import EXERCISES
from .process import Graded
from .reading import Submission
from .table import Row, safe

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 50rem;
  margin: 2rem auto; padding: 0 1rem; }}
h1, h2, p {{ overflow-wrap: break-word; }}
h2 {{ font-size: 1.1rem; margin: 1.5rem 0 0; }}
h3 {{ font-size: 1rem; }}
h2 + p {{ margin-top: .2rem; }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


LONGEST_NAME = 80  # bytes, of at least 143 that a file system allows


def file_names(students: Mapping[str, str]) -> dict[str, str]:
    """Key of each notebook -> a name for its page: short, and no two are the same anywhere.

    Names that would be the same, or are too long, end in a part that only their key decides; so no
    page is written over that of a notebook that was graded before.
    """
    plain = {key: _plain_name(key, student) for key, student in students.items()}
    count = Counter(_folded(name) for name in plain.values())
    return {
        key: f"{_cut(name)}-{hashlib.sha256(key.encode()).hexdigest()[:10]}.html"
        if count[_folded(name)] > 1 or _cut(name) != name
        else f"{name}.html"
        for key, name in plain.items()
    }


def _plain_name(key: str, student: str) -> str:
    stem = safe(unquote(key.rpartition("/")[2])).removesuffix(".ipynb")
    name = student if student.endswith(stem) else f"{student}-{stem}"
    return re.sub(r"[^\w.() -]+", "_", name).strip(". ") or "notebook"


def _cut(name: str) -> str:
    return name.encode()[:LONGEST_NAME].decode("utf-8", "ignore").strip(". ")


def _folded(name: str) -> str:
    """The same for names that some file system takes for one."""
    return unicodedata.normalize("NFKC", name).casefold()


def write(folder: Path, name: str, work: Submission, rows: Sequence[Row], done: Graded) -> None:
    """Write the page of one notebook into the folder. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(page(work, rows, done).encode("utf-8", "replace"))


def page(work: Submission, rows: Sequence[Row], done: Graded) -> str:
    """One notebook's marks as an HTML page, everything in it escaped."""
    if work.problem:
        body = f"<p>Nothing could be graded. {escape(work.problem[1])}</p>"
        return _PAGE.format(title=escape(work.student), body=body)
    points = sum(int(row["points"]) for row in rows)
    lines = [f"<p>Chapter {work.chapter}: {points} of {len(rows)} exercises passed</p>"]
    for row in rows:
        told = {name: escape(text) for name, text in row.items()}
        lines.append("<h2>{title} (<code>{exercise}</code>)</h2>".format(**told))
        lines.append("<p><strong>{status}</strong>. {message}</p>".format(**told))
    return _PAGE.format(title=escape(work.student), body="\n".join([*lines, *_failed(work, done)]))


def _failed(work: Submission, done: Graded) -> Iterable[str]:
    if not done.failed:
        return
    yield "<h2>Cells that failed</h2>"
    yield "<p>Code cells are counted from the top, from 1; the others were run all the same.</p>"
    for number, problem in sorted(done.failed.items()):
        source = work.cells[number - 1].strip().splitlines()
        shown = "\n".join(source[:4]) + ("\n…" if len(source) > 4 else "")
        yield f"<h3>Code cell {number}</h3>"
        yield f"<p>{escape(problem)}</p>\n<pre><code>{escape(shown[:400])}</code></pre>"


def summary(rows: Iterable[Row]) -> str:
    """How many passed, exercise by exercise in the order of the book; what was not gradable."""
    rows = list(rows)
    tried = Counter(row["exercise"] for row in rows)
    passed = Counter(row["exercise"] for row in rows if row["points"] == "1")
    names = [name for name in EXERCISES if tried[name]]
    width = max(map(len, names), default=0)
    lines = [f"  {name:{width}}  {passed[name]} of {tried[name]} passed" for name in names]
    lines += [
        f"  {r['notebook']}: {r['status']}. {r['message']}" for r in rows if not r["exercise"]
    ]
    return "\n".join(lines)
