//! Connecting a page: reading its credentials, asking Meta whether they work, subscribing the app to the page's events.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde_json::{Value, json};

use super::{HUMAN_AGENT_WINDOW, REPLY_WINDOW};
use crate::{
    model::ids::AccountId,
    providers::{
        Account, credentials,
        error::{ProviderError, Refusal},
        lenient,
        meta::Graph,
    },
};

/// What the app wants to hear of (Meta, Messenger Platform, "Webhook Events Reference").
const EVENTS: &str = "messages,messaging_postbacks,message_deliveries,message_reads,message_echoes,message_reactions,\
                      message_edits,messaging_referrals,messaging_policy_enforcement";
/// Longest page id. Meta's have up to 17 digits.
const MAX_ID: usize = 32;

/// What a Messenger channel is connected with.
pub(super) struct Credentials {
    pub(super) page_id: String,
    pub(super) token: SecretString,
    /// Whether Meta lets the business answer for seven days.
    pub(super) human_agent: bool,
}

impl Credentials {
    /// From the set-up page's JSON. Refusals name the field.
    fn read(value: &Value) -> Result<Self, ProviderError> {
        Ok(Self { page_id: page_id(value)?, token: token(value)?, human_agent: human_agent(value)? })
    }

    /// From the table.
    pub(super) fn stored(credentials: &SecretSlice<u8>) -> Result<Self, ProviderError> {
        Self::read(&credentials::stored(credentials)?)
    }
}

fn page_id(value: &Value) -> Result<String, ProviderError> {
    let id = credentials::required(value, "page_id")?;
    // Meta also takes the page's name here, but webhooks come under the number.
    if id.len() > MAX_ID || !id.bytes().all(|b| b.is_ascii_digit()) {
        return Err(credentials::invalid("page_id", "must be the page's number, digits only"));
    }
    Ok(id.to_owned())
}

fn token(value: &Value) -> Result<SecretString, ProviderError> {
    let token = credentials::required(value, "page_access_token")?;
    if !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(credentials::invalid("page_access_token", "must be one word of ASCII characters"));
    }
    Ok(SecretString::from(token))
}

fn human_agent(value: &Value) -> Result<bool, ProviderError> {
    let given = match value.get("human_agent") {
        None | Some(Value::Null) => return Ok(false),
        Some(Value::Bool(given)) => return Ok(*given),
        Some(Value::String(given)) => given.trim().to_ascii_lowercase(),
        Some(_) => String::from("?"),
    };
    match given.as_str() {
        "yes" => Ok(true),
        "" | "no" => Ok(false),
        _ => Err(credentials::invalid("human_agent", "must be yes or left empty")),
    }
}

/// Reads the page with its token.
pub(super) async fn check(graph: &Graph, value: &Value) -> Result<Account, ProviderError> {
    let Credentials { page_id, token, human_agent } = Credentials::read(value)?;
    match graph.get(&token, &page_id, "id,name").await {
        Ok(page) if lenient::id(&page, "/id").is_none_or(|named| named == page_id) => {}
        Ok(_) => return Err(credentials::invalid("page_id", "is not what Meta calls this page")),
        Err(error) => return Err(named(error)),
    }
    let mut kept = json!({"page_id": page_id, "page_access_token": token.expose_secret()});
    if human_agent {
        kept["human_agent"] = "yes".into();
    }
    let id = AccountId::parse(&page_id).map_err(|_| credentials::invalid("page_id", "is too long"))?;
    Ok(Account { id, group: None, credentials: kept })
}

/// A refusal, at the field that it is about.
fn named(error: ProviderError) -> ProviderError {
    match error {
        ProviderError::Refused { refusal: Refusal::NotFound | Refusal::Invalid, .. } => {
            credentials::invalid("page_id", "is unknown to Meta, or the page access token may not read it")
        }
        ProviderError::Refused { refusal: Refusal::Unauthorized, .. } => credentials::invalid(
            "page_access_token",
            "is not accepted by Meta for this page, or lacks pages_messaging, pages_manage_metadata or pages_read_engagement",
        ),
        error => error.nothing_at_stake(),
    }
}

/// Has Meta send the page's events to the app (Meta, Graph API, Page, `subscribed_apps`). Repeatable. Where to is a setting
/// of the app, the same for all pages.
pub(super) async fn subscribe(graph: &Graph, credentials: &SecretSlice<u8>) -> Result<(), ProviderError> {
    let Credentials { page_id, token, .. } = Credentials::stored(credentials)?;
    let fields = [("subscribed_fields", EVENTS)];
    let answer = graph.post_query(&token, &[&page_id, "subscribed_apps"], &fields).await.map_err(named)?;
    done(&answer, "not_subscribed")
}

/// Ends that, unless another channel is of the same page.
pub(super) async fn unsubscribe(
    graph: &Graph,
    credentials: &SecretSlice<u8>,
    others: &[SecretSlice<u8>],
) -> Result<(), ProviderError> {
    let Credentials { page_id, token, .. } = Credentials::stored(credentials)?;
    if others.iter().filter_map(|other| Credentials::stored(other).ok()).any(|other| other.page_id == page_id) {
        return Ok(());
    }
    let answer = graph.delete(&token, &[&page_id, "subscribed_apps"]).await.map_err(ProviderError::nothing_at_stake)?;
    done(&answer, "not_unsubscribed")
}

fn done(answer: &Value, otherwise: &str) -> Result<(), ProviderError> {
    match answer.get("success") {
        Some(Value::Bool(true)) => Ok(()),
        _ => Err(ProviderError::Transient { code: otherwise.to_owned() }),
    }
}

/// How much longer than 24 hours the business may answer.
pub(super) fn reply_extension(credentials: &SecretSlice<u8>) -> Duration {
    let human_agent = Credentials::stored(credentials).is_ok_and(|credentials| credentials.human_agent);
    if human_agent { HUMAN_AGENT_WINDOW.saturating_sub(REPLY_WINDOW) } else { Duration::ZERO }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::stub::{self, Reply, Stub};

    fn given() -> Value {
        json!({"page_id": "400", "page_access_token": "EAATESTTOKEN", "extra": 1})
    }

    fn sealed(change: impl FnOnce(&mut Value)) -> SecretSlice<u8> {
        let mut credentials = given();
        change(&mut credentials);
        SecretSlice::from(credentials.to_string().into_bytes())
    }

    fn graph(stub: &Stub) -> Graph {
        Graph::new(stub::client(), format!("{}/v25.0", stub.url), super::super::errors::of_answer)
    }

    #[tokio::test]
    async fn the_page_is_read_with_its_token() {
        let stub = Stub::start([Reply::json(200, &json!({"id": "400", "name": "Acme"})), Reply::json(200, &json!({}))]).await;
        let account = check(&graph(&stub), &given()).await.unwrap();
        assert_eq!(account.id.as_str(), "400");
        assert_eq!(account.credentials, json!({"page_id": "400", "page_access_token": "EAATESTTOKEN"}), "what is used, no more");
        assert!(!format!("{account:?}").contains("EAATEST"));
        let mut generous = given();
        generous["human_agent"] = " Yes".into();
        let account = check(&graph(&stub), &generous).await.unwrap();
        assert_eq!(account.credentials["human_agent"], "yes");
        let seen = stub.seen();
        assert_eq!(seen[0].line, "GET /v25.0/400?fields=id%2Cname");
        assert_eq!(seen[0].headers["authorization"], "Bearer EAATESTTOKEN");
    }

    #[tokio::test]
    async fn what_meta_refuses_names_the_field() {
        let refused = |code: i64, subcode: i64| Reply::json(400, &json!({"error": {"code": code, "error_subcode": subcode}}));
        let cases = [
            (refused(100, 33), "refused (invalid_credentials): credentials.page_id is unknown to Meta"),
            (
                Reply::json(200, &json!({"id": "401"})),
                "refused (invalid_credentials): credentials.page_id is not what Meta calls",
            ),
            (refused(190, 463), "refused (invalid_credentials): credentials.page_access_token is not accepted"),
            (refused(210, 0), "refused (invalid_credentials): credentials.page_access_token is not accepted"),
            (refused(368, 0), "refused (368): Facebook has blocked"),
            (refused(4, 0), "rate limited (4)"),
            (Reply::text(502, "<html>"), "failed (http_502), nothing was sent"),
            (Reply::Never, "failed (timeout), nothing was sent"),
        ];
        for (reply, expected) in cases {
            let stub = Stub::start([reply]).await;
            let error = check(&graph(&stub), &given()).await.unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
            assert!(!error.contains("EAATEST"));
        }
    }

    #[test]
    fn malformed_fields_are_named() {
        for (field, value) in [
            ("page_id", json!("acme")),
            ("page_id", json!("../me")),
            ("page_id", json!(400)),
            ("page_id", json!("1".repeat(33))),
            ("page_id", Value::Null),
            ("page_access_token", json!("two words")),
            ("page_access_token", json!("")),
            ("human_agent", json!("perhaps")),
            ("human_agent", json!(1)),
        ] {
            let mut credentials = given();
            credentials[field] = value;
            let error = Credentials::read(&credentials).err().expect("refused").to_string();
            assert!(error.contains(&format!("credentials.{field} ")), "{error}");
        }
        for (given, expected) in [(json!(null), false), (json!(""), false), (json!("no"), false), (json!(true), true)] {
            assert_eq!(human_agent(&json!({"human_agent": given})).unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn the_page_is_subscribed_and_unsubscribed() {
        let yes = || Reply::json(200, &json!({"success": true}));
        let no = Reply::json(200, &json!({"success": false}));
        let stranger = Reply::json(403, &json!({"error": {"code": 210, "message": "A page access token is required"}}));
        let stub = Stub::start([yes(), no, stranger, yes()]).await;
        let graph = graph(&stub);
        let credentials = sealed(|_| ());
        subscribe(&graph, &credentials).await.unwrap();
        assert_eq!(subscribe(&graph, &credentials).await.unwrap_err().code(), "not_subscribed");
        let error = subscribe(&graph, &credentials).await.unwrap_err().to_string();
        assert!(error.contains("credentials.page_access_token is not accepted by Meta for this page"), "{error}");
        unsubscribe(&graph, &credentials, &[sealed(|other| other["page_id"] = "401".into())]).await.unwrap();
        unsubscribe(&graph, &credentials, &[sealed(|_| ())]).await.unwrap();
        let seen = stub.seen();
        assert_eq!(
            seen[0].line,
            "POST /v25.0/400/subscribed_apps?subscribed_fields=messages%2Cmessaging_postbacks%2Cmessage_deliveries%2C\
             message_reads%2Cmessage_echoes%2Cmessage_reactions%2Cmessage_edits%2Cmessaging_referrals%2C\
             messaging_policy_enforcement"
        );
        assert_eq!((seen[3].line.as_str(), seen.len()), ("DELETE /v25.0/400/subscribed_apps", 4), "the same page stays");
    }

    #[test]
    fn some_may_answer_for_seven_days() {
        assert_eq!(reply_extension(&sealed(|_| ())), Duration::ZERO);
        assert_eq!(reply_extension(&sealed(|c| c["human_agent"] = "yes".into())), Duration::from_hours(6 * 24));
        assert_eq!(reply_extension(&SecretSlice::from(b"{}".to_vec())), Duration::ZERO);
    }
}
