//! What the tests of all rooms share: the folder of reference data, skipping aloud, and damage to bytes.

use std::io::Write;
use std::path::PathBuf;

/// Environment variable that names the folder of reference data.
pub const REFERENCE_DATA: &str = "SKIDPAD_REFERENCE_DATA";

/// The folder of reference data (measurements and recordings of third parties, not part of the
/// repository); `None`, said aloud, where there is none.
pub fn reference_data() -> Option<PathBuf> {
    let folder = std::env::var_os(REFERENCE_DATA).map(PathBuf::from);
    if folder.is_none() {
        skip(&format!("{REFERENCE_DATA} is not set"));
    }
    folder
}

/// Says on the terminal that the running test is skipped and why. The test harness captures `eprintln!`
/// of tests that pass, so this writes to the stream itself.
pub fn skip(reason: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test").to_string();
    // A terminal that is gone is no reason to fail.
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {reason}");
}

/// A damage to bytes: which one, where, and with what. Any numbers are one.
pub type Damage = (u8, usize, u32);

/// Lengths that a reader may come to grief on: at the edges of signs and sizes, and above every limit.
const LENGTHS: [u32; 8] = [0, 1, 0x7f, 0x80, 1 << 20, (1 << 20) + 1, i32::MAX as u32, u32::MAX];

/// Valid bytes as a peer with a fault or an intent sends them, near enough to what is right to pass the first checks:
/// with bits turned, ends missing, pieces doubled, lost and strange, and lengths that cannot be.
pub fn damaged(bytes: &[u8], damages: &[Damage]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (kind, at, value) in damages {
        let at = at % (bytes.len() + 1);
        let piece = at..bytes.len().min(at + 1 + *value as usize % 64);
        let four = at..bytes.len().min(at + 4);
        match kind % 8 {
            0 => bytes[piece].iter_mut().take(1).for_each(|byte| *byte ^= 1 << (value % 8)),
            1 => bytes.truncate(at),
            2 => drop(bytes.splice(at..at, bytes[piece].to_vec())),
            3 => drop(bytes.drain(piece)),
            4 => drop(bytes.splice(at..at, value.to_le_bytes())),
            5 => bytes[piece].iter_mut().take(1).for_each(|byte| *byte = *value as u8),
            6 => drop(bytes.splice(four, LENGTHS[*value as usize % 8].to_le_bytes())),
            // A length in protobuf's own way of writing numbers.
            _ => drop(bytes.splice(at..at, [0xff, 0xff, 0xff, 0xff, *value as u8 & 0x7f])),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_what_it_says_and_fits_whatever_is_left() {
        let bytes: Vec<u8> = (0..20).collect();
        let one = |damage| damaged(&bytes, &[damage]);
        assert_eq!(one((0, 3, 2))[3], 3 ^ 4);
        assert_eq!(one((1, 3, 0)), [0, 1, 2]);
        assert_eq!(one((2, 3, 1))[..8], [0, 1, 2, 3, 4, 3, 4, 5]);
        assert_eq!(one((3, 3, 1))[..5], [0, 1, 2, 5, 6]);
        assert_eq!(one((6, 3, 7))[2..8], [2, 255, 255, 255, 255, 7]);
        for kind in 0..16 {
            for at in 0..50 {
                damaged(&bytes, &[(1, at, 0), (kind, at, 77), (kind, usize::MAX, u32::MAX), (kind, 0, 0)]);
            }
        }
    }
}
