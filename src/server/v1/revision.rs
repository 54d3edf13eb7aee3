//! Revisions: which state of an object an answer shows and a change is made from (RFC 9110, 8.8.3
//! and 13.1.1).

use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ETAG, IF_MATCH},
};
use serde::Serialize;

use super::{Answered, told};
use crate::server::problem::{Code, Problem};

/// How often a change is made anew when another one came first: of many at once only one is made at a
/// time, and the last one comes after all others.
pub(super) const TRIES: usize = 256;

/// Other changes of the same object came first each time.
pub(super) fn overtaken() -> Problem {
    let message =
        "other changes of it came first again and again, nothing was done: send this one again";
    Problem::new(Code::Unavailable, message)
}

/// An answer that shows one object, with its revision as `ETag`.
///
/// # Errors
/// [`Code::Internal`] if it can't be written.
pub(super) fn told_at(status: StatusCode, revision: u32, said: &impl Serialize) -> Answered {
    let mut response = told(status, said)?;
    let tag = HeaderValue::from_str(&format!("\"{revision}\""));
    if let Ok(tag) = tag {
        response.headers_mut().insert(ETAG, tag);
    }
    Ok(response)
}

/// What `If-Match` asks of the object that is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Precondition(Option<Vec<u32>>);

impl Precondition {
    /// Reads the header; a list of tags is met by any of them, `*` by whatever is there.
    ///
    /// # Errors
    /// [`Code::InvalidHeader`] for what is no list of tags; the caller's fault.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut revisions = Vec::new();
        let mut values = headers.get_all(IF_MATCH).iter().peekable();
        if values.peek().is_none() {
            return Ok(Self(None));
        }
        for value in values {
            let text = value.to_str().unwrap_or("?");
            for tag in text.split(',').map(str::trim) {
                if tag == "*" {
                    return Ok(Self(None));
                }
                let (tag, is_weak) = tag
                    .strip_prefix("W/")
                    .map_or((tag, false), |tag| (tag, true));
                let inside = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
                let Some(inside) = inside else {
                    let message = "`If-Match` holds tags in quotes, as `ETag` gave them, or `*`";
                    return Err(Problem::new(Code::InvalidHeader, message));
                };
                // A weak one is met by nothing (RFC 9110, 13.1.1).
                revisions.extend(inside.parse::<u32>().ok().filter(|_| !is_weak));
            }
        }
        Ok(Self(Some(revisions)))
    }

    /// Lets a change of an object of this revision go on.
    ///
    /// # Errors
    /// [`Code::PreconditionFailed`] if the caller asked for another one.
    pub(super) fn judge(&self, revision: u32) -> Result<(), Problem> {
        let is_met = |revisions: &Vec<u32>| revisions.contains(&revision);
        if self.0.as_ref().is_none_or(is_met) {
            return Ok(());
        }
        let message = "it was changed since you read it: read it again, then repeat the change \
                       with its `ETag`";
        Err(Problem::new(Code::PreconditionFailed, message))
    }

    /// Lets something new be made.
    ///
    /// # Errors
    /// [`Code::PreconditionFailed`] if the caller asked for something that is there.
    pub(super) fn judge_new(&self) -> Result<(), Problem> {
        match self.0 {
            None => Ok(()),
            Some(_) => Err(Problem::new(
                Code::PreconditionFailed,
                "there is nothing of this name: leave `If-Match` out to make it",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&'static str]) -> Result<Precondition, Code> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IF_MATCH, HeaderValue::from_static(value));
        }
        Precondition::of(&headers).map_err(|problem| problem.code())
    }

    #[test]
    fn a_change_goes_on_where_no_tag_or_the_right_one_is_asked_for() {
        for values in [
            &[][..],
            &["*"],
            &["\"3\""],
            &["\"1\", \"3\""],
            &["\"1\"", "\"3\""],
        ] {
            let judged = read(values).expect("read").judge(3);
            assert_eq!(judged, Ok(()), "{values:?}");
        }
        for values in [
            &["\"2\""][..],
            &["\"x\""],
            &["\"\""],
            &["\"1\", \"2\""],
            &["W/\"3\""],
        ] {
            let judged = read(values).expect("read").judge(3);
            let code = judged.map_err(|problem| problem.code());
            assert_eq!(code, Err(Code::PreconditionFailed), "{values:?}");
        }
        for values in [&["3"][..], &[""], &["\"3"], &["W/3"]] {
            assert_eq!(read(values), Err(Code::InvalidHeader), "{values:?}");
        }
        assert!(read(&["\"3\""]).expect("read").judge_new().is_err());
    }
}
