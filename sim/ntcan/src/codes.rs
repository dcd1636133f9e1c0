//! The numbers of the NTCAN interface on Linux: return codes, flags, bit rates, control commands.
//!
//! Source: names and values are those that esd's public `ntcan.h` defines for Linux, as found beside
//! open-source users of the card (reneulab/ReNeu_Lab `pci200/ntcan.h` of 2010, the later header with
//! `canIdRegionAdd`, and Apollo's own `esd_can_client.cc`).

/// Value that a call returns when all went well.
pub const SUCCESS: i32 = 0;

/// Where the codes that are the card's own begin; the lower ones are Linux `errno` values.
const BASE: i32 = 0x100;

macro_rules! codes {
    ($($name:ident = $value:expr, $text:literal;)*) => {
        $(#[doc = $text] pub const $name: i32 = $value;)*
        /// Every code with its name and a sentence for people.
        pub const ALL: &[(i32, &str, &str)] = &[
            (SUCCESS, "NTCAN_SUCCESS", "No error."),
            $(($value, concat!("NTCAN_", stringify!($name)), $text),)*
        ];
    };
}

// Apollo keeps the first 58 characters of a text.
codes! {
    OPERATION_ABORTED = 4, "The call was aborted by another thread."; // EINTR
    INSUFFICIENT_RESOURCES = 12, "Not enough memory, threads or handles."; // ENOMEM
    NET_NOT_FOUND = 19, "No such net: SKIDPAD_CAN names no address for it."; // ENODEV
    INVALID_PARAMETER = 22, "A parameter is out of range."; // EINVAL
    NOT_IMPLEMENTED = 38, "Skidpad's library does not know this command."; // ENOSYS
    INVALID_HANDLE = 77, "The handle is not open."; // EBADFD
    RX_TIMEOUT = BASE + 1, "No frame arrived within the receive time-out.";
    TX_TIMEOUT = BASE + 2, "Not sent within the time-out: is Skidpad running?";
    TX_ERROR = BASE + 4, "The frame could not be sent.";
    CONTR_OFF_BUS = BASE + 5, "The controller is off the bus.";
    CONTR_BUSY = BASE + 6, "The send queue is full.";
    CONTR_WARN = BASE + 7, "The controller warns of bus errors.";
    NO_ID_ENABLED = BASE + 9, "No identifier is enabled for this handle.";
    ID_ALREADY_ENABLED = BASE + 10, "The identifier is enabled already.";
    ID_NOT_ENABLED = BASE + 11, "The identifier is not enabled.";
    INVALID_FIRMWARE = BASE + 13, "The firmware does not fit the driver.";
    MESSAGE_LOST = BASE + 14, "Frames were lost.";
    INVALID_HARDWARE = BASE + 15, "The hardware does not fit the driver.";
    PENDING_WRITE = BASE + 16, "Another write is pending.";
    PENDING_READ = BASE + 17, "Another read is pending.";
    INVALID_DRIVER = BASE + 18, "The driver does not fit the library.";
    WRONG_DEVICE_STATE = BASE + 19, "Internal error of Skidpad's library.";
    HANDLE_FORCED_CLOSE = BASE + 20, "The handle was closed by another thread.";
    NOT_SUPPORTED = BASE + 21, "Skidpad's bus cannot do this.";
    CONTR_ERR_PASSIVE = BASE + 22, "The controller is error passive.";
    ERROR_NO_BAUDRATE = BASE + 23, "No bit rate is set.";
    ERROR_LOM = BASE + 24, "The controller only listens.";
    SOCK_CONN_TIMEOUT = BASE + 0x80, "Connecting took too long.";
    SOCK_CMD_TIMEOUT = BASE + 0x81, "A command took too long.";
    SOCK_HOST_NOT_FOUND = BASE + 0x82, "The host was not found.";
}

/// Name and sentence of a code; `None` for a number that is no code.
pub fn describe(code: i32) -> Option<(&'static str, &'static str)> {
    ALL.iter().find(|(value, ..)| *value == code).map(|(_, name, text)| (*name, *text))
}

/// Flag in an identifier: 29 bits. Also the first 29-bit identifier of a region.
pub const EXTENDED: u32 = 0x2000_0000;
/// First and last number of the card's events, which are enabled like identifiers.
pub const EVENTS: (u32, u32) = (0x4000_0000, 0x4000_00ff);

/// Flags in the length byte of a message.
pub mod len_flag {
    /// Remote request.
    pub const REMOTE: u8 = 0x10;
    /// The frame was sent by another handle of this process.
    pub const INTERACTION: u8 = 0x20;
    /// CAN FD frame.
    pub const FD: u8 = 0x80;
}

/// Flags of `canOpen`.
pub mod mode {
    /// Ignore remote requests.
    pub const NO_REMOTE: u32 = 0x10;
    /// Ignore data frames.
    pub const NO_DATA: u32 = 0x20;
    /// Ignore what other handles of the net send.
    pub const NO_INTERACTION: u32 = 0x100;
    /// Mark what other handles of the net send.
    pub const MARK_INTERACTION: u32 = 0x200;
    /// Receive what this handle sends.
    pub const LOCAL_ECHO: u32 = 0x400;
    /// What Skidpad's bus can do.
    pub const KNOWN: u32 = NO_REMOTE | NO_DATA | NO_INTERACTION | MARK_INTERACTION | LOCAL_ECHO;
    /// What the card can do and this library refuses: timed sending, CAN FD, LIN, object mode, overlapped
    /// calls.
    pub const REFUSED: u32 = 0x0002_0000 | 0x0004_0000 | 0x0800_0000 | 0x1000_0000 | 0x2000_0000;
}

/// Longest queue that `canOpen` takes, frames.
pub const MAX_QUEUE: i32 = 2047;
/// Queue size that stands for no queue at all.
pub const NO_QUEUE: i32 = -1;

/// Commands of `canIoctl` that are answered.
pub mod ioctl {
    /// Empty the receive queue.
    pub const FLUSH_RX_FIFO: u32 = 0x01;
    /// Frames in the receive queue, `u32`.
    pub const GET_RX_MSG_COUNT: u32 = 0x02;
    /// Receive time-out, ms, `u32`.
    pub const GET_RX_TIMEOUT: u32 = 0x03;
    /// Send time-out, ms, `u32`.
    pub const GET_TX_TIMEOUT: u32 = 0x04;
    /// Serial number, `u32`; 0: none.
    pub const GET_SERIAL: u32 = 0x06;
    /// Ticks of the time stamps a second, `u64`.
    pub const GET_TIMESTAMP_FREQ: u32 = 0x07;
    /// Time stamp of now, `u64`.
    pub const GET_TIMESTAMP: u32 = 0x08;
    /// End the reads that wait now.
    pub const ABORT_RX: u32 = 0x09;
    /// End the writes that wait now.
    pub const ABORT_TX: u32 = 0x0a;
    /// Set the receive time-out, ms, `u32`.
    pub const SET_RX_TIMEOUT: u32 = 0x0b;
    /// Set the send time-out, ms, `u32`.
    pub const SET_TX_TIMEOUT: u32 = 0x0c;
    /// Counters of the net.
    pub const GET_BUS_STATISTIC: u32 = 0x18;
    /// State of the controller.
    pub const GET_CTRL_STATUS: u32 = 0x19;
    /// What the bit rate came to.
    pub const GET_BITRATE_DETAILS: u32 = 0x1a;
    /// Frames in the send queue, `u32`.
    pub const GET_TX_MSG_COUNT: u32 = 0x34;
}

/// Feature bits of `canStatus`: 29-bit identifiers, time stamps, listen-only, leaving the bus after the last
/// close, local echo, identifier regions, diagnosis.
pub const FEATURES: u16 = 1 << 1 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 11;

/// Word that stands for no bit rate: the controller leaves the bus.
pub const NO_BIT_RATE: u32 = 0x7fff_ffff;
const USER_REGISTERS: u32 = 0x8000_0000;
const LISTEN_ONLY: u32 = 0x4000_0000;
const NUMERIC: u32 = 0x2000_0000;
const AUTOMATIC: u32 = 0x00ff_fffe;

/// Word of the card, bit/s, digit of slcan's `S` command.
const BIT_RATES: [(u32, u32, u8); 9] = [
    (0x0, 1_000_000, b'8'),
    (0xe, 800_000, b'7'),
    (0x2, 500_000, b'6'),
    (0x4, 250_000, b'5'),
    (0x6, 125_000, b'4'),
    (0x7, 100_000, b'3'),
    (0x9, 50_000, b'2'),
    (0xb, 20_000, b'1'),
    (0xd, 10_000, b'0'),
];

/// A bit rate as a program sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BitRate {
    /// The word as it was given.
    pub word: u32,
    /// Speed, bit/s.
    pub bit_per_s: u32,
    /// The controller listens and never sends.
    pub listen_only: bool,
    digit: u8,
}

impl BitRate {
    /// Reads the word of `canSetBaudrate`; `None`: leave the bus. Codes: `NOT_SUPPORTED` for controller
    /// registers and automatic detection, `INVALID_PARAMETER` for a speed that slcan has no command for.
    pub fn from_word(word: u32) -> Result<Option<BitRate>, i32> {
        if word == NO_BIT_RATE {
            return Ok(None);
        }
        let (listen_only, plain) = (word & LISTEN_ONLY != 0, word & !LISTEN_ONLY);
        if plain & USER_REGISTERS != 0 || plain == AUTOMATIC {
            return Err(NOT_SUPPORTED);
        }
        let same = |(index, bit_per_s, _): &&(u32, u32, u8)| match plain & NUMERIC {
            0 => *index == plain,
            _ => *bit_per_s == plain & !NUMERIC,
        };
        let (_, bit_per_s, digit) = *BIT_RATES.iter().find(same).ok_or(INVALID_PARAMETER)?;
        Ok(Some(BitRate { word, bit_per_s, listen_only, digit }))
    }

    /// The slcan commands that open the channel at this speed.
    pub fn open_text(&self) -> [u8; 5] {
        [b'S', self.digit, b'\r', if self.listen_only { b'L' } else { b'O' }, b'\r']
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_name_and_a_text_that_apollo_can_show() {
        for (i, (code, name, text)) in ALL.iter().enumerate() {
            assert!(text.len() <= 58, "{text}");
            assert!(ALL[..i].iter().all(|(other, their, _)| other != code && their != name), "{name} twice");
        }
        assert_eq!(describe(0x101).unwrap().0, "NTCAN_RX_TIMEOUT");
        assert_eq!(describe(77).unwrap().0, "NTCAN_INVALID_HANDLE");
        assert_eq!(describe(0x7777), None);
    }

    #[test]
    fn bit_rates_of_the_table_and_in_numbers_open_the_same_channel() {
        let rate = |word| BitRate::from_word(word).unwrap().unwrap();
        assert_eq!(&rate(2).open_text(), b"S6\rO\r");
        assert_eq!(rate(2).bit_per_s, 500_000);
        assert_eq!(rate(NUMERIC | 500_000).open_text(), rate(2).open_text());
        assert_eq!(&rate(LISTEN_ONLY | 4).open_text(), b"S5\rL\r");
        assert_eq!(BitRate::from_word(NO_BIT_RATE), Ok(None));
        assert_eq!(BitRate::from_word(3), Err(INVALID_PARAMETER));
        assert_eq!(BitRate::from_word(NUMERIC | 123_456), Err(INVALID_PARAMETER));
        assert_eq!(BitRate::from_word(USER_REGISTERS | 0x1c), Err(NOT_SUPPORTED));
        assert_eq!(BitRate::from_word(AUTOMATIC), Err(NOT_SUPPORTED));
    }
}
