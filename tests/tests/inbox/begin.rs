//! Writing first: to a number that has not written yet.

use std::time::Duration;

use http::Method;
use local::simulators::{graph, whatsapp_number};
use pigeonpost_tests::world::{World, phone};
use serde_json::{Value, json};
use shared::model::channel::ProviderKind;

use crate::inbox::desk::{Desk, names, said, text, write};

fn to(channel: &str, n: usize) -> Value {
    json!({"channel": channel, "phone": format!("+{}", phone(n)), "name": "Ada Lovelace"})
}

#[tokio::test(flavor = "multi_thread")]
async fn whatsapp_begins_with_a_template_and_goes_on_where_the_customer_answers() {
    let world = World::start().await;
    let desk = Desk::of_owner(&world).await;
    let channel = world.whatsapp.provider_channel_id.as_str();
    world.bundle.graph().set_templates(&whatsapp_number().waba_id, graph::demo_templates());
    // Those that were listed before are forgotten by then.
    world.clock.advance(Duration::from_mins(11));
    assert_eq!(desk.get("start").await["channels"][0]["writes_first"], true);

    let begun = desk.post("conversations", &to(channel, 1)).await;
    assert_eq!((&begun["name"], &begun["mine"], &begun["unread"]), (&json!("Ada Lovelace"), &json!(true), &json!(0)));
    assert!(begun.get("last").is_none() && begun["reply_by"].is_string(), "{begun}");
    assert_eq!(desk.post("conversations", &to(channel, 1)).await["id"], begun["id"], "there is one already");
    let path = format!("conversations/{}/messages", text(&begun["id"]));
    desk.call(Method::POST, &path, Some(&said("hello"))).await.refused(403, "FORBIDDEN");
    let templates = desk.get(&format!("channels/{channel}/templates")).await;
    let wanted = templates.as_array().unwrap().iter().find(|template| template["name"] == "how_was_it").unwrap();
    let sent = desk.post(&path, &json!({"template": {"id": wanted["id"], "values": ["Ada", "desk"]}})).await;
    assert_eq!(sent["status"], "sent");
    world.settle().await;

    write(&world, 1, "Ada L.", "Very!").await;
    assert_eq!(names(&desk.get("conversations").await), ["Ada L."], "no second conversation");
    assert_eq!(desk.post(&path, &said("Good.")).await["status"], "sent", "the window is open");
}

#[tokio::test(flavor = "multi_thread")]
async fn text_messages_begin_freely_and_other_channels_wait_for_the_customer() {
    let world = World::start().await;
    let desk = Desk::of_owner(&world).await;
    let sms = world.bundle.connect_demo(&world.session, ProviderKind::Twilio).await.unwrap();
    let begun = desk.post("conversations", &to(&sms.provider_channel_id, 2)).await;
    assert!(begun.get("reply_by").is_none(), "{begun}");
    let path = format!("conversations/{}/messages", text(&begun["id"]));
    assert_eq!(desk.post(&path, &said("Your desk is ready.")).await["status"], "sent");

    let telegram = world.bundle.connect_demo(&world.session, ProviderKind::Telegram).await.unwrap();
    let refused = desk.call(Method::POST, "conversations", Some(&to(&telegram.provider_channel_id, 2))).await;
    refused.refused(403, "FORBIDDEN");
    let accounts = world.bundle.simulators().unwrap().accounts();
    let (_, name, mut credentials) = accounts.into_iter().find(|(kind, ..)| *kind == ProviderKind::Messenger).unwrap();
    credentials["human_agent"] = json!("yes");
    world.bundle.connect(&world.session, "messenger", name, &credentials).await.unwrap();
    let start = desk.get("start").await;
    for (provider, first, replies, longer) in [
        ("whatsapp", true, true, 0),
        ("twilio", true, false, 0),
        ("telegram", false, true, 0),
        // Meta's Human Agent.
        ("messenger", false, true, 6 * 24 * 3600),
    ] {
        let channel = start["channels"].as_array().unwrap().iter().find(|channel| channel["provider"] == provider).unwrap();
        let told = (&channel["writes_first"], &channel["replies"], &channel["reply_extension"]);
        assert_eq!(told, (&json!(first), &json!(replies), &json!(longer)), "{provider}");
    }

    for number in ["", "Ada", "0555 020 0001", "+1"] {
        let body = json!({"channel": sms.provider_channel_id, "phone": number});
        let words = desk.call(Method::POST, "conversations", Some(&body)).await.refused(400, "INVALID_BODY");
        assert!(words.starts_with("phone: "), "{words}");
    }
    let other = format!("{}0", &sms.provider_channel_id[..sms.provider_channel_id.len() - 1]);
    desk.call(Method::POST, "conversations", Some(&to(&other, 2))).await.refused(404, "NOT_FOUND");
}
