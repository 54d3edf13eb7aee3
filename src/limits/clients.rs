//! Bounds of the server for its clients: connections, and what comes over them.

/// Most connections the server holds at once. Over it: one that waits for a request makes room; where
/// none does, new ones wait in the listen queue, and one ends with its answer.
pub const SERVER_CONNECTIONS_MAX: usize = 4_096;
/// Most connections of one client, an IPv4 address or an IPv6 /64. Over it: 503, closed at once.
pub const SERVER_CONNECTIONS_PER_ADDRESS_MAX: usize = 256;
/// Most networks of proxies that speak for their clients. Over it: the configuration is refused.
pub const TRUSTED_PROXIES_MAX: usize = 64;
/// Most connections that the listener for operators holds at once, beside those of clients.
pub const ADMIN_CONNECTIONS_MAX: usize = 64;
/// Wrong keys of one client that are answered as such, a second. Over it: 429; a right key is let in.
pub const KEY_GUESSES_PER_S: u16 = 10;
/// Most clients whose wrong keys are counted. Over it: those that were still for longest are forgotten.
pub const KEY_GUESSERS_MAX: usize = 4_096;
/// Time that a connection to the server may stand without a request, or without a byte moving while
/// one is answered, in milliseconds. Longer: it is closed.
pub const SERVER_IDLE_MS: u64 = 60_000;
/// How long nothing was sent to a client before its place may be given to another one, in milliseconds:
/// what was answered a moment ago may still be on its way.
pub const SERVER_REST_MS: u64 = 1_000;
/// How long a head is waited for that is not whole, or has not begun on a new connection, before its place
/// may be given to another one, in milliseconds.
pub const SERVER_GRACE_MS: u64 = 2_000;
/// Bytes that a client may send without a request, as pings and settings. Over it: the connection is
/// closed.
pub const SERVER_UNASKED_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of bodies that a client may send over HTTP/2 before they are read, for one request.
pub const SERVER_STREAM_WINDOW: u32 = 64 * 1024;
/// The same for one connection.
pub const SERVER_CONNECTION_WINDOW: u32 = 256 * 1024;
/// Bytes of answers that wait for an HTTP/2 client to take them, for one request; the rest of an answer
/// stays where it is.
pub const SERVER_SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Shortest piece written to an HTTP/2 client that counts as an answer on its way, in bytes: what
/// answers its pings is shorter.
pub const SERVER_FRAME_BYTES_MIN: usize = 1_024;
/// Requests in flight on one HTTP/2 connection. Over it: the stream is refused.
pub const SERVER_STREAMS_MAX: u32 = 256;
/// Streams of one HTTP/2 connection that its client reset and that are still held. Over it: the
/// connection is closed.
pub const SERVER_RESET_STREAMS_MAX: usize = 20;
/// Most that is read and thrown away after an early answer, so that the answer arrives, in bytes.
pub const LINGER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Longest that is read and thrown away after an early answer, in milliseconds.
pub const LINGER_TIMEOUT_MS: u64 = 2_000;
/// Most of a body that nobody wants and that came with its head, in bytes: so much of it is read, so that the
/// connection can go on.
pub const UNWANTED_BODY_BYTES_MAX: usize = 64 * 1024;
/// How often it is looked whether such a body is there; the connection has a turn in between.
pub const UNWANTED_BODY_LOOKS: usize = 4;
/// Fewest open files that the system must allow. Fewer: Fanfare does not start.
pub const OPEN_FILES_MIN: u64 = 48;
/// Open files that are left for the store, the log, timers, questions for names and what is just being taken,
/// at least: an idle process has 20.
pub const OPEN_FILES_RESERVE_MIN: u64 = 32;
/// The same at most; in between it is an eighth of all.
pub const OPEN_FILES_RESERVE_MAX: u64 = 128;
/// Longest that an attempt waits for a file descriptor, in milliseconds. Longer: it fails as what the house
/// failed itself. Well below `PROMPT_MS`, for no receiver is slow because the house had no file.
pub const OPEN_FILE_WAIT_MS: u64 = 1_000;
/// Pause before it looks again, in milliseconds.
pub const OPEN_FILE_PAUSE_MS: u64 = 50;
/// How often the log is told at most that there was none, in milliseconds.
pub const OPEN_FILE_TOLD_EVERY_MS: u64 = 5_000;
/// Pause after the listening socket failed, in milliseconds.
pub const ACCEPT_PAUSE_MS: u64 = 100;
