//! Connecting a number: reading its credentials, asking Meta whether they work, subscribing to its webhooks
//! and ending that.

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
/// A hundred phone numbers each; an account has at most a few dozen.
const MAX_PAGES: usize = 10;

/// What a WhatsApp channel is connected with.
pub(super) struct Credentials {
    pub(super) phone_number_id: String,
    pub(super) waba_id: String,
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

/// Reads the number and looks for it among those of the WhatsApp Business account, both with the token.
pub(super) async fn check(graph: &Graph, value: &Value) -> Result<Account, ProviderError> {
    let credentials = Credentials::read(value)?;
    let (number, waba, token) = (&credentials.phone_number_id, &credentials.waba_id, &credentials.access_token);
    match graph.get(token, number, "id,display_phone_number,verified_name").await {
        Ok(object) if lenient::id(&object, "/id").is_none_or(|named| named == *number) => {}
        Ok(_) => return Err(credentials::invalid("phone_number_id", "is not what Meta calls this number")),
        Err(error) => return Err(named(error, "phone_number_id")),
    }
    let query = [("fields", "id"), ("limit", "100")];
    let numbers = graph.read_all(token, &[waba, "phone_numbers"], &query, MAX_PAGES).await;
    let numbers = numbers.map_err(|error| named(error, "waba_id"))?;
    if !numbers.iter().any(|found| lenient::id(found, "/id").as_ref() == Some(number)) {
        let problem = "is the id of another WhatsApp Business account: the phone number is not among its numbers";
        return Err(credentials::invalid("waba_id", problem));
    }
    Ok(Account {
        id: AccountId::parse(number).map_err(|_| credentials::invalid("phone_number_id", "is too long"))?,
        group: AccountId::parse(&format!("waba:{waba}")).ok(),
        credentials: json!({
            "phone_number_id": number,
            "waba_id": waba,
            "access_token": credentials.access_token.expose_secret(),
        }),
    })
}

/// A refusal, at the field that it is about.
fn named(error: ProviderError, field: &'static str) -> ProviderError {
    match error {
        ProviderError::Refused { refusal: Refusal::NotFound | Refusal::Invalid, .. } => {
            credentials::invalid(field, "is unknown to Meta, or the access token may not read it")
        }
        ProviderError::Refused { refusal: Refusal::Unauthorized, .. } => credentials::invalid(
            "access_token",
            "is not accepted by Meta, or lacks whatsapp_business_messaging or whatsapp_business_management",
        ),
        error => error.nothing_at_stake(),
    }
}

/// Has Meta send the account's webhooks to the app (`POST /{waba_id}/subscribed_apps`). Repeatable. Where to is a setting
/// of the app, the same for all accounts.
pub(super) async fn subscribe(graph: &Graph, credentials: &SecretSlice<u8>) -> Result<(), ProviderError> {
    let credentials = Credentials::stored(credentials)?;
    let answer = graph.post(&credentials.access_token, &credentials.waba_id, "subscribed_apps", &json!({})).await;
    success(&answer.map_err(|error| named(error, "waba_id"))?, "not_subscribed")
}

/// Ends that, unless another number of the same business account is connected: the subscription is the account's.
/// Repeatable.
pub(super) async fn unsubscribe(
    graph: &Graph,
    credentials: &SecretSlice<u8>,
    others: &[SecretSlice<u8>],
) -> Result<(), ProviderError> {
    let credentials = Credentials::stored(credentials)?;
    let same = |other: &SecretSlice<u8>| Credentials::stored(other).is_ok_and(|other| other.waba_id == credentials.waba_id);
    if others.iter().any(same) {
        return Ok(());
    }
    match graph.delete(&credentials.access_token, &[&credentials.waba_id, "subscribed_apps"]).await {
        Ok(answer) => success(&answer, "not_unsubscribed"),
        // Neither the account nor a subscription of it is there for us any more.
        Err(ProviderError::Refused { refusal: Refusal::NotFound, .. }) => Ok(()),
        Err(error) => Err(error.nothing_at_stake()),
    }
}

fn success(answer: &Value, code: &str) -> Result<(), ProviderError> {
    if answer.get("success") == Some(&Value::Bool(true)) {
        Ok(())
    } else {
        Err(ProviderError::Transient { code: code.to_owned() })
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

    fn numbers(ids: &[&str]) -> Reply {
        let numbers: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
        Reply::json(200, &json!({ "data": numbers }))
    }

    #[tokio::test]
    async fn the_number_is_read_and_looked_for_in_its_account() {
        let number = json!({"id": "3000000001", "display_phone_number": "+1 555-010-0000"});
        let stub = Stub::start([Reply::json(200, &number), numbers(&["3000000002", "3000000001"])]).await;
        let account = check(&graph(&stub), &given()).await.unwrap();
        assert_eq!(account.id.as_str(), "3000000001");
        assert_eq!(account.credentials.as_object().unwrap().len(), 3, "only what the adapter uses is kept");
        assert!(!format!("{account:?}").contains("EAATESTTOKEN"));
        let seen = stub.seen();
        assert_eq!(seen[0].line, "GET /v25.0/3000000001?fields=id%2Cdisplay_phone_number%2Cverified_name");
        assert_eq!(seen[1].line, "GET /v25.0/2000000001/phone_numbers?fields=id&limit=100");
        assert!(seen.iter().all(|request| request.headers["authorization"] == "Bearer EAATESTTOKEN"));
    }

    #[tokio::test]
    async fn what_meta_does_not_know_names_the_field() {
        let unknown = || Reply::json(400, &json!({"error": {"code": 100, "error_subcode": 33}}));
        let number = || Reply::json(200, &json!({"id": "3000000001"}));
        let cases = [
            (vec![unknown()], "refused (invalid_credentials): credentials.phone_number_id is unknown to Meta"),
            (
                vec![Reply::json(200, &json!({"id": "3"}))],
                "refused (invalid_credentials): credentials.phone_number_id is not what",
            ),
            (vec![number(), unknown()], "refused (invalid_credentials): credentials.waba_id is unknown to Meta"),
            (vec![number(), numbers(&["3"])], "refused (invalid_credentials): credentials.waba_id is the id of another"),
            (
                vec![Reply::json(401, &json!({"error": {"code": 190}}))],
                "refused (invalid_credentials): credentials.access_token is not accepted by Meta",
            ),
            (
                vec![number(), Reply::json(403, &json!({"error": {"code": 200}}))],
                "refused (invalid_credentials): credentials.access_token is not accepted by Meta",
            ),
            (vec![Reply::json(403, &json!({"error": {"code": 368}}))], "refused (368): WhatsApp has locked"),
            (vec![Reply::json(400, &json!({"error": {"code": 4}}))], "rate limited (4)"),
            // A read leaves nothing uncertain.
            (vec![Reply::text(502, "<html>")], "failed (http_502)"),
            (vec![number(), Reply::Never], "failed (timeout)"),
        ];
        for (replies, expected) in cases {
            let stub = Stub::start(replies).await;
            let error = check(&graph(&stub), &given()).await.unwrap_err().to_string();
            assert!(error.starts_with(expected) && !error.contains("EAATESTTOKEN"), "{error}");
        }
        let stub = Stub::start([Reply::json(200, &json!({})), numbers(&["3000000001"])]).await;
        assert!(check(&graph(&stub), &given()).await.is_ok(), "an answer need not repeat what was asked for");
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

    fn sealed(waba_id: &str) -> SecretSlice<u8> {
        let mut credentials = given();
        credentials["waba_id"] = waba_id.into();
        SecretSlice::from(credentials.to_string().into_bytes())
    }

    #[tokio::test]
    async fn the_subscription_ends_with_the_accounts_last_number() {
        let stub = Stub::start([
            Reply::json(200, &json!({"success": true})),
            Reply::json(400, &json!({"error": {"code": 100, "error_subcode": 33}})),
            Reply::json(200, &json!({"success": false})),
            Reply::json(401, &json!({"error": {"code": 190}})),
            Reply::Never,
        ])
        .await;
        let (graph, own) = (graph(&stub), sealed("2000000001"));
        unsubscribe(&graph, &own, &[sealed("2000000002"), sealed("2000000001")]).await.unwrap();
        assert_eq!(stub.seen().len(), 0, "another number needs it");
        let others = [sealed("2000000002"), SecretSlice::from(b"broken".to_vec())];
        unsubscribe(&graph, &own, &others).await.unwrap();
        assert_eq!(stub.seen()[0].line, "DELETE /v25.0/2000000001/subscribed_apps");
        unsubscribe(&graph, &own, &[]).await.unwrap();
        for expected in ["failed (not_unsubscribed)", "refused (190)", "failed (timeout)"] {
            let error = unsubscribe(&graph, &own, &[]).await.unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
