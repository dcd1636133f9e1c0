//! Paths against curves with closed forms.

use proptest::prelude::*;
use skidpad_geo::{Path, PathError, PathPoint, Projection, wrap_angle};
use std::f64::consts::{PI, TAU};

fn near(what: &str, got: f64, expected: f64, tolerance: f64) {
    assert!(
        (got - expected).abs() <= tolerance,
        "{what}: expected {expected}, got {got}, off by {:e}",
        got - expected
    );
}

/// Clothoid from the origin, heading east, curvature growing by `rate` 1/m²: position by Gauss–Legendre, the rest exact.
fn clothoid(station_m: f64, rate: f64) -> PathPoint {
    const NODES: [(f64, f64); 3] =
        [(0.0, 8.0 / 9.0), (0.774_596_669_241_483_4, 5.0 / 9.0), (-0.774_596_669_241_483_4, 5.0 / 9.0)];
    let pieces = 64;
    let half = station_m / f64::from(pieces) / 2.0;
    let (mut x_m, mut y_m) = (0.0, 0.0);
    for piece in 0..pieces {
        for (node, weight) in NODES {
            let s = half * (f64::from(2 * piece + 1) + node);
            let (sin, cos) = libm::sincos(0.5 * rate * s * s);
            x_m += weight * half * cos;
            y_m += weight * half * sin;
        }
    }
    PathPoint {
        station_m,
        x_m,
        y_m,
        z_m: 0.02 * station_m,
        heading_rad: 0.5 * rate * station_m * station_m,
        curvature_1pm: rate * station_m,
    }
}

/// Circle of a signed radius (positive: to the left) about the origin, from angle 0.
fn circle(radius_m: f64, station_m: f64) -> PathPoint {
    let angle = station_m / radius_m;
    let (sin, cos) = libm::sincos(angle);
    PathPoint {
        station_m,
        x_m: radius_m * cos,
        y_m: radius_m * sin,
        z_m: 0.0,
        heading_rad: wrap_angle(angle + PI / 2.0),
        curvature_1pm: 1.0 / radius_m,
    }
}

/// Lemniscate-like figure eight through the origin, by its parameter.
fn eight(t: f64) -> [f64; 3] {
    let (sin, cos) = libm::sincos(t);
    [40.0 * sin, 40.0 * sin * cos, 0.0]
}

fn circle_path(radius_m: f64, step_m: f64) -> Path {
    let length = TAU * radius_m.abs();
    let count = (length / step_m).ceil() as usize;
    let points = (0..count).map(|i| circle(radius_m, length * i as f64 / count as f64)).collect();
    Path::new(points, true).unwrap()
}

fn clothoid_path(rate: f64, length_m: f64) -> Path {
    let count = (length_m / 0.5) as usize;
    let points = (0..=count).map(|i| clothoid(length_m * i as f64 / count as f64, rate)).collect();
    Path::new(points, false).unwrap()
}

fn straight(stations: &[f64]) -> Vec<PathPoint> {
    let (sin, cos) = libm::sincos(0.5);
    stations
        .iter()
        .map(|&station_m| PathPoint {
            station_m,
            x_m: 3.0 + cos * station_m,
            y_m: 4.0 + sin * station_m,
            z_m: 0.1 * station_m,
            heading_rad: 0.5,
            curvature_1pm: 0.0,
        })
        .collect()
}

/// The place `lateral_m` to the left of a point.
fn beside(point: &PathPoint, lateral_m: f64) -> (f64, f64) {
    let (sin, cos) = libm::sincos(point.heading_rad);
    (point.x_m - lateral_m * sin, point.y_m + lateral_m * cos)
}

#[test]
fn a_circle_of_10_m_sampled_each_half_metre_is_reproduced_to_a_micrometre() {
    for radius in [10.0, -10.0] {
        let path = circle_path(radius, 0.5);
        near("length", path.length_m(), 20.0 * PI, 2e-5);
        for i in 0..10_000 {
            let station = path.length_m() * f64::from(i) / 10_000.0;
            let (got, expected) = (path.at(station), circle(radius, station));
            near("x", got.x_m, expected.x_m, 1e-6);
            near("y", got.y_m, expected.y_m, 1e-6);
            let turn = wrap_angle(got.heading_rad - expected.heading_rad);
            near("heading", turn, 0.0, 1e-5);
            near("curvature", got.curvature_1pm, 1.0 / radius, 1e-12);
            near("station", got.station_m, station, 1e-9);
        }
    }
}

#[test]
fn a_clothoid_is_reproduced_to_a_hundredth_of_a_millimetre() {
    let path = clothoid_path(0.004, 40.0);
    for i in 0..=4_000 {
        let station = f64::from(i) * 0.01;
        let (got, expected) = (path.at(station), clothoid(station, 0.004));
        near("x", got.x_m, expected.x_m, 1e-5);
        near("y", got.y_m, expected.y_m, 1e-5);
        near("z", got.z_m, expected.z_m, 1e-12);
        let turn = wrap_angle(got.heading_rad - expected.heading_rad);
        near("heading", turn, 0.0, 5e-5);
        near("curvature", got.curvature_1pm, expected.curvature_1pm, 1e-12);
    }
}

#[test]
fn a_straight_line_is_exact() {
    let path = Path::new(straight(&[0.0, 0.3, 7.0, 100.0]), false).unwrap();
    let (x, y) = beside(&path.at(55.0), -2.0);
    // Whatever the hint, also across segments longer than its reach.
    for hint in [None, Some(54.0), Some(0.1), Some(100.0), Some(-50.0)] {
        let got = path.project(x, y, hint);
        near("station", got.station_m, 55.0, 1e-11);
        near("lateral", got.lateral_m, -2.0, 1e-12);
        near("height", got.point.z_m, 5.5, 1e-12);
        assert_eq!(got.beyond_m, 0.0);
    }
}

#[test]
fn beyond_an_open_end_the_point_is_measured_against_the_end_tangent() {
    let path = clothoid_path(0.01, 20.0);
    for near_station in [None, Some(0.0), Some(18.0), Some(10.0)] {
        let end = path.at(20.0);
        let (sin, cos) = libm::sincos(end.heading_rad);
        let (x, y) = beside(&end, 1.5);
        let got = path.project(x + 3.0 * cos, y + 3.0 * sin, near_station);
        if near_station != Some(0.0) {
            near("station", got.station_m, 20.0, 0.0);
            near("lateral", got.lateral_m, 1.5, 1e-9);
            near("beyond", got.beyond_m, 3.0, 1e-9);
        }
        if near_station != Some(18.0) {
            let got = path.project(-2.0, -0.5, near_station);
            near("station", got.station_m, 0.0, 0.0);
            near("lateral", got.lateral_m, -0.5, 1e-12);
            near("beyond", got.beyond_m, -2.0, 1e-12);
        }
    }
}

#[test]
fn a_closed_path_goes_round() {
    let path = circle_path(10.0, 0.5);
    let length = path.length_m();
    for station in [0.0, 0.1, 30.0, length - 0.1] {
        for laps in [-3.0, -1.0, 1.0, 2.0] {
            let (once, again) = (path.at(station), path.at(station + laps * length));
            near("x", again.x_m, once.x_m, 1e-11);
            near("y", again.y_m, once.y_m, 1e-11);
            assert!((0.0..length).contains(&again.station_m));
        }
    }
    assert!(path.at(-1e-300).station_m < length);
    // Across the seam, by the hint from either side.
    for (angle, hint) in [(0.05, length - 0.2), (-0.05, 0.3), (0.0, 0.0), (0.0, length)] {
        let (sin, cos) = libm::sincos(angle);
        let got = path.project(9.0 * cos, 9.0 * sin, Some(hint));
        near("lateral", got.lateral_m, 1.0, 1e-6);
        assert!((0.0..length).contains(&got.station_m));
        let ahead = wrap_angle((got.station_m / length) * TAU - angle);
        near("station", ahead, 0.0, 1e-6);
    }
}

#[test]
fn the_first_point_may_be_repeated_to_close_a_path() {
    let length = 20.0 * PI;
    let mut points: Vec<_> = (0..40).map(|i| circle(10.0, length * f64::from(i) / 40.0)).collect();
    let open_ended = Path::new(points.clone(), true).unwrap();
    points.push(circle(10.0, length));
    let repeated = Path::new(points, true).unwrap();
    assert_eq!(repeated.points().len(), 40);
    near("length", repeated.length_m(), length, 1e-9);
    near("length", open_ended.length_m(), length, 1e-4);
}

#[test]
fn on_a_figure_eight_the_hint_keeps_the_car_on_its_branch() {
    let points: Vec<_> = (0..800).map(|i| eight(TAU * f64::from(i) / 800.0)).collect();
    let path = Path::from_xyz(&points, true).unwrap();
    // Drive two laps a little off the line, 0.5 m from call to call; through the crossing the other branch is nearer.
    let mut hint = 0.0;
    let mut stolen = 0;
    let steps = (2.0 * path.length_m() / 0.5) as usize;
    for i in 0..steps {
        let station = i as f64 * 0.5;
        let point = path.at(station);
        let (x, y) = beside(&point, 0.8);
        let got = path.project(x, y, Some(hint));
        let along = wrap_angle((got.station_m - station) / path.length_m() * TAU);
        near("station", along, 0.0, 1e-6);
        near("lateral", got.lateral_m, 0.8, 1e-6);
        hint = got.station_m;
        if (path.project(x, y, None).station_m - got.station_m).abs() > 1.0 {
            stolen += 1;
        }
    }
    assert!(stolen > 2, "the crossing did not test anything");
}

#[test]
fn a_hint_that_is_old_is_followed_downhill() {
    let path = clothoid_path(0.0002, 100.0);
    let (x, y) = beside(&path.at(60.0), 1.0);
    for hint in [30.0, 50.0, 58.0, 60.0, 69.0, 85.0] {
        near("station", path.project(x, y, Some(hint)).station_m, 60.0, 1e-5);
    }
}

#[test]
fn at_the_centre_of_a_circle_the_hint_stands() {
    let path = circle_path(10.0, 0.5);
    let got = path.project(0.0, 0.0, Some(12.3));
    near("lateral", got.lateral_m, 10.0, 1e-5);
    assert!((7.0..18.0).contains(&got.station_m), "{}", got.station_m);
}

#[test]
fn nan_asks_for_nan_and_a_hint_of_nan_for_the_whole_path() {
    for path in [circle_path(10.0, 0.5), clothoid_path(0.01, 20.0)] {
        assert!(path.project(f64::NAN, 0.0, Some(1.0)).lateral_m.is_nan());
        assert!(path.project(0.0, f64::NAN, None).lateral_m.is_nan());
        assert!(path.at(f64::NAN).x_m.is_nan());
        for hint in [f64::NAN, f64::INFINITY] {
            let point = path.at(5.0);
            let got = path.project(point.x_m, point.y_m, Some(hint));
            near("station", got.station_m, 5.0, 1e-6);
        }
        let _ = path.project(f64::INFINITY, 0.0, None);
        let _ = path.project(1e300, -1e300, Some(3.0));
    }
}

#[test]
fn what_is_no_path_is_refused_with_the_point_and_the_reason() {
    let refused = |points: Vec<PathPoint>, closed: bool, words: &str| {
        let error = Path::new(points, closed).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    refused(vec![], false, "at least 2 different points, got 0");
    refused(straight(&[0.0]), true, "at least 2 different points, got 1");
    refused(straight(&[1.0, 2.0]), false, "first station of a path must be 0, got 1 m");
    refused(straight(&[0.0, 2.0, 1.0]), false, "point 2 of the path: its station 1 m");
    refused(straight(&[0.0, 2.0, 2.0]), false, "not beyond the one before it");
    for field in 0..6 {
        let mut points = straight(&[0.0, 1.0, 2.0]);
        let p = &mut points[1];
        let fields =
            [&mut p.station_m, &mut p.x_m, &mut p.y_m, &mut p.z_m, &mut p.heading_rad, &mut p.curvature_1pm];
        *fields.into_iter().nth(field).unwrap() = f64::NAN;
        refused(points, false, "point 1 of the path");
    }
    let mut points = straight(&[0.0, 1.0, 2.0]);
    (points[2].x_m, points[2].y_m) = (points[1].x_m, points[1].y_m);
    refused(points, false, "points 1 and 2 of the path are in the same place");
    // Degrees where radians belong.
    let mut points = straight(&[0.0, 1.0, 2.0]);
    points[1].heading_rad = 0.5f64.to_degrees();
    refused(points, false, "point 1 of the path: its heading 28.6");
    // A wheel-speed odometer for a station: 20 % short, and 4 % short.
    let mut points = straight(&[0.0, 1.0, 2.0]);
    points[2].station_m = 1.8;
    refused(points, false, "from point 1 to 2: the stations are 0.8 m apart");
    let mut points = straight(&[0.0, 1.0, 2.0, 3.0]);
    points.iter_mut().for_each(|p| p.station_m *= 0.96);
    refused(points, false, "stations must be arc length");
    // Closing a straight line means going back.
    refused(straight(&[0.0, 1.0, 2.0]), true, "off the line joining it to its neighbour");
}

#[test]
fn positions_alone_give_the_circle_back() {
    let points: Vec<_> = (0..126)
        .map(|i| {
            let (sin, cos) = libm::sincos(TAU * f64::from(i) / 126.0);
            [10.0 * cos, 10.0 * sin, 1.0]
        })
        .collect();
    let path = Path::from_xyz(&points, true).unwrap();
    near("length", path.length_m(), 20.0 * PI, 1e-4);
    for point in path.points() {
        let expected = wrap_angle(libm::atan2(point.y_m, point.x_m) + PI / 2.0);
        near("heading", wrap_angle(point.heading_rad - expected), 0.0, 1e-9);
        near("curvature", point.curvature_1pm, 0.1, 3e-4);
    }
}

#[test]
fn positions_alone_give_the_clothoid_back_to_its_ends() {
    let points: Vec<_> = (0..=400)
        .map(|i| {
            let p = clothoid(f64::from(i) * 0.1, 0.004);
            [p.x_m, p.y_m, p.z_m]
        })
        .collect();
    let path = Path::from_xyz(&points, false).unwrap();
    near("length", path.length_m(), 40.0, 1e-5);
    for point in path.points() {
        let expected = clothoid(point.station_m, 0.004);
        let turn = wrap_angle(point.heading_rad - expected.heading_rad);
        let bend = point.curvature_1pm - expected.curvature_1pm;
        // At an end only one side is known.
        let is_inside = (0.8..39.2).contains(&point.station_m);
        near("heading", turn, 0.0, if is_inside { 2e-5 } else { 2e-4 });
        near("curvature", bend, 0.0, if is_inside { 2e-4 } else { 2e-3 });
    }
}

#[test]
fn a_recording_that_starts_and_ends_standing_has_a_steady_direction() {
    // 5 s parked, 20 m/s east with a bend, 5 s parked, each position with a millimetre of noise.
    let mut noise = 12345u32;
    let mut millimetre = || {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (f64::from(noise >> 8) / f64::from(1 << 24) - 0.5) * 2e-3
    };
    let mut points = Vec::new();
    for i in 0..2_000 {
        let station = (f64::from(i) - 500.0).clamp(0.0, 1_000.0) * 0.05;
        let p = clothoid(station, 0.001);
        points.push([p.x_m + millimetre(), p.y_m + millimetre(), 0.0]);
    }
    let path = Path::from_xyz(&points, false).unwrap();
    near("length", path.length_m(), 50.0, 0.05);
    for point in path.points() {
        let expected = clothoid(point.station_m, 0.001);
        near("heading", wrap_angle(point.heading_rad - expected.heading_rad), 0.0, 0.02);
        near("curvature", point.curvature_1pm, expected.curvature_1pm, 0.1);
    }
}

#[test]
fn a_recording_that_turns_back_or_never_moves_is_refused() {
    let there_and_back: Vec<_> = (0..=20).map(|i| [10.0 - f64::from((i - 10i32).abs()), 0.0, 0.0]).collect();
    let error = Path::from_xyz(&there_and_back, false).unwrap_err();
    assert!(matches!(error, PathError::TurnsBack { x_m: 10.0, .. }), "{error}");
    let error = Path::from_xyz(&[[1.0, 2.0, 3.0]; 100], false).unwrap_err();
    assert_eq!(error, PathError::TooFewPoints { got: 1 });
    let error = Path::from_xyz(&[[0.0; 3], [1.0, f64::NAN, 0.0]], false).unwrap_err();
    assert!(matches!(error, PathError::NotFinite { index: 1, field: "y_m", .. }));
}

#[test]
fn the_recorded_drive_of_the_real_car_is_a_path() {
    let Some(folder) = skidpad_test_support::reference_data() else { return };
    for (file, length_m, offset_m, turn_rad) in [
        ("drive_garage_consistent.csv", 72.19, 1e-5, 1e-3),
        // Its positions drift under a roof, also after the car has stopped, so direction and heading part.
        ("drive_garage.csv", 76.6, 0.01, PI),
    ] {
        let text = std::fs::read_to_string(folder.join("mkz").join(file)).unwrap();
        let rows: Vec<Vec<f64>> = text
            .lines()
            .skip(1)
            .map(|line| line.split(',').map(|v| v.trim().parse().unwrap()).collect())
            .collect();
        let points: Vec<_> = rows.iter().map(|row| [row[0], row[1], row[2]]).collect();
        let path = Path::from_xyz(&points, false).unwrap();
        near("length", path.length_m(), length_m, 0.1);
        let (mut hint, mut worst_m, mut worst_rad) = (0.0, 0.0f64, 0.0f64);
        for row in &rows {
            let got = path.project(row[0], row[1], Some(hint));
            assert!(got.station_m >= hint - 0.01);
            worst_m = worst_m.max(got.lateral_m.abs()).max(got.beyond_m.abs());
            worst_rad = worst_rad.max(wrap_angle(got.point.heading_rad - row[8]).abs());
            hint = got.station_m;
        }
        eprintln!(
            "{file}: {} of {} points, {:.3} m, recorded points at most {worst_m:.6} m off, headings {worst_rad:.4} rad",
            path.points().len(),
            rows.len(),
            path.length_m()
        );
        near("end", hint, path.length_m(), 1e-9);
        assert!(worst_m < offset_m && worst_rad < turn_rad);
    }
}

/// A smooth closed curve: a circle with waves.
fn wavy(amplitudes: &[f64; 4], t: f64) -> [f64; 3] {
    let radius =
        amplitudes.iter().enumerate().fold(30.0, |sum, (k, a)| sum + a * libm::sin((k + 2) as f64 * t + a));
    let (sin, cos) = libm::sincos(t);
    [radius * cos, radius * sin, 0.0]
}

fn distance(projection: &Projection, x: f64, y: f64) -> f64 {
    libm::hypot(projection.point.x_m - x, projection.point.y_m - y)
}

proptest! {
    #[test]
    fn a_point_beside_a_circle_has_its_offset_and_station(
        radius in prop_oneof![10.0..200.0f64, -200.0..-10.0f64],
        turn in 0.0..1.0f64,
        lateral in -4.0..4.0f64,
        hint_off in -4.0..4.0f64,
        hinted: bool,
    ) {
        let path = circle_path(radius, 0.5);
        let station = turn * TAU * radius.abs();
        let (x, y) = beside(&circle(radius, station), lateral);
        let got = path.project(x, y, hinted.then_some(station + hint_off));
        prop_assert!((got.lateral_m - lateral).abs() < 1e-5, "{got:?}");
        let along = wrap_angle((got.station_m - station) / radius) * radius;
        prop_assert!(along.abs() < 1e-5, "{along}");
        prop_assert_eq!(got.beyond_m, 0.0);
    }

    #[test]
    fn a_point_beside_a_clothoid_has_its_offset_and_station(
        rate in -0.002..0.002f64,
        station in 0.0..40.0f64,
        lateral in -4.0..4.0f64,
        hint_off in -4.0..4.0f64,
        hinted: bool,
    ) {
        let path = clothoid_path(rate, 40.0);
        let (x, y) = beside(&clothoid(station, rate), lateral);
        let got = path.project(x, y, hinted.then_some(station + hint_off));
        prop_assert!((got.lateral_m - lateral).abs() < 1e-5, "{got:?}");
        prop_assert!((got.station_m - station).abs() < 1e-5, "{got:?}");
    }

    #[test]
    fn the_nearest_point_is_nearer_than_any_other(
        amplitudes in [-4.0..4.0f64, -2.0..2.0f64, -1.0..1.0f64, -1.0..1.0f64],
        count in 150usize..600,
        closed: bool,
        query in [-60.0..60.0f64, -60.0..60.0f64],
    ) {
        let points: Vec<_> = (0..count)
            .map(|i| wavy(&amplitudes, if closed { TAU } else { 5.0 } * i as f64 / count as f64))
            .collect();
        let path = Path::from_xyz(&points, closed).unwrap();
        let got = path.project(query[0], query[1], None);
        let found = distance(&got, query[0], query[1]);
        for i in 0..=2_000 {
            let point = path.at(path.length_m() * f64::from(i) / 2_000.0);
            let other = libm::hypot(point.x_m - query[0], point.y_m - query[1]);
            prop_assert!(found <= other + 1e-9, "{found} {other} at {}", point.station_m);
        }
        // The hint of the nearest finds the nearest, and the offset is the distance.
        let again = path.project(query[0], query[1], Some(got.station_m));
        prop_assert!((again.station_m - got.station_m).abs() < 1e-9);
        prop_assert!(got.beyond_m != 0.0 || (got.lateral_m.abs() - found).abs() < 1e-9);
    }

    #[test]
    fn a_path_far_from_its_origin_is_the_same_path(
        rate in -0.01..0.01f64,
        query in [-5.0..45.0f64, -20.0..20.0f64],
    ) {
        let here = clothoid_path(rate, 40.0);
        let moved = here.points().iter().map(|p| PathPoint { x_m: p.x_m + 586_360.0, y_m: p.y_m + 4_140_737.0, ..*p }).collect();
        let there = Path::new(moved, false).unwrap();
        let (a, b) = (here.project(query[0], query[1], None), there.project(query[0] + 586_360.0, query[1] + 4_140_737.0, None));
        prop_assert!((distance(&a, query[0], query[1]) - distance(&b, query[0] + 586_360.0, query[1] + 4_140_737.0)).abs() < 1e-7);
    }

    #[test]
    fn any_numbers_make_a_path_or_an_error_and_never_a_panic(
        fields in prop::collection::vec(any::<[f64; 6]>(), 0..8),
        tame in prop::collection::vec([-2.0..2.0f64, -2.0..2.0f64, -2.0..2.0f64], 0..12),
        closed: bool,
        query in any::<[f64; 3]>(),
    ) {
        let points = fields.iter().map(|f| PathPoint {
            station_m: f[0], x_m: f[1], y_m: f[2], z_m: f[3], heading_rad: f[4], curvature_1pm: f[5],
        }).collect();
        let wild = Path::new(points, closed);
        let wilder = Path::from_xyz(&fields.iter().map(|f| [f[1], f[2], f[3]]).collect::<Vec<_>>(), closed);
        for path in [wild, wilder, Path::from_xyz(&tame, closed)].into_iter().flatten() {
            let _ = path.at(query[0]);
            let _ = path.project(query[0], query[1], Some(query[2]));
            let _ = path.project(query[0], query[1], None);
            let _ = path.project(0.5, 0.5, Some(0.1));
        }
    }
}
