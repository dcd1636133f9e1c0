/// Unix time of the GPS epoch, 6 January 1980 00:00:00 UTC, seconds.
pub const GPS_EPOCH_UNIX_S: i64 = 315_964_800;
/// How far GPS time is ahead of UTC, seconds: since 1 January 2017, and where Apollo's table ends. Earlier instants are
/// converted with the same 18 s, as one fixed offset is what keeps simulated time even.
pub const GPS_LEAP_SECONDS: i64 = 18;
/// Seconds in a GPS week.
pub const SECONDS_PER_WEEK: u32 = 604_800;

const NANOS: i64 = 1_000_000_000;
const WEEK_NANOS: i64 = SECONDS_PER_WEEK as i64 * NANOS;
/// GPS time = Unix time minus this.
const UNIX_MINUS_GPS_S: i64 = GPS_EPOCH_UNIX_S - GPS_LEAP_SECONDS;

/// An instant of GPS time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GpsTime {
    /// Weeks since the GPS epoch (not modulo 1024).
    pub week: u32,
    /// Seconds into the week, [0, 604800).
    pub seconds: f64,
}

/// A Unix time that is no GPS time.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "Unix time {unix_s} s has no GPS time: expected a number from 315964782 (the start of GPS time, 6 January 1980) to 4294967295"
)]
pub struct TimeError {
    /// What was given, seconds.
    pub unix_s: f64,
}

impl GpsTime {
    /// From integer Unix time: the exact way, so that two logs of one instant get the same bits.
    ///
    /// # Errors
    /// Before the GPS epoch.
    pub fn from_unix_ns(unix_ns: i64) -> Result<Self, TimeError> {
        let gps_ns = unix_ns.saturating_sub(UNIX_MINUS_GPS_S * NANOS);
        let week = u32::try_from(gps_ns.div_euclid(WEEK_NANOS))
            .map_err(|_| TimeError { unix_s: unix_ns as f64 / NANOS as f64 })?;
        // Below 2^53 ns in a week, so the only rounding is that of the quotient.
        let seconds = gps_ns.rem_euclid(WEEK_NANOS) as f64 / NANOS as f64;
        Ok(Self { week, seconds })
    }

    /// From Unix time in seconds (an f64 of today resolves 0.24 µs; see [`GpsTime::from_unix_ns`]).
    ///
    /// # Errors
    /// NaN, before the GPS epoch, or after 2106.
    pub fn from_unix_s(unix_s: f64) -> Result<Self, TimeError> {
        if !(UNIX_MINUS_GPS_S as f64..=f64::from(u32::MAX)).contains(&unix_s) {
            return Err(TimeError { unix_s });
        }
        // Both steps are exact in f64: the differences have fewer digits than what they are taken from.
        let gps_s = unix_s - UNIX_MINUS_GPS_S as f64;
        let week = (gps_s / f64::from(SECONDS_PER_WEEK)).floor();
        Ok(Self { week: week as u32, seconds: gps_s - week * f64::from(SECONDS_PER_WEEK) })
    }

    /// Unix time, seconds.
    #[must_use]
    pub fn to_unix_s(&self) -> f64 {
        (i64::from(self.week) * i64::from(SECONDS_PER_WEEK) + UNIX_MINUS_GPS_S) as f64 + self.seconds
    }

    /// Unix time in integer nanoseconds, to the nearest; saturates where the numbers are absurd.
    #[must_use]
    pub fn to_unix_ns(&self) -> i64 {
        let whole =
            (i64::from(self.week) * i64::from(SECONDS_PER_WEEK) + UNIX_MINUS_GPS_S).saturating_mul(NANOS);
        whole.saturating_add((self.seconds * NANOS as f64).round() as i64)
    }

    /// Week and millisecond as a header has them: the nearest millisecond, which at the end of a week may be the
    /// start of the next one.
    pub(crate) fn header_stamp(&self) -> (u16, u32) {
        const WEEK_MILLIS: u64 = SECONDS_PER_WEEK as u64 * 1000;
        // Saturates for negative and NaN seconds, which no receiver sends.
        let millis = (self.seconds * 1000.0).round() as u64;
        let week = u64::from(self.week).saturating_add(millis / WEEK_MILLIS);
        (week as u16, (millis % WEEK_MILLIS) as u32)
    }
}
