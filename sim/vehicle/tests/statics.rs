//! A car at rest: loads, load transfer, attitude.

mod common;

use common::*;
use skidpad_vehicle::{AxleParams, CornerState, Gear, VehicleParams};
use std::f64::consts::{FRAC_PI_2, PI};

#[test]
fn axle_loads_follow_the_lever_law_on_level_ground_and_on_a_grade() {
    for (grade, heading) in [(0.0, 0.0), (0.1, 0.0), (0.1, PI)] {
        let parked = demand(0.0, 100.0, 0.0, Gear::Park);
        let mut run = Run::on(slope(grade), heading, 0.0, &parked);
        let loads = run.drive(&parked, 3.0).corners.map(|corner| corner.load_n);
        let c = params().chassis;
        let angle = libm::atan(grade) * libm::cos(heading);
        let (along, across) = (libm::sin(angle), libm::cos(angle));
        let lever = (c.wheelbase_m - c.cg_behind_front_axle_m) * across - c.cg_height_m * along;
        let weight = c.mass_kg * G;
        assert_close("front axle", loads[0] + loads[1], weight * lever / c.wheelbase_m, 2e-3);
        assert_close("all wheels", loads.iter().sum(), weight * across, 5e-4);
        assert!((loads[0] - loads[1]).abs() < 1e-6 && (loads[2] - loads[3]).abs() < 1e-6, "{loads:?}");
    }
}

#[test]
fn a_car_at_rest_on_flat_ground_stays_at_rest() {
    let settings = [
        (Gear::Neutral, 0.0),
        (Gear::Neutral, 35.0),
        (Gear::Park, 0.0),
        (Gear::Park, 35.0),
        (Gear::Drive, 35.0),
        (Gear::Reverse, 35.0),
    ];
    for (gear, brake) in settings {
        let still = demand(0.0, brake, 0.0, gear);
        let mut run = Run::level(0.0, &still);
        run.drive(&still, 3.0);
        let before = run.rear_axle();
        run.drive(&still, 60.0);
        let moved = run.rear_axle() - before;
        assert!(moved.x.abs() < 1e-5 && moved.y.abs() < 1e-5, "{gear:?} {brake}: {moved}");
        assert!(run.state.corners.iter().all(|corner| corner.spin_rps == 0.0), "{gear:?} {brake}");
    }
}

#[test]
fn brakes_hold_the_car_on_20_and_30_percent_up_down_and_across() {
    for grade in [0.2, 0.3] {
        for heading in [0.0, PI, FRAC_PI_2, -FRAC_PI_2] {
            let hold = demand(0.0, 35.0, 0.0, Gear::Drive);
            let mut run = Run::on(slope(grade), heading, 0.0, &hold);
            run.drive(&hold, 10.0);
            let before = run.rear_axle();
            run.drive(&hold, 50.0);
            let drift = (run.rear_axle() - before).norm();
            assert!(drift < 1e-4, "grade {grade}, heading {heading}: drifted {drift} m");
            let speed = run.state.velocity_mps.norm();
            assert!(speed < 1e-6, "grade {grade}, heading {heading}: {speed} m/s");
        }
    }
}

#[test]
fn the_tread_winds_up_on_a_grade_by_the_pull_over_its_stiffness() {
    for (grade, sign) in [(0.2, 1.0), (-0.2, -1.0)] {
        let hold = demand(0.0, 35.0, 0.0, Gear::Neutral);
        let mut run = Run::on(slope(grade), 0.0, 0.0, &hold);
        let corners = run.drive(&hold, 5.0).corners;
        let p = params();
        let slip_stiffness: f64 = corners.iter().map(|corner| p.tyre.pkx1 * corner.load_n).sum();
        let pull = p.chassis.mass_kg * G * libm::sin(libm::atan(0.2));
        let [relaxation, _] = p.tyre.relaxation_m(p.tyre.nominal_load_n);
        let wound = -sign * corners.iter().map(|corner| corner.tyre.long_m).sum::<f64>() / 4.0;
        assert_close("wind-up, m", wound, pull * relaxation / slip_stiffness, 0.2);
    }
}

#[test]
fn the_parking_pawl_and_the_parking_brake_each_hold_on_20_percent() {
    for (gear, parking_brake) in [(Gear::Park, false), (Gear::Neutral, true)] {
        let mut parked = demand(0.0, 0.0, 0.0, gear);
        parked.parking_brake = parking_brake;
        let mut run = Run::on(slope(0.2), 0.0, 0.0, &parked);
        run.drive(&parked, 5.0);
        let before = run.rear_axle();
        run.drive(&parked, 20.0);
        assert!((run.rear_axle() - before).norm() < 1e-3, "{gear:?}");
    }
}

/// Suspension and tyres hardly give: what is left of pitch and roll moves the loads by less than 0.2 %.
fn stiff(p: &mut VehicleParams) {
    p.tyre.vertical_stiffness_npm = 1e7;
    for axle in [&mut p.front, &mut p.rear] {
        axle.spring_npm = 2e6;
        (axle.damper_bump_nspm, axle.damper_rebound_nspm) = (1e4, 1e4);
    }
}

#[test]
fn braking_moves_load_to_the_front_by_m_a_h_over_l() {
    let p = changed(|p| {
        without_losses(p);
        stiff(p);
        p.brakes.abs = false;
    });
    for brake in [25.0, 30.0] {
        let mut run = Run::of(&p, 30.0, &rolling());
        let still = run.drive(&rolling(), 0.5).corners.map(|corner| corner.load_n);
        let braking = run.drive(&demand(0.0, brake, 0.0, Gear::Neutral), 2.0).corners;
        let moved = braking[0].load_n + braking[1].load_n - still[0] - still[1];
        let deceleration = -run.acceleration().x;
        // The wheels give up their angular momentum too: Σ I_w·a/R.
        let wheels = 4.0 * p.tyre.spin_inertia_kgm2 / p.tyre.rolling_radius_m;
        let lever = p.chassis.mass_kg * p.chassis.cg_height_m + wheels;
        assert_close("ΔF_z front, N", moved, lever * deceleration / p.chassis.wheelbase_m, 0.01);
    }
}

/// A steady turn of the car `p` at 20 m/s: lateral acceleration square to gravity, roll to the outside, loads.
fn steady_turn(p: &VehicleParams, steering_deg: f64) -> (f64, f64, [f64; 4]) {
    let mut run = Run::of(p, 20.0, &rolling());
    let corners = run.tow(&steered(steering_deg), 20.0, 4.0).corners;
    let (yaw, roll) = (run.state.attitude.yaw_rad(), run.state.attitude.roll_rad());
    let a = run.state.acceleration_mps2;
    (a.y * libm::cos(yaw) - a.x * libm::sin(yaw), roll, corners.map(|corner| corner.load_n))
}

/// Roll moment of the spinning wheels per lateral acceleration, N m s²/m: their angular momentum 4 I v/R turns
/// with a/v.
fn gyroscopic(p: &VehicleParams) -> f64 {
    4.0 * p.tyre.spin_inertia_kgm2 / p.tyre.rolling_radius_m
}

fn equal_tracks(p: &mut VehicleParams) {
    p.rear.track_m = p.front.track_m;
}

#[test]
fn cornering_moves_load_to_the_outside_by_m_a_h_over_t() {
    let p = changed(|p| {
        without_losses(p);
        stiff(p);
        equal_tracks(p);
    });
    for steering_deg in [20.0, -60.0] {
        let (a, _, loads) = steady_turn(&p, steering_deg);
        let moved = 0.5 * (loads[1] + loads[3] - loads[0] - loads[2]);
        let c = &p.chassis;
        let moment = a * (c.mass_kg * c.cg_height_m + gyroscopic(&p));
        assert_close("Σ ΔF_z, N", moved, moment / p.front.track_m, 0.01);
    }
}

/// Roll stiffness of an axle, N m/rad: suspension alone, tyres alone.
fn roll_stiffness(p: &VehicleParams, axle: &AxleParams) -> [f64; 2] {
    let square = axle.track_m * axle.track_m;
    [square * (0.5 * axle.spring_npm + axle.anti_roll_npm), square * 0.5 * p.tyre.vertical_stiffness_npm]
}

fn in_series([a, b]: [f64; 2]) -> f64 {
    a * b / (a + b)
}

/// The axles with their shares of the car's weight.
fn axles(p: &VehicleParams) -> [(&AxleParams, f64); 2] {
    let front = 1.0 - p.chassis.cg_behind_front_axle_m / p.chassis.wheelbase_m;
    [(&p.front, front), (&p.rear, 1.0 - front)]
}

#[test]
fn the_body_rolls_by_the_sprung_moment_about_the_roll_axis_over_the_roll_stiffness() {
    // The textbook's law knows neither the roll on the tyres nor the wheels' own moment: stiff tyres, light wheels.
    let p = changed(|p| {
        without_losses(p);
        p.tyre.vertical_stiffness_npm = 1e7;
        (p.front.unsprung_mass_kg, p.rear.unsprung_mass_kg) = (15.0, 15.0);
    });
    let c = &p.chassis;
    let (mut mass, mut height, mut axis, mut stiffness) = (c.mass_kg, c.mass_kg * c.cg_height_m, 0.0, 0.0);
    for (axle, share) in axles(&p) {
        mass -= 2.0 * axle.unsprung_mass_kg;
        height -= 2.0 * axle.unsprung_mass_kg * p.tyre.unloaded_radius_m;
        axis += share * axle.roll_centre_height_m;
        stiffness += in_series(roll_stiffness(&p, axle));
    }
    let lever = height / mass - axis;
    for steering_deg in [20.0, -40.0] {
        let (a, roll, _) = steady_turn(&p, steering_deg);
        let moment = a * (mass * lever + gyroscopic(&p));
        assert_close("roll, rad", roll, moment / (stiffness - mass * G * lever), 0.03);
    }
}

#[test]
fn roll_and_load_transfer_of_the_shipped_car_follow_springs_tyres_and_roll_centres() {
    // Moments about the roll axis over springs and bars, moments of the links over the tyres alone; weight acts
    // like side force through the roll angle.
    let p = changed(without_losses);
    let c = &p.chassis;
    let (mut moment, mut stiffness) = (0.0, 0.0);
    for (axle, share) in axles(&p) {
        let [suspension, tyres] = roll_stiffness(&p, axle);
        let link = share * axle.roll_centre_height_m;
        moment += c.mass_kg * (share * c.cg_height_m - link + link * suspension / (suspension + tyres));
        stiffness += in_series([suspension, tyres]);
    }
    for steering_deg in [20.0, -50.0] {
        let (a, roll, loads) = steady_turn(&p, steering_deg);
        let turning = a * (moment + gyroscopic(&p));
        assert_close("roll, rad", roll, turning / (stiffness - G * moment), 0.03);
        for ((name, left), (axle, share)) in
            [("front ΔF_z, N", 0), ("rear ΔF_z, N", 2)].into_iter().zip(axles(&p))
        {
            let [suspension, tyres] = roll_stiffness(&p, axle);
            let link = (a + G * roll) * c.mass_kg * share * axle.roll_centre_height_m;
            let on_springs = suspension * (tyres * roll - link) / (suspension + tyres);
            let moved = 0.5 * (loads[left + 1] - loads[left]);
            assert_close(name, moved, (on_springs + link) / axle.track_m, 0.03);
        }
    }
}

#[test]
fn the_body_dives_by_the_load_transfer_over_the_spring_rates() {
    for side_view_tan in [0.0, 0.1] {
        let p = changed(|p| {
            without_losses(p);
            p.brakes.abs = false;
            (p.front.side_view_tan, p.rear.side_view_tan) = (side_view_tan, side_view_tan);
        });
        let c = &p.chassis;
        let mut run = Run::of(&p, 30.0, &rolling());
        let corners = run.drive(&demand(0.0, 27.0, 0.0, Gear::Neutral), 3.0).corners;
        let (a, dive) = (-run.acceleration().x, run.state.attitude.pitch_rad());
        // As in roll, weight acts like braking force through the pitch angle.
        let wheels = 4.0 * p.tyre.spin_inertia_kgm2 / p.tyre.rolling_radius_m;
        let transfer = (c.mass_kg * c.cg_height_m * (a + G * dive) + wheels * a) / c.wheelbase_m;
        let dip = |axle: &AxleParams, wheels: &[CornerState]| {
            let along: f64 = wheels.iter().map(|wheel| wheel.forces.fx_n.abs() + wheel.load_n * dive).sum();
            0.5 * transfer / p.tyre.vertical_stiffness_npm
                + 0.5 * (transfer - axle.side_view_tan * along) / axle.spring_npm
        };
        let expected = (dip(&p.front, &corners[..2]) + dip(&p.rear, &corners[2..])) / c.wheelbase_m;
        assert_close("dive, rad", dive, expected, 0.03);
    }
}

#[test]
fn a_spring_on_a_lever_counts_by_the_square_of_its_motion_ratio() {
    let at_wheel = changed(|p| p.front.damper_knee_mps = 0.3);
    let on_lever = changed(|p| {
        let axle = &mut p.front;
        axle.motion_ratio = 0.6;
        axle.spring_npm /= 0.36;
        axle.damper_bump_nspm /= 0.36;
        axle.damper_rebound_nspm /= 0.36;
        axle.damper_knee_mps = 0.3 * 0.6;
    });
    let [a, b] = [at_wheel, on_lever].map(|p| {
        let mut run = Run::of(&p, 15.0, &rolling());
        run.drive(&demand(0.0, 40.0, 60.0, Gear::Neutral), 1.0);
        run.state
    });
    assert_close("pitch, rad", b.attitude.pitch_rad(), a.attitude.pitch_rad(), 1e-9);
    assert_close("roll, rad", b.attitude.roll_rad(), a.attitude.roll_rad(), 1e-9);
}

#[test]
fn a_degressive_damper_gives_way_above_its_knee() {
    // The car falls flat onto its wheels; the faster the dampers, the less their share of the load.
    let landing = |fast_share: f64| {
        let p = changed(|p| {
            for axle in [&mut p.front, &mut p.rear] {
                (axle.damper_knee_mps, axle.damper_fast_share) = (0.1, fast_share);
            }
        });
        let mut run = Run::of(&p, 0.0, &rolling());
        run.state.position_m.z += 0.1;
        let mut highest: f64 = 0.0;
        for _ in 0..400 {
            run.drive(&rolling(), DT_S);
            let corner = run.state.corners[0];
            highest = highest.max(corner.travel_rate_mps.abs());
        }
        (highest, run.state.corners[0].travel_m)
    };
    let (linear, soft) = (landing(1.0).0, landing(0.2).0);
    assert!(linear > 0.3 && soft > 1.2 * linear, "{linear} and {soft} m/s");
}
