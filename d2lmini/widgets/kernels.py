"""The explorer of chapter 3: seven kernels side by side, of equal width or of equal spread."""

import traitlets

from ..data import Sample
from ..kernels import KERNELS
from .base import SampleExplorer, SampleView, load_module, of_view


class KernelsView(SampleView):
    """Draws the gallery, the fit of one kernel over the others', and its window at the query."""

    _esm = load_module("kernels.js")
    kernel = traitlets.Enum(list(KERNELS), "gaussian").tag(sync=True)
    match = traitlets.Bool(False).tag(sync=True)


class Kernels(SampleExplorer):
    """Explorer ``kernels``: pick a kernel, give all of them the same width or the same spread.

    Under each shape of the gallery stands its mean squared error against the truth, at the queries
    of the sample. Without ``match``, σ is the width of every kernel; with it, σ is the standard
    deviation of every kernel that has one, and its width is σ / sd.

    Parameters
    ----------
    sample : a sample of ``d2lmini.data``; a new one is drawn from the same truth on request.
    sigma : bandwidth at the start, positive.
    kernel : a name in ``d2lmini.KERNELS``.
    match : whether the spreads are matched at the start.
    query : where the window stands, in the units of the keys; the middle if not given.

    With a live kernel ``sigma``, ``kernel``, ``match``, ``query``, ``data_keys`` and
    ``data_values`` read and set its state.
    """

    kernel = of_view("kernel", "The name of the kernel in colour.")
    match = of_view("match", "Whether σ is the standard deviation of the kernels, not the width.")

    def __init__(
        self,
        sample: Sample,
        sigma: float = 1.0,
        kernel: str = "gaussian",
        match: bool = False,
        query: float | None = None,
    ):
        state = {"sigma": sigma, "kernel": kernel, "match": match}
        super().__init__(KernelsView, "seven kernels", sample, query, **state)

    def __repr__(self) -> str:
        role = "standard deviation" if self.match else "width"
        state = f"σ = {self.sigma:.3g} as {role}, {self.kernel} kernel, query {self.query:.3g}"
        return f"Kernels({state}, {len(self.data_keys)} keys)"
