//! What the tests of all rooms share: the folder of reference data, and skipping aloud.

use std::io::Write;
use std::path::PathBuf;

/// Environment variable that names the folder of reference data.
pub const REFERENCE_DATA: &str = "SKIDPAD_REFERENCE_DATA";

/// The folder of reference data (measurements and recordings of third parties, not part of the
/// repository); `None`, said aloud, where there is none.
pub fn reference_data() -> Option<PathBuf> {
    let folder = std::env::var_os(REFERENCE_DATA).map(PathBuf::from);
    if folder.is_none() {
        skip(&format!("{REFERENCE_DATA} is not set"));
    }
    folder
}

/// Says on the terminal that the running test is skipped and why. The test harness captures `eprintln!`
/// of tests that pass, so this writes to the stream itself.
pub fn skip(reason: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test").to_string();
    // A terminal that is gone is no reason to fail.
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {reason}");
}
