"""Train the two small transformers of chapter 9 and store them in d2lmini/trained.

    .venv/bin/python -m tools.train_small [NAME ...]      default: regression and text

Minutes on two cores, seeds fixed. The weights are stored in half precision (.npz): the page of the
chapter carries them, too. A JSON file has the losses of all steps, the seed and the SHA-256 of the
weights. Another processor rounds otherwise, so it finds
other weights of the same worth; tests/core/test_small_transformer.py says how near.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from d2lmini import in_context, small_transformer

SEED = 0
STEPS = {"regression": 6000, "text": 4000}
#: Points that a problem shows; the model meets each number as often.
SHOWN = (8, 16, 24, 32)
BEST_RATE = 5e-3


def regression_loss(model: nn.Module, step: int, generator: torch.Generator) -> torch.Tensor:
    """Mean squared error at 8 queries of 64 new curves."""
    *given, truth = in_context.curves(64, SHOWN[step % len(SHOWN)], 8, generator)
    return F.mse_loss(model(*given)[0], truth)


def text_loss(model: nn.Module, step: int, generator: torch.Generator) -> torch.Tensor:
    """Mean surprise at the next letters of 32 new texts, in nats."""
    letters, _ = in_context.texts(32, small_transformer.LENGTH, generator)
    scores = model(letters[:, :-1])[0]
    return F.cross_entropy(scores.flatten(0, 1), letters[:, 1:].flatten())


LOSSES: dict[str, Callable] = {"regression": regression_loss, "text": text_loss}


def training(name: str, steps: int, seed: int = SEED) -> Iterator[tuple[nn.Module, float]]:
    """The model after each of the first ``steps`` steps of its training, and the loss before it."""
    torch.manual_seed(seed)
    model, generator = small_transformer.MODELS[name](), torch.Generator().manual_seed(seed + 1)
    adam = torch.optim.Adam(model.parameters())
    rate = torch.optim.lr_scheduler.OneCycleLR(adam, BEST_RATE, total_steps=STEPS[name])
    for step in range(steps):
        loss = LOSSES[name](model, step, generator)
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        rate.step()
        yield model, loss.item()


def checksum(weights: dict[str, np.ndarray]) -> str:
    """SHA-256 of the numbers, name after name, as little-endian float16."""
    found = hashlib.sha256()
    for name in sorted(weights):
        found.update(np.ascontiguousarray(weights[name], "<f2").tobytes())
    return found.hexdigest()


def train(name: str) -> None:
    """Train one model and store it."""
    began, losses = time.perf_counter(), []
    for trained, loss in training(name, STEPS[name]):
        model = trained
        losses.append(round(loss, 5))
        if len(losses) % 500 == 0:
            recent = np.mean(losses[-500:])
            took = time.perf_counter() - began
            print(f"  {name}: step {len(losses)}, loss {recent:.4f}, {took:.0f} s", flush=True)
    weights = {key: value.half().numpy() for key, value in model.state_dict().items()}
    small_transformer.TRAINED.mkdir(exist_ok=True)
    np.savez_compressed(small_transformer.TRAINED / f"{name}.npz", **weights)
    known = {
        "seed": SEED,
        "steps": STEPS[name],
        "torch": torch.__version__,
        "sha256": checksum(weights),
        "losses": losses,
    }
    text = json.dumps(known) + "\n"
    (small_transformer.TRAINED / f"{name}.json").write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools.train_small", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", choices=[*LOSSES, []], default=[])
    torch.set_num_threads(1)
    for name in parser.parse_args().names or LOSSES:
        train(name)


if __name__ == "__main__":
    main()
