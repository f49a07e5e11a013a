//! The fields of a webhook's form. Twilio adds new ones without notice, leaves known ones out, and sends empty ones.

use url::form_urlencoded;

/// Fields by name, in their order. Bytes that are no UTF-8 have become U+FFFD.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads `application/x-www-form-urlencoded`; anything else becomes fields that nobody asks for.
    pub(super) fn parse(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// A field as it was sent; the first of that name. None if it is missing or blank.
    pub(super) fn raw(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(key, value)| key == name && !value.trim().is_empty())?;
        Some(value)
    }

    /// The same without surrounding blanks.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.raw(name).map(str::trim)
    }

    /// Whether the field is there, be it blank.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// A finite number.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.text(name)?.parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// Fields named `prefix` and a number, by that number.
    pub(super) fn numbered(&self, prefix: &str) -> Vec<(usize, &str)> {
        let numbered = |(name, value): &'_ (String, String)| -> Option<usize> {
            let digits = name.strip_prefix(prefix).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
            digits.parse().ok().filter(|_| !value.trim().is_empty())
        };
        let mut found: Vec<(usize, &str)> = self.0.iter().filter_map(|field| Some((numbered(field)?, field.1.trim()))).collect();
        found.sort_by_key(|(number, _)| *number);
        found.dedup_by_key(|(number, _)| *number);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_whatever_is_around_them() {
        let form = Form::parse(b"A=&A=+x+&B=1.5&C=NaN&M10=k&M2=j&M=no&Mx=no&M2=twice&M3=&D=%ff");
        assert_eq!((form.raw("A"), form.text("A"), form.text("E")), (Some(" x "), Some("x"), None));
        assert_eq!((form.number("B"), form.number("C"), form.number("A")), (Some(1.5), None, None));
        assert_eq!(form.numbered("M"), [(2, "j"), (10, "k")]);
        assert!(form.has("M3") && !form.has("E"));
        assert_eq!(form.text("D"), Some("\u{fffd}"));
        assert_eq!(Form::parse(b"{\"A\":1}").text("A"), None);
    }
}
