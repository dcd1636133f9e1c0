//! The parameters of the control module, and reading them from TOML.

use serde::{Deserialize, Serialize};
use toml::de::{DeTable, DeValue};

use super::text::FileError;

/// Longest parameter text that is read, in bytes.
const MAX_TEXT_BYTES: usize = 1 << 20;

/// All parameters of the control module: one file per vehicle, `control.toml`.
///
/// Source of names, meaning and the Lincoln MKZ's numbers: Apollo 1.0 `modules/control/conf/lincoln.pb.txt`,
/// `control.conf` (flags) and `common/control_gflags.cc`. Apollo also configures low-pass filters for throttle, brake
/// and acceleration, which version 1.0 makes but never applies; they are left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlConf {
    /// Time between two commands, s: 0.001 to 1.
    pub control_period_s: f64,
    /// Whether old inputs lead to an emergency stop.
    pub enable_input_timestamp_check: bool,
    /// Nominal time between two localization messages, s.
    pub localization_period_s: f64,
    /// A localization older than this many periods is a time-out.
    pub max_localization_miss_num: u32,
    /// Nominal time between two chassis messages, s.
    pub chassis_period_s: f64,
    /// A chassis older than this many periods is a time-out.
    pub max_chassis_miss_num: u32,
    /// Nominal time between two trajectories, s.
    pub trajectory_period_s: f64,
    /// A trajectory older than this many periods is a time-out.
    pub max_planning_miss_num: u32,
    /// Brake in an emergency stop, %.
    pub soft_estop_brake_pct: f64,
    /// Steering.
    pub lateral: LateralConf,
    /// Throttle and brake.
    pub longitudinal: LongitudinalConf,
}

/// Parameters of the lateral controller (LQR with feed-forward).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LateralConf {
    /// Time between two steps, s.
    pub ts_s: f64,
    /// Cornering stiffness of the front axle, N/rad. (The error model takes it as the axle's, the feed-forward as
    /// one wheel's: so does the real module.)
    pub cf_n_per_rad: f64,
    /// Cornering stiffness of the rear axle, N/rad; see `cf_n_per_rad`.
    pub cr_n_per_rad: f64,
    /// Wheelbase, m.
    pub wheelbase_m: f64,
    /// Mass on the front left wheel, kg.
    pub mass_fl_kg: f64,
    /// Mass on the front right wheel, kg.
    pub mass_fr_kg: f64,
    /// Mass on the rear left wheel, kg.
    pub mass_rl_kg: f64,
    /// Mass on the rear right wheel, kg.
    pub mass_rr_kg: f64,
    /// The Riccati iteration ends when the largest change of an element is below this.
    pub eps: f64,
    /// The Riccati iteration ends after this many steps at the latest.
    pub max_iteration: u32,
    /// Weights of lateral error (1/m²), its rate (s²/m²), heading error (1/rad²), its rate (s²/rad²), against steering (1/rad²).
    pub matrix_q: [f64; 4],
    /// Cut-off of the low pass on the steering command, Hz.
    pub cutoff_freq_hz: f64,
    /// Window of the mean filter on the lateral error, samples; used when `use_state_exact_match` is off.
    pub mean_filter_window_size: u32,
    /// Steering wheel angle / road wheel angle.
    pub steer_transmission_ratio: f64,
    /// Steering wheel angle at 100 %, degrees.
    pub steer_single_direction_max_deg: f64,
    /// Rate of the steering wheel sent with every command, % of full scale per second.
    pub steer_angle_rate_pctps: f64,
    /// Lowest speed of the error model, m/s (it divides by the speed).
    pub minimum_speed_mps: f64,
    /// Error rates from speed and yaw rate (on, the default of the car) or by differences of successive errors.
    pub use_state_exact_match: bool,
}

/// Parameters of the longitudinal controller (station and speed cascade with calibration table).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongitudinalConf {
    /// Time between two steps, s.
    pub ts_s: f64,
    /// Smallest brake command, %.
    pub brake_deadzone_pct: f64,
    /// Smallest throttle command, %.
    pub throttle_deadzone_pct: f64,
    /// Limit of the input of the speed controller, m/s.
    pub speed_controller_input_limit_mps: f64,
    /// Limit of the input of the station controller, m.
    pub station_error_limit_m: f64,
    /// How far ahead the preview point is, steps of `ts_s`.
    pub preview_window: f64,
    /// Acceleration that holds the car at a full stop, m/s².
    pub standstill_acceleration_mps2: f64,
    /// Full stop: the preview acceleration is at most this, m/s² …
    pub max_acceleration_when_stopped_mps2: f64,
    /// … and the preview speed at most this, m/s.
    pub max_abs_speed_when_stopped_mps: f64,
    /// Up to this speed the low-speed gains hold, m/s.
    pub switch_speed_mps: f64,
    /// Take station and speed errors at the preview point instead of at the reference point.
    pub enable_speed_station_preview: bool,
    /// Look the pedal command up at the preview speed instead of at the measured speed.
    pub use_preview_speed_for_table: bool,
    /// Station error (m) → speed (m/s).
    pub station_pid: PidConf,
    /// Speed error (m/s) → acceleration (m/s²) up to the switch speed.
    pub low_speed_pid: PidConf,
    /// Speed error (m/s) → acceleration (m/s²) above the switch speed.
    pub high_speed_pid: PidConf,
}

/// Parameters of a PID controller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PidConf {
    /// Whether there is an integral part.
    pub integrator_enable: bool,
    /// Limit of the integral part, in units of the output.
    pub integrator_saturation_level: f64,
    /// Proportional gain, output per input.
    pub kp: f64,
    /// Integral gain, output per input and second.
    pub ki: f64,
    /// Derivative gain, output seconds per input.
    pub kd: f64,
}

impl ControlConf {
    /// Reads the parameters from TOML text. Every key is required, unknown keys are refused, ranges are checked.
    ///
    /// # Errors
    /// Malformed TOML, a missing, unknown or wrongly typed key, a value out of range, or more than 1 MiB of text;
    /// with line and column. `file` names the text in the error.
    pub fn parse(text: &str, file: &str) -> Result<Self, FileError> {
        if text.len() > MAX_TEXT_BYTES {
            let message = format!("the file has {} bytes; at most {MAX_TEXT_BYTES} are read", text.len());
            return Err(FileError::at_offset(file, text, 0, message));
        }
        let conf: Self = toml::from_str(text).map_err(|error| {
            FileError::at_offset(file, text, error.span().map_or(0, |span| span.start), error.message())
        })?;
        for (path, value, rule) in conf.rules() {
            if !rule.allows(value) {
                let message = format!("`{path}` must be {}, got {value}", rule.words());
                return Err(FileError::at_offset(file, text, offset_of(text, path), message));
            }
        }
        Ok(conf)
    }

    /// Every number with the range it must lie in.
    fn rules(&self) -> Vec<(&'static str, f64, Rule)> {
        use Rule::*;
        let (lateral, longitudinal) = (&self.lateral, &self.longitudinal);
        let mut rules = vec![
            ("control_period_s", self.control_period_s, Within(0.001, 1.0)),
            ("localization_period_s", self.localization_period_s, Positive),
            ("chassis_period_s", self.chassis_period_s, Positive),
            ("trajectory_period_s", self.trajectory_period_s, Positive),
            ("soft_estop_brake_pct", self.soft_estop_brake_pct, Percent),
            ("lateral.ts_s", lateral.ts_s, Positive),
            ("lateral.cf_n_per_rad", lateral.cf_n_per_rad, Positive),
            ("lateral.cr_n_per_rad", lateral.cr_n_per_rad, Positive),
            ("lateral.wheelbase_m", lateral.wheelbase_m, Positive),
            ("lateral.mass_fl_kg", lateral.mass_fl_kg, Positive),
            ("lateral.mass_fr_kg", lateral.mass_fr_kg, Positive),
            ("lateral.mass_rl_kg", lateral.mass_rl_kg, Positive),
            ("lateral.mass_rr_kg", lateral.mass_rr_kg, Positive),
            ("lateral.eps", lateral.eps, Positive),
            ("lateral.max_iteration", lateral.max_iteration.into(), Within(1.0, 10_000.0)),
            ("lateral.cutoff_freq_hz", lateral.cutoff_freq_hz, Positive),
            ("lateral.mean_filter_window_size", lateral.mean_filter_window_size.into(), Within(1.0, 127.0)),
            ("lateral.steer_transmission_ratio", lateral.steer_transmission_ratio, Positive),
            ("lateral.steer_single_direction_max_deg", lateral.steer_single_direction_max_deg, Positive),
            ("lateral.steer_angle_rate_pctps", lateral.steer_angle_rate_pctps, Positive),
            ("lateral.minimum_speed_mps", lateral.minimum_speed_mps, Positive),
            ("longitudinal.ts_s", longitudinal.ts_s, Positive),
            ("longitudinal.brake_deadzone_pct", longitudinal.brake_deadzone_pct, Percent),
            ("longitudinal.throttle_deadzone_pct", longitudinal.throttle_deadzone_pct, Percent),
            (
                "longitudinal.speed_controller_input_limit_mps",
                longitudinal.speed_controller_input_limit_mps,
                NotNegative,
            ),
            ("longitudinal.station_error_limit_m", longitudinal.station_error_limit_m, NotNegative),
            ("longitudinal.preview_window", longitudinal.preview_window, NotNegative),
            ("longitudinal.standstill_acceleration_mps2", longitudinal.standstill_acceleration_mps2, Finite),
            (
                "longitudinal.max_acceleration_when_stopped_mps2",
                longitudinal.max_acceleration_when_stopped_mps2,
                NotNegative,
            ),
            (
                "longitudinal.max_abs_speed_when_stopped_mps",
                longitudinal.max_abs_speed_when_stopped_mps,
                NotNegative,
            ),
            ("longitudinal.switch_speed_mps", longitudinal.switch_speed_mps, NotNegative),
        ];
        rules.extend(lateral.matrix_q.map(|weight| ("lateral.matrix_q", weight, NotNegative)));
        macro_rules! pid_rules {
            ($($pid:ident),*) => {$(
                rules.extend([
                    (
                        concat!("longitudinal.", stringify!($pid), ".integrator_saturation_level"),
                        longitudinal.$pid.integrator_saturation_level,
                        NotNegative,
                    ),
                    (concat!("longitudinal.", stringify!($pid), ".kp"), longitudinal.$pid.kp, Finite),
                    (concat!("longitudinal.", stringify!($pid), ".ki"), longitudinal.$pid.ki, Finite),
                    (concat!("longitudinal.", stringify!($pid), ".kd"), longitudinal.$pid.kd, Finite),
                ]);
            )*};
        }
        pid_rules!(station_pid, low_speed_pid, high_speed_pid);
        rules
    }
}

#[derive(Clone, Copy)]
enum Rule {
    Finite,
    NotNegative,
    Positive,
    Percent,
    Within(f64, f64),
}

impl Rule {
    fn allows(self, value: f64) -> bool {
        value.is_finite()
            && match self {
                Self::Finite => true,
                Self::NotNegative => value >= 0.0,
                Self::Positive => value > 0.0,
                Self::Percent => (0.0..=100.0).contains(&value),
                Self::Within(least, most) => (least..=most).contains(&value),
            }
    }

    fn words(self) -> String {
        match self {
            Self::Finite => "a finite number".to_owned(),
            Self::NotNegative => "a finite number, 0 or more".to_owned(),
            Self::Positive => "a finite number above 0".to_owned(),
            Self::Percent => "a percentage from 0 to 100".to_owned(),
            Self::Within(least, most) => format!("from {least} to {most}"),
        }
    }
}

/// Byte offset of the value at a dotted path of a text that is known to be TOML (0 if it is not there).
fn offset_of(text: &str, path: &str) -> usize {
    let Ok(document) = DeTable::parse(text) else { return 0 };
    let mut table = document.get_ref();
    let mut offset = 0;
    for key in path.split('.') {
        let Some(value) = table.get(key) else { return offset };
        offset = value.span().start;
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => return offset,
        }
    }
    offset
}
