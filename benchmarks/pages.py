"""What pages weigh, and how long a reader on a slow line waits for them: part of ``make bench``."""

from __future__ import annotations

import functools
import gzip
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page

from tools import ROOT

SITE = ROOT / "_build" / "html"
PLAIN = {".png", ".jpg", ".woff", ".woff2", ".gz", ".zip", ".pdf"}
#: A slow line: bytes a second, milliseconds there and back, how many times slower the processor.
THROUGHPUT, LATENCY, SLOWER = 1_600_000 // 8, 150, 4
#: What is asked of it, in milliseconds.
TEXT, USABLE, AGAIN = 1500, 3000, 300
WEIGHT, BEFORE_EXPLORER = 250_000, 150_000


class Compressing(http.server.SimpleHTTPRequestHandler):
    """Serves files as GitHub Pages does, gzipped where that pays; notes the bytes of each path."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *arguments, sent: dict[str, int], **keywords):
        self.sent = sent
        super().__init__(*arguments, **keywords)

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if path.is_dir():
            path /= "index.html"
        if not path.is_file():
            self.send_error(404)
            return
        body = packed(path)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Cache-Control", "max-age=600")
        if path.suffix not in PLAIN:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.sent[self.path.split("?")[0]] = len(body)
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@functools.cache
def packed(path: Path) -> bytes:
    """The bytes that go over the line."""
    return path.read_bytes() if path.suffix in PLAIN else gzip.compress(path.read_bytes(), 6)


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, dict[str, int]]]:
    """The address of ``folder`` over http, and the bytes sent so far by path."""
    sent: dict[str, int] = {}
    handler = functools.partial(Compressing, directory=str(folder), sent=sent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", sent
        server.shutdown()


def names() -> list[str]:
    """The landing page, the chapters and the exercises."""
    found = [SITE / "intro.html", *sorted(SITE.glob("chapters/*.html"))]
    found += sorted(SITE.glob("exercises/**/*.html"))
    return [page.relative_to(SITE).as_posix() for page in found if page.exists()]


def lively() -> list[str]:
    """The landing page and the chapters: where explorers are."""
    return [name for name in names() if not name.startswith("exercises/")]


# Weight ------------------------------------------------------------------------------------------


def first_visit(browser: Browser, page_name: str) -> tuple[dict[str, int], dict[str, int]]:
    """Bytes by path that a first visit loads: those always needed, and lazily loaded pictures."""
    with served(SITE) as (address, sent):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.goto(address + page_name, wait_until="networkidle")
        page.wait_for_timeout(300)
        lazy = set(
            page.eval_on_selector_all(
                "img[loading=lazy]", "all => all.map(img => new URL(img.src).pathname)"
            )
        )
        context.close()
    return (
        {path: size for path, size in sent.items() if path not in lazy},
        {path: size for path, size in sent.items() if path in lazy},
    )


def weights(browser: Browser) -> bool:
    """Print what a first visit of each page loads; False if one is over twice its budget."""
    passed = True
    print(f"First visit, compressed, lazily loaded figures apart (budget {WEIGHT // 1000} kB)")
    for name in names():
        needed, lazy = first_visit(browser, name)
        total = sum(needed.values())
        heaviest = max(needed, key=needed.get)
        over = "   OVER" if total > WEIGHT else ""
        passed &= total <= 2 * WEIGHT
        print(
            f"  {name:<46} {total / 1000:5.0f} kB in {len(needed)} files, "
            f"most {needed[heaviest] / 1000:.0f} kB {Path(heaviest).name}; "
            f"figures {sum(lazy.values()) / 1000:.0f} kB{over}"
        )
    return passed


# A slow line -------------------------------------------------------------------------------------

#: Notes when the first explorer shows its numbers, and how many bytes it took.
WATCH = """(readout => {
  const look = () => {
    const output = document.querySelector(readout);
    if (!output?.textContent) return requestAnimationFrame(look);
    window.answered = performance.now();
  };
  requestAnimationFrame(look);
})"""
READOUT = "[data-explorer] .d2l-readout output"
PAINTED = """() => new Promise(done => {
  new PerformanceObserver(list => {
    const seen = list.getEntriesByName('first-contentful-paint');
    if (seen.length) done(seen[0].startTime);
  }).observe({ type: 'paint', buffered: true });
})"""


def slow(context: BrowserContext) -> Page:
    """A page of the context on a slow line and a slow processor."""
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": LATENCY,
            "downloadThroughput": THROUGHPUT,
            "uploadThroughput": THROUGHPUT,
        },
    )
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    return page


def slow_visit(browser: Browser, folder: Path, name: str, readout: str = READOUT) -> dict:
    """Milliseconds to the text and to the explorer's numbers, and the bytes before these.

    Then the same page once more, from the cache.
    """
    with served(folder) as (address, sent):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = slow(context)
        page.add_init_script(f"{WATCH}({readout!r})")
        page.goto(address + name, wait_until="commit")
        text = page.evaluate(PAINTED)
        page.wait_for_function("window.answered", timeout=60_000)
        usable, before = page.evaluate("window.answered"), sum(sent.values())
        page.wait_for_load_state("networkidle")
        page.goto(address + name, wait_until="commit")
        again = page.evaluate(PAINTED)
        context.close()
    return {"text": text, "usable": usable, "before": before, "again": again}


def slow_line(browser: Browser, pages: list[str]) -> bool:
    """Print how long a slow line takes; False if a time is over twice what is asked."""
    print(
        f"1.6 Mbps, {LATENCY} ms, processor {SLOWER} times slower: text (asked {TEXT} ms), "
        f"explorer shows its numbers ({USABLE} ms), loaded by then "
        f"({BEFORE_EXPLORER // 1000} kB), the page from the cache ({AGAIN} ms)"
    )
    passed = True
    for name in pages:
        found = slow_visit(browser, SITE, name)
        text, usable, before, again = (found[k] for k in ("text", "usable", "before", "again"))
        passed &= text <= 2 * TEXT and usable <= 2 * USABLE and again <= 2 * AGAIN
        print(
            f"  {name:<46} {text:5.0f} ms {usable:6.0f} ms {before / 1000:5.0f} kB {again:5.0f} ms"
        )
    return passed
