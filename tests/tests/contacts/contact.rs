//! Contacts: created, found in every way, changed without losing what Pipedrive has beside it.

use local::simulators::pipedrive::Kind;
use pigeonpost_tests::world::World;
use serde_json::{Value, json};

use crate::contacts::caller::{Caller, DEMO};

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_is_a_person_and_found_by_id_address_and_number() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    let body = json!({
        "email": "Ada@Example.com",
        "origin": {"url": "https://example.com/offer", "utmSource": "newsletter"},
        "attributes": {"name": "Ada Example", "phone": "+55 (11) 99999-0001", "shoeSize": 39},
        "tags": ["ignored"],
    });
    let created = caller.post("/v2/contacts", &body).await;
    assert_eq!(created.body["message"], "Contact created");
    let id = created.id(201);
    assert_eq!(created.data(201), &json!({"id": id, "email": "Ada@Example.com"}));

    let persons = world.bundle.pipedrive().persons(DEMO.0);
    assert_eq!((persons.len(), persons[0].name.as_str(), persons[0].owner_id), (1, "Ada Example", DEMO.1));
    assert_eq!((persons[0].emails[0].value.as_str(), persons[0].phones[0].value.as_str()), ("Ada@Example.com", "+5511999990001"));

    for path in [id.as_str(), "ada@example.COM", "Ada%40Example.com", "%2B5511999990001", "%2B55%2011%2099999-0001"] {
        let found = caller.get(&format!("/v2/contacts/{path}")).await;
        let contact = found.data(200);
        assert_eq!((contact["id"].as_str(), contact["email"].as_str()), (Some(id.as_str()), Some("Ada@Example.com")), "{path}");
        assert_eq!(contact["attributes"], json!({"name": "Ada Example", "phone": "+5511999990001"}));
        assert_eq!(contact["origin"], body["origin"]);
        assert_eq!((&contact["source"], &contact["status"]), (&json!("api"), &json!("active")));
        assert_eq!((&contact["segmentedListsIds"], &contact["conversationIds"]), (&json!([]), &json!([])));
    }
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_address_is_needed() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    for (email, attributes, name) in [
        ("a@example.com", Value::Null, "a@example.com"),
        ("b@example.com", json!({"name": " ", "phone": null}), "b@example.com"),
        ("c@example.com", json!({"phone": 15_550_100_002_u64}), "c@example.com"),
    ] {
        let id = caller.post("/v2/contacts", &json!({"email": email, "attributes": attributes})).await.id(201);
        assert_eq!(caller.get(&format!("/v2/contacts/{id}")).await.data(200)["attributes"]["name"], name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn persons_of_pipedrive_are_contacts_too() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    let pipedrive = world.bundle.pipedrive();
    let by_hand = json!({
        "name": "Grace", "emails": [{"value": "old@example.com"}, {"value": "grace@example.com", "primary": true}],
        "phones": [{"value": "(030) 1234-5678 90"}],
    });
    let id = pipedrive.create(DEMO.0, DEMO.1, Kind::Persons, &by_hand).unwrap()["id"].to_string();
    for path in [id.as_str(), "OLD@example.com", "grace@example.com", "%2B4930123456789%30"] {
        let found = caller.get(&format!("/v2/contacts/{path}")).await;
        let contact = found.data(200);
        assert_eq!((contact["id"].as_str(), &contact["source"]), (Some(id.as_str()), &json!("pipedrive")), "{path}");
        assert_eq!(contact["email"], "grace@example.com");
    }
    // Whoever has the address or the number is the contact already.
    for body in
        [json!({"email": "Old@example.com"}), json!({"email": "new@example.com", "attributes": {"phone": "+49 30 1234567890"}})]
    {
        caller.post("/v2/contacts", &body).await.refused(409, "CONTACT_ALREADY_EXISTS");
    }
    // What is deleted in Pipedrive is gone, whatever we remember; and may be created anew.
    let ada = caller.contact("ada@example.com").await;
    pipedrive.delete(DEMO.0, DEMO.1, Kind::Persons, &ada).unwrap();
    for path in [ada.as_str(), "ada@example.com"] {
        caller.get(&format!("/v2/contacts/{path}")).await.refused(404, "CONTACT_NOT_FOUND");
    }
    assert_ne!(caller.contact("ada@example.com").await, ada);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_keeps_what_was_there() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    let pipedrive = world.bundle.pipedrive();
    let by_hand = json!({
        "name": "Grace", "emails": [{"value": "home@example.com", "label": "home"}, {"value": "work@example.com", "primary": true}],
        "phones": [{"value": "+1 555 010 0001", "label": "mobile"}],
    });
    let id = pipedrive.create(DEMO.0, DEMO.1, Kind::Persons, &by_hand).unwrap()["id"].to_string();
    let path = format!("/v2/contacts/{id}");

    let changed = caller
        .put("/v2/contacts/work@example.com", &json!({"email": "new@example.com", "attributes": {"name": "Grace H."}}))
        .await;
    assert_eq!(changed.body["message"], "Contact updated");
    assert_eq!(changed.data(200), &json!({"id": id, "email": "new@example.com"}));
    let entries = |field: &str| -> Vec<(String, bool, String)> {
        let person = pipedrive.persons(DEMO.0).remove(0);
        let entries = if field == "emails" { person.emails } else { person.phones };
        entries.into_iter().map(|entry| (entry.value, entry.primary, entry.label)).collect()
    };
    let entry = |value: &str, primary, label: &str| (value.to_owned(), primary, label.to_owned());
    assert_eq!(
        entries("emails"),
        [
            entry("new@example.com", true, "work"),
            entry("home@example.com", false, "home"),
            entry("work@example.com", false, "work")
        ]
    );
    // One of their own becomes the primary one and keeps its label.
    caller.put(&path, &json!({"email": "Home@example.com", "attributes": {"phone": "+15550100002"}})).await.data(200);
    assert_eq!(entries("emails")[0], entry("Home@example.com", true, "home"));
    assert_eq!(entries("emails").len(), 3);
    assert_eq!(entries("phones"), [entry("+15550100002", true, "work"), entry("+1 555 010 0001", false, "mobile")]);

    // What stays as it is is not written.
    let before = pipedrive.persons(DEMO.0)[0].update_time;
    for body in [json!({}), json!({"email": null, "attributes": null}), json!({"attributes": {"name": "Grace H."}})] {
        caller.put(&path, &body).await.data(200);
    }
    assert_eq!(pipedrive.persons(DEMO.0)[0].update_time, before);
    caller.put("/v2/contacts/new@example.com", &json!({"attributes": {"phone": "+1 555-010-0002"}})).await.data(200);
    assert_eq!(entries("phones").len(), 2, "the same number in other words");
}
