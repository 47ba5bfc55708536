"""The small transformers: their layer against torch's own, the shipped weights, the training."""

import numpy as np
import pytest
import torch

from d2lmini import in_context, small_transformer
from d2lmini.reading_heads import read_head
from tools import train_small


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_layer_is_that_of_torch():
    """Without kernels of position, and with torch's layer norms at scale 1 and shift 0."""
    torch.manual_seed(0)
    ours = small_transformer.Layer()
    theirs = torch.nn.TransformerEncoderLayer(
        32, 2, 64, dropout=0.0, batch_first=True, norm_first=True
    ).eval()
    attention = theirs.self_attn
    with torch.no_grad():
        attention.in_proj_weight.copy_(
            torch.cat([each.weight for each in (ours.query, ours.key, ours.value)])
        )
        attention.in_proj_bias.zero_()
        attention.out_proj.weight.copy_(ours.out.weight)
        attention.out_proj.bias.zero_()
        for mine, other in ((ours.up, theirs.linear1), (ours.down, theirs.linear2)):
            other.weight.copy_(mine.weight)
            other.bias.copy_(mine.bias)
        x, mask = torch.randn(3, 7, 32), torch.rand(7, 7) < 0.6
        mask.fill_diagonal_(True)
        found, weights = ours(x, mask)
        torch.testing.assert_close(found, theirs(x, src_mask=~mask), rtol=0, atol=1e-5)
    assert (weights[..., ~mask] == 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 2, 7))


@pytest.mark.parametrize("name", small_transformer.MODELS)
def test_the_shipped_weights_are_those_of_the_log(name):
    model, log = small_transformer.load(name), small_transformer.training_log(name)
    weights = {key: value.numpy() for key, value in model.state_dict().items()}
    assert train_small.checksum(weights) == log["sha256"]
    assert len(log["losses"]) == log["steps"] == train_small.STEPS[name]
    assert np.mean(log["losses"][-200:]) < 0.9 * np.mean(log["losses"][:200])
    stored = small_transformer.TRAINED
    assert sum(file.stat().st_size for file in stored.iterdir()) < 300_000


@pytest.mark.parametrize("name", small_transformer.MODELS)
def test_a_shortened_training_gives_the_same_curve(name):
    expected = small_transformer.training_log(name)["losses"][:40]
    found = [loss for _, loss in train_small.training(name, 40)]
    np.testing.assert_allclose(found, expected, rtol=2e-3)


def test_the_regression_model_beats_the_smoother_and_comes_near_the_best():
    """Readouts of the shipped weights; a new training on another machine must meet them too."""
    model = small_transformer.load("regression")
    *given, truth = in_context.curves(1000, 24, 8, rng(9))
    predicted, weights = model(*given)
    errors = {
        "model": torch.mean((predicted - truth) ** 2),
        "best": torch.mean((in_context.best_curve(*given) - truth) ** 2),
        "zero": torch.mean(truth**2),
    }
    assert errors["best"] < errors["model"] < 1.3 * errors["best"] < 0.1 * errors["zero"]
    queries, keys, _ = (each.numpy() for each in given)
    readings = [
        read_head(layer[:, head, 24:].numpy(), queries, keys)
        for layer in weights
        for head in range(2)
    ]
    assert max(each.fit for each in readings) > 0.8


def test_the_text_model_comes_near_counting():
    model = small_transformer.load("text")
    letters, _ = in_context.texts(300, 64, rng(9))
    found = in_context.nats(torch.softmax(model(letters)[0], -1), letters)
    best = in_context.nats(in_context.best_letters(letters), letters)
    assert best < found < best + 0.06 < np.log(8)


def test_queries_do_not_see_each_other_and_points_have_no_order():
    model = small_transformer.load("regression")
    queries, keys, values, _ = in_context.curves(2, 9, 4, rng(1))
    whole, weights = model(queries, keys, values)
    assert [layer.shape for layer in weights] == [(2, 2, 13, 9)] * 2
    alone, _ = model(queries[:, 2:3], keys, values)
    torch.testing.assert_close(alone[:, 0], whole[:, 2], rtol=0, atol=1e-5)
    order = torch.randperm(9, generator=rng(2))
    torch.testing.assert_close(model(queries, keys[:, order], values[:, order])[0], whole,
                               rtol=0, atol=1e-5)  # fmt: skip


def test_a_letter_does_not_see_the_future():
    model = small_transformer.load("text")
    letters, _ = in_context.texts(2, 20, rng(3))
    changed = letters.clone()
    changed[:, 12:] = (changed[:, 12:] + 1) % 8
    one, other = model(letters)[0], model(changed)[0]
    torch.testing.assert_close(one[:, :12], other[:, :12])
    assert not torch.allclose(one[:, 12:], other[:, 12:])


def test_an_unknown_model_is_named():
    for call in (small_transformer.load, small_transformer.training_log):
        with pytest.raises(
            ValueError, match="name is 'vision'; it must be one of regression, text"
        ):
            call("vision")
