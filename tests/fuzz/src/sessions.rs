//! Tokens of iframes, sessions of ours, and Basic credentials: as they come, and with any claims under a right signature.

use std::future::Future;

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, header};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::ExposeSecret;
use serde_json::Value;
use shared::{
    clock::Clock,
    http::{
        basic,
        session::{self, Presented},
    },
    inbox::ports::{InstallationStore, Lease, Members, StoreError},
    model::{
        channel::Delivery,
        ids::{CompanyId, UserId},
        installation::{Installation, InstallationState, Profile},
        time::Timestamp,
    },
};

use crate::world::{CLIENT_SECRET, Still, secret_cache, secrets};

/// Waits for something that asks nobody.
pub(crate) fn wait<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap_or_else(|error| unreachable!("{error}")).block_on(work)
}

/// Any text as a token, and any JSON as the claims of one.
pub(crate) fn any(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    open(&text);
    present("Bearer ", data);
    present("Basic ", data);
    present("", data);
    let Ok(claims) = serde_json::from_slice::<Value>(data) else { return };
    let sign = |key: &[u8]| jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(key));
    if let Ok(token) = sign(CLIENT_SECRET.as_bytes()) {
        open(&token);
    }
    let key = secrets().vault.derive("session");
    if let Some(token) = key.ok().and_then(|key| sign(key.expose_secret()).ok()) {
        present("Bearer ", token.as_bytes());
    }
}

/// To `POST /session`. Nobody is installed, so nobody gets in.
fn open(token: &str) {
    let presented = Presented { token, company: None, user: None };
    assert!(wait(session::open(&Nobody, &secret_cache(), &presented, Still.now())).is_err());
}

/// In the header of a request.
fn present(scheme: &str, text: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(&[scheme.as_bytes(), text].concat()) else { return };
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
    let secrets = secret_cache();
    let _ = wait(session::caller(&headers, &secrets, Still.now()));
    let _ = wait(basic::pipedrive(&headers, &secrets));
}

/// A table without installations.
struct Nobody;

#[async_trait]
impl InstallationStore for Nobody {
    async fn installation(&self, _: CompanyId, _: UserId) -> Result<Option<Installation>, StoreError> {
        Ok(None)
    }

    async fn save_grant(&self, _: &Installation, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    async fn take_lease(&self, _: &Installation, _: &str, _: Timestamp, _: Timestamp) -> Result<Lease, StoreError> {
        Ok(Lease::Missed)
    }

    async fn save_renewed(&self, _: &Installation, _: Timestamp) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn end_lease(&self, _: CompanyId, _: UserId, _: &str) -> Result<(), StoreError> {
        Ok(())
    }

    async fn set_installation_state(&self, _: &Installation, _: InstallationState) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn save_profile(&self, _: CompanyId, _: UserId, _: &Profile, _: Timestamp) -> Result<(), StoreError> {
        unreachable!()
    }

    async fn set_delivery(&self, _: CompanyId, _: UserId, _: Delivery, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    async fn members(&self, _: CompanyId) -> Result<Members, StoreError> {
        Ok(Members::default())
    }

    async fn tokens_due(&self, _: Timestamp, _: usize) -> Result<Vec<(CompanyId, UserId)>, StoreError> {
        Ok(Vec::new())
    }
}
