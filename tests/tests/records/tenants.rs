//! Two companies: neither touches the other's records, and neither's empty budget slows the other.

use local::simulators::pipedrive::{Company, DEMO_COMPANY, User};
use pigeonpost_tests::web::{client, send};
use serde_json::json;
use shared::model::ids::{CompanyId, UserId};

use crate::records::fixture::{desk, notes, persons, pipedrive, writes};

const OTHERS: (CompanyId, UserId) = (CompanyId(2002), UserId(21));

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_budget_stops_its_own_company_alone() {
    let world = desk().await;
    pipedrive(&world).add_company(Company {
        id: OTHERS.0,
        name: "Others".to_owned(),
        domain: "others".to_owned(),
        suspended: false,
        users: vec![User { id: OTHERS.1, name: "Otto Other".to_owned(), admin: true }],
    });
    world.bundle.install(OTHERS.0, OTHERS.1).await.unwrap();
    let session = world.bundle.session(OTHERS.0, OTHERS.1).await.unwrap();
    let chat = world.bundle.connect_chat(&session).await.unwrap();
    pipedrive(&world).change(|settings| settings.limits.daily_tokens = Some(30_000));
    pipedrive(&world).spend_tokens(DEMO_COMPANY, 30_000);
    let known = persons(&world).len();
    let number = pigeonpost_tests::world::phone(1);

    writes(&world, 1, "Dora", "to the first").await;
    let event = json!({
        "type": "message", "id": "1", "text": "to the second",
        "from": {"id": "visitor-1", "name": "Dora", "phone": format!("+{number}")},
    });
    let hook = world.bundle.chat().webhooks().compose(&[event]);
    assert_eq!(send(client().post(&chat.webhook_url).headers(hook.headers).body(hook.body)).await.status, 200);
    world.settle().await;
    assert_eq!((persons(&world).len(), notes(&world).len()), (known, 0), "the first waits");
    let others = pipedrive(&world).notes(OTHERS.0);
    assert_eq!(others.len(), 1);
    assert!(others[0].content.contains("to the second") && !others[0].content.contains("to the first"));

    // A new day: what was parked goes on.
    world.clock.advance(std::time::Duration::from_hours(24));
    crate::records::fixture::minutes(&world, 3).await;
    assert_eq!((persons(&world).len(), notes(&world).len()), (known + 1, 1));
    assert_eq!(pipedrive(&world).notes(OTHERS.0).len(), 1);
    assert!(notes(&world)[0].content.contains("to the first"));
}
