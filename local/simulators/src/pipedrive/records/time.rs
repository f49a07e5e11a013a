//! How the API writes and reads times: RFC 3339 in whole seconds, unless it is version 1.

use serde::Serializer;
use shared::model::time::Timestamp;

/// `2026-11-20T09:15:00Z`.
pub(super) fn text(at: Timestamp) -> String {
    format!("{}Z", &at.rfc3339()[..19])
}

/// Reads what [`text`] writes, with any offset. Pipedrive refuses fractions of a second.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let is_plain = text.as_bytes().get(10) == Some(&b'T') && !text.contains('.');
    Timestamp::parse_rfc3339(text).filter(|_| is_plain)
}

/// `2026-11-20 09:15:00`, as version 1 writes it.
pub(super) fn spaced(at: Timestamp) -> String {
    at.rfc3339()[..19].replace('T', " ")
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
pub(super) fn write<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(*at))
}

/// `2026-11-20T09:15:00.000Z`, as leads have it.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
pub(super) fn write_millis<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.rfc3339())
}

#[expect(clippy::ref_option, reason = "serde calls it with a reference")]
pub(super) fn write_option<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => write(at, serializer),
        None => serializer.serialize_none(),
    }
}
