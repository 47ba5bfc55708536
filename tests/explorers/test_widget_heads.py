"""The explorer of chapter 9, Python half: its traits and what reaches the page."""

import base64
import json

import numpy as np
import pytest
from traitlets import TraitError

from d2lmini import data, small_transformer
from d2lmini.widgets import Heads


@pytest.fixture
def explorer():
    return Heads(data.slow_sine(), sigma=0.3, layer=2)


def test_traits_are_readable_in_python_and_the_query_starts_in_the_middle(explorer):
    assert (explorer.sigma, explorer.query, explorer.temperature) == (0.3, 0.0, 1.0)
    assert (explorer.layer, explorer.head) == (2, 1)
    np.testing.assert_array_equal(explorer.data_values, data.slow_sine().values)


def test_the_page_gets_the_numbers_of_the_model(explorer):
    numbers = np.frombuffer(base64.b64decode(explorer.view.numbers), "<f2")
    parts = small_transformer.load("regression").state_dict().values()
    expected = np.concatenate([part.numpy().ravel() for part in parts])
    np.testing.assert_array_equal(numbers.astype(np.float32), expected)
    assert len(explorer.view.numbers) < 48_000


def test_a_head_can_be_chosen_in_python(explorer):
    explorer.layer, explorer.head, explorer.temperature = 1, 2, 0.5
    view = explorer.view
    assert (view.layer, view.head, view.temperature) == (1, 2, 0.5)
    for name, wrong in (("layer", 3), ("head", 0), ("temperature", 0.0)):
        with pytest.raises(TraitError, match=name):
            setattr(explorer, name, wrong)


@pytest.mark.parametrize("wrong", [{"layer": 3}, {"head": 0}])
def test_a_bad_argument_is_named(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is .; it must be 1 or 2"):
        Heads(data.slow_sine(), **wrong)


def test_start_holds_what_reset_restores(explorer):
    explorer.head, explorer.temperature = 2, 2.0
    start = explorer.view.start
    assert (start["sigma"], start["head"], start["temperature"]) == (0.3, 1, 1.0)
    sample = {"query", "data_keys", "data_values", "samples"}
    assert set(start) == {"sigma", "layer", "head", "temperature"} | sample
    assert json.loads(json.dumps(start)) == start


def test_repr_is_stable_and_short(explorer):
    assert repr(explorer) == "Heads(layer 2, head 1, temperature 1, query 0, 16 points)"
