//! The planning seat against the habits of Apollo's RTK player.

use skidpad_msgs::apollo::{
    canbus::{Chassis, chassis::DrivingMode},
    common::PointEnu,
    localization::{LocalizationEstimate, Pose},
    planning::AdcTrajectory,
};
use skidpad_stack::planning::{Planning, PlanningConf, Recording, Row};
use std::fs;

const NOW_S: f64 = 1_500_000_000.0;

/// Straight east at 5 m/s, a row every 10 ms: 5 cm a row.
fn straight(rows: usize) -> Recording {
    let row = |index: usize| Row {
        x_m: 500_000.0 + 0.05 * index as f64,
        y_m: 4_000_000.0,
        z_m: 12.0,
        speed_mps: 5.0,
        curvature_1pm: 0.001,
        curvature_change_rate_1pm2: 0.002,
        time_s: 1_400_000_000.0 + 0.01 * index as f64,
        theta_rad: 0.25,
        gear: 1,
        s_m: 0.05 * index as f64,
        ..Row::default()
    };
    Recording::from_rows((0..rows).map(row).collect()).unwrap()
}

fn car_at(x_m: f64, y_m: f64) -> LocalizationEstimate {
    let position = PointEnu { x: Some(x_m), y: Some(y_m), z: Some(0.0) };
    let pose = Pose { position: Some(position), ..Default::default() };
    LocalizationEstimate { pose: Some(pose), ..Default::default() }
}

fn mode(mode: DrivingMode) -> Chassis {
    Chassis { driving_mode: Some(mode.into()), ..Default::default() }
}

/// A planner in automatic mode whose first cycle found the car at this row.
fn automatic_from(recording: Recording, row: usize) -> Planning {
    let at = recording.rows()[row];
    let mut planning = Planning::new(recording, PlanningConf::default()).unwrap();
    planning.on_chassis(&mode(DrivingMode::CompleteAutoDrive));
    planning.on_localization(&car_at(at.x_m, at.y_m));
    planning.tick(NOW_S).unwrap();
    planning
}

/// The row of a point of [`straight`].
fn row_of(trajectory: &AdcTrajectory, point: usize) -> usize {
    (trajectory.adc_trajectory_point[point].accumulated_s() / 0.05).round() as usize
}

/// The row whose time has come, by the trajectory.
fn row_due(trajectory: &AdcTrajectory) -> usize {
    let points = &trajectory.adc_trajectory_point;
    let due = points.iter().position(|point| point.relative_time() > -1e-6).unwrap();
    row_of(trajectory, due)
}

#[test]
fn nothing_is_sent_before_the_first_localization() {
    let mut planning = Planning::new(straight(2000), PlanningConf::default()).unwrap();
    planning.on_chassis(&mode(DrivingMode::CompleteAutoDrive));
    assert_eq!(planning.tick(NOW_S), None);
    planning.on_localization(&car_at(500_000.0, 4_000_000.0));
    let first = planning.tick(NOW_S + 0.1).unwrap();
    assert_eq!(first.header.unwrap().sequence_num, Some(0), "a silent cycle does not count");
}

#[test]
fn a_trajectory_is_stamped_numbered_and_signed() {
    let mut planning = automatic_from(straight(2000), 0);
    for cycle in 1..4_u32 {
        let now_s = NOW_S + 0.1 * f64::from(cycle);
        let header = planning.tick(now_s).unwrap().header.unwrap();
        assert_eq!(header.timestamp_sec(), now_s);
        assert_eq!(header.module_name(), "planning");
        assert_eq!(header.sequence_num(), cycle);
    }
}

#[test]
fn the_first_cycle_starts_at_the_row_nearest_to_the_car() {
    let mut planning = Planning::new(straight(2000), PlanningConf::default()).unwrap();
    planning.on_chassis(&mode(DrivingMode::CompleteAutoDrive));
    planning.on_localization(&car_at(500_000.0 + 0.05 * 300.2, 4_000_001.0));
    let trajectory = planning.tick(NOW_S).unwrap();
    assert_eq!(row_due(&trajectory), 300);
}

#[test]
fn the_search_for_the_nearest_row_reaches_500_rows() {
    let mut planning = Planning::new(straight(2000), PlanningConf::default()).unwrap();
    planning.on_chassis(&mode(DrivingMode::CompleteAutoDrive));
    planning.on_localization(&car_at(500_000.0 + 0.05 * 1200.0, 4_000_000.0));
    // Restarted twice in the cycle, since after the first 500 rows the car is still more than 2 m off.
    assert_eq!(row_due(&planning.tick(NOW_S).unwrap()), 499 + 499);
    // And from the begin of that window on, 100 rows back, 500 further.
    assert_eq!(row_due(&planning.tick(NOW_S + 0.1).unwrap()), 1200);
}

#[test]
fn the_last_of_equally_near_rows_is_taken() {
    let mut rows = straight(100).rows().to_vec();
    for row in &mut rows[40..60] {
        (row.x_m, row.s_m) = (500_002.0, 2.95);
    }
    let mut planning = Planning::new(Recording::from_rows(rows).unwrap(), PlanningConf::default()).unwrap();
    planning.on_localization(&car_at(500_002.0, 4_000_000.0));
    let trajectory = planning.tick(NOW_S).unwrap();
    assert_eq!(trajectory.adc_trajectory_point[59].relative_time(), 0.0);
}

#[test]
fn the_window_is_100_rows_back_and_1000_long() {
    let trajectory = {
        let mut planning = Planning::new(straight(3000), PlanningConf::default()).unwrap();
        planning.on_localization(&car_at(500_000.0 + 0.05 * 400.0, 4_000_000.0));
        planning.tick(NOW_S).unwrap()
    };
    assert_eq!(trajectory.adc_trajectory_point.len(), 1000);
    assert_eq!((row_of(&trajectory, 0), row_of(&trajectory, 999)), (300, 1299));
    assert!((trajectory.adc_trajectory_point[0].relative_time() + 1.0).abs() < 1e-6);
    assert!((trajectory.total_path_length() - 50.0).abs() < 1e-9);
    assert!((trajectory.total_path_time() - 10.0).abs() < 1e-6);
}

#[test]
#[allow(deprecated)]
fn points_carry_the_rows_of_the_recording() {
    let point = automatic_from(straight(2000), 0).tick(NOW_S).unwrap().adc_trajectory_point[10];
    assert!((point.x() - 500_000.5).abs() < 1e-9);
    assert_eq!((point.y(), point.z()), (4_000_000.0, 12.0));
    assert_eq!((point.speed(), point.theta()), (5.0, 0.25));
    assert_eq!((point.curvature(), point.curvature_change_rate()), (0.001, 0.002));
    assert_eq!(point.accumulated_s(), 0.5);
    assert_eq!((point.s, point.l), (None, None), "what is deprecated stays unset");
}

#[test]
fn gear_is_the_recorded_one_at_the_begin_of_the_window() {
    let mut rows = straight(1000).rows().to_vec();
    rows[50..].iter_mut().for_each(|row| row.gear = 2);
    let mut planning = Planning::new(Recording::from_rows(rows).unwrap(), PlanningConf::default()).unwrap();
    planning.on_localization(&car_at(500_000.0 + 0.05 * 120.0, 4_000_000.0));
    assert_eq!(planning.tick(NOW_S).unwrap().gear, Some(1));
    planning.on_localization(&car_at(500_000.0 + 0.05 * 170.0, 4_000_000.0));
    assert_eq!(planning.tick(NOW_S).unwrap().gear, Some(2));
}

#[test]
fn in_automatic_the_replay_follows_the_clock_not_the_car() {
    let mut planning = automatic_from(straight(3000), 200);
    // The car lags by 1 m.
    for cycle in 1..20_usize {
        let due = 200 + 10 * cycle;
        planning.on_localization(&car_at(500_000.0 + 0.05 * (due - 20) as f64, 4_000_000.0));
        let trajectory = planning.tick(NOW_S + 0.1 * cycle as f64).unwrap();
        assert!(row_due(&trajectory).abs_diff(due) <= 1, "row {} for {due}", row_due(&trajectory));
        assert!(row_of(&trajectory, 0).abs_diff(due - 100) <= 1);
    }
}

#[test]
fn a_car_more_than_2_m_off_restarts_the_replay_where_it_is() {
    for (lateral_m, restarts) in [(1.95, false), (2.05, true)] {
        let mut planning = automatic_from(straight(3000), 200);
        let car = car_at(500_000.0 + 0.05 * 210.0, 4_000_000.0 + lateral_m);
        planning.on_localization(&car);
        // 0.13 s on, row 213 is due; the car is abreast of row 210.
        let trajectory = planning.tick(NOW_S + 0.13).unwrap();
        assert_eq!(row_due(&trajectory), if restarts { 210 } else { 213 }, "{lateral_m} m off");
    }
}

#[test]
fn out_of_automatic_every_cycle_restarts_at_the_car() {
    for driving_mode in [DrivingMode::CompleteManual, DrivingMode::AutoSteerOnly, DrivingMode::EmergencyMode]
    {
        let mut planning = automatic_from(straight(3000), 200);
        planning.on_chassis(&mode(driving_mode));
        for cycle in 1..5 {
            planning.on_localization(&car_at(500_000.0 + 0.05 * 205.0, 4_000_000.0));
            let trajectory = planning.tick(NOW_S + 0.1 * f64::from(cycle)).unwrap();
            assert_eq!(row_due(&trajectory), 205);
        }
    }
}

#[test]
fn always_restart_follows_the_car_in_automatic_too() {
    let conf = PlanningConf { always_restart: true, ..Default::default() };
    let mut planning = Planning::new(straight(3000), conf).unwrap();
    planning.on_chassis(&mode(DrivingMode::CompleteAutoDrive));
    for cycle in 0..5_u32 {
        planning.on_localization(&car_at(500_000.0 + 0.05 * 205.0, 4_000_000.0));
        assert_eq!(row_due(&planning.tick(NOW_S + 0.1 * f64::from(cycle)).unwrap()), 205);
    }
}

#[test]
fn at_the_end_the_last_second_is_sent_without_its_last_row() {
    let mut planning = automatic_from(straight(300), 0);
    planning.on_localization(&car_at(500_000.0 + 0.05 * 299.0, 4_000_000.0));
    for cycle in 1..100 {
        let trajectory = planning.tick(NOW_S + 0.1 * f64::from(cycle)).unwrap();
        assert!(!trajectory.adc_trajectory_point.is_empty(), "an empty trajectory crashes Apollo's control");
        if cycle > 40 {
            assert_eq!(trajectory.adc_trajectory_point.len(), 100);
            assert_eq!(row_of(&trajectory, 99), 298);
        }
    }
}

#[test]
fn ten_rows_make_a_trajectory_of_nine_points() {
    let trajectory = automatic_from(straight(10), 0).tick(NOW_S).unwrap();
    assert_eq!(trajectory.adc_trajectory_point.len(), 9);
}

#[test]
fn complete_path_sends_the_whole_recording() {
    let conf = PlanningConf { complete_path: true, ..Default::default() };
    let mut planning = Planning::new(straight(2500), conf).unwrap();
    planning.on_localization(&car_at(500_000.0 + 0.05 * 400.0, 4_000_000.0));
    let trajectory = planning.tick(NOW_S).unwrap();
    assert_eq!((trajectory.adc_trajectory_point.len(), row_of(&trajectory, 0)), (2499, 0));
    assert_eq!(row_due(&trajectory), 400);
}

#[test]
fn half_speed_doubles_the_times() {
    let conf = PlanningConf { speed_pct: 50.0, ..Default::default() };
    let mut planning = Planning::new(straight(2500), conf).unwrap();
    planning.on_localization(&car_at(500_000.0, 4_000_000.0));
    let trajectory = planning.tick(NOW_S).unwrap();
    assert!((trajectory.adc_trajectory_point[100].relative_time() - 2.0).abs() < 1e-6);
    assert_eq!(trajectory.adc_trajectory_point[100].speed(), 2.5);
    for speed_pct in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(Planning::new(straight(10), PlanningConf { speed_pct, ..Default::default() }).is_err());
    }
}

#[test]
fn the_engine_can_raise_and_clear_the_estop_flag() {
    let mut planning = automatic_from(straight(2000), 0);
    let mut flag = |estop| {
        planning.set_estop(estop);
        planning.tick(NOW_S).unwrap().estop.unwrap().is_estop
    };
    assert_eq!((flag(false), flag(true), flag(false)), (Some(false), Some(true), Some(false)));
}

#[test]
fn points_of_apollo_1_5_are_filled_when_asked_for() {
    let car = car_at(500_000.0, 4_000_000.0);
    let mut plain = Planning::new(straight(2000), PlanningConf::default()).unwrap();
    plain.on_localization(&car);
    assert!(plain.tick(NOW_S).unwrap().trajectory_point.is_empty());

    let conf = PlanningConf { fill_trajectory_point: true, ..Default::default() };
    let mut both = Planning::new(straight(2000), conf).unwrap();
    both.on_localization(&car);
    let trajectory = both.tick(NOW_S).unwrap();
    assert_eq!(trajectory.trajectory_point.len(), trajectory.adc_trajectory_point.len());
    for (new, old) in trajectory.trajectory_point.iter().zip(&trajectory.adc_trajectory_point) {
        let path = new.path_point.unwrap();
        assert_eq!((path.x, path.y, path.z, path.theta), (old.x, old.y, old.z, old.theta));
        assert_eq!(
            (path.kappa, path.dkappa, path.s),
            (old.curvature, old.curvature_change_rate, old.accumulated_s)
        );
        assert_eq!((new.v, new.a, new.relative_time), (old.speed, old.acceleration_s, old.relative_time));
    }
}

#[test]
fn a_message_used_again_is_the_same_as_a_fresh_one() {
    let (mut fresh, mut reused) = (automatic_from(straight(2000), 0), automatic_from(straight(2000), 0));
    let mut message = AdcTrajectory { is_replan: Some(true), ..Default::default() };
    for cycle in 0..20 {
        let now_s = NOW_S + 0.1 * f64::from(cycle);
        assert!(reused.tick_into(now_s, &mut message));
        assert_eq!(Some(&message), fresh.tick(now_s).as_ref());
    }
}

#[test]
fn a_position_that_is_not_a_number_does_no_harm() {
    let mut planning = Planning::new(straight(2000), PlanningConf::default()).unwrap();
    planning.on_localization(&LocalizationEstimate::default());
    assert_eq!(planning.tick(NOW_S).unwrap().adc_trajectory_point.len(), 1000);
    planning.on_localization(&car_at(f64::INFINITY, f64::NEG_INFINITY));
    assert_eq!(planning.tick(f64::NAN).unwrap().adc_trajectory_point.len(), 1000);
}

/// The values are those of `scipy.signal.filtfilt(*scipy.signal.butter(6, 0.05), acceleration)` (SciPy 1.x).
#[test]
fn the_acceleration_of_the_real_drive_is_low_passed_as_scipy_does() {
    let Some(folder) = skidpad_test_support::reference_data() else { return };
    let file = folder.join("mkz/drive_garage_consistent.csv");
    let recording = Recording::parse(&fs::read(&file).unwrap(), "drive_garage_consistent.csv").unwrap();
    assert_eq!(recording.rows().len(), 2082);
    assert!((recording.duration_s() - 20.8105).abs() < 1e-6);
    let start = recording.rows()[0];

    let mut planning = Planning::new(recording, PlanningConf::default()).unwrap();
    for (row, expected) in [
        (0, 0.8872559617854628),
        (1, 0.8919754546267389),
        (50, 1.161587896935293),
        (500, 0.13348915779111448),
        (1000, -0.6315091868562716),
        (1500, -0.48841558713899463),
        (2000, -0.003564131831002576),
        (2080, -0.00010699080895498222),
        (2081, -0.00011846918562141237),
    ] {
        let got = planning.acceleration_mps2()[row];
        assert!((got - expected).abs() < 1e-12, "row {row}: got {got}, expected {expected}");
    }

    planning.on_localization(&car_at(start.x_m, start.y_m));
    let trajectory = planning.tick(NOW_S).unwrap();
    assert_eq!(trajectory.adc_trajectory_point.len(), 1000);
    assert_eq!(trajectory.gear, Some(1));
    assert_eq!(trajectory.adc_trajectory_point[50].acceleration_s(), planning.acceleration_mps2()[50]);
}
