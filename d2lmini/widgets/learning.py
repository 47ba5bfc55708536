"""The explorer of chapter 6: w on its loss curve, and the training runs that lead there."""

from collections.abc import Mapping, Sequence

import numpy as np
import traitlets

from ..data import Sample
from .base import SampleExplorer, SampleView, load_module, of_view

LOSSES = ("leave-one-out", "leave-in")
SIGMAS = (0.001, 10.0)


class LearningView(SampleView):
    """Draws data, fit, heatmap, loss curves over w and a training run; computes in JavaScript."""

    _esm = load_module("learning.js")
    loss = traitlets.Enum(LOSSES, LOSSES[0]).tag(sync=True)
    epoch = traitlets.Int(0).tag(sync=True)
    runs = traitlets.Dict().tag(sync=True)
    sigma_range = traitlets.List(traitlets.Float()).tag(sync=True)
    resolution = traitlets.Int(401).tag(sync=True)


class Learning(SampleExplorer):
    """Explorer ``learning``: drag w = 1/σ along its loss curve, scrub the epochs of a training run.

    A new sample is trained anew, from the same w and for as many epochs, by gradient descent of
    step size 1 on log σ.

    Parameters
    ----------
    sample : a sample of ``d2lmini.data`` with two points at least.
    runs : w after each epoch of a training run, the start first, under the name of the loss that
        was minimised, ``leave-one-out`` or ``leave-in``: numbers (epochs + 1,), or a
        ``learning.Training``. Only |w| counts. A run that is not given is ``gradient_descent``.
    loss : the loss at the start, one of these names.
    epoch : the epoch at the start; the last of the run if that is shorter.
    query : where the estimate is read off, in the units of the keys; the middle if not given.

    With a live kernel ``sigma``, ``query`` and ``loss`` read and set its state. ``epoch`` reads
    the epoch, and setting it takes σ there.
    Errors: ValueError for fewer than two points, an unknown loss, a run that is empty or not
    finite, a negative epoch.
    """

    loss = of_view("loss", "The name of the loss that is trained on.")

    def __init__(
        self,
        sample: Sample,
        runs: Mapping[str, Sequence[float]] | None = None,
        loss: str = "leave-one-out",
        epoch: int = 10,
        query: float | None = None,
    ):
        if len(sample.keys) < 2:
            raise ValueError("the sample has fewer than two points, so none can be left out")
        if wrong := {loss, *(runs or {})}.difference(LOSSES):
            raise ValueError(f"no loss is called {sorted(wrong)[0]!r}; there are {LOSSES}")
        kept = {name: _run(name, run) for name, run in (runs or {}).items()}
        for name in LOSSES:
            kept.setdefault(name, gradient_descent(sample.keys, sample.values, name))
        if epoch < 0:
            raise ValueError(f"epoch must be 0 or more, but was {epoch}")
        epoch = min(epoch, len(kept[loss]) - 1)
        state = {"runs": kept, "loss": loss, "epoch": epoch, "sigma": _sigma(kept[loss][epoch])}
        super().__init__(LearningView, "learning w", sample, query, SIGMAS, **state)
        self.view.sigma_range = list(SIGMAS)

    @property
    def epoch(self) -> int:
        """The epoch of the training run."""
        return self.view.epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        run = self.view.runs[self.loss]
        if not 0 <= epoch < len(run):
            raise ValueError(f"epoch must be from 0 to {len(run) - 1}, but was {epoch}")
        self.view.epoch = epoch
        self.sigma = _sigma(run[epoch])

    def __repr__(self) -> str:
        state = f"w = {1 / self.sigma:.3g}, {self.loss} loss, epoch {self.epoch}"
        return f"Learning({state}, query {self.query:.3g}, {len(self.view.data_keys)} keys)"


def gradient_descent(
    keys: np.ndarray, values: np.ndarray, loss: str, epochs: int = 100
) -> list[float]:
    """Return w = 1/σ at the start, 1, and after each epoch of gradient descent on log σ, step 1.

    keys and values (n,); the loss is the mean squared error at the keys of the Gaussian smoother,
    each point left out or in. Chapter 6, (6.3) to (6.5).
    """
    squared = (keys[:, None] - keys) ** 2
    w, path = 1.0, [1.0]
    for _ in range(epochs):
        scores = -squared * w**2 / 2
        if loss == "leave-one-out":
            np.fill_diagonal(scores, -np.inf)
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        estimates = weights @ values
        centred = squared - (weights * squared).sum(axis=1, keepdims=True)
        slopes = -w * (weights * centred) @ values  # of the estimates, by w: (6.4)
        slope = 2 * np.mean((estimates - values) * slopes)
        w = float(w * np.exp(-w * slope))
        path.append(w)
    return path


def _run(name: str, run) -> list[float]:
    """The |w| of a run as a list; ValueError unless it is a row of finite numbers."""
    w = np.abs(np.asarray(getattr(run, "w", run), dtype=float))
    if w.ndim != 1 or not w.size or not np.isfinite(w).all():
        raise ValueError(f"the {name} run must be finite numbers w, one for each epoch")
    return w.tolist()


def _sigma(w: float) -> float:
    """1/w within the reach of the slider."""
    low, high = SIGMAS
    return min(high, max(low, 1 / w if w else high))
