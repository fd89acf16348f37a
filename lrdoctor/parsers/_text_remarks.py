"""What the prose between the rows of a log says: that the training died or ended, and how it was configured."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lrdoctor.parsers._text_lines import Block

CRASHES = (
    "Traceback (most recent call last)",
    "CUDA out of memory",
    "OutOfMemoryError",
    "FloatingPointError",
    "Segmentation fault",
    "core dumped",
    "CUDA error",
    "oom-kill",
    "Out Of Memory",
    "CANCELLED AT",
    "ChildFailedError",
)
"""What stands at the end of a log whose training died."""
NOT_A_NUMBER = re.compile(
    r"(?i)\bloss(?: value)? (?:is|was|became|becomes|=|:)? ?(?:nan|inf|infinite|not finite|non-?finite)\b"
    r".{0,20}(?:stop|abort|exit|terminat|quit|break)|FloatingPointError: Loss became infinite or NaN"
    r"|non-finite loss, (?:stop|abort|exit|terminat)|Invalid loss, terminating training"
)
"""DETR, MAE and timm: "Loss is nan, stopping training"; detectron2's FloatingPointError; Keras' TerminateOnNaN, which
says "Batch 3: Invalid loss, terminating training"."""
INTERRUPTED = "KeyboardInterrupt"
FINISHES = ("Optimization Done.", "done training in", "Training finished", "Training completed", "train_runtime")
"""Caffe, fairseq, and what people write; Hugging Face's last line."""
STOPS = ("topping training", "erminating training", "inite loss", "is nan", "is NaN", "is inf", "borting", "xiting")
"""No line says that the loss was no number without one of these: looking for them is quick."""
_SETTING = re.compile(r"^(?:\[[^\]]*\]:? ?|[0-9]+: )?\s*(?:([\w.-]+) \.{3,} (\S.*)|\[hyperparameter\]: ([^:]+): (.*))$")
_NAMESPACE = "Namespace("
_ARGUMENT = re.compile(r"\b(\w{1,64})=('[^']*'|\"[^\"]*\"|[^,()\[\]{}'\"]+)(?:, |$)")
_PLAN = re.compile(r"(Total optimization steps|Num Epochs) = ([0-9,]{1,20})")
LONGEST_SETTING = 200
MOST_SETTINGS = 2_000
MOST_REMARKS = 1_000
LONGEST_NAMESPACE = 1 << 14


@dataclass(slots=True)
class Remark:
    """A line of prose that says how the training went."""

    place: int
    line: int
    text: str


@dataclass(slots=True)
class Said:
    """All of it."""

    remarks: list[Remark] = field(default_factory=list)
    hparams: dict[str, str] = field(default_factory=dict)
    plan: dict[str, int] = field(default_factory=dict)


def remarks(block: Block, lines: int, found: Said) -> None:
    """Note what the prose of a block says; `lines` came before it."""
    text = "\n".join(block.lines)
    told: list[int] = []
    for sign in (*CRASHES, INTERRUPTED, *FINISHES, *STOPS):
        start = text.find(sign)
        while start >= 0:
            told.append(start)
            start = text.find("\n", start)
            start = text.find(sign, start) if start >= 0 else -1
    at = counted = 0
    for start in sorted(told):
        at += text.count("\n", counted, start)
        counted = start
        if not found.remarks or found.remarks[-1].place != lines + at:
            found.remarks.append(Remark(lines + at, block.number(at), block.lines[at][:LONGEST_SETTING]))
    if len(found.remarks) > MOST_REMARKS:
        del found.remarks[MOST_REMARKS // 2 : -MOST_REMARKS // 2]
    if " ..." in text or "[hyperparameter]" in text or _NAMESPACE in text or " = " in text:
        _settings(block.lines, found)


def _settings(lines: list[str], found: Said) -> None:
    for line in lines:
        if len(found.hparams) >= MOST_SETTINGS:
            return
        if " ..." in line or "[hyperparameter]" in line:
            match = _SETTING.match(line[:1000])
            if match:
                name, value = (match[1], match[2]) if match[1] else (match[3], match[4])
                found.hparams.setdefault(name.strip(), value.strip()[:LONGEST_SETTING])
        elif _NAMESPACE in line and len(line) <= LONGEST_NAMESPACE:
            inside = line.partition(_NAMESPACE)[2].rpartition(")")[0]
            for argument in _ARGUMENT.finditer(inside):
                found.hparams.setdefault(argument[1], argument[2].strip("'\" ")[:LONGEST_SETTING])
        elif " = " in line:
            match = _PLAN.search(line[:1000])
            if match:
                found.plan.setdefault(match[1], int(match[2].replace(",", "")))
