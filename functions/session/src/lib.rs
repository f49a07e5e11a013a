//! `POST /session`: exchanges the token that Pipedrive signed into an iframe's address for a short session of ours.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use shared::{
    clock::Clock,
    environment::Environment,
    http::{HttpFunction, Request, Response, error, request, response, session},
    inbox::{error::InboxError, ports::InstallationStore},
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
}

impl Function {
    /// With what it needs of the environment.
    pub fn new(environment: &Environment) -> Self {
        Self { installations: environment.table(), secrets: environment.secrets.clone(), clock: environment.clock.clone() }
    }

    async fn answer(&self, mut request: Request) -> Result<Response, InboxError> {
        let body: Body = request::json(&mut request, MAX_BODY)?;
        let session = session::open(&*self.installations, &self.secrets, &body.token, self.clock.now()).await?;
        Ok(response::data(session))
    }
}

#[async_trait]
impl HttpFunction for Function {
    async fn call(&self, request: Request) -> Response {
        self.answer(request).await.unwrap_or_else(error::respond)
    }
}
