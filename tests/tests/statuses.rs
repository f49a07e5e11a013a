//! Statuses of what the company sent: forward only (invariant 4), however they come, and never before or without their
//! message.

use std::time::Duration;

use local::simulators::{
    graph::{Fault, Graph},
    phones::{Behaviour, Chat},
    pipedrive::InboxError,
    whatsapp_number,
};
use pigeonpost_tests::{
    call::{FORM, as_pipedrive, form, request},
    gate::{Gate, apart},
    wait::until,
    world::{World, phone},
};
use serde_json::{Value, json};
use shared::{
    http::HttpFunction,
    inbox::ports::{ReceiveStore, Reference},
    model::{
        ids::{ChannelId, ConversationId, MessageId, ProviderMessageId},
        status::Status,
    },
};

const NAME: &str = "Dora";

/// A customer who has written, and whose phone reports nothing by itself.
async fn silent_customer() -> World {
    let world = World::start().await;
    world.bundle.graph().phones().set_behaviour(&phone(1), Behaviour::Off);
    world.bundle.graph().customer_writes(&phone(1), NAME, "a question");
    world.settle().await;
    world
}

/// An answer from Pipedrive's inbox: our id and the provider's.
async fn answered(world: &World, text: &str) -> (String, String) {
    let conversation = world.conversation_with(NAME).unwrap().id;
    let channel = &world.whatsapp.provider_channel_id;
    let id = world.bundle.pipedrive().send_from_inbox(channel, &conversation, text, Vec::new()).await.unwrap();
    world.settle().await;
    (id, world.bundle.graph().sent().last().unwrap().id.clone())
}

/// How far the message with that text is in Pipedrive's inbox.
fn shown(world: &World, text: &str) -> Status {
    let message = world.shown(NAME).into_iter().find(|message| message.text == text);
    message.map(|message| message.status).unwrap()
}

async fn report(world: &World, id: &str, statuses: &[Status]) {
    for status in statuses {
        assert!(world.bundle.graph().report(id, *status));
        world.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_only_move_forward() {
    use Status::{Delivered, Failed, Read, Sent};
    let world = silent_customer().await;
    for (n, (reported, expected)) in [
        (&[Delivered][..], Delivered),
        (&[Delivered, Read], Read),
        // Without the step between.
        (&[Read], Read),
        (&[Read, Delivered, Sent], Read),
        (&[Delivered, Sent, Delivered, Delivered], Delivered),
        (&[Failed], Failed),
        (&[Delivered, Failed], Delivered),
        (&[Read, Failed], Read),
        // A phone that has it knows better.
        (&[Failed, Delivered], Delivered),
        (&[Failed, Sent], Failed),
    ]
    .into_iter()
    .enumerate()
    {
        let text = format!("answer {n}");
        let (_, provider_id) = answered(&world, &text).await;
        report(&world, &provider_id, reported).await;
        assert_eq!(shown(&world, &text), expected, "{reported:?}");
    }
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_nothing_is_not_pushed() {
    let world = silent_customer().await;
    let (id, provider_id) = answered(&world, "an answer").await;
    let pushes = |world: &World| world.shown(NAME).iter().find(|message| message.id == id).unwrap().pushes;
    report(&world, &provider_id, &[Status::Read]).await;
    let before = pushes(&world);
    report(&world, &provider_id, &[Status::Read, Status::Delivered, Status::Sent, Status::Failed]).await;
    assert_eq!(pushes(&world), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_in_any_order_ends_at_the_furthest() {
    let world = silent_customer().await;
    let graph = world.bundle.graph();
    let arrangements: [fn(&mut Vec<Value>); 3] =
        [|events| events.reverse(), |events| events.rotate_left(1), |events| events.extend_from_within(..)];
    for (n, arrange) in arrangements.into_iter().enumerate() {
        let text = format!("answer {n}");
        graph.webhooks().hold();
        let (_, provider_id) = answered(&world, &text).await;
        for status in [Status::Delivered, Status::Read] {
            graph.report(&provider_id, status);
        }
        graph.webhooks().release(arrange);
        world.settle().await;
        assert_eq!(shown(&world, &text), Status::Read, "order {n}");
    }
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_overtakes_its_message_waits_for_it() {
    let world = silent_customer().await;
    let graph = world.bundle.graph().clone();
    graph.phones().set_behaviour(&phone(1), Behaviour::Reads);
    graph.webhooks().hold();
    let sees = graph.clone();
    let gate = Gate::new(move || !sees.sent().is_empty());
    let environment = gate.environment(world.bundle.environment());
    let (channel, conversation) = (world.whatsapp.provider_channel_id.clone(), world.conversation_with(NAME).unwrap().id);
    let sending = apart(async move || {
        let function = post_message::Function::new(&environment);
        send(&function, &channel, &conversation, "an answer").await
    });

    // WhatsApp has it, and reports every status, before the table hears of its id.
    until("WhatsApp has the message", || !graph.sent().is_empty()).await;
    let read = || graph.phones().chat(&phone(1)).is_some_and(|chat| has_read(&chat, "an answer"));
    until("it is read, and that is on its way", || read() && graph.webhooks().idle()).await;
    // Not every message carries what leads its statuses back to it without the provider's id.
    graph.webhooks().release(|events| {
        for event in events {
            event["value"]["statuses"][0].as_object_mut().unwrap().remove("biz_opaque_callback_data");
        }
    });
    until("its statuses are reported", || graph.webhooks().idle()).await;
    assert!(!sending.is_finished());
    let channel = ChannelId::parse(&world.whatsapp.provider_channel_id).unwrap();
    let provider_id = ProviderMessageId::parse(&graph.sent()[0].id).unwrap();
    let table = world.bundle.environment().table();
    assert_eq!(table.reference(&channel, &provider_id).await.unwrap(), Reference::Unknown { parked: Some((Status::Read, None)) });

    gate.open();
    let id = sending.await.unwrap();
    world.settle().await;
    let shown: Vec<_> = world.shown(NAME).into_iter().filter(|message| message.text == "an answer").collect();
    assert_eq!((shown.len(), shown[0].status, &shown[0].id), (1, Status::Read, &id));
    assert_eq!(table.reference(&channel, &provider_id).await.unwrap(), Reference::Message(MessageId::parse(&id).unwrap().into()));
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

fn has_read(chat: &Chat, text: &str) -> bool {
    chat.lines.iter().any(|line| line.text == text && line.status == Status::Read)
}

/// Calls post-message as Pipedrive does; our id of the message.
async fn send(function: &post_message::Function, channel: &str, conversation: &str, text: &str) -> String {
    let source = ChannelId::parse(channel).unwrap().source_user();
    let customer = ConversationId::parse(conversation).unwrap().end_user();
    let body = form(&[
        ("message", text),
        ("senderId", source.as_str()),
        ("conversationId", conversation),
        ("recipientIds[]", customer.as_str()),
    ]);
    let mut headers = as_pipedrive();
    headers.insert(http::header::CONTENT_TYPE, FORM.parse().unwrap());
    let path = format!("/api/channels/{channel}/messages");
    let response = function.call(request(http::Method::POST, &path, &[("providerChannelId", channel)], headers, body)).await;
    assert_eq!(response.status().as_u16(), 200);
    pigeonpost_tests::call::json(&response)["data"]["id"].as_str().unwrap().to_owned()
}

/// A status with our message id in it, as Meta hands it back.
async fn report_with_our_id(graph: &Graph, id: &MessageId, status: &str) {
    let sent = graph.sent().pop().unwrap();
    let number = whatsapp_number();
    let news = json!({"id": sent.id, "status": status, "timestamp": sent.at.secs().to_string(), "recipient_id": sent.to,
        "biz_opaque_callback_data": id.as_str()});
    let value = json!({"messaging_product": "whatsapp", "statuses": [news],
        "metadata": {"display_phone_number": "15550100000", "phone_number_id": number.id}});
    let entry = json!({"id": number.waba_id, "changes": [{"field": "messages", "value": value}]});
    let body = json!({"object": "whatsapp_business_account", "entry": [entry]});
    assert_eq!(graph.send_webhook(body.to_string()).await.unwrap().as_u16(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_whose_answer_was_lost_is_failed_until_a_status_proves_otherwise() {
    let world = silent_customer().await;
    let graph = world.bundle.graph();
    graph.fail_next(Fault::LostAnswer);
    let (id, _) = answered(&world, "an answer").await;
    assert_eq!(shown(&world, "an answer"), Status::Failed);
    world.pass(Duration::from_hours(1)).await;
    assert_eq!(graph.sent().len(), 1, "not sent again by itself");

    let id = MessageId::parse(&id).unwrap();
    for status in ["delivered", "read"] {
        report_with_our_id(graph, &id, status).await;
        world.settle().await;
        assert_eq!(shown(&world, "an answer").as_str(), status);
    }
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_names_a_message_of_its_own_channel_alone() {
    let world = silent_customer().await;
    let (id, _) = answered(&world, "an answer").await;
    // The company's chat reports about WhatsApp's message, by the id that Pigeonpost gave it.
    let chat = world.bundle.connect_chat(&world.session).await.unwrap();
    let hook = world.bundle.chat().webhooks().compose(&[json!({"type": "status", "id": id, "status": "read"})]);
    let request = pigeonpost_tests::web::client().post(&chat.webhook_url).headers(hook.headers).body(hook.body);
    assert_eq!(pigeonpost_tests::web::send(request).await.status, 200);
    world.settle().await;
    assert_eq!(shown(&world, "an answer"), Status::Sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_send_is_told_at_once_and_is_no_message() {
    let world = silent_customer().await;
    let conversation = world.conversation_with(NAME).unwrap().id;
    let channel = &world.whatsapp.provider_channel_id;
    for (code, status, word) in [
        (131_047, 403, "FORBIDDEN"),
        (131_026, 403, "FORBIDDEN"),
        (131_031, 401, "ACCOUNT_SUSPENDED"),
        (190, 401, "UNAUTHORIZED"),
        (130_429, 429, "RATE_LIMIT_EXCEEDED"),
        (131_009, 400, "INVALID_BODY"),
    ] {
        world.bundle.graph().fail_next(Fault::Code(code));
        let sent = world.bundle.pipedrive().send_from_inbox(channel, &conversation, "an answer", Vec::new()).await;
        let Err(InboxError::Refused { status: answered, code: said, .. }) = sent else { panic!("{code}: {sent:?}") };
        assert_eq!((answered, said.as_str()), (status, word), "{code}");
    }
    world.settle().await;
    world.pass(Duration::from_mins(10)).await;
    assert_eq!(world.texts(NAME), ["a question"]);
    assert!(world.bundle.graph().sent().is_empty());
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}
