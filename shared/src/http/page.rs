//! Small pages that say one thing to a person, in the look of the set-up page.

use std::fmt::Write;

use http::StatusCode;

use super::{Response, response};

/// A page with a heading, a sentence and perhaps a link. All of it is escaped.
pub fn message(status: StatusCode, heading: &str, sentence: &str, link: Option<(&str, &str)>) -> Response {
    let (heading, sentence) = (escape(heading), escape(sentence));
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <link rel=\"icon\" href=\"data:,\"><title>{heading}</title>\
         <link rel=\"stylesheet\" href=\"/inbox/assets/page.css\"></head><body><main><h1>{heading}</h1><p>{sentence}</p>"
    );
    if let Some((address, text)) = link {
        // Writing to a String does not fail.
        let _ = write!(html, "<p><a class=\"button\" href=\"{}\">{}</a></p>", escape(address), escape(text));
    }
    html.push_str("</main></body></html>");
    response::html(status, html)
}

/// `text` as it may stand in HTML, in an attribute too.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_becomes_markup() {
        let response = message(StatusCode::BAD_REQUEST, "<b>", "a & \"b\"", Some(("/x?a='1'", "<i>")));
        let html = String::from_utf8(response.body().to_vec()).unwrap();
        assert!(!html.contains("<b>") && !html.contains("<i>"));
        assert!(html.contains("a &amp; &quot;b&quot;") && html.contains("href=\"/x?a=&#39;1&#39;\""));
    }
}
