//! Faults of the bus and of the by-wire units: unit × type × target.
//!
//! [`FAULTS`] is the whole vocabulary. A new fault that does one of the things in [`FaultEffect`] is a line of it: the
//! schema, the checks, the messages and the engine follow.

use crate::names::hint;
use crate::spec::FaultSpec;
use crate::structure::shorten;
use schemars::{Schema, SchemaGenerator, json_schema};
use skidpad_bywire::{ByWire, Fault as UnitFault, Subsystem, Unit};
use skidpad_can::{Dbc, FrameEffect};
use std::time::Duration;

/// Where a fault sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultPlace {
    /// The bus: whatever travels on it.
    Bus,
    /// The computer of the stack, where it meets the bus.
    Computer,
    /// A by-wire unit, with the subsystem that a fault bit belongs to.
    Unit(Unit, Subsystem),
}

/// What a type of fault does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultEffect {
    /// Something to frames; the delay of a [`FrameEffect::Delay`] comes from `delay_s`.
    Frames(FrameEffect),
    /// The node is off the bus.
    BusOff,
    /// The node sends one identifier over and over.
    Babble,
    /// The unit restarts.
    Reset,
    /// The unit has a fault of its own, and reports it.
    Unit(UnitFault),
}

/// A line of the vocabulary.
#[derive(Clone, Copy, Debug)]
pub struct FaultInfo {
    /// `type` in the file.
    pub name: &'static str,
    /// `unit` in the file: who can have it.
    pub units: &'static [&'static str],
    /// Keys that it needs.
    pub needs: &'static [&'static str],
    /// Keys that it takes besides.
    pub takes: &'static [&'static str],
    /// What it does.
    pub effect: FaultEffect,
    /// What it does, for people.
    pub meaning: &'static str,
}

const ANYONE: &[&str] = &["bus", "computer", "brake", "throttle", "steering", "gear", "gateway"];
const NODES: &[&str] = &["computer", "brake", "throttle", "steering", "gateway"];
const MODULES: &[&str] = &["brake", "throttle", "steering"];
const SOME: &[&str] = &["target", "share", "for_s"];
const FOR: &[&str] = &["for_s"];

const fn line(
    name: &'static str,
    units: &'static [&'static str],
    needs: &'static [&'static str],
    takes: &'static [&'static str],
    effect: FaultEffect,
    meaning: &'static str,
) -> FaultInfo {
    FaultInfo { name, units, needs, takes, effect, meaning }
}

/// Every type of fault.
#[rustfmt::skip]
pub const FAULTS: &[FaultInfo] = {
    use {FaultEffect::{Babble, BusOff, Frames, Reset, Unit}, FrameEffect::{Alter, Corrupt, Delay, Duplicate, Lose, Stuck}};
    use UnitFault::{Bus, Calibration, Channel1, Channel2, Power};
    &[
        line("lose",        ANYONE,           &[],                    SOME, Frames(Lose),                  "frames never leave their sender"),
        line("delay",       ANYONE,           &["delay_s"],           SOME, Frames(Delay(Duration::ZERO)), "frames leave their sender late"),
        line("duplicate",   ANYONE,           &[],                    SOME, Frames(Duplicate),             "frames are sent twice"),
        line("corrupt",     ANYONE,           &[],                    SOME, Frames(Corrupt),               "frames are disturbed on the wire: error frame, sent again, bus-off in the end"),
        line("alter",       ANYONE,           &[],                    SOME, Frames(Alter),                 "one bit of the payload is wrong and no CRC tells"),
        line("stuck",       ANYONE,           &[],                    SOME, Frames(Stuck),                 "frames repeat the payload of the first one"),
        line("bus_off",     NODES,            &[],                    FOR,  BusOff,                        "the node neither sends nor hears"),
        line("babble",      NODES,            &["target", "rate_hz"], FOR,  Babble,                        "the node sends one identifier, all bytes zero, over and over"),
        line("reset",       &["brake", "throttle", "steering", "gateway"], &[], &[], Reset,                "the unit restarts"),
        line("channel_1",   MODULES,          &[],                    FOR,  Unit(Channel1),                "the first of two channels fails"),
        line("channel_2",   MODULES,          &[],                    FOR,  Unit(Channel2),                "the second of two channels fails"),
        line("power",       MODULES,          &[],                    FOR,  Unit(Power),                   "the supply of the unit fails"),
        line("calibration", &["steering"],    &[],                    FOR,  Unit(Calibration),             "the steering angle is not calibrated"),
        line("own_bus",     &["gear", "gateway"], &[],                FOR,  Unit(Bus),                     "the bus behind it fails, to the transmission or to the lamps"),
    ]
};

/// `unit` in the file.
const PLACES: &[(&str, FaultPlace)] = &[
    ("bus", FaultPlace::Bus),
    ("computer", FaultPlace::Computer),
    ("brake", FaultPlace::Unit(Unit::Brake, Subsystem::Brake)),
    ("throttle", FaultPlace::Unit(Unit::Throttle, Subsystem::Throttle)),
    ("steering", FaultPlace::Unit(Unit::Steering, Subsystem::Steering)),
    ("gear", FaultPlace::Unit(Unit::Gateway, Subsystem::Gear)),
    ("gateway", FaultPlace::Unit(Unit::Gateway, Subsystem::Misc)),
];

/// Names for many frames at once in `target`.
const GROUPS: [&str; 2] = ["commands", "reports"];

/// A fault, ready to happen.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// `type` in the file.
    pub name: &'static str,
    /// `unit` in the file.
    pub unit: &'static str,
    /// Where it sits.
    pub place: FaultPlace,
    /// What it does.
    pub effect: FaultEffect,
    /// The frames concerned, as named in the file.
    pub target: Vec<String>,
    /// Their identifiers, once they are looked up in the car's .dbc: `None` for every frame.
    pub ids: Option<Vec<u16>>,
    /// Share of the frames, 0 to 1.
    pub share: f64,
    /// How long, s; infinite for the rest of the run.
    pub for_s: f64,
    /// Time between two frames of a babbling node.
    pub period: Duration,
}

impl Fault {
    /// Reads a fault; the error is the key and what is wrong with it.
    pub(crate) fn from_spec(spec: &FaultSpec) -> Result<Fault, (&'static str, String)> {
        // The schema lets known names pass only.
        let info = FAULTS.iter().find(|info| info.name == spec.kind);
        let place = PLACES.iter().find(|(name, _)| *name == spec.unit);
        let Some((info, &(unit, place))) = info.zip(place) else {
            return Err(("type", "unknown unit or type".to_string()));
        };
        if !info.units.contains(&unit) {
            let message = format!(
                "`{unit}` cannot have a fault of type \"{}\" ({}); it can happen to: {}",
                info.name,
                info.meaning,
                info.units.join(", ")
            );
            return Err(("type", message));
        }
        let given = [
            ("target", spec.target.is_some()),
            ("share", spec.share.is_some()),
            ("delay_s", spec.delay_s.is_some()),
            ("rate_hz", spec.rate_hz.is_some()),
            ("for_s", spec.for_s.is_some()),
        ];
        for (key, is) in given {
            let needed = info.needs.contains(&key);
            if needed && !is {
                return Err(("type", format!("a fault of type \"{}\" needs `{key}`", info.name)));
            }
            if is && !needed && !info.takes.contains(&key) {
                return Err((key, format!("a fault of type \"{}\" takes no `{key}`", info.name)));
            }
        }
        let delay = Duration::from_secs_f64(spec.delay_s.unwrap_or(0.0));
        Ok(Fault {
            name: info.name,
            unit,
            place,
            effect: match info.effect {
                FaultEffect::Frames(FrameEffect::Delay(_)) => FaultEffect::Frames(FrameEffect::Delay(delay)),
                effect => effect,
            },
            target: spec.target.clone().map(Vec::from).unwrap_or_default(),
            ids: None,
            share: spec.share.unwrap_or(1.0),
            for_s: spec.for_s.unwrap_or(f64::INFINITY),
            period: Duration::from_secs_f64(1.0 / spec.rate_hz.unwrap_or(1.0)),
        })
    }

    /// Looks the frames up in the layout of a car.
    ///
    /// # Errors
    /// A name that is no message of it, or a number that is no identifier; or a babbling node with several.
    pub(crate) fn find_frames(&mut self, dbc: &Dbc, bywire: &ByWire) -> Result<(), String> {
        let commands = bywire.command_ids();
        let mut ids = Vec::new();
        for name in &self.target {
            match name.as_str() {
                "commands" => ids.extend(&commands),
                "reports" => {
                    ids.extend(dbc.messages().iter().map(|m| m.id).filter(|id| !commands.contains(id)));
                }
                name => ids.push(identifier(name, dbc)?),
            }
        }
        if self.effect == FaultEffect::Babble && ids.len() != 1 {
            return Err(format!("a babbling node sends one message, got {}", ids.len()));
        }
        self.ids = match (self.place, self.target.is_empty()) {
            (_, false) => Some(ids),
            (FaultPlace::Bus, true) => None,
            (FaultPlace::Computer, true) => Some(commands),
            (FaultPlace::Unit(_, Subsystem::Gear), true) => Some(bywire.frames_about_gear()),
            (FaultPlace::Unit(unit, _), true) => Some(bywire.frames_of(unit)),
        };
        Ok(())
    }
}

/// The identifier that `name` means: a message of the layout, or a number in decimal or 0x hexadecimal.
fn identifier(name: &str, dbc: &Dbc) -> Result<u16, String> {
    if let Some(message) = dbc.messages().iter().find(|message| message.name == name) {
        return Ok(message.id);
    }
    let number = match name.strip_prefix("0x") {
        Some(digits) => u16::from_str_radix(digits, 16),
        None => name.parse(),
    };
    match number {
        Ok(id) if id <= skidpad_can::Frame::MAX_ID => Ok(id),
        Ok(id) => Err(format!("the identifier {id} does not fit in 11 bits (0 to 0x7FF)")),
        Err(_) => {
            let names = dbc.messages().iter().map(|message| message.name.as_str()).chain(GROUPS);
            Err(format!(
                "{} has no message \"{}\"{}",
                dbc.file,
                shorten(name),
                hint(name, names.collect::<Vec<_>>())
            ))
        }
    }
}

/// Schema of `type`: the names of the table, with their meanings.
pub(crate) fn type_schema(_: &mut SchemaGenerator) -> Schema {
    let lines: Vec<String> = FAULTS.iter().map(|info| format!("`{}`: {}", info.name, info.meaning)).collect();
    let names: Vec<&str> = FAULTS.iter().map(|info| info.name).collect();
    json_schema!({
        "type": "string",
        "enum": names,
        "description": format!("What goes wrong. {}.", lines.join("; ")),
    })
}

/// Schema of `unit`.
pub(crate) fn unit_schema(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<&str> = PLACES.iter().map(|(name, _)| *name).collect();
    json_schema!({ "type": "string", "enum": names, "description": "Who has the fault." })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_vocabulary_can_happen_to_those_it_names_and_to_no_one_else() {
        for info in FAULTS {
            for (unit, place) in PLACES {
                let has = |key: &str| info.needs.contains(&key);
                let spec = FaultSpec {
                    unit: unit.to_string(),
                    kind: info.name.to_string(),
                    target: has("target").then(|| "0x12".to_string().into()),
                    share: None,
                    delay_s: has("delay_s").then_some(0.1),
                    rate_hz: has("rate_hz").then_some(10.0),
                    for_s: None,
                };
                let read = Fault::from_spec(&spec);
                assert_eq!(read.is_ok(), info.units.contains(unit), "{} of {unit}: {read:?}", info.name);
                // A fault bit must be one that its subsystem has: the by-wire room would refuse it in the run.
                if let (Ok(Fault { effect: FaultEffect::Unit(fault), .. }), FaultPlace::Unit(_, subsystem)) =
                    (read, place)
                {
                    assert!(fault.exists_on(*subsystem), "{} of {unit}", info.name);
                }
            }
        }
    }

    #[test]
    fn names_are_unique() {
        for (index, info) in FAULTS.iter().enumerate() {
            assert!(FAULTS[..index].iter().all(|other| other.name != info.name), "{}", info.name);
        }
    }
}
