"""Reading the weights of a head as a smoother. Chapter 9.

For each query: how many keys it hears, how far away they are, which Gaussian width would explain
its weights best, and how well. A head is a smoother in any case; that it is a *Gaussian* one is a
claim, and ``fit`` says how true.
"""

from dataclasses import dataclass

import numpy as np

from .arguments import floating
from .attention import masked_softmax

__all__ = ["HeadReading", "bigram_probabilities", "read_head"]

#: Widths that are tried first, in units of the range of the keys, and shares of a step around the
#: best of them that are tried next.
WIDTHS, NEARBY = np.geomspace(0.005, 10, 80), np.linspace(-1, 1, 21)


@dataclass(frozen=True)
class HeadReading:
    """What a head looks like, over all the queries that were read.

    effective_keys : mean of 1 / sum of squared weights.
    distance : mean weighted distance from query to key, in the units of the keys.
    sigma : width of the Gaussian whose weights are nearest to the head's, least squares.
    fit : share of the weights' squared deviation from 1/n that this Gaussian explains; 1: all,
        0: no better than equal weights.
    first : mean weight of the first key.
    """

    effective_keys: float
    distance: float
    sigma: float
    fit: float
    first: float


def read_head(weights: np.ndarray, queries: np.ndarray, keys: np.ndarray) -> HeadReading:
    """Read the weights of one head as a smoother over the places of the keys.

    weights (b, m, n) or (m, n), rows of each problem's queries; queries (b, m) or (m,), keys (b, n)
    or (n,). One width for all problems. Errors: ValueError naming an argument of another shape, or
    weights that do not sum to 1 in each row.
    """
    weights, queries, keys = floating(np, weights=weights, queries=queries, keys=keys)
    shape = (*queries.shape, keys.shape[-1])
    if weights.shape != shape:
        raise ValueError(f"weights has shape {weights.shape}; it must be {shape}: queries, keys")
    if abs(weights.sum(-1) - 1).max() > 1e-3:
        raise ValueError("weights has rows that do not sum to 1; each row must")
    gaps = abs(queries[..., :, None] - keys[..., None, :])
    widths = WIDTHS * np.ptp(keys)
    best = widths[np.argmin([_miss(weights, gaps, sigma) for sigma in widths])]
    widths = best * (WIDTHS[1] / WIDTHS[0]) ** NEARBY
    misses = [_miss(weights, gaps, sigma) for sigma in widths]
    least = int(np.argmin(misses))
    spread = np.sum((weights - 1 / keys.shape[-1]) ** 2)
    return HeadReading(
        effective_keys=float(np.mean(1 / np.sum(weights**2, -1))),
        distance=float(np.mean(np.sum(weights * gaps, -1))),
        sigma=float(widths[least]),
        fit=float(1 - misses[least] / spread) if spread > 0 else 1.0,
        first=float(weights[..., 0].mean()),
    )


def _miss(weights: np.ndarray, gaps: np.ndarray, sigma: float) -> float:
    return float(np.sum((weights - masked_softmax(-((gaps / sigma) ** 2) / 2)) ** 2))


def bigram_probabilities(
    letters: np.ndarray, alphabet: int, sharpness: float = np.inf
) -> np.ndarray:
    """What followed the last letter so far, as a Nadaraya-Watson estimate over bigrams.

    letters (n,), whole numbers below ``alphabet``. Keys are the letters before each position,
    values the letters there, one-hot; the query is the last letter. A key that equals the query has
    score ``sharpness``, the others 0; inf counts equal keys only. Returns (alphabet,), which sums
    to 1; NaN if the last letter never occurred before. Chapter 9: an induction head.
    """
    letters = np.asarray(letters)
    keys, values, query = letters[:-1], np.eye(alphabet)[letters[1:]], letters[-1]
    equal = keys == query
    if np.isinf(sharpness):
        return values[equal].mean(0) if equal.any() else np.full(alphabet, np.nan)
    return masked_softmax(np.where(equal, float(sharpness), 0.0)) @ values
