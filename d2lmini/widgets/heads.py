"""The explorer of chapter 9: a trained transformer at a regression, and its heads as smoothers."""

import base64
from functools import cache
from pathlib import Path

import numpy as np
import traitlets

from ..data import Sample
from .base import SampleExplorer, SampleView, load_module, of_view

_MODEL = Path(__file__).parents[1] / "trained" / "regression.npz"


@cache
def _numbers() -> str:
    """The numbers of the regression model in half precision, in PyTorch's order, as base64."""
    with np.load(_MODEL) as stored:
        parts = [stored[name].astype("<f2").tobytes() for name in stored.files]
    return base64.b64encode(b"".join(parts)).decode()


class HeadsView(SampleView):
    """Draws the model's prediction and the weights of one head; computes in JavaScript."""

    _esm = load_module("heads.js")
    numbers = traitlets.Unicode().tag(sync=True)
    layer = traitlets.Enum((1, 2), 1).tag(sync=True)
    head = traitlets.Enum((1, 2), 1).tag(sync=True)
    temperature = traitlets.Float(1.0, min=0.01).tag(sync=True)


class Heads(SampleExplorer):
    """Explorer ``heads``: a small trained transformer estimates a curve; its heads as smoothers.

    The model of ``d2lmini.small_transformer``, beside Nadaraya-Watson with bandwidth σ and the best
    possible prediction; the weights of one head beside the Gaussian that comes nearest to them.

    Parameters
    ----------
    sample : of ``data.slow_sine``, such as the model was trained for; a new one is drawn from the
        same truth on request.
    sigma : bandwidth of the smoother at the start, positive.
    query : where the head is read, in the units of the keys; the middle if not given.
    layer, head : which head, each 1 or 2.

    With a live kernel ``sigma``, ``query``, ``layer``, ``head``, ``temperature``, ``data_keys`` and
    ``data_values`` read and set its state. Errors: ValueError for another layer or head.
    """

    layer = of_view("layer", "The layer of the head, 1 or 2.")
    head = of_view("head", "Which head of the layer, 1 or 2.")
    temperature = of_view("temperature", "What divides the scores of all heads.")

    def __init__(
        self,
        sample: Sample,
        sigma: float = 0.25,
        query: float | None = None,
        layer: int = 1,
        head: int = 1,
    ):
        for name, given in (("layer", layer), ("head", head)):
            if given not in (1, 2):
                raise ValueError(f"{name} is {given!r}; it must be 1 or 2")
        state = {"layer": layer, "head": head, "temperature": 1.0}
        super().__init__(
            HeadsView, "a trained transformer and its heads", sample, query, sigma=sigma, **state
        )
        self.view.numbers, self.view.resolution = _numbers(), 101

    def __repr__(self) -> str:
        where = f"layer {self.layer}, head {self.head}, temperature {self.temperature:.3g}"
        return f"Heads({where}, query {self.query:.3g}, {len(self.data_keys)} points)"
