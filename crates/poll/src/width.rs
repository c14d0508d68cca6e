//! The choice of the width of the kernels around observed durations.
//!
//! The width is the one for which each observation is as likely as possible given all others: it has
//! the highest leave-one-out likelihood. That is a sum over all pairs of observations, for each
//! candidate, and hundreds of observations make it a million exponential functions. So the sum of all
//! kernels is computed on a grid whose spacing is a fixed part of the width: the values of a kernel on
//! it are then the same few numbers for every candidate. Weights are spread to the grid, and sums are
//! read from it, by cubic interpolation, whose error is below a thousandth.

use crate::kernel::{Kernel, MAX_SIGMAS};

/// The number of grid points per width.
const POINTS_PER_SIGMA: f64 = 8.0;

/// The number of grid points from the middle of a kernel to where its tail is below `f64` precision.
const REACH: usize = (MAX_SIGMAS * POINTS_PER_SIGMA) as usize;

/// Returns the width of the kernels of the observations that has the highest leave-one-out
/// likelihood.
pub(crate) fn best_width(observations: &[Kernel], background: &[Kernel]) -> f64 {
    let likelihood = Likelihood::new(observations, background);
    let judged = candidates().map(|width| (width, likelihood.logarithm(width)));
    let (width, _) = judged.fold((1.0, f64::NEG_INFINITY), |best, next| {
        if next.1 > best.1 { next } else { best }
    });
    width
}

/// Returns the candidates, from 0.03 to 1.33, each a quarter wider than the one before. The likelihood
/// may have several maxima, so they are all tried.
fn candidates() -> impl Iterator<Item = f64> {
    (0..18).map(|step| 0.03 * 1.25_f64.powi(step))
}

/// The leave-one-out likelihood of observations, as a function of the width of their kernels.
struct Likelihood<'a> {
    observations: &'a [Kernel],
    /// The least mean of the observations, where the grids begin.
    least: f64,
    /// The density of the background at each observation.
    background: Vec<f64>,
    /// The values of a kernel of width and weight 1 on the grid, its middle at the index [`REACH`].
    shape: Vec<f64>,
}

impl<'a> Likelihood<'a> {
    fn new(observations: &'a [Kernel], background: &[Kernel]) -> Self {
        let background_at = |one: &Kernel| {
            let densities = background.iter().map(|kernel| kernel.density(one.mean));
            densities.sum()
        };
        let unit = Kernel {
            mean: 0.0,
            sigma: 1.0,
            weight: 1.0,
        };
        let grid = (0..=2 * REACH).map(|point| (point as f64 - REACH as f64) / POINTS_PER_SIGMA);
        Self {
            observations,
            least: observations
                .iter()
                .fold(f64::INFINITY, |least, one| least.min(one.mean)),
            background: observations.iter().map(background_at).collect(),
            shape: grid.map(|z| unit.density(z)).collect(),
        }
    }

    /// Returns the logarithm of the likelihood for a width.
    fn logarithm(&self, sigma: f64) -> f64 {
        let places = self.observations.iter().map(|one| {
            let place = (one.mean - self.least) / sigma * POINTS_PER_SIGMA;
            (place as usize, cubic_weights(place.fract()))
        });
        let places: Vec<_> = places.collect();
        // Each observation is spread to the four points around it.
        let last = places.iter().map(|(point, _)| *point).max();
        let mut spread = vec![0.0; last.unwrap_or_default() + 4];
        for (one, (point, weights)) in self.observations.iter().zip(&places) {
            for (sum, weight) in spread[*point..].iter_mut().zip(weights) {
                *sum += one.weight * weight;
            }
        }
        // The sum of the kernels of all points, in units of the width. It begins `REACH` points before
        // the first one, where the kernel of that one begins.
        let mut densities = vec![0.0; spread.len() + 2 * REACH];
        for (point, weight) in spread
            .into_iter()
            .enumerate()
            .filter(|(_, weight)| *weight != 0.0)
        {
            for (density, value) in densities[point..].iter_mut().zip(&self.shape) {
                *density += weight * value;
            }
        }
        let each = self.observations.iter().zip(places).zip(&self.background);
        let terms = each.map(|((one, (point, weights)), background)| {
            let around = densities[REACH + point..].iter().zip(weights);
            let all: f64 = around.map(|(density, weight)| density * weight).sum();
            // Each observation is judged by all others. If its own kernel took part, the narrowest
            // width would always win.
            let others = all - one.weight * self.shape[REACH];
            let density = others / sigma + background;
            // An observation far from all others must not make the sum infinite.
            one.weight * density.max(f64::MIN_POSITIVE).ln()
        });
        terms.sum()
    }
}

/// Returns the weights of four neighboring grid points in the value between the middle two of them, at
/// the fraction `at` of their distance: those of the cubic polynomial through the four.
fn cubic_weights(at: f64) -> [f64; 4] {
    let (before, after) = (at + 1.0, 1.0 - at);
    let beyond = after + 1.0;
    [
        -at * after * beyond / 6.0,
        before * after * beyond / 2.0,
        before * at * beyond / 2.0,
        -before * at * after / 6.0,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the logarithm of the likelihood without a grid.
    fn exact_logarithm(likelihood: &Likelihood<'_>, sigma: f64) -> f64 {
        let each = likelihood.observations.iter().enumerate();
        let terms = each.map(|(index, one)| {
            let others = likelihood.observations.iter().enumerate();
            let others = others.filter(|(other, _)| *other != index);
            let densities = others.map(|(_, other)| Kernel { sigma, ..*other }.density(one.mean));
            let density = densities.sum::<f64>() + likelihood.background[index];
            one.weight * density.max(f64::MIN_POSITIVE).ln()
        });
        terms.sum()
    }

    #[test]
    fn likelihood_on_the_grid_is_the_exact_one() {
        let mut random = fastrand::Rng::with_seed(1);
        for count in [1, 2, 3, 10, 50, 256] {
            for spread in [0.0, 0.1, 0.5, 2.0] {
                let mut kernel = |spread: f64, sigma: f64| Kernel {
                    mean: 4.0 + spread * (random.f64() + random.f64() + random.f64() - 1.5),
                    sigma,
                    weight: 1.0,
                };
                let observations: Vec<_> = (0..count).map(|_| kernel(spread, 0.0)).collect();
                let background = [kernel(0.0, 1.0), kernel(0.0, 0.3 + spread)];
                let likelihood = Likelihood::new(&observations, &background);
                for width in candidates() {
                    let exact = exact_logarithm(&likelihood, width);
                    let error = (likelihood.logarithm(width) - exact).abs() / f64::from(count);
                    assert!(error < 1e-3, "{count} {spread} {width}: {error}");
                }
            }
        }
    }
}
