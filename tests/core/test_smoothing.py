"""Every way to smooth many points, against float64 brute force written out here."""

import threading
import time
import tracemalloc
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import d2lmini
from d2lmini import (
    KERNELS,
    EmptyWindowWarning,
    Kernel,
    along_line,
    bandwidth,
    kernel_smooth,
    leave_one_out_error,
    local_linear,
    memory,
    nadaraya_watson,
    select_bandwidth,
    smoothing,
)

FAST = {"gaussian": "fast gauss"} | dict.fromkeys(
    ("boxcar", "triangular", "epanechnikov"), "prefix sums"
)
WINDOWED = [kernel for kernel in KERNELS if kernel != "constant"]
WAYS = [
    *((kernel, method) for kernel in KERNELS for method in ("dense", "blocks")),
    *((kernel, "windows") for kernel in WINDOWED),
    *FAST.items(),
]
LOG_K = {  # written as the chapters write them
    "gaussian": lambda u: -(u**2) / 2,
    "laplace": lambda u: -u,
    "constant": lambda u: 0 * u,
    "boxcar": lambda u: np.where(u <= 1, 0.0, -np.inf),
    "triangular": lambda u: np.log(np.maximum(1 - u, 0)),
    "epanechnikov": lambda u: np.log(np.maximum((1 - u) * (1 + u), 0)),
    "tricube": lambda u: 3 * np.log(np.maximum((1 - u) * (1 + u + u**2), 0)),
}


@np.errstate(all="ignore")
def brute_force(queries, keys, values, kernel, sigma):
    """(m,): one query after the other, in extended precision; NaN where no key is in reach."""
    exact = np.asarray(keys, np.longdouble)
    found = []
    for query in queries:
        distance = abs(exact - query)
        if kernel in ("gaussian", "laplace"):  # by differences from the nearest key
            gap = distance - distance.min()
            power = (distance + distance.min()) / sigma / 2 if kernel == "gaussian" else 1
            weights = np.exp(-gap / sigma * power)
        else:  # the window is decided in float64, as everywhere
            inside = np.exp(LOG_K[kernel](abs(keys - query) / sigma)) > 0
            u = distance / sigma
            u = u if kernel == "constant" else np.minimum(u, 1)
            weights = np.where(inside, np.exp(LOG_K[kernel](u)), 0)
        found.append((weights * values).sum() / weights.sum())
    return np.array(found, float)


def smoothed(*arguments, **keywords):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        return kernel_smooth(*arguments, **keywords), told


def clustered(rng, n):
    return rng.choice([-1.0, 0.0, 0.1, 40.0], n) + 1e-4 * rng.normal(size=n)


LAYOUTS = {
    "even": lambda rng, n: np.linspace(0, 1, n),
    "uniform": lambda rng, n: rng.uniform(size=n),
    "ties": lambda rng, n: rng.integers(0, 5, n) / 7,
    "duplicated": lambda rng, n: np.repeat(rng.uniform(size=(n + 1) // 2), 2)[:n],
    "single": lambda rng, n: np.full(n, rng.normal()),
    "clusters": clustered,
    "gap": lambda rng, n: rng.uniform(size=n) + 1000 * (rng.uniform(size=n) < 0.5),
    "cauchy": lambda rng, n: rng.standard_cauchy(n),
}


@st.composite
def situations(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.sampled_from([1, 2, 3, 20, 150]))
    keys = LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)))](rng, n)
    spread = max(np.ptp(keys), 1.0)
    sigma = spread * 10.0 ** draw(st.floats(-6, 6))
    offset = draw(st.sampled_from([0.0, 0.0, 1.0, -1e3, 1e6]))
    near = rng.choice(keys, 10) + sigma * rng.normal(size=10) * draw(st.sampled_from([0, 1, 9]))
    between = rng.uniform(keys.min() - spread, keys.max() + spread, 10)
    far = keys.max() + 1e4 * spread * rng.uniform(size=2)
    queries = np.concatenate([near, between, far, keys[:3]])
    values = 10.0 ** draw(st.floats(-3, 3)) * rng.normal(size=n) + draw(st.sampled_from([0, 100]))
    return queries + offset, rng.permutation(keys + offset), values, sigma


@pytest.mark.parametrize(("kernel", "method"), WAYS)
@settings(max_examples=60, deadline=None)
@given(situation=situations())
def test_each_way_is_brute_force(kernel, method, situation):
    queries, keys, values, sigma = situation
    expected = brute_force(queries, keys, values, kernel, sigma)
    got, _ = smoothed(queries, keys, values, kernel, sigma, method=method)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    allowed = 1e-10 * abs(values).max()
    np.testing.assert_allclose(got, expected, rtol=0, atol=allowed, equal_nan=True)


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=30, deadline=None)
@given(situation=situations())
def test_what_is_picked_has_the_windows_and_the_warning_of_the_smoother(kernel, situation):
    with warnings.catch_warnings(record=True) as theirs:
        warnings.simplefilter("always")
        expected, _ = nadaraya_watson(*situation[:3], kernel, situation[3])
    for method in (None, *(m for k, m in WAYS if k == kernel)):
        got, ours = smoothed(*situation[:3], kernel, situation[3], method=method)
        np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
        assert [str(w.message) for w in ours] == [str(w.message) for w in theirs]
        assert [w.category for w in ours] == [EmptyWindowWarning] * len(theirs)


@pytest.mark.parametrize(("kernel", "method"), FAST.items())
@pytest.mark.parametrize("layout", LAYOUTS)
def test_many_points_at_the_places_that_are_hard(kernel, method, layout):
    rng = np.random.default_rng(3)
    keys = LAYOUTS[layout](rng, 20_000)
    values = rng.normal(size=20_000)
    spread = max(np.ptp(keys), 1.0)
    queries = np.concatenate([rng.choice(keys, 60), rng.uniform(keys.min(), keys.max(), 60)])
    for sigma in spread * np.array([1e-6, 1e-4, 1e-2, 1.0, 100.0]):
        expected = brute_force(queries, keys, values, kernel, sigma)
        got, _ = smoothed(queries, keys, values, kernel, sigma, method=method)
        allowed = 1e-10 * abs(values).max()
        np.testing.assert_allclose(got, expected, rtol=0, atol=allowed, equal_nan=True)


# What is given, what comes back -------------------------------------------------------------------


def sample(n=400, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(size=50), rng.uniform(size=n), rng.normal(size=n)


@pytest.mark.parametrize(("kernel", "method"), WAYS)
def test_columns_of_values_are_smoothed_each_on_its_own(kernel, method):
    queries, keys, values = sample()
    both = np.column_stack([values, values**2])
    got = kernel_smooth(queries, keys, both, kernel, 0.1, method=method)
    assert got.shape == (50, 2)
    alone = [kernel_smooth(queries, keys, v, kernel, 0.1, method=method) for v in both.T]
    np.testing.assert_allclose(got, np.column_stack(alone), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("method", ["dense", "blocks", None])
@pytest.mark.parametrize("kernel", KERNELS)
def test_several_components_and_a_width_for_each_query(kernel, method):
    rng = np.random.default_rng(1)
    queries, keys, values = rng.normal(size=(70, 3)), rng.normal(size=(90, 3)), rng.normal(size=90)
    sigma = rng.uniform(4, 9, 70)
    expected, _ = nadaraya_watson(queries, keys, values, kernel, sigma)
    got = kernel_smooth(queries, keys, values, kernel, sigma, method=method)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)
    assert smoothing.method_for(queries, keys, kernel, sigma) == "dense"
    many = np.tile(keys, (2000, 1))
    assert smoothing.method_for(queries, many, kernel, sigma) == "blocks"


def test_a_line_with_a_width_for_each_query_is_smoothed_in_blocks():
    queries, keys, values = sample(5000)
    sigma = np.linspace(0.01, 1, 50)
    assert smoothing.method_for(queries, keys, "gaussian", sigma) == "blocks"
    expected, _ = nadaraya_watson(queries, keys, values, sigma=sigma)
    np.testing.assert_allclose(kernel_smooth(queries, keys, values, sigma=sigma), expected)


@pytest.mark.parametrize(("kernel", "method"), WAYS)
def test_whole_numbers_and_narrow_ones(kernel, method):
    rng = np.random.default_rng(2)
    keys, values, queries = rng.integers(0, 30, 200), rng.integers(-9, 9, 200), np.arange(30)
    expected = kernel_smooth(
        queries.astype(float), keys.astype(float), values.astype(float), kernel, 3, method=method
    )
    got = kernel_smooth(queries, keys, values, kernel, 3, method=method)
    np.testing.assert_array_equal(got, expected)
    narrow = kernel_smooth(
        queries.astype("f4"), keys.astype("f4"), values.astype("f4"), kernel, 3, method=method
    )
    assert narrow.dtype == np.float32
    np.testing.assert_array_equal(narrow, expected.astype("f4"))
    given = [torch.tensor(a, dtype=torch.float32) for a in (queries, keys, values)]
    tensor = kernel_smooth(*given, kernel, 3, method=method)
    assert tensor.dtype == torch.float32
    np.testing.assert_array_equal(tensor.numpy(), narrow)


def test_a_gradient_that_would_be_lost_is_an_error():
    given = [torch.tensor(a) for a in sample()]
    for at, name in enumerate(("queries", "keys", "values")):
        wanted = [a.clone().requires_grad_(i == at) for i, a in enumerate(given)]
        with pytest.raises(ValueError, match=f"^{name} .*gradient"):
            kernel_smooth(*wanted)
    with pytest.raises(ValueError, match=r"^sigma .*gradient"):
        kernel_smooth(*given, sigma=torch.tensor(1.0, requires_grad=True))


def test_what_cannot_be_is_named():
    queries, keys, values = sample()
    for wrong, said in (
        ({"method": "fft"}, "method is 'fft'; .* must be 'dense' or .* or 'fast gauss', or None"),
        ({"method": "prefix sums"}, "method is 'prefix sums'"),
        ({"kernel": "tricube", "method": "fast gauss"}, "method is 'fast gauss'"),
        ({"sigma": np.full(50, 0.1), "method": "windows"}, "method is 'windows'"),
        ({"sigma": 0.0}, "sigma is 0.0"),
        ({"kernel": "normal"}, "kernel is 'normal'"),
    ):
        with pytest.raises(ValueError, match=f"^{said}"):
            kernel_smooth(queries, keys, values, **wrong)
    with pytest.raises(ValueError, match=r"^keys holds NaN"):
        kernel_smooth(queries, np.full(400, np.nan), values)


def test_no_query_no_estimate():
    for method in ("dense", "blocks", "windows", "fast gauss", None):
        assert kernel_smooth([], [0.0, 1.0], [1.0, 2.0], method=method).shape == (0,)


def test_a_kernel_of_ones_own_goes_by_blocks():
    cauchy = Kernel("cauchy", lambda u: -np.log1p(u**2), np.inf, None, "1 / (1 + u^2)")
    queries, keys, values = sample(5000)
    assert smoothing.method_for(queries, keys, cauchy, 0.1) == "blocks"
    expected, _ = nadaraya_watson(queries, keys, values, cauchy, 0.1)
    np.testing.assert_allclose(kernel_smooth(queries, keys, values, cauchy, 0.1), expected)


# Which method, how much time and memory -----------------------------------------------------------


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_method_follows_the_number_of_pairs(kernel):
    few, many = np.linspace(0, 1, 100), np.linspace(0, 1, 20_000)
    assert smoothing.method_for(few, few, kernel, 0.1) == "dense"
    linear = FAST.get(kernel, "blocks")
    assert smoothing.method_for(many, many, kernel, 0.5) == linear
    near = "blocks" if kernel == "constant" else "windows"
    assert smoothing.method_for(many, many, kernel, 1e-5) == near


@pytest.mark.parametrize(("kernel", "n"), [("gaussian", 200_000), ("epanechnikov", 200_000)])
@pytest.mark.parametrize("sigma", [1e-6, 1e-2, 1.0])
def test_memory_is_some_arrays_of_n(kernel, n, sigma):
    rng = np.random.default_rng(0)
    keys, values = rng.uniform(size=n), rng.normal(size=n)
    tracemalloc.start()
    smoothed(keys, keys, values, kernel, sigma)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 25 * 8 * n + 20 * 8 * smoothing.PAIRS


def test_memory_of_blocks_does_not_grow_with_the_queries():
    rng = np.random.default_rng(0)
    keys, values = rng.normal(size=(3000, 4)), rng.normal(size=3000)
    peaks = []
    for m in (500, 4000):
        queries = rng.normal(size=(m, 4))
        tracemalloc.start()
        kernel_smooth(queries, keys, values, method="blocks")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_it_stops_when_it_is_interrupted():
    rng = np.random.default_rng(0)
    keys, values = rng.normal(size=(20_000, 8)), rng.normal(size=20_000)
    started = time.perf_counter()
    timer = threading.Timer(0.3, lambda: __import__("_thread").interrupt_main())
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        kernel_smooth(keys, keys, values)
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("smoother", [nadaraya_watson, local_linear])
@pytest.mark.parametrize("make", [np.zeros, torch.zeros])
def test_weights_that_cannot_fit_are_refused_before_they_are_made(smoother, make):
    many = make(3_000_000)
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"^queries has length 3000000 and keys .* GB") as raised:
        smoother(many, many, many)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(raised.value, MemoryError)
    assert "\n" not in str(raised.value)
    assert ("kernel_smooth" in str(raised.value)) == (smoother is nadaraya_watson)
    assert peak < 100e6


def test_free_memory_is_known_without_psutil(monkeypatch):
    known = memory.free_bytes()
    monkeypatch.setitem(__import__("sys").modules, "psutil", None)
    if memory.LINUX.exists():
        assert memory.free_bytes() == pytest.approx(known, rel=0.2)
    monkeypatch.setattr(memory, "LINUX", memory.LINUX / "nowhere")
    assert memory.free_bytes() == np.inf


# Leaving one out ----------------------------------------------------------------------------------


def left_out(keys, values, sigma, kernel):
    """Mean squared leave-one-out error, each point predicted by a call without it."""
    errors = []
    for i in range(len(keys)):
        others = np.arange(len(keys)) != i
        found = brute_force(keys[i : i + 1], keys[others], values[others], kernel, sigma)
        errors.append((values[i] - found[0]) ** 2)
    error = np.mean(errors)
    return np.inf if np.isnan(error) else error


@pytest.mark.parametrize("kernel", FAST)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_leave_one_out_along_the_line(kernel, layout):
    rng = np.random.default_rng(5)
    n = along_line.MANY
    keys, values = rng.permutation(LAYOUTS[layout](rng, n)), rng.normal(size=n) + 3
    for sigma in max(np.ptp(keys), 1.0) * np.array([1e-6, 1e-3, 1e-2, 0.3, 50.0]):
        expected = left_out(keys, values, sigma, kernel)
        assert leave_one_out_error(keys, values, sigma, kernel) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("kernel", FAST)
def test_both_ways_to_leave_one_out_choose_alike(kernel, monkeypatch):
    rng = np.random.default_rng(6)
    keys = rng.normal(size=1500)
    values = np.column_stack([np.sin(3 * keys), keys**2]) + 0.3 * rng.normal(size=(1500, 2))
    sigmas = bandwidth.bandwidth_grid(keys, kernel)
    along = leave_one_out_error(keys, values, sigmas, kernel)
    chosen = select_bandwidth(keys, values, kernel)
    monkeypatch.setattr(along_line, "MANY", 10_000)
    np.testing.assert_allclose(leave_one_out_error(keys, values, sigmas, kernel), along, rtol=1e-10)
    assert select_bandwidth(keys, values, kernel) == chosen


def test_the_fast_ways_are_public():
    assert d2lmini.kernel_smooth is smoothing.kernel_smooth
