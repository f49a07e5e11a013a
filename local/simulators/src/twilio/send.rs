//! A message that the company sends: whether Twilio takes it (Twilio, "Message resource", create), and what becomes of it.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use http::{StatusCode, header};
use shared::model::status::Status;
use url::Url;

use super::{Kept, Media, Number, SERVICE_SID, Twilio, TwilioError, new_sid};
use crate::{
    locked,
    phones::{Behaviour, Line},
};

/// Longest text, in characters.
const MAX_BODY: usize = 1600;
/// Most files.
const MAX_MEDIA: usize = 10;
/// Largest size of all files together in a text message, in bytes.
const MAX_MMS: usize = 5 * 1024 * 1024;
/// The same on WhatsApp.
const MAX_WHATSAPP: usize = 16 * 1024 * 1024;
/// How long after a customer's message on WhatsApp they may be written to freely.
const WINDOW: Duration = Duration::from_hours(24);
const KNOWN: [&str; 7] = ["To", "From", "MessagingServiceSid", "Body", "MediaUrl", "StatusCallback", "ValidityPeriod"];

/// A message that passed every check.
pub(super) struct Draft {
    to: String,
    from: String,
    service: Option<String>,
    body: String,
    media: Vec<String>,
    callback: Option<String>,
}

/// Checks a form.
pub(super) fn read(fields: &[(String, String)], numbers: &[Number], opted_out: &BTreeSet<String>) -> Result<Draft, TwilioError> {
    let error = TwilioError::code;
    if fields.iter().any(|(name, _)| !KNOWN.contains(&name.as_str())) {
        return Err(error(20_001));
    }
    let field = |name: &str| {
        let found = fields.iter().find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.clone())
    };
    let to = field("To").ok_or(error(21_604))?;
    if !is_address(&to) {
        return Err(error(21_211));
    }
    let on_whatsapp = to.starts_with("whatsapp:");
    let service = field("MessagingServiceSid");
    let from = match (field("From"), &service) {
        (Some(from), _) => from,
        (None, Some(service)) if service == SERVICE_SID => {
            let number = numbers.first().map(|number| number.number.as_str()).unwrap_or_default();
            if on_whatsapp { format!("whatsapp:{number}") } else { number.to_owned() }
        }
        (None, Some(_)) => return Err(error(21_705)),
        (None, None) => return Err(error(21_603)),
    };
    if !numbers.iter().any(|number| number.number == from.strip_prefix("whatsapp:").unwrap_or(&from)) {
        return Err(error(21_606));
    }
    if from.starts_with("whatsapp:") != on_whatsapp {
        return Err(error(21_910));
    }
    let body = field("Body").unwrap_or_default();
    let media: Vec<String> = fields.iter().filter(|(name, _)| name == "MediaUrl").map(|(_, value)| value.clone()).collect();
    if body.trim().is_empty() && media.is_empty() {
        return Err(error(21_602));
    }
    if body.chars().count() > MAX_BODY {
        return Err(error(21_617));
    }
    if media.len() > MAX_MEDIA {
        return Err(error(21_623));
    }
    if !media.iter().all(|address| is_web(address)) {
        return Err(error(21_620));
    }
    let callback = field("StatusCallback");
    if callback.as_ref().is_some_and(|address| !is_web(address)) {
        return Err(error(21_609));
    }
    if opted_out.contains(&to) {
        return Err(error(21_610));
    }
    Ok(Draft { to, from, service, body, media, callback })
}

/// Whether it is a phone number in E.164, or somebody on WhatsApp.
fn is_address(text: &str) -> bool {
    let rest = text.strip_prefix("whatsapp:").unwrap_or(text);
    let is_user_id =
        rest.len() < text.len() && rest.split_once('.').is_some_and(|(country, id)| country.len() == 2 && !id.is_empty());
    is_user_id
        || rest.strip_prefix('+').is_some_and(|digits| {
            (7..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit())
        })
}

fn is_web(address: &str) -> bool {
    let host = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    host.and_then(|url| url.host_str().map(|host| !host.contains('_'))).unwrap_or(false)
}

impl Twilio {
    /// Takes a message: its files are fetched, it appears on the phone, and statuses follow. With `later`, it fails with
    /// that code.
    pub(super) fn accept(&self, draft: Draft, later: Option<u32>) -> Kept {
        let message = Kept {
            sid: new_sid(if draft.media.is_empty() { "SM" } else { "MM" }),
            inbound: false,
            from: draft.from,
            to: draft.to,
            body: draft.body,
            media: Vec::new(),
            status: "queued".to_owned(),
            error: None,
            service: draft.service,
            callback: draft.callback,
            at: self.0.clock.now(),
        };
        let pause = {
            let mut state = locked(&self.0.state);
            state.messages.push(message.clone());
            state.status_pause
        };
        if draft.media.is_empty() {
            self.show(&message);
        }
        let (twilio, sid, addresses) = (self.clone(), message.sid.clone(), draft.media);
        self.0.webhooks.later(async move {
            let mut failure = later;
            if !addresses.is_empty() {
                match twilio.fetch_all(&sid, &addresses).await {
                    Ok(()) => {}
                    Err(code) => failure = Some(code),
                }
                if let Some(message) = twilio.message(&sid) {
                    twilio.show(&message);
                }
            }
            for (status, error) in twilio.course(&sid, failure) {
                tokio::time::sleep(pause).await;
                twilio.report(&sid, status, error);
            }
        });
        message
    }

    /// What Twilio will say of a message, in this order.
    fn course(&self, sid: &str, failure: Option<u32>) -> Vec<(&'static str, Option<u32>)> {
        let Some(message) = self.message(sid) else { return Vec::new() };
        let on_whatsapp = message.to.starts_with("whatsapp:");
        let written = self.0.phones.last_written(&message.to);
        let window_is_closed = on_whatsapp && written.is_none_or(|at| self.0.clock.now() > at.plus(WINDOW));
        match failure.or(window_is_closed.then_some(63_016)) {
            Some(code) => vec![("failed", Some(code))],
            None => match self.0.phones.behaviour(&message.to) {
                Behaviour::Reads if on_whatsapp => vec![("sent", None), ("delivered", None), ("read", None)],
                Behaviour::Reads | Behaviour::Receives => vec![("sent", None), ("delivered", None)],
                Behaviour::Off => vec![("sent", None)],
                Behaviour::Fails => vec![("sent", None), ("undelivered", Some(30_003))],
            },
        }
    }

    fn show(&self, message: &Kept) {
        let files = self.line_files(message);
        let (id, text) = (message.sid.clone(), message.body.clone());
        let line = Line { id, own: false, text, at: message.at, status: Status::Sent, files };
        self.0.phones.add(&message.to, "", line);
    }

    /// Fetches a message's files as Twilio does: it asks for the type first. The code that the message fails with if that
    /// does not work. WhatsApp gets the first file alone.
    async fn fetch_all(&self, sid: &str, addresses: &[String]) -> Result<(), u32> {
        let on_whatsapp = self.message(sid).is_some_and(|message| message.to.starts_with("whatsapp:"));
        let (most, limit, missing): (usize, usize, u32) =
            if on_whatsapp { (1, MAX_WHATSAPP, 63_019) } else { (MAX_MEDIA, MAX_MMS, 12_300) };
        let mut total = 0;
        for address in addresses.iter().take(most) {
            let (mime, bytes) = self.fetch(address).await.ok_or(missing)?;
            total += bytes.len();
            if total > limit {
                return Err(30_019);
            }
            let media = self.keep(Media { message: sid.to_owned(), mime, name: String::new(), bytes });
            let mut state = locked(&self.0.state);
            if let Some(message) = state.messages.iter_mut().find(|message| message.sid == sid) {
                message.media.push(media);
            }
        }
        Ok(())
    }

    async fn fetch(&self, address: &str) -> Option<(String, Bytes)> {
        let http = &self.0.http;
        if http.head(address).send().await.ok()?.status() != StatusCode::OK {
            return None;
        }
        let answer = http.get(address).send().await.ok().filter(|answer| answer.status() == StatusCode::OK)?;
        let mime = answer.headers().get(header::CONTENT_TYPE)?.to_str().ok()?.to_owned();
        Some((mime, answer.bytes().await.ok()?))
    }
}
