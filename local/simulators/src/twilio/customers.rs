//! The customers and their phones. In a text message there is text and files; WhatsApp adds places and quoted answers.

use bytes::Bytes;
use shared::model::{channel::ProviderKind, status::Status, time::Timestamp};

use super::{ACCOUNT_SID, Kept, Media, Twilio, events, new_sid};
use crate::{
    handset::{Deed, GivenFile, Handset, Unsupported},
    locked,
    phones::{Line, LineFile, Phones},
};

/// Largest file that a network carries, in bytes.
const MAX_FILE: usize = 5 * 1024 * 1024;

/// What a customer writes.
#[derive(Debug, Clone)]
pub struct Incoming<'a> {
    /// Who: a phone number with `+`, or `whatsapp:` and one.
    pub from: &'a str,
    /// What they call themselves; only WhatsApp tells.
    pub name: &'a str,
    /// What.
    pub text: &'a str,
    /// Files with it.
    pub files: &'a [GivenFile],
    /// When.
    pub at: Timestamp,
}

impl Twilio {
    /// A customer writes to the account's first number. Answers the message's SID.
    pub fn customer_writes(&self, from: &str, name: &str, text: &str) -> String {
        self.receive(&Incoming { from, name, text, files: &[], at: self.0.clock.now() }, &[])
    }

    /// A customer writes. Answers the message's SID. `more` are further fields of the webhook. Twilio keeps the message, also
    /// while the number's messages are sent nowhere.
    pub fn receive(&self, incoming: &Incoming<'_>, more: &[(&str, String)]) -> String {
        let sid = new_sid(if incoming.files.is_empty() { "SM" } else { "MM" });
        let file = |file: &GivenFile| Media {
            message: sid.clone(),
            mime: file.mime.clone(),
            name: file.name.clone(),
            bytes: file.bytes.clone(),
        };
        let media: Vec<(String, Media)> =
            incoming.files.iter().map(file).map(|media| (self.keep(media.clone()), media)).collect();
        let on_whatsapp = incoming.from.starts_with("whatsapp:");
        let number = locked(&self.0.state).numbers.first().cloned();
        let number = number.unwrap_or_default();
        let message = Kept {
            sid,
            inbound: true,
            from: incoming.from.to_owned(),
            to: if on_whatsapp { format!("whatsapp:{}", number.number) } else { number.number.clone() },
            body: incoming.text.to_owned(),
            media: media.iter().map(|(media, _)| media.clone()).collect(),
            status: "received".to_owned(),
            error: None,
            service: None,
            callback: None,
            at: incoming.at,
        };
        let line = Line {
            id: message.sid.clone(),
            own: true,
            text: message.body.clone(),
            at: incoming.at,
            status: Status::Read,
            files: self.line_files(&message),
        };
        self.0.phones.add(incoming.from, incoming.name, line);
        let mut fields: Vec<(&str, String)> = more.to_vec();
        if on_whatsapp {
            let digits = incoming.from.trim_start_matches("whatsapp:").trim_start_matches('+').to_owned();
            fields.extend([("ProfileName", incoming.name.to_owned()), ("WaId", digits)]);
        } else if let Some(keyword) = self.keyword(incoming) {
            fields.push(("OptOutType", keyword.to_owned()));
        }
        locked(&self.0.state).messages.push(message.clone());
        if !number.sms_url.is_empty() {
            let address =
                |sid: &str| format!("{}/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/{}/Media/{sid}", self.0.url, message.sid);
            let media: Vec<(String, Media)> = media.into_iter().map(|(sid, file)| (address(&sid), file)).collect();
            self.0.webhooks.queue(events::inbound(&number.sms_url, ACCOUNT_SID, &message, &media, &fields));
        }
        message.sid
    }

    /// What a text does that is a keyword (Twilio, "Advanced Opt-Out").
    fn keyword(&self, incoming: &Incoming<'_>) -> Option<&'static str> {
        let mut state = locked(&self.0.state);
        match incoming.text.trim().to_ascii_uppercase().as_str() {
            "STOP" | "STOPALL" | "UNSUBSCRIBE" | "CANCEL" | "END" | "QUIT" => {
                state.opted_out.insert(incoming.from.to_owned());
                Some("STOP")
            }
            "START" | "UNSTOP" => {
                state.opted_out.remove(incoming.from);
                Some("START")
            }
            "HELP" | "INFO" => Some("HELP"),
            _ => None,
        }
    }

    pub(super) fn line_files(&self, message: &Kept) -> Vec<LineFile> {
        let state = locked(&self.0.state);
        let file = |sid: &String| {
            let file = state.media.get(sid)?;
            Some(LineFile { name: file.name.clone(), mime: file.mime.clone(), id: sid.clone() })
        };
        message.media.iter().filter_map(file).collect()
    }
}

impl Handset for Twilio {
    fn provider(&self) -> ProviderKind {
        ProviderKind::Twilio
    }

    fn name(&self) -> &'static str {
        "SMS by Twilio"
    }

    fn customer(&self, typed: &str) -> Option<String> {
        let (prefix, rest) = match typed.trim().strip_prefix("whatsapp:") {
            Some(rest) => ("whatsapp:", rest),
            None => ("", typed.trim()),
        };
        let digits: String = rest.chars().filter(|c| !matches!(c, '+' | ' ' | '-' | '(' | ')')).collect();
        let is_number = (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        (is_number && !digits.starts_with('0')).then(|| format!("{prefix}+{digits}"))
    }

    fn does(&self, customer: &str, name: &str, deed: &Deed) -> Result<String, Unsupported> {
        let on_whatsapp = customer.starts_with("whatsapp:");
        let incoming = Incoming { from: customer, name, text: "", files: &[], at: self.0.clock.now() };
        match deed {
            Deed::Text(text) => Ok(self.receive(&Incoming { text, ..incoming }, &[])),
            Deed::File(file) if file.bytes.len() <= MAX_FILE => {
                let files = std::slice::from_ref(file);
                Ok(self.receive(&Incoming { text: &file.caption, files, ..incoming }, &[]))
            }
            Deed::Location { latitude, longitude, name, .. } if on_whatsapp => {
                let fields = [
                    ("Latitude", latitude.to_string()),
                    ("Longitude", longitude.to_string()),
                    ("Label", name.clone()),
                    ("MessageType", "location".to_owned()),
                ];
                Ok(self.receive(&incoming, &fields))
            }
            Deed::Reply(text) if on_whatsapp => {
                let lines = self.0.phones.chat(customer).map(|chat| chat.lines).unwrap_or_default();
                let answered = lines.iter().rev().find(|line| !line.own).ok_or(Unsupported)?;
                let fields = [("OriginalRepliedMessageSid", answered.id.clone())];
                Ok(self.receive(&Incoming { text, ..incoming }, &fields))
            }
            Deed::File(_) | Deed::Location { .. } | Deed::Reply(_) | Deed::Reaction(_) | Deed::Edit(_) | Deed::Delete => {
                Err(Unsupported)
            }
        }
    }

    fn phones(&self) -> &Phones {
        &self.0.phones
    }

    fn file(&self, id: &str) -> Option<(String, Bytes)> {
        locked(&self.0.state).media.get(id).map(|file| (file.mime.clone(), file.bytes.clone()))
    }
}
