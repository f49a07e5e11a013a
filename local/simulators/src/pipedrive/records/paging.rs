//! Pages with cursors (Pipedrive, "Pagination", cursor-based). A cursor names the first row of the next page by what the
//! rows are sorted by, so it stays good when rows come and go.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::model::time::Timestamp;

use super::{answer::Refusal, query::Query};

/// The parameters of every list.
pub(super) const PAGING: [&str; 4] = ["sort_by", "sort_direction", "limit", "cursor"];
/// What records are sorted by.
pub(super) const BY_TIME: [&str; 3] = ["id", "update_time", "add_time"];

const DEFAULT_LIMIT: u64 = 100;
const MAX_LIMIT: u64 = 500;

/// Something that lists hold.
pub(super) trait Row: Serialize {
    fn id(&self) -> u64;
    fn added(&self) -> Timestamp;
    fn updated(&self) -> Timestamp;
    /// Its place beside others of its kind.
    fn order(&self) -> u64 {
        0
    }
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Cursor {
    field: String,
    field_value: i64,
    sort_direction: String,
    id: u64,
}

/// The size of a page.
pub(super) fn limit(query: &Query) -> Result<usize, Refusal> {
    let limit = query.number("limit")?.unwrap_or(DEFAULT_LIMIT);
    let fits = (1..=MAX_LIMIT).contains(&limit);
    usize::try_from(limit).ok().filter(|_| fits).ok_or_else(|| Refusal::invalid("limit", "must be between 1 and 500"))
}

/// A cursor as it leaves Pipedrive.
pub(super) fn write_cursor(cursor: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(cursor).unwrap_or_default())
}

/// Reads what [`write_cursor`] wrote.
pub(super) fn read_cursor<T: for<'de> Deserialize<'de>>(query: &Query) -> Result<Option<T>, Refusal> {
    let read = |text: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok();
    query.text("cursor").map(|text| read(text).ok_or_else(unfit)).transpose()
}

fn unfit() -> Refusal {
    Refusal::invalid("cursor", "is invalid")
}

fn key<T: Row>(row: &T, field: &str) -> (i64, u64) {
    let value = match field {
        "update_time" => row.updated().secs(),
        "add_time" => row.added().secs(),
        "order_nr" => row.order().cast_signed(),
        _ => row.id().cast_signed(),
    };
    (value, row.id())
}

/// The page of `rows` that the query asks for, sorted by one of `fields`.
pub(super) fn page<'r, T: Row + 'r>(
    rows: impl Iterator<Item = &'r T>,
    query: &Query,
    fields: &[&'static str],
) -> Result<Value, Refusal> {
    let field = query.word("sort_by", fields)?;
    let direction = query.word("sort_direction", &["asc", "desc"])?;
    let limit = limit(query)?;
    let from: Option<Cursor> = read_cursor(query)?;
    if from.as_ref().is_some_and(|cursor| cursor.field != field || cursor.sort_direction != direction) {
        return Err(unfit());
    }
    let mut rows: Vec<&T> = rows.collect();
    rows.sort_by_key(|row| key(*row, field));
    if direction == "desc" {
        rows.reverse();
    }
    let is_before = |row: &T, cursor: &Cursor| {
        let (here, there) = (key(row, field), (cursor.field_value, cursor.id));
        if direction == "desc" { here > there } else { here < there }
    };
    let start = from.map_or(0, |cursor| rows.partition_point(|row| is_before(row, &cursor)));
    let next = rows.get(start + limit).map(|row| {
        let (field_value, id) = key(*row, field);
        write_cursor(&Cursor { field: field.to_owned(), field_value, sort_direction: direction.to_owned(), id })
    });
    let data: Vec<&T> = rows.into_iter().skip(start).take(limit).collect();
    Ok(json!({"success": true, "data": data, "additional_data": {"next_cursor": next}}))
}
