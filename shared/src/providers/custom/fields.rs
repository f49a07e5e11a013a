//! Reading the fields of an event. What is not as documented becomes an [`InvalidWebhook`] that names the field by its path,
//! e.g. `events[1].from.id`, and never repeats what it holds. `null` is the same as leaving a field out.

use std::borrow::Cow;

use serde_json::Value;
use url::Url;

use crate::{
    http::outside::{self, MAX_URL_BYTES},
    model::{
        contact::Email,
        ids::{ContactKey, ProviderMessageId},
        time::Timestamp,
    },
    providers::InvalidWebhook,
};

/// Longest id, in characters.
const MAX_ID_CHARS: usize = 200;
const NO_ID: &str = "must be 1 to 200 visible ASCII characters without spaces";

type Invalid = InvalidWebhook;

/// Whether `text` can be an id in this contract: 1 to 200 visible ASCII characters.
pub(super) fn is_id(text: &str) -> bool {
    (1..=MAX_ID_CHARS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// A JSON object and where in the body it stands (with a dot at the end, or empty).
pub(super) struct Object<'a> {
    value: &'a Value,
    path: String,
    allow_loopback: bool,
}

impl<'a> Object<'a> {
    /// `allow_loopback` is for addresses of files, see [`outside::check_url`].
    pub(super) fn new(value: &'a Value, path: String, allow_loopback: bool) -> Self {
        Self { value, path, allow_loopback }
    }

    pub(super) fn invalid(&self, field: &str, problem: impl Into<Cow<'static, str>>) -> Invalid {
        Invalid::new(format!("{}{field}", self.path), problem)
    }

    fn get(&self, field: &str) -> Option<&'a Value> {
        self.value.get(field).filter(|value| !value.is_null())
    }

    /// A text of at most `max_chars`; blank counts as absent.
    pub(super) fn said(&self, field: &str, max_chars: usize) -> Result<Option<&'a str>, Invalid> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::String(text)) if text.chars().count() > max_chars => Err(self.invalid(field, "is too long")),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.trim().is_empty())),
            Some(_) => Err(self.invalid(field, "must be a string")),
        }
    }

    /// A text of at most `max_chars` that is not blank.
    pub(super) fn optional(&self, field: &str, max_chars: usize) -> Result<Option<&'a str>, Invalid> {
        let said = self.said(field, max_chars)?;
        if said.is_none() && self.get(field).is_some() { Err(self.invalid(field, "must not be empty")) } else { Ok(said) }
    }

    pub(super) fn required(&self, field: &str, max_chars: usize) -> Result<&'a str, Invalid> {
        self.optional(field, max_chars)?.ok_or_else(|| self.invalid(field, "is required"))
    }

    pub(super) fn optional_object(&self, field: &str) -> Result<Option<Object<'a>>, Invalid> {
        match self.get(field) {
            None => Ok(None),
            Some(value) if value.is_object() => {
                Ok(Some(Object::new(value, format!("{}{field}.", self.path), self.allow_loopback)))
            }
            Some(_) => Err(self.invalid(field, "must be an object")),
        }
    }

    pub(super) fn object(&self, field: &str) -> Result<Object<'a>, Invalid> {
        self.optional_object(field)?.ok_or_else(|| self.invalid(field, "is required"))
    }

    /// The items of an array of at most `max`, each with its path; none if it is absent.
    fn array(&self, field: &str, max: usize) -> Result<Vec<(&'a Value, String)>, Invalid> {
        let Some(value) = self.get(field) else { return Ok(Vec::new()) };
        let items = value.as_array().ok_or_else(|| self.invalid(field, "must be an array"))?;
        if items.len() > max {
            return Err(self.invalid(field, format!("must not hold more than {max}")));
        }
        Ok(items.iter().enumerate().map(|(index, item)| (item, format!("{}{field}[{index}]", self.path))).collect())
    }

    pub(super) fn objects(&self, field: &str, max: usize) -> Result<Vec<Object<'a>>, Invalid> {
        let object = |(value, path): (&'a Value, String)| match value {
            Value::Object(_) => Ok(Object::new(value, format!("{path}."), self.allow_loopback)),
            _ => Err(Invalid::new(path, "must be an object")),
        };
        self.array(field, max)?.into_iter().map(object).collect()
    }

    pub(super) fn texts(&self, field: &str, max: usize, max_chars: usize) -> Result<Vec<String>, Invalid> {
        let text = |(value, path): (&'a Value, String)| match value.as_str() {
            Some(text) if text.trim().is_empty() => Err(Invalid::new(path, "must not be empty")),
            Some(text) if text.chars().count() > max_chars => Err(Invalid::new(path, "is too long")),
            Some(text) => Ok(text.trim().to_owned()),
            None => Err(Invalid::new(path, "must be a string")),
        };
        self.array(field, max)?.into_iter().map(text).collect()
    }

    /// One of `words`, as what it stands for; `problem` says which there are.
    pub(super) fn word<T: Copy>(&self, field: &str, words: &[(&str, T)], problem: &'static str) -> Result<Option<T>, Invalid> {
        let Some(given) = self.optional(field, usize::MAX)? else { return Ok(None) };
        let found = words.iter().find(|(word, _)| *word == given).map(|(_, meaning)| *meaning);
        found.map(Some).ok_or_else(|| self.invalid(field, problem))
    }

    /// A number of degrees from `-most` to `most`.
    pub(super) fn degrees(&self, field: &str, most: f64) -> Result<f64, Invalid> {
        let value = self.get(field).ok_or_else(|| self.invalid(field, "is required"))?;
        let degrees = value.as_f64().ok_or_else(|| self.invalid(field, "must be a number"))?;
        if degrees.abs() <= most { Ok(degrees) } else { Err(self.invalid(field, format!("must be within -{most} and {most}"))) }
    }

    /// A whole number from 0 to `most`.
    pub(super) fn whole(&self, field: &str, most: u64) -> Result<Option<u64>, Invalid> {
        let Some(value) = self.get(field) else { return Ok(None) };
        let number = value.as_u64().filter(|number| *number <= most);
        number.map(Some).ok_or_else(|| self.invalid(field, format!("must be a whole number from 0 to {most}")))
    }

    pub(super) fn optional_id(&self, field: &str) -> Result<Option<ProviderMessageId>, Invalid> {
        let Some(id) = self.optional(field, usize::MAX)? else { return Ok(None) };
        let valid = if is_id(id) { ProviderMessageId::parse(id).ok() } else { None };
        valid.map(Some).ok_or_else(|| self.invalid(field, NO_ID))
    }

    pub(super) fn required_id(&self, field: &str) -> Result<ProviderMessageId, Invalid> {
        self.optional_id(field)?.ok_or_else(|| self.invalid(field, "is required"))
    }

    /// The object's `id`, as that of a customer.
    pub(super) fn customer_key(&self) -> Result<ContactKey, Invalid> {
        let id = self.required_id("id")?;
        ContactKey::parse(&format!("user:{id}")).map_err(|_| self.invalid("id", NO_ID))
    }

    pub(super) fn time(&self, field: &str) -> Result<Option<Timestamp>, Invalid> {
        let Some(text) = self.optional(field, usize::MAX)? else { return Ok(None) };
        let malformed = || self.invalid(field, "must be a time like 2026-11-20T09:15:00Z");
        Timestamp::parse_rfc3339(text).map(Some).ok_or_else(malformed)
    }

    pub(super) fn phone(&self, field: &str) -> Result<Option<String>, Invalid> {
        let Some(text) = self.optional(field, usize::MAX)? else { return Ok(None) };
        let digits = text.strip_prefix('+').unwrap_or_default();
        let is_e164 = (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        if is_e164 { Ok(Some(text.to_owned())) } else { Err(self.invalid(field, "must be in E.164 form, like +15550100001")) }
    }

    pub(super) fn email(&self, field: &str) -> Result<Option<Email>, Invalid> {
        let Some(text) = self.optional(field, usize::MAX)? else { return Ok(None) };
        Email::parse(text).map(Some).ok_or_else(|| self.invalid(field, "must be an e-mail address, like ada@example.com"))
    }

    /// An address for a browser.
    pub(super) fn url(&self, field: &str) -> Result<Option<String>, Invalid> {
        let Some(text) = self.optional(field, MAX_URL_BYTES)? else { return Ok(None) };
        match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "https" | "http") => Ok(Some(url.into())),
            _ => Err(self.invalid(field, "must be an http or https URL")),
        }
    }

    /// An address that is called from here.
    pub(super) fn outside_url(&self, field: &str) -> Result<String, Invalid> {
        let text = self.required(field, usize::MAX)?;
        outside::check_url(text, self.allow_loopback).map(Into::into).map_err(|error| self.invalid(field, error.to_string()))
    }
}
