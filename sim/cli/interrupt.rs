//! Ctrl-C, and the signals that ask a program to end.

use crate::status::{Failure, Status};
use std::sync::atomic::{AtomicBool, Ordering};

static PRESSED: AtomicBool = AtomicBool::new(false);

/// From now on, Ctrl-C (SIGINT), SIGTERM and SIGHUP set the flag that is returned, for those who work to stop and report;
/// the second of them ends the program at once.
pub fn watch() -> Result<&'static AtomicBool, Failure> {
    ctrlc::set_handler(|| {
        if PRESSED.swap(true, Ordering::Relaxed) {
            std::process::exit(Status::Interrupted as i32);
        }
    })
    .map_err(|error| Failure::new(Status::Internal, format!("cannot watch for Ctrl-C: {error}")))?;
    Ok(&PRESSED)
}
