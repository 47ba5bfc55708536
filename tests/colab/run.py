"""Run every notebook as Google Colab would: what `make test-colab` runs.

    .venv/bin/python -m tests.colab.run [NOTEBOOK ...]

A clean environment gets what Colab has (requirements.txt beside this file). A stub stands for
``google.colab``, and git finds the repository's address at this clone. Each notebook runs from an
empty folder, its setup cell first; d2lmini is taken out again before the next. Nothing that was
there may change, and only d2lmini and pure-Python packages may be added.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import yaml
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tools import ROOT

HERE = Path(__file__).parent
ENVIRONMENT = ROOT / ".venv-colab"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STARTUP = """import sys, types
google = sys.modules.setdefault("google", types.ModuleType("google"))
google.colab = sys.modules["google.colab"] = types.ModuleType("google.colab")
"""


def make_environment() -> None:
    """A virtual environment with Colab's packages, made again when their list changes."""
    stamp = ENVIRONMENT / "made-from"
    wanted = hashlib.sha256((HERE / "requirements.txt").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    base = "python3.13" if runs("python3.13") else sys.executable
    print(f"Making Colab's environment with {Path(base).name} (some minutes)", flush=True)
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    subprocess.run([base, "-m", "venv", str(ENVIRONMENT)], check=True)
    pip("install", "-q", "-r", str(HERE / "requirements.txt"))
    stamp.write_text(wanted)


def runs(python: str) -> bool:
    """Whether there is such a Python; a launcher may exist with nothing behind it."""
    found = shutil.which(python)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return bool(found) and subprocess.run([found, "--version"], **quiet).returncode == 0


def pip(*arguments: str) -> str:
    done = subprocess.run(
        [str(PYTHON), "-m", "pip", *arguments], stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def packages() -> dict[str, str]:
    """Installed packages and their versions."""
    return {p["name"].lower(): p["version"] for p in json.loads(pip("list", "--format=json"))}


def is_pure(name: str) -> bool:
    """Whether the wheel of an installed package says that it holds no machine code."""
    code = f"import importlib.metadata as m; print(m.distribution({name!r}).read_text('WHEEL'))"
    told = subprocess.run([str(PYTHON), "-c", code], capture_output=True, text=True, check=True)
    return "Root-Is-Purelib: true" in told.stdout


def surroundings(folder: Path) -> dict[str, str]:
    """The variables of a kernel on Colab; the repository's address leads to this clone."""
    url = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]
    startup = folder / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00-colab.py").write_text(STARTUP)
    kernel = folder / "jupyter" / "kernels" / "colab"
    kernel.mkdir(parents=True)
    start = [str(PYTHON), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": start, "display_name": "Colab"}))
    return {
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_PATH": str(folder / "jupyter"),
        "PYTHONPATH": "",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": f"url.{ROOT.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": url,
        "GIT_CONFIG_KEY_1": "safe.directory",
        "GIT_CONFIG_VALUE_1": "*",
    }


def run(notebook: Path, folder: Path) -> str:
    """Run one notebook in an empty folder; what went wrong, or nothing."""
    empty = folder / notebook.parent.name / notebook.stem
    empty.mkdir(parents=True)
    book = nbformat.read(notebook, as_version=4)
    client = NotebookClient(
        book, timeout=600, kernel_name="colab", resources={"metadata": {"path": str(empty)}}
    )
    try:
        client.execute()
    except CellExecutionError as error:
        return str(error).strip().splitlines()[-1]
    return "" if "d2lmini" in packages() else "its setup cell did not install d2lmini"


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What a notebook did to the environment that it must not do."""
    moved = [
        f"{p} {v} became {after.get(p, 'nothing')}" for p, v in before.items() if after.get(p) != v
    ]
    added = [p for p in after if p not in before and p != "d2lmini"]
    return moved + [f"{p} was added and is not pure Python" for p in added if not is_pure(p)]


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the notebooks as Google Colab would.")
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: chapters and exercises")
    chosen = parser.parse_args().notebooks
    chosen = chosen or sorted([*ROOT.glob("chapters/*.ipynb"), *ROOT.glob("exercises/*.ipynb")])
    make_environment()
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        os.environ.update(surroundings(Path(name)))
        for notebook in chosen:
            pip("uninstall", "-q", "-y", "d2lmini")
            before, started = packages(), time.time()
            wrong = [w for w in [run(notebook, Path(name))] if w] or changes(before, packages())
            failed += bool(wrong)
            verdict = "; ".join(wrong) or "runs on Colab"
            took, shown = time.time() - started, f"{notebook.parent.name}/{notebook.name}"
            print(f"{shown}: {verdict}  ({took:.0f} s)", flush=True)
        pip("uninstall", "-q", "-y", "d2lmini")
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
