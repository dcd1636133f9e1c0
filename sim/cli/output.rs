//! Where results go: standard output, or a file that is complete or not there at all.

use crate::status::Failure;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes `text` to standard output.
pub fn print(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

/// Writes `bytes` to standard output.
pub fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(bytes)
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::write("standard output", &error))
}

/// A buffered result file. It is written under a temporary name beside its place and takes its name in
/// [`OutFile::finish`]; dropped before that, it leaves what was there untouched. `-` is standard output.
pub struct OutFile {
    name: String,
    writer: BufWriter<Box<dyn Write>>,
    rename: Option<Rename>,
}

/// A file under its temporary name; removed when dropped before it took its own.
struct Rename {
    from: PathBuf,
    to: PathBuf,
}

impl Drop for Rename {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.from);
    }
}

impl OutFile {
    /// Opens `path` for writing; folders on the way are made.
    pub fn create(path: &Path) -> Result<OutFile, Failure> {
        let name = path.display().to_string();
        if path == Path::new("-") {
            let writer = BufWriter::new(Box::new(io::stdout()) as Box<dyn Write>);
            return Ok(OutFile { name: "standard output".into(), writer, rename: None });
        }
        let (file, rename) = open(path).map_err(|error| Failure::write(&name, &error))?;
        Ok(OutFile { name, writer: BufWriter::new(Box::new(file)), rename })
    }

    /// Adds `text`.
    pub fn add(&mut self, text: &str) -> Result<(), Failure> {
        self.writer.write_all(text.as_bytes()).map_err(|error| Failure::write(&self.name, &error))
    }

    /// Puts the file in its place.
    pub fn finish(mut self) -> Result<(), Failure> {
        let flushed = self.writer.flush();
        let placed = flushed.and_then(|()| match &self.rename {
            Some(rename) => fs::rename(&rename.from, &rename.to),
            None => Ok(()),
        });
        placed.map_err(|error| Failure::write(&self.name, &error))
    }
}

impl Write for OutFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Writes a whole result file at once.
pub fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    let mut file = OutFile::create(path)?;
    file.add(text)?;
    file.finish()
}

/// Opens the file to write now, and says how it gets its name.
fn open(path: &Path) -> io::Result<(File, Option<Rename>)> {
    // A device or a pipe is written to, not replaced.
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Ok((File::options().write(true).open(path)?, None));
    }
    let name = path.file_name().ok_or_else(|| io::Error::other("the path names no file"))?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.part", std::process::id()));
    let from = path.with_file_name(hidden);
    let file = File::create(&from)?;
    Ok((file, Some(Rename { from, to: path.to_owned() })))
}
