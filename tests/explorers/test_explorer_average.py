"""The explorer of chapter 1 in the built page, against NumPy."""

import re

import numpy as np
import pytest

from d2lmini import data
from tests.explorers.test_explorers import (  # noqa: F401
    address,
    open_explorer,
    page,
    picture,
    readouts,
    sigma_slider,
)

CHAPTER = ("chapters/01_average_pooling.html", "average")
SAMPLE = data.sine_power()


@pytest.fixture
def explorer(page, address):  # noqa: F811
    return open_explorer(page, address, CHAPTER)


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def shown(root) -> dict[str, str]:
    picture(root)
    return readouts(root)


def heights(root, line: str) -> set[float]:
    """The different pixel heights that a line runs through."""
    d = root.locator(line).get_attribute("d")
    return {float(y) for y in re.findall(r"[ML][\d.-]+ ([\d.-]+)", d)}


def drag_point(root, i: int, by: float, sideways: float = 0):
    box = root.locator(".d2l-points circle").nth(i).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse = root.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + sideways, y + by, steps=4)
    mouse.up()


def test_the_numbers_are_those_of_numpy(explorer):
    mean = SAMPLE.values.mean()
    inside = SAMPLE.values[np.abs(SAMPLE.keys - 2.5) <= 0.5]
    numbers = shown(explorer)
    assert number(numbers["mean of all 50 values"]) == pytest.approx(mean, abs=0.0051)
    local = numbers[f"mean of the {len(inside)} within σ of q = 2.50"]
    assert number(local) == pytest.approx(inside.mean(), abs=0.0051)
    error = np.mean((SAMPLE.truth - mean) ** 2)
    assert number(numbers["mean squared error"]) == pytest.approx(error, abs=0.00051)
    assert numbers["weight of each key"] == "1/50 = 0.02"


@pytest.mark.parametrize("q", [0.0, 1.3, 4.0, 5.0])
def test_nothing_but_the_window_follows_the_query(explorer, q):
    before = shown(explorer)
    still = [".d2l-estimate", ".d2l-stems"]
    lines = [explorer.locator(part).get_attribute("d") for part in still]
    pixels = explorer.locator(".d2l-heatmap canvas").evaluate("c => c.toDataURL()")
    near = explorer.locator(".d2l-second").get_attribute("d")
    explorer.get_by_label("Query q").fill(str(q))
    after = shown(explorer)
    assert [explorer.locator(part).get_attribute("d") for part in still] == lines
    assert explorer.locator(".d2l-heatmap canvas").evaluate("c => c.toDataURL()") == pixels
    assert explorer.locator(".d2l-second").get_attribute("d") != near
    same = ["mean of all 50 values", "mean squared error", "weight of each key"]
    assert [after[name] for name in same] == [before[name] for name in same]
    inside = SAMPLE.values[np.abs(SAMPLE.keys - q) <= 0.5]
    local = after[f"mean of the {len(inside)} within σ of q = {q:.2f}"]
    assert number(local) == pytest.approx(inside.mean(), abs=0.0051)


def test_line_stems_and_heatmap_are_flat(explorer):
    picture(explorer)
    assert len(heights(explorer, ".d2l-estimate")) == 1
    stems = explorer.locator(".d2l-stems").get_attribute("d")
    assert stems.count("M") == 50 and len(set(re.findall(r"V([\d.]+)", stems))) == 1
    colours = explorer.locator(".d2l-heatmap canvas").evaluate("""canvas => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return new Set(new Uint32Array(data.buffer)).size;
    }""")
    assert colours == 1


def test_a_window_over_all_keys_gives_the_mean(explorer):
    sigma_slider(explorer).fill("1")
    numbers = shown(explorer)
    assert numbers["mean of the 50 within σ of q = 2.50"] == numbers["mean of all 50 values"]
    assert heights(explorer, ".d2l-second") == heights(explorer, ".d2l-estimate")


def test_an_empty_window_has_no_mean(explorer):
    sigma_slider(explorer).fill("-1.5")
    explorer.get_by_label("Query q").fill("3.9")
    assert shown(explorer)["mean of the 0 within σ of q = 3.90"] == "none"
    assert explorer.locator(".d2l-second").get_attribute("d") == ""


def test_a_dragged_value_moves_the_line_by_a_fiftieth(explorer):
    picture(explorer)
    (line,) = heights(explorer, ".d2l-estimate")
    drag_point(explorer, 25, by=-100)
    numbers = shown(explorer)
    (moved,) = heights(explorer, ".d2l-estimate")
    assert moved - line == pytest.approx(-100 / 50, abs=0.11)
    change, mean = re.fullmatch(
        r"\+([\d.]+) / 50 = \+([\d.]+)", numbers["your changes, summed ÷ 50"]
    ).groups()
    assert float(mean) == pytest.approx(float(change) / 50, abs=0.00051)
    assert float(change) > 1
    raised = (SAMPLE.values.sum() + float(change)) / 50
    assert number(numbers["mean of all 50 values"]) == pytest.approx(raised, abs=0.0052)


def test_a_point_dragged_sideways_leaves_the_line_alone(explorer):
    before = shown(explorer)
    drag_point(explorer, 30, by=0, sideways=60)
    after = shown(explorer)
    assert after["mean of all 50 values"] == before["mean of all 50 values"]
    assert after["mean squared error"] == before["mean squared error"]
    assert float(explorer.get_by_label("its key k").input_value()) > SAMPLE.keys[30] + 0.3


def test_the_number_of_points_by_keyboard(explorer):
    explorer.get_by_label("Number of points").focus()
    explorer.page.keyboard.press("ArrowDown")
    numbers = shown(explorer)
    assert numbers["weight of each key"] == "1/200 = 0.005"
    assert explorer.locator(".d2l-points circle").count() == 200
    assert numbers["your changes, summed ÷ 200"] == "0 / 200 = 0"
    assert explorer.get_by_label("Data point", exact=True).get_attribute("max") == "200"
    explorer.get_by_label("Number of points").select_option("10")
    assert shown(explorer)["weight of each key"] == "1/10 = 0.1"
    assert explorer.locator(".d2l-points circle").count() == 10


def test_reset_undoes_everything(explorer):
    first = picture(explorer)
    explorer.get_by_label("Number of points").select_option("200")
    explorer.get_by_label("Data point", exact=True).fill("150")
    explorer.get_by_label("its value v").fill("4")
    sigma_slider(explorer).fill("0.3")
    assert picture(explorer) != first
    explorer.get_by_role("button", name="Reset").click()
    assert picture(explorer) == first
    assert explorer.get_by_label("Number of points").input_value() == "50"
    assert explorer.get_by_label("Data point", exact=True).input_value() == "26"


def test_touch_moves_the_query_and_a_point(browser, site_url):
    context = browser.new_context(
        viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True
    )
    touched = context.new_page()
    root = open_explorer(touched, site_url, CHAPTER)
    session = context.new_cdp_session(touched)

    def swipe(x, y, dx, dy):
        for step in range(6):
            where = [{"x": x + dx * step / 5, "y": y + dy * step / 5}]
            kind = "touchMove" if step else "touchStart"
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": where})
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        return shown(root)

    box = root.locator(".d2l-fit").bounding_box()
    swipe(box["x"] + 150, box["y"] + 320, 150, 0)
    assert float(root.get_by_label("Query q").input_value()) > 3.5
    ring = root.locator(".d2l-ring").bounding_box()
    x, y = ring["x"] + ring["width"] / 2, ring["y"] + ring["height"] / 2
    numbers = swipe(x, y, 0, -60)
    assert numbers["your changes, summed ÷ 50"].startswith("+")
    assert touched.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
