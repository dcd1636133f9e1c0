//! The by-wire kit of a car: what is on its CAN bus. Its files are the car's own or those of a folder beside it,
//! so that two cars with the same kit need one copy.

use crate::check::is_folder_name;
use crate::document::{Document, steps};
use crate::error::{LoadError, Problems, show};
use crate::files::{MAX_FILE_BYTES, read_text};
use crate::library::folders;
use crate::names::hint;
use crate::structure::shorten;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The files of a kit.
const FILES: [&str; 2] = ["bywire.dbc", "bywire.toml"];

/// Where the [`FILES`] of the car in `dir` are: its own, and those it lacks in the folder that its
/// `bywire_kit` names (`wanted`), which is looked for beside `dir` and then in `library`.
pub fn find(dir: &Path, wanted: Option<&str>, library: Option<&Path>) -> Result<[PathBuf; 2], LoadError> {
    let own = FILES.map(|name| dir.join(name));
    let lacking = own.iter().find(|file| !file.exists());
    let Some(kit) = wanted else {
        return match lacking {
            None => Ok(own),
            Some(file) => Err(LoadError::whole(
                file,
                "no such file or folder; a car with the same kit as another one can name that one's folder in \
                 vehicle.toml: bywire_kit = \"…\"",
            )),
        };
    };
    let refuse = |message: String| Err(at_key(dir, format!("`bywire_kit`: {message}")));
    if lacking.is_none() {
        let [dbc, ecus] = FILES;
        return refuse(format!(
            "this folder has its own {dbc} and {ecus}, so that the key does nothing; remove it or them"
        ));
    }
    if !is_folder_name(kit) {
        return refuse("expected the name of a folder beside this one".to_string());
    }
    let mut places: Vec<PathBuf> = vec![beside(dir)];
    places.extend(library.map(Path::to_path_buf));
    let Some(folder) = places.iter().map(|place| place.join(kit)).find(|folder| folder.is_dir()) else {
        let [dbc, ecus] = FILES;
        let with = |file: &str| {
            let all = places.iter().flat_map(|place| folders(place, file).unwrap_or_default());
            all.collect::<BTreeSet<String>>()
        };
        let names: Vec<String> = with(dbc).intersection(&with(ecus)).cloned().collect();
        let hint = hint(kit, names.iter().map(String::as_str));
        return refuse(format!("there is no folder \"{}\" beside this one{hint}", shorten(kit)));
    };
    let same = |a: &Path, b: &Path| fs::canonicalize(a).ok().zip(fs::canonicalize(b).ok());
    let itself = same(&folder, dir).is_some_and(|(a, b)| a == b);
    let mut files = own;
    for (file, name) in files.iter_mut().zip(FILES) {
        if file.exists() {
            continue;
        }
        *file = folder.join(name);
        if itself {
            return refuse(format!("\"{kit}\" is this folder itself, and it has no {name}"));
        }
        if !file.exists() {
            let onward = refers_to(&folder).map_or(String::new(), |onward| {
                format!(", it names \"{}\" itself: name that folder here", shorten(&onward))
            });
            return refuse(format!("{} has no {name}{onward}", folder.display()));
        }
    }
    Ok(files)
}

/// The folder that `dir` is in.
fn beside(dir: &Path) -> PathBuf {
    // `.` and `..` do not say where they are.
    let named = dir.file_name().is_some();
    let whole = (!named).then(|| fs::canonicalize(dir).ok()).flatten();
    match whole.as_deref().unwrap_or(dir).parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// The kit that the car in a folder names.
fn refers_to(folder: &Path) -> Option<String> {
    let text = read_text(&folder.join("vehicle.toml"), MAX_FILE_BYTES).ok()?;
    let table: toml::Table = toml::from_str(&text).ok()?;
    Some(table.get("bywire_kit")?.as_str()?.to_string())
}

/// An error where the key stands in the `vehicle.toml` of `dir`.
fn at_key(dir: &Path, message: String) -> LoadError {
    let file = dir.join("vehicle.toml");
    let shown = show(&file);
    let found = || {
        let text = read_text(&file, MAX_FILE_BYTES)?;
        let document = Document::parse(&text, &shown)?;
        let mut problems = Problems::new(&shown, &text);
        problems.add(document.span(&steps!["bywire_kit"]), message.clone());
        problems.finish()
    };
    found().err().unwrap_or_else(|| LoadError::whole(&file, message.clone()))
}
