//! Points in time, in milliseconds, and the formats in which they leave the bundle.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z. Never negative, never past the year 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// 9999-12-30T21:59:59.999Z, the last second moment that the time library writes in every time zone.
const LAST_MS: i64 = 253_402_207_199_999;

impl Timestamp {
    /// The beginning of time as the bundle knows it.
    pub const EPOCH: Self = Self(0);

    /// Clamps to the range that RFC 3339 can write, so that a provider's nonsense cannot make a message unreadable.
    pub fn from_millis(ms: i64) -> Self {
        Self(ms.clamp(0, LAST_MS))
    }

    /// See [`Timestamp::from_millis`].
    pub fn from_secs(secs: i64) -> Self {
        Self::from_millis(secs.saturating_mul(1000))
    }

    /// Reads RFC 3339 with any offset.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let instant: jiff::Timestamp = text.trim().parse().ok()?;
        Some(Self::from_millis(instant.as_millisecond()))
    }

    /// Reads RFC 2822, e.g. `Thu, 01 Jan 2026 00:00:00 +0000`.
    pub fn parse_rfc2822(text: &str) -> Option<Self> {
        let instant = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
        Some(Self::from_millis(instant.as_millisecond()))
    }

    /// Milliseconds since the epoch.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub fn secs(self) -> i64 {
        self.0 / 1000
    }

    /// Later by `by`, up to the last moment that can be written.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_add(ms))
    }

    /// Earlier by `by`, but not before the epoch.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_sub(ms))
    }

    /// How long after `earlier` this is; nothing when it is not after.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// `2026-11-20T09:15:00.000Z`.
    pub fn rfc3339(self) -> String {
        self.format("%Y-%m-%dT%H:%M:%S%.3fZ")
    }

    /// `2026-11-20 09:15`, rounded down: how the Channels API words `created_at` and `reply_by`
    /// (Pipedrive's API reference, Channels, "Receives an incoming message").
    pub fn minute(self) -> String {
        self.format("%Y-%m-%d %H:%M")
    }

    fn format(self, pattern: &str) -> String {
        jiff::Timestamp::from_millisecond(self.0).map(|t| t.strftime(pattern).to_string()).unwrap_or_default()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_utc_and_round_down() {
        let t = Timestamp::from_millis(1_767_225_659_999);
        assert_eq!(t.rfc3339(), "2026-01-01T00:00:59.999Z");
        assert_eq!(t.minute(), "2026-01-01 00:00");
        assert_eq!(Timestamp::parse_rfc3339("2026-01-01T01:00:59.999+01:00"), Some(t));
        assert_eq!(Timestamp::parse_rfc3339("yesterday"), None);
        let whole = Timestamp::from_secs(t.secs());
        assert_eq!(Timestamp::parse_rfc2822("Thu, 01 Jan 2026 01:00:59 +0100"), Some(whole));
        assert_eq!(Timestamp::parse_rfc2822("2026-01-01T00:00:59Z"), None);
    }

    #[test]
    fn nonsense_is_clamped() {
        assert_eq!(Timestamp::from_millis(-5), Timestamp::EPOCH);
        assert_eq!(Timestamp::from_secs(i64::MAX).rfc3339(), "9999-12-30T21:59:59.999Z");
        assert_eq!(Timestamp::from_secs(1).minus(Duration::from_secs(2)), Timestamp::EPOCH);
        assert_eq!(Timestamp::EPOCH.since(Timestamp::from_secs(1)), Duration::ZERO);
    }
}
