//! Collisions of the car's hull with the map's barriers, resolved by rapier.
//!
//! The vehicle model moves the car; rapier only says how a contact changes its velocity. Each step places the
//! hull where the model has it, with its velocity, without gravity or any other force, lets rapier solve the
//! contacts over the step, and reads the change. A contact is foreseen [`LOOK_AHEAD_M`] ahead, so the returned
//! velocity carries the hull up to the surface within the step and not into it.

mod convert;

use rapier3d_f64::dynamics::{FrictionModel, MassProperties, RigidBodyBuilder, RigidBodyHandle};
use rapier3d_f64::geometry::{ColliderBuilder, ColliderHandle, ContactPair};
use rapier3d_f64::math::Vector;
use rapier3d_f64::pipeline::PhysicsWorld;

use crate::map::Map;

/// How far ahead of the hull contacts are foreseen, m: 0.5 m is 1 ms at 500 m/s, or 10 ms at 50 m/s.
const LOOK_AHEAD_M: f64 = 0.5;
/// Effects weaker than these are rounding.
const LEAST_IMPULSE_NS: f64 = 1e-6;
const LEAST_PUSH_M: f64 = 1e-7;
/// Blows that change the velocity by less, m/s, do not bounce.
const LEAST_BLOW_MPS: f64 = 0.5;
/// Solver iterations per pass: enough for the four corners of a face to share a blow evenly.
const ITERATIONS: usize = 30;
/// [`ContactWorld::nearby`] looks this far around the hull, m.
const NEARBY_M: f64 = 1.0;

/// The car's body as collisions know it: a box with mass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hull {
    /// Length, width, height of the box, m.
    pub size_m: [f64; 3],
    /// Centre of the box from the centre of mass, body frame (x forward, y left, z up), m.
    pub centre_m: [f64; 3],
    /// Mass, kg.
    pub mass_kg: f64,
    /// Inertia about the centre of mass in body axes, kg m², rows.
    pub inertia_kgm2: [[f64; 3]; 3],
    /// Coulomb friction between hull and barrier, e.g. 0.3 for sheet metal on concrete.
    pub friction: f64,
    /// Restitution, 0 (plastic) to 1 (elastic); crashes of cars are near 0.1.
    pub restitution: f64,
}

/// Where the hull is and how it moves. World frame ENU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HullMotion {
    /// Centre of mass, m.
    pub position_m: [f64; 3],
    /// Body to world, unit quaternion `[w, x, y, z]`.
    pub orientation: [f64; 4],
    /// Velocity of the centre of mass, m/s.
    pub velocity_mps: [f64; 3],
    /// Angular velocity in world axes, rad/s.
    pub angular_velocity_rps: [f64; 3],
}

/// What a contact does to the hull within one step. World frame ENU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Impact<'a> {
    /// To be added to the velocity of the centre of mass, m/s.
    pub delta_velocity_mps: [f64; 3],
    /// To be added to the angular velocity (world axes), rad/s.
    pub delta_angular_velocity_rps: [f64; 3],
    /// To be added to the position of the centre of mass, m: undoes what penetration there is, gradually. 0
    /// unless the hull was placed inside a barrier.
    pub push_out_m: [f64; 3],
    /// Impulse on the hull, N s: mass times the change of velocity.
    pub impulse_ns: [f64; 3],
    /// Deepest point of the hardest contact, m.
    pub point_m: [f64; 3],
    /// Name of the barrier there.
    pub other: &'a str,
}

/// The barriers of a map and the hull of one car.
///
/// The same sequence of calls gives the same results, bit for bit, on every platform.
pub struct ContactWorld {
    world: PhysicsWorld,
    body: RigidBodyHandle,
    hull: Hull,
    hull_collider: ColliderHandle,
    /// Barrier colliders, names and world-axis bounding boxes (low, high).
    barriers: Vec<(ColliderHandle, String, [[f64; 3]; 2])>,
    compression: Compression,
}

/// The blow so far, until restitution gives a share of it back.
#[derive(Clone, Copy, Default)]
struct Compression {
    /// Summed changes of velocity and angular velocity.
    velocity: Vector,
    spin: Vector,
    /// Barrier and point of the latest contact.
    barrier: usize,
    point: [f64; 3],
}

impl ContactWorld {
    /// The barriers of `map` and a hull.
    pub fn new(map: &Map, hull: Hull) -> ContactWorld {
        let mut world = PhysicsWorld { gravity: convert::vector([0.0; 3]), ..PhysicsWorld::default() };
        let parameters = &mut world.integration_parameters;
        // The look-ahead of the contact solver replaces swept collision detection, which would stop the
        // hull's motion inside the step and leave its velocity alone.
        parameters.max_ccd_substeps = 0;
        // A crash is a few steps of one pair of bodies: solve it well rather than fast, with Coulomb's cone at
        // each point, and without memory of earlier steps (the model moves the hull in between).
        parameters.friction_model = FrictionModel::Coulomb;
        parameters.num_internal_pgs_iterations = ITERATIONS;
        parameters.num_internal_stabilization_iterations = ITERATIONS;
        parameters.warmstart_coefficient = 0.0;
        parameters.contact_recycling = false;
        let mut barriers = Vec::new();
        for barrier in map.barriers() {
            let half = barrier.size_m.map(|size| 0.5 * size);
            let (_, collider) = world.insert(
                RigidBodyBuilder::fixed().pose(convert::upright(barrier.centre_m, barrier.heading_rad)),
                ColliderBuilder::cuboid(half[0], half[1], half[2]).friction(hull.friction),
            );
            let (sin, cos) = libm::sincos(barrier.heading_rad);
            let reach = [
                (half[0] * cos).abs() + (half[1] * sin).abs(),
                (half[0] * sin).abs() + (half[1] * cos).abs(),
                half[2],
            ];
            let bound = |sign: f64| [0, 1, 2].map(|i| barrier.centre_m[i] + sign * reach[i]);
            barriers.push((collider, barrier.name.clone(), [bound(-1.0), bound(1.0)]));
        }
        let mass = MassProperties::with_inertia_matrix(
            convert::vector([0.0; 3]),
            hull.mass_kg,
            convert::matrix(hull.inertia_kgm2),
        );
        let (body, hull_collider) = world.insert(
            RigidBodyBuilder::dynamic()
                .additional_mass_properties(mass)
                .soft_ccd_prediction(LOOK_AHEAD_M)
                // The vehicle model has its own gyroscopic terms: here only contacts act.
                .gyroscopic_forces_enabled(false)
                .can_sleep(false),
            ColliderBuilder::cuboid(0.5 * hull.size_m[0], 0.5 * hull.size_m[1], 0.5 * hull.size_m[2])
                .translation(convert::vector(hull.centre_m))
                .density(0.0)
                .friction(hull.friction),
        );
        ContactWorld { world, body, hull, hull_collider, barriers, compression: Compression::default() }
    }

    /// Whether a barrier's bounding box is within a metre of the hull's: if not, nothing can touch, and
    /// [`ContactWorld::step`] need not be called.
    pub fn nearby(&self, motion: &HullMotion) -> bool {
        if self.barriers.is_empty() {
            return false;
        }
        let [w, x, y, z] = motion.orientation;
        let rows = [
            [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)],
            [2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)],
            [2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)],
        ];
        let mut centre = motion.position_m;
        let mut reach = [NEARBY_M; 3];
        for (i, row) in rows.iter().enumerate() {
            for (j, element) in row.iter().enumerate() {
                centre[i] += element * self.hull.centre_m[j];
                reach[i] += 0.5 * self.hull.size_m[j] * element.abs();
            }
        }
        self.barriers.iter().any(|(_, _, [low, high])| {
            (0..3).all(|i| centre[i] + reach[i] >= low[i] && centre[i] - reach[i] <= high[i])
        })
    }

    /// The effect of contacts on a hull that moves freely for `dt_s` from `motion`, or `None` if nothing
    /// touches.
    ///
    /// Call it with the state before its position is advanced, and add the changes to the velocities first.
    pub fn step(&mut self, motion: &HullMotion, dt_s: f64) -> Option<Impact<'_>> {
        let pose = convert::pose(motion.position_m, motion.orientation);
        let (velocity, spin) =
            (convert::vector(motion.velocity_mps), convert::vector(motion.angular_velocity_rps));
        let body = &mut self.world.bodies[self.body];
        body.set_position(pose, true);
        body.set_linvel(velocity, true);
        body.set_angvel(spin, true);
        self.world.integration_parameters.dt = dt_s;
        self.world.step();

        let body = &self.world.bodies[self.body];
        let delta = body.linvel() - velocity;
        let delta_spin = body.angvel() - spin;
        let push_out = body.translation() - pose.translation - body.linvel() * dt_s;
        let touches =
            delta.length() * self.hull.mass_kg >= LEAST_IMPULSE_NS || push_out.length() >= LEAST_PUSH_M;
        let contact = if touches { self.hardest_contact() } else { None };
        if let Some((barrier, point)) = contact {
            self.compression.barrier = barrier;
            self.compression.point = point;
        }
        let (bounce, bounce_spin) = self.restitution(delta, delta_spin);
        if contact.is_none() && bounce == Vector::ZERO {
            return None;
        }
        let delta = delta + bounce;
        Some(Impact {
            delta_velocity_mps: convert::array(delta),
            delta_angular_velocity_rps: convert::array(delta_spin + bounce_spin),
            push_out_m: convert::array(push_out),
            impulse_ns: convert::array(delta * self.hull.mass_kg),
            point_m: self.compression.point,
            other: &self.barriers[self.compression.barrier].1,
        })
    }

    /// Poisson's restitution: once a blow is over (this step adds less than a twentieth to it), the share
    /// `restitution` of its whole impulse acts again. Rapier's own solves point by point in one pass, and would
    /// turn a car that hits a wall squarely.
    fn restitution(&mut self, delta: Vector, delta_spin: Vector) -> (Vector, Vector) {
        let blow = &mut self.compression;
        if delta.length() > 0.05 * blow.velocity.length() {
            blow.velocity += delta;
            blow.spin += delta_spin;
            return (Vector::ZERO, Vector::ZERO);
        }
        let (velocity, spin) = (blow.velocity, blow.spin);
        blow.velocity = Vector::ZERO;
        blow.spin = Vector::ZERO;
        // Leaning on a barrier is no blow.
        let share = if velocity.length() < LEAST_BLOW_MPS { 0.0 } else { self.hull.restitution };
        (velocity * share, spin * share)
    }

    /// Barrier index and deepest point of the pair with the largest impulse, or else the deepest; barrier
    /// order decides ties.
    fn hardest_contact(&self) -> Option<(usize, [f64; 3])> {
        let mut hardest: Option<(f64, f64, usize, &ContactPair, Vector)> = None;
        for (index, (collider, _, _)) in self.barriers.iter().enumerate() {
            let Some(pair) = self.world.narrow_phase.contact_pair(self.hull_collider, *collider) else {
                continue;
            };
            let Some((_, contact)) = pair.find_deepest_contact() else { continue };
            let (impulse, depth) = (pair.total_impulse_magnitude(), -contact.dist);
            if hardest.is_none_or(|(most, deepest, ..)| (impulse, depth) > (most, deepest)) {
                hardest = Some((impulse, depth, index, pair, contact.local_p1));
            }
        }
        let (_, _, index, pair, local) = hardest?;
        let first = &self.world.colliders[pair.collider1];
        Some((index, convert::array(first.position().transform_point(local))))
    }
}
