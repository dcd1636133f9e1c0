//! Checksums that car makers put into their frames: one function each, found by its name in the .dbc.

use crate::Frame;

/// A checksum over a frame.
///
/// Each covers the same bytes: identifier (high byte, low byte), length, then the payload as it goes onto the
/// wire with the checksum's own bits zero. Identifier and length are in it so that a frame under another's
/// identifier, or cut short, is wrong too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// 4 bits: 8 minus the sum of all nibbles, modulo 16. In the style of Honda (openpilot's `honda_checksum`,
    /// which leaves the length out).
    NibbleSum,
    /// 8 bits: the sum of all bytes, modulo 256. In the style of Toyota.
    Sum8,
    /// 8 bits: exclusive or of all bytes.
    Xor8,
    /// 8 bits: CRC of SAE J1850, polynomial 0x1D, start and final exclusive or 0xFF (AUTOSAR E2E profile 1).
    Crc8SaeJ1850,
    /// 8 bits: CRC of polynomial 0x2F, start and final exclusive or 0xFF (AUTOSAR E2E profile 2).
    Crc8H2f,
}

impl Checksum {
    /// All of them.
    pub const ALL: [Checksum; 5] =
        [Checksum::NibbleSum, Checksum::Sum8, Checksum::Xor8, Checksum::Crc8SaeJ1850, Checksum::Crc8H2f];

    /// The name in a .dbc.
    pub fn name(self) -> &'static str {
        match self {
            Checksum::NibbleSum => "nibble_sum",
            Checksum::Sum8 => "sum8",
            Checksum::Xor8 => "xor8",
            Checksum::Crc8SaeJ1850 => "crc8_sae_j1850",
            Checksum::Crc8H2f => "crc8_h2f",
        }
    }

    /// The checksum of that name.
    pub fn from_name(name: &str) -> Option<Checksum> {
        Checksum::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Width, bits.
    pub fn bits(self) -> u8 {
        match self {
            Checksum::NibbleSum => 4,
            _ => 8,
        }
    }

    /// The checksum of `frame`, whose own checksum bits must be zero.
    pub fn of(self, frame: &Frame) -> u8 {
        let [high, low] = frame.id.to_be_bytes();
        let mut covered = [high, low, frame.len, 0, 0, 0, 0, 0, 0, 0, 0];
        let payload = frame.payload();
        covered[3..3 + payload.len()].copy_from_slice(payload);
        self.over(&covered[..3 + payload.len()])
    }

    fn over(self, bytes: &[u8]) -> u8 {
        match self {
            Checksum::NibbleSum => {
                let sum = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add((byte >> 4) + (byte & 0xF)));
                8u8.wrapping_sub(sum) & 0xF
            }
            Checksum::Sum8 => bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte)),
            Checksum::Xor8 => bytes.iter().fold(0, |sum, byte| sum ^ byte),
            Checksum::Crc8SaeJ1850 => crc8(0x1D, bytes),
            Checksum::Crc8H2f => crc8(0x2F, bytes),
        }
    }
}

/// Most significant bit first, start and final exclusive or 0xFF.
fn crc8(polynomial: u8, bytes: &[u8]) -> u8 {
    let shift = |crc: u8| if crc & 0x80 == 0 { crc << 1 } else { (crc << 1) ^ polynomial };
    !bytes.iter().fold(0xFF, |crc, byte| (0..8).fold(crc ^ byte, |crc, _| shift(crc)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_checksum_gives_its_check_value() {
        // The check values of the CRC catalogue over "123456789"; the sums are worked out by hand: nibbles
        // 9·3 + 45 = 72, bytes 9·48 + 45 = 477 = 0x1DD, exclusive or of 0x31 to 0x39 = 0x31.
        for (kind, check) in [
            (Checksum::NibbleSum, 0x0),
            (Checksum::Sum8, 0xDD),
            (Checksum::Xor8, 0x31),
            (Checksum::Crc8SaeJ1850, 0x4B),
            (Checksum::Crc8H2f, 0xDF),
        ] {
            assert_eq!(kind.over(b"123456789"), check, "{kind:?}");
            assert_eq!(Checksum::from_name(kind.name()), Some(kind));
        }
        // The examples of AUTOSAR's CRC library.
        for (bytes, j1850, h2f) in [
            (&[0, 0, 0, 0][..], 0x59, 0x12),
            (&[0xF2, 0x01, 0x83], 0x37, 0xC2),
            (&[0x0F, 0xAA, 0x00, 0x55], 0x79, 0xC6),
            (&[0x00, 0xFF, 0x55, 0x11], 0xB8, 0x77),
        ] {
            assert_eq!(Checksum::Crc8SaeJ1850.over(bytes), j1850);
            assert_eq!(Checksum::Crc8H2f.over(bytes), h2f);
        }
    }

    #[test]
    fn identifier_and_length_are_covered() {
        for kind in Checksum::ALL {
            let frame = Frame::from_payload(0xE4, &[1, 2, 3, 0]).unwrap();
            let sum = kind.of(&frame);
            assert_ne!(kind.of(&Frame { id: 0xE5, ..frame }), sum, "{kind:?}: identifier");
            assert_ne!(kind.of(&Frame { len: 5, ..frame }), sum, "{kind:?}: length");
        }
        // 0 + 0 + E + 4 + 0 + 4 + 1 + 2 + 3 = 28; 8 - 28 = -20 = 12 modulo 16.
        let frame = Frame::from_payload(0xE4, &[1, 2, 3, 0]).unwrap();
        assert_eq!(Checksum::NibbleSum.of(&frame), 12);
    }
}
