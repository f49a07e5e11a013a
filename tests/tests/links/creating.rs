//! Creating person, lead and deal: once each, also when the request comes twice, at the same time, or Pipedrive's answer is lost.

use local::simulators::pipedrive::{Action, Call, DEMO_COMPANY, DEMO_USER, Fault, Kind};
use serde_json::{Value, json};

use crate::links::fixture::{Desk, number};

#[tokio::test(flavor = "multi_thread")]
async fn person_lead_and_deal_are_created_once_each() {
    let desk = Desk::open().await;
    let shown = desk.does("person", &json!({})).await;
    assert_eq!(shown["person"]["name"], "Ada L.", "as the provider calls them");
    assert_eq!(desk.does("person", &json!({"name": "Other"})).await, shown, "there is one already");
    let persons = desk.pipedrive().persons(DEMO_COMPANY);
    assert_eq!(persons.len(), 1);
    let phone = &persons[0].phones[0];
    assert_eq!((phone.value.as_str(), phone.label.as_str(), persons[0].owner_id), (number(1).as_str(), "WhatsApp", DEMO_USER));

    let shown = desk.does("lead", &json!({"title": "Lamps"})).await;
    assert_eq!(desk.does("lead", &json!({"title": "Lamps"})).await, shown);
    let leads = desk.pipedrive().leads(DEMO_COMPANY);
    assert_eq!((leads.len(), &shown["lead"]["name"]), (1, &json!("Lamps")));
    assert_eq!(shown["lead"]["id"], json!(leads[0].id));

    let shown = desk.does("deal", &json!({})).await;
    assert_eq!(shown["deal"]["name"], "WhatsApp: Ada L.");
    let shown = desk.does("deal", &json!({"title": "More lamps"})).await;
    assert_eq!((&shown["deal"]["name"], &shown["pinned"]), (&json!("More lamps"), &json!(true)));
    assert_eq!(desk.does("deal", &json!({"title": "More lamps"})).await, shown);
    assert_eq!(desk.pipedrive().deals(DEMO_COMPANY).len(), 2, "another one is another one");
    let told = desk.told().await;
    assert_eq!(told.iter().filter(|(what, why)| what == "created" && why == "hand").count(), 4, "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_create_one() {
    let desk = Desk::open().await;
    let body = json!({"name": "Ada"});
    let (one, other) = tokio::join!(desk.tries("person", &body), desk.tries("person", &body));
    assert_eq!((one.status, other.status), (200, 200), "{one:?} {other:?}");
    assert_eq!(desk.pipedrive().persons(DEMO_COMPANY).len(), 1);
    assert_eq!(desk.told().await.len(), 1);
}

/// How many there are that are not deleted.
fn count(desk: &Desk, kind: Kind) -> usize {
    let pipedrive = desk.pipedrive();
    match kind {
        Kind::Persons => pipedrive.persons(DEMO_COMPANY).len(),
        Kind::Deals => pipedrive.deals(DEMO_COMPANY).len(),
        _ => pipedrive.leads(DEMO_COMPANY).len(),
    }
}

async fn answer_lost(deed: &str, kind: Kind) {
    let desk = Desk::open().await;
    if deed != "person" {
        desk.does("person", &json!({})).await;
    }
    let before = count(&desk, kind);
    // The call is repeated by nobody, so one lost answer is enough.
    desk.pipedrive().inject(Call::Records(kind, Action::Create), Fault::DropAfter, 1);
    let lost = desk.tries(deed, &json!({})).await;
    assert_eq!(lost.status, 500, "{deed}: what became of it is not known: {lost:?}");
    assert_eq!(count(&desk, kind), before + 1, "{deed}: Pipedrive has it");
    // Whoever comes next waits until the lock has ended by itself.
    desk.world.clock.advance(std::time::Duration::from_secs(31));
    let shown: Value = desk.does(deed, &json!({})).await;
    assert_eq!(count(&desk, kind), before + 1, "{deed}: it is found, and not created again");
    assert_ne!(shown[deed], Value::Null, "{deed}: {shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_created_without_an_answer_is_found_again() {
    answer_lost("person", Kind::Persons).await;
    answer_lost("lead", Kind::Leads).await;
    answer_lost("deal", Kind::Deals).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pipedrive_refuses_may_be_tried_again_at_once() {
    let desk = Desk::open().await;
    let create = Call::Records(Kind::Persons, Action::Create);
    desk.pipedrive().inject(create, Fault::Answer(402), 1);
    desk.tries("person", &json!({})).await.refused(403, "FORBIDDEN");
    desk.pipedrive().inject(create, Fault::RateLimited(3), 1);
    let limited = desk.tries("person", &json!({})).await;
    assert_eq!((limited.status, &limited.json()["data"]["code"]), (429, &json!("RATE_LIMIT_EXCEEDED")));
    desk.does("person", &json!({})).await;
    assert_eq!(count(&desk, Kind::Persons), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_the_bundle_may_have_created_by_itself_nobody_creates_again_by_hand() {
    let desk = Desk::open().await;
    desk.pipedrive().change(|settings| settings.search_lag = usize::MAX);
    desk.pipedrive().inject(Call::Records(Kind::Persons, Action::Create), Fault::DropAfter, 1);
    desk.world.settle().await;
    assert_eq!((count(&desk, Kind::Persons), desk.stored().await.record.person()), (1, None), "Pipedrive's answer was lost");
    desk.world.clock.advance(std::time::Duration::from_secs(31));
    let shown = desk.does("person", &json!({"name": "Whatever"})).await;
    assert_eq!((count(&desk, Kind::Persons), &shown["person"]["name"]), (1, &json!("Ada L.")), "it is found");
}
