"""The clinic trains as torch.optim does, keeps its members apart and its work on disk, and writes cards as fitted.

Everything is tiny: a few members, a few dozen steps. Frameworks are imported where they are used, so that collecting
this file needs none of them.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmarks.clinic.standing import Direction, Standing, Truth, read_truth
from lrdoctor.detectors import rate_odds
from lrdoctor.detectors._symptoms import PHRASES
from lrdoctor.doctor import read
from lrdoctor.model import Floats, Role, Run
from lrdoctor.roles import RoleNames
from lrdoctor.testing import constant_rate, descent, evaluated, make_run

if TYPE_CHECKING:
    from benchmarks.clinic.ensemble import Member, Recorded
    from benchmarks.clinic.tasks import Task
    from benchmarks.clinic.weigh import Cases

pytestmark = pytest.mark.frameworks

STEPS = 50
OPTIMIZERS = ("sgd", "adam", "adamw")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    import torch

    # Here and not where numbers have 64 bits: the tasks keep what they make.
    import benchmarks.clinic.tasks  # noqa: F401

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def double() -> Iterator[None]:
    """Numbers of 64 bits, so that only a real difference makes one."""
    import torch

    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def small() -> Task:
    """Six columns, three classes, one hidden layer."""
    import torch

    from benchmarks.clinic.nets import perceptron
    from benchmarks.clinic.tasks import Task

    def make() -> tuple[Any, Any, Any, Any]:
        generator = torch.Generator().manual_seed(1)
        x = torch.randn(400, 6, generator=generator)
        y = (x[:, :3] + 0.3 * torch.randn(400, 3, generator=generator)).argmax(1)
        return x[80:], y[80:], x[:80], y[:80]

    shapes, forward = perceptron(6, 8, 3)
    rates = {"sgd": 0.1, "adam": 0.01, "adamw": 0.01}
    return Task(name="small", make=make, shapes=shapes, forward=forward, rates=rates, steps=STEPS, batch=16)


def waxing_and_waning(peak: float, steps: int = STEPS) -> Floats:
    """A rate that changes at every step, in numbers that 32 bits hold."""
    rate = peak * (0.55 - 0.45 * np.cos(2 * np.pi * np.arange(steps) / (steps - 1)))
    return np.asarray(rate.astype(np.float32), dtype=np.float64)


def member(rates: Floats, seed: int = 0, **more: Any) -> Member:
    from benchmarks.clinic.ensemble import Member

    return Member(rates=rates, seed=seed, **more)


def log_in(folder: Path) -> Run:
    runs, problems = read([folder], RoleNames())
    assert not problems
    [run] = runs
    return run


def assert_same(one: Recorded, two: Recorded, rel: float) -> None:
    for name in ("loss", "grad_norm", "val_steps", "val_loss", "val_accuracy"):
        assert getattr(one, name) == pytest.approx(getattr(two, name), rel=rel, abs=1e-7, nan_ok=True), name


# ----------------------------------------------------------------------------------------------------------- optimizers


def reference(task: Task, optimizer: str, trained: Member) -> tuple[Floats, Floats, Floats]:
    """Loss and gradient norm of every step and the validation loss before it, as torch's own layers train."""
    import torch

    from benchmarks.clinic.ensemble import _batches

    data = task.data()
    first, second = torch.nn.Linear(6, 8), torch.nn.Linear(8, 3)
    net = torch.nn.Sequential(first, torch.nn.ReLU(), second)
    named = task._named(task.initial(torch.Generator().manual_seed(trained.seed)))
    with torch.no_grad():
        for layer, name in ((first, "layer0"), (second, "layer1")):
            layer.weight.copy_(named[name].T)
            layer.bias.copy_(named[f"{name}_bias"])
    optimizers: Mapping[str, Callable[[], Any]] = {
        "sgd": lambda: torch.optim.SGD(net.parameters(), lr=1.0, momentum=0.9),
        "adam": lambda: torch.optim.Adam(net.parameters(), lr=1.0),
        "adamw": lambda: torch.optim.AdamW(net.parameters(), lr=1.0),
    }
    stepped = optimizers[optimizer]()
    losses, norms, judged = [], [], []
    batches = _batches(task, trained, len(trained.rates), len(data.x))
    for step, (chosen, rate) in enumerate(zip(batches, trained.rates, strict=True)):
        with torch.no_grad():
            judged.append(torch.nn.functional.cross_entropy(net(data.x_val), data.y_val).item())
        if step == trained.resumed_at:
            stepped = optimizers[optimizer]()
        stepped.param_groups[0]["lr"] = float(rate)
        stepped.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(data.x[chosen]), data.y[chosen])
        loss.backward()
        losses.append(loss.item())
        norms.append(torch.nn.utils.clip_grad_norm_(net.parameters(), trained.clip).item())
        stepped.step()
    return np.array(losses), np.array(norms), np.array(judged)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("more", [{}, {"clip": 0.3}, {"resumed_at": 20}, {"clip": 0.5, "resumed_at": 31}])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_updates_are_those_of_torch(small: Task, optimizer: str, more: dict[str, Any]) -> None:
    from benchmarks.clinic.ensemble import train

    rates = waxing_and_waning(3 * small.rates[optimizer])
    # One of three, each with its own seed and rate: none gets another's.
    members = [member(f * rates, seed, **more) for seed, f in ((3, 1.0), (4, 0.25), (5, 2.0))]
    for trained, got in zip(members, train(small, optimizer, members), strict=True):
        loss, norm, judged = reference(small, optimizer, trained)
        assert loss == pytest.approx(got.loss, rel=1e-5)
        assert norm == pytest.approx(got.grad_norm, rel=1e-5)
        assert judged[got.val_steps] == pytest.approx(got.val_loss, rel=1e-5)
        assert got.rates is trained.rates
        assert loss[-1] < loss[0]
        # The clipping and the loss of state had something to do.
        if more:
            plain, _, _ = reference(small, optimizer, member(trained.rates, trained.seed))
            assert plain != pytest.approx(got.loss, rel=1e-3)


def test_the_last_validations_are_the_final_loss(small: Task) -> None:
    from benchmarks.clinic.ensemble import train

    [got] = train(small, "sgd", [member(waxing_and_waning(0.1))])
    assert got.val_steps[0] == 0
    assert got.val_steps[-1] == STEPS - 1
    assert got.final == pytest.approx(got.val_loss[-3:].mean())
    assert ((got.val_accuracy >= 0) & (got.val_accuracy <= 1)).all()


# -------------------------------------------------------------------------------------------------------------- members


@pytest.mark.parametrize("name", ["conv_shapes", "text_transformer", "walks", "ratings"])
def test_no_member_sees_another(name: str) -> None:
    from benchmarks.clinic.ensemble import train
    from benchmarks.clinic.tasks import TASKS

    task, steps = TASKS[name], 12
    optimizer, rate = next(iter(task.rates.items()))
    sound = [member(np.full(steps, rate * f), seed) for seed, f in ((1, 1.0), (2, 0.3), (3, 0.5))]
    lost = member(np.full(steps, np.nan), 4)
    [alone] = train(task, optimizer, [sound[1]])
    together = train(task, optimizer, [sound[0], lost, *sound[1:]])
    assert np.isfinite(together[1].loss[0])
    assert np.isnan(together[1].loss[1:]).all()
    assert np.isnan(together[1].final)
    for got, apart in zip([together[0], *together[2:]], train(task, optimizer, sound), strict=True):
        assert np.isfinite(got.loss).all()
        assert_same(got, apart, rel=1e-4)
    assert_same(together[2], alone, rel=1e-4)


def test_a_crowd_is_trained_in_parts_and_in_order(small: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.clinic import ensemble

    members = [member(np.full(20, 0.02 * (1 + seed)), seed) for seed in range(7)]
    whole = ensemble.train(small, "adam", members)
    monkeypatch.setattr(ensemble, "CHUNK", 3)
    parts = ensemble.train(small, "adam", members)
    assert len(whole) == len(parts) == len(members)
    for one, two in zip(whole, parts, strict=True):
        assert_same(one, two, rel=1e-4)
    assert len({got.loss[0] for got in whole}) == len(members)


def test_mishaps_touch_their_member_alone_and_from_their_step_on(small: Task) -> None:
    from benchmarks.clinic.ensemble import FEW, _batches, train

    rates = np.full(30, 0.05)
    plain, broken, noisy, few = train(
        small,
        "sgd",
        [
            member(rates),
            member(rates, bad_batches=range(10, 13)),
            member(rates, noisy_labels=True),
            member(rates, few_examples=True),
        ],
    )
    assert broken.loss[:10] == pytest.approx(plain.loss[:10])
    assert broken.loss[10] > 2 * plain.loss[10]
    assert noisy.val_loss[0] == pytest.approx(plain.val_loss[0])
    assert noisy.loss[-10:].mean() > 1.1 * plain.loss[-10:].mean()
    assert noisy.val_loss[-1] > plain.val_loss[-1]
    examples = len(small.data().x)
    for some, there in ((False, examples), (True, max(small.batch, examples // FEW))):
        batches = _batches(small, member(rates, few_examples=some), 30, examples)
        assert batches.shape == (30, small.batch)
        assert int(batches.max()) < there
        # Within an epoch no example comes twice.
        epoch = batches[: there // small.batch].flatten()
        assert len(epoch.unique()) == len(epoch)
    assert few.loss[-5:].mean() < plain.loss[-5:].mean()


# ---------------------------------------------------------------------------------------------------------------- tasks


def test_every_task_learns_at_its_own_rate() -> None:
    import torch

    from benchmarks.clinic.ensemble import train
    from benchmarks.clinic.tasks import HELD_OUT, TASKS

    assert set(TASKS) > HELD_OUT
    for name, task in TASKS.items():
        assert task.name == name
        data = task.data()
        assert len(data.x) == len(data.y) == len(data.y_noisy) >= task.batch, name
        assert len(data.x_val) == len(data.y_val), name
        assert data.x.shape[1:] == data.x_val.shape[1:], name
        assert data.y.shape == data.y_noisy.shape, name
        assert not torch.equal(data.y, data.y_noisy), name
        assert task.initial(torch.Generator()).shape == (sum(math.prod(s) for s in task.shapes.values()),), name
        classes = task.kind == "classes"
        for optimizer, rate in task.rates.items():
            for got in train(task, optimizer, [member(np.full(30, rate), seed) for seed in (0, 1)]):
                what = f"{name}, {optimizer}"
                assert got.loss.shape == got.grad_norm.shape == (30,), what
                assert got.val_steps.shape == got.val_loss.shape == got.val_accuracy.shape == (30,), what
                assert np.isfinite(got.loss).all(), what
                assert np.isfinite(got.val_loss).all(), what
                assert (got.grad_norm > 0).all(), what
                assert got.val_loss[-1] < got.val_loss[0], what
                assert (got.val_loss > task.floor).all(), what
                assert np.isnan(got.val_accuracy).all() != classes, what


def test_broken_batches_are_worse() -> None:
    import torch

    from benchmarks.clinic.tasks import TASKS

    for name in ("deep_table", "text_transformer", "recall"):
        task = TASKS[name]
        data = task.data()
        weights = task.initial(torch.Generator().manual_seed(0))
        x, y = data.x[:16], data.y[:16]
        spoiled = task.broken(x.unsqueeze(0), y.unsqueeze(0))
        assert [a.shape[1:] for a in spoiled] == [x.shape, y.shape]
        assert not all(torch.equal(a[0], b) for a, b in zip(spoiled, (x, y), strict=True))
        assert task.loss(weights, spoiled[0][0], spoiled[1][0]).isfinite()


# ------------------------------------------------------------------------------------------------------------- patients


@pytest.mark.parametrize("steps", [45, 800, 1501])
def test_every_regimen_is_a_rate_for_every_step(steps: int) -> None:
    from benchmarks.clinic.patients import scenarios

    best = 0.03
    names = []
    for name, factor, regimen in scenarios(best):
        names.append(name)
        rates = regimen.rates(steps)
        assert rates.shape == (steps,), name
        assert np.isfinite(rates).all(), name
        assert (rates >= 0).all(), name
        assert regimen.peak == pytest.approx(factor * best, rel=0.01), name
        warmup = round(round(steps * regimen.planned) * regimen.warmup)
        assert rates.max() <= regimen.peak * (1 + 1e-12), name
        reached = regimen.law != "one_cycle" and warmup <= steps
        assert rates.max() == pytest.approx(regimen.peak, rel=1e-9 if reached else 0.06), name
        if warmup:
            risen = rates[: min(warmup, steps)]
            assert risen == pytest.approx(regimen.peak * np.arange(1, len(risen) + 1) / warmup), name
        elif regimen.law not in ("one_cycle", "cyclical"):
            assert rates[0] == regimen.peak, name
        if regimen.law == "constant":
            assert (rates == regimen.peak).all(), name
        if regimen.again_at:
            again = round(regimen.again_at * steps)
            assert rates[again:] == pytest.approx(rates[: steps - again]), name
        made = regimen.member(steps, seed=5)
        assert made.rates == pytest.approx(rates), name
        assert (made.seed, made.clip) == (5, math.inf), name
        assert len(made.bad_batches) == (3 if regimen.bad_batches_at else 0), name
        assert all(0 <= step < steps for step in made.bad_batches), name
        assert made.resumed_at == (round(regimen.resumed_at * steps) if regimen.resumed_at else -1), name
    assert len(set(names)) == len(names)


def test_schedules_end_where_their_names_say() -> None:
    from benchmarks.clinic.patients import scenarios

    regimens = {name: regimen for name, _, regimen in scenarios(1.0)}
    ends = {name: regimen.rates(1000)[-1] for name, regimen in regimens.items()}
    for name in ("healthy_cosine", "healthy_linear", "healthy_onecycle", "healthy_wsd", "restarts", "cosine_short"):
        assert ends[name] < 0.01, name
    assert ends["healthy_exponential"] == pytest.approx(math.exp(-3), rel=0.01)
    assert ends["healthy_step"] == pytest.approx(0.01)
    assert ends["restarts_end_high"] > 0.5
    assert ends["cosine_cut"] > 0.8
    assert ends["warmup_never_ends"] > 0.9
    assert (regimens["cosine_short"].rates(1000)[200:] < 1e-9).all()


def test_patients_have_rates_that_are_not_round_and_the_same_each_time() -> None:
    from benchmarks.clinic.patients import patients, scenarios

    sick, again, other = patients(0.1, seed=3), patients(0.1, seed=3), patients(0.1, seed=4)
    assert sick == again
    assert sick != other
    assert len({patient.seed for patient in (*sick, *other)}) == 2 * len(sick)
    for patient, (name, factor, regimen) in zip(sick, scenarios(0.1), strict=True):
        assert patient.scenario == name
        assert 0.85 < patient.factor / factor < 1.16
        assert patient.regimen.peak / regimen.peak == pytest.approx(patient.factor / factor)
        assert replace(patient.regimen, peak=regimen.peak) == regimen


def test_remedies_change_one_thing_each() -> None:
    from benchmarks.clinic.patients import patients, remedies

    for patient in patients(0.1, seed=3):
        was = patient.regimen
        tried = remedies(patient, clip=0.7)
        assert {name for name, _ in tried} >= {"lower", "raise", "decay", "clip"}
        assert ("warmup" in {name for name, _ in tried}) is (was.warmup == 0)
        for name, now in tried:
            if name == "lower":
                assert now == replace(was, peak=now.peak)
                assert now.peak < was.peak
            elif name == "raise":
                assert now == replace(was, peak=now.peak)
                assert now.peak > was.peak
            elif name == "clip":
                assert now == replace(was, clip=0.7)
            elif name == "warmup":
                assert now == replace(was, warmup=now.warmup)
            else:
                assert (now.law, now.peak, now.clip, now.resumed_at) == ("cosine", was.peak, was.clip, was.resumed_at)
                assert now.rates(400)[-1] < 0.01 * was.peak


# --------------------------------------------------------------------------------------------------------------- stages


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cell through all stages, in a few seconds."""
    from benchmarks.clinic import stages

    out = tmp_path_factory.mktemp("clinic")
    [cell] = stages.cells(only="bags-sgd", shrink=0.03)
    stages.examine(cell, out)
    stages.write_logs([cell], out)
    return out


def test_every_patient_has_a_log_and_a_truth(trained: Path) -> None:
    from benchmarks.clinic import stages
    from benchmarks.clinic.patients import scenarios

    [cell] = stages.cells(only="bags-sgd", shrink=0.03)
    assert (cell.name, cell.split, cell.steps) == ("bags-sgd", "heldout", 45)
    sweep = stages.sweep(cell, trained)
    assert sweep.best <= np.nanmin(sweep.annealed) < sweep.first
    for kind in ("logs", "steps"):
        folder = trained / kind / "heldout"
        truths = read_truth(folder)
        assert [truth.scenario for truth in truths] == [name for name, _, _ in scenarios(1.0)]
        assert {path.name for path in folder.iterdir()} == {truth.run for truth in truths} | {"truth.csv"}
        for truth in truths:
            assert (truth.steps, truth.floor) == (45, cell.task.floor)
            assert truth.first == pytest.approx(sweep.first)
            assert truth.good_low <= sweep.best_rate <= truth.good_high
            # What was best known can be missed, and a remedy that is no better than the run itself gains nothing.
            assert all(gain >= 0 for gain in truth.gains.values())
            if truth.scenario.startswith(("overfit", "label_noise")):
                assert truth.regret >= 0
            elif math.isfinite(truth.final):
                assert truth.regret == pytest.approx((truth.final - sweep.best) / (sweep.first - sweep.best))
    standings = {truth.scenario: truth.standing for truth in truths}
    assert standings["constant_x100"] is Standing.DIVERGED
    assert standings["constant_d100"] is Standing.FAULTY
    helpful = {truth.scenario: truth.helpful for truth in truths}
    assert helpful["constant_x100"] == {Direction.LOWER}
    assert helpful["constant_d100"] == {Direction.RAISE}


def test_a_log_has_what_the_training_gave(trained: Path) -> None:
    from benchmarks.clinic import stages

    [cell] = stages.cells(only="bags-sgd", shrink=0.03)
    _, _, recorded = next(iter(stages.truths(cell, trained)))
    run = log_in(trained / "steps" / "heldout" / "bags-sgd-healthy_cosine")
    for role, values in (
        (Role.TRAIN_LOSS, recorded.loss),
        (Role.LR, recorded.rates),
        (Role.VAL_LOSS, recorded.val_loss),
    ):
        series = run[role]
        assert series is not None, role
        assert series.values == pytest.approx(values, rel=1e-5), role
    loss = run[Role.TRAIN_LOSS]
    assert loss is not None
    assert loss.steps.tolist() == list(range(45))


@pytest.mark.parametrize(("every", "averaged"), [(1, False), (5, False), (5, True), (2, True)])
def test_a_log_is_written_as_its_logger_would(tmp_path: Path, small: Task, every: int, averaged: bool) -> None:
    from benchmarks.clinic.ensemble import train
    from benchmarks.clinic.stages import write_run

    [recorded] = train(small, "sgd", [member(waxing_and_waning(0.1, 63))])
    write_run(tmp_path / "run" / "metrics.csv", recorded, every=every, averaged=averaged)
    run = log_in(tmp_path / "run")
    loss, val = run[Role.TRAIN_LOSS], run[Role.VAL_LOSS]
    assert loss is not None
    assert val is not None
    assert val.steps.tolist() == recorded.val_steps.tolist()
    if averaged:
        assert loss.steps[0] == every - 1
        assert loss.values[0] == pytest.approx(recorded.loss[:every].mean(), rel=1e-5)
    else:
        assert loss.values == pytest.approx(recorded.loss[::every], rel=1e-5)


def test_nothing_is_done_twice(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.clinic import stages

    def never(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(stages, "train", never)
    cells = stages.cells(only="bags-sgd", shrink=0.03)
    table = trained / "steps" / "heldout" / "truth.csv"
    was = table.read_text()
    log = (trained / "logs" / "heldout" / "bags-sgd-restarts" / "metrics.csv").read_text()
    stages.examine(cells[0], trained)
    stages.write_logs(cells, trained)
    assert table.read_text() == was
    assert (trained / "logs" / "heldout" / "bags-sgd-restarts" / "metrics.csv").read_text() == log
    assert not list(trained.rglob("*.part*"))
    with pytest.raises(AssertionError, match="trained again"):
        stages.examine(stages.cells(only="bags-adamw", shrink=0.03)[0], trained)


# ------------------------------------------------------------------------------------------------------------- weighing


def made_cases(count: int = 900, *, seed: int = 0) -> Cases:
    """Answers that hang on three symptoms, among others that are idle, often unknown, always unknown or constant."""
    from benchmarks.clinic.weigh import Cases

    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, len(PHRASES)))
    x[rng.random(x.shape) < 0.2] = np.nan
    x[:, -1], x[:, -2] = np.nan, 0.5
    pull = 3 * np.nan_to_num(x[:, :3])
    scores = np.column_stack([np.zeros(count), pull]) + rng.gumbel(size=(count, 4))
    return Cases(
        x=x,
        y=np.array(rate_odds.ANSWERS)[scores.argmax(1)],
        weight=rng.uniform(0.1, 1.0, count),
        task=np.array(["a", "b", "c"])[rng.integers(3, size=count)],
        run=np.arange(count).astype(str),
    )


def summed(card: dict[str, Any], row: Floats) -> Floats:
    """A card's sum, entry after entry."""
    total = np.array(card["base"])
    for name, value in zip(PHRASES, row.tolist(), strict=True):
        if name in card["symptoms"] and not math.isnan(value):
            entry = card["symptoms"][name]
            total = total + entry["points"][bisect_right(entry["edges"], value)]
    return total


def test_a_card_says_what_was_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.clinic.weigh import card, fit

    cases = made_cases()
    fitted = fit(cases)
    written = json.loads(json.dumps(card(fitted, 1.3)))
    assert set(list(PHRASES)[:3]) <= set(written["symptoms"])
    assert not set(list(PHRASES)[-2:]) & set(written["symptoms"])
    rounding = 0.0005 * (1 + len(written["symptoms"])) + 1e-6
    scores = fitted.scores(cases.x)
    for row, expected in zip(cases.x, scores, strict=True):
        assert summed(written, row) == pytest.approx(expected, abs=rounding)
    # And the detector reads it the same way.
    kinds = ("validation", "validation and rate", "training", "training and rate")
    monkeypatch.setattr(rate_odds, "cards", lambda: dict.fromkeys(kinds, written))
    made = descent()
    run = make_run(train_loss=made.values, val_loss=evaluated(made), lr=constant_rate())
    for row, expected in zip(cases.x[:50], scores, strict=False):
        seen = dict(zip(PHRASES, row.tolist(), strict=True))
        monkeypatch.setattr(rate_odds, "symptoms", lambda _, seen=seen: seen)
        [finding] = rate_odds.detect(run, rate_odds.Settings())
        odds = [finding.sound, finding.too_low, finding.too_high, finding.unannealed]
        assert odds == pytest.approx(rate_odds.softmax(expected / 1.3).tolist(), abs=rounding)


def test_a_fit_finds_what_the_answers_hang_on() -> None:
    from benchmarks.clinic.weigh import card, fit

    written: dict[str, Any] = card(fit(made_cases()), 1.0)
    for column, name in enumerate(list(PHRASES)[:3], start=1):
        points = np.array(written["symptoms"][name]["points"])
        assert points[-1, column] > points[0, column] + 1
    fresh = made_cases(seed=1)
    said = np.array([summed(written, row).argmax() for row in fresh.x])
    right = np.array([rate_odds.ANSWERS.index(a) for a in fresh.y])
    assert (said == right).mean() > 0.5


def test_no_card_sees_the_task_that_it_is_tried_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.clinic import weigh

    cases = made_cases(300)
    seen: list[set[str]] = []

    class Stub:
        def __init__(self, tasks: set[str]) -> None:
            self.number = len(seen)
            seen.append(tasks)

        def scores(self, x: Floats) -> Floats:
            return np.full((len(x), 4), float(self.number))

    monkeypatch.setattr(weigh, "fit", lambda some: Stub(set(some.task.tolist())))
    scores = weigh.left_out_scores(cases)
    assert seen == [{"b", "c"}, {"a", "c"}, {"a", "b"}]
    assert scores[:, 0].tolist() == ["abc".index(task) for task in cases.task]


@pytest.mark.parametrize("heat", [0.7, 1.0, 2.5])
def test_the_temperature_makes_odds_true(heat: float) -> None:
    from benchmarks.clinic.weigh import temperature

    rng = np.random.default_rng(0)
    scores = 3 * rng.standard_normal((6000, 4))
    drawn = (scores / heat + rng.gumbel(size=scores.shape)).argmax(1)
    cases = replace(made_cases(6000), y=np.array(rate_odds.ANSWERS)[drawn], weight=np.ones(6000))
    assert temperature(scores, cases) == pytest.approx(heat, rel=0.1)


def truth(scenario: str = "constant_best", **changed: Any) -> Truth:
    sound: dict[str, Any] = {
        "run": "a",
        "scenario": scenario,
        "steps": 100,
        "peak_lr": 0.1,
        "floor": 0.0,
        "first": 2.0,
        "final": 0.5,
        "own_best": 0.5,
        "best_known": 0.5,
        "regret": 0.0,
        "gains": dict.fromkeys(Direction, 0.0),
        "good_low": 0.1,
        "good_high": 0.1,
    }
    return Truth(**sound | changed)


def test_the_right_answer_is_what_helped_most() -> None:
    from benchmarks.clinic.weigh import answer

    def faulty(gains: Mapping[Direction, float], scenario: str = "constant_best") -> Truth:
        every = dict.fromkeys(Direction, 0.0) | dict(gains)
        return truth(scenario, regret=0.2, final=0.8, own_best=0.8, gains=every)

    lower, higher, anneal, clip = Direction
    assert answer(truth()) == "sound"
    assert answer(truth(regret=0.05)) is None
    assert answer(faulty({lower: 0.1})) == "too_high"
    assert answer(faulty({higher: 0.1})) == "too_low"
    assert answer(faulty({anneal: 0.1})) == "unannealed"
    assert answer(faulty({anneal: 0.1, lower: 0.12})) == "too_high"
    # What only clipping helps, or nothing, or what the data did, says nothing of the rate.
    assert answer(faulty({clip: 0.1})) is None
    assert answer(faulty({})) is None
    assert answer(faulty({lower: 0.1}, "overfit_constant")) is None
    assert answer(truth("label_noise")) is None


def test_every_logging_of_a_run_shares_its_vote(trained: Path) -> None:
    from benchmarks.clinic import stages
    from benchmarks.clinic.weigh import as_run, gather, loggings

    cells = stages.cells(only="bags-sgd", shrink=0.03)
    cases = gather(cells, trained)
    assert cases.x.shape == (len(cases.y), len(PHRASES))
    assert set(cases.task) == {"bags"}
    assert set(cases.y) <= set(rate_odds.ANSWERS)
    assert {"too_low", "too_high"} <= set(cases.y)
    for run in np.unique(cases.run):
        assert cases.weight[cases.run == run].sum() == pytest.approx(1.0)
        assert len(set(cases.y[cases.run == run])) == 1
    assert len(cases.only(cases.y == "too_low").y) == (cases.y == "too_low").sum()
    _, _, recorded = next(iter(stages.truths(cells[0], trained)))
    told = list(loggings(as_run("a", recorded)))
    kinds: Sequence[frozenset[Role]] = [frozenset(run.roles) for run in told]
    assert len(set(kinds)) == 6
    assert all(Role.TRAIN_LOSS in kind for kind in kinds)
