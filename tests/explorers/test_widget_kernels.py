"""The explorer of chapter 3, Python half; its mathematics in JavaScript agrees with d2lmini."""

import json
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest
from traitlets import TraitError

import d2lmini
from d2lmini import KERNELS, data
from d2lmini.widgets import Kernels, base

SHAPES = Path(base.__file__).parent / "js" / "shapes.js"


@pytest.fixture
def explorer():
    return Kernels(data.sine_linear(), sigma=0.4, kernel="tricube", match=True, query=1.5)


def test_traits_are_readable_in_python(explorer):
    assert (explorer.sigma, explorer.kernel, explorer.match) == (0.4, "tricube", True)
    assert explorer.query == 1.5
    sample = data.sine_linear()
    np.testing.assert_array_equal(explorer.data_keys, sample.keys)
    np.testing.assert_array_equal(explorer.data_values, sample.values)
    np.testing.assert_array_equal(explorer.view.sample_queries, sample.queries)


def test_attributes_set_the_view(explorer):
    explorer.kernel, explorer.match, explorer.query, explorer.sigma = "boxcar", False, 4.0, 2.0
    view = explorer.view
    assert (view.kernel, view.match, view.query, view.sigma) == ("boxcar", False, 4.0, 2.0)
    assert explorer.sigma_slider.value == 2.0


def test_the_start_is_the_plain_comparison_at_width_one():
    explorer = Kernels(data.sine_linear())
    assert (explorer.sigma, explorer.kernel, explorer.match) == (1.0, "gaussian", False)
    assert explorer.query == 2.5


def test_bad_kernel_and_match_are_refused(explorer):
    with pytest.raises(TraitError, match="kernel"):
        explorer.kernel = "parabola"
    with pytest.raises(TraitError, match="match"):
        explorer.match = "yes"
    with pytest.raises(ValueError, match=r"sigma must be positive and finite, but was -1"):
        explorer.sigma = -1.0


def test_every_kernel_can_be_chosen(explorer):
    assert list(type(explorer.view).kernel.values) == list(KERNELS)


def test_start_holds_what_reset_restores(explorer):
    explorer.match, explorer.sigma = False, 3.0
    start = explorer.view.start
    assert (start["sigma"], start["match"], start["kernel"]) == (0.4, True, "tricube")
    names = {"sigma", "kernel", "match", "query", "data_keys", "data_values", "samples"}
    assert set(start) == names
    assert json.loads(json.dumps(start)) == start


def test_repr_says_what_sigma_is(explorer):
    state = "σ = 0.4 as {}, tricube kernel, query 1.5"
    assert repr(explorer) == f"Kernels({state.format('standard deviation')}, 40 keys)"
    explorer.match = False
    assert repr(explorer) == f"Kernels({state.format('width')}, 40 keys)"


def ask(node, name, *args):
    """The answer of a function of shapes.js; NaN comes back as None."""
    script = (
        f'import {{ readFileSync }} from "node:fs"; const m = await import("{SHAPES.as_uri()}");'
        f'const answer = m.{name}(...JSON.parse(readFileSync(0, "utf8")));'
        "process.stdout.write(JSON.stringify(ArrayBuffer.isView(answer) ? [...answer] : answer));"
    )
    done = subprocess.run(
        [node, "--input-type=module", "-e", script],
        input=json.dumps(args), capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("match", [False, True])
@pytest.mark.parametrize("sigma", [0.1, 0.35, 1.0])
def test_errors_and_gaps_agree_with_python(node, sigma, match):
    sample = data.sine_linear()
    points = {"keys": sample.keys.tolist(), "values": sample.values.tolist()}
    asked = sample.queries.tolist(), sample.truth.tolist()
    got = ask(node, "compareKernels", *asked, points, sigma, match)
    estimates = {}
    for name, kernel in KERNELS.items():
        width = sigma / kernel.sd if match and kernel.sd else sigma
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", d2lmini.EmptyWindowWarning)
            estimates[name], _ = d2lmini.nadaraya_watson(
                sample.queries, sample.keys, sample.values, name, width
            )
        assert got["gaps"][name] == np.isnan(estimates[name]).sum()
        error = np.nanmean((estimates[name] - sample.truth) ** 2)
        assert got["errors"][name] == pytest.approx(error, abs=1e-9)
    six = np.array([estimate for name, estimate in estimates.items() if name != "constant"])
    shared = ~np.isnan(six).any(axis=0)
    errors = np.mean((six - sample.truth)[:, shared] ** 2, axis=1)
    assert got["ratio"] == pytest.approx(errors.max() / errors.min(), abs=1e-9)


def test_the_closing_width_is_that_of_the_warning(node):
    sample = data.sine_linear()
    width = ask(node, "closingWidth", sample.queries.tolist(), sample.keys.tolist())
    points = sample.queries, sample.keys, sample.values
    with pytest.warns(d2lmini.EmptyWindowWarning) as caught:
        d2lmini.nadaraya_watson(*points, "boxcar", width * 0.999)
    assert f"from sigma = {width!r} on" in str(caught[0].message)
