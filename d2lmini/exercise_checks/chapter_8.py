"""Exercises of chapter 8: scaling up."""

import numpy as np

from ..attention import masked_softmax, nadaraya_watson
from .compare import as_numbers
from .engine import exercises_of, slips
from .parts import first, within_memory

exercise = exercises_of(8)

# 8.1 Two halves, one average ---------------------------------------------------------------------


def _merge(M1, N1, D1, M2, N2, D2, top=max, one=np.exp, other=np.exp, of_sums=None):
    """The state of two halves; top, the factors of each half, and what is summed can go wrong."""
    M = top(M1, M2)
    with np.errstate(all="ignore"):
        first, second = one(M1 - M), other(M2 - M)
        sums = first * N1 + second * N2, first * D1 + second * D2
        return (M, *(of_sums(*sums) if of_sums else sums))


def _one(difference):
    return 1.0


def _relative_to_nothing(M1, N1, D1, M2, N2, D2):
    with np.errstate(all="ignore"):
        return max(M1, M2), np.exp(M1) * N1 + np.exp(M2) * N2, np.exp(M1) * D1 + np.exp(M2) * D2


def _only(part):
    """Factors on the numerators, part 0, or on the denominators, part 1, alone."""

    def half_done(M1, N1, D1, M2, N2, D2):
        M, N, D = _merge(M1, N1, D1, M2, N2, D2)
        return (M, N, D1 + D2) if part == 0 else (M, N1 + N2, D)

    return half_done


def _exchanged(M1, N1, D1, M2, N2, D2):
    M, first, second = max(M1, M2), np.exp(min(0, M2 - M1)), np.exp(min(0, M1 - M2))
    return M, first * N1 + second * N2, first * D1 + second * D2


_MERGE_SLIPS = {
    "M is right. The sums of the two halves are relative to different maxima, M1 and M2: bring "
    "both to the same one before you add.": {"one": _one, "other": _one},
    "The denominators have their factors, the numerators do not.": _only(1),
    "The numerators have their factors, the denominators do not.": _only(0),
    "The factors are exchanged: each half needs the one that belongs to its own maximum.":
        _exchanged,
    "A factor is the wrong way round. Terms that were e^(s − M1) are to become e^(s − M): by what "
    "do you multiply?": {
        "one": lambda difference: np.exp(-difference),
        "other": lambda difference: np.exp(-difference),
    },
    "The sums are taken back to plain exponentials. With scores in the hundreds those overflow, or "
    "vanish: stay relative to the larger maximum.": _relative_to_nothing,
    "Only the first half gets a factor. Either of the two maxima can be the smaller one.":
        {"other": _one},
    "Only the second half gets a factor. Either of the two maxima can be the smaller one.":
        {"one": _one},
    "The smaller of the two maxima is kept, so a factor can be enormous. Which one keeps both at "
    "most 1?": {"top": min},
    "The estimate is a quotient of sums; the mean of two estimates is not. Return the sums: the "
    "division comes last.":
        lambda M1, N1, D1, M2, N2, D2: (max(M1, M2), (N1 / D1 + N2 / D2) / 2, 1.0),
    "M and the quotient are right. A state has three numbers, M, N and D: without D it could not "
    "be merged again.": {"of_sums": lambda N, D: (N / D, 1.0)},
}  # fmt: skip


def _a_state(rng, scale):
    scores, values = rng.normal(0, scale, 4), rng.normal(size=4)
    kernel = np.exp(scores - scores.max())
    return scores.max(), kernel @ values, kernel.sum()


exercise(
    "merge_states",
    "Two halves, one average",
    "derive",
    reference=_merge,
    returns=("M", "N", "D"),
    cases=[
        (0.0, 2.0, 1.0, 0.0, 4.0, 1.0),
        (0.0, 3.0, 1.5, -1.0, 1.0, 2.0),
        (-2.0, 1.0, 1.25, 1.0, -3.0, 1.5),
        (-1200.0, 2.0, 1.0, -1199.0, 5.0, 2.0),
        (900.0, -1.0, 1.5, -40.0, 2.0, 1.0),
    ],
    draw=lambda rng: tuple(map(float, (*_a_state(rng, 3), *_a_state(rng, 30)))),
    mistakes=slips(_MERGE_SLIPS, of=_merge),
)


# 8.2 A window of any width -----------------------------------------------------------------------


def _boxcar(queries, keys, values, sigma, before="left", after="right", start=0.0, divide=True):
    """Means in a window by running sums; where a window begins and ends can go wrong."""
    C = np.concatenate([np.atleast_1d(start), np.cumsum(values)])
    a = np.searchsorted(keys, queries - sigma, side=before)
    b = np.searchsorted(keys, queries + sigma, side=after)
    with np.errstate(all="ignore"):
        sums = C[np.minimum(b, len(C) - 1)] - C[a]
        return sums / (b - a) if divide else sums


_BOXCAR_SLIPS = {
    "Those are sums. The estimate is a mean: divide by how many keys the window holds.":
        {"divide": False},
    "A key at exactly q + σ is missing: the boxcar is 1 for u = 1, too. Look at `side` of the "
    "second search.": {"after": "left"},
    "A key at exactly q − σ is missing: the boxcar is 1 for u = 1, too. Look at `side` of the "
    "first search.": {"before": "right"},
    "Keys at exactly q − σ and q + σ are missing: the boxcar is 1 for u = 1, too. Look at `side` "
    "of both searches.": {"before": "right", "after": "left"},
    "The sums are one key off. The running sum needs a 0 in front: C_0 = 0, before any value.":
        {"start": []},
    "Divided by the number of all keys. The mean is over those in the window.":
        lambda queries, keys, values, sigma: (
            _boxcar(queries, keys, values, sigma, divide=False) / len(keys)
        ),
    "Those are sums over all keys up to the right end of the window. Take away what lies to the "
    "left of it.":
        lambda queries, keys, values, sigma: np.array(
            [values[keys <= q + sigma].sum() / (abs(keys - q) <= sigma).sum() for q in queries]
        ),
    "The window is only σ wide in all. It reaches σ to each side.":
        lambda queries, keys, values, sigma: _boxcar(queries, keys, values, sigma / 2),
}  # fmt: skip

exercise(
    "boxcar_sums",
    "A window of any width",
    "implement",
    reference=_boxcar,
    cases=[
        ([1.0], [0.0, 0.5, 1.0, 2.0, 4.0], [1.0, 2.0, 4.0, 8.0, 16.0], 1.0),
        ([3.0, 0.25, 1.5], [0.0, 0.5, 1.0, 2.0, 3.0, 4.0], [3.0, -1.0, 2.0, 5.0, 0.0, 7.0], 0.5),
        ([0.0, 5.0], [0.0, 0.0, 1.0, 1.0, 4.5], [1.0, 3.0, -2.0, 0.0, 9.0], 6.0),
        ([2.0, 2.0, 2.25], [1.0, 1.5, 2.0, 2.5], [1.0, 10.0, 100.0, 1000.0], 0.75),
    ],
    draw=lambda rng: (
        (keys := np.sort(rng.integers(0, 20, 12) / 4.0))[rng.integers(0, 12, 6)],
        keys,
        rng.normal(size=12),
        float(rng.integers(1, 8)) / 4,
    ),
    also=within_memory(
        lambda: (*np.linspace(0, 5, 2 * 2000).reshape(2, -1), np.ones(2000), 6.0),
        3.0,
        "it builds a table of all pairs. A window needs two look-ups in a running sum",
    ),
    mistakes=slips(_BOXCAR_SLIPS, of=_boxcar),
    picture="curve",
    x="queries",
)


# 8.3 One coordinate more -------------------------------------------------------------------------

#: A sample on a line and one in the plane, and how far both are moved for the second test.
_PLACES = (
    (np.array([[0.2], [1.0], [2.5]]), np.array([[0.0], [0.4], [1.1], [2.0], [2.2]])),
    (
        np.array([[0.0, 0.0], [1.0, -0.5]]),
        np.array([[0.3, 0.1], [-1.0, 0.5], [1.2, -0.6], [0.0, 2.0]]),
    ),
)
_MOVED = 3000.0


def _with_coordinate(queries, keys, of_query=1.0, of_key=lambda square: -square / 2):
    """Queries and keys with one coordinate more, which can go wrong."""
    square = (keys**2).sum(1, keepdims=True)
    more = np.full((len(queries), 1), of_query)
    return np.hstack([queries, more]), np.hstack([keys, of_key(square)])


_COORDINATE_SLIPS = {
    "The prior is there twice. The new coordinate must take ‖k‖²/2 away, so look at its sign.":
        {"of_key": lambda square: square / 2},
    "Too much is taken away: the exponent of the Gaussian has a factor ½, so how much of ‖k‖² is "
    "in it?": {"of_key": lambda square: -square},
    "The new coordinate has the length of the key. In the exponent of the Gaussian it is squared.":
        {"of_key": lambda square: -np.sqrt(square) / 2},
    "The new coordinate has no effect: its product is the same for all keys of a row, or 0, and "
    "cancels in the softmax. It must depend on the key.":
        {"of_key": np.zeros_like},
}  # fmt: skip


def _shares(pair, sigma, dtype):
    """Weights by dot products, in one precision."""
    queries, keys = (np.asarray(each).astype(dtype) for each in pair)
    return masked_softmax(queries @ keys.T / dtype(sigma**2))


def _gaussian(queries, keys, sigma):
    return nadaraya_watson(queries, keys, np.zeros(len(keys)), sigma=sigma)[1]


def _pair_of(answer, queries, keys):
    """What the answer gives as two arrays, and what is wrong with their form."""
    given = answer(queries.copy(), keys.copy())
    if given is None or given is ...:
        return None, "Nothing is returned yet: replace the ... and return two arrays."
    if not isinstance(given, tuple | list) or len(given) != 2:
        return None, "The function must return two arrays: the new queries, then the new keys."
    columns = keys.shape[1] + 1
    for what, got, count in zip(("queries", "keys"), given, map(len, (queries, keys)), strict=True):
        _, problem = as_numbers(got, np.zeros((count, columns)))
        if problem or np.shape(got) != (count, columns):
            shape = "" if problem else f" has shape {np.shape(got)};"
            return None, (
                f"The array of {what}{shape} must hold ({count}, {columns}) numbers: a row for "
                f"each of the {count}, with one coordinate more."
            )
    return given, ""


def _judge_coordinate(answer):
    if not callable(answer):
        return "The answer must be the function itself, of two arguments: queries and keys."
    tried = []
    for queries, keys in _PLACES:
        pair, problem = _pair_of(answer, queries, keys)
        if problem:
            return problem
        tried += [(pair, queries, keys, sigma) for sigma in (0.5, 1.5)]
    if not all(_near(pair, _gaussian(q, k, s), s) for pair, q, k, s in tried):
        said = {
            message: all(
                _near(pair, _shares(_with_coordinate(q, k, **wrong), s, float), s)
                for pair, q, k, s in tried
            )
            for message, wrong in _COORDINATE_SLIPS.items()
        }
        return first(said | {
            "The weights from the dot products are not those of the Gaussian. Multiply out "
            "‖q − k‖²: which part is missing from q · k, and which cancels?": True,
        })  # fmt: skip
    return _judge_single(answer)


def _near(pair, weights, sigma):
    return np.allclose(_shares(pair, sigma, float), weights, rtol=0, atol=1e-6)


def _judge_single(answer):
    """What to say of an answer that is exact in double precision, with data far from 0."""
    queries, keys = (x + _MOVED for x in _PLACES[0])
    pair, problem = _pair_of(answer, queries, keys)
    if problem:
        return problem
    right = _gaussian(queries, keys, 0.5)
    worst = abs(_shares(pair, 0.5, np.float32) - right).max()
    if worst <= 1e-3:
        return None
    return (
        f"In double precision it is right. In single precision, with all places moved by "
        f"{_MOVED:g}, a weight is off by {worst:.2g}: a small difference of large squares. The "
        "Gaussian sees differences only. What may be subtracted from queries and keys alike, "
        "before anything is squared?"
    )


exercise(
    "one_coordinate_more",
    "One coordinate more",
    "design",
    judge=_judge_coordinate,
    takes=("queries", "keys"),
)


# 8.4 Attention without a cache -------------------------------------------------------------------


def _elu_plus_one(x):
    return np.where(x > 0, x + 1, np.exp(np.minimum(x, 0)))


def _carried(queries, keys, values, phi=_elu_plus_one, k=0, divide=True, both=True, own=True):
    """Causal linear attention by its table of kernel values; the arguments can go wrong."""
    kernel = (phi(queries) if both else queries) @ phi(keys).T
    kernel = np.tril(kernel, k)
    with np.errstate(all="ignore"):
        sums = kernel.sum(1, keepdims=True) if divide else 1.0
        return kernel @ values / sums if own else np.nan_to_num(kernel @ values / sums)


_CARRIED_SLIPS = {
    "Each token sees those after it as well: the sums S and z must hold the tokens so far, not "
    "all.": {"k": 10**6},
    "A token does not see itself: add its own share to S and z before it is answered.":
        [{"k": -1}, {"k": -1, "own": False}],
    "The numerators are right. Divide each by φ(q) · z.": {"divide": False},
    "The features are elu without the + 1: they can be negative, and so can the sums that you "
    "divide by.": {"phi": lambda x: _elu_plus_one(x) - 1},
    "The query is used as it is. The kernel is φ(q) · φ(k): both go through φ.": {"both": False},
    "There is no φ: that is the bare dot product, whose sums can be 0 or negative.":
        {"phi": lambda x: x},
    "That is relu, which is 0 for negative entries; elu + 1 is e^t there.":
        {"phi": lambda x: np.maximum(x, 0)},
    "That is relu + 1. For a negative entry t elu + 1 is e^t, not 1.":
        {"phi": lambda x: np.maximum(x, 0) + 1},
    "That is softmax attention. The kernel here is φ(q) · φ(k), with φ = elu + 1.":
        lambda queries, keys, values: (
            masked_softmax(
                queries @ keys.T / np.sqrt(keys.shape[1]), np.tri(len(keys), dtype=bool)
            )
            @ values
        ),
}  # fmt: skip


def _by_steps(queries, keys, values):
    """The same, token by token."""
    S, z = np.zeros((keys.shape[1], values.shape[1])), np.zeros(keys.shape[1])
    found = np.empty_like(values)
    for i, (q, k) in enumerate(zip(_elu_plus_one(queries), _elu_plus_one(keys), strict=True)):
        S += np.outer(k, values[i])
        z += k
        found[i] = q @ S / (q @ z)
    return found


exercise(
    "carried_along",
    "Attention without a cache",
    "implement",
    reference=_by_steps,
    cases=[
        ([[0.0], [1.0]], [[1.0], [0.0]], [[4.0], [1.0]]),
        (
            [[0.0, 1.0], [1.0, 0.5], [-1.0, 2.0]],
            [[1.0, 0.0], [0.5, -0.5], [-2.0, 1.0]],
            [[1.0, 0.0, 2.0], [0.0, 1.0, -1.0], [3.0, 3.0, 0.0]],
        ),
    ],
    draw=lambda rng: (rng.normal(size=(5, 3)), rng.normal(size=(5, 3)), rng.normal(size=(5, 2))),
    also=within_memory(
        lambda: tuple(np.random.default_rng(0).normal(size=(3, 2000, 4))),
        6.0,
        "it builds a table of all pairs. Carry S and z along, from one token to the next",
    ),
    mistakes=slips(_CARRIED_SLIPS, of=_carried),
)
