"""The gate from outside: every combination of what it weighs, by the command's exit status, against a plain oracle."""

from __future__ import annotations

import itertools
import json
import math
import os
import random
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner, Result

from lrdoctor import doctor
from lrdoctor.cli import main
from lrdoctor.config import Config
from lrdoctor.model import Report

POINTS = 200
Curve = Callable[[int, random.Random], float]


def sound(i: int, chance: random.Random) -> float:
    return 0.2 + 2.1 * math.exp(-i / 40) * (1 + 0.03 * chance.uniform(-1, 1)) + 0.01 * chance.uniform(-1, 1)


def smooth(i: int, _: random.Random) -> float:
    return 0.3 + 2 * math.exp(-i / 40)


def burst(i: int, chance: random.Random) -> float:
    return 2.3 if i == 0 else 60 * math.exp(-((i - 3) ** 2) / 20) + 2.3 + 0.05 * chance.uniform(-1, 1)


def at_chance(_: int, chance: random.Random) -> float:
    return 2.3 + 0.01 * chance.uniform(-1, 1)


def stuck(i: int, chance: random.Random) -> float:
    return 3.0 if i >= 120 else sound(i, chance)


def hole(i: int, chance: random.Random) -> float:
    return math.nan if i == 100 else sound(i, chance)


def dead(i: int, chance: random.Random) -> float:
    return math.nan if i >= 120 else sound(i, chance)


def dead_smooth(i: int, chance: random.Random) -> float:
    return math.nan if i >= 120 else smooth(i, chance)


def table(train: Curve, validation: Curve) -> str:
    """A log with a metric that ends at 1, and one that ends in NaN."""
    chance = random.Random(1)  # noqa: S311
    rows = ["step,train_loss,val_loss,lr,aux/score,aux/broken"]
    for i in range(POINTS):
        share = i / (POINTS - 1)
        rate = 0.05 * (1 + math.cos(math.pi * share))
        held_out = validation(i, chance) if i % 10 == 9 else ""
        broken = "nan" if share == 1 else 2 - share
        rows.append(f"{10 * i},{train(i, chance)},{held_out},{rate},{2 - share},{broken}")
    return "\n".join(rows) + "\n"


@dataclass(frozen=True)
class Case:
    """A log, and what the rules in force say of it."""

    train: Curve
    validation: Curve
    said: tuple[tuple[str, str], ...]
    """Rule and severity."""
    ignore: str = ""
    nonfinite: str = ""
    """The rule that speaks of its end in no number, or would."""
    series: str = "train_loss"


CASES = {
    ("none", False): Case(sound, smooth, ()),
    ("info", False): Case(hole, smooth, (("LRD111", "info"),)),
    ("warning", False): Case(stuck, smooth, (("LRD117", "warning"),)),
    ("error", False): Case(burst, at_chance, (("LRD103", "error"),)),
    ("none", True): Case(dead, smooth, (), ignore="LRD1", nonfinite="LRD101"),
    ("info", True): Case(
        hole, dead_smooth, (("LRD111", "info"),), ignore="LRD112", nonfinite="LRD112", series="val_loss"
    ),
    ("warning", True): Case(sound, dead_smooth, (("LRD112", "warning"),), nonfinite="LRD112", series="val_loss"),
    ("error", True): Case(dead, smooth, (("LRD101", "error"),), nonfinite="LRD101"),
}
RANKS = {"info": 0, "warning": 1, "error": 2}


class Combination(NamedTuple):
    severity: str
    nonfinite: bool
    fail_on: str
    baseline: str
    waiver: str
    expectation: str


ALL = [
    Combination(*one)
    for one in itertools.product(
        ("none", "info", "warning", "error"),
        (False, True),
        ("info", "warning", "error", "never"),
        ("absent", "knows", "does not"),
        ("none", "valid", "expired", "other run"),
        ("none", "met", "missed", "not finite"),
    )
]


def oracle(one: Combination) -> int:
    """What the command has to answer; says nothing of how."""
    case = CASES[one.severity, one.nonfinite]
    if one.waiver == "expired" or one.expectation in ("missed", "not finite"):
        return 1
    if one.fail_on == "never":
        return 0
    pardoned = set()
    if one.baseline == "knows":
        pardoned |= {rule for rule, _ in case.said} | {case.nonfinite}
    if one.waiver == "valid":
        pardoned.add(waived(case))
    if any(RANKS[severity] >= RANKS[one.fail_on] and rule not in pardoned for rule, severity in case.said):
        return 1
    return int(one.nonfinite and case.nonfinite not in pardoned)


def waived(case: Case) -> str:
    return case.nonfinite or (case.said[0][0] if case.said else "LRD103")


def configuration(one: Combination) -> str:
    case = CASES[one.severity, one.nonfinite]
    text = f'ignore = ["{case.ignore}"]\n' if case.ignore else ""
    if one.waiver != "none":
        day = "2000-01-01" if one.waiver == "expired" else "9999-12-31"
        run = "elsewhere/*" if one.waiver == "other run" else "*.csv"
        text += f'[[waive]]\nrule = "{waived(case)}"\nrun = "{run}"\nreason = "known"\nexpires = {day}\n'
    if one.expectation != "none":
        metric = "aux/broken" if one.expectation == "not finite" else "aux/score"
        bound = 0.5 if one.expectation == "missed" else 1.5
        text += f'[[expect]]\nmetric = "{metric}"\nbelow = {bound}\n'
    return text


def known(one: Combination) -> str:
    case = CASES[one.severity, one.nonfinite]
    run = log_of(one).name if one.baseline == "knows" else "elsewhere.csv"
    rules = {rule for rule, _ in case.said} | ({case.nonfinite} if case.nonfinite else set())
    entries = [{"rule": rule, "run": run, "series": series_of(case, rule)} for rule in sorted(rules)]
    return json.dumps({"schema_version": 1, "known": entries})


def series_of(case: Case, rule: str) -> str:
    return case.series if rule == case.nonfinite else "train_loss"


def log_of(one: Combination) -> Path:
    return Path(f"{one.severity}{'_nan' if one.nonfinite else ''}.csv")


def arguments(one: Combination) -> list[str]:
    """The command's arguments, in a folder where the files that they need are written."""
    Path("lrdoctor.toml").write_text(configuration(one), encoding="utf-8")
    told = ["check", str(log_of(one)), "--fail-on", one.fail_on]
    if one.baseline != "absent":
        Path("known.json").write_text(known(one), encoding="utf-8")
        told += ["--baseline", "known.json"]
    return told


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("logs")
    for (severity, nonfinite), case in CASES.items():
        name = f"{severity}{'_nan' if nonfinite else ''}.csv"
        (folder / name).write_text(table(case.train, case.validation), encoding="utf-8")
    return folder


@pytest.fixture
def work(logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with all logs in it and a configuration of its own."""
    for log in logs.iterdir():
        (tmp_path / log.name).symlink_to(log)
    (tmp_path / "lrdoctor.toml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each log is examined once for each choice of rules, and the rules are loaded once; all else is done anew."""
    reports: dict[Any, Report] = {}
    examine, rules = doctor.analyze, doctor.known_rules(Config())

    def analyze(*paths: Path, config: Config, **how: Any) -> Report:
        key = (paths, config.select, tuple(config.ignore))
        if key not in reports:
            reports[key] = examine(*paths, config=config, **how)
        return reports[key]

    monkeypatch.setattr(doctor, "analyze", analyze)
    monkeypatch.setattr(doctor, "known_rules", lambda *_: rules)


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.mark.parametrize(("severity", "nonfinite"), CASES)
def test_the_logs_are_what_they_are_taken_for(work: Path, severity: str, *, nonfinite: bool) -> None:
    case = CASES[severity, nonfinite]
    one = Combination(severity, nonfinite, "error", "absent", "none", "none")
    Path("lrdoctor.toml").write_text(configuration(one), encoding="utf-8")
    (diagnosis,) = doctor.analyze(log_of(one)).runs
    said = {(a.rule.id, str(a.rule.severity), a.because[0].series) for a in diagnosis.advice if a.rule.id != "LRD001"}
    assert said == {(rule, severe, series_of(case, rule)) for rule, severe in case.said}


@pytest.mark.usefixtures("work", "remembered")
def test_every_combination() -> None:
    wrong = [(one, oracle(one), got) for one in ALL if (got := run(*arguments(one)).exit_code) != oracle(one)]
    assert not wrong, f"{len(wrong)} of {len(ALL)}: {wrong[:3]}"
    assert len({oracle(one) for one in ALL}) == 2


def test_the_real_command(work: Path) -> None:
    some = random.Random(0).sample(ALL, 24)  # noqa: S311

    def answer(one: Combination) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "lrdoctor", *words[one]],
            cwd=folders[one],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stderr

    folders = {one: work / str(index) for index, one in enumerate(some)}
    words = {}
    for one, folder in folders.items():
        folder.mkdir()
        (folder / log_of(one)).symlink_to((work / log_of(one)).resolve())
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            words[one] = arguments(one)
    with ThreadPoolExecutor(2) as pool:
        answers = dict(zip(some, pool.map(answer, some), strict=True))
    assert {one: status for one, (status, _) in answers.items()} == {one: oracle(one) for one in some}
    assert not any("Traceback" in said for _, said in answers.values())


def one_line(done: Result, *words: str) -> None:
    assert done.exit_code == 2, done.output
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert all(word in done.stderr for word in words), done.stderr


def gate_of(done: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)["gate"]
    return found


def configured(text: str) -> None:
    Path("lrdoctor.toml").write_text(text, encoding="utf-8")


@pytest.mark.usefixtures("work")
def test_a_missing_path_wins_over_what_fails_and_over_exit_zero() -> None:
    done = run("check", "error.csv", "nowhere", "--exit-zero", "--format", "json")
    one_line(done, "nowhere")
    assert not gate_of(done)["passed"]


@pytest.mark.usefixtures("work")
def test_exit_zero_is_for_what_fails() -> None:
    assert run("check", "error.csv").exit_code == 1
    assert run("check", "error.csv", "--exit-zero").exit_code == 0


@pytest.mark.usefixtures("work")
def test_nothing_to_check_does_not_pass_unless_it_may() -> None:
    Path("empty").mkdir()
    one_line(run("check", "empty"), "empty", "no training logs")
    assert run("check", "empty", "--allow-empty").exit_code == 0
    # An expectation cannot be missed where there need not be a run.
    configured('[[expect]]\nmetric = "val_loss"\nbelow = 1\n')
    assert run("check", "empty", "--allow-empty").exit_code == 0
    one_line(run("check", "nowhere", "--allow-empty"), "nowhere")
    Path("empty", "events.out.tfevents.1.host").write_bytes(bytes(100))
    one_line(run("check", "empty", "--allow-empty"), "tfevents")


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--fail-on", "fatal"], "fatal"),
        (["--select", "LRD999"], "LRD999"),
        (["--select", "early"], "early"),
        (["--select", ","], "no rule"),
        (["--ignore", "LRD1,LRD998"], "LRD998"),
        (["--limit", "rums=3"], "did you mean 'runs'"),
        (["--write-baseline"], "--baseline"),
        (["--jobs", "0"], "-1"),
        (["--quiet", "--verbose"], "--verbose"),
        (["--format", "jsn"], "json"),
    ],
)
def test_bad_usage(words: list[str], said: str) -> None:
    done = run("check", "none.csv", *words)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fail_one = 'info'", ["fail_on"]),
        ("select = ['LRD199']", ["lrdoctor.toml: select", "LRD199"]),
        ("[[waive]]\nrule='LRD199'\nrun='*'\nreason='x'\nexpires=2099-01-01", ["waive.0", "LRD199"]),
        ("[[per_run]]\nrun='*'\nignore=['LRD199']", ["per_run.0.ignore", "LRD199"]),
        ("[[waive]]\nrule='LRD103'\nrun='*'\nexpires=2099-01-01", ["waive.0", "missing key 'reason'"]),
        ("[[expect]]\nmetric='loss'\nbelw=1\nabove=0", ["expect.0", "did you mean 'below'"]),
        ("[detectors.divergence]\nbin = 3", ["detectors.divergence", "did you mean 'bins'"]),
    ],
)
def test_a_broken_configuration(text: str, words: list[str]) -> None:
    configured(text)
    done = run("check", "none.csv")
    one_line(done, *words)
    assert done.stdout == ""


@pytest.mark.usefixtures("work")
def test_all_mistakes_of_a_configuration_come_at_once() -> None:
    configured("slect = []\nselect = ['x']\n[[waive]]\nrule = 'x'\n[limits]\nrun = 1\n[detectors.spke]\n")
    done = run("check", "none.csv")
    assert done.exit_code == 2
    for word in ("'slect'", "select: 'x'", "waive.0", "limits", "'spke'"):
        assert sum(word in line for line in done.stderr.splitlines()) >= 1, word


@pytest.mark.usefixtures("work")
def test_selected_rules_win_over_the_configuration() -> None:
    configured("select = ['LRD2']\n[[per_run]]\nrun = '*'\nselect = ['LRD3']\n")
    assert run("check", "error.csv").exit_code == 0
    assert run("check", "error.csv", "--select", "LRD2,LRD1").exit_code == 1
    assert run("check", "error.csv", "--select", "LRD2", "--select", "LRD103").exit_code == 1
    assert run("check", "error.csv", "--select", "LRD1", "--ignore", "LRD103").exit_code == 0


@pytest.mark.usefixtures("work")
def test_some_runs_may_be_judged_otherwise_and_the_last_word_holds() -> None:
    configured(
        """
        fail_on = "never"
        [[per_run]]
        run = "*r*.csv"
        fail_on = "warning"
        [[per_run]]
        run = "error*"
        fail_on = "error"
        ignore = ["LRD9"]
        [[per_run]]
        run = "error_nan.csv"
        ignore = ["LRD103"]
        """
    )
    done = run("check", "error.csv", "error_nan.csv", "warning.csv", "info_nan.csv", "--format", "json")
    assert done.exit_code == 1
    assert [(f["run"], f["what"]) for f in gate_of(done)["failures"]] == [
        ("error.csv", "LRD103"),
        ("error_nan.csv", "LRD101"),
        ("warning.csv", "LRD117"),
    ]
    # The command line wins over all of them.
    assert run("check", "error.csv", "--fail-on", "never").exit_code == 0


@pytest.mark.usefixtures("work")
def test_a_run_may_have_rules_that_others_have_not() -> None:
    configured("select = ['LRD3']\n[[per_run]]\nrun = 'error*'\nselect = ['LRD1']\n")
    done = run("check", "error.csv", "warning.csv", "--fail-on", "warning", "--format", "json")
    assert [(f["run"], f["what"]) for f in gate_of(done)["failures"]] == [("error.csv", "LRD103")]
    configured("[[per_run]]\nrun = 'error*'\nignore = ['LRD1']\n")
    report = json.loads(run("analyze", "error.csv", "--format", "json").stdout)
    assert "LRD103" not in report["summary"]["by_rule"]


@pytest.mark.usefixtures("work")
def test_what_is_ignored_for_a_run_does_not_hide_its_end() -> None:
    configured("[[per_run]]\nrun = 'error*'\nignore = ['LRD']\n")
    assert run("check", "error.csv").exit_code == 0
    done = run("check", "error_nan.csv", "--format", "json")
    assert done.exit_code == 1
    (failure,) = gate_of(done)["failures"]
    assert (failure["what"], failure["run"]) == ("nonfinite", "error_nan.csv")


@pytest.mark.usefixtures("work")
def test_a_baseline_is_written_kept_and_pruned() -> None:
    words = ("check", "error.csv", "warning.csv", "--fail-on", "warning", "--baseline", "known.json")
    done = run(*words)
    one_line(done, "known.json", "--write-baseline")
    done = run(*words, "--write-baseline")
    assert done.exit_code == 0
    assert "knows 2 findings" in done.stderr
    entries = json.loads(Path("known.json").read_text(encoding="utf-8"))["known"]
    assert [(entry["rule"], entry["run"]) for entry in entries] == [("LRD103", "error.csv"), ("LRD117", "warning.csv")]
    done = run(*words, "--format", "json")
    assert done.exit_code == 0
    assert done.stderr == ""
    assert [pardon["by"] for pardon in gate_of(done)["pardons"]] == ["baseline", "baseline"]
    # At another threshold the warning is there still, and not gone.
    assert gate_of(run(*words, "--fail-on", "error", "--format", "json"))["gone"] == []

    Path("warning.csv").unlink()
    Path("warning.csv").symlink_to(Path("none.csv").resolve())
    done = run(*words, "--format", "json")
    assert done.exit_code == 0
    assert gate_of(done)["gone"] == ["baseline: LRD117 of warning.csv on train_loss"]
    assert "--write-baseline" in done.stderr
    run(*words, "--write-baseline")
    assert [entry["rule"] for entry in json.loads(Path("known.json").read_text(encoding="utf-8"))["known"]] == [
        "LRD103"
    ]


@pytest.mark.usefixtures("work")
def test_a_baseline_takes_in_no_expectation_and_nothing_that_no_rule_says() -> None:
    configured('ignore = ["LRD1"]\n[[expect]]\nmetric = "aux/score"\nbelow = 0\n')
    done = run("check", "error_nan.csv", "--baseline", "known.json", "--write-baseline", "--format", "json")
    assert done.exit_code == 1
    assert "knows 0 findings" in done.stderr
    assert [failure["what"] for failure in gate_of(done)["failures"]] == ["nonfinite", "expectation"]


@pytest.mark.usefixtures("work")
def test_the_old_baseline_stays_where_not_everything_was_seen() -> None:
    Path("known.json").write_text('{"schema_version": 1, "known": []}', encoding="utf-8")
    before = Path("known.json").read_bytes()
    done = run("check", "error.csv", "nowhere", "--baseline", "known.json", "--write-baseline")
    assert done.exit_code == 2
    assert any("not written" in line for line in done.stderr.splitlines())
    assert Path("known.json").read_bytes() == before
    one_line(run("check", "error.csv", "--baseline", "no/known.json", "--write-baseline"), "cannot be written")


@pytest.mark.usefixtures("work")
def test_a_baseline_holds_in_another_checkout(tmp_path_factory: pytest.TempPathFactory) -> None:
    def checkout(name: str) -> Path:
        root = tmp_path_factory.mktemp(name)
        (root / "runs" / "lr1").mkdir(parents=True)
        (root / "runs" / "lr1" / "log.csv").write_text(Path("error.csv").read_text(encoding="utf-8"), encoding="utf-8")
        return root

    here, there = checkout("here"), checkout("there")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        assert run("check", "runs", "--baseline", "known.json", "--write-baseline").exit_code == 0
        patch.chdir(there)
        (there / "known.json").write_bytes((here / "known.json").read_bytes())
        assert run("check", "runs", "--baseline", "known.json").exit_code == 0
        assert run("check", "runs").exit_code == 1


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize("content", ["", "[1", "{}", '{"schema_version": 2, "known": []}', "[" * 100_000, "\0"])
def test_a_broken_baseline(content: str) -> None:
    Path("known.json").write_text(content, encoding="utf-8")
    one_line(run("check", "none.csv", "--baseline", "known.json"), "known.json")


@pytest.mark.usefixtures("work")
def test_strict_fails_what_cannot_be_judged() -> None:
    Path("short.csv").write_text("step,loss\n1,2\n2,1.5\n", encoding="utf-8")
    assert run("check", "short.csv").exit_code == 0
    done = run("check", "short.csv", "none.csv", "--strict", "--format", "json")
    assert done.exit_code == 1
    assert [(f["run"], f["what"]) for f in gate_of(done)["failures"]] == [("short.csv", "cannot_tell")]
    configured("strict = true\n[[per_run]]\nrun = 'short*'\nstrict = false\n")
    assert run("check", "short.csv").exit_code == 0
    assert run("check", "short.csv", "--strict").exit_code == 1


@pytest.mark.usefixtures("work")
def test_quiet_leaves_the_status_as_it_is() -> None:
    done = run("check", "none.csv", "--quiet")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    done = run("check", "error.csv", "--quiet")
    assert done.exit_code == 1
    assert "LRD103" in done.stdout


@pytest.mark.usefixtures("work")
def test_one_check_writes_several_reports() -> None:
    done = run("check", "error.csv", "--output", "json=report.json", "--output", "text=no/report.txt")
    one_line(done, "no/report.txt", "cannot be written")
    assert not json.loads(Path("report.json").read_text(encoding="utf-8"))["gate"]["passed"]


@pytest.mark.usefixtures("work")
def test_analyze_takes_the_same_options_and_has_no_gate() -> None:
    configured("ignore = ['LRD1']")
    done = run("analyze", "error.csv", "--ignore", "LRD9", "--limit", "runs=1", "--format", "json")
    assert done.exit_code == 0
    report = json.loads(done.stdout)
    assert report["gate"] is None
    assert [advice["rule"] for advice in report["runs"][0]["advice"]] == ["LRD103"]


@pytest.mark.usefixtures("work")
def test_no_log_is_written_over() -> None:
    log = Path("own.csv")
    log.write_bytes(Path("error.csv").read_bytes())
    before = log.read_bytes()
    for words in (
        ["own.csv", "--output", "csv=own.csv"],
        [".", "--output", "csv=./own.csv"],
        ["own.csv", "--baseline", "own.csv", "--write-baseline"],
    ):
        # What else is asked for is written.
        done = run("check", *words, "--output", "json=report.json", "--select", "LRD103")
        assert done.exit_code == 2
        assert "own.csv: not written, as it is a log that was read" in done.stderr
        assert log.read_bytes() == before
        assert Path("report.json").exists()
        Path("report.json").unlink()


@pytest.mark.usefixtures("work")
def test_no_file_is_written_twice() -> None:
    done = run("analyze", "error.csv", "--output", "json=report", "--output", "csv=./report")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "report would be written twice" in done.stderr
    assert not Path("report").exists()
    assert run("analyze", "error.csv", "--output", f"json={os.devnull}", "--output", f"csv={os.devnull}").exit_code == 0
