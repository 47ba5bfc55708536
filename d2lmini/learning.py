"""Learning the bandwidth: the smoother as a torch module, trained by gradient descent.

The distance is multiplied by w, so |w| = 1 / sigma, and the weights of a query x are

    weights[i] = softmax over j of -((x - x_j) w)^2 / 2, component i.

A training point is estimated from all the *other* points: with a vote on itself the best w is
infinite. Chapter 6. The metric W of several components, learned by gradient descent on the
leave-one-out error, is that of Weinberger & Tesauro (2007).
"""

from dataclasses import dataclass

import numpy as np

try:
    import torch
    from torch import nn

    from .progress_bar import bar
except ImportError as error:
    raise ImportError(
        "d2lmini.learning needs PyTorch and tqdm, and one of them is not installed; "
        "install both with:  pip install torch tqdm"
    ) from error

from .arguments import finite, floating
from .kernels import Array


class NWKernelRegression(nn.Module):
    """Gaussian smoother whose distances are multiplied by a learnable w.

    w: a number (kept as a 0-d float64 Parameter), any sign, 0 allowed: |w| = 1 / sigma. For
    queries and keys with d components also (d,), one w for each, or a matrix (r, d), for the
    distance ||W (q - k)||. Only w^2, or W^T W, can be told from the data.

    ``attention_weights`` holds the weights of the last call, (m, n), without gradient.
    Errors: ValueError for w that is not finite or has another shape. Chapter 6: (6.1), (6.7).
    """

    def __init__(self, w: float | Array = 1.0) -> None:
        super().__init__()
        self.w = nn.Parameter(_start("w", w))
        self.attention_weights: torch.Tensor | None = None

    def forward(
        self, queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor
    ) -> torch.Tensor:
        """Estimates (m,) at the queries (m,) from keys (n,) and values (n,).

        Keys and values of shape (m, n) give each query its own. Components come last: queries
        (m, d) with keys (n, d) or (m, n, d). Rows of ``attention_weights`` sum to 1 for any w.
        Errors: ValueError naming the argument, what it was and what it must be.
        """
        queries, keys, values = _fitting(queries, keys, values, self.w)
        difference = queries[:, None] - keys  # (m, n) or (m, n, d)
        weights = torch.softmax(_scores(difference, self.w.to(difference.dtype)), dim=-1)
        self.attention_weights = weights.detach()
        return (weights * values).sum(-1)


class NWLogBandwidth(NWKernelRegression):
    """The same smoother with log sigma as its parameter: w = exp(-log_sigma) is never 0.

    sigma: a positive number, or (d,). A gradient step multiplies sigma, whatever its size.
    Errors: ValueError for sigma that is not positive and finite. Chapter 6, (6.5).
    """

    def __init__(self, sigma: float | Array = 1.0) -> None:
        nn.Module.__init__(self)
        sigma = _start("sigma", sigma)
        if not (sigma > 0).all() or sigma.ndim > 1:
            raise ValueError(f"sigma is {sigma.tolist()}; it must be positive: a number or (d,)")
        self.log_sigma = nn.Parameter(sigma.log())
        self.attention_weights = None

    @property
    def w(self) -> torch.Tensor:
        """1 / sigma; the gradient passes through to log_sigma."""
        return torch.exp(-self.log_sigma)


def leave_one_out_pairs(keys: Array, values: Array) -> tuple[torch.Tensor, torch.Tensor]:
    """The keys and values that each point may look at: all but its own.

    keys (n,) or (n, d), values (n,), tensors or arrays -> keys (n, n - 1) or (n, n - 1, d) and
    values (n, n - 1); row i keeps the order and lacks point i.
    Errors: ValueError for unequal lengths or fewer than two points. Chapter 6.
    """
    keys, values = _points(keys, values)
    n = len(keys)
    if n < 2:
        raise ValueError(f"keys has length {n}; there must be two at least, to leave one out")
    column = torch.arange(n - 1, device=keys.device)
    others = column + (column >= torch.arange(n, device=keys.device)[:, None])  # skips column i
    return keys[others], values[others]


@dataclass(frozen=True, repr=False)
class Training:
    """What ``fit`` saw: the start and the state after each step, ``steps + 1`` in all.

    w (steps + 1,), or (steps + 1, *shape of w), NaN for a model without w; leave_one_out and
    leave_in (steps + 1,): both mean squared errors at the keys; trained_on: which was minimised.
    """

    w: np.ndarray
    leave_one_out: np.ndarray
    leave_in: np.ndarray
    trained_on: str

    @property
    def loss(self) -> np.ndarray:
        """The loss that was minimised, (steps + 1,)."""
        return getattr(self, self.trained_on)

    def __repr__(self) -> str:
        name = self.trained_on.replace("_", "-")
        first, last = self.loss[0], self.loss[-1]
        return f"Training({len(self.loss) - 1} steps, {name} loss {first:.3f} to {last:.3f})"


def fit(
    model: nn.Module,
    keys: Array,
    values: Array,
    steps: int = 60,
    step_size: float = 1.0,
    leave_one_out: bool = True,
    progress: bool = False,
) -> Training:
    """Train the model by full-batch gradient descent on the mean squared error at the keys.

    keys (n,) or (n, d), values (n,), tensors or arrays. With ``leave_one_out`` each point is
    estimated from the others; without it a point has a vote on itself. The model is changed in
    place. Nothing here is random: the same start gives the same run.
    Errors: ValueError for bad input, and when a step leaves the finite numbers. Chapter 6.
    """
    keys, values = _points(keys, values)
    if steps < 0 or not 0 < step_size < np.inf:
        raise ValueError(
            f"steps is {steps!r} and step_size {step_size!r}; "
            "they must be at least 0, and positive and finite"
        )
    seen = {"leave_one_out": leave_one_out_pairs(keys, values), "leave_in": (keys, values)}
    history: dict[str, list] = {"w": [], "leave_one_out": [], "leave_in": []}
    trained_on = "leave_one_out" if leave_one_out else "leave_in"
    for step in bar(steps + 1) if progress else range(steps + 1):
        losses = {}
        for name, own in seen.items():
            with torch.set_grad_enabled(name == trained_on):
                losses[name] = ((model(keys, *own) - values) ** 2).mean()
        w = getattr(model, "w", torch.tensor(torch.nan))
        for name, number in {"w": w, **losses}.items():
            history[name].append(_numpy(number))
        if step < steps:
            _descend(model, losses[trained_on], step, step_size)
    return Training(**{name: np.array(run) for name, run in history.items()}, trained_on=trained_on)


def _numpy(number: torch.Tensor) -> np.ndarray:
    """A copy without gradient; bfloat16, which NumPy does not know, as float32."""
    number = number.detach().clone().cpu()
    return (number.float() if number.dtype == torch.bfloat16 else number).numpy()


def _descend(model: nn.Module, loss: torch.Tensor, step: int, step_size: float) -> None:
    """One step of gradient descent, in place."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    slopes = torch.autograd.grad(loss, parameters)
    with torch.no_grad():
        for parameter, slope in zip(parameters, slopes, strict=True):
            parameter -= step_size * slope
    if not all(torch.isfinite(parameter).all() for parameter in parameters):
        raise ValueError(f"step_size is {step_size!r}; at step {step + 1} it led to infinity")


def _times(difference: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """w times differences: a number, one per component, or a matrix (r, d) on the last axis."""
    return difference @ w.T if w.ndim == 2 else difference * w


def _scores(difference: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """-|w difference|^2 / 2 up to a constant a row, for w of any size: (m, n), the best 0.

    |s|^2 - |p|^2 = (s - p) . (s + p), p that of the nearest key: what is 0 stays 0, however large
    the factor. difference (m, n) or (m, n, d).
    """
    with torch.no_grad():
        wide, size = difference.abs().flatten(1).amax(1), w.abs().max()
        wide, size = (torch.where(unit > 0, unit, 1.0) for unit in (wide, size))
    wide = wide.reshape(-1, *[1] * (difference.ndim - 1))
    scaled = _times(difference / wide, w / size)  # entries of size 1 at most
    scaled = scaled[..., None] if scaled.ndim == 2 else scaled
    nearest = (scaled.detach() ** 2).sum(-1).argmin(-1)
    p = scaled.detach()[torch.arange(len(scaled), device=scaled.device), nearest][:, None]
    beyond = ((scaled - p) * (scaled + p)).sum(-1)  # (m, n)
    unit = (wide.reshape(-1, 1) * size).clip(None, torch.finfo(scaled.dtype).max)
    return -(beyond * unit * unit) / 2


def _start(name: str, given) -> torch.Tensor:
    """A finite floating tensor of its own; Python numbers become float64."""
    try:
        start = torch.as_tensor(given if torch.is_tensor(given) else np.asarray(given))
        start = (start if start.is_floating_point() else start.double()).detach().clone()
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"{name} is {given!r}; it must be a number or an array of them") from None
    if start.ndim > 2 or 0 in start.shape:
        raise ValueError(f"{name} has shape {tuple(start.shape)}; it must be (), (d,) or (r, d)")
    if not torch.isfinite(start).all():
        raise ValueError(f"{name} is {start.tolist()}; it must be finite")
    return start


def _points(keys, values) -> list[torch.Tensor]:
    """Training points as tensors of one floating dtype, keys (n,) or (n, d) and values (n,)."""
    keys, values = floating(torch, keys=keys, values=values)
    if keys.ndim not in (1, 2) or values.shape != keys.shape[:1]:
        raise ValueError(
            f"keys has shape {tuple(keys.shape)} and values {tuple(values.shape)}; "
            "they must be (n,) or (n, d), and (n,)"
        )
    return [keys, values]


def _fitting(queries, keys, values, w) -> list[torch.Tensor]:
    """The arguments of ``forward`` in one floating dtype; ValueError unless they fit together."""
    given = {"queries": queries, "keys": keys, "values": values}
    for name, array in given.items():
        if not isinstance(array, torch.Tensor):
            raise ValueError(f"{name} is a {type(array).__name__}; it must be a torch.Tensor")
        finite(name, array)
    q, k, v = (tuple(array.shape) for array in given.values())
    if len(q) not in (1, 2):
        raise ValueError(f"queries has shape {q}; it must be (m,) or (m, d)")
    if w.ndim and w.shape[-1:] != q[1:]:
        wanted = f"(m, {w.shape[-1]}), as w has shape {tuple(w.shape)}"
        raise ValueError(f"queries has shape {q}; it must be {wanted}")
    pairs = k[: len(k) - len(q) + 1]  # (n,) or (m, n)
    n = pairs[-1] if pairs else 0
    if n == 0 or k not in ((n, *q[1:]), (q[0], n, *q[1:])):
        wanted = f"{_size('n', *q[1:])} or {_size(q[0], 'n', *q[1:])} with n at least 1"
        raise ValueError(f"keys has shape {k} and queries {q}; keys must be {wanted}")
    if v != pairs:
        raise ValueError(f"values has shape {v}; it must be {pairs}, one value for each key")
    return floating(torch, **given)


def _size(*sizes) -> str:
    return f"({', '.join(map(str, sizes))}{',' if len(sizes) == 1 else ''})"
