"""What a run tells of its own configuration: optimizer, peak rate, schedule, seed, and everything else that it names.

The log comes first (the rate that was logged, the schedule that it followed), then the hyperparameters beside it, then
the run's name: people write `sgd-lr0.1-seed3` where they keep no configuration.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from lrdoctor.detectors._hyperparameters import by_last_word, numbers
from lrdoctor.detectors.configuration import FLOORS, RATES, SCHEDULERS
from lrdoctor.detectors.lr_schedule import LrSchedule
from lrdoctor.detectors.optimizer import ADAPTIVE, NAMED, PLAIN, TUNING_FREE, Optimizer
from lrdoctor.model import Finding, Run, Scalar
from lrdoctor.signal import finite_rate, peak_of

# Tables are read more easily when they are not one word per line.
# fmt: off
SEEDS = (
    "seed", "random_seed", "random_state", "manual_seed", "torch_seed", "rng_seed", "global_seed",
    "seed_everything",
)
BATCHES = (
    "batch_size", "bs", "batchsize", "batch", "train_batch_size", "per_device_train_batch_size",
    "global_batch_size",
)
OF_THE_SCHEDULE = frozenset({
    *RATES, *FLOORS, *SCHEDULERS, "warmup", "warmup_steps", "warmup_ratio", "warmup_fraction", "warmup_epochs",
    "warmup_iters", "num_warmup_steps", "t_max", "t_0", "t_mult", "step_size", "gamma", "milestones", "pct_start",
    "div_factor", "final_div_factor", "anneal_strategy", "final_fraction", "min_lr_ratio", "lr_decay",
    "decay_steps", "cooldown", "cooldown_frac", "cycle_momentum", "patience", "peak",
})
"""Hyperparameters that shape the rate, whose course is known better from the log."""
BOOKKEEPING = frozenset({
    "name", "run_name", "run_id", "id", "run", "exp_name", "experiment", "experiment_name", "trial", "trial_id",
    "project", "entity", "group", "tags", "notes", "version", "output_dir", "out", "out_dir", "log_dir", "logdir",
    "logging_dir", "save_dir", "save_path", "checkpoint", "ckpt", "resume", "device", "gpu", "gpus", "num_workers",
    "workers", "rank", "local_rank", "world_size", "host", "hostname", "date", "time", "timestamp", "log_every",
    "log_interval", "logging_steps", "eval_every", "eval_interval", "eval_steps", "save_every", "save_steps",
    "verbose", "debug", "config", "config_file", "wandb", "port",
})
"""Hyperparameters that change nothing about the training."""
COMMON_WORDS = frozenset({
    "lr", "lrs", "rate", "learning", "learningrate", "peak", "eta", "seed", "run", "runs", "exp", "experiment",
    "trial", "test", "try", "job", "sweep", "version", "constant", "const", "fixed", "cosine", "cos", "linear",
    "step", "steps", "exponential", "onecycle", "cycle", "wsd", "decay", "decayed", "adaptive", "schedule",
    "sched", "scheduled", "warmup", "warm", "up", "nowarmup", "no", "plateau", "anneal", "annealed", "restarts",
    "high", "higher", "highest", "low", "lower", "lowest", "too", "very", "best", "good", "bad", "small",
    "smaller", "large", "larger", "medium", "mid", "healthy", "sound", "baseline", "base", "default", "metrics",
    "log", "logs", "csv", "json", "jsonl", "txt", "events", "out", "training", "train", "history", "progress",
    "results", "final", "tensorboard", "lightning", "wandb", "mlruns", "checkpoints", "third", "half", "double",
    "and", "with", "to", "batch", "bs",
})
"""Words of a run's name that say nothing of what was trained."""
# fmt: on
LEFT_OUT = frozenset({*SEEDS, *BATCHES, *NAMED, *OF_THE_SCHEDULE, *BOOKKEEPING})
_OPTIMIZERS = frozenset({*PLAIN, *ADAPTIVE, *TUNING_FREE, "adamw", "muon"})
_RATE = re.compile(
    r"(?<![a-z])(?:lr|learning[_-]?rate|rate|eta)[=_-]?(\d*\.?\d+(?:e[-+]?\d+)?)(?![\d.]*[a-z])", re.IGNORECASE
)
_SEED = re.compile(r"(?<![a-z])seed[=_-]?(\d+)", re.IGNORECASE)
_BETWEEN = re.compile(r"[^0-9A-Za-z\u0080-\uffff]+")
_NUMBERED = re.compile(r"([^\W\d_]+)\d+")
_LETTERS = re.compile(r"[^\W\d_]+")
_HASH = re.compile(r"(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{6,}|\d+")
SAME_WARMUP = 0.02
"""Of the run: warm-ups that differ by less are one, seen at another logging cadence."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Member:
    """One run, by what was chosen for it."""

    run: Run
    optimizer: str | None
    peak_rate: float | None
    schedule: str | None
    """Name of a law in `lrdoctor.schedules`, or what the hyperparameters call it; None where neither is known."""
    warmup_fraction: float | None
    """Of the run; None where no rate was logged."""
    annealed: bool | None
    """Whether the rate ended below a tenth of its peak; None where no rate was logged."""
    seed: str | None
    batch_size: float | None
    told: tuple[tuple[str, Scalar], ...]
    """All other hyperparameters that bear on the training, sorted by name."""
    configured: bool
    """Whether hyperparameters were found beside the log at all."""
    words: tuple[str, ...]
    """What the run's name says beyond rate, seed, optimizer and schedule."""

    @property
    def name(self) -> str:
        """The run's name."""
        return self.run.name


def member(run: Run, findings: Sequence[Finding]) -> Member:
    """The run's configuration; `findings` are those of the run, of which the optimizer's and the schedule's count."""
    law = next((f for f in findings if isinstance(f, LrSchedule)), None)
    told = by_last_word(run)
    seed = next((str(told[name]) for name in SEEDS if told.get(name) is not None), None)
    in_name = _SEED.search(run.name)
    scheduler = next((str(told[name]) for name in SCHEDULERS if isinstance(told.get(name), str)), None)
    tokens = _tokens(run.name)
    return Member(
        run=run,
        optimizer=_optimizer(tokens, findings),
        peak_rate=_peak(run),
        schedule=scheduler if law is None else law.shape,
        warmup_fraction=None if law is None else law.warmup_fraction,
        annealed=None if law is None else law.final_ratio < 0.1,
        seed=seed if seed is not None or in_name is None else in_name[1],
        batch_size=next(iter(numbers(told, BATCHES)), None),
        told=tuple(sorted((k, v) for k, v in told.items() if k not in LEFT_OUT and v is not None and not _place(v))),
        configured=bool(run.hparams),
        words=_words(tokens) or _words(_tokens(_folder(run))),
    )


def exact(m: Member) -> Hashable:
    """What two runs have in common that do not differ: those that are compared one by one need not be all of them."""
    return m.told, m.words


def differences(one: Member, other: Member) -> tuple[str, ...]:
    """What was chosen differently for two runs besides the rate and the seed, in words; unknown values do not count."""
    found = []
    if one.optimizer != other.optimizer and one.optimizer and other.optimizer:
        found.append("optimizer")
    if one.batch_size != other.batch_size and one.batch_size and other.batch_size:
        found.append("batch size")
    if one.schedule != other.schedule and one.schedule and other.schedule:
        found.append("schedule")
    warmups = one.warmup_fraction, other.warmup_fraction
    if warmups[0] is not None and warmups[1] is not None and abs(warmups[0] - warmups[1]) > SAME_WARMUP:
        found.append("warm-up")
    if one.told != other.told:
        mine, theirs = dict(one.told), dict(other.told)
        found += [name for name in sorted(mine.keys() | theirs.keys()) if mine.get(name) != theirs.get(name)]
    if one.words != other.words:
        found.append("name")
    return tuple(found)


def _place(value: Scalar) -> bool:
    """Whether it names a file or folder."""
    return isinstance(value, str) and ("/" in value or "\\" in value)


def _optimizer(tokens: Sequence[str], findings: Sequence[Finding]) -> str | None:
    named = next((f.name for f in findings if isinstance(f, Optimizer)), None)
    if named is not None:
        return re.sub(r"[^a-z]", "", named.rpartition(".")[2].lower()) or None
    return next((token for token in tokens if token in _OPTIMIZERS), None)


def _peak(run: Run) -> float | None:
    """The highest logged rate, or the configured one, or the one in the name."""
    rate = finite_rate(run)
    if rate is not None:
        highest = peak_of(rate)
        return highest if highest > 0 else None
    configured = numbers(by_last_word(run), RATES)
    if configured:
        return configured[0]
    named = _RATE.search(run.name)
    value = float(named[1]) if named is not None else 0.0
    return value if 0 < value < math.inf else None


def _tokens(name: str) -> list[str]:
    return [token for token in _BETWEEN.split(name.lower()) if token]


def _folder(run: Run) -> str:
    """Where a run lies that was asked for by itself: its name is that of a file, and the folder may tell it apart."""
    return "" if "/" in run.name else run.path.parent.name


def _words(tokens: Sequence[str]) -> tuple[str, ...]:
    """The words of a name, path and all, without numbers, hashes, single letters and what runs are commonly called."""
    found: list[str] = []
    for token in tokens:
        if _HASH.fullmatch(token):
            continue
        # resnet18 is not resnet50, but run18 is run50.
        whole = _NUMBERED.fullmatch(token)
        stems = [whole[1]] if whole else _LETTERS.findall(token)
        telling = [stem for stem in stems if len(stem) > 1 and stem not in COMMON_WORDS and stem not in _OPTIMIZERS]
        found += [token] if whole and telling else telling
    return tuple(found)
