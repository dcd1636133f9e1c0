//! The canbus module on a car with checksums and rolling counters.

use skidpad_can::{Dbc, Dialect, DialectMessage, Flaws, Frame, Guard, Role, Sealer};
use skidpad_kernel::SimTime;
use skidpad_msgs::apollo::canbus::chassis::{DrivingMode, ErrorCode};
use skidpad_msgs::apollo::control::{ControlCommand, DrivingAction, PadMessage};
use skidpad_stack::canbus::{Canbus, CanbusConf};

const CIVIC: &str = include_str!("../../../vehicles/honda_civic/bywire.dbc");

fn civic() -> (Dbc, Dialect) {
    let dbc = Dbc::parse(CIVIC, "bywire.dbc").unwrap();
    let dialect = Dialect::find(&dbc).unwrap().unwrap();
    (dbc, dialect)
}

/// A report of the car with these roles.
fn report(message: &DialectMessage, sealer: &mut Sealer, values: &[(Role, f64)]) -> Frame {
    let mut frame = message.blank;
    for signal in &message.signals {
        if let Some((_, value)) = values.iter().find(|(role, _)| *role == signal.role) {
            signal.set(&mut frame.data, *value);
        }
    }
    sealer.seal(&mut frame);
    frame
}

#[test]
fn it_takes_over_commands_counts_and_leaves_at_a_fault_report() {
    let (dbc, dialect) = civic();
    let mut canbus = Canbus::for_car(CanbusConf::default(), &dbc).unwrap();
    let mut guards: Vec<(&DialectMessage, Guard)> =
        dialect.commands.iter().map(|m| (m, Guard::new(m.protection))).collect();
    let mut sealers: Vec<Sealer> = dialect.reports.iter().map(|m| Sealer::new(m.protection)).collect();
    let start = PadMessage { action: Some(DrivingAction::Start as i32), ..PadMessage::default() };
    let mut command = ControlCommand {
        steering_target: Some(10.0),
        brake: Some(30.0),
        throttle: Some(0.0),
        pad_msg: Some(start),
        ..ControlCommand::default()
    };
    let mut values = vec![(Role::Speed, 36.0), (Role::SteeringAngle, 47.0), (Role::Gear, 4.0)];
    let (mut last, mut shown, mut count) = (Vec::new(), None, 0);
    for ms in 0..600u64 {
        let now = SimTime::from_ms(ms);
        if ms == 500 {
            values.push((Role::SteeringFault, 1.0));
        }
        if ms % 10 == 0 {
            for (message, sealer) in dialect.reports.iter().zip(&mut sealers) {
                canbus.on_frame(&report(message, sealer, &values));
            }
        }
        if ms % 10 == 5 && ms >= 100 {
            canbus.on_control(now, &command);
            command.pad_msg = None;
        }
        let chassis = canbus.tick(now, 1.5e9 + now.as_s(), &mut |frame| {
            let (message, guard) =
                guards.iter_mut().find(|(m, _)| m.blank.id == frame.id).expect("a command");
            assert_eq!(guard.check(&frame), Ok(()), "{frame} at {ms} ms");
            last.retain(|(_, of): &(Frame, &str)| *of != message.name);
            last.push((frame, &message.name));
            count += 1;
        });
        shown = chassis.or(shown);
        if ms == 490 {
            let chassis = shown.as_ref().unwrap();
            assert_eq!(chassis.driving_mode(), DrivingMode::CompleteAutoDrive);
            assert!((chassis.speed_mps() - 10.0).abs() < 1e-6);
            assert!((chassis.steering_percentage() - 10.0).abs() < 1e-5);
            let role = |name: &str, role: Role| {
                let (frame, _) = last.iter().find(|(_, of)| *of == name).unwrap();
                let message = dialect.commands.iter().find(|m| m.name == name).unwrap();
                message.signals.iter().find(|s| s.role == role).unwrap().get(&frame.data).unwrap()
            };
            assert!((role("STEERING_CONTROL", Role::SteeringAngleCommand) - 47.0).abs() < 1e-9);
            assert_eq!(role("STEERING_CONTROL", Role::SteeringEnable), 1.0);
            assert!((role("BRAKE_COMMAND", Role::BrakePedalCommand) - 30.0).abs() < 0.05);
        }
    }
    // 600 ms at 10, 20, 20, 40 and 50 ms, the first after one period.
    assert_eq!(count, 59 + 29 + 29 + 14 + 11);
    assert_eq!(shown.as_ref().unwrap().driving_mode(), DrivingMode::EmergencyMode);
    assert_eq!(shown.unwrap().error_code(), ErrorCode::NoError, "as on the Lincoln");
    assert_eq!(canbus.flawed_reports(), Flaws::default());
}

#[test]
fn a_report_with_a_wrong_checksum_is_not_believed() {
    let (dbc, dialect) = civic();
    let mut canbus = Canbus::for_car(CanbusConf::default(), &dbc).unwrap();
    let message = dialect.reports.iter().find(|m| m.name == "ENGINE_DATA").unwrap();
    let mut sealer = Sealer::new(message.protection);
    canbus.on_frame(&report(message, &mut sealer, &[(Role::Speed, 36.0)]));
    let mut wrong = report(message, &mut sealer, &[(Role::Speed, 72.0)]);
    wrong.data[0] ^= 1;
    canbus.on_frame(&wrong);
    let speed = |canbus: &Canbus| canbus.chassis_detail().vehicle_spd.unwrap().vehicle_spd();
    assert_eq!(speed(&canbus), 10.0);
    assert_eq!(canbus.flawed_reports(), Flaws { checksum: 1, ..Flaws::default() });
    // The next one comes after a gap, which is counted, and is right.
    canbus.on_frame(&report(message, &mut sealer, &[(Role::Speed, 18.0)]));
    assert_eq!(speed(&canbus), 5.0);
    assert_eq!(canbus.flawed_reports(), Flaws { checksum: 1, counter: 1, ..Flaws::default() });
    // 400 km/h is beyond the range of the .dbc, with a right checksum and counter.
    let mut beyond = report(message, &mut sealer, &[(Role::Speed, 18.0)]);
    beyond.data[..2].copy_from_slice(&40_000u16.to_be_bytes());
    message.protection.seal(&mut beyond, 3);
    canbus.on_frame(&beyond);
    assert_eq!(speed(&canbus), 5.0);
    assert_eq!(canbus.flawed_reports(), Flaws { checksum: 1, counter: 1, range: 1, ..Flaws::default() });
    let mut short = report(message, &mut sealer, &[(Role::Speed, 36.0)]);
    short.len = 6;
    canbus.on_frame(&short);
    assert_eq!((speed(&canbus), canbus.flawed_reports().length), (5.0, 1));
}

#[test]
fn a_car_without_roles_is_taken_for_a_lincoln_and_a_dialect_that_hides_the_speed_is_refused() {
    let lincoln = include_str!("../../../vehicles/lincoln_mkz/bywire.dbc");
    let mut canbus = Canbus::for_car(CanbusConf::default(), &Dbc::parse(lincoln, "x.dbc").unwrap()).unwrap();
    let mut ids = Vec::new();
    canbus.tick(SimTime::from_ms(20), 1.5e9, &mut |frame| ids.push(frame.id));
    assert_eq!(ids, [0x60, 0x62, 0x64, 0x66]);

    let role = "BA_ \"Role\" SG_ 344 XMISSION_SPEED \"SteeringReport.Speed\";";
    let blind = Dbc::parse(&CIVIC.replace(role, ""), "x.dbc").unwrap();
    let error = Canbus::for_car(CanbusConf::default(), &blind).unwrap_err().to_string();
    assert_eq!(error, "x.dbc: no signal has the Role \"SteeringReport.Speed\", which is needed");
}
