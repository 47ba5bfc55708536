"""The explorer of chapter 1: one mean for every query, and what the values near the query say."""

from ..data import Sample
from .base import SampleExplorer, SampleView, load_module


class AverageView(SampleView):
    """Draws the mean, the flat weights and a window of half-width σ; computes in JavaScript."""

    _esm = load_module("average.js")


class Average(SampleExplorer):
    """Explorer ``average``: drag the query and nothing follows it; drag a value, move the mean.

    A window reaches σ to both sides of the query; the mean of the values inside stands beside the
    mean of all values, which it becomes once the window holds every key.

    Parameters
    ----------
    sample : a sample of ``d2lmini.data``; a new one is drawn from the same truth on request.
    sigma : half the width of the window at the start, positive.
    query : where the window stands, in the units of the keys; the middle if not given.

    With a live kernel ``sigma``, ``query``, ``data_keys`` and ``data_values`` read and set its
    state.
    """

    def __init__(self, sample: Sample, sigma: float = 0.5, query: float | None = None):
        super().__init__(AverageView, "average pooling", sample, query, sigma=sigma)

    def __repr__(self) -> str:
        state = f"σ = {self.sigma:.3g}, query {self.query:.3g}"
        return f"Average({state}, {len(self.data_keys)} keys)"
