"""The API reference: `{public} module` lists a module's public names with autodoc, from docstrings.

Each name stands once on the page, under its shortest path: `d2lmini.nadaraya_watson`, for it can be
imported from there. That path is also its anchor, for `[text](api.md#d2lmini.nadaraya_watson)`.
Docstrings are plain text; here they get the markup that they do without.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from docutils.transforms import Transform
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

PACKAGE = "d2lmini"
LISTED = re.compile(r"^```\{public\} ([\w.]+)$", re.MULTILINE)


# What is public ----------------------------------------------------------------------------------


def public_names(module: ModuleType) -> list[str]:
    """``__all__``, or what the module defines and documents, in the order of the source."""
    if hasattr(module, "__all__"):
        names = [name for name in module.__all__ if not inspect.ismodule(getattr(module, name))]
        return sorted(names, key=lambda name: place(getattr(module, name)))
    described = comments(module)
    return [
        name
        for name, thing in vars(module).items()
        if not name.startswith("_")
        and (getattr(thing, "__module__", None) == module.__name__ or name in described)
        and (inspect.isclass(thing) or inspect.isfunction(thing) or name in described)
    ]


def place(thing: object) -> tuple[bool, str, int]:
    """Where it is in the source; exceptions come last."""
    if not (inspect.isclass(thing) or inspect.isfunction(thing)):
        return False, "", 0
    exception = inspect.isclass(thing) and issubclass(thing, BaseException)
    return exception, thing.__module__, inspect.getsourcelines(thing)[1]


def comments(module: ModuleType) -> dict[str, list[str]]:
    """The `#:` comments of a module's constants."""
    found = ModuleAnalyzer.for_module(module.__name__).find_attr_docs()
    return {name: lines for (owner, name), lines in found.items() if not owner}


def path_of(module: ModuleType, name: str) -> str:
    """The shortest path by which a reader gets at it."""
    package = import_module(PACKAGE)
    short = name in package.__all__ and getattr(package, name) is getattr(module, name)
    return f"{PACKAGE}.{name}" if short else f"{module.__name__}.{name}"


def entries(listed: list[str]) -> dict[str, list[str]]:
    """module → paths of what stands in its section; in the package's, what has no other."""
    sections = {}
    for name in sorted(listed, key=lambda name: -name.count(".")):  # the package comes last
        module = import_module(name)
        paths = [path_of(module, public) for public in public_names(module)]
        taken = {path for section in sections.values() for path in section}
        sections[name] = [path for path in paths if path not in taken]
    return sections


def thing_at(path: str) -> object:
    """What has that path: something in a module, or in a class of it."""
    owner, _, name = path.rpartition(".")
    inside_class = owner.rpartition(".")[2][:1].isupper()
    return getattr(thing_at(owner) if inside_class else import_module(owner), name)


class Public(SphinxDirective):
    """List the public names of a module; with `only`, those."""

    required_arguments = 1
    option_spec = {"only": directives.unchanged_required}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        module = self.arguments[0]
        page = Path(self.env.doc2path(self.env.docname)).read_text(encoding="utf-8")
        paths = entries(LISTED.findall(page))[module]
        if only := self.options.get("only", "").split():
            named = {path.rpartition(".")[2]: path for path in paths}
            if missing := set(only) - set(named):
                raise self.error(f"{module} has no public {', '.join(sorted(missing))}")
            paths = [named[name] for name in only]
        text = ["`````{eval-rst}", *(line for path in paths for line in entry(path)), "`````"]
        node = nodes.container(classes=["api"])
        self.state.nested_parse(StringList(text, self.get_source_info()[0]), 0, node)
        return node.children


def entry(path: str) -> list[str]:
    """What autodoc is told of one name."""
    thing = thing_at(path)
    if inspect.isfunction(thing):
        return [f".. autofunction:: {path}", ""]
    if not inspect.isclass(thing):
        return [f".. autodata:: {path}", "   :no-value:", ""]
    if issubclass(thing, BaseException):
        return [f".. autoexception:: {path}", "   :no-members:", ""]
    return [f".. autoclass:: {path}", "   :members:", "   :special-members: __call__", ""]


# Signatures as the source has them ---------------------------------------------------------------


def written(function: object) -> tuple[str, str | None] | None:
    """Arguments and result of a function as they are written, without self; None without source."""
    try:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    if not isinstance(tree, ast.FunctionDef):
        return None
    first = tree.args.args[:1]
    if first and first[0].arg == "self":
        del tree.args.args[0]
    returns = ast.unparse(tree.returns) if tree.returns else None
    return f"({ast.unparse(tree.args)})", returns


def signature(
    app: Sphinx, what: str, name: str, thing: object, options: object, given: str, returns: str
) -> tuple[str, str | None] | None:
    """Types and defaults as in the source: an alias keeps its name."""
    if what == "exception":
        return "", None
    if not inspect.isclass(thing):
        return written(thing)
    made = vars(thing).get("__init__")
    found = (
        written(made) if made is not None and "__dataclass_fields__" not in vars(thing) else None
    )
    return (found[0], None) if found else None


# Docstrings as reStructuredText ------------------------------------------------------------------

SPAN = re.compile(r"``(.+?)``")
NAME = re.compile(r"(?<![\w.])(?:d2lmini\.)?[A-Za-z_]\w*(?:\.\w+)*")
#: A bare word is a name of the library only if it looks like one: `fit` may be a verb.
LOOKS_LIKE_A_NAME = re.compile(r"\w+\.\w+|[a-z]\w*_\w+|[A-Z]{3,}|[A-Z]+[a-z]+[A-Z]\w+")
#: Not the fifth chapter of a book that is cited.
CHAPTER = re.compile(r"(?<!\d\), )\b[Cc]hapters? \d(?:(?:, | and | to )\d)*")
CITED = re.compile(r"([A-Z]\w+)(?:,? (?:and|&) ([A-Z]\w+)| et al\.)? \((\d{4})\)")
LABEL = re.compile(r"(?<!\S)(Errors|Source|Sources):(?= )")
#: Where a text turns to an argument: `keys (n,), values (n,); sigma > 0. labels: the two axes`.
OPENING = re.compile(r"(?:^|(?<=[;.:] ))[a-z]\w*(?=:? )|(?<=, )[a-z]\w*(?= \()")
#: What would be a list, a field, a comment or a transition at the start of a paragraph.
LINE_MARKUP = re.compile(r"^(?=[^\w\s\\]|\w+[.)](?: |$))")
ENTRY = re.compile(r"(?P<names>[\w, ]+?) : (?P<text>.*)")


class Writer:
    """Turns one docstring into reStructuredText, with links to names, chapters and references."""

    def __init__(self, source: Path, sections: dict[str, list[str]], own: str) -> None:
        self.own, self.near, self.names = own, {}, {}
        for module, paths in sections.items():
            here = {path.rpartition(".")[2]: path for path in paths}
            self.names |= {name: here[name] for name in here.keys() - self.names.keys()}
            self.names |= {f"{module}.{name}": path for name, path in here.items()}
            self.near |= here if any(f"{own}.".startswith(f"{path}.") for path in paths) else {}
        self.parameters = parameters_of(own)
        self.chapters = {f.stem[1]: f.stem for f in source.glob("chapters/0?_*.ipynb")}
        references = source / "references.md"
        text = references.read_text(encoding="utf-8") if references.exists() else ""
        self.references = set(re.findall(r'<a id="(\w+)"', text))

    def lines(self, given: list[str]) -> Iterator[str]:
        """The docstring, block by block: paragraphs, indented formulas, a list of parameters."""
        text = inspect.cleandoc("\n".join(given))
        text = re.sub(r"\n(?=(?:Errors|Sources?): )", "\n\n", text)
        for block in re.split(r"\n\s*\n", text):
            lines = block.splitlines()
            if block.startswith("    "):
                formula = textwrap.indent(textwrap.dedent(block), "   ")
                yield from (".. code-block:: text", "", *formula.splitlines(), "")
            elif len(lines) > 1 and set(lines[1]) == {"-"}:
                yield from (*self.fields(textwrap.dedent("\n".join(lines[2:]))), "")
            elif lines:
                yield from (self.paragraph(" ".join(line.strip() for line in lines)), "")

    def fields(self, text: str) -> Iterator[str]:
        """`name : what it is` as a field, which Sphinx sets as a list of parameters."""
        for item in re.split(r"\n(?=\S)", text):
            found = ENTRY.fullmatch(" ".join(item.split()))
            names, said = (found["names"], found["text"]) if found else (item, "")
            yield f":param {names}: {self.paragraph(said)}"

    def paragraph(self, text: str) -> str:
        """One paragraph: ``code`` stays, all else is escaped and linked."""
        parts = SPAN.split(text)
        done = [
            self.code(part) if place % 2 else self.prose(part) for place, part in enumerate(parts)
        ]
        return LINE_MARKUP.sub(r"\\", "".join(done))

    def find(self, name: str) -> str | None:
        """The path of a name that is another one's and can be nothing else."""
        path = self.near.get(name)
        if path is None and LOOKS_LIKE_A_NAME.fullmatch(name):
            path = self.names.get(name) or self.names.get(f"{PACKAGE}.{name}")
        return path if path != self.own else None

    def code(self, text: str) -> str:
        path = self.find(text)
        return link(text, path) if path else f"\\ ``{text}``\\ "

    def prose(self, text: str) -> str:
        """Escaped text in which what is known is a link."""
        marks: list[str] = []

        def keep(markup: str) -> str:
            marks.append(markup)
            return f"\0{len(marks) - 1}\0"

        def known(match: re.Match[str]) -> str:
            path = self.find(match[0]) if LOOKS_LIKE_A_NAME.fullmatch(match[0]) else None
            return keep(link(match[0], path)) if path else match[0]

        text = re.sub(r"(?<=\w)'(?=\w)", "\u2019", text)  # after a link it would open a quotation
        text = CHAPTER.sub(lambda match: keep(self.chapter(match[0])), text)
        text = CITED.sub(lambda match: keep(self.citation(match)), text)
        text = LABEL.sub(lambda match: keep(f"\\ **{match[1]}:**\\ "), text)
        text = NAME.sub(known, text)
        text = OPENING.sub(lambda match: keep(self.parameter(match[0])), text)
        text = escape(text)
        return re.sub(r"\0(\d+)\0", lambda match: marks[int(match[1])], text)

    def parameter(self, word: str) -> str:
        return f"\\ ``{word}``\\ " if word in self.parameters else word

    def chapter(self, text: str) -> str:
        """Chapter 3, or chapters 3 and 4, with links to those that there are."""

        def to(shown: str, number: str) -> str:
            stem = self.chapters.get(number)
            return f"\\ :doc:`{shown} <chapters/{stem}>`\\ " if stem else shown

        if text.lower().startswith("chapter "):
            return to(text, text[-1])
        return re.sub(r"\d", lambda match: to(match[0], match[0]), text)

    def citation(self, match: re.Match[str]) -> str:
        """Author (year), with a link if it is among the references."""
        first, second, year = match[1].lower(), (match[2] or "").lower(), match[3]
        for anchor in (f"{first}{second}{year}", f"{first}{year}"):
            if anchor in self.references:
                return f"\\ `{match[0]} <references.html#{anchor}>`__\\ "
        return escape(match[0])


def escape(text: str) -> str:
    return re.sub(r"([\\*`|_]|(?<=:):)", r"\\\1", text)


def link(text: str, path: str) -> str:
    return f"\\ :py:obj:`{text} <{path}>`\\ "


def parameters_of(path: str) -> set[str]:
    """The names of the arguments of a function, a class or a method."""
    try:
        return set(inspect.signature(thing_at(path)).parameters)
    except (ImportError, AttributeError, TypeError, ValueError):
        return set()


def docstring(
    app: Sphinx, what: str, path: str, thing: object, options: object, lines: list[str]
) -> None:
    """Put markup into a docstring; a constant's text is the comment where it is defined."""
    if what == "data":
        lines[:] = next((text for name, text in constants(path)), lines)
    page = Path(app.env.doc2path(app.env.docname)).read_text(encoding="utf-8")
    writer = Writer(Path(app.srcdir), entries(LISTED.findall(page)), path)
    lines[:] = list(writer.lines(lines))


def constants(path: str) -> Iterator[tuple[str, list[str]]]:
    """Where a constant of that name and value is described: (module, text)."""
    name, thing = path.rpartition(".")[2], thing_at(path)
    for module in [import_module(PACKAGE), *map(import_module, submodules())]:
        if getattr(module, name, None) is thing and name in comments(module):
            yield module.__name__, comments(module)[name]


def submodules() -> list[str]:
    """The modules beside the package's __init__."""
    folder = Path(import_module(PACKAGE).__file__).parent
    return sorted(f"{PACKAGE}.{file.stem}" for file in folder.glob("[!_]*.py"))


# Links -------------------------------------------------------------------------------------------


class Anchors(Transform):
    """Let `[text](api.md#d2lmini.check)` point at what autodoc wrote."""

    default_priority = 871  # after the raw anchors of `house`

    def apply(self) -> None:
        slugs = dict(getattr(self.document, "myst_slugs", {}))
        for heading in self.document.findall(addnodes.desc_signature):
            for anchor in heading["ids"]:
                slugs.setdefault(anchor, (heading.line or 0, anchor, anchor))
        self.document.myst_slugs = slugs
        env = self.document.settings.env
        env.metadata[env.docname]["myst_slugs"] = slugs


def resolve_type(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, shown: nodes.Node
) -> nodes.Node | None:
    """A type in a signature: a link if it stands on the page under another path, else its name."""
    if node.get("refdomain") != "py" or node.get("reftype") not in {"class", "exc", "data"}:
        return None
    name = node["reftarget"].rpartition(".")[2]
    domain = env.get_domain("py")
    (path,) = [p for p in domain.objects if p.rpartition(".")[2] == name][:1] or [None]
    if path is None:
        return shown
    document = node.get("refdoc", env.docname)
    return domain.resolve_xref(env, document, app.builder, "obj", path, node, shown) or shown


def setup(app: Sphinx) -> dict:
    app.add_directive("public", Public)
    app.add_transform(Anchors)
    app.connect("autodoc-process-signature", signature)
    app.connect("autodoc-process-docstring", docstring)
    app.connect("missing-reference", resolve_type)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
