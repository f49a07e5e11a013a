//! Every change of a link is run once for each request that it makes to the table, with a fault at that request, and then once
//! more as people and Pipedrive do. The end is the one that it has without a fault, and nothing is created twice.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, header};
use lambda_http::Body;
use local::simulators::pipedrive::{DEMO_COMPANY, DEMO_USER};
use pigeonpost_tests::{
    call::request,
    wire::{Fault, Wire},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use shared::{
    http::Request,
    model::{
        ids::{DealId, PersonId},
        record::{Link, RecordRef},
        watch::Watch,
    },
    records::{ports::LinkStore, watch::ports::WatchStore},
};

use crate::links::fixture::{Desk, routed, stored};

/// Longer than a lock is held that nobody gives back, and than Pipedrive's clock may be behind ours: what was created before is
/// not taken for what is created now.
const LATER: Duration = Duration::from_mins(3);

/// Records of a kind that are looked at after each run.
const NEWEST: usize = 3;

/// What a link says, but for how often it changed.
fn said(link: &Link) -> Link {
    Link { revision: 0, looked_at: None, ..link.clone() }
}

/// The link as it is after these deeds alone.
async fn reset(desk: &mut Desk, deeds: &[(&str, Value)]) {
    // Whoever died may have left a lock, which ends by itself.
    desk.world.clock.advance(LATER);
    desk.renew().await;
    desk.does("unlink", &json!({})).await;
    for (deed, body) in deeds {
        desk.does(deed, body).await;
    }
}

/// Runs a deed with every fault; each time from the link that `before` makes.
async fn with_every_fault(deed: &str, body: Value, before: &[(&str, Value)]) {
    let (mut desk, wire) = (Desk::open().await, Wire::default());
    let ada = desk.person(DEMO_USER, "Ada", "");
    let lamps = desk.deal(DEMO_USER, "Lamps", ada);
    let filled = |value: &Value| {
        let text = value.to_string().replace("\"ADA\"", &ada.to_string()).replace("\"LAMPS\"", &lamps.to_string());
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let body = filled(&body);
    let before: Vec<(&str, Value)> = before.iter().map(|(deed, body)| (*deed, filled(body))).collect();
    reset(&mut desk, &before).await;
    let created = |desk: &Desk| {
        let pipedrive = desk.pipedrive();
        pipedrive.persons(DEMO_COMPANY).len() + pipedrive.deals(DEMO_COMPANY).len() + pipedrive.leads(DEMO_COMPANY).len()
    };
    let so_far = created(&desk);
    wire.reset(None);
    assert_eq!(desk.over(&wire, "inbox", desk.deed(deed, &body)).await.status(), 200, "{deed}");
    let (count, more) = (wire.traffic().operations.len(), created(&desk) - so_far);
    assert!(count >= 3, "{deed}: {:?}", wire.traffic());
    let whole = said(&desk.stored().await.record);
    for at in 0..count {
        for fault in Fault::ALL {
            reset(&mut desk, &before).await;
            let so_far = created(&desk);
            wire.reset(Some((at, fault)));
            let first = desk.over(&wire, "inbox", desk.deed(deed, &body)).await.status();
            assert!(first == 200 || fault != Fault::Repeat, "{deed}, {fault:?} at {at}: {first}");
            wire.reset(None);
            desk.world.clock.advance(LATER);
            let again = desk.over(&wire, "inbox", desk.deed(deed, &body)).await;
            assert_eq!(again.status(), 200, "{deed}, {fault:?} at {at}");
            let end = said(&desk.stored().await.record);
            if more == 0 {
                assert_eq!(end, whole, "{deed}, {fault:?} at {at}");
            } else {
                let kinds = |link: &Link| {
                    let Link { records, deal_by, refused, .. } = link;
                    (records.person.is_some(), records.deal.is_some(), records.lead.is_some(), *deal_by, *refused)
                };
                assert_eq!(kinds(&end), kinds(&whole), "{deed}, {fault:?} at {at}");
            }
            assert_eq!(created(&desk), so_far + more, "{deed}, {fault:?} at {at}: created once");
            both_ways(&desk).await;
        }
    }
}

/// The conversation is found by the records of its link, and by no other.
async fn both_ways(desk: &Desk) {
    let table = desk.world.bundle.environment().table();
    let linked: Vec<RecordRef> = desk.stored().await.record.records.all().collect();
    let pipedrive = desk.pipedrive();
    // Each run leaves some behind: the newest are the ones that this one had to do with.
    let persons = pipedrive.persons(DEMO_COMPANY).into_iter().rev().take(NEWEST);
    let persons = persons.map(|person| RecordRef::Person(PersonId(person.id)));
    let deals = pipedrive.deals(DEMO_COMPANY).into_iter().rev().take(NEWEST).map(|deal| RecordRef::Deal(DealId(deal.id)));
    for record in persons.chain(deals) {
        let found = LinkStore::linked_to(&*table, DEMO_COMPANY, &record).await.unwrap();
        assert_eq!(found.contains(&desk.conversation), linked.contains(&record), "{record}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn linking_and_unlinking() {
    with_every_fault("link", json!({"person": "ADA"}), &[]).await;
    with_every_fault("unlink", json!({}), &[("link", json!({"person": "ADA"}))]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pinning_and_unpinning() {
    let linked = ("link", json!({"person": "ADA"}));
    with_every_fault("pin", json!({"deal": "LAMPS"}), std::slice::from_ref(&linked)).await;
    with_every_fault("unpin", json!({}), &[linked, ("pin", json!({"deal": "LAMPS"}))]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn creating_a_person() {
    with_every_fault("person", json!({"name": "Ada"}), &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn creating_a_lead() {
    with_every_fault("lead", json!({"title": "Shades"}), &[("link", json!({"person": "ADA"}))]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn creating_a_deal() {
    with_every_fault("deal", json!({"title": "Shades"}), &[("link", json!({"person": "ADA"}))]).await;
}

/// The company's password, as Pipedrive was given it.
async fn password(desk: &Desk) -> SecretString {
    let environment = desk.world.bundle.environment();
    let watch = environment.table().watch(DEMO_COMPANY).await.unwrap().unwrap();
    let secrets = environment.secrets().get().await.unwrap();
    let plain = secrets.vault.open(&Watch::seal_context(DEMO_COMPANY), watch.password.as_ref().unwrap()).unwrap();
    SecretString::from(String::from_utf8(plain.expose_secret().to_vec()).unwrap())
}

fn webhook(password: &SecretString, body: &Value) -> Request {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let value = format!("Basic {}", STANDARD.encode(format!("pigeonpost:{}", password.expose_secret())));
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_str(&value).unwrap())]);
    let body = Body::from(body.to_string());
    let request = request(Method::POST, "/webhooks/pipedrive/1001", &[("company", "1001")], headers, body);
    routed(request, "POST /webhooks/pipedrive/{company}")
}

#[tokio::test(flavor = "multi_thread")]
async fn hearing_of_a_merge() {
    let (mut desk, wire) = (Desk::open().await, Wire::default());
    let (first, second) = (desk.conversation.clone(), desk.customer(2, "Eve").await);
    let password = password(&desk).await;
    let mut at = 0;
    let mut faults = Fault::ALL.into_iter();
    let mut fault = None;
    loop {
        let (gone, stays) = (desk.person(DEMO_USER, "Ada", ""), desk.person(DEMO_USER, "Ada Lovelace", ""));
        for id in [&first, &second] {
            desk.conversation = id.clone();
            desk.does("link", &json!({"person": gone})).await;
        }
        let meta = json!({
            "action": "delete", "entity": "person", "entity_id": gone.to_string(), "company_id": "1001", "id": "x",
            "merged_to_id": stays.to_string(),
        });
        let body = json!({"meta": meta, "data": null, "previous": {"id": gone, "phones": [{"value": "+1 555 020 0001"}]}});
        wire.reset(fault.map(|fault| (at, fault)));
        let status = desk.over(&wire, "pipedrive-webhook", webhook(&password, &body)).await.status();
        let count = wire.traffic().operations.len();
        assert!(status == 200 || matches!(fault, Some(Fault::DieBefore | Fault::DieAfter)), "{fault:?} at {at}: {status}");
        assert!(status == 200 || status == 500, "Pipedrive sends it again: {status}");
        wire.reset(None);
        assert_eq!(desk.over(&wire, "pipedrive-webhook", webhook(&password, &body)).await.status(), 200);
        for id in [&first, &second] {
            let link = stored(&desk.world, id).await.record;
            assert_eq!(link.person(), Some(PersonId(stays)), "{fault:?} at {at}");
            desk.conversation = id.clone();
            let told = desk.told().await;
            let merges = told.iter().filter(|(what, _)| what == "merged").count();
            let links = told.iter().filter(|(what, _)| what == "linked").count();
            assert_eq!(merges, links, "{fault:?} at {at}: told once");
        }
        let table = desk.world.bundle.environment().table();
        let gone = RecordRef::Person(PersonId(gone));
        assert!(LinkStore::linked_to(&*table, DEMO_COMPANY, &gone).await.unwrap().is_empty());
        let first_run = fault.is_none();
        fault = faults.next();
        if fault.is_none() {
            (at, faults) = (at + 1, Fault::ALL.into_iter());
            fault = faults.next();
        }
        if !first_run && at >= count {
            assert!(at >= 6, "it makes several requests");
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_not_sent_again() {
    let desk = Desk::open().await;
    let (password, wire) = (password(&desk).await, Wire::default());
    let meta = json!({"action": "delete", "entity": "person", "entity_id": "8", "company_id": "2002", "id": "x"});
    for body in [json!("nonsense"), json!({"meta": meta, "data": null, "previous": null})] {
        assert_eq!(desk.over(&wire, "pipedrive-webhook", webhook(&password, &body)).await.status(), 200);
    }
    let large = json!({"meta": "x".repeat(1024 * 1024)});
    assert_eq!(desk.over(&wire, "pipedrive-webhook", webhook(&password, &large)).await.status(), 200);
}
