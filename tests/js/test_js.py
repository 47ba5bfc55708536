"""The mathematics in JavaScript: its own tests, and agreement with Python to 1e-9."""

import json
import subprocess
import warnings

import numpy as np
import pytest

import d2lmini
from d2lmini import data
from tools import ROOT

MATHS = ROOT / "d2lmini" / "widgets" / "js" / "maths.js"

ASK = """
import {{ readFileSync }} from "node:fs";
const maths = await import("{module}");
const bare = (x) => (Number.isNaN(x) ? null : x);
const answers = JSON.parse(readFileSync(0, "utf8")).map(({{ name, args }}) => {{
  const answer = maths[name](...args);
  const {{ estimates, weights }} = answer;
  return estimates ? {{ estimates: [...estimates].map(bare), weights: [...weights] }} : answer;
}});
process.stdout.write(JSON.stringify(answers));
"""


def ask(node, questions):
    """Answers of maths.js to ``[(function name, arguments)]``."""
    asked = json.dumps([{"name": name, "args": args} for name, args in questions])
    script = ASK.format(module=MATHS.as_uri())
    command = [node, "--input-type=module", "-e", script]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_node_tests_pass(node):
    files = sorted(map(str, (ROOT / "tests" / "js").glob("*.test.js")))
    assert files
    done = subprocess.run(
        [node, "--test", *files], capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# fail 0" in done.stdout or "fail 0" in done.stdout
    assert "pass 0" not in done.stdout


def cases():
    rng = np.random.default_rng(1)
    sample = data.sine_power()
    far = np.array([-1e6, -40.0, 0.0, 2.5, 5.0, 70.0, 1e6])
    for kernel in d2lmini.KERNELS:
        for sigma in (1e-300, 0.01, 0.07, 0.5, 1.0, 12.0, 1e300):
            yield kernel, sigma, sample.queries, sample.keys, sample.values
            yield kernel, sigma, far, sample.keys, sample.values
        keys = rng.normal(size=30) * 10 ** rng.uniform(-3, 3, 30)
        yield kernel, 0.8, keys, keys, rng.normal(size=30)
        # Distances of exactly sigma: the edge of the compact kernels.
        steps = np.arange(5.0)
        yield kernel, 1.0, steps, steps, steps**2


def test_estimates_and_weights_agree_with_python(node):
    shared = list(cases())
    questions = [
        ("nadarayaWatson", [q.tolist(), k.tolist(), v.tolist(), kernel, sigma])
        for kernel, sigma, q, k, v in shared
    ]
    for (kernel, sigma, q, k, v), answer in zip(shared, ask(node, questions), strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", d2lmini.EmptyWindowWarning)
            estimates, weights = d2lmini.nadaraya_watson(q, k, v, kernel, sigma)
        got = np.array(answer["estimates"], dtype=float)
        case = f"{kernel}, sigma={sigma}"
        np.testing.assert_allclose(got, estimates, rtol=0, atol=1e-9, err_msg=case)
        rows = np.reshape(answer["weights"], weights.shape)
        np.testing.assert_allclose(rows, weights, rtol=0, atol=1e-9, err_msg=case)


def test_local_lines_agree_with_python(node):
    """Also where one key has nearly all the weight and the next, far lighter, makes the slope."""
    rng = np.random.default_rng(5)
    sample = data.sine_linear()
    lone = np.array([0.0, 0.0, 3.0, 3.001])
    sets = [
        (sample.queries, sample.keys, sample.values),
        (np.array([-2.0, 2.5, 5.3, 7.0]), sample.keys, sample.values),
        (np.array([0.0, 0.4, 1.5, 2.9]), lone, np.array([1.0, 2.0, -1.0, 4.0])),
        (np.array([0.0, 1.0]), np.array([0.5, 0.5]), np.array([1.0, 3.0])),
        (rng.normal(size=20), rng.normal(size=30), rng.normal(size=30)),
    ]
    shared = [(*each, sigma) for each in sets for sigma in (0.02, 0.07, 0.3, 1.0, 10.0, 1e4)]
    ones = [("localLine", [q[1], k.tolist(), v.tolist(), sigma]) for q, k, v, sigma in shared]
    curves = [("localLines", [q.tolist(), k.tolist(), v.tolist(), s]) for q, k, v, s in shared]
    answers = zip(shared, ask(node, ones), ask(node, curves), strict=True)
    for (q, k, v, sigma), one, curve in answers:
        expected, weights = d2lmini.local_linear(q, k, v, sigma=sigma)
        case = f"sigma={sigma}, {len(k)} keys"
        got = [curve[str(j)] for j in range(len(q))]
        scale = 1 + np.abs(expected)
        np.testing.assert_allclose(got / scale, expected / scale, rtol=0, atol=1e-8, err_msg=case)
        found = [one["weights"][str(i)] for i in range(len(k))]
        size = 1 + np.abs(weights[1]).max()
        np.testing.assert_allclose(found / size, weights[1] / size, atol=1e-8, err_msg=case)
        assert one["estimate"] / scale[1] == pytest.approx(expected[1] / scale[1], abs=1e-8), case
        heights = [(d2lmini.local_linear([q[1] + h], k, v, sigma=1e6)[0][0]) for h in (0.0, 1.0)]
        if sigma == 1e4:  # one line for all, whose slope is that of least squares
            assert one["slope"] == pytest.approx(heights[1] - heights[0], rel=1e-4), case


@pytest.mark.parametrize("make", [data.sine_power, data.sine, data.sine_linear])
def test_truths_agree_with_python(node, make):
    sample = make()
    script = f'const m = await import("{MATHS.as_uri()}");' + (
        f"process.stdout.write(JSON.stringify({json.dumps(sample.queries.tolist())}"
        f".map(m.TRUTHS['{sample.name}'])))"
    )
    done = subprocess.run(
        [node, "--input-type=module", "-e", script], capture_output=True, text=True, check=True
    )
    np.testing.assert_allclose(json.loads(done.stdout), sample.truth, rtol=0, atol=1e-12)


def test_effective_number_and_error_agree_with_numpy(node):
    rng = np.random.default_rng(2)
    weights = rng.dirichlet(np.ones(9))
    estimates, truth = rng.normal(size=(2, 20))
    effective, error = ask(
        node,
        [
            ("effectiveNumber", [weights.tolist()]),
            ("meanSquaredError", [estimates.tolist(), truth.tolist()]),
        ],
    )
    assert effective == pytest.approx(1 / np.sum(weights**2), rel=1e-12)
    assert error == pytest.approx(np.mean((estimates - truth) ** 2), rel=1e-12)
