//! What answers about records have in common: their envelope, and values that Pipedrive writes in more than one way
//! (Pipedrive's API reference, v1 and v2).

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use super::Batch;
use crate::{
    http::number,
    model::{ids::UserId, time::Timestamp},
};

/// `{"success":true,"data":…}` around one record.
#[derive(Deserialize)]
pub(super) struct One<T> {
    pub(super) data: T,
}

/// The same around a list, with where it goes on.
#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
pub(super) struct Many<T> {
    #[serde(default, deserialize_with = "or_default")]
    data: Vec<T>,
    #[serde(default, deserialize_with = "or_default")]
    additional_data: Additional,
}

/// Version 2 names a cursor, version 1 the position of the next entry.
#[derive(Default, Deserialize)]
struct Additional {
    #[serde(default)]
    next_cursor: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pagination: Pagination,
}

#[derive(Default, Deserialize)]
struct Pagination {
    #[serde(default, deserialize_with = "or_default")]
    more_items_in_collection: bool,
    #[serde(default)]
    next_start: Option<u64>,
}

impl<T: DeserializeOwned> Many<T> {
    /// As a batch of what `keep` makes of the entries.
    pub(super) fn batch<U>(self, keep: impl Fn(T) -> Option<U>) -> Batch<U> {
        let Additional { next_cursor, pagination } = self.additional_data;
        let start = pagination.next_start.filter(|_| pagination.more_items_in_collection);
        let next = next_cursor.filter(|cursor| !cursor.is_empty()).or_else(|| Some(start?.to_string()));
        Batch { items: self.data.into_iter().filter_map(keep).collect(), next }
    }
}

/// Null counts as absent.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// The id of a related record: a number, or an object that holds it as `value` or `id`.
pub(super) fn related(value: &Value) -> Option<u64> {
    number::read(value).or_else(|| number::read(value.get("value").or_else(|| value.get("id"))?))
}

/// The id of a user: zero and negative numbers, which stand for nobody, are none.
pub(super) fn user(value: &Value) -> Option<UserId> {
    related(value).filter(|id| *id > 0).map(UserId)
}

/// A time as version 2 writes it (RFC 3339), or as version 1 does (`2026-11-20 09:15:00`, UTC).
pub(super) fn moment(text: Option<&str>) -> Option<Timestamp> {
    let text = text?.trim();
    Timestamp::parse_rfc3339(text).or_else(|| Timestamp::parse_rfc3339(&format!("{}Z", text.replacen(' ', "T", 1))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_read_as_they_come() {
        assert_eq!((related(&json!(8)), related(&json!({"value": "8"})), related(&json!(null))), (Some(8), Some(8), None));
        let at = Timestamp::parse_rfc3339("2026-11-20T09:15:00Z");
        assert_eq!((moment(Some("2026-11-20T09:15:00Z")), moment(Some("2026-11-20 09:15:00"))), (at, at));
        assert_eq!((moment(Some("soon")), moment(None)), (None, None));
    }

    #[test]
    fn the_last_part_of_a_list_has_no_next() {
        for (body, items, next) in [
            (json!({"data": [1, 2], "additional_data": {"next_cursor": "x"}}), 2, Some("x")),
            (json!({"data": [1], "additional_data": {"next_cursor": null}}), 1, None),
            (json!({"data": null, "additional_data": null}), 0, None),
            (
                json!({"data": [1], "additional_data": {"pagination": {"start": 0, "more_items_in_collection": true, "next_start": 1}}}),
                1,
                Some("1"),
            ),
            (
                json!({"data": [1], "additional_data": {"pagination": {"more_items_in_collection": false, "next_start": 1}}}),
                1,
                None,
            ),
            (json!({"data": [1], "additional_data": {"pagination": null}}), 1, None),
        ] {
            let batch = serde_json::from_value::<Many<u64>>(body).unwrap().batch(Some);
            assert_eq!((batch.items.len(), batch.next.as_deref()), (items, next));
        }
    }
}
