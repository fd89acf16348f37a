"""The commands from outside: what they print, where, and with which exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result

from lrdoctor.cli import main
from lrdoctor.config import Config
from lrdoctor.doctor import known_rules
from lrdoctor.engine.rule import Rule

SAMPLES = Path(__file__).parents[1] / "sample_logs"
HEALTHY = SAMPLES / "healthy_constant"
NAN = SAMPLES / "diverged_to_nan"
SCHEMA = json.loads((files("lrdoctor.reports") / "report.schema.json").read_text(encoding="utf-8"))


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, [str(a) for a in args])


def test_every_command_has_help() -> None:
    listed = run("--help")
    assert listed.exit_code == 0
    for command in ("analyze", "explain", "rules"):
        assert command in listed.output
        said = run(command, "--help")
        assert said.exit_code == 0
        assert "Usage:" in said.output


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from lrdoctor.cli import main; main(['--help'], standalone_mode=False);"
        "print(sorted({'numpy', 'pandas', 'scipy', 'pydantic', 'rich', 'tensorboard'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")


def test_a_sound_analysis_needs_neither_tensorboard_nor_rich(tmp_path: Path) -> None:
    code = (
        "import sys; from lrdoctor.cli import main; main(['analyze', sys.argv[1]], standalone_mode=False);"
        "print(sorted({'scipy.stats', 'sklearn', 'tensorboard', 'rich'} & set(sys.modules)))"
    )
    sample = str(SAMPLES / "healthy_cosine")
    done = subprocess.run([sys.executable, "-c", code, sample], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")


def test_a_report_is_no_failure_whatever_it_says() -> None:
    assert run("analyze", NAN).exit_code == 0
    assert run("analyze", HEALTHY).exit_code == 0


def test_text_says_what_is_wrong_and_what_to_type() -> None:
    said = run("analyze", NAN).stdout
    assert "LRD101" in said
    assert "try next: peak_lr=" in said
    assert "\x1b" not in said


def test_json_follows_the_schema_and_is_the_same_every_time() -> None:
    first, again = (run("analyze", SAMPLES, "--format", "json") for _ in range(2))
    assert first.exit_code == 0
    assert first.stdout == again.stdout
    report = json.loads(first.stdout, parse_constant=pytest.fail)
    jsonschema.validate(report, SCHEMA)
    for diagnosed in report["runs"]:
        bad = any(a["severity"] != "info" for a in diagnosed["advice"])
        assert (diagnosed["verdict"] == "unhealthy") is bad
        assert (diagnosed["verdict"] != "cannot_tell") or diagnosed["skipped"]


def test_one_analysis_writes_several_reports(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    done = run("analyze", HEALTHY, "--output", f"json={file}", "--output", f"text={tmp_path / 'r.txt'}")
    assert done.exit_code == 0
    assert json.loads(file.read_text(encoding="utf-8"))["summary"]["runs"] == 1
    assert "healthy" in (tmp_path / "r.txt").read_text(encoding="utf-8")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r.txt", "report.json"]


def test_an_unwritable_output_is_one_line(tmp_path: Path) -> None:
    done = run("analyze", HEALTHY, "--output", f"json={tmp_path / 'no' / 'r.json'}")
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert "cannot be written" in done.stderr


def one_line(done: Result, *words: str) -> None:
    assert done.exit_code == 2, done.output
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_a_missing_path(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    one_line(run("analyze", tmp_path / "rnus"), "rnus", "did you mean", "runs")


def test_a_missing_path_beside_a_good_one() -> None:
    done = run("analyze", HEALTHY, "nowhere", "--format", "json")
    one_line(done, "nowhere")
    report = json.loads(done.stdout)
    assert [r["verdict"] for r in report["runs"]] == ["healthy"]
    assert [e["path"] for e in report["errors"]] == ["nowhere"]


def test_an_empty_folder(tmp_path: Path) -> None:
    one_line(run("analyze", tmp_path), str(tmp_path), "no training logs")


def test_a_damaged_file(tmp_path: Path) -> None:
    file = tmp_path / "events.out.tfevents.1.host"
    file.write_bytes(os.urandom(64) + b"\x00" * 100)
    one_line(run("analyze", tmp_path), "events.out.tfevents")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text("step,loss\n1,2\n")
    file.chmod(0)
    one_line(run("analyze", file), "log.csv")


def test_a_broken_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lrdoctor.toml").write_text('selct = ["LRD1"]\n')
    monkeypatch.chdir(tmp_path)
    one_line(run("analyze", HEALTHY), "lrdoctor.toml", "selct", "select")


def test_every_mistake_of_a_broken_rule_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = tmp_path / "my_rules"
    rules.mkdir()
    text = (Path(__file__).parents[1] / "rules" / "LRD504-rate-is-zero.toml").read_text(encoding="utf-8")
    text = text.replace("LRD504", "LRD804").replace("rate-is-zero", "my-zero")
    text = text.replace("{series}", "{serie}").replace('action = "say"', 'action = "sya"')
    (rules / "LRD804-my-zero.toml").write_text(text, encoding="utf-8")
    (tmp_path / "lrdoctor.toml").write_text('rules = ["my_rules"]\n')
    monkeypatch.chdir(tmp_path)
    done = run("analyze", HEALTHY)
    assert done.exit_code == 2
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert all("LRD804-my-zero.toml" in line for line in lines)
    assert any("did you mean 'series'" in line for line in lines)
    assert any("did you mean 'say'" in line for line in lines)


def test_an_unknown_format_names_the_known_ones() -> None:
    done = run("analyze", HEALTHY, "--format", "jsn")
    assert done.exit_code == 2
    assert "json" in done.stderr


def test_an_unknown_command_names_the_nearest() -> None:
    done = run("analyse", HEALTHY)
    assert done.exit_code == 2
    assert "analyze" in done.stderr


def test_a_bug_of_ours_is_one_line_and_exit_3(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("lrdoctor.doctor.analyze", broken)
    done = run("analyze", HEALTHY)
    assert done.exit_code == 3
    assert done.stderr.count("\n") == 1
    assert "ZeroDivisionError: oops" in done.stderr
    monkeypatch.setenv("LRDOCTOR_DEBUG", "1")
    assert isinstance(run("analyze", HEALTHY).exception, ZeroDivisionError)


def test_names_of_strangers_are_escaped_on_stderr(tmp_path: Path) -> None:
    done = run("analyze", tmp_path / "a\x1b[31m\nb")
    one_line(done, "\\x1b")


def test_logs_are_not_touched(tmp_path: Path) -> None:
    before = {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in SAMPLES.rglob("*")}
    run("analyze", SAMPLES)
    assert before == {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in SAMPLES.rglob("*")}


@pytest.mark.parametrize("rule", known_rules(Config()), ids=lambda rule: rule.id)
def test_every_rule_has_a_page(rule: Rule) -> None:
    page = run("explain", rule.id).stdout
    assert page.startswith(f"{rule.id} {rule.name} ({rule.severity}")
    for section in ("Why", "It speaks when", "References"):
        assert f"\n\n{section}" in page
    assert ("\n\nWhat to do" in page) is bool(rule.fix)
    assert ("\n\nWhere it is wrong" in page) is bool(rule.caveats)
    assert max(len(line) for line in page.splitlines()) <= 100


def test_a_page_says_what_is_measured() -> None:
    page = run("explain", "rate-too-low").stdout
    assert "  slow_convergence: The loss was still falling, steadily.\n" in page
    assert "    wander <= 1.1             Its path over its distance: 1 never turned.\n" in page
    assert "  1. Multiply the learning rate by 10.\n" in page


def test_a_page_is_as_wide_as_the_terminal() -> None:
    pty = pytest.importorskip("pty")
    script = "import sys; from lrdoctor.cli import main; main(['explain', 'LRD401'], standalone_mode=False)"
    code = f"import os; os.environ['COLUMNS'] = '60'; {script}"
    ours, theirs = pty.openpty()
    subprocess.run([sys.executable, "-c", code], stdout=theirs, check=True)
    os.close(theirs)
    lines = os.read(ours, 100_000).decode().splitlines()
    os.close(ours)
    assert 50 < max(len(line) for line in lines) <= 60
