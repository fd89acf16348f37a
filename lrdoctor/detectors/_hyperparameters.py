"""Hyperparameters as detectors look for them: by the last word of their name, whatever section it stood in."""

from __future__ import annotations

from collections.abc import Mapping

from lrdoctor.model import Run, Scalar


def by_last_word(run: Run) -> Mapping[str, Scalar]:
    """`optimizer.lr` and `train/LR` as `lr`; of two with one last word, the later."""
    return {name.replace(".", "/").rsplit("/")[-1].lower(): value for name, value in run.hparams.items()}


def numbers(told: Mapping[str, Scalar], names: tuple[str, ...]) -> list[float]:
    """The positive numbers among these hyperparameters; some loggers keep them as text."""
    found = []
    for name in names:
        try:
            value = float(told.get(name) or 0)
        except (TypeError, ValueError):
            continue
        if 1e-30 < value < 1e30:
            found.append(value)
    return found
