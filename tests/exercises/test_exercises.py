"""The exercise notebooks: stubs made from the solutions, every exercise whole, nothing told."""

import re

import nbformat
import pytest

from d2lmini.exercise_checks import CHAPTERS, EXERCISES
from d2lmini.exercise_checks.engine import KINDS
from tools import ROOT, exercise_stubs, notebooks

SOURCES = exercise_stubs.sources(ROOT)
HEADING = re.compile(
    r'^<a id="(?P<name>\w+)"></a>\n\n## (?P<number>\d\.\d) (?P<title>.+)\n\n'
    r"\*(?P<kind>\w+)\* · about (?P<minutes>\d+) minutes$",
    re.M,
)

each_source = pytest.mark.parametrize("source", SOURCES, ids=lambda file: file.stem)
each_exercise = pytest.mark.parametrize("name", EXERCISES)


def read(file):
    return nbformat.read(file, as_version=4)


def stub_of(source):
    return ROOT / "exercises" / source.name


def described():
    """name -> (number, title, kind, minutes, text of its cell, notebook's stem)"""
    found = {}
    for source in SOURCES:
        for cell in read(source).cells:
            if cell.cell_type == "markdown" and (match := HEADING.search(cell.source)):
                name, number, title, kind, minutes = match.groups()
                assert name not in found
                found[name] = number, title, kind, int(minutes), cell.source, source.stem
    return found


def outputs(notebook, name):
    """The stored text of check(name, …)."""
    (cell,) = [c for c in notebook.cells if c.source.startswith(f'check("{name}"')]
    return "".join(o.get("text") or o.data["text/plain"] for o in cell.outputs)


def test_each_chapter_has_exercises():
    chapters = sorted(file.name for file in (ROOT / "chapters").glob("[0-9]*.ipynb"))
    assert [file.name for file in SOURCES] == chapters
    assert sorted(file.name for file in (ROOT / "exercises").glob("*.ipynb")) == chapters


def test_there_are_enough_of_every_kind():
    assert len(EXERCISES) >= 18
    kinds = [exercise.kind for exercise in EXERCISES.values()]
    assert all(kinds.count(kind) >= 2 for kind in KINDS)
    for chapter in CHAPTERS:
        assert sum(e.chapter == chapter for e in EXERCISES.values()) >= 3


@each_source
def test_the_stub_is_what_its_source_gives(source):
    """Sources alone; that the stored outputs are right is nbval's part."""
    made = notebooks.canonical(exercise_stubs.stub(read(source), source.name))
    kept = read(stub_of(source))
    assert [(c.id, c.cell_type, c.metadata, c.source) for c in made.cells] == [
        (c.id, c.cell_type, c.metadata, c.source) for c in kept.cells
    ], f"{source.name}: run  make exercises"


@each_source
def test_no_stub_gives_a_solution_away(source):
    solved, open_ = read(source), read(stub_of(source))
    text = "\n".join(cell.source for cell in open_.cells)
    assert "SOLUTION" not in text
    code = "\n".join(cell.source for cell in solved.cells if cell.cell_type == "code")
    for _, body in exercise_stubs.REGION.findall(code):
        lines = [line.strip() for line in body.splitlines() if len(line.strip()) > 25]
        assert not [line for line in lines if line in text]
    for cell in solved.cells:
        if "solution" in cell.metadata.get("tags", []):
            assert cell.source not in text
    assert sum("Worked solution" in cell.source for cell in open_.cells) == len(
        exercise_stubs.checked(solved)
    )


@each_exercise
def test_an_exercise_is_described_in_full(name):
    number, title, kind, minutes, text, stem = described()[name]
    exercise = EXERCISES[name]
    assert (title, kind) == (exercise.title, exercise.kind)
    assert number.split(".")[0] == str(exercise.chapter) == stem.split("_")[0].lstrip("0")
    assert 2 <= minutes <= 60
    for part in ("**What to do.**", "**You produce**", "**You know that it is right when**"):
        assert part in text, part
    assert 1 <= text.count("<details><summary>Hint") <= 3


@each_exercise
def test_the_solution_passes_and_the_stub_says_not_yet(name):
    source = ROOT / "exercises" / "solutions" / f"{described()[name][-1]}.ipynb"
    assert outputs(read(source), name).startswith(f"{name}: passed.")
    assert outputs(read(stub_of(source)), name).startswith(f"{name}: not yet.")


@each_exercise
def test_each_solution_is_explained(name):
    """A cell of reasoning, tagged so that the stub goes without it, follows the check."""
    cells = read(ROOT / "exercises" / "solutions" / f"{described()[name][-1]}.ipynb").cells
    (at,) = [i for i, c in enumerate(cells) if c.source.startswith(f'check("{name}"')]
    explained = cells[at + 1]
    assert explained.cell_type == "markdown"
    assert "solution" in explained.metadata.tags
    assert len(explained.source.split()) >= 40


@each_source
def test_exercises_are_numbered_in_order_and_progress_ends_the_notebook(source):
    mine = [(v[0], k) for k, v in described().items() if v[-1] == source.stem]
    chapter = int(source.stem.split("_")[0])
    assert [number for number, _ in mine] == [f"{chapter}.{i + 1}" for i in range(len(mine))]
    registered = [e.name for e in EXERCISES.values() if e.chapter == chapter]
    assert [name for _, name in mine] == registered
    assert read(source).cells[-1].source == f"progress({chapter})"


def test_links_are_seen_from_one_folder_up():
    text = "[a](../../chapters/04_bandwidth.ipynb#x) [b](../04.ipynb) [c](04.ipynb#d) "
    text += "[e](https://e.org) [f](#g)"
    assert exercise_stubs.relinked(text) == (
        "[a](../chapters/04_bandwidth.ipynb#x) [b](04.ipynb) [c](solutions/04.ipynb#d) "
        "[e](https://e.org) [f](#g)"
    )


def test_regions_are_opened():
    code = "def f(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION\n"
    assert exercise_stubs.opened(code, {"f"}) == "def f(x):\n    ...  # your code\n"
    code = "### BEGIN SOLUTION\nhelp = 1\na = b = help\n### END SOLUTION\n"
    assert (
        exercise_stubs.opened(code, {"a", "b"})
        == "a = ...  # your answer\nb = ...  # your answer\n"
    )


# -------------------------------------------------------------------------------- in the book


@each_source
def test_the_pages_lead_to_each_other(site, source):
    page = source.with_suffix(".html").name
    links = {
        where: set(re.findall(r'href="([^"]+)"', (site / where / page).read_text("utf-8")))
        for where in ("chapters", "exercises", "exercises/solutions")
    }
    names = exercise_stubs.checked(read(source))
    assert f"../exercises/{page}" in links["chapters"]
    assert f"../chapters/{page}" in links["exercises"]
    assert {f"solutions/{page}#{name}" for name in names} <= links["exercises"]
    assert f"../{page}" in links["exercises/solutions"]


@each_source
def test_the_page_of_a_stub_shows_what_a_check_says(site, source):
    text = (site / "exercises" / source.with_suffix(".html").name).read_text("utf-8")
    said = re.findall(r'<div[^>]*role="status".*?</div>', text, re.S)
    assert len(said) == len(exercise_stubs.checked(read(source))) + 1
    assert all("not yet" in each for each in said)


@each_source
def test_a_reader_of_the_solutions_sees_no_marks(site, source):
    page = site / "exercises" / "solutions" / source.with_suffix(".html").name
    text = re.sub(r"<!--.*?-->", "", page.read_text("utf-8"), flags=re.S)
    assert not re.search("(BEGIN|END) SOLUTION", text)
