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
    let every =
        |id, period_ms| Command::Log(LogRequest { id, trigger: Trigger::OnTime { period_ms, offset_ms: 0 } });
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
        Command::Log(LogRequest { id: MARK1PVA_ID, trigger: Trigger::OnNew }),
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
        "LOG BESTPOSA ONTIME 1",
        "LOG BESTPOSB ONTIME",
        "LOG BESTPOSB ONTIME -1",
        "LOG BESTPOSB ONTIME 1 2",
        "LOG BESTPOSB ONTIME x",
        "LOG BESTPOSB SOMETIMES",
    ] {
        assert!(refused(wrong), "{wrong}");
    }
    let rmc = LogRequest { id: GPRMC_ID, trigger: Trigger::OnTime { period_ms: 1000, offset_ms: 250 } };
    assert_eq!(Command::parse("log thisport gprmc ontime 1 0.25"), Some(Command::Log(rmc)));
    assert_eq!(Command::parse("unlog thisport bestposb"), Some(Command::Unlog(BESTPOS_ID)));
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
