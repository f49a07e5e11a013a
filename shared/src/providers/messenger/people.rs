//! Who is in a chat: the page on one side, on the other a customer whom the page knows by a page-scoped id ("PSID").

use crate::{
    model::{conversation::Customer, ids::ContactKey, time::Timestamp},
    providers::error::{ProviderError, Refusal},
};

use super::REPLY_WINDOW;

/// For a customer of whom Messenger tells no name.
const NAMELESS: &str = "Messenger user";

/// The name under which a customer is known. None if Meta never gives such an id.
pub(super) fn key(psid: &str) -> Option<ContactKey> {
    ContactKey::parse(&format!("psid:{psid}")).ok()
}

/// The id behind the name.
pub(super) fn psid(key: &ContactKey) -> Result<&str, ProviderError> {
    key.as_str().strip_prefix("psid:").ok_or_else(|| ProviderError::Refused {
        refusal: Refusal::NotFound,
        code: "unknown_recipient".to_owned(),
        message: "The customer has no id at Messenger to send to.".to_owned(),
    })
}

/// A customer, and whether the name is their own.
pub(super) fn customer(key: ContactKey, name: Option<&str>) -> (Customer, bool) {
    (Customer::new(vec![key], name.unwrap_or(NAMELESS).trim().to_owned()), name.is_some())
}

/// The end of the reply window that something done `at` that time opens, rounded down to the minute, which is as finely as
/// Pipedrive is told.
pub(super) fn reply_by(at: Timestamp) -> Timestamp {
    let minute = 60;
    Timestamp::from_secs(at.plus(REPLY_WINDOW).secs() / minute * minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        let ada = key("7001").unwrap();
        assert_eq!((ada.as_str(), psid(&ada).unwrap()), ("psid:7001", "7001"));
        assert_eq!(psid(&ContactKey::parse("phone:1").unwrap()).unwrap_err().code(), "unknown_recipient");
        assert_eq!(customer(ada.clone(), Some(" Ada L ")), (Customer::new(vec![ada.clone()], "Ada L".to_owned()), true));
        assert_eq!(customer(ada.clone(), None), (Customer::new(vec![ada], "Messenger user".to_owned()), false));
        assert_eq!(key(&"7".repeat(600)), None);
    }

    #[test]
    fn windows_end_on_a_minute() {
        for (at, expected) in [(1_767_225_600_123, "2026-01-02 00:00"), (1_767_225_659_999, "2026-01-02 00:00")] {
            let until = reply_by(Timestamp::from_millis(at));
            assert_eq!((until.minute().as_str(), until.millis() % 60_000), (expected, 0));
        }
    }
}
