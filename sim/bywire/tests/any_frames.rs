//! Whatever arrives on the bus, no actuator moves that was not enabled.

mod common;

use common::{Bench, lincoln};
use proptest::prelude::*;
use skidpad_bywire::{ByWire, ByWireParams, DriverInput, Hands, Mode, Subsystem, Unit};
use skidpad_can::Frame;
use skidpad_kernel::SimTime;
use skidpad_vehicle::{Gear, PlantReport, SteeringDemand};

/// Command identifiers, often; any other, sometimes. Few distinct bytes, so that flags come and go.
fn frames() -> impl Strategy<Value = Frame> {
    let id = prop_oneof![4 => 0x60u16..0x69, 1 => 0u16..0x800];
    let byte = prop_oneof![Just(0u8), Just(1), Just(2), Just(4), Just(5), any::<u8>()];
    (id, prop::array::uniform8(byte), 0u8..=8).prop_map(|(id, data, len)| Frame { id, len, data })
}

/// What a module may do by the rules of the vendor, told from the frames alone: whether its command may be followed.
#[derive(Default)]
struct Permission {
    enable: bool,
    at_ms: Option<u64>,
}

impl Permission {
    fn frame(&mut self, ms: u64, enable: bool) {
        self.enable = enable;
        self.at_ms = Some(ms);
    }

    fn given(&self, ms: u64) -> bool {
        self.enable && self.at_ms.is_some_and(|at| ms - at < 100)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_frames_move_an_actuator_that_is_not_enabled(
        script in prop::collection::vec((1u64..60, frames(), prop::option::weighted(0.02, 0usize..4)), 1..120),
        foot in prop_oneof![2 => Just(0.0), 1 => 0.0..100.0f64], hand_nm in prop_oneof![2 => Just(0.0), 1 => 0.0..8.0f64],
        speed in -10.0..30.0f64,
    ) {
        let mut bench = Bench::new();
        bench.plant.wheel_speed_mps = speed;
        bench.plant.stationary = false;
        bench.driver = DriverInput {
            brake_pct: foot,
            hands: Hands::Hold { angle_rad: 1.0, max_torque_nm: hand_nm },
            ..DriverInput::default()
        };
        let [mut brake, mut throttle, mut steering] = <[Permission; 3]>::default();
        let mut gear_asked_ms = None;
        // A command that carries a COUNT arms the watchdog, which may brake.
        let mut counted = false;
        for (wait, frame, reset) in script {
            if let Some(unit) = reset {
                let now = bench.now();
                bench.bywire.reset(now, Unit::ALL[unit]);
            }
            if frame.len >= 4 {
                match frame.id {
                    0x60 => brake.frame(bench.ms, frame.data[3] & 1 != 0),
                    0x62 => throttle.frame(bench.ms, frame.data[3] & 1 != 0),
                    0x64 => steering.frame(bench.ms, frame.data[2] & 1 != 0),
                    _ => {}
                }
            }
            counted |= matches!(frame.id, 0x60 | 0x62 | 0x64) && frame.len == 8 && frame.data[7] != 0;
            if frame.id == 0x66 && frame.len >= 1 && frame.data[0] & 7 != 0 {
                gear_asked_ms = Some(bench.ms);
            }
            bench.receive(frame);
            for _ in 0..wait {
                let gear = bench.demand.gear;
                bench.tick();
                let free_pedal = foot.max(13.6);
                if !brake.given(bench.ms) {
                    let watchdog = counted && bench.demand.brake_pct == free_pedal.max(25.0);
                    prop_assert!(watchdog || bench.demand.brake_pct == free_pedal, "{}", bench.demand.brake_pct);
                }
                prop_assert!(bench.demand.brake_pct >= free_pedal, "nothing takes the driver's brake away");
                if !throttle.given(bench.ms) {
                    prop_assert_eq!(bench.demand.throttle_pct, 15.1);
                }
                let servo = matches!(bench.demand.steering, SteeringDemand::Servo { .. });
                prop_assert!(!servo || steering.given(bench.ms), "the steering is free");
                if bench.demand.gear != gear {
                    prop_assert!(gear_asked_ms.is_some_and(|at| bench.ms - at <= 100), "a gear nobody asked for");
                }
                // And the modules never claim to follow what they do not.
                prop_assert_eq!(servo, bench.mode(Subsystem::Steering) == Mode::Enabled);
                let demand = bench.demand;
                prop_assert!((0.0..=100.0).contains(&demand.brake_pct) && (0.0..=100.0).contains(&demand.throttle_pct));
                if let Some((angle, rate)) = bench.servo_deg() {
                    prop_assert!(angle.abs() <= 470.0 + 1e-9 && rate > 0.0 && rate <= 500.0 + 1e-9);
                }
            }
        }
    }

    #[test]
    fn any_frame_in_any_plant_never_panics(
        script in prop::collection::vec((0u64..400, any::<u16>(), any::<[u8; 8]>(), any::<u8>()), 0..100),
        numbers in prop::array::uniform8(any::<f64>()), gear in 0usize..5,
    ) {
        let mut bywire = ByWire::new(&lincoln(), &ByWireParams::default()).unwrap();
        let gear = [Gear::Park, Gear::Reverse, Gear::Neutral, Gear::Drive, Gear::Low][gear];
        let [a, b, c, d, e, f, g, h] = numbers;
        let plant = PlantReport {
            steering_wheel_rad: a, wheel_speed_mps: b, wheel_spin_rps: [c, d, e, f], specific_force_mps2: [g, h, a],
            body_rate_rps: [b, c, d], throttle_pct: e, brake_pct: f, brake_torque_request_nm: g,
            brake_torque_actual_nm: h, wheel_torque_nm: a, gear, engine_rpm: b, ..PlantReport::default()
        };
        let driver = DriverInput {
            throttle_pct: c, brake_pct: d, hands: Hands::Hold { angle_rad: e, max_torque_nm: f }, gear: Some(gear),
            ..DriverInput::default()
        };
        let mut ms = 0;
        for (wait, id, data, len) in script {
            ms += wait;
            let now = SimTime::from_ms(ms);
            bywire.receive(now, &Frame { id, len, data });
            bywire.update(now, &plant, &driver);
            bywire.transmit(now, &plant, &mut |frame| assert!(frame.len <= 8));
        }
    }
}
