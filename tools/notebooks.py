"""Run notebooks in place and write them in canonical form: what `make notebooks` does.

    .venv/bin/python -m tools.notebooks [--only-format] [NOTEBOOK ...]        default: every chapter

Canonical: outputs are text only and complete, execution counts run 1 … N, no widget ids, no times,
no machine's name; so a notebook changes in git only where its text or its results change.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools.build import ROOT, environment

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
CELL_KEYS = ("mystnb", "tags")
ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")
FILE_OF_WARNING = re.compile(
    r"^\S*?(?:ipykernel_\d+[\\/]\d+|[\w.-]+)\.py:\d+: (?=\w*Warning)", re.M
)


def chapters(root: Path = ROOT) -> list[Path]:
    """The notebooks of the course, in order."""
    folders = ("chapters", "exercises/solutions")
    return [file for folder in folders for file in sorted((root / folder).glob("[0-9]*.ipynb"))]


def text_only(outputs: list[NotebookNode]) -> Iterator[NotebookNode]:
    """The outputs as text: no pictures, no HTML, no widget ids; adjacent prints joined."""
    last = None
    for output in outputs:
        if output.output_type == "stream":
            text = FILE_OF_WARNING.sub("", output.text)
            if last is not None and last.name == output.name:
                last.text += text
            else:
                last = nbformat.v4.new_output("stream", name=output.name, text=text)
                yield last
            continue
        last = None
        if output.output_type == "error":
            yield nbformat.v4.new_output(
                "error", ename=output.ename, evalue=output.evalue, traceback=[]
            )
            continue
        text = ADDRESS.sub("0x", output.get("data", {}).get("text/plain", ""))
        if not text:
            continue
        more = (
            {"execution_count": output.execution_count}
            if output.output_type == "execute_result"
            else {}
        )
        yield nbformat.v4.new_output(output.output_type, data={"text/plain": text}, **more)


def canonical(notebook: NotebookNode) -> NotebookNode:
    """The notebook in canonical form; cell ids, sources and outputs' text stay."""
    cells, count = [], 0
    for cell in notebook.cells:
        cell.metadata = NotebookNode({k: cell.metadata[k] for k in CELL_KEYS if k in cell.metadata})
        cell.source = "\n".join(line.rstrip() for line in cell.source.strip("\n").split("\n"))
        cell.pop("attachments", None) if not cell.get("attachments") else None
        if cell.cell_type == "code":
            if cell.execution_count is not None:
                count += 1
                cell.execution_count = count
            cell.outputs = list(text_only(cell.outputs))
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = cell.execution_count
        cells.append(cell)
    metadata = NotebookNode({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    return NotebookNode(cells=cells, metadata=metadata, nbformat=4, nbformat_minor=5)


def written(notebook: NotebookNode) -> str:
    """A notebook as the text of its file: sorted keys, indented by one space."""
    return nbformat.writes(notebook, version=nbformat.NO_CONVERT) + "\n"


def execute(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Run all cells in a fresh kernel, in the notebook's own folder.

    Raises nbclient.exceptions.CellExecutionError.
    """
    from nbclient import NotebookClient

    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
    )
    return client.execute()


def main() -> int:
    parser = argparse.ArgumentParser(description="Run notebooks in place and store their outputs.")
    parser.add_argument("--only-format", action="store_true", help="do not run anything")
    parser.add_argument("notebooks", nargs="*", type=Path)
    options = parser.parse_args()
    os.environ.update(environment(ROOT))
    os.environ.pop("MPLBACKEND", None)
    from nbclient.exceptions import CellExecutionError

    failed = 0
    for file in options.notebooks or chapters():
        started = time.time()
        print(f"  {file}", end="", flush=True)
        notebook = nbformat.read(file, as_version=4)
        try:
            if not options.only_format:
                notebook = execute(notebook, file.resolve().parent)
        except CellExecutionError as error:
            failed += 1
            print(
                f"\nerror: {file}: {str(error).strip().splitlines()[-1]}\n{error}", file=sys.stderr
            )
            continue
        text = written(canonical(notebook))
        changed = file.read_text(encoding="utf-8") != text
        if changed:
            file.write_text(text, encoding="utf-8")
        print(
            f"  {time.time() - started:.1f} s  {'written' if changed else 'unchanged'}", flush=True
        )
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
