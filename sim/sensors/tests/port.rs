//! What comes out of the receiver's connector: what the real car's configuration asks for, byte by byte, also in the
//! eyes of an independent decoder, and beside the recording of a real receiver.

mod common;

use common::{frame, outputs, parked};
use skidpad_novatel::*;
use skidpad_sensors::{ImuParams, Port, Receiver, ReceiverOutput, ReceiverParams, Truth, VibrationParams};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command as Process, Stdio};

const EPOCH_UNIX_S: f64 = 1_500_000_000.0;

/// The outputs of a parked car's receiver.
fn parked_outputs(params: ReceiverParams, seconds: u64) -> Vec<ReceiverOutput> {
    let mut receiver = Receiver::new(params, ImuParams::datasheet(), &frame(), EPOCH_UNIX_S, 3).unwrap();
    outputs(&mut receiver, |_| parked(), 5, 0, seconds * 1000).into_iter().map(|(_, output)| output).collect()
}

fn wire(port: &mut Port, outputs: &[ReceiverOutput]) -> Vec<u8> {
    let mut out = Vec::new();
    outputs.iter().for_each(|output| port.send(output, &mut out));
    out
}

fn items(bytes: &[u8]) -> Vec<Item> {
    let mut decoder = Decoder::new();
    decoder.push(bytes);
    let items = std::iter::from_fn(|| decoder.next_item()).collect();
    let stats = decoder.stats();
    assert_eq!(
        (stats.skipped_bytes, stats.crc_errors, stats.checksum_errors, stats.length_errors),
        (0, 0, 0, 0)
    );
    assert_eq!(decoder.pending_bytes(), 0);
    items
}

fn name(item: &Item) -> &'static str {
    match item {
        Item::Log(log) => log_name(log.header.id).unwrap(),
        Item::Sentence(Sentence::Gpgga(_)) => "GPGGA",
        Item::Sentence(Sentence::Gprmc(_)) => "GPRMC",
        Item::Sentence(other) => panic!("{other:?}"),
    }
}

fn count(items: &[Item]) -> BTreeMap<&'static str, usize> {
    let mut count = BTreeMap::new();
    items.iter().for_each(|item| *count.entry(name(item)).or_insert(0) += 1);
    count
}

#[test]
fn the_stream_has_the_logs_of_the_real_configuration_at_their_rates_exactly_paired() {
    let outputs = parked_outputs(ReceiverParams::rtk_fixed(), 20);
    // A whole number of seconds, beginning after the first satellite solution.
    let outputs = &outputs[500..1500];
    let items = items(&wire(&mut Port::apollo(), outputs));
    let expected = [
        ("INSPVAS", 1000),
        ("CORRIMUDATAS", 1000),
        ("BESTGNSSPOS", 20),
        ("BESTGNSSVEL", 20),
        ("BESTPOS", 20),
        ("INSCOVS", 10),
        ("GPGGA", 10),
        ("GPRMC", 10),
    ];
    assert_eq!(count(&items), BTreeMap::from(expected));
    for item in &items {
        let Item::Log(log) = item else { continue };
        let on = |period_ms| assert_eq!(log.header.millis % period_ms, 0, "{}", name(item));
        match log.header.id {
            BESTGNSSPOS_ID | BESTGNSSVEL_ID | BESTPOS_ID => on(500),
            INSCOVS_ID => on(1000),
            _ => on(10),
        }
    }
    let stamps = |wanted: u16| -> Vec<(u32, u64)> {
        let stamp = |item: &Item| match item {
            Item::Log(Log { message: Message::Inspvas(log), .. }) if wanted == INSPVAS_ID => {
                Some((log.week, log.seconds.to_bits()))
            }
            Item::Log(Log { message: Message::Corrimudatas(log), .. }) if wanted == CORRIMUDATAS_ID => {
                Some((log.week, log.seconds.to_bits()))
            }
            _ => None,
        };
        items.iter().filter_map(stamp).collect()
    };
    assert_eq!(stamps(INSPVAS_ID), stamps(CORRIMUDATAS_ID));
    for pair in items.windows(2) {
        assert!(name(&pair[0]) != "INSPVAS" || name(&pair[1]) == "CORRIMUDATAS", "back to back");
        if let Item::Sentence(Sentence::Gprmc(rmc)) = &pair[0] {
            assert_eq!(rmc.utc_s.fract(), 0.25, "the offset of the configuration");
        }
    }
    // Values cross as they are.
    let mut at = outputs.iter();
    for item in &items {
        if let Item::Log(Log { message: Message::Inspvas(log), .. }) = item {
            assert_eq!(*log, at.next().unwrap().inspvas);
        }
    }
}

#[test]
fn what_the_logs_say_agrees_with_each_other() {
    let outputs = parked_outputs(ReceiverParams::rtk_fixed(), 12);
    let output =
        outputs.iter().find(|output| output.inspvas.seconds.fract() == 0.0 && output.gnss.is_some()).unwrap();
    let mut port = Port::silent();
    for log in [
        "BESTPOSB",
        "BESTGNSSPOSB",
        "BESTGNSSVELB",
        "BESTVELB",
        "INSPVAXB",
        "INSCOVSB",
        "GPGGA",
        "GPRMC",
        "INSPVAB",
    ] {
        port.receive(format!("LOG {log} ONCE\r\n").as_bytes(), &mut Vec::new());
    }
    let mut out = Vec::new();
    port.send(output, &mut out);
    let mut seen = 0;
    let at = output.inspvas;
    for item in items(&out) {
        seen += 1;
        match item {
            Item::Log(Log { header, message: Message::Bestpos(fix) }) if header.id == BESTPOS_ID => {
                assert_eq!((fix.lat_deg, fix.lon_deg, fix.position_type), (at.lat_deg, at.lon_deg, 56));
                assert!((fix.height_msl_m + f64::from(fix.undulation_m) - at.height_m).abs() < 1e-9);
            }
            Item::Log(Log { message: Message::Bestpos(fix), .. }) => {
                assert_eq!((fix.solution_status, fix.position_type), (0, 50));
                assert!((fix.lat_deg - at.lat_deg).abs() < 1e-5, "an antenna is on the car");
                assert!(fix.used > 4 && fix.lat_std_m < 0.1);
            }
            Item::Log(Log { message: Message::Bestvel(velocity), .. }) => {
                assert!(velocity.horizontal_mps < 0.5 && (0.0..360.0).contains(&velocity.track_deg));
            }
            Item::Log(Log { message: Message::Inspvax(solution), .. }) => {
                assert_eq!((solution.azimuth_deg, solution.status), (at.azimuth_deg, at.status));
                assert_eq!(solution.position_std_m[2], output.ins.position_sigma_m[2] as f32);
            }
            Item::Log(Log { message: Message::Inscovs(covariance), .. }) => {
                assert_eq!(covariance.attitude_deg2[8], output.ins.attitude_sigma_deg[2].powi(2));
                assert_eq!((covariance.week, covariance.seconds), (at.week, at.seconds));
            }
            Item::Log(Log { message: Message::Inspvas(log), .. }) => assert_eq!(log, at),
            Item::Sentence(Sentence::Gpgga(gga)) => {
                assert!((gga.lat_deg - at.lat_deg).abs() < 1e-6 && gga.quality == 4);
            }
            Item::Sentence(Sentence::Gprmc(rmc)) => {
                assert!((rmc.lon_deg - at.lon_deg).abs() < 1e-8 && rmc.valid);
                assert_eq!(rmc.date_dmy, [14, 7, 17]);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seen, 9);
    out.clear();
    port.send(output, &mut out);
    assert!(out.is_empty(), "once is once");
}

#[test]
fn a_client_configures_its_port_as_it_would_a_receiver() {
    let outputs = parked_outputs(ReceiverParams::rtk_fixed(), 12);
    let outputs = &outputs[100..1100];
    let (mut port, mut answer) = (Port::apollo(), Vec::new());
    port.receive(b"UNLOGALL THISP", &mut answer);
    assert!(answer.is_empty(), "half a line");
    port.receive(b"ORT\r\n", &mut answer);
    assert_eq!(answer, b"\r\n<OK\r\n[ICOM1]");
    assert!(wire(&mut port, outputs).is_empty());
    answer.clear();
    port.receive(
        b"LOG INSPVASB ONTIME 0.02\r\nLOG CORRIMUDATASB ONNEW\r\nLOG BESTGNSSPOSB ONNEW\r\nLOG RAWIMUSXB ONTIME 0.005\r\n\
          LOG COM2 GPRMC ONTIME 1\r\nlog mark1pvab onnew\r\nHELLO\r\n\x01\x02\r\n",
        &mut answer,
    );
    let answer = String::from_utf8(answer).unwrap();
    assert_eq!((answer.matches("<OK").count(), answer.matches("<ERROR:Invalid Message ID").count()), (6, 1));
    let stats = port.stats();
    assert_eq!((stats.accepted, stats.refused, stats.garbage), (7, 1, 1));
    let items = items(&wire(&mut port, outputs));
    let expected = [("INSPVAS", 500), ("CORRIMUDATAS", 1000), ("BESTGNSSPOS", 50), ("RAWIMUSX", 2000)];
    let counted = count(&items);
    assert_eq!(counted, BTreeMap::from(expected));
    let raw: Vec<&Rawimux> = items
        .iter()
        .filter_map(|item| match item {
            Item::Log(Log { message: Message::Rawimux(raw), .. }) => Some(raw),
            _ => None,
        })
        .collect();
    for pair in raw.windows(2) {
        assert!((pair[1].seconds - pair[0].seconds - 0.005).abs() < 1e-9);
        // Gravity upwards over 5 ms, in the counts of the IMU.
        assert!((9.5..10.1).contains(&(f64::from(pair[0].accel_z) * 2e-8 * 200.0)));
    }
    port.receive(b"UNLOG INSPVASB\r\nUNLOGALL\r\nLOG GPGGA ONTIME 5\r\n", &mut Vec::new());
    assert_eq!(count(&items_of_text(&mut port, outputs)), BTreeMap::from([("GPGGA", 2)]));
}

fn items_of_text(port: &mut Port, outputs: &[ReceiverOutput]) -> Vec<Item> {
    items(&wire(port, outputs))
}

/// An independent decoder: Python with nothing but its standard library.
fn python(stream: &[u8]) -> Option<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/decode_novatel.py");
    let child = Process::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn();
    let Ok(mut child) = child else {
        skidpad_test_support::skip("Python is not installed");
        return None;
    };
    let mut stdin = child.stdin.take().unwrap();
    let stream = stream.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&stream));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the decoder failed");
    writer.join().unwrap().unwrap();
    Some(String::from_utf8(output.stdout).unwrap())
}

/// A number that Python wrote: an integer, or a float as it lies in memory.
fn float(text: &str) -> f64 {
    let Some(hex) = text.trim_start_matches('-').strip_prefix("0x") else { return text.parse().unwrap() };
    let (mantissa, exponent) = hex.split_once('p').unwrap();
    let (whole, fraction) = mantissa.split_once('.').unwrap();
    let digits = u64::from_str_radix(&format!("{whole}{fraction}"), 16).unwrap();
    let value = digits as f64 * 2f64.powi(exponent.parse::<i32>().unwrap() - 4 * fraction.len() as i32);
    if text.starts_with('-') { -value } else { value }
}

#[test]
fn an_independent_decoder_reads_the_same_values_from_every_log() {
    let outputs = parked_outputs(with_marks(), 8);
    let outputs = &outputs[300..700];
    let mut port = Port::apollo();
    port.receive(
        b"LOG INSPVAB ONTIME 0.5\r\nLOG CORRIMUDATAB ONTIME 0.5\r\nLOG INSCOVB ONTIME 1\r\nLOG INSPVAXB ONTIME 0.5\r\n\
          LOG BESTVELB ONTIME 0.5\r\nLOG RAWIMUSXB ONNEW\r\nLOG RAWIMUXB ONTIME 1\r\nLOG PSRPOSB ONTIME 1\r\n\
          LOG PSRVELB ONTIME 1\r\nLOG MARK1PVAB ONNEW\r\n",
        &mut Vec::new(),
    );
    let stream = wire(&mut port, outputs);
    let ours = items(&stream);
    let Some(theirs) = python(&stream) else { return };
    let mut theirs = theirs.lines();
    let mut kinds = BTreeMap::new();
    for item in &ours {
        let line = theirs.next().unwrap();
        let fields: Vec<&str> = line.split(' ').collect();
        *kinds.entry(name(item)).or_insert(0) += 1;
        let Item::Log(Log { header, message }) = item else {
            assert_eq!(fields[0], "text");
            continue;
        };
        let numbers: Vec<f64> = fields[3..].iter().map(|field| float(field)).collect();
        assert_eq!(fields[..3].join(" "), format!("{} {} {}", header.id, header.week, header.millis));
        // Python shows the base station's id as hexadecimal digits, here all of them decimal ones.
        let base = |id: &[u8; 4]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let expected: Vec<f64> = match message {
            Message::Inspvas(log) => vec![
                log.week.into(),
                log.seconds,
                log.lat_deg,
                log.lon_deg,
                log.height_m,
                log.north_mps,
                log.east_mps,
                log.up_mps,
                log.roll_deg,
                log.pitch_deg,
                log.azimuth_deg,
                log.status.into(),
            ],
            Message::Corrimudatas(log) => {
                [&[f64::from(log.week), log.seconds][..], &log.angle_rad, &log.velocity_mps].concat()
            }
            Message::Inscovs(log) => [
                &[f64::from(log.week), log.seconds][..],
                &log.position_m2,
                &log.attitude_deg2,
                &log.velocity_m2ps2,
            ]
            .concat(),
            Message::Bestvel(log) => vec![
                log.solution_status.into(),
                log.velocity_type.into(),
                log.latency_s.into(),
                log.differential_age_s.into(),
                log.horizontal_mps,
                log.track_deg,
                log.up_mps,
                log.reserved.into(),
            ],
            Message::Inspvax(log) => {
                let wide = |values: [f32; 3]| values.map(f64::from);
                [
                    &[
                        log.status.into(),
                        log.position_type.into(),
                        log.lat_deg,
                        log.lon_deg,
                        log.height_msl_m,
                        log.undulation_m.into(),
                        log.north_mps,
                        log.east_mps,
                        log.up_mps,
                        log.roll_deg,
                        log.pitch_deg,
                        log.azimuth_deg,
                    ][..],
                    &wide(log.position_std_m),
                    &wide(log.velocity_std_mps),
                    &wide(log.attitude_std_deg),
                    &[log.extended_status.into(), log.since_update_s.into()],
                ]
                .concat()
            }
            Message::Rawimux(log) => vec![
                log.info.into(),
                log.imu_type.into(),
                log.week.into(),
                log.seconds,
                log.status.into(),
                log.accel_z.into(),
                log.accel_minus_y.into(),
                log.accel_x.into(),
                log.gyro_z.into(),
                log.gyro_minus_y.into(),
                log.gyro_x.into(),
            ],
            Message::Bestpos(log) => vec![
                log.solution_status.into(),
                log.position_type.into(),
                log.lat_deg,
                log.lon_deg,
                log.height_msl_m,
                log.undulation_m.into(),
                log.datum.into(),
                log.lat_std_m.into(),
                log.lon_std_m.into(),
                log.height_std_m.into(),
                base(&log.station_id).parse().unwrap(),
                log.differential_age_s.into(),
                log.solution_age_s.into(),
                log.tracked.into(),
                log.used.into(),
                log.used_l1.into(),
                log.used_multi.into(),
                log.reserved.into(),
                log.extended_status.into(),
                log.galileo_beidou_mask.into(),
                log.gps_glonass_mask.into(),
            ],
            Message::Other { .. } => panic!("{line}"),
        };
        assert_eq!(numbers, expected, "{line}");
    }
    assert_eq!(theirs.next(), Some("crc_errors 0 noise 0"));
    assert_eq!(kinds.len(), LOGS.len(), "every log that this crate knows: {kinds:?}");
}

fn with_marks() -> ReceiverParams {
    ReceiverParams { mark_period_s: Some(0.5), ..ReceiverParams::rtk_fixed() }
}

#[test]
fn an_independent_decoder_reads_the_same_values_from_the_text_of_every_log() {
    let outputs = parked_outputs(with_marks(), 7);
    let mut port = Port::silent();
    let binary: Vec<&str> =
        LOGS.iter().map(|(name, ..)| *name).filter(|name| !name.starts_with("GP")).collect();
    for name in &binary {
        // Binary first, so that the text follows it.
        for form in ["B", "A"] {
            port.receive(format!("LOG {name}{form} ONTIME 0.5\r\n").as_bytes(), &mut Vec::new());
        }
    }
    assert_eq!(port.stats().accepted, 2 * binary.len() as u64);
    let Some(theirs) = python(&wire(&mut port, &outputs[200..600])) else { return };
    let lines: Vec<&str> = theirs.lines().collect();
    assert_eq!(lines.last(), Some(&"crc_errors 0 noise 0"));
    for (name, id, _) in LOGS.iter().filter(|(name, ..)| binary.contains(name)) {
        let text = lines.iter().filter(|line| **line == format!("ascii {id}")).count();
        assert_eq!(text, 8, "{name}: twice a second for 4 s");
        assert_eq!(lines.iter().filter(|line| line.starts_with(&format!("{id} "))).count(), 8, "{name}");
    }
    port.receive(b"UNLOG BESTPOSA\r\n", &mut Vec::new());
    let left = String::from_utf8_lossy(&wire(&mut port, &outputs[200..300])).into_owned();
    assert!(!left.contains("#BESTPOSA") && left.contains("#BESTVELA"), "its binary form goes on");
}

#[test]
fn a_pulse_on_the_input_gives_the_solution_of_its_instant_and_nothing_wired_gives_none() {
    let outputs = parked_outputs(with_marks(), 6);
    let mut port = Port::silent();
    port.receive(b"log mark1pvab onnew\r\n", &mut Vec::new());
    let marks: Vec<Inspvas> = items(&wire(&mut port, &outputs[..550]))
        .into_iter()
        .map(|item| match item {
            Item::Log(Log { header, message: Message::Inspvas(log) }) if header.id == MARK1PVA_ID => log,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(marks.len(), 11);
    for mark in &marks {
        assert_eq!(mark.seconds.fract() % 0.5, 0.0);
        assert!(outputs.iter().any(|output| output.inspvas == *mark));
    }
    let unwired = parked_outputs(ReceiverParams::rtk_fixed(), 6);
    assert!(wire(&mut port, &unwired).is_empty());
}

#[test]
fn pseudoranges_alone_are_a_position_of_their_own_with_the_errors_they_report() {
    let mut port = Port::silent();
    port.receive(b"LOG PSRPOSB ONCE\r\nLOG BESTGNSSPOSB ONCE\r\n", &mut Vec::new());
    let mut normalised = Vec::new();
    for seed in 0..150 {
        let params = ReceiverParams::rtk_fixed();
        let mut receiver = Receiver::new(params, ImuParams::ideal(), &frame(), EPOCH_UNIX_S, seed).unwrap();
        let output = outputs(&mut receiver, |_| parked(), 5, 0, 300).pop().unwrap().1;
        let mut bytes = Vec::new();
        port.clone().send(&output, &mut bytes);
        let logs = items(&bytes);
        let [
            Item::Log(Log { message: Message::Bestpos(psr), .. }),
            Item::Log(Log { message: Message::Bestpos(rtk), .. }),
        ] = &logs[..]
        else {
            panic!("{logs:?}");
        };
        assert_eq!((psr.position_type, rtk.position_type), (17, 50));
        assert!(psr.lat_std_m > 10.0 * rtk.lat_std_m && psr.used_multi == 0);
        // Against the carrier phase, whose centimetre does not matter.
        normalised.push((psr.lat_deg - rtk.lat_deg) * 111_000.0 / f64::from(psr.lat_std_m));
        normalised.push((psr.height_msl_m - rtk.height_msl_m) / f64::from(psr.height_std_m));
    }
    let rms = common::rms(normalised);
    assert!((0.8..1.2).contains(&rms), "{rms}");
}

/// What is compared of a parked car, by axes of the vehicle: right, forward, up.
struct Parked {
    counts: BTreeMap<&'static str, usize>,
    /// Distance of the raw samples, s: smallest, mean, largest.
    spacing_s: [f64; 3],
    /// Specific force, m/s², and rate, °/s, of the raw samples.
    forces: [Vec<f64>; 3],
    rates: [Vec<f64>; 3],
    /// Least common count of the raw increments of velocity and angle.
    quanta: [u32; 2],
    /// Corrected accelerations, m/s², and rates, °/s, once aligned.
    corrected: [[Vec<f64>; 3]; 2],
    /// Velocity up and position up of the satellites alone, and the deviation they report, m/s, m, m.
    satellites: [Vec<f64>; 3],
}

impl Parked {
    fn read(bytes: &[u8]) -> Self {
        let items = items(bytes);
        let mut of = Parked {
            counts: count(&items),
            spacing_s: [0.0; 3],
            forces: Default::default(),
            rates: Default::default(),
            quanta: [0; 2],
            corrected: Default::default(),
            satellites: Default::default(),
        };
        let mut times = Vec::new();
        let gcd = |a: u32, b: i32| {
            (0..)
                .try_fold(
                    (a, b.unsigned_abs()),
                    |(a, b), _: u32| if b == 0 { Err(a) } else { Ok((b, a % b)) },
                )
                .unwrap_err()
        };
        for item in &items {
            let Item::Log(log) = item else { continue };
            match &log.message {
                Message::Rawimux(raw) => {
                    times.push(raw.seconds);
                    // Gravity tells how the unit is mounted: the recorded one forward, right, down; ours right, forward, up.
                    let axes = |x: i32, minus_y: i32, z: i32| match raw.accel_z < 0 {
                        true => [-f64::from(minus_y), f64::from(x), -f64::from(z)],
                        false => [f64::from(x), -f64::from(minus_y), f64::from(z)],
                    };
                    let force = axes(raw.accel_x, raw.accel_minus_y, raw.accel_z);
                    let rate = axes(raw.gyro_x, raw.gyro_minus_y, raw.gyro_z);
                    for axis in 0..3 {
                        of.forces[axis].push(force[axis] * 2e-8 * 200.0);
                        of.rates[axis].push((rate[axis] * 1e-9 * 200.0).to_degrees());
                    }
                    for counts in [raw.accel_x, raw.accel_minus_y, raw.accel_z] {
                        of.quanta[0] = gcd(of.quanta[0], counts);
                    }
                    for counts in [raw.gyro_x, raw.gyro_minus_y, raw.gyro_z] {
                        of.quanta[1] = gcd(of.quanta[1], counts);
                    }
                }
                // Zeros until aligned.
                Message::Corrimudatas(log) if log.velocity_mps != [0.0; 3] => {
                    for axis in 0..3 {
                        of.corrected[0][axis].push(log.velocity_mps[axis] * 200.0);
                        of.corrected[1][axis].push((log.angle_rad[axis] * 200.0).to_degrees());
                    }
                }
                Message::Bestvel(log) => of.satellites[0].push(log.up_mps),
                Message::Bestpos(log) if log.position_type == 16 => {
                    of.satellites[1].push(log.height_msl_m);
                    of.satellites[2].push(log.height_std_m.into());
                }
                _ => {}
            }
        }
        let steps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let end = |pick: fn(f64, f64) -> f64| steps.iter().copied().reduce(pick).unwrap();
        of.spacing_s = [end(f64::min), mean(&steps), end(f64::max)];
        of
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn spread(values: &[f64]) -> f64 {
    let mean = mean(values);
    common::rms(values.iter().map(|value| value - mean))
}

/// The strongest line within half a hertz of `near_hz`: its frequency, Hz, and rms.
fn line(values: &[f64], near_hz: f64) -> (f64, f64) {
    let mean = mean(values);
    let (n, mut best) = (values.len() as f64, (0.0, 0.0));
    for step in -50..=50 {
        let hz = near_hz + 0.01 * f64::from(step);
        let (mut re, mut im) = (0.0, 0.0);
        for (k, value) in values.iter().enumerate() {
            let window = 1.0 - libm::cos(std::f64::consts::TAU * k as f64 / n);
            let (sin, cos) = libm::sincos(std::f64::consts::TAU * hz * k as f64 * 0.005);
            re += window * (value - mean) * cos;
            im += window * (value - mean) * sin;
        }
        let rms = f64::hypot(re, im) * std::f64::consts::SQRT_2 / n;
        if rms > best.1 {
            best = (hz, rms);
        }
    }
    best
}

/// A line of the table, which must lie within these factors of the recording.
fn row(name: &str, theirs: f64, ours: f64, within: [f64; 2]) {
    let ratio = ours / theirs;
    println!("{name:42} {theirs:12.6} {ours:12.6} {ratio:7.2}   {:.3} to {:.3}", within[0], within[1]);
    assert!((within[0]..=within[1]).contains(&ratio), "{name}: {ours} against {theirs}");
}

#[test]
fn a_parked_car_sounds_like_the_recording_of_the_real_one() {
    let Some(folder) = skidpad_test_support::reference_data() else { return };
    let theirs = Parked::read(&std::fs::read(folder.join("gnss/novatel.bin")).unwrap());
    // As recorded: logs, IMU, idle vibration, satellites without corrections, and how the car stands (azimuth 105.14°,
    // nose 1.76° up, left side 0.24° down).
    let mut port = Port::silent();
    port.receive(
        b"LOG RAWIMUSXB ONNEW\r\nLOG INSPVASB ONTIME 0.1\r\nLOG CORRIMUDATASB ONTIME 0.1\r\nLOG INSCOVSB ONTIME 1\r\n\
          LOG BESTGNSSPOSB ONTIME 1\r\nLOG BESTGNSSVELB ONTIME 1\r\n",
        &mut Vec::new(),
    );
    let vibration = VibrationParams { idle: 1.0, road_mps2: 0.0 };
    let imu = ImuParams { vibration, ..ImuParams::isa_100c() };
    let stands = Truth {
        quaternion_wxyz: common::quaternion(
            -15.14f64.to_radians(),
            -1.758f64.to_radians(),
            -0.238f64.to_radians(),
        ),
        ..parked()
    };
    let mut receiver = Receiver::new(ReceiverParams::single(), imu, &frame(), EPOCH_UNIX_S, 3).unwrap();
    let outputs: Vec<ReceiverOutput> =
        outputs(&mut receiver, |_| stands, 5, 0, 85_000).into_iter().map(|(_, output)| output).collect();
    let ours = Parked::read(&wire(&mut port, &outputs[400..8400]));

    println!("{:42} {:>12} {:>12} {:>7}   accepted", "80 s of a parked car", "recording", "Skidpad", "ratio");
    assert!(theirs.counts.keys().eq(ours.counts.keys()));
    for (name, count) in &theirs.counts {
        row(&format!("{name}, logs"), *count as f64, ours.counts[name] as f64, [0.98, 1.02]);
    }
    for (name, k) in [("smallest", 0), ("mean", 1), ("largest", 2)] {
        row(&format!("RAWIMUSX, {name} distance, s"), theirs.spacing_s[k], ours.spacing_s[k], [0.999, 1.001]);
    }
    for (name, k) in [("velocity", 0), ("angle", 1)] {
        row(
            &format!("RAWIMUSX, common counts of {name}"),
            theirs.quanta[k].into(),
            ours.quanta[k].into(),
            [1.0, 1.0],
        );
    }
    let norm = |axes: &[Vec<f64>; 3]| axes.iter().map(|axis| mean(axis).powi(2)).sum::<f64>().sqrt();
    row("Earth rate, deg/h", norm(&theirs.rates) * 3600.0, norm(&ours.rates) * 3600.0, [0.97, 1.03]);
    row("gravity, m/s2", norm(&theirs.forces), norm(&ours.forces), [0.999, 1.001]);
    for (axis, name) in ["right", "forward", "up"].iter().enumerate() {
        let (a, b) = (&theirs, &ours);
        row(&format!("force {name}, mean m/s2"), mean(&a.forces[axis]), mean(&b.forces[axis]), [0.75, 1.25]);
        row(&format!("force {name}, 1σ m/s2"), spread(&a.forces[axis]), spread(&b.forces[axis]), [0.7, 1.4]);
        row(
            &format!("rate about {name}, mean deg/h"),
            mean(&a.rates[axis]) * 3600.0,
            mean(&b.rates[axis]) * 3600.0,
            [0.75, 1.25],
        );
        row(
            &format!("rate about {name}, 1σ deg/s"),
            spread(&a.rates[axis]),
            spread(&b.rates[axis]),
            [0.7, 1.4],
        );
        let allan = |values: &[f64]| common::allan(values, 200) * 60.0;
        row(
            &format!("Allan at 1 s about {name}, deg/sqrt h"),
            allan(&a.rates[axis]),
            allan(&b.rates[axis]),
            [0.5, 2.0],
        );
        for (corrected, name, unit) in [
            (0, format!("corrected force {name}"), "m/s2"),
            (1, format!("corrected rate about {name}"), "deg/s"),
        ] {
            row(
                &format!("{name}, 1σ {unit}"),
                spread(&a.corrected[corrected][axis]),
                spread(&b.corrected[corrected][axis]),
                [0.7, 1.4],
            );
        }
    }
    for (hz, name, axis) in [
        (2.9, "rate", 1),
        (10.0, "force", 2),
        (10.0, "rate", 1),
        (67.4, "force", 2),
        (92.6, "force", 1),
        (92.6, "rate", 0),
        (97.0, "force", 1),
        (97.0, "rate", 0),
    ] {
        let of = |parked: &Parked| {
            line(if name == "force" { &parked.forces[axis] } else { &parked.rates[axis] }, hz)
        };
        let ((their_hz, their_rms), (our_hz, our_rms)) = (of(&theirs), of(&ours));
        let along = ["right", "forward", "up"][axis];
        row(&format!("line of {name} {along}, Hz"), their_hz, our_hz, [0.998, 1.002]);
        // The body on its springs is no line: the same rms is spread over some tenths of a hertz.
        let within = if hz < 5.0 { [0.4, 2.5] } else { [0.6, 1.6] };
        row(&format!("line of {name} {along} at {hz} Hz, rms"), their_rms, our_rms, within);
    }
    row(
        "velocity up by satellites, 1σ m/s",
        spread(&theirs.satellites[0]),
        spread(&ours.satellites[0]),
        [0.3, 3.0],
    );
    row(
        "height by satellites, 1σ m in 80 s",
        spread(&theirs.satellites[1]),
        spread(&ours.satellites[1]),
        [0.3, 3.0],
    );
    row(
        "height by satellites, reported σ m",
        mean(&theirs.satellites[2]),
        mean(&ours.satellites[2]),
        [0.4, 2.5],
    );
}

#[test]
fn samples_lost_between_imu_and_receiver_upset_no_pair() {
    let lossy = ImuParams { dropped_share: 0.05, ..ImuParams::datasheet() };
    let mut receiver = Receiver::new(ReceiverParams::rtk_fixed(), lossy, &frame(), EPOCH_UNIX_S, 3).unwrap();
    let outputs: Vec<ReceiverOutput> =
        outputs(&mut receiver, |_| parked(), 5, 0, 61_000).into_iter().map(|(_, output)| output).collect();
    let mut port = Port::apollo();
    port.receive(b"LOG RAWIMUSXB ONNEW\r\n", &mut Vec::new());
    let items = items(&wire(&mut port, &outputs[..6000]));
    let counts = count(&items);
    assert_eq!((counts["INSPVAS"], counts["CORRIMUDATAS"]), (6000, 6000));
    assert!((11_250..11_550).contains(&counts["RAWIMUSX"]), "5 % of 12000 are lost: {counts:?}");
    let (mut before, mut errors, mut gaps) = (None, 0, 0);
    for item in &items {
        let Item::Log(log) = item else { continue };
        match &log.message {
            Message::Inspvas(log) => {
                assert_eq!(log.status, InsStatus::Good.wire());
                before = Some((log.week, log.seconds.to_bits()));
            }
            Message::Corrimudatas(log) => assert_eq!(before, Some((log.week, log.seconds.to_bits()))),
            Message::Rawimux(log) => errors += u32::from(log.info & 1),
            _ => {}
        }
    }
    let raw = |item: &Item| match item {
        Item::Log(Log { message: Message::Rawimux(log), .. }) => Some(log.seconds),
        _ => None,
    };
    let stamps: Vec<f64> = items.iter().filter_map(raw).collect();
    gaps += stamps.windows(2).filter(|pair| pair[1] - pair[0] > 0.0075).count() as u32;
    assert!(errors.abs_diff(gaps) <= 1 && gaps > 400, "{errors} flags, {gaps} gaps");
}
