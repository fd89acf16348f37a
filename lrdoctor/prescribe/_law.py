"""The loss as a function of the learning rate so far: a power law of progress and a noise floor that trails the rate.

    L(t) = L0 + A·(S(t)/S_end)^−α + C·F(t),   S = Σ u·(1 + r)/(1 + r·u),   dF/dq = (u^ν − F)/τ,   q = Σ u

with u the rate over its peak. The first two terms are what has been learned; the third is the noise that a rate of
this height keeps up, with a memory of τ steps at the peak. With r = 0, ν = 1 and τ counted in steps it is the annealing
law of Tissue et al., Scaling Law with Learning Rate Annealing (2024). ν < 1, since the floor falls more slowly than the
rate, and r > 0, since a step at twice the rate teaches less than twice as much, halve its error on curves of
language-model pretraining. Where the rate is known, r is the peak over one rate that is the same for all peaks.

F answers a piecewise linear u^ν in closed form, so a fit needs the exponentials of 64 binned points times 48 knots,
and its Jacobian costs little more. All starts and values of r are fitted at once, as one stack of problems.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lrdoctor.model import Floats, Ints

GRID = 1024
"""Steps at which a schedule is sampled: sums over it are right to a thousandth of the run."""
KNOTS = 48
"""Between these u^ν is taken to be a straight line in q."""
BINS = 64
"""Binned points of the loss, as many as a fit can use: half of them spaced evenly, half by the logarithm."""
STARTS = (15.0, 150.0)
"""First values of τ. The fit has a minimum for a quick and one for a slow answer to the rate."""
HUBER = 2.5
"""Residuals beyond so many deviations count by their size and no longer by its square."""
MISFIT = 0.001
"""Of the loss: the law itself is off by so much, the root mean square over all curves of a model under one law."""
EVIDENCE = 10.0
"""What is left of a curve hangs together: its binned points count like so many independent ones at most. Measured with
`MISFIT`, as the number of points over the sum of their autocorrelations: 7 in the median, 11 in the upper quartile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Priors:
    """What is known before the run is seen: means of logarithms by their exponentials, and standard deviations."""

    alpha: float = 0.48
    alpha_sd: float = 0.12
    floor: float = 0.063
    """C over the loss."""
    floor_sd: float = 0.45
    tau: float = 60.0
    """In steps at the peak."""
    tau_sd: float = 0.8
    nu: float = 0.87
    """ν of a small floor; above `nu_knee` it falls with the power `nu_slope` of the floor."""
    nu_slope: float = 0.75
    nu_knee: float = 0.055
    nu_sd: float = 0.12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Course:
    """A schedule as the law sees it, sampled at `GRID` steps at most."""

    steps: Floats
    """Shape (g,), from 0 on."""
    relative: Floats
    """Shape (g,), over the peak of the run that is fitted."""
    clock: Floats
    """Shape (g,), q: steps at the peak that would have the same sum of rates."""
    knots: Ints
    """Shape (k,), indices into the others."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Points:
    """The binned loss."""

    steps: Floats
    values: Floats
    sigmas: Floats
    """Standard deviations: of the noise that averaging left, and of the law itself."""
    noise: Floats
    """The first of the two alone."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Law:
    """Fitted laws, one for each bend."""

    course: Course
    """Of the run that was fitted; its end is where A is the second term."""
    bends: Floats
    """Shape (m,): r."""
    theta: Floats
    """Shape (m, 6): L0, then the logarithms of A, α, C, τ and ν."""
    covariance: Floats
    """Shape (m, 6, 6), of Laplace's approximation."""
    weights: Floats
    """Shape (m,), sum to 1."""
    misfit: float
    """Root mean square of the residuals without the noise of the points, in the unit of the loss."""

    def change(self, course: Course, step: float, since: float) -> tuple[float, float, float]:
        """How much higher the loss is at `step` of another course than at step `since` of the run's own.

        With it come the standard deviation that the fit leaves, and the spread between the bends.
        """
        reference = sums(self.course, self.bends, self.course.steps[-1:])
        here = laws(self.theta, course, self.bends, np.array([float(step)]), reference)
        there = laws(self.theta, self.course, self.bends, np.array([float(since)]), reference)
        changes = (here[0] - there[0])[:, 0]
        slopes = (here[1] - there[1])[:, 0]
        variances = np.maximum(np.einsum("mi,mij,mj->m", slopes, self.covariance, slopes), 0.0)
        mean = float(self.weights @ changes)
        spread = math.sqrt(max(float(self.weights @ (changes - mean) ** 2), 0.0))
        return mean, math.sqrt(float(self.weights @ variances)), spread

    def at(self, steps: Floats) -> Floats:
        """The loss of the run itself at these steps, averaged over the bends; shape as `steps`."""
        reference = sums(self.course, self.bends, self.course.steps[-1:])
        values, _ = laws(self.theta, self.course, self.bends, np.asarray(steps, dtype=np.float64), reference)
        return np.asarray(self.weights @ values)


def grid(last: int) -> Ints:
    """At most `GRID` steps from 0 to `last`, which are enough to sample a schedule of that length."""
    even = np.linspace(0, last, GRID * 3 // 4)
    # The warm-up is short, and all sums begin with it.
    early = np.geomspace(1, last + 1, GRID // 4) - 1
    return np.unique(np.concatenate([even, early]).astype(np.int64))


def course(steps: Ints, rates: Floats, peak: float) -> Course:
    """The course of a rate, given at steps from 0 on, of which there are at least two."""
    relative = np.maximum(rates / peak, 0.0)
    at = steps.astype(np.float64)
    clock = np.concatenate([[0.0], np.cumsum((relative[1:] + relative[:-1]) / 2 * np.diff(at))])
    return Course(steps=at, relative=relative, clock=clock, knots=_knots(relative, clock))


def _knots(relative: Floats, clock: Floats) -> Ints:
    """Where the root of the rate, which ν makes of it, has changed by equal amounts, or the clock has."""
    change = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(np.sqrt(relative))))])
    way = change / max(change[-1], 1e-12) + 0.25 * clock / max(clock[-1], 1e-12)
    spacing = way[-1] / (KNOTS - 1)
    found = np.searchsorted(way, np.linspace(0.0, way[-1] * (1 - 1e-12), KNOTS))
    # A cut is a jump between two steps and no slope from the knot before.
    cuts = (np.diff(way) > spacing / 2).nonzero()[0]
    return np.unique(np.concatenate([[0], found, cuts, [len(way) - 1]]))


def sums(of: Course, bends: Floats, at: Floats) -> Floats:
    """S at these steps; shape (m, n)."""
    r = bends[:, None]
    taught = of.relative * (1 + r) / (1 + r * of.relative)
    parts = (taught[:, 1:] + taught[:, :-1]) / 2 * np.diff(of.steps)
    total = np.concatenate([np.zeros((len(bends), 1)), np.cumsum(parts, axis=1)], axis=1)
    return np.stack([np.interp(at, of.steps, row) for row in total])


def laws(theta: Floats, of: Course, bends: Floats, at: Floats, reference: Floats) -> tuple[Floats, Floats]:
    """Loss and Jacobian at these steps for a stack of parameters; shapes (m, n) and (m, n, 6).

    `bends` and `theta` have m rows; `reference` is S at the end of the run that was fitted, shape (m, 1).
    """
    progress = np.log(np.maximum(sums(of, bends, at) / reference, 1e-12))
    return raw_laws(theta, progress, *lags(of, at))


def lags(of: Course, at: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """What F needs of a course: q since each knot (n, k), the part of each piece that is over (n, k − 1), ln u, Δq."""
    clock, relative = of.clock[of.knots], of.relative[of.knots]
    since = np.interp(at, of.steps, of.clock)[:, None] - clock
    lengths = np.maximum(np.diff(clock), 1e-9)
    over = np.minimum(np.maximum(since[:, :-1] / lengths, 0.0), 1.0)
    return np.maximum(since, 0.0), over, np.log(np.maximum(relative, 1e-12)), lengths


def raw_laws(
    theta: Floats, progress: Floats, since: Floats, over: Floats, log_rate: Floats, lengths: Floats
) -> tuple[Floats, Floats]:
    """The law itself. A run begins at F = 0, and the rate of its first step counts from there on."""
    level, scale, alpha, height, tau, nu = theta[:, 0], *np.exp(theta[:, 1:].T)
    learned = scale[:, None] * np.exp(-alpha[:, None] * progress)
    targets = np.exp(nu[:, None] * log_rate)
    by_nu = targets * log_rate
    ago = since / tau[:, None, None]
    fading = np.exp(-ago)
    aged = fading * (1 + ago)
    # The answer to a ramp: what is over of it, less what has yet to come.
    per_length = tau[:, None, None] / lengths
    answer = over - (fading[:, :, 1:] - fading[:, :, :-1]) * per_length
    by_tau = -(aged[:, :, 1:] - aged[:, :, :-1]) * per_length
    rises, by_nu_rises = np.diff(targets), np.diff(by_nu)
    first, first_by_nu, risen = targets[:, :1], by_nu[:, :1], 1 - fading[:, :, 0]
    trailing = np.matmul(answer, rises[:, :, None])[:, :, 0] + first * risen
    trailing_by_nu = np.matmul(answer, by_nu_rises[:, :, None])[:, :, 0] + first_by_nu * risen
    trailing_by_tau = np.matmul(by_tau, rises[:, :, None])[:, :, 0] - first * (ago * fading)[:, :, 0]
    floor = height[:, None]
    slopes = (
        np.ones_like(learned),
        learned,
        -alpha[:, None] * progress * learned,
        floor * trailing,
        floor * trailing_by_tau,
        floor * nu[:, None] * trailing_by_nu,
    )
    return level[:, None] + learned + floor * trailing, np.stack(slopes, axis=2)


def bin_points(steps: Ints, values: Floats, first: float) -> Points:
    """The points from step `first` on as at most `BINS` means, with what is known of their noise.

    The noise of one point comes from second differences, which a smooth course leaves alone. Needs three points.
    """
    kept = steps >= first
    at, seen = steps[kept].astype(np.float64), values[kept]
    last = at[-1]
    edges = np.concatenate(
        [np.linspace(at[0], last, BINS // 2 + 1), np.geomspace(max(at[0], 1.0), last, BINS // 2 + 1)]
    )
    starts = np.unique(np.searchsorted(at, np.unique(edges)[:-1]))
    counts = np.diff(np.append(starts, len(at)))
    # Of independent values of one deviation, second differences have the root of six times that.
    noise = float(np.median(np.abs(np.diff(seen, 2)))) / (0.6745 * math.sqrt(6.0))
    means = np.add.reduceat(seen, starts) / counts
    noises = noise / np.sqrt(counts)
    return Points(
        steps=np.add.reduceat(at, starts) / counts,
        values=means,
        sigmas=np.sqrt(noises**2 + (MISFIT * float(np.abs(means[-1]))) ** 2),
        noise=noises,
    )
