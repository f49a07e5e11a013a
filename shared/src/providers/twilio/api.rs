//! Twilio's REST API as a transport (Twilio, "Twilio's REST APIs", version 2010-04-01): Basic credentials, forms in, JSON
//! out, errors decoded. Knows nothing of messages.

use std::sync::Arc;

use http::header::AUTHORIZATION;
use serde_json::Value;

use super::{account::Credentials, errors};
use crate::{
    clock::Clock,
    http::client::LazyClient,
    providers::{error::ProviderError, lenient, transport},
};

/// Longest answer that is read: a page of a hundred messages has about two hundred kilobytes.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// The API at one base URL.
#[derive(Clone)]
pub(super) struct Api {
    http: LazyClient,
    base: String,
    clock: Arc<dyn Clock>,
}

impl Api {
    /// `base` has no slash at the end.
    pub(super) fn new(http: LazyClient, base: String, clock: Arc<dyn Clock>) -> Self {
        Self { http, base, clock }
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Reads what is at a path of the API, which may have a query.
    pub(super) async fn get(
        &self,
        credentials: &Credentials,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Value, ProviderError> {
        let mut request = self.http.get(format!("{}{path}", self.base));
        if !query.is_empty() {
            request = request.query(query);
        }
        self.call(request, credentials).await.map_err(ProviderError::nothing_at_stake)
    }

    /// Posts a form. Never repeated.
    pub(super) async fn post(
        &self,
        credentials: &Credentials,
        path: &str,
        form: &[(&str, String)],
    ) -> Result<Value, ProviderError> {
        self.call(self.http.post(format!("{}{path}", self.base)).form(form), credentials).await
    }

    async fn call(&self, request: reqwest::RequestBuilder, credentials: &Credentials) -> Result<Value, ProviderError> {
        let request = request.header(AUTHORIZATION, credentials.authorization());
        let response = request.send().await.map_err(|error| transport::failure(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = transport::body(response, MAX_ANSWER_BYTES).await;
        if !status.is_success() {
            // Without its body, the answer still has a status.
            let body = body.ok().flatten().unwrap_or_default();
            return Err(errors::of_answer(status, &headers, &body, self.clock.now()));
        }
        body.ok()
            .flatten()
            .and_then(|body| lenient::body(&body))
            .ok_or_else(|| ProviderError::Uncertain { code: "unreadable_answer".to_owned() })
    }
}
