//! Vehicles, maps and scenarios by name and file.

use crate::check::{folder_name, is_folder_name};
use crate::document::{Document, Step, steps};
use crate::error::{LoadError, Problems, show};
use crate::events::{Action, Event};
use crate::files::{MAX_FILE_BYTES, read_bytes, read_text, reason, without_mark};
use crate::kit;
use crate::names::hint;
use crate::obstacles;
use crate::overrides;
use crate::parse::read;
use crate::reference::{recording_anchor, recording_reference};
use crate::spec::{ReferenceSpec, Scenario, StackSpec, StartSpec};
use crate::structure;
use schemars::schema_for;
use skidpad_bywire::{ByWire, ByWireParams};
use skidpad_can::Dbc;
use skidpad_geo::{MapFrame, Path as RoadPath, UtmZone, wrap_angle};
use skidpad_score::{PassLimits, Reference, SpeedProfile};
use skidpad_stack::control::{CalibrationTable, ControlConf};
use skidpad_stack::planning::Recording;
use skidpad_vehicle::{Gear, VehicleParams};
use skidpad_world::{Cone, Map, MapFile, OtherVehicle};
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Environment variable that names the folder holding `vehicles/` and `maps/`, before all searching.
pub const DATA_ENV: &str = "SKIDPAD_DATA";

/// UTM zone of a recording that does not say: California, where Apollo's garage is.
const DEFAULT_ZONE: u8 = 10;

/// A recording is given this long beyond its own duration: to engage, and to come to rest.
const RECORDING_MARGIN_S: f64 = 15.0;

/// Friction scale of the plane under a recording without a map: dry asphalt.
const PLANE_FRICTION: f64 = 1.0;

/// The folder that holds `vehicles/` and `maps/`, and what has been read from it. Each vehicle, map and
/// recording is read once and shared.
#[derive(Debug)]
pub struct Library {
    root: PathBuf,
    vehicles: BTreeMap<String, Arc<VehicleFiles>>,
    maps: BTreeMap<String, Arc<Map>>,
    recordings: BTreeMap<PathBuf, Arc<Recording>>,
}

/// A vehicle's folder, read and checked.
#[derive(Debug)]
pub struct VehicleFiles {
    /// Name of the folder.
    pub name: String,
    /// The folder.
    pub dir: PathBuf,
    /// The parameters of `vehicle.toml`.
    pub params: VehicleParams,
    /// The CAN layout of `bywire.dbc`, its own or that of the folder that `bywire_kit` names.
    pub dbc: Dbc,
    /// The by-wire ECUs of `bywire.toml`, found likewise.
    pub bywire: ByWireParams,
    /// Text of `control.toml`; `None` if there is no such file.
    pub control_toml: Option<String>,
    /// The parameters in it.
    pub control: Option<ControlConf>,
    /// The table of `calibration.csv`; `None` if there is no such file (`skidpad calibrate` makes it).
    pub calibration: Option<CalibrationTable>,
}

/// A scenario and all it needs, ready to run. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LoadedScenario {
    /// The scenario as written.
    pub scenario: Scenario,
    /// Its file, as it was named to the library.
    pub file: PathBuf,
    /// Name of its folder in the results, from its name: see [`folder_name`].
    pub folder: String,
    /// The vehicle.
    pub vehicle: Arc<VehicleFiles>,
    /// The parameters of control: the vehicle's, with the scenario's overrides.
    pub control: Arc<ControlConf>,
    /// The pedal table of control.
    pub calibration: Arc<CalibrationTable>,
    /// The map; its anchor is set.
    pub map: Arc<Map>,
    /// The world frame and the UTM grid that the stack's messages are in.
    pub frame: MapFrame,
    /// Where and how the car starts.
    pub start: StartState,
    /// What is followed and scored.
    pub reference: Option<Arc<Reference>>,
    /// The recorded drive, if that is what planning replays.
    pub recording: Option<Arc<Recording>>,
    /// What happens, in file order: see [`Schedule`](crate::Schedule).
    pub events: Vec<Event>,
    /// The cones on the road, those of rows one by one.
    pub cones: Arc<[Cone]>,
    /// The other vehicles.
    pub vehicles: Arc<[OtherVehicle]>,
}

/// The car at the start of the run, in the world frame. Height, roll and pitch are the ground's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StartState {
    /// East, rear-axle centre, m.
    pub x_m: f64,
    /// North, rear-axle centre, m.
    pub y_m: f64,
    /// Heading from east, counter-clockwise, rad.
    pub heading_rad: f64,
    /// Speed, m/s, negative backward.
    pub speed_mps: f64,
    /// Gear, if the scenario says.
    pub gear: Option<Gear>,
}

impl Library {
    /// The library in a folder that holds `vehicles/` and `maps/`.
    ///
    /// # Errors
    /// The folder does not hold both.
    pub fn at(root: &Path) -> Result<Library, LoadError> {
        if !is_root(root) {
            let message = "expected a folder that holds vehicles/ and maps/";
            return Err(LoadError::whole(root, message));
        }
        Ok(Library {
            root: root.to_path_buf(),
            vehicles: BTreeMap::new(),
            maps: BTreeMap::new(),
            recordings: BTreeMap::new(),
        })
    }

    /// Finds the library: the folder that the environment variable [`DATA_ENV`] names; else the first
    /// that holds `vehicles/` and `maps/` going up from `near` (a scenario file or a folder), from the
    /// current folder, and from the program's.
    ///
    /// # Errors
    /// There is none; the message says where was searched and what to do.
    pub fn locate(near: Option<&Path>) -> Result<Library, LoadError> {
        if let Some(root) = env::var_os(DATA_ENV).filter(|value| !value.is_empty()) {
            return Library::at(Path::new(&root)).map_err(|mut error| {
                error
                    .problems
                    .iter_mut()
                    .for_each(|p| p.message.push_str(&format!(" ({DATA_ENV} names it)")));
                error
            });
        }
        // Going up needs the whole path; a path that does not exist is another's error to report.
        let near = near.and_then(|path| fs::canonicalize(path).ok());
        let starts = [near, env::current_dir().ok(), env::current_exe().ok()];
        for start in starts.iter().flatten() {
            if let Some(root) = start.ancestors().find(|folder| is_root(folder)) {
                return Library::at(root);
            }
        }
        let searched = starts.iter().flatten().next().cloned().unwrap_or_else(|| PathBuf::from("."));
        let message = format!(
            "no folder with vehicles/ and maps/ here or above, nor above the current folder or the program; \
             set {DATA_ENV} to the one that holds them"
        );
        Err(LoadError::whole(&searched, message))
    }

    /// The folder that holds `vehicles/` and `maps/`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Names of the vehicles, sorted.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn vehicle_names(&self) -> Result<Vec<String>, LoadError> {
        folders(&self.root.join("vehicles"), "vehicle.toml")
    }

    /// Names of the maps, sorted.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn map_names(&self) -> Result<Vec<String>, LoadError> {
        folders(&self.root.join("maps"), "map.toml")
    }

    /// A vehicle by name.
    ///
    /// # Errors
    /// No such vehicle (the nearest is named), or a file of it that is missing or wrong.
    pub fn vehicle(&mut self, name: &str) -> Result<Arc<VehicleFiles>, LoadError> {
        if let Some(vehicle) = self.vehicles.get(name) {
            return Ok(vehicle.clone());
        }
        let dir = self.folder("vehicles", "vehicle.toml", name, self.vehicle_names())?;
        let vehicle = Arc::new(VehicleFiles::read(name, &dir, None)?);
        self.vehicles.insert(name.to_string(), vehicle.clone());
        Ok(vehicle)
    }

    /// Takes in a vehicle from a folder elsewhere and returns its name, that of the folder: from now on this
    /// vehicle is meant by it. Its `bywire_kit` may be in the library.
    ///
    /// # Errors
    /// A file of it is missing or wrong.
    pub fn add_vehicle(&mut self, dir: &Path) -> Result<String, LoadError> {
        let whole = fs::canonicalize(dir).map_err(|error| LoadError::whole(dir, reason(&error)))?;
        let name = whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let vehicle = VehicleFiles::read(&name, dir, Some(&self.root))?;
        self.vehicles.insert(name.clone(), Arc::new(vehicle));
        Ok(name)
    }

    /// A map by name.
    ///
    /// # Errors
    /// No such map (the nearest is named), or a file of it that is missing or wrong.
    pub fn map(&mut self, name: &str) -> Result<Arc<Map>, LoadError> {
        if let Some(map) = self.maps.get(name) {
            return Ok(map.clone());
        }
        let dir = self.folder("maps", "map.toml", name, self.map_names())?;
        let map = Arc::new(read_map(&dir)?);
        self.maps.insert(name.to_string(), map.clone());
        Ok(map)
    }

    /// Loads a scenario file and all it names.
    ///
    /// # Errors
    /// Everything wrong with it that can be found, or with a vehicle, map or recording it names.
    pub fn load(&mut self, file: &Path) -> Result<LoadedScenario, LoadError> {
        let text = read_text(file, MAX_FILE_BYTES)?;
        self.load_text(&text, file)
    }

    /// Loads a scenario from its text; `file` names it in errors, and files it names are looked up beside
    /// that.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_text(&mut self, text: &str, file: &Path) -> Result<LoadedScenario, LoadError> {
        let shown = show(file);
        let read = read(text, &shown)?;
        let events = read.events;
        self.resolve(read.scenario, events, Some(&read.document), file)
    }

    /// Loads several scenario files, in their order.
    ///
    /// # Errors
    /// All that is wrong with any of them; two scenarios of one name, or whose names give one folder.
    pub fn load_all(&mut self, files: &[PathBuf]) -> Result<Vec<LoadedScenario>, LoadError> {
        let mut loaded: Vec<LoadedScenario> = Vec::new();
        let mut errors: Option<LoadError> = None;
        let mut folders: BTreeMap<String, PathBuf> = BTreeMap::new();
        let mut fail = |error: LoadError| match &mut errors {
            Some(all) => all.append(error),
            none => *none = Some(error),
        };
        for file in files {
            match self.load(file) {
                Err(error) => fail(error),
                Ok(scenario) => {
                    // Some file systems do not tell upper from lower case.
                    let folder = scenario.folder.to_ascii_lowercase();
                    if let Some(other) = folders.insert(folder, file.clone()) {
                        let message = format!(
                            "the name \"{}\" is taken (or gives the same results folder, {}) by {}: rename one",
                            scenario.scenario.name,
                            scenario.folder,
                            other.display()
                        );
                        fail(LoadError::whole(file, message));
                    }
                    loaded.push(scenario);
                }
            }
        }
        errors.map_or(Ok(loaded), Err)
    }

    /// A scenario that follows a recorded drive on an endless level plane, without a scenario file: its
    /// name is the file's, it lasts as long as the drive and 15 s more. It must keep within 0.10 m rms and
    /// 0.25 m of the path and get at least 99 % of the way; change
    /// [`scenario.pass`](Scenario::pass) for other limits.
    ///
    /// # Errors
    /// The recording or the vehicle cannot be used.
    pub fn load_recording(
        &mut self,
        file: &Path,
        vehicle: &str,
        utm_zone: Option<u8>,
        northern: Option<bool>,
    ) -> Result<LoadedScenario, LoadError> {
        let recording = self.recording(file)?;
        let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let clean: String = stem.chars().filter(|c| !c.is_control()).take(100).collect();
        let name = if folder_name(&clean).is_some() { clean } else { "recording".to_string() };
        // The path is taken as given, not as relative to a scenario file.
        let place = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let scenario = Scenario {
            schema: 1,
            name,
            description: "Follows a recorded drive.".to_string(),
            vehicle: vehicle.to_string(),
            map: None,
            duration_s: (recording.duration_s() + RECORDING_MARGIN_S).min(3600.0),
            seed: 0,
            start: None,
            reference: Some(ReferenceSpec {
                file: Some(place),
                utm_zone,
                northern,
                ..ReferenceSpec::default()
            }),
            stack: StackSpec::default(),
            links: Default::default(),
            sensors: Default::default(),
            operator: Default::default(),
            road: None,
            wind: None,
            cone: Vec::new(),
            traffic: Vec::new(),
            event: Vec::new(),
            pass: PassLimits {
                lateral_error_rms_m: Some(0.10),
                lateral_error_max_m: Some(0.25),
                progress_min_pct: Some(99.0),
                ..PassLimits::default()
            },
        };
        self.resolve(scenario, Vec::new(), None, file)
    }

    fn folder(
        &self,
        kind: &str,
        file: &str,
        name: &str,
        names: Result<Vec<String>, LoadError>,
    ) -> Result<PathBuf, LoadError> {
        let dir = self.root.join(kind).join(name);
        if is_folder_name(name) && dir.join(file).exists() {
            return Ok(dir);
        }
        let names = names?;
        let hint = hint(name, names.iter().map(String::as_str));
        let message = format!("there is no {kind}/{}/{file}{hint}", crate::structure::shorten(name));
        Err(LoadError::whole(&self.root, message))
    }

    fn recording(&mut self, file: &Path) -> Result<Arc<Recording>, LoadError> {
        let key = fs::canonicalize(file).unwrap_or_else(|_| file.to_path_buf());
        if let Some(recording) = self.recordings.get(&key) {
            return Ok(recording.clone());
        }
        let bytes = without_mark(read_bytes(file, Recording::MAX_BYTES as u64)?);
        let recording = Recording::parse(&bytes, &show(file)).map_err(|error| {
            use skidpad_stack::planning::Place;
            match error.place {
                Place::File { file, line, column } => LoadError::at(&file, line, column, error.problem),
                Place::Row(row) => LoadError::whole(file, format!("row {row}: {}", error.problem)),
            }
        })?;
        let recording = Arc::new(recording);
        self.recordings.insert(key, recording.clone());
        Ok(recording)
    }

    fn resolve(
        &mut self,
        scenario: Scenario,
        mut events: Vec<Event>,
        document: Option<&Document>,
        file: &Path,
    ) -> Result<LoadedScenario, LoadError> {
        let shown = show(file);
        let places = Places { document, file: &shown };
        let named = |key: &str, error: LoadError, root: &Path| {
            // A name that leads nowhere is the scenario's fault, a broken vehicle or map is not.
            match &error.problems[..] {
                [problem] if problem.file == show(root) => {
                    places.error(&steps![key], format!("`{key}`: {}", problem.message))
                }
                _ => error,
            }
        };
        let root = self.root.clone();
        let vehicle = self.vehicle(&scenario.vehicle).map_err(|error| named("vehicle", error, &root))?;
        find_frames(&mut events, &vehicle, &places)?;
        let control = self.control(&scenario, &vehicle, &places)?;
        find_parameters(&mut events, &control, &places)?;
        let calibration = match &vehicle.calibration {
            Some(table) => Arc::new(table.clone()),
            None => {
                let message = format!(
                    "missing: the embedded control needs it; make it with `skidpad calibrate --vehicle {} --out {}`",
                    vehicle.name,
                    vehicle.dir.join("calibration.csv").display()
                );
                return Err(LoadError::whole(&vehicle.dir.join("calibration.csv"), message));
            }
        };
        let map = match &scenario.map {
            Some(name) => Some(self.map(name).map_err(|error| named("map", error, &root))?),
            None => None,
        };
        let spec = scenario.reference.clone().unwrap_or_default();

        let (map, frame, recording) = match &spec.file {
            Some(name) => {
                let beside = match document {
                    Some(_) => file.parent().unwrap_or(Path::new("")).join(name),
                    None => file.to_path_buf(),
                };
                let recording = self.recording(&beside)?;
                let zone = UtmZone::new(spec.utm_zone.unwrap_or(DEFAULT_ZONE), spec.northern.unwrap_or(true))
                    .map_err(|error| places.error(&steps!["reference", "utm_zone"], error.to_string()))?;
                let anchor = match map.as_ref().and_then(|map| map.anchor()) {
                    Some(anchor) => anchor,
                    None => recording_anchor(&recording, zone)
                        .map_err(|message| LoadError::whole(&beside, message))?,
                };
                let map = match map {
                    Some(map) if map.anchor().is_some() => map,
                    Some(map) => Arc::new(map.as_ref().clone().with_anchor(anchor)),
                    None => Arc::new(Map::plane(anchor, PLANE_FRICTION)),
                };
                let frame = MapFrame::with_zone(anchor, zone)
                    .map_err(|error| places.error(&steps!["reference", "utm_zone"], error.to_string()))?;
                (map, frame, Some((recording, beside)))
            }
            None => {
                let Some(map) = map else {
                    return Err(places.error(&[], "missing key `map`".to_string()));
                };
                let Some(anchor) = map.anchor() else {
                    let message = "this map leaves its place open: it is for `reference.file` only";
                    return Err(places.error(&steps!["map"], message.to_string()));
                };
                let frame =
                    MapFrame::new(anchor).map_err(|error| places.error(&steps!["map"], error.to_string()))?;
                (map, frame, None)
            }
        };

        let reference = match (&recording, &spec.path) {
            (Some((recording, file)), _) => Some(
                recording_reference(recording, &frame).map_err(|message| LoadError::whole(file, message))?,
            ),
            (None, Some(name)) => Some(path_reference(&map, name, &spec, &places)?),
            (None, None) => None,
        };
        let start = start(&scenario, &map, reference.as_ref(), &places)?;
        let mut on_map = OnMap { map: &map, places: &places, paths: BTreeMap::new() };
        let cones = obstacles::cones(&scenario, &mut on_map)?;
        let vehicles = obstacles::vehicles(&scenario, &mut on_map)?;
        let folder = folder_name(&scenario.name).unwrap_or_else(|| "scenario".to_string());
        Ok(LoadedScenario {
            scenario,
            file: file.to_path_buf(),
            folder,
            vehicle,
            control,
            calibration,
            map,
            frame,
            start,
            reference: reference.map(Arc::new),
            recording: recording.map(|(recording, _)| recording),
            events,
            cones: cones.into(),
            vehicles: vehicles.into(),
        })
    }

    fn control(
        &self,
        scenario: &Scenario,
        vehicle: &VehicleFiles,
        places: &Places,
    ) -> Result<Arc<ControlConf>, LoadError> {
        let file = vehicle.dir.join("control.toml");
        let (Some(text), Some(conf)) = (&vehicle.control_toml, &vehicle.control) else {
            return Err(LoadError::whole(&file, "missing: the embedded control needs it"));
        };
        let wanted = &scenario.stack.control_overrides;
        if wanted.is_empty() {
            return Ok(Arc::new(conf.clone()));
        }
        match overrides::apply(text, wanted) {
            Ok(conf) => Ok(Arc::new(conf)),
            Err(problems) => {
                let mut all: Option<LoadError> = None;
                for (key, message) in problems {
                    let error = places.error(
                        &steps!["stack", "control_overrides", key.as_str()],
                        format!("`stack.control_overrides`: {message}"),
                    );
                    match &mut all {
                        Some(all) => all.append(error),
                        none => *none = Some(error),
                    }
                }
                Err(all.unwrap_or_else(|| LoadError::whole(&file, "cannot be read as TOML")))
            }
        }
    }
}

impl VehicleFiles {
    /// Reads the parameters in a vehicle's folder: `vehicle.toml` and the tyre property file it may name.
    ///
    /// # Errors
    /// A file is missing or cannot be read, or something in it is wrong.
    pub fn read_params(dir: &Path) -> Result<VehicleParams, LoadError> {
        let file = dir.join("vehicle.toml");
        let beside = |name: &str| {
            if !is_folder_name(name) {
                return Err(format!("`{name}` must be the name of a file beside this one"));
            }
            read_text(&dir.join(name), MAX_FILE_BYTES).map_err(|error| error.to_string())
        };
        let text = read_text(&file, MAX_FILE_BYTES)?;
        VehicleParams::parse_with(&text, &show(&file), beside).map_err(|error| {
            let (line, column) = error.at.unwrap_or((0, 0));
            LoadError::at(&error.file, line, column, error.message.trim())
        })
    }

    /// Reads a vehicle's folder; `name` is what it is called. A `bywire_kit` that is not beside the folder is
    /// looked for in the `vehicles/` of `library`.
    ///
    /// # Errors
    /// A file is missing or cannot be read, or something in it is wrong.
    pub fn read(name: &str, dir: &Path, library: Option<&Path>) -> Result<VehicleFiles, LoadError> {
        let file = |name: &str| dir.join(name);
        let params = VehicleFiles::read_params(dir)?;
        let kits = library.map(|root| root.join("vehicles"));
        let [dbc_file, bywire_file] = kit::find(dir, params.bywire_kit.as_deref(), kits.as_deref())?;
        let dbc_text = read_text(&dbc_file, Dbc::MAX_BYTES as u64)?;
        let dbc = Dbc::parse(&dbc_text, &show(&dbc_file)).map_err(|error| {
            LoadError::at(&error.file, error.line as usize, error.column as usize, error.message)
        })?;
        let bywire = read_bywire(&bywire_file)?;
        ByWire::new(&dbc, &bywire).map_err(|error| {
            let (place, text) = (show(&dbc_file), error.to_string());
            let message = text.strip_prefix(&format!("{place}: ")).unwrap_or(&text);
            LoadError::at(&place, 0, 0, message)
        })?;
        let optional = |name: &str| match file(name).exists() {
            true => read_text(&file(name), MAX_FILE_BYTES).map(Some),
            false => Ok(None),
        };
        let of_stack = |error: skidpad_stack::control::FileError| {
            LoadError::at(&error.file, error.line, error.column, error.message)
        };
        let control_toml = optional("control.toml")?;
        let control = control_toml
            .as_deref()
            .map(|text| ControlConf::parse(text, &show(&file("control.toml"))))
            .transpose()
            .map_err(of_stack)?;
        let calibration = optional("calibration.csv")?
            .map(|text| CalibrationTable::parse(&text, &show(&file("calibration.csv"))))
            .transpose()
            .map_err(of_stack)?;
        Ok(VehicleFiles {
            name: name.to_string(),
            dir: dir.to_path_buf(),
            params,
            dbc,
            bywire,
            control_toml,
            control,
            calibration,
        })
    }
}

/// Looks up in the car's layout which frames each fault concerns.
fn find_frames(events: &mut [Event], vehicle: &VehicleFiles, places: &Places) -> Result<(), LoadError> {
    let faults = events.iter_mut().enumerate().filter_map(|(index, event)| match &mut event.action {
        Action::Fault(fault) => Some((index, fault)),
        _ => None,
    });
    let mut bywire = None;
    for (index, fault) in faults {
        let bywire = match &bywire {
            Some(bywire) => bywire,
            None => {
                let built = ByWire::new(&vehicle.dbc, &vehicle.bywire);
                bywire.insert(built.map_err(|error| LoadError::whole(&vehicle.dir, error.to_string()))?)
            }
        };
        fault.find_frames(&vehicle.dbc, bywire).map_err(|message| {
            places.error(&steps!["event", index, "fault", "target"], format!("`fault.target`: {message}"))
        })?;
    }
    Ok(())
}

/// Looks up what each change of control's parameters comes to.
fn find_parameters(events: &mut [Event], control: &ControlConf, places: &Places) -> Result<(), LoadError> {
    for (index, event) in events.iter_mut().enumerate() {
        let Action::Control(change) = &mut event.action else { continue };
        let wrong = |(key, message): (String, String)| {
            places.error(&steps!["event", index, "control", key.as_str()], format!("`control`: {message}"))
        };
        let text = toml::to_string(control).map_err(|error| wrong((String::new(), error.to_string())))?;
        let conf = overrides::apply(&text, &change.overrides).map_err(|problems| {
            let errors = problems.into_iter().map(wrong).reduce(|mut all, error| {
                all.append(error);
                all
            });
            errors.unwrap_or_else(|| wrong((String::new(), "cannot be read as TOML".into())))
        })?;
        change.conf = Some(Arc::new(conf));
    }
    Ok(())
}

fn read_bywire(file: &Path) -> Result<ByWireParams, LoadError> {
    let (text, name) = (read_text(file, MAX_FILE_BYTES)?, show(file));
    let document = Document::parse(&text, &name)?;
    let mut problems = Problems::new(&name, &text);
    structure::check(&document.root, &schema_for!(ByWireParams).to_value(), &mut problems);
    problems.finish()?;
    let params: ByWireParams =
        toml::from_str(&text).map_err(|error| LoadError::whole(file, error.message().trim()))?;
    params.validate().map_err(|error| {
        // A part of an array is named `key[index]`.
        let key = error.key.split('[').next().unwrap_or(error.key);
        let places = Places { document: Some(&document), file: &name };
        places.error(&steps![key], error.to_string())
    })?;
    Ok(params)
}

/// Reads a map's folder: `map.toml` and the road file it names.
///
/// # Errors
/// A file cannot be read, or something in it is wrong.
pub fn read_map(dir: &Path) -> Result<Map, LoadError> {
    let of_map = |error: skidpad_world::MapError| {
        // The file is shown in front; the rest of the message stays together.
        let text = error.to_string();
        let place = match error.line {
            0 => format!("{}: ", error.file),
            _ => format!("{}:{}:{}: ", error.file, error.line, error.column),
        };
        let message = text.strip_prefix(&place).unwrap_or(&text).to_string();
        LoadError::at(&error.file, error.line, error.column, message)
    };
    let toml_file = dir.join("map.toml");
    let toml = read_text(&toml_file, MAX_FILE_BYTES)?;
    let shown = show(&toml_file);
    let header = MapFile::from_toml(&toml, &shown).map_err(of_map)?;
    let roads = match &header.opendrive {
        Some(name) if is_folder_name(name) => {
            let file = dir.join(name);
            Some((read_text(&file, MAX_FILE_BYTES)?, show(&file)))
        }
        Some(_) => {
            let document = Document::parse(&toml, &shown)?;
            let places = Places { document: Some(&document), file: &shown };
            let message = "`opendrive` must be the name of a file beside this one";
            return Err(places.error(&steps!["opendrive"], message.to_string()));
        }
        None => None,
    };
    let (text, file) = match &roads {
        Some((text, file)) => (Some(text.as_str()), file.as_str()),
        None => (None, ""),
    };
    Map::from_parts(&toml, &shown, text, file).map_err(of_map)
}

/// Turns a place in the scenario into an error; without a text, into one about the file.
struct Places<'a, 't> {
    document: Option<&'a Document<'t>>,
    file: &'a str,
}

impl Places<'_, '_> {
    fn error(&self, path: &[Step], message: String) -> LoadError {
        if let Some(document) = self.document {
            let mut problems = Problems::new(self.file, document.text);
            problems.add(document.span(path), message.clone());
            if let Err(error) = problems.finish() {
                return error;
            }
        }
        LoadError::at(self.file, 0, 0, message)
    }
}

/// The paths of a map, each made once.
struct OnMap<'a, 'd, 't> {
    map: &'a Map,
    places: &'a Places<'d, 't>,
    paths: BTreeMap<String, Arc<RoadPath>>,
}

impl obstacles::Places for OnMap<'_, '_, '_> {
    fn path(&mut self, name: &str, at: &[Step]) -> Result<Arc<RoadPath>, LoadError> {
        if let Some(path) = self.paths.get(name) {
            return Ok(path.clone());
        }
        let path = Arc::new(map_path(self.map, name, at, self.places)?);
        self.paths.insert(name.to_string(), path.clone());
        Ok(path)
    }

    fn error(&self, at: &[Step], message: String) -> LoadError {
        self.places.error(at, message)
    }
}

fn map_path(map: &Map, name: &str, key: &[Step], places: &Places) -> Result<RoadPath, LoadError> {
    if !map.paths().iter().any(|path| path.name == name) {
        let hint = hint(name, map.paths().iter().map(|path| path.name.as_str()));
        let shown = crate::structure::shorten(name);
        return Err(places.error(key, format!("the map \"{}\" has no path \"{shown}\"{hint}", map.title())));
    }
    map.path(name).map_err(|error| places.error(key, error.to_string()))
}

fn path_reference(
    map: &Map,
    name: &str,
    spec: &ReferenceSpec,
    places: &Places,
) -> Result<Reference, LoadError> {
    let path = map_path(map, name, &steps!["reference", "path"], places)?;
    let knots = spec.speed_mps.as_deref().unwrap_or_default();
    let profile = SpeedProfile::new(knots)
        .map_err(|error| places.error(&steps!["reference", "speed_mps"], error.to_string()))?;
    let start_m = profile.start_station_m();
    if spec.laps.is_some() && !path.is_closed() {
        let message = format!("`laps` goes with closed paths, and \"{name}\" is open: give `end_station_m`");
        return Err(places.error(&steps!["reference", "laps"], message));
    }
    let (end_m, key) = match (spec.end_station_m, spec.laps) {
        (Some(end_m), _) => (end_m, "end_station_m"),
        (None, Some(laps)) => (start_m + f64::from(laps) * path.length_m(), "laps"),
        (None, None) => (profile.end_station_m(), "speed_mps"),
    };
    let zero_from_m =
        knots.last().filter(|[_, speed_mps]| *speed_mps == 0.0).map(|[station_m, _]| *station_m);
    if let Some(stop_m) = zero_from_m.filter(|stop_m| *stop_m < end_m - 1e-9) {
        let message = format!(
            "the reference ends at {end_m:.3} m, but the speed is zero from {stop_m} m on: the car would never \
             arrive; move the last pair of `speed_mps` to the end"
        );
        return Err(places.error(&steps!["reference", key], message));
    }
    Reference::new(path, profile, start_m, end_m)
        .map_err(|error| places.error(&steps!["reference", key], format!("path \"{name}\": {error}")))
}

fn start(
    scenario: &Scenario,
    map: &Map,
    reference: Option<&Reference>,
    places: &Places,
) -> Result<StartState, LoadError> {
    let spec = scenario.start.clone().unwrap_or_default();
    let StartSpec { speed_mps, gear, .. } = spec;
    let gear = gear.map(Gear::from);
    let at = |x_m: f64, y_m: f64, heading_rad: f64| StartState { x_m, y_m, heading_rad, speed_mps, gear };
    if let Some(pose) = spec.pose {
        return Ok(at(pose.x_m, pose.y_m, wrap_angle(pose.heading_deg.to_radians())));
    }
    let (point, lateral_m) = match (&spec.on, reference) {
        (Some(name), _) => {
            let path = map_path(map, name, &steps!["start", "on"], places)?;
            let station_m = spec.station_m.unwrap_or(0.0);
            if station_m > path.length_m() {
                let message = format!(
                    "`start.station_m` {station_m} is beyond the end of \"{name}\", {:.3} m",
                    path.length_m()
                );
                return Err(places.error(&steps!["start", "station_m"], message));
            }
            if let Some(reference) = reference
                && scenario.reference.as_ref().and_then(|r| r.path.as_ref()) == Some(name)
            {
                let (first_m, last_m) = (reference.start_station_m(), reference.end_station_m());
                if station_m < first_m || station_m >= last_m {
                    let message = format!(
                        "the car starts at station {station_m} m, outside the reference, which runs from \
                         {first_m} m to {last_m:.3} m of the same path"
                    );
                    let key = if spec.station_m.is_some() { "station_m" } else { "on" };
                    return Err(places.error(&steps!["start", key], message));
                }
            }
            (path.at(station_m), spec.lateral_m.unwrap_or(0.0))
        }
        (None, Some(reference)) => (reference.point(reference.start_station_m()), 0.0),
        (None, None) => return Err(places.error(&[], "missing table [start]".to_string())),
    };
    let (sin, cos) = libm::sincos(point.heading_rad);
    let heading_rad = wrap_angle(point.heading_rad + spec.heading_offset_deg.unwrap_or(0.0).to_radians());
    Ok(at(point.x_m - lateral_m * sin, point.y_m + lateral_m * cos, heading_rad))
}

fn is_root(folder: &Path) -> bool {
    folder.join("vehicles").is_dir() && folder.join("maps").is_dir()
}

/// The folders in `dir` that hold `file`, sorted.
pub(crate) fn folders(dir: &Path, file: &str) -> Result<Vec<String>, LoadError> {
    let list = fs::read_dir(dir).map_err(|error| LoadError::whole(dir, reason(&error)))?;
    let mut names: Vec<String> = list
        .filter_map(Result::ok)
        .filter(|entry| entry.path().join(file).is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| is_folder_name(name))
        .collect();
    names.sort();
    Ok(names)
}
