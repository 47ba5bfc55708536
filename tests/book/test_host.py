"""The static widget host on pages made here: each control it draws, links, buffers, failures."""

import http.server
import json
import threading

import anywidget
import ipywidgets
import pytest
import traitlets

from tools import ROOT

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>host</title>
<script src="{host}" async></script>
<script type="application/vnd.jupyter.widget-state+json">{state}</script>
<body>{views}</body></html>"""
HOST = ROOT / "book" / "static" / "host" / "host.js"


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


def page_of(host: str, *widgets) -> str:
    """A page that displays the widgets."""
    state = ipywidgets.Widget.get_manager_state(drop_defaults=False)
    views = "".join(
        '<div><script type="application/vnd.jupyter.widget-view+json">'
        + json.dumps({"version_major": 2, "version_minor": 0, "model_id": w.model_id})
        + "</script></div>"
        for w in widgets
    )
    return PAGE.format(host=host, state=json.dumps(state).replace("</", "<\\/"), views=views)


@pytest.fixture
def show(browser, tmp_path):
    """Write a page that displays the widgets, open it from file://, return it."""
    pages = []
    ipywidgets.Widget.close_all()

    def open_page(*widgets):
        file = tmp_path / f"page{len(pages)}.html"
        file.write_text(page_of(HOST.as_uri(), *widgets), encoding="utf-8")
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


class Halting(http.server.BaseHTTPRequestHandler):
    """Sends a page up to a place and the rest when it is told to."""

    head, tail, go_on = b"", b"", threading.Event()

    def do_GET(self) -> None:
        self.send_response(200)
        script = self.path == "/host.js"
        self.send_header("Content-Type", "text/javascript" if script else "text/html")
        self.end_headers()
        self.wfile.write(HOST.read_bytes() if script else self.head)
        self.wfile.flush()
        if not script:
            self.go_on.wait(30)
            self.wfile.write(self.tail)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.mark.parametrize("cut", ["after the view", "in the view", "in the state"])
def test_an_explorer_does_not_wait_for_the_page_below_it(browser, cut):
    ipywidgets.Widget.close_all()
    text = page_of("host.js", Probe(word="above")).replace("</body>", "<p>below</p></body>")
    place = {
        "after the view": text.index("low</p>"),
        "in the view": text.rindex('"model_id"'),
        "in the state": text.index('"_esm"'),
    }[cut]
    halting = type("Halting", (Halting,), {"go_on": threading.Event()})
    halting.head, halting.tail = text[:place].encode(), text[place:].encode()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), halting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/", wait_until="commit")
        explorer = page.locator(".widget-any")
        if cut == "after the view":
            explorer.wait_for(timeout=20_000)
            assert page.evaluate("document.readyState") == "loading"
        else:
            page.wait_for_timeout(500)
            assert explorer.count() == 0
        assert page.evaluate("document.documentElement.dataset.widgets") is None
        halting.go_on.set()
        page.wait_for_function("document.documentElement.dataset.widgets !== undefined")
        assert outcome(page) == "ready"
        assert explorer.all_inner_texts() == ["1 above 1"]
        page.close()
        server.shutdown()
