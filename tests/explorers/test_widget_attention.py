"""The explorer of chapter 7, Python half; its mathematics in JavaScript agrees with d2lmini."""

import itertools
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from traitlets import TraitError

import d2lmini
from d2lmini import positions
from d2lmini.widgets import Attention, base

TOKENS_JS = Path(base.__file__).parent / "js" / "tokens.js"
TOKENS = ["The", "cat", "sat", "on", "the", "mat"]
POINTS = np.array([[0.2, 0.1], [1.2, 0.9], [-0.6, 1.3], [-0.9, -0.5], [0.2, 0.1], [1.5, 0.3]])


@pytest.fixture
def explorer():
    return Attention(TOKENS, POINTS, sigma=0.4, kernel="rbf", mask="causal", query=1)


def test_traits_are_readable_in_python(explorer):
    state = (explorer.sigma, explorer.kernel, explorer.mask, explorer.positions, explorer.query)
    assert state == (0.4, "rbf", "causal", "none", 1)
    assert explorer.tokens == TOKENS
    np.testing.assert_array_equal(explorer.points, POINTS)
    assert (explorer.view.reach, explorer.view.position_sigma) == (1, 1.5)


def test_attributes_set_the_view(explorer):
    explorer.kernel, explorer.mask, explorer.positions = "cosine", "window", "laplace"
    explorer.query, explorer.sigma, explorer.points = None, 2.0, (POINTS / 2).tolist()
    view = explorer.view
    assert (view.kernel, view.mask, view.positions) == ("cosine", "window", "laplace")
    assert (view.query, view.sigma, explorer.sigma_slider.value) == (None, 2.0, 2.0)
    np.testing.assert_array_equal(view.points, POINTS / 2)


def test_the_start_is_plain_attention_of_the_last_token():
    made = Attention(TOKENS, POINTS)
    state = (made.sigma, made.kernel, made.mask, made.positions, made.query)
    assert state == (1.0, "dot-product", "none", "none", 5)
    assert Attention(TOKENS, POINTS, query=None).query is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"tokens": "The cat"}, "tokens must be a sequence of words, but was the string 'The cat'"),
        ({"tokens": ["cat"]}, "tokens must be 2 to 12 words, but there were 1"),
        ({"tokens": ["cat"] * 13}, "tokens must be 2 to 12 words, but there were 13"),
        ({"tokens": ["cat", " ", *TOKENS[2:]]}, "tokens must be words, but one was ' '"),
        ({"points": POINTS[:5]}, r"points has shape \(5, 2\); it must be \(6, 2\)"),
        ({"points": POINTS[:, 0]}, r"points has shape \(6,\); it must be \(6, 2\)"),
        ({"points": POINTS * np.nan}, "points holds NaN or infinity; each number must be finite"),
        ({"sigma": 0.0}, "sigma must be positive and finite, but was 0.0"),
        ({"query": 6}, "query must be None or the index of one of 6 tokens, but was 6"),
        ({"position_sigma": -1.0}, "position_sigma must be positive and finite, but was -1.0"),
        ({"reach": -1}, "reach must be 0 or more, but was -1"),
    ],
)
def test_bad_arguments_are_refused_by_name(wrong, message):
    with pytest.raises(ValueError, match=message):
        Attention(**{"tokens": TOKENS, "points": POINTS, **wrong})


@pytest.mark.parametrize("name", ["kernel", "mask", "positions"])
def test_unknown_names_are_refused(explorer, name):
    with pytest.raises(TraitError, match=name):
        setattr(explorer, name, "gauss")
    with pytest.raises(TraitError, match=name):
        Attention(TOKENS, POINTS, **{name: "gauss"})


def test_bad_state_is_refused_by_name(explorer):
    with pytest.raises(ValueError, match="query must be None or from 0 to 5, but was 6"):
        explorer.query = 6
    with pytest.raises(ValueError, match=r"points has shape \(2, 2\); it must be \(6, 2\)"):
        explorer.points = [[0.0, 1.0], [1.0, 0.0]]
    assert explorer.query == 1


def test_start_holds_what_reset_restores(explorer):
    explorer.kernel, explorer.sigma = "cosine", 3.0
    start = explorer.view.start
    assert (start["sigma"], start["kernel"], start["mask"]) == (0.4, "rbf", "causal")
    names = {"sigma", "query", "kernel", "mask", "positions", "tokens", "points", "shuffles"}
    assert set(start) == names
    assert json.loads(json.dumps(start)) == start


def test_the_axes_hold_every_point():
    for points in (POINTS, POINTS * 5, POINTS * 0):
        limit = Attention(TOKENS, points).view.limit
        assert limit >= 1.05 * abs(points).max()
        assert limit >= 1.5  # the unit circle with room around it
        assert 2 * limit == round(2 * limit)


def test_repr_says_what_is_picked(explorer):
    state = "σ = 0.4, rbf kernel, mask causal, positions none"
    assert repr(explorer) == f"Attention({state}, query 'cat', 6 tokens)"
    explorer.query = None
    assert repr(explorer) == f"Attention({state}, no query, 6 tokens)"


def ask(node, settings):
    """Weights and outputs of tokens.js for ``[(points, setting)]``."""
    script = (
        f'import {{ readFileSync }} from "node:fs"; const m = await import("{TOKENS_JS.as_uri()}");'
        'const answers = JSON.parse(readFileSync(0, "utf8")).map(([points, setting]) => {'
        "const weights = m.selfAttention(points, setting);"
        "return [weights, m.outputsOf(weights, points)]; });"
        "process.stdout.write(JSON.stringify(answers));"
    )
    done = subprocess.run(
        [node, "--input-type=module", "-e", script],
        input=json.dumps(settings), capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def in_python(points, setting):
    """The same by the package: outputs and weights."""
    n, sigma = len(points), setting["sigma"]
    masks = {
        "none": np.ones((n, n), bool),
        "causal": positions.causal_mask(n),
        "window": positions.window_mask(n, setting["reach"]),
    }
    mask, bias = masks[setting["mask"]], np.zeros((n, n))
    if setting["positions"] != "none":
        bias = positions.positional_scores(n, setting["positions"], setting["positionSigma"])
    if setting["kernel"] == "rbf" and setting["positions"] == "none":
        return d2lmini.nadaraya_watson(points, points, points, "gaussian", sigma, mask)
    length = np.linalg.norm(points, axis=1, keepdims=True)
    queries, keys = {
        "dot-product": (points, points),
        "cosine": (points / np.where(length, length, 1), points / np.where(length, length, 1)),
        # One more coordinate: q·k − |k|²/2 is −|q − k|²/2 up to a constant of the row.
        "rbf": (np.hstack([points, np.ones((n, 1))]), np.hstack([points, -(length**2) / 2])),
    }[setting["kernel"]]
    return d2lmini.dot_product_attention(queries, keys, points, mask, 1 / sigma**2, bias)


def test_weights_and_outputs_agree_with_python(node):
    rng = np.random.default_rng(6)
    names = "kernel", "mask", "positions", "sigma", "reach"
    choices = (
        ("dot-product", "rbf", "cosine"),
        ("none", "causal", "window"),
        ("none", "gaussian", "laplace"),
        (0.1, 2**0.25, 10.0),
        (1, 3),
    )
    settings = []
    for chosen in itertools.product(*choices):
        setting = {**dict(zip(names, chosen, strict=True)), "positionSigma": 1.5}
        settings += [(POINTS, setting), (rng.normal(size=(12, 2)), setting)]
    settings.append((POINTS * np.array([[0.0]] + [[1.0]] * 5), settings[-1][1]))  # the origin
    answers = ask(node, [(points.tolist(), setting) for points, setting in settings])
    for (points, setting), (weights, outputs) in zip(settings, answers, strict=True):
        expected_outputs, expected = in_python(points, setting)
        np.testing.assert_allclose(weights, expected, rtol=0, atol=1e-9, err_msg=str(setting))
        np.testing.assert_allclose(outputs, expected_outputs, rtol=0, atol=1e-9)
