//! Pipedrive's sanitizer for notes. What it lets through is not documented; this lets through what is known to survive:
//! a few tags without attributes, and links to the web. The result is well-formed.

/// Tags that survive.
const TAGS: [&str; 11] = ["p", "br", "b", "i", "u", "a", "ul", "ol", "li", "small", "strong"];
/// Tags that take their content with them.
const RAW: [&str; 7] = ["script", "style", "iframe", "object", "template", "title", "textarea"];

/// What is left of `text`.
pub(super) fn sanitize(text: &str) -> String {
    let (mut clean, mut open, mut rest) = (String::with_capacity(text.len()), Vec::new(), text);
    while let Some(at) = rest.find(['<', '>', '&']) {
        clean.push_str(&rest[..at]);
        rest = &rest[at..];
        let taken = match rest.as_bytes()[0] {
            b'<' => tag(rest, &mut clean, &mut open),
            b'>' => literal(&mut clean, "&gt;"),
            _ if is_entity(rest) => literal(&mut clean, "&"),
            _ => literal(&mut clean, "&amp;"),
        };
        rest = &rest[taken..];
    }
    clean.push_str(rest);
    for name in open.iter().rev() {
        close(&mut clean, name);
    }
    clean
}

fn literal(clean: &mut String, written: &str) -> usize {
    clean.push_str(written);
    1
}

fn close(clean: &mut String, name: &str) {
    clean.extend(["</", name, ">"]);
}

/// Whether an ampersand begins a character reference.
fn is_entity(rest: &str) -> bool {
    let Some(end) = rest.find(';').filter(|end| *end <= 10) else { return false };
    let name = &rest[1..end];
    let digits = name.strip_prefix('#');
    match digits.map(|d| d.strip_prefix(['x', 'X']).map_or((d, 10), |hex| (hex, 16))) {
        Some((digits, base)) => !digits.is_empty() && digits.chars().all(|c| c.is_digit(base)),
        None => !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric()),
    }
}

/// Takes what begins with `<`, and says how many bytes it was.
fn tag(rest: &str, clean: &mut String, open: &mut Vec<&'static str>) -> usize {
    if let Some(comment) = rest.strip_prefix("<!--") {
        return comment.find("-->").map_or(rest.len(), |end| end + 7);
    }
    let is_end = rest[1..].starts_with('/');
    let after = if is_end { 2 } else { 1 };
    let is_declaration = rest[1..].starts_with(['!', '?']);
    if !is_declaration && !rest[after..].starts_with(|c: char| c.is_ascii_alphabetic()) {
        return literal(clean, "&lt;");
    }
    let Some(length) = end_of_tag(rest) else { return rest.len() };
    if is_declaration {
        return length;
    }
    let inside = &rest[after..length - 1];
    let name = inside[..inside.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(inside.len())].to_ascii_lowercase();
    if !is_end && RAW.contains(&name.as_str()) {
        let lower = rest.to_ascii_lowercase();
        let close = lower[length..].find(&format!("</{name}"));
        return close.map_or(rest.len(), |at| length + at + end_of_tag(&rest[length + at..]).unwrap_or(rest.len() - length - at));
    }
    let Some(name) = TAGS.into_iter().find(|tag| *tag == name) else { return length };
    if !is_end {
        clean.push_str(&begin(name, inside));
        if name != "br" {
            open.push(name);
        }
    } else if open.contains(&name) {
        while let Some(last) = open.pop() {
            close(clean, last);
            if last == name {
                break;
            }
        }
    }
    length
}

/// The length of a tag, with its `>`. Quotes may hold others.
fn end_of_tag(rest: &str) -> Option<usize> {
    let mut quote = None;
    rest.char_indices().find_map(|(at, c)| {
        match (quote, c) {
            (None, '>') => return Some(at + 1),
            (None, '"' | '\'') => quote = Some(c),
            (Some(q), c) if q == c => quote = None,
            _ => {}
        }
        None
    })
}

/// A start tag as it is written again.
fn begin(name: &str, inside: &str) -> String {
    match link(inside).filter(|_| name == "a") {
        Some(url) => format!(r#"<a href="{url}">"#),
        None => format!("<{name}>"),
    }
}

/// Where a link leads, if that is to the web or to a mailbox.
fn link(inside: &str) -> Option<String> {
    let at = inside.to_ascii_lowercase().find("href")?;
    let value = inside[at + 4..].trim_start().strip_prefix('=')?.trim_start();
    let url = match value.chars().next()? {
        quote @ ('"' | '\'') => value[1..].split(quote).next()?,
        _ => value.split_whitespace().next()?,
    };
    let scheme = url.split_once(':')?.0.to_ascii_lowercase();
    let is_safe = matches!(scheme.as_str(), "http" | "https" | "mailto");
    is_safe.then(|| url.replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_harmless_is_left() {
        for (written, left) in [
            ("Hello", "Hello"),
            ("<p><b>Ada</b><br/>5 < 6 & 7 &amp; 8 &#128075;</p>", "<p><b>Ada</b><br>5 &lt; 6 &amp; 7 &amp; 8 &#128075;</p>"),
            ("<P CLASS='x' style=\"a>b\" data-id=7>x</P>", "<p>x</p>"),
            ("<!-- m_1 -->a<!DOCTYPE x>b<?php c ?>", "ab"),
            ("<script>alert('</p>')</script>a<SCRIPT src=x></script >b", "ab"),
            ("<script>never closed", ""),
            ("<div><h1>Title</h1><img src=x onerror=alert(1)></div>", "Title"),
            ("<a href=\"https://x.example/?a=1&amp;b\" onclick=\"x()\">y</a>", "<a href=\"https://x.example/?a=1&amp;b\">y</a>"),
            ("<a href='javascript:alert(1)'>y</a><a href=java&#115;cript:x>z</a>", "<a>y</a><a>z</a>"),
            ("<a href='https://x/\"><b onload=1>'>y</a>", "<a href=\"https://x/&quot;&gt;&lt;b onload=1&gt;\">y</a>"),
            ("<ul><li>a<li>b</ul>", "<ul><li>a<li>b</li></li></ul>"),
            ("</p>a<b>b", "a<b>b</b>"),
            ("a < b <", "a &lt; b &lt;"),
            ("<b", ""),
            ("<svg/onload=alert(1)>x", "x"),
            ("<title><p>x</title>&notanentity& &#x; &#xZZ;", "&amp;notanentity&amp; &amp;#x; &amp;#xZZ;"),
            ("Grüße 👋 <i>ß</i>", "Grüße 👋 <i>ß</i>"),
        ] {
            assert_eq!(sanitize(written), left, "{written}");
            assert_eq!(sanitize(left), left, "nothing more to take away");
        }
    }
}
