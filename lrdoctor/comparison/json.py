"""The comparison for programs: strict JSON in ASCII, the same bytes for the same runs; see `comparison.schema.json`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, TextIO

from lrdoctor.comparison.table import Comparison, SweepTable, Table
from lrdoctor.reports._strict import strict
from lrdoctor.siblings.response import RateResponse

SCHEMA_VERSION = 1


def write(comparison: Comparison, out: TextIO) -> None:
    """Write the whole comparison as one JSON document."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "lrdoctor", "version": comparison.version},
        "families": [_family(table) for table in comparison.tables],
        "alone": comparison.alone,
        "errors": [asdict(problem) for problem in comparison.errors],
    }
    out.write(json.dumps(strict(document), indent=2, ensure_ascii=True, allow_nan=False) + "\n")


def _family(table: Table) -> dict[str, Any]:
    return {
        "metric": table.metric,
        "untrained": table.start,
        "kinship": table.kinship,
        "winner": table.rows[0].name if table.rows[0].final is not None else None,
        "runs": [asdict(row) for row in table.rows],
        "sweeps": [_sweep(sweep) for sweep in table.sweeps],
    }


def _sweep(sweep: SweepTable) -> dict[str, Any]:
    return {
        "optimizer": sweep.optimizer,
        "batch_size": sweep.batch_size,
        "winner": sweep.winner,
        "points": [{"peak_lr": rate, "final": final} for rate, final in sweep.points],
        "rates": sweep.rates,
        "noise": sweep.noise,
        "varies": [{"what": what, "confounded": with_rate} for what, with_rate in sweep.varies.items()],
        "response": None if sweep.response is None else _response(sweep.response),
    }


def _response(response: RateResponse) -> dict[str, Any]:
    return {
        "best_lr": response.best_rate,
        "low": response.low,
        "high": response.high,
        "expected": {"value": response.value, "low": response.value_low, "high": response.value_high},
        "on_border": response.on_border,
        "seed_spread": response.seed_spread,
        "rate_spread": response.rate_spread,
        "seeds_dominate": response.seeds_dominate,
        "next_lrs": response.next_rates,
        "rates": response.rates,
        "runs": response.runs,
        "curve": [{"lr": rate, "value": value} for rate, value in zip(response.grid, response.curve, strict=True)],
    }
