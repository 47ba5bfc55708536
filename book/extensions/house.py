"""What the site needs beyond Jupyter Book: icons from the site itself, links to raw HTML anchors,
and pages that are right before any script has run."""

from __future__ import annotations

import re
import shutil
import struct
from pathlib import Path

from docutils import nodes
from docutils.transforms import Transform
from sphinx.application import Sphinx

ANCHOR = re.compile(r"<[a-z][^>]*?\s(?:id|name)=[\"']([^\"']+)[\"']", re.IGNORECASE)
FIGURE = re.compile(r'<img (?P<rest>[^>]*?src="(?P<path>(?:\.\./)*_images/[^"]+\.png)")')
#: What marks a solution for those who make exercises of it; a reader has no use for it.
MARK = re.compile(
    r'(?:^ *|(?<=<pre><span></span>))<span class="c1">### (?:BEGIN|END) SOLUTION</span>\n', re.M
)
SIDEBAR = '<div id="pst-primary-sidebar"'
#: Folded cells say what they do; this label said something else.
FOLD_LABEL = ' aria-label="Toggle hidden content"'
#: The logos in the menu of a closed button are fetched when it opens.
LAUNCH_LOGO = re.compile(r'<img (?=alt="\w+ logo" src="[^"]*images/logo_)')
ICON_FONT = re.compile(
    r"@font-face\{[^}]*Font Awesome[^}]*\}|(?:\.fa-[\w-]+:before,?)+\{content:[^}]*\}"
)
UNUSED = (
    "scripts/fontawesome.js",
    "scripts/*.map",
    "scripts/*.LICENSE.txt",
    "styles/*.map",
    "vendor",
    "*webpack-macros.html",
    "locales",
    "images/logo_jupyterhub.svg",
    "images/logo_deepnote.svg",
    "images/logo_jupyterlite.svg",
)


class RawAnchors(Transform):
    """Let `[text](page.md#name)` and `[text](#name)` point at `<a id="name"></a>`, as on GitHub."""

    default_priority = 870  # before MyST resolves `#name`

    def apply(self) -> None:
        slugs = dict(getattr(self.document, "myst_slugs", {}))
        for raw in self.document.findall(nodes.raw):
            if "html" in raw.get("format", ""):
                for name in ANCHOR.findall(raw.astext()):
                    slugs.setdefault(name, (raw.line or 0, name, name))
        self.document.myst_slugs = slugs
        env = self.document.settings.env
        env.metadata[env.docname]["myst_slugs"] = slugs


def drop_unused(static: Path) -> None:
    """Remove the theme's icon fonts (book.css draws the few icons in use) and its source maps."""
    for pattern in UNUSED:
        for path in static.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    theme = static / "styles" / "pydata-sphinx-theme.css"
    text = ICON_FONT.sub("", theme.read_text(encoding="utf-8"))
    theme.write_text(re.sub(r"/\*# sourceMappingURL=.*?\*/", "", text), encoding="utf-8")
    for file in [*static.glob("scripts/*.js"), *static.glob("styles/*.css")]:
        text = file.read_text(encoding="utf-8")
        file.write_text(
            re.sub(r"(//|/\*)# sourceMappingURL=\S+( ?\*/)?", "", text), encoding="utf-8"
        )


def load_late(figure: re.Match[str], folder: Path) -> str:
    """A figure that is fetched when the reader comes near, its place kept free until then."""
    width, height = struct.unpack(">II", (folder / figure["path"]).read_bytes()[16:24])
    size = f'width="{width}" height="{height}"'
    return f'<img loading="lazy" decoding="async" {size} {figure["rest"]}'


def finish_pages(site: Path, root: str) -> None:
    """What the theme leaves undone, page by page; index.html is the landing page.

    Light colours until a script knows better, figures that load late, the sidebar as a landmark.
    """
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        text = text.replace('data-theme="auto"', 'data-theme="light"', 1)
        text = text.replace(SIDEBAR, f'{SIDEBAR} role="complementary" aria-label="Book"', 1)
        text = text.replace(FOLD_LABEL, "")
        text = LAUNCH_LOGO.sub('<img loading="lazy" ', text)
        text = MARK.sub("", text)
        text = FIGURE.sub(lambda figure, folder=page.parent: load_late(figure, folder), text)
        page.write_text(text, encoding="utf-8")
    if root != "index":
        shutil.copy2(site / f"{root}.html", site / "index.html")


def only_where_needed(
    app: Sphinx, name: str, template: str, context: dict, doctree: object
) -> None:
    """Colab and Binder for notebooks only."""
    if not app.env.doc2path(name).endswith(".ipynb"):
        buttons = context.get("header_buttons", [])
        context["header_buttons"] = [b for b in buttons if b.get("label") != "launch-buttons"]


def finish(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        static = Path(app.outdir, "_static")
        drop_unused(static)
        finish_pages(Path(app.outdir), app.config.master_doc)


def setup(app: Sphinx) -> dict:
    app.add_config_value(
        "comments_config", {}, ""
    )  # jupyter-book sets it for an extension left out here
    app.add_transform(RawAnchors)
    app.connect("html-page-context", only_where_needed, priority=900)
    app.connect("build-finished", finish, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
