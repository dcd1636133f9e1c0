use crate::{GpsTime, crc32};
use serde::Serialize;

pub(crate) const SYNC_LONG: [u8; 3] = [0xAA, 0x44, 0x12];
pub(crate) const SYNC_SHORT: [u8; 3] = [0xAA, 0x44, 0x13];
pub(crate) const LONG_BYTES: usize = 28;
pub(crate) const SHORT_BYTES: usize = 12;
pub(crate) const CRC_BYTES: usize = 4;

/// The header of a log, in either form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Which log it is.
    pub id: u16,
    /// GPS week number (not modulo 1024).
    pub week: u16,
    /// Milliseconds into the week.
    pub millis: u32,
    /// What only the long form has; None: the header is short.
    pub long: Option<LongHeader>,
}

/// The fields of the 28-byte header that the 12-byte header leaves out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LongHeader {
    /// Bits 0–4 measurement source, 5–6 format (0 binary), 7 response.
    pub message_type: u8,
    /// Port address of the receiver.
    pub port: u8,
    /// Counts down in a series of related logs; 0 for most.
    pub sequence: u16,
    /// Idle time of the receiver's processor, in half per cent.
    pub idle_time: u8,
    /// Quality of the GPS reference time (180: FINESTEERING).
    pub time_status: u8,
    /// Receiver status word.
    pub receiver_status: u32,
    /// Reserved by the vendor.
    pub reserved: u16,
    /// Receiver software build.
    pub software_version: u16,
}

impl Header {
    /// The header of a log of the instant `time`, to the nearest millisecond as the receiver does.
    #[must_use]
    pub fn stamped(id: u16, time: &GpsTime, long: Option<LongHeader>) -> Self {
        let (week, millis) = time.header_stamp();
        Self { id, week, millis, long }
    }

    /// The instant in the header.
    #[must_use]
    pub fn time(&self) -> GpsTime {
        GpsTime { week: u32::from(self.week), seconds: f64::from(self.millis) / 1000.0 }
    }

    /// Bytes of this header on the wire.
    pub(crate) fn wire_bytes(&self) -> usize {
        if self.long.is_some() { LONG_BYTES } else { SHORT_BYTES }
    }

    /// Appends a whole log: header, body, CRC.
    ///
    /// # Panics
    /// If the body is longer than the header's length field can say (255 bytes short, 65,535 long): a mistake in the
    /// program, never in the data of the logs of this crate.
    pub fn encode(&self, body: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        match &self.long {
            None => {
                let length = u8::try_from(body.len()).expect("short-header body over 255 bytes");
                out.extend_from_slice(&SYNC_SHORT);
                out.push(length);
                out.extend_from_slice(&self.id.to_le_bytes());
                out.extend_from_slice(&self.week.to_le_bytes());
                out.extend_from_slice(&self.millis.to_le_bytes());
            }
            Some(long) => {
                let length = u16::try_from(body.len()).expect("long-header body over 65535 bytes");
                out.extend_from_slice(&SYNC_LONG);
                out.push(LONG_BYTES as u8);
                out.extend_from_slice(&self.id.to_le_bytes());
                out.push(long.message_type);
                out.push(long.port);
                out.extend_from_slice(&length.to_le_bytes());
                out.extend_from_slice(&long.sequence.to_le_bytes());
                out.push(long.idle_time);
                out.push(long.time_status);
                out.extend_from_slice(&self.week.to_le_bytes());
                out.extend_from_slice(&self.millis.to_le_bytes());
                out.extend_from_slice(&long.receiver_status.to_le_bytes());
                out.extend_from_slice(&long.reserved.to_le_bytes());
                out.extend_from_slice(&long.software_version.to_le_bytes());
            }
        }
        out.extend_from_slice(body);
        let crc = crc32(&out[start..]);
        out.extend_from_slice(&crc.to_le_bytes());
    }

    /// Reads a header whose sync bytes and length are known to be there.
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let u32_at = |at: usize| u32::from(u16_at(at)) | u32::from(u16_at(at + 2)) << 16;
        if bytes[..3] == SYNC_SHORT {
            Self { id: u16_at(4), week: u16_at(6), millis: u32_at(8), long: None }
        } else {
            Self {
                id: u16_at(4),
                week: u16_at(14),
                millis: u32_at(16),
                long: Some(LongHeader {
                    message_type: bytes[6],
                    port: bytes[7],
                    sequence: u16_at(10),
                    idle_time: bytes[12],
                    time_status: bytes[13],
                    receiver_status: u32_at(20),
                    reserved: u16_at(24),
                    software_version: u16_at(26),
                }),
            }
        }
    }
}
