//! Reading files and walking folders, without trusting either.

use crate::error::{LoadError, Problem, line_and_column, show};
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Largest scenario, vehicle or map file, bytes.
pub const MAX_FILE_BYTES: u64 = 16 << 20;

/// What some editors write in front of UTF-8 text; it means nothing.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads a text file of at most `limit` bytes; a byte order mark in front is left out.
pub fn read_text(path: &Path, limit: u64) -> Result<String, LoadError> {
    let bytes = without_mark(read_bytes(path, limit)?);
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let before = String::from_utf8_lossy(&bytes[..valid]);
        let (line, column) = line_and_column(&before, before.len());
        let byte = bytes.get(valid).copied().unwrap_or_default();
        let message = format!("expected UTF-8 text, got the byte 0x{byte:02x} at offset {valid}");
        LoadError::at(&show(path), line, column, message)
    })
}

/// The bytes without a byte order mark in front.
pub fn without_mark(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    bytes
}

/// Reads a file of at most `limit` bytes.
pub fn read_bytes(path: &Path, limit: u64) -> Result<Vec<u8>, LoadError> {
    let wrong = |message: String| LoadError::whole(path, message);
    let unreadable = |error: std::io::Error| wrong(reason(&error));
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(wrong("expected a file, got a folder".into()));
    }
    // Reading a device or a pipe may never end.
    if !metadata.is_file() {
        return Err(wrong("expected a regular file, got a device, pipe or socket".into()));
    }
    let too_large = |size: u64| {
        wrong(format!("the file is too large: {size} bytes, at most {limit} are read ({} MiB)", limit >> 20))
    };
    if metadata.len() > limit {
        return Err(too_large(metadata.len()));
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    // The file may grow while it is read.
    fs::File::open(path).map_err(unreadable)?.take(limit + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > limit {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}

/// An operating-system error in words.
pub fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or folder".to_string(),
        std::io::ErrorKind::PermissionDenied => "no permission to read it".to_string(),
        _ => format!("cannot be read: {error}"),
    }
}

/// The scenario files among `paths`: files as they are, folders searched for `*.toml`, also in their
/// subfolders (hidden ones left out). Sorted within a folder, each file once.
///
/// # Errors
/// A path that does not exist or cannot be read, a symbolic link that leads back to a folder it is in, a
/// folder without scenario files.
pub fn discover(paths: &[PathBuf]) -> Result<Vec<PathBuf>, LoadError> {
    let mut walk = Walk::default();
    for path in paths {
        let metadata = fs::metadata(path).map_err(|error| LoadError::whole(path, reason(&error)))?;
        if !metadata.is_dir() {
            walk.take(path.clone());
            continue;
        }
        let before = walk.found.len();
        walk.folder(path, &mut Vec::new());
        if walk.found.len() == before && walk.problems.is_empty() {
            let message = "expected scenario files (*.toml) in this folder or below it, found none";
            return Err(LoadError::whole(path, message));
        }
    }
    if walk.problems.is_empty() { Ok(walk.found) } else { Err(LoadError::of(walk.problems)) }
}

#[derive(Default)]
struct Walk {
    found: Vec<PathBuf>,
    seen: BTreeSet<PathBuf>,
    problems: Vec<Problem>,
}

impl Walk {
    /// Folders deeper than this are no one's scenarios.
    const DEEPEST: usize = 64;

    fn take(&mut self, path: PathBuf) {
        // The same file by another way is the same scenario.
        let identity = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        if self.seen.insert(identity) {
            self.found.push(path);
        }
    }

    /// `inside` holds the true paths of the folders that this one is in.
    fn folder(&mut self, path: &Path, inside: &mut Vec<PathBuf>) {
        let wrong = |message: String| Problem { file: show(path), place: None, message };
        let identity = match fs::canonicalize(path) {
            Ok(identity) => identity,
            Err(error) => return self.problems.push(wrong(reason(&error))),
        };
        if let Some(outer) = inside.iter().find(|outer| **outer == identity) {
            let message = format!("a symbolic link that leads back to {}: remove it", outer.display());
            return self.problems.push(wrong(message));
        }
        if inside.len() >= Self::DEEPEST {
            return self.problems.push(wrong(format!("folders nested more than {} deep", Self::DEEPEST)));
        }
        let mut entries = Vec::new();
        match fs::read_dir(path) {
            Ok(list) => {
                for entry in list {
                    match entry {
                        Ok(entry) => entries.push(entry.path()),
                        Err(error) => self.problems.push(wrong(reason(&error))),
                    }
                }
            }
            Err(error) => return self.problems.push(wrong(reason(&error))),
        }
        entries.sort();
        inside.push(identity);
        for entry in entries {
            let hidden = entry.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if hidden {
                continue;
            }
            match fs::metadata(&entry) {
                Ok(metadata) if metadata.is_dir() => self.folder(&entry, inside),
                Ok(_) if entry.extension().is_some_and(|extension| extension == "toml") => self.take(entry),
                Ok(_) => {}
                // A link to itself, or to nothing.
                Err(error) => {
                    let message = match error.kind() {
                        std::io::ErrorKind::NotFound => "a symbolic link to nothing".to_string(),
                        _ => reason(&error),
                    };
                    self.problems.push(Problem { file: show(&entry), place: None, message });
                }
            }
        }
        inside.pop();
    }
}
