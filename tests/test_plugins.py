"""Built-in plugins lie in their folders, those of others come by entry point, and a clash names its distribution."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest

from lrdoctor import plugins
from lrdoctor.errors import PluginError


@dataclass
class Distribution:
    name: str
    version: str = "1"
    metadata: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Install a distribution that offers one plugin."""
    entries: list[EntryPoint] = []

    def entry_points(*, group: str) -> list[EntryPoint]:
        return [entry for entry in entries if entry.group == group]

    monkeypatch.setattr(plugins, "entry_points", entry_points)

    def install(group: str, name: str, module: str, distribution: str = "stranger") -> None:
        entry = EntryPoint(name=name, value=module, group=f"lrdoctor.{group}")
        vars(entry).update(dist=Distribution(distribution) if distribution else None)
        entries.append(entry)

    return install


def test_built_in_plugins_are_the_files_of_their_folder() -> None:
    for group in plugins.GROUPS:
        folder = Path(plugins.__file__).parent / group
        files = {file.stem for file in folder.glob("*.py") if not file.stem.startswith("_")}
        assert set(plugins.names(group)) == files
        assert list(plugins.names(group)) == sorted(files)
        assert all(plugins.is_built_in(group, name) for name in files)


def test_every_plugin_offers_what_its_group_asks_for() -> None:
    for parser in plugins.parsers().values():
        assert callable(parser.claims)
        assert callable(parser.home)
        assert callable(parser.read)
    for detector in plugins.detectors().values():
        assert callable(detector.detect)
    for schedule in plugins.schedules().values():
        for offered in (schedule.lr, schedule.fit, schedule.planned_steps, schedule.expression, schedule.Params):
            assert callable(offered)
        assert isinstance(schedule.WHOLE, bool)
        assert all(callable(write) for write in schedule.NATIVE.values())
    for name in plugins.names("reports"):
        assert plugins.writer(name).SUFFIX


def test_finds_a_strangers_plugin(install: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("stranger_flat")
    monkeypatch.setitem(sys.modules, "stranger_flat", module)
    install("detectors", "flat", "stranger_flat")
    assert plugins.names("detectors")["flat"] == "stranger_flat"
    assert plugins.load("detectors")["flat"] is module
    assert list(plugins.load("detectors")) == sorted(plugins.load("detectors"))
    assert not plugins.is_built_in("detectors", "flat")
    assert plugins.is_built_in("detectors", "plateau")
    assert "flat" not in plugins.names("parsers")


def test_names_are_told_without_importing(install: Callable[..., None]) -> None:
    install("schedules", "broken", "no_such_module_of_anyone")
    assert "broken" in plugins.names("schedules")


def test_a_name_of_ours_cannot_be_taken(install: Callable[..., None]) -> None:
    install("detectors", "plateau", "stranger_plateau")
    with pytest.raises(PluginError, match=r"^stranger: its detector 'plateau' is already offered by lrdoctor$"):
        plugins.names("detectors")


def test_a_name_cannot_be_taken_twice(install: Callable[..., None]) -> None:
    install("schedules", "saw", "first_saw", "first")
    install("schedules", "saw", "second_saw", "second")
    with pytest.raises(PluginError, match=r"^second: its schedule 'saw' is already offered by first$"):
        plugins.schedules()


def test_what_does_not_load_names_its_distribution(
    install: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stranger_raises.py").write_text("raise RuntimeError('no licence')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    install("reports", "pdf", "stranger_raises")
    with pytest.raises(PluginError, match=r"^stranger: its report 'pdf' does not load: no licence$"):
        plugins.load("reports")
    with pytest.raises(PluginError, match="no licence"):
        plugins.writer("pdf")
    # One writer is none of the others' business.
    assert plugins.writer("json").SUFFIX


def test_a_module_that_is_not_there(install: Callable[..., None]) -> None:
    install("parsers", "comet", "no_such_module_of_anyone")
    with pytest.raises(PluginError, match=r"^stranger: its parser 'comet' does not load: No module named"):
        plugins.parsers()


def test_an_entry_without_a_distribution_is_named_by_its_module(install: Callable[..., None]) -> None:
    install("parsers", "comet", "no_such_module_of_anyone", distribution="")
    with pytest.raises(PluginError, match=r"^no_such_module_of_anyone: its parser"):
        plugins.parsers()


def test_a_fault_of_ours_is_not_blamed_on_a_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> ModuleType:
        raise RuntimeError(name)

    def loaded(name: str) -> ModuleType:
        return fail(name) if name.endswith(".plateau") else import_module(name)

    monkeypatch.setattr(plugins, "import_module", loaded)
    with pytest.raises(RuntimeError, match=r"lrdoctor\.detectors\.plateau"):
        plugins.detectors()


def test_there_is_no_other_group() -> None:
    with pytest.raises(ValueError, match="no plugin group 'rules'"):
        plugins.names("rules")


def test_an_unknown_report_lists_the_known() -> None:
    with pytest.raises(PluginError, match=r"no report format 'docx'; there are: .*json.*text"):
        plugins.writer("docx")
