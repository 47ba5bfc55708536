"""The explorer of chapter 8 in the built page, against the package."""

import numpy as np
import pytest

from d2lmini import data, nadaraya_watson
from tests.explorers.test_explorers import (  # noqa: F401
    open_explorer,
    page,
    picture,
    readouts,
    sigma_slider,
)

CHAPTER = ("chapters/08_scaling_up.html", "streaming")
SAMPLE = data.sine_power()


@pytest.fixture
def explorer(page, site_url):  # noqa: F811
    return open_explorer(page, site_url, CHAPTER)


def number(text: str) -> float:
    return float(text.split()[0].replace("−", "-"))


def numbers_match(root, sigma, query, read, size):
    """The readouts against sums over the keys read, in NumPy."""
    picture(root)
    numbers = readouts(root)
    scores = -(((query - SAMPLE.keys[:read]) / sigma) ** 2) / 2
    kernel, values = np.exp(scores - scores.max()), SAMPLE.values[:read]
    at = np.array([query])
    expected = {
        "running maximum M": scores.max(),
        "numerator N": kernel @ values,
        "denominator D": kernel.sum(),
    }
    for name, value in expected.items():
        assert number(numbers[name]) == pytest.approx(value, rel=6e-3, abs=1e-12), name
    so_far = nadaraya_watson(at, SAMPLE.keys[:read], values, sigma=sigma)[0][0]
    whole = nadaraya_watson(at, SAMPLE.keys, SAMPLE.values, sigma=sigma)[0][0]
    shown = numbers[f"estimate so far, at q = {query:.2f}"]
    assert number(shown) == pytest.approx(so_far, abs=0.0051)
    assert number(numbers["with all keys"]) == pytest.approx(whole, abs=0.0051)
    if read > size:
        factor = np.exp(scores[: read - size].max() - scores.max())
        assert number(numbers["old sums times"]) == pytest.approx(factor, rel=6e-3)
    else:
        assert numbers["old sums times"] == "no old sums"


def test_the_numbers_are_those_of_the_keys_read_so_far(explorer):
    numbers_match(explorer, 0.5, 2.5, 20, 10)
    explorer.get_by_role("slider", name="Keys read").fill("1")
    numbers_match(explorer, 0.5, 2.5, 10, 10)
    explorer.get_by_role("slider", name="Query q").fill("4")
    explorer.get_by_role("combobox", name="Block size").select_option("5")
    numbers_match(explorer, 0.5, 4.0, 10, 5)
    explorer.get_by_role("slider", name="Keys read").fill("10")
    sigma_slider(explorer).fill("-1")
    numbers_match(explorer, 0.1, 4.0, 50, 5)
    numbers = readouts(explorer)
    assert numbers["estimate so far, at q = 4.00"] == numbers["with all keys"]


def test_no_key_read_is_no_estimate(explorer):
    explorer.get_by_role("slider", name="Keys read").fill("0")
    picture(explorer)
    numbers = readouts(explorer)
    assert numbers["estimate so far, at q = 2.50"] == numbers["running maximum M"] == "none yet"
    assert explorer.locator("circle.d2l-query-dot").get_attribute("style") == "display: none;"


def test_plain_sums_underflow_at_the_right_end(explorer):
    """What the chapter's first question asks."""
    explorer.get_by_role("slider", name="Query q").fill("5")
    explorer.get_by_role("slider", name="Keys read").fill("1")
    sigma_slider(explorer).fill("-1.52")
    picture(explorer)
    assert readouts(explorer)["sums without a maximum"] == "0 / 0, no number"
    assert number(readouts(explorer)["denominator D"]) >= 1


def test_play_reads_to_the_end_and_pause_stops(explorer, page):  # noqa: F811
    play = explorer.get_by_role("button", name="Play")
    play.click()
    pause = explorer.get_by_role("button", name="Pause")
    pause.click()
    slider = explorer.get_by_role("slider", name="Keys read")
    where = slider.input_value()
    assert int(where) >= 3
    page.wait_for_timeout(900)
    assert slider.input_value() == where
    play.click()
    page.wait_for_function("root => root.querySelector('[aria-label=\"Keys read\"]').value === '5'",
                           arg=explorer.element_handle())  # fmt: skip
    assert play.count() == 1
    assert slider.get_attribute("aria-valuetext") == "50 of 50 keys"


def test_without_motion_play_goes_one_block(page, site_url):  # noqa: F811
    page.emulate_media(reduced_motion="reduce")
    root = open_explorer(page, site_url, CHAPTER)
    root.get_by_role("button", name="Play").click()
    page.wait_for_timeout(900)
    assert root.get_by_role("slider", name="Keys read").input_value() == "3"
    assert root.get_by_role("button", name="Play").count() == 1


def test_the_block_being_read_is_the_part_of_the_heatmap_that_is_not_veiled(explorer):
    picture(explorer)
    veils = [explorer.locator(f"path.d2l-veil-{when}") for when in ("past", "coming")]
    assert [veil.get_attribute("d").count("M") for veil in veils] == [10, 30]
    tape = [
        explorer.locator(f"path.d2l-tape-{w}").get_attribute("d") for w in ("read", "now", "next")
    ]
    assert [marks.count("M") for marks in tape] == [10, 10, 30]


def test_more_features_come_nearer_where_the_keys_are_short(explorer):
    label = "random features: error, in units of the plain mean's"
    slider = explorer.get_by_role("slider", name="Random features")
    found = {}
    for spread in ("0.5", "1"):
        explorer.get_by_role("combobox", name="Spread of the entries").select_option(spread)
        for power in ("4", "12"):
            slider.fill(power)
            picture(explorer)
            found[spread, power] = number(readouts(explorer)[label])
    assert found["0.5", "12"] < 0.4 < 1 < found["0.5", "4"]
    assert found["1", "12"] > 0.4
    before = readouts(explorer)[label]
    explorer.get_by_role("button", name="Draw features again").click()
    picture(explorer)
    assert readouts(explorer)[label] != before
