//! What arrives at the engine, and what it asks for: the arrows between it and the world.

use super::{
    ask::{Ask, again},
    logbook::Sighting,
    run::SimulationError,
    world::{Arrival, BEGINNING, Due, World},
};
use crate::{
    engine::io::{Effect, Input},
    time::Span,
};

impl World<'_> {
    /// Tells the engine what arrived.
    pub(super) fn arrive(&mut self, arrival: Arrival) -> Result<(), SimulationError> {
        match arrival {
            Arrival::Input(input) => {
                if let Input::StoreMode(mode) = input {
                    let moment = self.moment();
                    self.witness.mode_changed(mode, moment);
                }
                self.step(input);
            }
            Arrival::Answer(attempt, flight, outcome) => {
                let is_heard = self.witness.hears(flight);
                let wall = self.clocks.now(self.now).wall;
                let moment = self.moment();
                self.witness.answered(flight, &outcome, moment, wall);
                if is_heard {
                    self.step(Input::AttemptDone(attempt, outcome));
                }
            }
            Arrival::Ask(ask) => {
                if let Ask::Event(number) = ask {
                    self.witness.log(self.now, Sighting::Asked(number));
                }
                for next in self.workload.after(ask) {
                    self.plan_ask(next);
                }
                if self.stands_still() {
                    let waiting = Arrival::Waiting(ask);
                    self.plan(Span::ZERO, Due::Engine(waiting));
                } else {
                    self.ask(ask)?;
                }
            }
            Arrival::Waiting(ask) => self.ask(ask)?,
            Arrival::Acquire(shard) => {
                if let Some(free_at) = self.host.busy_until(self.now) {
                    self.plan_at(free_at, Due::Engine(Arrival::Acquire(shard)));
                } else if let Some(acquired) = self.host.acquire(shard) {
                    let (epoch, state) = acquired?;
                    self.acquiring.remove(&shard);
                    self.witness.ready(self.moment());
                    self.step(Input::ShardAcquired(shard, epoch, Box::new(state)));
                }
            }
            Arrival::LoseShard => self.lose_shard(),
        }
        Ok(())
    }

    /// Somebody asks for something, which the process hears.
    fn ask(&mut self, ask: Ask) -> Result<(), SimulationError> {
        if self.engine.is_none() {
            self.plan_ask(again(ask));
        } else if let Ask::ByHand(number) = ask {
            self.act(number);
        } else if let Ask::OtherBody(number) = ask {
            self.ask_otherwise(number)?;
        } else if let Some((request, command)) = self.workload.command(ask)? {
            let moment = self.moment();
            self.witness.asks(ask, &command, moment);
            self.step(Input::Command(request, command));
        }
        Ok(())
    }

    /// A producer asks for something else under the key of an event that it has, as long as the key is
    /// kept for certain.
    fn ask_otherwise(&mut self, number: u32) -> Result<(), SimulationError> {
        let key = self.workload.key(number).unwrap_or_default();
        if self.witness.is_key_kept(key, self.moment())
            && let Some((request, command)) = self.workload.command(Ask::OtherBody(number))?
        {
            self.step(Input::Command(request, command));
        }
        Ok(())
    }

    /// Carries an effect out.
    pub(super) fn carry(&mut self, effect: Effect) {
        match effect {
            Effect::Commit(batch) => self.host.submit(batch),
            Effect::Load(load, request) => self.host.load(load, request, &mut self.witness),
            Effect::Send(request) => {
                let flight = self.witness.sent(&request, self.moment());
                let application = request.target.endpoint.application;
                let neighbour = self.workload.neighbours.number_of(application);
                let at = self.now.since(BEGINNING);
                let outcome = self.network.answer(&request, neighbour, at);
                self.witness.happened.met(&outcome);
                let duration = outcome.duration;
                let answer = Arrival::Answer(request.attempt, flight, outcome);
                self.plan(duration, Due::Engine(answer));
            }
            Effect::CancelSend(attempt) => self.call_off(attempt),
            Effect::Reply(request, reply) => self.reply(request, reply),
            Effect::ReleaseShard(shard) => {
                self.witness.lost_shard(shard, self.moment());
                self.host.release(shard);
                self.acquiring.insert(shard);
                self.plan(Span::ZERO, Due::Engine(Arrival::Acquire(shard)));
            }
            Effect::Stopped => self.plan(Span::ZERO, Due::Stop(self.witness.life)),
            // Nobody listens.
            Effect::Notify(_) => {}
        }
    }
}
