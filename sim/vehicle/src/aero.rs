//! Forces of the air on the body.
//!
//! With the velocity of the body's air point through the air v_r = (u, v, w), V = |v_r|, in the body frame:
//!
//! ```text
//! drag        F_x = −½ρ C_dA V u,  F_z = −½ρ C_dA V w          at its height above the centre of mass
//! side force  F_y = −½ρ A_y V (v + x ω_z),  M_z = x F_y        at its height; x = x_c u/V
//! lift        F   = ½ρ A_l V sign(u) (−w_i, 0, u)              at each axle, w_i its own vertical velocity
//! ```
//!
//! For a small flow angle β the side force is ½ρV²·A_y·β: A_y is the slope of the side-force coefficient times
//! the frontal area, dC_Y/dβ·A. Its centre of pressure lies x_c ahead of the centre of mass in a flow from
//! ahead and moves to the centre of mass as the flow turns to the side, as slender bodies have it: the yaw moment goes with sin β cos β
//! (W.-H. Hucho, *Aerodynamics of Road Vehicles*, ch. 5). The velocity at that point counts, and lift stands
//! square on the flow, so still air can only take energy from the car.

use crate::params::{AeroParams, ChassisParams};
use nalgebra::Vector3;

/// The air's side of the car.
#[derive(Clone, Debug)]
pub(crate) struct Aero {
    /// ½ρ times drag and side area, kg/m.
    drag: f64,
    side: f64,
    /// Heights of drag and side force above the centre of mass, m.
    drag_height_m: f64,
    side_height_m: f64,
    /// Centre of pressure of the side force in a flow from ahead, ahead of the centre of mass, m.
    ahead_m: f64,
    /// ½ρ times lift area (front, rear), kg/m.
    lift: [f64; 2],
    /// Axles (front, rear) ahead of the centre of mass, m.
    axles_m: [f64; 2],
}

impl Aero {
    pub(crate) fn new(params: &AeroParams, chassis: &ChassisParams) -> Self {
        let pressure = 0.5 * params.air_density_kgpm3;
        let to_front_m = chassis.cg_behind_front_axle_m;
        Aero {
            drag: pressure * params.drag_area_m2,
            side: pressure * params.side_area_m2.unwrap_or(params.drag_area_m2),
            drag_height_m: params.centre_height_m - chassis.cg_height_m,
            side_height_m: params.side_centre_height_m.unwrap_or(params.centre_height_m)
                - chassis.cg_height_m,
            ahead_m: params.side_centre_ahead_m,
            lift: [params.front_lift_area_m2, params.rear_lift_area_m2].map(|area| pressure * area),
            axles_m: [to_front_m, to_front_m - chassis.wheelbase_m],
        }
    }

    /// Force (N) and torque about the centre of mass (Nm) at the air speed `through` of the centre of mass
    /// (m/s) and the body rate `rate` (rad/s); body frame.
    #[inline]
    pub(crate) fn forces(&self, through: &Vector3<f64>, rate: &Vector3<f64>) -> (Vector3<f64>, Vector3<f64>) {
        let speed = through.norm();
        let (drag, side) = (-self.drag * speed, -self.side * speed);
        let mut force = Vector3::new(through.x * drag, through.y * side, through.z * drag);
        let mut torque = Vector3::zeros();
        if self.ahead_m != 0.0 && speed > 0.0 {
            let ahead_m = self.ahead_m * through.x / speed;
            force.y = (through.y + ahead_m * rate.z) * side;
            torque.z = ahead_m * force.y;
        }
        torque.x = -self.side_height_m * force.y;
        torque.y = self.drag_height_m * force.x;
        for (lift, x) in self.lift.into_iter().zip(self.axles_m) {
            if lift != 0.0 {
                let vertical = through.z - rate.y * x;
                let pressure = lift * speed * through.x.signum();
                let up = pressure * through.x;
                force += Vector3::new(-pressure * vertical, 0.0, up);
                torque.y -= x * up;
            }
        }
        (force, torque)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RHO: f64 = 1.2;

    fn chassis() -> ChassisParams {
        ChassisParams {
            mass_kg: 1900.0,
            wheelbase_m: 2.85,
            cg_behind_front_axle_m: 1.2,
            cg_height_m: 0.55,
            sprung_inertia_kgm2: [620.0, 2700.0, 2800.0],
            sprung_inertia_xz_kgm2: 0.0,
        }
    }

    fn drag_only() -> AeroParams {
        AeroParams {
            drag_area_m2: 0.64,
            air_density_kgpm3: RHO,
            centre_height_m: 0.6,
            side_area_m2: None,
            side_centre_height_m: None,
            side_centre_ahead_m: 0.0,
            front_lift_area_m2: 0.0,
            rear_lift_area_m2: 0.0,
        }
    }

    fn sedan() -> AeroParams {
        AeroParams {
            side_area_m2: Some(5.0),
            side_centre_height_m: Some(0.7),
            side_centre_ahead_m: 0.5,
            front_lift_area_m2: 0.12,
            rear_lift_area_m2: 0.18,
            ..drag_only()
        }
    }

    fn still(params: &AeroParams, through: [f64; 3]) -> (Vector3<f64>, Vector3<f64>) {
        Aero::new(params, &chassis()).forces(&Vector3::from(through), &Vector3::zeros())
    }

    #[track_caller]
    fn close(got: f64, expected: f64) {
        assert!((got - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{got}, expected {expected}");
    }

    /// The wind adds to the speed from ahead, takes from it from behind, and pushes when it is faster.
    #[test]
    fn drag_goes_with_the_square_of_the_air_speed_in_head_and_tail_wind() {
        for (car, wind) in [(20.0, 0.0), (20.0, -10.0), (20.0, 10.0), (20.0, 30.0), (0.0, 12.0)] {
            let (force, torque) = still(&drag_only(), [car - wind, 0.0, 0.0]);
            let u: f64 = car - wind;
            close(force.x, -0.5 * RHO * 0.64 * u * u.abs());
            close(torque.y, 0.05 * force.x);
            assert_eq!((force.y, force.z), (0.0, 0.0));
        }
    }

    #[test]
    fn a_cross_wind_pushes_by_the_slope_of_the_side_force_and_turns_the_car_away_from_it() {
        let sedan = AeroParams { front_lift_area_m2: 0.0, rear_lift_area_m2: 0.0, ..sedan() };
        // 30 m/s ahead, wind of 5 m/s from the left (towards −y): the car moves to the left through the air.
        let (force, torque) = still(&sedan, [30.0, 5.0, 0.0]);
        let speed = libm::hypot(30.0, 5.0);
        let flow_angle = libm::atan2(5.0, 30.0);
        close(force.y, -0.5 * RHO * speed * speed * 5.0 * libm::sin(flow_angle));
        close(torque.z, 0.5 * libm::cos(flow_angle) * force.y);
        close(torque.x, -(0.7 - 0.55) * force.y);
        assert!(force.y < 0.0 && torque.z < 0.0 && torque.x > 0.0);
        // From the side alone, at rest: no yaw moment.
        let (force, torque) = still(&sedan, [0.0, -20.0, 0.0]);
        close(force.y, 0.5 * RHO * 5.0 * 400.0);
        assert_eq!((force.x, torque.z), (0.0, 0.0));
    }

    #[test]
    fn lift_unloads_each_axle_with_the_square_of_the_air_speed() {
        let (force, torque) = still(&sedan(), [40.0, 0.0, 0.0]);
        let pressure = 0.5 * RHO * 1600.0;
        close(force.z, pressure * (0.12 + 0.18));
        close(torque.y, 0.05 * force.x - pressure * (0.12 * 1.2 - 0.18 * 1.65));
        let (force, _) = still(&sedan(), [-40.0, 0.0, 0.0]);
        close(force.z, pressure * (0.12 + 0.18));
    }

    #[test]
    fn what_is_left_out_is_the_same_drag_in_all_directions() {
        for through in [[30.0, 2.0, -0.4], [-3.0, 8.0, 0.1], [0.3, -0.7, 1.9]].map(Vector3::from) {
            let rate = Vector3::new(0.3, -0.2, 0.9);
            let (force, torque) = Aero::new(&drag_only(), &chassis()).forces(&through, &rate);
            let drag = through * (-(0.5 * RHO * 0.64) * through.norm());
            let turning = Vector3::new(0.0, 0.0, 0.6 - 0.55).cross(&drag);
            assert_eq!(force.map(f64::to_bits), drag.map(f64::to_bits));
            assert_eq!(torque + Vector3::zeros(), turning + Vector3::zeros());
        }
    }

    /// Power of the forces at their points: −½ρV(C_dA(u² + w²) + A_y(v + x ω_z)²), never positive; seen from
    /// the centre of mass without the turning of drag and side force about their own heights.
    #[test]
    fn still_air_only_takes_energy() {
        let flat = AeroParams { centre_height_m: 0.55, side_centre_height_m: Some(0.55), ..sedan() };
        let aero = Aero::new(&flat, &chassis());
        let steps = || (-3..=3).map(f64::from);
        for u in steps() {
            for v in steps() {
                for yaw in steps() {
                    for pitch in steps() {
                        let through = Vector3::new(9.0 * u, 3.0 * v, 0.7 * pitch - 0.2 * v);
                        let rate = Vector3::new(0.5 * v, 0.6 * pitch, 1.1 * yaw);
                        let (force, torque) = aero.forces(&through, &rate);
                        let power = force.dot(&through) + torque.dot(&rate);
                        assert!(power <= 1e-9 * force.norm() * through.norm(), "{through} {rate}: {power}");
                    }
                }
            }
        }
    }
}
