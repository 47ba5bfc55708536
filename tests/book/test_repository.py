"""The repository's address: the same everywhere, and rewritten everywhere."""

import re
import shutil
from pathlib import Path

import pytest

from tools import ROOT, repository

HERE = Path(__file__).resolve()
PLACES = [
    re.compile(r"https://github\.com/([\w.-]+/[\w.-]*[\w-])"),
    re.compile(r"colab\.research\.google\.com/github/([\w.-]+/[\w-]+)"),
    re.compile(r"mybinder\.org/v2/gh/([\w.-]+/[\w-]+)"),
]
#: Repositories of others that the book names.
OTHERS = {"d2l-ai/d2l-en"}


def named(text: str) -> set[str]:
    return {found for place in PLACES for found in place.findall(text)} - OTHERS


def test_every_file_names_the_same_repository():
    here = repository.forms(repository.present(ROOT))[-1]
    wrong = {
        file.relative_to(ROOT): others
        for file in repository.texts(ROOT)
        if file != HERE
        and (others := named(file.read_text(encoding="utf-8")) - {here, "OWNER/NAME"})
    }
    assert not wrong


def test_each_notebook_installs_from_the_repository():
    url = repository.present(ROOT)
    notebooks = [*ROOT.glob("chapters/*.ipynb"), *ROOT.glob("exercises/**/*.ipynb")]
    assert notebooks
    for notebook in notebooks:
        assert f"git+{url}" in notebook.read_text(encoding="utf-8"), notebook.name


def test_rewriting_leaves_no_trace_of_the_old_address(tmp_path):
    copy = tmp_path / "tree"
    apart = shutil.ignore_patterns(".*", "_build", "__pycache__", "build", "*.egg-info")
    shutil.copytree(ROOT, copy, ignore=apart)
    new = "https://github.com/Someone-Else/another.name"
    changed = repository.rewrite(copy, new)
    assert repository.present(copy) == new
    assert {file.name for file in changed} >= {"_config.yml", "README.md", "pyproject.toml"}
    for old in repository.forms(repository.present(ROOT)):
        left = [
            str(file) for file in repository.texts(copy) if old in file.read_text(encoding="utf-8")
        ]
        assert not left, (old, left)


@pytest.mark.parametrize(
    "url", ["github.com/a/b", "https://github.com/a", "https://example.org/a/b"]
)
def test_an_address_of_another_form_is_refused(url):
    with pytest.raises(ValueError, match=r"URL must be https://github\.com/OWNER/NAME, but was"):
        repository.forms(url)
