//! Link, unlink, pin and unpin; whom and what there is to choose from; what is shown.

use local::simulators::pipedrive::{DEMO_COMPANY, DEMO_USER, Kind};
use serde_json::{Value, json};
use shared::{
    crm::ports::ContactStore,
    model::{contact::Phone, ids::PersonId},
};

use crate::links::fixture::{COLLEAGUE, Desk, number};

fn words(told: &[(&str, &str)]) -> Vec<(String, String)> {
    told.iter().map(|(what, why)| ((*what).to_owned(), (*why).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_shows_person_and_newest_open_deal_and_may_be_repeated() {
    let desk = Desk::open().await;
    let ada = desk.person(DEMO_USER, "Ada Lovelace", "");
    desk.deal(DEMO_USER, "Old", ada);
    let lamps = desk.deal(DEMO_USER, "Lamps", ada);
    assert_eq!(desk.shown().await["person"], Value::Null);

    let shown = desk.does("link", &json!({"person": ada})).await;
    let person = &shown["person"];
    assert_eq!((&person["id"], &person["name"], &person["owner"]), (&json!(ada), &json!("Ada Lovelace"), &json!(11)));
    assert!(person["url"].as_str().unwrap().ends_with(&format!("/person/{ada}")), "{person}");
    assert_eq!((&shown["deal"]["id"], &shown["deal"]["name"], &shown["pinned"]), (&json!(lamps), &json!("Lamps"), &json!(false)));
    assert_eq!((&shown["refused"], &shown["assignee"], &shown["delivery"]), (&json!(false), &json!(11), &json!("records")));
    let told = words(&[("chosen", "newest_open_deal"), ("linked", "hand")]);
    let sorted = |mut told: Vec<(String, String)>| {
        told.sort();
        told
    };
    assert_eq!(sorted(desk.told().await), sorted(told.clone()));
    let spent = desk.pipedrive().tokens_spent(DEMO_COMPANY);
    assert_eq!(desk.does("link", &json!({"person": ada})).await, shown, "once more changes nothing");
    assert_eq!(sorted(desk.told().await), sorted(told));
    assert_eq!(desk.pipedrive().tokens_spent(DEMO_COMPANY), spent + 1, "the person was looked at, and nothing else");
    assert_eq!(desk.shown().await, shown);
    assert_eq!(desk.pipedrive().tokens_spent(DEMO_COMPANY), spent + 1, "what was seen is shown without asking again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unlink_is_remembered_and_ends_the_way_from_the_number() {
    let desk = Desk::open().await;
    let ada = desk.person(DEMO_USER, "Ada Lovelace", &number(1));
    desk.does("link", &json!({"person": ada})).await;
    let table = desk.world.bundle.environment().table();
    let phone = Phone::parse(&number(1)).unwrap();
    let led_to = async || table.persons_of(DEMO_COMPANY, None, Some(&phone)).await.unwrap();
    assert_eq!(led_to().await, [PersonId(ada)]);

    let shown = desk.does("unlink", &json!({})).await;
    assert_eq!((&shown["person"], &shown["refused"]), (&Value::Null, &json!(true)));
    assert_eq!(led_to().await, []);
    let told = desk.told().await;
    assert_eq!(desk.does("unlink", &json!({})).await, shown);
    assert_eq!(desk.told().await, told, "told once");

    let again = desk.does("link", &json!({"person": ada})).await;
    assert_eq!((&again["person"]["id"], &again["refused"]), (&json!(ada), &json!(false)), "by hand it may be linked again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_deal_stays_until_it_is_let_go() {
    let desk = Desk::open().await;
    let ada = desk.person(DEMO_USER, "Ada Lovelace", "");
    let old = desk.deal(COLLEAGUE, "Old", ada);
    let newest = desk.deal(DEMO_USER, "Newest", ada);
    desk.does("link", &json!({"person": ada})).await;
    let pinned = desk.does("pin", &json!({"deal": old})).await;
    assert_eq!((&pinned["deal"]["id"], &pinned["pinned"]), (&json!(old), &json!(true)));
    assert_eq!(desk.does("pin", &json!({"deal": old})).await, pinned);
    desk.does("link", &json!({"person": desk.person(DEMO_USER, "Other", "")})).await;
    assert_eq!(desk.shown().await["deal"]["id"], json!(old), "also when the person is another");
    desk.does("link", &json!({"person": ada})).await;

    let free = desk.does("unpin", &json!({})).await;
    assert_eq!((&free["deal"]["id"], &free["pinned"]), (&json!(newest), &json!(false)));
    assert_eq!(desk.does("unpin", &json!({})).await, free);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_not_linked() {
    let desk = Desk::open().await;
    for (deed, body, field) in [
        ("link", json!({"person": 999}), "person"),
        ("pin", json!({"deal": 999}), "deal"),
        ("link", json!({"person": "8x"}), "person"),
        ("link", json!({}), "person"),
        ("lead", json!({}), "person"),
        ("deal", json!({}), "person"),
        ("person", json!({"name": " "}), "name"),
        ("person", json!({"name": "x".repeat(256)}), "name"),
    ] {
        let words = desk.tries(deed, &body).await.refused(400, "INVALID_BODY");
        assert!(words.starts_with(&format!("{field}: ")), "{deed} {body}: {words}");
    }
    desk.tries("erase", &json!({})).await.refused(404, "NOT_FOUND");
    assert!(desk.told().await.is_empty() && desk.stored().await.record.records.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn candidates_are_found_by_number_name_and_address_and_of_the_person() {
    let desk = Desk::open().await;
    let ada = desk.person(DEMO_USER, "Ada Lovelace", "+1 (555) 020-0001");
    let eve = desk.person(COLLEAGUE, "Eve Adamson", "+4915112345678");
    let path = format!("/inbox/api/conversations/{}/record/candidates", desk.conversation);
    let persons = async |query: &str| {
        let found = desk.get(&format!("{path}{query}")).await;
        let one = |person: &Value| (person["id"].as_u64().unwrap(), person["same_number"].as_bool().unwrap());
        found["persons"].as_array().unwrap().iter().map(one).collect::<Vec<_>>()
    };
    assert_eq!(persons("").await, [(ada, true)], "who has the customer's number");
    assert_eq!(persons("?q=ada").await, [(ada, true), (eve, false)], "the same number first");
    assert_eq!(persons("?q=%2B49%20151%2012345678").await, [(eve, false)]);
    assert_eq!(persons("?q=nobody").await, []);
    let refused = desk.call(http::Method::GET, &format!("{path}?q=a"), None).await;
    refused.refused(400, "BAD_REQUEST");

    let (won, open) = (desk.deal(DEMO_USER, "Won", ada), desk.deal(DEMO_USER, "Open", ada));
    desk.change(Kind::Deals, won, &json!({"status": "won"})).await;
    desk.does("link", &json!({"person": ada})).await;
    desk.does("lead", &json!({"title": "More lamps"})).await;
    let found = desk.get(&path).await;
    let deals: Vec<(u64, bool)> = found["deals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|deal| (deal["id"].as_u64().unwrap(), deal["open"].as_bool().unwrap()))
        .collect();
    assert_eq!(deals, [(open, true), (won, false)]);
    assert_eq!(found["leads"][0]["title"], "More lamps");
    assert!(found["leads"][0]["url"].as_str().unwrap().contains("/leads/inbox/"), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panel_shows_the_conversations_of_its_record() {
    let desk = Desk::open().await;
    let organization = desk.pipedrive().add_organization(DEMO_COMPANY, "Lamps Ltd");
    let ada = desk.person(DEMO_USER, "Ada Lovelace", "");
    desk.change(Kind::Persons, ada, &json!({"org_id": organization})).await;
    let lamps = desk.deal(DEMO_USER, "Lamps", ada);
    let other = desk.customer(2, "Eve").await;
    desk.does("link", &json!({"person": ada})).await;
    // Somebody without a conversation, who may get one while the panel is open.
    let bob = desk.person(DEMO_USER, "Bob", "");
    desk.change(Kind::Persons, bob, &json!({"org_id": organization})).await;
    let shown = async |query: &str| {
        let rows = desk.get(&format!("/inbox/api/conversations?{query}")).await;
        let persons = if query.starts_with("organization") { json!([ada, bob]) } else { Value::Null };
        assert_eq!(rows["persons"], persons, "{query}");
        rows["conversations"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let only = [desk.conversation.to_string()];
    for query in [format!("person={ada}"), format!("deal={lamps}"), format!("organization={organization}")] {
        assert_eq!(shown(&query).await, only, "{query}");
    }
    assert!(shown("person=999").await.is_empty());
    assert_eq!(shown("").await.len(), 2, "{other} is of the company as well");
    desk.call(http::Method::GET, "/inbox/api/conversations?person=x", None).await.refused(400, "BAD_REQUEST");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_begun_with_a_person_of_the_record() {
    let desk = Desk::open().await;
    let organization = desk.pipedrive().add_organization(DEMO_COMPANY, "Lamps Ltd");
    let ada = desk.person(DEMO_USER, "Ada Lovelace", &number(3));
    desk.change(Kind::Persons, ada, &json!({"org_id": organization})).await;
    let lamps = desk.deal(DEMO_USER, "Lamps", ada);
    for query in [format!("person={ada}"), format!("deal={lamps}"), format!("organization={organization}")] {
        let people = desk.get(&format!("/inbox/api/people?{query}")).await;
        assert_eq!(people, json!([{"id": ada, "name": "Ada Lovelace", "phones": [number(3)]}]), "{query}");
    }
    desk.call(http::Method::GET, "/inbox/api/people?person=999", None).await.refused(404, "NOT_FOUND");
    let channel = &desk.world.whatsapp.provider_channel_id;
    let wanted = json!({"channel": channel, "phone": number(3), "name": "Ada Lovelace", "person": ada});
    let begun = desk.call(http::Method::POST, "/inbox/api/conversations", Some(&wanted)).await.json()["data"].clone();
    assert_eq!((&begun["person"], &begun["deal"]), (&json!(ada), &json!(lamps)));
    let audit = desk.get("/inbox/api/audit").await;
    assert_eq!((&audit["conversations"], &audit["all"]), (&json!(2), &json!(true)));
    let entries = audit["entries"].as_array().unwrap();
    assert!(entries.iter().all(|entry| entry["conversation"] == begun["id"]), "{audit}");
    let mut told: Vec<&str> = entries.iter().filter_map(|entry| entry["what"].as_str()).collect();
    told.sort_unstable();
    assert_eq!(told, ["chosen", "linked"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_is_begun_from_a_deal_is_about_that_deal() {
    let desk = Desk::open().await;
    let begin = async |n: usize, person: u64, deal: u64| {
        let channel = &desk.world.whatsapp.provider_channel_id;
        let wanted = json!({"channel": channel, "phone": number(n), "person": person, "deal": deal});
        let answer = desk.call(http::Method::POST, "/inbox/api/conversations", Some(&wanted)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let row = answer.json()["data"].clone();
        let record = desk.get(&format!("/inbox/api/conversations/{}/record", row["id"].as_str().unwrap())).await;
        (row["person"].clone(), row["deal"].clone(), record["pinned"].clone())
    };
    let (ada, eve) = (desk.person(DEMO_USER, "Ada Lovelace", &number(3)), desk.person(DEMO_USER, "Eve", &number(4)));
    let (lamps, chairs) = (desk.deal(DEMO_USER, "Lamps", ada), desk.deal(DEMO_USER, "Chairs", ada));
    assert_eq!(begin(3, ada, lamps).await, (json!(ada), json!(lamps), json!(true)), "not {chairs}, which is newer");
    assert_eq!(begin(3, ada, chairs).await, (json!(ada), json!(lamps), json!(true)), "what was pinned stays");
    // Somebody else has that number by now: their conversation is not moved to the deal.
    let bob = desk.person(DEMO_USER, "Bob", &number(3));
    assert_eq!(begin(3, bob, chairs).await, (json!(ada), json!(lamps), json!(true)));
    let desks = desk.deal(DEMO_USER, "Desks", eve);
    assert_eq!(begin(4, eve, desks).await, (json!(eve), json!(desks), json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_badge_is_the_records_owners_if_they_use_the_app() {
    let desk = Desk::open().await;
    let ada = desk.person(COLLEAGUE, "Ada Lovelace", "");
    let shown = desk.does("link", &json!({"person": ada})).await;
    assert_eq!((&shown["person"]["owner"], &shown["assignee"]), (&json!(12), &json!(11)), "who would never see it");
    desk.world.bundle.install(DEMO_COMPANY, COLLEAGUE).await.unwrap();
    desk.does("unlink", &json!({})).await;
    assert_eq!(desk.does("link", &json!({"person": ada})).await["assignee"], json!(12));
    let lamps = desk.deal(DEMO_USER, "Lamps", ada);
    assert_eq!(desk.does("pin", &json!({"deal": lamps})).await["assignee"], json!(11), "the deal goes before the person");
    desk.does("unlink", &json!({})).await;
    assert_eq!(desk.shown().await["assignee"], json!(11), "the channel's owner");
}
