from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO, StringIO, TextIOWrapper
from itertools import pairwise
from pathlib import Path
from typing import Any

import html5lib
import numpy as np
import pytest
from html5lib.constants import namespaces
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lrdoctor
from lrdoctor.config import Config
from lrdoctor.model import Code, Diagnosis, Expected, Incident, Problem, Report, Role, Run, Series, Severity, Verdict
from lrdoctor.reports import html
from lrdoctor.reports._page import MOST_FIGURES, MOST_RUNS

from .conftest import EARLY, HOSTILE, diverged, healthy, series, untellable
from .samples import gated, passed

SAMPLES = Path(__file__).parents[2] / "sample_logs"
EVIL = "</script></style></title></svg>'\"><img src=x onerror=alert(1)>\u202e\x1b[31m{{7*7}}&amp;"
XHTML = f"{{{namespaces['html']}}}"


def written(report: Report) -> str:
    out = StringIO()
    html.write(report, out)
    return out.getvalue()


def parsed(text: str) -> Any:
    """The page as a browser builds it; raises for anything that HTML's own grammar calls an error."""
    return html5lib.HTMLParser(strict=True).parse(text)


def elements(root: Any, tag: str, **attributes: str) -> Iterator[Any]:
    for element in root.iter(XHTML + tag):
        if all(element.get(name.rstrip("_")) == value for name, value in attributes.items()):
            yield element


def said(element: Any) -> str:
    return " ".join(" ".join(element.itertext()).split())


def evil() -> Report:
    """Everything that a log, a configuration or a rule may say, hostile."""
    told = diverged()
    assert told.prescription is not None
    loss = replace(told.run.series["train/loss"], tag=EVIL)
    found = replace(told.findings[0], series=EVIL)
    rule = replace(EARLY, id=EVIL, name=EVIL, what=EVIL, why=EVIL, caveats=EVIL, references=(EVIL,))
    run = replace(
        told.run,
        name=EVIL,
        path=Path(EVIL),
        format=EVIL,
        series={EVIL: loss, "lr": told.run.series["lr"]},
        roles={Role.TRAIN_LOSS: EVIL, Role.LR: "lr"},
        hparams={EVIL: EVIL},
        notes=(EVIL,),
        incidents=(Incident(path=EVIL, place=EVIL, kind=EVIL, dropped=1, message=EVIL),),
    )
    advice = replace(told.advice[0], rule=rule, message=EVIL, because=(found,))
    prescription = replace(
        told.prescription,
        reason=EVIL,
        schedule=EVIL,
        params={EVIL: EVIL},
        expected=Expected(metric=EVIL, value=0.1, low=0.0, high=0.2),
        code=Code(framework=EVIL, text=f"{EVIL}\n  {EVIL}"),
    )
    bad = replace(told, run=run, findings=(found,), advice=(advice,), prescription=prescription)
    fine = replace(healthy(EVIL + "2"), skipped=told.skipped)
    return Report(runs=(bad, fine), errors=(Problem(path=EVIL, message=EVIL),), version=EVIL)


def many(count: int) -> Report:
    """So many runs of two thousand noisy points in each of four series, most of them with something to say."""
    rng = np.random.default_rng(1)
    steps = np.arange(2000)

    def noisy(tag: str) -> Series:
        return Series(tag=tag, steps=steps, values=np.exp(rng.standard_normal(2000) * 0.1 - steps / 900))

    def one(i: int) -> Diagnosis:
        run = Run(
            name=f"sweep/run{i:04d}/metrics.csv",
            path=Path("x"),
            format="csv",
            series={tag: noisy(tag) for tag in ("train/loss", "val/loss", "lr", "norm")},
            roles={
                Role.TRAIN_LOSS: "train/loss",
                Role.VAL_LOSS: "val/loss",
                Role.LR: "lr",
                Role.GRAD_NORM: "norm",
            },
        )
        told = diverged()
        if i % 3 == 0:
            return Diagnosis(run=run, verdict=Verdict.HEALTHY)
        return replace(told, run=run, advice=told.advice * 3)

    return Report(runs=tuple(one(i) for i in range(count)), version="0.1.0")


@pytest.mark.parametrize("name", ["mixed", "gated", "passed", "empty", "one", "evil", "no curves"])
def test_the_page_is_valid(name: str, report: Report) -> None:
    reports = {
        "mixed": report,
        "gated": gated(),
        "passed": passed(),
        "empty": Report(runs=(), version="0"),
        "one": Report(runs=(diverged(),), version="0"),
        "evil": evil(),
        "no curves": Report(runs=(untellable(), untellable()), version="0"),
    }
    root = parsed(written(reports[name]))
    ids = Counter(element.get("id") for element in root.iter() if element.get("id"))
    assert {name: n for name, n in ids.items() if n > 1} == {}
    for element in root.iter():
        for attribute in ("aria-labelledby", "aria-describedby"):
            assert set((element.get(attribute) or "").split()) <= set(ids)
        if (element.get("href") or "").startswith("#"):
            assert element.get("href")[1:] in ids


def test_headings_are_in_order(report: Report) -> None:
    for page in (report, gated(), evil()):
        levels = [
            int(e.tag[-1])
            for e in parsed(written(page)).iter()
            if re.fullmatch(re.escape(XHTML) + "h[1-6]", str(e.tag))
        ]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_table_has_heads_with_a_scope(report: Report) -> None:
    root = parsed(written(report))
    assert list(elements(root, "table"))
    assert all(head.get("scope") in ("row", "col") for head in elements(root, "th"))


def test_what_strangers_wrote_is_text() -> None:
    text = written(evil())
    root = parsed(text)
    assert not list(elements(root, "img"))
    assert not [e for e in root.iter() if any(str(name).lower().startswith("on") for name in e.attrib)]
    assert [e.get("type") for e in elements(root, "script")] == ["application/json"] * 3 + [None, None]
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert "{{7*7}}" in text
    assert "49}}" not in text
    (title, *_) = elements(root, "h3")
    assert said(title).startswith("</script></style></title></svg>'\"><img src=x onerror=alert(1)>\\u202e\\x1b[31m")
    assert all(re.fullmatch(r"[a-z][a-z-]*[0-9]*(-[a-z]+)?", e.get("id")) for e in root.iter() if e.get("id"))


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=40))
def test_any_name_makes_a_valid_page(name: str) -> None:
    told = diverged()
    run = replace(told.run, name=name, hparams={name: name}, notes=(name,))
    text = written(Report(runs=(replace(told, run=run), healthy(HOSTILE)), version="0"))
    parsed(text)
    text.encode("utf-8")


def test_the_policy_allows_what_stands_in_the_page_and_nothing_else(report: Report) -> None:
    text = written(report)
    root = parsed(text)
    (policy,) = (m.get("content") for m in elements(root, "meta") if m.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in policy
    for kind, tag in (("style-src", "style"), ("script-src", "script")):
        blocks = [e.text for e in elements(root, tag) if e.get("type") is None]
        sums = [base64.b64encode(hashlib.sha256(block.encode()).digest()).decode() for block in blocks]
        assert rules[kind].split() == [f"'sha256-{each}'" for each in sums]
    assert not [e for e in root.iter() if e.get("style")]
    for element in root.iter():
        for attribute in ("src", "href", "action", "poster", "data", "srcset"):
            assert (element.get(attribute) or "#").startswith("#")


def test_says_what_is_wrong_worst_first(report: Report) -> None:
    root = parsed(written(report))
    (head,) = elements(root, "h1")
    assert said(head) == "1 of 4 runs needs attention"
    assert [said(e) for e in elements(root, "h3") if "run-name" in (e.get("class") or "")][:2] == [
        "runs/lr0.3",
        "runs/empty",
    ]
    text = said(root)
    assert "1 unhealthy 1 cannot tell 2 healthy" in text
    assert r"runs/core\x07 : not a log: no parser knows it" in text
    assert "LRD101 early-divergence 1" in text


@pytest.mark.parametrize(
    ("runs", "headline"),
    [
        ((), "No runs were found"),
        ((healthy("a"),), "The run is healthy"),
        ((diverged(),), "The run needs attention"),
        ((healthy("a"), healthy("b")), "All 2 runs are healthy"),
        ((healthy("a"), untellable()), "1 of 2 runs cannot be judged"),
        ((diverged(), diverged(), healthy("a")), "2 of 3 runs need attention"),
    ],
)
def test_headline(runs: tuple[Diagnosis, ...], headline: str) -> None:
    (head,) = elements(parsed(written(Report(runs=runs, version="0"))), "h1")
    assert said(head) == headline


def test_a_run_says_all_that_the_report_knows_of_it() -> None:
    text = said(parsed(written(Report(runs=(diverged(),), version="0"))))
    for part in (
        "train/loss diverged from step 500, 17% into the run.",
        "explosion in train/loss, steps 400 to 3,000",
        "onset_step 500",
        "To do: Look at the data of step 500.",
        "peak learning rate 0.03",
        "relative to this run 0.1 × 0.03 ×",
        "warm-up steps 150",
        "period_steps 12000",
        "clip gradient norm at 1",
        "Why: A tenth of the rate at which the loss left its basin. (clear evidence)",
        "Expect: val/loss 0.11 (90% band 0.09 to 0.16).",
        "crashed",
        "0 to 3,000 of 12,000",
        "optimizer adam",
        "lost 2: runs/lr0.3/e, byte 9301: bad sum",
        "note: restart at step 800: 40 points replaced",
        "not looked at: plateau, sharpness (no val_loss)",
        "About the log: 2 points lost, 3 notes, 2 not looked at",
    ):
        assert part in text


def test_rules_explain_themselves_and_are_linked() -> None:
    rule = replace(
        EARLY, why="First.\nStill first.\n\nSecond.", caveats="Not if it is short.", references=("A (2020)",)
    )
    told = diverged()
    root = parsed(written(Report(runs=(replace(told, advice=(replace(told.advice[0], rule=rule),)),), version="0")))
    (section,) = (e for e in elements(root, "section") if e.get("id") == "rule-0")
    assert [said(p) for p in elements(section, "p")] == [
        "The loss blew up early.",
        "First. Still first.",
        "Second.",
        "Not if it is short.",
    ]
    assert "A (2020)" in said(section)
    assert any(e.get("href") == "#rule-0" for e in elements(root, "a"))


def test_code_keeps_its_lines() -> None:
    told = diverged()
    assert told.prescription is not None
    code = Code(framework="pytorch", text="if lr < 3:\n    scheduler.step()\n")
    told = replace(told, prescription=replace(told.prescription, code=code))
    (pre,) = elements(parsed(written(Report(runs=(told,), version="0"))), "pre")
    assert pre.text == "if lr < 3:\n    scheduler.step()"


def test_the_gate() -> None:
    text = said(parsed(written(gated())))
    assert "The gate fails Advice fails it from error on." in text
    assert "error expectation in slow : final loss 0.5, not 0.2" in text
    assert "error expired_waiver: the waiver of x is over" in text
    assert "LRD101 in waived , train/loss, by the waiver: meant to" in text
    assert "LRD301 of old on val/loss" in text
    assert "The gate passes" in said(parsed(written(passed())))
    assert "The gate" not in written(Report(runs=(healthy("a"),), version="0"))
    unread = replace(passed(), errors=(Problem(path="b.csv", message="closed"),))
    assert "The gate cannot tell" in said(parsed(written(unread)))
    assert "The gate fails" in said(parsed(written(replace(gated(), errors=unread.errors))))


def test_the_numbers_of_a_figure_are_strict_json_and_the_curve_itself() -> None:
    root = parsed(written(Report(runs=(diverged(),), version="0")))
    (script,) = elements(root, "script", type="application/json")
    data = json.loads(script.text, parse_constant=lambda constant: pytest.fail(constant))
    assert data["x"] == [0, 3000]
    loss, rate = data["p"]
    assert (loss["log"], rate["log"]) == (True, False)
    assert np.cumsum(loss["l"][0]["x"]).tolist() == list(range(0, 3001, 100))
    assert loss["l"][0]["y"] == [2.5, 2.25, 2, 1.75, 2, 30, 900, *[None] * 24]
    assert loss["g"] == [[700, 3000, 24]]
    assert data["b"] == [[500, 3000, "error", True]]


def test_runs_are_compared_by_their_validation_loss_where_most_have_one() -> None:
    def with_validation(name: str) -> Diagnosis:
        told = healthy(name)
        run = replace(
            told.run,
            series={**told.run.series, "val": series("val", [3.0, 2.0, 1.0])},
            roles={**told.run.roles, Role.VAL_LOSS: "val"},
        )
        return replace(told, run=run)

    both = written(Report(runs=(with_validation("a"), with_validation("b"), healthy("c")), version="0"))
    assert 'data-metric="validation loss"' in both
    assert "1 has none." in both
    few = written(Report(runs=(with_validation("a"), healthy("b"), healthy("c")), version="0"))
    assert 'data-metric="training loss"' in few
    assert "Side by side" not in written(Report(runs=(healthy("a"), untellable()), version="0"))


def test_a_stream_that_knows_no_unicode_gets_the_same_page(report: Report) -> None:
    raw = BytesIO()
    out = TextIOWrapper(raw, encoding="latin-1")
    html.write(report, out)
    out.flush()
    text = raw.getvalue().decode("ascii")
    assert said(parsed(text)) == said(parsed(written(report)))


def test_same_bytes(report: Report) -> None:
    assert written(report) == written(report)
    real = lrdoctor.analyze(SAMPLES / "missing_warmup", SAMPLES / "diverged_to_nan", config=Config())
    again = lrdoctor.analyze(SAMPLES / "missing_warmup", SAMPLES / "diverged_to_nan", config=Config())
    assert written(real) == written(again)
    parsed(written(real))


def test_two_hundred_runs_fit_into_five_megabytes() -> None:
    text = written(many(200))
    assert text.count("<article") == 200
    assert text.count('class="fig"') == 201
    assert len(text.encode()) < 5_000_000


def test_of_very_many_runs_the_worst_have_figures_and_all_are_listed() -> None:
    runs = [healthy(f"run{i:04d}") for i in range(MOST_FIGURES + 20)]
    text = written(Report(runs=(*runs, replace(diverged(), run=replace(diverged().run, name="zzz"))), version="0"))
    assert text.count('class="fig"') == MOST_FIGURES + 1
    assert text.index(">zzz<") < text.index(">run0000<")
    assert "The last 21 runs are shown without curves" in text
    assert ">run0619<" in text


def test_thousands_of_runs_do_not_make_a_page_that_no_browser_opens() -> None:
    runs = [healthy(f"run{i:05d}") for i in range(MOST_RUNS + 7)]
    text = written(Report(runs=(*runs, replace(diverged(), run=replace(diverged().run, name="zzz"))), version="0"))
    assert text.count("<article") == MOST_RUNS
    assert ">zzz<" in text
    assert "8 more runs, none of them worse, are not on this page" in text
    assert f"1 of {MOST_RUNS + 8:,} runs needs attention" in text


def test_severity_is_said_and_not_only_coloured(report: Report) -> None:
    root = parsed(written(report))
    marks = [said(e) for e in elements(root, "span") if e.get("class") == "severity"]
    assert set(marks) == {str(Severity.ERROR), str(Severity.INFO)}
