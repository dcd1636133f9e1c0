//! For who watches a run and lends a hand: a window, a debugger. Costs nothing where nobody asks.

use super::{Simulation, TICK, add_counts, held};
use crate::observer::RunEvent;
use crate::watch::SeatNow;
use skidpad_bywire::{Mode, Subsystem, TurnSignal};
use skidpad_msgs::apollo::canbus::chassis::DrivingMode;
use skidpad_scenario::Action;
use skidpad_score::{Metrics, Verdict};
use skidpad_vehicle::VehicleState;
use skidpad_world::{ConePose, OtherPose};

impl Simulation {
    /// The true state of the car after the last tick.
    pub fn vehicle(&self) -> &VehicleState {
        &self.car.state
    }

    /// Whether brake, throttle or steering follow their commands; `None` for the subsystems without EN.
    pub fn bywire_mode(&self, subsystem: Subsystem) -> Option<Mode> {
        self.car.bywire.mode(subsystem)
    }

    /// Where each of the scenario's cones is, in the order of [`LoadedScenario::cones`](skidpad_scenario::LoadedScenario).
    pub fn cones(&self) -> impl ExactSizeIterator<Item = &ConePose> {
        self.car.cones.poses()
    }

    /// Grows with every tick in which a cone has moved.
    pub fn cone_changes(&self) -> u64 {
        self.car.cones.changes()
    }

    /// Where each of the other vehicles was at the last tick, in the order of
    /// [`LoadedScenario::vehicles`](skidpad_scenario::LoadedScenario).
    pub fn others(&self) -> impl ExactSizeIterator<Item = OtherPose> {
        self.car.others((self.scenario_s() - TICK.as_secs_f64()).max(0.0))
    }

    /// The turn signal that the car shows: the driver's lever, or the computer's command while it is off.
    pub fn turn_signal(&self) -> TurnSignal {
        self.car.bywire.turn_signal()
    }

    /// The stack's driving mode.
    pub fn driving_mode(&self) -> DrivingMode {
        self.stack.driving_mode()
    }

    /// Load of the CAN bus in its busiest tenth of a second so far, 0 to 1.
    pub fn bus_peak_load(&self) -> f64 {
        self.bus.peak_load()
    }

    /// What has happened so far, in order.
    pub fn events(&self) -> &[RunEvent] {
        &self.observer.events
    }

    /// The score and the verdict if the run ended now. Takes a copy of the scorer: for some times a second.
    pub fn score_so_far(&self) -> (Metrics, Verdict) {
        let mut metrics = self.observer.metrics();
        add_counts(&mut metrics, &self.bus, &self.car, &self.stack);
        let verdict = held(&metrics, &self.scenario.scenario.pass, self.events());
        (metrics, verdict)
    }

    /// Time of the scenario at the next tick, s; 0 until it has begun.
    pub fn scenario_s(&self) -> f64 {
        self.observer.zero().map_or(0.0, |zero| self.now.since(zero).as_secs_f64())
    }

    /// How each seat outside is.
    pub fn seats_outside(&self) -> Vec<SeatNow> {
        self.stack.seats(self.now).collect()
    }

    /// Lets something happen in the next tick, as if it stood at the end of the scenario's file with that tick's time
    /// as its `time_s`: a scenario to which it is appended so has the same run, bit by bit.
    pub fn inject(&mut self, name: Option<String>, action: Action) {
        self.injected.push((name, action));
    }
}
