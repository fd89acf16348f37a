from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from lrdoctor.model import Code, Report
from lrdoctor.reports._markup import code, code_in_cell, fenced, prose
from lrdoctor.reports.markdown import MOST_CHARACTERS

from .conftest import diverged, healthy, untellable
from .samples import gated, many, named, passed, written

READER = MarkdownIt("commonmark").enable("table")
OURS = {"<details>", "</details>"}


def tokens(text: str) -> Iterator[Token]:
    for token in READER.parse(text):
        yield token
        yield from token.children or ()


def words(text: str) -> str:
    """What a reader sees, without markup; lines by blocks."""
    shown = {"text", "code_inline", "fence", "code_block", "html_block"}
    return "\n".join("".join(t.content for t in (b.children or [b]) if t.type in shown) for b in READER.parse(text))


def test_a_fragment_that_stands_alone(report: Report) -> None:
    text = written("markdown", report)
    assert text.startswith("## lrdoctor: 1 of 4 runs unhealthy\n\n4 runs: 1 unhealthy, 1 cannot tell, 2 healthy;")
    seen = words(text)
    for said in (
        "early-divergence",
        "train/loss diverged from step 500, 17% into the run.",
        "explosion in train/loss, steps 400 to 3,000",
        "runs/lr0.3: unhealthy",
        "Cannot tell: no series plays the role train_loss: log the loss",
        "Why: A tenth of the rate at which the loss left its basin.",
        r"runs/core\x07: not a log: no parser knows it",
    ):
        assert said in seen, said
    assert "<summary>Try next: <code>peak_lr=0.03 (0.1x)" in text
    assert "<summary>2 healthy runs</summary>" in text


def test_the_table_has_each_run_once_worst_first_with_its_curve(report: Report) -> None:
    table, folded = (t for t in written("markdown", report).split("\n\n") if t.startswith("| run |"))
    first, second = table.splitlines()[2:]
    assert first.startswith("| `runs/lr0.3` | **unhealthy** | error LRD101 early-divergence | `")
    assert "×" in first
    assert first.endswith("| nan |")
    assert second.startswith("| `runs/empty` | cannot tell |")
    assert len(folded.splitlines()) == 2 + 2
    assert "█" in folded


def test_every_row_has_all_cells(report: Report) -> None:
    rows = [t for t in tokens(written("markdown", report)) if t.type == "tr_open"]
    cells = [t for t in tokens(written("markdown", report)) if t.type in ("td_open", "th_open")]
    assert len(cells) == 5 * len(rows) == 5 * 6


def test_details_open_and_close(report: Report) -> None:
    text = written("markdown", report)
    assert text.count("<details>") == text.count("</details>") == text.count("<summary>") == 2
    html = [t.content for t in tokens(text) if t.type in ("html_block", "html_inline")]
    assert all(block.startswith(("<details>\n<summary>", "</details>")) for block in html)


def test_code_is_fenced_and_cannot_end_early() -> None:
    told = diverged()
    assert told.prescription is not None
    text = "x = 1\n```\n# Not a heading\n"
    given_code = replace(told, prescription=replace(told.prescription, code=Code(framework="pytorch", text=text)))
    fences = [t for t in tokens(written("markdown", Report(runs=(given_code,), version="0"))) if t.type == "fence"]
    assert [(t.info, t.content) for t in fences] == [("python", text)]


def test_without_a_prescription_the_fixes_are_told() -> None:
    told = replace(diverged(), prescription=None)
    seen = words(written("markdown", Report(runs=(told,), version="0")))
    assert "to do: multiply the learning rate by 0.1" in seen
    assert "to do:" not in words(written("markdown", Report(runs=(diverged(),), version="0")))


def test_the_gate_says_what_fails_is_pardoned_and_is_gone() -> None:
    text = written("markdown", gated())
    assert "**gate failed for 3 reasons, 2 pardoned, 1 gone**" in text
    seen = words(text)
    for said in (
        "expired_waiver: the waiver of x is over",
        "gone: LRD301 of old on val/loss",
        "expectation: final loss 0.5, not 0.2",
        "(pardoned by the waiver: meant to)",
        "(pardoned by the baseline)",
    ):
        assert said in seen, said
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert [row.split(" | ")[:2] for row in rows] == [
        ["| `bad`", "**unhealthy, fails**"],
        ["| `slow`", "**healthy, fails**"],
        ["| `known`", "unhealthy, pardoned"],
        ["| `waived`", "unhealthy, pardoned"],
        ["| `runs/empty`", "cannot tell"],
    ]
    assert "**gate passed, 1 pardoned**" in written("markdown", passed())


def test_nothing_wrong_and_nothing_at_all() -> None:
    text = written("markdown", Report(runs=(healthy("a"), healthy("b")), version="0"))
    assert text.startswith("## lrdoctor: no run is unhealthy\n\n2 runs: 2 healthy\n\n<details>")
    assert written("markdown", Report(runs=(), version="0")) == "## lrdoctor: no runs\n\n0 runs\n"


@pytest.mark.parametrize("number", [100, 2000])
def test_as_long_as_github_takes_in_whole_blocks(number: int) -> None:
    text = written("markdown", many(number))
    assert MOST_CHARACTERS * 0.8 < len(text) <= MOST_CHARACTERS
    told = [block for block in text.split("\n\n") if "left out" in block]
    bad, details = number * 3 // 4, text.count("\n### ")
    assert f"{bad - details:,} runs left out below the table: too many for a comment." in told
    assert text.count("<details>") == text.count("</details>")
    assert text.count("\n### `sweep/run00000`") == 1


def test_a_name_of_wide_characters_counts_as_what_github_counts() -> None:
    runs = tuple(named("\U0001d54f" * 100 + str(index)) for index in range(400))
    text = written("markdown", Report(runs=runs, version="0"))
    assert len(text.encode("utf-16-le")) // 2 <= MOST_CHARACTERS


NASTY = (
    "<b>x</b>", "[a](http://evil.example)", "![a](x)", "**b**", "_b_", "`c`", "a|b", r"a\|b", "\\", "&lt;", "~~s~~",
    "<!-- x", "$x$", "[^1]", "| a |", "``", "a`", " a", "\n# h", "https://evil.example", "www.evil.example",
)  # fmt: skip


@pytest.mark.parametrize("text", NASTY)
def test_prose_and_code_say_what_they_were_given(text: str) -> None:
    shown = text.replace("\n", r"\x0a")
    assert words(f"x {prose(text)}").strip().replace("\u200b", "") == f"x {shown}".strip()
    assert words(f"x {code(text)}").strip() == f"x {shown}"
    cells = words(f"| a | b |\n|---|---|\n| {code_in_cell(text)} | {prose(text)} |").split("\n")
    assert shown in cells
    assert any(cell.replace("\u200b", "").strip() == shown.strip() for cell in cells)


@pytest.mark.parametrize(
    ("text", "parted"),
    [
        ("@octocat", "@\u200boctocat"),
        ("see #12", "see #\u200b12"),
        ("owner/repo#12", "owner/repo#\u200b12"),
        ("GH-12", "GH\u200b-12"),
        ("https://evil.example", "https:\u200b//evil.example"),
        ("www.evil.example", "www\u200b.evil.example"),
        ("a@evil.example", "a@\u200bevil.example"),
        ("step 5: all is well", "step 5: all is well"),
        ("WEIGH-12 and 3 @ 4", "WEIGH-12 and 3 @ 4"),
    ],
)
def test_prose_mentions_nobody_and_links_nowhere(text: str, parted: str) -> None:
    assert words(f"x {prose(text)}").strip() == f"x {parted}"


@given(st.text(st.characters(codec=None, exclude_categories=())))
@example("``` ` `")
@example("|\\")
def test_no_text_becomes_markup(text: str) -> None:
    table = f"| a |\n|---|\n| {code_in_cell(text)} {prose(text)} |"
    page = f"- **{prose(text)}**: {code(text)}\n\n{table}\n\n{fenced(text, '')}\n"
    page = page.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    allowed = {"text", "code_inline", "strong_open", "strong_close", "inline", "fence", "softbreak"}
    found = [t for t in tokens(page) if t.type not in allowed]
    plain_page = "- **a**: `a`\n\n| a |\n|---|\n| `a` a |\n\n```\na\n```\n"
    assert [t.type for t in found] == [t.type for t in tokens(plain_page) if t.type not in allowed]


def test_a_run_that_cannot_be_judged_needs_no_curve() -> None:
    assert "| `runs/empty` | cannot tell |  |  |  |" in written("markdown", Report(runs=(untellable(),), version="0"))
