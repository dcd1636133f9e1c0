//! NovAtel receiver logs on the wire: framing, CRC, encode and decode.
//!
//! Sans-IO and used by both ends: the simulated receiver writes with [`Inspvas::encode`] and [`Corrimudatas::encode`],
//! a driver feeds what it reads to a [`Decoder`]. Everything on the wire is little-endian and packed.
//!
//! ```text
//! long header, 28 bytes:  AA 44 12 | hdr_len u8 = 28 | id u16 | type u8 | port u8 | body length u16 | sequence u16
//!                         | idle u8 | time status u8 | week u16 | milliseconds u32 | receiver status u32
//!                         | reserved u16 | software version u16
//! short header, 12 bytes: AA 44 13 | body length u8 | id u16 | week u16 | milliseconds u32
//! then the body, then a CRC-32 (u32) of header and body: reflected polynomial EDB88320, start 0, no final inversion.
//! ```
//! Source: NovAtel OEM6 Firmware Reference Manual (OM-20000129), chapter 1, and Apollo 1.0's gnss driver, which frames
//! by these two fixed header sizes and wants the body length of each log to match exactly.

mod ascii;
mod command;
mod crc;
mod decoder;
mod field;
mod header;
mod logs;
mod nmea;
mod time;

pub use command::{Command, CommandReader, LogRequest, MAX_LINE_BYTES, Trigger};
pub use crc::crc32;
pub use decoder::{Decoder, DecoderStats, Item, Log, MAX_BODY_BYTES, MAX_PENDING_BYTES};
pub use header::{Header, LongHeader};
pub use logs::*;
pub use nmea::{Gpgga, Gprmc, Sentence, utc};
pub use time::{GPS_EPOCH_UNIX_S, GPS_LEAP_SECONDS, GpsTime, SECONDS_PER_WEEK, TimeError};
