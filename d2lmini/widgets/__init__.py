"""Explorers: one ipywidget each, alive in Jupyter and in the built page alike."""

from .attention import Attention
from .average import Average
from .bandwidth import Bandwidth
from .heads import Heads
from .kernels import Kernels
from .learning import Learning
from .localfit import LocalFit
from .smoother import Smoother
from .streaming import Streaming

__all__ = [
    "Attention",
    "Average",
    "Bandwidth",
    "Heads",
    "Kernels",
    "Learning",
    "LocalFit",
    "Smoother",
    "Streaming",
]
