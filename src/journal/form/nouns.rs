//! The forms of the nouns.

use super::{
    Form, Malformed, Reader, Writer, blank::stand_in_text, form_of_enum, form_of_number,
    form_of_struct,
};
use crate::{
    domain::{
        application::{Application, ApplicationKey, Registration},
        attempt::{AttemptHandle, AttemptResult},
        change::{BatchHandle, ChangeResult, Epoch, StoreMode},
        circuit::{Circuit, CircuitState},
        command::RequestHandle,
        delivery::{DeliveryState, LaneRow, OpenDelivery, Resend},
        endpoint::{DisabledReason, Endpoint, EndpointKey, EndpointState, Subscription},
        event::{Besides, Event, EventPosition},
        filter::Filter,
        id::{ApplicationId, AttemptId, EndpointId, EventId, Id, ShardId, TaskId},
        ordering::{Ordering, OrderingKey},
        outbox::OutboxRow,
        outcome::OutcomeKind,
        page::LoadHandle,
        record::RecordKind,
        task::{Candidate, Candidates, Matching, Selection, Standing, Task, TaskState},
    },
    random::Ratio,
    time::{Now, Span, Timestamp},
};

form_of_number!(Timestamp, i64, as_micros, from_micros);
form_of_number!(Span, i64, as_micros, from_micros);
form_of_number!(ShardId, u16, number, new);
form_of_number!(Epoch, u64, number, new);
form_of_number!(EventPosition, u64, number, new);
form_of_number!(AttemptHandle, u64, number, new);
form_of_number!(BatchHandle, u64, number, new);
form_of_number!(RequestHandle, u64, number, new);
form_of_number!(LoadHandle, u64, number, new);
form_of_number!(ApplicationId, Id, id, new);
form_of_number!(AttemptId, Id, id, new);
form_of_number!(EndpointId, Id, id, new);
form_of_number!(EventId, Id, id, new);
form_of_number!(OrderingKey, u64, hash, new);
form_of_number!(TaskId, Id, id, new);

impl Form for Id {
    fn put(&self, out: &mut Writer) {
        out.bytes.extend_from_slice(&self.value().to_be_bytes());
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut value = [0; 16];
        value.copy_from_slice(from.bytes(16)?);
        Ok(Self::from_value(u128::from_be_bytes(value)))
    }
}

impl Form for OutcomeKind {
    fn put(&self, out: &mut Writer) {
        self.code().put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let wanted = "outcome";
        Self::from_code(u64::take(from)?).ok_or(Malformed { wanted })
    }
}

impl Form for Ratio {
    fn put(&self, out: &mut Writer) {
        self.numerator().put(out);
        self.denominator().put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self::new(Form::take(from)?, Form::take(from)?))
    }
}

/// The wall clock as how far it is from the steady one.
impl Form for Now {
    fn put(&self, out: &mut Writer) {
        self.steady.put(out);
        self.wall.since(self.steady).put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let steady = Timestamp::take(from)?;
        let wall = steady.plus(Form::take(from)?);
        Ok(Self { steady, wall })
    }
}

/// A name as long as one of which the length alone was told.
pub(super) fn take_length(from: &mut Reader<'_>) -> Result<std::sync::Arc<str>, Malformed> {
    stand_in_text(usize::take(from)?).map(Into::into)
}

form_of_struct!(ApplicationKey { shard, ordinal });
form_of_struct!(EndpointKey {
    application,
    ordinal
});
form_of_struct!(Registration {
    said,
    throttle_rate,
});
form_of_struct!(Application {
    key,
    id,
    uid,
    registration,
    is_deleted,
    revision,
    created_at,
    updated_at,
});
form_of_struct!(Filter {
    event_types,
    channels
});
form_of_struct!(Subscription {
    from,
    until,
    filter
});
form_of_struct!(Endpoint {
    key,
    id,
    uid,
    original_url_sha256,
    filter,
    target,
    state,
    throttle_rate,
    ordering,
    subscriptions,
    registration,
    details,
    created_at,
    updated_at,
});
form_of_enum!(Ordering {
    0 => ByKey,
    1 => Whole,
    2 => Free,
});
form_of_enum!(EndpointState {
    0 => Enabled,
    1 => Disabled(reason),
    2 => Deleted,
});
form_of_enum!(DisabledReason {
    0 => Gone,
    1 => Requested,
    2 => Failing,
});
form_of_struct!(Circuit {
    state,
    failing_since,
    usual_per_minute,
    openings,
});
form_of_enum!(CircuitState {
    0 => Closed,
    1 => Open { since, until },
    2 => HalfOpen { since, succeeded },
    3 => Recovering,
});
form_of_struct!(Event {
    id,
    application,
    position,
    uid,
    event_type,
    channels,
    payload,
    accepted_at,
    accepted_wall,
    expires_at,
    besides,
});
form_of_struct!(Besides {
    only_to,
    ordering_key,
    tags,
    deliver_after,
    payload_for,
    details,
});
form_of_struct!(OutboxRow {
    id,
    event_type,
    payload,
});
form_of_struct!(LaneRow { cursor, done, far });
form_of_struct!(Resend {
    endpoint,
    position,
    attempts,
});
form_of_struct!(OpenDelivery {
    endpoint,
    due,
    position,
    attempts,
    event,
    expires_at,
    reopened_after,
});
form_of_enum!(DeliveryState {
    0 => Pending,
    1 => Waiting { due },
    2 => Succeeded,
    3 => Exhausted,
    4 => Expired,
    5 => Cancelled,
    6 => Skipped,
    7 => Parked,
});
form_of_enum!(AttemptResult {
    0 => Succeeded,
    1 => RetryAt(due),
    2 => Exhausted,
    3 => Failed,
});
form_of_enum!(ChangeResult {
    0 => Fresh,
    1 => Existing(id),
    2 => Stale,
    3 => Replayed(id),
    4 => Reused,
    5 => Full,
});
form_of_enum!(StoreMode {
    0 => Normal,
    1 => Reserve,
    2 => ReadOnly,
});
form_of_enum!(RecordKind {
    0 => EventType,
    1 => ApiKey,
});
form_of_enum!(Selection {
    0 => Failed,
    1 => Missing,
    2 => Matching(matching),
});
form_of_struct!(Matching {
    event_types,
    channel,
    tag,
    standing,
    status_class,
});
form_of_enum!(Standing {
    0 => Succeeded,
    1 => Waiting,
    2 => Failed,
    3 => Unsendable,
});
form_of_enum!(TaskState {
    0 => Counting,
    1 => Sending,
    2 => Finished,
    3 => Cancelled,
    4 => EndpointGone,
});
form_of_struct!(Task {
    id,
    endpoint,
    endpoint_id,
    selection,
    from,
    until,
    next,
    state,
    total,
    done,
    created_at,
    updated_at,
});
form_of_struct!(Candidate {
    event,
    state,
    attempts,
    last_outcome,
});
form_of_struct!(Candidates { found, until });
