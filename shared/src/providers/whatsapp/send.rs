//! Sending a text (Meta, WhatsApp Cloud API, Messages). One call, never repeated; Meta hands our message id back with every
//! status of it, so that a status finds its message even when the answer to the call was lost.

use secrecy::SecretSlice;
use serde_json::{Value, json};

use super::connect::Credentials;
use crate::{
    model::ids::ProviderMessageId,
    providers::{
        Accepted, Outgoing,
        error::{ProviderError, Refusal},
        lenient,
        meta::Graph,
        outgoing::{PartContent, unsendable},
    },
};

/// Longest text in one message.
pub(super) const MAX_TEXT_CHARS: usize = 4096;

/// Sends a text. `Uncertain` when it may have gone out.
pub(super) async fn send(
    graph: &Graph,
    credentials: &SecretSlice<u8>,
    message: &Outgoing<'_>,
) -> Result<Accepted, ProviderError> {
    let credentials = Credentials::stored(credentials)?;
    let body = body(message)?;
    let answer = graph.post(&credentials.access_token, &credentials.phone_number_id, "messages", &body).await?;
    lenient::id(&answer, "/messages/0/id")
        .and_then(|id| ProviderMessageId::parse(&id).ok())
        .map(Accepted::from)
        .ok_or_else(|| ProviderError::Uncertain { code: "no_message_id".to_owned() })
}

fn body(message: &Outgoing<'_>) -> Result<Value, ProviderError> {
    // A phone number goes into `to`, a business-scoped user id (customers without a number) into `recipient`.
    let (member, name) = match message.to.as_str().split_once(':') {
        Some(("phone", digits)) => ("to", digits),
        Some(("user", id)) => ("recipient", id),
        _ => {
            return Err(ProviderError::Refused {
                refusal: Refusal::NotFound,
                code: "unknown_recipient".to_owned(),
                message: "The customer has no name at WhatsApp to send to.".to_owned(),
            });
        }
    };
    let PartContent::Text(text) = message.content else {
        return Err(unsendable("files", "are not sent by this version; send the text alone"));
    };
    Ok(json!({
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        member: name,
        "type": "text",
        "text": {"body": text, "preview_url": false},
        "biz_opaque_callback_data": message.id.to_string(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::stub::{self, Draft, Reply, Stub};

    fn credentials() -> SecretSlice<u8> {
        let json = json!({"phone_number_id": "3000000001", "waba_id": "2000000001", "access_token": "EAATESTTOKEN"});
        SecretSlice::from(json.to_string().into_bytes())
    }

    async fn send_to(url: &str, client: crate::http::client::LazyClient, key: &str) -> Result<Accepted, ProviderError> {
        let draft = Draft::new(key);
        send(&Graph::new(client, format!("{url}/v25.0"), super::super::errors::of_answer), &credentials(), &draft.outgoing("Grüße 😀")).await
    }

    fn accepted() -> Reply {
        let contacts = json!([{"input": "15550100001", "wa_id": "15550100001"}]);
        let messages = json!([{"id": "wamid.OUT1==", "message_status": "accepted"}]);
        Reply::json(200, &json!({"messaging_product": "whatsapp", "contacts": contacts, "messages": messages}))
    }

    #[tokio::test]
    async fn a_text_goes_out_by_phone_number_or_user_id() {
        let stub = Stub::start([accepted(), accepted()]).await;
        let sent = send_to(&stub.url, stub::client(), "phone:15550100001").await.unwrap();
        assert_eq!(sent.provider_ids[0].as_str(), "wamid.OUT1==");
        send_to(&stub.url, stub::client(), "user:US.1000000000000001").await.unwrap();
        let seen = stub.seen();
        assert_eq!(seen[0].line, "POST /v25.0/3000000001/messages");
        assert_eq!(seen[0].headers["authorization"], "Bearer EAATESTTOKEN");
        assert_eq!(
            seen[0].json(),
            json!({
                "messaging_product": "whatsapp",
                "recipient_type": "individual",
                "to": "15550100001",
                "type": "text",
                "text": {"body": "Grüße 😀", "preview_url": false},
                "biz_opaque_callback_data": stub::message_id().as_str(),
            })
        );
        assert_eq!(seen[1].json()["recipient"], "US.1000000000000001");
        assert_eq!(seen[1].json().get("to"), None);
    }

    #[tokio::test]
    async fn answers_become_errors() {
        let cases = [
            (Reply::json(400, &json!({"error": {"code": 131_047}})), "refused (131047): The customer's last message"),
            (Reply::json(400, &json!({"error": {"code": 131_056}})), "rate limited (131056)"),
            (Reply::json(500, &json!({"error": {"code": 131_000}})), "failed (131000), nothing was sent"),
            (Reply::text(502, "<html>"), "outcome unknown (http_502)"),
            (Reply::text(200, "not json"), "outcome unknown (unreadable_answer)"),
            (Reply::json(200, &json!({"messages": []})), "outcome unknown (no_message_id)"),
        ];
        for (reply, expected) in cases {
            let stub = Stub::start([reply]).await;
            let error = send_to(&stub.url, stub::client(), "phone:1").await.unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
            assert_eq!(stub.seen().len(), 1, "never repeated");
        }
        let stub = Stub::start([]).await;
        let error = send_to(&stub.url, stub::client(), "chat:1").await.unwrap_err();
        assert_eq!((error.code(), stub.seen().len()), ("unknown_recipient", 0));
    }

    #[tokio::test]
    async fn a_broken_call_is_uncertain_only_once_it_left() {
        let closed = stub::closed_port().await;
        let error = send_to(&closed, stub::client(), "phone:1").await.unwrap_err().to_string();
        assert_eq!(error, "failed (connect), nothing was sent");
        let stub = Stub::start([Reply::Never]).await;
        let error = send_to(&stub.url, stub::client(), "phone:1").await.unwrap_err().to_string();
        assert_eq!(error, "outcome unknown (timeout)");
        let hangs_up = stub::hangs_up().await;
        let error = send_to(&hangs_up, stub::client(), "phone:1").await.unwrap_err().to_string();
        assert_eq!(error, "outcome unknown (connection_lost)");
    }
}
