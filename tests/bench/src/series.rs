//! How long calls took, and what may be said of that.

use std::time::Duration;

/// Calls of one kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    /// How long each took.
    pub(crate) walls: Vec<Duration>,
    /// How long their thread was on the processor for all of them.
    pub(crate) cpu: Duration,
}

/// Calls of a function, and their bare calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pair {
    /// The function's.
    pub(crate) function: Series,
    /// The bare ones.
    pub(crate) bare: Series,
}

impl Series {
    /// More of them.
    pub(crate) fn add(&mut self, more: Self) {
        self.walls.extend(more.walls);
        self.cpu += more.cpu;
    }

    /// Milliseconds within which so many of a hundred calls were done.
    pub(crate) fn percentile(&self, of_a_hundred: usize) -> f64 {
        let mut sorted = self.walls.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * of_a_hundred).div_ceil(100).max(1);
        sorted.get(rank - 1).map_or(f64::NAN, |wall| wall.as_secs_f64() * 1e3)
    }

    /// How many of `count` things that were done in all of this a core does in a second.
    #[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
    pub(crate) fn a_second(&self, count: usize) -> f64 {
        count as f64 / self.cpu.as_secs_f64()
    }
}

impl Pair {
    /// More of them.
    pub(crate) fn add(&mut self, more: Self) {
        self.function.add(more.function);
        self.bare.add(more.bare);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(millis: impl IntoIterator<Item = u64>) -> Series {
        Series { walls: millis.into_iter().map(Duration::from_millis).collect(), cpu: Duration::from_millis(500) }
    }

    #[test]
    fn a_percentile_is_one_of_the_measured() {
        for (millis, p50, p99) in [
            (vec![7], 7.0, 7.0),
            (vec![3, 1, 2], 2.0, 3.0),
            (vec![4, 3, 2, 1], 2.0, 4.0),
            ((1..=200).rev().collect(), 100.0, 198.0),
        ] {
            let series = series(millis);
            let near = |left: f64, right: f64| (left - right).abs() < 1e-9;
            assert!(near(series.percentile(50), p50) && near(series.percentile(99), p99), "{series:?}");
        }
        assert!(Series::default().percentile(50).is_nan());
    }

    #[test]
    fn a_second_is_one_on_the_processor() {
        let mut sum = series([1, 2]);
        sum.add(series([3]));
        assert_eq!((sum.walls.len(), sum.cpu), (3, Duration::from_secs(1)));
        assert!((sum.a_second(30) - 30.0).abs() < 1e-9);
    }
}
