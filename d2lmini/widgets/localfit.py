"""The explorer of chapter 5: a local constant and a local line, and their weights at one query."""

import traitlets

from ..data import Sample
from .base import SampleExplorer, SampleView, load_module, of_view


class LocalFitView(SampleView):
    """Draws both fits, the piece fitted at the query and its weights; computes in JavaScript."""

    _esm = load_module("localfit.js")
    noise = traitlets.Bool(True).tag(sync=True)


class LocalFit(SampleExplorer):
    """Explorer ``localfit``: a local constant and a local line on the same data, Gaussian kernel.

    Move σ, the query and the data; take the noise out of the values to see the bias alone.

    Parameters
    ----------
    sample : a sample of ``d2lmini.data``; a new one is drawn from the same truth on request.
    sigma : bandwidth at the start, positive.
    query : where the fits are looked into, in the units of the keys; the left end if not given.
    noise : False to begin with the truth itself at the keys.

    With a live kernel ``sigma``, ``query``, ``noise``, ``data_keys`` and ``data_values`` read and
    set its state.
    """

    noise = of_view("noise", "Whether the values have noise in them.")

    def __init__(
        self,
        sample: Sample,
        sigma: float = 0.5,
        query: float | None = None,
        noise: bool = True,
    ):
        query = sample.domain[0] if query is None else query
        super().__init__(
            LocalFitView, "local constant and local line", sample, query, sigma=sigma, noise=noise
        )

    def __repr__(self) -> str:
        values = "values with noise" if self.noise else "values without noise"
        state = f"σ = {self.sigma:.3g}, query {self.query:.3g}, {values}"
        return f"LocalFit({state}, {len(self.data_keys)} keys)"
