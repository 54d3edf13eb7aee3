//! Signing secrets as they lie in the file: in the clear, or sealed with the master key.
//!
//! A sealed secret is a nonce of 12 bytes and what ChaCha20-Poly1305 (RFC 8439) makes of the
//! secret, 16 bytes longer. The nonce is a keyed hash of the secret and its place, so that the store
//! needs no randomness: equal nonces come only with equal secrets at one place, which tells nothing
//! but that they are equal. The place is sealed along, so that a sealed secret of one endpoint
//! can't be put at another.

use core::fmt;
use std::borrow::Cow;

use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

use super::keys;
use crate::domain::{
    endpoint::EndpointKey,
    master_key::MasterKey,
    secret::{Secret, SecretKind},
};

/// Added to the number of a secret's kind where the secret is sealed.
const SEALED: u8 = 2;
/// Bytes that a sealed secret is longer than the secret: its nonce and its tag.
const ADDED: usize = NONCE_LEN + 16;

/// Why a secret can't be had from its row.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum VaultError {
    /// It is sealed and nobody gave a key; the operator's fault.
    #[error(
        "its signing secrets are sealed: give their master key with FANFARE_MASTER_KEY or \
         FANFARE_MASTER_KEY_FILE; nothing was changed"
    )]
    NoKey,
    /// It is sealed with another key; the operator's fault.
    #[error(
        "its signing secrets are sealed with another master key than that of FANFARE_MASTER_KEY \
         or FANFARE_MASTER_KEY_FILE: give the key they were sealed with; nothing was changed"
    )]
    OtherKey,
    /// What is there is no secret.
    #[error("a signing secret is damaged: see with `fanfare store check`, restore a backup")]
    Damaged,
    /// Nothing could be made of the key; our fault.
    #[error("the master key can't be used: tell the authors of Fanfare")]
    Unfit,
}

/// Seals and opens secrets.
#[derive(Default)]
pub(super) enum Vault {
    /// Without a key: secrets are written in the clear, sealed ones can't be opened.
    #[default]
    Open,
    /// With the master key: every secret that is written is sealed.
    Keyed(Box<Keyed>),
    /// For who looks at files and must not know secrets: sealed ones read as zeros.
    Blind,
}

/// What is made of the master key.
pub(super) struct Keyed {
    /// Seals.
    cipher: LessSafeKey,
    /// Makes nonces.
    nonces: Hmac<Sha256>,
}

/// Prints that there is a vault, never what is in it.
impl fmt::Debug for Vault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Vault(redacted)")
    }
}

impl Vault {
    /// A vault with this key, or an open one.
    pub(super) fn new(key: Option<&MasterKey>) -> Result<Self, VaultError> {
        key.map_or(Ok(Self::Open), |key| {
            let keyed = Keyed::new(key).ok_or(VaultError::Unfit)?;
            Ok(Self::Keyed(Box::new(keyed)))
        })
    }

    /// How a secret is kept, as a number, and what is kept of it.
    pub(super) fn kept<'secret>(
        &self,
        endpoint: EndpointKey,
        secret: &'secret Secret,
    ) -> Result<(u8, Cow<'secret, [u8]>), VaultError> {
        let kind = match secret.kind() {
            SecretKind::Shared => 0,
            SecretKind::Ed25519 => 1,
        };
        match self {
            Self::Open => Ok((kind, Cow::Borrowed(secret.expose()))),
            Self::Keyed(keyed) => {
                let sealed = keyed.sealed(&place(endpoint, kind), secret.expose());
                let sealed = sealed.ok_or(VaultError::Unfit)?;
                Ok((kind + SEALED, Cow::Owned(sealed)))
            }
            Self::Blind => Err(VaultError::NoKey),
        }
    }

    /// The secret that [`kept`](Self::kept) made this of.
    pub(super) fn opened(
        &self,
        endpoint: EndpointKey,
        (how, bytes): (u8, &[u8]),
    ) -> Result<Secret, VaultError> {
        let (kind, is_sealed) = if how < SEALED {
            (how, false)
        } else {
            (how - SEALED, true)
        };
        let opened = match self {
            _ if !is_sealed => Zeroizing::new(bytes.to_vec()),
            Self::Open => return Err(VaultError::NoKey),
            Self::Keyed(keyed) => {
                let opened = keyed.opened(&place(endpoint, kind), bytes);
                opened.ok_or(VaultError::OtherKey)?
            }
            Self::Blind => Zeroizing::new(vec![0; bytes.len().saturating_sub(ADDED)]),
        };
        let secret = match kind {
            0 => Secret::new(opened.to_vec()).ok(),
            1 => opened.as_slice().try_into().ok().map(Secret::ed25519),
            _ => None,
        };
        secret.ok_or(VaultError::Damaged)
    }
}

impl Keyed {
    /// `None` never happens: a key of 32 bytes fits all that is made of it.
    fn new(key: &MasterKey) -> Option<Self> {
        let part = |label: &[u8]| {
            let mac = Hmac::<Sha256>::new_from_slice(key.expose()).ok()?;
            let code = mac.chain_update(label).finalize();
            Some(Zeroizing::new(<[u8; 32]>::from(code.into_bytes())))
        };
        let cipher = part(b"fanfare secrets 1 cipher")?;
        let cipher = UnboundKey::new(&CHACHA20_POLY1305, &*cipher).ok()?;
        let nonces = part(b"fanfare secrets 1 nonces")?;
        Some(Self {
            cipher: LessSafeKey::new(cipher),
            nonces: Hmac::new_from_slice(&*nonces).ok()?,
        })
    }

    /// The nonce, and behind it what the cipher makes of the secret.
    fn sealed(&self, place: &[u8], secret: &[u8]) -> Option<Vec<u8>> {
        let code = self.nonces.clone().chain_update(place);
        let code = code.chain_update(secret).finalize().into_bytes();
        let nonce: [u8; NONCE_LEN] = *code.first_chunk()?;
        // With its full room at once, so that no copy of the secret is left behind.
        let mut sealed = Vec::with_capacity(secret.len() + ADDED);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(secret);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let (_, text) = sealed.split_at_mut_checked(NONCE_LEN)?;
        let cipher = &self.cipher;
        let tag = cipher.seal_in_place_separate_tag(nonce, Aad::from(place), text);
        sealed.extend_from_slice(tag.ok()?.as_ref());
        Some(sealed)
    }

    /// The secret, if it was sealed with this key at this place.
    fn opened(&self, place: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let mut text = Zeroizing::new(text.to_vec());
        let opened = self
            .cipher
            .open_in_place(nonce, Aad::from(place), &mut text);
        let length = opened.ok()?.len();
        text.truncate(length);
        Some(text)
    }
}

/// Where a secret belongs: its endpoint, and what it signs with.
fn place(endpoint: EndpointKey, kind: u8) -> Vec<u8> {
    [&keys::endpoint(endpoint)[..], &[kind]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{application::ApplicationKey, id::ShardId};

    fn endpoint(ordinal: u32) -> EndpointKey {
        EndpointKey {
            application: ApplicationKey {
                shard: ShardId::new(3),
                ordinal: 4,
            },
            ordinal,
        }
    }

    fn vault(byte: u8) -> Vault {
        Vault::new(Some(&MasterKey::new([byte; 32]))).expect("it fits")
    }

    fn secrets() -> [Secret; 4] {
        let shared = |length: u8| Secret::new((0..length).collect()).expect("valid");
        [shared(24), shared(32), shared(64), Secret::ed25519([7; 32])]
    }

    #[test]
    fn a_sealed_secret_opens_with_its_key_at_its_place_alone() {
        for secret in secrets() {
            let (how, sealed) = vault(1).kept(endpoint(5), &secret).expect("sealed");
            let row = (how, &*sealed);
            assert!(
                !sealed
                    .windows(8)
                    .any(|part| secret.expose().starts_with(part))
            );
            assert_eq!(vault(1).opened(endpoint(5), row), Ok(secret.clone()));
            let other = Err(VaultError::OtherKey);
            assert_eq!(vault(2).opened(endpoint(5), row), other);
            assert_eq!(vault(1).opened(endpoint(6), row), other);
            assert_eq!(vault(1).opened(endpoint(5), (how ^ 1, &*sealed)), other);
            assert_eq!(Vault::Open.opened(endpoint(5), row), Err(VaultError::NoKey));
            for bit in 0..sealed.len() * 8 {
                let mut flipped = sealed.to_vec();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(
                    vault(1).opened(endpoint(5), (how, &flipped)),
                    other,
                    "{bit}"
                );
            }
            for length in 0..sealed.len() {
                let cut = vault(1).opened(endpoint(5), (how, &sealed[..length]));
                assert_eq!(cut, other, "{length}");
            }
        }
    }

    #[test]
    fn equal_secrets_at_one_place_are_sealed_alike_and_at_others_differently() {
        let [secret, other, ..] = secrets();
        let sealed = |ordinal, secret: &Secret| {
            let vault = vault(1);
            let (_, sealed) = vault.kept(endpoint(ordinal), secret).expect("sealed");
            sealed.into_owned()
        };
        assert_eq!(sealed(5, &secret), sealed(5, &secret));
        assert_ne!(sealed(5, &secret)[..12], sealed(6, &secret)[..12]);
        assert_ne!(sealed(5, &secret)[..12], sealed(5, &other)[..12]);
    }

    #[test]
    fn a_secret_in_the_clear_is_read_with_and_without_a_key() {
        for secret in secrets() {
            let (how, kept) = Vault::Open.kept(endpoint(5), &secret).expect("kept");
            assert_eq!(&*kept, secret.expose());
            for vault in [Vault::Open, vault(1), Vault::Blind] {
                let opened = vault.opened(endpoint(5), (how, &*kept));
                assert_eq!(opened, Ok(secret.clone()));
            }
        }
        assert_eq!(
            Vault::Open.opened(endpoint(5), (0, &[1; 23])),
            Err(VaultError::Damaged)
        );
        assert_eq!(
            vault(1).opened(endpoint(5), (9, &[1; 32])),
            Err(VaultError::OtherKey)
        );
    }

    #[test]
    fn who_is_blind_reads_zeros_and_writes_nothing() {
        let [secret, ..] = secrets();
        let (how, sealed) = vault(1).kept(endpoint(5), &secret).expect("sealed");
        let read = Vault::Blind.opened(endpoint(5), (how, &*sealed));
        assert_eq!(read.expect("of some length").expose(), [0; 24]);
        assert!(Vault::Blind.kept(endpoint(5), &secret).is_err());
    }

    #[test]
    fn the_form_of_a_sealed_secret_never_changes() {
        let [secret, ..] = secrets();
        let (how, sealed) = vault(1).kept(endpoint(5), &secret).expect("sealed");
        let hash = xxhash_rust::xxh3::xxh3_64(&sealed);
        assert_eq!((how, sealed.len()), (2, 24 + ADDED));
        assert_eq!(
            hash, 0x859e_a53d_1dd2_8a88,
            "a released form stays: {hash:#x}"
        );
    }

    #[test]
    fn neither_a_vault_nor_its_errors_show_what_is_in_it() {
        assert_eq!(format!("{:?}", vault(1)), "Vault(redacted)");
    }
}
