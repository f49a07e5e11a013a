//! Messages that were sent as several of the provider's: each part has its status, the message the one of them all.

use shared::{
    inbox::ports::{Advance, InboxReader, ReceiveStore, Reference, SendStore},
    model::{
        conversation::{Conversation, Stamp},
        ids::ChannelId,
        message::{Message, Part, Sending},
        status::Status,
    },
    providers::outgoing::PartId,
};

use crate::store::fixture::*;

fn part(id: Option<&str>, status: Status) -> Part {
    Part { provider_id: id.map(provider_id), status }
}

/// A message of two parts under way.
async fn begun(f: &Fixture) -> (Conversation, Message) {
    let conversation = conversation(&ChannelId::new(COMPANY), &["phone:1"]);
    f.table.store_message(&new_message(&conversation, false, incoming(&conversation, "1", 0))).await.unwrap();
    let mut message = outgoing(&conversation, 10);
    message.parts = vec![part(None, Status::Sent), part(None, Status::Sent)];
    assert!(begin_send(f, &message, Stamp::new(), at(70)).await);
    (conversation, message)
}

/// As the provider answered.
fn answered(message: &Message) -> Message {
    Message {
        provider_id: Some(provider_id("a")),
        sending: Sending::Done,
        parts: vec![part(Some("a"), Status::Sent), part(Some("b"), Status::Sent)],
        ..message.clone()
    }
}

fn of_part(message: &Message, part: usize, status: Status) -> Advance {
    Advance { part: Some(part), ..advance(&message.id, status) }
}

async fn stored(f: &Fixture, message: &Message) -> Message {
    f.table.message(&message.id).await.unwrap().unwrap()
}

#[tokio::test]
async fn each_of_the_providers_ids_names_its_part() {
    let f = fixture();
    let (conversation, message) = begun(&f).await;
    f.table.finish_send(&conversation.channel, &answered(&message), None, at(40)).await.unwrap();
    for (id, part) in [("a", 0), ("b", 1)] {
        let reference = f.table.reference(&conversation.channel, &provider_id(id)).await.unwrap();
        assert_eq!(reference, Reference::Message(PartId { message: message.id.clone(), part }));
    }
}

#[tokio::test]
async fn the_whole_is_as_far_as_its_last_part() {
    let f = fixture();
    let (conversation, message) = begun(&f).await;
    let channel = &conversation.channel;
    f.table.finish_send(channel, &answered(&message), None, at(40)).await.unwrap();
    let steps = [
        (0, Status::Read, true, Status::Sent),
        (1, Status::Delivered, true, Status::Delivered),
        (1, Status::Delivered, false, Status::Delivered),
        (0, Status::Delivered, false, Status::Delivered),
        (1, Status::Read, true, Status::Read),
        (1, Status::Failed, false, Status::Read),
    ];
    for (number, status, moves, whole) in steps {
        let moved = f.table.advance_status(channel, &of_part(&message, number, status), at(90)).await.unwrap();
        assert_eq!((moved, stored(&f, &message).await.status), (moves, whole), "{number} {status:?}");
    }
}

#[tokio::test]
async fn a_part_that_fails_fails_the_whole_with_its_reason() {
    let f = fixture();
    let (conversation, message) = begun(&f).await;
    f.table.finish_send(&conversation.channel, &answered(&message), None, at(40)).await.unwrap();
    let news = Advance { failure: Some(reason("undeliverable")), ..of_part(&message, 1, Status::Failed) };
    assert!(f.table.advance_status(&conversation.channel, &news, at(90)).await.unwrap());
    let now = stored(&f, &message).await;
    assert_eq!((now.status, now.failure), (Status::Failed, Some(reason("undeliverable"))));
    assert!(f.table.advance_status(&conversation.channel, &of_part(&message, 1, Status::Delivered), at(90)).await.unwrap());
    let now = stored(&f, &message).await;
    assert_eq!((now.status, now.failure), (Status::Failed, Some(reason("undeliverable"))), "a status does not move back to sent");
}

#[tokio::test]
async fn statuses_that_overtake_the_answer_are_kept() {
    let f = fixture();
    let (conversation, message) = begun(&f).await;
    let channel = &conversation.channel;
    // One by our own id while the second part is still being sent, one parked under the provider's.
    assert!(f.table.advance_status(channel, &of_part(&message, 0, Status::Read), at(90)).await.unwrap());
    assert!(matches!(stored(&f, &message).await.sending, Sending::Underway { .. }), "the other part is still to be sent");
    let nothing = Reference::Unknown { parked: None };
    assert!(f.table.park_status(channel, &provider_id("b"), &nothing, Status::Delivered, None, at(20)).await.unwrap());
    f.table.finish_send(channel, &answered(&message), None, at(40)).await.unwrap();
    let now = stored(&f, &message).await;
    assert_eq!(now.parts, [part(Some("a"), Status::Read), part(Some("b"), Status::Delivered)]);
    assert_eq!((now.status, now.sending), (Status::Delivered, Sending::Done));
    let outbox = InboxReader::conversation(&f.table, &conversation.id).await.unwrap().unwrap().outbox;
    assert!(outbox.contains_key(&message.id.place()), "Pipedrive has still to hear of it");
}

#[tokio::test]
async fn one_part_may_turn_out_to_be_several() {
    let f = fixture();
    let conversation = conversation(&ChannelId::new(COMPANY), &["phone:1"]);
    f.table.store_message(&new_message(&conversation, false, incoming(&conversation, "1", 0))).await.unwrap();
    let message = outgoing(&conversation, 10);
    assert!(begin_send(&f, &message, Stamp::new(), at(70)).await);
    f.table.finish_send(&conversation.channel, &answered(&message), None, at(40)).await.unwrap();
    assert_eq!(stored(&f, &message).await.parts, answered(&message).parts);
    let reference = f.table.reference(&conversation.channel, &provider_id("b")).await.unwrap();
    assert_eq!(reference, Reference::Message(PartId { message: message.id, part: 1 }));
}

#[tokio::test]
async fn a_receipt_is_about_every_part() {
    let f = fixture();
    let (conversation, message) = begun(&f).await;
    f.table.finish_send(&conversation.channel, &answered(&message), None, at(40)).await.unwrap();
    let receipt = Advance { part: None, ..advance(&message.id, Status::Read) };
    assert!(f.table.advance_status(&conversation.channel, &receipt, at(90)).await.unwrap());
    let now = stored(&f, &message).await;
    assert_eq!((now.status, now.parts.iter().all(|part| part.status == Status::Read)), (Status::Read, true));
}
