//! Fields that say which deliveries wait for which.

use super::Fields;
use crate::{domain::ordering::Ordering, limits, server::problem::FaultKind};

impl Fields<'_> {
    /// What of an endpoint's deliveries stands in line; those of each key if nothing is said.
    pub(in crate::server::v1) fn ordering(&mut self) -> Ordering {
        let name = "ordering";
        let Some(text) = self.raw_text(name) else {
            return Ordering::default();
        };
        Ordering::named(&text).unwrap_or_else(|| {
            let names = Ordering::ALL.map(|order| format!("`{}`", order.name()));
            let rule = format!("must be one of {}", names.join(", "));
            self.wrong(name, FaultKind::Value, &rule);
            Ordering::default()
        })
    }

    /// The ordering key of a message, if one is given.
    pub(in crate::server::v1) fn ordering_key(&mut self) -> Option<String> {
        let name = "orderingKey";
        let text = self.raw_text(name)?;
        let most = limits::NAME_BYTES_MAX;
        let is_fit = |byte: u8| matches!(byte, b' '..=b'~');
        if (1..=most).contains(&text.len()) && text.bytes().all(is_fit) {
            return Some(text);
        }
        let rule = format!("must have 1 to {most} printable ASCII characters");
        self.wrong(name, FaultKind::Value, &rule);
        None
    }
}
