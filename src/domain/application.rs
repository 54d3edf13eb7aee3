//! An application: a tenant, to which endpoints and events belong.

use std::sync::Arc;

use bytes::Bytes;

use super::id::{ApplicationId, ShardId};
use crate::time::Now;

/// Where an application is found: the shard it was dealt to and its number there.
///
/// Given once and never used again, so that it may stand in rows instead of the id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApplicationKey {
    /// The shard that owns its endpoints and events.
    pub shard: ShardId,
    /// Its number in that shard, from 0.
    pub ordinal: u32,
}

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Where it is found.
    pub key: ApplicationKey,
    /// Its public name.
    pub id: ApplicationId,
    /// The name its owner chose, if any, unique among applications; `limits::NAME_BYTES_MAX` at
    /// most.
    pub uid: Option<Arc<str>>,
    /// What its creator said of it.
    pub registration: Registration,
    /// Whether it was deleted: it is kept so that its place is never given again.
    pub is_deleted: bool,
    /// Grows with each change of it, from 1.
    pub revision: u32,
    /// When it was created.
    pub created_at: Now,
    /// When it was changed last.
    pub updated_at: Now,
}

/// What is said of an application.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registration {
    /// All of it, as a JSON object; opaque here, shown again where it is asked for.
    pub said: Bytes,
    /// How many attempts a second go out over all of its endpoints; `None` for as many as can.
    pub throttle_rate: Option<u16>,
}

/// The `uid` of the application that the original routes and the generator use.
pub const DEFAULT_APPLICATION_UID: &str = "default";
