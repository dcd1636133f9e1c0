//! Receiver logs in, `Gps` and `Imu` messages out.
