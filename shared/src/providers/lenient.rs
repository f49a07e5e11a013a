//! Reading JSON that others write. Numbers may come as strings and strings as numbers, and one broken value must not lose
//! the rest of a batch: every reader here answers `None` instead of failing.

use serde_json::Value;

use crate::model::time::Timestamp;

/// From here on a number of seconds would lie 30 000 years ahead, so it means milliseconds.
const MILLISECONDS_FROM: i64 = 1_000_000_000_000;

/// A webhook's body. A lone half of a surrogate pair, as left by a provider that cut a text within an emoji, and bytes that
/// are not UTF-8 become U+FFFD.
pub(crate) fn body(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes).or_else(|_| serde_json::from_str(&repaired(&String::from_utf8_lossy(bytes)))).ok()
}

/// The items of the array `key`; none if it is missing or no array.
pub(crate) fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The text at a JSON pointer, unless it is blank.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
}

/// An id at a JSON pointer, whether written as string or number.
pub(crate) fn id(value: &Value, pointer: &str) -> Option<String> {
    match value.pointer(pointer)? {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A whole number at a JSON pointer, whether written as number or string.
pub(crate) fn integer(value: &Value, pointer: &str) -> Option<i64> {
    match value.pointer(pointer)? {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => number.as_i64(),
        _ => None,
    }
}

/// A point in time at a JSON pointer: seconds, or milliseconds when the number is too large for seconds.
pub(crate) fn time(value: &Value, pointer: &str) -> Option<Timestamp> {
    let number = integer(value, pointer).filter(|number| *number > 0)?;
    Some(if number >= MILLISECONDS_FROM { Timestamp::from_millis(number) } else { Timestamp::from_secs(number) })
}

/// `json` with U+FFFD in place of each escape of half a surrogate pair.
fn repaired(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let taken = match unit(rest) {
            Some(0xd800..=0xdbff) if matches!(rest.get(6..).and_then(unit), Some(0xdc00..=0xdfff)) => 12,
            Some(0xd800..=0xdfff) => {
                out.push_str("\\ufffd");
                rest = &rest[6..];
                continue;
            }
            Some(_) => 6,
            // A backslash and the character that it escapes, so that `\\u` is not taken for an escape.
            None => rest.chars().take(2).map(char::len_utf8).sum(),
        };
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    out + rest
}

/// The UTF-16 unit that `text` begins with as `\uXXXX`.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    if digits.bytes().all(|b| b.is_ascii_hexdigit()) { u16::from_str_radix(digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn halves_of_surrogate_pairs_do_not_lose_the_rest() {
        let cases = [
            (r#"["cut \ud83d", 1]"#, json!(["cut \u{fffd}", 1])),
            (r#"["\ude00x"]"#, json!(["\u{fffd}x"])),
            (r#"["\ud83d\ud83d\ude00"]"#, json!(["\u{fffd}😀"])),
            (r#"["\\ud83d", "\ud83d"]"#, json!(["\\ud83d", "\u{fffd}"])),
            (r#"["\u00e4\n\"", "\ud83dé"]"#, json!(["ä\n\"", "\u{fffd}é"])),
        ];
        for (text, expected) in cases {
            assert_eq!(body(text.as_bytes()), Some(expected), "{text}");
        }
        assert_eq!(body(b"[\"\xff\"]"), Some(json!(["\u{fffd}"])));
        for broken in ["", "{", "[\"\\", "[\"\\ud83", "\\"] {
            assert_eq!(body(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn numbers_and_strings_are_the_same() {
        let value = json!({"a": "17", "b": 17, "c": {"d": " 1767225600 "}, "ms": 1_767_225_600_123_i64, "zero": "0", "no": [1]});
        assert_eq!((integer(&value, "/a"), integer(&value, "/b"), integer(&value, "/no")), (Some(17), Some(17), None));
        assert_eq!((id(&value, "/a"), id(&value, "/b"), id(&value, "/no")), (Some("17".into()), Some("17".into()), None));
        assert_eq!(time(&value, "/c/d"), Some(Timestamp::from_secs(1_767_225_600)));
        assert_eq!(time(&value, "/ms"), Some(Timestamp::from_millis(1_767_225_600_123)));
        assert_eq!((time(&value, "/zero"), time(&value, "/missing")), (None, None));
    }
}
