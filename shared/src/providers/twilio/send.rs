//! Sending (Twilio, "Message resource"): text and up to ten files in one call, never repeated. Twilio has no place for
//! files; it fetches them from addresses of ours. The address for statuses names our message, so that a status finds it
//! even when the answer to the call was lost.

use secrecy::SecretSlice;

use super::{
    account::{Credentials, Sender},
    address::Address,
    api::Api,
    connect::OVERRIDES,
};
use crate::{
    model::{content::FileKind, ids::ProviderMessageId},
    providers::{
        Accepted, Draft, Outgoing, PlannedPart,
        error::{ProviderError, Refusal},
        lenient,
        outgoing::{OutgoingFile, PartContent, unsendable},
    },
};

/// Longest text in one message.
pub(super) const MAX_TEXT_CHARS: usize = 1600;
/// Carries our id of the message in the address for statuses.
pub(super) const PART_PARAMETER: &str = "message";
/// Most files in one message.
const MAX_FILES: usize = 10;
/// Largest size of a message's files together, in bytes.
const MAX_FILE_BYTES: usize = 5_000_000;
/// What Twilio takes besides images, audio and video (Twilio, "Accepted content types for media").
const DOCUMENT_TYPES: [&str; 17] = [
    "application/msword",
    "application/pdf",
    "application/rtf",
    "application/vcard",
    "application/vnd.apple.pkpass",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "text/calendar",
    "text/csv",
    "text/directory",
    "text/richtext",
    "text/rtf",
    "text/vcard",
    "text/x-vcard",
];
/// The same for images.
const IMAGE_TYPES: [&str; 9] =
    ["image/bmp", "image/gif", "image/heic", "image/heif", "image/jpeg", "image/jpg", "image/png", "image/tiff", "image/webp"];

/// All in one message, as long as the files fit into it; what is left of them in further ones.
pub(super) fn plan(draft: &Draft<'_>) -> Result<Vec<PlannedPart>, ProviderError> {
    if draft.template.is_some() {
        return Err(unsendable("message", "can't be a template on this channel"));
    }
    if draft.text.chars().count() > MAX_TEXT_CHARS {
        return Err(unsendable("message", format!("is longer than {MAX_TEXT_CHARS} characters")));
    }
    draft.files.iter().try_for_each(check)?;
    if draft.files.is_empty() {
        return Ok(draft.one_by_one());
    }
    let mut parts = Vec::new();
    let mut rest: Vec<usize> = (0..draft.files.len()).collect();
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = |file: &&usize| {
            bytes += draft.files[**file].bytes.len();
            bytes <= MAX_FILE_BYTES
        };
        let count = rest.iter().take(MAX_FILES).take_while(fits).count().max(1);
        let later = rest.split_off(count);
        let is_first = parts.is_empty() && !draft.text.trim().is_empty();
        parts.push(PlannedPart::Files { files: rest, caption: is_first.then(|| draft.text.to_owned()) });
        rest = later;
    }
    Ok(parts)
}

fn check(file: &OutgoingFile) -> Result<(), ProviderError> {
    if file.bytes.len() > MAX_FILE_BYTES {
        return Err(unsendable("files", format!("can have at most {} MB each", MAX_FILE_BYTES / 1_000_000)));
    }
    let mime = file.mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let taken = match mime.split('/').next() {
        Some("audio" | "video") => true,
        Some("image") => IMAGE_TYPES.contains(&mime.as_str()),
        _ => DOCUMENT_TYPES.contains(&mime.as_str()),
    };
    if taken {
        return Ok(());
    }
    Err(unsendable("files", "can be pictures, sound, films, PDF, Office documents, address cards, calendar entries and CSV"))
}

/// Sends one message. `Uncertain` when it may have gone out.
pub(super) async fn send(api: &Api, credentials: &SecretSlice<u8>, message: &Outgoing<'_>) -> Result<Accepted, ProviderError> {
    let credentials = Credentials::stored(credentials)?;
    let form = form(credentials.sender(), message)?;
    let answer = api.post(&credentials, &credentials.path("/Messages.json"), &form).await?;
    lenient::id(&answer, "/sid")
        .and_then(|sid| ProviderMessageId::parse(&sid).ok())
        .map(Accepted::from)
        .ok_or_else(|| ProviderError::Uncertain { code: "no_message_id".to_owned() })
}

fn form(sender: &Sender, message: &Outgoing<'_>) -> Result<Vec<(&'static str, String)>, ProviderError> {
    let to = Address::of_key(message.to).ok_or_else(|| ProviderError::Refused {
        refusal: Refusal::NotFound,
        code: "unknown_recipient".to_owned(),
        message: "The customer has no number to send to.".to_owned(),
    })?;
    let (text, files): (Option<&str>, &[&OutgoingFile]) = match &message.content {
        PartContent::Text(text) => (Some(text), &[]),
        PartContent::Files { files, caption } => (*caption, files),
        PartContent::Template(_) => return Err(unsendable("message", "can't be a template on this channel")),
    };
    if to.is_whatsapp() {
        check_for_whatsapp(text, files)?;
    }
    let mut form = vec![("To", to.to_string())];
    form.push(match sender {
        // A number that writes to WhatsApp does so as a sender there.
        Sender::From(Address::Phone(digits)) if to.is_whatsapp() => ("From", Address::Whatsapp(digits.clone()).to_string()),
        Sender::From(address) => ("From", address.to_string()),
        Sender::Service(sid) => ("MessagingServiceSid", sid.clone()),
    });
    if !message.webhook_url.is_empty() {
        form.push(("StatusCallback", format!("{}?{PART_PARAMETER}={}{OVERRIDES}", message.webhook_url, message.id)));
    }
    form.extend(text.map(|text| ("Body", text.to_owned())));
    form.extend(files.iter().map(|file| ("MediaUrl", file.link.clone())));
    Ok(form)
}

/// Of several files WhatsApp gets the first alone, and text with a file only where that is a picture or a film: Twilio
/// drops the rest without a word, so it is refused here.
fn check_for_whatsapp(text: Option<&str>, files: &[&OutgoingFile]) -> Result<(), ProviderError> {
    if files.len() > 1 {
        return Err(unsendable("files", "can go to WhatsApp one in a message only"));
    }
    let carries_text = |file: &&OutgoingFile| matches!(file.kind, FileKind::Image | FileKind::Video);
    if text.is_some() && !files.iter().all(carries_text) {
        return Err(unsendable("files", "of this kind go to WhatsApp without text; send the text by itself"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::{
        clock::SystemClock,
        http::client::LazyClient,
        providers::stub::{self, Reply, Seen, Stub},
    };

    const ACCOUNT: &str = "AC00000000000000000000000000000001";

    fn credentials(sender: (&str, &str)) -> SecretSlice<u8> {
        let json = json!({"account_sid": ACCOUNT, "auth_token": "0123456789abcdef0123456789abcdef", sender.0: sender.1});
        SecretSlice::from(json.to_string().into_bytes())
    }

    fn number() -> SecretSlice<u8> {
        credentials(("from", "+15005550001"))
    }

    fn api(url: &str, http: LazyClient) -> Api {
        Api::new(http, url.to_owned(), Arc::new(SystemClock))
    }

    fn created() -> Reply {
        Reply::json(201, &json!({"sid": "SM00000000000000000000000000000002", "status": "queued", "num_media": "0"}))
    }

    fn fields(seen: &Seen) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&seen.body).into_owned().collect()
    }

    async fn sent_form(credentials: &SecretSlice<u8>, key: &str, content: PartContent<'_>) -> Vec<(String, String)> {
        let stub = Stub::start([created()]).await;
        let draft = stub::Draft::new(key);
        send(&api(&stub.url, stub::client()), credentials, &draft.part(content)).await.unwrap();
        fields(&stub.seen()[0])
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[tokio::test]
    async fn a_text_goes_out() {
        let stub = Stub::start([created()]).await;
        let draft = stub::Draft::new("phone:15005550006");
        let sent = send(&api(&stub.url, stub::client()), &number(), &draft.outgoing("Grüße & 1+1 😀")).await.unwrap();
        assert_eq!(sent.provider_ids[0].as_str(), "SM00000000000000000000000000000002");
        let seen = &stub.seen()[0];
        assert_eq!(seen.line, format!("POST /2010-04-01/Accounts/{ACCOUNT}/Messages.json"));
        assert_eq!(
            seen.headers["authorization"],
            "Basic QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMTowMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg=="
        );
        assert_eq!(seen.headers["content-type"], "application/x-www-form-urlencoded");
        let callback =
            format!("https://bundle.example/webhooks/provider/ch_1?message={}#rc=3&rp=4xx,5xx,ct,rt", stub::message_id());
        assert_eq!(
            fields(seen),
            pairs(
                &[("To", "+15005550006"), ("From", "+15005550001"), ("StatusCallback", &callback), ("Body", "Grüße & 1+1 😀"),]
            )
        );
    }

    #[tokio::test]
    async fn the_sender_is_the_numbers_the_services_or_one_on_whatsapp() {
        let service = credentials(("messaging_service_sid", "MG00000000000000000000000000000001"));
        let whatsapp = credentials(("from", "whatsapp:+15005550001"));
        for (credentials, key, expected) in [
            (&number(), "phone:15005550006", [("To", "+15005550006"), ("From", "+15005550001")]),
            (&number(), "whatsapp:15005550006", [("To", "whatsapp:+15005550006"), ("From", "whatsapp:+15005550001")]),
            (&whatsapp, "whatsapp:US.1", [("To", "whatsapp:US.1"), ("From", "whatsapp:+15005550001")]),
            (&number(), "address:72975", [("To", "72975"), ("From", "+15005550001")]),
            (
                &service,
                "phone:15005550006",
                [("To", "+15005550006"), ("MessagingServiceSid", "MG00000000000000000000000000000001")],
            ),
        ] {
            let form = sent_form(credentials, key, PartContent::Text("x")).await;
            assert_eq!(form[..2], pairs(&expected), "{key}");
        }
        let stub = Stub::start([]).await;
        let draft = stub::Draft::new("user:1");
        let error = send(&api(&stub.url, stub::client()), &number(), &draft.outgoing("x")).await.unwrap_err();
        assert_eq!((error.code(), stub.seen().len()), ("unknown_recipient", 0));
    }

    #[tokio::test]
    async fn files_go_with_their_text_in_one_message() {
        let (a, b) = (
            stub::file(FileKind::Image, "image/jpeg", "a.jpg", b"a"),
            stub::file(FileKind::Document, "application/pdf", "b.pdf", b"b"),
        );
        let both = PartContent::Files { files: vec![&a, &b], caption: Some("Look") };
        let form = sent_form(&number(), "phone:15005550006", both).await;
        let expected = [
            ("Body", "Look"),
            ("MediaUrl", "https://bundle.example/media/a.jpg"),
            ("MediaUrl", "https://bundle.example/media/b.pdf"),
        ];
        assert_eq!(form[3..], pairs(&expected));
        let bare = sent_form(&number(), "phone:15005550006", PartContent::Files { files: vec![&a], caption: None }).await;
        assert_eq!(bare[3..], pairs(&expected[1..2]));
    }

    #[test]
    fn without_an_address_for_statuses_none_is_given() {
        let draft = stub::Draft::new("phone:15005550006");
        let message = Outgoing { webhook_url: "", ..draft.outgoing("x") };
        let sender = Sender::From(Address::parse("+15005550001").unwrap());
        let names: Vec<&str> = form(&sender, &message).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["To", "From", "Body"]);
    }

    #[tokio::test]
    async fn what_whatsapp_would_drop_is_refused() {
        let (image, video, voice) = (
            stub::file(FileKind::Image, "image/jpeg", "a.jpg", b"a"),
            stub::file(FileKind::Video, "video/mp4", "b.mp4", b"b"),
            stub::file(FileKind::Voice, "audio/ogg", "c.ogg", b"c"),
        );
        let stub = Stub::start([created(), created(), created()]).await;
        let api = api(&stub.url, stub::client());
        let draft = stub::Draft::new("whatsapp:15005550006");
        for (files, caption, problem) in [
            (vec![&image, &video], None, Some("files can go to WhatsApp one in a message only")),
            (vec![&voice], Some("Hear"), Some("files of this kind go to WhatsApp without text; send the text by itself")),
            (vec![&voice], None, None),
            (vec![&image], Some("See"), None),
            (vec![&video], Some("See"), None),
        ] {
            let outcome = send(&api, &number(), &draft.part(PartContent::Files { files, caption })).await;
            assert_eq!(outcome.err().map(|error| error.for_people()).as_deref(), problem);
        }
        assert_eq!(stub.seen().len(), 3);
    }

    #[tokio::test]
    async fn answers_become_errors() {
        let cases = [
            (Reply::json(400, &json!({"code": 21_610, "message": "secret"})), "refused (21610): The customer has opted out"),
            (Reply::json(401, &json!({"code": 20_003})), "refused (20003): Twilio no longer accepts"),
            (Reply::json(429, &json!({"code": 20_429})), "rate limited (20429)"),
            (Reply::json(500, &json!({"code": 20_500})), "outcome unknown (20500)"),
            (Reply::text(503, "<html>"), "outcome unknown (http_503)"),
            (Reply::text(502, ""), "outcome unknown (http_502)"),
            (Reply::text(201, "not json"), "outcome unknown (unreadable_answer)"),
            (Reply::json(201, &json!({"sid": null})), "outcome unknown (no_message_id)"),
            (Reply::Answer(307, vec![("location", "/x")], String::new()), "failed (http_307), nothing was sent"),
            (Reply::Never, "outcome unknown (timeout)"),
        ];
        let draft = stub::Draft::new("phone:15005550006");
        for (reply, expected) in cases {
            let stub = Stub::start([reply]).await;
            let error = send(&api(&stub.url, stub::client()), &number(), &draft.outgoing("x")).await.unwrap_err();
            let said = error.to_string();
            assert!(said.starts_with(expected), "{said}");
            assert!(!said.contains("secret") && !said.contains("0123456789abcdef"), "{said}");
            assert_eq!(stub.seen().len(), 1, "never repeated: {expected}");
        }
        let closed = api(&stub::closed_port().await, stub::client());
        let error = send(&closed, &number(), &draft.outgoing("x")).await.unwrap_err().to_string();
        assert_eq!(error, "failed (connect), nothing was sent");
        let hangs_up = api(&stub::hangs_up().await, stub::client());
        let error = send(&hangs_up, &number(), &draft.outgoing("x")).await.unwrap_err().to_string();
        assert_eq!(error, "outcome unknown (connection_lost)");
    }

    fn planned(text: &str, files: &[OutgoingFile]) -> Result<Vec<PlannedPart>, String> {
        plan(&Draft { text, files, template: None }).map_err(|error| error.for_people())
    }

    fn part(files: std::ops::Range<usize>, caption: Option<&str>) -> PlannedPart {
        PlannedPart::Files { files: files.collect(), caption: caption.map(str::to_owned) }
    }

    #[test]
    fn text_and_files_are_one_message_while_they_fit() {
        let small = |count| vec![stub::file(FileKind::Image, "image/png", "a.png", b"x"); count];
        assert_eq!(planned("Hi", &[]), Ok(vec![PlannedPart::Text("Hi".to_owned())]));
        assert_eq!(planned("Hi", &small(10)), Ok(vec![part(0..10, Some("Hi"))]));
        assert_eq!(planned(" ", &small(1)), Ok(vec![part(0..1, None)]));
        assert_eq!(planned("Hi", &small(21)), Ok(vec![part(0..10, Some("Hi")), part(10..20, None), part(20..21, None)]));

        let sized = |bytes: usize| OutgoingFile { bytes: vec![0; bytes].into(), ..small(1)[0].clone() };
        let half = MAX_FILE_BYTES / 2;
        assert_eq!(planned("", &[sized(half), sized(half), sized(1)]), Ok(vec![part(0..2, None), part(2..3, None)]));
        assert_eq!(planned("", &[sized(MAX_FILE_BYTES)]), Ok(vec![part(0..1, None)]));
        assert_eq!(planned("", &[sized(1), sized(MAX_FILE_BYTES)]), Ok(vec![part(0..1, None), part(1..2, None)]));
        assert_eq!(planned("", &[sized(MAX_FILE_BYTES + 1)]), Err("files can have at most 5 MB each".to_owned()));
    }

    #[test]
    fn what_twilio_does_not_take_is_refused() {
        assert!(planned(&"ä".repeat(1600), &[]).is_ok());
        assert_eq!(planned(&"ä".repeat(1601), &[]), Err("message is longer than 1600 characters".to_owned()));
        for (mime, taken) in [
            ("image/jpeg", true),
            ("image/svg+xml", false),
            ("audio/ogg; codecs=opus", true),
            ("video/mp4", true),
            ("application/pdf", true),
            ("Text/VCard", true),
            ("application/zip", false),
            ("text/html", false),
            ("", false),
        ] {
            let outcome = planned("x", &[stub::file(FileKind::of_mime(mime), mime, "f", b"x")]);
            assert_eq!(outcome.is_ok(), taken, "{mime}: {outcome:?}");
            assert!(outcome.err().is_none_or(|problem| problem.starts_with("files ")));
        }
    }
}
