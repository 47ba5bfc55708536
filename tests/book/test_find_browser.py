"""A browser is found, or fetched, or its absence said in one line; under CI nothing is skipped."""

import os
import shutil
import subprocess
import sys

import pytest

from tools import ROOT, find_browser


@pytest.fixture
def bare(monkeypatch):
    """A machine without any browser; commands that would fetch one are recorded and fail."""
    ran = []
    monkeypatch.delenv("CHROME_PATH", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/apt-get" if "apt" in name else None)
    monkeypatch.setattr(find_browser, "PLACES", ())
    monkeypatch.setattr(find_browser, "of_playwright", lambda: None)
    monkeypatch.setattr(
        find_browser, "run", lambda command, more=None: ran.append(command) or False
    )
    return ran


def test_chrome_path_comes_first(monkeypatch):
    monkeypatch.setenv("CHROME_PATH", sys.executable)
    assert find_browser.find_browser() == sys.executable


def test_a_wrong_chrome_path_is_not_passed_over(monkeypatch):
    monkeypatch.setenv("CHROME_PATH", "/no/such/chrome")
    with pytest.raises(find_browser.NoBrowser, match="CHROME_PATH is /no/such/chrome"):
        find_browser.find_browser()


def test_known_names_are_tried_in_order(bare, monkeypatch):
    here = {"google-chrome": "/bin/google-chrome", "chromium": "/bin/chromium"}
    monkeypatch.setattr(shutil, "which", here.get)
    assert find_browser.find_browser() == "/bin/chromium"
    del here["chromium"]
    assert find_browser.find_browser() == "/bin/google-chrome"
    assert bare == []


def test_without_a_browser_playwright_then_apt_then_one_line(bare, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    with pytest.raises(find_browser.NoBrowser) as stopped:
        find_browser.find_browser()
    assert bare[0][-2:] == ["install", "chromium"]
    assert [command[0] for command in bare[1:]] == ["apt-get", "apt-get"]
    message = str(stopped.value)
    assert "\n" not in message
    assert "CHROME_PATH" in message
    assert "apt-get install" in message


def test_only_root_uses_apt(bare, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    with pytest.raises(find_browser.NoBrowser):
        find_browser.find_browser()
    assert len(bare) == 1


def test_what_playwright_fetched_is_used(bare, monkeypatch):
    answers = iter([None, "/cache/chromium"])
    monkeypatch.setattr(find_browser, "of_playwright", lambda: next(answers))
    monkeypatch.setattr(find_browser, "run", lambda command, more=None: True)
    assert find_browser.find_browser() == "/cache/chromium"


SKIPS = (
    "import pytest\n@pytest.mark.skip(reason='not today')\ndef test_it(): pass\n",
    "import pytest\ndef test_it(): pytest.skip('not today')\n",
    "import pytest\npytest.importorskip('no_such_module_at_all')\n",
)


@pytest.mark.parametrize("ci", ["", "true"])
def test_a_skip_fails_under_ci_only(tmp_path, ci):
    for number, source in enumerate(SKIPS):
        (tmp_path / f"test_{number}.py").write_text(source, encoding="utf-8")
    options = ["-p", "conftest", "-p", "no:cacheprovider", "--continue-on-collection-errors"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, tmp_path],
        env={**os.environ, "CI": ci, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    if ci:
        assert "1 failed, 2 errors" in done.stdout, done.stdout
        assert done.stdout.count("nothing may be skipped under CI") >= 3
        assert done.returncode != 0
    else:
        assert "3 skipped" in done.stdout, done.stdout
