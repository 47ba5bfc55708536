"""The API reference: every public name is on it, once, with its arguments and its docstring."""

import html
import importlib
import importlib.util
import inspect
import re

import docutils.core
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import d2lmini
from tools import ROOT

SOURCE = (ROOT / "api.md").read_text(encoding="utf-8")
LISTED = re.findall(r"^```\{public\} ([\w.]+)$", SOURCE, flags=re.M)
#: Public in a module whose other names are for those who write exercises: TEACHING says how.
FOR_AUTHORS = {"EXERCISES", "Exercise", "Mistake", "judge"}

#: What a reader needs of these is in the package's ``__all__``; the rest is for other modules.
WITHIN = {"d2lmini.attention"}


def public(module: str) -> set[str]:
    """``__all__`` without modules, or the functions and classes that a module itself defines."""
    module = importlib.import_module(module)
    names = getattr(module, "__all__", None) or [
        name
        for name, thing in inspect.getmembers(module)
        if not name.startswith("_")
        and (inspect.isfunction(thing) or inspect.isclass(thing))
        and thing.__module__ == module.__name__
    ]
    names = {name for name in names if not inspect.ismodule(getattr(module, name))}
    return names - FOR_AUTHORS


EXPECTED = sorted({(module, name) for module in LISTED for name in public(module)})


@pytest.fixture(scope="module")
def page(site) -> str:
    text = (site / "api.html").read_text(encoding="utf-8")
    return text[text.index('<article class="bd-article">') : text.index("</article>")]


@pytest.fixture(scope="module")
def headings(page) -> dict[str, str]:
    """anchor → its signature, the # that links to it, and what stands below."""
    parts = page.split('<dt class="sig')[1:]
    anchors = [re.search(r'id="([^"]+)"', part)[1] for part in parts]
    assert len(set(anchors)) == len(anchors)
    texts = [html.unescape(re.sub(r"<[^>]+>", "", part.partition(">")[2])) for part in parts]
    return dict(zip(anchors, texts, strict=True))


def anchor_of(module: str, name: str, anchors: set[str]) -> str:
    """Under which of its paths a name stands; exactly one."""
    (path,) = {f"d2lmini.{name}", f"{module}.{name}"} & anchors
    assert attribute(path) is getattr(importlib.import_module(module), name)
    return path


def attribute(path: str) -> object:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def test_no_module_is_forgotten():
    modules = {"d2lmini", *(f"d2lmini.{name}" for name in d2lmini._SUBMODULES)}
    assert set(LISTED) == modules - WITHIN
    assert len(LISTED) == len(set(LISTED))
    for module in WITHIN:
        assert public(module) & set(d2lmini.__all__)


@pytest.mark.parametrize(("module", "name"), EXPECTED)
def test_a_public_name_is_on_the_page_with_its_arguments_and_its_text(headings, module, name):
    thing = getattr(importlib.import_module(module), name)
    text = headings[anchor_of(module, name, headings.keys())]
    assert name in text
    signature, _, said = text.partition("#")  # the link to the heading
    assert len(said.split()) >= 5
    if inspect.isfunction(thing) or (inspect.isclass(thing) and "__init__" in vars(thing)):
        for argument in set(inspect.signature(thing).parameters) - {"self"}:
            assert re.search(rf"\b{argument}\b", signature), argument


def test_nothing_private_and_nothing_foreign_is_on_the_page(headings):
    for anchor in headings:
        assert anchor.startswith("d2lmini.")
        assert not re.search(r"\._(?!_call__)", anchor)


@pytest.mark.parametrize("constant", ["d2lmini.KERNELS", "d2lmini.plots.PALETTE"])
def test_constants_are_described(headings, constant):
    assert "dict(" not in headings[constant]
    assert len(headings[constant].partition("#")[2].split()) >= 5


def test_no_markup_is_left_in_the_text(page):
    assert not re.search(r"``|:py:|:doc:|__ |\\ |&lt;references", re.sub("<[^>]+>", "", page))
    assert 'class="problematic"' not in page


def test_formulas_names_chapters_and_references_are_set_as_such(page):
    assert re.search(r"<pre>.*weights\[j\] = alpha\[j\]", page)
    (text,) = re.findall(r'id="d2lmini\.local_linear">.*?</dd>', page, flags=re.DOTALL)
    for target in (
        "#d2lmini.nadaraya_watson",
        "chapters/05_a_better_local_fit.html",
        "references.html#fan1992",
    ):
        assert f'href="{target}"' in text
    assert text.count("chapters/05") == 1  # not chapter 5 of Wand and Jones


# The markup that docstrings do without -----------------------------------------------------------


@pytest.fixture(scope="module")
def reference():
    file = ROOT / "book" / "extensions" / "reference.py"
    spec = importlib.util.spec_from_file_location("reference", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def writer(reference):
    return reference.Writer(ROOT, reference.entries(LISTED), "d2lmini.nadaraya_watson")


def shown(lines: list[str]) -> str:
    """What docutils makes of reStructuredText, as plain text; any complaint is an error."""
    settings = {"halt_level": 2, "report_level": 2, "smart_quotes": False, "_disable_config": True}
    document = docutils.core.publish_doctree("\n".join(lines), settings_overrides=settings)
    return document.astext()


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab *`|_\\<>:.,;()[]{}-+#=~^'\"019ασ", max_size=60))
@example("mean of |q_i - k_j|, (steps + 1, *shape of w), (1 - u)_+ and **kwargs")
@example("1. not a list")
@example("A. neither")
@example("- nor this")
@example(":field: no field")
@example(".. comment:: no comment")
@example(">>> no doctest")
@example("=====")
def test_any_words_come_back_as_they_were(writer, text):
    text = " ".join(text.replace("``", "").replace("'", "").split())
    if text:
        assert shown(list(writer.lines([text]))) == text


def test_code_formulas_and_parameters_are_told_apart(writer):
    given = ["Mean of ``a_|b|`` there.", "", "    |x|* = `y`_", "", "Errors: ValueError."]
    made = "\n".join(writer.lines(given))
    assert "``a_|b|``" in made
    assert ".. code-block:: text\n\n   |x|* = `y`_\n" in made
    assert "**Errors:**" in made
    fields = ["Parameters", "----------", "sigma : width,", "    positive.", "n : how many_"]
    made = list(writer.lines(fields))
    assert [line.split(": ")[0] for line in made if line] == [":param sigma", ":param n"]
    assert "width, positive." in made[0]


def test_common_words_are_links_only_where_they_are_near(reference):
    sections = reference.entries(LISTED)
    plots = reference.Writer(ROOT, sections, "d2lmini.plots.fits")
    explorer = reference.Writer(ROOT, sections, "d2lmini.widgets.Kernels")
    assert "d2lmini.plots.fit>" in plots.paragraph("Panels of ``fit``")
    assert "d2lmini" not in explorer.paragraph("Explorer ``kernels``: fit a check, errors")
    assert "<d2lmini.select_bandwidth>" in explorer.paragraph("see select_bandwidth")
    assert "<d2lmini.learning.fit>" in explorer.paragraph("see learning.fit")


def test_types_are_shown_as_they_are_written(reference):
    def aliased(keys: "Array", *rest: int, sigma: float = 1.0) -> "Array":  # noqa: F821
        """Nothing."""

    assert reference.written(aliased) == (
        "(keys: 'Array', *rest: int, sigma: float=1.0)",
        "'Array'",
    )
    assert reference.written(len) is None
