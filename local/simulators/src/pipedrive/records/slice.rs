//! Pages of version 1 of the API: `start` and `limit` (Pipedrive, "Pagination").

use serde_json::{Value, json};

use super::{answer::Refusal, paging, query::Query};

/// The parameters of every list of version 1.
pub(super) const SLICING: [&str; 3] = ["start", "limit", "sort"];

/// What rows can be sorted by: names, and how to get a text that sorts.
pub(super) type Sort<'s, T> = &'s [(&'static str, fn(&T) -> String)];

/// The slice of `rows` that the query asks for, each as `shown` says.
pub(super) fn slice<T>(
    mut rows: Vec<&T>,
    query: &Query,
    sort: Sort<'_, T>,
    shown: impl Fn(&T) -> Value,
) -> Result<Value, Refusal> {
    for order in query.text("sort").unwrap_or_default().split(',').filter(|order| !order.is_empty()).rev() {
        let (name, direction) = order.trim().split_once(' ').unwrap_or((order.trim(), "ASC"));
        let key = sort.iter().find(|(known, _)| *known == name).map(|(_, key)| key);
        let key = key.ok_or_else(|| Refusal::invalid("sort", "names no field that can be sorted by"))?;
        rows.sort_by_cached_key(|row| key(row));
        match direction.to_ascii_uppercase().as_str() {
            "ASC" => {}
            "DESC" => rows.reverse(),
            _ => return Err(Refusal::invalid("sort", "is neither ASC nor DESC")),
        }
    }
    let limit = paging::limit(query)?;
    let start = usize::try_from(query.number("start")?.unwrap_or(0)).unwrap_or(usize::MAX);
    let end = start.saturating_add(limit);
    let has_more = rows.len() > end;
    let data: Vec<Value> = rows.into_iter().skip(start).take(limit).map(shown).collect();
    let mut pagination = json!({"start": start, "limit": limit, "more_items_in_collection": has_more});
    if has_more {
        pagination["next_start"] = end.into();
    }
    Ok(json!({"success": true, "data": data, "additional_data": {"pagination": pagination}}))
}
