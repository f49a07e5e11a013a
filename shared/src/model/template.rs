//! Approved templates: texts with gaps, the only thing that some providers let a company send outside the reply window.

use serde::{Deserialize, Serialize};

/// A template, as the provider approved it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// The provider's id, unique by name and language.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its language, e.g. `en_US`.
    pub language: String,
    /// All that it says, header, body and footer by lines, with gaps like `{{1}}` or `{{first_name}}`.
    pub content: String,
    /// What the adapter needs to send it. Opaque to all others.
    #[serde(default)]
    pub data: serde_json::Value,
}

/// A template with its gaps filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilledTemplate {
    /// The template.
    pub template: Template,
    /// What goes into the gaps, in the order in which they stand in `content`.
    pub values: Vec<String>,
}

impl FilledTemplate {
    /// All that it says.
    pub fn text(&self) -> String {
        let mut values = self.values.iter().map(String::as_str);
        let said = |piece| match piece {
            Piece::Literal(text) => text,
            Piece::Gap => values.next().unwrap_or_default(),
        };
        pieces(&self.template.content).into_iter().map(said).collect()
    }
}

/// A stretch of a template's content.
enum Piece<'a> {
    Literal(&'a str),
    Gap,
}

fn pieces(content: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = content;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}").filter(|(name, _)| is_name(name)) else { break };
        debug_assert!(!name.is_empty());
        if !before.is_empty() {
            pieces.push(Piece::Literal(before));
        }
        pieces.push(Piece::Gap);
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest));
    }
    pieces
}

fn is_name(text: &str) -> bool {
    let text = text.trim();
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

impl Template {
    /// The names in the gaps of `content`, in their order, repeated ones included.
    pub fn gaps(&self) -> Vec<String> {
        let mut gaps = Vec::new();
        let mut rest = self.content.as_str();
        while let Some((_, after)) = rest.split_once("{{") {
            let Some((name, after)) = after.split_once("}}").filter(|(name, _)| is_name(name)) else { break };
            gaps.push(name.trim().to_owned());
            rest = after;
        }
        gaps
    }

    /// What `text` fills the gaps with, if it is this template's content otherwise. White space at the ends does not count;
    /// a gap takes at least one character, and as few as possible.
    pub fn filled_by(&self, text: &str) -> Option<Vec<String>> {
        let text = normalized(text);
        let content = normalized(&self.content);
        let mut values = Vec::new();
        matches(&pieces(&content), &text, &mut values).then_some(values)
    }
}

/// Line ends as one character, none at the ends.
fn normalized(text: &str) -> String {
    text.trim().replace("\r\n", "\n")
}

/// Whether `text` is made of `pieces`; if so, `values` holds what is in the gaps. Each literal after a gap is looked for at
/// its first place, the last one at the end: that finds a way whenever there is one, in time linear to the text.
fn matches(pieces: &[Piece<'_>], text: &str, values: &mut Vec<String>) -> bool {
    let mut rest = text;
    let mut open = false;
    for (position, piece) in pieces.iter().enumerate() {
        let is_last = position + 1 == pieces.len();
        match piece {
            // Two gaps side by side: the first takes one character.
            Piece::Gap if open => {
                let Some(first) = rest.chars().next() else { return false };
                let (value, after) = rest.split_at(first.len_utf8());
                values.push(value.to_owned());
                rest = after;
            }
            Piece::Gap => open = true,
            Piece::Literal(literal) if !open => {
                let Some(after) = rest.strip_prefix(literal) else { return false };
                rest = after;
            }
            Piece::Literal(literal) => {
                let first = rest.chars().next().map_or(0, char::len_utf8);
                let found = if is_last {
                    rest.len().checked_sub(literal.len()).filter(|at| *at >= first.max(1) && rest.ends_with(literal))
                } else {
                    rest.get(first..).and_then(|tail| tail.find(literal)).map(|at| at + first)
                };
                let Some(at) = found.filter(|_| first > 0) else { return false };
                values.push(rest[..at].to_owned());
                rest = &rest[at + literal.len()..];
                open = false;
            }
        }
    }
    if open {
        values.push(rest.to_owned());
        return !rest.is_empty();
    }
    rest.is_empty()
}

/// The template whose content `text` is, and what it fills the gaps with. The one with the most words of its own wins.
pub fn find(templates: &[Template], text: &str) -> Option<FilledTemplate> {
    let own_words = |template: &Template| -> usize {
        pieces(&template.content).iter().map(|piece| if let Piece::Literal(text) = piece { text.len() } else { 0 }).sum()
    };
    templates
        .iter()
        .filter(|template| own_words(template) > 0)
        .filter_map(|template| Some(FilledTemplate { values: template.filled_by(text)?, template: template.clone() }))
        .max_by_key(|filled| own_words(&filled.template))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(content: &str) -> Template {
        Template {
            id: content.to_owned(),
            name: "t".to_owned(),
            language: "en".to_owned(),
            content: content.to_owned(),
            data: serde_json::Value::Null,
        }
    }

    #[test]
    fn a_text_fills_the_gaps_or_is_another() {
        let cases: [(&str, &str, Option<&[&str]>); 14] = [
            ("Hi {{1}}, order {{2}} is ready.", "Hi Ada, order A-17 is ready.", Some(&["Ada", "A-17"])),
            ("Hi {{1}}, order {{2}} is ready.", " Hi Ada, order A-17 is ready.\n", Some(&["Ada", "A-17"])),
            ("Hi {{1}}, order {{2}} is ready.", "Hi , order A-17 is ready.", None),
            ("Hi {{1}}, order {{2}} is ready.", "Hi Ada, order A-17 is ready", None),
            ("Hi {{first_name}}!", "Hi Ada L.!", Some(&["Ada L."])),
            ("{{1}}", "anything", Some(&["anything"])),
            ("{{1}} and {{1}}", "a and a", Some(&["a", "a"])),
            ("a{{1}}{{2}}b", "axyzb", Some(&["x", "yz"])),
            ("Order {{1}}\nHi {{2}}", "Order 7\r\nHi Ada", Some(&["7", "Ada"])),
            ("No gaps", "No gaps", Some(&[])),
            ("No gaps", "No gap", None),
            ("100 {{%}} sure", "100 {{%}} sure", Some(&[])),
            ("ä{{1}}ä", "äöä", Some(&["ö"])),
            ("ends with {{1}}.", "ends with a. b.", Some(&["a. b"])),
        ];
        for (content, text, expected) in cases {
            let expected = expected.map(|values| values.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>());
            assert_eq!(template(content).filled_by(text), expected, "{content} / {text}");
        }
        assert_eq!(template("{{1}} {{ b_2 }} {{}}").gaps(), ["1", "b_2"]);
    }

    #[test]
    fn a_filled_template_reads_as_it_was_written() {
        for (content, text) in [("Hi {{1}}, order {{2}}!", "Hi Ada, order A-17!"), ("{{a}}{{b}}", "xyz"), ("No gaps", "No gaps")]
        {
            let values = template(content).filled_by(text).unwrap();
            assert_eq!(FilledTemplate { template: template(content), values }.text(), text);
        }
        let short = FilledTemplate { template: template("Hi {{1}}, {{2}}"), values: vec!["Ada".to_owned()] };
        assert_eq!(short.text(), "Hi Ada, ");
    }

    #[test]
    fn the_most_specific_wins_and_one_without_words_never_does() {
        let templates = [template("{{1}}"), template("Hi {{1}}"), template("Hi {{1}}, welcome")];
        assert_eq!(find(&templates, "Hi Ada, welcome").map(|f| f.template.id), Some("Hi {{1}}, welcome".to_owned()));
        assert_eq!(find(&templates, "Hi Ada").map(|f| f.values), Some(vec!["Ada".to_owned()]));
        assert_eq!(find(&templates, "Bye"), None);
    }
}
