//! `/inbox/api/…`: what the pages ask for. Let in by a session, whose company is the only one within reach. One file a
//! subject; docs/api.md describes all of it.

mod conversations;
mod dead;
mod messages;
mod ports;
mod records;
mod search;
mod settings;
mod start;

use serde::Deserialize;
use shared::{
    http::{Request, Response, public_url::public_url, request, session},
    inbox::{error::InboxError, sight::Sight},
    pipedrive::spend::Spend,
    records::link::told,
};

pub(crate) use self::ports::Api;

/// Largest body, in bytes: a message's text and its template's values.
const MAX_BODY: usize = 256 * 1024;

impl Api {
    /// Answers a request of a route of the API.
    pub(crate) async fn answer(&self, mut request: Request) -> Result<Response, InboxError> {
        let caller = session::caller(request.headers(), &self.secrets, self.clock.now()).await?;
        let sight = Sight::new(&*self.sharing, caller);
        let call = Call { api: self, sight, public_url: public_url(&self.config, &request)?, spend: Spend::default() };
        let answer = call.route(&mut request).await;
        told::write_down(&*self.budget, &*self.clock, call.sight.caller.company, &call.spend).await;
        answer
    }
}

/// A request that was let in.
struct Call<'a> {
    api: &'a Api,
    /// Who asks, and what they may see.
    sight: Sight<'a>,
    public_url: String,
    /// What it costs in Pipedrive.
    spend: Spend,
}

impl Call<'_> {
    async fn route(&self, request: &mut Request) -> Result<Response, InboxError> {
        let route = request::route(request).to_owned();
        match route.split_once(" /inbox/api/") {
            Some(("GET", "start")) => self.start().await,
            Some(("GET", "updates")) => self.updates(request).await,
            Some(("GET", "conversations")) if records::is_of_record(request) => self.conversations_of_record(request).await,
            Some(("GET", "conversations")) => self.conversations(request).await,
            Some(("POST", "conversations")) => self.begin(request).await,
            Some(("GET", "conversations/{conversation}")) => self.thread(request).await,
            Some(("DELETE", "conversations/{conversation}")) => self.delete_conversation(request).await,
            Some(("POST", "conversations/{conversation}/read")) => self.mark_read(request).await,
            Some(("PUT", "conversations/{conversation}/state")) => self.set_state(request).await,
            Some(("POST", "conversations/{conversation}/messages")) => self.send(request).await,
            Some(("GET", "conversations/{conversation}/record")) => self.record(request).await,
            Some(("GET", "conversations/{conversation}/record/candidates")) => self.candidates(request).await,
            Some(("POST", "conversations/{conversation}/record/{deed}")) => self.change_record(request).await,
            Some(("GET", "conversations/{conversation}/audit")) => self.audit(request).await,
            Some(("POST", "messages/{message}/retry")) => self.retry(request).await,
            Some(("POST", "uploads")) => self.begin_upload(request).await,
            Some(("GET", "channels/{channel}/templates")) => self.templates(request).await,
            Some(("GET", "people")) => self.people(request).await,
            Some(("GET", "search/conversations")) => self.search_conversations(request).await,
            Some(("GET", "search/messages")) => self.search_messages(request).await,
            Some(("GET", "dead")) => self.list_dead(request).await,
            Some(("POST", "dead/resend")) => self.resend_all_dead(request).await,
            Some(("GET", "dead/{message}")) => self.show_dead(request).await,
            Some(("POST", "dead/{message}/resend")) => self.resend_dead(request).await,
            Some(("GET", "settings")) => self.settings().await,
            Some(("PUT", "settings")) => self.change_settings(request).await,
            Some(("PUT", "sharing")) => self.change_sharing(request).await,
            Some(("GET", "pipelines")) => self.pipelines().await,
            Some(("GET", "budget")) => self.budget().await,
            Some(("GET", "audit")) => self.company_audit(request).await,
            _ => Err(InboxError::NotFound("page")),
        }
    }
}

/// The body as JSON.
fn body<T: for<'de> Deserialize<'de>>(request: &mut Request) -> Result<T, InboxError> {
    request::json(request, MAX_BODY)
}
