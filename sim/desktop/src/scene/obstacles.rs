//! Cones and other vehicles, where the moment that is shown has them.

// What a system asks of bevy is said in its arguments.
#![allow(clippy::type_complexity, clippy::too_many_arguments)]

use super::car::{self, Dimensions, Lamp};
use super::shape::{Shape, tint};
use super::update::{SceneCamera, Scenery};
use super::{Place, road};
use crate::live::Live;
use bevy::light::NotShadowCaster;
use bevy::prelude::*;
use skidpad_world::{CONE_FOOT_HEIGHT_M, CONE_FOOT_M, CONE_HEIGHT_M, CONE_RADIUS_M, OtherPose};
use std::f32::consts::TAU;

/// A cone, by its number in the scenario.
#[derive(Component)]
pub(super) struct ConeAt(usize);

/// Another vehicle, by its number in the scenario.
#[derive(Component)]
pub(super) struct VehicleAt {
    index: usize,
    /// From the middle of its foot to below its rear axle, m, forward.
    rear_m: f32,
}

/// A wheel of another vehicle.
#[derive(Component)]
pub(super) struct RollingWheel {
    index: usize,
    radius_m: f32,
}

/// Paints of other vehicles, one after the other; none is the red of the car.
const PAINTS: [[u8; 3]; 5] = [[36, 84, 150], [206, 208, 210], [70, 104, 84], [208, 160, 52], [88, 90, 98]];

/// Above this height a vehicle is a van, m.
const VAN_M: f64 = 1.8;

/// Sets them up once the scenario's world has been built.
pub(super) fn build(
    mut commands: Commands,
    live: Res<Live>,
    mut built: Local<u64>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<StandardMaterial>>,
) {
    let view = live.session.view();
    let Some(scenario) = view.scenario.as_ref().filter(|_| view.load != *built) else { return };
    if live.session.recording().moments().is_empty() {
        return;
    }
    *built = view.load;
    let mut matter = |perceptual_roughness: f32, reflectance: f32| {
        materials.add(StandardMaterial { perceptual_roughness, reflectance, ..default() })
    };
    if !scenario.cones.is_empty() {
        let (mesh, rubber) = (meshes.add(cone()), matter(0.55, 0.35));
        for index in 0..scenario.cones.len() {
            commands.spawn((
                Scenery,
                ConeAt(index),
                Mesh3d(mesh.clone()),
                MeshMaterial3d(rubber.clone()),
                Transform::default(),
            ));
        }
    }
    if scenario.vehicles.is_empty() {
        return;
    }
    let (paint, rubber, clear) = (matter(0.32, 0.6), matter(0.7, 0.3), matter(0.25, 0.5));
    let red = materials.add(StandardMaterial { base_color: Color::srgb(0.5, 0.03, 0.03), ..default() });
    let shade = materials.add(StandardMaterial {
        unlit: true,
        alpha_mode: AlphaMode::Blend,
        fog_enabled: false,
        ..default()
    });
    for (index, vehicle) in scenario.vehicles.iter().enumerate() {
        let [red_8, green_8, blue_8] = PAINTS[index % PAINTS.len()];
        let size = Dimensions::of_box(vehicle.size_m, tint(red_8, green_8, blue_8));
        let is_van = vehicle.size_m[2] > VAN_M;
        let body = if is_van { car::van(&size) } else { car::body(&size) };
        let wheel = meshes.add(car::wheel(&size));
        let at = VehicleAt { index, rear_m: size.rear_m() - 0.5 * vehicle.size_m[0] as f32 };
        commands.spawn((Scenery, at, Transform::default(), Visibility::default())).with_children(|other| {
            other.spawn((Mesh3d(meshes.add(body)), MeshMaterial3d(paint.clone())));
            let shadow = Mesh3d(meshes.add(car::soft_shadow(&size)));
            let flat = Transform::from_xyz(0.0, 0.03, 0.0);
            other.spawn((shadow, MeshMaterial3d(shade.clone()), NotShadowCaster, flat));
            if !is_van {
                for (lamp, glass) in [(Lamp::Head, &clear), (Lamp::Brake, &red)] {
                    other.spawn((Mesh3d(meshes.add(car::lamps(&size, lamp))), MeshMaterial3d(glass.clone())));
                }
            }
            for number in 0..4 {
                let rolling = RollingWheel { index, radius_m: size.radius };
                let at = Transform::from_translation(size.wheel(number));
                other.spawn((rolling, Mesh3d(wheel.clone()), MeshMaterial3d(rubber.clone()), at));
            }
        });
    }
}

/// Moves them to where they are.
pub(super) fn follow(
    live: Res<Live>,
    place: Res<Place>,
    mut cones: Query<(&ConeAt, &mut Transform), (Without<VehicleAt>, Without<RollingWheel>)>,
    mut vehicles: Query<(&VehicleAt, &mut Transform), (Without<ConeAt>, Without<RollingWheel>)>,
    mut wheels: Query<(&RollingWheel, &mut Transform), (Without<ConeAt>, Without<VehicleAt>)>,
) {
    let Some(beside) = live.shown().and_then(|moment| moment.beside.as_deref()) else { return };
    for (ConeAt(index), mut at) in &mut cones {
        let Some(pose) = beside.cones.get(*index) else { continue };
        let now = Transform::from_translation(place.point(pose.foot_m))
            .with_rotation(Place::rotation(pose.orientation));
        at.set_if_neq(now);
    }
    for (VehicleAt { index, rear_m }, mut at) in &mut vehicles {
        let Some(pose) = beside.others.get(*index) else { continue };
        let rotation = Place::rotation(pose.orientation);
        let foot = place.point(pose.foot_m) + rotation * Vec3::X * *rear_m;
        at.set_if_neq(Transform::from_translation(foot).with_rotation(rotation));
    }
    for (RollingWheel { index, radius_m }, mut at) in &mut wheels {
        let Some(pose) = beside.others.get(*index) else { continue };
        let rotation = Quat::from_rotation_z(-rolled(pose) / radius_m);
        let now = at.with_rotation(rotation);
        at.set_if_neq(now);
    }
}

/// How far a vehicle has rolled, m: its place along its own heading, exact on a straight road.
fn rolled(pose: &OtherPose) -> f32 {
    let [w, x, y, z] = pose.orientation;
    let ahead = [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + w * z)];
    // Wheels that slide are locked.
    let way_m = if pose.struck { 0.0 } else { ahead[0] * pose.foot_m[0] + ahead[1] * pose.foot_m[1] };
    way_m.rem_euclid(1000.0 * f64::from(TAU)) as f32
}

/// Where the nearest cone ahead of the camera is in the picture, for who looks for it there.
pub(super) fn sight(
    mut live: ResMut<Live>,
    cones: Query<&Transform, With<ConeAt>>,
    cameras: Query<(&Transform, &Camera), (With<SceneCamera>, Without<ConeAt>)>,
) {
    let Ok((eye, camera)) = cameras.single() else { return };
    let view = GlobalTransform::from(*eye);
    let middle = |cone: &Transform| cone.transform_point(Vec3::Y * 0.35 * CONE_HEIGHT_M as f32);
    let ahead = |cone: &&Transform| {
        let ndc = camera.world_to_ndc(&view, middle(cone));
        ndc.filter(|ndc| ndc.z > 0.0 && ndc.x.abs() < 0.95 && ndc.y.abs() < 0.95)
    };
    let distance = |cone: &&Transform| cone.translation.distance_squared(eye.translation);
    let nearest =
        cones.iter().filter(|cone| ahead(cone).is_some()).min_by(|a, b| distance(a).total_cmp(&distance(b)));
    live.cone_on_screen = nearest.and_then(|cone| ahead(&cone)).map(|ndc| {
        let share = 0.5 * Vec2::new(1.0 + ndc.x, 1.0 - ndc.y);
        live.scene_px.min + share * live.scene_px.size()
    });
}

/// A cone: black foot, orange with a white ring. Model frame: y up from the middle of its underside.
fn cone() -> Mesh {
    let (rubber, orange, white) = (tint(34, 34, 36), tint(244, 92, 14), tint(240, 240, 236));
    let mut shape = Shape::default();
    let (foot, height, thick) = (0.5 * CONE_FOOT_M as f32, CONE_HEIGHT_M as f32, CONE_FOOT_HEIGHT_M as f32);
    let half = Vec3::new(foot, 0.5 * thick, foot);
    shape.cuboid(Vec3::Y * half.y, half, Quat::IDENTITY, rubber);
    let radius = |y: f32| 0.018 + (CONE_RADIUS_M as f32 - 0.018) * (height - y) / (height - thick);
    let ring = |y: f32, colour: [f32; 4]| -> Vec<(Vec3, [f32; 4])> {
        (0..20)
            .map(|k| -TAU * k as f32 / 20.0)
            .map(|turn| (Vec3::new(radius(y) * turn.cos(), y, radius(y) * turn.sin()), colour))
            .collect()
    };
    let bands =
        [(thick, orange), (0.20, orange), (0.20, white), (0.34, white), (0.34, orange), (height, orange)];
    shape.loft(&bands.map(|(y, colour)| ring(y, colour)));
    shape.mesh()
}

/// How slippery ground looks beside dry ground, for the legend of the friction under the wheels.
pub(crate) fn friction_colour(friction: f32) -> [f32; 4] {
    road::surface_colour(f64::from(friction), "driving")
}
