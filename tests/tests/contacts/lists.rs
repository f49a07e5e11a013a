//! Segmentation lists.

use pigeonpost_tests::{table, world::World};
use serde_json::{Value, json};

use crate::contacts::caller::Caller;

async fn lists(caller: &Caller) -> Vec<Value> {
    caller.get("/v2/segmentation-lists").await.data(200).as_array().unwrap().clone()
}

async fn lists_of(caller: &Caller, contact: &str) -> Value {
    caller.get(&format!("/v2/contacts/{contact}")).await.data(200)["segmentedListsIds"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_are_put_on_lists_and_taken_off() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    let (ada, eve) = (caller.contact("ada@example.com").await, caller.contact("eve@example.com").await);
    let created = caller.post("/v2/segmentation-lists", &json!({"name": " Newsletter "})).await;
    let list = created.id(201);
    assert_eq!((&created.data(201)["name"], &created.data(201)["contacts"]), (&json!("Newsletter"), &json!(0)));

    let path = |contact: &str| format!("/v2/segmentation-lists/{list}/contacts/{contact}");
    for contact in [ada.as_str(), "ADA@example.com", "eve@example.com"] {
        let added = caller.post(&path(contact), &Value::Null).await;
        let id = if contact.starts_with("eve") { &eve } else { &ada };
        assert_eq!(added.data(200), &json!({"id": id, "segmentationListId": list}), "{contact}");
    }
    assert_eq!(lists(&caller).await[0]["contacts"], 2, "twice is once");
    assert_eq!(lists_of(&caller, &ada).await, json!([list]));
    let page = caller.get("/v2/contacts").await.data(200).clone();
    assert!(page["data"].as_array().unwrap().iter().all(|contact| contact["segmentedListsIds"] == json!([list])));

    caller.delete(&path("ada@example.com")).await.data(200);
    caller.delete(&path(&ada)).await.refused(404, "CONTACT_NOT_FOUND");
    assert_eq!((lists_of(&caller, &ada).await, lists(&caller).await[0]["contacts"].clone()), (json!([]), json!(1)));

    let others = caller.list("Others").await;
    caller.delete(&format!("/v2/segmentation-lists/{list}")).await.data(200);
    caller.delete(&format!("/v2/segmentation-lists/{list}")).await.refused(404, "SEGMENTATION_LIST_NOT_FOUND");
    caller.post(&path(&eve), &Value::Null).await.refused(404, "SEGMENTATION_LIST_NOT_FOUND");
    assert_eq!(lists(&caller).await.iter().map(|list| list["id"].as_str().unwrap()).collect::<Vec<_>>(), [others.as_str()]);
    assert_eq!(lists_of(&caller, &eve).await, json!([]));
    assert!(!table::holds(&table::raw(&world.bundle).await, &list), "nothing of a list is left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_has_at_most_a_hundred_lists() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    for n in 0..100 {
        caller.list(&format!("List {n}")).await;
    }
    let refused = caller.post("/v2/segmentation-lists", &json!({"name": "One more"})).await;
    assert!(refused.refused(422, "INVALID_INPUT").starts_with("\"name\" "));
    assert_eq!(lists(&caller).await.len(), 100);
}
