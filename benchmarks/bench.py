"""Speed beside peers and at scale, redraw times and page weights, in one run: ``make bench``.

Ratios compare fastest runs, taken in turns, so that a busy machine slows both alike. What fails is
a ratio under half of what is required, and a redraw, a weight or a wait over twice its budget.
"""

import inspect
import json
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ipywidgets.embed import dependency_state
from playwright.sync_api import Browser, TimeoutError, sync_playwright
from statsmodels.nonparametric.kernel_regression import KernelReg

from benchmarks import pages, scale
from benchmarks.timing import fastest
from d2lmini import data, nadaraya_watson, select_bandwidth, widgets
from tools import ROOT
from tools.find_browser import ARGUMENTS, find_browser

HOST = ROOT / "book" / "static" / "host"


# Beside peers ------------------------------------------------------------------------------------


def six_lines(queries: np.ndarray, keys: np.ndarray, values: np.ndarray, sigma: float) -> tuple:
    """The estimator as chapter 2 writes it: no check, no guard."""
    scores = -(((queries[:, None] - keys[None, :]) / sigma) ** 2) / 2
    scores = scores - scores.max(axis=1, keepdims=True)
    weights = np.exp(scores)
    weights = weights / weights.sum(axis=1, keepdims=True)
    return weights @ values, weights


def ratio(what: str, ours: Callable, theirs: Callable, rounds: int, required: float) -> bool:
    """Print how many times longer theirs takes; False if under half of what is required."""
    ours_s, theirs_s = fastest(ours, theirs, rounds=rounds)
    found = theirs_s / ours_s
    passed = found >= required / 2
    verdict = "" if passed else "   TOO SLOW"
    print(f"  {what:<58} {found:7.2f} times faster   (required: {required:g}){verdict}")
    print(f"  {'':<58} {1000 * ours_s:.3g} ms against {1000 * theirs_s:.3g} ms")
    return passed


def beside_peers() -> bool:
    print("Beside statsmodels (fastest runs, in turns)")
    small, large = data.sine_power(), data.sine_linear(1000)
    theirs = KernelReg(small.values, small.keys, "c", reg_type="lc", bw=[0.5])
    at = small.queries, small.keys, small.values
    passed = [
        ratio(
            "select_bandwidth, 50 sigmas, n = 1000, against cv_ls",
            lambda: select_bandwidth(large.keys, large.values),
            lambda: KernelReg(large.values, large.keys, "c", reg_type="lc", bw="cv_ls"),
            rounds=4,
            required=15,
        ),
        ratio(
            "nadaraya_watson, n = m = 50, against chapter 2's six lines",
            lambda: nadaraya_watson(*at, sigma=0.5),
            lambda: six_lines(*at, sigma=0.5),
            rounds=3000,
            required=0.5,
        ),
        ratio(
            "nadaraya_watson, n = m = 50, against KernelReg.fit",
            lambda: nadaraya_watson(*at, sigma=0.5),
            lambda: theirs.fit(small.queries),
            rounds=300,
            required=10,
        ),
    ]
    return all(passed)


# Explorers in the browser ------------------------------------------------------------------------

TIMED = """
const native = window.requestAnimationFrame.bind(window);
window.spent = 0;
window.requestAnimationFrame = (draw) => native((now) => {
  const started = performance.now();
  draw(now);
  document.body.getBoundingClientRect();  // lay out at once, so that it is counted
  window.spent += performance.now() - started;
});
window.frame = () => new Promise((done) => native(() => native(done)));
"""
#: What is moved, and by how much: the slider that changes most.
SIGMA = ("bandwidth σ", 0.02)
SLIDERS = {"Heads": ("Temperature", 0.1)}
MOVE = """async (slider, step) => {
  const times = [];
  for (let i = 0; i < 80; i++) {
    slider.value = -0.9 + step * (i % Math.round(1.2 / step));
    window.spent = 0;
    const started = performance.now();
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    const told = performance.now() - started;
    await window.frame();
    if (i >= 10) times.push(told + window.spent);
  }
  return times.sort((a, b) => a - b);
}"""


def page_of(explorer: widgets.base.Explorer) -> str:
    """A page with the explorer alone, alive by the widget host of the book."""
    state = {"version_major": 2, "version_minor": 0}
    state["state"] = dependency_state([explorer], drop_defaults=False)
    view = {"version_major": 2, "version_minor": 0, "model_id": explorer.model_id}
    widget = '<script type="application/vnd.jupyter.widget-{}+json">{}</script>'
    return "\n".join(
        [
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>explorer</title>',
            f'<link rel="stylesheet" href="{(HOST / "host.css").as_uri()}">',
            f'<script src="{(HOST / "host.js").as_uri()}" defer></script><body>',
            widget.format("state", json.dumps(state).replace("</", "<\\/")),
            widget.format("view", json.dumps(view)),
        ]
    )


def explorer_of(name: str, n: int, m: int) -> widgets.base.Explorer | None:
    """The explorer on n points with m queries; None if it takes neither a sample nor tokens.

    Heads shows what it shows, 24 points at 61 places.
    """
    made = getattr(widgets, name)
    if name == "Heads":
        return made()
    if name == "Attention":
        return made([f"word{i}" for i in range(n)], np.random.default_rng(0).normal(size=(n, 2)))
    if "sample" not in inspect.signature(made).parameters:
        return None
    explorer = made(data.sine_linear(n))
    if explorer.view.has_trait("resolution"):
        explorer.view.resolution = m
    return explorer


def redraw_times(browser: Browser) -> bool:
    """Print the time of a redraw of each explorer; False if a median is over twice its budget."""
    passed = True
    print(
        "Sigma moved (Heads: temperature), picture redrawn (fastest, median and 95 % of 70 moves)"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name in widgets.__all__:
            sizes = {"Attention": [(12, 12, 8)], "Heads": [(24, 61, 8)]}
            for n, m, budget in sizes.get(name, [(50, 500, 8), (2000, 201, 16)]):
                explorer = explorer_of(name, n, m)
                if explorer is None:
                    continue
                path = Path(folder) / f"{name}-{n}.html"
                path.write_text(page_of(explorer), encoding="utf-8")
                print(f"  {name:<12} {f'n = {n}, m = {m}':<18} ", end="", flush=True)
                try:
                    least, middle, most = np.quantile(
                        moves(browser, path.as_uri(), *SLIDERS.get(name, SIGMA)), [0, 0.5, 0.95]
                    )
                except TimeoutError:
                    print("not ready after 20 s")
                    passed = False
                    continue
                over = "   OVER" if middle > budget else ""
                passed &= bool(middle <= 2 * budget)
                print(f"{least:6.1f} {middle:6.1f} {most:6.1f} ms  (budget {budget} ms){over}")
    return passed


def moves(
    browser: Browser, address: str, slider: str = SIGMA[0], step: float = SIGMA[1]
) -> list[float]:
    """Milliseconds from the slider's move to the redrawn, laid out page, for 70 moves."""
    page = browser.new_page(viewport={"width": 900, "height": 1000})
    try:
        page.add_init_script(TIMED)
        page.goto(address)
        page.wait_for_function(
            "document.documentElement.dataset.widgets === 'ready'", timeout=20_000
        )
        page.wait_for_timeout(500)
        return page.get_by_role("slider", name=slider).evaluate(MOVE, step)
    finally:
        page.close()


def main() -> int:
    warnings.simplefilter("ignore", FutureWarning)
    passed = beside_peers()
    passed &= scale.main([]) == 0
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_browser(), args=ARGUMENTS)
        passed &= redraw_times(browser)
        passed &= pages.weights(browser)
        passed &= pages.slow_line(browser, pages.lively())
        browser.close()
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
