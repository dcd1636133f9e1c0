//! `[sensors]`: presets, profiles and single terms, as parameters of the models.

use crate::names::hint;
use crate::spec::{GnssProfile, GnssSpec, ImuPreset, ImuProfile, ImuSpec, SensorsSpec};
use crate::structure::shorten;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use skidpad_sensors::{ImuParams, ParameterError, ReceiverParams};
use std::collections::BTreeMap;

/// What is wrong with `[sensors]`: the table (`imu` or `gnss`), the key in it or an empty string, and why.
pub type SensorsFlaw = (&'static str, &'static str, String);

impl SensorsSpec {
    /// The parameters of the receiver and of its IMU.
    ///
    /// # Errors
    /// A term that there is not, or a value out of its range.
    pub fn params(&self) -> Result<(ReceiverParams, ImuParams), SensorsFlaw> {
        Ok((receiver(&self.gnss)?, imu(&self.imu)?))
    }
}

fn receiver(spec: &GnssSpec) -> Result<ReceiverParams, SensorsFlaw> {
    let base = match spec.profile {
        GnssProfile::RtkFixed => ReceiverParams::rtk_fixed(),
        GnssProfile::RtkFloat => ReceiverParams::rtk_float(),
        GnssProfile::PsrDiff => ReceiverParams::psr_diff(),
        GnssProfile::Single => ReceiverParams::single(),
        GnssProfile::Ideal => ReceiverParams::ideal(),
    };
    let mut params = with(base, &spec.terms).map_err(|message| ("gnss", "terms", message))?;
    params.start = spec.start;
    params.dual_antenna_baseline_m = spec.dual_antenna_baseline_m;
    params.antenna_lever_arm_m = spec.antenna_lever_arm_m.unwrap_or(params.antenna_lever_arm_m);
    params.validate().map_err(|error| ("gnss", "", out_of_range(&error)))?;
    Ok(params)
}

fn imu(spec: &ImuSpec) -> Result<ImuParams, SensorsFlaw> {
    let preset = match spec.preset {
        ImuPreset::Adis16488 => ImuParams::datasheet(),
        ImuPreset::Kvh => ImuParams::kvh(),
        ImuPreset::Isa100c => ImuParams::isa_100c(),
    };
    let mut params = match spec.profile {
        ImuProfile::Datasheet => preset,
        ImuProfile::Degraded => preset.degraded(),
        ImuProfile::Ideal => ImuParams { lever_arm_m: preset.lever_arm_m, ..ImuParams::ideal() },
    };
    params.gyro = with(params.gyro, &spec.gyro).map_err(|message| ("imu", "gyro", message))?;
    params.accel = with(params.accel, &spec.accel).map_err(|message| ("imu", "accel", message))?;
    params.lever_arm_m = spec.lever_arm_m.unwrap_or(params.lever_arm_m);
    params.vibration = spec.vibration.unwrap_or(params.vibration);
    params.latency_s = spec.latency_s.unwrap_or(params.latency_s);
    params.jitter_s = spec.jitter_s.unwrap_or(params.jitter_s);
    params.dropped_share = spec.dropped_share.unwrap_or(params.dropped_share);
    params.warm_up_k = spec.warm_up_k.unwrap_or(params.warm_up_k);
    params.validate().map_err(|error| ("imu", "", out_of_range(&error)))?;
    Ok(params)
}

fn out_of_range(error: &ParameterError) -> String {
    format!("`{}` must be {}, got {}", error.name, error.expected, error.value)
}

/// `params` with single numbers replaced.
fn with<T: Serialize + DeserializeOwned>(params: T, terms: &BTreeMap<String, f64>) -> Result<T, String> {
    if terms.is_empty() {
        return Ok(params);
    }
    let Ok(Value::Object(mut table)) = serde_json::to_value(&params) else { return Ok(params) };
    for (name, number) in terms {
        replace(&mut table, name, *number)?;
    }
    serde_json::from_value(Value::Object(table)).map_err(|error| error.to_string())
}

fn replace(table: &mut Map<String, Value>, name: &str, number: f64) -> Result<(), String> {
    // A term that is absent in the preset, such as a bandwidth, is null.
    let is_number = |value: &Value| value.is_number() || value.is_null();
    match table.get_mut(name) {
        Some(value) if value.is_u64() => {
            if !(0.0..=255.0).contains(&number) || number.fract() != 0.0 {
                return Err(format!("`{name}` must be a whole number of at most 255, got {number}"));
            }
            *value = Value::from(number as u64);
            Ok(())
        }
        Some(value) if is_number(value) => {
            *value = Value::from(number);
            Ok(())
        }
        _ => {
            let names = table.iter().filter(|(_, value)| is_number(value)).map(|(name, _)| name.as_str());
            let hint = hint(name, names);
            Err(format!("there is no term `{}`{hint}", shorten(name)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skidpad_sensors::Start;

    fn read(text: &str) -> Result<(ReceiverParams, ImuParams), SensorsFlaw> {
        toml::from_str::<SensorsSpec>(text).unwrap().params()
    }

    #[test]
    fn without_a_table_the_sensors_are_those_of_apollos_car() {
        assert_eq!(read("").unwrap(), (ReceiverParams::rtk_fixed(), ImuParams::datasheet()));
    }

    #[test]
    fn presets_and_profiles_choose_and_single_terms_replace() {
        let (gnss, imu) = read(
            "gnss = { profile = \"single\", start = \"cold\", dual_antenna_baseline_m = 2.0, terms = { fixed_after_s = 30 } }\n\
             imu = { preset = \"kvh\", profile = \"datasheet\", gyro = { angle_random_walk_deg_per_sqrt_h = 0.5, \
             bandwidth_hz = 50, bandwidth_order = 2 }, vibration = { idle = 1.0 }, lever_arm_m = [0.1, 0.2, 0.3] }",
        )
        .unwrap();
        let mut expected = ReceiverParams { fixed_after_s: 30.0, ..ReceiverParams::single() };
        (expected.start, expected.dual_antenna_baseline_m) = (Start::Cold, Some(2.0));
        assert_eq!(gnss, expected);
        let mut expected = ImuParams::kvh();
        expected.gyro.angle_random_walk_deg_per_sqrt_h = 0.5;
        (expected.gyro.bandwidth_hz, expected.gyro.bandwidth_order) = (Some(50.0), 2);
        expected.vibration.idle = 1.0;
        expected.lever_arm_m = [0.1, 0.2, 0.3];
        assert_eq!(imu, expected);
        let (_, worse) = read("imu = { preset = \"isa_100c\", profile = \"degraded\" }").unwrap();
        assert_eq!(worse, ImuParams::isa_100c().degraded());
    }

    #[test]
    fn a_wrong_term_is_named_with_the_nearest_and_a_wrong_value_with_its_range() {
        let (table, key, message) = read("imu = { accel = { scale_facter_ppm = 1.0 } }").unwrap_err();
        assert_eq!((table, key), ("imu", "accel"));
        assert!(message.contains("did you mean `scale_factor_ppm`?"), "{message}");
        let (_, _, message) = read("imu = { gyro = { bandwidth_order = 1.5 } }").unwrap_err();
        assert!(message.contains("whole number"), "{message}");
        let (table, key, message) = read("gnss = { terms = { fixed_after_s = -1 } }").unwrap_err();
        assert_eq!((table, key), ("gnss", ""));
        assert_eq!(message, "`fixed_after_s` must be 0 to 3600 s, got -1");
    }
}
