"""Each entry of the references leads back to the pages that cite it."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from sphinx.application import Sphinx

PAGE = "references"
LINK = re.compile(rf'href="(?:\.\./)*{PAGE}\.html#([\w-]+)"')
ENTRY = re.compile(r'(?P<text><p><a id="(?P<key>[\w-]+)"></a>.*?)</p>', re.S)


def citations(site: Path, titles: dict[str, str]) -> dict[str, list[str]]:
    """Key of a source -> the names of the pages that link to it, in the order of ``titles``."""
    found: dict[str, list[str]] = {}
    for name in titles:
        page = site / f"{name}.html"
        if name == PAGE or not page.exists():
            continue
        for key in dict.fromkeys(LINK.findall(page.read_text(encoding="utf-8"))):
            found.setdefault(key, []).append(name)
    return found


def lead_back(app: Sphinx, error: Exception | None) -> None:
    """Write "Cited in ..." under the entries of the built page."""
    file = Path(app.outdir, f"{PAGE}.html")
    if error or app.builder.format != "html" or not file.exists():
        return
    titles = {name: app.env.titles[name].astext() for name in app.env.collect_relations()}
    cited = citations(Path(app.outdir), titles)

    def with_pages(entry: re.Match[str]) -> str:
        links = ", ".join(
            f'<a class="reference internal" href="{name}.html">{escape(titles[name])}</a>'
            for name in cited.get(entry["key"], [])
        )
        return f"{entry['text']}<br>\nCited in {links}.</p>" if links else entry[0]

    text = file.read_text(encoding="utf-8")
    file.write_text(ENTRY.sub(with_pages, text), encoding="utf-8")


def setup(app: Sphinx) -> dict:
    app.connect("build-finished", lead_back, priority=950)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
