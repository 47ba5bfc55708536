"""The built site as files, and the build itself: what is there, what faults and edits do."""

import html
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
import yaml
from fontTools.ttLib import TTFont
from sphinxcontrib import katex

from tools import ROOT, build, links

CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
MOVED = yaml.safe_load((ROOT / "book" / "moved.yml").read_text(encoding="utf-8"))
PAGES = [TOC["root"], *(c["file"] for part in TOC["parts"] for c in part["chapters"])]
NOTEBOOKS = [page for page in PAGES if (ROOT / f"{page}.ipynb").exists()]
#: page → names of its explorers
EXPLORERS = {"intro": ["Smoother"], "chapters/02_nadaraya_watson": ["Smoother"]}

each_page = pytest.mark.parametrize("name", PAGES)


def extension(name: str):
    """A module of book/extensions, as Sphinx loads it: by its file."""
    file = ROOT / "book" / "extensions" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Elements(HTMLParser):
    """Every start tag of a page with its attributes, and the text inside <h1>."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.titles: list[str] = []
        self._in_title = False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, {k: v or "" for k, v in attributes}))
        if tag == "h1":
            self.titles.append("")
            self._in_title = True

    def handle_endtag(self, tag):
        self._in_title = self._in_title and tag != "h1"

    def handle_data(self, data):
        if self._in_title:
            self.titles[-1] += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.found if name == tag]


def text_of(site: Path, name: str) -> str:
    return (site / f"{name}.html").read_text(encoding="utf-8")


def article(text: str) -> str:
    return text[text.index('<article class="bd-article">') : text.index("</article>")]


def title_in_source(name: str) -> str:
    """The first heading of a page's source."""
    if name in NOTEBOOKS:
        text = nbformat.read(ROOT / f"{name}.ipynb", as_version=4).cells[0].source
    else:
        text = (ROOT / f"{name}.md").read_text(encoding="utf-8")
    return re.search(r"^# +(.+?) *$", text, flags=re.MULTILINE)[1]


# -------------------------------------------------------------------------------- the site


def test_every_chapter_is_in_the_table_of_contents():
    chapters = [f"chapters/{file.stem}" for file in sorted((ROOT / "chapters").glob("*.ipynb"))]
    assert chapters == [page for page in PAGES if page.startswith("chapters/")]


def test_exactly_the_pages_of_the_table_of_contents(site):
    there = {p.relative_to(site).with_suffix("").as_posix() for p in site.rglob("*.html")}
    assert there == {*PAGES, "index", "search", *MOVED["pages"]}
    assert len(PAGES) == len(set(PAGES)) >= 5


@each_page
def test_a_page_holds_what_its_source_says(site, name):
    text = text_of(site, name)
    elements = Elements(text)
    (title,) = elements.titles
    assert title.removesuffix("#").strip() == title_in_source(name)
    assert (
        html.escape(title.removesuffix("#").strip(), quote=False)
        in re.search("<title>(.*?)</title>", text)[1]
    )
    words = re.sub(r"<[^>]+>", " ", article(text)).split()
    assert len(words) > 80
    assert elements.all("html")[0]["lang"] == "en"


def test_the_landing_page_is_index_html(site):
    assert text_of(site, "index") == text_of(site, TOC["root"])


@pytest.mark.parametrize("name", EXPLORERS)
def test_explorers_are_in_the_page_with_their_state(site, name):
    text = text_of(site, name)
    (state,) = re.findall(
        r'<script type="application/vnd\.jupyter\.widget-state\+json">(.*?)</script>',
        text,
        flags=re.DOTALL,
    )
    models = json.loads(state)["state"]
    views = re.findall(
        r'<script type="application/vnd\.jupyter\.widget-view\+json">(.*?)</script>',
        text,
        flags=re.DOTALL,
    )
    assert len(views) >= len(EXPLORERS[name])
    for view in map(json.loads, views):
        assert view["model_id"] in models
    modules = [model["state"]["_esm"] for model in models.values() if "_esm" in model["state"]]
    assert len(modules) >= len(EXPLORERS[name])
    assert any(model["model_name"] == "FloatLogSliderModel" for model in models.values())
    assert any(model["model_name"] == "LinkModel" for model in models.values())


@each_page
def test_nothing_on_a_page_waits_for_a_kernel(site, name):
    said = re.sub(r"<[^>]+>", " ", article(text_of(site, name)))
    assert not re.search(
        r"kernel (connection )?(is )?required|loading widget|error displaying widget", said, re.I
    )
    assert "require.min.js" not in text_of(site, name)
    assert "thebe" not in text_of(site, name).lower()


def test_every_link_leads_somewhere_and_nothing_is_loaded_from_elsewhere(site):
    assert links.check(site, ROOT) == []


@pytest.mark.parametrize("name", [*PAGES, "search"])
def test_what_formulas_need_is_loaded_where_there_is_one_and_only_there(site, name):
    text = text_of(site, name)
    assert not [s for s in Elements(text).all("script") if "mathjax" in s.get("src", "").lower()]
    needed = re.findall(r'(?:href|src)="[^"]*katex/([\w.-]+?)(?:\?[^"]*)?"', text)
    expected = ["copy-tex.min.js", "katex.min.css"] if 'class="math"' in text else []
    assert sorted(needed) == expected


@each_page
def test_every_formula_is_set_for_the_eye_and_for_the_ear(site, name):
    text = text_of(site, name)
    for formula in text.split('class="math"')[1:]:
        assert re.match(r'[^>]*>\s*(<span class="katex-display">)?<span class="katex">', formula)
        assert formula.count("<math ") == formula.count('encoding="application/x-tex"') == 1
        assert formula.count('class="katex-html" aria-hidden="true"') == 1
    assert "katex-error" not in text


def test_style_and_fonts_of_formulas_are_of_the_katex_that_sets_them():
    folder = ROOT / "book" / "static" / "katex"
    style = (folder / "katex.min.css").read_text()
    assert f'content:"{katex.katex_version}"' in style
    fonts = set(re.findall(r"url\((fonts/[^)]+)\)", style))
    assert fonts == {file.relative_to(folder).as_posix() for file in folder.glob("fonts/*")}


#: A server whose socket is there, refusing, before it listens; or which never listens.
LATE = """
import socket, sys, time
given = socket.socket(socket.AF_UNIX)
given.bind(sys.argv[1])
time.sleep(float(sys.argv[2]))
given.listen()
time.sleep(60)
"""


def late_server(monkeypatch, seconds: float) -> None:
    def command(socket):
        return [sys.executable, "-c", LATE, str(socket), str(seconds)]

    monkeypatch.setattr(katex.KaTeXServer, "build_command", command)


def test_a_formula_server_that_listens_late_is_waited_for(tmp_path, monkeypatch):
    late_server(monkeypatch, 0.5)
    process, connection = extension("mathematics").start_server(tmp_path, patience=30)
    assert connection.getpeername() == str(tmp_path / "katex.sock")
    connection.close()
    process.kill()
    process.wait()


def test_a_formula_server_that_never_listens_is_said_and_not_left_behind(tmp_path, monkeypatch):
    late_server(monkeypatch, 60)
    started = []
    popen = subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[0]
    )
    with pytest.raises(katex.KaTeXError, match=r"after 0\.5 seconds"):
        extension("mathematics").start_server(tmp_path, patience=0.5)
    assert started[0].wait(timeout=10) != 0


def test_mathematics_is_somewhere(site):
    assert sum('class="math"' in text_of(site, name) for name in PAGES) >= 2


@each_page
def test_pictures_have_alt_text(site, name):
    for image in Elements(article(text_of(site, name))).all("img"):
        alt = image.get("alt", "")
        assert len(alt.split()) >= 3, image
        assert not re.search(r"[\\/]|\.(png|svg)$", alt), image


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_launch_and_download_links_of_a_chapter(site, name):
    targets = [a.get("href", "") for a in Elements(text_of(site, name)).all("a")]
    owner = CONFIG["repository"]["url"].removeprefix("https://github.com/")
    assert f"https://colab.research.google.com/github/{owner}/blob/main/{name}.ipynb" in targets
    assert f"https://mybinder.org/v2/gh/{owner}/main?urlpath=lab/tree/{name}.ipynb" in targets
    (download,) = {t for t in targets if t.endswith(f"_sources/{name}.ipynb")}
    fetched = nbformat.read((site / f"{name}.html").parent / download, as_version=4)
    assert len(fetched.cells) == len(nbformat.read(ROOT / f"{name}.ipynb", as_version=4).cells)


def test_the_theme_leaves_its_heavy_parts_at_home(site):
    names = {path.name for path in (site / "_static").rglob("*")}
    assert not {
        name
        for name in names
        if "fontawesome" in name or name.startswith("fa-") or name.endswith(".map")
    }
    styles = "".join(p.read_text(encoding="utf-8") for p in (site / "_static").rglob("*.css"))
    assert "fa-solid-900" not in styles


def test_every_icon_that_a_page_uses_is_drawn(site):
    style = (site / "_static" / "book.css").read_text(encoding="utf-8")
    kinds = {"fa-solid", "fa-lg", "fa-regular", "fa-brands"}
    for name in [*PAGES, "search"]:
        for attributes in [
            a for tag, a in Elements(text_of(site, name)).found if tag in ("i", "span")
        ]:
            for icon in set(re.findall(r"\bfa-[\w-]+", attributes.get("class", ""))) - kinds:
                assert f".{icon} " in style, f"{name} shows {icon}, which book.css does not draw"


# -------------------------------------------------------------------------------- what is left out


STAYS = """.a{x:1} #b .a{x:1} em>.a:hover::before{x:1} :root{--y:2} .a:not(.gone){x:1}
[data-gone] .a{x:1} .a,.gone{x:1} .a:is(.gone,em){x:1} @media print{.gone{x:1}.a{x:1}}
@font-face{font-family:gone}"""
GOES = (
    ".gone{x:1} .a .gone{x:1} #gone{x:1} strong.a{x:1} .a:is(.gone){x:1} @media print{.gone{x:1}}"
)
LEFT = """.a{x:1}#b .a{x:1}em>.a:hover::before{x:1}:root{--y:2}.a:not(.gone){x:1}[data-gone] .a{x:1}
.a{x:1}.a:is(.gone,em){x:1}@media print{.a{x:1}}@font-face{font-family:gone}"""


def squeezed(css: str) -> str:
    return re.sub(r"(?<=[{},]) +| +(?=[{])|\n", "", css)


def test_a_rule_that_can_match_stays_and_no_other():
    left = extension("lean").lean(STAYS + GOES, {"a", "b", "em"})
    assert squeezed(left) == squeezed(LEFT)


def test_words_are_those_of_pages_and_scripts(tmp_path):
    page, script = tmp_path / "a.html", tmp_path / "a.js"
    page.write_text("<p class='one two' id=three><script>f('four')</script>")
    script.write_text("x.classList.add('five-six')")
    words = extension("lean").words_of([page], [script])
    assert words >= {"one", "two", "three", "four", "five-six", "p", "html"}
    assert "seven" not in words


def test_letters_of_formulas_are_those_that_are_drawn(tmp_path):
    page = tmp_path / "a.html"
    page.write_text('<b>w<span class="katex-html"><i>x<span>&lt;</span></i></span>y</b><span>z')
    assert extension("lean").letters_of([page]) == set(" \u00a0x<")


def test_fonts_have_the_letters_of_formulas_and_are_small(site):
    fonts = site / "_static" / "katex" / "fonts"
    main, italic = (
        TTFont(fonts / f"KaTeX_{name}.woff2").getBestCmap()
        for name in ("Main-Regular", "Math-Italic")
    )
    assert {ord(x) for x in "0123456789=()−≤∞"} <= set(main)
    assert {ord(x) for x in "αnqkvσ"} <= set(italic)
    for font in (ROOT / "book" / "static" / "katex" / "fonts").glob("*.woff2"):
        assert (fonts / font.name).stat().st_size < font.stat().st_size


# ------------------------------------------------------------------------- the link checker


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ('<a href="gone.html">x</a>', "broken link: gone.html does not exist"),
        ('<a href="other.html#gone">x</a>', "no 'gone' there"),
        ('<a href="#gone">x</a>', "no 'gone' there"),
        ('<img src="gone.png" alt="a">', "gone.png does not exist"),
        (
            '<script src="https://cdn.example/x.js"></script>',
            "loads https://cdn.example/x.js from elsewhere",
        ),
        ('<script src="//cdn.example/x.js"></script>', "from elsewhere"),
        ('<script type="module">import "https://cdn.example/m.js"</script>', "m.js from elsewhere"),
        ('<link rel="stylesheet" href="https://cdn.example/x.css">', "x.css from elsewhere"),
        ('<link rel="preconnect" href="https://cdn.example">', "cdn.example from elsewhere"),
        ('<img src="a.png" srcset="https://cdn.example/b.png 2x" alt="a">', "b.png from elsewhere"),
        ('<p style="background: url(https://cdn.example/c.png)">x</p>', "c.png from elsewhere"),
        ("<style>@import 'https://cdn.example/d.css';</style>", "d.css from elsewhere"),
        ('<iframe src="https://cdn.example/e.html"></iframe>', "e.html from elsewhere"),
    ],
)
def test_the_link_checker_sees(tmp_path, fault, told):
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "other.html").write_text('<h1 id="here">x</h1>', encoding="utf-8")
    page = tmp_path / "page.html"
    right = (
        '<a href="other.html#here">x</a><a href="https://example.org">x</a><p id="top"></p>'
        '<a href="mailto:a@b.c">x</a><img src="data:image/png;base64,AA" alt="a">'
        '<img src="a.png" alt="a"><a href="#top">x</a>'
    )
    page.write_text(right, encoding="utf-8")
    (tmp_path / "page.md").write_text("", encoding="utf-8")
    assert links.check(tmp_path, tmp_path) == []
    page.write_text(right + fault, encoding="utf-8")
    (problem,) = links.check(tmp_path, tmp_path)
    assert problem.startswith("page.md: ")
    assert told in problem


def test_the_link_checker_reads_style_sheets(tmp_path):
    (tmp_path / "x.css").write_text(
        "a{background:url('https://e.org/f.woff')} b{src:url(no.woff)}", encoding="utf-8"
    )
    elsewhere, missing = links.check(tmp_path)
    assert elsewhere == "x.css: loads https://e.org/f.woff from elsewhere"
    assert missing == "x.css: no.woff does not exist"


# -------------------------------------------------------------------------------- the build


@pytest.fixture(scope="module")
def small_book(tmp_path_factory) -> Path:
    """A book of three pages with this book's settings and a package of its own."""
    book = tmp_path_factory.mktemp("book")
    shutil.copytree(ROOT / "book", book / "book", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("_config.yml", "requirements.txt"):
        shutil.copy(ROOT / name, book)
    (book / "book" / "moved.yml").write_text("{pages: {}, headings: {}}\n", encoding="utf-8")
    (book / "d2lmini").mkdir()
    (book / "d2lmini" / "__init__.py").write_text("answer = 41\n", encoding="utf-8")
    (book / "chapters").mkdir()
    write(book)
    return book


def write(
    book: Path,
    *,
    cell: str = "import d2lmini\nprint('the answer is', d2lmini.answer)",
    link: str = "more.md#there",
    pages: tuple[str, ...] = ("chapters/one", "more"),
) -> None:
    """(Re)write the pages of the small book."""
    toc = {"format": "jb-book", "root": "intro", "chapters": [{"file": page} for page in pages]}
    (book / "_toc.yml").write_text(yaml.safe_dump(toc, sort_keys=False), encoding="utf-8")
    (book / "intro.md").write_text(f"# Small\n\n[more]({link})\n", encoding="utf-8")
    (book / "more.md").write_text('# More\n\n<a id="there"></a> Here, $x^2$.\n', encoding="utf-8")
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("# One\n\nText.", id="title"),
            nbformat.v4.new_code_cell(cell, id="cell"),
        ],
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        },
    )
    nbformat.write(notebook, book / "chapters" / "one.ipynb")


def run(book: Path) -> tuple[int, str, float]:
    """Build the small book; exit status, everything said, seconds."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "tools.build", "--source", book]
    done = subprocess.run(
        command,
        cwd=ROOT,
        text=True,
        encoding="utf-8",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
    )
    return done.returncode, done.stdout, time.perf_counter() - started


def test_a_missing_page_fails_and_is_named(small_book):
    write(small_book, pages=("chapters/one", "more", "chapters/gone"))
    status, said, _ = run(small_book)
    assert status != 0
    assert re.search(r"error: _toc.yml: there is no page 'chapters/gone'", said)
    assert not (small_book / "_build" / "html").exists()


def test_faults_fail_and_are_named_again_and_again(small_book):
    write(small_book, cell="values = [1]\nvalues[3]", link="gone.md")
    for _ in range(2):
        status, said, _ = run(small_book)
        assert status != 0
        assert (
            "error: chapters/one.ipynb: a cell failed: IndexError: list index out of range" in said
        )
        assert re.search(r"error: intro\.md, line 3: broken link: 'gone\.md'", said)
        assert "2 problems" in said
        assert not (small_book / "_build" / "html").exists()


def test_a_missing_anchor_and_a_raw_link_are_named(small_book):
    write(small_book, link="more.md#nowhere")
    status, said, _ = run(small_book)
    assert status != 0
    assert re.search(
        r"error: intro\.md, line 3: broken link: page 'more' has no anchor 'nowhere'", said
    )
    write(small_book)
    with (small_book / "more.md").open("a", encoding="utf-8") as file:
        file.write('\n<a href="away.html">x</a>\n')
    status, said, _ = run(small_book)
    assert status != 0
    assert "error: more.md: broken link: away.html does not exist" in said


def test_build_again_edit_and_delete(small_book):
    cell = "import d2lmini as d\nprint('the answer is', d.answer)"
    write(small_book, cell=cell)
    html = small_book / "_build" / "html"
    status, said, _ = run(small_book)
    assert status == 0, said
    assert "running  chapters/one.ipynb" in said
    assert said.rstrip().endswith(str(html / "index.html"))
    assert "the answer is 41" in text_of(html, "chapters/one")

    status, said, seconds = run(small_book)
    assert (status, seconds < 10) == (0, True)
    assert said.startswith("Nothing has changed")
    assert said.rstrip().endswith(str(html / "index.html"))

    (small_book / "d2lmini" / "__init__.py").write_text("answer = 42\n", encoding="utf-8")
    pages = ("chapters/one",)
    write(small_book, cell=cell, pages=pages, link="chapters/one.ipynb")
    (small_book / "more.md").unlink()
    status, said, _ = run(small_book)
    assert status == 0, said
    assert "the answer is 42" in text_of(html, "chapters/one")
    assert not (html / "more.html").exists()

    (small_book / "intro.md").write_text("# Small\n\nOther words.\n", encoding="utf-8")
    status, said, _ = run(small_book)
    assert status == 0, said
    assert "running" not in said
    assert "Other words" in text_of(html, "intro")


def test_the_stamp_sees_every_input_and_no_test(tmp_path):
    for name in (
        "a.md",
        "book/x.css",
        "d2lmini/w/x.js",
        "tests/t.py",
        ".venv/x",
        "_build/x",
        "d2lmini/__pycache__/x.pyc",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1", encoding="utf-8")
    seen = {path.relative_to(tmp_path).as_posix() for path in build.inputs(tmp_path)}
    assert seen == {"a.md", "book/x.css", "d2lmini/w/x.js"}
    assert {path.name for path in build.code(tmp_path)} == {"x.js"}
    before = build.hash_of(build.inputs(tmp_path), tmp_path)
    (tmp_path / "book" / "x.css").rename(tmp_path / "book" / "y.css")
    assert build.hash_of(build.inputs(tmp_path), tmp_path) != before
