"""The explorer of chapter 3 in the built page: gallery, switch, window, gaps."""

import numpy as np
import pytest

import d2lmini
from d2lmini import KERNELS, data
from tests.explorers.test_explorers import (  # noqa: F401
    address,
    open_explorer,
    page,
    picture,
    readouts,
    sigma_slider,
)

WHERE = ("chapters/03_kernels.html", "kernels")
SIX = [name for name, kernel in KERNELS.items() if kernel.sd]


def cards(root) -> dict[str, str]:
    """What stands under each shape of the gallery."""
    all_cards = root.locator(".d2l-card").all()
    return {c.locator("span").inner_text(): c.locator("output").inner_text() for c in all_cards}


def shapes(root) -> list[str]:
    return [p.get_attribute("d") for p in root.locator(".d2l-shape").all()]


def set_sigma(root, sigma: float) -> float:
    sigma_slider(root).fill(f"{np.log10(sigma):.2f}")
    picture(root)
    return 10 ** float(f"{np.log10(sigma):.2f}")


def errors(sigma: float, match: bool) -> dict[str, float]:
    sample = data.sine_linear()
    found = {}
    for name, kernel in KERNELS.items():
        width = sigma / kernel.sd if match and kernel.sd else sigma
        points = sample.queries, sample.keys, sample.values
        estimates, _ = d2lmini.nadaraya_watson(*points, name, width)
        found[name] = np.nanmean((estimates - sample.truth) ** 2)
    return found


def test_the_gallery_shows_the_errors_that_python_gives(page, address):  # noqa: F811
    root = open_explorer(page, address, WHERE)
    for match in (False, True):
        root.get_by_label("Match the spreads").set_checked(match)
        sigma = set_sigma(root, 0.5)
        expected = errors(sigma, match)
        shown = cards(root)
        assert list(shown) == list(KERNELS)
        for name, error in expected.items():
            assert float(shown[name]) == pytest.approx(error, abs=0.00051)
        six = [expected[name] for name in SIX]
        ratio = float(readouts(root)["worst ÷ best error of the six"])
        assert ratio == pytest.approx(max(six) / min(six), abs=0.0051)


def test_matching_the_spreads_moves_the_others_and_not_the_gaussian(page, site_url):  # noqa: F811
    root = open_explorer(page, site_url, WHERE)
    curve = root.locator(".d2l-estimate").get_attribute("d")
    others = root.locator(".d2l-other").get_attribute("d")
    drawn = shapes(root)
    root.get_by_label("Match the spreads").check()
    picture(root)
    assert root.locator(".d2l-estimate").get_attribute("d") == curve
    assert root.locator(".d2l-other").get_attribute("d") != others
    same = [before == after for before, after in zip(drawn, shapes(root), strict=True)]
    assert dict(zip(KERNELS, same, strict=True)) == {
        name: name in ("gaussian", "constant") for name in KERNELS
    }
    assert readouts(root)["σ is the standard deviation"] == "1, width 1"


def test_a_click_in_the_gallery_and_the_menu_do_the_same(page, address):  # noqa: F811
    root = open_explorer(page, address, WHERE)
    menu = root.get_by_label("Kernel")
    root.locator(".d2l-card", has_text="tricube").click()
    clicked = picture(root)
    assert menu.input_value() == "tricube"
    assert menu.evaluate("m => m === document.activeElement")
    assert root.locator(".d2l-chosen span").all_inner_texts() == ["tricube"]
    menu.select_option("laplace")
    assert picture(root) != clicked
    menu.select_option("tricube")
    assert picture(root) == clicked


def test_the_edges_of_the_window_stand_at_the_width(page, site_url):  # noqa: F811
    root = open_explorer(page, site_url, WHERE)
    assert root.locator(".d2l-edges").get_attribute("d") == ""  # the Gaussian has no edge
    root.get_by_label("Kernel").select_option("epanechnikov")
    sigma = set_sigma(root, 0.8)
    width = root.locator(".d2l-fit").bounding_box()["width"]
    x0, per_unit = 46, (width - 46 - 12) / 5

    def edges():
        path = root.locator(".d2l-edges").get_attribute("d")
        return [(float(part.split(" ")[0]) - x0) / per_unit for part in path.split("M")[1:]]

    assert edges() == pytest.approx([2.5 - sigma, 2.5 + sigma], abs=0.01)
    root.get_by_label("Match the spreads").check()
    picture(root)
    reach = sigma * np.sqrt(5)
    assert edges() == pytest.approx([2.5 - reach, 2.5 + reach], abs=0.01)
    root.get_by_label("Query q").fill("0.5")
    picture(root)
    assert edges() == pytest.approx([0.5 + reach], abs=0.01)  # the other is off the picture


def test_the_kernel_at_the_query_is_as_high_as_the_stems(page, site_url):  # noqa: F811
    root = open_explorer(page, site_url, WHERE)
    for kernel in ("triangular", "laplace"):
        root.get_by_label("Kernel").select_option(kernel)
        set_sigma(root, 0.6)
        window = root.locator(".d2l-window").get_attribute("d").rstrip("Z")
        points = [p.split() for p in window.lstrip("M").split("L")[:-1]]
        x, y = np.array(points, float).T
        stems = root.locator(".d2l-stems").get_attribute("d").split("M")[1:]
        for stem in stems:
            at, rest = stem.split(" ")
            assert float(rest.split("V")[1]) == pytest.approx(np.interp(float(at), x, y), abs=0.6)


def test_empty_windows_are_counted_with_the_sigma_that_closes_them(page, site_url):  # noqa: F811
    root = open_explorer(page, site_url, WHERE)
    root.get_by_label("Kernel").select_option("boxcar")
    set_sigma(root, 0.15)
    root.get_by_label("Query q").fill("1.1")
    picture(root)
    shown = readouts(root)
    assert shown["queries without a key"] == "4 of 50; none from σ = 0.222"
    assert shown["estimate at q = 1.10"] == "none: no key in reach"
    assert cards(root)["boxcar"].endswith(", 4 empty")
    assert root.locator(".d2l-estimate").get_attribute("d").count("M") > 1
    root.get_by_label("Match the spreads").check()
    picture(root)
    assert readouts(root)["queries without a key"] == "0 of 50; none from σ = 0.128"


def test_the_constant_kernel_has_no_spread_and_says_so(page, site_url):  # noqa: F811
    root = open_explorer(page, site_url, WHERE)
    root.get_by_label("Kernel").select_option("constant")
    picture(root)
    before = root.locator(".d2l-estimate").get_attribute("d")
    root.get_by_label("Match the spreads").check()
    set_sigma(root, 0.2)
    assert root.locator(".d2l-estimate").get_attribute("d") == before
    assert readouts(root)["σ: no width, no standard deviation"] == "no effect"
    root.get_by_text("The constant kernel has no standard deviation: σ changes nothing").wait_for()


def test_reset_undoes_everything(page, address):  # noqa: F811
    root = open_explorer(page, address, WHERE)
    first = picture(root)
    root.locator(".d2l-card", has_text="boxcar").click()
    root.get_by_label("Match the spreads").check()
    set_sigma(root, 0.2)
    root.get_by_label("its value v").fill("4")
    root.get_by_role("button", name="New sample").click()
    assert picture(root) != first
    root.get_by_role("button", name="Reset").click()
    assert picture(root) == first
    assert not root.get_by_label("Match the spreads").is_checked()


def test_touch_on_a_phone_picks_a_kernel_and_moves_the_query(browser, site_url):
    context = browser.new_context(
        viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True
    )
    phone = context.new_page()
    root = open_explorer(phone, site_url, WHERE)
    card = root.locator(".d2l-card", has_text="triangular")
    box = card.bounding_box()
    assert min(box["width"], box["height"]) >= 44
    card.tap()
    root.get_by_label("Match the spreads").tap()
    fit = root.locator(".d2l-fit")
    fit.scroll_into_view_if_needed()
    at = fit.bounding_box()
    phone.touchscreen.tap(at["x"] + at["width"] * 0.8, at["y"] + 330)
    picture(root)
    assert root.get_by_label("Kernel").input_value() == "triangular"
    assert root.get_by_label("Match the spreads").is_checked()
    assert float(root.get_by_label("Query q").input_value()) > 3.5
    context.close()
