//! Writing first: the conversation with a customer who has a phone number and has not written yet. It is there before its
//! first message, so that whoever begins it sees what can be sent; somebody whom the channel knows keeps their conversation.

use serde::Deserialize;

use crate::{
    clock::Clock,
    inbox::{
        error::InboxError,
        ports::{InboxReader, InboxWriter, ReceiveStore, StoreError},
        read::served,
        sight::Sight,
    },
    model::{
        contact::Phone,
        conversation::{Conversation, ConversationState, Outbox},
        ids::{ChannelId, ConversationId, DealId, PersonId},
        record::Link,
        text::{MAX_NAME_BYTES, clean},
    },
    providers::{Reached, Registry},
    secrets::SecretCache,
};

/// How often a conversation is looked for and begun when others do the same.
const TRIES: usize = 4;

/// What beginning needs.
pub struct BeginPorts<'a> {
    /// What is there.
    pub reader: &'a dyn InboxReader,
    /// Who is known.
    pub known: &'a dyn ReceiveStore,
    /// To store it.
    pub writer: &'a dyn InboxWriter,
    /// Who may write first.
    pub providers: &'a Registry,
    /// To open the channel's credentials.
    pub secrets: &'a SecretCache,
    /// The time.
    pub clock: &'a dyn Clock,
}

/// Whom to write to, and how.
#[derive(Debug, Clone, Deserialize)]
pub struct Begin {
    /// On which channel.
    pub channel: String,
    /// To which number.
    pub phone: String,
    /// What to call them.
    #[serde(default)]
    pub name: String,
    /// Who they are in Pipedrive.
    #[serde(default)]
    pub person: Option<PersonId>,
    /// Which deal it is about.
    #[serde(default)]
    pub deal: Option<DealId>,
}

/// The conversation with whoever has that number on the channel, begun if there is none.
pub async fn begin(ports: &BeginPorts<'_>, sight: &Sight<'_>, wanted: &Begin) -> Result<Conversation, InboxError> {
    let id = ChannelId::parse(&wanted.channel).map_err(|_| InboxError::NotFound("channel"))?;
    let channel = served(Some(sight.channel(ports.reader.channel(&id).await?).await?))?;
    let provider = ports.providers.get(channel.provider);
    let secrets = ports.secrets.get().await?;
    let sealed = channel.credentials.as_ref().ok_or(InboxError::NotFound("channel"))?;
    if !provider.writes_first(&secrets.vault.open(&channel.seal_context(), sealed)?) {
        return Err(InboxError::Forbidden("on this channel, customers have to write first".to_owned()));
    }
    let reached = Phone::parse(&wanted.phone).and_then(|phone| provider.reached_by(&phone));
    let Some(Reached { mut customer, link }) = reached else {
        return Err(InboxError::invalid_body("phone", "has to be a phone number with + and its country's code"));
    };
    let name = clean(wanted.name.trim(), MAX_NAME_BYTES);
    if !name.is_empty() {
        customer.name = name;
    }
    let now = ports.clock.now();
    for _ in 0..TRIES {
        let mut gone = None;
        if let Some((_, known)) = ports.known.conversation_of(&id, &customer.keys, &[]).await? {
            match ports.reader.conversation(&known).await? {
                Some(conversation) => return Ok(conversation),
                None => gone = Some(known),
            }
        }
        let begun = Conversation {
            id: ConversationId::new(),
            channel: id.clone(),
            company: channel.company,
            owner: channel.owner,
            customer: customer.clone(),
            state: ConversationState::Open,
            link: link.clone(),
            last_at: now,
            unread: 0,
            // Where there are templates, nothing else may be said first.
            reply_by: provider.traits().templates.then_some(now),
            outbox: Outbox::default(),
            pause: None,
            record: Link::default(),
            last: None,
            changed_at: Some(now),
            answered_by: Some(sight.caller.user),
        };
        if ports.writer.begin_conversation(&begun, gone.as_ref()).await? {
            tracing::info!(conversation = %begun.id, channel = %id, "a conversation was begun");
            return Ok(begun);
        }
    }
    Err(StoreError::Contended { operation: "begin a conversation" }.into())
}
