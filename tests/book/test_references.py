"""The pages of reference: entries agree with references.bib, anchors exist, examples compute."""

import json
import re
import unicodedata
from collections import Counter

import pytest

from tools import ROOT

ANCHOR = re.compile(r'<a id="([^"]+)"></a>')
LINK = re.compile(r"\]\(([^()\s]*\.md)#([^()\s]*)\)")
DOI = re.compile(r"10\.\d{4,9}/[-._;()/:A-Za-z0-9]+")
ARXIV = re.compile(r"\d{2}(0[1-9]|1[0-2])\.\d{4,5}")
ANCHORED = ["references.md", "glossary.md", "notation.md", "mathematics.md", "without_seeing.md"]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def anchors(name: str) -> list[str]:
    return ANCHOR.findall(read(name))


def page_entries() -> dict[str, dict]:
    """The entries of references.md, key → text, authors, year, doi, eprint, title."""
    parts = ANCHOR.split(read("references.md"))[1:]
    entries = {}
    for key, text in zip(parts[::2], parts[1::2], strict=True):
        authors, year, rest = re.match(
            r"\n\*\*(.+?) \((\d{4})\)\.\*\* (.+)", text, re.DOTALL
        ).groups()
        entries[key] = {
            "text": text.strip(),
            "authors": authors,
            "year": year,
            "rest": rest,
            "links": re.findall(r"\[([^\]]+)\]\((http[^\s]+?)\)(?=[.;])", text),
        }
    return entries


def bib_entries() -> dict[str, dict]:
    """The entries of references.bib, key → its fields, outer braces taken off."""
    entries = {}
    whole = re.compile(r"^@\w+\{([^,]+),\n(.*?)^\}", re.MULTILINE | re.DOTALL)
    for key, body in whole.findall(read("references.bib")):
        entries[key] = dict(re.findall(r"^\s+(\w+)\s*= \{(.*)\},?$", body, re.MULTILINE))
    return entries


def plain(text: str) -> str:
    """Lower-case letters and digits only: accents, TeX accents, stars and quotes gone."""
    text = re.sub(r"\\[a-zA-Z](?![a-zA-Z])\s*|\\.", "", text.replace(r"{\L}", "L"))
    text = unicodedata.normalize("NFKD", text.replace("Ł", "L"))
    return "".join(c for c in text.lower() if c.isascii() and c.isalnum())


def sources() -> list[tuple[str, str]]:
    """(name, text) of every page, chapter and exercise; of notebooks, the source of all cells."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("chapters/*.md"), *ROOT.glob("exercises/**/*.md")]
    found = [(str(p.relative_to(ROOT)), p.read_text(encoding="utf-8")) for p in sorted(pages)]
    notebooks = [*ROOT.glob("chapters/*.ipynb"), *ROOT.glob("exercises/**/*.ipynb")]
    for path in sorted(p for p in notebooks if ".ipynb_checkpoints" not in p.parts):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells)
        found.append((str(path.relative_to(ROOT)), text))
    return found


PAGE, BIB = page_entries(), bib_entries()


def test_page_and_bibliography_have_the_same_keys():
    assert len(PAGE) > 20
    assert sorted(PAGE) == sorted(BIB)
    keys = re.findall(r"^@\w+\{([^,]+),", read("references.bib"), re.MULTILINE)
    assert len(keys) == len(set(keys)) == len(BIB)
    assert list(PAGE) == keys, "both lists are in the same order"


def test_entries_are_in_alphabetical_order():
    order = [(plain(e["authors"].split(",")[0]), e["year"]) for e in PAGE.values()]
    assert order == sorted(order)


@pytest.mark.parametrize("key", PAGE)
def test_entry_agrees_with_its_bibtex(key):
    page, bib = PAGE[key], BIB[key]
    assert page["year"] == bib["year"]
    assert plain(bib["title"]) in plain(page["rest"])
    surnames = [name.split(",")[0] for name in bib["author"].split(" and ") if name != "others"]
    for surname in surnames:
        assert plain(surname) in plain(page["authors"]), surname
    assert ("others" in bib["author"]) == ("others" in page["authors"])
    assert page["text"].count("\\\n") == page["text"].count("\n") == 1, "source, then its use"
    for field in ("volume", "pages"):
        if field in bib:
            assert bib[field].replace("--", "–") in page["rest"], field


@pytest.mark.parametrize("key", PAGE)
def test_identifiers_are_well_formed_and_agree(key):
    links, bib = PAGE[key]["links"], BIB[key]
    assert len(links) == PAGE[key]["text"].count("](http"), "every link of the entry was read"
    found = {}
    for label, url in links:
        if label.startswith("doi:"):
            found["doi"] = label.removeprefix("doi:")
            assert DOI.fullmatch(found["doi"])
            assert url == f"https://doi.org/{found['doi']}"
        elif label.startswith("arXiv:"):
            found["eprint"] = label.removeprefix("arXiv:")
            assert ARXIV.fullmatch(found["eprint"])
            assert url == f"https://arxiv.org/abs/{found['eprint']}"
        else:
            assert url in (bib.get("url"), "https://d2l.ai")
    assert found == {name: bib[name] for name in ("doi", "eprint") if name in bib}
    if "eprint" in bib:
        assert bib["archiveprefix"] == "arXiv"


def test_no_identifier_is_used_twice():
    for field in ("doi", "eprint", "url"):
        values = Counter(bib[field].lower() for bib in BIB.values() if field in bib)
        assert [v for v, times in values.items() if times > 1] == []


@pytest.mark.parametrize("name", ANCHORED)
def test_anchors_are_unique(name):
    repeated = [a for a, times in Counter(anchors(name)).items() if times > 1]
    assert repeated == []


@pytest.mark.parametrize(("name", "text"), sources(), ids=[name for name, _ in sources()])
def test_links_to_anchors_resolve(name, text):
    for target, anchor in LINK.findall(text):
        path = (ROOT / name).parent / target
        assert path.is_file(), f"{name} links to {target}, which is not there"
        page = path.resolve().relative_to(ROOT).as_posix()
        if page in ANCHORED:
            assert anchor in anchors(page), (
                f"{name} links to {target}#{anchor}, which has no anchor"
            )


@pytest.mark.parametrize("name", ANCHORED)
def test_links_to_files_resolve(name):
    for target in re.findall(r"\]\(((?!https?:)[^()\s#]+)(?:#[^()\s]*)?\)", read(name)):
        assert (ROOT / target).is_file(), f"{name} links to {target}, which is not there"


def test_glossary_is_in_alphabetical_order():
    terms = re.findall(r'^<a id="[^"]+"></a>\*\*(.+?)\*\*', read("glossary.md"), re.MULTILINE)
    names = [plain(re.sub(r"\$[^$]*\$", "", term)) for term in terms]
    assert len(terms) > 40
    assert names == sorted(names)


def python_of(name: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", read(name), re.DOTALL)


def test_the_numbers_of_the_mathematics_page():
    (block,) = python_of("mathematics.md")
    assert block.count("assert") >= 11
    exec(compile(block, "mathematics.md", "exec"), {})


def test_the_code_of_without_seeing_runs_and_says_what_the_page_says(capsys):
    names = {}
    for block in python_of("without_seeing.md"):
        exec(compile(block, "without_seeing.md", "exec"), names)
    first, *others = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"estimate \d\.\d{3}, effective keys \d+\.\d", first)
    assert len(others) == 5
    assert names["explorer"].sigma == 0.3


def test_without_seeing_names_the_controls_as_the_explorer_does():
    widgets = ROOT / "d2lmini" / "widgets"
    code = "".join(p.read_text(encoding="utf-8") for p in sorted(widgets.rglob("*.[jp][sy]")))
    page = read("without_seeing.md")
    controls = re.findall(r"^\| (?!control|---)(.+?) \|", page, re.MULTILINE)
    readouts = re.findall(r"^- \*\*(.+?)\*\*", page, re.MULTILINE)
    sayings = ["kernel smoother", "none: no key in reach"]
    assert len(controls) == 8
    assert len(readouts) == 4
    for name in controls + readouts[1:] + sayings:
        assert f'"{name}"' in code, name
        assert name in page
