//! What each route asks of its caller: the one table of routes and scopes.
//!
//! A route that stands in no row asks for everything, so one that is forgotten here is closed, not
//! open.

use http::Method;

use crate::server::{
    api_key::{Caller, Scope},
    capability::Capability,
    problem::{Code, Problem},
};

/// Whose keys a route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Also keys of one application: what the path names must be it, which the route judges.
    Own,
    /// Also keys of one application: it is the same for all of them.
    Shared,
    /// Keys of all applications only.
    All,
}

/// Which paths a row is about, as the router writes them.
#[derive(Clone, Copy, Debug)]
enum Paths {
    /// This one.
    Only(&'static str),
    /// All that begin so.
    Below(&'static str),
    /// All of an application that end so.
    Ending(&'static str),
}

/// A row: which methods, which paths, which scope, whose keys, and of which capabilities a token of the
/// portal needs one; it counts instead of the scope.
type Row = (
    &'static [Method],
    Paths,
    Scope,
    Reach,
    &'static [Capability],
);

const READ: &[Method] = &[Method::GET, Method::HEAD];
const POST: &[Method] = &[Method::POST];
const ANY: &[Method] = &[];

const VIEW: &[Capability] = &[Capability::ViewBase];
const VIEW_SECRET: &[Capability] = &[
    Capability::ViewEndpointSecret,
    Capability::ManageEndpointSecret,
    Capability::ManageEndpoint,
];
const ROTATE: &[Capability] = &[Capability::ManageEndpointSecret, Capability::ManageEndpoint];
const MANAGE: &[Capability] = &[Capability::ManageEndpoint];
const SEND: &[Capability] = &[Capability::CreateAttempts];
/// What the owner of an application leaves to who sends its messages.
const NOBODY: &[Capability] = &[];

/// What any application's keys may change below it.
const fn change(paths: Paths, capabilities: &'static [Capability]) -> Row {
    (ANY, paths, Scope::Admin, Reach::Own, capabilities)
}

/// The first row that fits counts.
const TABLE: [Row; 21] = [
    (
        POST,
        Paths::Only("/api/v1/app/{app}/msg"),
        Scope::Ingest,
        Reach::Own,
        NOBODY,
    ),
    // Header fields of an endpoint often hold keys, as its secret is one.
    (
        READ,
        Paths::Ending("/secret"),
        Scope::Admin,
        Reach::Own,
        VIEW_SECRET,
    ),
    (
        READ,
        Paths::Ending("/headers"),
        Scope::Admin,
        Reach::Own,
        MANAGE,
    ),
    // What operators say of deliveries is not for everybody who looks at these.
    (
        READ,
        Paths::Ending("/audit"),
        Scope::Read,
        Reach::Own,
        MANAGE,
    ),
    (
        READ,
        Paths::Only("/api/v1/app/{app}"),
        Scope::Read,
        Reach::Own,
        VIEW,
    ),
    (
        ANY,
        Paths::Only("/api/v1/app/{app}"),
        Scope::Admin,
        Reach::All,
        NOBODY,
    ),
    (
        READ,
        Paths::Below("/api/v1/app/{app}/"),
        Scope::Read,
        Reach::Own,
        VIEW,
    ),
    change(Paths::Ending("/secret/rotate"), ROTATE),
    change(Paths::Ending("/send-example"), SEND),
    change(Paths::Ending("/recover"), SEND),
    change(Paths::Ending("/replay-missing"), SEND),
    change(Paths::Ending("/bulk-replay"), SEND),
    change(Paths::Ending("/resend"), SEND),
    change(Paths::Ending("/skip"), MANAGE),
    change(Paths::Ending("/park"), MANAGE),
    change(Paths::Below("/api/v1/app/{app}/endpoint"), MANAGE),
    change(Paths::Below("/api/v1/app/{app}/"), NOBODY),
    (
        READ,
        Paths::Only("/api/v1/app"),
        Scope::Read,
        Reach::All,
        NOBODY,
    ),
    (
        READ,
        Paths::Below("/api/v1/event-type"),
        Scope::Read,
        Reach::Shared,
        VIEW,
    ),
    (
        READ,
        Paths::Below("/api/v1/background-task"),
        Scope::Read,
        Reach::All,
        NOBODY,
    ),
    // That it ends a token of the portal only, the route judges.
    (
        POST,
        Paths::Only("/api/v1/auth/logout"),
        Scope::Read,
        Reach::Shared,
        VIEW,
    ),
];

/// Lets a caller go on to a route, named by its method and by its path as the router writes it.
///
/// # Errors
/// [`Code::Forbidden`]; the caller's fault. It says nothing of whether what the path names exists.
pub(super) fn judge(caller: &Caller, method: &Method, path: &str) -> Result<(), Problem> {
    let (scope, reach, capabilities) = needed(method, path);
    let is_scope_enough = caller.capabilities.is_some() || caller.scope.allows(scope);
    if !is_scope_enough {
        let message = format!(
            "this key has the scope `{}`, and this asks for `{}`: use another key",
            caller.scope.text(),
            scope.text()
        );
        return Err(Problem::new(Code::Forbidden, message));
    }
    if reach == Reach::All && caller.application.is_some() {
        let message = "this key is for one application, and this is about all: use another key";
        return Err(Problem::new(Code::Forbidden, message));
    }
    let Some(held) = caller.capabilities else {
        return Ok(());
    };
    if capabilities.iter().any(|one| held.has(*one)) {
        return Ok(());
    }
    let names: Vec<&str> = capabilities.iter().map(|one| one.text()).collect();
    let message = if names.is_empty() {
        "no token of the portal may do this: use a key".to_owned()
    } else {
        let names = names.join("` or `");
        format!("this token of the portal lacks the capability `{names}`: ask for another one")
    };
    Err(Problem::new(Code::Forbidden, message))
}

/// Whether a route takes only the admin key and what stands for it: keys of the scope `admin` for all
/// applications.
pub(super) fn is_of_operators(method: &Method, path: &str) -> bool {
    let (scope, reach, _) = needed(method, path);
    scope == Scope::Admin && reach == Reach::All
}

/// What a route asks for.
fn needed(method: &Method, path: &str) -> (Scope, Reach, &'static [Capability]) {
    let fits = |(methods, paths, ..): &&Row| {
        (methods.is_empty() || methods.contains(method))
            && match paths {
                Paths::Only(only) => path == *only,
                Paths::Below(start) => path.starts_with(start),
                Paths::Ending(end) => path.starts_with("/api/v1/app/{app}/") && path.ends_with(end),
            }
    };
    let row = TABLE.iter().find(fits);
    row.map_or(
        (Scope::Admin, Reach::All, NOBODY),
        |(_, _, scope, reach, capabilities)| (*scope, *reach, *capabilities),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_that_nobody_listed_is_closed() {
        for path in [
            "",
            "/api/v1/key",
            "/api/v1/new",
            "/api/v1/auth/app-portal-access/{app}",
        ] {
            for method in [Method::GET, Method::POST] {
                let expected = (Scope::Admin, Reach::All, NOBODY);
                assert_eq!(needed(&method, path), expected, "{path}");
            }
        }
    }

    #[test]
    fn what_is_about_all_applications_is_for_operators_and_what_one_may_do_is_not() {
        for (method, path, expected) in [
            (Method::POST, "/api/v1/app", true),
            (Method::DELETE, "/api/v1/app/{app}", true),
            (Method::GET, "/api/v1/key", true),
            (Method::PUT, "/api/v1/event-type/{event_type}", true),
            (Method::POST, "/api/v1/auth/app-portal-access/{app}", true),
            (Method::GET, "/api/v1/app", false),
            (Method::GET, "/api/v1/event-type", false),
            (Method::POST, "/api/v1/app/{app}/msg", false),
            (Method::POST, "/api/v1/app/{app}/endpoint", false),
            (Method::POST, "/api/v1/auth/logout", false),
        ] {
            assert_eq!(is_of_operators(&method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn a_scope_reaches_what_it_is_for_and_admin_everything() {
        let caller = |scope| Caller {
            scope,
            ..Caller::ADMIN
        };
        let message = "/api/v1/app/{app}/msg";
        let secret = "/api/v1/app/{app}/endpoint/{endpoint}/secret";
        for (method, path, scope, expected) in [
            (Method::POST, message, Scope::Ingest, true),
            (Method::GET, message, Scope::Ingest, false),
            (Method::POST, message, Scope::Read, false),
            (Method::GET, message, Scope::Read, true),
            (Method::HEAD, message, Scope::Read, true),
            (Method::GET, secret, Scope::Read, false),
            (Method::GET, secret, Scope::Admin, true),
            (Method::DELETE, "/api/v1/app/{app}", Scope::Read, false),
            (
                Method::PUT,
                "/api/v1/event-type/{event_type}",
                Scope::Ingest,
                false,
            ),
        ] {
            let judged = judge(&caller(scope), &method, path);
            assert_eq!(judged.is_ok(), expected, "{method} {path} {scope:?}");
        }
    }

    #[test]
    fn a_token_of_the_portal_does_what_one_of_its_capabilities_is_for() {
        use Capability::{
            CreateAttempts, ManageEndpoint, ManageEndpointSecret, ManageTransformations, ViewBase,
            ViewEndpointSecret,
        };
        let endpoint = |end: &str| format!("/api/v1/app/{{app}}/endpoint/{{endpoint}}{end}");
        let message = |end: &str| format!("/api/v1/app/{{app}}/msg/{{message}}{end}");
        let rows: [(Method, String, &[Capability]); 23] = [
            (Method::GET, "/api/v1/app/{app}".into(), &[ViewBase]),
            (Method::GET, endpoint(""), &[ViewBase]),
            (Method::GET, endpoint("/stats"), &[ViewBase]),
            (Method::GET, message(""), &[ViewBase]),
            (Method::GET, "/api/v1/event-type".into(), &[ViewBase]),
            (
                Method::GET,
                endpoint("/secret"),
                &[ViewEndpointSecret, ManageEndpointSecret, ManageEndpoint],
            ),
            (Method::GET, endpoint("/headers"), &[ManageEndpoint]),
            (
                Method::POST,
                endpoint("/secret/rotate"),
                &[ManageEndpointSecret, ManageEndpoint],
            ),
            (
                Method::POST,
                "/api/v1/app/{app}/endpoint".into(),
                &[ManageEndpoint],
            ),
            (Method::PATCH, endpoint(""), &[ManageEndpoint]),
            (Method::DELETE, endpoint(""), &[ManageEndpoint]),
            (Method::PUT, endpoint("/headers"), &[ManageEndpoint]),
            (Method::POST, endpoint("/send-example"), &[CreateAttempts]),
            (Method::POST, endpoint("/recover"), &[CreateAttempts]),
            (Method::POST, endpoint("/replay-missing"), &[CreateAttempts]),
            (Method::POST, endpoint("/bulk-replay"), &[CreateAttempts]),
            (
                Method::POST,
                message("/endpoint/{endpoint}/resend"),
                &[CreateAttempts],
            ),
            (
                Method::POST,
                message("/endpoint/{endpoint}/skip"),
                &[ManageEndpoint],
            ),
            (
                Method::POST,
                message("/endpoint/{endpoint}/park"),
                &[ManageEndpoint],
            ),
            (Method::GET, endpoint("/audit"), &[ManageEndpoint]),
            (Method::GET, endpoint("/blocked"), &[ViewBase]),
            (Method::POST, "/api/v1/app/{app}/msg".into(), &[]),
            (Method::DELETE, message("/content"), &[]),
        ];
        for (method, path, expected) in rows {
            for one in Capability::ALL {
                let caller = Caller {
                    application: Some(crate::domain::id::ApplicationId::new(
                        crate::domain::id::Id::from_value(1),
                    )),
                    capabilities: Some([one].into_iter().collect()),
                    ..Caller::ADMIN
                };
                let is_let = judge(&caller, &method, &path).is_ok();
                assert_eq!(is_let, expected.contains(&one), "{method} {path} {one:?}");
                assert!(!is_let || one != ManageTransformations);
            }
        }
    }
}
