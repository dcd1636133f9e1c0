//! Packed little-endian fields, and the macro that makes a log body of them.

/// A value as it lies in a log body.
pub(crate) trait Field: Sized {
    const BYTES: usize;
    /// Writes the value at the start of `out`; gives what is behind it.
    fn put<'a>(&self, out: &'a mut [u8]) -> &'a mut [u8];
    /// Reads the value at the start of `bytes`; gives what is behind it. None: there is too little.
    fn take(bytes: &[u8]) -> Option<(Self, &[u8])>;
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Field for $number {
            const BYTES: usize = size_of::<$number>();

            fn put<'a>(&self, out: &'a mut [u8]) -> &'a mut [u8] {
                let (slot, rest) = out.split_at_mut(Self::BYTES);
                slot.copy_from_slice(&self.to_le_bytes());
                rest
            }

            fn take(bytes: &[u8]) -> Option<(Self, &[u8])> {
                let (first, rest) = bytes.split_first_chunk()?;
                Some((Self::from_le_bytes(*first), rest))
            }
        }
    )*};
}
numbers!(u8, u16, u32, i32, f32, f64);

impl<F: Field + Copy + Default, const COUNT: usize> Field for [F; COUNT] {
    const BYTES: usize = COUNT * F::BYTES;

    fn put<'a>(&self, mut out: &'a mut [u8]) -> &'a mut [u8] {
        for value in self {
            out = value.put(out);
        }
        out
    }

    fn take(mut bytes: &[u8]) -> Option<(Self, &[u8])> {
        let mut values = [F::default(); COUNT];
        for value in &mut values {
            (*value, bytes) = F::take(bytes)?;
        }
        Some((values, bytes))
    }
}

/// A log body: its fields in the order of the wire. That they fill the stated length is checked when the crate is
/// compiled.
macro_rules! log_body {
    (
        $(#[$doc:meta])*
        $name:ident, $bytes:literal bytes {
            $($(#[$field_doc:meta])* $field:ident: $kind:ty,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $kind,)*
        }

        impl $name {
            /// Length of the body on the wire.
            pub const BODY_BYTES: usize = $bytes;
            const _FILLED: () = assert!($bytes == $(<$kind as $crate::field::Field>::BYTES +)* 0);

            /// The body alone.
            #[must_use]
            pub fn body(&self) -> [u8; $bytes] {
                let () = Self::_FILLED;
                let mut body = [0; $bytes];
                let out = &mut body[..];
                $(let out = $crate::field::Field::put(&self.$field, out);)*
                debug_assert!(out.is_empty());
                body
            }

            /// Reads a body; None if its length is not that of the log.
            #[must_use]
            pub fn from_body(body: &[u8]) -> Option<Self> {
                if body.len() != $bytes {
                    return None;
                }
                $(let ($field, body) = $crate::field::Field::take(body)?;)*
                debug_assert!(body.is_empty());
                Some(Self { $($field,)* })
            }
        }
    };
}
pub(crate) use log_body;
