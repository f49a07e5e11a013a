//! Limits on text that comes from outside.

/// Longest message text that is stored, in bytes. The longest that a provider delivers (WhatsApp, 4 096 characters;
/// Messenger inbound somewhat longer) fits with room to spare; a table item holds 400 KB.
pub const MAX_MESSAGE_BYTES: usize = 32 * 1024;

/// Longest name of a person or channel that is stored, in bytes.
pub const MAX_NAME_BYTES: usize = 512;

/// `text` without control characters other than line breaks and tabs, cut to at most `max` bytes at a character's edge.
pub fn clean(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max));
    for c in text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t' | '\r')) {
        if out.len() + c.len_utf8() > max {
            break;
        }
        out.push(c);
    }
    out
}

/// `text` on one line of at most `max` characters.
pub fn shortened(text: &str, max: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= max {
        return line;
    }
    let cut: String = line.chars().take(max.saturating_sub(1)).collect();
    format!("{}…", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn cuts_between_characters_and_drops_controls() {
        assert_eq!(clean("a\u{0}b\nc", 10), "ab\nc");
        assert_eq!(clean("ääää", 5), "ää");
    }
}
