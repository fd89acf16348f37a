"""The clinic's nets as pure functions of their weights, so that many of them can be trained as one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

Weights = Mapping[str, Tensor]
Net = tuple[Mapping[str, tuple[int, ...]], Callable[[Weights, Tensor], Tensor]]
"""The shapes of its weights by name, and what it makes of a batch."""


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


def factors(people: int, things: int, width: int) -> Net:
    """What a person and a thing have in common: the product of their embeddings."""

    def forward(w: Weights, x: Tensor) -> Tensor:
        who, what = torch.eye(people)[x[..., 0]], torch.eye(things)[x[..., 1]]
        return ((who @ w["table_who"]) * (what @ w["table_what"])).sum(-1) / 3

    return {"table_who": (people, width), "table_what": (things, width)}, forward


def neighbour(tokens: int, width: int) -> Net:
    """What stands beside a token: its embedding against the context embedding of every other."""

    def forward(w: Weights, x: Tensor) -> Tensor:
        return torch.eye(tokens)[x[..., 0]] @ w["tokens"] @ w["context"]

    return {"tokens": (tokens, width), "context": (width, tokens)}, forward


def bag(tokens: int, width: int, hidden: int, classes: int) -> Net:
    """The mean of the tokens' embeddings, and a dense layer between it and the classes."""

    def forward(w: Weights, x: Tensor) -> Tensor:
        mean = torch.eye(tokens)[x].mean(-2) @ w["table"]
        return _dense(w, "out", torch.relu(_dense(w, "hidden", 4 * mean)))

    return {"table": (tokens, width)} | _dense_shapes(hidden=(width, hidden), out=(hidden, classes)), forward


def relation(tokens: int, width: int, classes: int) -> Net:
    """How two tokens stand to one another: a dense layer over the product of their embeddings."""

    def forward(w: Weights, x: Tensor) -> Tensor:
        one, other = (torch.eye(tokens)[x[..., i]] @ w["table"] for i in (0, 1))
        return _dense(w, "out", one * other)

    return {"table": (tokens, width)} | _dense_shapes(out=(width, classes)), forward


def normed(*sizes: int) -> Net:
    """Dense layers, each but the last behind a batch norm (Ioffe & Szegedy, 2015) of the batch that it is given."""
    layers = {f"layer{i}": (a, b) for i, (a, b) in enumerate(itertools.pairwise(sizes))}
    shapes: dict[str, tuple[int, ...]] = _dense_shapes(**layers)
    for name, (_, width) in list(layers.items())[:-1]:
        shapes |= {f"{name}_gain": (width,), f"{name}_shift": (width,)}

    def forward(w: Weights, x: Tensor) -> Tensor:
        for name in layers:
            x = _dense(w, name, x)
            if name != f"layer{len(layers) - 1}":
                x = x - x.mean(0)
                x = torch.relu(x * torch.rsqrt((x * x).mean(0) + 1e-5) * w[f"{name}_gain"] + w[f"{name}_shift"])
        return x

    return shapes, forward


def gated(tokens: int, width: int, outputs: int) -> Net:
    """A gated recurrent unit (Cho et al., 2014) over tokens, with an answer at every place."""
    shapes = _dense_shapes(into=(tokens, 3 * width), out=(width, outputs)) | {"again": (width, 3 * width)}

    def forward(w: Weights, x: Tensor) -> Tensor:
        fed = _dense(w, "into", torch.eye(tokens)[x])
        state = torch.zeros_like(fed[..., 0, :width])
        seen = []
        for t in range(fed.shape[-2]):
            keep, reset, new = fed[..., t, :].chunk(3, dim=-1)
            k, r, n = (state @ w["again"]).chunk(3, dim=-1)
            keep = torch.sigmoid(keep + k)
            state = keep * state + (1 - keep) * torch.tanh(new + torch.sigmoid(reset + r) * n)
            seen.append(state)
        return _dense(w, "out", torch.stack(seen, -2))

    return shapes, forward


def filters(width: int, channels: int, outputs: int) -> Net:
    """Two convolutions along a line, of seven and of five places with stride 2, then the mean."""
    shapes = _dense_shapes(first=(width, channels), second=(5 * channels, channels), out=(channels, outputs))

    def forward(w: Weights, x: Tensor) -> Tensor:
        for name, size in (("first", width), ("second", 5)):
            places = (x.shape[-2] - size) // 2 + 1
            x = torch.cat([x[..., i : i + 2 * places : 2, :][..., :places, :] for i in range(size)], -1)
            x = torch.relu(_dense(w, name, x))
        return _dense(w, "out", x.mean(-2))

    return shapes, forward


def window(tokens: int, length: int, width: int, hidden: int, outputs: int) -> Net:
    """The embeddings of a few tokens side by side, and a dense layer over them (Bengio et al., 2003)."""

    def forward(w: Weights, x: Tensor) -> Tensor:
        row = (torch.eye(tokens)[x] @ w["table"]).flatten(-2)
        return _dense(w, "out", torch.tanh(_dense(w, "hidden", row)))

    shapes = {"table": (tokens, width)} | _dense_shapes(hidden=(length * width, hidden), out=(hidden, outputs))
    return shapes, forward
