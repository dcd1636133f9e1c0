//! A by-wire system on the bench: one millisecond per tick, and a plant that does at once what it is asked.
#![allow(dead_code)]

use skidpad_bywire::{ByWire, ByWireParams, DriverInput, Event, EventKind, Mode, Subsystem};
use skidpad_can::{Dbc, Frame};
use skidpad_kernel::SimTime;
use skidpad_vehicle::{ActuatorDemand, Gear, PlantReport, SteeringDemand};

pub fn lincoln() -> Dbc {
    Dbc::parse(include_str!("../../../../vehicles/lincoln_mkz/bywire.dbc"), "bywire.dbc").unwrap()
}

pub struct Bench {
    pub dbc: Dbc,
    pub bywire: ByWire,
    pub ms: u64,
    pub plant: PlantReport,
    pub driver: DriverInput,
    pub demand: ActuatorDemand,
    /// Frames sent, with the tick.
    pub sent: Vec<(u64, Frame)>,
    pub events: Vec<Event>,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(ByWireParams::default())
    }

    /// Starts in drive, at rest, and has not ticked yet.
    pub fn with(params: ByWireParams) -> Self {
        let dbc = lincoln();
        let mut bywire = ByWire::new(&dbc, &params).unwrap();
        bywire.start_in_gear(Gear::Drive);
        let plant = PlantReport { gear: Gear::Drive, stationary: true, ..PlantReport::default() };
        let driver = DriverInput::default();
        let demand = bywire.update(SimTime::ZERO, &plant, &driver);
        Bench { dbc, bywire, ms: 0, plant, driver, demand, sent: Vec::new(), events: Vec::new() }
    }

    pub fn now(&self) -> SimTime {
        SimTime::from_ms(self.ms)
    }

    /// A frame of the named message with these signals.
    pub fn frame(&self, message: &str, values: &[(&str, f64)]) -> Frame {
        let layout = self.dbc.message_by_name(message).unwrap();
        let values: Vec<_> = values.iter().map(|(name, v)| (layout.handle(name).unwrap(), *v)).collect();
        layout.encode(&values)
    }

    pub fn receive(&mut self, frame: Frame) {
        self.bywire.receive(self.now(), &frame);
    }

    /// Receives a frame of the named message now.
    pub fn command(&mut self, message: &str, values: &[(&str, f64)]) {
        self.receive(self.frame(message, values));
    }

    /// One millisecond passes.
    pub fn tick(&mut self) {
        self.ms += 1;
        self.demand = self.bywire.update(self.now(), &self.plant, &self.driver);
        self.plant.throttle_pct = self.demand.throttle_pct;
        self.plant.brake_pct = self.demand.brake_pct;
        self.plant.gear = self.demand.gear;
        self.plant.parking_brake = self.demand.parking_brake;
        let (now, ms) = (self.now(), self.ms);
        let sent = &mut self.sent;
        self.bywire.transmit(now, &self.plant, &mut |frame| sent.push((ms, frame)));
        self.events.extend(self.bywire.events());
    }

    pub fn run(&mut self, ms: u64) {
        (0..ms).for_each(|_| self.tick());
    }

    /// Time passes while these frames come every 20 ms, now first.
    pub fn run_with(&mut self, ms: u64, frames: &[Frame]) {
        for passed in 0..ms {
            if passed % 20 == 0 {
                frames.iter().for_each(|frame| self.receive(*frame));
            }
            self.tick();
        }
    }

    /// The three commands that keep everything enabled with these values.
    pub fn commands(&self, throttle_pct: f64, brake_pct: f64, angle_deg: f64) -> [Frame; 3] {
        [
            self.frame("BrakeCommand", &[("PedalCommand", brake_pct), ("Enable", 1.0)]),
            self.frame("ThrottleCommand", &[("PedalCommand", throttle_pct), ("Enable", 1.0)]),
            self.frame("SteeringCommand", &[("AngleCommand", angle_deg), ("Enable", 1.0)]),
        ]
    }

    /// A signal of the last frame sent with this name.
    pub fn report(&self, message: &str, signal: &str) -> f64 {
        let layout = self.dbc.message_by_name(message).unwrap();
        let (_, frame) =
            self.sent.iter().rev().find(|(_, f)| f.id == layout.id).expect("the report was sent");
        layout.handle(signal).unwrap().physical(&frame.data)
    }

    pub fn mode(&self, subsystem: Subsystem) -> Mode {
        self.bywire.mode(subsystem).unwrap()
    }

    /// The events of one subsystem so far, with their milliseconds.
    pub fn events_of(&self, subsystem: Subsystem) -> Vec<(u64, EventKind)> {
        let of = self.events.iter().filter(|event| event.subsystem == subsystem);
        of.map(|event| (event.time.as_ns() / 1_000_000, event.kind)).collect()
    }

    /// The angle and rate the steering is asked for, deg and deg/s; `None` if it is free.
    pub fn servo_deg(&self) -> Option<(f64, f64)> {
        match self.demand.steering {
            SteeringDemand::Servo { angle_rad, rate_limit_rps } => {
                Some((angle_rad.to_degrees(), rate_limit_rps.to_degrees()))
            }
            SteeringDemand::Free { .. } | SteeringDemand::Imposed { .. } => None,
        }
    }
}

pub fn near(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance
}
