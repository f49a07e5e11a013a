//! What the manifest endpoints read.

use async_trait::async_trait;

use super::Table;
use crate::{
    inbox::ports::{InboxReader, Page, StoreError},
    model::{
        channel::Channel,
        conversation::Conversation,
        cursor::{ConversationCursor, MessageCursor},
        ids::{ChannelId, CompanyId, ConversationId, MessageId},
        message::Message,
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
}
