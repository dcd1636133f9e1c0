//! What comes out of the receiver's connector: what the real car's configuration asks for, byte by byte, also in the
//! eyes of an independent decoder, and beside the recording of a real receiver.

mod common;

use common::{frame, outputs, parked};
use skidpad_novatel::*;
use skidpad_sensors::{ImuParams, Port, Receiver, ReceiverOutput, ReceiverParams};
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
    // The newest satellite solution at once, then 5 a second.
    let expected = [("INSPVAS", 500), ("CORRIMUDATAS", 1000), ("BESTGNSSPOS", 51), ("RAWIMUSX", 2000)];
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
    let outputs = parked_outputs(ReceiverParams::rtk_fixed(), 8);
    let outputs = &outputs[300..700];
    let mut port = Port::apollo();
    port.receive(
        b"LOG INSPVAB ONTIME 0.5\r\nLOG CORRIMUDATAB ONTIME 0.5\r\nLOG INSCOVB ONTIME 1\r\nLOG INSPVAXB ONTIME 0.5\r\n\
          LOG BESTVELB ONTIME 0.5\r\nLOG RAWIMUSXB ONNEW\r\nLOG RAWIMUXB ONTIME 1\r\n",
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
    assert_eq!(kinds.len(), 15, "{kinds:?}");
}

/// Mean and standard deviation.
fn spread(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64;
    (mean, variance.sqrt())
}

/// What can be compared between two parked cars: rates in logs per second, noise per axis.
fn statistics(bytes: &[u8]) -> Vec<(String, f64)> {
    let items = items(bytes);
    let mut rows: Vec<(String, f64)> = Vec::new();
    let mut series: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut span: BTreeMap<&str, (f64, f64, f64)> = BTreeMap::new();
    let mut add = |name: &str, value: f64| series.entry(name.to_owned()).or_default().push(value);
    for item in &items {
        let Item::Log(log) = item else { continue };
        let at = log.header.time().to_unix_s();
        let entry = span.entry(name(item)).or_insert((at, at, 0.0));
        *entry = (entry.0, at, entry.2 + 1.0);
        match &log.message {
            // Zeros until aligned.
            Message::Corrimudatas(log) if log.velocity_mps != [0.0; 3] => {
                for (axis, name) in ["right", "forward", "up"].iter().enumerate() {
                    add(
                        &format!("CORRIMUDATAS rate about {name}, 1σ deg/s"),
                        (log.angle_rad[axis] * 200.0).to_degrees(),
                    );
                    add(
                        &format!("CORRIMUDATAS acceleration {name}, 1σ m/s²"),
                        log.velocity_mps[axis] * 200.0,
                    );
                }
            }
            Message::Rawimux(log) => {
                for (counts, name) in
                    [(log.gyro_x, "about x"), (log.gyro_minus_y, "about y"), (log.gyro_z, "about z")]
                {
                    add(
                        &format!("RAWIMUSX rate {name}, 1σ deg/s"),
                        (f64::from(counts) * 1e-9 * 200.0).to_degrees(),
                    );
                }
                for (counts, name) in [(log.accel_x, "x"), (log.accel_minus_y, "y"), (log.accel_z, "z")] {
                    add(&format!("RAWIMUSX acceleration {name}, 1σ m/s²"), f64::from(counts) * 2e-8 * 200.0);
                }
            }
            Message::Bestvel(log) => add("BESTGNSSVEL up, 1σ m/s", log.up_mps),
            Message::Bestpos(log) if log.position_type == 16 => {
                add("BESTGNSSPOS north, 1σ m", log.lat_deg * 111_000.0);
                add("BESTGNSSPOS up, 1σ m", log.height_msl_m);
                rows.retain(|(name, _)| name != "BESTGNSSPOS reported σ of height m");
                rows.push(("BESTGNSSPOS reported σ of height m".into(), log.height_std_m.into()));
            }
            _ => {}
        }
    }
    for (name, (first, last, count)) in span {
        rows.push((format!("{name} logs/s"), (count - 1.0) / (last - first)));
    }
    rows.extend(series.into_iter().map(|(name, values)| (name, spread(&values).1)));
    rows
}

#[test]
fn a_parked_car_sounds_like_the_recording_of_the_real_one() {
    let Some(folder) = skidpad_test_support::reference_data() else { return };
    let recording = statistics(&std::fs::read(folder.join("gnss/novatel.bin")).unwrap());
    // Logs as the recorded receiver had them configured; satellites alone, without corrections, as there.
    let mut port = Port::silent();
    port.receive(
        b"LOG RAWIMUSXB ONNEW\r\nLOG INSPVASB ONTIME 0.1\r\nLOG CORRIMUDATASB ONTIME 0.1\r\nLOG INSCOVSB ONTIME 1\r\n\
          LOG BESTGNSSPOSB ONTIME 1\r\nLOG BESTGNSSVELB ONTIME 1\r\n",
        &mut Vec::new(),
    );
    let outputs = parked_outputs(ReceiverParams::single(), 90);
    let ours: BTreeMap<String, f64> = statistics(&wire(&mut port, &outputs[1000..])).into_iter().collect();
    println!("{:45} {:>12} {:>12} {:>8}", "parked car", "recording", "Skidpad", "ratio");
    for (name, theirs) in &recording {
        let ours = ours.get(name).copied().unwrap_or(f64::NAN);
        println!("{name:45} {theirs:12.5} {ours:12.5} {:8.2}", ours / theirs);
        if name.ends_with("logs/s") {
            assert!((ours / theirs - 1.0).abs() < 0.01, "{name}: {ours} against {theirs}");
        } else {
            assert!(ours.is_finite() && ours > 0.0, "{name}");
        }
    }
}
