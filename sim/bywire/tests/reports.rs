//! What the car says on the bus, and when.

mod common;

use common::{Bench, near};
use skidpad_bywire::{ByWireParams, GpsFix, Subsystem};
use skidpad_can::{Bus, Frame, NodeId};
use skidpad_kernel::SimTime;
use skidpad_vehicle::HillStart;
use std::collections::BTreeMap;

/// A car in a left-hand bend, braking a little.
fn moving() -> Bench {
    let mut bench = Bench::new();
    let plant = &mut bench.plant;
    plant.steering_wheel_rad = 1.0;
    plant.wheel_speed_mps = 10.0;
    plant.wheel_spin_rps = [29.5, 30.5, 29.4, -30.4];
    plant.specific_force_mps2 = [-1.25, 2.5, 9.81];
    plant.body_rate_rps = [0.012, 0.5, 0.25];
    plant.brake_torque_request_nm = 800.0;
    plant.brake_torque_actual_nm = 796.0;
    plant.wheel_torque_nm = -120.0;
    plant.engine_rpm = 1500.25;
    plant.abs_enabled = true;
    plant.abs_active = true;
    plant.stability_enabled = true;
    plant.traction_active = true;
    plant.hill_start_enabled = true;
    plant.hill_start = HillStart::SlowRelease;
    plant.stationary = false;
    bench
}

#[test]
fn reports_say_what_the_car_does() {
    let mut bench = moving();
    bench.run(1200);
    let expect = [
        ("SteeringReport", "Angle", 57.3),
        ("SteeringReport", "Speed", 36.0),
        ("WheelSpeedReport", "FrontLeft", 29.5),
        ("WheelSpeedReport", "FrontRight", 30.5),
        ("WheelSpeedReport", "RearLeft", 29.4),
        ("WheelSpeedReport", "RearRight", -30.4),
        ("AccelerationReport", "Lateral", 2.5),
        ("AccelerationReport", "Longitudinal", -1.25),
        ("AccelerationReport", "Vertical", 9.81),
        ("GyroReport", "RollRate", 0.012),
        ("GyroReport", "YawRate", 0.25),
        ("BrakeInfoReport", "BrakeTorqueRequest", 800.0),
        ("BrakeInfoReport", "BrakeTorqueActual", 796.0),
        ("BrakeInfoReport", "WheelTorque", -120.0),
        ("BrakeInfoReport", "AccelerationOverGround", 0.0),
        ("BrakeInfoReport", "AbsActive", 1.0),
        ("BrakeInfoReport", "AbsEnabled", 1.0),
        ("BrakeInfoReport", "StabilityActive", 0.0),
        ("BrakeInfoReport", "StabilityEnabled", 1.0),
        ("BrakeInfoReport", "TractionActive", 1.0),
        ("BrakeInfoReport", "TractionEnabled", 0.0),
        ("BrakeInfoReport", "HillStartStatus", 5.0),
        ("BrakeInfoReport", "HillStartMode", 1.0),
        ("BrakeInfoReport", "Stationary", 0.0),
        ("BrakeInfoReport", "ParkingBrake", 0.0),
        ("ThrottleInfoReport", "EngineSpeed", 1500.25),
        ("ThrottleInfoReport", "AcceleratorPedal", 15.1),
        ("GearReport", "Gear", 4.0),
        ("TyrePressureReport", "RearRight", 240.0),
        ("MiscReport", "DriverBeltBuckled", 1.0),
        ("MiscReport", "DriverDoorOpen", 0.0),
        ("VersionReport", "Major", 2.0),
    ];
    for (message, signal, value) in expect {
        let got = bench.report(message, signal);
        assert!(near(got, value, 1e-9), "{message}.{signal}: expected {value}, got {got}");
    }
    for (signal, rest) in [("PedalInput", 13.6), ("PedalOutput", 13.6)] {
        assert!(
            near(bench.report("BrakeReport", signal), rest, 1e-3),
            "the released brake pedal reads {rest} %"
        );
    }
    for (signal, rest) in [("PedalInput", 15.1), ("PedalOutput", 15.1)] {
        assert!(near(bench.report("ThrottleReport", signal), rest, 1e-3));
    }
    assert!(near(bench.report("FuelReport", "FuelLevel"), 60.0, 0.06));
}

#[test]
fn the_cars_own_receiver_says_where_and_when_in_its_coarse_steps() {
    let mut bench = Bench::new();
    bench.run(200);
    for (message, signal) in [("GpsPositionReport", "LatitudeValid"), ("GpsVelocityReport", "Quality")] {
        assert_eq!(bench.report(message, signal), 0.0, "no fix yet");
    }
    bench.bywire.set_gps(Some(GpsFix {
        // 14 July 2017, 02:40:07 UTC.
        unix_s: 1_500_000_007,
        latitude_deg: 37.409_412_3,
        longitude_deg: -122.024_2,
        altitude_m: -7.33,
        course_deg: 316.789,
        speed_mps: 10.0,
        has_height: true,
        satellites: 11,
        dilution: [1.7, 0.8, 1.4],
    }));
    bench.run(1000);
    let expect = [
        ("GpsPositionReport", "Latitude", 37.409_412_3, 1.7e-7),
        ("GpsPositionReport", "Longitude", -122.024_2, 1.7e-7),
        ("GpsPositionReport", "LatitudeValid", 1.0, 0.0),
        ("GpsPositionReport", "LongitudeValid", 1.0, 0.0),
        ("GpsTimeReport", "Year", 17.0, 0.0),
        ("GpsTimeReport", "Month", 7.0, 0.0),
        ("GpsTimeReport", "Day", 14.0, 0.0),
        ("GpsTimeReport", "Hour", 2.0, 0.0),
        ("GpsTimeReport", "Minute", 40.0, 0.0),
        ("GpsTimeReport", "Second", 7.0, 0.0),
        ("GpsTimeReport", "Compass", 315.0, 0.0),
        ("GpsVelocityReport", "Altitude", -7.25, 1e-9),
        ("GpsVelocityReport", "Heading", 316.79, 1e-9),
        ("GpsVelocityReport", "Speed", 22.0, 0.0),
        ("GpsVelocityReport", "Quality", 2.0, 0.0),
        ("GpsVelocityReport", "Satellites", 11.0, 0.0),
        ("GpsVelocityReport", "HorizontalDilution", 0.8, 1e-9),
        ("GpsVelocityReport", "VerticalDilution", 1.4, 1e-9),
        ("GpsTimeReport", "PositionDilution", 1.8, 1e-9),
    ];
    for (message, signal, value, tolerance) in expect {
        let got = bench.report(message, signal);
        assert!(near(got, value, tolerance), "{message}.{signal}: expected {value}, got {got}");
    }
}

#[test]
fn wheel_counters_count_turns_and_wrap_around() {
    let mut bench = Bench::new();
    let turn = std::f64::consts::TAU;
    bench.plant.wheel_angle_rad = [2.505 * turn, -0.5 * turn, 327.68 * turn, 0.0];
    bench.run(40);
    let counts = ["FrontLeft", "FrontRight", "RearLeft", "RearRight"]
        .map(|wheel| bench.report("WheelPositionReport", wheel));
    assert_eq!(counts, [250.0, -50.0, -32768.0, 0.0]);
}

#[test]
fn each_module_reports_its_licence_in_turn() {
    let mut bench = Bench::new();
    bench.run(4000);
    let licence = bench.dbc.message_by_name("LicenceReport").unwrap();
    let of = |name: &str| -> Vec<i64> {
        let frames = bench.sent.iter().filter(|(_, f)| f.id == licence.id);
        frames.map(|(_, f)| licence.handle(name).unwrap().raw(&f.data)).collect()
    };
    assert_eq!((of("Module"), of("Ready"), of("Expired")), (vec![1, 2, 3, 1], vec![1; 4], vec![0; 4]));
}

#[test]
fn the_pedal_output_is_the_plants_and_not_the_commands() {
    let mut bench = Bench::new();
    let [brake, ..] = bench.commands(0.0, 50.0, 0.0);
    bench.receive(brake);
    // The hydraulics are late: they see 20 % while 50 % are asked for.
    let plant = skidpad_vehicle::PlantReport { brake_pct: 20.0, ..bench.plant };
    bench.bywire.update(SimTime::from_ms(1), &plant, &bench.driver);
    let mut report = None;
    bench.bywire.transmit(SimTime::from_ms(1), &plant, &mut |f: Frame| {
        if f.id == 0x61 {
            report = Some(f);
        }
    });
    bench.sent.push((1, report.unwrap()));
    assert!(near(bench.report("BrakeReport", "PedalCommand"), 50.0, 1e-3));
    assert!(near(bench.report("BrakeReport", "PedalOutput"), 20.0, 1e-3));
}

#[test]
fn backing_up_reads_a_positive_speed_and_negative_wheel_spins() {
    let mut bench = moving();
    bench.plant.wheel_speed_mps = -2.5;
    bench.plant.wheel_spin_rps = [-7.5; 4];
    bench.run(30);
    assert!(near(bench.report("SteeringReport", "Speed"), 9.0, 1e-9));
    assert!(near(bench.report("WheelSpeedReport", "FrontLeft"), -7.5, 1e-9));
}

#[test]
fn rates_are_differences_between_reports() {
    let mut bench = moving();
    let [_, slow, _] = bench.commands(20.0, 0.0, 0.0);
    bench.run_with(21, &[slow]);
    // The 0x75 of 27 ms sees 20 %, that of 47 ms 30 %: 10 % in 20 ms.
    bench.run_with(12, &[slow]);
    let [_, fast, _] = bench.commands(30.0, 0.0, 0.0);
    let speed = bench.plant.wheel_speed_mps;
    for _ in 0..16 {
        bench.receive(fast);
        bench.plant.wheel_speed_mps -= 2e-3;
        bench.tick();
    }
    assert!(near(bench.report("ThrottleInfoReport", "AcceleratorPedalRate"), 0.5, 0.021));
    // 0x74 at 25 and 45 ms: the speed fell by 2 mm/s each ms from 33 ms on.
    let expected = -(12.0 * 2e-3) / 20e-3;
    assert!(near(bench.report("BrakeInfoReport", "AccelerationOverGround"), expected, 0.1), "{speed}");
}

#[test]
fn the_brake_lamp_is_lit_by_the_driver_or_by_a_followed_command() {
    let lamp = |bench: &mut Bench| {
        bench.run(1);
        ["BrakeLampInput", "BrakeLampCommand", "BrakeLampOutput"].map(|s| bench.report("BrakeReport", s))
    };
    let command = [("BrakeLampCommand", 1.0), ("PedalCommand", 20.0)];
    let mut bench = Bench::new();
    bench.run_with(60, &[bench.frame("BrakeCommand", &command)]);
    assert_eq!(lamp(&mut bench), [0.0, 1.0, 0.0], "not enabled");
    let enabled = [command[0], command[1], ("Enable", 1.0)];
    bench.run_with(60, &[bench.frame("BrakeCommand", &enabled)]);
    assert_eq!(lamp(&mut bench), [0.0, 1.0, 1.0]);
    let mut bench = Bench::new();
    bench.driver.brake_pct = 20.0;
    bench.run(60);
    assert_eq!(lamp(&mut bench), [1.0, 0.0, 1.0]);
}

#[test]
fn reports_keep_their_periods_phases_and_lengths() {
    let mut bench = Bench::new();
    bench.run(3000);
    let mut ticks: BTreeMap<u16, Vec<u64>> = BTreeMap::new();
    for (ms, frame) in &bench.sent {
        assert_eq!(frame.len, bench.dbc.message(frame.id).unwrap().len);
        ticks.entry(frame.id).or_default().push(*ms);
    }
    let ids: Vec<u16> = ticks.keys().copied().collect();
    assert_eq!(
        ids,
        [
            0x61, 0x63, 0x65, 0x67, 0x69, 0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x6F, 0x70, 0x71, 0x72, 0x73, 0x74,
            0x75, 0x7E, 0x7F
        ]
    );
    for (id, ticks) in ticks {
        let message = bench.dbc.message(id).unwrap();
        let (period, phase) =
            (message.cycle.unwrap().as_millis() as u64, message.start_delay.as_millis() as u64);
        let expected: Vec<u64> = (0..).map(|k| phase + k * period).take_while(|ms| *ms <= 3000).collect();
        assert_eq!(ticks, expected, "{message}");
    }
}

#[test]
fn each_module_reports_its_firmware_in_turn() {
    let mut bench = Bench::with(ByWireParams { firmware: [2, 3, 4], ..ByWireParams::default() });
    bench.run(4000);
    let version = bench.dbc.message_by_name("VersionReport").unwrap();
    let of = |name: &str| -> Vec<i64> {
        let frames = bench.sent.iter().filter(|(_, f)| f.id == version.id);
        frames.map(|(_, f)| version.handle(name).unwrap().raw(&f.data)).collect()
    };
    assert_eq!(of("Module"), [1, 2, 3, 1]);
    assert_eq!(of("Build"), [4; 4]);
}

#[test]
fn commands_and_reports_share_the_bus_with_room_to_spare() {
    const COMPUTER: NodeId = NodeId(0);
    const CAR: NodeId = NodeId(1);
    let mut bench = moving();
    let mut bus = Bus::new(500_000);
    let [brake, throttle, steering] = bench.commands(30.0, 14.0, 45.0);
    let mut late = 0.0_f64;
    for ms in 1..=2000u64 {
        if ms % 20 == 0 {
            for frame in [brake, throttle, steering, bench.frame("GearCommand", &[("GearCommand", 4.0)])] {
                bus.send(SimTime::from_ms(ms), COMPUTER, frame);
            }
        }
        while let Some(delivery) = bus.poll(SimTime::from_ms(ms)) {
            if delivery.reaches(CAR) {
                late = late.max((delivery.at.as_ns() % 20_000_000) as f64 * 1e-6);
                bench.receive(delivery.frame);
            }
        }
        bench.tick();
        for (_, frame) in std::mem::take(&mut bench.sent) {
            bus.send(SimTime::from_ms(ms), CAR, frame);
        }
    }
    assert!(bench.bywire.mode(Subsystem::Steering) == Some(skidpad_bywire::Mode::Enabled));
    eprintln!("bus load {:.1} %, last command {late:.3} ms after its slot", bus.load() * 100.0);
    assert!(bus.load() > 0.12 && bus.load() < 0.25, "{}", bus.load());
    assert!(late < 1.5, "four commands and at most one report before them: {late} ms");
}
