//! Jitter: lengths of time that would be equal are spread, so that what began together does not come back
//! together.

use crate::{
    random::{Ratio, Stream},
    time::Span,
};

/// A length of time moved by at most this part of it to either side, each length as likely; a negative
/// one is taken as none.
pub(super) fn spread(wait: Span, jitter: Ratio, random: &mut Stream) -> Span {
    let micros = wait.as_micros().max(0);
    let spread =
        i128::from(micros) * i128::from(jitter.numerator()) / i128::from(jitter.denominator());
    let Ok(spread) = u64::try_from(spread) else {
        return wait;
    };
    let offset = random.between(0, spread.saturating_mul(2));
    let moved = i128::from(micros) - i128::from(spread) + i128::from(offset);
    Span::from_micros(i64::try_from(moved).unwrap_or(i64::MAX))
}
