"""What tests share: the built site, a server for it, a real browser, and Playwright's own node."""

import functools
import http.server
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, sync_playwright

from tools import ROOT, build
from tools.find_browser import ARGUMENTS, NoBrowser, find_browser
from tools.find_node import find_node

SITE = ROOT / "_build" / "html"
#: What a test asks for that says where it belongs: `make check` leaves these out.
MARKED_BY = {"site": "site", "browser": "browser", "browser_path": "browser"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need the built book or a browser."""
    for item in items:
        for fixture in MARKED_BY.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(MARKED_BY[fixture])


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the built site, which must be that of the present sources."""
    built = build.read(ROOT / "_build" / ".built")
    if not (SITE / "index.html").exists():
        pytest.fail("there is no built book: run  make book", pytrace=False)
    if built != build.hash_of(build.inputs(ROOT), ROOT):
        pytest.fail("the built book is older than its sources: run  make book", pytrace=False)
    return SITE


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="session")
def site_url(site: Path) -> Iterator[str]:
    """The site over http on this machine; ends with a slash."""
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))
    ) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def browser_path() -> str:
    """A Chromium; one test process at a time may fetch it."""
    try:
        with FileLock(Path(tempfile.gettempdir()) / "d2lmini-browser.lock"):
            return find_browser()
    except NoBrowser as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="module")
def browser(browser_path: str) -> Iterator[Browser]:
    """A real browser. One a module: while it runs, so does Playwright's event loop."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def node() -> str:
    """The node that Playwright's wheel brings along."""
    try:
        return find_node()
    except FileNotFoundError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """torch with one thread, which for small arrays is fastest, and the same on any machine."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
