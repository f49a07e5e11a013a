//! Reading the credentials of a channel, as the set-up page sends them and as they lie sealed in the table.

use secrecy::{ExposeSecret, SecretSlice};
use serde_json::Value;

use super::error::{ProviderError, Refusal};

/// Longest credential that is accepted, in bytes.
const MAX_BYTES: usize = 4096;

/// A field that must be there, without surrounding blanks.
pub(super) fn required<'a>(credentials: &'a Value, field: &'static str) -> Result<&'a str, ProviderError> {
    match credentials.get(field) {
        None | Some(Value::Null) => Err(invalid(field, "is required")),
        Some(Value::String(text)) if text.trim().is_empty() => Err(invalid(field, "must not be empty")),
        Some(Value::String(text)) if text.len() > MAX_BYTES => Err(invalid(field, "is too long")),
        Some(Value::String(text)) => Ok(text.trim()),
        Some(_) => Err(invalid(field, "must be a string")),
    }
}

/// The refusal of a field. `problem` follows its name and never repeats its value.
pub(super) fn invalid(field: &'static str, problem: impl std::fmt::Display) -> ProviderError {
    ProviderError::Refused {
        refusal: Refusal::Invalid,
        code: "invalid_credentials".to_owned(),
        message: format!("credentials.{field} {problem}"),
    }
}

/// Credentials as [`super::Provider::check`] accepted them, from the table.
pub(super) fn stored(credentials: &SecretSlice<u8>) -> Result<Value, ProviderError> {
    serde_json::from_slice(credentials.expose_secret()).map_err(|_| ProviderError::Refused {
        refusal: Refusal::Unauthorized,
        code: "unreadable_credentials".to_owned(),
        message: "The channel's credentials can't be read. Reconnect the channel.".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn faults_name_the_field_and_not_its_value() {
        let cases = [
            (json!({}), "credentials.token is required"),
            (json!({"token": null}), "credentials.token is required"),
            (json!([]), "credentials.token is required"),
            (json!({"token": " "}), "credentials.token must not be empty"),
            (json!({"token": 5}), "credentials.token must be a string"),
            (json!({"token": "x".repeat(5000)}), "credentials.token is too long"),
        ];
        for (credentials, expected) in cases {
            let Err(ProviderError::Refused { refusal: Refusal::Invalid, message, .. }) = required(&credentials, "token") else {
                panic!("{credentials} was accepted");
            };
            assert_eq!(message, expected);
        }
        assert_eq!(required(&json!({"token": " t\n"}), "token").unwrap(), "t");
    }
}
