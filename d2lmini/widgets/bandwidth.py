"""The explorer of chapter 4: the errors of a bandwidth, and how the best one varies."""

import traitlets

from ..data import Sample
from ..kernels import KERNELS
from .base import SampleExplorer, SampleView, load_module, of_view


class BandwidthView(SampleView):
    """Draws data, fit, heatmap and error curves over σ; computes them in JavaScript."""

    _esm = load_module("bandwidth.js")
    kernel = traitlets.Enum([k.name for k in KERNELS.values() if k.sd], "gaussian").tag(sync=True)
    sigma_range = traitlets.List(traitlets.Float()).tag(sync=True)


class Bandwidth(SampleExplorer):
    """Explorer ``bandwidth``: move σ along its error curves; draw new samples and see what varies.

    True error, squared bias and variance are averages over the queries of the sample, the last two
    exact for its keys. A new sample leaves the last fits behind, faint, and two dots: where its
    leave-one-out error and its true error were smallest. Another kernel starts those anew.

    Parameters
    ----------
    sample : a sample of ``d2lmini.data``; new ones are drawn from the same truth on request.
    sigma : bandwidth at the start, positive.
    kernel : a name in ``d2lmini.KERNELS``, but not ``constant``, which has no bandwidth.
    query : where the estimate is read off, in the units of the keys; the middle if not given.

    With a live kernel ``sigma``, ``query``, ``kernel``, ``data_keys`` and ``data_values``
    read and set its state.
    """

    kernel = of_view("kernel", "The name of the kernel.")

    def __init__(
        self,
        sample: Sample,
        sigma: float = 1.0,
        kernel: str = "gaussian",
        query: float | None = None,
    ):
        super().__init__(BandwidthView, "bandwidth", sample, query, sigma=sigma, kernel=kernel)
        slider = self.sigma_slider
        self.view.sigma_range = [slider.base**slider.min, slider.base**slider.max]

    def __repr__(self) -> str:
        state = f"σ = {self.sigma:.3g}, {self.kernel} kernel, query {self.query:.3g}"
        return f"Bandwidth({state}, {len(self.data_keys)} keys)"
