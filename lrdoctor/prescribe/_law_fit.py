"""The fit of the loss-curve law to one run: priors, a robust likelihood and Levenberg–Marquardt, in numpy alone.

All starts and bends are problems of one stack, so that what a call of numpy costs is paid once for all of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lrdoctor.model import Floats
from lrdoctor.prescribe._law import EVIDENCE, HUBER, STARTS, Course, Law, Points, Priors, lags, raw_laws, sums

ITERATIONS = 40
STILL = 1e-3
"""The fit ends when three steps in a row gained less than this of the logarithm of the posterior."""
LEAP = np.array([np.inf, 1.0, 0.5, 1.0, 1.0, 0.5])
"""No step goes farther in these logarithms: exponentials of a first guess overflow."""
LEAST = 1e-9
"""Added to the Hessian's diagonal: where nothing was learned, A has neither data nor prior."""
KNEE = 0.25
"""How soft the bend of ν over the floor is, in the logarithm of the floor."""


def fit(points: Points, of: Course, priors: Priors, bends: tuple[float, ...]) -> Law:
    """The laws that explain the points, one for each bend.

    Levenberg–Marquardt on all starts at once; robust by the pseudo-Huber loss (Charbonnier et al., 1997).
    """
    each = np.repeat(np.array(bends), len(STARTS))
    reference = sums(of, each, of.steps[-1:])
    problem = _Problem(
        points=points,
        progress=np.log(np.maximum(sums(of, each, points.steps) / reference, 1e-12)),
        lags=lags(of, points.steps),
        priors=priors,
        end=float(points.values[-1]),
        weight=min(1.0, EVIDENCE / len(points.values)),
    )
    # What overflows on the way is not taken.
    with np.errstate(all="ignore"):
        theta = _solved(problem, _start(problem, np.tile(STARTS, len(bends))))
        cost, _, hessian = problem.at(theta)
    # The better of the starts of each bend.
    best = np.array([i + int(np.argmin(cost[i : i + len(STARTS)])) for i in range(0, len(each), len(STARTS))])
    likelihood = np.exp(-(cost[best] - cost[best].min()))
    weights = likelihood / likelihood.sum()
    values, _ = raw_laws(theta[best], problem.progress[best], *problem.lags)
    excess = (weights @ values - points.values) ** 2 - points.noise**2
    return Law(
        course=of,
        bends=each[best],
        theta=theta[best],
        covariance=np.linalg.inv(hessian[best] + LEAST * np.eye(theta.shape[1])),
        weights=weights,
        misfit=math.sqrt(max(float(excess.mean()), 0.0)),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Problem:
    """What the fit makes small."""

    points: Points
    progress: Floats
    lags: tuple[Floats, Floats, Floats, Floats]
    priors: Priors
    end: float
    weight: float

    def at(self, theta: Floats) -> tuple[Floats, Floats, Floats]:
        """Minus the logarithm of the posterior, its gradient, and Gauss–Newton's Hessian; (p,), (p, 6), (p, 6, 6)."""
        values, slopes = raw_laws(theta, self.progress, *self.lags)
        residuals = (values - self.points.values) / self.points.sigmas
        root = np.sqrt(1 + (residuals / HUBER) ** 2)
        cost = self.weight * HUBER**2 * (root - 1).sum(axis=1)
        slopes = slopes / self.points.sigmas[:, None]
        pull = self.weight / root
        gradient = np.einsum("pn,pni->pi", pull * residuals, slopes)
        hessian = np.matmul((pull[:, :, None] * slopes).transpose(0, 2, 1), slopes)
        beliefs, by_theta = self._beliefs(theta)
        cost = cost + (beliefs**2).sum(axis=1) / 2
        gradient = gradient + np.einsum("pb,pbi->pi", beliefs, by_theta)
        return cost, gradient, hessian + np.matmul(by_theta.transpose(0, 2, 1), by_theta)

    def _beliefs(self, theta: Floats) -> tuple[Floats, Floats]:
        """How far the parameters are from the priors, in deviations, and the Jacobian; (p, 5) and (p, 5, 6)."""
        p = self.priors
        floor = theta[:, 3] - math.log(abs(self.end))
        nu, nu_slope = expected_nu(floor, p)
        beliefs = np.stack(
            [
                (theta[:, 2] - math.log(p.alpha)) / p.alpha_sd,
                (floor - math.log(p.floor)) / p.floor_sd,
                (theta[:, 4] - math.log(p.tau)) / p.tau_sd,
                (theta[:, 5] - nu) / p.nu_sd,
                # L0 and A share one level: that it is of the size of the loss keeps the Hessian regular.
                theta[:, 0] / self.end - 0.5,
            ],
            axis=1,
        )
        by_theta = np.zeros((len(theta), 5, 6))
        by_theta[:, 0, 2] = 1 / p.alpha_sd
        by_theta[:, 1, 3] = 1 / p.floor_sd
        by_theta[:, 2, 4] = 1 / p.tau_sd
        by_theta[:, 3, 5] = 1 / p.nu_sd
        by_theta[:, 3, 3] = -nu_slope / p.nu_sd
        by_theta[:, 4, 0] = 1 / self.end
        return beliefs, by_theta


def expected_nu(log_floor: Floats, priors: Priors) -> tuple[Floats, Floats]:
    """ln ν that belongs to the logarithm of C over the loss, and its slope: a bent line with a soft knee."""
    x = (log_floor - math.log(priors.nu_knee)) / KNEE
    return (
        math.log(priors.nu) - priors.nu_slope * KNEE * np.logaddexp(0.0, x),
        -priors.nu_slope / (1 + np.exp(-np.clip(x, -50.0, 50.0))),
    )


def _start(problem: _Problem, tau: Floats) -> Floats:
    """The priors, and L0 and A by least squares given them."""
    priors, n = problem.priors, len(tau)
    theta = np.zeros((n, 6))
    theta[:, 2] = math.log(priors.alpha)
    theta[:, 3] = math.log(priors.floor * abs(problem.end))
    theta[:, 4] = np.log(tau)
    theta[:, 5] = expected_nu(np.array([math.log(priors.floor)]), priors)[0]
    values, slopes = raw_laws(theta, problem.progress, *problem.lags)
    # At first L0 is 0 and A is 1, so the second slope is the power law itself.
    learned = slopes[:, :, 1]
    rest = problem.points.values - (values - learned)
    centred = learned - learned.mean(axis=1, keepdims=True)
    scale = (centred * rest).sum(axis=1) / np.maximum((centred**2).sum(axis=1), 1e-12)
    scale = np.maximum(scale, 1e-3 * abs(problem.end))
    theta[:, 0] = rest.mean(axis=1) - scale * learned.mean(axis=1)
    theta[:, 1] = np.log(scale)
    return theta


def _solved(problem: _Problem, theta: Floats) -> Floats:
    """Levenberg–Marquardt with Marquardt's scaling, each problem with a damping of its own."""
    damping = np.full(len(theta), 1e-2)
    cost, gradient, hessian = problem.at(theta)
    diagonal = np.arange(theta.shape[1])
    still = 0
    for _ in range(ITERATIONS):
        damped = hessian + LEAST * np.eye(theta.shape[1])
        damped[:, diagonal, diagonal] *= 1 + damping[:, None]
        tried = theta + np.clip(np.linalg.solve(damped, -gradient[:, :, None])[:, :, 0], -LEAP, LEAP)
        new_cost, new_gradient, new_hessian = problem.at(tried)
        better = new_cost < cost
        gained = float(np.where(better, cost - new_cost, 0.0).max())
        theta = np.where(better[:, None], tried, theta)
        gradient = np.where(better[:, None], new_gradient, gradient)
        hessian = np.where(better[:, None, None], new_hessian, hessian)
        cost = np.where(better, new_cost, cost)
        damping = np.clip(np.where(better, damping / 5, damping * 4), 1e-8, 1e8)
        still = 0 if gained > STILL else still + 1
        if still >= 3:
            break
    return theta
