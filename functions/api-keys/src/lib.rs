//! `/setup/keys`: the set-up page lists (GET) and makes (POST) a company's API keys, changes (PATCH …/{key}), rotates
//! (POST …/{key}/rotate) and revokes (DELETE …/{key}) one. Let in by a session; its company is the only one within reach.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use shared::{
    clock::Clock,
    crm::{
        keys::{self, KeyFields, KeyPorts},
        ports::KeyStore,
    },
    environment::Environment,
    http::{HttpFunction, Request, Response, error, request, response, session},
    inbox::{error::InboxError, ports::InstallationStore},
    model::{api_key::RateLimit, ids::KeyId},
    secrets::SecretCache,
};

/// Largest body, in bytes.
const MAX_BODY: usize = 4 * 1024;

/// The function.
pub struct Function {
    keys: Arc<dyn KeyStore>,
    installations: Arc<dyn InstallationStore>,
    secrets: Arc<SecretCache>,
    clock: Arc<dyn Clock>,
}

#[derive(Deserialize)]
struct Body {
    name: String,
    #[serde(default)]
    per_second: Option<u32>,
    #[serde(default)]
    burst: Option<u32>,
}

impl From<Body> for KeyFields {
    fn from(Body { name, per_second, burst }: Body) -> Self {
        let usual = RateLimit::default();
        let limit = RateLimit { per_second: per_second.unwrap_or(usual.per_second), burst: burst.unwrap_or(usual.burst) };
        Self { name, limit }
    }
}

impl Function {
    /// With what it needs of the environment.
    pub fn new(environment: &Environment) -> Self {
        let table = environment.table();
        Self { keys: table.clone(), installations: table, secrets: environment.secrets(), clock: environment.clock.clone() }
    }

    async fn answer(&self, mut request: Request) -> Result<Response, InboxError> {
        let now = self.clock.now();
        let caller = session::caller(request.headers(), &self.secrets, now).await?;
        let ports = KeyPorts { keys: &*self.keys, installations: &*self.installations, now };
        let route = request::route(&request).to_owned();
        Ok(match route.as_str() {
            "GET /setup/keys" => response::data(keys::list(&ports, &caller).await?),
            "POST /setup/keys" => {
                let body: Body = request::json(&mut request, MAX_BODY)?;
                response::data(keys::make(&ports, &caller, &body.into()).await?)
            }
            "PATCH /setup/keys/{key}" => {
                let key = key(&request)?;
                let body: Body = request::json(&mut request, MAX_BODY)?;
                response::data(keys::change(&ports, &caller, &key, &body.into()).await?)
            }
            "POST /setup/keys/{key}/rotate" => response::data(keys::rotate(&ports, &caller, &key(&request)?).await?),
            "DELETE /setup/keys/{key}" => {
                keys::revoke(&ports, &caller, &key(&request)?).await?;
                response::success()
            }
            _ => return Err(InboxError::NotFound("page")),
        })
    }
}

fn key(request: &Request) -> Result<KeyId, InboxError> {
    request::path_id(request, "key", "key")
}

#[async_trait]
impl HttpFunction for Function {
    async fn call(&self, request: Request) -> Response {
        self.answer(request).await.unwrap_or_else(error::respond)
    }
}
