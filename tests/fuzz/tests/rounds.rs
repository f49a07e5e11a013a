//! A short round of fuzzing for every day: the fixtures as they are, then mutations of them. The seed is fixed, so that a run
//! says the same everywhere; `FUZZ_SEED` and `FUZZ_ROUNDS` ask for other and longer ones.

use std::panic;

use fuzz_targets::{TARGETS, Target, mutate::Mutator};

/// Inputs for each target.
const ROUNDS: u64 = 2_500;
const SEED: u64 = 20_261_128;

#[expect(clippy::disallowed_methods, reason = "a knob of this test alone")]
fn asked(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn round(target: Target) {
    let (seed, rounds) = (asked("FUZZ_SEED", SEED), asked("FUZZ_ROUNDS", ROUNDS));
    let corpus = (target.corpus)();
    assert!(!corpus.is_empty());
    for input in &corpus {
        (target.run)(input);
    }
    let mut mutator = Mutator::new(corpus, seed);
    for number in 0..rounds {
        let input = mutator.next_input();
        if let Err(panic) = panic::catch_unwind(|| (target.run)(&input)) {
            eprintln!("{} panics at input {number} of seed {seed}:\n{}", target.name, String::from_utf8_lossy(&input));
            panic::resume_unwind(panic);
        }
    }
}

macro_rules! rounds {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            round(*TARGETS.iter().find(|target| target.name == stringify!($name)).expect("a target of that name"));
        })*

        #[test]
        fn every_target_is_here_and_has_its_cargo_fuzz_binary() {
            let manifest = include_str!("../../../fuzz/Cargo.toml");
            for target in TARGETS {
                assert!([$(stringify!($name)),*].contains(&target.name), "{} has no round", target.name);
                assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{} has no binary in fuzz/", target.name);
            }
        }
    };
}

rounds! { whatsapp messenger telegram twilio custom pipedrive signatures form cursors sessions api page }

#[test]
fn the_same_seed_makes_the_same_inputs_and_they_differ_from_the_corpus() {
    let corpus = (TARGETS[0].corpus)();
    let inputs = |seed| {
        let mut mutator = Mutator::new(corpus.clone(), seed);
        (0..200).map(|_| mutator.next_input()).collect::<Vec<_>>()
    };
    assert_eq!(inputs(1), inputs(1));
    let new = inputs(1).iter().filter(|input| !corpus.contains(input)).count();
    assert!(new > 150, "{new} of 200");
    assert_ne!(inputs(1), inputs(2));
}

#[test]
fn inputs_get_past_the_door_and_deep_into_the_parser() {
    let mut mutator = Mutator::new((TARGETS[0].corpus)(), SEED);
    let json = (0..300).filter(|_| serde_json::from_slice::<serde_json::Value>(&mutator.next_input()).is_ok()).count();
    assert!(json > 150, "{json} of 300 are JSON");
}
