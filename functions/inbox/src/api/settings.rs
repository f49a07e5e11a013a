//! The company's settings, its pipelines to choose from, what was done in Pipedrive for it and what that cost.

use shared::{
    http::{Request, Response, request, response},
    inbox::error::InboxError,
    records::link::{
        settings::{self, ChangeSettings},
        told,
    },
};

use super::{Call, body};

impl Call<'_> {
    pub(super) async fn settings(&self) -> Result<Response, InboxError> {
        Ok(response::data(settings::settings(&self.link_ports(), &self.caller).await?))
    }

    pub(super) async fn change_settings(&self, request: &mut Request) -> Result<Response, InboxError> {
        let wanted: ChangeSettings = body(request)?;
        let (channels, pipelines) = (&*self.api.channels, &*self.api.pipelines);
        Ok(response::data(settings::change(&self.link_ports(), channels, pipelines, &self.caller, wanted).await?))
    }

    pub(super) async fn pipelines(&self) -> Result<Response, InboxError> {
        Ok(response::data(settings::pipelines(&self.link_ports(), &*self.api.pipelines, &self.caller).await?))
    }

    pub(super) async fn budget(&self) -> Result<Response, InboxError> {
        Ok(response::data(told::budget(&*self.api.budget, &*self.api.clock, &self.caller).await?))
    }

    pub(super) async fn company_audit(&self, request: &Request) -> Result<Response, InboxError> {
        let limit = request::limit(request, "limit")?;
        Ok(response::data(told::company_audit(&self.link_ports(), &*self.api.reader, &self.caller, limit).await?))
    }
}
