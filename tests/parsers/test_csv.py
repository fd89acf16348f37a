from __future__ import annotations

import csv as standard
import io
import math
import os
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrdoctor.errors import LogError, NotALog
from lrdoctor.model import Role, Run
from lrdoctor.parsers import _columns, csv
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._table import layout
from lrdoctor.roles import RoleNames

fuzzed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80)


def read(path: Path, names: RoleNames | None = None) -> Run:
    (run,) = csv.read(path, [path], names or RoleNames())
    return run


@pytest.fixture
def table(tmp_path: Path, made: Any) -> Any:
    """The run of a table with this text."""

    def of(text: str, name: str = "metrics.csv") -> Run:
        return read(made.table(tmp_path / name, text))

    return of


def points(run: Run, tag: str) -> list[tuple[int, float]]:
    series = run.series[tag]
    return list(zip(series.steps.tolist(), series.values.tolist(), strict=True))


def kinds(run: Run) -> list[tuple[str, str, int]]:
    return [(i.place, i.kind, i.dropped) for i in run.incidents]


PLAIN = "step,loss,lr\n0,2.5,0.1\n10,2.25,0.1\n20,2,0.05\n"


def test_reads_a_plain_table(table: Any) -> None:
    run = table(PLAIN)
    assert points(run, "loss") == [(0, 2.5), (10, 2.25), (20, 2.0)]
    assert points(run, "lr") == [(0, 0.1), (10, 0.1), (20, 0.05)]
    assert list(run.series) == ["loss", "lr"]
    assert (run.format, run.name, run.notes, run.incidents) == ("csv", "metrics.csv", (), ())


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", "|"),
        PLAIN.replace(",", "  ,  "),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.rstrip("\n"),
        "\ufeff" + PLAIN,
        "\n\n" + PLAIN.replace("\n", "\n\n"),
        "# a comment\n" + PLAIN,
        '"' + PLAIN.replace(",", '","').replace("\n", '"\n"')[:-1],
        PLAIN.replace("\n", ",\n"),
        "step\tloss\tlr\n0|2.5|0.1|\n10|2.25|0.1|\n20|2|0.05|\n",
        "step   loss  lr \n0    2.5  0.1\n  10   2.25 0.1\n20     2  0.05\n",
        "# step loss lr\n0 2.5 0.1\n10 2.25 0.1\n20 2 0.05\n",
        PLAIN.replace(",", ";").replace(".", ","),
        PLAIN.replace(",", "\t").replace(".", ","),
        PLAIN.replace(",", ";").replace(".", ",").replace("0,1", '"0,1"'),
        "Loading the data, please wait\nDone.\n\n" + PLAIN,
        "loss of the last run: 3\n1 of 2\n" * 50 + PLAIN,
        "| step | loss | lr |\n|:---|---:|---|\n| 0 | 2.5 | 0.1 |\n| 10 | 2.25 | 0.1 |\n| 20 | 2 | 0.05 |\n",
        "# step,loss,lr\n0,2.5,0.1\n10,2.25,0.1\n20,2,0.05\n",
        PLAIN.replace("2.25", "tensor(2.25)"),
        PLAIN.replace("2.25", "\"tensor(2.25, device='cuda:0')\""),
        PLAIN.replace("10,", "step,loss,lr\n10,"),
    ],
)
def test_reads_the_same_table_however_it_is_written(table: Any, text: str) -> None:
    run = table(text)
    assert points(run, "loss") == [(0, 2.5), (10, 2.25), (20, 2.0)]
    assert points(run, "lr") == [(0, 0.1), (10, 0.1), (20, 0.05)]
    assert run.incidents == ()


def test_reads_utf16(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(PLAIN.encode("utf-16"))
    assert csv.claims(path)
    assert len(read(path).series["loss"]) == 3


@pytest.mark.parametrize("word", ["nan", "NaN", "NAN", "-nan"])
def test_the_word_nan_is_a_value(table: Any, word: str) -> None:
    values = table(f"step,loss\n0,1\n1,{word}\n2,3\n").series["loss"].values
    assert np.isnan(values).tolist() == [False, True, False]


@pytest.mark.parametrize(("word", "value"), [("inf", math.inf), ("-inf", -math.inf), ("Infinity", math.inf)])
def test_an_infinity_is_a_value(table: Any, word: str, value: float) -> None:
    assert points(table(f"step,loss\n0,1\n1,{word}\n2,3\n"), "loss")[1] == (1, value)


@pytest.mark.parametrize("word", ["", "NA", "null", "None", "-", "N/A"])
def test_an_empty_cell_is_no_point(table: Any, word: str) -> None:
    run = table(f"step,loss,lr\n0,1,9\n1,{word},9\n2,3,9\n")
    assert points(run, "loss") == [(0, 1.0), (2, 3.0)]
    assert len(run.series["lr"]) == 3
    assert run.incidents == ()


def test_reads_the_sparse_table_of_lightning(table: Any) -> None:
    run = table("epoch,lr-AdamW,step,train_loss,val_loss\n,0.1,0,,\n0,,0,2.0,\n,0.1,1,,\n0,,1,1.0,\n0,,1,,1.5\n")
    assert points(run, "lr-AdamW") == [(0, 0.1), (1, 0.1)]
    assert points(run, "train_loss") == [(0, 2.0), (1, 1.0)]
    assert points(run, "val_loss") == [(1, 1.5)]
    assert points(run, "epoch") == [(0, 0.0), (1, 0.0)]


def test_reads_the_epochs_of_keras(table: Any) -> None:
    run = table("epoch;accuracy;loss;val_loss\n0;0.5;2;2.5\n1;0.6;1;1.5\n")
    assert points(run, "val_loss") == [(0, 2.5), (1, 1.5)]
    assert "epoch" in run.series
    assert run.notes == ()


# --- the x axis -------------------------------------------------------------------------------------------------------


def test_counts_rows_where_nothing_counts_steps(table: Any) -> None:
    run = table("loss,val_loss\n3,4\n2,3\n")
    assert points(run, "loss") == [(0, 3.0), (1, 2.0)]
    assert run.notes == ("no column counts the steps: rows are counted instead",)


def test_counts_rows_where_epochs_are_fractions(table: Any) -> None:
    run = table("epoch,loss\n0.5,3\n1.0,2\n1.5,1\n")
    assert points(run, "loss") == [(0, 3.0), (1, 2.0), (2, 1.0)]
    assert run.notes == ("'epoch' is no whole number: rows are counted instead",)


def test_takes_the_step_that_is_there_with_the_loss(table: Any) -> None:
    rows = "".join(f"{n if n % 2 else ''},{10 * n},{5 - n}\n" for n in range(5))
    assert [step for step, _ in points(table("global_step,iter,loss\n" + rows), "loss")] == [0, 10, 20, 30, 40]


def test_a_step_that_never_moves_counts_nothing(table: Any) -> None:
    assert points(table("step,epoch,loss\n0,0,3\n0,1,2\n0,2,1\n"), "loss") == [(0, 3.0), (1, 2.0), (2, 1.0)]


def test_a_step_that_begins_anew_with_every_epoch_is_counted_through(table: Any) -> None:
    rows = "".join(f"{epoch},{step},{10 - epoch}\n" for epoch in range(3) for step in range(1, 5))
    run = table("epoch,step,loss\n" + rows)
    assert run.series["loss"].steps.tolist() == list(range(12))
    assert run.notes == ("'step' begins anew with every epoch: steps are 'epoch' × 4 + 'step'",)


def test_a_restart_is_not_taken_for_a_new_epoch(table: Any) -> None:
    run = table("epoch,step,loss\n0,0,9\n0,1,8\n1,2,7\n1,3,6\n1,2,5\n1,3,4\n")
    assert points(run, "loss") == [(0, 9.0), (1, 8.0), (2, 5.0), (3, 4.0)]
    assert run.notes == ("restart at step 2: 4 points superseded",)  # two of the loss, two of the epoch


def test_a_row_without_a_step_is_dropped_and_counted(table: Any) -> None:
    rows = "".join(f"{n},1\n" for n in range(20))
    run = table("step,loss\n" + rows + ",7\nnan,8\n")
    assert len(run.series["loss"]) == 20
    assert kinds(run) == [("", "no_step", 2)]


# --- damage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ["10,2.25", "10,2.25,0.1,7", "Traceback (most recent call last):", "10,2.\0\x005,0.1"])
def test_a_row_that_is_none_costs_itself_only(table: Any, row: str) -> None:
    run = table(PLAIN.replace("10,2.25,0.1", row))
    assert points(run, "loss") == [(0, 2.5), (20, 2.0)]
    assert kinds(run) == [("line 3", "unreadable_row", 1)]


@pytest.mark.parametrize("rows", ["1,5\n2,5,1,1\n3,5,1\n4,5,1\n", "1,5,1,1\n2,5\n3,5,1\n4,5,1\n"])
def test_short_and_long_rows_do_not_make_up_for_one_another(table: Any, rows: str) -> None:
    run = table("step,loss,lr\n" + rows)
    assert points(run, "loss") == [(3, 5.0), (4, 5.0)]
    assert kinds(run) == [("line 2", "unreadable_row", 1), ("line 3", "unreadable_row", 1)]


def test_text_in_a_column_of_numbers_costs_its_cell(table: Any) -> None:
    run = table("step,loss,lr\n" + "".join(f"{n},{'oops' if n == 5 else n},1\n" for n in range(20)))
    assert len(run.series["loss"]) == 19
    assert len(run.series["lr"]) == 20
    assert kinds(run) == [("line 7", "unreadable_cell", 1)]


def test_zeros_before_a_row_are_not_part_of_it(table: Any) -> None:
    assert len(table(PLAIN.replace("10,", "\0" * 500 + "10,")).series["loss"]) == 3


def test_a_stray_quote_does_not_swallow_the_file(table: Any) -> None:
    rows = [f"{n},{n / 2}" for n in range(1000)]
    rows[10] = '10,"5.0,'
    run = table("step,loss\n" + "\n".join(rows) + "\n")
    assert len(run.series["loss"]) == 999
    assert kinds(run) == [("line 12", "unreadable_cell", 1)]


def test_a_quoted_cell_may_run_over_lines(table: Any) -> None:
    run = table('step,loss,note\n0,1,"two\nlines, with commas"\n1,2,\n2,3,"a ""quoted"" one"\n')
    assert points(run, "loss") == [(0, 1.0), (1, 2.0), (2, 3.0)]
    assert run.incidents == ()


def test_another_header_below_the_first_changes_the_columns(table: Any) -> None:
    run = table("step,loss,lr\n0,5,1\n1,4,1\nstep,lr,loss,acc\n2,0.5,3,0.9\n3,0.5,2,0.9\n")
    assert points(run, "loss") == [(0, 5.0), (1, 4.0), (2, 3.0), (3, 2.0)]
    assert points(run, "acc") == [(2, 0.9), (3, 0.9)]
    assert run.incidents == ()


@pytest.mark.parametrize("last", ["30,1.5", "30", "30,1.5,0", "30,1.5,0.0"])
def test_half_a_last_line_is_left_out(table: Any, last: str) -> None:
    run = table(PLAIN.replace("0.1\n", "0.10\n") + last)
    assert len(run.series["loss"]) == 3
    assert kinds(run) == [("line 5", "truncated_tail", 1)]


def test_a_whole_last_line_needs_no_newline(table: Any) -> None:
    run = table(PLAIN + "30,1.5,0.05")
    assert points(run, "loss")[-1] == (30, 1.5)
    assert run.incidents == ()


def test_a_line_too_long_costs_itself_only(table: Any) -> None:
    run = table(PLAIN + "1" * (5 << 20) + "\n30,1,1\n")
    assert len(run.series["loss"]) == 4
    assert kinds(run) == [("line 5", "line_limit", 1)]


# --- a loss that falls silent -----------------------------------------------------------------------------------------


def exploded(*last: str) -> str:
    rows = [f"{n},{1.0 + n % 3 / 10},0.1\n" for n in range(20)]
    rows += [f"{20 + n},{value},0.1\n" for n, value in enumerate(last)]
    return "step,loss,lr\n" + "".join(rows)


@pytest.mark.parametrize("last", [("4.5e6", "inf", "", "", ""), ("50", "", ""), ("inf", "7", "", "", "")])
def test_blanks_after_an_explosion_are_one_nan(table: Any, last: tuple[str, ...]) -> None:
    run = table(exploded(*last))
    first = 20 + last.index("")
    assert points(run, "loss")[-1][0] == first
    assert math.isnan(points(run, "loss")[-1][1])
    assert kinds(run) == [(f"line {first + 2}", "blank_after_explosion", 0)]


@pytest.mark.parametrize("last", [("1", "", "", ""), ("9", "", "", ""), ("4.5e6", "inf", ""), ("inf", "", "1", "1")])
def test_blanks_without_strong_evidence_are_blanks(table: Any, last: tuple[str, ...]) -> None:
    run = table(exploded(*last))
    assert not np.isnan(run.series["loss"].values).any()
    assert run.incidents == ()


def test_a_loss_that_was_zero_has_no_level_to_rise_from(table: Any) -> None:
    run = table("step,loss,lr\n0,0,1\n1,0,1\n2,0,1\n3,0,1\n4,0,1\n5,1,1\n6,,1\n7,,1\n8,,1\n")
    assert run.incidents == ()


def test_a_loss_that_was_often_blank_before_says_nothing_by_it(table: Any) -> None:
    rows = [f"{n},{'' if n % 2 else 1.0},0.1\n" for n in range(20)]
    run = table("step,loss,lr\n" + "".join(rows) + "20,1e6,0.1\n21,,0.1\n22,,0.1\n23,,0.1\n")
    assert np.isfinite(run.series["loss"].values).all()


def test_the_silence_is_seen_among_sparse_rows(table: Any) -> None:
    training = [f"{n},{'' if n > 14 else 'inf' if n > 11 else 2.0},0.1,\n" for n in range(30)]
    for at in (25, 18, 9, 3):
        training.insert(at, f"{at},,,1.0\n")
    run = table("step,loss,lr,val_loss\n" + "".join(training))
    assert points(run, "loss")[-1][0] == 15
    assert len(run.series["val_loss"]) == 4


# --- what is no curve -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "an empty file"),
        ("\0\0\0", "an empty file"),
        ("# only\n# comments\n", "nothing but comments"),
        ("name,value\nlr,0.1\nseed,3\n", "no column is known as a loss"),
        ("step,samples\n1,2\n3,4\n", "no column is known as a loss"),
        ("step,loss\n", "no rows below the header"),
        ("loss,lr\n1,2\n", "a single row"),
        ("0,2.5\n1,2.0\n", "names no columns"),
        ("run_name,learning_rate,final_loss\na,0.1,3\nb,0.2,2\n", "one row per 'run_name'"),
        ("model,learning_rate,val_loss\nresnet,0.1,3\nvit,0.2,2\nmlp,1,3\n", "one row per 'model'"),
        ("trial,lr,val_loss\n0,0.1,3\n1,0.2,2\n", "one row per 'trial'"),
        ("step,unstable_loss,nan_loss\n1,False,0\n2,True,0\n", "no column is known"),
        ("step,loss\n1,high\n2,low\n", "no column of numbers"),
        ("loss,lr\n" + "x" * (5 << 20), "no rows"),
        ("x" * (5 << 20), "longer than"),
        (",".join(f"loss{n}" for n in range(20_001)) + "\n", "more than 20,000 columns"),
    ],
)
def test_a_table_that_is_no_curve_is_told_from_one(table: Any, text: str, why: str) -> None:
    with pytest.raises(NotALog, match=why) as caught:
        table(text)
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)


def test_one_row_with_a_step_is_a_run_that_ended_at_once(table: Any) -> None:
    assert math.isnan(table("step,loss\n0,nan\n").series["loss"].values[0])


def test_many_rows_with_a_name_of_their_own_can_be_a_curve(table: Any) -> None:
    assert len(table("time,loss\n2024-01-01 10:00,3\n2024-01-01 10:01,2\n").series["loss"]) == 2
    assert len(table("step,note,loss\n0,a,3\n1,b,2\n").series["loss"]) == 2


def test_a_pointer_of_git_lfs_is_named(table: Any) -> None:
    with pytest.raises(LogError, match="git-lfs pointer"):
        table("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")


# --- settings and names -----------------------------------------------------------------------------------------------


def test_what_every_row_repeats_is_configuration(table: Any) -> None:
    run = table("step,loss,optimizer,seed,lr,host\n0,3,adamw,42,0.1,a\n1,2,adamw,42,0.1,b\n")
    assert run.hparams == {"optimizer": "adamw", "seed": 42}
    assert list(run.series) == ["loss", "lr"]


def test_equal_names_and_missing_names_are_told_apart(table: Any) -> None:
    assert list(table(",step,loss,loss\n7,0,3,4\n8,1,2,3\n").series) == ["column 1", "loss", "loss.1"]


def test_the_users_names_are_obeyed(tmp_path: Path, made: Any) -> None:
    path = made.table(tmp_path / "x.csv", "tokens,Kosten\n100,3\n200,2\n")
    with pytest.raises(NotALog):
        read(path)
    run = read(path, RoleNames({Role.TRAIN_LOSS: ("kosten",), Role.STEP: ("tokens",)}))
    assert points(run, "Kosten") == [(100, 3.0), (200, 2.0)]


# --- claims -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "x"),
        ("a.CSV", PLAIN),
        ("a.tsv", ""),
        ("log.txt", PLAIN),
        ("x.log", PLAIN.replace(",", "\t")),
        ("x.log", "loading data, please wait\n" + PLAIN),
    ],
)
def test_claims_tables(tmp_path: Path, made: Any, name: str, text: str) -> None:
    assert csv.claims(made.table(tmp_path / name, text))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", PLAIN),
        ("a.log", "epoch 1, loss 0.5, lr 0.1\nepoch 2, loss 0.4, lr 0.1\n"),
        ("a.txt", "step:1 loss:2\nstep:2 loss:3\n"),
        ("a.log", "loading data, please wait\n" + PLAIN.replace("loss", "cost").replace("lr", "x")),
        ("a.log", "train loss, val loss\n" + "2024-01-01 loss is 3, and falls\n" * 9),
        ("a.log", "epoch | loss\n1 of 10 | 3\n"),
        ("b.txt", ""),
        ("c.txt", "a,b\n1,2\n3,4\n"),
        ("d.csv", "PK\x03\x04\0\0binary"),
    ],
)
def test_does_not_claim_prose(tmp_path: Path, made: Any, name: str, text: str) -> None:
    assert not csv.claims(made.table(tmp_path / name, text))


def test_does_not_claim_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    assert not csv.claims(tmp_path / "pipe.csv")
    assert not csv.claims(tmp_path / "gone.csv")
    with pytest.raises(LogError, match="not a regular file"):
        read(tmp_path / "pipe.csv")


# --- properties -------------------------------------------------------------------------------------------------------

LAST_BITS = 1e-14
"""Older pandas rounds a number's last bits otherwise than Python."""
CELLS = st.one_of(
    st.floats(width=32).map(repr), st.integers(-9, 10**6).map(str), st.sampled_from(["", "NaN", "inf", "NA", "None"])
)


@fuzzed
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=30))
def test_the_fast_way_and_the_slow_way_agree(rows: list[tuple[str, str]]) -> None:
    text = "step,loss,lr\n" + "".join(f"{n},{a},{b}\n" for n, (a, b) in enumerate(rows))
    head, found = layout(text.encode()), []
    for small in (0, 1 << 30):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_columns, "SMALL", small)
            found.append(_columns.columns(head, Damage(Path())))
    fast, slow = found
    assert (list(fast.lines), fast.texts) == (list(slow.lines), slow.texts)
    for name in slow.values:
        np.testing.assert_allclose(fast.values[name], slow.values[name], rtol=LAST_BITS)
        np.testing.assert_array_equal(fast.filled[name], slow.filled[name])


@fuzzed
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=30))
def test_agrees_with_the_csv_module(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    text = io.StringIO()
    standard.writer(text).writerows([("step", "accuracy", "lr"), *((n, *row) for n, row in enumerate(rows))])
    path = tmp_path / "x.csv"
    path.write_bytes(text.getvalue().encode())
    expected = {
        name: [(n, float(row[at])) for n, row in enumerate(rows) if row[at] not in ("", "NA", "None")]
        for at, name in enumerate(("accuracy", "lr"))
    }
    try:
        series = read(path).series
    except NotALog:
        assert not any(expected.values())
        return
    for name, told in expected.items():
        if told:
            assert series[name].steps.tolist() == [step for step, _ in told]
            np.testing.assert_allclose(series[name].values, [value for _, value in told], rtol=LAST_BITS)


@fuzzed
@given(st.integers(0, 600))
def test_every_prefix_of_a_table_gives_a_prefix_of_its_points(tmp_path: Path, cut: int) -> None:
    whole = "step,loss,lr\n" + "".join(f"{n:04d},{5 / (n + 1):.6f},{n * 1e-5:.3e}\n" for n in range(20))
    path = tmp_path / "x.csv"
    path.write_text(whole[:cut])
    try:
        run = read(path)
    except LogError:
        return
    for tag, column in (("loss", 1), ("lr", 2)):
        if tag in run.series:
            told = [float(line.split(",")[column]) for line in whole.splitlines()[1:]]
            assert run.series[tag].values.tolist() == told[: len(run.series[tag])]


@fuzzed
@given(st.integers(0, 29), st.sampled_from(["", "x", "1", "1,2,3,4", '"', "7\0\0,1,2", "1,2"]))
def test_one_bad_row_costs_no_other(tmp_path: Path, at: int, bad: str) -> None:
    rows = [f"{n},{n / 4},0.1" for n in range(30)]
    rows[at] = bad
    path = tmp_path / "x.csv"
    path.write_text("step,loss,lr\n" + "\n".join(rows) + "\n")
    run = read(path)
    assert run.series["loss"].steps.tolist() == [n for n in range(30) if n != at]
    assert sum(i.dropped for i in run.incidents) == bool(bad)


@fuzzed
@given(st.one_of(st.binary(max_size=200), st.text(alphabet='0123456789.,;|\t\r\n"-eE naifstploss', max_size=200)))
def test_any_bytes_are_a_run_or_a_clear_error(tmp_path: Path, content: bytes | str) -> None:
    path = tmp_path / "x.csv"
    told = content if isinstance(content, bytes) else b"step,loss\n" + content.encode()
    path.write_bytes(told)
    csv.claims(path)
    csv.claims(path.rename(tmp_path / "x.log"))
    try:
        assert read(tmp_path / "x.log").series
        said = "a run"
    except LogError as error:
        said = str(error)
    assert len(said.splitlines()) == 1


def test_a_table_is_read_by_no_loop_whether_or_not_a_row_is_broken(tmp_path: Path) -> None:
    def calls(points: int, *last: str) -> int:
        """How many functions, Python's and others, are called to read so many rows."""
        path = tmp_path / "x.csv"
        rows = [f"{n},{n / 7:.6f},{n / 3:.6f}" for n in range(points)]
        path.write_text("\n".join(["step,loss,lr", *rows, *last, ""]))
        made = 0

        def seen(frame: FrameType, event: str, arg: object) -> None:
            nonlocal made
            made += event in ("call", "c_call")

        sys.setprofile(seen)
        try:
            run = read(path)
        finally:
            sys.setprofile(None)
        assert len(run.series["loss"]) == points
        return made

    calls(100), calls(100, "broken")  # imports call too
    few, many = 2_000, 16_000
    assert calls(many) < calls(few) + 100
    assert calls(many, "broken") < calls(few, "broken") + 100


BEGINS_SHORT = "step,loss,lr,act,norm\n0,4.2,0.1\n1,3.9,0.1,0.5,1\n2,3.7,0.1,0.5,1\n"


def test_a_first_row_may_lack_what_is_measured_from_the_first_step_on(table: Any) -> None:
    run = table(BEGINS_SHORT)
    assert points(run, "loss") == [(0, 4.2), (1, 3.9), (2, 3.7)]
    assert [step for step, _ in points(run, "act")] == [1, 2]
    assert [(i.place, i.kind, i.dropped) for i in run.incidents] == [("line 2", "short_row", 0)]


@pytest.mark.parametrize(
    "text",
    [
        BEGINS_SHORT.replace("0,4.2,0.1\n", "0,4.2\n"),
        BEGINS_SHORT.replace("0,4.2,0.1\n", "0,4.2,Killed\n"),
        BEGINS_SHORT.replace("0,4.2,0.1\n", "0,4.2,\n"),
        BEGINS_SHORT.replace("0,4.2,0.1\n", "1,4.2,0.1\n"),
        BEGINS_SHORT.replace("1,3.9,0.1,0.5,1\n", "1,3.9,0.1\n"),
    ],
)
def test_a_first_row_that_may_be_something_else_is_left_out(table: Any, text: str) -> None:
    assert ("line 2", "unreadable_row", 1) in kinds(table(text))
