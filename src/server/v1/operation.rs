//! An operation of the API: its route and what it says of itself, made together, so that there is
//! no route without a description and no description without a route.

use axum::{
    handler::Handler,
    routing::{MethodFilter, MethodRouter, on},
};

use super::description::{Key, Shape};
use crate::server::{backend::Backend, problem::Code, router::ServerState};

/// What an operation does to what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// Shows it.
    Get,
    /// Makes or starts something.
    Post,
    /// Says all of it.
    Put,
    /// Changes a part of it.
    Patch,
    /// Takes it away.
    Delete,
}

impl Verb {
    const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Patch => MethodFilter::PATCH,
            Self::Delete => MethodFilter::DELETE,
        }
    }

    /// As a description spells it.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Put => "put",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}

/// An answer that is no refusal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Success {
    pub(super) status: u16,
    /// When it is this one.
    pub(super) when: &'static str,
    /// What its body is; `None` if it has none.
    pub(super) shape: Option<Shape>,
}

/// What an operation says of itself.
#[derive(Clone, Debug)]
pub(super) struct About {
    pub(super) verb: Verb,
    /// Its path, with the names of its parts in braces.
    pub(super) path: &'static str,
    /// Its own name: what it works on, a dot, what it does.
    pub(super) id: &'static str,
    /// One sentence.
    pub(super) summary: &'static str,
    /// The keys of its query.
    pub(super) keys: Vec<Key>,
    /// What its body is; `None` if it takes none.
    pub(super) body: Option<Shape>,
    /// Whether the body may be left out.
    pub(super) is_body_optional: bool,
    /// All its answers that are no refusals.
    pub(super) successes: Vec<Success>,
    /// What it refuses beyond what all operations of its form do.
    pub(super) refusals: Vec<Code>,
    /// Whether its answers show a revision, and changes ask for one.
    pub(super) has_revision: bool,
    /// Whether it can be done once under an `Idempotency-Key`.
    pub(super) is_once: bool,
    /// Whether it asks for no key.
    pub(super) is_open: bool,
}

/// An operation.
pub(super) struct Operation<B> {
    /// What it says of itself.
    pub(super) about: About,
    /// What serves it, at the path and for the verb of `about`.
    pub(super) route: MethodRouter<ServerState<B>>,
}

impl<B: Backend> Operation<B> {
    /// One that is served by `handler`, with its own name and a sentence.
    pub(super) fn new<H, T>(
        verb: Verb,
        path: &'static str,
        handler: H,
        (id, summary): (&'static str, &'static str),
    ) -> Self
    where
        H: Handler<T, ServerState<B>>,
        T: 'static,
    {
        Self {
            about: About {
                verb,
                path,
                id,
                summary,
                keys: Vec::new(),
                body: None,
                is_body_optional: false,
                successes: Vec::new(),
                refusals: Vec::new(),
                has_revision: false,
                is_once: false,
                is_open: false,
            },
            route: on(verb.filter(), handler),
        }
    }

    /// With keys in its query.
    pub(super) fn asks(mut self, keys: &[Key]) -> Self {
        self.about.keys.extend_from_slice(keys);
        self
    }

    /// With a body.
    pub(super) fn takes(mut self, shape: Shape) -> Self {
        self.about.body = Some(shape);
        self
    }

    /// With a body that may be left out.
    pub(super) fn may_take(mut self, shape: Shape) -> Self {
        self.about.is_body_optional = true;
        self.takes(shape)
    }

    /// With an answer that has a body.
    pub(super) fn gives(self, status: u16, when: &'static str, shape: Shape) -> Self {
        self.answers(status, when, Some(shape))
    }

    /// With 204, which has no body.
    pub(super) fn gives_nothing(self, when: &'static str) -> Self {
        self.answers(204, when, None)
    }

    fn answers(mut self, status: u16, when: &'static str, shape: Option<Shape>) -> Self {
        self.about.successes.push(Success {
            status,
            when,
            shape,
        });
        self
    }

    /// With a refusal that not all operations of its form have.
    pub(super) fn refuses(mut self, code: Code) -> Self {
        self.about.refusals.push(code);
        self
    }

    /// Whose answers show a revision as `ETag`, and which asks for `If-Match` if it changes one.
    pub(super) fn has_revision(mut self) -> Self {
        self.about.has_revision = true;
        self
    }

    /// Which is done once under an `Idempotency-Key`, however often it is asked for.
    pub(super) fn once(mut self) -> Self {
        self.about.is_once = true;
        self
    }

    /// For everybody, without a key.
    pub(super) fn open(mut self) -> Self {
        self.about.is_open = true;
        self
    }
}
