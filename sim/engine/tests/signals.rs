//! Every signal of every frame is fed: over a mixed drive nothing on the bus stands still but what is listed here, with why.

use skidpad_can::{Dialect, DialectMessage, Frame, Role, Sealer};
use skidpad_engine::{Outside, RunOptions, Sender, Simulation};
use skidpad_kernel::SimTime;
use skidpad_scenario::{Library, LoadedScenario, Seat};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Why signals never change, and which: `Message.Signal`, `*` for any rest.
type Constant = (&'static str, &'static [&'static str]);

const LINCOLN: &[Constant] = &[
    (
        "switched on for good in vehicle.toml",
        &[
            "BrakeInfoReport.AbsEnabled",
            "BrakeInfoReport.HillStartMode",
            "BrakeInfoReport.StabilityEnabled",
            "BrakeInfoReport.TractionEnabled",
        ],
    ),
    ("numbers of bywire.toml", &["FuelReport.FuelLevel", "TyrePressureReport.*"]),
    ("neither fails nor dead-reckons", &["GpsTimeReport.Fault", "GpsTimeReport.Inferred"]),
    (
        "licensed, one page only; firmware of bywire.toml",
        &[
            "LicenceReport.Page",
            "LicenceReport.Ready",
            "LicenceReport.Trial",
            "LicenceReport.TrialsLeft",
            "LicenceReport.TrialsUsed",
            "LicenceReport.Expired",
            "LicenceReport.FeatureEnabled",
            "LicenceReport.FeatureTrial",
            "VersionReport.Platform",
            "VersionReport.Major",
            "VersionReport.Minor",
            "VersionReport.Build",
        ],
    ),
    (
        "nobody touches a button, a door, a belt or the wiper; it is day",
        &[
            "MiscReport.AmbientLight",
            "MiscReport.Cruise*",
            "MiscReport.DriverBeltBuckled",
            "MiscReport.DriverDoorOpen",
            "MiscReport.FrontWiper",
            "MiscReport.HighBeam",
            "MiscReport.HoodOpen",
            "MiscReport.LaneAssistButton",
            "MiscReport.Passenger*",
            "MiscReport.Rear*",
            "MiscReport.TrunkOpen",
        ],
    ),
    ("switched off", &["SurroundReport.*"]),
];
const CIVIC: &[Constant] =
    &[("buckled up; a number of bywire.toml", &["SCM_FEEDBACK.DRIVER_BELT", "SCM_FEEDBACK.FUEL_LEVEL"])];

fn library() -> Library {
    Library::at(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap()
}

fn event(at_s: f64, what: &str) -> String {
    format!("[[event]]\nwhen = {{ time_s = {at_s:?} }}\n{what}\n")
}

fn scenario(vehicle: &str, path: &str, duration_s: f64, rest: &str) -> LoadedScenario {
    let text = format!(
        r#"schema = 1
name = "signals"
vehicle = "{vehicle}"
map = "proving_ground"
duration_s = {duration_s:?}
seed = 3
{rest}
"#
    );
    let text = text.replace("PATH", path);
    library().load_text(&text, Path::new("signals.toml")).unwrap()
}

/// Drives that between them touch everything a scenario can touch.
fn drives(vehicle: &str) -> Vec<LoadedScenario> {
    let civic = vehicle == "honda_civic";
    let start = "[start]\non = \"PATH\"\n[reference]\npath = \"PATH\"\nspeed_mps = [[0.0, 0.0], [20.0, 6.0], [150.0, 6.0]]\n";
    let mut faults = String::new();
    let mut at_s = 6.0;
    for unit in ["brake", "throttle", "steering"] {
        for kind in ["channel_1", "channel_2", "power"] {
            faults +=
                &event(at_s, &format!("fault = {{ unit = \"{unit}\", type = \"{kind}\", for_s = 0.5 }}"));
            at_s += 0.7;
        }
    }
    faults += &event(at_s, "fault = { unit = \"steering\", type = \"calibration\", for_s = 0.5 }");
    faults += &event(at_s + 1.0, "fault = { unit = \"gear\", type = \"own_bus\", for_s = 0.5 }");
    faults += &event(at_s + 2.0, "fault = { unit = \"gateway\", type = \"own_bus\", for_s = 0.5 }");
    faults += &event(2.0, "gnss = { outage_s = 3.0 }");
    let hands = [
        event(4.0, "driver = { hold_wheel_deg = 60.0, torque_nm = 7.0, for_s = 1.0 }"),
        event(5.0, "driver = { throttle_pct = 40.0, for_s = 1.0 }"),
        event(7.0, "driver = { brake_pct = 30.0, for_s = 6.0 }"),
        event(12.0, "driver = { brake_pct = 30.0, gear = \"reverse\", for_s = 2.0 }"),
        event(14.5, "driver = { throttle_pct = 25.0, for_s = 2.0 }"),
        event(17.0, "driver = { brake_pct = 30.0, gear = \"neutral\", for_s = 2.0 }"),
    ];
    let one = |what: &str| format!("{start}{}", event(4.0, what));
    let on_ice = [
        "[operator]\nengage = false\n[start]\non = \"straight_ice\"\nstation_m = 20.0\ngear = \"drive\"\nspeed_mps = 12.0\n".into(),
        event(0.5, "driver = { throttle_pct = 100.0, for_s = 3.0 }"),
        event(4.0, "driver = { hold_wheel_deg = 200.0, torque_nm = 30.0, for_s = 3.0 }"),
        event(7.0, "driver = { hold_wheel_deg = -200.0, torque_nm = 30.0, for_s = 3.0 }"),
        event(10.0, "driver = { brake_pct = 60.0, turn_signal = \"left\", for_s = 5.0 }"),
        event(14.0, "driver = { brake_pct = 60.0, parking_brake = true, for_s = 3.0 }"),
    ];
    let outside = "[operator]\nengage = false\n[stack]\ncanbus = \"external\"\n[start]\non = \"straight\"\nstation_m = 20.0\ngear = \"drive\"\nspeed_mps = 5.0\n";
    let lost = event(5.0, "fault = { unit = \"computer\", type = \"lose\", for_s = 0.3 }");
    let mut all = vec![
        scenario(vehicle, "skid_pad_left", 18.0, &format!("{start}{faults}")),
        scenario(vehicle, "skid_pad_right", 20.0, &format!("{start}{}", hands.concat())),
        scenario(vehicle, "skid_pad_left", 7.0, &format!("{start}{lost}")),
        scenario(vehicle, "skid_pad_left", 5.0, &one("driver = { brake_pct = 30.0, for_s = 1.0 }")),
        scenario(vehicle, "skid_pad_left", 5.0, &one("driver = { throttle_pct = 40.0, for_s = 1.0 }")),
        scenario(vehicle, "", 17.0, &on_ice.concat()),
        scenario(vehicle, "", 6.0, outside),
    ];
    let shipped = ["stopping/emergency_stop_split", "stopping/pull_away_on_20_up", "manual/parked_on_30"];
    for name in shipped {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../scenarios/{name}.toml"));
        let text = std::fs::read_to_string(path).unwrap();
        let text = if civic { text.replace("\"lincoln_mkz\"", "\"honda_civic\"") } else { text };
        all.push(library().load_text(&text, Path::new("shipped.toml")).unwrap());
    }
    all
}

/// Writes down which bits of each identifier's payload have changed; where the canbus is outside it commands the car, with
/// a watchdog counter that gets stuck at 3 s and a gear that no moving car engages.
#[derive(Default)]
struct Listener {
    commands: Vec<(DialectMessage, Sealer)>,
    first: BTreeMap<u16, [u8; 8]>,
    changed: BTreeMap<u16, u64>,
}

impl Outside for Listener {
    fn frames_in(&mut self, now: SimTime, send: &mut dyn FnMut(u8, Frame)) {
        let ms = now.as_ns() / 1_000_000;
        for (message, sealer) in &mut self.commands {
            if ms == 0 || u128::from(ms) % message.cycle.as_millis() != 0 {
                continue;
            }
            let mut frame = message.blank;
            for signal in &message.signals {
                let value = match signal.role {
                    Role::BrakeEnable | Role::ThrottleEnable | Role::SteeringEnable => 1.0,
                    Role::BrakeCount | Role::ThrottleCount | Role::SteeringCount => {
                        (1 + ms.min(3000) / 20) as f64
                    }
                    Role::ThrottlePedalCommand => 30.0,
                    Role::GearCommand => 1.0,
                    Role::TurnSignalCommand => 2.0,
                    _ => 0.0,
                };
                signal.set(&mut frame.data, value);
            }
            sealer.seal(&mut frame);
            send(0, frame);
        }
    }

    fn frame_out(&mut self, _: SimTime, _: Sender, frame: &Frame) {
        let first = *self.first.entry(frame.id).or_insert(frame.data);
        *self.changed.entry(frame.id).or_default() |=
            u64::from_le_bytes(first) ^ u64::from_le_bytes(frame.data);
    }
}

fn only_these_are_constant(vehicle: &str, constants: &[Constant]) {
    let mut listener = Listener::default();
    let drives = drives(vehicle);
    for drive in &drives {
        let external = drive.scenario.stack.canbus == Seat::External;
        let dialect = Dialect::find(&drive.vehicle.dbc).unwrap().unwrap();
        let commands = dialect.commands.into_iter().filter(|_| external);
        listener.commands = commands.map(|m| (m.clone(), Sealer::new(m.protection))).collect();
        Simulation::new(drive, &RunOptions::default()).unwrap().run_outside(&mut listener, |_| (), || false);
    }
    let dbc = &drives[0].vehicle.dbc;
    let mut still = BTreeSet::new();
    let dialect = Dialect::find(dbc).unwrap().unwrap();
    // What a command says is up to the computer.
    let reports = |id: u16| dialect.commands.iter().all(|command| command.blank.id != id);
    for message in dbc.messages().iter().filter(|message| reports(message.id)) {
        assert!(listener.first.contains_key(&message.id), "{message} was never sent");
        for signal in &message.signals {
            let changed = listener.changed[&message.id].to_le_bytes();
            if !signal.handle.is_set(&changed) {
                still.insert(format!("{}.{}", message.name, signal.name));
            }
        }
    }
    let listed = |name: &String| {
        constants.iter().flat_map(|(_, names)| names.iter()).any(|listed| match listed.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == listed,
        })
    };
    let unexpected: Vec<&String> = still.iter().filter(|name| !listed(name)).collect();
    assert!(unexpected.is_empty(), "never fed: {unexpected:#?}");
    for listed in constants.iter().flat_map(|(_, names)| names.iter()) {
        let is = still
            .iter()
            .any(|name| listed.strip_suffix('*').map_or(name == listed, |start| name.starts_with(start)));
        assert!(is, "{listed} is listed as constant and is not");
    }
    let of_reports = dbc.messages().iter().filter(|message| reports(message.id));
    let signals: usize = of_reports.map(|message| message.signals.len()).sum();
    eprintln!(
        "{vehicle}: {} of {signals} signals moved; constant, with a reason: {}",
        signals - still.len(),
        still.len()
    );
}

#[test]
fn every_signal_of_the_lincoln_moves_but_for_those_with_a_reason() {
    only_these_are_constant("lincoln_mkz", LINCOLN);
}

#[test]
fn every_signal_of_the_civic_moves_but_for_those_with_a_reason() {
    only_these_are_constant("honda_civic", CIVIC);
}
