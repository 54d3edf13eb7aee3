//! What of a head is judged before any route sees it: who is meant, how long the request is, and what
//! its client expects.

use axum::body::Body;
use http::{
    HeaderMap, Request, Version,
    header::{EXPECT, HOST, TRANSFER_ENCODING},
    uri::Authority,
};

use super::problem::{Code, Problem};

/// Refuses a head that others could read in another way, or that asks for what there is not.
///
/// # Errors
/// [`Code::InvalidHeader`], [`Code::ExpectationFailed`]; the client's fault.
pub(super) fn judge(request: &Request<Body>) -> Result<(), Problem> {
    if !names_one_host(request) {
        let message = "send one `Host` header, with a host and no more than its port";
        return Err(Problem::new(Code::InvalidHeader, message));
    }
    let headers = request.headers();
    if !is_plainly_chunked(headers) {
        let message = "send one `Transfer-Encoding` header that says `chunked`, or none";
        return Err(Problem::new(Code::InvalidHeader, message));
    }
    let mut expectations = headers.get_all(EXPECT).iter();
    if !expectations.all(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        let message = "nothing but `100-continue` can be expected here";
        return Err(Problem::new(Code::ExpectationFailed, message));
    }
    Ok(())
}

/// Whether an HTTP/1.1 request has its one `Host` (RFC 9112, 3.2). Nothing is decided by it; but
/// something between the client and us may have decided by another one.
fn names_one_host(request: &Request<Body>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => request.version() != Version::HTTP_11,
        (Some(_), Some(_)) => false,
        (Some(host), None) => {
            let host = host.to_str().unwrap_or_default();
            host.parse::<Authority>().is_ok() && !host.contains('@')
        }
    }
}

/// Whether a transfer coding, if there is one, is `chunked` alone: others are not undone here, and what
/// is written in two ways, one of two servers reads in the other.
fn is_plainly_chunked(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => false,
    }
}
