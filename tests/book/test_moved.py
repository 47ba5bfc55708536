"""Every address that the book once had still leads to a heading of the same name, or its new one.

old_addresses.txt is what the pages offered before chapter 4 became two. It only ever grows.
"""

import re
from pathlib import Path

import pytest
import yaml

from tools import ROOT, links

MOVED = yaml.safe_load((ROOT / "book" / "moved.yml").read_text(encoding="utf-8"))
OLD = (Path(__file__).parent / "old_addresses.txt").read_text(encoding="utf-8").split()


def goes_to(address: str) -> str:
    """Where moved.yml sends an old address; a title's anchor leads to the page."""
    page, mark, name = address.partition("#")
    if name in MOVED["headings"].get(page, {}):
        return MOVED["headings"][page][name]
    return f"{MOVED['pages'].get(page, page)}{mark}{name}"


def test_every_old_address_leads_to_something_that_is_there(site):
    lost = []
    for address in OLD:
        page, _, name = goes_to(address).partition("#")
        file = site / f"{page}.html"
        if not file.exists() or (name and name not in links.read_page(file).anchors):
            lost.append(address)
    assert lost == []


def test_no_page_stands_at_an_address_that_has_moved():
    for old, new in MOVED["pages"].items():
        assert not list(ROOT.glob(f"{old}.*"))
        assert (ROOT / f"{new}.ipynb").exists()


@pytest.mark.parametrize("over", ["http", "file"])
@pytest.mark.parametrize(
    "old, new",
    [
        ("chapters/05_learning_the_kernel.html", "chapters/06_learning_the_kernel.html"),
        (
            "chapters/05_learning_the_kernel.html#training",
            "chapters/06_learning_the_kernel.html#training",
        ),
        (
            "chapters/06_transformers_are_kernel_smoothers.html#from-chapter-5-to-attention",
            "chapters/07_transformers_are_kernel_smoothers.html#from-chapter-6-to-attention",
        ),
        (
            "chapters/04_bandwidth.html#more-dimensions",
            "chapters/05_a_better_local_fit.html#more-dimensions",
        ),
        (
            "exercises/solutions/04_bandwidth.html#rates",
            "exercises/solutions/05_a_better_local_fit.html#rates",
        ),
    ],
)
def test_the_browser_arrives(browser, site, site_url, over, old, new):
    base = site_url if over == "http" else f"{site.as_uri()}/"
    page = browser.new_page()
    page.goto(base + old)
    page.wait_for_url(base + new)
    name = new.partition("#")[2]
    if name:
        page.wait_for_function(
            "name => { const y = document.getElementById(name).getBoundingClientRect().top;"
            " return y >= -2 && y < innerHeight / 3; }",
            arg=name,
        )
    page.close()


def test_a_heading_that_stayed_is_not_led_away_from(browser, site_url):
    page = browser.new_page()
    address = f"{site_url}chapters/04_bandwidth.html#the-shortcut"
    page.goto(address)
    page.wait_for_load_state("networkidle")
    assert page.url == address
    page.evaluate("location.hash = 'the-curve'")
    page.wait_for_url(re.compile(r"05_a_better_local_fit\.html#the-curve$"))
    page.close()


def test_without_scripts_the_old_page_leads_on_too(browser, site_url):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site_url}chapters/05_learning_the_kernel.html")
    page.wait_for_url(f"{site_url}chapters/06_learning_the_kernel.html")
    context.close()
