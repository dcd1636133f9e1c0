//! Parameters of the IMU and of the receiver as plain data, with presets.
//!
//! Values carry a source tag, in the `source` field and beside the number:
//! \[M\] manual or measurement, \[R\] data sheet recalled and not re-verified, \[E\] estimated.
//! All values are 1σ unless the name says otherwise; where a source gives a largest value, a third of
//! it is taken as 1σ.

use crate::FixType;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A parameter that is outside the range in which the models mean something.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{name} = {value}: expected {expected}")]
pub struct ParameterError {
    /// The parameter, as written in a file.
    pub name: &'static str,
    /// The value found.
    pub value: f64,
    /// What would have been accepted.
    pub expected: &'static str,
}

/// Refuses each of these fields that is not between 0 and its largest value, with its path and its unit in the words.
macro_rules! zero_to {
    ($of:expr, $path:literal: $($field:ident $largest:literal $unit:literal,)+) => {
        $(within(
            concat!($path, stringify!($field)),
            $of.$field,
            0.0,
            $largest as f64,
            concat!("0 to ", $largest, " ", $unit),
        )?;)+
    };
}

/// An IMU: where it is mounted and the errors of its gyroscopes and accelerometers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ImuParams {
    /// Where the numbers come from.
    pub source: String,
    /// Position of the sensing centre in the vehicle's body frame (x forward, y left, z up, from the
    /// rear-axle centre on the ground plane), m. Its axes are parallel to the body's.
    pub lever_arm_m: [f64; 3],
    /// Errors of the gyroscopes.
    pub gyro: GyroParams,
    /// Errors of the accelerometers.
    pub accel: AccelParams,
    /// Vibration of the place where it is mounted.
    pub vibration: VibrationParams,
    /// How late the interval of a sample lies before its stamp, s; at most one sample, 5 ms.
    pub latency_s: f64,
    /// Unsteadiness of the sample instants, s.
    pub jitter_s: f64,
    /// Share of the samples that are lost on the line to the receiver, which then goes on with the one before.
    pub dropped_share: f64,
    /// How much warmer than when calibrated the unit gets, K.
    pub warm_up_k: f64,
    /// Time constant of warming up, s.
    pub warm_up_time_constant_s: f64,
}

/// Vibration that the vehicle model does not move the body by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VibrationParams {
    /// Level of the lines and the broadband noise of a recorded idling car; 1 is as recorded. The engine's lines follow
    /// its speed.
    pub idle: f64,
    /// Acceleration from the road at 10 m/s, per axis, m/s² rms; it grows with the speed. The engine
    /// doubles it for each class of roughness above A.
    pub road_mps2: f64,
}

/// Errors of a gyroscope triad.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GyroParams {
    /// Bias drawn once per run, °/h.
    pub turn_on_bias_deg_per_h: f64,
    /// In-run bias, a first-order Gauss–Markov process, °/h.
    pub in_run_bias_deg_per_h: f64,
    /// Correlation time of the in-run bias, s.
    pub in_run_correlation_s: f64,
    /// Angle random walk N, °/√h.
    pub angle_random_walk_deg_per_sqrt_h: f64,
    /// Scale-factor error drawn once per run, parts per million.
    pub scale_factor_ppm: f64,
    /// Each of the six off-diagonal terms of the sensitivity matrix, drawn once per run, mrad.
    pub misalignment_mrad: f64,
    /// Least significant bit of the angle increment, rad; 0 for none.
    pub quantisation_rad: f64,
    /// Flicker noise B, °/h: the flat of the Allan deviation is 0.664 of it.
    pub instability_deg_per_h: f64,
    /// Rate random walk K, °/h/√h.
    pub rate_random_walk_deg_per_h_per_sqrt_h: f64,
    /// Difference of the scale factor between positive and negative input, drawn once per run, ppm.
    pub asymmetry_ppm: f64,
    /// Error at full range, growing with the square of the input, drawn once per run, ppm of range.
    pub nonlinearity_ppm: f64,
    /// Bias per specific force, each of the nine terms drawn once per run, °/h/g.
    pub g_sensitivity_deg_per_h_per_g: f64,
    /// Change of bias with vibration, drawn once per run, °/h per g² of mean square.
    pub vibration_rectification_deg_per_h_per_g2: f64,
    /// Change of bias with temperature, drawn once per run, °/h per kelvin.
    pub bias_deg_per_h_per_k: f64,
    /// Bandwidth (−3 dB), Hz; absent for more than can be seen.
    pub bandwidth_hz: Option<f64>,
    /// Order of the bandwidth's low pass, 1 or 2; 0 means 1.
    pub bandwidth_order: u8,
    /// Largest rate the sensor reports, °/s; absent for no limit.
    pub range_deg_per_s: Option<f64>,
}

/// Errors of an accelerometer triad.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AccelParams {
    /// Bias drawn once per run, mg (1 g = 9.80665 m/s²).
    pub turn_on_bias_mg: f64,
    /// In-run bias, a first-order Gauss–Markov process, mg.
    pub in_run_bias_mg: f64,
    /// Correlation time of the in-run bias, s.
    pub in_run_correlation_s: f64,
    /// Velocity random walk, m/s/√h.
    pub velocity_random_walk_mps_per_sqrt_h: f64,
    /// Scale-factor error drawn once per run, parts per million.
    pub scale_factor_ppm: f64,
    /// Each of the six off-diagonal terms of the sensitivity matrix, drawn once per run, mrad.
    pub misalignment_mrad: f64,
    /// Least significant bit of the velocity increment, m/s; 0 for none.
    pub quantisation_mps: f64,
    /// Flicker noise B, mg: the flat of the Allan deviation is 0.664 of it.
    pub instability_mg: f64,
    /// Rate random walk K, mg/√h.
    pub rate_random_walk_mg_per_sqrt_h: f64,
    /// Difference of the scale factor between positive and negative input, drawn once per run, ppm.
    pub asymmetry_ppm: f64,
    /// Error at full range, growing with the square of the input, drawn once per run, ppm of range.
    pub nonlinearity_ppm: f64,
    /// Change of bias with vibration, drawn once per run, mg per g² of mean square.
    pub vibration_rectification_mg_per_g2: f64,
    /// Change of bias with temperature, drawn once per run, mg per kelvin.
    pub bias_mg_per_k: f64,
    /// Bandwidth (−3 dB), Hz; absent for more than can be seen.
    pub bandwidth_hz: Option<f64>,
    /// Order of the bandwidth's low pass, 1 or 2; 0 means 1.
    pub bandwidth_order: u8,
    /// Largest specific force the sensor reports, g (9.80665 m/s²); absent for no limit.
    pub range_g: Option<f64>,
}

/// Mounting assumed for the presets: in the boot, above the rear axle. \[E\]
const BOOT_LEVER_ARM_M: [f64; 3] = [0.0, 0.0, 0.6];

impl Default for ImuParams {
    /// The `datasheet` preset.
    fn default() -> Self {
        Self::datasheet()
    }
}

impl ImuParams {
    /// No errors at all: the increments are those of the truth, to rounding.
    pub fn ideal() -> Self {
        ImuParams {
            source: "no errors".into(),
            lever_arm_m: BOOT_LEVER_ARM_M,
            gyro: GyroParams::default(),
            accel: AccelParams::default(),
            vibration: VibrationParams::default(),
            latency_s: 0.0,
            jitter_s: 0.0,
            dropped_share: 0.0,
            warm_up_k: 0.0,
            warm_up_time_constant_s: 600.0, // [E]
        }
    }

    /// The ADIS16488 in NovAtel's IMU-IGM-A1, which Apollo 1.0 recommends with a ProPak6.
    pub fn datasheet() -> Self {
        ImuParams {
            source: "ADIS16488 in IMU-IGM-A1: rates OM-20000141, errors from the data sheet [R]".into(),
            lever_arm_m: BOOT_LEVER_ARM_M,
            gyro: GyroParams {
                turn_on_bias_deg_per_h: 240.0,          // at most 0.2 °/s = 720 °/h [R]
                in_run_bias_deg_per_h: 6.25,            // [R]
                in_run_correlation_s: 3600.0,           // [E]
                angle_random_walk_deg_per_sqrt_h: 0.30, // 0.26 to 0.30 [R]
                scale_factor_ppm: 333.0,                // at most 1000 once calibrated [R]
                misalignment_mrad: 0.3,                 // [E]
                quantisation_rad: (720.0 / 2_147_483_648.0) * DEG, // RAWIMUX scale: 720/2^31 °
                range_deg_per_s: Some(450.0),           // [R]
                ..GyroParams::default()
            },
            accel: AccelParams {
                turn_on_bias_mg: 5.3,                       // at most 16 [R]
                in_run_bias_mg: 0.1,                        // [R]
                in_run_correlation_s: 3600.0,               // [E]
                velocity_random_walk_mps_per_sqrt_h: 0.029, // [R]
                scale_factor_ppm: 333.0,                    // [E], as the gyroscopes
                misalignment_mrad: 0.3,                     // [E]
                quantisation_mps: 200.0 / 2_147_483_648.0,  // RAWIMUX scale: 200/2^31 m/s
                range_g: Some(18.0),                        // [R]
                ..AccelParams::default()
            },
            ..Self::ideal()
        }
    }

    /// The fibre-optic KVH unit in NovAtel's SPAN-CPT, an option on Apollo's car.
    pub fn kvh() -> Self {
        ImuParams {
            source: "KVH in SPAN-CPT: gyroscopes OM-20000122 p. 48 [M], accelerometers [R]".into(),
            lever_arm_m: BOOT_LEVER_ARM_M,
            gyro: GyroParams {
                turn_on_bias_deg_per_h: 6.7,              // at most 20 [M]
                in_run_bias_deg_per_h: 1.0,               // [M]
                in_run_correlation_s: 3600.0,             // [E]
                angle_random_walk_deg_per_sqrt_h: 0.0667, // [M]
                scale_factor_ppm: 500.0,                  // at most 1500 [M]
                misalignment_mrad: 0.3,                   // [E]
                quantisation_rad: 0.0,
                nonlinearity_ppm: 333.0,      // at most 1000 [M]
                range_deg_per_s: Some(375.0), // [M]
                ..GyroParams::default()
            },
            accel: AccelParams {
                turn_on_bias_mg: 16.7,                       // at most 50 [R]
                in_run_bias_mg: 0.25,                        // [R]
                in_run_correlation_s: 3600.0,                // [E]
                velocity_random_walk_mps_per_sqrt_h: 0.0324, // 55 µg/√Hz [R]
                scale_factor_ppm: 500.0,                     // [E], as the gyroscopes
                misalignment_mrad: 0.3,                      // [E]
                quantisation_mps: 0.0,
                range_g: Some(10.0), // [R]
                ..AccelParams::default()
            },
            ..Self::ideal()
        }
    }

    /// NovAtel's ISA-100C, the fibre-optic unit in the recorded car.
    pub fn isa_100c() -> Self {
        ImuParams {
            source: "ISA-100C: data sheet [R]; scales of RAWIMUX type 26".into(),
            lever_arm_m: BOOT_LEVER_ARM_M,
            gyro: GyroParams {
                turn_on_bias_deg_per_h: 0.17,            // at most 0.5 [R]
                in_run_bias_deg_per_h: 0.05,             // [R]
                in_run_correlation_s: 3600.0,            // [E]
                angle_random_walk_deg_per_sqrt_h: 0.012, // [R]; recorded 0.008 to 0.018 with vibration [M]
                scale_factor_ppm: 33.0,                  // at most 100 [R]
                misalignment_mrad: 0.1,                  // [E]
                quantisation_rad: 1e-9,                  // RAWIMUX scale
                range_deg_per_s: Some(495.0),            // [R]
                ..GyroParams::default()
            },
            accel: AccelParams {
                turn_on_bias_mg: 0.42,        // at most 1.25 [R]; recorded |f| 0.43 mg too large [M]
                in_run_bias_mg: 0.1,          // [R]
                in_run_correlation_s: 3600.0, // [E]
                velocity_random_walk_mps_per_sqrt_h: 0.0242, // recorded below 20 Hz: 0.57 mm/s²/√Hz [M]; sheet 0.0588 [R]
                scale_factor_ppm: 33.0,                      // [E], as the gyroscopes
                misalignment_mrad: 0.1,                      // [E]
                quantisation_mps: 2e-8,                      // RAWIMUX scale
                range_g: Some(10.0),                         // [E]
                ..AccelParams::default()
            },
            ..Self::ideal()
        }
    }

    /// A unit worse than its data sheet: all its errors three times as large, the rarer ones as those of
    /// a MEMS unit without factory compensation, on a vibrating mount. \[E\]
    pub fn degraded(mut self) -> Self {
        let (g, a) = (&mut self.gyro, &mut self.accel);
        for term in [
            &mut g.turn_on_bias_deg_per_h,
            &mut g.in_run_bias_deg_per_h,
            &mut g.angle_random_walk_deg_per_sqrt_h,
            &mut g.scale_factor_ppm,
            &mut g.misalignment_mrad,
            &mut a.turn_on_bias_mg,
            &mut a.in_run_bias_mg,
            &mut a.velocity_random_walk_mps_per_sqrt_h,
            &mut a.scale_factor_ppm,
            &mut a.misalignment_mrad,
        ] {
            *term *= 3.0;
        }
        g.instability_deg_per_h = g.in_run_bias_deg_per_h;
        g.rate_random_walk_deg_per_h_per_sqrt_h = g.in_run_bias_deg_per_h;
        g.asymmetry_ppm = 0.3 * g.scale_factor_ppm;
        g.nonlinearity_ppm = g.nonlinearity_ppm.max(300.0);
        g.g_sensitivity_deg_per_h_per_g = 30.0; // 0.009 °/s/g of an ADIS16488 [R]
        g.vibration_rectification_deg_per_h_per_g2 = 1.0;
        g.bias_deg_per_h_per_k = 0.1 * g.in_run_bias_deg_per_h;
        a.instability_mg = a.in_run_bias_mg;
        a.rate_random_walk_mg_per_sqrt_h = a.in_run_bias_mg;
        a.asymmetry_ppm = 0.3 * a.scale_factor_ppm;
        a.nonlinearity_ppm = 1000.0;
        a.vibration_rectification_mg_per_g2 = 1.0;
        a.bias_mg_per_k = 0.1 * a.in_run_bias_mg;
        self.vibration = VibrationParams { idle: 1.0, road_mps2: 0.2 };
        (self.jitter_s, self.warm_up_k) = (10e-6, 15.0);
        self.source = format!("{}; made three times worse [E]", self.source);
        self
    }

    /// Refuses values that are not finite, negative, or too large to be an error model.
    pub fn validate(&self) -> Result<(), ParameterError> {
        for (name, value) in [
            ("lever_arm_m[0]", self.lever_arm_m[0]),
            ("lever_arm_m[1]", self.lever_arm_m[1]),
            ("lever_arm_m[2]", self.lever_arm_m[2]),
        ] {
            within(name, value, -20.0, 20.0, "a distance of at most 20 m")?;
        }
        let (gyro, accel) = (&self.gyro, &self.accel);
        zero_to!(gyro, "gyro.":
            turn_on_bias_deg_per_h 36000 "°/h", in_run_bias_deg_per_h 36000 "°/h",
            angle_random_walk_deg_per_sqrt_h 100 "°/√h", scale_factor_ppm 100000 "ppm", misalignment_mrad 100 "mrad",
            quantisation_rad 0.01 "rad", instability_deg_per_h 36000 "°/h",
            rate_random_walk_deg_per_h_per_sqrt_h 36000 "°/h/√h", asymmetry_ppm 100000 "ppm",
            nonlinearity_ppm 100000 "ppm", g_sensitivity_deg_per_h_per_g 36000 "°/h/g",
            vibration_rectification_deg_per_h_per_g2 36000 "°/h/g²", bias_deg_per_h_per_k 3600 "°/h/K",
        );
        zero_to!(accel, "accel.":
            turn_on_bias_mg 1000 "mg", in_run_bias_mg 1000 "mg", velocity_random_walk_mps_per_sqrt_h 100 "m/s/√h",
            scale_factor_ppm 100000 "ppm", misalignment_mrad 100 "mrad", quantisation_mps 1 "m/s",
            instability_mg 1000 "mg", rate_random_walk_mg_per_sqrt_h 1000 "mg/√h", asymmetry_ppm 100000 "ppm",
            nonlinearity_ppm 100000 "ppm", vibration_rectification_mg_per_g2 1000 "mg/g²", bias_mg_per_k 100 "mg/K",
        );
        zero_to!(self.vibration, "vibration.": idle 100 "times the recorded level", road_mps2 100 "m/s²",);
        zero_to!(self, "":
            latency_s 0.005 "s", jitter_s 0.001 "s", dropped_share 0.5 "of the samples", warm_up_k 100 "K",
        );
        for (name, order) in
            [("gyro.bandwidth_order", gyro.bandwidth_order), ("accel.bandwidth_order", accel.bandwidth_order)]
        {
            within(name, order.into(), 0.0, 2.0, "1 or 2")?;
        }
        within("warm_up_time_constant_s", self.warm_up_time_constant_s, 1.0, 1e6, "1 to 1000000 s")?;
        for (name, bandwidth) in
            [("gyro.bandwidth_hz", gyro.bandwidth_hz), ("accel.bandwidth_hz", accel.bandwidth_hz)]
        {
            within(name, bandwidth.unwrap_or(1.0), 1.0, 500.0, "1 to 500 Hz, or absent")?;
        }
        correlation("gyro.in_run_correlation_s", gyro.in_run_correlation_s, &[gyro.in_run_bias_deg_per_h])?;
        correlation("accel.in_run_correlation_s", accel.in_run_correlation_s, &[accel.in_run_bias_mg])?;
        for (name, range, largest, expected) in [
            ("gyro.range_deg_per_s", gyro.range_deg_per_s, 1e5, "1 to 100000 °/s, or absent"),
            ("accel.range_g", accel.range_g, 1e4, "1 to 10000 g, or absent"),
        ] {
            within(name, range.unwrap_or(1.0), 1.0, largest, expected)?;
        }
        Ok(())
    }
}

/// A GNSS/INS receiver: what is wrong with its solution, and how late it comes.
///
/// Drifts are first-order Gauss–Markov processes with the correlation time given beside them; white
/// parts are drawn anew for each solution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReceiverParams {
    /// Where the numbers come from.
    pub source: String,
    /// White position error, east and north each, m.
    pub position_white_horizontal_m: f64,
    /// White position error, up, m.
    pub position_white_vertical_m: f64,
    /// Drifting position error, east and north each, m.
    pub position_drift_horizontal_m: f64,
    /// Drifting position error, up, m.
    pub position_drift_vertical_m: f64,
    /// Correlation time of the position drift, s.
    pub position_correlation_s: f64,
    /// White velocity error per axis, m/s.
    pub velocity_white_mps: f64,
    /// Drifting velocity error per axis, m/s.
    pub velocity_drift_mps: f64,
    /// Correlation time of the velocity drift, s.
    pub velocity_correlation_s: f64,
    /// Drifting tilt error about the east and north axes each, °.
    pub tilt_drift_deg: f64,
    /// Drifting azimuth error, °.
    pub azimuth_drift_deg: f64,
    /// Correlation time of the attitude drift, s.
    pub attitude_correlation_s: f64,
    /// Gyroscope bias that the filter has not learned, per axis, °/h: constant over a run.
    pub residual_gyro_bias_deg_per_h: f64,
    /// Accelerometer bias that the filter has not learned, per axis, mg: constant over a run.
    pub residual_accel_bias_mg: f64,
    /// Multipath error of the position under open sky, east and north each, m.
    pub multipath_horizontal_m: f64,
    /// Multipath error of the position under open sky, up, m.
    pub multipath_vertical_m: f64,
    /// Correlation time of the multipath, s.
    pub multipath_correlation_s: f64,
    /// The best satellite fix the receiver reaches; the position errors above are those of this type.
    pub best_fix: FixType,
    /// From SINGLE to PSRDIFF, s.
    pub psr_diff_after_s: f64,
    /// From PSRDIFF to NARROW_FLOAT, s.
    pub float_after_s: f64,
    /// From NARROW_FLOAT to NARROW_INT, s.
    pub fixed_after_s: f64,
    /// After an outage of at most this length the receiver takes up the fix type it had, s.
    pub quick_refix_s: f64,
    /// Corrections older than this are not used for carrier phase, s.
    pub rtk_timeout_s: f64,
    /// Corrections older than this are not used for pseudoranges, s.
    pub psr_diff_timeout_s: f64,
    /// From switching on to the first SINGLE fix, s; with `start = "cold"`.
    pub first_fix_s: f64,
    /// Coarse alignment at rest after the first fix, s; with `start = "cold"`.
    pub alignment_s: f64,
    /// Alignment is complete above this speed, m/s, unless two antennas give the heading.
    pub kinematic_alignment_mps: f64,
    /// How the receiver begins.
    pub start: Start,
    /// Position of the antenna (the rear one of two) in the vehicle's body frame, m.
    pub antenna_lever_arm_m: [f64; 3],
    /// Distance of a second antenna in front of the first, m; absent for one antenna.
    pub dual_antenna_baseline_m: Option<f64>,
    /// From the epoch of a satellite solution until it is computed, s.
    pub gnss_latency_s: f64,
    /// Distance of the pulses on the input MARK1, each of which gives MARK1PVA, s; absent if nothing is wired to it.
    pub mark_period_s: Option<f64>,
    /// When the fix gets worse, the error of the solution goes to that of the new type in this time, s:
    /// the filter holds on to what it knows.
    pub hold_time_constant_s: f64,
    /// From the return of the satellites to the first fix that is used again, s. Until then the
    /// solution goes on unaided.
    pub reacquisition_s: f64,
    /// Once fixes are used again, the error gained in the outage falls by e in this time, s.
    pub refix_time_constant_s: f64,
    /// Status becomes *high variance* (2) while the expected 1σ azimuth error is above this, °.
    pub high_variance_azimuth_deg: f64,
    /// Shortest time from the sample instant to the last byte of the message, s.
    pub latency_s: f64,
    /// Extra latency, uniform between 0 and this, s. Messages never overtake each other.
    pub latency_jitter_s: f64,
}

/// How a receiver begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// Aligned, with its best fix.
    #[default]
    Aligned,
    /// Just switched on: no satellites, no alignment.
    Cold,
}

impl Default for ReceiverParams {
    /// The `rtk_fixed` profile.
    fn default() -> Self {
        Self::rtk_fixed()
    }
}

impl ReceiverParams {
    /// The truth, at once.
    pub fn ideal() -> Self {
        ReceiverParams {
            source: "no errors, no latency".into(),
            position_white_horizontal_m: 0.0,
            position_white_vertical_m: 0.0,
            position_drift_horizontal_m: 0.0,
            position_drift_vertical_m: 0.0,
            position_correlation_s: 1.0,
            velocity_white_mps: 0.0,
            velocity_drift_mps: 0.0,
            velocity_correlation_s: 1.0,
            tilt_drift_deg: 0.0,
            azimuth_drift_deg: 0.0,
            attitude_correlation_s: 1.0,
            residual_gyro_bias_deg_per_h: 0.0,
            residual_accel_bias_mg: 0.0,
            multipath_horizontal_m: 0.0,
            multipath_vertical_m: 0.0,
            gnss_latency_s: 0.0,
            reacquisition_s: 0.0,
            refix_time_constant_s: 0.0,
            high_variance_azimuth_deg: 2.0,
            latency_s: 0.0,
            latency_jitter_s: 0.0,
            ..Self::rtk_fixed()
        }
    }

    /// Carrier-phase ambiguities resolved (NARROW_INT), the normal state of the car.
    pub fn rtk_fixed() -> Self {
        ReceiverParams {
            source: "RTK fixed 1 cm + 1 ppm rms, SPAN with a MEMS IMU [R]".into(),
            position_white_horizontal_m: 0.004, // 3 to 5 mm [R]
            position_white_vertical_m: 0.007,   // 6 to 8 mm [R]
            position_drift_horizontal_m: 0.008, // [R]
            position_drift_vertical_m: 0.015,   // [R]
            position_correlation_s: 120.0,      // 60 to 600 s [R]
            velocity_white_mps: 0.003,          // [E]
            velocity_drift_mps: 0.02,           // [R], and the start of the outage table
            velocity_correlation_s: 5.0,        // [E]
            tilt_drift_deg: 0.02,               // [R], and the start of the outage table
            azimuth_drift_deg: 0.08,            // [R]
            attitude_correlation_s: 100.0,      // [E]
            residual_gyro_bias_deg_per_h: 2.0,  // [R]
            residual_accel_bias_mg: 0.2,        // [R]
            multipath_horizontal_m: 0.0,        // carrier multipath, 5 mm, is in the drift
            multipath_vertical_m: 0.0,
            multipath_correlation_s: 30.0, // 10 to 100 s [R]
            best_fix: FixType::NarrowInt,
            psr_diff_after_s: 1.0,        // one epoch of corrections [E]
            float_after_s: 2.0,           // [E]
            fixed_after_s: 10.0,          // RTK re-initialisation takes 10 to 60 s [R]
            quick_refix_s: 10.0,          // [E]: the inertial solution is then good to 0.3 m
            rtk_timeout_s: 60.0,          // the receiver's default RTKTIMEOUT [R]
            psr_diff_timeout_s: 300.0,    // the receiver's default PSRDIFFTIMEOUT [R]
            first_fix_s: 15.0,            // warm, almanac at hand [E]
            alignment_s: 30.0,            // [E]
            kinematic_alignment_mps: 5.0, // OM-20000141 [M]
            start: Start::Aligned,
            antenna_lever_arm_m: [1.11, 0.0, 1.55], // on the roof [E]; a car of Apollo has 1.10866 m from IMU to antenna
            dual_antenna_baseline_m: None,
            gnss_latency_s: 0.07, // 50 to 100 ms
            mark_period_s: None,
            hold_time_constant_s: 60.0,     // [E]
            reacquisition_s: 1.0,           // L1 0.5 s, L2 1 s [R]
            refix_time_constant_s: 5.0,     // 95 % in 15 s: RTK needs 10 to 60 s [R]
            high_variance_azimuth_deg: 2.0, // the receiver's default threshold [R]
            latency_s: 0.005,               // INS solution 5 to 10 ms, the serial line not included
            latency_jitter_s: 0.005,
        }
    }

    /// Ambiguities not resolved (NARROW_FLOAT).
    pub fn rtk_float() -> Self {
        ReceiverParams {
            source: "RTK float [R]".into(),
            position_white_horizontal_m: 0.02,
            position_white_vertical_m: 0.03,  // [E]
            position_drift_horizontal_m: 0.3, // 0.2 to 0.4 m [R]
            position_drift_vertical_m: 0.5,   // [E]
            position_correlation_s: 300.0,    // [R]
            best_fix: FixType::NarrowFloat,
            ..Self::rtk_fixed()
        }
    }

    /// Pseudoranges with corrections (PSRDIFF): 0.4 m rms.
    pub fn psr_diff() -> Self {
        ReceiverParams {
            source: "DGPS 0.4 m rms, OM-20000122 [M]; correlation [R]".into(),
            position_white_horizontal_m: 0.05,
            position_white_vertical_m: 0.1,    // [E]
            position_drift_horizontal_m: 0.25, // 80 % of the variance of 0.4 m rms over two axes
            position_drift_vertical_m: 0.5,    // [E] twice the horizontal
            position_correlation_s: 900.0,     // 600 to 1800 s [R]
            multipath_horizontal_m: 0.13,      // the rest
            multipath_vertical_m: 0.25,        // [E]
            best_fix: FixType::PsrDiff,
            ..Self::rtk_fixed()
        }
    }

    /// No corrections at all (SINGLE, L1/L2): 1.2 m rms.
    pub fn single() -> Self {
        ReceiverParams {
            source: "single point L1/L2 1.2 m rms, OM-20000122 [M]; correlation [R]".into(),
            position_white_horizontal_m: 0.05,
            position_white_vertical_m: 0.1,    // [E]
            position_drift_horizontal_m: 0.76, // 80 % of the variance of 1.2 m rms over two axes
            position_drift_vertical_m: 1.52,   // [E] twice the horizontal
            position_correlation_s: 1200.0,    // 600 to 1800 s [R]
            multipath_horizontal_m: 0.38,      // the rest; 0.3 to 0.7 m [R]
            multipath_vertical_m: 0.76,        // [E]
            best_fix: FixType::Single,
            ..Self::rtk_fixed()
        }
    }

    /// Refuses values that are not finite, negative, or too large to be an error model.
    pub fn validate(&self) -> Result<(), ParameterError> {
        zero_to!(self, "":
            position_white_horizontal_m 1000 "m", position_white_vertical_m 1000 "m",
            position_drift_horizontal_m 1000 "m", position_drift_vertical_m 1000 "m", velocity_white_mps 100 "m/s",
            velocity_drift_mps 100 "m/s", tilt_drift_deg 45 "°", azimuth_drift_deg 45 "°",
            residual_gyro_bias_deg_per_h 36000 "°/h", residual_accel_bias_mg 1000 "mg", multipath_horizontal_m 1000 "m",
            multipath_vertical_m 1000 "m", psr_diff_after_s 3600 "s", float_after_s 3600 "s", fixed_after_s 3600 "s",
            quick_refix_s 3600 "s", rtk_timeout_s 3600 "s", psr_diff_timeout_s 3600 "s", first_fix_s 3600 "s",
            alignment_s 3600 "s", kinematic_alignment_mps 100 "m/s", gnss_latency_s 10 "s",
            hold_time_constant_s 3600 "s", reacquisition_s 3600 "s", refix_time_constant_s 3600 "s",
            high_variance_azimuth_deg 360 "°", latency_s 10 "s", latency_jitter_s 10 "s",
        );
        for (name, value) in [
            ("antenna_lever_arm_m[0]", self.antenna_lever_arm_m[0]),
            ("antenna_lever_arm_m[1]", self.antenna_lever_arm_m[1]),
            ("antenna_lever_arm_m[2]", self.antenna_lever_arm_m[2]),
        ] {
            within(name, value, -20.0, 20.0, "a distance of at most 20 m")?;
        }
        let mark_s = self.mark_period_s.unwrap_or(1.0);
        within("mark_period_s", mark_s, 0.01, 3600.0, "0.01 to 3600 s, or absent")?;
        let baseline_m = self.dual_antenna_baseline_m.unwrap_or(1.0);
        within("dual_antenna_baseline_m", baseline_m, 0.2, 20.0, "0.2 to 20 m, or absent")?;
        if self.best_fix == FixType::None {
            let expected = "a fix: single (16), psr_diff (17), narrow_float (34) or narrow_int (50)";
            return Err(ParameterError { name: "best_fix", value: 0.0, expected });
        }
        correlation(
            "multipath_correlation_s",
            self.multipath_correlation_s,
            &[self.multipath_horizontal_m, self.multipath_vertical_m],
        )?;
        correlation(
            "position_correlation_s",
            self.position_correlation_s,
            &[self.position_drift_horizontal_m, self.position_drift_vertical_m],
        )?;
        correlation("velocity_correlation_s", self.velocity_correlation_s, &[self.velocity_drift_mps])?;
        correlation(
            "attitude_correlation_s",
            self.attitude_correlation_s,
            &[self.tilt_drift_deg, self.azimuth_drift_deg],
        )
    }
}

pub(crate) const DEG: f64 = std::f64::consts::PI / 180.0;
pub(crate) const DEG_PER_H: f64 = DEG / 3600.0;
/// °/√h in rad/√s, and m/s/√h in m/s/√s after multiplication with the unit's own factor: √3600 = 60.
pub(crate) const PER_SQRT_H: f64 = 1.0 / 60.0;
/// Standard gravity, m/s²: the unit g of data sheets, not the local gravity.
pub(crate) const G: f64 = 9.80665;
pub(crate) const MG: f64 = G * 1e-3;

fn within(
    name: &'static str,
    value: f64,
    smallest: f64,
    largest: f64,
    expected: &'static str,
) -> Result<(), ParameterError> {
    if (smallest..=largest).contains(&value) { Ok(()) } else { Err(ParameterError { name, value, expected }) }
}

/// A correlation time matters only where there is something to correlate; below 1 s the process would
/// be faster than its knots (see `noise.rs`).
fn correlation(name: &'static str, value: f64, sigmas: &[f64]) -> Result<(), ParameterError> {
    if sigmas.iter().all(|sigma| *sigma == 0.0) && value.is_finite() {
        return Ok(());
    }
    within(name, value, 1.0, 1e6, "1 to 1000000 s")
}
