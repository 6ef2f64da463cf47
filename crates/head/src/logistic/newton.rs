//! The solver: Newton's method, each step by conjugate gradients.
//!
//! S. Nash, "A survey of truncated-Newton methods", Journal of Computational and Applied Mathematics 124 (2000). The
//! Hessian is never formed: conjugate gradients need its product with a direction, which costs two passes over the rows.
//! Logits are linear in the parameters, so the logits of a step come with it, and the line search passes over no row.

use super::objective::Objective;
use super::products::Products;
use crate::error::Error;

/// How exactly the first step is solved, and the least exactly that any is: as a share of the gradient's length.
const LOOSEST: f64 = 0.1;

/// Products of the Hessian with a direction in one step, at most.
const MOST_PRODUCTS: usize = 500;

/// The share of the decrease that the slope promises which a step must have (L. Armijo, 1966).
const DECREASE: f64 = 1e-4;

/// How often a step is halved at most.
const HALVINGS: usize = 40;

/// A rounding error of the objective, relative to it.
const ROUNDING: f64 = 1e-14;

/// How a fit ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Convergence {
    /// Steps of Newton's method.
    pub steps: usize,
    /// Passes over the rows, each for a product with them and one with their transpose.
    pub passes: usize,
    /// The largest derivative of the objective by a parameter at the end, in absolute value.
    pub gradient: f64,
    /// Whether that is within the tolerance. If not, the steps ran out, or rounding allows no further decrease.
    pub converged: bool,
}

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) tolerance: f64,
    pub(super) steps: usize,
}

/// Parameters and the logits that they give.
struct Point {
    parameters: Vec<f64>,
    logits: Vec<f64>,
    loss: f64,
}

/// A fit on some rows.
pub(super) struct Newton<'a> {
    pub(super) products: Products<'a>,
    pub(super) objective: Objective,
    passes: usize,
}

impl<'a> Newton<'a> {
    pub(super) fn new(products: Products<'a>, objective: Objective) -> Self {
        Self { products, objective, passes: 0 }
    }

    /// Minimizes the objective from some parameters on. `on_step` hears of the gradient before each step.
    pub(super) fn minimize(
        mut self,
        start: Vec<f64>,
        limits: Limits,
        on_step: &mut dyn FnMut(usize, f64) -> Result<(), Error>,
    ) -> Result<(Vec<f64>, Convergence), Error> {
        let mut logits = vec![0.0; self.products.rows.len() * self.products.units];
        if start.iter().any(|&value| value != 0.0) {
            logits = self.products.logits(&start)?;
        }
        let loss = self.objective.loss(&logits);
        let mut point = Point { parameters: start, logits, loss };
        let mut before = None;
        let mut steps = 0;
        loop {
            let probabilities = self.objective.probabilities(&point.logits);
            let gradient = self.gradient(&point, &probabilities)?;
            let largest = gradient.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
            let ended = |passes, converged| Convergence { steps, passes, gradient: largest, converged };
            if largest <= limits.tolerance {
                return Ok((point.parameters, ended(self.passes, true)));
            }
            if steps == limits.steps {
                return Ok((point.parameters, ended(self.passes, false)));
            }
            on_step(steps, largest)?;
            let length = dot(&gradient, &gradient).sqrt();
            // S. Eisenstat and H. Walker, "Choosing the forcing terms in an inexact Newton method", 1996, choice 2.
            let exact = before.map_or(LOOSEST, |before: f64| (length / before).powi(2).min(LOOSEST));
            before = Some(length);
            // A step that is exact to a fraction of the tolerance is exact enough to end with.
            let exact = (exact * length).max(0.3 * limits.tolerance);
            let (step, change) = self.step(&gradient, &probabilities, exact)?;
            if !self.descend(&mut point, &step, &change, dot(&gradient, &step)) {
                return Ok((point.parameters, ended(self.passes, false)));
            }
            steps += 1;
        }
    }

    /// The derivatives of the objective by the parameters.
    fn gradient(&mut self, point: &Point, probabilities: &[f64]) -> Result<Vec<f64>, Error> {
        self.passes += 1;
        let Self { products, objective, .. } = self;
        let mut rows = probabilities.to_vec();
        let mut gradient = products.gradient(&mut rows, &|row, p, delta| objective.slope(row, p, delta))?;
        self.add_penalty(&point.parameters, &mut gradient);
        Ok(gradient)
    }

    /// The product of the Hessian with a direction. Its logits are left in `change`.
    fn hessian(
        &mut self,
        direction: &[f64],
        probabilities: &[f64],
        change: &mut [f64],
    ) -> Result<Vec<f64>, Error> {
        self.passes += 1;
        let Self { products, objective, .. } = self;
        let units = objective.units;
        let mut product = products.logits_and_gradient(direction, change, &|row, change, delta| {
            objective.curvature(row, &probabilities[row * units..][..units], change, delta);
        })?;
        self.add_penalty(direction, &mut product);
        Ok(product)
    }

    fn add_penalty(&self, parameters: &[f64], sums: &mut [f64]) {
        let kernel = sums.len() - self.objective.units;
        for (sum, value) in sums[..kernel].iter_mut().zip(parameters) {
            *sum += self.objective.penalty * value;
        }
    }

    /// The step that a quadratic objective would end with, until its residual is no longer than `exact`; and the change of
    /// the logits. Preconditioned conjugate gradients, with the Hessian's diagonal for uncorrelated features.
    fn step(
        &mut self,
        gradient: &[f64],
        probabilities: &[f64],
        exact: f64,
    ) -> Result<(Vec<f64>, Vec<f64>), Error> {
        let diagonal = self.objective.diagonal(probabilities);
        let (units, penalty) = (self.objective.units, self.objective.penalty);
        let kernel = gradient.len() - units;
        let precondition = |residual: &[f64]| -> Vec<f64> {
            let value = |(index, value): (usize, &f64)| {
                let penalty = if index < kernel { penalty } else { 0.0 };
                value / (diagonal[index % units] + penalty).max(f64::MIN_POSITIVE)
            };
            residual.iter().enumerate().map(value).collect()
        };
        let mut residual: Vec<f64> = gradient.iter().map(|value| -value).collect();
        let mut preconditioned = precondition(&residual);
        let mut direction = preconditioned.clone();
        let mut product = dot(&residual, &preconditioned);
        let mut step = vec![0.0; gradient.len()];
        let mut change = vec![0.0; probabilities.len()];
        let mut along = vec![0.0; probabilities.len()];
        for _ in 0..MOST_PRODUCTS {
            let curved = self.hessian(&direction, probabilities, &mut along)?;
            let curvature = dot(&direction, &curved);
            if !(curvature > 0.0 && curvature.is_finite()) {
                break;
            }
            let length = product / curvature;
            add_scaled(&mut step, length, &direction);
            add_scaled(&mut change, length, &along);
            add_scaled(&mut residual, -length, &curved);
            if dot(&residual, &residual).sqrt() <= exact {
                break;
            }
            preconditioned = precondition(&residual);
            let next = dot(&residual, &preconditioned);
            let kept = next / product;
            direction.iter_mut().zip(&preconditioned).for_each(|(d, p)| *d = p + kept * *d);
            product = next;
        }
        Ok((step, change))
    }

    /// Goes along the step until the objective is smaller by enough. False if it never is.
    fn descend(&self, point: &mut Point, step: &[f64], change: &[f64], slope: f64) -> bool {
        if !(slope < 0.0 && slope.is_finite()) {
            return false;
        }
        let kernel = step.len() - self.objective.units;
        let (before, step_kernel) = (&point.parameters[..kernel], &step[..kernel]);
        let half = 0.5 * self.objective.penalty;
        let squares = [dot(before, before), dot(before, step_kernel), dot(step_kernel, step_kernel)];
        let value = point.loss + half * squares[0];
        let mut share = 1.0;
        for _ in 0..HALVINGS {
            let logits: Vec<f64> = point.logits.iter().zip(change).map(|(z, d)| z + share * d).collect();
            let loss = self.objective.loss(&logits);
            let penalty = half * (squares[0] + share * (2.0 * squares[1] + share * squares[2]));
            if loss + penalty <= value + DECREASE * share * slope + ROUNDING * value {
                add_scaled(&mut point.parameters, share, step);
                (point.logits, point.loss) = (logits, loss);
                return true;
            }
            share *= 0.5;
        }
        false
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    for (a, b) in a.chunks(LANES).zip(b.chunks(LANES)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

fn add_scaled(sums: &mut [f64], scale: f64, values: &[f64]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += scale * value);
}
