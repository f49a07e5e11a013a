//! A table of its own for each test, and records to put into it.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Intercept, Region},
    types::AttributeValue,
};
use local::{dynamodb::Dynamodb, template::table::TableDefinition};
use shared::{
    aws::connector::shared_client,
    config::AwsRoots,
    inbox::ports::{Advance, Begun, NewMessage, OutboxStore, Outcome, SendStore, Settled, Settlement, Then},
    model::{
        channel::{Channel, ChannelState, Delivery, ProviderKind},
        conversation::{Conversation, ConversationState, Customer, MAX_OUTBOX, Stamp},
        ids::{AccountId, ChannelId, CompanyId, ContactKey, ConversationId, MessageId, Place, ProviderMessageId, UserId},
        installation::{Installation, InstallationState},
        message::{Direction, FailureReason, Message, Sending},
        record::{ChannelSettings, Link},
        status::Status,
        time::Timestamp,
    },
    seal::Vault,
    store::Table,
};

pub(crate) const COMPANY: CompanyId = CompanyId(42);
pub(crate) const USER: UserId = UserId(7);
const NAME: &str = "pigeonpost";

/// A table, and the client behind it for what the ports do not show.
pub(crate) struct Fixture {
    pub(crate) table: Table,
    pub(crate) client: Client,
    _dynamodb: Dynamodb,
    _folder: tempfile::TempDir,
}

pub(crate) fn fixture() -> Fixture {
    #[derive(Debug)]
    struct Nothing;
    impl Intercept for Nothing {
        fn name(&self) -> &'static str {
            "Nothing"
        }
    }
    fixture_with(Nothing)
}

/// With `between` between client and table.
pub(crate) fn fixture_with(between: impl Intercept + 'static) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let definition = TableDefinition::from_template(include_str!("../../../template.yaml")).unwrap();
    let dynamodb = Dynamodb::open(&folder.path().join("table.db"), NAME, &definition).unwrap();
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .http_client(shared_client(AwsRoots::Amazon))
        .credentials_provider(Credentials::new("a", "b", None, None, "tests"))
        .endpoint_url(dynamodb.endpoint())
        .interceptor(between)
        .build();
    let client = Client::from_conf(config);
    Fixture { table: Table::new(client.clone(), NAME.to_owned()), client, _dynamodb: dynamodb, _folder: folder }
}

impl Fixture {
    /// Every item of the table.
    pub(crate) async fn items(&self) -> Vec<HashMap<String, AttributeValue>> {
        let pages = self.client.scan().table_name(NAME).consistent_read(true).into_paginator().items();
        pages.send().collect::<Result<Vec<_>, _>>().await.unwrap()
    }

    /// Every partition and sort key of the table, in order.
    pub(crate) async fn keys(&self) -> Vec<String> {
        let items = self.items().await;
        let mut keys: Vec<String> =
            items.iter().map(|item| format!("{} {}", item["PK"].as_s().unwrap(), item["SK"].as_s().unwrap())).collect();
        keys.sort();
        keys
    }

    /// Fills the conversation's outbox with other messages, up to its limit.
    pub(crate) async fn fill_outbox(&self, id: &ConversationId) {
        let places = (0_i64..).map(|n| (Place::new(at(n), at(n), 0).to_string(), AttributeValue::N(n.to_string())));
        self.client
            .update_item()
            .table_name(NAME)
            .key("PK", AttributeValue::S(format!("CV#{id}")))
            .key("SK", AttributeValue::S("CV".to_owned()))
            .update_expression("SET outbox = :full")
            .expression_attribute_values(":full", AttributeValue::M(places.take(MAX_OUTBOX).collect()))
            .send()
            .await
            .unwrap();
    }

    /// Where the conversation lies in the index of due work, and since when.
    pub(crate) async fn due_shard(&self, id: &ConversationId) -> Option<(String, i64)> {
        let key = format!("CV#{id}");
        let items = self.items().await;
        let item = items.iter().find(|item| item["PK"].as_s() == Ok(&key) && item["SK"].as_s().unwrap() == "CV")?;
        Some((item.get("due_shard")?.as_s().unwrap().clone(), item["due_at"].as_n().unwrap().parse().unwrap()))
    }
}

pub(crate) fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_767_225_600 + secs)
}

pub(crate) fn later(t: Timestamp, secs: u64) -> Timestamp {
    t.plus(Duration::from_secs(secs))
}

pub(crate) fn reason(code: &str) -> FailureReason {
    FailureReason { code: code.to_owned(), text: "A sentence.".to_owned() }
}

pub(crate) fn contact(key: &str) -> ContactKey {
    ContactKey::parse(key).unwrap()
}

pub(crate) fn provider_id(id: &str) -> ProviderMessageId {
    ProviderMessageId::parse(id).unwrap()
}

pub(crate) fn channel() -> Channel {
    let vault = Vault::parse("1:0123456789abcdef0123456789abcdef").unwrap();
    let id = ChannelId::new(COMPANY);
    Channel {
        credentials: Some(vault.seal(&format!("channel:{id}"), b"{}").unwrap()),
        id,
        company: COMPANY,
        owner: USER,
        provider: ProviderKind::Whatsapp,
        account: AccountId::parse("106540352242922").unwrap(),
        name: "Sales".to_owned(),
        provider_type: "whatsapp".to_owned(),
        state: ChannelState::Active,
        delivery: Delivery::Channels,
        settings: ChannelSettings::default(),
        group: None,
        problem: None,
        import: None,
        created_at: at(0),
    }
}

pub(crate) fn conversation(channel: &ChannelId, keys: &[&str]) -> Conversation {
    Conversation {
        id: ConversationId::new(),
        channel: channel.clone(),
        company: COMPANY,
        owner: USER,
        customer: Customer::new(keys.iter().map(|key| contact(key)).collect(), "Ada".to_owned()),
        state: ConversationState::Open,
        link: String::new(),
        last_at: Timestamp::EPOCH,
        unread: 0,
        reply_by: None,
        outbox: std::collections::BTreeMap::new(),
        pause: None,
        record: Link::default(),
        last: None,
        changed_at: None,
        answered_by: None,
    }
}

/// A customer's message `id`, sent at `secs`.
pub(crate) fn incoming(conversation: &Conversation, id: &str, secs: i64) -> Message {
    let place = Place::new(at(secs), at(secs), 0);
    let (sender, text) = (conversation.id.end_user(), format!("text of {id}"));
    Message {
        provider_id: Some(provider_id(id)),
        ..Message::new(conversation.id.message(&place), Direction::In, sender, text, at(secs))
    }
}

/// An answer that is on its way to the provider, sent at `secs`.
pub(crate) fn outgoing(conversation: &Conversation, secs: i64) -> Message {
    Message {
        provider_id: None,
        direction: Direction::Out,
        sender: conversation.channel.source_user(),
        status: Status::Sent,
        sending: Sending::Underway { until: at(secs + 60) },
        ..incoming(conversation, "unused", secs)
    }
}

/// The first message of a conversation, or a further one.
pub(crate) fn new_message(conversation: &Conversation, known: bool, message: Message) -> NewMessage {
    let due_at = later(message.sent_at, 30);
    NewMessage {
        conversation: conversation.clone(),
        known,
        name_known: true,
        message,
        stamp: Some(Stamp::new()),
        past: false,
        due_at,
    }
}

pub(crate) fn installation(user: UserId) -> Installation {
    let vault = Vault::parse("1:0123456789abcdef0123456789abcdef").unwrap();
    Installation {
        company: COMPANY,
        user,
        company_name: "Pigeons Ltd".to_owned(),
        user_name: "Sam".to_owned(),
        timezone: String::new(),
        api_domain: "https://pigeons.pipedrive.com".to_owned(),
        public_url: "https://example.org".to_owned(),
        state: InstallationState::Connected,
        tokens: Some(vault.seal(&format!("installation:{COMPANY}:{user}"), b"{}").unwrap()),
        access_until: at(3600),
        refreshed_at: at(0),
        version: 1,
        delivery: None,
        reviewed_at: None,
        halt: None,
    }
}

/// The first entries of an outbox, delivered.
pub(crate) fn first(conversation: &Conversation, count: usize) -> Vec<Settled> {
    let outcome = || Outcome::Delivered { revived: false };
    let settled = |(place, stamp): (&Place, &Stamp)| Settled { place: place.clone(), stamp: *stamp, outcome: outcome() };
    conversation.outbox.iter().take(count).map(settled).collect()
}

/// Begins to send a message that is like no other.
pub(crate) async fn begin_send(f: &Fixture, message: &Message, stamp: Stamp, due_at: Timestamp) -> bool {
    f.table.begin_send(message, message.id.as_str(), stamp, due_at).await.unwrap() == Begun::Stored
}

/// Has a message of an outbox die.
pub(crate) async fn bury(f: &Fixture, message: &MessageId, secs: i64) {
    let seen = OutboxStore::conversation(&f.table, &message.conversation()).await.unwrap().unwrap();
    let stamp = seen.outbox[&message.place()];
    let settled = vec![Settled { place: message.place(), stamp, outcome: Outcome::Dead(reason("refused")) }];
    let settlement = Settlement { settled, at: at(secs), then: Then::Continue { due_at: at(secs) } };
    assert!(f.table.settle(&seen, &settlement).await.unwrap());
}

/// News of a message, or of its only part.
pub(crate) fn advance(message: &MessageId, status: Status) -> Advance {
    Advance { message: message.clone(), part: Some(0), status, failure: None }
}
