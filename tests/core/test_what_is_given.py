"""What real programs hand over: each public function answers right, or with a ValueError in words.

One table of functions, each as a call with the arrays that it is given; one table of odd arrays.
"""

import ast
import math
import pickle
import re
import threading
import tracemalloc
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

import d2lmini
from d2lmini import (
    EmptyWindowWarning,
    attention,
    attention_pooling,
    bandwidth,
    dot_product_attention,
    kernel_smooth,
    learning,
    leave_one_out_error,
    local_linear,
    masked_softmax,
    nadaraya_watson,
    plots,
    positions,
    rule_of_thumb,
    select_bandwidth,
    smoothing,
)

KEYS = np.array([0.0, 0.4, 1.0, 1.7, 2.2, 2.9, 3.3, 4.1])
VALUES = np.sin(2 * KEYS) + 2
FORM = re.compile(r"^\w+( and \w+)* (is|are|has|have|holds|reaches|requires|contains)\b")

SMOOTHERS = {
    "nadaraya_watson": lambda k, v: nadaraya_watson(k, k, v),
    "local_linear": lambda k, v: local_linear(k, k, v),
    "kernel_smooth": lambda k, v: kernel_smooth(k, k, v),
    "blocks.kernel_smooth": lambda k, v: kernel_smooth(k, k, v, method="blocks"),
    "windows.kernel_smooth": lambda k, v: kernel_smooth(k, k, v, method="windows"),
    "gauss.kernel_smooth": lambda k, v: kernel_smooth(k, k, v, method="fast gauss"),
    "sums.kernel_smooth": lambda k, v: kernel_smooth(k, k, v, "boxcar", method="prefix sums"),
    "method_for": lambda k, v: smoothing.METHODS.index(smoothing.method_for(k, k)),
    "dot_product_attention": lambda k, v: dot_product_attention(k[:, None], k[:, None], v),
    "masked_softmax": lambda k, v: masked_softmax(k),
    "attention_pooling": lambda k, v: attention_pooling(k, v),
}
CHOICES = {
    "leave_one_out_error": lambda k, v: leave_one_out_error(k, v, 0.5),
    "training_error": lambda k, v: bandwidth.training_error(k, v, 0.5),
    "gcv_error": lambda k, v: bandwidth.gcv_error(k, v, 0.5),
    "effective_degrees_of_freedom": lambda k, v: bandwidth.effective_degrees_of_freedom(k, 0.5),
    "select_bandwidth": lambda k, v: select_bandwidth(k, v),
    "bandwidth_grid": lambda k, v: bandwidth.bandwidth_grid(k),
    "rule_of_thumb": lambda k, v: rule_of_thumb(k),
    "plug_in_bandwidth": lambda k, v: bandwidth.plug_in_bandwidth(k, v),
    "bias_variance": lambda k, v: bandwidth.bias_variance(np.sin, k, 0.5, k, 0.5),
}
TRAINING = {
    "leave_one_out_pairs": lambda k, v: learning.leave_one_out_pairs(k, v),
    "fit": lambda k, v: learning.fit(learning.NWLogBandwidth(1.0), k, v, 3).w,
}
PICTURES = {
    "plots.fit": lambda k, v: plots.fit(k, v, k, {"a": v}, v, bands={"b": (v, v)}),
    "plots.fits": lambda k, v: plots.fits(k, v, k, {"a": v}, v),
    "plots.errors": lambda k, v: plots.errors(k, {"a": v}, walk=(k, v)),
    "plots.history": lambda k, v: plots.history({"a": v}),
    "plots.heatmap": lambda k, v: plots.heatmap(k, k, np.ones((len(k), len(k)))),
    "plots.weights": lambda k, v: plots.weights(k, v, 1.0),
    "plots.kernels": lambda k, v: plots.kernels(k, {"a": v}),
}
COMPUTED = SMOOTHERS | CHOICES | TRAINING
EVERY = COMPUTED | PICTURES


def each(table):
    return pytest.mark.parametrize("call", table.values(), ids=table)


@pytest.fixture(autouse=True)
def no_open_figures():
    yield
    plt.close("all")


def flat(answer) -> np.ndarray:
    """All numbers of an answer, in float64."""
    if isinstance(answer, tuple | list):
        return np.concatenate([flat(part) for part in answer])
    if isinstance(answer, torch.Tensor):
        answer = answer.detach().double().numpy()
    return np.ravel(np.asarray(answer, dtype=float))


def public(module) -> set[str]:
    return {
        name
        for name, thing in vars(module).items()
        if callable(thing) and not name.startswith("_") and thing.__module__ == module.__name__
        and not isinstance(thing, type)
    }  # fmt: skip


def test_the_tables_hold_every_public_function_that_takes_data():
    named = {name.rpartition(".")[2] for name in EVERY}
    assert public(bandwidth) | public(plots) | public(learning) <= named
    core = {n for n in d2lmini.__all__ if callable(getattr(d2lmini, n)) and n[0].islower()}
    assert core - {"check", "progress"} <= named


# Wrappers whose meaning is more than their numbers -----------------------------------------------


class Quantity:
    """As pint has it: numbers with a unit."""

    def __init__(self, magnitude, units="metre"):
        self.magnitude, self.units = magnitude, units

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.magnitude, dtype=dtype)

    def __len__(self):
        return len(self.magnitude)

    def __getitem__(self, at):
        return Quantity(self.magnitude[at])


HIDDEN = [True] + [False] * 7


@each({n: c for n, c in COMPUTED.items() if n != "dot_product_attention"})
@pytest.mark.parametrize(
    ("wrap", "said"),
    [
        (lambda x: np.ma.array(x, mask=HIDDEN), r"1 hidden entries.*pass mask="),
        (lambda x: pd.Series(x).astype("Float64").mask(HIDDEN), "hidden entries|NaN|real numbers"),
        (Quantity, "with a unit, which would be lost"),
    ],
    ids=["masked array", "pandas missing", "quantity"],
)
def test_what_would_lose_its_meaning_is_refused(call, wrap, said):
    sees_all = SMOOTHERS["attention_pooling"], TRAINING["leave_one_out_pairs"]
    if call in sees_all and isinstance(wrap(KEYS), pd.Series):
        assert np.isnan(flat(call(wrap(KEYS), wrap(VALUES)))).any()  # not lost: in the result
        return
    with pytest.raises(ValueError, match=said) as error:
        call(wrap(KEYS), wrap(VALUES))
    assert FORM.match(str(error.value))


def test_a_masked_array_that_hides_nothing_is_its_numbers():
    open_ = np.ma.array(VALUES, mask=False)
    assert (nadaraya_watson(KEYS, KEYS, open_)[0] == nadaraya_watson(KEYS, KEYS, VALUES)[0]).all()


def test_the_hidden_value_is_refused_in_every_argument():
    hidden = np.ma.array(KEYS, mask=HIDDEN)
    for arguments in [(hidden, KEYS, VALUES), (KEYS, hidden, VALUES), (KEYS, KEYS, hidden)]:
        with pytest.raises(ValueError, match=r"^(queries|keys|values) is a numpy MaskedArray"):
            nadaraya_watson(*arguments)
    with pytest.raises(ValueError, match=r"^sigma is a numpy MaskedArray"):
        nadaraya_watson(KEYS, KEYS, VALUES, sigma=np.ma.array(KEYS + 1, mask=HIDDEN))


# Arrays of other libraries and dtypes ------------------------------------------------------------


@each({n: c for n, c in EVERY.items() if n != "dot_product_attention"})
def test_a_pandas_column_is_its_numbers_whatever_its_index(call):
    rows = range(5, 13)
    got = call(pd.Series(KEYS, index=rows), pd.Series(VALUES, index=rows))
    if got is not None:
        np.testing.assert_array_equal(flat(got), flat(call(KEYS, VALUES)))


@each(EVERY)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_narrow_tensors_give_the_answer_for_their_numbers(call, dtype):
    k, v = (torch.tensor(array).to(dtype) for array in (KEYS, VALUES))
    got, expected = call(k, v), call(k.double(), v.double())
    if got is not None:
        coarse = {torch.bfloat16: 0.1, torch.float16: 0.02, torch.float32: 1e-4}[dtype]
        np.testing.assert_allclose(flat(got), flat(expected), rtol=coarse, atol=coarse)


@each(PICTURES)
def test_pictures_take_tensors_that_want_a_gradient(call):
    assert call(*(torch.tensor(a, requires_grad=True) for a in (KEYS, VALUES))) is None


@each({n: c for n, c in COMPUTED.items() if n != "dot_product_attention"})
@pytest.mark.parametrize("given", [(1.0, VALUES), (np.float64(1.0), np.float64(2.0)), ([], [])])
def test_scalars_and_empty_arrays_are_named_or_answered(call, given):
    try:
        call(*given)
    except ValueError as error:
        assert FORM.match(str(error)), error


@each(PICTURES)
def test_an_empty_picture_is_drawn_or_the_argument_named(call):
    try:
        call(np.array([]), np.array([]))
    except ValueError as error:
        assert FORM.match(str(error)), error


@pytest.mark.parametrize("draw", [plots.history, plots.errors, plots.fits, plots.heatmap])
def test_a_picture_of_nothing_is_drawn_or_the_argument_named(draw):
    nothing = {plots.history: [{}], plots.errors: [[], {}], plots.fits: [[], [], [], {}]}
    try:
        draw(*nothing.get(draw, [[], [], {}]))
    except ValueError as error:
        assert re.match(r"^\w+ is empty; it must hold one entry at least$", str(error))


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("smoother", [nadaraya_watson, local_linear])
def test_under_autocast_the_answer_is_that_without_it_to_its_precision(smoother, columns):
    keys = torch.tensor(np.column_stack([KEYS, np.cos(KEYS)])[:, :columns], dtype=torch.float32)
    values = torch.tensor(VALUES, dtype=torch.float32)
    expected = smoother(keys, keys, values)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = smoother(keys, keys, values)[0]
    torch.testing.assert_close(got.float(), expected, rtol=0.03, atol=0.03)


@pytest.mark.parametrize("sigma", [1 + 1j, np.complex128(2), "wide", None, -1.0, math.nan, [1.0]])
def test_positional_scores_refuse_what_is_no_width(sigma):
    with pytest.raises(ValueError, match=r"^sigma is .*; it must be positive and finite"):
        positions.positional_scores(3, sigma=sigma)


def test_a_complex_sigma_is_refused_by_the_smoother_too():
    with pytest.raises(ValueError, match=r"^sigma is"):
        nadaraya_watson(KEYS, KEYS, VALUES, sigma=1 + 1j)


# What cannot be chosen, and what cannot be squared ------------------------------------------------


def test_no_bandwidth_is_chosen_where_none_matters():
    with pytest.raises(ValueError, match=r"^kernel is 'constant', for which every sigma gives"):
        select_bandwidth(KEYS, VALUES, "constant")
    assert select_bandwidth(KEYS, VALUES, "boxcar") > 0  # constant too, but not beyond its window


TAKE_NO_VALUES = "bandwidth_grid", "rule_of_thumb", "effective_degrees_of_freedom", "bias_variance"


@each({n: c for n, c in CHOICES.items() if n not in TAKE_NO_VALUES})
def test_values_whose_square_overflows_are_named(call):
    with pytest.raises(ValueError, match=r"^values reaches .*e\+200 in size, and its square"):
        call(KEYS, VALUES * 1e200)
    assert np.isfinite(flat(call(KEYS, VALUES * 1e149))).all()


@pytest.mark.parametrize("scale", [1e-200, 1e-150, 1e-9, 1.0, 1e9, 1e150, 1e200])
def test_rules_of_thumb_know_no_unit_of_the_keys(scale):
    for rule in (rule_of_thumb, lambda keys: bandwidth.plug_in_bandwidth(keys, VALUES)):
        assert rule(KEYS * scale) == pytest.approx(rule(KEYS) * scale, rel=1e-6)


# Numbers at the ends ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "w"),
    [(torch.float32, 1e20), (torch.float32, 1e38), (torch.float64, 1e155), (torch.float64, 1e307)],
)
def test_the_module_answers_as_the_smoother_for_any_w(dtype, w):
    keys, values = torch.tensor(KEYS, dtype=dtype), torch.tensor(VALUES, dtype=dtype)
    queries = torch.tensor([-3.0, 0.0, 0.6, 1.3, 9.0], dtype=dtype)
    expected = nadaraya_watson(queries, keys, values, sigma=1 / w)[0]
    for model in (learning.NWKernelRegression(w), learning.NWLogBandwidth(1 / w)):
        got = model(queries, keys, values)
        torch.testing.assert_close(got.detach(), expected, rtol=1e-5, atol=1e-5)
        got.sum().backward()
        assert all(torch.isfinite(p.grad).all() for p in model.parameters())


def test_the_module_in_two_dimensions_and_with_keys_of_each_query_for_a_huge_matrix():
    keys = torch.tensor(np.column_stack([KEYS, np.cos(KEYS)]))
    queries, values = keys[:3] + 0.01, torch.tensor(VALUES)
    expected = values[:3]
    model = learning.NWKernelRegression([[1e200, 0.0], [0.0, 1e180]])
    torch.testing.assert_close(model(queries, keys, values).detach(), expected)
    own = model(queries, keys.expand(3, -1, -1), values.expand(3, -1))
    torch.testing.assert_close(own.detach(), expected)


SMOOTH = ("gaussian", "epanechnikov", "tricube")


@pytest.mark.parametrize("kernel", SMOOTH)
@pytest.mark.parametrize("at", [1.0, 1.03, 2.2])  # on a key, beside it, on another
def test_second_derivatives_are_those_of_finite_differences(kernel, at):
    keys, values = torch.tensor(KEYS), torch.tensor(VALUES)

    def estimate(query):
        return nadaraya_watson(query, keys, values, kernel, 1.3)[0].sum()

    query, h = torch.tensor([at], dtype=torch.float64), 1e-4
    found = torch.autograd.functional.hessian(estimate, query).item()
    ends = [estimate(query + step).item() for step in (h, 0.0, -h)]
    cusp = 1e-4 if kernel == "tricube" else 0  # |u|^3 has a jump in its third derivative
    expected = (ends[0] - 2 * ends[1] + ends[2]) / h**2
    assert found == pytest.approx(expected, abs=1e-5 + cusp)


def test_second_derivatives_in_two_dimensions_on_a_key():
    keys = torch.tensor(np.column_stack([KEYS, np.cos(KEYS)]))
    values, query = torch.tensor(VALUES), keys[2].clone()

    def estimate(at):
        return nadaraya_watson(at[None], keys, values, "epanechnikov", 1.3)[0].sum()

    found = torch.autograd.functional.hessian(estimate, query)
    h, unit = 1e-4, torch.eye(2, dtype=torch.float64)
    for i in range(2):
        ends = [estimate(query + step * unit[i]).item() for step in (h, 0.0, -h)]
        expected = (ends[0] - 2 * ends[1] + ends[2]) / h**2
        assert found[i, i].item() == pytest.approx(expected, abs=1e-5)


@each({n: c for n, c in COMPUTED.items() if n not in TRAINING})
def test_no_function_trips_over_harmless_underflow(call):
    with np.errstate(all="raise"):
        for scale in (1e-150, 1.0, 1e3):
            got = call(KEYS * scale, VALUES * 1e-150)
            assert got is not None
        for kernel in d2lmini.KERNELS.values():
            assert kernel(np.array([0.0, 0.5, 50.0, 1e200]))[0] > 0


# Processes and memory -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", d2lmini.KERNELS)
def test_a_kernel_can_go_to_another_process(name):
    kernel, u = d2lmini.KERNELS[name], np.linspace(0, 2, 9)
    again = pickle.loads(pickle.dumps(kernel))
    assert again == kernel
    np.testing.assert_array_equal(again(u), kernel(u))


@pytest.mark.parametrize("d", [1, 2, 64])
@pytest.mark.parametrize("far", [0.0, 1e6])  # far queries need the careful distances
def test_memory_is_at_most_four_times_the_weights_in_any_dimension(d, far):
    rng = np.random.default_rng(0)
    queries, keys = far + rng.normal(size=(1500, d)), rng.normal(size=(1500, d))
    values = rng.normal(size=1500)
    tracemalloc.start()
    _, weights = nadaraya_watson(queries, keys, values, sigma=float(d) ** 0.5)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= 4 * weights.nbytes


def test_blocks_of_rows_change_no_weight(monkeypatch):
    rng = np.random.default_rng(1)
    queries, keys = rng.normal(size=(60, 2)), rng.normal(size=(40, 2))
    queries[7] = 1e9
    sigma, mask = rng.uniform(0.1, 2, 60), rng.random((60, 40)) < 0.8
    for kernel in d2lmini.KERNELS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EmptyWindowWarning)
            given = queries, keys, keys, kernel, sigma, mask
            whole = nadaraya_watson(*given)
            monkeypatch.setattr(attention, "PAIRS", 7 * 40)
            blocked = nadaraya_watson(*given)
            monkeypatch.undo()
        for got, expected in zip(blocked, whole, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-15)


# Threads ------------------------------------------------------------------------------------------


def test_the_library_touches_no_filter_of_warnings():
    """warnings.catch_warnings is shared by all threads: one of them may leave its filter behind."""
    core = Path(d2lmini.__file__).parent
    for file in core.glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        names = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
        assert not names & {"catch_warnings", "simplefilter", "filterwarnings"}, file.name


def test_eight_threads_warn_once_each_and_leave_no_filter():
    before, seen = list(warnings.filters), []
    sigma, far = 0.01, np.array([0.2, 9.0])
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")

        def one():
            for _ in range(5):
                seen.append(bandwidth.bias_variance(np.sin, KEYS, 1.0, far, sigma, "epanechnikov"))

        threads = [threading.Thread(target=one) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(seen) == 40
    assert [w.category for w in told] == [EmptyWindowWarning] * 40
    assert warnings.filters == before
