"""Tasks that can only be learned in context, and the best that anybody can do at them. Chapter 9.

Each problem is drawn anew: a curve, or a grammar. What has been learned from other problems helps
only by telling what problems are like. Since we know how they are drawn, we also know the best
prediction: the mean of what is still possible, given what was shown (Bayes).
"""

try:
    import torch
except ImportError as error:
    raise ImportError(
        "d2lmini.in_context needs PyTorch, which is not installed; "
        "install it with:  pip install torch"
    ) from error

from .arguments import whole
from .small_transformer import LETTERS

__all__ = ["best_curve", "best_letters", "curves", "nats", "texts"]

#: Of the curves: how far their values go together, and the standard deviation of the noise.
SMOOTHNESS, NOISE_SD = 0.8, 0.3
#: Of the grammars: concentration of a row of probabilities. Small: few letters follow another.
CONCENTRATION = 0.3


def _covariance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.exp(-(((a[..., :, None] - b[..., None, :]) / SMOOTHNESS) ** 2) / 2)


def curves(
    count: int, n: int, m: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Random smooth curves: queries (count, m), keys and values (count, n), truth (count, m).

    Places are uniform on (-2, 2). A curve is a Gaussian process with mean 0, variance 1 and the
    covariance exp(-(x - x')^2 / (2 0.8^2)); a value has noise of sd 0.3. float32. Errors:
    ValueError unless the counts are whole and positive.
    """
    for name, given in (("count", count), ("n", n), ("m", m)):
        whole(name, given, 1)
    places = 4 * torch.rand(count, n + m, generator=generator) - 2
    exact = places.double()
    root = torch.linalg.cholesky(_covariance(exact, exact) + 1e-8 * torch.eye(n + m))
    heights = root @ torch.randn(count, n + m, 1, generator=generator).double()
    heights = heights[..., 0].float()
    noise = NOISE_SD * torch.randn(count, n, generator=generator)
    return places[:, n:], places[:, :n], heights[:, :n] + noise, heights[:, n:]


def best_curve(queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """The posterior mean (count, m): the smallest mean squared error that is possible.

    Shapes as in ``curves``. Source: Rasmussen and Williams (2006), (2.23).
    """
    queries, keys, values = (each.double() for each in (queries, keys, values))
    seen = _covariance(keys, keys) + NOISE_SD**2 * torch.eye(keys.shape[-1]).double()
    solved = torch.linalg.solve(seen, values[..., None])
    return (_covariance(queries, keys) @ solved)[..., 0].float()


def texts(count: int, length: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Random texts (count, length), letters 0 to 7, and their grammars (count, 8, 8).

    Row a of a grammar holds the probabilities of the letter after a, drawn from a Dirichlet
    distribution; the first letter is any. Errors: ValueError unless the counts are whole and
    positive.
    """
    for name, given in (("count", count), ("length", length)):
        whole(name, given, 1)
    shape = torch.full((count, LETTERS, LETTERS), CONCENTRATION)
    grammar = torch._sample_dirichlet(shape, generator=generator)
    letters = torch.randint(LETTERS, (count, length), generator=generator)
    for i in range(1, length):
        rows = grammar[torch.arange(count), letters[:, i - 1]]
        letters[:, i] = torch.multinomial(rows, 1, generator=generator)[:, 0]
    return letters, grammar


def best_letters(letters: torch.Tensor) -> torch.Tensor:
    """Probabilities (count, length, 8) of the next letter, from the letters up to each.

    Counts of what followed the present letter so far, plus 0.3 each: the mean of the Dirichlet
    posterior.
    """
    count, length = letters.shape
    counts = torch.full((count, LETTERS, LETTERS), CONCENTRATION)
    each, found = torch.arange(count), []
    for i in range(length):
        if i:
            counts[each, letters[:, i - 1], letters[:, i]] += 1
        row = counts[each, letters[:, i]]
        found.append(row / row.sum(-1, keepdim=True))
    return torch.stack(found, 1)


def nats(probabilities: torch.Tensor, letters: torch.Tensor) -> float:
    """Mean surprise at the letters that came next, -log p, in nats; log 8 = 2.08 for a guess."""
    ahead = probabilities[:, :-1].gather(-1, letters[:, 1:, None])
    return -ahead.log().mean().item()
