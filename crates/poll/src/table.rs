//! The table behind a hazard schedule: the integral of the square root of the hazard, and the
//! survival function, both over time.
//!
//! The rows are even in log time. They are computed from the density alone, in one pass per kernel and
//! one over the rows, because the error function of every kernel in every row would take milliseconds.
//! Between two rows both functions are linear.

use crate::durations::Durations;

/// The number of steps of the table.
const STEPS: usize = 512;

/// The survival function and the integral of the square root of the hazard, by time.
#[derive(Debug)]
pub(crate) struct HazardTable(Vec<Row>);

/// One row of the table.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// The time since the start of the job.
    seconds: f64,
    /// The integral of the square root of the hazard from 0 to that time.
    root_integral: f64,
    /// The fraction of the jobs that take longer than that time.
    survival: f64,
}

impl HazardTable {
    /// Tabulates the times at which jobs are expected to end.
    pub(crate) fn new(durations: &Durations) -> Self {
        let (from, to) = durations.log_range();
        // Durations differ by factors, so steps that are even in the logarithm are fine enough for
        // short jobs and few enough for long ones.
        let step = (to - from) / STEPS as f64;
        // The densities in the middle of each step, with one more at either side.
        let densities = durations.log_densities(from - step / 2.0, step, STEPS + 2);
        let survivals = integrate_from_end(&densities, step, durations.survival_at(to));
        let origin = Row {
            seconds: 0.0,
            root_integral: 0.0,
            survival: 1.0,
        };
        // No job is expected to end before the first time.
        let first = Row {
            seconds: from.exp(),
            ..origin
        };
        let mut rows = vec![origin, first];
        let mut last = first;
        for (index, ends) in survivals.windows(2).enumerate() {
            let (before, density, after) =
                (densities[index], densities[index + 1], densities[index + 2]);
            // The second term accounts for the curvature, which a steep peak has within one step.
            let middle = f64::midpoint(ends[0], ends[1]) + step * (after - before) / 16.0;
            let survival = middle.clamp(ends[1], ends[0]);
            // Midpoint rule: the hazard in the middle stands for the whole step. The density is one
            // over log time; dt = exp(x) dx converts it to seconds.
            let density = density / (from + (index as f64 + 0.5) * step).exp();
            // In the far tail both are 0, and so is the hazard then.
            let root = (density / survival.max(1e-12)).sqrt();
            let seconds = (from + (index + 1) as f64 * step).exp();
            last = Row {
                seconds,
                root_integral: last.root_integral + (seconds - last.seconds) * root,
                survival: ends[1],
            };
            rows.push(last);
        }
        Self(rows)
    }

    /// Returns the piece of the table at a time.
    pub(crate) fn piece_at(&self, seconds: f64) -> Piece<'_> {
        let high = self.0.partition_point(|row| row.seconds <= seconds);
        let high = high.clamp(1, self.0.len() - 1);
        Piece(&self.0[high - 1..])
    }
}

/// A part of the table in which both functions are linear: that between the first two of these rows,
/// which are followed by all later ones. The last piece is continued beyond the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a>(&'a [Row]);

impl Piece<'_> {
    /// Returns the end of the piece, in seconds.
    pub(crate) fn end(self) -> f64 {
        self.0[1].seconds
    }

    /// Returns the integral of the square root of the hazard from 0 to a time in the piece.
    pub(crate) fn root_integral(self, seconds: f64) -> f64 {
        self.interpolate(|row| (row.seconds, row.root_integral), seconds)
    }

    /// Returns the fraction of the jobs that take longer than a time in the piece.
    pub(crate) fn survival(self, seconds: f64) -> f64 {
        let survival = self.interpolate(|row| (row.seconds, row.survival), seconds);
        // The continuation of the last piece may leave the range of a probability.
        survival.clamp(0.0, 1.0)
    }

    /// Returns the time up to which the integral of the square root of the hazard has that value,
    /// which it must not have reached before this piece.
    pub(crate) fn time_of(self, root_integral: f64) -> f64 {
        let piece = self.forward(|row| row.root_integral <= root_integral);
        piece.interpolate(|row| (row.root_integral, row.seconds), root_integral)
    }

    /// Returns the piece at a time, which must not be before this piece.
    pub(crate) fn forward_to(self, seconds: f64) -> Self {
        self.forward(|row| row.seconds <= seconds)
    }

    /// Returns the first piece from this one on whose end is not `before`. Most are near, so this is
    /// faster than a search in the whole table.
    fn forward(self, before: impl Fn(&Row) -> bool) -> Self {
        let ends = &self.0[1..self.0.len() - 1];
        let passed = ends.iter().take_while(|row| before(row)).count();
        Self(&self.0[passed..])
    }

    /// Returns the value at `x` of the linear function through the points `by` of both rows.
    fn interpolate(self, by: impl Fn(&Row) -> (f64, f64), x: f64) -> f64 {
        let ((x0, y0), (x1, y1)) = (by(&self.0[0]), by(&self.0[1]));
        if x1 > x0 {
            y0 + (y1 - y0) * (x - x0) / (x1 - x0)
        } else {
            // Where the integral does not grow, several times belong to one value of it.
            y1
        }
    }
}

/// Returns the survival at both ends of each step, from the densities in the middle of each (with one
/// more at either side) and from the survival at the end of the last step.
fn integrate_from_end(densities: &[f64], step: f64, last: f64) -> Vec<f64> {
    let mut survival = last;
    let mut survivals = vec![last];
    // The sum begins in the tail, where the survival is tiny: from the other end it would be the
    // difference of two numbers near 1.
    for around in densities.windows(3).rev() {
        // The integral of the parabola through the three densities, over the step of the middle one.
        survival += step * (around[0] + 22.0 * around[1] + around[2]) / 24.0;
        survivals.push(survival.min(1.0));
    }
    survivals.reverse();
    survivals
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::kernel::LogNormal;

    #[test]
    fn table_has_the_survival_of_the_durations() {
        let median = Duration::from_secs(60);
        let known = Durations::new(LogNormal { median, sigma: 0.4 });
        let around = |seconds: f64| (0..40).map(move |n| seconds * (1.0 + f64::from(n) / 100.0));
        let observed = around(20.0).chain(around(90.0));
        let observed = observed.map(|seconds| (Duration::from_secs_f64(seconds), 1.0));
        let peaks = Durations::default().with_observations(observed);
        for durations in [Durations::default(), known, peaks] {
            let table = HazardTable::new(&durations);
            // No kernel reaches to the first two rows.
            for row in &table.0[2..] {
                let exact = durations.survival(Duration::from_secs_f64(row.seconds));
                let error = row.survival - exact;
                assert!(error.abs() < 1e-5, "{row:?}: {exact} is off by {error}");
            }
        }
    }
}
