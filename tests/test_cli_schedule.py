"""`lrdoctor schedule …` from outside."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner, Result

from lrdoctor import plugins
from lrdoctor.cli import main
from lrdoctor.draw import MARKS
from lrdoctor.schedules import cosine
from lrdoctor.schedules._plan import Plan, Warmup, rates

SAMPLES = Path(__file__).parents[1] / "sample_logs"


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["schedule", *(str(a) for a in args)])


def fine(*args: str | Path) -> str:
    done = run(*args)
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(*args: str | Path) -> str:
    done = run(*args)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_list_has_a_line_for_each() -> None:
    lines = fine("list").splitlines()
    assert [line.split()[0] for line in lines] == list(plugins.names("schedules"))
    (line,) = (line for line in lines if line.startswith("cosine "))
    assert (cosine.__doc__ or "").partition("\n")[0] in line
    assert line.endswith("[total_steps, final_fraction=0.0]")
    listed = json.loads(fine("list", "--format", "json"))["schedules"]
    assert {law["name"]: law["params"] for law in listed}["cosine"] == {"total_steps": None, "final_fraction": 0.0}


@pytest.mark.parametrize("name", plugins.names("schedules"))
def test_every_law_is_drawn_and_exported_from_its_length_alone(name: str) -> None:
    assert fine("show", name, "--steps", "1000").endswith(f"\n{name} --peak 0.001 --steps 1000\n")
    for framework in plugins.names("exports"):
        assert fine("export", name, "--steps", "100", "--framework", framework)


def test_show_draws_what_was_asked_for() -> None:
    said = fine("show", "cosine", "--peak", "3e-4", "--warmup", "500", "--steps", "10000")
    rows = said.splitlines()
    assert len(rows) == 15 + 3
    assert rows[0].startswith(" 0.0003 ┤")
    assert rows[-2].split() == ["0", "5,000", "10,000"]
    assert rows[-1] == "cosine --peak 0.0003 --warmup 500 --steps 10000"
    assert max(map(len, rows)) <= 80
    assert any("\u2801" <= c <= "\u28ff" for c in said)


def test_show_says_in_the_legend_which_is_which() -> None:
    rows = fine("show", "cosine", "linear", "one-cycle", "--warmup", "100", "--set", "final_fraction=0.1").splitlines()
    assert [row[:8] for row in rows[-3:]] == ["* cosine", "o linear", "x one_cy"]
    assert "--warmup 100" in rows[-2]
    assert "--warmup" not in rows[-1]  # it rises by itself
    assert all("--set final_fraction=0.1" in row for row in rows[-3:])
    assert set(MARKS[:3]) <= set("".join(rows[:15]))


def test_a_terminal_without_unicode_gets_ascii() -> None:
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "60"}
    command = [sys.executable, "-m", "lrdoctor", "schedule", "show", "cosine_restarts"]
    done = subprocess.run(command, capture_output=True, env=env, check=True)
    assert max(map(len, done.stdout.decode("ascii").splitlines())) <= 60


def test_svg_explains_itself(tmp_path: Path) -> None:
    file = tmp_path / "a.svg"
    fine("show", "cosine", "step", "--steps", "300000", "--svg", file)
    text = file.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)  # noqa: S314  it is our own
    space = "{http://www.w3.org/2000/svg}"
    assert root.get("role") == "img"
    assert root[0].tag == f"{space}title"
    assert root[0].text == "Learning rate: cosine, step"
    assert "starts at 0.001" in (root[1].text or "")
    assert len(root.findall(f".//{space}path")) == 2
    assert "script" not in text
    assert len(text) < 30_000
    assert "cannot be written" in run("show", "cosine", "--svg", tmp_path / "no" / "a.svg").stderr


def test_export_is_the_plan() -> None:
    asked = ("--peak", "0.3", "--warmup", "5", "--warmup-start", "0.1", "--warmup-shape", "cosine", "--steps", "50")
    table = fine("export", "cosine", *asked, "--set", "final_fraction=0.1", "--framework", "CSV")
    warmup = Warmup(steps=5, shape="cosine", start=0.1)
    params = cosine.Params(total_steps=45, final_fraction=0.1)
    plan = Plan(schedule="cosine", params=params, peak_lr=0.3, warmup=warmup, total_steps=50)
    drawn = [float(row["lr"]) for row in csv.DictReader(io.StringIO(table))]
    assert drawn == rates(plan, np.arange(50)).tolist()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("multi_step --set milestones=10,20,", "milestones=[10, 20]"),
        ("one_cycle --set three_phase=true --set anneal=linear", "three_phase=True"),
        ("step --set every=1e3 --set factor=0.5", "step_size=1000, gamma=0.5"),
        ("warmup-stable-decay --set decay_steps=1000 --framework optax", "transition_begin=9000"),
        ("warmup_stable_decay --set cooldown=exponential", "0.1 ** "),
        ("inverse_sqrt --warmup 400", "400 / (400 + step)"),
    ],
)
def test_parameters_are_read_as_what_they_are(typed: str, meant: str) -> None:
    assert meant in fine("export", *typed.split())


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("show cosin", "did you mean 'cosine'?"),
        ("show wsd", "did you mean 'warmup_stable_decay'?"),
        ("export linear --framework torch", "did you mean 'pytorch'?"),
        ("show linear --set final=1", "did you mean 'final_fraction'?"),
        ("show constant --set x=1", "there is nothing to set"),
        ("show linear --set final_fraction", "is not KEY=VALUE"),
        ("show linear --set final_fraction=7", "between 0 and 1"),
        ("show linear --set final_fraction=much", "it is a number"),
        ("show linear --set total_steps=1.5", "it is a whole number"),
        ("show linear --set total_steps=inf", "it is a whole number"),
        ("show warmup_stable_decay --set cooldown=exp", "did you mean 'exponential'?"),
        ("show warmup_stable_decay --set cooldown=exponential --set final_fraction=0", "must end above 0"),
        ("show one_cycle --set three_phase=2", "true or false"),
        ("show one_cycle --set anneal=cosin", "did you mean 'cosine'?"),
        ("show linear --warmup 10 --steps 10", "leaves nothing"),
        ("show one_cycle --warmup 10", "rises by itself"),
        ("show linear --peak nan", "no learning rate"),
        ("show linear --peak 0", "no learning rate"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(typed: str, answer: str) -> None:
    assert answer in refused(*typed.split())


def test_identify_gives_a_line_to_type() -> None:
    said = fine("identify", SAMPLES / "healthy_cosine")
    name, _, rest = said.partition(": ")
    assert name == "healthy_cosine"
    command, _, told = rest.partition("  (")
    assert command == "cosine --peak 0.01 --warmup 50 --steps 1000"
    assert "planned for 1,000 steps" in told
    assert "residual" in told
    assert fine("show", *command.split()).endswith(command + "\n")


def test_identify_says_when_it_does_not_know(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = [f"{step},1.0,{rate}" for step, rate in enumerate(rng.uniform(0.1, 1.0, 300).tolist())]
    file = tmp_path / "log.csv"
    file.write_text("\n".join(["step,loss,lr", *lines]), encoding="utf-8")
    assert fine("identify", file).endswith(": piecewise, unknown\n")
    assert "no learning rate was logged" in fine("identify", SAMPLES / "no_rate_logged")
    assert json.loads(fine("identify", file, "--format", "json"))["runs"][0]["schedule"] is None


def test_identify_speaks_json(tmp_path: Path) -> None:
    done = run("identify", SAMPLES / "healthy_cosine", tmp_path / "none", "--format", "json")
    assert done.exit_code == 2
    answer = json.loads(done.stdout, parse_constant=pytest.fail)
    (only,) = answer["runs"]
    law = only["schedule"]
    assert (law["kind"], law["warmup_steps"], law["planned_steps"]) == ("cosine", 50, 1000)
    assert law["params"] == {"total_steps": 950, "final_fraction": 0.0}
    assert law["command"] == "lrdoctor schedule show cosine --peak 0.01 --warmup 50 --steps 1000"
    assert len(answer["errors"]) == 1
    assert "none" in done.stderr


def test_help_and_list_are_quick() -> None:
    code = (
        "import sys; from lrdoctor.cli import main; main(sys.argv[1:], standalone_mode=False);"
        "print(sorted({'scipy.optimize', 'pandas', 'pydantic', 'rich', 'tensorboard'} & set(sys.modules)))"
    )
    for args in (["schedule", "--help"], ["schedule", "list"], ["schedule", "show", "cosine"]):
        done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=True)
        assert done.stdout.endswith("[]\n")


def test_identify_tells_parameter_groups_of_one_schedule(tmp_path: Path) -> None:
    rows = (f"{i},{2 / (1 + i)},{0.1 * (1 - i / 100)},{0.01 * (1 - i / 100)},0.1" for i in range(100))
    file = tmp_path / "log.csv"
    file.write_text("\n".join(["step,loss,lr/pg0,lr/pg1,lr/pg2", *rows]) + "\n", encoding="utf-8")
    lines = fine("identify", file).splitlines()
    assert lines[0].startswith("log.csv: linear --peak 0.1 --steps 100")
    assert lines[1:] == [
        "  lr/pg0 (1x), lr/pg1 (0.1x): linear --peak 0.1 --steps 100",
        "  lr/pg2 (1x): constant --peak 0.1 --steps 100",
    ]
