//! Ctrl-C, and the signals that ask a program to end.

use crate::status::{Failure, Status};
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};

/// From now on, Ctrl-C (SIGINT), SIGTERM and SIGHUP set the flag that is returned, for those who work to stop and report;
/// the second of them ends the program at once. A SIGHUP that the program was started to ignore, as by `nohup`, stays ignored
/// (on Linux).
pub fn watch() -> Result<&'static AtomicBool, Failure> {
    let set_up = if hangup_is_ignored() { without_hangup } else { with_all };
    set_up().map_err(|error| Failure::new(Status::Internal, format!("cannot watch for Ctrl-C: {error}")))
}

fn with_all() -> Result<&'static AtomicBool, Box<dyn Error>> {
    static PRESSED: AtomicBool = AtomicBool::new(false);
    ctrlc::set_handler(|| {
        if PRESSED.swap(true, Ordering::Relaxed) {
            std::process::exit(Status::Interrupted as i32);
        }
    })?;
    Ok(&PRESSED)
}

/// The same with the signals named one by one, which ctrlc cannot.
#[cfg(target_os = "linux")]
fn without_hangup() -> Result<&'static AtomicBool, Box<dyn Error>> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::flag;
    use std::sync::{Arc, OnceLock};

    static PRESSED: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    let pressed = PRESSED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag down, and only raises it.
        flag::register_conditional_shutdown(signal, Status::Interrupted as i32, pressed.clone())?;
        flag::register(signal, pressed.clone())?;
    }
    Ok(pressed)
}

#[cfg(not(target_os = "linux"))]
fn without_hangup() -> Result<&'static AtomicBool, Box<dyn Error>> {
    with_all()
}

/// Whether the program was started to ignore SIGHUP. Linux tells without an unsafe call.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // The first bit is signal 1.
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
