"""The Python half of the explorer of chapter 1: traits, link, what reaches the page."""

import json

import numpy as np
import pytest

from d2lmini import data
from d2lmini.widgets import Average


@pytest.fixture
def explorer():
    return Average(data.sine_power(), sigma=0.4, query=1.5)


def test_traits_are_readable_in_python(explorer):
    assert (explorer.sigma, explorer.query) == (0.4, 1.5)
    sample = data.sine_power()
    np.testing.assert_array_equal(explorer.data_keys, sample.keys)
    np.testing.assert_array_equal(explorer.data_values, sample.values)
    np.testing.assert_array_equal(explorer.view.sample_queries, sample.queries)


def test_the_query_starts_in_the_middle_unless_given():
    assert Average(data.sine()).query == 3.0


def test_the_slider_is_linked_in_the_browser(explorer):
    assert explorer.sigma_link.source == (explorer.sigma_slider, "value")
    assert explorer.sigma_link.target == (explorer.view, "sigma")
    explorer.sigma = 1.25
    assert explorer.sigma_slider.value == explorer.view.sigma == 1.25


def test_the_window_can_hold_every_key(explorer):
    slider = explorer.sigma_slider
    low, high = explorer.view.domain
    assert slider.base**slider.max >= high - low


def test_bad_sigma_and_query_are_refused(explorer):
    with pytest.raises(ValueError, match="sigma must be positive and finite, but was -1"):
        explorer.sigma = -1.0
    with pytest.raises(ValueError, match="query must be finite, but was nan"):
        explorer.query = float("nan")
    assert (explorer.sigma, explorer.query) == (0.4, 1.5)


def test_repr_is_stable_and_short(explorer):
    assert repr(explorer) == "Average(σ = 0.4, query 1.5, 50 keys)"


def test_start_holds_what_reset_restores(explorer):
    explorer.query = 4.0
    start = explorer.view.start
    assert start["query"] == 1.5
    assert set(start) == {"sigma", "query", "data_keys", "data_values", "samples"}
    assert json.loads(json.dumps(start)) == start


def test_all_data_lie_in_the_picture(explorer):
    low, high = explorer.view.value_range
    assert low <= min(explorer.data_values) and max(explorer.data_values) <= high
