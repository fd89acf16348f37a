"""What is known of the law's parameters before the run is seen, by what kind of training it is.

Source: joint fits to all schedules of one model at one peak rate, for 27 such groups of language models (33M to 360M
parameters, AdamW, peaks from 1e-4 to 3e-3; curves of Schaipp et al., The Surprising Agreement Between Convex
Optimization Theory and Learning-Rate Scheduling for Large Model Training, 2025). There C over the loss rises with the
peak, as a floor of noise must, by the power 0.41; and S bends at a rate between 2e-4 and 2e-3, whatever the peak: at a
peak of 1e-4 a step teaches nearly in proportion to its rate, at 2e-3 less than in proportion to its root.
`benchmarks/forecasting.py` does the calibration anew, on half of the groups.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from lrdoctor.detectors import optimizer
from lrdoctor.model import Role, Run
from lrdoctor.prescribe._law import Priors
from lrdoctor.signal import finite_loss

RATE_AWARE = Priors(floor=0.073, floor_sd=0.28)
"""For language models under Adam, with the floor of a peak of 1e-3."""
FLOOR_POWER = 0.41
"""By which the floor rises with the peak."""
MEASURED_RATES = (5e-5, 6e-3)
"""Peaks to which that holds: half of the lowest that was measured, and twice the highest."""
BENDING_RATES = (2e-4, 6e-4, 2e-3)
"""Rates at which a step teaches half of what it would in proportion; each is fitted, since one curve does not tell."""
BENDS = (0.3, 1.0, 3.0)
"""The same relative to the peak, where the rate is not of the kind that was measured."""
PLAIN_BENDS = (0.0, 0.3)
"""Of SGD, whose steps teach in proportion to the rate on power-law regression."""
UNTRAINED = 7.5
"""A loss that begins above this has more than 1,800 classes: vocabularies do, image labels (1,000 at most) do not."""
LEARNED = 1.5
"""Language models that see each text once stay above: 1.69 is what endless training of an endless model comes to
(Hoffmann et al., Training Compute-Optimal Large Language Models, 2022)."""

WORDS = re.compile(
    r"(?<![a-z])(?:n?gpt|llama|mistral|qwen|gemma|olmo|pythia|palm|mamba|lm|llm|language model\w*|perplexity|ppl|"
    r"openwebtext\d*|slimpajama|redpajama|fineweb|dclm|pile|vocab|block size|sequence length|seq len\w*|context length|"
    r"tokens?|bits per byte|bpb)(?![a-z])"
)
"""What names, values and tags of a language model are made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """What is known of a run's law beforehand."""

    priors: Priors
    bends: tuple[float, ...]
    """Each is fitted."""
    language_model: bool
    rate_known: bool
    """Its optimizer and peak are of the kind that was measured, so the floor is known within a third."""


def optimizer_family(run: Run) -> str | None:
    """plain, adaptive or tuning_free; None where the log does not name the optimizer."""
    found = next(optimizer.detect(run, optimizer.Settings()), None)
    return None if found is None else found.family


def is_language_model(run: Run) -> bool:
    """Whether the loss is the cross-entropy of a language model in training, as far as the log tells.

    It names itself, or its untrained loss is that of a vocabulary; and what was reached is what such models reach.
    """
    losses = [loss for role in (Role.TRAIN_LOSS, Role.VAL_LOSS) if (loss := finite_loss(run, role)) is not None]
    if not losses or float(losses[0].values[-(1 + len(losses[0]) // 4) :].mean()) < LEARNED:
        return False
    start = max(float(loss.values[0]) for loss in losses)
    return start < 2 * UNTRAINED and (start > UNTRAINED or _names_one(run))


def _names_one(run: Run) -> bool:
    told = [run.name, *run.series, *run.hparams, *(value for value in run.hparams.values() if isinstance(value, str))]
    return any(WORDS.search(re.sub(r"[\W_\d]+", " ", text.lower())) for text in told)


def expectations(run: Run, peak: float, rate_aware: Priors = RATE_AWARE) -> Expectations:
    """What to expect of this run. `rate_aware` are the priors of a language model under Adam at a peak of 1e-3."""
    plain, language = optimizer_family(run) == "plain", is_language_model(run)
    low, high = MEASURED_RATES
    # Language models whose log names no optimizer are trained with one of Adam's kind at such rates.
    if language and not plain and low <= peak <= high:
        return Expectations(
            priors=replace(rate_aware, floor=rate_aware.floor * (peak / 1e-3) ** FLOOR_POWER),
            bends=tuple(peak / rate for rate in BENDING_RATES),
            language_model=True,
            rate_known=True,
        )
    bends = PLAIN_BENDS if plain else BENDS
    return Expectations(priors=Priors(), bends=bends, language_model=language, rate_known=False)
