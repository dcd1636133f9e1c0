//! What a `vehicle.toml` may say, and what its errors tell.

use proptest::prelude::*;
use skidpad_vehicle::VehicleParams;

#[test]
fn mistakes_in_a_vehicle_file_are_named_with_their_place() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vehicles/lincoln_mkz/vehicle.toml");
    let text = std::fs::read_to_string(file).unwrap();
    for (from, to, place, word) in [
        ("\nmass_kg = ", "\nmass_kg = nan # ", "car.toml:11:1", "expected 100 to 60000"),
        ("\nmass_kg = ", "\nmass_lb = ", "car.toml:11:1", "mass_lb"),
        ("\nratio = ", "\nratio = \"fast\" # ", "car.toml:", "f64"),
        ("[17.0, ", "[15.0, ", "car.toml:", "rise from row to row"),
    ] {
        assert!(text.contains(from), "{from}");
        let error = VehicleParams::parse(&text.replacen(from, to, 1), "car.toml").unwrap_err().to_string();
        assert!(error.starts_with(place) && error.contains(word), "{error}");
    }
}

#[test]
fn mistakes_in_either_drive_are_named_with_their_place() {
    let read = |name: &str| {
        let file = format!("{}/../../vehicles/{name}/vehicle.toml", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(file).unwrap()
    };
    let (hybrid, turbo) = (read("lincoln_mkz"), read("lincoln_mkz_turbo"));
    let line = |text: &str, key: &str| text.lines().position(|line| line.starts_with(key)).unwrap() + 1;
    for (text, from, to, key, word) in [
        (
            &hybrid,
            "\nreverse_share = 0.6",
            "\nreverse_part = 0.6",
            "reverse_part",
            "unknown field `reverse_part`",
        ),
        (&hybrid, "\nlag_s = 0.15", "\n", "[powertrain]", "missing field `lag_s`"),
        (&hybrid, "[powertrain]\n", "[powertrain]\nkind = \"automatic\"\n", "closed_pedal", "unknown field"),
        (
            &turbo,
            "kind = \"automatic\"",
            "kind = \"manual\"",
            "kind",
            "expected `power_split` or `automatic`",
        ),
        (&turbo, "kind = \"automatic\"", "kind = 6", "kind", "expected `power_split` or `automatic`"),
        (&turbo, "limit_rpm = 6500.0", "limit_rps = 680.0", "limit_rps", "unknown field `limit_rps`"),
        (&turbo, "limit_rpm = 6500.0", "limit_rpm = 65.0", "limit_rpm", "expected 1285 to 20000, got 65"),
        (&turbo, "idle_rpm = 785.0", "", "[powertrain.engine]", "missing field `idle_rpm`"),
        (&turbo, "final_drive = 3.07", "final_drive = \"long\"", "final_drive", "expected f64"),
        (&turbo, "ratios = [4.584, ", "ratios = [", "upshift_mps", "expected 5 numbers in a row"),
        (&turbo, "ratios = [4.584, 2.964", "ratios = [4.584, 5.0", "ratios", "fall from gear to gear"),
        (&turbo, "[0.60, 1.31,", "[0.60, 1.71,", "map", "torque ratio times speed ratio"),
        (&turbo, "[1.00, 1.00, 0.0]", "[1.00, 1.00, 9.0]", "map", "no pump torque at 1"),
        (
            &turbo,
            "[20.0, 2.6, 4.7",
            "[20.0, 4.6, 4.7",
            "downshift_mps",
            "2→1 at 4.6 m/s is not below 1→2 at 4.3",
        ),
        (&turbo, "[20.0, 1300.0]", "[20.0, 900.0]", "lockup_rpm_by_pedal", "above the idle"),
        (&turbo, "    [20.0, 4.3, 7.4,", "    [], [20.0, 4.3, 7.4,", "upshift_mps", "numbers in a row"),
    ] {
        assert!(text.contains(from), "{from}");
        let wrong = text.replacen(from, to, 1);
        let error = VehicleParams::parse(&wrong, "car.toml").unwrap_err().to_string();
        let place = format!("car.toml:{}:", line(&wrong, key));
        assert!(error.contains(word) && error.starts_with(&place), "{to}: {error}, expected at {place}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn random_and_mutated_vehicle_files_are_refused_or_read_but_never_panic(
        noise in prop::collection::vec(any::<u8>(), 0..200),
        at in 0.0..1.0f64,
        cut in 0usize..200,
    ) {
        let _ = VehicleParams::parse(&String::from_utf8_lossy(&noise), "noise.toml");
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vehicles/lincoln_mkz/vehicle.toml");
        let mut bytes = std::fs::read(file).unwrap();
        let start = (at * bytes.len() as f64) as usize;
        let end = (start + cut).min(bytes.len());
        bytes.splice(start..end, noise);
        if let Err(error) = VehicleParams::parse(&String::from_utf8_lossy(&bytes), "mutated.toml") {
            prop_assert!(error.to_string().starts_with("mutated.toml"));
        }
    }
}
