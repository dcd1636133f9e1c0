//! The planning seat: replays a recorded drive as Apollo's RTK player does.
//!
//! Source: Apollo 1.0 `modules/tools/record_play/rtk_player.py`, whose habits are kept, the odd ones too:
//! - the window begins 100 rows behind the current one and ends 1000 rows after its begin, without its last row:
//!   the last row of a recording is never sent;
//! - the next cycle searches on from the *begin* of the last window;
//! - the search for the nearest row looks at 500 rows on either side only, and takes the last of equals;
//! - the clock of the replay starts again at each restart, so a car that lags by more than 2 m is waited for.

mod filter;
mod recording;

pub use recording::{Place, Recording, RecordingError, Row};

use serde::{Deserialize, Serialize};
use skidpad_msgs::apollo::{
    canbus::{Chassis, chassis::DrivingMode},
    common::{Header, PathPoint, TrajectoryPoint},
    localization::LocalizationEstimate,
    planning::{AdcTrajectory, AdcTrajectoryPoint, EStop},
};

/// Rows behind the current one in a trajectory: 1 s of the recorder.
const ROWS_BEHIND: usize = 100;
/// Rows in a trajectory: 10 s of the recorder.
const WINDOW_ROWS: usize = 1000;
/// Rows searched for the nearest, on either side of the current one.
const SEARCH_ROWS: usize = 500;
/// Distance from the row that is due, beyond which the replay restarts at the nearest row, m².
const RESTART_DISTANCE_M2: f64 = 4.0;

/// Options of the RTK player.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlanningConf {
    /// Speed of the replay, % of the recorded one (`-s`).
    pub speed_pct: f64,
    /// Send the whole recording each time instead of a window (`-c`).
    pub complete_path: bool,
    /// Restart at the nearest row in every cycle (`-r`).
    pub always_restart: bool,
    /// Also fill `trajectory_point`, which Apollo 1.5 reads; 1.0 reads `adc_trajectory_point`.
    pub fill_trajectory_point: bool,
}

impl Default for PlanningConf {
    fn default() -> Self {
        PlanningConf {
            speed_pct: 100.0,
            complete_path: false,
            always_restart: false,
            fill_trajectory_point: false,
        }
    }
}

/// Why a [`Planning`] could not be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("planning: expected speed_pct above 0 and at most 1000, got {0}")]
pub struct SpeedOutOfRange(pub f64);

/// The planning seat. To be ticked at 10 Hz.
#[derive(Debug, Clone)]
pub struct Planning {
    recording: Recording,
    /// The recording's accelerations, low-passed.
    acceleration_mps2: Vec<f64>,
    conf: PlanningConf,
    car: Option<[f64; 2]>,
    automatic: bool,
    estop: bool,
    sequence_num: u32,
    /// Row the next cycle searches on from.
    start: usize,
    /// Row at which the replay last restarted, and when that was.
    restart_row: usize,
    restart_s: f64,
}

impl Planning {
    /// Replays the recording, from the row nearest to the car.
    ///
    /// # Errors
    /// A replay speed that is not in (0, 1000] %.
    pub fn new(recording: Recording, conf: PlanningConf) -> Result<Self, SpeedOutOfRange> {
        if !(conf.speed_pct > 0.0 && conf.speed_pct <= 1000.0) {
            return Err(SpeedOutOfRange(conf.speed_pct));
        }
        let recorded: Vec<f64> = recording.rows().iter().map(|row| row.acceleration_mps2).collect();
        Ok(Planning {
            acceleration_mps2: filter::low_pass_both_ways(&recorded),
            recording,
            conf,
            car: None,
            automatic: false,
            estop: false,
            sequence_num: 0,
            start: 0,
            restart_row: 0,
            restart_s: 0.0,
        })
    }

    /// The drive that is replayed.
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// The acceleration column as it is sent: low-passed, one value per row, m/s².
    pub fn acceleration_mps2(&self) -> &[f64] {
        &self.acceleration_mps2
    }

    /// Takes the car's position.
    pub fn on_localization(&mut self, estimate: &LocalizationEstimate) {
        let position = estimate.pose.as_ref().and_then(|pose| pose.position);
        let position = position.unwrap_or_default();
        self.car = Some([position.x(), position.y()]);
    }

    /// Takes the driving mode: in all but `COMPLETE_AUTO_DRIVE` every cycle restarts at the car.
    pub fn on_chassis(&mut self, chassis: &Chassis) {
        self.automatic = chassis.driving_mode() == DrivingMode::CompleteAutoDrive;
    }

    /// Sets or clears the `estop` flag of the trajectories to come. Control latches it until its next RESET.
    pub fn set_estop(&mut self, estop: bool) {
        self.estop = estop;
    }

    /// The trajectory of this cycle, stamped with `now_unix_s`; `None` until a localization has been taken.
    pub fn tick(&mut self, now_unix_s: f64) -> Option<AdcTrajectory> {
        let mut trajectory = AdcTrajectory::default();
        self.tick_into(now_unix_s, &mut trajectory).then_some(trajectory)
    }

    /// As [`Planning::tick`], into a message whose allocations are used again; its former content is lost.
    /// Returns false, and leaves the message alone, until a localization has been taken.
    pub fn tick_into(&mut self, now_unix_s: f64, trajectory: &mut AdcTrajectory) -> bool {
        let Some(car) = self.car else { return false };
        let sequence_num = self.sequence_num;
        self.sequence_num = sequence_num.wrapping_add(1);

        if self.conf.always_restart || sequence_num == 0 || !self.automatic {
            self.restart(car, now_unix_s);
        } else {
            self.advance(now_unix_s);
        }
        if self.distance_m2(self.start, car) > RESTART_DISTANCE_M2 {
            self.restart(car, now_unix_s);
        }

        let last = self.recording.rows().len() - 1;
        let end = if self.conf.complete_path {
            self.start = 0;
            last
        } else {
            self.start = self.start.saturating_sub(ROWS_BEHIND);
            (self.start + WINDOW_ROWS).min(last)
        };
        self.fill(end, sequence_num, now_unix_s, trajectory);
        true
    }

    /// Moves on to the first row that is not yet due.
    fn advance(&mut self, now_unix_s: f64) {
        let rows = self.recording.rows();
        let elapsed_s = now_unix_s - self.restart_s;
        let restart_row_s = rows[self.restart_row].time_s;
        while self.start < rows.len() - 1 && rows[self.start].time_s - restart_row_s < elapsed_s {
            self.start += 1;
        }
    }

    /// Restarts the replay, now, at the nearest row within reach.
    fn restart(&mut self, car: [f64; 2], now_unix_s: f64) {
        let first = self.start.saturating_sub(SEARCH_ROWS);
        let end = (self.start + SEARCH_ROWS).min(self.recording.rows().len());
        let mut nearest_m2 = f64::INFINITY;
        for row in first..end {
            let distance_m2 = self.distance_m2(row, car);
            if distance_m2 <= nearest_m2 {
                nearest_m2 = distance_m2;
                self.start = row;
            }
        }
        self.restart_row = self.start;
        self.restart_s = now_unix_s;
    }

    fn distance_m2(&self, row: usize, car: [f64; 2]) -> f64 {
        let row = &self.recording.rows()[row];
        let (dx, dy) = (row.x_m - car[0], row.y_m - car[1]);
        dx * dx + dy * dy
    }

    fn fill(&self, end: usize, sequence_num: u32, now_unix_s: f64, trajectory: &mut AdcTrajectory) {
        let mut points = std::mem::take(&mut trajectory.adc_trajectory_point);
        let mut points_1_5 = std::mem::take(&mut trajectory.trajectory_point);
        points.clear();
        points_1_5.clear();

        let rows = self.recording.rows();
        let speed_factor = self.conf.speed_pct / 100.0;
        let restart_row_s = rows[self.restart_row].time_s;
        let since_restart_s = now_unix_s - self.restart_s;
        let window = self.start..end;
        let accelerations = &self.acceleration_mps2[window.clone()];
        points.extend(rows[window.clone()].iter().zip(accelerations).map(|(row, acceleration_mps2)| {
            AdcTrajectoryPoint {
                x: Some(row.x_m),
                y: Some(row.y_m),
                z: Some(row.z_m),
                speed: Some(row.speed_mps * speed_factor),
                acceleration_s: Some(acceleration_mps2 * speed_factor),
                curvature: Some(row.curvature_1pm),
                curvature_change_rate: Some(row.curvature_change_rate_1pm2),
                relative_time: Some((row.time_s - restart_row_s) / speed_factor - since_restart_s),
                theta: Some(row.theta_rad),
                accumulated_s: Some(row.s_m),
                ..Default::default()
            }
        }));
        if self.conf.fill_trajectory_point {
            points_1_5.extend(points.iter().map(|point| TrajectoryPoint {
                path_point: Some(PathPoint {
                    x: point.x,
                    y: point.y,
                    z: point.z,
                    theta: point.theta,
                    kappa: point.curvature,
                    s: point.accumulated_s,
                    dkappa: point.curvature_change_rate,
                    ddkappa: None,
                }),
                v: point.speed,
                a: point.acceleration_s,
                relative_time: point.relative_time,
            }));
        }
        *trajectory = AdcTrajectory {
            header: Some(Header {
                timestamp_sec: Some(now_unix_s),
                module_name: Some("planning".to_owned()),
                sequence_num: Some(sequence_num),
                ..Default::default()
            }),
            total_path_length: Some(rows[end].s_m - rows[self.start].s_m),
            total_path_time: Some(rows[end].time_s - rows[self.start].time_s),
            adc_trajectory_point: points,
            estop: Some(EStop { is_estop: Some(self.estop), reason: None }),
            gear: Some(rows[self.start].gear),
            trajectory_point: points_1_5,
            ..Default::default()
        };
    }
}
