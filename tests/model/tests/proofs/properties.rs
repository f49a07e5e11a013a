//! Any interleaving of webhooks, duplicates, deliveries, deaths, failures, retries, reorderings and clock jumps, over several
//! conversations of several companies, ends as it must.

use std::{
    hash::{BuildHasher, RandomState},
    ops::Range,
};

use proptest::{
    collection::vec,
    test_runner::{Config, RngAlgorithm, RngSeed, TestCaseError, TestRunner},
};

use crate::stories::{faults, op};

/// Stories of each of the two lengths below, ten thousand in all; `PROPTEST_CASES` asks for more.
const CASES: u32 = 5_000;
/// How often a story that goes wrong is told anew with less in it.
const SHORTENED: u32 = 20_000;

/// # Panics
/// If a story of that length goes wrong: with the shortest such story, and the seed that leads to it.
fn stories_end_as_they_must(length: Range<usize>) {
    let asked = Config::default();
    let seed = match asked.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => RandomState::new().hash_one(length.end),
    };
    let config = Config {
        cases: CASES.max(asked.cases),
        max_shrink_iters: SHORTENED,
        rng_seed: RngSeed::Fixed(seed),
        // The usual one takes longer to draw a story than it takes to tell it.
        rng_algorithm: RngAlgorithm::XorShift,
        failure_persistence: None,
        ..asked
    };
    let told = TestRunner::new(config).run(&vec(op(), length), |ops| match faults(None, &ops) {
        faults if faults.is_empty() => Ok(()),
        faults => Err(TestCaseError::fail(format!("{faults:#?}"))),
    });
    if let Err(wrong) = told {
        panic!("{wrong}\nOnce more: PROPTEST_RNG_SEED={seed} cargo test -p model");
    }
}

#[test]
fn short_stories_end_as_they_must() {
    stories_end_as_they_must(5..50);
}

#[test]
fn long_stories_end_as_they_must() {
    stories_end_as_they_must(50..120);
}
