//! The bundle on one machine as its users meet it: started, installed, connected, played with, stopped, started again.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use local::{
    bundle::{Bundle, BundleOptions},
    clock::AdjustableClock,
    demo,
    simulators::{
        chat, graph,
        phones::Behaviour,
        pipedrive::{Call, DEMO_COMPANY, DEMO_USER, Fault},
    },
};
use shared::model::status::Status;

async fn connected() -> Bundle {
    let bundle = Bundle::start(BundleOptions::default()).await.unwrap();
    bundle.install(DEMO_COMPANY, DEMO_USER).await.unwrap();
    let session = bundle.session(DEMO_COMPANY, DEMO_USER).await.unwrap();
    bundle.connect_whatsapp(&session).await.unwrap();
    bundle.connect_chat(&session).await.unwrap();
    bundle
}

/// The only conversation in the inbox: its channel's id, its own, and its texts with their statuses.
fn inbox(bundle: &Bundle) -> (String, String, Vec<(String, Status)>) {
    let channels = bundle.pipedrive().channels();
    let mut all = channels.iter().flat_map(|channel| channel.conversations.values().map(|c| (channel.id.clone(), c)));
    let (Some((channel, conversation)), None) = (all.next(), all.next()) else { panic!("not one conversation") };
    let messages = conversation.messages.iter().map(|message| (message.text.clone(), message.status)).collect();
    (channel, conversation.id.clone(), messages)
}

#[tokio::test]
async fn whatsapp_in_and_out() {
    let bundle = connected().await;
    bundle.graph().customer_writes("15550100001", "Ada", "Hello");
    bundle.settle().await.unwrap();
    let (channel, conversation, messages) = inbox(&bundle);
    assert_eq!(messages, [("Hello".to_owned(), Status::Delivered)]);

    bundle.pipedrive().send_from_inbox(&channel, &conversation, "Good morning", Vec::new()).await.unwrap();
    bundle.settle().await.unwrap();
    let sent = bundle.graph().sent();
    assert_eq!((sent[0].to.as_str(), sent[0].text.as_str()), ("15550100001", "Good morning"));
    assert_eq!(inbox(&bundle).2[1], ("Good morning".to_owned(), Status::Read));

    bundle.graph().fail_next(graph::Fault::Code(131_056));
    assert!(bundle.pipedrive().send_from_inbox(&channel, &conversation, "Too fast", Vec::new()).await.is_err());
    assert_eq!(bundle.pipedrive().violations(), Vec::<String>::new());
}

#[tokio::test]
async fn the_chat_in_and_out() {
    let bundle = connected().await;
    bundle.chat().webhooks().send_twice(1);
    bundle.chat().customer_writes("visitor-1", "Mary", "Hello");
    bundle.chat().phones().set_behaviour("visitor-1", Behaviour::Receives);
    bundle.settle().await.unwrap();
    let (channel, conversation, messages) = inbox(&bundle);
    assert_eq!(messages, [("Hello".to_owned(), Status::Delivered)], "once, though it came twice");

    bundle.pipedrive().send_from_inbox(&channel, &conversation, "Good morning", Vec::new()).await.unwrap();
    bundle.settle().await.unwrap();
    assert_eq!(inbox(&bundle).2[1], ("Good morning".to_owned(), Status::Delivered));
    bundle.chat().fail_next(chat::Fault::Status(403));
    assert!(bundle.pipedrive().send_from_inbox(&channel, &conversation, "Again", Vec::new()).await.is_err());
    assert_eq!((bundle.chat().sent().len(), bundle.chat().violations()), (1, Vec::new()));
}

#[tokio::test]
async fn a_restart_over_the_same_data_keeps_everything() {
    let folder = tempfile::tempdir().unwrap();
    let options = || BundleOptions { data: Some(folder.path().to_owned()), ..BundleOptions::default() };
    let first = Bundle::start(options()).await.unwrap();
    demo::set_up(&first, |_| ()).await.unwrap();
    // The chat's address has the port in it, so on another port it is another chat.
    let shown = |bundle: &Bundle| -> BTreeMap<String, Status> {
        let channels = bundle.pipedrive().channels();
        let whatsapp = channels.iter().find(|channel| channel.provider_type == "whatsapp").unwrap();
        assert_eq!(whatsapp.conversations.len(), 7);
        let messages = whatsapp.conversations.values().flat_map(|conversation| &conversation.messages);
        messages.map(|message| (message.id.clone(), message.status)).collect()
    };
    let before = shown(&first);
    let ticks: HashSet<Status> = before.values().copied().collect();
    assert_eq!(ticks.len(), 4, "the demo shows every status");
    first.stop().await;

    let second = Bundle::start(options()).await.unwrap();
    demo::set_up(&second, |_| ()).await.unwrap();
    assert_eq!(shown(&second), before);
    assert!(second.pipedrive().violations().is_empty());
}

#[tokio::test]
async fn what_the_stream_missed_is_found_by_redeliver() {
    let clock = Arc::new(AdjustableClock::default());
    let bundle = Bundle::start(BundleOptions { clock: clock.clone(), ..BundleOptions::default() }).await.unwrap();
    bundle.install(DEMO_COMPANY, DEMO_USER).await.unwrap();
    let session = bundle.session(DEMO_COMPANY, DEMO_USER).await.unwrap();
    bundle.connect_whatsapp(&session).await.unwrap();
    bundle.pipedrive().inject(Call::Receive, Fault::Answer(503), 1);
    bundle.graph().customer_writes("15550100001", "Ada", "Hello");
    bundle.settle().await.unwrap();
    assert!(bundle.pipedrive().conversations().is_empty(), "the first try failed");

    clock.advance(Duration::from_mins(1));
    assert!(bundle.run_schedule("redeliver").await);
    bundle.settle().await.unwrap();
    assert_eq!(inbox(&bundle).2, [("Hello".to_owned(), Status::Delivered)]);
    assert!(!bundle.run_schedule("unknown").await);
}

#[tokio::test]
async fn the_page_and_its_phone() {
    let bundle = connected().await;
    let client = reqwest::Client::builder().build().unwrap();
    let url = |path: &str| format!("{}{path}", bundle.url());
    for path in ["/", "/sim/style.css", "/sim/phone.js", "/sim/pipedrive/", "/sim/pipedrive/inbox.js", "/setup", "/manifest.json"]
    {
        assert_eq!(client.get(url(path)).send().await.unwrap().status(), 200, "{path}");
    }
    let play =
        |body: &str| client.post(url("/sim/phones")).header("content-type", "application/json").body(body.to_owned()).send();
    let wrote = r#"{"provider":"whatsapp","customer":"+1 555 010 0007","name":"Emmy","does":{"text":"Hi"}}"#;
    assert_eq!(play(wrote).await.unwrap().status(), 200);
    assert_eq!(play(&wrote.replace("+1 555 010 0007", "nobody")).await.unwrap().status(), 400);
    assert_eq!(client.post(url("/sim/phones")).body(wrote).send().await.unwrap().status(), 400, "not declared as JSON");
    bundle.settle().await.unwrap();
    assert_eq!(inbox(&bundle).2, [("Hi".to_owned(), Status::Delivered)]);
    let phones: serde_json::Value = client.get(url("/sim/phones")).send().await.unwrap().json().await.unwrap();
    assert_eq!(phones["providers"][0]["chats"][0]["customer"], "15550100007");
}
