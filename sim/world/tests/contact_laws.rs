//! Laws of collision.

mod common;

use common::proving_ground;
use skidpad_world::{Cone, ConePose, Cones, ContactWorld, Course, Hull, HullMotion, Map, OtherVehicle, Pace};

const STEP_S: f64 = 1e-3;

fn hull() -> Hull {
    Hull {
        size_m: [4.9, 1.9, 1.3],
        centre_m: [0.1, 0.0, 0.3],
        mass_kg: 1900.0,
        inertia_kgm2: [[700.0, 0.0, 0.0], [0.0, 3000.0, 0.0], [0.0, 0.0, 3300.0]],
        friction: 0.3,
        restitution: 0.0,
    }
}

/// A hull heading `heading_rad` at `(x, y)`, rolling straight ahead.
fn rolling(x: f64, y: f64, heading_rad: f64, speed_mps: f64) -> HullMotion {
    HullMotion {
        position_m: [x, y, 0.55],
        orientation: [(0.5 * heading_rad).cos(), 0.0, 0.0, (0.5 * heading_rad).sin()],
        velocity_mps: [speed_mps * heading_rad.cos(), speed_mps * heading_rad.sin(), 0.0],
        angular_velocity_rps: [0.0; 3],
    }
}

/// One tick as the engine does it: contacts change the velocities, then the pose moves on.
fn tick(world: &mut ContactWorld, m: &mut HullMotion) -> Option<(String, [f64; 3], [f64; 3])> {
    let hit = if world.nearby(m) { world.step(m, STEP_S) } else { None };
    let hit = hit.map(|impact| {
        for i in 0..3 {
            m.velocity_mps[i] += impact.delta_velocity_mps[i];
            m.angular_velocity_rps[i] += impact.delta_angular_velocity_rps[i];
            m.position_m[i] += impact.push_out_m[i];
        }
        (impact.other.to_string(), impact.impulse_ns, impact.point_m)
    });
    let [w, x, y, z] = m.orientation;
    let [p, q, r] = m.angular_velocity_rps.map(|v| 0.5 * STEP_S * v);
    let turned = [
        w - p * x - q * y - r * z,
        x + p * w + q * z - r * y,
        y - p * z + q * w + r * x,
        z + p * y - q * x + r * w,
    ];
    let length = turned.iter().map(|v| v * v).sum::<f64>().sqrt();
    m.orientation = turned.map(|v| v / length);
    for i in 0..3 {
        m.position_m[i] += STEP_S * m.velocity_mps[i];
    }
    hit
}

/// Largest x of the hull's corners.
fn nose(m: &HullMotion) -> f64 {
    let [w, x, y, z] = m.orientation;
    let row = [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)];
    let h = hull();
    m.position_m[0] + (0..3).map(|i| row[i] * h.centre_m[i] + 0.5 * h.size_m[i] * row[i].abs()).sum::<f64>()
}

const WALL_X: f64 = 1000.0;

#[test]
fn a_head_on_hit_takes_all_the_momentum_and_no_more() {
    let mut world = ContactWorld::new(&proving_ground(), hull());
    for speed in [1.0, 11.1, 30.0] {
        let mut m = rolling(990.0, -60.0, 0.0, speed);
        let mut impulse = [0.0; 3];
        let mut first = None;
        for _ in 0..(12.0 / speed / STEP_S) as u32 {
            if let Some((other, change, point)) = tick(&mut world, &mut m) {
                (0..3).for_each(|i| impulse[i] += change[i]);
                assert_eq!(other, "crash_wall");
                first = first.or(Some(point));
            }
        }
        assert!((impulse[0] + 1900.0 * speed).abs() < 1e-3 * 1900.0 * speed, "{speed}: {impulse:?}");
        assert!(m.velocity_mps.iter().all(|v| v.abs() < 1e-3 * speed), "{speed}: {:?}", m.velocity_mps);
        assert!((first.unwrap()[0] - WALL_X).abs() < 0.05, "{first:?}");
    }
}

#[test]
fn momentum_balances_in_every_step_of_an_oblique_hit() {
    let mut world = ContactWorld::new(&proving_ground(), hull());
    let mut m = rolling(992.0, -60.5, 0.4, 20.0);
    let mut hits = 0;
    for _ in 0..1000 {
        let before = m.velocity_mps;
        if let Some((_, impulse, _)) = tick(&mut world, &mut m) {
            hits += 1;
            for i in 0..3 {
                assert!((1900.0 * (m.velocity_mps[i] - before[i]) - impulse[i]).abs() < 1e-6);
            }
            // Coulomb: the wall's tangential pull stays within its friction cone; it pushes, never pulls.
            assert!(
                impulse[0] < 1e-9 && impulse[1].hypot(impulse[2]) <= 0.301 * impulse[0].abs() + 1e-6,
                "{impulse:?}"
            );
        }
    }
    assert!(hits > 0 && m.velocity_mps[0] < 1.0);
    assert!(
        m.angular_velocity_rps[2].abs() > 0.1,
        "a hit on a corner turns the car: {:?}",
        m.angular_velocity_rps
    );
}

#[test]
fn nothing_goes_through_a_wall_at_30_mps() {
    let mut world = ContactWorld::new(&proving_ground(), hull());
    for heading in [0.0_f64, 0.2, -0.5] {
        for start in 0..10 {
            // Aimed at the middle of the wall's face, in different phases of the 3 cm step.
            let away = 15.0 + 0.003 * f64::from(start);
            let mut m = rolling(WALL_X - away * heading.cos(), -60.0 - away * heading.sin(), heading, 30.0);
            let mut deepest = f64::NEG_INFINITY;
            for _ in 0..1500 {
                tick(&mut world, &mut m);
                if m.position_m[1] > -64.0 && m.position_m[1] < -56.0 {
                    deepest = deepest.max(nose(&m) - WALL_X);
                }
            }
            assert!(deepest > -0.01 && deepest < 0.005, "heading {heading}: {deepest} m into the wall");
        }
    }
}

/// An engine that keeps pushing: the wall holds the car, and the car does not creep into it.
#[test]
fn a_pushing_car_stays_outside_the_wall() {
    // Springy metal must not make it chatter either.
    let mut world = ContactWorld::new(&proving_ground(), Hull { restitution: 0.3, ..hull() });
    let mut m = rolling(996.0, -60.0, 0.0, 2.0);
    for _ in 0..5000 {
        m.velocity_mps[0] += 3.0 * STEP_S;
        tick(&mut world, &mut m);
    }
    assert!((nose(&m) - WALL_X).abs() < 0.001, "{}", nose(&m) - WALL_X);
    assert!(m.velocity_mps[0].abs() < 1e-3, "{:?}", m.velocity_mps);
}

/// In every phase of the step against the wall: at 10 m/s the last step before it is anything up to 1 cm.
#[test]
fn restitution_gives_its_share_of_the_speed_back_and_no_turn() {
    for (restitution, phase) in
        [(0.1, 0.0), (0.1, 0.005), (0.5, 0.0), (0.5, 0.003), (0.5, 0.009), (1.0, 0.002)]
    {
        let mut world = ContactWorld::new(&proving_ground(), Hull { restitution, ..hull() });
        let mut m = rolling(990.0 + phase, -60.0, 0.0, 10.0);
        for _ in 0..1500 {
            tick(&mut world, &mut m);
        }
        assert!((m.velocity_mps[0] + 10.0 * restitution).abs() < 0.01, "{restitution} {phase}: {m:?}");
        assert!(m.angular_velocity_rps.iter().all(|w| w.abs() < 0.01), "{m:?}");
    }
}

#[test]
fn a_hull_placed_inside_a_wall_is_pushed_out_gently() {
    let mut world = ContactWorld::new(&proving_ground(), hull());
    let mut m = rolling(WALL_X - 2.55 + 0.2, -60.0, 0.0, 0.0);
    for _ in 0..1000 {
        let before = m.position_m;
        tick(&mut world, &mut m);
        assert!((m.position_m[0] - before[0]).abs() < 0.01, "no leap");
    }
    assert!(nose(&m) - WALL_X < 0.001 && nose(&m) - WALL_X > -0.02, "{}", nose(&m) - WALL_X);
    assert!(m.velocity_mps[0].abs() < 0.01, "{:?}", m.velocity_mps);
}

#[test]
fn out_of_reach_nothing_happens() {
    let map = proving_ground();
    let mut world = ContactWorld::new(&map, hull());
    let far = rolling(500.0, -2.0, 0.0, 30.0);
    assert!(!world.nearby(&far));
    assert!(world.step(&far, STEP_S).is_none());
    // Close enough to look, too far to touch: driving past the side wall.
    let mut beside = rolling(760.0, 12.4, 0.0, 30.0);
    let (start, mut looked) = (beside, false);
    for _ in 0..3000 {
        looked |= world.nearby(&beside);
        assert!(tick(&mut world, &mut beside).is_none());
    }
    assert!(looked && beside.velocity_mps == start.velocity_mps);
    let plane = Map::plane(map.anchor().unwrap(), 1.0);
    assert!(!ContactWorld::new(&plane, hull()).nearby(&far));
}

#[test]
fn the_same_crash_is_the_same_to_the_last_bit() {
    let crash = || {
        let mut world = ContactWorld::new(&proving_ground(), hull());
        let mut m = rolling(985.0, -59.3, -0.1, 17.0);
        for _ in 0..2000 {
            tick(&mut world, &mut m);
        }
        [m.position_m, m.velocity_mps, m.angular_velocity_rps]
            .concat()
            .iter()
            .map(|v| v.to_bits())
            .collect::<Vec<_>>()
    };
    assert_eq!(crash(), crash());
}

// ---- other vehicles ----

fn car_at(x_m: f64, y_m: f64, speed_mps: f64, mass_kg: f64) -> OtherVehicle {
    let map = proving_ground();
    let path = std::sync::Arc::new(map.path("straight").unwrap());
    let point = path.at(x_m);
    OtherVehicle {
        name: "other".into(),
        size_m: [4.5, 1.8, 1.5],
        mass_kg,
        course: Course::Following {
            station_m: x_m,
            lateral_m: y_m - point.y_m,
            turned_rad: 0.0,
            pace: Pace::constant(speed_mps),
            path,
        },
    }
}

/// One tick with the others moving; what hit, if anything.
fn tick_at(world: &mut ContactWorld, m: &mut HullMotion, step: u32) -> Option<([f64; 3], [f64; 3])> {
    world.advance(f64::from(step) * STEP_S);
    let mut met = None;
    if world.nearby(m)
        && let Some(impact) = world.step(m, STEP_S)
    {
        assert_eq!(impact.other, "other");
        met = Some((impact.impulse_ns, impact.other_velocity_mps));
    }
    // The pose moves on as in `tick`, and the blow is already known: take it from the impulse.
    if let Some((impulse, _)) = met {
        (0..3).for_each(|i| m.velocity_mps[i] += impulse[i] / hull().mass_kg);
    }
    (0..3).for_each(|i| m.position_m[i] += STEP_S * m.velocity_mps[i]);
    met
}

#[test]
fn a_collision_with_a_moving_vehicle_keeps_the_momentum_of_the_two() {
    for (restitution, theirs_mps, mass_kg) in
        [(0.0, 5.0, 1500.0), (0.0, 0.0, 1500.0), (0.0, -8.0, 2500.0), (0.3, 5.0, 1500.0), (0.3, 0.0, 900.0)]
    {
        let other = car_at(130.0, -2.0, theirs_mps, mass_kg);
        let map = proving_ground();
        let mut world = ContactWorld::new(&map, Hull { restitution, ..hull() }).with_vehicles(&[other]);
        let mut m = rolling(100.0, -2.0, 0.0, 20.0);
        let mut first = None;
        let mut before = 1900.0 * 20.0 + mass_kg * theirs_mps;
        let mut apart = 0;
        for step in 0..6000 {
            let last = world.others(f64::from(step) * STEP_S).next().unwrap();
            if let Some((_, velocity)) = tick_at(&mut world, &mut m, step) {
                first = first.or(Some(velocity));
                let now = world.others(f64::from(step) * STEP_S).next().unwrap();
                let momentum = 1900.0 * m.velocity_mps[0] + mass_kg * now.velocity_mps[0];
                assert!((momentum - before).abs() < 1e-6 * before.abs(), "{momentum} of {before} kg m/s");
                apart = 0;
            } else if first.is_some() {
                apart += 1;
                if apart == 5 {
                    // What the blow was for: they part at `restitution` times the speed they met at.
                    let now = world.others(f64::from(step) * STEP_S).next().unwrap();
                    let parting = now.velocity_mps[0] - m.velocity_mps[0];
                    let met = 20.0 - theirs_mps;
                    // Friction has slowed the struck one for some milliseconds.
                    assert!((parting - restitution * met).abs() < 0.01 * met + 0.1, "{parting} after {met}");
                    break;
                }
            }
            // Sliding takes momentum from the struck vehicle between two contacts.
            let now = world.others(f64::from(step) * STEP_S).next().unwrap();
            if now.struck {
                world.advance(f64::from(step + 1) * STEP_S);
                let slid = world.others(f64::from(step + 1) * STEP_S).next().unwrap();
                before = 1900.0 * m.velocity_mps[0] + mass_kg * slid.velocity_mps[0];
            } else {
                assert_eq!(last.struck, now.struck);
            }
        }
        let velocity = first.expect("they meet");
        assert!((velocity[0] - theirs_mps).abs() < 1e-9, "{velocity:?}");
    }
}

#[test]
fn a_parked_vehicle_is_passed_without_a_touch_and_stays_where_it_is() {
    let map = proving_ground();
    let mut world = ContactWorld::new(&map, hull()).with_vehicles(&[car_at(150.0, -4.2, 0.0, 1500.0)]);
    let mut m = rolling(100.0, -2.0, 0.0, 15.0);
    let start = world.others(0.0).next().unwrap();
    let mut looked = 0;
    for step in 0..8000 {
        world.advance(f64::from(step) * STEP_S);
        looked += u32::from(world.nearby(&m));
        assert!(tick_at(&mut world, &mut m, step).is_none());
    }
    // Looked at closely only while it is beside the hull: 12 m at 15 m/s and a metre around.
    assert!((300..2000).contains(&looked), "{looked}");
    assert_eq!(world.others(8.0).next().unwrap(), start);
}

#[test]
fn a_struck_vehicle_slides_to_rest_and_is_no_wall() {
    let map = proving_ground();
    let mut world = ContactWorld::new(&map, hull()).with_vehicles(&[car_at(120.0, -2.6, 0.0, 1500.0)]);
    let mut m = rolling(110.0, -2.0, 0.0, 12.0);
    for step in 0..6000 {
        tick_at(&mut world, &mut m, step);
        // Somebody brakes.
        m.velocity_mps[0] = (m.velocity_mps[0] - 5.0 * STEP_S).max(0.0);
    }
    let end = world.others(6.0).next().unwrap();
    assert!(end.struck && end.velocity_mps == [0.0; 2], "{end:?}");
    assert!(end.foot_m[0] > 121.0 && end.foot_m[0] < 130.0, "{end:?}");
    // Hit left of its middle, it has turned, to the right.
    assert!(end.orientation[3] < -0.001, "{end:?}");
}

// ---- cones ----

fn cone(x_m: f64, y_m: f64) -> Cone {
    Cone { name: format!("cone at {x_m}"), x_m, y_m }
}

/// Drives straight on through `cones` at a speed, for some seconds; the cones then.
fn drive_through(cones: &[Cone], speed_mps: f64, seconds: f64) -> Cones {
    let mut world = Cones::new(cones, proving_ground().ground(), hull());
    let mut m = rolling(100.0, -2.0, 0.0, speed_mps);
    for step in 0..(seconds / STEP_S) as u32 {
        world.step(&m, f64::from(step) * STEP_S, STEP_S);
        (0..3).for_each(|i| m.position_m[i] += STEP_S * m.velocity_mps[i]);
    }
    world
}

#[test]
fn a_cone_in_the_way_is_knocked_over_once_and_lies_still_on_the_ground() {
    for speed in [3.0, 10.0, 30.0] {
        // In the middle, at a corner, and one that is missed by a hand's breadth.
        let cones = [cone(115.0, -2.1), cone(118.0, -1.05), cone(121.0, -0.75), cone(124.0, -3.2)];
        let mut world = drive_through(&cones, speed, 12.0);
        let hits: Vec<String> = world.drain_hits().map(|(name, _)| name.to_string()).collect();
        assert_eq!(hits, ["cone at 115", "cone at 118"], "{speed}");
        assert_eq!(world.hit_count(), 2);
        let poses: Vec<ConePose> = world.poses().copied().collect();
        assert!(poses[0].foot_m[0] > 116.0, "{speed}: pushed ahead, {:?}", poses[0]);
        for pose in &poses {
            let [w, x, y, z] = pose.orientation;
            let up = 1.0 - 2.0 * (x * x + y * y);
            assert!((w * w + x * x + y * y + z * z - 1.0).abs() < 1e-9);
            assert!(pose.foot_m.iter().all(|v| v.is_finite()));
            assert!(pose.foot_m[2].abs() < 0.3, "{speed}: {pose:?}");
            assert!(pose.foot_m[0] < 115.0 + 12.0 * 3.0 + speed * speed, "{speed}: {pose:?}");
            assert_eq!(up < 0.9, pose.hit && up < 0.9);
        }
        // Left alone, all come to rest.
        let (mut far, mut still) = (rolling(900.0, -2.0, 0.0, speed), 0);
        for step in 12_000..18_000 {
            if step == 16_000 {
                still = world.changes();
            }
            world.step(&far, f64::from(step) * STEP_S, STEP_S);
            far.position_m[0] += STEP_S * speed;
        }
        assert_eq!(world.changes(), still, "{speed}: they lie still");
        // Those that were missed stand as they were set up.
        for index in [2, 3] {
            assert_eq!(poses[index].orientation, [1.0, 0.0, 0.0, 0.0]);
            assert_eq!(poses[index].foot_m[..2], [cones[index].x_m, cones[index].y_m]);
        }
    }
}

#[test]
fn one_cone_never_changes_what_another_does_and_all_are_repeatable_to_the_last_bit() {
    let bits = |cones: &[Cone]| {
        let world = drive_through(cones, 12.0, 6.0);
        let of = |pose: &ConePose| {
            pose.foot_m.iter().chain(&pose.orientation).map(|v| v.to_bits()).collect::<Vec<_>>()
        };
        world.poses().map(of).collect::<Vec<_>>()
    };
    let both = bits(&[cone(115.0, -1.6), cone(115.3, -1.8)]);
    assert_eq!(both, bits(&[cone(115.0, -1.6), cone(115.3, -1.8)]));
    assert_eq!(both[1], bits(&[cone(115.3, -1.8)])[0]);
}
