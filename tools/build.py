"""Execute the notebooks and build the site into _build/html: what `make book` runs.

    .venv/bin/python -m tools.build [--source FOLDER]

Every build starts from nothing but the cache of executed notebooks, in a folder of its own, and
takes the place of the last site only when it is right. So a failure is never remembered as fine, a
deleted page does not linger, and the site never holds half a build. The cache is dropped when
d2lmini or requirements.txt changes, for jupyter-cache itself looks at the notebooks only.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tools import ROOT, links
from tools.execution import drop_stale_cache

APART = {"_build", "tests", "benchmarks", "node_modules", "__pycache__", "build", "dist"}
PAGES_AND_SETTINGS = {".md", ".ipynb", ".bib", ".yml", ".txt", ".svg", ".png"}
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
STEP = re.compile(r"^[a-z ]+\.\.\. (?:(?:done|search|opensearch) ?)*(?=\S)")
PROBLEM = re.compile(
    r"^(?P<where>.*?)(?::(?P<line>\d+))?: (?:WARNING|ERROR|CRITICAL): (?P<what>.*)$"
)
READING = re.compile(r"^reading sources\.\.\. *\[ *(?P<percent>\d+)%\] (?P<page>.+)$")
NOTEBOOK = re.compile(
    r"^(?P<file>.+?): (?P<verb>Executing|Executed|Using cached) notebook(?P<rest>.*)$"
)
NO_TARGET = r"broken link: \1 is no page of _toc.yml, no file, no anchor here"
LINKS = (  # MyST's words for a broken link, and ours
    (r"'myst' cross-reference target not found: ('.+')", NO_TARGET),
    (r"Unknown source document ('.+')", NO_TARGET),
    (r"local id not found in doc ('.+'): ('.+')", r"broken link: page \1 has no anchor \2"),
)
NOISE = ("Kernel is running over TCP", "[IPKernelApp]")


def hash_of(files: Iterable[Path], source: Path) -> str:
    """One hash of the names and contents of files."""
    total = hashlib.sha256()
    for file in sorted(files):
        total.update(f"{file.relative_to(source).as_posix()}\0".encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def inputs(source: Path) -> Iterator[Path]:
    """Every file that the site can depend on."""
    for folder, folders, names in os.walk(source):
        folders[:] = [f for f in folders if f not in APART and not f.startswith(".")]
        folders[:] = [f for f in folders if not f.endswith(".egg-info")]
        for name in names:
            file = Path(folder, name)
            beside = file.parent == source and file.suffix not in PAGES_AND_SETTINGS
            if not beside and not name.startswith(".") and not name.endswith((".pyc", "~")):
                yield file


def code(source: Path) -> Iterator[Path]:
    """What executed notebooks depend on besides themselves."""
    for file in inputs(source):
        if file.is_relative_to(source / "d2lmini") or file == source / "requirements.txt":
            yield file


def read(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


def environment(source: Path) -> dict[str, str]:
    """The notebooks' surroundings: the project importable, nothing of the reader's own settings."""
    env = dict(os.environ)
    for name in ("MPLBACKEND", "MATPLOTLIBRC", "PYTHONSTARTUP", "PYTHONHOME", "PYTHONWARNINGS"):
        env.pop(name, None)
    private = Path(sys.prefix)
    paths = [str(source), *filter(None, [env.get("PYTHONPATH")])]
    return env | {
        "IPYTHONDIR": str(private / "ipython"),
        "JUPYTER_CONFIG_DIR": str(private / "jupyter-config"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "MPLCONFIGDIR": str(private / "matplotlib"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
    }


@contextmanager
def only_one(build: Path) -> Iterator[None]:
    """Wait while another build of the same book runs."""
    build.mkdir(exist_ok=True)
    with open(build / ".lock", "w") as lock:
        try:
            import fcntl
        except ImportError:
            yield
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("Another build is running; waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def relative(path: str, source: Path) -> str:
    """A path as the reader of a message wants it."""
    return path.strip().replace(f"{source}{os.sep}", "").replace(str(source), ".")


class Report:
    """Follow Jupyter Book's output: show progress, collect what went wrong, keep a log."""

    def __init__(self, source: Path, log: Path) -> None:
        self.source, self.log = source, log
        self.problems: list[str] = []
        self.tail: list[str] = []
        self._trace: list[str] | None = None
        self._running = False

    def follow(self, lines: Iterable[str]) -> None:
        """Read lines as they come."""
        with open(self.log, "w", encoding="utf-8") as log:
            for line in lines:
                line = COLOUR.sub("", line).rstrip()
                log.write(line + "\n")
                if any(noise in line for noise in NOISE):
                    continue
                if line:
                    self.tail = [*self.tail, line][-25:]
                self.line(line)
        self.say("")

    def say(self, text: str, *, running: bool = False) -> None:
        """One line of progress; a running notebook's line stays open until its time is known."""
        if self._running:
            print("", flush=True)
        if text:
            print(f"  {text}", end="" if running else "\n", flush=True)
        self._running = running

    def line(self, line: str) -> None:
        """Take one line of output."""
        if self._trace is not None:
            self.trace(line)
        elif problem := PROBLEM.match(STEP.sub("", line)):
            self.problem(relative(problem["where"], self.source), problem["line"], problem["what"])
        elif notebook := NOTEBOOK.match(line):
            if notebook["verb"] == "Executing":
                self.say(f"running  {relative(notebook['file'], self.source)}", running=True)
            elif seconds := re.search(r"in ([\d.]+) seconds", notebook["rest"]):
                print(f"  {float(seconds[1]):.1f} s", flush=True)
                self._running = False
        elif reading := READING.match(line):
            self.say(f"reading  {reading['page']}  ({reading['percent']} %)")

    def problem(self, where: str, line: str | None, what: str) -> None:
        """Take one warning or error: they are the same here."""
        what = relative(re.sub(r" \[[a-z_.-]+\]$", "", what), self.source)
        for theirs, ours in LINKS:
            what = re.sub(theirs, ours, what)
        if what.startswith("Executing notebook failed"):
            self._trace = []
            self.problems.append(f"{where}: a cell failed")
        elif not what.startswith("Notebook exception traceback saved"):
            self.problems.append(f"{where}{f', line {line}' if line else ''}: {what}".lstrip(": "))

    def trace(self, line: str) -> None:
        """A notebook's traceback, line by line up to its end: keep the cell and the error."""
        assert self._trace is not None
        self._trace.append(line.removesuffix("[mystnb.exec]").rstrip())
        if not line.endswith("[mystnb.exec]"):
            return
        text = "\n".join(self._trace).strip()
        text = text.partition("executing the following cell:\n")[2] or text
        lines = [each for each in text.splitlines() if each.strip()]
        self.problems[-1] += f": {lines[-1] if lines else 'no message'}"
        self.say("")
        print("\n".join(f"    {each}" for each in lines[-40:]), file=sys.stderr, flush=True)
        self._trace = None


def run_jupyter_book(source: Path, target: Path, report: Report) -> int:
    """Jupyter Book with warnings as errors; the exit status."""
    book = "from jupyter_book.cli.main import main; main(prog_name='jupyter-book')"
    options = ["-W", "-n", "--keep-going", "--path-output", str(target)]
    with subprocess.Popen(
        [sys.executable, "-c", book, "build", ".", *options],
        cwd=source,
        env=environment(source),
        text=True,
        encoding="utf-8",
        errors="replace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        report.follow(process.stdout)
    return process.returncode


def missing_pages(source: Path) -> list[str]:
    """Problems with _toc.yml that are better said before anything runs."""
    import yaml

    try:
        toc = yaml.safe_load(read(source / "_toc.yml")) or {}
    except yaml.YAMLError as error:
        return [f"_toc.yml: {' '.join(str(error).split())}"]
    names: list[str] = [str(toc.get("root", "intro"))]

    def walk(node: object) -> None:
        if isinstance(node, dict):
            if "file" in node:
                names.append(str(node["file"]))
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(toc)
    return [
        f"_toc.yml: there is no page {name!r} ({name}.md or {name}.ipynb): write it or take it out"
        for name in names
        if not any((source / f"{name}{end}").exists() for end in ("", ".md", ".ipynb"))
    ]


def fail(problems: list[str], report: Report | None, source: Path) -> int:
    """Say what is wrong, file by file."""
    sys.stdout.flush()
    for problem in dict.fromkeys(problems):
        print(f"error: {problem}", file=sys.stderr)
    if report is not None and not problems:
        print("\n".join(f"    {line}" for line in report.tail), file=sys.stderr)
    where = f" Everything that was said: {relative(str(report.log), source)}" if report else ""
    count = len(dict.fromkeys(problems)) or 1
    print(f"The book was not built: {count} problem{'s' * (count > 1)}.{where}", file=sys.stderr)
    return 1


def build(source: Path) -> int:
    """Build the book in source; the exit status."""
    folder = source / "_build"
    site, work, stamp = (folder / n for n in ("html", "work", ".built"))
    index = site / "index.html"
    now = hash_of(inputs(source), source)
    if read(stamp) == now and index.exists():
        print(f"Nothing has changed since the last build\n{index}")
        return 0
    stamp.unlink(missing_ok=True)
    started = time.time()

    if drop_stale_cache(source, hash_of(code(source), source)):
        print("d2lmini or requirements.txt has changed: every notebook runs again", flush=True)

    if problems := missing_pages(source):
        return fail(problems, None, source)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    report = Report(source, folder / "log.txt")
    print("Building the book", flush=True)
    status = run_jupyter_book(source, work, report)
    built = work / "_build" / "html"
    if status or report.problems:
        shutil.rmtree(work, ignore_errors=True)
        return fail(report.problems, report, source)
    if problems := links.check(built, source):
        shutil.rmtree(work, ignore_errors=True)
        return fail(problems, report, source)

    old = folder / "old"
    shutil.rmtree(old, ignore_errors=True)
    if site.exists():
        site.rename(old)
    built.rename(site)
    shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(work, ignore_errors=True)
    stamp.write_text(now, encoding="utf-8")
    print(f"Built in {time.time() - started:.0f} s\n{index}")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the book into _build/html.")
    parser.add_argument("--source", type=Path, default=ROOT, help="the folder of _config.yml")
    source = parser.parse_args().source.resolve()
    with only_one(source / "_build"):
        return build(source)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted; nothing was replaced")
