//! A stand-in for AWS that answers at once: for starts, whose figures should hold a function's own work and no table's.

use std::net::Ipv4Addr;

use axum::{Json, Router};
use http::HeaderMap;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

use crate::error::BenchError;

/// A running stand-in. It ends when it is dropped.
pub(crate) struct Aws {
    url: String,
    _server: JoinSet<()>,
}

impl Aws {
    /// Starts one on a free port of 127.0.0.1.
    pub(crate) async fn start() -> Result<Self, BenchError> {
        let failed = || BenchError::failed("serve a stand-in for AWS");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed())?;
        let url = format!("http://{}", listener.local_addr().map_err(failed())?);
        let mut server = JoinSet::new();
        server.spawn(async move { drop(axum::serve(listener, Router::new().fallback(answer)).await) });
        Ok(Self { url, _server: server })
    }

    /// For `AWS_ENDPOINT_URL`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// The secret, and nothing of a table.
async fn answer(headers: HeaderMap) -> Json<Value> {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    Json(if target == "secretsmanager.GetSecretValue" { secret() } else { json!({}) })
}

fn secret() -> Value {
    let fields = json!({
        "pipedrive_client_id": "client-id",
        "pipedrive_client_secret": "client-secret",
        "meta_app_secret": "meta-app-secret",
        "meta_verify_token": "meta-verify-token",
        "encryption_key": "0123456789abcdef0123456789abcdef0123456789abcdef",
    });
    json!({"Name": "pigeonpost", "VersionId": "bench", "SecretString": fields.to_string()})
}

#[cfg(test)]
mod tests {
    use shared::secrets::Secrets;

    use super::*;

    #[test]
    fn the_secret_is_one() {
        assert!(Secrets::parse(secret()["SecretString"].as_str().unwrap()).is_ok());
    }
}
