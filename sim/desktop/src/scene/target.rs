//! The picture that the scene is drawn into: as large as what the panels leave free, coarser in low quality. The panels
//! show it behind themselves; what they cover is not drawn.

use super::SceneCamera;
use crate::live::{Live, Quality};
use bevy::camera::RenderTarget;
use bevy::prelude::*;
use bevy::render::render_resource::{Extent3d, TextureFormat};
use bevy_egui::{EguiTextureHandle, EguiUserTextures, egui};

/// Most pixels of the scene in low quality, which is for drawing in software.
const LOW_MOST_PX: f32 = 320_000.0;
/// Frames that a new size must hold before it is taken in a window: a panel that is dragged has another in each.
const STEADY_FRAMES: u32 = 3;
/// Thickness of lines, pixels of the window.
const LINE_PX: f32 = 3.0;

/// The picture, and how the panels know it.
#[derive(Resource, Clone)]
pub(crate) struct ScenePicture {
    image: Handle<Image>,
    /// For [`egui::Painter::image`].
    pub(crate) texture: egui::TextureId,
    /// A size that was asked for lately and in how many frames.
    asked: (UVec2, u32),
}

/// The camera's picture, to be spawned with it.
pub(crate) fn picture(
    images: &mut Assets<Image>,
    textures: &mut EguiUserTextures,
    [width, height]: [u32; 2],
) -> (ScenePicture, RenderTarget) {
    let mut image = Image::new_target_texture(width, height, TextureFormat::Rgba8UnormSrgb, None);
    // It is only ever drawn into, and drawn anew when its size is another.
    (image.data, image.copy_on_resize) = (None, false);
    let image = images.add(image);
    let texture = textures.add_image(EguiTextureHandle::Strong(image.clone()));
    (
        ScenePicture { image: image.clone(), texture, asked: (UVec2::ZERO, 0) },
        RenderTarget::Image(image.into()),
    )
}

/// Pixels of the scene for `free` pixels of the window.
fn size(free: Vec2, quality: Quality) -> UVec2 {
    let share = match quality {
        Quality::High => 1.0,
        Quality::Low => (LOW_MOST_PX / (free.x * free.y).max(1.0)).sqrt().min(1.0),
    };
    (free * share).round().as_uvec2().max(UVec2::splat(16))
}

/// Gives the picture the size of what is free.
pub(super) fn fit(
    live: Res<Live>,
    mut picture: ResMut<ScenePicture>,
    mut images: ResMut<Assets<Image>>,
    mut gizmos: ResMut<GizmoConfigStore>,
    cameras: Query<&Camera, With<SceneCamera>>,
) {
    let free = live.scene_px.size();
    // Nobody looks (the demo, between its states).
    if free.min_element() < 1.0 || cameras.iter().all(|camera| !camera.is_active) {
        return;
    }
    let wanted = size(free, live.quality);
    if images.get(&picture.image).is_some_and(|image| image.size() == wanted) {
        return;
    }
    let frames = if picture.asked.0 == wanted { picture.asked.1 + 1 } else { 0 };
    picture.asked = (wanted, frames);
    if frames < STEADY_FRAMES && !live.off_screen {
        return;
    }
    if let Some(mut image) = images.get_mut(&picture.image) {
        image.resize(Extent3d { width: wanted.x, height: wanted.y, depth_or_array_layers: 1 });
    }
    for (_, config, _) in gizmos.iter_mut() {
        config.line.width = (LINE_PX * wanted.x as f32 / free.x).max(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn low_quality_draws_few_pixels_in_any_window_and_never_more_than_there_are() {
        for free in [Vec2::new(320.0, 200.0), Vec2::new(774.0, 430.0), Vec2::new(3400.0, 1800.0)] {
            let low = size(free, Quality::Low).as_vec2();
            assert!(low.x * low.y <= LOW_MOST_PX * 1.01 && low.x <= free.x && low.y <= free.y, "{low}");
            assert!((low.x / low.y / (free.x / free.y) - 1.0).abs() < 0.01, "{low} is not in shape");
            assert_eq!(size(free, Quality::High), free.as_uvec2());
        }
    }
}
