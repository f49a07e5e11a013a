//! Reading bodies as strictly as version 2 of the API does: no unknown members, no other types, null only where it is
//! allowed.

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error},
};
use serde_json::{Map, Value};
use shared::model::time::Timestamp;

use super::{answer::Refusal, time};

/// Reads a body, and names the member that does not fit.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let unfit =
        |e: serde_path_to_error::Error<serde_json::Error>| Refusal::invalid(&e.path().to_string(), &e.inner().to_string());
    let read = serde_path_to_error::deserialize(&mut json).map_err(unfit)?;
    json.end().map_err(|_| Refusal::invalid("body", "more than one JSON value"))?;
    Ok(read)
}

/// A member that may be left out. If it is there, it is a `T`: null fits an `Option` only.
pub(super) struct Given<T>(pub(super) Option<T>);

impl<T> Default for Given<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(|value| Self(Some(value)))
    }
}

impl<T> Given<T> {
    /// Puts the member's value into `place`, if it was given.
    pub(super) fn put(self, place: &mut T) {
        if let Some(value) = self.0 {
            *place = value;
        }
    }

    /// Puts the member's value into a place that may be empty, if it was given.
    pub(super) fn put_some(self, place: &mut Option<T>) {
        if let Some(value) = self.0 {
            *place = Some(value);
        }
    }
}

macro_rules! checked {
    ($(#[$doc:meta])* $name:ident($from:ty => $to:ty), $expected:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize)]
        #[serde(transparent)]
        pub(super) struct $name(pub(super) $to);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let check: fn($from) -> Option<$to> = $check;
                check(<$from>::deserialize(deserializer)?).map(Self).ok_or_else(|| D::Error::custom($expected))
            }
        }
    };
}

checked!(
    /// Text with something in it.
    Name(String => String), "must not be empty", |text| (!text.trim().is_empty()).then_some(text)
);
checked!(
    /// A point in time.
    Moment(String => Timestamp), "must be a date and time in RFC 3339", |text| time::parse(&text)
);
checked!(
    /// `2026-11-20`.
    Day(String => String), "must be a date", |text| {
        let is_day = text.len() == 10 && time::parse(&format!("{text}T00:00:00Z")).is_some();
        is_day.then_some(text)
    }
);
checked!(
    /// Who sees a record: its owner, their group, their groups below, or everybody.
    Visibility(u8 => u8), "must be 1, 3, 5 or 7", |group| Visibility::is_group(group).then_some(group)
);
checked!(
    /// `2026-11-20 09:15:00`, in UTC, as version 1 of the API has it.
    Seconds(String => Timestamp), "must be YYYY-MM-DD HH:MM:SS", |text| {
        let is_spaced = text.len() == 19 && text.as_bytes()[10] == b' ';
        time::parse(&format!("{}Z", text.replace(' ', "T"))).filter(|_| is_spaced)
    }
);
checked!(
    /// No and yes as 0 and 1.
    Flag(u8 => bool), "must be 0 or 1", |flag| (flag < 2).then_some(flag == 1)
);
checked!(
    /// The UUID of a lead's label.
    LabelId(String => String), "must be a UUID", |id| uuid::Uuid::parse_str(&id).is_ok().then_some(id)
);
checked!(
    /// `EUR`.
    Currency(String => String), "must be a currency's code", |code| {
        (code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase())).then_some(code)
    }
);
checked!(
    /// Values by the keys that Pipedrive made for the account's own fields.
    CustomFields(Map<String, Value> => Map<String, Value>), "must have the keys of custom fields", |fields| {
        let is_key = |key: &String| key.len() == 40 && key.bytes().all(|b| b.is_ascii_hexdigit());
        fields.keys().all(is_key).then_some(fields)
    }
);

impl Visibility {
    /// Whether there is such a group.
    pub(super) fn is_group(group: u8) -> bool {
        matches!(group, 1 | 3 | 5 | 7)
    }
}
