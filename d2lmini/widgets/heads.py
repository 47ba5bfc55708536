"""The explorer of chapter 9: the heads of a trained transformer, read as smoothers."""

import math
from pathlib import Path

import numpy as np
import traitlets

from ..arguments import whole
from .base import Explorer, View, load_module, of_view

TRAINED = Path(__file__).parents[1] / "trained"
LETTERS = "ABCDEFGH"
#: The bandwidths that predict best, over many problems: of 24 points, of 24 letters.
BEST_SIGMAS = {"regression": 0.225, "text": 0.7}
#: Where the curves live: their places, their heights.
DOMAIN, VALUE_RANGE = (-2.0, 2.0), (-3.0, 3.0)
TEMPERATURES = (0.25, 4.0)
COMMON = ("query", "layer", "head", "temperature", "samples")
RESTORED = {
    "regression": (*COMMON, "curve", "data_keys", "data_values"),
    "text": (*COMMON, "letters"),
}


class HeadsView(View):
    """Draws predictions and weights of a trained model, which it runs in JavaScript."""

    _esm = load_module("heads.js")
    model = traitlets.Enum(list(RESTORED)).tag(sync=True)
    #: The numbers of the model, little-endian float16, and which are which.
    numbers = traitlets.Bytes().tag(sync=True)
    sizes = traitlets.List().tag(sync=True)
    query = traitlets.Float().tag(sync=True)
    layer = traitlets.Int(1, min=1, max=2).tag(sync=True)
    head = traitlets.Int(1, min=1, max=2).tag(sync=True)
    temperature = traitlets.Float(1.0, min=TEMPERATURES[0], max=TEMPERATURES[1]).tag(sync=True)
    samples = traitlets.Int(0).tag(sync=True)
    curve = traitlets.List(traitlets.Float()).tag(sync=True)
    data_keys = traitlets.List(traitlets.Float()).tag(sync=True)
    data_values = traitlets.List(traitlets.Float()).tag(sync=True)
    letters = traitlets.List(traitlets.Int(min=0, max=7)).tag(sync=True)
    domain = traitlets.List(traitlets.Float(), list(DOMAIN)).tag(sync=True)
    value_range = traitlets.List(traitlets.Float(), list(VALUE_RANGE)).tag(sync=True)
    resolution = traitlets.Int(61).tag(sync=True)

    @traitlets.validate("query")
    def _check_query(self, proposal):
        return _query(proposal["value"], len(self.letters) if self.model == "text" else None)


class Heads(Explorer):
    """Explorer ``heads``: a trained transformer predicts; pick a head, see what it hears.

    The model is one of ``d2lmini.small_transformer``; its numbers travel with the explorer, and
    JavaScript runs it. "regression" predicts a curve from points that can be dragged, beside the
    Gaussian smoother of the same points and the best prediction possible. "text" predicts the next
    letter, beside the smoother over pairs of letters and the best. The weights of one head at the
    query stand below, with the Gaussian that fits them best.

    Parameters
    ----------
    model : "regression" or "text".
    sigma : bandwidth of the smoother at the start, positive; the one that predicts best over many
        problems if not given. In a text a letter is a one-hot vector, so a pair that begins with
        another letter weighs exp(-1/σ²).
    query : where it is predicted; a place for the curve, (-2, 2), an index of a letter for the
        text, counted from the end if negative. 0.5 and the last letter if not given.
    layer, head : whose weights are shown, each 1 or 2.
    temperature : divides the scores of all heads, from 0.25 to 4; the model was trained at 1.
    n : how many points, or letters if no text is given, 2 to 64.
    text : a text in letters A to H, 2 to 64 of them, instead of one that is drawn.
    seed : of what is drawn at the start.

    With a live kernel ``sigma``, ``query``, ``layer``, ``head`` and ``temperature`` read and set
    its state. Errors: ValueError naming the argument.
    """

    query = of_view("query", "Where it is predicted: a place, or the index of a letter.")
    layer = of_view("layer", "The layer whose weights are shown, 1 or 2.")
    head = of_view("head", "The head whose weights are shown, 1 or 2.")
    temperature = of_view("temperature", "What divides the scores of all heads.")

    def __init__(
        self,
        model: str = "regression",
        sigma: float | None = None,
        query: float | None = None,
        layer: int = 1,
        head: int = 1,
        temperature: float = 1.0,
        n: int = 24,
        text: str | None = None,
        seed: int = 14,
    ):
        _check(model, layer, head, temperature, n, text)
        rng = np.random.default_rng(seed)
        if model == "text":
            shown = {"letters": _letters(text, n, rng)}
            query = _index(-1 if query is None else query, len(shown["letters"]))
        else:
            shown = _problem(n, rng)
            query = 0.5 if query is None else _query(query)
        numbers, sizes = _numbers(model)
        title = f"the heads of a trained transformer, {model}"
        state = {"query": query, "layer": layer, "head": head, "temperature": temperature, **shown}
        super().__init__(
            HeadsView, title, (0.03, 3.0), RESTORED[model], model=model, numbers=numbers,
            sizes=sizes, sigma=BEST_SIGMAS[model] if sigma is None else sigma, **state,
        )  # fmt: skip

    @property
    def model(self) -> str:
        """The name of the model."""
        return self.view.model

    @property
    def text(self) -> str:
        """The text that is shown; empty for the regression model."""
        return "".join(LETTERS[letter] for letter in self.view.letters)

    def __repr__(self) -> str:
        state = f"σ = {self.sigma:.3g}, query {self.query:.3g}"
        shown = f"{len(self.text)} letters" if self.text else f"{len(self.view.data_keys)} points"
        return f"Heads({self.model}, {state}, layer {self.layer}, head {self.head}, {shown})"


def _check(model: str, layer: int, head: int, temperature: float, n: int, text: str | None) -> None:
    """ValueError that names the first argument that cannot be."""
    if model not in RESTORED:
        raise ValueError(f"model is {model!r}; it must be one of {', '.join(RESTORED)}")
    for name, given in (("layer", layer), ("head", head)):
        if given not in (1, 2):
            raise ValueError(f"{name} is {given!r}; it must be 1 or 2")
    low, high = TEMPERATURES
    if not low <= temperature <= high:
        raise ValueError(f"temperature is {temperature!r}; it must be from {low} to {high}")
    if whole("n", n, 2) > 64:
        raise ValueError(f"n is {n!r}; it must be at most 64")
    if text is not None and model != "text":
        raise ValueError("text is given, which the regression model cannot read")


def _numbers(model: str) -> tuple[bytes, list[list]]:
    """The numbers of a model as little-endian float16, and the name and size of each array."""
    with np.load(TRAINED / f"{model}.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    run = b"".join(np.ascontiguousarray(each, "<f2").tobytes() for each in arrays.values())
    return run, [[name, each.size] for name, each in arrays.items()]


def _query(query: float, count: int | None = None) -> float:
    """The query as a float; ValueError unless it is finite, or an index below ``count``."""
    if count and not (0 <= query < count and query == int(query)):
        raise ValueError(f"query must be whole, from 0 to {count - 1}, but was {query!r}")
    if not math.isfinite(query):
        raise ValueError(f"query must be finite, but was {query!r}")
    return float(query)


def _index(query: float, count: int) -> float:
    """The index counted from the start; ValueError unless it is that of a letter."""
    if not (-count <= query < count and query == int(query)):
        raise ValueError(f"query must be the index of one of {count} letters, but was {query!r}")
    return query % count


def _problem(n: int, rng: np.random.Generator) -> dict[str, list[float]]:
    """A random curve, by its coefficients (problems.js), and n noisy points of it, all in sight."""
    low, high = VALUE_RANGE
    while True:
        curve = rng.normal(size=40)
        keys = np.sort(rng.uniform(*DOMAIN, n))
        values = _heights(curve, keys) + 0.3 * rng.normal(size=n)
        seen = np.concatenate([values, _heights(curve, np.linspace(*DOMAIN, 41))])
        if low < seen.min() and seen.max() < high:
            break
    return {"curve": curve.tolist(), "data_keys": keys.tolist(), "data_values": values.tolist()}


def _heights(curve: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The curve with these coefficients at some places (m,): (m,)."""
    u = np.asarray(places)[:, None] / 0.8
    order = np.arange(len(curve))
    roots = np.array([math.sqrt(math.factorial(k)) for k in order])
    return np.exp(-(u**2) / 2)[:, 0] * (u**order / roots @ curve)


def _letters(text: str | None, n: int, rng: np.random.Generator) -> list[int]:
    """The letters of a text, 0 to 7; without one n letters are drawn, by a random grammar."""
    if text is None:
        grammar, letters = rng.dirichlet(np.full(8, 0.3), size=8), [int(rng.integers(8))]
        while len(letters) < n:
            letters.append(int(rng.choice(8, p=grammar[letters[-1]])))
        text = "".join(LETTERS[letter] for letter in letters)
    if not (isinstance(text, str) and 2 <= len(text) <= 64 and set(text) <= set(LETTERS)):
        raise ValueError(f"text is {text!r}; it must be 2 to 64 letters from A to H")
    return [LETTERS.index(letter) for letter in text]
