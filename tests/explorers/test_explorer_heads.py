"""The explorer of chapter 9 on a page made here, used as a reader does, against PyTorch."""

import json
import re
from pathlib import Path

import ipywidgets
import numpy as np
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from ipywidgets.embed import dependency_state

from d2lmini import in_context, nadaraya_watson, reading_heads
from d2lmini.widgets import Heads
from d2lmini.widgets.heads import _heights
from tests.book.axe import RULES
from tests.explorers.test_explorers import picture, readouts, sigma_slider
from tests.js.test_transformer import at_temperature
from tools import ROOT

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>heads</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="{host}/host.css"><script src="{host}/host.js" defer></script>
<script type="application/vnd.jupyter.widget-state+json">{state}</script>
<body><main><h1>Heads</h1>
<script type="application/vnd.jupyter.widget-view+json">{view}</script></main></body></html>"""
TEXT = "ABCABDABCABCDABCABDA"
MADE = {"regression": {"layer": 2}, "text": {"text": TEXT, "layer": 2, "query": 13}}


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    """A page for each model with nothing but the explorer, as it comes from Python."""
    ipywidgets.Widget.close_all()
    folder, host = tmp_path_factory.mktemp("heads"), (ROOT / "book" / "static" / "host").as_uri()
    found = {}
    for name, given in MADE.items():
        made = Heads(name, **given)
        version = {"version_major": 2, "version_minor": 0}
        state = json.dumps({**version, "state": dependency_state([made], drop_defaults=False)})
        view = json.dumps({**version, "model_id": made.model_id})
        found[name] = folder / f"{name}.html"
        text = PAGE.format(host=host, state=state.replace("</", "<\\/"), view=view)
        found[name].write_text(text, encoding="utf-8")
    return found


def open_page(page, file):
    page.goto(file.as_uri())
    page.wait_for_function("document.documentElement.dataset.widgets !== undefined")
    assert page.evaluate("document.documentElement.dataset.widgets") == "ready"
    root = page.locator("[data-explorer=heads]")
    root.locator(".d2l-fitted[d]").wait_for(state="attached")
    return root


@pytest.fixture
def curve(browser, files):
    page = browser.new_page(viewport={"width": 760, "height": 1000})
    yield open_page(page, files["regression"])
    page.close()


@pytest.fixture
def text(browser, files):
    page = browser.new_page(viewport={"width": 760, "height": 1000})
    yield open_page(page, files["text"])
    page.close()


def number(shown: str) -> float:
    return float(shown.split()[0].replace("−", "-"))


def tensor(numbers) -> torch.Tensor:
    return torch.tensor(np.asarray(numbers), dtype=torch.float32)[None]


def share(shown: str) -> float:
    """A percentage, as a share; "over 99 %" is 1 to the precision that is shown."""
    return 1.0 if shown.startswith("over") else number(shown) / 100


def reading_matches(shown, row, query, keys):
    """Effective keys, fitted width and goodness of fit are those of ``read_head``."""
    expected = reading_heads.read_head(row[None], np.array([query]), keys)
    explained = next(v for k, v in shown.items() if k.startswith("explained by a Gaussian"))
    assert share(explained) == pytest.approx(expected.fit, abs=0.0051)
    width = next(v for k, v in shown.items() if k.startswith("its σ"))
    if width.startswith("none"):  # the widest that is tried fits best, or one within a step of it
        assert expected.sigma > 9 * np.ptp(keys)
    else:
        assert number(width) == pytest.approx(expected.sigma, abs=0.0051)
    effective = number(shown["effective keys 1/Σα²"])
    assert effective == pytest.approx(expected.effective_keys, abs=0.051)


def curve_matches(root, *, sigma=0.225, query=0.5, layer=2, head=1, temperature=1.0, moved=None):
    """Every number of the regression model against PyTorch and the package."""
    picture(root)
    view, shown = Heads("regression").view, readouts(root)
    keys, values = np.array(view.data_keys), np.array(view.data_values)
    if moved:
        i, keys[i], values[i] = (
            moved[0],
            moved[1] if moved[1] is not None else keys[moved[0]],
            moved[2],
        )
    grid = np.linspace(-2, 2, 61)
    places = np.append(grid, query)
    model = at_temperature("regression", temperature)
    predicted, weights = model(tensor(places), tensor(keys), tensor(values))
    best = in_context.best_curve(tensor(places), tensor(keys), tensor(values))[0].numpy()
    smooth, _ = nadaraya_watson(places, keys, values, sigma=sigma)
    predicted = predicted[0].numpy()
    at = f"at q = {query:.2f}".replace("-", "−")
    assert number(shown[f"model {at}"]) == pytest.approx(predicted[-1], abs=0.0051)
    smoother = next(v for k, v in shown.items() if k.startswith("smoother, σ"))
    assert number(smoother) == pytest.approx(smooth[-1], abs=0.0051)
    assert number(shown["best possible"]) == pytest.approx(best[-1], abs=0.0051)
    truth = _heights(np.array(view.curve), grid)
    errors = [np.mean((each[:-1] - truth) ** 2) for each in (predicted, smooth, best)]
    told = shown["mean squared error: model / smoother / best"].split(" / ")
    assert [float(each) for each in told] == pytest.approx(errors, abs=0.00051)
    row = weights[layer - 1][0, head - 1, -1].double().numpy()
    reading_matches(shown, row, query, keys)


def test_the_numbers_of_the_curve_are_those_of_pytorch(curve):
    curve_matches(curve)
    for layer in (1, 2):
        curve.get_by_role("combobox", name="Layer").select_option(str(layer))
        for head in (1, 2):
            curve.get_by_role("combobox", name="Head").select_option(str(head))
            curve_matches(curve, layer=layer, head=head)
    curve.get_by_role("slider", name="Query q").fill("-1.2")
    sigma_slider(curve).fill("-0.3")
    curve.get_by_role("slider", name="Temperature").fill("-1")
    curve_matches(curve, sigma=10**-0.3, query=-1.2, head=2, temperature=0.5)
    curve.get_by_role("spinbutton", name="Data point").fill("9")
    curve.get_by_role("slider", name="its value v").fill("2.5")
    curve_matches(curve, sigma=10**-0.3, query=-1.2, head=2, temperature=0.5, moved=(8, None, 2.5))


def test_heads_say_where_a_gaussian_fits_and_where_not(curve):
    said = {}
    for layer in "12":
        curve.get_by_role("combobox", name="Layer").select_option(layer)
        for head in "12":
            curve.get_by_role("combobox", name="Head").select_option(head)
            picture(curve)
            said[layer + head] = readouts(curve)["explained by a Gaussian of distance"]
    assert said["11"].endswith("fits well")
    assert any(each.endswith("fits badly") for each in said.values())
    sentence = r"Layer 2, head 2, at q = 0\.50: model \S+, smoother \S+, best possible \S+; "
    curve.page.wait_for_timeout(900)
    assert re.match(sentence, curve.locator(".d2l-status").inner_text())


def test_the_fitted_gaussian_passes_through_its_weights(curve):
    """Its curve in the picture, against the formula."""
    picture(curve)
    shown = readouts(curve)
    d = curve.locator("svg.d2l-fit path.d2l-fitted").get_attribute("d")
    points = np.array(
        [[float(x) for x in pair.split()] for pair in re.findall(r"[\d.]+ [\d.]+", d)]
    )
    keys, sigma = np.array(Heads("regression").view.data_keys), number(shown["its σ"])
    kernel = np.exp(-(((np.linspace(-2, 2, 201) - 0.5) / sigma) ** 2) / 2)
    weights = kernel / np.exp(-(((keys - 0.5) / sigma) ** 2) / 2).sum()
    heights = (338 - points[:, 1]) / 70
    scale = heights.max() / weights.max()
    np.testing.assert_allclose(heights, scale * weights, atol=0.02 * heights.max())


def test_best_sigma_is_the_best_for_this_curve(curve):
    def error():
        picture(curve)
        told = readouts(curve)["mean squared error: model / smoother / best"]
        return float(told.split(" / ")[1])

    before = error()
    curve.get_by_role("button", name="Best σ for this curve").click()
    best = error()
    assert best <= before
    chosen = float(sigma_slider(curve).input_value())
    for step in (-0.15, 0.15):
        sigma_slider(curve).fill(str(round(chosen + step, 2)))
        assert error() >= best


def test_a_new_curve_is_another_and_reset_brings_the_first_back(curve):
    first = picture(curve)
    curve.get_by_role("button", name="New curve").click()
    second = picture(curve)
    curve.get_by_role("button", name="New curve").click()
    assert len({first, second, picture(curve)}) == 3
    assert "Curve 2" in curve.locator(".d2l-status").inner_text()
    curve.get_by_role("combobox", name="Layer").select_option("1")
    curve.get_by_role("slider", name="Temperature").fill("1.5")
    sigma_slider(curve).fill("0.2")
    curve.get_by_role("button", name="Reset").click()
    assert picture(curve) == first


def test_dragging_a_point_moves_all_three_predictions(curve):
    picture(curve)
    lines = [curve.locator(f"svg.d2l-fit path.d2l-{of}") for of in ("estimate", "second", "best")]
    before = [line.get_attribute("d") for line in lines]
    point, mouse = curve.locator(".d2l-points circle").nth(12).bounding_box(), curve.page.mouse
    x, y = point["x"] + point["width"] / 2, point["y"] + point["height"] / 2
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 20, y - 80, steps=4)
    mouse.up()
    picture(curve)
    assert all(line.get_attribute("d") != old for line, old in zip(lines, before, strict=True))
    assert curve.get_by_role("slider", name="Query q").input_value() == "0.5"
    assert curve.get_by_role("spinbutton", name="Data point").input_value() == "13"


def test_the_heatmap_is_that_of_the_head(curve):
    """Its darkest row and column, and other heads give other pictures."""
    seen = set()
    for layer in "12":
        curve.get_by_role("combobox", name="Layer").select_option(layer)
        for head in "12":
            curve.get_by_role("combobox", name="Head").select_option(head)
            picture(curve)
            canvas = curve.locator(".d2l-heatmap canvas")
            seen.add(canvas.evaluate("c => c.toDataURL()"))
            view = Heads("regression").view
            grid, keys, values = (
                tensor(each) for each in (np.linspace(-2, 2, 61), view.data_keys, view.data_values)
            )
            _, weights = at_temperature("regression", 1.0)(grid, keys, values)
            top = weights[int(layer) - 1][0, int(head) - 1, 24:].max().item()
            label = canvas.get_attribute("aria-label")
            assert float(re.search(r"weight of ([\d.]+)\.$", label)[1]) == pytest.approx(
                top, abs=6e-4
            )
    assert len(seen) == 4


def likeliest(chances) -> tuple[str, float]:
    return "ABCDEFGH"[int(np.argmax(chances))], float(np.max(chances))


def text_matches(root, *, letters=TEXT, at=13, sigma=0.7, layer=2, head=1, temperature=1.0):
    """Every number of the text model against PyTorch and the package."""
    picture(root)
    shown = readouts(root)
    codes = torch.tensor([["ABCDEFGH".index(letter) for letter in letters]])
    scores, weights = at_temperature("text", temperature)(codes)
    name, seen = letters[at], codes[0].numpy()[: at + 1]
    row = weights[layer - 1][0, head - 1, at, : at + 1].double().numpy()
    expected = {
        f"model: next after {name}": torch.softmax(scores[0, at], -1).numpy(),
        next(k for k in shown if k.startswith("smoother, σ")): (
            reading_heads.bigram_probabilities(seen, 8, sigma**-2)
        ),
        "best possible": in_context.best_letters(codes)[0, at].numpy(),
    }
    for label, chances in expected.items():
        letter, chance = shown[label].split(": ")
        assert float(chance) == pytest.approx(chances.max(), abs=0.0051), label
        assert chances["ABCDEFGH".index(letter)] == pytest.approx(chances.max(), abs=1e-6), label
    follows = np.append(False, seen[:-1] == seen[-1])
    followers = shown[f"on letters that followed an earlier {name}"]
    assert number(followers) == pytest.approx(row[follows].sum(), abs=0.0051)
    assert followers.endswith(f"on {follows.sum()}")
    assert number(shown["on the letter before"]) == pytest.approx(row[-2], abs=0.0051)
    assert number(shown["on the first letter"]) == pytest.approx(row[0], abs=0.0051)
    told = np.corrcoef(row, follows)[0, 1] ** 2
    assert share(shown["explained by pairs of letters"]) == pytest.approx(told, abs=0.0051)
    reading_matches(shown, row, at + 1.0, np.arange(1.0, at + 2))


def test_the_numbers_of_the_text_are_those_of_pytorch(text):
    text_matches(text)
    text.get_by_role("combobox", name="Head").select_option("2")
    text_matches(text, head=2)
    text.get_by_role("combobox", name="Layer").select_option("1")
    text.get_by_role("slider", name="Query q").fill("17")
    sigma_slider(text).fill("-0.4")
    text.get_by_role("slider", name="Temperature").fill("1")
    text_matches(text, at=16, sigma=10**-0.4, layer=1, head=2, temperature=2.0)
    text.get_by_role("combobox", name="Letter at q").select_option("C")
    changed = TEXT[:16] + "C" + TEXT[17:]
    text_matches(text, letters=changed, at=16, sigma=10**-0.4, layer=1, head=2, temperature=2.0)


def test_the_first_letter_has_no_pair_before_it(text):
    text.get_by_role("slider", name="Query q").fill("1")
    picture(text)
    shown = readouts(text)
    assert next(v for k, v in shown.items() if k.startswith("smoother, σ")) == "none yet"
    assert shown["on the letter before"] == "none yet"
    assert shown["effective keys 1/Σα²"] == "1.0 of 1"
    assert shown["its σ, in positions"] == "any"
    assert "NaN" not in picture(text)


def test_a_tap_and_the_arrow_keys_choose_the_letter(text):
    picture(text)
    query = text.get_by_role("slider", name="Query q")
    sixth = text.locator("svg.d2l-text > text").nth(5).bounding_box()
    text.page.mouse.click(sixth["x"] + sixth["width"] / 2, sixth["y"] + sixth["height"] / 2)
    picture(text)
    assert query.input_value() == "6"
    text.page.keyboard.press("ArrowRight")  # the focus is on the slider
    picture(text)
    assert query.get_attribute("aria-valuetext") == f"letter 7 of 20, {TEXT[6]}"
    letters = text.locator("svg.d2l-text > text")
    assert "".join(letters.all_text_contents()) == TEXT
    unseen = text.locator("svg.d2l-text > text.d2l-unseen").count()
    assert unseen == 13
    follows = text.locator("svg.d2l-text > text.d2l-follows").all_text_contents()
    assert follows == ["B", "B"]


def test_the_bars_are_as_high_as_the_probabilities(text):
    picture(text)
    codes = torch.tensor([["ABCDEFGH".index(letter) for letter in TEXT]])
    chances = torch.softmax(at_temperature("text", 1.0)(codes)[0][0, 13], -1).numpy()
    d = text.locator("path.d2l-bar-model").get_attribute("d")
    tops = [float(y) for y in re.findall(r"V([\d.]+)h", d)]
    np.testing.assert_allclose((110 - np.array(tops)) / 100, chances, atol=0.0011)


def test_a_new_text_is_another_and_reset_brings_the_first_back(text):
    first = picture(text)
    text.get_by_role("button", name="New text").click()
    assert picture(text) != first
    assert "Text 1" in text.locator(".d2l-status").inner_text()
    text.get_by_role("slider", name="Query q").fill("3")
    text.get_by_role("combobox", name="Letter at q").select_option("H")
    text.get_by_role("button", name="Reset").click()
    assert picture(text) == first


def controls_of(root):
    found = root.locator("input, select, button")
    name = "c => c.ariaLabel || c.labels?.[0]?.innerText || c.innerText"
    return [(found.nth(i), found.nth(i).evaluate(name)) for i in range(found.count())]


@pytest.mark.parametrize(("name", "count"), [("regression", 11), ("text", 8)])
def test_every_control_changes_the_picture_from_its_start(browser, files, name, count):
    page = browser.new_page(viewport={"width": 760, "height": 1000})
    assert len(controls_of(open_page(page, files[name]))) == count
    for i in range(count):
        root = open_page(page, files[name])
        control, label = controls_of(root)[i]
        assert label.strip()
        if label == "Reset":
            sigma_slider(root).fill("0.3")
        before = picture(root)
        kind = control.evaluate("c => c.tagName")
        if kind == "SELECT":
            here = control.input_value()
            others = control.locator("option").evaluate_all("all => all.map((one) => one.value)")
            control.select_option(next(other for other in others if other != here))
        elif kind == "BUTTON":
            control.click()
        else:
            control.focus()
            page.keyboard.press("ArrowDown")
        assert picture(root) != before, f"{label!r} is dead"
    page.close()


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_accessibility_violations(browser, files, name, scheme):
    page = browser.new_page(viewport={"width": 760, "height": 1000})
    root = open_page(page, files[name])
    page.evaluate(f"document.documentElement.dataset.theme = {scheme!r}")
    picture(root)
    found = Axe().run(page, options={"runOnly": RULES[scheme]}).response["violations"]
    assert not [(v["id"], [n["target"] for n in v["nodes"]][:3]) for v in found]
    page.close()


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("width", [320, 390])
def test_it_fits_a_phone(browser, files, name, width):
    page = browser.new_page(viewport={"width": width, "height": 800})
    root = open_page(page, files[name])
    picture(root)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_changing_the_theme_repaints_the_heatmap_of_the_text(text):
    before = text.locator(".d2l-heatmap canvas").evaluate("c => c.toDataURL()")
    text.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    picture(text)
    assert text.locator(".d2l-heatmap canvas").evaluate("c => c.toDataURL()") != before
