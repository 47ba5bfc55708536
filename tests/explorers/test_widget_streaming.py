"""The explorer of chapter 8, Python half: its traits and what reaches the page."""

import json

import numpy as np
import pytest
from traitlets import TraitError

from d2lmini import data
from d2lmini.widgets import Streaming


@pytest.fixture
def explorer():
    return Streaming(data.sine_power(), sigma=0.4, block_size=5, blocks=3)


def test_traits_are_readable_in_python_and_the_query_starts_in_the_middle(explorer):
    assert (explorer.sigma, explorer.query) == (0.4, 2.5)
    assert (explorer.block_size, explorer.blocks) == (5, 3)
    assert (explorer.features, explorer.spread) == (256, 0.5)
    np.testing.assert_array_equal(explorer.data_keys, data.sine_power().keys)


def test_the_pass_can_be_moved_in_python(explorer):
    explorer.blocks, explorer.block_size, explorer.features = 1, 25, 4096
    assert (explorer.view.blocks, explorer.view.block_size, explorer.view.features) == (1, 25, 4096)
    for name, wrong in (("block_size", 7), ("blocks", -1), ("features", 100), ("spread", 2.0)):
        with pytest.raises(TraitError, match=name):
            setattr(explorer, name, wrong)


@pytest.mark.parametrize("wrong", [{"block_size": 7}, {"blocks": -1}, {"blocks": 1.5}])
def test_a_bad_argument_is_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Streaming(data.sine_power(), **wrong)


def test_start_holds_what_reset_restores(explorer):
    explorer.sigma, explorer.blocks, explorer.spread = 2.0, 0, 1.0
    start = explorer.view.start
    assert (start["sigma"], start["blocks"], start["spread"]) == (0.4, 3, 0.5)
    sample = {"query", "data_keys", "data_values", "samples"}
    assert set(start) == {"sigma", "blocks", "block_size", "features", "spread", "draws"} | sample
    assert json.loads(json.dumps(start)) == start


def test_repr_is_stable_and_short(explorer):
    assert repr(explorer) == "Streaming(σ = 0.4, query 2.5, 15 of 50 keys read)"
    explorer.blocks = 99
    assert "50 of 50" in repr(explorer)
