//! The frames the units read: checked, and what they ask, by the [`Role`]s that the .dbc gives their signals.

use crate::event::Subsystem;
use crate::{TurnSignal, Unit};
use skidpad_can::{Dialect, DialectError, DialectMessage, Flaw, Frame, Guard, Role};

/// Roles without which the car cannot be driven by wire: value and enable of each subsystem.
const NEEDED: [(Subsystem, Role, Role); 3] = [
    (Subsystem::Brake, Role::BrakePedalCommand, Role::BrakeEnable),
    (Subsystem::Throttle, Role::ThrottlePedalCommand, Role::ThrottleEnable),
    (Subsystem::Steering, Role::SteeringAngleCommand, Role::SteeringEnable),
];

/// The code of a gear that no transmission has.
const NO_GEAR: u8 = 7;

#[derive(Clone, Debug)]
pub(crate) struct Commands(Vec<Command>);

#[derive(Clone, Debug)]
struct Command {
    message: DialectMessage,
    /// Whom it commands; the first one's unit reads it.
    of: Vec<Subsystem>,
    guard: Guard,
    /// Wrong frames since the last right one.
    wrong: u32,
    /// Right frames in a row that enable nothing, since the fault.
    quiet: u32,
    faulty: bool,
}

/// What a frame that is a command brought.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// What it says, or why it is ignored.
    pub order: Result<Order, Flaw>,
    /// True if it is the first wrong one in a row.
    pub first_wrong: bool,
    /// The fault of wrong commands appears or goes.
    pub fault: Option<bool>,
}

/// What a command says; `None` for what is not in it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Order {
    pub brake_pct: Option<f64>,
    pub brake_lamp: Option<bool>,
    pub throttle_pct: Option<f64>,
    pub angle_deg: Option<f64>,
    pub rate_dps: Option<f64>,
    pub gear: Option<u8>,
    pub gear_clear: bool,
    pub turn: Option<TurnSignal>,
    /// Brake, throttle, steering.
    pub enable: [Option<bool>; 3],
    pub clear: [bool; 3],
    pub ignore: [bool; 3],
    pub count: [Option<u8>; 3],
}

impl Order {
    fn of(message: &DialectMessage, frame: &Frame) -> Order {
        let mut order = Order::default();
        for signal in &message.signals {
            let value = signal.get(&frame.data);
            let on = value.is_some_and(|value| value != 0.0);
            let count = || value.filter(|_| signal.bytes() <= frame.len).map(|count| count as u8);
            match signal.role {
                Role::BrakePedalCommand => order.brake_pct = value,
                Role::BrakeLampCommand => order.brake_lamp = Some(on),
                Role::BrakeEnable => order.enable[0] = Some(on),
                Role::BrakeClear => order.clear[0] = on,
                Role::BrakeIgnore => order.ignore[0] = on,
                Role::BrakeCount => order.count[0] = count(),
                Role::ThrottlePedalCommand => order.throttle_pct = value,
                Role::ThrottleEnable => order.enable[1] = Some(on),
                Role::ThrottleClear => order.clear[1] = on,
                Role::ThrottleIgnore => order.ignore[1] = on,
                Role::ThrottleCount => order.count[1] = count(),
                Role::SteeringAngleCommand => order.angle_deg = value,
                Role::SteeringRateLimit => order.rate_dps = value,
                Role::SteeringEnable => order.enable[2] = Some(on),
                Role::SteeringClear => order.clear[2] = on,
                Role::SteeringIgnore => order.ignore[2] = on,
                Role::SteeringCount => order.count[2] = count(),
                // A code without a name asks for a gear that is not there, which the transmission refuses.
                Role::GearCommand => order.gear = Some(value.map_or(NO_GEAR, |code| code as u8)),
                Role::GearClear => order.gear_clear = on,
                Role::TurnSignalCommand => {
                    order.turn = Some(TurnSignal::from_raw(value.unwrap_or(0.0) as i64))
                }
                _ => {}
            }
        }
        order
    }

    fn enables(&self) -> bool {
        self.enable.contains(&Some(true))
    }
}

impl Command {
    fn reader(&self) -> Option<Unit> {
        self.of.first().map(|subsystem| (*subsystem).into())
    }
}

impl Commands {
    /// The commands of a dialect.
    ///
    /// # Errors
    /// A role that is needed is missing, or value and enable of a subsystem are in different messages.
    pub fn new(dialect: &Dialect, file: &str) -> Result<Self, DialectError> {
        for (subsystem, value, enable) in NEEDED {
            dialect.require(&[value, enable], file)?;
            // Else a lost value would be followed on for as long as the enable comes.
            let together = dialect.commands.iter().any(|message| {
                [value, enable].iter().all(|role| message.signals.iter().any(|s| s.role == *role))
            });
            if !together {
                let message = format!(
                    "{:?} and {:?} must be in one message, so that the {subsystem} follows no stale value",
                    value.name(),
                    enable.name()
                );
                return Err(DialectError { file: file.to_owned(), message });
            }
        }
        let command = |message: &DialectMessage| {
            let mut of: Vec<Subsystem> = message.signals.iter().map(|s| Subsystem::of(s.role)).collect();
            of.sort_unstable();
            of.dedup();
            Command {
                guard: Guard::new(message.protection),
                message: message.clone(),
                of,
                wrong: 0,
                quiet: 0,
                faulty: false,
            }
        };
        Ok(Commands(dialect.commands.iter().map(command).collect()))
    }

    /// The messages, each with the unit that reads it: that of the first subsystem commanded by it.
    pub fn messages(&self) -> impl Iterator<Item = (Option<Unit>, &DialectMessage)> {
        self.0.iter().map(|command| (command.reader(), &command.message))
    }

    /// Whom frames of this identifier command.
    pub fn commanded_by(&self, id: u16) -> &[Subsystem] {
        self.0.iter().find(|command| command.message.blank.id == id).map_or(&[], |command| &command.of)
    }

    /// A unit restarts: it counts anew and holds no frame against its sender.
    pub fn reset(&mut self, unit: Unit) {
        for command in self.0.iter_mut().filter(|command| command.reader() == Some(unit)) {
            command.guard = Guard::new(command.message.protection);
            (command.wrong, command.quiet, command.faulty) = (0, 0, false);
        }
    }

    /// A frame has arrived; `None` if it is no command.
    pub fn receive(&mut self, frame: &Frame) -> Option<Heard> {
        let command = self.0.iter_mut().find(|command| command.message.blank.id == frame.id)?;
        let limit = command.message.fault_after;
        let order = command.guard.check(frame).and_then(|()| command.message.check_range(frame));
        let order = order.map(|()| Order::of(&command.message, frame));
        let mut heard = Heard { order, first_wrong: false, fault: None };
        match &heard.order {
            Err(_) => {
                heard.first_wrong = command.wrong == 0;
                command.wrong = command.wrong.saturating_add(1);
                command.quiet = 0;
                if command.wrong == limit && !command.faulty {
                    command.faulty = true;
                    heard.fault = Some(true);
                }
            }
            Ok(order) => {
                command.wrong = 0;
                command.quiet = if order.enables() { 0 } else { command.quiet.saturating_add(1) };
                if command.faulty && command.quiet >= limit {
                    command.faulty = false;
                    heard.fault = Some(false);
                }
            }
        }
        Some(heard)
    }
}
