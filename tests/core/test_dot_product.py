"""dot_product_attention against torch's own, exact sums, and the smoother that it is."""

import math
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

import d2lmini
from d2lmini import EmptyWindowWarning, dot_product_attention, nadaraya_watson

TOLERANCES = {torch.float32: 1e-6, torch.float64: 1e-12}
sizes = st.integers(1, 7)


def tokens(seed, *shapes, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, dtype=dtype, generator=generator) for shape in shapes]


def visible(seed, *shape):
    """A mask in which every query sees a key."""
    mask = torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < 0.6
    mask[..., 0] |= ~mask.any(-1)
    return mask


@given(
    st.integers(0, 2**31), st.lists(sizes, max_size=2), sizes, sizes, sizes, sizes,
    st.sampled_from(list(TOLERANCES)), st.booleans(), st.booleans(),
    st.one_of(st.none(), st.floats(0.1, 2)),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_it_is_torchs(seed, batch, m, n, d, d_v, dtype, masked, biased, scale):
    """Outputs, and weights: torch returns none, but the outputs are them where V is I."""
    shapes = (*batch, m, d), (*batch, n, d), (*batch, n, d_v)
    queries, keys, values = tokens(seed, *shapes, dtype=dtype)
    mask = visible(seed, *batch, m, n) if masked else None
    bias = tokens(seed, (m, n), dtype=dtype)[0] if biased else None
    added = torch.zeros((*batch, m, n), dtype=dtype) if bias is None else bias.expand(*batch, m, n)
    added = added if mask is None else added.masked_fill(~mask, -math.inf)
    outputs, weights = dot_product_attention(queries, keys, values, mask, scale, bias)
    theirs = F.scaled_dot_product_attention(queries, keys, values, added, scale=scale)
    unit = torch.eye(n, dtype=dtype).expand(*batch, n, n)
    their_weights = F.scaled_dot_product_attention(queries, keys, unit, added, scale=scale)
    scores = (queries @ keys.mT).abs().max().item() * (scale or d**-0.5)
    tolerance = TOLERANCES[dtype] * max(1.0, scores)  # a score is rounded relative to its size
    assert outputs.dtype == weights.dtype == dtype
    assert weights.shape == (*batch, m, n)
    assert (outputs - theirs).abs().max() < 3 * tolerance
    assert (weights - their_weights).abs().max() < tolerance


@given(st.integers(0, 2**31), sizes, sizes, st.sampled_from([1, 2, 4]), sizes, st.booleans())
@settings(max_examples=40, deadline=None)
def test_heads_are_those_of_multihead_attention(seed, m, n, heads, width, masked):
    """nn.MultiheadAttention, its projections taken apart; its mask is True where hidden."""
    d = heads * width
    torch.manual_seed(seed)
    module = torch.nn.MultiheadAttention(d, heads, batch_first=True, dtype=torch.float64)
    torch.nn.init.normal_(module.in_proj_bias)
    torch.nn.init.normal_(module.out_proj.bias)
    x_q, x_k = tokens(seed, (m, d), (n, d))
    mask = visible(seed, m, n) if masked else None
    theirs = module(
        x_q[None], x_k[None], x_k[None], attn_mask=None if mask is None else ~mask,
        average_attn_weights=False,
    )  # fmt: skip
    parts = zip((x_q, x_k, x_k), module.in_proj_weight.chunk(3), module.in_proj_bias.chunk(3),
                strict=True)  # fmt: skip
    q, k, v = ((x @ W.T + b).reshape(-1, heads, width).transpose(0, 1) for x, W, b in parts)
    outputs, weights = dot_product_attention(q, k, v, mask)
    together = module.out_proj(outputs.transpose(0, 1).reshape(m, d))
    assert torch.allclose(together, theirs[0][0], atol=1e-12)
    assert torch.allclose(weights, theirs[1][0], atol=1e-12)


def test_exact_sums():
    """Against math.fsum in plain Python, one weight after another."""
    queries, keys, values = (a.numpy() for a in tokens(3, (4, 3), (6, 3), (6, 2)))
    outputs, weights = dot_product_attention(queries, keys, values, scale=0.8)
    for i, q in enumerate(queries):
        factors = [math.exp(0.8 * math.fsum(a * b for a, b in zip(q, k, strict=True)))
                   for k in keys]  # fmt: skip
        row = [factor / math.fsum(factors) for factor in factors]
        assert weights[i].tolist() == pytest.approx(row, abs=1e-15)
        for c in range(2):
            mean = math.fsum(a * v for a, v in zip(row, values[:, c], strict=True))
            assert outputs[i, c] == pytest.approx(mean, abs=1e-14)


# ----------------------------------------------------------------------- it is a kernel smoother


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-6), (np.float64, 1e-12)])
@pytest.mark.parametrize("d", [1, 2, 16])
def test_it_is_a_gaussian_smoother_with_a_prior_on_long_keys(d, dtype, tolerance):
    queries, keys, values = (a.numpy().astype(dtype) for a in tokens(d, (5, d), (9, d), (9, 2)))
    _, weights = dot_product_attention(queries, keys, values)
    _, smooth = nadaraya_watson(queries, keys, values, sigma=d**0.25)
    prior = np.exp((keys**2).sum(1) / (2 * math.sqrt(d)))
    tilted = smooth * prior / (smooth * prior).sum(1, keepdims=True)
    assert np.abs(weights - tilted).max() < tolerance
    assert np.abs(weights - smooth).max() > 1e-3  # and not without the prior


@pytest.mark.parametrize("d", [1, 3])
def test_one_more_coordinate_makes_it_gaussian(d):
    """With keys of equal length the prior is gone; the query's new coordinate is 0."""
    queries, keys, values = (a.numpy() for a in tokens(d, (5, d), (9, d), (9,)))
    length = (keys**2).sum(1)
    more_keys = np.column_stack([keys, np.sqrt(length.max() - length)])
    more_queries = np.column_stack([queries, np.zeros(5)])
    ours = dot_product_attention(queries, keys, values)
    smooth = nadaraya_watson(more_queries, more_keys, values, sigma=d**0.25)
    for one, other in zip(ours, smooth, strict=True):
        assert np.allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("d", [1, 3])
def test_a_gaussian_smoother_by_dot_products(d):
    """The other way round: keys (k, -|k|^2 / 2) and queries (q, 1)."""
    queries, keys, values = (a.numpy() for a in tokens(d, (5, d), (9, d), (9,)))
    more_keys = np.column_stack([keys, -(keys**2).sum(1) / 2])
    more_queries = np.column_stack([queries, np.ones(5)])
    ours = dot_product_attention(more_queries, more_keys, values, scale=1 / 0.7**2)
    for one, other in zip(ours, nadaraya_watson(queries, keys, values, sigma=0.7), strict=True):
        assert np.allclose(one, other, atol=1e-12)


def test_on_the_circle_it_is_gaussian():
    angles, values = np.linspace(0, 6, 9), np.arange(9.0)
    keys = np.column_stack([np.cos(angles), np.sin(angles)])
    ours = dot_product_attention(3 * keys[:4], keys, values, scale=1 / 3)[1]
    assert np.allclose(ours, nadaraya_watson(keys[:4], keys, values, sigma=1.0)[1], atol=1e-12)


# ------------------------------------------------------------------- positions, masks, empty rows


@given(st.integers(0, 2**31), st.integers(2, 7))
@settings(max_examples=30, deadline=None)
def test_permuted_tokens_give_permuted_outputs(seed, n):
    x, W_q, W_k = (a.numpy() for a in tokens(seed, (n, 3), (3, 3), (3, 3)))
    order = np.random.default_rng(seed).permutation(n)
    outputs, weights = dot_product_attention(x @ W_q, x @ W_k, x)
    moved = dot_product_attention(x[order] @ W_q, x[order] @ W_k, x[order])
    assert np.allclose(moved[0], outputs[order], atol=1e-12)
    assert np.allclose(moved[1], weights[order][:, order], atol=1e-12)


def test_positions_break_the_symmetry():
    (x,) = (a.numpy() for a in tokens(0, (6, 3)))
    causal = d2lmini.positions.causal_mask(6)
    near = d2lmini.positions.positional_scores(6, "gaussian", 1.5)
    for keywords in ({"mask": causal}, {"bias": near}):
        forward = dot_product_attention(x, x, x, **keywords)[0]
        backward = dot_product_attention(x[::-1], x[::-1], x[::-1], **keywords)[0]
        same = np.allclose(forward, backward[::-1])
        assert same == ("bias" in keywords)  # turned round: distances stay, before and after do not
        order = [1, 0, 2, 3, 4, 5]
        swapped = dot_product_attention(x[order], x[order], x[order], **keywords)[0]
        assert not np.allclose(forward[order], swapped)


def test_a_bias_is_a_factor_of_the_kernel():
    queries, keys, values = (a.numpy() for a in tokens(1, (6, 3), (6, 3), (6, 2)))
    bias = d2lmini.positions.positional_scores(6, "laplace", 2.0)
    plain = dot_product_attention(queries, keys, values)[1]
    product = plain * np.exp(bias)
    together = dot_product_attention(queries, keys, values, bias=bias)[1]
    assert np.allclose(together, product / product.sum(1, keepdims=True), atol=1e-14)


def test_a_bias_of_minus_infinity_is_a_mask():
    queries, keys, values = (a.numpy() for a in tokens(1, (5, 3), (6, 3), (6, 2)))
    mask = visible(2, 5, 6).numpy()
    bias = np.where(mask, 0.0, -math.inf)
    for one, other in zip(
        dot_product_attention(queries, keys, values, mask),
        dot_product_attention(queries, keys, values, bias=bias),
        strict=True,
    ):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("flat", [True, False])
def test_a_query_that_sees_nothing(library, flat):
    queries, keys, values = tokens(0, (3, 2), (4, 2), (4,) if flat else (4, 2))
    mask = torch.ones(3, 4, dtype=torch.bool)
    mask[1] = False
    if library == "numpy":
        queries, keys, values, mask = (a.numpy() for a in (queries, keys, values, mask))
    told = r"every key is hidden from 1 of 3 queries \(output NaN, weights 0\)"
    with pytest.warns(EmptyWindowWarning, match=told) as caught:
        outputs, weights = dot_product_attention(queries, keys, values, mask)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    outputs, weights = np.asarray(outputs), np.asarray(weights)
    assert np.isnan(outputs[1]).all()
    assert np.isfinite(outputs[[0, 2]]).all()
    assert (weights[1] == 0).all()
    assert np.allclose(weights.sum(1), [1, 0, 1])


def test_what_torch_makes_of_a_query_that_sees_nothing():
    """Chapter 6 shows these; when torch changes them, the chapter must."""
    queries, keys, values = tokens(0, (1, 3, 2), (1, 4, 2), (1, 4, 2), dtype=torch.float32)
    mask = torch.ones(3, 4, dtype=torch.bool)
    mask[1] = False
    outputs = F.scaled_dot_product_attention(queries, keys, values, mask)
    assert (outputs[0, 1] == 0).all()
    module = torch.nn.MultiheadAttention(2, 1, batch_first=True)
    for need in (True, False):
        outputs, weights = module(queries, keys, values, attn_mask=~mask, need_weights=need)
        assert torch.isnan(weights[0, 1]).all() if need else weights is None
    assert not torch.isnan(outputs[0, 0]).any()


def test_gradients():
    queries, keys, values, bias = tokens(5, (3, 2), (4, 2), (4, 2), (3, 4))
    mask = visible(5, 3, 4)
    scale = torch.tensor(0.7, dtype=torch.float64)
    inputs = [a.requires_grad_() for a in (queries, keys, values, bias, scale)]

    def both(queries, keys, values, bias, scale):
        return dot_product_attention(queries, keys, values, mask, scale, bias)

    assert torch.autograd.gradcheck(both, inputs)


def test_gradients_stay_finite_beside_a_query_that_sees_nothing():
    queries, keys, values = tokens(5, (3, 2), (4, 2), (4, 2))
    queries.requires_grad_()
    mask = torch.ones(3, 4, dtype=torch.bool)
    mask[1] = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EmptyWindowWarning)
        outputs, _ = dot_product_attention(queries, keys, values, mask)
    outputs[[0, 2]].sum().backward()
    assert torch.isfinite(queries.grad).all()
    assert queries.grad[0].abs().max() > 0


# ----------------------------------------------------------------------------- inputs of all kinds


def test_numpy_and_torch_agree_and_keep_their_precision():
    arrays = tokens(2, (5, 3), (6, 3), (6, 2))
    mask = visible(0, 5, 6)
    in_torch = dot_product_attention(*arrays, mask)
    in_numpy = dot_product_attention(*(a.numpy() for a in arrays), mask.numpy())
    for one, other in zip(in_torch, in_numpy, strict=True):
        assert isinstance(other, np.ndarray)
        assert np.allclose(one, other, atol=1e-14)
    narrow = dot_product_attention(*(a.numpy().astype(np.float32) for a in arrays),
                                   bias=np.zeros((5, 6)))  # fmt: skip
    assert {a.dtype for a in narrow} == {np.dtype(np.float32)}
    whole = dot_product_attention([[1, 0]], [[1, 0], [0, 1]], [2, 4])
    assert whole[0].dtype == np.float64


def test_large_scores_do_not_overflow():
    outputs, weights = dot_product_attention([[1e150]], [[1e150], [-1e150]], [1.0, 2.0])
    assert (weights.tolist(), outputs.tolist()) == ([[1.0, 0.0]], [1.0])


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize(("product", "bias"), [(1.5e308, 1e308), (-1.5e308, -1e308)])
def test_a_score_that_overflows_with_its_bias_is_an_error_not_a_hidden_key(library, product, bias):
    make = {"numpy": np.asarray, "torch": torch.as_tensor}[library]
    arrays = [make(a) for a in (np.array([[1.0]]), np.array([[product]]), np.array([1.0]))]
    with pytest.raises(ValueError, match=r"a score overflows (torch\.)?float64"):
        dot_product_attention(*arrays, scale=1.0, bias=make(np.array([[bias]])))
    hidden = make(np.array([[product], [1.0]])), make(np.array([1.0, 2.0]))
    mixed = make(np.array([[-math.inf, bias]]))
    assert dot_product_attention(arrays[0], *hidden, scale=1.0, bias=mixed)[0] == 2


def test_a_number_beyond_the_dtype_is_an_error_not_infinity():
    arrays = [np.ones(shape, np.float32) for shape in ((1, 2), (2, 2), 2)]
    for far in (-1e39, 1e39):
        with pytest.raises(ValueError, match="overflows float32; each must be finite or -inf"):
            dot_product_attention(*arrays, bias=np.array([[far, 0.0]]))
        with pytest.raises(ValueError, match="must be one finite number in float32"):
            dot_product_attention(*arrays, scale=far)


def test_a_plain_number_or_list_is_not_rounded_to_torchs_float32():
    arrays = tokens(0, (2, 3), (4, 3), (4, 2))
    scale, bias = 0.1, [[0.1, 0.2, 0.3, 0.7]]
    ours = dot_product_attention(*arrays, scale=scale, bias=bias)
    reference = dot_product_attention(*(a.numpy() for a in arrays), scale=scale, bias=bias)
    for one, other in zip(ours, reference, strict=True):
        assert np.allclose(one, other, rtol=0, atol=1e-15)


def test_no_queries_and_leading_axes():
    outputs, weights = dot_product_attention(np.ones((0, 2)), np.ones((3, 2)), np.ones((3, 4)))
    assert (outputs.shape, weights.shape) == ((0, 4), (0, 3))
    outputs, weights = dot_product_attention(
        np.ones((5, 1, 4, 2)), np.ones((6, 3, 2)), np.ones((6, 3, 7)), np.ones((4, 3), bool)
    )
    assert (outputs.shape, weights.shape) == ((5, 6, 4, 7), (5, 6, 4, 3))
    flat = dot_product_attention(np.ones((5, 4, 2)), np.ones((3, 2)), np.ones(3))[0]
    assert flat.shape == (5, 4)


GOOD = {"queries": np.ones((1, 2)), "keys": np.ones((2, 2)), "values": np.ones(2)}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"queries": np.ones(2)}, r"queries has shape \(2,\); it must be \(\.\.\., m, d\)"),
        ({"keys": np.ones((2, 3))}, r"queries has shape \(1, 2\) and keys \(2, 3\)"),
        ({"keys": np.ones((0, 2)), "values": np.ones(0)}, "with the same d >= 1 and n >= 1"),
        ({"values": np.ones(3)}, r"values has shape \(3,\); it must have 2 rows, as keys has"),
        ({"values": np.array([1, math.nan])}, "values holds NaN or infinity"),
        ({"mask": np.ones((1, 2))}, "mask has dtype float64; it must be bool, True = visible"),
        (
            {"mask": np.ones((3, 5), bool)},
            r"mask has shape \(3, 5\); it must broadcast to \(1, 2\)",
        ),
        ({"bias": [[0.0, math.nan]]}, "bias holds NaN"),
        ({"bias": [[0.0, math.inf]]}, r"bias holds NaN or \+infinity"),
        ({"bias": np.ones((3, 2))}, r"bias has shape \(3, 2\); it must broadcast to \(1, 2\)"),
        ({"scale": math.inf}, "scale is inf; it must be one finite number"),
        ({"scale": [1, 2]}, r"scale is \[1, 2\]"),
        ({"keys": torch.ones(2, 2)}, r"queries is a numpy\.ndarray; it must be a torch\.Tensor"),
        ({"queries": np.full((1, 2), 1e200), "keys": np.full((2, 2), 1e200)}, "score overflows"),
        ({"queries": np.ones((4, 1, 2)), "keys": np.ones((3, 2, 2))}, r"axes \(4,\), \(3,\), \(\)"),
    ],
)
def test_errors_name_the_argument(bad, message):
    with pytest.raises(ValueError, match=message):
        dot_product_attention(**GOOD | bad)
