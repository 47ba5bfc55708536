"""Exercises of chapter 7: transformers are kernel smoothers."""

from functools import cache, partial

import numpy as np

from ..attention import masked_softmax, nadaraya_watson
from ..positions import causal_mask, positional_scores
from .compare import Difference, detached
from .engine import exercises_of, slips
from .limits import AnswerError
from .parts import claims_with_numbers, first

exercise = exercises_of(7)

# 7.1 A row by hand -------------------------------------------------------------------------------

_SENTENCE = np.array([[0, 0], [1, 0], [0, 1], [0, 2], [0, 0], [1, 1.0]])
_ON = 3


def _row(base=2.0, reach=1, power=1.0, plus=0.0, after=False, at=_ON):
    """Weights and output of "on"; the arguments are what can go wrong."""
    away = np.abs(np.arange(6) - at)
    kernel = base ** (_SENTENCE @ _SENTENCE[at]) * 2.0 ** (-power * away) + plus * 2.0**-away
    visible = away <= reach
    total = kernel.sum() if after else kernel[visible].sum()
    weights = np.where(visible, kernel, 0) / total
    return weights, weights @ _SENTENCE


_ROW_SLIPS = {
    "Divided by the sum over all six tokens. Hidden keys have no part in the sum either.":
        {"after": True},
    "The positional factor is missing: a neighbour counts half of what it would in place.":
        {"power": 0.0},
    "The window is missing: only keys at most one position away are visible.": {"reach": 5},
    "Those are the weights without window and without positional factor.":
        {"reach": 5, "power": 0.0},
    "The factor was added to the kernel. A factor multiplies; its logarithm is what is added, to "
    "the score.": {"power": 0.0, "plus": 1.0},
    "Those are the weights for the scale 1/√2. Here it is log 2, so that the kernel is a power of "
    "2.": {"base": np.exp(2**-0.5)},
    "Those are powers of e. With the scale log 2 the kernel is a power of 2.": {"base": np.e},
    "That is the row of *sat*. Positions are counted from 0: *on* is the fourth word.":
        {"at": _ON - 1},
    "That is the row of the second *the*. Positions are counted from 0.": {"at": _ON + 1},
    "Right to two decimals. Write fractions, such as 3 / 8, or more digits.":
        tuple(np.round(part, 2) for part in _row()),
}  # fmt: skip

exercise(
    "row_by_hand",
    "A row by hand",
    "compute",
    reference=_row,
    returns=("weights", "output"),
    tolerance=1e-3,
    mistakes=slips(_ROW_SLIPS, of=_row),
)


# 7.2 Distance on the sphere ----------------------------------------------------------------------


def _on_sphere(rng, count, d):
    points = rng.normal(size=(count, d))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def _shares(kernel):
    return kernel / kernel.sum(1, keepdims=True)


def _sphere(queries, keys, sigma, temperature=lambda sigma, d: sigma**2, softmax=masked_softmax):
    """Weights from dot products; the temperature and the softmax can go wrong."""
    return softmax(queries @ keys.T / temperature(sigma, keys.shape[1]))


_SPHERE_SLIPS = {
    "Right until σ becomes small: then exp overflows and the row is NaN. Subtract each row's "
    "largest score before exp.": {"softmax": lambda scores: _shares(np.exp(scores))},
    "The dot product is divided by σ. Look at the power of σ in the Gaussian score.":
        {"temperature": lambda sigma, d: sigma},
    "Half the score is missing: the square gives 2 − 2 q·k, with two dot products, and the "
    "Gaussian halves it. What happens to the twos?": {"temperature": lambda sigma, d: 2 * sigma**2},
    "The dot product is multiplied where it must be divided: a small σ must make the weights "
    "sharper.": {"temperature": lambda sigma, d: sigma**-2},
    "Divided by √d too. That scale belongs to a transformer's attention; here σ alone sets the "
    "temperature.": {"temperature": lambda sigma, d: np.sqrt(d) * sigma**2},
    "Divided by √d, the temperature of a transformer: here it comes from σ, and your weights do "
    "not depend on σ.": {"temperature": lambda sigma, d: np.sqrt(d)},
    "Those are the weights for σ = 1: the bandwidth has no part in them.":
        {"temperature": lambda sigma, d: 1.0},
    "The far keys weigh most: the sign is turned round. A large dot product means that query and "
    "key are near.": {"temperature": lambda sigma, d: -(sigma**2)},
    "The scores are normalised as they are. The kernel is exp of the score.": {"softmax": _shares},
}  # fmt: skip

exercise(
    "sphere_weights",
    "Distance on the sphere is a dot product",
    "derive",
    reference=lambda queries, keys, sigma: nadaraya_watson(
        queries, keys, np.zeros(len(keys)), sigma=sigma
    )[1],
    cases=[
        ([[1, 0]], [[0.6, 0.8], [0, 1], [0.8, -0.6]], 0.6),
        (
            [[0, 0, 1], [1 / 3, 2 / 3, 2 / 3]],
            [[2 / 3, 1 / 3, 2 / 3], [0, 0.6, 0.8], [1, 0, 0], [0, -0.8, 0.6]],
            1.5,
        ),
        ([[0.6, 0.8]], [[0.8, 0.6], [0, 1], [-1, 0]], 0.02),
    ],
    draw=lambda rng: (_on_sphere(rng, 3, 4), _on_sphere(rng, 5, 4), rng.uniform(0.3, 2)),
    mistakes=slips(_SPHERE_SLIPS, of=_sphere),
    picture="matrix",
)


# 7.3 Masked attention from scratch ---------------------------------------------------------------


def _masked_attention(queries, keys, values, mask):
    weights = masked_softmax(queries @ keys.T / np.sqrt(keys.shape[1]), mask)
    return np.where(mask.any(1, keepdims=True), weights @ values, np.nan), weights


def _attend(
    queries,
    keys,
    values,
    mask,
    see=lambda mask: mask,
    scale=lambda d: 1 / np.sqrt(d),
    masked="scores",
    hidden=-np.inf,
    axis=1,
    peak=True,
    empty=(np.nan, 0.0),
):
    """Attention in steps, each of which may be wrong.

    masked: what the mask is applied to: scores, kernel or weights. empty: output and weights of a
    query that sees no key, or None to leave what comes out.
    """
    mask, scores = see(mask), queries @ keys.T * scale(keys.shape[1])
    if masked == "scores":
        scores = np.where(mask, scores, hidden)
    kernel = np.exp(scores - (scores.max(axis, keepdims=True) if peak else 0.0))
    if masked == "kernel":
        kernel = kernel * mask
    weights = kernel / kernel.sum(axis, keepdims=True)
    if masked == "weights":
        weights = weights * mask
    outputs, unseen = weights @ values, ~mask.any(1)
    if empty is not None:
        outputs[unseen], weights[unseen] = empty
    return outputs, weights


#: The ways to treat a query that sees nothing.
_EMPTY = [{"empty": empty} for empty in (None, (0.0, 0.0), (np.nan, 0.0))]

_ATTENTION_SLIPS = {
    "Right but for the query that sees no key: its weights are NaN. Here they must be 0, and only "
    "its output NaN: it has no answer.": partial(_attend, empty=None),
    "Right but for the query that sees no key: its output is 0, as if 0 had been measured. There "
    "is no answer: NaN.": partial(_attend, empty=(0.0, 0.0)),
    "The scale is missing: the scores are bare dot products.": {"scale": lambda d: 1.0},
    "Divided by d. What keeps the variance near 1 is its root.": {"scale": lambda d: 1 / d},
    "The softmax runs over the queries: each column sums to 1. It belongs over the keys.":
        {"axis": 0},
    "The mask is turned round. Here True means visible, as in PyTorch's function "
    "scaled_dot_product_attention; in nn.MultiheadAttention it means hidden.":
        {"see": np.logical_not},
    "Hidden keys have the score 0, and exp(0) = 1: they still count. Which score has the kernel 0?":
        {"hidden": 0.0},
    "Right but for the query that sees no key. A hidden score that is only very low hides nothing "
    "where all keys have it: that query takes the mean of what it must not see.":
        partial(_attend, hidden=-1e9, empty=None),
    "Normalised first, masked after: what is left of a row does not sum to 1. Hide the keys before "
    "the softmax.": {"masked": "weights"},
    "Right until the scores are large: then exp overflows and inf / inf is NaN. Subtract each "
    "row's largest visible score first.": [{"peak": False}, {"peak": False, "masked": "kernel"}],
    "The mask has no part in it: hidden keys have weight.": {"see": np.ones_like},
}  # fmt: skip


def _draw_attention(rng):
    mask = rng.uniform(size=(4, 5)) < 0.6
    mask[0], mask[1] = False, True
    return *(rng.normal(size=shape) for shape in ((4, 3), (5, 3), (5, 2))), mask


exercise(
    "masked_attention",
    "Masked attention from scratch",
    "implement",
    reference=_masked_attention,
    returns=("outputs", "weights"),
    cases=[
        (
            [[1, 0], [0, 2]],
            [[1, 1], [0, 2], [-1, 1]],
            [[1], [2], [4]],
            [[True, True, False], [False, True, True]],
        ),
        (
            [[30, 0, 20], [1, 2, -1]],
            [[40, 1, 30], [41, 2, 29], [40, 0, 30]],
            [[1, 0], [0, 1], [3, 3]],
            [[True, False, True], [True, True, True]],
        ),
        (
            [[1, 1], [2, 0], [0, 1]],
            [[1, 0], [0, 1]],
            [[5], [-3]],
            [[True, True], [False, False], [True, False]],
        ),
    ],
    draw=_draw_attention,
    mistakes=slips(_ATTENTION_SLIPS, of=_attend, either=_EMPTY),
)


# 7.4 Two more coordinates ------------------------------------------------------------------------


def _judge_norms(answer):
    if not callable(answer):
        return "The answer must be a function of (queries, keys, bias)."
    rng = np.random.default_rng(6)
    for m, n, d in ((1, 2, 1), (2, 3, 2), (5, 8, 4)):
        queries, keys, bias = (rng.normal(size=shape) for shape in ((m, d), (n, d), n))
        got = answer(queries.copy(), keys.copy(), bias.copy())
        if got is None or got is ...:
            return "Nothing comes back yet: return the two arrays."
        arrays = _two_arrays(got, (m, d + 2), (n, d + 2))
        if problem := _norms_differ(*arrays, queries, keys, bias):
            return problem
    return None


def _two_arrays(got, *shapes):
    """Both results as finite arrays of these shapes; AnswerError otherwise."""
    if not isinstance(got, tuple | list) or len(got) != 2:
        raise AnswerError("Return two arrays: the queries, then the keys.")
    try:
        arrays = [np.asarray(detached(one), dtype=float) for one in got]
    except (TypeError, ValueError, RuntimeError):
        raise AnswerError("Return two arrays of numbers: the queries, then the keys.") from None
    for name, array, shape in zip(("queries", "keys"), arrays, shapes, strict=True):
        if array.shape != shape:
            raise AnswerError(
                f"The {name} that come back have shape {array.shape}; it must be {shape}."
            )
    return arrays


def _norms_differ(queries_plus, keys_plus, queries, keys, bias):
    """A message or Difference when dot products are not the scores or norms are unequal."""
    lengths = np.linalg.norm(np.column_stack([keys, bias]), axis=1)
    if np.isnan(keys_plus).any():
        return (
            "An entry is NaN: the root of a negative number. The common length must be at least "
            "that of the longest key."
        )
    if not (np.isfinite(queries_plus).all() and np.isfinite(keys_plus).all()):
        return "An entry is infinite; every entry must be a finite number."
    before, after = queries @ keys.T + bias, queries_plus @ keys_plus.T
    if np.allclose(after, queries @ keys.T, atol=1e-5):
        return (
            "The bias is missing from the dot products. A key can carry its own number in a "
            "coordinate: what must the query have there, to hand it on as it is?"
        )
    if not np.allclose(before, after, atol=1e-5):
        return Difference(
            "The dot products are not the scores. What must a query's new coordinate be, so that "
            "it adds nothing whatever the key has there?",
            before,
            after,
        )
    new = np.linalg.norm(keys_plus, axis=1)
    return None if np.allclose(new, new[0], atol=1e-5) else _unequal(new, keys_plus, lengths, bias)


def _unequal(new, keys_plus, lengths, bias):
    """What to say of new keys whose lengths differ; lengths: before the last coordinate."""
    extra, without_bias = np.abs(keys_plus[:, -1]), new**2 - bias**2
    squares = lengths**2 + extra
    said = first({
        "The keys' lengths differ by the bias: its coordinate makes a key longer, too.":
            np.allclose(without_bias, without_bias[0], atol=1e-5),
        "Each key got the same new coordinate: then the long keys are still the longer ones.":
            np.allclose(extra, extra[0]),
        "The lengths themselves add up to a constant. In a right angle it is the squares that add "
        "up.": any(np.allclose(extra, np.abs(root - lengths)) for root in (lengths.max(), 1.0)),
        "The new coordinate is a squared length: the root is missing.":
            np.allclose(squares, squares[0]),
    })  # fmt: skip
    unequal = f"The new keys have lengths from {new.min():.4g} to {new.max():.4g}"
    return said or Difference(f"{unequal}; they must be equal.", got=new)


exercise(
    "equal_norms",
    "Two more coordinates make it Gaussian",
    "derive",
    judge=_judge_norms,
    takes=("queries", "keys", "bias"),
)


# 7.5 Why the root of d ---------------------------------------------------------------------------


def _scale(d, query_sd, key_sd, powers=(-0.5, -1, -1)):
    """A product of powers of the three; the powers can go wrong."""
    return d ** powers[0] * query_sd ** powers[1] * key_sd ** powers[2]


_SCALE_SLIPS = {
    "Right for components of sd 1. Here they have other sds: how does the variance of a product of "
    "two independent numbers depend on theirs?": {"powers": (-0.5, 0, 0)},
    "That divides by the variance of the dot product. What must one divide by to make the variance "
    "1?": {"powers": (-1, -2, -2)},
    "That is the sd of the dot product. The scale multiplies it and must make it 1.":
        {"powers": (0.5, 1, 1)},
    "Too small when d is large: of d independent terms the variances add up, not the sds.":
        {"powers": (-1, -1, -1)},
    "That is for a sum of a query's and a key's component. A dot product adds up their products.":
        lambda d, query_sd, key_sd: 1 / np.sqrt(d * (query_sd**2 + key_sd**2)),
    "One of the two sds has no part in it, or only its root. Both scale every product.":
        [{"powers": (-0.5, -1, 0)}, {"powers": (-0.5, 0, -1)}, {"powers": (-0.5, -0.5, -0.5)}],
    "The number of components has no part in it: d terms vary more than one.":
        {"powers": (0, -1, -1)},
}  # fmt: skip

exercise(
    "score_scale",
    "Why the root of d",
    "compute",
    reference=_scale,
    cases=[(9, 1.0, 2.0), (64, 3.0, 0.5), (5, 0.4, 0.7)],
    draw=lambda rng: (rng.integers(2, 200), rng.uniform(0.2, 3), rng.uniform(0.2, 3)),
    mistakes=slips(_SCALE_SLIPS, of=_scale),
)


# 7.6 What the order of the tokens does -----------------------------------------------------------


def _layer(tokens, mask=None, bias=0.0):
    return masked_softmax(tokens @ tokens.T / np.sqrt(tokens.shape[1]) + bias, mask) @ tokens


@cache
def _order_numbers():
    words, rng = ["the", "cat", "sat", "on", "the", "mat"], np.random.default_rng(6)
    embedding = {word: rng.normal(size=4) for word in sorted(set(words))}
    tokens = np.array([embedding[word] for word in words])
    order, causal = [2, 0, 1, 5, 4, 3], causal_mask(6)
    near = _layer(tokens, bias=positional_scores(6, "gaussian", sigma=1.5))
    moved = _layer(tokens[order], causal) - _layer(tokens, causal)[order]
    return {
        "a": 0.0,
        "b": 0.0,
        "c": np.abs(moved).max(),
        "d": 0.0,
        "e": np.abs(near[0] - near[4]).max(),
        "f": 1.0,
        "g": 2,
    }


exercise(
    "token_order",
    "What the order of the tokens does",
    "explain",
    judge=claims_with_numbers(
        {"a": True, "b": True, "c": False, "d": True, "e": True, "f": False, "g": False},
        _order_numbers,
        "Build a tiny sentence and try: permute the tokens, look which outputs change. Ask of "
        "each score which positions it can see.",
        {
            "a": "Subtract layer(tokens)[order] from layer(tokens[order]); the largest size.",
            "b": "Subtract the outputs of tokens 0 and 4; the largest size.",
            "c": "As in a, with the mask causal in both; the largest size.",
            "d": "Change tokens 1 to 5 and compare output 0 before and after.",
            "e": "Subtract the outputs of tokens 0 and 4 with bias=nearby; the largest size.",
            "f": "Divide the factor for i − 1 by the factor for i + 1.",
            "g": "Multiply out, and count the terms with content and position in them.",
        },
    ),
)


# 7.7 Several heads -------------------------------------------------------------------------------


def _head_weights(tokens, W_q, W_k, d, swapped=False, axis=1):
    scores = (tokens @ W_q) @ (tokens @ W_k).T / np.sqrt(d)
    scores = scores.T if swapped else scores
    return masked_softmax(scores) if axis == 1 else masked_softmax(scores.T).T


def _sum_of_heads(
    tokens, W_q, W_k, W_v, W_o, d=lambda tokens, q, v: q.shape[1], join=sum, **softmax
):
    """The heads one by one; d of the scale, the joining and the softmax can go wrong."""
    heads = zip(W_q, W_k, W_v, W_o, strict=True)
    weights = partial(_head_weights, tokens, **softmax)
    return join([weights(q, k, d(tokens, q, v)) @ tokens @ v @ o for q, k, v, o in heads])


def _weights_of_all(tokens, W_q, W_k):
    return [_head_weights(tokens, q, k, q.shape[1]) for q, k in zip(W_q, W_k, strict=True)]


def _shared_weights(tokens, W_q, W_k, W_v, W_o):
    weights = np.mean(_weights_of_all(tokens, W_q, W_k), axis=0)
    return sum(weights @ tokens @ v @ o for v, o in zip(W_v, W_o, strict=True))


def _glued(tokens, W_q, W_k, W_v, W_o):
    """All heads at once, concatenated by a reshape that mixes tokens and heads."""
    parts = np.stack(_weights_of_all(tokens, W_q, W_k)) @ tokens @ W_v
    return parts.reshape(len(tokens), -1) @ np.concatenate(W_o)


_HEADS_SLIPS = {
    "The heads are averaged. Each head has its own part of the output map, and the parts add up.":
        {"join": lambda parts: np.mean(parts, axis=0)},
    "Only the last head has come through: add to the output, do not overwrite it.":
        {"join": lambda parts: parts[-1]},
    "Only the first head has come through: does a return stand inside the loop?":
        {"join": lambda parts: parts[0]},
    "The scale belongs to the components of a head's queries and keys, not to those of the tokens.":
        {"d": lambda tokens, q, v: tokens.shape[1]},
    "The scale belongs to the components of a head's queries and keys, not to those of its values.":
        {"d": lambda tokens, q, v: v.shape[1]},
    "The heads' outputs were glued together in the wrong order: reshape runs over the heads first. "
    "Each token needs its heads side by side.": _glued,
    "The scale of the scores is missing.": {"d": lambda tokens, q, v: 1},
    "Queries and keys have changed places: rows of the scores are queries, columns are keys.":
        {"swapped": True},
    "The softmax runs over the queries. It belongs over the keys.": {"axis": 0},
    "One matrix of weights for all the heads: that is a single smoother. Each head uses its own "
    "weights for its own values.": _shared_weights,
}  # fmt: skip


def _draw_heads(rng):
    shapes = (4, 4), (2, 4, 3), (2, 4, 3), (2, 4, 2), (2, 2, 4)  # tokens, then W_q to W_o
    return tuple(rng.normal(size=shape).round(2) for shape in shapes)


exercise(
    "sum_of_heads",
    "Several heads are a sum of smoothers",
    "implement",
    reference=_sum_of_heads,
    cases=[
        (
            [[1, 0], [0, 1]],
            [[[1], [2]], [[0], [1]]],
            [[[1], [0]], [[-1], [1]]],
            [[[1], [3]], [[2], [0]]],
            [[[1, 0]], [[1, 2]]],
        ),
        _draw_heads(np.random.default_rng(0)),
    ],
    draw=_draw_heads,
    mistakes=slips(_HEADS_SLIPS, of=_sum_of_heads),
    picture="matrix",
)


# 7.8 A head that looks back ----------------------------------------------------------------------

_SHARE = 0.9


def _judge_look_back(answer):
    if not callable(answer):
        return "The answer must be a function of n."
    for n in (3, 2, 6, 12):
        got = answer(n)
        if got is None or got is ...:
            return "Nothing comes back yet: return queries and keys."
        queries, keys = _two_arrays(got, (n, 2), (n, 2))
        if not (np.isfinite(queries).all() and np.isfinite(keys).all()):
            return f"n = {n}: an entry is NaN or infinite."
        scores = queries @ keys.T / np.sqrt(2)
        if not np.isfinite(scores).all():
            return f"n = {n}: the scores overflow. A share of {_SHARE} needs no such numbers."
        if problem := _not_back(masked_softmax(scores)):
            return Difference(f"n = {n}: {problem}", got=scores)
    return None


def _not_back(weights):
    n = len(weights)
    before = weights[np.arange(1, n), np.arange(n - 1)]
    if (before >= _SHARE).all():
        return None
    i = int(before.argmin()) + 1
    chosen = weights.argmax(1)
    top = int(chosen[i])
    return first({
        "all weights are equal. The scores must depend on the positions.": np.ptp(weights) < 1e-9,
        f"token {i} listens most to token {top}, with a share of {before[i - 1]:.3f}; it must be "
        f"{_SHARE} at least. The right place, too soft: how does one sharpen a softmax?":
            top == i - 1,
        "each token listens to the one after it. Rows are queries: shift the other way.":
            n > 2 and (chosen[:-1] == np.arange(1, n)).all(),
        "each token listens to itself. Whose position should its query be?":
            (chosen == np.arange(n)).all(),
        f"every token listens most to token {top}: the longest key wins, wherever the query "
        "points. What takes the length of the keys out of the scores?": (chosen[1:] == top).all(),
        f"token {i} listens most to token {top}, with a share of {weights[i, top]:.3f}.": True,
    })  # fmt: skip


exercise("look_back", "A head that looks back", "design", judge=_judge_look_back, takes=("n",))
