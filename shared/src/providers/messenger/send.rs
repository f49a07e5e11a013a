//! Sending (Meta, Messenger Platform, Send API). Text and files can't share a message, so each goes by itself. One call each,
//! never repeated; our id goes along as metadata and comes back with the echo, so that an echo is not taken for somebody
//! else's message.

use reqwest::multipart::{Form, Part};
use secrecy::SecretSlice;
use serde_json::{Value, json};

use super::{connect::Credentials, people::psid};
use crate::{
    model::{content::FileKind, ids::ProviderMessageId},
    providers::{
        Accepted, Draft, Outgoing, PlannedPart,
        error::ProviderError,
        lenient,
        meta::Graph,
        outgoing::{OutgoingFile, PartContent, unsendable},
    },
};

/// Longest text in one message.
pub(super) const MAX_TEXT_CHARS: usize = 2000;
/// Largest file, in bytes.
const MAX_FILE_BYTES: usize = 25 * 1024 * 1024;
/// Pictures that Messenger shows. Others go as files, which it takes whatever they are.
const IMAGES: [&str; 3] = ["image/jpeg", "image/png", "image/gif"];

/// Text first, then file by file.
pub(super) fn plan(draft: &Draft<'_>) -> Result<Vec<PlannedPart>, ProviderError> {
    if draft.template.is_some() {
        return Err(unsendable("message", "can't be a template: Messenger has none"));
    }
    if draft.text.chars().count() > MAX_TEXT_CHARS {
        return Err(unsendable("message", format_args!("is longer than {MAX_TEXT_CHARS} characters")));
    }
    if draft.files.iter().any(|file| file.bytes.is_empty()) {
        return Err(unsendable("files", "must not be empty"));
    }
    if draft.files.iter().any(|file| file.bytes.len() > MAX_FILE_BYTES) {
        return Err(unsendable("files", "must not be larger than 25 MB each"));
    }
    Ok(draft.one_by_one())
}

/// Sends a text or a file. `Uncertain` when it may have gone out.
pub(super) async fn send(graph: &Graph, credentials: &SecretSlice<u8>, part: &Outgoing<'_>) -> Result<Accepted, ProviderError> {
    let credentials = Credentials::stored(credentials)?;
    let envelope = envelope(part, psid(part.to)?, credentials.human_agent);
    let (page, token) = (&credentials.page_id, &credentials.token);
    let answer = match &part.content {
        PartContent::Text(text) => {
            let mut body = envelope;
            body["message"] = json!({"text": text, "metadata": part.id.to_string()});
            graph.post(token, page, "messages", &body).await?
        }
        PartContent::Files { files, caption: None } if let [file] = files.as_slice() => {
            graph.upload(token, page, "messages", form(&envelope, file, part)).await?
        }
        _ => return Err(unsendable("message", "can't be sent by Messenger in this form")),
    };
    lenient::id(&answer, "/message_id")
        .and_then(|id| ProviderMessageId::parse(&id).ok())
        .map(Accepted::from)
        .ok_or_else(|| ProviderError::Uncertain { code: "no_message_id".to_owned() })
}

/// All but the message. After the window for everybody, a person may go on answering where Meta allows that.
fn envelope(part: &Outgoing<'_>, psid: &str, human_agent: bool) -> Value {
    let mut envelope = json!({"recipient": {"id": psid}, "messaging_type": "RESPONSE"});
    if human_agent && part.reply_by.is_some_and(|until| until <= part.sent_at) {
        envelope["messaging_type"] = "MESSAGE_TAG".into();
        envelope["tag"] = "HUMAN_AGENT".into();
    }
    if let Some(answered) = part.reply_to {
        envelope["reply_to"] = json!({"mid": answered.as_str()});
    }
    envelope
}

/// The envelope's members as fields of a form (objects as JSON), the message, and the file.
fn form(envelope: &Value, file: &OutgoingFile, part: &Outgoing<'_>) -> Form {
    let attachment = json!({"type": attachment_type(file), "payload": {"is_reusable": false}});
    let message = json!({"attachment": attachment, "metadata": part.id.to_string()});
    // As browsers do: names beyond ASCII are written as they are.
    let mut form = Form::new().percent_encode_noop();
    for (name, value) in envelope.as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        form = form.text(name.clone(), value);
    }
    form.text("message", message.to_string()).part("filedata", file_part(file))
}

fn file_part(file: &OutgoingFile) -> Part {
    let name: String = file.name.chars().filter(|c| !c.is_control()).collect();
    let part = || {
        let length = u64::try_from(file.bytes.len()).unwrap_or(u64::MAX);
        Part::stream_with_length(file.bytes.clone(), length).file_name(name.clone())
    };
    part().mime_str(&file.mime).unwrap_or_else(|_| part())
}

fn attachment_type(file: &OutgoingFile) -> &'static str {
    match file.kind {
        FileKind::Image | FileKind::Sticker if IMAGES.contains(&file.mime.as_str()) => "image",
        FileKind::Video => "video",
        FileKind::Audio | FileKind::Voice => "audio",
        FileKind::Image | FileKind::Sticker | FileKind::Document => "file",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::{
        http::client::LazyClient,
        model::time::Timestamp,
        providers::{
            outgoing::PartId,
            stub::{self, Reply, Stub},
        },
    };

    fn credentials(human_agent: &str) -> SecretSlice<u8> {
        let json = json!({"page_id": "400", "page_access_token": "EAATESTTOKEN", "human_agent": human_agent});
        SecretSlice::from(json.to_string().into_bytes())
    }

    async fn send_by(url: &str, client: LazyClient, part: &Outgoing<'_>) -> Result<Accepted, ProviderError> {
        let graph = Graph::new(client, format!("{url}/v25.0"), super::super::errors::of_answer);
        send(&graph, &credentials(""), part).await
    }

    fn accepted() -> Reply {
        Reply::json(200, &json!({"recipient_id": "7001", "message_id": "m_OUT-1"}))
    }

    #[tokio::test]
    async fn a_text_goes_out_with_our_id() {
        let stub = Stub::start([accepted(), accepted()]).await;
        let draft = stub::Draft::new("psid:7001");
        let sent = send_by(&stub.url, stub::client(), &draft.outgoing("Grüße 😀")).await.unwrap();
        assert_eq!(sent.provider_ids[0].as_str(), "m_OUT-1");
        let answered = ProviderMessageId::parse("m_TEST-1").unwrap();
        let reply = Outgoing { reply_to: Some(&answered), ..draft.outgoing("Yes") };
        send_by(&stub.url, stub::client(), &reply).await.unwrap();
        let seen = stub.seen();
        assert_eq!(seen[0].line, "POST /v25.0/400/messages");
        assert_eq!(seen[0].headers["authorization"], "Bearer EAATESTTOKEN");
        assert_eq!(
            seen[0].json(),
            json!({
                "recipient": {"id": "7001"},
                "messaging_type": "RESPONSE",
                "message": {"text": "Grüße 😀", "metadata": stub::message_id().as_str()},
            })
        );
        assert_eq!(seen[1].json()["reply_to"], json!({"mid": "m_TEST-1"}));
    }

    #[tokio::test]
    async fn a_file_goes_out_as_a_form() {
        let stub = Stub::start([accepted()]).await;
        let draft = stub::Draft::new("psid:7001");
        let file = stub::file(FileKind::Document, "application/pdf", "Gr\u{fc}\u{df}e\r\n \"1\".pdf", b"%PDF");
        let answered = ProviderMessageId::parse("m_TEST-1").unwrap();
        let part = Outgoing {
            id: PartId { message: stub::message_id(), part: 2 },
            reply_to: Some(&answered),
            ..draft.part(PartContent::Files { files: vec![&file], caption: None })
        };
        send_by(&stub.url, stub::client(), &part).await.unwrap();
        let seen = &stub.seen()[0];
        assert_eq!(
            (seen.line.as_str(), &seen.headers["authorization"]),
            ("POST /v25.0/400/messages", &"Bearer EAATESTTOKEN".parse().unwrap())
        );
        let boundary = multer::parse_boundary(seen.headers["content-type"].to_str().unwrap()).unwrap();
        let body = Bytes::from(seen.body.clone());
        let stream = futures_util::stream::once(async { Ok::<_, std::io::Error>(body) });
        let mut form = multer::Multipart::new(stream, boundary);
        let mut fields = serde_json::Map::new();
        while let Some(field) = form.next_field().await.unwrap() {
            let name = field.name().unwrap().to_owned();
            if name == "filedata" {
                assert_eq!(field.content_type().unwrap().as_ref(), "application/pdf");
                assert!(field.file_name().unwrap().starts_with("Grüße "), "{:?}", field.file_name());
                assert_eq!(&field.bytes().await.unwrap()[..], b"%PDF");
                continue;
            }
            let text = field.text().await.unwrap();
            fields.insert(name, serde_json::from_str(&text).unwrap_or(Value::String(text)));
        }
        assert_eq!(
            Value::Object(fields),
            json!({
                "recipient": {"id": "7001"},
                "messaging_type": "RESPONSE",
                "reply_to": {"mid": "m_TEST-1"},
                "message": {
                    "attachment": {"type": "file", "payload": {"is_reusable": false}},
                    "metadata": format!("{}.2", stub::message_id()),
                },
            })
        );
    }

    #[test]
    fn after_the_window_a_person_answers_by_tag_where_that_is_granted() {
        let draft = stub::Draft::new("psid:7001");
        let part = draft.outgoing("Hi");
        let (now, second) = (part.sent_at, Duration::from_secs(1));
        let tag = |human_agent: bool, reply_by: Option<Timestamp>| {
            let body = envelope(&Outgoing { reply_by, ..part.clone() }, "7001", human_agent);
            (body["messaging_type"].as_str().unwrap().to_owned(), body.get("tag").and_then(Value::as_str).map(str::to_owned))
        };
        let response = ("RESPONSE".to_owned(), None);
        let by_tag = ("MESSAGE_TAG".to_owned(), Some("HUMAN_AGENT".to_owned()));
        assert_eq!(tag(true, Some(now.plus(second))), response, "within 24 hours no tag is needed");
        assert_eq!(tag(true, Some(now)), by_tag);
        assert_eq!(tag(true, Some(now.minus(second))), by_tag);
        assert_eq!(tag(true, None), response);
        assert_eq!(tag(false, Some(now.minus(second))), response, "Meta refuses it then, not we");
    }

    #[test]
    fn files_go_as_what_messenger_shows() {
        for (kind, mime, expected) in [
            (FileKind::Image, "image/jpeg", "image"),
            (FileKind::Image, "image/heic", "file"),
            (FileKind::Sticker, "image/png", "image"),
            (FileKind::Video, "video/mp4", "video"),
            (FileKind::Audio, "audio/mpeg", "audio"),
            (FileKind::Voice, "audio/ogg", "audio"),
            (FileKind::Document, "application/pdf", "file"),
        ] {
            assert_eq!(attachment_type(&stub::file(kind, mime, "f", b"x")), expected, "{mime}");
        }
    }

    #[test]
    fn limits_are_checked_before_anything_is_sent() {
        let file =
            |size: usize| OutgoingFile { bytes: vec![0; size].into(), ..stub::file(FileKind::Image, "image/png", "f", b"") };
        let problem =
            |text: &str, files: &[OutgoingFile]| plan(&Draft { text, files, template: None }).map_err(|e| e.for_people());
        let long = "ä".repeat(MAX_TEXT_CHARS);
        let file_part = |file| PlannedPart::Files { files: vec![file], caption: None };
        let planned = problem(&long, &[file(1), file(MAX_FILE_BYTES)]).unwrap();
        assert_eq!(planned, [PlannedPart::Text(long.clone()), file_part(0), file_part(1)]);
        assert_eq!(problem(&(long + "x"), &[]).unwrap_err(), "message is longer than 2000 characters");
        assert_eq!(problem("", &[file(MAX_FILE_BYTES + 1)]).unwrap_err(), "files must not be larger than 25 MB each");
        assert_eq!(problem("", &[file(0)]).unwrap_err(), "files must not be empty");
    }

    #[tokio::test]
    async fn answers_become_errors() {
        let error = |code: i64, subcode: i64| json!({"error": {"code": code, "error_subcode": subcode, "message": "raw words"}});
        let cases = [
            (Reply::json(400, &error(10, 2_018_278)), "refused (10.2018278): The time to answer the customer's last message"),
            (Reply::json(400, &error(100, 2_018_001)), "refused (100.2018001): Messenger does not know this customer"),
            (Reply::json(400, &error(613, 0)), "rate limited (613)"),
            (Reply::json(500, &error(1200, 2_018_024)), "failed (1200.2018024), nothing was sent"),
            (Reply::text(502, "<html>"), "outcome unknown (http_502)"),
            (Reply::text(200, "not json"), "outcome unknown (unreadable_answer)"),
            (Reply::json(200, &json!({"recipient_id": "7001"})), "outcome unknown (no_message_id)"),
        ];
        let draft = stub::Draft::new("psid:7001");
        for (reply, expected) in cases {
            let stub = Stub::start([reply]).await;
            let error = send_by(&stub.url, stub::client(), &draft.outgoing("Hi")).await.unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
            assert_eq!(stub.seen().len(), 1, "never repeated");
        }
        let stub = Stub::start([]).await;
        let stranger = stub::Draft::new("phone:1");
        let error = send_by(&stub.url, stub::client(), &stranger.outgoing("Hi")).await.unwrap_err();
        assert_eq!((error.code(), stub.seen().len()), ("unknown_recipient", 0));
        let file = stub::file(FileKind::Image, "image/png", "f", b"x");
        let captioned = PartContent::Files { files: vec![&file], caption: Some("words that would be lost") };
        let error = send_by(&stub.url, stub::client(), &draft.part(captioned)).await.unwrap_err();
        assert_eq!((error.code(), stub.seen().len()), ("unsendable", 0));
    }

    #[tokio::test]
    async fn a_broken_call_is_uncertain_only_once_it_left() {
        let draft = stub::Draft::new("psid:7001");
        let outcome = async |url: &str| send_by(url, stub::client(), &draft.outgoing("Hi")).await.unwrap_err().to_string();
        assert_eq!(outcome(&stub::closed_port().await).await, "failed (connect), nothing was sent");
        let stub = Stub::start([Reply::Never]).await;
        assert_eq!(outcome(&stub.url).await, "outcome unknown (timeout)");
        assert_eq!(stub.seen().len(), 1);
        assert_eq!(outcome(&stub::hangs_up().await).await, "outcome unknown (connection_lost)");
    }
}
