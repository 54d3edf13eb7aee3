//! I1 and I32: an endpoint is what its owner asked for. One that is durable was made so, or is what it was before but
//! for what was to be other, whether or not somebody was told of it; and it is shown so, over every crash.

use std::sync::Arc;

use http::HeaderMap;
use serde_json::Value;

use crate::{
    domain::{
        command::NewEndpoint,
        endpoint::{DisabledReason, Endpoint, EndpointState, OlderSecret, Target},
        id::{EndpointId, EventId},
        secret::Secret,
    },
    sim::{
        changed::Changed,
        inspection::Inspection,
        operator::ASKED_HEADER,
        seen::{Moment, SeenEndpoint},
        unlike::Unlike,
        violation::Violation,
        witness::Witness,
    },
    time::Timestamp,
};

/// What owners asked for.
#[derive(Debug, Default)]
pub(in crate::sim) struct AskedEndpoints {
    /// Endpoints to be made.
    made: Vec<NewEndpoint>,
    /// Changes, each with the number of its endpoint, of which revision that was, and since when it is asked for.
    changes: Vec<(u32, u32, Changed, Moment)>,
}

/// An endpoint as it is durable, and how its state stands.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Owned {
    known: Arc<Endpoint>,
    state: EndpointState,
}

/// The first part that is other.
fn first_other<const N: usize>(parts: [(bool, &'static str); N]) -> Option<&'static str> {
    let other = parts.into_iter().find(|(is_same, _)| !is_same);
    other.map(|(_, what)| what)
}

/// What of an endpoint that is made is other than it was asked for.
fn differs_from_new(endpoint: &Endpoint, new: &NewEndpoint) -> Option<&'static str> {
    let target = &endpoint.target;
    let state = if new.is_enabled {
        EndpointState::Enabled
    } else {
        EndpointState::Disabled(DisabledReason::Requested)
    };
    first_other([
        (target.url == new.url, "its URL"),
        (
            target.secret == new.secret && target.older_secrets.is_empty(),
            "its secret",
        ),
        (target.body_format == new.body_format, "how bodies are made"),
        (*endpoint.filter == new.filter, "what it wants"),
        (target.headers == new.headers, "its header fields"),
        (endpoint.state == state, "whether it is enabled"),
        (endpoint.throttle_rate == new.throttle_rate, "its rate"),
        (endpoint.ordering == new.ordering, "its order"),
        (
            endpoint.registration == new.registration,
            "its registration",
        ),
        (says_same(&endpoint.details, &new.details), "its details"),
    ])
}

/// Whether two texts are the same document.
fn says_same(one: &[u8], other: &[u8]) -> bool {
    let read = |text| serde_json::from_slice::<Value>(text).ok();
    one == other || (read(one).is_some() && read(one) == read(other))
}

/// What of an endpoint that was changed is other than it was and than it was to be.
fn differs_from_change(
    endpoint: &Endpoint,
    before: &Owned,
    (changed, asked_at): (&Changed, Moment),
) -> Option<&'static str> {
    let (known, target) = (&before.known, &endpoint.target);
    let url = changed.url.as_ref().unwrap_or(&known.target.url);
    let moves = *url != known.target.url;
    let original = known.original_url_sha256.filter(|_| !moves);
    let filter = changed.filter.as_ref().unwrap_or(&known.filter);
    let headers = changed.headers.as_ref().unwrap_or(&known.target.headers);
    let state = match (before.state, changed.is_enabled) {
        (EndpointState::Enabled, Some(false)) => EndpointState::Disabled(DisabledReason::Requested),
        (EndpointState::Disabled(_), Some(true)) => EndpointState::Enabled,
        (state, _) => state,
    };
    let rate = changed.throttle_rate.unwrap_or(known.throttle_rate);
    let now = endpoint.updated_at.steady;
    first_other([
        (target.url == *url, "its URL"),
        (signs(endpoint, &known.target, changed), "its secrets"),
        (
            target.body_format == known.target.body_format,
            "how bodies are made",
        ),
        (*endpoint.filter == *filter, "what it wants"),
        (target.headers == *headers, "its header fields"),
        (endpoint.state == state, "whether it is enabled"),
        (endpoint.throttle_rate == rate, "its rate"),
        (
            endpoint.ordering == changed.ordering.unwrap_or(known.ordering),
            "its order",
        ),
        (
            endpoint.id == known.id && endpoint.uid == known.uid,
            "its name",
        ),
        (
            endpoint.original_url_sha256 == original,
            "its original registration",
        ),
        (
            endpoint.registration == known.registration,
            "its registration",
        ),
        (says_same(&endpoint.details, &known.details), "its details"),
        (endpoint.created_at == known.created_at, "when it was made"),
        (now >= asked_at.steady, "when it was changed"),
    ])
}

/// Whether an endpoint signs with the secrets of before, or with the new one and, for as long as was said, with
/// those.
fn signs(endpoint: &Endpoint, before: &Target, changed: &Changed) -> bool {
    let (target, now) = (&endpoint.target, endpoint.updated_at.steady);
    let old = before.older_secrets.iter();
    let old = old.map(|older| (&older.secret, older.until));
    let (secret, older): (&Secret, Vec<(&Secret, Timestamp)>) = match &changed.rotation {
        None => (&before.secret, old.collect()),
        Some((secret, grace)) => {
            let end = now.plus(*grace);
            let own = core::iter::once((&before.secret, end));
            let old = old.map(|(secret, until)| (secret, until.min(end)));
            (secret, own.chain(old).collect())
        }
    };
    let in_force = older.into_iter().filter(|(_, until)| *until > now);
    let shown = target
        .older_secrets
        .iter()
        .filter(|older| older.until > now);
    let shown = shown.map(|older: &OlderSecret| (&older.secret, older.until));
    target.secret == *secret && shown.eq(in_force)
}

/// What of an endpoint is shown other than it is durable.
fn differs_from_shown(shown: &Endpoint, owned: &Owned) -> Option<&'static str> {
    let (known, target) = (&owned.known, &shown.target);
    let before = &known.target;
    first_other([
        (shown.id == known.id && shown.uid == known.uid, "its name"),
        (target.url == before.url, "its URL"),
        (target.secret == before.secret, "its secret"),
        (
            target.older_secrets == before.older_secrets,
            "its older secrets",
        ),
        (target.headers == before.headers, "its header fields"),
        (
            target.body_format == before.body_format,
            "how bodies are made",
        ),
        (shown.filter == known.filter, "what it wants"),
        (shown.state == owned.state, "whether it is enabled"),
        (shown.throttle_rate == known.throttle_rate, "its rate"),
        (shown.ordering == known.ordering, "its order"),
        (
            shown.original_url_sha256 == known.original_url_sha256,
            "its original registration",
        ),
        (shown.registration == known.registration, "its registration"),
        (shown.details == known.details, "its details"),
        (
            (shown.created_at, shown.updated_at) == (known.created_at, known.updated_at),
            "its times",
        ),
    ])
}

impl SeenEndpoint {
    /// It is enabled or not from now on, and why; one that is deleted stays so.
    pub(in crate::sim) fn stands(&mut self, state: EndpointState) {
        if let Some(owned) = &mut self.owned
            && owned.state != EndpointState::Deleted
        {
            owned.state = state;
        }
    }
}

impl Witness {
    /// Somebody asks for an endpoint to be made.
    pub(in crate::sim) fn asks_for_endpoint(&mut self, new: &NewEndpoint) {
        let made = &mut self.asked_endpoints.made;
        if self.is_watching && !made.iter().any(|made| is_named_as(made, new)) {
            made.push(new.clone());
        }
    }

    /// Somebody asks for an endpoint to be changed that is of this revision.
    pub(in crate::sim) fn asks_for_other(
        &mut self,
        (ordinal, revision): (u32, u32),
        changed: &Changed,
        now: Moment,
    ) {
        let changes = &mut self.asked_endpoints.changes;
        changes.push((ordinal, revision, changed.clone(), now));
    }

    /// Judges a change of an endpoint of this revision that is acknowledged: since it was asked for, and before now,
    /// the next revision became durable, and what was to be other is.
    pub(in crate::sim) fn judge_changed(
        &mut self,
        (ordinal, revision): (u32, u32),
        changed: &Changed,
        (asked_at, now): (Moment, Moment),
    ) {
        let seen = self.endpoints.entry(ordinal).or_default();
        let endpoint = seen.id;
        let next = revision.saturating_add(1);
        let told = seen.targets.iter().find(|told| {
            let is_told = told.at >= asked_at.real && told.at <= now.real;
            is_told && told.target.revision == next
        });
        if !told.is_some_and(|told| is_so(&told.endpoint, changed)) {
            self.object(Violation::ChangeLost { endpoint });
        }
    }

    /// Judges an endpoint that is durable by what was asked for.
    pub(in crate::sim) fn judge_as_owned(&mut self, endpoint: &Arc<Endpoint>, is_new: bool) {
        let ordinal = endpoint.key.ordinal;
        let seen = self.endpoints.entry(ordinal).or_default();
        let owned = Owned {
            known: Arc::clone(endpoint),
            state: endpoint.state,
        };
        let before = seen.owned.replace(owned);
        let asked = &self.asked_endpoints;
        let id = endpoint.id;
        let unasked = Err(Unlike::EndpointUnasked { endpoint: id });
        let mut judged = unasked;
        let mut judge = |what: Option<&'static str>| {
            if judged.is_err() {
                judged = what.map_or(Ok(()), |what| Err(Unlike::Endpoint { endpoint: id, what }));
            }
        };
        match before.filter(|_| !is_new) {
            None => {
                let made = asked.made.iter();
                let mut made = made.filter(|new| {
                    new.uid == endpoint.uid
                        && new.original_url_sha256 == endpoint.original_url_sha256
                });
                made.next()
                    .into_iter()
                    .for_each(|new| judge(differs_from_new(endpoint, new)));
            }
            Some(before) => {
                let of_this = asked.changes.iter().filter(|(of, revision, ..)| {
                    *of == ordinal && revision.saturating_add(1) == endpoint.revision()
                });
                for (_, _, changed, asked_at) in of_this {
                    judge(differs_from_change(endpoint, &before, (changed, *asked_at)));
                }
            }
        }
        if let Err(unlike) = judged {
            self.object(Violation::Unlike(unlike));
        }
    }
}

/// Whether an endpoint is as it was to be; how long the secret of before signs is told where it became durable.
fn is_so(endpoint: &Endpoint, changed: &Changed) -> bool {
    let target = &endpoint.target;
    let is_enabled = endpoint.state == EndpointState::Enabled;
    let rotation = changed.rotation.as_ref();
    changed.url.as_ref().is_none_or(|url| target.url == *url)
        && changed
            .filter
            .as_ref()
            .is_none_or(|filter| *endpoint.filter == *filter)
        && changed
            .headers
            .as_ref()
            .is_none_or(|headers| target.headers == *headers)
        && changed
            .throttle_rate
            .is_none_or(|rate| endpoint.throttle_rate == rate)
        && changed
            .ordering
            .is_none_or(|ordering| endpoint.ordering == ordering)
        && changed.is_enabled.is_none_or(|asked| is_enabled == asked)
        && rotation.is_none_or(|(secret, _)| target.secret == *secret)
}

/// Whether two asks are for one endpoint.
fn is_named_as(one: &NewEndpoint, other: &NewEndpoint) -> bool {
    one.uid == other.uid && one.original_url_sha256 == other.original_url_sha256
}

/// Judges the header fields of a request by those that owners asked for: those of an attempt that can be on its way
/// (I11). Of a delivery that never began, other properties tell.
pub(in crate::sim) fn judge_fields<'flights>(
    (event, endpoint): (EventId, EndpointId),
    headers: &HeaderMap,
    targets: impl Iterator<Item = &'flights Target>,
) -> Option<Violation> {
    let asked = headers.iter();
    let asked = asked.filter(|(name, _)| name.as_str().starts_with(ASKED_HEADER));
    let mut got: Vec<(&str, &[u8])> = asked
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    got.sort_unstable();
    let is_same = |target: &Target| {
        let fields = target.headers.iter();
        let fields = fields.map(|(name, value)| (&**name, value.as_bytes()));
        fields.eq(got.iter().copied())
    };
    let mut targets = targets.peekable();
    let fits = targets.peek().is_none() || targets.any(is_same);
    (!fits).then_some(Violation::OldTarget { event, endpoint })
}

impl Inspection<'_> {
    /// Each endpoint that is listed is as it is durable.
    pub(in crate::sim) fn look_at_owned(
        &self,
        listed: &[Arc<Endpoint>],
        found: &mut Vec<Violation>,
    ) {
        for endpoint in listed {
            let seen = self.witness.endpoints.get(&endpoint.key.ordinal);
            let owned = seen.and_then(|seen| seen.owned.as_ref());
            let what = owned.and_then(|owned| differs_from_shown(endpoint, owned));
            let endpoint = endpoint.id;
            found.extend(what.map(|what| Unlike::Endpoint { endpoint, what }.into()));
        }
    }
}
