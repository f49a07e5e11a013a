//! `search/conversations`: by name or number. `search/messages`: by text.

use shared::{
    http::{Request, Response, request, response},
    inbox::{error::InboxError, page::search},
    model::ids::ConversationId,
};

use super::Call;

impl Call<'_> {
    pub(super) async fn search_conversations(&self, request: &Request) -> Result<Response, InboxError> {
        let (query, after) = (request::query(request, "q").unwrap_or_default(), request::query(request, "after"));
        let links = self.links().await?;
        Ok(response::data(search::conversations(&*self.api.reader, &links, &self.sight, &query, after.as_deref()).await?))
    }

    pub(super) async fn search_messages(&self, request: &Request) -> Result<Response, InboxError> {
        let query = request::query(request, "q").unwrap_or_default();
        let open = request::query(request, "conversation").filter(|text| !text.is_empty());
        let open = open.map(|text| ConversationId::parse(&text)).transpose();
        let open = open.map_err(|_| InboxError::NotFound("conversation"))?;
        Ok(response::data(search::messages(&*self.api.reader, &self.sight, &query, open.as_ref()).await?))
    }
}
