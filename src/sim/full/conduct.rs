//! What a receiver does with a request: drawn from the seed, its number and how many it had.

use core::time::Duration;

use http::StatusCode;

use super::{
    receivers::{WHOLE, host},
    stage::Stage,
};
use crate::{
    random::Stream,
    sim::network::{OutageKind, Receiver},
    time::{Span, Timestamp},
};

/// How far the time of a request may be off by a receiver's clock, as the standard proposes.
const TOLERANCE: Span = Span::from_seconds(5 * 60);

/// What a receiver does with a request.
pub(super) enum Conduct {
    /// It answers with this status, after a while.
    Answers(StatusCode, Option<u64>, Duration),
    /// It says that what was asked for is elsewhere, and where, if it says that.
    Redirects(Option<String>, Duration),
    /// It never answers.
    Silent,
    /// It answers with success when nobody waits any more.
    TooLate,
    /// It closes the connection instead of an answer.
    Closes,
    /// It answers with success and a body that is too long.
    Floods,
    /// It answers with success and a body that does not end.
    Drips,
}

impl Conduct {
    /// Whether an attempt may end without an answer over it.
    pub(super) fn may_spoil(&self, attempt_timeout: Span) -> bool {
        match self {
            Self::Answers(_, _, after) | Self::Redirects(_, after) => {
                *after + Duration::from_secs(1) >= attempt_timeout.as_duration()
            }
            Self::Silent | Self::TooLate | Self::Closes => true,
            // The status stands, whatever becomes of the body.
            Self::Floods | Self::Drips => false,
        }
    }
}

/// What the receiver with this number does with its request of this count.
pub(super) fn conduct(stage: &Stage, number: u32, count: u64, signed_at: Timestamp) -> Conduct {
    let mut random = Stream::new(
        stage.scenario.seed,
        "request",
        0,
        (u64::from(number) << 32) | count,
    );
    let Some(receiver) = stage.receiver(number) else {
        return Conduct::Silent;
    };
    let outage = receiver.outage_at(stage.elapsed());
    if random.below(WHOLE) < u64::from(receiver.timeouts) || outage == Some(OutageKind::Silent) {
        return Conduct::Silent;
    }
    let after = Duration::from_micros(receiver.latency_us(&mut random));
    let ahead = stage.faults();
    let ahead = ahead.and_then(|faults| faults.clock_ahead(number, stage.elapsed()));
    if let Some(ahead) = ahead {
        let clock = stage.real().plus(ahead);
        let off = signed_at.since(clock).as_micros().unsigned_abs();
        if off > TOLERANCE.as_micros().unsigned_abs() {
            stage.witness.borrow_mut().happened.off_clocks += 1;
            return Conduct::Answers(StatusCode::BAD_REQUEST, None, after);
        }
    }
    if outage == Some(OutageKind::Fails) {
        let status = error_status(receiver, &mut random);
        return Conduct::Answers(status, receiver.retry_after_s, after);
    }
    // Of a connection that was there before: where nobody listens any more, it has ended, too.
    let has_ended = u64::from(receiver.refusals) >= WHOLE;
    if has_ended || outage == Some(OutageKind::Refuses) {
        return Conduct::Closes;
    }
    if let Some((status, retry_after_s)) = failure(receiver, &mut random) {
        return Conduct::Answers(status, retry_after_s, after);
    }
    if random.below(100) < stage.faults().map_or(0, |faults| faults.odd_percent.into()) {
        return match random.below(7) {
            0 => Conduct::TooLate,
            1 => Conduct::Closes,
            2 => Conduct::Floods,
            3 => Conduct::Drips,
            4 => Conduct::Redirects(elsewhere(stage, number, count), after),
            5 => Conduct::Answers(StatusCode::NO_CONTENT, None, after),
            // It did what was asked, and says that it did not.
            _ => Conduct::Answers(StatusCode::INTERNAL_SERVER_ERROR, None, after),
        };
    }
    Conduct::Answers(StatusCode::OK, None, after)
}

/// Where a receiver says that what was asked for is: at another receiver, where no address leads that
/// may be dialled, or nowhere.
fn elsewhere(stage: &Stage, number: u32, count: u64) -> Option<String> {
    match count % 3 {
        0 => None,
        1 => {
            let other = (number + 1).checked_rem(stage.scenario.endpoints)?;
            Some(format!("http://{}/", host(other)))
        }
        _ => Some("http://169.254.169.254/latest/meta-data/".to_owned()),
    }
}

/// The error status that a receiver answers with, if it does.
fn failure(receiver: &Receiver, random: &mut Stream) -> Option<(StatusCode, Option<u64>)> {
    let roll = random.below(WHOLE);
    if roll < u64::from(receiver.gone) {
        return Some((StatusCode::GONE, None));
    }
    if roll < u64::from(receiver.gone) + u64::from(receiver.failures) {
        return Some((error_status(receiver, random), receiver.retry_after_s));
    }
    None
}

fn error_status(receiver: &Receiver, random: &mut Stream) -> StatusCode {
    let status = StatusCode::from_u16(receiver.error_status(random));
    status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
