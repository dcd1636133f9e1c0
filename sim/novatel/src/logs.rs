//! The logs whose bodies this crate knows. Sources: Apollo 1.0 `modules/drivers/gnss/include/gnss/novatel_messages.h`
//! for the layouts it reads, OM-20000144 (SPAN on OEM6) for INSPVAX and RAWIMUX.

use crate::field::log_body;
use crate::{GpsTime, Header, LongHeader};
use serde::Serialize;

/// Id of BESTPOS.
pub const BESTPOS_ID: u16 = 42;
/// Id of PSRPOS.
pub const PSRPOS_ID: u16 = 47;
/// Id of BESTVEL.
pub const BESTVEL_ID: u16 = 99;
/// Id of PSRVEL.
pub const PSRVEL_ID: u16 = 100;
/// Id of GPGGA, by which a LOG command may name it; on the wire it is text.
pub const GPGGA_ID: u16 = 218;
/// Id of GPRMC, as [`GPGGA_ID`].
pub const GPRMC_ID: u16 = 225;
/// Id of INSCOV (long header).
pub const INSCOV_ID: u16 = 264;
/// Id of INSCOVS (short header).
pub const INSCOVS_ID: u16 = 320;
/// Id of INSPVA (long header).
pub const INSPVA_ID: u16 = 507;
/// Id of INSPVAS (short header).
pub const INSPVAS_ID: u16 = 508;
/// Id of CORRIMUDATA (long header).
pub const CORRIMUDATA_ID: u16 = 812;
/// Id of CORRIMUDATAS (short header).
pub const CORRIMUDATAS_ID: u16 = 813;
/// Id of MARK1PVA: where the car was at a pulse on the receiver's input.
pub const MARK1PVA_ID: u16 = 1067;
/// Id of BESTGNSSPOS.
pub const BESTGNSSPOS_ID: u16 = 1429;
/// Id of BESTGNSSVEL.
pub const BESTGNSSVEL_ID: u16 = 1430;
/// Id of RAWIMUX (long header).
pub const RAWIMUX_ID: u16 = 1461;
/// Id of RAWIMUSX (short header).
pub const RAWIMUSX_ID: u16 = 1462;
/// Id of INSPVAX.
pub const INSPVAX_ID: u16 = 1465;

/// Names and ids of the logs this crate knows, and whether the name stands for the form with the short header.
pub const LOGS: [(&str, u16, bool); 18] = [
    ("BESTPOS", BESTPOS_ID, false),
    ("PSRPOS", PSRPOS_ID, false),
    ("BESTVEL", BESTVEL_ID, false),
    ("PSRVEL", PSRVEL_ID, false),
    ("GPGGA", GPGGA_ID, false),
    ("GPRMC", GPRMC_ID, false),
    ("INSCOV", INSCOV_ID, false),
    ("INSCOVS", INSCOVS_ID, true),
    ("INSPVA", INSPVA_ID, false),
    ("INSPVAS", INSPVAS_ID, true),
    ("CORRIMUDATA", CORRIMUDATA_ID, false),
    ("CORRIMUDATAS", CORRIMUDATAS_ID, true),
    ("MARK1PVA", MARK1PVA_ID, false),
    ("BESTGNSSPOS", BESTGNSSPOS_ID, false),
    ("BESTGNSSVEL", BESTGNSSVEL_ID, false),
    ("RAWIMUX", RAWIMUX_ID, false),
    ("RAWIMUSX", RAWIMUSX_ID, true),
    ("INSPVAX", INSPVAX_ID, false),
];

/// The vendor's name of the log with this id, if this crate knows it.
#[must_use]
pub fn log_name(id: u16) -> Option<&'static str> {
    LOGS.iter().find(|(_, known, _)| *known == id).map(|(name, ..)| *name)
}

log_body! {
    /// INSPVA(S) and MARK1PVA, 88 bytes: position, velocity and attitude of the inertial solution.
    ///
    /// The attitude turns the vehicle's right-forward-up axes into east-north-up: q = Rz(-azimuth) · Rx(pitch) · Ry(roll).
    Inspvas, 88 bytes {
        /// GPS week.
        week: u32,
        /// Seconds into the week of the measurement.
        seconds: f64,
        /// WGS84 latitude, degrees.
        lat_deg: f64,
        /// WGS84 longitude, degrees.
        lon_deg: f64,
        /// Height above the WGS84 ellipsoid, metres.
        height_m: f64,
        /// Velocity north, m/s.
        north_mps: f64,
        /// Velocity east, m/s.
        east_mps: f64,
        /// Velocity up, m/s.
        up_mps: f64,
        /// Right-handed rotation about the vehicle's y (forward) axis, degrees.
        roll_deg: f64,
        /// Right-handed rotation about the vehicle's x (right) axis, degrees: nose up positive.
        pitch_deg: f64,
        /// Left-handed rotation about z: where the vehicle points, clockwise from true north, degrees.
        azimuth_deg: f64,
        /// State of the inertial solution as on the wire, see [`InsStatus`].
        status: u32,
    }
}

log_body! {
    /// CORRIMUDATA(S), 60 bytes: what the IMU measured, corrected for its errors, gravity and Earth rotation, as
    /// increments per IMU sample. Axes are the vehicle's right (x), forward (y), up (z).
    Corrimudatas, 60 bytes {
        /// GPS week.
        week: u32,
        /// Seconds into the week of the measurement.
        seconds: f64,
        /// Change of angle about x right, y forward, z up over one IMU sample, radians.
        angle_rad: [f64; 3],
        /// Change of velocity along x right, y forward, z up over one IMU sample, m/s.
        velocity_mps: [f64; 3],
    }
}

log_body! {
    /// BESTPOS, BESTGNSSPOS and PSRPOS, 72 bytes: a position and how good the receiver thinks it is.
    Bestpos, 72 bytes {
        /// 0: the solution is computed.
        solution_status: u32,
        /// How it was computed, see [`PositionType`].
        position_type: u32,
        /// WGS84 latitude, degrees.
        lat_deg: f64,
        /// WGS84 longitude, degrees.
        lon_deg: f64,
        /// Height above mean sea level, metres: add the undulation for the height above the ellipsoid.
        height_msl_m: f64,
        /// Height of the geoid above the ellipsoid, metres.
        undulation_m: f32,
        /// 61: WGS84.
        datum: u32,
        /// Standard deviation of the latitude, metres north.
        lat_std_m: f32,
        /// Standard deviation of the longitude, metres east.
        lon_std_m: f32,
        /// Standard deviation of the height, metres.
        height_std_m: f32,
        /// Id of the base station, text filled with zeros.
        #[serde(serialize_with = "as_text")]
        station_id: [u8; 4],
        /// Age of the differential corrections, seconds.
        differential_age_s: f32,
        /// Age of the solution, seconds.
        solution_age_s: f32,
        /// Satellites tracked.
        tracked: u8,
        /// Satellites used in the solution.
        used: u8,
        /// Satellites with L1 used in the solution.
        used_l1: u8,
        /// Satellites with more frequencies used in the solution.
        used_multi: u8,
        /// Reserved by the vendor.
        reserved: u8,
        /// Extended solution status.
        extended_status: u8,
        /// Galileo and BeiDou signals used.
        galileo_beidou_mask: u8,
        /// GPS and GLONASS signals used.
        gps_glonass_mask: u8,
    }
}

log_body! {
    /// BESTVEL, BESTGNSSVEL and PSRVEL, 44 bytes: velocity over ground.
    Bestvel, 44 bytes {
        /// 0: the solution is computed.
        solution_status: u32,
        /// How it was computed, see [`PositionType`]: velocities have types of their own.
        velocity_type: u32,
        /// How much older the velocity is than the time stamp, seconds.
        latency_s: f32,
        /// Age of the differential corrections, seconds.
        differential_age_s: f32,
        /// Horizontal speed, m/s.
        horizontal_mps: f64,
        /// Course over ground, clockwise from true north, degrees.
        track_deg: f64,
        /// Vertical speed, m/s, up positive.
        up_mps: f64,
        /// Reserved by the vendor.
        reserved: f32,
    }
}

log_body! {
    /// INSCOV(S), 228 bytes: covariances of the inertial solution, each a 3 × 3 matrix by rows.
    Inscovs, 228 bytes {
        /// GPS week.
        week: u32,
        /// Seconds into the week of the solution.
        seconds: f64,
        /// Of the position in the local level axes (east, north, up), m².
        position_m2: [f64; 9],
        /// Of the attitude about the axes right (pitch), forward (roll), up (azimuth), degrees².
        attitude_deg2: [f64; 9],
        /// Of the velocity in the local level axes (east, north, up), m²/s².
        velocity_m2ps2: [f64; 9],
    }
}

log_body! {
    /// INSPVAX, 126 bytes: the inertial solution with its standard deviations. It carries no time of its own: that of
    /// the header counts.
    Inspvax, 126 bytes {
        /// State of the inertial solution as on the wire, see [`InsStatus`].
        status: u32,
        /// Which fixes aid it, see [`PositionType`].
        position_type: u32,
        /// WGS84 latitude, degrees.
        lat_deg: f64,
        /// WGS84 longitude, degrees.
        lon_deg: f64,
        /// Height above mean sea level, metres.
        height_msl_m: f64,
        /// Height of the geoid above the ellipsoid, metres.
        undulation_m: f32,
        /// Velocity north, m/s.
        north_mps: f64,
        /// Velocity east, m/s.
        east_mps: f64,
        /// Velocity up, m/s.
        up_mps: f64,
        /// As [`Inspvas::roll_deg`].
        roll_deg: f64,
        /// As [`Inspvas::pitch_deg`].
        pitch_deg: f64,
        /// As [`Inspvas::azimuth_deg`].
        azimuth_deg: f64,
        /// Standard deviations of latitude, longitude, height, m.
        position_std_m: [f32; 3],
        /// Standard deviations of the velocity north, east, up, m/s.
        velocity_std_mps: [f32; 3],
        /// Standard deviations of roll, pitch, azimuth, degrees.
        attitude_std_deg: [f32; 3],
        /// Extended solution status.
        extended_status: u32,
        /// Since the last position or zero-velocity update, seconds.
        since_update_s: u16,
    }
}

log_body! {
    /// RAWIMUX and RAWIMUSX, 40 bytes: counts of the IMU as it gave them, uncorrected, in its own axes. What a count
    /// is worth depends on the IMU.
    Rawimux, 40 bytes {
        /// Bit 0: the IMU reports an error; bit 1: its data are encrypted.
        info: u8,
        /// Which IMU it is (26: ISA-100C).
        imu_type: u8,
        /// GPS week.
        week: u16,
        /// Seconds into the week of the sample.
        seconds: f64,
        /// Status word of the IMU.
        status: u32,
        /// Change of velocity along z, counts.
        accel_z: i32,
        /// Change of velocity along −y, counts.
        accel_minus_y: i32,
        /// Change of velocity along x, counts.
        accel_x: i32,
        /// Change of angle about z, counts.
        gyro_z: i32,
        /// Change of angle about −y, counts.
        gyro_minus_y: i32,
        /// Change of angle about x, counts.
        gyro_x: i32,
    }
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

    /// As the manual writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Inactive => "INS_INACTIVE",
            Self::Aligning => "INS_ALIGNING",
            Self::HighVariance => "INS_HIGH_VARIANCE",
            Self::Good => "INS_SOLUTION_GOOD",
            Self::SolutionFree => "INS_SOLUTION_FREE",
            Self::AlignmentComplete => "INS_ALIGNMENT_COMPLETE",
            Self::DeterminingOrientation => "DETERMINING_ORIENTATION",
            Self::WaitingInitialPosition => "WAITING_INITIALPOS",
        }
    }
}

/// How a position or velocity was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum PositionType {
    /// No solution.
    None = 0,
    /// Velocity by instantaneous Doppler.
    DopplerVelocity = 8,
    /// Single point.
    Single = 16,
    /// Pseudorange differential.
    Psrdiff = 17,
    /// Satellite-based corrections.
    Waas = 18,
    /// Carrier phase, ambiguities as real numbers.
    NarrowFloat = 34,
    /// Carrier phase, narrow-lane integers: RTK fixed.
    NarrowInt = 50,
    /// Inertial, aided by satellite-based corrections.
    InsSbas = 52,
    /// Inertial, aided by single-point fixes (or by none).
    InsPsrsp = 53,
    /// Inertial, aided by differential pseudoranges.
    InsPsrdiff = 54,
    /// Inertial, aided by RTK float.
    InsRtkfloat = 55,
    /// Inertial, aided by RTK fixed.
    InsRtkfixed = 56,
}

impl PositionType {
    /// The type of a wire value, if it is one of these.
    #[must_use]
    pub fn from_wire(value: u32) -> Option<Self> {
        use PositionType::*;
        [
            None,
            DopplerVelocity,
            Single,
            Psrdiff,
            Waas,
            NarrowFloat,
            NarrowInt,
            InsSbas,
            InsPsrsp,
            InsPsrdiff,
            InsRtkfloat,
            InsRtkfixed,
        ]
        .into_iter()
        .find(|kind| kind.wire() == value)
    }

    /// The wire value.
    #[must_use]
    pub fn wire(self) -> u32 {
        self as u32
    }

    /// As the manual writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::DopplerVelocity => "DOPPLER_VELOCITY",
            Self::Single => "SINGLE",
            Self::Psrdiff => "PSRDIFF",
            Self::Waas => "WAAS",
            Self::NarrowFloat => "NARROW_FLOAT",
            Self::NarrowInt => "NARROW_INT",
            Self::InsSbas => "INS_SBAS",
            Self::InsPsrsp => "INS_PSRSP",
            Self::InsPsrdiff => "INS_PSRDIFF",
            Self::InsRtkfloat => "INS_RTKFLOAT",
            Self::InsRtkfixed => "INS_RTKFIXED",
        }
    }

    /// What an inertial solution calls itself that is aided by fixes of this type.
    #[must_use]
    pub fn with_inertial(self) -> Self {
        match self {
            Self::None | Self::Single | Self::DopplerVelocity => Self::InsPsrsp,
            Self::Psrdiff => Self::InsPsrdiff,
            Self::Waas => Self::InsSbas,
            Self::NarrowFloat => Self::InsRtkfloat,
            Self::NarrowInt => Self::InsRtkfixed,
            inertial => inertial,
        }
    }
}

impl Inspvas {
    /// When it was measured.
    #[must_use]
    pub fn time(&self) -> GpsTime {
        GpsTime { week: self.week, seconds: self.seconds }
    }

    /// Appends the log as INSPVAS (508, short header).
    pub fn encode(&self, out: &mut Vec<u8>) {
        Header::stamped(INSPVAS_ID, &self.time(), None).encode(&self.body(), out);
    }

    /// Appends the log as INSPVA (507, long header).
    pub fn encode_long(&self, long: LongHeader, out: &mut Vec<u8>) {
        Header::stamped(INSPVA_ID, &self.time(), Some(long)).encode(&self.body(), out);
    }
}

impl Corrimudatas {
    /// When it was measured.
    #[must_use]
    pub fn time(&self) -> GpsTime {
        GpsTime { week: self.week, seconds: self.seconds }
    }

    /// Appends the log as CORRIMUDATAS (813, short header).
    pub fn encode(&self, out: &mut Vec<u8>) {
        Header::stamped(CORRIMUDATAS_ID, &self.time(), None).encode(&self.body(), out);
    }

    /// Appends the log as CORRIMUDATA (812, long header).
    pub fn encode_long(&self, long: LongHeader, out: &mut Vec<u8>) {
        Header::stamped(CORRIMUDATA_ID, &self.time(), Some(long)).encode(&self.body(), out);
    }
}

/// What a log says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Message {
    /// INSPVA, INSPVAS or MARK1PVA.
    Inspvas(Inspvas),
    /// CORRIMUDATA or CORRIMUDATAS.
    Corrimudatas(Corrimudatas),
    /// BESTPOS, BESTGNSSPOS or PSRPOS.
    Bestpos(Bestpos),
    /// BESTVEL, BESTGNSSVEL or PSRVEL.
    Bestvel(Bestvel),
    /// INSCOV or INSCOVS.
    Inscovs(Inscovs),
    /// INSPVAX.
    Inspvax(Inspvax),
    /// RAWIMUX or RAWIMUSX.
    Rawimux(Rawimux),
    /// A log with a good CRC that this crate does not take apart.
    Other {
        /// Its id.
        #[serde(skip)]
        id: u16,
        /// Its body.
        #[serde(serialize_with = "as_hex")]
        body: Vec<u8>,
    },
}

impl Message {
    /// Reads the body of the log `id`. None: a known log of the wrong length.
    pub(crate) fn read(id: u16, body: &[u8]) -> Option<Self> {
        match id {
            INSPVA_ID | INSPVAS_ID | MARK1PVA_ID => Inspvas::from_body(body).map(Self::Inspvas),
            CORRIMUDATA_ID | CORRIMUDATAS_ID => Corrimudatas::from_body(body).map(Self::Corrimudatas),
            BESTPOS_ID | BESTGNSSPOS_ID | PSRPOS_ID => Bestpos::from_body(body).map(Self::Bestpos),
            BESTVEL_ID | BESTGNSSVEL_ID | PSRVEL_ID => Bestvel::from_body(body).map(Self::Bestvel),
            INSCOV_ID | INSCOVS_ID => Inscovs::from_body(body).map(Self::Inscovs),
            INSPVAX_ID => Inspvax::from_body(body).map(Self::Inspvax),
            RAWIMUX_ID | RAWIMUSX_ID => Rawimux::from_body(body).map(Self::Rawimux),
            id => Some(Self::Other { id, body: body.to_vec() }),
        }
    }

    /// Appends the log with this header and this body.
    pub(crate) fn encode(&self, header: &Header, out: &mut Vec<u8>) {
        match self {
            Self::Inspvas(log) => header.encode(&log.body(), out),
            Self::Corrimudatas(log) => header.encode(&log.body(), out),
            Self::Bestpos(log) => header.encode(&log.body(), out),
            Self::Bestvel(log) => header.encode(&log.body(), out),
            Self::Inscovs(log) => header.encode(&log.body(), out),
            Self::Inspvax(log) => header.encode(&log.body(), out),
            Self::Rawimux(log) => header.encode(&log.body(), out),
            Self::Other { body, .. } => header.encode(body, out),
        }
    }
}

fn as_text<S: serde::Serializer>(bytes: &[u8; 4], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(String::from_utf8_lossy(bytes).trim_end_matches('\0'))
}

fn as_hex<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    serializer.serialize_str(&hex)
}
