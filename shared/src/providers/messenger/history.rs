//! What was written before the page was connected (Meta, Messenger Platform, "Conversations API"): page by page, of each
//! conversation the newest messages, which are all that Meta shows.

use secrecy::SecretSlice;
use serde_json::Value;

use super::{
    connect::Credentials,
    content::{self, UNSUPPORTED},
    files,
    message::reply,
    people,
};
use crate::{
    model::{
        content::{Content, FileKind},
        conversation::Customer,
        ids::ProviderMessageId,
        message::Direction,
        time::Timestamp,
    },
    providers::{
        HistoryPage, InboundMessage,
        error::ProviderError,
        event::InboundFile,
        lenient::{id, items, text},
        meta::Graph,
    },
};

/// What is asked of each conversation. Meta tells no more than the 20 newest messages.
const FIELDS: &str = "id,updated_time,link,participants,\
                      messages.limit(20){id,created_time,from,to,message,attachments,sticker,reply_to}";
/// Conversations in one answer.
const PER_PAGE: &str = "10";
/// Links to conversations are relative to it.
const FACEBOOK: &str = "https://www.facebook.com";

/// The part that begins at `cursor`.
pub(super) async fn page(
    graph: &Graph,
    credentials: &SecretSlice<u8>,
    cursor: Option<&str>,
) -> Result<HistoryPage, ProviderError> {
    let Credentials { page_id, token, .. } = Credentials::stored(credentials)?;
    let mut query = vec![("platform", "messenger"), ("fields", FIELDS), ("limit", PER_PAGE)];
    query.extend(cursor.map(|cursor| ("after", cursor)));
    let answer = graph.read(&token, &[&page_id, "conversations"], &query).await.map_err(ProviderError::nothing_at_stake)?;
    // The next page's address holds the token, so the cursor is kept.
    let more = text(&answer, "/paging/next").is_some();
    let next = id(&answer, "/paging/cursors/after").filter(|next| more && Some(next.as_str()) != cursor);
    Ok(HistoryPage { messages: items(&answer, "data").iter().flat_map(|chat| messages(chat, &page_id)).collect(), next })
}

fn messages(conversation: &Value, page: &str) -> Vec<InboundMessage> {
    let messages = conversation.get("messages").map_or(&[][..], |messages| items(messages, "data"));
    let Some((customer, name_known)) = customer(conversation, messages, page) else { return Vec::new() };
    let link = text(conversation, "/link").filter(|link| link.starts_with('/')).map(|link| format!("{FACEBOOK}{link}"));
    let read = |item| {
        let link = link.clone().unwrap_or_default();
        Some(InboundMessage { name_known, link, ..message(item, &customer, page)? })
    };
    messages.iter().filter_map(read).collect()
}

/// The one person with whom the page talks; none in a group. Where Meta does not list who takes part, the messages tell.
fn customer(conversation: &Value, messages: &[Value], page: &str) -> Option<(Customer, bool)> {
    let listed = conversation.get("participants").map_or(&[][..], |list| items(list, "data"));
    let of_messages = messages.iter().flat_map(|message| {
        let to = message.get("to").map_or(&[][..], |list| items(list, "data"));
        message.get("from").into_iter().chain(to)
    });
    let people: Vec<&Value> = if listed.is_empty() { of_messages.collect() } else { listed.iter().collect() };
    let mut customers = people.into_iter().filter_map(|person| Some((id(person, "/id")?, person))).filter(|(id, _)| id != page);
    let (psid, person) = customers.next()?;
    if customers.any(|(other, _)| other != psid) {
        return None;
    }
    Some(people::customer(people::key(&psid)?, text(person, "/name")))
}

fn message(item: &Value, customer: &Customer, page: &str) -> Option<InboundMessage> {
    let provider_id = ProviderMessageId::parse(&id(item, "/id")?).ok()?;
    let direction = if id(item, "/from/id").as_deref() == Some(page) { Direction::Out } else { Direction::In };
    let files: Vec<InboundFile> = files::described(item).into_iter().map(|file| inbound(file, provider_id.as_str())).collect();
    let mut words = text(item, "/message").unwrap_or_default().to_owned();
    let mut content = None;
    if words.is_empty() && files.is_empty() {
        UNSUPPORTED.clone_into(&mut words);
        content = Some(Content::Unsupported { what: "empty".to_owned() });
    }
    let sent_at = text(item, "/created_time").and_then(time);
    Some(InboundMessage {
        direction,
        sent_at,
        content,
        files,
        reply_to: reply(id(item, "/reply_to/mid").or_else(|| id(item, "/reply_to/id"))),
        reply_by: sent_at.filter(|_| direction == Direction::In).map(people::reply_by),
        ..InboundMessage::new(provider_id, customer.clone(), words)
    })
}

fn inbound(file: files::Described, mid: &str) -> InboundFile {
    let kind = match (file.place, FileKind::of_mime(file.mime.as_deref().unwrap_or_default())) {
        (files::Place::Sticker, _) => FileKind::Sticker,
        (files::Place::File(_), FileKind::Audio) if file.name.as_deref().is_some_and(content::is_voice) => FileKind::Voice,
        (files::Place::File(_), kind) => kind,
    };
    let source = files::Source::new(Some(mid), file.place, file.link).into();
    InboundFile { source, kind, mime: file.mime, name: file.name, size: file.size }
}

/// Meta writes the offset without a colon: `2026-01-01T00:00:00+0000`.
fn time(text: &str) -> Option<Timestamp> {
    let colon = |(local, offset): (&str, &str)| Some(format!("{local}+{}:{}", offset.get(..2)?, offset.get(2..)?));
    Timestamp::parse_rfc3339(text).or_else(|| Timestamp::parse_rfc3339(&text.rsplit_once('+').and_then(colon)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::providers::stub::{self, Reply, Stub};

    async fn read(stub: &Stub, cursor: Option<&str>) -> Result<HistoryPage, ProviderError> {
        let graph = Graph::new(stub::client(), format!("{}/v25.0", stub.url), super::super::errors::of_answer);
        let credentials = json!({"page_id": "400", "page_access_token": "EAACANARY"}).to_string();
        page(&graph, &SecretSlice::from(credentials.into_bytes()), cursor).await
    }

    fn fixture() -> Value {
        serde_json::from_str(include_str!("../../../../tests/fixtures/messenger/history.json")).expect("a fixture")
    }

    fn keys(message: &InboundMessage) -> &str {
        message.customer.keys[0].as_str()
    }

    #[tokio::test]
    async fn conversations_are_read_in_both_directions() {
        let stub = Stub::start([Reply::json(200, &fixture())]).await;
        let page = read(&stub, None).await.unwrap();
        let got: Vec<(&str, &str, &str, Direction, &str, usize)> = page
            .messages
            .iter()
            .map(|m| {
                let name = if m.name_known { m.customer.name.as_str() } else { "" };
                (m.provider_id.as_str(), keys(m), name, m.direction, m.text.as_str(), m.files.len())
            })
            .collect();
        let (inward, out) = (Direction::In, Direction::Out);
        assert_eq!(
            got,
            [
                ("m_TEST-2", "psid:7001", "Ada L", out, "Hello Ada", 0),
                ("m_TEST-1", "psid:7001", "Ada L", inward, "Hi", 0),
                ("m_TEST-3", "psid:7002", "", inward, "", 4),
                ("m_TEST-4", "psid:7002", "", inward, "", 1),
                ("m_TEST-5", "psid:7002", "", inward, "[unsupported message]", 0),
                ("m_TEST-6", "psid:7002", "", inward, "from nobody, undated", 0),
                ("m_TEST-7", "psid:7005", "Eve", out, "no participants", 0),
            ]
        );
        let [answer, first, ..] = &page.messages[..] else { panic!("{page:?}") };
        assert_eq!(answer.link, "https://www.facebook.com/acme/inbox/500/");
        assert_eq!(answer.reply_to.as_ref().map(|reply| reply.id.as_str()), Some("m_TEST-1"));
        assert_eq!((answer.sent_at, answer.reply_by), (Some(Timestamp::from_secs(1_767_225_605)), None));
        assert_eq!(first.reply_by.map(Timestamp::minute).as_deref(), Some("2026-01-02 00:00"));
        assert_eq!(page.messages[5].sent_at, None);
        assert_eq!(page.messages[2].link, "");
    }

    #[tokio::test]
    async fn files_come_with_what_meta_tells_of_them() {
        let stub = Stub::start([Reply::json(200, &fixture())]).await;
        let page = read(&stub, None).await.unwrap();
        let files: Vec<_> =
            page.messages[2..4].iter().flat_map(|m| &m.files).map(|f| (f.kind, f.name.as_deref(), f.size)).collect();
        assert_eq!(
            files,
            [
                (FileKind::Image, Some("a.jpg"), Some(1234)),
                (FileKind::Video, Some("v.mp4"), Some(99)),
                (FileKind::Document, Some("offer.pdf"), Some(5)),
                (FileKind::Voice, Some("audioclip-1.mp3"), None),
                (FileKind::Sticker, None, None),
            ]
        );
        let source = files::Source::new(Some("m_TEST-3"), files::Place::File(2), "https://cdn.fbsbx.com/offer.pdf".to_owned());
        assert_eq!(page.messages[2].files[2].source, source.into());
        assert!(!format!("{page:?}").contains("CANARY"));
    }

    #[tokio::test]
    async fn pages_follow_by_cursor_to_the_end() {
        let end = json!({"data": [], "paging": {"cursors": {"before": "C", "after": "D"}}});
        let stub = Stub::start([Reply::json(200, &fixture()), Reply::json(200, &fixture()), Reply::json(200, &end)]).await;
        assert_eq!(read(&stub, None).await.unwrap().next.as_deref(), Some("D"), "the cursor, not the address with the token");
        assert_eq!(read(&stub, Some("D")).await.unwrap().next, None, "a cursor that stands still ends it");
        assert_eq!(read(&stub, Some("C=")).await.unwrap().next, None);
        let lines: Vec<String> = stub.seen().into_iter().map(|seen| seen.line).collect();
        let fields = "id%2Cupdated_time%2Clink%2Cparticipants%2Cmessages.limit%2820%29%7Bid%2Ccreated_time%2Cfrom%2Cto%2C\
                      message%2Cattachments%2Csticker%2Creply_to%7D";
        assert_eq!(lines[0], format!("GET /v25.0/400/conversations?platform=messenger&fields={fields}&limit=10"));
        assert_eq!(lines[2], format!("{}&after=C%3D", lines[0]));
    }

    #[tokio::test]
    async fn broken_answers_lose_nothing_for_good() {
        for (reply, expected) in [
            (Reply::json(401, &json!({"error": {"code": 190}})), "refused (190)"),
            (Reply::json(400, &json!({"error": {"code": 80_006}})), "rate limited (80006)"),
            (Reply::text(502, "<html>"), "failed (http_502)"),
            (Reply::text(200, "cut off"), "failed (unreadable_answer)"),
            (Reply::Never, "failed (timeout)"),
        ] {
            let error = read(&Stub::start([reply]).await, None).await.unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        for odd in [json!({}), json!([]), json!({"data": null}), json!({"data": [null, {}, {"messages": []}]})] {
            let page = read(&Stub::start([Reply::json(200, &odd)]).await, None).await.unwrap();
            assert_eq!((page.messages.len(), page.next), (0, None), "{odd}");
        }
    }

    #[test]
    fn times_are_read_in_metas_form_and_the_standard_one() {
        let expected = Some(Timestamp::from_secs(1_767_225_600));
        for text in ["2026-01-01T00:00:00+0000", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", "2026-01-01T01:00:00+0100"]
        {
            assert_eq!(time(text), expected, "{text}");
        }
        for text in ["", "yesterday", "2026-01-01T00:00:00+", "+é"] {
            assert_eq!(time(text), None, "{text}");
        }
    }
}
