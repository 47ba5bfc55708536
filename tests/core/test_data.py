"""The data sets: formulas written out again here, seeds, ranges, bad input."""

import math
import pickle

import numpy as np
import pytest

from d2lmini import data

# name: (f, end of the keys, default n, default noise sd, queries)
SETS = {
    "sine_power": (lambda x: 2 * math.sin(x) + x**0.8, 5, 50, 0.5, [i / 10 for i in range(50)]),
    "sine": (lambda x: 2 * math.sin(x), 6, 40, 1.0, [6 * i / 499 for i in range(500)]),
    "sine_linear": (lambda x: 2 * math.sin(x) + x, 5, 40, 1.0, [i / 10 for i in range(50)]),
}


@pytest.mark.parametrize("name", SETS)
def test_each_set_is_the_one_of_the_course(name):
    f, end, n, noise_sd, queries = SETS[name]
    sample = getattr(data, name)()
    assert (sample.name, sample.noise_sd, tuple(sample.domain)) == (name, noise_sd, (0, end))
    assert sample.keys.shape == sample.values.shape == (n,)
    np.testing.assert_allclose(sample.queries, queries, atol=1e-15)
    np.testing.assert_allclose(sample.truth, [f(x) for x in queries], atol=1e-14)
    assert all(a.dtype == np.float64 for a in (sample.keys, sample.values, sample.truth))
    assert (np.diff(sample.keys) > 0).all()
    assert sample.keys[0] > 0
    assert sample.keys[-1] < end
    np.testing.assert_allclose(sample.f(sample.queries), sample.truth)


@pytest.mark.parametrize("name", SETS)
def test_without_noise_the_values_are_the_truth(name):
    sample = getattr(data, name)(n=7, noise_sd=0.0, seed=3)
    np.testing.assert_allclose(sample.values, [SETS[name][0](x) for x in sample.keys], atol=1e-14)


@pytest.mark.parametrize("name", SETS)
def test_keys_are_uniform_and_noise_is_normal(name):
    f, end, _, noise_sd, _ = SETS[name]
    sample = getattr(data, name)(n=20_000, seed=1)
    noise = sample.values - [f(x) for x in sample.keys]
    assert abs(noise.mean()) < 4 * noise_sd / math.sqrt(20_000)
    assert noise.std() == pytest.approx(noise_sd, rel=0.03)
    assert np.mean(abs(noise) < noise_sd) == pytest.approx(0.6827, abs=0.015)
    np.testing.assert_allclose(np.quantile(sample.keys / end, [0.25, 0.5, 0.75]),
                               [0.25, 0.5, 0.75], atol=0.02)  # fmt: skip


def test_the_seed_decides():
    first, again, other = (data.sine_power(seed=s) for s in (0, 0, 1))
    np.testing.assert_array_equal(first.values, again.values)
    assert not np.array_equal(first.keys, other.keys)
    np.random.seed(0)  # the global state must not matter
    np.testing.assert_array_equal(first.values, data.sine_power().values)


def test_the_representation_is_stable_and_short():
    assert repr(data.sine(n=3)) == "Sample('sine', n=3, m=500, noise_sd=1)"


def test_a_sample_is_frozen_and_can_be_pickled():
    sample = data.sine_linear()
    with pytest.raises(AttributeError):
        sample.keys = sample.values
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(sample)).values, sample.values)


@pytest.mark.parametrize("arguments, message", [
    ({"n": 0}, "n is 0; it must be at least 1"),
    ({"noise_sd": -1.0}, "noise_sd is -1.0; it must be finite and not negative"),
    ({"noise_sd": math.nan}, "noise_sd is nan; it must be finite and not negative"),
])  # fmt: skip
def test_bad_input_is_named(arguments, message):
    for name in SETS:
        with pytest.raises(ValueError, match=message):
            getattr(data, name)(**arguments)
