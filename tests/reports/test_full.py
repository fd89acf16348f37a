from __future__ import annotations

from dataclasses import replace
from io import StringIO

from hypothesis import given
from hypothesis import strategies as st

from lrdoctor.model import Diagnosis, Report, Verdict
from lrdoctor.reports import full, text

from .conftest import HOSTILE, Explosion, diverged, healthy


def written(report: Report) -> str:
    out = StringIO()
    full.write(report, out)
    return out.getvalue()


def test_every_run_is_shown_in_full(report: Report) -> None:
    output = written(report)
    for name in ("runs/lr0.3", "runs/lr0.03", "runs/empty"):
        assert f"  {name}  " in output
    # The curves of the two healthy runs, too.
    assert output.count("\n  loss ") == 3
    assert "  series: train/loss as train_loss, 31 points, 24 of them not finite\n" in output
    assert "  settings: optimizer=adam, batch_size=64, clip=inf, amp=True, note=None\n" in output
    assert "  info LRD901 few-points: 7 points.\n" in output
    assert "  lacking: no series plays the role train_loss: log the loss\n" in output


def test_nothing_is_left_out_that_text_counts_only() -> None:
    report = Report(runs=(diverged(),), version="0")
    out = StringIO()
    text.write(report, out)
    assert "note: three" not in out.getvalue()
    assert "and 1 more" in out.getvalue()
    output = written(report)
    assert "  note: three\n" in output
    assert " more\n" not in output


def test_what_was_measured_and_led_to_nothing_is_told_as_such() -> None:
    told = diverged()
    idle = Explosion(
        series="val/loss",
        span=told.findings[0].span,
        confidence=0.5,
        onset_step=700,
        peak_ratio=2.0,
        went_nonfinite=False,
        gradient_ratio=0.25,
    )
    output = written(Report(runs=(replace(told, findings=(*told.findings, idle)),), version="0"))
    assert output.count("also measured: ") == 1
    assert (
        "  also measured: explosion in val/loss, steps 400 to 3,000; "
        "onset_step 700, peak_ratio 2, went_nonfinite no, gradient_ratio 0.25\n"
    ) in output


def test_where_a_rule_is_wrong_is_said_beside_its_advice() -> None:
    told = diverged()
    rule = replace(told.advice[0].rule, caveats="Not with\n  a tiny batch.\n")
    wary = replace(told, advice=(replace(told.advice[0], rule=rule),))
    assert "    where it is wrong: Not with a tiny batch.\n" in written(Report(runs=(wary,), version="0"))
    assert "where it is wrong" not in written(Report(runs=(told,), version="0"))


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_a_strangers_text_obeys_nothing(stranger: str) -> None:
    told = diverged()
    run = replace(told.run, name=stranger, format=stranger, hparams={stranger: stranger}, notes=(stranger,) * 5)
    plain = Report(runs=(Diagnosis(run=told.run, verdict=Verdict.HEALTHY),), version="0")
    hostile = Report(runs=(Diagnosis(run=run, verdict=Verdict.HEALTHY),), version="0")
    # As many lines as with harmless names and five notes instead of three, and no line of its making.
    lines = written(hostile).split("\n")
    assert len(lines) == len(written(plain).split("\n")) + 2
    assert not any(line.startswith(("::", "##")) for line in lines)
    assert all(len(f"<{line}>".splitlines()) == 1 for line in lines)


def test_the_hostile_name_is_one_line() -> None:
    assert (
        sum(r"\x1b[31m[bold]red" in line for line in written(Report(runs=(healthy(HOSTILE),), version="0")).split("\n"))
        == 1
    )
