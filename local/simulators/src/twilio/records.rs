//! The REST API's JSON of what is kept: messages, files, numbers (Twilio, "Message resource", "Media resource",
//! "Incoming phone numbers"). Counts are strings, times are of RFC 2822.

use serde_json::{Value, json};
use shared::model::time::Timestamp;

use super::{Kept, Media, Number};

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `Thu, 01 Jan 2026 00:00:00 +0000`.
pub(super) fn rfc2822(at: Timestamp) -> String {
    // `2026-01-01T00:00:00.000Z`
    let text = at.rfc3339();
    let days = usize::try_from(at.secs() / 86_400).unwrap_or_default();
    let month = text[5..7].parse::<usize>().unwrap_or(1);
    let (year, day, time) = (&text[..4], &text[8..10], &text[11..19]);
    format!("{}, {day} {} {year} {time} +0000", DAYS[days % 7], MONTHS[(month - 1) % 12])
}

pub(super) fn message(account: &str, message: &Kept) -> Value {
    let uri = format!("/2010-04-01/Accounts/{account}/Messages/{}", message.sid);
    let sent = (message.status != "queued").then(|| rfc2822(message.at));
    json!({
        "sid": message.sid, "status": message.status, "direction": if message.inbound { "inbound" } else { "outbound-api" },
        "from": message.from, "to": message.to, "body": message.body, "num_media": message.media.len().to_string(),
        "num_segments": "1", "date_created": rfc2822(message.at), "date_sent": sent, "date_updated": rfc2822(message.at),
        "error_code": message.error, "error_message": null, "price": null, "price_unit": "USD",
        "messaging_service_sid": message.service, "account_sid": account, "api_version": "2010-04-01",
        "uri": format!("{uri}.json"), "subresource_uris": {"media": format!("{uri}/Media.json")},
    })
}

pub(super) fn media(account: &str, sid: &str, file: &Media) -> Value {
    json!({
        "sid": sid, "account_sid": account, "parent_sid": file.message, "content_type": file.mime,
        "uri": format!("/2010-04-01/Accounts/{account}/Messages/{}/Media/{sid}.json", file.message),
    })
}

pub(super) fn number(account: &str, number: &Number) -> Value {
    json!({
        "sid": number.sid, "account_sid": account, "phone_number": number.number, "friendly_name": number.number,
        "sms_url": number.sms_url, "sms_method": number.sms_method, "sms_application_sid": number.sms_application_sid,
        "capabilities": {"sms": true, "mms": true, "voice": true, "fax": false}, "status": "in-use",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_of_rfc_2822() {
        for (at, text) in [
            ("2026-01-01T00:00:00Z", "Thu, 01 Jan 2026 00:00:00 +0000"),
            ("2026-11-25T09:05:07Z", "Wed, 25 Nov 2026 09:05:07 +0000"),
            ("1970-01-04T23:59:59Z", "Sun, 04 Jan 1970 23:59:59 +0000"),
        ] {
            assert_eq!(rfc2822(Timestamp::parse_rfc3339(at).unwrap()), text);
        }
    }
}
