//! The forms of what an engine is told: inputs, and the options it begins with.

use super::{Form, Malformed, Reader, Writer, form_of_enum, form_of_struct, nouns::take_length};
use crate::{
    domain::{
        audit::{Act, NewAuditEntry},
        change::Batch,
        command::{CalledTask, Command, NewEvent, NewTask},
        page::{ApplicationState, EndpointRecovery, Ordered, Page, ShardState},
        present::Question,
    },
    engine::{
        io::Input,
        options::{GeneratorOptions, Options},
    },
    policy::{circuit_breaker::CircuitBreakerPolicy, retry::RetryPolicy},
};

form_of_enum!(Input {
    0 => Command(request, command),
    1 => ShardAcquired(shard, epoch, state),
    2 => ShardLost(shard),
    3 => Committed(batch),
    4 => CommitFailed(shard, batch),
    5 => Loaded(load, page),
    6 => LoadFailed(load),
    7 => StoreMode(mode),
    8 => AttemptDone(attempt, outcome),
    9 => DeadlineReached,
    10 => TurnEnd,
    11 => Shutdown(deadline),
});

/// As a store gives it back: its lists are empty.
impl Form for Batch {
    fn put(&self, out: &mut Writer) {
        let Self {
            handle,
            shard,
            epoch,
            now,
            changes: _,
            attempts: _,
            results,
        } = self;
        handle.put(out);
        shard.put(out);
        epoch.put(out);
        now.put(out);
        results.put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            handle: Form::take(from)?,
            shard: Form::take(from)?,
            epoch: Form::take(from)?,
            now: Form::take(from)?,
            changes: Vec::new(),
            attempts: Vec::new(),
            results: Form::take(from)?,
        })
    }
}

form_of_enum!(Page {
    0 => Events { events, until },
    1 => Open { rows, more },
    2 => Candidates(candidates),
});
form_of_enum!(ShardState {
    0 => Directory { applications, last_id },
    1 => Data { applications, outbox, last_id },
});
form_of_struct!(ApplicationState {
    key,
    next_position,
    next_endpoint,
    watermark,
    open_rows,
    events,
    endpoints,
    tasks,
});
form_of_struct!(EndpointRecovery {
    endpoint,
    lane,
    settled,
    open_due,
    resends,
    ordered,
    circuit,
});
form_of_struct!(Ordered {
    position,
    order,
    is_held,
});
form_of_struct!(NewEvent {
    application,
    uid,
    event_type,
    channels,
    payload,
    besides,
});
form_of_struct!(NewTask {
    application,
    endpoint,
    selection,
    from,
    until,
});
fn take_act(from: &mut Reader<'_>) -> Result<Act, Malformed> {
    let number = u8::try_from(u16::take(from)?).ok();
    let act = number.and_then(Act::from_number);
    act.ok_or(Malformed { wanted: "act" })
}

form_of_enum!(Question {
    0 => Endpoint,
    1 => Delivery(position),
    2 => Heads,
});

/// Who asks and why are not told, but how long that is.
impl Form for NewAuditEntry {
    fn put(&self, out: &mut Writer) {
        let Self {
            application,
            endpoint,
            position,
            event,
            act,
            by,
            reason,
        } = self;
        application.put(out);
        endpoint.put(out);
        position.put(out);
        event.put(out);
        u16::from(act.number()).put(out);
        by.len().put(out);
        reason.len().put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            application: Form::take(from)?,
            endpoint: Form::take(from)?,
            position: Form::take(from)?,
            event: Form::take(from)?,
            act: take_act(from)?,
            by: take_length(from)?,
            reason: take_length(from)?,
        })
    }
}
form_of_struct!(CalledTask {
    application,
    endpoint,
    id,
});

/// Writes the number of a variant and its parts.
macro_rules! put {
    ($out:ident, $tag:literal, $($part:expr),*) => {{
        $out.bytes.push($tag);
        $($part.put($out);)*
    }};
}

/// The names and bodies of records are not told: they are about keys and schemas.
impl Form for Command {
    #[rustfmt::skip]
    fn put(&self, out: &mut Writer) {
        match self {
            Self::PutRecord { kind, name, revision, body } => {
                put!(out, 0, kind, name.len(), revision, body);
            }
            Self::DeleteRecord { kind, name, revision } => {
                put!(out, 1, kind, name.len(), revision);
            }
            Self::Once(once, command) => put!(out, 2, once, command),
            Self::CreateApplication { uid, registration } => put!(out, 3, uid, registration),
            Self::UpdateApplication { application, revision, uid, registration } => {
                put!(out, 4, application, revision, uid, registration);
            }
            Self::DeleteApplication { application, revision } => {
                put!(out, 5, application, revision);
            }
            Self::CreateEndpoint(new) => put!(out, 6, new),
            Self::UpdateEndpoint(update) => put!(out, 7, update),
            Self::DeleteEndpoint { application, endpoint } => put!(out, 8, application, endpoint),
            Self::AcceptEvent(new) => put!(out, 9, new),
            Self::Expunge { application, position, attempt } => {
                put!(out, 10, application, position, attempt);
            }
            Self::Recall(shard) => put!(out, 11, shard),
            Self::Resend { endpoint, event, attempts } => put!(out, 12, endpoint, event, attempts),
            Self::StartTask(new) => put!(out, 13, new),
            Self::CancelTask(called) => put!(out, 14, called),
            Self::Present(endpoint, asked) => put!(out, 15, endpoint, asked),
            Self::SetAside(new) => put!(out, 16, new),
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match from.byte()? {
            0 => Self::PutRecord {
                kind: Form::take(from)?,
                name: take_length(from)?,
                revision: Form::take(from)?,
                body: Form::take(from)?,
            },
            1 => Self::DeleteRecord {
                kind: Form::take(from)?,
                name: take_length(from)?,
                revision: Form::take(from)?,
            },
            2 => {
                let once = Form::take(from)?;
                // One that is done once holds no other that is: crafted bytes would nest without end.
                if from.next_is(2) {
                    return Err(Malformed { wanted: "command" });
                }
                Self::Once(once, Form::take(from)?)
            }
            3 => Self::CreateApplication {
                uid: Form::take(from)?,
                registration: Form::take(from)?,
            },
            4 => Self::UpdateApplication {
                application: Form::take(from)?,
                revision: Form::take(from)?,
                uid: Form::take(from)?,
                registration: Form::take(from)?,
            },
            5 => Self::DeleteApplication {
                application: Form::take(from)?,
                revision: Form::take(from)?,
            },
            6 => Self::CreateEndpoint(Form::take(from)?),
            7 => Self::UpdateEndpoint(Form::take(from)?),
            8 => Self::DeleteEndpoint {
                application: Form::take(from)?,
                endpoint: Form::take(from)?,
            },
            9 => Self::AcceptEvent(Form::take(from)?),
            10 => Self::Expunge {
                application: Form::take(from)?,
                position: Form::take(from)?,
                attempt: Form::take(from)?,
            },
            11 => Self::Recall(Form::take(from)?),
            12 => Self::Resend {
                endpoint: Form::take(from)?,
                event: Form::take(from)?,
                attempts: Form::take(from)?,
            },
            13 => Self::StartTask(Form::take(from)?),
            14 => Self::CancelTask(Form::take(from)?),
            15 => Self::Present(Form::take(from)?, Form::take(from)?),
            16 => Self::SetAside(Form::take(from)?),
            _ => return Err(Malformed { wanted: "command" }),
        })
    }
}

form_of_struct!(RetryPolicy {
    waits,
    jitter,
    retry_after_max,
});
form_of_struct!(CircuitBreakerPolicy {
    failed_percent,
    attempts_min,
    window,
    pause,
    pause_max,
    jitter,
    probes,
    recovery_percent,
});
form_of_struct!(GeneratorOptions {
    period,
    application,
});

/// A mistake that was made on purpose is not told: no build that is used has any.
impl Form for Options {
    fn put(&self, out: &mut Writer) {
        let Self {
            seed,
            retry,
            circuit_breaker,
            disable_after,
            send_slots,
            window_max,
            host_window_max,
            ring_events_max,
            ring_bytes_max,
            ring_deliveries_max,
            open_rows_max,
            ordered_held_max,
            heartbeat,
            batch_bytes_max,
            page_rows,
            record_delay,
            expires_after,
            generator,
            rounds,
            operational,
            #[cfg(feature = "mutants")]
                mutant: _,
        } = self;
        seed.put(out);
        retry.put(out);
        circuit_breaker.put(out);
        disable_after.put(out);
        send_slots.put(out);
        window_max.put(out);
        host_window_max.put(out);
        ring_events_max.put(out);
        ring_bytes_max.put(out);
        ring_deliveries_max.put(out);
        open_rows_max.put(out);
        ordered_held_max.put(out);
        heartbeat.put(out);
        batch_bytes_max.put(out);
        page_rows.put(out);
        record_delay.put(out);
        expires_after.put(out);
        generator.put(out);
        rounds.put(out);
        operational.put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            seed: Form::take(from)?,
            retry: Form::take(from)?,
            circuit_breaker: Form::take(from)?,
            disable_after: Form::take(from)?,
            send_slots: Form::take(from)?,
            window_max: Form::take(from)?,
            host_window_max: Form::take(from)?,
            ring_events_max: Form::take(from)?,
            ring_bytes_max: Form::take(from)?,
            ring_deliveries_max: Form::take(from)?,
            open_rows_max: Form::take(from)?,
            ordered_held_max: Form::take(from)?,
            heartbeat: Form::take(from)?,
            batch_bytes_max: Form::take(from)?,
            page_rows: Form::take(from)?,
            record_delay: Form::take(from)?,
            expires_after: Form::take(from)?,
            generator: Form::take(from)?,
            rounds: Form::take(from)?,
            operational: Form::take(from)?,
            #[cfg(feature = "mutants")]
            mutant: None,
        })
    }
}
