//! Addresses of files: `/media/<target>.<end of life>.<signature>`. Who knows one may fetch the file until then; nobody can
//! make one up. They are made when a message is shown, so a reader always gets one that lasts.

use std::time::Duration;

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::ExposeSecret;

use crate::{
    model::{
        ids::{ConversationId, MessageId},
        time::Timestamp,
    },
    seal::{SealError, Vault},
};

/// How long an address lasts at least.
const LIFETIME: Duration = Duration::from_hours(24);
/// Ends of life are rounded up to this, so that a file keeps its address for a while and browsers keep the file.
const ROUND_SECS: i64 = 24 * 3600;
/// Bytes of a signature: as many as it takes so that guessing is hopeless.
const SIGNATURE: usize = 16;
const PURPOSE: &str = "media links";

/// What an address leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file of a message.
    File {
        /// The message.
        message: MessageId,
        /// Which of its files, from 0.
        position: usize,
        /// The small picture of it.
        preview: bool,
    },
    /// The picture of a conversation's customer.
    Avatar(ConversationId),
}

impl Target {
    fn text(&self) -> String {
        match self {
            Self::File { message, position, preview } => {
                format!("{message}-{position}{}", if *preview { "p" } else { "" })
            }
            Self::Avatar(conversation) => conversation.to_string(),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let Some((message, file)) = text.split_once('-') else {
            return ConversationId::parse(text).ok().map(Self::Avatar);
        };
        let (position, preview) = match file.strip_suffix('p') {
            Some(position) => (position, true),
            None => (file, false),
        };
        Some(Self::File { message: MessageId::parse(message).ok()?, position: position.parse().ok()?, preview })
    }
}

/// Why an address leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It is not one of ours.
    #[error("no such file")]
    Unknown,
    /// It was, but its life is over.
    #[error("the address has expired")]
    Expired,
}

/// Makes addresses.
#[derive(Clone)]
pub struct Links {
    public_url: String,
    key: hmac::Key,
    until: i64,
}

impl Links {
    /// Of files served at `public_url`.
    pub fn new(vault: &Vault, public_url: &str, now: Timestamp) -> Result<Self, SealError> {
        let earliest = now.plus(LIFETIME).secs();
        let until = (earliest + ROUND_SECS - 1) / ROUND_SECS * ROUND_SECS;
        Ok(Self { public_url: public_url.to_owned(), key: key(vault)?, until })
    }

    /// The address of `target`.
    pub fn to(&self, target: &Target) -> String {
        let signed = format!("{}.{}", target.text(), self.until);
        format!("{}/media/{signed}.{}", self.public_url, URL_SAFE_NO_PAD.encode(signature(&self.key, &signed)))
    }
}

/// Where the last segment of an address leads.
pub fn open(vault: &Vault, token: &str, now: Timestamp) -> Result<Target, LinkError> {
    let (signed, given) = token.rsplit_once('.').ok_or(LinkError::Unknown)?;
    let given = URL_SAFE_NO_PAD.decode(given).map_err(|_| LinkError::Unknown)?;
    let key = key(vault).map_err(|_| LinkError::Unknown)?;
    verify_slices_are_equal(&given, &signature(&key, signed)).map_err(|_| LinkError::Unknown)?;
    let (target, until) = signed.split_once('.').ok_or(LinkError::Unknown)?;
    let until: i64 = until.parse().map_err(|_| LinkError::Unknown)?;
    if now.secs() >= until {
        return Err(LinkError::Expired);
    }
    Target::parse(target).ok_or(LinkError::Unknown)
}

fn key(vault: &Vault) -> Result<hmac::Key, SealError> {
    Ok(hmac::Key::new(hmac::HMAC_SHA256, vault.derive(PURPOSE)?.expose_secret()))
}

fn signature(key: &hmac::Key, signed: &str) -> Vec<u8> {
    hmac::sign(key, signed.as_bytes()).as_ref()[..SIGNATURE].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::Place;

    fn vault() -> Vault {
        Vault::parse("0123456789abcdef0123456789abcdef").unwrap()
    }

    const NOW: Timestamp = Timestamp::EPOCH;

    fn token(target: &Target) -> String {
        let url = Links::new(&vault(), "https://x.example", NOW).unwrap().to(target);
        url.strip_prefix("https://x.example/media/").expect("an address of ours").to_owned()
    }

    fn targets() -> [Target; 3] {
        let conversation = ConversationId::new();
        let message = conversation.message(&Place::new(NOW, NOW, 0));
        [
            Target::File { message: message.clone(), position: 0, preview: false },
            Target::File { message, position: 11, preview: true },
            Target::Avatar(conversation),
        ]
    }

    #[test]
    fn an_address_leads_back_for_a_day_at_least() {
        for target in targets() {
            let token = token(&target);
            assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)), "{token}");
            assert_eq!(open(&vault(), &token, NOW), Ok(target.clone()));
            assert_eq!(open(&vault(), &token, NOW.plus(LIFETIME).minus(Duration::from_secs(1))), Ok(target));
            assert_eq!(open(&vault(), &token, NOW.plus(LIFETIME * 2)), Err(LinkError::Expired));
        }
    }

    #[test]
    fn nobody_else_makes_one() {
        let [file, other, _] = targets();
        let (good, swapped) = (token(&file), token(&other));
        let mac = good.rsplit_once('.').unwrap().1;
        let body = swapped.rsplit_once('.').unwrap().0;
        let later = good.replacen(".172800.", ".272800.", 1).replacen(".86400.", ".186400.", 1);
        assert_ne!(later, good);
        for wrong in ["", ".", "a.b.c", &format!("{body}.{mac}"), &good[..good.len() - 1], &later, &format!("{good}x")] {
            assert_eq!(open(&vault(), wrong, NOW), Err(LinkError::Unknown), "{wrong}");
        }
        let another = Vault::parse("abcdef0123456789abcdef0123456789").unwrap();
        assert_eq!(open(&another, &good, NOW), Err(LinkError::Unknown));
    }
}
