//! Reading what a user names, without trusting it.

use crate::status::Failure;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// The text of the file `path`, or of standard input if it is `-`; at most `max_bytes` of it.
pub fn text(path: &Path, max_bytes: u64) -> Result<String, Failure> {
    let (name, bytes) = if path == Path::new("-") {
        ("standard input".to_string(), bounded(io::stdin(), max_bytes))
    } else {
        (path.display().to_string(), open(path).and_then(|file| bounded(file, max_bytes)))
    };
    let bytes = bytes.map_err(|error| Failure::usage(format!("{name}: cannot be read: {error}")))?;
    if bytes.len() as u64 > max_bytes {
        let most = max_bytes >> 20;
        return Err(Failure::usage(format!("{name}: is too large: at most {most} MiB are read")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        Failure::usage(format!("{name}: expected UTF-8 text; the byte at offset {offset} is none"))
    })
}

fn open(path: &Path) -> io::Result<File> {
    if fs::metadata(path)?.is_dir() {
        return Err(io::Error::other("expected a file, got a folder"));
    }
    File::open(path)
}

/// One byte more than allowed shows that there is more.
fn bounded(from: impl Read, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(max_bytes + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
