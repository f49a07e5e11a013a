//! What was written before the channel was connected (Twilio, "Message resource", read multiple): the messages to the
//! channel's number, then those from it, newest first. The list can't be asked for a messaging service, so for one the whole
//! account's is read and what is not of the service is left out.

use std::time::Duration;

use secrecy::SecretSlice;
use serde_json::Value;

use super::{
    account::{Credentials, Sender, is_word},
    address::Address,
    api::Api,
    content, fetch, inbound,
};
use crate::{
    model::{content::FileKind, ids::ProviderMessageId, message::Direction, time::Timestamp},
    providers::{HistoryPage, InboundMessage, error::ProviderError, event::InboundFile, lenient},
};

/// How far back it goes.
const AGE: Duration = Duration::from_hours(90 * 24);
/// Messages in a page.
const PAGE_SIZE: &str = "100";
/// Most pages of one list: two thousand messages both ways.
const MAX_PAGES: usize = 10;
/// Most files in one message.
const MAX_FILES: usize = 10;
const NOT_DELIVERED: &str = "[not delivered]";

/// Which list is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    ToSender,
    FromSender,
    OfAccount,
}

/// Where the next page is: `<list> <page> <Twilio's path of it, empty for a list's first>`.
struct Cursor<'a> {
    list: List,
    page: usize,
    path: &'a str,
}

impl<'a> Cursor<'a> {
    fn first(sender: &Sender) -> Self {
        let list = if matches!(sender, Sender::Service(_)) { List::OfAccount } else { List::ToSender };
        Self { list, page: 0, path: "" }
    }

    fn parse(text: &'a str) -> Option<Self> {
        let mut words = text.splitn(3, ' ');
        let list = match words.next()? {
            "to" => List::ToSender,
            "from" => List::FromSender,
            "all" => List::OfAccount,
            _ => return None,
        };
        Some(Self { list, page: words.next()?.parse().ok()?, path: words.next()? })
    }

    fn write(&self) -> String {
        let list = match self.list {
            List::ToSender => "to",
            List::FromSender => "from",
            List::OfAccount => "all",
        };
        format!("{list} {} {}", self.page, self.path)
    }

    /// The one after this, given where Twilio says that its list goes on.
    fn next(&self, path: Option<&str>) -> Option<String> {
        let most = if self.list == List::OfAccount { 2 * MAX_PAGES } else { MAX_PAGES };
        let page = self.page + 1;
        match path.filter(|_| page < most) {
            Some(path) => Some(Cursor { list: self.list, page, path }.write()),
            None if self.list == List::ToSender => Some(Cursor { list: List::FromSender, page: 0, path: "" }.write()),
            None => None,
        }
    }
}

/// A page from `cursor` on.
pub(super) async fn page(api: &Api, credentials: &SecretSlice<u8>, cursor: Option<&str>) -> Result<HistoryPage, ProviderError> {
    let unreadable = |code: &str| ProviderError::Transient { code: code.to_owned() };
    let credentials = Credentials::stored(credentials)?;
    let cursor = match cursor {
        None => Cursor::first(credentials.sender()),
        Some(text) => Cursor::parse(text).ok_or_else(|| unreadable("unreadable_cursor"))?,
    };
    let first_path = credentials.path("/Messages.json");
    let is_ours = |path: &str| path.strip_prefix(&first_path).is_some_and(|rest| rest.starts_with('?'));
    let list = if cursor.path.is_empty() {
        let since = api.clock().now().minus(AGE).rfc3339();
        let day = since.split('T').next().unwrap_or_default();
        let sender = match credentials.sender() {
            Sender::From(address) => address.to_string(),
            Sender::Service(_) => String::new(),
        };
        let mut query = vec![("DateSent>", day), ("PageSize", PAGE_SIZE)];
        match cursor.list {
            List::ToSender => query.insert(0, ("To", &sender)),
            List::FromSender => query.insert(0, ("From", &sender)),
            List::OfAccount => {}
        }
        api.get(&credentials, &first_path, &query).await?
    } else if is_ours(cursor.path) {
        api.get(&credentials, cursor.path, &[]).await?
    } else {
        return Err(unreadable("foreign_cursor"));
    };
    let next_path = lenient::text(&list, "/next_page_uri");
    if next_path.is_some_and(|path| !is_ours(path)) {
        return Err(unreadable("foreign_cursor"));
    }
    let messages = lenient::items(&list, "messages");
    Ok(HistoryPage {
        messages: messages.iter().filter_map(|item| message(item, credentials.sender())).collect(),
        next: cursor.next(next_path),
    })
}

/// A message of the list; none for one that is not of this channel, was never sent or can't be read.
fn message(item: &Value, sender: &Sender) -> Option<InboundMessage> {
    if let Sender::Service(service) = sender
        && lenient::text(item, "/messaging_service_sid") != Some(service)
    {
        return None;
    }
    let sid = lenient::id(item, "/sid")?;
    let direction = match lenient::text(item, "/direction")? {
        "inbound" => Direction::In,
        word if word.starts_with("outbound") => Direction::Out,
        _ => return None,
    };
    let status = lenient::text(item, "/status").unwrap_or_default();
    if matches!(status, "canceled" | "scheduled") {
        return None;
    }
    let other = if direction == Direction::In { "/from" } else { "/to" };
    let other = Address::parse(&lenient::id(item, other)?)?;
    let sent_at = ["/date_sent", "/date_created"].into_iter().find_map(|date| time(item, date));
    let count = lenient::integer(item, "/num_media").and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
    let files: Vec<InboundFile> =
        (0..count.min(MAX_FILES)).filter(|_| is_word(&sid)).map(|position| file(&sid, position)).collect();
    let words = content::kept_text(lenient::text(item, "/body"), !files.is_empty());
    let text = match status {
        "failed" | "undelivered" if words.is_empty() => NOT_DELIVERED.to_owned(),
        "failed" | "undelivered" => format!("{NOT_DELIVERED} {words}"),
        _ => words,
    };
    let answerable = sent_at.filter(|_| direction == Direction::In);
    Some(InboundMessage {
        direction,
        name_known: false,
        sent_at,
        files,
        reply_by: answerable.and_then(|at| inbound::reply_by(&other, at)),
        link: inbound::link(&other),
        ..InboundMessage::new(ProviderMessageId::parse(&sid).ok()?, inbound::customer(&other, None)?, text)
    })
}

/// A file of which only this is known. Most are pictures; what its bytes say counts in the end.
fn file(message_sid: &str, position: usize) -> InboundFile {
    InboundFile { source: fetch::kept(message_sid, position), kind: FileKind::Image, mime: None, name: None, size: None }
}

fn time(item: &Value, pointer: &str) -> Option<Timestamp> {
    lenient::text(item, pointer).and_then(Timestamp::parse_rfc2822)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::{
        clock::Clock,
        providers::stub::{self, Reply, Stub},
    };

    const LIST: &str = "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json";
    const SERVICE: &str = "MG00000000000000000000000000000001";

    /// 2026-03-31.
    struct Today;

    impl Clock for Today {
        fn now(&self) -> Timestamp {
            Timestamp::parse_rfc3339("2026-03-31T12:00:00Z").unwrap()
        }
    }

    fn credentials(sender: (&str, &str)) -> SecretSlice<u8> {
        let account = "AC00000000000000000000000000000001";
        let json = json!({"account_sid": account, "auth_token": "0123456789abcdef0123456789abcdef", sender.0: sender.1});
        SecretSlice::from(json.to_string().into_bytes())
    }

    fn number() -> SecretSlice<u8> {
        credentials(("from", "+15005550001"))
    }

    async fn read(stub: &Stub, credentials: &SecretSlice<u8>, cursor: Option<&str>) -> Result<HistoryPage, ProviderError> {
        page(&Api::new(stub::client(), stub.url.clone(), Arc::new(Today)), credentials, cursor).await
    }

    fn list(next: &str) -> Reply {
        let next = Some(next).filter(|next| !next.is_empty());
        Reply::json(200, &json!({"messages": [], "next_page_uri": next}))
    }

    fn fixture() -> Value {
        serde_json::from_str(include_str!("../../../../tests/fixtures/twilio/history.json")).expect("a fixture")
    }

    #[tokio::test]
    async fn both_directions_are_read_page_by_page() {
        let next = format!("{LIST}?To=%2B15005550001&PageSize=100&Page=1&PageToken=PASM1");
        let stub = Stub::start([list(&next), list(""), list("")]).await;
        let first = read(&stub, &number(), None).await.unwrap().next.unwrap();
        let second = read(&stub, &number(), Some(&first)).await.unwrap().next.unwrap();
        assert_eq!(read(&stub, &number(), Some(&second)).await.unwrap().next, None);
        let lines: Vec<String> = stub.seen().iter().map(|seen| seen.line.clone()).collect();
        assert_eq!(
            lines,
            [
                format!("GET {LIST}?To=%2B15005550001&DateSent%3E=2025-12-31&PageSize=100"),
                format!("GET {next}"),
                format!("GET {LIST}?From=%2B15005550001&DateSent%3E=2025-12-31&PageSize=100"),
            ]
        );
        assert!(stub.seen().iter().all(|seen| seen.headers.contains_key("authorization")));
        assert!(!first.contains("0123456789abcdef"), "a cursor holds no credential");
    }

    #[tokio::test]
    async fn messages_are_read_both_ways_and_a_broken_one_loses_itself_alone() {
        let stub = Stub::start([Reply::json(200, &fixture())]).await;
        let messages = read(&stub, &number(), None).await.unwrap().messages;
        let told: Vec<(&str, Direction, &str, Option<String>, &str)> = messages
            .iter()
            .map(|m| {
                let at = m.sent_at.map(Timestamp::rfc3339);
                (m.provider_id.as_str(), m.direction, m.customer.keys[0].as_str(), at, m.text.as_str())
            })
            .collect();
        let at = |text: &str| Some(text.to_owned());
        let sms = "phone:15005550006";
        assert_eq!(
            told,
            [
                ("SM00000000000000000000000000000003", Direction::In, sms, at("2026-01-01T00:00:00.000Z"), "Hi"),
                ("SM00000000000000000000000000000002", Direction::Out, sms, at("2025-12-31T23:59:59.000Z"), "Hello"),
                ("MM00000000000000000000000000000001", Direction::In, "whatsapp:15005550006", at("2025-12-31T12:00:30.000Z"), ""),
                ("SM00000000000000000000000000000005", Direction::Out, sms, None, "[not delivered] Are you there?"),
                ("SM00000000000000000000000000000006", Direction::In, sms, at("2025-12-31T10:00:00.000Z"), "[empty message]"),
            ]
        );
        let media: Vec<&str> = messages[2].files.iter().map(|file| file.source.0.as_str()).collect();
        assert_eq!(media, ["MM00000000000000000000000000000001/0", "MM00000000000000000000000000000001/1"]);
        assert_eq!(messages[2].reply_by.map(Timestamp::minute).as_deref(), Some("2026-01-01 12:00"));
        assert!(messages.iter().all(|m| !m.name_known && m.customer.phone.as_deref() == Some("+15005550006")));
        assert_eq!((messages[0].reply_by, messages[0].files.len()), (None, 0));
    }

    #[tokio::test]
    async fn of_a_service_only_its_own_messages_are_taken() {
        let stub = Stub::start([Reply::json(200, &fixture())]).await;
        let found = read(&stub, &credentials(("messaging_service_sid", SERVICE)), None).await.unwrap();
        assert_eq!(found.messages.len(), 1);
        assert_eq!(found.next, None);
        assert_eq!(stub.seen()[0].line, format!("GET {LIST}?DateSent%3E=2025-12-31&PageSize=100"));
    }

    #[tokio::test]
    async fn it_ends_after_so_many_pages() {
        let next = format!("{LIST}?Page=10");
        let stub = Stub::start([list(&next), list(&next), list(&next)]).await;
        let after = read(&stub, &number(), Some(&format!("to 9 {next}"))).await.unwrap().next;
        assert_eq!(after.as_deref(), Some("from 0 "));
        assert_eq!(read(&stub, &number(), Some(&format!("from 9 {next}"))).await.unwrap().next, None);
        let service = credentials(("messaging_service_sid", SERVICE));
        let after = read(&stub, &service, Some(&format!("all 18 {next}"))).await.unwrap().next;
        assert_eq!(after, Some(format!("all 19 {next}")));
    }

    #[tokio::test]
    async fn a_cursor_leads_nowhere_else() {
        for path in [
            "https://evil.example/x",
            "//evil.example/x",
            "@evil.example/x",
            "/2010-04-01/Accounts/AC2/Messages.json?x",
            &format!("{LIST}.evil?x"),
        ] {
            let stub = Stub::start([list(path)]).await;
            let error = read(&stub, &number(), None).await.unwrap_err();
            assert_eq!(error.to_string(), "failed (foreign_cursor), nothing was sent", "{path}");
            let stub = Stub::start([]).await;
            let error = read(&stub, &number(), Some(&format!("to 1 {path}"))).await.unwrap_err();
            assert_eq!((error.code(), stub.seen().len()), ("foreign_cursor", 0), "{path}");
        }
        for cursor in ["", "to", "to x ", "up 1 /x"] {
            let stub = Stub::start([]).await;
            assert_eq!(read(&stub, &number(), Some(cursor)).await.unwrap_err().code(), "unreadable_cursor", "{cursor}");
        }
    }

    #[tokio::test]
    async fn failures_are_told() {
        for (reply, expected) in [
            (Reply::json(401, &json!({"code": 20_003})), "refused (20003)"),
            (Reply::json(429, &json!({"code": 20_429})), "rate limited (20429)"),
            (Reply::text(503, ""), "failed (http_503)"),
            (Reply::text(200, "no json"), "failed (unreadable_answer)"),
        ] {
            let stub = Stub::start([reply]).await;
            let error = read(&stub, &number(), None).await.unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        let stub = Stub::start([Reply::json(200, &json!({}))]).await;
        assert_eq!(read(&stub, &number(), None).await.unwrap().messages.len(), 0);
    }
}
