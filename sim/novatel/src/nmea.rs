//! The text among the logs: NMEA 0183 sentences.
//!
//! `$` talker and kind, fields between commas, `*`, two hex digits: the exclusive or of everything between `$` and `*`;
//! carriage return, line feed. Number formats are those of the receiver (OM-20000129, GPGGA and GPRMC).

use crate::{GPS_LEAP_SECONDS, GpsTime};
use serde::Serialize;

/// Longest sentence that is believed in. NMEA allows 82 characters; this receiver's can be a little longer.
pub(crate) const MAX_SENTENCE_BYTES: usize = 128;
/// One knot, m/s.
const KNOT_MPS: f64 = 1852.0 / 3600.0;

/// A sentence whose checksum agrees.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Sentence {
    /// GPGGA: position and quality of the fix.
    Gpgga(Gpgga),
    /// GPRMC: position, speed, course, date.
    Gprmc(Gprmc),
    /// Another kind, or one with fields that say nothing (no fix yet).
    Other {
        /// All between `$` and `*`.
        text: String,
    },
}

/// GPGGA.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Gpgga {
    /// UTC time of day, s, to a hundredth.
    pub utc_s: f64,
    /// WGS84 latitude, degrees; four decimals of a minute on the wire.
    pub lat_deg: f64,
    /// WGS84 longitude, degrees.
    pub lon_deg: f64,
    /// 0 no fix, 1 single, 2 differential, 4 RTK fixed, 5 RTK float, 6 dead reckoning.
    pub quality: u8,
    /// Satellites used.
    pub satellites: u8,
    /// Horizontal dilution of precision.
    pub hdop: f64,
    /// Height above mean sea level, m.
    pub height_msl_m: f64,
    /// Height of the geoid above the ellipsoid, m.
    pub undulation_m: f64,
    /// Age of the differential corrections, s, if there are any.
    pub differential_age_s: Option<u32>,
}

/// GPRMC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Gprmc {
    /// UTC time of day, s, to a hundredth.
    pub utc_s: f64,
    /// UTC date: day, month, year of the century.
    pub date_dmy: [u8; 3],
    /// The position is valid.
    pub valid: bool,
    /// WGS84 latitude, degrees; seven decimals of a minute on the wire.
    pub lat_deg: f64,
    /// WGS84 longitude, degrees.
    pub lon_deg: f64,
    /// Speed over ground, m/s; thousandths of a knot on the wire.
    pub speed_mps: f64,
    /// Course over ground from true north, clockwise, degrees; tenths on the wire.
    pub track_deg: f64,
    /// `A` autonomous, `D` differential, `E` dead reckoning, `N` not valid.
    pub mode: char,
}

impl Gpgga {
    /// Appends the sentence.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let age = self.differential_age_s.map_or(String::new(), |age| format!("{age:02}"));
        let station = if self.differential_age_s.is_some() { "0000" } else { "" };
        let content = format!(
            "GPGGA,{},{},{},{:02},{:.1},{:.2},M,{:.2},M,{age},{station}",
            clock(self.utc_s),
            place(self.lat_deg, self.lon_deg, 4),
            self.quality,
            self.satellites,
            self.hdop,
            self.height_msl_m,
            self.undulation_m,
        );
        seal(&content, out);
    }

    fn read(fields: &[&str]) -> Option<Self> {
        let &[utc, lat, ns, lon, ew, quality, satellites, hdop, height, "M", undulation, "M", age, _] =
            fields
        else {
            return None;
        };
        Some(Self {
            utc_s: read_clock(utc)?,
            lat_deg: read_angle(lat, 2, ns, ["N", "S"])?,
            lon_deg: read_angle(lon, 3, ew, ["E", "W"])?,
            quality: quality.parse().ok()?,
            satellites: satellites.parse().ok()?,
            hdop: number(hdop)?,
            height_msl_m: number(height)?,
            undulation_m: number(undulation)?,
            differential_age_s: if age.is_empty() { None } else { Some(age.parse().ok()?) },
        })
    }
}

impl Gprmc {
    /// Appends the sentence.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let [day, month, year] = self.date_dmy;
        let content = format!(
            "GPRMC,{},{},{},{:.3},{:.1},{day:02}{month:02}{year:02},0.0,E,{}",
            clock(self.utc_s),
            if self.valid { 'A' } else { 'V' },
            place(self.lat_deg, self.lon_deg, 7),
            self.speed_mps / KNOT_MPS,
            self.track_deg,
            self.mode,
        );
        seal(&content, out);
    }

    fn read(fields: &[&str]) -> Option<Self> {
        let &[utc, valid, lat, ns, lon, ew, knots, track, date, _, _, mode] = fields else { return None };
        let pair = |at: usize| date.get(at..at + 2)?.parse::<u8>().ok();
        if date.len() != 6 {
            return None;
        }
        Some(Self {
            utc_s: read_clock(utc)?,
            date_dmy: [pair(0)?, pair(2)?, pair(4)?],
            valid: match valid {
                "A" => true,
                "V" => false,
                _ => return None,
            },
            lat_deg: read_angle(lat, 2, ns, ["N", "S"])?,
            lon_deg: read_angle(lon, 3, ew, ["E", "W"])?,
            speed_mps: number(knots)? * KNOT_MPS,
            track_deg: number(track)?,
            mode: mode.chars().next()?,
        })
    }
}

/// UTC time of day (s) and date (day, month, year of the century) of an instant.
#[must_use]
pub fn utc(time: &GpsTime) -> (f64, [u8; 3]) {
    const DAY_NS: i64 = 86_400_000_000_000;
    let unix_ns = time.to_unix_ns();
    let utc_s = unix_ns.rem_euclid(DAY_NS) as f64 / 1e9;
    // Days since 1 March of the year 0, in eras of 400 years: the leap day is then the last of a year.
    let days = unix_ns.div_euclid(DAY_NS) + 719_468;
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + i64::from(month <= 2);
    const { assert!(GPS_LEAP_SECONDS == 18) };
    (utc_s, [day as u8, month as u8, (year % 100) as u8])
}

/// How the bytes after a `$` look.
pub(crate) enum Measure {
    /// A whole sentence of so many bytes, whatever its checksum.
    Complete(usize),
    NeedsMore,
    NotASentence,
}

/// Judges whether a sentence begins with these bytes, of which the first is `$`.
pub(crate) fn measure(bytes: &[u8]) -> Measure {
    for (i, &byte) in bytes.iter().enumerate().skip(1).take(MAX_SENTENCE_BYTES) {
        let fits = match i {
            1..6 => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            _ => (b' '..=b'~').contains(&byte) && byte != b'$',
        };
        if byte == b'\r' && i > 8 {
            return match bytes.get(i + 1) {
                Some(b'\n') if bytes[i - 3] == b'*' => Measure::Complete(i + 2),
                Some(_) => Measure::NotASentence,
                None => Measure::NeedsMore,
            };
        }
        if !fits {
            return Measure::NotASentence;
        }
    }
    if bytes.len() > MAX_SENTENCE_BYTES { Measure::NotASentence } else { Measure::NeedsMore }
}

/// Reads the sentence from `$` to line feed; None if its checksum does not agree.
pub(crate) fn read(bytes: &[u8]) -> Option<Sentence> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (content, sum) = text.strip_prefix('$')?.trim_end().rsplit_once('*')?;
    if u8::from_str_radix(sum, 16) != Ok(checksum(content)) {
        return None;
    }
    let mut fields = content.split(',');
    let kind = fields.next();
    let fields: Vec<&str> = fields.collect();
    let known = match kind {
        Some("GPGGA") => Gpgga::read(&fields).map(Sentence::Gpgga),
        Some("GPRMC") => Gprmc::read(&fields).map(Sentence::Gprmc),
        _ => None,
    };
    Some(known.unwrap_or_else(|| Sentence::Other { text: content.to_owned() }))
}

fn seal(content: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("${content}*{:02X}\r\n", checksum(content)).as_bytes());
}

fn checksum(content: &str) -> u8 {
    content.bytes().fold(0, |sum, byte| sum ^ byte)
}

/// hhmmss.ss; rounding never shows a 60th second.
fn clock(utc_s: f64) -> String {
    let hundredths = (utc_s * 100.0).round() as u64 % 8_640_000;
    let (minutes, rest) = (hundredths / 6000, hundredths % 6000);
    format!("{:02}{:02}{:02}.{:02}", minutes / 60, minutes % 60, rest / 100, rest % 100)
}

fn read_clock(text: &str) -> Option<f64> {
    let part = |at| text.get(at..at + 2)?.parse::<u8>().ok();
    let (hours, minutes, seconds) = (part(0)?, part(2)?, number(text.get(4..)?)?);
    (hours < 24 && minutes < 60 && (0.0..61.0).contains(&seconds))
        .then(|| f64::from(hours) * 3600.0 + f64::from(minutes) * 60.0 + seconds)
}

/// ddmm.mmmm,N,dddmm.mmmm,E.
fn place(lat_deg: f64, lon_deg: f64, decimals: usize) -> String {
    let angle = |degrees: f64, width: usize, signs: [char; 2]| {
        // Rounded as a whole, so that no 60th minute shows.
        let scale = 10f64.powi(decimals as i32);
        let units = (degrees.abs() * 60.0 * scale).round() as u64;
        let per_degree = 60 * scale as u64;
        let minutes = (units % per_degree) as f64 / scale;
        let sign = signs[usize::from(degrees < 0.0)];
        format!("{:0width$}{minutes:0m$.decimals$},{sign}", units / per_degree, m = decimals + 3)
    };
    format!("{},{}", angle(lat_deg, 2, ['N', 'S']), angle(lon_deg, 3, ['E', 'W']))
}

fn read_angle(text: &str, degree_digits: usize, sign: &str, signs: [&str; 2]) -> Option<f64> {
    let degrees: u16 = text.get(..degree_digits)?.parse().ok()?;
    let minutes = number(text.get(degree_digits..)?)?;
    let angle = f64::from(degrees) + minutes / 60.0;
    if sign == signs[0] {
        Some(angle)
    } else if sign == signs[1] {
        Some(-angle)
    } else {
        None
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}
