//! The `[pass]` table and the verdict.

use crate::Metrics;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The event of a collision. Forbidden unless the scenario says otherwise.
pub const COLLISION_EVENT: &str = "collision";

/// The event of an emergency stop: stopping distances count from its first occurrence.
pub const EMERGENCY_STOP_EVENT: &str = "estop";

/// How a limit bounds a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The magnitude of the metric must not exceed the limit.
    AtMost,
    /// The metric must reach the limit.
    AtLeast,
    /// The flag must be as the limit says.
    Equal,
}

/// What a limit is called and what it bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitInfo {
    /// Key in the `[pass]` table.
    pub name: &'static str,
    /// Name of the metric that it bounds.
    pub metric: &'static str,
    /// How.
    pub bound: Bound,
    /// Unit of both; empty for counts.
    pub unit: &'static str,
}

/// Which events must and must not happen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventLimits {
    /// Events that must happen at least once.
    #[serde(default)]
    pub require: Vec<String>,
    /// Events that must not happen. Left out: `["collision"]`. A list given here replaces that default,
    /// so `forbid = []` allows collisions, and `forbid = ["estop"]` allows them too: write
    /// `forbid = ["collision", "estop"]` to forbid both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forbid: Option<Vec<String>>,
}

impl EventLimits {
    /// The forbidden events, the default applied: a collision, unless `forbid` is given or a collision
    /// is required.
    pub fn forbidden(&self) -> Vec<&str> {
        match &self.forbid {
            Some(names) => names.iter().map(String::as_str).collect(),
            None if self.require.iter().any(|name| name == COLLISION_EVENT) => Vec::new(),
            None => vec![COLLISION_EVENT],
        }
    }
}

macro_rules! limits {
    ($( $(#[doc = $doc:literal])+ $name:ident: $bound:ident $metric:ident $unit:literal; )+) => {
        /// The `[pass]` table of a scenario: the run passes if every limit given here holds.
        ///
        /// A limit on a metric that was not measured (NaN: the car never engaged, never stopped, …)
        /// fails. An empty table passes unless the car collides.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct PassLimits {
            $( $(#[doc = $doc])+
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub $name: Option<f64>, )+
            /// `true`: the car must stand at the end of the run; `false`: it must not.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub stopped: Option<bool>,
            /// `false`: the lateral error must not oscillate (metric `limit_cycle`).
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub limit_cycle: Option<bool>,
            /// Events that must, and must not, happen; without it a collision fails the run.
            #[serde(default)]
            pub events: EventLimits,
        }

        impl PassLimits {
            /// Every numeric limit there is, in the order of the report.
            pub const INFO: &[LimitInfo] = &[
                $( LimitInfo {
                    name: stringify!($name),
                    metric: stringify!($metric),
                    bound: Bound::$bound,
                    unit: $unit,
                }, )+
            ];

            /// The numeric limits that are set, in the order of [`INFO`](Self::INFO).
            pub fn set(&self) -> impl Iterator<Item = (&'static LimitInfo, f64)> {
                let values = [$( self.$name, )+];
                Self::INFO.iter().zip(values).filter_map(|(info, value)| Some((info, value?)))
            }
        }

        #[cfg(test)]
        fn set_all(value: f64) -> PassLimits {
            PassLimits {
                $( $name: Some(value), )+
                stopped: None,
                limit_cycle: None,
                events: EventLimits::default(),
            }
        }
    };
}

limits! {
    /// Rear axle to path, root mean square, m.
    lateral_error_rms_m: AtMost lateral_error_rms_m "m";
    /// Rear axle to path, largest, m.
    lateral_error_max_m: AtMost lateral_error_max_m "m";
    /// Rear axle to path, 95th percentile, m.
    lateral_error_p95_m: AtMost lateral_error_p95_m "m";
    /// Rear axle to path, 99th percentile, m.
    lateral_error_p99_m: AtMost lateral_error_p99_m "m";
    /// Magnitude of the mean lateral error, m.
    lateral_error_mean_max_m: AtMost lateral_error_mean_m "m";
    /// Least share of the time within ±0.3 m of the path, %.
    lateral_error_within_0_3_m_min_pct: AtLeast lateral_error_within_0_3_m_pct "%";
    /// Centre of mass to path, root mean square, m.
    lateral_error_cg_rms_m: AtMost lateral_error_cg_rms_m "m";
    /// Centre of mass to path, largest, m.
    lateral_error_cg_max_m: AtMost lateral_error_cg_max_m "m";
    /// What the stack believed its lateral error was, root mean square, m.
    believed_lateral_error_rms_m: AtMost believed_lateral_error_rms_m "m";
    /// Body against path, root mean square, deg.
    heading_error_rms_deg: AtMost heading_error_rms_deg "deg";
    /// Body against path, largest, deg.
    heading_error_max_deg: AtMost heading_error_max_deg "deg";
    /// Direction of motion against path, root mean square, deg.
    course_error_rms_deg: AtMost course_error_rms_deg "deg";
    /// Direction of motion against path, largest, deg.
    course_error_max_deg: AtMost course_error_max_deg "deg";
    /// Direction of motion of the rear axle against the body, largest, deg.
    sideslip_max_deg: AtMost sideslip_max_deg "deg";
    /// Speed against the reference at the nearest point, root mean square, m/s.
    speed_error_rms_mps: AtMost speed_error_rms_mps "m/s";
    /// Speed against the reference at the nearest point, largest, m/s.
    speed_error_max_mps: AtMost speed_error_max_mps "m/s";
    /// Station against the published trajectory, root mean square, m.
    station_error_rms_m: AtMost station_error_rms_m "m";
    /// Station against the published trajectory, largest, m.
    station_error_max_m: AtMost station_error_max_m "m";
    /// From the end of the reference to where the car came to rest, along the path, either way, m.
    end_station_error_max_m: AtMost end_station_error_m "m";
    /// From the path to where the car came to rest, either way, m.
    end_lateral_error_max_m: AtMost end_lateral_error_m "m";
    /// Heading error where the car came to rest, deg.
    end_heading_error_max_deg: AtMost end_heading_error_deg "deg";
    /// Distance from the first emergency stop (event `estop`) to standstill, m.
    stop_within_m: AtMost stop_distance_m "m";
    /// Least mean deceleration from the first emergency stop to standstill, m/s².
    stop_deceleration_min_mps2: AtLeast stop_deceleration_mps2 "m/s²";
    /// Largest distance to the side of the line of travel after the first emergency stop, m.
    stop_drift_max_m: AtMost stop_drift_max_m "m";
    /// Largest change of heading after the first emergency stop, deg.
    stop_heading_change_max_deg: AtMost stop_heading_change_max_deg "deg";
    /// Largest change of heading since the start of the run, turns added up, deg.
    heading_change_max_deg: AtMost heading_change_max_deg "deg";
    /// Farthest the car may move back from the farthest point it had reached, m.
    rollback_max_m: AtMost rollback_max_m "m";
    /// Believed position against the true one, root mean square, m.
    localization_error_rms_m: AtMost localization_error_rms_m "m";
    /// Believed position against the true one, largest, m.
    localization_error_max_m: AtMost localization_error_max_m "m";
    /// Least believed position error that must occur, m: proves that a fault bites.
    localization_error_min_m: AtLeast localization_error_max_m "m";
    /// Age of the believed pose, largest, s.
    localization_age_max_s: AtMost localization_age_max_s "s";
    /// How many cones the car may touch.
    cones_hit_max: AtMost cones_hit "";
    /// Least number of cones that the car must touch: proves that they stand in its way.
    cones_hit_min: AtLeast cones_hit "";
    /// Load of the CAN bus in any tenth of a second, largest, %.
    bus_load_max_pct: AtMost bus_load_max_pct "%";
    /// Least load of the CAN bus that some tenth of a second must reach, %: proves that a fault bites.
    bus_load_min_pct: AtLeast bus_load_max_pct "%";
    /// How many frames the CAN bus may lose.
    bus_frames_lost_max: AtMost bus_frames_lost "";
    /// Least number of error frames that must occur: proves that a fault bites.
    bus_error_frames_min: AtLeast bus_error_frames "";
    /// How many commands the by-wire units may ignore since something was wrong with them.
    commands_rejected_max: AtMost commands_rejected "";
    /// Least number of commands that a by-wire unit must ignore: proves that a fault bites.
    commands_rejected_min: AtLeast commands_rejected "";
    /// How many reports the embedded canbus may find wrong.
    reports_flawed_max: AtMost reports_flawed "";
    /// Least number of reports that the embedded canbus must find wrong: proves that a fault bites.
    reports_flawed_min: AtLeast reports_flawed "";
    /// Speeding up, largest, m/s².
    acceleration_max_mps2: AtMost acceleration_max_mps2 "m/s²";
    /// Slowing down, largest, m/s².
    deceleration_max_mps2: AtMost deceleration_max_mps2 "m/s²";
    /// Lateral acceleration, largest, m/s².
    lateral_acceleration_max_mps2: AtMost lateral_acceleration_max_mps2 "m/s²";
    /// Longitudinal jerk, largest, m/s³.
    longitudinal_jerk_max_mps3: AtMost longitudinal_jerk_max_mps3 "m/s³";
    /// Lateral jerk, largest, m/s³.
    lateral_jerk_max_mps3: AtMost lateral_jerk_max_mps3 "m/s³";
    /// Steering-wheel rate, largest, deg/s.
    steering_wheel_rate_max_dps: AtMost steering_wheel_rate_max_dps "deg/s";
    /// Steering-wheel reversals of 2° and more, per minute.
    steering_reversals_max_1pmin: AtMost steering_reversals_1pmin "1/min";
    /// Pedal alternations per kilometre.
    pedal_alternations_max_1pkm: AtMost pedal_alternations_1pkm "1/km";
    /// Least time under the stack's control, s.
    engaged_min_s: AtLeast engaged_s "s";
    /// Largest time under the stack's control, s.
    engaged_max_s: AtMost engaged_s "s";
    /// How often the stack may lose control.
    disengagements_max: AtMost disengagements "";
    /// Least share of the reference that must be reached, %.
    progress_min_pct: AtLeast progress_pct "%";
    /// Least distance to travel, m.
    distance_min_m: AtLeast distance_m "m";
    /// Largest distance to travel, m.
    distance_max_m: AtMost distance_m "m";
    /// Least top speed, m/s.
    top_speed_min_mps: AtLeast top_speed_mps "m/s";
    /// Largest top speed, m/s.
    top_speed_max_mps: AtMost top_speed_mps "m/s";
    /// Least speed at the end, m/s; below zero is backward.
    final_speed_min_mps: AtLeast final_speed_mps "m/s";
    /// Largest speed at the end, either way, m/s.
    final_speed_max_mps: AtMost final_speed_mps "m/s";
}

/// One limit held against the run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LimitResult {
    /// Key in the `[pass]` table; for events `events.require: NAME` or `events.forbid: NAME`.
    pub name: String,
    /// How the value is bounded.
    pub bound: Bound,
    /// The limit; for events the count they are held to, for flags 0 or 1.
    pub limit: f64,
    /// What was measured, with its sign; for events how often they happened.
    pub value: f64,
    /// Distance to the limit, negative when it is broken; NaN (`null`) if nothing was measured.
    pub margin: f64,
    /// The limit holds.
    pub passed: bool,
    /// Unit of limit, value and margin; empty for counts and flags.
    pub unit: &'static str,
}

/// How a limit stands while the run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It holds as far as the run has come.
    Holds,
    /// Not decided yet: the car has not come so far, or only the end of the run tells.
    Open,
    /// Beyond the limit now; a mean or a share that may come back.
    Beyond,
    /// Broken, whatever comes.
    Broken,
}

/// How a metric develops in a run.
enum Course {
    /// It never falls: a largest value, a count, a way.
    Grows,
    /// It is measured once, at some instant of the run.
    Once,
    /// A mean, a share or a rate over the run so far.
    Varies,
    /// It belongs to the last instant of the run.
    AtEnd,
}

fn course(metric: &str) -> Course {
    match metric {
        "stopped" | "final_speed_mps" => Course::AtEnd,
        "end_station_error_m" | "end_lateral_error_m" | "end_heading_error_deg" => Course::AtEnd,
        "stop_distance_m" | "stop_deceleration_mps2" => Course::Once,
        "steering_reversals_1pmin" | "pedal_alternations_1pkm" => Course::Varies,
        _ if ["_rms_", "_mean_", "_p95_", "_p99_", "_within_"].iter().any(|part| metric.contains(part)) => {
            Course::Varies
        }
        _ => Course::Grows,
    }
}

impl LimitResult {
    /// How it stands in a run that goes on; once the run is `finished`, it holds or is broken.
    pub fn standing(&self, finished: bool) -> Standing {
        let by_end = if self.passed { Standing::Holds } else { Standing::Broken };
        if finished {
            return by_end;
        }
        if self.margin.is_nan() {
            return Standing::Open;
        }
        // Flags and events are called as what they bound; a count of events grows.
        let info = PassLimits::INFO.iter().find(|info| info.name == self.name);
        match (course(info.map_or(&self.name, |info| info.metric)), self.bound) {
            (Course::AtEnd, _) => Standing::Open,
            (_, _) if self.passed => Standing::Holds,
            (Course::Varies, _) => Standing::Beyond,
            (Course::Once, _) => Standing::Broken,
            (Course::Grows, Bound::AtMost) => Standing::Broken,
            (Course::Grows, Bound::AtLeast) => Standing::Open,
            // A flag that rises once: wanted and not risen yet, or risen and not wanted.
            (Course::Grows, Bound::Equal) if self.limit > self.value => Standing::Open,
            (Course::Grows, Bound::Equal) => Standing::Broken,
        }
    }
}

/// Whether a run passed, limit by limit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// Every limit holds.
    pub passed: bool,
    /// All limits of the `[pass]` table, in a fixed order: numbers, flags, events.
    pub limits: Vec<LimitResult>,
}

/// Holds a run against its limits. `events` are those that happened, `(time_s, name)`.
///
/// ```
/// use skidpad_score::{EventLimits, Metrics, PassLimits, verdict};
/// let limits = PassLimits {
///     lateral_error_max_m: Some(0.3),
///     events: EventLimits { require: vec!["estop".into()], forbid: None },
///     ..Default::default()
/// };
/// let metrics = Metrics { lateral_error_max_m: 0.25, ..Default::default() };
/// let verdict = verdict(&metrics, &limits, &[(3.0, "estop".to_string())]);
/// assert!(verdict.passed);
/// assert!((verdict.limits[0].margin - 0.05).abs() < 1e-12);
/// ```
pub fn verdict<S: AsRef<str>>(metrics: &Metrics, limits: &PassLimits, events: &[(f64, S)]) -> Verdict {
    let mut results = Vec::new();
    let mut hold = |name: String, bound: Bound, limit: f64, value: f64, unit: &'static str| {
        let margin = match bound {
            Bound::AtMost => limit - value.abs(),
            Bound::AtLeast => value - limit,
            Bound::Equal => -(value - limit).abs(),
        };
        // A NaN margin, from a metric that was not measured, fails here.
        let passed = margin >= 0.0;
        results.push(LimitResult { name, bound, limit, value, margin, passed, unit });
    };
    for (info, limit) in limits.set() {
        let value = metrics.get(info.metric).unwrap_or(f64::NAN);
        hold(info.name.to_string(), info.bound, limit, value, info.unit);
    }
    for (name, wanted) in [("stopped", limits.stopped), ("limit_cycle", limits.limit_cycle)] {
        if let Some(wanted) = wanted {
            let value = metrics.get(name).unwrap_or(f64::NAN);
            hold(name.to_string(), Bound::Equal, f64::from(u8::from(wanted)), value, "");
        }
    }
    let count = |name: &str| events.iter().filter(|(_, event)| event.as_ref() == name).count() as f64;
    for name in &limits.events.require {
        hold(format!("events.require: {name}"), Bound::AtLeast, 1.0, count(name), "");
    }
    for name in limits.events.forbidden() {
        hold(format!("events.forbid: {name}"), Bound::AtMost, 0.0, count(name), "");
    }
    Verdict { passed: results.iter().all(|result| result.passed), limits: results }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_EVENTS: &[(f64, &str)] = &[];

    #[test]
    fn every_limit_bounds_a_metric_that_exists() {
        for info in PassLimits::INFO {
            assert!(Metrics::default().get(info.metric).is_some(), "{} bounds {}", info.name, info.metric);
        }
    }

    #[test]
    fn what_was_not_measured_fails_every_limit_on_it() {
        let limits = set_all(1.0);
        let verdict = verdict(&Metrics::default(), &limits, NO_EVENTS);
        assert!(!verdict.passed);
        let numbers = verdict.limits.iter().filter(|r| !r.name.starts_with("events"));
        assert_eq!(numbers.clone().count(), PassLimits::INFO.len());
        assert!(numbers.clone().all(|r| !r.passed && r.margin.is_nan()));
    }

    #[test]
    fn a_limit_holds_up_to_and_including_its_value() {
        let limits = PassLimits {
            end_station_error_max_m: Some(0.5),
            engaged_min_s: Some(10.0),
            ..Default::default()
        };
        let passed = |end_station_error_m, engaged_s| {
            let metrics = Metrics { end_station_error_m, engaged_s, ..Default::default() };
            verdict(&metrics, &limits, NO_EVENTS).passed
        };
        assert!(passed(0.5, 10.0) && passed(-0.5, 11.0));
        assert!(!passed(0.501, 10.0) && !passed(-0.501, 10.0) && !passed(0.0, 9.99));
    }

    #[test]
    fn flags_must_be_as_asked() {
        let limits = PassLimits { stopped: Some(true), limit_cycle: Some(false), ..Default::default() };
        let metrics = |stopped, limit_cycle| Metrics { stopped, limit_cycle, ..Default::default() };
        assert!(verdict(&metrics(true, false), &limits, NO_EVENTS).passed);
        assert!(!verdict(&metrics(false, false), &limits, NO_EVENTS).passed);
        assert!(!verdict(&metrics(true, true), &limits, NO_EVENTS).passed);
    }

    #[test]
    fn a_collision_fails_a_run_unless_the_scenario_allows_or_requires_it() {
        let crash = [(1.0, COLLISION_EVENT)];
        let passed = |events: EventLimits| {
            let limits = PassLimits { events, ..Default::default() };
            verdict(&Metrics::default(), &limits, &crash).passed
        };
        assert!(!passed(EventLimits::default()));
        assert!(passed(EventLimits { require: vec![], forbid: Some(vec![]) }));
        assert!(passed(EventLimits { require: vec!["collision".into()], forbid: None }));
        assert!(!passed(EventLimits { require: vec![], forbid: Some(vec!["collision".into()]) }));
    }

    #[test]
    fn a_required_event_that_does_not_happen_fails_the_run() {
        let limits = PassLimits {
            events: EventLimits { require: vec!["bywire_timeout".into()], forbid: None },
            ..Default::default()
        };
        assert!(!verdict(&Metrics::default(), &limits, NO_EVENTS).passed);
        assert!(verdict(&Metrics::default(), &limits, &[(2.0, "bywire_timeout")]).passed);
    }

    #[test]
    fn while_a_run_goes_on_only_what_cannot_recover_is_broken() {
        let limits = PassLimits {
            lateral_error_max_m: Some(0.3),
            lateral_error_rms_m: Some(0.1),
            progress_min_pct: Some(99.0),
            end_station_error_max_m: Some(0.5),
            stop_deceleration_min_mps2: Some(6.0),
            stopped: Some(true),
            limit_cycle: Some(false),
            events: EventLimits { require: vec!["estop".into()], forbid: None },
            ..Default::default()
        };
        let metrics = Metrics {
            lateral_error_max_m: 0.2,
            lateral_error_rms_m: 0.15,
            progress_pct: 12.0,
            ..Default::default()
        };
        let standing = |metrics: &Metrics, events: &[(f64, &str)], finished: bool, name: &str| {
            let verdict = verdict(metrics, &limits, events);
            let limit = verdict.limits.iter().find(|limit| limit.name == name).unwrap().clone();
            limit.standing(finished)
        };
        let now = |name: &str| standing(&metrics, NO_EVENTS, false, name);
        assert_eq!(now("lateral_error_max_m"), Standing::Holds);
        assert_eq!(now("lateral_error_rms_m"), Standing::Beyond);
        for name in ["progress_min_pct", "end_station_error_max_m", "stop_deceleration_min_mps2", "stopped"] {
            assert_eq!(now(name), Standing::Open, "{name}");
            assert_eq!(standing(&metrics, NO_EVENTS, true, name), Standing::Broken, "{name}");
        }
        assert_eq!((now("events.require: estop"), now("limit_cycle")), (Standing::Open, Standing::Holds));
        assert_eq!(now("events.forbid: collision"), Standing::Holds);
        // The car stands, at the wrong place: it may go on.
        let rests = Metrics { stopped: true, end_station_error_m: -40.0, ..metrics.clone() };
        assert_eq!(standing(&rests, NO_EVENTS, false, "end_station_error_max_m"), Standing::Open);
        let worse = Metrics {
            lateral_error_max_m: -0.31,
            stop_deceleration_mps2: 5.0,
            limit_cycle: true,
            ..metrics.clone()
        };
        for name in ["lateral_error_max_m", "stop_deceleration_min_mps2", "limit_cycle"] {
            assert_eq!(standing(&worse, NO_EVENTS, false, name), Standing::Broken, "{name}");
        }
        let crash = [(1.0, "collision")];
        assert_eq!(standing(&metrics, &crash, false, "events.forbid: collision"), Standing::Broken);
    }
}
