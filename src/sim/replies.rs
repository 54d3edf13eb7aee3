//! Replies: what producers are told, and what they do about it.

use super::{ask::Ask, neighbours::Wish, violation::Violation, world::World};
use crate::domain::{
    command::{Answer, Refusal, Reply, RequestHandle},
    id::EventId,
};

impl World<'_> {
    /// A producer has its answer.
    pub(super) fn reply(&mut self, request: RequestHandle, reply: Reply) {
        let ask = self.workload.asked(request);
        let task = match &reply {
            Ok(Answer::Task { id }) => Some(*id),
            _ => None,
        };
        let is_put_off = reply == Err(Refusal::Overloaded);
        self.witness.happened.put_off += u64::from(is_put_off);
        let event = match reply {
            Ok(Answer::Event { id, .. }) => Some(id),
            Ok(Answer::NameTaken { id }) => Some(EventId::new(id)),
            Ok(Answer::Replayed { id }) => {
                self.witness.happened.replayed += 1;
                Some(EventId::new(id))
            }
            Ok(Answer::Application { key, .. }) if ask == Some(Ask::Application) => {
                self.application = key;
                None
            }
            Ok(
                Answer::Application { .. }
                | Answer::Endpoint { .. }
                | Answer::Record { .. }
                | Answer::Resend
                | Answer::Expunged
                | Answer::Task { .. }
                | Answer::SetAside { .. }
                | Answer::Present(_),
            )
            | Err(_) => None,
        };
        if let (Some(Ask::Event(number) | Ask::EventAgain(number)), Some(id)) = (ask, event) {
            let payload = self.workload.payload(number);
            let moment = self.moment();
            self.witness.accepted(number, id, &payload, moment);
            let key = self.workload.key(number);
            self.witness.answered_under_key(key, id, moment);
        }
        match (ask, &reply) {
            (Some(Ask::Endpoint(number)), Ok(Answer::Endpoint { id, .. })) => {
                let channel = self.workload.channel_of(number);
                self.witness.created(*id, channel.as_slice());
            }
            (Some(Ask::Neighbour(_, Wish::Deletion)), Ok(Answer::Application { key, .. })) => {
                let moment = self.moment();
                self.witness.happened.applications_deleted += 1;
                self.witness.neighbours.deleted(*key, moment.real);
            }
            (Some(Ask::OtherBody(number)), Ok(_)) => {
                self.witness.object(Violation::OtherBodyTaken { number });
            }
            (Some(Ask::OtherBody(_)), Err(Refusal::KeyReused)) => {
                self.witness.happened.other_bodies += 1;
            }
            _ => {}
        }
        if reply.is_ok() {
            self.acted(request, task);
        } else {
            self.acts.remove(&request);
        }
        for next in self.workload.answered(request, reply) {
            self.plan_ask(next);
        }
    }
}
