//! Who is let into the pages inside Pipedrive: the token that Pipedrive signed, and the short session that it buys.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Method;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use local::{
    bundle::Bundle,
    simulators::{
        CLIENT_SECRET,
        pipedrive::{DEMO_COMPANY, DEMO_USER},
    },
};
use pigeonpost_tests::{
    web::{Answer, api, client, send},
    world::World,
};
use serde_json::{Value, json};
use shared::{
    clock::Clock,
    model::ids::{CompanyId, UserId},
};

async fn exchange(bundle: &Bundle, token: &str) -> Answer {
    send(client().post(format!("{}/session", bundle.url())).json(&json!({"token": token}))).await
}

fn signed(algorithm: Algorithm, claims: &Value, key: &str) -> String {
    jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(key.as_bytes())).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn pipedrives_token_buys_a_session_of_a_quarter_of_an_hour() {
    let world = World::start().await;
    let token = world.bundle.pipedrive().iframe_token(DEMO_COMPANY, DEMO_USER).unwrap();
    let answer = exchange(&world.bundle, &token).await;
    let body = answer.json();
    let session = body["data"]["token"].as_str().unwrap();
    assert_eq!(body, json!({"success": true, "data": {"token": session, "expires_in": 900}}));
    assert_eq!(answer.status, 200);

    let list = async || api(&world.bundle, session, Method::GET, "/setup/channels", None).await;
    assert_eq!(list().await.status, 200);
    world.clock.advance(Duration::from_mins(14));
    assert_eq!(list().await.status, 200);
    world.clock.advance(Duration::from_mins(1));
    list().await.refused(401, "UNAUTHORIZED");
    exchange(&world.bundle, &token).await.refused(401, "UNAUTHORIZED");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_else_does() {
    let world = World::start().await;
    let later = world.clock.now().secs() + 300;
    let claims = json!({"userId": DEMO_USER, "companyId": DEMO_COMPANY, "exp": later});
    assert_eq!(exchange(&world.bundle, &signed(Algorithm::HS256, &claims, CLIENT_SECRET)).await.status, 200);
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = |algorithm: &str| format!("{}.{}.", part(&json!({"alg": algorithm, "typ": "JWT"})), part(&claims));
    let without = |field: &str| {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().remove(field);
        signed(Algorithm::HS256, &claims, CLIENT_SECRET)
    };
    let expired = json!({"userId": DEMO_USER, "companyId": DEMO_COMPANY, "exp": later - 400});
    for (what, token) in [
        ("expired", signed(Algorithm::HS256, &expired, CLIENT_SECRET)),
        ("no algorithm", unsigned("none")),
        ("no algorithm, shouted", unsigned("NONE")),
        ("no signature", unsigned("HS256")),
        ("another secret", signed(Algorithm::HS256, &claims, "another secret")),
        ("no secret", signed(Algorithm::HS256, &claims, "")),
        ("another algorithm", signed(Algorithm::HS512, &claims, CLIENT_SECRET)),
        ("no exp", without("exp")),
        ("no user", without("userId")),
        ("no company", without("companyId")),
        ("a session of ours", world.session.clone()),
        ("nothing", String::new()),
    ] {
        let message = exchange(&world.bundle, &token).await.refused(401, "UNAUTHORIZED");
        assert!(token.is_empty() || !message.contains(&token), "{what}");
    }
    let url = format!("{}/session", world.bundle.url());
    for body in ["", "{}", "[]", r#"{"token":5}"#, "no json"] {
        send(client().post(&url).body(body)).await.refused(400, "INVALID_BODY");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_without_an_installation_are_refused() {
    let world = World::start().await;
    for (company, user) in [(DEMO_COMPANY, UserId(12)), (CompanyId(2002), DEMO_USER), (CompanyId(2002), UserId(5))] {
        let token = world.bundle.pipedrive().iframe_token(company, user).unwrap();
        exchange(&world.bundle, &token).await.refused(403, "FORBIDDEN");
    }
    world.bundle.pipedrive().uninstall(DEMO_COMPANY, DEMO_USER).await.unwrap();
    let token = world.bundle.pipedrive().iframe_token(DEMO_COMPANY, DEMO_USER).unwrap();
    exchange(&world.bundle, &token).await.refused(403, "FORBIDDEN");
    // The session that is still open reaches nothing in Pipedrive any more.
    let chat = json!({"provider": "custom", "name": "Chat", "credentials": world.bundle.chat().credentials()});
    let answer = api(&world.bundle, &world.session, Method::POST, "/setup/channels", Some(&chat)).await;
    answer.refused(401, "UNAUTHORIZED");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_apis_of_the_pages_take_sessions_of_ours_alone() {
    let world = World::start().await;
    let iframe = world.bundle.pipedrive().iframe_token(DEMO_COMPANY, DEMO_USER).unwrap();
    let claims = json!({"aud": "pigeonpost", "company": DEMO_COMPANY, "user": DEMO_USER, "exp": world.clock.now().secs() + 300});
    let forged = signed(Algorithm::HS256, &claims, CLIENT_SECRET);
    let channel = format!("/setup/channels/{}", world.whatsapp.provider_channel_id);
    let conversation = "/inbox/api/conversations/cv_0123456789abcdef";
    for token in [iframe.as_str(), &forged, "", "x"] {
        for (method, path) in [
            (Method::GET, "/setup/channels"),
            (Method::POST, "/setup/channels"),
            (Method::DELETE, &channel),
            (Method::DELETE, conversation),
        ] {
            api(&world.bundle, token, method, path, None).await.refused(401, "UNAUTHORIZED");
        }
    }
    send(client().get(format!("{}/setup/channels", world.bundle.url()))).await.refused(401, "UNAUTHORIZED");
    assert_eq!(world.bundle.pipedrive().channels().len(), 1);
}
