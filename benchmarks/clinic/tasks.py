"""Small real tasks: a net, its examples, and how long it trains.

A net's weights are one flat vector, so that an ensemble of nets is a matrix. `TASKS` lists them; those of `HELD_OUT`
take part in no tuning and no calibration.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F  # noqa: N812 (the name that every torch user knows)
from torch import Tensor

from benchmarks.clinic.examples import (
    Examples,
    bags,
    diabetes,
    digits,
    digits_themselves,
    documents,
    facts,
    friedman,
    letters,
    neighbours,
    picture,
    pixels,
    polynomial,
    ratings,
    recall,
    shapes,
    spirals,
    table,
    text,
    tumours,
    uncertain,
    wanderings,
    waves,
)
from benchmarks.clinic.nets import (
    Net,
    Weights,
    bag,
    convolutional,
    factors,
    filters,
    gated,
    neighbour,
    normed,
    perceptron,
    recurrent,
    relation,
    residual,
    transformer,
    window,
)
from benchmarks.clinic.puzzles import (
    brackets,
    following,
    medians,
    opinions,
    orbits,
    outliers,
    rare,
    remainders,
    rings,
    smudges,
    switches,
    tones,
    topics_of,
    visits,
    wines,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Data:
    """Training and validation set, shape (examples, …) each."""

    x: Tensor
    y: Tensor
    x_val: Tensor
    y_val: Tensor
    y_noisy: Tensor
    """The training targets with a third of the labels wrong, or with as much noise as signal."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Task:
    """A net, its data, and how long it trains."""

    name: str
    make: Callable[[], Examples]
    shapes: Mapping[str, tuple[int, ...]]
    """Weights by name. Vectors start at 0 (at 1 where the name ends in `gain`), matrices by Glorot or He."""
    forward: Callable[[Weights, Tensor], Tensor]
    rates: Mapping[str, float]
    """Optimizer to a rate somewhere near the best; the sweep looks two and a half decades to either side."""
    steps: int
    batch: int = 32
    kind: str = "classes"
    """Name of one of the `CRITERIA`: what the loss is."""
    floor: float = 0.0
    """Lowest loss that there can be; where losses go below zero, ratios are taken from here."""
    scale: float = 1.0
    """Of the first weights, relative to what is usual."""

    def data(self) -> Data:
        """The data, always the same."""
        return _data(self)

    def initial(self, generator: torch.Generator) -> Tensor:
        """First weights as one vector."""
        return torch.cat([self._initial(n, s, generator).flatten() for n, s in self.shapes.items()])

    def _initial(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        if len(shape) == 1:
            return torch.full(shape, 1.0 if name.endswith("gain") else 0.0)
        spread = 1.0 if name.startswith("table") else self.scale * math.sqrt(1.5 / shape[-2])
        return torch.randn(shape, generator=generator) * spread

    def loss(self, weights: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Mean loss of one net on one batch."""
        return CRITERIA[self.kind](self.forward(self._named(weights), x), y)

    def evaluate(self, weights: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and accuracy of one net; the accuracy is NaN where there are no classes."""
        out = self.forward(self._named(weights), x)
        loss = CRITERIA[self.kind](out, y)
        if self.kind != "classes":
            return loss, torch.full_like(loss, float("nan"))
        return loss, (out.argmax(-1) == y).float().mean()

    def broken(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """A batch as a broken loader delivers it: inputs without their scaling, or tokens with the wrong targets."""
        if x.is_floating_point():
            return 20 * x, y
        return x, y.flip(-1).roll(3, -1)

    def _named(self, weights: Tensor) -> Weights:
        named: dict[str, Tensor] = {}
        start = 0
        for name, shape in self.shapes.items():
            size = math.prod(shape)
            named[name] = weights[start : start + size].view(shape)
            start += size
        return named


@lru_cache(maxsize=2)
def _data(task: Task) -> Data:
    x, y, x_val, y_val = task.make()
    generator = torch.Generator().manual_seed(99)
    if task.kind == "classes":
        wrong = torch.rand(y.shape, generator=generator) < 1 / 3
        noisy = torch.where(wrong, y.flatten()[torch.randperm(y.numel(), generator=generator)].view(y.shape), y)
    elif task.kind in ("shares", "counts"):
        wrong = torch.rand(len(y), generator=generator) < 1 / 3
        noisy = y.clone()
        noisy[wrong] = y[torch.randperm(len(y), generator=generator)][wrong]
    else:
        noisy = y + y.std() * torch.randn(y.shape, generator=generator)
    return Data(x=x, y=y, x_val=x_val, y_val=y_val, y_noisy=noisy)


def _cross_entropy(out: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(out.flatten(0, -2), y.flatten())


def _likelihood(out: Tensor, y: Tensor) -> Tensor:
    """Negative log-likelihood of a normal distribution whose mean and log-variance the net tells: may be negative."""
    mean, log_var = out[..., 0], out[..., 1]
    return 0.5 * (log_var + (y - mean) ** 2 * torch.exp(-log_var)).mean()


def _deviance(out: Tensor, y: Tensor) -> Tensor:
    """Half the deviance of Poisson's law whose log-rate the net tells: 0 where it tells the count itself."""
    log_rate = out.squeeze(-1)
    return (torch.exp(log_rate) - y * log_rate + torch.xlogy(y, y) - y).mean()


CRITERIA: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "classes": _cross_entropy,
    "regression": lambda out, y: (
        ((out.squeeze(-1) - y) ** 2).mean() if out.dim() > y.dim() else ((out - y) ** 2).mean()
    ),
    "likelihood": _likelihood,
    "absolute": lambda out, y: (out.squeeze(-1) - y).abs().mean(),
    "counts": _deviance,
    "shares": lambda out, y: F.cross_entropy(out, y),
}


def _task(
    name: str,
    make: Callable[[], Examples],
    net: Net,
    rates: Mapping[str, float],
    steps: int,
    **more: object,
) -> Task:
    return Task(name=name, make=make, shapes=net[0], forward=net[1], rates=rates, steps=steps, **more)  # type: ignore[arg-type]


TASKS: Mapping[str, Task] = {
    task.name: task
    for task in (
        _task("residual_digits", digits, residual(64, 24, 2, 10), {"sgd": 3e-2, "adamw": 3e-3}, 1200),
        _task("conv_shapes", shapes, convolutional(10, 8, 8), {"sgd": 1e-1, "adam": 1e-2}, 800),
        _task("deep_table", table, perceptron(20, 40, 40, 40, 5), {"sgd": 3e-2, "adamw": 3e-3}, 1500),
        _task("friedman", friedman, perceptron(10, 48, 48, 1), {"sgd": 1e-2, "adam": 3e-3}, 1500, kind="regression"),
        _task("text_transformer", text, transformer(32, 16, 24, 2, 32), {"sgd": 1e-1, "adamw": 3e-3}, 800, batch=16),
        _task(
            "text_rnn",
            text,
            recurrent(32, 32, 32, tokens=True, last_only=False, gated=False),
            {"adam": 3e-3},
            900,
            batch=16,
        ),
        _task(
            "ratings",
            ratings,
            factors(200, 150, 4),
            {"sgd": 1.0, "adam": 1e-2},
            2500,
            batch=64,
            kind="regression",
        ),
        _task(
            "autoencoder",
            digits_themselves,
            perceptron(64, 32, 8, 32, 64),
            {"sgd": 1e-1, "adam": 3e-3},
            1500,
            kind="regression",
        ),
        _task(
            "uncertain",
            uncertain,
            perceptron(6, 40, 40, 2),
            {"sgd": 1e-2, "adam": 3e-3},
            1500,
            kind="likelihood",
            floor=-2.6,
        ),
        _task("recall", recall, transformer(16, 9, 16, 2, 8, last_only=True), {"adam": 3e-3}, 1000),
        _task(
            "post_norm",
            text,
            transformer(32, 16, 24, 2, 32, post_norm=True),
            {"sgd": 1e-1, "adam": 3e-3},
            800,
            batch=16,
        ),
        _task(
            "walks",
            wanderings,
            recurrent(3, 24, 6, tokens=False, last_only=True, gated=True),
            {"sgd": 1e-1, "adam": 1e-2},
            900,
        ),
        _task(
            "words",
            neighbours,
            neighbour(120, 12),
            {"sgd": 1.0, "adam": 1e-2},
            2000,
            batch=64,
        ),
        _task(
            "waves",
            waves,
            perceptron(1, 40, 40, 1, act=torch.tanh),
            {"sgd": 1e-1, "adamw": 3e-3},
            2500,
            kind="regression",
        ),
        _task("pixels", pixels, perceptron(64, 10), {"sgd": 1e-3, "adamw": 3e-3}, 1200),
        _task(
            "polynomial", polynomial, perceptron(34, 1), {"sgd": 1e-2, "adam": 1e-2}, 2000, batch=16, kind="regression"
        ),
        _task("bigrams", letters, neighbour(32, 8), {"sgd": 1.0, "adam": 1e-2}, 1500),
        _task(
            "documents",
            documents,
            bag(300, 12, 24, 6),
            {"sgd": 1e-1, "adam": 3e-3},
            1000,
            batch=64,
        ),
        _task(
            "picture",
            picture,
            perceptron(14, 40, 40, 1),
            {"sgd": 3e-2, "adamw": 3e-3},
            2000,
            batch=64,
            kind="regression",
        ),
        _task("tumours", tumours, perceptron(30, 48, 2), {"sgd": 3e-2, "adam": 3e-3}, 800, batch=16),
        _task(
            "diabetes",
            diabetes,
            perceptron(10, 32, 32, 1),
            {"sgd": 1e-2, "adam": 3e-3},
            1000,
            batch=16,
            kind="regression",
        ),
        _task("remainders", remainders, window(23, 2, 16, 64, 23), {"sgd": 1e-1, "adamw": 1e-2}, 1500),
        _task("wines", wines, perceptron(13, 24, 3), {"sgd": 3e-2, "adam": 3e-3}, 300, batch=8),
        _task("outliers", outliers, perceptron(8, 32, 32, 1), {"sgd": 1e-2, "adam": 3e-3}, 1200, kind="absolute"),
        _task("visits", visits, perceptron(12, 32, 32, 1), {"sgd": 3e-3, "adamw": 3e-3}, 1000, batch=64, kind="counts"),
        _task("rare", rare, perceptron(30, 2), {"sgd": 3e-3, "adam": 1e-2}, 2000, batch=8),
        _task("tones", tones, filters(7, 12, 5), {"sgd": 1e-1, "adam": 1e-2}, 600),
        _task("brackets", brackets, gated(4, 20, 7), {"sgd": 3e-1, "adam": 1e-2}, 700, batch=16),
        _task(
            "smudges",
            smudges,
            perceptron(64, 32, 64),
            {"sgd": 1.0, "adam": 3e-3},
            800,
            batch=128,
            kind="regression",
        ),
        _task(
            "rings", rings, perceptron(2, 24, 24, 24, 2, act=torch.tanh), {"sgd": 1e-1, "adam": 1e-2}, 600, batch=200
        ),
        _task(
            "medians",
            medians,
            transformer(20, 9, 16, 1, 1, last_only=True),
            {"sgd": 3e-2, "adamw": 3e-3},
            800,
            kind="regression",
        ),
        _task("opinions", opinions, perceptron(16, 48, 48, 6), {"sgd": 1e-1, "adam": 3e-3}, 1500, kind="shares"),
        _task("following", following, window(32, 4, 10, 48, 32), {"sgd": 1e-1, "adamw": 3e-3}, 1200, batch=64),
        _task("switches", switches, normed(12, 32, 32, 2), {"sgd": 1e-1, "adam": 1e-2}, 900, batch=48),
        _task("orbits", orbits, residual(3, 24, 3, 2), {"sgd": 1e-2, "adamw": 3e-3}, 1500, kind="regression"),
        _task("shares_of_words", topics_of, normed(30, 40, 8), {"sgd": 3e-2, "adamw": 3e-3}, 400),
        _task("bags", bags, perceptron(32, 10), {"sgd": 1e-2, "adamw": 1e-2}, 1500),
        _task("spirals", spirals, perceptron(2, 40, 40, 3, act=torch.tanh), {"sgd": 1e-1, "adam": 3e-3}, 1500),
        _task(
            "facts",
            facts,
            relation(80, 6, 12),
            {"sgd": 1e-1, "adamw": 1e-2},
            1500,
            batch=64,
        ),
    )
}
HELD_OUT = frozenset({"post_norm", "walks", "words", "waves", "bags", "spirals", "facts"})
"""One of each kind of net: nobody looks at them until the numbers are printed."""
