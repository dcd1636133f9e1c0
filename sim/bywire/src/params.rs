use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Table `[bywire]` of a vehicle file: the by-wire modules of the car and its driver's hands.
///
/// Pedal positions are percent of travel as the pedal's sensor reads it, so a released pedal does not read zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ByWireParams {
    /// Reading of the released accelerator pedal, %. The recorded Lincoln idles at 15.1.
    pub throttle_rest_pct: f64,
    /// Reading of the released brake pedal, %. The recorded Lincoln idles at 13.6.
    pub brake_rest_pct: f64,
    /// Travel beyond rest at which the driver's foot on the accelerator counts, %. Estimated.
    pub throttle_override_pct: f64,
    /// Travel beyond rest at which the driver's foot on the brake counts, %. Estimated.
    pub brake_override_pct: f64,
    /// Torque of the driver on the column that counts, Nm. Estimated.
    pub steering_override_torque_nm: f64,
    /// How long a pedal or torque must count before it overrides, s. Estimated.
    pub override_debounce_s: f64,
    /// A subsystem that gets no command for this long is disabled, s. Vendor: 0.1.
    pub command_timeout_s: f64,
    /// How long a module that restarts neither hears nor says anything, s. Estimated.
    pub boot_s: f64,
    /// How long after that the steering needs to find its angle, s. Estimated.
    pub steering_calibration_s: f64,
    /// Report that time-out in bit 63, as newer vendor firmware does. Older firmware has a connector fault
    /// there, and that is how Apollo 1.0 reads the bit: it then leaves automatic driving at once.
    pub report_timeout: bool,
    /// Largest steering-wheel angle the steering module follows, either way, deg. Vendor: 470.
    pub steering_limit_deg: f64,
    /// Largest steering-wheel rate, used where the command asks for more or names none, deg/s. Vendor: 500.
    pub steering_rate_max_dps: f64,
    /// Changing between forward and reverse is refused at or above this speed the other way, m/s. Estimated.
    pub direction_change_speed_mps: f64,
    /// Park is refused at or above this speed, m/s. Estimated.
    pub park_speed_mps: f64,
    /// Brake pedal needed to shift out of park, %; 0 for no interlock. Estimated.
    pub park_release_brake_pct: f64,
    /// Brake pedal that a watchdog fault applies until the driver brakes, %. Estimated.
    pub watchdog_brake_pct: f64,
    /// A turn signal asked for by command goes out after this long without a command, s. Estimated.
    pub turn_signal_timeout_s: f64,
    /// Stiffness of the driver's hands that hold the wheel at an angle, Nm/rad. Estimated.
    pub hand_stiffness_nm_per_rad: f64,
    /// Damping of the driver's hands, Nm·s/rad. Estimated.
    pub hand_damping_nms_per_rad: f64,
    /// Tyre pressures reported, FL FR RL RR, kPa.
    pub tyre_pressure_kpa: [f64; 4],
    /// Counts of the wheel position report in one turn of a wheel. Estimated.
    pub wheel_counts_per_turn: f64,
    /// Fuel level reported, %.
    pub fuel_pct: f64,
    /// Firmware version reported by every module: major, minor, build.
    pub firmware: [u16; 3],
}

impl Default for ByWireParams {
    /// The Lincoln MKZ.
    fn default() -> Self {
        ByWireParams {
            throttle_rest_pct: 15.1,
            brake_rest_pct: 13.6,
            throttle_override_pct: 5.0,
            brake_override_pct: 3.0,
            steering_override_torque_nm: 3.0,
            override_debounce_s: 0.05,
            command_timeout_s: 0.1,
            boot_s: 0.4,
            steering_calibration_s: 0.5,
            report_timeout: true,
            steering_limit_deg: 470.0,
            steering_rate_max_dps: 500.0,
            direction_change_speed_mps: 2.0,
            park_speed_mps: 1.0,
            park_release_brake_pct: 15.5,
            watchdog_brake_pct: 25.0,
            turn_signal_timeout_s: 0.5,
            hand_stiffness_nm_per_rad: 20.0,
            hand_damping_nms_per_rad: 1.0,
            tyre_pressure_kpa: [240.0; 4],
            wheel_counts_per_turn: 100.0,
            fuel_pct: 60.0,
            firmware: [2, 0, 0],
        }
    }
}

/// A by-wire parameter out of its range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("bywire.{key} must be from {min} to {max}, got {got}")]
pub struct ParamError {
    /// The key in the table `[bywire]`.
    pub key: &'static str,
    /// Smallest value allowed.
    pub min: f64,
    /// Largest value allowed.
    pub max: f64,
    /// The value given.
    pub got: f64,
}

impl ByWireParams {
    /// Checks every number against its range; NaN and infinity are outside all of them.
    ///
    /// # Errors
    /// The first parameter out of range.
    pub fn validate(&self) -> Result<(), ParamError> {
        let [fl, fr, rl, rr] = self.tyre_pressure_kpa;
        let table = [
            ("throttle_rest_pct", self.throttle_rest_pct, 0.0, 50.0),
            ("brake_rest_pct", self.brake_rest_pct, 0.0, 50.0),
            ("throttle_override_pct", self.throttle_override_pct, 0.1, 50.0),
            ("brake_override_pct", self.brake_override_pct, 0.1, 50.0),
            ("steering_override_torque_nm", self.steering_override_torque_nm, 0.1, 50.0),
            ("override_debounce_s", self.override_debounce_s, 0.0, 1.0),
            ("command_timeout_s", self.command_timeout_s, 0.001, 10.0),
            ("boot_s", self.boot_s, 0.0, 60.0),
            ("steering_calibration_s", self.steering_calibration_s, 0.0, 60.0),
            ("steering_limit_deg", self.steering_limit_deg, 1.0, 2000.0),
            ("steering_rate_max_dps", self.steering_rate_max_dps, 1.0, 5000.0),
            ("direction_change_speed_mps", self.direction_change_speed_mps, 0.0, 10.0),
            ("park_speed_mps", self.park_speed_mps, 0.0, 10.0),
            ("park_release_brake_pct", self.park_release_brake_pct, 0.0, 100.0),
            ("watchdog_brake_pct", self.watchdog_brake_pct, 0.0, 100.0),
            ("turn_signal_timeout_s", self.turn_signal_timeout_s, 0.05, 60.0),
            ("hand_stiffness_nm_per_rad", self.hand_stiffness_nm_per_rad, 0.0, 200.0),
            ("hand_damping_nms_per_rad", self.hand_damping_nms_per_rad, 0.0, 20.0),
            ("tyre_pressure_kpa[0]", fl, 0.0, 1000.0),
            ("tyre_pressure_kpa[1]", fr, 0.0, 1000.0),
            ("tyre_pressure_kpa[2]", rl, 0.0, 1000.0),
            ("tyre_pressure_kpa[3]", rr, 0.0, 1000.0),
            ("wheel_counts_per_turn", self.wheel_counts_per_turn, 1.0, 10_000.0),
            ("fuel_pct", self.fuel_pct, 0.0, 100.0),
        ];
        match table.into_iter().find(|(_, got, min, max)| !(*min..=*max).contains(got)) {
            Some((key, got, min, max)) => Err(ParamError { key, min, max, got }),
            None => Ok(()),
        }
    }
}
