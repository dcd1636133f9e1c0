//! The lateral controller: steering from the errors at the centre of mass.

use nalgebra::Vector4;
use skidpad_msgs::apollo::control::SimpleLateralDebug;

use super::conf::LateralConf;
use super::filter::{LowPass, MeanFilter};
use super::lqr::{ErrorModel, Gain};
use super::trajectory::{Trajectory, TrajectoryPoint};
use super::{VehicleState, normalize_angle};

/// LQR feedback plus feed-forward of the curvature, low-passed.
///
/// Source: Apollo 1.0 `control/controller/lat_controller.cc`.
#[derive(Debug, Clone)]
pub struct LateralController {
    conf: LateralConf,
    model: ErrorModel,
    /// The gain of the last speed: it depends on nothing else, and a car at a constant speed is a common car.
    last_gain: Option<(f64, Gain)>,
    low_pass: LowPass,
    lateral_error_filter: MeanFilter,
    previous_lateral_error_m: f64,
    previous_heading_error_rad: f64,
}

impl LateralController {
    /// A controller at rest.
    pub fn new(conf: &LateralConf) -> Self {
        Self {
            model: ErrorModel::new(conf),
            last_gain: None,
            low_pass: LowPass::new(conf.ts_s, conf.cutoff_freq_hz),
            lateral_error_filter: MeanFilter::new(conf.mean_filter_window_size as usize),
            previous_lateral_error_m: 0.0,
            previous_heading_error_rad: 0.0,
            conf: conf.clone(),
        }
    }

    /// Takes other parameters; a filter whose parameters change begins anew.
    pub fn set_conf(&mut self, conf: &LateralConf) {
        if (conf.ts_s, conf.cutoff_freq_hz) != (self.conf.ts_s, self.conf.cutoff_freq_hz) {
            self.low_pass = LowPass::new(conf.ts_s, conf.cutoff_freq_hz);
        }
        if conf.mean_filter_window_size != self.conf.mean_filter_window_size {
            self.lateral_error_filter = MeanFilter::new(conf.mean_filter_window_size as usize);
        }
        self.model = ErrorModel::new(conf);
        self.last_gain = None;
        self.conf = conf.clone();
    }

    /// Forgets the previous errors. The low pass keeps its state, as in the real module.
    pub fn reset(&mut self) {
        self.previous_lateral_error_m = 0.0;
        self.previous_heading_error_rad = 0.0;
    }

    /// One step: the debug message, whose `steer_angle` is the steering command in % (left positive).
    ///
    /// # Errors
    /// A sentence if the result is not finite; the filters are then untouched.
    pub fn step(
        &mut self,
        car: &VehicleState,
        steering_position_pct: f64,
        trajectory: &Trajectory,
    ) -> Result<SimpleLateralDebug, String> {
        let speed_mps = car.speed_mps.max(self.conf.minimum_speed_mps);
        let [com_x_m, com_y_m] = car.center_of_mass(self.model.lr_m());
        let point = *trajectory.nearest_by_position(com_x_m, com_y_m);
        let state = if self.conf.use_state_exact_match {
            exact_state(car, speed_mps, com_x_m, com_y_m, &point)
        } else {
            self.differenced_state(car, com_x_m, com_y_m, &point)
        };

        let gain = match self.last_gain {
            Some((speed, gain)) if speed == speed_mps => gain,
            _ => self.model.gain(speed_mps).ok_or_else(|| {
                format!("the steering gain at {speed_mps} m/s cannot be computed: the model is singular")
            })?,
        };
        self.last_gain = Some((speed_mps, gain));

        // Road wheel angle in rad to percent of the steering wheel's range.
        let to_pct = |angle_rad: f64| {
            angle_rad * 180.0 / std::f64::consts::PI * self.conf.steer_transmission_ratio
                / self.conf.steer_single_direction_max_deg
                * 100.0
        };
        let feedback_pct = to_pct(-(gain.k * state)[0]);
        let feedforward_pct = to_pct(self.feedforward_rad(point.curvature_1pm, speed_mps, &gain));
        let unfiltered_pct = (feedback_pct + feedforward_pct).clamp(-100.0, 100.0);
        if !unfiltered_pct.is_finite() {
            return Err(format!(
                "the steering command at {speed_mps} m/s is not finite (lateral error {} m, curvature {} 1/m)",
                state[0], point.curvature_1pm
            ));
        }
        let steer_angle_pct = self.low_pass.step(unfiltered_pct);
        let contribution_pct = |index: usize| to_pct(-gain.k[index] * state[index]);

        Ok(SimpleLateralDebug {
            lateral_error: Some(state[0]),
            lateral_error_rate: Some(state[1]),
            heading_error: Some(state[2]),
            heading_error_rate: Some(state[3]),
            ref_heading: Some(point.heading_rad),
            heading: Some(car.heading_rad),
            curvature: Some(point.curvature_1pm),
            steer_angle: Some(steer_angle_pct),
            steer_angle_feedforward: Some(feedforward_pct),
            steer_angle_lateral_contribution: Some(contribution_pct(0)),
            steer_angle_lateral_rate_contribution: Some(contribution_pct(1)),
            steer_angle_heading_contribution: Some(contribution_pct(2)),
            steer_angle_heading_rate_contribution: Some(contribution_pct(3)),
            steer_angle_feedback: Some(feedback_pct),
            steering_position: Some(steering_position_pct),
            ref_speed: Some(speed_mps),
        })
    }

    /// The road wheel angle (rad) that a steady turn of this curvature needs.
    fn feedforward_rad(&self, curvature_1pm: f64, speed_mps: f64, gain: &Gain) -> f64 {
        let (lf, lr, mass) = (self.model.lf_m(), self.model.lr_m(), self.model.mass_kg());
        let (cf, cr, wheelbase) = (self.conf.cf_n_per_rad, self.conf.cr_n_per_rad, self.conf.wheelbase_m);
        // Here cf and cr stand for one wheel (hence the 2), in the error model for the axle.
        let understeer = lr * mass / 2.0 / cf / wheelbase - lf * mass / 2.0 / cr / wheelbase;
        let v_squared_kappa = speed_mps * speed_mps * curvature_1pm;
        wheelbase * curvature_1pm + understeer * v_squared_kappa
            - gain.k[2] * (lr * curvature_1pm - lf * mass * v_squared_kappa / 2.0 / cr / wheelbase)
    }

    /// The errors, with rates by differences; the lateral error is averaged.
    fn differenced_state(
        &mut self,
        car: &VehicleState,
        x_m: f64,
        y_m: f64,
        point: &TrajectoryPoint,
    ) -> Vector4<f64> {
        let lateral_error_m = self.lateral_error_filter.step(lateral_offset(x_m, y_m, point));
        let heading_error_rad = normalize_angle(car.heading_rad - point.heading_rad);
        let lateral_rate_mps = (lateral_error_m - self.previous_lateral_error_m) / self.conf.ts_s;
        let heading_rate_rps = (heading_error_rad - self.previous_heading_error_rad) / self.conf.ts_s;
        self.previous_lateral_error_m = lateral_error_m;
        self.previous_heading_error_rad = heading_error_rad;
        Vector4::new(lateral_error_m, lateral_rate_mps, heading_error_rad, heading_rate_rps)
    }
}

/// The errors, with rates from speed and yaw rate.
fn exact_state(
    car: &VehicleState,
    speed_mps: f64,
    x_m: f64,
    y_m: f64,
    point: &TrajectoryPoint,
) -> Vector4<f64> {
    let heading_error_rad = normalize_angle(car.heading_rad - point.heading_rad);
    Vector4::new(
        lateral_offset(x_m, y_m, point),
        speed_mps * libm::sin(heading_error_rad),
        heading_error_rad,
        car.yaw_rate_rps - point.curvature_1pm * point.speed_mps,
    )
}

/// Offset of a position to the left of a trajectory point, m.
fn lateral_offset(x_m: f64, y_m: f64, point: &TrajectoryPoint) -> f64 {
    libm::cos(point.heading_rad) * (y_m - point.y_m) - libm::sin(point.heading_rad) * (x_m - point.x_m)
}
