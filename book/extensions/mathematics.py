"""Formulas are set when the book is built: KaTeX's HTML for the eye, MathML for the ear.

sphinxcontrib-katex brings KaTeX and runs it in the node of Playwright's wheel. The style sheet, the
fonts and what copies a formula as LaTeX lie in book/static/katex, from the same version.
"""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from sphinx.application import Sphinx
from sphinxcontrib import katex

from tools.find_node import find_node


def only_with_formulas(
    app: Sphinx, name: str, template: str, context: dict, doctree: object
) -> None:
    """Pages without a formula load nothing of KaTeX; book.css has what katex-math.css is for."""
    unwanted = katex.filename_css if 'class="katex' in context.get("body", "") else "katex"
    for kind in ("script_files", "css_files"):
        files = context.get(kind, [])
        context[kind] = [f for f in files if unwanted not in str(getattr(f, "filename", f))]


def start_server(folder: Path, patience: float) -> tuple[subprocess.Popen, socket.socket]:
    """Start KaTeX in node and connect to it; ``patience`` is in seconds.

    A socket has its name before its server listens, so whoever connects as soon as it sees the name
    is at times refused: this asks again. A server that does not answer is not left behind.
    """
    name = folder / "katex.sock"
    process = subprocess.Popen(
        katex.KaTeXServer.build_command(socket=name),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=folder,
    )
    end = time.monotonic() + patience
    while time.monotonic() < end and process.poll() is None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(name))
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            time.sleep(0.01)
        else:
            return process, connection
    process.kill()
    raise katex.KaTeXServer.timeout_error(patience)


def prepare() -> None:
    """KaTeX in Playwright's node, its files where no package.json calls them ES modules.

    A formula that KaTeX cannot read stops the build; a busy machine does not.
    """
    apart = Path(tempfile.mkdtemp(prefix="katex-"))
    atexit.register(shutil.rmtree, apart, ignore_errors=True)
    for name in ("katex-server.js", "katex.min.js"):
        shutil.copy(katex.SRC_DIR / name, apart)
    katex.SCRIPT_PATH = str(apart / "katex-server.js")
    katex.NODEJS_BINARY = find_node()
    katex.KATEX_DEFAULT_OPTIONS = {"throwOnError": True}
    katex.STARTUP_TIMEOUT = katex.RENDER_TIMEOUT = 60.0
    if os.name == "posix":
        katex.KaTeXServer.start_server_process = start_server


def setup(app: Sphinx) -> dict:
    prepare()
    app.setup_extension("sphinxcontrib.katex")
    app.config.html_math_renderer = "katex"
    app.config.katex_prerender = True
    app.config.katex_css_path = "katex/katex.min.css"
    app.add_js_file("katex/copy-tex.min.js", loading_method="defer")
    app.connect("html-page-context", only_with_formulas, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
