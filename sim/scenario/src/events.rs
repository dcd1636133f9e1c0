//! What happens during a run, and when.

use crate::fault::Fault;
use crate::spec::{EventSpec, GearName, GnssFault, Override, Pad, TurnName, WhenSpec};
use skidpad_sensors::FixType;
use skidpad_stack::control::ControlConf;
use skidpad_world::Gust;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Driver torque if the scenario gives none, Nm: a firm grip, well above what an override needs.
const FIRM_GRIP_NM: f64 = 10.0;

/// The longest run there is, s.
const LONGEST_S: f64 = 3600.0;

/// An event of the run by its name in the report and in `[pass] events`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventInfo {
    /// The name.
    pub name: &'static str,
    /// When it is reported.
    pub meaning: &'static str,
}

/// The events that the simulator reports by itself. Besides these, each `[[event]]` with a name is
/// reported under that name when it happens.
pub const EVENTS: &[EventInfo] = &[
    EventInfo { name: "collision", meaning: "the hull touched a barrier or another body" },
    EventInfo { name: "cone_hit", meaning: "the hull touched a cone, for the first time" },
    EventInfo { name: "estop", meaning: "the stack's control began an emergency stop" },
    EventInfo { name: "engaged", meaning: "the stack took control (COMPLETE_AUTO_DRIVE)" },
    EventInfo { name: "disengaged", meaning: "the stack lost control" },
    EventInfo { name: "emergency_mode", meaning: "the stack's canbus went to EMERGENCY_MODE" },
    EventInfo { name: "engage_failed", meaning: "the operator gave up pressing START" },
    EventInfo { name: "driver_override", meaning: "an ECU saw the driver act and stopped obeying" },
    EventInfo { name: "bywire_timeout", meaning: "an ECU missed its command frames and stopped obeying" },
    EventInfo { name: "bywire_fault", meaning: "an ECU reported a fault" },
    EventInfo {
        name: "bywire_command_rejected",
        meaning: "an ECU ignored a command, the first in a row, since something was wrong with it",
    },
    EventInfo { name: "bywire_reset", meaning: "an ECU restarted" },
    EventInfo {
        name: "error_passive",
        meaning: "a controller on the CAN bus met so many errors that it only listens to its own",
    },
    EventInfo { name: "bus_off", meaning: "a controller went off the CAN bus" },
    EventInfo {
        name: "stack_lost",
        meaning: "who fills a seat from outside is gone for good, and the run ends",
    },
    EventInfo { name: "planning_silent", meaning: "planning outside sent nothing for 2 s" },
    EventInfo { name: "planning_back", meaning: "it speaks again" },
    EventInfo { name: "control_silent", meaning: "control outside sent nothing for 0.2 s" },
    EventInfo { name: "control_back", meaning: "it speaks again" },
    EventInfo { name: "localization_silent", meaning: "localization outside sent nothing for 0.2 s" },
    EventInfo { name: "localization_back", meaning: "it speaks again" },
    EventInfo { name: "canbus_silent", meaning: "canbus outside sent no chassis for 0.5 s" },
    EventInfo { name: "canbus_back", meaning: "it speaks again" },
    EventInfo {
        name: "gnss_driver_silent",
        meaning: "the driver outside sent nothing for 0.2 s, and the receiver did",
    },
    EventInfo { name: "gnss_driver_back", meaning: "it speaks again" },
    EventInfo { name: "command_not_finite", meaning: "control outside sent NaN or infinity" },
    EventInfo { name: "stale_command", meaning: "the stamp of a command from outside was over 0.2 s off" },
    EventInfo { name: "command_flood", meaning: "over 500 commands came from outside in a second" },
    EventInfo { name: "two_controllers", meaning: "the commands from outside had two senders" },
    EventInfo { name: "fault", meaning: "a fault of the bus or of an ECU began" },
    EventInfo { name: "gnss_outage", meaning: "the satellites were lost" },
    EventInfo { name: "gnss_silence", meaning: "the receiver stopped sending" },
    EventInfo { name: "gnss_degraded", meaning: "the satellite fix was held down" },
    EventInfo { name: "gnss_no_corrections", meaning: "the base station's corrections stopped" },
    EventInfo { name: "gnss_wrong_fix", meaning: "the ambiguities were resolved wrongly" },
    EventInfo { name: "gnss_multipath", meaning: "reflected signals pulled the satellite position" },
    EventInfo { name: "gust", meaning: "a gust of wind began" },
    EventInfo { name: "steering_offset", meaning: "the steering-angle sensor began to read too much" },
    EventInfo { name: "brake_fade", meaning: "the service brakes lost torque" },
    EventInfo { name: "friction", meaning: "the friction of the road changed" },
    EventInfo { name: "control_parameters", meaning: "the embedded control got other parameters" },
];

/// When an event happens; once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trigger {
    /// At this time since the start of the run, s.
    Time(f64),
    /// When the rear axle first reaches this (unrolled) station of the reference, m.
    Station(f64),
    /// When the speed is first above this, m/s.
    SpeedAbove(f64),
    /// When the speed first falls below this after it has been above, m/s.
    SpeedBelow(f64),
    /// A time after another event began.
    After {
        /// Index of that event.
        event: usize,
        /// How long after, s.
        delay_s: f64,
    },
}

/// What happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// The satellites are lost for a while; the INS coasts.
    GnssOutage {
        /// How long, s.
        for_s: f64,
    },
    /// The receiver sends nothing for a while.
    GnssSilence {
        /// How long, s.
        for_s: f64,
    },
    /// The satellite fix gets no better than this for a while.
    GnssDegrade {
        /// The best type.
        best: FixType,
        /// How long, s.
        for_s: f64,
    },
    /// The base station's corrections do not arrive for a while.
    GnssLoseCorrections {
        /// How long, s.
        for_s: f64,
    },
    /// The ambiguities are resolved wrongly for a while.
    GnssWrongFix {
        /// Error of the position, east and north, m.
        offset_m: [f64; 2],
        /// How long, s.
        for_s: f64,
    },
    /// Reflected signals pull the position for a while.
    GnssMultipath {
        /// 1σ per axis, m.
        sigma_m: f64,
        /// How long, s.
        for_s: f64,
    },
    /// The by-wire command frames are lost for a while.
    LoseCommands {
        /// How long, s.
        for_s: f64,
    },
    /// The bus or a by-wire unit fails.
    Fault(Fault),
    /// The driver acts for a while.
    Driver {
        /// Holds the wheel.
        wheel: Option<HoldWheel>,
        /// Brake pedal, %; 0 if the driver does not touch it.
        brake_pct: f64,
        /// Accelerator pedal, %; 0 if the driver does not touch it.
        throttle_pct: f64,
        /// Moves the gear selector at the beginning.
        gear: Option<GearName>,
        /// Applies or releases the parking brake at the beginning.
        parking_brake: Option<bool>,
        /// Holds the turn signal lever.
        turn_signal: Option<TurnName>,
        /// How long, s.
        for_s: f64,
    },
    /// A gust of wind.
    Gust(Gust),
    /// The trajectory demands an emergency stop, or no longer.
    PlanningEstop(bool),
    /// The operator presses a button.
    Pad(Pad),
    /// The steering-angle sensor reads too much for a while.
    SteeringOffset {
        /// By how much, at the steering wheel, rad, positive left.
        offset_rad: f64,
        /// How long, s.
        for_s: f64,
    },
    /// The service brakes have lost torque for a while.
    BrakeFade {
        /// The share that is lost, 0 to 1.
        share: f64,
        /// How long, s.
        for_s: f64,
    },
    /// The road has another friction for a while.
    Friction {
        /// Times that of the map.
        scale: f64,
        /// How long, s.
        for_s: f64,
    },
    /// The embedded control gets other parameters.
    Control(ControlChange),
}

/// Other parameters of control.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlChange {
    /// As the file has them: changes to those of the scenario.
    pub overrides: BTreeMap<String, Override>,
    /// All of them, once they have been looked up in the car's control.toml.
    pub conf: Option<Arc<ControlConf>>,
}

/// The driver's hands at the wheel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HoldWheel {
    /// Angle the driver wants, rad, positive left.
    pub angle_rad: f64,
    /// Largest torque, Nm.
    pub torque_nm: f64,
}

/// An event, ready to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// When.
    pub trigger: Trigger,
    /// What.
    pub action: Action,
}

/// Why an event of a file cannot run.
pub(crate) enum Flaw {
    /// In `when`.
    When(String),
    /// In the action, or that there is none.
    Action(String),
    /// In one key of the action: `(action, key, message)`.
    Key(&'static str, &'static str, String),
}

impl Event {
    /// Reads an event; `names` are those of all events, by index.
    pub(crate) fn from_spec(spec: &EventSpec, names: &[Option<&str>]) -> Result<Event, Vec<Flaw>> {
        let mut flaws = Vec::new();
        let trigger = trigger(&spec.when, names).map_err(|message| flaws.push(Flaw::When(message)));
        let action = action(spec).map_err(|flaw| flaws.push(flaw));
        match (trigger, action) {
            (Ok(trigger), Ok(action)) => Ok(Event { name: spec.name.clone(), trigger, action }),
            _ => Err(flaws),
        }
    }
}

fn trigger(when: &WhenSpec, names: &[Option<&str>]) -> Result<Trigger, String> {
    let keys = [
        ("time_s", when.time_s.is_some()),
        ("station_m", when.station_m.is_some()),
        ("speed_above_mps", when.speed_above_mps.is_some()),
        ("speed_below_mps", when.speed_below_mps.is_some()),
        ("after", when.after.is_some()),
    ];
    exactly_one("`when`", &keys)?;
    if when.delay_s.is_some() && when.after.is_none() {
        return Err(
            "`delay_s` goes with `after` only: add it to the time, or name the event to wait for".into()
        );
    }
    if let Some(name) = &when.after {
        let Some(event) = names.iter().position(|n| *n == Some(name.as_str())) else {
            let hint = crate::names::hint(name, names.iter().flatten().copied());
            return Err(format!("no event is named \"{}\"{hint}", crate::structure::shorten(name)));
        };
        return Ok(Trigger::After { event, delay_s: when.delay_s.unwrap_or(0.0) });
    }
    // `exactly_one` leaves one of these.
    Ok(if let Some(time_s) = when.time_s {
        Trigger::Time(time_s)
    } else if let Some(station_m) = when.station_m {
        Trigger::Station(station_m)
    } else if let Some(speed_mps) = when.speed_above_mps {
        Trigger::SpeedAbove(speed_mps)
    } else {
        Trigger::SpeedBelow(when.speed_below_mps.unwrap_or(0.0))
    })
}

fn action(spec: &EventSpec) -> Result<Action, Flaw> {
    let keys = [
        ("gnss", spec.gnss.is_some()),
        ("bywire", spec.bywire.is_some()),
        ("fault", spec.fault.is_some()),
        ("driver", spec.driver.is_some()),
        ("gust", spec.gust.is_some()),
        ("planning", spec.planning.is_some()),
        ("pad", spec.pad.is_some()),
        ("car", spec.car.is_some()),
        ("road", spec.road.is_some()),
        ("control", spec.control.is_some()),
    ];
    exactly_one("an [[event]]", &keys).map_err(Flaw::Action)?;
    if let Some(fault) = &spec.gnss {
        return gnss_action(fault);
    }
    if let Some(fault) = &spec.bywire {
        return Ok(Action::LoseCommands { for_s: fault.lose_commands_s });
    }
    if let Some(fault) = &spec.fault {
        let fault = Fault::from_spec(fault);
        return fault.map(Action::Fault).map_err(|(key, message)| Flaw::Key("fault", key, message));
    }
    if let Some(driver) = &spec.driver {
        if driver.torque_nm.is_some() && driver.hold_wheel_deg.is_none() {
            let message =
                "`torque_nm` goes with `hold_wheel_deg`: say at which angle the driver holds the wheel";
            return Err(Flaw::Key("driver", "torque_nm", message.into()));
        }
        let acts = driver.hold_wheel_deg.is_some()
            || driver.brake_pct.is_some()
            || driver.throttle_pct.is_some()
            || driver.gear.is_some()
            || driver.parking_brake.is_some()
            || driver.turn_signal.is_some();
        if !acts {
            let message = "the driver does nothing: give `hold_wheel_deg`, `brake_pct`, `throttle_pct`, `gear`, `parking_brake` or `turn_signal`";
            return Err(Flaw::Key("driver", "", message.into()));
        }
        let wheel = driver.hold_wheel_deg.map(|angle_deg| HoldWheel {
            angle_rad: angle_deg.to_radians(),
            torque_nm: driver.torque_nm.unwrap_or(FIRM_GRIP_NM),
        });
        return Ok(Action::Driver {
            wheel,
            brake_pct: driver.brake_pct.unwrap_or(0.0),
            throttle_pct: driver.throttle_pct.unwrap_or(0.0),
            gear: driver.gear,
            parking_brake: driver.parking_brake,
            turn_signal: driver.turn_signal,
            for_s: driver.for_s,
        });
    }
    if let Some(gust) = &spec.gust {
        let rise_s = gust.rise_s.unwrap_or(0.5 * gust.for_s);
        if 2.0 * rise_s > gust.for_s {
            let message = format!(
                "`gust.rise_s` must be at most half of `for_s`: a gust falls as long as it rises; got {rise_s} of {} s",
                gust.for_s
            );
            return Err(Flaw::Key("gust", "rise_s", message));
        }
        return Ok(Action::Gust(Gust {
            peak_mps: gust.speed_mps,
            from_rad: gust.from_deg.to_radians(),
            rise_s,
            for_s: gust.for_s,
        }));
    }
    if let Some(planning) = &spec.planning {
        return Ok(Action::PlanningEstop(planning.estop));
    }
    if let Some(fault) = &spec.car {
        let keys = [
            ("steering_offset_deg", fault.steering_offset_deg.is_some()),
            ("brake_fade", fault.brake_fade.is_some()),
        ];
        exactly_one("`car`", &keys).map_err(|message| Flaw::Key("car", "", message))?;
        let for_s = fault.for_s.unwrap_or(LONGEST_S);
        // `exactly_one` leaves one of these.
        return Ok(match fault.steering_offset_deg {
            Some(deg) => Action::SteeringOffset { offset_rad: deg.to_radians(), for_s },
            None => Action::BrakeFade { share: fault.brake_fade.unwrap_or(0.0), for_s },
        });
    }
    if let Some(road) = &spec.road {
        let for_s = road.for_s.unwrap_or(LONGEST_S);
        return Ok(Action::Friction { scale: road.friction_scale, for_s });
    }
    if let Some(overrides) = &spec.control {
        return Ok(Action::Control(ControlChange { overrides: overrides.clone(), conf: None }));
    }
    match spec.pad {
        Some(pad) => Ok(Action::Pad(pad)),
        None => Err(Flaw::Action("an [[event]] needs an action".into())),
    }
}

fn gnss_action(fault: &GnssFault) -> Result<Action, Flaw> {
    let keys = [
        ("outage_s", fault.outage_s.is_some()),
        ("silence_s", fault.silence_s.is_some()),
        ("degrade_to", fault.degrade_to.is_some()),
        ("lose_corrections_s", fault.lose_corrections_s.is_some()),
        ("wrong_fix_m", fault.wrong_fix_m.is_some()),
        ("multipath_m", fault.multipath_m.is_some()),
    ];
    exactly_one("`gnss`", &keys).map_err(|message| Flaw::Key("gnss", "", message))?;
    let lasts = fault.degrade_to.is_some() || fault.wrong_fix_m.is_some() || fault.multipath_m.is_some();
    if fault.for_s.is_some() && !lasts {
        let message = "`for_s` goes with `degrade_to`, `wrong_fix_m` and `multipath_m`; the others are times";
        return Err(Flaw::Key("gnss", "for_s", message.into()));
    }
    if fault.bearing_deg.is_some() && fault.wrong_fix_m.is_none() {
        let message = "`bearing_deg` goes with `wrong_fix_m`: it says to which side the position is off";
        return Err(Flaw::Key("gnss", "bearing_deg", message.into()));
    }
    let for_s = fault.for_s.unwrap_or(LONGEST_S);
    // `exactly_one` leaves one of these.
    Ok(if let Some(for_s) = fault.outage_s {
        Action::GnssOutage { for_s }
    } else if let Some(for_s) = fault.silence_s {
        Action::GnssSilence { for_s }
    } else if let Some(best) = fault.degrade_to {
        Action::GnssDegrade { best, for_s }
    } else if let Some(for_s) = fault.lose_corrections_s {
        Action::GnssLoseCorrections { for_s }
    } else if let Some(wrong_m) = fault.wrong_fix_m {
        let (east, north) = libm::sincos(fault.bearing_deg.unwrap_or(0.0).to_radians());
        Action::GnssWrongFix { offset_m: [wrong_m * east, wrong_m * north], for_s }
    } else {
        Action::GnssMultipath { sigma_m: fault.multipath_m.unwrap_or(0.0), for_s }
    })
}

/// `Ok` if exactly one of the keys is there.
pub(crate) fn exactly_one(what: &str, keys: &[(&str, bool)]) -> Result<(), String> {
    let all: Vec<String> = keys.iter().map(|(key, _)| format!("`{key}`")).collect();
    let given: Vec<String> = keys.iter().filter(|(_, is)| *is).map(|(key, _)| format!("`{key}`")).collect();
    match given.len() {
        1 => Ok(()),
        0 => Err(format!("{what} needs one of {}", all.join(", "))),
        _ => Err(format!("{what} takes exactly one of {}, got {}", all.join(", "), given.join(" and "))),
    }
}

/// Tells which events are due. The engine asks once a tick.
///
/// ```
/// use skidpad_scenario::{Action, Event, Schedule, Trigger};
/// let outage = Action::GnssOutage { for_s: 1.0 };
/// let events = vec![
///     Event { name: None, trigger: Trigger::Time(1.0), action: outage.clone() },
///     Event { name: None, trigger: Trigger::After { event: 0, delay_s: 0.5 }, action: outage },
/// ];
/// let mut schedule = Schedule::new(&events);
/// assert_eq!(schedule.due(0.999, 0.0, 0.0), None);
/// assert_eq!(schedule.due(1.0, 0.0, 0.0), Some(0));
/// assert_eq!(schedule.due(1.0, 0.0, 0.0), None);
/// assert_eq!(schedule.due(1.5, 0.0, 0.0), Some(1));
/// ```
#[derive(Clone, Debug)]
pub struct Schedule {
    waiting: Vec<Waiting>,
    pending: usize,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    trigger: Trigger,
    /// When it happened, s.
    happened_s: Option<f64>,
    /// For [`Trigger::SpeedBelow`]: the speed has been above.
    armed: bool,
}

impl Schedule {
    /// The schedule of these events.
    pub fn new(events: &[Event]) -> Schedule {
        let waiting: Vec<Waiting> = events
            .iter()
            .map(|event| Waiting { trigger: event.trigger, happened_s: None, armed: false })
            .collect();
        Schedule { pending: waiting.len(), waiting }
    }

    /// The index of the next event that is due now, in file order; call it until it says `None`. Each
    /// event is due once. `station_m` is the rear axle's on the reference (NaN without one), `speed_mps`
    /// its speed either way.
    pub fn due(&mut self, time_s: f64, station_m: f64, speed_mps: f64) -> Option<usize> {
        // Times come from integer nanoseconds: half of one is no difference.
        const ROUNDING_S: f64 = 5e-10;
        if self.pending == 0 {
            return None;
        }
        for index in 0..self.waiting.len() {
            let Waiting { trigger, happened_s, armed } = self.waiting[index];
            if happened_s.is_some() {
                continue;
            }
            let due = match trigger {
                Trigger::Time(at_s) => time_s >= at_s - ROUNDING_S,
                Trigger::Station(at_m) => station_m >= at_m,
                Trigger::SpeedAbove(above_mps) => speed_mps > above_mps,
                Trigger::SpeedBelow(below_mps) => {
                    self.waiting[index].armed |= speed_mps > below_mps;
                    armed && speed_mps < below_mps
                }
                Trigger::After { event, delay_s } => {
                    let began_s = self.waiting.get(event).and_then(|other| other.happened_s);
                    began_s.is_some_and(|began_s| time_s >= began_s + delay_s - ROUNDING_S)
                }
            };
            if due {
                self.waiting[index].happened_s = Some(time_s);
                self.pending -= 1;
                return Some(index);
            }
        }
        None
    }

    /// The indices of the events that have not happened.
    pub fn waiting(&self) -> impl Iterator<Item = usize> + '_ {
        self.waiting
            .iter()
            .enumerate()
            .filter(|(_, event)| event.happened_s.is_none())
            .map(|(index, _)| index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_has_not_happened_waits() {
        let events = [event(Trigger::Time(1.0)), event(Trigger::Station(1e6)), event(Trigger::Time(2.0))];
        let mut schedule = Schedule::new(&events);
        assert_eq!(schedule.due(1.5, 10.0, 5.0), Some(0));
        assert_eq!(schedule.waiting().collect::<Vec<_>>(), [1, 2]);
    }

    fn event(trigger: Trigger) -> Event {
        Event { name: None, trigger, action: Action::PlanningEstop(true) }
    }

    fn times(trigger: Trigger, speed_mps: impl Fn(f64) -> f64) -> Vec<f64> {
        let events = [event(trigger)];
        let mut schedule = Schedule::new(&events);
        let mut happened = Vec::new();
        for ms in 0..20_000 {
            let t = f64::from(ms) * 1e-3;
            while schedule.due(t, 2.0 * t, speed_mps(t)).is_some() {
                happened.push(t);
            }
        }
        happened
    }

    #[test]
    fn the_events_that_the_score_knows_have_a_meaning() {
        for name in [skidpad_score::COLLISION_EVENT, skidpad_score::EMERGENCY_STOP_EVENT] {
            assert!(EVENTS.iter().any(|event| event.name == name), "{name}");
        }
    }

    #[test]
    fn an_event_happens_once_at_its_time_station_or_speed() {
        assert_eq!(times(Trigger::Time(1.5), |_| 0.0), [1.5]);
        assert_eq!(times(Trigger::Station(5.0), |_| 0.0), [2.5]);
        assert_eq!(times(Trigger::SpeedAbove(3.0), |t| t), [3.001]);
    }

    #[test]
    fn falling_below_a_speed_needs_to_have_been_above_it() {
        // From rest up to 5 m/s and down again: below 2 at the start does not count.
        let up_and_down = |t: f64| if t < 5.0 { t } else { (10.0 - t).max(0.0) };
        assert_eq!(times(Trigger::SpeedBelow(2.0), up_and_down), [8.001]);
        assert!(times(Trigger::SpeedBelow(7.0), up_and_down).is_empty());
    }

    #[test]
    fn an_event_may_wait_for_a_later_line_of_the_file() {
        let events = [event(Trigger::After { event: 1, delay_s: 0.0 }), event(Trigger::Time(1.0))];
        let mut schedule = Schedule::new(&events);
        assert_eq!(schedule.due(1.0, 0.0, 0.0), Some(1));
        assert_eq!(schedule.due(1.0, 0.0, 0.0), Some(0));
        assert_eq!(schedule.due(1.0, 0.0, 0.0), None);
    }
}
