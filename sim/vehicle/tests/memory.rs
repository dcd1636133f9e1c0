//! The step of the model and the heap.

mod common;

use common::*;
use skidpad_vehicle::{Gear, VehicleModel};
use skidpad_world::FlatGround;

#[test]
fn the_step_allocates_nothing() {
    for file in ["lincoln_mkz", "lincoln_mkz_turbo", "honda_civic"] {
        let model = VehicleModel::new(&car(file), DT_S);
        let mut run = Run::with(model, FlatGround::LEVEL, 0.0, 10.0, &demand(20.0, 0.0, 0.0, Gear::Drive));
        let counted = allocation_counter::measure(|| {
            for (throttle, brake, steering) in [(60.0, 0.0, 90.0), (0.0, 60.0, -300.0), (0.0, 0.0, 0.0)] {
                run.drive(&demand(throttle, brake, steering, Gear::Drive), 2.0);
            }
        });
        assert_eq!(counted.count_total, 0, "{file}");
    }
}
