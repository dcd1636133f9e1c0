//! The .dbc against frames that the unmodified Apollo 1.0 encoded and decoded (folder `SKIDPAD_REFERENCE_DATA`).

mod common;

use common::lincoln;
use skidpad_can::Frame;
use std::collections::BTreeSet;
use std::fs;

fn rows(name: &str) -> Option<Vec<Vec<String>>> {
    let folder = skidpad_test_support::reference_data()?;
    let text = fs::read_to_string(folder.join("apollo").join(name)).unwrap();
    Some(text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect())
}

fn frame(id: &str, hex: &str) -> Frame {
    let bytes: Vec<u8> =
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect();
    Frame::from_payload(u16::from_str_radix(id, 16).unwrap(), &bytes).unwrap()
}

/// `key=value;key=value` as pairs.
fn fields(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(';').filter_map(|field| field.split_once('='))
}

#[test]
fn every_command_of_the_real_encoder_decodes_to_what_was_commanded() {
    let Some(rows) = rows("can_encode.csv") else { return };
    let dbc = lincoln();
    let mut checked = 0;
    for row in &rows {
        let [id, command, _, _, hex] = &row[..] else { panic!("{row:?}") };
        let frame = frame(id, hex);
        let message = dbc.message(frame.id).unwrap();
        let physical = |signal: &str| message.handle(signal).unwrap().physical(&frame.data);
        let mut used = BTreeSet::new();
        let mut check = |signal: &'static str, wanted: f64, below: f64| {
            // The encoder truncates towards zero: never beyond the command, and less than one bit short of it.
            let got = physical(signal);
            assert!(
                got.abs() <= wanted.abs() + 1e-9 && (got - wanted).abs() < below,
                "{row:?} {signal}: {got}"
            );
            used.insert(signal);
            checked += 1;
        };
        for (key, value) in fields(command) {
            let value: f64 = value.parse().unwrap();
            match key {
                "enable" => check("Enable", value, 1e-9),
                "pedal" => {
                    let wanted = value.clamp(0.0, 100.0);
                    check("PedalCommand", wanted, 100.0 / 65535.0 + 1e-9);
                    if frame.id == 0x60 {
                        check("BrakeLampCommand", f64::from(value >= 0.001), 1e-9);
                    }
                }
                "angle_deg" => check("AngleCommand", value.clamp(-470.0, 470.0), 0.1 + 1e-9),
                // The field's own range is 0 to 500, so a command of 0 or 1 is 0: as fast as the module can.
                "speed_dps" => check("RateLimit", value.clamp(0.0, 500.0), 2.0),
                other => panic!("unknown field {other}"),
            }
        }
        match command.as_str() {
            "reverse" => check("GearCommand", 2.0, 1e-9),
            "drive" => check("GearCommand", 4.0, 1e-9),
            "left" => check("TurnSignalCommand", 1.0, 1e-9),
            _ => {}
        }
        // Whatever the row does not name is zero.
        for signal in message.signals.iter().filter(|s| !used.contains(s.name.as_str())) {
            assert_eq!(signal.handle.raw(&frame.data), 0, "{row:?} {}", signal.name);
        }
        // And back: the same values give the same bytes.
        let values: Vec<_> =
            message.signals.iter().map(|s| (s.handle, s.handle.physical(&frame.data))).collect();
        assert_eq!(message.encode(&values).data, frame.data, "{row:?}");
    }
    assert_eq!(rows.len(), 138);
    eprintln!("{} command rows agree, {checked} values", rows.len());
}

/// Apollo's name of a decoded field, the .dbc's signal, and how the two relate.
enum Same {
    /// The physical value is the same.
    Value(&'static str),
    /// The same in another unit.
    Times(&'static str, f64),
    /// Apollo negates the flag.
    Not(&'static str),
    /// An enumeration: Apollo's name of each raw value.
    Names(&'static str, &'static [&'static str]),
    /// Apollo 1.0 differs from the vendor for this raw value or always; the function says what Apollo makes of it.
    Quirk(&'static str, fn(i64) -> f64),
    /// Nothing of its own in the frame.
    Derived,
}

fn meaning(id: u16, field: &str) -> Same {
    use Same::*;
    const GEARS: &[&str] = &[
        "GEAR_NONE",
        "GEAR_PARKING",
        "GEAR_REVERSE",
        "GEAR_NEUTRAL",
        "GEAR_DRIVE",
        "GEAR_LOW",
        "GEAR_INVALID",
        "GEAR_INVALID",
    ];
    match (id, field) {
        (0x61, "brake.brake_input") | (0x63, "gas.throttle_input") => Value("PedalInput"),
        (0x61, "brake.brake_cmd") | (0x63, "gas.throttle_cmd") => Value("PedalCommand"),
        (0x61, "brake.brake_output") | (0x63, "gas.throttle_output") => Value("PedalOutput"),
        // Quirk: Apollo swaps the brake lamp's input and output.
        (0x61, "brake.boo_input") => Value("BrakeLampOutput"),
        (0x61, "brake.boo_cmd") => Value("BrakeLampCommand"),
        (0x61, "brake.boo_output") => Value("BrakeLampInput"),
        (0x61, "brake.watchdog_applying_brakes") => Value("WatchdogBraking"),
        (0x61, "brake.watchdog_source") | (0x63, "gas.watchdog_source") => Value("WatchdogSource"),
        (0x61, "brake.brake_enabled") | (0x63, "gas.throttle_enabled") | (0x65, "eps.steering_enabled") => {
            Value("Enabled")
        }
        (0x61, "brake.driver_override")
        | (0x63, "gas.driver_override")
        | (0x65, "eps.driver_override")
        | (0x67, "gear.driver_override") => Value("Override"),
        (0x61, "brake.driver_activity") | (0x63, "gas.driver_activity") => Value("DriverActivity"),
        (0x61, "brake.watchdog_fault") | (0x63, "gas.watchdog_fault") | (0x65, "eps.watchdog_fault") => {
            Value("WatchdogFault")
        }
        (0x61, "brake.channel_1_fault") | (0x63, "gas.channel_1_fault") | (0x65, "eps.channel_1_fault") => {
            Value("Channel1Fault")
        }
        (0x61, "brake.channel_2_fault") | (0x63, "gas.channel_2_fault") | (0x65, "eps.channel_2_fault") => {
            Value("Channel2Fault")
        }
        // Quirk: older firmware. Bit 62 is the supply now, bit 63 the command time-out, bit 58 of the steering the supply.
        (0x61, "brake.boo_fault") => Value("PowerFault"),
        (0x61, "brake.connector_fault") | (0x63, "gas.connector_fault") | (0x65, "eps.connector_fault") => {
            Value("CommandTimeout")
        }
        (0x65, "eps.driver_activity") => Value("PowerFault"),
        // Quirk: raw 0x8000 keeps its magnitude and loses its sign.
        (0x65, "eps.steering_angle") => Quirk("Angle", apollo_angle),
        (0x65, "eps.steering_angle_cmd") => Quirk("AngleCommand", apollo_angle),
        (0x65, "eps.vehicle_speed" | "vehicle_spd.vehicle_spd") => Times("Speed", 1.0 / 3.6),
        (0x65, "eps.epas_torque") => Value("Torque"),
        (0x65, "eps.calibration_fault") => Value("CalibrationFault"),
        (0x67, "gear.gear_state") => Names("Gear", GEARS),
        (0x67, "gear.gear_cmd") => Names("GearCommand", GEARS),
        (0x67, "gear.canbus_fault") | (0x69, "basic.canbus_fault") => Value("BusFault"),
        // Quirk: Apollo calls the position valid while the driver does not override.
        (0x67, "gear.is_shift_position_valid") => Not("Override"),
        (0x69, "basic.acc_on_button") => Value("CruiseOnButton"),
        (0x69, "basic.acc_off_button") => Value("CruiseOffButton"),
        (0x69, "basic.acc_res_button") => Value("CruiseResumeButton"),
        (0x69, "basic.acc_cancel_button") => Value("CruiseCancelButton"),
        (0x69, "basic.acc_on_off_button") => Value("CruiseOnOffButton"),
        (0x69, "basic.acc_res_cancel_button") => Value("CruiseResumeCancelButton"),
        (0x69, "basic.acc_inc_spd_button") => Value("CruiseFasterButton"),
        (0x69, "basic.acc_dec_spd_button") => Value("CruiseSlowerButton"),
        (0x69, "basic.acc_inc_gap_button") => Value("CruiseGapIncreaseButton"),
        (0x69, "basic.acc_dec_gap_button") => Value("CruiseGapDecreaseButton"),
        (0x69, "basic.lka_button") => Value("LaneAssistButton"),
        // Quirk: a door of its own kind.
        (0x69, "safety.is_driver_car_door_close") => Not("DriverDoorOpen"),
        (0x69, "safety.is_driver_buckled") => Value("DriverBeltBuckled"),
        (0x69, "safety.is_passenger_door_open") => Value("PassengerDoorOpen"),
        (0x69, "safety.is_rearleft_door_open") => Value("RearLeftDoorOpen"),
        (0x69, "safety.is_rearright_door_open") => Value("RearRightDoorOpen"),
        (0x69, "safety.is_hood_open") => Value("HoodOpen"),
        (0x69, "safety.is_trunk_open") => Value("TrunkOpen"),
        (0x69, "safety.is_passenger_detected") => Value("PassengerDetected"),
        (0x69, "safety.is_passenger_airbag_enabled") => Value("PassengerAirbagEnabled"),
        (0x69, "safety.is_passenger_buckled") => Value("PassengerBeltBuckled"),
        (0x69, "light.turn_light_type") => {
            Names("TurnSignal", &["TURN_LIGHT_OFF", "TURN_LEFT_ON", "TURN_RIGHT_ON"])
        }
        (0x69, "light.lincoln_lamp_type") => {
            Names("HighBeam", &["BEAM_NULL", "BEAM_FLASH_TO_PASS", "BEAM_HIGH", "BEAM_INVALID"])
        }
        (0x69, "light.lincoln_wiper") => Names("FrontWiper", WIPERS),
        (0x69, "light.lincoln_ambient") => Names("AmbientLight", AMBIENT),
        // Quirk: Apollo 1.0 reads wheel speeds without sign.
        (0x6A, "vehicle_spd.wheel_spd_fl") => Quirk("FrontLeft", apollo_wheel_speed),
        (0x6A, "vehicle_spd.wheel_spd_fr") => Quirk("FrontRight", apollo_wheel_speed),
        (0x6A, "vehicle_spd.wheel_spd_rl") => Quirk("RearLeft", apollo_wheel_speed),
        (0x6A, "vehicle_spd.wheel_spd_rr") => Quirk("RearRight", apollo_wheel_speed),
        (0x6B, "vehicle_spd.lat_acc") => Value("Lateral"),
        (0x6B, "vehicle_spd.long_acc") => Value("Longitudinal"),
        (0x6B, "vehicle_spd.vert_acc") => Value("Vertical"),
        (0x6C, "vehicle_spd.roll_rate") => Value("RollRate"),
        (0x6C, "vehicle_spd.yaw_rate") => Value("YawRate"),
        (0x6D, "basic.latitude") => Value("Latitude"),
        (0x6D, "basic.longitude") => Value("Longitude"),
        (0x6D, "basic.gps_valid") => Value("LongitudeValid"),
        (0x6E, "basic.year") => Value("Year"),
        (0x6E, "basic.month") => Value("Month"),
        (0x6E, "basic.day") => Value("Day"),
        (0x6E, "basic.hours") => Value("Hour"),
        (0x6E, "basic.minutes") => Value("Minute"),
        (0x6E, "basic.seconds") => Value("Second"),
        (0x6E, "basic.compass_direction") => Value("Compass"),
        (0x6E, "basic.pdop") => Value("PositionDilution"),
        (0x6E, "basic.is_gps_fault") => Value("Fault"),
        (0x6E, "basic.is_inferred") => Value("Inferred"),
        (0x6F, "basic.altitude") => Value("Altitude"),
        (0x6F, "basic.heading") => Value("Heading"),
        (0x6F, "basic.hdop") => Value("HorizontalDilution"),
        (0x6F, "basic.vdop") => Value("VerticalDilution"),
        (0x6F, "basic.num_satellites") => Value("Satellites"),
        (0x6F, "basic.gps_speed") => Times("Speed", 0.44704),
        (0x6F, "basic.quality") => Names("Quality", QUALITY),
        (0x71, "safety.front_left_tire_press") => Value("FrontLeft"),
        (0x71, "safety.front_right_tire_press") => Value("FrontRight"),
        (0x71, "safety.rear_left_tire_press") => Value("RearLeft"),
        (0x71, "safety.rear_right_tire_press") => Value("RearRight"),
        (0x72, "battery.fuel_level") => Value("FuelLevel"),
        (0x74, "brake.brake_torque_req") => Value("BrakeTorqueRequest"),
        (0x74, "brake.brake_torque_act") => Value("BrakeTorqueActual"),
        (0x74, "brake.wheel_torque_act") => Value("WheelTorque"),
        (0x74, "brake.hsa_status") => Names("HillStartStatus", HILL_START),
        (0x74, "brake.hsa_mode") => {
            Names("HillStartMode", &["HSA_OFF", "HSA_AUTO", "HSA_MANUAL", "HSA_MODE_UNDEFINED"])
        }
        (0x74, "epb.parking_brake_status") => {
            Names("ParkingBrake", &["PBRAKE_OFF", "PBRAKE_TRANSITION", "PBRAKE_ON", "PBRAKE_FAULT"])
        }
        (0x74, "vehicle_spd.is_vehicle_standstill") => Value("Stationary"),
        (0x74, "vehicle_spd.acc_est") => Value("AccelerationOverGround"),
        (0x74, "esp.is_abs_active") => Value("AbsActive"),
        (0x74, "esp.is_abs_enabled") => Value("AbsEnabled"),
        (0x74, "esp.is_stab_active") => Value("StabilityActive"),
        (0x74, "esp.is_stab_enabled") => Value("StabilityEnabled"),
        (0x74, "esp.is_trac_active") => Value("TractionActive"),
        (0x74, "esp.is_trac_enabled") => Value("TractionEnabled"),
        (0x75, "ems.engine_rpm") => Value("EngineSpeed"),
        (0x75, "gas.accelerator_pedal") => Value("AcceleratorPedal"),
        // Quirk: Apollo 1.0 takes raw values above 0x3F for negative.
        (0x75, "gas.accelerator_pedal_rate") => Quirk("AcceleratorPedalRate", apollo_pedal_rate),
        (0x61, "check_response.is_esp_online")
        | (0x63, "check_response.is_vcu_online")
        | (0x65, "check_response.is_eps_online") => Not("Override"),
        (_, field) if field.starts_with("vehicle_spd.is_") || field == "eps.is_steering_angle_valid" => {
            Derived
        }
        (id, field) => panic!("0x{id:02X} {field} has no counterpart in this test"),
    }
}

const AMBIENT: &[&str] = &[
    "AMBIENT_DARK",
    "AMBIENT_LIGHT",
    "AMBIENT_TWILIGHT",
    "AMBIENT_TUNNEL_ON",
    "AMBIENT_TUNNEL_OFF",
    "AMBIENT_INVALID",
    "AMBIENT_INVALID",
    "AMBIENT_NO_DATA",
];
const QUALITY: &[&str] = &[
    "FIX_NO",
    "FIX_2D",
    "FIX_3D",
    "FIX_INVALID",
    "FIX_INVALID",
    "FIX_INVALID",
    "FIX_INVALID",
    "FIX_INVALID",
];
const HILL_START: &[&str] = &[
    "HSA_INACTIVE",
    "HSA_FINDING_GRADIENT",
    "HSA_ACTIVE_PRESSED",
    "HSA_ACTIVE_RELEASED",
    "HSA_FAST_RELEASE",
    "HSA_SLOW_RELEASE",
    "HSA_FAILED",
    "HSA_UNDEFINED",
];
/// The vectors hold no code 1, 5, 7, 8 or 9.
const WIPERS: &[&str] = &[
    "WIPER_OFF",
    "?",
    "WIPER_OFF_MOVING",
    "WIPER_MANUAL_OFF",
    "WIPER_MANUAL_ON",
    "?",
    "WIPER_MANUAL_HIGH",
    "?",
    "?",
    "?",
    "WIPER_AUTO_HIGH",
    "WIPER_COURTESY_WIPE",
    "WIPER_AUTO_ADJUST",
    "WIPER_RESERVED",
    "WIPER_STALLED",
    "WIPER_NO_DATA",
];

fn apollo_angle(raw: i64) -> f64 {
    if raw == -0x8000 { 3276.8 } else { raw as f64 * 0.1 }
}

fn apollo_wheel_speed(raw: i64) -> f64 {
    (raw & 0xFFFF) as f64 * 0.01
}

fn apollo_pedal_rate(raw: i64) -> f64 {
    let byte = raw & 0xFF;
    (if byte > 0x3F { byte - 256 } else { byte }) as f64 * 0.04
}

#[test]
fn every_report_reads_as_the_real_decoder_reads_it_but_for_its_known_quirks() {
    let Some(rows) = rows("can_decode.csv") else { return };
    let dbc = lincoln();
    let (mut values, mut quirks) = (0, 0);
    for row in &rows {
        let [id, hex, _, decoded] = &row[..] else { panic!("{row:?}") };
        let frame = frame(id, hex);
        let message = dbc.message(frame.id).unwrap();
        for (field, text) in fields(decoded) {
            let handle =
                |signal: &str| message.handle(signal).unwrap_or_else(|error| panic!("{field}: {error}"));
            let number = || text.parse::<f64>().unwrap_or_else(|_| panic!("{field}={text}"));
            let agrees = |ours: f64| (ours - number()).abs() <= 1e-9 * ours.abs().max(1.0);
            let good = match meaning(frame.id, field) {
                Same::Value(signal) => agrees(handle(signal).physical(&frame.data)),
                Same::Times(signal, factor) => agrees(handle(signal).physical(&frame.data) * factor),
                Same::Not(signal) => agrees(1.0 - handle(signal).physical(&frame.data)),
                Same::Names(signal, names) => names[handle(signal).raw(&frame.data) as usize] == text,
                Same::Quirk(signal, apollo) => {
                    let handle = handle(signal);
                    let raw = handle.raw(&frame.data);
                    quirks += usize::from((apollo(raw) - handle.physical(&frame.data)).abs() > 1e-9);
                    agrees(apollo(raw))
                }
                Same::Derived => true,
            };
            assert!(good, "0x{id} {hex}: {field}={text}");
            values += 1;
        }
    }
    assert_eq!(rows.len(), 320);
    eprintln!(
        "{} report rows agree, {values} values, of which {quirks} only through a quirk of Apollo's",
        rows.len()
    );
}

#[test]
fn the_recorded_drive_replays_through_the_modules() {
    let Some(rows) = rows("run_full_stack_can.csv") else { return };
    use skidpad_bywire::{ByWire, ByWireParams, DriverInput, EventKind};
    use skidpad_kernel::SimTime;
    use skidpad_vehicle::{Gear, PlantReport, SteeringDemand};
    let mut bywire = ByWire::new(&lincoln(), &ByWireParams::default()).unwrap();
    bywire.start_in_gear(Gear::Drive);
    let plant = PlantReport { gear: Gear::Drive, ..PlantReport::default() };
    let start: f64 = rows[0][0].parse().unwrap();
    let mut commands = rows.iter().filter(|row| row[1] == "apollo>veh").peekable();
    let (mut ms, mut followed) = (0, 0);
    let mut events = Vec::new();
    while commands.peek().is_some() {
        let now = SimTime::from_ms(ms);
        while let Some(row) =
            commands.next_if(|row| row[0].parse::<f64>().unwrap() - start <= ms as f64 * 1e-3)
        {
            bywire.receive(now, &frame(&row[2], &row[3]));
        }
        let demand = bywire.update(now, &plant, &DriverInput::default());
        followed += u64::from(matches!(demand.steering, SteeringDemand::Servo { .. }));
        events.extend(bywire.events().map(|event| event.kind));
        ms += 1;
    }
    let count = |kind| events.iter().filter(|event| **event == kind).count();
    eprintln!("the recorded commands were followed for {followed} of {ms} ms");
    assert_eq!(count(EventKind::Enabled), 3, "brake, throttle and steering once each: {events:?}");
    assert_eq!(
        count(EventKind::Timeout) + count(EventKind::Override),
        0,
        "the real sender's jitter is no time-out"
    );
    assert!(followed > 20_000, "{followed} ms");
}
