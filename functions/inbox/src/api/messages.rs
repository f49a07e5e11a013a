//! Sending: `conversations/{conversation}/messages`, `messages/{message}/retry`, and `uploads` for their files.

use shared::{
    http::{Request, Response, request, response},
    inbox::{
        error::InboxError,
        page::{
            answer::{self, Answer},
            uploads::{self, Wanted},
        },
    },
};

use super::{Call, body};

impl Call<'_> {
    pub(super) async fn send(&self, request: &mut Request) -> Result<Response, InboxError> {
        let id = request::path_id(request, "conversation", "conversation")?;
        let wanted: Answer = body(request)?;
        let links = self.links().await?;
        Ok(response::data(answer::answer(&self.answer_ports(), &links, &self.sight, &id, wanted).await?))
    }

    pub(super) async fn retry(&self, request: &Request) -> Result<Response, InboxError> {
        let id = request::path_id(request, "message", "message")?;
        let links = self.links().await?;
        Ok(response::data(answer::retry(&self.answer_ports(), &links, &self.sight, &id).await?))
    }

    pub(super) async fn begin_upload(&self, request: &mut Request) -> Result<Response, InboxError> {
        let wanted: Wanted = body(request)?;
        Ok(response::data(uploads::begin(&*self.api.bucket, &self.sight.caller, &wanted).await?))
    }
}
