"""Count how often each rule was right about the clinic's training tasks, and keep the count in the rule files.

    python -m benchmarks.clinic record [--out DIR] [--write]

A warning or an error speaks of a run; re-training says whether the run was faulty. Runs between healthy and faulty are
in neither count, nor are those whose trouble is not the rate (over-fitting, wrong labels). Rules that rest on
`rate_odds` alone have no record: their odds were calibrated on tasks left out, which this count could not do.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.clinic.standing import Standing, read_truth
from lrdoctor.config import Config
from lrdoctor.doctor import analyze
from lrdoctor.model import Severity

RULES = Path(__file__).parents[2] / "rules"
NOT_THE_RATE = ("overfit", "label_noise")


def count(folder: Path) -> dict[str, Counter[str]]:
    """Faulty and sound runs by the rule that spoke of them."""
    truths = {truth.run: truth for truth in read_truth(folder)}
    records: dict[str, Counter[str]] = {}
    for diagnosis in analyze(folder, config=Config(), siblings=False).runs:
        truth = truths.get(diagnosis.name.split("/")[0])
        if truth is None or truth.standing is Standing.GREY or truth.scenario.startswith(NOT_THE_RATE):
            continue
        for advice in diagnosis.advice:
            if advice.rule.severity is not Severity.INFO and not advice.because[0].calibrated:
                there = records.setdefault(advice.rule.id, Counter())
                there["faulty" if truth.standing.is_fault else "sound"] += 1
    return records


def keep(rule: Path, record: Counter[str]) -> None:
    """The count as a line of the rule file, in place of the last one."""
    text = re.sub(r"^record +=.*\n", "", rule.read_text(encoding="utf-8"), flags=re.MULTILINE)
    if record:
        line = f"record = {{ faulty = {record['faulty']}, sound = {record['sound']} }}\n"
        # The last key before the first table.
        text = re.sub(r"\n*^(?=(#.*\n)*\[\[when\]\])", f"\n{line}\n", text, count=1, flags=re.MULTILINE)
    rule.write_text(text, encoding="utf-8")


def main(argv: Sequence[str]) -> int:
    """Print every rule's count and the confidence that follows; with --write keep them."""
    parser = argparse.ArgumentParser(prog="clinic record", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=Path("clinic"))
    parser.add_argument("--write", action="store_true", help="replace the records in rules/")
    chosen = parser.parse_args(argv)
    records = count(chosen.out / "logs" / "train")
    for rule in sorted(RULES.glob("LRD*.toml")):
        record = records.get(rule.name[:6], Counter())
        if record:
            print(f"{rule.stem}: {record['faulty']} faulty, {record['sound']} sound")
        if chosen.write:
            keep(rule, record)
    return 0
