//! Pictures that are computed instead of loaded: the sky with its clouds, the grain of asphalt and grass.

use super::sky;
use bevy::asset::RenderAssetUsages;
use bevy::image::{ImageAddressMode, ImageFilterMode, ImageSampler, ImageSamplerDescriptor};
use bevy::prelude::*;
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};
use std::f32::consts::{FRAC_PI_2, TAU};

/// A number of 0 to 1 that looks drawn by lot and is always the same for the same place.
pub(super) fn speckle(x: i64, y: i64) -> f32 {
    let mut hash =
        (x as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (y as u64).wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
    hash ^= hash >> 29;
    hash = hash.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((hash >> 40) & 0xFFFF) as f32 / 65_535.0
}

/// Smooth between the specks of whole numbers; repeats after `period` if that is not 0.
fn noise(at: Vec2, period: i64) -> f32 {
    let (cell, t) = (at.floor(), at - at.floor());
    let t = t * t * (3.0 - 2.0 * t);
    let speck = |dx: i64, dy: i64| {
        let wrap = |value: i64| if period > 0 { value.rem_euclid(period) } else { value };
        speckle(wrap(cell.x as i64 + dx), wrap(cell.y as i64 + dy))
    };
    let low = speck(0, 0) + (speck(1, 0) - speck(0, 0)) * t.x;
    let high = speck(0, 1) + (speck(1, 1) - speck(0, 1)) * t.x;
    low + (high - low) * t.y
}

/// Noise on ever finer scales, 0 to 1.
fn cloudy(at: Vec2) -> f32 {
    let (mut sum, mut share, mut scale) = (0.0, 0.5, 1.0);
    for octave in 0..5 {
        sum += share * noise(at * scale + Vec2::splat(17.0 * octave as f32), 0);
        (share, scale) = (0.5 * share, 2.03 * scale);
    }
    sum / 0.97
}

/// Lowest pitch of the picture of the sky, rad.
pub(super) const SKY_LOWEST: f32 = -0.2;

/// The sky around: columns are directions from south over east, rows the pitch from the zenith down to [`SKY_LOWEST`].
pub(super) fn sky_image() -> Image {
    const SIZE: [usize; 2] = [1024, 384];
    let mut data = Vec::with_capacity(4 * SIZE[0] * SIZE[1]);
    let mix = |a: Vec3, b: Vec3, t: f32| a + (b - a) * t;
    let srgb = |r: f32, g: f32, b: f32| Vec3::new(r, g, b) / 255.0;
    let (zenith, middle) = (srgb(44.0, 104.0, 190.0), srgb(112.0, 170.0, 228.0));
    let horizon = Vec3::from(sky::HORIZON.to_srgba().to_f32_array_no_alpha());
    let sun = sky::sun();
    for row in 0..SIZE[1] {
        let pitch = FRAC_PI_2 + (SKY_LOWEST - FRAC_PI_2) * (row as f32 + 0.5) / SIZE[1] as f32;
        for column in 0..SIZE[0] {
            let yaw = TAU * (column as f32 + 0.5) / SIZE[0] as f32;
            let direction = Vec3::new(pitch.cos() * yaw.cos(), pitch.sin(), pitch.cos() * yaw.sin());
            let up = direction.y.max(0.0);
            let clear = if up < 0.25 {
                mix(horizon, middle, (up / 0.25).powf(0.7))
            } else {
                mix(middle, zenith, ((up - 0.25) / 0.75).powf(0.8))
            };
            let near_sun = direction.dot(sun).max(0.0);
            let mut colour = clear
                + Vec3::new(1.0, 0.93, 0.78) * (0.22 * near_sun.powf(12.0) + 0.5 * near_sun.powf(600.0));
            if up > 0.02 {
                // Clouds on a plane far above; thicker towards the sun means darker below.
                let over = Vec2::new(direction.x, direction.z) / (up + 0.10) * 1.25;
                let density = |at: Vec2| ((cloudy(at) - 0.50) / 0.24).clamp(0.0, 1.0);
                let here = density(over);
                if here > 0.0 {
                    let shade = density(over + 0.22 * Vec2::new(sun.x, sun.z));
                    let white = mix(Vec3::ONE, srgb(176.0, 190.0, 208.0), 0.8 * shade);
                    let cover = here * here * (3.0 - 2.0 * here) * ((up - 0.02) / 0.16).clamp(0.0, 1.0);
                    colour = mix(colour, white, 0.85 * cover);
                }
            }
            let byte = |value: f32| (255.0 * value.clamp(0.0, 1.0)).round() as u8;
            data.extend([byte(colour.x), byte(colour.y), byte(colour.z), 255]);
        }
    }
    image(SIZE, data, 1, false)
}

/// Fine grain that repeats without a seam, near white, `strong` of 0 to 1; to be multiplied with a colour.
pub(super) fn grain_image(strong: f32, smooth: bool) -> Image {
    const SIDE: usize = 256;
    let mut level: Vec<f32> = (0..SIDE * SIDE)
        .map(|i| {
            let (x, y) = (i % SIDE, i / SIDE);
            let at = Vec2::new(x as f32, y as f32);
            let fine = speckle(x as i64 + 7000, y as i64);
            let middle = noise(at / 4.0, SIDE as i64 / 4);
            let coarse = noise(at / 32.0, SIDE as i64 / 32);
            let mixed = if smooth {
                0.25 * fine + 0.4 * middle + 0.35 * coarse
            } else {
                0.6 * fine + 0.2 * middle + 0.2 * coarse
            };
            1.0 - strong * mixed
        })
        .collect();
    // A picture of half the size for what is twice as far, down to a single pixel.
    let (mut data, mut side, mut levels) = (Vec::new(), SIDE, 0);
    loop {
        for value in &level {
            let byte = (255.0 * value).round() as u8;
            data.extend([byte, byte, byte, 255]);
        }
        levels += 1;
        if side == 1 {
            return image([SIDE, SIDE], data, levels, true);
        }
        side /= 2;
        level = (0..side * side)
            .map(|i| {
                let at = |dx: usize, dy: usize| level[(2 * (i / side) + dy) * 2 * side + 2 * (i % side) + dx];
                0.25 * (at(0, 0) + at(1, 0) + at(0, 1) + at(1, 1))
            })
            .collect();
    }
}

fn image(size: [usize; 2], data: Vec<u8>, levels: u32, repeats: bool) -> Image {
    let extent = Extent3d { width: size[0] as u32, height: size[1] as u32, depth_or_array_layers: 1 };
    let mut image = Image::new_uninit(
        extent,
        TextureDimension::D2,
        TextureFormat::Rgba8UnormSrgb,
        RenderAssetUsages::RENDER_WORLD,
    );
    image.texture_descriptor.mip_level_count = levels;
    image.data = Some(data);
    let mode = if repeats { ImageAddressMode::Repeat } else { ImageAddressMode::ClampToEdge };
    image.sampler = ImageSampler::Descriptor(ImageSamplerDescriptor {
        // Around the horizon it goes on.
        address_mode_u: ImageAddressMode::Repeat,
        address_mode_v: mode,
        mag_filter: ImageFilterMode::Linear,
        min_filter: ImageFilterMode::Linear,
        mipmap_filter: ImageFilterMode::Linear,
        ..default()
    });
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grain_has_all_its_sizes_and_the_mean_of_each_is_the_same() {
        let image = grain_image(0.3, false);
        let data = image.data.unwrap();
        assert_eq!(image.texture_descriptor.mip_level_count, 9);
        assert_eq!(data.len(), 4 * (0..9).map(|level| (256 >> level) * (256 >> level)).sum::<usize>());
        let mean = data[..4 * 256 * 256].iter().step_by(4).map(|v| f64::from(*v)).sum::<f64>() / 65_536.0;
        assert!((mean - f64::from(data[data.len() - 4])).abs() < 4.0);
    }

    #[test]
    fn the_sky_is_blue_above_and_brighter_where_the_sun_stands() {
        let data = sky_image().data.unwrap();
        let pixel = |direction: Vec3| {
            let pitch = direction.y.asin();
            let yaw = direction.z.atan2(direction.x).rem_euclid(TAU);
            let row = ((FRAC_PI_2 - pitch) / (FRAC_PI_2 - SKY_LOWEST) * 384.0) as usize;
            let column = (yaw / TAU * 1024.0) as usize;
            let at = 4 * (row.min(383) * 1024 + column.min(1023));
            [data[at], data[at + 1], data[at + 2]].map(i32::from)
        };
        let sum = |direction| pixel(direction).iter().sum::<i32>();
        let away = Vec3::new(-sky::sun().x, sky::sun().y, -sky::sun().z);
        assert!(sum(sky::sun()) > sum(away));
        let blue = data.chunks_exact(4).filter(|p| p[2] > p[0]).count();
        assert!(blue > data.len() / 8, "{blue}");
    }
}
