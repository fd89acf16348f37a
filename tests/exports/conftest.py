"""The plans that every export is tested with."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for a `plan` gets them all."""
    if "plan" in metafunc.fixturenames:
        metafunc.parametrize("plan", _plans())


def _plans() -> list[Any]:
    spec = importlib.util.spec_from_file_location("export_plans", Path(__file__).parent / "plans.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(module.plans())
