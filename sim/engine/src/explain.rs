//! What a reader of the score should know about a run before blaming the controller.

use skidpad_geo::{MapFrame, wrap_angle};
use skidpad_score::Reference;
use skidpad_stack::control::{ControlConf, ErrorModel};
use skidpad_stack::planning::Recording;

/// A turn of the reference headings below this is not worth a word, rad.
const WORTH_SAYING_RAD: f64 = 1e-3;
/// Rows of a recording slower than this say nothing about direction, m/s.
const MOVING_MPS: f64 = 0.5;
/// Rows looked at: each tenth.
const EVERY: usize = 10;

/// How far the headings that planning sends are turned against the true headings of the path, and what
/// that alone does to the lateral error.
///
/// Apollo's receiver measures headings from true north, its positions and paths are on the UTM grid: the
/// difference, the meridian convergence, reaches the controller as a heading error that is not there. The
/// feedback is at rest where k₁·e = k₃·turn.
pub(crate) fn heading_turn(
    recording: &Recording,
    reference: &Reference,
    frame: &MapFrame,
    control: &ControlConf,
) -> Option<String> {
    let (mut turn_rad, mut speed_mps, mut count) = (0.0, 0.0, 0.0);
    let mut near_m = reference.start_station_m();
    for row in recording.rows().iter().step_by(EVERY).filter(|row| row.speed_mps > MOVING_MPS) {
        let at = frame.utm_to_enu(row.x_m, row.y_m, row.z_m);
        let on_path = reference.path().project(at[0], at[1], Some(near_m));
        near_m = on_path.station_m;
        turn_rad += wrap_angle(row.theta_rad - on_path.point.heading_rad);
        speed_mps += row.speed_mps;
        count += 1.0;
    }
    (turn_rad, speed_mps) = (turn_rad / count, speed_mps / count);
    // NaN where nothing moves.
    if count == 0.0 || turn_rad.abs() < WORTH_SAYING_RAD {
        return None;
    }
    let gain = ErrorModel::new(&control.lateral).gain(speed_mps.max(control.lateral.minimum_speed_mps))?;
    let bias_m = gain.k[2] / gain.k[0] * turn_rad;
    let side = if bias_m > 0.0 { "left" } else { "right" };
    Some(format!(
        "The headings of the trajectory are turned by {:.2} deg against true north (meridian convergence of the UTM \
         grid), and the receiver measures true headings, as on the real car: at {speed_mps:.1} m/s this alone moves \
         the car {:.2} m to the {side} of the path.",
        turn_rad.to_degrees(),
        bias_m.abs()
    ))
}
