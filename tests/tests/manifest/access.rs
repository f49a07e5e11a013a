//! Who is let in: Pipedrive alone, with the app's credentials of today; and to which channels.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, Method, header::AUTHORIZATION};
use local::simulators::{
    CLIENT_ID, CLIENT_SECRET,
    pipedrive::{DEMO_COMPANY, DEMO_USER},
};
use pigeonpost_tests::world::{World, phone};
use serde_json::Value;

use crate::manifest::caller::{Caller, Chat};

fn headers(value: &str) -> HeaderMap {
    HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())])
}

fn basic(scheme: &str, id: &str, secret: &str) -> HeaderMap {
    headers(&format!("{scheme} {}", STANDARD.encode(format!("{id}:{secret}"))))
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_apps_credentials_are_let_in() {
    let world = World::start().await;
    let ada = Chat::begin(&world, &phone(1), "Ada").await;
    let caller = Caller::new(&world);
    let pair = STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"));
    for (what, headers) in [
        ("none", HeaderMap::new()),
        ("empty", headers("")),
        ("no credentials", headers("Basic")),
        ("not base64", headers("Basic !!!")),
        ("no colon", headers(&format!("Basic {}", STANDARD.encode(CLIENT_ID)))),
        ("no scheme", headers(&pair)),
        ("another scheme", headers(&format!("Bearer {pair}"))),
        ("another id", basic("Basic", "someone", CLIENT_SECRET)),
        ("another secret", basic("Basic", CLIENT_ID, "guess")),
        ("a part of the secret", basic("Basic", CLIENT_ID, &CLIENT_SECRET[..CLIENT_SECRET.len() - 1])),
        ("no secret", basic("Basic", CLIENT_ID, "")),
        ("nothing twice", basic("Basic", "", "")),
        ("a session of the app's pages", headers(&format!("Bearer {}", world.session))),
    ] {
        for (n, answer) in caller.everything(&ada.channel, &ada, &ada.message, &headers).await.iter().enumerate() {
            assert_eq!((answer.status, &answer.body["data"]["code"]), (401, &"UNAUTHORIZED".into()), "{what}: {n}");
        }
        // Who is not let in does not learn what there is.
        for path in ["ch_1001_00000000000000000000/templates", "nonsense/conversations?conversations_limit=x"] {
            caller.call(Method::GET, path, headers.clone(), String::new()).await.refused(401, "UNAUTHORIZED");
        }
    }
    assert!(world.bundle.graph().sent().is_empty());
    for scheme in ["Basic", "basic", "BASIC"] {
        let headers = basic(scheme, CLIENT_ID, CLIENT_SECRET);
        for answer in caller.everything(&ada.channel, &ada, &ada.message, &headers).await.into_iter().take(6) {
            if scheme == "Basic" {
                answer.done();
            } else {
                // The round before this one ended in the channel's removal.
                answer.refused(404, "NOT_FOUND");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_secret_works_and_the_old_one_ends() {
    let mut world = World::start().await;
    let caller = Caller::new(&world);
    let path = format!("{}/templates", world.whatsapp.provider_channel_id);
    let rotate = |world: &mut World, to: &str| {
        let mut secret = world.bundle.secret().clone();
        secret["pipedrive_client_secret"] = Value::from(to);
        world.bundle.rotate_secret(secret);
    };
    let call = async |secret: &str| {
        let answer = caller.call(Method::GET, &path, basic("Basic", CLIENT_ID, secret), String::new()).await;
        answer.status
    };
    assert_eq!(call(CLIENT_SECRET).await, 200);

    // The new one is believed as soon as it is presented. Only what was loaded in the last ten seconds is not loaded anew,
    // so that wrong passwords are no calls to AWS.
    rotate(&mut world, "second");
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(call("second").await, 200);
    assert_eq!(call(CLIENT_SECRET).await, 401);

    // Nobody presents the new one: the old one is forgotten all the same.
    rotate(&mut world, "third");
    world.clock.advance(Duration::from_mins(5));
    assert_eq!(call("second").await, 401);
    assert_eq!(call("third").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uninstalled_companys_channel_is_unauthorized_and_nothing_else_is_known() {
    let world = World::start().await;
    let ada = Chat::begin(&world, &phone(1), "Ada").await;
    let caller = Caller::new(&world);
    let headers = basic("Basic", CLIENT_ID, CLIENT_SECRET);
    assert_eq!(world.bundle.pipedrive().uninstall(DEMO_COMPANY, DEMO_USER).await, Ok(200));

    let answers = caller.everything(&ada.channel, &ada, &ada.message, &headers).await;
    let told: Vec<_> = answers.iter().map(|answer| (answer.status, answer.body["data"]["code"].as_str())).collect();
    assert_eq!(told, vec![(401, Some("UNAUTHORIZED")); answers.len()]);
    assert!(world.bundle.graph().sent().is_empty());

    for path in ["conversations", "conversations/cv_0000000000000000", "senders/pt_0000000000000000", "templates"] {
        caller.get(&format!("ch_1001_00000000000000000000/{path}")).await.refused(404, "NOT_FOUND");
    }
    caller.post("ch_1001_00000000000000000000", &ada.fields("hello")).await.refused(404, "NOT_FOUND");

    // The same user comes back, and so does the channel.
    world.bundle.install(DEMO_COMPANY, DEMO_USER).await.unwrap();
    let body = caller.get(&format!("{}/conversations", ada.channel)).await.done();
    assert_eq!(body["data"][0]["id"], ada.conversation.as_str());
}
