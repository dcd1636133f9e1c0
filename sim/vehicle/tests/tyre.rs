//! The tyre against numbers from outside: an independent Magic Formula and a property file.

use skidpad_vehicle::{TyreForces, TyreParams, VehicleParams};

fn shipped() -> (String, VehicleParams) {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vehicles/lincoln_mkz/vehicle.toml");
    let text = std::fs::read_to_string(file).expect("the shipped vehicle");
    let params = VehicleParams::parse(&text, file).unwrap_or_else(|error| panic!("{error}"));
    (text, params)
}

/// The tyre of the CommonRoad vehicle models (an ADAMS 235/60R16 set), without load dependence.
fn commonroad() -> TyreParams {
    let (_, params) = shipped();
    let mut tyre = params.tyre;
    tyre.nominal_load_n = 4850.0;
    (tyre.pcx1, tyre.pdx1, tyre.pdx2, tyre.pdx3, tyre.pex1) = (1.6411, 1.1739, 0.0, 0.0, 0.46403);
    (tyre.pkx1, tyre.pkx2, tyre.phx1, tyre.pvx1) = (22.303, 0.0, 0.0012297, 0.0);
    (tyre.rbx1, tyre.rbx2, tyre.rcx1, tyre.rex1, tyre.rhx1) = (13.276, -13.778, 1.2568, 0.65225, 0.0050722);
    (tyre.pcy1, tyre.pdy1, tyre.pdy2, tyre.pdy3, tyre.pey1) = (1.3507, 1.0489, 0.0, -2.8821, -0.0074722);
    (tyre.phy1, tyre.phy3, tyre.pvy1, tyre.pvy3) = (0.0026747, 0.031415, 0.037318, -0.32931);
    (tyre.rby1, tyre.rby2, tyre.rby3, tyre.rcy1, tyre.rey1) = (7.1433, 9.1916, -0.027856, 1.0719, -0.27572);
    (tyre.rhy1, tyre.rvy1, tyre.rvy3) = (5.7448e-6, -0.027825, -0.27568);
    (tyre.rvy4, tyre.rvy5, tyre.rvy6) = (12.12, 1.9, -10.704);
    tyre
}

#[test]
fn the_magic_formula_reproduces_an_independent_implementation_on_its_grid() {
    let Some(folder) = skidpad_test_support::reference_data() else { return };
    let text = std::fs::read_to_string(folder.join("tyre/commonroad_mf52_anchor.csv")).unwrap();
    let (mut worst, mut count) = ([0.0f64; 4], 0);
    for line in text.lines().skip(1) {
        let row: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        let [load, kappa_cr, alpha, camber, fx0, fy0, fx, fy] = row[..] else { panic!("eight columns") };
        let mut tyre = commonroad();
        // Their cornering stiffness is proportional to the load: the initial slope of the load curve.
        tyre.pky2 = 20.0;
        tyre.pky1 = -21.92 * load / (tyre.nominal_load_n * 2.0 * x_over_one_plus_square(load, &tyre));
        // Their lateral shifts change side with the camber, and are absent without it.
        let side = if camber == 0.0 { 0.0 } else { f64::signum(camber) };
        (tyre.phy1, tyre.pvy1) = (side * tyre.phy1, side * tyre.pvy1);
        // Their κ has the other sign.
        let kappa = -kappa_cr;
        let pure = without_reduction(&tyre);
        let pure_x =
            shifted_inside(&pure.steady_state_cambered(kappa, 0.0, camber, load, 1.0, 1.0), kappa, load);
        let pure_y = pure.steady_state_cambered(0.0, alpha, camber, load, 1.0, 1.0);
        let mut both = tyre.steady_state_cambered(kappa, alpha, camber, load, 1.0, 1.0);
        let reduction = both.fx_n / pure.steady_state_cambered(kappa, 0.0, camber, load, 1.0, 1.0).fx_n;
        both.fx_n = reduction * pure_x;
        // Their reduction of the lateral force does not turn the sign of κ.
        both.fy_n = tyre.steady_state_cambered(kappa_cr, alpha, camber, load, 1.0, 1.0).fy_n;
        let off = [pure_x - fx0, pure_y.fy_n - fy0, both.fx_n - fx, both.fy_n - fy];
        for (worst, off) in worst.iter_mut().zip(off) {
            *worst = worst.max(off.abs() / load);
        }
        count += 1;
    }
    println!(
        "{count} points, largest deviation over load: Fx0 {:.1e}, Fy0 {:.1e}, Fx {:.1e}, Fy {:.1e}",
        worst[0], worst[1], worst[2], worst[3]
    );
    assert_eq!(count, 810);
    for (what, worst) in ["Fx0", "Fy0", "Fx", "Fy"].iter().zip(worst) {
        assert!(worst < 1e-8, "{what}: {worst}");
    }
}

/// Their vertical shift PVX1·F_z stands inside the sine: D·sin(θ + s) from D·sin θ.
fn shifted_inside(force: &TyreForces, kappa: f64, load: f64) -> f64 {
    const PEAK: f64 = 0.158;
    let shift = -8.8098e-6 * load;
    let size = 1.1739 * load;
    // Before the peak θ is below a quarter turn.
    let before = (kappa + 0.0012297).abs() < PEAK;
    let cosine = (size * size - force.fx_n * force.fx_n).max(0.0).sqrt() * if before { 1.0 } else { -1.0 };
    force.fx_n * libm::cos(shift) + cosine * libm::sin(shift)
}

fn x_over_one_plus_square(load: f64, tyre: &TyreParams) -> f64 {
    let x = load / (tyre.nominal_load_n * tyre.pky2);
    x / (1.0 + x * x)
}

/// Without combined slip.
fn without_reduction(tyre: &TyreParams) -> TyreParams {
    let mut pure = tyre.clone();
    (pure.rbx1, pure.rby1, pure.rvy1, pure.rvy3) = (0.0, 0.0, 0.0, 0.0);
    (pure.rhx1, pure.rhy1) = (0.0, 0.0);
    pure
}

#[test]
fn a_pac2002_property_file_becomes_the_tyre_of_a_vehicle() {
    let Some(folder) = skidpad_test_support::reference_data() else { return };
    let (text, _) = shipped();
    // What the property file has no word for stays; its coefficients replace the table's.
    let begin = text.find("pcx1").unwrap();
    let end = text.find("[steering]").unwrap();
    let text = format!("{}{}", &text[..begin], &text[end..])
        .replace("[tyre] ", "[tyre]\nproperty_file = \"audi.tir\" ")
        .replace("nominal_load_n = 4800.0\n", "");
    let tir = std::fs::read_to_string(folder.join("tyre/chrono_audi_245_40R18_pac2002.tir")).unwrap();
    let params = VehicleParams::parse_with(&text, "vehicle.toml", |name| {
        assert_eq!(name, "audi.tir");
        Ok(tir)
    })
    .unwrap_or_else(|error| panic!("{error}"));
    let tyre = &params.tyre;
    // LFZO = 0.81 scales the nominal load, 4850 N.
    assert!((tyre.nominal_load_n - 0.81 * 4850.0).abs() < 1e-9);
    let [_, lateral] = tyre.relaxation_m(tyre.nominal_load_n);
    let expected = tyre.pty1 * libm::sin(2.0 * libm::atan(1.0 / tyre.pty2)) * tyre.unloaded_radius_m;
    assert!((lateral - expected).abs() < 1e-12 && lateral > 0.3, "{lateral}");
    // A road tyre: peak friction near one, opposing forces, more camber thrust with more camber.
    let braking = tyre.steady_state(-0.1, 0.0, 4000.0, 1.0, 1.0).fx_n;
    assert!((-1.4..-0.8).contains(&(braking / 4000.0)), "{braking}");
    let cornering = tyre.steady_state(0.0, 0.08, 4000.0, 1.0, 1.0).fy_n;
    assert!((-1.4..-0.7).contains(&(cornering / 4000.0)), "{cornering}");
}

#[test]
fn the_shipped_tyre_stays_inside_the_friction_ellipse() {
    let tyre = shipped().1.tyre;
    for load in [1000.0, 4000.0, 9000.0] {
        let dfz = load / tyre.nominal_load_n - 1.0;
        let (dx, dy) = ((tyre.pdx1 + tyre.pdx2 * dfz) * load, (tyre.pdy1 + tyre.pdy2 * dfz) * load);
        for kappa in (-40..=40).map(|k| 0.01 * f64::from(k)) {
            for alpha in (0..=40).map(|k| 0.01 * f64::from(k)) {
                let force = tyre.steady_state(kappa, alpha, load, 1.0, 1.0);
                let used = libm::hypot(force.fx_n / dx, force.fy_n / dy);
                assert!(used < 1.02, "κ {kappa}, α {alpha}, {load} N: {used}");
            }
        }
    }
}

#[test]
fn a_missing_property_file_is_named() {
    let (text, _) = shipped();
    let text = text.replace("[tyre] ", "[tyre]\nproperty_file = \"none.tir\" ");
    let error = VehicleParams::parse(&text, "vehicle.toml").unwrap_err().to_string();
    assert!(error.contains("none.tir") && error.starts_with("vehicle.toml:"), "{error}");
}
