//! What each signal of the trace is, for who hovers over it.

/// Names and meanings. A name stands for all that begin with it and go on with a wheel.
const MEANINGS: &[(&str, &str)] = &[
    ("time_s", "time of the scenario"),
    ("driving_mode", "driving mode of the stack's canbus: 0 manual, 1 auto, 4 emergency"),
    ("x_m", "true position of the rear axle, east"),
    ("y_m", "true position of the rear axle, north"),
    ("z_m", "true height of the rear axle"),
    ("heading_rad", "true heading of the body, counter-clockwise from east"),
    ("roll_rad", "roll of the body, positive: right side down"),
    ("pitch_rad", "pitch of the body, positive: nose down"),
    ("speed_mps", "true speed of the rear axle, forward"),
    ("vx_east_mps", "true velocity, east"),
    ("vy_north_mps", "true velocity, north"),
    ("vz_up_mps", "true velocity, up"),
    ("yaw_rate_rps", "yaw rate, positive left"),
    ("ax_mps2", "longitudinal acceleration of the body"),
    ("ay_mps2", "lateral acceleration of the body, positive left"),
    ("ref_station_m", "station of the rear axle on the reference"),
    ("ref_x_m", "nearest point of the reference, east"),
    ("ref_y_m", "nearest point of the reference, north"),
    ("ref_heading_rad", "heading of the reference there"),
    ("ref_curvature_1pm", "curvature of the reference there, positive left"),
    ("ref_speed_mps", "speed of the reference there"),
    ("scored", "1 while the errors count for the score"),
    ("lateral_error_m", "true lateral error of the rear axle, positive left of the path"),
    ("lateral_error_cg_m", "true lateral error of the centre of mass, positive left of the path"),
    ("heading_error_rad", "heading of the body against the path"),
    ("course_error_rad", "direction of motion of the rear axle against the path"),
    ("speed_error_mps", "speed against that of the reference at the nearest point"),
    ("station_error_m", "station against the one where the trajectory wants the car now, positive ahead"),
    ("believed_x_m", "where the stack believes the rear axle to be, east"),
    ("believed_y_m", "where the stack believes the rear axle to be, north"),
    ("believed_heading_rad", "the heading that the stack believes in"),
    ("believed_lateral_error_m", "lateral error of the believed position, positive left of the path"),
    ("localization_error_m", "believed position against the true one when it was measured"),
    ("command_throttle_pct", "accelerator that control commands"),
    ("command_brake_pct", "brake that control commands"),
    (
        "command_steering_pct",
        "steering that control commands, share of the largest wheel angle, positive left",
    ),
    ("throttle_pct", "accelerator pedal that the powertrain sees"),
    ("brake_pct", "brake pedal that the hydraulics see"),
    ("steering_wheel_deg", "steering-wheel angle as its sensor reads it, positive left"),
    ("steering_wheel_rate_degps", "rate of the steering wheel, positive left"),
    ("steering_torque_nm", "torque between the hands and the column, positive left"),
    ("brake_torque_nm", "brake torque at the wheels, sum"),
    ("drive_torque_nm", "drive torque at the wheels, sum"),
    ("abs_active", "1 while the antilock system acts"),
    ("stability_active", "1 while the stability control acts"),
    ("traction_active", "1 while the traction control acts"),
    ("hill_start", "state of the hill-start assist; 0: off"),
    ("gear", "gear engaged: 0 P, 1 R, 2 N, 3 D, 4 L"),
    ("wheel_spin", "spin of the wheel"),
    ("load", "normal load of the wheel"),
    ("slip_ratio", "longitudinal slip of the tyre, positive driven"),
    ("slip_tan_alpha", "tangent of the tyre's slip angle"),
    ("travel", "suspension travel, positive in bump"),
    ("wind_east_mps", "velocity of the air, east"),
    ("wind_north_mps", "velocity of the air, north"),
];

/// Endings of names and the units that they stand for, longest first.
const UNITS: &[(&str, &str)] = &[
    ("_degps", "deg/s"),
    ("_mps2", "m/s²"),
    ("_1pm", "1/m"),
    ("_mps", "m/s"),
    ("_rps", "rad/s"),
    ("_rad", "rad"),
    ("_deg", "deg"),
    ("_pct", "%"),
    ("_nm", "Nm"),
    ("_m", "m"),
    ("_n", "N"),
    ("_s", "s"),
];
const WHEELS: [(&str, &str); 4] =
    [("_fl", "front left"), ("_fr", "front right"), ("_rl", "rear left"), ("_rr", "rear right")];

/// The unit of a signal of the trace by its name; empty if it has none.
pub fn unit(name: &str) -> &'static str {
    UNITS.iter().find(|(ending, _)| name.ends_with(ending)).map_or("", |(_, unit)| unit)
}

/// The name of a signal as people say it: without its unit, with blanks.
pub fn short_name(name: &str) -> String {
    let ending = UNITS.iter().find(|(ending, _)| name.ends_with(ending)).map_or("", |(ending, _)| ending);
    name[..name.len() - ending.len()].replace('_', " ")
}

/// What a signal of the trace is, in one line with its unit; empty if it is none.
pub fn meaning(name: &str) -> String {
    let unit = unit(name);
    let with_unit = |meaning: &str| match unit {
        "" => meaning.to_owned(),
        unit => format!("{meaning}, {unit}"),
    };
    if let Some((_, meaning)) = MEANINGS.iter().find(|(known, _)| *known == name) {
        return with_unit(meaning);
    }
    for (wheel, place) in WHEELS {
        let found = MEANINGS.iter().find(|(known, _)| {
            name.strip_prefix(known)
                .is_some_and(|rest| rest == wheel || rest.starts_with(&format!("{wheel}_")))
        });
        if let Some((_, meaning)) = found {
            return with_unit(&format!("{meaning}, {place}"));
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use skidpad_engine::TraceSample;

    #[test]
    fn every_signal_of_the_trace_has_a_meaning_and_its_unit() {
        for (name, _) in TraceSample::COLUMNS {
            assert!(!meaning(name).is_empty(), "{name}");
        }
        assert_eq!(
            meaning("lateral_error_m"),
            "true lateral error of the rear axle, positive left of the path, m"
        );
        assert_eq!(meaning("load_fr_n"), "normal load of the wheel, front right, N");
        assert_eq!(meaning("slip_ratio_rl"), "longitudinal slip of the tyre, positive driven, rear left");
        assert_eq!((unit("ax_mps2"), unit("ref_curvature_1pm"), unit("gear")), ("m/s²", "1/m", ""));
        assert_eq!(meaning("nothing"), "");
        assert_eq!(short_name("believed_lateral_error_m"), "believed lateral error");
        assert_eq!(short_name("gear"), "gear");
    }
}
