"""The explorer of chapter 2: kernel, bandwidth and query of a Nadaraya–Watson smoother."""

import traitlets

from ..data import Sample
from ..kernels import KERNELS
from .base import SampleExplorer, SampleView, load_module, of_view


class SmootherView(SampleView):
    """Draws data, estimate, weights at the query and heatmap; computes them in JavaScript."""

    _esm = load_module("smoother.js")
    kernel = traitlets.Enum(list(KERNELS), "gaussian").tag(sync=True)


class Smoother(SampleExplorer):
    """Explorer ``smoother``: move σ, the query, the data; pick the kernel; draw a new sample.

    Parameters
    ----------
    sample : a sample of ``d2lmini.data``; a new one is drawn from the same truth on request.
    sigma : bandwidth at the start, positive.
    kernel : a name in ``d2lmini.KERNELS``.
    query : where the estimate is read off, in the units of the keys; the middle if not given.

    With a live kernel ``sigma``, ``query``, ``kernel``, ``data_keys`` and ``data_values``
    read and set its state.
    """

    kernel = of_view("kernel", "The name of the kernel.")

    def __init__(
        self,
        sample: Sample,
        sigma: float = 0.5,
        kernel: str = "gaussian",
        query: float | None = None,
    ):
        super().__init__(SmootherView, "kernel smoother", sample, query, sigma=sigma, kernel=kernel)

    def __repr__(self) -> str:
        state = f"σ = {self.sigma:.3g}, {self.kernel} kernel, query {self.query:.3g}"
        return f"Smoother({state}, {len(self.data_keys)} keys)"
