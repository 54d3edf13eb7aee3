//! Endpoints: they come, change, are disabled and enabled, and go. What a command asks is gathered as
//! a change; their lanes follow once it is durable.

use std::sync::Arc;

use super::{
    Engine,
    fan_out::told_under_key,
    lane::{Lane, Place},
    lines::Lines,
    on_commit::OnCommit,
};
use crate::{
    domain::{
        application::ApplicationKey,
        change::{Change, ChangeResult, UniqueKey},
        command::{Answer, EndpointUpdate, NewEndpoint, Refusal, Reply, RequestHandle},
        endpoint::{DisabledReason, Endpoint, EndpointKey, EndpointState, Subscription, Target},
        event::EventPosition,
        id::{EndpointId, Id},
        once::Once,
    },
    limits,
    policy::operational::EndpointNews,
    time::Now,
};

impl Engine {
    pub(super) fn create_endpoint(
        &mut self,
        (request, once): (RequestHandle, Option<Once>),
        new: NewEndpoint,
        now: Now,
    ) -> Result<(), Refusal> {
        let (entry, log) = self.writable(new.application)?;
        if entry.lanes.len() - entry.deleted >= limits::ENDPOINTS_PER_APPLICATION_MAX {
            return Err(Refusal::TooManyEndpoints);
        }
        let key = EndpointKey {
            application: new.application,
            ordinal: entry.next_endpoint,
        };
        entry.next_endpoint = entry.next_endpoint.saturating_add(1);
        let id = EndpointId::new(log.next_id(now));
        let bytes = new.url.text().len() + new.registration.len() + new.details.len();
        let target = Arc::new(Target {
            endpoint: key,
            id,
            revision: 1,
            url: new.url,
            secret: new.secret,
            older_secrets: Vec::new(),
            headers: new.headers,
            body_format: new.body_format,
        });
        let filter = Arc::new(new.filter);
        let mut endpoint = Endpoint {
            key,
            id,
            uid: new.uid.clone(),
            original_url_sha256: new.original_url_sha256,
            filter: Arc::clone(&filter),
            target,
            state: EndpointState::Enabled,
            throttle_rate: new.throttle_rate,
            ordering: new.ordering,
            subscriptions: vec![Subscription {
                from: entry.next_position,
                until: None,
                filter,
            }],
            registration: new.registration,
            details: new.details,
            created_at: now,
            updated_at: now,
        };
        if !new.is_enabled {
            endpoint.state = EndpointState::Disabled(DisabledReason::Requested);
            endpoint.subscriptions.clear();
        }
        let endpoint = Arc::new(endpoint);
        let application = new.application;
        let original = new
            .original_url_sha256
            .map(|url_sha256| UniqueKey::OriginalUrl {
                application,
                url_sha256,
            });
        let named = new
            .uid
            .map(|uid| UniqueKey::EndpointUid { application, uid });
        let unique = original.or(named);
        let then = OnCommit::Endpoint(request, Arc::clone(&endpoint));
        let change = Change::PutEndpoint {
            endpoint: Arc::clone(&endpoint),
            unique,
        };
        let told = (EndpointNews::Created, &*endpoint);
        self.gather_told((application, once), (change, then, bytes), told, now);
        Ok(())
    }

    /// Gathers the change of an endpoint that is still as the caller saw it.
    pub(super) fn update_endpoint(
        &mut self,
        (request, once): (RequestHandle, Option<Once>),
        update: EndpointUpdate,
        now: Now,
    ) -> Result<(), Refusal> {
        let known = self.endpoint_of(update.application, update.endpoint)?;
        if known.revision() != update.revision {
            return Err(Refusal::Stale);
        }
        let mut endpoint = Endpoint::clone(&known);
        let (entry, _) = self.writable(update.application)?;
        let from = entry.next_position;
        let state = match (endpoint.state, update.is_enabled) {
            (EndpointState::Enabled, false) => EndpointState::Disabled(DisabledReason::Requested),
            (EndpointState::Disabled(_), true) => EndpointState::Enabled,
            (state, _) => state,
        };
        endpoint.set_state(state, from);
        endpoint.set_filter(update.filter, from);
        #[cfg(feature = "mutants")]
        super::mutant::mistake_spans(&self.options, &mut endpoint);
        let mut target = Target::clone(&endpoint.target);
        let moves = update.url.is_some();
        if let Some(url) = update.url {
            endpoint.original_url_sha256 = None;
            target.url = url;
        }
        target.headers = update.headers;
        if let Some((secret, grace)) = update.rotation {
            target.rotate(secret, now.steady, now.steady.plus(grace));
            if target.secrets(now.steady).count() > limits::SECRETS_MAX {
                return Err(Refusal::TooManySecrets);
            }
        }
        target.revision = update.revision.saturating_add(1);
        let bytes = target.url.text().len() + update.details.len();
        endpoint.target = Arc::new(target);
        endpoint.uid = update.uid;
        endpoint.throttle_rate = update.throttle_rate;
        endpoint.ordering = update.ordering;
        endpoint.details = update.details;
        endpoint.updated_at = now;
        let endpoint = Arc::new(endpoint);
        let then = OnCommit::EndpointChanged(request, Arc::clone(&endpoint), moves);
        let change = Change::UpdateEndpoint(Arc::clone(&endpoint));
        let told = (EndpointNews::Updated, &*endpoint);
        self.gather_told((update.application, once), (change, then, bytes), told, now);
        if moves {
            self.let_go_of_circuit(endpoint.id, now);
        }
        Ok(())
    }

    /// Gathers the end of an endpoint.
    pub(super) fn delete_endpoint(
        &mut self,
        request: RequestHandle,
        (application, id): (ApplicationKey, EndpointId),
        now: Now,
    ) -> Result<(), Refusal> {
        let known = self.endpoint_of(application, id)?;
        let (entry, _) = self.writable(application)?;
        let from = entry.next_position;
        let then = OnCommit::EndpointDeleted(request, id, from);
        let endpoint = known.key;
        let change = Change::DeleteEndpoint { endpoint, from };
        let told = (EndpointNews::Deleted, &*known);
        self.gather_told((application, None), (change, then, 0), told, now);
        Ok(())
    }

    /// An endpoint of an application, as it is now.
    pub(super) fn endpoint_of(
        &self,
        application: ApplicationKey,
        id: EndpointId,
    ) -> Result<Arc<Endpoint>, Refusal> {
        let lane = self.registry.lane(id);
        let lane = lane.and_then(|index| self.registry.lanes.get(index));
        let endpoint = lane.map(|lane| &lane.endpoint);
        let is_there = |endpoint: &&Arc<Endpoint>| {
            endpoint.key.application == application && !endpoint.is_deleted()
        };
        endpoint
            .filter(is_there)
            .cloned()
            .ok_or(Refusal::UnknownEndpoint)
    }

    /// A new endpoint is durable: it gets a lane, idle until an event comes.
    pub(super) fn endpoint_created(&mut self, endpoint: Arc<Endpoint>, now: Now) {
        let Some(application) = self.registry.application(endpoint.key.application) else {
            return;
        };
        let circuit = self.restored_circuit(endpoint.id.id().value(), None, now);
        let window = (self.options.window_max, circuit);
        let lane = Lane::idle(endpoint, application, window, now.steady);
        #[cfg(feature = "mutants")]
        let lane = self.mistaken_pace(lane, None);
        let index = self.add_lane(lane);
        let Some(entry) = self.registry.applications.get_mut(application) else {
            return;
        };
        entry.idle.push(index);
        // Its application was deleted while it was on its way.
        if entry.application.is_deleted {
            self.delete_endpoints_of(application, now);
        }
    }

    /// An endpoint was registered again: it is enabled if it was not.
    pub(super) fn endpoint_known(&mut self, request: RequestHandle, id: Id, now: Now) {
        let id = EndpointId::new(id);
        let found = self
            .registry
            .lane(id)
            .and_then(|lane| self.registry.lanes.get(lane));
        let Some(lane) = found else {
            self.replies.push((request, Err(Refusal::NotReady)));
            return;
        };
        if lane.is_enabled() {
            self.replies
                .push((request, Ok(Answer::Endpoint { id, fresh: false })));
            return;
        }
        let (known, application) = (Arc::clone(&lane.endpoint), lane.application);
        let entry = self.registry.applications.get(application);
        let from = entry.map(|entry| entry.next_position).unwrap_or_default();
        let change = Change::SetEndpointState {
            endpoint: known.key,
            state: EndpointState::Enabled,
            from,
        };
        let then = OnCommit::Enabled(request, id, from);
        let told = (EndpointNews::Updated, &*known);
        self.gather_told((known.key.application, None), (change, then, 0), told, now);
    }

    /// An endpoint is enabled again: its held work goes on, and new events match from `from` on.
    pub(super) fn endpoint_enabled(&mut self, id: EndpointId, from: EventPosition, now: Now) {
        let Some(index) = self.registry.lane(id) else {
            return;
        };
        if let Some(lane) = self.registry.lanes.get_mut(index) {
            let mut endpoint = Endpoint::clone(&lane.endpoint);
            endpoint.set_state(EndpointState::Enabled, from);
            lane.endpoint = Arc::new(endpoint);
        }
        self.start_anew(index, now);
        self.reconsider(index, now);
    }

    /// An endpoint was changed, unless another change came first.
    pub(super) fn endpoint_changed(
        &mut self,
        (endpoint, moves): (Arc<Endpoint>, bool),
        result: ChangeResult,
        now: Now,
    ) -> Reply {
        let id = endpoint.id;
        if moves {
            self.url_was_written(id, result, now);
        }
        match result {
            ChangeResult::Fresh => {
                self.replace_endpoint(endpoint, moves, now);
                Ok(Answer::Endpoint { id, fresh: false })
            }
            ChangeResult::Existing(id) => Ok(Answer::NameTaken { id }),
            ChangeResult::Stale
            | ChangeResult::Full
            | ChangeResult::Replayed(_)
            | ChangeResult::Reused => told_under_key(result).unwrap_or(Err(Refusal::Stale)),
        }
    }

    /// The lane of an endpoint works by what the endpoint is from now on.
    fn replace_endpoint(&mut self, endpoint: Arc<Endpoint>, moves: bool, now: Now) {
        let Some(index) = self.registry.lane(endpoint.id) else {
            return;
        };
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        let (was_enabled, application) = (lane.is_enabled(), lane.application);
        let before = core::mem::replace(&mut lane.endpoint, endpoint);
        if before.throttle_rate != lane.endpoint.throttle_rate {
            lane.take_pace(now.steady);
        }
        if moves {
            self.move_circuit(index, now);
        }
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        #[cfg(feature = "mutants")]
        super::mutant::mistake_change(&self.options, &before, &mut lane.endpoint);
        // A lane is disabled as soon as that is gathered. If it was after this change had been, both
        // stand in their order in the store, and here, too.
        if before.revision() >= lane.endpoint.revision() && !was_enabled {
            let last = before.subscriptions.last();
            let from = last.and_then(|last| last.until).unwrap_or_default();
            Arc::make_mut(&mut lane.endpoint).set_state(before.state, from);
        }
        let state = lane.endpoint.state;
        self.change_host(index, before.target.url.host());
        if !was_enabled && state == EndpointState::Enabled {
            self.start_anew(index, now);
        }
        if let EndpointState::Disabled(reason) = state
            && was_enabled
        {
            self.leave_ring(index);
            self.rest_circuit(index, reason, now);
            self.hold_rounds(application, index, reason);
        }
        #[cfg(feature = "mutants")]
        if self.has(super::mutant::Mutant::LeavesTheEnabledAsleep) {
            return;
        }
        self.reconsider(index, now);
    }

    /// An endpoint is gone: its walk is over, and its open rows are taken away by pages.
    pub(super) fn endpoint_deleted(&mut self, id: EndpointId, from: EventPosition, now: Now) {
        let Some(index) = self.registry.lane(id) else {
            return;
        };
        self.sleep_until(index, None);
        self.leave_host(index);
        self.leave_slow(index);
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        let Some(entry) = self.registry.applications.get_mut(lane.application) else {
            return;
        };
        if lane.endpoint.is_deleted() {
            return;
        }
        Arc::make_mut(&mut lane.endpoint).set_state(EndpointState::Deleted, from);
        match core::mem::replace(&mut lane.place, Place::Idle) {
            Place::Ring => entry.ring.leave(lane.done.cursor()),
            Place::Idle => entry.idle.retain(|idle| *idle != index),
            Place::Lagging => {}
        }
        entry.deleted += 1;
        let application = lane.application;
        if let Some(log) = self.logs.get_mut(&entry.application.key.shard) {
            log.positions_moved(now);
        }
        lane.lines = Lines::default();
        self.keep_circuit(index, now);
        self.drop_resends(index);
        self.drop_tasks(index, now);
        self.hold_rounds(application, index, DisabledReason::Requested);
        self.reconsider(index, now);
    }

    /// Disables an endpoint: nothing more starts, its open work is held, new events don't match.
    pub(super) fn disable(&mut self, index: usize, reason: DisabledReason, now: Now) {
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        if !lane.is_enabled() {
            return;
        }
        let Some(entry) = self.registry.applications.get_mut(lane.application) else {
            return;
        };
        let (state, from) = (EndpointState::Disabled(reason), entry.next_position);
        let mut endpoint = Endpoint::clone(&lane.endpoint);
        endpoint.set_state(state, from);
        let known = Arc::new(endpoint);
        lane.endpoint = Arc::clone(&known);
        let application = lane.application;
        let change = Change::SetEndpointState {
            endpoint: known.key,
            state,
            from,
        };
        // Since when it fails, by the wall clock of now.
        let failing_since = lane.circuit.circuit().failing_since.unwrap_or(now.steady);
        let since = now.wall.plus(failing_since.since(now.steady));
        let told = (EndpointNews::Disabled(since), &*known);
        let change = (change, OnCommit::Nothing, 0);
        self.gather_told((known.key.application, None), change, told, now);
        self.leave_ring(index);
        self.rest_circuit(index, reason, now);
        self.hold_rounds(application, index, reason);
        self.reconsider(index, now);
    }
}
