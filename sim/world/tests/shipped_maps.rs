//! The shipped maps keep what their descriptions promise.

mod common;

use common::{PLANE, proving_ground};
use skidpad_geo::{EnuFrame, Geodetic, UtmZone, wrap_angle};
use skidpad_world::{Ground, Map};

/// Smallest radius each path promises, m, and its steepest grade.
const PROMISES: [(&str, f64, f64); 20] = [
    ("straight", f64::INFINITY, 0.0),
    ("straight_line", f64::INFINITY, 0.0),
    ("straight_wet", f64::INFINITY, 0.0),
    ("straight_ice", f64::INFINITY, 0.0),
    ("straight_split", f64::INFINITY, 0.0),
    ("straight_half_wet", f64::INFINITY, 0.0),
    ("skid_pad_left", 30.0, 0.0),
    ("skid_pad_right", 30.0, 0.0),
    ("skid_pad_60_left", 60.0, 0.0),
    ("skid_pad_60_right", 60.0, 0.0),
    ("handling_loop", 55.0, 0.04),
    ("handling_loop_reverse", 55.0, 0.04),
    ("handling_loop_tight", 15.0, 0.0),
    ("slalom", 40.0, 0.0),
    ("lane_change", 60.0, 0.0),
    ("curvature_step", 40.0, 0.0),
    ("grade_10", f64::INFINITY, 0.1),
    ("grade_20", f64::INFINITY, 0.2),
    ("grade_30", f64::INFINITY, 0.3),
    ("crash_lane", f64::INFINITY, 0.0),
];

#[test]
fn every_path_keeps_its_promised_radius_and_grade() {
    let map = proving_ground();
    let names: Vec<&str> = map.paths().iter().map(|path| path.name.as_str()).collect();
    assert_eq!(names, PROMISES.map(|promise| promise.0));
    for (name, radius_m, grade) in PROMISES {
        let path = map.path(name).unwrap();
        let points = path.points();
        let bend = points.iter().map(|p| p.curvature_1pm.abs()).fold(0.0, f64::max);
        assert!((bend - 1.0 / radius_m).abs() < 1e-9, "{name}: 1/R = {bend}, promised {}", 1.0 / radius_m);
        let steepest = points
            .windows(2)
            .map(|w| ((w[1].z_m - w[0].z_m) / (w[1].station_m - w[0].station_m)).abs())
            .fold(0.0, f64::max);
        assert!(steepest < grade + 1e-9 && steepest > 0.95 * grade - 1e-9, "{name}: {steepest}");
        let start = points[0];
        println!(
            "{name:22} {:8.2} m  R >= {radius_m:3.0} m  grade {:4.1} %  start x {:8.3} y {:8.3} heading {:7.2} deg",
            path.length_m(),
            100.0 * steepest,
            start.x_m,
            start.y_m,
            start.heading_rad.to_degrees()
        );
    }
}

/// Heading is the direction of the chord to second order, its change is the curvature, and no step is left out.
#[test]
fn every_path_is_continuous_in_position_heading_and_where_promised_in_curvature() {
    let map = proving_ground();
    for named in map.paths() {
        let path = map.path(&named.name).unwrap();
        let mut points = path.points().to_vec();
        if path.is_closed() {
            points.push(skidpad_geo::PathPoint { station_m: path.length_m(), ..points[0] });
        }
        for w in points.windows(2) {
            let ds = w[1].station_m - w[0].station_m;
            assert!(ds > 1e-3 && ds < 0.51, "{}: step {ds}", named.name);
            let turned = wrap_angle(w[1].heading_rad - w[0].heading_rad);
            let (k0, k1) = (w[0].curvature_1pm, w[1].curvature_1pm);
            // A point at a joint bears the curvature ahead, so only the step's own curvature is in doubt.
            let doubt = if named.name == "curvature_step" { ds / 40.0 } else { 1e-6 };
            assert!((turned - 0.5 * ds * (k0 + k1)).abs() < doubt, "{} at {}", named.name, w[0].station_m);
            // The chord of an arc with these headings.
            let middle = w[0].heading_rad + 0.5 * turned;
            let chord = if turned.abs() < 1e-9 { ds } else { ds * (0.5 * turned).sin() / (0.5 * turned) };
            let off = (w[0].x_m + chord * middle.cos() - w[1].x_m)
                .hypot(w[0].y_m + chord * middle.sin() - w[1].y_m);
            assert!(off < 2e-5, "{} at {}: {off}", named.name, w[0].station_m);
            if named.name != "curvature_step" {
                assert!((k1 - k0).abs() < 0.01 * ds, "{} at {}", named.name, w[0].station_m);
            }
        }
    }
}

#[test]
fn joints_of_every_reference_line_fit_to_a_micrometre_and_a_microradian() {
    for road in proving_ground().roads() {
        let mut joints: Vec<_> = road.curves.windows(2).map(|w| (w[0].1, w[1].1)).collect();
        if road.successor.as_ref().is_some_and(|link| link.road == road.id) {
            joints.push((road.curves.last().unwrap().1, road.curves[0].1));
        }
        for (before, after) in joints {
            let (end, start) = (before.at(before.length_m), after.at(0.0));
            assert!((end.x_m - start.x_m).hypot(end.y_m - start.y_m) < 1e-6, "road {}", road.id);
            assert!(wrap_angle(end.heading_rad - start.heading_rad).abs() < 1e-6, "road {}", road.id);
        }
    }
}

/// Every path runs on asphalt, with 1.5 m of it on either side, at the height the path says.
#[test]
fn every_path_is_on_its_road() {
    let map = proving_ground();
    let mut ground = map.ground();
    for named in map.paths() {
        for p in map.path(&named.name).unwrap().points() {
            let under = ground.surface(0, p.x_m, p.y_m);
            assert!((under.height_m - p.z_m).abs() < 1e-6, "{} at {}", named.name, p.station_m);
            for lateral in [-1.5, 1.5] {
                // 0.1 mm inside: at its very ends a path stands on the road's edge.
                let [dx, dy] = [-lateral * p.heading_rad.sin(), lateral * p.heading_rad.cos()];
                assert!(
                    ground.road_at(p.x_m + dx, p.y_m + dy).is_some(),
                    "{} at {}",
                    named.name,
                    p.station_m
                );
            }
        }
    }
}

#[test]
fn wheels_feel_the_friction_of_their_own_lane() {
    let map = proving_ground();
    let mut ground = map.ground();
    for (path, left, right) in [
        ("straight", 1.0, 1.0),
        ("straight_wet", 0.55, 0.55),
        ("straight_ice", 0.12, 0.12),
        ("straight_split", 1.0, 0.35),
        ("straight_half_wet", 0.55, 1.0),
        ("handling_loop", 1.0, 1.0),
    ] {
        for p in map.path(path).unwrap().points() {
            let mut at = |lateral: f64| {
                ground
                    .surface(0, p.x_m - lateral * p.heading_rad.sin(), p.y_m + lateral * p.heading_rad.cos())
                    .friction
            };
            assert_eq!((at(0.8), at(-0.8)), (left, right), "{path} at {}", p.station_m);
        }
    }
    assert_eq!(ground.surface(0, 600.0, -20.0).friction, 0.6, "gravel beside the straight");
}

#[test]
fn a_constant_grade_is_constant() {
    let map = proving_ground();
    let mut ground = map.ground();
    for (path, grade) in [("grade_10", 0.1), ("grade_20", 0.2), ("grade_30", 0.3)] {
        let path = map.path(path).unwrap();
        for station in [91.0, 120.0, 169.0] {
            let p = path.at(station);
            let n = ground.surface(0, p.x_m, p.y_m).normal;
            assert!((-n[0] / n[2] - grade).abs() < 1e-12 && n[1].abs() < 1e-12);
        }
        assert!((path.at(30.0).z_m).abs() < 1e-12 && (path.at(220.0).z_m - grade * 110.0).abs() < 1e-6);
    }
}

/// The promise in map.toml: grid north is true north within 0.005 degrees on the whole site.
#[test]
fn meridian_convergence_does_not_matter_on_the_proving_ground() {
    let map = proving_ground();
    let frame = EnuFrame::new(map.anchor().unwrap()).unwrap();
    let zone = UtmZone::new(11, true).unwrap();
    for x in [0.0, 650.0, 1300.0] {
        let g = frame.to_geodetic([x, 0.0, 0.0]);
        assert!(zone.forward(g.lat_deg, g.lon_deg).convergence_rad.to_degrees().abs() < 0.005);
    }
}

#[test]
fn the_walls_stand_where_their_lanes_say() {
    let map = proving_ground();
    let crash = map.barriers().iter().find(|b| b.name == "crash_wall").unwrap();
    let p = map.path("crash_lane").unwrap().at(180.0);
    assert!(
        (crash.centre_m[0] - 0.5 * crash.size_m[1] - p.x_m).abs() < 1e-9,
        "its near face is at s = 180 m"
    );
    assert!((crash.centre_m[1] - p.y_m).abs() < 1e-9 && crash.centre_m[2] == 0.6);
    let side = map.barriers().iter().find(|b| b.name == "side_wall").unwrap();
    assert!(map.ground().road_at(side.centre_m[0], side.centre_m[1] - 0.25).is_none());
}

#[test]
fn the_open_plane_is_endless_dry_and_takes_any_anchor() {
    let map = Map::from_parts(PLANE, "map.toml", None, "").unwrap();
    assert!(map.anchor().is_none() && map.paths().is_empty());
    let here = Geodetic { lat_deg: 37.4, lon_deg: -122.0, height_m: 3.0 };
    let map = map.with_anchor(here);
    assert_eq!(map.anchor(), Some(here));
    for ground in [map.ground(), Map::plane(here, 1.0).ground()] {
        let p = ground.at(-4.0e5, 7.0e5);
        assert_eq!((p.height_m, p.normal, p.friction), (0.0, [0.0, 0.0, 1.0], 1.0));
    }
}

#[test]
fn an_unknown_path_is_answered_with_the_names_there_are() {
    let error = proving_ground().path("skidpad").unwrap_err().to_string();
    assert!(error.contains("\"skidpad\"") && error.contains("skid_pad_left"), "{error}");
}
