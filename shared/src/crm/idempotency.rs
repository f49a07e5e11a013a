//! A call that is repeated with the same `Idempotency-Key` is made once and answered twice. Successes are kept for a day;
//! refusals are not, so that a corrected call may follow under the same key.

use std::time::Duration;

use aws_lc_rs::digest;

use super::{
    access::hex,
    error::CrmError,
    ports::{Attempt, Begun, IdempotencyStore, StoredAnswer},
};
use crate::{clock::Clock, model::ids::KeyId, telemetry};

/// How long an answer is kept.
const KEPT: Duration = Duration::from_hours(24);
/// Longest key of a caller, in characters.
pub const MAX_KEY_CHARS: usize = 255;
/// How long one try may take: longer than a function runs.
const LEASE: Duration = Duration::from_secs(30);
/// How long and how often to wait for another's answer.
const WAIT_STEP: Duration = Duration::from_millis(100);
const WAIT_STEPS: usize = 50;
/// When to come back if it takes longer than that.
const COME_BACK: Duration = Duration::from_secs(5);

/// What to do with a call.
#[derive(Debug)]
pub enum Turn {
    /// Make it, and [`end`] it.
    Make(Attempt),
    /// Give this answer again.
    Repeat(StoredAnswer),
}

/// Begins a call that the caller named `name`, or waits for the answer of one that is under way.
pub async fn begin(
    store: &dyn IdempotencyStore,
    clock: &dyn Clock,
    key: &KeyId,
    call: (&str, &str),
    name: &str,
    body: &[u8],
) -> Result<Turn, CrmError> {
    if !(1..=MAX_KEY_CHARS).contains(&name.len()) || !name.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
        return Err(CrmError::invalid("Idempotency-Key", "must have 1 to 255 plain characters"));
    }
    let attempt = Attempt {
        key: key.clone(),
        call: hashed(format!("{} {}\n{name}", call.0, call.1).as_bytes()),
        body: hashed(body),
        owner: uuid::Uuid::new_v4().to_string(),
    };
    for _ in 0..WAIT_STEPS {
        let now = clock.now();
        match store.begin(&attempt, now, now.plus(LEASE)).await? {
            Begun::Here => return Ok(Turn::Make(attempt)),
            Begun::Answered(answer) => return Ok(Turn::Repeat(answer)),
            Begun::Different => return Err(CrmError::invalid("Idempotency-Key", "was used with another body")),
            Begun::Elsewhere => tokio::time::sleep(WAIT_STEP).await,
        }
    }
    Err(CrmError::TooManyRequests { retry_after: COME_BACK })
}

/// Ends a call: a success is kept, anything else is forgotten. The caller gets their answer whatever becomes of this.
pub async fn end(store: &dyn IdempotencyStore, clock: &dyn Clock, attempt: &Attempt, answer: Option<&StoredAnswer>) {
    let ended = match answer {
        Some(answer) => store.answer(attempt, answer, clock.now().plus(KEPT)).await,
        None => store.forget(attempt).await,
    };
    if let Err(error) = ended {
        telemetry::log_error("the answer to a call is not kept", &error);
    }
}

fn hashed(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}
