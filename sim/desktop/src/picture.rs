//! Pictures of what is drawn, as files.

use bevy::prelude::*;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured, save_to_disk};
use std::path::PathBuf;

/// The picture that is drawn into, off screen.
#[derive(Resource, Clone)]
pub(crate) struct Canvas(pub(crate) Handle<Image>);

/// Saves a part of the picture: left, top, width, height, pixels.
pub(crate) fn save_part(
    file: PathBuf,
    [left, top, width, height]: [u32; 4],
) -> impl FnMut(On<ScreenshotCaptured>) {
    move |captured: On<ScreenshotCaptured>| {
        let saved = match captured.image.clone().try_into_dynamic() {
            Ok(image) => {
                image.crop_imm(left, top, width, height).to_rgb8().save(&file).map_err(|e| e.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = saved {
            eprintln!("skidpad-desktop: {}: {error}", file.display());
        }
    }
}

/// Saves the picture.
pub(crate) fn shoot(commands: &mut Commands, canvas: Option<&Canvas>, file: PathBuf) {
    let screenshot =
        canvas.map_or_else(Screenshot::primary_window, |canvas| Screenshot::image(canvas.0.clone()));
    commands.spawn(screenshot).observe(save_to_disk(file));
}
