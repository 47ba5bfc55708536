"""The explorers in the built pages, used as a reader does: mouse, touch, keyboard, http, file."""

from pathlib import Path

import numpy as np
import pytest

import d2lmini
from d2lmini import data, widgets
from tools import ROOT


def shown_in(page: Path) -> list[str]:
    """The names of the explorers that a chapter makes."""
    source = page.read_text(encoding="utf-8")
    return [name.lower() for name in widgets.__all__ if f"explorer = {name}(" in source]


#: (page, name of its explorer): the landing page, then every chapter that has one
EXPLORERS = [("intro.html", "smoother")] + [
    (f"chapters/{page.stem}.html", name)
    for page in sorted((ROOT / "chapters").glob("*.ipynb"))
    for name in shown_in(page)
]
CHAPTER_2 = ("chapters/02_nadaraya_watson.html", "smoother")
READY = "document.documentElement.dataset.widgets !== undefined"
PICTURE = """root => [...root.querySelectorAll('svg, output, canvas')]
    .filter(part => !part.matches('.d2l-status'))
    .map(part => part.tagName === 'CANVAS' ? part.toDataURL() : part.outerHTML).join('')"""


@pytest.fixture(params=["http", "file"])
def address(request, site, site_url):
    return site_url if request.param == "http" else site.as_uri() + "/"


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    yield page
    page.close()


def open_explorer(page, address, where=CHAPTER_2):
    path, name = where
    page.goto(address + path)
    page.wait_for_function(READY)
    assert page.evaluate("document.documentElement.dataset.widgets") == "ready"
    root = page.locator(f"[data-explorer={name}]").first
    root.scroll_into_view_if_needed()
    root.locator(".d2l-readout output:not(:empty)").first.wait_for(state="attached")
    return root


def picture(root) -> str:
    """What the reader sees, as text, once the next two frames are drawn."""
    root.page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    return root.evaluate(PICTURE)


def readouts(root) -> dict[str, str]:
    pairs = root.locator(".d2l-readout").all()
    return {p.locator("span").inner_text(): p.locator("output").inner_text() for p in pairs}


def sigma_slider(root):
    return root.get_by_role("slider", name="bandwidth σ")


def test_every_explorer_stands_in_a_chapter():
    assert {name for _, name in EXPLORERS} == {name.lower() for name in widgets.__all__}


@pytest.mark.parametrize("where", EXPLORERS)
def test_the_root_is_a_named_group(page, address, where):
    root = open_explorer(page, address, where)
    assert root.get_attribute("role") == "group"
    assert root.get_attribute("aria-label")
    assert sigma_slider(root).count() == 1


@pytest.mark.parametrize("where", EXPLORERS)
def test_every_control_has_a_name_and_changes_the_picture(page, site_url, where):
    root = open_explorer(page, site_url, where)
    controls = root.locator("input, select, button")
    assert controls.count() >= 3
    for i in range(controls.count()):
        control = controls.nth(i)
        name = control.evaluate("c => c.ariaLabel || c.labels?.[0]?.innerText || c.innerText")
        assert name.strip()
        before = picture(root) + root.locator(".d2l-status").inner_text()
        kind = control.evaluate("c => c.tagName === 'INPUT' ? c.type : c.tagName")
        if kind == "SELECT":
            control.select_option(index=control.evaluate("c => Number(c.selectedIndex !== 1)"))
        elif kind in ("BUTTON", "checkbox"):
            control.click()
        else:
            control.focus()
            lowest = control.evaluate("c => c.value === c.min")
            for _ in range(2):
                page.keyboard.press("ArrowUp" if lowest else "ArrowDown")
        after = picture(root) + root.locator(".d2l-status").inner_text()
        assert after != before, f"{name!r} is dead"


def test_sigma_by_keyboard_gives_the_number_that_python_gives(page, address):
    root = open_explorer(page, address)
    slider = sigma_slider(root)
    slider.focus()
    for _ in range(23):
        page.keyboard.press("ArrowLeft")
    sigma = 10 ** float(slider.input_value())
    assert float(slider.get_attribute("aria-valuetext")) == pytest.approx(sigma, rel=5e-3)
    picture(root)
    shown = readouts(root)
    sample = data.sine_power()
    estimates, weights = d2lmini.nadaraya_watson(
        np.array([2.5]), sample.keys, sample.values, "gaussian", sigma
    )
    assert float(shown["estimate at q = 2.50"]) == pytest.approx(estimates[0], abs=0.0051)
    effective = 1 / np.sum(weights**2)
    assert float(shown["effective keys 1/Σα²"].split()[0]) == pytest.approx(effective, abs=0.051)


def test_the_link_works_both_ways(page, address):
    root = open_explorer(page, address)
    slider = sigma_slider(root)
    start, first = slider.input_value(), picture(root)
    slider.fill("0.5")
    assert picture(root) != first
    root.get_by_role("button", name="Reset").click()
    assert picture(root) == first
    assert slider.input_value() == start


def test_reset_undoes_everything(page, site_url):
    root = open_explorer(page, site_url)
    first = picture(root)
    root.get_by_label("Kernel").select_option("boxcar")
    root.get_by_label("its value v").fill("4")
    root.get_by_role("button", name="New sample").click()
    root.get_by_label("Query q").fill("0.5")
    assert picture(root) != first
    root.get_by_role("button", name="Reset").click()
    assert picture(root) == first
    assert root.get_by_label("Kernel").input_value() == "gaussian"


def test_new_samples_differ_each_time(page, site_url):
    root = open_explorer(page, site_url)
    seen = {picture(root)}
    for _ in range(3):
        root.get_by_role("button", name="New sample").click()
        seen.add(picture(root))
    assert len(seen) == 4


def test_dragging_the_query_moves_the_weights(page, address):
    root = open_explorer(page, address)
    box = root.locator(".d2l-fit").bounding_box()
    stems = root.locator(".d2l-stems").get_attribute("d")
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 330)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 330, steps=4)
    page.mouse.up()
    picture(root)
    assert root.locator(".d2l-stems").get_attribute("d") != stems
    assert float(root.get_by_label("Query q").input_value()) > 3.5


def test_dragging_a_point_moves_the_curve_and_nothing_else(page, address):
    root = open_explorer(page, address)
    query = root.get_by_label("Query q").input_value()
    point = root.locator(".d2l-points circle").nth(10).bounding_box()
    x, y = point["x"] + point["width"] / 2, point["y"] + point["height"] / 2
    curve = root.locator(".d2l-estimate").get_attribute("d")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 60, steps=4)
    page.mouse.up()
    picture(root)
    assert root.locator(".d2l-estimate").get_attribute("d") != curve
    assert root.get_by_label("Query q").input_value() == query
    moved = root.locator(".d2l-points circle").nth(10).bounding_box()
    assert moved["y"] + moved["height"] / 2 == pytest.approx(y - 60, abs=2)


def test_touch_moves_the_query_and_leaves_scrolling_to_the_page(browser, site_url):
    context = browser.new_context(
        viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    root = open_explorer(page, site_url)
    box = root.locator(".d2l-fit").bounding_box()
    y = box["y"] + 320
    touch = context.new_cdp_session(page)

    def send(kind, *points):
        where = [{"x": px, "y": py} for px, py in points]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": where})

    send("touchStart", (box["x"] + 150, y))
    for step in range(1, 6):
        send("touchMove", (box["x"] + 150 + 30 * step, y))
    send("touchEnd")
    picture(root)
    assert float(root.get_by_label("Query q").input_value()) > 3.5
    assert root.locator(".d2l-fit").evaluate("e => getComputedStyle(e).touchAction") == "pan-y"
    context.close()


def test_a_finger_on_the_ringed_point_moves_it_and_not_the_page(browser, site_url):
    context = browser.new_context(
        viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    root = open_explorer(page, site_url)
    ring = root.locator(".d2l-ring")
    box, scrolled = ring.bounding_box(), page.evaluate("scrollY")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = context.new_cdp_session(page)
    for step in range(6):
        kind = "touchMove" if step else "touchStart"
        points = [{"x": x + 2 * step, "y": y + 10 * step}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    picture(root)
    moved = ring.bounding_box()
    assert moved["y"] + moved["height"] / 2 == pytest.approx(y + 50, abs=2)
    assert page.evaluate("scrollY") == scrolled
    context.close()


def test_an_empty_window_is_a_gap_and_says_so(page, site_url):
    root = open_explorer(page, site_url)
    root.get_by_label("Kernel").select_option("boxcar")
    sigma_slider(root).fill("-1.5")
    root.get_by_label("Query q").fill("3.9")
    picture(root)
    assert root.locator(".d2l-estimate").get_attribute("d").count("M") > 1
    shown = readouts(root)
    assert shown["estimate at q = 3.90"] == "none: no key in reach"
    assert shown["effective keys 1/Σα²"] == "0.0 of 50"


def test_the_heatmap_row_under_the_line_is_the_row_of_weights(page, site_url):
    root = open_explorer(page, site_url)
    line = root.locator(".d2l-row")
    assert root.locator(".d2l-heatmap canvas").get_attribute("role") == "img"
    before = line.get_attribute("d")
    root.get_by_label("Query q").fill("4")
    picture(root)
    assert line.get_attribute("d") != before
    # The darkest pixel of the canvas row at q = 4 lies near key 4.
    at = root.locator(".d2l-heatmap canvas").evaluate("""canvas => {
        const row = Math.round((1 - 4 / 5) * (canvas.height - 1));
        const { data } = canvas.getContext('2d').getImageData(0, row, canvas.width, 1);
        const light = Array.from({ length: canvas.width },
            (_, i) => data[4 * i] + data[4 * i + 1] + data[4 * i + 2]);
        return 5 * light.indexOf(Math.min(...light)) / canvas.width;
    }""")
    sample = data.sine_power()
    _, weights = d2lmini.nadaraya_watson(
        np.array([4.0]), sample.keys, sample.values, "gaussian", 0.5
    )
    assert at == pytest.approx(sample.keys[np.argmax(weights)], abs=0.2)


def test_dark_pages_get_dark_explorers(browser, site_url):
    shades = {}
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        root = open_explorer(page, site_url)
        shades[scheme] = root.locator(".d2l-estimate").evaluate("e => getComputedStyle(e).stroke")
        page.close()
    assert shades["light"] != shades["dark"]


def test_changing_the_theme_repaints_the_heatmap(page, site_url):
    root = open_explorer(page, site_url)
    before = root.locator(".d2l-heatmap canvas").evaluate("c => c.toDataURL()")
    other = (
        "dark" if page.evaluate("document.documentElement.dataset.theme") == "light" else "light"
    )
    page.evaluate(f"document.documentElement.dataset.theme = {other!r}")
    picture(root)
    assert root.locator(".d2l-heatmap canvas").evaluate("c => c.toDataURL()") != before


@pytest.mark.parametrize("where", EXPLORERS)
def test_paper_shows_the_picture_as_it_stands_in_light_colours(browser, site_url, where):
    page = browser.new_page(color_scheme="dark")
    root = open_explorer(page, site_url, where)
    sigma_slider(root).fill("-0.4")
    stands = picture(root)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    shown = root.locator("input, select, button")
    assert not [i for i in range(shown.count()) if shown.nth(i).is_visible()]
    assert root.locator(".d2l-fit").is_visible()
    assert root.locator(".widget-control output").inner_text() == "0.398"
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert picture(root) == stands
    page.close()


@pytest.mark.parametrize("where", [where for where in EXPLORERS if where[1] != "attention"])
def test_the_numbers_behind_the_picture_open_as_tables_and_follow(page, site_url, where):
    root = open_explorer(page, site_url, where)
    tables = root.locator(".d2l-numbers")
    assert tables.locator("td").count() == 0  # nothing is made before it is asked for
    tables.locator("summary").click()
    picture(root)
    curves, points = tables.locator("table").all()
    assert curves.locator("tbody tr").count() == 21
    assert curves.locator("thead th").count() == 3
    weights = [float(text) for text in points.locator("td:nth-child(3)").all_inner_texts()]
    assert sum(weights) == pytest.approx(1, abs=0.0006 * len(weights))
    assert "at q = " in points.locator("caption").inner_text()
    before = points.inner_text()
    slider = root.get_by_role("slider", name="Query q")
    slider.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    picture(root)
    assert points.inner_text() != before
