//! What a run is condensed into.

use serde::Serialize;

/// What a metric is called and means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricInfo {
    /// Name, as in the report and in [`Metrics`].
    pub name: &'static str,
    /// Unit; empty for flags and counts.
    pub unit: &'static str,
    /// One or more sentences.
    pub description: &'static str,
}

macro_rules! metrics {
    ($( $(#[doc = $doc:literal])+ $name:ident: $unit:literal; )+) => {
        /// The metrics of a run. NaN (`null` in JSON) where there was nothing to measure.
        ///
        /// **Counted** samples are those for which [`Errors::counted`](crate::Errors::counted) holds:
        /// the stack drives, the car is between the start and the end of the reference, and the car or
        /// the published trajectory moves (faster than 0.03 m/s), so that standing still dilutes
        /// nothing. "rms" is √(Σx²/n), "max" the largest magnitude, percentiles are of the magnitude.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        pub struct Metrics {
            /// The car stood (below 0.03 m/s) for the last half second of the run.
            pub stopped: bool,
            /// The lateral error oscillated: 5 cycles or more in a row with an amplitude of at least
            /// 0.05 m, periods within 15 % (coefficient of variation) and at most 10 s, decaying by less
            /// than 0.05 (logarithmic decrement) per cycle. A path that weaves regularly can excite the
            /// same signature.
            pub limit_cycle: bool,
            $( $(#[doc = $doc])+ #[doc = concat!("\n\nUnit: ", $unit, ".")] pub $name: f64, )+
        }

        impl Default for Metrics {
            /// Nothing measured.
            fn default() -> Self {
                Metrics { stopped: false, limit_cycle: false, $( $name: f64::NAN, )+ }
            }
        }

        impl Metrics {
            /// Every numeric metric, in the order of the report.
            pub const INFO: &[MetricInfo] = &[
                $( MetricInfo {
                    name: stringify!($name),
                    unit: $unit,
                    description: concat!($($doc),+).trim_ascii(),
                }, )+
            ];

            /// A metric by its name; flags as 0 and 1. `None` if there is no such metric.
            pub fn get(&self, name: &str) -> Option<f64> {
                match name {
                    "stopped" => Some(f64::from(u8::from(self.stopped))),
                    "limit_cycle" => Some(f64::from(u8::from(self.limit_cycle))),
                    $( stringify!($name) => Some(self.$name), )+
                    _ => None,
                }
            }
        }
    };
}

metrics! {
    /// Length of the run.
    duration_s: "s";
    /// Time under the stack's control.
    engaged_s: "s";
    /// Time of the counted samples.
    counted_s: "s";
    /// How often the stack lost control after having had it.
    disengagements: "";
    /// Distance travelled by the rear axle, forward and backward.
    distance_m: "m";
    /// Share of the reference that the car reached, at its farthest.
    progress_pct: "%";
    /// Largest speed, either way.
    top_speed_mps: "m/s";
    /// Speed at the end of the run, negative backward.
    final_speed_mps: "m/s";

    /// Rear axle to path.
    lateral_error_rms_m: "m";
    /// Rear axle to path.
    lateral_error_max_m: "m";
    /// Bias: mean with sign, positive left of the path.
    lateral_error_mean_m: "m";
    /// Median magnitude, rear axle to path.
    lateral_error_p50_m: "m";
    /// Rear axle to path.
    lateral_error_p95_m: "m";
    /// Rear axle to path.
    lateral_error_p99_m: "m";
    /// Centre of mass to path.
    lateral_error_cg_rms_m: "m";
    /// Centre of mass to path.
    lateral_error_cg_max_m: "m";
    /// Share of the counted time within ±0.1 m, rear axle.
    lateral_error_within_0_1_m_pct: "%";
    /// Share of the counted time within ±0.3 m, rear axle.
    lateral_error_within_0_3_m_pct: "%";
    /// Share of the counted time within ±0.5 m, rear axle.
    lateral_error_within_0_5_m_pct: "%";
    /// Lateral error that the stack believed it had: its own pose against the same path.
    believed_lateral_error_rms_m: "m";
    /// Lateral error that the stack believed it had.
    believed_lateral_error_max_m: "m";

    /// Heading of the body against the path.
    heading_error_rms_rad: "rad";
    /// Heading of the body against the path.
    heading_error_max_rad: "rad";
    /// Heading of the body against the path.
    heading_error_rms_deg: "deg";
    /// Heading of the body against the path.
    heading_error_max_deg: "deg";
    /// Direction of motion of the rear axle against the path, above 0.5 m/s.
    course_error_rms_deg: "deg";
    /// Direction of motion of the rear axle against the path, above 0.5 m/s.
    course_error_max_deg: "deg";
    /// Direction of motion of the rear axle against the heading of the body, above 0.5 m/s.
    sideslip_rms_deg: "deg";
    /// Direction of motion of the rear axle against the heading of the body, above 0.5 m/s.
    sideslip_max_deg: "deg";

    /// Speed against the reference speed at the nearest point of the path; like all errors of speed and
    /// station it counts until an emergency stop begins.
    speed_error_rms_mps: "m/s";
    /// Speed against the reference speed at the nearest point of the path.
    speed_error_max_mps: "m/s";
    /// Mean with sign, positive too fast.
    speed_error_mean_mps: "m/s";
    /// Speed against the reference speed where the published trajectory wants the car at that time.
    speed_error_by_time_rms_mps: "m/s";
    /// Speed against the reference speed where the published trajectory wants the car at that time.
    speed_error_by_time_max_mps: "m/s";
    /// Station against the one where the published trajectory wants the car at that time.
    station_error_rms_m: "m";
    /// Station against the one where the published trajectory wants the car at that time.
    station_error_max_m: "m";
    /// Mean with sign, positive ahead.
    station_error_mean_m: "m";

    /// Stop accuracy: distance along the path from the end of the reference to where the car came to
    /// rest, positive beyond the end. Only if the car stopped and the reference ends at rest.
    end_station_error_m: "m";
    /// Lateral error where the car came to rest, positive left. Only if the car stopped.
    end_lateral_error_m: "m";
    /// Heading error where the car came to rest. Only if the car stopped.
    end_heading_error_deg: "deg";
    /// Distance from the first emergency stop (event `estop`) to standstill.
    stop_distance_m: "m";
    /// Time from the first emergency stop to standstill.
    stop_time_s: "s";
    /// v²/(2·distance) from the first emergency stop to standstill.
    stop_deceleration_mps2: "m/s²";
    /// Largest distance to the side of the line that the car was heading along at the first emergency
    /// stop.
    stop_drift_max_m: "m";
    /// Largest change of heading since the first emergency stop.
    stop_heading_change_max_deg: "deg";
    /// Largest change of heading since the start of the run, turns added up.
    heading_change_max_deg: "deg";
    /// Farthest the car moved back from the farthest point it had reached; driving in reverse counts.
    rollback_max_m: "m";

    /// Believed position against the true one at the measurement time, horizontal.
    localization_error_rms_m: "m";
    /// Believed position against the true one at the measurement time, horizontal.
    localization_error_max_m: "m";
    /// Believed heading against the true one at the measurement time.
    localization_heading_error_rms_deg: "deg";
    /// Believed heading against the true one at the measurement time.
    localization_heading_error_max_deg: "deg";
    /// Age of the believed pose (now − measurement time).
    localization_age_mean_s: "s";
    /// Age of the believed pose (now − measurement time).
    localization_age_max_s: "s";

    /// Cones that the car touched. Only if there are any.
    cones_hit: "";

    /// Largest share of a tenth of a second that the CAN bus was occupied.
    bus_load_max_pct: "%";
    /// Frames that never reached the CAN bus: lost to a fault, to full mailboxes, or with their sender off the bus.
    bus_frames_lost: "";
    /// Frames destroyed on the CAN bus and sent again.
    bus_error_frames: "";
    /// Share of the run that the CAN bus was occupied.
    bus_load_mean_pct: "%";
    /// Commands that a by-wire unit ignored since something was wrong with them.
    commands_rejected: "";
    /// Of those, of the wrong length.
    commands_rejected_length: "";
    /// Of those, with a wrong checksum.
    commands_rejected_checksum: "";
    /// Of those, with a counter that is not one up from the frame before: lost, repeated or stale.
    commands_rejected_counter: "";
    /// Of those, with a value outside its range in the .dbc.
    commands_rejected_range: "";
    /// Reports in which the embedded canbus found something wrong (cars with checksums and counters).
    reports_flawed: "";
    /// Of those, of the wrong length: ignored.
    reports_flawed_length: "";
    /// Of those, with a wrong checksum: ignored.
    reports_flawed_checksum: "";
    /// Of those, behind a gap in the counter: used.
    reports_flawed_counter: "";
    /// Of those, with a value outside its range in the .dbc: ignored.
    reports_flawed_range: "";

    /// Largest speeding up along the body, mean over 0.1 s.
    acceleration_max_mps2: "m/s²";
    /// Largest slowing down along the body, mean over 0.1 s, as a positive number.
    deceleration_max_mps2: "m/s²";
    /// To either side, mean over 0.1 s.
    lateral_acceleration_max_mps2: "m/s²";
    /// Along the body: change of acceleration over half a second, divided by half a second.
    longitudinal_jerk_max_mps3: "m/s³";
    /// To the side: change of acceleration over half a second, divided by half a second (as UN R79
    /// averages lateral jerk).
    lateral_jerk_max_mps3: "m/s³";

    /// Of the steering wheel, while the stack drives.
    steering_wheel_rate_rms_dps: "deg/s";
    /// Of the steering wheel, while the stack drives.
    steering_wheel_rate_max_dps: "deg/s";
    /// Reversals of the steering wheel of at least 2° after a 0.6 Hz second-order low-pass, per minute
    /// while the stack drives (SAE J2944; Markkula & Engström 2006).
    steering_reversals_1pmin: "1/min";
    /// Command, while the stack drives; what the command frames ask of a canbus known on CAN alone.
    steering_command_rms_pct: "%";
    /// Share of the time under the stack's control with a steering command of 99 % or more.
    steering_saturated_pct: "%";
    /// Command, while the stack drives; what the command frames ask of a canbus known on CAN alone.
    throttle_command_rms_pct: "%";
    /// Command, while the stack drives; what the command frames ask of a canbus known on CAN alone.
    throttle_command_max_pct: "%";
    /// Command, while the stack drives; what the command frames ask of a canbus known on CAN alone.
    brake_command_rms_pct: "%";
    /// Command, while the stack drives; what the command frames ask of a canbus known on CAN alone.
    brake_command_max_pct: "%";
    /// Changes from throttle to brake or back (commands above 1 %), per kilometre, while the stack drives.
    pedal_alternations_1pkm: "1/km";

    /// Amplitude of the largest limit cycle.
    limit_cycle_amplitude_m: "m";
    /// Period of the largest limit cycle.
    limit_cycle_period_s: "s";
}
