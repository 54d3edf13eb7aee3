//! The keys of queries.

use serde_json::{Value, json};

use crate::{
    limits,
    server::v1::task::{KINDS, OTHER_KINDS, STATUSES},
};

/// A key of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server::v1) enum Key {
    /// How many entries a page has.
    Limit,
    /// Where a page begins.
    Iterator,
    /// Which way a list runs.
    Order,
    /// Only what is older.
    Before,
    /// Only what is newer.
    After,
    /// Only what came then or later.
    Since,
    /// Only what came earlier.
    Until,
    /// Whether payloads and replies are shown.
    WithContent,
    /// Whether a known object is as good as a new one.
    GetIfExists,
    /// Whether archived types are shown.
    IncludeArchived,
    /// Whether schemas are shown.
    WithSchemas,
    /// Whether it is forgotten for good.
    Expunge,
    /// Only of these types.
    EventTypes,
    /// Only with this channel.
    Channel,
    /// Only with this tag.
    Tag,
    /// Only what ended so.
    Status,
    /// Only what was answered so.
    StatusCodeClass,
    /// Only to this endpoint.
    EndpointId,
    /// Whether the status of what was called off is shown.
    ExpandedStatuses,
    /// Whether each attempt has its message.
    WithMessage,
    /// Only tasks that stand so.
    TaskStatus,
    /// Only tasks of this kind.
    TaskKind,
    /// Whether nothing is done but counting.
    DryRun,
}

impl Key {
    /// As a parameter of OpenAPI.
    pub(super) fn parameter(self) -> Value {
        let (name, description, schema) = self.parts();
        json!({
            "name": name,
            "in": "query",
            "description": description,
            "explode": false,
            "schema": schema,
        })
    }

    #[expect(clippy::too_many_lines, reason = "a table")]
    fn parts(self) -> (&'static str, &'static str, Value) {
        let flag = |usual: bool| json!({ "type": "boolean", "default": usual });
        let moment = || json!({ "type": "string", "format": "date-time" });
        match self {
            Self::Limit => (
                "limit",
                "How many entries the page has at most.",
                json!({
                    "type": "integer",
                    "minimum": 1,
                    "maximum": limits::PAGE_ENTRIES_MAX,
                    "default": limits::PAGE_ENTRIES,
                }),
            ),
            Self::Iterator => (
                "iterator",
                "Where to go on: what a page of this list gave as `iterator` or `prevIterator`.",
                json!({ "type": "string" }),
            ),
            Self::Order => (
                "order",
                "In the order in which they were made, or against it.",
                json!({
                    "type": "string",
                    "enum": ["ascending", "descending"],
                    "default": "ascending",
                }),
            ),
            Self::Before => ("before", "Only what shows an earlier time.", moment()),
            Self::After => ("after", "Only what shows a later time.", moment()),
            Self::Since => (
                "since",
                "Only messages of this time or later; 28 days before the end if it is not given.",
                moment(),
            ),
            Self::Until => (
                "until",
                "Only messages of an earlier time; until now if it is not given.",
                moment(),
            ),
            Self::WithContent => (
                "with_content",
                "Whether payloads or the bodies of replies are shown.",
                flag(true),
            ),
            Self::GetIfExists => (
                "get_if_exists",
                "Whether a known `uid` is answered with what it belongs to.",
                flag(false),
            ),
            Self::IncludeArchived => (
                "include_archived",
                "Whether archived types are shown, too.",
                flag(false),
            ),
            Self::WithSchemas => ("with_content", "Whether schemas are shown.", flag(false)),
            Self::Expunge => (
                "expunge",
                "Whether it is taken out of the catalogue, not archived.",
                flag(false),
            ),
            Self::EventTypes => (
                "event_types",
                "Only of these types; with commas between, or given several times.",
                json!({ "type": "array", "items": { "type": "string" } }),
            ),
            Self::Channel => (
                "channel",
                "Only messages with this channel.",
                json!({ "type": "string" }),
            ),
            Self::Tag => (
                "tag",
                "Only messages with this tag.",
                json!({ "type": "string" }),
            ),
            Self::Status => (
                "status",
                "Only what succeeded (0), is pending (1) or failed (2); attempts have ended.",
                json!({ "type": "integer", "enum": [0, 1, 2, 3, 4] }),
            ),
            Self::StatusCodeClass => (
                "status_code_class",
                "Only answers of this hundred; 0 where no answer came.",
                json!({ "type": "integer", "enum": [0, 100, 200, 300, 400, 500] }),
            ),
            Self::EndpointId => (
                "endpoint_id",
                "Only to this endpoint: its id or `uid`.",
                json!({ "type": "string" }),
            ),
            Self::ExpandedStatuses => (
                "expanded_statuses",
                "Whether what was called off shows as 4 (canceled), else as 2 (fail).",
                flag(false),
            ),
            Self::WithMessage => (
                "with_msg",
                "Whether each attempt has its message as `msg`.",
                flag(false),
            ),
            Self::TaskStatus => (
                "status",
                "Only tasks that stand so.",
                json!({ "type": "string", "enum": STATUSES }),
            ),
            Self::TaskKind => (
                "task",
                "Only tasks of this kind.",
                json!({ "type": "string", "enum": ([&KINDS[..], &OTHER_KINDS].concat()) }),
            ),
            Self::DryRun => (
                "dryRun",
                "Whether nothing is sent and the answer tells how many would be.",
                flag(false),
            ),
        }
    }
}
