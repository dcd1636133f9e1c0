//! In every dialect that is shipped: whatever frames come, right, wrong or noise on any identifier, no actuator moves that the
//! last accepted command did not enable, and what is followed is what that command said.

use proptest::prelude::*;
use skidpad_bywire::{ByWire, ByWireParams, DriverInput};
use skidpad_can::{Dbc, Dialect, DialectMessage, Frame, Role, Sealer};
use skidpad_kernel::SimTime;
use skidpad_vehicle::{Gear, PlantReport, SteeringDemand};

const DIALECTS: [(&str, &str); 2] = [
    ("Lincoln", include_str!("../../../vehicles/lincoln_mkz/bywire.dbc")),
    ("Civic", include_str!("../../../vehicles/honda_civic/bywire.dbc")),
];

/// Value and enable of the three that follow a value, and the watchdog's count.
const FOLLOWERS: [(Role, Role, Role); 3] = [
    (Role::BrakePedalCommand, Role::BrakeEnable, Role::BrakeCount),
    (Role::ThrottlePedalCommand, Role::ThrottleEnable, Role::ThrottleCount),
    (Role::SteeringAngleCommand, Role::SteeringEnable, Role::SteeringCount),
];

#[derive(Clone, Debug)]
enum Step {
    /// A well-formed command: which message, the bytes its signals are taken from, whether it enables.
    Command(usize, u64, bool),
    /// As before, then one bit flipped.
    Flipped(usize, u64, u8),
    /// Anything: identifier, length, bytes.
    Noise(u16, u8, u64),
    /// On the identifier of a command.
    NoiseFor(usize, u8, u64),
}

fn steps() -> impl Strategy<Value = Vec<(u64, Step)>> {
    let step = prop_oneof![
        4 => (0usize..5, any::<u64>(), any::<bool>()).prop_map(|(which, bits, on)| Step::Command(which, bits, on)),
        1 => (0usize..5, any::<u64>(), 0u8..64).prop_map(|(which, bits, bit)| Step::Flipped(which, bits, bit)),
        1 => (0u16..0x800, 0u8..=8, any::<u64>()).prop_map(|(id, len, bits)| Step::Noise(id, len, bits)),
        2 => (0usize..5, 0u8..=8, any::<u64>()).prop_map(|(which, len, bits)| Step::NoiseFor(which, len, bits)),
    ];
    prop::collection::vec((0u64..50, step), 1..150)
}

fn command(message: &DialectMessage, sealer: &mut Sealer, bits: u64, on: bool) -> Frame {
    let mut frame = message.blank;
    let source = bits.to_le_bytes();
    for signal in &message.signals {
        let enable = FOLLOWERS.iter().any(|(_, enable, _)| *enable == signal.role);
        // Mostly no COUNT, as Apollo, since one that is stuck ends all.
        let value = match signal.role {
            _ if enable => f64::from(u8::from(on)),
            role if role.is_watchdog_count() => {
                if bits.is_multiple_of(16) {
                    1.0
                } else {
                    0.0
                }
            }
            _ => signal.get(&source).unwrap_or(0.0),
        };
        signal.set(&mut frame.data, value);
    }
    sealer.seal(&mut frame);
    frame
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_moves_but_what_the_last_accepted_command_enables(script in steps()) {
        for (car, text) in DIALECTS {
            let dbc = Dbc::parse(text, "bywire.dbc").unwrap();
            let dialect = Dialect::find(&dbc).unwrap().unwrap();
            let mut senders: Vec<Sealer> = dialect.commands.iter().map(|m| Sealer::new(m.protection)).collect();
            prop_assert_eq!(senders.len(), 5, "brake, throttle, steering, gear, turn signal");
            let mut bywire = ByWire::new(&dbc, &ByWireParams::default()).unwrap();
            bywire.start_in_gear(Gear::Drive);
            let mut plant = PlantReport { gear: Gear::Drive, ..PlantReport::default() };
            // What each follower may do, told from the accepted frames alone: value, enabled, when.
            let mut told: [Option<(f64, bool, u64)>; 3] = [None; 3];
            let (mut gear_at, mut counted, mut ms) = (None, false, 0u64);
            for (wait, step) in &script {
                let message = |which: usize| &dialect.commands[which];
                let frame = match *step {
                    Step::Command(which, bits, on) => command(message(which), &mut senders[which], bits, on),
                    Step::Flipped(which, bits, bit) => {
                        let mut frame = command(message(which), &mut senders[which], bits, true);
                        frame.data[usize::from(bit / 8 % frame.len)] ^= 1 << (bit % 8);
                        frame
                    }
                    Step::Noise(id, len, bits) => Frame { id, len, data: bits.to_le_bytes() },
                    Step::NoiseFor(which, len, bits) => Frame { id: message(which).blank.id, len, data: bits.to_le_bytes() },
                };
                let before = bywire.rejected_commands().total();
                bywire.receive(SimTime::from_ms(ms), &frame);
                let accepted = bywire.rejected_commands().total() == before;
                let read = dialect.commands.iter().find(|m| m.blank.id == frame.id && accepted);
                for signal in read.iter().flat_map(|message| &message.signals) {
                    let value = signal.get(&frame.data);
                    for (index, (value_role, enable_role, count_role)) in FOLLOWERS.into_iter().enumerate() {
                        let now = told[index].get_or_insert((0.0, false, ms));
                        if signal.role == value_role {
                            (now.0, now.2) = (value.unwrap(), ms);
                        } else if signal.role == enable_role {
                            (now.1, now.2) = (value != Some(0.0), ms);
                        } else if signal.role == count_role && signal.bytes() <= frame.len {
                            counted |= value != Some(0.0);
                        }
                    }
                    if signal.role == Role::GearCommand {
                        gear_at = Some(ms);
                    }
                }
                for _ in 0..*wait {
                    ms += 1;
                    let gear = plant.gear;
                    let demand = bywire.update(SimTime::from_ms(ms), &plant, &DriverInput::default());
                    plant.gear = demand.gear;
                    let may = told.map(|told| told.filter(|(_, on, at)| *on && ms - at < 100));
                    let brake = may[0].map_or(13.6, |(pct, ..)| pct.max(13.6));
                    // A command that carries a COUNT arms the watchdog, which may brake and disables all.
                    let ends = |pct: f64| counted && pct == 25.0;
                    prop_assert!([brake, 13.6].contains(&demand.brake_pct) || ends(demand.brake_pct), "{}: {}", car, demand.brake_pct);
                    let throttle = may[1].map_or(15.1, |(pct, ..)| pct.max(15.1));
                    prop_assert!([throttle, 15.1].contains(&demand.throttle_pct), "{}: {}", car, demand.throttle_pct);
                    if let SteeringDemand::Servo { angle_rad, rate_limit_rps } = demand.steering {
                        let asked = may[2].map(|(deg, ..)| deg.clamp(-470.0, 470.0));
                        prop_assert!(asked.is_some_and(|deg| (angle_rad.to_degrees() - deg).abs() < 1e-9), "{}: {:?}", car, asked);
                        prop_assert!(rate_limit_rps > 0.0 && rate_limit_rps.to_degrees() <= 500.0 + 1e-9);
                    }
                    if demand.gear != gear {
                        prop_assert!(gear_at.is_some_and(|at| ms - at <= 100), "{}: a gear nobody asked for", car);
                    }
                    bywire.transmit(SimTime::from_ms(ms), &plant, &mut |_| ());
                }
            }
        }
    }
}
