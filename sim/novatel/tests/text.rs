//! NMEA sentences and commands.

use proptest::prelude::*;
use skidpad_novatel::*;

fn items(bytes: &[u8]) -> (Vec<Item>, DecoderStats) {
    let mut decoder = Decoder::new();
    decoder.push(bytes);
    let items = std::iter::from_fn(|| decoder.next_item()).collect();
    (items, decoder.stats())
}

#[test]
fn sentences_of_the_manual_are_read() {
    // Examples of OM-20000129 for GPGGA and GPRMC.
    let text = b"$GPGGA,134658.00,5106.9792,N,11402.3003,W,2,09,1.0,1048.47,M,-16.27,M,08,AAAA*60\r\n\
                 $GPRMC,144326.00,A,5107.0017737,N,11402.3291611,W,0.080,323.3,210307,0.0,E,A*20\r\n";
    let (items, stats) = items(text);
    assert_eq!((stats.sentences, stats.checksum_errors, stats.skipped_bytes), (2, 0, 0));
    let [Item::Sentence(Sentence::Gpgga(gga)), Item::Sentence(Sentence::Gprmc(rmc))] = &items[..] else {
        panic!("{items:?}")
    };
    assert_eq!(gga.utc_s, 13.0 * 3600.0 + 46.0 * 60.0 + 58.0);
    assert!((gga.lat_deg - (51.0 + 6.9792 / 60.0)).abs() < 1e-9);
    assert!((gga.lon_deg + (114.0 + 2.3003 / 60.0)).abs() < 1e-9);
    assert_eq!((gga.quality, gga.satellites, gga.differential_age_s), (2, 9, Some(8)));
    assert_eq!((gga.height_msl_m, gga.undulation_m), (1048.47, -16.27));
    assert_eq!((rmc.date_dmy, rmc.valid, rmc.mode), ([21, 3, 7], true, 'A'));
    assert!((rmc.speed_mps - 0.080 * 1852.0 / 3600.0).abs() < 1e-12 && rmc.track_deg == 323.3);
    // Written again, it is the manual's line.
    let mut again = Vec::new();
    rmc.encode(&mut again);
    assert_eq!(again, text[text.len() - again.len()..]);
}

#[test]
fn a_sentence_with_a_wrong_checksum_is_counted_and_the_log_behind_it_read() {
    let mut wire = b"$GPGGA,134658.00,5106.9792,N*00\r\n$GPG".to_vec();
    Inspvas { week: 1957, ..Inspvas::default() }.encode(&mut wire);
    let (items, stats) = items(&wire);
    assert!(matches!(items[..], [Item::Log(_)]));
    assert_eq!((stats.checksum_errors, stats.logs), (1, 1));
}

#[test]
fn rounding_shows_no_sixtieth_minute_nor_second() {
    let mut out = Vec::new();
    Gpgga { utc_s: 59.999, lat_deg: 36.999_999_999_9, lon_deg: -0.000_000_001, ..Gpgga::default() }
        .encode(&mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("$GPGGA,000100.00,3700.0000,N,00000.0000,W,0,00,0.0,"), "{text}");
}

#[test]
fn utc_of_gps_time_has_the_right_date() {
    let at = |unix_s: f64| utc(&GpsTime::from_unix_s(unix_s).unwrap());
    assert_eq!(at(1_500_000_000.25), (2.0 * 3600.0 + 40.0 * 60.0 + 0.25, [14, 7, 17]));
    assert_eq!(at(951_782_400.0), (0.0, [29, 2, 0])); // 29 February 2000
    assert_eq!(at(1_709_251_199.0), (86_399.0, [29, 2, 24]));
    assert_eq!(at(1_709_251_200.0), (0.0, [1, 3, 24]));
}

/// Lines of real receivers (vendor's manuals and recordings on the net), and the logs that say the same.
#[test]
fn the_text_form_of_a_log_is_that_of_real_receivers_to_the_crc() {
    let short = |id, week, millis| Header { id, week, millis, long: None };
    let long = |id, week, millis, port, idle_time, receiver_status, reserved, software_version| Header {
        id,
        week,
        millis,
        long: Some(LongHeader {
            port,
            idle_time,
            time_status: 180,
            receiver_status,
            reserved,
            software_version,
            ..LongHeader::default()
        }),
    };
    let fix = Bestpos {
        position_type: 16,
        lat_deg: 29.44391220792,
        lon_deg: -98.61476921244,
        height_msl_m: 261.4344,
        undulation_m: -26.0,
        datum: 61,
        lat_std_m: 2.1382,
        lon_std_m: 3.1092,
        height_std_m: 4.0429,
        tracked: 8,
        used: 8,
        used_l1: 8,
        used_multi: 8,
        extended_status: 6,
        gps_glonass_mask: 3,
        ..Bestpos::default()
    };
    let ins = Inspvas {
        week: 2083,
        seconds: 374524.2,
        lat_deg: 31.5166882602,
        lon_deg: 120.38636567293,
        height_m: 13.9998,
        north_mps: 13.1095,
        east_mps: -12.9404,
        up_mps: -0.007,
        roll_deg: 2.093819658,
        pitch_deg: 2.854168081,
        azimuth_deg: 316.626703726,
        status: 3,
    };
    let raw = Rawimux {
        info: 0,
        imu_type: 11,
        week: 1692,
        seconds: 484620.664389,
        status: 0x0080_1503,
        accel_z: 43110635,
        accel_minus_y: -817242,
        accel_x: -202184,
        gyro_z: -215194,
        gyro_minus_y: -41188,
        gyro_x: -9895,
    };
    let corrected = Corrimudatas {
        week: 1581,
        seconds: 341552.9975,
        angle_rad: [-0.00000069, -0.000001549, 0.000001654],
        velocity_mps: [0.000061579, -0.000012645, -0.000029988],
    };
    let extended = Inspvax {
        status: 3,
        position_type: 53,
        lat_deg: 51.11637873403,
        lon_deg: -114.03825114994,
        height_msl_m: 1063.6093,
        undulation_m: -16.9,
        north_mps: -0.0845,
        east_mps: -0.0464,
        up_mps: -0.0127,
        roll_deg: 0.138023492,
        pitch_deg: 0.069459386,
        azimuth_deg: 90.000923268,
        position_std_m: [0.9428, 0.6688, 1.4746],
        velocity_std_mps: [0.0430, 0.0518, 0.0521],
        attitude_std_deg: [0.944295466f64, 0.944567084, 1.000131845].map(|sigma| sigma as f32),
        extended_status: 3,
        since_update_s: 0,
    };
    for (header, message, line) in [
        (
            long(BESTPOS_ID, 1956, 157_432_000, 0xA0, 175, 0x800, 0x7145, 6938),
            Message::Bestpos(fix),
            "#BESTPOSA,ICOM1,0,87.5,FINESTEERING,1956,157432.000,00000800,7145,6938;SOL_COMPUTED,SINGLE,29.44391220792,\
             -98.61476921244,261.4344,-26.0000,WGS84,2.1382,3.1092,4.0429,\"\",0.000,0.000,8,8,8,8,0,06,00,03*ecf2202b",
        ),
        (
            short(INSPVAS_ID, 2083, 374_524_200),
            Message::Inspvas(ins),
            "%INSPVASA,2083,374524.200;2083,374524.200000000,31.51668826020,120.38636567293,13.9998,13.1095,-12.9404,\
             -0.0070,2.093819658,2.854168081,316.626703726,INS_SOLUTION_GOOD*8fc5adb1",
        ),
        (
            short(RAWIMUSX_ID, 1692, 484_620_664),
            Message::Rawimux(raw),
            "%RAWIMUSXA,1692,484620.664;00,11,1692,484620.664389000,00801503,43110635,-817242,-202184,-215194,-41188,\
             -9895*a5db8c7b",
        ),
        (
            short(CORRIMUDATAS_ID, 1581, 341_553_000),
            Message::Corrimudatas(corrected),
            "%CORRIMUDATASA,1581,341553.000;1581,341552.997500000,-0.000000690,-0.000001549,0.000001654,0.000061579,\
             -0.000012645,-0.000029988*770c6232",
        ),
        (
            long(INSPVAX_ID, 1695, 309_428_000, 0x20, 147, 0x40, 0x4e77, 43562),
            Message::Inspvax(extended),
            "#INSPVAXA,COM1,0,73.5,FINESTEERING,1695,309428.000,00000040,4e77,43562;INS_SOLUTION_GOOD,INS_PSRSP,\
             51.11637873403,-114.03825114994,1063.6093,-16.9000,-0.0845,-0.0464,-0.0127,0.138023492,0.069459386,\
             90.000923268,0.9428,0.6688,1.4746,0.0430,0.0518,0.0521,0.944295466,0.944567084,1.000131845,3,0*e877c178",
        ),
    ] {
        let mut wire = Vec::new();
        Log { header, message }.encode_ascii(&mut wire);
        assert_eq!(String::from_utf8(wire).unwrap(), format!("{line}\r\n"));
    }
}

fn commands(bytes: &[u8]) -> (Vec<Command>, u64) {
    let (mut reader, mut commands) = (CommandReader::default(), Vec::new());
    reader.push(bytes, |command| commands.push(command));
    (commands, reader.garbage_lines())
}

#[test]
fn the_login_of_the_real_car_is_understood_line_by_line() {
    let login = b"UNLOGALL THISPORT\r\nLOG COM2 GPRMC ONTIME 1.0 0.25\r\nEVENTOUTCONTROL MARK2 ENABLE POSITIVE 999999990 10\r\n\
        EVENTOUTCONTROL MARK1 ENABLE POSITIVE 500000000 500000000\r\nLOG NCOM1 GPGGA ONTIME 1.0\r\n\
        log bestgnssposb ontime 0.5\r\nlog bestgnssvelb ontime 0.5\r\nlog bestposb ontime 0.5\r\nlog INSPVAXB ontime 0.5\r\n\
        log INSPVASB ontime 0.01\r\nlog CORRIMUDATASB ontime 0.01\r\nlog INSCOVSB ontime 1\r\nlog mark1pvab onnew\r\n\
        log imutoantoffsetsb once\r\nlog vehiclebodyrotationb onchanged\r\n";
    let every = |id, period_ms| {
        Command::Log(LogRequest { id, ascii: false, trigger: Trigger::OnTime { period_ms, offset_ms: 0 } })
    };
    let expected = [
        Command::UnlogAll,
        Command::Accepted,
        Command::Accepted,
        Command::Accepted,
        Command::Accepted,
        every(BESTGNSSPOS_ID, 500),
        every(BESTGNSSVEL_ID, 500),
        every(BESTPOS_ID, 500),
        every(INSPVAX_ID, 500),
        every(INSPVAS_ID, 10),
        every(CORRIMUDATAS_ID, 10),
        every(INSCOVS_ID, 1000),
        Command::Log(LogRequest { id: MARK1PVA_ID, ascii: false, trigger: Trigger::OnNew }),
        Command::Accepted,
        Command::Accepted,
    ];
    assert_eq!(commands(login), (expected.to_vec(), 0));
}

#[test]
fn what_is_no_command_is_refused_and_garbage_passed_over() {
    let refused = |line: &str| matches!(Command::parse(line), Some(Command::Refused(_)));
    for wrong in [
        "GET / HTTP/1.1",
        "LOG",
        "LOG NOSUCHB ONTIME 1",
        "LOG BESTPOS ONTIME 1",
        "LOG BESTPOSB ONTIME",
        "LOG BESTPOSB ONTIME -1",
        "LOG BESTPOSB ONTIME 1 2",
        "LOG BESTPOSB ONTIME x",
        "LOG BESTPOSB SOMETIMES",
    ] {
        assert!(refused(wrong), "{wrong}");
    }
    let rmc = LogRequest {
        id: GPRMC_ID,
        ascii: false,
        trigger: Trigger::OnTime { period_ms: 1000, offset_ms: 250 },
    };
    assert_eq!(Command::parse("log thisport gprmc ontime 1 0.25"), Some(Command::Log(rmc)));
    assert_eq!(
        Command::parse("unlog thisport bestposb"),
        Some(Command::Unlog { id: BESTPOS_ID, ascii: false })
    );
    let text =
        LogRequest { id: INSPVA_ID, ascii: true, trigger: Trigger::OnTime { period_ms: 50, offset_ms: 0 } };
    assert_eq!(Command::parse("LOG INSPVAA ONTIME 0.05"), Some(Command::Log(text)));
    let mut wire = vec![0xFF; 40];
    wire.extend_from_slice(b"\nUNLOGALL\r\n");
    wire.extend(std::iter::repeat_n(b'A', 3 * MAX_LINE_BYTES));
    wire.extend_from_slice(b"\r\n\r\n  \r\nUNLOGALL\n half a li");
    assert_eq!(commands(&wire), (vec![Command::UnlogAll, Command::UnlogAll], 2));
}

proptest! {
    #[test]
    fn sentences_survive_the_round_trip_to_their_resolution(
        utc_s in 0.0..86_400.0f64, lat_deg in -90.0..90.0f64, lon_deg in -180.0..180.0f64,
        speed_mps in 0.0..90.0f64, track_deg in 0.0..360.0f64, height_msl_m in -400.0..9000.0f64,
    ) {
        let mut wire = Vec::new();
        let gga = Gpgga {
            utc_s, lat_deg, lon_deg, quality: 4, satellites: 17, hdop: 0.8, height_msl_m,
            undulation_m: -32.1, differential_age_s: Some(1),
        };
        gga.encode(&mut wire);
        let rmc = Gprmc {
            utc_s, date_dmy: [14, 7, 17], valid: true, lat_deg, lon_deg, speed_mps, track_deg, mode: 'D',
        };
        rmc.encode(&mut wire);
        let (items, _) = items(&wire);
        let [Item::Sentence(Sentence::Gpgga(a)), Item::Sentence(Sentence::Gprmc(b))] = &items[..] else {
            return Err(TestCaseError::fail(format!("{items:?}")));
        };
        let turns = |x: f64, y: f64, full: f64| ((x - y).abs() % full).min(full - (x - y).abs() % full);
        prop_assert!(turns(a.utc_s, utc_s, 86_400.0) < 0.0051 && turns(b.utc_s, utc_s, 86_400.0) < 0.0051);
        prop_assert!((a.lat_deg - lat_deg).abs() < 0.51e-4 / 60.0 && (b.lat_deg - lat_deg).abs() < 0.51e-7 / 60.0);
        prop_assert!((a.lon_deg - lon_deg).abs() < 0.51e-4 / 60.0 && (b.lon_deg - lon_deg).abs() < 0.51e-7 / 60.0);
        prop_assert!((a.height_msl_m - height_msl_m).abs() < 0.0051);
        prop_assert!((b.speed_mps - speed_mps).abs() < 0.0003 && turns(b.track_deg, track_deg, 360.0) < 0.051);
    }

    #[test]
    fn any_bytes_as_commands_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let (_, garbage) = commands(&bytes);
        prop_assert!(garbage <= bytes.len() as u64);
    }

    #[test]
    fn any_words_as_a_command_never_panic(line in "(LOG|UNLOG|log) [A-Z0-9 .-]{0,40}") {
        prop_assert!(Command::parse(&line).is_some());
    }
}

#[test]
fn a_million_random_bytes_are_passed_over_and_counted() {
    let mut word = 0x1234_5678_9abc_def0u64;
    let mut bytes = Vec::with_capacity(1_000_000);
    while bytes.len() < 1_000_000 {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Every 13th piece begins like a log or a sentence.
        match (word >> 40) % 13 {
            0 => bytes.extend_from_slice(&[0xAA, 0x44, 0x13, (word >> 8) as u8]),
            1 => bytes.extend_from_slice(&[0xAA, 0x44, 0x12, 28]),
            2 => bytes.extend_from_slice(b"$GPGGA,"),
            _ => bytes.extend_from_slice(&word.to_be_bytes()[..5]),
        }
    }
    let mut decoder = Decoder::new();
    for piece in bytes.chunks(1460) {
        decoder.push(piece);
        assert!(std::iter::from_fn(|| decoder.next_item()).count() == 0, "no log in noise");
    }
    // What waits for more bytes at the end is all that is not counted.
    let stats = decoder.stats();
    assert!(stats.skipped_bytes >= bytes.len() as u64 - (MAX_BODY_BYTES + 32) as u64, "{stats:?}");
    assert!(stats.crc_errors > 1000, "{stats:?}");
    let mut wire = vec![0; MAX_BODY_BYTES + 32];
    Inspvas::default().encode(&mut wire);
    decoder.push(&wire);
    assert!(decoder.next_log().is_some(), "the next log is found");
    let (_, garbage) = commands(&bytes);
    assert!(garbage > 0);
}
