//! The desktop app: watch, drive, break and replay.
//!
//! [`session`] owns the simulation in a thread of its own, records it and takes orders; it knows nothing of windows.
//! The rest (feature `window`) draws: `scene` the world in three dimensions, `panels` the instruments, of what `live`
//! holds; `hands` take keys, mouse and `gamepad`, `deeds` says what they stand for; `app` puts all together. The window never waits for the simulation, nor the simulation for the window.

pub mod session;
pub mod settings;

#[cfg(feature = "window")]
pub mod app;
#[cfg(feature = "window")]
pub mod deeds;
#[cfg(feature = "window")]
mod demo;
#[cfg(feature = "window")]
mod gamepad;
#[cfg(feature = "window")]
mod hands;
#[cfg(feature = "window")]
pub mod live;
#[cfg(feature = "window")]
pub mod panels;
#[cfg(feature = "window")]
mod picture;
#[cfg(feature = "window")]
pub mod scene;
