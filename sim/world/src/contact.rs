//! Collisions of the car's hull with the map's barriers and with other vehicles, resolved by rapier.
//!
//! The vehicle model moves the car; rapier only says how a contact changes its velocity. Each step places the
//! hull where the model has it, with its velocity, without gravity or any other force, lets rapier solve the
//! contacts over the step, and reads the change. A contact is foreseen [`LOOK_AHEAD_M`] ahead, so the returned
//! velocity carries the hull up to the surface within the step and not into it.
//!
//! Another vehicle is a body like the hull: placed where its [`Course`](crate::Course) has it, with its velocity and
//! mass, so that a collision exchanges momentum between the two. It stays upright. Once struck it leaves its course and
//! slides to rest. Other vehicles meet the hull alone, not barriers or each other.

pub(crate) mod convert;

use rapier3d_f64::dynamics::{FrictionModel, MassProperties, RigidBodyBuilder, RigidBodyHandle};
use rapier3d_f64::geometry::{
    ColliderBuilder, ColliderHandle, ContactPair, Group, InteractionGroups, InteractionTestMode,
};
use rapier3d_f64::math::Vector;
use rapier3d_f64::pipeline::PhysicsWorld;

use crate::ground::MapGround;
use crate::map::Map;
use crate::traffic::{OtherPose, OtherVehicle, Planar};

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
/// Hull and another vehicle approach each other at most by so much more than now until they are looked at again, m/s,
/// and that is never later than this, s: neither accelerates by 10 g.
const GAIN_MPS: f64 = 40.0;
const LOOK_EVERY_S: f64 = 0.2;

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

impl Hull {
    /// How far a point of the world is from the hull, m; 0 inside.
    pub(crate) fn distance_m(&self, motion: &HullMotion, point_m: [f64; 3]) -> f64 {
        let from_cg = convert::vector(point_m) - convert::vector(motion.position_m);
        let local = convert::array(convert::rotation(motion.orientation).inverse() * from_cg);
        let beyond = [0, 1, 2].map(|i| ((local[i] - self.centre_m[i]).abs() - 0.5 * self.size_m[i]).max(0.0));
        (beyond[0] * beyond[0] + beyond[1] * beyond[1] + beyond[2] * beyond[2]).sqrt()
    }
}

impl Hull {
    /// How far a box (its middle, its attitude, half its sides) is from the hull at least, m; below 0 where they may
    /// overlap.
    pub(crate) fn gap_m(
        &self,
        motion: &HullMotion,
        middle: Vector,
        orientation: [f64; 4],
        half_m: [f64; 3],
    ) -> f64 {
        let to_body = convert::rotation(motion.orientation).inverse();
        let local = convert::array(to_body * (middle - convert::vector(motion.position_m)));
        let turn = to_body * convert::rotation(orientation);
        let sides = [Vector::X, Vector::Y, Vector::Z].map(|axis| convert::array(turn * axis));
        // Farthest apart along an axis of the hull.
        let gap = |i: usize| {
            let reach = (0..3).map(|side| sides[side][i].abs() * half_m[side]).sum::<f64>();
            (local[i] - self.centre_m[i]).abs() - 0.5 * self.size_m[i] - reach
        };
        gap(0).max(gap(1)).max(gap(2))
    }
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
    /// Name of the barrier or the vehicle there.
    pub other: &'a str,
    /// Velocity of that vehicle before the step, m/s; zero of a barrier.
    pub other_velocity_mps: [f64; 3],
}

/// The barriers of a map, other vehicles, and the hull of one car.
///
/// The same sequence of calls gives the same results, bit for bit, on every platform.
pub struct ContactWorld {
    world: PhysicsWorld,
    body: RigidBodyHandle,
    hull: Hull,
    hull_collider: ColliderHandle,
    /// Barrier colliders, names and world-axis bounding boxes (low, high).
    barriers: Vec<(ColliderHandle, String, [[f64; 3]; 2])>,
    others: Vec<Other>,
    ground: MapGround,
    /// Where the others are: at this instant, s.
    now_s: f64,
    /// Before this none of them can be near the hull.
    look_at_s: f64,
    compression: Compression,
}

/// Another vehicle in the world of contacts.
struct Other {
    vehicle: OtherVehicle,
    body: RigidBodyHandle,
    collider: ColliderHandle,
    /// How it moves since it was struck.
    struck: Option<Planar>,
    /// Its share of the blow so far: change of velocity, of angular velocity.
    blow: (Vector, Vector),
}

impl Other {
    fn planar(&self, time_s: f64) -> Planar {
        self.struck.unwrap_or_else(|| self.vehicle.course.at(time_s))
    }

    fn pose(&self, time_s: f64, ground: &MapGround) -> OtherPose {
        let planar = self.planar(time_s);
        let at = ground.at(planar.x_m, planar.y_m);
        OtherPose {
            foot_m: [planar.x_m, planar.y_m, at.height_m],
            orientation: convert::quaternion(convert::standing(planar.heading_rad, at.normal)),
            velocity_mps: planar.velocity_mps,
            struck: self.struck.is_some(),
        }
    }

    /// How far its box may reach from its foot, m.
    fn reach_m(&self) -> f64 {
        let [length, width, height] = self.vehicle.size_m;
        (0.25 * (length * length + width * width) + height * height).sqrt()
    }
}

/// The blow so far, until restitution gives a share of it back.
#[derive(Clone, Copy, Default)]
struct Compression {
    /// Summed changes of velocity and angular velocity.
    velocity: Vector,
    spin: Vector,
    /// Who was met last (barriers first, then other vehicles), where, and how fast it was.
    met: usize,
    point: [f64; 3],
    met_velocity: Vector,
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
        ContactWorld {
            world,
            body,
            hull,
            hull_collider,
            barriers,
            others: Vec::new(),
            ground: map.ground(),
            now_s: 0.0,
            look_at_s: 0.0,
            compression: Compression::default(),
        }
    }

    /// The same with other vehicles.
    pub fn with_vehicles(mut self, vehicles: &[OtherVehicle]) -> ContactWorld {
        // The hull meets all; they meet nobody else.
        let others = InteractionGroups::new(Group::GROUP_2, Group::GROUP_1, InteractionTestMode::And);
        let all = InteractionGroups::new(Group::GROUP_1, Group::ALL, InteractionTestMode::And);
        if !vehicles.is_empty() {
            self.world.colliders[self.hull_collider].set_collision_groups(all);
        }
        for vehicle in vehicles {
            let half = vehicle.size_m.map(|size| 0.5 * size);
            let inertia = vehicle.mass_kg / 3.0
                * Vector::new(
                    half[1] * half[1] + half[2] * half[2],
                    half[0] * half[0] + half[2] * half[2],
                    half[0] * half[0] + half[1] * half[1],
                );
            let centre = Vector::new(0.0, 0.0, half[2]);
            let (body, collider) = self.world.insert(
                RigidBodyBuilder::dynamic()
                    .additional_mass_properties(MassProperties::new(centre, vehicle.mass_kg, inertia))
                    .soft_ccd_prediction(LOOK_AHEAD_M)
                    .enabled_translations(true, true, false)
                    .enabled_rotations(false, false, true)
                    .gyroscopic_forces_enabled(false)
                    .can_sleep(false),
                ColliderBuilder::cuboid(half[0], half[1], half[2])
                    .translation(centre)
                    .density(0.0)
                    .collision_groups(others)
                    .friction(self.hull.friction),
            );
            let blow = (Vector::ZERO, Vector::ZERO);
            self.others.push(Other { vehicle: vehicle.clone(), body, collider, struck: None, blow });
        }
        self
    }

    /// Moves the other vehicles on to an instant, s: to be called before [`ContactWorld::nearby`] in every step.
    pub fn advance(&mut self, time_s: f64) {
        let dt_s = time_s - self.now_s;
        self.now_s = time_s;
        for other in self.others.iter_mut().filter(|_| dt_s > 0.0) {
            if let Some(planar) = &mut other.struck {
                let friction = self.ground.at(planar.x_m, planar.y_m).friction;
                let [length_m, width_m, _] = other.vehicle.size_m;
                planar.slide(dt_s, friction, [length_m, width_m]);
            }
        }
    }

    /// Where each of the other vehicles is at `time_s`, in the order they were given; those that were struck, where they
    /// were moved on to last.
    pub fn others(&self, time_s: f64) -> impl ExactSizeIterator<Item = OtherPose> {
        self.others.iter().map(move |other| other.pose(time_s, &self.ground))
    }

    /// Whether a barrier's bounding box is within a metre of the hull's, or another vehicle about as near: if not,
    /// nothing can touch, and [`ContactWorld::step`] need not be called.
    pub fn nearby(&mut self, motion: &HullMotion) -> bool {
        self.barrier_nearby(motion) || self.vehicle_nearby(motion)
    }

    fn vehicle_nearby(&mut self, motion: &HullMotion) -> bool {
        if self.others.is_empty() || self.now_s < self.look_at_s {
            return false;
        }
        let speed = |[x, y]: [f64; 2]| (x * x + y * y).sqrt();
        let hull_mps = speed([motion.velocity_mps[0], motion.velocity_mps[1]]);
        let mut until_s = LOOK_EVERY_S;
        for other in &self.others {
            let planar = other.planar(self.now_s);
            let foot = [planar.x_m, planar.y_m, self.ground.at(planar.x_m, planar.y_m).height_m];
            let gap_m = self.hull.distance_m(motion, foot) - other.reach_m() - NEARBY_M;
            if gap_m <= 0.0 {
                return true;
            }
            until_s = until_s.min(gap_m / (hull_mps + speed(planar.velocity_mps) + GAIN_MPS));
        }
        self.look_at_s = self.now_s + until_s;
        false
    }

    fn barrier_nearby(&self, motion: &HullMotion) -> bool {
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
        for other in &self.others {
            let (at, planar) = (other.pose(self.now_s, &self.ground), other.planar(self.now_s));
            let body = &mut self.world.bodies[other.body];
            body.set_position(convert::pose(at.foot_m, at.orientation), true);
            let [east, north] = planar.velocity_mps;
            body.set_linvel(Vector::new(east, north, 0.0), true);
            body.set_angvel(Vector::new(0.0, 0.0, planar.yaw_rate_rps), true);
        }
        self.world.integration_parameters.dt = dt_s;
        self.world.step();

        let body = &self.world.bodies[self.body];
        let delta = body.linvel() - velocity;
        let delta_spin = body.angvel() - spin;
        let push_out = body.translation() - pose.translation - body.linvel() * dt_s;
        let touches =
            delta.length() * self.hull.mass_kg >= LEAST_IMPULSE_NS || push_out.length() >= LEAST_PUSH_M;
        let contact = if touches { self.hardest_contact() } else { None };
        if let Some((met, point)) = contact {
            let other =
                met.checked_sub(self.barriers.len()).map(|index| self.others[index].planar(self.now_s));
            let [east, north] = other.map_or([0.0; 2], |planar| planar.velocity_mps);
            self.compression.met = met;
            self.compression.point = point;
            self.compression.met_velocity = Vector::new(east, north, 0.0);
        }
        let (bounce, bounce_spin, share) = self.restitution(delta, delta_spin);
        self.strike_others(share);
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
            other: self.name(self.compression.met),
            other_velocity_mps: convert::array(self.compression.met_velocity),
        })
    }

    /// A barrier's name or, beyond them, another vehicle's.
    fn name(&self, met: usize) -> &str {
        match met.checked_sub(self.barriers.len()) {
            None => &self.barriers[met].1,
            Some(index) => &self.others[index].vehicle.name,
        }
    }

    /// What this step did to the other vehicles, and, once a blow is over, the `share` of it that acts again.
    fn strike_others(&mut self, share: Option<f64>) {
        for other in &mut self.others {
            let planar = other.planar(self.now_s);
            let body = &self.world.bodies[other.body];
            let [east, north] = planar.velocity_mps;
            // Velocities are those of the centre of mass, which lies above the foot: the two differ by no more than
            // what a turn about the vertical through both makes of it, nothing.
            let mut velocity = body.linvel() - Vector::new(east, north, 0.0);
            let mut spin = body.angvel() - Vector::new(0.0, 0.0, planar.yaw_rate_rps);
            if velocity.length() * other.vehicle.mass_kg < LEAST_IMPULSE_NS {
                (velocity, spin) = (Vector::ZERO, Vector::ZERO);
            }
            match share {
                None => {
                    other.blow.0 += velocity;
                    other.blow.1 += spin;
                }
                Some(share) => {
                    velocity += other.blow.0 * share;
                    spin += other.blow.1 * share;
                    other.blow = (Vector::ZERO, Vector::ZERO);
                }
            }
            if velocity != Vector::ZERO || spin != Vector::ZERO {
                other.struck = Some(Planar {
                    velocity_mps: [east + velocity.x, north + velocity.y],
                    yaw_rate_rps: planar.yaw_rate_rps + spin.z,
                    ..planar
                });
            }
        }
    }

    /// Poisson's restitution: once a blow is over (this step adds less than a twentieth to it), the share
    /// `restitution` of its whole impulse acts again. Rapier's own solves point by point in one pass, and would
    /// turn a car that hits a wall squarely. The share is returned, too, in the step in which the blow is over.
    fn restitution(&mut self, delta: Vector, delta_spin: Vector) -> (Vector, Vector, Option<f64>) {
        let blow = &mut self.compression;
        if delta.length() > 0.05 * blow.velocity.length() {
            blow.velocity += delta;
            blow.spin += delta_spin;
            return (Vector::ZERO, Vector::ZERO, None);
        }
        let (velocity, spin) = (blow.velocity, blow.spin);
        blow.velocity = Vector::ZERO;
        blow.spin = Vector::ZERO;
        // Leaning on a barrier is no blow.
        let share = if velocity.length() < LEAST_BLOW_MPS { 0.0 } else { self.hull.restitution };
        (velocity * share, spin * share, Some(share))
    }

    /// Index of the barrier or, beyond them, of the other vehicle, and deepest point of the pair with the largest impulse, or else the deepest; barrier
    /// order decides ties.
    fn hardest_contact(&self) -> Option<(usize, [f64; 3])> {
        let mut hardest: Option<(f64, f64, usize, &ContactPair, Vector)> = None;
        let barriers = self.barriers.iter().map(|(collider, _, _)| *collider);
        let met = barriers.chain(self.others.iter().map(|other| other.collider));
        for (index, collider) in met.enumerate() {
            let Some(pair) = self.world.narrow_phase.contact_pair(self.hull_collider, collider) else {
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
