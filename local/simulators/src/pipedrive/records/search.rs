//! The search for persons (Pipedrive's API reference, "Search persons"), over an index that may lag behind the records.

use std::{
    collections::{BTreeMap, VecDeque},
    iter,
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Ask, Person, Records,
    answer::Refusal,
    paging::{limit, read_cursor, write_cursor},
    query::Query,
};

const PARAMETERS: [&str; 7] = ["term", "fields", "exact_match", "organization_id", "include_fields", "limit", "cursor"];
/// The last of them is for phone numbers, see [`PhoneSearch`].
const FIELDS: [&str; 5] = ["custom_fields", "email", "notes", "name", "phone"];

/// How phone numbers are compared with a term that needs no exact match. It is not documented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PhoneSearch {
    /// By their digits: `5550100` finds `+1 555-0100`.
    #[default]
    Digits,
    /// As they were entered.
    AsStored,
}

/// What searches see.
#[derive(Default)]
pub(super) struct Index {
    requests: usize,
    seen: BTreeMap<u64, Person>,
    /// Changes that are not seen yet, and after how many requests each was made.
    pending: VecDeque<(usize, Person)>,
}

#[derive(Deserialize, Serialize)]
struct Cursor {
    start: usize,
}

impl Index {
    /// One more request for the company's records has come.
    pub(super) fn count_request(&mut self) {
        self.requests += 1;
    }

    /// A person is new, changed or deleted.
    pub(super) fn changed(&mut self, person: Person) {
        self.pending.push_back((self.requests, person));
    }

    /// Takes in what is older than `lag` requests.
    fn catch_up(&mut self, lag: usize) {
        let requests = self.requests;
        let is_due = |(at, _): &mut (usize, Person)| requests.saturating_sub(*at) > lag;
        while let Some((_, person)) = self.pending.pop_front_if(is_due) {
            self.seen.insert(person.id, person);
        }
    }
}

/// What is looked for.
struct Wanted<'a> {
    term: String,
    fields: Vec<&'a str>,
    exact: bool,
    phones: PhoneSearch,
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Whether the text could be a phone number or a part of one.
fn is_number(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_digit() || "+-()./ ".contains(c)) && digits(text).len() > 1
}

impl Wanted<'_> {
    /// How well the person fits, if at all.
    fn score(&self, person: &Person) -> Option<f64> {
        let texts = |field: &str| -> Vec<&str> {
            match field {
                "name" => vec![&person.name],
                "email" => person.emails.iter().map(|entry| entry.value.as_str()).collect(),
                "phone" => person.phones.iter().map(|entry| entry.value.as_str()).collect(),
                // The simulated accounts have neither contact sync nor searchable fields of their own.
                _ => Vec::new(),
            }
        };
        let pairs = self.fields.iter().flat_map(|field| iter::repeat(*field).zip(texts(field)));
        pairs.filter_map(|(field, text)| self.fit(field, text)).max_by(f64::total_cmp)
    }

    fn fit(&self, field: &str, text: &str) -> Option<f64> {
        let text = text.to_lowercase();
        let by_digits = || field == "phone" && self.phones == PhoneSearch::Digits && is_number(&self.term);
        if text == self.term {
            Some(1.0)
        } else if !self.exact && (text.contains(&self.term) || by_digits() && digits(&text).contains(&digits(&self.term))) {
            Some(0.5)
        } else {
            None
        }
    }
}

fn item(person: &Person, score: f64, records: &Records) -> Value {
    let values = |entries: &[super::Entry]| entries.iter().map(|entry| entry.value.clone()).collect::<Vec<_>>();
    let organization = person.org_id.and_then(|id| records.organizations.get_key_value(&id));
    json!({"result_score": score, "item": {
        "id": person.id, "type": "person", "name": person.name,
        "phones": values(&person.phones), "emails": values(&person.emails),
        "visible_to": 3, "owner": {"id": person.owner_id},
        "organization": organization.map(|(id, name)| json!({"id": id, "name": name, "address": null})),
        "custom_fields": [], "notes": [],
    }})
}

/// `GET /persons/search`. Deleted persons are not found.
pub(super) fn persons(records: &mut Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let query = Query::read(ask.query, &[&PARAMETERS])?;
    let exact = query.flag("exact_match")?;
    let term = query.text("term").unwrap_or_default().trim().to_lowercase();
    let shortest = if exact { 1 } else { 2 };
    if term.chars().count() < shortest {
        return Err(Refusal::invalid("term", &format!("must have at least {shortest} characters")));
    }
    let fields = query.words("fields", &FIELDS)?.unwrap_or(FIELDS.to_vec());
    query.words("include_fields", &["person.picture"])?;
    let organization = query.number("organization_id")?;
    let limit = limit(&query)?;
    let start = read_cursor::<Cursor>(&query)?.map_or(0, |cursor| cursor.start);

    records.index.catch_up(ask.settings.search_lag);
    let wanted = Wanted { term, fields, exact, phones: ask.settings.phone_search };
    let living = records.index.seen.values().filter(|person| !person.is_deleted);
    let mut found: Vec<(f64, &Person)> = living
        .filter(|person| organization.is_none_or(|id| person.org_id == Some(id)))
        .filter_map(|person| Some((wanted.score(person)?, person)))
        .collect();
    found.sort_by(|(better, _), (worse, _)| worse.total_cmp(better));
    let items: Vec<Value> = found.iter().skip(start).take(limit).map(|(score, person)| item(person, *score, records)).collect();
    let next = (found.len() > start + limit).then(|| write_cursor(&Cursor { start: start + limit }));
    Ok(json!({"success": true, "data": {"items": items}, "additional_data": {"next_cursor": next}}))
}
