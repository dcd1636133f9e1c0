//! What is accepted for each figure of a passenger car, and why. What was measured on one car, or depends on
//! its engine, is no range of the class: it stands in `validation.toml` in that car's folder.

use crate::{Figure, OwnRanges, circle, frequency, lane_change, ride, sine_with_dwell, step_steer, straight};

/// One row of the table of figures.
struct Row {
    key: &'static str,
    manoeuvre: &'static str,
    name: &'static str,
    unit: &'static str,
    low: f64,
    high: f64,
    source: &'static str,
    counts: Counts,
}

/// Whether a figure outside its range fails the car.
#[derive(Clone, Copy, PartialEq)]
enum Counts {
    Always,
    WithStabilityControl,
    Never,
}

const fn row(
    manoeuvre: &'static str,
    key: &'static str,
    name: &'static str,
    unit: &'static str,
    [low, high]: [f64; 2],
    source: &'static str,
) -> Row {
    Row { key, manoeuvre, name, unit, low, high, source, counts: Counts::Always }
}

const fn shown(mut row: Row) -> Row {
    row.counts = Counts::Never;
    row
}

const fn with_stability_control(mut row: Row) -> Row {
    row.counts = Counts::WithStabilityControl;
    row
}

/// No bound on this side.
const LOW: f64 = f64::NEG_INFINITY;
const HIGH: f64 = f64::INFINITY;

const CLASS: &str = "[R] class values (Heissing, Zomotor)";
const RULE_126: &str = "[P] 49 CFR 571.126; does not count without stability control, which most cars need";

/// The table, in the order in which it is shown.
const TABLE: &[Row] = &[
    row(
        circle::NAME,
        "understeer_gradient_deg_per_g",
        "understeer gradient, road wheel",
        "°/g",
        [2.0, 5.0],
        "[P] characteristic speed 65–100 km/h of today's cars",
    ),
    row(
        circle::NAME,
        "understeer_gradient_wheel_deg_per_g",
        "understeer gradient, steering wheel",
        "°/g",
        [30.0, 80.0],
        "[P] as above, at the steering wheel",
    ),
    row(
        circle::NAME,
        "understeer_gradient_radius_deg_per_g",
        "understeer gradient, 100 m radius",
        "°/g",
        [2.0, 5.0],
        "[P] as above, by the other method",
    ),
    row(
        circle::NAME,
        "characteristic_speed_kmh",
        "characteristic speed",
        "km/h",
        [65.0, 100.0],
        "[P] single-track slides, euromotor.org",
    ),
    row(
        circle::NAME,
        "linear_range_g",
        "steering linear within 5 % up to",
        "g",
        [0.35, HIGH],
        "[R] linear to 0.35 g or more",
    ),
    row(
        circle::NAME,
        "max_lateral_acceleration_g",
        "lateral acceleration, 300-foot skid pad",
        "g",
        [0.75, 0.95],
        "[R] passenger cars on all-season or touring tyres",
    ),
    row(
        circle::NAME,
        "roll_gradient_deg_per_g",
        "roll gradient",
        "°/g",
        [3.0, 6.0],
        "[C] BMW E90 3.3 (Chrono); [R] sedans 3–6",
    ),
    row(
        circle::NAME,
        "sideslip_gradient_deg_per_g",
        "sideslip gradient, nose-in, 80 km/h",
        "°/g",
        [1.0, 3.0],
        "[R] 1–3 toward nose-in",
    ),
    shown(row(
        circle::NAME,
        "sideslip_gradient_radius_deg_per_g",
        "sideslip gradient, nose-in, 100 m radius",
        "°/g",
        [LOW, HIGH],
        "no published range; the rear axle's compliance alone",
    )),
    row(step_steer::NAME, "yaw_rate_t90_s", "yaw rate, time to 90 %", "s", [0.12, 0.30], CLASS),
    row(step_steer::NAME, "yaw_rate_peak_time_s", "yaw rate, time of the peak", "s", [0.25, 0.50], CLASS),
    row(step_steer::NAME, "yaw_rate_overshoot_pct", "yaw rate, overshoot", "%", [5.0, 35.0], CLASS),
    row(
        step_steer::NAME,
        "lateral_acceleration_t90_s",
        "lateral acceleration, time to 90 %",
        "s",
        [0.2, 0.4],
        CLASS,
    ),
    row(step_steer::NAME, "tb_factor_s_deg", "TB: peak time × sideslip", "s·°", [0.2, 1.0], CLASS),
    shown(row(
        frequency::NAME,
        "yaw_gain_1ps",
        "yaw rate / steering wheel at 0.2 Hz",
        "1/s",
        [0.15, 0.40],
        "[R] typical of sedans at 80 km/h",
    )),
    row(
        frequency::NAME,
        "yaw_bandwidth_hz",
        "yaw rate, −3 dB bandwidth",
        "Hz",
        [1.5, 3.0],
        "[R] class values",
    ),
    row(frequency::NAME, "yaw_resonance_hz", "yaw rate, resonance", "Hz", [0.7, 1.3], "[R] class values"),
    row(frequency::NAME, "yaw_peak_ratio", "yaw rate, peak / static", "", [1.0, 1.6], "[R] class values"),
    row(
        frequency::NAME,
        "yaw_phase_1hz_deg",
        "yaw rate, phase at 1 Hz",
        "°",
        [-60.0, -20.0],
        "[R] class values",
    ),
    row(
        lane_change::NAME,
        "clean_speed_kmh",
        "highest clean entry speed",
        "km/h",
        [65.0, 80.0],
        "[P] Teknikens Värld: clean 65–72, good from 75; km77 reference 77",
    ),
    shown(row(
        lane_change::NAME,
        "clean_exit_speed_kmh",
        "exit speed of that run",
        "km/h",
        [LOW, HIGH],
        "no published range",
    )),
    shown(row(
        sine_with_dwell::NAME,
        "sis_angle_deg",
        "A: steering wheel at 0.3 g, 13.5 °/s",
        "°",
        [20.0, 45.0],
        "[R] typical of sedans",
    )),
    with_stability_control(row(
        sine_with_dwell::NAME,
        "yaw_rate_ratio_1_00s_pct",
        "largest yaw-rate ratio after 1.00 s",
        "%",
        [LOW, 35.0],
        RULE_126,
    )),
    with_stability_control(row(
        sine_with_dwell::NAME,
        "yaw_rate_ratio_1_75s_pct",
        "largest yaw-rate ratio after 1.75 s",
        "%",
        [LOW, 20.0],
        RULE_126,
    )),
    with_stability_control(row(
        sine_with_dwell::NAME,
        "stable_amplitude_deg",
        "stable up to a steering wheel of",
        "°",
        [270.0, HIGH],
        RULE_126,
    )),
    shown(row(
        sine_with_dwell::NAME,
        "stable_amplitude_without_esc_deg",
        "the same without stability control",
        "°",
        [LOW, HIGH],
        "no published range",
    )),
    row(
        sine_with_dwell::NAME,
        "lateral_displacement_m",
        "least displacement at 1.07 s from 5 A",
        "m",
        [1.83, HIGH],
        "[P] 49 CFR 571.126",
    ),
    row(straight::BRAKING, "braking_distance_m", "distance", "m", [36.0, 42.0], "[P] 36–42 dry"),
    row(
        straight::BRAKING,
        "mean_deceleration_mps2",
        "mean fully developed deceleration",
        "m/s²",
        [9.19, 10.72],
        "[P] of the same distances: v²/2d",
    ),
    row(straight::BRAKING, "braking_build_up_s", "build-up to 90 %", "s", [0.15, 0.30], "[R] 0.15–0.3"),
    shown(row(
        straight::ACCELERATION,
        "zero_to_sixty_mph_s",
        "0–60 mph, 1 ft roll-out left out",
        "s",
        [LOW, HIGH],
        "depends on the engine",
    )),
    shown(row(
        straight::ACCELERATION,
        "creep_speed_mps",
        "creep speed after 15 s",
        "m/s",
        [LOW, HIGH],
        "depends on the drive",
    )),
    shown(row(straight::COAST, "coast_time_s", "time", "s", [LOW, HIGH], "no published range")),
    row(
        straight::COAST,
        "coast_time_over_closed_form",
        "time / closed form",
        "",
        [0.995, 1.005],
        "[N] rolling resistance and air drag in closed form",
    ),
    row(straight::PITCH, "dive_gradient_deg_per_g", "dive", "°/g", [1.2, 2.5], "[R] 1.2–2.5"),
    row(straight::PITCH, "squat_gradient_deg_per_g", "squat", "°/g", [1.0, 2.5], "[R] 1–2.5"),
    row(ride::NAME, "heave_frequency_hz", "heave, natural frequency", "Hz", [1.1, 1.5], "[R] 1.1–1.5"),
    row(ride::NAME, "heave_damping_ratio", "heave, damping ratio", "", [0.25, 0.40], "[R] 0.25–0.4"),
    row(ride::NAME, "wheel_hop_frequency_hz", "wheel hop", "Hz", [10.0, 14.0], "[R] 10–14"),
];

/// The keys of the table, in its order.
pub(crate) fn keys() -> impl Iterator<Item = &'static str> + Clone {
    TABLE.iter().map(|row| row.key)
}

/// The table filled with what was found; the car's own ranges come before those of the class.
/// Some count only with `stability_control`.
pub(crate) fn judge(found: &[(&'static str, f64)], own: &OwnRanges, stability_control: bool) -> Vec<Figure> {
    TABLE
        .iter()
        .map(|row| {
            let value = found.iter().find(|(key, _)| *key == row.key).map_or(f64::NAN, |(_, value)| *value);
            let counts = match row.counts {
                Counts::Always => true,
                Counts::WithStabilityControl => stability_control,
                Counts::Never => false,
            };
            let (low, high, source, informative) = match own.get(row.key) {
                Some(own) => {
                    (own.low.unwrap_or(LOW), own.high.unwrap_or(HIGH), own.source.clone().into(), false)
                }
                None => (row.low, row.high, row.source.into(), !counts),
            };
            Figure {
                key: row.key,
                manoeuvre: row.manoeuvre,
                name: row.name,
                value,
                unit: row.unit,
                low: (low > LOW).then_some(low),
                high: (high < HIGH).then_some(high),
                source,
                informative,
                passed: value >= low && value <= high,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OwnRange;

    #[test]
    fn a_figure_that_was_not_measured_fails() {
        let figures =
            judge(&[("roll_gradient_deg_per_g", 4.0), ("linear_range_g", 0.3)], &OwnRanges::new(), true);
        let passed = |key: &str| figures.iter().find(|figure| figure.key == key).unwrap().passed;
        assert!(passed("roll_gradient_deg_per_g"));
        assert!(!passed("linear_range_g"));
        assert!(!passed("yaw_bandwidth_hz"));
    }

    #[test]
    fn a_range_of_the_car_itself_comes_before_that_of_its_class_and_counts() {
        let range = |low, high| OwnRange { low, high, source: "[M] track".to_string() };
        let own = OwnRanges::from([
            ("roll_gradient_deg_per_g".to_string(), range(Some(3.1), Some(3.5))),
            ("creep_speed_mps".to_string(), range(None, Some(2.0))),
        ]);
        let found = [("roll_gradient_deg_per_g", 4.0), ("creep_speed_mps", 1.5)];
        let figures = judge(&found, &own, true);
        let of = |key: &str| figures.iter().find(|figure| figure.key == key).unwrap();
        assert!(!of("roll_gradient_deg_per_g").passed);
        assert_eq!(of("roll_gradient_deg_per_g").source, "[M] track");
        assert!(of("creep_speed_mps").passed && !of("creep_speed_mps").informative);
        let of_class = judge(&found, &OwnRanges::new(), true);
        assert!(of_class.iter().find(|figure| figure.key == "creep_speed_mps").unwrap().informative);
    }

    #[test]
    fn the_sine_with_dwell_counts_for_a_car_with_stability_control_only() {
        for esc in [false, true] {
            let figures = judge(&[("yaw_rate_ratio_1_00s_pct", 90.0)], &OwnRanges::new(), esc);
            let figure = figures.iter().find(|figure| figure.key == "yaw_rate_ratio_1_00s_pct").unwrap();
            assert!(!figure.passed && figure.informative != esc);
        }
    }

    #[test]
    fn rows_of_a_manoeuvre_stand_together_and_keys_are_unique() {
        let mut seen: Vec<&str> = Vec::new();
        for row in TABLE {
            if seen.last() != Some(&row.manoeuvre) {
                assert!(!seen.contains(&row.manoeuvre), "{} is torn apart", row.manoeuvre);
                seen.push(row.manoeuvre);
            }
            assert_eq!(TABLE.iter().filter(|other| other.key == row.key).count(), 1, "{}", row.key);
            assert!(row.low < row.high, "{}", row.key);
        }
    }
}
