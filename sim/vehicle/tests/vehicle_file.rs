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
