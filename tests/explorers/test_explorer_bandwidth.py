"""The explorer of chapter 4 in the built page, against the package."""

import json
import re
import subprocess

import numpy as np
import pytest
from playwright.sync_api import expect

from d2lmini import data, nadaraya_watson
from d2lmini.bandwidth import bias_variance, leave_one_out_error, training_error
from d2lmini.widgets import base
from tests.explorers.test_explorers import (  # noqa: F401
    address,
    open_explorer,
    page,
    picture,
    readouts,
    sigma_slider,
)

CHAPTER = ("chapters/04_bandwidth.html", "bandwidth")
SAMPLE = data.sine_linear()
GRID = 10 ** np.arange(-1.52, 1.001, 0.02)  # every second place of the slider


@pytest.fixture
def explorer(page, site_url):  # noqa: F811
    return open_explorer(page, site_url, CHAPTER)


def shown(root) -> dict[str, str]:
    picture(root)
    return readouts(root)


def sigma_of(root) -> float:
    return 10 ** float(sigma_slider(root).input_value())


def true_error(sigma: float) -> float:
    estimates, _ = nadaraya_watson(SAMPLE.queries, SAMPLE.keys, SAMPLE.values, sigma=sigma)
    return float(np.mean((estimates - SAMPLE.truth) ** 2))


def numbers_match(root, sigma: float):
    numbers = shown(root)
    at, weights = nadaraya_watson(np.array([2.5]), SAMPLE.keys, SAMPLE.values, sigma=sigma)
    parts = bias_variance(SAMPLE.f, SAMPLE.keys, 1.0, SAMPLE.queries, sigma)
    squared_bias, variance = (float(np.mean(part)) for part in parts)
    expected = {
        "estimate at q = 2.50": at[0],
        "effective keys 1/Σα²": 1 / np.sum(weights**2),
        "true error": true_error(sigma),
        "leave-one-out error": leave_one_out_error(SAMPLE.keys, SAMPLE.values, sigma),
        "training error": training_error(SAMPLE.keys, SAMPLE.values, sigma),
    }
    digits = [0.0051, 0.051, 0.00051, 0.00051, 0.00051]
    for (name, value), tolerance in zip(expected.items(), digits, strict=True):
        assert float(numbers[name].split()[0]) == pytest.approx(value, abs=tolerance), name
    found = re.findall(r"[\d.]+", numbers["bias² + variance, given the keys"])
    total = [squared_bias, variance, squared_bias + variance]
    assert [float(x) for x in found] == pytest.approx(total, abs=0.00051)


def test_the_numbers_are_those_of_python(page, address):  # noqa: F811
    explorer = open_explorer(page, address, CHAPTER)
    slider = sigma_slider(explorer)
    numbers_match(explorer, float(slider.get_attribute("aria-valuetext")))
    slider.focus()
    for _ in range(30):
        explorer.page.keyboard.press("ArrowLeft")
    numbers_match(explorer, sigma_of(explorer))
    slider.fill("0.5")
    numbers_match(explorer, sigma_of(explorer))


@pytest.mark.parametrize("which", ["Best by leave-one-out", "Best by true error"])
def test_the_buttons_go_to_the_smallest_error(explorer, which):
    before = picture(explorer)
    explorer.get_by_role("button", name=which).click()
    assert picture(explorer) != before
    loo = leave_one_out_error(SAMPLE.keys, SAMPLE.values, GRID)
    errors = loo if "leave" in which else [true_error(sigma) for sigma in GRID]
    assert sigma_of(explorer) == pytest.approx(GRID[np.argmin(errors)], rel=1e-6)
    status = explorer.locator(".d2l-status").inner_text()
    assert f"smallest at σ = {sigma_of(explorer):.3g}" in status


def test_the_rings_are_at_the_smallest_errors(explorer):
    picture(explorer)
    svg = explorer.locator(".d2l-curves svg")
    width = float(svg.get_attribute("width"))
    loo = leave_one_out_error(SAMPLE.keys, SAMPLE.values, GRID)
    for look, errors in [("left-out", loo), ("true-error", [true_error(s) for s in GRID])]:
        ring = explorer.locator(f".d2l-minimum.d2l-{look}")
        share = (float(ring.get_attribute("cx")) - 46) / (width - 58)
        assert share == pytest.approx(np.argmin(errors) / (len(GRID) - 1), abs=0.001)
    assert "leave-one-out error is smallest at" in svg.get_attribute("aria-label")


def test_dragging_along_the_curves_moves_sigma(explorer):
    box = explorer.locator(".d2l-curves svg").bounding_box()
    mouse, y = explorer.page.mouse, box["y"] + 90
    estimate = explorer.locator(".d2l-estimate").get_attribute("d")
    mouse.move(box["x"] + box["width"] * 0.5, y)
    mouse.down()
    mouse.move(box["x"] + box["width"] * 0.3, y, steps=4)
    mouse.up()
    picture(explorer)
    position = (box["width"] * 0.3 - 46) / (box["width"] - 58)
    assert np.log10(sigma_of(explorer)) == pytest.approx(-1.52 + 2.52 * position, abs=0.02)
    assert explorer.locator(".d2l-estimate").get_attribute("d") != estimate
    numbers_match(explorer, sigma_of(explorer))
    mouse.move(box["x"] + 60, y)
    mouse.down()
    mouse.move(box["x"] - 40, y, steps=4)  # beyond the axis: the smallest sigma
    mouse.up()
    picture(explorer)
    assert float(sigma_slider(explorer).input_value()) == -1.52
    label = explorer.locator(".d2l-sigma-label").text_content()
    assert label == f"σ = {10**-1.52:.3g}"


def test_the_marker_stands_at_sigma_on_each_curve(explorer):
    for exponent in ("-1", "0.3"):
        sigma_slider(explorer).fill(exponent)
        picture(explorer)
        x = re.match(r"M([\d.]+)", explorer.locator(".d2l-sigma-line").get_attribute("d"))[1]
        dots = explorer.locator(".d2l-curves .d2l-dot")
        assert {dots.nth(i).get_attribute("cx") for i in range(3)} == {x}
        label = explorer.locator(".d2l-sigma-label").text_content()
        assert label == f"σ = {10 ** float(exponent):.3g}"


def left_behind(root) -> list[int]:
    """How many fits are drawn faint, how many chosen bandwidths: of leave-one-out, of the truth."""
    picture(root)
    paths = [".d2l-ghost", ".d2l-left-out.d2l-choice", ".d2l-true-error.d2l-choice"]
    return [(root.locator(path).get_attribute("d") or "").count("M") for path in paths]


def test_new_samples_leave_their_fits_and_choices_behind(explorer):
    assert left_behind(explorer) == [0, 1, 1]
    for count in range(1, 10):
        explorer.get_by_role("button", name="New sample").click()
        assert left_behind(explorer) == [min(count, 8), count + 1, count + 1]
    ghosts = explorer.locator(".d2l-ghost").get_attribute("d")
    sigma_slider(explorer).fill("-0.7")
    assert left_behind(explorer) == [8, 10, 10]
    assert explorer.locator(".d2l-ghost").get_attribute("d") != ghosts  # they follow sigma
    explorer.get_by_label("Kernel").select_option("laplace")
    assert left_behind(explorer) == [8, 1, 1]  # the others were choices for another kernel
    explorer.get_by_label("Kernel").select_option("gaussian")
    assert left_behind(explorer) == [8, 1, 1]
    explorer.get_by_role("button", name="Reset").click()
    assert left_behind(explorer) == [0, 1, 1]


DRAWN = """n => import("{maths}").then(({{ drawSample }}) => Array.from({{ length: n }}, (_, i) =>
    drawSample("sine_linear", 40, 1, [0, 5], i + 1)))"""


def test_twenty_samples_at_once_choose_what_python_chooses(explorer, node):
    explorer.get_by_role("button", name="Draw 20 samples").click()
    assert left_behind(explorer) == [8, 21, 21]
    maths = (base._JS / "maths.js").as_uri()
    script = f"({DRAWN.format(maths=maths)})(20).then((all) => console.log(JSON.stringify(all)))"
    command = [node, "--input-type=module", "-e", script]
    drawn = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    chosen = {"leave": [], "true": []}
    doubled = 0
    for one in [{"keys": SAMPLE.keys, "values": SAMPLE.values}, *drawn]:
        keys, values = np.array(one["keys"]), np.array(one["values"])
        loo = leave_one_out_error(keys, values, GRID)
        fits = [nadaraya_watson(SAMPLE.queries, keys, values, sigma=h)[0] for h in GRID]
        true = np.mean((np.array(fits) - SAMPLE.truth) ** 2, axis=1)
        chosen["leave"].append(GRID[loo.argmin()])
        chosen["true"].append(GRID[true.argmin()])
        doubled += true[loo.argmin()] > 2 * true.min()
    status = explorer.locator(".d2l-status").inner_text()
    for sigmas in chosen.values():
        low, middle, high = (f"{x:.3g}" for x in np.quantile(sigmas, [0.05, 0.5, 0.95]))
        assert f"median {middle}, the middle 90 % from {low} to {high}" in status
    assert f"In {doubled} of them" in status
    assert status.startswith("21 samples.")
    assert explorer.locator(".d2l-choices svg").get_attribute("aria-label") == status
    assert explorer.locator(".d2l-middle[d*=M]").count() == 2


def test_the_summary_outlives_a_drawing_in_which_nothing_changed(explorer):
    explorer.get_by_role("button", name="Draw 20 samples").click()
    picture(explorer)
    explorer.evaluate("root => { root.style.width = '600px'; }")  # drawn anew, the same state
    explorer.page.wait_for_timeout(1000)
    assert explorer.locator(".d2l-status").inner_text().startswith("21 samples.")
    explorer.get_by_role("slider", name="bandwidth σ").fill("0.5")
    expect(explorer.locator(".d2l-status")).to_contain_text("leave-one-out error")


def test_the_first_ghost_is_the_fit_before(explorer):
    """On the same axes: its height at the query is where the handle stood."""
    picture(explorer)
    handle = explorer.locator(".d2l-query-dot")
    x, y = (float(handle.get_attribute(at)) for at in ("cx", "cy"))
    explorer.get_by_role("button", name="New sample").click()
    picture(explorer)
    assert abs(float(handle.get_attribute("cy")) - y) > 1
    points = re.findall(r"([\d.]+) ([\d.-]+)", explorer.locator(".d2l-ghost").get_attribute("d"))
    nearest = min(points, key=lambda point: abs(float(point[0]) - x))
    assert float(nearest[1]) == pytest.approx(y, abs=0.5)


def test_an_inadmissible_sigma_says_so(explorer):
    explorer.get_by_label("Kernel").select_option("epanechnikov")
    sigma_slider(explorer).fill("-1")
    numbers = shown(explorer)
    assert numbers["leave-one-out error"] == "not admissible"
    (name,) = (name for name in numbers if name.startswith("true error"))
    missed = int(re.fullmatch(r"true error: (\d+) of 50 queries see no key", name)[1])
    reached = abs(SAMPLE.queries[:, None] - SAMPLE.keys).min(1) < 0.1
    assert missed == np.sum(~reached)
    assert numbers[name] == numbers["bias² + variance, given the keys"] == "none"
    assert explorer.locator(".d2l-dot.d2l-left-out").is_hidden()
    expected = training_error(SAMPLE.keys, SAMPLE.values, 0.1, "epanechnikov")
    assert float(numbers["training error"]) == pytest.approx(expected, abs=0.00051)
    explorer.get_by_role("button", name="Best by leave-one-out").click()
    assert shown(explorer)["leave-one-out error"] != "not admissible"
    errors = leave_one_out_error(SAMPLE.keys, SAMPLE.values, GRID, "epanechnikov")
    assert sigma_of(explorer) == pytest.approx(GRID[np.argmin(errors)], rel=1e-6)


def test_more_points_by_keyboard(explorer):
    explorer.get_by_label("Number of points").focus()
    for count in (80, 160, 320):
        explorer.page.keyboard.press("ArrowDown")
        assert shown(explorer)["effective keys 1/Σα²"].endswith(f" of {count}")
        assert explorer.locator(".d2l-points circle").count() == count


def test_reset_undoes_everything(explorer):
    first = picture(explorer)
    explorer.get_by_label("Number of points").select_option("80")
    explorer.get_by_role("button", name="New sample").click()
    explorer.get_by_role("button", name="Best by true error").click()
    explorer.get_by_label("Kernel").select_option("boxcar")
    explorer.get_by_label("Query q").fill("4")
    assert picture(explorer) != first
    explorer.get_by_role("button", name="Reset").click()
    assert picture(explorer) == first
    assert explorer.get_by_label("Number of points").input_value() == "40"


def test_touch_along_the_curves_moves_sigma(browser, site_url):
    context = browser.new_context(
        viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True
    )
    touched = context.new_page()
    root = open_explorer(touched, site_url, CHAPTER)
    curves = root.locator(".d2l-curves svg")
    curves.scroll_into_view_if_needed()
    box, session = curves.bounding_box(), context.new_cdp_session(touched)
    for step in range(6):
        where = [{"x": box["x"] + 250 - 25 * step, "y": box["y"] + 80}]
        kind = "touchMove" if step else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": where})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    picture(root)
    position = (125 - 46) / (box["width"] - 58)
    assert np.log10(sigma_of(root)) == pytest.approx(-1.52 + 2.52 * position, abs=0.03)
    assert curves.evaluate("e => getComputedStyle(e).touchAction") == "pan-y"
    assert touched.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
