//! Messages, their deliveries and attempts.

use super::OBJECTS;
use crate::server::{
    backend::Backend,
    problem::Code,
    v1::{
        attempt, delivery,
        description::{Key, Shape},
        explain, message,
        operation::{Operation, Verb},
    },
};

/// The keys of a page of history.
const HISTORY: &[Key] = &[
    Key::Limit,
    Key::Iterator,
    Key::Before,
    Key::After,
    Key::WithContent,
];

/// The keys of a page of history whose entries have no content.
pub(super) const HISTORY_OF_OBJECTS: &[Key] = &[Key::Limit, Key::Iterator, Key::Before, Key::After];

/// What narrows a list of messages.
const OF_MESSAGES: &[Key] = &[Key::EventTypes, Key::Channel, Key::Tag];

/// What narrows a list of attempts, and what may be shown with each.
const OF_ATTEMPTS: &[Key] = &[
    Key::EventTypes,
    Key::Channel,
    Key::Tag,
    Key::Status,
    Key::StatusCodeClass,
    Key::WithMessage,
];

/// What narrows a list of deliveries, and how they are shown.
const OF_DELIVERIES: &[Key] = &[Key::Status, Key::ExpandedStatuses];
const MESSAGES: &str = "/api/v1/app/{app}/msg";
const MESSAGE: &str = "/api/v1/app/{app}/msg/{message}";
const DELIVERIES_OF_ENDPOINT: &str = "/api/v1/app/{app}/endpoint/{endpoint}/msg";
const DELIVERIES_OF_MESSAGE: &str = "/api/v1/app/{app}/msg/{message}/endpoint";
const RESENDING: &str = "/api/v1/app/{app}/msg/{message}/endpoint/{endpoint}/resend";
const EXPLAINED: &str = "/api/v1/app/{app}/msg/{message}/endpoint/{endpoint}/explain";
const ATTEMPT: &str = "/api/v1/app/{app}/msg/{message}/attempt/{attempt}";
const PAYLOAD: &str = "/api/v1/app/{app}/msg/{message}/content";
const REPLY: &str = "/api/v1/app/{app}/msg/{message}/attempt/{attempt}/content";
const ATTEMPTS_OF_ENDPOINT: &str = "/api/v1/app/{app}/attempt/endpoint/{endpoint}";
const ATTEMPTS_OF_MESSAGE: &str = "/api/v1/app/{app}/attempt/msg/{message}";

/// Messages.
pub(super) fn messages<B: Backend>() -> Vec<Operation<B>> {
    vec![
        Operation::new(
            Verb::Get,
            MESSAGES,
            message::list::<B>,
            ("message.list", "A page of messages, newest first."),
        )
        .asks(HISTORY)
        .asks(OF_MESSAGES)
        .gives(200, "The page.", Shape::MessagePage),
        Operation::new(
            Verb::Post,
            MESSAGES,
            message::create::<B>,
            (
                "message.create",
                "Takes a message; each endpoint that takes its type gets it.",
            ),
        )
        .asks(&[Key::WithContent])
        .once()
        .takes(Shape::MessageIn)
        .gives(
            202,
            "It is durable; from now on it is delivered or its failure recorded.",
            Shape::Message,
        )
        .refuses(Code::Conflict)
        .refuses(Code::LimitReached),
        Operation::new(
            Verb::Get,
            MESSAGE,
            message::show::<B>,
            ("message.get", "A message."),
        )
        .asks(&[Key::WithContent])
        .gives(200, "The message.", Shape::Message),
        Operation::new(
            Verb::Delete,
            PAYLOAD,
            message::expunge::<B>,
            (
                "message.expunge",
                "Takes the payload of a message away for good; the message stays listed.",
            ),
        )
        .gives_nothing("It is gone."),
    ]
}

/// Deliveries.
pub(super) fn deliveries<B: Backend>() -> Vec<Operation<B>> {
    vec![
        Operation::new(
            Verb::Get,
            DELIVERIES_OF_ENDPOINT,
            delivery::of_endpoint::<B>,
            (
                "delivery.list_by_endpoint",
                "A page of the messages that go to an endpoint, newest first, each with how its \
                 delivery stands.",
            ),
        )
        .asks(HISTORY)
        .asks(OF_MESSAGES)
        .asks(OF_DELIVERIES)
        .gives(200, "The page.", Shape::MessageDeliveryPage),
        Operation::new(
            Verb::Get,
            DELIVERIES_OF_MESSAGE,
            delivery::of_message::<B>,
            (
                "delivery.list_by_message",
                "A page of the endpoints that a message goes to, each with how its delivery stands.",
            ),
        )
        .asks(OBJECTS)
        .asks(OF_DELIVERIES)
        .gives(200, "The page.", Shape::EndpointDeliveryPage),
        Operation::new(
            Verb::Get,
            EXPLAINED,
            explain::show::<B>,
            (
                "delivery.explain",
                "Why each attempt of a delivery was made when it was, and what it waits for now.",
            ),
        )
        .gives(200, "The explanation.", Shape::Explanation),
        Operation::new(
            Verb::Post,
            RESENDING,
            delivery::resend::<B>,
            (
                "delivery.resend",
                "Sends a message to an endpoint again, at once and beside its schedule.",
            ),
        )
        .once()
        .gives(202, "The attempt is owed.", Shape::Nothing)
        .refuses(Code::Conflict)
        .refuses(Code::MissingPayload),
    ]
}

/// Attempts.
pub(super) fn attempts<B: Backend>() -> Vec<Operation<B>> {
    vec![
        Operation::new(
            Verb::Get,
            ATTEMPTS_OF_ENDPOINT,
            attempt::of_endpoint::<B>,
            (
                "attempt.list_by_endpoint",
                "A page of the attempts to an endpoint, newest first.",
            ),
        )
        .asks(HISTORY)
        .asks(OF_ATTEMPTS)
        .gives(200, "The page.", Shape::AttemptPage),
        Operation::new(
            Verb::Get,
            ATTEMPTS_OF_MESSAGE,
            attempt::of_message::<B>,
            (
                "attempt.list_by_message",
                "A page of the attempts for a message, newest first.",
            ),
        )
        .asks(HISTORY)
        .asks(OF_ATTEMPTS)
        .asks(&[Key::EndpointId])
        .gives(200, "The page.", Shape::AttemptPage),
        Operation::new(
            Verb::Get,
            ATTEMPT,
            attempt::show::<B>,
            ("attempt.get", "An attempt."),
        )
        .asks(&[Key::WithContent])
        .gives(200, "The attempt.", Shape::Attempt),
        Operation::new(
            Verb::Delete,
            REPLY,
            attempt::expunge::<B>,
            (
                "attempt.expunge",
                "Takes the kept body of a reply away for good; the attempt stays listed.",
            ),
        )
        .gives_nothing("It is gone."),
    ]
}
