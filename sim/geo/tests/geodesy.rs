//! Geodesy against independent vectors (`data/geodesy`, made with PROJ), against closed forms, and against itself.

use proptest::prelude::*;
use skidpad_geo::{
    EARTH_RATE_RPS, EnuFrame, GeoError, Geodetic, MapFrame, UtmZone, WGS84_FLATTENING, WGS84_SEMI_MAJOR_M,
    earth_rate_enu_rps, normal_gravity_mps2,
};

#[derive(serde::Deserialize)]
struct Vector {
    name: String,
    lat: f64,
    lon: f64,
    h: f64,
    zone: u8,
    easting: f64,
    northing: f64,
    convergence_deg: f64,
    scale: f64,
    gravity: f64,
    earth_rate_north: f64,
    earth_rate_up: f64,
    lat2: f64,
    lon2: f64,
    h2: f64,
    enu: [f64; 3],
}

fn vectors() -> Option<Vec<Vector>> {
    let folder = skidpad_test_support::reference_data()?;
    let text = std::fs::read_to_string(folder.join("geodesy/geo_vectors.json")).unwrap();
    let vectors: Vec<Vector> = serde_json::from_str(&text).unwrap();
    assert!(vectors.len() >= 4);
    Some(vectors)
}

fn near(what: &str, got: f64, expected: f64, tolerance: f64) {
    assert!(
        (got - expected).abs() <= tolerance,
        "{what}: expected {expected}, got {got}, off by {:e}",
        got - expected
    );
}

#[test]
fn utm_agrees_with_proj_to_a_tenth_of_a_millimetre() {
    for v in vectors().unwrap_or_default() {
        let zone = UtmZone::from_longitude_latitude(v.lon, v.lat).unwrap();
        assert_eq!(zone.number(), v.zone, "{}", v.name);
        let grid = zone.checked_forward(v.lat, v.lon).unwrap();
        eprintln!(
            "{}: dE {:e} dN {:e} m, convergence {:e} deg, scale {:e}",
            v.name,
            grid.easting_m - v.easting,
            grid.northing_m - v.northing,
            grid.convergence_rad.to_degrees() - v.convergence_deg,
            grid.scale - v.scale
        );
        near("easting", grid.easting_m, v.easting, 1e-4);
        near("northing", grid.northing_m, v.northing, 1e-4);
        near("convergence", grid.convergence_rad.to_degrees(), v.convergence_deg, 1e-6);
        near("scale", grid.scale, v.scale, 1e-9);
        let (lat, lon) = zone.checked_inverse(v.easting, v.northing).unwrap();
        near("latitude", lat, v.lat, 1e-9);
        near("longitude", lon, v.lon, 1e-9);
    }
}

#[test]
fn enu_agrees_with_proj_to_a_tenth_of_a_millimetre() {
    for v in vectors().unwrap_or_default() {
        let frame = EnuFrame::new(Geodetic::new(v.lat, v.lon, v.h).unwrap()).unwrap();
        let got = frame.to_enu(&Geodetic::new(v.lat2, v.lon2, v.h2).unwrap());
        let place = frame.to_geodetic(v.enu);
        eprintln!(
            "{}: enu off by {:e} {:e} {:e} m",
            v.name,
            got[0] - v.enu[0],
            got[1] - v.enu[1],
            got[2] - v.enu[2]
        );
        for (got, expected) in got.iter().zip(v.enu) {
            near("enu", *got, expected, 1e-4);
        }
        near("latitude", place.lat_deg, v.lat2, 1e-9);
        near("longitude", place.lon_deg, v.lon2, 1e-9);
        near("height", place.height_m, v.h2, 1e-4);
    }
}

#[test]
fn gravity_and_earth_rate_agree_with_the_vectors() {
    for v in vectors().unwrap_or_default() {
        eprintln!("{}: gravity off by {:e}", v.name, normal_gravity_mps2(v.lat, v.h) - v.gravity);
        near("gravity", normal_gravity_mps2(v.lat, v.h), v.gravity, 1e-6);
        let [east, north, up] = earth_rate_enu_rps(v.lat);
        near("earth rate east", east, 0.0, 0.0);
        near("earth rate north", north, v.earth_rate_north, 1e-15);
        near("earth rate up", up, v.earth_rate_up, 1e-15);
    }
}

/// Distance along the meridian from the equator, metres: the integral of the meridian's radius of curvature, by
/// Gauss–Legendre on short pieces.
fn meridian_arc_m(lat_deg: f64) -> f64 {
    const NODES: [(f64, f64); 3] =
        [(0.0, 8.0 / 9.0), (0.774_596_669_241_483_4, 5.0 / 9.0), (-0.774_596_669_241_483_4, 5.0 / 9.0)];
    let e2 = WGS84_FLATTENING * (2.0 - WGS84_FLATTENING);
    let pieces = 400;
    let half = lat_deg.to_radians() / f64::from(pieces) / 2.0;
    let mut arc = 0.0;
    for piece in 0..pieces {
        let middle = half * f64::from(2 * piece + 1);
        for (node, weight) in NODES {
            let sin = libm::sin(middle + half * node);
            let radius = WGS84_SEMI_MAJOR_M * (1.0 - e2) / libm::pow(1.0 - e2 * sin * sin, 1.5);
            arc += weight * half * radius;
        }
    }
    arc
}

#[test]
fn the_central_meridian_is_true_to_length_and_to_north() {
    let zone = UtmZone::new(31, true).unwrap();
    for lat_deg in [-79.0, -12.3, 0.0, 0.01, 37.4, 60.0, 83.9] {
        let grid = zone.forward(lat_deg, 3.0);
        near("easting", grid.easting_m, 500_000.0, 1e-8);
        near("northing", grid.northing_m, 0.9996 * meridian_arc_m(lat_deg), 1e-7);
        near("convergence", grid.convergence_rad, 0.0, 1e-15);
        near("scale", grid.scale, 0.9996, 1e-12);
    }
}

#[test]
fn the_pole_is_where_all_meridians_meet() {
    let zone = UtmZone::new(31, true).unwrap();
    let pole = zone.forward(90.0, 3.0);
    near("northing", pole.northing_m, 0.9996 * meridian_arc_m(90.0), 1e-6);
    let other = zone.forward(90.0, 33.0);
    near("easting", other.easting_m, 500_000.0, 1e-6);
    near("northing", other.northing_m, pole.northing_m, 1e-6);
    let (lat, _) = zone.inverse(pole.easting_m, pole.northing_m);
    near("latitude", lat, 90.0, 1e-9);
}

#[test]
fn south_of_the_equator_northings_count_from_ten_thousand_kilometres() {
    let zone = UtmZone::from_longitude_latitude(151.2, -33.9).unwrap();
    assert_eq!((zone.number(), zone.is_northern()), (56, false));
    let south = zone.forward(-33.9, 151.2);
    let north = UtmZone::new(56, true).unwrap().forward(33.9, 151.2);
    near("mirror", 10_000_000.0 - south.northing_m, north.northing_m, 1e-8);
    near("mirror", south.easting_m, north.easting_m, 1e-9);
    // West of the central meridian (153°) but south: grid north lies to the east.
    assert!(south.convergence_rad > 0.0);
    near("mirror", south.convergence_rad, -north.convergence_rad, 1e-15);
}

#[test]
fn zones_are_those_of_the_atlas() {
    for (name, lon, lat, zone) in [
        ("Sunnyvale", -122.0242, 37.4094, 10),
        ("Beijing", 116.2823, 40.0502, 50),
        ("date line, west side", 179.99, 10.0, 60),
        ("date line, east side", -180.0, 10.0, 1),
        ("date line, as +180", 180.0, 10.0, 1),
        ("Sunnyvale counted eastwards", 237.9758, 37.4094, 10),
        ("Bergen, Norway", 5.32, 60.39, 32),
        ("south of it", 5.32, 55.99, 31),
        ("Longyearbyen, Svalbard", 15.6, 78.2, 33),
        ("Ny-Ålesund", 11.9, 78.9, 33),
        ("west of Svalbard", 8.9, 78.9, 31),
    ] {
        let got = UtmZone::from_longitude_latitude(lon, lat).unwrap().number();
        assert_eq!(got, zone, "{name}");
    }
}

#[test]
fn gravity_has_its_textbook_values_at_the_equator_and_the_poles() {
    near("equator", normal_gravity_mps2(0.0, 0.0), 9.780_325_335_9, 1e-12);
    near("pole", normal_gravity_mps2(90.0, 0.0), 9.832_184_937_9, 1e-9);
    near("pole", normal_gravity_mps2(-90.0, 0.0), 9.832_184_937_9, 1e-9);
    // The free-air gradient, 0.3086 mGal per metre.
    let per_metre = normal_gravity_mps2(45.0, 1.0) - normal_gravity_mps2(45.0, 0.0);
    near("gradient", per_metre, -3.086e-6, 1e-9);
}

#[test]
fn the_earth_turns_up_at_the_pole_and_north_at_the_equator() {
    assert_eq!(earth_rate_enu_rps(0.0), [0.0, EARTH_RATE_RPS, 0.0]);
    let [_, north, up] = earth_rate_enu_rps(-90.0);
    near("north", north, 0.0, 1e-20);
    near("up", up, -EARTH_RATE_RPS, 1e-20);
}

#[test]
fn a_wrong_place_is_refused_with_words() {
    let refused = |error: GeoError, words: &str| {
        assert!(error.to_string().contains(words), "{error}");
    };
    for lat in [90.001, -91.0, f64::NAN, f64::INFINITY] {
        refused(Geodetic::new(lat, 0.0, 0.0).unwrap_err(), "latitude must be");
    }
    for lon in [-180.1, 361.0, f64::NAN] {
        refused(Geodetic::new(0.0, lon, 0.0).unwrap_err(), "longitude must be");
    }
    for height in [-2e4 - 1.0, 1e6, f64::NAN] {
        refused(Geodetic::new(0.0, 0.0, height).unwrap_err(), "height above");
    }
    for number in [0, 61, 255] {
        refused(UtmZone::new(number, true).unwrap_err(), "1 to 60");
    }
    let nowhere = Geodetic { lat_deg: f64::NAN, lon_deg: 0.0, height_m: 0.0 };
    refused(EnuFrame::new(nowhere).unwrap_err(), "latitude must be");
    refused(MapFrame::new(nowhere).unwrap_err(), "latitude must be");
    refused(UtmZone::from_longitude_latitude(0.0, 85.0).unwrap_err(), "-80 to 84");
    let zone = UtmZone::new(10, true).unwrap();
    refused(zone.checked_forward(40.0, 116.3).unwrap_err(), "is the zone right?");
    refused(zone.checked_forward(-81.0, -122.0).unwrap_err(), "-80 to 84");
    refused(zone.checked_inverse(4_140_737.0, f64::NAN).unwrap_err(), "swapped?");
    refused(zone.checked_inverse(586_360.0, -1.0).unwrap_err(), "not a place that the grid covers");
    assert!(zone.forward(f64::NAN, 0.0).northing_m.is_nan());
    assert!(zone.inverse(f64::NAN, 0.0).1.is_nan());
}

fn any_place() -> impl Strategy<Value = Geodetic> {
    (-90.0..=90.0f64, -180.0..180.0f64, -400.0..9_000.0f64)
        .prop_map(|(lat_deg, lon_deg, height_m)| Geodetic { lat_deg, lon_deg, height_m })
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    ((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) + (a[2] - b[2]) * (a[2] - b[2])).sqrt()
}

proptest! {
    #[test]
    fn utm_there_and_back_is_the_same_place(
        number in 1u8..=60,
        northern: bool,
        lat_deg in -80.0..84.0f64,
        off_deg in -30.0..30.0f64,
    ) {
        let zone = UtmZone::new(number, northern).unwrap();
        let lon_deg = zone.central_meridian_deg() + off_deg;
        let grid = zone.forward(lat_deg, lon_deg);
        let (lat, lon) = zone.inverse(grid.easting_m, grid.northing_m);
        prop_assert!((lat - lat_deg).abs() < 1e-11, "{lat} {lat_deg}");
        let turn = (lon - lon_deg + 540.0).rem_euclid(360.0) - 180.0;
        prop_assert!((turn * libm::cos(lat.to_radians())).abs() < 1e-11, "{lon} {lon_deg}");
    }

    /// With a true central meridian this makes it *the* transverse Mercator: a conformal map is fixed by one line.
    #[test]
    fn utm_is_conformal_and_its_scale_and_convergence_are_those_of_its_derivative(
        lat_deg in -79.0..83.0f64,
        off_deg in -10.0..10.0f64,
    ) {
        let zone = UtmZone::new(33, true).unwrap();
        let lon_deg = zone.central_meridian_deg() + off_deg;
        let e2 = WGS84_FLATTENING * (2.0 - WGS84_FLATTENING);
        let (sin, cos) = libm::sincos(lat_deg.to_radians());
        let w = 1.0 - e2 * sin * sin;
        let step = 1e-4f64;
        let north_m = 2.0 * step.to_radians() * WGS84_SEMI_MAJOR_M * (1.0 - e2) / (w * w.sqrt());
        let east_m = 2.0 * step.to_radians() * WGS84_SEMI_MAJOR_M * cos / w.sqrt();
        let change = |a: (f64, f64), b: (f64, f64)| {
            let (a, b) = (zone.forward(a.0, a.1), zone.forward(b.0, b.1));
            (b.easting_m - a.easting_m, b.northing_m - a.northing_m)
        };
        let going_north = change((lat_deg - step, lon_deg), (lat_deg + step, lon_deg));
        let going_east = change((lat_deg, lon_deg - step), (lat_deg, lon_deg + step));
        let grid = zone.forward(lat_deg, lon_deg);
        let (sin, cos) = libm::sincos(grid.convergence_rad);
        // True north lies counter-clockwise (west) of grid north by the convergence.
        for (got, expected) in [
            (going_north.0 / north_m, -sin * grid.scale),
            (going_north.1 / north_m, cos * grid.scale),
            (going_east.0 / east_m, cos * grid.scale),
            (going_east.1 / east_m, sin * grid.scale),
        ] {
            prop_assert!((got - expected).abs() < 1e-8, "{got} {expected}");
        }
    }

    #[test]
    fn enu_there_and_back_is_the_same_point(
        anchor in any_place(),
        point in [-1e5..1e5f64, -1e5..1e5f64, -3e3..9e3f64],
    ) {
        let frame = EnuFrame::new(anchor).unwrap();
        let back = frame.to_enu(&frame.to_geodetic(point));
        prop_assert!(distance(back, point) < 1e-8, "{back:?} {point:?}");
    }

    #[test]
    fn the_distance_of_two_places_is_the_same_from_every_anchor(
        anchor in any_place(), far_anchor in any_place(), a in any_place(), b in any_place(),
    ) {
        let from = |anchor| {
            let frame = EnuFrame::new(anchor).unwrap();
            distance(frame.to_enu(&a), frame.to_enu(&b))
        };
        prop_assert!((from(anchor) - from(far_anchor)).abs() < 1e-7);
        // And the anchor is its own origin.
        prop_assert!(distance(EnuFrame::new(a).unwrap().to_enu(&a), [0.0; 3]) < 1e-8);
    }

    #[test]
    fn up_is_height_over_the_anchor(anchor in any_place(), rise in -100.0..1000.0f64) {
        let place = EnuFrame::new(anchor).unwrap().to_geodetic([0.0, 0.0, rise]);
        prop_assert!((place.height_m - anchor.height_m - rise).abs() < 1e-8);
        prop_assert!((place.lat_deg - anchor.lat_deg).abs() < 1e-12);
    }

    #[test]
    fn axes_at_another_place_turn_the_same_arrow(
        anchor in any_place(),
        point in [-5e4..5e4f64, -5e4..5e4f64, 0.0..500.0f64],
        arrow in [-30.0..30.0f64, -30.0..30.0f64, -3.0..3.0f64],
    ) {
        let here = EnuFrame::new(anchor).unwrap();
        let place = here.to_geodetic(point);
        prop_assume!(place.lat_deg.abs() < 89.9);
        let there = EnuFrame::new(place).unwrap();
        let tip: [f64; 3] = std::array::from_fn(|i| point[i] + arrow[i]);
        let expected = there.to_enu(&here.to_geodetic(tip));
        let got = here.axes_at(&place).map(|row| row[0] * arrow[0] + row[1] * arrow[1] + row[2] * arrow[2]);
        prop_assert!(distance(got, expected) < 1e-7, "{got:?} {expected:?}");
    }

    #[test]
    fn a_map_goes_to_the_grid_and_back(
        lat in -79.0..83.0f64, lon in -180.0..180.0f64,
        point in [-2e4..2e4f64, -2e4..2e4f64, -50.0..300.0f64],
    ) {
        let map = MapFrame::new(Geodetic::new(lat, lon, 30.0).unwrap()).unwrap();
        let grid = map.enu_to_utm(point);
        let back = map.utm_to_enu(grid.easting_m, grid.northing_m, grid.height_m);
        prop_assert!(distance(back, point) < 1e-7, "{back:?} {point:?}");
    }

    #[test]
    fn a_heading_of_the_world_turns_into_the_one_of_the_grid(
        lat in -70.0..70.0f64, lon in -180.0..180.0f64,
        point in [-1e4..1e4f64, -1e4..1e4f64, 0.0..100.0f64],
        heading in -3.0..3.0f64,
    ) {
        let map = MapFrame::new(Geodetic::new(lat, lon, 30.0).unwrap()).unwrap();
        let (sin, cos) = libm::sincos(heading);
        let reach = 0.5;
        let at = |sign: f64| map.enu_to_utm([point[0] + sign * reach * cos, point[1] + sign * reach * sin, point[2]]);
        let (a, b) = (at(-1.0), at(1.0));
        let on_grid = libm::atan2(b.northing_m - a.northing_m, b.easting_m - a.easting_m);
        let expected = heading + map.world_to_grid_heading_rad(point);
        // What remains is the foreshortening by the tilt between the two horizontals, its square.
        prop_assert!(skidpad_geo::wrap_angle(on_grid - expected).abs() < 3e-6, "{on_grid} {expected}");
    }
}
