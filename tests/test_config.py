"""The nearest configuration wins; every mistake in it is a line of its own, and all come at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrdoctor.config import Config, Expectation, FailOn, PerRun, Waiver, load_config, settings
from lrdoctor.errors import ConfigError
from lrdoctor.limits import Limits
from lrdoctor.model import Role
from lrdoctor.tables import typed

KEYS = "detectors, expect, fail_on, ignore, limits, per_run, roles, rules, select, strict, waive"


def config(folder: Path, text: str, name: str = "lrdoctor.toml") -> Config:
    (folder / name).write_text(text, encoding="utf-8")
    return load_config(folder)


def mistakes(folder: Path, text: str, name: str = "lrdoctor.toml") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config(folder, text, name)
    start = f"{folder / name}: "
    assert all(line.startswith(start) for line in caught.value.problems)
    return [line.removeprefix(start) for line in caught.value.problems]


def test_reads_everything(tmp_path: Path) -> None:
    text = """
        select = ["LRD1", "LRD204"]
        ignore = { LRD105 = "known, see the notebook" }
        fail_on = "warning"
        rules = ["house-rules", "/opt/rules"]
        [roles]
        train_loss = ["train/*", "loss"]
        [detectors.divergence]
        factor = 3
    """
    assert config(tmp_path, text) == Config(
        select=("LRD1", "LRD204"),
        ignore={"LRD105": "known, see the notebook"},
        fail_on=FailOn.WARNING,
        rules=(tmp_path / "house-rules", Path("/opt/rules")),
        roles={Role.TRAIN_LOSS: ("train/*", "loss")},
        detectors={"divergence": {"factor": 3}},
        source=str(tmp_path / "lrdoctor.toml"),
    )


def test_ignore_may_be_a_list(tmp_path: Path) -> None:
    assert config(tmp_path, 'ignore = ["LRD1", "LRD204"]').ignore == {"LRD1": "", "LRD204": ""}


def test_pyproject_has_a_table(tmp_path: Path) -> None:
    text = '[tool.lrdoctor]\nfail_on = "info"\n[tool.other]\nx = 2020-01-01'
    assert config(tmp_path, text, "pyproject.toml").fail_on is FailOn.INFO


def test_the_nearest_wins(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "lrdoctor.toml").write_text('fail_on = "info"')
    (tmp_path / "a" / "pyproject.toml").write_text('[project]\nname = "x"')
    assert load_config(inner).fail_on is FailOn.INFO
    (tmp_path / "a" / "pyproject.toml").write_text('[tool.lrdoctor]\nfail_on = "warning"')
    assert load_config(inner).fail_on is FailOn.WARNING
    (tmp_path / "a" / "lrdoctor.toml").write_text("")
    assert load_config(inner).fail_on is FailOn.ERROR


def test_no_file_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").mkdir()
    (tmp_path / "lrdoctor.toml").write_text("")
    assert load_config(tmp_path) == Config(source=str(tmp_path / "lrdoctor.toml"))


def test_an_explicit_file_wins(tmp_path: Path) -> None:
    (tmp_path / "lrdoctor.toml").write_text('fail_on = "info"')
    other = tmp_path / "other.toml"
    other.write_text('fail_on = "warning"')
    assert load_config(tmp_path, other).fail_on is FailOn.WARNING


def test_an_explicit_file_must_be_there_and_speak_of_us(tmp_path: Path) -> None:
    missing, silent = tmp_path / "no.toml", tmp_path / "pyproject.toml"
    silent.write_text("[tool]")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path, missing)
    assert caught.value.problems == (f"{missing}: cannot be read: No such file or directory",)
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path, silent)
    assert caught.value.problems == (f"{silent}: has no [tool.lrdoctor]",)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("slect = []", "unknown key 'slect'; did you mean 'select'?"),
        ("fail-on = 'info'", "unknown key 'fail-on'; did you mean 'fail_on'?"),
        ("source = 'x'", f"unknown key 'source'; known: {KEYS}"),
        ("sauce = 'x'", f"unknown key 'sauce'; known: {KEYS}"),
        ("fail_on = 'nevr'", "fail_on: should be 'info', 'warning', 'error' or 'never', not 'nevr'"),
        ("select = 'LRD1'", "select: should be a list, not 'LRD1'"),
        ("select = [1]", "select.0: should be a string, not 1"),
        ("select = ['early']", "select: 'early' is no rule id such as 'LRD101' and no beginning of one"),
        ("ignore = ['LRD1011']", "ignore: 'LRD1011' is no rule id such as 'LRD101' and no beginning of one"),
        ("ignore.lrd1 = ''", "ignore: 'lrd1' is no rule id such as 'LRD101' and no beginning of one"),
        ("ignore.LRD1 = 3", "ignore.LRD1: should be a string, not 3"),
        ("ignore = ['LRD1', 3]", "ignore: should be a table, not ['LRD1', 3]"),
        ("roles.train_los = ['x']", "roles: unknown key 'train_los'; did you mean 'train_loss'?"),
        ("roles.lr = 'x'", "roles.lr: should be a list, not 'x'"),
        ("detectors.divergence = 3", "detectors.divergence: should be a table, not 3"),
        ("rules = [3]", "rules.0: should be a string, not 3"),
        ("fail_on = 'info", 'is not TOML: Expected "\'" (at end of document)'),
    ],
)
def test_names_each_mistake(tmp_path: Path, text: str, mistake: str) -> None:
    assert mistakes(tmp_path, text) == [mistake]


def test_the_table_must_be_one(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "[tool]\nlrdoctor = 3", "pyproject.toml") == ["should be a table, not 3"]


def test_names_all_mistakes_at_once(tmp_path: Path) -> None:
    text = "slect = []\nfail_on = 3\nselect = ['x']\nroles = { lr = [1] }"
    assert mistakes(tmp_path, text) == [
        "unknown key 'slect'; did you mean 'select'?",
        "fail_on: should be 'info', 'warning', 'error' or 'never', not 3",
        "roles.lr.0: should be a string, not 1",
        "select: 'x' is no rule id such as 'LRD101' and no beginning of one",
    ]


def test_wants() -> None:
    assert Config().wants("LRD101")
    chosen = Config(select=("LRD1", "LRD204"), ignore={"LRD105": "", "LRD2": ""})
    assert [rule for rule in ("LRD101", "LRD105", "LRD204", "LRD301") if chosen.wants(rule)] == ["LRD101"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    factor: float = 2.0
    points: int = 10
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.factor <= 1:
            raise ValueError(f"factor must be above 1, not {self.factor}")


def test_settings_are_the_defaults_and_what_is_changed() -> None:
    changed = Config(detectors={"spike": {"factor": 3, "names": ["a"]}})
    assert settings(changed, {"spike": Settings, "plateau": Settings}) == {
        "spike": Settings(factor=3.0, names=("a",)),
        "plateau": Settings(),
    }


def test_settings_name_all_mistakes() -> None:
    wrong: dict[str, dict[str, float]] = {"spke": {}, "spike": {"facter": 3, "points": 1.5}, "plateau": {"factor": 1}}
    with pytest.raises(ConfigError) as caught:
        settings(Config(detectors=wrong, source="lrdoctor.toml"), {"spike": Settings, "plateau": Settings})
    assert caught.value.problems == (
        "lrdoctor.toml: detectors: unknown detector 'spke'; did you mean 'spike'?",
        "lrdoctor.toml: detectors.spike: unknown key 'facter'; did you mean 'factor'?",
        "lrdoctor.toml: detectors.spike.points: should be a whole number, not 1.5",
        "lrdoctor.toml: detectors.plateau: factor must be above 1, not 1.0",
    )


KNOWN = ["select", "roles", "lr", "ignore", "fail_on", "per_run", "waive", "expect", "run", "rule", "reason", "expires"]
tables = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.dates()
    | st.datetimes()
    | st.sampled_from(["LRD103", "*", "error", "step", "val_loss"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*KNOWN, "metric", "at", "x"]), inner),
    max_leaves=20,
)


@given(table=tables)
def test_typed_is_total(table: object) -> None:
    made, wrong = typed(Config, table)
    assert (made is not None) or wrong


@given(table=st.dictionaries(st.sampled_from(KNOWN), tables))
def test_any_table_is_a_configuration_or_a_line_for_each_mistake(
    tmp_path_factory: pytest.TempPathFactory, table: dict[str, Any]
) -> None:
    file = tmp_path_factory.getbasetemp() / "lrdoctor.toml"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lrdoctor.config.read_toml", lambda _: table)
        problems: tuple[str, ...] = ()
        try:
            made: Config | None = load_config(file.parent, file)
        except ConfigError as error:
            made, problems = None, error.problems
    assert (made is None) is bool(problems)
    assert all(line.startswith(f"{file}: ") and "\n" not in line for line in problems)
    assert made is None or isinstance(made.of("any").wants("LRD103"), bool)


GATE = """
    strict = true
    fail_on = "never"
    [[per_run]]
    run = "old/*"
    ignore = ["LRD5"]
    [[per_run]]
    run = "*"
    ignore = { LRD6 = "on purpose" }
    fail_on = "info"
    strict = false
    [[waive]]
    rule = "LRD103"
    run = "runs/*"
    reason = "a hard start"
    expires = 2030-12-31
    [[expect]]
    metric = "val_loss"
    at = "step"
    step = 100
    below = 1
    [[expect]]
    metric = "accuracy"
    run = "new/*"
    no_worse_than = "old/*"
    by = 0.02
"""


def test_reads_what_the_gate_needs(tmp_path: Path) -> None:
    assert config(tmp_path, GATE) == Config(
        strict=True,
        fail_on=FailOn.NEVER,
        per_run=(
            PerRun(run="old/*", ignore={"LRD5": ""}),
            PerRun(run="*", ignore={"LRD6": "on purpose"}, fail_on=FailOn.INFO, strict=False),
        ),
        waive=(Waiver(rule="LRD103", run="runs/*", reason="a hard start", expires=date(2030, 12, 31)),),
        expect=(
            Expectation(metric="val_loss", at="step", step=100, below=1.0),
            Expectation(metric="accuracy", run="new/*", no_worse_than="old/*", by=0.02),
        ),
        source=str(tmp_path / "lrdoctor.toml"),
    )


WAIVER = {"rule": "'LRD103'", "run": "'*'", "reason": "'x'", "expires": "2030-12-31"}


def waiver(**changed: str) -> str:
    return "[[waive]]\n" + "\n".join(f"{key} = {value}" for key, value in (WAIVER | changed).items() if value)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (waiver(reason=""), "waive.0: missing key 'reason'"),
        (waiver(expires=""), "waive.0: missing key 'expires'"),
        (waiver(reason="' '"), "waive.0: reason must not be empty"),
        (waiver(rule="'LRD1'"), "waive.0: rule 'LRD1' is no rule id such as 'LRD101'"),
        (waiver(rule="2030-01-01"), "waive.0.rule: should be a string, not datetime.date(2030, 1, 1)"),
        (waiver(expires="'2030-12-31'"), "waive.0.expires: should be a date such as 2030-12-31, not '2030-12-31'"),
        (waiver(expires="2030"), "waive.0.expires: should be a date such as 2030-12-31, not 2030"),
        (
            waiver(expires="2030-12-31T10:00:00"),
            "waive.0.expires: should be a date such as 2030-12-31, not datetime.date",
        ),
        (waiver(expires="10:00:00"), "waive.0.expires: should be a date such as 2030-12-31, not datetime.time(10, 0)"),
        (waiver(expries="1"), "waive.0: unknown key 'expries'; did you mean 'expires'?"),
        ("[waive]\nrule = 'LRD103'", "waive: should be a list, not {'rule': 'LRD103'}"),
        ("[[per_run]]\nfail_on = 'info'", "per_run.0: missing key 'run'"),
        ("[[per_run]]\nrun = '*'\nfail-on = 'info'", "per_run.0: unknown key 'fail-on'; did you mean 'fail_on'?"),
        ("[[per_run]]\nrun = '*'\nselect = ['x']", "per_run.0.select: 'x' is no rule id such as 'LRD101' and no "),
        ("[[per_run]]\nrun = '*'\n[[per_run]]\nrun = '*'\nignore.x = ''", "per_run.1.ignore: 'x' is no rule id such"),
        ("[[per_run]]\nrun = '*'\nstrict = 'yes'", "per_run.0.strict: should be a truth value, not 'yes'"),
        (
            "[[expect]]\nmetric = 'x'",
            "expect.0: expects nothing; give below, above, at_most, at_least or no_worse_than",
        ),
        ("[[expect]]\nbelow = 1", "expect.0: missing key 'metric'"),
        ("[[expect]]\nmetric = 'x'\nbelow = nan", "expect.0: below must be a finite number"),
        ("[[expect]]\nmetric = 'x'\nbelow = '1'", "expect.0.below: should be a number, not '1'"),
        (
            "[[expect]]\nmetric = 'x'\nbelow = 1\nat = 'end'",
            "expect.0.at: should be 'final', 'best' or 'step', not 'end'",
        ),
        ("strict = 1", "strict: should be a truth value, not 1"),
    ],
)
def test_names_each_mistake_in_what_the_gate_needs(tmp_path: Path, text: str, mistake: str) -> None:
    (line,) = mistakes(tmp_path, text)
    assert line.startswith(mistake)


def test_the_last_table_that_matches_decides_each_key(tmp_path: Path) -> None:
    made = config(tmp_path, GATE)
    old, new = made.of("old/1"), made.of("new")
    assert (old.ignore, old.fail_on, old.strict) == ({"LRD6": "on purpose"}, FailOn.INFO, False)
    assert new.ignore == {"LRD6": "on purpose"}
    assert Config().of("x") == Config()
    swapped = replace(made, per_run=made.per_run[::-1])
    assert swapped.of("old/1").ignore == {"LRD5": ""}
    assert swapped.of("old/1").fail_on is FailOn.INFO


def test_what_is_decided_everywhere_leaves_no_exception(tmp_path: Path) -> None:
    made = config(tmp_path, GATE).with_everywhere(fail_on=FailOn.ERROR)
    assert {made.of(name).fail_on for name in ("old/1", "new")} == {FailOn.ERROR}
    assert made.of("new").strict is False


def test_the_settings_of_detectors_are_checked_with_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "lrdoctor.toml"
    file.write_text("slect = []\n[detectors.spike]\nfacter = 3\n[detectors.spke]\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path, detectors={"spike": Settings})
    assert caught.value.problems == (
        f"{file}: unknown key 'slect'; did you mean 'select'?",
        f"{file}: detectors: unknown detector 'spke'; did you mean 'spike'?",
        f"{file}: detectors.spike: unknown key 'facter'; did you mean 'factor'?",
    )
    file.write_text("[detectors]\nspike = 3\n[detectors.spke]\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path, detectors={"spike": Settings})
    assert caught.value.problems == (
        f"{file}: detectors.spike: should be a table, not 3",
        f"{file}: detectors: unknown detector 'spke'; did you mean 'spike'?",
    )
    file.write_text("detectors = 3", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"detectors: should be a table, not 3"):
        load_config(tmp_path, detectors={"spike": Settings})


def test_limits_are_whole_numbers_from_1(tmp_path: Path) -> None:
    assert config(tmp_path, "[limits]\nruns = 7").limits == Limits(runs=7)
    assert mistakes(tmp_path, "[limits]\nruns = 0") == ["limits: limits are 1 or more"]
    assert mistakes(tmp_path, "[limits]\nrun = 1") == ["limits: unknown key 'run'; did you mean 'runs'?"]
