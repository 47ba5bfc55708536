"""The trainable smoother: gradients, leave-one-out pairs, training, what stays in a notebook."""

import math
import subprocess
import sys

import nbformat
import numpy as np
import pytest
import torch
from torch.func import functional_call

import d2lmini
from d2lmini import data, progress_bar
from d2lmini.learning import (
    NWKernelRegression,
    NWLogBandwidth,
    bar,
    fit,
    leave_one_out_pairs,
)
from tools import ROOT


@pytest.fixture
def points():
    sample = data.sine_power(seed=0)
    return torch.as_tensor(sample.keys), torch.as_tensor(sample.values)


def two_features(seed, n=100, turn=0.0):
    """x uniform on [0, 5]^2; the values depend on one direction only, the first axis turned."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 5, (n, 2))
    z = x @ [np.cos(turn), np.sin(turn)]
    return torch.as_tensor(x), torch.as_tensor(2 * np.sin(z) + z**0.8 + rng.normal(0, 0.5, n))


def by_hand(query, keys, values, w):
    """One estimate in plain Python, from the formula."""
    votes = [math.exp(-(((query - float(key)) * w) ** 2) / 2) for key in keys]
    return sum(vote * value for vote, value in zip(votes, values, strict=True)) / sum(votes)


# The model ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("w", [2.0, -2.0, 0.3, 0, 7])
def test_estimates_follow_the_formula(w):
    queries, keys, values = [0.3, 1.9], [0.0, 1.0, 2.5], [1.0, -2.0, 4.0]
    model = NWKernelRegression(w)
    found = model(*(torch.tensor(a, dtype=torch.float64) for a in (queries, keys, values)))
    wanted = [by_hand(query, keys, values, w) for query in queries]
    np.testing.assert_allclose(found.detach(), wanted, rtol=1e-12)


@pytest.mark.parametrize("w", [0.7, 2.0, 1 / 0.3])
def test_agrees_with_nadaraya_watson_at_sigma_one_over_w(w, points):
    keys, values = points
    queries = torch.linspace(-1, 6, 40, dtype=torch.float64)
    model = NWKernelRegression(w)
    wanted = d2lmini.nadaraya_watson(queries, keys, values, sigma=1 / w)
    torch.testing.assert_close(model(queries, keys, values).detach(), wanted[0], rtol=0, atol=1e-12)
    torch.testing.assert_close(model.attention_weights, wanted[1], rtol=0, atol=1e-12)


def test_w_is_a_single_parameter_and_the_weights_carry_no_gradient(points):
    model = NWKernelRegression(w=3)
    assert [(name, p.shape) for name, p in model.named_parameters()] == [("w", ())]
    assert model.w.item() == 3.0
    estimates = model(points[0][:7], *points)
    assert estimates.shape == (7,) and estimates.requires_grad
    assert model.attention_weights.shape == (7, 50) and not model.attention_weights.requires_grad
    torch.testing.assert_close(model.attention_weights.sum(1), torch.ones(7, dtype=torch.float64))


def test_keys_of_their_own_for_each_query(points):
    keys, values = points
    rng = np.random.default_rng(1)
    chosen = torch.as_tensor(rng.integers(0, 50, (6, 9)))
    queries = torch.linspace(0, 5, 6, dtype=torch.float64)
    model = NWKernelRegression(1.7)
    together = model(queries, keys[chosen], values[chosen])
    for row, query in enumerate(queries):
        alone = by_hand(query.item(), keys[chosen[row]], values[chosen[row]], 1.7)
        assert together[row].item() == pytest.approx(float(alone), rel=1e-12)


@pytest.mark.parametrize("shape", [(), (2,), (2, 2), (3, 2), (1, 2)])
def test_components(shape):
    rng = np.random.default_rng(2)
    w = rng.normal(size=shape)
    queries, keys, values = rng.normal(size=(4, 2)), rng.normal(size=(9, 2)), rng.normal(size=9)
    full = w if w.ndim == 2 else w * np.eye(2)
    mapped = [points @ full.T for points in (queries, keys)]
    wanted, weights = d2lmini.nadaraya_watson(*mapped, values, sigma=1.0)
    model = NWKernelRegression(w)
    found = model(*(torch.as_tensor(a) for a in (queries, keys, values)))
    np.testing.assert_allclose(found.detach(), wanted, rtol=1e-10)
    np.testing.assert_allclose(model.attention_weights, weights, atol=1e-12)


@pytest.mark.parametrize("w", [1.3, -0.4, 0.0, [1.0, 0.5], [[1.0, 0.3], [-0.2, 0.8], [0.1, 0.4]]])
@pytest.mark.parametrize("own", [False, True])
def test_gradients(w, own):
    rng = np.random.default_rng(3)
    d = () if np.ndim(w) == 0 else (2,)
    shapes = [(3, *d), (3, 5, *d) if own else (5, *d), (3, 5) if own else (5,)]
    inputs = [torch.tensor(rng.normal(size=shape), requires_grad=True) for shape in shapes]
    model = NWKernelRegression(w)

    def call(w, *inputs):
        return functional_call(model, {"w": w}, inputs)

    start = model.w.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(call, (start, *inputs))


def test_gradient_in_log_sigma_is_minus_w_times_the_gradient_in_w(points):
    keys, values = points
    pairs = leave_one_out_pairs(keys, values)
    gradients = []
    for model in (NWKernelRegression(2.5), NWLogBandwidth(1 / 2.5)):
        ((model(keys, *pairs) - values) ** 2).mean().backward()
        gradients.append(next(model.parameters()).grad.item())
    assert gradients[1] == pytest.approx(-2.5 * gradients[0], rel=1e-10)
    assert abs(gradients[0]) > 1e-3


@pytest.mark.parametrize("w", [0.0, [0.0, 0.0], [[0.0, 0.0], [0.0, 0.0]]])
def test_the_gradient_at_zero_is_exactly_zero(w):
    keys, values = two_features(0)
    keys = keys[:, 0] if np.ndim(w) == 0 else keys
    model = NWKernelRegression(w)
    estimates = model(keys, *leave_one_out_pairs(keys, values))
    others = (values.sum() - values) / 99
    torch.testing.assert_close(estimates.detach(), others)  # w = 0 is average pooling
    ((estimates - values) ** 2).mean().backward()
    assert (model.w.grad == 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("w", [0.0, 1e-6, 1e3, -1e6, 1e6])
def test_no_w_and_no_query_gives_nan(w, dtype, points):
    keys, values = (a.to(dtype) for a in points)
    queries = torch.tensor([-1e4, -1.0, 0.0, 2.5, 1e4], dtype=dtype)
    model = NWKernelRegression(w)
    estimates = model(queries, keys, values)
    assert estimates.dtype == dtype and torch.isfinite(estimates).all()
    torch.testing.assert_close(model.attention_weights.sum(1), torch.ones(5, dtype=dtype))
    estimates.sum().backward()
    assert torch.isfinite(model.w.grad)


def test_only_w_transposed_times_w_counts():
    keys, values = two_features(1, turn=0.6)
    matrix = torch.tensor([[2.0, 0.5], [-1.0, 0.7]], dtype=torch.float64)
    turn = torch.tensor([[0.6, -0.8], [0.8, 0.6]], dtype=torch.float64)
    for other in (turn @ matrix, -matrix, torch.linalg.cholesky(matrix.T @ matrix).T):
        models = NWKernelRegression(matrix), NWKernelRegression(other)
        found = [model(keys[:10], keys, values).detach() for model in models]
        torch.testing.assert_close(*found)
    stretched = NWKernelRegression(matrix @ turn)(keys[:10], keys, values).detach()
    assert (stretched - found[0]).abs().max() > 0.1


def test_integers_lists_and_no_queries():
    model = NWKernelRegression(1)
    keys = torch.arange(4)
    assert model(keys, keys, keys).is_floating_point()
    assert model(torch.empty(0), keys, keys).shape == (0,)
    assert NWKernelRegression([1, 2]).w.dtype == torch.float64
    assert NWKernelRegression(torch.ones(2)).w.dtype == torch.float32


# Leaving one out ---------------------------------------------------------------------------------


def test_pairs_leave_each_point_out_in_order():
    keys, values = leave_one_out_pairs([10.0, 20.0, 30.0], [1.0, 2.0, 3.0])
    assert keys.tolist() == [[20, 30], [10, 30], [10, 20]]
    assert values.tolist() == [[2, 3], [1, 3], [1, 2]]
    pairs = leave_one_out_pairs(np.arange(8.0).reshape(4, 2), np.arange(4.0))
    assert [tuple(a.shape) for a in pairs] == [(4, 3, 2), (4, 3)]
    assert pairs[0][1].tolist() == [[0, 1], [4, 5], [6, 7]]


@pytest.mark.parametrize("w", [0.5, 3.0, 40.0])
def test_leave_one_out_has_a_closed_form(w, points):
    keys, values = points
    model = NWKernelRegression(w)
    model(keys, keys, values)
    weights = model.attention_weights.numpy().copy()
    np.fill_diagonal(weights, 0)
    wanted = weights / weights.sum(1, keepdims=True) @ values.numpy()
    found = model(keys, *leave_one_out_pairs(keys, values))
    np.testing.assert_allclose(found.detach(), wanted, rtol=1e-9)
    error = ((found - values) ** 2).mean().item()
    assert error == pytest.approx(d2lmini.leave_one_out_error(keys, values, 1 / w), rel=1e-10)


# Training ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_training_finds_a_minimum_of_the_leave_one_out_error(seed):
    sample = data.sine_power(seed=seed)
    model = NWLogBandwidth(sigma=1.0)
    fit(model, sample.keys, sample.values, steps=150)
    sigma = 1 / model.w.item()
    here, *beside = d2lmini.leave_one_out_error(
        sample.keys, sample.values, np.array([sigma, 0.98 * sigma, 1.02 * sigma])
    )
    assert here < min(beside)


def test_a_step_is_plain_gradient_descent_on_the_mean_loss(points):
    keys, values = points

    def error(w):
        return d2lmini.leave_one_out_error(keys, values, 1 / w)

    run = fit(NWKernelRegression(2.0), keys, values, steps=1, step_size=0.3)
    slope = (error(2 + 1e-5) - error(2 - 1e-5)) / 2e-5
    assert run.w[1] == pytest.approx(2 - 0.3 * slope, abs=1e-8)
    np.testing.assert_allclose(run.leave_one_out, [error(w) for w in run.w], rtol=1e-10)


def test_the_run_stores_start_steps_and_both_losses(points):
    keys, values = points
    model = NWKernelRegression(1.0)
    run = fit(model, keys, values, steps=3, step_size=2.0)
    assert run.w.shape == run.leave_one_out.shape == run.leave_in.shape == (4,)
    assert (run.w[0], run.w[-1]) == (1.0, model.w.item())
    assert run.loss is run.leave_one_out
    np.testing.assert_allclose(
        run.leave_in, d2lmini.bandwidth.training_error(keys, values, 1 / run.w), rtol=1e-10
    )
    leave_in = fit(NWKernelRegression(1.0), keys, values, steps=3, leave_one_out=False)
    assert leave_in.loss is leave_in.leave_in
    first, last = (f"{loss:.3f}" for loss in leave_in.loss[[0, -1]])
    assert repr(leave_in) == f"Training(3 steps, leave-in loss {first} to {last})"
    assert fit(NWKernelRegression([1.0, 1.0]), *two_features(0), steps=2).w.shape == (3, 2)


def test_training_repeats_to_the_last_bit():
    runs = []
    for _ in range(2):
        sample = data.sine_power(seed=5)
        torch.manual_seed(len(runs))  # no hidden randomness either
        runs.append(fit(NWLogBandwidth(1.0), sample.keys, sample.values, steps=20))
    np.testing.assert_array_equal(runs[0].w, runs[1].w)
    np.testing.assert_array_equal(runs[0].loss, runs[1].loss)


def test_the_leave_in_loss_drives_w_away(points):
    runs = {
        leave: fit(NWLogBandwidth(1.0), *points, steps=100, leave_one_out=leave)
        for leave in (True, False)
    }
    assert 3 < runs[True].w[-1] < 7
    assert runs[False].w[-1] > 50 and runs[False].loss[-1] < 0.01
    assert runs[False].leave_one_out[-1] > 1.3 * runs[True].leave_one_out[-1]


@pytest.mark.parametrize("seed", range(20))
def test_the_irrelevant_feature_loses_its_weight(seed):
    model = NWKernelRegression([1.0, 1.0])
    fit(model, *two_features(seed), steps=300)
    first, second = model.w.detach().abs()
    assert first > 5 * second


def test_a_matrix_finds_a_direction():
    keys, values = two_features(0, turn=np.pi / 4)
    runs = {
        name: fit(NWKernelRegression(start), keys, values, steps=300)
        for name, start in (("each", np.ones(2)), ("matrix", np.eye(2)))
    }
    matrix = runs["matrix"].w[-1]
    sizes, directions = np.linalg.eigh(matrix.T @ matrix)
    assert abs(directions[:, 1] @ [1, 1]) / np.sqrt(2) > 0.99
    assert sizes[1] > 25 * sizes[0]
    assert runs["matrix"].loss[-1] < 0.95 * runs["each"].loss[-1]


def test_any_module_can_be_trained(points):
    class Level(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.level = torch.nn.Parameter(torch.tensor(0.0, dtype=torch.float64))

        def forward(self, queries, keys, values):
            return self.level.expand(len(queries))

    model = Level()
    run = fit(model, *points, steps=60, step_size=0.25)
    assert model.level.item() == pytest.approx(points[1].mean().item())
    assert np.isnan(run.w).all()


# Bad input ---------------------------------------------------------------------------------------

T = torch.ones


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones(2), T(3), T(3)), "queries is a ndarray; it must be a torch.Tensor"),
        ((T(2), [1.0, 2.0], T(2)), "keys is a list; it must be a torch.Tensor"),
        ((T(2), T(3), T(4)), r"values has shape \(4,\); it must be \(3,\)"),
        ((T(2), T(3), T(2, 3)), r"values has shape \(2, 3\); it must be \(3,\)"),
        ((T(2), T(5, 3), T(5, 3)), r"keys has shape \(5, 3\) .* must be \(n,\) or \(2, n\)"),
        ((T(2), T(0), T(0)), r"keys has shape \(0,\) .* with n at least 1"),
        ((T(2), torch.tensor(1.0), T(1)), r"keys has shape \(\)"),
        ((T(2, 2), T(3), T(3)), r"keys .* must be \(n, 2\) or \(2, n, 2\)"),
        ((T(2, 1, 1), T(3), T(3)), r"queries has shape \(2, 1, 1\); it must be \(m,\) or"),
        ((T(2), torch.tensor([1.0, torch.nan]), T(2)), "keys holds NaN or infinity"),
        ((T(2), T(2), torch.tensor([1.0, torch.inf])), "values holds NaN or infinity"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        NWKernelRegression()(*arguments)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: NWKernelRegression(np.nan), "w is nan; it must be finite"),
        (lambda: NWKernelRegression("wide"), "w is 'wide'; it must be a number"),
        (lambda: NWKernelRegression(np.ones((2, 2, 2))), r"w has shape \(2, 2, 2\)"),
        (lambda: NWKernelRegression([1, 2])(T(2), T(3), T(3)), r"queries .* must be \(m, 2\)"),
        (lambda: NWLogBandwidth(0), "sigma is 0.0; it must be positive"),
        (lambda: NWLogBandwidth(-1.0), "sigma is -1.0; it must be positive"),
        (lambda: NWLogBandwidth(np.eye(2)), "sigma is .* a number or"),
        (lambda: leave_one_out_pairs([1.0], [1.0]), "keys has length 1; there must be two"),
        (lambda: leave_one_out_pairs(T(3), T(2)), r"keys has shape \(3,\) and values \(2,\)"),
        (lambda: fit(NWKernelRegression(), T(3), T(3), step_size=0), "step_size 0; they must"),
        (lambda: fit(NWKernelRegression(), T(3), T(3), steps=-1), "steps is -1 and"),
        (lambda: fit(NWKernelRegression(), T(3), ["a"] * 3), "values is .* real numbers"),
    ],
)
def test_bad_settings_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_step_to_infinity_is_reported(points):
    with pytest.raises(ValueError, match=r"step_size is 1e\+308; at step \d it led to"):
        fit(NWKernelRegression(), points[0], 1e3 * points[1], steps=5, step_size=1e308)


# Around it ---------------------------------------------------------------------------------------


def python(code):
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")


@pytest.mark.parametrize("missing", ["torch", "tqdm"])
def test_without_torch_the_message_says_how_to_install_it(missing):
    block = f"import sys; sys.modules[{missing!r}] = None\nimport d2lmini\n"
    assert python(block).returncode == 0
    done = python(block + "d2lmini.learning")
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: d2lmini.learning needs PyTorch")
    assert last.endswith("pip install torch tqdm")


def test_importing_the_package_leaves_torch_alone():
    done = python(
        "import sys, d2lmini\nassert 'torch' not in sys.modules\n"
        "d2lmini.learning.NWKernelRegression\nassert 'torch' in sys.modules"
    )
    assert done.returncode == 0, done.stderr


def test_the_bar_counts_and_is_wiped_from_the_terminal(capsys):
    assert list(bar(4)) == [0, 1, 2, 3]
    shown = capsys.readouterr().err
    assert "training:   0%" in shown
    assert shown.rsplit("\r", 2)[-2].strip() == "" and shown.endswith("\r")


def test_the_bar_leaves_nothing_in_a_stored_notebook(tmp_path):
    from tools import notebooks

    source = (
        "import time\nfrom d2lmini.learning import bar\nprint('before')\n"
        "for step in bar(5):\n    time.sleep(0.15)\nprint('after')"
    )
    cell = nbformat.v4.new_code_cell(source, id="one")
    done = notebooks.execute(nbformat.v4.new_notebook(cells=[cell]), tmp_path)
    left = [output for output in done.cells[0].outputs if output.output_type == "display_data"]
    assert [output.data for output in left] == [{}]
    texts = [output.text for output in done.cells[0].outputs if output.output_type == "stream"]
    assert "".join(texts) == "before\nafter\n"
    stored = notebooks.canonical(done).cells[0].outputs
    assert "".join(output.text for output in stored) == "before\nafter\n"


def test_the_history_figure_draws_runs_and_levels():
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    curves, levels = {"one": [4.0, 2.0, 1.0], "two": [3.0, 2.5]}, {"best": 0.5}
    assert d2lmini.plots.history(curves, "w", levels, log=True, title="a run") is None
    (ax,) = plt.gcf().axes
    lines = {line.get_label(): line for line in ax.lines}
    assert lines["one"].get_xydata().tolist() == [[0, 4], [1, 2], [2, 1]]
    assert lines["two"].get_xydata().tolist() == [[0, 3], [1, 2.5]]
    assert set(lines["best"].get_ydata()) == {0.5}
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("step", "w", "a run")
    assert ax.get_yscale() == "log" and len(ax.get_legend().get_texts()) == 3
    colours = [lines[name].get_color() for name in ("one", "two", "best")]
    assert len(set(colours)) == 3
    _, other = plt.subplots()
    d2lmini.plots.history(curves, ax=other)
    assert (len(other.lines), other.get_yscale()) == (2, "linear")
    plt.close("all")


def test_the_bar_first_sends_a_notebook_nothing_that_could_differ(monkeypatch):
    import IPython.display

    sent = []
    monkeypatch.setattr(IPython.display, "display", lambda *data, **how: sent.append((data, how)))
    progress_bar._Output()
    assert sent == [(({},), {"raw": True, "display_id": True})]
