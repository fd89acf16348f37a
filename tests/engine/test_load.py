"""A rule file that is right loads; each kind of mistake is named in a line of its own, and all of them at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrdoctor.engine.check import check
from lrdoctor.engine.load import load_rules, rules_dir
from lrdoctor.engine.rule import Bound, Clause, Example, Rule
from lrdoctor.errors import RuleError
from lrdoctor.model import Finding, Severity
from lrdoctor.tables import typed

Kinds = Mapping[str, type[Finding]]
Write = Callable[..., Path]
SCHEDULES = ("cosine", "constant")
NAMES = "confidence, first_step, last_step, onset_fraction, onset_step, peak_ratio, recovered, series, stable_factor"
OF_SCHEDULE = ", ".join(f"schedule.{name}" for name in ("confidence", "first_step", "last_step", "peak_lr", "series"))
ALL_NAMES = NAMES.replace("series", f"{OF_SCHEDULE}, schedule.shape, series")


def load(folder: Path, kinds: Kinds) -> tuple[Rule, ...]:
    return load_rules([folder], kinds, SCHEDULES)


def mistakes(folder: Path, kinds: Kinds) -> list[str]:
    with pytest.raises(RuleError) as caught:
        load(folder, kinds)
    return list(caught.value.problems)


def test_reads_every_section(write: Write, kinds: Kinds) -> None:
    (rule,) = load(write(), kinds)
    assert (rule.id, rule.name, rule.severity) == ("LRD101", "early-blow-up", Severity.ERROR)
    assert rule.when[0] == Clause(finding="blow_up", where={"onset_fraction": Bound(le=0.1), "peak_ratio": Bound(ge=3)})
    assert rule.when[1].where["shape"] == Bound(one_of=("constant", "cosine"))
    assert rule.unless == (Clause(finding="blow_up", where={"recovered": Bound(eq=True)}),)
    assert rule.fix[0] == {"action": "scale_lr", "factor": "stable_factor"}
    assert [example.fires for example in rule.example] == [True, False]
    assert not rule.info.withholds


def test_may_withhold_judgement(write: Write, kinds: Kinds) -> None:
    (rule,) = load(write(('severity = "error"', 'severity = "info"\nverdict = "cannot_tell"')), kinds)
    assert rule.info.withholds


def test_sorts_by_id(write: Write, kinds: Kinds) -> None:
    write()
    folder = write(("LRD101", "LRD009"), ("early-blow-up", "a"), name="LRD009-a.toml")
    assert [rule.id for rule in load(folder, kinds)] == ["LRD009", "LRD101"]


def test_ignores_other_files(write: Write, kinds: Kinds) -> None:
    folder = write()
    (folder / "README.md").write_text("not a rule")
    assert len(load(folder, kinds)) == 1


def line(write: Write, kinds: Kinds, old: str, new: str, path: str) -> str:
    """The one mistake at this path of the file in which `new` replaces `old`."""
    start = f"LRD101-early-blow-up.toml: {path}: "
    (found,) = (m for m in mistakes(write((old, new)), kinds) if m.startswith(start))
    return found.removeprefix(start)


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("severity =", "severty =", "unknown key 'severty'; did you mean 'severity'?"),
        ("severity =", "severty =", "missing key 'severity'"),
        ('"error"', '"fatal"', "severity: should be 'info', 'warning' or 'error', not 'fatal'"),
        ('what = "The loss blew up early."', "what = 3", "what: should be a string, not 3"),
        ("The loss blew up early.", " ", "what: is empty"),
        ('"early-blow-up"', "2020-01-01", "name: should be a string, not datetime.date(2020, 1, 1)"),
        ("early-blow-up", "Early blow-up", "name: 'Early blow-up' is not lower-case words joined by hyphens"),
        ("LRD101", "LRD1O1", "id: 'LRD1O1' is not LRD and three digits"),
        ("LRD101", "LRD١٠١", "id: 'LRD١٠١' is not LRD and three digits"),
        ("LRD101", "LRD102", "the file should be called 'LRD102-early-blow-up.toml'"),
        ('["A. Author, A Paper, 2020"]', "[]", "references: needs at least one source"),
        ('"error"', '"error"\nverdict = "cannot_tell"', "verdict: 'cannot_tell' needs severity 'info'"),
        ('"error"', '"warning"\nalone = true', "alone: needs severity 'info'"),
        ('"error"', '"error"\ninstead = true', "instead: needs severity 'info'"),
        ('"error"', '"info"\nverdict = "healthy"', "verdict: should be 'cannot_tell', not 'healthy'"),
        ("finding = ", "fnding = ", "when.0: unknown key 'fnding'; did you mean 'finding'?"),
        ("finding = ", "fnding = ", "when.0: missing key 'finding'"),
        ('["A. Author, A Paper, 2020"]', '"A paper"', "references: should be a list, not 'A paper'"),
        ('"blow_up"', '"blowup"', "when.0.finding: unknown finding 'blowup'; did you mean 'blow_up'?"),
        ('"blow_up"', '"x"', "when.0.finding: unknown finding 'x'; known: blow_up, schedule"),
        ("peak_ratio =", "peek_ratio =", "when.0.where: unknown name 'peek_ratio'; did you mean 'peak_ratio'?"),
        ("recovered =", "qqq =", f"unless.0.where: unknown name 'qqq'; known: {NAMES}"),
    ],
)  # fmt: skip
def test_mistakes_of_shape_and_head(write: Write, kinds: Kinds, old: str, new: str, mistake: str) -> None:
    assert f"LRD101-early-blow-up.toml: {mistake}" in mistakes(write((old, new)), kinds)


def test_needs_a_clause(write: Write, kinds: Kinds, tmp_path: Path) -> None:
    text = (write() / "LRD101-early-blow-up.toml").read_text()
    head, rest = text.split("[[when]]", 1)
    (tmp_path / "LRD101-early-blow-up.toml").write_text(f"{head}when = []\n[[unless]]{rest.split('[[unless]]')[1]}")
    assert mistakes(tmp_path, kinds) == ["LRD101-early-blow-up.toml: when: needs at least one clause"]


@pytest.mark.parametrize(
    ("new", "mistake"),
    [
        ("{ max = 0.1 }", "unknown key 'max'; known: eq, ge, gt, known, le, lt, one_of"),
        ("{ le_ = 0.1 }", "unknown key 'le_'; did you mean 'le'?"),
        ("{ le = nan }", "'le' should be a finite number, not nan"),
        ("{ le = inf }", "'le' should be a finite number, not inf"),
        ('{ eq = "0.1" }', "'eq' should be a number, not '0.1'"),
        ("{ eq = true }", "'eq' should be a number, not True"),
        ("{ one_of = [1, 'a'] }", "'one_of' should be a number, not 'a'"),
        ("{}", "bounds nothing"),
        ("{ one_of = [] }", "bounds nothing"),
        ("0.1", "should be a table, not 0.1"),
        ("{ le = 0.1, known = false }", "'known = false' goes with no other bound"),
    ],
)
def test_mistakes_of_bounds(write: Write, kinds: Kinds, new: str, mistake: str) -> None:
    assert line(write, kinds, "{ le = 0.1 }", new, "when.0.where.onset_fraction") == mistake


@pytest.mark.parametrize(
    ("new", "path", "mistake"),
    [
        ('le = "0.1"', "le", "should be a number, not '0.1'"),
        ("le = true", "le", "should be a number, not True"),
        ("known = 1", "known", "should be a truth value, not 1"),
        ("eq = [0]", "eq", "should be a truth value or a whole number or a number or a string, not [0]"),
    ],
)
def test_mistakes_of_limits(write: Write, kinds: Kinds, new: str, path: str, mistake: str) -> None:
    assert line(write, kinds, "le = 0.1", new, f"when.0.where.onset_fraction.{path}") == mistake


@pytest.mark.parametrize(
    ("old", "new", "path", "mistake"),
    [
        ("eq = true", "ge = 1", "unless.0.where.recovered", "'ge' compares numbers, but this is true or false"),
        ("eq = true", "eq = 1", "unless.0.where.recovered", "'eq' should be true or false, not 1"),
        ('one_of = ["constant", "cosine"]', "gt = 1", "when.1.where.shape", "'gt' compares numbers, but this is text"),
        ('one_of = ["constant", "cosine"]', "eq = 1", "when.1.where.shape", "'eq' should be text, not 1"),
    ],
)
def test_bounds_must_suit_the_evidence(write: Write, kinds: Kinds, old: str, new: str, path: str, mistake: str) -> None:
    assert line(write, kinds, old, new, path) == mistake


@pytest.mark.parametrize(
    ("new", "mistake"),
    [
        ("{seris}", "unknown name 'seris'; did you mean 'series'?"),
        ("{series.__class__}", f"unknown name 'series.__class__'; known: {ALL_NAMES}"),
        ("{schedule.shpe}", "unknown name 'schedule.shpe'; did you mean 'schedule.shape'?"),
        ("{series[0]}", "unknown name 'series[0]'; did you mean 'series'?"),
        ("{}", f"unknown name ''; known: {ALL_NAMES}"),
        ("{series!r}", "{series!r}: conversions are not allowed"),
        ("{series:.2f}", "'series' is text and cannot be printed as '.2f'"),
        ("{recovered:d}", "'recovered' is true or false and cannot be printed as 'd'"),
        ("{peak_ratio:d}", "'peak_ratio' is a number and cannot be printed as 'd'"),
        ("{onset_step:.2}", "'onset_step' is a number and cannot be printed as '.2'"),
        ("{peak_ratio:9999999f}", "'peak_ratio' is a number and cannot be printed as '9999999f'"),
        ("{peak_ratio:{series}}", "'peak_ratio' is a number and cannot be printed as '{series}'"),
        ("{series", "unexpected '{' in field name"),
        ("}", "Single '}' encountered in format string"),
    ],
)
def test_mistakes_of_messages(write: Write, kinds: Kinds, new: str, mistake: str) -> None:
    assert line(write, kinds, "{series} blew up", new, "message") == mistake


@pytest.mark.parametrize(
    ("new", "mistake"),
    [
        ('factor = "stable_factor"', "fix.0: missing key 'action'"),
        ('action = "scale_rl"', "fix.0.action: unknown action 'scale_rl'; did you mean 'scale_lr'?"),
        ('action = "scale_lr"', "fix.0: missing parameter 'factor'"),
        ('action = "say"\ntext = ""\ntxt = ""', "fix.0: unknown parameter 'txt'; did you mean 'text'?"),
        ('action = "scale_lr"\nfactor = "series"', "fix.0.factor: 'series' is text, not a number"),
        ('action = "scale_lr"\nfactor = "step"', "fix.0.factor: unknown name 'step'; did you mean 'last_step'?"),
        ('action = "scale_lr"\nfactor = true', "fix.0.factor: should be a number or the name of one, not True"),
        ('action = "scale_lr"\nfactor = 0', "fix.0.factor: should be > 0, not 0"),
        ('action = "scale_lr"\nfactor = nan', "fix.0.factor: should be > 0, not nan"),
        ('action = "scale_lr"\nfactor = inf', "fix.0.factor: should be > 0, not inf"),
        ('action = "add_warmup"\nfraction = 1', "fix.0.fraction: should be < 1 and > 0, not 1"),
        ('action = "clip_grad"\nmax_norm = -1', "fix.0.max_norm: should be > 0, not -1"),
        ('action = "say"\ntext = 3', "fix.0.text: should be text, not 3"),
        ('action = "use_schedule"\nschedule = "x"', "fix.0.schedule: unknown schedule 'x'; known: constant, cosine"),
    ],
)  # fmt: skip
def test_mistakes_of_fixes(write: Write, kinds: Kinds, new: str, mistake: str) -> None:
    folder = write(('action = "scale_lr"\nfactor = "stable_factor"', new))
    assert mistakes(folder, kinds) == [f"LRD101-early-blow-up.toml: {mistake}"]


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("fires = true", "fires = false", "example: needs one that fires"),
        ("fires = false", "fires = true", "example: needs one that does not fire"),
        ("fires = true", "fires = 1", "example.0.fires: should be a truth value, not 1"),
        ("fires = true", "fire = true", "example.0: unknown key 'fire'; did you mean 'fires'?"),
        ('{ kind = "blow_up", ', "{ ", "example.0.findings.0: missing key 'kind'"),
        ('kind = "schedule"', 'kind = "x"', "example.0.findings.1.kind: unknown finding 'x'; known: blow_up, schedule"),
        ("peak_ratio = 30.0", "onset = 1", "example.0.findings.0: unknown name 'onset'; did you mean 'onset_step'?"),
        ("peak_ratio = 30.0", "peak_ratio = true", "example.0.findings.0.peak_ratio: should be a number, not True"),
        ("peak_ratio = 30.0", 'recovered = "no"', "example.0.findings.0.recovered: should be true or false, not 'no'"),
        ('shape = "constant"', "peak_lr = -1", "example.0.findings.1: a rate is not negative"),
    ],
)  # fmt: skip
def test_mistakes_of_examples(write: Write, kinds: Kinds, old: str, new: str, mistake: str) -> None:
    assert f"LRD101-early-blow-up.toml: {mistake}" in mistakes(write((old, new)), kinds)


def test_names_all_mistakes_of_all_files_at_once(write: Write, kinds: Kinds) -> None:
    write(("what =", "wat ="), ("onset_fraction =", "onset_fracton ="), ("ge = 3", 'ge = "3"'))
    folder = write(('"LRD101"', '"LRD102"'), ("early-blow-up", "b"), ("eq = true", "eq = 1"), name="LRD102-b.toml")
    (folder / "LRD103-c.toml").write_text('id = "LRD103\n')
    assert mistakes(folder, kinds) == [
        "LRD101-early-blow-up.toml: unknown key 'wat'; did you mean 'what'?",
        "LRD101-early-blow-up.toml: missing key 'what'",
        "LRD101-early-blow-up.toml: when.0.where.peak_ratio.ge: should be a number, not '3'",
        "LRD101-early-blow-up.toml: when.0.where: unknown name 'onset_fracton'; did you mean 'onset_fraction'?",
        "LRD102-b.toml: unless.0.where.recovered: 'eq' should be true or false, not 1",
        "LRD103-c.toml: is not TOML: Illegal character '\\n' (at line 1, column 13)",
    ]


def test_every_missing_key_has_its_line(write: Write, kinds: Kinds) -> None:
    folder = write(('name = "early-blow-up"', ""), ("severity =", "caveats ="))
    assert mistakes(folder, kinds) == [
        "LRD101-early-blow-up.toml: missing key 'name'",
        "LRD101-early-blow-up.toml: missing key 'severity'",
    ]


def test_ids_and_names_are_taken_once(write: Write, kinds: Kinds) -> None:
    write()
    folder = write(("early-blow-up", "b"), name="LRD101-b.toml")
    folder = write(("LRD101", "LRD102"), name="LRD102-early-blow-up.toml")
    assert mistakes(folder, kinds) == [
        "LRD101-early-blow-up.toml: id: 'LRD101' is taken by LRD101-b.toml",
        "LRD102-early-blow-up.toml: name: 'early-blow-up' is taken by LRD101-early-blow-up.toml",
    ]


def test_one_rule_in_two_folders_is_a_mistake(write: Write, kinds: Kinds, tmp_path: Path) -> None:
    folder = write()
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "LRD101-early-blow-up.toml").write_bytes((folder / "LRD101-early-blow-up.toml").read_bytes())
    with pytest.raises(RuleError, match="id: 'LRD101' is taken by LRD101-early"):
        load_rules([folder, copy], kinds, SCHEDULES)
    assert len(load_rules([folder, folder], kinds, SCHEDULES)) == 1


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"\n\nid : 3", "is not TOML: Expected '=' after a key in a key/value pair (at line 3, column 4)"),
        (b"id = 1\nid = 2\n", "is not TOML: Cannot overwrite a value (at line 2, column 7)"),
        (b"id = '\xff'", "is not UTF-8 at byte 6"),
        (b"#" + b"." * 501, "has a line of more than 500 dots"),
        (b"#\n" * (1 << 20), "is larger than 1048576 bytes"),
        (b"x = " + b"[" * 5000, "is nested too deeply"),
        (b"[a" + b".a" * 500 + b"]\na" + b".a" * 500 + b" = 1", "is nested too deeply"),
    ],
)
def test_refuses_what_cannot_be_read(tmp_path: Path, kinds: Kinds, content: bytes, line: str) -> None:
    (tmp_path / "LRD101-x.toml").write_bytes(content)
    assert mistakes(tmp_path, kinds)[0] == f"LRD101-x.toml: {line}"


def test_refuses_what_is_no_file(tmp_path: Path, kinds: Kinds) -> None:
    os.mkfifo(tmp_path / "LRD101-x.toml")
    assert mistakes(tmp_path, kinds) == ["LRD101-x.toml: is not a file"]


def test_refuses_a_missing_folder(tmp_path: Path, kinds: Kinds) -> None:
    assert mistakes(tmp_path / "no", kinds) == [f"{tmp_path / 'no'}: cannot be read: No such file or directory"]


def test_refuses_very_many_files(tmp_path: Path, kinds: Kinds) -> None:
    for number in range(5001):
        (tmp_path / f"{number}.toml").touch()
    assert mistakes(tmp_path, kinds) == [f"{tmp_path}: more than 5000 rules"]


def test_nothing_is_executed(write: Write, kinds: Kinds, tmp_path: Path) -> None:
    bait = tmp_path / "ran"
    call = f"__import__('pathlib').Path('{bait}').touch()"
    for old in ("le = 0.1", "stable_factor", "{series}", "0.01"):
        mistakes(
            write((old, call if old == "stable_factor" else f"{{{call}}}" if "{" in old else f'eq = "{call}"')), kinds
        )
    assert not bait.exists()


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
NAMED = ["finding", "where", "action", "factor", "kind", "blow_up", "onset_fraction", "confidence", "scale_lr", "say"]
KEYS = st.sampled_from([*(f.name for kind in (Rule, Bound, Example) for f in fields(kind)), *NAMED])
values = st.recursive(
    scalars | KEYS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=30
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(table=st.dictionaries(KEYS, values))
def test_check_is_total(table: dict[str, object], kinds: Kinds) -> None:
    _, wrong = typed(Rule, table)
    wrong += check(table, "x.toml", kinds, SCHEDULES)
    assert wrong
    assert all("\n" not in line for line in wrong)


def test_the_shipped_rules_are_found() -> None:
    assert any(file.name.startswith("LRD") for file in rules_dir().iterdir())
