//! Laws of the ground: what a wheel stands on.

mod common;

use common::{map_of, proving_ground, road};
use proptest::prelude::*;
use skidpad_world::{Ground, Map, MapGround};

fn assert_normal_is_the_gradient(ground: &MapGround, x: f64, y: f64, tolerance: f64) {
    let h = 1e-4;
    let here = ground.at(x, y);
    let slope_x = (ground.at(x + h, y).height_m - ground.at(x - h, y).height_m) / (2.0 * h);
    let slope_y = (ground.at(x, y + h).height_m - ground.at(x, y - h).height_m) / (2.0 * h);
    let n = here.normal;
    assert!((n[0] * n[0] + n[1] * n[1] + n[2] * n[2] - 1.0).abs() < 1e-12);
    assert!(
        (-n[0] / n[2] - slope_x).abs() < tolerance && (-n[1] / n[2] - slope_y).abs() < tolerance,
        "at ({x}, {y}): normal {n:?}, slopes {slope_x} {slope_y}"
    );
}

/// A banked, climbing spiral with a lane offset: every term of the height at once.
fn twisted() -> Map {
    let plan = "<geometry s=\"0\" x=\"5\" y=\"-3\" hdg=\"0.4\" length=\"60\"><spiral curvStart=\"0\" curvEnd=\"0.02\"/></geometry>";
    let more = "<elevationProfile><elevation s=\"0\" a=\"1\" b=\"0.02\" c=\"0.001\" d=\"-1e-5\"/></elevationProfile>\
<lateralProfile><superelevation s=\"0\" a=\"0.01\" b=\"-0.002\" c=\"1e-5\" d=\"0\"/></lateralProfile>";
    map_of(&road(60.0, plan, more), "")
}

#[test]
fn the_height_on_a_road_is_the_point_of_its_surface() {
    let map = twisted();
    let ground = map.ground();
    let r = &map.roads()[0];
    for i in 1..60 {
        for t in [-3.9, -1.0, 0.0, 2.0, 3.9] {
            let [x, y, z] = r.point(f64::from(i), t);
            let at = ground.road_at(x, y).unwrap();
            assert!((at.s_m - f64::from(i)).abs() < 1e-10 && (at.t_m - t).abs() < 1e-10, "{at:?}");
            assert!((ground.at(x, y).height_m - z).abs() < 1e-10);
        }
    }
}

#[test]
fn the_normal_is_the_gradient_of_the_height() {
    let map = twisted();
    let ground = map.ground();
    for i in 1..60 {
        // On the road, and beside it where the shoulder blends away.
        for t in [-3.0, 0.0, 3.0] {
            let [x, y, _] = map.roads()[0].point(f64::from(i) + 0.37, t);
            assert_normal_is_the_gradient(&ground, x, y, 1e-7);
        }
        for t in [-12.0, -6.0, 5.0, 9.0, 13.9] {
            let [x, y, _] = map.roads()[0].point(f64::from(i) + 0.37, t);
            assert_normal_is_the_gradient(&ground, x, y, 1e-5);
        }
    }
    // Beyond the ends.
    for (s, t) in [(0.0, -2.0), (0.0, 3.0), (60.0, 0.0), (60.0, 6.0)] {
        for beyond in [0.5, 3.0, 8.0] {
            let pose = map.roads()[0].pose(s).plan;
            let [x, y, _] = map.roads()[0].point(s, t);
            let ahead = if s > 0.0 { beyond } else { -beyond };
            let (x, y) = (x + ahead * pose.heading_rad.cos(), y + ahead * pose.heading_rad.sin());
            assert!(ground.road_at(x, y).is_none());
            assert_normal_is_the_gradient(&ground, x, y, 1e-5);
        }
    }
}

/// Superelevation is positive when the surface falls to the right (ASAM OpenDRIVE 1.8, §10.5.2).
#[test]
fn a_positive_superelevation_falls_to_the_right() {
    let plan = "<geometry s=\"0\" x=\"0\" y=\"0\" hdg=\"0\" length=\"50\"><line/></geometry>";
    let more = "<lateralProfile><superelevation s=\"0\" a=\"0.1\" b=\"0\" c=\"0\" d=\"0\"/></lateralProfile>";
    let ground = map_of(&road(50.0, plan, more), "").ground();
    let right = ground.at(20.0, -2.0);
    assert!((right.height_m + 2.0 * 0.1_f64.tan()).abs() < 1e-12);
    assert!(
        (right.normal[1] + 0.1_f64.sin()).abs() < 1e-12 && (right.normal[2] - 0.1_f64.cos()).abs() < 1e-12
    );
    // Lanes of 4 m lie along the banked surface: their edge is at 4·cos 0.1 in plan view.
    assert!(ground.road_at(20.0, -4.0 * 0.1_f64.cos() + 1e-6).is_some());
    assert!(ground.road_at(20.0, -4.0 * 0.1_f64.cos() - 1e-6).is_none());
}

#[test]
fn the_ground_has_no_step_anywhere() {
    let ground = proving_ground().ground();
    // Straight walks across the whole site: every joint, edge and shoulder lies on one of them.
    let mut walks = Vec::new();
    for i in 0..60 {
        walks.push(((-30.0, -240.0 + 12.3 * f64::from(i)), (1330.0, -230.0 + 12.0 * f64::from(i))));
        walks.push(((-30.0 + 22.0 * f64::from(i), -240.0), (-25.0 + 22.3 * f64::from(i), 500.0)));
    }
    for ((x0, y0), (x1, y1)) in walks {
        let step = 0.02;
        let count = (f64::hypot(x1 - x0, y1 - y0) / step) as u32;
        let (dx, dy) = ((x1 - x0) / f64::from(count), (y1 - y0) / f64::from(count));
        let mut before: Option<(f64, f64)> = None;
        for i in 0..=count {
            let (x, y) = (x0 + f64::from(i) * dx, y0 + f64::from(i) * dy);
            let p = ground.at(x, y);
            let slope = -(p.normal[0] * dx + p.normal[1] * dy) / p.normal[2];
            if let Some((z, before)) = before {
                // The height changes as the slopes before and after say; only a kink, where a grade meets its
                // level shoulder (at most 30 %, over 2 cm), may be in between.
                let step = p.height_m - z - 0.5 * (slope + before);
                assert!(step.abs() < 0.004, "a step of {step} m at ({x}, {y})");
            }
            before = Some((p.height_m, slope));
        }
    }
}

#[test]
fn a_road_has_no_holes() {
    let map = proving_ground();
    let ground = map.ground();
    for (index, r) in map.roads().iter().enumerate() {
        let count = (r.length_m / 0.37) as u32;
        for i in 0..=count {
            let s = r.length_m * f64::from(i) / f64::from(count);
            let section = r.section(s);
            let edge = |lane: i32| r.lane_edges(s, lane).unwrap().1.a;
            let (right, left) = (edge(-(section.right.len() as i32)), edge(section.left.len() as i32));
            for share in [1e-6, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0 - 1e-6] {
                let t = right + share * (left - right);
                let [x, y, z] = r.point(s, t);
                let at = ground.road_at(x, y).unwrap_or_else(|| panic!("road {} s {s} t {t}", r.id));
                let off = (at.s_m - s).abs();
                assert_eq!(at.road, index);
                assert!(off < 1e-6 || (off - r.length_m).abs() < 1e-6, "road {} s {s} t {t}: {at:?}", r.id);
                assert!((at.t_m - t).abs() < 1e-6 && (ground.at(x, y).height_m - z).abs() < 1e-6);
            }
        }
    }
}

#[test]
fn a_road_edge_is_level_with_its_shoulder() {
    let map = proving_ground();
    let ground = map.ground();
    for r in map.roads() {
        for i in 0..200 {
            let s = r.length_m * (f64::from(i) + 0.5) / 200.0;
            let section = r.section(s);
            for (lane, sign) in [(section.left.len() as i32, 1.0), (-(section.right.len() as i32), -1.0)] {
                let edge = r.lane_edges(s, lane).unwrap().1.a;
                let [x0, y0, z] = r.point(s, edge - sign * 1e-7);
                let [x1, y1, _] = r.point(s, edge + sign * 1e-7);
                for at in [ground.at(x0, y0), ground.at(x1, y1)] {
                    assert!((at.height_m - z).abs() < 1e-6, "road {} s {s}: {} {z}", r.id, at.height_m);
                }
            }
        }
    }
}

#[test]
fn height_and_slope_go_on_across_the_joints_of_a_road() {
    let map = proving_ground();
    let ground = map.ground();
    for r in map.roads() {
        for (s, _) in r
            .curves
            .iter()
            .skip(1)
            .map(|c| (c.0, ()))
            .chain(r.elevation.records.iter().skip(1).map(|e| (e.0, ())))
        {
            for t in [-3.0, 0.0, 3.0] {
                let ([x0, y0, z0], [x1, y1, z1]) = (r.point(s - 1e-7, t), r.point(s + 1e-7, t));
                let (a, b) = (ground.at(x0, y0), ground.at(x1, y1));
                assert!(
                    (a.height_m - z0).abs() < 1e-7 && (b.height_m - z1).abs() < 1e-7,
                    "road {} s {s}",
                    r.id
                );
                assert!((0..3).all(|i| (a.normal[i] - b.normal[i]).abs() < 1e-6), "road {} s {s}", r.id);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The answer depends on the position alone: not on the wheel, nor on what was asked before.
    #[test]
    fn the_answer_does_not_depend_on_earlier_questions(
        points in prop::collection::vec((-50.0..1350.0_f64, -250.0..500.0_f64, 0usize..4), 1..40),
        walk in prop::collection::vec((0.0..1451.0_f64, -14.0..14.0_f64, 0usize..4), 1..40),
    ) {
        thread_local!(static MAP: Map = proving_ground());
        MAP.with(|map| {
            let r = map.roads().iter().find(|r| r.id == "handling_loop").unwrap();
            let mut questions = points.clone();
            questions.extend(walk.iter().map(|&(s, t, wheel)| {
                let [x, y, _] = r.point(s, t);
                (x, y, wheel)
            }));
            let mut forward = map.ground();
            let first: Vec<_> = questions.iter().map(|&(x, y, wheel)| forward.surface(wheel, x, y)).collect();
            let mut backward = map.ground();
            for (&(x, y, wheel), expected) in questions.iter().zip(&first).rev() {
                let again = backward.surface(3 - wheel, x, y);
                assert_eq!(again.height_m.to_bits(), expected.height_m.to_bits());
                assert_eq!(again.normal.map(f64::to_bits), expected.normal.map(f64::to_bits));
                assert_eq!(again.friction, expected.friction);
            }
        });
    }

    /// Whatever is asked, the ground answers with numbers.
    #[test]
    fn any_question_gets_a_finite_answer(x in prop::num::f64::ANY, y in prop::num::f64::ANY) {
        thread_local!(static GROUND: MapGround = proving_ground().ground());
        GROUND.with(|ground| {
            let p = ground.at(x, y);
            assert!(p.height_m.is_finite() && p.normal.iter().all(|n| n.is_finite()) && p.friction > 0.0);
        });
    }
}

/// Run with `cargo test --release -p skidpad-world -- --ignored --nocapture query_cost`.
#[test]
#[ignore = "a measurement, not a law"]
fn query_cost() {
    let map = proving_ground();
    let mut ground = map.ground();
    for (name, from, to) in [
        ("straight", 10.0, 1200.0),
        ("skid_pad_left", 0.0, 180.0),
        ("handling_loop", 0.0, 1400.0),
        ("slalom", 45.0, 330.0),
        ("grade_20", 0.0, 440.0),
    ] {
        let path = map.path(name).unwrap();
        let points: Vec<_> = (0..2000).map(|i| path.at(from + (to - from) * f64::from(i) / 2000.0)).collect();
        for (what, lateral) in [("on road", 0.8), ("beside", 16.0)] {
            let start = std::time::Instant::now();
            let (mut sum, rounds) = (0.0, 200);
            for _ in 0..rounds {
                for p in &points {
                    sum += ground.surface(0, p.x_m, p.y_m + lateral).height_m;
                }
            }
            let ns = start.elapsed().as_nanos() as f64 / f64::from(rounds) / points.len() as f64;
            println!("{name:16} {what:8} {ns:6.1} ns per query ({sum:.1})");
        }
    }
    let start = std::time::Instant::now();
    let again = proving_ground();
    println!("reading the map {:.2} ms ({} roads)", start.elapsed().as_secs_f64() * 1e3, again.roads().len());
    let start = std::time::Instant::now();
    let length = again.path("handling_loop").unwrap().length_m();
    println!("sampling a path of {length:.0} m {:.2} ms", start.elapsed().as_secs_f64() * 1e3);
}
