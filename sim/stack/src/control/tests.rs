//! What the module does, story by story, and the laws its parts obey.

use proptest::prelude::*;
use skidpad_msgs::apollo::canbus::signal::TurnSignal;
use skidpad_msgs::apollo::common::monitor::MonitorMessageItem;
use skidpad_msgs::apollo::common::{Point3D, PointEnu};
use skidpad_msgs::apollo::localization;
use skidpad_msgs::apollo::planning::{AdcTrajectoryPoint, EStop};

use super::*;

const START_S: f64 = 1_500_000_000.0;
const CONTROL_TOML: &str = include_str!("../../../../vehicles/lincoln_mkz/control.toml");

/// The Lincoln MKZ's parameters, from its file.
pub(super) fn conf() -> ControlConf {
    ControlConf::parse(CONTROL_TOML, "control.toml").unwrap()
}

/// A header with a stamp and a sequence number.
pub(super) fn header(timestamp_s: f64, sequence_num: u32) -> Header {
    Header { timestamp_sec: Some(timestamp_s), sequence_num: Some(sequence_num), ..Default::default() }
}

/// A table in which 1 m/s² takes 20 % at every speed.
fn table() -> CalibrationTable {
    CalibrationTable::parse(
        "speed_mps,acceleration_mps2,command_percent\n0,-5,-100\n0,5,100\n20,-5,-100\n20,5,100\n",
        "table.csv",
    )
    .unwrap()
}

fn point(x: f64, y: f64, z: f64) -> Option<Point3D> {
    Some(Point3D { x: Some(x), y: Some(y), z: Some(z) })
}

/// The car on level ground at a place, heading East.
fn localization_at(time_s: f64, x_m: f64, y_m: f64) -> LocalizationEstimate {
    let half = std::f64::consts::FRAC_1_SQRT_2;
    LocalizationEstimate {
        header: Some(header(time_s, 1)),
        pose: Some(localization::Pose {
            position: Some(PointEnu { x: Some(x_m), y: Some(y_m), z: Some(0.0) }),
            orientation: Some(Quaternion { qx: Some(0.0), qy: Some(0.0), qz: Some(-half), qw: Some(half) }),
            heading: Some(0.0),
            angular_velocity_vrf: point(0.0, 0.0, 0.0),
            linear_acceleration_vrf: point(0.0, 0.0, 9.8),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn chassis_at(time_s: f64, speed_mps: f32, driving_mode: DrivingMode) -> Chassis {
    Chassis {
        header: Some(header(time_s, 1)),
        speed_mps: Some(speed_mps),
        steering_percentage: Some(0.0),
        driving_mode: Some(driving_mode as i32),
        ..Default::default()
    }
}

/// 5 m/s along the x axis, at the origin at the stamp's time.
fn straight_on(time_s: f64, sequence_num: u32) -> AdcTrajectory {
    AdcTrajectory {
        header: Some(header(time_s, sequence_num)),
        adc_trajectory_point: (-50..500)
            .map(|index| {
                let relative_time_s = f64::from(index) * 0.01;
                AdcTrajectoryPoint {
                    x: Some(5.0 * relative_time_s),
                    y: Some(0.0),
                    speed: Some(5.0),
                    relative_time: Some(relative_time_s),
                    accumulated_s: Some(100.0 + 5.0 * relative_time_s),
                    ..Default::default()
                }
            })
            .collect(),
        ..Default::default()
    }
}

/// Fresh inputs: the car at the origin at 5 m/s, where it should be.
fn feed(control: &mut Control, time_s: f64) {
    control.on_localization(&localization_at(time_s, 0.0, 0.0));
    control.on_chassis(&chassis_at(time_s, 5.0, DrivingMode::CompleteAutoDrive));
    control.on_planning(&straight_on(time_s, 1));
}

fn ready() -> Control {
    let mut control = Control::new(conf(), table());
    feed(&mut control, START_S);
    control
}

fn pad(action: DrivingAction) -> PadMessage {
    PadMessage { action: Some(action as i32), ..Default::default() }
}

fn status(command: &ControlCommand) -> (ErrorCode, String) {
    let status = command.header.clone().unwrap().status.unwrap();
    (status.error_code(), status.msg().to_owned())
}

fn assert_estop(command: &ControlCommand, message: &str) {
    assert_eq!((command.throttle, command.brake, command.speed), (Some(0.0), Some(50.0), Some(0.0)));
    assert_eq!((command.steering_target, command.steering_rate), (None, None));
    assert_eq!(command.gear_location(), GearPosition::GearDrive);
    let code = if message.is_empty() { ErrorCode::Ok } else { ErrorCode::ControlComputeError };
    assert_eq!(status(command), (code, message.to_owned()));
}

fn assert_drives(command: &ControlCommand) {
    assert!(command.steering_target.is_some() && command.speed.is_none(), "{command:?}");
    assert_eq!(status(command), (ErrorCode::Ok, String::new()));
}

// ---- Stories of the emergency stop ----------------------------------------------------------------------------

#[test]
fn a_module_that_starts_before_its_inputs_stays_stopped_until_reset() {
    let mut control = Control::new(conf(), table());
    assert_estop(&control.tick(START_S), "No localization msg");
    control.on_localization(&localization_at(START_S, 0.0, 0.0));
    assert_estop(&control.tick(START_S), "No chassis msg");
    control.on_chassis(&chassis_at(START_S, 5.0, DrivingMode::CompleteManual));
    assert_estop(&control.tick(START_S), "No planning msg");
    control.on_planning(&straight_on(START_S, 1));
    assert_estop(&control.tick(START_S), ""); // the inputs are good, the latch holds
    control.on_pad(pad(DrivingAction::Start));
    assert_estop(&control.tick(START_S), ""); // START does not clear it
    control.on_pad(pad(DrivingAction::Reset));
    assert_drives(&control.tick(START_S));
}

#[test]
fn a_reset_while_an_input_is_missing_latches_again_at_the_next_tick() {
    let mut control = Control::new(conf(), table());
    control.tick(START_S);
    control.on_pad(pad(DrivingAction::Reset));
    assert!(!control.is_estop());
    assert_estop(&control.tick(START_S), "No localization msg");
    assert!(control.is_estop());
}

#[test]
fn an_estop_of_planning_or_a_fatal_monitor_item_latches_and_lesser_items_do_not() {
    let mut control = ready();
    let monitor = |level: LogLevel| MonitorMessage {
        item: vec![MonitorMessageItem { log_level: Some(level as i32), ..Default::default() }],
        ..Default::default()
    };
    for level in [LogLevel::Info, LogLevel::Warn, LogLevel::Error] {
        control.on_monitor(&monitor(level));
        assert_drives(&control.tick(START_S));
    }
    control.on_monitor(&monitor(LogLevel::Fatal));
    assert_estop(&control.tick(START_S), "");
    control.on_pad(pad(DrivingAction::Reset));
    assert_drives(&control.tick(START_S));

    let estop = EStop { is_estop: Some(true), ..Default::default() };
    control.on_planning(&AdcTrajectory { estop: Some(estop), ..straight_on(START_S, 2) });
    assert_estop(&control.tick(START_S), "");
    control.on_planning(&straight_on(START_S, 3));
    assert_estop(&control.tick(START_S), "");
    control.on_pad(pad(DrivingAction::Reset));
    assert_drives(&control.tick(START_S));
}

#[test]
fn localization_and_chassis_time_out_after_0_2_s_and_planning_after_2_s() {
    for (lost, last_good_s, first_bad_s, message) in [
        (0, 0.19, 0.21, "Localization msg timeout"),
        (1, 0.19, 0.21, "Chassis msg timeout"),
        (2, 1.99, 2.01, "Trajectory msg timeout"),
    ] {
        let mut control = ready();
        for tick in 1..=220 {
            let now_s = START_S + f64::from(tick) * 0.01;
            if lost != 0 {
                control.on_localization(&localization_at(now_s, 0.0, 0.0));
            }
            if lost != 1 {
                control.on_chassis(&chassis_at(now_s, 5.0, DrivingMode::CompleteAutoDrive));
            }
            if lost != 2 {
                control.on_planning(&straight_on(now_s, tick));
            }
            let command = control.tick(now_s);
            if now_s < START_S + last_good_s + 0.001 {
                assert_drives(&command);
            } else if now_s > START_S + first_bad_s - 0.001 {
                assert_estop(&command, message);
            }
        }
        // The message comes back: the reason is gone, the latch is not.
        feed(&mut control, START_S + 3.0);
        assert_estop(&control.tick(START_S + 3.0), "");
    }
}

#[test]
fn stamps_from_the_future_pass_and_a_stamp_that_is_not_a_number_is_old() {
    let mut control = ready();
    feed(&mut control, START_S + 5.0);
    assert_drives(&control.tick(START_S));
    control.on_chassis(&chassis_at(f64::NAN, 5.0, DrivingMode::CompleteAutoDrive));
    assert_estop(&control.tick(START_S), "Chassis msg timeout");
}

#[test]
fn time_outs_can_be_switched_off() {
    let mut control = Control::new(ControlConf { enable_input_timestamp_check: false, ..conf() }, table());
    feed(&mut control, START_S);
    assert_drives(&control.tick(START_S + 100.0));
}

// ---- Where the real module crashes ------------------------------------------------------------------------------

#[test]
fn an_empty_trajectory_stops_the_car() {
    let mut control = ready();
    control.on_planning(&AdcTrajectory { header: Some(header(START_S, 2)), ..Default::default() });
    assert_estop(&control.tick(START_S), "planning trajectory has no points");
    control.on_planning(&straight_on(START_S, 3));
    assert_estop(&control.tick(START_S), "");
}

#[test]
fn a_missing_or_nan_speed_stops_the_car() {
    for speed_mps in [None, Some(f32::NAN), Some(f32::INFINITY)] {
        let mut control = ready();
        control
            .on_chassis(&Chassis { speed_mps, ..chassis_at(START_S, 0.0, DrivingMode::CompleteAutoDrive) });
        assert_estop(&control.tick(START_S), "chassis speed_mps is missing or not finite");
        feed(&mut control, START_S);
        control.on_pad(pad(DrivingAction::Reset));
        assert_drives(&control.tick(START_S));
    }
}

#[test]
fn a_pose_with_a_hole_stops_the_car_and_says_where_the_hole_is() {
    type Damage = fn(&mut localization::Pose);
    let damages: [(Damage, &str); 6] = [
        (|pose| pose.position = None, "localization pose has no position"),
        (
            |pose| pose.position.as_mut().unwrap().x = None,
            "localization pose position.x is missing or not finite",
        ),
        (|pose| pose.heading = Some(f64::NAN), "localization pose heading is missing or not finite"),
        (
            |pose| pose.orientation.as_mut().unwrap().qz = None,
            "localization pose orientation is missing or not finite",
        ),
        (
            |pose| pose.angular_velocity_vrf = None,
            "localization pose angular_velocity_vrf.z is missing or not finite",
        ),
        (
            |pose| (pose.heading, pose.orientation) = (None, None),
            "localization pose has neither heading nor orientation",
        ),
    ];
    for (damage, message) in damages {
        let mut control = ready();
        let mut estimate = localization_at(START_S, 0.0, 0.0);
        damage(estimate.pose.as_mut().unwrap());
        control.on_localization(&estimate);
        assert_estop(&control.tick(START_S), message);
    }
    let mut control = ready();
    control.on_localization(&LocalizationEstimate { pose: None, ..localization_at(START_S, 0.0, 0.0) });
    assert_estop(&control.tick(START_S), "localization has no pose");
}

fn any_number() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        4 => (-1e3..1e3).prop_map(Some),
        1 => any::<f64>().prop_map(Some),
        1 => Just(Some(f64::NAN)),
        1 => Just(None),
    ]
}

proptest! {
    /// Whatever the messages hold, a command comes, and every value of it is a number within its range.
    #[test]
    fn no_message_makes_it_panic_or_command_nonsense(
        rounds in prop::collection::vec((
            prop::array::uniform9(any_number()),
            prop::collection::vec(prop::array::uniform8(any_number()), 0..4),
            any::<f32>(), 0..7, 0..4_u32,
        ), 1..6)
    ) {
        let mut control = Control::new(ControlConf { enable_input_timestamp_check: false, ..conf() }, table());
        for (pose, points, speed_mps, driving_mode, sequence_num) in rounds {
            control.on_localization(&LocalizationEstimate {
                pose: Some(localization::Pose {
                    position: Some(PointEnu { x: pose[0], y: pose[1], z: None }),
                    orientation: Some(Quaternion { qx: pose[2], qy: pose[3], qz: pose[4], qw: pose[5] }),
                    heading: pose[6],
                    angular_velocity_vrf: Some(Point3D { x: None, y: None, z: pose[7] }),
                    ..Default::default()
                }),
                ..Default::default()
            });
            control.on_chassis(&Chassis {
                speed_mps: Some(speed_mps), driving_mode: Some(driving_mode), ..Default::default()
            });
            control.on_planning(&AdcTrajectory {
                header: Some(Header { timestamp_sec: pose[8], sequence_num: Some(sequence_num), ..Default::default() }),
                adc_trajectory_point: points.iter().map(|value| AdcTrajectoryPoint {
                    x: value[0], y: value[1], theta: value[2], curvature: value[3], speed: value[4],
                    acceleration_s: value[5], relative_time: value[6], accumulated_s: value[7],
                    ..Default::default()
                }).collect(),
                ..Default::default()
            });
            control.on_pad(pad(DrivingAction::Reset));
            let command = control.tick(START_S);
            prop_assert!((0.0..=100.0).contains(&command.throttle()), "{command:?}");
            prop_assert!((0.0..=100.0).contains(&command.brake()), "{command:?}");
            prop_assert!(command.throttle() == 0.0 || command.brake() == 0.0);
            // The low pass overshoots a step by at most 4.3 % of its height.
            prop_assert!(command.steering_target().abs() <= 110.0, "{command:?}");
        }
    }
}

// ---- Other stories ------------------------------------------------------------------------------------------------

#[test]
fn a_pad_message_goes_into_exactly_one_command() {
    let mut control = ready();
    assert_eq!(control.tick(START_S).pad_msg, None);
    control.on_pad(pad(DrivingAction::Start));
    assert_eq!(control.tick(START_S).pad_msg, Some(pad(DrivingAction::Start)));
    assert_eq!(control.tick(START_S).pad_msg, None);
    // Two between two ticks: the later one goes out.
    control.on_pad(pad(DrivingAction::Reset));
    control.on_pad(pad(DrivingAction::Stop));
    assert_eq!(control.tick(START_S).pad_msg, Some(pad(DrivingAction::Stop)));
}

#[test]
fn the_integrator_winds_up_in_automatic_and_starts_anew_every_tick_in_manual_drive() {
    // 0.1 m/s too slow at 5 m/s: the integral grows by 0.1 · 0.3 / 100 each tick.
    let closeloop = |mode: DrivingMode| {
        let mut control = ready();
        control.on_chassis(&chassis_at(START_S, 4.9, mode));
        let mut outputs = (0..3).map(|_| {
            let debug = control.tick(START_S).debug.unwrap().simple_lon_debug.unwrap();
            (debug.acceleration_cmd_closeloop() * 1e6).round() / 1e6
        });
        [outputs.next().unwrap(), outputs.next().unwrap(), outputs.next().unwrap()]
    };
    assert_eq!(closeloop(DrivingMode::CompleteAutoDrive), [0.1003, 0.1006, 0.1009]);
    assert_eq!(closeloop(DrivingMode::EmergencyMode), [0.1003, 0.1006, 0.1009]);
    assert_eq!(closeloop(DrivingMode::CompleteManual), [0.1003; 3]);
}

#[test]
fn a_trajectory_with_an_old_sequence_number_moves_the_steering_but_not_the_pedals() {
    let mut control = ready();
    control.tick(START_S);
    let shifted = |sequence_num| {
        let mut trajectory = straight_on(START_S, sequence_num);
        for point in &mut trajectory.adc_trajectory_point {
            point.y = Some(1.0);
            point.accumulated_s = point.accumulated_s.map(|station_m| station_m + 7.0);
        }
        trajectory
    };
    let mut references = [1, 2].map(|sequence_num| {
        control.on_planning(&shifted(sequence_num));
        let debug = control.tick(START_S).debug.unwrap();
        (debug.simple_lat_debug.unwrap().lateral_error(), debug.simple_lon_debug.unwrap().station_reference())
    });
    for (lateral_m, station_m) in &mut references {
        (*lateral_m, *station_m) = (lateral_m.round(), station_m.round());
    }
    assert_eq!(references, [(-1.0, 100.0), (-1.0, 107.0)]);
}

#[test]
fn a_full_stop_is_held_by_the_standstill_acceleration() {
    let mut control = ready();
    let mut trajectory = straight_on(START_S, 2);
    for point in &mut trajectory.adc_trajectory_point {
        (point.x, point.speed, point.accumulated_s) = (Some(0.0), Some(0.0), Some(100.0));
    }
    control.on_planning(&trajectory);
    control.on_chassis(&chassis_at(START_S, 0.0, DrivingMode::CompleteAutoDrive));
    let command = control.tick(START_S);
    let debug = command.debug.as_ref().unwrap().simple_lon_debug.unwrap();
    assert!(debug.is_full_stop());
    assert_eq!((debug.acceleration_cmd(), command.throttle(), command.brake()), (-3.0, 0.0, 60.0));
}

#[test]
fn small_commands_are_lifted_to_the_dead_zones_so_the_car_never_coasts() {
    let pedals = |speed_mps: f32| {
        let mut control = ready();
        control.on_chassis(&chassis_at(START_S, speed_mps, DrivingMode::CompleteAutoDrive));
        let command = control.tick(START_S);
        (command.throttle(), command.brake())
    };
    assert_eq!(pedals(4.9), (18.0, 0.0)); // 0.1 m/s² would take 2 %
    assert_eq!(pedals(5.1), (0.0, 15.5)); // −0.1 m/s² would take −2 %
}

#[test]
fn the_command_carries_headers_latencies_and_the_signal_of_planning() {
    let mut control = ready();
    let signal = Signal { turn_signal: Some(TurnSignal::TurnLeft as i32), ..Default::default() };
    control.on_planning(&AdcTrajectory { signal: Some(signal), ..straight_on(START_S, 9) });
    for sequence_num in 1..=3 {
        let command = control.tick(START_S + 0.01);
        let header = command.header.unwrap();
        assert_eq!(header.sequence_num(), sequence_num);
        assert_eq!((header.module_name(), header.timestamp_sec()), ("control", START_S + 0.01));
        assert_eq!(command.signal, Some(signal));
        let latency = command.latency_stats.unwrap();
        assert_eq!((latency.total_time_ms(), latency.controller_time_ms), (0.0, vec![0.0, 0.0]));
        let inputs = command.debug.unwrap().input_debug.unwrap();
        assert_eq!(inputs.localization_header.unwrap().timestamp_sec(), START_S);
        assert_eq!(inputs.canbus_header.unwrap().timestamp_sec(), START_S);
        assert_eq!(inputs.trajectory_header.unwrap().sequence_num(), 9);
    }
}

#[test]
fn left_of_the_path_it_steers_right_and_the_mirror_image_the_other_way() {
    let steer = |y_m: f64| {
        let mut control = ready();
        control.on_localization(&localization_at(START_S, 0.0, y_m));
        control.tick(START_S).steering_target()
    };
    assert!(steer(0.5) < -0.1, "{}", steer(0.5));
    assert!((steer(0.5) + steer(-0.5)).abs() < 1e-12);
    assert!(steer(0.0).abs() < 1e-12);
}

#[test]
fn the_heading_comes_from_the_orientation_where_it_is_not_given() {
    for heading_rad in [-3.0, -1.2, 0.0, 0.7, 2.0, 3.1] {
        let half = (heading_rad - FRAC_PI_2) / 2.0;
        let (qz, qw) = (libm::sin(half), libm::cos(half));
        let q = Quaternion { qx: Some(0.0), qy: Some(0.0), qz: Some(qz), qw: Some(qw) };
        assert!((heading_of(&q) - heading_rad).abs() < 1e-12);
        let [east, north] = forward_of(&q);
        assert!(
            (east - libm::cos(heading_rad)).abs() < 1e-12 && (north - libm::sin(heading_rad)).abs() < 1e-12
        );
    }
}

#[test]
fn differences_give_the_same_steering_as_exact_rates_once_the_errors_stand_still() {
    let settle = |use_state_exact_match: bool| {
        let mut conf = conf();
        conf.lateral.use_state_exact_match = use_state_exact_match;
        let mut control = Control::new(conf, table());
        feed(&mut control, START_S);
        control.on_localization(&localization_at(START_S, 0.0, 0.3));
        (0..100).map(|_| control.tick(START_S).steering_target()).last().unwrap()
    };
    assert!((settle(true) - settle(false)).abs() < 1e-6, "{} {}", settle(true), settle(false));
}

// ---- Laws of the parts ----------------------------------------------------------------------------------------------

/// Gains of the converged Riccati equation, computed independently for these parameters.
#[test]
fn the_riccati_iteration_converges_to_the_known_gains() {
    let lateral = LateralConf { eps: 1e-12, max_iteration: 10_000, ..conf().lateral };
    let model = ErrorModel::new(&lateral);
    for (speed_mps, expected) in [
        (3.0, [0.222, 0.004, 1.230, 0.024]),
        (5.0, [0.221, 0.007, 1.246, 0.040]),
        (8.0, [0.219, 0.012, 1.282, 0.061]),
        (11.0, [0.218, 0.015, 1.329, 0.080]),
    ] {
        let gain = model.gain(speed_mps).unwrap();
        for (got, expected) in gain.k.iter().zip(expected) {
            assert!((got - expected).abs() <= 0.00055, "{speed_mps} m/s: {} , expected {expected}", gain.k);
        }
    }
}

/// With the car's eps and max_iteration the iteration is cut short: at low speed the real module steers with a good
/// deal less gain than the converged one. (The recorded situations confirm these numbers.)
#[test]
fn the_real_module_stops_the_riccati_iteration_before_it_has_converged() {
    let model = ErrorModel::new(&conf().lateral);
    let lateral_gains = [1.0, 3.0, 5.0, 11.0, 20.0].map(|speed_mps| {
        let gain = model.gain(speed_mps).unwrap();
        ((gain.k[0] * 1e4).round() / 1e4, gain.iterations)
    });
    assert_eq!(lateral_gains, [(0.0517, 150), (0.1478, 150), (0.1913, 150), (0.2145, 125), (0.2143, 96)]);
}

/// The written-out Riccati step against the formula, on a car whose weight is not in the middle.
#[test]
fn a_riccati_step_is_the_textbook_formula() {
    let lateral = LateralConf {
        mass_fl_kg: 600.0,
        mass_fr_kg: 590.0,
        cr_n_per_rad: 120e3,
        matrix_q: [0.05, 0.01, 1.0, 0.02],
        max_iteration: 40,
        ..conf().lateral
    };
    let model = ErrorModel::new(&lateral);
    let (a, b) = model.discrete(7.0).unwrap();
    let q = nalgebra::Matrix4::from_diagonal(&nalgebra::Vector4::from(lateral.matrix_q));
    let mut p = q;
    for _ in 0..40 {
        let s = (1.0 + (b.transpose() * p * b)[0]).recip();
        p = a.transpose() * p * a - a.transpose() * p * b * s * b.transpose() * p * a + q;
    }
    let k = (1.0 + (b.transpose() * p * b)[0]).recip() * b.transpose() * p * a;
    let gain = model.gain(7.0).unwrap();
    assert_eq!(gain.iterations, 40);
    assert!((gain.k - k).abs().max() < 1e-12, "{} {k}", gain.k);
}

#[test]
fn the_low_pass_has_the_documented_coefficients_and_unit_gain_at_rest() {
    let mut low_pass = LowPass::new(0.01, 10.0);
    for (got, expected) in low_pass
        .denominator()
        .into_iter()
        .chain(low_pass.numerator())
        .zip([1.0, -1.168261, 0.424118, 0.063964, 0.127929, 0.063964])
    {
        assert!((got - expected).abs() < 5e-7, "{got} {expected}");
    }
    let settled = (0..200).map(|_| low_pass.step(3.0)).last().unwrap();
    assert!((settled - 3.0).abs() < 1e-12);
}

#[test]
fn the_mean_filter_drops_the_smallest_and_the_largest_of_its_window() {
    let mut filter = MeanFilter::new(4);
    let means: Vec<_> = [1.0, 3.0, 8.0, 4.0, 100.0].map(|value| filter.step(value)).into();
    assert_eq!(means, [1.0, 2.0, 3.0, 3.5, 6.0]);
}

#[test]
fn the_pid_adds_its_parts_saturates_its_integral_and_changes_gains_without_a_step() {
    let gains =
        |kp, ki, kd| PidConf { integrator_enable: true, integrator_saturation_level: 0.3, kp, ki, kd };
    let mut pid = Pid::new(&gains(2.0, 0.5, 0.1));
    let close = |got: f64, expected: f64| assert!((got - expected).abs() < 1e-12, "{got} {expected}");
    close(pid.step(1.0, 0.1), 2.0 + 0.05); // no derivative on the first step
    close(pid.step(1.5, 0.1), 3.0 + 0.125 + 0.1 * 5.0);
    for _ in 0..100 {
        pid.step(1.5, 0.1);
    }
    close(pid.integral(), 0.3);
    close(pid.step(1.5, 0.1), 3.3);
    pid.set_gains(&gains(2.0, 50.0, 0.0));
    close(pid.step(0.0, 0.1), 0.3); // a new ki leaves the integral alone
    for _ in 0..100 {
        pid.step(-1.5, 0.1);
    }
    close(pid.integral(), -0.3);
    pid.reset();
    close(pid.step(1.0, 0.1), 2.3);

    let mut without = Pid::new(&PidConf { integrator_enable: false, ..gains(0.2, 1.0, 0.0) });
    assert_eq!([without.step(1.0, 0.1), without.step(1.0, 0.1)], [0.2, 0.2]);
}

fn trajectory(points: &[(f64, f64, f64, f64)]) -> Trajectory {
    let points = points.iter().map(|&(x_m, y_m, station_m, relative_time_s)| TrajectoryPoint {
        x_m,
        y_m,
        station_m,
        relative_time_s,
        ..Default::default()
    });
    Trajectory::new(START_S, 1, points).unwrap()
}

#[test]
fn the_matched_point_is_the_foot_of_the_perpendicular() {
    let path = trajectory(&[(0.0, 0.0, 10.0, 0.0), (1.0, 0.0, 11.0, 0.1), (2.0, 0.0, 12.0, 0.2)]);
    let matched = path.matched(0.8, 3.0);
    assert!((matched.station_m - 10.8).abs() < 1e-6 && (matched.x_m - 0.8).abs() < 1e-6);
    let on_path = matched.project(0.8, 3.0, 0.1, 4.0);
    assert!((on_path.station_m - 10.8).abs() < 1e-9);
    assert!((on_path.station_rate_mps - 4.0 * libm::cos(0.1)).abs() < 1e-12);
    // One point, and points that share a station, are their own match; far ahead, the projection goes on.
    assert_eq!(trajectory(&[(5.0, 6.0, 7.0, 0.0)]).matched(0.0, 0.0).station_m, 7.0);
    let parked = trajectory(&[(0.0, 0.0, 7.0, 0.0), (0.0, 0.0, 7.0, 0.1)]);
    assert_eq!(parked.matched(3.0, 0.0).project(3.0, 0.0, 0.0, 1.0).station_m, 10.0);
}

#[test]
fn the_nearest_point_in_time_is_the_earlier_of_two_equals_and_an_end_outside() {
    let path = trajectory(&[(0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.5), (0.0, 0.0, 2.0, 1.0)]);
    let station_at = |relative_s: f64| path.nearest_by_time(START_S + relative_s).station_m;
    assert_eq!([-5.0, 0.25, 0.26, 0.75, 0.8, 9.0].map(station_at), [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]);
}

proptest! {
    #[test]
    fn the_nearest_point_in_space_is_the_first_of_the_nearest(
        points in prop::collection::vec((-3..3_i32, -3..3_i32), 1..40), x in -4.0..4.0, y in -4.0..4.0,
        on_grid in any::<bool>(),
    ) {
        let (x, y): (f64, f64) = if on_grid { (f64::floor(x), f64::floor(y)) } else { (x, y) };
        let squared = |&(px, py): &(i32, i32)| (f64::from(px) - x).powi(2) + (f64::from(py) - y).powi(2);
        let least = points.iter().map(squared).fold(f64::INFINITY, f64::min);
        let first = points.iter().position(|point| squared(point) == least).unwrap();
        let numbered: Vec<_> = points.iter().enumerate()
            .map(|(index, &(px, py))| (f64::from(px), f64::from(py), index as f64, 0.0)).collect();
        prop_assert_eq!(trajectory(&numbered).nearest_by_position(x, y).station_m, first as f64);
    }

    #[test]
    fn an_angle_is_normalised_to_the_half_open_turn(angle_rad in -1e4..1e4) {
        let turned: f64 = normalize_angle(angle_rad);
        prop_assert!((-PI..PI).contains(&turned));
        prop_assert!((libm::sin(turned) - libm::sin(angle_rad)).abs() < 1e-9);
    }
}

// ---- The calibration table ------------------------------------------------------------------------------------------

#[test]
fn the_table_interpolates_in_acceleration_then_in_speed_and_holds_its_edges() {
    let table = CalibrationTable::parse(
        "speed_mps,acceleration_mps2,command_percent\r\n 2, 1, 50\r\n2,-1,-10\r\n\r\n0,2,40\r\n0,0,20\r\n",
        "t.csv",
    )
    .unwrap();
    for (speed_mps, acceleration_mps2, expected) in [
        (0.0, 1.0, 30.0),
        (2.0, 0.0, 20.0),
        (0.5, 1.0, 35.0), // a quarter of the way from 30 to 50
        (-9.0, 1.0, 30.0),
        (9.0, 0.5, 35.0),
        (0.0, -9.0, 20.0),
        (0.0, 9.0, 40.0),
        (1.0, 9.0, 45.0),
    ] {
        let got = table.command_pct(speed_mps, acceleration_mps2);
        assert!((got - expected).abs() < 1e-12, "{speed_mps} {acceleration_mps2}: {got} {expected}");
    }
    assert!(table.command_pct(f64::NAN, 0.0).is_nan() && table.command_pct(0.0, f64::NAN).is_nan());
}

#[test]
fn a_bad_table_is_refused_with_its_place() {
    let header = "speed_mps,acceleration_mps2,command_percent";
    for (text, expected) in [
        (String::new(), "t.csv:1:1: expected the header line"),
        ("speed,acceleration,command\n1,2,3\n".to_owned(), "t.csv:1:1: expected the header line"),
        (format!("{header}\n"), "t.csv:1:1: the calibration table has no rows"),
        (format!("{header}\n1,2\n"), "t.csv:2:1: expected 3 values"),
        (format!("{header}\n1,2,3,4\n"), "t.csv:2:7: expected 3 values, got more"),
        (format!("{header}\n1,2,3\n1,x,3\n"), "t.csv:3:3: expected a number, got `x`"),
        (format!("{header}\n1,2,NaN\n"), "t.csv:2:5: expected a finite number, got `NaN`"),
        (format!("{header}\n1,inf,3\n"), "t.csv:2:3: expected a finite number, got `inf`"),
        (
            format!("{header}\n0,2,3\n-0,2,4\n"),
            "t.csv:3:1: speed 0 m/s and acceleration 2 m/s² are there twice (also in line 2)",
        ),
    ] {
        let error = CalibrationTable::parse(&text, "t.csv").unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_table_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = CalibrationTable::parse(&text, "random");
        let _ = CalibrationTable::parse(&format!("{CALIBRATION_HEADER}\n{text}"), "random");
    }

    #[test]
    fn the_command_lies_within_the_table(speed_mps in -1.0..30.0, acceleration_mps2 in -20.0..20.0) {
        prop_assert!((-100.0..=100.0).contains(&table().command_pct(speed_mps, acceleration_mps2)));
    }
}

// ---- The parameters -------------------------------------------------------------------------------------------------

#[test]
fn a_bad_parameter_file_is_refused_with_its_place() {
    let changed = |from: &str, to: &str| {
        assert!(CONTROL_TOML.contains(from), "{from}");
        ControlConf::parse(&CONTROL_TOML.replacen(from, to, 1), "control.toml").unwrap_err()
    };
    let line_of = |key: &str| CONTROL_TOML.lines().position(|line| line.starts_with(key)).unwrap() + 1;

    let unknown = changed("wheelbase_m", "wheelbase");
    assert_eq!((unknown.line, unknown.column), (line_of("wheelbase_m"), 1));
    assert!(
        unknown.message.contains("unknown field `wheelbase`") && unknown.message.contains("`wheelbase_m`")
    );
    let negative = changed("wheelbase_m = 2.85", "wheelbase_m = -2.85");
    assert_eq!((negative.line, negative.column), (line_of("wheelbase_m"), 15));
    assert_eq!(negative.message, "`lateral.wheelbase_m` must be a finite number above 0, got -2.85");
    let nan = changed("eps = 0.01", "eps = nan");
    assert_eq!((nan.line, nan.column), (line_of("eps"), 7));
    let weight = changed("[0.05, 0.0, 1.0, 0.0]", "[0.05, -0.1, 1.0, 0.0]");
    assert_eq!(weight.line, line_of("matrix_q"));
    let too_few = changed("[0.05, 0.0, 1.0, 0.0]", "[0.05]");
    assert_eq!(too_few.line, line_of("matrix_q"));
    let gain = changed("kp = 0.2 ", "kp = inf ");
    assert!(gain.message.starts_with("`longitudinal.station_pid.kp` must be a finite number"), "{gain}");
    assert_eq!((gain.line, gain.column), (line_of("kp"), 6));
    let text = changed("soft_estop_brake_pct = 50.0", "soft_estop_brake_pct = 'hard'");
    assert_eq!((text.line, text.column), (line_of("soft_estop_brake_pct"), 24));
    let missing = changed("switch_speed_mps", "# switch_speed_mps");
    assert!(missing.message.contains("missing field `switch_speed_mps`"), "{missing}");
    for period in ["1e-12", "1e300"] {
        let period = changed("control_period_s = 0.01", &format!("control_period_s = {period}"));
        assert!(period.message.starts_with("`control_period_s` must be from 0.001 to 1"), "{period}");
    }
    let torn = changed("[lateral]", "[lateral");
    assert!(torn.to_string().starts_with(&format!("control.toml:{}:", line_of("[lateral]"))), "{torn}");
}

#[test]
fn parameters_survive_writing_and_reading() {
    let text = toml::to_string(&conf()).unwrap();
    assert_eq!(ControlConf::parse(&text, "written").unwrap(), conf());
}

proptest! {
    #[test]
    fn no_bytes_make_the_parameter_reader_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0..CONTROL_TOML.len(),
    ) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = ControlConf::parse(&text, "random");
        let mut inside = CONTROL_TOML.as_bytes().to_vec();
        inside.splice(at..at, bytes.iter().copied().take(8));
        let _ = ControlConf::parse(&String::from_utf8_lossy(&inside), "random");
    }
}
