"""The explorer of chapter 4: its traits, and its mathematics in JavaScript against Python."""

import json
import math
import subprocess
import warnings

import numpy as np
import pytest
from traitlets import TraitError

import d2lmini
from d2lmini import data
from d2lmini.bandwidth import bias_variance, leave_one_out_error, training_error
from d2lmini.kernels import KERNELS
from d2lmini.widgets import Bandwidth, base

ERRORS = base._JS / "errors.js"


@pytest.fixture
def explorer():
    return Bandwidth(data.sine_linear(), sigma=0.4, query=1.5)


def test_traits_are_readable_in_python(explorer):
    assert (explorer.sigma, explorer.query, explorer.kernel) == (0.4, 1.5, "gaussian")
    sample = data.sine_linear()
    np.testing.assert_array_equal(explorer.data_keys, sample.keys)
    np.testing.assert_array_equal(explorer.data_values, sample.values)
    np.testing.assert_array_equal(explorer.view.sample_queries, sample.queries)
    assert explorer.view.noise_sd == 1.0


def test_the_curves_reach_as_far_as_the_slider(explorer):
    slider = explorer.sigma_slider
    ends = [slider.base**slider.min, slider.base**slider.max]
    assert explorer.view.sigma_range == pytest.approx(ends, rel=1e-12)
    assert ends == pytest.approx([0.03, 10], rel=0.01)


def test_the_slider_is_linked_in_the_browser(explorer):
    assert explorer.sigma_link.source == (explorer.sigma_slider, "value")
    assert explorer.sigma_link.target == (explorer.view, "sigma")
    explorer.sigma = 1.25
    assert explorer.sigma_slider.value == explorer.view.sigma == 1.25


def test_the_start_is_the_best_of_neither_error():
    sample = data.sine_linear()
    sigmas = np.geomspace(0.03, 10, 100)
    start = Bandwidth(sample).sigma
    loo = leave_one_out_error(sample.keys, sample.values, sigmas)
    true = [
        np.mean((d2lmini.nadaraya_watson(*at, sigma=sigma)[0] - sample.truth) ** 2)
        for at in [(sample.queries, sample.keys, sample.values)]
        for sigma in sigmas
    ]
    for errors in (loo, true):
        assert abs(math.log(sigmas[np.argmin(errors)] / start)) > 0.3


def test_the_constant_kernel_is_not_offered(explorer, node):
    names = [name for name in KERNELS if name != "constant"]
    assert list(type(explorer.view).kernel.values) == names
    with pytest.raises(TraitError, match="kernel"):
        explorer.kernel = "constant"
    assert '"Kernel", SPREADING' in (base._JS / "bandwidth.js").read_text(encoding="utf-8")
    script = "import(process.argv[1]).then((m) => console.log(JSON.stringify(m.SPREADING)))"
    command = [node, "--input-type=module", "-e", script, (base._JS / "shapes.js").as_uri()]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert json.loads(listed) == names


def test_bad_sigma_and_query_are_refused(explorer):
    with pytest.raises(ValueError, match="sigma must be positive and finite, but was 0"):
        explorer.sigma = 0.0
    with pytest.raises(ValueError, match="query must be finite, but was nan"):
        explorer.query = float("nan")
    assert (explorer.sigma, explorer.query) == (0.4, 1.5)


def test_repr_is_stable_and_short(explorer):
    assert repr(explorer) == "Bandwidth(σ = 0.4, gaussian kernel, query 1.5, 40 keys)"


def test_start_holds_what_reset_restores(explorer):
    explorer.sigma = 2.0
    start = explorer.view.start
    assert start["sigma"] == 0.4
    assert set(start) == {"sigma", "query", "kernel", "data_keys", "data_values", "samples"}
    assert json.loads(json.dumps(start)) == start


# The mathematics ---------------------------------------------------------------------------------

ASK = """
import { readFileSync } from "node:fs";
const errors = await import(process.argv[1]);
const bare = (_, x) => (typeof x === "number" && !Number.isFinite(x) ? String(x) : x);
const answers = JSON.parse(readFileSync(0, "utf8")).map(([name, args]) => errors[name](...args));
process.stdout.write(JSON.stringify(answers, bare));
"""


def ask(node, questions) -> list[dict[str, float]]:
    command = [node, "--input-type=module", "-e", ASK, ERRORS.as_uri()]
    done = subprocess.run(
        command, input=json.dumps(questions), capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return [
        {name: float(str(x).replace("Infinity", "inf")) for name, x in answer.items()}
        for answer in json.loads(done.stdout)
    ]


SIGMAS = (1e-300, 0.01, 0.07, 0.5, 1.0, 12.0, 1e300)


def test_errors_at_the_keys_agree_with_python(node):
    rng = np.random.default_rng(1)
    spread = rng.normal(size=30) * 10 ** rng.uniform(-3, 3, 30)
    steps = np.arange(5.0)  # distances of exactly sigma = 1: the edge of the compact kernels
    sample = data.sine_linear()
    sets = [(sample.keys, sample.values), (spread, rng.normal(size=30)), (steps, steps**2)]
    cases = [(k, v, kernel, sigma) for k, v in sets for kernel in KERNELS for sigma in SIGMAS]
    asked = [["errorsAtKeys", [k.tolist(), v.tolist(), *rest]] for k, v, *rest in cases]
    for (keys, values, kernel, sigma), got in zip(cases, ask(node, asked), strict=True):
        left_out = leave_one_out_error(keys, values, sigma, kernel)
        case = f"{kernel}, {sigma}, {len(keys)} keys"
        assert got["leaveOneOut"] == pytest.approx(left_out, rel=1e-9, abs=1e-9), case
        expected = training_error(keys, values, sigma, kernel)
        assert got["training"] == pytest.approx(expected, rel=1e-9, abs=1e-9), case


def test_errors_at_the_queries_agree_with_python(node):
    sample = data.sine_linear()
    given = {
        "queries": sample.queries.tolist(),
        "truth": sample.truth.tolist(),
        "keys": sample.keys.tolist(),
        "values": sample.values.tolist(),
        "signal": sample.f(sample.keys).tolist(),
        "noiseSd": 0.7,
    }
    cases = [(kernel, sigma) for kernel in KERNELS for sigma in SIGMAS]
    answers = ask(node, [["errorsAtQueries", [given, *case]] for case in cases])
    for (kernel, sigma), got in zip(cases, answers, strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", d2lmini.EmptyWindowWarning)
            at = (sample.queries, sample.keys, sample.values, kernel, sigma)
            estimates, _ = d2lmini.nadaraya_watson(*at)
            parts = bias_variance(sample.f, sample.keys, 0.7, sample.queries, sigma, kernel)
        error = np.mean((estimates - sample.truth) ** 2)
        for name, expected in [("error", error), ("squaredBias", parts[0]), ("variance", parts[1])]:
            expected = pytest.approx(np.mean(expected), rel=1e-9, abs=1e-9, nan_ok=True)
            assert got[name] == expected, (kernel, sigma, name)
        assert got["gaps"] == np.isnan(estimates).sum()


def test_the_summary_of_choices_is_that_of_numpy(node):
    rng = np.random.default_rng(3)
    for numbers in ([0.5], [2.0, 1.0], rng.uniform(size=21).tolist()):
        (got,) = ask(node, [["summaryOf", [numbers]]])
        expected = np.quantile(numbers, [0.05, 0.5, 0.95])
        assert [got[k] for k in ("low", "median", "high")] == pytest.approx(expected, rel=1e-12)
        assert got["count"] == len(numbers)
