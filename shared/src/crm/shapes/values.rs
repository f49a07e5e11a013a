//! Values in bodies: what they are read from, and how they are described. A type whose check says more than its fields describes
//! itself by hand, next to the check.

use std::{collections::BTreeMap, marker::PhantomData};

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Unexpected, Visitor, value::MapAccessDeserializer},
};
use serde_json::Number;

use crate::model::{
    contact::{Email, Origin, Phone},
    ids::{ConversationId, ListId},
    text::clean,
    time::Timestamp,
};

/// Longest name, in characters.
const MAX_NAME: usize = 255;
/// Most values of an origin, and the longest name and value of one, in characters.
const MAX_ORIGIN: (usize, usize, usize) = (20, 64, 2048);
/// Longest id that anybody writes.
const MAX_ID: usize = 64;

/// How a type is described, where its own checks say more than its fields.
macro_rules! described {
    ($name:ident, $schema:tt) => {
        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}

described!(Email, {"type": "string", "maxLength": 254, "pattern": Email::PATTERN});
described!(ConversationId, {"type": "string", "pattern": "^cv_[0-9a-v]{16}$"});
described!(ListId, {"type": "string", "pattern": "^sl_[0-9a-v]{16}$"});

/// An object, and no list of its members' values in their order, which serde would take for one as well.
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = T;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members))
            }
        }

        deserializer.deserialize_map(Members(PhantomData)).map(Self)
    }
}

/// A name. One of nothing but spaces counts as not given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(String);
described!(Name, {"type": "string", "maxLength": MAX_NAME});

impl Name {
    /// The name, unless it is blank.
    pub fn given(self) -> Option<String> {
        (!self.0.is_empty()).then_some(self.0)
    }
}

impl TryFrom<String> for Name {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.chars().count() > MAX_NAME {
            return Err("must have at most 255 characters");
        }
        Ok(Self(clean(text.trim(), text.len())))
    }
}

/// A name that has to be given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct RequiredName(String);
described!(RequiredName, {"type": "string", "minLength": 1, "maxLength": MAX_NAME, "pattern": r"\S"});

impl RequiredName {
    /// As text.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl TryFrom<String> for RequiredName {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let name = Name::try_from(text)?;
        name.given().map(Self).ok_or("must not be empty")
    }
}

/// Text, or a number that stands for its digits; with a part behind the point if there may be one.
struct Written {
    fraction: bool,
}

impl Visitor<'_> for Written {
    type Value = String;
    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.fraction { "a string or a number" } else { "a string or a whole number" })
    }
    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
    fn visit_u64<E>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }
    fn visit_f64<E: Error>(self, number: f64) -> Result<String, E> {
        if self.fraction { Ok(number.to_string()) } else { Err(E::invalid_type(Unexpected::Float(number), &self)) }
    }
}

/// Takes text or a number, then what [`TryFrom`] makes of it.
macro_rules! lenient {
    ($name:ident, fraction: $fraction:literal) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = deserializer.deserialize_any(Written { fraction: $fraction })?;
                Self::try_from(text).map_err(D::Error::custom)
            }
        }
    };
}

/// Whatever somebody takes for an id. One that is no number is as unknown as any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenId(String);
lenient!(GivenId, fraction: false);

impl GivenId {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Pipedrive's number, if it is one.
    pub fn number(&self) -> Option<u64> {
        self.0.bytes().all(|b| b.is_ascii_digit()).then(|| self.0.parse().ok()).flatten()
    }
}

impl TryFrom<String> for GivenId {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let text = text.trim();
        if text.chars().all(|c| c.is_whitespace() || c.is_control()) || text.chars().count() > MAX_ID {
            return Err("must be an id");
        }
        Ok(Self(text.to_owned()))
    }
}

described!(GivenId, {"type": ["string", "integer"], "minLength": 1, "maxLength": MAX_ID, "pattern": r"\S", "minimum": 0});

/// A phone number as somebody wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenPhone(Phone);
lenient!(GivenPhone, fraction: false);

impl GivenPhone {
    /// The number.
    pub fn phone(self) -> Phone {
        self.0
    }
}

impl TryFrom<String> for GivenPhone {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Phone::try_from(text).map(Self)
    }
}

described!(GivenPhone, {
    "type": ["string", "integer"], "pattern": Phone::PATTERN, "minimum": 100_000, "maximum": 999_999_999_999_999_u64,
});

/// An amount of money: digits, and up to two behind a point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount(Number);
lenient!(Amount, fraction: true);

/// What an amount looks like.
const AMOUNT_PATTERN: &str = r"^[0-9]{1,13}(\.[0-9]{1,2})?$";

impl Amount {
    /// As a number.
    pub fn number(self) -> Number {
        self.0
    }
}

impl TryFrom<String> for Amount {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (whole, cents) = text.trim().split_once('.').unwrap_or((text.trim(), "0"));
        let digits = |part: &str, most| (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        let number = if !digits(whole, 13) || !digits(cents, 2) {
            None
        } else if cents.bytes().all(|b| b == b'0') {
            whole.parse().ok().map(|whole: u64| Number::from(whole))
        } else {
            text.trim().parse().ok().and_then(Number::from_f64)
        };
        number.map(Self).ok_or("must be an amount with at most 13 digits before the point and two after it")
    }
}

described!(Amount, {"type": ["string", "number"], "pattern": AMOUNT_PATTERN, "minimum": 0, "maximum": 9_999_999_999_999_u64});

/// A day, as `2026-12-24` or as a moment of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Day(String);
described!(Day, {"type": "string", "format": "date"});

impl TryFrom<String> for Day {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let text = text.trim();
        let day: Option<jiff::civil::Date> = match Timestamp::parse_rfc3339(text) {
            Some(moment) => moment.rfc3339()[..10].parse().ok(),
            None if text.len() == 10 => text.parse().ok(),
            None => None,
        };
        day.map(|day| Self(day.to_string())).ok_or("must be a date like 2026-12-24")
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.0
    }
}

/// How a contact came to us. `url`, `utmSource`, `utmMedium`, `utmCampaign`, `utmTerm` and `utmContent` are usual; any names
/// and texts are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>")]
pub struct GivenOrigin(BTreeMap<String, String>);
described!(GivenOrigin, {
    "type": "object", "maxProperties": MAX_ORIGIN.0, "propertyNames": {"maxLength": MAX_ORIGIN.1},
    "additionalProperties": {"type": "string", "maxLength": MAX_ORIGIN.2},
    "examples": [{"url": "https://example.com/offer", "utmSource": "newsletter"}],
});

impl TryFrom<BTreeMap<String, String>> for GivenOrigin {
    type Error = &'static str;
    fn try_from(given: BTreeMap<String, String>) -> Result<Self, Self::Error> {
        let (count, name, value) = MAX_ORIGIN;
        if given.len() > count {
            return Err("must have at most 20 members");
        }
        if given.iter().any(|(k, v)| k.chars().count() > name || v.chars().count() > value) {
            return Err("must have names of at most 64 characters and values of at most 2048");
        }
        Ok(Self(given))
    }
}

impl From<GivenOrigin> for Origin {
    fn from(given: GivenOrigin) -> Self {
        given.0
    }
}

/// The members of an object; null counts as absent.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<Object<T>>::deserialize(deserializer)?.map(|object| object.0).unwrap_or_default())
}
