"""The rule that rules/README.md shows is a right one."""

from __future__ import annotations

from pathlib import Path

from lrdoctor.doctor import finding_kinds
from lrdoctor.engine.examples import outcomes
from lrdoctor.engine.load import load_rules


def test_the_rule_in_the_readme_is_right(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / "rules" / "README.md").read_text(encoding="utf-8")
    rule = readme.split("```toml\n")[1].split("```")[0]
    (tmp_path / "LRD810-rose-above-untrained.toml").write_text(rule, encoding="utf-8")
    kinds = finding_kinds()
    results = list(outcomes(load_rules([tmp_path], kinds, []), kinds))
    assert len(results) == 2
    assert all(result.passed for result in results)
