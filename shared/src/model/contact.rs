//! What the bundle itself knows of a contact. The contact is a person in Pipedrive; this is what Pipedrive has no place for,
//! and how e-mail addresses and phone numbers are compared.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    ids::{ConversationId, ListId, PersonId},
    time::Timestamp,
};

/// Fewest and most digits of a phone number (ITU-T E.164 names 15 as the most).
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 6..=15;
/// Two numbers that agree in this many digits at their end are the same one, written with and without its country.
const TELLING_DIGITS: usize = 9;
/// Longest e-mail address (RFC 5321, 4.5.3.1.3, less the angle brackets).
const MAX_EMAIL: usize = 254;

/// Longest text that may name a contact, in bytes.
const MAX_REFERENCE: usize = 320;

/// An e-mail address: one `@`, plain characters around it, a domain with a dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

impl Email {
    /// What [`Email::parse`] takes, as a regular expression. Length and the dots at the edges come on top.
    pub const PATTERN: &'static str = r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]$";

    /// Takes `text` as an address. Simple and strict: no quotes, no comments, ASCII alone.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@')?;
        let is_local = (1..=64).contains(&local.len()) && local.split('.').all(is_atom);
        let labels: Vec<&str> = domain.split('.').collect();
        let top = labels.last()?;
        let is_domain = labels.len() > 1
            && labels.iter().all(|label| is_label(label))
            && top.len() > 1
            && top.as_bytes()[0].is_ascii_alphabetic();
        (text.len() <= MAX_EMAIL && is_local && is_domain).then(|| Self(text.to_owned()))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As it is compared: providers tell no capitals apart.
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// Whether `other` is the same address.
    pub fn is(&self, other: &str) -> bool {
        self.0.eq_ignore_ascii_case(other.trim())
    }
}

fn is_atom(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&b))
}

fn is_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edges = [bytes.first(), bytes.last()];
    text.len() <= 63
        && edges.iter().all(|edge| edge.is_some_and(u8::is_ascii_alphanumeric))
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}

impl TryFrom<String> for Email {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("must be a valid email")
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

/// A phone number: its digits, with a plus if it names its country.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Phone(String);

impl Phone {
    /// What [`Phone::parse`] takes, as a regular expression.
    pub const PATTERN: &'static str = r"^\+?[0-9](?:[ ()./-]?[0-9]){5,14}$";

    /// Takes `text` as a number, written with the usual separators.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (plus, rest) = match text.strip_prefix('+') {
            Some(rest) => (true, rest),
            None => match text.strip_prefix("00") {
                Some(rest) => (true, rest),
                None => (false, text),
            },
        };
        if !rest.chars().all(|c| c.is_ascii_digit() || " ()./-\u{a0}".contains(c)) {
            return None;
        }
        let digits = digits(rest);
        PHONE_DIGITS.contains(&digits.len()).then(|| Self(if plus { format!("+{digits}") } else { digits }))
    }

    /// With a plus if it names its country; digits beside.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits alone, as it is looked up.
    pub fn digits(&self) -> &str {
        self.0.trim_start_matches('+')
    }

    /// The last digits, which are the same with and without a country.
    pub fn ending(&self) -> &str {
        let digits = self.digits();
        &digits[digits.len().saturating_sub(TELLING_DIGITS)..]
    }

    /// Whether `other`, written in any way, is the same number. A number without its country is the same as one that ends
    /// in it, if that leaves enough digits to tell.
    pub fn is(&self, other: &str) -> bool {
        let (ours, theirs) = (national(self.digits()), digits(other));
        let theirs = national(&theirs);
        let shorter = ours.len().min(theirs.len());
        ours == theirs || (shorter >= TELLING_DIGITS && (ours.ends_with(theirs) || theirs.ends_with(ours)))
    }
}

impl TryFrom<String> for Phone {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("must be a valid phone number of 6 to 15 digits")
    }
}

impl From<Phone> for String {
    fn from(phone: Phone) -> Self {
        phone.0
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Without the zeros that stand before a number in its own country, or before the country.
fn national(digits: &str) -> &str {
    digits.trim_start_matches('0')
}

/// How a contact came to us: names and values as the creator gave them, e.g. `url` and `utmSource`.
pub type Origin = BTreeMap<String, String>;

/// What is stored about a contact beside Pipedrive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactRecord {
    /// How it came to us.
    #[serde(default)]
    pub origin: Origin,
    /// When this API created it; none if somebody else did.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// The segmentation lists that it is on.
    #[serde(default)]
    pub lists: BTreeSet<ListId>,
    /// The conversations with it.
    #[serde(default)]
    pub conversations: BTreeSet<ConversationId>,
}

/// A list of contacts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentationList {
    /// Ours.
    pub id: ListId,
    /// What it is called.
    pub name: String,
    /// How many contacts are on it.
    pub contacts: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether it is being deleted: it counts as gone already.
    #[serde(default)]
    pub deleted: bool,
}

/// Which contact is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContactRef {
    /// The person with this id.
    Id(PersonId),
    /// Whoever has this address.
    Email(Email),
    /// Whoever has this number, written with a plus.
    Phone(Phone),
}

impl ContactRef {
    /// Reads an id, an e-mail address or a phone number that begins with a plus. None if it is none of them, and so names
    /// nobody.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > MAX_REFERENCE {
            return None;
        }
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().ok().map(|id| Self::Id(PersonId(id)));
        }
        if text.starts_with('+') && !text.contains('@') {
            return Phone::parse(text).map(Self::Phone);
        }
        Email::parse(text).map(Self::Email)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_simple_and_strict() {
        for good in ["a@b.co", " Ada.L+x@mail.example.com ", "o'neil@x-y.museum", "a@1.2.de"] {
            assert!(Email::parse(good).is_some(), "{good}");
        }
        let long = format!("{}@example.com", "a".repeat(65));
        for bad in [
            "",
            "a",
            "@",
            "a@",
            "@b.co",
            "a@b",
            "a@b.c",
            "a@-b.co",
            "a@b-.co",
            "a@b..co",
            "a..b@c.co",
            ".a@b.co",
            "a.@b.co",
            "a b@c.co",
            "\"a b\"@c.co",
            "a@b@c.co",
            "ä@b.co",
            "a@b.1o",
            "a@b.co\n.x",
            &long,
        ] {
            assert_eq!(Email::parse(bad), None, "{bad}");
        }
        let ada = Email::parse("Ada@Example.com").unwrap();
        assert!(ada.is("ada@example.COM") && !ada.is("eve@example.com"));
        assert_eq!((ada.as_str(), ada.key().as_str()), ("Ada@Example.com", "ada@example.com"));
    }

    #[test]
    fn numbers_are_digits_and_compared_by_their_end() {
        for (text, read) in [
            ("+55 (11) 99999-0001", Some("+5511999990001")),
            ("0049 151 234567", Some("+49151234567")),
            ("0151 234567", Some("0151234567")),
            ("12345", None),
            ("+1234567890123456", None),
            ("call me", None),
            ("", None),
        ] {
            assert_eq!(Phone::parse(text).as_ref().map(Phone::as_str), read, "{text}");
        }
        let phone = Phone::parse("+5511999990001").unwrap();
        for (other, same) in [
            ("+55 11 99999-0001", true),
            ("005511999990001", true),
            ("(011) 99999-0001", true),
            ("999990001", true),
            ("99990001", false),
            ("+5511999990002", false),
            ("", false),
        ] {
            assert_eq!(phone.is(other), same, "{other}");
        }
        assert_eq!((phone.digits(), phone.ending()), ("5511999990001", "999990001"));
    }

    #[test]
    fn a_contact_is_named_by_id_address_or_number() {
        assert_eq!(ContactRef::parse("8"), Some(ContactRef::Id(PersonId(8))));
        assert!(matches!(ContactRef::parse("a@b.co"), Some(ContactRef::Email(_))));
        assert!(matches!(ContactRef::parse("+5511999990001"), Some(ContactRef::Phone(_))));
        assert!(matches!(ContactRef::parse("+x@b.co"), Some(ContactRef::Email(_))));
        for nobody in ["", "ada", "8x", "99999999999999999999999", "-8", "+1"] {
            assert_eq!(ContactRef::parse(nobody), None, "{nobody}");
        }
    }
}
