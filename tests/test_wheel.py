"""The package as a user gets it: built, installed into an empty environment, and run from somewhere else."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist, and the wheel that was built from it."""
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "--outdir", out, ROOT], check=True, capture_output=True)
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    return sdist, wheel


def test_nothing_is_left_out_of_the_wheel(built: tuple[Path, Path]) -> None:
    sdist, wheel = built
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    modules = {p.relative_to(ROOT).as_posix() for p in (ROOT / "lrdoctor").rglob("*.py")}
    rules = {f"lrdoctor/_rules/{p.name}" for p in (ROOT / "rules").glob("*.toml")}
    data = {"lrdoctor/py.typed", "lrdoctor/reports/report.schema.json", "lrdoctor/detectors/rate_odds.json"}
    data |= {f"lrdoctor/reports/_html/{name}" for name in ("page.html.j2", "page.css", "page.js")}
    data |= {f"lrdoctor/reports/_vendor/uplot-1.6.32/{name}" for name in ("LICENSE", "uPlot.iife.min.js")}
    assert modules | rules | data <= inside
    assert not [name for name in inside if name.startswith(("tests", "sample_logs", "benchmarks", "rules/"))]
    with tarfile.open(sdist) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    assert {"LICENSE", "README.md"} <= names


def test_the_installed_wheel_works_from_elsewhere(built: tuple[Path, Path], tmp_path: Path) -> None:
    _, wheel = built
    home = tmp_path / "environment"
    venv.create(home, with_pip=True)
    scripts = home / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run([scripts / "python", "-m", "pip", "install", "--quiet", wheel], check=True, capture_output=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def lrdoctor(*args: str | Path) -> str:
        done = subprocess.run([scripts / "lrdoctor", *args], cwd=elsewhere, capture_output=True, text=True, check=True)
        return done.stdout

    listed = {line.split()[0] for line in lrdoctor("rules").splitlines()}
    assert listed == {p.name[:6] for p in (ROOT / "rules").glob("*.toml")}
    assert "0 failed" in lrdoctor("rules", "--test")
    assert "LRD101" in lrdoctor("analyze", ROOT / "sample_logs" / "diverged_to_nan")
    assert list(elsewhere.iterdir()) == []
