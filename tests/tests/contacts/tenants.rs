//! Two companies, each with a key: no call reaches the other's data.

use http::Method;
use local::simulators::pipedrive::{Action, Call, Kind};
use pigeonpost_tests::world::World;
use serde_json::{Value, json};

use crate::contacts::caller::{Caller, DEMO, OTHERS, others};

#[tokio::test(flavor = "multi_thread")]
async fn no_call_reaches_the_other_company() {
    let world = World::start().await;
    let ours = Caller::new(&world).await;
    let session = others(&world.bundle).await;
    let theirs = Caller::with_session(&world.bundle, &session).await;

    // Ids of Pipedrive are counted in each company: two more of ours, so that theirs do not have these.
    for n in 0..2 {
        ours.contact(&format!("somebody{n}@example.com")).await;
    }
    let body = json!({"email": "ada@example.com", "attributes": {"name": "Canary", "phone": "+15550100001"}, "origin": {"url": "https://canary.example"}});
    let ada = ours.post("/v2/contacts", &body).await.id(201);
    let deal = ours.deal(&ada).await;
    let list = ours.list("Canary list").await;
    ours.post(&format!("/v2/segmentation-lists/{list}/contacts/{ada}"), &Value::Null).await.data(200);
    let before = (
        ours.get(&format!("/v2/contacts/{ada}")).await.body["data"].clone(),
        ours.get(&format!("/v2/deals/{deal}")).await.body["data"].clone(),
    );

    for contact in [ada.as_str(), "ada@example.com", "%2B15550100001"] {
        theirs.get(&format!("/v2/contacts/{contact}")).await.refused(404, "CONTACT_NOT_FOUND");
        theirs
            .put(&format!("/v2/contacts/{contact}"), &json!({"email": "mine@example.com"}))
            .await
            .refused(404, "CONTACT_NOT_FOUND");
        let path = format!("/v2/segmentation-lists/{list}/contacts/{contact}");
        for method in [Method::POST, Method::DELETE] {
            theirs.call(method, &path, None, &[]).await.refused(404, "SEGMENTATION_LIST_NOT_FOUND");
        }
    }
    theirs.delete(&format!("/v2/segmentation-lists/{list}")).await.refused(404, "SEGMENTATION_LIST_NOT_FOUND");
    theirs.get(&format!("/v2/deals/{deal}")).await.refused(404, "DEAL_NOT_FOUND");
    theirs.put(&format!("/v2/deals/{deal}"), &json!({"attributes": {"pb_name": "Mine"}})).await.refused(404, "DEAL_NOT_FOUND");
    let new_deal = json!({"contactId": ada, "pipelineId": 1, "stageId": 1});
    theirs.post("/v2/deals", &new_deal).await.refused(404, "CONTACT_NOT_FOUND");
    for path in
        ["/v2/contacts", "/v2/contacts?page=1", "/v2/deals", "/v2/segmentation-lists", &format!("/v2/deals?contactId={ada}")]
    {
        let answer = theirs.get(path).await;
        assert_eq!(answer.status, 200);
        assert!(!answer.text.contains("anary") && !answer.text.contains("ada@"), "{}", answer.text);
    }

    // The same address, number and deal are free in their company; the same idempotency key is theirs alone.
    let named = [("idempotency-key", "the same")];
    let made = theirs.call(Method::POST, "/v2/contacts", Some(&body), &named).await.id(201);
    ours.call(Method::POST, "/v2/contacts", Some(&body), &named).await.refused(409, "CONTACT_ALREADY_EXISTS");
    theirs.deal(&made).await;
    let pipedrive = world.bundle.pipedrive();
    assert_eq!((pipedrive.persons(DEMO.0).len(), pipedrive.persons(OTHERS).len()), (3, 1));
    assert_eq!((pipedrive.deals(DEMO.0).len(), pipedrive.deals(OTHERS).len()), (1, 1));
    let after = (
        ours.get(&format!("/v2/contacts/{ada}")).await.body["data"].clone(),
        ours.get(&format!("/v2/deals/{deal}")).await.body["data"].clone(),
    );
    assert_eq!(before, after);

    // The key says whose it is: no header, parameter or body does.
    let asked = pipedrive.count(Call::Records(Kind::Persons, Action::List));
    let answer = theirs.call(Method::GET, "/v2/contacts?company=1001&companyId=1001", None, &[("x-company-id", "1001")]).await;
    assert_eq!(answer.data(200)["total"], 1);
    assert_eq!(pipedrive.count(Call::Records(Kind::Persons, Action::List)), asked + 1);
}
