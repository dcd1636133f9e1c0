//! What the window remembers from one sitting to the next: in the platform's configuration folder, as two small files
//! that a person may read and delete.
//!
//! A file that is broken, or from another version, costs what is broken in it and nothing else; it is set aside as
//! `NAME.broken` before it is written again.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Largest file that is read, bytes.
const MAX_BYTES: u64 = 1 << 20;
/// Most verdicts that are kept.
const MAX_VERDICTS: usize = 2000;
const SETTINGS: &str = "desktop.toml";
const VERDICTS: &str = "verdicts.toml";

/// What the user has chosen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Settings {
    /// Dark colours.
    pub dark: bool,
    /// Neither shadows nor smooth edges.
    pub low_quality: bool,
    /// The camera, by its name on the screen.
    pub camera: String,
    /// The scenario that was last loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scenario: Option<PathBuf>,
    /// What the lower panel shows, by its name on the screen.
    pub tab: String,
    /// The panels that are shown: instruments at the left.
    pub instruments: bool,
    /// The score at the right.
    pub score: bool,
    /// Tables and plots below.
    pub lower: bool,
    /// Height of the lower panel, points; 0: as it comes.
    pub lower_height: f32,
    /// Width of the right side, points; 0: as it comes.
    pub score_width: f32,
    /// Width of the left side, points; 0: as it comes.
    pub left_width: f32,
    /// Layers that are not drawn, by their names.
    pub hidden: Vec<String>,
    /// The signals of each plot.
    pub plots: Vec<Vec<String>>,
    /// Runs that were laid over others, the last one first.
    pub recent: Vec<PathBuf>,
    /// Panels that are elsewhere than at first, by their names: `left`, `right`, `below` or `window`.
    pub moved: BTreeMap<String, String>,
    /// Left, top, width and height of panels in windows of their own, points.
    pub windows: BTreeMap<String, [f32; 4]>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            dark: true,
            low_quality: false,
            camera: String::new(),
            scenario: None,
            tab: String::new(),
            instruments: true,
            score: true,
            lower: true,
            lower_height: 0.0,
            score_width: 0.0,
            left_width: 0.0,
            hidden: Vec::new(),
            plots: Vec::new(),
            recent: Vec::new(),
            moved: BTreeMap::new(),
            windows: BTreeMap::new(),
        }
    }
}

/// What came of a scenario when it last ran to its end, without anything done by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastVerdict {
    /// It passed.
    pub passed: bool,
    /// When, Unix s.
    pub at_unix_s: u64,
}

impl LastVerdict {
    /// A verdict of now.
    pub fn now(passed: bool) -> LastVerdict {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        LastVerdict { passed, at_unix_s: since.as_secs() }
    }

    /// How long ago it was, in words.
    pub fn ago(&self) -> String {
        let minutes = LastVerdict::now(true).at_unix_s.saturating_sub(self.at_unix_s) / 60;
        match minutes {
            0..=1 => "just now".into(),
            2..=119 => format!("{minutes} minutes ago"),
            120..=2879 => format!("{} hours ago", minutes / 60),
            _ => format!("{} days ago", minutes / 1440),
        }
    }
}

/// Verdicts by scenario file.
pub type Verdicts = BTreeMap<PathBuf, LastVerdict>;

/// Where it is remembered.
#[derive(Clone, Debug, Default)]
pub struct Store {
    /// `None`: nowhere.
    folder: Option<PathBuf>,
    /// What the files hold, as far as it was written or read here.
    settings: String,
    verdicts: String,
    /// A file was broken: it is set aside before it is written.
    broken: Vec<&'static str>,
}

/// The platform's configuration folder of this program, by the environment: `$XDG_CONFIG_HOME` or `~/.config`,
/// `~/Library/Application Support`, or `%APPDATA%`.
fn config_folder(environment: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name: &str| environment(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if cfg!(windows) {
        folder("APPDATA").map(|folder| folder.join("Skidpad"))
    } else if cfg!(target_os = "macos") {
        folder("HOME").map(|home| home.join("Library/Application Support/Skidpad"))
    } else {
        folder("XDG_CONFIG_HOME")
            .or_else(|| folder("HOME").map(|home| home.join(".config")))
            .map(|folder| folder.join("skidpad"))
    }
}

/// The text of a file; `None` if there is none or it cannot be read.
fn text(file: &Path) -> Option<String> {
    let size = std::fs::metadata(file).ok()?.len();
    (size <= MAX_BYTES).then(|| std::fs::read_to_string(file).ok()).flatten()
}

/// Takes a key if it is there and what it should be; false if it is something else.
fn take<T: DeserializeOwned>(table: &toml::Table, key: &str, into: &mut T) -> bool {
    let Some(value) = table.get(key) else { return true };
    match value.clone().try_into() {
        Ok(value) => *into = value,
        Err(_) => return false,
    }
    true
}

fn read_settings(table: &toml::Table) -> (Settings, bool) {
    let mut settings = Settings::default();
    let mut scenario = PathBuf::new();
    let whole = [
        take(table, "dark", &mut settings.dark),
        take(table, "low_quality", &mut settings.low_quality),
        take(table, "camera", &mut settings.camera),
        take(table, "scenario", &mut scenario),
        take(table, "tab", &mut settings.tab),
        take(table, "instruments", &mut settings.instruments),
        take(table, "score", &mut settings.score),
        take(table, "lower", &mut settings.lower),
        take(table, "lower_height", &mut settings.lower_height),
        take(table, "score_width", &mut settings.score_width),
        take(table, "hidden", &mut settings.hidden),
        take(table, "plots", &mut settings.plots),
        take(table, "left_width", &mut settings.left_width),
        take(table, "recent", &mut settings.recent),
        take(table, "moved", &mut settings.moved),
        take(table, "windows", &mut settings.windows),
    ];
    settings.scenario = Some(scenario).filter(|file| !file.as_os_str().is_empty());
    // A panel without end hides everything else.
    let size = |size: f32| if size.is_finite() { size.clamp(0.0, 2000.0) } else { 0.0 };
    settings.lower_height = size(settings.lower_height);
    settings.score_width = size(settings.score_width);
    settings.left_width = size(settings.left_width);
    (settings, whole.iter().all(|whole| *whole))
}

impl Store {
    /// In the platform's configuration folder; nowhere, if the environment names none.
    pub fn of_user() -> Store {
        Store { folder: config_folder(|name| std::env::var_os(name)), ..Store::default() }
    }

    /// In this folder.
    pub fn at(folder: &Path) -> Store {
        Store { folder: Some(folder.to_path_buf()), ..Store::default() }
    }

    /// Nowhere: a demo neither reads nor leaves anything.
    pub fn nowhere() -> Store {
        Store::default()
    }

    /// What is remembered, and a sentence for each file that was broken.
    pub fn read(&mut self) -> (Settings, Verdicts, Vec<String>) {
        let Some(folder) = self.folder.clone() else { return Default::default() };
        let mut problems = Vec::new();
        let mut broken = |name: &'static str, what: String, store: &mut Store| {
            store.broken.push(name);
            problems.push(format!("{}: {what}", folder.join(name).display()));
        };
        let mut settings = Settings::default();
        if let Some(text) = text(&folder.join(SETTINGS)) {
            match text.parse::<toml::Table>() {
                Ok(table) => {
                    let (read, whole) = read_settings(&table);
                    settings = read;
                    if !whole {
                        broken(SETTINGS, "some settings are none; these are as at first".into(), self);
                    }
                }
                Err(_) => broken(SETTINGS, "is no TOML; all settings are as at first".into(), self),
            }
            self.settings = text;
        }
        let mut verdicts = Verdicts::new();
        if let Some(text) = text(&folder.join(VERDICTS)) {
            match text.parse::<toml::Table>() {
                Ok(table) => {
                    for (file, value) in table.into_iter().take(MAX_VERDICTS) {
                        if let Ok(verdict) = value.try_into() {
                            verdicts.insert(PathBuf::from(file), verdict);
                        }
                    }
                }
                Err(_) => broken(VERDICTS, "is no TOML; earlier verdicts are forgotten".into(), self),
            }
            self.verdicts = text;
        }
        (settings, verdicts, problems)
    }

    /// Writes what has changed.
    ///
    /// # Errors
    /// A file cannot be written: which, and why.
    pub fn write(&mut self, settings: &Settings, verdicts: &Verdicts) -> Result<(), String> {
        let Some(folder) = self.folder.clone() else { return Ok(()) };
        let text = |error: toml::ser::Error| error.to_string();
        let now = toml::to_string(settings).map_err(text)?;
        if now != self.settings {
            self.put(&folder, SETTINGS, &now)?;
            self.settings = now;
        }
        // The newest, if there are too many.
        let mut newest: Vec<_> = verdicts.iter().collect();
        newest.sort_by_key(|(_, verdict)| std::cmp::Reverse(verdict.at_unix_s));
        newest.truncate(MAX_VERDICTS);
        let named: BTreeMap<String, LastVerdict> =
            newest.into_iter().map(|(file, verdict)| (file.display().to_string(), *verdict)).collect();
        let now = toml::to_string(&named).map_err(text)?;
        if now != self.verdicts && !(named.is_empty() && self.verdicts.is_empty()) {
            self.put(&folder, VERDICTS, &now)?;
            self.verdicts = now;
        }
        Ok(())
    }

    /// The whole file or none of it, whenever the machine stops.
    fn put(&mut self, folder: &Path, name: &'static str, text: &str) -> Result<(), String> {
        let file = folder.join(name);
        let fail = |error: std::io::Error| format!("{}: {error}", file.display());
        std::fs::create_dir_all(folder).map_err(fail)?;
        if let Some(at) = self.broken.iter().position(|broken| *broken == name) {
            self.broken.swap_remove(at);
            // If it cannot be set aside it is lost, being broken.
            let _ = std::fs::rename(&file, folder.join(format!("{name}.broken")));
        }
        let beside = folder.join(format!("{name}.{}.new", std::process::id()));
        std::fs::write(&beside, text).map_err(fail)?;
        std::fs::rename(&beside, &file).map_err(fail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("skidpad-settings-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        folder
    }

    fn changed() -> (Settings, Verdicts) {
        let settings = Settings {
            dark: false,
            camera: "top".into(),
            scenario: Some("/a/b.toml".into()),
            plots: vec![vec!["speed_mps".into()], vec![]],
            hidden: vec!["forces".into()],
            lower_height: 300.0,
            recent: vec!["/a/trace.csv".into()],
            moved: BTreeMap::from([("CAN".into(), "window".into())]),
            windows: BTreeMap::from([("CAN".into(), [10.0, 20.0, 300.0, 200.0])]),
            ..Settings::default()
        };
        let verdicts = Verdicts::from([
            (PathBuf::from("/a/b c.toml"), LastVerdict { passed: true, at_unix_s: 10 }),
            (PathBuf::from("/a/\"d\".toml"), LastVerdict::now(false)),
        ]);
        (settings, verdicts)
    }

    #[test]
    fn what_was_written_is_read_in_the_next_sitting() {
        let folder = folder("again");
        let (settings, verdicts) = changed();
        let mut store = Store::at(&folder);
        assert_eq!(store.read(), (Settings::default(), Verdicts::new(), vec![]));
        store.write(&settings, &verdicts).unwrap();
        assert_eq!(Store::at(&folder).read(), (settings.clone(), verdicts.clone(), vec![]));
        // What has not changed is not written again.
        std::fs::remove_file(folder.join(SETTINGS)).unwrap();
        store.write(&settings, &verdicts).unwrap();
        assert!(!folder.join(SETTINGS).exists());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_broken_file_costs_what_is_broken_and_is_set_aside() {
        let folder = folder("broken");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(
            folder.join(SETTINGS),
            "dark = false\ncamera = 7\nlower_height = 1e30\nnew = [1]\nplots = 3\n",
        )
        .unwrap();
        std::fs::write(folder.join(VERDICTS), [0xff, 0x00, b'=']).unwrap();
        let mut store = Store::at(&folder);
        let (settings, verdicts, problems) = store.read();
        assert_eq!(settings, Settings { dark: false, lower_height: 2000.0, ..Settings::default() });
        assert!(verdicts.is_empty());
        assert!(problems.len() == 1 && problems[0].contains("desktop.toml"), "{problems:?}");
        store.write(&changed().0, &changed().1).unwrap();
        assert!(folder.join("desktop.toml.broken").exists());
        assert_eq!(Store::at(&folder).read().0, changed().0);
        for text in ["[", "dark", "= 1", "\u{0}", "a = \"\"\"", "[[x]]\n[x]"] {
            std::fs::write(folder.join(SETTINGS), text).unwrap();
            std::fs::write(folder.join(VERDICTS), text).unwrap();
            assert_eq!(Store::at(&folder).read().0, Settings::default(), "{text}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_told_and_nowhere_is_nowhere() {
        let folder = folder("file");
        std::fs::write(&folder, "no folder").unwrap();
        let (settings, verdicts) = changed();
        let error = Store::at(&folder).write(&settings, &verdicts).unwrap_err();
        assert!(error.contains("desktop.toml"), "{error}");
        Store::nowhere().write(&settings, &verdicts).unwrap();
        std::fs::remove_file(&folder).unwrap();
    }

    #[test]
    fn the_folder_is_the_platforms_own() {
        let linux = |name: &str| match name {
            "XDG_CONFIG_HOME" => Some(OsString::from("/x")),
            "HOME" => Some(OsString::from("/home/a")),
            _ => None,
        };
        if cfg!(target_os = "linux") {
            assert_eq!(config_folder(linux), Some("/x/skidpad".into()));
            let no_xdg = |name: &str| linux(name).filter(|_| name == "HOME");
            assert_eq!(config_folder(no_xdg), Some("/home/a/.config/skidpad".into()));
            let relative = |name: &str| (name == "XDG_CONFIG_HOME").then(|| OsString::from("x"));
            assert_eq!(config_folder(relative), None);
        }
        assert_eq!(config_folder(|_| None), None);
    }
}
