//! `POST /session`: exchanges the token that Pipedrive signed into an iframe's address for a short session of ours.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use shared::{
    clock::Clock,
    environment::Environment,
    http::{
        HttpFunction, Request, Response, error, request, response,
        session::{self, Presented},
    },
    inbox::{error::InboxError, ports::InstallationStore},
    model::ids::{CompanyId, UserId},
    secrets::SecretCache,
};

/// Largest body, in bytes.
const MAX_BODY: usize = 16 * 1024;

/// The function.
pub struct Function {
    installations: Arc<dyn InstallationStore>,
    secrets: Arc<SecretCache>,
    clock: Arc<dyn Clock>,
}

#[derive(Deserialize)]
struct Body {
    token: String,
    /// Who the iframe's address says is looking, which nobody signed. Only if it is whom the token names.
    #[serde(default)]
    company: Option<CompanyId>,
    #[serde(default)]
    user: Option<UserId>,
}

impl Function {
    /// With what it needs of the environment.
    pub fn new(environment: &Environment) -> Self {
        Self { installations: environment.table(), secrets: environment.secrets(), clock: environment.clock.clone() }
    }

    async fn answer(&self, mut request: Request) -> Result<Response, InboxError> {
        let Body { token, company, user } = request::json(&mut request, MAX_BODY)?;
        let presented = Presented { token: &token, company, user };
        let session = session::open(&*self.installations, &self.secrets, &presented, self.clock.now()).await?;
        Ok(response::data(session))
    }
}

#[async_trait]
impl HttpFunction for Function {
    async fn call(&self, request: Request) -> Response {
        self.answer(request).await.unwrap_or_else(error::respond)
    }
}
