use crate::{GpsTime, Header, LongHeader};

/// Id of INSPVA (long header).
pub const INSPVA_ID: u16 = 507;
/// Id of INSPVAS (short header).
pub const INSPVAS_ID: u16 = 508;
/// Id of CORRIMUDATA (long header).
pub const CORRIMUDATA_ID: u16 = 812;
/// Id of CORRIMUDATAS (short header).
pub const CORRIMUDATAS_ID: u16 = 813;

/// INSPVA(S), 88 bytes: position, velocity and attitude of the inertial solution.
///
/// The attitude turns the vehicle's right-forward-up axes into east-north-up: q = Rz(-azimuth) · Rx(pitch) · Ry(roll).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Inspvas {
    /// GPS week.
    pub week: u32,
    /// Seconds into the week of the measurement.
    pub seconds: f64,
    /// WGS84 latitude, degrees.
    pub lat_deg: f64,
    /// WGS84 longitude, degrees.
    pub lon_deg: f64,
    /// Height above the WGS84 ellipsoid, metres.
    pub height_m: f64,
    /// Velocity north, m/s.
    pub north_mps: f64,
    /// Velocity east, m/s.
    pub east_mps: f64,
    /// Velocity up, m/s.
    pub up_mps: f64,
    /// Right-handed rotation about the vehicle's y (forward) axis, degrees.
    pub roll_deg: f64,
    /// Right-handed rotation about the vehicle's x (right) axis, degrees: nose up positive.
    pub pitch_deg: f64,
    /// Left-handed rotation about z: where the vehicle points, clockwise from true north, degrees.
    pub azimuth_deg: f64,
    /// State of the inertial solution as on the wire, see [`InsStatus`].
    pub status: u32,
}

/// CORRIMUDATA(S), 60 bytes: what the IMU measured, corrected for its errors, gravity and Earth rotation, as
/// increments per IMU sample. Axes are the vehicle's right (x), forward (y), up (z).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Corrimudatas {
    /// GPS week.
    pub week: u32,
    /// Seconds into the week of the measurement.
    pub seconds: f64,
    /// Change of angle about x right, y forward, z up over one IMU sample, radians.
    pub angle_rad: [f64; 3],
    /// Change of velocity along x right, y forward, z up over one IMU sample, m/s.
    pub velocity_mps: [f64; 3],
}

/// What [`Inspvas::status`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum InsStatus {
    /// No IMU data or not started.
    Inactive = 0,
    /// Coarse alignment.
    Aligning = 1,
    /// Navigating, with too large an uncertainty.
    HighVariance = 2,
    /// Navigating.
    Good = 3,
    /// Navigating without GNSS.
    SolutionFree = 6,
    /// Aligned, not yet moved enough to converge.
    AlignmentComplete = 7,
    /// Looking for the IMU's axes.
    DeterminingOrientation = 8,
    /// Waiting for the initial position.
    WaitingInitialPosition = 9,
}

impl InsStatus {
    /// The state of a wire value, if it is one the manual names.
    #[must_use]
    pub fn from_wire(status: u32) -> Option<Self> {
        Some(match status {
            0 => Self::Inactive,
            1 => Self::Aligning,
            2 => Self::HighVariance,
            3 => Self::Good,
            6 => Self::SolutionFree,
            7 => Self::AlignmentComplete,
            8 => Self::DeterminingOrientation,
            9 => Self::WaitingInitialPosition,
            _ => return None,
        })
    }

    /// The wire value.
    #[must_use]
    pub fn wire(self) -> u32 {
        self as u32
    }
}

impl Inspvas {
    const BODY_BYTES: usize = 88;

    /// When it was measured.
    #[must_use]
    pub fn time(&self) -> GpsTime {
        GpsTime { week: self.week, seconds: self.seconds }
    }

    /// Appends the log as INSPVAS (508, short header).
    pub fn encode(&self, out: &mut Vec<u8>) {
        header(INSPVAS_ID, &self.time(), None).encode(&self.body(), out);
    }

    /// Appends the log as INSPVA (507, long header).
    pub fn encode_long(&self, long: LongHeader, out: &mut Vec<u8>) {
        header(INSPVA_ID, &self.time(), Some(long)).encode(&self.body(), out);
    }

    /// The body alone.
    #[must_use]
    pub fn body(&self) -> [u8; Self::BODY_BYTES] {
        let mut body = [0; Self::BODY_BYTES];
        body[..4].copy_from_slice(&self.week.to_le_bytes());
        put_f64s(
            &mut body[4..84],
            &[
                self.seconds,
                self.lat_deg,
                self.lon_deg,
                self.height_m,
                self.north_mps,
                self.east_mps,
                self.up_mps,
                self.roll_deg,
                self.pitch_deg,
                self.azimuth_deg,
            ],
        );
        body[84..].copy_from_slice(&self.status.to_le_bytes());
        body
    }

    /// Reads a body; None if it is not 88 bytes long.
    #[must_use]
    pub fn from_body(body: &[u8]) -> Option<Self> {
        let body: &[u8; Self::BODY_BYTES] = body.try_into().ok()?;
        let (week, rest) = take_u32(body)?;
        let (values, rest) = take_f64s::<10>(rest)?;
        let (status, _) = take_u32(rest)?;
        let [
            seconds,
            lat_deg,
            lon_deg,
            height_m,
            north_mps,
            east_mps,
            up_mps,
            roll_deg,
            pitch_deg,
            azimuth_deg,
        ] = values;
        Some(Self {
            week,
            seconds,
            lat_deg,
            lon_deg,
            height_m,
            north_mps,
            east_mps,
            up_mps,
            roll_deg,
            pitch_deg,
            azimuth_deg,
            status,
        })
    }
}

impl Corrimudatas {
    const BODY_BYTES: usize = 60;

    /// When it was measured.
    #[must_use]
    pub fn time(&self) -> GpsTime {
        GpsTime { week: self.week, seconds: self.seconds }
    }

    /// Appends the log as CORRIMUDATAS (813, short header).
    pub fn encode(&self, out: &mut Vec<u8>) {
        header(CORRIMUDATAS_ID, &self.time(), None).encode(&self.body(), out);
    }

    /// Appends the log as CORRIMUDATA (812, long header).
    pub fn encode_long(&self, long: LongHeader, out: &mut Vec<u8>) {
        header(CORRIMUDATA_ID, &self.time(), Some(long)).encode(&self.body(), out);
    }

    /// The body alone.
    #[must_use]
    pub fn body(&self) -> [u8; Self::BODY_BYTES] {
        let mut body = [0; Self::BODY_BYTES];
        body[..4].copy_from_slice(&self.week.to_le_bytes());
        put_f64s(&mut body[4..12], &[self.seconds]);
        put_f64s(&mut body[12..36], &self.angle_rad);
        put_f64s(&mut body[36..], &self.velocity_mps);
        body
    }

    /// Reads a body; None if it is not 60 bytes long.
    #[must_use]
    pub fn from_body(body: &[u8]) -> Option<Self> {
        let body: &[u8; Self::BODY_BYTES] = body.try_into().ok()?;
        let (week, rest) = take_u32(body)?;
        let ([seconds], rest) = take_f64s::<1>(rest)?;
        let (angle_rad, rest) = take_f64s::<3>(rest)?;
        let (velocity_mps, _) = take_f64s::<3>(rest)?;
        Some(Self { week, seconds, angle_rad, velocity_mps })
    }
}

/// The header of a log whose body is stamped `time`: the same instant to the nearest millisecond, as the receiver does.
fn header(id: u16, time: &GpsTime, long: Option<LongHeader>) -> Header {
    let (week, millis) = time.header_stamp();
    Header { id, week, millis, long }
}

fn put_f64s(out: &mut [u8], values: &[f64]) {
    for (slot, value) in out.chunks_exact_mut(8).zip(values) {
        slot.copy_from_slice(&value.to_le_bytes());
    }
}

fn take_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (first, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*first), rest))
}

fn take_f64s<const COUNT: usize>(mut bytes: &[u8]) -> Option<([f64; COUNT], &[u8])> {
    let mut values = [0.0; COUNT];
    for value in &mut values {
        let (first, rest) = bytes.split_first_chunk()?;
        *value = f64::from_le_bytes(*first);
        bytes = rest;
    }
    Some((values, bytes))
}
