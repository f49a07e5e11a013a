//! What a channel is connected with: an account, and a number or a messaging service that it sends from.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde_json::{Value, json};

use super::address::Address;
use crate::{
    model::ids::AccountId,
    providers::{Account, credentials, error::ProviderError},
};

/// Characters of a SID: two letters and 32 digits and letters.
const SID_CHARS: usize = 34;

/// From where messages are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sender {
    /// A phone number, or one on WhatsApp.
    From(Address),
    /// The SID of a messaging service, which picks one of its numbers.
    Service(String),
}

impl Sender {
    /// Whether it is one of WhatsApp's.
    pub(super) fn is_whatsapp(&self) -> bool {
        matches!(self, Self::From(from) if from.is_whatsapp())
    }
}

/// What a channel is connected with. Has no `Debug`, so that it can't be logged.
pub(super) struct Credentials {
    account_sid: String,
    auth_token: SecretString,
    sender: Sender,
}

impl Credentials {
    /// From the set-up page's JSON. Refusals name the field.
    pub(super) fn read(value: &Value) -> Result<Self, ProviderError> {
        Ok(Self { account_sid: account_sid(value)?, auth_token: auth_token(value)?, sender: sender(value)? })
    }

    /// From the table.
    pub(super) fn stored(credentials: &SecretSlice<u8>) -> Result<Self, ProviderError> {
        Self::read(&credentials::stored(credentials)?)
    }

    pub(super) fn sender(&self) -> &Sender {
        &self.sender
    }

    /// What calls carry, and webhooks are signed with.
    pub(super) fn auth_token(&self) -> &SecretString {
        &self.auth_token
    }

    /// The path of something that belongs to the account.
    pub(super) fn path(&self, rest: &str) -> String {
        format!("/2010-04-01/Accounts/{}{rest}", self.account_sid)
    }

    /// The `Authorization` header of calls.
    pub(super) fn authorization(&self) -> HeaderValue {
        let pair = format!("{}:{}", self.account_sid, self.auth_token.expose_secret());
        let value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)));
        // Base64 is always a valid header.
        let mut value = value.unwrap_or(HeaderValue::from_static(""));
        value.set_sensitive(true);
        value
    }

    /// Whether both send and receive the same, whatever their tokens are.
    pub(super) fn is_same_account(&self, other: &Self) -> bool {
        self.account_sid == other.account_sid && self.sender == other.sender
    }

    /// The number at Twilio whose webhook is ours to set.
    pub(super) fn own_number(&self) -> Option<String> {
        match &self.sender {
            Sender::From(address @ Address::Phone(_)) => Some(address.to_string()),
            Sender::From(_) | Sender::Service(_) => None,
        }
    }

    /// The account as its channel is found again: by account and sender.
    pub(super) fn account(&self) -> Result<Account, ProviderError> {
        let (field, sender) = match &self.sender {
            Sender::From(address) => ("from", address.to_string()),
            Sender::Service(sid) => ("messaging_service_sid", sid.clone()),
        };
        Ok(Account {
            group: None,
            id: AccountId::parse(&format!("{}:{sender}", self.account_sid))
                .map_err(|_| credentials::invalid(field, "is too long"))?,
            credentials: json!({
                "account_sid": self.account_sid, "auth_token": self.auth_token.expose_secret(), field: sender,
            }),
        })
    }
}

/// Twilio itself says whether there is such an account.
fn account_sid(value: &Value) -> Result<String, ProviderError> {
    let sid = credentials::required(value, "account_sid")?;
    if sid.starts_with("AC") && is_word(sid) {
        return Ok(sid.to_owned());
    }
    Err(credentials::invalid("account_sid", "must be AC and letters and digits after it"))
}

/// Nobody is asked whether there is such a service, so it has to look quite like one.
fn service_sid(value: &Value) -> Result<String, ProviderError> {
    let sid = credentials::required(value, "messaging_service_sid")?;
    if sid.starts_with("MG") && sid.len() == SID_CHARS && is_word(sid) {
        return Ok(sid.to_owned());
    }
    Err(credentials::invalid("messaging_service_sid", "must be MG and 32 letters and digits after it"))
}

fn auth_token(value: &Value) -> Result<SecretString, ProviderError> {
    let token = credentials::required(value, "auth_token")?;
    if !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(credentials::invalid("auth_token", "must be one word of ASCII characters"));
    }
    Ok(SecretString::from(token))
}

/// Either a number or a messaging service. A field that is left blank counts as missing.
fn sender(value: &Value) -> Result<Sender, ProviderError> {
    let is_blank = |field| match value.get(field) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.trim().is_empty(),
        Some(_) => false,
    };
    match (is_blank("from"), is_blank("messaging_service_sid")) {
        (true, true) => Err(credentials::invalid("from", "is required, unless there is a messaging_service_sid")),
        (false, false) => Err(credentials::invalid("messaging_service_sid", "must be empty if there is a number in from")),
        (true, false) => service_sid(value).map(Sender::Service),
        (false, true) => number(credentials::required(value, "from")?).map(Sender::From),
    }
}

/// A number as somebody types it: blanks and the like between its digits do not count.
fn number(text: &str) -> Result<Address, ProviderError> {
    let bare: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '\u{a0}')).collect();
    let digits = bare.strip_prefix("whatsapp:").unwrap_or(&bare).strip_prefix('+').unwrap_or_default();
    let is_number = (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    Address::parse(&bare)
        .filter(|_| is_number && !digits.starts_with('0'))
        .ok_or_else(|| credentials::invalid("from", "must be a phone number with + and its country's code, e.g. +15550100000"))
}

/// Whether a SID may stand in a path.
pub(super) fn is_word(sid: &str) -> bool {
    !sid.is_empty() && sid.len() <= 64 && sid.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "AC00000000000000000000000000000001";
    const SERVICE: &str = "MG00000000000000000000000000000001";

    fn given(sender: &Value) -> Value {
        let mut credentials = json!({"account_sid": ACCOUNT, "auth_token": "0123456789abcdef0123456789abcdef"});
        credentials.as_object_mut().unwrap().extend(sender.as_object().unwrap().clone());
        credentials
    }

    #[test]
    fn malformed_fields_are_named() {
        let from = json!({"from": "+15005550001"});
        for (field, value, problem) in [
            ("account_sid", json!("AC/../1"), "must be AC and letters and digits"),
            ("account_sid", json!("SK00000000000000000000000000000001"), "must be AC and"),
            ("account_sid", json!(format!("AC{}", "0".repeat(63))), "must be AC and"),
            ("account_sid", Value::Null, "is required"),
            ("auth_token", json!(""), "must not be empty"),
            ("auth_token", json!("two words"), "must be one word"),
            ("from", json!("15005550001"), "must be a phone number with +"),
            ("from", json!("+0500555000"), "must be a phone number with +"),
            ("from", json!("+1234567890123456"), "must be a phone number with +"),
            ("from", json!("ACME"), "must be a phone number with +"),
            ("from", json!("whatsapp:15005550001"), "must be a phone number with +"),
            ("from", json!(15), "must be a string"),
            ("from", json!(" "), "is required, unless there is a messaging_service_sid"),
            ("messaging_service_sid", json!(SERVICE), "must be empty if there is a number in from"),
        ] {
            let mut credentials = given(&from);
            credentials[field] = value;
            let error = Credentials::read(&credentials).err().expect("refused").for_people();
            assert!(error.starts_with(&format!("credentials.{field} {problem}")), "{error}");
        }
        let error = Credentials::read(&given(&json!({"messaging_service_sid": "MG1"}))).err().expect("refused").for_people();
        assert!(error.starts_with("credentials.messaging_service_sid must be MG and"), "{error}");
        let error = Credentials::read(&given(&json!({}))).err().expect("refused").for_people();
        assert!(error.starts_with("credentials.from is required"), "{error}");
    }

    #[test]
    fn calls_carry_account_and_token() {
        let credentials = Credentials::read(&given(&json!({"from": "+15005550001"}))).ok().unwrap();
        let header = credentials.authorization();
        assert_eq!(header, "Basic QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMTowMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg==");
        assert!(header.is_sensitive(), "not shown by Debug");
        assert_eq!(credentials.path("/Messages.json"), format!("/2010-04-01/Accounts/{ACCOUNT}/Messages.json"));
    }
}
