//! I24: an id is given once, over all restarts.

use crate::sim::{violation::Violation, witness::Witness};

impl Witness {
    /// An id was given to something that is durable.
    pub(in crate::sim) fn id_given(&mut self, id: u128) {
        if self.keeps_records && !self.ids.insert(id) {
            self.object(Violation::IdTwice { id });
        }
    }
}
