//! Bounds of what callers of the API may say, ask for and keep.

/// Endpoints read from the store at a time for the original routes' list.
pub const ORIGINAL_LIST_PAGE: usize = 250;
/// Entries of one page of an API list where nothing is said.
pub const PAGE_ENTRIES: usize = 50;
/// Most entries of one page of an API list. More asked for: 422.
pub const PAGE_ENTRIES_MAX: usize = 250;
/// Payload and reply bytes after which a page of an API list ends early.
pub const PAGE_BYTES: usize = 4 * 1024 * 1024;
/// Events read from the store at a time for a page, since each may be as large as a body.
pub const PAGE_EVENTS_READ: usize = 32;
/// Most rows looked at for one page; where most of them are left out it ends early.
pub const PAGE_ROWS_READ_MAX: usize = 10_000;
/// Payload and reply bytes looked at for one page; where most of them are left out it ends early.
pub const PAGE_BYTES_READ_MAX: usize = 64 * 1024 * 1024;
/// Time that an endpoint's statistics are about where none is named, in seconds: four weeks.
pub const STATS_RANGE_S: i64 = 28 * 24 * 3_600;
/// Longest such time, in seconds: five minutes more, for clocks that differ. Longer: 422.
pub const STATS_RANGE_S_MAX: i64 = STATS_RANGE_S + 5 * 60;
/// Most messages that are looked at to make them. More in the time asked for: 422.
pub const STATS_EVENTS_MAX: usize = 100_000;
/// Messages that are looked at for them in one snapshot of the store.
pub const STATS_EVENTS_READ: usize = 1_000;
/// Attempts that were asked for and wait to be made, of one application. Over it: 503.
pub const RESENDS_WAITING_MAX: usize = 256;
/// Tasks that are kept, over all applications of a shard: the oldest that has ended goes first.
pub const TASKS_KEPT_MAX: usize = 1_000;
/// Tasks of one endpoint that are under way; the first of them works.
pub const TASKS_WAITING_MAX: usize = 8;
/// Deliveries that a task makes due at a time; it goes on when all of them were tried.
pub const TASK_STEP_DELIVERIES: usize = 64;
/// Events that a task looks at in one go.
pub const TASK_STEP_EVENTS: usize = 256;
/// Messages that a dry run looks at, at most.
pub const DRY_RUN_EVENTS_MAX: u64 = 1_000_000;
/// How far a task may look back: fourteen days, and five minutes for clocks that differ.
pub const TASK_SPAN_MS_MAX: i64 = (14 * 24 * 60 + 5) * 60 * 1_000;
/// Most pages read at once. Over it: the request waits.
pub const PAGE_READS_MAX: usize = 8;
/// How far the wall clock may drift from steady time without being stepped, in milliseconds, where
/// a wall time is turned into an id.
pub const CLOCK_DRIFT_MS: i64 = 10;
/// Most fields at fault that one answer names; the others it counts.
pub const FAULTS_SHOWN_MAX: usize = 100;
/// What `Retry-After` says where a moment is enough, in seconds.
pub const RETRY_SOON_S: u64 = 1;
/// What `Retry-After` says where work must be done or a process replaced first, in seconds.
pub const RETRY_LATER_S: u64 = 5;
/// Most commands that wait for the engine at once. Over it: 503.
pub const MAILBOX_COMMANDS_MAX: usize = 16_384;

/// Longest endpoint URL, in bytes.
pub const URL_BYTES_MAX: usize = 2_048;
/// Longest `uid`, event id or event type, in bytes of `[a-zA-Z0-9._-]`.
pub const NAME_BYTES_MAX: usize = 256;
/// Longest name of an application for people and longest description, in bytes.
pub const TEXT_BYTES_MAX: usize = 1_024;
/// Most pairs of an object's metadata. Over it: 422.
pub const METADATA_PAIRS_MAX: usize = 32;
/// Longest key of metadata, in bytes.
pub const METADATA_KEY_BYTES_MAX: usize = 64;
/// Longest value of metadata, in bytes.
pub const METADATA_VALUE_BYTES_MAX: usize = 256;
/// Most event types that an endpoint may name. Over it: 422; naming none takes all.
pub const ENDPOINT_EVENT_TYPES_MAX: usize = 1_000;
/// Longest record of the directory, in bytes: an event type with its schemas. Over it: 422.
pub const RECORD_BYTES_MAX: usize = 128 * 1024;
/// Most parts of a schema that checks messages, written out without references. Over it: 422.
pub const SCHEMA_PARTS_MAX: usize = 2_000;
/// How deep its parts may lie in one another. Over it: 422.
pub const SCHEMA_DEPTH_MAX: usize = 128;
/// Most patterns of it. Over it: 422.
pub const SCHEMA_PATTERNS_MAX: usize = 100;
/// Memory of one compiled pattern, and again of matching it, in bytes. Over it: 422.
pub const SCHEMA_PATTERN_BYTES_MAX: usize = 256 * 1024;
/// Steps that checking a payload may take by a schema that leads back to itself. Over it: 422.
pub const SCHEMA_STEPS_MAX: usize = 20_000;
/// Levels of the payload and of such a schema that may lie in one another then. Over it: 422.
pub const SCHEMA_LEVELS_MAX: usize = 512;
/// Parts of a schema times bytes of a payload up to which all faults are found, not the first alone.
pub const SCHEMA_STEPS_FOR_ALL_FAULTS: usize = 250_000;
/// Most event types in the catalogue. Over it: 400, `limit_reached`.
pub const EVENT_TYPES_MAX: usize = 1_000;
/// How long a token of the portal is good unless asked for otherwise, in seconds.
pub const PORTAL_TOKEN_S: u64 = 4 * 3_600;
/// Shortest life of a portal token that can be asked for, in seconds.
pub const PORTAL_TOKEN_S_MIN: u64 = 3_600;
/// Longest life of a portal token, in seconds.
pub const PORTAL_TOKEN_S_MAX: u64 = 7 * 24 * 3_600;
/// Most feature flags of a portal token. Over it: 422.
pub const PORTAL_FLAGS_MAX: usize = 25;
/// Most expired portal tokens that are cleared away when one is made.
pub const PORTAL_TOKENS_CLEARED_MAX: usize = 4;
/// Longest name of the session of a portal token, in bytes. Over it: 422.
pub const SESSION_BYTES_MAX: usize = 64;
/// Most sessions whose portal tokens are ended by one request. Over it: 422.
pub const PORTAL_SESSIONS_MAX: usize = 100;
/// Portal tokens that one request ends at a time; the others of it wait.
pub const PORTAL_TOKENS_ENDED_AT_ONCE: usize = 64;
/// Beginning of a key of the API that is kept to tell keys apart, in bytes, of 51.
pub const API_KEY_HINT_BYTES: usize = 13;
/// Most keys of the API, expired ones included. Over it: 400, `limit_reached`.
pub const API_KEYS_MAX: usize = 10_000;
/// Most channels of a message and of an endpoint. Over it: 422.
pub const CHANNELS_MAX: usize = 10;
/// Most tags of a message. Over it: 422.
pub const TAGS_MAX: usize = 5;
/// Longest tag, in bytes.
pub const TAG_BYTES_MAX: usize = 128;
/// How far ahead a message's `deliverAt` may lie, in milliseconds: 30 days. Over it: 422.
pub const DELIVER_AFTER_MS_MAX: i64 = 30 * 86_400_000;
/// Longest time that can be asked for a payload to be kept, in days.
pub const PAYLOAD_RETENTION_DAYS_MAX: u64 = 90;
/// Most parameters of transformations in a message. Over it: 422.
pub const TRANSFORMATION_PARAMETERS_MAX: usize = 32;
/// Longest media type of a payload, in bytes. Over it: 422.
pub const CONTENT_TYPE_BYTES_MAX: usize = 128;
/// Longest text of what is said of a message besides, in bytes of JSON. Over it: 422.
pub const EVENT_DETAILS_BYTES_MAX: usize = 8 * 1024;
/// Most spans of events, each with its filter, that are remembered of an endpoint; over it the oldest
/// is forgotten.
pub const SUBSCRIPTIONS_MAX: usize = 64;
/// Most secrets of an endpoint that sign at once. Over it: 409.
pub const SECRETS_MAX: usize = 3;
/// Longest grace period of a secret that is replaced, in seconds: a week.
pub const GRACE_S_MAX: i64 = 7 * 24 * 3_600;
/// Grace period of a secret that is replaced where none is named, in seconds: a day.
pub const GRACE_S: i64 = 24 * 3_600;
/// Most header fields that an endpoint's owner may add to its requests. Over it: 422.
pub const ENDPOINT_HEADERS_MAX: usize = 20;
/// Longest prefix of the second set of signature headers, in bytes, its hyphen included.
pub const HEADER_PREFIX_BYTES_MAX: usize = 32;
/// Longest name of such a field, in bytes.
pub const ENDPOINT_HEADER_NAME_BYTES_MAX: usize = 128;
/// Longest value of such a field, in bytes.
pub const ENDPOINT_HEADER_VALUE_BYTES_MAX: usize = 4_096;
/// Longest token of an original registration, in bytes.
pub const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// Most endpoints of one application. Over it: the registration is refused.
pub const ENDPOINTS_PER_APPLICATION_MAX: usize = 10_000;
/// Length of a fresh signing secret, in bytes (Standard Webhooks asks for 24 to 64).
pub const SECRET_BYTES: usize = 32;
/// Shortest signing secret, in bytes.
pub const SECRET_BYTES_MIN: usize = 24;
/// Longest signing secret, in bytes.
pub const SECRET_BYTES_MAX: usize = 64;
/// Longest body that `fanfare verify` reads, in bytes; no delivery is so long.
pub const VERIFIED_BODY_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Longest payload that `fanfare event send` reads, in bytes; a server decides what it takes.
pub const CLIENT_PAYLOAD_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Longest answer of a server that the command line reads, in bytes: a page of the longest events.
pub const CLIENT_ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Shortest admin key, in visible ASCII characters.
pub const ADMIN_KEY_BYTES_MIN: usize = 32;
/// Longest admin key, in visible ASCII characters.
pub const ADMIN_KEY_BYTES_MAX: usize = 1_024;
