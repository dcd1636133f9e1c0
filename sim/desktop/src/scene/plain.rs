//! The look of low quality: a processor that draws the scene spends its time on light and mirrors; here every surface keeps
//! its colour and loses the rest.

use super::sky;
use crate::live::{Live, Quality};
use bevy::asset::uuid_handle;
use bevy::mesh::MeshVertexBufferLayoutRef;
use bevy::pbr::{MaterialPipeline, MaterialPipelineKey};
use bevy::platform::collections::HashMap;
use bevy::prelude::*;
use bevy::reflect::TypePath;
use bevy::render::render_resource::{
    AsBindGroup, Face, RenderPipelineDescriptor, SpecializedMeshPipelineError,
};
use bevy::shader::ShaderRef;

const SHADER: Handle<Shader> = uuid_handle!("6d1a3f1e-5a57-4b0e-9f0c-3a7c1d52b9e4");
/// What the film makes of a surface that is lit already, in the rich look.
const LIT_ALREADY: f32 = 0.85;
/// What a surface without mirrors sends back of the light, and what one that mirrors all would add.
const MATT: f32 = 0.55;
const MIRRORS: f32 = 0.75;
/// What it makes of glowing ones.
const GLOW: f32 = 0.5;

/// A surface with nothing but its colour.
#[derive(Asset, AsBindGroup, TypePath, Clone, Debug)]
#[bind_group_data(Sides)]
pub(super) struct Plain {
    #[uniform(0)]
    colour: LinearRgba,
    #[uniform(0)]
    glow: LinearRgba,
    #[uniform(0)]
    sun: Vec4,
    #[uniform(0)]
    haze: LinearRgba,
    #[texture(1)]
    #[sampler(2)]
    picture: Option<Handle<Image>>,
    alpha: AlphaMode,
    sides: Sides,
}

/// Which sides are seen.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Sides {
    Front,
    Both,
}

impl From<&Plain> for Sides {
    fn from(plain: &Plain) -> Sides {
        plain.sides
    }
}

impl Plain {
    /// What is left of a rich surface.
    fn of(rich: &StandardMaterial) -> Plain {
        let bright = match rich {
            StandardMaterial { unlit: true, fog_enabled: false, .. } => 1.0,
            StandardMaterial { unlit: true, .. } => LIT_ALREADY,
            _ => MATT + MIRRORS * rich.reflectance,
        };
        let colour = rich.base_color.to_linear();
        let haze = sky::HORIZON.to_linear().with_alpha(if rich.fog_enabled { 1.0 } else { 0.0 });
        Plain {
            colour: (colour * bright).with_alpha(colour.alpha),
            glow: rich.emissive * GLOW,
            sun: sky::sun().extend(if rich.unlit { 0.0 } else { 1.0 }),
            haze,
            picture: rich.base_color_texture.clone(),
            alpha: rich.alpha_mode,
            sides: if rich.cull_mode.is_some() { Sides::Front } else { Sides::Both },
        }
    }
}

impl Material for Plain {
    fn fragment_shader() -> ShaderRef {
        ShaderRef::Handle(SHADER)
    }

    fn alpha_mode(&self) -> AlphaMode {
        self.alpha
    }

    fn enable_prepass() -> bool {
        false
    }

    fn enable_shadows() -> bool {
        false
    }

    fn specialize(
        _: &MaterialPipeline,
        descriptor: &mut RenderPipelineDescriptor,
        _: &MeshVertexBufferLayoutRef,
        key: MaterialPipelineKey<Self>,
    ) -> Result<(), SpecializedMeshPipelineError> {
        descriptor.primitive.cull_mode = (key.bind_group_data == Sides::Front).then_some(Face::Back);
        Ok(())
    }
}

/// Gives every surface the look of the quality.
pub(super) struct PlainPlugin;

impl Plugin for PlainPlugin {
    fn build(&self, app: &mut App) {
        let shader = Shader::from_wgsl(include_str!("plain.wgsl"), "skidpad/plain.wgsl");
        // Its handle is made of a number, so there is room for it.
        let _ = app.world_mut().resource_mut::<Assets<Shader>>().insert(SHADER.id(), shader);
        app.add_plugins(MaterialPlugin::<Plain>::default())
            .init_resource::<Looks>()
            // Before anything of this frame is drawn.
            .add_systems(PostUpdate, (dress, follow).chain());
    }
}

/// The plain look of each rich one.
#[derive(Resource, Default)]
struct Looks(HashMap<AssetId<StandardMaterial>, Handle<Plain>>);

/// What a surface with a plain look wears in high quality.
#[derive(Component)]
struct Rich(MeshMaterial3d<StandardMaterial>);

fn dress(
    live: Res<Live>,
    mut commands: Commands,
    mut looks: ResMut<Looks>,
    riches: Res<Assets<StandardMaterial>>,
    mut plains: ResMut<Assets<Plain>>,
    rich: Query<(Entity, &MeshMaterial3d<StandardMaterial>)>,
    plain: Query<(Entity, &Rich)>,
) {
    if live.quality == Quality::High {
        for (entity, Rich(material)) in &plain {
            commands.entity(entity).remove::<(Rich, MeshMaterial3d<Plain>)>().insert(material.clone());
        }
        return;
    }
    for (entity, material) in &rich {
        let Some(rich) = riches.get(material.id()) else { continue };
        let look = looks.0.entry(material.id()).or_insert_with(|| plains.add(Plain::of(rich))).clone();
        let both = (MeshMaterial3d(look), Rich(material.clone()));
        commands.entity(entity).remove::<MeshMaterial3d<StandardMaterial>>().insert(both);
    }
}

/// What changes in the rich look (lamps) changes in the plain one.
fn follow(
    mut changes: MessageReader<AssetEvent<StandardMaterial>>,
    mut looks: ResMut<Looks>,
    riches: Res<Assets<StandardMaterial>>,
    mut plains: ResMut<Assets<Plain>>,
) {
    for change in changes.read() {
        match change {
            AssetEvent::Modified { id } => {
                if let (Some(look), Some(rich)) = (looks.0.get(id), riches.get(*id))
                    && let Some(mut plain) = plains.get_mut(look)
                {
                    *plain = Plain::of(rich);
                }
            }
            AssetEvent::Removed { id } => _ = looks.0.remove(id),
            _ => {}
        }
    }
}
