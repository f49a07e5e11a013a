//! The Channels API (Pipedrive's API reference, Channels): channels are registered, messages pushed, both deleted.
//!
//! Bodies are what Pipedrive's validator asks for, which is more than its reference says: `attachments` is always there,
//! and so are a file's `name`, `size` and `preview_url`, if only as null.

use async_trait::async_trait;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::{
    Access, ChannelsApi, Receipt, Registration,
    client::{Answer, Client},
    error::PipedriveError,
    price::Call,
};
use crate::{
    media::FileLink,
    model::{
        ids::{ChannelId, ConversationId},
        time::Timestamp,
    },
};

/// All but the unreserved characters of RFC 3986.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[derive(Serialize)]
struct ChannelBody<'a> {
    name: &'a str,
    provider_channel_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    avatar_url: &'a str,
    template_support: bool,
    provider_type: &'a str,
}

#[derive(Serialize)]
struct MessageBody<'a> {
    id: &'a str,
    channel_id: &'a str,
    sender_id: &'a str,
    conversation_id: &'a str,
    message: &'a str,
    status: &'static str,
    created_at: String,
    reply_by: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    conversation_link: &'a str,
    attachments: Vec<AttachmentBody<'a>>,
}

#[derive(Serialize)]
struct AttachmentBody<'a> {
    id: &'a str,
    r#type: &'a str,
    name: Option<&'a str>,
    size: Option<u64>,
    url: &'a str,
    preview_url: Option<&'a str>,
    link_expires: bool,
}

impl<'a> From<&Registration<'a>> for ChannelBody<'a> {
    fn from(channel: &Registration<'a>) -> Self {
        Self {
            name: channel.name,
            provider_channel_id: channel.id.as_str(),
            avatar_url: channel.avatar_url,
            template_support: channel.template_support,
            provider_type: channel.provider_type,
        }
    }
}

/// How times are written. Pipedrive's description calls them `date-time` and shows minutes in its text.
type Written = fn(Timestamp) -> String;

impl<'a> MessageBody<'a> {
    fn new(message: &Receipt<'a>, written: Written) -> Self {
        Self {
            id: message.id.as_str(),
            channel_id: message.channel.as_str(),
            sender_id: message.sender.as_str(),
            conversation_id: message.conversation.as_str(),
            message: message.text,
            status: message.status.as_str(),
            created_at: written(message.created_at),
            reply_by: message.reply_by.map(written),
            conversation_link: message.link,
            attachments: message.attachments.iter().map(AttachmentBody::from).collect(),
        }
    }
}

impl<'a> From<&'a FileLink> for AttachmentBody<'a> {
    fn from(file: &'a FileLink) -> Self {
        Self {
            id: &file.id,
            r#type: &file.mime,
            name: file.name.as_deref(),
            size: file.size,
            url: &file.url,
            preview_url: file.preview_url.as_deref(),
            link_expires: file.link_expires,
        }
    }
}

#[async_trait]
impl ChannelsApi for Client {
    /// Also [`PipedriveError::Gone`] for 404, 405, 410, 501 and for scopes that leave the call out: the Messaging inbox
    /// is not offered (any more).
    async fn register(&self, access: &Access, channel: &Registration<'_>) -> Result<(), PipedriveError> {
        let request = self.http.post(self.v1(access, "/channels")).json(&ChannelBody::from(channel));
        let answer = Self::call(access, Call::RegisterChannel, request).await?;
        registration_error(&answer).map_or_else(|| answer.accepted(), Err)
    }

    /// Times go out as RFC 3339, and in minutes if that is refused.
    async fn receive(&self, access: &Access, message: &Receipt<'_>) -> Result<(), PipedriveError> {
        let push = async |written: Written| {
            let request = self.http.post(self.v1(access, "/channels/messages/receive"));
            Self::call(access, Call::ReceiveMessage, request.json(&MessageBody::new(message, written))).await
        };
        let mut answer = push(Timestamp::rfc3339).await?;
        if answer.status() == 400 {
            answer = push(Timestamp::minute).await?;
        }
        // Nothing about the message: the inbox is switched off for the company, or for the app.
        // A 404 that is not the API's own, which has a code, means that there is no API.
        let nowhere = answer.status() == 404 && answer.code().is_empty();
        if answer.status() == 415 || nowhere || answer.is_scope_mismatch() {
            return Err(PipedriveError::Gone { status: answer.status() });
        }
        answer.accepted()
    }

    /// [`PipedriveError::NotFound`] means that it is done already.
    async fn delete_channel(&self, access: &Access, channel: &ChannelId) -> Result<(), PipedriveError> {
        let path = format!("/channels/{}", segment(channel.as_str()));
        Self::call(access, Call::DeleteChannel, self.http.delete(self.v1(access, &path))).await?.accepted()
    }

    /// [`PipedriveError::NotFound`] means that it is done already; only the installation's owner is let in.
    async fn delete_conversation(
        &self,
        access: &Access,
        channel: &ChannelId,
        conversation: &ConversationId,
    ) -> Result<(), PipedriveError> {
        let path = format!("/channels/{}/conversations/{}", segment(channel.as_str()), segment(conversation.as_str()));
        Self::call(access, Call::DeleteConversation, self.http.delete(self.v1(access, &path))).await?.accepted()
    }
}

/// What only a registration is refused with. `CHANNEL_ALREADY_EXISTS` is in no reference; it has been seen in answers.
fn registration_error(answer: &Answer) -> Option<PipedriveError> {
    match answer.status() {
        400..=499 if answer.code() == "CHANNEL_ALREADY_EXISTS" => Some(PipedriveError::ChannelExists),
        403 if answer.says("only admins can register channels") => Some(PipedriveError::AdminOnly),
        status @ (404 | 405 | 410 | 501) => Some(PipedriveError::Gone { status }),
        status if answer.is_scope_mismatch() => Some(PipedriveError::Gone { status }),
        _ => None,
    }
}

fn segment(id: &str) -> String {
    utf8_percent_encode(id, SEGMENT).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        model::{
            ids::{CompanyId, MessageId, ParticipantId, Place},
            status::Status,
        },
        pipedrive::testing::{access, stub},
    };

    const YES: &str = r#"{"success":true}"#;

    struct Sample {
        id: MessageId,
        channel: ChannelId,
        conversation: ConversationId,
        sender: ParticipantId,
        attachments: Vec<FileLink>,
    }

    impl Sample {
        fn new() -> Self {
            let conversation = ConversationId::new();
            let at = Timestamp::from_millis(1_795_166_163_123);
            let bare = FileLink {
                id: "a1".to_owned(),
                mime: "image/png".to_owned(),
                name: None,
                size: None,
                url: "https://x.example/media/1".to_owned(),
                preview_url: None,
                link_expires: true,
            };
            let named = FileLink { name: Some("offer.pdf".to_owned()), size: Some(7), link_expires: false, ..bare.clone() };
            Self {
                id: conversation.message(&Place::new(at, at, 0)),
                channel: ChannelId::new(CompanyId(1001)),
                sender: conversation.end_user(),
                conversation,
                attachments: vec![bare, named],
            }
        }

        fn registration(&self) -> Registration<'_> {
            Registration {
                id: &self.channel,
                name: "Sales",
                avatar_url: "https://x.example/icons/whatsapp.png",
                provider_type: "whatsapp",
                template_support: true,
            }
        }

        fn bare(&self) -> Receipt<'_> {
            Receipt {
                id: &self.id,
                channel: &self.channel,
                conversation: &self.conversation,
                sender: &self.sender,
                text: "Hi 👋",
                status: Status::Delivered,
                created_at: Timestamp::from_millis(1_795_166_163_123),
                reply_by: None,
                link: "",
                attachments: &[],
            }
        }

        fn full(&self) -> Receipt<'_> {
            Receipt {
                reply_by: Some(Timestamp::from_millis(1_795_252_563_123)),
                link: "https://x.example/chat",
                attachments: &self.attachments,
                ..self.bare()
            }
        }
    }

    #[tokio::test]
    async fn a_channel_is_registered() {
        let (stub, sample) = (stub(200, &[], YES).await, Sample::new());
        stub.client().register(&access(&stub.url), &sample.registration()).await.unwrap();
        let asked = stub.only_request();
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/api/v1/channels"));
        assert_eq!(asked.header("content-type"), "application/json");
        assert_eq!(asked.header("authorization"), "Bearer v1u:secret-token");
        assert_eq!(
            asked.json(),
            json!({
                "name": "Sales", "provider_channel_id": sample.channel, "avatar_url": "https://x.example/icons/whatsapp.png",
                "template_support": true, "provider_type": "whatsapp",
            })
        );
    }

    #[tokio::test]
    async fn a_bare_message_names_every_field_that_the_validator_wants() {
        let (stub, sample) = (stub(200, &[], YES).await, Sample::new());
        stub.client().receive(&access(&stub.url), &sample.bare()).await.unwrap();
        let asked = stub.only_request();
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/api/v1/channels/messages/receive"));
        assert_eq!(
            asked.json(),
            json!({
                "id": sample.id, "channel_id": sample.channel, "sender_id": sample.sender,
                "conversation_id": sample.conversation, "message": "Hi 👋", "status": "delivered",
                "created_at": "2026-11-20T09:16:03.123Z", "reply_by": null, "attachments": [],
            })
        );
    }

    #[test]
    fn a_full_message_has_link_window_and_files() {
        let sample = Sample::new();
        let body = serde_json::to_value(MessageBody::new(&sample.full(), Timestamp::rfc3339)).unwrap();
        assert_eq!(
            (&body["reply_by"], &body["conversation_link"]),
            (&json!("2026-11-21T09:16:03.123Z"), &json!("https://x.example/chat"))
        );
        assert_eq!(
            body["attachments"],
            json!([
                {"id": "a1", "type": "image/png", "name": null, "size": null, "url": "https://x.example/media/1",
                 "preview_url": null, "link_expires": true},
                {"id": "a1", "type": "image/png", "name": "offer.pdf", "size": 7, "url": "https://x.example/media/1",
                 "preview_url": null, "link_expires": false},
            ])
        );
    }

    #[tokio::test]
    async fn channels_and_conversations_are_deleted_by_our_ids() {
        let (one, two, sample) = (stub(200, &[], YES).await, stub(200, &[], YES).await, Sample::new());
        one.client().delete_channel(&access(&one.url), &sample.channel).await.unwrap();
        two.client().delete_conversation(&access(&two.url), &sample.channel, &sample.conversation).await.unwrap();
        let (one, two) = (one.only_request(), two.only_request());
        assert_eq!((one.method.as_str(), one.path), ("DELETE", format!("/api/v1/channels/{}", sample.channel)));
        let expected = format!("/api/v1/channels/{}/conversations/{}", sample.channel, sample.conversation);
        assert_eq!((two.method.as_str(), two.path), ("DELETE", expected));
        assert_eq!(segment("a/b c"), "a%2Fb%20c");
    }

    #[tokio::test]
    async fn refusals_of_a_registration() {
        let scope = r#"{"success":false,"error":"Scope and URL mismatch"}"#;
        let admin = r#"{"success":false,"error":"Only admins can register channels"}"#;
        let exists = r#"{"success":false,"error":"x","additional_data":{"code":"CHANNEL_ALREADY_EXISTS"}}"#;
        let invalid = r#"{"success":false,"error":"x","additional_data":{"code":"INVALID_BODY"}}"#;
        for (status, body, expected) in [
            (400, invalid, PipedriveError::Invalid { status: 400, code: "INVALID_BODY".to_owned() }),
            (400, exists, PipedriveError::ChannelExists),
            (403, exists, PipedriveError::ChannelExists),
            (409, exists, PipedriveError::ChannelExists),
            (403, admin, PipedriveError::AdminOnly),
            (403, scope, PipedriveError::Gone { status: 403 }),
            (403, "<html>", PipedriveError::RateLimited { retry_after: None }),
            (404, "", PipedriveError::Gone { status: 404 }),
            (405, "", PipedriveError::Gone { status: 405 }),
            (410, "", PipedriveError::Gone { status: 410 }),
            (501, "", PipedriveError::Gone { status: 501 }),
            (401, "", PipedriveError::Unauthorized),
            (500, "", PipedriveError::Transient { code: "http_500".to_owned() }),
            (200, "<html>", PipedriveError::Transient { code: "answer".to_owned() }),
        ] {
            let (stub, sample) = (stub(status, &[], body).await, Sample::new());
            let answer = stub.client().register(&access(&stub.url), &sample.registration()).await;
            assert_eq!(answer, Err(expected), "{status} {body}");
        }
    }

    #[tokio::test]
    async fn times_in_minutes_are_tried_when_others_are_refused() {
        let (stub, sample) = (stub(400, &[], "{}").await, Sample::new());
        assert!(stub.client().receive(&access(&stub.url), &sample.full()).await.is_err());
        let written: Vec<Value> = stub.requests().iter().map(|asked| asked.json()["created_at"].clone()).collect();
        assert_eq!(written, ["2026-11-20T09:16:03.123Z", "2026-11-20 09:16"]);
    }

    #[tokio::test]
    async fn refusals_of_a_message_and_of_a_deletion() {
        let payload = r#"{"success":false,"error":"x","additional_data":{"code":"INVALID_RECEIVE_MESSAGE_PAYLOAD"}}"#;
        let scope = r#"{"success":false,"error":"Scope and URL mismatch"}"#;
        let refused = PipedriveError::Invalid { status: 400, code: "INVALID_RECEIVE_MESSAGE_PAYLOAD".to_owned() };
        for (status, body, expected) in [
            (400, payload, refused),
            (404, r#"{"success":false,"additional_data":{"code":"NOT_FOUND"}}"#, PipedriveError::NotFound),
            (404, "<html>", PipedriveError::Gone { status: 404 }),
            (403, scope, PipedriveError::Gone { status: 403 }),
            (415, "", PipedriveError::Gone { status: 415 }),
            (501, "", PipedriveError::Transient { code: "http_501".to_owned() }),
        ] {
            let (stub, sample) = (stub(status, &[], body).await, Sample::new());
            let answer = stub.client().receive(&access(&stub.url), &sample.bare()).await;
            assert_eq!(answer, Err(expected), "{status} {body}");
        }
        let owner = r#"{"success":false,"additional_data":{"code":"FORBIDDEN_USER_REQUEST"}}"#;
        let (stub, sample) = (stub(403, &[], owner).await, Sample::new());
        let answer = stub.client().delete_conversation(&access(&stub.url), &sample.channel, &sample.conversation).await;
        assert_eq!(answer, Err(PipedriveError::Forbidden { code: "FORBIDDEN_USER_REQUEST".to_owned() }));
    }

    /// Pipedrive's reference lists the fields that its validator wants as null as optional ones that are never null.
    fn without_nulls(value: Value) -> Value {
        match value {
            Value::Object(fields) => {
                fields.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, without_nulls(v))).collect()
            }
            Value::Array(items) => items.into_iter().map(without_nulls).collect(),
            other => other,
        }
    }

    /// Runs where `PIGEONPOST_CONTRACTS` names a folder with Pipedrive's `pipedrive-api-v1.yaml`.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "says where the contracts lie, if anywhere; no setting of the bundle")]
    fn bodies_satisfy_pipedrives_reference() {
        let Ok(folder) = std::env::var("PIGEONPOST_CONTRACTS") else {
            eprintln!("skipped: PIGEONPOST_CONTRACTS names no folder with Pipedrive's contracts");
            return;
        };
        let yaml = std::fs::read_to_string(std::path::Path::new(&folder).join("pipedrive-api-v1.yaml")).unwrap();
        let contract: Value = serde_saphyr::from_str(&yaml).unwrap();
        let sample = Sample::new();
        let bodies = [
            ("/channels", serde_json::to_value(ChannelBody::from(&sample.registration())).unwrap()),
            ("/channels/messages/receive", serde_json::to_value(MessageBody::new(&sample.bare(), Timestamp::rfc3339)).unwrap()),
            ("/channels/messages/receive", serde_json::to_value(MessageBody::new(&sample.full(), Timestamp::rfc3339)).unwrap()),
        ];
        for (path, body) in bodies {
            let schema = &contract["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"];
            let validator = jsonschema::validator_for(schema).unwrap();
            let body = without_nulls(body);
            let faults: Vec<String> = validator.iter_errors(&body).map(|e| e.to_string()).collect();
            assert!(schema.is_object() && faults.is_empty(), "{path}: {faults:?}");
            let mut broken = body;
            broken.as_object_mut().unwrap().insert("name".to_owned(), json!(1));
            broken.as_object_mut().unwrap().insert("status".to_owned(), json!("seen"));
            assert!(!validator.is_valid(&broken), "{path}: the contract tells good from bad");
        }
    }
}
