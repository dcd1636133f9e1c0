//! The text form of the logs (`LOG BESTPOSA …`), which people read and scripts parse.
//!
//! `#` name, port, sequence, idle time, time status, week, seconds, receiver status, reserved, version `;` body `*` CRC in
//! eight hex digits; with the short header `%` name, week, seconds `;`. The CRC is that of the binary logs, over everything
//! between the first character and `*`. Digits are those of the vendor's examples (OM-20000129, OM-20000144).

use crate::{Bestpos, Bestvel, InsStatus, Log, Message, PositionType, crc32, log_name};
use std::fmt::{Display, Write};

impl Log {
    /// Appends the log as a line of text; nothing for a log that this crate does not take apart.
    pub fn encode_ascii(&self, out: &mut Vec<u8>) {
        let Some(body) = body(&self.message) else { return };
        let header = &self.header;
        let name = log_name(header.id).unwrap_or("UNKNOWN");
        let seconds = f64::from(header.millis) / 1000.0;
        let (sync, content) = match &header.long {
            None => (b'%', format!("{name}A,{},{seconds:.3};{body}", header.week)),
            Some(long) => {
                let port = match long.port {
                    0x20 => "COM1",
                    0x40 => "COM2",
                    0x60 => "COM3",
                    0xA0 => "ICOM1",
                    _ => "UNKNOWN",
                };
                let time_status = match long.time_status {
                    180 => "FINESTEERING",
                    160 => "FINE",
                    _ => "UNKNOWN",
                };
                let idle_pct = 0.5 * f64::from(long.idle_time);
                let content = format!(
                    "{name}A,{port},{},{idle_pct:.1},{time_status},{},{seconds:.3},{:08x},{:04x},{};{body}",
                    long.sequence, header.week, long.receiver_status, long.reserved, long.software_version,
                );
                (b'#', content)
            }
        };
        out.push(sync);
        out.extend_from_slice(content.as_bytes());
        out.extend_from_slice(format!("*{:08x}\r\n", crc32(content.as_bytes())).as_bytes());
    }
}

fn body(message: &Message) -> Option<String> {
    let mut text = String::new();
    let into = &mut text;
    match message {
        Message::Inspvas(log) => {
            stamp(into, log.week, log.seconds);
            let [lat, lon] = [log.lat_deg, log.lon_deg];
            decimals(into, 11, [lat, lon]);
            decimals(into, 4, [log.height_m, log.north_mps, log.east_mps, log.up_mps]);
            decimals(into, 9, [log.roll_deg, log.pitch_deg, log.azimuth_deg]);
            field(into, ins_status(log.status));
        }
        Message::Corrimudatas(log) => {
            stamp(into, log.week, log.seconds);
            decimals(into, 9, log.angle_rad);
            decimals(into, 9, log.velocity_mps);
        }
        Message::Bestpos(log) => position(into, log),
        Message::Bestvel(log) => velocity(into, log),
        Message::Inscovs(log) => {
            stamp(into, log.week, log.seconds);
            for matrix in [log.position_m2, log.attitude_deg2, log.velocity_m2ps2] {
                decimals(into, 16, matrix);
            }
        }
        Message::Inspvax(log) => {
            field(into, ins_status(log.status));
            field(into, solution_type(log.position_type));
            decimals(into, 11, [log.lat_deg, log.lon_deg]);
            decimals(into, 4, [log.height_msl_m, f64::from(log.undulation_m)]);
            decimals(into, 4, [log.north_mps, log.east_mps, log.up_mps]);
            decimals(into, 9, [log.roll_deg, log.pitch_deg, log.azimuth_deg]);
            decimals(into, 4, log.position_std_m.map(f64::from));
            decimals(into, 4, log.velocity_std_mps.map(f64::from));
            decimals(into, 9, log.attitude_std_deg.map(f64::from));
            field(into, format_args!("{:x}", log.extended_status));
            field(into, log.since_update_s);
        }
        Message::Rawimux(log) => {
            field(into, format_args!("{:02x}", log.info));
            field(into, log.imu_type);
            stamp(into, log.week.into(), log.seconds);
            field(into, format_args!("{:08x}", log.status));
            for counts in
                [log.accel_z, log.accel_minus_y, log.accel_x, log.gyro_z, log.gyro_minus_y, log.gyro_x]
            {
                field(into, counts);
            }
        }
        Message::Other { .. } => return None,
    }
    Some(text)
}

fn position(into: &mut String, log: &Bestpos) {
    field(into, solution_status(log.solution_status));
    field(into, solution_type(log.position_type));
    decimals(into, 11, [log.lat_deg, log.lon_deg]);
    decimals(into, 4, [log.height_msl_m, f64::from(log.undulation_m)]);
    field(into, if log.datum == 61 { "WGS84".to_owned() } else { log.datum.to_string() });
    decimals(into, 4, [log.lat_std_m, log.lon_std_m, log.height_std_m].map(f64::from));
    let station = String::from_utf8_lossy(&log.station_id);
    field(into, format_args!("\"{}\"", station.trim_end_matches('\0')));
    decimals(into, 3, [log.differential_age_s, log.solution_age_s].map(f64::from));
    for number in [log.tracked, log.used, log.used_l1, log.used_multi, log.reserved] {
        field(into, number);
    }
    for bits in [log.extended_status, log.galileo_beidou_mask, log.gps_glonass_mask] {
        field(into, format_args!("{bits:02x}"));
    }
}

fn velocity(into: &mut String, log: &Bestvel) {
    field(into, solution_status(log.solution_status));
    field(into, solution_type(log.velocity_type));
    decimals(into, 3, [log.latency_s, log.differential_age_s].map(f64::from));
    decimals(into, 4, [log.horizontal_mps]);
    decimals(into, 6, [log.track_deg]);
    decimals(into, 4, [log.up_mps]);
    decimals(into, 1, [f64::from(log.reserved)]);
}

fn field(into: &mut String, value: impl Display) {
    let comma = if into.is_empty() { "" } else { "," };
    // A string takes whatever is written.
    let _ = write!(into, "{comma}{value}");
}

fn decimals<const COUNT: usize>(into: &mut String, places: usize, values: [f64; COUNT]) {
    values.into_iter().for_each(|value| field(into, format_args!("{value:.places$}")));
}

fn stamp(into: &mut String, week: u32, seconds: f64) {
    field(into, week);
    decimals(into, 9, [seconds]);
}

fn solution_status(wire: u32) -> String {
    match wire {
        0 => "SOL_COMPUTED".into(),
        1 => "INSUFFICIENT_OBS".into(),
        other => other.to_string(),
    }
}

fn solution_type(wire: u32) -> String {
    PositionType::from_wire(wire).map_or_else(|| wire.to_string(), |kind| kind.name().into())
}

fn ins_status(wire: u32) -> String {
    InsStatus::from_wire(wire).map_or_else(|| wire.to_string(), |status| status.name().into())
}
