//! Names of events that are gone. A dropped bucket leaves the names of its events behind, which lead
//! nowhere and count as free; they are taken away a few at a time, in a walk that goes round.

use super::{
    fault::Fault,
    memory::Memory,
    names,
    tables::{TableName, Writing},
};

/// Names that are looked at in one go, if no more were given since the last one.
const NAMES_AT_ONCE: usize = 1_000;

/// Goes on with the walk: twice as far as names were given meanwhile, so that it comes round however
/// many there are.
pub(super) fn sweep(writing: &mut Writing<'_>, memory: &mut Memory) -> Result<(), Fault> {
    // Nothing was ever dropped: every name leads somewhere.
    if memory
        .buckets
        .first_key_value()
        .is_none_or(|(first, _)| *first == 0)
    {
        return Ok(());
    }
    let most = NAMES_AT_ONCE.max(memory.named_since * 2);
    memory.named_since = 0;
    let mut stale = Vec::new();
    let mut last = None;
    let mut count = 0;
    let from = memory.swept_to.take().unwrap_or_else(names::first_event);
    let until = names::behind_events();
    let buckets = &memory.buckets;
    writing.scan(TableName::Names, (&from, &until), false, |key, value| {
        if count >= most {
            last = Some(key.to_vec());
            return Ok(false);
        }
        count += 1;
        let leads_to = names::event(value).ok_or_else(|| Fault::damaged("a name"))?;
        if !buckets.contains_key(&leads_to.2) {
            stale.push(key.to_vec());
        }
        Ok(true)
    })?;
    memory.swept_to = last;
    for key in stale {
        writing.remove(TableName::Names, &key)?;
    }
    Ok(())
}
