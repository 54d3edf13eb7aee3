//! The seal behind each value in the file.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{fault::Fault, tables::TableName};

/// Bytes of the seal behind each value.
pub(super) const SEAL_BYTES: usize = 8;

/// The seal of a value: xxh3-64 of it, its key and its table. redb compares pages with their
/// checksums when it opens a file and not when it reads; by its seal a row that was damaged or is
/// not where it belongs shows whenever it is read.
pub(super) fn seal_of(name: TableName, key: &[u8], value: &[u8]) -> [u8; SEAL_BYTES] {
    let place = xxh3_64_with_seed(key, name.number());
    xxh3_64_with_seed(value, place).to_be_bytes()
}

/// The value in front of its seal, if that fits.
pub(super) fn opened<'row>(
    name: TableName,
    key: &[u8],
    sealed: &'row [u8],
) -> Result<&'row [u8], Fault> {
    match sealed.split_last_chunk::<SEAL_BYTES>() {
        Some((value, seal)) if *seal == seal_of(name, key, value) => Ok(value),
        _ => Err(Fault::damaged(&format!(
            "a row of the table {}",
            name.text()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_fits_one_value_at_one_place() {
        let name = TableName::Payloads(3);
        let sealed = [b"value".as_slice(), &seal_of(name, b"key", b"value")].concat();
        let value = opened(name, b"key", &sealed).expect("it is whole");
        assert_eq!(value, b"value");
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(opened(name, b"key", &flipped).is_err(), "{bit}");
        }
        for length in 0..sealed.len() {
            assert!(opened(name, b"key", &sealed[..length]).is_err(), "{length}");
        }
        assert!(opened(name, b"kez", &sealed).is_err());
        assert!(opened(TableName::Payloads(4), b"key", &sealed).is_err());
        assert!(opened(TableName::Events(3), b"key", &sealed).is_err());
    }

    #[test]
    fn the_seal_never_changes() {
        let seal = u64::from_be_bytes(seal_of(TableName::Open, b"key", b"value"));
        assert_eq!(
            seal, 0x20a1_0777_9a98_15c4,
            "a released seal keeps its form: {seal:#x}"
        );
    }
}
