//! Ids that Pipedrive writes as numbers in some places and as strings in others.

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;

/// A whole number, written as one or as text.
pub fn read(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

/// [`read`] for `#[serde(deserialize_with)]`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    read(&Value::deserialize(deserializer)?).ok_or_else(|| D::Error::custom("not a whole number"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_and_their_texts_alone() {
        for (value, expected) in [
            (json!(7), Some(7)),
            (json!("7"), Some(7)),
            (json!(""), None),
            (json!("+7"), None),
            (json!(-7), None),
            (json!(7.5), None),
            (json!("99999999999999999999999"), None),
            (json!(null), None),
        ] {
            assert_eq!(read(&value), expected, "{value}");
        }
    }
}
