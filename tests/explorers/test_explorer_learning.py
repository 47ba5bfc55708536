"""The explorer of chapter 5 on a page made here, used as a reader does, against the package."""

import json
import re
from pathlib import Path

import ipywidgets
import numpy as np
import pytest

from d2lmini import data, nadaraya_watson
from d2lmini.bandwidth import leave_one_out_error, training_error
from d2lmini.widgets import Learning
from d2lmini.widgets.learning import gradient_descent
from tests.explorers.test_explorers import picture, readouts, sigma_slider
from tools import ROOT

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>learning</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="{host}/host.css"><script src="{host}/host.js" defer></script>
<script type="application/vnd.jupyter.widget-state+json">{state}</script>
<body><script type="application/vnd.jupyter.widget-view+json">{view}</script></body></html>"""
SAMPLE = data.sine_power()
RUNS = {
    loss: np.array(gradient_descent(SAMPLE.keys, SAMPLE.values, loss))
    for loss in ("leave-one-out", "leave-in")
}


@pytest.fixture(scope="module")
def page_file(tmp_path_factory) -> Path:
    """A page with nothing but the explorer, as it comes from Python."""
    ipywidgets.Widget.close_all()
    made = Learning(SAMPLE)
    state = json.dumps(ipywidgets.Widget.get_manager_state(drop_defaults=False))
    view = {"version_major": 2, "version_minor": 0, "model_id": made.model_id}
    host = (ROOT / "book" / "static" / "host").as_uri()
    text = PAGE.format(host=host, state=state.replace("</", "<\\/"), view=json.dumps(view))
    file = tmp_path_factory.mktemp("learning") / "page.html"
    file.write_text(text, encoding="utf-8")
    return file


def open_page(page, file):
    page.goto(file.as_uri())
    page.wait_for_function("document.documentElement.dataset.widgets !== undefined")
    assert page.evaluate("document.documentElement.dataset.widgets") == "ready"
    root = page.locator("[data-explorer=learning]")
    root.locator(".d2l-estimate[d]").wait_for(state="attached")
    return root


@pytest.fixture
def explorer(browser, page_file):
    page = browser.new_page(viewport={"width": 900, "height": 1000})
    yield open_page(page, page_file)
    page.close()


def w_of(root) -> float:
    """w as the explorer shows it: three digits."""
    picture(root)
    (shown,) = (text for name, text in readouts(root).items() if name.startswith("w = 1/σ"))
    return float(shown)


def where(root) -> str:
    picture(root)
    (name,) = (name for name in readouts(root) if name.startswith("w = 1/σ"))
    return name.split(", ")[1]


def numbers_match(root, w: float, query: float = 2.5):
    assert w_of(root) == pytest.approx(w, rel=6e-3)
    numbers = readouts(root)
    keys, values, sigma = SAMPLE.keys, SAMPLE.values, 1 / w
    fit, _ = nadaraya_watson(SAMPLE.queries, keys, values, sigma=sigma)
    _, row = nadaraya_watson(np.array([query]), keys, values, sigma=sigma)
    expected = {
        "loss (leave-one-out)": leave_one_out_error(keys, values, sigma),
        "loss (leave-in)": training_error(keys, values, sigma),
        "error against the truth": np.mean((fit - SAMPLE.truth) ** 2),
    }
    for name, value in expected.items():
        assert float(numbers[name]) == pytest.approx(value, abs=0.00051), name
    effective, count = numbers["effective keys at q"].split(" of ")
    assert float(effective) == pytest.approx(1 / np.sum(row**2), abs=0.051)
    assert count == "50"


def drag(root, start: float, end: float):
    """Along the loss curves, in shares of the width of their panel; the box of the panel."""
    box = root.locator(".d2l-curves svg").bounding_box()
    mouse, y = root.page.mouse, box["y"] + 90
    mouse.move(box["x"] + box["width"] * start, y)
    mouse.down()
    mouse.move(box["x"] + box["width"] * end, y, steps=4)
    mouse.up()
    return box


def test_the_root_is_a_named_group(explorer):
    assert explorer.get_attribute("role") == "group"
    assert explorer.get_attribute("aria-label") == "Explorer: learning w"
    assert sigma_slider(explorer).count() == 1


def controls_of(root):
    found = root.locator("input, select, button")
    name = "c => c.ariaLabel || c.labels?.[0]?.innerText || c.innerText"
    return [(found.nth(i), found.nth(i).evaluate(name)) for i in range(found.count())]


def test_every_control_changes_the_picture_from_its_start(browser, page_file):
    page = browser.new_page(viewport={"width": 900, "height": 1000})
    count = len(controls_of(open_page(page, page_file)))
    assert count == 8
    for i in range(count):
        root = open_page(page, page_file)
        control, name = controls_of(root)[i]
        assert name.strip()
        for key in ("ArrowDown", "ArrowUp", "ArrowUp")[: 1 if name == "Smallest loss" else 3]:
            if name == "Reset":
                root.get_by_label("Epoch").fill("3")
            before = picture(root)
            kind = control.evaluate("c => c.tagName")
            if kind == "SELECT":
                control.select_option(index=0 if control.input_value() == "leave-in" else 1)
            elif kind == "BUTTON":
                control.click()
            else:
                control.focus()
                page.keyboard.press(key)
            assert picture(root) != before, f"{name!r} is dead"
    page.close()


def test_the_numbers_are_those_of_python(explorer):
    slider = sigma_slider(explorer)
    numbers_match(explorer, RUNS["leave-one-out"][10])
    slider.focus()
    for _ in range(20):
        explorer.page.keyboard.press("ArrowLeft")
    numbers_match(explorer, 10 ** -float(slider.input_value()))
    for exponent in ("-3", "0", "1"):
        slider.fill(exponent)
        numbers_match(explorer, 10 ** -float(exponent))
    explorer.get_by_label("Query q").fill("4")
    numbers_match(explorer, 0.1, query=4.0)
    slider.fill("0")
    numbers_match(explorer, 1.0, query=4.0)


def test_epochs_take_w_along_the_run(explorer):
    epochs, slider = explorer.get_by_label("Epoch"), sigma_slider(explorer)
    curve = explorer.locator(".d2l-estimate").get_attribute("d")
    for epoch in (0, 1, 50, 100):
        epochs.fill(str(epoch))
        w = RUNS["leave-one-out"][epoch]
        numbers_match(explorer, w)
        assert where(explorer) == f"epoch {epoch}"
        assert float(slider.input_value()) == pytest.approx(-np.log10(w), abs=0.0051)
        assert epochs.get_attribute("aria-valuetext") == f"epoch {epoch}: w = {w:.3g}"
        walked = explorer.locator(".d2l-walk").get_attribute("d")
        assert walked.count("M") == epoch + 1
        new = explorer.locator(".d2l-estimate").get_attribute("d")
        assert new != curve
        curve = new
    epochs.focus()
    explorer.page.keyboard.press("ArrowLeft")
    assert where(explorer) == "epoch 99"


def test_the_epochs_lie_where_their_w_and_loss_are(explorer):
    explorer.get_by_label("Train on").select_option("leave-in")
    explorer.get_by_label("Epoch").fill("20")
    picture(explorer)
    width = float(explorer.locator(".d2l-curves svg").get_attribute("width"))
    walked = explorer.locator(".d2l-walk").get_attribute("d")
    found = np.array([p.split() for p in re.findall(r"M([\d.]+ [\d.]+)", walked)], dtype=float)
    run = RUNS["leave-in"][:21]
    x = 46 + (np.log10(run) + 1) / 4 * (width - 64)
    np.testing.assert_allclose(found[:, 0], x, atol=0.06)
    loss = np.array([training_error(SAMPLE.keys, SAMPLE.values, 1 / w) for w in run])
    np.testing.assert_allclose(found[:, 1], 158 - loss / 1.5 * 138, atol=0.3)


def test_moved_by_hand_it_says_so(explorer):
    assert where(explorer) == "epoch 10"
    sigma_slider(explorer).fill("0.3")
    assert where(explorer) == "moved by hand"
    assert explorer.get_by_label("Epoch").input_value() == "10"
    explorer.get_by_label("Epoch").fill("11")
    assert where(explorer) == "epoch 11"


def test_the_loss_changes_the_run_and_the_strong_curve(explorer):
    strong = explorer.locator(".d2l-curves path.d2l-active")
    ring = explorer.locator(".d2l-minimum")
    picture(explorer)
    assert "d2l-left-out" in strong.get_attribute("class")
    assert ring.is_visible()
    choice = explorer.get_by_label("Train on")
    choice.select_option("leave-in")
    numbers_match(explorer, RUNS["leave-in"][10])
    assert strong.count() == 1
    assert "d2l-training" in strong.get_attribute("class")
    assert ring.is_hidden()  # the loss falls all the way
    label = explorer.locator(".d2l-curves svg").get_attribute("aria-label")
    assert "leave-in loss is smallest at the end of the axis" in label
    explorer.get_by_label("Epoch").fill("100")
    numbers_match(explorer, RUNS["leave-in"][100])
    sigma_slider(explorer).fill("-0.5")
    choice.select_option("leave-one-out")
    numbers_match(explorer, 10**0.5)  # moved by hand: stays


def test_the_ring_is_at_the_smallest_loss(explorer):
    picture(explorer)
    width = float(explorer.locator(".d2l-curves svg").get_attribute("width"))
    share = (float(explorer.locator(".d2l-minimum").get_attribute("cx")) - 46) / (width - 64)
    grid = np.geomspace(0.1, 1000, 1000)
    losses = leave_one_out_error(SAMPLE.keys, SAMPLE.values, 1 / grid)
    assert 4 * share - 1 == pytest.approx(np.log10(grid[np.argmin(losses)]), abs=0.021)


def test_the_button_goes_to_the_smallest_loss_if_there_is_one(explorer):
    button = explorer.get_by_role("button", name="Smallest loss")
    button.click()
    grid = 10 ** np.arange(-1, 3.001, 0.02)
    best = grid[np.argmin(leave_one_out_error(SAMPLE.keys, SAMPLE.values, 1 / grid))]
    numbers_match(explorer, best)
    status = explorer.locator(".d2l-status")
    explorer.page.wait_for_timeout(900)  # it is not replaced when the picture rests
    assert status.inner_text() == f"The leave-one-out loss is smallest at w = {best:.3g}."
    explorer.get_by_label("Train on").select_option("leave-in")
    button.click()
    numbers_match(explorer, 1000)
    assert "has no minimum here" in status.inner_text()


def test_next_epoch_until_the_run_ends(explorer):
    button = explorer.get_by_role("button", name="Next epoch")
    button.click()
    numbers_match(explorer, RUNS["leave-one-out"][11])
    explorer.get_by_label("Epoch").fill("99")
    button.click()
    assert where(explorer) == "epoch 100"
    button.click()
    assert explorer.locator(".d2l-status").inner_text() == "The run ends at epoch 100."


def test_dragging_along_the_curve_moves_w(explorer):
    estimate = explorer.locator(".d2l-estimate").get_attribute("d")
    heat = explorer.locator(".d2l-heatmap canvas").evaluate("c => c.toDataURL()")
    box = drag(explorer, 0.4, 0.7)
    position = (box["width"] * 0.7 - 46) / (box["width"] - 64)
    w = 10 ** -float(sigma_slider(explorer).input_value())
    assert np.log10(w) == pytest.approx(4 * position - 1, abs=0.02)
    numbers_match(explorer, w)
    assert explorer.locator(".d2l-sigma-label").text_content() == f"w = {w:.3g}"
    assert explorer.locator(".d2l-estimate").get_attribute("d") != estimate
    after = explorer.locator(".d2l-heatmap canvas").evaluate("c => c.toDataURL()")
    assert after != heat
    drag(explorer, 0.7, -0.2)  # beyond the axis: the smallest w
    assert w_of(explorer) == 0.1


def test_new_samples_are_trained_anew(explorer):
    seen = {w_of(explorer)}
    explorer.get_by_label("Epoch").fill("100")
    for count in (1, 2):
        explorer.get_by_role("button", name="New sample").click()
        assert where(explorer) == "epoch 100"
        seen.add(w_of(explorer))
        said = explorer.locator(".d2l-status").inner_text()
        assert f"New sample {count}, trained anew: w = {w_of(explorer):.3g} at epoch 100" in said
    assert len(seen) == 3
    # A run that has arrived stands still at the smallest loss.
    label = explorer.locator(".d2l-curves svg").get_attribute("aria-label")
    best = float(re.search(r"smallest at w = (\d+\.?\d*)", label)[1])
    assert w_of(explorer) == pytest.approx(best, rel=0.05)


def test_reset_undoes_everything(explorer):
    first = picture(explorer)
    explorer.get_by_label("Train on").select_option("leave-in")
    explorer.get_by_role("button", name="New sample").click()
    explorer.get_by_label("Epoch").fill("80")
    explorer.get_by_label("Query q").fill("1")
    sigma_slider(explorer).fill("0.3")
    assert picture(explorer) != first
    explorer.get_by_role("button", name="Reset").click()
    assert picture(explorer) == first
    assert explorer.get_by_label("Epoch").input_value() == "10"
    assert explorer.get_by_label("Train on").input_value() == "leave-one-out"


def test_touch_on_a_phone_moves_w(browser, page_file):
    context = browser.new_context(
        viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True
    )
    touched = context.new_page()
    root = open_page(touched, page_file)
    curves = root.locator(".d2l-curves svg")
    curves.scroll_into_view_if_needed()
    box, session = curves.bounding_box(), context.new_cdp_session(touched)
    for step in range(6):
        at = [{"x": box["x"] + 100 + 25 * step, "y": box["y"] + 80}]
        kind = "touchMove" if step else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    position = (225 - 46) / (box["width"] - 64)
    assert np.log10(w_of(root)) == pytest.approx(4 * position - 1, abs=0.03)
    assert curves.evaluate("e => getComputedStyle(e).touchAction") == "pan-y"
    assert touched.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
