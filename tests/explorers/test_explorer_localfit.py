"""The explorer of chapter 5 in the built page, against the package."""

import re

import numpy as np
import pytest

from d2lmini import data, local_linear, nadaraya_watson
from tests.explorers.test_explorers import (  # noqa: F401
    open_explorer,
    page,
    picture,
    readouts,
    sigma_slider,
)

CHAPTER = ("chapters/05_a_better_local_fit.html", "localfit")
SAMPLE = data.sine_linear()


@pytest.fixture
def explorer(page, site_url):  # noqa: F811
    return open_explorer(page, site_url, CHAPTER)


def query_slider(root):
    return root.get_by_role("slider", name="Query q")


def numbers_match(root, sigma, query, values):
    picture(root)
    numbers = readouts(root)
    at = np.array([query])
    constant, alpha = nadaraya_watson(at, SAMPLE.keys, values, sigma=sigma)
    line, tilted = local_linear(at, SAMPLE.keys, values, sigma=sigma)
    errors = [
        np.mean((smoother(SAMPLE.queries, SAMPLE.keys, values, sigma=sigma)[0] - SAMPLE.truth) ** 2)
        for smoother in (nadaraya_watson, local_linear)
    ]
    expected = {
        f"constant at q = {query:.2f}": constant[0],
        f"line at q = {query:.2f}": line[0],
        "truth at q": SAMPLE.f(at)[0],
        "line's weights below 0": np.minimum(tilted, 0).sum(),
        "effective keys 1/Σα²": 1 / np.sum(alpha**2),
        "constant: mean squared error": errors[0],
        "line: mean squared error": errors[1],
    }
    for name, value in expected.items():
        shown = float(numbers[name].split()[0].replace("−", "-"))
        digits = 0.051 if "effective" in name else 0.00051 if "squared" in name else 0.0051
        assert shown == pytest.approx(value, abs=digits), name


def test_the_numbers_are_those_of_python_and_follow_sigma_query_and_noise(explorer):
    numbers_match(explorer, 0.5, 0.0, SAMPLE.values)
    query_slider(explorer).fill("2")
    numbers_match(explorer, 0.5, 2.0, SAMPLE.values)
    explorer.get_by_role("checkbox", name="Noise in the values").uncheck()
    numbers_match(explorer, 0.5, 2.0, SAMPLE.f(SAMPLE.keys))
    sigma_slider(explorer).fill("-0.6")
    numbers_match(explorer, 10**-0.6, 2.0, SAMPLE.f(SAMPLE.keys))


def ends(root, look: str) -> np.ndarray:
    """The first and the last point of a drawn line, in pixels."""
    drawn = root.locator(f"path.{look}").first.get_attribute("d")
    points = re.findall(r"([-\d.]+) ([-\d.]+)", drawn)
    return np.array([points[0], points[-1]], dtype=float)


def test_the_pieces_at_the_query_are_flat_and_sloped(explorer):
    query_slider(explorer).fill("1")
    picture(explorer)
    (x0, y0), (x1, y1) = ends(explorer, "d2l-of-constant")
    assert x1 > x0
    assert y0 == y1
    (x2, y2), (x3, y3) = ends(explorer, "d2l-of-line")
    assert (x2, x3) == (x0, x1)
    assert y3 < y2  # up the page: the truth rises there


def test_negative_weights_hang_below_the_zero_line_at_the_end_of_the_data(explorer):
    picture(explorer)
    zero = float(re.search(r"M[\d.]+ ([\d.]+)H", explorer.locator("svg.d2l-fit > path.d2l-axis")
                           .get_attribute("d"))[1])  # fmt: skip
    stems = explorer.locator(".d2l-second-stems").get_attribute("d")
    tips = np.array(re.findall(r"V([\d.]+)", stems), dtype=float)
    assert (tips > zero + 1).any()
    assert (tips < zero - 1).any()
    _, tilted = local_linear(SAMPLE.queries[:1], SAMPLE.keys, SAMPLE.values, sigma=0.5)
    assert abs((tips > zero + 0.5).sum() - (tilted < -0.002).sum()) <= 2
    query_slider(explorer).fill("2.5")
    picture(explorer)
    row = explorer.locator(".d2l-first-stems").get_attribute("d")
    assert len(re.findall("V", row)) > 10


def test_without_noise_the_points_lie_on_the_truth_and_reset_brings_it_back(explorer):
    before = picture(explorer)
    noise = explorer.get_by_role("checkbox", name="Noise in the values")
    noise.uncheck()
    clean = picture(explorer)
    assert clean != before
    explorer.get_by_role("button", name="Reset").click()
    assert picture(explorer) == before
    assert noise.is_checked()
