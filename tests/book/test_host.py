"""The static widget host on pages made here: each control it draws, links, buffers, failures."""

import json

import anywidget
import ipywidgets
import pytest
import traitlets

from tools import ROOT

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>host</title>
<script src="{host}" defer></script>
<script type="application/vnd.jupyter.widget-state+json">{state}</script>
<body>{views}</body></html>"""


class Probe(anywidget.AnyWidget):
    """Shows what it gets, in a line of text."""

    _esm = """export default () => ({
      initialize: ({ model }) => model.set("started", model.get("started") + 1),
      render: ({ model, el }) => {
        const show = () => {
          el.textContent = `${model.get("number")} ${model.get("word")} ${model.get("started")}`;
        };
        model.on("change:number", show);
        model.on("change:word", show);
        show();
      },
    });"""
    number = traitlets.Float(1).tag(sync=True)
    word = traitlets.Any("one").tag(sync=True)
    started = traitlets.Int(0).tag(sync=True)


class Broken(anywidget.AnyWidget):
    _esm = "export default { render() { throw new Error('no luck'); } };"


class Bytes(anywidget.AnyWidget):
    _esm = """export default { render({ model, el }) {
      el.textContent = [...new Uint8Array(model.get("data").buffer)].join("-");
    } };"""
    data = traitlets.Bytes(b"").tag(sync=True)


@pytest.fixture
def show(browser, tmp_path):
    """Write a page that displays the widgets, open it from file://, return it."""
    pages = []
    ipywidgets.Widget.close_all()

    def open_page(*widgets):
        state = ipywidgets.Widget.get_manager_state(drop_defaults=False)
        views = "".join(
            '<script type="application/vnd.jupyter.widget-view+json">'
            + json.dumps({"version_major": 2, "version_minor": 0, "model_id": w.model_id})
            + "</script>"
            for w in widgets
        )
        text = json.dumps(state)
        file = tmp_path / f"page{len(pages)}.html"
        host = (ROOT / "book" / "static" / "host" / "host.js").as_uri()
        file.write_text(
            PAGE.format(host=host, state=text.replace("</", "<\\/"), views=views), encoding="utf-8"
        )
        page = browser.new_page()
        pages.append(page)
        page.goto(file.as_uri())
        page.wait_for_function("document.documentElement.dataset.widgets !== undefined")
        return page

    yield open_page
    for page in pages:
        page.close()


def outcome(page) -> str:
    return page.evaluate("document.documentElement.dataset.widgets")


def test_a_page_without_widgets_is_ready(show):
    assert outcome(show()) == "ready"


def test_controls_drive_a_view_through_links(show):
    probe = Probe(word=0)
    slider = ipywidgets.IntSlider(3, min=0, max=9, description="count")
    choice = ipywidgets.Dropdown(options=["a", "b", "c"], index=1, description="letter")
    ipywidgets.jslink((slider, "value"), (probe, "number"))
    ipywidgets.jsdlink((choice, "index"), (probe, "word"))
    page = show(ipywidgets.VBox([ipywidgets.HBox([slider, choice]), probe]))
    assert outcome(page) == "ready"
    text = page.locator(".widget-any")
    assert text.inner_text() == "3 1 1"
    page.get_by_label("count").fill("7")
    page.get_by_label("letter").select_option("c")
    assert text.inner_text() == "7 2 1"
    assert page.locator("output").inner_text() == "7"


def test_checkbox_and_log_slider(show):
    probe = Probe(word=0)
    box = ipywidgets.Checkbox(False, description="on")
    slider = ipywidgets.FloatLogSlider(100, base=10, min=0, max=4, step=0.5, description="scale")
    ipywidgets.jslink((box, "value"), (probe, "word"))
    ipywidgets.jslink((slider, "value"), (probe, "number"))
    page = show(ipywidgets.VBox([box, slider, probe]))
    assert page.get_by_label("scale").input_value() == "2"
    assert page.get_by_label("scale").get_attribute("aria-valuetext") == "100"
    page.get_by_label("on").check()
    page.get_by_label("scale").fill("3")
    assert page.locator(".widget-any").inner_text() == "1000 true 1"


def test_a_link_carries_back_and_a_directional_link_does_not(show):
    slider, other, third = (ipywidgets.IntSlider(i, description=d) for i, d in enumerate("abc"))
    ipywidgets.jslink((slider, "value"), (other, "value"))
    ipywidgets.jsdlink((slider, "value"), (third, "value"))
    page = show(ipywidgets.VBox([slider, other, third]))
    page.get_by_label("b").fill("40")
    assert [page.get_by_label(d).input_value() for d in "abc"] == ["40", "40", "40"]
    page.get_by_label("c").fill("50")
    assert [page.get_by_label(d).input_value() for d in "abc"] == ["40", "40", "50"]


def test_two_views_of_one_model_share_its_state_and_start_once(show):
    probe = Probe()
    slider = ipywidgets.IntSlider(1, description="n")
    ipywidgets.jslink((slider, "value"), (probe, "number"))
    page = show(ipywidgets.VBox([slider, probe]), probe)
    page.get_by_label("n").fill("5")
    assert page.locator(".widget-any").all_inner_texts() == ["5 one 1", "5 one 1"]


def test_buffers_arrive(show):
    page = show(Bytes(data=bytes([0, 127, 255])))
    assert page.locator(".widget-any").inner_text() == "0-127-255"


def test_a_failing_view_is_an_error_in_its_place_and_leaves_the_others_alive(show):
    probe = Probe()
    page = show(Broken(), probe)
    assert outcome(page) == "error"
    assert "no luck" in page.get_by_role("alert").inner_text()
    assert page.locator(".widget-any").inner_text() == "1 one 1"


def test_a_control_the_host_does_not_know_is_an_error_that_names_it(show):
    page = show(ipywidgets.ColorPicker())
    assert outcome(page) == "error"
    assert "ColorPickerModel" in page.get_by_role("alert").inner_text()
