"""What is usually done: peak rates from published practice, as far as a run's hyperparameters say what it trains.

A prior is worth less than anything that the run itself shows, so it decides nothing; a report shows it as what it is.
Where the hyperparameters do not name the optimizer, there is none. Every number below was published by those who
trained with it, or by those whose framework has it as its default; `source` says where. Ranges are those of the sources
and no confidence interval: most of what is trained is smaller, and bears more.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

from lrdoctor.detectors import optimizer as _optimizer
from lrdoctor.detectors._hyperparameters import by_last_word, numbers
from lrdoctor.detectors.gradient_norm import CLIPS
from lrdoctor.model import Prior, Run, Scalar


class _Usual(NamedTuple):
    """A row of the table."""

    family: str
    """Of optimizers: plain or adaptive."""
    net: str
    """A key of `NETS`, or any."""
    start: str
    """scratch, finetune or adapters: what is trained, and from where."""
    low: float
    high: float
    batch: float | None
    """Batch size that the rates belong to; None where the sources do not scale them."""
    clipped: bool
    """Only for gradients that are clipped."""
    what: str
    source: str


ADAM = "Kingma & Ba, Adam (2015), algorithm 1: 0.001; Karpathy, A Recipe for Training Neural Networks (2019): 3e-4"
BERT = "Devlin et al., BERT (2019), appendix A.3: 5e-5, 3e-5, 2e-5"
PYTHIA = "Biderman et al., Pythia (2023), table of models: 1e-3 at 19M parameters to 1.2e-4 at 13B"
RESNET = "Krizhevsky et al. (2012): 0.01; He et al., Deep Residual Learning (2016), section 3.4: 0.1 at a batch of 256"
TUNED = (
    "PyTorch, Transfer Learning tutorial: 0.001; Li et al., Rethinking the Hyperparameters for Fine-tuning (2020): 0.01"
)
LSTM = "TensorFlow, ptb_word_lm: 1 with a clip of 5; PyTorch examples, word_language_model: 20 with a clip of 0.25"
DENSE = "Bengio, Practical Recommendations for Gradient-Based Training of Deep Architectures (2012), section 3.1: 0.01"
QLORA = "Dettmers et al., QLoRA (2023), code: 2e-4, and 1e-4 above 13B parameters"
DEIT = "Touvron et al., DeiT (2021), code: 5e-4 at a batch of 512, in proportion to it"

# fmt: off
USUAL = (
    # Optimizer, net, weights, low, high, batch, clipped; what it is usual for; source.
    _Usual("adaptive", "any",           "adapters", 1e-4,    2e-4,  None, False,
           "low-rank adapters under Adam", QLORA),
    _Usual("adaptive", "transformer",   "finetune", 2e-5,    5e-5,  None, False,
           "fine-tuning a transformer with Adam", BERT),
    _Usual("adaptive", "transformer",   "scratch",  1.2e-4,  1e-3,  None, False,
           "a language model from scratch with Adam and a warm-up", PYTHIA),
    _Usual("adaptive", "vision",        "scratch",  5e-4,    5e-4,  512,  False,
           "a vision transformer from scratch with AdamW", DEIT),
    _Usual("adaptive", "any",           "scratch",  3e-4,    1e-3,  None, False,
           "Adam on a net from scratch", ADAM),
    _Usual("plain",    "convolutional", "scratch",  0.01,    0.1,   256,  False,
           "a convolutional net from scratch with SGD and momentum", RESNET),
    _Usual("plain",    "convolutional", "finetune", 1e-3,    1e-2,  None, False,
           "fine-tuning a convolutional net with SGD and momentum", TUNED),
    _Usual("plain",    "recurrent",     "scratch",  1.0,     20.0,  None, True,
           "a recurrent net with SGD and clipped gradients", LSTM),
    _Usual("plain",    "dense",         "scratch",  0.01,    0.01,  None, False,
           "a dense net with SGD", DENSE),
)
"""The first row that fits counts."""

NETS = {
    "vision": ("vit", "deit", "swin", "beit"),
    "transformer": (
        "bert", "gpt", "llama", "mistral", "mixtral", "qwen", "t5", "bart", "electra", "opt", "bloom", "falcon",
        "gemma", "phi", "pythia", "neox", "xlnet", "transformer", "whisper",
    ),
    "convolutional": (
        "resnet", "resnext", "convnext", "vgg", "alexnet", "densenet", "mobilenet", "efficientnet", "inception",
        "unet", "yolo", "regnet", "cnn", "conv", "lenet",
    ),
    "recurrent": ("lstm", "gru", "rnn"),
    "dense": ("mlp", "perceptron", "feedforward"),
}
"""Parts of the names of models by the kind of net; of several kinds the first, since a ConvBERT is a transformer."""
WHOLE = frozenset({"vit", "t5", "opt", "phi", "gru"})
"""These are parts of other words, and count only as one, with or without a number behind."""
MODELS = (
    "model", "model_name", "model_name_or_path", "model_type", "architecture", "architectures", "arch", "backbone",
    "net", "network", "_name_or_path", "encoder", "base_model", "model_id",
)
STARTS = (
    "pretrained", "finetune", "fine_tune", "finetuning", "from_pretrained", "use_pretrained", "init_checkpoint",
    "model_name_or_path", "_name_or_path",
)
# fmt: on
"""Hyperparameters that say that the weights were there before: a path to a model is one from which it is loaded."""
ADAPTERS = ("lora_r", "lora_rank", "lora_alpha", "use_lora", "lora", "peft_type", "use_peft")
BATCHES = ("effective_batch_size", "global_batch_size", "total_batch_size", "total_train_batch_size")
BATCHES_OF_ONE = ("train_batch_size", "batch_size", "batchsize", "per_device_train_batch_size", "batch")
"""Of one worker, or of the only one: asked only where none of the others is told."""
NO = ("", "0", "false", "none", "no", "null")
LION = (
    0.1,
    1 / 3,
    "Chen et al., Symbolic Discovery of Optimization Algorithms (2023), Lion: 3 to 10 times below AdamW",
)


def priors(run: Run) -> tuple[Prior, ...]:
    """The peak rates that are usual for what the run trains; empty where its hyperparameters do not tell.

    At most one today. Weights count as new unless a hyperparameter says that they were not. Where a range belongs to a
    batch size and the run's is known, it is scaled as its source scales it.
    """
    told = by_last_word(run)
    found = next(iter(_optimizer.detect(run, _optimizer.Settings())), None)
    # A rate means something else to Adagrad or Adadelta, and nothing to an optimizer that finds its own.
    if found is None or (found.family != "plain" and not any(n in found.name.lower() for n in ("adam", "lion"))):
        return ()
    net = _net(" ".join(str(told[name]).lower() for name in MODELS if isinstance(told.get(name), str)))
    start = _start(told)
    for usual in USUAL:
        if usual.family != found.family or usual.net not in ("any", net) or usual.start != start:
            continue
        if usual.clipped and not numbers(told, (*CLIPS, "clip")):
            continue
        return (_for(usual, found.name, batch_size(run)),)
    return ()


def _net(name: str) -> str | None:
    words = re.split(r"[^a-z0-9]+", name)
    for net, parts in NETS.items():
        for part in parts:
            if any(
                word.rstrip("0123456789") == part or word == part if part in WHOLE else part in word for word in words
            ):
                return net
    return None


def _start(told: Mapping[str, Scalar]) -> str:
    def says(names: tuple[str, ...]) -> bool:
        return any(str(told.get(name, "")).strip().lower() not in NO for name in names)

    return "adapters" if says(ADAPTERS) else "finetune" if says(STARTS) else "scratch"


def _for(usual: _Usual, name: str, batch: float | None) -> Prior:
    low, high, what, source = usual.low, usual.high, usual.what, usual.source
    if usual.batch is not None and batch is not None:
        low, high = (scaled_for_batch(rate, usual.batch, batch, "sgd") for rate in (low, high))
        what += f", at a batch of {batch:g}"
    elif usual.batch is not None:
        what += f", at a batch of {usual.batch:g}"
    if "lion" in name.lower():
        low, high = low * LION[0], high * LION[1]
        what, source = f"{what}, for Lion", f"{source}; {LION[2]}"
    return Prior(what=what, low=float(f"{low:.3g}"), high=float(f"{high:.3g}"), source=source)


def batch_size(run: Run) -> float | None:
    """Examples to a step, as the hyperparameters tell; None where they do not. The number of workers is not known."""
    told = by_last_word(run)
    whole = numbers(told, BATCHES)
    if whole:
        return whole[0]
    each = numbers(told, BATCHES_OF_ONE)
    steps = numbers(told, ("gradient_accumulation_steps", "accumulate_grad_batches", "accumulation_steps"))
    return each[0] * (steps[0] if steps else 1.0) if each else None


def scaled_for_batch(peak: float, old_batch: float, new_batch: float, optimizer: str) -> float:
    """The peak rate for another batch size, where `peak` was right for the old one.

    In proportion to the batch for plain SGD (Goyal et al., Accurate, Large Minibatch SGD, 2017, section 2.1), to its
    root for adaptive optimizers (Malladi et al., On the SDEs and Scaling Rules for Adaptive Gradient Algorithms, 2022).
    Hoffer et al., Train Longer, Generalize Better (2017), have the root for SGD as well. Goyal et al. found the rule to
    hold up to batches of about 8,000. Raises `ValueError` unless all three numbers are above 0.
    """
    if not (peak > 0 and old_batch > 0 and new_batch > 0):
        raise ValueError(f"peak {peak} and batch sizes {old_batch} and {new_batch} must be above 0")
    factor = new_batch / old_batch
    adaptive = any(known in optimizer.lower() for known in _optimizer.ADAPTIVE)
    return peak * (math.sqrt(factor) if adaptive else factor)
