//! Commands in, CAN frames out; CAN frames in, `Chassis` out.
