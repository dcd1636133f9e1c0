//! Protobuf messages and the topic registry.
//!
//! The messages are those of Apollo 1.0 (commit `2de4d5c5` of its release tree), field numbers, types and
//! defaults exact, so that what is encoded here is what Apollo's own modules read and write. Unset `double`
//! and `float` fields whose default is `nan` read NaN through their getters, as in Apollo:
//!
//! ```
//! use skidpad_msgs::{Message, apollo::canbus::Chassis};
//! let chassis = Chassis { speed_mps: Some(3.0), ..Default::default() };
//! let bytes = chassis.encode_to_vec();
//! assert_eq!(bytes, [0x2d, 0, 0, 0x40, 0x40]);
//! let read = Chassis::decode(&bytes[..]).unwrap();
//! assert_eq!(read.speed_mps(), 3.0);
//! assert!(read.engine_rpm().is_nan());
//! ```
//!
//! `ADCTrajectory` also declares the two point lists of Apollo 1.5 (fields 12 and 13), so that one message can
//! serve both versions. The three status messages of the receiver exist in two files of Apollo with the same
//! full names; they are taken from `modules/drivers/gnss`.

mod topics;

pub use prost::{DecodeError, Message, Name};
pub use topics::{TOPICS, Topic, topic};

mod generated {
    #![allow(missing_docs, deprecated, clippy::all, rustdoc::all)]
    include!(concat!(env!("OUT_DIR"), "/messages.rs"));
}

/// The messages of the lock-step protocol (`proto/skidpad/lockstep.proto`); `docs/lockstep.md` is its page.
pub mod lockstep {
    #[doc(inline)]
    pub use super::generated::skidpad::lockstep::*;
}

/// The generated messages, one module per protobuf package below `apollo`.
///
/// Frames: positions are map coordinates (UTM east, north, up) in metres; headings are radians, 0 = East,
/// counter-clockwise; `*_vrf` is the vehicle frame right-forward-up; steering and curvature are positive to the
/// left. The fields' units are in the `.proto` files and on the fields.
pub mod apollo {
    pub use super::generated::apollo::*;
}

/// The encoded `google.protobuf.FileDescriptorSet` of every message in [`apollo`] and [`lockstep`], imports first, without source
/// positions: what a recorder stores beside the data so that others can read it.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/messages.binpb"));
