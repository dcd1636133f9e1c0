//! The longitudinal controller: throttle and brake from station and speed errors.

use std::sync::Arc;

use skidpad_msgs::apollo::control::SimpleLongitudinalDebug;

use super::VehicleState;
use super::calibration::CalibrationTable;
use super::conf::LongitudinalConf;
use super::pid::Pid;
use super::trajectory::Trajectory;

/// Station error → speed → acceleration → calibration table → pedals.
///
/// Source: Apollo 1.0 `control/controller/lon_controller.cc`.
#[derive(Debug, Clone)]
pub struct LongitudinalController {
    conf: LongitudinalConf,
    table: CalibrationTable,
    station_pid: Pid,
    speed_pid: Pid,
    /// The trajectory in use: a new one is taken only when its sequence number differs, as in the real module.
    trajectory: Option<Arc<Trajectory>>,
}

impl LongitudinalController {
    /// A controller at rest.
    pub fn new(conf: &LongitudinalConf, table: CalibrationTable) -> Self {
        Self {
            station_pid: Pid::new(&conf.station_pid),
            speed_pid: Pid::new(&conf.low_speed_pid),
            trajectory: None,
            conf: conf.clone(),
            table,
        }
    }

    /// Takes other parameters; the integrals stay, within their new bounds.
    pub fn set_conf(&mut self, conf: &LongitudinalConf) {
        self.station_pid.set_conf(&conf.station_pid);
        // Its gains follow the speed in each step.
        self.speed_pid.set_conf(&conf.low_speed_pid);
        self.conf = conf.clone();
    }

    /// Resets both PID controllers.
    pub fn reset(&mut self) {
        self.station_pid.reset();
        self.speed_pid.reset();
    }

    /// One step at Unix time `now_s`: the debug message, whose `throttle_cmd` and `brake_cmd` are the commands in %.
    ///
    /// # Errors
    /// A sentence if the result is not finite; the controllers are then reset.
    pub fn step(
        &mut self,
        now_s: f64,
        car: &VehicleState,
        newest: &Arc<Trajectory>,
    ) -> Result<SimpleLongitudinalDebug, String> {
        let trajectory = match self.trajectory.take() {
            Some(kept) if kept.sequence_num() == newest.sequence_num() => kept,
            _ => Arc::clone(newest),
        };
        let debug = self.step_along(now_s, car, &trajectory);
        self.trajectory = Some(trajectory);
        if !debug.calibration_value().is_finite() {
            self.reset();
            return Err(format!("the pedal command at {} m/s is not finite", car.speed_mps));
        }
        Ok(debug)
    }

    fn step_along(
        &mut self,
        now_s: f64,
        car: &VehicleState,
        trajectory: &Trajectory,
    ) -> SimpleLongitudinalDebug {
        let conf = &self.conf;
        let on_path =
            trajectory.matched(car.x_m, car.y_m).project(car.x_m, car.y_m, car.heading_rad, car.speed_mps);
        let reference = trajectory.nearest_by_time(now_s);
        let preview = trajectory.nearest_by_time(now_s + conf.preview_window * conf.ts_s);
        let station_error_m = reference.station_m - on_path.station_m;
        let speed_error_mps = reference.speed_mps - on_path.station_rate_mps;
        let preview_station_error_m = preview.station_m - on_path.station_m;
        let preview_speed_error_mps = preview.speed_mps - on_path.station_rate_mps;
        let (station_input_m, speed_input_mps) = if conf.enable_speed_station_preview {
            (preview_station_error_m, preview_speed_error_mps)
        } else {
            (station_error_m, speed_error_mps)
        };

        let station_limited_m = limit(station_input_m, conf.station_error_limit_m);
        let speed_offset_mps = self.station_pid.step(station_limited_m, conf.ts_s);
        let speed_limited_mps =
            limit(speed_offset_mps + speed_input_mps, conf.speed_controller_input_limit_mps);
        let low_speed = car.speed_mps <= conf.switch_speed_mps;
        self.speed_pid.set_gains(if low_speed { &conf.low_speed_pid } else { &conf.high_speed_pid });
        let closeloop_mps2 = self.speed_pid.step(speed_limited_mps, conf.ts_s);

        let is_full_stop = preview.acceleration_mps2.abs() <= conf.max_acceleration_when_stopped_mps2
            && preview.speed_mps.abs() <= conf.max_abs_speed_when_stopped_mps;
        let acceleration_mps2 = if is_full_stop {
            conf.standstill_acceleration_mps2
        } else {
            closeloop_mps2 + preview.acceleration_mps2
        };

        let lookup_speed_mps =
            if conf.use_preview_speed_for_table { preview.speed_mps } else { car.speed_mps };
        let command_pct = self.table.command_pct(lookup_speed_mps, acceleration_mps2);
        let (throttle_pct, brake_pct) = if command_pct >= 0.0 {
            (command_pct.max(conf.throttle_deadzone_pct), 0.0)
        } else {
            (0.0, (-command_pct).max(conf.brake_deadzone_pct))
        };

        SimpleLongitudinalDebug {
            station_reference: Some(reference.station_m),
            station_error: Some(station_error_m),
            station_error_limited: Some(station_limited_m),
            preview_station_error: Some(preview_station_error_m),
            speed_reference: Some(reference.speed_mps),
            speed_error: Some(speed_error_mps),
            speed_controller_input_limited: Some(speed_limited_mps),
            preview_speed_reference: Some(preview.speed_mps),
            preview_speed_error: Some(preview_speed_error_mps),
            preview_acceleration_reference: Some(preview.acceleration_mps2),
            acceleration_cmd_closeloop: Some(closeloop_mps2),
            acceleration_cmd: Some(acceleration_mps2),
            acceleration_lookup: Some(acceleration_mps2),
            speed_lookup: Some(car.speed_mps),
            calibration_value: Some(command_pct),
            throttle_cmd: Some(throttle_pct),
            brake_cmd: Some(brake_pct),
            is_full_stop: Some(is_full_stop),
        }
    }
}

/// `value` kept within ±`most`; not a number stays so.
fn limit(value: f64, most: f64) -> f64 {
    if value > most {
        most
    } else if value < -most {
        -most
    } else {
        value
    }
}
