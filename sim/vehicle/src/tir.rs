//! Tyre property files (`.tir`, PAC2002): a way to write the tyre of a `vehicle.toml`.

use std::collections::BTreeMap;

/// Largest property file read, bytes; a real one has about 10 kB.
const MAX_BYTES: usize = 1 << 20;

/// Keys of a property file that have another name or unit in `[tyre]`.
const RENAMED: &[(&str, &str)] = &[
    ("UNLOADED_RADIUS", "unloaded_radius_m"),
    ("VERTICAL_STIFFNESS", "vertical_stiffness_npm"),
    ("VERTICAL_DAMPING", "vertical_damping_nspm"),
    ("FNOMIN", "nominal_load_n"),
    ("QSY1", "rolling_resistance"),
];

/// Scale factors: each multiplies the coefficients behind it. A power stands behind a colon.
const SCALES: &[(&str, &str)] = &[
    ("LFZO", "nominal_load_n"),
    ("LCX", "pcx1"),
    ("LMUX", "pdx1 pdx2 pvx1 pvx2"),
    ("LEX", "pex1 pex2 pex3"),
    ("LKX", "pkx1 pkx2"),
    ("LHX", "phx1 phx2"),
    ("LVX", "pvx1 pvx2"),
    ("LGAX", "pdx3:2"),
    ("LCY", "pcy1"),
    ("LMUY", "pdy1 pdy2 pvy1 pvy2 pvy3 pvy4 qdz6 qdz7 qdz8 qdz9 qbz1:-1 qbz2:-1 qbz3:-1 qbz9:-1"),
    ("LEY", "pey1 pey2"),
    ("LKY", "pky1 qbz1 qbz2 qbz3 qbz9"),
    ("LHY", "phy1 phy2"),
    ("LVY", "pvy1 pvy2"),
    ("LGAY", "pdy3:2 pey4 pky3 phy3 pvy3 pvy4"),
    ("LGAZ", "qbz4 qbz5 qdz3 qdz4:2 qdz8 qdz9 qez5 qhz3 qhz4"),
    ("LTR", "qdz1 qdz2"),
    ("LRES", "qdz6 qdz7"),
    ("LXAL", "rbx1"),
    ("LYKA", "rby1"),
    ("LVYKA", "rvy1 rvy2 rvy3"),
    ("LS", "ssz1 ssz2 ssz3 ssz4"),
    ("LSGKP", "ptx1 ptx2"),
    ("LSGAL", "pty1"),
];

/// Coefficients that change their sign from one side of the car to the other.
const SIDED: &str = "phy1 phy2 pvy1 pvy2 pey3 rby3 rhx1 rvy1 rvy2 qbz4 qdz3 qdz6 qdz7 qez4 qhz1 qhz2 ssz1";

/// Coefficients taken over by their own names, in lower case.
const PREFIXES: &[&str] = &[
    "pcx", "pdx", "pex", "pkx", "phx", "pvx", "rbx", "rcx", "rex", "rhx", "ptx", "pcy", "pdy", "pey", "pky",
    "phy", "pvy", "rby", "rcy", "rey", "rhy", "rvy", "pty", "qbz", "qcz", "qdz", "qez", "qhz", "ssz",
];

/// A property file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TirError {
    /// Line from 1; 0 for the file as a whole.
    pub(crate) line: usize,
    pub(crate) message: String,
}

/// Reads a PAC2002 property file: keys of `[tyre]` and their values, scale factors applied, turned to a
/// left wheel. Keys that the model has no use for are left out.
pub(crate) fn read(text: &str) -> Result<BTreeMap<String, f64>, TirError> {
    let whole = |message: String| TirError { line: 0, message };
    if text.len() > MAX_BYTES {
        return Err(whole(format!("the file has {} bytes, expected at most {MAX_BYTES}", text.len())));
    }
    let mut values: BTreeMap<String, f64> = BTreeMap::new();
    let mut scales: BTreeMap<String, f64> = BTreeMap::new();
    let (mut format, mut mirrored) = (None, false);
    for (index, line) in text.lines().enumerate() {
        let line_error = |message: String| TirError { line: index + 1, message };
        // `$` and `!` begin comments, `[` a section; a table row has no `=`.
        let code = line.split(['$', '!']).next().unwrap_or_default().trim();
        if code.starts_with(['[', '{']) {
            continue;
        }
        let Some((key, value)) = code.split_once('=') else { continue };
        let (key, value) = (key.trim().to_ascii_uppercase(), value.trim());
        if let Some(word) = value.strip_prefix('\'') {
            let word = word.trim_end_matches('\'').to_ascii_uppercase();
            match key.as_str() {
                "PROPERTY_FILE_FORMAT" => format = Some(word),
                "TYRESIDE" => mirrored = word == "RIGHT",
                "LENGTH" if word != "METER" => return Err(unit(index, "LENGTH", &word, "meter")),
                "FORCE" if word != "NEWTON" => return Err(unit(index, "FORCE", &word, "newton")),
                "ANGLE" if !word.starts_with("RAD") => return Err(unit(index, "ANGLE", &word, "radians")),
                _ => {}
            }
            continue;
        }
        let lower = key.to_ascii_lowercase();
        let renamed = RENAMED.iter().find(|(name, _)| *name == key).map(|(_, name)| name.to_string());
        let known = PREFIXES.iter().any(|prefix| {
            lower
                .strip_prefix(prefix)
                .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
        });
        let is_scale = SCALES.iter().any(|(name, _)| *name == key);
        if renamed.is_none() && !known && !is_scale {
            continue;
        }
        let number: f64 = value
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
            .ok_or_else(|| line_error(format!("{key}: expected a finite number, got `{value}`")))?;
        if is_scale {
            scales.insert(key, number);
        } else {
            values.insert(renamed.unwrap_or(lower), number);
        }
    }
    match format.as_deref() {
        Some("PAC2002") => {}
        Some(other) => return Err(whole(format!("PROPERTY_FILE_FORMAT is '{other}', expected 'PAC2002'"))),
        None => return Err(whole("expected PROPERTY_FILE_FORMAT = 'PAC2002' in a section [MODEL]".into())),
    }
    for (name, coefficients) in SCALES {
        let Some(scale) = scales.get(*name) else { continue };
        for entry in coefficients.split(' ') {
            let (coefficient, power) = entry.split_once(':').unwrap_or((entry, "1"));
            let factor = match power {
                "2" => scale * scale,
                "-1" => 1.0 / scale,
                _ => *scale,
            };
            if let Some(value) = values.get_mut(coefficient) {
                *value *= factor;
            }
        }
    }
    if mirrored {
        for coefficient in SIDED.split(' ') {
            if let Some(value) = values.get_mut(coefficient) {
                *value = -*value;
            }
        }
    }
    Ok(values)
}

fn unit(index: usize, key: &str, got: &str, expected: &str) -> TirError {
    TirError { line: index + 1, message: format!("{key} is '{got}', expected '{expected}'") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "[UNITS]\nLENGTH='meter'\n[MODEL]\nPROPERTY_FILE_FORMAT = 'PAC2002' $ comment\n";

    #[test]
    fn coefficients_are_scaled_and_unknown_keys_left_out() {
        let text = format!(
            "{HEAD}TYRESIDE='LEFT'\nFNOMIN = 4000\nLFZO = 0.5\nPDX1 = 1.2 $x\nLMUX=0.9\nWIDTH=0.2\nQBZ1 = 8\nLMUY = 2\n"
        );
        let values = read(&text).unwrap();
        let expected = [("nominal_load_n", 2000.0), ("pdx1", 1.2 * 0.9), ("qbz1", 4.0)];
        assert_eq!(values, expected.map(|(key, value)| (key.to_string(), value)).into());
    }

    #[test]
    fn a_right_tyre_is_mirrored() {
        let side =
            |side: &str| read(&format!("{HEAD}TYRESIDE = '{side}'\nPHY1 = 0.003\nPHY3 = 0.03\n")).unwrap();
        assert_eq!(side("RIGHT")["phy1"], -side("LEFT")["phy1"]);
        assert_eq!(side("RIGHT")["phy3"], side("LEFT")["phy3"]);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let error = read(&format!("{HEAD}PDX1 = high\n")).unwrap_err();
        assert_eq!((error.line, error.message.as_str()), (5, "PDX1: expected a finite number, got `high`"));
        assert!(read("PDX1 = 1\n").unwrap_err().message.contains("PAC2002"));
        assert!(read(&HEAD.replace("PAC2002", "MF61")).unwrap_err().message.contains("MF61"));
        assert_eq!(read(&HEAD.replace("meter", "mm")).unwrap_err().line, 2);
    }
}
