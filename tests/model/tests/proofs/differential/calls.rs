//! Calls of the table's ports, as they are drawn.

use proptest::prelude::*;
use shared::model::{channel::Delivery, halt::HaltReason, installation::InstallationState, status::Status};

/// A call of a port. Numbers pick one of what is there.
#[derive(Clone, Debug)]
pub(super) enum Call {
    Store { keys: u8, id: u8, out: bool, owed: bool, named: bool, past: bool, at: i64 },
    News { id: u8, status: Status, stale: bool },
    Edit { message: usize, at: i64 },
    Settle { conversation: usize, done: usize, stale: bool, wrong: bool, then: u8 },
    Revive { message: usize, own: bool },
    Wake { conversation: usize },
    Halt { reason: HaltReason, known: bool },
    EndHalt,
    Probe { conversation: usize },
    EndProbes,
    Grant,
    State(InstallationState),
    Deliver(Delivery),
    Release,
    Released { ago: bool },
}

pub(super) fn call() -> impl Strategy<Value = Call> {
    let number = 0..16_usize;
    let status = prop_oneof![Just(Status::Sent), Just(Status::Delivered), Just(Status::Read), Just(Status::Failed)];
    let state = prop_oneof![
        3 => Just(InstallationState::Connected),
        3 => Just(InstallationState::NeedsReconnect),
        1 => Just(InstallationState::Uninstalled),
    ];
    let reason = prop_oneof![Just(HaltReason::RateLimited), Just(HaltReason::BudgetSpent), Just(HaltReason::AccountClosed)];
    prop_oneof![
        12 => (0..4_u8, 0..10_u8, any::<[bool; 4]>(), 0..6_i64).prop_map(|(keys, id, [out, owed, named, past], at)| Call::Store {
            keys, id, out, owed: owed || at > 1, named, past: past && at == 0, at,
        }),
        8 => (0..10_u8, status, any::<bool>()).prop_map(|(id, status, stale)| Call::News { id, status, stale }),
        3 => (number.clone(), 0..4_i64).prop_map(|(message, at)| Call::Edit { message, at }),
        10 => (number.clone(), 0..4_usize, any::<bool>(), prop::bool::weighted(0.2), 0..4_u8)
            .prop_map(|(conversation, done, stale, wrong, then)| Call::Settle { conversation, done, stale, wrong, then }),
        2 => (number.clone(), prop::bool::weighted(0.8)).prop_map(|(message, own)| Call::Revive { message, own }),
        2 => number.clone().prop_map(|conversation| Call::Wake { conversation }),
        4 => (reason, any::<bool>()).prop_map(|(reason, known)| Call::Halt { reason, known }),
        1 => Just(Call::EndHalt),
        2 => number.prop_map(|conversation| Call::Probe { conversation }),
        1 => Just(Call::EndProbes),
        3 => Just(Call::Grant),
        3 => state.prop_map(Call::State),
        1 => prop_oneof![Just(Delivery::Channels), Just(Delivery::Records)].prop_map(Call::Deliver),
        2 => Just(Call::Release),
        1 => any::<bool>().prop_map(|ago| Call::Released { ago }),
    ]
}
