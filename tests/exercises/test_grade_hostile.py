"""Notebooks that interfere with their grading: it costs their own row, and nothing is believed."""

import json
import os
import re
import sys
import time

import psutil
import pytest

from .test_grade import CHECK, IMPORT, ONE, RIGHT, grade, notebook, rows

linux = pytest.mark.skipif(sys.platform != "linux", reason="a subreaper, and /proc")

WRONG = f"def {ONE.name}(**case): return -12345.0"
PASSED = {"name": ONE.name, "status": "passed", "message": "Right.", "seconds": 0.1}
#: Writes one frame on every file descriptor that a notebook can reach.
EVERYWHERE = """
def tell(data):
    import os
    for fd in range(3, 64):
        try:
            os.write(fd, len(data).to_bytes(8, "big") + data)
        except OSError:
            pass
"""


def forged(event, **more):
    return f"import json\ntell({json.dumps({'event': event, **more}).encode()!r})"


SLEEPER = f"import time; time.sleep(611 + {os.getpid()} / 10**7)"
DAEMON = f"""
import subprocess, sys
subprocess.Popen([sys.executable, "-c", {SLEEPER!r}], env={{}}, start_new_session=True)
if not os.fork():
    os.setsid()
    if not os.fork():
        os.execve(sys.executable, [sys.executable, "-c", {SLEEPER!r}], {{}})
    os._exit(0)
"""

#: Looks through everything in its process for a number of a case before it is called with it.
LOOKING = f"""
import gc
def holds(thing):
    inside = thing.values() if isinstance(thing, dict) else thing
    return any(type(one) is float and one == int("1975309") / 2 for one in list(inside))
def {ONE.name}(**case):
    for values in case.values():
        assert int("1975309") / 2 not in values, f"called with {{values[0]}}"
    assert not any(holds(o) for o in gc.get_objects() if type(o) in (dict, list, tuple)), "found"
    return EXERCISES["{ONE.name}"].reference(**case)
"""

#: name -> (cells, status, what the message says)
HOSTILE = {
    "replaces json.dumps": (
        [IMPORT, "import json; json.dumps = lambda *a, **k: '{\"x\": 1}'", RIGHT],
        "passed", "Right",
    ),
    "replaces the encoder": (
        [IMPORT, "import json\njson.JSONEncoder.encode = lambda *a: '[1]'\njson.loads = print",
         RIGHT],
        "passed", "Right",
    ),
    "forges a result": (
        [IMPORT, EVERYWHERE, WRONG, forged("result", **PASSED)], "not right yet", "The result",
    ),
    "forges a verdict": (
        [IMPORT, EVERYWHERE, WRONG, forged("verdict", **PASSED)], "not right yet", "The result",
    ),
    "forges while it is judged": (
        [IMPORT, EVERYWHERE,
         f"def {ONE.name}(**case):\n    {forged('verdict', **PASSED).splitlines()[1]}"
         "\n    return -12345.0"],
        "garbled", "something that is no answer",
    ),
    "forges through the old file": (
        [IMPORT, WRONG,
         "import glob, json, tempfile\n"
         "for path in glob.glob(tempfile.gettempdir() + '/d2lmini-*/*'):\n"
         "    try: open(path, 'a').write("
         f"{json.dumps({'event': 'result', **PASSED})!r} + chr(10))\n"
         "    except OSError: pass"],
        "not right yet", "The result",
    ),
    "replaces the judge": (
        [IMPORT, WRONG,
         "import d2lmini.exercise_checks.engine as e, d2lmini.exercise_checks.compare as c\n"
         "e.judge = e._judge = lambda x, *a, **k: e.Result(x.name, 'passed', 'Right.')\n"
         "c.differs = e.differs = lambda *a, **k: None\n"
         "e.EXERCISES.clear()"],
        "not right yet", "The result",
    ),
    "is equal to everything": (
        [IMPORT, f"class Yes:\n    __eq__ = __le__ = lambda *a: True\n    __hash__ = None\n"
                 f"    shape, ndim, size = (), 0, 1\n"
                 f"def {ONE.name}(**case): return Yes()"],
        "not right yet", "The result is a Yes",
    ),
    "sends events that are no objects": (
        [IMPORT, EVERYWHERE, RIGHT, "tell(b'[1]')"], "passed", "Right",
    ),
    "sends an index out of range": (
        [IMPORT, EVERYWHERE, RIGHT, forged("failed", number=10**6, problem="x")],
        "passed", "Right",
    ),
    "sends nesting without end": (
        [IMPORT, EVERYWHERE, RIGHT, "tell(b'[' * 10**6)"], "passed", "Right",
    ),
    "sends a length and nothing else": (
        [IMPORT, EVERYWHERE, RIGHT, "import os\nfor fd in range(3, 64):\n"
         "    try: os.write(fd, b'\\xff' * 8)\n    except OSError: pass"],
        "passed", "Right",
    ),
    "floods the line": (
        [IMPORT, EVERYWHERE, RIGHT,
         f"def flood():\n    while True: tell({b'[1]'!r})\n"
         "import threading; threading.Thread(target=flood, daemon=True).start()\n"
         "import time; time.sleep(2)"],
        "passed", "Right",
    ),
    "closes the line": (
        [IMPORT, RIGHT, "import os; os.closerange(3, 64)"], "passed", "Right",
    ),
    "nests its answer without end": (
        [IMPORT, f"def {ONE.name}(**case):\n    x = []\n    for _ in range(10**5): x = [x]\n"
                 "    return x"],
        "not right yet", "The result is a list",
    ),
    "kills its judge": (
        [IMPORT, RIGHT, "import os; os.kill(os.getppid(), 9)"],
        "crashed", "The process that judges has ended",
    ),
    "never answers in C": (
        [IMPORT, f"def {ONE.name}(**case): return sum(iter(int, 1))", "two_means = {'a': True}"],
        "not right yet", "^Stopped after 10 s without a result",
    ),
    "forks": ([IMPORT, "import os; os.fork()", RIGHT], "passed", "Right"),
    "leaves a daemon": ([IMPORT + "\nimport os", DAEMON, RIGHT], "passed", "Right"),
    "asks for the cases": ([IMPORT, LOOKING], "passed", "Right"),
    "well-behaved": ([IMPORT, RIGHT, CHECK], "passed", "Right"),
}  # fmt: skip


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """All of them in one run, with one well-behaved notebook last: student -> row; pages."""
    where = tmp_path_factory.mktemp("hostile")
    for name, (cells, _, _) in HOSTILE.items():
        (where / f"{name}.ipynb").write_text(notebook(*cells), encoding="utf-8")
    table = where / "g.csv"
    grade(where, "-o", table, "--reports", where / "r", "--jobs=3", "--memory=1024")
    found = {row["student"]: row for row in rows(table) if row["exercise"] in (ONE.name, "")}
    return found, where


@pytest.mark.parametrize("name", HOSTILE)
def test_it_costs_its_own_row_only(graded, name):
    if os.name == "nt" and ("fork" in name or "kill" in name or "daemon" in name):
        pytest.skip("POSIX")
    row = graded[0][name]
    _, status, message = HOSTILE[name]
    assert row["status"] == status, row["message"]
    assert re.search(message, row["message"])
    assert row["points"] == str(int(status == "passed"))
    assert (graded[1] / "r" / f"{name}.html").exists()


def test_what_was_garbled_is_named_in_the_report(graded):
    page = (graded[1] / "r" / "forges a result.html").read_text(encoding="utf-8")
    assert "<h3>Code cell 4</h3>\n<p>sent its judge something that is no answer" in page


def test_an_answer_that_never_comes_costs_its_own_exercise_only(graded):
    table = [r for r in rows(graded[1] / "g.csv") if r["student"] == "never answers in C"]
    (row,) = [r for r in table if r["exercise"] == "two_means"]
    assert row["message"].startswith("The answer must be a dict: a, b, c")


@linux
def test_a_child_without_environment_in_a_session_of_its_own_is_ended(graded):
    lines = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert not [line for line in lines if SLEEPER in line]


@linux
def test_memory_of_what_was_abandoned_counts(tmp_path):
    """1200 MB in children that have left the session, the environment and their parent."""
    eat = "x = b'x' * 4 * 10**8\nimport time; time.sleep(60)"
    code = f"""
import os, sys, time
for _ in range(3):
    if not os.fork():
        os.setsid()
        if not os.fork():
            os.execve(sys.executable, [sys.executable, "-c", {eat!r}], {{}})
        os._exit(0)
time.sleep(30)
"""
    (tmp_path / "orphans.ipynb").write_text(notebook(IMPORT, RIGHT, code), encoding="utf-8")
    started = time.monotonic()
    grade(tmp_path, "-o", tmp_path / "g.csv", "--reports", tmp_path, "--memory=512")
    assert time.monotonic() - started < 25
    (row,) = [r for r in rows(tmp_path / "g.csv") if r["exercise"] == ONE.name]
    assert row["status"] == "passed"
    page = (tmp_path / "orphans.html").read_text(encoding="utf-8")
    assert "used more than 512 MB of memory and was stopped" in page


@linux
def test_memory_that_forks_share_counts_once(tmp_path):
    """Four processes that look at the same 250 MB are not 1250 MB."""
    code = "x = bytearray(b'x' * 25 * 10**7)\nimport os, time\n"
    code += "for _ in range(4):\n    if not os.fork(): time.sleep(3); os._exit(0)\n"
    code += "time.sleep(2)"
    (tmp_path / "forks.ipynb").write_text(notebook(IMPORT, code, RIGHT), encoding="utf-8")
    grade(tmp_path, "-o", tmp_path / "g.csv", "--memory=600", "--reports", tmp_path)
    assert "Cells that failed" not in (tmp_path / "forks.html").read_text(encoding="utf-8")


def test_cases_do_not_reach_the_students_process(tmp_path):
    """A notebook that looks for the numbers of a kept case in its own process finds none."""
    (tmp_path / "x.ipynb").write_text(notebook(IMPORT, LOOKING), encoding="utf-8")
    first = {argument: [987654.5, 1.0] for argument in ONE.cases[0]}
    second = {argument: [1.0, 2.0] for argument in ONE.cases[0]}
    kept = tmp_path / "cases.json"
    kept.write_text(json.dumps({"cases": {ONE.name: [second, first]}}), encoding="utf-8")
    grade(tmp_path, "-o", tmp_path / "g.csv", "--cases", kept)
    (row,) = [r for r in rows(tmp_path / "g.csv") if r["exercise"] == ONE.name]
    assert row["status"] == "not right yet" and "called with 987654.5" in row["message"]


def test_gradients_left_off_do_not_break_a_check():
    torch = pytest.importorskip("torch")
    from d2lmini.exercise_checks import EXERCISES, judge

    slope = EXERCISES["loss_slope"]
    own = EXERCISES["own_pooling"]
    torch.set_grad_enabled(False)
    try:
        assert judge(slope, slope.reference).message.startswith("Right")
        assert not torch.is_grad_enabled()
    finally:
        torch.set_grad_enabled(True)
    with torch.inference_mode():
        assert judge(slope, lambda keys, values, sigma: 0.0).status == "not right yet"
        assert judge(slope, slope.reference).message.startswith("Right")
        assert "check itself failed" not in judge(own, torch.nn.Linear).message
        assert torch.is_inference_mode_enabled()
