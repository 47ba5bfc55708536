"""Bandwidth: leave-one-out by brute force and by statsmodels, closed forms, redrawn noise."""

import math
import statistics
import tracemalloc
import warnings

import numpy as np
import pytest
import statsmodels.nonparametric.bandwidths as normal_reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.neighbors import KNeighborsRegressor
from statsmodels.nonparametric.kernel_regression import KernelReg

import d2lmini
from d2lmini import EmptyWindowWarning, all_pairs, bandwidth, data, local_linear, nadaraya_watson
from d2lmini.bandwidth import (
    bandwidth_grid,
    bias_variance,
    effective_degrees_of_freedom,
    gcv_error,
    leave_one_out_error,
    plug_in_bandwidth,
    rule_of_thumb,
    select_bandwidth,
    training_error,
)
from d2lmini.kernels import KERNELS, Kernel

SAMPLE = data.sine_linear()
SIGMAS = np.array([0.6, 0.8, 1.5, 6.0])  # each admissible for every kernel


def loop(keys, values, sigma, kernel="gaussian"):
    """Leave-one-out by really leaving one out."""
    squares = []
    for i in range(len(keys)):
        rest = np.arange(len(keys)) != i
        estimate, _ = nadaraya_watson(keys[i : i + 1], keys[rest], values[rest], kernel, sigma)
        squares.append((estimate[0] - values[i]) ** 2)
    return np.mean(squares)


@pytest.fixture
def plane():
    rng = np.random.default_rng(5)
    keys = rng.normal(size=(60, 2))
    return keys, np.stack([keys.sum(1) ** 2, np.sin(keys[:, 0])], 1) + rng.normal(size=(60, 2))


# Leave one out -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", KERNELS)
def test_it_is_the_loop(kernel):
    errors = leave_one_out_error(SAMPLE.keys, SAMPLE.values, SIGMAS, kernel)
    expected = [loop(SAMPLE.keys, SAMPLE.values, sigma, kernel) for sigma in SIGMAS]
    np.testing.assert_allclose(errors, expected, rtol=1e-12)


@pytest.mark.parametrize("kernel", ["gaussian", "constant", "epanechnikov"])
def test_it_is_the_loop_in_two_dimensions_with_two_values(kernel, plane):
    keys, values = plane
    expected = loop(keys, values, 4.0, kernel)
    assert leave_one_out_error(keys, values, 4.0, kernel) == pytest.approx(expected, rel=1e-12)


def test_it_is_the_objective_of_statsmodels(plane):
    for keys, values, d in [(SAMPLE.keys, SAMPLE.values, 1), (plane[0], plane[1][:, 0], 2)]:
        theirs = KernelReg(values, keys, "c" * d, reg_type="lc", bw=np.ones(d))
        for sigma in (0.2, 0.5, 2.0):
            objective = theirs.cv_loo(np.full(d, sigma), theirs.est["lc"])
            assert leave_one_out_error(keys, values, sigma) == pytest.approx(objective, rel=1e-9)


def test_it_is_the_shortcut_where_that_is_accurate():
    """(y - estimate) / (1 - H_ii), the residuals of all points at once."""
    estimates, weights = nadaraya_watson(SAMPLE.keys, SAMPLE.keys, SAMPLE.values, sigma=0.7)
    left_out = (SAMPLE.values - estimates) / (1 - np.diag(weights))
    error = leave_one_out_error(SAMPLE.keys, SAMPLE.values, 0.7)
    assert error == pytest.approx(np.mean(left_out**2), rel=1e-12)


def test_an_array_of_sigmas_gives_an_array_and_a_number_a_float():
    many = leave_one_out_error(SAMPLE.keys, SAMPLE.values, SIGMAS)
    assert many.shape == SIGMAS.shape
    for sigma, error in zip(SIGMAS, many, strict=True):
        one = leave_one_out_error(SAMPLE.keys, SAMPLE.values, sigma)
        assert isinstance(one, float)
        assert one == error
    assert leave_one_out_error(SAMPLE.keys, SAMPLE.values, []).shape == (0,)


@pytest.mark.parametrize("kernel", ["gaussian", "laplace"])
def test_tiny_sigma_is_the_nearest_neighbour(kernel):
    nearest = KNeighborsRegressor(1)
    found = cross_val_predict(nearest, SAMPLE.keys[:, None], SAMPLE.values, cv=LeaveOneOut())
    error = leave_one_out_error(SAMPLE.keys, SAMPLE.values, 1e-300, kernel)
    assert error == pytest.approx(np.mean((found - SAMPLE.values) ** 2), rel=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
def test_huge_sigma_is_the_mean_of_the_others(kernel):
    n = len(SAMPLE.values)
    expected = np.var(SAMPLE.values) * (n / (n - 1)) ** 2
    error = leave_one_out_error(SAMPLE.keys, SAMPLE.values, 1e300, kernel)
    assert error == pytest.approx(expected, rel=1e-12)


def test_a_far_cluster_and_tied_keys_are_no_trouble():
    keys = np.append(0.0, 1e9 + np.array([0, 1, 2, 2]) / 1024)  # exact in floating point
    values = np.array([5.0, 1.0, 2.0, 4.0, 8.0])
    nearest = [1, 2, 13 / 3, 8, 4]
    errors = leave_one_out_error(keys, values, [1e-300, 1e-12, 1e-5, 1e9])
    expected = np.mean((nearest - values) ** 2)
    np.testing.assert_allclose(errors[:3], expected, rtol=1e-12)
    assert np.isfinite(errors[3])


def test_an_empty_window_makes_sigma_inadmissible_in_silence():
    keys, values = np.array([0.0, 1.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0, 4.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        boxcar = leave_one_out_error(keys, values, [1.9, 2.0, 2.1], "boxcar")
        epanechnikov = leave_one_out_error(keys, values, [1.9, 2.0, 2.1], "epanechnikov")
        alone = leave_one_out_error([1.0], [2.0], 1.0)
    assert np.isfinite(boxcar).tolist() == [False, True, True]
    assert np.isfinite(epanechnikov).tolist() == [False, False, True]
    assert boxcar[0] == epanechnikov[0] == alone == math.inf


@pytest.mark.parametrize("kernel", ["gaussian", "constant", "tricube"])
def test_blocks_change_nothing_and_bound_the_memory(kernel, monkeypatch):
    whole = leave_one_out_error(SAMPLE.keys, SAMPLE.values, SIGMAS, kernel)
    monkeypatch.setattr(all_pairs, "PAIRS", 7 * len(SAMPLE.keys))
    blocked = leave_one_out_error(SAMPLE.keys, SAMPLE.values, SIGMAS, kernel)
    np.testing.assert_allclose(blocked, whole, rtol=1e-12)
    monkeypatch.setattr(all_pairs, "PAIRS", 2**13)
    sample = data.sine_linear(2000)
    tracemalloc.start()
    leave_one_out_error(sample.keys, sample.values, [0.4, 0.5], kernel)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4e6  # one array of all pairs is 32e6


def test_a_kernel_of_ones_own_works():
    cauchy = Kernel("cauchy", lambda u: -np.log1p(u * u), math.inf, None, "1 / (1 + u^2)")
    expected = loop(SAMPLE.keys, SAMPLE.values, 0.3, cauchy)
    error = leave_one_out_error(SAMPLE.keys, SAMPLE.values, 0.3, cauchy)
    assert error == pytest.approx(expected, rel=1e-12)


places = st.lists(st.integers(-50, 50), min_size=2, max_size=12)


@settings(max_examples=60, deadline=None)
@given(places, st.sampled_from(list(KERNELS)), st.sampled_from([0.05, 1.0, 30.0]), st.data())
def test_shift_scale_and_order_do_not_matter(keys, kernel, sigma, draw):
    keys = np.array(keys) / 8
    values = np.array(
        draw.draw(st.lists(st.integers(-9, 9), min_size=len(keys), max_size=len(keys)))
    )
    error = leave_one_out_error(keys, values, sigma, kernel)
    moved = leave_one_out_error(4 * keys[::-1] + 64, values[::-1] + 100, 4 * sigma, kernel)
    assert moved == pytest.approx(error, rel=1e-9, abs=1e-9)


# Training error, degrees of freedom, GCV ---------------------------------------------------------


@pytest.mark.parametrize("kernel", KERNELS)
def test_training_error_and_trace_are_those_of_the_weights(kernel):
    sigmas = [1e-300, 0.3, 2.0, 1e300]
    errors = training_error(SAMPLE.keys, SAMPLE.values, sigmas, kernel)
    traces = effective_degrees_of_freedom(SAMPLE.keys, sigmas, kernel)
    for sigma, error, trace in zip(sigmas, errors, traces, strict=True):
        estimates, weights = nadaraya_watson(SAMPLE.keys, SAMPLE.keys, SAMPLE.values, kernel, sigma)
        assert error == pytest.approx(np.mean((SAMPLE.values - estimates) ** 2), abs=1e-12)
        assert trace == pytest.approx(np.trace(weights), rel=1e-12)


def test_degrees_of_freedom_run_from_the_keys_to_one():
    keys = np.append(SAMPLE.keys, SAMPLE.keys[:3])
    assert effective_degrees_of_freedom(keys, 1e-9) == pytest.approx(40, rel=1e-12)
    assert effective_degrees_of_freedom(keys, 1e9) == pytest.approx(1, rel=1e-12)
    assert isinstance(effective_degrees_of_freedom(keys, 1.0), float)


def test_gcv_replaces_each_own_weight_by_the_mean():
    estimates, weights = nadaraya_watson(SAMPLE.keys, SAMPLE.keys, SAMPLE.values, sigma=0.4)
    left_out = (SAMPLE.values - estimates) / (1 - np.trace(weights) / 40)
    found = gcv_error(SAMPLE.keys, SAMPLE.values, 0.4)
    assert found == pytest.approx(np.mean(left_out**2), rel=1e-12)
    assert gcv_error(SAMPLE.keys, SAMPLE.values, [1e-9, 0.4]).tolist() == [math.inf, found]


def test_gcv_is_leave_one_out_when_all_keys_see_alike():
    """On a ring every point gives itself the same weight; here: far pairs of equal spacing."""
    keys = np.array([0.0, 1.0, 1000.0, 1001.0])
    values = np.array([1.0, 3.0, -2.0, 5.0])
    found = gcv_error(keys, values, 0.8)
    assert found == pytest.approx(leave_one_out_error(keys, values, 0.8), rel=1e-12)


# Choosing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", ["gaussian", "triangular"])
def test_the_choice_is_the_smallest_error_on_the_grid(kernel):
    sigmas = np.geomspace(0.3, 3, 25)[::-1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EmptyWindowWarning)
        errors = [loop(SAMPLE.keys, SAMPLE.values, sigma, kernel) for sigma in sigmas]
    chosen = select_bandwidth(SAMPLE.keys, SAMPLE.values, kernel, sigmas)
    assert isinstance(chosen, float)
    assert chosen == sigmas[np.nanargmin(errors)]


def test_the_default_grid_brackets_the_choice_of_statsmodels():
    theirs = KernelReg(SAMPLE.values, SAMPLE.keys, "c", reg_type="lc", bw="cv_ls").bw[0]
    grid = bandwidth_grid(SAMPLE.keys)
    ours = select_bandwidth(SAMPLE.keys, SAMPLE.values)
    assert ours in grid
    assert abs(math.log(ours / theirs)) < math.log(grid[1] / grid[0])


def test_the_grid_reaches_from_half_a_spacing_to_the_range():
    keys = np.array([0.0, 0.0, 1.0, 3.0, 3.5])  # nearest different: 1 1 1 .5 .5
    for name, sd in [("gaussian", 1.0), ("boxcar", 3**-0.5), ("constant", 1.0)]:
        grid = bandwidth_grid(keys, name, count=9)
        assert grid[[0, -1]] * sd == pytest.approx([0.5, 3.5])
        assert np.ptp(np.diff(np.log(grid))) < 1e-12
        assert len(grid) == 9
    corners = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 4.0]])
    assert bandwidth_grid(corners)[[0, -1]] == pytest.approx([1.5, 5.0])


@pytest.mark.parametrize("kernel", [name for name in KERNELS if name != "constant"])
def test_some_sigma_of_the_grid_is_admissible(kernel):
    keys = np.array([0.0, 1.0, 1.1, 1.2, 40.0])
    values = np.arange(5.0)
    sigma = select_bandwidth(keys, values, kernel)
    assert leave_one_out_error(keys, values, sigma, kernel) < math.inf


@pytest.mark.parametrize(("kernel", "since"), [("boxcar", "from"), ("tricube", "only above")])
def test_no_admissible_sigma_is_an_error_that_says_which_would_do(kernel, since):
    keys, values = np.array([0.0, 1.0, 3.5]), np.array([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=rf"sigmas .* admissible .*{since} sigma = 2\.5"):
        select_bandwidth(keys, values, kernel, [0.5, 2.4])
    assert select_bandwidth(keys, values, kernel, [0.5, 2.51]) == 2.51
    with pytest.raises(ValueError, match="keys has length 1"):
        select_bandwidth([1.0], [2.0], kernel, [1.0])


def test_of_equal_errors_the_smallest_sigma():
    assert select_bandwidth(SAMPLE.keys, np.ones(40), "gaussian", [3.0, 1.0, 2.0]) == 1.0


# Rules of thumb ----------------------------------------------------------------------------------


def test_the_rule_of_thumb_is_silvermans():
    quarter, _, three_quarters = statistics.quantiles(SAMPLE.keys, method="inclusive")
    spread = min(statistics.stdev(SAMPLE.keys), (three_quarters - quarter) / 1.34)
    assert rule_of_thumb(SAMPLE.keys) == pytest.approx(0.9 * spread / 40**0.2, rel=1e-12)
    skewed = SAMPLE.keys**3  # there the quartiles are closer than the standard deviation says
    for keys in (SAMPLE.keys, skewed):  # statsmodels divides by 1.349, the exact quotient
        theirs = normal_reference.bw_silverman(keys)
        assert rule_of_thumb(keys) == pytest.approx(theirs, rel=0.008)
    tied = np.r_[np.zeros(30), 1.0, 2.0]  # the quartiles coincide
    assert rule_of_thumb(tied) == pytest.approx(0.9 * np.std(tied, ddof=1) / 32**0.2, rel=1e-12)


@pytest.mark.parametrize("kernel", ["gaussian", "boxcar", "laplace"])
def test_rules_scale_with_the_keys(kernel):
    keys, values = SAMPLE.keys, SAMPLE.values
    expected = 10 * rule_of_thumb(keys, kernel)
    assert rule_of_thumb(10 * keys, kernel) == pytest.approx(expected, rel=1e-12)
    expected = 10 * plug_in_bandwidth(keys, values, kernel)
    assert plug_in_bandwidth(10 * keys, 3 * values, kernel) == pytest.approx(expected, rel=1e-9)


def test_the_rule_of_thumb_gives_equal_standard_deviations():
    for name in ("boxcar", "tricube", "laplace"):
        spread = rule_of_thumb(SAMPLE.keys, name) * KERNELS[name].sd
        assert spread == pytest.approx(rule_of_thumb(SAMPLE.keys), rel=1e-12)


ROUGHNESS = {"gaussian": 0.5 / math.sqrt(math.pi), "boxcar": 1 / 2, "triangular": 2 / 3}
ROUGHNESS |= {"epanechnikov": 3 / 5, "tricube": 175 / 247, "laplace": 1 / 4}


@pytest.mark.parametrize("kernel", ROUGHNESS)
def test_the_plug_in_finds_the_asymptotic_optimum_of_a_quartic(kernel):
    rng = np.random.default_rng(0)
    n, noise = 20_000, 0.5
    keys = rng.uniform(0, 2, n)
    values = keys**4 - 3 * keys**2 + rng.normal(0, noise, n)
    curvature = np.mean((12 * keys**2 - 6) ** 2)
    best = ROUGHNESS[kernel] * noise**2 * 2 / (n * KERNELS[kernel].sd ** 4 * curvature)
    assert plug_in_bandwidth(keys, values, kernel) == pytest.approx(best**0.2, rel=0.005)


def test_the_plug_in_minimises_the_exact_error_in_the_interior():
    """Of a local-linear fit on even keys: bias and variance as its formula has them."""
    keys = np.linspace(0, 2, 4001)
    noise = 0.5

    def f(x):
        return x**4 - 3 * x**2

    values = f(keys) + np.random.default_rng(1).normal(0, noise, len(keys))
    rule = plug_in_bandwidth(keys, values)
    queries = np.linspace(0.3, 1.7, 29)

    def error(sigma):
        parts = bias_variance(f, keys, noise, queries, sigma, smoother=local_linear)
        return np.mean(parts[0]) + np.mean(parts[1])

    # The interior is flatter than the whole, so its own optimum is a little wider.
    assert error(rule) < min(error(rule / 1.6), error(rule * 1.6))


# Bias and variance -------------------------------------------------------------------------------


@pytest.mark.parametrize("smoother", [nadaraya_watson, local_linear])
def test_bias_and_variance_add_up_to_the_error_over_redrawn_noise(smoother):
    rng = np.random.default_rng(3)
    f, keys, queries = SAMPLE.f, SAMPLE.keys, np.linspace(0, 5, 21)
    squared_bias, variance = bias_variance(f, keys, 0.7, queries, 0.4, smoother=smoother)
    noisy = f(keys)[:, None] + rng.normal(0, 0.7, (40, 20_000))
    estimates, _ = smoother(queries, keys, noisy, sigma=0.4)
    np.testing.assert_allclose(np.var(estimates, axis=1), variance, rtol=0.05)
    squares = (estimates - f(queries)[:, None]) ** 2
    spread = np.std(squares, axis=1) / math.sqrt(20_000)
    gaps = np.mean(squares, axis=1) - squared_bias - variance
    assert (abs(gaps) < 5 * spread).all()


def test_they_are_the_formulas(plane, monkeypatch):
    keys, queries = plane[0], plane[0][:7] + 0.1
    monkeypatch.setattr(all_pairs, "PAIRS", 3 * len(keys))
    sigma = np.linspace(0.3, 0.9, 7)
    squared_bias, variance = bias_variance(lambda x: x[:, 0] ** 2, keys, 2.0, queries, sigma)
    _, weights = nadaraya_watson(queries, keys, np.zeros(60), sigma=sigma)
    expected = (weights @ keys[:, 0] ** 2 - queries[:, 0] ** 2) ** 2
    np.testing.assert_allclose(squared_bias, expected, rtol=1e-9)
    np.testing.assert_allclose(variance, 4 * np.sum(weights**2, axis=1), rtol=1e-12)


def test_limits_of_bias_and_variance():
    keys, queries = np.linspace(0, 1, 11), np.array([0.52])
    wide = bias_variance(np.sin, keys, 2.0, queries, 1e9)
    assert wide[0][0] == pytest.approx((np.mean(np.sin(keys)) - np.sin(0.52)) ** 2, rel=1e-6)
    assert wide[1][0] == pytest.approx(4 / 11, rel=1e-9)
    narrow = bias_variance(np.sin, keys, 2.0, queries, 1e-9)
    assert narrow[0][0] == pytest.approx((np.sin(0.5) - np.sin(0.52)) ** 2, rel=1e-9)
    assert narrow[1][0] == pytest.approx(4, rel=1e-12)


def test_a_line_has_no_bias_under_local_linear():
    squared_bias, _ = bias_variance(
        lambda x: 3 * x - 2, SAMPLE.keys, 1.0, np.linspace(-1, 6, 30), 0.5, smoother=local_linear
    )
    assert squared_bias.max() < 1e-20


def test_queries_out_of_reach_give_nan_and_one_warning(monkeypatch):
    monkeypatch.setattr(all_pairs, "PAIRS", 6)
    keys, queries = np.array([0.0, 1.0, 2.0]), np.array([0.5, 4.0, 1.5, 5.0, 9.0])
    with pytest.warns(EmptyWindowWarning) as caught:
        squared_bias, variance = bias_variance(np.sin, keys, 1.0, queries, 1.5, "boxcar")
    assert len(caught) == 1
    assert caught[0].filename == __file__
    said = str(caught[0].message)
    assert "boxcar" in said
    assert "3 of 5 queries" in said
    assert "from sigma = 7.0 on" in said
    assert np.isnan(squared_bias).tolist() == [False, True, False, True, True]
    assert np.isnan(variance).tolist() == [False, True, False, True, True]


def test_bias_and_variance_in_bounded_memory():
    keys = np.linspace(0, 1, 20_000)
    tracemalloc.start()
    bias_variance(np.sin, keys, 1.0, np.linspace(0, 1, 40), 0.1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30e6  # one array of all pairs is 6.4e6, and a plain call holds about a dozen


def test_no_queries_give_nothing():
    squared_bias, variance = bias_variance(np.sin, SAMPLE.keys, 1.0, [], 0.5)
    assert squared_bias.shape == variance.shape == (0,)


# Bad input ---------------------------------------------------------------------------------------

K, V = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 2.0, 0.0, 1.0, 4.0, 1.0]
BAD = [
    (lambda: leave_one_out_error(K, V[:2], 1.0), "values has length 2; it must be .* 6"),
    (lambda: leave_one_out_error([], [], 1.0), "keys has shape \\(0,\\)"),
    (lambda: leave_one_out_error([0.0, math.nan], [1, 2], 1.0), "keys holds NaN"),
    (lambda: leave_one_out_error([0.0, 1.0], [1, math.inf], 1.0), "values holds NaN or infinity"),
    (lambda: leave_one_out_error(K, V, 0.0), "sigma is 0.0; it must be positive and finite"),
    (lambda: leave_one_out_error(K, V, [1.0, -2.0]), "sigma is -2.0"),
    (lambda: leave_one_out_error(K, V, math.nan), "sigma is nan"),
    (lambda: leave_one_out_error(K, V, [[1.0]]), "sigma has shape \\(1, 1\\)"),
    (lambda: leave_one_out_error(K, V, 1.0, "gauss"), "kernel is 'gauss'; .*gaussian, boxcar"),
    (lambda: leave_one_out_error(K, "abc", 1.0), "values is 'abc'"),
    (lambda: leave_one_out_error(torch.ones(2, requires_grad=True), [1, 2], 1.0), "keys requires"),
    (lambda: select_bandwidth(K, V, sigmas=[]), "sigmas is empty"),
    (lambda: select_bandwidth(K, V, sigmas=[1.0, 0.0]), "sigmas is 0.0"),
    (lambda: select_bandwidth([2.0, 2.0], [1, 2]), "keys holds 2 equal keys"),
    (lambda: bandwidth_grid(K, count=0), "count is 0"),
    (lambda: rule_of_thumb([3.0, 3.0]), "keys holds 2 equal keys"),
    (lambda: rule_of_thumb([3.0]), "keys has shape \\(1,\\); .* two keys at least"),
    (lambda: rule_of_thumb([[3.0, 1.0], [1.0, 2.0]]), "keys has shape \\(2, 2\\)"),
    (lambda: rule_of_thumb(K, "constant"), "kernel is 'constant', which has no width"),
    (lambda: plug_in_bandwidth(K[:5], V[:5]), "keys holds 5 different keys"),
    (lambda: plug_in_bandwidth(K, np.ones((6, 2))), "values has shape \\(6, 2\\)"),
    (lambda: bias_variance(np.sin, K, -1.0, K, 1.0), "noise_sd is -1.0"),
    (lambda: bias_variance(np.sin, K, math.nan, K, 1.0), "noise_sd is nan"),
    (lambda: bias_variance(np.sum, K, 1.0, K, 1.0), "f gave an array of shape \\(\\)"),
    (lambda: bias_variance(np.sin, K, 1.0, K, 0.0), "sigma is 0.0"),
    (lambda: bias_variance(np.sin, K, 1.0, [math.inf], 1.0), "queries holds NaN or infinity"),
    (lambda: bias_variance(np.sin, [], 1.0, K, 1.0), "keys has shape \\(0,\\)"),
    (lambda: bias_variance(np.sin, K, 1.0, [[1.0, 2.0]], 1.0), "queries|f gave"),
    (lambda: training_error(K, V, -1.0), "sigma is -1.0"),
    (lambda: effective_degrees_of_freedom([], 1.0), "keys has shape \\(0,\\)"),
    (lambda: gcv_error(K, V, 1.0, 3), "kernel is 3"),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[message[:30] for _, message in BAD])
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_tensors_lists_and_single_precision_give_the_same_numbers():
    expected = leave_one_out_error(SAMPLE.keys, SAMPLE.values, 0.5)
    keys, values = torch.tensor(SAMPLE.keys), torch.tensor(SAMPLE.values)
    assert leave_one_out_error(keys, values, torch.tensor(0.5)) == expected
    assert leave_one_out_error(list(SAMPLE.keys), list(SAMPLE.values), 0.5) == expected
    single = leave_one_out_error(keys.float(), SAMPLE.values.astype(np.float32), 0.5)
    assert single == pytest.approx(expected, rel=1e-5)
    assert select_bandwidth(keys, values) == select_bandwidth(SAMPLE.keys, SAMPLE.values)
    assert rule_of_thumb(keys) == rule_of_thumb(SAMPLE.keys)


def test_what_is_public():
    for name in ("leave_one_out_error", "select_bandwidth", "rule_of_thumb"):
        assert getattr(d2lmini, name) is getattr(bandwidth, name)
    assert d2lmini.local_linear is local_linear
