//! Numbered pages over lists that Pipedrive serves by cursors: complete, without doubles, and cheap after the first.

use std::time::Duration;

use local::simulators::pipedrive::{Action, Call, Kind};
use pigeonpost_tests::world::World;
use serde_json::{Value, json};

use crate::contacts::caller::{Caller, DEMO};

const LIST: Call = Call::Records(Kind::Persons, Action::List);

async fn page(caller: &Caller, number: usize) -> (Vec<String>, u64, bool) {
    let page = caller.get(&format!("/v2/contacts?page={number}")).await.data(200).clone();
    assert_eq!(page["page"], number);
    let ids = page["data"].as_array().unwrap().iter().map(|contact: &Value| contact["id"].as_str().unwrap().to_owned());
    (ids.collect(), page["total"].as_u64().unwrap(), page["hasMore"].as_bool().unwrap())
}

fn add(world: &World, count: usize) {
    for n in 0..count {
        world.bundle.pipedrive().create(DEMO.0, DEMO.1, Kind::Persons, &json!({"name": format!("Person {n}")})).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other_to_the_end() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    assert_eq!(page(&caller, 0).await, (Vec::new(), 0, false));
    assert_eq!(page(&caller, 7).await, (Vec::new(), 0, false));

    add(&world, 1234);
    let pipedrive = world.bundle.pipedrive();
    let before = pipedrive.count(LIST);
    let mut all = Vec::new();
    for number in 0..13 {
        let (ids, total, more) = page(&caller, number).await;
        assert_eq!((ids.len(), total, more), (if number == 12 { 34 } else { 100 }, 1234, number < 12), "{number}");
        all.extend(ids);
    }
    assert_eq!(all, (1..=1234).map(|id: u32| id.to_string()).collect::<Vec<_>>(), "each once, in order");
    assert_eq!(pipedrive.count(LIST) - before, 3 + 12, "three to count them all, then one a page");
    assert_eq!(page(&caller, 13).await, (Vec::new(), 1234, false));
    assert_eq!(pipedrive.count(LIST) - before, 16, "the last part might have grown");

    // A new one is on the last page at once, and counted when a listing begins anew or the notes are old.
    add(&world, 1);
    let (ids, total, more) = page(&caller, 12).await;
    assert_eq!((ids.len(), total, more), (35, 1235, false));
    assert_eq!(page(&caller, 0).await.1, 1235);
    add(&world, 1);
    world.clock.advance(Duration::from_secs(301));
    assert_eq!(page(&caller, 3).await.1, 1236);
    assert_eq!(pipedrive.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_may_be_asked_for_out_of_order() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    add(&world, 620);
    let (ids, total, more) = page(&caller, 5).await;
    assert_eq!((ids.first().map(String::as_str), ids.len(), total, more), (Some("501"), 100, 620, true));
    let (ids, total, more) = page(&caller, 6).await;
    assert_eq!((ids.len(), total, more), (20, 620, false));
    assert_eq!(page(&caller, 9_999).await, (Vec::new(), 620, false));
}
