use crate::car::{Car, Driver, Flaw};
use crate::explain;
use crate::observer::{Observer, RunEvent};
use crate::operator::Operator;
use crate::outside::{FIRST_UNIT, Outside, Sender};
use crate::replay::recording_of;
use crate::seats::{SeatId, Seats};
use crate::stack::{Stack, StackParts};
use crate::trace::TraceSample;
use crate::watch::ExternalReport;
use skidpad_bywire::{EventKind, Mode, Subsystem, Unit};
use skidpad_can::{Babble, Bus, ErrorState, Frame, FrameEffect, FrameFault, NodeId, StateChange};
use skidpad_kernel::{NoiseStream, Periodic, SimTime};
use skidpad_msgs::apollo::canbus::chassis::DrivingMode;
use skidpad_msgs::apollo::control::DrivingAction;
use skidpad_scenario::{
    Action, Fault, FaultEffect, FaultPlace, LoadedScenario, Override, Pad, Schedule, SensorsFlaw,
};
use skidpad_score::{Metrics, PassLimits, Verdict, verdict};
use skidpad_sensors::{ImuParams, Port, Receiver, ReceiverParams};
use skidpad_stack::canbus::{Canbus, CanbusConf};
use skidpad_stack::planning::{Planning, PlanningConf};
use skidpad_vehicle::{ActuatorDemand, Gear, PlantReport};
use std::collections::BTreeMap;
use std::time::Duration;

/// One tick.
pub const TICK: Duration = Duration::from_millis(1);
/// Unix time of the start of a run that is not told otherwise, s: 14 July 2017, 02:40 UTC. A constant, so that stamps
/// in messages are the same in every run.
pub const EPOCH_UNIX_S: f64 = 1_500_000_000.0;

/// Time between two samples of score and trace.
const SAMPLE_PERIOD: Duration = Duration::from_millis(10);
/// The car's by-wire bus.
const BIT_RATE: u32 = 500_000;
/// Brake pedal under the foot of a driver who holds the car, %.
const HOLDING_BRAKE_PCT: f64 = 30.0;
/// A car slower than this is held by the driver until the stack takes over, m/s.
const HELD_BELOW_MPS: f64 = 0.5;
const COMPUTER: NodeId = Sender::Computer.node();

/// What a caller may change about a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunOptions {
    /// Replaces the seed of the scenario.
    pub seed: Option<u64>,
    /// Seats that are filled from outside, besides those that the scenario gives away.
    pub external: Seats,
    /// Unix time of the first tick, s. A stack that lives on a clock gets the time of that clock here: stamps in
    /// messages and GPS time of the receiver count from it.
    pub epoch_unix_s: f64,
}

impl Default for RunOptions {
    fn default() -> Self {
        RunOptions { seed: None, external: Seats::NONE, epoch_unix_s: EPOCH_UNIX_S }
    }
}

/// A scenario that cannot run: what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {message}")]
pub struct SetupError {
    /// The scenario's file.
    pub file: String,
    /// What was wrong, what was expected.
    pub message: String,
}

/// What a finished run leaves behind.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was measured.
    pub metrics: Metrics,
    /// The limits held against it.
    pub verdict: Verdict,
    /// What happened.
    pub events: Vec<RunEvent>,
    /// SHA-256 of the true trajectory of every tick.
    pub truth_hash: String,
    /// Length of the run, s.
    pub simulated_s: f64,
    /// Seed of the noise.
    pub seed: u64,
    /// What a reader of the score should know, one sentence each.
    pub explanations: Vec<String>,
    /// What the seats outside did; absent if there were none.
    pub external: Option<ExternalReport>,
    /// Why the run ended early, if the stack outside never took over or died: the score then tells nothing of it.
    pub lost: Option<String>,
}

/// What a run waits for, whose stack is outside and does not drive yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// External seats that have not been heard for a second.
    pub silent: Seats,
    /// What the operator has come to.
    pub operator: &'static str,
}

/// A part of a tick, in the order of the tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Events of the scenario act, frames that have crossed the bus arrive at both ends.
    FramesIn,
    /// By-wire ECUs, collisions, the vehicle on its ground.
    Car,
    /// The receiver and what arrives from it.
    Sensors,
    /// The ECUs' reports.
    FramesOut,
    /// The seats of the stack and the messages between them.
    Stack,
    /// Hash of the truth, score, sample of the trace.
    Score,
}

/// One run of one scenario.
pub struct Simulation {
    scenario: LoadedScenario,
    seed: u64,
    now: SimTime,
    duration: Duration,
    schedule: Schedule,
    driver: Driver,
    /// The driver holds the standing car until the stack takes over.
    holds_car: bool,
    car: Car,
    bus: Bus,
    /// When the car's own receiver computes a fix, and until when it sees no satellites.
    own_gps: Periodic,
    no_satellites_until: SimTime,
    /// Faults of by-wire units that end, and when.
    unit_faults: Vec<(SimTime, Subsystem, skidpad_bywire::Fault)>,
    receiver: Receiver,
    receiver_port: Port,
    /// What the port sends in one tick; kept for its memory.
    receiver_bytes: Vec<u8>,
    stack: Stack,
    external: Seats,
    /// Why who fills a seat outside is lost, as it was told there.
    lost_outside: Option<String>,
    epoch_unix_s: f64,
    engages: bool,
    start_held: bool,
    observer: Observer,
    sampling: Periodic,
    estop: bool,
    /// A canbus outside says that it is in emergency mode.
    external_emergency: bool,
    explanations: Vec<String>,
    /// What a caller wants to happen in the next tick, and how often that has been.
    injected: Vec<(Option<String>, Action)>,
    injected_count: usize,
}

impl Simulation {
    /// Sets everything up for the first tick.
    ///
    /// # Errors
    /// [`SetupError`] if a part refuses its parameters, or the reference cannot be driven.
    pub fn new(scenario: &LoadedScenario, options: &RunOptions) -> Result<Self, SetupError> {
        let fail = |message: String| SetupError { file: scenario.file.display().to_string(), message };
        let spec = &scenario.scenario;
        let seed = options.seed.unwrap_or(spec.seed);

        let recording = recording_of(scenario)?;
        let turned =
            recording.as_ref().zip(scenario.reference.as_ref()).and_then(|(recording, reference)| {
                explain::heading_turn(recording, reference, &scenario.frame, &scenario.control)
            });
        let planning = recording
            .map(|recording| Planning::new(recording, PlanningConf::default()))
            .transpose()
            .map_err(|error| fail(error.to_string()))?;
        let external = options.external.union(Seats::external_in(&spec.stack));
        let out_of_reach = explain::out_of_reach(scenario, external);
        let external_canbus = external.contains(SeatId::Canbus);
        let plans = planning.is_some() || external.contains(SeatId::Planning);
        let canbus = (!external_canbus)
            .then(|| Canbus::for_car(CanbusConf::default(), &scenario.vehicle.dbc))
            .transpose()
            .map_err(|error| fail(error.to_string()))?;
        let stack = Stack::new(StackParts {
            epoch_unix_s: options.epoch_unix_s,
            external,
            zone: scenario.frame.utm,
            planning,
            control: scenario.control.as_ref().clone(),
            calibration: scenario.calibration.as_ref().clone(),
            operator: Operator::new(spec.operator.engage, plans),
            canbus,
        });

        let holds_car = spec.operator.engage && scenario.start.speed_mps.abs() < HELD_BELOW_MPS;
        let driver = Driver::default();
        let foot_pct = if holds_car { HOLDING_BRAKE_PCT } else { 0.0 };
        let gear = scenario.start.gear.unwrap_or(start_gear(scenario.start.speed_mps, spec.operator.engage));
        let car = Car::new(scenario, seed, gear, &driver.input(SimTime::ZERO, foot_pct)).map_err(&fail)?;

        let (receiver, imu) = sensor_params(scenario).map_err(&fail)?;
        let receiver = Receiver::new(receiver, imu, &scenario.frame.enu, options.epoch_unix_s, seed)
            .map_err(|error| fail(error.to_string()))?;
        Ok(Simulation {
            seed,
            now: SimTime::ZERO,
            duration: SimTime::from_s(spec.duration_s).since(SimTime::ZERO),
            schedule: Schedule::new(&scenario.events),
            driver,
            holds_car,
            car,
            bus: bus(),
            own_gps: Periodic::new(Duration::from_secs(1), Duration::ZERO),
            no_satellites_until: SimTime::ZERO,
            unit_faults: Vec::new(),
            receiver,
            receiver_port: Port::apollo(),
            receiver_bytes: Vec::new(),
            stack,
            external,
            lost_outside: None,
            epoch_unix_s: options.epoch_unix_s,
            engages: spec.operator.engage,
            start_held: false,
            observer: Observer::new(
                options.epoch_unix_s,
                scenario.frame,
                scenario.reference.clone(),
                scenario.control.lateral.steer_single_direction_max_deg,
            ),
            sampling: Periodic::new(SAMPLE_PERIOD, Duration::ZERO),
            estop: false,
            external_emergency: false,
            explanations: turned.into_iter().chain(out_of_reach).collect(),
            injected: Vec::new(),
            injected_count: 0,
            scenario: scenario.clone(),
        })
    }

    /// The instant of the next tick.
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// What the by-wire units measured on the vehicle in the last tick.
    pub fn plant(&self) -> &PlantReport {
        &self.car.plant
    }

    /// What the by-wire units asked of the vehicle in the last tick.
    pub fn demand(&self) -> &ActuatorDemand {
        &self.car.demand
    }

    /// True once the last tick has been taken, or the stack outside has died.
    pub fn is_finished(&self) -> bool {
        let over = self.observer.zero().is_some_and(|zero| self.now > zero + self.duration);
        over || self.lost().is_some()
    }

    /// What the run waits for while the scenario's time has not begun; `None` once it has.
    pub fn waiting(&self) -> Option<Waiting> {
        if self.observer.zero().is_some() {
            return None;
        }
        let (silent, operator) = self.stack.waiting(self.now);
        Some(Waiting { silent, operator })
    }

    /// Holds the start, or lets it go: as long as it is held, nobody presses a button and the scenario's time does not
    /// begin. For who has to learn the clock of a stack outside first.
    pub fn hold_start(&mut self, held: bool) {
        self.start_held = held;
        self.stack.hold_operator(held);
    }

    /// Makes this the Unix time of the first tick, for all stamps to come; see [`RunOptions::epoch_unix_s`].
    ///
    /// # Errors
    /// [`SetupError`] if it has no GPS time.
    pub fn set_epoch_unix_s(&mut self, epoch_unix_s: f64) -> Result<(), SetupError> {
        self.receiver.set_epoch(epoch_unix_s).map_err(|error| SetupError {
            file: self.scenario.file.display().to_string(),
            message: error.to_string(),
        })?;
        self.epoch_unix_s = epoch_unix_s;
        self.observer.set_epoch(epoch_unix_s);
        self.stack.set_epoch(epoch_unix_s);
        Ok(())
    }

    /// Why the stack outside is taken for dead, if it is.
    pub fn lost(&self) -> Option<&str> {
        self.lost_outside.as_deref().or_else(|| self.stack.lost())
    }

    /// Takes one tick; the sample of this instant if one was due.
    pub fn step(&mut self) -> Option<TraceSample> {
        self.step_outside(&mut ())
    }

    /// As [`Simulation::step`], with someone outside who takes part.
    pub fn step_outside(&mut self, outside: &mut impl Outside) -> Option<TraceSample> {
        self.step_with(outside, |_| ())
    }

    /// As [`Simulation::step`], telling `begins` where each part of the tick begins: for a caller with a clock.
    pub fn step_watched(&mut self, begins: impl FnMut(Stage)) -> Option<TraceSample> {
        self.step_with(&mut (), begins)
    }

    fn step_with(
        &mut self,
        outside: &mut impl Outside,
        mut begins: impl FnMut(Stage),
    ) -> Option<TraceSample> {
        let now = self.now;
        outside.tick(now);
        if self.lost_outside.is_none()
            && let Some(why) = outside.lost()
        {
            self.observer.event(now, "stack_lost", why.clone());
            self.lost_outside = Some(why);
        }
        if now == SimTime::ZERO && !self.waits_for_stack(outside) {
            self.begin(now, outside);
        }
        begins(Stage::FramesIn);
        if self.observer.zero().is_some() {
            self.act(now);
        }
        let bus = &mut self.bus;
        // A canbus outside uses the computer's controller.
        let is_off = self.external.contains(SeatId::Canbus) && bus.is_off(now, COMPUTER);
        let node = |peer| if is_off { COMPUTER } else { Sender::Outside(peer).node() };
        outside.frames_in(now, &mut |peer, frame| bus.send(now, node(peer), frame));
        if self.external.contains(SeatId::Canbus) {
            outside.computer_off_bus(is_off);
        }
        self.deliver_frames(now, outside);
        begins(Stage::Car);
        self.move_car(now);
        begins(Stage::Sensors);
        self.sense(now, outside);
        begins(Stage::FramesOut);
        self.report_frames(now);
        begins(Stage::Stack);
        self.run_seats(now, outside);
        begins(Stage::Score);
        let mut sample = None;
        if self.observer.zero().is_some() {
            self.observer.hash(&self.car);
            if self.sampling.due(now) {
                if self.external.contains(SeatId::Control) {
                    self.stack.look_at_command(now);
                }
                sample = Some(self.observer.sample(now, &self.car, &self.stack));
            }
        }
        self.now += TICK;
        sample
    }

    /// Whether the scenario's time begins only with the stack in the car: with any seat on topics. A canbus that is
    /// known on CAN alone engages when it likes, and its scenario begins at once.
    fn waits_for_stack(&self, outside: &impl Outside) -> bool {
        let canbus_only = self.external == Seats::NONE.with(SeatId::Canbus);
        !self.external.is_empty() && (!canbus_only || outside.has_topics())
    }

    /// The scenario's time begins.
    fn begin(&mut self, now: SimTime, outside: &mut impl Outside) {
        outside.scenario_begins(now);
        self.sampling = Periodic::new(SAMPLE_PERIOD, now.since(SimTime::ZERO));
        self.observer.begin(now);
        self.stack.watch().begin(now);
    }

    /// Whether the stack that was waited for is there: the car is in auto, or, where nobody engages it, all speak.
    fn stack_is_there(&self, now: SimTime) -> bool {
        match self.engages {
            true => self.stack.driving_mode() == DrivingMode::CompleteAutoDrive,
            false => self.stack.waiting(now).0.is_empty(),
        }
    }

    /// Runs to the end, handing each sample to `on_sample`; `None` if `stop` said so on the way (asked ten
    /// times a simulated second).
    pub fn run(self, on_sample: impl FnMut(&TraceSample), stop: impl Fn() -> bool) -> Option<Outcome> {
        self.run_outside(&mut (), on_sample, stop)
    }

    /// As [`Simulation::run`], with someone outside who takes part.
    pub fn run_outside(
        mut self,
        outside: &mut impl Outside,
        mut on_sample: impl FnMut(&TraceSample),
        stop: impl Fn() -> bool,
    ) -> Option<Outcome> {
        let mut asking = Periodic::new(Duration::from_millis(100), Duration::ZERO);
        while !self.is_finished() {
            if asking.due(self.now) && stop() {
                return None;
            }
            if let Some(sample) = self.step_outside(outside) {
                on_sample(&sample);
            }
        }
        Some(self.finish())
    }

    /// The result of the ticks so far.
    pub fn finish(mut self) -> Outcome {
        let last = self.now - TICK;
        let simulated_s = self.observer.scenario_s(last);
        let lost = self.lost().map(str::to_owned);
        let waited_s = self.observer.zero().unwrap_or(last).as_s();
        let external = (!self.external.is_empty())
            .then(|| ExternalReport { waited_s, ..self.stack.external_report(last) });
        let (mut metrics, events, truth_hash) = self.observer.finish();
        add_counts(&mut metrics, &self.bus, &self.car, &self.stack);
        let verdict = held(&metrics, &self.scenario.scenario.pass, &events);
        let mut explanations = self.explanations;
        let events_of_file = &self.scenario.events;
        explanations
            .extend(self.schedule.waiting().map(|index| explain::never_happened(events_of_file, index)));
        Outcome {
            metrics,
            verdict,
            events,
            truth_hash,
            simulated_s,
            seed: self.seed,
            explanations,
            external,
            lost,
        }
    }

    /// 1. Due events act.
    fn act(&mut self, now: SimTime) {
        if !self.unit_faults.is_empty() {
            self.mend(now);
        }
        let speed_mps = self.car.plant.wheel_speed_mps.abs();
        while let Some(index) =
            self.schedule.due(self.observer.scenario_s(now), self.observer.errors.station_m, speed_mps)
        {
            let event = &self.scenario.events[index];
            let (name, action) = (event.name.clone(), event.action.clone());
            self.perform(now, index, name, action);
        }
        if !self.injected.is_empty() {
            self.perform_injected(now);
        }
    }

    /// What was injected happens as if it were at the end of the scenario's file.
    fn perform_injected(&mut self, now: SimTime) {
        for (name, action) in std::mem::take(&mut self.injected) {
            let index = self.scenario.events.len() + self.injected_count;
            self.injected_count += 1;
            self.perform(now, index, name, action);
        }
    }

    /// The event at `index` of the file happens.
    fn perform(&mut self, now: SimTime, index: usize, name: Option<String>, action: Action) {
        if let Some(name) = name {
            self.observer.event(now, name, "");
        }
        match action {
            Action::GnssOutage { for_s } => {
                let duration = Duration::from_secs_f64(for_s);
                self.receiver.begin_outage(now, duration);
                self.no_satellites_until = self.no_satellites_until.max(now + duration);
                self.observer.event(now, "gnss_outage", format!("satellites lost for {for_s} s"));
            }
            Action::GnssSilence { for_s } => {
                self.receiver.silence(now, Duration::from_secs_f64(for_s));
                self.observer.event(now, "gnss_silence", format!("receiver silent for {for_s} s"));
            }
            Action::GnssDegrade { best, for_s } => {
                self.receiver.limit_fix(now, best, Duration::from_secs_f64(for_s));
                self.observer.event(now, "gnss_degraded", format!("no better than {best:?} for {for_s} s"));
            }
            Action::GnssLoseCorrections { for_s } => {
                self.receiver.lose_corrections(now, Duration::from_secs_f64(for_s));
                self.observer.event(now, "gnss_no_corrections", format!("none for {for_s} s"));
            }
            Action::GnssWrongFix { offset_m: [east, north], for_s } => {
                self.receiver.resolve_wrongly(now, [east, north, 0.0], Duration::from_secs_f64(for_s));
                let detail = format!("{:.2} m off for {for_s} s", east.hypot(north));
                self.observer.event(now, "gnss_wrong_fix", detail);
            }
            Action::GnssMultipath { sigma_m, for_s } => {
                self.receiver.reflect(now, sigma_m, Duration::from_secs_f64(for_s));
                let detail = format!("{sigma_m} m (1 sigma) for {for_s} s");
                self.observer.event(now, "gnss_multipath", detail);
            }
            Action::LoseCommands { for_s } => {
                let ids = Some(self.car.bywire.command_ids());
                let until = now + Duration::from_secs_f64(for_s);
                let fault = FrameFault { effect: FrameEffect::Lose, ids, share: 1.0, until };
                self.bus.inject(fault, fault_noise(self.seed, index));
            }
            Action::Fault(fault) => self.fail(now, index, &fault),
            Action::Driver { wheel, brake_pct, throttle_pct, gear, parking_brake, turn_signal, for_s } => {
                let until = now + Duration::from_secs_f64(for_s);
                if let Some(wheel) = wheel {
                    self.driver.hold_wheel(until, wheel);
                }
                if brake_pct > 0.0 {
                    self.driver.brake(until, brake_pct);
                }
                if throttle_pct > 0.0 {
                    self.driver.throttle(until, throttle_pct);
                }
                if let Some(gear) = gear {
                    self.driver.shift(gear.into());
                }
                if let Some(applied) = parking_brake {
                    self.driver.park(applied);
                }
                if let Some(turn) = turn_signal {
                    self.driver.signal(until, turn.into());
                }
            }
            Action::Gust(gust) => {
                self.car.begin_gust(now, gust);
                let detail = format!("{} m/s for {} s", gust.peak_mps, gust.for_s);
                self.observer.event(now, "gust", detail);
            }
            Action::SteeringOffset { offset_rad, for_s } => {
                self.car.begin_flaw(now + Duration::from_secs_f64(for_s), Flaw::SteeringOffset(offset_rad));
                let detail = format!("{:.1} deg for {for_s} s", offset_rad.to_degrees());
                self.observer.event(now, "steering_offset", detail);
            }
            Action::BrakeFade { share, for_s } => {
                self.car.begin_flaw(now + Duration::from_secs_f64(for_s), Flaw::BrakeFade(share));
                self.observer.event(now, "brake_fade", format!("{:.0} % less for {for_s} s", 100.0 * share));
            }
            Action::Friction { scale, for_s } => {
                self.car.begin_flaw(now + Duration::from_secs_f64(for_s), Flaw::Friction(scale));
                self.observer.event(now, "friction", format!("{scale} times that of the map for {for_s} s"));
            }
            Action::Control(change) => {
                // Looked up when the scenario was loaded; with control outside there is nobody to tell.
                if let Some(conf) = &change.conf {
                    self.stack.set_control_conf(conf);
                    self.observer.event(now, "control_parameters", names(&change.overrides));
                }
            }
            Action::PlanningEstop(estop) => self.stack.set_planning_estop(estop),
            Action::Pad(pad) => self.stack.press(
                now,
                match pad {
                    Pad::Start => DrivingAction::Start,
                    Pad::Reset => DrivingAction::Reset,
                    Pad::Stop => DrivingAction::Stop,
                },
            ),
        }
    }

    /// A fault of the scenario begins.
    fn fail(&mut self, now: SimTime, index: usize, fault: &Fault) {
        let until = match fault.for_s.is_finite() {
            true => now + Duration::from_secs_f64(fault.for_s),
            // Longer than any run.
            false => now + self.duration + TICK,
        };
        let node = match fault.place {
            FaultPlace::Unit(unit, _) => node_of(unit),
            FaultPlace::Bus | FaultPlace::Computer => COMPUTER,
        };
        self.observer.event(now, "fault", format!("{} of {}", fault.name, fault.unit));
        match (fault.effect, fault.place) {
            (FaultEffect::Frames(effect), _) => {
                let ids = fault.ids.clone();
                self.bus.inject(
                    FrameFault { effect, ids, share: fault.share, until },
                    fault_noise(self.seed, index),
                );
            }
            (FaultEffect::BusOff, _) => self.bus.switch_off(now, node, until),
            (FaultEffect::Babble, _) => {
                for id in fault.ids.iter().flatten() {
                    let frame = Frame::new(*id, [0; 8]);
                    self.bus.babble(Babble { node, frame, period: fault.period, next: now, until });
                }
            }
            (FaultEffect::Reset, FaultPlace::Unit(unit, _)) => self.car.bywire.reset(now, unit),
            (FaultEffect::Unit(kind), FaultPlace::Unit(_, subsystem)) => {
                // The vocabulary names no fault that its unit cannot have.
                if self.car.bywire.set_fault(now, subsystem, kind, true).is_ok() {
                    self.unit_faults.push((until, subsystem, kind));
                }
            }
            // Nor one of these without a unit.
            (FaultEffect::Reset | FaultEffect::Unit(_), FaultPlace::Bus | FaultPlace::Computer) => {}
        }
    }

    /// Faults of units that are over go away, unless another of the same kind goes on.
    fn mend(&mut self, now: SimTime) {
        while let Some(at) = self.unit_faults.iter().position(|(until, ..)| *until <= now) {
            let (_, subsystem, kind) = self.unit_faults.swap_remove(at);
            if !self.unit_faults.iter().any(|(_, other, fault)| (*other, *fault) == (subsystem, kind)) {
                // It could have the fault, so it can lose it.
                let _ = self.car.bywire.set_fault(now, subsystem, kind, false);
            }
        }
    }

    /// 2. Frames that have crossed the bus arrive at every node but their sender.
    fn deliver_frames(&mut self, now: SimTime, outside: &mut impl Outside) {
        while let Some(delivery) = self.bus.poll(now) {
            outside.frame_out(delivery.at, Sender::of(delivery.node), &delivery.frame);
            let reader = self.car.bywire.reader(delivery.frame.id).map(node_of);
            if reader.is_some_and(|node| delivery.reaches(node) && !self.bus.is_off(now, node)) {
                self.car.receive(now, &delivery.frame);
            }
            if delivery.reaches(COMPUTER) && !self.bus.is_off(now, COMPUTER) {
                self.stack.on_frame(&delivery.frame);
            }
        }
        for StateChange { at, node, state } in self.bus.drain_state_changes() {
            let name = match state {
                ErrorState::Active => continue,
                ErrorState::Passive => "error_passive",
                ErrorState::Off => "bus_off",
            };
            let unit = Unit::ALL.into_iter().find(|unit| node_of(*unit) == node);
            let whose = unit.map_or("computer".to_string(), |unit| unit.to_string());
            self.observer.event(at, name, whose);
        }
    }

    /// 3. ECUs and vehicle; the first tick shows the car as it was placed.
    fn move_car(&mut self, now: SimTime) {
        if now == SimTime::ZERO {
            return;
        }
        if self.external.contains(SeatId::Canbus) {
            self.watch_external_canbus(now);
        }
        let held = self.holds_car && self.stack.operator().foot_on_brake();
        let foot_pct = if held { HOLDING_BRAKE_PCT } else { 0.0 };
        let driver = self.driver.input(now, foot_pct);
        if self.observer.zero().is_none() {
            self.car.stand(now, &driver);
        } else if let Some(collision) = self.car.step(now, self.observer.scenario_s(now), &driver) {
            self.observer.event(now, "collision", collision.detail);
        }
        if !self.car.cones.is_empty() {
            let speed_mps = self.car.state.velocity_mps.norm();
            for (name, [x, y, _]) in self.car.cones.drain_hits() {
                self.observer.event(
                    now,
                    "cone_hit",
                    format!("{name} at x {x:.1}, y {y:.1} m, at {speed_mps:.1} m/s"),
                );
            }
        }
        for event in self.car.bywire_events() {
            let name = match event.kind {
                EventKind::Override => "driver_override",
                EventKind::Timeout => "bywire_timeout",
                EventKind::Fault(_) | EventKind::Watchdog(_) => "bywire_fault",
                EventKind::Reset => "bywire_reset",
                EventKind::Rejected(_) => "bywire_command_rejected",
                _ => continue,
            };
            self.observer.event(event.time, name, event.subsystem.to_string());
        }
    }

    /// What the by-wire units obey is the drive mode that a canbus outside has brought about. The driver lifts the
    /// foot in the tick in which the first of them is enabled: later would be an override.
    fn watch_external_canbus(&mut self, now: SimTime) {
        let enabled = |subsystem| self.car.bywire.mode(subsystem) == Some(Mode::Enabled);
        let pedals = enabled(Subsystem::Brake) && enabled(Subsystem::Throttle);
        let mode = match (enabled(Subsystem::Steering), pedals) {
            (true, true) => DrivingMode::CompleteAutoDrive,
            (true, false) => DrivingMode::AutoSteerOnly,
            (false, true) => DrivingMode::AutoSpeedOnly,
            (false, false) => DrivingMode::CompleteManual,
        };
        let any = [Subsystem::Brake, Subsystem::Throttle, Subsystem::Steering].into_iter().any(enabled);
        self.holds_car &= !any;
        let before = self.stack.driving_mode();
        self.stack.set_external_mode(mode);
        let (was, is) = (before == DrivingMode::CompleteAutoDrive, mode == DrivingMode::CompleteAutoDrive);
        if was != is {
            let (name, detail) = match is {
                true => ("engaged", "brake, throttle and steering obey the canbus outside"),
                false => ("disengaged", "a by-wire unit no longer obeys the canbus outside"),
            };
            self.observer.event(now, name, detail);
        }
        // Before the scenario begins an operator who is refused tries again: no news.
        let emergency = self.stack.reports_emergency() && self.observer.zero().is_some();
        if emergency && !self.external_emergency {
            self.observer.event(now, "emergency_mode", "the canbus outside says so");
        }
        self.external_emergency = emergency;
    }

    /// 4. Sensors.
    fn sense(&mut self, now: SimTime, outside: &mut impl Outside) {
        self.receiver.observe(now, &self.car.truth());
        while let Some(output) = self.receiver.poll(now) {
            self.receiver_bytes.clear();
            self.receiver_port.send(&output, &mut self.receiver_bytes);
            outside.receiver_out(now, &output, &self.receiver_bytes);
            self.stack.on_receiver(now, &self.receiver_bytes, outside);
        }
    }

    /// 5. ECUs report.
    fn report_frames(&mut self, now: SimTime) {
        if self.own_gps.due(now) {
            let unix_s = (self.epoch_unix_s + now.as_s()).floor() as i64;
            let satellites = now >= self.no_satellites_until;
            self.car.fix(unix_s, &self.scenario.frame.enu, satellites);
        }
        let bus = &mut self.bus;
        self.car.transmit(now, |unit, frame| bus.send(now, node_of(unit), frame));
    }

    /// 6. Seats.
    fn run_seats(&mut self, now: SimTime, outside: &mut impl Outside) {
        let bus = &mut self.bus;
        let gave_up = self.stack.operator().gave_up();
        self.stack.tick(now, outside, |frame| bus.send(now, COMPUTER, frame));
        if self.observer.zero().is_none() && !self.start_held && self.stack_is_there(now) {
            self.begin(now, outside);
        }
        for notice in self.stack.watch().drain_notices() {
            self.observer.event(notice.at, notice.name, notice.detail);
        }
        if self.stack.operator().gave_up() && !gave_up {
            self.observer.event(
                now,
                "engage_failed",
                "the stack did not take over after five presses of START",
            );
        }
        for change in self.stack.drain_mode_changes() {
            let name = match (change.from, change.to) {
                (_, DrivingMode::CompleteAutoDrive) => "engaged",
                (_, DrivingMode::EmergencyMode) => "emergency_mode",
                (DrivingMode::CompleteAutoDrive, _) => "disengaged",
                _ => continue,
            };
            self.observer.event(now, name, change.cause.to_string());
            if change.from == DrivingMode::CompleteAutoDrive && name != "disengaged" {
                self.observer.event(now, "disengaged", change.cause.to_string());
            }
        }
        if !self.stack.control_drives() {
            return;
        }
        // Control holds an emergency stop from its start until the first RESET; only later ones are news.
        let engaged = self.stack.driving_mode() == DrivingMode::CompleteAutoDrive;
        let estop = self.stack.is_estop() && (engaged || self.estop);
        if estop && !self.estop {
            self.observer.event(now, "estop", "control latched an emergency stop");
        }
        self.estop = estop;
    }
}

/// What is changed, as the file has it.
fn names(overrides: &BTreeMap<String, Override>) -> String {
    let one = |(key, value): (&String, &Override)| match value {
        Override::Number(number) => format!("{key} = {number}"),
        Override::Table(inner) => inner
            .iter()
            .map(|(inner, value)| names(&BTreeMap::from([(format!("{key}.{inner}"), value.clone())])))
            .collect::<Vec<_>>()
            .join(", "),
    };
    overrides.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The bus with the controllers that are always on it.
fn bus() -> Bus {
    let mut bus = Bus::new(BIT_RATE);
    bus.join(COMPUTER);
    Unit::ALL.into_iter().for_each(|unit| bus.join(node_of(unit)));
    bus
}

/// What was counted on the bus and at its ends joins what was measured on the road.
fn add_counts(metrics: &mut Metrics, bus: &Bus, car: &Car, stack: &Stack) {
    if !car.cones.is_empty() {
        metrics.cones_hit = car.cones.hit_count() as f64;
    }
    metrics.bus_load_max_pct = 100.0 * bus.peak_load();
    metrics.bus_frames_lost = bus.counters().lost as f64;
    metrics.bus_error_frames = bus.counters().error_frames as f64;
    metrics.bus_load_mean_pct = 100.0 * bus.mean_load();
    let rejected = car.bywire.rejected_commands();
    metrics.commands_rejected = rejected.total() as f64;
    metrics.commands_rejected_length = rejected.length as f64;
    metrics.commands_rejected_checksum = rejected.checksum as f64;
    metrics.commands_rejected_counter = rejected.counter as f64;
    metrics.commands_rejected_range = rejected.range as f64;
    // A canbus outside keeps its own count.
    if let Some(flawed) = stack.flawed_reports() {
        metrics.reports_flawed = flawed.total() as f64;
        metrics.reports_flawed_length = flawed.length as f64;
        metrics.reports_flawed_checksum = flawed.checksum as f64;
        metrics.reports_flawed_counter = flawed.counter as f64;
        metrics.reports_flawed_range = flawed.range as f64;
    }
}

/// The limits held against what was measured and what happened.
fn held(metrics: &Metrics, limits: &PassLimits, events: &[RunEvent]) -> Verdict {
    let names: Vec<(f64, &str)> =
        events.iter().filter(|e| e.time_s >= 0.0).map(|e| (e.time_s, e.name.as_str())).collect();
    verdict(metrics, limits, &names)
}

/// The controller of a by-wire unit on the bus.
fn node_of(unit: Unit) -> NodeId {
    NodeId(FIRST_UNIT + unit as u8)
}

/// What the event of this index of the scenario draws from: no other event changes it.
fn fault_noise(seed: u64, index: usize) -> NoiseStream {
    NoiseStream::new(seed, &format!("can.fault.{index}"))
}

fn start_gear(speed_mps: f64, engage: bool) -> Gear {
    if speed_mps < 0.0 {
        Gear::Reverse
    } else if engage || speed_mps > 0.0 {
        Gear::Drive
    } else {
        Gear::Park
    }
}

/// Density of a road of class A, m³.
const CLASS_A_M3: f64 = 16e-6;

fn sensor_params(scenario: &LoadedScenario) -> Result<(ReceiverParams, ImuParams), String> {
    let spec = &scenario.scenario;
    let flaw = |(table, _, message): SensorsFlaw| format!("[sensors] {table}: {message}");
    let (receiver, mut imu) = spec.sensors.params().map_err(flaw)?;
    if let Some(road) = spec.road {
        // Densities of ISO 8608 grow fourfold a class, amplitudes twofold.
        imu.vibration.road_mps2 *= (road.roughness.density_m3() / CLASS_A_M3).sqrt();
    }
    Ok((receiver, imu))
}

mod view;

#[cfg(test)]
mod external_tests;
#[cfg(test)]
mod tests;
