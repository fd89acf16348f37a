from __future__ import annotations

import re
import sys
from dataclasses import replace
from io import BytesIO, StringIO, TextIOWrapper

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrdoctor.model import (
    AddWarmup,
    ClipGrad,
    Code,
    Failure,
    Finding,
    Gate,
    Incident,
    Pardon,
    Problem,
    Report,
    Role,
    ScaleLr,
    Severity,
    UseSchedule,
    Verdict,
)
from lrdoctor.reports import html, text
from lrdoctor.reports._words import in_words, number, typed

from .conftest import HOSTILE, diverged, healthy, series, untellable

PLAIN = r"""
unhealthy  runs/lr0.3  tensorboard, steps 0 to 3,000 of 12,000, crashed
  loss       900            ⡰⠁ ×××××××××××××××××××××××××××××××××××××××××××××× 2.5 to nan
                          ⢀⠔⠁                                                 min 1.75 at 300
            1.75 ⠤⣀⣀⣀⣀⣀⣀⣀⡠⠊                                                   log scale
  lr         0.3 ⠉⠉⠉⠉⠉⠒⠒⠒⠒⠒⠒⠒⠒⠢⠤⠤⠤⠤⠤⠤⠤⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀                              0.3 to 0
               0                                ⠉⠉⠉⠉⠉⠉⠉⠑⠒⠒⠒⠒⠒⠒⠒⠒⠤⠤⠤⠤⠤⠤⠤⢄⣀⣀⣀⣀⣀ linear
                           ▲───────────────────────────────────────────────── step 500  LRD101

  error LRD101 early-divergence: train/loss diverged from step 500, 17% into the run.
    strong evidence: explosion in train/loss, steps 400 to 3,000; onset_step 500, peak_ratio inf, went_nonfinite yes
    to do: Look at the data of step 500.

  try next: peak_lr=0.03 (0.1x)  warmup_steps=150  schedule=cosine  period_steps=12000  final_lr=0  total_steps=12000  clip_grad_norm=1
    why: A tenth of the rate at which the loss left its basin. (clear evidence)
    expect val/loss 0.11 (90% band 0.09 to 0.16)
  or: lr_scale=0.03  warmup_steps=0  schedule=constant  total_steps=3000

  lost 2: runs/lr0.3/e, byte 9301: bad sum
  note: restart at step 800: 40 points replaced
  note: two
  and 1 more
  not looked at: plateau, sharpness (no val_loss)

cannot tell  runs/empty  csv
  lacking: no series plays the role train_loss: log the loss

healthy  ::error::\x1b[31m[bold]red[/bold]\x0a## \u202e学习率\u2028\udc80  ███▆▆▆▃▃▃▃▂▂▂▁▁▁▁▁▁▁  loss 0.5
healthy  runs/lr0.03                               ███▆▆▆▃▃▃▃▂▂▂▁▁▁▁▁▁▁  loss 0.5  LRD901

not used: runs/core\x07: not a log: no parser knows it

4 runs: 1 unhealthy, 1 cannot tell, 2 healthy
rules: LRD101 in 1 run, LRD901 in 1 run  (lrdoctor explain LRD101)
""".lstrip()  # noqa: E501


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    return Terminal()


def written(report: Report, out: StringIO | None = None) -> str:
    out = out or StringIO()
    text.write(report, out)
    return out.getvalue()


def uncoloured(output: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", output)


def squeezed(output: str) -> str:
    return re.sub(r"\s+", "", output)


def test_the_plain_report(report: Report) -> None:
    assert written(report) == PLAIN


def test_off_a_terminal_rich_is_not_even_there(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.setitem(sys.modules, "rich.text", None)
    assert written(report) == PLAIN


def test_off_a_terminal_nothing_is_cut_or_wrapped() -> None:
    name = "runs/" + "very-long/" * 19
    assert f"healthy  {name}  ▁" not in (output := written(Report(runs=(healthy(name),), version="0")))
    assert output.splitlines()[0].startswith(f"healthy  {name}  █")


def test_a_terminal_shows_the_same_in_colour(report: Report, terminal: Terminal) -> None:
    output = written(report, terminal)
    assert "\x1b[1;31merror LRD101" in output
    shown = uncoloured(output)
    # Curves and markers are as wide as there is room for; all else is the same but for line breaks.
    drawn = re.compile("[▁▂▃▄▅▆▇█×▲─\u2800-\u28ff]+")
    assert squeezed(drawn.sub("", shown)) == squeezed(drawn.sub("", PLAIN))
    assert max(len(line) for line in shown.splitlines()) <= 100
    # Data is no markup, and no colour of its own.
    assert r"\x1b[31m[bold]red[/bold]\x0a" in shown


def test_no_color_is_obeyed(report: Report, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[1;31m" not in written(report, terminal)
    assert "31m" not in written(report, terminal).replace(r"\x1b[31m", "")


@pytest.mark.parametrize(("columns", "drawn"), [("40", 23), ("64", 47), ("80", 35), ("120", 75), ("200", 75)])
def test_curves_are_as_wide_as_the_terminal_allows(
    columns: str, drawn: int, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    output = uncoloured(written(Report(runs=(diverged(),), version="0"), terminal))
    assert max(len(line) for line in output.splitlines()) <= min(int(columns), 120)
    (top,) = (line for line in output.splitlines() if line.startswith("  loss"))
    assert top[17 : 17 + drawn].endswith("×")
    assert "×" not in top[17 + drawn :]
    # Where there is no room beside the curve, its words stand below.
    assert ("2.5 to nan" in top) is (int(columns) > 64)
    assert "2.5 to nan" in output
    assert "min 1.75 at 300" in re.sub(r"\s+", " ", output)


def test_a_series_that_never_changes_takes_one_line() -> None:
    told = diverged()
    flat = series("lr", [0.1] * 31)
    run = replace(told.run, series={**told.run.series, "lr": flat}, roles={**told.run.roles, Role.LR: "lr"})
    output = written(Report(runs=(replace(told, run=run),), version="0")).splitlines()
    (at,) = (place for place, line in enumerate(output) if line.startswith("  lr "))
    assert output[at].split() == ["lr", "0.1", "⠒" * 60, "linear"]
    assert "▲" in output[at + 1]


def test_only_standard_output_is_coloured_by_force(
    report: Report, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert written(report) == PLAIN
    text.write(report, sys.stdout)
    output = capsys.readouterr().out
    assert "\x1b[1;31merror LRD101" in output
    assert uncoloured(output) == PLAIN
    monkeypatch.setenv("NO_COLOR", "1")
    text.write(report, sys.stdout)
    assert capsys.readouterr().out == PLAIN


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
@pytest.mark.parametrize("kind", ["plain", "terminal"])
def test_a_narrow_encoding_gets_ascii(
    report: Report, encoding: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = TextIOWrapper(BytesIO(), encoding=encoding, newline="\n")
    monkeypatch.setattr(out, "isatty", lambda: kind == "terminal", raising=False)
    monkeypatch.setenv("COLUMNS", "113")
    text.write(report, out)
    out.seek(0)
    output = uncoloured(out.read())
    loss = next(line for line in output.splitlines() if line.startswith("  loss"))
    assert re.fullmatch(r"  loss +900 +##+x{40,} 2\.5 to nan", loss)
    assert "^----" in output
    assert r"\u5b66\u4e60\u7387" in output


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_a_strangers_text_never_begins_a_line_or_obeys_itself(stranger: str) -> None:
    told = diverged()
    run = replace(told.run, name=stranger, format=stranger, notes=(stranger,))
    advice = replace(told.advice[0], message=stranger)
    odd = replace(untellable(), run=run)
    report = Report(runs=(replace(told, run=run, advice=(advice,)), odd, healthy(stranger)), version="0")
    ours = re.compile(
        " *(unhealthy  |loss  |lr  |▲|error LRD101|strong evidence: |to do: |try next: |why: "
        "|expect |or: |lost 2: |note: ?|not looked at: |cannot tell  |lacking: |healthy  |3 runs: |rules: |$"
        "|[0-9.e+]+ [\u2800-\u28ff ]|[\u2800-\u28ff]+ )"
    )
    for line in written(report).split("\n"):
        assert len(f"<{line}>".splitlines()) == 1
        assert ours.match(line)


def test_a_report_of_nothing() -> None:
    assert written(Report(runs=(), version="0")) == "0 runs\n"


def test_a_run_without_points_can_be_unhealthy() -> None:
    told = replace(diverged(), run=untellable().run)
    output = written(Report(runs=(told,), version="0"))
    assert "try next: peak_lr=0.03" in output
    assert "▲" not in output


def test_without_a_prescription_the_fixes_are_said() -> None:
    told = replace(diverged(), prescription=None)
    assert "    to do: multiply the learning rate by 0.1\n" in written(Report(runs=(told,), version="0"))


@pytest.mark.parametrize(
    ("fix", "words"),
    [
        (ScaleLr(factor=0.1), "multiply the learning rate by 0.1"),
        (AddWarmup(fraction=0.005), "warm up over the first 0.5% of the run"),
        (UseSchedule(schedule="cosine", final_fraction=0.1), "use a cosine schedule down to 10% of the peak"),
        (ClipGrad(), "clip the gradient norm at 1"),
    ],
)
def test_fixes_in_words(fix: ScaleLr | AddWarmup | UseSchedule | ClipGrad, words: str) -> None:
    assert in_words(fix) == words


def test_numbers() -> None:
    assert [number(value) for value in (True, False, 12000, 0.123456, float("nan"), "x\n")] == [
        *("yes", "no", "12,000", "0.1235", "nan", r"x\x0a"),
    ]
    assert [typed(value) for value in (3000.0, 0.1, 1e-5, 0.12345678, 1e300, float("inf"))] == [
        *("3000", "0.1", "1e-05", "0.123457", "1e+300", "inf"),
    ]


def test_an_untellable_run_shows_its_info_advice() -> None:
    told = replace(diverged(), verdict=Verdict.CANNOT_TELL, prescription=None)
    output = written(Report(runs=(told,), version="0"))
    assert "  LRD101 early-divergence: train/loss diverged" in output
    assert "    to do: Look at the data of step 500.\n" in output
    assert "multiply" not in output


def test_the_hostile_name_is_one_line() -> None:
    output = written(Report(runs=(healthy(HOSTILE),), version="0"))
    assert len(output.splitlines()) == 3


def failing() -> Gate:
    return Gate(
        fail_on=Severity.ERROR,
        failures=(
            Failure(run="runs/lr0.3", what="LRD101", severity=Severity.ERROR, message="train/loss diverged."),
            Failure(run="runs/lr0.3", what="LRD101", severity=Severity.ERROR, message="And val/loss, too."),
            Failure(run="runs/lr0.03", what="LRD901", severity=Severity.ERROR, message="7 points."),
            Failure(run="", what="expired_waiver", severity=Severity.ERROR, message="the waiver of LRD9 has expired"),
        ),
        pardons=(
            Pardon(run="runs/a", rule="LRD401", series="loss", by="baseline", reason=""),
            Pardon(run="runs/b", rule="LRD401", series="loss", by="waiver", reason="Known,\nand meant."),
            Pardon(run="runs/c", rule="LRD401", series="loss", by="baseline", reason=""),
        ),
        gone=("LRD103 in runs/c",),
    )


def test_the_gate_has_the_last_word(report: Report) -> None:
    output = written(replace(report, gate=failing()))
    assert output.startswith(PLAIN)
    # The first is said in the run's own block; the second stands nowhere else, for that run is healthy.
    assert output.removeprefix(PLAIN) == (
        "\n"
        "fails: LRD101 in runs/lr0.3  (error)\n"
        "fails: LRD901 in runs/lr0.03: 7 points.  (error)\n"
        "fails: expired waiver: the waiver of LRD9 has expired  (error)\n"
        "pardoned: 2 known to the baseline\n"
        "pardoned: LRD401 in runs/b, by a waiver: Known,\\x0aand meant.\n"
        "gone: LRD103 in runs/c\n"
        "FAILED: 4 reasons (--fail-on error)\n"
    )


@pytest.mark.parametrize(("fail_on", "said"), [(Severity.WARNING, "warning"), (None, "never")])
def test_a_gate_that_opens(report: Report, fail_on: Severity | None, said: str) -> None:
    passing = replace(report, gate=Gate(fail_on=fail_on), errors=())
    assert written(passing) == f"{written(replace(report, errors=()))}\nPASSED (--fail-on {said})\n"
    assert "PASSED" not in quiet(passing)


def test_what_cost_no_point_is_not_called_lost() -> None:
    told = healthy("a")
    blank = Incident(path="a.csv", place="line 7", kind="blank", dropped=0, message="blank from here on")
    for form in (text, html):
        out = StringIO()
        form.write(Report(runs=(replace(told, run=replace(told.run, incidents=(blank,))),), version="0"), out)
        assert "amiss: a.csv, line 7: blank from here on" in out.getvalue()


def test_a_gate_that_cannot_tell_does_not_say_that_it_passed(report: Report) -> None:
    unread = replace(report, gate=Gate(fail_on=Severity.ERROR), errors=(Problem(path="x.csv", message="closed"),))
    for said in (written(unread), quiet(unread)):
        assert said.endswith("CANNOT TELL: 1 input not used (--fail-on error)\n")
        assert "PASSED" not in said
    # What fails fails, whatever else there may be.
    assert written(replace(unread, gate=failing())).endswith("FAILED: 4 reasons (--fail-on error)\n")


def test_code_is_not_wrapped(report: Report, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    code = "optimizer = AdamW(model.parameters(), lr=peak_lr)  # or your own optimizer, at this rate"
    run, prescription = next((run, run.prescription) for run in report.runs if run.prescription)
    told = replace(prescription, code=Code(framework="pytorch", text=code))
    report = Report(runs=(replace(run, prescription=told),), version="0")
    assert f"\n    {code}\n" in uncoloured(written(report, terminal))


def quiet(report: Report) -> str:
    out = StringIO()
    text.write_quietly(report, out)
    return out.getvalue()


def test_quiet_says_what_is_wrong_and_nothing_else(report: Report) -> None:
    output = quiet(replace(report, gate=failing()))
    for said in ("unhealthy  runs/lr0.3", "try next: ", "cannot tell  runs/empty", "fails: LRD101", "FAILED: 4"):
        assert said in output
    for unsaid in (
        "\nhealthy",
        "note: ",
        "lost 2",
        "not looked at",
        "4 runs",
        "rules: ",
        "not used",
        "pardoned",
        "gone",
    ):
        assert unsaid not in output
    assert quiet(Report(runs=(healthy("runs/a"),), version="0")) == ""


def test_what_was_said_once_of_a_run_is_not_said_again() -> None:
    (advice,) = diverged().advice
    same = " Weighed together, it was too high. Against it: 3. For it: nothing."
    first = replace(advice, message=f"It blew up.{same}", because=(*advice.because, other()))
    second = replace(first, message=f"It also shook.{same}", because=(advice.because[0], other()))
    run = replace(diverged(), advice=(first, second, replace(second, message="It blew up.")))
    told = written(Report(runs=(run,), version="0"))
    assert told.count("Weighed together") == told.count("For it: nothing.") == 1
    assert told.count("It also shook.") == 1
    assert told.count("It blew up.") == 2  # nothing else would be left of the third
    assert told.count(" in other/loss") == 1
    assert told.count("evidence: explosion in train/loss") == 3  # each subject stands below its advice


def other() -> Finding:
    (finding,) = diverged().findings[:1]
    return replace(finding, series="other/loss")
