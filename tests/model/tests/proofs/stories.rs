//! Stories: what happens in a world, drawn at random or told on purpose.

use model::{
    memory::Flaw,
    op::Op,
    pace::Fault,
    pipedrive::Answer,
    world::{COMPANIES, CONVERSATIONS, World},
};
use proptest::prelude::*;

/// Anything that may happen next, the likelier the more often it does.
pub(crate) fn op() -> impl Strategy<Value = Op> {
    let number = 0..64_usize;
    let time = prop_oneof![
        6 => 1..5_000_u64,
        3 => 30_000..200_000_u64,
        1 => 1_000_000..10_000_000_u64,
    ];
    let answer = prop_oneof![
        8 => Just(Answer::Fails),
        4 => Just(Answer::RateLimited),
        2 => Just(Answer::Closed),
        2 => Just(Answer::Refuses),
        1 => Just(Answer::Gone),
    ];
    prop_oneof![
        20 => (0..CONVERSATIONS, prop::bool::weighted(0.3), any::<bool>())
            .prop_map(|(conversation, echo, join)| Op::Write { conversation, echo, join }),
        8 => number.clone().prop_map(|message| Op::Status { message }),
        4 => number.clone().prop_map(|message| Op::Edit { message }),
        18 => (number.clone(), prop::bool::weighted(0.25)).prop_map(|(webhook, again)| Op::Offer { webhook, again }),
        14 => Just(Op::Stream),
        3 => Just(Op::Miss),
        4 => Just(Op::Redeliver),
        40 => (0..8_usize, 1..14_usize).prop_map(|(task, count)| Op::Step { task, count }),
        5 => (0..8_usize).prop_map(|task| Op::Crash { task }),
        6 => prop_oneof![Just(Fault::Before), Just(Fault::After)].prop_map(Op::Fail),
        6 => answer.prop_map(Op::Answer),
        1 => number.clone().prop_map(|conversation| Op::Stick { conversation }),
        1 => number.prop_map(|message| Op::Resend { message }),
        2 => (0..COMPANIES).prop_map(|company| Op::Revoke { company }),
        2 => (0..COMPANIES).prop_map(|company| Op::Reconnect { company }),
        7 => time.prop_map(|millis| Op::Pass { millis }),
    ]
}

/// What is wrong after all of this, and calm after it.
pub(crate) fn faults(flaw: Option<Flaw>, ops: &[Op]) -> Vec<String> {
    let mut world = World::new(flaw);
    for op in ops {
        world.happen(op);
    }
    match world.calm_down() {
        unfinished if unfinished.is_empty() => world.faults(),
        unfinished => unfinished,
    }
}

/// Until it ends, or as good as.
const TO_THE_END: usize = 1_000;

/// Two messages in one webhook, and what becomes of it.
fn story(of: impl IntoIterator<Item = Op>) -> Vec<Op> {
    let write = |join| Op::Write { conversation: 0, echo: false, join };
    let mut ops = vec![write(false), write(true), Op::Offer { webhook: 0, again: false }];
    ops.extend(of);
    ops.extend([Op::Stream, Op::Step { task: 0, count: TO_THE_END }]);
    ops
}

#[test]
fn after_a_message_that_could_not_be_stored_none_of_its_customer_is() {
    // Two calls, each with a stop before and after it, and the stop before the message is stored.
    let ops = story([Op::Step { task: 0, count: 5 }, Op::Fail(Fault::Before), Op::Step { task: 0, count: TO_THE_END }]);
    assert_eq!(faults(None, &ops), Vec::<String>::new());
}

/// Two conversations of one company have messages that are stored. The older one, which has two, hears that the account is
/// closed, and will be the first to ask when it is open again.
fn halted() -> Vec<Op> {
    let mut ops = Vec::new();
    for conversation in [0, 0, COMPANIES] {
        ops.extend([Op::Write { conversation, echo: false, join: false }, Op::Pass { millis: 1_000 }]);
        ops.extend([Op::Offer { webhook: 0, again: false }, Op::Step { task: 0, count: TO_THE_END }]);
    }
    ops.extend([Op::Answer(Answer::Closed), Op::Stream, Op::Step { task: 0, count: TO_THE_END }]);
    ops
}

#[test]
fn a_conversation_that_fails_for_itself_does_not_keep_its_company_halted() {
    let mut ops = halted();
    ops.push(Op::Stick { conversation: 0 });
    assert_eq!(faults(None, &ops), Vec::<String>::new());
}

#[test]
fn a_rate_limit_does_not_take_the_place_of_a_halt_that_holds() {
    let mut ops = halted();
    ops.extend([Op::Answer(Answer::Refuses), Op::Answer(Answer::RateLimited)]);
    assert_eq!(faults(None, &ops), Vec::<String>::new());
}

#[test]
fn a_webhook_that_comes_twice_at_once_keeps_its_order() {
    let ops = story([
        Op::Step { task: 0, count: 1 },
        Op::Offer { webhook: 0, again: true },
        // The second stores the first message and dies; the first finds it stored and goes on.
        Op::Step { task: 1, count: 7 },
        Op::Crash { task: 1 },
        Op::Step { task: 0, count: TO_THE_END },
    ]);
    assert_eq!(faults(None, &ops), Vec::<String>::new());
}
