//! Dead letters: messages that the caller may see and that could not be delivered to Pipedrive. They are listed, looked at, and
//! sent again, one or all, of one channel or of every one.

use serde::Serialize;
use shared::{
    http::{Request, Response, request, response},
    inbox::{
        dead::{self, DeadQuery, DeadView, ForWhom},
        error::InboxError,
    },
    model::{cursor::DeadCursor, ids::ChannelId},
};

use super::Call;

#[derive(Serialize)]
struct ListAnswer {
    success: bool,
    data: Vec<DeadView>,
    additional_data: After,
}

#[derive(Serialize)]
struct ResendAnswer {
    success: bool,
    data: Counts,
    additional_data: After,
}

#[derive(Serialize)]
struct Counts {
    resent: usize,
    full: usize,
}

/// Where the list goes on; empty at its end.
#[derive(Serialize)]
struct After {
    after: String,
}

impl Call<'_> {
    pub(super) async fn list_dead(&self, request: &Request) -> Result<Response, InboxError> {
        let page = dead::list(&*self.api.dead, &self.query(request)?).await?;
        let data = page.items.into_iter().map(DeadView::from).collect();
        Ok(response::ok(&ListAnswer { success: true, data, additional_data: after(page.next) }))
    }

    pub(super) async fn show_dead(&self, request: &Request) -> Result<Response, InboxError> {
        let message = request::path_id(request, "message", "dead letter")?;
        Ok(response::data(DeadView::from(dead::show(&*self.api.dead, &self.sight, &message).await?)))
    }

    pub(super) async fn resend_dead(&self, request: &Request) -> Result<Response, InboxError> {
        let message = request::path_id(request, "message", "dead letter")?;
        let (store, reader) = (&*self.api.dead, &*self.api.reader);
        dead::resend_seen(store, reader, &self.sight, &message, self.api.clock.now()).await?;
        Ok(response::success())
    }

    pub(super) async fn resend_all_dead(&self, request: &Request) -> Result<Response, InboxError> {
        let query = self.query(request)?;
        let done = dead::resend_all(&*self.api.dead, &query, self.api.clock.now()).await?;
        let data = Counts { resent: done.resent, full: done.full };
        Ok(response::ok(&ResendAnswer { success: true, data, additional_data: after(done.next) }))
    }

    fn query(&self, request: &Request) -> Result<DeadQuery<'_>, InboxError> {
        let channel = request::query(request, "channel").filter(|channel| !channel.is_empty());
        let channel = channel.map(|channel| ChannelId::parse(&channel)).transpose();
        Ok(DeadQuery {
            whom: ForWhom::Seen(&self.sight),
            channel: channel
                .map_err(|_| InboxError::BadRequest { parameter: "channel", problem: "is not a channel".to_owned() })?,
            after: request::query(request, "after"),
            limit: request::limit(request, "limit")?,
        })
    }
}

fn after(next: Option<DeadCursor>) -> After {
    After { after: next.map(|cursor| cursor.encode()).unwrap_or_default() }
}
