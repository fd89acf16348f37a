"""Examples that are made by a rule: sums, sequences, sets, counts and the answers of another net.

As in `examples`, each function gives training inputs and targets, and validation inputs and targets, always the same.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812 (the name that every torch user knows)

from benchmarks.clinic.examples import Examples, characters, split


def remainders() -> Examples:
    """Two numbers below 23, and what their sum leaves when divided by 23: a table to be learned by heart."""
    x = torch.randint(23, (4000, 2), generator=torch.Generator().manual_seed(65))
    return split(x, x.sum(1) % 23)


def wines() -> Examples:
    """Three wines by 13 chemical measures, as they come (scikit-learn's copy of the UCI set): real and very few."""
    from sklearn.datasets import load_wine

    x, y = load_wine(return_X_y=True)
    return split(torch.tensor((x - x.mean(0)) / x.std(0), dtype=torch.float32), torch.tensor(y), val=60)


def outliers() -> Examples:
    """A rough function of eight columns; one target in twenty is far off."""
    g = torch.Generator().manual_seed(67)
    x = torch.randn(3000, 8, generator=g)
    y = torch.sin(x[:, 0] * x[:, 1]) + x[:, 2].abs() - 0.5 * x[:, 3] * (x[:, 4] > 0)
    far = torch.rand(3000, generator=g) < 0.05
    return split(x, y + 0.1 * torch.randn(3000, generator=g) + far * 8 * torch.randn(3000, generator=g))


def visits() -> Examples:
    """How often something happens, by twelve columns: Poisson's law with rates from 0.1 to 40."""
    g = torch.Generator().manual_seed(71)
    x = torch.randn(3000, 12, generator=g)
    rate = torch.exp((1.2 * torch.tanh(x[:, 0] + x[:, 1] * x[:, 2]) + 0.8 * x[:, 3] + 0.4 * x[:, 4]).clamp(-2.3, 3.7))
    return split(x, torch.poisson(rate, generator=g))


def rare() -> Examples:
    """Thirty columns, alike and on scales from 0.05 to 5, and an event that befalls one in nine."""
    g = torch.Generator().manual_seed(73)
    x = torch.randn(4000, 5, generator=g) @ torch.randn(5, 30, generator=g) + 0.5 * torch.randn(4000, 30, generator=g)
    y = (x @ torch.randn(30, generator=g) / 8 + torch.randn(4000, generator=g) > 2.2).long()
    return split(x * 10 ** torch.linspace(-1.3, 0.7, 30), y)


def tones() -> Examples:
    """Sixty-four samples of a tone under noise, and which of five pitches it has."""
    g = torch.Generator().manual_seed(79)
    y = torch.randint(5, (3000,), generator=g)
    pitch = (0.25 + 0.07 * y + 0.02 * torch.randn(3000, generator=g)).unsqueeze(1)
    x = torch.sin(pitch * torch.arange(64) + 2 * math.pi * torch.rand(3000, 1, generator=g))
    return split((x + 0.8 * torch.randn(3000, 64, generator=g)).unsqueeze(2), y)


def brackets() -> Examples:
    """Strings of two kinds of brackets: how deep each place lies, up to six."""
    g = torch.Generator().manual_seed(83)
    depth, seen, depths = torch.zeros(3000, dtype=torch.long), [], []
    for _ in range(14):
        opens = (torch.rand(3000, generator=g) < 0.55) & (depth < 6) | (depth == 0)
        depth = depth + torch.where(opens, 1, -1)
        seen.append(2 * opens.long() + torch.randint(2, (3000,), generator=g))
        depths.append(depth.clone())
    return split(torch.stack(seen, 1), torch.stack(depths, 1), val=128)


def smudges() -> Examples:
    """Smooth shapes of 8 by 8 pixels under heavy noise, and the shapes themselves."""
    g = torch.Generator().manual_seed(89)
    place, width = torch.rand(3000, 2, 1, 1, generator=g) * 7, 1 + torch.rand(3000, 1, 1, generator=g)
    rows, columns = torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")
    shape = torch.exp(-((rows - place[:, 0]) ** 2 + (columns - place[:, 1]) ** 2) / (2 * width**2)).flatten(1)
    return split(shape + 0.5 * torch.randn(3000, 64, generator=g), shape)


def rings() -> Examples:
    """Two hundred points on two blurred rings, and two hundred others to be judged by."""
    g = torch.Generator().manual_seed(97)
    y = torch.randint(2, (400,), generator=g)
    angle = 2 * math.pi * torch.rand(400, generator=g)
    radius = 0.6 + 0.6 * y + 0.13 * torch.randn(400, generator=g)
    return split(torch.stack([radius * torch.cos(angle), radius * torch.sin(angle)], 1), y, val=200)


def medians() -> Examples:
    """Nine of twenty numbers in any order, and the middle one of them."""
    g = torch.Generator().manual_seed(101)
    x = torch.randint(20, (4000, 9), generator=g)
    return split(x, (x.median(1).values - 9.5) / 4)


def opinions() -> Examples:
    """What another net, with random weights, thinks of random inputs: a share for each of six classes."""
    g = torch.Generator().manual_seed(103)
    x = torch.randn(3000, 16, generator=g)
    hidden = torch.tanh(x @ torch.randn(16, 24, generator=g) / 2)
    return split(x, torch.softmax(1.5 * hidden @ torch.randn(24, 6, generator=g) / 2, 1))


def following() -> Examples:
    """Four characters of English in a row, and the fifth."""
    text, g = characters(), torch.Generator().manual_seed(107)
    starts = torch.randint(90_000, (8000,), generator=g)
    return split(text[starts.unsqueeze(1) + torch.arange(4)], text[starts + 4])


def switches() -> Examples:
    """Twelve switches: whether an even number of the first three is on; one answer in ten is wrong."""
    g = torch.Generator().manual_seed(109)
    x = torch.randint(2, (3000, 12), generator=g)
    wrong = (torch.rand(3000, generator=g) < 0.1).long()
    return split(2.0 * x - 1, (x[:, :3].sum(1) + wrong) % 2)


def orbits() -> Examples:
    """Where a pendulum stands half a second later, from where it is, how it moves, and its friction."""
    g = torch.Generator().manual_seed(113)
    x = torch.rand(3000, 3, generator=g) * torch.tensor([6.0, 4.0, 0.5]) - torch.tensor([3.0, 2.0, 0.0])
    angle, speed = x[:, 0], x[:, 1]
    for _ in range(50):
        speed = speed - 0.01 * (9.81 * torch.sin(angle) + x[:, 2] * speed)
        angle = angle + 0.01 * speed
    return split(x, torch.stack([angle, speed], 1) / 2)


def topics_of(words: int = 30) -> Examples:
    """How often each of thirty words stands in a short text of one of eight kinds, as shares; the kinds overlap."""
    g = torch.Generator().manual_seed(127)
    y = torch.randint(8, (3000,), generator=g)
    habits = torch.softmax(0.8 * torch.randn(8, words, generator=g), 1)
    drawn = torch.multinomial(habits[y], 25, replacement=True, generator=g)
    return split(F.one_hot(drawn, words).float().mean(1) * 10, y)
