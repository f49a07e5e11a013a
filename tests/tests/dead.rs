//! Invariant 6, its end: a message that could not be delivered is listed with its reason, for its company alone, and delivered
//! when somebody asks for it, by the inbox API and by the operator's tool.

use std::time::Duration;

use clap::Parser;
use http::Method;
use local::simulators::pipedrive::{Call, Company, DEMO_COMPANY, Fault, User};
use ops::terminal::Terminal;
use pigeonpost_tests::{
    web::{Answer, api},
    world::{World, phone},
};
use serde_json::{Value, json};
use shared::model::ids::{CompanyId, UserId};

/// A message of the customer's that Pipedrive refuses.
async fn refused(world: &World, customer: usize, text: &str) {
    // Once with times in full, once in minutes.
    world.bundle.pipedrive().inject(Call::Receive, Fault::Answer(400), 2);
    world.bundle.graph().customer_writes(&phone(customer), &format!("Customer {customer}"), text);
    world.settle().await;
    world.clock.advance(Duration::from_secs(1));
}

async fn get(world: &World, path: &str) -> Answer {
    api(&world.bundle, &world.session, Method::GET, path, None).await
}

async fn post(world: &World, path: &str) -> Answer {
    api(&world.bundle, &world.session, Method::POST, path, None).await
}

async fn dead(world: &World) -> Vec<Value> {
    get(world, "/inbox/api/dead").await.json()["data"].as_array().unwrap().clone()
}

/// What `ops` writes to standard output and standard error, and whether all was done.
async fn ops(world: &World, arguments: &[&str]) -> (String, String, bool) {
    let arguments = ops::Arguments::try_parse_from([&["ops"], arguments].concat()).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let done = ops::run(arguments, world.bundle.environment(), &mut Terminal::new(&mut out, &mut err)).await;
    (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap(), done.is_ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_listed_shown_and_delivered() {
    let world = World::start().await;
    assert_eq!(dead(&world).await, [] as [Value; 0]);
    // A conversation that Pipedrive does not know yet it reads whole.
    world.bundle.graph().customer_writes(&phone(1), "Customer 1", "before it");
    world.settle().await;
    world.clock.advance(Duration::from_secs(1));
    refused(&world, 1, "refused").await;
    world.bundle.graph().customer_writes(&phone(1), "Customer 1", "after it");
    world.settle().await;
    assert_eq!(world.texts("Customer 1"), ["before it", "after it"]);

    let listed = dead(&world).await;
    let id = listed[0]["message_id"].as_str().unwrap().to_owned();
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0]["text"], &listed[0]["customer"]), (&json!("refused"), &json!("Customer 1")));
    assert_eq!((&listed[0]["direction"], &listed[0]["reason"]["code"]), (&json!("in"), &json!("invalid")));
    assert_eq!(get(&world, &format!("/inbox/api/dead/{id}")).await.json()["data"], listed[0]);

    for _ in 0..2 {
        assert_eq!(post(&world, &format!("/inbox/api/dead/{id}/resend")).await.status, 200, "it may be repeated");
    }
    world.settle().await;
    let shown = world.shown("Customer 1");
    let mut shown: Vec<(&str, usize)> = shown.iter().map(|message| (message.text.as_str(), message.pushes)).collect();
    shown.sort_unstable();
    assert_eq!(shown, [("after it", 1), ("before it", 1), ("refused", 1)]);
    assert_eq!(dead(&world).await, [] as [Value; 0]);
    get(&world, &format!("/inbox/api/dead/{id}")).await.refused(404, "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_a_channel_are_sent_again_page_by_page() {
    let world = World::start().await;
    for customer in 1..=3 {
        refused(&world, customer, "first").await;
        refused(&world, customer, "second").await;
    }
    let other = format!("ch_{DEMO_COMPANY}_00000000000000000000");
    let page = get(&world, "/inbox/api/dead?limit=4").await.json();
    assert_eq!(page["data"].as_array().unwrap().len(), 4);
    let after = page["additional_data"]["after"].as_str().unwrap();
    let rest = get(&world, &format!("/inbox/api/dead?limit=4&after={after}")).await.json();
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["additional_data"]["after"]), (2, &json!("")));
    let times: Vec<&Value> =
        [&page, &rest].iter().flat_map(|page| page["data"].as_array().unwrap()).map(|letter| &letter["sent_at"]).collect();
    assert!(times.is_sorted_by(|a, b| a.as_str() >= b.as_str()), "newest first: {times:?}");

    assert_eq!(get(&world, &format!("/inbox/api/dead?channel={other}")).await.json()["data"], json!([]));
    let none = post(&world, &format!("/inbox/api/dead/resend?channel={other}")).await.json();
    assert_eq!((&none["data"]["resent"], dead(&world).await.len()), (&json!(0), 6));

    let channel = &world.whatsapp.provider_channel_id;
    let (mut after, mut rounds, mut resent) = (String::new(), 0, 0);
    loop {
        let done = post(&world, &format!("/inbox/api/dead/resend?channel={channel}&limit=4&after={after}")).await.json();
        rounds += 1;
        resent += done["data"]["resent"].as_u64().unwrap();
        done["additional_data"]["after"].as_str().unwrap().clone_into(&mut after);
        if after.is_empty() {
            break;
        }
    }
    assert_eq!((rounds, resent), (2, 6));
    world.settle().await;
    for customer in 1..=3 {
        assert_eq!(world.texts(&format!("Customer {customer}")), ["first", "second"]);
    }
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_their_companys_alone() {
    let world = World::start().await;
    refused(&world, 1, "refused").await;
    let id = dead(&world).await[0]["message_id"].as_str().unwrap().to_owned();
    let (stranger, user) = (CompanyId(2002), UserId(21));
    let users = vec![User { id: user, name: "Otto".to_owned(), admin: true }];
    let elsewhere = Company { id: stranger, name: "Others".to_owned(), domain: "others".to_owned(), suspended: false, users };
    world.bundle.pipedrive().add_company(elsewhere);
    world.bundle.install(stranger, user).await.unwrap();
    let session = world.bundle.session(stranger, user).await.unwrap();
    let ask = |method, path: String| {
        let (bundle, session) = (&world.bundle, &session);
        async move { api(bundle, session, method, &path, None).await }
    };
    assert_eq!(ask(Method::GET, "/inbox/api/dead".to_owned()).await.json()["data"], json!([]));
    ask(Method::GET, format!("/inbox/api/dead/{id}")).await.refused(404, "NOT_FOUND");
    ask(Method::POST, format!("/inbox/api/dead/{id}/resend")).await.refused(404, "NOT_FOUND");
    assert_eq!(ask(Method::POST, "/inbox/api/dead/resend".to_owned()).await.json()["data"]["resent"], json!(0));
    world.settle().await;
    assert_eq!(dead(&world).await.len(), 1, "still dead");
    for (method, path) in [(Method::GET, "/inbox/api/dead"), (Method::POST, "/inbox/api/dead/resend")] {
        api(&world.bundle, "nobody", method, path, None).await.refused(401, "UNAUTHORIZED");
    }
    get(&world, "/inbox/api/dead?after=nonsense").await.refused(400, "BAD_REQUEST");
    get(&world, "/inbox/api/dead?channel=nonsense").await.refused(400, "BAD_REQUEST");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_tool_lists_shows_and_resends() {
    let world = World::start().await;
    for customer in 1..=2 {
        refused(&world, customer, "the words").await;
    }
    let (out, err, done) = ops(&world, &["dead", "list"]).await;
    assert_eq!((out.lines().count(), err.as_str(), done), (2, "2 dead\n", true));
    let (json, ..) = ops(&world, &["dead", "list", "--json", "--company", &DEMO_COMPANY.to_string()]).await;
    let entries: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let id = entries[0]["message"].as_str().unwrap();
    assert!(out.lines().next().unwrap().starts_with(id), "{out}");
    let (elsewhere, ..) = ops(&world, &["dead", "list", "--company", "1"]).await;
    assert_eq!(elsewhere, "");

    let (shown, _, done) = ops(&world, &["dead", "show", id]).await;
    assert!(done && shown.contains("invalid: Pipedrive did not take the message"), "{shown}");
    for said in [&out, &json, &shown] {
        assert!(!said.contains("the words") && !said.contains("Customer") && !said.contains(&phone(1)), "{said}");
    }

    assert!(ops(&world, &["dead", "resend", id]).await.2);
    world.settle().await;
    assert_eq!(ops(&world, &["dead", "list"]).await.0.lines().count(), 1);
    assert!(!ops(&world, &["dead", "show", id]).await.2, "it is not dead any more");
    assert!(ops(&world, &["dead", "resend", "--all", "--channel", &world.whatsapp.provider_channel_id]).await.2);
    world.settle().await;
    assert_eq!((world.texts("Customer 1"), world.texts("Customer 2")), (vec!["the words".into()], vec!["the words".into()]));
    for wrong in [vec!["dead", "resend"], vec!["dead", "resend", "--all"], vec!["dead", "show", "m_1"], vec!["dead", "burn"]] {
        assert!(ops::Arguments::try_parse_from([&["ops"], &wrong[..]].concat()).is_err(), "{wrong:?}");
    }
}
