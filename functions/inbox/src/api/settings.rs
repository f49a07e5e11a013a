//! The company's settings and who sees what, its pipelines to choose from, what was done in Pipedrive for it and what that cost.

use shared::{
    http::{Request, Response, request, response},
    inbox::error::InboxError,
    records::link::{
        settings::{self, ChangeSettings, ChangeSharing},
        told,
    },
};

use super::{Call, body};

impl Call<'_> {
    pub(super) async fn settings(&self) -> Result<Response, InboxError> {
        Ok(response::data(settings::settings(&self.link_ports(), &*self.api.sharing, &self.sight.caller).await?))
    }

    pub(super) async fn change_settings(&self, request: &mut Request) -> Result<Response, InboxError> {
        let wanted: ChangeSettings = body(request)?;
        let (channels, sharing, pipelines) = (&*self.api.channels, &*self.api.sharing, &*self.api.pipelines);
        let caller = &self.sight.caller;
        Ok(response::data(settings::change(&self.link_ports(), channels, sharing, pipelines, caller, wanted).await?))
    }

    pub(super) async fn change_sharing(&self, request: &mut Request) -> Result<Response, InboxError> {
        let wanted: ChangeSharing = body(request)?;
        let (channels, sharing) = (&*self.api.channels, &*self.api.sharing);
        let caller = &self.sight.caller;
        Ok(response::data(settings::share(&self.link_ports(), channels, sharing, caller, &wanted).await?))
    }

    pub(super) async fn pipelines(&self) -> Result<Response, InboxError> {
        Ok(response::data(settings::pipelines(&self.link_ports(), &*self.api.pipelines, &self.sight.caller).await?))
    }

    pub(super) async fn budget(&self) -> Result<Response, InboxError> {
        Ok(response::data(told::budget(&*self.api.budget, &*self.api.clock, &self.sight.caller).await?))
    }

    pub(super) async fn company_audit(&self, request: &Request) -> Result<Response, InboxError> {
        let limit = request::limit(request, "limit")?;
        Ok(response::data(told::company_audit(&self.link_ports(), &*self.api.reader, &self.sight.caller, limit).await?))
    }
}
