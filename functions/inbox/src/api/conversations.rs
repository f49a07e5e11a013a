//! `conversations`: the list, one of them with its messages, and what is done with one as a whole.

use serde::Deserialize;
use shared::{
    http::{Request, Response, request, response},
    inbox::{
        error::InboxError,
        page::{
            list::{self, Filter},
            thread::{self, ThreadPorts},
        },
        remove::{self, TellPorts},
    },
    model::{
        conversation::ConversationState,
        ids::{ChannelId, MessageId},
    },
};

use super::{Call, body};

#[derive(Deserialize)]
struct Seen {
    seen: MessageId,
}

#[derive(Deserialize)]
struct State {
    state: ConversationState,
}

impl Call<'_> {
    pub(super) async fn conversations(&self, request: &Request) -> Result<Response, InboxError> {
        let (filter, limit) = (filter(request)?, request::limit(request, "limit")?);
        let (links, after) = (self.links().await?, request::query(request, "after"));
        let page = list::conversations(&*self.api.reader, &links, &self.sight, &filter, after.as_deref(), limit).await?;
        Ok(response::data(page))
    }

    pub(super) async fn thread(&self, request: &Request) -> Result<Response, InboxError> {
        let id = request::path_id(request, "conversation", "conversation")?;
        let (links, after) = (self.links().await?, request::query(request, "after"));
        let limit = request::limit(request, "limit")?;
        let thread = thread::thread(&*self.api.reader, &links, &self.sight, &id, after.as_deref(), limit).await?;
        Ok(response::data(thread))
    }

    pub(super) async fn mark_read(&self, request: &mut Request) -> Result<Response, InboxError> {
        let id = request::path_id(request, "conversation", "conversation")?;
        let Seen { seen } = body(request)?;
        thread::mark_read(&self.thread_ports(), &self.sight, &id, &seen).await?;
        Ok(response::success())
    }

    pub(super) async fn set_state(&self, request: &mut Request) -> Result<Response, InboxError> {
        let id = request::path_id(request, "conversation", "conversation")?;
        let State { state } = body(request)?;
        thread::set_state(&self.thread_ports(), &self.sight, &id, state).await?;
        Ok(response::success())
    }

    pub(super) async fn delete_conversation(&self, request: &Request) -> Result<Response, InboxError> {
        let id = request::path_id(request, "conversation", "conversation")?;
        let tell = TellPorts { tokens: self.tokens(), api: &*self.api.inbox };
        let (channels, bucket, reader) = (&*self.api.channels, &*self.api.bucket, &*self.api.reader);
        remove::delete_conversation(channels, bucket, reader, &tell, &self.sight, &id).await?;
        Ok(response::success())
    }

    fn thread_ports(&self) -> ThreadPorts<'_> {
        ThreadPorts { reader: &*self.api.reader, writer: &*self.api.writer, clock: &*self.api.clock }
    }
}

fn filter(request: &Request) -> Result<Filter, InboxError> {
    let channel = request::query(request, "channel").filter(|text| !text.is_empty());
    let channel = channel.map(|text| ChannelId::parse(&text).map_err(|_| InboxError::NotFound("channel"))).transpose()?;
    let is_set = |name: &'static str| match request::query(request, name).as_deref() {
        None | Some("" | "false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(InboxError::BadRequest { parameter: name, problem: "is neither true nor false".to_owned() }),
    };
    let state = match request::query(request, "state").as_deref() {
        None | Some("") => None,
        Some("open") => Some(ConversationState::Open),
        Some("closed") => Some(ConversationState::Closed),
        Some(_) => {
            return Err(InboxError::BadRequest { parameter: "state", problem: "is neither open nor closed".to_owned() });
        }
    };
    Ok(Filter { channel, unread: is_set("unread")?, mine: is_set("mine")?, state })
}
