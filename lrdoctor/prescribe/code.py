"""The prescription as code for the framework that the log came from."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, get_type_hints

from lrdoctor import plugins
from lrdoctor.model import Code, Prescription, Role, Run
from lrdoctor.schedules._defaults import default_params
from lrdoctor.schedules._plan import Plan, Warmup

USUAL = "pytorch"
"""What an unknown log is taken to come from: most do."""
_hints: Callable[[Any], dict[str, Any]] = cache(get_type_hints)
_CLIPPING = {
    "pytorch": "torch.nn.utils.clip_grad_norm_(model.parameters(), {norm!r}) before optimizer.step()",
    "lightning": "Trainer(gradient_clip_val={norm!r})",
    "huggingface": "TrainingArguments(max_grad_norm={norm!r})",
    "keras": "global_clipnorm={norm!r} as an argument of the optimizer",
    "optax": "optax.chain(optax.clip_by_global_norm({norm!r}), optimizer)",
}


def code_for(prescription: Prescription, run: Run) -> Code | None:
    """The code for the framework that the log came from; None where no rate was logged, so that no peak is known."""
    plan = planned(prescription)
    if plan is None:
        return None
    framework = framework_of(run)
    module = plugins.export(framework)
    per_epoch = getattr(module, "per_epoch", None)
    by_epoch = counts_epochs(run)
    if by_epoch and per_epoch is None:
        framework, per_epoch = USUAL, getattr(plugins.export(USUAL), "per_epoch", None)
    text = per_epoch(plan) if by_epoch and per_epoch else module.snippet(plan)
    if prescription.clip_grad_norm is not None and framework in _CLIPPING:
        text += f"# Clip the gradients: {_CLIPPING[framework].format(norm=prescription.clip_grad_norm)}\n"
    return Code(framework=framework, text=text)


def planned(prescription: Prescription) -> Plan | None:
    """The prescription as a plan; None where its peak is not known."""
    peak = prescription.peak_lr
    if not peak:
        return None
    name, total = prescription.schedule, prescription.total_steps
    law = plugins.schedule(name)
    warmup = 0 if law.WHOLE else min(prescription.warmup_steps, total - 1)
    hints = _hints(law.Params)
    given = {key: int(v) if hints[key] is int else v for key, v in prescription.params.items() if key in hints}
    if prescription.final_lr is not None and "final_fraction" in hints and "final_fraction" not in given:
        # Both were rounded to three digits; their ratio means no more.
        given["final_fraction"] = float(f"{prescription.final_lr / peak:.3g}")
    params = default_params(law, name, total - warmup, given, warmup_steps=warmup)
    return Plan(schedule=name, params=params, peak_lr=peak, warmup=Warmup(steps=warmup), total_steps=total)


def framework_of(run: Run) -> str:
    """Name of the export for the framework that wrote the log, by what its loggers call things."""
    tags = set(run.series)
    rate = run.roles.get(Role.LR, "")
    if run.format == "trainer_state" or "train/global_step" in tags or rate == "train/learning_rate":
        return "huggingface"
    # The names of Keras' TensorBoard and CSVLogger callbacks.
    if any(tag in ("epoch_learning_rate", "epoch_loss", "epoch_lr") for tag in tags) or (
        run.format == "csv" and counts_epochs(run) and rate in ("", "learning_rate", "lr") and "loss" in tags
    ):
        return "keras"
    # LearningRateMonitor names the rate after the optimizer; a logger's folder is version_0, version_1 …
    if rate.startswith("lr-") or any(part.startswith("version_") for part in run.path.parts):
        return "lightning"
    return USUAL


def counts_epochs(run: Run) -> bool:
    """Whether the steps of the log are epochs."""
    # Keras names what it logs by the epoch after it; a table whose axis is the epoch keeps that as a series.
    watched = [run.roles[role] for role in (Role.LR, Role.TRAIN_LOSS, Role.VAL_LOSS) if role in run.roles]
    if watched and all(tag.startswith("epoch_") for tag in watched):
        return True
    epoch = run[Role.EPOCH]
    return epoch is not None and len(epoch) > 0 and bool((epoch.values == epoch.steps).all())
