//! The rough ground: the spectra of ISO 8608 along any line, coherence of two tracks, smoothness, repeatability.

use skidpad_geo::Geodetic;
use skidpad_world::{Map, MapGround, RoughnessClass, RoughnessLevel};
use std::f64::consts::{PI, TAU};

const CLASS_C_M3: f64 = 256e-6;
/// Samples of a profile and their distance.
const SAMPLES: usize = 4096;
const STEP_M: f64 = 0.1;

fn plane(level: RoughnessLevel, seed: u64) -> MapGround {
    let anchor = Geodetic { lat_deg: 35.0, lon_deg: -117.0, height_m: 0.0 };
    Map::plane(anchor, 1.0).rough_ground(Some(level), seed)
}

fn class_c(seed: u64) -> MapGround {
    plane(RoughnessLevel::Class(RoughnessClass::C), seed)
}

/// Heights along a line through `(x_m, y_m)`, tapered by a Hann window.
fn profile(ground: &MapGround, x_m: f64, y_m: f64, direction_deg: f64) -> Vec<f64> {
    let (sin, cos) = f64::to_radians(direction_deg).sin_cos();
    let hann = |i: usize| 1.0 - (TAU * i as f64 / SAMPLES as f64).cos();
    let at = |i: usize| ground.at(x_m + cos * STEP_M * i as f64, y_m + sin * STEP_M * i as f64).height_m;
    (0..SAMPLES).map(|i| hann(i) * at(i)).collect()
}

/// Coefficient of the profile at the frequency k/(length of the profile), by Goertzel's recurrence.
fn fourier(profile: &[f64], k: usize) -> [f64; 2] {
    let w = TAU * k as f64 / SAMPLES as f64;
    let (sin, cos) = w.sin_cos();
    let (mut s1, mut s2) = (0.0, 0.0);
    for x in profile {
        (s1, s2) = (x + 2.0 * cos * s1 - s2, s1);
    }
    [s1 * cos - s2, s1 * sin]
}

/// Frequency of a coefficient, cycles/m.
fn cpm(k: usize) -> f64 {
    k as f64 / (SAMPLES as f64 * STEP_M)
}

/// Up to 24 coefficients of an octave around `centre_cpm`.
fn octave(centre_cpm: f64) -> Vec<usize> {
    let length_m = SAMPLES as f64 * STEP_M;
    let (low, high) = (centre_cpm / 2f64.sqrt() * length_m, centre_cpm * 2f64.sqrt() * length_m);
    let all: Vec<usize> = (low.ceil() as usize..=high as usize).collect();
    all.iter().copied().step_by(all.len().div_ceil(24)).collect()
}

/// One-sided density of parallel lines in a direction over the class line, the mean of an octave.
fn over_class_line(direction_deg: f64, centres: &[f64]) -> Vec<f64> {
    let lines: Vec<Vec<f64>> = (0..4)
        .flat_map(|seed| {
            let ground = class_c(seed);
            (0..12).map(move |i| profile(&ground, 7.3 * f64::from(i), -11.9 * f64::from(i), direction_deg))
        })
        .collect();
    let one = |&centre: &f64| {
        let ks = octave(centre);
        let sum: f64 = ks
            .iter()
            .map(|&k| {
                let power: f64 = lines.iter().map(|line| fourier(line, k)).map(|[a, b]| a * a + b * b).sum();
                // The mean square of the window is 1.5.
                let density = 2.0 * power / lines.len() as f64 * STEP_M / (1.5 * SAMPLES as f64);
                density / (CLASS_C_M3 * (0.1 / cpm(k)) * (0.1 / cpm(k)))
            })
            .sum();
        sum / ks.len() as f64
    };
    centres.iter().map(one).collect()
}

/// Octaves within 0.02 to 2 cycles/m, in three directions: within 15 % of the class line
/// (the next class is 300 % away), 10 % from 0.1 cycles/m on; the slope of the fitted line −2 ± 0.1.
#[test]
fn a_profile_in_any_direction_lies_on_the_class_line_of_iso_8608() {
    let centres = [0.03, 0.06, 0.12, 0.24, 0.48, 0.96, 1.4];
    for direction_deg in [0.0, 37.0, 90.0] {
        let ratios = over_class_line(direction_deg, &centres);
        println!("{direction_deg} deg: density over class line {ratios:.3?}");
        for (centre, ratio) in centres.iter().zip(&ratios) {
            let tolerance = if *centre > 0.1 { 0.10 } else { 0.15 };
            assert!((ratio - 1.0).abs() < tolerance, "{direction_deg} deg, {centre} c/m: {ratio}");
        }
        let points: Vec<[f64; 2]> = centres.iter().zip(&ratios).map(|(n, r)| [n.ln(), r.ln()]).collect();
        let mean = |of: fn(&[f64; 2]) -> f64| points.iter().map(of).sum::<f64>() / points.len() as f64;
        let (mx, my) = (mean(|p| p[0]), mean(|p| p[1]));
        let (xy, xx) = points
            .iter()
            .fold((0.0, 0.0), |(xy, xx), [x, y]| (xy + (x - mx) * (y - my), xx + (x - mx) * (x - mx)));
        let slope = -2.0 + xy / xx;
        println!("{direction_deg} deg: slope {slope:.3}");
        assert!((slope + 2.0).abs() < 0.1, "{direction_deg} deg: slope {slope}");
    }
}

/// The coherence of parallel tracks of an isotropic surface falls with the wave number: near one for waves far
/// longer than the track, none for shorter ones. For a spectrum n⁻² it is γ = (2πnb)·K₁(2πnb).
#[test]
fn two_tracks_belong_together_over_long_waves_and_are_strangers_over_short_ones() {
    let track_m = 1.5;
    let coherence = |centre: f64| {
        let (mut cross, mut left_power, mut right_power) = (0.0, 0.0, 0.0);
        for seed in 0..6 {
            let ground = class_c(seed);
            for i in 0..6 {
                let (x, y) = (13.7 * f64::from(i), 29.3 * f64::from(i));
                let (left, right) = (profile(&ground, x, y, 0.0), profile(&ground, x, y + track_m, 0.0));
                for k in octave(centre) {
                    let ([a, b], [c, d]) = (fourier(&left, k), fourier(&right, k));
                    // The cross spectrum of an isotropic surface is real.
                    cross += a * c + b * d;
                    left_power += a * a + b * b;
                    right_power += c * c + d * d;
                }
            }
        }
        cross / (left_power * right_power).sqrt()
    };
    let found = [0.03, 0.15, 0.5, 1.2].map(coherence);
    println!("coherence of tracks 1.5 m apart at 0.03, 0.15, 0.5, 1.2 c/m: {found:.3?}");
    // z·K₁(z) at z = 2π·1.5·n.
    for (found, theory) in found.into_iter().zip([0.93, 0.45, 0.025, 0.0]) {
        assert!((found - theory).abs() < 0.08, "{found} {theory}");
    }
}

#[test]
fn the_normal_is_that_of_the_height_and_both_are_smooth() {
    let ground = class_c(9);
    let mut steepest: f64 = 0.0;
    for i in 0..4000 {
        let (x, y) = (0.37 * f64::from(i) - 700.0, 40.0 * (f64::from(i) * 0.11).sin());
        let point = ground.at(x, y);
        let h = 1e-5;
        let slope = |dx: f64, dy: f64| {
            (ground.at(x + dx, y + dy).height_m - ground.at(x - dx, y - dy).height_m) / (2.0 * h)
        };
        let [nx, ny, nz] = point.normal;
        assert!((nx * nx + ny * ny + nz * nz - 1.0).abs() < 1e-14);
        assert!((slope(h, 0.0) + nx / nz).abs() < 1e-7 && (slope(0.0, h) + ny / nz).abs() < 1e-7);
        // No kink: the slope changes by no more than its curvature allows over a millimetre.
        let near = ground.at(x + 1e-3, y).normal;
        assert!((near[0] - nx).abs() < 5e-3, "{x} {y}");
        steepest = steepest.max((nx / nz).abs());
    }
    assert!((0.02..0.3).contains(&steepest), "{steepest}");
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_seed_other_bumps() {
    let heights = |seed| {
        let ground = class_c(seed);
        (0..500).map(|i| ground.at(0.31 * f64::from(i), 5.0).height_m.to_bits()).collect::<Vec<_>>()
    };
    assert_eq!(heights(3), heights(3));
    assert_ne!(heights(3), heights(4));
}

/// The bits of one place: a surface of a released version never changes.
#[test]
fn golden_heights_never_change() {
    let ground = class_c(1);
    let bits = [[0.0, 0.0], [12.34, -5.6], [-800.0, 321.0]].map(|[x, y]| ground.at(x, y).height_m.to_bits());
    assert_eq!(bits, [0x3f6b_1713_5b1c_71c7, 0xbf9c_388d_2350_544e, 0xbfa4_1b9a_21c4_abef], "{bits:#x?}");
}

#[test]
fn a_class_is_twice_as_high_as_the_one_before_and_zero_is_exactly_smooth() {
    let at = |level| plane(level, 5).at(3.0, 4.0).height_m;
    let [a, b, c] =
        [RoughnessClass::A, RoughnessClass::B, RoughnessClass::C].map(|c| at(RoughnessLevel::Class(c)));
    assert!((b / a - 2.0).abs() < 1e-5 && (c / b - 2.0).abs() < 1e-5, "{a} {b} {c}");
    assert_eq!(at(RoughnessLevel::Density(64e-6)), b);
    let smooth = plane(RoughnessLevel::Density(0.0), 5).at(3.0, 4.0);
    assert_eq!((smooth.height_m, smooth.normal), (0.0, [0.0, 0.0, 1.0]));
}

/// The density of all waves together is the mean square of the height: ∬ S₂ = 2π ∫ S₂ k dk, about
/// G_d(n₀) n₀² π/2 (1/k₁ − 1/k₂) for S₂ ~ k⁻³.
#[test]
fn the_mean_square_of_the_height_is_that_of_the_spectrum() {
    let ground = class_c(2);
    let (mut square, mut count) = (0.0, 0.0);
    for i in 0..300 {
        for j in 0..300 {
            let height = ground.at(0.3 * f64::from(i) * 1.003, 0.3 * f64::from(j) * 0.997).height_m;
            square += height * height;
            count += 1.0;
        }
    }
    let rms = (square / count).sqrt();
    let by_spectrum = (CLASS_C_M3 * 0.01 * 0.5 * PI * (1.0 / 0.0112 - 1.0 / 2.8)).sqrt();
    println!("rms height of class C: {:.2} mm, by the spectrum {:.2} mm", 1e3 * rms, 1e3 * by_spectrum);
    assert!((rms / by_spectrum - 1.0).abs() < 0.25, "{rms} {by_spectrum}");
}

#[test]
fn a_map_may_say_how_rough_it_is_and_a_scenario_may_say_otherwise() {
    let map = |surface: &str| {
        let text = format!(
            "schema = 1\ntitle = \"t\"\nanchor = {{ lat_deg = 1, lon_deg = 1, height_m = 0 }}\n{surface}"
        );
        Map::from_parts(&text, "map.toml", None, "")
    };
    let rough = map("[surface]\nroughness = \"b\"\n").unwrap();
    let at = |ground: MapGround| ground.at(3.0, 4.0).height_m;
    let class_b = at(plane(RoughnessLevel::Class(RoughnessClass::B), 6));
    assert_eq!(at(rough.rough_ground(None, 6)), class_b);
    assert_eq!(at(rough.rough_ground(Some(RoughnessLevel::Density(0.0)), 6)), 0.0);
    assert_eq!(at(rough.ground()), 0.0);
    assert_eq!(at(map("").unwrap().rough_ground(None, 6)), 0.0);
    assert_eq!(at(map("[surface]\nroughness = 64e-6\n").unwrap().rough_ground(None, 6)), class_b);
    for (wrong, says) in [("\"d\"", "string \"d\""), ("0.5", "0.5"), ("-1e-6", "-0.000001"), ("true", "true")]
    {
        let error = map(&format!("[surface]\nroughness = {wrong}\n")).unwrap_err().to_string();
        assert!(error.starts_with("map.toml:5:") && error.contains(says), "{error}");
        assert!(error.contains("ISO 8608 class \"a\", \"b\" or \"c\""), "{error}");
    }
}
