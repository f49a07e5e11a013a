//! The company's clock: which day a moment falls on, and how its time is written.

use jiff::tz::TimeZone;

use crate::model::{day::Day, time::Timestamp};

/// A time zone.
#[derive(Debug, Clone)]
pub struct Zone {
    zone: TimeZone,
    name: String,
}

impl Zone {
    /// The zone of that IANA name; UTC if there is none of that name.
    pub fn named(name: &str) -> Self {
        match TimeZone::get(name) {
            Ok(zone) => Self { zone, name: name.to_owned() },
            Err(_) => Self { zone: TimeZone::UTC, name: "UTC".to_owned() },
        }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The day on which `at` falls.
    pub fn day(&self, at: Timestamp) -> Day {
        self.local(at).map_or_else(|| Day::utc(at), |local| Day::from(local.date()))
    }

    /// When a day begins and when the next one does.
    pub fn bounds(&self, day: &Day) -> (Timestamp, Timestamp) {
        let Ok(date) = day.as_str().parse::<jiff::civil::Date>() else { return (Timestamp::EPOCH, Timestamp::EPOCH) };
        let start = |date: jiff::civil::Date| {
            let begins = date.to_zoned(self.zone.clone()).map(|zoned| zoned.timestamp().as_millisecond());
            Timestamp::from_millis(begins.unwrap_or(i64::MAX))
        };
        (start(date), start(date.tomorrow().unwrap_or(date)))
    }

    /// The time of day: `09:15`.
    pub fn time(&self, at: Timestamp) -> String {
        self.local(at).map_or_else(String::new, |local| local.strftime("%H:%M").to_string())
    }

    /// A day in words: `Friday, 20 November 2026`.
    pub fn words(day: &Day) -> String {
        let date = day.as_str().parse::<jiff::civil::Date>();
        date.map_or_else(|_| day.to_string(), |date| date.strftime("%A, %-d %B %Y").to_string())
    }

    fn local(&self, at: Timestamp) -> Option<jiff::Zoned> {
        Some(jiff::Timestamp::from_millisecond(at.millis()).ok()?.to_zoned(self.zone.clone()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn days_begin_at_the_companys_midnight() {
        let berlin = Zone::named("Europe/Berlin");
        assert_eq!(berlin.day(at("2026-11-19T23:30:00Z")).as_str(), "2026-11-20");
        assert_eq!(berlin.time(at("2026-11-19T23:30:00Z")), "00:30");
        let day = Day::parse("2026-11-20").unwrap();
        assert_eq!(berlin.bounds(&day), (at("2026-11-19T23:00:00Z"), at("2026-11-20T23:00:00Z")));
        assert_eq!(Zone::words(&day), "Friday, 20 November 2026");
    }

    #[test]
    fn a_day_on_which_clocks_change_has_23_or_25_hours() {
        let berlin = Zone::named("Europe/Berlin");
        for (day, hours) in [("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)] {
            let (start, end) = berlin.bounds(&Day::parse(day).unwrap());
            assert_eq!(end.since(start), Duration::from_hours(hours), "{day}");
        }
    }

    #[test]
    fn what_is_no_zone_is_utc() {
        for name in ["", "Nowhere/Town", "../etc/passwd"] {
            let zone = Zone::named(name);
            assert_eq!((zone.name(), zone.day(at("2026-11-19T23:30:00Z")).as_str()), ("UTC", "2026-11-19"), "{name}");
        }
    }
}
