//! OAuth 2.0: where consent is asked for, and how codes and refresh tokens become tokens
//! (Pipedrive, "OAuth authorization").
//!
//! Whatever refresh token an answer holds replaces the old one; an answer without one leaves the old one in force.

use async_trait::async_trait;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Grant, OAuth,
    client::{Answer, Client, send, unreadable},
    error::PipedriveError,
};
use crate::secrets::Secrets;

/// How long an access token lives when the answer doesn't say.
const DEFAULT_EXPIRES_IN: u64 = 3600;
/// Works for every company; for the case that an answer names no address (Pipedrive's API reference, "Servers").
const COMMON_API: &str = "https://api.pipedrive.com";

/// A token answer. Its `token_type` is always bearer, in varying case; its scopes are those of the app.
#[derive(Deserialize)]
struct Tokens {
    access_token: SecretString,
    refresh_token: Option<SecretString>,
    #[serde(default)]
    expires_in: Value,
    api_domain: Option<String>,
}

#[async_trait]
impl OAuth for Client {
    fn authorize_url(&self, secrets: &Secrets, redirect_uri: &str, state: &str) -> String {
        let address = format!("{}/oauth/authorize", self.oauth_url);
        let query = [("client_id", secrets.pipedrive_client_id.as_str()), ("redirect_uri", redirect_uri), ("state", state)];
        Url::parse_with_params(&address, query).map_or(address, String::from)
    }

    async fn exchange(&self, secrets: &Secrets, code: &str, redirect_uri: &str) -> Result<Grant, PipedriveError> {
        let form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect_uri)];
        self.token(secrets, &form, None).await
    }

    async fn refresh(&self, secrets: &Secrets, refresh_token: &SecretString) -> Result<Grant, PipedriveError> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose_secret())];
        self.token(secrets, &form, Some(refresh_token)).await
    }
}

impl Client {
    async fn token(
        &self,
        secrets: &Secrets,
        form: &[(&str, &str)],
        presented: Option<&SecretString>,
    ) -> Result<Grant, PipedriveError> {
        let request = self
            .http
            .post(format!("{}/oauth/token", self.oauth_url))
            .basic_auth(&secrets.pipedrive_client_id, Some(secrets.pipedrive_client_secret.expose_secret()))
            .form(form);
        let answer = send(request).await?;
        if !answer.is_success() {
            return Err(refusal(&answer));
        }
        let tokens: Tokens = answer.json()?;
        let given = |token: &SecretString| !token.expose_secret().is_empty();
        let refresh_token = tokens.refresh_token.filter(given).or_else(|| presented.cloned()).ok_or_else(unreadable)?;
        if !given(&tokens.access_token) {
            return Err(unreadable());
        }
        let expires_in = tokens.expires_in.as_u64().or_else(|| tokens.expires_in.as_str()?.trim().parse().ok());
        Ok(Grant {
            access_token: tokens.access_token,
            refresh_token,
            expires_in: expires_in.unwrap_or(DEFAULT_EXPIRES_IN),
            api_domain: self.checked_api_domain(tokens.api_domain.as_deref().unwrap_or(COMMON_API)),
        })
    }
}

/// What a refusal of the token endpoint means. Its texts are documented, the shape around them is not; a wrong client
/// must not look like a dead grant, nor like an access token that has run out.
fn refusal(answer: &Answer) -> PipedriveError {
    let status = answer.status();
    let invalid = |code: &str| PipedriveError::Invalid { status, code: code.to_owned() };
    match status {
        400 if answer.says("invalid grant") || answer.says("invalid_grant") => PipedriveError::InvalidGrant,
        400 | 401 if answer.says("invalid client") || answer.says("invalid_client") => invalid("invalid_client"),
        400 if answer.says("redirect_uri") => invalid("redirect_uri"),
        401 => invalid("invalid_client"),
        _ => answer.error(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::pipedrive::testing::{Stub, secrets, stub};

    const ANSWER: &str = r#"{"access_token":"v1u:new","token_type":"bearer","expires_in":3599,"refresh_token":"1:1:next",
        "scope":"contacts:full,base","api_domain":"https://acme.pipedrive.com/"}"#;

    fn strict(stub: &Stub) -> Client {
        Client::new(stub.http.clone(), stub.url.clone(), None)
    }

    fn old_token() -> SecretString {
        SecretString::from("1:1:old+&=")
    }

    async fn refreshed(status: u16, body: &str) -> Result<Grant, PipedriveError> {
        let stub = stub(status, &[], body).await;
        strict(&stub).refresh(&secrets(), &old_token()).await
    }

    #[test]
    fn the_browser_is_sent_with_escaped_parameters() {
        let client = Client::new(reqwest::Client::builder().build().unwrap(), "https://oauth.pipedrive.com".to_owned(), None);
        assert_eq!(
            client.authorize_url(&secrets(), "https://x.example/oauth/callback?a=b", "s&t"),
            "https://oauth.pipedrive.com/oauth/authorize?client_id=client-id\
             &redirect_uri=https%3A%2F%2Fx.example%2Foauth%2Fcallback%3Fa%3Db&state=s%26t"
        );
    }

    #[tokio::test]
    async fn a_code_is_exchanged_as_a_form_with_basic() {
        let stub = stub(200, &[], ANSWER).await;
        let grant = strict(&stub).exchange(&secrets(), "c/1", "https://x.example/cb").await.unwrap();
        let asked = stub.only_request();
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/oauth/token"));
        assert_eq!(asked.header("content-type"), "application/x-www-form-urlencoded");
        assert_eq!(asked.header("authorization"), "Basic Y2xpZW50LWlkOmNsaWVudC1zZWNyZXQ=");
        let form = String::from_utf8(asked.body).unwrap();
        assert_eq!(form, "grant_type=authorization_code&code=c%2F1&redirect_uri=https%3A%2F%2Fx.example%2Fcb");
        assert_eq!(grant.access_token.expose_secret(), "v1u:new");
        assert_eq!(grant.refresh_token.expose_secret(), "1:1:next");
        assert_eq!((grant.expires_in, grant.api_domain.as_deref()), (3599, Some("https://acme.pipedrive.com")));
    }

    #[tokio::test]
    async fn a_refresh_keeps_what_the_answer_leaves_out() {
        let stub = stub(200, &[], r#"{"access_token":"a","expires_in":"120"}"#).await;
        let grant = strict(&stub).refresh(&secrets(), &old_token()).await.unwrap();
        let form = String::from_utf8(stub.only_request().body).unwrap();
        assert_eq!(form, "grant_type=refresh_token&refresh_token=1%3A1%3Aold%2B%26%3D");
        assert_eq!(grant.refresh_token.expose_secret(), "1:1:old+&=");
        assert_eq!((grant.expires_in, grant.api_domain.as_deref()), (120, Some(COMMON_API)));
        let silent = refreshed(200, r#"{"access_token":"a","refresh_token":"b"}"#).await.unwrap();
        assert_eq!((silent.expires_in, silent.refresh_token.expose_secret()), (3600, "b"));
    }

    #[tokio::test]
    async fn refusals_tell_a_dead_grant_from_a_wrong_client() {
        let invalid = |status, code: &str| PipedriveError::Invalid { status, code: code.to_owned() };
        let message = |text: &str| json!({"success": false, "message": text}).to_string();
        let exchanged = message("Invalid grant: refresh_token is invalid or it was already exchanged");
        let no_client = message("Invalid client: cannot retrieve client credentials");
        let elsewhere = r#"{"access_token":"a","refresh_token":"b","api_domain":"https://evil.example"}"#;
        for (status, body, expected) in [
            (400, exchanged, PipedriveError::InvalidGrant),
            (400, r#"{"error":"invalid_grant"}"#.to_owned(), PipedriveError::InvalidGrant),
            (400, no_client.clone(), invalid(400, "invalid_client")),
            (401, no_client, invalid(401, "invalid_client")),
            (401, String::new(), invalid(401, "invalid_client")),
            (400, message("Invalid request: `redirect_uri` is invalid"), invalid(400, "redirect_uri")),
            (400, message("Missing parameter: `grant_type`"), invalid(400, "")),
            (503, "<html>".to_owned(), PipedriveError::Transient { code: "http_503".to_owned() }),
            (429, String::new(), PipedriveError::RateLimited { retry_after: None }),
            (200, "<html>".to_owned(), unreadable()),
            (200, r#"{"access_token":"","refresh_token":"b"}"#.to_owned(), unreadable()),
        ] {
            assert_eq!(refreshed(status, &body).await.err(), Some(expected), "{status} {body}");
        }
        let grant = refreshed(200, elsewhere).await.unwrap();
        assert_eq!((grant.api_domain, grant.refresh_token.expose_secret()), (None, "b"), "the tokens are not lost with it");
    }

    #[tokio::test]
    async fn errors_hold_no_token() {
        let echo = r#"{"message":"1:1:old+&= is unknown","additional_data":{"code":"1:1:old+&="}}"#;
        let error = refreshed(400, echo).await.err().unwrap();
        assert!(!format!("{error:?} {error} {}", error.code()).contains("1:1"), "{error:?}");
    }
}
