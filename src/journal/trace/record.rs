//! One record of a trace: 64 bytes that are hashed and compared, and a line that people read.

use core::fmt;

use crate::{
    domain::id::{EndpointId, EventId, Id},
    time::Timestamp,
};

/// When every simulation begins: 2026-01-01, midnight UTC. Its records tell the time since.
pub const VIRTUAL_BEGINNING: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// The size of a record, in bytes.
pub const RECORD_BYTES: usize = 64;

/// Something that happened. What it is about: inputs below 100, effects from 100, what a batch holds
/// from 200, what happens to the process from 300.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// When, in real time of the simulated world.
    pub time: Timestamp,
    /// Its place in the trace, from 0.
    pub sequence: u64,
    /// What it is about.
    pub kind: u64,
    /// What its kind says.
    pub value: u64,
    /// The first id, or place.
    pub first: u128,
    /// The second id, or place.
    pub second: u128,
}

impl Record {
    pub(super) fn new(
        kind: u64,
        value: u64,
        first: impl Into<u128>,
        second: impl Into<u128>,
    ) -> Self {
        Self {
            time: Timestamp::ZERO,
            sequence: 0,
            kind,
            value,
            first: first.into(),
            second: second.into(),
        }
    }

    /// Its bytes, little-endian: time, sequence, kind, value (8 each), two ids (16 each).
    #[must_use]
    pub fn to_bytes(&self) -> [u8; RECORD_BYTES] {
        let mut bytes = [0_u8; RECORD_BYTES];
        let (head, ids) = bytes.split_at_mut(32);
        let (first, second) = (self.first.to_le_bytes(), self.second.to_le_bytes());
        let time = self.time.as_micros().cast_unsigned();
        let head_values = [time, self.sequence, self.kind, self.value];
        let (slots, _) = head.as_chunks_mut();
        for (slot, value) in slots.iter_mut().zip(head_values) {
            *slot = value.to_le_bytes();
        }
        let (slots, _) = ids.as_chunks_mut();
        for (slot, id) in slots.iter_mut().zip([first, second]) {
            *slot = id;
        }
        bytes
    }

    /// From its bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; RECORD_BYTES]) -> Self {
        let (head, ids) = bytes.split_at(32);
        let mut head = head.chunks_exact(8).map(|part| {
            let mut value = [0; 8];
            value.copy_from_slice(part);
            u64::from_le_bytes(value)
        });
        let mut ids = ids.chunks_exact(16).map(|part| {
            let mut value = [0; 16];
            value.copy_from_slice(part);
            u128::from_le_bytes(value)
        });
        let mut next = || head.next().unwrap_or_default();
        Self {
            time: Timestamp::from_micros(next().cast_signed()),
            sequence: next(),
            kind: next(),
            value: next(),
            first: ids.next().unwrap_or_default(),
            second: ids.next().unwrap_or_default(),
        }
    }

    /// It as one line that counts time from `beginning`.
    #[must_use]
    pub const fn line(&self, beginning: Timestamp) -> Line<'_> {
        Line {
            record: self,
            beginning,
        }
    }

    /// What its kind is called; with spaces before it if it is about what a batch holds.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self.kind {
            1..=9 | 60..=64 => "command",
            10 => "shard acquired",
            11 => "shard lost",
            20 => "batch committed",
            21 => "commit failed",
            22 => "change answered",
            30 => "page loaded",
            31 => "load failed",
            32 => "store mode",
            40 => "attempt done",
            50 => "shutdown",
            100 => "commit",
            110 => "load events",
            111 => "load retries",
            112 => "load candidates",
            120 => "send",
            121 => "cancel",
            130 => "reply",
            140 => "notify",
            150 => "give up shard",
            160 => "stopped",
            200 => "  application",
            201 => "  endpoint",
            202 => "  endpoint state",
            203 => "  event",
            204 => "  retry row",
            205 => "  retry row away",
            206 => "  expired",
            241 => "  set aside",
            207 => "  lane row",
            208 => "  lane row away",
            209 => "  watermark",
            215 => "  application updated",
            216 => "  endpoint updated",
            217 => "  endpoint deleted",
            218 => "  record",
            219 => "  record away",
            221 => "  attempt succeeded",
            222 => "  attempt exhausted",
            223 => "  attempt to be retried",
            224 => "  attempt failed",
            230 => "  resend row",
            231 => "  resend row away",
            232 => "  payload away",
            233 => "  reply away",
            234 => "  task",
            235 => "  task ended",
            236 => "  refused",
            237 => "  outbox row",
            238 => "  outbox row away",
            239 => "  circuit",
            240 => "  place in line",
            300 => "process died",
            301 => "process started",
            310 => "producer answered",
            311 => "operator answered",
            320 => "received",
            _ => "unnamed",
        }
    }

    /// What it is about, in words.
    fn subject(&self) -> String {
        let (first, second) = (Id::from_value(self.first), Id::from_value(self.second));
        match self.kind {
            120 => format!(
                "{}/{} attempt {}",
                EventId::new(first),
                EndpointId::new(second),
                self.value & 0xffff
            ),
            310 => format!("ask {}: status {}", self.first, self.value),
            311 => format!("by hand {}: status {}", self.first, self.value),
            320 => format!(
                "{} by receiver {}, its request {}",
                EventId::new(first),
                self.second,
                self.value
            ),
            201 | 216 => EndpointId::new(first).to_string(),
            203 => format!("{} at {}", EventId::new(first), self.value),
            40 => format!("attempt handle {}, outcome {:#x}", self.first, self.value),
            130 if (4..6).contains(&self.value) => {
                format!("request {} event {}", self.first, EventId::new(second))
            }
            204..=206 | 217 | 221..=224 | 230 | 231 => {
                let ordinal = self.first & 0xffff_ffff;
                if (221..=224).contains(&self.kind) {
                    let ordinal = self.second & 0xffff_ffff;
                    format!("position {} endpoint {ordinal}", self.second >> 80)
                } else {
                    format!("position {} endpoint {ordinal}", self.first >> 80)
                }
            }
            _ => format!("{} {} {}", self.value, self.first, self.second),
        }
    }
}

/// A record as one line: place, time since some beginning, what happened.
#[derive(Clone, Copy, Debug)]
pub struct Line<'of> {
    record: &'of Record,
    beginning: Timestamp,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.record;
        let since = |time: Timestamp| {
            let since = time.since(self.beginning).as_micros();
            (since.div_euclid(1_000_000), since.rem_euclid(1_000_000))
        };
        let (seconds, micros) = since(record.time);
        let (sequence, name, subject) = (record.sequence, record.name(), record.subject());
        write!(
            out,
            "#{sequence:<7} {seconds:>8}.{micros:06} s  {name:<24} {subject}"
        )?;
        // A row of a retry, and the attempt that is to be retried: both tell when it is due.
        if matches!(record.kind, 204 | 223) {
            let (seconds, micros) = since(Timestamp::from_micros(record.value.cast_signed()));
            write!(out, ", due at {seconds}.{micros:06} s")?;
        }
        Ok(())
    }
}

/// The line of a simulated record.
impl fmt::Display for Record {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.line(VIRTUAL_BEGINNING).fmt(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_back_from_its_bytes() {
        let record = Record {
            time: VIRTUAL_BEGINNING,
            sequence: 7,
            kind: 120,
            value: (3 << 16) | 2,
            first: u128::MAX - 5,
            second: 9 << 90,
        };
        assert_eq!(Record::from_bytes(&record.to_bytes()), record);
    }

    #[test]
    fn a_line_tells_when_what_and_of_whom() {
        let record = Record {
            time: Timestamp::from_micros(VIRTUAL_BEGINNING.as_micros() + 1_250_001),
            sequence: 12,
            ..Record::new(120, (5 << 16) | 3, 1_u64, 2_u64)
        };
        let line = record.to_string();
        for part in ["#12", "1.250001 s", "send", "msg_", "/ep_", "attempt 3"] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
}
