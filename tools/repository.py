"""Tell the whole project where its repository is: what `make repository URL=…` runs.

    .venv/bin/python -m tools.repository https://github.com/OWNER/NAME

The address stands in _config.yml. Other files repeat it, or the OWNER/NAME in it (badges, launch
links, the address of the published site); all of them are rewritten, and a test compares them.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tools import build

ADDRESS = re.compile(r"https://github\.com/(?P<owner>[\w.-]+)/(?P<name>[\w.-]*[\w-])")
ENDINGS = {".cff", ".ipynb", ".md", ".py", ".toml", ".yml", ".yaml", ".html", ".js"}


def present(root: Path) -> str:
    """The address in _config.yml."""
    found = re.search(r"^  url: (\S+)$", (root / "_config.yml").read_text(encoding="utf-8"), re.M)
    if not found:
        sys.exit(
            "_config.yml: there is no line  url: https://github.com/OWNER/NAME  under repository"
        )
    return found[1]


def forms(url: str) -> list[str]:
    """Everything by which files name the repository at an address, longest first."""
    match = ADDRESS.fullmatch(url)
    if not match:
        raise ValueError(f"URL must be https://github.com/OWNER/NAME, but was {url!r}")
    owner, name = match["owner"], match["name"]
    return [url, f"{owner.lower()}.github.io/{name}", f"{owner}/{name}"]


def texts(root: Path) -> Iterator[Path]:
    """The files that may repeat the address."""
    apart = [*root.glob("*"), *root.glob("tests/**/*"), *root.glob(".github/**/*")]
    for file in sorted({*build.inputs(root), *apart}):
        if file.is_file() and file.suffix in ENDINGS:
            yield file


def rewrite(root: Path, new: str) -> list[Path]:
    """Put the new address wherever the old one stands; the files that changed."""
    pairs = list(zip(forms(present(root)), forms(new), strict=True))
    changed = []
    for file in texts(root):
        before = after = file.read_text(encoding="utf-8")
        for old, present_form in pairs:
            after = after.replace(old, present_form)
        if after != before:
            file.write_text(after, encoding="utf-8")
            changed.append(file)
    return changed


def main() -> None:
    parser = argparse.ArgumentParser(description="Rewrite the repository's address everywhere.")
    parser.add_argument("url", help="https://github.com/OWNER/NAME")
    try:
        changed = rewrite(
            build.ROOT, parser.parse_args().url.removesuffix("/").removesuffix(".git")
        )
    except ValueError as error:
        sys.exit(str(error))
    for file in changed:
        print(file.relative_to(build.ROOT))
    print(f"{len(changed)} files rewritten")


if __name__ == "__main__":
    main()
