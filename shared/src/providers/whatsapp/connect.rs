//! Connecting a number: reading its credentials, asking Meta whether they work, subscribing to its webhooks.

use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde_json::{Value, json};

use crate::{
    model::ids::AccountId,
    providers::{
        Account, credentials,
        error::{ProviderError, Refusal},
        lenient,
        meta::Graph,
    },
};

/// Longest object id. Meta's have up to 20 digits; it announced other ids for 2028.
const MAX_ID: usize = 128;

/// What a WhatsApp channel is connected with.
pub(super) struct Credentials {
    pub(super) phone_number_id: String,
    waba_id: String,
    pub(super) access_token: SecretString,
}

impl Credentials {
    /// From the set-up page's JSON. Refusals name the field.
    fn read(value: &Value) -> Result<Self, ProviderError> {
        Ok(Self {
            phone_number_id: object_id(value, "phone_number_id")?,
            waba_id: object_id(value, "waba_id")?,
            access_token: access_token(value)?,
        })
    }

    /// From the table.
    pub(super) fn stored(credentials: &SecretSlice<u8>) -> Result<Self, ProviderError> {
        Self::read(&credentials::stored(credentials)?)
    }
}

fn object_id(value: &Value, field: &'static str) -> Result<String, ProviderError> {
    let id = credentials::required(value, field)?;
    if id.len() > MAX_ID || !id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')) {
        return Err(credentials::invalid(field, "must be an id of Meta's, digits as a rule"));
    }
    Ok(id.to_owned())
}

fn access_token(value: &Value) -> Result<SecretString, ProviderError> {
    let token = credentials::required(value, "access_token")?;
    if !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(credentials::invalid("access_token", "must be one word of ASCII characters"));
    }
    Ok(SecretString::from(token))
}

/// Reads the number and its WhatsApp Business account with the token.
pub(super) async fn check(graph: &Graph, value: &Value) -> Result<Account, ProviderError> {
    let credentials = Credentials::read(value)?;
    let (number, waba) = (&credentials.phone_number_id, &credentials.waba_id);
    read(graph, &credentials.access_token, number, "id,display_phone_number,verified_name", "phone_number_id").await?;
    read(graph, &credentials.access_token, waba, "id", "waba_id").await?;
    Ok(Account {
        id: AccountId::parse(number).map_err(|_| credentials::invalid("phone_number_id", "is too long"))?,
        group: None,
        credentials: json!({
            "phone_number_id": number,
            "waba_id": waba,
            "access_token": credentials.access_token.expose_secret(),
        }),
    })
}

async fn read(graph: &Graph, token: &SecretString, id: &str, fields: &str, field: &'static str) -> Result<(), ProviderError> {
    match graph.get(token, id, fields).await {
        Ok(object) if lenient::id(&object, "/id").is_none_or(|named| named == id) => Ok(()),
        Ok(_) => Err(credentials::invalid(field, "is not what Meta calls this object")),
        Err(error) => named(error, field),
    }
}

/// A refusal, at the field that it is about.
fn named(error: ProviderError, field: &'static str) -> Result<(), ProviderError> {
    match error {
        ProviderError::Refused { refusal: Refusal::NotFound | Refusal::Invalid, .. } => {
            Err(credentials::invalid(field, "is unknown to Meta, or the access token may not read it"))
        }
        ProviderError::Refused { refusal: Refusal::Unauthorized, .. } => Err(credentials::invalid(
            "access_token",
            "is not accepted by Meta, or lacks whatsapp_business_messaging or whatsapp_business_management",
        )),
        error => Err(error.nothing_at_stake()),
    }
}

/// Has Meta send the account's webhooks to the app (`POST /{waba_id}/subscribed_apps`). Repeatable. Where to is a setting
/// of the app, the same for all accounts.
pub(super) async fn subscribe(graph: &Graph, credentials: &SecretSlice<u8>) -> Result<(), ProviderError> {
    let credentials = Credentials::stored(credentials)?;
    let answer = match graph.post(&credentials.access_token, &credentials.waba_id, "subscribed_apps", &json!({})).await {
        Ok(answer) => answer,
        Err(error) => return named(error, "waba_id"),
    };
    if answer.get("success") == Some(&Value::Bool(true)) {
        Ok(())
    } else {
        Err(ProviderError::Transient { code: "not_subscribed".to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::stub::{self, Reply, Stub};

    fn given() -> Value {
        json!({"phone_number_id": "3000000001", "waba_id": "2000000001", "access_token": "EAATESTTOKEN", "extra": 1})
    }

    fn graph(stub: &Stub) -> Graph {
        Graph::new(stub::client(), format!("{}/v25.0", stub.url), super::super::errors::of_answer)
    }

    #[tokio::test]
    async fn both_objects_are_read_with_the_token() {
        let stub = Stub::start([
            Reply::json(200, &json!({"id": "3000000001", "display_phone_number": "+1 555-010-0000"})),
            Reply::json(200, &json!({"id": "2000000001"})),
        ])
        .await;
        let account = check(&graph(&stub), &given()).await.unwrap();
        assert_eq!(account.id.as_str(), "3000000001");
        assert_eq!(account.credentials.as_object().unwrap().len(), 3, "only what the adapter uses is kept");
        let seen = stub.seen();
        assert_eq!(seen[0].line, "GET /v25.0/3000000001?fields=id%2Cdisplay_phone_number%2Cverified_name");
        assert_eq!(seen[1].line, "GET /v25.0/2000000001?fields=id");
        assert!(seen.iter().all(|request| request.headers["authorization"] == "Bearer EAATESTTOKEN"));
    }

    #[tokio::test]
    async fn what_meta_does_not_know_names_the_field() {
        let unknown = Reply::json(400, &json!({"error": {"code": 100, "error_subcode": 33}}));
        let stub = Stub::start([Reply::json(200, &json!({"id": "3000000001"})), unknown]).await;
        let error = check(&graph(&stub), &given()).await.unwrap_err();
        assert!(error.to_string().contains("credentials.waba_id is unknown to Meta"), "{error}");

        let stub = Stub::start([Reply::json(401, &json!({"error": {"code": 190}}))]).await;
        let error = check(&graph(&stub), &given()).await.unwrap_err();
        assert!(error.to_string().contains("credentials.access_token is not accepted by Meta"), "{error}");

        let stub = Stub::start([Reply::json(200, &json!({})), Reply::json(200, &json!({"success": true}))]).await;
        assert!(check(&graph(&stub), &given()).await.is_ok(), "an answer need not repeat what was asked for");

        let stub = Stub::start([Reply::text(502, "<html>")]).await;
        let error = check(&graph(&stub), &given()).await.unwrap_err();
        assert!(matches!(error, ProviderError::Transient { .. }), "a read leaves nothing uncertain: {error}");
    }

    #[test]
    fn malformed_fields_are_named() {
        for (field, value) in [
            ("phone_number_id", json!("../me")),
            ("phone_number_id", json!(3)),
            ("waba_id", json!("")),
            ("waba_id", json!("1".repeat(129))),
            ("access_token", json!("two words")),
            ("access_token", Value::Null),
        ] {
            let mut credentials = given();
            credentials[field] = value;
            let error = Credentials::read(&credentials).err().expect("refused").to_string();
            assert!(error.contains(&format!("credentials.{field} ")), "{error}");
        }
    }

    #[tokio::test]
    async fn the_business_account_is_subscribed() {
        let sealed = SecretSlice::from(given().to_string().into_bytes());
        let stub = Stub::start([Reply::json(200, &json!({"success": true})), Reply::json(200, &json!({"success": false}))]).await;
        subscribe(&graph(&stub), &sealed).await.unwrap();
        assert_eq!(stub.seen()[0].line, "POST /v25.0/2000000001/subscribed_apps");
        subscribe(&graph(&stub), &sealed).await.unwrap_err();
    }
}
