"""The explorer of chapter 7: a sentence as points in the plane that attend to each other."""

import math
from collections.abc import Sequence

import numpy as np
import traitlets

from .base import Explorer, View, load_module, of_view, positive

SIMILARITIES = ("dot-product", "rbf", "cosine")
MASKS = ("none", "causal", "window")
POSITIONS = ("none", "gaussian", "laplace")
RESTORED = ("query", "kernel", "mask", "positions", "tokens", "points", "shuffles")
MOST_TOKENS = 12


class AttentionView(View):
    """Draws sentence, plane and matrix of weights; computes them in JavaScript."""

    _esm = load_module("attention.js")
    tokens = traitlets.List(traitlets.Unicode()).tag(sync=True)
    points = traitlets.List(traitlets.List(traitlets.Float(), minlen=2, maxlen=2)).tag(sync=True)
    query = traitlets.Int(None, allow_none=True).tag(sync=True)
    kernel = traitlets.Enum(SIMILARITIES, "dot-product").tag(sync=True)
    mask = traitlets.Enum(MASKS, "none").tag(sync=True)
    reach = traitlets.Int(1).tag(sync=True)
    positions = traitlets.Enum(POSITIONS, "none").tag(sync=True)
    position_sigma = traitlets.Float(1.5).tag(sync=True)
    shuffles = traitlets.Int(0).tag(sync=True)
    limit = traitlets.Float(2.0).tag(sync=True)

    @traitlets.validate("query")
    def _check_query(self, proposal):
        query, n = proposal["value"], len(self.tokens)
        if query is None or 0 <= query < n:
            return query
        raise ValueError(f"query must be None or from 0 to {n - 1}, but was {query}")

    @traitlets.validate("points")
    def _check_points(self, proposal):
        return _points(proposal["value"], self.tokens)


class Attention(Explorer):
    """Explorer ``attention``: pick a query in the sentence, drag the tokens, change what is near.

    Each token is a point, which is its query, its key and its value. The weights are a softmax of
    the scores

        q·k / σ²  (dot-product),  -|q - k|² / 2σ²  (rbf),  cos(q, k) / σ²  (cosine)

    plus the logarithm of the positional kernel, over the keys that the mask lets through; σ² is
    the temperature. The cosine of the origin is taken to be 0.

    Parameters
    ----------
    tokens : 2 to 12 words in their order.
    points : their embeddings, (n, 2), finite.
    sigma : bandwidth at the start, positive. A head of width d has σ = d^¼.
    kernel : ``"dot-product"``, ``"rbf"`` or ``"cosine"``.
    mask : ``"none"``, ``"causal"`` (the key is not after the query) or ``"window"`` (it is at most
        ``reach`` positions away).
    positions : ``"none"``, ``"gaussian"`` or ``"laplace"``, the kernel of the positional factor.
    query : index of the picked token, counted from the end if negative; None for no one.
    position_sigma : bandwidth of the positional kernel, in positions, positive.
    reach : of the window, 0 or more positions to both sides.

    With a live kernel ``sigma``, ``query``, ``kernel``, ``mask``, ``positions`` and ``points``
    read and set its state; ``tokens`` reads the words in their present order.
    Errors: ValueError naming the argument, TraitError for an unknown kernel, mask or positions.
    """

    query = of_view("query", "Index of the picked token, None for no one.")
    kernel = of_view("kernel", "The name of the kernel.")
    mask = of_view("mask", "The name of the mask.")
    positions = of_view("positions", "The name of the positional kernel.")
    points = of_view("points", "The embeddings of the tokens in their present order, (n, 2).")

    def __init__(
        self,
        tokens: Sequence[str],
        points,
        sigma: float = 1.0,
        kernel: str = "dot-product",
        mask: str = "none",
        positions: str = "none",
        query: int | None = -1,
        position_sigma: float = 1.5,
        reach: int = 1,
    ):
        tokens = _tokens(tokens)
        points = _points(points, tokens)
        if query is not None and not -len(tokens) <= query < len(tokens):
            raise ValueError(
                f"query must be None or the index of one of {len(tokens)} tokens, but was {query}"
            )
        if reach < 0:
            raise ValueError(f"reach must be 0 or more, but was {reach}")
        super().__init__(
            AttentionView,
            "attention between tokens",
            sigmas=(0.1, 10.0),
            restored=RESTORED,
            tokens=tokens,
            points=points,
            query=None if query is None else query % len(tokens),
            sigma=sigma,
            kernel=kernel,
            mask=mask,
            reach=reach,
            positions=positions,
            position_sigma=positive("position_sigma", position_sigma),
            limit=_limit(points),
        )

    @property
    def tokens(self) -> list[str]:
        """The words in their present order."""
        return self.view.tokens

    def __repr__(self) -> str:
        picked = "no query" if self.query is None else f"query {self.tokens[self.query]!r}"
        state = f"σ = {self.sigma:.3g}, {self.kernel} kernel, mask {self.mask}"
        return (
            f"Attention({state}, positions {self.positions}, {picked}, {len(self.tokens)} tokens)"
        )


def _tokens(tokens: Sequence[str]) -> list[str]:
    """The tokens as a list; ValueError unless they are 2 to 12 words."""
    if isinstance(tokens, str):
        raise ValueError(f"tokens must be a sequence of words, but was the string {tokens!r}")
    tokens = list(tokens)
    if not 2 <= len(tokens) <= MOST_TOKENS:
        raise ValueError(f"tokens must be 2 to {MOST_TOKENS} words, but there were {len(tokens)}")
    if wrong := [token for token in tokens if not (isinstance(token, str) and token.strip())]:
        raise ValueError(f"tokens must be words, but one was {wrong[0]!r}")
    return tokens


def _points(points, tokens: list[str]) -> list[list[float]]:
    """The points as lists; ValueError unless there is a finite one in the plane for each token."""
    array = np.asarray(points, dtype=float)
    if array.shape != (len(tokens), 2):
        raise ValueError(f"points has shape {array.shape}; it must be ({len(tokens)}, 2)")
    if not np.isfinite(array).all():
        raise ValueError("points holds NaN or infinity; each number must be finite")
    return array.tolist()


def _limit(points: list[list[float]]) -> float:
    """How far the axes reach to all sides: a multiple of ½ with room for labels, 1.5 or more."""
    return max(1.5, math.ceil(2.2 * np.abs(points).max()) / 2)
