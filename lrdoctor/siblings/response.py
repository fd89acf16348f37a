"""The best peak rate of a sweep, with an interval: the loss as a Gaussian process over the logarithm of the rate.

Losses are counted as shares of the way down, (loss − best) / (untrained − best), between 0 and 1: what is worse than
untrained is no worse than that, so one heavy tail does not bend the curve. The process
(Rasmussen & Williams, Gaussian Processes for Machine Learning, 2006) is a parabola of unknown shape (section 2.7) and
around it a squared exponential kernel, whose length scale is not fitted but averaged over by marginal likelihood, from
half a decade to two. Published dense grids make the bowl about so wide: they lose 0.96, 0.35, 0.54 and 2.15 % of the
loss at a quarter, half, twice and four times the best rate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lrdoctor.model import Floats

LENGTHS = (0.5, 0.7, 1.0, 1.4, 2.0)
"""Length scales that are averaged over, in decades: a sweep is seldom finer than the first or wider than twice the
last."""
KNEE = 0.3
"""Shares well below are counted as they are, those above by their logarithm: else the wall of a divergence makes the
smooth curve dip below every loss that was seen."""
BOWL = 1.0
"""Prior standard deviation of the curvature: a share of 1 a decade from the middle of the sweep, from trained to
untrained."""
WOBBLE = 0.5
"""Prior standard deviation around the parabola: half the way."""
SCATTER = 0.01
"""Of a final loss between seeds, where no two runs tell, as a share of the way: a third of what a healthy run may miss
in `benchmarks/clinic`."""
MARGIN = 1.0
"""Decades beyond a border at which the best rate may still lie."""
GRID = 0.05
"""Decades between the rates that are looked at: 12 %, well within what any training notices."""
FINEST = 400
"""Rates looked at, at most."""
DRAWS = 400
"""Curves that the interval is taken from."""
NEGLIGIBLE = 1e-40
"""Of all weight: what adds so little to a sum does not change it."""
SAME_RATE = 0.01
"""Decades: rates that differ by 2 % are one rate, printed in fewer digits."""
BEYOND = (3.0, 10.0)
"""Where to look beyond a border, in multiples of the outermost rate: half a decade and a whole one, as in the sweeps of
the Tuning Playbook (Godbole et al., 2023)."""
TRIED = 0.08
"""Decades: a rate this near to one that was tried, by a fifth, teaches nothing new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateResponse:
    """Where the best peak rate of a sweep lies, and how well that is known."""

    best_rate: float
    """Where the loss is expected to be lowest, within the range that was tried."""
    low: float
    """From here to `high` the best rate lies with a probability of 80 %."""
    high: float
    value: float
    """Final loss to expect at `best_rate`."""
    value_low: float
    """From here to `value_high` it lies with a probability of 90 %."""
    value_high: float
    on_border: str | None
    """low or high where the best rate that was tried is the lowest or highest of them, so that the optimum may lie
    beyond; None where it is bracketed."""
    seed_spread: float | None
    """Standard deviation of the final loss between runs at one rate, as a share of the way down; None below two
    repetitions."""
    rate_spread: float
    """Standard deviation of the same between the rates that did not diverge."""
    next_rates: tuple[float, ...]
    """What to try next, the most telling first; one to three."""
    rates: int
    """How many rates were tried."""
    runs: int
    grid: tuple[float, ...]
    """Rates at which the curve is drawn, ascending."""
    curve: tuple[float, ...]
    """The final loss to expect at each."""

    @property
    def seeds_dominate(self) -> bool:
        """Whether runs at one rate differ by more than rates do, so that the sweep says little about the rate."""
        return self.seed_spread is not None and self.seed_spread > self.rate_spread


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Tried:
    """The sweep, rate by rate, ascending."""

    log_rates: Floats
    shares: Floats
    """Mean share of the way that was missed, from 0 to 1; 1 where the rate diverged."""
    counts: Floats
    spread: float | None


def respond(rates: Sequence[float], losses: Sequence[float | None], start: float) -> RateResponse | None:
    """What a sweep says of the rate, or None where it says nothing.

    `rates` are peak rates above 0; `losses` the final loss of each run, None for one that diverged; `start` the loss of
    the untrained net. At least three different rates are needed, two of them with a final loss below `start`.
    """
    known = [loss for loss in losses if loss is not None]
    if not known or not min(known) < start:
        return None
    best = min(known)
    way = start - best
    tried = _tried(rates, [None if loss is None else (loss - best) / way for loss in losses])
    if len(tried.log_rates) < 3 or (tried.shares < 1).sum() < 2:
        return None
    lowest = int(tried.shares.argmin())
    border = {0: "low", len(tried.shares) - 1: "high"}.get(lowest)
    grid = _grid(tried.log_rates, border)
    mean, sigma, draws = _posterior(tried, grid)
    within = (grid >= tried.log_rates[0] - 1e-9) & (grid <= tried.log_rates[-1] + 1e-9)
    at = int(np.flatnonzero(within)[mean[within].argmin()]) if border is None else _nearest(grid, tried, lowest)
    low, high = np.quantile(grid[draws.argmin(1)], (0.1, 0.9))
    # A loss that is never negative stays so.
    floor = 0.0 if best >= 0 else -math.inf
    # The curve's own uncertainty, and that of one more run on it.
    band = 1.645 * math.hypot(sigma[at], _scatter(tried) * float(_slope(_opened(mean[at]).clip(0))))
    value, value_low, value_high = (
        max(best + way * float(_opened(height)), floor) for height in (mean[at], mean[at] - band, mean[at] + band)
    )
    return RateResponse(
        best_rate=_rate(grid[at]),
        low=_rate(min(low, grid[at])),
        high=_rate(max(high, grid[at])),
        value=value,
        value_low=value_low,
        value_high=value_high,
        on_border=border,
        seed_spread=tried.spread,
        rate_spread=_rate_spread(tried),
        next_rates=_next(tried, lowest, border, float(grid[at])),
        rates=len(tried.log_rates),
        runs=len(losses),
        grid=tuple(_rate(x) for x in grid),
        curve=tuple(np.maximum(best + way * _opened(mean), floor).tolist()),
    )


def _tried(rates: Sequence[float], shares: Sequence[float | None]) -> _Tried:
    """The runs gathered by rate; what diverged is as bad as untrained, and so is everything above it."""
    order = np.argsort(np.asarray(rates), kind="stable")
    places: list[list[int]] = []
    for i in order.tolist():
        if places and math.log10(rates[i] / rates[places[-1][0]]) <= SAME_RATE:
            places[-1].append(i)
        else:
            places.append([i])
    means: list[float] = []
    bad: list[int] = []
    squares, spare = 0.0, 0
    for place, there in enumerate(places):
        kept = [share for i in there if (share := shares[i]) is not None]
        # A rate at which most runs diverge is no rate to train with.
        if 2 * len(kept) < len(there):
            bad.append(place)
        means.append(1.0 if place in bad else min(max(float(np.mean(kept)), 0.0), 1.0))
        if place not in bad and len(kept) > 1:
            squares += float(np.var(np.minimum(kept, 1.0))) * len(kept)
            spare += len(kept) - 1
    # A divergence below the best rate had another cause than the rate.
    above = [i for i in bad if i > int(np.argmin(means))]
    if above:
        means[above[0] :] = [1.0] * (len(means) - above[0])
    return _Tried(
        log_rates=np.array([math.log10(rates[there[0]]) for there in places]),
        shares=np.array(means),
        counts=np.array([float(len(there)) for there in places]),
        spread=math.sqrt(squares / spare) if spare > 1 else None,
    )


def _grid(log_rates: Floats, border: str | None) -> Floats:
    """Rates to look at: the range that was tried, and on the side of a border so much more."""
    low = log_rates[0] - (MARGIN if border == "low" else 0.0)
    high = log_rates[-1] + (MARGIN if border == "high" else 0.0)
    count = min(max(round((high - low) / GRID), 10), FINEST)
    # With the rates that were tried, whose loss is known best.
    return np.unique(np.concatenate([np.linspace(low, high, count + 1), log_rates]))


def _posterior(tried: _Tried, grid: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean and standard deviation of the share at each rate of the grid, and curves drawn from it, shape (draws, n)."""
    from sklearn import config_context
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct

    centre = (tried.log_rates[0] + tried.log_rates[-1]) / 2
    known, asked = tried.log_rates[:, None] - centre, grid[:, None] - centre
    heights = _pressed(tried.shares)
    # The same scatter is less of a pressed share the higher that is.
    scatter = (_scatter(tried) * _slope(tried.shares)) ** 2 / tried.counts
    bowl = ConstantKernel(BOWL**2, "fixed") * DotProduct(1.0, "fixed") ** 2
    kernels = [bowl + ConstantKernel(WOBBLE**2, "fixed") * RBF(length, "fixed") for length in LENGTHS]
    # Everything here is finite and of the right kind; to check that takes a tenth of the time of a sweep of few rates.
    with config_context(assume_finite=True, skip_parameter_validation=True):
        fitted = [GaussianProcessRegressor(k, alpha=scatter, optimizer=None).fit(known, heights) for k in kernels]
        evidence = np.array([process.log_marginal_likelihood_value_ for process in fitted])
        weights = np.exp(evidence - evidence.max())
        weights /= weights.sum()
        # A wide sweep leaves one length scale, and what the others say would be lost in rounding.
        fitted = [process for process, w in zip(fitted, weights, strict=True) if w >= NEGLIGIBLE]
        weights = weights[weights >= NEGLIGIBLE]
        means, covariances = zip(*(process.predict(asked, return_cov=True) for process in fitted), strict=True)
    mean = np.einsum("k,kn->n", weights, means)
    variance = sum(
        w * (np.diag(c).clip(0) + (m - mean) ** 2) for w, m, c in zip(weights, means, covariances, strict=True)
    )
    rng = np.random.default_rng(0)
    draws = [
        m + rng.standard_normal((count, len(grid))) @ _root(c).T
        for w, m, c in zip(weights, means, covariances, strict=True)
        if (count := round(w * DRAWS))
    ]
    return mean, np.sqrt(np.asarray(variance)), np.concatenate(draws)


def _scatter(tried: _Tried) -> float:
    """Standard deviation between seeds as a share; never less than what is usual."""
    return max(tried.spread or SCATTER, SCATTER)


def _pressed(shares: Floats) -> Floats:
    """Shares as heights from 0 to 1 in which the bowl counts for more and the walls for less."""
    return np.asarray(np.log1p(shares / KNEE) / math.log1p(1 / KNEE))


def _opened(heights: Floats | float) -> Floats:
    """Heights as shares again."""
    return np.asarray(KNEE * np.expm1(np.asarray(heights) * math.log1p(1 / KNEE)))


def _slope(shares: Floats) -> Floats:
    return np.asarray(1 / ((KNEE + shares) * math.log1p(1 / KNEE)))


def _root(covariance: Floats) -> Floats:
    """A square root of a covariance matrix, which rounding may have robbed of its definiteness."""
    values, vectors = np.linalg.eigh(covariance)
    root: Floats = vectors * np.sqrt(values.clip(0))
    return root


def _nearest(grid: Floats, tried: _Tried, lowest: int) -> int:
    return int(np.abs(grid - tried.log_rates[lowest]).argmin())


def _rate_spread(tried: _Tried) -> float:
    sound = tried.shares[tried.shares < 1]
    return float(sound.std(ddof=1))


def _next(tried: _Tried, lowest: int, border: str | None, best: float) -> tuple[float, ...]:
    """Beyond a border; else the expected optimum and the middles between the best rate and its neighbours."""
    x = tried.log_rates
    if border == "low":
        wanted = [x[0] - math.log10(factor) for factor in BEYOND]
    elif border == "high":
        wanted = [x[-1] + math.log10(factor) for factor in BEYOND]
    else:
        wanted = [best, (x[lowest] + x[lowest + 1]) / 2, (x[lowest] + x[lowest - 1]) / 2]
    kept: list[float] = []
    for rate in wanted:
        if min(abs(rate - other) for other in (*x, *kept)) > TRIED:
            kept.append(float(rate))
    return tuple(float(f"{_rate(rate):.2g}") for rate in kept or [best])


def _rate(log_rate: float) -> float:
    return float(f"{10 ** float(log_rate):.4g}")
