"""Links that people have lead on: a page for each old address, and a way from headings that left.

book/moved.yml says what moved. An old page is one line and a link to the new address; a script
takes the reader there, to the same heading. Without scripts the page goes there after 0 s, to its
top. On a page that lost headings the same script runs before anything is shown.
"""

from __future__ import annotations

import json
import posixpath
from html import escape
from pathlib import Path

import yaml
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

LEAD_ON = """<script>
(function () {{
  const headings = {headings}, page = {page};
  function leadOn() {{
    const name = decodeURIComponent(location.hash.slice(1));
    if (Object.hasOwn(headings, name)) location.replace(headings[name]);
    else if (page) location.replace(page + location.hash);
  }}
  leadOn();
  addEventListener("hashchange", leadOn);
}})();
</script>"""

OLD_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}: this page has moved</title>
<link rel="canonical" href="{canonical}">
{script}
<noscript><meta http-equiv="refresh" content="0; url={target}"></noscript>
</head>
<body><main>
<h1>This page has moved</h1>
<p><a href="{target}">{title}</a> is its new place.</p>
</main></body>
</html>
"""


def address(to: str, seen_from: str) -> str:
    """The link to `page` or `page#name`, from another page."""
    page, mark, name = to.partition("#")
    relative = posixpath.relpath(f"{page}.html", posixpath.dirname(seen_from) or ".")
    return f"{relative}{mark}{name}"


def script(moved: dict, page: str) -> str:
    """The script that leads on from a page, or nothing."""
    target = moved["pages"].get(page)
    headings = moved["headings"].get(page, {})
    if not target and not headings:
        return ""
    there = {name: address(to, page) for name, to in headings.items()}
    return LEAD_ON.format(
        headings=json.dumps(there), page=json.dumps(address(target, page) if target else None)
    )


def read(app: Sphinx) -> dict:
    text = Path(app.srcdir, "book", "moved.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def lead_on(app: Sphinx, page: str, template: str, context: dict, doctree) -> None:
    """A page that lost headings: send their readers after them."""
    if doctree is not None:
        context["metatags"] += script(app.config.moved, page)


def write_old_pages(app: Sphinx, problem: Exception | None) -> None:
    """A small page at each old address."""
    if problem or app.builder.format != "html":
        return
    for old, new in app.config.moved["pages"].items():
        if new not in app.env.titles:
            logger.warning("%s is said to have moved to %s, which is no page", old, new)
            continue
        file = Path(app.outdir, f"{old}.html")
        file.parent.mkdir(parents=True, exist_ok=True)
        text = OLD_PAGE.format(
            title=escape(app.env.titles[new].astext()),
            canonical=f"{app.config.html_baseurl}{new}.html",
            target=address(new, old),
            script=script(app.config.moved, old),
        )
        file.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict:
    app.add_config_value("moved", read(app), "html")
    app.connect("html-page-context", lead_on)
    app.connect("build-finished", write_old_pages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
