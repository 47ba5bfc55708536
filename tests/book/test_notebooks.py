"""Notebooks in canonical form: complete text outputs, short cells, CommonMark, alt text."""

import pkgutil
import re
import statistics
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

from tools import ROOT, notebooks

FOLDERS = ("chapters", "exercises", "exercises/solutions")
FILES = [file for folder in FOLDERS for file in sorted((ROOT / folder).glob("*.ipynb"))]
ADDRESS = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]

DRAWS = re.compile(r"\bplots\.\w+\(|\bplt\.\w+\(")
ROLE_OR_DIRECTIVE = re.compile(r"^\s*(?:`{3,}|:{3,}|~{3,})\{|\{[a-z:-]+\}`", re.MULTILINE)
LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^()\s]+)\)")
MACHINE_PATH = re.compile(
    r"(?<![\w:/.])/(?:home|root|Users|tmp|usr|work|opt|mnt|content)/|[A-Z]:\\\\?\w"
)
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|TBD)\b")

each_notebook = pytest.mark.parametrize(
    "file", FILES, ids=lambda file: file.relative_to(ROOT).with_suffix("").as_posix()
)


def read(file: Path) -> nbformat.NotebookNode:
    return nbformat.read(file, as_version=nbformat.NO_CONVERT)


def code_cells(file: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in read(file).cells if cell.cell_type == "code"]


def prose(file: Path) -> str:
    """The markdown of a notebook without what is inside code."""
    text = "\n\n".join(cell.source for cell in read(file).cells if cell.cell_type == "markdown")
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub and MyST make it."""
    bare = re.sub(r"[*_`]|\[([^\]]*)\]\([^)]*\)", r"\1", heading.strip())
    return re.sub(r"[^\w\- ]", "", bare.lower()).replace(" ", "-")


def anchors(file: Path) -> set[str]:
    """What a link into a page or notebook may name."""
    if file.suffix == ".ipynb":
        text = "\n\n".join(cell.source for cell in read(file).cells if cell.cell_type == "markdown")
    else:
        text = file.read_text(encoding="utf-8")
    headings = re.findall(r"^#{1,6} +(.+?) *$", text, flags=re.MULTILINE)
    return {slug(h) for h in headings} | set(re.findall(r'\b(?:id|name)="([^"]+)"', text))


def test_there_are_notebooks():
    second = [file.stem for file in FILES if file.stem.startswith("02_")]
    assert second == ["02_nadaraya_watson"] * len(FOLDERS)


@each_notebook
def test_valid_nbformat_with_ids(file):
    notebook = read(file)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    ids = [cell.id for cell in notebook.cells]
    assert len(ids) == len(set(ids))


@each_notebook
def test_the_file_is_written_canonically(file):
    text = notebooks.written(notebooks.canonical(read(file)))
    assert file.read_text(encoding="utf-8") == text, f"run  make notebooks  to rewrite {file.name}"


@each_notebook
def test_every_code_cell_has_run_in_order(file):
    cells = code_cells(file)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        results = [o.execution_count for o in cell.outputs if o.output_type == "execute_result"]
        assert results in ([], [cell.execution_count])


@each_notebook
def test_outputs_are_text_only_and_complete(file):
    kinds = set()
    for cell in code_cells(file):
        for output in cell.outputs:
            assert output.output_type != "error", cell.source
            kinds |= set(output.get("data", {}))
        if re.search(r"^print\(", cell.source, flags=re.MULTILINE):
            assert any(o.get("name") == "stdout" for o in cell.outputs), cell.source
    assert kinds <= {"text/plain"}


@each_notebook
def test_cells_are_short(file):
    lengths = [len(cell.source.splitlines()) for cell in code_cells(file)]
    solutions = file.parent.name == "solutions"  # a whole solution stands in one cell
    assert max(lengths) <= (20 if solutions else 15)
    assert statistics.median(lengths) <= (10 if solutions else 8)


@each_notebook
def test_title_then_setup_cell(file):
    title, setup, *_ = read(file).cells
    assert title.cell_type == "markdown"
    assert re.match(r"# \S", title.source)
    assert setup.cell_type == "code"
    assert "d2lmini" in setup.source
    assert "google.colab" in setup.source
    assert re.findall(r"git\+(https://[^\s\"'@]+)", setup.source) == [ADDRESS]
    assert setup.outputs == []


@each_notebook
def test_one_title(file):
    text = prose(file)
    assert len(re.findall(r"^# ", text, flags=re.MULTILINE)) == 1


@each_notebook
def test_markdown_reads_the_same_everywhere(file):
    text = "\n\n".join(cell.source for cell in read(file).cells if cell.cell_type == "markdown")
    assert not ROLE_OR_DIRECTIVE.findall(text)
    for formula in re.findall(r"\$\$(.*?)\$\$", text, flags=re.DOTALL):
        if r"\tag" in formula:
            assert r"\\" not in formula, f"in the book \\tag fails beside a line break: {formula}"
    assert text.count("<details>") == text.count("</details>") == text.count("<summary>")


@each_notebook
def test_numbered_equations_are_numbered_once(file):
    text = "\n".join(cell.source for cell in read(file).cells if cell.cell_type == "markdown")
    tags = re.findall(r"\\tag\{([^}]+)\}", text)
    assert len(tags) == len(set(tags))
    chapter = int(file.stem.split("_")[0])
    assert all(tag.startswith(f"{chapter}.") for tag in tags)


@each_notebook
def test_figures_have_alt_text(file):
    for cell in code_cells(file):
        shown = any("<Figure" in o.get("data", {}).get("text/plain", "") for o in cell.outputs)
        if shown or DRAWS.search(cell.source):
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
            assert len(alt.split()) >= 5, f"no alt text for the figure of\n{cell.source}"
            assert not re.search(r"\.(png|svg|jpe?g)\b", alt)


@each_notebook
def test_nothing_unfinished_and_no_path_of_a_machine(file):
    text = file.read_text(encoding="utf-8")
    assert not UNFINISHED.findall(text)
    assert not MACHINE_PATH.findall(text)


@each_notebook
def test_links_lead_somewhere(file):
    for target in LINK.findall(prose(file)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (file.parent / path).resolve() if path else file
        assert there.is_relative_to(ROOT)
        assert there.exists(), target
        if there.name == "api.md" and anchor.startswith("d2lmini."):  # autodoc makes these
            assert pkgutil.resolve_name(anchor), target
        elif anchor:
            assert anchor in anchors(there), target


def test_canonical_form_drops_what_does_not_belong():
    v4 = nbformat.v4
    extra = {"scrolled": True, "tags": ["a"]}
    cell = v4.new_code_cell("1\n\n", id="one", execution_count=7, metadata=extra)
    warning = "/tmp/ipykernel_7/8.py:3: UserWarning: so\n  f()\n"
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "ab"}}
    cell.outputs = [
        v4.new_output("stream", name="stdout", text="a\n"),
        v4.new_output("stream", name="stdout", text="b\n"),
        v4.new_output("stream", name="stderr", text=warning),
        v4.new_output("display_data", data={"text/plain": "<Figure>", "image/png": "AAAA"}),
        v4.new_output("display_data", data={"image/png": "AAAA"}),
        v4.new_output(
            "execute_result",
            execution_count=7,
            data={"text/plain": "<X at 0x7f001122aabb>", "text/html": "<b>", **widget},
        ),
    ]
    odd = {"kernelspec": {"name": "odd", "display_name": "Odd"}, "widgets": {}}
    notebook = v4.new_notebook(cells=[cell], metadata=odd)
    clean = notebooks.canonical(notebook)
    nbformat.validate(clean)
    (cell,) = clean.cells
    assert cell.source == "1"
    assert cell.execution_count == 1
    assert cell.metadata == {"tags": ["a"]}
    assert [o.get("text") or o.data["text/plain"] for o in cell.outputs] == [
        "a\nb\n",
        "UserWarning: so\n  f()\n",
        "<Figure>",
        "<X at 0x>",
    ]
    assert cell.outputs[-1].execution_count == 1
    assert set(clean.metadata) == {"kernelspec", "language_info"}
    assert notebooks.written(notebooks.canonical(clean)) == notebooks.written(clean)


def test_running_stores_text_outputs(tmp_path):
    file = tmp_path / "one.ipynb"
    source = "import warnings\nwarnings.warn('careful')\nprint('here')\n6 * 7"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source, id="one")])
    notebooks.execute(notebook, tmp_path)
    file.write_text(notebooks.written(notebooks.canonical(notebook)), encoding="utf-8")
    (cell,) = read(file).cells
    texts = {o.get("name", "result"): o.get("text") or o.data["text/plain"] for o in cell.outputs}
    assert texts["stdout"] == "here\n"
    assert texts["stderr"].startswith("UserWarning: careful\n")
    assert texts["result"] == "42"
    assert str(sys.prefix) not in file.read_text(encoding="utf-8")
