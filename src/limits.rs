//! Every bound of Fanfare with its unit, and how they hang together.
//!
//! Whatever grows has its limit here, and the answer when it is full is given beside it. The
//! `const` assertions at the end keep limits that depend on each other from drifting apart.

mod api;
mod clients;
mod held;

pub use api::*;
pub use clients::*;
pub use held::*;

/// Largest request body the server takes, in bytes, envelope included. Over it: 413.
pub const REQUEST_BODY_BYTES_MAX: usize = 256 * 1024;
/// Largest head of a request to the server, in bytes. Over it: 431.
pub const REQUEST_HEAD_BYTES_MAX: usize = 16 * 1024;
/// Most header fields in a request to the server. Over it: 431.
pub const REQUEST_HEADERS_MAX: usize = 100;
/// Longest request target (path and query), in bytes. Over it: 414.
pub const REQUEST_TARGET_BYTES_MAX: usize = 8 * 1024;
/// Deepest nesting of a JSON body. Deeper: 422, of the original routes 400.
pub const JSON_DEPTH_MAX: usize = 64;
/// Time for a client to send a request's head, in milliseconds. Later: the connection is closed.
pub const REQUEST_HEAD_TIMEOUT_MS: u64 = 10_000;
/// Time for a client to send a request's whole body, in milliseconds. Later: 408.
pub const REQUEST_BODY_TIMEOUT_MS: u64 = 30_000;
/// Slowest that a request's body may come after its first `REQUEST_BODY_GRACE_MS`, in bytes a second.
/// Slower: 408.
pub const REQUEST_BODY_BYTES_PER_S_MIN: u64 = 1_024;
/// Time in which a request's body may come as slowly as it likes, in milliseconds.
pub const REQUEST_BODY_GRACE_MS: u64 = 5_000;

/// Largest head of a receiver's reply, in bytes. Over it: the attempt fails.
pub const REPLY_HEAD_BYTES_MAX: usize = 32 * 1024;
/// Most header fields in a receiver's reply. Over it: the attempt fails.
pub const REPLY_HEADERS_MAX: usize = 100;
/// Most of a receiver's reply body that is read, in bytes. Beyond it: the connection is closed.
pub const REPLY_BODY_READ_BYTES_MAX: usize = 64 * 1024;
/// Most of a receiver's reply body that is kept, in bytes.
pub const REPLY_BODY_KEPT_BYTES_MAX: usize = 16 * 1024;
/// Most of a receiver's reply that is read at once, in bytes: below what makes the buffer for it grow.
pub const REPLY_READ_BYTES: u64 = 4 * 1024;
/// Longest `Retry-After` value that is kept, in bytes. Longer ones are junk and ignored.
pub const RETRY_AFTER_BYTES_MAX: usize = 64;
/// Most interim (1xx) replies before the final one. Over it: the attempt fails.
pub const REPLY_INTERIM_MAX: usize = 8;

/// Deadline of one whole attempt, from its start to the end of the reply, in milliseconds.
pub const ATTEMPT_TIMEOUT_MS: u64 = 30_000;
/// Time to connect to a receiver, in milliseconds, inside the attempt's deadline.
pub const CONNECT_TIMEOUT_MS: u64 = 10_000;
/// Time to resolve a receiver's name, in milliseconds, inside the attempt's deadline.
pub const DNS_TIMEOUT_MS: u64 = 5_000;
/// The longest label of a name, in bytes (RFC 1035, 2.3.4).
pub const DNS_LABEL_BYTES_MAX: usize = 63;
/// The longest name as text, in bytes (RFC 1035, 2.3.4).
pub const DNS_NAME_BYTES_MAX: usize = 253;
/// Most addresses of one name that are looked at; a name with more is refused.
pub const DNS_ADDRESSES_MAX: usize = 16;
/// Most addresses of one name that are dialled in one attempt.
pub const DIAL_ADDRESSES_MAX: usize = 4;
/// Most names resolved at once. Over it: the attempt waits for a turn, inside its deadline.
pub const RESOLUTIONS_MAX: usize = 32;
/// How long a vetted resolution may be used again, in milliseconds.
pub const DNS_CACHE_MS: u64 = 30_000;
/// Most names whose resolution is kept. Over it: the first one by name makes room.
pub const DNS_CACHE_NAMES_MAX: usize = 4_096;
/// How long the addresses of this machine's interfaces are believed, in milliseconds.
pub const INTERFACES_MS: u64 = 60_000;
/// The shortest value of a header field that is masked in replies, in bytes.
pub const MASKED_BYTES_MIN: usize = 8;
/// How long a connection to a receiver may be used, in milliseconds: then its name is resolved and judged
/// anew.
pub const CONNECTION_LIFE_MS: u64 = 60_000;
/// Largest head of a proxy's reply to `CONNECT`, in bytes.
pub const PROXY_HEAD_BYTES_MAX: usize = 8 * 1_024;
/// Most ports that are allowed by name.
pub const ALLOWED_PORTS_MAX: usize = 256;
/// Most name servers that are named.
pub const NAME_SERVERS_MAX: usize = 8;
/// Most connections to receivers, those that are kept for their next attempt included. Over it: the one that
/// is idle for longest makes room.
pub const CONNECTIONS_KEPT_MAX: usize = 8_192;
/// How long an idle connection to a receiver is kept, in milliseconds.
pub const CONNECTION_IDLE_MS: u64 = 60_000;
/// Time that shutdown waits for attempts and requests in flight, in milliseconds.
pub const DRAIN_TIMEOUT_MS: u64 = 30_000;

/// The part of it that requests to the server have after the engine has stopped, in milliseconds.
pub const DRAIN_SERVER_MS: u64 = 2_000;

/// Attempts in flight over all endpoints. Over it: deliveries wait in their lanes.
pub const SEND_SLOTS_MAX: usize = 2_048;
/// How long an attempt to a receiver that answers promptly takes at most, as a rule, in milliseconds. Who
/// takes longer has at most half of the send slots in an application, and three quarters over all.
pub const PROMPT_MS: i64 = 2_000;
/// Attempts in flight to one endpoint by default, once its window has earned them.
pub const WINDOW_MAX: u16 = 8;
/// Most attempts in flight to one endpoint that an override may ask for.
pub const WINDOW_OVERRIDE_MAX: u16 = 256;
/// Attempts in flight to one host, over all endpoints, of which nothing is known yet.
pub const HOST_WINDOW: u16 = 16;
/// Attempts in flight to one host that may be however much of it fails.
pub const HOST_WINDOW_MIN: u16 = 8;
/// Attempts in flight to one host by default, once it has earned them. Over it: lanes wait in turn.
pub const HOST_WINDOW_MAX: u16 = 512;
/// Attempts a lane may start before the next lane has its turn.
pub const QUANTUM_ATTEMPTS: u32 = 4;
/// How far beyond its cursor a lane settles events out of order.
pub const DONE_MAP_EVENTS: u64 = 256;
/// Deliveries of a lane that succeeded by hand further ahead than that, as long as it does not come near. Over it:
/// nobody can ask for another attempt so far ahead.
pub const DONE_FAR_MAX: usize = 1_024;
/// Newest events kept in memory over all applications, in events. Over it: slow lanes walk pages.
pub const RING_EVENTS_MAX: usize = 65_536;
/// Newest events kept in memory over all applications, in payload bytes.
pub const RING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Deliveries of one application that its part of the ring stands for, events times endpoints. Over
/// it: lanes that are behind walk pages.
pub const RING_DELIVERIES_MAX: usize = 4 * 1024 * 1024;
/// Rows of open deliveries of one application. Over it: endpoints that fail wait at their cursors.
pub const OPEN_ROWS_MAX: u64 = 1_000_000;
/// Deliveries of one endpoint that wait for others of their line while its walk goes on. Over it: the
/// endpoint waits at its cursor.
pub const ORDERED_HELD_MAX: usize = 100_000;
/// Heads of lines of which an operator's question is told, those behind which most wait.
pub const HEADS_TOLD_MAX: usize = 250;
/// Events at which an operator's question looks to find one that a lane has to send.
pub const WALK_LOOKED_AT_MAX: u64 = 32;
/// Operators' questions that wait for the end of one turn. Over it: they get no answer.
pub const LOOKS_MAX: usize = 64;
/// How long an operator's question waits for the engine, in milliseconds. Longer: it gets no answer.
pub const LOOK_TIMEOUT_MS: u64 = 1_000;
/// Deliveries of events for later that get their rows in one turn. Over it: in the next.
pub const TURN_POSTPONED_MAX: usize = 4_096;
/// Open rows in memory over all lanes. Over it: each lane keeps only its next few.
pub const OPEN_ROWS_HELD_MAX: usize = 65_536;
/// Bytes of payloads that open rows hold in memory. Over it: each lane keeps only its next one.
pub const OPEN_BYTES_HELD_MAX: usize = 64 * 1024 * 1024;
/// Bytes of payloads in pages held for lanes that lag, over all applications. Over it: those that
/// were not used for longest go.
pub const PAGES_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Operational events on their way from one shard to another, over all shards. Over it: what happens
/// is not told.
pub const OUTBOX_ROWS_MAX: usize = 16_384;
/// Pause before operational events are sent on again that found no room, in milliseconds.
pub const OUTBOX_PAUSE_MS: i64 = 5_000;
/// How often the log is told of operational events that were dropped, in seconds.
pub const DROPPED_TOLD_EVERY_S: i64 = 60;
/// Longest time without a batch, in milliseconds, so that the store knows what time it is.
pub const HEARTBEAT_MS: i64 = 60_000;
/// How far wall and steady time may part before the pair is written at once, in milliseconds.
pub const CLOCK_STEP_MS: i64 = 1_000;
/// Rows of one page loaded from the store.
pub const PAGE_ROWS: usize = 256;
/// Pages of events held for lanes that lag behind the ring, over all applications.
pub const PAGES_HELD_MAX: usize = 256;
/// Inputs of one turn.
pub const TURN_INPUTS_MAX: usize = 1_024;
/// Bytes of changes gathered for the next batch of a shard. Over it: ingest is refused with 503.
pub const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bodies of replies beyond which the attempts of one event are written as more than one row, in bytes.
/// Whatever is large has a page whose size is a power of two: fifteen of the largest bodies fill one of
/// 256 KiB, while a batch of them may be just over a MiB and would take two.
pub const ATTEMPTS_ROW_BODIES_BYTES: usize = 240 * 1024;
/// Batches of one shard that may be in flight to the store.
pub const BATCHES_IN_FLIGHT_MAX: usize = 2;
/// Shortest time from one sync of the embedded store to the next while work waits, in
/// microseconds; a batch that finds the disk idle waits for nobody.
pub const GROUP_PAUSE_US: u64 = 1_000;
/// Shards of data of a new embedded store; the unit in which work can be spread over processes.
pub const DATA_SHARDS: u16 = 64;
/// Memory that the embedded store keeps pages of its file in, in bytes.
pub const STORE_CACHE_BYTES: usize = 64 * 1024 * 1024;
/// Largest file of an embedded store that is compared with its checksums as a whole at each start,
/// in bytes. Of a larger one only what a crash may have torn is.
pub const STORE_VERIFIED_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Most faults that a check of the store lists; of more it tells how many.
pub const CHECK_FAULTS_MAX: usize = 100;
/// Most applications that the store's statistics list, those with the largest backlog.
pub const STATS_APPLICATIONS_MAX: usize = 100;
/// Bytes of rows that a compaction writes in one commit.
pub const COPY_COMMIT_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of a file that a backup copies at a time.
pub const COPY_CHUNK_BYTES: usize = 1024 * 1024;
/// Attempts of one shard that may be in the journal before the index by endpoint is written.
pub const JOURNAL_ATTEMPTS_MAX: usize = 4_096;
/// Size at which a bucket of events is closed, in bytes.
pub const BUCKET_BYTES: u64 = 64 * 1024 * 1024;
/// Age at which a bucket of events is closed, in milliseconds.
pub const BUCKET_AGE_MS: i64 = 24 * 60 * 60 * 1_000;
/// How long payloads of ended work are kept after their bucket was closed, in milliseconds.
pub const PAYLOAD_AGE_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// How long events and attempts of ended work are kept after their bucket was closed and last
/// written, in milliseconds.
pub const ROW_AGE_MS: i64 = 30 * 24 * 60 * 60 * 1_000;
/// Longest time that ended work can be kept, in days.
pub const RETENTION_DAYS_MAX: u64 = 3_650;
/// How long a key under which something was made is known at least, in milliseconds; it is known
/// twice as long at most.
pub const ONCE_AGE_MS: i64 = 24 * 60 * 60 * 1_000;
/// Longest idempotency key, in bytes.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;
/// How often it is looked for buckets that may go, in milliseconds; one goes at a time.
pub const RETAIN_EVERY_MS: i64 = 10_000;
/// Room on the disk below which nothing new is taken: a twentieth of it, at least this, in bytes.
pub const RESERVE_BYTES_MIN: u64 = 16 * 1024 * 1024;
/// The same, at most, in bytes.
pub const RESERVE_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// How often a full disk is looked at, in milliseconds.
pub const DISK_LOOK_MS: u64 = 1_000;
/// How long a result may wait for company before its batch goes by itself, in milliseconds.
pub const RECORD_DELAY_MS: i64 = 20;
/// Attempts that the explanation of a delivery tells of, the newest ones.
pub const EXPLAINED_ATTEMPTS_MAX: usize = 250;
/// How far back a circuit breaker looks, in milliseconds.
pub const CIRCUIT_WINDOW_MS: i64 = 10 * 60 * 1_000;
/// First pause of an open circuit, in milliseconds.
pub const CIRCUIT_PAUSE_MS: i64 = 30 * 1_000;
/// Longest pause of an open circuit, in milliseconds.
pub const CIRCUIT_PAUSE_MAX_MS: i64 = 3 * 60 * 1_000;
/// Attempts a minute that a recovering receiver gets at least.
pub const RECOVERY_PER_MINUTE_MIN: u32 = 60;
/// How long an endpoint must have failed until that outlives the process, in milliseconds.
pub const FAILING_KEPT_AFTER_MS: i64 = 10 * 60 * 1_000;
/// How long attempts to an endpoint may fail, one after the other, until it is disabled, in milliseconds.
pub const DISABLE_AFTER_MS: i64 = 5 * 24 * 60 * 60 * 1_000;
/// Attempts of a delivery by the default schedule.
pub const ATTEMPTS_MAX: usize = 10;
/// Longest wait that a `Retry-After` can ask for, in milliseconds.
pub const RETRY_AFTER_MAX_MS: i64 = 24 * 60 * 60 * 1_000;
/// Longest time that a store may have been unused, by the wall clock, in milliseconds. Longer: it is
/// opened only if the operator says that the clock is right.
pub const CLOCK_GAP_MS_MAX: i64 = 30 * 24 * 60 * 60 * 1_000;
/// Age at which open work expires, counted from its acceptance, in milliseconds.
pub const EXPIRES_AFTER_MS: i64 = 14 * 24 * 60 * 60 * 1_000;

/// Console lines that wait for a slow terminal. Over it: lines are dropped and counted.
pub const CONSOLE_LINES_MAX: usize = 4_096;
/// Batch logs open at once. Over it: the oldest is closed early with what it knows.
pub const ROUNDS_OPEN_MAX: usize = 64;
/// Longest wait of a batch log for first attempts, in milliseconds.
pub const ROUND_TIMEOUT_MS: i64 = 60_000;

/// Terminal events the memory store keeps, newest first. Over it: the oldest is forgotten.
/// The same number of open ones fills it: then new events are refused with 503.
pub const MEMORY_STORE_EVENTS_MAX: usize = 100_000;
/// Attempt records the memory store keeps for terminal events.
pub const MEMORY_STORE_ATTEMPTS_MAX: usize = 1_000_000;
/// Payload bytes the memory store keeps; open work alone over it refuses new events.
pub const MEMORY_STORE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Deliveries of one simulation, each of which is kept account of. Over it: it is refused.
pub const SIMULATED_DELIVERIES_MAX: u64 = 10_000_000;
/// Bytes of padding of all payloads of one simulation, which are all kept. Over it: it is refused.
pub const SIMULATED_PADDING_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Types that the events of one simulation may be of.
pub const SIMULATED_EVENT_TYPES_MAX: u32 = 8;
/// Applications that a simulation may have beside the one that is watched.
pub const SIMULATED_NEIGHBOURS_MAX: usize = 16;
/// Ordering keys that the events of one simulation may have.
pub const SIMULATED_ORDERING_KEYS_MAX: u32 = 1_000_000;
/// Keys under which something was made that the memory store knows, in each of its two maps. Over it:
/// the older map is forgotten, though it is younger than a day.
pub const MEMORY_STORE_KEYS_MAX: usize = 262_144;

/// Longest line of the log, in bytes. Of a longer one the texts are cut.
pub const LOG_LINE_BYTES_MAX: usize = 16 * 1024;
/// What is kept of each text of a longer line that is JSON, in bytes.
pub const LOG_TEXT_BYTES_MAX: usize = 1024;
/// Largest configuration or key file, in bytes. Over it: it is refused.
pub const CONFIG_FILE_BYTES_MAX: usize = 1024 * 1024;
/// Period of the generator where it is on and nothing else is said, in milliseconds.
pub const GENERATOR_PERIOD_MS: u64 = 5_000;
/// Longest period of the generator, in milliseconds: the longest timer of the original server.
pub const GENERATOR_PERIOD_MS_MAX: u64 = 2_147_483_647;
/// Shortest deadline of an attempt that can be set, in milliseconds.
pub const ATTEMPT_TIMEOUT_MS_MIN: u64 = 100;
/// Most waits of a retry schedule that can be set; their sum stays below `EXPIRES_AFTER_MS`.
pub const RETRY_WAITS_MAX: usize = 32;
/// Most networks that can be allowed as targets.
pub const ALLOWED_TARGETS_MAX: usize = 256;

/// Largest body that `fanfare receive` and `fanfare listen` take, in bytes. Over it: 413.
pub const RECEIVER_BODY_BYTES_MAX: usize = 1024 * 1024;
/// Longest body that `fanfare receive` shows, in bytes; of a longer one the beginning.
pub const RECEIVER_SHOWN_BYTES_MAX: usize = 4 * 1024;
/// Most connections that `fanfare receive` and `fanfare listen` hold at once. Over it: new ones wait.
pub const RECEIVER_CONNECTIONS_MAX: usize = 1_024;
/// Longest delay of an answer that `fanfare receive` can be asked for, in milliseconds.
pub const RECEIVER_DELAY_MS_MAX: u64 = 60 * 60 * 1_000;
/// Time that `fanfare receive` and `fanfare listen` wait for the next request of a connection, in milliseconds.
pub const RECEIVER_HEAD_TIMEOUT_MS: u64 = 75_000;

/// What of a turn is gathered before it goes to the journal in a record of its own, in bytes.
pub const JOURNAL_FRAME_BYTES: usize = 64 * 1024;
/// What may wait to be written to the journal, in bytes. Over it: recording stops, deliveries go on.
pub const JOURNAL_QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What is written to the journal at once where so much waits, in bytes.
pub const JOURNAL_WRITE_BYTES: usize = 256 * 1024;
/// How long less than that waits for company, in milliseconds: a kill loses so much.
pub const JOURNAL_GATHER_MS: u64 = 20;
/// How many parts a journal has whose bytes are at their bound.
pub const JOURNAL_PARTS: u64 = 8;
/// Bytes that a journal and its older parts have where nothing is said. Over it: the oldest part goes.
pub const JOURNAL_BYTES: u64 = 1024 * 1024 * 1024;
/// Least such bound, in bytes.
pub const JOURNAL_BYTES_MIN: u64 = 1024 * 1024;

/// Most runs that shrinking one failing scenario may take.
pub const SHRINK_RUNS_MAX: u32 = 2_000;
/// Most trace records that these runs may have together.
pub const SHRINK_RECORDS_MAX: u64 = 4_000_000;
/// How many times the records of the first run they may have, if that is more.
pub const SHRINK_FIRST_RUNS_MAX: u64 = 20;
/// Most events that `fanfare simulate` can be asked for.
pub const SIMULATED_EVENTS_MAX: u32 = 1_000_000;

const _: () = {
    // Senders close idle connections before the receiver does, so no attempt meets the closing.
    assert!(CONNECTION_IDLE_MS < RECEIVER_HEAD_TIMEOUT_MS);
    // One of our own requests fits the receiver, and what is larger by far still hears of it.
    assert!(REQUEST_BODY_BYTES_MAX <= LINGER_BYTES_MAX);
    // A slow head and a slow body are told off before their connection counts as idle.
    assert!(REQUEST_HEAD_TIMEOUT_MS < SERVER_IDLE_MS);
    assert!(SERVER_GRACE_MS < REQUEST_HEAD_TIMEOUT_MS && SERVER_REST_MS < SERVER_IDLE_MS);
    assert!(REQUEST_BODY_TIMEOUT_MS < SERVER_IDLE_MS);
    // The pace of a body is judged before its time is over.
    assert!(REQUEST_BODY_GRACE_MS < REQUEST_BODY_TIMEOUT_MS);
    // What came of a body that nobody wants is no flood.
    assert!(SERVER_STREAM_WINDOW <= SERVER_CONNECTION_WINDOW);
    assert!((SERVER_CONNECTION_WINDOW as usize) < SERVER_UNASKED_BYTES_MAX);
    // No client alone takes the place of all.
    assert!(SERVER_CONNECTIONS_PER_ADDRESS_MAX * 16 <= SERVER_CONNECTIONS_MAX);
    assert!(REQUEST_BODY_BYTES_MAX <= RECEIVER_BODY_BYTES_MAX);
    assert!(ATTEMPT_TIMEOUT_MS_MIN < ATTEMPT_TIMEOUT_MS);
    assert!(ATTEMPTS_MAX <= RETRY_WAITS_MAX);
    // One application's registration must fit the body that brings it.
    assert!(URL_BYTES_MAX + TOKEN_BYTES_MAX < REQUEST_BODY_BYTES_MAX);
    // A batch holds at least one event of the largest size, with room for its changes.
    assert!(BATCH_BYTES_MAX >= 4 * REQUEST_BODY_BYTES_MAX);
    // One page of attempts is bounded by its entries alone.
    assert!(PAGE_ENTRIES_MAX * REPLY_BODY_KEPT_BYTES_MAX <= PAGE_BYTES);
    assert!(PAGE_ENTRIES <= PAGE_ENTRIES_MAX);
    // What is kept of a reply was read.
    assert!(REPLY_BODY_KEPT_BYTES_MAX <= REPLY_BODY_READ_BYTES_MAX);
    // A phase of an attempt ends before the attempt does.
    assert!(DNS_TIMEOUT_MS + CONNECT_TIMEOUT_MS < ATTEMPT_TIMEOUT_MS);
    // Shutdown outlives the attempts it waits for, but for a moment at the end.
    assert!(ATTEMPT_TIMEOUT_MS <= DRAIN_TIMEOUT_MS);
    assert!(DRAIN_SERVER_MS < DRAIN_TIMEOUT_MS);
    // Who never answers is not prompt.
    assert!(PROMPT_MS > 0 && (PROMPT_MS as u64) < ATTEMPT_TIMEOUT_MS);
    // A whole window fits the done map, and one endpoint can't fill all send slots.
    assert!(WINDOW_OVERRIDE_MAX as u64 <= DONE_MAP_EVENTS);
    assert!((WINDOW_OVERRIDE_MAX as usize) < SEND_SLOTS_MAX);
    assert!(WINDOW_MAX <= WINDOW_OVERRIDE_MAX);
    // One healthy endpoint has its usual window, and no host can fill all slots.
    assert!(WINDOW_MAX <= HOST_WINDOW_MIN && HOST_WINDOW_MIN <= HOST_WINDOW);
    assert!(HOST_WINDOW <= HOST_WINDOW_MAX && (HOST_WINDOW_MAX as usize) < SEND_SLOTS_MAX);
    // The ring holds several pages, so a lane that leaves the pages finds its next event there.
    assert!(PAGE_ROWS * 4 <= RING_EVENTS_MAX);
    assert!(SECRET_BYTES_MIN <= SECRET_BYTES && SECRET_BYTES <= SECRET_BYTES_MAX);
};
