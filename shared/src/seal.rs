//! Encryption at rest for what must not lie in the table in the clear: provider credentials and OAuth tokens.
//!
//! AES-256-GCM. A sealed value is `[key number][12 bytes nonce][ciphertext and tag]`, bound to the record it belongs to by the
//! additional data, so that it cannot be moved to another. The key number says which key of the secret's ring opens it:
//! a new key is put first in the ring, old ones stay until nothing is sealed with them.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hkdf,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretBox, SecretSlice};
use serde::{Deserialize, Serialize};

/// A sealed value. Safe to store, useless without the key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealed(…)")
    }
}

/// Why something could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The ring holds no key, or one that is too short or wrongly numbered.
    #[error("the secret's encryption_key holds no usable key")]
    NoKey,
    /// The value was sealed with a key that the ring no longer holds.
    #[error("no key number {0} in the secret's encryption_key")]
    UnknownKey(u8),
    /// The value was altered, belongs to another record, or is no sealed value.
    #[error("the sealed value does not open")]
    Broken,
}

/// The key ring.
pub struct Vault {
    keys: Vec<(u8, SecretBox<[u8; 32]>)>,
}

/// Fewer characters than this carry too little randomness for a key.
const MIN_KEY_CHARS: usize = 32;

impl Vault {
    /// Reads a ring: `number:key` separated by spaces, the one to seal with first; a bare key is number 1.
    /// A key is any text of 32 characters or more, as a password generator makes it.
    pub fn parse(ring: &str) -> Result<Self, SealError> {
        let keys = ring.split_whitespace().map(parse_key).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(SealError::NoKey) } else { Ok(Self { keys }) }
    }

    /// Seals `plain` for the record that `context` names.
    pub fn seal(&self, context: &str, plain: &[u8]) -> Result<Sealed, SealError> {
        let (number, key) = self.keys.first().ok_or(SealError::NoKey)?;
        let aead = RandomizedNonceKey::new(&AES_256_GCM, key.expose_secret()).map_err(|_| SealError::NoKey)?;
        let mut body = plain.to_vec();
        let nonce = aead.seal_in_place_append_tag(Aad::from(context.as_bytes()), &mut body).map_err(|_| SealError::Broken)?;
        let mut out = vec![*number];
        out.extend_from_slice(nonce.as_ref());
        out.extend_from_slice(&body);
        Ok(Sealed(URL_SAFE_NO_PAD.encode(out)))
    }

    /// Opens what was sealed for the record that `context` names.
    pub fn open(&self, context: &str, sealed: &Sealed) -> Result<SecretSlice<u8>, SealError> {
        let bytes = URL_SAFE_NO_PAD.decode(&sealed.0).map_err(|_| SealError::Broken)?;
        let (number, rest) = bytes.split_first().ok_or(SealError::Broken)?;
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(SealError::Broken)?;
        let (_, key) = self.keys.iter().find(|(n, _)| n == number).ok_or(SealError::UnknownKey(*number))?;
        let aead = RandomizedNonceKey::new(&AES_256_GCM, key.expose_secret()).map_err(|_| SealError::NoKey)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Broken)?;
        let mut body = body.to_vec();
        let plain = aead.open_in_place(nonce, Aad::from(context.as_bytes()), &mut body).map_err(|_| SealError::Broken)?;
        Ok(SecretSlice::from(plain.to_vec()))
    }

    /// Whether `sealed` was sealed with the key that seals now.
    pub fn is_newest(&self, sealed: &Sealed) -> bool {
        let number = URL_SAFE_NO_PAD.decode(&sealed.0).ok().and_then(|bytes| bytes.first().copied());
        number.is_some() && number == self.keys.first().map(|(number, _)| *number)
    }

    /// A key for another purpose, derived from the ring's first: for signatures, never for sealing.
    pub fn derive(&self, purpose: &str) -> Result<SecretBox<[u8; 32]>, SealError> {
        let (_, key) = self.keys.first().ok_or(SealError::NoKey)?;
        expand(key.expose_secret(), purpose)
    }
}

fn parse_key(word: &str) -> Result<(u8, SecretBox<[u8; 32]>), SealError> {
    let (number, text) = match word.split_once(':') {
        Some((number, text)) => (number.parse().map_err(|_| SealError::NoKey)?, text),
        None => (1, word),
    };
    if text.chars().count() < MIN_KEY_CHARS {
        return Err(SealError::NoKey);
    }
    Ok((number, expand(text.as_bytes(), "pigeonpost seal v1")?))
}

fn expand(key: &[u8], purpose: &str) -> Result<SecretBox<[u8; 32]>, SealError> {
    let mut out = Box::new([0_u8; 32]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, b"pigeonpost")
        .extract(key)
        .expand(&[purpose.as_bytes()], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(out.as_mut_slice()))
        .map_err(|_| SealError::NoKey)?;
    Ok(SecretBox::new(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "0123456789abcdef0123456789abcdef";
    const NEW: &str = "fedcba9876543210fedcba9876543210";

    #[test]
    fn opens_only_for_its_record_and_unaltered() {
        let vault = Vault::parse(OLD).unwrap();
        let sealed = vault.seal("channel:1", b"token").unwrap();
        assert_eq!(vault.open("channel:1", &sealed).unwrap().expose_secret(), b"token");
        assert_eq!(vault.open("channel:2", &sealed).unwrap_err(), SealError::Broken);
        assert_ne!(vault.seal("channel:1", b"token").unwrap(), sealed, "a nonce is never used twice");
        for cut in 0..sealed.0.len() {
            assert!(vault.open("channel:1", &Sealed(sealed.0[..cut].to_owned())).is_err());
        }
        assert!(!format!("{sealed:?}").contains(&sealed.0));
    }

    #[test]
    fn keys_rotate() {
        let sealed = Vault::parse(OLD).unwrap().seal("x", b"token").unwrap();
        let rotated = Vault::parse(&format!("2:{NEW} 1:{OLD}")).unwrap();
        assert_eq!(rotated.open("x", &sealed).unwrap().expose_secret(), b"token");
        let resealed = rotated.seal("x", b"token").unwrap();
        assert!(rotated.is_newest(&resealed) && !rotated.is_newest(&sealed));
        assert_eq!(Vault::parse(OLD).unwrap().open("x", &resealed).unwrap_err(), SealError::UnknownKey(2));
    }

    #[test]
    fn weak_rings_are_refused() {
        for ring in ["", "short", "x:0123456789abcdef0123456789abcdef", "300:0123456789abcdef0123456789abcdef"] {
            assert!(Vault::parse(ring).is_err(), "{ring}");
        }
    }
}
