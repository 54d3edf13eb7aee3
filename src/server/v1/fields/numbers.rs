//! Fields that hold whole numbers.

use super::Fields;
use crate::server::problem::FaultKind;

impl Fields<'_> {
    /// A whole number from 1 to 65,535, if one is given; in a change 0 takes it away, as null does.
    pub(in crate::server::v1) fn rate(&mut self, name: &str) -> Option<u16> {
        let least = u64::from(!self.is_change);
        let number = self.whole(name, (least, u16::MAX.into()))?;
        u16::try_from(number).ok().filter(|rate| *rate > 0)
    }

    /// The rate that something is slowed down to, if one is given: by its name or by the one that older
    /// client libraries use. If they say two different things neither is ignored.
    pub(in crate::server::v1) fn throttle_rate(&mut self) -> Option<u16> {
        let (rate, older) = (self.rate("throttleRate"), self.rate("rateLimit"));
        if rate.is_some() && older.is_some() && rate != older {
            let rule = "is an older name of `throttleRate`: send one of them";
            self.wrong("rateLimit", FaultKind::Value, rule);
        }
        rate.or(older)
    }

    /// A whole number between two bounds, both included, if one is given.
    pub(in crate::server::v1) fn whole(
        &mut self,
        name: &str,
        (least, most): (u64, u64),
    ) -> Option<u64> {
        let text = self.take_given(name)?.get();
        let digits = text.strip_prefix('-').unwrap_or(text);
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            self.wrong(name, FaultKind::Type, "must be a whole number");
            return None;
        }
        let number = text
            .parse()
            .ok()
            .filter(|number| (least..=most).contains(number));
        if number.is_none() {
            let rule = format!("must be from {least} to {most}");
            self.wrong(name, FaultKind::Value, &rule);
        }
        number
    }
}
