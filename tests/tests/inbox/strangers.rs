//! Nobody without a session, and nobody of another company, gets anything: each route of the API is tried.

use http::Method;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use local::{
    simulators::{
        CLIENT_SECRET,
        pipedrive::{Company, DEMO_COMPANY, DEMO_USER, User},
    },
    template::{BUNDLE, Template},
};
use pigeonpost_tests::{
    web::{api, client, send},
    world::World,
};
use serde_json::{Value, json};
use shared::{
    clock::Clock,
    model::ids::{ChannelId, CompanyId, UserId},
};

use crate::inbox::desk::{Desk, said, text, write};

/// The routes of the template below `/inbox/api/`, with real ids in them.
fn routes(conversation: &str, message: &str, channel: &str) -> Vec<(Method, String)> {
    let template = Template::parse(BUNDLE).unwrap();
    let inbox = template.functions.into_iter().find(|function| function.name == "inbox").unwrap();
    let fill = |pattern: String| {
        pattern.replace("{conversation}", conversation).replace("{message}", message).replace("{channel}", channel)
    };
    let routes = inbox.routes.into_iter().map(|route| (route.method.unwrap(), fill(route.pattern.to_string())));
    routes.filter(|(_, path)| path.starts_with("/inbox/api/")).collect()
}

/// A session of another company's user, with the app installed.
async fn stranger(world: &World) -> String {
    let (company, user) = (CompanyId(2002), UserId(77));
    let users = vec![User { id: user, name: "Otto".to_owned(), admin: true }];
    let others = Company { id: company, name: "Others".to_owned(), domain: "others".to_owned(), suspended: false, users };
    world.bundle.pipedrive().add_company(others);
    world.bundle.install(company, user).await.unwrap();
    world.bundle.session(company, user).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_wants_a_session_of_ours() {
    let world = World::start().await;
    let desk = Desk::of_owner(&world).await;
    write(&world, 1, "Ada", "hello").await;
    let (conversation, message) = (desk.id("Ada").await, text(&desk.row("Ada").await["last"]["id"]));
    let iframe = world.bundle.pipedrive().iframe_token(DEMO_COMPANY, DEMO_USER).unwrap();
    let claims = json!({"aud": "pigeonpost", "company": DEMO_COMPANY, "user": DEMO_USER, "exp": world.clock.now().secs() + 300});
    let forged =
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(CLIENT_SECRET.as_bytes()));
    let forged = forged.unwrap();
    let routes = routes(&conversation, &message, &world.whatsapp.provider_channel_id);
    assert!(routes.len() >= 13, "{routes:?}");
    for (method, path) in routes {
        for token in ["", "x", &iframe, &forged] {
            api(&world.bundle, token, method.clone(), &path, Some(&json!({}))).await.refused(401, "UNAUTHORIZED");
        }
        send(client().request(method, format!("{}{path}", world.bundle.url()))).await.refused(401, "UNAUTHORIZED");
    }
    assert_eq!(desk.messages("Ada").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_companys_ids_are_as_unknown_as_any() {
    let world = World::start().await;
    let desk = Desk::of_owner(&world).await;
    write(&world, 1, "Ada", "hello").await;
    let (conversation, message) = (desk.id("Ada").await, text(&desk.row("Ada").await["last"]["id"]));
    let channel = &world.whatsapp.provider_channel_id;
    let session = stranger(&world).await;
    let call = async |method: Method, path: &str, body: Value| {
        let body = (method != Method::GET).then_some(&body).cloned();
        api(&world.bundle, &session, method, &format!("/inbox/api/{path}"), body.as_ref()).await
    };
    for (method, path, body) in [
        (Method::GET, format!("conversations/{conversation}"), json!({})),
        (Method::DELETE, format!("conversations/{conversation}"), json!({})),
        (Method::POST, format!("conversations/{conversation}/read"), json!({ "seen": message })),
        (Method::PUT, format!("conversations/{conversation}/state"), json!({"state": "closed"})),
        (Method::POST, format!("conversations/{conversation}/messages"), said("hi")),
        (Method::POST, format!("messages/{message}/retry"), json!({})),
        (Method::POST, "conversations".to_owned(), json!({"channel": channel, "phone": "+15550200009"})),
        (Method::GET, format!("channels/{channel}/templates"), json!({})),
        (Method::GET, format!("conversations?channel={channel}"), json!({})),
        (Method::GET, format!("search/messages?q=hello&conversation={conversation}"), json!({})),
    ] {
        call(method.clone(), &path, body).await.refused(404, "NOT_FOUND");
        assert_eq!(desk.row("Ada").await["state"], "open", "{method} {path}");
    }
    for path in ["conversations", "updates?since=0", "search/conversations?q=ada", "search/messages?q=hello", "start"] {
        let answer = call(Method::GET, path, json!({})).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.body.contains("Ada") && !answer.body.contains(&conversation), "{path}: {}", answer.body);
    }
    let unknown = ChannelId::new(DEMO_COMPANY);
    call(Method::GET, &format!("channels/{unknown}/templates"), json!({})).await.refused(404, "NOT_FOUND");
    assert_eq!((desk.row("Ada").await["unread"].clone(), desk.messages("Ada").await.len()), (json!(1), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_may_name_nobody_but_whom_the_token_names() {
    let world = World::start().await;
    let exchange = async |company: Option<u64>, user: Option<u64>| {
        let token = world.bundle.pipedrive().iframe_token(DEMO_COMPANY, DEMO_USER).unwrap();
        let body = json!({"token": token, "company": company, "user": user});
        send(client().post(format!("{}/session", world.bundle.url())).json(&body)).await
    };
    for (company, user) in [(None, None), (Some(DEMO_COMPANY.0), Some(DEMO_USER.0)), (Some(DEMO_COMPANY.0), None)] {
        assert_eq!(exchange(company, user).await.status, 200);
    }
    for (company, user) in [(Some(2), Some(DEMO_USER.0)), (Some(DEMO_COMPANY.0), Some(12)), (None, Some(12))] {
        exchange(company, user).await.refused(401, "UNAUTHORIZED");
    }
}
