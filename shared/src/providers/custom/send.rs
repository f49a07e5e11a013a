//! Sending messages to a chat: text, files and all in one call, as `docs/custom-provider.md` says.

use serde_json::{Value, json};

use super::{
    fields::is_id,
    outbound::{Chat, of_answer, refused},
};
use crate::{
    model::{ids::ProviderMessageId, time::Timestamp},
    providers::{
        Accepted, Draft, Outgoing, PlannedPart,
        error::{ProviderError, Refusal},
        outgoing::{OutgoingFile, PartContent, unsendable},
        transport,
    },
};

/// Longest text in one message. Any such text fits into the bundle's limit for stored text, 32 KiB.
pub(super) const MAX_TEXT_CHARS: usize = 8192;
/// Most files in one call; more are sent in further calls.
const MAX_FILES: usize = 10;
/// Largest file, either way.
pub(super) const MAX_FILE_BYTES: usize = 25_000_000;
/// Longest answer that is read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Text and files in one call, as long as there are no more than [`MAX_FILES`].
pub(super) fn plan(draft: &Draft<'_>) -> Result<Vec<PlannedPart>, ProviderError> {
    if draft.text.chars().count() > MAX_TEXT_CHARS {
        return Err(unsendable("message", format!("is longer than {MAX_TEXT_CHARS} characters")));
    }
    if draft.files.iter().any(|file| file.bytes.len() > MAX_FILE_BYTES) {
        return Err(unsendable("files", format!("must not be larger than {} MB each", MAX_FILE_BYTES / 1_000_000)));
    }
    if draft.template.is_some() && !draft.files.is_empty() {
        return Err(unsendable("files", "can't go along with a template; send the text alone"));
    }
    if draft.files.is_empty() {
        return Ok(draft.one_by_one());
    }
    let mut caption = Some(draft.text.to_owned()).filter(|text| !text.trim().is_empty());
    let positions: Vec<usize> = (0..draft.files.len()).collect();
    let part = |files: &[usize]| PlannedPart::Files { files: files.to_vec(), caption: caption.take() };
    Ok(positions.chunks(MAX_FILES).map(part).collect())
}

impl Chat {
    /// Sends a message. Its id is also the webhook's, by which the chat can tell a repetition.
    pub(super) async fn send(
        &self,
        http: &reqwest::Client,
        now: Timestamp,
        message: &Outgoing<'_>,
    ) -> Result<Accepted, ProviderError> {
        let own_id = message.id.to_string();
        let response = self.post(http, now, &own_id, &body(message)?).await?;
        if !response.status().is_success() {
            return Err(of_answer(&response));
        }
        // The status has said that the chat took it; without an id of its own the message keeps ours.
        let answer = transport::body(response, MAX_ANSWER_BYTES).await.ok().flatten().unwrap_or_default();
        let answer: Value = serde_json::from_slice(&answer).unwrap_or(Value::Null);
        let chats_id = answer.get("id").and_then(Value::as_str).filter(|id| is_id(id));
        let provider_id = ProviderMessageId::parse(chats_id.unwrap_or(&own_id));
        Ok(provider_id.map_err(|_| ProviderError::Uncertain { code: "no_message_id".to_owned() })?.into())
    }
}

fn body(message: &Outgoing<'_>) -> Result<Value, ProviderError> {
    let Some(("user", to)) = message.to.as_str().split_once(':') else {
        return Err(refused(Refusal::NotFound, "unknown_recipient", "The customer has no id in the chat."));
    };
    let mut body = json!({
        "version": 1,
        "type": "message",
        "id": message.id.to_string(),
        "to": {"id": to, "name": message.customer.name},
        "sent_at": message.sent_at.rfc3339(),
    });
    match &message.content {
        PartContent::Text(text) => body["text"] = (*text).into(),
        PartContent::Files { files, caption } => {
            body["text"] = caption.unwrap_or_default().into();
            body["files"] = files.iter().map(|file| described(file)).collect();
        }
        PartContent::Template(filled) => {
            body["text"] = filled.text().into();
            body["template"] = json!({"id": filled.template.id, "values": filled.values});
        }
    }
    if message.id.part > 0 {
        body["part"] = message.id.part.into();
    }
    // An edit of a message that was not known is stored under a name of ours: the message's, a blank, and more.
    if let Some(answered) = message.reply_to.and_then(|id| id.as_str().split(' ').next()) {
        body["reply_to"] = answered.into();
    }
    Ok(body)
}

fn described(file: &OutgoingFile) -> Value {
    json!({"url": file.link, "type": file.mime, "name": file.name, "size": file.bytes.len(), "kind": file.kind})
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;

    use super::*;
    use crate::{
        model::{
            content::FileKind,
            template::{FilledTemplate, Template},
        },
        providers::{
            custom::{schema, signature::SigningSecret},
            outgoing::PartId,
            stub::{self, Draft as Message, Reply, Seen, Stub},
        },
    };

    const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const NOW: Timestamp = Timestamp::EPOCH;

    fn chat(url: &str) -> Chat {
        Chat::read(&json!({"send_url": url, "signing_secret": SECRET}), true).unwrap()
    }

    async fn send(url: &str) -> Result<Accepted, ProviderError> {
        let draft = Message::new("user:customer-7");
        chat(url).send(&stub::client(), NOW, &draft.outgoing("Grüße")).await
    }

    fn is_signed(seen: &Seen) -> bool {
        let headers: &HeaderMap = &seen.headers;
        SigningSecret::parse(SECRET).unwrap().verify(headers, &seen.body, NOW).is_ok()
    }

    fn files(count: usize) -> Vec<OutgoingFile> {
        vec![stub::file(FileKind::Document, "application/pdf", "offer.pdf", b"%PDF"); count]
    }

    /// What is posted for a message as this part of it.
    async fn posted(content: PartContent<'_>, part: usize) -> Value {
        let stub = Stub::start([Reply::json(200, &json!({}))]).await;
        let draft = Message::new("user:customer-7");
        let mut message = draft.part(content);
        message.id.part = part;
        chat(&stub.url).send(&stub::client(), NOW, &message).await.unwrap();
        let posted = stub.seen()[0].json();
        assert_eq!(stub.seen()[0].headers["webhook-id"], posted["id"].as_str().unwrap());
        schema::check("toChat", &posted);
        posted
    }

    #[tokio::test]
    async fn a_message_is_sent_signed() {
        let stub = Stub::start([Reply::json(200, &json!({"id": "out-1"}))]).await;
        let sent = send(&format!("{}/hook?key=1", stub.url)).await.unwrap();
        assert_eq!(sent.provider_ids[0].as_str(), "out-1");
        let seen = &stub.seen()[0];
        assert_eq!(seen.line, "POST /hook?key=1");
        assert_eq!(seen.headers["content-type"], "application/json");
        assert_eq!(seen.headers["webhook-id"], stub::message_id().as_str());
        assert!(is_signed(seen));
        assert_eq!(
            seen.json(),
            json!({
                "version": 1,
                "type": "message",
                "id": stub::message_id().as_str(),
                "to": {"id": "customer-7", "name": "Ada L."},
                "text": "Grüße",
                "sent_at": "2026-01-01T00:00:00.000Z",
            })
        );
    }

    #[tokio::test]
    async fn without_an_id_of_its_own_the_message_keeps_ours() {
        for body in ["", "ok", "{}", r#"{"id":null}"#, r#"{"id":""}"#, r#"{"id":"with space"}"#, r#"{"id":7}"#] {
            let stub = Stub::start([Reply::text(202, body)]).await;
            assert_eq!(send(&stub.url).await.unwrap().provider_ids[0].as_str(), stub::message_id().as_str(), "{body}");
        }
        let stub = Stub::start([Reply::text(200, &"x".repeat(MAX_ANSWER_BYTES + 1))]).await;
        assert_eq!(send(&stub.url).await.unwrap().provider_ids[0].as_str(), stub::message_id().as_str());
    }

    #[tokio::test]
    async fn answers_become_errors() {
        let cases = [
            (Reply::text(400, "secret words"), "refused (http_400): The chat did not accept this message."),
            (Reply::text(401, ""), "refused (http_401): The chat does not accept our signature. Reconnect the channel."),
            (Reply::text(403, ""), "refused (http_403): The chat does not allow messages to this customer."),
            (Reply::text(404, ""), "refused (http_404): The chat does not know this customer."),
            (Reply::text(410, ""), "refused (http_410): The chat does not know this customer."),
            (
                Reply::Answer(307, vec![("location", "/x")], String::new()),
                "refused (http_307): The chat did not accept this message.",
            ),
            (Reply::text(413, ""), "refused (http_413): The chat does not take such files. Send them another way."),
            (Reply::text(415, ""), "refused (http_415): The chat does not take such files. Send them another way."),
            (Reply::text(429, ""), "rate limited (http_429)"),
            (Reply::text(503, ""), "failed (http_503), nothing was sent"),
            (Reply::text(500, ""), "outcome unknown (http_500)"),
            (Reply::text(504, ""), "outcome unknown (http_504)"),
            (Reply::Never, "outcome unknown (timeout)"),
        ];
        for (reply, expected) in cases {
            let stub = Stub::start([reply]).await;
            assert_eq!(send(&stub.url).await.unwrap_err().to_string(), expected);
            assert_eq!(stub.seen().len(), 1, "never repeated, no redirect followed: {expected}");
        }
        let stub = Stub::start([Reply::Answer(429, vec![("retry-after", "7")], String::new())]).await;
        let Err(ProviderError::RateLimited { retry_after, .. }) = send(&stub.url).await else { panic!("not limited") };
        assert_eq!(retry_after.as_secs(), 7);
        assert_eq!(send(&stub::closed_port().await).await.unwrap_err().to_string(), "failed (connect), nothing was sent");
    }

    #[tokio::test]
    async fn text_and_files_go_together() {
        let files = [
            stub::file(FileKind::Image, "image/png", "a.png", b"png"),
            stub::file(FileKind::Voice, "audio/ogg", "b.ogg", b"oggs"),
        ];
        let content = |caption| PartContent::Files { files: files.iter().collect(), caption };
        let body = posted(content(Some("Look")), 0).await;
        assert_eq!(body["text"], "Look");
        assert_eq!(
            body["files"],
            json!([
                {"url": "https://bundle.example/media/a.png", "type": "image/png", "name": "a.png", "size": 3, "kind": "image"},
                {"url": "https://bundle.example/media/b.ogg", "type": "audio/ogg", "name": "b.ogg", "size": 4, "kind": "voice"},
            ])
        );
        let body = posted(content(None), 1).await;
        assert_eq!((&body["text"], &body["part"]), (&json!(""), &json!(1)));
        assert_eq!(body["id"], PartId { message: stub::message_id(), part: 1 }.to_string());
    }

    #[tokio::test]
    async fn an_answer_names_what_it_answers() {
        for (known_as, expected) in [("msg-1", "msg-1"), ("msg-1 edit:0123", "msg-1")] {
            let stub = Stub::start([Reply::json(200, &json!({}))]).await;
            let (draft, answered) = (Message::new("user:customer-7"), ProviderMessageId::parse(known_as).unwrap());
            let message = Outgoing { reply_to: Some(&answered), ..draft.outgoing("Yes") };
            chat(&stub.url).send(&stub::client(), NOW, &message).await.unwrap();
            assert_eq!(stub.seen()[0].json()["reply_to"], expected);
            schema::check("toChat", &stub.seen()[0].json());
        }
    }

    #[tokio::test]
    async fn a_template_goes_with_its_text() {
        let template = Template {
            id: "order_ready-en".to_owned(),
            name: "order_ready".to_owned(),
            language: "en".to_owned(),
            content: "Hi {{name}}, order {{order}} is ready.".to_owned(),
            data: Value::Null,
        };
        let filled = FilledTemplate { template, values: vec!["Ada".to_owned(), "A-17".to_owned()] };
        let body = posted(PartContent::Template(&filled), 0).await;
        assert_eq!(body["text"], "Hi Ada, order A-17 is ready.");
        assert_eq!(body["template"], json!({"id": "order_ready-en", "values": ["Ada", "A-17"]}));
    }

    #[tokio::test]
    async fn a_customer_of_another_kind_is_not_written_to() {
        let draft = Message::new("phone:15550100001");
        let error = chat("https://chat.example.com").send(&stub::client(), NOW, &draft.outgoing("x")).await.unwrap_err();
        assert_eq!(error.code(), "unknown_recipient");
    }

    #[test]
    fn a_message_is_one_call_up_to_ten_files() {
        let part = |files: std::ops::Range<usize>, caption: Option<&str>| PlannedPart::Files {
            files: files.collect(),
            caption: caption.map(str::to_owned),
        };
        let plan = |text, files: &[OutgoingFile]| plan(&Draft { text, files, template: None }).unwrap();
        assert_eq!(plan("Hi", &[]), [PlannedPart::Text("Hi".to_owned())]);
        assert_eq!(plan("Hi", &files(10)), [part(0..10, Some("Hi"))]);
        assert_eq!(plan(" ", &files(1)), [part(0..1, None)]);
        assert_eq!(plan("Hi", &files(12)), [part(0..10, Some("Hi")), part(10..12, None)]);
    }

    #[test]
    fn what_is_too_much_is_refused() {
        let template = Template {
            id: "1".to_owned(),
            name: "t".to_owned(),
            language: "en".to_owned(),
            content: "Hi".to_owned(),
            data: Value::Null,
        };
        let filled = FilledTemplate { template, values: Vec::new() };
        let sized = |size: usize| OutgoingFile { bytes: Bytes::from(vec![0; size]), ..files(1).remove(0) };
        let (longest, largest) = ("ü".repeat(MAX_TEXT_CHARS), [sized(MAX_FILE_BYTES)]);
        let (too_long, too_large) = ("ü".repeat(MAX_TEXT_CHARS + 1), [sized(MAX_FILE_BYTES + 1)]);
        assert_eq!(plan(&Draft { text: &longest, files: &largest, template: None }).unwrap().len(), 1);
        assert_eq!(plan(&Draft { text: "Hi", files: &[], template: Some(&filled) }).unwrap(), [PlannedPart::Template]);
        for (draft, expected) in [
            (Draft { text: &too_long, files: &[], template: None }, "message is longer than 8192 characters"),
            (Draft { text: "", files: &too_large, template: None }, "files must not be larger than 25 MB each"),
            (Draft { text: "Hi", files: &files(1), template: Some(&filled) }, "files can't go along with a template"),
        ] {
            let error = plan(&draft).unwrap_err();
            assert!(matches!(error, ProviderError::Refused { refusal: Refusal::Invalid, .. }));
            assert!(error.for_people().starts_with(expected), "{error}");
        }
    }
}
