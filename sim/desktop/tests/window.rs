//! The app in a real window, on a display of the test's own: keys drive the car, plots are saved, settings come back.
//!
//! Needs `Xvfb`, `xdotool` and a Vulkan driver; says aloud that it is skipped where one is missing.
#![cfg(all(feature = "window", target_os = "linux"))]

use bevy::asset::RenderAssetUsages;
use bevy::image::{CompressedImageFormats, Image, ImageSampler, ImageType};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take that depends on a picture: software draws few of them a second on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const WIDTH: u32 = 960;
const HEIGHT: u32 = 600;

/// A process that ends with the test.
struct Owned(Child);

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks until there is an answer.
#[track_caller]
fn wait<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "waited {} s: {what}", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// A display of our own; `None` where there is no server for one.
struct Display {
    _server: Owned,
    name: String,
}

impl Display {
    fn open() -> Option<Display> {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-nolisten", "tcp", "-screen", "0", &format!("{WIDTH}x{HEIGHT}x24")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let stdout = server.stdout.take();
        let server = Owned(server);
        let mut number = String::new();
        BufReader::new(stdout?).read_line(&mut number).ok()?;
        let number = number.trim();
        (!number.is_empty()).then(|| Display { _server: server, name: format!(":{number}") })
    }

    /// What hands do; its answer.
    fn hands(&self, arguments: &[&str]) -> Option<String> {
        let done = Command::new("xdotool").args(arguments).env("DISPLAY", &self.name).output().ok()?;
        done.status.success().then(|| String::from_utf8_lossy(&done.stdout).trim().to_owned())
    }

    fn key(&self, name: &str) {
        assert!(self.hands(&["key", name]).is_some(), "no key {name}");
    }
}

/// The app in its window.
struct App<'a> {
    display: &'a Display,
    process: Owned,
    window: String,
    folder: PathBuf,
}

impl<'a> App<'a> {
    /// Opens the window and waits until it draws; `None`, said aloud, where nothing draws.
    fn open(display: &'a Display, folder: &Path) -> Option<App<'a>> {
        let log = |name: &str| std::fs::File::create(folder.join(name)).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_skidpad-desktop"))
            .args(["--quality", "low", "--size", &format!("{WIDTH}x{HEIGHT}"), "--screenshot"])
            .arg(folder)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
            .env("DISPLAY", &display.name)
            .env("XDG_CONFIG_HOME", folder.join("config"))
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("WAYLAND_SOCKET")
            .stdin(Stdio::null())
            .stdout(log("stdout.txt"))
            .stderr(log("stderr.txt"))
            .spawn()
            .unwrap();
        let mut process = Owned(child);
        let window = wait("a window", || {
            if let Some(status) = process.0.try_wait().unwrap() {
                return Some(Err(status));
            }
            let found = display.hands(&["search", "--name", "^Skidpad$"])?;
            found.lines().next().map(|window| Ok(window.to_owned()))
        });
        let window = match window {
            Ok(window) => window,
            Err(status) => {
                let said = std::fs::read_to_string(folder.join("stderr.txt")).unwrap_or_default();
                assert!(status.code() == Some(2) && said.contains("no graphics driver"), "{status}: {said}");
                return None;
            }
        };
        let app = App { display, process, window, folder: folder.to_path_buf() };
        app.focus();
        Some(app)
    }

    fn focus(&self) {
        self.display.hands(&["windowfocus", &self.window]);
    }

    /// Presses a key until a file is there that was not: a key that came before the window listened is lost.
    fn key_for_file(&self, key: &str, stem: &str, ending: &str) -> PathBuf {
        let file = (0..1000)
            .map(|i| self.folder.join(format!("{stem}-{i:03}.{ending}")))
            .find(|file| !file.exists())
            .unwrap();
        let mut pressed = None::<Instant>;
        wait(&format!("{key} writes {}", file.display()), || {
            if pressed.is_none_or(|at| at.elapsed() > Duration::from_secs(12)) {
                self.focus();
                self.display.key(key);
                pressed = Some(Instant::now());
            }
            // A picture is written in the background: it is there when it can be read.
            let whole = match ending {
                "png" => std::fs::read(&file).is_ok_and(|bytes| bytes.ends_with(b"IEND\xaeB`\x82")),
                _ => std::fs::read_to_string(&file).is_ok_and(|text| text.ends_with('\n')),
            };
            whole.then(|| file.clone())
        })
    }

    /// A picture of the window, once there is something in it: the first ones are black while pipelines are being made.
    fn drawn(&self) -> PathBuf {
        wait("something is drawn", || {
            let file = self.key_for_file("F12", "skidpad", "png");
            (colours(&picture(&file).0) > 200).then_some(file)
        })
    }

    /// Waits until the settings on the disk are as `so` says.
    fn settings(&self, what: &str, so: impl Fn(&toml::Table) -> bool) -> toml::Table {
        let file = self.folder.join("config/skidpad/desktop.toml");
        wait(what, || {
            let table: toml::Table = std::fs::read_to_string(&file).ok()?.parse().ok()?;
            so(&table).then_some(table)
        })
    }

    /// Closes the window; older hands do not know how, and the app is ended as a machine that goes down ends it.
    fn close(mut self) {
        if self.display.hands(&["windowquit", &self.window]).is_some() {
            let status = wait("the app ends with its window", || self.process.0.try_wait().unwrap());
            assert!(status.success(), "{status}");
        }
    }
}

/// Red, green and blue of each pixel, and the width.
fn picture(file: &Path) -> (Vec<[u8; 3]>, usize) {
    let bytes = std::fs::read(file).unwrap();
    let image = Image::from_buffer(
        &bytes,
        ImageType::Extension("png"),
        CompressedImageFormats::NONE,
        true,
        ImageSampler::default(),
        RenderAssetUsages::default(),
    )
    .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let pixels = image.data.as_ref().unwrap().chunks_exact(4).map(|p| [p[0], p[1], p[2]]).collect();
    (pixels, image.width() as usize)
}

/// How many different colours there are.
fn colours(pixels: &[[u8; 3]]) -> usize {
    pixels.iter().collect::<std::collections::BTreeSet<_>>().len()
}

/// Mean brightness of the bar at the top, 0 to 255.
fn brightness(file: &Path) -> f64 {
    let (pixels, width) = picture(file);
    let bar = &pixels[..40 * width];
    bar.iter().flatten().map(|value| f64::from(*value)).sum::<f64>() / (3 * bar.len()) as f64
}

/// Share of pixels that differ between two pictures of the window.
fn changed(one: &Path, other: &Path) -> f64 {
    let (one, other) = (picture(one).0, picture(other).0);
    let differ = |(a, b): (&[u8; 3], &[u8; 3])| a.iter().zip(b).any(|(a, b)| a.abs_diff(*b) > 24);
    one.iter().zip(&other).filter(|pair| differ(*pair)).count() as f64 / one.len().max(1) as f64
}

/// The largest value of a column of an exported table.
fn largest(file: &Path, column: &str) -> f64 {
    let text = std::fs::read_to_string(file).unwrap();
    let mut lines = text.lines();
    let place = lines.next().unwrap().split(',').position(|name| name == column).unwrap();
    lines.filter_map(|line| line.split(',').nth(place)?.parse().ok()).fold(f64::NEG_INFINITY, f64::max)
}

#[test]
fn a_person_drives_changes_saves_and_finds_it_again() {
    let Some(display) = Display::open() else {
        skidpad_test_support::skip("no Xvfb here: the window is not tried");
        return;
    };
    if display.hands(&["version"]).is_none() {
        skidpad_test_support::skip("no xdotool here: the window is not tried");
        return;
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("window");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let Some(app) = App::open(&display, &folder) else {
        skidpad_test_support::skip("no Vulkan driver here: the window is not tried");
        return;
    };
    let dark = app.drawn();

    // Up sets the clock going and presses the accelerator.
    display.hands(&["keydown", "Up"]).unwrap();
    wait("the car drives", || {
        let table = app.key_for_file("F7", "skidpad-plots", "csv");
        (largest(&table, "speed_mps") > 2.0).then_some(())
    });
    display.key("y");
    display.hands(&["keydown", "Left"]).unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    display.hands(&["keyup", "Left"]).unwrap();
    display.hands(&["keyup", "Up"]).unwrap();

    display.key("k");
    app.settings("the light theme is remembered", |table| table["dark"].as_bool() == Some(false));
    let light = app.key_for_file("F12", "skidpad", "png");
    assert!(brightness(&light) > brightness(&dark) + 60.0, "{} {}", brightness(&light), brightness(&dark));

    let plots = app.key_for_file("F8", "skidpad-plots", "png");
    let (pixels, width) = picture(&plots);
    assert!(width > 600 && width <= WIDTH as usize && pixels.len() / width < HEIGHT as usize / 2);
    assert!(colours(&pixels) > 20, "{} colours in the picture of the plots", colours(&pixels));

    // The help is opened by its key and closed by the same.
    let before = app.key_for_file("F12", "skidpad", "png");
    display.key("F1");
    // A window is measured in its first picture and seen in the next.
    wait("the help is shown", || {
        let help = app.key_for_file("F12", "skidpad", "png");
        (changed(&before, &help) > 0.15).then_some(())
    });
    display.key("F1");

    // A click on the first tab of the lower panel.
    let remembered = app.settings("the height of the lower panel", |table| {
        table["lower_height"].as_float().is_some_and(|height| height > 50.0)
    });
    let lower = remembered["lower_height"].as_float().unwrap() as u32;
    assert_eq!(remembered["tab"].as_str(), Some("Plots"));
    let y = (HEIGHT - lower + 16).to_string();
    display.hands(&["mousemove", "36", &y]).unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    display.hands(&["click", "1"]).unwrap();
    app.settings("the tab that was clicked is remembered", |table| {
        table["tab"].as_str() == Some("Scenarios")
    });

    let run = folder.join("my_run.toml");
    display.key("F5");
    let saved = wait("the run is saved", || {
        std::fs::read_to_string(&run).ok().filter(|text| text.contains("throttle_pct"))
    });
    assert!(saved.contains("turn_signal = \"left\"") && saved.contains("hold_wheel_deg"), "{saved}");
    app.close();

    // The next sitting.
    let app = App::open(&display, &folder).expect("it drew before");
    let again = app.drawn();
    assert!(brightness(&again) > brightness(&dark) + 60.0, "{}", brightness(&again));
    app.settings("all is as it was", |table| {
        table["dark"].as_bool() == Some(false) && table["tab"].as_str() == Some("Scenarios")
    });
    app.close();
}
