"""nadaraya_watson, masked_softmax, attention_pooling.

References: loops in plain Python over exact fractions, scikit-learn, scipy, statsmodels.
"""

import math
import re
import warnings
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.metrics.pairwise import laplacian_kernel, rbf_kernel
from sklearn.neighbors import KernelDensity, KNeighborsRegressor
from statsmodels.nonparametric.kernel_regression import KernelReg

import d2lmini
from d2lmini import KERNELS, EmptyWindowWarning, Kernel, attention_pooling, masked_softmax
from d2lmini import nadaraya_watson as smooth
from tests.core.formulas import COMPACT, FORMULAS, INFINITE

SAMPLE = d2lmini.data.sine_power()
LIBRARIES = {"numpy": np.asarray, "torch": torch.as_tensor}
double = torch.float64
RNG = np.random.default_rng(0)


def brute(queries, keys, values, kernel, sigma, mask=None):
    """Row by row in plain Python; squared distances are exact fractions, so nothing overflows."""
    rows, estimates = [], []
    columns = lambda a: (a if np.ndim(a) == 2 else np.array(a)[:, None]).tolist()  # noqa: E731
    for i, q in enumerate(columns(queries)):
        squares = [
            sum((Fraction(a) - Fraction(b)) ** 2 for a, b in zip(q, k, strict=True))
            for k in columns(keys)
        ]
        seen = [mask is None or bool(mask[i][j]) for j in range(len(keys))]
        s2 = Fraction(sigma) ** 2
        if kernel == "gaussian":
            nearest = min((x for x, s in zip(squares, seen, strict=True) if s), default=0)
            row = [math.exp(max(-1000, (nearest - x) / s2 / 2)) for x in squares]
        elif kernel == "laplace":
            if len(q) == 1:
                us = [abs(Fraction(q[0]) - Fraction(k)) / Fraction(sigma) for (k,) in columns(keys)]
            else:
                us = [math.sqrt(x / s2) for x in squares]
            nearest = min((u for u, s in zip(us, seen, strict=True) if s), default=0)
            row = [math.exp(max(-1000, nearest - u)) for u in us]
        else:
            us = [math.sqrt(x / s2) if x <= s2 else 2.0 for x in squares]
            row = [float(FORMULAS[kernel](u)) for u in us]
        row = [x * s for x, s in zip(row, seen, strict=True)]
        total = math.fsum(row)
        rows.append([x / total if total else 0.0 for x in row])
        pooled = math.fsum(a * b for a, b in zip(rows[-1], values, strict=True))
        estimates.append(pooled if total else math.nan)
    return np.array(estimates), np.array(rows)


def quiet(*arguments, **keywords):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EmptyWindowWarning)
        return smooth(*arguments, **keywords)


# Against independent implementations --------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.04, 0.3, 1.0, 20.0])
@pytest.mark.parametrize("kernel", KERNELS)
def test_brute_force(kernel, sigma):
    q, k, v = SAMPLE.queries[::3], SAMPLE.keys, SAMPLE.values
    estimates, weights = quiet(q, k, v, kernel, sigma)
    expected, rows = brute(q, k, v, kernel, sigma)
    np.testing.assert_allclose(weights, rows, atol=1e-14)
    np.testing.assert_allclose(estimates, expected, rtol=1e-12, equal_nan=True)


@pytest.mark.parametrize("kernel", KERNELS)
def test_brute_force_in_three_dimensions_with_a_mask(kernel):
    rng = np.random.default_rng(0)
    q, k, v = rng.normal(size=(8, 3)), rng.normal(size=(12, 3)), rng.normal(size=12)
    mask = rng.random((8, 12)) < 0.6
    mask[3] = False
    estimates, weights = quiet(q, k, v, kernel, 1.3, mask)
    expected, rows = brute(q, k, v, kernel, 1.3, mask)
    np.testing.assert_allclose(weights, rows, atol=1e-14)
    np.testing.assert_allclose(estimates, expected, rtol=1e-12, equal_nan=True)


@pytest.mark.parametrize("d", [1, 4])
def test_weights_are_scikit_learns_rbf_and_laplacian(d):
    rng = np.random.default_rng(d)
    q, k = rng.normal(size=(9, d)), rng.normal(size=(14, d))
    sigma = 0.8
    reference = rbf_kernel(q, k, gamma=1 / (2 * sigma**2))
    reference /= reference.sum(1, keepdims=True)
    np.testing.assert_allclose(smooth(q, k, k, sigma=sigma)[1], reference, rtol=1e-11)
    if d == 1:
        reference = laplacian_kernel(q, k, gamma=1 / sigma)
        reference /= reference.sum(1, keepdims=True)
        np.testing.assert_allclose(smooth(q, k, k, "laplace", sigma)[1], reference, rtol=1e-11)


@pytest.mark.parametrize("kernel, theirs", [
    ("gaussian", "gaussian"), ("boxcar", "tophat"), ("triangular", "linear"),
    ("epanechnikov", "epanechnikov"), ("laplace", "exponential"),
])  # fmt: skip
def test_weights_are_scikit_learns_kernel_densities(kernel, theirs):
    rng = np.random.default_rng(2)
    q, k = rng.normal(size=(6, 2)), rng.normal(size=(25, 2))
    weights = quiet(q, k, k, kernel, 1.1)[1]
    for row, query in zip(weights, q, strict=True):
        density = KernelDensity(kernel=theirs, bandwidth=1.1).fit(query[None])
        reference = np.exp(density.score_samples(k))
        np.testing.assert_allclose(row, reference / (reference.sum() or 1), atol=1e-14)


@pytest.mark.parametrize("kernel, sigma", [("gaussian", 0.5), ("gaussian", 0.1), ("tricube", 6.0)])
def test_estimates_are_statsmodels_local_constant_ones(kernel, sigma):
    # Its tricube counts keys beyond the window as if at its centre, so the window holds all here.
    model = KernelReg(SAMPLE.values, SAMPLE.keys, "c", "lc", bw=[sigma], ckertype=kernel, rng=RNG)
    ours = smooth(SAMPLE.queries, SAMPLE.keys, SAMPLE.values, kernel, sigma)[0]
    np.testing.assert_allclose(ours, model.fit(SAMPLE.queries)[0], rtol=1e-11)


def test_statsmodels_in_two_dimensions():
    rng = np.random.default_rng(5)
    k, v, q = rng.normal(size=(40, 2)), rng.normal(size=40), rng.normal(size=(7, 2))
    theirs = KernelReg(v, k, "cc", "lc", bw=[0.7, 0.7], rng=RNG).fit(q)[0]
    np.testing.assert_allclose(smooth(q, k, v, sigma=0.7)[0], theirs, rtol=1e-11)


def test_tiny_sigma_is_scikit_learns_nearest_neighbour():
    theirs = KNeighborsRegressor(1).fit(SAMPLE.keys[:, None], SAMPLE.values)
    ours = smooth(SAMPLE.queries, SAMPLE.keys, SAMPLE.values, sigma=1e-300)[0]
    np.testing.assert_allclose(ours, theirs.predict(SAMPLE.queries[:, None]), rtol=1e-14)


def test_the_estimate_minimises_the_weighted_squared_error():
    estimates, weights = smooth(SAMPLE.queries, SAMPLE.keys, SAMPLE.values, sigma=0.4)
    for estimate, row in zip(estimates, weights, strict=True):
        fitted = np.polyfit(SAMPLE.keys, SAMPLE.values, 0, w=np.sqrt(row))[0]
        assert estimate == pytest.approx(fitted, rel=1e-10)


# Properties ---------------------------------------------------------------------------------------

numbers = st.floats(-1e3, 1e3).map(lambda x: round(x, 3))
widths = st.floats(-3, 3).map(lambda x: 10**x)


@st.composite
def problems(draw):
    n, m, d = draw(st.integers(1, 8)), draw(st.integers(0, 5)), draw(st.sampled_from([0, 1, 3]))
    array = lambda *shape: np.array(  # noqa: E731
        draw(st.lists(numbers, min_size=math.prod(shape), max_size=math.prod(shape))), float
    ).reshape(shape)
    tail = (d,) if d else ()
    return array(m, *tail), array(n, *tail), array(n)


@settings(deadline=None, max_examples=60)
@given(problems(), st.sampled_from(list(KERNELS)), widths)
def test_weights_are_probabilities_and_estimates_stay_in_the_range_of_the_values(p, kernel, sigma):
    q, k, v = p
    estimates, weights = quiet(q, k, v, kernel, sigma)
    assert weights.shape == (len(q), len(k))
    assert estimates.shape == (len(q),)
    assert (weights >= 0).all()
    empty = np.isnan(estimates)
    np.testing.assert_allclose(weights.sum(1), np.where(empty, 0.0, 1.0), atol=1e-12)
    slack = 1e-12 * (1 + abs(v).max())
    assert (estimates[~empty] >= v.min() - slack).all()
    assert (estimates[~empty] <= v.max() + slack).all()
    assert kernel in COMPACT or not empty.any()


@settings(deadline=None, max_examples=40)
@given(problems(), st.sampled_from(list(KERNELS)), widths, st.randoms())
def test_the_order_of_the_keys_does_not_matter(p, kernel, sigma, random):
    q, k, v = p
    order = random.sample(range(len(k)), len(k))
    estimates, weights = quiet(q, k, v, kernel, sigma)
    again, shuffled = quiet(q, k[order], v[order], kernel, sigma)
    np.testing.assert_allclose(shuffled, weights[:, order], atol=1e-11)
    np.testing.assert_allclose(again, estimates, rtol=1e-9, atol=1e-8)


@settings(deadline=None, max_examples=40)
@given(problems(), st.sampled_from(list(KERNELS)), widths, st.sampled_from([-64.0, 0.5, 1024.0]))
def test_shift_and_scale(p, kernel, sigma, c):
    q, k, v = p
    estimates, weights = quiet(q, k, v, kernel, sigma)
    scaled = quiet(c * q, c * k, v, kernel, abs(c) * sigma)[1]
    np.testing.assert_allclose(scaled, weights, atol=1e-12)
    affine = quiet(q, k, c * v + 3, kernel, sigma)[0]
    np.testing.assert_allclose(affine, c * estimates + 3, rtol=1e-9, atol=1e-6)
    if kernel in INFINITE:  # a shift rounds, which may push a key out of a closed window
        moved = quiet(q + c, k + c, v, kernel, max(sigma, 1.0))[1]
        np.testing.assert_allclose(moved, quiet(q, k, v, kernel, max(sigma, 1.0))[1], atol=1e-6)


@settings(deadline=None, max_examples=40)
@given(problems(), st.sampled_from(list(KERNELS)), widths)
def test_numpy_and_torch_agree(p, kernel, sigma):
    ours = quiet(*p, kernel, sigma)
    theirs = quiet(*map(torch.tensor, p), kernel, sigma)
    for a, b in zip(ours, theirs, strict=True):
        assert isinstance(a, np.ndarray)
        assert isinstance(b, torch.Tensor)
        assert b.dtype == double
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-9, atol=1e-11, equal_nan=True)


@settings(deadline=None, max_examples=40)
@given(problems(), st.sampled_from(["gaussian", "laplace"]), st.floats(-300, 300))
def test_any_sigma_from_1e_minus_300_to_1e300(p, kernel, exponent):
    q, k, v = p
    if k.ndim == 2:
        q, k = q[:, 0], k[:, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        weights = smooth(q, k, v, kernel, 10**exponent)[1]
    expected = brute(q, k, v, kernel, 10**exponent)[1].reshape(weights.shape)
    np.testing.assert_allclose(weights, expected, atol=1e-9)


# Extreme widths and far queries -------------------------------------------------------------------


@pytest.mark.parametrize("make", LIBRARIES.values(), ids=LIBRARIES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel", ["gaussian", "laplace"])
def test_limits_of_sigma(make, dtype, kernel):
    q, k, v = ([0.2, 1.9, 2.5, 9.0], [0.0, 1.0, 2.0, 3.0], [5.0, 6.0, 7.0, 9.0])
    q, k, v = (make(np.array(x, dtype)) for x in (q, k, v))
    nearest, mean = [5, 7, 8, 9], [6.75] * 4  # 2.5 lies halfway: the tie is shared
    for small in (5e-324, 1e-300, 1e-40, 1e-20):
        np.testing.assert_allclose(smooth(q, k, v, kernel, small)[0], nearest, rtol=1e-6)
    for large in (1e20, 1e38, 1e300, 1.7e308):
        np.testing.assert_allclose(smooth(q, k, v, kernel, large)[0], mean, rtol=1e-6)


@pytest.mark.parametrize("make", LIBRARIES.values(), ids=LIBRARIES)
@pytest.mark.parametrize(
    "dtype, far", [("float32", 3e38), ("float64", 1e300), ("float64", 1.7e308)]
)
@pytest.mark.parametrize("sigma", [1e-300, 1.0, 1e10])
def test_far_queries_find_the_nearest_key(make, dtype, far, sigma):
    q, k, v = (make(np.array(x, dtype)) for x in ([-far, far], [0, 1, 2, 5], [3, 4, 5, 6]))
    assert smooth(q, k, v, "gaussian", sigma)[0].tolist() == [3, 6]
    if sigma <= 1e-3:
        assert smooth(q, k, v, "laplace", sigma)[0].tolist() == [3, 6]
    assert smooth(q, k, v, "constant", sigma)[0].tolist() == [4.5, 4.5]


@pytest.mark.parametrize("far", [1e5, 1e9, 1e16, 1e200])
def test_far_queries_are_exact(far):
    q, k, v = [far, -far], [0.0, 1.0, 1.5], [1.0, 2.0, 3.0]
    for kernel, sigma in (("gaussian", math.sqrt(far)), ("gaussian", far), ("laplace", 0.7)):
        weights = smooth(q, k, v, kernel, sigma)[1]
        u = {"gaussian": far / sigma / sigma * np.array(k), "laplace": np.array(k) / sigma}[kernel]
        if kernel == "laplace" or far >= 1e9:
            np.testing.assert_allclose(weights[0], softmax(u), rtol=1e-8)
            np.testing.assert_allclose(weights[1], softmax(-u), rtol=1e-8)
        if kernel == "gaussian":
            np.testing.assert_allclose(weights, brute(q, k, v, kernel, sigma)[1], rtol=1e-12)


def test_float32_far_from_the_origin_of_the_scores():
    q, k, v = [0.0], [1000.0, 1000.25], [0.0, 1.0]  # scores near -5e5, where float32 steps by 1/32
    weights = smooth(*(np.float32(x) for x in (q, k, v)), sigma=10.0)[1]
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights, brute(q, k, v, "gaussian", 10.0)[1], rtol=1e-5)


@pytest.mark.parametrize("scale", [1e-250, 1e-160, 1e160, 1e250])
@pytest.mark.parametrize("kernel", KERNELS)
def test_units_do_not_matter(kernel, scale):
    rng = np.random.default_rng(3)
    q, k, v = rng.normal(size=(5, 3)), rng.normal(size=(9, 3)), rng.normal(size=9)
    expected = quiet(q, k, v, kernel, 1.5)[1]
    np.testing.assert_allclose(quiet(q * scale, k * scale, v, kernel, 1.5 * scale)[1], expected,
                               atol=1e-12)  # fmt: skip


def test_distances_that_overflow():
    assert smooth([1.7e308], [-1.7e308, -1.6e308], [1, 2])[0] == 2
    far = [[1.7e308, 1.7e308]]
    assert smooth(far, [[-1.7e308, -1.7e308], [0, 0]], [1, 2])[0] == 2
    assert np.isfinite(smooth([0.0, 1.7e308], [-1.7e308, 1.7e308], [1, 2], "laplace")[0]).all()


def test_a_hidden_key_does_not_outshine_the_visible_ones():
    mask = np.array([[False, True, True]])
    for kernel in INFINITE:
        weights = smooth([0.0], [0.0, 500.0, 501.0], [1, 2, 3], kernel, 1e-200, mask)[1]
        assert weights[0].tolist() == ([0, 0.5, 0.5] if kernel == "constant" else [0, 1, 0])
    weights = smooth([-1e300], [-1e300, 1.0, 0.0, 0.5], [1, 2, 3, 4], "gaussian", 1e-10,
                     np.array([[False, True, True, True]]))[1]  # fmt: skip
    assert weights[0].tolist() == [0, 0, 1, 0]


def test_ones_own_kernel_of_infinite_support_never_gives_0_over_0():
    quartic = Kernel("quartic", lambda u: -(u**4), math.inf, None, "exp(-u^4)")
    q, k, v = [0.2, 1e300], [0.0, 1.0, 3.0], [5.0, 6.0, 7.0]
    np.testing.assert_allclose(smooth(q, k, v, quartic, 1e-300)[0], [5, 7])
    weights = smooth([0.5], k, v, quartic, 2.0)[1]
    np.testing.assert_allclose(weights[0], softmax([-(0.25**4), -(0.25**4), -(1.25**4)]))


def test_user_error_state_does_not_matter():
    with np.errstate(all="raise"):
        smooth([0.0, 1e300], [1.0, 2.0], [1.0, 2.0], "gaussian", 1e-300)
        quiet([0.0, 1e300], [1.0, 2.0], [1.0, 2.0], "triangular", 1e-300)


# Shapes, dtypes, arguments ------------------------------------------------------------------------


@pytest.mark.parametrize("make", LIBRARIES.values(), ids=LIBRARIES)
@pytest.mark.parametrize("d", [(), (2,)])
@pytest.mark.parametrize("d_v", [(), (3,), (0,)])
@pytest.mark.parametrize("m", [0, 1, 4])
def test_shapes(make, d, d_v, m):
    rng = np.random.default_rng(0)
    q, k, v = (make(rng.normal(size=s)) for s in ((m, *d), (6, *d), (6, *d_v)))
    for kernel in KERNELS:
        estimates, weights = smooth(q, k, v, kernel, sigma=9.0)
        assert (tuple(estimates.shape), tuple(weights.shape)) == ((m, *d_v), (m, 6))
    for column in range(*d_v or (0,)):
        alone = smooth(q, k, v[:, column], kernel, 9.0)[0]
        np.testing.assert_allclose(estimates[:, column], alone, rtol=1e-13)


def test_one_column_is_the_same_as_a_vector():
    q, k, v = SAMPLE.queries, SAMPLE.keys, SAMPLE.values
    np.testing.assert_array_equal(smooth(q[:, None], k[:, None], v)[1], smooth(q, k, v)[1])


@pytest.mark.parametrize("given, result", [
    (("float32",) * 3, "float32"), (("float64",) * 3, "float64"), (("int64",) * 3, "float64"),
    (("float32", "float64", "float32"), "float64"), (("int32", "float32", "int64"), "float32"),
    (("float32", "float32", "bool"), "float32"),
])  # fmt: skip
def test_dtypes(given, result):
    arrays = [np.array([0, 1, 1]).astype(dtype) for dtype in given]
    sigma = np.float64(1.0)
    for array in smooth(*arrays, sigma=sigma):
        assert array.dtype == result
    ours = smooth(*map(torch.tensor, arrays), sigma=sigma)
    if given[0] == given[1] == "int64":
        result = "float32"  # torch's default
    assert all(array.dtype == getattr(torch, result) for array in ours)


def test_float32_is_float64_rounded():
    arrays = SAMPLE.queries, SAMPLE.keys, SAMPLE.values
    for kernel in KERNELS:
        double_, single = (smooth(*(a.astype(t) for a in arrays), kernel, 1.0) for t in ("d", "f"))
        np.testing.assert_allclose(single[1], double_[1], atol=2e-6)
        np.testing.assert_allclose(single[0], double_[0], atol=1e-5)


@pytest.mark.parametrize("make", LIBRARIES.values(), ids=LIBRARIES)
def test_sigma_in_all_its_forms(make):
    q, k, v = make([0.0, 1.0, 4.0]), make([0.5, 2.0, 3.0]), make([1.0, 2.0, 3.0])
    expected = smooth(q, k, v, sigma=2.0)[1]
    for sigma in (2, make(2.0), make(2), np.float32(2), [2.0, 2.0, 2.0], make([2, 2, 2])):
        np.testing.assert_allclose(smooth(q, k, v, sigma=sigma)[1], expected, rtol=1e-6)
    several = smooth(q, k, v, sigma=make(np.array([0.5, 2.0, 1e-300])))[1]
    for i, sigma in enumerate((0.5, 2.0, 1e-300)):
        np.testing.assert_allclose(several[i], smooth(q, k, v, sigma=sigma)[1][i], rtol=1e-6)


def test_lists_and_a_kernel_object_do():
    estimates, weights = smooth([0], [0, 1], [1, 3], KERNELS["boxcar"], 1, [[True, False]])
    assert (estimates.tolist(), weights.tolist()) == ([1.0], [[1.0, 0.0]])
    mixed = smooth(torch.tensor([0.0]), [0.0, 1.0], [1.0, 3.0], "boxcar", 1, [[True, True]])
    assert isinstance(mixed[0], torch.Tensor)
    assert mixed[0].tolist() == [2.0]


def test_the_arguments_are_not_changed():
    arrays = [a.copy() for a in (SAMPLE.queries, SAMPLE.keys, SAMPLE.values)]
    mask = np.ones((50, 50), bool)
    for array in (*arrays, mask):
        array.flags.writeable = False
    quiet(*arrays, "boxcar", 0.01, mask)


def test_rows_are_queries():
    weights = smooth([0.0, 10.0], [0.0, 5.0, 10.0], [1, 2, 3], sigma=1.0)[1]
    assert weights.shape == (2, 3)
    assert weights.argmax(1).tolist() == [0, 2]


# Empty windows ------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", LIBRARIES.values(), ids=LIBRARIES)
@pytest.mark.parametrize("kernel", COMPACT)
def test_an_empty_window_is_nan_with_a_row_of_zeros_and_one_warning(make, kernel):
    q, k, v = make([0.0, 5.0, 9.0]), make([0.0, 0.5]), make([[1.0, 2.0], [1.0, 2.0]])
    with pytest.warns(EmptyWindowWarning) as record:
        estimates, weights = smooth(q, k, v, kernel, 1.0)
    assert len(record) == 1
    assert record[0].filename == __file__
    np.testing.assert_allclose(estimates, [[1, 2], [math.nan] * 2, [math.nan] * 2])
    assert weights[1:].tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert "2 of 3 queries" in str(record[0].message)
    assert issubclass(EmptyWindowWarning, RuntimeWarning)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("kernel", COMPACT)
def test_the_sigma_in_the_warning_is_the_one(kernel, masked, d, dtype):
    rng = np.random.default_rng(4)
    q, k, v = (rng.normal(size=s).astype(dtype) for s in ((20, d), (7, d), 7))
    mask = rng.random((20, 7)) < 0.7 if masked else None
    if masked:
        mask[:, 0] = True
    with pytest.warns(EmptyWindowWarning) as record:
        smooth(q, k, v, kernel, 0.01, mask)
    message = str(record[0].message)
    sigma = float(re.search(r"sigma = (\S+)", message)[1])
    empty = lambda s: int((quiet(q, k, v, kernel, s, mask)[1].sum(1) == 0).sum())  # noqa: E731
    below, above = (float(np.nextafter(q.dtype.type(sigma), q.dtype.type(x))) for x in (0, np.inf))
    assert empty(below) == 1
    assert empty(above) == 0
    assert empty(sigma) == (0 if kernel == "boxcar" else 1)
    phrase = "reached from sigma = " if kernel == "boxcar" else "reached only above sigma = "
    assert phrase in message


def test_the_sigma_in_the_warning_holds_for_all_queries_when_each_has_its_own():
    with pytest.warns(EmptyWindowWarning, match=r"1 of 2 queries .* from sigma = 8\.0 on"):
        smooth([3.0, 8.0], [0.0], [1.0], "boxcar", [1.0, 9.0])


@pytest.mark.parametrize("make", LIBRARIES.values(), ids=LIBRARIES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_a_fully_masked_row_is_an_empty_window(make, kernel):
    mask = make(np.array([[True, True], [False, False]]))
    with pytest.warns(EmptyWindowWarning) as record:
        estimates, weights = smooth(make([0.0, 0.0]), make([0.0, 1.0]), make([4.0, 4.0]), kernel,
                                    2.0, mask)  # fmt: skip
    np.testing.assert_allclose(estimates, [4, math.nan])
    assert weights[1].tolist() == [0, 0]
    message = str(record[0].message)
    assert message.startswith("mask hides every key from 1 of 2 queries")
    assert "sigma =" not in message


def test_out_of_reach_and_hidden_are_told_apart():
    mask = np.array([[True, True], [False, False], [True, False]])
    with pytest.warns(EmptyWindowWarning) as record:
        smooth([0.0, 0.0, 7.0], [0.0, 6.5], [1.0, 2.0], "tricube", 1.0, mask)
    message = str(record[0].message)
    assert "tricube kernel for 1 of 3 queries" in message
    assert "only above sigma = 7.0; mask hides every key from 1 of 3" in message


@pytest.mark.parametrize("kernel", KERNELS)
def test_no_warning_when_all_are_reached(kernel):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        smooth(SAMPLE.queries, SAMPLE.keys, SAMPLE.values, kernel, 1.0)


def test_the_boxcar_reaches_a_key_at_exactly_sigma():
    np.testing.assert_array_equal(smooth([0.0], [0.3, -0.3, 0.4], [1, 2, 9], "boxcar", 0.3)[0], 1.5)


# Gradients ----------------------------------------------------------------------------------------


def leaves(*arrays):
    return [torch.tensor(np.asarray(a), dtype=double, requires_grad=True) for a in arrays]


@pytest.mark.parametrize("d", [(), (3,)])
@pytest.mark.parametrize("kernel", KERNELS)
def test_gradcheck(kernel, d):
    rng = np.random.default_rng(1)
    inputs = leaves(rng.random((4, *d)), rng.random((5, *d)), rng.random((5, 2)), 2.1)
    function = lambda q, k, v, s: smooth(q, k, v, kernel, s)  # noqa: E731
    assert torch.autograd.gradcheck(function, inputs)
    if kernel in ("gaussian", "tricube", "laplace"):
        assert torch.autograd.gradgradcheck(function, inputs)


@pytest.mark.parametrize("d", [(), (2,)])
def test_gradcheck_at_ties_coincidences_and_with_a_mask(d):
    q, k = np.array([1.0, 1.5, 3.0]), np.array([1.0, 2.0, 2.0, 4.0])
    if d:
        q, k = np.stack([q, q], 1), np.stack([k, k], 1)
    mask = torch.tensor([[1, 1, 1, 1], [0, 1, 1, 1], [1, 0, 1, 0]]).bool()
    inputs = leaves(q, k, [1.0, -2.0, 3.0, 0.5], [0.9, 1.1, 2.0])
    function = lambda q, k, v, s: smooth(q, k, v, "gaussian", s, mask)  # noqa: E731
    assert torch.autograd.gradcheck(function, inputs)


@pytest.mark.parametrize("dtype, sigma", [
    (torch.float32, 1e-30), (torch.float64, 1e-300), (torch.float64, 0.4), (torch.float32, 1e30),
])  # fmt: skip
@pytest.mark.parametrize("d", [(), (2,)])
@pytest.mark.parametrize("kernel", KERNELS)
def test_gradients_are_finite_in_empty_windows_at_zero_distance_and_extreme_sigma(
    kernel, d, dtype, sigma
):
    make = lambda x: torch.tensor(x, dtype=dtype)  # noqa: E731
    q, k, v = make([0.3, 1.0, 2.1, 90.0]), make([0.0, 1.0, 1.0, 4.0]), make([1.0, 2.0, 3.0, 4.0])
    if d:
        q, k = torch.stack([q, q], 1), torch.stack([k, k], 1)
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]]).bool()
    arrays = [a.requires_grad_() for a in (q, k, v, make(sigma))]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", EmptyWindowWarning)
        estimates = smooth(*arrays[:3], kernel, arrays[3], mask)[0]
    estimates.nansum().backward()
    for array in arrays:
        assert torch.isfinite(array.grad).all()


def test_one_gradient_step_on_sigma_helps():
    keys, values = torch.tensor(SAMPLE.keys), torch.tensor(SAMPLE.values)
    queries, truth = torch.tensor(SAMPLE.queries), torch.tensor(SAMPLE.truth)
    sigma = torch.tensor(1.0, requires_grad=True)  # float32 beside float64 data
    before = ((smooth(queries, keys, values, sigma=sigma)[0] - truth) ** 2).mean()
    before.backward()
    after = smooth(queries, keys, values, sigma=sigma.detach() - 0.1 * sigma.grad)[0]
    assert ((after - truth) ** 2).mean() < before


# Bad input ----------------------------------------------------------------------------------------

Q, K, V = np.array([0.0, 1.0]), np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0])
BAD = [
    ({"values": V[:2]}, r"values has length 2; it must be that of keys, 3"),
    ({"sigma": 0}, r"sigma is 0\.0; it must be positive and finite"),
    ({"sigma": -1.5}, r"sigma is -1\.5; it must be positive and finite"),
    ({"sigma": math.inf}, r"sigma is inf; it must be positive and finite"),
    ({"sigma": math.nan}, r"sigma is nan; it must be positive and finite"),
    ({"sigma": [1.0, -2.0]}, r"sigma is -2\.0; it must be positive and finite"),
    ({"sigma": [1.0, 2.0, 3.0]}, r"sigma has shape \(3,\); it must be one number or \(2,\)"),
    ({"sigma": "wide"}, r"sigma is .*wide.*; it must be an array of real numbers"),
    ({"sigma": None}, r"sigma is None; it must be an array of real numbers"),
    ({"keys": [], "values": []}, r"keys has shape \(0,\); there must be one key at least"),
    ({"queries": [0.0, math.nan]}, r"queries holds NaN or infinity; every entry must be finite"),
    ({"keys": [0.0, 1.0, math.inf]}, r"keys holds NaN or infinity; every entry must be finite"),
    ({"values": [0.0, 1.0, math.nan]}, r"values holds NaN or infinity"),
    ({"kernel": "guassian"}, r"kernel is 'guassian'; it must be a Kernel or one of "
                             + ", ".join(FORMULAS) + "$"),
    ({"kernel": 3}, r"kernel is 3; it must be a Kernel or one of gaussian"),
    ({"queries": 1.0}, r"queries has shape \(\); it must have one or two dimensions"),
    ({"values": np.zeros((3, 1, 1))}, r"values has shape \(3, 1, 1\); it must have one or two"),
    ({"queries": np.zeros((2, 2))}, r"queries has shape \(2, 2\) and keys \(3,\); they must be"),
    ({"queries": np.zeros((2, 2)), "keys": np.zeros((3, 4))}, r"\(2, 2\) and keys \(3, 4\)"),
    ({"queries": np.zeros((2, 0)), "keys": np.zeros((3, 0))}, r"with the same d >= 1"),
    ({"mask": np.ones((3, 2), bool)}, r"mask has shape \(3, 2\); it must be \(2, 3\)"),
    ({"mask": np.ones((2, 3))}, r"mask has dtype float64; it must be bool, True = visible"),
    ({"keys": ["a", "b", "c"]}, r"keys is .*'a'.*; it must be an array of real numbers"),
    ({"values": V + 1j}, r"values is .*; it must be an array of real numbers"),
    ({"keys": [[1.0], [2.0, 3.0], [1.0]]}, r"keys is .*; it must be an array of real numbers"),
]  # fmt: skip


@pytest.mark.parametrize("make", LIBRARIES.values(), ids=LIBRARIES)
@pytest.mark.parametrize("change, message", BAD)
def test_bad_input_is_named_with_what_it_was_and_must_be(make, change, message):
    given = {"queries": Q, "keys": K, "values": V} | change
    if make is torch.as_tensor:
        given = {n: make(x) if isinstance(x, np.ndarray) else x for n, x in given.items()}
        message = message.replace("dtype float64", r"dtype torch\.float64")
    with pytest.raises(ValueError, match=message):
        smooth(**given)


@pytest.mark.parametrize("odd", ["queries", "keys", "values", "sigma", "mask"])
def test_two_libraries_are_not_mixed(odd):
    given = {"queries": Q, "keys": K, "values": V, "sigma": np.ones(2), "mask": np.ones((2, 3)) > 0}
    with pytest.raises(
        ValueError, match=r"\w+ is a numpy.ndarray; it must be a torch.Tensor, as " + odd
    ):
        smooth(**given | {odd: torch.tensor(given[odd])})
    given = {name: torch.tensor(array) for name, array in given.items()}
    with pytest.raises(
        ValueError, match=odd + " is a numpy.ndarray; it must be a torch.Tensor, as "
    ):
        smooth(**given | {odd: given[odd].numpy()})


def test_two_devices_are_not_mixed():
    with pytest.raises(ValueError, match="keys is on meta; it must be on cpu, as queries is"):
        smooth(torch.ones(2), torch.ones(3, device="meta"), torch.ones(3))


# masked_softmax and attention_pooling -------------------------------------------------------------


@pytest.mark.parametrize("make", LIBRARIES.values(), ids=LIBRARIES)
@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4)])
def test_softmax_is_scipys(make, shape):
    scores = np.random.default_rng(0).normal(size=shape) * 20
    np.testing.assert_allclose(masked_softmax(make(scores)), softmax(scores, -1), rtol=1e-13)
    mask = np.random.default_rng(1).random(shape) < 0.7
    mask[..., 0] = True
    expected = softmax(np.where(mask, scores, -np.inf), -1)
    np.testing.assert_allclose(masked_softmax(make(scores), make(mask)), expected, rtol=1e-13)


def test_softmax_of_extreme_scores():
    rows = [[1000.0, 1001.0], [-1e300, -1e308], [1.7e308, -1.7e308], [-math.inf, 3.0]]
    half = 1 / (1 + math.e)
    expected = [[half, 1 - half], [1, 0], [1, 0], [0, 1]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(masked_softmax(rows), expected, rtol=1e-14)


def test_softmax_of_rows_with_nothing_to_see_is_zero_and_has_no_nan_gradient():
    assert masked_softmax([[-math.inf, -math.inf]]).tolist() == [[0, 0]]
    scores = torch.tensor([[1.0, 2.0], [1.0, 2.0]], requires_grad=True)
    weights = masked_softmax(scores, torch.tensor([[True, True], [False, False]]))
    assert weights[1].tolist() == [0, 0]
    (weights**2).sum().backward()
    assert torch.isfinite(scores.grad).all()


def test_softmax_uses_no_subnormal_numbers():
    weights = masked_softmax([[0.0, -700.0, -740.0, -1e5]])
    assert weights[0, 1] > 0
    assert weights[0, 2:].tolist() == [0, 0]


@pytest.mark.parametrize("arguments, message", [
    (([],), r"scores has shape \(0,\); it must have a key at least"),
    (([0.0, math.nan],), "scores holds NaN"),
    (([0.0, math.inf],), r"scores holds NaN or \+infinity; each must be finite or -infinity"),
    (([0.0, 1.0], [True]), r"mask has shape \(1,\); it must be \(2,\)"),
    (([0.0, 1.0], [1, 0]), "mask has dtype int64; it must be bool"),
    ((np.zeros(2), torch.ones(2) > 0), "scores is a numpy.ndarray"),
])  # fmt: skip
def test_softmax_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        masked_softmax(*arguments)


@pytest.mark.parametrize("make", LIBRARIES.values(), ids=LIBRARIES)
def test_pooling_is_the_weighted_mean(make):
    rng = np.random.default_rng(0)
    w, v = rng.dirichlet(np.ones(5), size=4), rng.normal(size=(5, 2))
    expected = [[math.fsum(w[i] * v[:, c]) for c in range(2)] for i in range(4)]
    np.testing.assert_allclose(attention_pooling(make(w), make(v)), expected, rtol=1e-13)
    np.testing.assert_allclose(attention_pooling(make(w), make(v[:, 0])), np.array(expected)[:, 0])
    flat = attention_pooling(make(np.full((1, 5), 0.2)), make(v[:, 0]))
    np.testing.assert_allclose(flat, [v[:, 0].mean()])
    np.testing.assert_allclose(attention_pooling(make(w[0]), make(v)), expected[0])


def test_pooling_bad_input():
    message = r"weights has shape \(2, 3\) and values \(4,\); they must be \(\.\.\., n\) and \(n,\)"
    with pytest.raises(ValueError, match=message):
        attention_pooling(np.ones((2, 3)), np.ones(4))


def test_the_pieces_make_the_whole():
    q, k, v = SAMPLE.queries, SAMPLE.keys, SAMPLE.values
    for kernel in KERNELS.values():
        scores = kernel.score((q[:, None] - k) / 0.8)
        weights = masked_softmax(scores)
        estimates = attention_pooling(weights, v)
        for ours, theirs in zip((estimates, weights), smooth(q, k, v, kernel, 0.8), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-13)
