//! What a reader of the score should know about a run before blaming the controller.

use crate::seats::{SeatId, Seats};
use skidpad_geo::{MapFrame, wrap_angle};
use skidpad_scenario::{Event, LoadedScenario, Trigger};
use skidpad_score::Reference;
use skidpad_stack::control::{ControlConf, ErrorModel};
use skidpad_stack::planning::Recording;

/// A turn of the reference headings below this is not worth a word, rad.
const WORTH_SAYING_RAD: f64 = 1e-3;
/// Rows of a recording slower than this say nothing about direction, m/s.
const MOVING_MPS: f64 = 0.5;
/// Rows looked at: each tenth.
const EVERY: usize = 10;

/// What the embedded control has in this scenario and a control outside does not get: numbers that the scenario
/// replaces, and a pedal table of the car's own. Nothing if control is not in `external`.
pub fn out_of_reach(scenario: &LoadedScenario, external: Seats) -> Vec<String> {
    if !external.contains(SeatId::Control) {
        return Vec::new();
    }
    let replaced: Vec<&str> = scenario.scenario.stack.control_overrides.keys().map(String::as_str).collect();
    let overrides = (!replaced.is_empty()).then(|| {
        format!(
            "[stack.control_overrides] does not reach the control outside, which drives with numbers of its own; the \
             limits of this scenario were set with these replaced: {}.",
            replaced.join(", ")
        )
    });
    let table = scenario.vehicle.params.bywire_kit.as_ref().map(|kit| {
        let car = &scenario.scenario.vehicle;
        format!(
            "The pedal table of {car} (vehicles/{car}/calibration.csv) does not reach the control outside; the limits \
             of this scenario were set with it, and a control that has the table of {kit} does not know this car."
        )
    });
    overrides.into_iter().chain(table).collect()
}

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

/// That the event at `index` of the file has not happened, and what it waited for: a fault that never came
/// proves nothing.
pub(crate) fn never_happened(events: &[Event], index: usize) -> String {
    let event = |index: usize| match &events[index].name {
        Some(name) => format!("event {} (\"{name}\")", index + 1),
        None => format!("event {}", index + 1),
    };
    let why = match events[index].trigger {
        Trigger::Time(time_s) => format!("the run ended before {time_s} s"),
        Trigger::Station(station_m) => format!("the car did not reach station {station_m} m"),
        Trigger::SpeedAbove(speed_mps) => format!("the car was never faster than {speed_mps} m/s"),
        Trigger::SpeedBelow(speed_mps) => format!("the speed never fell below {speed_mps} m/s from above"),
        Trigger::After { event: other, delay_s } => {
            format!("the run ended before {delay_s} s after {}", event(other))
        }
    };
    format!("Never happened: {} of the file; {why}.", event(index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use skidpad_scenario::Action;

    #[test]
    fn an_event_that_never_happened_is_told_with_what_it_waited_for() {
        let event = |name: Option<&str>, trigger| Event {
            name: name.map(str::to_string),
            trigger,
            action: Action::PlanningEstop(true),
        };
        let events = [
            event(Some("tunnel"), Trigger::Station(900.0)),
            event(None, Trigger::After { event: 0, delay_s: 2.0 }),
        ];
        assert_eq!(
            never_happened(&events, 0),
            "Never happened: event 1 (\"tunnel\") of the file; the car did not reach station 900 m."
        );
        assert_eq!(
            never_happened(&events, 1),
            "Never happened: event 2 of the file; the run ended before 2 s after event 1 (\"tunnel\")."
        );
    }
}
