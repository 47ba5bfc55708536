"""Style sheets without the rules, and fonts without the letters, that no page of this site needs.

The theme brings rules for everything that a site may have. A rule stays here if every class, id and
element that its selector needs occurs in a built page or is set by one of the scripts. Otherwise it
cannot match, and it only costs a slow line and a slow processor. The fonts of formulas keep what
formulas are written in.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import tinycss2
from fontTools import subset
from sphinx.application import Sphinx
from tinycss2 import ast

#: Ours stay as they are written.
OURS = ("book.css", "host/host.css")
ATTRIBUTE = re.compile(r"\b(?:class|id)=(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))")
ELEMENT = re.compile(r"<([a-z][a-z0-9-]*)")
PART = re.compile(r"(</span)|(<span)|>([^<]+)")
WORD = re.compile(r"[A-Za-z_][\w-]*")
ANY_OF = {"is", "where"}


def words_of(pages: Iterable[Path], scripts: Iterable[Path]) -> set[str]:
    """Every class, id and element of the pages, and every word of the scripts, which may set it."""
    words: set[str] = {"html", "body"}
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for found in ATTRIBUTE.findall(text):
            words.update("".join(found).split())
        words.update(ELEMENT.findall(text))
        for script in re.findall(r"<script[^>]*>(.*?)</script>", text, re.DOTALL):
            words.update(WORD.findall(script))
    for script in scripts:
        words.update(WORD.findall(script.read_text(encoding="utf-8")))
    return words


def can_match(selector: list[ast.Node], words: set[str]) -> bool:
    """Whether everything that one selector (without commas) needs is among the words."""
    before = None
    for token in selector:
        if token.type == "ident" and before != ":":
            needed = token.value in words if before == "." else token.lower_value in words
        elif token.type == "hash":
            needed = token.value in words
        elif token.type == "function" and token.lower_name in ANY_OF:
            needed = any(can_match(one, words) for one in split(token.arguments))
        else:
            needed = True
        if not needed:
            return False
        before = token.value if token.type == "literal" else None
    return True


def split(tokens: list[ast.Node]) -> Iterator[list[ast.Node]]:
    """The selectors between the commas."""
    one: list[ast.Node] = []
    for token in tokens:
        if token.type == "literal" and token.value == ",":
            yield one
            one = []
        else:
            one.append(token)
    yield one


def kept(rules: list[ast.Node], words: set[str]) -> Iterator[ast.Node]:
    """The rules that can match; inside @media and @supports likewise."""
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = [one for one in split(rule.prelude) if can_match(one, words)]
            if selectors:
                rule.prelude = join(selectors)
                yield rule
        elif (
            rule.type == "at-rule"
            and rule.content is not None
            and rule.lower_at_keyword in ("media", "supports")
        ):
            inside = tinycss2.parse_rule_list(
                rule.content, skip_comments=True, skip_whitespace=True
            )
            rule.content = list(kept(inside, words))
            if rule.content:
                yield rule
        elif rule.type != "comment":
            yield rule


def join(selectors: list[list[ast.Node]]) -> list[ast.Node]:
    comma = ast.LiteralToken(0, 0, ",")
    joined: list[ast.Node] = []
    for one in selectors:
        joined += [*([comma] if joined else []), *one]
    return joined


def lean(text: str, words: set[str]) -> str:
    """A style sheet with only the rules that can match, comments and line breaks gone."""
    rules = tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True)
    return "".join(re.sub(r"\s+", " ", rule.serialize()) for rule in kept(rules, words))


def letters_of(pages: Iterable[Path]) -> set[str]:
    """Every letter and sign in the formulas of the pages, as they are drawn."""
    letters = set(" \u00a0")
    for page in pages:
        for after in page.read_text(encoding="utf-8").split('<span class="katex-html"')[1:]:
            depth = 1
            for closing, opening, text in PART.findall(after):
                depth += bool(opening) - bool(closing)
                if not depth:
                    break
                letters.update(html.unescape(text))
    return letters


def keep_letters(font: Path, letters: set[str]) -> None:
    """Take from a font what is not among the letters."""
    options = subset.Options(
        flavor="woff2", hinting=False, layout_features=["*"], notdef_outline=True
    )
    opened = subset.load_font(str(font), options)
    wanted = subset.Subsetter(options)
    wanted.populate(unicodes=[ord(letter) for letter in letters])
    wanted.subset(opened)
    subset.save_font(opened, str(font), options)


def finish(app: Sphinx, error: Exception | None) -> None:
    if error is not None or app.builder.format != "html":
        return
    site = Path(app.outdir)
    static = site / "_static"
    words = words_of(site.rglob("*.html"), static.rglob("*.js"))
    for sheet in static.rglob("*.css"):
        if sheet.relative_to(static).as_posix() not in OURS:
            sheet.write_text(lean(sheet.read_text(encoding="utf-8"), words), encoding="utf-8")
    letters = letters_of(site.rglob("*.html"))
    for font in static.glob("katex/fonts/*.woff2"):
        keep_letters(font, letters)


def setup(app: Sphinx) -> dict:
    app.connect("build-finished", finish, priority=950)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
