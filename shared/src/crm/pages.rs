//! Numbered pages of lists that Pipedrive serves part after part. The first page walks the whole list once, to count it and
//! to note where its parts begin; later pages go by these notes, one request each, as long as they are fresh.

use std::time::Duration;

use super::{
    acting::Acting,
    error::CrmError,
    ports::{Walk, WalkStore},
};
use crate::{
    clock::Clock,
    pipedrive::{Batch, MAX_BATCH, error::PipedriveError},
};

/// Entries on a page.
pub const PAGE: usize = 100;
/// Pages in one part of a walk.
const PAGES_IN_PART: usize = MAX_BATCH / PAGE;
/// Most parts that one request walks: ten thousand entries, some seconds, two hundred of the company's daily tokens.
const MAX_PARTS: usize = 20;
/// How long notes are believed. How long Pipedrive's cursors work is not documented.
const FRESH: Duration = Duration::from_mins(5);

/// A page.
#[derive(Debug)]
pub struct Numbered<T> {
    /// Its entries.
    pub items: Vec<T>,
    /// How many entries there are on all pages; at least so many, where the walk has not come to the end.
    pub total: u64,
    /// Whether there is a next page.
    pub more: bool,
}

/// What listing needs.
pub struct PagePorts<'a> {
    /// Notes of walks.
    pub walks: &'a dyn WalkStore,
    /// Who sees the list.
    pub acting: &'a Acting<'a>,
    /// The time.
    pub clock: &'a dyn Clock,
}

/// Page `page` of the list called `name`; `part` brings up to so many entries from a mark on.
pub async fn page<T, F, Answer>(ports: &PagePorts<'_>, name: &str, page: usize, part: F) -> Result<Numbered<T>, CrmError>
where
    F: Fn(Option<String>, usize) -> Answer + Send + Sync,
    Answer: Future<Output = Result<Batch<T>, CrmError>> + Send,
    T: Send,
{
    let (company, user) = (ports.acting.company(), ports.acting.user().await?);
    let (wanted, skip) = (page / PAGES_IN_PART, page % PAGES_IN_PART * PAGE);
    let now = ports.clock.now();
    let fresh = |walk: &Walk| page > 0 && walk.taken_at.plus(FRESH) > now;
    let known = if page == 0 { None } else { ports.walks.walk(company, user, name).await?.filter(fresh) };

    if let Some(walk) = &known {
        let mark = if wanted == 0 { Some(None) } else { walk.marks.get(wanted - 1).cloned().map(Some) };
        match mark {
            Some(mark) => match part(mark, skip + PAGE).await {
                Ok(batch) => return Ok(cut(batch.items, page, skip, walk.total, walk.complete)),
                // The mark is no good any more.
                Err(CrmError::Pipedrive(PipedriveError::Invalid { .. })) => {}
                Err(error) => return Err(error),
            },
            None if walk.complete => return Ok(cut(Vec::new(), page, skip, walk.total, true)),
            None => {}
        }
    }

    let mut walk = known.filter(|walk| !walk.complete && walk.marks.len() < wanted).unwrap_or_else(|| Walk::begin(now));
    // A walk that goes on has counted the parts before its last mark.
    walk.total = u64::try_from(walk.marks.len() * MAX_BATCH).unwrap_or(u64::MAX);
    let mut items = Vec::new();
    for _ in 0..MAX_PARTS {
        let at = walk.marks.len();
        let batch = part(walk.marks.last().cloned(), MAX_BATCH).await?;
        walk.total += u64::try_from(batch.items.len()).unwrap_or(u64::MAX);
        if at == wanted {
            items = batch.items;
        }
        let Some(next) = batch.next else {
            walk.complete = true;
            break;
        };
        walk.marks.push(next);
    }
    if !walk.marks.is_empty() {
        ports.walks.save_walk(company, user, name, &walk, now.plus(FRESH)).await?;
    }
    Ok(cut(items, page, skip, walk.total, walk.complete))
}

fn cut<T>(items: Vec<T>, page: usize, skip: usize, total: u64, complete: bool) -> Numbered<T> {
    let items: Vec<T> = items.into_iter().skip(skip).take(PAGE).collect();
    let shown = u64::try_from(page * PAGE + items.len()).unwrap_or(u64::MAX);
    // What came to the list since it was counted counts too.
    let total = if items.is_empty() { total } else { total.max(shown) };
    Numbered { more: shown < total || !complete, items, total }
}
