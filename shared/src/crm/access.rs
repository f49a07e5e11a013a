//! Who may call, and how often. A key is `pp_<id>_<secret>`: the id leads to its record in one read, the secret is compared
//! by its hash. The same write that lets a call in counts it, so that all instances of all functions count together.
//!
//! The count is a single point in time, until which the calls so far are worked off at the limit's pace (the generic cell
//! rate algorithm); it may lie ahead of now by as many calls as the key may make at once.

use std::time::Duration;

use aws_lc_rs::{constant_time, digest};

use super::{
    error::CrmError,
    ports::{KeyStore, Spent},
};
use crate::{
    hex::hex,
    model::{
        api_key::{ApiKey, RateLimit, SecretHash},
        ids::KeyId,
        time::Timestamp,
    },
};

/// Begins every key, so that scanners of leaked secrets know one when they see it.
const BEGINNING: &str = "pp_";
/// Characters of a secret: 160 random bits.
pub(super) const SECRET_CHARS: usize = 32;
/// How often a call is counted anew while others of the same key are counted.
const TRIES: usize = 3;

/// The key in a request's header, if it has the shape of one.
struct Presented {
    id: KeyId,
    hash: SecretHash,
}

impl Presented {
    fn parse(text: Option<&str>) -> Option<Self> {
        let (id, secret) = text?.trim().strip_prefix(BEGINNING)?.split_once('_')?;
        if secret.len() != SECRET_CHARS {
            return None;
        }
        Some(Self { id: KeyId::parse(id).ok()?, hash: hash(secret) })
    }

    /// Whether it opens `key`. Takes the same time for every wrong secret.
    fn opens(&self, key: &ApiKey, now: Timestamp) -> bool {
        let is = |hash: &SecretHash| constant_time::verify_slices_are_equal(hash.0.as_bytes(), self.hash.0.as_bytes()).is_ok();
        is(&key.hash) || key.outgoing.as_ref().is_some_and(|old| is(&old.hash) && now < old.until)
    }
}

/// A key as it is shown, once.
pub(super) fn written(id: &KeyId, secret: &str) -> String {
    format!("{BEGINNING}{id}_{secret}")
}

/// What is stored of a secret. It is random and long, so a plain hash of it can't be undone.
pub(super) fn hash(secret: &str) -> SecretHash {
    SecretHash(hex(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref()))
}

/// Lets the key in the header in without counting or writing anything.
pub async fn look(store: &dyn KeyStore, header: Option<&str>, now: Timestamp) -> Result<ApiKey, CrmError> {
    let presented = Presented::parse(header).ok_or(CrmError::Forbidden)?;
    let key = store.key(&presented.id).await?.ok_or(CrmError::Forbidden)?;
    if presented.opens(&key, now) { Ok(key) } else { Err(CrmError::Forbidden) }
}

/// Lets the key in the header in and counts its call: one write after a pause, two within a burst.
pub async fn admit(store: &dyn KeyStore, header: Option<&str>, now: Timestamp) -> Result<ApiKey, CrmError> {
    let presented = Presented::parse(header).ok_or(CrmError::Forbidden)?;
    let mut latest = now;
    for _ in 0..TRIES {
        let seen = match store.spend(&presented.id, &presented.hash, now, latest).await? {
            // The table has compared the hashes, and would not have written otherwise; it is not asked to be careful.
            Spent::Counted(key) if presented.opens(&key, now) => return Ok(key),
            Spent::Counted(_) | Spent::Refused(None) => return Err(CrmError::Forbidden),
            Spent::Refused(Some(key)) => key,
        };
        if !presented.opens(&seen, now) {
            return Err(CrmError::Forbidden);
        }
        latest = now.plus(slack(seen.limit));
        if seen.busy_until > latest {
            return Err(CrmError::TooManyRequests { retry_after: seen.busy_until.since(latest) });
        }
    }
    // Calls of the same key came in between each time.
    Err(CrmError::TooManyRequests { retry_after: Duration::from_secs(1) })
}

/// How long a call counts.
pub fn interval(limit: RateLimit) -> Duration {
    Duration::from_secs(1) / limit.per_second.max(1)
}

/// How far ahead of now calls may be counted.
fn slack(limit: RateLimit) -> Duration {
    interval(limit) * limit.burst.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::{
        inbox::ports::StoreError,
        model::{
            api_key::{Outgoing, Trouble},
            ids::{CompanyId, UserId},
        },
    };

    const SECRET: &str = "0123456789abcdefghijklmnopqrstuv";

    /// One key, with the store's own rules.
    struct One(Mutex<ApiKey>);

    fn key(limit: RateLimit) -> ApiKey {
        ApiKey {
            id: KeyId::parse("7-00000000").unwrap(),
            company: CompanyId(7),
            owner: UserId(9),
            name: "Bot".to_owned(),
            hash: hash(SECRET),
            outgoing: None,
            limit,
            busy_until: Timestamp::EPOCH,
            created_at: Timestamp::EPOCH,
            last_used_at: None,
            trouble: None,
        }
    }

    #[async_trait]
    impl KeyStore for One {
        async fn key(&self, id: &KeyId) -> Result<Option<ApiKey>, StoreError> {
            Ok(Some(self.0.lock().unwrap().clone()).filter(|key| key.id == *id))
        }

        async fn spend(&self, id: &KeyId, hash: &SecretHash, now: Timestamp, latest: Timestamp) -> Result<Spent, StoreError> {
            let mut key = self.0.lock().unwrap();
            if key.id != *id {
                return Ok(Spent::Refused(None));
            }
            let known = key.hash == *hash || key.outgoing.as_ref().is_some_and(|old| old.hash == *hash && now < old.until);
            if !known || key.busy_until > latest {
                return Ok(Spent::Refused(Some(key.clone())));
            }
            key.busy_until = key.busy_until.max(now).plus(interval(key.limit));
            Ok(Spent::Counted(key.clone()))
        }

        async fn keys(&self, _: CompanyId) -> Result<Vec<ApiKey>, StoreError> {
            unreachable!()
        }
        async fn add_key(&self, _: &ApiKey) -> Result<(), StoreError> {
            unreachable!()
        }
        async fn change_key(&self, _: &KeyId, _: &str, _: RateLimit) -> Result<bool, StoreError> {
            unreachable!()
        }
        async fn rotate_key(&self, _: &KeyId, _: &SecretHash, _: &SecretHash, _: Timestamp) -> Result<bool, StoreError> {
            unreachable!()
        }
        async fn delete_key(&self, _: &KeyId) -> Result<bool, StoreError> {
            unreachable!()
        }
        async fn set_trouble(&self, _: &KeyId, _: Option<Trouble>) -> Result<(), StoreError> {
            unreachable!()
        }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + millis)
    }

    fn header() -> String {
        format!("pp_7-00000000_{SECRET}")
    }

    /// Milliseconds until the next try, of a call that is turned away.
    async fn wait(store: &One, millis: i64) -> Option<u128> {
        match admit(store, Some(&header()), at(millis)).await {
            Ok(_) => None,
            Err(CrmError::TooManyRequests { retry_after }) => Some(retry_after.as_millis()),
            Err(other) => panic!("{other}"),
        }
    }

    #[tokio::test]
    async fn five_a_second_two_at_once() {
        let store = One(Mutex::new(key(RateLimit::default())));
        assert_eq!([wait(&store, 0).await, wait(&store, 0).await, wait(&store, 0).await], [None, None, Some(200)]);
        assert_eq!([wait(&store, 199).await, wait(&store, 200).await, wait(&store, 200).await], [Some(1), None, Some(200)]);
        let mut let_in = 0;
        for millis in 1_000..11_000 {
            let_in += usize::from(wait(&store, millis).await.is_none());
        }
        assert_eq!(let_in, 51, "fifty in ten seconds, and one that was saved up");
    }

    #[tokio::test]
    async fn each_key_has_its_own_limit() {
        let store = One(Mutex::new(key(RateLimit { per_second: 1, burst: 1 })));
        assert_eq!([wait(&store, 0).await, wait(&store, 1).await, wait(&store, 1_000).await], [None, Some(999), None]);
    }

    #[tokio::test]
    async fn only_the_very_key_is_let_in() {
        let store = One(Mutex::new(key(RateLimit::default())));
        let good = header();
        let other_id = format!("pp_7-00000001_{SECRET}");
        let other_secret = format!("pp_7-00000000_{}", "0".repeat(SECRET_CHARS));
        for bad in [
            None,
            Some(""),
            Some(SECRET),
            Some(&good[1..]),
            Some(&good[..good.len() - 1]),
            Some("pp_7-00000000"),
            Some("pp__"),
            Some(&other_id),
            Some(&other_secret),
        ] {
            assert!(matches!(admit(&store, bad, at(0)).await, Err(CrmError::Forbidden)), "{bad:?}");
            assert!(matches!(look(&store, bad, at(0)).await, Err(CrmError::Forbidden)), "{bad:?}");
        }
        assert!(look(&store, Some(&good), at(0)).await.is_ok());
        assert_eq!(store.0.lock().unwrap().busy_until, Timestamp::EPOCH, "nothing of this was counted");
        assert!(admit(&store, Some(&format!(" {good} ")), at(0)).await.is_ok());
    }

    #[tokio::test]
    async fn the_secret_before_works_for_a_while() {
        let mut rotated = key(RateLimit::default());
        rotated.outgoing = Some(Outgoing { hash: rotated.hash, until: at(5_000) });
        rotated.hash = hash("another");
        let store = One(Mutex::new(rotated));
        assert!(admit(&store, Some(&header()), at(4_999)).await.is_ok());
        assert!(matches!(admit(&store, Some(&header()), at(5_000)).await, Err(CrmError::Forbidden)));
        assert!(matches!(look(&store, Some(&header()), at(5_000)).await, Err(CrmError::Forbidden)));
    }

    #[test]
    fn hashes_are_sha_256() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash("abc").0, abc);
    }
}
