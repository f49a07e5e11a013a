//! Calls to a chat's own address: signed, to guarded addresses only, never repeated. The ping when it is connected is here,
//! messages are in `send.rs`, templates in `templates.rs`.

use std::time::Duration;

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::header::CONTENT_TYPE;
use reqwest::StatusCode;
use serde_json::{Value, json};
use url::Url;

use super::signature::{self, SigningSecret};
use crate::{
    http::outside,
    model::{ids::AccountId, time::Timestamp},
    providers::{
        Account, credentials,
        error::{ProviderError, Refusal},
        transport,
    },
};

/// How long to wait when the chat says "too many" and not for how long.
const DEFAULT_WAIT: Duration = Duration::from_mins(1);

/// A connected chat.
pub(super) struct Chat {
    send_url: Url,
    secret: SigningSecret,
}

impl Chat {
    /// From credentials, given or stored. Refusals name the field. A stored address is judged anew before each call.
    pub(super) fn read(credentials: &Value, allow_loopback: bool) -> Result<Self, ProviderError> {
        let send_url = outside::check_url(credentials::required(credentials, "send_url")?, allow_loopback)
            .map_err(|e| credentials::invalid("send_url", e))?;
        Ok(Self { send_url, secret: signing_secret(credentials)? })
    }

    /// The chat as an account. The same address is the same chat, so that connecting it again, perhaps with a new secret,
    /// finds it. The path may be confidential, so only the host is readable in the id.
    pub(super) fn account(&self, credentials: &Value) -> Result<Account, ProviderError> {
        let hash = digest::digest(&digest::SHA256, self.send_url.as_str().as_bytes());
        let hash: String = URL_SAFE_NO_PAD.encode(hash).chars().take(16).collect();
        let host: String = self.send_url.host_str().unwrap_or_default().chars().take(200).collect();
        Ok(Account {
            id: AccountId::parse(&format!("{host}:{hash}")).map_err(|_| credentials::invalid("send_url", "is too long"))?,
            group: None,
            credentials: json!({
                "send_url": self.send_url.as_str(),
                "signing_secret": credentials::required(credentials, "signing_secret")?,
            }),
        })
    }

    /// Asks whether the address answers and accepts our signature.
    pub(super) async fn ping(&self, http: &reqwest::Client, now: Timestamp) -> Result<(), ProviderError> {
        let id = format!("ping_{}", uuid::Uuid::new_v4().simple());
        let status = match self.post(http, now, &id, &json!({"version": 1, "type": "ping"})).await {
            Ok(response) => response.status(),
            Err(ProviderError::Refused { .. }) => {
                return Err(credentials::invalid("send_url", outside::OutsideUrlError::Address));
            }
            Err(error) => {
                return Err(credentials::invalid("send_url", format!("did not answer the ping ({})", error.code())));
            }
        };
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(credentials::invalid("signing_secret", format!("was refused by the chat (HTTP {})", status.as_u16())))
            }
            status if status.is_success() => Ok(()),
            status => Err(credentials::invalid("send_url", format!("answered the ping with HTTP {}", status.as_u16()))),
        }
    }

    /// Posts `body`, signed. `id` tells a repetition.
    pub(super) async fn post(
        &self,
        http: &reqwest::Client,
        now: Timestamp,
        id: &str,
        body: &Value,
    ) -> Result<reqwest::Response, ProviderError> {
        let body = body.to_string();
        http.post(self.send_url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(signature::ID, id)
            .header(signature::TIMESTAMP, now.secs())
            .header(signature::SIGNATURE, self.secret.sign(id, now, body.as_bytes()))
            .body(body)
            .send()
            .await
            .map_err(|e| transport::failure(&e))
    }
}

/// The secret that both directions are signed with.
pub(super) fn signing_secret(credentials: &Value) -> Result<SigningSecret, ProviderError> {
    SigningSecret::parse(credentials::required(credentials, "signing_secret")?)
        .ok_or_else(|| credentials::invalid("signing_secret", "must be whsec_ and 24 to 64 bytes in base64"))
}

pub(super) fn refused(refusal: Refusal, code: impl Into<String>, message: &str) -> ProviderError {
    ProviderError::Refused { refusal, code: code.into(), message: message.to_owned() }
}

/// What another answer than 2xx says, as documented for chats.
pub(super) fn of_answer(response: &reqwest::Response) -> ProviderError {
    let status = response.status();
    let code = format!("http_{}", status.as_u16());
    match status {
        StatusCode::UNAUTHORIZED => {
            refused(Refusal::Unauthorized, code, "The chat does not accept our signature. Reconnect the channel.")
        }
        StatusCode::FORBIDDEN => refused(Refusal::Forbidden, code, "The chat does not allow messages to this customer."),
        StatusCode::NOT_FOUND | StatusCode::GONE => refused(Refusal::NotFound, code, "The chat does not know this customer."),
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            refused(Refusal::Invalid, code, "The chat does not take such files. Send them another way.")
        }
        StatusCode::TOO_MANY_REQUESTS => {
            let retry_after = transport::retry_after(response.headers()).unwrap_or(DEFAULT_WAIT);
            ProviderError::RateLimited { code, retry_after }
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::SERVICE_UNAVAILABLE => ProviderError::Transient { code },
        status if status.is_server_error() => ProviderError::Uncertain { code },
        _ => refused(Refusal::Invalid, code, "The chat did not accept this message."),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::providers::stub::{self, Draft, Reply, Seen, Stub};

    const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const NOW: Timestamp = Timestamp::EPOCH;

    fn chat(url: &str) -> Chat {
        Chat::read(&json!({"send_url": url, "signing_secret": SECRET}), true).unwrap()
    }

    fn is_signed(seen: &Seen) -> bool {
        let headers: &HeaderMap = &seen.headers;
        SigningSecret::parse(SECRET).unwrap().verify(headers, &seen.body, NOW).is_ok()
    }

    #[tokio::test]
    async fn the_ping_is_signed_and_its_faults_name_the_field() {
        let stub = Stub::start([Reply::text(204, "")]).await;
        let chat_here = chat(&stub.url);
        chat_here.ping(&stub::client(), NOW).await.unwrap();
        let seen = &stub.seen()[0];
        assert!(is_signed(seen));
        assert_eq!(seen.json(), json!({"version": 1, "type": "ping"}));
        for (status, expected) in [
            (404, "credentials.send_url answered the ping with HTTP 404"),
            (302, "credentials.send_url answered the ping with HTTP 302"),
            (401, "credentials.signing_secret was refused by the chat (HTTP 401)"),
        ] {
            let stub = Stub::start([Reply::text(status, "")]).await;
            let error = chat(&stub.url).ping(&stub::client(), NOW).await.unwrap_err();
            assert!(matches!(error, ProviderError::Refused { refusal: Refusal::Invalid, .. }));
            assert!(error.to_string().ends_with(expected), "{error}");
        }
        let error = chat(&stub::closed_port().await).ping(&stub::client(), NOW).await.unwrap_err();
        assert!(error.to_string().ends_with("credentials.send_url did not answer the ping (connect)"), "{error}");
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_refused() {
        let second = Duration::from_secs(1);
        let guarded = outside::guarded_client(false, second, second, "test");
        // As if `localhost` were a name in the public DNS.
        let chat = Chat { send_url: Url::parse("https://localhost:9/").unwrap(), secret: SigningSecret::parse(SECRET).unwrap() };
        let error = chat.ping(&guarded, NOW).await.unwrap_err();
        assert!(error.to_string().ends_with("credentials.send_url must not lead into a private network"), "{error}");
        let draft = Draft::new("user:customer-7");
        let error = chat.send(&guarded, NOW, &draft.outgoing("x")).await.unwrap_err();
        assert_eq!(error.code(), "address_refused");
    }

    #[test]
    fn the_same_address_is_the_same_account() {
        let account = |url: &str, secret: &str| {
            let credentials = json!({"send_url": url, "signing_secret": secret, "extra": true});
            Chat::read(&credentials, false).unwrap().account(&credentials).unwrap()
        };
        let other_secret = format!("whsec_{}", "A".repeat(32));
        let first = account("https://chat.example.com/hook?key=1", SECRET);
        assert_eq!(first.id, account("https://CHAT.example.com:443/hook?key=1#top", &other_secret).id);
        assert_ne!(first.id, account("https://chat.example.com/hook?key=2", SECRET).id);
        assert!(first.id.as_str().starts_with("chat.example.com:") && !first.id.as_str().contains("key"));
        assert_eq!(first.credentials, json!({"send_url": "https://chat.example.com/hook?key=1", "signing_secret": SECRET}));
    }

    #[test]
    fn malformed_credentials_name_the_field() {
        for (credentials, expected) in [
            (json!({"signing_secret": SECRET}), "credentials.send_url is required"),
            (
                json!({"send_url": "http://chat.example.com", "signing_secret": SECRET}),
                "credentials.send_url must begin with https://",
            ),
            (json!({"send_url": "https://10.0.0.1", "signing_secret": SECRET}), "credentials.send_url must not lead into"),
            (
                json!({"send_url": "http://127.0.0.1:9", "signing_secret": SECRET}),
                "credentials.send_url must begin with https://",
            ),
            (json!({"send_url": "https://chat.example.com"}), "credentials.signing_secret is required"),
            (
                json!({"send_url": "https://chat.example.com", "signing_secret": "abc"}),
                "credentials.signing_secret must be whsec_",
            ),
        ] {
            let error = Chat::read(&credentials, false).err().expect("refused").to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
