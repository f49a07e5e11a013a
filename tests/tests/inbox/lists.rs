//! The list: its order, pages and filters, and what changed in it, told in one query.

use std::{collections::HashMap, time::Duration};

use http::{HeaderMap, Method, header::AUTHORIZATION};
use lambda_http::{Body, RequestExt, aws_lambda_events::apigw::ApiGatewayV2httpRequestContext, request::RequestContext};
use local::simulators::pipedrive::{DEMO_COMPANY, DEMO_USER};
use pigeonpost_tests::{
    call::json as body_of,
    wire::{Traffic, Wire},
    world::World,
};
use serde_json::{Value, json};
use shared::{clock::Clock, http::HttpFunction, model::ids::UserId};

use crate::inbox::desk::{COLLEAGUE, Desk, names, said, text, write};

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_newest_first_and_goes_on_where_it_ended() {
    let world = World::start().await;
    let desk = Desk::of_owner(&world).await;
    for n in 0..5 {
        write(&world, n, &format!("Customer {n}"), "hello").await;
    }
    write(&world, 1, "Customer 1", "once more").await;
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = desk.get(&format!("conversations?limit=2&after={after}")).await;
        seen.extend(names(&page));
        match page["after"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, [1, 4, 3, 2, 0].map(|n| format!("Customer {n}")));
    let row = desk.row("Customer 1").await;
    assert_eq!(
        (&row["unread"], &row["state"], &row["own"], &row["mine"]),
        (&json!(2), &json!("open"), &json!(true), &json!(true))
    );
    assert_eq!((&row["last"]["text"], &row["last"]["direction"]), (&json!("once more"), &json!("in")));
    assert_eq!(row["phone"], format!("+{}", pigeonpost_tests::world::phone(1)));
    desk.call(Method::GET, "conversations?after=nonsense", None).await.refused(400, "BAD_REQUEST");
    desk.call(Method::GET, "conversations?unread=maybe", None).await.refused(400, "BAD_REQUEST");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_filtered_by_channel_unread_mine_and_state() {
    let world = World::start().await;
    let (owner, colleague) = (Desk::of_owner(&world).await, Desk::of_colleague(&world).await);
    for (n, name) in ["Ada", "Bob", "Cleo"].into_iter().enumerate() {
        write(&world, n, name, "hello").await;
    }
    let (ada, bob) = (owner.id("Ada").await, owner.id("Bob").await);
    colleague.post(&format!("conversations/{ada}/messages"), &said("I am on it")).await;
    owner.call(Method::PUT, &format!("conversations/{bob}/state"), Some(&json!({"state": "closed"}))).await;

    let list = async |desk: &Desk<'_>, filter: &str| names(&desk.get(&format!("conversations?{filter}")).await);
    assert_eq!(list(&owner, "unread=true").await, ["Cleo", "Bob"], "an answer is a sign of having read");
    assert_eq!(list(&owner, "mine=true").await, ["Cleo", "Bob"], "what a colleague answered is theirs");
    assert_eq!(list(&colleague, "mine=true").await, ["Ada"]);
    assert_eq!(list(&owner, "state=closed").await, ["Bob"]);
    assert_eq!(list(&owner, "state=open&limit=1").await, ["Ada"]);
    let channel = &world.whatsapp.provider_channel_id;
    assert_eq!(list(&owner, &format!("channel={channel}&state=open")).await, ["Ada", "Cleo"]);
    let other = format!("{}0", &channel[..channel.len() - 1]);
    assert_eq!(list(&owner, &format!("channel={other}")).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_starts_with_all_that_it_shows() {
    let world = World::start().await;
    let desk = Desk::of_owner(&world).await;
    write(&world, 1, "Ada", "hello").await;
    let start = desk.get("start").await;
    assert_eq!((&start["me"], &start["company"]), (&json!(DEMO_USER), &json!("Demo Company")));
    assert_eq!(start["members"], json!([{"user": DEMO_USER, "name": "Ada Admin", "connected": true}]));
    let channel = &start["channels"][0];
    assert_eq!(
        (&channel["name"], &channel["provider_name"], &channel["own"]),
        (&json!("WhatsApp"), &json!("WhatsApp"), &json!(true))
    );
    assert_eq!((&channel["templates"], &channel["max_text"]), (&json!(true), &json!(4096)));
    assert!(channel.get("credentials").is_none() && channel.get("account").is_none(), "{channel}");
    assert_eq!(names(&start), ["Ada"]);
}

/// Calls the inbox function over the wire as the gateway would; its answer, and what passed.
async fn over(wire: &Wire, world: &World, user: UserId, route: &str, query: &[(&str, &str)]) -> (Value, Traffic) {
    let function = inbox::Function::new(&wire.environment(world.bundle.environment()));
    let session = world.bundle.session(DEMO_COMPANY, user).await.unwrap();
    let headers = HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {session}").parse().unwrap())]);
    let query: HashMap<String, String> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut context = ApiGatewayV2httpRequestContext::default();
    context.route_key = Some(format!("GET {route}"));
    context.domain_name = Some("127.0.0.1".to_owned());
    let mut request = lambda_http::Request::new(Body::Empty);
    *request.headers_mut() = headers;
    let request = request
        .with_raw_http_path(route)
        .with_query_string_parameters(query)
        .with_request_context(RequestContext::ApiGatewayV2(context));
    wire.reset(None);
    let answer = function.call(request).await;
    assert_eq!(answer.status().as_u16(), 200, "{}", body_of(&answer));
    (body_of(&answer)["data"].clone(), wire.traffic())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_query_tells_all_that_changed() {
    let world = World::start().await;
    let desk = Desk::of_owner(&world).await;
    for n in 0..4 {
        write(&world, n, &format!("Customer {n}"), "hello").await;
    }
    let ids = [desk.id("Customer 0").await, desk.id("Customer 1").await, desk.id("Customer 2").await];
    world.clock.advance(Duration::from_mins(1));
    let since = world.clock.now().millis().to_string();
    let wire = Wire::default();
    let (quiet, traffic) = over(&wire, &world, DEMO_USER, "/inbox/api/updates", &[("since", &since)]).await;
    assert_eq!((names(&quiet).len(), traffic.operations), (0, vec!["Query".to_owned()]));
    assert_eq!((quiet["since"].to_string(), &quiet["more"]), (since.clone(), &json!(false)));

    // A message in, an answer, one that is read, one that is closed: four kinds of change, still one query.
    write(&world, 3, "Customer 3", "news").await;
    desk.post(&format!("conversations/{}/messages", ids[0]), &said("hello back")).await;
    let seen = text(&desk.row("Customer 1").await["last"]["id"]);
    desk.post(&format!("conversations/{}/read", ids[1]), &json!({ "seen": seen })).await;
    desk.call(Method::PUT, &format!("conversations/{}/state", ids[2]), Some(&json!({"state": "closed"}))).await;
    let (news, traffic) = over(&wire, &world, DEMO_USER, "/inbox/api/updates", &[("since", &since)]).await;
    assert_eq!(traffic.operations, ["Query"]);
    let mut changed = names(&news);
    changed.sort();
    assert_eq!(changed, [0, 1, 2, 3].map(|n| format!("Customer {n}")));

    // Its ticks are changes too, also when the next call begins where this one ended.
    world.settle().await;
    let since = news["since"].to_string();
    let (ticks, _) = over(&wire, &world, DEMO_USER, "/inbox/api/updates", &[("since", &since)]).await;
    assert!(names(&ticks).contains(&"Customer 0".to_owned()), "{ticks}");
    desk.call(Method::GET, "updates", None).await.refused(400, "BAD_REQUEST");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_colleagues_channel_costs_one_read_by_key_and_none_while_nothing_changes() {
    let world = World::start().await;
    let _colleague = Desk::of_colleague(&world).await;
    for n in 0..4 {
        write(&world, n, &format!("Customer {n}"), "hello").await;
    }
    let wire = Wire::default();
    let (news, traffic) = over(&wire, &world, COLLEAGUE, "/inbox/api/updates", &[("since", "0")]).await;
    assert_eq!((names(&news).len(), traffic.operations), (4, vec!["Query".to_owned(), "GetItem".to_owned()]));
    world.clock.advance(Duration::from_mins(1));
    let since = world.clock.now().millis().to_string();
    let (_, traffic) = over(&wire, &world, COLLEAGUE, "/inbox/api/updates", &[("since", &since)]).await;
    assert_eq!(traffic.operations, ["Query"]);
}
