"""Many trainings of one net at once: the same data, each with its own seed, rates, clipping and mishaps.

A small net spends most of its time between two calls of torch, not inside them. So the members of an ensemble live in
one array, shape (members, parameters), and every step moves all of them by one call (`torch.func.vmap`). No member
sees another: a NaN in one leaves the rest as they are. `tests/frameworks/test_clinic.py` holds the updates against
`torch.optim`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.func import grad_and_value, vmap

from benchmarks.clinic.tasks import Task
from lrdoctor.model import Floats, Ints

EVALUATIONS = 60
"""How often a run looks at its validation set."""
CHUNK = 40
"""Members that train together: enough to hide the cost of a call, few enough to stay in the cache."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Member:
    """One training, whatever the task."""

    rates: Floats
    """Shape (steps,): the learning rate of every step."""
    seed: int
    clip: float = float("inf")
    """Largest norm that a gradient may have."""
    bad_batches: range = range(0)
    """Steps whose batch arrives broken."""
    noisy_labels: bool = False
    few_examples: bool = False
    """Only a small part of the training set is there, so that it can be learned by heart."""
    resumed_at: int = -1
    """Step at which the optimizer's state is lost; −1 for never."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recorded:
    """What one training had to log."""

    rates: Floats
    loss: Floats
    """Shape (steps,), of each batch."""
    grad_norm: Floats
    """Shape (steps,), before clipping."""
    val_steps: Ints
    val_loss: Floats
    val_accuracy: Floats
    """NaN throughout where the task has no classes."""

    @property
    def final(self) -> float:
        """Mean of the last three validation losses."""
        return float(self.val_loss[-3:].mean())


def train(task: Task, optimizer: str, members: Sequence[Member]) -> list[Recorded]:
    """Every member trained, in the order given; all have as many steps as they have rates, and the same number."""
    found: list[Recorded] = []
    for first in range(0, len(members), CHUNK):
        found += _together(task, optimizer, members[first : first + CHUNK])
    return found


def _together(task: Task, optimizer: str, members: Sequence[Member]) -> list[Recorded]:
    torch.set_flush_denormal(True)
    data = task.data()
    steps = len(members[0].rates)
    weights = torch.stack([task.initial(torch.Generator().manual_seed(m.seed)) for m in members])
    rates = torch.tensor(np.stack([m.rates for m in members]), dtype=torch.float32)
    clip = torch.tensor([m.clip for m in members])
    noisy = torch.tensor([m.noisy_labels for m in members])
    batches = torch.stack([_batches(task, m, steps, len(data.x)) for m in members])
    state = OPTIMIZERS[optimizer](weights)
    gradient = vmap(grad_and_value(task.loss))
    judge = vmap(task.evaluate, in_dims=(0, None, None))
    looks = np.unique(np.linspace(0, steps - 1, EVALUATIONS + 1).round().astype(np.int64))
    loss, norm = torch.empty(len(members), steps), torch.empty(len(members), steps)
    val: list[torch.Tensor] = []
    for step in range(steps):
        if step in looks:
            with torch.no_grad():
                val.append(torch.stack(judge(weights, data.x_val, data.y_val)))
        chosen = batches[:, step]
        x, y = data.x[chosen], data.y[chosen]
        if noisy.any():
            y = torch.where(noisy.view(-1, *[1] * (y.dim() - 1)), data.y_noisy[chosen], y)
        broken = [i for i, m in enumerate(members) if step in m.bad_batches]
        if broken:
            x[broken], y[broken] = task.broken(x[broken], y[broken])
        slope, loss[:, step] = gradient(weights, x, y)
        norm[:, step] = slope.norm(dim=1)
        slope *= torch.clamp(clip / (norm[:, step] + 1e-6), max=1.0).unsqueeze(1)
        lost = [i for i, m in enumerate(members) if m.resumed_at == step]
        if lost:
            state.forget(lost)
        state.update(weights, slope, rates[:, step].unsqueeze(1))
    seen = torch.stack(val, dim=-1)
    return [
        Recorded(
            rates=members[i].rates,
            loss=loss[i].numpy().astype(np.float64),
            grad_norm=norm[i].numpy().astype(np.float64),
            val_steps=looks,
            val_loss=seen[0, i].numpy().astype(np.float64),
            val_accuracy=seen[1, i].numpy().astype(np.float64),
        )
        for i in range(len(members))
    ]


def _batches(task: Task, member: Member, steps: int, examples: int) -> torch.Tensor:
    """Indices, shape (steps, batch): epoch after epoch in a new order, as a data loader gives them."""
    there = max(task.batch, examples // FEW) if member.few_examples else examples
    generator = torch.Generator().manual_seed(member.seed + 1)
    epochs = -(-steps * task.batch // (there // task.batch * task.batch))
    orders = [torch.randperm(there, generator=generator)[: there // task.batch * task.batch] for _ in range(epochs)]
    return torch.cat(orders)[: steps * task.batch].view(steps, task.batch)


FEW = 24
"""A training set that is so many times smaller is soon known by heart."""


class Momentum:
    """Stochastic gradient descent with momentum 0.9, as `torch.optim.SGD` has it."""

    def __init__(self, weights: torch.Tensor) -> None:
        self.velocity = torch.zeros_like(weights)

    def forget(self, members: Sequence[int]) -> None:
        """Lose the state of these members."""
        self.velocity[members] = 0.0

    def update(self, weights: torch.Tensor, slope: torch.Tensor, rate: torch.Tensor) -> None:
        """One step of all members, in place; `rate` has shape (members, 1)."""
        self.velocity.mul_(0.9).add_(slope)
        weights.sub_(rate * self.velocity)


class Adam:
    """Adam with the defaults of `torch.optim.Adam` (Kingma & Ba, 2015)."""

    decay = 0.0

    def __init__(self, weights: torch.Tensor) -> None:
        self.mean, self.square = torch.zeros_like(weights), torch.zeros_like(weights)
        self.steps = torch.zeros(len(weights), 1)

    def forget(self, members: Sequence[int]) -> None:
        """Lose the state of these members."""
        self.mean[members], self.square[members], self.steps[members] = 0.0, 0.0, 0.0

    def update(self, weights: torch.Tensor, slope: torch.Tensor, rate: torch.Tensor) -> None:
        """One step of all members, in place; `rate` has shape (members, 1)."""
        self.steps += 1
        self.mean.lerp_(slope, 0.1)
        self.square.mul_(0.999).addcmul_(slope, slope, value=0.001)
        if self.decay:
            weights.mul_(1 - rate * self.decay)
        scale = (self.square / (1 - 0.999**self.steps)).sqrt_().add_(1e-8)
        weights.sub_(rate / (1 - 0.9**self.steps) * self.mean / scale)


class AdamW(Adam):
    """Adam with decoupled weight decay, as `torch.optim.AdamW` (Loshchilov & Hutter, 2019)."""

    decay = 0.01


OPTIMIZERS: dict[str, Any] = {"sgd": Momentum, "adam": Adam, "adamw": AdamW}
