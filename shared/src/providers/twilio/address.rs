//! Who a message is from or to, as Twilio writes it: `+15550100001`, `whatsapp:+15550100001`, `whatsapp:US.1` for somebody
//! who hides their number, a short code, a sender's name, or another channel's address (`rcs:…`, `messenger:…`).

use std::fmt;

use crate::model::ids::ContactKey;

const WHATSAPP: &str = "whatsapp:";
/// From here on digits without `+` are a phone number that lost it; below, a short code.
const SHORTEST_WITHOUT_PLUS: usize = 10;

/// An address. [`fmt::Display`] writes it as Twilio takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// A phone number: its digits, with the country's code.
    Phone(String),
    /// Somebody on WhatsApp: the digits of their number, or their business-scoped user id.
    Whatsapp(String),
    /// Anything else, as it is.
    Other(String),
}

impl Address {
    /// Reads one; none if it is blank.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix(WHATSAPP) {
            let rest = rest.trim();
            let name = phone_digits(rest).or_else(|| Some(rest.to_owned()).filter(|rest| !rest.is_empty()))?;
            return Some(Self::Whatsapp(name));
        }
        let is_short = !text.starts_with('+') && text.len() < SHORTEST_WITHOUT_PLUS;
        match phone_digits(text).filter(|_| !is_short) {
            Some(digits) => Some(Self::Phone(digits)),
            None => Some(Self::Other(text.to_owned())).filter(|_| !text.is_empty()),
        }
    }

    /// The name under which we know them. The same number is another customer on WhatsApp than in SMS, because an answer
    /// has to go the same way.
    pub(super) fn key(&self) -> Option<ContactKey> {
        let key = match self {
            Self::Phone(digits) => format!("phone:{digits}"),
            Self::Whatsapp(name) => format!("{WHATSAPP}{name}"),
            Self::Other(text) => format!("address:{text}"),
        };
        ContactKey::parse(&key).ok()
    }

    /// Back from [`Address::key`].
    pub(super) fn of_key(key: &ContactKey) -> Option<Self> {
        let (kind, rest) = key.as_str().split_once(':').filter(|(_, rest)| !rest.is_empty())?;
        match kind {
            "phone" => Some(Self::Phone(rest.to_owned())),
            "whatsapp" => Some(Self::Whatsapp(rest.to_owned())),
            "address" => Some(Self::Other(rest.to_owned())),
            _ => None,
        }
    }

    /// The phone number in E.164, if it is one.
    pub(super) fn phone(&self) -> Option<String> {
        match self {
            Self::Phone(digits) => Some(format!("+{digits}")),
            Self::Whatsapp(name) if is_digits(name) => Some(format!("+{name}")),
            Self::Whatsapp(_) | Self::Other(_) => None,
        }
    }

    /// Whether it is one of WhatsApp's.
    pub(super) fn is_whatsapp(&self) -> bool {
        matches!(self, Self::Whatsapp(_))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phone(digits) => write!(f, "+{digits}"),
            Self::Whatsapp(name) if is_digits(name) => write!(f, "{WHATSAPP}+{name}"),
            Self::Whatsapp(name) => write!(f, "{WHATSAPP}{name}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// The digits of a phone number; E.164 has at most 15, and a few more do no harm.
fn phone_digits(text: &str) -> Option<String> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    ((5..=20).contains(&digits.len()) && is_digits(digits)).then(|| digits.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_back_and_lead_to_the_same_place() {
        for (given, key, written, phone) in [
            ("+15550100001", "phone:15550100001", "+15550100001", Some("+15550100001")),
            // A form in which somebody did not encode the plus.
            (" 15550100001", "phone:15550100001", "+15550100001", Some("+15550100001")),
            ("+45123", "phone:45123", "+45123", Some("+45123")),
            ("whatsapp:+15550100001", "whatsapp:15550100001", "whatsapp:+15550100001", Some("+15550100001")),
            ("whatsapp: 15550100001", "whatsapp:15550100001", "whatsapp:+15550100001", Some("+15550100001")),
            ("whatsapp:US.1000000000000001", "whatsapp:US.1000000000000001", "whatsapp:US.1000000000000001", None),
            ("72975", "address:72975", "72975", None),
            ("ACME", "address:ACME", "ACME", None),
            ("rcs:acme_agent", "address:rcs:acme_agent", "rcs:acme_agent", None),
            ("messenger:1234567890123", "address:messenger:1234567890123", "messenger:1234567890123", None),
        ] {
            let address = Address::parse(given).unwrap();
            let named = address.key().unwrap();
            assert_eq!((named.as_str(), address.phone().as_deref()), (key, phone), "{given}");
            assert_eq!(Address::of_key(&named).unwrap().to_string(), written, "{given}");
        }
        assert!(["", " ", "whatsapp:"].iter().all(|text| Address::parse(text).is_none()));
        for key in ["user:1", "phone:", "phone"] {
            assert_eq!(Address::of_key(&ContactKey::parse(key).unwrap()), None, "{key}");
        }
    }
}
