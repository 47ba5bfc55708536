"""What is handed in: two files are never one, whatever they are called and whatever is in them."""

import json
import os
import sys
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from d2lmini.exercise_checks import EXERCISES
from d2lmini.grade import reading, report
from d2lmini.grade.table import safe

from .test_grade import FOLDER, IMPORT, ONE, RIGHT, grade, notebook, rows

any_bytes = pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes")

ALIKE = [b"Ana  Li.ipynb", b"Ana Li.ipynb", b"M\xfcller.ipynb", b"M\xf6ller.ipynb",
         b"ana li.ipynb", "e\u0301va.ipynb".encode(), "\xe9va.ipynb".encode(), b"=1+1.ipynb",
         b"'=1+1.ipynb", b"a%20b.ipynb", b"a%2520b.ipynb", b"a\nb.ipynb", b"a b.ipynb",
         "a\xa0b.ipynb".encode(), b" a b.ipynb", b"\xff.ipynb"]  # fmt: skip


@any_bytes
def test_files_whose_names_look_alike_keep_their_rows_and_pages(tmp_path):
    """Graded twice, then with the order of the marks turned: no row and no page is lost."""
    place, table = tmp_path / "in", tmp_path / "g.csv"
    place.mkdir()
    for name in ALIKE[:4]:
        with open(os.path.join(os.fsencode(place), name), "wb") as file:
            file.write(FOLDER["good" if name in (ALIKE[0], ALIKE[2]) else "stub"][0].encode())
    arguments = (place, "-o", table, "--reports", tmp_path / "r")
    said = grade(*arguments)
    told = {r["notebook"]: r["status"] for r in rows(table) if r["exercise"] == ONE.name}
    assert told == {
        "in/Ana %20Li.ipynb": "passed", "in/Ana Li.ipynb": "not yet",
        "in/M%FCller.ipynb": "passed", "in/M%F6ller.ipynb": "not yet",
    }  # fmt: skip
    assert {r["student"] for r in rows(table)} == {"Ana Li", "M\ufffdller"}
    assert "in/Ana %20Li.ipynb, in/Ana Li.ipynb look alike" in said
    assert "in/M%F6ller.ipynb, in/M%FCller.ipynb look alike" in said
    pages = {page.name: page.read_text("utf-8") for page in (tmp_path / "r").iterdir()}
    assert len(pages) == 4 and sum("1 of" in page for page in pages.values()) == 2
    first = table.read_bytes()
    assert "4 graded already" in grade(*arguments)
    assert table.read_bytes() == first
    grade(*arguments, "--again")
    assert {r["notebook"]: r["status"] for r in rows(table) if r["exercise"] == ONE.name} == told
    assert {page.name: page.read_text("utf-8") for page in (tmp_path / "r").iterdir()} == pages


@pytest.mark.skipif(os.name == "nt", reason="names of any bytes")
@given(st.lists(st.binary(min_size=1, max_size=300), unique=True, min_size=2, max_size=8))
def test_a_path_as_text_is_kept_by_the_table_and_belongs_to_one_path(names):
    quoted = [reading.quoted(os.fsdecode(name)) for name in names]
    assert len(set(quoted)) == len(names)
    assert all(safe(text) == text for text in quoted)


@pytest.mark.skipif(os.name == "nt", reason="names of any bytes")
def test_no_two_of_the_worst_names_are_one():
    names = {name: reading.quoted(os.fsdecode(b"in/" + name)) for name in ALIKE}
    assert len(set(names.values())) == len(ALIKE)
    assert all(safe(text) == text for text in names.values())
    pages = report.file_names(reading.students(names.values()))
    assert len({report._folded(page) for page in pages.values()}) == len(ALIKE)


def test_usual_names_stay_as_they_are():
    for path in ("in/eva okafor.ipynb", "../Łukasz Żak (2).ipynb", "100% sure.ipynb", "李.ipynb"):
        assert reading.quoted(path) == path


def test_alike_is_what_a_reader_cannot_tell_apart():
    shown = reading.students(["in/Eva.ipynb", "in/eva.ipynb", "in/ali.ipynb", "b/ali.ipynb"])
    assert reading.alike(shown) == [["in/Eva.ipynb", "in/eva.ipynb"]]
    book = reading.students(["x/eva/03_kernels.ipynb", "x/eva/04_bandwidth.ipynb"])
    assert reading.alike(book) == []


@pytest.mark.skipif(os.name == "nt", reason="shorter paths")
def test_pages_of_long_names_have_short_names_of_their_own(tmp_path):
    place = tmp_path / ("课程" * 30)
    place.mkdir()
    for end in "ab":
        (place / f"{'张伟作业' * 20}{end}.ipynb").write_text(FOLDER["empty"][0], encoding="utf-8")
    for folder in ("x", "y"):
        (place / folder).mkdir()
        (place / folder / f"{'李' * 80}.ipynb").write_text(FOLDER["stub"][0], encoding="utf-8")
    table = tmp_path / "g.csv"
    grade(place, "-o", table, "--reports", tmp_path / "r")
    assert len({r["notebook"] for r in rows(table)}) == 4
    pages = [page.name for page in (tmp_path / "r").iterdir()]
    assert len(pages) == 4 and max(len(name.encode()) for name in pages) <= 100


def test_a_page_is_never_written_over_anothers():
    before = report.file_names({"b/x.ipynb": "x"})
    after = report.file_names({"a/x.ipynb": "x", "b/x.ipynb": "x"})
    assert before["b/x.ipynb"] not in after.values()
    others = report.file_names({"b/x.ipynb": "x", "c/x.ipynb": "x"})
    assert after["b/x.ipynb"] == others["b/x.ipynb"] != others["c/x.ipynb"]


def test_a_page_that_cannot_be_written_costs_no_marks(tmp_path):
    place, table = tmp_path / "in", tmp_path / "g.csv"
    place.mkdir()
    for name in ("a", "b"):
        (place / f"{name}.ipynb").write_text(FOLDER["good"][0], encoding="utf-8")
    (tmp_path / "r" / "a.html").mkdir(parents=True)
    said = grade(place, "-o", table, "--reports", tmp_path / "r")
    assert "no page for in/a.ipynb" in said
    assert [r["status"] for r in rows(table) if r["exercise"] == ONE.name] == ["passed"] * 2
    assert (tmp_path / "r" / "b.html").exists()


# What is in a file ------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [
    f"from collections.abc import Callable\n{ONE.name}: Callable = lambda **case: 1",
    f"{ONE.name}: Callable[[int], float] = len", f"{ONE.name} : 'x=y' = 1", f"{ONE.name} = 1",
    f"a = {ONE.name} = 1", f"a, {ONE.name} = 1, 2", f"def {ONE.name}(x): pass",
    f"async def {ONE.name}(x): pass", f"%matplotlib inline\n{ONE.name}: int = 3",
    f"{ONE.name}: dict[\n    str, int\n] = {{}}",
], ids=repr)  # fmt: skip
def test_an_answer_counts_however_it_is_assigned(source):
    assert reading.exercises_of([source]) == (ONE.chapter, [
        e.name for e in EXERCISES.values() if e.chapter == ONE.chapter
    ])  # fmt: skip
    assert ONE.name in reading.names_made(source)


def test_what_python_warns_of_in_an_answer_is_not_told():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert reading.names_made(rf"a, {ONE.name} = '\d', 2") >= {ONE.name}
    assert reading.names_made("\0") == reading.names_made("(" * 10_000) == set()


@pytest.mark.parametrize("source", [f"{ONE.name}: int", f"{ONE.name} == 1", f"print({ONE.name})"])
def test_a_name_that_is_only_mentioned_is_no_answer(source):
    with pytest.raises(reading.NotGradable, match="none of the course's"):
        reading.exercises_of([source])


def test_too_much_code_is_said():
    with pytest.raises(reading.NotGradable, match="6 million characters of code") as caught:
        reading.code_cells(notebook("é" * 6 * 10**6).encode())
    assert caught.value.status == "too large"


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_any_unicode_with_a_mark_is_read(coding):
    assert reading.code_cells(notebook("σ = 1").encode(coding)) == ["σ = 1"]
    big = b"\xfe\xff" + notebook("σ = 1").encode("utf-16-be")
    assert reading.code_cells(big) == ["σ = 1"]


CONFLICT = notebook(IMPORT, RIGHT).replace(
    '"metadata": {}', '\n<<<<<<< HEAD\n"metadata": {}\n=======\n"metadata": {}\n>>>>>>> theirs\n', 1
)
FILES = [
    (CONFLICT.encode(), "marks of a merge conflict"),
    (b"<!DOCTYPE html>\n<html><title>Log in</title>", "a web page, such as the log-in page"),
    (b"\n <html lang='en'>", "a web page"),
    ("<!doctype HTML>".encode("utf-16"), "a web page"),
    (b"PK\x03\x04\x14\x00\x00\x00\xff", "a zip archive: unpack it"),
    (b"\x1f\x8b\x08\x00\xff", "a compressed archive"),
    (b"%PDF-1.7\n\xff", "a PDF"),
    (b"\x89PNG\r\n\x1a\n", "a picture"),
    (b"import numpy as np\n\ndef f(x):\n    return x\n", "a Python script"),
    (b"# %%\n%matplotlib inline\nimport numpy as np\nx = 1\n", "a Python script"),
    (notebook(IMPORT, RIGHT).encode()[:-20], "cut off or damaged"),
    ("é".encode("latin-1"), "not text in UTF-8"),
    (notebook("x = 'é'").replace("\\u00e9", "é").encode("latin-1"), "not text in UTF-8"),
    (notebook(IMPORT).encode("utf-16")[:-1], "not text in UTF-8"),
    (b"\x00" * 100, "not a notebook"),
    (json.dumps("text").encode(), "JSON, but not a notebook"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "words"), FILES, ids=[words for _, words in FILES])
def test_a_file_that_is_no_notebook_is_named(content, words):
    with pytest.raises(reading.NotGradable, match="The file is") as caught:
        reading.code_cells(content)
    assert words in str(caught.value) and caught.value.status == "broken file"
