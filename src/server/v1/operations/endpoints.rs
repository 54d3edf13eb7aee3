//! Endpoints and their parts.

use super::OBJECTS;
use crate::server::{
    backend::Backend,
    problem::Code,
    v1::{
        description::{Key, Shape},
        endpoint,
        operation::{Operation, Verb},
    },
};

const ENDPOINTS: &str = "/api/v1/app/{app}/endpoint";
const ENDPOINT: &str = "/api/v1/app/{app}/endpoint/{endpoint}";
const HEADERS: &str = "/api/v1/app/{app}/endpoint/{endpoint}/headers";
const SECRET: &str = "/api/v1/app/{app}/endpoint/{endpoint}/secret";
const EXAMPLE: &str = "/api/v1/app/{app}/endpoint/{endpoint}/send-example";
const STATS: &str = "/api/v1/app/{app}/endpoint/{endpoint}/stats";
const ROTATION: &str = "/api/v1/app/{app}/endpoint/{endpoint}/secret/rotate";

/// Endpoints.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn endpoints<B: Backend>() -> Vec<Operation<B>> {
    vec![
        Operation::new(
            Verb::Get,
            ENDPOINTS,
            endpoint::list::<B>,
            (
                "endpoint.list",
                "A page of the endpoints of an application.",
            ),
        )
        .asks(OBJECTS)
        .gives(200, "The page.", Shape::EndpointPage),
        Operation::new(
            Verb::Post,
            ENDPOINTS,
            endpoint::create::<B>,
            ("endpoint.create", "Makes an endpoint of an application."),
        )
        .once()
        .takes(Shape::EndpointIn)
        .gives(201, "It was made.", Shape::Endpoint)
        .has_revision()
        .refuses(Code::Conflict),
        Operation::new(
            Verb::Get,
            ENDPOINT,
            endpoint::show::<B>,
            ("endpoint.get", "An endpoint."),
        )
        .gives(200, "The endpoint.", Shape::Endpoint)
        .has_revision(),
        Operation::new(
            Verb::Put,
            ENDPOINT,
            endpoint::put::<B>,
            (
                "endpoint.put",
                "Says all of an endpoint anew, but its secret; or makes one of this `uid`.",
            ),
        )
        .takes(Shape::EndpointPut)
        .gives(200, "It was changed.", Shape::Endpoint)
        .gives(201, "It was made.", Shape::Endpoint)
        .has_revision()
        .refuses(Code::Conflict),
        Operation::new(
            Verb::Patch,
            ENDPOINT,
            endpoint::patch::<B>,
            (
                "endpoint.patch",
                "Changes the fields of an endpoint that it names; null clears one.",
            ),
        )
        .takes(Shape::EndpointPatch)
        .gives(200, "It was changed.", Shape::Endpoint)
        .has_revision()
        .refuses(Code::Conflict),
        Operation::new(
            Verb::Delete,
            ENDPOINT,
            endpoint::delete::<B>,
            (
                "endpoint.delete",
                "Takes an endpoint away; no attempt to it starts after that.",
            ),
        )
        .gives_nothing("It is gone.")
        .has_revision()
        .refuses(Code::Conflict),
    ]
}

/// What endpoints have routes of their own for.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn endpoint_parts<B: Backend>() -> Vec<Operation<B>> {
    vec![
        Operation::new(
            Verb::Get,
            HEADERS,
            endpoint::headers::show::<B>,
            (
                "endpoint.headers.get",
                "The header fields that each request to an endpoint carries; of sensitive ones \
                 the name alone.",
            ),
        )
        .gives(200, "The fields.", Shape::EndpointHeaders)
        .has_revision(),
        Operation::new(
            Verb::Put,
            HEADERS,
            endpoint::headers::put::<B>,
            (
                "endpoint.headers.put",
                "Says all header fields of an endpoint anew.",
            ),
        )
        .takes(Shape::EndpointHeadersIn)
        .gives_nothing("They were changed.")
        .has_revision()
        .refuses(Code::Conflict),
        Operation::new(
            Verb::Patch,
            HEADERS,
            endpoint::headers::patch::<B>,
            (
                "endpoint.headers.patch",
                "Changes the header fields that it names; null takes one away.",
            ),
        )
        .takes(Shape::EndpointHeadersPatch)
        .gives_nothing("They were changed.")
        .has_revision()
        .refuses(Code::Conflict),
        Operation::new(
            Verb::Get,
            SECRET,
            endpoint::secret::show::<B>,
            (
                "endpoint.secret.get",
                "The key by which the receiver verifies the deliveries of an endpoint.",
            ),
        )
        .gives(200, "The key.", Shape::EndpointSecret),
        Operation::new(
            Verb::Post,
            ROTATION,
            endpoint::secret::rotate::<B>,
            (
                "endpoint.secret.rotate",
                "Gives an endpoint a new secret; the old one signs, too, until its grace ends.",
            ),
        )
        .once()
        .may_take(Shape::SecretRotation)
        .gives(200, "The new key.", Shape::EndpointSecret)
        .refuses(Code::Conflict)
        .refuses(Code::PreconditionFailed),
        Operation::new(
            Verb::Get,
            STATS,
            endpoint::stats::show::<B>,
            (
                "endpoint.stats",
                "How many deliveries to an endpoint stand how, of the messages of a time.",
            ),
        )
        .asks(&[Key::Since, Key::Until])
        .gives(200, "The counts.", Shape::EndpointStats),
        Operation::new(
            Verb::Post,
            EXAMPLE,
            endpoint::example::send::<B>,
            (
                "endpoint.send_example",
                "Sends an example of an event type to an endpoint alone, whatever that takes.",
            ),
        )
        .once()
        .takes(Shape::ExampleIn)
        .gives(
            200,
            "It is durable; from now on it is delivered or its failure recorded.",
            Shape::Message,
        )
        .refuses(Code::Conflict),
    ]
}
