"""The explorer of chapter 9 in the built page, against PyTorch and the package."""

import re

import numpy as np
import pytest

from d2lmini import data, in_context, nadaraya_watson, small_transformer
from d2lmini.reading_heads import read_head
from tests.explorers.test_explorers import (  # noqa: F401
    open_explorer,
    page,
    picture,
    readouts,
    sigma_slider,
)

torch = pytest.importorskip("torch")
CHAPTER = ("chapters/09_learning_in_context.html", "heads")
SAMPLE = data.slow_sine()


@pytest.fixture
def explorer(page, site_url):  # noqa: F811
    return open_explorer(page, site_url, CHAPTER)


def in_python(query, sigma, layer, head, temperature=1.0, values=SAMPLE.values):
    """What the readouts should say, from PyTorch and the package."""
    model = small_transformer.load("regression")
    for each in model.layers:
        each.query.weight.div_(temperature)
    at = np.append(query, SAMPLE.queries)
    given = [torch.tensor(x[None]).float() for x in (at, SAMPLE.keys, values)]
    found, weights = model(*given)
    n = len(SAMPLE.keys)
    read = read_head(
        weights[layer - 1][0, head - 1, n : n + 1].numpy(), at[:1].astype("f4"), given[1][0].numpy()
    )
    return {
        f"transformer at q = {query:.2f}".replace("-", "−"): found[0, 0].item(),
        "smoother at q": nadaraya_watson(at[:1], SAMPLE.keys, values, sigma=sigma)[0][0],
        "best possible at q": in_context.best_curve(*given)[0, 0].item(),
        "truth at q": SAMPLE.f(at[0]),
        "head: effective keys": read.effective_keys,
        "head: nearest Gaussian's σ": read.sigma,
        "head: fit of that Gaussian": read.fit,
        "transformer: mean squared error": np.mean((found[0, 1:].numpy() - SAMPLE.truth) ** 2),
    }


def numbers_match(root, *state, **more):
    picture(root)
    shown = readouts(root)
    for name, value in in_python(*state, **more).items():
        got = float(shown[name].split()[0].replace("−", "-"))
        digits = 0.051 if "effective" in name else 0.00051 if "squared" in name else 0.0051
        assert got == pytest.approx(value, abs=digits), name


def test_the_numbers_are_those_of_pytorch_and_follow_every_control(explorer):
    numbers_match(explorer, 0.0, 0.25, 1, 1)
    explorer.get_by_role("slider", name="Query q").fill("-1.2")
    numbers_match(explorer, -1.2, 0.25, 1, 1)
    explorer.get_by_role("combobox", name="Layer").select_option("2")
    explorer.get_by_role("combobox", name="Head").select_option("2")
    numbers_match(explorer, -1.2, 0.25, 2, 2)
    sigma_slider(explorer).fill("-0.3")
    explorer.get_by_role("slider", name="Temperature").fill("4")
    numbers_match(explorer, -1.2, 10**-0.3, 2, 2, temperature=2.0)


def test_moving_a_point_moves_the_prediction_of_all_three(explorer):
    picture(explorer)
    before = readouts(explorer)
    explorer.get_by_role("spinbutton", name="Data point").fill("9")
    explorer.get_by_role("slider", name="its value v").fill("2")
    values = SAMPLE.values.copy()
    values[8] = 2.0
    numbers_match(explorer, 0.0, 0.25, 1, 1, values=values)
    after = readouts(explorer)
    for name in ("transformer at q = 0.00", "smoother at q", "best possible at q"):
        assert after[name] != before[name]
    assert after["truth at q"] == before["truth at q"]


def test_the_stems_are_the_weights_of_the_head_and_of_its_gaussian(explorer):
    explorer.get_by_role("combobox", name="Head").select_option("2")
    picture(explorer)
    model = small_transformer.load("regression")
    given = [torch.tensor(x[None]).float() for x in (np.zeros(1), SAMPLE.keys, SAMPLE.values)]
    row = model(*given)[1][0][0, 1, 16].numpy()
    drawn = explorer.locator(".d2l-first-stems").get_attribute("d")
    stems = np.array(re.findall(r"M[\d.]+ ([\d.]+)V([\d.]+)", drawn), dtype=float)
    heights = stems[:, 0] - stems[:, 1]
    shown = row[row > row.max() / 500]
    assert len(heights) >= len(shown) - 2
    assert heights.max() / heights.sum() == pytest.approx(row.max() / row.sum(), abs=0.02)


def test_more_points_are_drawn_and_reset_brings_the_first_back(explorer):
    before = picture(explorer)
    explorer.get_by_role("combobox", name="Number of points").select_option("48")
    assert picture(explorer) != before
    assert readouts(explorer)["head: effective keys"].endswith("of 48")
    explorer.get_by_role("combobox", name="Layer").select_option("2")
    explorer.get_by_role("button", name="Reset").click()
    assert picture(explorer) == before
