"""The explorer of chapter 5, Python half: its traits and what reaches the page."""

import json

import numpy as np
import pytest
from traitlets import TraitError

from d2lmini import data
from d2lmini.widgets import LocalFit


@pytest.fixture
def explorer():
    return LocalFit(data.sine_linear(), sigma=0.4)


def test_traits_are_readable_in_python_and_the_query_starts_at_the_left_end(explorer):
    assert (explorer.sigma, explorer.query, explorer.noise) == (0.4, 0.0, True)
    sample = data.sine_linear()
    np.testing.assert_array_equal(explorer.data_keys, sample.keys)
    np.testing.assert_array_equal(explorer.data_values, sample.values)


def test_the_noise_can_be_switched_in_python(explorer):
    explorer.noise = False
    assert explorer.view.noise is False
    with pytest.raises(TraitError, match="noise"):
        explorer.noise = "off"


def test_start_holds_what_reset_restores(explorer):
    explorer.sigma, explorer.noise = 2.0, False
    start = explorer.view.start
    assert (start["sigma"], start["noise"]) == (0.4, True)
    assert set(start) == {"sigma", "noise", "query", "data_keys", "data_values", "samples"}
    assert json.loads(json.dumps(start)) == start


def test_repr_is_stable_and_short(explorer):
    expected = "LocalFit(σ = 0.4, query 0, values with noise, 40 keys)"
    assert repr(explorer) == expected
    explorer.noise = False
    assert repr(explorer) == expected.replace("with ", "without ")
