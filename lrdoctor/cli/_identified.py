"""The schedule that a run logged, as one line that can be typed and as JSON."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from lrdoctor import plugins
from lrdoctor.cli._plan import typed
from lrdoctor.draw import number
from lrdoctor.identify import Identified, identify, identify_all
from lrdoctor.model import Role, Run
from lrdoctor.reports._escape import plain
from lrdoctor.roles import RoleNames

LONGEST = 1000


def identified(run: Run) -> Identified | None:
    """The law of the logged rate, or None where there is none or no rate."""
    rate = run[Role.LR]
    return None if rate is None else identify(rate.steps, rate.values)


def planned_steps(found: Identified) -> int | None:
    """The length that the run was planned for, warm-up included; None for a law without an end."""
    own = plugins.schedule(found.plan.schedule).planned_steps(found.plan.params)
    return None if own is None else own + found.plan.warmup.steps


def as_line(run: Run, found: Identified | None) -> str:
    """`name: cosine --peak 0.03 --warmup 240 --steps 3000  (planned for 3,000 steps, residual 2e-7)`."""
    if run[Role.LR] is None:
        return plain(f"{run.name}: no learning rate was logged", LONGEST)
    if found is None:
        return plain(f"{run.name}: piecewise, unknown", LONGEST)
    planned = planned_steps(found)
    said = ["no planned end" if planned is None else f"planned for {planned:,} steps"]
    if found.interval_steps > 1:
        said.append(f"stepped every {found.interval_steps:,} steps")
    if found.averaged_steps > 1:
        said.append(f"logged as means over {found.averaged_steps:,} steps")
    if found.first_step:
        said.append(f"from step {found.first_step:,}")
    if found.mirrored:
        said.append("rising again beyond its end")
    if found.seams:
        said.append(f"resumed at {', '.join(f'{seam:,}' for seam in found.seams)}")
    said.append(f"residual {number(found.residual)}")
    return plain(f"{run.name}: {command(found)}  ({', '.join(said)})", LONGEST)


def groups(run: Run) -> list[str]:
    """Which rates of a run with several follow one schedule, and at which multiple of the first; a line each."""
    names = RoleNames()
    rates = {tag: (s.steps, s.values) for tag, s in run.series.items() if names.of(tag) is Role.LR}
    if len(rates) < 2:
        return []
    return [
        plain(
            f"  {', '.join(f'{tag} ({number(scale)}x)' for tag, scale in zip(g.tags, g.scales, strict=True))}: ",
            LONGEST,
        )
        + (plain(command(g.schedule), LONGEST) if g.schedule else "piecewise, unknown")
        for g in identify_all(rates)
    ]


def command(found: Identified) -> str:
    """What to type after `lrdoctor schedule show` to see it."""
    return typed(found.plan, max(found.resolution, found.residual))


def as_json(run: Run, found: Identified | None) -> dict[str, Any]:
    """What a program wants to know of it."""
    return {"name": run.name, "path": str(run.path), "schedule": None if found is None else _schedule(found)}


def _schedule(found: Identified) -> dict[str, Any]:
    plan = found.plan
    return {
        "kind": plan.schedule,
        "params": asdict(plan.params),
        "peak_lr": plan.peak_lr,
        "warmup_steps": plan.warmup.steps,
        "warmup": asdict(plan.warmup),
        "total_steps": plan.total_steps,
        "planned_steps": planned_steps(found),
        **{field.name: getattr(found, field.name) for field in fields(found) if field.name != "plan"},
        "command": f"lrdoctor schedule show {command(found)}",
    }
