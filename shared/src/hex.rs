//! Bytes in hexadecimal digits, for hashes and random words that other programs read.

use std::fmt::Write;

/// `bytes` in lower-case digits, two for each.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a String does not fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::hex;

    #[test]
    fn each_byte_has_two_digits() {
        assert_eq!((hex(&[0, 10, 255]), hex(&[])), ("000aff".to_owned(), String::new()));
    }
}
