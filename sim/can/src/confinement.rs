//! Fault confinement of a controller (ISO 11898-1): its error counters, and what they make of it.

use crate::NodeId;
use skidpad_kernel::SimTime;

/// How much a controller takes part in the traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorState {
    /// Fully: it destroys what it finds wrong with six dominant bits.
    #[default]
    Active,
    /// A counter is at 128 or above: its error flags are recessive and destroy nothing of the others', and after a
    /// transmission of its own it waits eight bits longer than the others.
    Passive,
    /// The transmit error counter reached 256: it neither sends nor hears.
    Off,
}

/// A change of a controller's [`ErrorState`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// When.
    pub at: SimTime,
    /// Whose.
    pub node: NodeId,
    /// The state since.
    pub state: ErrorState,
}

/// The counters of one controller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Controller {
    transmit_errors: u16,
    receive_errors: u16,
    off: Option<Off>,
}

/// Off the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Off {
    /// Until then, whatever happens on the bus.
    Until(SimTime),
    /// Until it has seen 128 times 11 recessive bits in a row: it has seen this many, and counts from this instant.
    Recovering { seen: u64, from: SimTime },
}

/// Errors from which on a controller is passive, and off the bus.
const PASSIVE_FROM: u16 = 128;
const OFF_FROM: u16 = 256;
/// Runs of [`IDLE_BITS`] recessive bits that a controller off the bus waits for.
const RECOVERY_RUNS: u64 = 128;
/// Recessive bits that end a frame and the pause behind it: acknowledge delimiter, end of frame, intermission. An
/// error delimiter and the intermission are as many.
pub(crate) const IDLE_BITS: u32 = 11;

impl Controller {
    /// Transmit and receive error counter.
    pub fn counters(&self) -> (u16, u16) {
        (self.transmit_errors, self.receive_errors)
    }

    /// True if no error is held against it.
    pub fn is_clean(&self) -> bool {
        *self == Controller::default()
    }

    /// Its state, for a controller whose [`Controller::watch`] is up to date.
    pub fn state(&self) -> ErrorState {
        if self.off.is_some() {
            ErrorState::Off
        } else if self.transmit_errors >= PASSIVE_FROM || self.receive_errors >= PASSIVE_FROM {
            ErrorState::Passive
        } else {
            ErrorState::Active
        }
    }

    pub fn transmitted(&mut self) {
        self.transmit_errors = self.transmit_errors.saturating_sub(1);
    }

    pub fn received(&mut self) {
        // The standard: to a value between 119 and 127 if it was above.
        self.receive_errors = self.receive_errors.saturating_sub(1).min(PASSIVE_FROM - 1);
    }

    /// Its own frame was destroyed by an error frame. True if that takes it off the bus.
    pub fn transmit_error(&mut self) -> bool {
        self.transmit_errors = self.transmit_errors.saturating_add(8);
        self.transmit_errors >= OFF_FROM
    }

    /// Somebody else's frame was destroyed. Counters of eight bits stop at 255.
    pub fn receive_error(&mut self) {
        self.receive_errors = (self.receive_errors + 1).min(255);
    }

    /// Goes off the bus and comes back by itself.
    pub fn recover_from(&mut self, from: SimTime) {
        self.off = Some(Off::Recovering { seen: 0, from });
    }

    /// Is taken off the bus until `until` at least.
    pub fn switch_off(&mut self, until: SimTime) {
        let until = match self.off {
            Some(Off::Until(before)) => before.max(until),
            _ => until,
        };
        *self = Controller { off: Some(Off::Until(until)), ..Controller::default() };
    }

    /// When a controller off the bus is back if the bus stays idle; `idle_from` is where its last recessive bits begin
    /// and `run_ns` what eleven of them last.
    pub fn back_at(&self, idle_from: SimTime, run_ns: u64) -> Option<SimTime> {
        self.off.map(|off| match off {
            Off::Until(until) => until,
            Off::Recovering { seen, from } => {
                let runs = RECOVERY_RUNS.saturating_sub(seen);
                SimTime::from_ns(idle_from.max(from).as_ns() + runs * run_ns)
            }
        })
    }

    /// The bus was idle from `idle_from` to `until`, or the controller is asked at `until`. True if it is back since.
    pub fn watch(&mut self, idle_from: SimTime, until: SimTime, run_ns: u64) -> bool {
        if self.back_at(idle_from, run_ns).is_some_and(|at| at <= until) {
            *self = Controller::default();
            return true;
        }
        if let Some(Off::Recovering { seen, from }) = &mut self.off {
            let begin = idle_from.max(*from);
            if until > begin {
                *seen += (until.as_ns() - begin.as_ns()) / run_ns;
                // What was counted is not counted again; a run cut short begins anew behind the next frame.
                *from = until;
            }
        }
        false
    }
}
