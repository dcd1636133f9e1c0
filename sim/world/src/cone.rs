//! Traffic cones: knocked over and away by the hull, without a trace in the car's own motion.
//!
//! A cone weighs a thousandth of the car: struck at 10 m/s it would take a hundredth of a metre a second from it. That is
//! left out, so that the true trajectory of a run is the same with its cones and without. Each cone that is within
//! reach of the hull, or still tumbles, has a small world of its own with the ground under it: one cone never changes
//! what another does, and cones do not knock each other over.

use rapier3d_f64::dynamics::{RigidBodyBuilder, RigidBodyHandle};
use rapier3d_f64::geometry::{ColliderBuilder, ColliderHandle};
use rapier3d_f64::math::{Rotation, Vector};
use rapier3d_f64::pipeline::PhysicsWorld;
use std::f64::consts::FRAC_1_SQRT_2;

use crate::contact::{Hull, HullMotion, convert};
use crate::ground::MapGround;

/// Height of a cone, m: the usual half-metre cone.
pub const CONE_HEIGHT_M: f64 = 0.50;
/// Side of a cone's square foot, m.
pub const CONE_FOOT_M: f64 = 0.30;
/// Thickness of a cone's foot, m.
pub const CONE_FOOT_HEIGHT_M: f64 = 0.03;
/// Radius of a cone where it stands on its foot, m.
pub const CONE_RADIUS_M: f64 = 0.115;
/// Mass of foot and cone, kg (assumed: such cones weigh 1.5 to 2.5 kg, most of it below).
const FOOT_KG: f64 = 1.3;
const CONE_KG: f64 = 0.7;
/// Rubber on asphalt, and on sheet metal (the mean of the pair acts).
const CONE_FRICTION: f64 = 0.7;
const GROUND_FRICTION: f64 = 0.8;
const CONE_RESTITUTION: f64 = 0.2;
const GRAVITY_MPS2: f64 = 9.81;
/// Half the sides of the box around a cone, m.
const HALF_M: [f64; 3] = [0.5 * CONE_FOOT_M, 0.5 * CONE_FOOT_M, 0.5 * CONE_HEIGHT_M];
/// A cone that is nearer to the hull is looked at in every step, m, and so is one that it reaches in two steps.
const WAKE_M: f64 = 0.02;
/// The hull gains less than this between two looks, m/s, and they are never farther apart, s: it does not accelerate
/// by 10 g.
const GAIN_MPS: f64 = 20.0;
const LOOK_EVERY_S: f64 = 0.2;
/// Impulses below this are rounding, N s.
const LEAST_IMPULSE_NS: f64 = 1e-3;
/// A cone slower than this for so long lies still; one that tumbles alone longer than the last is stopped.
const STILL_MPS: f64 = 0.03;
const STILL_RPS: f64 = 0.2;
const STILL_S: f64 = 0.25;
const LONGEST_S: f64 = 15.0;

/// A traffic cone where it was set up.
#[derive(Clone, Debug, PartialEq)]
pub struct Cone {
    /// Name, as hits report it.
    pub name: String,
    /// East, m.
    pub x_m: f64,
    /// North, m.
    pub y_m: f64,
}

/// Where a cone is. World frame ENU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConePose {
    /// The middle of its foot's underside, m.
    pub foot_m: [f64; 3],
    /// Cone (z from foot to tip) to world, unit quaternion `[w, x, y, z]`.
    pub orientation: [f64; 4],
    /// The hull touched it.
    pub hit: bool,
}

/// The cones of a run and the hull that may hit them.
pub struct Cones {
    cones: Vec<Standing>,
    hull: Hull,
    ground: MapGround,
    /// Before this nothing can be within reach.
    look_at_s: f64,
    /// How many tumble or are within reach.
    awake: usize,
    hits: Vec<usize>,
    changes: u64,
}

/// A cone at rest, or with a world of its own.
struct Standing {
    name: String,
    pose: ConePose,
    world: Option<Box<Tumble>>,
}

struct Tumble {
    world: PhysicsWorld,
    cone: RigidBodyHandle,
    parts: [ColliderHandle; 2],
    hull: RigidBodyHandle,
    hull_collider: ColliderHandle,
    floor: RigidBodyHandle,
    still_s: f64,
    /// How long the hull has been out of reach.
    alone_s: f64,
}

impl Cones {
    /// The cones, upright on `ground`, and a hull.
    pub fn new(cones: &[Cone], ground: MapGround, hull: Hull) -> Cones {
        let standing = |cone: &Cone| {
            let at = ground.at(cone.x_m, cone.y_m);
            let orientation = convert::quaternion(tilt(at.normal));
            let pose = ConePose { foot_m: [cone.x_m, cone.y_m, at.height_m], orientation, hit: false };
            Standing { name: cone.name.clone(), pose, world: None }
        };
        let cones = cones.iter().map(standing).collect();
        Cones { cones, hull, ground, look_at_s: 0.0, awake: 0, hits: Vec::new(), changes: 0 }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cones.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.cones.len()
    }

    /// How many the hull has touched.
    pub fn hit_count(&self) -> usize {
        self.cones.iter().filter(|cone| cone.pose.hit).count()
    }

    /// Where each cone is, in the order they were given.
    pub fn poses(&self) -> impl ExactSizeIterator<Item = &ConePose> {
        self.cones.iter().map(|cone| &cone.pose)
    }

    /// Grows with every step in which a cone has moved.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Name and place of each cone that was hit since the last call, in the order of the cones.
    pub fn drain_hits(&mut self) -> impl Iterator<Item = (&str, [f64; 3])> {
        let cones = &self.cones;
        self.hits.drain(..).map(|index| (cones[index].name.as_str(), cones[index].pose.foot_m))
    }

    /// Moves the cones on by a step, from `time_s`, in which the hull moves from `motion`.
    pub fn step(&mut self, motion: &HullMotion, time_s: f64, dt_s: f64) {
        if self.cones.is_empty() || (self.awake == 0 && time_s < self.look_at_s) {
            return;
        }
        let [x, y, z] = motion.velocity_mps;
        let speed_mps = (x * x + y * y + z * z).sqrt();
        let wake_m = WAKE_M + 2.0 * dt_s * speed_mps;
        let mut nearest_m = f64::INFINITY;
        self.awake = 0;
        for (index, cone) in self.cones.iter_mut().enumerate() {
            let to_middle =
                convert::rotation(cone.pose.orientation) * Vector::new(0.0, 0.0, 0.5 * CONE_HEIGHT_M);
            let middle = convert::vector(cone.pose.foot_m) + to_middle;
            let gap_m = self.hull.gap_m(motion, middle, cone.pose.orientation, HALF_M) - wake_m;
            if gap_m > 0.0 {
                nearest_m = nearest_m.min(gap_m);
                // One that was only passed stands as it stood; one that was hit tumbles until it lies.
                let rests = cone.world.as_ref().is_none_or(|world| !cone.pose.hit || world.is_over());
                if rests {
                    cone.world = None;
                    continue;
                }
            }
            self.awake += 1;
            let world = cone.world.get_or_insert_with(|| Box::new(Tumble::new(&cone.pose, &self.hull)));
            if gap_m <= 0.0 {
                world.alone_s = 0.0;
            }
            let touched = world.step(&cone.pose, motion, &self.ground, dt_s);
            if touched && !cone.pose.hit {
                cone.pose.hit = true;
                self.hits.push(index);
            }
            if cone.pose.hit {
                (cone.pose.foot_m, cone.pose.orientation) = world.pose();
                self.changes += 1;
            }
        }
        self.look_at_s = time_s + (nearest_m / (speed_mps + GAIN_MPS)).min(LOOK_EVERY_S);
    }
}

/// Turns up to a normal.
fn tilt(normal: [f64; 3]) -> Rotation {
    Rotation::from_rotation_arc(Vector::Z, convert::vector(normal))
}

impl Tumble {
    fn new(pose: &ConePose, hull: &Hull) -> Tumble {
        let mut world =
            PhysicsWorld { gravity: Vector::new(0.0, 0.0, -GRAVITY_MPS2), ..PhysicsWorld::default() };
        world.integration_parameters.max_ccd_substeps = 0;
        let surface = |shape: ColliderBuilder| shape.friction(CONE_FRICTION).restitution(CONE_RESTITUTION);
        let half_foot = [0.5 * CONE_FOOT_M, 0.5 * CONE_FOOT_M, 0.5 * CONE_FOOT_HEIGHT_M];
        let (cone, foot) = world.insert(
            RigidBodyBuilder::dynamic()
                .pose(convert::pose(pose.foot_m, pose.orientation))
                .soft_ccd_prediction(0.1)
                .linear_damping(0.1)
                .angular_damping(0.5)
                .can_sleep(false),
            surface(ColliderBuilder::cuboid(half_foot[0], half_foot[1], half_foot[2]))
                .translation(Vector::new(0.0, 0.0, half_foot[2]))
                .mass(FOOT_KG),
        );
        let half_m = 0.5 * (CONE_HEIGHT_M - CONE_FOOT_HEIGHT_M);
        // Rapier's cones point along y.
        let upright =
            convert::pose([0.0, 0.0, CONE_FOOT_HEIGHT_M + half_m], [FRAC_1_SQRT_2, FRAC_1_SQRT_2, 0.0, 0.0]);
        let body = surface(ColliderBuilder::cone(half_m, CONE_RADIUS_M)).position(upright).mass(CONE_KG);
        let body = world.insert_collider(body, Some(cone));
        let (hull, hull_collider) = world.insert(
            RigidBodyBuilder::kinematic_velocity_based().soft_ccd_prediction(0.1),
            ColliderBuilder::cuboid(0.5 * hull.size_m[0], 0.5 * hull.size_m[1], 0.5 * hull.size_m[2])
                .translation(convert::vector(hull.centre_m))
                .friction(hull.friction),
        );
        let (floor, _) = world.insert(
            RigidBodyBuilder::fixed(),
            ColliderBuilder::cuboid(20.0, 20.0, 1.0)
                .translation(Vector::new(0.0, 0.0, -1.0))
                .friction(GROUND_FRICTION),
        );
        Tumble { world, cone, parts: [foot, body], hull, hull_collider, floor, still_s: 0.0, alone_s: 0.0 }
    }

    /// One step; true if the hull touches the cone.
    fn step(&mut self, pose: &ConePose, motion: &HullMotion, ground: &MapGround, dt_s: f64) -> bool {
        let at = ground.at(pose.foot_m[0], pose.foot_m[1]);
        let mut floor = convert::pose([pose.foot_m[0], pose.foot_m[1], at.height_m], [1.0, 0.0, 0.0, 0.0]);
        floor.rotation = tilt(at.normal);
        self.world.bodies[self.floor].set_position(floor, true);
        let hull = &mut self.world.bodies[self.hull];
        hull.set_position(convert::pose(motion.position_m, motion.orientation), true);
        hull.set_linvel(convert::vector(motion.velocity_mps), true);
        hull.set_angvel(convert::vector(motion.angular_velocity_rps), true);
        self.world.integration_parameters.dt = dt_s;
        self.world.step();

        let body = &self.world.bodies[self.cone];
        let still = body.linvel().length() < STILL_MPS && body.angvel().length() < STILL_RPS;
        self.still_s = if still { self.still_s + dt_s } else { 0.0 };
        self.alone_s += dt_s;
        self.parts.iter().any(|part| {
            let pair = self.world.narrow_phase.contact_pair(self.hull_collider, *part);
            pair.is_some_and(|pair| pair.total_impulse_magnitude() > LEAST_IMPULSE_NS)
        })
    }

    fn is_over(&self) -> bool {
        self.still_s > STILL_S || self.alone_s > LONGEST_S
    }

    fn pose(&self) -> ([f64; 3], [f64; 4]) {
        let body = &self.world.bodies[self.cone];
        (convert::array(body.translation()), convert::quaternion(*body.rotation()))
    }
}
