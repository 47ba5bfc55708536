"""Find a Chromium for the browser tests, or get one, or say in one line how.

.venv/bin/python -m tools.find_browser        prints its path
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
)
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
ADVICE = (
    "no browser for the tests: install Chromium or Chrome (Debian, Ubuntu: sudo apt-get install "
    "chromium), or set CHROME_PATH to the program of one that you have"
)


class NoBrowser(RuntimeError):
    """There is no browser and none could be fetched; the message says what to do."""


def installed() -> str | None:
    """The path of a browser that is already here, or None.

    Raises NoBrowser when CHROME_PATH is set but names no file.
    """
    if named := os.environ.get("CHROME_PATH"):
        if found := shutil.which(named):
            return found
        raise NoBrowser(f"CHROME_PATH is {named}, which is not a program: correct or unset it")
    candidates = [shutil.which(name) for name in NAMES]
    candidates += [place for place in PLACES if Path(place).exists()]
    return next(filter(None, candidates), None) or of_playwright()


def of_playwright() -> str | None:
    """The browser that `playwright install chromium` put on this machine, or None."""
    from playwright.sync_api import Error, sync_playwright

    try:
        with sync_playwright() as playwright:
            path = playwright.chromium.executable_path
            browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
            browser.close()
            return path
    except Error:
        return None  # not downloaded, or it does not start because libraries are missing


def fetch() -> str | None:
    """Download a browser; its path, or None."""
    print("No browser found; fetching Chromium with Playwright", file=sys.stderr, flush=True)
    if run([sys.executable, "-m", "playwright", "install", "chromium"]) and (
        path := of_playwright()
    ):
        return path
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        print("Fetching Chromium with apt-get", file=sys.stderr, flush=True)
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "update", "-qq"], quiet)
        run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"], quiet)
        return next(filter(None, map(shutil.which, NAMES)), None)
    return None


def run(command: list[str], more: dict[str, str] | None = None) -> bool:
    """Run a command with its output on stderr; whether it went well within ten minutes."""
    try:
        done = subprocess.run(
            command, env=os.environ | (more or {}), stdout=sys.stderr, timeout=600, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def find_browser(*, may_fetch: bool = True) -> str:
    """The path of a Chromium.

    Raises NoBrowser with one line of advice.
    """
    if path := installed() or (fetch() if may_fetch else None):
        return path
    raise NoBrowser(ADVICE)


if __name__ == "__main__":
    try:
        print(find_browser())
    except NoBrowser as error:
        sys.exit(str(error))
