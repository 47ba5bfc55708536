"""Smoothing kernels: nonnegative bumps K(u), u = |q - k| / sigma, given by their logarithm.

log K is the score of attention, so a kernel that is 0 beyond u = 1 is a mask. Constants in front
of K cancel when the weights are normalised. NumPy arrays and torch tensors alike. Chapter 3.
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Union

import numpy as np

if TYPE_CHECKING:
    import torch

#: A NumPy array or a torch tensor; what comes in decides what goes out.
Array = Union[np.ndarray, "torch.Tensor"]


@dataclass(frozen=True)
class Kernel:
    """A kernel: ``kernel(u)`` is K(u), ``kernel.score(u)`` is log K(u), -inf where K is 0.

    support: K is 0 for u > support (1.0 or inf). sd: standard deviation of the density K / ∫K on
    the line, None if there is none. formula: K in LaTeX.
    log_ratio: for infinite support, log K(u) - log K(t) from the gap u - t and the middle
    (u + t) / 2: exact where both logarithms are huge. Without it the scores are subtracted.
    power: p where log K(c u) = c^p log K(u), as for the Gaussian (2) and Laplace (1); else None.
    of_square: for finite support, log K up to a constant as a function of u^2, finite everywhere:
    its derivatives at u = 0, where |q - k| has none, are those of K.
    """

    name: str
    score: Callable[[Array], Array]
    support: float
    sd: float | None
    formula: str
    log_ratio: Callable[[Array, Array], Array] | None = None
    power: int | None = None
    of_square: Callable[[Array], Array] | None = None

    def __call__(self, u: Array) -> Array:
        """K(u), of the shape of u."""
        with np.errstate(over="ignore", under="ignore"):
            scores = self.score(u)
            return namespace(scores).exp(scores)

    def __repr__(self) -> str:
        return f"Kernel({self.name!r}, support={self.support:g}, K(u) = {self.formula})"


def namespace(*arrays: Any) -> Any:
    """The library of the arrays: torch if one is a tensor, else NumPy. Never imports torch."""
    torch = sys.modules.get("torch")
    tensor = torch is not None and any(isinstance(array, torch.Tensor) for array in arrays)
    return torch if tensor else np


def _floating(u):
    """u as a floating array, and its library."""
    xp = namespace(u)
    u = np.asarray(u) if xp is np else u
    floating = u.is_floating_point() if xp is not np else u.dtype.kind == "f"
    return (u if floating else u / 1), xp


def _size(u):
    """|u| as a floating array, and its library."""
    u, xp = _floating(u)
    return xp.abs(u), xp


def _log(x, xp):
    """log x where x > 0, else -inf: no warning, and no NaN in gradients."""
    inside = x > 0
    return xp.where(inside, xp.log(xp.where(inside, x, 1.0)), -math.inf)


def _gaussian(u):
    u, _ = _floating(u)
    with np.errstate(over="ignore", under="ignore"):
        return -0.5 * u * u


def _gaussian_ratio(gap, middle):
    return -gap * middle


def _constant(u):
    u, xp = _size(u)
    return 0 * xp.clip(u, 0, 1)  # a zero with a gradient, which is zero too


def _boxcar(u):
    u, xp = _size(u)
    return xp.where(u <= 1, _constant(u), -math.inf)


def _triangular(u):
    u, xp = _size(u)
    return _log(1 - u, xp)


def _epanechnikov(u):
    u, xp = _size(u)
    u = xp.clip(u, 0, 1)
    return math.log(0.75) + _log((1 - u) * (1 + u), xp)


def _epanechnikov_of_square(square):
    xp = namespace(square)
    return xp.log(xp.where(square < 1, 1 - square, 1.0))


def _tricube(u):
    u, xp = _size(u)
    u = xp.clip(u, 0, 1)
    return 3 * _log((1 - u) * (1 + u + u * u), xp)


def _laplace(u):
    u, _ = _size(u)
    return -u


def _laplace_ratio(gap, middle):
    return -gap


#: The seven kernels of chapter 3, by name.
KERNELS: dict[str, Kernel] = {
    kernel.name: kernel
    for kernel in (
        Kernel("gaussian", _gaussian, math.inf, 1.0, r"\exp(-u^2/2)", _gaussian_ratio, 2),
        Kernel("boxcar", _boxcar, 1.0, 1 / math.sqrt(3), r"\mathbf{1}\{|u| \leq 1\}"),
        Kernel("constant", _constant, math.inf, None, "1"),
        Kernel("triangular", _triangular, 1.0, 1 / math.sqrt(6), "(1 - |u|)_+"),
        Kernel(
            "epanechnikov",
            _epanechnikov,
            1.0,
            1 / math.sqrt(5),
            r"\frac{3}{4}(1 - u^2)_+",
            of_square=_epanechnikov_of_square,
        ),
        Kernel("tricube", _tricube, 1.0, math.sqrt(35 / 243), "(1 - |u|^3)_+^3"),
        Kernel("laplace", _laplace, math.inf, math.sqrt(2), r"\exp(-|u|)", _laplace_ratio, 1),
    )
}
