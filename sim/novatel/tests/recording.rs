//! A recording of a real receiver on the real car (`data/gnss`), read and written again.

use skidpad_novatel::{Decoder, Log, Message, PositionType};
use std::collections::BTreeMap;

fn recording() -> Option<Vec<u8>> {
    let folder = skidpad_test_support::reference_data()?;
    Some(std::fs::read(folder.join("gnss/novatel.bin")).unwrap())
}

fn decode(pieces: &[&[u8]]) -> (Vec<Log>, Decoder) {
    let mut decoder = Decoder::new();
    let mut logs = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        logs.extend(std::iter::from_fn(|| decoder.next_log()));
    }
    (logs, decoder)
}

#[test]
fn every_log_of_a_real_receiver_is_read_without_a_crc_error() {
    let Some(bytes) = recording() else { return };
    let (logs, decoder) = decode(&[&bytes]);
    let mut count = BTreeMap::new();
    for log in &logs {
        *count.entry(log.header.id).or_insert(0) += 1;
    }
    let expected = [
        (320, 80),     // INSCOVS
        (508, 796),    // INSPVAS
        (813, 796),    // CORRIMUDATAS
        (1429, 80),    // BESTGNSSPOS
        (1430, 80),    // BESTGNSSVEL
        (1462, 15953), // RAWIMUSX
    ];
    assert_eq!(count, BTreeMap::from(expected));
    let stats = decoder.stats();
    assert_eq!(stats.crc_errors, 0);
    assert_eq!(stats.length_errors, 0);
    assert_eq!(stats.skipped_bytes, 0);
    assert_eq!(stats.logs, 17_785);
}

#[test]
fn every_log_is_written_again_with_the_same_bytes() {
    let Some(bytes) = recording() else { return };
    let (logs, _) = decode(&[&bytes]);
    let mut by_header = Vec::with_capacity(bytes.len());
    let mut by_body = Vec::new();
    for log in &logs {
        let start = by_header.len();
        log.encode(&mut by_header);
        // The typed logs come out right from their body alone, header time included.
        by_body.clear();
        match &log.message {
            Message::Inspvas(inspvas) => inspvas.encode(&mut by_body),
            Message::Corrimudatas(corrimudatas) => corrimudatas.encode(&mut by_body),
            // The others carry their time in the header alone, or the header's is not that of the body.
            _ => continue,
        }
        assert_eq!(by_body, by_header[start..]);
    }
    assert!(by_header == bytes);
}

#[test]
fn the_parked_car_stands_in_sunnyvale_and_its_logs_come_in_pairs() {
    let Some(bytes) = recording() else { return };
    let (logs, _) = decode(&[&bytes]);
    let mut states = Vec::new();
    let mut stamps = [Vec::new(), Vec::new()];
    for log in &logs {
        match &log.message {
            Message::Inspvas(log) => {
                assert_eq!(log.week, 1918);
                assert!((log.lat_deg - 37.4094).abs() < 1e-4);
                assert!((log.lon_deg + 122.0242).abs() < 1e-4);
                assert!((-33.0..-26.0).contains(&log.height_m));
                states.push(log.status);
                stamps[0].push(log.time().to_unix_s());
            }
            Message::Corrimudatas(log) => stamps[1].push(log.time().to_unix_s()),
            _ => {}
        }
    }
    assert_eq!(stamps[0], stamps[1]);
    // 13 October 2016: week 1918 began on Sunday, 9 October.
    assert!(stamps[0].iter().all(|unix| (1_476_316_800.0..1_476_403_200.0).contains(unix)));
    // Aligning, then aligned and waiting to move.
    assert_eq!(states.first(), Some(&1));
    assert_eq!(states.last(), Some(&7));
}

#[test]
fn a_stream_cut_into_pieces_of_any_size_reads_the_same() {
    let Some(bytes) = recording() else { return };
    let (whole, _) = decode(&[&bytes]);
    for size in [1, 7, 64, 1460, 100_003] {
        let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
        assert!(decode(&pieces).0 == whole, "pieces of {size} bytes");
    }
}

#[test]
fn every_log_of_the_recording_is_taken_apart_and_says_what_the_car_did() {
    let Some(bytes) = recording() else { return };
    let (logs, _) = decode(&[&bytes]);
    for log in &logs {
        match &log.message {
            Message::Inspvas(_) | Message::Corrimudatas(_) => {}
            Message::Bestpos(fix) => {
                assert_eq!((fix.solution_status, fix.datum), (0, 61));
                assert_eq!(PositionType::from_wire(fix.position_type), Some(PositionType::Single));
                assert!((fix.lat_deg - 37.4094).abs() < 1e-4 && (fix.lon_deg + 122.0242).abs() < 1e-4);
                assert_eq!(fix.undulation_m, -32.1);
                assert!((1.0..12.0).contains(&fix.height_std_m) && fix.used <= fix.tracked && fix.used >= 4);
            }
            Message::Bestvel(velocity) => {
                assert_eq!(
                    (velocity.solution_status, velocity.velocity_type, velocity.latency_s),
                    (0, 8, 0.15)
                );
                assert!(velocity.horizontal_mps < 0.2 && velocity.up_mps.abs() < 0.2);
            }
            Message::Inscovs(covariance) => {
                // Symmetric, with variances that are none below 0.
                for matrix in [covariance.position_m2, covariance.attitude_deg2, covariance.velocity_m2ps2] {
                    for (row, column) in [(0, 1), (0, 2), (1, 2)] {
                        assert_eq!(matrix[3 * row + column], matrix[3 * column + row]);
                    }
                    assert!([0, 4, 8].iter().all(|i| matrix[*i] >= 0.0));
                }
            }
            Message::Rawimux(raw) => {
                assert_eq!((raw.week, raw.imu_type, raw.info), (1918, 26, 0));
                // An ISA-100C counts 2e-8 m/s: gravity over 5 ms, its z axis downwards.
                let gravity_mps2 = f64::from(raw.accel_z) * 2e-8 * 200.0;
                assert!((9.0..10.6).contains(&-gravity_mps2), "{gravity_mps2}");
            }
            other => panic!("{other:?}"),
        }
    }
}
