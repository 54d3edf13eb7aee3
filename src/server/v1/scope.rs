//! What each route asks of its caller: the one table of routes and scopes.
//!
//! A route that stands in no row asks for everything, so one that is forgotten here is closed, not
//! open.

use http::Method;

use crate::server::{
    api_key::{Caller, Scope},
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

/// A row: which methods, which paths, which scope, whose keys.
type Row = (&'static [Method], Paths, Scope, Reach);

const READ: &[Method] = &[Method::GET, Method::HEAD];
const POST: &[Method] = &[Method::POST];
const ANY: &[Method] = &[];

/// The first row that fits counts.
const TABLE: [Row; 10] = [
    (
        POST,
        Paths::Only("/api/v1/app/{app}/msg"),
        Scope::Ingest,
        Reach::Own,
    ),
    // Header fields of an endpoint often hold keys, as its secret is one.
    (READ, Paths::Ending("/secret"), Scope::Admin, Reach::Own),
    (READ, Paths::Ending("/headers"), Scope::Admin, Reach::Own),
    (
        READ,
        Paths::Only("/api/v1/app/{app}"),
        Scope::Read,
        Reach::Own,
    ),
    (
        ANY,
        Paths::Only("/api/v1/app/{app}"),
        Scope::Admin,
        Reach::All,
    ),
    (
        READ,
        Paths::Below("/api/v1/app/{app}/"),
        Scope::Read,
        Reach::Own,
    ),
    (
        ANY,
        Paths::Below("/api/v1/app/{app}/"),
        Scope::Admin,
        Reach::Own,
    ),
    (READ, Paths::Only("/api/v1/app"), Scope::Read, Reach::All),
    (
        READ,
        Paths::Below("/api/v1/event-type"),
        Scope::Read,
        Reach::Shared,
    ),
    (
        READ,
        Paths::Below("/api/v1/background-task"),
        Scope::Read,
        Reach::All,
    ),
];

/// Lets a caller go on to a route, named by its method and by its path as the router writes it.
///
/// # Errors
/// [`Code::Forbidden`]; the caller's fault. It says nothing of whether what the path names exists.
pub(super) fn judge(caller: &Caller, method: &Method, path: &str) -> Result<(), Problem> {
    let (scope, reach) = needed(method, path);
    if !caller.scope.allows(scope) {
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
    Ok(())
}

/// What a route asks for.
fn needed(method: &Method, path: &str) -> (Scope, Reach) {
    let fits = |(methods, paths, ..): &&Row| {
        (methods.is_empty() || methods.contains(method))
            && match paths {
                Paths::Only(only) => path == *only,
                Paths::Below(start) => path.starts_with(start),
                Paths::Ending(end) => path.starts_with("/api/v1/app/{app}/") && path.ends_with(end),
            }
    };
    let row = TABLE.iter().find(fits);
    row.map_or((Scope::Admin, Reach::All), |(.., scope, reach)| {
        (*scope, *reach)
    })
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
                assert_eq!(needed(&method, path), (Scope::Admin, Reach::All), "{path}");
            }
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
}
