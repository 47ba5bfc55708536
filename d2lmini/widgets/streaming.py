"""The explorer of chapter 8: a pass over the keys with three numbers kept, and random features."""

import traitlets

from ..arguments import whole
from ..data import Sample
from .base import SampleExplorer, SampleView, load_module, of_view

BLOCK_SIZES = (1, 5, 10, 25)
SPREADS = (0.5, 1.0)
FEATURES = tuple(2**power for power in range(2, 13))


class StreamingView(SampleView):
    """Draws the pass, what is kept of it, and estimated softmax weights; computes in JavaScript."""

    _esm = load_module("streaming.js")
    blocks = traitlets.Int(0, min=0).tag(sync=True)
    block_size = traitlets.Enum(BLOCK_SIZES, 10).tag(sync=True)
    features = traitlets.Enum(FEATURES, 256).tag(sync=True)
    spread = traitlets.Enum(SPREADS, 0.5).tag(sync=True)
    draws = traitlets.Int(1, min=1).tag(sync=True)


class Streaming(SampleExplorer):
    """Explorer ``streaming``: the softmax average in one pass over the keys, block by block.

    Running maximum, numerator, denominator and the estimate so far, Gaussian kernel; below, softmax
    weights in 16 dimensions, exact and by positive random features (Choromanski et al. 2020).

    Parameters
    ----------
    sample : a sample of ``d2lmini.data``; a new one is drawn from the same truth on request.
    sigma : bandwidth at the start, positive.
    query : whose sums are shown, in the units of the keys; the middle if not given.
    block_size : keys that are read at once, 1, 5, 10 or 25.
    blocks : how many blocks have been read at the start.

    With a live kernel ``sigma``, ``query``, ``blocks``, ``block_size``, ``features`` and ``spread``
    read and set its state. Errors: ValueError for a block size that is not one of these, and unless
    blocks is a whole number, 0 or more.
    """

    blocks = of_view("blocks", "How many blocks of keys have been read.")
    block_size = of_view("block_size", "How many keys are read at once.")
    features = of_view("features", "How many random features are drawn, a power of 2.")
    spread = of_view("spread", "Standard deviation of the entries of queries and keys.")

    def __init__(
        self,
        sample: Sample,
        sigma: float = 0.5,
        query: float | None = None,
        block_size: int = 10,
        blocks: int = 2,
    ):
        if block_size not in BLOCK_SIZES:
            raise ValueError(f"block_size is {block_size!r}; it must be one of {BLOCK_SIZES}")
        state = {
            "blocks": whole("blocks", blocks, 0),
            "block_size": block_size,
            "features": 256,
            "spread": 0.5,
            "draws": 1,
        }
        title = "a pass over the keys, and random features"
        super().__init__(StreamingView, title, sample, query, sigma=sigma, **state)

    def __repr__(self) -> str:
        n = len(self.data_keys)
        read = min(n, self.blocks * self.block_size)
        return f"Streaming(σ = {self.sigma:.3g}, query {self.query:.3g}, {read} of {n} keys read)"
