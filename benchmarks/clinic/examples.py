"""What the clinic's nets learn: data that installs with a package, or is made by a seed and always the same.

Each function gives training inputs and targets, and validation inputs and targets.
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache

import torch
import torch.nn.functional as F  # noqa: N812 (the name that every torch user knows)
from torch import Tensor

Examples = tuple[Tensor, Tensor, Tensor, Tensor]
"""Training inputs and targets, validation inputs and targets."""


def split(x: Tensor, y: Tensor, val: int = 256) -> Examples:
    """Examples in an order of their own, the first `val` of them for validation."""
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(7))
    x, y = x[order], y[order]
    return x[val:], y[val:], x[:val], y[:val]


def _digits() -> tuple[Tensor, Tensor]:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return torch.tensor(x / 8 - 1, dtype=torch.float32), torch.tensor(y)


def digits() -> Examples:
    """Handwritten digits of 8 by 8 pixels (scikit-learn's copy of the UCI set)."""
    return split(*_digits())


def digits_themselves() -> Examples:
    """The same digits as their own targets."""
    x, _ = _digits()
    return split(x, x)


def shapes() -> Examples:
    """Images of 10 by 10 pixels: eight patterns at random places under noise."""
    g = torch.Generator().manual_seed(11)
    patterns = torch.randn(8, 4, 4, generator=g)
    y = torch.randint(8, (3000,), generator=g)
    x = 0.7 * torch.randn(3000, 10, 10, generator=g)
    for i, (row, column) in enumerate(torch.randint(7, (3000, 2), generator=g).tolist()):
        x[i, row : row + 4, column : column + 4] += patterns[y[i]]
    return split(x, y)


def table() -> Examples:
    """A table of 20 columns on very different scales, and five classes, a tenth of them wrong."""
    from sklearn.datasets import make_classification

    x, y = make_classification(
        4000, 20, n_informative=10, n_redundant=5, n_classes=5, n_clusters_per_class=2, flip_y=0.1, random_state=3
    )
    x = x / x.std(0) * 10 ** torch.linspace(-0.7, 0.3, 20).numpy()
    return split(torch.tensor(x, dtype=torch.float32), torch.tensor(y))


def friedman() -> Examples:
    """Friedman's regression with ten columns, five of them idle, under heavy-tailed noise."""
    g = torch.Generator().manual_seed(5)
    x = torch.rand(3000, 10, generator=g)
    y = 10 * torch.sin(math.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    noise = torch.randn(3000, generator=g) / torch.rand(3000, generator=g).clamp_min(0.05).sqrt()
    y = (y - 14.4) / 4.9 + 0.2 * noise
    return split(2 * x - 1, y)


def waves() -> Examples:
    """A sum of waves over a line, without noise: the loss can fall for many decades."""
    x = torch.linspace(-1, 1, 2000).unsqueeze(1)
    y = (torch.sin(3 * x) + 0.5 * torch.sin(9 * x + 1) + 0.25 * torch.cos(17 * x)).squeeze(1)
    return split(x, y)


def uncertain() -> Examples:
    """A regression whose noise depends on the place: the best negative log-likelihood lies below zero."""
    g = torch.Generator().manual_seed(17)
    x = 2 * torch.rand(3000, 6, generator=g) - 1
    spread = 0.05 + 0.25 * torch.sigmoid(4 * x[:, 0])
    return split(x, torch.tanh(2 * x[:, 1] * x[:, 2]) + x[:, 3] + spread * torch.randn(3000, generator=g))


@lru_cache(maxsize=1)
def characters() -> Tensor:
    """Python's own reference as numbers of 32 characters: it comes with every Python."""
    from pydoc_data.topics import topics

    letters = " etaoinsrhldcupmfgybwvkxjqz.,()\n"
    text = "\n".join(str(v) for _, v in sorted(topics.items())).lower()
    return torch.tensor([letters.index(c) for c in text if c in letters][:120_000])


def _windows(length: int, count: int, first: int) -> Tensor:
    text = characters()
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
    return split(x, values.gather(1, asked).squeeze(1) - 8, val=128)


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
    return split(torch.stack(path, 1), y, val=128)


def ratings() -> Examples:
    """What 200 people think of 150 things, four tastes deep; a few things are rated by nearly everybody."""
    g = torch.Generator().manual_seed(31)
    people, things = torch.randn(200, 4, generator=g), torch.randn(150, 4, generator=g)
    who = torch.randint(200, (8000,), generator=g)
    what = (150 * torch.rand(8000, generator=g) ** 2).long()
    score = (people[who] * things[what]).sum(1) / 2 + 0.3 * torch.randn(8000, generator=g)
    return split(torch.stack([who, what], 1), score)


def neighbours() -> Examples:
    """Words and the words that stand beside them, in a made language of 120 words with ten topics; Zipf's law holds."""
    g = torch.Generator().manual_seed(37)
    frequent = 1 / torch.arange(1, 121, dtype=torch.float32)
    topic = torch.rand(10, 120, generator=g) ** 4 * frequent
    chosen = torch.randint(10, (8000,), generator=g)
    return split(
        torch.multinomial(topic[chosen], 1, generator=g), torch.multinomial(topic[chosen], 1, generator=g).squeeze(1)
    )


def bags() -> Examples:
    """Counts of the letters in windows of 60 characters, common and rare, and which of ten chapters they are from."""
    text, g = characters(), torch.Generator().manual_seed(41)
    chapter = torch.randint(10, (3000,), generator=g)
    starts = chapter * 11_000 + torch.randint(10_000, (3000,), generator=g)
    counts = F.one_hot(text[starts.unsqueeze(1) + torch.arange(60)], 32).sum(1).float()
    return split(counts, chapter)


def pixels() -> Examples:
    """The digits as they come, from 0 to 16, neither centred nor scaled."""
    x, y = _digits()
    return split(8 * (x + 1), y)


def polynomial() -> Examples:
    """All products of up to three of four columns, which are nearly alike, and a linear answer under noise."""
    g = torch.Generator().manual_seed(43)
    x = 1 + 0.5 * torch.randn(3000, 4, generator=g)
    columns = [x[:, list(c)].prod(1) for n in (1, 2, 3) for c in itertools.combinations_with_replacement(range(4), n)]
    x = torch.stack(columns, 1)
    x = (x - x.mean(0)) / x.std(0) + 0.5
    y = x @ torch.randn(x.shape[1], generator=g) / 4 + 0.3 * torch.randn(3000, generator=g)
    return split(x, y)


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
    return split(torch.multinomial(topic[y], 12, replacement=True, generator=g), y)


def picture() -> Examples:
    """Brightness of a made picture by place, with sharp edges, without noise."""
    g = torch.Generator().manual_seed(53)
    x = 2 * torch.rand(4000, 2, generator=g) - 1
    y = torch.sign(torch.sin(4 * x[:, 0]) + torch.cos(3 * x[:, 1] + x[:, 0])) * (0.5 + 0.5 * x[:, 1] ** 2)
    waves = torch.cat(
        [torch.sin(k * math.pi * x) for k in (1, 2, 4)] + [torch.cos(k * math.pi * x) for k in (1, 2, 4)], 1
    )
    return split(torch.cat([x, waves], 1), y)


def tumours() -> Examples:
    """Breast-cancer cells in 30 measures (scikit-learn's copy of the UCI set): real, few, and soon known by heart."""
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    return split(torch.tensor((x - x.mean(0)) / x.std(0), dtype=torch.float32), torch.tensor(y), val=169)


def diabetes() -> Examples:
    """Progress of a disease from ten measures (scikit-learn's copy): real, few, and mostly noise."""
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True)
    return split(
        torch.tensor(20 * x, dtype=torch.float32), torch.tensor((y - y.mean()) / y.std(), dtype=torch.float32), val=142
    )


def spirals() -> Examples:
    """Three spirals in the plane, slightly blurred."""
    g = torch.Generator().manual_seed(59)
    y = torch.randint(3, (3000,), generator=g)
    r = torch.rand(3000, generator=g)
    angle = 6 * r + 2 * math.pi / 3 * y
    x = torch.stack([r * torch.cos(angle), r * torch.sin(angle)], 1)
    return split(2 * x + 0.05 * torch.randn(3000, 2, generator=g), y)


def facts() -> Examples:
    """Who stands in which of 12 relations to whom, among 80: two are named, the relation is asked for."""
    g = torch.Generator().manual_seed(61)
    people, relations = torch.randn(80, 5, generator=g), torch.randn(12, 5, generator=g)
    pairs = torch.randint(80, (6000, 2), generator=g)
    scores = (people[pairs[:, 0]] * people[pairs[:, 1]]) @ relations.T
    return split(pairs, (scores + 0.5 * torch.randn(6000, 12, generator=g)).argmax(1))
