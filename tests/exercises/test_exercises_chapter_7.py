"""Chapter 7's exercises: wrong answers get the message meant for them, right ones pass."""

import numpy as np
import pytest
from scipy.special import softmax

import d2lmini
from d2lmini import positions
from d2lmini.exercise_checks import EXERCISES


def sphere(queries, keys, temperature):
    return softmax(queries @ keys.T / temperature, axis=1)


def attention(queries, keys, values, mask, scale=None, hidden=-np.inf, empty=(np.nan, 0.0)):
    """With a loop over the queries, and with what can go wrong."""
    outputs = np.zeros((len(queries), values.shape[1]))
    weights = np.zeros(mask.shape)
    for i, query in enumerate(queries):
        scores = np.array([query @ key for key in keys])
        scores = scores * (1 / len(query) ** 0.5 if scale is None else scale)
        if mask[i].any() or hidden == 0:
            weights[i] = softmax(np.where(mask[i], scores, hidden))
            outputs[i] = weights[i] @ values
        else:
            outputs[i], weights[i] = empty
    return outputs, weights


def over_queries(queries, keys, values, mask):
    scores = np.where(mask, queries @ keys.T / np.sqrt(keys.shape[1]), -np.inf)
    weights = softmax(scores, axis=0)
    return weights @ values, weights


def masked_after(queries, keys, values, mask):
    weights = softmax(queries @ keys.T / np.sqrt(keys.shape[1]), axis=1) * mask
    return weights @ values, weights


def naive(queries, keys, values, mask):
    kernel = np.exp(queries @ keys.T / np.sqrt(keys.shape[1])) * mask
    weights = kernel / kernel.sum(1, keepdims=True)
    return weights @ values, weights


def lifted(queries, keys, bias, height, own=0.0, one=1.0):
    """Queries (m, d + 2) and keys (n, d + 2); height: a function of keys with the bias beside."""
    with_bias = np.c_[keys, bias]
    flat = np.full((len(queries), 2), (one, own))
    return np.c_[queries, flat], np.c_[with_bias, height(with_bias)]


def squares(keys):
    return (keys**2).sum(1)


def dome(keys):
    return np.sqrt(squares(keys).max() - squares(keys))


def lengths(keys):
    return np.linalg.norm(keys, axis=1)


def heads(tokens, W_q, W_k, W_v, W_o, scale=None, axis=-1, turn=False):
    """What each head adds, (h, n, D), by einsum; and with what can go wrong."""
    queries, keys = (np.einsum("nd,hdk->hnk", tokens, W) for W in (W_q, W_k))
    scores = np.einsum("hik,hjk->hij", queries, keys)
    scores = scores * (W_q.shape[2] ** -0.5 if scale is None else scale)
    weights = softmax(scores.swapaxes(1, 2) if turn else scores, axis=axis)
    return np.einsum("hij,jd,hdv,hvo->hio", weights, tokens, W_v, W_o)


def one_matrix(tokens, W_q, W_k, W_v, W_o):
    pairs = [(tokens @ q, tokens @ k) for q, k in zip(W_q, W_k, strict=True)]
    weights = np.mean([softmax(q @ k.T / np.sqrt(k.shape[1]), axis=1) for q, k in pairs], axis=0)
    return np.einsum("ij,jd,hdv,hvo->io", weights, tokens, W_v, W_o)


def circle(n, shift=1, sharpness=200.0):
    angles = 2 * np.pi * np.arange(n) / (n + 1)
    turned = angles - shift * angles[1]
    keys = np.column_stack([np.cos(angles), np.sin(angles)])
    return sharpness * np.column_stack([np.cos(turned), np.sin(turned)]), keys


def parabola(n):
    j = np.arange(n)
    return 8 * np.column_stack([2 * (j - 1), -np.ones(n)]), np.column_stack([j, j**2])


def line(n):
    j = np.arange(n)
    return 9 * np.column_stack([j + 1, 0 * j]), np.column_stack([j, 0 * j])


ON = np.array([0, 0, 4, 32, 1, 0]) / 37


def only_low(queries, keys, values, mask):
    """A hidden score of -1e9 instead of minus infinity."""
    scores = queries @ keys.T / keys.shape[1] ** 0.5
    weights = softmax(np.where(mask, scores, -1e9), axis=1)
    return weights @ values, weights


def glued(tokens, W_q, W_k, W_v, W_o):
    """Concatenated by a reshape of (h, n, d_v) without moving the axes."""
    scores = (tokens @ W_q) @ (tokens @ W_k).transpose(0, 2, 1) / W_q.shape[2] ** 0.5
    parts = softmax(scores, axis=-1) @ (tokens @ W_v)
    return parts.reshape(len(tokens), -1) @ W_o.reshape(-1, tokens.shape[1])


def sentence():
    rng = np.random.default_rng(6)
    cat, mat, on, sat, the = rng.normal(size=(5, 4))
    return np.array([the, cat, sat, on, the, mat])


def attend_one_by_one(tokens, see=lambda i, j: True, factor=lambda i, j: 1.0):
    outputs = np.zeros(tokens.shape)
    for i, query in enumerate(tokens):
        keys = [j for j in range(len(tokens)) if see(i, j)]
        kernel = [np.exp(query @ tokens[j] / 2) * factor(i, j) for j in keys]
        outputs[i] = np.array(kernel) @ tokens[keys] / sum(kernel)
    return outputs


def causal(tokens):
    return attend_one_by_one(tokens, see=lambda i, j: j <= i)


def nearby(i, j):
    return np.exp(-(((i - j) / 1.5) ** 2) / 2)


ORDER = [2, 0, 1, 5, 4, 3]
MOVED = np.abs(causal(sentence()[ORDER]) - causal(sentence())[ORDER]).max()
APART = np.abs(np.subtract(*attend_one_by_one(sentence(), factor=nearby)[[0, 4]])).max()
CLAIMS = {"a": (True, 0), "b": (True, 0.0), "c": (False, MOVED), "d": (True, 1e-16)}
CLAIMS |= {"e": (True, APART), "f": (False, 1), "g": (False, 2)}

WRONG = {
    "row_by_hand": [
        ((np.array([0, 0, 2, 16, 0.5, 0]) / 19.875, [0, 34 / 19.875]), "sum over all six"),
        ((np.array([0, 0, 4, 16, 1, 0]) / 21, [0, 36 / 21]), "factor is missing"),
        ((np.array([1, 2, 16, 128, 4, 8]) / 159, [10 / 159, 280 / 159]), "window is missing"),
        ((np.array([1, 1, 4, 16, 1, 4]) / 27, [5 / 27, 40 / 27]), "without window and"),
        ((np.array([0, 0, 4.5, 17, 1.5, 0]) / 23, [0, 38.5 / 23]), "was added"),
        ((ON, [68 / 37, 0]), "Output"),
        (([0, 0, 0.11, 0.86, 0.03, 0], [0, 1.84]), "two decimals"),
        ((np.array([0, 0.5, 2, 2, 0, 0]) / 4.5, np.array([0.5, 6]) / 4.5), r"row of \*sat\*"),
        ((np.array([0, 0, 0, 0.5, 1, 0.5]) / 2, [0.25, 0.75]), r"second \*the\*"),
        (ON, "6 results|one result"),
        ((ON[2:5], [0, 68 / 37]), r"shape \(3,\); it must be \(6,\)"),
    ],
    "sphere_weights": [
        (lambda queries, keys, sigma: sphere(queries, keys, sigma), "power of σ"),
        (lambda queries, keys, sigma: sphere(queries, keys, 2 * sigma**2), "Half the score"),
        (lambda queries, keys, sigma: sphere(queries, keys, sigma**-2.0), "multiplied"),
        (lambda queries, keys, sigma: sphere(queries, keys, keys.shape[1] ** 0.5), "√d"),
        (lambda queries, keys, sigma: sphere(queries, keys, 1), "σ = 1"),
        (
            lambda queries, keys, sigma: sphere(queries, keys, sigma**2 * keys.shape[1] ** 0.5),
            "σ alone",
        ),
        (lambda queries, keys, sigma: sphere(queries, keys, -(sigma**2)), "turned round"),
        (
            lambda queries, keys, sigma: queries @ keys.T / (queries @ keys.T).sum(1)[:, None],
            "exp of the score",
        ),
        (
            lambda queries, keys, sigma: (
                np.exp(queries @ keys.T / sigma**2)
                / np.exp(queries @ keys.T / sigma**2).sum(1)[:, None]
            ),
            "overflows",
        ),
        (
            lambda queries, keys, sigma: softmax(queries @ keys.T / sigma**2, axis=0),
            "normalise over the keys",
        ),
    ],
    "masked_attention": [
        (lambda **case: attention(**case, scale=1), "scale is missing"),
        (lambda **case: attention(**case, scale=1, empty=(0, 0)), "scale is missing"),
        (lambda **case: attention(**case, scale=1, empty=(np.nan, np.nan)), "scale is missing"),
        (lambda **case: attention(**case, scale=1 / case["keys"].shape[1]), "Divided by d"),
        (over_queries, "over the queries"),
        (lambda mask, **case: attention(**case, mask=~mask), "mask is turned round"),
        (lambda **case: attention(**case, hidden=0.0), "still count"),
        (only_low, "only very low"),
        (masked_after, "masked after"),
        (naive, "overflows"),
        (lambda mask, **case: attention(**case, mask=mask | True), "no part"),
        (lambda **case: attention(**case, empty=(np.nan, np.nan)), "weights are NaN"),
        (lambda **case: attention(**case, empty=(0, 0)), "as if 0 had been measured"),
        (lambda **case: attention(**case)[0], "one result; return 2"),
    ],
    "equal_norms": [
        (lambda *case: lifted(*case, dome, own=1.0), "dot products are not the scores"),
        (lambda *case: lifted(*case, dome, one=0.0), "bias is missing"),
        (lambda q, k, b: lifted(q, k, b, lambda _: dome(k)), "differ by the bias"),
        (lambda *case: lifted(*case, lambda k: lengths(k).max() - lengths(k)), "squares"),
        (lambda *case: lifted(*case, lambda k: 1 - lengths(k)), "squares"),
        (lambda *case: lifted(*case, lambda k: dome(k) ** 2), "root is missing"),
        (lambda *case: lifted(*case, lambda k: np.sqrt(squares(k).min() - squares(k))), "negative"),
        (lambda *case: lifted(*case, lambda k: np.ones(len(k))), "same new coord"),
        (lambda q, k, b: (q, k), r"shape \(1, 1\); it must be \(1, 3\)"),
        (lambda q, k, b: k, "two arrays"),
        (lambda *case: lifted(*case, lengths), "must be equal"),
        (lambda q, k, b: None, "Nothing comes back"),
    ],
    "score_scale": [
        (lambda d, query_sd, key_sd: d**-0.5, "sd 1"),
        (lambda d, query_sd, key_sd: 1 / (d * query_sd**2 * key_sd**2), "by the variance"),
        (lambda d, query_sd, key_sd: d**0.5 * query_sd * key_sd, "sd of the dot product"),
        (lambda d, query_sd, key_sd: 1 / (d * query_sd * key_sd), "not the"),
        (lambda d, query_sd, key_sd: (d * (query_sd**2 + key_sd**2)) ** -0.5, "for a sum"),
        (lambda d, query_sd, key_sd: 1 / query_sd / key_sd, "number of components"),
        (lambda d, query_sd, key_sd: d**-0.5 / query_sd, "One of the two sds"),
        (lambda d, query_sd, key_sd: (d * query_sd * key_sd) ** -0.5, "only its root"),
    ],
    "token_order": [
        (CLAIMS | {"c": (True, MOVED)}, "1 of the 7.*tiny sentence"),
        (CLAIMS | {"a": (False, 0), "g": (True, 2)}, "2 of the 7"),
        (CLAIMS | {"f": ("False", 1)}, "without quotes"),
        (CLAIMS | {"c": (True, 0.0)}, "c: 0 is not the number"),
        (CLAIMS | {"g": (False, 4)}, "g: 4 is not the number"),
        (CLAIMS | {"e": (True, None)}, "Still open: e"),
        (CLAIMS | {"b": None}, "Still open: b"),
        ([True, True], "must be a dict"),
    ],
    "sum_of_heads": [
        (lambda **case: heads(**case).mean(0), "averaged"),
        (lambda **case: heads(**case)[-1], "last head"),
        (lambda **case: heads(**case)[0], "first head"),
        (lambda **case: heads(**case, scale=case["tokens"].shape[1] ** -0.5).sum(0), "tokens"),
        (lambda **case: heads(**case, scale=1).sum(0), "scale of the scores"),
        (lambda **case: heads(**case, turn=True).sum(0), "changed places"),
        (lambda **case: heads(**case, axis=1).sum(0), "over the queries"),
        (one_matrix, "One matrix"),
        (lambda **case: heads(**case, scale=case["W_v"].shape[2] ** -0.5).sum(0), "its values"),
        (glued, "wrong order"),
    ],
    "look_back": [
        (lambda n: circle(n, sharpness=10), "too soft"),
        (lambda n: circle(n, shift=0), "to itself"),
        (lambda n: circle(n, shift=-1), "the one after it"),
        (lambda n: (np.ones((n, 2)), np.ones((n, 2))), "all weights are equal"),
        (line, "longest key wins"),
        (lambda n: (np.ones((n, 3)), np.ones((n, 3))), r"shape \(3, 3\); it must be \(3, 2\)"),
        (lambda n: parabola(n)[0], "two arrays"),
        (lambda n: None, "Nothing comes back"),
    ],
}
RIGHT = {
    "row_by_hand": [(ON, np.array([0, 68 / 37])), [[0, 0, 0.1081, 0.8649, 0.027, 0], (0, 1.8378)]],
    "sphere_weights": [
        lambda queries, keys, sigma: sphere(queries, keys, sigma**2),
        lambda queries, keys, sigma: np.array(
            [softmax([-sum((q - k) ** 2) / 2 / sigma**2 for k in keys]) for q in queries]
        ),
    ],
    "masked_attention": [attention, lambda **case: list(attention(**case))],
    "equal_norms": [
        lambda *case: lifted(*case, dome),
        lambda *case: lifted(*case, lambda k: -np.sqrt(99 - squares(k))),
        lambda *case: tuple(a[:, ::-1].tolist() for a in lifted(*case, dome)),
    ],
    "score_scale": [lambda d, query_sd, key_sd: (d * (query_sd * key_sd) ** 2) ** -0.5],
    "token_order": [CLAIMS, {key: [np.bool_(true), x] for key, (true, x) in CLAIMS.items()}],
    "sum_of_heads": [lambda **case: heads(**case).sum(0)],
    "look_back": [circle, parabola],
}


def test_the_row_by_hand_is_that_of_the_library():
    x = np.array([[0, 0], [1, 0], [0, 1], [0, 2], [0, 0], [1, 1.0]])
    near = positions.positional_scores(6, "laplace", sigma=1 / np.log(2))
    window = positions.window_mask(6, 1)
    outputs, weights = d2lmini.dot_product_attention(x, x, x, window, scale=np.log(2), bias=near)
    np.testing.assert_allclose(weights[3], ON, atol=1e-12)
    for got, expected in zip(
        EXERCISES["row_by_hand"].reference(), (weights[3], outputs[3]), strict=True
    ):
        np.testing.assert_allclose(got, expected, atol=1e-12)


def test_our_attention_is_pytorchs():
    torch = pytest.importorskip("torch")
    case = EXERCISES["masked_attention"].draw(np.random.default_rng(3))
    q, k, v = (torch.tensor(case[name])[None] for name in ("queries", "keys", "values"))
    mask = torch.tensor(case["mask"])
    theirs = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)[0].numpy()
    exercise = EXERCISES["masked_attention"]
    outputs, _ = exercise.reference(**exercise.arguments(case))
    seen = np.any(case["mask"], axis=1)
    np.testing.assert_allclose(outputs[seen], theirs[seen], atol=1e-6)
    assert np.isnan(outputs[~seen]).all()


def test_the_sum_of_heads_is_pytorchs():
    torch = pytest.importorskip("torch")
    torch.manual_seed(1)
    theirs = torch.nn.MultiheadAttention(6, 3, bias=False, batch_first=True).double()
    q, k, v = theirs.in_proj_weight.detach().numpy().reshape(3, 3, 2, 6).swapaxes(2, 3)
    o = theirs.out_proj.weight.detach().numpy().T.reshape(3, 2, 6)
    tokens = np.random.default_rng(0).normal(size=(5, 6))
    x = torch.as_tensor(tokens)[None]
    ours = EXERCISES["sum_of_heads"].reference(tokens=tokens, W_q=q, W_k=k, W_v=v, W_o=o)
    np.testing.assert_allclose(ours, theirs(x, x, x)[0][0].detach().numpy(), atol=1e-12)


def test_the_claims_about_order_are_facts():
    rng = np.random.default_rng(5)
    tokens = rng.normal(size=(6, 4))
    tokens[4] = tokens[0]

    def layer(x, bias=0.0):
        return softmax(x @ x.T / 2 + bias, axis=1) @ x

    causal = np.where(positions.causal_mask(6), 0, -np.inf)
    near = positions.positional_scores(6, "gaussian", sigma=1.5)
    order = rng.permutation(6)
    np.testing.assert_allclose(layer(tokens[order]), layer(tokens)[order])  # a
    np.testing.assert_allclose(layer(tokens)[0], layer(tokens)[4])  # b
    moved = layer(tokens[order], causal) - layer(tokens, causal)[order]
    assert np.abs(moved).max() > 0.1  # c
    other = np.vstack([tokens[:1], rng.normal(size=(5, 4))])
    np.testing.assert_allclose(layer(tokens, causal)[0], layer(other, causal)[0])  # d
    assert np.abs(layer(tokens, near)[0] - layer(tokens, near)[4]).max() > 0.1  # e
    np.testing.assert_array_equal(near, near.T)  # f


def test_the_scale_makes_the_variance_one():
    rng = np.random.default_rng(0)
    for case in EXERCISES["score_scale"].cases:
        d, a, b = case.values()
        products = (rng.normal(0, a, (40000, d)) * rng.normal(0, b, (40000, d))).sum(1)
        scaled = products * EXERCISES["score_scale"].reference(**case)
        assert abs(scaled.var() - 1) < 0.05
