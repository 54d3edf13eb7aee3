//! The names of the tables, in the file and in seals; what they hold stands with
//! [`tables`](super::tables).

/// A table of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TableName {
    /// What is known of the whole, of buckets, shards and progress.
    State,
    /// Applications.
    Applications,
    /// Records of the directory.
    Records,
    /// Endpoints.
    Endpoints,
    /// Where names lead.
    Names,
    /// Which bucket a position is in.
    Spans,
    /// Waiting deliveries by event.
    Open,
    /// Waiting deliveries by lane.
    Retry,
    /// Attempts that somebody asked for.
    Resends,
    /// Tasks.
    Tasks,
    /// What is told to other shards.
    Outbox,
    /// Lagging lanes.
    Lanes,
    /// What is kept of circuit breakers.
    Circuits,
    /// Waiting deliveries that stand in line.
    Ordered,
    /// Attempts that are not in the index yet.
    Journal,
    /// The newest block of each endpoint in the index.
    Heads,
    /// Events of a bucket.
    Events(u32),
    /// Payloads of a bucket.
    Payloads(u32),
    /// Attempts for events of a bucket.
    Attempts(u32),
    /// The index of attempts by endpoint, as written while the bucket was new.
    Index(u32),
    /// Deliveries of events of a bucket that expired or were skipped or parked.
    Expired(u32),
    /// What was done by hand with deliveries of events of a bucket.
    Audit(u32),
    /// Keys under which something was made on one day of steady time.
    Once(u32),
}

impl TableName {
    /// The tables that are always there.
    pub(super) const FIXED: [Self; 16] = [
        Self::State,
        Self::Applications,
        Self::Records,
        Self::Endpoints,
        Self::Names,
        Self::Spans,
        Self::Open,
        Self::Retry,
        Self::Resends,
        Self::Tasks,
        Self::Outbox,
        Self::Lanes,
        Self::Circuits,
        Self::Ordered,
        Self::Journal,
        Self::Heads,
    ];

    /// Its name in the file.
    pub(super) fn text(self) -> String {
        match self {
            Self::State => "state".to_owned(),
            Self::Applications => "applications".to_owned(),
            Self::Records => "records".to_owned(),
            Self::Endpoints => "endpoints".to_owned(),
            Self::Names => "names".to_owned(),
            Self::Spans => "spans".to_owned(),
            Self::Open => "open".to_owned(),
            Self::Retry => "retry".to_owned(),
            Self::Resends => "resends".to_owned(),
            Self::Tasks => "tasks".to_owned(),
            Self::Outbox => "outbox".to_owned(),
            Self::Lanes => "lanes".to_owned(),
            Self::Circuits => "circuits".to_owned(),
            Self::Ordered => "ordered".to_owned(),
            Self::Journal => "journal".to_owned(),
            Self::Heads => "heads".to_owned(),
            Self::Events(bucket) => format!("events.{bucket:08}"),
            Self::Payloads(bucket) => format!("payloads.{bucket:08}"),
            Self::Attempts(bucket) => format!("attempts.{bucket:08}"),
            Self::Index(bucket) => format!("index.{bucket:08}"),
            Self::Expired(bucket) => format!("expired.{bucket:08}"),
            Self::Audit(bucket) => format!("audit.{bucket:08}"),
            Self::Once(day) => format!("once.{day:08}"),
        }
    }
}

impl TableName {
    /// Its number in seals, which never changes.
    pub(super) const fn number(self) -> u64 {
        let (kind, bucket) = match self {
            Self::State => (0, 0),
            Self::Applications => (1, 0),
            Self::Endpoints => (2, 0),
            Self::Names => (3, 0),
            Self::Spans => (4, 0),
            Self::Open => (5, 0),
            Self::Retry => (6, 0),
            Self::Lanes => (7, 0),
            Self::Journal => (8, 0),
            Self::Heads => (9, 0),
            Self::Events(bucket) => (10, bucket),
            Self::Payloads(bucket) => (11, bucket),
            Self::Attempts(bucket) => (12, bucket),
            Self::Index(bucket) => (13, bucket),
            Self::Expired(bucket) => (14, bucket),
            Self::Records => (15, 0),
            Self::Once(day) => (16, day),
            Self::Resends => (17, 0),
            Self::Tasks => (18, 0),
            Self::Outbox => (19, 0),
            Self::Circuits => (20, 0),
            Self::Ordered => (21, 0),
            Self::Audit(bucket) => (22, bucket),
        };
        (kind << 32) | bucket as u64
    }

    /// The bucket whose table it is, for those of buckets.
    pub(super) const fn bucket(self) -> Option<u32> {
        match self {
            Self::Events(bucket)
            | Self::Payloads(bucket)
            | Self::Attempts(bucket)
            | Self::Index(bucket)
            | Self::Expired(bucket)
            | Self::Audit(bucket) => Some(bucket),
            _ => None,
        }
    }

    /// Reads what [`text`](Self::text) wrote.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let fixed = Self::FIXED.into_iter().find(|name| name.text() == text);
        let of_bucket = || {
            let (kind, bucket) = text.split_once('.')?;
            let bucket = bucket.parse().ok()?;
            let name = match kind {
                "events" => Self::Events(bucket),
                "payloads" => Self::Payloads(bucket),
                "attempts" => Self::Attempts(bucket),
                "index" => Self::Index(bucket),
                "expired" => Self::Expired(bucket),
                "audit" => Self::Audit(bucket),
                "once" => Self::Once(bucket),
                _ => return None,
            };
            (name.text() == text).then_some(name)
        };
        fixed.or_else(of_bucket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_found_by_its_name() {
        let mut names = TableName::FIXED.to_vec();
        for bucket in [0, 7, 123_456_789] {
            names.push(TableName::Events(bucket));
            names.push(TableName::Payloads(bucket));
            names.push(TableName::Attempts(bucket));
            names.push(TableName::Index(bucket));
            names.push(TableName::Expired(bucket));
            names.push(TableName::Audit(bucket));
            names.push(TableName::Once(bucket));
        }
        let numbers: std::collections::BTreeSet<u64> =
            names.iter().map(|name| name.number()).collect();
        assert_eq!(numbers.len(), names.len());
        for name in names {
            assert_eq!(TableName::parse(&name.text()), Some(name));
        }
        for other in [
            "",
            "opened",
            "events",
            "events.1",
            "events.x",
            "events.000000001",
        ] {
            assert_eq!(TableName::parse(other), None, "{other}");
        }
    }
}
