"""Find the JavaScript engine that comes with Playwright: it sets formulas and runs tests."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

ADVICE = "node of Playwright's wheel is not there: reinstall requirements.txt"


def find_node() -> str:
    """Its path. Raises FileNotFoundError with one line that says what to do."""
    name = "node.exe" if sys.platform == "win32" else "node"
    try:
        found = [f for f in files("playwright") or [] if f.parts[-2:] == ("driver", name)]
    except PackageNotFoundError:
        found = []
    if not found or not Path(found[0].locate()).exists():
        raise FileNotFoundError(ADVICE)
    return str(found[0].locate())
