//! Every call to Pipedrive of a stranger's first message fails once, before or after it was carried out: in the end there is
//! one person, one lead and one note.

use std::time::Duration;

use local::simulators::pipedrive::{Action, Call, Fault, Kind};

use crate::fixture::{conversations, desk, leads, minutes, notes, persons, pipedrive, writes};

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
