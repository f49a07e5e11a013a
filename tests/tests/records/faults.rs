//! Every call to Pipedrive of a stranger's first message fails once, before or after it was carried out, and so does every
//! request to the table: in the end there is one person, one lead and one note.

use std::time::Duration;

use local::simulators::pipedrive::{Action, Call, Fault, Kind};
use pigeonpost_tests::wire::{self, Wire};

use crate::{
    faults::deliver,
    records::fixture::{conversations, desk, leads, minutes, notes, persons, pipedrive, says, writes},
};

const CALLS: [Call; 4] = [
    Call::Records(Kind::Persons, Action::Search),
    Call::Records(Kind::Persons, Action::Create),
    Call::Records(Kind::Leads, Action::Create),
    Call::Records(Kind::Notes, Action::Create),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_at_any_call_doubles_nothing_and_loses_nothing() {
    for call in CALLS {
        for fault in [Fault::Answer(500), Fault::Drop, Fault::DropAfter, Fault::Answer(401), Fault::RateLimited(1)] {
            let world = desk().await;
            pipedrive(&world).change(|settings| settings.search_lag = usize::MAX);
            let known = persons(&world).len();
            let before = pipedrive(&world).count(call);
            pipedrive(&world).inject(call, fault, 1);
            writes(&world, 1, "Dora", "hello").await;
            for _ in 0..4 {
                minutes(&world, 1).await;
                world.pass(Duration::from_mins(2)).await;
            }
            let what = format!("{call:?} {fault:?}");
            assert!(pipedrive(&world).count(call) > before, "{what}: it was called");
            assert_eq!((persons(&world).len(), leads(&world).len()), (known + 1, 1), "{what}");
            let [note] = notes(&world).try_into().unwrap_or_else(|notes| panic!("{what}: {notes:?}"));
            assert_eq!(note.content.matches("hello").count(), 1, "{what}");
            assert!(conversations(&world).await[0].outbox.is_empty(), "{what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_at_any_step_of_the_table_doubles_nothing_and_loses_nothing() {
    let (world, wire) = (desk().await, Wire::default());
    pipedrive(&world).change(|settings| settings.search_lag = usize::MAX);
    let known = persons(&world).len();
    let mut plan: Vec<Option<(usize, wire::Fault)>> = vec![None];
    let mut cases = 0;
    while let Some(fault) = plan.pop() {
        cases += 1;
        let text = format!("case {cases}.");
        says(&world, cases, &format!("Stranger {cases}"), &text).await;
        let id = world.newest_conversation().await.id;
        wire.reset(fault);
        deliver(world.bundle.environment(), &wire, &id).await;
        if fault.is_none() {
            let count = wire.traffic().operations.len();
            plan = (0..count).flat_map(|at| wire::Fault::ALL.map(|fault| Some((at, fault)))).collect();
        }
        // The stream gives the same change again; what the dead held ends by itself.
        wire.reset(None);
        for _ in 0..3 {
            world.pass(Duration::from_mins(1)).await;
        }
        assert_eq!((persons(&world).len(), leads(&world).len()), (known + cases, cases), "{fault:?}");
        let told: usize = notes(&world).iter().map(|note| note.content.matches(&text).count()).sum();
        assert_eq!(told, 1, "{fault:?}");
        let stored = conversations(&world).await.remove(0);
        assert!(stored.id == id && stored.outbox.is_empty() && stored.pause.is_none(), "{fault:?}: {stored:?}");
    }
    assert!(cases > wire::Fault::ALL.len() * 10, "there were steps: {cases}");
}
