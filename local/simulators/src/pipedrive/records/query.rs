//! Reading queries strictly: unknown and misspelt parameters, and values of another type, are refused.

use std::collections::HashMap;

use shared::model::time::Timestamp;
use url::form_urlencoded;

use super::{answer::Refusal, time};

/// Most ids that a list takes.
const MAX_IDS: usize = 100;
/// Most custom fields that a list takes.
const MAX_CUSTOM_FIELDS: usize = 15;

/// What all lists and single records of version 2 understand.
pub(super) const SHAPING: [&str; 4] = ["include_fields", "custom_fields", "include_labels", "include_option_labels"];

/// The query's parameters.
pub(super) struct Query(HashMap<String, String>);

impl Query {
    /// Reads a query that may have the `known` parameters.
    pub(super) fn read(raw: &str, known: &[&[&str]]) -> Result<Self, Refusal> {
        let parameters: HashMap<String, String> = form_urlencoded::parse(raw.as_bytes()).into_owned().collect();
        match parameters.keys().find(|name| !known.concat().contains(&name.as_str())) {
            Some(unknown) => Err(Refusal::invalid(unknown, "is not allowed")),
            None => Self(parameters).shaped(),
        }
    }

    /// Checks the parameters that only say how much of a record is answered. The simulated records have nothing to add.
    fn shaped(self) -> Result<Self, Refusal> {
        self.flag("include_labels")?;
        self.flag("include_option_labels")?;
        let custom_fields = self.text("custom_fields").map_or(0, |keys| keys.split(',').count());
        if custom_fields > MAX_CUSTOM_FIELDS {
            return Err(Refusal::invalid("custom_fields", "has more than 15 keys"));
        }
        Ok(self)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let number = |text: &str| text.parse().map_err(|_| Refusal::invalid(name, "must be a positive integer"));
        self.text(name).map(number).transpose()
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.text(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Refusal::invalid(name, "must be true or false")),
        }
    }

    /// A word out of `allowed`; the first of them if there is none.
    pub(super) fn word(&self, name: &str, allowed: &[&'static str]) -> Result<&'static str, Refusal> {
        match self.text(name) {
            None => Ok(allowed[0]),
            Some(text) => allowed.iter().copied().find(|word| *word == text).ok_or_else(|| unfit(name, allowed)),
        }
    }

    /// Words out of `allowed`, between commas.
    pub(super) fn words(&self, name: &str, allowed: &[&'static str]) -> Result<Option<Vec<&'static str>>, Refusal> {
        let word = |text: &str| allowed.iter().copied().find(|word| *word == text).ok_or_else(|| unfit(name, allowed));
        self.text(name).map(|text| text.split(',').map(word).collect()).transpose()
    }

    pub(super) fn moment(&self, name: &str) -> Result<Option<Timestamp>, Refusal> {
        let moment = |text: &str| time::parse(text).ok_or_else(|| Refusal::invalid(name, "is not a valid datetime"));
        self.text(name).map(moment).transpose()
    }

    pub(super) fn day(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let is_day = |day: &str| day.len() == 10 && time::parse(&format!("{day}T00:00:00Z")).is_some();
        self.text(name).map(|day| if is_day(day) { Ok(day) } else { Err(Refusal::invalid(name, "must be a date")) }).transpose()
    }

    /// The ids that a list is limited to.
    pub(super) fn ids(&self) -> Result<Option<Vec<u64>>, Refusal> {
        let Some(text) = self.text("ids") else { return Ok(None) };
        let ids: Result<Vec<u64>, _> = text.split(',').map(str::parse).collect();
        match ids {
            Ok(ids) if ids.len() <= MAX_IDS => Ok(Some(ids)),
            _ => Err(Refusal::invalid("ids", "must be up to 100 ids between commas")),
        }
    }

    /// Refuses filters: the simulated account has none.
    pub(super) fn no_filter(&self) -> Result<(), Refusal> {
        self.number("filter_id")?.map_or(Ok(()), |_| Err(Refusal::not_found("Filter not found")))
    }
}

fn unfit(name: &str, allowed: &[&str]) -> Refusal {
    Refusal::invalid(name, &format!("must be one of {}", allowed.join(", ")))
}
