//! A stub of AWS Secrets Manager: the one action that the functions use, on a port of its own, so that the SDK's real code
//! runs. The secret can be exchanged while the bundle runs, as its owner would.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{Router, extract::State, response::IntoResponse, routing::post};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

/// The secret's name, as functions ask for it.
pub const SECRET_ID: &str = "pigeonpost";

/// A running stub. It ends with the process.
#[derive(Clone)]
pub struct SecretsStub {
    url: String,
    secret: Arc<Mutex<String>>,
}

impl SecretsStub {
    /// Starts on a free local port with the secret's text.
    pub async fn start(secret: &Value) -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let stub = Self { url: format!("http://{}", listener.local_addr()?), secret: Arc::new(Mutex::new(secret.to_string())) };
        let router = Router::new().route("/", post(answer)).with_state(stub.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(stub)
    }

    /// Where the SDK finds it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Exchanges the secret.
    pub fn set(&self, secret: &Value) {
        *self.secret.lock().unwrap_or_else(PoisonError::into_inner) = secret.to_string();
    }
}

async fn answer(State(stub): State<SecretsStub>, headers: HeaderMap, body: String) -> impl IntoResponse {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let asked: Value = serde_json::from_str(&body).unwrap_or_default();
    let (status, answer) = match (target, asked["SecretId"].as_str()) {
        ("secretsmanager.GetSecretValue", Some(SECRET_ID)) => {
            let secret = stub.secret.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let arn = format!("arn:aws:secretsmanager:us-east-1:123456789012:secret:{SECRET_ID}-local");
            (StatusCode::OK, json!({"ARN": arn, "Name": SECRET_ID, "VersionId": "local", "SecretString": secret}))
        }
        ("secretsmanager.GetSecretValue", _) => {
            (StatusCode::BAD_REQUEST, json!({"__type": "ResourceNotFoundException", "Message": "no such secret"}))
        }
        _ => (StatusCode::BAD_REQUEST, json!({"__type": "InvalidRequestException", "Message": "unknown action"})),
    };
    (status, [(header::CONTENT_TYPE, "application/x-amz-json-1.1")], answer.to_string())
}
