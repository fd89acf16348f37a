"""Small real tasks: data that installs with a package or is made by a seed, and nets for it as pure functions.

A net's weights are one flat vector, so that an ensemble of nets is a matrix. `TASKS` lists them; those of `HELD_OUT`
take part in no tuning and no calibration.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F  # noqa: N812 (the name that every torch user knows)
from torch import Tensor

Weights = Mapping[str, Tensor]
Net = tuple[Mapping[str, tuple[int, ...]], Callable[[Weights, Tensor], Tensor]]
"""The shapes of its weights by name, and what it makes of a batch."""
Examples = tuple[Tensor, Tensor, Tensor, Tensor]
"""Training inputs and targets, validation inputs and targets."""


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
    """classes, regression or likelihood: what the loss is."""
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
    else:
        noisy = y + y.std() * torch.randn(y.shape, generator=generator)
    return Data(x=x, y=y, x_val=x_val, y_val=y_val, y_noisy=noisy)


def _cross_entropy(out: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(out.flatten(0, -2), y.flatten())


def _likelihood(out: Tensor, y: Tensor) -> Tensor:
    """Negative log-likelihood of a normal distribution whose mean and log-variance the net tells: may be negative."""
    mean, log_var = out[..., 0], out[..., 1]
    return 0.5 * (log_var + (y - mean) ** 2 * torch.exp(-log_var)).mean()


CRITERIA: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "classes": _cross_entropy,
    "regression": lambda out, y: (
        ((out.squeeze(-1) - y) ** 2).mean() if out.dim() > y.dim() else ((out - y) ** 2).mean()
    ),
    "likelihood": _likelihood,
}


# ------------------------------------------------------------------------------------------------------------ data


def _split(x: Tensor, y: Tensor, val: int = 256) -> Examples:
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(7))
    x, y = x[order], y[order]
    return x[val:], y[val:], x[:val], y[:val]


def _digits() -> tuple[Tensor, Tensor]:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return torch.tensor(x / 8 - 1, dtype=torch.float32), torch.tensor(y)


def digits() -> Examples:
    """Handwritten digits of 8 by 8 pixels (scikit-learn's copy of the UCI set)."""
    return _split(*_digits())


def digits_themselves() -> Examples:
    """The same digits as their own targets."""
    x, _ = _digits()
    return _split(x, x)


def shapes() -> Examples:
    """Images of 10 by 10 pixels: eight patterns at random places under noise."""
    g = torch.Generator().manual_seed(11)
    patterns = torch.randn(8, 4, 4, generator=g)
    y = torch.randint(8, (3000,), generator=g)
    x = 0.7 * torch.randn(3000, 10, 10, generator=g)
    for i, (row, column) in enumerate(torch.randint(7, (3000, 2), generator=g).tolist()):
        x[i, row : row + 4, column : column + 4] += patterns[y[i]]
    return _split(x, y)


def table() -> Examples:
    """A table of 20 columns on very different scales, and five classes, a tenth of them wrong."""
    from sklearn.datasets import make_classification

    x, y = make_classification(
        4000, 20, n_informative=10, n_redundant=5, n_classes=5, n_clusters_per_class=2, flip_y=0.1, random_state=3
    )
    x = x / x.std(0) * 10 ** torch.linspace(-0.7, 0.3, 20).numpy()
    return _split(torch.tensor(x, dtype=torch.float32), torch.tensor(y))


def friedman() -> Examples:
    """Friedman's regression with ten columns, five of them idle, under heavy-tailed noise."""
    g = torch.Generator().manual_seed(5)
    x = torch.rand(3000, 10, generator=g)
    y = 10 * torch.sin(math.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    noise = torch.randn(3000, generator=g) / torch.rand(3000, generator=g).clamp_min(0.05).sqrt()
    y = (y - 14.4) / 4.9 + 0.2 * noise
    return _split(2 * x - 1, y)


def waves() -> Examples:
    """A sum of waves over a line, without noise: the loss can fall for many decades."""
    x = torch.linspace(-1, 1, 2000).unsqueeze(1)
    y = (torch.sin(3 * x) + 0.5 * torch.sin(9 * x + 1) + 0.25 * torch.cos(17 * x)).squeeze(1)
    return _split(x, y)


def uncertain() -> Examples:
    """A regression whose noise depends on the place: the best negative log-likelihood lies below zero."""
    g = torch.Generator().manual_seed(17)
    x = 2 * torch.rand(3000, 6, generator=g) - 1
    spread = 0.05 + 0.25 * torch.sigmoid(4 * x[:, 0])
    return _split(x, torch.tanh(2 * x[:, 1] * x[:, 2]) + x[:, 3] + spread * torch.randn(3000, generator=g))


@lru_cache(maxsize=1)
def _text() -> Tensor:
    """Python's own reference as numbers of 32 characters: it comes with every Python."""
    from pydoc_data.topics import topics

    letters = " etaoinsrhldcupmfgybwvkxjqz.,()\n"
    text = "\n".join(str(v) for _, v in sorted(topics.items())).lower()
    return torch.tensor([letters.index(c) for c in text if c in letters][:120_000])


def _windows(length: int, count: int, first: int) -> Tensor:
    text = _text()
    starts = torch.randint(first, first + 50_000, (count,), generator=torch.Generator().manual_seed(first + 1))
    return text[starts.unsqueeze(1) + torch.arange(length + 1)]


def text() -> Examples:
    """Sixteen characters of English, and the character that follows each."""
    train, val = _windows(16, 4000, 0), _windows(16, 64, 60_000)
    return train[:, :-1], train[:, 1:], val[:, :-1], val[:, 1:]


def recall() -> Examples:
    """Sequences of pairs of key and value, then a key: the value that belonged to it is asked for."""
    g = torch.Generator().manual_seed(23)
    keys = torch.stack([torch.randperm(8, generator=g)[:4] for _ in range(4000)])
    values = torch.randint(8, 16, (4000, 4), generator=g)
    asked = torch.randint(4, (4000, 1), generator=g)
    x = torch.cat([torch.stack([keys, values], 2).flatten(1), keys.gather(1, asked)], 1)
    return _split(x, values.gather(1, asked).squeeze(1) - 8, val=128)


def wanderings() -> Examples:
    """Noisy walks of twelve steps: which of six springs pulls them."""
    g = torch.Generator().manual_seed(29)
    pull = torch.randn(6, 3, 3, generator=g) * 0.5
    y = torch.randint(6, (3000,), generator=g)
    place = torch.randn(3000, 3, generator=g)
    path = []
    for _ in range(12):
        place = torch.tanh(torch.einsum("nij,nj->ni", pull[y], place)) + 0.3 * torch.randn(3000, 3, generator=g)
        path.append(place)
    return _split(torch.stack(path, 1), y, val=128)


def ratings() -> Examples:
    """What 200 people think of 150 things, four tastes deep; a few things are rated by nearly everybody."""
    g = torch.Generator().manual_seed(31)
    people, things = torch.randn(200, 4, generator=g), torch.randn(150, 4, generator=g)
    who = torch.randint(200, (8000,), generator=g)
    what = (150 * torch.rand(8000, generator=g) ** 2).long()
    score = (people[who] * things[what]).sum(1) / 2 + 0.3 * torch.randn(8000, generator=g)
    return _split(torch.stack([who, what], 1), score)


def neighbours() -> Examples:
    """Words and the words that stand beside them, in a made language of 120 words with ten topics; Zipf's law holds."""
    g = torch.Generator().manual_seed(37)
    frequent = 1 / torch.arange(1, 121, dtype=torch.float32)
    topic = torch.rand(10, 120, generator=g) ** 4 * frequent
    chosen = torch.randint(10, (8000,), generator=g)
    return _split(
        torch.multinomial(topic[chosen], 1, generator=g), torch.multinomial(topic[chosen], 1, generator=g).squeeze(1)
    )


def bags() -> Examples:
    """Counts of the letters in windows of 60 characters, common and rare, and which of ten chapters they are from."""
    text, g = _text(), torch.Generator().manual_seed(41)
    chapter = torch.randint(10, (3000,), generator=g)
    starts = chapter * 11_000 + torch.randint(10_000, (3000,), generator=g)
    counts = F.one_hot(text[starts.unsqueeze(1) + torch.arange(60)], 32).sum(1).float()
    return _split(counts, chapter)


def pixels() -> Examples:
    """The digits as they come, from 0 to 16, neither centred nor scaled."""
    x, y = _digits()
    return _split(8 * (x + 1), y)


def polynomial() -> Examples:
    """All products of up to three of four columns, which are nearly alike, and a linear answer under noise."""
    g = torch.Generator().manual_seed(43)
    x = 1 + 0.5 * torch.randn(3000, 4, generator=g)
    columns = [x[:, list(c)].prod(1) for n in (1, 2, 3) for c in itertools.combinations_with_replacement(range(4), n)]
    x = torch.stack(columns, 1)
    x = (x - x.mean(0)) / x.std(0) + 0.5
    y = x @ torch.randn(x.shape[1], generator=g) / 4 + 0.3 * torch.randn(3000, generator=g)
    return _split(x, y)


def letters() -> Examples:
    """One character of English, and the character that follows it."""
    x, y, x_val, y_val = text()
    return x.reshape(-1, 1), y.reshape(-1), x_val.reshape(-1, 1), y_val.reshape(-1)


def documents() -> Examples:
    """Twelve words of a made language of 300, most of them rare, and the topic; there are few documents."""
    g = torch.Generator().manual_seed(47)
    frequent = 1 / torch.arange(1, 301, dtype=torch.float32)
    topic = torch.rand(6, 300, generator=g) ** 3 * frequent
    y = torch.randint(6, (1500,), generator=g)
    return _split(torch.multinomial(topic[y], 12, replacement=True, generator=g), y)


def picture() -> Examples:
    """Brightness of a made picture by place, with sharp edges, without noise."""
    g = torch.Generator().manual_seed(53)
    x = 2 * torch.rand(4000, 2, generator=g) - 1
    y = torch.sign(torch.sin(4 * x[:, 0]) + torch.cos(3 * x[:, 1] + x[:, 0])) * (0.5 + 0.5 * x[:, 1] ** 2)
    waves = torch.cat(
        [torch.sin(k * math.pi * x) for k in (1, 2, 4)] + [torch.cos(k * math.pi * x) for k in (1, 2, 4)], 1
    )
    return _split(torch.cat([x, waves], 1), y)


def tumours() -> Examples:
    """Breast-cancer cells in 30 measures (scikit-learn's copy of the UCI set): real, few, and soon known by heart."""
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    return _split(torch.tensor((x - x.mean(0)) / x.std(0), dtype=torch.float32), torch.tensor(y), val=169)


def diabetes() -> Examples:
    """Progress of a disease from ten measures (scikit-learn's copy): real, few, and mostly noise."""
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True)
    return _split(
        torch.tensor(20 * x, dtype=torch.float32), torch.tensor((y - y.mean()) / y.std(), dtype=torch.float32), val=142
    )


def spirals() -> Examples:
    """Three spirals in the plane, slightly blurred."""
    g = torch.Generator().manual_seed(59)
    y = torch.randint(3, (3000,), generator=g)
    r = torch.rand(3000, generator=g)
    angle = 6 * r + 2 * math.pi / 3 * y
    x = torch.stack([r * torch.cos(angle), r * torch.sin(angle)], 1)
    return _split(2 * x + 0.05 * torch.randn(3000, 2, generator=g), y)


def facts() -> Examples:
    """Who stands in which of 12 relations to whom, among 80: two are named, the relation is asked for."""
    g = torch.Generator().manual_seed(61)
    people, relations = torch.randn(80, 5, generator=g), torch.randn(12, 5, generator=g)
    pairs = torch.randint(80, (6000, 2), generator=g)
    scores = (people[pairs[:, 0]] * people[pairs[:, 1]]) @ relations.T
    return _split(pairs, (scores + 0.5 * torch.randn(6000, 12, generator=g)).argmax(1))


# ------------------------------------------------------------------------------------------------------------ nets


def _norm(x: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
    x = x - x.mean(-1, keepdim=True)
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5) * gain + bias


def _dense(w: Weights, name: str, x: Tensor) -> Tensor:
    return x @ w[name] + w[f"{name}_bias"]


def _dense_shapes(**sizes: tuple[int, int]) -> dict[str, tuple[int, ...]]:
    return {k: v for name, size in sizes.items() for k, v in ((name, size), (f"{name}_bias", size[1:]))}


def perceptron(*sizes: int, act: Callable[[Tensor], Tensor] = torch.relu) -> Net:
    """Dense layers with these widths, and nothing else."""
    layers = {f"layer{i}": (a, b) for i, (a, b) in enumerate(itertools.pairwise(sizes))}

    def forward(w: Weights, x: Tensor) -> Tensor:
        for name in layers:
            x = _dense(w, name, x)
            if name != f"layer{len(layers) - 1}":
                x = act(x)
        return x

    return _dense_shapes(**layers), forward


def residual(inputs: int, width: int, blocks: int, outputs: int) -> Net:
    """Residual blocks of dense layers, each behind a layer norm."""
    shapes: dict[str, tuple[int, ...]] = _dense_shapes(into=(inputs, width), out=(width, outputs))
    for i in range(blocks):
        shapes |= _dense_shapes(**{f"up{i}": (width, width), f"down{i}": (width, width)})
        shapes |= {f"norm{i}_gain": (width,), f"norm{i}_bias": (width,)}

    def forward(w: Weights, x: Tensor) -> Tensor:
        x = _dense(w, "into", x)
        for i in range(blocks):
            y = _norm(x, w[f"norm{i}_gain"], w[f"norm{i}_bias"])
            x = x + _dense(w, f"down{i}", torch.relu(_dense(w, f"up{i}", y)))
        return _dense(w, "out", x)

    return shapes, forward


def _patches(x: Tensor, side: int) -> Tensor:
    """The 3 by 3 neighbourhoods of an image (…, rows, columns), one beside the other as channels."""
    return torch.stack([x[..., i : i + side, j : j + side] for i in range(3) for j in range(3)], -1)


def convolutional(side: int, channels: int, classes: int) -> Net:
    """A convolution of 3 by 3, one of 2 by 2 with stride 2, then the mean over the image."""
    shapes = _dense_shapes(first=(9, channels), second=(4 * channels, 2 * channels), out=(2 * channels, classes))

    def forward(w: Weights, x: Tensor) -> Tensor:
        x = torch.relu(_dense(w, "first", _patches(x, side - 2)))
        # The second one looks at every pixel once, which needs no copies.
        x = x.unflatten(-3, (-1, 2)).unflatten(-2, (-1, 2)).transpose(-4, -3).flatten(-3)
        x = torch.relu(_dense(w, "second", x))
        return _dense(w, "out", x.mean((-3, -2)))

    return shapes, forward


def transformer(
    vocabulary: int,
    length: int,
    width: int,
    layers: int,
    outputs: int,
    *,
    post_norm: bool = False,
    last_only: bool = False,
) -> Net:
    """A causal transformer with two heads; the norms stand before each branch, or after it."""
    shapes: dict[str, tuple[int, ...]] = {"tokens": (vocabulary, width), "places": (length, width)}
    for i in range(layers):
        shapes |= _dense_shapes(**{f"qkv{i}": (width, 3 * width), f"mix{i}": (width, width)})
        shapes |= _dense_shapes(**{f"up{i}": (width, 2 * width), f"down{i}": (2 * width, width)})
        shapes |= {f"{n}{i}_{p}": (width,) for n in ("one", "two") for p in ("gain", "bias")}
    shapes |= _dense_shapes(out=(width, outputs)) | {"last_gain": (width,), "last_bias": (width,)}
    mask = torch.full((length, length), float("-inf")).triu(1)

    def attend(w: Weights, i: int, x: Tensor) -> Tensor:
        q, k, v = (t.unflatten(-1, (2, width // 2)).transpose(-3, -2) for t in _dense(w, f"qkv{i}", x).chunk(3, dim=-1))
        weights = torch.softmax(q @ k.mT / math.sqrt(width // 2) + mask, dim=-1)
        return _dense(w, f"mix{i}", (weights @ v).transpose(-3, -2).flatten(-2))

    def feed(w: Weights, i: int, x: Tensor) -> Tensor:
        return _dense(w, f"down{i}", torch.relu(_dense(w, f"up{i}", x)))

    def forward(w: Weights, x: Tensor) -> Tensor:
        x = torch.eye(vocabulary)[x] @ w["tokens"] + w["places"]
        for i in range(layers):
            one, two = (w[f"one{i}_gain"], w[f"one{i}_bias"]), (w[f"two{i}_gain"], w[f"two{i}_bias"])
            if post_norm:
                x = _norm(x + attend(w, i, x), *one)
                x = _norm(x + feed(w, i, x), *two)
            else:
                x = x + attend(w, i, _norm(x, *one))
                x = x + feed(w, i, _norm(x, *two))
        if not post_norm:
            x = _norm(x, w["last_gain"], w["last_bias"])
        return _dense(w, "out", x[..., -1, :] if last_only else x)

    return shapes, forward


def recurrent(inputs: int, width: int, outputs: int, *, tokens: bool, last_only: bool, gated: bool) -> Net:
    """A recurrent net: a plain one with tanh, or an LSTM where it is gated."""
    gates = 4 if gated else 1
    shapes = _dense_shapes(into=(inputs, gates * width), out=(width, outputs)) | {"again": (width, gates * width)}

    def forward(w: Weights, x: Tensor) -> Tensor:
        if tokens:
            x = torch.eye(inputs)[x]
        fed = _dense(w, "into", x)
        state = torch.zeros_like(fed[..., 0, :width])
        cell = state
        seen = []
        for t in range(fed.shape[-2]):
            y = fed[..., t, :] + state @ w["again"]
            if gated:
                keep, let, show, new = y.chunk(4, dim=-1)
                cell = torch.sigmoid(keep + 1) * cell + torch.sigmoid(let) * torch.tanh(new)
                state = torch.sigmoid(show) * torch.tanh(cell)
            else:
                state = torch.tanh(y)
            seen.append(state)
        return _dense(w, "out", state if last_only else torch.stack(seen, -2))

    return shapes, forward


def _factors(w: Weights, x: Tensor) -> Tensor:
    who, what = torch.eye(200)[x[..., 0]], torch.eye(150)[x[..., 1]]
    return ((who @ w["table_who"]) * (what @ w["table_what"])).sum(-1) / 3


def _skip_gram(w: Weights, x: Tensor) -> Tensor:
    return torch.eye(120)[x[..., 0]] @ w["words"] @ w["context"]


def _bigram(w: Weights, x: Tensor) -> Tensor:
    return torch.eye(32)[x[..., 0]] @ w["letters"] @ w["next"]


def _bag(w: Weights, x: Tensor) -> Tensor:
    mean = torch.eye(300)[x].mean(-2) @ w["table"]
    return _dense(w, "out", torch.relu(_dense(w, "hidden", 4 * mean)))


def _relation(w: Weights, x: Tensor) -> Tensor:
    one, other = (torch.eye(80)[x[..., i]] @ w["table"] for i in (0, 1))
    return _dense(w, "out", one * other)


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
            ({"table_who": (200, 4), "table_what": (150, 4)}, _factors),
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
            ({"words": (120, 12), "context": (12, 120)}, _skip_gram),
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
        _task("bigrams", letters, ({"letters": (32, 8), "next": (8, 32)}, _bigram), {"sgd": 1.0, "adam": 1e-2}, 1500),
        _task(
            "documents",
            documents,
            ({"table": (300, 12)} | _dense_shapes(hidden=(12, 24), out=(24, 6)), _bag),
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
        _task("bags", bags, perceptron(32, 10), {"sgd": 1e-2, "adamw": 1e-2}, 1500),
        _task("spirals", spirals, perceptron(2, 40, 40, 3, act=torch.tanh), {"sgd": 1e-1, "adam": 3e-3}, 1500),
        _task(
            "facts",
            facts,
            ({"table": (80, 6)} | _dense_shapes(out=(6, 12)), _relation),
            {"sgd": 1e-1, "adamw": 1e-2},
            1500,
            batch=64,
        ),
    )
}
HELD_OUT = frozenset({"post_norm", "walks", "words", "waves", "bags", "spirals", "facts"})
"""One of each kind of net: nobody looks at them until the numbers are printed."""
