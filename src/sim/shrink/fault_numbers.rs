//! Steps that make what goes wrong come earlier or be less: the numbers of lives and troubles.

use super::steps::{Number, change, length, span};
use crate::{
    sim::{
        faults::{Life, LifeEnd, Trouble},
        scenario::Scenario,
    },
    time::Span,
};

/// How far a life comes and how long the next one lets wait.
pub(super) fn numbers_of_life(place: usize) -> [Number; 2] {
    let end = move |scenario: &Scenario| {
        let life = scenario.faults.lives.get(place);
        life.map(|life| life.end)
    };
    let ended = Number {
        read: Box::new(move |scenario| match end(scenario) {
            Some(
                LifeEnd::AtOperation(number)
                | LifeEnd::Untold(number)
                | LifeEnd::FailingSync(number),
            ) => number,
            Some(LifeEnd::After(after) | LifeEnd::InOrder(after, _)) => length(after),
            None => 0,
        }),
        write: Box::new(move |scenario, value| {
            change(scenario.faults.lives.get_mut(place), |life| {
                life.end = match life.end {
                    LifeEnd::AtOperation(_) => LifeEnd::AtOperation(value),
                    LifeEnd::Untold(_) => LifeEnd::Untold(value.max(1)),
                    LifeEnd::FailingSync(_) => LifeEnd::FailingSync(value),
                    LifeEnd::After(_) => LifeEnd::After(span(value)),
                    LifeEnd::InOrder(_, grace) => LifeEnd::InOrder(span(value), grace),
                };
            });
        }),
        least: 0,
        is_time: false,
    };
    let down_for = Number::time(
        move |scenario| {
            let life: Option<&Life> = scenario.faults.lives.get(place);
            life.map_or(0, |life| length(life.down_for))
        },
        move |scenario, value| {
            change(scenario.faults.lives.get_mut(place), |life| {
                life.down_for = span(value);
            });
        },
    );
    [ended, down_for]
}

/// When something is done by hand.
pub(super) fn time_by_hand(place: usize) -> Number {
    Number::time(
        move |scenario| {
            let action = scenario.by_hand.get(place);
            action.map_or(0, |(after, _)| length(*after))
        },
        move |scenario, value| {
            change(scenario.by_hand.get_mut(place), |(after, _)| {
                *after = span(value);
            });
        },
    )
}

/// When a trouble comes, and how long or far it is.
pub(super) fn numbers_of_trouble(place: usize) -> [Number; 2] {
    let after = Number::time(
        move |scenario| {
            let trouble = scenario.faults.troubles.get(place);
            trouble.map_or(0, |(after, _)| length(*after))
        },
        move |scenario, value| {
            change(scenario.faults.troubles.get_mut(place), |(after, _)| {
                *after = span(value);
            });
        },
    );
    let lasts = Number::time(
        move |scenario| match scenario.faults.troubles.get(place) {
            Some((
                _,
                Trouble::DiskFull(_, lasts)
                | Trouble::WallStep(lasts)
                | Trouble::Stall(lasts)
                | Trouble::ReceiverClock(_, _, lasts)
                | Trouble::Outage(_, _, lasts),
            )) => length(*lasts),
            Some((_, Trouble::ShardLost | Trouble::Inspection)) | None => 0,
        },
        move |scenario, value| {
            change(scenario.faults.troubles.get_mut(place), |(_, trouble)| {
                match trouble {
                    Trouble::DiskFull(_, lasts)
                    | Trouble::Stall(lasts)
                    | Trouble::ReceiverClock(_, _, lasts)
                    // No file says that something goes wrong for no time.
                    | Trouble::Outage(_, _, lasts) => *lasts = span(value.max(1)),
                    // Back stays back.
                    Trouble::WallStep(step) if step.as_micros() < 0 => {
                        *step = Span::from_micros(-span(value).as_micros());
                    }
                    Trouble::WallStep(step) => *step = span(value),
                    Trouble::ShardLost | Trouble::Inspection => {}
                }
            });
        },
    );
    [after, lasts]
}
