//! What concerns all applications: these themselves, the keys, the catalogue of event types.

use super::OBJECTS;
use crate::server::{
    backend::Backend,
    problem::Code,
    v1::{
        application,
        description::{Key, Shape},
        event_type, key,
        operation::{Operation, Verb},
        portal,
    },
};

const APPLICATIONS: &str = "/api/v1/app";
const APPLICATION: &str = "/api/v1/app/{app}";
const KEYS: &str = "/api/v1/key";
const KEY: &str = "/api/v1/key/{key}";
const PORTAL_ACCESS: &str = "/api/v1/auth/app-portal-access/{app}";
const LOGOUT: &str = "/api/v1/auth/logout";
const EXPIRE_ALL: &str = "/api/v1/auth/app/{app}/expire-all";
const EVENT_TYPES: &str = "/api/v1/event-type";
const EVENT_TYPE: &str = "/api/v1/event-type/{event_type}";

/// Applications.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn applications<B: Backend>() -> Vec<Operation<B>> {
    vec![
        Operation::new(
            Verb::Get,
            APPLICATIONS,
            application::list::<B>,
            ("application.list", "A page of the applications."),
        )
        .asks(OBJECTS)
        .gives(200, "The page.", Shape::ApplicationPage),
        Operation::new(
            Verb::Post,
            APPLICATIONS,
            application::create::<B>,
            ("application.create", "Makes an application."),
        )
        .asks(&[Key::GetIfExists])
        .once()
        .takes(Shape::ApplicationIn)
        .gives(201, "It was made.", Shape::Application)
        .gives(
            200,
            "Its `uid` is known, and `get_if_exists` asks for that one.",
            Shape::Application,
        )
        .has_revision()
        .refuses(Code::Conflict),
        Operation::new(
            Verb::Get,
            APPLICATION,
            application::show::<B>,
            ("application.get", "An application."),
        )
        .gives(200, "The application.", Shape::Application)
        .has_revision(),
        Operation::new(
            Verb::Put,
            APPLICATION,
            application::put::<B>,
            (
                "application.put",
                "Says all of an application anew, or makes one of this `uid`.",
            ),
        )
        .takes(Shape::ApplicationIn)
        .gives(200, "It was changed.", Shape::Application)
        .gives(201, "It was made.", Shape::Application)
        .has_revision()
        .refuses(Code::Conflict),
        Operation::new(
            Verb::Patch,
            APPLICATION,
            application::patch::<B>,
            (
                "application.patch",
                "Changes the fields of an application that it names; null clears one.",
            ),
        )
        .takes(Shape::ApplicationPatch)
        .gives(200, "It was changed.", Shape::Application)
        .has_revision()
        .refuses(Code::Conflict),
        Operation::new(
            Verb::Delete,
            APPLICATION,
            application::delete::<B>,
            (
                "application.delete",
                "Takes an application away, with its endpoints.",
            ),
        )
        .gives_nothing("It is gone.")
        .has_revision()
        .refuses(Code::Conflict),
    ]
}

/// Keys.
pub(super) fn keys<B: Backend>() -> Vec<Operation<B>> {
    vec![
        Operation::new(
            Verb::Get,
            KEYS,
            key::list::<B>,
            (
                "key.list",
                "A page of the keys of the API, without the keys themselves.",
            ),
        )
        .asks(OBJECTS)
        .gives(200, "The page.", Shape::ApiKeyPage),
        Operation::new(
            Verb::Post,
            KEYS,
            key::create::<B>,
            ("key.create", "Makes a key, which is shown this once."),
        )
        .once()
        .takes(Shape::ApiKeyIn)
        .gives(201, "It was made.", Shape::NewApiKey)
        .has_revision()
        .refuses(Code::LimitReached)
        .refuses(Code::Conflict),
        Operation::new(
            Verb::Get,
            KEY,
            key::show::<B>,
            ("key.get", "A key, without the key itself."),
        )
        .gives(200, "The key.", Shape::ApiKey)
        .has_revision(),
        Operation::new(
            Verb::Delete,
            KEY,
            key::revoke::<B>,
            (
                "key.revoke",
                "Revokes a key: the next request with it is 401.",
            ),
        )
        .gives_nothing("It is revoked.")
        .has_revision()
        .refuses(Code::Conflict),
    ]
}

/// Tokens of the portal.
pub(super) fn portal<B: Backend>() -> Vec<Operation<B>> {
    vec![
        Operation::new(
            Verb::Post,
            PORTAL_ACCESS,
            portal::access::<B>,
            (
                "portal.access",
                "Makes a token for who owns an application, and a URL with it.",
            ),
        )
        .once()
        .may_take(Shape::PortalAccessIn)
        .gives(200, "It was made.", Shape::PortalAccess)
        .refuses(Code::LimitReached)
        .refuses(Code::Conflict),
        Operation::new(
            Verb::Post,
            LOGOUT,
            portal::logout::<B>,
            (
                "portal.logout",
                "Ends the token of the portal that it is asked with.",
            ),
        )
        .gives_nothing("It is ended.")
        .refuses(Code::Conflict),
        Operation::new(
            Verb::Post,
            EXPIRE_ALL,
            portal::expire::<B>,
            (
                "portal.expire_all",
                "Ends the tokens of the portal of an application, all or those of some sessions.",
            ),
        )
        .may_take(Shape::PortalExpiryIn)
        .gives_nothing("They end at the time that was asked for.")
        .refuses(Code::Conflict),
    ]
}

/// The catalogue.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn event_types<B: Backend>() -> Vec<Operation<B>> {
    vec![
        Operation::new(
            Verb::Get,
            EVENT_TYPES,
            event_type::list::<B>,
            ("event_type.list", "A page of the catalogue."),
        )
        .asks(OBJECTS)
        .asks(&[Key::IncludeArchived, Key::WithSchemas])
        .gives(200, "The page.", Shape::EventTypePage),
        Operation::new(
            Verb::Post,
            EVENT_TYPES,
            event_type::create::<B>,
            (
                "event_type.create",
                "Puts an event type into the catalogue, or takes an archived one into use again.",
            ),
        )
        .once()
        .takes(Shape::EventTypeIn)
        .gives(201, "It is there.", Shape::EventType)
        .has_revision()
        .refuses(Code::LimitReached)
        .refuses(Code::Conflict),
        Operation::new(
            Verb::Get,
            EVENT_TYPE,
            event_type::show::<B>,
            ("event_type.get", "An event type."),
        )
        .gives(200, "The event type.", Shape::EventType)
        .has_revision(),
        Operation::new(
            Verb::Put,
            EVENT_TYPE,
            event_type::put::<B>,
            (
                "event_type.put",
                "Says all of an event type anew, or makes one of this name.",
            ),
        )
        .takes(Shape::EventTypePut)
        .gives(200, "It was changed.", Shape::EventType)
        .gives(201, "It was made.", Shape::EventType)
        .has_revision()
        .refuses(Code::LimitReached)
        .refuses(Code::Conflict),
        Operation::new(
            Verb::Patch,
            EVENT_TYPE,
            event_type::patch::<B>,
            (
                "event_type.patch",
                "Changes the fields of an event type that it names; null clears one.",
            ),
        )
        .takes(Shape::EventTypePatch)
        .gives(200, "It was changed.", Shape::EventType)
        .has_revision()
        .refuses(Code::Conflict),
        Operation::new(
            Verb::Delete,
            EVENT_TYPE,
            event_type::delete::<B>,
            (
                "event_type.delete",
                "Archives an event type, or takes it out of the catalogue.",
            ),
        )
        .asks(&[Key::Expunge])
        .gives_nothing("It is archived or gone.")
        .has_revision()
        .refuses(Code::Conflict),
    ]
}
