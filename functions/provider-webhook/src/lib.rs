//! `/webhooks/{provider}` and `/webhooks/{provider}/{channel}`: what providers report. The signature is proven on the raw
//! bytes before anything is read; 2xx is answered when every event is stored, so that the provider repeats what is not.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode};
use lambda_http::Body;
use secrecy::SecretSlice;
use shared::{
    clock::Clock,
    config::Config,
    environment::Environment,
    http::{HttpFunction, Request, Response, error, public_url::public_url, request, response},
    inbox::{
        error::InboxError,
        ports::{AccountOwner, ReceiveStore},
        receive::{self, ReceivePorts},
    },
    model::{channel::ProviderKind, ids::ChannelId},
    providers::{Provider, RawWebhook, Registry, VerifiedWebhook, WebhookKeys, WebhookRefused, meta},
    secrets::{SecretCache, Secrets},
    telemetry::metrics::{self, Metric},
};

/// Largest body, in bytes: Meta's batches are the largest that providers send (Meta, WhatsApp Cloud API, Webhooks: "up to
/// 3 MB").
const MAX_BODY: usize = 3 * 1024 * 1024;

/// The same whatever is wrong, so that nobody learns which channels there are.
const REFUSED: InboxError = InboxError::Unauthorized("the signature is missing or wrong");

/// The function.
pub struct Function {
    config: Arc<Config>,
    store: Arc<dyn ReceiveStore>,
    providers: Registry,
    secrets: Arc<SecretCache>,
    clock: Arc<dyn Clock>,
}

/// The channel that a webhook's path names, with what its signatures are checked with.
struct PathChannel {
    owner: AccountOwner,
    credentials: SecretSlice<u8>,
}

impl Function {
    /// With what it needs of the environment.
    pub fn new(environment: &Environment) -> Self {
        Self {
            config: environment.config.clone(),
            store: environment.table(),
            providers: environment.providers(),
            secrets: environment.secrets(),
            clock: environment.clock.clone(),
        }
    }

    async fn answer(&self, request: Request) -> Result<Response, InboxError> {
        let provider = request::path(&request).split('/').nth(2).and_then(|word| word.parse::<ProviderKind>().ok());
        let provider = self.providers.get(provider.ok_or(InboxError::NotFound("webhook"))?);
        match *request.method() {
            Method::GET => self.handshake(provider, &request).await,
            Method::POST => self.webhook(provider, request).await,
            _ => Err(InboxError::NotFound("webhook")),
        }
    }

    /// Meta asks whether the address is ours before it sends anything there (Meta, Webhooks, verification requests).
    async fn handshake(&self, provider: &dyn Provider, request: &Request) -> Result<Response, InboxError> {
        if provider.traits().webhook_per_channel {
            return Err(InboxError::NotFound("webhook"));
        }
        let asked = |name| request::query(request, name);
        let (mode, token, challenge) = (asked("hub.mode"), asked("hub.verify_token"), asked("hub.challenge"));
        let shake = |secrets: &Secrets| {
            meta::handshake(mode.as_deref(), token.as_deref(), challenge.as_deref(), &secrets.meta_verify_token)
        };
        let secrets = self.secrets.get().await?;
        if let Ok(challenge) = shake(&secrets) {
            return Ok(response::text(StatusCode::OK, challenge.to_owned()));
        }
        // The verify token may have been rotated a moment ago.
        let renewed = self.secrets.renewed(&secrets).await?;
        let challenge = renewed.as_deref().and_then(|renewed| shake(renewed).ok());
        let challenge = challenge.ok_or_else(|| InboxError::Forbidden("the verify token is wrong".to_owned()))?;
        Ok(response::text(StatusCode::OK, challenge.to_owned()))
    }

    async fn webhook(&self, provider: &dyn Provider, mut request: Request) -> Result<Response, InboxError> {
        let Ok(body) = request::take_body(&mut request, MAX_BODY) else {
            return Ok(error::too_large());
        };
        let secrets = self.secrets.get().await?;
        let mut channel = None;
        if provider.traits().webhook_per_channel {
            channel = Some(self.path_channel(provider.kind(), &request, &secrets).await?);
        }
        let credentials = channel.as_ref().map(|channel| &channel.credentials);
        let verified = self.verify(provider, &request, &body, credentials, secrets).await?;
        provider.validate(&verified).map_err(|invalid| InboxError::invalid_body(invalid.field, invalid.problem))?;
        let profiles = provider.traits().profiles;
        let ports = ReceivePorts { store: &*self.store, clock: &*self.clock, profiles };
        let owner = channel.as_ref().map(|channel| &channel.owner);
        let received = receive::receive(&ports, provider.kind(), owner, provider.parse(&verified)).await?;
        metrics::count(Metric::MessagesReceived, received.stored);
        tracing::info!(provider = %provider.kind(), ?received, "webhook");
        let answer = provider.answer();
        Ok(response::with_body(StatusCode::OK, answer.content_type, "no-store", Body::from(answer.body)))
    }

    /// The address of this request as the provider was told it when the channel was connected.
    fn told_url(&self, request: &Request) -> String {
        let public_url = public_url(&self.config, request).unwrap_or_default();
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{public_url}{}{query}", request::path(request))
    }

    async fn path_channel(
        &self,
        provider: ProviderKind,
        request: &Request,
        secrets: &Secrets,
    ) -> Result<PathChannel, InboxError> {
        let id: ChannelId = request::path_id(request, "channel", "channel").map_err(|_| REFUSED)?;
        let channel = self.store.channel(&id).await?.filter(|found| found.provider == provider).ok_or(REFUSED)?;
        let sealed = channel.credentials.as_ref().ok_or(REFUSED)?;
        let credentials = secrets.vault.open(&channel.seal_context(), sealed)?;
        Ok(PathChannel { owner: AccountOwner { channel: channel.id, owner: channel.owner }, credentials })
    }

    async fn verify(
        &self,
        provider: &dyn Provider,
        request: &Request,
        body: &Bytes,
        credentials: Option<&SecretSlice<u8>>,
        secrets: Arc<Secrets>,
    ) -> Result<VerifiedWebhook, InboxError> {
        let with = |secrets: &Secrets| {
            let raw = RawWebhook { url: self.told_url(request), headers: request.headers().clone(), body: body.clone() };
            provider.verify(raw, &WebhookKeys { secrets, credentials, now: self.clock.now() })
        };
        let refused = match with(&secrets) {
            Ok(verified) => return Ok(verified),
            Err(refused) => refused,
        };
        // The app's secret may have been rotated a moment ago; a channel's own key is read anew each time.
        if credentials.is_none()
            && matches!(refused, WebhookRefused::Mismatch | WebhookRefused::NoKey)
            && let Some(renewed) = self.secrets.renewed(&secrets).await?
            && let Ok(verified) = with(&renewed)
        {
            return Ok(verified);
        }
        tracing::warn!(provider = %provider.kind(), reason = %refused, "webhook refused");
        Err(REFUSED)
    }
}

#[async_trait]
impl HttpFunction for Function {
    async fn call(&self, request: Request) -> Response {
        self.answer(request).await.unwrap_or_else(error::respond)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use aws_sdk_dynamodb::config::Credentials;
    use lambda_http::RequestExt;
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

    fn request(method: Method, path: &str, query: &[(&str, &str)], body: Vec<u8>) -> Request {
        let query: HashMap<String, String> = query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let mut request = Request::new(Body::from(body)).with_raw_http_path(path).with_query_string_parameters(query);
        *request.method_mut() = method;
        request
    }

    #[tokio::test]
    async fn the_handshake_echoes_for_the_token_alone() {
        let function = function();
        let good = [("hub.mode", "subscribe"), ("hub.verify_token", "verify"), ("hub.challenge", "<1158>")];
        for (query, status, body) in [
            (&good[..], 200, "<1158>"),
            (&[good[0], good[1]], 403, ""),
            (&[good[1], good[2]], 403, ""),
            (&[good[0], ("hub.verify_token", "other"), good[2]], 403, ""),
            (&[good[0], ("hub.verify_token", ""), good[2]], 403, ""),
            (&[], 403, ""),
        ] {
            let response = function.call(request(Method::GET, "/webhooks/whatsapp", query, Vec::new())).await;
            assert_eq!(response.status().as_u16(), status, "{query:?}");
            assert!(status != 200 || *response.body() == Body::from(body));
            assert!(status != 200 || response.headers()["content-type"] == "text/plain; charset=utf-8");
        }
    }

    #[tokio::test]
    async fn the_unproven_get_nowhere() {
        let function = function();
        for (method, path, body, status) in [
            (Method::POST, "/webhooks/whatsapp", b"{}".to_vec(), 401),
            (Method::POST, "/webhooks/whatsapp", vec![b' '; MAX_BODY + 1], 413),
            (Method::POST, "/webhooks/custom/ch_1_x", b"{}".to_vec(), 401),
            (Method::POST, "/webhooks/telegraph", b"{}".to_vec(), 404),
            (Method::GET, "/webhooks/custom", Vec::new(), 404),
            (Method::POST, "/webhooks", Vec::new(), 404),
        ] {
            let response = function.call(request(method, path, &[], body)).await;
            assert_eq!(response.status().as_u16(), status, "{path}");
        }
    }
}
