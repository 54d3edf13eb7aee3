//! Where a request ends and the next one begins: what can be read in two ways is refused, and never
//! becomes two requests.

use fanfare::server::{access::Access, connections::ServerOptions};

use crate::support::raw_server::{HEALTHZ, Server, status};

const REGISTRATION: &str = r#"{"url":"http://h/","token":"t"}"#;

/// What the server says to these bytes until it closes, none of which may reach the engine.
async fn refused(server: &Server, bytes: impl AsRef<[u8]>) -> String {
    let mut client = server.connect().await;
    client.send(bytes).await;
    let answer = client.rest_or_reset().await;
    assert_eq!(server.backend.commands_begun(), 0, "{answer:?}");
    String::from_utf8(answer).expect("UTF-8")
}

/// A registration in one chunk, with these header lines.
fn chunked(lines: &str) -> String {
    let length = REGISTRATION.len();
    format!(
        "POST /api/webhooks HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\n{lines}\r\n\
         {length:x}\r\n{REGISTRATION}\r\n0\r\n\r\n"
    )
}

/// A registration of the right length, with these header lines before its `content-length`, if any.
fn plain(lines: &str) -> String {
    format!(
        "POST /api/webhooks HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\n{lines}\r\n\
         {REGISTRATION}"
    )
}

/// Row A1, otherwise than there: a length beside chunks is not refused but left out of account, as RFC
/// 9112 (6.1) allows, and the connection ends with the answer, so that nobody's other reading of it
/// becomes a second request.
#[tokio::test]
async fn a1_of_a_length_beside_chunks_the_chunks_count_and_the_connection_ends() {
    let server = Server::start(ServerOptions::default()).await;
    for lines in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
    ] {
        let mut client = server.connect().await;
        client.send(format!("{}{HEALTHZ}", chunked(lines))).await;
        let answer = String::from_utf8(client.rest_or_reset().await).expect("UTF-8");
        assert!(status(&answer).starts_with("HTTP/1.1 20"), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
    server.serves_others().await;
    assert_eq!(server.backend.hashes().len(), 1);
}

/// Row A2: a length that is none, or two that differ, is 400 and the end.
#[tokio::test]
async fn a2_a_length_that_is_none_or_two_that_differ_is_400() {
    let server = Server::start(ServerOptions::default()).await;
    let length = REGISTRATION.len();
    for lines in [
        format!("content-length: {length}\r\ncontent-length: 30\r\n"),
        format!("content-length: {length}, {length}\r\n"),
        format!("content-length: +{length}\r\n"),
        format!("content-length: -{length}\r\n"),
        format!("content-length: 0x{length:x}\r\n"),
        format!("content-length: {}\r\n", "1".repeat(30)),
        "content-length: \r\n".to_owned(),
    ] {
        let answer = refused(&server, plain(&lines)).await;
        assert_eq!(status(&answer), "HTTP/1.1 400", "{lines} {answer}");
    }
    server.serves_others().await;
}

/// Row A3: a transfer coding that is not `chunked` alone is 400 and the end, and HTTP/1.0 has none.
#[tokio::test]
async fn a3_a_transfer_coding_other_than_chunked_alone_is_400() {
    let server = Server::start(ServerOptions::default()).await;
    for lines in [
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: identity, chunked\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: identity\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: \"chunked\"\r\n",
    ] {
        let answer = refused(&server, chunked(lines)).await;
        assert_eq!(status(&answer), "HTTP/1.1 400", "{lines} {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
    let old = chunked("transfer-encoding: chunked\r\n").replace("HTTP/1.1", "HTTP/1.0");
    let answer = refused(&server, old).await;
    assert!(answer.starts_with("HTTP/1."), "{answer}");
    assert!(status(&answer).ends_with(" 400"), "{answer}");
    server.serves_others().await;
}

/// Row A4: spaces before colons, folded lines, empty names and control characters are 400 and the end.
#[tokio::test]
async fn a4_a_header_line_out_of_form_is_400() {
    let server = Server::start(ServerOptions::default()).await;
    for line in [
        "x : a\r\n",
        "x: a\r\n b\r\n",
        "x: a\r\n\tb\r\n",
        ": a\r\n",
        "x: a\u{0}b\r\n",
        "x: a\u{7f}b\r\n",
        "x\u{0}: a\r\n",
        "x a\r\n",
    ] {
        let request = format!("GET /healthz HTTP/1.1\r\nhost: h\r\n{line}\r\n");
        let answer = refused(&server, request).await;
        assert_eq!(status(&answer), "HTTP/1.1 400", "{line:?} {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
    server.serves_others().await;
}

/// Row A5: odd line ends are one request or 400, never two.
#[tokio::test]
async fn a5_bare_line_ends_make_one_request_or_none() {
    let server = Server::start(ServerOptions::default()).await;
    for (bytes, expected) in [
        (
            "\r\nGET /healthz HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n",
            "200",
        ),
        (
            "GET /healthz HTTP/1.1\nhost: h\nconnection: close\n\n",
            "200",
        ),
        ("GET /healthz HTTP/1.1\rhost: h\r\r", "400"),
        (
            "GET /healthz HTTP/1.1\r\nhost: h\rx: GET /healthz HTTP/1.1\r\n\r\n",
            "400",
        ),
        (
            "GET /healthz HTTP/1.1\r\nhost: h\r\nx: a\nconnection: close\r\n\r\n",
            "200",
        ),
    ] {
        let answer = refused(&server, bytes).await;
        assert_eq!(status(&answer), format!("HTTP/1.1 {expected}"), "{bytes:?}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
    server.serves_others().await;
}

/// Row A6: chunks out of form are 400 and the end, after no more than 256 KiB were read.
#[tokio::test]
async fn a6_chunks_out_of_form_are_400() {
    let server = Server::start(ServerOptions::default()).await;
    let extension = format!("1f;{}\r\n{REGISTRATION}\r\n0\r\n\r\n", "x".repeat(1 << 20));
    for body in [
        "12345678901234567\r\nx",
        "-1\r\nx\r\n0\r\n\r\n",
        "0x10\r\n0123456789abcdef\r\n0\r\n\r\n",
        "1\r\nxx\r\n0\r\n\r\n",
        "1fg\r\nx",
        "\r\n0\r\n\r\n",
        &extension,
    ] {
        let head = "POST /api/webhooks HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\n\
             transfer-encoding: chunked\r\n\r\n";
        let mut client = server.connect().await;
        let (mut reading, mut writing) = client.stream.into_split();
        let request = format!("{head}{body}");
        let sending = tokio::spawn(async move {
            // The server may close before it has all of it.
            drop(tokio::io::AsyncWriteExt::write_all(&mut writing, request.as_bytes()).await);
            writing
        });
        let mut answer = Vec::new();
        drop(tokio::io::AsyncReadExt::read_to_end(&mut reading, &mut answer).await);
        let answer = String::from_utf8(answer).expect("UTF-8");
        let begin = body.get(..20).unwrap_or(body);
        assert_eq!(status(&answer), "HTTP/1.1 400", "{begin:?} {answer}");
        // Not of what it says, which is no JSON: of where it ends.
        assert!(
            answer.contains("the body ended early"),
            "{begin:?} {answer}"
        );
        drop(sending.await.expect("no panic"));
        client = server.connect().await;
        assert_eq!(status(&client.ask(HEALTHZ).await), "HTTP/1.1 200");
    }
    server.serves_others().await;
    assert_eq!(server.backend.commands_begun(), 0);
}

/// Row A7: what trailers say counts for nothing.
#[tokio::test]
async fn a7_trailers_are_ignored() {
    use fanfare::server::access::Access;
    let key = "a-key-of-more-than-32-visible-characters";
    let server = Server::start_with(ServerOptions::default(), Access::key(key)).await;
    let with_trailers = |lines: &str| {
        chunked(lines).replace(
            "0\r\n\r\n",
            &format!(
                "0\r\nauthorization: Bearer {key}\r\ncontent-length: 5\r\n\
                 idempotency-key: k\r\n\r\n"
            ),
        )
    };
    let mut client = server.connect().await;
    let answer = client
        .ask(&with_trailers("transfer-encoding: chunked\r\n"))
        .await;
    assert_eq!(status(&answer), "HTTP/1.1 401", "{answer}");
    let lines = format!("transfer-encoding: chunked\r\nauthorization: Bearer {key}\r\n");
    let mut client = server.connect().await;
    let answer = client.ask(&with_trailers(&lines)).await;
    assert_eq!(status(&answer), "HTTP/1.1 201", "{answer}");
    // The next request begins after them.
    assert_eq!(status(&client.ask(HEALTHZ).await), "HTTP/1.1 200");
    server.serves_others().await;
}

/// Row A8: a body that ends before its end stores nothing.
#[tokio::test]
async fn a8_a_body_that_is_cut_stores_nothing() {
    let server = Server::start(ServerOptions::default()).await;
    let whole = chunked("transfer-encoding: chunked\r\n");
    let short = plain("content-length: 32\r\n");
    for cut in [
        whole.strip_suffix("\r\n").expect("its end"),
        whole.strip_suffix("0\r\n\r\n").expect("its end"),
        &short,
    ] {
        let mut client = server.connect().await;
        client.send(cut).await;
        tokio::io::AsyncWriteExt::shutdown(&mut client.stream)
            .await
            .expect("half closed");
        let answer = String::from_utf8(client.rest_or_reset().await).expect("UTF-8");
        assert_eq!(status(&answer), "HTTP/1.1 400", "{cut:?} {answer}");
    }
    server.serves_others().await;
    assert_eq!(server.backend.commands_begun(), 0);
}

/// Row A9: a second request inside the body of the first is never carried out, whichever of the two
/// lengths something before the server went by.
#[tokio::test]
async fn a9_a_smuggled_request_is_never_carried_out() {
    let server = Server::start(ServerOptions::default()).await;
    let smuggled = plain(&format!("content-length: {}\r\n", REGISTRATION.len()));
    // By its length the first one ends after the smuggled one; by its chunks before it, and vice versa.
    let body = format!("0\r\n\r\n{smuggled}");
    let by_length = format!(
        "POST /api/webhooks/test HTTP/1.1\r\nhost: h\r\ncontent-length: {}\r\n\
         transfer-encoding: chunked\r\n\r\n{body}",
        body.len()
    );
    let size = smuggled.len();
    let by_chunks = format!(
        "POST /api/webhooks/test HTTP/1.1\r\nhost: h\r\ncontent-length: 4\r\n\
         transfer-encoding: chunked\r\n\r\n{size:x}\r\n{smuggled}\r\n0\r\n\r\n"
    );
    for request in [by_length, by_chunks] {
        let answer = refused(&server, &request).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
    server.serves_others().await;
}

/// Row A13: a head of more than 16 KiB in two writes, or of 101 fields, is 431 and the end; of exactly 16
/// KiB it is no larger than it may be.
#[tokio::test]
async fn a13_a_head_of_more_than_16_kib_is_431_wherever_it_is_cut() {
    let server = Server::start(ServerOptions::default()).await;
    let begin = "GET /healthz HTTP/1.1\r\nhost: h\r\nconnection: close\r\n";
    // The end of the line and of the head are four bytes.
    let of_size = |size: usize| {
        let filled = size - begin.len() - "x: ".len() - 4;
        format!("{begin}x: {}\r\n\r\n", "a".repeat(filled))
    };
    for (size, expected) in [(16_383, "200"), (17 * 1024, "431"), (64 * 1024, "431")] {
        let head = of_size(size);
        assert_eq!(head.len(), size);
        for first in [1, size / 2, size - 1] {
            let mut client = server.connect().await;
            let (first, second) = head.split_at(first);
            client.send(first).await;
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            // It may have heard enough by now.
            drop(tokio::io::AsyncWriteExt::write_all(&mut client.stream, second.as_bytes()).await);
            let answer = String::from_utf8(client.rest_or_reset().await).expect("UTF-8");
            assert_eq!(status(&answer), format!("HTTP/1.1 {expected}"), "{size}");
        }
    }
    let many = format!("{begin}{}\r\n", "a: b\r\n".repeat(99));
    let answer = refused(&server, many).await;
    assert_eq!(status(&answer), "HTTP/1.1 431", "{answer}");
    server.serves_others().await;
}

/// Row A14: a target of 8,192 bytes is looked for, one of 8,193 is 414.
#[tokio::test]
async fn a14_a_target_of_more_than_8_kib_is_414() {
    let server = Server::start(ServerOptions::default()).await;
    for (length, expected) in [(8_192, "HTTP/1.1 200"), (8_193, "HTTP/1.1 414")] {
        let target = format!("/healthz?{}", "a".repeat(length - "/healthz?".len()));
        let mut client = server.connect().await;
        let answer = client
            .ask(&format!("GET {target} HTTP/1.1\r\nhost: h\r\n\r\n"))
            .await;
        assert_eq!(status(&answer), expected, "{answer}");
    }
    server.serves_others().await;
}

/// Row A17: an answer that comes before the body was read says that the connection ends with it, whatever it
/// refuses; where the whole body came with the head the connection goes on.
#[tokio::test]
async fn a17_an_answer_before_the_body_was_read_says_that_the_connection_ends() {
    let key = "a-key-of-more-than-32-visible-characters";
    let server = Server::start_with(ServerOptions::default(), Access::key(key)).await;
    let close = "\r\nconnection: close\r\n";
    for (target, authorization, expected) in [
        ("/api/webhooks", "", "HTTP/1.1 401"),
        ("/nothing", "", "HTTP/1.1 404"),
        ("/api/v1/app", "content-encoding: gzip\r\n", "HTTP/1.1 415"),
    ] {
        let head = format!("POST {target} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {key}\r\n");
        let head = match expected {
            "HTTP/1.1 401" => head.replace("a-key", "b-key"),
            _ => head,
        };
        let head = format!("{head}{authorization}content-type: application/json\r\n");
        let mut client = server.connect().await;
        client
            .send(format!("{head}content-length: 10000\r\n\r\n{{"))
            .await;
        let answer = client.rest().await;
        assert_eq!(status(&answer), expected, "{answer}");
        assert!(answer.contains(close), "{answer}");
        for rest in [
            "content-length: 2\r\n\r\n{}",
            "transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        ] {
            let mut client = server.connect().await;
            for _ in 0..2 {
                let answer = client.ask(&format!("{head}{rest}")).await;
                assert_eq!(status(&answer), expected, "{answer}");
                assert!(!answer.contains(close), "{answer}");
            }
        }
    }
    server.serves_others().await;
}

/// Row A15: who asks before it sends a body that is too large hears 413 and no `100 Continue`; one that
/// fits is asked for; another expectation is 417.
#[tokio::test]
async fn a15_what_is_expected_is_judged_before_the_body() {
    let server = Server::start(ServerOptions::default()).await;
    let head = |expects: &str, length: usize| {
        format!(
            "POST /api/webhooks HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\n\
             expect: {expects}\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    for (expects, length, expected) in [
        ("100-continue", 10 << 20, "HTTP/1.1 413"),
        ("x", REGISTRATION.len(), "HTTP/1.1 417"),
        ("x, 100-continue", REGISTRATION.len(), "HTTP/1.1 417"),
    ] {
        let answer = refused(&server, head(expects, length)).await;
        assert_eq!(status(&answer), expected, "{expects} {answer}");
    }
    let mut client = server.connect().await;
    let interim = client.ask(&head("100-Continue", REGISTRATION.len())).await;
    assert_eq!(status(&interim), "HTTP/1.1 100", "{interim}");
    assert_eq!(status(&client.ask(REGISTRATION).await), "HTTP/1.1 201");
    server.serves_others().await;
}

/// Row A19: other protocols and versions are refused and closed; HTTP/2 is spoken here, so that its
/// preface is none of them.
#[tokio::test]
async fn a19_another_protocol_is_refused_and_closed() {
    let server = Server::start(ServerOptions::default()).await;
    let hello = [&[0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3][..], &[7; 189]].concat();
    for (bytes, expected) in [
        (&b"GET /healthz\r\n\r\n"[..], "HTTP/1.1 400"),
        (b"GET /healthz HTTP/9.9\r\nhost: h\r\n\r\n", "HTTP/1.1 400"),
        (b"GET /healthz HTTP/2.0\r\nhost: h\r\n\r\n", "HTTP/1.1 400"),
        (&hello, "HTTP/1.1 400"),
        (b"SSH-2.0-x\r\n", "HTTP/1.1 400"),
    ] {
        let answer = refused(&server, bytes).await;
        assert_eq!(status(&answer), expected, "{bytes:?}");
    }
    server.serves_others().await;
}

/// Row A22: 1,000 requests in one write are answered in their order, and only one of them is carried out
/// at a time.
#[tokio::test]
async fn a22_a_thousand_requests_in_one_write_are_carried_out_one_after_another() {
    let server = Server::start(ServerOptions::default()).await;
    server.backend.close_gate();
    let changing = plain(&format!("content-length: {}\r\n", REGISTRATION.len()));
    let missing = "GET /nowhere HTTP/1.1\r\nhost: h\r\n\r\n";
    let mut all: String = (0..999)
        .map(|number| match number % 3 {
            0 => changing.as_str(),
            1 => HEALTHZ,
            _ => missing,
        })
        .collect();
    all.push_str("GET /healthz HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
    let mut client = server.connect().await;
    client.send(&all).await;
    server.begun(1).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.backend.commands_begun(), 1);
    server.serves_others().await;
    server.backend.open_gate();
    let answers = client.rest().await;
    let statuses: Vec<&str> = answers
        .split("HTTP/1.1 ")
        .filter_map(|answer| answer.get(..3))
        .collect();
    assert_eq!(statuses.len(), 1_000, "{answers}");
    for (number, status) in statuses.into_iter().enumerate() {
        let expected = match number % 3 {
            _ if number == 999 => "200",
            0 if number == 0 => "201",
            0 | 1 => "200",
            _ => "404",
        };
        assert_eq!(status, expected, "{number}");
    }
    assert_eq!(server.backend.commands_begun(), 333);
    server.serves_others().await;
}
