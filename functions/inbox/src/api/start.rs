//! `start`: all that the page shows first. `updates`: what changed since. `channels/{channel}/templates`.

use shared::{
    http::{Request, Response, request, response},
    inbox::{
        error::InboxError,
        page::{answer, list, start},
    },
    model::time::Timestamp,
};

use super::Call;

/// Conversations that the page shows first.
const FIRST: usize = 50;

impl Call<'_> {
    pub(super) async fn start(&self) -> Result<Response, InboxError> {
        let links = self.links().await?;
        Ok(response::data(start::start(&self.start_ports(), &links, &self.sight, FIRST).await?))
    }

    pub(super) async fn updates(&self, request: &Request) -> Result<Response, InboxError> {
        let since = request::query(request, "since").and_then(|text| text.parse().ok());
        let since = since.ok_or_else(|| InboxError::BadRequest {
            parameter: "since",
            problem: "has to be what an earlier call answered".to_owned(),
        })?;
        let links = self.links().await?;
        Ok(response::data(list::updates(&*self.api.reader, &links, &self.sight, Timestamp::from_millis(since)).await?))
    }

    pub(super) async fn templates(&self, request: &Request) -> Result<Response, InboxError> {
        let id = request::path_id(request, "channel", "channel")?;
        let channel = self.sight.channel(self.api.reader.channel(&id).await?).await?;
        Ok(response::data(answer::templates(&self.template_ports(), &channel.id).await?))
    }
}
