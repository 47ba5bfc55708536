"""The transformers of chapter 9 in JavaScript against PyTorch, their readings against Python."""

import base64
import json
import subprocess

import numpy as np
import pytest
import torch

from d2lmini import in_context, reading_heads, small_transformer
from d2lmini.widgets import Heads
from d2lmini.widgets.heads import BEST_SIGMAS, _heights
from tools import ROOT

FOLDER = ROOT / "d2lmini" / "widgets" / "js"
TEMPERATURES = (0.25, 1.0, 4.0)
START = f"""
import {{ readFileSync }} from "node:fs";
const t = await import("{(FOLDER / "transformer.js").as_uri()}");
const p = await import("{(FOLDER / "problems.js").as_uri()}");
const asked = JSON.parse(readFileSync(0, "utf8"));
const plain = (found) => Array.from(found);
const modelIn = ({{ numbers, sizes }}) => t.unpack(
  new DataView(Uint8Array.from(atob(numbers), (c) => c.charCodeAt(0)).buffer), sizes);
const answer = (found) => process.stdout.write(JSON.stringify(found));
"""


def ask(node, script, **asked):
    """What the script answers in node; ``asked`` is what it is given, ``t`` and ``p`` modules."""
    done = subprocess.run(
        [node, "--input-type=module", "-e", START + script],
        input=json.dumps(asked), capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def shipped(name):
    """The numbers of a model as the explorer sends them."""
    view = Heads(name).view
    return {"numbers": base64.b64encode(view.numbers).decode(), "sizes": view.sizes}


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def at_temperature(name, temperature):
    """The model in PyTorch, all its scores divided by the temperature."""
    model = small_transformer.load(name)
    for layer in model.layers:
        layer.query.weight /= temperature
        if layer.log_position is not None:
            layer.log_position /= temperature
    return model


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_the_regression_model_is_that_of_pytorch(node, temperature):
    model = at_temperature("regression", temperature)
    problems = [in_context.curves(1, n, 7, rng(n))[:3] for n in (1, 2, 9, 24, 32, 64)]
    cases = [[each[0].tolist() for each in problem] for problem in problems]
    answers = ask(
        node,
        """const model = modelIn(asked.model);
        answer(asked.cases.map(([queries, keys, values]) => {
          const points = t.readPoints(model, keys, values, asked.temperature);
          const { predictions, weights } = t.ask(model, points, queries, asked.temperature);
          return [predictions, ...points.map((layer) => layer.weights), ...weights].map(plain);
        }));""",
        model=shipped("regression"), cases=cases, temperature=temperature,
    )  # fmt: skip
    for problem, (predicted, *found) in zip(problems, answers, strict=True):
        expected, weights = model(*problem)
        n = problem[1].shape[1]
        np.testing.assert_allclose(predicted, expected[0], rtol=0, atol=1e-5)
        for layer in range(2):
            rows = [np.reshape(found[layer], (2, n, n)), np.reshape(found[layer + 2], (2, 7, n))]
            whole = np.concatenate(rows, axis=1)
            np.testing.assert_allclose(whole, weights[layer][0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_the_text_model_is_that_of_pytorch(node, temperature):
    model = at_temperature("text", temperature)
    texts = [in_context.texts(1, n, rng(n))[0] for n in (1, 2, 24, 64)]
    answers = ask(
        node,
        """const model = modelIn(asked.model);
        answer(asked.texts.map((letters) => {
          const { probabilities, weights } = t.readText(model, letters, asked.temperature);
          return [probabilities, ...weights].map(plain);
        }));""",
        model=shipped("text"), texts=[text[0].tolist() for text in texts], temperature=temperature,
    )  # fmt: skip
    for text, (probabilities, *found) in zip(texts, answers, strict=True):
        scores, weights = model(text)
        expected, n = torch.softmax(scores[0], -1), text.shape[1]
        np.testing.assert_allclose(np.reshape(probabilities, (n, 8)), expected, rtol=0, atol=1e-5)
        for layer in range(2):
            whole = np.reshape(found[layer], (2, n, n))
            np.testing.assert_allclose(whole, weights[layer][0], rtol=0, atol=1e-5)


def test_a_head_is_read_as_python_reads_it(node):
    queries, keys, values, _ = in_context.curves(4, 24, 5, rng(5))
    _, weights = small_transformer.load("regression")(queries, keys, values)
    shapes = (weights[layer][b, head, 24 + i] for layer in (0, 1) for head in (0, 1)
              for b in range(4) for i in range(5))  # fmt: skip
    places = [(queries[b, i], keys[b]) for _ in range(4) for b in range(4) for i in range(5)]
    rows = [
        (row.double() / row.double().sum(), query.double(), key.double())
        for row, (query, key) in zip(shapes, places, strict=True)
    ]
    rng_rows = np.random.default_rng(1)
    for _ in range(20):  # weights of no Gaussian at all
        row = torch.tensor(rng_rows.dirichlet(np.full(24, 0.4)))
        rows.append((row, queries[0, 0].double(), keys[0].double()))
    cases = [[row.tolist(), query.item(), key.tolist()] for row, query, key in rows]
    answers = ask(node, "answer(asked.cases.map((each) => t.readHead(...each)));", cases=cases)
    widest = 0
    for (row, query, key), found in zip(rows, answers, strict=True):
        expected = reading_heads.read_head(row.numpy()[None], query.numpy()[None], key.numpy())
        assert found["fit"] == pytest.approx(expected.fit, abs=1e-9)
        assert found["distance"] == pytest.approx(expected.distance, abs=1e-9)
        if found["sigma"] is None:  # NaN: the widest that is tried fits best
            widest += 1
            assert expected.sigma >= 9 * np.ptp(key.numpy())
        else:
            assert found["sigma"] == pytest.approx(expected.sigma, rel=1e-9)
    assert widest < len(rows) / 2


def test_the_best_predictions_are_those_of_python(node):
    queries, keys, values, _ = (each.double() for each in in_context.curves(3, 24, 6, rng(6)))
    cases = [[each[b].tolist() for each in (queries, keys, values)] for b in range(3)]
    curves = ask(
        node, "answer(asked.cases.map((each) => plain(p.bestCurve(...each))));", cases=cases
    )
    np.testing.assert_allclose(curves, in_context.best_curve(queries, keys, values), atol=1e-5)
    letters, _ = in_context.texts(1, 30, rng(7))
    cases = [[letters[0].tolist(), i] for i in range(30)]
    chances = ask(
        node, "answer(asked.cases.map((each) => plain(p.bestLetters(...each))));", cases=cases
    )
    np.testing.assert_allclose(chances, in_context.best_letters(letters)[0], atol=1e-6)


@pytest.mark.parametrize("sigma", [0.05, 0.3, 0.7, 3.0])
def test_the_smoother_over_pairs_is_that_of_python(node, sigma):
    letters = in_context.texts(1, 30, rng(8))[0][0].numpy()
    cases = [[letters.tolist(), i, sigma] for i in range(1, 30)]
    answers = ask(
        node,
        """answer(asked.cases.map((each) => {
          const { weights, probabilities } = p.pairSmoother(...each);
          return [plain(weights), plain(probabilities)];
        }));""",
        cases=cases,
    )
    for i, (weights, probabilities) in enumerate(answers, start=1):
        expected = reading_heads.bigram_probabilities(letters[: i + 1], 8, sharpness=sigma**-2)
        np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-9)
        assert sum(weights) == pytest.approx(1)
        assert np.bincount(letters[: i + 1], weights, 8) == pytest.approx(expected, abs=1e-9)


def test_curves_are_the_random_ones_of_python(node):
    """Their series has the covariance of ``in_context.curves``, and is the same in Python."""
    places = np.linspace(-2, 2, 9)
    units = np.eye(40).tolist()
    rows = ask(
        node, "answer(asked.units.map((c) => asked.places.map((x) => p.curveAt(c, x))));",
        units=units, places=places.tolist(),
    )  # fmt: skip
    features = np.array(rows)
    expected = np.exp(-(((places[:, None] - places) / 0.8) ** 2) / 2)
    np.testing.assert_allclose(features.T @ features, expected, rtol=0, atol=1e-8)
    for k in (0, 1, 7, 39):
        np.testing.assert_allclose(_heights(np.eye(40)[k], places), features[k], atol=1e-12)


def test_problems_drawn_in_the_browser_are_like_those_of_training(node):
    """The model is as good on them: mean squared errors and surprises, against Python's."""
    drawn = ask(
        node, """answer(asked.seeds.map((seed) => {
          const problem = p.drawProblem(24, [-2, 2], [-3, 3], seed);
          return [problem.data_keys, problem.data_values,
            asked.places.map((x) => p.curveAt(problem.curve, x)), p.drawText(24, seed)];
        }));""",
        seeds=list(range(1, 401)), places=[-1.5, -0.5, 0.0, 1.0],
    )  # fmt: skip
    keys, values, truth = (torch.tensor([each[i] for each in drawn]) for i in range(3))
    queries = torch.tensor([[-1.5, -0.5, 0.0, 1.0]]).expand(400, -1)
    found = torch.mean((in_context.best_curve(queries, keys, values) - truth) ** 2).item()
    *given, heights = in_context.curves(2000, 24, 4, rng(9))
    expected = torch.mean((in_context.best_curve(*given) - heights) ** 2).item()
    assert found == pytest.approx(expected, rel=0.3)
    assert truth.var().item() == pytest.approx(1, abs=0.15)
    letters = torch.tensor([each[3] for each in drawn])
    found = in_context.nats(in_context.best_letters(letters), letters)
    others, _ = in_context.texts(2000, 24, rng(10))
    expected = in_context.nats(in_context.best_letters(others), others)
    assert found == pytest.approx(expected, abs=0.06)


def test_the_sigma_at_the_start_is_the_best_over_many_problems():
    *given, truth = in_context.curves(3000, 24, 8, rng(11))
    queries, keys, values = given
    squares = (queries[..., None] - keys[:, None]) ** 2

    def error(sigma):
        weights = torch.softmax(-squares / (2 * sigma**2), -1)
        return torch.mean(((weights @ values[..., None])[..., 0] - truth) ** 2).item()

    sigma = BEST_SIGMAS["regression"]
    assert error(sigma) < min(error(0.8 * sigma), error(1.25 * sigma))
    letters = in_context.texts(150, 24, rng(12))[0].numpy()

    def surprise(sigma):
        chances = [
            reading_heads.bigram_probabilities(text[:i], 8, sigma**-2)[text[i]]
            for text in letters
            for i in range(4, 24)
        ]
        return -np.mean(np.log(np.maximum(chances, 1e-3)))

    sigma = BEST_SIGMAS["text"]
    assert surprise(sigma) < min(surprise(0.7 * sigma), surprise(1.5 * sigma))
