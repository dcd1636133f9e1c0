//! What the receiver says of its solutions besides the numbers themselves: types, deviations, ages.

use crate::ImuSample;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use skidpad_kernel::SimTime;
use skidpad_novatel::{Corrimudatas, InsStatus, Inspvas};

/// How the satellites alone fix the position, from nothing to the best.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[repr(u32)]
pub enum FixType {
    /// No position.
    None = 0,
    /// Pseudoranges without corrections.
    Single = 16,
    /// Pseudoranges with differential corrections.
    PsrDiff = 17,
    /// Carrier phase, ambiguities not resolved.
    NarrowFloat = 34,
    /// Carrier phase, ambiguities resolved.
    #[default]
    NarrowInt = 50,
}

impl FixType {
    /// All types, from nothing to the best.
    pub const ALL: [FixType; 5] =
        [FixType::None, FixType::Single, FixType::PsrDiff, FixType::NarrowFloat, FixType::NarrowInt];

    /// Position type of a satellite-only log (BESTGNSSPOS).
    pub fn wire(self) -> u32 {
        self as u32
    }

    /// Position type of an inertial solution that this fix aids: 53 INS_PSRSP, 54 INS_PSRDIFF, 55
    /// INS_RTKFLOAT, 56 INS_RTKFIXED. Without a fix it is 53, the least there is. \[E\]
    pub fn ins_wire(self) -> u32 {
        match self {
            FixType::None | FixType::Single => 53,
            FixType::PsrDiff => 54,
            FixType::NarrowFloat => 55,
            FixType::NarrowInt => 56,
        }
    }

    /// The next better type.
    pub(crate) fn better(self) -> FixType {
        let index = FixType::ALL.iter().position(|fix| *fix == self).unwrap_or(0);
        FixType::ALL[(index + 1).min(FixType::ALL.len() - 1)]
    }

    /// True where a base station's corrections are used.
    pub fn is_differential(self) -> bool {
        self >= FixType::PsrDiff
    }
}

/// A solution and the corrected increments of the IMU sample that ended at the same instant: both
/// carry the same week and seconds, since Apollo's driver pairs them by exact equality.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceiverOutput {
    /// The instant that was measured, which is also the one in the stamps.
    pub measured_at: SimTime,
    /// Position of the rear-axle centre on the ground plane (no vertical offset), its velocity, and the
    /// attitude of the body, from true north and the true vertical at that place.
    pub inspvas: Inspvas,
    /// Increments of the last 5 ms at the IMU (not at the rear axle), less what the receiver believes
    /// of gravity, Earth rate, Coriolis acceleration and biases. Zero until the INS is aligned.
    pub corrimudatas: Corrimudatas,
    /// The two raw samples of the IMU that ended 5 ms before and at `measured_at` (RAWIMU); `None` for one that was lost.
    pub imu: [Option<ImuSample>; 2],
    /// What the receiver thinks of the inertial solution.
    pub ins: InsQuality,
    /// The newest satellite-only solution that had been computed by then; 10 Hz, so several outputs
    /// carry the same one. `None` before the first epoch.
    pub gnss: Option<GnssSolution>,
    /// A pulse on the input MARK1 fell on this instant.
    pub is_mark: bool,
}

/// What the receiver reports of its inertial solution (INSPVAX, INSCOVS, BESTPOS), 1σ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InsQuality {
    /// The same as in INSPVAS.
    pub status: InsStatus,
    /// The satellite fix that aids it now; [`FixType::ins_wire`] is the position type.
    pub fix: FixType,
    /// Position type on the wire: 0 before alignment, then 53 to 56.
    pub position_type: u32,
    /// Position, \[east, north, up\], m.
    pub position_sigma_m: [f64; 3],
    /// Velocity, \[east, north, up\], m/s.
    pub velocity_sigma_mps: [f64; 3],
    /// \[roll, pitch, azimuth\], °.
    pub attitude_sigma_deg: [f64; 3],
    /// Time since a fix last aided the solution, s.
    pub since_update_s: f64,
}

/// The solution of the satellites alone (BESTGNSSPOS, BESTGNSSVEL, heading), at the antenna.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GnssSolution {
    /// The epoch.
    pub measured_at: SimTime,
    /// How the position is fixed.
    pub fix: FixType,
    /// WGS84 latitude of the antenna, °. Without a fix this is the last position there was.
    pub lat_deg: f64,
    /// WGS84 longitude of the antenna, °.
    pub lon_deg: f64,
    /// Height of the antenna above the ellipsoid, m.
    pub height_m: f64,
    /// Reported deviations of the position, \[east, north, up\], m.
    pub position_sigma_m: [f64; 3],
    /// Velocity of the antenna towards \[east, north, up\], m/s; `velocity_latency_s` old.
    pub velocity_mps: [f64; 3],
    /// Reported deviation of the velocity per axis, m/s.
    pub velocity_sigma_mps: f64,
    /// How much older than the epoch the velocity is, s.
    pub velocity_latency_s: f64,
    /// Age of the base station's corrections, s; 0 where none are used.
    pub differential_age_s: f64,
    /// Age of the position, s: above 0 while there is no fix.
    pub solution_age_s: f64,
    /// Satellites tracked.
    pub satellites_tracked: u8,
    /// Satellites in the solution.
    pub satellites_used: u8,
    /// Direction of the baseline, with two antennas and resolved ambiguities.
    pub heading: Option<DualAntennaHeading>,
    /// The same epoch without the carrier phase (PSRPOS).
    pub pseudorange: PseudorangePosition,
}

/// What pseudoranges alone make of an epoch, at the antenna.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PseudorangePosition {
    /// PSRDIFF with corrections, SINGLE without, NONE without satellites.
    pub fix: FixType,
    /// WGS84 latitude, °.
    pub lat_deg: f64,
    /// WGS84 longitude, °.
    pub lon_deg: f64,
    /// Height above the ellipsoid, m.
    pub height_m: f64,
    /// Reported deviations, \[east, north, up\], m.
    pub position_sigma_m: [f64; 3],
}

impl GnssSolution {
    /// Before the first fix.
    pub(crate) fn nothing() -> Self {
        GnssSolution {
            measured_at: SimTime::ZERO,
            fix: FixType::None,
            lat_deg: 0.0,
            lon_deg: 0.0,
            height_m: 0.0,
            position_sigma_m: [0.0; 3],
            velocity_mps: [0.0; 3],
            velocity_sigma_mps: 0.0,
            velocity_latency_s: 0.0,
            differential_age_s: 0.0,
            solution_age_s: 0.0,
            satellites_tracked: 0,
            satellites_used: 0,
            heading: None,
            pseudorange: PseudorangePosition {
                fix: FixType::None,
                lat_deg: 0.0,
                lon_deg: 0.0,
                height_m: 0.0,
                position_sigma_m: [0.0; 3],
            },
        }
    }
}

/// Heading of a receiver with two antennas (HEADING), baseline along the car.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DualAntennaHeading {
    /// Distance of the antennas, m.
    pub baseline_m: f64,
    /// From the rear to the front antenna, from true north clockwise, 0 to 360°.
    pub azimuth_deg: f64,
    /// Front antenna higher positive, °.
    pub pitch_deg: f64,
    /// Reported deviation of the azimuth, °.
    pub azimuth_sigma_deg: f64,
    /// Reported deviation of the pitch, °.
    pub pitch_sigma_deg: f64,
}
