"""Two small transformers, trained beforehand, whose heads can be looked into. Chapter 9.

Both have two layers of two heads. A layer is that of chapter 7, layer norm first, without learned
scales: x + attention, then x + MLP. One model reads points (x, y) and predicts the height of a
curve that it has never seen; the other reads a text and predicts the next letter. Each text has a
grammar of its own, which nothing but the text tells. ``tools/train_small.py`` trained them;
``load`` gives them.
"""

import json
import math
from pathlib import Path

import numpy as np

try:
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError as error:
    raise ImportError(
        "d2lmini.small_transformer needs PyTorch, which is not installed; "
        "install it with:  pip install torch"
    ) from error

__all__ = ["RegressionModel", "TextModel", "load", "training_log"]

TRAINED = Path(__file__).parent / "trained"
#: Numbers in a token, heads and layers, of both models.
WIDTH, HEADS, LAYERS = 32, 2, 2
#: Letters of the texts, and how many a text has at most.
LETTERS, LENGTH = 8, 64


class Layer(nn.Module):
    """One layer; with ``reach`` its heads have a learned kernel of the distance in positions."""

    def __init__(self, reach: int = 0) -> None:
        super().__init__()
        maps = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(4))
        self.query, self.key, self.value, self.out = maps
        self.up, self.down = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)
        self.log_position = nn.Parameter(torch.zeros(HEADS, reach)) if reach else None

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens (b, n, 32) and the heads' weights (b, 2, n, n); mask (n, n), True: seen."""
        z = F.layer_norm(x, x.shape[-1:])
        q, k, v = (self._heads(each(z)) for each in (self.query, self.key, self.value))
        scores = q @ k.mT / math.sqrt(WIDTH // HEADS)
        if self.log_position is not None:
            place = torch.arange(x.shape[1])
            back = (place[:, None] - place).clamp(0)
            scores = scores + self.log_position[:, back]  # log k_pos, formula (7.8)
        weights = torch.softmax(scores.masked_fill(~mask, -math.inf), dim=-1)
        x = x + self.out((weights @ v).transpose(1, 2).flatten(2))
        return x + self.down(F.relu(self.up(F.layer_norm(x, x.shape[-1:])))), weights

    def _heads(self, x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(-1, (HEADS, -1)).transpose(1, 2)  # (b, heads, n, 16)


class RegressionModel(nn.Module):
    """Predicts a curve at queries from n points that it is shown. 17 793 numbers.

    A token is (x, y, 0) for a point and (x, 0, 1) for a query. All look at the points, nobody at
    a query, so each query is answered on its own, and the order of the points does not matter.
    """

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(3, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH))
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.read = nn.Linear(WIDTH, 1)

    def forward(
        self, queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Predictions (b, m) and the weights of each layer, (b, 2, n + m, n).

        queries (b, m), keys (b, n), values (b, n). Rows of the weights: the points, then the
        queries; columns: the points.
        """
        n, zeros = keys.shape[1], torch.zeros_like
        points = torch.stack([keys, values, zeros(keys)], -1)
        asked = torch.stack([queries, zeros(queries), torch.ones_like(queries)], -1)
        x, weights = self.embed(torch.cat([points, asked], 1)), []
        mask = (torch.arange(x.shape[1]) < n).expand(x.shape[1], -1)
        for layer in self.layers:
            x, of_layer = layer(x, mask)
            weights.append(of_layer[..., :n])
        return self.read(F.layer_norm(x, x.shape[-1:]))[:, n:, 0], weights


class TextModel(nn.Module):
    """Predicts the next of eight letters, from up to 64 letters before. 17 352 numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(LETTERS, WIDTH)
        self.layers = nn.ModuleList(Layer(LENGTH) for _ in range(LAYERS))
        self.read = nn.Linear(WIDTH, LETTERS)

    def forward(self, letters: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Scores of the next letter (b, n, 8) and the weights of each layer, (b, 2, n, n).

        letters (b, n), whole numbers from 0 to 7, n at most 64; each sees itself and the past.
        """
        x, weights = self.embed(letters), []
        mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
        for layer in self.layers:
            x, of_layer = layer(x, mask)
            weights.append(of_layer)
        return self.read(F.layer_norm(x, x.shape[-1:])), weights


MODELS = {"regression": RegressionModel, "text": TextModel}


def load(name: str) -> nn.Module:
    """A trained model, "regression" or "text". ValueError for another name.

    float32; the stored weights have half that precision.
    """
    if name not in MODELS:
        raise ValueError(f"name is {name!r}; it must be one of {', '.join(MODELS)}")
    model = MODELS[name]()
    with np.load(TRAINED / f"{name}.npz") as stored:
        model.load_state_dict({key: torch.tensor(stored[key]).float() for key in stored.files})
    return model.eval().requires_grad_(False)


def training_log(name: str) -> dict:
    """How a model was trained: its losses (steps,), its seed, and the checksum of its weights."""
    if name not in MODELS:
        raise ValueError(f"name is {name!r}; it must be one of {', '.join(MODELS)}")
    return json.loads((TRAINED / f"{name}.json").read_text(encoding="utf-8"))
