"""Exercises of chapter 9: learning in context."""

import numpy as np

from .engine import exercises_of, slips
from .parts import truth_table

exercise = exercises_of(9)

# 9.1 A place to put the weight -------------------------------------------------------------------


def _with_sink(scores, values, sink, ghost_value=0.0, keep=True, subtract="both"):
    """Softmax averages with a ghost key; its value, and which scores are shifted, can go wrong."""
    scores = np.asarray(scores, float)
    top = scores.max(1) if subtract != "none" else np.zeros(len(scores))
    if keep and subtract == "both":
        top = np.maximum(top, sink)
    with np.errstate(all="ignore"):
        kernel = np.exp(scores - top[:, None])
        ghost = np.exp(sink - (0 if subtract == "keys" else top)) if keep else np.zeros(len(top))
        said = ghost * ghost_value if ghost_value else 0.0
        return (kernel @ values + said) / (kernel.sum(1) + ghost)


_SINK_SLIPS = {
    "That is the softmax average without the ghost key. Its e^b belongs into the denominator.":
        {"keep": False},
    "The ghost key has the value 1. Its value is 0: it adds to the denominator only.":
        {"ghost_value": 1.0},
    "The scores of the keys are taken relative to their largest, that of the ghost key is not. "
    "Subtract the same number from all of them.": {"subtract": "keys"},
    "Right for small scores. With scores in the hundreds plain exponentials overflow, or vanish "
    "all together: subtract the largest, that of the ghost key included.": {"subtract": "none"},
    "The weight of the ghost key is 1 in every row: that is e^0, not e^b.":
        lambda scores, values, sink: _with_sink(scores, values, 0.0),
    "The score b itself is added to the denominator. The kernel of a score is its exponential.":
        lambda scores, values, sink: _bare(scores, values, sink),
    "The weights are those of the keys alone, and then divided by the number of keys with the "
    "ghost. Its weight is e^b, whatever their number.":
        lambda scores, values, sink: (
            _with_sink(scores, values, sink, keep=False) * len(values) / (len(values) + 1)
        ),
}  # fmt: skip


def _bare(scores, values, sink):
    with np.errstate(all="ignore"):
        kernel = np.exp(np.asarray(scores, float))
        return kernel @ values / (kernel.sum(1) + sink)


exercise(
    "with_sink",
    "A place to put the weight",
    "implement",
    reference=_with_sink,
    cases=[
        ([[0.0, 0.0]], [4.0, 2.0], 0.0),
        ([[0.0, 1.0, -1.0], [-8.0, -9.0, -8.5]], [3.0, 1.0, 2.0], -1.0),
        ([[-0.5, -2.0, 0.25, 1.5]], [1.0, -1.0, 4.0, 2.0], 2.0),
        ([[-1500.0, -1400.0], [0.0, -1500.0]], [5.0, 3.0], -3.0),
        ([[900.0, 899.0], [900.0, -900.0]], [5.0, 3.0], 898.0),
    ],
    draw=lambda rng: (
        rng.normal(0, 3, (4, 6)).round(3),
        rng.normal(size=6).round(3),
        round(float(rng.normal()), 2),
    ),
    mistakes=slips(_SINK_SLIPS, of=_with_sink),
)


# 9.2 A head that counts --------------------------------------------------------------------------


def _next_letter(letters, alphabet, prior, key=0, value=1, among=None, added=True):
    """Posterior mean of the next letter from bigrams; which pairs are counted can go wrong."""
    letters = np.asarray(letters, int)
    last = len(letters) - 1
    pairs = [(letters[i + key], letters[i + value]) for i in range(last)] if last else []
    chosen = [b for a, b in pairs if among or a == letters[-1]]
    counts = np.bincount(chosen, minlength=alphabet).astype(float)
    counts += prior if added else 0
    with np.errstate(all="ignore"):
        return counts / counts.sum()


def _wrapped(letters, alphabet, prior):
    letters = np.asarray(letters, int)
    after = np.roll(letters, -1)
    counts = np.bincount(after[letters == letters[-1]], minlength=alphabet) + prior
    return counts / counts.sum()


def _shares_plus_prior(letters, alphabet, prior):
    with np.errstate(all="ignore"):
        shares = np.nan_to_num(_next_letter(letters, alphabet, prior, added=False)) + prior
    return shares / shares.sum()


_LETTER_SLIPS = {
    "Those are the shares of what followed, without the prior: a letter that has not followed yet "
    "gets 0. Add the prior to each count.": {"added": False},
    "Those are the frequencies of all letters. Count only what came after the letter that is "
    "there now.": {"among": True},
    "Those are the letters *before* the present one. The value of the head is the letter after.":
        {"key": 1, "value": 0},
    "The last letter is followed by the first in your count. It has no successor yet: leave that "
    "pair out.": _wrapped,
    "The prior is added to the shares. It belongs to the counts, before they are divided.":
        _shares_plus_prior,
    "The prior is added once in all. It is added to the count of each letter.":
        lambda letters, alphabet, prior: _next_letter(letters, alphabet, prior / alphabet),
    "1 is added to each count. Add the prior that is given.":
        lambda letters, alphabet, prior: _next_letter(letters, alphabet, 1.0),
}  # fmt: skip

exercise(
    "next_letter",
    "A head that counts",
    "implement",
    reference=_next_letter,
    cases=[
        ([0, 1, 0, 2, 0], 3, 0.5),
        ([0, 1, 2, 0, 1], 4, 0.25),
        ([3, 3, 1, 3, 0, 2, 3, 1, 3], 4, 0.3),
        ([2, 1, 0], 3, 2.0),
        ([1], 2, 0.5),
    ],
    draw=lambda rng: (
        rng.integers(0, 4, 14).tolist(),
        4,
        float(rng.integers(1, 9)) / 8,
    ),
    mistakes=slips(_LETTER_SLIPS, of=_next_letter),
)


# 9.3 Correct as you go ---------------------------------------------------------------------------


def _delta_rule(keys, values, eta, corrected=True, sign=1, order=1, per_length=False):
    """B after one pass of the delta rule; what is corrected, and how far, can go wrong."""
    B = np.zeros(np.shape(keys)[1])
    for k, v in list(zip(keys, values, strict=True))[::order]:
        wrong = v - sign * (B @ k) if corrected else v
        B = B + eta * wrong * np.asarray(k) / (k @ k if per_length else 1)
    return B


def _delta_of_squares(keys, values, eta):
    return _delta_rule(keys, values, 2 * eta)


_DELTA_SLIPS = {
    "That is linear attention: every value is stored as it is. Store what B does not say yet, "
    "y − B · φ.": {"corrected": False},
    "B · φ is added to the value. The error is what is missing: y − B · φ.": {"sign": -1},
    "The keys are taken from last to first. Go through them in their order.": {"order": -1},
    "Each step is divided by the squared length of its key. The step here is η as it is.":
        {"per_length": True},
    "Each step is twice as long: with ½ in front of the square its gradient has no 2.":
        _delta_of_squares,
    "That is B after the first key alone. Go on to the last.":
        lambda keys, values, eta: _delta_rule(keys[:1], values[:1], eta),
    "The step size is missing.": lambda keys, values, eta: _delta_rule(keys, values, 1.0),
}  # fmt: skip

exercise(
    "delta_rule",
    "Correct as you go",
    "derive",
    reference=_delta_rule,
    cases=[
        ([[1.0, 0.0], [1.0, 0.0]], [2.0, 4.0], 0.5),
        ([[1.0, 2.0], [0.0, 1.0], [2.0, -1.0]], [1.0, -1.0, 3.0], 0.25),
        ([[0.5, -0.5, 1.0], [1.0, 1.0, 0.0]], [2.0, 5.0], 0.75),
    ],
    draw=lambda rng: (
        rng.normal(size=(5, 3)).round(3),
        rng.normal(size=5).round(3),
        float(rng.integers(1, 6)) / 8,
    ),
    mistakes=slips(_DELTA_SLIPS, of=_delta_rule),
)


# 9.4 What a reading says -------------------------------------------------------------------------

exercise(
    "readings",
    "What a reading says",
    "explain",
    judge=truth_table(
        {"a": False, "b": True, "c": False, "d": True, "e": True, "f": True, "g": False},
        "For the claims on scores and sinks, write down two keys and try. For those on heads, look "
        "at the tables of the chapter: what was measured, at which n, and how well it fits.",
    ),
)
