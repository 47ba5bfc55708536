"""d2lmini: attention as kernel regression, small enough to read in an hour.

The smoother and the kernels come with ``import d2lmini``. Submodules that need more (``plots``,
``widgets``, the exercises behind ``check``) are loaded when they are first used, so importing the
package stays quick.
"""

from importlib import import_module

from .attention import (
    EmptyWindowWarning,
    attention_pooling,
    dot_product_attention,
    masked_softmax,
    nadaraya_watson,
)
from .bandwidth import leave_one_out_error, rule_of_thumb, select_bandwidth
from .kernels import KERNELS, Kernel
from .local_line import local_linear
from .smoothing import kernel_smooth

__version__ = "0.1.0"

__all__ = [
    "KERNELS",
    "EmptyWindowWarning",
    "Kernel",
    "attention_pooling",
    "check",
    "data",
    "dot_product_attention",
    "kernel_smooth",
    "leave_one_out_error",
    "local_linear",
    "masked_softmax",
    "nadaraya_watson",
    "progress",
    "rule_of_thumb",
    "select_bandwidth",
]

_SUBMODULES = (
    "attention",
    "bandwidth",
    "data",
    "exercise_checks",
    "in_context",
    "kernels",
    "learning",
    "plots",
    "positions",
    "progress_bar",
    "reading_heads",
    "small_transformer",
    "smoothing",
    "widgets",
)
_EXERCISES = ("check", "progress")


def __getattr__(name: str):
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    if name in _EXERCISES:
        return getattr(import_module(f"{__name__}.exercise_checks"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_SUBMODULES, "__version__"})
