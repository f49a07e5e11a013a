//! Small pages that say one thing to a person, in the look of the others.

use std::fmt::Write;

use html_escape::{encode_quoted_attribute, encode_text};
use http::StatusCode;

use super::{Response, response};

/// A page with a heading, a sentence and perhaps a link. All of it is escaped.
pub fn message(status: StatusCode, heading: &str, sentence: &str, link: Option<(&str, &str)>) -> Response {
    let (heading, sentence) = (encode_text(heading), encode_text(sentence));
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <link rel=\"icon\" href=\"data:,\"><title>{heading}</title>\
         <link rel=\"stylesheet\" href=\"/inbox/assets/base.css\"></head><body><main class=\"outside\"><h1>{heading}</h1><p>{sentence}</p>"
    );
    if let Some((address, text)) = link {
        // Writing to a String does not fail.
        let _ =
            write!(html, "<p><a class=\"button\" href=\"{}\">{}</a></p>", encode_quoted_attribute(address), encode_text(text));
    }
    html.push_str("</main></body></html>");
    response::html(status, html)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_becomes_markup() {
        let response = message(StatusCode::BAD_REQUEST, "<b>", "a & \"b\"", Some(("/x?a='1'", "<i>")));
        let html = String::from_utf8(response.body().to_vec()).unwrap();
        assert!(!html.contains("<b>") && !html.contains("<i>"));
        assert!(html.contains("a &amp; \"b\"") && html.contains("href=\"/x?a=&#x27;1&#x27;\""));
    }
}
