"""Every report format, ours and those of installed extensions, on what strangers may have written into their logs.

Each output is read by a program that is not ours, and nothing that a stranger wrote is markup, a script, a formula, a
command or a link in it. A format that is not known here must at least be text without control characters.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import html5lib
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from markdown_it import MarkdownIt

from lrdoctor import plugins
from lrdoctor.model import (
    Advice,
    Code,
    Diagnosis,
    Expected,
    Failure,
    Gate,
    Incident,
    Pardon,
    Prior,
    Problem,
    Report,
    Role,
    RuleInfo,
    Say,
    Severity,
    Skipped,
    Verdict,
)

from . import test_gitlab, test_json, test_junit, test_sarif
from .conftest import diverged
from .runner import command
from .samples import gated, written

FORMATS = sorted(plugins.names("reports"))
HOSTILE = (
    # Markup
    "<script>alert(1)</script>", "</script><script>alert(1)</script>", "<probe-x onclick=alert(1)>", "'><probe-x>",
    "\"><img src=x onerror=alert(1)>", "<!--", "-->", "]]>", "<![CDATA[", "&lt;probe-x&gt;", "&#60;probe-x>",
    "</title><probe-x>", "</svg><probe-x>", "</summary></details><probe-x>", "javascript:alert(1)",
    "[red]x[/red]", "[/",
    "[a](https://evil.example)", "![a](https://evil.example/x.png)", "<https://evil.example>", "https://evil.example",
    "www.evil.example", "@octocat", "fixes #123", "GH-123", "a|b|c", "a\\|b", "`a`", "a\n```\nb", "**b**",
    "# b", "\n# b", "- b", "| a |\n|---|", "$x$", "{{7*7}}", "{% if %}", "{0}{{x}}",
    # Terminals
    "\x1b[31mred\x1b[0m", "\x1b]0;owned\x07", "\x07", "\x9b2J", "\x00", "a\rb", "a\x85b\u2028c\u2029d", "\u202egpj.exe",
    "\u2066a\u2069", "\u200fa",
    # Build servers
    "\n::error::owned", "::error::owned", "  ::set-output name=a::b", "\u200b::error::owned", ":\u200b:error::owned",
    "\r::stop-commands::x", "##vso[task.setvariable variable=a]b", "a ##[error]owned", "a #\u200b#[error]owned",
    "\n##[group]x", "%0A::error::owned", "a,title=b",
    # Spreadsheets
    "=1+1", "+1", "-1+cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\n=1", "＝1", "\"a\",'b'", "a\"b",
    # What is no good text, and what is
    "\udc80", "\ud800x", "\ufffe\uffff", "x" * 10000, "ж" * 10000, "../../etc/passwd", "C:\\x", "{\"a\": 1}", " ",
    "学习率",
)  # fmt: skip
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def hostile(text: str) -> Report:
    """A report in which everything that comes from a log or a configuration is this text."""
    told = diverged()
    found = replace(told.findings[0], series=text)
    rule = RuleInfo(
        id="LRD666", name="custom", severity=Severity.ERROR, what=text, why=text, caveats=text, references=(text,)
    )
    advice = Advice(rule=rule, message=text, because=(found,), fixes=(Say(text=text),), confidence=0.9)
    assert told.prescription is not None
    expected = Expected(metric=text, value=0.1, low=0.0, high=0.2)
    prescription = replace(
        told.prescription,
        params={text: text},
        reason=text,
        expected=expected,
        priors=(Prior(what=text, low=0.1, high=0.2, source=text),),
        code=Code(framework="pytorch", text=text),
    )
    loss = replace(told.run.series["train/loss"], tag=text)
    run = replace(
        told.run,
        path=Path("runs") / text.replace("\0", "0"),
        series={text: loss},
        roles={Role.TRAIN_LOSS: text},
        hparams={text: text, "optimizer": text},
        notes=(text,),
        incidents=(Incident(path=text, place=text, kind="x", dropped=1, message=text),),
    )
    bad = replace(
        told,
        run=replace(run, name=text),
        findings=(found,),
        advice=(advice,),
        prescription=prescription,
        forecast=expected,
    )
    skipped = (Skipped(what=text, reason=text),)
    return Report(
        runs=(
            bad,
            Diagnosis(run=replace(run, name=text + "?"), verdict=Verdict.CANNOT_TELL, skipped=skipped),
            Diagnosis(run=replace(run, name=text + "!"), verdict=Verdict.HEALTHY, skipped=skipped, forecast=expected),
        ),
        errors=(Problem(path=text, message=text),),
        rules=(rule,),
        version="0.1.0",
    )


def judged_hostile(text: str) -> Report:
    """The same behind a gate."""
    report = hostile(text)
    gate = Gate(
        fail_on=Severity.ERROR,
        failures=tuple(
            Failure(run=name, what="expectation", severity=Severity.ERROR, message=text)
            for name in ("", text + "!", text + "x")
        ),
        pardons=(Pardon(run=text, rule="LRD666", series=text, by="waiver", reason=text),),
        gone=(text,),
    )
    return replace(report, gate=gate)


# What is read by somebody else's program


def read_json(text: str) -> None:
    Draft202012Validator(test_json.SCHEMA).validate(json.loads(text, parse_constant=test_json.refuse))


def read_jsonl(text: str) -> None:
    *runs, last = [json.loads(line, parse_constant=test_json.refuse) for line in text.split("\n")[:-1]]
    Draft202012Validator(test_json.SCHEMA).validate({**last, "runs": runs})


def read_gitlab(text: str) -> None:
    Draft202012Validator(test_gitlab.SCHEMA).validate(json.loads(text, parse_constant=test_json.refuse))


def read_sarif(text: str) -> None:
    document = json.loads(text, parse_constant=test_json.refuse)
    test_sarif.VALIDATOR.validate(document)
    for result in document["runs"][0]["results"]:
        assert "](" not in result["message"]["text"].replace(r"\](", "")
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"[A-Za-z0-9._~/%:-]+", uri)


def read_junit(text: str) -> None:
    test_junit.SCHEMA.validate(text)


def read_csv(text: str) -> None:
    for row in csv.DictReader(io.StringIO(text, newline=""), strict=True):
        assert None not in row
        for column, cell in row.items():
            number = re.fullmatch(r"-?(\d+(\.\d+)?(e[-+]\d+)?|inf)|nan|", cell)
            assert number or not cell.lstrip().startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")), (
                column
            )


def read_markdown(text: str) -> None:
    for block in MarkdownIt("commonmark").enable("table").parse(text):
        if block.type == "html_block":
            opening = r"<details>\n<summary>[^<>]*(<code>[^<>]*</code>)?</summary>\n?"
            assert re.fullmatch(rf"{opening}|</details>\n?", block.content), block.content
        for token in block.children or ():
            assert token.type not in ("link_open", "image", "html_inline", "em_open", "s_open"), token
            if token.type == "text":
                assert not re.search(r"(?i)[@#]\w|\bGH-\d|://|www\.\w", token.content), token.content


def read_html(text: str) -> None:
    page = html5lib.parse(text, namespaceHTMLElements=False)
    for element in page.iter():
        # The tag of a comment is a function.
        assert "probe" not in str(element.tag)
        for name, value in element.attrib.items():
            assert not str(name).lower().startswith("on"), (element.tag, name)
            assert not (
                name in ("href", "src", "action")
                and re.match(r"(?i)\s*(javascript|data|https?):.*evil|\s*javascript:", value)
            )
        if element.tag == "script" and element.get("type", "") in ("", "module", "text/javascript"):
            assert "alert(1)" not in (element.text or "")


def read_lines(text: str) -> None:
    assert "\r" not in text
    assert "\t" not in text


def read_anything(text: str) -> None:
    assert text.endswith("\n")


READERS: dict[str, Callable[[str], None]] = {
    "concise": read_lines,
    "csv": read_csv,
    "full": read_lines,
    "github": read_lines,
    "gitlab": read_gitlab,
    "html": read_html,
    "json": read_json,
    "jsonl": read_jsonl,
    "junit": read_junit,
    "markdown": read_markdown,
    "sarif": read_sarif,
    "text": read_lines,
}


def check(form: str, text: str) -> None:
    text.encode("utf-8")
    assert not CONTROL.search(text), repr(CONTROL.search(text))
    READERS.get(form, read_anything)(text)
    # Any of them may be printed on the log of a CI server, but a page for a browser.
    if form == "html":
        return
    for line in re.split(r"[\r\n]", text):
        found = command(line)
        if form == "github" and found is not None:
            assert found.name in ("error", "warning", "notice")
            assert line.startswith(f"::{found.name} title=")
            assert set(found.properties) <= {"title", "file"}
        else:
            assert found is None, line


def all_of(reports: list[Report]) -> Report:
    """One report with the runs of all."""
    gates = [report.gate for report in reports if report.gate]
    return Report(
        runs=tuple(run for report in reports for run in report.runs),
        errors=tuple(error for report in reports for error in report.errors),
        rules=reports[0].rules,
        version="0.1.0",
        gate=Gate(
            fail_on=Severity.ERROR,
            failures=tuple(failure for gate in gates for failure in gate.failures),
            pardons=tuple(pardon for gate in gates for pardon in gate.pardons),
            gone=tuple(gone for gate in gates for gone in gate.gone),
        )
        if gates
        else None,
    )


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("made", [hostile, judged_hostile])
def test_nothing_hostile_is_alive(form: str, made: Callable[[str], Report]) -> None:
    check(form, written(form, all_of([made(text) for text in HOSTILE])))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("text", ["::error::owned", "##vso[x]y", "</script><probe-x>", "=1", "\ud800"])
def test_nothing_hostile_is_alive_where_it_stands_alone(form: str, text: str) -> None:
    check(form, written(form, judged_hostile(text)))
    check(form, written(form, hostile(text)))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=40))
def test_nothing_at_all_is_alive(text: str) -> None:
    for form in FORMATS:
        check(form, written(form, judged_hostile(text)))


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_report_has_the_same_bytes(form: str) -> None:
    assert written(form, gated()) == written(form, gated())


@pytest.mark.parametrize("form", FORMATS)
def test_a_report_without_runs(form: str) -> None:
    for gate in (None, Gate(fail_on=None)):
        check(form, written(form, Report(runs=(), version="0.1.0", gate=gate)))


@pytest.mark.parametrize("form", FORMATS)
def test_a_suffix(form: str) -> None:
    assert re.fullmatch(r"\.[a-z]+", plugins.writer(form).SUFFIX)


def test_the_checks_see_what_they_look_for() -> None:
    for form, text in (
        ("text", "::error::x\n"),
        ("text", "a ##vso[x]y\n"),
        ("text", "a\x1b[31m\n"),
        ("csv", "name\r\n=1+1\r\n"),
        ("markdown", "[a](https://evil.example)\n"),
        ("markdown", "<b>x</b>\n"),
        ("markdown", "thanks @octocat\n"),
        ("html", "<p><probe-x></p>"),
        ("html", "<p onclick='a'></p>"),
        ("html", "<script>alert(1)</script>"),
        ("json", '{"runs": NaN}'),
        ("github", "::add-mask::x\n"),
    ):
        with pytest.raises(Exception):  # noqa: B017, PT011
            check(form, text)
