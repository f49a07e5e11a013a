//! What the manifest endpoints and the inbox page read, and what the page changes.

use async_trait::async_trait;

use super::{
    Table,
    change::Change,
    conversations::{self, changed},
    keys::Key,
    records::{number, to_value},
    write::{Transacted, Written},
};
use crate::{
    inbox::ports::{InboxReader, InboxWriter, Page, StoreError},
    model::{
        channel::Channel,
        conversation::{Conversation, ConversationState},
        cursor::{ConversationCursor, MessageCursor},
        ids::{ChannelId, CompanyId, ConversationId, MessageId, Place},
        message::Message,
        time::Timestamp,
    },
};

#[async_trait]
impl InboxReader for Table {
    async fn channel(&self, id: &ChannelId) -> Result<Option<Channel>, StoreError> {
        self.read_channel(id).await
    }

    async fn conversation(&self, id: &ConversationId) -> Result<Option<Conversation>, StoreError> {
        self.read_conversation(id).await
    }

    async fn conversations(
        &self,
        channel: &ChannelId,
        after: Option<&ConversationCursor>,
        limit: usize,
    ) -> Result<Page<Conversation, ConversationCursor>, StoreError> {
        self.conversations_of_channel(channel, after, limit).await
    }

    async fn conversations_of_company(
        &self,
        company: CompanyId,
        after: Option<&ConversationCursor>,
        limit: usize,
    ) -> Result<Page<Conversation, ConversationCursor>, StoreError> {
        self.conversations_across_channels(company, after, limit).await
    }

    async fn messages(
        &self,
        conversation: &ConversationId,
        after: Option<&MessageCursor>,
        limit: usize,
    ) -> Result<Page<Message, MessageCursor>, StoreError> {
        self.page_of_messages(conversation, after, limit).await
    }

    async fn message(&self, id: &MessageId) -> Result<Option<Message>, StoreError> {
        self.read_message(id).await
    }

    async fn changed_conversations(
        &self,
        company: CompanyId,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<Conversation>, StoreError> {
        self.conversations_changed(company, since, limit).await
    }
}

#[async_trait]
impl InboxWriter for Table {
    async fn mark_read(
        &self,
        company: CompanyId,
        conversation: &ConversationId,
        seen: &Place,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let change = changed(of_company(company), now)
            .when("#unread > :zero AND (attribute_not_exists(#last) OR #last.#place <= :seen)")
            .text(":seen", seen.as_str())
            .set("#unread = :zero")
            .value(":zero", number(0));
        self.changed_by(company, "mark a conversation as read", conversation, &change).await
    }

    async fn set_conversation_state(
        &self,
        company: CompanyId,
        conversation: &ConversationId,
        state: ConversationState,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let change = changed(of_company(company), now)
            .when("#state <> :state")
            .set("#state = :state")
            .value(":state", to_value(conversations::KIND, &state)?);
        self.changed_by(company, "close or reopen a conversation", conversation, &change).await
    }

    async fn begin_conversation(&self, conversation: &Conversation, gone: Option<&ConversationId>) -> Result<bool, StoreError> {
        // Nothing is owed, so nothing is due.
        let item = conversations::conversation_item(conversation, conversation.last_at)?;
        let mut items = vec![Change::default().absent().put(self, item)?];
        for contact in &conversation.customer.keys {
            let change = match gone {
                None => Change::default().absent(),
                Some(gone) => Change::default()
                    .when("attribute_not_exists(#conversation) OR #conversation = :gone")
                    .text(":gone", gone.as_str()),
            };
            items.push(self.point(&change, &conversation.channel, contact, &conversation.id)?);
        }
        Ok(matches!(self.transact("begin a conversation", items).await?, Transacted::Done))
    }
}

fn of_company(company: CompanyId) -> Change {
    Change::default().when("#company = :company").value(":company", number(company.0))
}

impl Table {
    /// Makes the change, if it is one. Whether the conversation is there and the company's.
    async fn changed_by(
        &self,
        company: CompanyId,
        operation: &'static str,
        conversation: &ConversationId,
        change: &Change,
    ) -> Result<bool, StoreError> {
        match self.update(operation, &Key::conversation(conversation), change).await? {
            Written::Done => Ok(true),
            Written::Refused(None) => Ok(false),
            Written::Refused(Some(stored)) => Ok(conversations::read(stored)?.company == company),
        }
    }
}
