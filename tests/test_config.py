"""The nearest configuration wins; every mistake in it is a line of its own, and all come at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrdoctor.config import Config, load_config, settings
from lrdoctor.errors import ConfigError
from lrdoctor.limits import Limits
from lrdoctor.model import Role, Severity
from lrdoctor.tables import typed


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
        fail_on=Severity.WARNING,
        rules=(tmp_path / "house-rules", Path("/opt/rules")),
        roles={Role.TRAIN_LOSS: ("train/*", "loss")},
        detectors={"divergence": {"factor": 3}},
        source=str(tmp_path / "lrdoctor.toml"),
    )


def test_ignore_may_be_a_list(tmp_path: Path) -> None:
    assert config(tmp_path, 'ignore = ["LRD1", "LRD204"]').ignore == {"LRD1": "", "LRD204": ""}


def test_pyproject_has_a_table(tmp_path: Path) -> None:
    text = '[tool.lrdoctor]\nfail_on = "info"\n[tool.other]\nx = 2020-01-01'
    assert config(tmp_path, text, "pyproject.toml").fail_on is Severity.INFO


def test_the_nearest_wins(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "lrdoctor.toml").write_text('fail_on = "info"')
    (tmp_path / "a" / "pyproject.toml").write_text('[project]\nname = "x"')
    assert load_config(inner).fail_on is Severity.INFO
    (tmp_path / "a" / "pyproject.toml").write_text('[tool.lrdoctor]\nfail_on = "warning"')
    assert load_config(inner).fail_on is Severity.WARNING
    (tmp_path / "a" / "lrdoctor.toml").write_text("")
    assert load_config(inner).fail_on is Severity.ERROR


def test_no_file_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").mkdir()
    (tmp_path / "lrdoctor.toml").write_text("")
    assert load_config(tmp_path) == Config(source=str(tmp_path / "lrdoctor.toml"))


def test_an_explicit_file_wins(tmp_path: Path) -> None:
    (tmp_path / "lrdoctor.toml").write_text('fail_on = "info"')
    other = tmp_path / "other.toml"
    other.write_text('fail_on = "warning"')
    assert load_config(tmp_path, other).fail_on is Severity.WARNING


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
        ("source = 'x'", "unknown key 'source'; known: detectors, fail_on, ignore, limits, roles, rules, select"),
        ("sauce = 'x'", "unknown key 'sauce'; known: detectors, fail_on, ignore, limits, roles, rules, select"),
        ("fail_on = 'never'", "fail_on: should be 'info', 'warning' or 'error', not 'never'"),
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
        "fail_on: should be 'info', 'warning' or 'error', not 3",
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


tables = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["select", "roles", "lr"]), inner),
    max_leaves=10,
)


@given(table=tables)
def test_typed_is_total(table: object) -> None:
    made, wrong = typed(Config, table)
    assert (made is not None) or wrong


def test_limits_are_whole_numbers_from_1(tmp_path: Path) -> None:
    assert config(tmp_path, "[limits]\nruns = 7").limits == Limits(runs=7)
    assert mistakes(tmp_path, "[limits]\nruns = 0") == ["limits: limits are 1 or more"]
    assert mistakes(tmp_path, "[limits]\nrun = 1") == ["limits: unknown key 'run'; did you mean 'runs'?"]
