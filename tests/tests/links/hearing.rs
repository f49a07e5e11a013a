//! Pipedrive's webhooks: merges, deletions, renames, closed deals and converted leads, as they come, twice, out of order, and
//! from nobody.

use std::collections::BTreeSet;

use http::Method;
use local::simulators::pipedrive::{DEMO_COMPANY, DEMO_USER, Kind, Telling};
use pigeonpost_tests::web::{client, send};
use serde_json::{Value, json};
use shared::{
    clock::Clock,
    crm::ports::{ContactStore, ListStore},
    model::{
        contact::{Phone, SegmentationList},
        ids::{ListId, PersonId},
        record::{Chosen, RecordRef},
    },
    records::ports::LinkStore,
};

use crate::links::fixture::{COLLEAGUE, Desk, number};

async fn linked_to(desk: &Desk, record: RecordRef) -> usize {
    LinkStore::linked_to(&*desk.world.bundle.environment().table(), DEMO_COMPANY, &record).await.unwrap().len()
}

fn person(id: u64) -> RecordRef {
    RecordRef::Person(PersonId(id))
}

/// How often that was done.
async fn times(desk: &Desk, what: &str, why: &str) -> usize {
    desk.told().await.iter().filter(|told| **told == (what.to_owned(), why.to_owned())).count()
}

async fn merged(telling: Telling, reversed: bool) {
    let desk = Desk::open().await;
    let (gone, stays) = (desk.person(DEMO_USER, "Ada", &number(1)), desk.person(DEMO_USER, "Ada Lovelace", ""));
    desk.does("link", &json!({"person": gone})).await;
    desk.pipedrive().idle().await;
    desk.pipedrive().change(|settings| settings.telling = telling);
    desk.pipedrive().merge_persons(DEMO_COMPANY, DEMO_USER, gone, stays).unwrap();
    if reversed {
        desk.pipedrive().idle().await;
        desk.pipedrive().reverse_untold();
        desk.pipedrive().change(|settings| settings.telling = Telling::AtOnce);
        desk.pipedrive().tell_webhooks().await;
    }
    desk.pipedrive().idle().await;
    let shown = desk.shown().await;
    assert_eq!((&shown["person"]["id"], &shown["person"]["name"]), (&json!(stays), &json!("Ada Lovelace")), "{telling:?}");
    assert_eq!((linked_to(&desk, person(gone)).await, linked_to(&desk, person(stays)).await), (0, 1), "both ways");
    assert_eq!(times(&desk, "merged", "merge").await, 1, "{telling:?}: told once");
    let phone = Phone::parse(&number(1)).unwrap();
    let led_to = desk.world.bundle.environment().table().persons_of(DEMO_COMPANY, None, Some(&phone)).await.unwrap();
    assert_eq!(led_to, [PersonId(stays)], "and from the number");
    let answers: Vec<Option<u16>> =
        desk.pipedrive().webhook_attempts(DEMO_COMPANY).iter().map(|attempt| attempt.status).collect();
    assert!(answers.len() >= 2 && answers.iter().all(|status| *status == Some(200)), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn merged_persons_take_their_conversations_along() {
    merged(Telling::AtOnce, false).await;
    merged(Telling::Twice, false).await;
    merged(Telling::Held, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn merged_persons_keep_their_segmentation_lists() {
    let desk = Desk::open().await;
    let (gone, stays) = (desk.person(DEMO_USER, "Ada", ""), desk.person(DEMO_USER, "Ada Lovelace", ""));
    let table = desk.world.bundle.environment().table();
    let list = |name: &str| SegmentationList {
        id: ListId::new(),
        name: name.to_owned(),
        contacts: 0,
        created_at: desk.world.clock.now(),
        deleted: false,
    };
    let (hers, both) = (list("Hers"), list("Both"));
    for list in [&hers, &both] {
        table.add_list(DEMO_COMPANY, list).await.unwrap();
        table.add_to_list(DEMO_COMPANY, &list.id, PersonId(gone)).await.unwrap();
    }
    table.add_to_list(DEMO_COMPANY, &both.id, PersonId(stays)).await.unwrap();
    desk.pipedrive().change(|settings| settings.telling = Telling::Twice);
    desk.pipedrive().merge_persons(DEMO_COMPANY, DEMO_USER, gone, stays).unwrap();
    desk.pipedrive().idle().await;
    let records = table.contact_records(DEMO_COMPANY, &[PersonId(gone), PersonId(stays)]).await.unwrap();
    assert!(records[0].lists.is_empty(), "{records:?}");
    assert_eq!(records[1].lists, BTreeSet::from([hers.id.clone(), both.id.clone()]));
    for list in table.lists(DEMO_COMPANY).await.unwrap() {
        assert_eq!(list.contacts, 1, "{}", list.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn merged_deals_do_too_and_stay_pinned() {
    let desk = Desk::open().await;
    let ada = desk.person(DEMO_USER, "Ada", "");
    let (gone, stays) = (desk.deal(DEMO_USER, "Lamps", ada), desk.deal(DEMO_USER, "Shades", ada));
    desk.does("link", &json!({"person": ada})).await;
    desk.does("pin", &json!({"deal": gone})).await;
    desk.pipedrive().merge_deals(DEMO_COMPANY, DEMO_USER, gone, stays).unwrap();
    desk.pipedrive().idle().await;
    let shown = desk.shown().await;
    assert_eq!((&shown["deal"]["id"], &shown["deal"]["name"], &shown["pinned"]), (&json!(stays), &json!("Shades"), &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_and_a_new_owner_are_shown_without_asking() {
    let desk = Desk::open().await;
    desk.world.bundle.install(DEMO_COMPANY, COLLEAGUE).await.unwrap();
    let ada = desk.person(DEMO_USER, "Ada", "");
    desk.does("link", &json!({"person": ada})).await;
    let spent = desk.pipedrive().tokens_spent(DEMO_COMPANY);
    desk.change(Kind::Persons, ada, &json!({"name": "Ada Lovelace", "owner_id": COLLEAGUE})).await;
    let shown = desk.shown().await;
    assert_eq!((&shown["person"]["name"], &shown["assignee"]), (&json!("Ada Lovelace"), &json!(12)));
    assert_eq!(desk.pipedrive().tokens_spent(DEMO_COMPANY), spent);
}

#[tokio::test(flavor = "multi_thread")]
async fn news_that_come_late_change_nothing() {
    let desk = Desk::open().await;
    let ada = desk.person(DEMO_USER, "Ada", "");
    desk.does("link", &json!({"person": ada})).await;
    desk.pipedrive().change(|settings| settings.telling = Telling::Held);
    desk.change(Kind::Persons, ada, &json!({"name": "First"})).await;
    desk.change(Kind::Persons, ada, &json!({"name": "Second"})).await;
    desk.pipedrive().reverse_untold();
    desk.pipedrive().change(|settings| settings.telling = Telling::AtOnce);
    desk.pipedrive().tell_webhooks().await;
    assert_eq!(desk.pipedrive().untold(), 0);
    assert_eq!(desk.shown().await["person"]["name"], "Second");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_person_is_unlinked_and_may_be_matched_again() {
    let desk = Desk::open().await;
    let ada = desk.person(DEMO_USER, "Ada", "");
    desk.deal(DEMO_USER, "Lamps", ada);
    desk.does("link", &json!({"person": ada})).await;
    desk.delete(Kind::Persons, &ada.to_string()).await;
    let link = desk.stored().await.record;
    assert!(link.records.is_empty() && !link.refused && link.owner.is_none(), "{link:?}");
    assert_eq!((linked_to(&desk, person(ada)).await, times(&desk, "unlinked", "gone").await), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_deal_is_left_unless_it_is_pinned() {
    let desk = Desk::open().await;
    let ada = desk.person(DEMO_USER, "Ada", "");
    let (old, newest) = (desk.deal(DEMO_USER, "Old", ada), desk.deal(DEMO_USER, "Newest", ada));
    desk.does("link", &json!({"person": ada})).await;
    assert_eq!(desk.shown().await["deal"]["id"], json!(newest));
    desk.change(Kind::Deals, newest, &json!({"status": "won"})).await;
    let link = desk.stored().await.record;
    assert_eq!((link.records.deal, link.looked_at), (None, None), "to be chosen anew");
    assert_eq!(times(&desk, "unlinked", "closed").await, 1);
    desk.change(Kind::Deals, old, &json!({"title": "Old, but open"})).await;
    assert_eq!(desk.shown().await["deal"]["id"], json!(old), "one that is open and free is taken");

    desk.does("pin", &json!({"deal": newest})).await;
    desk.change(Kind::Deals, newest, &json!({"status": "lost"})).await;
    let shown = desk.shown().await;
    assert_eq!((&shown["deal"]["id"], &shown["deal"]["open"], &shown["pinned"]), (&json!(newest), &json!(false), &json!(true)));
    desk.delete(Kind::Deals, &newest.to_string()).await;
    let link = desk.stored().await.record;
    assert_eq!((link.records.deal, link.deal_by), (None, Chosen::Itself), "a pin ends with its deal");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_deal_is_the_newest() {
    let desk = Desk::open().await;
    let ada = desk.person(DEMO_USER, "Ada", "");
    desk.does("link", &json!({"person": ada})).await;
    let lamps = desk.deal(DEMO_USER, "Lamps", ada);
    desk.pipedrive().idle().await;
    let shown = desk.shown().await;
    assert_eq!((&shown["deal"]["id"], &shown["deal"]["name"]), (&json!(lamps), &json!("Lamps")));
    assert_eq!(times(&desk, "chosen", "newest_open_deal").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_that_becomes_a_deal_is_followed() {
    for held in [false, true] {
        let desk = Desk::open().await;
        desk.does("person", &json!({})).await;
        let shown = desk.does("lead", &json!({"title": "Lamps"})).await;
        desk.pipedrive().idle().await;
        if held {
            desk.pipedrive().change(|settings| settings.telling = Telling::Held);
        }
        let lead = shown["lead"]["id"].as_str().unwrap();
        let deal = desk.pipedrive().convert_lead(DEMO_COMPANY, DEMO_USER, lead).unwrap();
        desk.pipedrive().idle().await;
        if held {
            desk.pipedrive().reverse_untold();
            desk.pipedrive().change(|settings| settings.telling = Telling::AtOnce);
            desk.pipedrive().tell_webhooks().await;
        }
        let shown = desk.shown().await;
        assert_eq!((&shown["lead"], &shown["deal"]["id"], &shown["deal"]["name"]), (&Value::Null, &json!(deal), &json!("Lamps")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bundles_own_echo_changes_nothing() {
    let desk = Desk::open().await;
    desk.does("person", &json!({})).await;
    desk.does("lead", &json!({})).await;
    desk.does("deal", &json!({"title": "Lamps"})).await;
    let (before, told) = (desk.stored().await.record, desk.told().await);
    desk.pipedrive().idle().await;
    assert!(desk.pipedrive().webhook_attempts(DEMO_COMPANY).len() >= 3, "they were told");
    assert_eq!((desk.stored().await.record, desk.told().await), (before, told));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_without_the_password_is_heard() {
    let desk = Desk::open().await;
    let ada = desk.person(DEMO_USER, "Ada", "");
    desk.does("link", &json!({"person": ada})).await;
    let url = |company: &str| format!("{}/webhooks/pipedrive/{company}", desk.world.bundle.url());
    let meta = json!({
        "action": "delete", "entity": "person", "entity_id": ada.to_string(), "company_id": "1001", "id": "x", "version": "2.0",
    });
    let body = json!({"meta": meta, "data": null, "previous": {"id": ada}}).to_string();
    for (company, credentials) in [
        ("1001", None),
        ("1001", Some(("pigeonpost", ""))),
        ("1001", Some(("pigeonpost", "password"))),
        ("2002", Some(("pigeonpost", "password"))),
        ("x", Some(("pigeonpost", "password"))),
    ] {
        // What is in the body is not looked at.
        for body in [body.as_str(), "not JSON"] {
            let mut request = client().request(Method::POST, url(company)).body(body.to_owned());
            if let Some((user, password)) = credentials {
                request = request.basic_auth(user, Some(password));
            }
            send(request).await.refused(401, "UNAUTHORIZED");
        }
    }
    assert_eq!(desk.shown().await["person"]["id"], json!(ada));
}
