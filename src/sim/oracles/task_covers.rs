//! I1 and I6 for what tasks send: one that says it has sent everything began each delivery anew that it covers, as
//! far as that stood still since before it began; it begins none that it does not cover, and none once it was
//! called off.
//!
//! What moved meanwhile the task may have met before or after that: of this nothing is said.

use crate::{
    domain::{
        event::EventPosition,
        id::EventId,
        task::{Selection, Task},
    },
    sim::{
        oracle::End,
        oracles::{set_aside, tasks::SeenTask},
        seen::{Moment, SeenEndpoint, SeenEvent},
        violation::Violation,
        witness::Witness,
    },
    time::{Span, Timestamp},
};

impl Witness {
    /// Judges that a delivery begins anew now, as it stood before.
    pub(in crate::sim) fn judge_begun_anew(
        &self,
        (position, ordinal): (EventPosition, u32),
        event: &SeenEvent,
        now: Moment,
    ) -> Option<Violation> {
        let endpoint = self.endpoints.get(&ordinal)?;
        let seen = event.seen(ordinal);
        let is_over = |at: Option<Timestamp>| at.is_some_and(|at| at < now.real);
        let is_called_off = is_over(endpoint.deleted_at) || is_over(event.expunged_at);
        // A success by hand does not count as one of the schedule, and neither does an attempt.
        let is_by_hand = self.is_asked_by_hand(position, ordinal);
        let is_in_flight = seen.sent > 0
            && seen.told_at.is_none()
            && seen.period == self.breaks.len()
            && !is_by_hand;
        let is_too_early = event.event.not_before() > now.steady;
        let delivery = (endpoint, ordinal, event);
        let is_covered = self.tasks.values().any(|task| {
            let covers = (task.task.from..task.task.until).contains(&position)
                && task.task.endpoint.ordinal == ordinal
                && task.ended_at.is_none_or(|at| at >= now.real);
            covers && (is_by_hand || fits(task, delivery))
        });
        let is_right = is_covered && !is_called_off && !is_in_flight && !is_too_early;
        let (event, endpoint) = (event.event.id, endpoint.id);
        (!is_right).then_some(Violation::SentUnasked { event, endpoint })
    }

    /// A task says that it has sent everything.
    pub(in crate::sim) fn judge_covered(&mut self, task: &SeenTask, now: Moment) {
        let ordinal = task.task.endpoint.ordinal;
        let Some(endpoint) = self.endpoints.get(&ordinal) else {
            return;
        };
        let mut missing: Vec<EventId> = Vec::new();
        let range = task.task.from..task.task.until;
        let covered = self.events.iter();
        for (position, event) in covered.filter(|(position, _)| range.contains(position)) {
            if had_to_be_sent(task, (endpoint, ordinal, event))
                && self.may_be_sent((*position, ordinal), (event, endpoint), &task.task, now)
            {
                missing.push(event.event.id);
            }
        }
        let endpoint = endpoint.id;
        for event in missing {
            self.object(Violation::NotSentByHand { event, endpoint });
        }
    }

    /// Whether nothing keeps a task from sending a delivery again.
    fn may_be_sent(
        &self,
        (position, ordinal): (EventPosition, u32),
        (event, endpoint): (&SeenEvent, &SeenEndpoint),
        task: &Task,
        now: Moment,
    ) -> bool {
        let age = now.steady.since(event.event.accepted_at);
        let is_kept = self.payloads_kept.is_none_or(|kept| age < kept);
        // Before its time a delivery for later is nobody's to send.
        is_kept
            && endpoint.deleted_at.is_none()
            && event.expunged_at.is_none()
            && event.event.not_before() <= task.created_at.steady
            && event.event.payload_until().since(now.steady) > Span::ZERO
            // An attempt by hand that is owed comes first.
            && !self.is_asked_by_hand(position, ordinal)
    }
}

/// A delivery with its endpoint, that endpoint's ordinal, and its event.
type Delivery<'seen> = (&'seen SeenEndpoint, u32, &'seen SeenEvent);

/// Whether a task may begin this delivery anew, as it stands.
fn fits(task: &SeenTask, (endpoint, ordinal, event): Delivery<'_>) -> bool {
    let seen = event.seen(ordinal);
    let again = set_aside::is_sent_again(seen);
    match &task.task.selection {
        Selection::Failed | Selection::Matching(_) if again.is_some() => again == Some(true),
        Selection::Failed => seen.end != Some(End::Succeeded) && seen.recorded > 0,
        Selection::Missing => {
            let is_untried = seen.recorded == 0 && again.is_none();
            let is_over = seen.end == Some(End::Expired);
            let is_new = seen.end.is_none() && !endpoint.wanted(ordinal, event);
            let mut wanted = wanted_since(task.begun_at, (endpoint, ordinal, event));
            is_untried && (is_over || is_new) && wanted.any(|wanted| wanted)
        }
        // The success of a task's own attempt is told as one by hand, which has no number.
        Selection::Matching(_) => seen.recorded > 0 || seen.end == Some(End::Succeeded),
    }
}

/// Whether a task that is done covered this delivery all the time, which it did not begin anew.
fn had_to_be_sent(task: &SeenTask, delivery: Delivery<'_>) -> bool {
    let (endpoint, ordinal, event) = delivery;
    let (seen, since) = (event.seen(ordinal), task.begun_at);
    let has_ended_before = seen.end.is_some() && seen.ended_at < since;
    // Nothing of it was in flight since then, and nothing came of it.
    let stood_still = (seen.sent == 0 || seen.told_at.is_some_and(|at| at < since))
        && seen.recorded_at < since
        && seen.reopened_at < since;
    let had_failed = match seen.end {
        // It waited, or its time was over meanwhile.
        None | Some(End::Expired) => seen.recorded > 0,
        Some(End::Exhausted) => has_ended_before,
        Some(End::SetAside(_)) => has_ended_before && set_aside::was_parked(seen, since),
        Some(End::Succeeded | End::CalledOff) => false,
    };
    let is_covered = match &task.task.selection {
        Selection::Failed => had_failed,
        Selection::Matching(_) => {
            had_failed || (seen.end == Some(End::Succeeded) && has_ended_before)
        }
        Selection::Missing => {
            let is_untried = seen.sent == 0 && seen.recorded == 0;
            let had_expired = seen.end == Some(End::Expired) && has_ended_before;
            let is_new = seen.end.is_none()
                && seen.reopened_after.is_none()
                && !endpoint.wanted(ordinal, event);
            let mut wanted = wanted_since(since, delivery);
            is_untried && (had_expired || is_new) && wanted.all(|wanted| wanted)
        }
    };
    stood_still && is_covered
}

/// Whether the endpoint wanted such events, by each of the filters that it had since some time.
fn wanted_since(
    since: Timestamp,
    (endpoint, ordinal, event): Delivery<'_>,
) -> impl Iterator<Item = bool> + '_ {
    let event = &event.event;
    let first = endpoint
        .targets
        .partition_point(|target| target.at < since)
        .saturating_sub(1);
    let targets = endpoint.targets.iter().skip(first);
    targets.map(move |target| match event.only_to() {
        Some(only) => only == ordinal,
        None => target
            .endpoint
            .filter
            .takes(&event.event_type, &event.channels),
    })
}
