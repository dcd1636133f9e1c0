//! What comes out of the receiver's connector: bytes, as its configuration asks for them.

use crate::{FixType, GnssSolution, ImuSample, ReceiverOutput};
use skidpad_kernel::SimTime;
use skidpad_novatel::{
    BESTGNSSPOS_ID, BESTGNSSVEL_ID, BESTPOS_ID, BESTVEL_ID, Bestpos, Bestvel, CORRIMUDATA_ID,
    CORRIMUDATAS_ID, Command, CommandReader, GPGGA_ID, GPRMC_ID, Gpgga, Gprmc, GpsTime, Header, INSCOV_ID,
    INSCOVS_ID, INSPVA_ID, INSPVAS_ID, INSPVAX_ID, Inscovs, Inspvax, Log, LogRequest, LongHeader,
    MARK1PVA_ID, Message, PSRPOS_ID, PSRVEL_ID, PositionType, RAWIMUSX_ID, RAWIMUX_ID, Rawimux,
    SECONDS_PER_WEEK, Trigger, utc,
};

/// Outputs of the receiver are this far apart, ms of GPS time; so are the epochs of the satellites.
const OUTPUT_MS: u32 = 10;
const EPOCH_MS: u32 = 100;
/// Logs of the satellites alone come at most 5 times a second while the INS runs (OM-20000141): `ONNEW` gives each
/// epoch at a multiple of this, ms.
const ONNEW_EPOCH_MS: u32 = 200;
/// What the long header of the recorded receiver says: port ICOM1, time status FINESTEERING.
const LONG: LongHeader = LongHeader {
    message_type: 0,
    port: 0xA0,
    sequence: 0,
    idle_time: 130,
    time_status: 180,
    receiver_status: 0,
    reserved: 0,
    software_version: 0,
};
/// Height of the geoid, m: what the recorded receiver reports in Sunnyvale. Elsewhere the split of the height into two
/// parts is wrong, their sum is right \[E\].
const UNDULATION_M: f32 = -32.1;
/// Horizontal dilution of precision under an open sky \[E\]: no satellites are modelled one by one.
const OPEN_SKY_HDOP: f64 = 0.8;
const WGS84: u32 = 61;
const SOLUTION_COMPUTED: u32 = 0;
const INSUFFICIENT_OBSERVATIONS: u32 = 1;
/// Raw counts are those of the recorded IMU, an ISA-100C.
const RAW_IMU_TYPE: u8 = 26;
const RAW_ANGLE_RAD: f64 = 1e-9;
const RAW_VELOCITY_MPS: f64 = 2e-8;
const PROMPT: &str = "[ICOM1]";

/// One port of the receiver: a list of logs with their triggers, changed by the commands of whoever is connected.
///
/// Logs come in the order of the requests, those of one instant together: INSPVAS and CORRIMUDATAS with the same time
/// stamp back to back, as Apollo's driver wants them. `ONTIME` is due when GPS time passes a multiple of the period (plus
/// offset); periods below 10 ms give each output, and RAWIMU both its samples. `ONNEW` and `ONCHANGED` give each new
/// solution. Logs of the satellites alone (BESTGNSSPOS, BESTGNSSVEL, PSRPOS, PSRVEL) carry the epoch in their stamp and
/// come when it has been computed. MARK1PVA comes with each pulse on its input
/// ([`mark_period_s`](crate::ReceiverParams::mark_period_s)), whatever its trigger.
#[derive(Clone, Debug)]
pub struct Port {
    requests: Vec<LogRequest>,
    commands: CommandReader,
    /// Epoch of the satellite solution that was new last.
    gnss_seen: Option<SimTime>,
    stats: PortStats,
}

/// What a port has been told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortStats {
    /// Commands answered with `<OK`.
    pub accepted: u64,
    /// Lines answered with `<ERROR`.
    pub refused: u64,
    /// Lines that were no text, or too long: not answered.
    pub garbage: u64,
}

impl Default for Port {
    /// As configured on the real car.
    fn default() -> Self {
        Self::apollo()
    }
}

impl Port {
    /// What the configuration of the real car asks for (Apollo 1.0 `gnss_conf_mkz.txt`): INSPVAS and CORRIMUDATAS at
    /// 100 Hz, BESTGNSSPOS, BESTGNSSVEL and BESTPOS at 2 Hz, INSCOVS, GPGGA and GPRMC at 1 Hz.
    ///
    /// On the car GPGGA and GPRMC go to other connectors of the receiver; here they come out of this one, until a
    /// client configures it.
    pub fn apollo() -> Self {
        let every = |id, period_ms, offset_ms| LogRequest {
            id,
            ascii: false,
            trigger: Trigger::OnTime { period_ms, offset_ms },
        };
        Port {
            requests: vec![
                every(INSPVAS_ID, 10, 0),
                every(CORRIMUDATAS_ID, 10, 0),
                every(BESTGNSSPOS_ID, 500, 0),
                every(BESTGNSSVEL_ID, 500, 0),
                every(BESTPOS_ID, 500, 0),
                every(INSCOVS_ID, 1000, 0),
                every(GPGGA_ID, 1000, 0),
                every(GPRMC_ID, 1000, 250),
            ],
            ..Self::silent()
        }
    }

    /// No log at all, until a client asks for some.
    pub fn silent() -> Self {
        Port {
            requests: Vec::new(),
            commands: CommandReader::default(),
            gnss_seen: None,
            stats: PortStats::default(),
        }
    }

    /// Takes what a client sends, and appends the answers: `<OK` or `<ERROR`, and the prompt.
    pub fn receive(&mut self, bytes: &[u8], answer: &mut Vec<u8>) {
        let (requests, stats) = (&mut self.requests, &mut self.stats);
        self.commands.push(bytes, |command| {
            let mut reply = |text: &str| {
                answer.extend_from_slice(format!("\r\n<{text}\r\n{PROMPT}").as_bytes());
            };
            match command {
                Command::UnlogAll => requests.clear(),
                Command::Unlog { id, ascii } => {
                    requests.retain(|request| (request.id, request.ascii) != (id, ascii));
                }
                Command::Log(new) => {
                    let same = |request: &&mut LogRequest| (request.id, request.ascii) == (new.id, new.ascii);
                    match requests.iter_mut().find(same) {
                        Some(request) => *request = new,
                        None => requests.push(new),
                    }
                }
                Command::Accepted => {}
                Command::Refused(why) => {
                    stats.refused += 1;
                    return reply(&format!("ERROR:{why}"));
                }
            }
            stats.accepted += 1;
            reply("OK");
        });
        self.stats.garbage = self.commands.garbage_lines();
    }

    /// Appends the logs that are due with this output.
    pub fn send(&mut self, output: &ReceiverOutput, out: &mut Vec<u8>) {
        let time = output.inspvas.time();
        let millis = (time.seconds * 1000.0).round() as u32;
        let epoch = output.gnss.as_ref().map(|gnss| gnss.measured_at);
        let is_new = epoch.is_some() && epoch != self.gnss_seen;
        self.gnss_seen = epoch;
        let epoch = epoch.filter(|_| is_new).map(|at| earlier(&time, output.measured_at, at));
        let epoch_ms = epoch.map(|epoch| (epoch.seconds * 1000.0).round() as u32);
        for request in &self.requests {
            let of_gnss = matches!(request.id, BESTGNSSPOS_ID | BESTGNSSVEL_ID | PSRPOS_ID | PSRVEL_ID);
            let due = match (request.trigger, epoch_ms) {
                (Trigger::Once, _) => true,
                _ if request.id == MARK1PVA_ID => output.is_mark,
                (Trigger::OnTime { period_ms, offset_ms }, _) if !of_gnss => {
                    is_due(millis, period_ms, offset_ms, OUTPUT_MS)
                }
                (Trigger::OnTime { period_ms, offset_ms }, Some(epoch_ms)) => {
                    is_due(epoch_ms, period_ms, offset_ms, EPOCH_MS)
                }
                (Trigger::OnNew, Some(epoch_ms)) if of_gnss => is_due(epoch_ms, ONNEW_EPOCH_MS, 0, EPOCH_MS),
                (Trigger::OnNew, _) => !of_gnss,
                (Trigger::OnTime { .. }, None) => false,
            };
            if due {
                send_log(request, output, &time, out);
            }
        }
        if self.requests.iter().any(|request| request.trigger == Trigger::Once) {
            self.requests.retain(|request| request.trigger != Trigger::Once);
        }
    }

    /// What the port has been told so far.
    pub fn stats(&self) -> PortStats {
        self.stats
    }
}

/// GPS time has passed a multiple of the period (plus offset) in this step.
fn is_due(millis: u32, period_ms: u32, offset_ms: u32, step_ms: u32) -> bool {
    let week_ms = SECONDS_PER_WEEK * 1000;
    // In the middle of a week no instant is negative; a week is a whole number of the usual periods.
    let shifted = millis + week_ms - offset_ms.min(week_ms);
    shifted / period_ms != (shifted - step_ms) / period_ms
}

fn send_log(request: &LogRequest, output: &ReceiverOutput, time: &GpsTime, out: &mut Vec<u8>) {
    let mut put = |time: &GpsTime, message| {
        let long = !matches!(request.id, INSPVAS_ID | CORRIMUDATAS_ID | INSCOVS_ID | RAWIMUSX_ID);
        let log = Log { header: Header::stamped(request.id, time, long.then_some(LONG)), message };
        if request.ascii { log.encode_ascii(out) } else { log.encode(out) }
    };
    match request.id {
        INSPVAS_ID | INSPVA_ID | MARK1PVA_ID => put(time, Message::Inspvas(output.inspvas)),
        CORRIMUDATAS_ID | CORRIMUDATA_ID => put(time, Message::Corrimudatas(output.corrimudatas)),
        INSCOVS_ID | INSCOV_ID => put(time, Message::Inscovs(inscovs(output))),
        INSPVAX_ID => put(time, Message::Inspvax(inspvax(output))),
        BESTPOS_ID => put(time, Message::Bestpos(bestpos(output))),
        BESTVEL_ID => put(time, Message::Bestvel(bestvel(output))),
        BESTGNSSPOS_ID | BESTGNSSVEL_ID | PSRPOS_ID | PSRVEL_ID => {
            let Some(gnss) = &output.gnss else { return };
            let epoch = earlier(time, output.measured_at, gnss.measured_at);
            let message = match request.id {
                BESTGNSSPOS_ID => Message::Bestpos(bestgnsspos(gnss)),
                PSRPOS_ID => Message::Bestpos(psrpos(gnss)),
                _ => Message::Bestvel(bestgnssvel(gnss)),
            };
            put(&epoch, message);
        }
        RAWIMUX_ID | RAWIMUSX_ID => {
            let both = match request.trigger {
                Trigger::OnTime { period_ms, .. } => period_ms < OUTPUT_MS,
                Trigger::OnNew => true,
                Trigger::Once => false,
            };
            for sample in output.imu[usize::from(!both)..].iter().flatten() {
                let at = earlier(time, output.measured_at, sample.measured_at);
                put(&at, Message::Rawimux(rawimux(sample, &at)));
            }
        }
        GPGGA_ID => gpgga(output, time).encode(out),
        GPRMC_ID => gprmc(output, time).encode(out),
        _ => {}
    }
}

/// GPS time of `then`, where `now` is `time`.
fn earlier(time: &GpsTime, now: SimTime, then: SimTime) -> GpsTime {
    if then >= now {
        return *time;
    }
    GpsTime::from_unix_ns(time.to_unix_ns() - now.since(then).as_nanos() as i64).unwrap_or(*time)
}

fn inscovs(output: &ReceiverOutput) -> Inscovs {
    let diagonal = |[x, y, z]: [f64; 3]| [x * x, 0.0, 0.0, 0.0, y * y, 0.0, 0.0, 0.0, z * z];
    let [roll, pitch, azimuth] = output.ins.attitude_sigma_deg;
    Inscovs {
        week: output.inspvas.week,
        seconds: output.inspvas.seconds,
        position_m2: diagonal(output.ins.position_sigma_m),
        // About the axes right, forward, up.
        attitude_deg2: diagonal([pitch, roll, azimuth]),
        velocity_m2ps2: diagonal(output.ins.velocity_sigma_mps),
    }
}

fn inspvax(output: &ReceiverOutput) -> Inspvax {
    let (at, ins) = (&output.inspvas, &output.ins);
    let north_east_up = |[east, north, up]: [f64; 3]| [north as f32, east as f32, up as f32];
    Inspvax {
        status: at.status,
        position_type: ins.position_type,
        lat_deg: at.lat_deg,
        lon_deg: at.lon_deg,
        height_msl_m: above_sea(at.height_m),
        undulation_m: UNDULATION_M,
        north_mps: at.north_mps,
        east_mps: at.east_mps,
        up_mps: at.up_mps,
        roll_deg: at.roll_deg,
        pitch_deg: at.pitch_deg,
        azimuth_deg: at.azimuth_deg,
        position_std_m: north_east_up(ins.position_sigma_m),
        velocity_std_mps: north_east_up(ins.velocity_sigma_mps),
        attitude_std_deg: ins.attitude_sigma_deg.map(|sigma| sigma as f32),
        extended_status: 0,
        since_update_s: ins.since_update_s.clamp(0.0, f64::from(u16::MAX)) as u16,
    }
}

/// The inertial solution once it is aligned, that of the satellites before.
fn bestpos(output: &ReceiverOutput) -> Bestpos {
    let gnss = output.gnss.as_ref().map_or_else(|| Bestpos { datum: WGS84, ..no_position() }, bestgnsspos);
    if output.ins.position_type == PositionType::None.wire() {
        return gnss;
    }
    let [east, north, up] = output.ins.position_sigma_m;
    Bestpos {
        solution_status: SOLUTION_COMPUTED,
        position_type: output.ins.position_type,
        lat_deg: output.inspvas.lat_deg,
        lon_deg: output.inspvas.lon_deg,
        height_msl_m: above_sea(output.inspvas.height_m),
        lat_std_m: north as f32,
        lon_std_m: east as f32,
        height_std_m: up as f32,
        solution_age_s: 0.0,
        ..gnss
    }
}

fn no_position() -> Bestpos {
    Bestpos {
        solution_status: INSUFFICIENT_OBSERVATIONS,
        undulation_m: UNDULATION_M,
        datum: WGS84,
        ..Bestpos::default()
    }
}

fn bestgnsspos(gnss: &GnssSolution) -> Bestpos {
    let [east, north, up] = gnss.position_sigma_m;
    let fixed = gnss.fix != FixType::None;
    Bestpos {
        solution_status: if fixed { SOLUTION_COMPUTED } else { INSUFFICIENT_OBSERVATIONS },
        position_type: gnss.fix.wire(),
        lat_deg: gnss.lat_deg,
        lon_deg: gnss.lon_deg,
        height_msl_m: above_sea(gnss.height_m),
        undulation_m: UNDULATION_M,
        datum: WGS84,
        lat_std_m: north as f32,
        lon_std_m: east as f32,
        height_std_m: up as f32,
        station_id: if gnss.fix.is_differential() { *b"0000" } else { [0; 4] },
        differential_age_s: gnss.differential_age_s as f32,
        solution_age_s: gnss.solution_age_s as f32,
        tracked: gnss.satellites_tracked,
        used: gnss.satellites_used,
        used_l1: gnss.satellites_used,
        used_multi: if gnss.fix >= FixType::NarrowFloat { gnss.satellites_used } else { 0 },
        // GPS and GLONASS on L1, as the recorded receiver says.
        gps_glonass_mask: if fixed { 0x11 } else { 0 },
        ..Bestpos::default()
    }
}

/// The same epoch by pseudoranges alone.
fn psrpos(gnss: &GnssSolution) -> Bestpos {
    let [east, north, up] = gnss.pseudorange.position_sigma_m;
    Bestpos {
        position_type: gnss.pseudorange.fix.wire(),
        lat_deg: gnss.pseudorange.lat_deg,
        lon_deg: gnss.pseudorange.lon_deg,
        height_msl_m: above_sea(gnss.pseudorange.height_m),
        lat_std_m: north as f32,
        lon_std_m: east as f32,
        height_std_m: up as f32,
        used_multi: 0,
        ..bestgnsspos(gnss)
    }
}

fn bestvel(output: &ReceiverOutput) -> Bestvel {
    if output.ins.position_type == PositionType::None.wire() {
        return output.gnss.as_ref().map_or_else(Bestvel::default, bestgnssvel);
    }
    let at = &output.inspvas;
    Bestvel { velocity_type: output.ins.position_type, ..over_ground(at.east_mps, at.north_mps, at.up_mps) }
}

fn bestgnssvel(gnss: &GnssSolution) -> Bestvel {
    let [east, north, up] = gnss.velocity_mps;
    let fixed = gnss.fix != FixType::None;
    Bestvel {
        solution_status: if fixed { SOLUTION_COMPUTED } else { INSUFFICIENT_OBSERVATIONS },
        velocity_type: if fixed { PositionType::DopplerVelocity } else { PositionType::None }.wire(),
        latency_s: gnss.velocity_latency_s as f32,
        differential_age_s: gnss.differential_age_s as f32,
        ..over_ground(east, north, up)
    }
}

fn over_ground(east_mps: f64, north_mps: f64, up_mps: f64) -> Bestvel {
    let track_deg = libm::atan2(east_mps, north_mps).to_degrees();
    Bestvel {
        horizontal_mps: libm::hypot(east_mps, north_mps),
        track_deg: if track_deg < 0.0 { track_deg + 360.0 } else { track_deg },
        up_mps,
        ..Bestvel::default()
    }
}

fn gpgga(output: &ReceiverOutput, time: &GpsTime) -> Gpgga {
    let best = bestpos(output);
    let fix = output.gnss.as_ref().map_or(FixType::None, |gnss| gnss.fix);
    let quality = match fix {
        // Position by the inertial sensors alone.
        FixType::None if best.solution_status == SOLUTION_COMPUTED => 6,
        FixType::None => 0,
        FixType::Single => 1,
        FixType::PsrDiff => 2,
        FixType::NarrowFloat => 5,
        FixType::NarrowInt => 4,
    };
    Gpgga {
        utc_s: utc(time).0,
        lat_deg: best.lat_deg,
        lon_deg: best.lon_deg,
        quality,
        satellites: best.used,
        hdop: if fix == FixType::None { 99.9 } else { OPEN_SKY_HDOP },
        height_msl_m: best.height_msl_m,
        undulation_m: f64::from(UNDULATION_M),
        differential_age_s: fix.is_differential().then_some(best.differential_age_s as u32),
    }
}

fn gprmc(output: &ReceiverOutput, time: &GpsTime) -> Gprmc {
    let (best, velocity) = (bestpos(output), bestvel(output));
    let (utc_s, date_dmy) = utc(time);
    let fix = output.gnss.as_ref().map_or(FixType::None, |gnss| gnss.fix);
    let valid = best.solution_status == SOLUTION_COMPUTED;
    Gprmc {
        utc_s,
        date_dmy,
        valid,
        lat_deg: best.lat_deg,
        lon_deg: best.lon_deg,
        speed_mps: velocity.horizontal_mps,
        track_deg: velocity.track_deg,
        mode: match fix {
            _ if !valid => 'N',
            FixType::None => 'E',
            FixType::Single => 'A',
            _ => 'D',
        },
    }
}

/// The IMU's axes are those of the vehicle: x right, y forward, z up.
fn rawimux(sample: &ImuSample, time: &GpsTime) -> Rawimux {
    let counts = |value: f64, unit: f64| (value / unit).round() as i32;
    let [forward, left, up] = sample.velocity_mps.map(|value| counts(value, RAW_VELOCITY_MPS));
    let [about_forward, about_left, about_up] = sample.angle_rad.map(|value| counts(value, RAW_ANGLE_RAD));
    Rawimux {
        // Bit 0: something was wrong with the IMU.
        info: u8::from(sample.after_gap),
        imu_type: RAW_IMU_TYPE,
        week: time.week as u16,
        seconds: time.seconds,
        status: 0,
        accel_z: up,
        accel_minus_y: forward.saturating_neg(),
        accel_x: left.saturating_neg(),
        gyro_z: about_up,
        gyro_minus_y: about_forward.saturating_neg(),
        gyro_x: about_left.saturating_neg(),
    }
}

fn above_sea(height_m: f64) -> f64 {
    height_m - f64::from(UNDULATION_M)
}
