//! The model would notice: with a table that does any of these things wrong, some story goes wrong.

use std::{collections::BTreeSet, fs, path::Path};

use model::{memory::Flaw, op::Op};
use proptest::{
    collection::vec,
    test_runner::{Config, RngAlgorithm, RngSeed, TestCaseError, TestError, TestRunner},
};

use crate::stories::{faults, op};

/// Stories in which a flaw must show.
const CASES: u32 = 4_000;
const SEED: u64 = 20_261_128;

/// A short story that shows the flaw. The same in each run.
fn story_of(flaw: Flaw) -> Option<Vec<Op>> {
    let config = Config {
        cases: CASES,
        max_shrink_iters: 300,
        rng_seed: RngSeed::Fixed(SEED),
        rng_algorithm: RngAlgorithm::XorShift,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let found = runner.run(&vec(op(), 20..120), |ops| {
        if faults(Some(flaw), &ops).is_empty() { Ok(()) } else { Err(TestCaseError::fail("noticed")) }
    });
    match found {
        Err(TestError::Fail(_, story)) => Some(story),
        _ => None,
    }
}

#[test]
fn every_flaw_is_noticed() {
    for flaw in Flaw::ALL {
        let story = story_of(flaw).unwrap_or_else(|| panic!("nobody notices {flaw:?}"));
        let without = faults(None, &story);
        assert!(without.is_empty(), "the story of {flaw:?} shows something else: {without:?}");
    }
}

/// Which flaws a row of the table of invariants names, with the invariant's number.
fn named(row: &str) -> Option<(u8, BTreeSet<String>)> {
    let mut cells = row.strip_prefix('|')?.strip_suffix('|')?.split('|');
    let number = cells.next()?.trim().parse().ok()?;
    let (_, flaws) = cells.next_back()?.split_once("model, flaws ").unwrap_or_default();
    let names = flaws.split('`').skip(1).step_by(2);
    Some((number, names.map(str::to_owned).collect()))
}

#[test]
fn each_flaw_is_named_with_the_invariants_that_it_breaks() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reliability.md");
    let document = fs::read_to_string(path).unwrap();
    let rows: Vec<_> = document.lines().filter_map(named).collect();
    assert_eq!(rows.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (1..=8).collect::<Vec<_>>());
    for (number, names) in rows {
        let flaws = Flaw::ALL.into_iter().filter(|flaw| flaw.invariants().contains(&number));
        assert_eq!(names, flaws.map(|flaw| format!("{flaw:?}")).collect(), "invariant {number}");
    }
}
