//! A date, as people in a certain time zone call it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ids::InvalidId, time::Timestamp};

/// A date without a time: `2026-11-20`. Days sort as they follow each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(String);

impl Day {
    /// The day on which `at` falls in UTC.
    pub fn utc(at: Timestamp) -> Self {
        Self(at.rfc3339()[..10].to_owned())
    }

    /// Takes `text` as a date, if it is one.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let date: jiff::civil::Date = text.parse().map_err(|_| InvalidId)?;
        // One spelling alone, since it sorts.
        if date.to_string() == text { Ok(Self(text.to_owned())) } else { Err(InvalidId) }
    }

    /// The date as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<jiff::civil::Date> for Day {
    fn from(date: jiff::civil::Date) -> Self {
        Self(date.to_string())
    }
}

impl TryFrom<String> for Day {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::parse(&text)
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.0
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_one_spelling() {
        let day = Day::utc(Timestamp::from_millis(1_767_225_659_999));
        assert_eq!(day.as_str(), "2026-01-01");
        assert_eq!(Day::parse("2026-01-01"), Ok(day));
        for other in ["", "20260101", "2026-1-1", "2026-02-30", "2026-01-01T00:00:00", "today"] {
            assert!(Day::parse(other).is_err(), "{other}");
        }
    }
}
