//! Receivers that misbehave, for those who test their own senders and for our own tests: each is a
//! script, byte for byte.

mod scripts;

use core::fmt;

use clap::ValueEnum;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use self::scripts::Step;

/// The most of a request that is kept; a longer one is read on and forgotten.
const REQUEST_BYTES_MAX: usize = 64 * 1_024;

/// A way to misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Misbehaviour {
    /// A body without end, as fast as it is taken
    EndlessBody,
    /// A body of 10 MiB, said and sent
    LargeBody,
    /// A body of which one byte comes every ten seconds
    DripBody,
    /// No answer
    Silent,
    /// A head of which one byte comes each second
    DripHead,
    /// 101 fields
    ManyFields,
    /// One field of 1 MiB
    HugeField,
    /// A small body that says it is gzip of gzip
    Zip,
    /// Status 999
    Status999,
    /// A status below zero
    StatusNegative,
    /// A status of four digits
    StatusLong,
    /// A status with its reason glued to it
    StatusGlued,
    /// The status line of another protocol
    OtherProtocol,
    /// A reason of 1 MiB
    HugeReason,
    /// Empty lines and then text without a status line
    NoStatus,
    /// Interim replies (100) without end
    InterimFlood,
    /// Interim replies, then silence
    InterimSilent,
    /// A switch of protocols (101)
    Switch,
    /// No content (204), with a body
    EmptyWithBody,
    /// Not modified (304), with a body
    UnmodifiedWithBody,
    /// A final answer before the request's body is read, then a reset
    EarlyAnswer,
    /// The end of the connection instead of an answer
    Close,
    /// A reset instead of an answer
    Reset,
    /// A reset in the head
    ResetInHead,
    /// A reset in the body
    ResetInBody,
    /// A body shorter than was said
    ShortBody,
    /// A body longer than was said
    LongBody,
    /// A length of thirty digits
    HugeLength,
    /// Two lengths that differ
    TwoLengths,
    /// A length and chunks
    LengthAndChunks,
    /// A chunk that is none
    BadChunk,
    /// A chunk whose extension has no end
    EndlessExtension,
    /// Trailers without end
    EndlessTrailers,
    /// A redirect (307) to the metadata service of a cloud
    Redirect,
    /// A choice (300)
    Choice,
    /// Bytes that a page or a terminal must not be shown as they are
    HostileText,
    /// The endpoint is gone (410)
    Gone,
    /// A failure (503) with several `Retry-After` that mean nothing
    RetryNonsense,
    /// Cookies, strict transport, other services, an upgrade
    OddFields,
    /// An answer; when the next request comes on the same connection, its end
    CloseIdle,
    /// An answer, and another one that nobody asked for
    UnaskedAnswer,
    /// The request as the answer's body
    Echo,
}

/// By its name on the command line.
impl fmt::Display for Misbehaviour {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        out.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With all that was sent.
    Closed,
    /// With a reset: what is in flight is lost.
    Reset,
}

/// Plays a connection, and says how it is to be ended: who owns the socket does that.
///
/// `heard` is told of each request that came, as its head or as much of it as is kept.
pub async fn misbehave<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    how: Misbehaviour,
    mut heard: impl FnMut(&[u8]),
) -> Ending {
    let mut unread = Vec::new();
    let mut request = Vec::new();
    for step in how.script() {
        let went_on = match step {
            Step::Request | Step::Head => {
                let is_whole = matches!(step, Step::Request);
                match read_request(stream, &mut unread, is_whole).await {
                    Some(came) => {
                        heard(&came);
                        request = came;
                        true
                    }
                    None => false,
                }
            }
            Step::Send(bytes) => sent(stream, &bytes).await,
            Step::Flood(bytes) => {
                while sent(stream, &bytes).await {}
                false
            }
            Step::Drip(every) => {
                let mut pace = tokio::time::interval(every);
                while sent(stream, b"x").await {
                    pace.tick().await;
                }
                false
            }
            Step::Echo => {
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
                    request.len()
                );
                sent(stream, head.as_bytes()).await && sent(stream, &request).await
            }
            Step::Hang => {
                while matches!(stream.read(&mut [0; 1_024]).await, Ok(1..)) {}
                false
            }
            Step::Reset => return Ending::Reset,
        };
        if !went_on {
            break;
        }
    }
    if how == Misbehaviour::EarlyAnswer {
        return Ending::Reset;
    }
    Ending::Closed
}

async fn sent<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> bool {
    stream.write_all(bytes).await.is_ok() && stream.flush().await.is_ok()
}

/// Reads a request: its head, and its body if it is to be whole; `None` if it does not come. What is behind it
/// stays unread.
async fn read_request<S: AsyncRead + Unpin>(
    stream: &mut S,
    unread: &mut Vec<u8>,
    is_whole: bool,
) -> Option<Vec<u8>> {
    let head_end = loop {
        if let Some(place) = unread.windows(4).position(|window| window == b"\r\n\r\n") {
            break place + 4;
        }
        if unread.len() > REQUEST_BYTES_MAX || stream.read_buf(unread).await.ok()? == 0 {
            return None;
        }
    };
    let length = if is_whole {
        content_length(unread.get(..head_end)?)
    } else {
        0
    };
    let end = head_end.saturating_add(length);
    let mut missing = end.saturating_sub(unread.len());
    let kept = unread.len().min(end);
    let request: Vec<u8> = unread.drain(..kept).collect();
    let mut request = request;
    let mut portion = [0; 4_096];
    while missing > 0 {
        let most = missing.min(portion.len());
        let count = stream.read(portion.get_mut(..most)?).await.ok()?;
        if count == 0 {
            return None;
        }
        missing -= count;
        if request.len() < REQUEST_BYTES_MAX {
            request.extend_from_slice(portion.get(..count)?);
        }
    }
    Some(request)
}

/// What a head says of the length of its body; 0 if nothing.
fn content_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head);
    let mut lengths = head.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.trim().eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse().ok()).flatten()
    });
    lengths.next().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &[u8] = b"POST /hook HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody";

    /// Plays a connection whose other side sends a request and closes once it has what it wants.
    async fn played(how: Misbehaviour, most: usize) -> (Vec<u8>, Vec<Vec<u8>>, Ending) {
        let (mut ours, mut theirs) = tokio::io::duplex(64 * 1_024);
        let mut heard = Vec::new();
        let play = misbehave(&mut theirs, how, |request| heard.push(request.to_vec()));
        let sender = async {
            ours.write_all(REQUEST).await.expect("there is room");
            let mut answer = vec![0; most];
            let mut count = 0;
            while count < most {
                let rest = answer.get_mut(count..).expect("there is some");
                match ours.read(rest).await {
                    Ok(read @ 1..) => count += read,
                    _ => break,
                }
            }
            answer.truncate(count);
            drop(ours);
            answer
        };
        let (ending, answer) = tokio::join!(play, sender);
        (answer, heard, ending)
    }

    #[tokio::test]
    async fn a_request_is_heard_whole_and_an_echo_has_all_of_it() {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
            REQUEST.len()
        );
        let (answer, heard, ending) = played(Misbehaviour::Echo, head.len() + REQUEST.len()).await;
        assert_eq!(heard, [REQUEST]);
        assert!(answer.ends_with(REQUEST));
        assert_eq!(ending, Ending::Closed);
    }

    #[tokio::test]
    async fn what_is_endless_goes_on_until_the_sender_has_enough() {
        for how in [
            Misbehaviour::EndlessBody,
            Misbehaviour::InterimFlood,
            Misbehaviour::EndlessExtension,
            Misbehaviour::EndlessTrailers,
        ] {
            let (answer, _, ending) = played(how, 300_000).await;
            assert_eq!((answer.len(), ending), (300_000, Ending::Closed), "{how}");
        }
    }

    #[test]
    fn each_has_a_name_of_its_own() {
        let names = Misbehaviour::value_variants().iter();
        let names: Vec<String> = names.map(ToString::to_string).collect();
        assert!(names.contains(&"endless-body".to_owned()), "{names:?}");
        assert!(names.iter().all(|name| !name.is_empty()));
        assert_eq!(names.len(), 42);
        for how in Misbehaviour::value_variants() {
            assert!(!how.script().is_empty(), "{how} does nothing");
        }
    }

    #[test]
    fn a_reset_is_asked_of_who_owns_the_socket() {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.expect("a runtime");
        let (_, _, ending) = runtime.block_on(played(Misbehaviour::ResetInHead, 20));
        assert_eq!(ending, Ending::Reset);
    }
}
