//! Messages as the simple HTML that Pipedrive's notes keep: paragraphs, line breaks, bold, italics, links. Everything that
//! somebody wrote is escaped; nothing rests on comments, classes or styles, which do not survive.

use std::fmt::Write;

use html_escape::{encode_double_quoted_attribute, encode_text};

use crate::{
    inbox::show,
    media::links::{Links, Target},
    model::{
        content::FileState,
        conversation::Conversation,
        day::Day,
        message::{Direction, Message},
        status::Status,
    },
    records::zone::Zone,
};

/// Longest HTML of one message's text, in bytes. The whole of it is in the bundle's inbox.
const MAX_TEXT: usize = 60_000;

/// What is the same for all messages of a conversation.
pub struct Scene<'a> {
    /// The conversation.
    pub conversation: &'a Conversation,
    /// What the provider is called, e.g. `WhatsApp`.
    pub provider: &'a str,
    /// What the channel is called, which speaks for the company.
    pub channel: &'a str,
    /// The company's time zone.
    pub zone: &'a Zone,
    /// To make addresses of files with.
    pub links: &'a Links,
}

/// A message as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// With how far it got.
    pub html: String,
    /// Without: what a note is written for.
    pub gist: String,
}

impl Scene<'_> {
    /// What a note begins with.
    pub fn head(&self, title: &str, part: u32) -> String {
        let customer = &self.conversation.customer;
        let phone = customer.phone.as_deref().map(|phone| format!(" ({})", encode_text(phone))).unwrap_or_default();
        let more = if part == 0 { "" } else { ", continued" };
        format!(
            "<p><b>{} · {}</b> – {}{phone}<br>{title}{more} ({})</p>",
            encode_text(self.provider),
            encode_text(self.channel),
            encode_text(&customer.name),
            encode_text(self.zone.name()),
        )
    }

    /// What a note ends with. It tells our notes apart, also from each other.
    pub fn foot(&self, day: &Day, part: u32) -> String {
        format!("<p><i>{}</i></p>", mark(self.conversation, day, part))
    }

    /// One message.
    pub fn line(&self, message: &Message) -> Line {
        let who = match message.direction {
            Direction::In => &self.conversation.customer.name,
            Direction::Out => self.channel,
        };
        let mut gist = format!("<p><i>{}</i> <b>{}:</b> ", self.zone.time(message.sent_at), encode_text(who));
        gist.push_str(&text(message));
        let mut html = gist.clone();
        if message.deleted_at.is_none() {
            self.files(&mut html, &mut gist, message);
        }
        let mut end = String::new();
        if message.status == Status::Failed {
            end.push_str("<br><b>Not delivered");
            if let Some(failure) = &message.failure {
                let _ = write!(end, ": {}", encode_text(&failure.text));
            }
            end.push_str("</b>");
        }
        let tick = match (message.direction, message.status) {
            (Direction::Out, Status::Delivered) => " <i>(delivered)</i>",
            (Direction::Out, Status::Read) => " <i>(read)</i>",
            _ => "",
        };
        Line { html: format!("{html}{end}{tick}</p>"), gist: gist + &end }
    }

    /// Links to the files. Their addresses change from day to day, which is nothing to write a note anew for.
    fn files(&self, html: &mut String, gist: &mut String, message: &Message) {
        for (position, file) in message.attachments.iter().enumerate() {
            if let FileState::Stored { .. } = file.file {
                let to = self.links.to(&Target::File { message: message.id.clone(), position, preview: false });
                let name = file.name.clone().unwrap_or_else(|| file.kind.word().to_owned());
                let (to, name) = (encode_double_quoted_attribute(&to), encode_text(&name));
                let _ = write!(html, "<br><a href=\"{to}\">{name}</a>");
                let _ = write!(gist, "<br>{name}");
            }
        }
    }
}

/// By what our notes are known.
pub fn mark(conversation: &Conversation, day: &Day, part: u32) -> String {
    format!("Pigeonpost {} {day} {}", conversation.id, part + 1)
}

fn text(message: &Message) -> String {
    let said = show::text(message);
    let lines: Vec<String> = said.lines().map(|line| encode_text(line).into_owned()).collect();
    let mut html = lines.join("<br>");
    if html.len() > MAX_TEXT {
        let mut end = MAX_TEXT;
        while !html.is_char_boundary(end) {
            end -= 1;
        }
        // Not within what stands for one character, or a line break.
        let opened = html[..end].rfind(['&', '<']).filter(|at| !html[*at..end].contains([';', '>']));
        html.truncate(opened.unwrap_or(end));
        html.push_str("… <i>(shortened)</i>");
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{
            content::{Attachment, FileKind, ObjectKey},
            conversation::{ConversationState, Customer},
            ids::{ChannelId, CompanyId, ConversationId, Place, UserId},
            message::FailureReason,
            record::Link,
            time::Timestamp,
        },
        seal::Vault,
    };

    fn conversation(name: &str) -> Conversation {
        Conversation {
            id: ConversationId::new(),
            channel: ChannelId::new(CompanyId(7)),
            company: CompanyId(7),
            owner: UserId(9),
            customer: Customer { phone: Some("+15550100001".to_owned()), ..Customer::new(Vec::new(), name.to_owned()) },
            state: ConversationState::Open,
            link: String::new(),
            last_at: Timestamp::EPOCH,
            unread: 0,
            reply_by: None,
            outbox: std::collections::BTreeMap::new(),
            pause: None,
            record: Link::default(),
            last: None,
            changed_at: None,
            answered_by: None,
        }
    }

    fn said(conversation: &Conversation, direction: Direction, text: &str) -> Message {
        let at = Timestamp::parse_rfc3339("2026-11-20T08:15:00Z").unwrap();
        let id = conversation.id.message(&Place::new(at, at, 0));
        Message::new(id, direction, conversation.id.end_user(), text.to_owned(), at)
    }

    fn shown(conversation: &Conversation, message: &Message) -> Line {
        let vault = Vault::parse("0123456789abcdef0123456789abcdef").unwrap();
        let links = Links::new(&vault, "https://x.example", Timestamp::EPOCH).unwrap();
        let zone = Zone::named("Europe/Berlin");
        Scene { conversation, provider: "WhatsApp", channel: "Sales", zone: &zone, links: &links }.line(message)
    }

    #[test]
    fn what_people_write_is_escaped_and_keeps_its_lines() {
        let ada = conversation("Ada <b>&");
        let line = shown(&ada, &said(&ada, Direction::In, "1 < 2\n<script>alert(1)</script> & \"so\""));
        assert_eq!(
            line.html,
            "<p><i>09:15</i> <b>Ada &lt;b&gt;&amp;:</b> 1 &lt; 2<br>&lt;script&gt;alert(1)&lt;/script&gt; &amp; \"so\"</p>"
        );
    }

    #[test]
    fn ticks_are_shown_but_no_reason_to_write() {
        let ada = conversation("Ada");
        let mut answer = said(&ada, Direction::Out, "Hi");
        let sent = shown(&ada, &answer);
        answer.status = Status::Read;
        let read = shown(&ada, &answer);
        assert_eq!(sent.html, "<p><i>09:15</i> <b>Sales:</b> Hi</p>");
        assert_eq!((read.html.as_str(), &read.gist), ("<p><i>09:15</i> <b>Sales:</b> Hi <i>(read)</i></p>", &sent.gist));
        answer.status = Status::Failed;
        answer.failure = Some(FailureReason { code: "x".to_owned(), text: "No <such> number.".to_owned() });
        let failed = shown(&ada, &answer);
        assert_ne!(failed.gist, sent.gist);
        assert!(failed.html.contains("<b>Not delivered: No &lt;such&gt; number.</b>"), "{}", failed.html);
    }

    #[test]
    fn edits_deletions_and_files_are_shown() {
        let ada = conversation("Ada");
        let mut message = said(&ada, Direction::In, "Look");
        message.edited_at = Some(Timestamp::EPOCH);
        message.attachments = vec![Attachment {
            kind: FileKind::Image,
            mime: "image/png".to_owned(),
            name: Some("a\"<.png".to_owned()),
            size: None,
            file: FileState::Stored { key: ObjectKey("k".to_owned()), preview: None },
        }];
        let html = shown(&ada, &message).html;
        assert!(html.contains("Look<br>[edited]<br><a href=\"https://x.example/media/"), "{html}");
        assert!(html.ends_with(">a\"&lt;.png</a></p>"), "{html}");
        message.deleted_at = Some(Timestamp::EPOCH);
        assert!(shown(&ada, &message).html.ends_with("</b> [message deleted]</p>"));
    }

    #[test]
    fn a_text_that_grows_by_escaping_is_shortened_between_characters() {
        let ada = conversation("Ada");
        for text in ["&".repeat(32 * 1024), "ä".repeat(40_000), "\n".repeat(60_000) + "x"] {
            let line = shown(&ada, &said(&ada, Direction::In, &text));
            assert!(line.html.len() < MAX_TEXT + 200);
            let cut = line.html.strip_suffix("… <i>(shortened)</i></p>").expect("it is shortened");
            assert!(cut.ends_with("&amp;") || cut.ends_with('ä') || cut.ends_with("<br>"), "{}", &cut[cut.len() - 20..]);
        }
    }
}
