//! I4: the state that the store tells of a delivery is what its durable results say.

use crate::{
    domain::{delivery::DeliveryState, endpoint::Endpoint},
    sim::{
        inspection::Inspection,
        oracle::End,
        seen::{Seen, SeenEvent},
        standing::Standing,
        stretch::Stretch,
        violation::Violation,
        whole::Whole,
    },
    store::ReadError,
    time::Timestamp,
};

/// The list of how deliveries stand.
const LIST: &str = "deliveries";
/// Of so many deliveries one is asked for by itself; other ones at the next inspection.
const LISTED_PER_ALONE: u64 = 8;

impl Inspection<'_> {
    /// How the deliveries of a stretch stand, listed by endpoint.
    pub(in crate::sim) fn standing(
        &self,
        stretch: &Stretch<'_>,
        found: &mut Vec<Violation>,
    ) -> Result<Vec<Standing>, ReadError> {
        let ordinals = self.witness.endpoints.keys();
        let read =
            |ordinal: &u32| Standing::read(self.store, self.endpoint(*ordinal), stretch.ends);
        let lists = ordinals.map(read);
        let lists: Vec<Standing> = lists.collect::<Result<_, ReadError>>()?;
        if !lists.iter().all(Standing::is_in_order) {
            let what = "an entry is there twice, or in the wrong place".to_owned();
            found.push(Whole::List { list: LIST, what }.into());
        }
        Ok(lists)
    }

    /// The state of each delivery of an event that is there, as the lists have it; of some of them it is
    /// asked for by itself, too.
    pub(in crate::sim) fn look_at_states(
        &self,
        seen: &SeenEvent,
        standing: &mut [Standing],
        found: &mut Vec<Violation>,
    ) -> Result<(), ReadError> {
        let event = seen.event.id;
        let alone = seen.event.position.number() + self.witness.happened.inspections;
        let endpoints = self.witness.endpoints.iter().zip(standing);
        for ((ordinal, endpoint), standing) in endpoints {
            let is_called_off = self.witness.is_called_off(seen, *ordinal);
            let is_wanted = self.witness.is_wanted(seen, *ordinal);
            let is_asked = self.witness.is_asked_by_hand(seen.event.position, *ordinal);
            let key = self.endpoint(*ordinal);
            let listed = standing.of(event);
            if listed.is_none() && endpoint.deleted_at.is_none() {
                let what = format!("{event} is missing");
                found.push(Whole::List { list: LIST, what }.into());
            }
            let mut state = listed.flatten();
            if (alone + u64::from(*ordinal)).is_multiple_of(LISTED_PER_ALONE) {
                let of_its_own = self.store.delivery_state(key, seen.event.position)?;
                if of_its_own != state && listed.is_some() {
                    let what = format!("{event} stands otherwise than by itself");
                    found.push(Whole::List { list: LIST, what }.into());
                }
                state = of_its_own;
            }
            let delivery = seen.seen(*ordinal);
            let agrees = match (delivery.end, state) {
                (None, Some(DeliveryState::Cancelled)) => is_called_off,
                (None, None) if is_called_off => true,
                // An attempt by hand is still to come.
                (_, Some(DeliveryState::Pending)) if is_asked => !is_called_off,
                (Some(end), Some(state)) => end.agrees_with(state),
                (Some(_), None) => false,
                (None, Some(DeliveryState::Waiting { due })) => {
                    self.waits_rightly(seen, delivery, due)
                }
                (None, Some(DeliveryState::Pending)) => is_wanted && delivery.recorded == 0,
                (None, Some(state)) if is_called_off => {
                    let again = delivery.end_again();
                    again.is_some_and(|end| end.agrees_with(state))
                }
                (None, Some(_)) => false,
                (None, None) => !is_wanted && delivery.recorded == 0,
            };
            if !agrees {
                let (endpoint, recorded) = (endpoint.id, delivery.end);
                found.push(Violation::StateDiffers {
                    event,
                    endpoint,
                    recorded,
                    state,
                });
            }
        }
        Ok(())
    }

    /// Whether a delivery may wait until this time, in steady time.
    fn waits_rightly(&self, seen: &SeenEvent, delivery: &Seen, due: Timestamp) -> bool {
        if delivery.recorded > 0 || delivery.reopened_after.is_some() {
            return due == delivery.due;
        }
        let later = seen.event.not_before();
        let waits_to_begin = later > seen.event.accepted_at && due == later;
        // Events far behind it went by while its first attempt was in flight.
        let is_overtaken = delivery.sent > 0 && due <= self.now.steady;
        waits_to_begin || is_overtaken
    }
}

/// Judges at the end what the store says of a delivery that ended so.
pub(in crate::sim) fn judge_at_the_end(
    (seen_event, endpoint): (&SeenEvent, &Endpoint),
    recorded: End,
    state: Option<DeliveryState>,
    is_asked_by_hand: bool,
) -> Option<Violation> {
    // An attempt by hand may wait for an endpoint that is disabled.
    let is_to_come = is_asked_by_hand && state == Some(DeliveryState::Pending);
    let agrees = is_to_come || state.is_some_and(|state| recorded.agrees_with(state));
    (!agrees).then_some(Violation::StateDiffers {
        event: seen_event.event.id,
        endpoint: endpoint.id,
        recorded: Some(recorded),
        state,
    })
}
