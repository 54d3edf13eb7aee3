//! How values are written and read back: little-endian, whole numbers of seven bits a byte, no names.
//!
//! A [`Form`] lists the fields of a type once, for both directions, so that a field that is added to
//! the type does not compile until it is listed. What nobody may read in a journal is left out here
//! and nowhere else: see [`blank`](self).

mod blank;
mod contract;
mod nouns;

use std::sync::Arc;

use thiserror::Error;

/// The bytes are no value of the type that is read; they are of another version, or we have a bug.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("its bytes are no {wanted}")]
pub struct Malformed {
    /// What was read.
    pub wanted: &'static str,
}

/// Where values are written.
#[derive(Debug, Default)]
pub struct Writer {
    pub(super) bytes: Vec<u8>,
    /// Whether the bytes of payloads and replies are written, or their length and hash alone.
    pub(super) with_bodies: bool,
}

/// Where values are read from.
#[derive(Debug)]
pub struct Reader<'of> {
    left: &'of [u8],
}

impl<'of> Reader<'of> {
    /// Reads from the first byte on.
    #[must_use]
    pub const fn new(bytes: &'of [u8]) -> Self {
        Self { left: bytes }
    }

    /// Whether everything was read.
    #[must_use]
    pub const fn is_at_end(&self) -> bool {
        self.left.is_empty()
    }

    /// Whether the next byte is this one.
    pub(super) fn next_is(&self, byte: u8) -> bool {
        self.left.first() == Some(&byte)
    }

    /// The next `count` bytes.
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'of [u8], Malformed> {
        let wanted = "run of bytes";
        let (taken, left) = self
            .left
            .split_at_checked(count)
            .ok_or(Malformed { wanted })?;
        self.left = left;
        Ok(taken)
    }

    /// The next byte.
    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        let (first, left) = self
            .left
            .split_first()
            .ok_or(Malformed { wanted: "byte" })?;
        self.left = left;
        Ok(*first)
    }
}

/// What can be written and read back.
pub trait Form: Sized {
    /// Writes it.
    fn put(&self, out: &mut Writer);

    /// Reads it.
    ///
    /// # Errors
    /// [`Malformed`] if the bytes are no such value.
    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed>;
}

/// A struct whose fields are written one behind the other.
macro_rules! form_of_struct {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl Form for $name {
            fn put(&self, out: &mut Writer) {
                let Self { $($field),* } = self;
                $($field.put(out);)*
            }

            fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
                Ok(Self { $($field: Form::take(from)?),* })
            }
        }
    };
}

/// An enum: the number of the variant, then its parts.
macro_rules! form_of_enum {
    ($name:ident {
        $($tag:literal => $variant:ident
            $(($($part:ident),*))?
            $({ $($field:ident),* $(,)? })?
        ),* $(,)?
    }) => {
        impl Form for $name {
            fn put(&self, out: &mut Writer) {
                match self {
                    $(Self::$variant $(($($part),*))? $({ $($field),* })? => {
                        out.bytes.push($tag);
                        $($($part.put(out);)*)?
                        $($($field.put(out);)*)?
                    })*
                }
            }

            fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
                Ok(match from.byte()? {
                    $($tag => Self::$variant
                        $(($(form_of_enum!(@part $part from)),*))?
                        $({ $($field: Form::take(from)?),* })?,
                    )*
                    _ => return Err(Malformed { wanted: stringify!($name) }),
                })
            }
        }
    };
    (@part $part:ident $from:ident) => { Form::take($from)? };
}

/// A name for something by its number.
macro_rules! form_of_number {
    ($name:ident, $inside:ty, $get:ident, $make:ident) => {
        impl Form for $name {
            fn put(&self, out: &mut Writer) {
                self.$get().put(out);
            }

            fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
                <$inside>::take(from).map(Self::$make)
            }
        }
    };
}

pub(super) use {form_of_enum, form_of_number, form_of_struct};

impl Form for u64 {
    fn put(&self, out: &mut Writer) {
        let mut rest = *self;
        while rest >= 0x80 {
            out.bytes.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        out.bytes.push((rest & 0x7f) as u8);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let value = u128::take(from)?;
        Self::try_from(value).map_err(|_| Malformed { wanted: "number" })
    }
}

impl Form for u128 {
    fn put(&self, out: &mut Writer) {
        let mut rest = *self;
        while rest >= 0x80 {
            out.bytes.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        out.bytes.push((rest & 0x7f) as u8);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut value = 0;
        for place in 0..19_u32 {
            let byte = from.byte()?;
            let part = Self::from(byte & 0x7f);
            let moved = part << (7 * place);
            if moved >> (7 * place) != part {
                break;
            }
            value |= moved;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed { wanted: "number" })
    }
}

/// A number that is written as a larger one and must fit when it is read.
macro_rules! form_of_small_number {
    ($($small:ty),*) => {
        $(impl Form for $small {
            fn put(&self, out: &mut Writer) {
                u64::try_from(*self).unwrap_or(u64::MAX).put(out);
            }

            fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
                let value = u64::take(from)?;
                Self::try_from(value).map_err(|_| Malformed { wanted: stringify!($small) })
            }
        })*
    };
}

form_of_small_number!(u16, u32, usize);

impl Form for i64 {
    /// Small numbers of either sign are short.
    fn put(&self, out: &mut Writer) {
        ((self << 1) ^ (self >> 63)).cast_unsigned().put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let folded = u64::take(from)?;
        Ok((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed())
    }
}

impl Form for bool {
    fn put(&self, out: &mut Writer) {
        out.bytes.push(u8::from(*self));
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        match from.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed {
                wanted: "yes or no",
            }),
        }
    }
}

impl<T: Form> Form for Option<T> {
    fn put(&self, out: &mut Writer) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        bool::take(from)?.then(|| T::take(from)).transpose()
    }
}

impl<T: Form> Form for Vec<T> {
    fn put(&self, out: &mut Writer) {
        self.len().put(out);
        for value in self {
            value.put(out);
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let count = usize::take(from)?;
        // A wrong count ends with the bytes, before it costs memory.
        let mut values = Self::new();
        for _ in 0..count {
            values.push(T::take(from)?);
        }
        Ok(values)
    }
}

impl<T: Form> Form for Arc<T> {
    fn put(&self, out: &mut Writer) {
        (**self).put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        T::take(from).map(Self::new)
    }
}

impl<T: Form> Form for Box<T> {
    fn put(&self, out: &mut Writer) {
        (**self).put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        T::take(from).map(Self::new)
    }
}

impl<A: Form, B: Form> Form for (A, B) {
    fn put(&self, out: &mut Writer) {
        self.0.put(out);
        self.1.put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok((A::take(from)?, B::take(from)?))
    }
}

impl Form for [u64; 4] {
    fn put(&self, out: &mut Writer) {
        for word in self {
            word.put(out);
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut words = [0; 4];
        for word in &mut words {
            *word = u64::take(from)?;
        }
        Ok(words)
    }
}

impl Form for Arc<str> {
    fn put(&self, out: &mut Writer) {
        put_text(self, out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        take_text(from).map(Self::from)
    }
}

impl Form for Box<str> {
    fn put(&self, out: &mut Writer) {
        put_text(self, out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        take_text(from).map(Self::from)
    }
}

impl Form for String {
    fn put(&self, out: &mut Writer) {
        put_text(self, out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        take_text(from).map(Self::from)
    }
}

/// A text: its length in bytes, then they.
pub(super) fn put_text(text: &str, out: &mut Writer) {
    text.len().put(out);
    out.bytes.extend_from_slice(text.as_bytes());
}

/// Reads a text.
pub(super) fn take_text<'of>(from: &mut Reader<'of>) -> Result<&'of str, Malformed> {
    let length = usize::take(from)?;
    let bytes = from.bytes(length)?;
    core::str::from_utf8(bytes).map_err(|_| Malformed { wanted: "text" })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written<T: Form>(value: &T) -> Vec<u8> {
        let mut out = Writer::default();
        value.put(&mut out);
        out.bytes
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            wide: u128, number: u64, signed: i64, small: u16, flag: bool,
            texts: Vec<String>, pair: Option<(u64, bool)>, words: [u64; 4],
        ) {
            let value = ((wide, number), ((signed, small), (flag, (texts, (pair, words)))));
            let bytes = written(&value);
            let mut from = Reader::new(&bytes);
            prop_assert_eq!(Form::take(&mut from), Ok(value));
            prop_assert!(from.is_at_end());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let read = Vec::<(Option<String>, (u128, i64))>::take(&mut Reader::new(&bytes));
            if let Ok(value) = read {
                let again = written(&value);
                prop_assert_eq!(Form::take(&mut Reader::new(&again)), Ok(value));
            }
        }
    }

    #[test]
    fn numbers_that_don_t_fit_are_refused() {
        let bytes = written(&u128::from(u64::MAX));
        assert_eq!(u64::take(&mut Reader::new(&bytes)), Ok(u64::MAX));
        for too_large in [
            written(&(u128::from(u64::MAX) + 1)),
            vec![0xff; 19],
            vec![0xff; 30],
        ] {
            let read = u64::take(&mut Reader::new(&too_large));
            assert_eq!(read, Err(Malformed { wanted: "number" }));
        }
        assert_eq!(
            bool::take(&mut Reader::new(&[2])),
            Err(Malformed {
                wanted: "yes or no"
            })
        );
    }
}
