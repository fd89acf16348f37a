"""`lrdoctor rules` and `lrdoctor explain`, from outside, on rules of our own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lrdoctor import doctor, plugins
from lrdoctor.cli import main
from lrdoctor.model import Finding

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def only_our_rules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kinds: Mapping[str, type[Finding]]) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setattr(doctor, "finding_kinds", lambda: kinds)
    monkeypatch.setattr(doctor, "rules_dir", lambda: tmp_path)
    monkeypatch.setattr(plugins, "names", lambda group: {"cosine": ""})


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_rules_are_listed(write: Write) -> None:
    write()
    write(("LRD101", "LRD202"), ("early-blow-up", "b"), ("error", "info"), name="LRD202-b.toml")
    result = run("rules")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "LRD101  error    early-blow-up  The loss blew up early.",
        "LRD202  info     b              The loss blew up early.",
    ]


def test_rules_are_listed_as_json(write: Write) -> None:
    write()
    listed = {"id": "LRD101", "name": "early-blow-up", "severity": "error", "what": "The loss blew up early."}
    assert json.loads(run("rules", "--format", "json").stdout) == {"schema_version": 1, "rules": [listed]}


def test_further_folders_and_those_of_the_configuration_count(write: Write) -> None:
    text = (write() / "LRD101-early-blow-up.toml").read_text()
    for rule, name in (("LRD800", "a"), ("LRD801", "b")):
        Path(rule).mkdir()
        changed = text.replace("LRD101", rule).replace("early-blow-up", name)
        Path(rule, f"{rule}-{name}.toml").write_text(changed)
    Path("lrdoctor.toml").write_text('rules = ["LRD800"]')
    listed = run("rules", "--rules", "LRD801").stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["LRD101", "LRD800", "LRD801"]


def test_examples_are_run(write: Write) -> None:
    write()
    result = run("rules", "--test")
    assert result.exit_code == 0
    assert result.stdout == "1 rules, 2 examples, 0 failed\n"


def test_a_failing_example_is_named(write: Write) -> None:
    write(("peak_ratio = 30.0", "peak_ratio = 1.0"))
    result = run("rules", "--test")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "LRD101 early-blow-up: blows up at once: must fire, did not fire",
        "1 rules, 2 examples, 1 failed",
    ]
    examples = json.loads(run("rules", "--test", "--format", "json").stdout)["examples"]
    assert examples[0] == {"rule": "LRD101", "title": "blows up at once", "must_fire": True, "fired": False}


def test_a_broken_rule_file_is_explained(write: Write) -> None:
    write(("what =", "wat ="))
    result = run("rules")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "lrdoctor: LRD101-early-blow-up.toml: unknown key 'wat'; did you mean 'what'?",
        "lrdoctor: LRD101-early-blow-up.toml: missing key 'what'",
    ]


@pytest.mark.parametrize("wanted", ["LRD101", "lrd101", "early-blow-up", "Early-Blow-Up"])
def test_a_rule_is_explained(write: Write, wanted: str) -> None:
    write()
    result = run("explain", wanted)
    assert result.exit_code == 0
    assert (
        result.stdout
        == """\
LRD101 early-blow-up (error)
The loss blew up early.

Why
  A rate above the stability limit amplifies every step.

It speaks when all of these hold
  blow_up: The loss rose far above its first value.
    onset_fraction <= 0.1  How far into the run it began.
    peak_ratio >= 3        Highest loss over the first.
  schedule
    shape is one of constant, cosine

Unless
  blow_up: The loss rose far above its first value.
    recovered = true

What to do, best first
  1. Multiply the peak learning rate: factor = stable_factor, as measured in the run.
  2. Use a cosine schedule down to 0% of the peak.

References
  A. Author, A Paper, 2020
"""
    )


def test_a_rule_is_explained_as_json(write: Write) -> None:
    write()
    told = json.loads(run("explain", "LRD101", "--format", "json").stdout)
    assert told["id"] == "LRD101"
    assert told["unless"] == ["blow_up: recovered = true"]
    assert told["fix"] == ["scale_lr: factor = stable_factor", "use_schedule: schedule = cosine"]
    assert told["to_do"][1] == "Use a cosine schedule down to 0% of the peak."
    assert told["meanings"] == {
        "blow_up.onset_fraction": "How far into the run it began.",
        "blow_up.peak_ratio": "Highest loss over the first.",
    }


def test_an_explanation_says_which_words_of_others_silence_it(write: Write) -> None:
    write(('severity = "error"', 'severity = "info"\nalone = true\nverdict = "cannot_tell"'))
    page = run("explain", "LRD101").stdout
    assert page.startswith("LRD101 early-blow-up (info, withholds judgement)\n")
    assert "Unless one of these holds" in page
    assert "  A warning or an error speaks of the same run.\n" in page


def test_an_explanation_is_wrapped_and_keeps_its_paragraphs(write: Write) -> None:
    write(('why = "A rate above', 'why = "' + "word " * 40 + r"\n\nA rate above"))
    page = run("explain", "LRD101").stdout
    assert max(len(line) for line in page.splitlines()) <= 100
    assert "\n\n  A rate above the stability limit amplifies every step.\n" in page


@pytest.mark.parametrize(
    ("wanted", "near"), [("lrd110", "LRD101"), ("early-blowup", "early-blow-up"), ("bogus", "early-blow-up")]
)
def test_an_unknown_rule_gets_the_nearest(write: Write, wanted: str, near: str) -> None:
    write()
    result = run("explain", wanted)
    assert result.exit_code == 2
    assert result.stderr == f"lrdoctor: unknown rule {wanted!r}; did you mean {near!r}?\n"


def test_a_strangers_text_cannot_steer_the_terminal(write: Write) -> None:
    write(("The loss blew up early.", r"red \u001b[31m \u202e"), ("A rate above", r"a\rb"), ("A. Author", r"\u0007"))
    for arguments in (["rules"], ["explain", "LRD101"]):
        text = run(*arguments).stdout
        assert r"red \x1b[31m \u202e" in text
        assert not any(c in text for c in "\x1b\r\x07\u202e")
