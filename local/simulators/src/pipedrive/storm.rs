//! Bad weather: any request may meet a fault, with a probability, for as long as it lasts.

use super::{Call, Fault, PipedriveSim};

/// The weather at Pipedrive. Which requests it hits follows from the seed and from the order in which they come.
#[derive(Clone, Debug)]
pub struct Storm {
    rng: fastrand::Rng,
    faults: Vec<(u32, Fault)>,
    asked: usize,
    hits: usize,
}

impl Storm {
    /// Faults with how many of ten thousand requests each hits.
    pub fn new(seed: u64, faults: Vec<(u32, Fault)>) -> Self {
        Self { rng: fastrand::Rng::with_seed(seed), faults, asked: 0, hits: 0 }
    }

    /// What the next request meets.
    pub(super) fn draw(&mut self) -> Option<Fault> {
        let mut drawn = self.rng.u32(0..10_000);
        let fault = self.faults.iter().find_map(|(of_ten_thousand, fault)| {
            let hit = drawn < *of_ten_thousand;
            drawn = drawn.saturating_sub(*of_ten_thousand);
            hit.then_some(*fault)
        });
        self.asked += 1;
        self.hits += usize::from(fault.is_some());
        fault
    }
}

impl PipedriveSim {
    /// Changes the weather; none is fair. Users' consent and their inbox are never hit.
    pub fn set_storm(&self, storm: Option<Storm>) {
        self.world().storm = storm;
    }

    /// How many requests came in this weather, and how many of them it hit.
    pub fn storm_hits(&self) -> (usize, usize) {
        self.world().storm.as_ref().map_or((0, 0), |storm| (storm.asked, storm.hits))
    }
}

/// Whether a storm reaches requests of this kind.
pub(super) fn reaches(call: Call) -> bool {
    !matches!(call, Call::Register | Call::Me)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_as_often_as_it_should_and_the_same_for_a_seed() {
        let faults = vec![(2_000, Fault::Answer(500)), (1_000, Fault::Drop)];
        let drawn = |seed| {
            let mut storm = Storm::new(seed, faults.clone());
            (0..10_000).map(|_| storm.draw()).collect::<Vec<_>>()
        };
        let count = |fault| drawn(1).into_iter().filter(|drawn| *drawn == fault).count();
        assert!((1_800..2_200).contains(&count(Some(Fault::Answer(500)))));
        assert!((800..1_200).contains(&count(Some(Fault::Drop))));
        assert!(drawn(1) == drawn(1) && drawn(1) != drawn(2));
        assert!(!reaches(Call::Register) && reaches(Call::Receive));
    }
}
