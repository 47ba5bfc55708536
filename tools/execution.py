"""One execution of a notebook for two uses: nbval compares it, the site shows it.

nbval runs a notebook cell by cell and throws the pictures and the state of the widgets away.
``Recorder`` keeps the kernel's messages, makes of them what nbclient would have made, and stores it
in the cache that the build reads. A notebook that did not run to its end is not stored: the build
then runs it and says what is wrong.
"""

from __future__ import annotations

import shutil
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import nbformat
from filelock import FileLock
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionComplete
from nbformat import NotebookNode


def cache_folder(source: Path) -> Path:
    """Where the executed notebooks of the book in ``source`` are kept: see _config.yml."""
    return source / "_build" / ".jupyter_cache"


def drop_stale_cache(source: Path, code: str) -> bool:
    """Drop all executed notebooks unless they ran with this code; whether some were dropped.

    code: a hash of what notebooks depend on, for jupyter-cache looks at the notebooks only.
    """
    cache, stamp = cache_folder(source), source / "_build" / ".executed-with"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == code:
        return False
    dropped = cache.exists()
    shutil.rmtree(cache, ignore_errors=True)
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(code, encoding="utf-8")
    return dropped


class Recorder:
    """The messages of one run of a notebook, in the order in which they came."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.started = time.time()
        self.cells: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def keep(self, message: dict[str, Any]) -> None:
        """Take one message from the kernel's iopub channel."""
        self.cells[message["parent_header"].get("msg_id")].append(message)

    def executed(self) -> NotebookNode | None:
        """The notebook with its outputs; None unless every cell ran, and without an error."""
        notebook = nbformat.read(self.file, as_version=4)
        code = [(i, cell) for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
        runs = [run for run in self.cells.values() if has(run, "execute_input")]
        if len(runs) != len(code):
            return None
        client = NotebookClient(notebook, record_timing=False)
        client.reset_execution_trackers()
        client.clear_before_next_output = False
        for (index, cell), run in zip(code, runs, strict=True):
            cell.outputs, cell.execution_count = [], None
            expected = "raises-exception" in cell.metadata.get("tags", [])
            if not finished(client, cell, index, run) or (has(run, "error") and not expected):
                return None
        client.set_widgets_metadata()
        return notebook

    def store(self, source: Path) -> bool:
        """Put the executed notebook into the cache of the book in ``source``; whether it could."""
        if (notebook := self.executed()) is None:
            return False
        folder = cache_folder(source)
        folder.parent.mkdir(exist_ok=True)
        with FileLock(folder.parent / ".jupyter_cache.lock"):
            get_cache(folder).cache_notebook_bundle(
                CacheBundleIn(
                    notebook,
                    str(self.file),
                    data={"execution_seconds": time.time() - self.started},
                ),
                check_validity=False,
                overwrite=True,
            )
        return True


def finished(client: NotebookClient, cell: NotebookNode, index: int, run: list[dict]) -> bool:
    """Write what the messages say into the cell; whether they end with an idle kernel."""
    try:
        for message in run:
            client.process_message(message, cell, index)
    except CellExecutionComplete:
        return True
    return False


def has(run: list[dict], kind: str) -> bool:
    """Whether a message of this kind is among them."""
    return any(message["msg_type"] == kind for message in run)
