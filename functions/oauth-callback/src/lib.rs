//! `/oauth/callback`: GET, the browser comes back from Pipedrive's consent page; DELETE, Pipedrive says that a user removed
//! the app; POST, Pipedrive says that sharing changed, which grants nothing and is only noted.

use std::sync::Arc;

use async_trait::async_trait;
use http::{Method, StatusCode};
use serde::Deserialize;
use shared::{
    clock::Clock,
    config::Config,
    environment::Environment,
    http::{HttpFunction, Request, Response, basic, error, number, page, public_url::public_url, request, response, state},
    inbox::{
        error::InboxError,
        install::{self, InstallPorts},
        ports::{ChannelStore, InstallationStore},
        tokens::Tokens,
    },
    model::ids::{CompanyId, UserId},
    pipedrive::{ChannelsApi, OAuth, Users, WebhooksApi},
    providers::Registry,
    records::{
        ports::BudgetStore,
        watch::{
            keep::{self, KeepPorts},
            ports::WatchStore,
        },
    },
    secrets::SecretCache,
};

/// Where a try to connect starts over.
const START: (&str, &str) = ("/oauth/install", "Try again");
/// Largest notice, in bytes.
const MAX_NOTICE: usize = 16 * 1024;

/// The function.
pub struct Function {
    config: Arc<Config>,
    installations: Arc<dyn InstallationStore>,
    channels: Arc<dyn ChannelStore>,
    oauth: Arc<dyn OAuth>,
    users: Arc<dyn Users>,
    api: Arc<dyn ChannelsApi>,
    webhooks: Arc<dyn WebhooksApi>,
    watches: Arc<dyn WatchStore>,
    budget: Arc<dyn BudgetStore>,
    providers: Registry,
    secrets: Arc<SecretCache>,
    clock: Arc<dyn Clock>,
}

/// Pipedrive's notice that a user removed the app (Pipedrive, "OAuth authorization", app uninstallation).
#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "Pipedrive's names")]
struct UninstallNotice {
    client_id: String,
    #[serde(deserialize_with = "number::deserialize")]
    company_id: u64,
    #[serde(deserialize_with = "number::deserialize")]
    user_id: u64,
}

impl Function {
    /// With what it needs of the environment.
    pub fn new(environment: &Environment) -> Self {
        let (table, pipedrive) = (environment.table(), environment.pipedrive());
        Self {
            config: environment.config.clone(),
            installations: table.clone(),
            channels: table.clone(),
            oauth: pipedrive.clone(),
            users: pipedrive.clone(),
            api: pipedrive.clone(),
            webhooks: pipedrive,
            watches: table.clone(),
            budget: table,
            providers: environment.providers(),
            secrets: environment.secrets(),
            clock: environment.clock.clone(),
        }
    }

    async fn consented(&self, request: &Request) -> Result<Response, InboxError> {
        if request::query(request, "error").is_some() {
            let sentence = "Pipedrive was not connected, because the access was not granted.";
            return Ok(page::message(StatusCode::OK, "Not connected", sentence, Some(START)));
        }
        let secrets = self.secrets.get().await?;
        let given = request::query(request, "state");
        let journey = state::finish(&secrets.vault, given.as_deref(), request.headers(), self.clock.now());
        // A code that our own link did not ask for may be somebody else's: it is not used, whatever it is.
        match journey {
            Ok(()) => {}
            Err(state::Stray { restarted: false }) => return Ok(response::redirect("/oauth/install?again=1", None)),
            Err(state::Stray { restarted: true }) => {
                let sentence =
                    "The connection could not be completed. It takes cookies of this site, and no more than ten minutes.";
                return Ok(page::message(StatusCode::BAD_REQUEST, "Not connected", sentence, Some(START)));
            }
        }
        let code = request::query(request, "code").filter(|code| !code.is_empty());
        let missing = || InboxError::BadRequest { parameter: "code", problem: "is missing".to_owned() };
        let public_url = public_url(&self.config, request)?;
        let redirect_uri = format!("{public_url}/oauth/callback");
        let installed = install::complete(&self.ports(), &code.ok_or_else(missing)?, &redirect_uri, &public_url).await?;
        keep::keep_now(&self.keep_ports(), installed.company).await;
        Ok(response::redirect("/setup?installed=1", Some(&state::forget(&public_url))))
    }

    async fn uninstalled(&self, mut request: Request) -> Result<Response, InboxError> {
        let secrets = basic::pipedrive(request.headers(), &self.secrets).await?;
        let notice: UninstallNotice = request::json(&mut request, MAX_NOTICE)?;
        if notice.client_id != secrets.pipedrive_client_id {
            return Err(InboxError::invalid_body("client_id", "is not this app's"));
        }
        let (company, user) = (CompanyId(notice.company_id), UserId(notice.user_id));
        install::uninstall(&*self.installations, &*self.channels, &*self.clock, company, user).await?;
        keep::keep_now(&self.keep_ports(), company).await;
        Ok(response::success())
    }

    /// The webhooks in Pipedrive, which go with the user who holds them.
    fn keep_ports(&self) -> KeepPorts<'_> {
        KeepPorts {
            watches: &*self.watches,
            tokens: Tokens { store: &*self.installations, oauth: &*self.oauth, secrets: &self.secrets, clock: &*self.clock },
            api: &*self.webhooks,
            secrets: &self.secrets,
            budget: &*self.budget,
            clock: &*self.clock,
        }
    }

    fn ports(&self) -> InstallPorts<'_> {
        InstallPorts {
            store: &*self.installations,
            channels: &*self.channels,
            oauth: &*self.oauth,
            users: &*self.users,
            api: &*self.api,
            providers: &self.providers,
            secrets: &self.secrets,
            clock: &*self.clock,
            delivery: self.config.delivery,
        }
    }
}

/// A person's try to connect that failed, as a page.
fn not_connected(failure: InboxError) -> Response {
    match failure {
        InboxError::BadRequest { parameter: "code", .. } => {
            let sentence = "The permission that Pipedrive sent along was used before or has expired.";
            page::message(StatusCode::BAD_REQUEST, "Not connected", sentence, Some(START))
        }
        failure => error::respond_as_page(failure),
    }
}

#[async_trait]
impl HttpFunction for Function {
    async fn call(&self, request: Request) -> Response {
        match *request.method() {
            Method::GET => self.consented(&request).await.unwrap_or_else(not_connected),
            Method::DELETE => self.uninstalled(request).await.unwrap_or_else(error::respond),
            Method::POST => {
                tracing::info!("sharing of the app changed");
                response::success()
            }
            _ => error::respond(InboxError::NotFound("page")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use aws_sdk_dynamodb::config::Credentials;
    use lambda_http::{Body, RequestExt};
    use secrecy::SecretString;
    use shared::{
        clock::SystemClock,
        secrets::{SecretSource, SecretsError},
    };

    use super::*;

    struct Source;

    #[async_trait]
    impl SecretSource for Source {
        async fn load(&self) -> Result<SecretString, SecretsError> {
            Ok(SecretString::from(
                r#"{"pipedrive_client_id":"id","pipedrive_client_secret":"secret","meta_app_secret":"app secret",
                "meta_verify_token":"verify","encryption_key":"0123456789abcdef0123456789abcdef"}"#,
            ))
        }
    }

    /// A function that has its secret, and a table that nobody serves.
    fn function() -> Function {
        let settings = [
            ("TABLE_NAME", "t"),
            ("SECRET_ID", "s"),
            ("PUBLIC_URL", "https://x.example"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ];
        let lookup = |name: &str| settings.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let credentials = Credentials::new("id", "secret", None, None, "test");
        let environment = Environment::new(Config::from_lookup(lookup).unwrap(), credentials, Arc::new(SystemClock));
        let secrets = Arc::new(SecretCache::new(Box::new(Source), environment.clock.clone()));
        Function::new(&environment.with_secrets(secrets))
    }

    fn request(method: Method, query: &[(&str, &str)]) -> Request {
        let query: HashMap<String, String> = query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let mut request = Request::new(Body::Empty).with_query_string_parameters(query);
        *request.method_mut() = method;
        request
    }

    #[tokio::test]
    async fn a_stray_browser_starts_over_once() {
        let function = function();
        let response = function.call(request(Method::GET, &[("code", "c"), ("state", "s")])).await;
        assert_eq!(response.status().as_u16(), 302);
        assert_eq!(response.headers()["location"], "/oauth/install?again=1");

        let vault = &function.secrets.get().await.unwrap().vault;
        let journey = state::start(vault, "https://x.example", true, function.clock.now()).unwrap();
        let response = function.call(request(Method::GET, &[("code", "c"), ("state", &journey.state)])).await;
        let page = String::from_utf8(response.body().to_vec()).unwrap();
        assert_eq!(response.status().as_u16(), 400, "not sent round for ever");
        assert!(page.contains("href=\"/oauth/install\""));
    }

    #[tokio::test]
    async fn a_refusal_is_a_page_that_repeats_nothing() {
        let response = function().call(request(Method::GET, &[("error", "<script>"), ("state", "<b>")])).await;
        let page = String::from_utf8(response.body().to_vec()).unwrap();
        assert_eq!(response.status().as_u16(), 200);
        assert!(page.contains("Not connected") && !page.contains("script>") && !page.contains("<b>"));
    }

    #[tokio::test]
    async fn notices_need_the_apps_credentials_and_sharing_needs_none() {
        let function = function();
        assert_eq!(function.call(request(Method::DELETE, &[])).await.status().as_u16(), 401);
        assert_eq!(function.call(request(Method::POST, &[])).await.status().as_u16(), 200);
        // id:secret
        for body in ["", "{}", r#"{"client_id":"other","company_id":1,"user_id":2}"#, r#"{"client_id":"id","company_id":1}"#] {
            let mut notice = request(Method::DELETE, &[]);
            notice.headers_mut().insert("authorization", http::HeaderValue::from_static("Basic aWQ6c2VjcmV0"));
            *notice.body_mut() = Body::from(body);
            assert_eq!(function.call(notice).await.status().as_u16(), 400, "{body}");
        }
    }

    #[test]
    fn notices_hold_ids_as_numbers_or_text() {
        for json in [
            r#"{"client_id":"c","company_id":12,"user_id":"34","timestamp":"2026-11-20T10:00:00Z"}"#,
            r#"{"client_id":"c","company_id":"12","user_id":34,"timestamp":1763632800}"#,
        ] {
            let notice: UninstallNotice = serde_json::from_str(json).unwrap();
            assert_eq!((notice.client_id.as_str(), notice.company_id, notice.user_id), ("c", 12, 34));
        }
        assert!(serde_json::from_str::<UninstallNotice>(r#"{"client_id":"c","company_id":-1,"user_id":34}"#).is_err());
    }
}
