//! The four corners at once: where the wheels stand and lean, what the ground does to them, what springs,
//! dampers and links pass to the body. One lane per wheel (FL, FR, RL, RR), body frame.

use crate::lanes::{F4, V4};
use crate::params::{AxleParams, VehicleParams};
use crate::state::CornerState;
use crate::tyre::{Forces4, Motion4};
use nalgebra::{Matrix3, Vector3};
use skidpad_world::Ground;

/// What is constant of the four corners.
#[derive(Clone, Debug)]
pub(crate) struct Wheels {
    /// Hubs in the design position, from the centre of mass of the car.
    pub(crate) hub: V4,
    /// Unsprung masses, kg.
    pub(crate) mass: F4,
    /// Spring force in the design position, N.
    preload: F4,
    spring: F4,
    bump: F4,
    rebound: F4,
    knee: F4,
    /// Share of the damping that is lost above the knee.
    lost: F4,
    bump_travel: F4,
    rebound_travel: F4,
    stop: F4,
    anti_roll: F4,
    /// Vertical link force per lateral tyre force: −(roll-centre height)/(lateral position).
    lateral_link: F4,
    /// Vertical link force per longitudinal tyre force.
    long_link: F4,
    /// Camber in the design position (top to the right is positive), rad, and its change with travel, rad/m.
    camber: [F4; 2],
    /// Steer of the wheel in the design position (left is positive), rad, its change with travel, rad/m, with
    /// lateral force, rad/N, and with aligning moment, rad/Nm.
    steer: [F4; 4],
    unloaded_radius: f64,
    vertical_stiffness: f64,
    vertical_damping: f64,
    rolling_radius: f64,
}

/// Where the wheels touch the ground, and how they move there.
pub(crate) struct Contacts {
    /// Steer angle, rad, positive left.
    pub(crate) steer_rad: F4,
    /// Contact point from the centre of mass, m.
    patch: V4,
    /// Normal of the ground, heading of the wheel in the ground, and its left.
    normal: V4,
    ahead: V4,
    left: V4,
    pub(crate) motion: Motion4,
}

/// What the corners do to the body, and what is left for the wheels' own travel.
pub(crate) struct Pull {
    pub(crate) force: Vector3<f64>,
    pub(crate) torque: Vector3<f64>,
    /// Acceleration of each wheel along z without the body's share, m/s².
    pub(crate) lift: F4,
}

impl Wheels {
    pub(crate) fn new(params: &VehicleParams, gravity_mps2: f64) -> Wheels {
        let c = &params.chassis;
        let tyre = &params.tyre;
        let to_front = c.cg_behind_front_axle_m;
        let to_rear = c.wheelbase_m - to_front;
        let front = at_the_wheel(&params.front);
        let rear = at_the_wheel(&params.rear);
        let by_axle = |of: &dyn Fn(&AxleParams) -> f64| {
            let (front, rear) = (of(&front), of(&rear));
            F4([front, front, rear, rear])
        };
        let left = F4([1.0, -1.0, 1.0, -1.0]);
        let load =
            F4([to_rear, to_rear, to_front, to_front]) * (0.5 * c.mass_kg * gravity_mps2 / c.wheelbase_m);
        let hub = V4 {
            x: F4([to_front, to_front, -to_rear, -to_rear]),
            y: left * by_axle(&|axle| 0.5 * axle.track_m),
            z: tyre.unloaded_radius_m - load / tyre.vertical_stiffness_npm - c.cg_height_m,
        };
        let mass = by_axle(&|axle| axle.unsprung_mass_kg);
        Wheels {
            preload: load - mass * gravity_mps2,
            mass,
            spring: by_axle(&|axle| axle.spring_npm),
            bump: by_axle(&|axle| axle.damper_bump_nspm),
            rebound: by_axle(&|axle| axle.damper_rebound_nspm),
            knee: by_axle(&|axle| axle.damper_knee_mps),
            lost: by_axle(&|axle| 1.0 - axle.damper_fast_share),
            bump_travel: by_axle(&|axle| axle.bump_travel_m),
            rebound_travel: by_axle(&|axle| axle.rebound_travel_m),
            stop: by_axle(&|axle| axle.stop_npm),
            anti_roll: by_axle(&|axle| axle.anti_roll_npm),
            lateral_link: -by_axle(&|axle| axle.roll_centre_height_m) / hub.y,
            long_link: F4([-1.0, -1.0, 1.0, 1.0]) * by_axle(&|axle| axle.side_view_tan),
            // Camber (top outward) and toe (inward) mirror from side to side.
            camber: [
                -left * by_axle(&|axle| axle.camber_deg.to_radians()),
                -left * by_axle(&|axle| axle.camber_gain_degpm.to_radians()),
            ],
            steer: [
                -left * by_axle(&|axle| axle.toe_in_deg.to_radians()),
                -left * by_axle(&|axle| axle.toe_in_gain_degpm.to_radians()),
                by_axle(&|axle| 1e-3 * axle.lateral_force_steer_degpkn.to_radians()),
                by_axle(&|axle| 1e-3 * axle.aligning_moment_steer_degpknm.to_radians()),
            ],
            hub,
            unloaded_radius: tyre.unloaded_radius_m,
            vertical_stiffness: tyre.vertical_stiffness_npm,
            vertical_damping: tyre.vertical_damping_nspm,
            rolling_radius: tyre.rolling_radius_m,
        }
    }

    /// Puts every wheel on the ground: the contact's axes, the load on it and its motion. The body is at
    /// `position_m` in the world, turned by `rotation`, and moves with `velocity` and `rate` (body frame); the
    /// linkage turns the wheels by `linkage_rad`.
    pub(crate) fn touch(
        &self,
        corners: &[CornerState; 4],
        ground: &mut impl Ground,
        position_m: &Vector3<f64>,
        rotation: &Matrix3<f64>,
        [velocity, rate]: [&Vector3<f64>; 2],
        linkage_rad: F4,
    ) -> Contacts {
        let of = |value: fn(&CornerState) -> f64| F4::gather(corners, value);
        let travel = of(|corner| corner.travel_m);
        // Compliance answers to the forces of this step, which the last two foretell.
        let [toe, with_travel, with_force, with_moment] = self.steer;
        let steer_rad = linkage_rad
            + toe
            + with_travel * travel
            + with_force * of(|corner| 2.0 * corner.forces.fy_n - corner.forces_before.fy_n)
            + with_moment * of(|corner| 2.0 * corner.forces.mz_nm - corner.forces_before.mz_nm);
        let camber = self.camber[0] + self.camber[1] * travel;

        let hub = V4 { z: self.hub.z + travel, ..self.hub };
        let from_cg = hub.turned(rotation);
        let surfaces: [_; 4] = std::array::from_fn(|i| {
            ground.surface(i, position_m.x + from_cg.x.0[i], position_m.y + from_cg.y.0[i])
        });
        let in_world = V4 {
            x: F4::gather(&surfaces, |surface| surface.normal[0]),
            y: F4::gather(&surfaces, |surface| surface.normal[1]),
            z: F4::gather(&surfaces, |surface| surface.normal[2]),
        };
        let height = position_m.z - F4::gather(&surfaces, |surface| surface.height_m) + from_cg.z;
        let distance = height * in_world.z;
        let normal = in_world.turned(&rotation.transpose());

        let mut hub_velocity = V4::splat(velocity) + hub.spun(rate);
        hub_velocity.z = hub_velocity.z + of(|corner| corner.travel_rate_mps);
        let deflection = self.unloaded_radius - distance;
        let elastic = self.vertical_stiffness * deflection;
        let pressed = (elastic - self.vertical_damping * hub_velocity.dot(&normal)).max(F4::ZERO);
        let load_n = deflection.above(0.0, pressed, F4::ZERO);

        // Camber is small: its cosine is one within the accuracy of the model.
        let axis = V4 { x: -steer_rad.sin(), y: steer_rad.cos(), z: camber };
        let across = axis.cross(&normal);
        let ahead = across.scaled(1.0 / across.dot(&across).sqrt());
        let left = normal.cross(&ahead);
        let arm = normal.scaled(distance);
        let patch_velocity = hub_velocity - arm.spun(rate);
        Contacts {
            steer_rad,
            patch: hub - arm,
            motion: Motion4 {
                load_n,
                vx_mps: patch_velocity.dot(&ahead),
                vy_mps: patch_velocity.dot(&left),
                rolling_mps: self.rolling_radius * of(|corner| corner.spin_rps),
                camber_rad: axis.dot(&normal),
                friction: F4::gather(&surfaces, |surface| surface.friction),
            },
            normal,
            ahead,
            left,
        }
    }

    /// Passes the tyres' forces to the wheels and to the body.
    ///
    /// On the body act the horizontal tyre forces at the patches, the vertical suspension forces at the hubs,
    /// and the wheels' own weight and rotation terms in x and y.
    pub(crate) fn pull(
        &self,
        corners: &[CornerState; 4],
        contacts: &Contacts,
        tyres: &Forces4,
        gravity: &Vector3<f64>,
        rate: &Vector3<f64>,
    ) -> Pull {
        let of = |value: fn(&CornerState) -> f64| F4::gather(corners, value);
        let (travel, travel_rate) = (of(|corner| corner.travel_m), of(|corner| corner.travel_rate_mps));
        let tyre = contacts.ahead.scaled(tyres.fx_n)
            + contacts.left.scaled(tyres.fy_n)
            + contacts.normal.scaled(contacts.motion.load_n);
        let link = self.lateral_link * tyre.y + self.long_link * tyre.x;
        let vertical = self.spring_force(travel, travel_rate) + link;

        let bias = self.hub.centripetal(rate);
        let carried_x = self.mass * (gravity.x - bias.x - 2.0 * rate.y * travel_rate);
        let carried_y = self.mass * (gravity.y - bias.y + 2.0 * rate.x * travel_rate);
        let (hub, patch) = (&self.hub, &contacts.patch);
        let torque = V4 {
            x: hub.y * vertical - hub.z * carried_y - patch.z * tyre.y,
            y: hub.z * carried_x - hub.x * vertical + patch.z * tyre.x,
            z: hub.x * carried_y - hub.y * carried_x + patch.x * tyre.y - patch.y * tyre.x,
        };
        let force = V4 { x: tyre.x + carried_x, y: tyre.y + carried_y, z: vertical };
        Pull {
            force: force.sum(),
            torque: (torque + contacts.normal.scaled(tyres.mz_nm)).sum(),
            lift: (tyre.z - vertical) / self.mass + gravity.z - bias.z,
        }
    }

    /// Spring, damper, stops and anti-roll bar, N, positive pushing the body up.
    fn spring_force(&self, travel: F4, rate: F4) -> F4 {
        let damping = rate.above(0.0, self.bump, self.rebound);
        let beyond = rate - rate.max(-self.knee).min(self.knee);
        let stop = (travel - self.bump_travel).max(F4::ZERO) + (travel + self.rebound_travel).min(F4::ZERO);
        self.preload
            + self.spring * travel
            + damping * (rate - self.lost * beyond)
            + self.stop * stop
            + self.anti_roll * (travel - travel.other_side())
    }
}

/// Spring and damper as they act at the wheel: displacement and force both go through the motion ratio.
fn at_the_wheel(axle: &AxleParams) -> AxleParams {
    let ratio = axle.motion_ratio;
    AxleParams {
        spring_npm: axle.spring_npm * ratio * ratio,
        damper_bump_nspm: axle.damper_bump_nspm * ratio * ratio,
        damper_rebound_nspm: axle.damper_rebound_nspm * ratio * ratio,
        damper_knee_mps: axle.damper_knee_mps / ratio,
        ..axle.clone()
    }
}
