//! A call that is repeated with the same `Idempotency-Key` is made once and answered twice. Successes are kept for a day;
//! refusals are not, so that a corrected call may follow under the same key.

use std::time::Duration;

use aws_lc_rs::digest;

use super::{
    error::CrmError,
    ports::{Attempt, Begun, IdempotencyStore, StoredAnswer},
};
use crate::{clock::Clock, hex::hex, model::ids::KeyId, telemetry};

/// How long an answer is kept.
const KEPT: Duration = Duration::from_hours(24);
/// Longest name of a call, in characters.
const MAX_NAME_CHARS: usize = 255;
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

/// The name that a caller gave to a call, if it can be one.
pub fn checked(name: &str) -> Result<&str, CrmError> {
    let name = name.trim();
    let is_plain = name.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    if is_plain && (1..=MAX_NAME_CHARS).contains(&name.len()) {
        Ok(name)
    } else {
        Err(CrmError::invalid("Idempotency-Key", "must have 1 to 255 plain characters"))
    }
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
    let attempt = Attempt {
        key: key.clone(),
        call: hashed(format!("{} {}\n{name}", call.0, call.1).as_bytes()),
        body: hashed(body),
        owner: uuid::Uuid::new_v4().to_string(),
    };
    wait_for_turn(store, clock, attempt, WAIT_STEP).await
}

async fn wait_for_turn(
    store: &dyn IdempotencyStore,
    clock: &dyn Clock,
    attempt: Attempt,
    step: Duration,
) -> Result<Turn, CrmError> {
    for _ in 0..WAIT_STEPS {
        let now = clock.now();
        match store.begin(&attempt, now, now.plus(LEASE)).await? {
            Begun::Here => return Ok(Turn::Make(attempt)),
            Begun::Answered(answer) => return Ok(Turn::Repeat(answer)),
            Begun::Different => return Err(CrmError::invalid("Idempotency-Key", "was used with another body")),
            Begun::Elsewhere => tokio::time::sleep(step).await,
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::{clock::SystemClock, inbox::ports::StoreError, model::time::Timestamp};

    /// Says the same each time, and remembers what was begun.
    struct Says(Begun, Mutex<Vec<Attempt>>);

    #[async_trait]
    impl IdempotencyStore for Says {
        async fn begin(&self, attempt: &Attempt, _: Timestamp, _: Timestamp) -> Result<Begun, StoreError> {
            self.1.lock().unwrap().push(attempt.clone());
            Ok(self.0.clone())
        }

        async fn answer(&self, _: &Attempt, _: &StoredAnswer, _: Timestamp) -> Result<(), StoreError> {
            Ok(())
        }

        async fn forget(&self, _: &Attempt) -> Result<(), StoreError> {
            Ok(())
        }
    }

    async fn begun(store: &Says, call: (&str, &str), name: &str, body: &[u8]) -> Result<Turn, CrmError> {
        let key = KeyId::parse("7-00000000").unwrap();
        begin(store, &SystemClock, &key, call, name, body).await
    }

    #[tokio::test]
    async fn an_answer_is_waited_for_but_not_for_ever() {
        let store = Says(Begun::Elsewhere, Mutex::default());
        let text = String::new;
        let key = KeyId::parse("7-00000000").unwrap();
        let attempt = Attempt { key, call: text(), body: text(), owner: text() };
        let outcome = wait_for_turn(&store, &SystemClock, attempt, Duration::ZERO).await;
        assert!(matches!(outcome, Err(CrmError::TooManyRequests { retry_after }) if retry_after == COME_BACK));
        assert_eq!(store.1.lock().unwrap().len(), WAIT_STEPS);
    }

    #[tokio::test]
    async fn method_path_name_and_body_make_a_call() {
        let store = Says(Begun::Here, Mutex::default());
        for (call, name, body) in [
            (("POST", "/v2/contacts"), "a", &b"{}"[..]),
            (("POST", "/v2/contacts"), "a", b"[]"),
            (("POST", "/v2/deals"), "a", b"{}"),
            (("POST", "/v2/contacts"), "b", b"{}"),
        ] {
            assert!(matches!(begun(&store, call, name, body).await, Ok(Turn::Make(_))));
        }
        let seen = store.1.lock().unwrap();
        assert_eq!(seen[0].call, seen[1].call);
        assert_ne!(seen[0].body, seen[1].body);
        assert_ne!(seen[0].call, seen[2].call);
        assert_ne!(seen[0].call, seen[3].call);
        assert!(seen.iter().all(|attempt| attempt.call.len() == 64), "hashes: nothing of the call is in a key");
    }
}
