use std::fmt;

/// A classic CAN data frame with an 11-bit identifier.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Frame {
    /// Identifier, 0 to [`Frame::MAX_ID`]; the lower wins the bus.
    pub id: u16,
    /// Bytes on the wire, 0 to 8.
    pub len: u8,
    /// Payload; bytes from `len` on are zero by convention and are not transmitted.
    pub data: [u8; 8],
}

impl Frame {
    /// The largest 11-bit identifier.
    pub const MAX_ID: u16 = 0x7FF;

    /// A frame of eight bytes.
    pub const fn new(id: u16, data: [u8; 8]) -> Self {
        Frame { id, len: 8, data }
    }

    /// A frame carrying `payload`, or `None` if `id` needs more than 11 bits or `payload` is longer
    /// than 8 bytes.
    pub fn from_payload(id: u16, payload: &[u8]) -> Option<Self> {
        if id > Self::MAX_ID || payload.len() > 8 {
            return None;
        }
        let mut data = [0; 8];
        data[..payload.len()].copy_from_slice(payload);
        Some(Frame { id, len: payload.len() as u8, data })
    }

    /// The bytes on the wire.
    pub fn payload(&self) -> &[u8] {
        &self.data[..usize::from(self.len.min(8))]
    }
}

/// A frame of a kind that a classic bus with 11-bit identifiers does not carry; whoever meets one passes it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unsupported {
    /// A 29-bit identifier.
    Extended,
    /// A remote frame: asks for data, has none.
    Remote,
    /// CAN FD.
    Fd,
    /// A controller's report of an error on the bus.
    Error,
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unsupported::Extended => "29-bit identifier",
            Unsupported::Remote => "remote frame",
            Unsupported::Fd => "CAN FD frame",
            Unsupported::Error => "error frame",
        })
    }
}

impl fmt::Display for Frame {
    /// As candump prints it: `060#3333010100000000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03X}#", self.id)?;
        self.payload().iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_prints_as_candump_prints_it() {
        assert_eq!(Frame::new(0x60, [0x33, 0x33, 1, 1, 0, 0, 0, 0]).to_string(), "060#3333010100000000");
        assert_eq!(Frame::from_payload(0x67, &[4, 0]).unwrap().to_string(), "067#0400");
    }

    #[test]
    fn a_frame_longer_than_the_wire_allows_is_refused() {
        assert_eq!(Frame::from_payload(0x67, &[0; 9]), None);
        assert_eq!(Frame::from_payload(0x800, &[]), None);
    }
}
