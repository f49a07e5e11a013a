//! `GET /oauth/install`: sends the browser to Pipedrive's consent page, with a state that only this browser can bring back.
//! `?again=1` marks a start after a journey that went wrong; a second one of these ends with a page instead.

use std::sync::Arc;

use async_trait::async_trait;
use shared::{
    clock::Clock,
    config::Config,
    environment::Environment,
    http::{HttpFunction, Request, Response, error, public_url::public_url, request, response, state},
    inbox::error::InboxError,
    pipedrive::OAuth,
    secrets::SecretCache,
};

/// The function.
pub struct Function {
    config: Arc<Config>,
    oauth: Arc<dyn OAuth>,
    secrets: Arc<SecretCache>,
    clock: Arc<dyn Clock>,
}

impl Function {
    /// With what it needs of the environment.
    pub fn new(environment: &Environment) -> Self {
        Self {
            config: environment.config.clone(),
            oauth: environment.pipedrive(),
            secrets: environment.secrets(),
            clock: environment.clock.clone(),
        }
    }

    async fn answer(&self, request: &Request) -> Result<Response, InboxError> {
        let public_url = public_url(&self.config, request)?;
        let restarted = request::query(request, "again").is_some();
        let secrets = self.secrets.get().await?;
        let journey = state::start(&secrets.vault, &public_url, restarted, self.clock.now())?;
        let address = self.oauth.authorize_url(&secrets, &format!("{public_url}/oauth/callback"), &journey.state);
        Ok(response::redirect(&address, Some(&journey.cookie)))
    }
}

#[async_trait]
impl HttpFunction for Function {
    async fn call(&self, request: Request) -> Response {
        self.answer(&request).await.unwrap_or_else(error::respond_as_page)
    }
}
