//! Messages of which something is still at the provider: when they are due, and what a round of fetching may change.

use shared::{
    inbox::ports::{
        ChannelStore, DueWork, FetchThen, FetchedFiles, FileChange, FoundProfile, InboxReader, MediaStore, OutboxStore,
        ReceiveStore,
    },
    model::{
        content::{Attachment, FileKind, FileSource, FileState, ObjectKey},
        conversation::{Conversation, Rest, Stamp},
        ids::{ChannelId, MessageId},
        message::Message,
    },
};

use crate::store::fixture::*;

fn source(n: usize) -> FileSource {
    FileSource(format!("file {n}"))
}

fn awaited(n: usize) -> Attachment {
    let file = FileState::Awaited { source: source(n), attempts: 0 };
    Attachment { kind: FileKind::Image, mime: "image/jpeg".to_owned(), name: None, size: None, file }
}

fn stored(n: usize) -> Attachment {
    let file = FileState::Stored { key: ObjectKey(format!("key {n}")), preview: None };
    Attachment { size: Some(3), file, ..awaited(n) }
}

/// A conversation whose first message waits for `files`.
async fn waiting(f: &Fixture, files: usize) -> (Conversation, Message) {
    let conversation = conversation(&ChannelId::new(COMPANY), &["user:1"]);
    let message = Message { attachments: (0..files).map(awaited).collect(), ..incoming(&conversation, "1", 0) };
    f.table.store_message(&new_message(&conversation, false, message.clone())).await.unwrap();
    (conversation, message)
}

fn fetched(message: &Message, positions: &[usize], then: FetchThen) -> FetchedFiles {
    let change = |position: &usize| FileChange { position: *position, source: source(*position), now: stored(*position) };
    FetchedFiles {
        message: message.id.clone(),
        files: positions.iter().map(change).collect(),
        profile: None,
        then,
        owed: Some(Stamp::new()),
        due_at: at(900),
    }
}

async fn read(f: &Fixture, id: &MessageId) -> Message {
    InboxReader::message(&f.table, id).await.unwrap().unwrap()
}

async fn outbox(f: &Fixture, conversation: &Conversation) -> Vec<Stamp> {
    OutboxStore::conversation(&f.table, &conversation.id).await.unwrap().unwrap().outbox.into_values().collect()
}

async fn is_due(f: &Fixture, id: &MessageId, secs: i64) -> bool {
    f.table.due(at(secs), 10).await.unwrap().contains(&DueWork::Media(id.clone()))
}

/// Changes the message as others do.
async fn change(f: &Fixture, message: &Message, expression: &str) {
    use aws_sdk_dynamodb::types::AttributeValue;
    let name = |name: &str, value: String| (name.to_owned(), AttributeValue::S(value));
    f.client
        .update_item()
        .table_name("pigeonpost")
        .set_key(Some(
            [name("PK", format!("CV#{}", message.id.conversation())), name("SK", format!("M#{}", message.id.place()))].into(),
        ))
        .update_expression(expression)
        .expression_attribute_names("#text", "text")
        .expression_attribute_values(":text", AttributeValue::S("changed".to_owned()))
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_message_is_due_until_nothing_of_it_is_missing() {
    let f = fixture();
    let (conversation, message) = waiting(&f, 2).await;
    assert!(!is_due(&f, &message.id, 89).await, "the stream comes first");
    assert!(is_due(&f, &message.id, 90).await);
    let found = f.table.message_and_conversation(&message.id).await.unwrap();
    assert_eq!((found.0, found.1.map(|found| found.id)), (Some(message.clone()), Some(conversation.id.clone())));

    f.table.wake_media(&message.id, at(200)).await.unwrap();
    assert!(!is_due(&f, &message.id, 199).await && is_due(&f, &message.id, 200).await);

    let before = outbox(&f, &conversation).await;
    let rest = Rest { until: at(300), attempts: 1, since: at(1), reason: reason("http_503") };
    assert!(f.table.save_fetched(&fetched(&message, &[1], FetchThen::Wait(rest.clone()))).await.unwrap());
    let half = read(&f, &message.id).await;
    assert_eq!((half.attachments, half.fetch_rest), (vec![awaited(0), stored(1)], Some(rest)));
    assert!(!is_due(&f, &message.id, 299).await && is_due(&f, &message.id, 300).await);
    assert_ne!(outbox(&f, &conversation).await, before, "a new stamp, in the same place");

    assert!(f.table.save_fetched(&fetched(&message, &[0], FetchThen::Continue { due_at: at(400) })).await.unwrap());
    assert!(read(&f, &message.id).await.fetch_rest.is_none() && is_due(&f, &message.id, 400).await);
    assert!(f.table.save_fetched(&fetched(&message, &[], FetchThen::Done)).await.unwrap());
    let whole = read(&f, &message.id).await;
    assert_eq!(whole, Message { attachments: vec![stored(0), stored(1)], ..message.clone() });
    assert!(!is_due(&f, &message.id, 100_000).await);
    f.table.wake_media(&message.id, at(500)).await.unwrap();
    assert!(!is_due(&f, &message.id, 100_000).await, "what is not due is not woken");
}

#[tokio::test]
async fn what_changed_meanwhile_stays() {
    let f = fixture();
    let (_, edited) = waiting(&f, 1).await;
    change(&f, &edited, "SET #text = :text").await;
    assert!(f.table.save_fetched(&fetched(&edited, &[0], FetchThen::Done)).await.unwrap());
    let now = read(&f, &edited.id).await;
    assert_eq!((now.text.as_str(), &now.attachments[..]), ("changed", &[stored(0)][..]));

    let (conversation, deleted) = waiting(&f, 1).await;
    change(&f, &deleted, "SET #text = :text REMOVE attachments").await;
    let before = outbox(&f, &conversation).await;
    assert!(!f.table.save_fetched(&fetched(&deleted, &[0], FetchThen::Done)).await.unwrap());
    assert!(read(&f, &deleted.id).await.attachments.is_empty());
    assert_eq!(outbox(&f, &conversation).await, before);
    assert!(is_due(&f, &deleted.id, 90).await);
    f.table.end_fetching(&read(&f, &deleted.id).await).await.unwrap();
    assert!(!is_due(&f, &deleted.id, 100_000).await);

    let (_, fetched_twice) = waiting(&f, 1).await;
    assert!(f.table.save_fetched(&fetched(&fetched_twice, &[0], FetchThen::Done)).await.unwrap());
    assert!(!f.table.save_fetched(&fetched(&fetched_twice, &[0], FetchThen::Done)).await.unwrap());
}

#[tokio::test]
async fn what_is_gone_does_not_come_back() {
    let f = fixture();
    let (conversation, message) = waiting(&f, 1).await;
    f.table.erase_conversation(&conversation).await.unwrap();
    let mut late = fetched(&message, &[0], FetchThen::Done);
    late.profile = Some(FoundProfile { name: Some("Ada".to_owned()), avatar: None });
    assert!(!f.table.save_fetched(&late).await.unwrap());
    assert!(!f.table.save_fetched(&FetchedFiles { files: Vec::new(), ..late }).await.unwrap());
    f.table.wake_media(&message.id, at(1)).await.unwrap();
    f.table.end_fetching(&message).await.unwrap();
    assert_eq!(f.keys().await, Vec::<String>::new());
}

#[tokio::test]
async fn fetching_does_not_end_while_something_is_missing() {
    let f = fixture();
    let (_, message) = waiting(&f, 1).await;
    // As somebody saw it who read too early or too late.
    for files in [vec![], vec![stored(0)], vec![stored(0), stored(1)]] {
        f.table.end_fetching(&Message { attachments: files, ..message.clone() }).await.unwrap();
        assert!(is_due(&f, &message.id, 90).await);
    }
}

#[tokio::test]
async fn a_profile_reaches_the_conversation() {
    let f = fixture();
    let conversation = conversation(&ChannelId::new(COMPANY), &["user:1"]);
    let message = Message { wants_profile: true, ..incoming(&conversation, "1", 0) };
    f.table.store_message(&new_message(&conversation, false, message.clone())).await.unwrap();
    assert!(is_due(&f, &message.id, 90).await);
    let key = ObjectKey("avatar".to_owned());
    let profile = FoundProfile { name: Some("Ada Lovelace".to_owned()), avatar: Some(key.clone()) };
    let round = FetchedFiles { profile: Some(profile), ..fetched(&message, &[], FetchThen::Done) };
    assert!(f.table.save_fetched(&round).await.unwrap());
    let customer = OutboxStore::conversation(&f.table, &conversation.id).await.unwrap().unwrap().customer;
    assert_eq!((customer.name.as_str(), customer.avatar), ("Ada Lovelace", Some(key)));
    assert!(!read(&f, &message.id).await.is_incomplete() && !is_due(&f, &message.id, 100_000).await);
}

#[tokio::test]
async fn the_dead_stay_dead_and_keep_their_files() {
    let f = fixture();
    let (conversation, message) = waiting(&f, 1).await;
    bury(&f, &message.id, 5).await;
    assert!(!is_due(&f, &message.id, 100_000).await);
    let before = outbox(&f, &conversation).await;
    assert!(f.table.save_fetched(&fetched(&message, &[0], FetchThen::Done)).await.unwrap());
    let dead = read(&f, &message.id).await;
    assert_eq!((dead.dead, &dead.attachments[..]), (Some(reason("refused")), &[stored(0)][..]));
    assert_eq!(outbox(&f, &conversation).await, before, "Pipedrive does not hear of it again");
    let key = format!("dead#{COMPANY}");
    assert_eq!(f.items().await.iter().filter(|item| item.get("due_shard").is_some_and(|s| s.as_s() == Ok(&key))).count(), 1);
}

#[tokio::test]
async fn without_room_in_the_outbox_the_file_is_kept_and_the_message_dead() {
    let f = fixture();
    let (conversation, message) = waiting(&f, 1).await;
    f.fill_outbox(&conversation.id).await;
    assert!(f.table.save_fetched(&fetched(&message, &[0], FetchThen::Done)).await.unwrap());
    let dead = read(&f, &message.id).await;
    assert_eq!((dead.dead.unwrap().code.as_str(), &dead.attachments[..]), ("outbox_full", &[stored(0)][..]));

    // What came when there was no room is dead from the start, and not fetched.
    let late = Message { attachments: vec![awaited(0)], ..incoming(&conversation, "2", 1) };
    f.table.store_message(&new_message(&conversation, true, late.clone())).await.unwrap();
    assert!(read(&f, &late.id).await.dead.is_some() && !is_due(&f, &late.id, 100_000).await);
}
