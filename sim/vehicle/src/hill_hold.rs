//! Hill-start assist: holds the brake pressure on a grade while the foot changes pedals.

use crate::interface::{Gear, HillStart};

/// Grade, as a share of gravity, from which the assist holds.
const LEAST_GRADE: f64 = 0.03;
/// Standstill before the accelerometer shows the grade and not the stop, s.
const SETTLE_S: f64 = 0.3;
/// The accelerometer must not differ from its smoothed reading by more than this meanwhile, m/s²: a car that has
/// just stopped still rocks.
const ROCKING_MPS2: f64 = 0.2;
/// Time constant with which the accelerometer is smoothed, s.
const SMOOTH_S: f64 = 0.05;
/// Share of the grade's pull that is held at most: some reserve for a load the ECU does not know.
const RESERVE: f64 = 1.3;
/// Time in which a held pressure goes: once the drive carries the car, and once the time is over, s.
const FAST_RELEASE_S: f64 = 0.15;
const SLOW_RELEASE_S: f64 = 1.0;
const GRAVITY_MPS2: f64 = 9.80665;

/// Constants of the assist.
#[derive(Clone, Debug)]
pub(crate) struct HillHold {
    pub(crate) fitted: bool,
    hold_s: f64,
    mass_kg: f64,
}

/// What the assist is doing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct HillHoldState {
    pub(crate) status: HillStart,
    /// Time in this status, s.
    since_s: f64,
    /// Reading of the accelerometer along the car, smoothed, m/s².
    uphill_mps2: f64,
    /// Brake force caught, N, before a release takes it away.
    caught_n: f64,
    /// Brake force that the valves keep in now, N.
    pub(crate) hold_n: f64,
}

/// What the ECU reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HillReading {
    pub(crate) gear: Gear,
    pub(crate) parking_brake: bool,
    /// All wheels at rest.
    pub(crate) stationary: bool,
    /// Accelerometer along the car, m/s²: positive at rest with the nose up.
    pub(crate) along_mps2: f64,
    /// Brake force that the pedal asks for, and that the pressure in the master cylinder stands for, N.
    pub(crate) brake_n: [f64; 2],
    /// Drive force, N, positive forward.
    pub(crate) drive_n: f64,
}

impl HillHold {
    pub(crate) fn new(fitted: bool, hold_s: f64, mass_kg: f64) -> HillHold {
        HillHold { fitted, hold_s, mass_kg }
    }

    /// The assist of a car whose accelerometer has long read `along_mps2`.
    pub(crate) fn settled(&self, along_mps2: f64) -> HillHoldState {
        HillHoldState { uphill_mps2: along_mps2, ..HillHoldState::default() }
    }

    /// One cycle of the ECU.
    ///
    /// Holds only against rolling back: with the nose up in a forward gear, with the tail up in reverse. The
    /// pressure in the master cylinder is caught while the driver's foot carries the grade, at most the
    /// grade's pull with some reserve, and let go when the drive carries the car or the time is over.
    pub(crate) fn advance(&self, state: &mut HillHoldState, read: &HillReading, cycle_s: f64) {
        let rocking = (read.along_mps2 - state.uphill_mps2).abs() > ROCKING_MPS2;
        state.uphill_mps2 += cycle_s / (SMOOTH_S + cycle_s) * (read.along_mps2 - state.uphill_mps2);
        state.since_s += cycle_s;
        if rocking && state.status == HillStart::FindingGradient {
            state.since_s = 0.0;
        }
        let direction = match read.gear {
            Gear::Drive | Gear::Low => 1.0,
            Gear::Reverse => -1.0,
            Gear::Park | Gear::Neutral => 0.0,
        };
        // What pulls the car back against its gear, and what is there against it.
        let uphill_mps2 = direction * state.uphill_mps2;
        let pull_n = self.mass_kg * uphill_mps2;
        let drive_n = direction * read.drive_n;
        let [asked_n, pressure_n] = read.brake_n;
        let wanted = direction != 0.0 && !read.parking_brake;
        let pressed = asked_n > 0.0;
        let foot_carries = pressed && asked_n + drive_n >= pull_n;
        let drive_carries = drive_n >= pull_n;
        use HillStart::*;
        let status = match state.status {
            Inactive if wanted && read.stationary && pressed => FindingGradient,
            FindingGradient if !(wanted && read.stationary && pressed) => Inactive,
            FindingGradient
                if state.since_s >= SETTLE_S
                    && uphill_mps2 >= LEAST_GRADE * GRAVITY_MPS2
                    && !drive_carries =>
            {
                ActivePressed
            }
            ActivePressed | ActiveReleased if !wanted || drive_carries => FastRelease,
            ActivePressed if !foot_carries => ActiveReleased,
            ActiveReleased if foot_carries => ActivePressed,
            ActiveReleased if state.since_s >= self.hold_s => SlowRelease,
            SlowRelease if !wanted || drive_carries => FastRelease,
            FastRelease | SlowRelease if state.hold_n <= 0.0 => Inactive,
            same => same,
        };
        if status != state.status {
            (state.status, state.since_s) = (status, 0.0);
        }
        match status {
            Inactive | FindingGradient => {
                (state.caught_n, state.hold_n) = (0.0, 0.0);
            }
            ActivePressed => {
                state.caught_n = state.caught_n.max(pressure_n.min(RESERVE * pull_n));
                state.hold_n = state.caught_n;
            }
            ActiveReleased => {}
            FastRelease | SlowRelease => {
                let duration_s = if status == FastRelease { FAST_RELEASE_S } else { SLOW_RELEASE_S };
                state.hold_n = (state.hold_n - state.caught_n * cycle_s / duration_s).max(0.0);
            }
        }
    }
}
