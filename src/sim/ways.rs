//! The way to a receiver: what an attempt can meet before anybody there hears of it. Its name is not known,
//! or nobody tells it, or it leads to where nothing is sent; TLS comes about with nobody, or with somebody
//! else.

use super::network::OutageKind;
use crate::{
    domain::outcome::{Outcome, OutcomeKind},
    limits,
    random::{Draw, Stream},
    time::Span,
};

/// How long a name server takes, or TLS, in milliseconds.
const ANSWER_MS: u64 = 20;

/// What a stranger answers.
pub(super) const STRANGE: u16 = 404;

/// What the way to a receiver can be like, other than open and to a stranger.
pub(super) const WAYS: [OutageKind; 5] = [
    OutageKind::NameUnknown,
    OutageKind::NameUnanswered,
    OutageKind::NameAstray,
    OutageKind::Certificate,
    OutageKind::Handshake,
];

impl OutageKind {
    /// What an attempt meets on its way within its deadline, if it does not get as far as to the receiver.
    pub(super) fn on_the_way(self, timeout: Span) -> Option<Outcome> {
        let (kind, after_ms) = match self {
            Self::Refuses | Self::Silent | Self::Fails => return None,
            Self::NameUnknown => (OutcomeKind::DnsNotFound, ANSWER_MS),
            Self::NameUnanswered => (OutcomeKind::DnsFailed, limits::DNS_TIMEOUT_MS),
            Self::NameAstray => (OutcomeKind::AddressBlocked, ANSWER_MS),
            Self::NameElsewhere => (OutcomeKind::Status(STRANGE), ANSWER_MS),
            Self::Certificate => (OutcomeKind::TlsCertificate, ANSWER_MS),
            Self::Handshake => (OutcomeKind::TlsHandshake, ANSWER_MS),
        };
        let after = Span::from_millis(i64::try_from(after_ms).unwrap_or(i64::MAX));
        if after > timeout {
            let after_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
            let kind = OutcomeKind::Timeout { after_ms };
            return Some(Outcome::without_reply(kind, timeout));
        }
        Some(Outcome::without_reply(kind, after))
    }

    /// Whether it is the name of the receiver that something is wrong with.
    pub(super) const fn is_of_name(self) -> bool {
        matches!(
            self,
            Self::NameUnknown | Self::NameUnanswered | Self::NameAstray | Self::NameElsewhere
        )
    }
}

/// What an attempt meets on its way within its deadline, where that happens to so many in a hundred.
pub(super) fn drawn(draw: Draw, seed: u64, (percent, timeout): (u32, Span)) -> Option<Outcome> {
    if percent == 0 {
        return None;
    }
    let mut random = draw.stream(seed, "ways");
    if random.below(100) >= percent.into() {
        return None;
    }
    random.pick(&WAYS)?.on_the_way(timeout)
}

/// What the name of a receiver is like where something is wrong with so many questions in a hundred.
pub(super) fn drawn_of_name(random: &mut Stream, percent: u32) -> Option<OutageKind> {
    if random.below(100) >= percent.into() {
        return None;
    }
    let way = random.pick(&WAYS).copied();
    way.filter(|way| way.is_of_name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_attempts_end_on_their_way_as_is_said() {
        let draw = |event| Draw {
            event,
            endpoint: 1,
            attempt: 1,
        };
        let met = |percent| {
            let all = (0..1_000)
                .filter_map(|event| drawn(draw(event), 7, (percent, Span::from_seconds(30))));
            all.map(|outcome| outcome.kind).collect::<Vec<_>>()
        };
        assert_eq!(met(0), []);
        assert_eq!(met(100).len(), 1_000);
        assert!(met(30).len().abs_diff(300) < 60, "{}", met(30).len());
        for kind in [
            OutcomeKind::DnsNotFound,
            OutcomeKind::DnsFailed,
            OutcomeKind::AddressBlocked,
            OutcomeKind::TlsCertificate,
            OutcomeKind::TlsHandshake,
        ] {
            let count = met(100).iter().filter(|met| **met == kind).count();
            assert!(count.abs_diff(200) < 60, "{kind}: {count}");
        }
    }
}
