"""The explorer of chapter 4: the errors of a bandwidth, and how the best one varies."""

import traitlets

from ..data import Sample
from ..kernels import KERNELS
from .base import Explorer, SampleView, load_module, of_view, sample_traits


class BandwidthView(SampleView):
    """Draws data, fit, heatmap and error curves over σ; computes them in JavaScript."""

    _esm = load_module("bandwidth.js")
    kernel = traitlets.Enum([k.name for k in KERNELS.values() if k.sd], "gaussian").tag(sync=True)
    sigma_range = traitlets.List(traitlets.Float()).tag(sync=True)


class Bandwidth(Explorer):
    """Explorer ``bandwidth``: move σ along its error curves; draw new samples and see what varies.

    True error, squared bias and variance are averages over the queries of the sample, the last two
    exact for its keys. A new sample leaves the last fits behind, faint, and a tick where its
    leave-one-out error was smallest.

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
    query = of_view("query", "Where the estimate is read off.")
    data_keys = of_view("data_keys", "The keys of the data points, (n,).")
    data_values = of_view("data_values", "The values of the data points, (n,).")

    def __init__(
        self,
        sample: Sample,
        sigma: float = 1.0,
        kernel: str = "gaussian",
        query: float | None = None,
    ):
        view = BandwidthView(
            explorer="bandwidth",
            label="Explorer: bandwidth",
            sigma=sigma,
            kernel=kernel,
            **sample_traits(sample, query),
        )
        view.remember_start("sigma", "query", "kernel", "data_keys", "data_values", "samples")
        super().__init__(view, sigmas=(0.03, 10.0))
        slider = self.sigma_slider
        view.sigma_range = [slider.base**slider.min, slider.base**slider.max]

    def __repr__(self) -> str:
        state = f"σ = {self.sigma:.3g}, {self.kernel} kernel, query {self.query:.3g}"
        return f"Bandwidth({state}, {len(self.data_keys)} keys)"
