//! `Gps` and `Imu` in, `LocalizationEstimate` out.
