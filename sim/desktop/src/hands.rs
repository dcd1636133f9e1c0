//! What hands do: keys, the wheel and pedals that they stand for, the mouse.

use crate::deeds::{Deed, FAULTS, KEYS};
use crate::gamepad::Button;
use crate::live::Live;
use crate::picture::{Canvas, save_part, shoot};
use crate::scene::FreeCamera;
use crate::session::{Axes, Command, DriverWish, Keys, State};
use bevy::input::mouse::{AccumulatedMouseMotion, AccumulatedMouseScroll};
use bevy::prelude::*;
use bevy::render::view::screenshot::Screenshot;
use bevy::window::{FileDragAndDrop, MonitorSelection, WindowMode};
use bevy_egui::input::EguiWantsInput;
use skidpad_scenario::GearName;

/// Does what keys stand for, and drives.
pub(crate) fn keys(
    keyboard: Res<ButtonInput<KeyCode>>,
    wants: Option<Res<EguiWantsInput>>,
    time: Res<Time>,
    mut live: ResMut<Live>,
    mut commands: Commands,
    canvas: Option<Res<Canvas>>,
) {
    let typing = wants.is_some_and(|wants| wants.wants_any_keyboard_input());
    let typing = if live.panels.faults && !typing {
        choose_fault(&keyboard, &mut live);
        true
    } else {
        typing
    };
    if !typing {
        for (key, _, deed, _) in KEYS {
            if keyboard.just_pressed(*key) {
                live.act(*deed);
            }
        }
    }
    let down = |a: KeyCode, b: KeyCode| !typing && (keyboard.pressed(a) || keyboard.pressed(b));
    let held = Keys {
        up: down(KeyCode::ArrowUp, KeyCode::KeyW),
        down: down(KeyCode::ArrowDown, KeyCode::KeyS),
        left: down(KeyCode::ArrowLeft, KeyCode::KeyA),
        right: down(KeyCode::ArrowRight, KeyCode::KeyD),
    };
    let speed_mps = live.shown().map_or(0.0, |moment| f64::from(moment.value("speed_mps")));
    let gear = live.wish.gear.take();
    let (axes, dt_s) = (gamepad(&mut live), time.delta_secs_f64().min(0.2));
    let moved = match axes.rest() || held.any() {
        true => live.wish.follow(held, speed_mps, dt_s),
        false => live.wish.follow_axes(axes, speed_mps, dt_s),
    };
    let wish = DriverWish { gear, ..moved };
    // A driver who begins to drive starts the clock.
    if (held.any() || !axes.rest()) && live.session.view().state == State::Paused && live.scrub.is_none() {
        live.session.order(Command::Run);
    }
    let active = !wish.is_idle();
    if active || live.driving {
        live.session.order(Command::Drive(wish));
    }
    live.driving = active;
    live.wish = DriverWish { gear: None, ..wish };
    if std::mem::take(&mut live.panels.wants_screenshot)
        && let Some(file) = live.free_file("skidpad", "png")
    {
        live.panels.say(format!("saved {}", file.display()));
        shoot(&mut commands, canvas.as_deref(), file);
    }
    match live.panels.wants_plots {
        Some(0) => {
            live.panels.wants_plots = None;
            if let (Some(area), Some(file)) = (live.panels.plots_px(), live.free_file("skidpad-plots", "png"))
            {
                live.panels.say(format!("saved {}", file.display()));
                let whole = canvas
                    .as_ref()
                    .map_or_else(Screenshot::primary_window, |canvas| Screenshot::image(canvas.0.clone()));
                commands.spawn(whole).observe(save_part(file, area));
            }
        }
        Some(left) => live.panels.wants_plots = Some(left - 1),
        None => {}
    }
}

/// Does what the gamepad's buttons stand for; its stick and triggers.
fn gamepad(live: &mut Live) -> Axes {
    if live.gamepad.poll() {
        let there = if live.gamepad.is_there() { "drives: stick, triggers" } else { "is gone" };
        live.panels.say(format!("the gamepad {there}"));
    }
    for button in live.gamepad.buttons() {
        live.act(match button {
            Button::Engage => Deed::Engage,
            Button::Disengage => Deed::Disengage,
            Button::Drive => Deed::Gear(GearName::Drive),
            Button::Reverse => Deed::Gear(GearName::Reverse),
        });
    }
    live.gamepad.axes()
}

/// The letters of the faults while their list is open.
const LETTERS: [KeyCode; 26] = {
    use KeyCode::*;
    [
        KeyA, KeyB, KeyC, KeyD, KeyE, KeyF, KeyG, KeyH, KeyI, KeyJ, KeyK, KeyL, KeyM, KeyN, KeyO, KeyP, KeyQ,
        KeyR, KeyS, KeyT, KeyU, KeyV, KeyW, KeyX, KeyY, KeyZ,
    ]
};

/// A letter lets its fault happen, Escape nothing.
fn choose_fault(keyboard: &ButtonInput<KeyCode>, live: &mut Live) {
    let chosen = LETTERS.iter().take(FAULTS.len()).position(|key| keyboard.just_pressed(*key));
    if let Some(index) = chosen {
        live.act(Deed::Fault(index));
    }
    if chosen.is_some() || keyboard.just_pressed(KeyCode::Escape) {
        live.panels.faults = false;
    }
}

/// Opens what is dropped onto the window.
pub(crate) fn dropped(mut files: MessageReader<FileDragAndDrop>, mut live: ResMut<Live>) {
    for file in files.read() {
        if let FileDragAndDrop::DroppedFile { path_buf, .. } = file {
            live.open(path_buf);
        }
    }
}

/// The whole screen, or a window.
pub(crate) fn follow_full_screen(live: Res<Live>, mut windows: Query<&mut Window>) {
    let wanted = match live.panels.full_screen {
        true => WindowMode::BorderlessFullscreen(MonitorSelection::Current),
        false => WindowMode::Windowed,
    };
    for mut window in &mut windows {
        if window.mode != wanted {
            window.mode = wanted;
        }
    }
}

/// Turns the free camera.
pub(crate) fn mouse(
    wants: Option<Res<EguiWantsInput>>,
    buttons: Res<ButtonInput<MouseButton>>,
    moved: Res<AccumulatedMouseMotion>,
    scrolled: Res<AccumulatedMouseScroll>,
    mut free: ResMut<FreeCamera>,
) {
    if wants.is_some_and(|wants| wants.wants_any_pointer_input()) {
        return;
    }
    if buttons.pressed(MouseButton::Left) || buttons.pressed(MouseButton::Right) {
        free.yaw_pitch -= moved.delta * Vec2::new(0.006, -0.004);
        free.yaw_pitch.y = free.yaw_pitch.y.clamp(-0.05, 1.5);
    }
    let factor = (-0.12 * scrolled.delta.y).exp();
    free.distance_m = (free.distance_m * factor).clamp(2.5, 300.0);
    free.above_m = (free.above_m * factor).clamp(10.0, 600.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_letter() {
        assert!(FAULTS.len() <= LETTERS.len());
    }
}
