"""Check a built site: every link, anchor, image and script must exist, and none may be loaded from
elsewhere. Links to other sites are allowed (a reader follows them); loads are not.

    .venv/bin/python -m tools.links _build/html
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADS = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "audio": "src",
    "video": "src",
    "embed": "src",
    "object": "data",
    "input": "src",
    "image": "href",
    "use": "href",
}
LOADED_RELATIONS = {
    "stylesheet",
    "icon",
    "preload",
    "modulepreload",
    "prefetch",
    "preconnect",
    "dns-prefetch",
    "manifest",
    "apple-touch-icon",
}
IN_CSS = re.compile(r"url\(\s*['\"]?(?P<url>[^'\")]+)|@import\s+['\"](?P<imported>[^'\"]+)")
IN_CODE = re.compile(r"(?:\bimport\s*\(\s*|\bfrom\s+|\bimport\s+)[\"'](?P<url>https?://[^\"']+)")


@dataclass
class Page:
    """What an HTML file offers and wants: anchors, links (a reader's), loads (the browser's)."""

    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page, self._in = Page(), ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self._in = tag if tag in {"style", "script"} else ""
        if values.get("id"):
            self.page.anchors.add(values["id"])
        if tag == "a":
            if values.get("name"):
                self.page.anchors.add(values["name"])
            if "href" in values:
                self.page.links.append(values["href"])
        elif tag == "form" and values.get("action"):
            self.page.links.append(values["action"])
        elif tag == "link":
            relations = set(values.get("rel", "").lower().split())
            (self.page.loads if relations & LOADED_RELATIONS else self.page.links).append(
                values.get("href", "")
            )
        elif values.get(LOADS.get(tag, "-")):
            self.page.loads.append(values[LOADS[tag]])
        for candidate in values.get("srcset", "").split(","):
            if candidate.strip():
                self.page.loads.append(candidate.split()[0])
        self.page.loads += css_loads(values.get("style", ""))

    handle_startendtag = handle_starttag

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in == "style":
            self.page.loads += css_loads(data)
        elif self._in == "script":
            self.page.loads += [found["url"] for found in IN_CODE.finditer(data)]


def css_loads(text: str) -> list[str]:
    """The addresses that a style sheet fetches."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    found = [match["url"] or match["imported"] for match in IN_CSS.finditer(text)]
    return [url for url in found if not url.startswith("#")]


def read_page(file: Path) -> Page:
    """Parse one HTML file."""
    reader = _Reader()
    reader.feed(file.read_text(encoding="utf-8"))
    reader.close()
    return reader.page


def is_elsewhere(url: str) -> bool:
    """Whether a browser would leave the site for this address."""
    return url.startswith("//") or urlsplit(url).scheme in {"http", "https", "ftp", "ws", "wss"}


def source_of(page: Path, site: Path, source: Path | None) -> str:
    """The file that an author edits for a page; the page itself where there is none."""
    name = page.relative_to(site).with_suffix("")
    for ending in (".md", ".ipynb"):
        if source is not None and (source / f"{name.as_posix()}{ending}").exists():
            return f"{name.as_posix()}{ending}"
    return page.relative_to(site).as_posix()


def check(site: Path, source: Path | None = None) -> list[str]:
    """The problems of a built site, each a line that names the file and the address in it."""
    site, problems = site.resolve(), []
    pages = {
        file.resolve(): read_page(file)
        for file in sorted(site.rglob("*.html"))
        if "_static" not in file.parts
    }
    for file, page in pages.items():
        name = source_of(file, site, source)
        for url in dict.fromkeys(page.loads):
            if is_elsewhere(url):
                problems.append(f"{name}: loads {url} from elsewhere")
            elif problem := _missing(url, file, pages):
                problems.append(f"{name}: {problem}")
        for url in dict.fromkeys(page.links):
            if not is_elsewhere(url) and (problem := _missing(url, file, pages)):
                problems.append(f"{name}: broken link: {problem}")
    for file in sorted(site.rglob("*.css")):
        for url in dict.fromkeys(css_loads(file.read_text(encoding="utf-8", errors="replace"))):
            if is_elsewhere(url):
                problems.append(f"{file.relative_to(site).as_posix()}: loads {url} from elsewhere")
            elif problem := _missing(url, file, pages):
                problems.append(f"{file.relative_to(site).as_posix()}: {problem}")
    return problems


def _missing(url: str, file: Path, pages: dict[Path, Page]) -> str | None:
    """What is wrong with an address inside the site, or None."""
    parts = urlsplit(url)
    if parts.scheme:
        return None  # data:, mailto:, javascript:
    target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    if not target.exists():
        return f"{url} does not exist"
    if target in pages and parts.fragment and unquote(parts.fragment) not in pages[target].anchors:
        return f"{url}: no {parts.fragment!r} there"
    return None


if __name__ == "__main__":
    found = check(Path(sys.argv[1] if len(sys.argv) > 1 else "_build/html"))
    print("\n".join(found) or "no problems")
    sys.exit(bool(found))
