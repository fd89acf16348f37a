"""Trains a small net on made-up data, as somebody's training script would; the one to try `lrdoctor prove` on.

    python train.py --lr 0.5 --warmup 120 --out .       # blows up: it wrote the metrics.csv beside it

Needs numpy and nothing else. `metrics.csv` in the folder `--out` grows as the training goes on.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

INPUTS, HIDDEN = 16, 64
EXAMPLES, BATCH = 4096, 64
MOMENTUM = 0.9
EVERY = 4
"""Steps between two rows of the log."""

Arrays = list[np.ndarray]


def main(arguments: Sequence[str] | None = None) -> None:
    """Train once and log it."""
    told = argparse.ArgumentParser(description="Train a small net on made-up data.")
    told.add_argument("--lr", type=float, required=True, help="peak learning rate")
    told.add_argument("--warmup", type=int, default=0, help="steps over which the rate rises to its peak")
    told.add_argument("--schedule", choices=["constant", "linear", "cosine", "warmup_stable_decay"], default="constant")
    told.add_argument("--final-lr", type=float, default=0.0, help="where the schedule ends")
    told.add_argument("--steps", type=int, default=600)
    told.add_argument("--clip", type=float, default=math.inf, help="largest norm of the gradient")
    told.add_argument("--seed", type=int, default=0)
    told.add_argument("--out", type=Path, required=True, help="folder for metrics.csv")
    train(told.parse_args(arguments))


def train(options: argparse.Namespace) -> None:
    """SGD with momentum on the squared error; a NaN does not end it, as in most scripts."""
    inputs, targets = examples(EXAMPLES, seed=1)
    validation = examples(512, seed=2)
    chance = np.random.default_rng(options.seed)
    weights = net(chance)
    velocity = [np.zeros_like(w) for w in weights]
    options.out.mkdir(parents=True, exist_ok=True)
    with (options.out / "metrics.csv").open("w", encoding="utf-8", newline="") as file, np.errstate(all="ignore"):
        log = csv.writer(file)
        log.writerow(["step", "train_loss", "val_loss", "lr", "grad_norm"])
        for step in range(options.steps):
            batch = chance.integers(EXAMPLES, size=BATCH)
            loss, gradient = backward(weights, inputs[batch], targets[batch])
            norm = math.sqrt(sum(float((g * g).sum()) for g in gradient))
            rate = rate_at(step, options)
            if step % EVERY == 0 or step == options.steps - 1:
                held_out = forward(weights, validation[0])[1]
                val_loss = float(((held_out - validation[1]) ** 2).mean())
                log.writerow([step, *(f"{value:.6g}" for value in (loss, val_loss, rate, norm))])
                file.flush()
            shrink = min(1.0, options.clip / norm) if norm > 0 else 1.0
            for weight, moved, each in zip(weights, velocity, gradient, strict=True):
                moved *= MOMENTUM
                moved += shrink * each
                weight -= rate * moved


def rate_at(step: int, options: argparse.Namespace) -> float:
    """A linear warm-up to the peak, then the schedule down to the final rate."""
    if step < options.warmup:
        return float(options.lr * (step + 1) / options.warmup)
    passed = (step - options.warmup) / max(1, options.steps - options.warmup)
    left = {
        "constant": 1.0,
        "linear": 1 - passed,
        "cosine": (1 + math.cos(math.pi * passed)) / 2,
        "warmup_stable_decay": min(1.0, (1 - passed) / 0.2),
    }[options.schedule]
    return float(options.final_lr + (options.lr - options.final_lr) * left)


def examples(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs, and what a fixed net with some noise makes of them; shapes (count, INPUTS) and (count, 1)."""
    teacher, noise = np.random.default_rng(0), np.random.default_rng(seed)
    inner = teacher.normal(size=(INPUTS, 4)) / math.sqrt(INPUTS)
    outer = teacher.normal(size=(4, 1))
    inputs = noise.normal(size=(count, INPUTS))
    return inputs, np.tanh(inputs @ inner) @ outer + 0.1 * noise.normal(size=(count, 1))


def net(chance: np.random.Generator) -> Arrays:
    """Two layers, ReLU between them, scaled after He et al. (2015)."""
    inner = chance.normal(size=(INPUTS, HIDDEN)) * math.sqrt(2 / INPUTS)
    outer = chance.normal(size=(HIDDEN, 1)) * math.sqrt(1 / HIDDEN)
    return [inner, np.zeros(HIDDEN), outer, np.zeros(1)]


def forward(weights: Arrays, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the hidden units and the output say."""
    hidden = np.maximum(inputs @ weights[0] + weights[1], 0)
    return hidden, hidden @ weights[2] + weights[3]


def backward(weights: Arrays, inputs: np.ndarray, targets: np.ndarray) -> tuple[float, Arrays]:
    """The mean squared error and its gradient."""
    hidden, output = forward(weights, inputs)
    error = 2 * (output - targets) / len(inputs)
    below = (error @ weights[2].T) * (hidden > 0)
    loss = float(((output - targets) ** 2).mean())
    return loss, [inputs.T @ below, below.sum(0), hidden.T @ error, error.sum(0)]


if __name__ == "__main__":
    main()
