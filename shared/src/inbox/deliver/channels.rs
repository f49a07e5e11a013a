//! Pipedrive's Messaging inbox: message by message, each known by its id, so that a second push changes the first.

use async_trait::async_trait;

use super::target::{End, Parcel, Report, Target};
use crate::{
    clock::Clock,
    inbox::{ports::StoreError, show},
    model::{conversation::Conversation, message::Message},
    pipedrive::{Access, ChannelsApi, Receipt, Registration, error::PipedriveError},
};

/// The `channels` delivery.
pub struct ChannelsTarget<'a> {
    /// The Channels API.
    pub api: &'a dyn ChannelsApi,
    /// The time.
    pub clock: &'a dyn Clock,
}

impl ChannelsTarget<'_> {
    async fn push(&self, parcel: &Parcel<'_>, message: &Message) -> Result<(), PipedriveError> {
        let (text, files) = (show::text(message), show::files(message, parcel.links));
        let receipt = Receipt {
            id: &message.id,
            channel: &parcel.conversation.channel,
            conversation: &parcel.conversation.id,
            sender: &message.sender,
            text: &text,
            status: message.status,
            created_at: message.sent_at,
            reply_by: message.reply_by,
            link: &parcel.conversation.link,
            attachments: &files,
        };
        self.api.receive(parcel.access, &receipt).await
    }
}

#[async_trait]
impl Target for ChannelsTarget<'_> {
    async fn deliver(&self, parcel: &Parcel<'_>) -> Result<Report, StoreError> {
        let mut done = Vec::with_capacity(parcel.messages.len());
        for message in parcel.messages {
            if self.clock.now() > parcel.until {
                break;
            }
            let place = message.id.place();
            match self.push(parcel, message).await {
                Ok(()) => done.push(place),
                Err(error) => return Ok(Report { done, end: End::Failed { error, at: vec![place] } }),
            }
        }
        Ok(Report { done, end: End::Done })
    }

    /// A registration without a name does nothing: an API that is there says so, and one that is not says that.
    async fn is_offered(&self, access: &Access, conversation: &Conversation) -> bool {
        let id = &conversation.channel;
        let nothing = Registration { id, name: "", avatar_url: "", provider_type: "other", template_support: false };
        !matches!(self.api.register(access, &nothing).await, Err(PipedriveError::Gone { .. }))
    }
}
