//! The stream as a driver meets it: cut anywhere, damaged, preceded by noise, ill-meant.

use proptest::prelude::*;
use skidpad_novatel::{
    Corrimudatas, Decoder, DecoderStats, Header, Inspvas, Log, LongHeader, MAX_BODY_BYTES, MAX_PENDING_BYTES,
    Message, crc32,
};

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Log>, DecoderStats) {
    let mut decoder = Decoder::new();
    let mut logs = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        logs.extend(std::iter::from_fn(|| decoder.next_log()));
    }
    (logs, decoder.stats())
}

fn sample() -> Inspvas {
    Inspvas {
        week: 1918,
        seconds: 347_564.6,
        lat_deg: 37.409_407,
        lon_deg: -122.024_157,
        height_m: -29.56,
        north_mps: 1.0,
        east_mps: -2.0,
        up_mps: 0.25,
        roll_deg: 0.5,
        pitch_deg: -0.75,
        azimuth_deg: 271.0,
        status: 3,
    }
}

#[test]
fn inspvas_has_each_field_where_the_manual_puts_it() {
    let mut wire = Vec::new();
    sample().encode(&mut wire);
    assert_eq!(wire.len(), 12 + 88 + 4);
    // Sync, body length 88, id 508, week 1918, 347564600 ms.
    assert_eq!(wire[..12], [0xAA, 0x44, 0x13, 88, 0xFC, 0x01, 0x7E, 0x07, 0x38, 0x6A, 0xB7, 0x14]);
    assert_eq!(wire[12..16], 1918u32.to_le_bytes());
    let fields = [347_564.6, 37.409_407, -122.024_157, -29.56, 1.0, -2.0, 0.25, 0.5, -0.75, 271.0f64];
    for (i, field) in fields.iter().enumerate() {
        assert_eq!(wire[16 + 8 * i..24 + 8 * i], field.to_le_bytes(), "field {i}");
    }
    assert_eq!(wire[96..100], 3u32.to_le_bytes());
    assert_eq!(wire[100..], crc32(&wire[..100]).to_le_bytes());
}

#[test]
fn corrimudatas_has_each_field_where_the_manual_puts_it() {
    let log = Corrimudatas {
        week: 1918,
        seconds: 0.005,
        angle_rad: [1.0, 2.0, 3.0],
        velocity_mps: [4.0, 5.0, 6.0],
    };
    let mut wire = Vec::new();
    log.encode(&mut wire);
    assert_eq!(wire[..12], [0xAA, 0x44, 0x13, 60, 0x2D, 0x03, 0x7E, 0x07, 5, 0, 0, 0]);
    assert_eq!(wire[12..16], 1918u32.to_le_bytes());
    for (i, field) in [0.005f64, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0].iter().enumerate() {
        assert_eq!(wire[16 + 8 * i..24 + 8 * i], field.to_le_bytes(), "field {i}");
    }
    assert_eq!(wire.len(), 12 + 60 + 4);
}

#[test]
fn the_long_header_has_each_field_where_the_manual_puts_it() {
    let long = LongHeader {
        message_type: 0x20,
        port: 0x40,
        sequence: 0x0201,
        idle_time: 120,
        time_status: 180,
        receiver_status: 0x0403_0201,
        reserved: 0x6543,
        software_version: 13_306,
    };
    let mut wire = Vec::new();
    sample().encode_long(long, &mut wire);
    assert_eq!(
        wire[..28],
        [
            0xAA, 0x44, 0x12, 28, 0xFB, 0x01, 0x20, 0x40, 88, 0, 0x01, 0x02, 120, 180, 0x7E, 0x07, 0x38,
            0x6A, 0xB7, 0x14, 1, 2, 3, 4, 0x43, 0x65, 0xFA, 0x33
        ]
    );
    let (logs, stats) = decode([&wire[..]]);
    assert_eq!(logs[0].header.long, Some(long));
    assert_eq!(logs[0].message, Message::Inspvas(sample()));
    assert_eq!(stats.logs, 1);
}

#[test]
fn a_stamp_that_rounds_up_at_the_end_of_the_week_is_headed_by_the_next_week() {
    let log = Inspvas { week: 2000, seconds: 604_799.999_7, ..sample() };
    let mut wire = Vec::new();
    log.encode(&mut wire);
    let (logs, _) = decode([&wire[..]]);
    assert_eq!((logs[0].header.week, logs[0].header.millis), (2001, 0));
    assert_eq!(logs[0].message, Message::Inspvas(log));
}

#[test]
fn a_damaged_log_is_counted_and_the_next_one_read() {
    let mut wire = Vec::new();
    sample().encode(&mut wire);
    let length = wire.len();
    sample().encode(&mut wire);
    for at in 0..length {
        let mut damaged = wire.clone();
        damaged[at] ^= 0x10;
        let (logs, stats) = decode([&damaged[..]]);
        // A damaged length byte may make the decoder wait for more than is there: 240 more bytes settle it.
        let (logs, stats) =
            if logs.is_empty() { decode([&damaged[..], &[0; MAX_BODY_BYTES][..]]) } else { (logs, stats) };
        assert_eq!(logs.len(), 1, "byte {at}");
        assert!(stats.crc_errors + stats.skipped_bytes > 0, "byte {at}");
    }
}

#[test]
fn a_good_crc_on_a_body_of_the_wrong_length_is_refused() {
    let header = Header { id: 508, week: 1918, millis: 0, long: None };
    let mut wire = Vec::new();
    header.encode(&[0; 87], &mut wire);
    sample().encode(&mut wire);
    let (logs, stats) = decode([&wire[..]]);
    assert_eq!(logs.len(), 1);
    assert_eq!((stats.length_errors, stats.crc_errors), (1, 0));
}

#[test]
fn a_log_of_another_kind_is_handed_on_whole() {
    let header = Header { id: 9999, week: 1918, millis: 5, long: None };
    let mut wire = Vec::new();
    header.encode(&[1, 2, 3], &mut wire);
    let (logs, _) = decode([&wire[..]]);
    let message = Message::Other { id: 9999, body: vec![1, 2, 3] };
    assert_eq!(logs, [Log { header, message }]);
}

#[test]
fn an_idle_reader_loses_the_oldest_bytes_and_bounds_its_memory() {
    let mut wire = Vec::new();
    sample().encode(&mut wire);
    let mut decoder = Decoder::new();
    let pushes = MAX_PENDING_BYTES / wire.len() + 10;
    for _ in 0..pushes {
        decoder.push(&wire);
    }
    let read = std::iter::from_fn(|| decoder.next_log()).count();
    assert_eq!(read, MAX_PENDING_BYTES / wire.len());
    let lost = (pushes * wire.len() - MAX_PENDING_BYTES) as u64;
    assert_eq!(decoder.stats().overflow_bytes, lost);
}

fn any_inspvas() -> impl Strategy<Value = Inspvas> {
    (any::<u16>(), 0.0..604_799.0f64, any::<[f32; 9]>(), any::<u32>()).prop_map(
        |(week, seconds, v, status)| Inspvas {
            week: u32::from(week),
            seconds,
            lat_deg: v[0].into(),
            lon_deg: v[1].into(),
            height_m: v[2].into(),
            north_mps: v[3].into(),
            east_mps: v[4].into(),
            up_mps: v[5].into(),
            roll_deg: v[6].into(),
            pitch_deg: v[7].into(),
            azimuth_deg: v[8].into(),
            status,
        },
    )
}

/// Bytes likely to look like the start of a log.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(
        prop_oneof![
            4 => any::<u8>().prop_map(|byte| vec![byte]),
            1 => Just(vec![0xAA]),
            1 => Just(vec![0xAA, 0x44]),
            1 => any::<u8>().prop_map(|length| vec![0xAA, 0x44, 0x13, length]),
            1 => any::<u16>().prop_map(|length| {
                let [low, high] = length.to_le_bytes();
                vec![0xAA, 0x44, 0x12, 28, 0, 0, 0, 0, low, high]
            }),
        ],
        0..60,
    )
    .prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn random_bytes_never_panic_nor_hang(bytes in noise()) {
        let mut decoder = Decoder::new();
        decoder.push(&bytes);
        while decoder.next_log().is_some() {}
        prop_assert!(decoder.stats().skipped_bytes <= bytes.len() as u64);
    }

    #[test]
    fn any_split_of_a_noisy_stream_reads_the_same(
        parts in prop::collection::vec((noise(), any_inspvas()), 0..5),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut wire = Vec::new();
        for (noise, log) in &parts {
            wire.extend_from_slice(noise);
            log.encode(&mut wire);
        }
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(wire.len() + 1)).collect();
        at.extend([0, wire.len()]);
        at.sort_unstable();
        let pieces = at.windows(2).map(|pair| &wire[pair[0]..pair[1]]);
        prop_assert_eq!(decode(pieces), decode([&wire[..]]));
    }

    #[test]
    fn after_any_noise_the_logs_are_found_again(
        noise in noise(),
        log in any_inspvas(),
        increments in any::<[f32; 6]>(),
    ) {
        let imu = Corrimudatas {
            week: log.week,
            seconds: log.seconds,
            angle_rad: [increments[0].into(), increments[1].into(), increments[2].into()],
            velocity_mps: [increments[3].into(), increments[4].into(), increments[5].into()],
        };
        let mut wire = noise.clone();
        log.encode(&mut wire);
        imu.encode(&mut wire);
        // Ends every wait that a length field in the noise may have begun.
        wire.resize(wire.len() + MAX_BODY_BYTES + 32, 0);
        let (logs, _) = decode([&wire[..]]);
        prop_assert_eq!(logs.len(), 2);
        prop_assert_eq!(&logs[0].message, &Message::Inspvas(log));
        prop_assert_eq!(&logs[1].message, &Message::Corrimudatas(imu));
    }
}
