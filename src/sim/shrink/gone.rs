//! What is left out takes along what is said of it: a scenario that is small says nothing of endpoints that
//! are not there, nor of errors that they do not have, and so it can be read again as it is written.

use crate::sim::{by_hand::Action, faults::Trouble, scenario::Scenario};

/// Whether nothing is said of endpoints that are not there, or of errors that receivers have not.
pub(super) fn is_whole(scenario: &Scenario) -> bool {
    let mut whole = scenario.clone();
    follow(&mut whole, scenario.endpoints);
    whole == *scenario
}

/// Leaves out what is said of endpoints that are not there, and of errors of receivers that have none, of as many as there were before. Those that are
/// added get the numbers of their new places.
pub(super) fn follow(scenario: &mut Scenario, endpoints_before: u32) {
    let endpoints = scenario.endpoints;
    let by_hand = core::mem::take(&mut scenario.by_hand);
    let place_of = |number: u32| {
        let place = number.checked_sub(endpoints_before)?;
        usize::try_from(place).ok()
    };
    let is_there = |number: u32| match place_of(number) {
        None => number < endpoints,
        Some(place) => {
            let action = by_hand.get(place).map(|(_, action)| *action);
            action == Some(Action::Add)
        }
    };
    let stay = by_hand.iter().map(|(_, action)| action.endpoint());
    let stay: Vec<bool> = stay.map(|number| number.is_none_or(is_there)).collect();
    let renumber = |number: &mut u32| {
        if let Some(place) = place_of(*number) {
            let before = stay.iter().take(place).filter(|stays| **stays);
            let before = u32::try_from(before.count()).unwrap_or(u32::MAX);
            *number = endpoints.saturating_add(before);
        }
    };
    scenario.faults.troubles.retain_mut(|(_, trouble)| {
        let number = match trouble {
            // Endpoints that are added share the receivers of the first ones.
            Trouble::Outage(number, ..) => return *number < endpoints,
            Trouble::ReceiverClock(number, ..) => number,
            _ => return true,
        };
        let stays = is_there(*number);
        renumber(number);
        stays
    });
    let left = by_hand.iter().zip(&stay).filter(|(_, stays)| **stays);
    let left = left.map(|((at, action), _)| {
        let mut action = *action;
        action.endpoint_mut().into_iter().for_each(renumber);
        (*at, action)
    });
    scenario.by_hand = left.collect();
    if let Some(healing) = &mut scenario.healing {
        healing.core = healing.core.min(endpoints);
    }
    scenario.fan_out = scenario.fan_out.map(|fan_out| fan_out.min(endpoints));
    say_no_errors(scenario);
}

/// Leaves out what receivers say with an error if they have none.
fn say_no_errors(scenario: &mut Scenario) {
    let may_fail: Vec<bool> = (0..scenario.receivers.len())
        .map(|place| scenario.may_fail(place))
        .collect();
    let own = scenario.receivers.iter_mut().zip(may_fail);
    let own = own.map(|(group, may_fail)| (&mut group.receiver, may_fail));
    let neighbours = scenario.neighbours.iter_mut();
    let others = neighbours.flat_map(|neighbour| &mut neighbour.receivers);
    let others = others.map(|group| {
        let may_fail = group.receiver.may_fail();
        (&mut group.receiver, may_fail)
    });
    for (receiver, may_fail) in own.chain(others) {
        if !may_fail {
            (receiver.status, receiver.retry_after_s) = (None, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        sim::{network::OutageKind, scenario::Healing},
        time::Span,
    };

    /// Five endpoints and two that are added, with something said of most of them.
    fn world() -> Scenario {
        let mut scenario = Scenario::new(1, 1, 5).expect("it can run");
        let at = Span::from_seconds(1);
        let actions = [
            Action::Delete(4),
            Action::Add,
            Action::Move(6),
            Action::Add,
            Action::Disable(8),
            Action::Enable(0),
        ];
        scenario.by_hand = actions.map(|action| (at, action)).to_vec();
        scenario.faults.troubles = vec![
            (at, Trouble::Outage(4, OutageKind::Silent, at)),
            (at, Trouble::ReceiverClock(8, at, at)),
            (at, Trouble::Inspection),
        ];
        scenario.healing = Some(Healing { at, core: 5 });
        scenario.fan_out = Some(4);
        scenario
    }

    fn actions(scenario: &Scenario) -> Vec<Action> {
        scenario.by_hand.iter().map(|(_, action)| *action).collect()
    }

    fn troubles(scenario: &Scenario) -> Vec<Trouble> {
        let troubles = scenario.faults.troubles.iter();
        troubles.map(|(_, trouble)| *trouble).collect()
    }

    #[test]
    fn endpoints_that_are_gone_take_along_what_is_said_of_them() {
        let mut scenario = world();
        let at = Span::from_seconds(1);
        scenario.endpoints = 3;
        follow(&mut scenario, 5);
        assert_eq!(
            actions(&scenario),
            [
                Action::Add,
                Action::Move(3),
                Action::Add,
                Action::Disable(5),
                Action::Enable(0)
            ]
        );
        let clock = Trouble::ReceiverClock(5, at, at);
        assert_eq!(troubles(&scenario), [clock, Trouble::Inspection]);
        assert_eq!(scenario.healing, Some(Healing { at, core: 3 }));
        assert_eq!(scenario.fan_out, Some(3));
    }

    #[test]
    fn what_is_added_no_more_takes_along_what_is_said_of_it() {
        let mut scenario = world();
        scenario.by_hand.remove(3);
        assert!(!is_whole(&scenario));
        follow(&mut scenario, 5);
        assert_eq!(
            actions(&scenario),
            [
                Action::Delete(4),
                Action::Add,
                Action::Move(6),
                Action::Enable(0)
            ]
        );
        assert_eq!(troubles(&scenario).len(), 2);
        assert!(is_whole(&scenario));
    }

    #[test]
    fn where_nothing_is_left_out_all_stays_as_it_is() {
        let mut scenario = world();
        follow(&mut scenario, 5);
        assert_eq!(scenario, world());
    }
}
