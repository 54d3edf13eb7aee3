//! What each way to misbehave does on a connection, byte for byte.

use core::time::Duration;

use super::Misbehaviour;

/// A portion of an endless body.
const PORTION: [u8; 4_096] = [b'x'; 4_096];

/// A step of a script.
pub(super) enum Step {
    /// Read one whole request.
    Request,
    /// Read the head of a request, and no more.
    Head,
    /// Send these bytes.
    Send(Vec<u8>),
    /// Send these bytes until the other side has enough.
    Flood(Vec<u8>),
    /// Send a byte as often as that until the other side has enough.
    Drip(Duration),
    /// Send back what came.
    Echo,
    /// Wait until the other side closes the connection.
    Hang,
    /// End with a reset.
    Reset,
}

impl Misbehaviour {
    /// What it does on a connection.
    pub(super) fn script(self) -> Vec<Step> {
        let script = self.in_body().or_else(|| self.in_head());
        let script = script.or_else(|| self.in_status());
        script.or_else(|| self.in_connection()).unwrap_or_default()
    }

    /// What goes wrong in the body of a reply.
    fn in_body(self) -> Option<Vec<Step>> {
        Some(match self {
            Self::EndlessBody => then("HTTP/1.1 200 OK\r\n\r\n", Step::Flood(PORTION.to_vec())),
            Self::LargeBody => {
                let length = 10 * 1_024 * 1_024;
                let head = format!("{OK}content-length: {length}\r\n\r\n");
                vec![Step::Request, send(&head), Step::Send(vec![b'x'; length])]
            }
            Self::DripBody => then(
                "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\na",
                Step::Drip(Duration::from_secs(10)),
            ),
            Self::Zip => text(
                "HTTP/1.1 200 OK\r\ncontent-encoding: gzip, gzip\r\ncontent-length: 4\r\n\r\n\u{1f}x\u{8}y",
            ),
            Self::EmptyWithBody => then(
                "HTTP/1.1 204 No Content\r\ncontent-length: 3\r\n\r\nabc",
                Step::Hang,
            ),
            Self::UnmodifiedWithBody => then(
                "HTTP/1.1 304 Not Modified\r\ncontent-length: 3\r\n\r\nabc",
                Step::Hang,
            ),
            Self::ResetInBody => then(
                "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc",
                Step::Reset,
            ),
            Self::ShortBody => text("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc"),
            Self::LongBody => then(
                "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcdefg",
                Step::Hang,
            ),
            Self::LengthAndChunks => then(
                "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n\
                 3\r\nabc\r\n0\r\n\r\n",
                Step::Hang,
            ),
            Self::BadChunk => then(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n",
                Step::Hang,
            ),
            Self::EndlessExtension => then(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;a=",
                Step::Flood(PORTION.to_vec()),
            ),
            Self::EndlessTrailers => then(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
                Step::Flood(b"a: b\r\n".repeat(1_000)),
            ),
            Self::HostileText => {
                let mut answer =
                    format!("{OK}content-length: 34\r\n\r\n</script>\0\u{1b}[2J").into_bytes();
                answer.extend_from_slice(b"\xff\xfe\r\n<img src=x>\r\n---");
                vec![Step::Request, Step::Send(answer)]
            }
            Self::Echo => vec![Step::Request, Step::Echo],
            _ => return None,
        })
    }

    /// What goes wrong in the head of a reply.
    fn in_head(self) -> Option<Vec<Step>> {
        Some(match self {
            Self::Silent => vec![Step::Request, Step::Hang],
            Self::DripHead => then("HTTP/1.1 200 OK\r\nx: ", Step::Drip(Duration::from_secs(1))),
            Self::ManyFields => text(&format!("{OK}{}\r\n", "a: b\r\n".repeat(101))),
            Self::HugeField => text(&format!("{OK}x: {}\r\n\r\n", "y".repeat(1_024 * 1_024))),
            Self::HugeReason => text(&format!(
                "HTTP/1.1 200 {}\r\n\r\n",
                "y".repeat(1_024 * 1_024)
            )),
            Self::HugeLength => {
                let digits = "9".repeat(30);
                then(
                    &format!("{OK}content-length: {digits}\r\n\r\nabc"),
                    Step::Hang,
                )
            }
            Self::TwoLengths => then(
                "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
                Step::Hang,
            ),
            Self::ResetInHead => then("HTTP/1.1 200 OK\r\nx: ", Step::Reset),
            Self::OddFields => text(
                "HTTP/1.1 200 OK\r\nset-cookie: a=b\r\nstrict-transport-security: max-age=1\r\n\
                 alt-svc: h3=\":443\"\r\nconnection: upgrade\r\nupgrade: h2c\r\n\
                 content-length: 0\r\n\r\n",
            ),
            Self::RetryNonsense => text(&format!(
                "HTTP/1.1 503 Busy\r\nretry-after: inf\r\nretry-after: 1e300\r\n\
                 retry-after: -1\r\nretry-after: {}\r\ncontent-length: 0\r\n\r\n",
                "9".repeat(20)
            )),
            _ => return None,
        })
    }

    /// What goes wrong with the status of a reply.
    fn in_status(self) -> Option<Vec<Step>> {
        Some(match self {
            Self::Status999 => text("HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n"),
            Self::StatusNegative => then("HTTP/1.1 -1 Odd\r\n\r\n", Step::Hang),
            Self::StatusLong => then("HTTP/1.1 2000 OK\r\n\r\n", Step::Hang),
            Self::StatusGlued => then("HTTP/1.1 200OK\r\n\r\n", Step::Hang),
            Self::OtherProtocol => then("ICY 200 OK\r\n\r\n", Step::Hang),
            Self::NoStatus => then("\r\n\r\n<html>fine</html>\r\n\r\n", Step::Hang),
            Self::InterimFlood => {
                vec![
                    Step::Request,
                    Step::Flood(b"HTTP/1.1 100 Continue\r\n\r\n".repeat(100)),
                ]
            }
            Self::InterimSilent => then("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n", Step::Hang),
            Self::Switch => then(
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
                Step::Hang,
            ),
            Self::Redirect => text(
                "HTTP/1.1 307 Temporary Redirect\r\n\
                 location: http://169.254.169.254/latest/meta-data/\r\ncontent-length: 0\r\n\r\n",
            ),
            Self::Choice => text(
                "HTTP/1.1 300 Multiple Choices\r\nlocation: http://127.0.0.1/\r\n\
                 content-length: 0\r\n\r\n",
            ),
            Self::Gone => text("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n"),
            _ => return None,
        })
    }

    /// What goes wrong with the connection.
    fn in_connection(self) -> Option<Vec<Step>> {
        Some(match self {
            Self::EarlyAnswer => vec![
                Step::Head,
                send("HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"),
                Step::Hang,
            ],
            Self::Close => vec![Step::Request],
            Self::Reset => vec![Step::Request, Step::Reset],
            Self::CloseIdle => vec![
                Step::Request,
                send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
                Step::Head,
            ],
            Self::UnaskedAnswer => {
                let answer = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n";
                then(&format!("{answer}one{answer}two"), Step::Hang)
            }
            _ => return None,
        })
    }
}

/// The first line of a good reply.
const OK: &str = "HTTP/1.1 200 OK\r\n";

fn send(text: &str) -> Step {
    Step::Send(text.as_bytes().to_vec())
}

/// Reads a request and sends this.
fn text(text: &str) -> Vec<Step> {
    vec![Step::Request, send(text)]
}

/// Reads a request, sends this, and does one thing more.
fn then(first: &str, step: Step) -> Vec<Step> {
    vec![Step::Request, send(first), step]
}
