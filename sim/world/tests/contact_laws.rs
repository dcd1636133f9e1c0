//! Laws of collision.

mod common;

use common::proving_ground;
use skidpad_world::{ContactWorld, Hull, HullMotion, Map};

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
