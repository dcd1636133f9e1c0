//! Every log body has each field where the documents put it, and survives the round trip bit for bit.

use proptest::prelude::*;
use skidpad_novatel::*;

/// Offset and value of each field, little-endian.
fn laid_out(length: usize, fields: &[(usize, &[u8])]) -> Vec<u8> {
    let mut body = vec![0; length];
    for (at, bytes) in fields {
        body[*at..at + bytes.len()].copy_from_slice(bytes);
    }
    body
}

#[test]
fn bestpos_has_each_field_where_apollos_header_puts_it() {
    let log = Bestpos {
        solution_status: 1,
        position_type: 50,
        lat_deg: 37.4,
        lon_deg: -122.1,
        height_msl_m: 12.5,
        undulation_m: -32.25,
        datum: 61,
        lat_std_m: 0.5,
        lon_std_m: 0.75,
        height_std_m: 1.5,
        station_id: *b"AB12",
        differential_age_s: 2.5,
        solution_age_s: 3.5,
        tracked: 21,
        used: 19,
        used_l1: 18,
        used_multi: 17,
        reserved: 16,
        extended_status: 15,
        galileo_beidou_mask: 14,
        gps_glonass_mask: 0x33,
    };
    let expected = laid_out(
        72,
        &[
            (0, &1u32.to_le_bytes()),
            (4, &50u32.to_le_bytes()),
            (8, &37.4f64.to_le_bytes()),
            (16, &(-122.1f64).to_le_bytes()),
            (24, &12.5f64.to_le_bytes()),
            (32, &(-32.25f32).to_le_bytes()),
            (36, &61u32.to_le_bytes()),
            (40, &0.5f32.to_le_bytes()),
            (44, &0.75f32.to_le_bytes()),
            (48, &1.5f32.to_le_bytes()),
            (52, b"AB12"),
            (56, &2.5f32.to_le_bytes()),
            (60, &3.5f32.to_le_bytes()),
            (64, &[21, 19, 18, 17, 16, 15, 14, 0x33]),
        ],
    );
    assert_eq!(log.body()[..], expected);
    assert_eq!(Bestpos::from_body(&expected), Some(log));
}

#[test]
fn bestvel_inscovs_inspvax_and_rawimux_have_their_fields_in_order() {
    let velocity = Bestvel {
        solution_status: 0,
        velocity_type: 8,
        latency_s: 0.15,
        differential_age_s: 1.0,
        horizontal_mps: 5.0,
        track_deg: 271.0,
        up_mps: -0.5,
        reserved: 0.0,
    };
    let expected = laid_out(
        44,
        &[
            (4, &8u32.to_le_bytes()),
            (8, &0.15f32.to_le_bytes()),
            (12, &1f32.to_le_bytes()),
            (16, &5f64.to_le_bytes()),
            (24, &271f64.to_le_bytes()),
            (32, &(-0.5f64).to_le_bytes()),
        ],
    );
    assert_eq!(velocity.body()[..], expected);

    let covariance = Inscovs {
        week: 1957,
        seconds: 5.0,
        position_m2: [1., 2., 3., 4., 5., 6., 7., 8., 9.],
        attitude_deg2: [11.; 9],
        velocity_m2ps2: [21.; 9],
    };
    let body = covariance.body();
    assert_eq!(body[..4], 1957u32.to_le_bytes());
    for (at, value) in [(4, 5.0f64), (12, 1.0), (76, 9.0), (84, 11.0), (148, 11.0), (156, 21.0), (220, 21.0)]
    {
        assert_eq!(body[at..at + 8], value.to_le_bytes(), "offset {at}");
    }

    let solution = Inspvax {
        status: 3,
        position_type: 56,
        undulation_m: -32.0,
        azimuth_deg: 90.0,
        position_std_m: [0.01, 0.02, 0.03],
        attitude_std_deg: [0.1, 0.2, 0.3],
        extended_status: 7,
        since_update_s: 513,
        ..Inspvax::default()
    };
    let body = solution.body();
    assert_eq!(body.len(), 126);
    assert_eq!(body[32..36], (-32f32).to_le_bytes());
    assert_eq!(body[76..84], 90f64.to_le_bytes());
    assert_eq!(body[84..88], 0.01f32.to_le_bytes());
    assert_eq!(body[116..120], 0.3f32.to_le_bytes());
    assert_eq!(body[120..126], [7, 0, 0, 0, 1, 2]);

    let raw = Rawimux {
        info: 1,
        imu_type: 26,
        week: 1957,
        seconds: 7.0,
        status: 5,
        accel_z: -1,
        accel_minus_y: 2,
        accel_x: 3,
        gyro_z: 4,
        gyro_minus_y: 5,
        gyro_x: 6,
    };
    let body = raw.body();
    assert_eq!(body[..4], [1, 26, 0xA5, 0x07]);
    assert_eq!(body[4..12], 7f64.to_le_bytes());
    assert_eq!(body[12..20], [5, 0, 0, 0, 255, 255, 255, 255]);
    assert_eq!(body[36..], [6, 0, 0, 0]);
}

proptest! {
    #[test]
    fn any_body_of_a_known_log_survives_decoding_and_encoding(
        which in 0..LOGS.len(),
        bytes in prop::collection::vec(any::<u8>(), 228),
        short in any::<bool>(),
    ) {
        let (name, id, _) = LOGS[which];
        let length = match name {
            "BESTPOS" | "PSRPOS" | "BESTGNSSPOS" => 72,
            "BESTVEL" | "PSRVEL" | "BESTGNSSVEL" => 44,
            "INSCOV" | "INSCOVS" => 228,
            "INSPVA" | "INSPVAS" | "MARK1PVA" => 88,
            "CORRIMUDATA" | "CORRIMUDATAS" => 60,
            "RAWIMUX" | "RAWIMUSX" => 40,
            "INSPVAX" => 126,
            "GPGGA" | "GPRMC" => return Ok(()),
            other => panic!("{other} is not tested"),
        };
        let long = (!short).then_some(LongHeader::default());
        let header = Header { id, week: 1957, millis: 12, long };
        let mut wire = Vec::new();
        header.encode(&bytes[..length], &mut wire);
        let mut decoder = Decoder::new();
        decoder.push(&wire);
        let log = decoder.next_log().unwrap();
        prop_assert!(!matches!(log.message, Message::Other { .. }), "{}", name);
        let mut again = Vec::new();
        log.encode(&mut again);
        prop_assert_eq!(again, wire);
        // One byte more or less is no such log.
        for wrong in [length - 1, (length + 1).min(bytes.len())] {
            if wrong != length {
                let mut wire = Vec::new();
                header.encode(&bytes[..wrong], &mut wire);
                let mut decoder = Decoder::new();
                decoder.push(&wire);
                prop_assert!(decoder.next_log().is_none());
                prop_assert_eq!(decoder.stats().length_errors, 1);
            }
        }
    }
}
