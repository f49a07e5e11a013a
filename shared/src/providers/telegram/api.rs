//! The Bot API as a transport: the token in the path, JSON or files out, an envelope back (Telegram Bot API, "Making
//! requests"). What goes wrong never says where the call went, since that holds the token.

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{RequestBuilder, multipart::Form};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::errors::{self, Failure};
use crate::{
    http::client::LazyClient,
    providers::{error::ProviderError, lenient, transport},
};

/// Longest answer that is read. Those that we ask for have a few kilobytes.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// How long a call with files may take.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(25);
/// What is encoded in a file's path: all but letters, digits and these.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// The Bot API at one base URL.
pub(super) struct Api {
    http: LazyClient,
    base: String,
}

impl Api {
    /// `base` has no slash at the end.
    pub(super) fn new(http: LazyClient, base: String) -> Self {
        Self { http, base }
    }

    /// Calls a method and returns its result.
    pub(super) async fn call(&self, token: &SecretString, method: &str, parameters: &Value) -> Result<Value, Failure> {
        answer(self.post(token, method).json(parameters)).await
    }

    /// Calls a method with files.
    pub(super) async fn upload(&self, token: &SecretString, method: &str, form: Form) -> Result<Value, Failure> {
        answer(self.post(token, method).multipart(form).timeout(UPLOAD_TIMEOUT)).await
    }

    fn post(&self, token: &SecretString, method: &str) -> RequestBuilder {
        self.http.post(format!("{}/bot{}/{method}", self.base, token.expose_secret()))
    }

    /// Where a file lies that `getFile` named. None if the path would lead elsewhere than below the bot's files.
    pub(super) fn file_url(&self, token: &SecretString, path: &str) -> Option<SecretString> {
        let segments: Vec<&str> = path.split('/').collect();
        if segments.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
            return None;
        }
        let path = segments.iter().map(|segment| utf8_percent_encode(segment, SEGMENT).to_string()).collect::<Vec<_>>().join("/");
        Some(SecretString::from(format!("{}/file/bot{}/{path}", self.base, token.expose_secret())))
    }
}

async fn answer(request: RequestBuilder) -> Result<Value, Failure> {
    let response = request.send().await.map_err(|error| transport::failure(&error))?;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = transport::body(response, MAX_ANSWER_BYTES).await.ok().flatten();
    let body = body.and_then(|body| lenient::body(&body));
    match body {
        Some(mut body) if status.is_success() && body.get("ok") == Some(&Value::Bool(true)) => {
            Ok(body.get_mut("result").map(Value::take).unwrap_or_default())
        }
        None if status.is_success() => Err(ProviderError::Uncertain { code: "unreadable_answer".to_owned() }.into()),
        body => Err(errors::of_answer(status, &headers, &body.unwrap_or_default())),
    }
}
