"""The explorer of chapter 7 on a page made here, used as a reader does, against the package."""

import json
import re
from pathlib import Path

import ipywidgets
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from d2lmini.widgets import Attention
from tests.book.axe import RULES
from tests.explorers.test_explorers import picture, readouts, sigma_slider
from tests.explorers.test_widget_attention import POINTS, TOKENS, in_python
from tools import ROOT

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>attention</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="{host}/host.css"><script src="{host}/host.js" defer></script>
<script type="application/vnd.jupyter.widget-state+json">{state}</script>
<body><main><h1>Attention</h1>
<script type="application/vnd.jupyter.widget-view+json">{view}</script></main></body></html>"""
PLAIN = {
    "kernel": "dot-product", "mask": "none", "positions": "none", "sigma": 1.0,
    "reach": 1, "positionSigma": 1.5,
}  # fmt: skip
LABELS = ["The₁", "cat₂", "sat₃", "on₄", "the₅", "mat₆"]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory) -> Path:
    """A page with nothing but the explorer, as it comes from Python."""
    ipywidgets.Widget.close_all()
    made = Attention(TOKENS, POINTS, query=1)
    state = json.dumps(ipywidgets.Widget.get_manager_state(drop_defaults=False))
    view = {"version_major": 2, "version_minor": 0, "model_id": made.model_id}
    host = (ROOT / "book" / "static" / "host").as_uri()
    text = PAGE.format(host=host, state=state.replace("</", "<\\/"), view=json.dumps(view))
    file = tmp_path_factory.mktemp("attention") / "page.html"
    file.write_text(text, encoding="utf-8")
    return file


def open_page(page, file):
    page.goto(file.as_uri())
    page.wait_for_function("document.documentElement.dataset.widgets !== undefined")
    assert page.evaluate("document.documentElement.dataset.widgets") == "ready"
    root = page.locator("[data-explorer=attention]")
    root.locator(".d2l-estimate[d]").wait_for(state="attached")
    return root


@pytest.fixture
def explorer(browser, page_file):
    page = browser.new_page(viewport={"width": 760, "height": 1000})
    yield open_page(page, page_file)
    page.close()


def cells(root):
    """Rows of the table as text, sums left out."""
    picture(root)
    inside = "row => [...row.querySelectorAll('td:not(.d2l-sum)')].map(cell => cell.innerText)"
    return root.locator("tbody tr").evaluate_all(f"rows => rows.map({inside})")


def matches(root, points=POINTS, query: int | None = 1, **changed):
    """Table, sentence and readouts are those of Python."""
    setting = {**PLAIN, **changed}
    outputs, weights = in_python(np.array(points), setting)
    shown = [[0.0 if text == "hidden" else float(text) for text in row] for row in cells(root)]
    np.testing.assert_allclose(shown, weights, atol=0.0051)
    sums = root.locator("tbody .d2l-sum").all_inner_texts()
    assert set(sums) == {"1.00"}
    if query is None:
        return
    row, numbers = weights[query], readouts(root)
    under = root.locator(".d2l-token span").all_inner_texts()
    assert ["0" if text == "hidden" else text for text in under] == [
        "0" if shown == "hidden" else shown for shown in cells(root)[query]
    ]
    effective = next(v for k, v in numbers.items() if k.startswith("effective keys"))
    assert float(effective.split()[0]) == pytest.approx(1 / np.sum(row**2), abs=0.051)
    output = next(v for k, v in numbers.items() if k.startswith("output of"))
    x, y = (float(part.replace("−", "-")) for part in output.strip("()").split(", "))
    assert (x, y) == pytest.approx(tuple(outputs[query]), abs=0.0051)
    strongest = next(v for k, v in numbers.items() if k.startswith("strongest key"))
    assert float(strongest.split(": ")[1]) == pytest.approx(row.max(), abs=0.0051)


def middle(root, i: int) -> tuple[float, float]:
    box = root.locator(".d2l-hits circle").nth(i).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def put_on_circle(root):
    root.get_by_role("button", name="Put all on the circle").click()


def test_the_root_is_a_named_group(explorer):
    assert explorer.get_attribute("role") == "group"
    assert explorer.get_attribute("aria-label") == "Explorer: attention between tokens"
    assert sigma_slider(explorer).count() == 1


def controls_of(root):
    found = root.locator("input, select, button")
    name = "c => c.ariaLabel || c.labels?.[0]?.innerText || c.innerText"
    return [(found.nth(i), found.nth(i).evaluate(name)) for i in range(found.count())]


def test_every_control_changes_the_picture_from_its_start(browser, page_file):
    page = browser.new_page(viewport={"width": 760, "height": 1000})
    count = len(controls_of(open_page(page, page_file)))
    assert count == 18
    for i in range(count):
        root = open_page(page, page_file)
        control, name = controls_of(root)[i]
        assert name.strip()
        if name == "Reset":
            put_on_circle(root)
        before = picture(root)
        kind = control.evaluate("c => c.tagName")
        if kind == "SELECT":
            control.select_option(index=1)
        elif kind == "BUTTON":
            control.click()
        else:
            control.focus()
            page.keyboard.press("ArrowDown")
        assert picture(root) != before, f"{name!r} is dead"
    page.close()


@pytest.mark.parametrize("kernel", ["dot-product", "rbf", "cosine"])
def test_the_numbers_are_those_of_python(explorer, kernel):
    matches(explorer)
    explorer.get_by_label("Kernel").select_option(kernel)
    sigma_slider(explorer).fill("-0.3")
    for mask in ("none", "causal", "window"):
        explorer.get_by_label("Mask").select_option(mask)
        for positions in ("none", "gaussian", "laplace"):
            explorer.get_by_label("Positional factor").select_option(positions)
            setting = {"kernel": kernel, "mask": mask, "positions": positions}
            matches(explorer, sigma=10**-0.3, **setting)
    (temperature,) = (v for k, v in readouts(explorer).items() if k.startswith("temperature"))
    assert float(temperature) == pytest.approx(10**-0.6, rel=0.005)


def test_rows_are_queries_and_say_so(explorer):
    picture(explorer)
    table = explorer.get_by_role("table", name="Attention weights: each row adds up to 1")
    rows = table.locator("th[scope=row]").all_inner_texts()
    columns = table.locator("th[scope=col] span").all_inner_texts()
    assert rows == LABELS
    assert columns == ["query (row) ↓", *LABELS]
    assert table.locator("th[scope=colgroup]").inner_text() == "key (column) →"
    explorer.get_by_label("Mask").select_option("causal")
    shown = cells(explorer)
    assert [[text == "hidden" for text in row] for row in shown] == [
        [j > i for j in range(6)] for i in range(6)
    ]
    hidden = explorer.locator("td.d2l-masked")
    assert hidden.count() == 15
    assert "gradient" in hidden.first.evaluate("c => getComputedStyle(c).backgroundImage")
    assert explorer.locator(".d2l-token span").all_inner_texts()[2:] == ["hidden"] * 4


def test_a_word_picks_the_query_and_lets_it_go(explorer):
    words = explorer.locator(".d2l-token button")
    words.nth(4).click()
    matches(explorer, query=4)
    assert words.nth(4).get_attribute("aria-pressed") == "true"
    assert words.nth(4).get_attribute("aria-label") == "the₅, position 5"
    assert words.nth(0).get_attribute("aria-label") == "The₁, position 1"
    assert explorer.locator("tr.d2l-picked th").inner_text() == "the₅"
    assert explorer.locator(".d2l-estimate").get_attribute("d").count("M") == 1
    words.nth(4).press("Enter")
    matches(explorer, query=None)
    assert explorer.locator("[aria-pressed=true]").count() == 0
    assert explorer.locator(".d2l-estimate").get_attribute("d").count("M") == 6


def test_the_output_stands_where_the_numbers_say(explorer):
    picture(explorer)
    outputs, _ = in_python(POINTS, PLAIN)
    path = explorer.locator(".d2l-estimate").get_attribute("d")
    ends = [float(x) for x in re.findall(r"[\d.]+", path)]
    circle = explorer.locator(".d2l-unit")
    x0, y0, unit = (float(circle.get_attribute(name)) for name in ("cx", "cy", "rx"))
    expected = [x0 + unit * POINTS[1, 0], y0 - unit * POINTS[1, 1]]
    expected += [x0 + unit * outputs[1, 0], y0 - unit * outputs[1, 1]]
    assert ends == pytest.approx(expected, abs=0.11)


def test_dragging_a_token_moves_it_and_not_the_query(explorer):
    picture(explorer)
    (x, y), mouse = middle(explorer, 5), explorer.page.mouse
    unit = float(explorer.locator(".d2l-unit").get_attribute("rx"))
    mouse.move(x, y)
    mouse.down()
    mouse.move(x - 70, y - 60, steps=5)
    mouse.up()
    picture(explorer)
    moved = POINTS.copy()
    moved[5] += np.array([-70, 60]) / unit
    matches(explorer, moved.round(2))
    assert middle(explorer, 5) == pytest.approx((x - 70, y - 60), abs=1)
    assert explorer.get_by_label("Token to move").input_value() == "5"
    handle = explorer.locator(".d2l-handle")
    before = [float(n) for n in re.findall(r"-?[\d.]+", handle.get_attribute("aria-label"))]
    for key in ("ArrowLeft", "ArrowUp", "ArrowUp"):  # the focus is on it
        explorer.page.keyboard.press(key)
    picture(explorer)
    after = [float(n) for n in re.findall(r"-?[\d.]+", handle.get_attribute("aria-label"))]
    assert np.subtract(after, before) == pytest.approx([-0.05, 0.1], abs=1e-9)
    explorer.page.keyboard.press("Enter")
    picture(explorer)
    assert explorer.locator("tr.d2l-picked th").inner_text() == "mat₆"


def test_a_click_on_a_point_picks_it(explorer):
    picture(explorer)
    explorer.page.mouse.click(*middle(explorer, 2))
    matches(explorer, query=2)
    explorer.page.mouse.click(*middle(explorer, 2))
    matches(explorer, query=None)


def test_two_tokens_in_one_place_come_apart(explorer):
    picture(explorer)
    assert middle(explorer, 0) == middle(explorer, 4)
    names = explorer.locator(".d2l-names text")
    assert names.nth(0).bounding_box() != names.nth(4).bounding_box()
    explorer.get_by_label("Token to move").select_option("4")
    (x, y), mouse = middle(explorer, 4), explorer.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x, y + 50, steps=4)
    mouse.up()
    picture(explorer)
    assert middle(explorer, 0) == pytest.approx((x, y), abs=1)
    assert middle(explorer, 4) == pytest.approx((x, y + 50), abs=1)


def test_a_token_does_not_leave_the_plane(explorer):
    picture(explorer)
    (x, y), mouse = middle(explorer, 5), explorer.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 400, y - 500, steps=4)
    mouse.up()
    picture(explorer)
    assert explorer.locator(".d2l-handle").get_attribute("aria-label").endswith("(2.00, 2.00)")


def test_on_the_circle_dot_product_is_rbf(explorer):
    def difference():
        picture(explorer)
        return readouts(explorer)["dot-product against RBF: largest difference"]

    dot, rbf = (in_python(POINTS, {**PLAIN, "kernel": name})[1] for name in ("dot-product", "rbf"))
    assert float(difference()) == pytest.approx(abs(dot - rbf).max(), abs=0.00051)
    put_on_circle(explorer)
    assert difference() == "0"
    circle = POINTS / np.linalg.norm(POINTS, axis=1, keepdims=True)
    tables = []
    for kernel in ("dot-product", "rbf", "cosine"):
        explorer.get_by_label("Kernel").select_option(kernel)
        matches(explorer, circle, kernel=kernel)
        tables.append(cells(explorer))
    assert tables[0] == tables[1] == tables[2]
    put_on_circle(explorer)
    assert "on the unit circle already" in explorer.locator(".d2l-status").inner_text()


def test_shuffling_moves_no_weight_between_words_until_positions_count(explorer):
    def of_words():
        picture(explorer)
        words = explorer.locator(".d2l-token button").all_inner_texts()
        weights = explorer.locator(".d2l-token span").all_inner_texts()
        return sorted((w[:-1], weight) for w, weight in zip(words, weights, strict=True))

    output = "output of {} = Σ α v"
    picture(explorer)
    first, point = of_words(), readouts(explorer)[output.format("cat₂")]
    orders = set()
    for _ in range(3):
        explorer.get_by_role("button", name="Shuffle the words").click()
        assert of_words() == first
        picked = explorer.locator("tr.d2l-picked th").inner_text()
        assert picked.startswith("cat")
        assert readouts(explorer)[output.format(picked)] == point
        orders.add(tuple(explorer.locator(".d2l-token button").all_inner_texts()))
    assert len(orders) == 3
    explorer.get_by_role("button", name="Reset").click()
    explorer.get_by_label("Positional factor").select_option("gaussian")
    before = of_words()
    explorer.get_by_role("button", name="Shuffle the words").click()
    assert of_words() != before


def test_a_step_goes_to_the_outputs(explorer):
    explorer.get_by_label("Kernel").select_option("rbf")
    explorer.get_by_role("button", name="Step to the outputs").click()
    setting = {**PLAIN, "kernel": "rbf"}
    matches(explorer, in_python(POINTS, setting)[0], kernel="rbf")
    said = explorer.locator(".d2l-status")
    explorer.page.wait_for_timeout(900)
    assert "one step of mean shift" in said.inner_text()
    explorer.get_by_label("Kernel").select_option("cosine")
    expect(said).to_contain_text("cosine")


def test_the_status_line_sums_up(explorer):
    sigma_slider(explorer).fill("0.3")
    explorer.page.wait_for_timeout(900)
    status = explorer.locator(".d2l-status").inner_text()
    assert re.fullmatch(
        r"dot-product, σ 2, query cat₂: strongest key mat₆: 0\.\d\d, "
        r"\d\.\d effective keys, output \(\d\.\d\d, \d\.\d\d\)\.",
        status.replace("cat₂: 0", "mat₆: 0"),
    ), status


def test_reset_undoes_everything(explorer):
    first, table = picture(explorer), cells(explorer)
    explorer.get_by_role("button", name="Shuffle the words").click()
    put_on_circle(explorer)
    explorer.get_by_label("Kernel").select_option("cosine")
    explorer.get_by_label("Mask").select_option("window")
    explorer.get_by_label("Positional factor").select_option("laplace")
    explorer.get_by_label("Token to move").select_option("3")
    explorer.get_by_label("its first coordinate").fill("1.5")
    sigma_slider(explorer).fill("0.5")
    explorer.locator(".d2l-token button").nth(3).click()
    assert picture(explorer) != first
    explorer.get_by_role("button", name="Reset").click()
    assert picture(explorer) == first
    assert cells(explorer) == table
    assert explorer.get_by_label("Kernel").input_value() == "dot-product"


def test_touch_on_a_phone_moves_a_token(browser, page_file):
    context = browser.new_context(
        viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True
    )
    touched = context.new_page()
    root = open_page(touched, page_file)
    root.locator(".d2l-plane").scroll_into_view_if_needed()
    picture(root)
    (x, y), session = middle(root, 3), context.new_cdp_session(touched)
    scrolled = touched.evaluate("scrollY")
    for step in range(6):
        at = [{"x": x + 10 * step, "y": y + 12 * step}]
        kind = "touchMove" if step else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    picture(root)
    assert middle(root, 3) == pytest.approx((x + 50, y + 60), abs=2)
    assert touched.evaluate("scrollY") == scrolled
    assert root.locator(".d2l-fit").evaluate("e => getComputedStyle(e).touchAction") == "pan-y"
    assert touched.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


def test_the_table_is_whole_at_every_width(explorer):
    for width in (*range(345, 761, 32), 650, 1000):
        explorer.page.set_viewport_size({"width": width, "height": 1000})
        picture(explorer)
        room, wide = explorer.locator(".d2l-matrix").evaluate("e => [e.clientWidth, e.scrollWidth]")
        assert wide <= room, f"{width} px: the table takes {wide} of {room}"
        assert explorer.locator(".d2l-plane").bounding_box()["width"] >= 260
        assert explorer.page.evaluate("document.documentElement.scrollWidth") <= width


def test_paper_says_what_the_menus_are_set_to(explorer):
    explorer.get_by_label("Mask").select_option("window")
    explorer.get_by_label("Positional factor").select_option("laplace")
    picture(explorer)
    explorer.page.emulate_media(media="print")
    menus = explorer.locator(".d2l-menus .d2l-select")
    printed = menus.evaluate_all("all => all.map(e => getComputedStyle(e, '::after').content)")
    assert printed == ['"dot-product"', '"window of ±1"', '"Laplace, σ = 1.5"']
    assert not explorer.locator("select").first.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_accessibility_violations(browser, page_file, scheme):
    page = browser.new_page(viewport={"width": 760, "height": 1000})
    root = open_page(page, page_file)
    page.evaluate(f"document.documentElement.dataset.theme = {scheme!r}")
    for mask in ("none", "causal"):
        root.get_by_label("Mask").select_option(mask)
        picture(root)
        found = Axe().run(page, options={"runOnly": RULES[scheme]}).response["violations"]
        assert not [(v["id"], [n["target"] for n in v["nodes"]][:3]) for v in found]
    page.close()
