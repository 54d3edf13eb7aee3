//! An orderly end of the process, as the runtime brings it about: it is told to end, takes nothing new,
//! waits for what is in flight as long as its grace lasts and calls the rest off, writes what it knows,
//! and says that it has ended.

use super::world::{Arrival, Due, World};
use crate::{
    domain::{
        attempt::AttemptHandle,
        outcome::{Outcome, OutcomeKind},
    },
    engine::io::Input,
    time::Span,
};

impl World<'_> {
    /// The process is told to end within this time.
    pub(super) fn shut_down(&mut self, grace: Span) {
        if self.engine.is_none() || self.stopping.is_some() {
            return;
        }
        let deadline = self.moment().steady.plus(grace);
        self.stopping = Some(deadline);
        let input = Arrival::Input(Input::Shutdown(deadline));
        self.plan(Span::ZERO, Due::Engine(input));
        let at_last = grace.as_micros() + 2 * self.witness.written_within().as_micros();
        let life = self.witness.life;
        self.plan(Span::from_micros(at_last), Due::StopAtLast(life));
    }

    /// An attempt is called off; it has no outcome but that.
    pub(super) fn call_off(&mut self, attempt: AttemptHandle) {
        let witness = &self.witness;
        let taken = self.dues.take_one(|due| match due {
            Due::Engine(Arrival::Answer(of, flight, _)) => *of == attempt && witness.hears(*flight),
            _ => false,
        });
        if let Some(Due::Engine(Arrival::Answer(_, flight, _))) = taken {
            let outcome = Outcome::without_reply(OutcomeKind::Cancelled, Span::ZERO);
            let answer = Arrival::Answer(attempt, flight, outcome);
            self.plan(Span::ZERO, Due::Engine(answer));
        }
    }

    /// The process has ended.
    pub(super) fn stop(&mut self) {
        let Some(deadline) = self.stopping else {
            return;
        };
        let moment = self.moment();
        let batches = self.host.batches_asked();
        self.witness.judge_left_behind(batches);
        self.witness.judge_stopped(deadline, moment);
        self.end_in_order();
    }

    /// The process should have ended by now.
    pub(super) fn stop_at_last(&mut self) {
        let Some(deadline) = self.stopping else {
            return;
        };
        let within = self.witness.written_within();
        if self.now < self.stalled_until || self.witness.late_by(deadline, self.moment()) <= within
        {
            // It stands still, or did.
            let life = self.witness.life;
            let again = self
                .stalled_until
                .since(self.now)
                .max(Span::ZERO)
                .as_micros();
            let again = Span::from_micros(again + 2 * within.as_micros());
            self.plan(again, Due::StopAtLast(life));
        } else {
            let is_full = self.host.is_full();
            self.witness.judge_never_stopped(is_full);
            self.die();
        }
    }
}
