"""Hyperparameters as detectors look for them: by the last word of their name, whatever section it stood in."""

from __future__ import annotations

from collections.abc import Mapping

from lrdoctor.model import Run, Scalar


def by_last_word(run: Run) -> Mapping[str, Scalar]:
    """`optimizer.lr` and `train/LR` as `lr`; of two with one last word, the one in the fewest sections, then the later.

    A configuration that lies beside a log names much that has nothing to do with the training as a whole.
    """
    parted = [(name.replace(".", "/").split("/"), value) for name, value in run.hparams.items()]
    # Python sorts stably, so that the later of two in as many sections still comes later.
    return {words[-1].lower(): value for words, value in sorted(parted, key=lambda pair: -len(pair[0]))}


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
