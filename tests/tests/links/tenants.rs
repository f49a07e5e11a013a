//! Another company's conversations, persons and channels are as unknown as those that there are not; and nobody gets in
//! without a session.

use http::Method;
use local::simulators::pipedrive::{Company, DEMO_COMPANY, DEMO_USER, User};
use pigeonpost_tests::web::api;
use serde_json::json;
use shared::{
    model::{
        ids::{CompanyId, PersonId, UserId},
        record::RecordRef,
    },
    records::ports::LinkStore,
};

use crate::links::fixture::Desk;

const OTHERS: CompanyId = CompanyId(2002);
const OTHER_USER: UserId = UserId(21);

/// A session of another company's user.
async fn others(desk: &Desk) -> String {
    desk.pipedrive().add_company(Company {
        id: OTHERS,
        name: "Others".to_owned(),
        domain: "others".to_owned(),
        suspended: false,
        users: vec![User { id: OTHER_USER, name: "Otto Other".to_owned(), admin: true }],
    });
    desk.world.bundle.install(OTHERS, OTHER_USER).await.unwrap();
    desk.world.bundle.session(OTHERS, OTHER_USER).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_companys_conversation_is_unknown() {
    let desk = Desk::open().await;
    let ada = desk.person(DEMO_USER, "Ada", "");
    desk.does("link", &json!({"person": ada})).await;
    let before = desk.stored().await;
    let session = others(&desk).await;
    let (bundle, id) = (&desk.world.bundle, &desk.conversation);
    for path in ["record", "record/candidates", "record/candidates?q=ada", "audit"] {
        let answer = api(bundle, &session, Method::GET, &format!("/inbox/api/conversations/{id}/{path}"), None).await;
        assert_eq!(answer.refused(404, "NOT_FOUND"), "no such conversation", "{path}");
    }
    for deed in ["link", "unlink", "pin", "unpin", "person", "lead", "deal"] {
        let body = json!({"person": ada, "deal": 1});
        let path = format!("/inbox/api/conversations/{id}/record/{deed}");
        let answer = api(bundle, &session, Method::POST, &path, Some(&body)).await;
        assert_eq!(answer.refused(404, "NOT_FOUND"), "no such conversation", "{deed}");
    }
    assert_eq!(desk.stored().await, before);
    assert!(desk.pipedrive().persons(OTHERS).is_empty() && desk.pipedrive().deals(OTHERS).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_of_the_same_number_in_another_company_is_another_person() {
    let desk = Desk::open().await;
    let ada = desk.person(DEMO_USER, "Ada", "");
    desk.does("link", &json!({"person": ada})).await;
    let table = desk.world.bundle.environment().table();
    let record = RecordRef::Person(PersonId(ada));
    assert_eq!(table.linked_to(DEMO_COMPANY, &record).await.unwrap(), std::slice::from_ref(&desk.conversation));
    assert_eq!(table.linked_to(OTHERS, &record).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_companys_settings_and_budget_stay_its_own() {
    let desk = Desk::open().await;
    let session = others(&desk).await;
    let (bundle, channel) = (&desk.world.bundle, &desk.world.whatsapp.provider_channel_id);
    let settings = api(bundle, &session, Method::GET, "/inbox/api/settings", None).await.json()["data"].clone();
    assert_eq!((&settings["company"]["id"], &settings["channels"]), (&json!(2002), &json!([])));
    let body = json!({"channel": channel, "create_persons": false, "strangers": {"kind": "nothing"}});
    let audit = api(bundle, &session, Method::GET, "/inbox/api/audit", None).await.json()["data"].clone();
    assert_eq!(audit["conversations"], json!(0));
    let changed = api(bundle, &session, Method::PUT, "/inbox/api/settings", Some(&body)).await;
    assert_eq!(changed.refused(404, "NOT_FOUND"), "no such channel");
    assert_eq!(desk.get("/inbox/api/settings").await["channels"][0]["create_persons"], json!(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_without_a_session() {
    let desk = Desk::open().await;
    let id = &desk.conversation;
    for (method, path) in [
        (Method::GET, format!("/inbox/api/conversations/{id}/record")),
        (Method::GET, format!("/inbox/api/conversations/{id}/record/candidates")),
        (Method::GET, format!("/inbox/api/conversations/{id}/audit")),
        (Method::POST, format!("/inbox/api/conversations/{id}/record/unlink")),
        (Method::GET, "/inbox/api/settings".to_owned()),
        (Method::PUT, "/inbox/api/settings".to_owned()),
        (Method::GET, "/inbox/api/pipelines".to_owned()),
        (Method::GET, "/inbox/api/budget".to_owned()),
        (Method::GET, "/inbox/api/audit".to_owned()),
        (Method::GET, "/inbox/api/people?person=1".to_owned()),
        (Method::POST, "/inbox/api/conversations".to_owned()),
    ] {
        for session in ["", "a.b.c"] {
            let answer = api(&desk.world.bundle, session, method.clone(), &path, Some(&json!({}))).await;
            answer.refused(401, "UNAUTHORIZED");
        }
    }
}
