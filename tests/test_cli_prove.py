"""`lrdoctor prove` from outside: real processes, real logs, and the numbers of the samples."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lrdoctor.cli import main

SAMPLE = Path(__file__).parents[1] / "sample_logs" / "cure_me"
CURE = ("--lr", "{peak_lr}", "--warmup", "{warmup_steps}", "--schedule", "{schedule}", "--out", "{out}")
# A curve that nobody trained, written at once; what it does is said on the command line.
TOY = """
import math, os, sys, time
lr, out, how = float(sys.argv[1]), sys.argv[2], sys.argv[3]
seed = int(sys.argv[4]) if len(sys.argv) > 4 else 0
with open(os.path.join(out, "metrics.csv"), "w") as log:
    print("step,train_loss,lr", file=log)
    for step in range(60 if "part" in sys.argv else 300):
        loss = 0.1 + 0.01 * seed + 2.2 * math.exp(-step / 30)
        if how == "worse" or how == "blow-up" and lr > 0.02:
            loss = 2.3 if step < 20 else math.nan
        elif how == "late":
            loss = loss if step < 100 else min(1.9, 0.1 * 1.05 ** (step - 100))
        print(step, loss, lr, sep=",", file=log)
if how == "cut":
    os.truncate(os.path.join(out, "metrics.csv"), 2000)
if how in ("fail", "cut", "worse"):
    sys.exit(3)
if "sleep" in sys.argv:
    with open(os.path.join(out, "pid.part"), "w") as file:
        file.write(str(os.getpid()))
    os.rename(os.path.join(out, "pid.part"), os.path.join(out, "pid"))
    time.sleep(60 if "1" == os.environ["LRDOCTOR_TRIAL"] else 0)
if "nap" in sys.argv:
    time.sleep(0.7)
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the toy, and the log of a run that blew up at a rate of 1."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toy.py").write_text(TOY, encoding="utf-8")
    (tmp_path / "ill").mkdir()
    losses = ["2.3"] * 20 + ["nan"] * 280
    rows = "".join(f"{step},{loss},1.0\n" for step, loss in enumerate(losses))
    (tmp_path / "ill" / "metrics.csv").write_text("step,train_loss,lr\n" + rows, encoding="utf-8")
    return tmp_path


def prove(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["prove", *map(str, words)])


def toys(how: str, *more: str, before: tuple[str, ...] = ()) -> Result:
    command = (sys.executable, "toy.py", "{peak_lr}", "{out}", how, *more)
    return prove("ill", "--out", "proved", "--every", "0.05", "--format", "json", *before, "--", *command)


def told(done: Result, status: int) -> dict[str, Any]:
    assert done.exit_code == status, done.output
    found: dict[str, Any] = json.loads(done.stdout, parse_constant=pytest.fail)
    return found


def refused(done: Result, *words: str) -> None:
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr


def record(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "prove.jsonl").read_text(encoding="utf-8").splitlines()]


def test_a_diverging_run_is_cured_in_one_round(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lrdoctor", "prove", str(SAMPLE), "--", sys.executable, str(SAMPLE / "train.py")]
    done = subprocess.run([*command, *CURE], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("helped  ")
    assert "better: val_loss" in done.stdout
    (entry,) = record(tmp_path / "lrdoctor-prove" / "cure_me")
    assert entry["outcome"] == "finished"
    # What train.py reaches from its best rates; the run itself never came below 0.6.
    assert entry["levels"]["val_loss"]["end"] < 0.15
    given = json.loads((tmp_path / "lrdoctor-prove/cure_me/trial-001/prescription.json").read_text(encoding="utf-8"))
    assert given["peak_lr"] == pytest.approx(float(given["placeholders"]["peak_lr"]))


def test_the_sample_is_what_its_script_logs(tmp_path: Path) -> None:
    words = ["--lr", "0.5", "--warmup", "120", "--out", str(tmp_path)]
    subprocess.run([sys.executable, str(SAMPLE / "train.py"), *words], check=True)
    anew, kept = ((folder / "metrics.csv").read_text().splitlines() for folder in (tmp_path, SAMPLE))
    assert len(anew) == len(kept)
    assert [line.split(",")[3] for line in anew] == [line.split(",")[3] for line in kept]
    # On another processor sums are taken in another order, and a run that diverges makes much of it.
    first = [[float(cell) for cell in line.split(",")] for lines in (anew, kept) for line in lines[1:4]]
    assert first[:3] == [pytest.approx(row, rel=1e-3) for row in first[3:]]


def test_json_says_by_how_much(toy: Path) -> None:
    proof = told(toys("blow-up"), 1)
    assert proof["schema_version"] == 1
    assert proof["rounds"][0]["trials"][0]["outcome"] == "diverged"
    assert proof["best"] is None
    assert proof["next"]["peak_lr"] < proof["rounds"][0]["prescription"]["peak_lr"]


def test_the_next_round_goes_on_from_there(toy: Path) -> None:
    proof = told(toys("blow-up", before=("--rounds", "3", "--output", "text=proof.txt")), 0)
    assert [r["comparison"]["helped"] for r in proof["rounds"]] == [False, True]
    assert proof["best"] == 2
    assert proof["comparison"]["after"] == pytest.approx(0.1, abs=0.01)
    assert proof["comparison"]["share"] == pytest.approx(1)
    rates = [r["prescription"]["peak_lr"] for r in proof["rounds"]]
    assert rates[0] > 0.02 >= rates[1]
    # Both are told relative to the run that was to be cured.
    assert [r["prescription"]["lr_scale"] for r in proof["rounds"]] == pytest.approx(rates, rel=0.01)
    assert "healthy" in proof["ended"]
    assert (toy / "proof.txt").read_text(encoding="utf-8").startswith("helped  ")


def test_a_worse_round_does_not_count(toy: Path) -> None:
    """The first trial does better than the run and is not yet sound; the second blows up."""
    (toy / "toy.py").write_text(
        TOY.replace("sys.argv[3]", "'late' if os.environ['LRDOCTOR_TRIAL'] == '1' else 'worse'"), encoding="utf-8"
    )
    proof = told(toys("-", before=("--rounds", "2")), 0)
    assert [r["comparison"]["hurt"] for r in proof["rounds"]] == [False, False]
    assert [r["trials"][0]["outcome"] for r in proof["rounds"]] == ["finished", "diverged"]
    assert proof["best"] == 1
    assert proof["helped"]
    assert proof["next"] is not None


def test_a_diverging_trial_is_stopped_early(toy: Path) -> None:
    began = time.monotonic()
    proof = told(toys("blow-up", "0", "sleep", "part"), 1)
    (trial,) = proof["rounds"][0]["trials"]
    assert (trial["outcome"], trial["stopped_early"], trial["last_step"]) == ("diverged", True, 59)
    assert proof["next"]["total_steps"] == proof["rounds"][0]["prescription"]["total_steps"]
    assert time.monotonic() - began < 50
    assert [entry["stopped_early"] for entry in record(toy / "proved")] == [True]


def test_a_diverging_trial_may_go_on(toy: Path) -> None:
    (trial,) = told(toys("blow-up", "0", "nap", before=("--no-early-stop",)), 1)["rounds"][0]["trials"]
    assert (trial["outcome"], trial["stopped_early"], trial["exit_status"]) == ("diverged", False, 0)


def test_a_sound_trial_is_not_stopped_early(toy: Path) -> None:
    (trial,) = told(toys("sound", "0", "nap"), 0)["rounds"][0]["trials"]
    assert (trial["outcome"], trial["stopped_early"], trial["exit_status"]) == ("finished", False, 0)


def test_a_trial_that_runs_out_of_time_is_judged_by_what_it_logged(toy: Path) -> None:
    (trial,) = told(toys("sound", "0", "sleep", before=("--timeout", "2")), 0)["rounds"][0]["trials"]
    assert (trial["outcome"], trial["last_step"]) == ("timed_out", 299)


def test_ctrl_c_ends_the_training_and_the_same_command_goes_on(toy: Path) -> None:
    # A shell in the background may have told us to ignore it.
    start = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from lrdoctor.cli import main; main()"
    )
    command = [sys.executable, "-c", start, "prove", "ill", "--out", "proved", "--"]
    command += [sys.executable, "toy.py", "{peak_lr}", "{out}", "sound", "0", "sleep"]
    ours = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    pid = toy / "proved" / "trial-001" / "out" / "pid"
    try:
        deadline = time.monotonic() + 60
        while not pid.exists():
            assert ours.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        ours.send_signal(signal.SIGINT)
        out, err = ours.communicate(timeout=60)
    finally:
        ours.kill()
    assert ours.returncode == 2
    assert out == ""
    assert "lrdoctor: interrupted" in err.splitlines()[-1]
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    assert [entry["outcome"] for entry in record(toy / "proved")] == ["interrupted"]
    proof = told(toys("sound", "0", "sleep"), 0)
    assert [t["trial"] for t in proof["rounds"][0]["trials"]] == [2]


def test_finished_trials_are_not_repeated(toy: Path) -> None:
    first = told(toys("sound", "{seed}", before=("--seeds", "2")), 0)
    again = told(toys("sound", "{seed}", before=("--seeds", "3")), 0)
    assert [t["from_record"] for t in first["rounds"][0]["trials"]] == [False, False]
    assert [t["from_record"] for t in again["rounds"][0]["trials"]] == [True, True, False]
    assert [t["trial"] for t in again["rounds"][0]["trials"]] == [1, 2, 3]
    assert again["comparison"]["after"] == pytest.approx(0.11, abs=0.002)
    # Another command, a lost log, and the wish to repeat it.
    assert not told(toys("sound", "{seed}", "x"), 0)["rounds"][0]["trials"][0]["from_record"]
    shutil.rmtree(toy / "proved" / "trial-001")
    assert not told(toys("sound", "{seed}"), 0)["rounds"][0]["trials"][0]["from_record"]
    assert told(toys("sound", "{seed}"), 0)["rounds"][0]["trials"][0]["from_record"]
    assert not told(toys("sound", "{seed}", before=("--fresh",)), 0)["rounds"][0]["trials"][0]["from_record"]


def test_seeds_that_the_command_ignores(toy: Path) -> None:
    done = prove("ill", "--out", "p", "--seeds", "2", "--", sys.executable, "toy.py", "{peak_lr}", "{out}", "sound")
    assert done.exit_code == 0
    assert "the command does not use them: it has no {seed}" in done.stdout


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("cut", ("failed with exit status 3 at step", "without having diverged")),
        ("no-log", ("failed with exit status 1 before there was a log",)),
    ],
)
def test_a_command_that_fails(toy: Path, how: str, words: tuple[str, ...]) -> None:
    if how == "no-log":
        (toy / "toy.py").write_text("raise SystemExit(1)", encoding="utf-8")
    refused(toys(how), *words)
    assert [entry["outcome"] for entry in record(toy / "proved")] == ["failed"]
    refused(toys(how), *words)
    assert len(record(toy / "proved")) == 2


def test_a_command_that_fails_after_the_training_is_judged(toy: Path) -> None:
    (trial,) = told(toys("fail"), 0)["rounds"][0]["trials"]
    assert (trial["outcome"], trial["exit_status"]) == ("finished", 3)


def test_no_log(toy: Path) -> None:
    refused(prove("ill", "--", sys.executable, "-c", "pass"), "no log appeared", "{out}", "LRDOCTOR_OUT")
    write = "import os; open(os.path.join(os.environ['LRDOCTOR_OUT'], 'a.csv'), 'w').write('name,size\\na,b\\n')"
    refused(prove("ill", "--", sys.executable, "-c", write), "no log appeared", "a.csv", "not a training curve")


def test_what_cannot_be_run(toy: Path) -> None:
    refused(prove("ill", "--", "no-such-command"), "no-such-command: command not found")
    refused(prove("il", "--", "true"), "did you mean 'ill/'?")
    healthy = SAMPLE.parent / "healthy_cosine"
    refused(prove(healthy, "--", "true"), "healthy_cosine: healthy: nothing to try")
    shutil.copytree(toy / "ill", toy / "two" / "a")
    shutil.copytree(toy / "ill", toy / "two" / "b")
    refused(prove("two", "--", "true"), "holds 2 runs; name one of them: two/a/metrics.csv, two/b/metrics.csv")
    (toy / "x\x1b[31m\ny").mkdir()
    refused(prove("x\x1b[31m\ny", "--", "true"), "\\x1b")
    assert prove("ill").exit_code == 2
    assert prove("ill", "--seeds", "0", "--", "true").exit_code == 2


def test_a_wrong_placeholder_is_told_before_anything_runs(toy: Path) -> None:
    refused(prove("ill", "--", "touch", "ran", "{peek_lr}"), "did you mean {peak_lr}?")
    assert sorted(p.name for p in toy.iterdir()) == ["ill", "toy.py"]


def test_without_a_logged_rate_the_scale_is_given(toy: Path) -> None:
    log = toy / "ill" / "metrics.csv"
    lines = log.read_text(encoding="utf-8").splitlines()
    log.write_text("\n".join(line.rpartition(",")[0] for line in lines) + "\n", encoding="utf-8")
    refused(prove("ill", "--", "true", "{peak_lr}"), "no learning rate", "use {lr_scale}")
    done = prove("ill", "--out", "p", "--", sys.executable, "toy.py", "{lr_scale}", "{out}", "sound")
    assert done.exit_code == 0, done.output


def test_the_environment_and_the_file_have_the_same_numbers(toy: Path) -> None:
    (toy / "toy.py").write_text(
        "import json, os, sys\n"
        "told = json.load(open(os.environ['LRDOCTOR_PRESCRIPTION']))\n"
        "assert float(os.environ['LRDOCTOR_PEAK_LR']) == told['peak_lr'] == float(told['placeholders']['peak_lr'])\n"
        "assert os.environ['LRDOCTOR_OUT'] == told['placeholders']['out'] and os.environ['HOME_OF_MINE'] == 'x'\n"
        "sys.argv[1:] = [os.environ['LRDOCTOR_PEAK_LR'], os.environ['LRDOCTOR_OUT'], 'sound']\n" + TOY,
        encoding="utf-8",
    )
    done = CliRunner(env={"HOME_OF_MINE": "x"}).invoke(main, ["prove", "ill", "--", sys.executable, "toy.py"])
    assert done.exit_code == 0, done.output


def test_names_that_mean_mischief(toy: Path) -> None:
    """Nothing of a name reaches the terminal, a shell, or a folder elsewhere."""
    name = "a\x1b[2J; touch ran #\u202e"
    (toy / "ill").rename(toy / name)
    command = (sys.executable, "toy.py", "{peak_lr}", "{out}", "sound", "0", "$(touch ran)\x1b[2J")
    done = prove(name, "--", *command)
    assert done.exit_code == 0
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
    assert not (toy / "ran").exists()
    (folder,) = (toy / "lrdoctor-prove").iterdir()
    assert folder.name == "a_2J_touch_ran"
    assert b"\x1b" not in (folder / "prove.jsonl").read_bytes()
    proof = told(prove(name, "--format", "json", "--", *command), 0)
    assert proof["rounds"][0]["trials"][0]["from_record"]


def test_help_is_instant() -> None:
    code = (
        "import sys; from lrdoctor.cli import main; main(['prove', '--help'], standalone_mode=False);"
        "print(sorted({'numpy', 'pandas', 'scipy', 'pydantic', 'rich', 'tensorboard'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")
    assert "{peak_lr}" in done.stdout
