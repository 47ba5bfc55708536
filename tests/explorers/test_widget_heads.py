"""The explorer of chapter 9, Python half: its traits, what reaches the page, what is refused."""

import json
import subprocess
import sys

import numpy as np
import pytest
from traitlets import TraitError

from d2lmini import small_transformer
from d2lmini.widgets import Heads
from d2lmini.widgets.heads import BEST_SIGMAS

COMMON = {"sigma", "query", "layer", "head", "temperature", "samples"}


@pytest.fixture
def explorer():
    return Heads("regression", sigma=0.4, query=-1.0, layer=2, head=1)


def test_traits_are_readable_in_python(explorer):
    assert (explorer.model, explorer.sigma, explorer.query) == ("regression", 0.4, -1.0)
    assert (explorer.layer, explorer.head, explorer.temperature) == (2, 1, 1.0)
    view = explorer.view
    assert len(view.data_keys) == len(view.data_values) == 24
    assert explorer.text == ""
    assert view.data_keys == sorted(view.data_keys)
    assert max(map(abs, view.data_values)) < 3


def test_a_text_is_drawn_or_given():
    drawn = Heads("text")
    assert len(drawn.text) == 24
    assert drawn.query == 23
    assert drawn.text == Heads("text").text != Heads("text", seed=1).text
    given = Heads("text", text="ABCABCAB", query=-2)
    assert (given.text, given.query) == ("ABCABCAB", 6)
    assert given.view.letters == [0, 1, 2, 0, 1, 2, 0, 1]
    assert Heads("text", n=64).view.letters[:24] == Heads("text", n=24).view.letters


@pytest.mark.parametrize("name", small_transformer.MODELS)
def test_the_numbers_sent_are_those_of_the_model(name):
    view = Heads(name).view
    state = small_transformer.load(name).state_dict()
    run = np.frombuffer(view.numbers, "<f2").astype("f4")
    assert len(view.numbers) < 40_000
    assert sum(size for _, size in view.sizes) == len(run)
    parts = np.split(run, np.cumsum([size for _, size in view.sizes])[:-1])
    assert {key for key, _ in view.sizes} == set(state)
    for (key, _), part in zip(view.sizes, parts, strict=True):
        np.testing.assert_array_equal(part, state[key].numpy().ravel())


def test_they_travel_as_bytes_once():
    state, paths, buffers = _split(Heads("text").view)
    assert paths == [["numbers"]]
    assert "numbers" not in state
    assert len(buffers) == 1


def _split(view):
    from ipywidgets.widgets.widget import _remove_buffers

    return _remove_buffers(view.get_state())


def test_no_torch_is_needed():
    code = "import sys, d2lmini.widgets as w; w.Heads('text'); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_state_can_be_moved_in_python(explorer):
    explorer.layer, explorer.head, explorer.temperature, explorer.query = 1, 2, 0.5, 0.25
    view = explorer.view
    assert (view.layer, view.head, view.temperature, view.query) == (1, 2, 0.5, 0.25)
    for name, wrong in (("layer", 3), ("head", 0), ("temperature", 5.0)):
        with pytest.raises(TraitError, match=name):
            setattr(explorer, name, wrong)
    with pytest.raises(ValueError, match="query must be finite, but was nan"):
        explorer.query = float("nan")
    reader = Heads("text", text="ABBA")
    with pytest.raises(ValueError, match="query must be whole, from 0 to 3, but was 4"):
        reader.query = 4


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"model": "vision"}, "model is 'vision'; it must be one of regression, text"),
        ({"layer": 3}, "layer is 3; it must be 1 or 2"),
        ({"head": 0}, "head is 0; it must be 1 or 2"),
        ({"temperature": 8.0}, "temperature is 8.0; it must be from 0.25 to 4.0"),
        ({"sigma": -1.0}, "sigma must be positive and finite, but was -1.0"),
        ({"n": 1}, "n is 1; it must be at least 2"),
        ({"n": 65}, "n is 65; it must be at most 64"),
        ({"query": float("inf")}, "query must be finite, but was inf"),
        ({"text": "ABBA"}, "text is given, which the regression model cannot read"),
        ({"model": "text", "text": "ABZ"}, "text is 'ABZ'; it must be 2 to 64 letters from A to H"),
        ({"model": "text", "text": "A"}, "text is 'A'; it must be 2 to 64 letters from A to H"),
        (
            {"model": "text", "query": 24},
            "query must be the index of one of 24 letters, but was 24",
        ),
        (
            {"model": "text", "query": 2.5},
            "query must be the index of one of 24 letters, but was 2.5",
        ),
    ],
)
def test_a_bad_argument_is_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        Heads(**wrong)


def test_start_holds_what_reset_restores(explorer):
    explorer.sigma, explorer.layer, explorer.temperature = 2.0, 1, 4.0
    start = explorer.view.start
    assert (start["sigma"], start["layer"], start["temperature"]) == (0.4, 2, 1.0)
    assert set(start) == COMMON | {"curve", "data_keys", "data_values"}
    assert set(Heads("text").view.start) == COMMON | {"letters"}
    assert json.loads(json.dumps(start)) == start


def test_the_start_is_the_best_sigma_within_the_slider():
    for name, sigma in BEST_SIGMAS.items():
        made = Heads(name)
        assert made.sigma == made.sigma_slider.value == sigma
        assert 10**made.sigma_slider.min < sigma < 10**made.sigma_slider.max


def test_repr_is_stable_and_short(explorer):
    state = "σ = 0.4, query -1, layer 2, head 1"
    assert repr(explorer) == f"Heads(regression, {state}, 24 points)"
    assert repr(Heads("text", text="ABBA")) == (
        "Heads(text, σ = 0.7, query 3, layer 1, head 1, 4 letters)"
    )
