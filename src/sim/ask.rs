//! What producers ask for, and when again.

use super::neighbours::Wish;
use crate::time::Span;

/// How long a producer waits until it asks again.
const ASK_AGAIN_AFTER: Span = Span::from_millis(1_000);
/// How long that of a neighbour waits: there may be hundreds of them while the process is down for an hour.
const NEIGHBOURS_ASK_AGAIN_AFTER: Span = Span::from_seconds(30);

/// Something a producer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The application.
    Application,
    /// The endpoint with this number.
    Endpoint(u32),
    /// The event with this number, for the first time.
    Event(u32),
    /// An event that was refused, of which nobody knows, or that is asked for twice under a key.
    EventAgain(u32),
    /// Something else under the key of the event with this number.
    OtherBody(u32),
    /// What is done by hand, by its number.
    ByHand(u32),
    /// What the producer of the neighbour with this number wants.
    Neighbour(u32, Wish),
}

/// The same ask once more, a moment later.
pub const fn again(ask: Ask) -> (Span, Ask) {
    match ask {
        Ask::Event(number) => (ASK_AGAIN_AFTER, Ask::EventAgain(number)),
        Ask::Neighbour(number, Wish::Event(event)) => (
            NEIGHBOURS_ASK_AGAIN_AFTER,
            Ask::Neighbour(number, Wish::EventAgain(event)),
        ),
        Ask::Neighbour(..) => (NEIGHBOURS_ASK_AGAIN_AFTER, ask),
        Ask::Application
        | Ask::Endpoint(_)
        | Ask::EventAgain(_)
        | Ask::OtherBody(_)
        | Ask::ByHand(_) => (ASK_AGAIN_AFTER, ask),
    }
}
