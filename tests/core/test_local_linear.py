"""local_linear: least squares by hand and by statsmodels, exact lines, limits, gradients."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression
from statsmodels.nonparametric.kernel_regression import KernelReg

from d2lmini import EmptyWindowWarning, data, local_linear, nadaraya_watson
from d2lmini.kernels import KERNELS

SAMPLE = data.sine_linear()
LIBRARIES = {"numpy": np.asarray, "torch": torch.as_tensor}


@pytest.fixture(params=LIBRARIES)
def make(request):
    return LIBRARIES[request.param]


def cloud(d, n=60, m=15):
    rng = np.random.default_rng(d)
    keys = rng.normal(size=(n, d))
    values = np.stack([np.sin(keys).sum(1), keys[:, 0] ** 2], 1) + rng.normal(size=(n, 2))
    return rng.normal(size=(m, d)), keys, values


def quiet(*arguments, **keywords):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EmptyWindowWarning)
        return local_linear(*arguments, **keywords)


# Against independent implementations -------------------------------------------------------------


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("sigma", [0.9, 2.5, 40.0])
def test_it_is_weighted_least_squares(kernel, sigma):
    _, alpha = nadaraya_watson(SAMPLE.queries, SAMPLE.keys, SAMPLE.values, kernel, sigma)
    estimates, _ = local_linear(SAMPLE.queries, SAMPLE.keys, SAMPLE.values, kernel, sigma)
    for query, row, estimate in zip(SAMPLE.queries, alpha, estimates, strict=True):
        line = LinearRegression().fit(SAMPLE.keys[:, None], SAMPLE.values, sample_weight=row)
        assert estimate == pytest.approx(line.predict([[query]])[0], abs=1e-9)


@pytest.mark.parametrize("kernel", ["gaussian", "epanechnikov"])
@pytest.mark.parametrize("d", [2, 3])
def test_it_is_weighted_least_squares_in_several_dimensions(kernel, d, make):
    queries, keys, values = cloud(d)
    _, alpha = nadaraya_watson(queries, keys, values, kernel, 3.5)
    found = local_linear(make(queries), make(keys), make(values), kernel, 3.5)
    estimates, weights = map(np.asarray, found)
    for query, row, estimate, tilted in zip(queries, alpha, estimates, weights, strict=True):
        plane = LinearRegression().fit(keys, values, sample_weight=row)
        np.testing.assert_allclose(estimate, plane.predict(query[None])[0], atol=1e-9)
        np.testing.assert_allclose(tilted @ values, estimate, atol=1e-12)


@pytest.mark.parametrize("sigma", [0.3, 0.7, 2.0])
def test_it_is_statsmodels_local_linear_estimate(sigma):
    theirs = KernelReg(SAMPLE.values, SAMPLE.keys, "c", reg_type="ll", bw=[sigma])
    expected, _ = theirs.fit(SAMPLE.queries)
    estimates, _ = local_linear(SAMPLE.queries, SAMPLE.keys, SAMPLE.values, sigma=sigma)
    np.testing.assert_allclose(estimates, expected, rtol=1e-9)


def test_its_weights_are_those_of_the_textbook():
    """Wand and Jones (5.4): (s2 - s1 t) K over s2 s0 - s1^2, t = key - query."""
    t = SAMPLE.keys - SAMPLE.queries[:, None]
    k = np.exp(-(t**2) / 2 / 0.6**2)
    s0, s1, s2 = ((k * t**power).sum(1)[:, None] for power in range(3))
    expected = (s2 - s1 * t) * k / (s2 * s0 - s1**2)
    _, weights = local_linear(SAMPLE.queries, SAMPLE.keys, SAMPLE.values, sigma=0.6)
    np.testing.assert_allclose(weights, expected, rtol=1e-7, atol=1e-12)
    assert (weights < 0).any()


# Lines and planes --------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.integers(-60, 60), min_size=2, max_size=12),
    st.sampled_from(list(KERNELS)),
    st.floats(-2.0, 2.0),
    st.floats(-12, 12),
)
def test_a_line_comes_back_exactly(places, kernel, exponent, query):
    keys, sigma = np.array(places) / 8, 10**exponent
    reached = keys[quiet([query], keys, keys, kernel, sigma)[1][0] != 0]
    assume(len(set(reached)) > 1)
    estimates, weights = local_linear([query], keys, 3 * keys - 2, kernel, sigma)
    lever = abs(weights).max()  # far outside the keys in reach the line is a long lever
    assert estimates[0] == pytest.approx(3 * query - 2, abs=1e-11 * lever * (1 + abs(query)))
    assert weights.sum() == pytest.approx(1, abs=1e-13 * lever * len(keys))


@pytest.mark.parametrize("sigma", [0.06, 0.5, 30.0])
def test_a_plane_comes_back_exactly(sigma, make):
    queries, keys, _ = cloud(2, n=400)
    plane = keys @ [2.0, -1.0] + 5
    estimates, weights = local_linear(make(queries), make(keys), make(plane), sigma=sigma)
    np.testing.assert_allclose(estimates, queries @ [2.0, -1.0] + 5, atol=1e-8)
    np.testing.assert_allclose(np.asarray(weights).sum(1), 1, atol=1e-12)


def test_the_boundary_and_the_design_lose_their_bias():
    """Both biases of the local constant are of first order: a line shows them."""
    keys = np.sqrt(np.linspace(0, 1, 400))  # density 2x
    constant, _ = nadaraya_watson([0.5, 1.0], keys, keys, sigma=0.1)
    straight, _ = local_linear([0.5, 1.0], keys, keys, sigma=0.1)
    assert constant[0] - 0.5 == pytest.approx(0.02, rel=0.05)  # sigma^2 p' / p
    assert constant[1] < 0.95
    np.testing.assert_allclose(straight, [0.5, 1.0], atol=1e-13)


# Limits ------------------------------------------------------------------------------------------


def test_huge_sigma_is_ordinary_least_squares(make):
    q, k, v = map(make, (SAMPLE.queries, SAMPLE.keys, SAMPLE.values))
    slope, intercept = np.polyfit(SAMPLE.keys, SAMPLE.values, 1)
    for kernel in KERNELS:
        estimates, _ = local_linear(q, k, v, kernel, 1e300)
        np.testing.assert_allclose(estimates, intercept + slope * SAMPLE.queries, atol=1e-12)


def test_small_sigma_is_the_line_through_the_two_nearest_keys():
    """Even where the second weighs 1e-300; at 1e-310 and below it counts as nothing."""
    keys, values = np.array([0.0, 1.0, 2.5]), np.array([1.0, 5.0, 6.0])
    for weight in (1e-10, 1e-30, 1e-150, 1e-300):
        sigma = math.sqrt((0.8**2 - 0.2**2) / 2 / -math.log(weight))
        estimates, weights = local_linear([0.2], keys, values, sigma=sigma)
        assert estimates[0] == pytest.approx(1.8, rel=1e-9)
        np.testing.assert_allclose(weights[0], [0.8, 0.2, 0], atol=1e-6)
    estimates, weights = local_linear([0.2], keys, values, sigma=1e-300)
    assert estimates[0] == 1
    assert weights[0].tolist() == [1, 0, 0]


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("kernel", KERNELS)
def test_any_sigma_gives_weights_that_sum_to_one_or_a_row_of_zeros(kernel, d, make):
    queries, keys, values = cloud(d)
    for sigma in (1e-300, 1e-8, 1e-3, 0.03, 0.2, 1.0, 1e8, 1e300):
        estimates, weights = map(
            np.asarray, quiet(make(queries), make(keys), make(values), kernel, sigma)
        )
        lever = abs(weights).max(1)
        assert np.isfinite(weights).all()
        assert np.isfinite(estimates[lever > 0]).all()
        sums = weights.sum(1)
        assert (abs(sums - (lever > 0)) <= 1e-13 * 60 * lever).all(), (kernel, sigma)


def test_units_and_place_do_not_matter():
    expected, _ = local_linear(SAMPLE.queries, SAMPLE.keys, SAMPLE.values, sigma=0.4)
    for scale in (1e-200, 1e-8, 1e150):
        found, _ = local_linear(
            scale * SAMPLE.queries, scale * SAMPLE.keys, SAMPLE.values, sigma=0.4 * scale
        )
        np.testing.assert_allclose(found, expected, rtol=1e-9)
    queries, keys = np.arange(9.0) / 8, np.arange(-3.0, 12.0) / 8
    values = np.sin(keys)
    expected, _ = local_linear(queries, keys, values + 1e6, sigma=0.2)
    found, _ = local_linear(queries + 2.0**30, keys + 2.0**30, values, sigma=0.2)
    np.testing.assert_allclose(found + 1e6, expected, atol=1e-8)


# Too few keys for a line -------------------------------------------------------------------------


def test_one_place_in_reach_is_the_local_constant(make):
    keys, values = make([0.0, 2.0, 2.0, 5.0]), make([1.0, 4.0, 8.0, 3.0])
    estimates, weights = local_linear(make([0.5, 2.4, 4.0]), keys, values, "boxcar", 1.0)
    assert estimates.tolist() == [1, 6, 3]
    assert np.asarray(weights).tolist() == [[1, 0, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 0, 1]]


def test_keys_on_a_line_in_the_plane_have_a_slope_along_it_only(make):
    steps = np.linspace(-1, 1, 21)[:, None]
    along, across = np.array([[0.6, 0.8]]), np.array([[0.8, -0.6]])
    values = 3 * steps[:, 0] + 1
    queries = 0.3 * along + np.array([[0.0], [0.5]]) * across
    estimates, _ = local_linear(make(queries), make(steps * along), make(values), sigma=0.7)
    np.testing.assert_allclose(estimates, [1.9, 1.9], rtol=1e-9)


def test_axes_of_very_different_spread():
    queries, keys, _ = cloud(2)
    shrink = np.array([1.0, 1e-5])
    plane = keys @ [2.0, -1.0] + 5
    estimates, _ = local_linear(queries * shrink, keys * shrink, plane, sigma=0.7)
    np.testing.assert_allclose(estimates, queries @ [2.0, -1.0] + 5, rtol=1e-5)


def test_an_empty_window_is_nan_with_a_row_of_zeros_and_one_warning(make):
    keys, values = make([0.0, 1.0]), make([1.0, 2.0])
    with pytest.warns(EmptyWindowWarning, match=r"2 of 3 queries .*from sigma = 5\.0 on") as caught:
        estimates, weights = local_linear(make([0.5, 4.0, 6.0]), keys, values, "boxcar", 1.0)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert np.isnan(np.asarray(estimates)).tolist() == [False, True, True]
    assert np.asarray(weights)[1:].tolist() == [[0, 0], [0, 0]]


def test_hidden_keys_do_not_count(make):
    mask = np.ones((len(SAMPLE.queries), 40), dtype=bool)
    mask[:, 10:25] = False
    q, k, v = map(make, (SAMPLE.queries, SAMPLE.keys, SAMPLE.values))
    estimates, weights = local_linear(q, k, v, sigma=0.5, mask=make(mask))
    seen = np.r_[0:10, 25:40]
    expected, _ = local_linear(SAMPLE.queries, SAMPLE.keys[seen], SAMPLE.values[seen], sigma=0.5)
    np.testing.assert_allclose(estimates, expected, rtol=1e-9)
    assert (np.asarray(weights)[:, 10:25] == 0).all()


# Shapes, types, gradients ------------------------------------------------------------------------


@pytest.mark.parametrize(("d", "d_v", "m"), [(0, 0, 4), (0, 3, 1), (1, 0, 4), (2, 3, 5), (3, 0, 0)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shapes_and_dtypes(d, d_v, m, dtype, make):
    rng = np.random.default_rng(0)
    queries, keys = (
        make(rng.normal(size=(size, d) if d else size).astype(dtype)) for size in (m, 30)
    )
    values = make(rng.normal(size=(30, d_v) if d_v else 30).astype(dtype))
    estimates, weights = local_linear(queries, keys, values, sigma=1.0)
    assert tuple(estimates.shape) == ((m, d_v) if d_v else (m,))
    assert tuple(weights.shape) == (m, 30)
    assert type(weights) is type(estimates) is type(keys)
    assert weights.dtype == estimates.dtype == keys.dtype


@pytest.mark.parametrize("d", [1, 2])
def test_float32_is_float64_to_its_precision(d, make):
    queries, keys, values = cloud(d)
    exact, alpha = local_linear(queries, keys, values, sigma=0.8)
    arrays = (make(a.astype(np.float32)) for a in (queries, keys, values))
    rounded, _ = local_linear(*arrays, sigma=0.8)
    lever = abs(alpha).sum(1)[:, None]
    assert (abs(np.asarray(rounded) - exact) < 2e-5 * lever).all()


def test_one_sigma_per_query():
    sigmas = np.linspace(0.3, 2, len(SAMPLE.queries))
    estimates, _ = local_linear(SAMPLE.queries, SAMPLE.keys, SAMPLE.values, sigma=sigmas)
    for i in (0, 17, 49):
        alone, _ = local_linear(SAMPLE.queries[[i]], SAMPLE.keys, SAMPLE.values, sigma=sigmas[i])
        assert estimates[i] == pytest.approx(alone[0], rel=1e-12)


@pytest.mark.parametrize("kernel", ["gaussian", "laplace", "tricube"])
@pytest.mark.parametrize("d", [1, 2])
def test_gradcheck(kernel, d):
    queries, keys, values = (torch.tensor(a, requires_grad=True) for a in cloud(d, n=9, m=3))
    sigma = torch.tensor(4.0, dtype=torch.float64, requires_grad=True)

    def both(q, k, v, s):
        return local_linear(q, k, v, kernel, s)

    assert torch.autograd.gradcheck(both, (queries, keys, values, sigma))


def test_gradients_are_finite_where_the_line_is_not_there():
    keys = torch.tensor([0.0, 2.0, 2.0, 5.0, 5.5], dtype=torch.float64)
    queries = torch.tensor([0.5, 2.0, 5.1, 9.0], dtype=torch.float64)
    for kernel in ("epanechnikov", "gaussian"):
        for size in (1e-3, 1.0):
            leaves = [
                t.clone().requires_grad_() for t in (queries, keys, keys**2, torch.tensor(size))
            ]
            q, k, v, s = leaves
            estimates, _ = quiet(q, k, v, kernel, s)
            estimates[~estimates.isnan()].sum().backward()
            assert all(leaf.grad.isfinite().all() for leaf in leaves), (kernel, size)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sigma": 0.0}, "sigma is 0.0"),
        ({"values": [1.0]}, "values has length 1"),
        ({"kernel": "gauss"}, "kernel is 'gauss'"),
        ({"keys": [0.0, math.nan]}, "keys holds NaN"),
        ({"keys": [], "values": []}, "keys has shape"),
        ({"mask": [[True]]}, "mask has shape"),
        ({"queries": torch.ones(1), "keys": np.ones(2)}, "keys is a numpy.ndarray"),
    ],
)
def test_bad_input_is_named(change, message):
    arguments = {"queries": [0.5], "keys": [0.0, 1.0], "values": [1.0, 2.0]}
    with pytest.raises(ValueError, match=message):
        local_linear(**arguments | change)
