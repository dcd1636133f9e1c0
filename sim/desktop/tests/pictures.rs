//! The demo, drawn into memory: every state is there, is no empty picture, and shows the car where the truth has it.
#![cfg(feature = "window")]

use bevy::asset::RenderAssetUsages;
use bevy::image::{CompressedImageFormats, Image, ImageSampler, ImageType};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The states that are looked at: with each of the others the test would only last longer.
const STATES: [&str; 7] = ["start", "chase", "top", "can", "plots", "cockpit", "failed"];
/// Software rendering on a loaded machine takes its time.
const LIMIT: Duration = Duration::from_secs(500);

struct Picture {
    width: usize,
    height: usize,
    /// Red, green, blue of each pixel.
    pixels: Vec<[u8; 3]>,
}

impl Picture {
    fn read(file: &Path) -> Picture {
        let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
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
        let (width, height) = (image.width() as usize, image.height() as usize);
        Picture { width, height, pixels }
    }

    /// How many different colours there are, to four bits a channel.
    fn colours(&self) -> usize {
        let coarse = |p: &[u8; 3]| p.map(|value| value >> 4);
        self.pixels.iter().map(coarse).collect::<std::collections::BTreeSet<_>>().len()
    }

    /// Share of the pixels within `reach` of a point that are as red as the car's paint.
    fn red_near(&self, x: usize, y: usize, reach: usize) -> f64 {
        self.share_near(x, y, reach, |[r, g, b]| r > 60 && r > 2 * g && r > 2 * b)
    }

    /// Share of the pixels within `reach` of a point that are as orange as a cone, which no other thing is.
    fn orange_near(&self, x: usize, y: usize, reach: usize) -> f64 {
        self.share_near(x, y, reach, |[r, g, b]| r > 130 && 10 * g > 2 * r && 10 * g < 7 * r && 2 * b < g)
    }

    fn share_near(&self, x: usize, y: usize, reach: usize, is: impl Fn([i32; 3]) -> bool) -> f64 {
        let (mut some, mut all) = (0, 0);
        for row in y.saturating_sub(reach)..(y + reach).min(self.height) {
            for column in x.saturating_sub(reach)..(x + reach).min(self.width) {
                some += i32::from(is(self.pixels[row * self.width + column].map(i32::from)));
                all += 1;
            }
        }
        f64::from(some) / f64::from(all.max(1))
    }

    /// Share of the pixels of a rectangle that differ strongly from their left neighbour: text and lines.
    fn edges(&self, columns: std::ops::Range<usize>, rows: std::ops::Range<usize>) -> f64 {
        let grey =
            |x: usize, y: usize| self.pixels[y * self.width + x].iter().map(|v| i32::from(*v)).sum::<i32>();
        let all = columns.len() * rows.len();
        let count = rows
            .flat_map(|y| columns.clone().map(move |x| (x, y)))
            .filter(|(x, y)| *x > 0 && (grey(*x, *y) - grey(x - 1, *y)).abs() > 120)
            .count();
        count as f64 / all.max(1) as f64
    }
}

/// Runs states of the demo into `folder`, of a scenario if it is not the demo's own; `None`, said aloud, where nothing
/// draws.
fn demo(folder: &Path, states: &[&str], scenario: Option<&str>) -> Option<()> {
    std::fs::create_dir_all(folder).unwrap();
    let stdout = std::fs::File::create(folder.join("stdout.txt")).unwrap();
    let stderr = std::fs::File::create(folder.join("stderr.txt")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_skidpad-desktop"))
        .args(["--states", &states.join(",")])
        .args(scenario.into_iter().flat_map(|file| ["--scenario", file]))
        .args(["--demo", "--off-screen", "--quality", "low", "--size", "960x600", "--screenshot"])
        .arg(folder)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr)
        .spawn()
        .unwrap();
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > LIMIT {
            child.kill().unwrap();
            let _ = child.wait();
            panic!("the demo took longer than {} s; see {}", LIMIT.as_secs(), folder.display());
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    let complaints = std::fs::read_to_string(folder.join("stderr.txt")).unwrap();
    if status.code() == Some(2) && complaints.contains("no graphics driver") {
        skidpad_test_support::skip("no Vulkan driver here: the pictures of the app are not looked at");
        return None;
    }
    assert!(status.success(), "{status}: {complaints}");
    Some(())
}

/// What the demo said of each state: key and value.
fn states(folder: &Path) -> BTreeMap<String, BTreeMap<String, String>> {
    let text = std::fs::read_to_string(folder.join("states.txt")).unwrap();
    text.lines()
        .map(|line| {
            let (name, rest) = line.split_once(": ").unwrap();
            let pairs = rest.split(' ').map(|pair| pair.split_once('=').unwrap());
            (name.to_string(), pairs.map(|(key, value)| (key.to_string(), value.to_string())).collect())
        })
        .collect()
}

#[test]
fn the_demo_shows_what_it_says() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    let _ = std::fs::remove_dir_all(&folder);
    if demo(&folder, &STATES, None).is_none() {
        return;
    }
    let states = states(&folder);
    let names = STATES;
    assert_eq!(states.keys().map(String::as_str).collect::<std::collections::BTreeSet<_>>(), names.into());
    for name in names {
        let state = &states[name];
        let picture = Picture::read(&folder.join(format!("{name}.png")));
        assert_eq!((picture.width, picture.height), (960, 600), "{name}");
        assert!(picture.colours() > 40, "{name} is empty: {} colours", picture.colours());
        // The bar at the top has text in every state.
        let bar = picture.edges(0..picture.width, 0..50);
        assert!(bar > 0.01, "{name}: no text in the bar, {bar:.4}");
        if ["cockpit", "can", "keys"].contains(&name) {
            continue;
        }
        let (x, y) = state["car_px"].split_once(',').unwrap();
        let [x, y] =
            [x, y].map(|value| value.parse::<f64>().unwrap_or_else(|_| panic!("{name}: {state:?}")) as usize);
        let red = picture.red_near(x, y, if name == "top" { 12 } else { 110 });
        assert!(red > 0.04, "{name}: no car at {x}, {y} (share of red {red:.3})");
        let elsewhere = picture.red_near(x, picture.height / 12, 10);
        assert!(elsewhere < red, "{name}");
    }
    // Tables and plots are full of text where a folded panel shows the road.
    let lower = |name: &str| {
        let picture = Picture::read(&folder.join(format!("{name}.png")));
        picture.edges(20..picture.width - 20, picture.height * 3 / 4..picture.height - 10)
    };
    for name in ["can", "plots", "cockpit", "start"] {
        assert!(
            lower(name) > lower("chase") + 0.005,
            "{name}: {:.4} over {:.4}",
            lower(name),
            lower("chase")
        );
    }
    assert_eq!(states["failed"]["state"], "Finished");
    assert_eq!(states["failed"]["verdict"], "failed");
    // The newest moment before 14 s: the same in every run.
    assert_eq!(states["chase"]["time_s"], "13.99");
}

#[test]
fn cones_stand_in_the_picture_where_the_scenario_has_set_them_up() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cones");
    let _ = std::fs::remove_dir_all(&folder);
    if demo(&folder, &["chase"], Some("scenarios/tracking/slalom_30kmh.toml")).is_none() {
        return;
    }
    let state = &states(&folder)["chase"];
    let picture = Picture::read(&folder.join("chase.png"));
    let (x, y) = state["cone_px"].split_once(',').unwrap();
    let [x, y] = [x, y].map(|value| value.parse::<f64>().unwrap_or_else(|_| panic!("{state:?}")) as usize);
    let orange = picture.orange_near(x, y, 8);
    assert!(orange > 0.05, "no cone at {x}, {y} (share of orange {orange:.3})");
    // Nothing but cones is orange: above them is sky.
    assert_eq!(picture.orange_near(x, picture.height / 5, 20), 0.0);
}
