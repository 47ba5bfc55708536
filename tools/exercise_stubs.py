"""Write the exercise notebooks from the worked solutions: what `make exercises` runs.

    .venv/bin/python -m tools.exercise_stubs

`exercises/solutions/NN_….ipynb` is the one source. In the stub that a reader opens

* what stands between ### BEGIN SOLUTION and ### END SOLUTION is left open, as is what stands
  between <!-- BEGIN SOLUTION --> and <!-- END SOLUTION --> in markdown; cells tagged `solution`
  are gone; "Solutions" in the title reads "Exercises";
* relative links lead to the same places, seen from one folder up;
* below each exercise, a heading under <a id="name"></a>, stands the way to its worked solution.

The stubs are then run and stored in canonical form, so every check in them says "not yet".
"""

from __future__ import annotations

import ast
import os
import posixpath
import re
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools.build import ROOT, environment
from tools.notebooks import canonical, execute, written

REGION = re.compile(r"^( *)### BEGIN SOLUTION\n(.*?)^ *### END SOLUTION$", re.M | re.S)
HIDDEN = re.compile(r"<!-- BEGIN SOLUTION -->.*?<!-- END SOLUTION -->\n*", re.S)
LINK = re.compile(r"(?<=\]\()([^()\s]+)(?=\))")
CHECK = re.compile(r'^check\("(\w+)"', re.M)
EXERCISE = re.compile(r'^<a id="(\w+)"></a>\n+## ', re.M)
FOLDER, SOURCES = "exercises", "exercises/solutions"


def sources(root: Path = ROOT) -> list[Path]:
    """The solution notebooks, in order."""
    return sorted((root / SOURCES).glob("[0-9]*.ipynb"))


def checked(notebook: NotebookNode) -> set[str]:
    """The names of the exercises of a notebook."""
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return set(CHECK.findall(code))


def opened(code: str, names: set[str]) -> str:
    """Code with `...` in place of solutions; at top level for each exercise solved there."""

    def region(found: re.Match[str]) -> str:
        indent, body = found[1], found[2]
        if indent:
            return f"{indent}...  # your code"
        here = [name for name in names_set(body) if name in names]
        return "\n".join(f"{name} = ...  # your answer" for name in here)

    return REGION.sub(region, code)


def names_set(code: str) -> list[str]:
    """What the code assigns or defines, in order."""
    made = {}
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            made[node.name] = None
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            made[node.id] = None
    return list(made)


def relinked(text: str) -> str:
    """Links of a solution notebook as seen from the folder of the stubs."""

    def link(found: re.Match[str]) -> str:
        path, mark, anchor = found[0].partition("#")
        if not path or re.match(r"[a-z]+:", path):
            return found[0]
        target = posixpath.normpath(posixpath.join(SOURCES, path))
        return f"{posixpath.relpath(target, FOLDER)}{mark}{anchor}"

    return LINK.sub(link, text)


def stub_text(text: str, name: str) -> str:
    """Markdown of a stub."""
    text = HIDDEN.sub("", relinked(text))
    text = re.sub(r"\A# Solutions\b", "# Exercises", text)
    if exercise := EXERCISE.search(text):
        text = f"{text.rstrip()}\n\nNo way on? [Worked solution](solutions/{name}#{exercise[1]})."
    return text


def stub(solution: NotebookNode, name: str) -> NotebookNode:
    """The notebook that a reader opens, not yet run."""
    cells, names = [], checked(solution)
    for cell in solution.cells:
        if "solution" in cell.metadata.get("tags", []):
            continue
        cell = NotebookNode({**cell, "metadata": cell.metadata, "source": cell.source})
        if cell.cell_type == "code":
            cell.source = opened(cell.source, names)
            cell.outputs, cell.execution_count = [], None
        else:
            cell.source = stub_text(cell.source, name)
        cells.append(cell)
    return NotebookNode({**solution, "cells": cells})


def main() -> int:
    os.environ.update(environment(ROOT))
    os.environ.pop("MPLBACKEND", None)
    for source in sources():
        notebook = canonical(stub(nbformat.read(source, as_version=4), source.name))
        file = ROOT / FOLDER / source.name
        print(f"  {file.relative_to(ROOT)}", end="", flush=True)
        text = written(canonical(execute(notebook, file.parent)))
        changed = not file.exists() or file.read_text(encoding="utf-8") != text
        if changed:
            file.write_text(text, encoding="utf-8")
        print(f"  {'written' if changed else 'unchanged'}", flush=True)
    stale = {f.name for f in (ROOT / FOLDER).glob("*.ipynb")} - {f.name for f in sources()}
    for name in sorted(stale):
        print(f"error: {FOLDER}/{name} has no solution notebook: delete it", file=sys.stderr)
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
