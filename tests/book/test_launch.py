"""A chapter's links to Colab, Binder and its own notebook; Binder's packages are the book's."""

import re

import pytest
import yaml

from tools import ROOT, repository

PARTS = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))["parts"]
CHAPTERS = [each["file"] for each in PARTS[0]["chapters"]]
WHERE = repository.forms(repository.present(ROOT))[-1]
LAUNCH = r'href="(https://(?:colab\.research\.google\.com|mybinder\.org)[^"]*)"'


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_opens_in_colab_and_binder_and_downloads(site, chapter):
    page = (site / f"{chapter}.html").read_text(encoding="utf-8")
    colab = f"https://colab.research.google.com/github/{WHERE}/blob/main/{chapter}.ipynb"
    binder = f"https://mybinder.org/v2/gh/{WHERE}/main?urlpath=lab/tree/{chapter}.ipynb"
    assert set(re.findall(LAUNCH, page)) == {colab, binder}
    assert f'href="../_sources/{chapter}.ipynb"' in page
    assert (site / "_sources" / f"{chapter}.ipynb").read_bytes() == (
        ROOT / f"{chapter}.ipynb"
    ).read_bytes()


def test_pages_that_are_no_notebooks_offer_no_launch(site):
    for page in ("index", "intro", "glossary"):
        assert not re.findall(LAUNCH, (site / f"{page}.html").read_text(encoding="utf-8")), page


def test_binder_installs_what_the_book_was_built_with():
    pins = set((ROOT / "requirements.txt").read_text(encoding="utf-8").split())
    asked = (ROOT / ".binder" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    asked = [line for line in asked if line and not line.startswith("#")]
    assert asked
    assert not set(asked) - pins
