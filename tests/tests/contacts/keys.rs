//! API keys: made, shown once, listed, changed, rotated, revoked by users of their company alone; stored as hashes.

use std::time::Duration;

use http::Method;
use local::bundle::Bundle;
use pigeonpost_tests::{
    table,
    web::{Answer, api},
    world::World,
};
use serde_json::{Value, json};

use crate::contacts::caller::{COLLEAGUE, Caller, DEMO, make_key, others};

async fn keys(bundle: &Bundle, session: &str) -> Vec<Value> {
    let answer = api(bundle, session, Method::GET, "/setup/keys", None).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["data"].as_array().unwrap().clone()
}

async fn on_key(world: &World, session: &str, method: Method, id: &Value, rest: &str, body: Option<&Value>) -> Answer {
    api(&world.bundle, session, method, &format!("/setup/keys/{}{rest}", id.as_str().unwrap()), body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once_listed_by_its_beginning_and_stored_as_a_hash() {
    let world = World::start().await;
    assert_eq!(keys(&world.bundle, &world.session).await, Vec::<Value>::new());
    let made = make_key(&world.bundle, &world.session, &json!({"name": "  Website form "})).await;
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    assert_eq!(
        (made["name"].as_str(), made["per_second"].as_u64(), made["burst"].as_u64()),
        (Some("Website form"), Some(5), Some(2))
    );
    let secret = key.strip_prefix(&format!("pp_{id}_")).unwrap();
    assert_eq!((secret.len(), id.starts_with("1001-")), (32, true));

    let listed = keys(&world.bundle, &world.session).await;
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0]["prefix"], &listed[0]["last_used_at"]), (&json!(format!("pp_{id}")), &Value::Null));
    assert!(!listed[0].to_string().contains(secret));
    assert!(!table::holds(&table::raw(&world.bundle).await, secret), "only its hash is stored");

    let caller = Caller::with_key(&world.bundle, key).await;
    caller.get("/v2/segmentation-lists").await.data(200);
    assert!(keys(&world.bundle, &world.session).await[0]["last_used_at"].is_string());
    assert_ne!(make_key(&world.bundle, &world.session, &json!({"name": "Website form"})).await["key"], made["key"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_has_two_secrets_for_a_day() {
    let world = World::start().await;
    let made = make_key(&world.bundle, &world.session, &json!({"name": "Bot", "per_second": 100, "burst": 200})).await;
    let rotate = async || {
        let session = world.bundle.session(DEMO.0, DEMO.1).await.unwrap();
        let rotated = on_key(&world, &session, Method::POST, &made["id"], "/rotate", None).await;
        assert_eq!(rotated.status, 200, "{rotated:?}");
        rotated.json()["data"]["key"].as_str().unwrap().to_owned()
    };
    let old = made["key"].as_str().unwrap().to_owned();
    let new = rotate().await;
    assert_eq!(new[..new.len() - 32], old[..old.len() - 32]);
    let status = async |key: &str| Caller::with_key(&world.bundle, key).await.get("/v2/segmentation-lists").await.status;
    assert_eq!((status(&old).await, status(&new).await), (200, 200));
    assert!(keys(&world.bundle, &world.session).await[0]["old_secret_until"].is_string());

    world.clock.advance(Duration::from_hours(24));
    assert_eq!((status(&old).await, status(&new).await), (403, 200));

    // Rotated twice, only the last two work.
    let newer = rotate().await;
    let newest = rotate().await;
    assert_eq!((status(&new).await, status(&newer).await, status(&newest).await), (403, 200, 200));

    let session = world.bundle.session(DEMO.0, DEMO.1).await.unwrap();
    assert_eq!(on_key(&world, &session, Method::DELETE, &made["id"], "", None).await.status, 200);
    assert_eq!((status(&newer).await, status(&newest).await), (403, 403), "revoked with all its secrets");
    on_key(&world, &session, Method::DELETE, &made["id"], "", None).await.refused(404, "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_the_companys_and_nobody_elses() {
    let world = World::start().await;
    let made = make_key(&world.bundle, &world.session, &json!({"name": "Bot"})).await;
    let others = others(&world.bundle).await;
    assert_eq!(keys(&world.bundle, &others).await, Vec::<Value>::new());
    let fields = json!({"name": "Taken over"});
    for (method, rest, body) in [(Method::DELETE, "", None), (Method::POST, "/rotate", None), (Method::PATCH, "", Some(&fields))]
    {
        on_key(&world, &others, method.clone(), &made["id"], rest, body).await.refused(404, "NOT_FOUND");
        on_key(&world, &others, method.clone(), &json!("nonsense"), rest, body).await.refused(404, "NOT_FOUND");
        on_key(&world, "no session", method, &made["id"], rest, body).await.refused(401, "UNAUTHORIZED");
    }
    api(&world.bundle, made["key"].as_str().unwrap(), Method::GET, "/setup/keys", None).await.refused(401, "UNAUTHORIZED");

    // A colleague sees it and may change it.
    world.bundle.install(DEMO.0, COLLEAGUE).await.unwrap();
    let colleague = world.bundle.session(DEMO.0, COLLEAGUE).await.unwrap();
    let listed = keys(&world.bundle, &colleague).await;
    assert_eq!((listed.len(), &listed[0]["own"]), (1, &json!(false)));
    let fields = json!({"name": "Robot", "per_second": 7, "burst": 3});
    let changed = on_key(&world, &colleague, Method::PATCH, &made["id"], "", Some(&fields)).await.json()["data"].clone();
    assert_eq!((&changed["name"], &changed["per_second"], &changed["burst"]), (&json!("Robot"), &json!(7), &json!(3)));

    // Whoever has removed the app manages nothing more, however long their session lasts.
    world.bundle.pipedrive().uninstall(DEMO.0, COLLEAGUE).await.unwrap();
    api(&world.bundle, &colleague, Method::GET, "/setup/keys", None).await.refused(403, "FORBIDDEN");
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_named() {
    let world = World::start().await;
    for (body, field) in [
        (json!({}), "name"),
        (json!({"name": " "}), "name"),
        (json!({"name": "x".repeat(101)}), "name"),
        (json!({"name": "Bot", "per_second": 0}), "per_second"),
        (json!({"name": "Bot", "per_second": 101}), "per_second"),
        (json!({"name": "Bot", "burst": 201}), "burst"),
        (json!({"name": "Bot", "burst": "many"}), "burst"),
    ] {
        let refused = api(&world.bundle, &world.session, Method::POST, "/setup/keys", Some(&body)).await;
        assert!(refused.refused(400, "INVALID_BODY").starts_with(&format!("{field}: ")), "{refused:?}");
    }
    assert_eq!(keys(&world.bundle, &world.session).await, Vec::<Value>::new());
    for _ in 0..50 {
        make_key(&world.bundle, &world.session, &json!({"name": "Bot"})).await;
    }
    api(&world.bundle, &world.session, Method::POST, "/setup/keys", Some(&json!({"name": "Bot"})))
        .await
        .refused(400, "INVALID_BODY");
}
