//! Keys of the API, as records of the directory keep them: what each may do, never the key itself.

use core::fmt;
use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::capability::{Capabilities, Capability};
use crate::{
    domain::id::{ApplicationId, Id},
    limits,
    time::Timestamp,
};

/// What a key lets its holder do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    Admin,
    /// Offer messages, nothing else.
    Ingest,
    /// Look, but not at secrets.
    Read,
}

impl Scope {
    /// As it stands in requests and answers.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Ingest => "ingest",
            Self::Read => "read",
        }
    }

    /// The scope of a text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::Admin, Self::Ingest, Self::Read];
        all.into_iter().find(|scope| scope.text() == text)
    }

    /// Whether a key of this scope may do what asks for `needed`.
    #[must_use]
    pub fn allows(self, needed: Self) -> bool {
        self == Self::Admin || self == needed
    }
}

/// The SHA-256 of a key: what it is known by.
pub type KeyDigest = [u8; 32];

/// The digest of a key as a caller shows it.
#[must_use]
pub fn digest(key: &[u8]) -> KeyDigest {
    Sha256::digest(key).into()
}

/// The name of a key's record: its digest in hexadecimal digits.
#[must_use]
pub fn record_name(digest: &KeyDigest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A key that carries 256 bits: `fanfare_` and 43 URL-safe characters.
#[must_use]
pub fn text_of(bytes: &[u8; 32]) -> String {
    format!("fanfare_{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// What a key that was made under an idempotency key can be made of again, by who made it. By itself
/// it opens nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed([u8; 32]);

impl Seed {
    /// Of 32 random bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key that who shows `credential` makes under an idempotency key; `None` never happens, since
    /// a code can be made with a credential of any length.
    #[must_use]
    pub fn key(&self, credential: &[u8], idempotency_key: &[u8]) -> Option<String> {
        let code = Hmac::<Sha256>::new_from_slice(credential).ok()?;
        let code = code.chain_update(b"fanfare key made once 1");
        let code = code.chain_update(self.0).chain_update(idempotency_key);
        Some(text_of(&code.finalize().into_bytes().into()))
    }

    fn text(self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0)
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }
}

/// Tells nothing of it.
impl fmt::Debug for Seed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Seed(redacted)")
    }
}

/// Reads what [`record_name`] wrote.
#[must_use]
pub fn named_digest(name: &str) -> Option<KeyDigest> {
    let mut digest = [0; 32];
    let is_fit = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    for (at, byte) in digest.iter_mut().enumerate().filter(|_| is_fit) {
        *byte = u8::from_str_radix(name.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    is_fit.then_some(digest)
}

/// What a token of the portal has and other keys have not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portal {
    /// What its holder may do; it counts instead of a scope.
    pub capabilities: Capabilities,
    /// By what its maker knows it again, to end it with others of the same session.
    pub session: Option<Arc<str>>,
}

impl Portal {
    /// The scope that comes nearest to what its holder may do.
    #[must_use]
    pub fn scope(&self) -> Scope {
        if self.capabilities == Capabilities::view() {
            Scope::Read
        } else {
            Scope::Admin
        }
    }

    /// From the fields of a record; `None` if they make no sense. Before there were capabilities, its
    /// scope said what its holder may do.
    fn read(said: &Value, scope: Scope) -> Option<Self> {
        let given = |field: &str| said.get(field).filter(|value| !value.is_null());
        let capabilities = match given("capabilities") {
            None if scope == Scope::Admin => Capabilities::all(),
            None => Capabilities::view(),
            Some(list) => {
                let texts = list.as_array()?.iter();
                let parsed = texts.map(|one| Capability::parse(one.as_str()?));
                parsed.collect::<Option<_>>()?
            }
        };
        let session = given("session").map(|session| session.as_str().map(Arc::from));
        Some(Self {
            capabilities,
            session: match session {
                None => None,
                Some(session) => Some(session?),
            },
        })
    }
}

/// A key, without what opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// What its owner calls it.
    pub name: String,
    /// What it lets its holder do.
    pub scope: Scope,
    /// The one application it is for; `None` for all.
    pub application: Option<ApplicationId>,
    /// When it ends, in wall time; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// Requests that may be made with it a second; `None` for any number.
    pub rate: Option<u16>,
    /// The beginning of the key, by which people tell keys apart.
    pub hint: String,
    /// What makes it a token of the portal, which goes once it has expired; `None` for other keys.
    pub portal: Option<Portal>,
    /// What its maker can make it of again; `None` if it was made under no idempotency key.
    pub seed: Option<Seed>,
}

impl ApiKey {
    /// The beginning of a key.
    #[must_use]
    pub fn hint_of(key: &str) -> String {
        key.chars().take(limits::API_KEY_HINT_BYTES).collect()
    }

    /// Whether it is over at `wall`.
    #[must_use]
    pub fn is_expired(&self, wall: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= wall)
    }

    /// As its record says it.
    #[must_use]
    pub fn body(&self) -> Bytes {
        let portal = self.portal.as_ref();
        let capabilities = portal.map(|portal| portal.capabilities.iter().map(Capability::text));
        let body = json!({
            "name": self.name,
            "scope": self.scope.text(),
            "application": self.application.map(|id| id.to_string()),
            "expires_us": self.expires_at.map(Timestamp::as_micros),
            "rate": self.rate,
            "hint": self.hint,
            "portal": portal.is_some(),
            "capabilities": capabilities.map(Iterator::collect::<Vec<_>>),
            "session": portal.and_then(|portal| portal.session.as_deref()),
            "seed": self.seed.map(Seed::text),
        });
        body.to_string().into()
    }

    /// From the body of its record; `None` if it makes no sense, and then nobody is let in by it.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        let said: Value = serde_json::from_slice(body).ok()?;
        let text = |field: &str| said.get(field)?.as_str().map(str::to_owned);
        let given = |field: &str| said.get(field).filter(|value| !value.is_null());
        let application = given("application").map(|id| id.as_str()?.parse().ok());
        let expires_at = given("expires_us").map(Value::as_i64);
        let seed = given("seed").map(|seed| Seed::parse(seed.as_str()?));
        let rate = given("rate").map(|rate| u16::try_from(rate.as_u64()?).ok());
        let scope = Scope::parse(&text("scope")?)?;
        let portal = match said.get("portal")?.as_bool()? {
            true => Some(Portal::read(&said, scope)?),
            false => None,
        };
        Some(Self {
            name: text("name")?,
            scope,
            application: optional(application)?,
            expires_at: optional(expires_at)?.map(Timestamp::from_micros),
            rate: optional(rate)?,
            hint: text("hint")?,
            portal,
            seed: optional(seed)?,
        })
    }
}

/// What is absent is `Some(None)`, what is there and makes no sense `None`.
#[expect(
    clippy::option_option,
    reason = "absent and senseless are two things: a key without a bound is not one whose bound can't be read"
)]
const fn optional<T: Copy>(given: Option<Option<T>>) -> Option<Option<T>> {
    match given {
        None => Some(None),
        Some(None) => None,
        Some(some) => Some(some),
    }
}

/// Who asks, once a request was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// What it may do.
    pub scope: Scope,
    /// The one application it may do it for; `None` for all.
    pub application: Option<ApplicationId>,
    /// The key it showed, unless that is the admin key of the configuration or none was asked for.
    pub key: Option<Id>,
    /// What it may do instead of its scope, if it showed a token of the portal.
    pub capabilities: Option<Capabilities>,
}

impl Caller {
    /// Who may do everything.
    pub const ADMIN: Self = Self {
        scope: Scope::Admin,
        application: None,
        key: None,
        capabilities: None,
    };

    /// Who may do nothing: a look at an application that never was.
    pub(super) const NOBODY: Self = Self {
        scope: Scope::Read,
        application: Some(ApplicationId::new(Id::from_value(0))),
        key: None,
        capabilities: None,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ApiKey {
        ApiKey {
            name: "n".into(),
            scope: Scope::Ingest,
            application: Some(ApplicationId::new(Id::from_value(5))),
            expires_at: Some(Timestamp::from_micros(7)),
            rate: Some(3),
            hint: "fanfare_abcde".into(),
            portal: Some(Portal {
                capabilities: [Capability::ViewBase, Capability::CreateAttempts]
                    .into_iter()
                    .collect(),
                session: Some("user_1".into()),
            }),
            seed: Some(Seed::new([200; 32])),
        }
    }

    #[test]
    fn a_key_reads_back_from_its_record() {
        let whole = key();
        assert_eq!(ApiKey::read(&whole.body()), Some(whole.clone()));
        let bare = ApiKey {
            application: None,
            expires_at: None,
            rate: None,
            portal: None,
            seed: None,
            ..whole
        };
        assert_eq!(ApiKey::read(&bare.body()), Some(bare));
    }

    #[test]
    fn a_record_that_makes_no_sense_lets_nobody_in() {
        let body = String::from_utf8(key().body().to_vec()).expect("a text");
        for (from, to) in [
            ("\"scope\":\"ingest\"", "\"scope\":\"root\""),
            ("\"scope\":\"ingest\",", ""),
            ("\"application\":\"app_", "\"application\":\"app"),
            ("\"expires_us\":7", "\"expires_us\":\"never\""),
            ("\"rate\":3", "\"rate\":65536"),
            ("\"CreateAttempts\"", "\"CreateAll\""),
            ("\"session\":\"user_1\"", "\"session\":1"),
            ("\"seed\":\"yMjI", "\"seed\":\"yMj"),
            ("{", ""),
        ] {
            assert!(body.contains(from), "{from} is in {body}");
            let wrong = body.replacen(from, to, 1);
            assert_eq!(ApiKey::read(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_key_ends_at_its_time_and_not_before() {
        assert!(!key().is_expired(Timestamp::from_micros(6)));
        assert!(key().is_expired(Timestamp::from_micros(7)));
    }

    #[test]
    fn a_digest_reads_back_from_its_name() {
        let digest = digest(b"canary");
        let name = record_name(&digest);
        assert_eq!(named_digest(&name), Some(digest));
        for wrong in [
            "",
            &name[1..],
            &name.replace('a', "g"),
            &format!("+{}", &name[1..]),
        ] {
            assert_eq!(named_digest(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_first_key_ever_made_is_read_as_it_was() {
        let body = br#"{"name":"n","scope":"read","application":null,"expires_us":null,"rate":null,"hint":"fanfare_abcde","portal":false}"#;
        let key = ApiKey::read(body).expect("whole");
        assert_eq!((key.scope, key.rate), (Scope::Read, None));
        assert_eq!(key.seed, None);
    }

    #[test]
    fn the_first_tokens_of_the_portal_may_do_what_their_scope_let_them() {
        for (scope, expected) in [
            ("admin", Capabilities::all()),
            ("read", Capabilities::view()),
        ] {
            let body = format!(
                r#"{{"name":"portal","scope":"{scope}","application":null,"expires_us":7,"rate":null,"hint":"fanfare_abcde","portal":true,"seed":null}}"#
            );
            let key = ApiKey::read(body.as_bytes()).expect("whole");
            let portal = key.portal.expect("a token of the portal");
            assert_eq!((portal.capabilities, portal.session), (expected, None));
        }
    }

    #[test]
    fn a_key_is_made_again_of_all_that_it_was_made_of_and_of_nothing_less() {
        let made = |seed: u8, credential: &str, under: &str| {
            let key = Seed::new([seed; 32]).key(credential.as_bytes(), under.as_bytes());
            key.expect("a key")
        };
        let first = made(1, "admin", "k");
        assert_eq!(first.len(), "fanfare_".len() + 43);
        assert_eq!(first, made(1, "admin", "k"));
        for other in [
            made(2, "admin", "k"),
            made(1, "admim", "k"),
            made(1, "admin", "l"),
        ] {
            assert_ne!(first, other);
        }
        let shown = format!("{:?}", Seed::new([200; 32]));
        assert_eq!(shown, "Seed(redacted)");
    }
}
