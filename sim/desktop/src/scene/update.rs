//! What is drawn follows what is shown: the world of the scenario, the car of the moment, lines, camera.

// What a system asks of bevy is said in its arguments.
#![allow(clippy::type_complexity, clippy::too_many_arguments)]

use super::camera::{CameraMode, FreeCamera, pose};
use super::car::{self, Dimensions, Lamp};
use super::shape::Shape;
use super::{Place, obstacles, plain, road, sky, target, texture};
use crate::live::{Live, Quality};
use crate::session::Moment;
use bevy::camera::visibility::NoFrustumCulling;
use bevy::light::{
    CascadeShadowConfigBuilder, DirectionalLightShadowMap, NotShadowCaster, NotShadowReceiver,
    PointLightShadowMap,
};
use bevy::prelude::*;
use skidpad_bywire::TurnSignal;
use skidpad_engine::TraceSample;

/// What is drawn besides the world and the car.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layers {
    /// The reference path.
    pub reference: bool,
    /// The path driven, coloured by the lateral error.
    pub travelled: bool,
    /// The planned trajectory.
    pub trajectory: bool,
    /// Where the stack believes the car to be, with three standard deviations.
    pub believed: bool,
    /// Tyre forces.
    pub forces: bool,
    /// The run that is laid over this one.
    pub ghost: bool,
}

impl Default for Layers {
    fn default() -> Self {
        Layers {
            reference: true,
            travelled: true,
            trajectory: true,
            believed: true,
            forces: true,
            ghost: true,
        }
    }
}

/// Draws the world.
pub struct ScenePlugin;

impl Plugin for ScenePlugin {
    fn build(&self, app: &mut App) {
        app.add_plugins(plain::PlainPlugin)
            .init_resource::<Place>()
            .init_resource::<FreeCamera>()
            .init_resource::<Loaded>()
            .insert_resource(ClearColor(sky::HORIZON))
            .insert_resource(GlobalAmbientLight { brightness: 900.0, ..default() })
            .init_gizmo_group::<Lying>()
            .add_systems(Startup, light)
            .add_systems(
                Update,
                (
                    (follow_quality, build_world, obstacles::build).chain(),
                    (move_car, obstacles::follow).chain(),
                    travelled,
                    draw_lines,
                    target::fit,
                    (move_camera, obstacles::sight).chain(),
                )
                    .chain(),
            );
    }
}

/// Which loading is drawn, and what of it.
#[derive(Resource, Default)]
struct Loaded {
    load: u64,
    size: Option<Dimensions>,
    /// How much of the recording the ribbon shows: its end, s, and whether it is of this run.
    ribbon_end_s: f64,
    ribbon: Option<Handle<Mesh>>,
    /// Attitude that the chase camera follows with a delay.
    lagged: Quat,
    lagged_set: bool,
}

/// Goes with the scenario.
#[derive(Component)]
pub(super) struct Scenery;
#[derive(Component)]
struct CarBody;
#[derive(Component)]
struct CarWheel(usize);
#[derive(Component)]
struct SteeringWheel;
#[derive(Component)]
struct Dome;
/// Seen from the driver's seat only.
#[derive(Component)]
struct Interior;
/// Seen from anywhere else.
#[derive(Component)]
struct Exterior;
#[derive(Component)]
struct Lit(Lamp, Handle<StandardMaterial>);

const RED_GLASS: Color = Color::srgb(0.45, 0.02, 0.02);
const AMBER_GLASS: Color = Color::srgb(0.55, 0.24, 0.02);
/// Turn lamps blink with this period, s.
const BLINK_S: f64 = 0.7;
/// The camera of the scene.
#[derive(Component)]
pub(crate) struct SceneCamera;

/// Lines that what stands before them hides.
#[derive(Default, Reflect, GizmoConfigGroup)]
struct Lying;

fn light(
    mut commands: Commands,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<StandardMaterial>>,
    mut images: ResMut<Assets<Image>>,
    mut gizmos: ResMut<GizmoConfigStore>,
) {
    // There would be memory for the shadows of lamps that there are not.
    commands.insert_resource(PointLightShadowMap { size: 16 });
    commands.spawn((
        DirectionalLight { illuminance: 11_500.0, color: Color::srgb(1.0, 0.965, 0.90), ..default() },
        Transform::from_translation(sky::sun()).looking_at(Vec3::ZERO, Vec3::Y),
    ));
    let sky = StandardMaterial {
        base_color_texture: Some(images.add(texture::sky_image())),
        unlit: true,
        fog_enabled: false,
        cull_mode: None,
        ..default()
    };
    commands.spawn((
        Dome,
        Mesh3d(meshes.add(sky::dome())),
        MeshMaterial3d(materials.add(sky)),
        NotShadowCaster,
        NotShadowReceiver,
        NoFrustumCulling,
    ));
    // Forces are seen through the car, what lies on the road is not.
    let (config, _) = gizmos.config_mut::<DefaultGizmoConfigGroup>();
    config.line.width = 3.0;
    config.depth_bias = -0.6;
    let (config, _) = gizmos.config_mut::<Lying>();
    config.line.width = 3.0;
    config.depth_bias = -0.0005;
}

/// Shadows and smooth edges, as the quality changes.
fn follow_quality(
    live: Res<Live>,
    mut last: Local<Option<Quality>>,
    mut commands: Commands,
    mut cameras: Query<&mut Msaa, With<SceneCamera>>,
    mut lights: Query<(Entity, &mut DirectionalLight)>,
) {
    if last.replace(live.quality) == Some(live.quality) {
        return;
    }
    let high = live.quality == Quality::High;
    cameras.iter_mut().for_each(|mut msaa| *msaa = if high { Msaa::Sample4 } else { Msaa::Off });
    // There is memory for shadows whether they are drawn or not.
    commands.insert_resource(DirectionalLightShadowMap { size: if high { 2048 } else { 16 } });
    for (entity, mut light) in &mut lights {
        light.shadow_maps_enabled = high;
        let cascades = CascadeShadowConfigBuilder {
            num_cascades: if high { 3 } else { 1 },
            maximum_distance: 120.0,
            first_cascade_far_bound: 14.0,
            ..default()
        };
        commands.entity(entity).insert(cascades.build());
    }
}

/// Builds the world of a scenario that has just been loaded.
fn build_world(
    mut commands: Commands,
    live: Res<Live>,
    mut loaded: ResMut<Loaded>,
    mut place: ResMut<Place>,
    old: Query<Entity, With<Scenery>>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut images: ResMut<Assets<Image>>,
    mut materials: ResMut<Assets<StandardMaterial>>,
) {
    let view = live.session.view();
    let Some(scenario) = view.scenario.as_ref().filter(|_| view.load != loaded.load) else { return };
    let Some(first) = live.session.recording().moments().first() else { return };
    old.iter().for_each(|entity| commands.entity(entity).despawn());
    place.origin_m = first.position_m.map(f64::round);
    let size = Dimensions::of(&scenario.vehicle.params);
    *loaded = Loaded { load: view.load, size: Some(size), ..default() };

    let matt = |materials: &mut Assets<StandardMaterial>, roughness: f32, reflectance: f32| {
        materials.add(StandardMaterial { perceptual_roughness: roughness, reflectance, ..default() })
    };
    let world = road::build(&scenario.map, &place, [scenario.start.x_m, scenario.start.y_m]);
    let mut grainy = |strong: f32, smooth: bool, perceptual_roughness: f32| {
        materials.add(StandardMaterial {
            base_color_texture: Some(images.add(texture::grain_image(strong, smooth))),
            perceptual_roughness,
            reflectance: if perceptual_roughness < 0.5 { 0.5 } else { 0.15 },
            ..default()
        })
    };
    let (asphalt, grass, wet) =
        (grainy(0.30, false, 0.95), grainy(0.38, true, 0.95), grainy(0.16, true, 0.32));
    let ground = matt(&mut materials, 0.95, 0.15);
    let mut spawn = |mesh: Option<Mesh>, material: &Handle<StandardMaterial>| {
        if let Some(mesh) = mesh {
            commands.spawn((Scenery, Mesh3d(meshes.add(mesh)), MeshMaterial3d(material.clone())));
        }
    };
    spawn(Some(world.land), if world.road.is_some() { &grass } else { &asphalt });
    spawn(world.road, &asphalt);
    spawn(world.slick, &wet);
    spawn(world.markings, &ground);
    spawn(world.trees, &ground);
    spawn(world.barriers, &matt(&mut materials, 0.6, 0.4));
    if let Some(reference) = &scenario.reference {
        let mut shape = Shape::default();
        ribbon(&mut shape, &place, reference_points(reference), |_| [0.05, 0.45, 0.95, 1.0], 0.07, 0.03);
        let line = materials.add(StandardMaterial { unlit: true, ..default() });
        if !shape.indices.is_empty() {
            let entity = (
                Scenery,
                ReferenceLine,
                Mesh3d(meshes.add(shape.mesh())),
                MeshMaterial3d(line),
                NotShadowCaster,
            );
            commands.spawn(entity);
        }
    }
    let travelled = meshes.add(Shape::default().mesh());
    loaded.ribbon = Some(travelled.clone());
    let line = materials.add(StandardMaterial { unlit: true, cull_mode: None, ..default() });
    commands.spawn((
        Scenery,
        TravelledLine,
        Mesh3d(travelled),
        MeshMaterial3d(line),
        NotShadowCaster,
        NoFrustumCulling,
    ));

    let paint = materials.add(StandardMaterial {
        perceptual_roughness: 0.32,
        metallic: 0.15,
        reflectance: 0.6,
        ..default()
    });
    let rubber = matt(&mut materials, 0.7, 0.3);
    let white = materials
        .add(StandardMaterial { emissive: glow(Lamp::Head, false, TurnSignal::Off, 0.0), ..default() });
    let shade = materials.add(StandardMaterial {
        unlit: true,
        alpha_mode: AlphaMode::Blend,
        fog_enabled: false,
        ..default()
    });
    let wheel = meshes.add(car::wheel(&size));
    commands.spawn((Scenery, CarBody, Transform::default(), Visibility::default())).with_children(|car| {
        car.spawn((Exterior, Mesh3d(meshes.add(car::body(&size))), MeshMaterial3d(paint)));
        let flat = Transform::from_xyz(0.0, 0.03, 0.0);
        car.spawn((
            Mesh3d(meshes.add(car::soft_shadow(&size))),
            MeshMaterial3d(shade),
            NotShadowCaster,
            flat,
        ));
        let inside = (Interior, Mesh3d(meshes.add(car::interior(&size))), Visibility::Hidden);
        car.spawn((inside, MeshMaterial3d(matt(&mut materials, 0.95, 0.05))));
        car.spawn((Mesh3d(meshes.add(car::lamps(&size, Lamp::Head))), MeshMaterial3d(white)));
        for lamp in [Lamp::Brake, Lamp::Left, Lamp::Right] {
            let base_color = if lamp == Lamp::Brake { RED_GLASS } else { AMBER_GLASS };
            let glass =
                materials.add(StandardMaterial { base_color, perceptual_roughness: 0.3, ..default() });
            car.spawn((
                Lit(lamp, glass.clone()),
                Mesh3d(meshes.add(car::lamps(&size, lamp))),
                MeshMaterial3d(glass),
            ));
        }
        let hub = size.eyes() + Vec3::new(0.50, -0.32, 0.0);
        let steering =
            (SteeringWheel, Mesh3d(meshes.add(car::steering_wheel())), Transform::from_translation(hub));
        car.spawn((steering, MeshMaterial3d(rubber.clone())));
        for index in 0..4 {
            let at = Transform::from_translation(size.wheel(index));
            car.spawn((CarWheel(index), Mesh3d(wheel.clone()), MeshMaterial3d(rubber.clone()), at));
        }
    });
}

#[derive(Component)]
struct ReferenceLine;
#[derive(Component)]
struct TravelledLine;

/// Points of what is driven and scored of a reference.
fn reference_points(reference: &skidpad_score::Reference) -> Vec<([f64; 3], f32)> {
    let (from_m, to_m) = (reference.start_station_m(), reference.end_station_m());
    let lap_m = reference.path().length_m();
    let to_m = if reference.path().is_closed() { to_m.min(from_m + lap_m) } else { to_m };
    let count = ((to_m - from_m) / 0.75).ceil().clamp(1.0, 20_000.0) as usize;
    (0..=count)
        .map(|i| reference.point(from_m + (to_m - from_m) * i as f64 / count as f64))
        .map(|point| ([point.x_m, point.y_m, point.z_m], 0.0))
        .collect()
}

/// A flat ribbon along points with a value each.
fn ribbon(
    shape: &mut Shape,
    place: &Place,
    points: Vec<([f64; 3], f32)>,
    colour: impl Fn(f32) -> [f32; 4],
    half_m: f32,
    up_m: f32,
) {
    let at: Vec<Vec3> = points.iter().map(|(point, _)| place.point(*point) + Vec3::Y * up_m).collect();
    let pairs: Vec<(Vec3, Vec3)> = (0..at.len())
        .map(|i| {
            let ahead = at[(i + 1).min(at.len() - 1)] - at[i.saturating_sub(1)];
            let left = Vec3::Y.cross(ahead).normalize_or_zero() * half_m;
            (at[i] - left, at[i] + left)
        })
        .collect();
    if pairs.len() > 1 {
        shape.strip(&pairs, |i| colour(points[i].1));
    }
}

/// Green on the path, yellow at 0.1 m, red from 0.3 m.
fn error_colour(error_m: f32) -> [f32; 4] {
    let error = error_m.abs();
    if !error.is_finite() {
        return [0.5, 0.5, 0.5, 1.0];
    }
    let mix = |a: [f32; 3], b: [f32; 3], t: f32| [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * t);
    let (green, yellow, red) = ([0.03, 0.62, 0.12], [0.95, 0.72, 0.02], [0.9, 0.05, 0.03]);
    let [r, g, b] = match error {
        e if e < 0.1 => mix(green, yellow, e / 0.1),
        e => mix(yellow, red, ((e - 0.1) / 0.2).min(1.0)),
    };
    [r, g, b, 1.0]
}

fn move_car(
    live: Res<Live>,
    loaded: Res<Loaded>,
    place: Res<Place>,
    mut bodies: Query<&mut Transform, (With<CarBody>, Without<CarWheel>, Without<SteeringWheel>)>,
    mut wheels: Query<(&CarWheel, &mut Transform), (Without<CarBody>, Without<SteeringWheel>)>,
    mut hands: Query<&mut Transform, (With<SteeringWheel>, Without<CarBody>, Without<CarWheel>)>,
    lamps: Query<&Lit>,
    mut interiors: Query<&mut Visibility, (With<Interior>, Without<Exterior>)>,
    mut exteriors: Query<&mut Visibility, (With<Exterior>, Without<Interior>)>,
    mut materials: ResMut<Assets<StandardMaterial>>,
) {
    let (Some(size), Some(moment)) = (loaded.size, live.shown()) else { return };
    for mut body in &mut bodies {
        body.rotation = Place::rotation(moment.attitude);
        body.translation = place.point(moment.position_m) - body.rotation * size.cg;
    }
    for (CarWheel(index), mut at) in &mut wheels {
        let wheel = moment.wheels[*index];
        at.translation = size.wheel(*index) + Vec3::Y * wheel.travel_m;
        at.rotation = Quat::from_rotation_y(wheel.steer_rad) * Quat::from_rotation_z(-wheel.angle_rad);
    }
    let wheel_rad = moment.value("steering_wheel_deg").to_radians();
    for mut at in &mut hands {
        // Raked, and turned about the column: left is counter-clockwise for the driver.
        at.rotation = Quat::from_rotation_z(0.4) * Quat::from_rotation_x(-wheel_rad);
    }
    let (inside, outside) = match live.camera {
        CameraMode::Cockpit => (Visibility::Inherited, Visibility::Hidden),
        _ => (Visibility::Hidden, Visibility::Inherited),
    };
    interiors.iter_mut().for_each(|mut seen| _ = seen.set_if_neq(inside));
    exteriors.iter_mut().for_each(|mut seen| _ = seen.set_if_neq(outside));
    let brakes = moment.value("brake_torque_nm") > 150.0;
    for Lit(lamp, material) in &lamps {
        let wanted = glow(*lamp, brakes, moment.turn, moment.time_s);
        if materials.get(material).is_some_and(|material| material.emissive != wanted)
            && let Some(mut material) = materials.get_mut(material)
        {
            material.emissive = wanted;
        }
    }
}

/// What a lamp sends out.
fn glow(lamp: Lamp, brakes: bool, turn: TurnSignal, time_s: f64) -> LinearRgba {
    let turns = match lamp {
        Lamp::Left => turn == TurnSignal::Left,
        Lamp::Right => turn == TurnSignal::Right,
        _ => false,
    };
    match lamp {
        Lamp::Head => LinearRgba::rgb(1.2, 1.2, 1.1),
        Lamp::Brake if brakes => LinearRgba::rgb(2.6, 0.02, 0.02),
        Lamp::Brake => LinearRgba::rgb(0.2, 0.0, 0.0),
        _ if turns && time_s.rem_euclid(BLINK_S) < 0.5 * BLINK_S => LinearRgba::rgb(4.0, 1.5, 0.02),
        _ => LinearRgba::rgb(0.10, 0.03, 0.0),
    }
}

/// The ribbon of the path driven grows twice a second; all of it is built anew, thinned out to some thousand points.
fn travelled(
    live: Res<Live>,
    mut loaded: ResMut<Loaded>,
    place: Res<Place>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut lines: Query<&mut Visibility, With<TravelledLine>>,
    mut references: Query<&mut Visibility, (With<ReferenceLine>, Without<TravelledLine>)>,
) {
    let show = |on: bool| if on { Visibility::Inherited } else { Visibility::Hidden };
    lines.iter_mut().for_each(|mut line| *line = show(live.layers.travelled));
    references.iter_mut().for_each(|mut line| *line = show(live.layers.reference));
    let Some(shown) = live.shown() else { return };
    let end_s = shown.time_s;
    if (end_s - loaded.ribbon_end_s).abs() < 0.25 && end_s > 0.0 {
        return;
    }
    loaded.ribbon_end_s = end_s;
    let Some(mut mesh) = loaded.ribbon.as_ref().and_then(|ribbon| meshes.get_mut(ribbon)) else { return };
    let moments = live.session.recording().moments();
    let count = moments.partition_point(|moment| moment.time_s <= end_s);
    let every = (count / 3000).max(10);
    let [x, y, z, error] =
        ["x_m", "y_m", "z_m", "lateral_error_m"].map(|name| crate::session::column(name).unwrap_or(0));
    let mut points: Vec<([f64; 3], f32)> = Vec::new();
    for moment in moments[..count].iter().step_by(every) {
        let at = [x, y, z].map(|column| f64::from(moment.values[column]));
        let moved =
            points.last().is_none_or(|(last, _)| (last[0] - at[0]).abs() + (last[1] - at[1]).abs() > 0.05);
        if moved {
            points.push((at, moment.values[error]));
        }
    }
    let mut shape = Shape::default();
    ribbon(&mut shape, &place, points, error_colour, 0.16, 0.045);
    *mesh = shape.mesh();
}

/// Newtons for a metre of arrow.
const FORCE_NPM: f32 = 2500.0;

fn draw_lines(
    live: Res<Live>,
    loaded: Res<Loaded>,
    place: Res<Place>,
    mut gizmos: Gizmos,
    mut lying: Gizmos<Lying>,
) {
    let (Some(size), Some(moment)) = (loaded.size, live.shown()) else { return };
    let layers = live.layers;
    let rotation = Place::rotation(moment.attitude);
    let origin = place.point(moment.position_m) - rotation * size.cg;
    if layers.forces {
        for (index, wheel) in moment.wheels.iter().enumerate() {
            let mut contact = size.wheel(index);
            contact.y = 0.03;
            let contact = origin + rotation * contact;
            let heading = rotation * Quat::from_rotation_y(wheel.steer_rad);
            let [ahead, left] = wheel.force_n;
            let force = heading * Vec3::new(ahead, 0.0, -left) / FORCE_NPM;
            let used = wheel.friction_use.min(1.0);
            let colour = Color::srgb(0.2 + 0.8 * used, 0.95 - 0.8 * used, 0.25);
            let lifted = contact + Vec3::Y * 0.05;
            if force.length() > 0.02 {
                gizmos.arrow(lifted, lifted + force, colour);
            }
            let load = Vec3::Y * wheel.load_n / (4.0 * FORCE_NPM);
            gizmos.line(contact, contact + load, Color::srgba(0.85, 0.9, 1.0, 0.55));
            if wheel.load_n > 0.0 {
                gizmos.circle(flat(contact), 0.07, colour);
            }
        }
    }
    if layers.trajectory && live.scrub.is_none() {
        let points =
            live.session.view().trajectory_m.iter().map(|point| place.point(*point) + Vec3::Y * 0.12);
        lying.linestrip(points, Color::srgb(1.0, 0.55, 0.05));
    }
    if let Some(believed) = moment.believed_m.filter(|_| layers.believed) {
        let at = place.point(believed) + Vec3::Y * 0.1;
        let [east, north] = moment.sigma_m;
        let violet = Color::srgb(0.75, 0.3, 1.0);
        lying.line(at - Vec3::X * 0.4, at + Vec3::X * 0.4, violet);
        lying.line(at - Vec3::Z * 0.4, at + Vec3::Z * 0.4, violet);
        lying.line(at, at + Vec3::Y * 2.4, violet.with_alpha(0.6));
        lying.ellipse(flat(at), Vec2::new(3.0 * east, 3.0 * north), violet);
    }
    if let Some(ghost) =
        live.session.previous().filter(|_| layers.ghost).and_then(|run| run.at(moment.time_s))
    {
        draw_ghost(ghost, &size, &place, &mut lying);
    }
}

/// Lying on the ground, x east and y north.
fn flat(at: Vec3) -> Isometry3d {
    Isometry3d::new(at, Quat::from_rotation_x(-0.5 * std::f32::consts::PI))
}

/// The outline of the car of another run.
fn draw_ghost(ghost: &Moment, size: &Dimensions, place: &Place, gizmos: &mut Gizmos<Lying>) {
    let rotation = Place::rotation(ghost.attitude);
    let named = |name: &str| TraceSample::COLUMNS.iter().position(|(column, _)| *column == name);
    let at = ["x_m", "y_m", "z_m"].map(|name| named(name).map_or(0.0, |i| f64::from(ghost.values[i])));
    let origin = place.point(at);
    let colour = Color::srgba(0.2, 0.85, 1.0, 0.9);
    for height in [0.35, 1.3] {
        let corners = [(-0.9, -0.9), (1.0, -0.9), (1.0, 0.9), (-0.9, 0.9), (-0.9, -0.9)];
        let corners = corners.map(|(x, z)| {
            let x = if x > 0.0 { size.wheelbase + 0.9 } else { x };
            origin + rotation * Vec3::new(x, height, z)
        });
        gizmos.linestrip(corners, colour);
    }
}

fn move_camera(
    time: Res<Time>,
    mut live: ResMut<Live>,
    free: Res<FreeCamera>,
    mut loaded: ResMut<Loaded>,
    cars: Query<&Transform, (With<CarBody>, Without<SceneCamera>, Without<Dome>)>,
    mut cameras: Query<(&mut Transform, &Camera, &mut Projection), (With<SceneCamera>, Without<Dome>)>,
    mut domes: Query<&mut Transform, With<Dome>>,
) {
    let (Some(size), Ok(car)) = (loaded.size, cars.single()) else { return };
    let yaw = Quat::from_rotation_y({
        let ahead = car.rotation * Vec3::X;
        (-ahead.z).atan2(ahead.x)
    });
    // Off-screen pictures follow at once, so that they are the same on every machine.
    let share =
        if loaded.lagged_set && !live.off_screen { 1.0 - (-6.0 * time.delta_secs()).exp() } else { 1.0 };
    loaded.lagged = loaded.lagged.slerp(yaw, share);
    loaded.lagged_set = true;
    // Panels that open take half of their room from what is seen, half from its size.
    let share_of_height = (live.scene_px.height() / live.window_px.y.max(1.0)).sqrt();
    for (mut at, camera, mut projection) in &mut cameras {
        *at = pose(live.camera, &free, car, &size, loaded.lagged);
        if let Projection::Perspective(perspective) = &mut *projection {
            let whole: f32 = if live.camera == CameraMode::Cockpit { 1.05 } else { 0.82 };
            perspective.fov = 2.0 * ((0.5 * whole).tan() * share_of_height.max(0.05)).atan();
            perspective.near = 0.05;
            perspective.far = 2.0 * sky::DOME_M;
        }
        for mut dome in &mut domes {
            dome.translation = at.translation;
        }
        // Where the car is in the picture, for who looks for it there.
        let middle = car.translation + car.rotation * Vec3::new(0.5 * size.wheelbase, 0.6, 0.0);
        let camera_at = GlobalTransform::from(*at);
        let in_picture = camera.world_to_ndc(&camera_at, middle).filter(|ndc| ndc.z > 0.0).map(|ndc| {
            let share = 0.5 * Vec2::new(1.0 + ndc.x, 1.0 - ndc.y);
            live.scene_px.min + share * live.scene_px.size()
        });
        live.car_on_screen = in_picture;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lamps_tell_what_the_car_does() {
        let lit = |lamp, brakes, turn, time_s| glow(lamp, brakes, turn, time_s).red > 1.0;
        assert!(
            lit(Lamp::Brake, true, TurnSignal::Off, 0.0) && !lit(Lamp::Brake, false, TurnSignal::Left, 0.0)
        );
        let blinks = |lamp, turn| {
            let seen = [0, 1, 2, 3].map(|k| lit(lamp, true, turn, BLINK_S * (0.25 + 0.5 * f64::from(k))));
            assert!(seen == [true, false, true, false] || seen == [false; 4], "{seen:?}");
            seen[0]
        };
        assert!(blinks(Lamp::Left, TurnSignal::Left) && !blinks(Lamp::Right, TurnSignal::Left));
        assert!(blinks(Lamp::Right, TurnSignal::Right) && !blinks(Lamp::Left, TurnSignal::Right));
        assert!(!blinks(Lamp::Left, TurnSignal::Off));
    }

    #[test]
    fn errors_go_from_green_over_yellow_to_red() {
        let [green, yellow, red] = [0.0, 0.1, 0.5].map(error_colour);
        assert!(green[1] > 2.0 * green[0]);
        assert!(yellow[0] > 0.8 && yellow[1] > 0.6);
        assert!(red[0] > 8.0 * red[1]);
        assert_eq!(error_colour(-0.5), red);
        assert_eq!(error_colour(f32::NAN)[0], error_colour(f32::NAN)[1]);
    }
}
