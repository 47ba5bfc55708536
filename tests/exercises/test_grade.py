"""Marks for a folder of notebooks, among them all that can go wrong; each costs its own row."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from d2lmini.exercise_checks import EXERCISES
from d2lmini.grade import reading, report
from d2lmini.grade.__main__ import main, parser
from d2lmini.grade.cases import Further
from d2lmini.grade.link import Limits
from d2lmini.grade.process import Graded, Verdict
from d2lmini.grade.table import COLUMNS, Table, safe
from tools import ROOT

TEACHING = (ROOT / "teaching.md").read_text(encoding="utf-8")

# An exercise that asks for a function, whatever the book has: its reference is a right answer.
ONE = next(e for e in EXERCISES.values() if e.cases and e.draw and e.prepare is None)
IMPORT = "from d2lmini.exercise_checks import EXERCISES, check"
RIGHT = f'{ONE.name} = EXERCISES["{ONE.name}"].reference'
CHECK = f'check("{ONE.name}", {ONE.name})'
LEARNED_BY_HEART = f"""
def {ONE.name}(**case):
    exercise = EXERCISES["{ONE.name}"]
    for known in exercise.cases:
        known = exercise.arguments(known)
        if all(np.array_equal(known[k], v) for k, v in case.items()):
            return exercise.reference(**case)
    return 12345.0
"""
SLEEPER = f"import time; time.sleep(600 + {os.getpid()} / 10**7)"

posix = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


def notebook(*cells):
    made = [{"cell_type": "markdown", "metadata": {}, "source": "# Words"}]
    more = {"metadata": {}, "outputs": [], "execution_count": None}
    made += [{"cell_type": "code", "source": source.splitlines(True), **more} for source in cells]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def loop(body):
    return f"while True:\n    {body}"


#: name -> (what the file holds, status, what the message says, what is said of which code cell)
FOLDER = {
    "good": (notebook(IMPORT, RIGHT, CHECK), "passed", "Right", {}),
    "no check": (notebook(IMPORT, RIGHT), "passed", "Right", {}),
    "stub": (notebook(IMPORT, f"{ONE.name} = ...", CHECK), "not yet", "Nothing here yet", {}),
    "wrong": (
        notebook(IMPORT, f"def {ONE.name}(**case): return [[['x']]]", CHECK),
        "not right yet", "The result", {},
    ),
    "forged check": (
        notebook(IMPORT, f"check = print\n{ONE.name} = 3", f"print('passed')\n{CHECK}"),
        "not right yet", "must be a function", {},
    ),
    "empty": ("", "empty file", "empty", None),
    "broken": ('{"cells": [', "broken file", "not a notebook", None),
    "a list": ("[1, 2]", "broken file", "not a notebook", None),
    "other": (notebook("x = 1", "print(x)"), "no exercises", "none of the course's", None),
    "raising": (notebook(IMPORT, "1 / 0", RIGHT), "passed", "Right", {2: "ZeroDivisionError"}),
    "no syntax": (
        notebook(IMPORT, f"def {ONE.name}(:", CHECK),
        "missing", f"no {ONE.name}: code cell 2, which makes it, stopped with SyntaxError",
        {2: "SyntaxError.* in line 1", 3: "NameError"},
    ),
    "hanging cell": (
        notebook(IMPORT, loop("try: pass\n    except Exception: pass"), RIGHT),
        "passed", "Right", {2: "did not end within 2 s"},
    ),
    "hanging in C": (
        notebook(IMPORT, "import signal; signal.setitimer(0, 0); sum(iter(int, 1))", RIGHT),
        "passed", "Right", {2: "did not end within 2 s"},
    ),
    "hanging answer": (
        notebook(IMPORT, f"def {ONE.name}(**case):\n    while True: pass"),
        "not right yet", "Stopped after 10 s", {},
    ),
    "eating": (
        notebook(IMPORT, RIGHT, "x = []\n" + loop("x.append(bytearray(10**8))")),
        "passed", "Right", {3: "ran out of memory"},
    ),
    "leaving": (
        notebook(IMPORT, "import sys; sys.exit(1)", RIGHT), "passed", "Right", {2: "SystemExit"},
    ),
    "dying": (
        notebook(IMPORT, RIGHT, "import os; os._exit(3)", CHECK),
        "passed", "Right", {3: "exit code 3"},
    ),
    "dying answer": (
        notebook(IMPORT, f"def {ONE.name}(**case):\n    import os; os._exit(0)"),
        "crashed", r"ended by itself \(exit code 0\) while this was judged", {},
    ),
    "asking": (notebook(IMPORT, "input('Name?')", RIGHT), "passed", "Right", {2: "EOFError"}),
    "starting others": (
        notebook(
            IMPORT, RIGHT,
            "import subprocess, sys\n"
            f"command = [sys.executable, '-c', {SLEEPER!r}]\n"
            "for new in (False, True):\n"
            "    subprocess.Popen(command, start_new_session=new)",
        ),
        "passed", "Right", {},
    ),
    "writing": (
        notebook(IMPORT, "import os; assert os.listdir() == []; open('x', 'w').close()", RIGHT),
        "passed", "Right", {},
    ),
    "no text": (notebook(IMPORT, "1 / 0  # \ud800", RIGHT), "passed", "Right", {2: "Error"}),
    "printing": (
        notebook(IMPORT, RIGHT, loop("print('x' * 10**6)")), "passed", "Right", {3: "did not end"},
    ),
    "installing": (
        notebook(
            IMPORT, "!pip install no-such-thing-at-all", "%pip install no-such-thing-at-all",
            "%matplotlib inline\nimport matplotlib.pyplot as plt; plt.plot([1]); plt.show()", RIGHT,
        ),
        "passed", "Right", {},
    ),
    "html": (
        notebook(IMPORT, f"def {ONE.name}(**case): raise ValueError('<script>alert(1)</script>')"),
        "not right yet", "ValueError", {},
    ),
}  # fmt: skip
SLOW = [name for name in FOLDER if name.startswith(("hanging", "printing"))]
LIMITS = ["--seconds=120", "--memory=512", "--jobs=3"]


def filled(folder, names=FOLDER):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"{name}.ipynb").write_text(FOLDER[name][0], encoding="utf-8")
    return folder


def command(*arguments):
    return [sys.executable, "-W", "error", "-m", "d2lmini.grade", *map(str, arguments)]


def surroundings():
    return {**os.environ, "PYTHONPATH": str(ROOT), "D2LMINI_STRICT": "1", "PYTHONUTF8": "1"}


def grade(*arguments, code=0):
    """Run the command; what it says."""
    done = subprocess.run(
        command(*arguments), capture_output=True, text=True, env=surroundings(), encoding="utf-8"
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def marks(path, without=("seconds",)):
    return [{k: v for k, v in row.items() if k not in without} for row in rows(path)]


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Two folders, graded at once: student -> its row; where; what was said of each."""
    where = tmp_path_factory.mktemp("graded")
    filled(where / "slow", SLOW)
    filled(where / "in", [name for name in FOLDER if name not in SLOW])
    runs = []
    for each, more in (("slow", ["--cell-seconds=2"]), ("in", [])):
        place = [where / each, "-o", where / f"{each}.csv", "--reports", where / "reports"]
        line = command(*place, *LIMITS, *more)
        runs.append(subprocess.Popen(line, stdout=-1, stderr=-2, text=True, env=surroundings()))
    said = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    table = rows(where / "in.csv") + rows(where / "slow.csv")
    return {r["student"]: r for r in table if r["exercise"] in (ONE.name, "")}, where, said[1]


@pytest.mark.parametrize("name", FOLDER)
def test_a_notebook_gets_its_row_and_a_page(graded, name):
    by_student, folder, _ = graded
    _, status, message, cells = FOLDER[name]
    row = by_student[name]
    assert row["status"] == status, row
    assert re.search(message, row["message"])
    assert row["points"] == str(int(status == "passed"))
    assert row["notebook"] in (f"in/{name}.ipynb", f"slow/{name}.ipynb")
    page = (folder / "reports" / f"{name}.html").read_text(encoding="utf-8")
    told = dict(re.findall(r"<h3>Code cell (\d+)</h3>\n<p>(.*?)</p>", page))
    assert set(told) == {str(number) for number in cells or ()}
    for number, words in (cells or {}).items():
        assert re.search(words, told[str(number)])
    assert "<script" not in page


def test_the_table_is_whole_and_in_order(graded):
    _, folder, said = graded
    table = rows(folder / "in.csv")
    quick = [name for name in FOLDER if name not in SLOW]
    assert tuple(table[0]) == COLUMNS
    assert list(dict.fromkeys(row["student"] for row in table)) == sorted(
        quick, key="{}.ipynb".format
    )
    chapter = [e.name for e in EXERCISES.values() if e.chapter == ONE.chapter]
    assert [row["exercise"] for row in table if row["student"] == "good"] == chapter
    passed = sum(row["exercise"] == ONE.name and row["points"] == "1" for row in table)
    tried = sum(row["exercise"] == ONE.name for row in table)
    assert re.search(rf"^  {ONE.name} +{passed} of {tried} passed$", said, re.M)
    assert "in/broken.ipynb: broken file." in said
    assert f"[{len(quick)}/{len(quick)}]" in said


def test_nothing_is_left_running(graded):
    lines = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert not [line for line in lines if SLEEPER in line]


def test_a_second_run_grades_only_what_is_new(graded, tmp_path):
    _, folder, _ = graded
    table = tmp_path / "grades.csv"
    place = filled(tmp_path / "in", ["good", "stub", "empty"])
    grade(place, "-o", table, *LIMITS)
    first = table.read_bytes()
    assert "3 graded already" in grade(place, "-o", table, *LIMITS)
    assert table.read_bytes() == first
    (place / "stub.ipynb").write_text(FOLDER["raising"][0], encoding="utf-8")
    said = grade(place, "-o", table, *LIMITS)
    assert "2 graded already" in said and "[1/1] stub" in said
    by_student = {r["student"]: r["status"] for r in rows(table) if r["exercise"] != "x"}
    assert list(by_student) == ["empty", "good", "stub"]
    # from another folder, and anew: the same marks
    said = grade(place / "good.ipynb", "-o", table, "--again", *LIMITS)
    assert "[1/1] good" in said
    assert marks(table) != [] and len(rows(table)) == len({tuple(r.items()) for r in rows(table)})
    again = [r for r in marks(table) if r["student"] == "good"]
    before = [r for r in marks(folder / "in.csv") if r["student"] == "good"]
    assert again == before


@posix
def test_ctrl_c_leaves_what_was_graded_and_the_same_command_goes_on(tmp_path):
    place, table = filled(tmp_path / "in", ["good", "hanging cell"]), tmp_path / "grades.csv"
    arguments = (place, "-o", table, "--seconds=60", "--cell-seconds=30")
    process = subprocess.Popen(
        command(*arguments), stderr=subprocess.PIPE, text=True, env=surroundings(), cwd=tmp_path
    )
    assert process.stderr.readline() == "[1/2] good\n"
    wait_for(lambda: "d2lmini.grade.worker" in str(children(process.pid)))
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=20)[1]
    assert process.returncode == 130
    assert "holds what was graded; 1 of 2 are left" in said and "goes on from there" in said
    assert {row["student"] for row in rows(table)} == {"good"}
    assert not [w for w in workers if w.is_running() and w.status() != "zombie"]
    (place / "hanging cell.ipynb").write_text(FOLDER["stub"][0], encoding="utf-8")
    said = grade(*arguments)
    assert "1 graded already" in said and "[1/1] hanging cell" in said
    assert {row["student"] for row in rows(table)} == {"good", "hanging cell"}


def children(pid):
    return [child.cmdline() for child in psutil.Process(pid).children(recursive=True)]


def wait_for(condition, seconds=15):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_teachers_cases_find_out_what_was_learned_by_heart(tmp_path):
    learned = notebook(IMPORT + "\nimport numpy as np", LEARNED_BY_HEART, CHECK)
    (tmp_path / "learned.ipynb").write_text(learned, encoding="utf-8")
    (tmp_path / "good.ipynb").write_text(FOLDER["good"][0], encoding="utf-8")
    mine = json.loads(json.dumps(ONE.draw(np.random.default_rng(1))))
    kept, table = tmp_path / "cases.json", tmp_path / "grades.csv"

    def status(*more):
        grade(tmp_path, "-o", table, "--jobs=2", *more)
        found = {r["student"]: r["status"] for r in rows(table) if r["exercise"] == ONE.name}
        return found["good"], found["learned"]

    assert status() == ("passed", "passed")
    kept.write_text(json.dumps({"seed": 5, "draws": 2}), encoding="utf-8")
    assert status("--cases", kept) == ("passed", "not right yet")  # other cases: graded anew
    drawn = marks(table)
    assert status("--cases", kept, "--again") == ("passed", "not right yet")
    assert marks(table) == drawn  # the same seed draws the same cases
    kept.write_text(json.dumps({"cases": {ONE.name: [mine]}}), encoding="utf-8")
    (tmp_path / "good.ipynb").unlink()
    assert status("--cases", kept)[1] == "not right yet"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere psutil is asked")
def test_memory_is_that_of_all_processes_together(tmp_path):
    """Shared memory in children, which no limit of a single process counts."""
    eat = "import mmap, time; m = mmap.mmap(-1, 7 * 10**8)\n"
    eat += "for _ in range(70): m.write(bytes(10**7))\ntime.sleep(60)"
    code = f"import subprocess, sys\nc = [sys.executable, '-c', {eat!r}]\n"
    code += "[subprocess.Popen(c) for _ in 'ab'][0].wait()"
    (tmp_path / "family.ipynb").write_text(notebook(IMPORT, RIGHT, code), encoding="utf-8")
    grade(tmp_path, "-o", tmp_path / "g.csv", "--reports", tmp_path, "--memory=512")
    (row,) = [r for r in rows(tmp_path / "g.csv") if r["exercise"] == ONE.name]
    assert row["status"] == "passed"
    page = (tmp_path / "family.html").read_text(encoding="utf-8")
    assert "used more than 512 MB of memory and was stopped" in page


def test_the_time_of_a_notebook_ends(tmp_path):
    cells = [IMPORT, RIGHT, *["import time; time.sleep(60)"] * 3]
    (tmp_path / "slow.ipynb").write_text(notebook(*cells), encoding="utf-8")
    started = time.monotonic()
    grade(tmp_path, "-o", tmp_path / "grades.csv", "--seconds=3")
    assert time.monotonic() - started < 15
    (row,) = [r for r in rows(tmp_path / "grades.csv") if r["exercise"] == ONE.name]
    assert row["status"] == "timeout" and "after 3 s in code cell 3" in row["message"]


def test_solutions_get_all_points_and_stubs_none(tmp_path):
    """The course's own exercises, on further cases too."""
    (tmp_path / "cases.json").write_text('{"seed": 11, "draws": 2}', encoding="utf-8")
    files = sorted((ROOT / "exercises").rglob("[0-9]*.ipynb"))
    table = tmp_path / "grades.csv"
    grade(*files, "-o", table, "--cases", tmp_path / "cases.json", "--jobs=2")
    meant = {"solutions": "passed", "exercises": "not yet"}
    told = [(r["exercise"], r["status"], r["message"]) for r in rows(table)
            if r["status"] != meant[r["student"]]]  # fmt: skip
    assert not told
    assert len({(r["student"], r["exercise"]) for r in rows(table)}) == len(rows(table)) > 0


# What is read and written ------------------------------------------------------------------------


def test_wrong_use_is_told_and_nothing_is_overwritten(tmp_path):
    other = tmp_path / "mine.csv"
    other.write_text("name,age\nEva,30\n", encoding="utf-8")
    place = filled(tmp_path / "in", ["good"])
    assert main([str(tmp_path / "no*.ipynb"), "-o", str(tmp_path / "g.csv")]) == 2
    assert main([str(place), "-o", str(other)]) == 2
    assert other.read_text(encoding="utf-8") == "name,age\nEva,30\n"
    kept = tmp_path / "cases.json"
    for wrong in ("{", "[]", '{"sed": 1}', '{"cases": {"no_such": []}}', '{"cases": []}'):
        kept.write_text(wrong, encoding="utf-8")
        assert main([str(place), "-o", str(tmp_path / "g.csv"), "--cases", str(kept)]) == 2
    assert not (tmp_path / "g.csv").exists()
    for option in ("--seconds=0", "--memory=1", "--jobs=0"):
        with pytest.raises(SystemExit, match="2"):
            parser().parse_args(["x", option])


def test_help_says_what_the_limits_are_not():
    assert "not a security boundary" in parser().format_help()


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " \n=1", "\x00=1"])
def test_a_message_is_never_a_formula(text):
    assert safe(text).startswith("'") and safe(safe(text)) == safe(text)


def test_a_cell_of_the_table_is_one_short_line():
    assert safe("a\r\n b\u2028c σ") == "a b c σ"
    long = safe("x" * 10_000)
    assert len(long) <= 500 and safe(long) == long
    assert safe("\ud800") == "?"


def test_students_are_told_apart():
    assert reading.students(["in/eva.ipynb", "in/ali.ipynb"]) == {
        "in/eva.ipynb": "eva", "in/ali.ipynb": "ali",
    }  # fmt: skip
    assert reading.students(["a/eva.ipynb", "b/eva.ipynb", "b/ali.ipynb"]) == {
        "a/eva.ipynb": "a/eva", "b/eva.ipynb": "b/eva", "b/ali.ipynb": "ali",
    }  # fmt: skip
    names = ["x/eva/03_kernels.ipynb", "x/eva/04_bandwidth.ipynb", "y/ali/03_kernels (1).ipynb"]
    assert list(reading.students(names).values()) == ["eva", "eva", "ali"]
    names = ["x/eva/03_kernels.ipynb", "y/eva/03_kernels.ipynb"]
    assert list(reading.students(names).values()) == ["x/eva", "y/eva"]


def test_the_names_of_the_book_are_known():
    for file in (ROOT / "chapters").glob("[0-9]*.ipynb"):
        assert reading.OF_THE_BOOK.fullmatch(file.stem), file.stem


def test_two_notebooks_never_share_a_page():
    names = report.file_names({k: k[:1] for k in ("a/x.ipynb", "a/y.ipynb", "A/x.ipynb")})
    assert len({name.lower() for name in names.values()}) == 3
    assert names["a/y.ipynb"] == "a-y.html"
    assert report.file_names({"a/../b.ipynb": "../b"}) == {"a/../b.ipynb": "_b.html"}


def test_notebooks_of_both_formats_are_read():
    old = {"worksheets": [{"cells": [{"cell_type": "code", "input": ["a = 1\n", "b"]}]}]}
    assert reading.code_cells(json.dumps(old).encode()) == ["a = 1\nb"]
    marked = "\ufeff" + notebook("σ = 1")
    assert reading.code_cells(marked.encode()) == ["σ = 1"]
    with pytest.raises(reading.NotGradable, match="not a notebook"):
        reading.code_cells(b"[" * 100_000)


def test_the_chapter_is_that_of_most_checks():
    others = [e for e in EXERCISES.values() if e.chapter != ONE.chapter]
    mine = [e for e in EXERCISES.values() if e.chapter == ONE.chapter]
    cells = [f"check('{e.name}', 1)" for e in mine] + [f"{o.name} = 1" for o in others]
    assert reading.exercises_of(cells) == (ONE.chapter, [e.name for e in mine])
    assert reading.exercises_of([f"def {ONE.name}(x):\n    pass"])[0] == ONE.chapter


def test_a_table_survives_an_interruption(tmp_path, monkeypatch):
    table = Table(tmp_path / "g.csv")
    row = dict.fromkeys(COLUMNS, "x")
    table.put("x", [row])
    kept = table.path.read_bytes()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(PermissionError("open")))
    with pytest.raises(PermissionError):
        table.put("y", [row])
    assert table.path.read_bytes() == kept
    assert Table(table.path).graded("x", "x") and not Table(table.path).graded("x", "other")


def test_a_page_names_the_exercises_and_escapes_what_students_wrote():
    work = reading.Submission(Path("x"), "x", "<b>", "h", ["<i>"], 1, [ONE.name])
    row = dict.fromkeys(COLUMNS, "<i>") | {"points": "1"}
    done = Graded({ONE.name: Verdict("passed", "")}, {1: "<i>"})
    page = report.page(work, [row], done)
    assert "<i>" not in page and "<b>" not in page and "1 of 1 exercises passed" in page


# teaching.md -------------------------------------------------------------------------------------


def test_the_minutes_are_those_of_the_start_page():
    intro = (ROOT / "intro.md").read_text(encoding="utf-8")
    row = r"^\| \[(\d [^\]]+)\]\(\S+\) \|.*\| (\d+) minutes \|"
    expected = dict(re.findall(row, intro, re.M))
    said = dict(re.findall(row, TEACHING, re.M))
    assert len(expected) >= 5
    assert {name: said.get(name) for name in expected} == expected


def test_the_commands_are_right():
    commands = re.findall(r"python -m d2lmini\.grade (.+)", TEACHING.replace("\\\n", " "))
    assert len(commands) >= 3
    for line in commands:
        if "--help" not in line:
            parser().parse_args(line.rstrip("`").split())
    defaults = parser().parse_args(["x"])
    assert Limits(defaults.seconds, defaults.cell_seconds, defaults.memory) == Limits(300, 60, 4096)
    for said in ("300 seconds", "60 seconds", "4096 MB"):
        assert said in TEACHING
    assert "--network none" in TEACHING and "--read-only" in TEACHING
    code = "\n".join(re.findall(r"```\w*\n(.+?)```", TEACHING, re.S))
    assert max(map(len, code.splitlines())) <= 78  # wider code scrolls sideways on the page


def test_the_cases_file_is_right(tmp_path):
    (text,) = re.findall(r"```json\n(.+?)```", TEACHING, re.S)
    kept = tmp_path / "cases.json"
    kept.write_text(text, encoding="utf-8")
    cases = Further(kept).cases
    named = json.loads(text)["cases"]
    assert named and all(cases[name][: len(c)] == c for name, c in named.items())
    assert len(cases[ONE.name]) >= 1
    kept.write_text('{"seed": 1}', encoding="utf-8")
    assert len(Further(kept).cases[ONE.name]) == 3 and "it is three" in TEACHING


def test_the_links_lead_somewhere():
    for target in re.findall(r"\]\((?!http)([^)#]+)", TEACHING):
        assert (ROOT / target).exists(), target
    for page, anchor in re.findall(r"\]\(([\w/]+\.md)#([\w-]+)\)", TEACHING):
        assert f'<a id="{anchor}"></a>' in (ROOT / page).read_text(encoding="utf-8"), anchor
