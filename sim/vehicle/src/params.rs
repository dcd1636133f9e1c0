//! The `vehicle.toml` file: every parameter of the model, with its unit.

use crate::powertrain::{AutomaticParams, KINDS, PowerSplitParams, PowertrainParams};
use crate::tir;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Everything the model needs to know about a car. Lengths in m, masses in kg, SI unless the name says
/// otherwise. Body frame ISO 8855, origin at the centre of the rear axle on the ground plane, car at
/// rest on level ground.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VehicleParams {
    /// Version of this file format; 1.
    pub schema: u32,
    /// Human-readable name of the car.
    pub title: String,
    /// One line for `skidpad list`.
    pub description: String,
    /// The folder beside this one (or else in the library's `vehicles/`) that gives `bywire.dbc` and
    /// `bywire.toml`, as far as this folder lacks them: two cars with the same by-wire kit need one copy. It must
    /// hold them itself, and a folder with both files of its own has no use for the key and is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bywire_kit: Option<String>,
    /// Sprung body and whole-car geometry.
    pub chassis: ChassisParams,
    /// Front axle.
    pub front: AxleParams,
    /// Rear axle.
    pub rear: AxleParams,
    /// Tyre, the same on all four wheels.
    pub tyre: TyreParams,
    /// Steering column, EPS and linkage.
    pub steering: SteeringParams,
    /// Service brakes, ABS and parking brake.
    pub brakes: BrakeParams,
    /// Stability control, traction control and hill-start assist. Absent: none is fitted.
    #[serde(default)]
    pub stability: StabilityParams,
    /// Drive.
    pub powertrain: PowertrainParams,
    /// Air.
    pub aero: AeroParams,
    /// Outline of the body for collisions and for the score.
    pub hull: HullParams,
}

/// Sprung body and whole-car geometry.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChassisParams {
    /// Mass of the whole car as driven, kg.
    pub mass_kg: f64,
    /// Distance between the axles, m.
    pub wheelbase_m: f64,
    /// Distance of the centre of mass behind the front axle, m.
    pub cg_behind_front_axle_m: f64,
    /// Height of the centre of mass of the whole car above ground, m.
    pub cg_height_m: f64,
    /// Moments of inertia of the sprung body about its own centre of mass (roll, pitch, yaw), kg m².
    pub sprung_inertia_kgm2: [f64; 3],
    /// Product of inertia ∫xz dm of the sprung body, kg m².
    pub sprung_inertia_xz_kgm2: f64,
}

/// One axle: two identical corners.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AxleParams {
    /// Distance between the wheel centre planes, m.
    pub track_m: f64,
    /// Unsprung mass of one corner, kg.
    pub unsprung_mass_kg: f64,
    /// Spring and damper travel over wheel travel. Left out: 1, which makes the rates below those at the wheel.
    #[serde(default = "one")]
    pub motion_ratio: f64,
    /// Spring rate, N/m.
    pub spring_npm: f64,
    /// Damping in bump (wheel moving up), N s/m.
    pub damper_bump_nspm: f64,
    /// Damping in rebound, N s/m.
    pub damper_rebound_nspm: f64,
    /// Speed of the damper above which its force rises by a share of that only (degressive), m/s. Left out: never.
    #[serde(default = "never_mps")]
    pub damper_knee_mps: f64,
    /// That share.
    #[serde(default = "one")]
    pub damper_fast_share: f64,
    /// Anti-roll bar: force at each wheel per metre of travel difference, N/m.
    pub anti_roll_npm: f64,
    /// Wheel travel from the design position to the bump stop, m.
    pub bump_travel_m: f64,
    /// Wheel travel from the design position to the rebound stop, m.
    pub rebound_travel_m: f64,
    /// Stiffness of the stops, N/m.
    pub stop_npm: f64,
    /// Height of the roll centre above ground, m.
    pub roll_centre_height_m: f64,
    /// Tangent of the side-view support angle: share of the longitudinal tyre force that the links
    /// carry vertically (anti-dive at the front, anti-lift at the rear), 0 = none.
    pub side_view_tan: f64,
    /// Camber in the design position, deg, positive with the top of the wheel outward.
    #[serde(default)]
    pub camber_deg: f64,
    /// Change of the camber with bump travel, deg/m.
    #[serde(default)]
    pub camber_gain_degpm: f64,
    /// Toe in the design position, deg per wheel, positive inward.
    #[serde(default)]
    pub toe_in_deg: f64,
    /// Change of the toe with bump travel, deg/m per wheel.
    #[serde(default)]
    pub toe_in_gain_degpm: f64,
    /// Steer of the wheel under lateral force, deg/kN, positive toward the side to which the force points:
    /// negative at the front and positive at the rear are understeering.
    #[serde(default)]
    pub lateral_force_steer_degpkn: f64,
    /// Steer of the wheel under aligning moment, deg/kNm, positive with the moment.
    #[serde(default)]
    pub aligning_moment_steer_degpknm: f64,
    /// Scale of the tyre's cornering stiffness on this axle (1 = tyre alone); below 1 it stands for
    /// steering and suspension compliance.
    pub cornering_stiffness_scale: f64,
}

fn one() -> f64 {
    1.0
}

/// A damper speed that no wheel reaches.
fn never_mps() -> f64 {
    1000.0
}

/// Magic-Formula tyre: the PAC2002 coefficients under their standard names, those of a left wheel (the
/// right one is its mirror image). Signs as in ISO-W tyre files: PKY1 is negative. Coefficients left out
/// are zero.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TyreParams {
    /// A PAC2002 tyre property file (`.tir`) in the vehicle's folder that gives what is left out here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property_file: Option<String>,
    /// Unloaded radius, m.
    pub unloaded_radius_m: f64,
    /// Effective rolling radius, m.
    pub rolling_radius_m: f64,
    /// Vertical stiffness, N/m.
    pub vertical_stiffness_npm: f64,
    /// Vertical damping, N s/m.
    pub vertical_damping_nspm: f64,
    /// Nominal load FNOMIN, N.
    pub nominal_load_n: f64,
    /// Moment of inertia of wheel, tyre and brake disc about the spin axis, kg m².
    pub spin_inertia_kgm2: f64,
    /// Rolling-resistance moment over load and rolling radius, dimensionless.
    pub rolling_resistance: f64,
    /// Longitudinal relaxation length, m.
    pub relaxation_long_m: f64,
    /// Lateral relaxation length, m.
    pub relaxation_lat_m: f64,
    /// Damping of the tread against slip velocity near standstill, N s/m.
    pub standstill_damping_nspm: f64,
    /// Longitudinal shape factor.
    pub pcx1: f64,
    /// Longitudinal peak friction at nominal load.
    pub pdx1: f64,
    /// Change of the longitudinal peak friction with load.
    #[serde(default)]
    pub pdx2: f64,
    /// Longitudinal curvature factor.
    #[serde(default)]
    pub pex1: f64,
    /// Longitudinal slip stiffness over load at nominal load.
    pub pkx1: f64,
    /// Change of the slip stiffness with load.
    #[serde(default)]
    pub pkx2: f64,
    /// Lateral shape factor.
    pub pcy1: f64,
    /// Lateral peak friction at nominal load.
    pub pdy1: f64,
    /// Change of the lateral peak friction with load.
    #[serde(default)]
    pub pdy2: f64,
    /// Lateral curvature factor.
    #[serde(default)]
    pub pey1: f64,
    /// Largest cornering stiffness over nominal load (negative).
    pub pky1: f64,
    /// Load, over nominal load, at which the cornering stiffness is largest.
    pub pky2: f64,
    /// Combined slip, slope of the reduction of Fx.
    #[serde(default)]
    pub rbx1: f64,
    /// Combined slip, change of that slope with κ.
    #[serde(default)]
    pub rbx2: f64,
    /// Combined slip, shape of the reduction of Fx.
    #[serde(default)]
    pub rcx1: f64,
    /// Combined slip, slope of the reduction of Fy.
    #[serde(default)]
    pub rby1: f64,
    /// Combined slip, change of that slope with α.
    #[serde(default)]
    pub rby2: f64,
    /// Combined slip, α of the largest slope, rad.
    #[serde(default)]
    pub rby3: f64,
    /// Combined slip, shape of the reduction of Fy.
    #[serde(default)]
    pub rcy1: f64,
    /// Fall of the trail with slip angle: stiffness factor.
    #[serde(default)]
    pub qbz1: f64,
    /// Fall of the trail with slip angle: shape factor.
    #[serde(default)]
    pub qcz1: f64,
    /// Pneumatic trail over unloaded radius at nominal load and zero slip.
    #[serde(default)]
    pub qdz1: f64,
    /// Change of the longitudinal peak friction with camber², 1/rad².
    #[serde(default)]
    pub pdx3: f64,
    /// Change of the longitudinal curvature with load.
    #[serde(default)]
    pub pex2: f64,
    /// Change of the longitudinal curvature with load².
    #[serde(default)]
    pub pex3: f64,
    /// Difference of the longitudinal curvature between drive and brake.
    #[serde(default)]
    pub pex4: f64,
    /// Exponent of the slip stiffness in load.
    #[serde(default)]
    pub pkx3: f64,
    /// Longitudinal horizontal shift.
    #[serde(default)]
    pub phx1: f64,
    /// Change of that shift with load.
    #[serde(default)]
    pub phx2: f64,
    /// Longitudinal vertical shift over load.
    #[serde(default)]
    pub pvx1: f64,
    /// Change of that shift with load.
    #[serde(default)]
    pub pvx2: f64,
    /// Change of the lateral peak friction with camber², 1/rad².
    #[serde(default)]
    pub pdy3: f64,
    /// Change of the lateral curvature with load.
    #[serde(default)]
    pub pey2: f64,
    /// Difference of the lateral curvature between the signs of α.
    #[serde(default)]
    pub pey3: f64,
    /// Change of that difference with camber, 1/rad.
    #[serde(default)]
    pub pey4: f64,
    /// Change of the cornering stiffness with camber, 1/rad.
    #[serde(default)]
    pub pky3: f64,
    /// Lateral horizontal shift, rad.
    #[serde(default)]
    pub phy1: f64,
    /// Change of that shift with load, rad.
    #[serde(default)]
    pub phy2: f64,
    /// Change of that shift with camber.
    #[serde(default)]
    pub phy3: f64,
    /// Lateral vertical shift over load.
    #[serde(default)]
    pub pvy1: f64,
    /// Change of that shift with load.
    #[serde(default)]
    pub pvy2: f64,
    /// Change of that shift with camber, 1/rad.
    #[serde(default)]
    pub pvy3: f64,
    /// Change of that shift with camber and load, 1/rad.
    #[serde(default)]
    pub pvy4: f64,
    /// Combined slip, curvature of the reduction of Fx.
    #[serde(default)]
    pub rex1: f64,
    /// Change of that curvature with load.
    #[serde(default)]
    pub rex2: f64,
    /// Combined slip, shift of the reduction of Fx, rad.
    #[serde(default)]
    pub rhx1: f64,
    /// Combined slip, curvature of the reduction of Fy.
    #[serde(default)]
    pub rey1: f64,
    /// Change of that curvature with load.
    #[serde(default)]
    pub rey2: f64,
    /// Combined slip, shift of the reduction of Fy.
    #[serde(default)]
    pub rhy1: f64,
    /// Change of that shift with load.
    #[serde(default)]
    pub rhy2: f64,
    /// Side force from κ, over peak.
    #[serde(default)]
    pub rvy1: f64,
    /// Change of that force with load.
    #[serde(default)]
    pub rvy2: f64,
    /// Change of that force with camber, 1/rad.
    #[serde(default)]
    pub rvy3: f64,
    /// Fall of that force with α, 1/rad.
    #[serde(default)]
    pub rvy4: f64,
    /// Shape of that force in κ.
    #[serde(default)]
    pub rvy5: f64,
    /// Slope of that force in κ.
    #[serde(default)]
    pub rvy6: f64,
    /// Change of the trail's stiffness factor with load.
    #[serde(default)]
    pub qbz2: f64,
    /// Change of the trail's stiffness factor with load².
    #[serde(default)]
    pub qbz3: f64,
    /// Change of the trail's stiffness factor with camber, 1/rad.
    #[serde(default)]
    pub qbz4: f64,
    /// Change of the trail's stiffness factor with the size of the camber, 1/rad.
    #[serde(default)]
    pub qbz5: f64,
    /// Slope of the residual moment in α.
    #[serde(default)]
    pub qbz9: f64,
    /// Slope of the residual moment in the cornering stiffness factor.
    #[serde(default)]
    pub qbz10: f64,
    /// Change of the trail with load.
    #[serde(default)]
    pub qdz2: f64,
    /// Change of the trail with camber, 1/rad.
    #[serde(default)]
    pub qdz3: f64,
    /// Change of the trail with camber², 1/rad².
    #[serde(default)]
    pub qdz4: f64,
    /// Residual moment over load and radius.
    #[serde(default)]
    pub qdz6: f64,
    /// Change of that moment with load.
    #[serde(default)]
    pub qdz7: f64,
    /// Change of that moment with camber, 1/rad.
    #[serde(default)]
    pub qdz8: f64,
    /// Change of that moment with camber and load, 1/rad.
    #[serde(default)]
    pub qdz9: f64,
    /// Curvature of the trail.
    #[serde(default)]
    pub qez1: f64,
    /// Change of that curvature with load.
    #[serde(default)]
    pub qez2: f64,
    /// Change of that curvature with load².
    #[serde(default)]
    pub qez3: f64,
    /// Difference of that curvature between the signs of α.
    #[serde(default)]
    pub qez4: f64,
    /// Change of that difference with camber, 1/rad.
    #[serde(default)]
    pub qez5: f64,
    /// Shift of the trail, rad.
    #[serde(default)]
    pub qhz1: f64,
    /// Change of that shift with load, rad.
    #[serde(default)]
    pub qhz2: f64,
    /// Change of that shift with camber.
    #[serde(default)]
    pub qhz3: f64,
    /// Change of that shift with camber and load.
    #[serde(default)]
    pub qhz4: f64,
    /// Arm of Fx on the aligning moment, over radius.
    #[serde(default)]
    pub ssz1: f64,
    /// Change of that arm with Fy.
    #[serde(default)]
    pub ssz2: f64,
    /// Change of that arm with camber, 1/rad.
    #[serde(default)]
    pub ssz3: f64,
    /// Change of that arm with camber and load, 1/rad.
    #[serde(default)]
    pub ssz4: f64,
    /// Longitudinal relaxation length over radius at nominal load; with it `relaxation_long_m` is not used.
    #[serde(default)]
    pub ptx1: f64,
    /// Change of that length with load.
    #[serde(default)]
    pub ptx2: f64,
    /// Exponent of that length in load.
    #[serde(default)]
    pub ptx3: f64,
    /// Largest lateral relaxation length over radius; with it `relaxation_lat_m` is not used.
    #[serde(default)]
    pub pty1: f64,
    /// Load, over nominal load, at which it is largest.
    #[serde(default)]
    pub pty2: f64,
}

/// Steering column, EPS and linkage. Angles and rates at the steering wheel unless named otherwise.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SteeringParams {
    /// Steering-wheel angle over mean road-wheel angle.
    pub ratio: f64,
    /// Steering-wheel angle at the stop, deg.
    pub max_wheel_deg: f64,
    /// Largest steering-wheel rate of the EPS, deg/s.
    pub max_rate_degps: f64,
    /// Dead time from the demand to the start of motion, s.
    pub dead_time_s: f64,
    /// Natural frequency of the position servo, rad/s.
    pub natural_frequency_rps: f64,
    /// Damping ratio of the position servo.
    pub damping_ratio: f64,
    /// Half width of the band of angle errors that the servo ignores, deg.
    pub dead_band_deg: f64,
    /// Play between column and rack, whole width, deg.
    #[serde(default)]
    pub backlash_deg: f64,
    /// Share of ideal Ackermann geometry: 1 = ideal, 0 = parallel.
    pub ackermann: f64,
    /// Mechanical (caster) trail, m.
    pub caster_trail_m: f64,
    /// Inertia of column, rack and wheels, reduced to the steering wheel, kg m².
    pub column_inertia_kgm2: f64,
    /// Damping of the free column, N m s/rad.
    pub column_damping_nms: f64,
    /// Friction of the free column, Nm.
    pub column_friction_nm: f64,
    /// Power assistance: torque on the column per torque of the driver's hands.
    pub assist_gain: f64,
}

/// Service brakes, ABS and parking brake.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BrakeParams {
    /// Pedal position (% of travel) and brake force of the whole car at the tyres (N): a table with
    /// rising pedal positions, linear in between. Includes blended regeneration.
    pub force_by_pedal: Vec<[f64; 2]>,
    /// Share of the brake torque on the front axle.
    pub front_share: f64,
    /// Dead time from the pedal to the start of the pressure rise, s.
    pub dead_time_s: f64,
    /// Time constant of the pressure, s.
    pub lag_s: f64,
    /// Antilock system fitted.
    pub abs: bool,
    /// Slip at which the antilock system starts to release.
    pub abs_slip: f64,
    /// Torque of the parking brake on each rear wheel, Nm.
    pub parking_torque_nm: f64,
}

/// Driver aids that brake single wheels, cut the drive or hold the brake pressure. They know what such an ECU
/// knows: wheel speeds, yaw rate, accelerometer, steering-wheel angle, brake pressure, drive force.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StabilityParams {
    /// Electronic stability control fitted: brakes single wheels against skidding.
    pub esc: bool,
    /// Traction control fitted: brakes and unloads a driven wheel that spins.
    pub traction: bool,
    /// Hill-start assist fitted: holds the brake while the foot changes pedals uphill.
    pub hill_start: bool,
    /// Time that the hill-start assist holds, s.
    pub hill_start_hold_s: f64,
}

impl Default for StabilityParams {
    fn default() -> Self {
        StabilityParams { esc: false, traction: false, hill_start: false, hill_start_hold_s: 2.0 }
    }
}

/// Air.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AeroParams {
    /// Drag area C_d·A, m².
    pub drag_area_m2: f64,
    /// Air density, kg/m³.
    pub air_density_kgpm3: f64,
    /// Height at which the drag acts, m.
    pub centre_height_m: f64,
    /// Side area: slope of the side-force coefficient over the flow angle times the frontal area, dC_Y/dβ·A,
    /// m²/rad. Left out: the drag area.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side_area_m2: Option<f64>,
    /// Height at which the side force acts, m. Left out: that of the drag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side_centre_height_m: Option<f64>,
    /// How far ahead of the centre of mass the side force of a flow from ahead acts, m; negative behind. It
    /// moves to the centre of mass as the flow turns to the side.
    #[serde(default)]
    pub side_centre_ahead_m: f64,
    /// Lift area of the front axle, C_LF·A, m²; negative presses down.
    #[serde(default)]
    pub front_lift_area_m2: f64,
    /// Lift area of the rear axle, C_LR·A, m²; negative presses down.
    #[serde(default)]
    pub rear_lift_area_m2: f64,
}

/// Outline of the body, from the rear-axle centre.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HullParams {
    /// Rear-axle centre to the front end, m.
    pub front_m: f64,
    /// Rear-axle centre to the rear end, m.
    pub rear_m: f64,
    /// Width, m.
    pub width_m: f64,
    /// Ground clearance of the crash box, m.
    pub clearance_m: f64,
    /// Height, m.
    pub height_m: f64,
}

/// A vehicle file that cannot be used: where and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ParamError {
    /// The file as the user named it.
    pub file: String,
    /// Line and column from 1, where known.
    pub at: Option<(usize, usize)>,
    /// What was wrong, what was expected, what to do.
    pub message: String,
}

impl fmt::Display for ParamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some((line, column)) => write!(f, "{}:{line}:{column}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

impl VehicleParams {
    /// Reads and checks the text of a `vehicle.toml`; `file` names it in errors.
    ///
    /// # Errors
    /// Malformed TOML, unknown or missing keys (with line and column), values out of range, a tyre
    /// property file (see [`VehicleParams::parse_with`]).
    pub fn parse(text: &str, file: &str) -> Result<Self, ParamError> {
        Self::parse_with(text, file, |name| Err(format!("the property file `{name}` is not at hand")))
    }

    /// As [`VehicleParams::parse`], with `read` giving the text of the tyre property file (`.tir`, PAC2002)
    /// that `tyre.property_file` may name. What `[tyre]` gives itself counts more than the property file.
    ///
    /// # Errors
    /// As `parse`, and what is wrong with the property file.
    pub fn parse_with(
        text: &str,
        file: &str,
        read: impl FnOnce(&str) -> Result<String, String>,
    ) -> Result<Self, ParamError> {
        let fail =
            |at: Option<(usize, usize)>, message: String| ParamError { file: file.to_string(), at, message };
        let toml_error = |error: toml::de::Error| {
            fail(error.span().map(|span| line_column(text, span.start)), error.message().trim().to_string())
        };
        let mut table: toml::Table = toml::from_str(text).map_err(toml_error)?;
        check_powertrain(text, &table, toml_error).map_err(|error| {
            error.unwrap_or_else(|message| fail(locate(text, "powertrain.kind"), message))
        })?;
        let named =
            table.get("tyre").and_then(|tyre| tyre.get("property_file")).and_then(|name| name.as_str());
        let params: VehicleParams = match named.map(str::to_string) {
            None => toml::from_str(text).map_err(toml_error)?,
            Some(name) => {
                let key = "tyre.property_file";
                let at = locate(text, key);
                let source = read(&name).map_err(|message| fail(at, format!("{key}: {message}")))?;
                let values = tir::read(&source).map_err(|error| ParamError {
                    file: name.clone(),
                    at: (error.line > 0).then_some((error.line, 1)),
                    message: error.message,
                })?;
                if let Some(tyre) = table.get_mut("tyre").and_then(|tyre| tyre.as_table_mut()) {
                    for (key, value) in values {
                        tyre.entry(key).or_insert(toml::Value::Float(value));
                    }
                }
                table
                    .try_into()
                    .map_err(|error: toml::de::Error| fail(at, error.message().trim().to_string()))?
            }
        };
        params.validate().map_err(|(key, message)| fail(locate(text, &key), format!("{key}: {message}")))?;
        Ok(params)
    }

    /// Checks every value; the error is the dotted key and what is wrong with it.
    ///
    /// # Errors
    /// The first value that is not finite or out of its physical range.
    pub fn validate(&self) -> Result<(), (String, String)> {
        let mut check = Checker::default();
        check.that(self.schema == 1, "schema", || format!("expected 1, got {}", self.schema));
        let c = &self.chassis;
        check.within("chassis.mass_kg", c.mass_kg, 100.0, 60_000.0);
        check.within("chassis.wheelbase_m", c.wheelbase_m, 0.5, 15.0);
        check.within("chassis.cg_behind_front_axle_m", c.cg_behind_front_axle_m, 0.01, c.wheelbase_m - 0.01);
        check.within("chassis.cg_height_m", c.cg_height_m, 0.0, 5.0);
        for inertia in c.sprung_inertia_kgm2 {
            check.within("chassis.sprung_inertia_kgm2", inertia, 1.0, 1e7);
        }
        let [xx, _, zz] = c.sprung_inertia_kgm2;
        check.within(
            "chassis.sprung_inertia_xz_kgm2",
            c.sprung_inertia_xz_kgm2,
            -0.5 * xx.min(zz),
            0.5 * xx.min(zz),
        );
        for (name, axle) in [("front", &self.front), ("rear", &self.rear)] {
            axle.validate(name, &mut check);
        }
        check.that(
            2.0 * (self.front.unsprung_mass_kg + self.rear.unsprung_mass_kg) < 0.5 * c.mass_kg,
            "front.unsprung_mass_kg",
            || "the unsprung masses are more than half of chassis.mass_kg".to_string(),
        );
        self.tyre.validate(&mut check);
        self.steering.validate(&mut check);
        self.brakes.validate(&mut check);
        let hold_s = self.stability.hill_start_hold_s;
        check.within("stability.hill_start_hold_s", hold_s, 0.0, 60.0);
        self.powertrain.validate(&mut check);
        check.within("aero.drag_area_m2", self.aero.drag_area_m2, 0.0, 20.0);
        check.within("aero.air_density_kgpm3", self.aero.air_density_kgpm3, 0.0, 2.0);
        check.within("aero.centre_height_m", self.aero.centre_height_m, 0.0, 5.0);
        check.within("aero.side_area_m2", self.aero.side_area_m2.unwrap_or(0.0), 0.0, 100.0);
        check.within("aero.side_centre_height_m", self.aero.side_centre_height_m.unwrap_or(0.0), 0.0, 5.0);
        check.within("aero.side_centre_ahead_m", self.aero.side_centre_ahead_m, -5.0, 5.0);
        check.within("aero.front_lift_area_m2", self.aero.front_lift_area_m2, -10.0, 10.0);
        check.within("aero.rear_lift_area_m2", self.aero.rear_lift_area_m2, -10.0, 10.0);
        let h = &self.hull;
        check.within("hull.front_m", h.front_m, 0.1, 20.0);
        check.within("hull.rear_m", h.rear_m, 0.1, 20.0);
        check.within("hull.width_m", h.width_m, 0.1, 5.0);
        check.within("hull.clearance_m", h.clearance_m, 0.0, 2.0);
        check.within("hull.height_m", h.height_m, h.clearance_m + 0.1, 6.0);
        check.done()
    }
}

impl AxleParams {
    fn validate(&self, axle: &str, check: &mut Checker) {
        let mut within =
            |key: &str, value, low, high| check.within(&format!("{axle}.{key}"), value, low, high);
        within("track_m", self.track_m, 0.3, 4.0);
        within("unsprung_mass_kg", self.unsprung_mass_kg, 1.0, 2000.0);
        within("motion_ratio", self.motion_ratio, 0.1, 5.0);
        within("spring_npm", self.spring_npm, 1e3, 1e8);
        within("damper_bump_nspm", self.damper_bump_nspm, 0.0, 1e5);
        within("damper_rebound_nspm", self.damper_rebound_nspm, 0.0, 1e5);
        within("damper_knee_mps", self.damper_knee_mps, 0.01, 1000.0);
        within("damper_fast_share", self.damper_fast_share, 0.0, 1.0);
        within("anti_roll_npm", self.anti_roll_npm, 0.0, 1e8);
        within("bump_travel_m", self.bump_travel_m, 1e-3, 1.0);
        within("rebound_travel_m", self.rebound_travel_m, 1e-3, 1.0);
        within("stop_npm", self.stop_npm, 0.0, 1e7);
        within("roll_centre_height_m", self.roll_centre_height_m, -1.0, 2.0);
        within("side_view_tan", self.side_view_tan, -1.0, 1.0);
        within("camber_deg", self.camber_deg, -10.0, 10.0);
        within("camber_gain_degpm", self.camber_gain_degpm, -200.0, 200.0);
        within("toe_in_deg", self.toe_in_deg, -5.0, 5.0);
        within("toe_in_gain_degpm", self.toe_in_gain_degpm, -100.0, 100.0);
        within("lateral_force_steer_degpkn", self.lateral_force_steer_degpkn, -1.0, 1.0);
        within("aligning_moment_steer_degpknm", self.aligning_moment_steer_degpknm, -30.0, 30.0);
        within("cornering_stiffness_scale", self.cornering_stiffness_scale, 0.01, 10.0);
    }
}

impl TyreParams {
    fn validate(&self, check: &mut Checker) {
        let mut within = |key: &str, value, low, high| check.within(&format!("tyre.{key}"), value, low, high);
        within("unloaded_radius_m", self.unloaded_radius_m, 0.05, 2.0);
        within("rolling_radius_m", self.rolling_radius_m, 0.05, 2.0);
        within("vertical_stiffness_npm", self.vertical_stiffness_npm, 1e4, 1e7);
        within("vertical_damping_nspm", self.vertical_damping_nspm, 0.0, 1e5);
        within("nominal_load_n", self.nominal_load_n, 10.0, 1e6);
        within("spin_inertia_kgm2", self.spin_inertia_kgm2, 0.01, 1e3);
        within("rolling_resistance", self.rolling_resistance, 0.0, 0.5);
        within("relaxation_long_m", self.relaxation_long_m, 0.02, 3.0);
        within("relaxation_lat_m", self.relaxation_lat_m, 0.02, 3.0);
        within("standstill_damping_nspm", self.standstill_damping_nspm, 0.0, 1e6);
        within("pcx1", self.pcx1, 0.5, 3.0);
        within("pdx1", self.pdx1, 0.01, 5.0);
        within("pdx2", self.pdx2, -1.0, 1.0);
        within("pex1", self.pex1, -20.0, 1.0);
        within("pkx1", self.pkx1, 1.0, 100.0);
        within("pkx2", self.pkx2, -100.0, 100.0);
        within("pcy1", self.pcy1, 0.5, 3.0);
        within("pdy1", self.pdy1, 0.01, 5.0);
        within("pdy2", self.pdy2, -1.0, 1.0);
        within("pey1", self.pey1, -20.0, 1.0);
        within("pky1", self.pky1, -200.0, -1.0);
        within("pky2", self.pky2, 0.1, 20.0);
        for (key, value) in [
            ("rbx1", self.rbx1),
            ("rbx2", self.rbx2),
            ("rcx1", self.rcx1),
            ("rby1", self.rby1),
            ("rby2", self.rby2),
            ("rby3", self.rby3),
            ("rcy1", self.rcy1),
            ("qbz1", self.qbz1),
            ("qcz1", self.qcz1),
            ("qdz1", self.qdz1),
            ("pdx3", self.pdx3),
            ("pex2", self.pex2),
            ("pex3", self.pex3),
            ("pex4", self.pex4),
            ("pkx3", self.pkx3),
            ("phx1", self.phx1),
            ("phx2", self.phx2),
            ("pvx1", self.pvx1),
            ("pvx2", self.pvx2),
            ("pdy3", self.pdy3),
            ("pey2", self.pey2),
            ("pey3", self.pey3),
            ("pey4", self.pey4),
            ("pky3", self.pky3),
            ("phy1", self.phy1),
            ("phy2", self.phy2),
            ("phy3", self.phy3),
            ("pvy1", self.pvy1),
            ("pvy2", self.pvy2),
            ("pvy3", self.pvy3),
            ("pvy4", self.pvy4),
            ("rex1", self.rex1),
            ("rex2", self.rex2),
            ("rhx1", self.rhx1),
            ("rey1", self.rey1),
            ("rey2", self.rey2),
            ("rhy1", self.rhy1),
            ("rhy2", self.rhy2),
            ("rvy1", self.rvy1),
            ("rvy2", self.rvy2),
            ("rvy3", self.rvy3),
            ("rvy4", self.rvy4),
            ("rvy5", self.rvy5),
            ("rvy6", self.rvy6),
            ("qbz2", self.qbz2),
            ("qbz3", self.qbz3),
            ("qbz4", self.qbz4),
            ("qbz5", self.qbz5),
            ("qbz9", self.qbz9),
            ("qbz10", self.qbz10),
            ("qdz2", self.qdz2),
            ("qdz3", self.qdz3),
            ("qdz4", self.qdz4),
            ("qdz6", self.qdz6),
            ("qdz7", self.qdz7),
            ("qdz8", self.qdz8),
            ("qdz9", self.qdz9),
            ("qez1", self.qez1),
            ("qez2", self.qez2),
            ("qez3", self.qez3),
            ("qez4", self.qez4),
            ("qez5", self.qez5),
            ("qhz1", self.qhz1),
            ("qhz2", self.qhz2),
            ("qhz3", self.qhz3),
            ("qhz4", self.qhz4),
            ("ssz1", self.ssz1),
            ("ssz2", self.ssz2),
            ("ssz3", self.ssz3),
            ("ssz4", self.ssz4),
            ("ptx1", self.ptx1),
            ("ptx2", self.ptx2),
            ("ptx3", self.ptx3),
            ("pty1", self.pty1),
            ("pty2", self.pty2),
        ] {
            within(key, value, -1e5, 1e5);
        }
    }
}

impl SteeringParams {
    fn validate(&self, check: &mut Checker) {
        let mut within =
            |key: &str, value, low, high| check.within(&format!("steering.{key}"), value, low, high);
        within("ratio", self.ratio, 1.0, 40.0);
        within("max_wheel_deg", self.max_wheel_deg, 1.0, 1200.0);
        within("max_rate_degps", self.max_rate_degps, 1.0, 5000.0);
        within("dead_time_s", self.dead_time_s, 0.0, 0.25);
        within("natural_frequency_rps", self.natural_frequency_rps, 1.0, 400.0);
        within("damping_ratio", self.damping_ratio, 0.05, 5.0);
        within("dead_band_deg", self.dead_band_deg, 0.0, 20.0);
        within("backlash_deg", self.backlash_deg, 0.0, 20.0);
        within("ackermann", self.ackermann, -1.0, 1.5);
        within("caster_trail_m", self.caster_trail_m, -0.1, 0.2);
        within("column_inertia_kgm2", self.column_inertia_kgm2, 1e-3, 10.0);
        within("column_damping_nms", self.column_damping_nms, 0.0, 100.0);
        within("column_friction_nm", self.column_friction_nm, 0.0, 50.0);
        within("assist_gain", self.assist_gain, 0.0, 100.0);
        let max_road_deg = self.max_wheel_deg / self.ratio;
        check.that(max_road_deg < 60.0, "steering.max_wheel_deg", || {
            format!("max_wheel_deg / ratio is a road-wheel angle of {max_road_deg:.1}°, expected below 60°")
        });
    }
}

impl BrakeParams {
    fn validate(&self, check: &mut Checker) {
        check.table("brakes.force_by_pedal", self.force_by_pedal.iter().map(|row| row.as_slice()));
        let mut within =
            |key: &str, value, low, high| check.within(&format!("brakes.{key}"), value, low, high);
        for row in &self.force_by_pedal {
            within("force_by_pedal", row[1], 0.0, 1e6);
        }
        within("front_share", self.front_share, 0.0, 1.0);
        within("dead_time_s", self.dead_time_s, 0.0, 0.25);
        within("lag_s", self.lag_s, 0.0, 5.0);
        within("abs_slip", self.abs_slip, 0.01, 0.9);
        within("parking_torque_nm", self.parking_torque_nm, 0.0, 1e6);
    }
}

/// Reads `[powertrain]` as the kind that it names, for errors that know their line: the choice between the
/// kinds alone would only say that none fits.
fn check_powertrain<E>(
    text: &str,
    table: &toml::Table,
    toml_error: impl Fn(toml::de::Error) -> E,
) -> Result<(), Result<E, String>> {
    #[derive(Deserialize)]
    struct Only<P> {
        #[serde(rename = "powertrain")]
        _powertrain: P,
    }
    let Some(powertrain) = table.get("powertrain") else { return Ok(()) };
    let kind = powertrain.get("kind").map_or(Some(KINDS[0]), |kind| kind.as_str());
    let read = match kind {
        Some("power_split") => toml::from_str::<Only<PowerSplitParams>>(text).map(|_| ()),
        Some("automatic") => toml::from_str::<Only<AutomaticParams>>(text).map(|_| ()),
        other => {
            let got = other.map_or("something else".to_string(), |name| format!("`{name}`"));
            return Err(Err(format!(
                "powertrain.kind: expected `{}` or `{}`, got {got}",
                KINDS[0], KINDS[1]
            )));
        }
    };
    read.map_err(|error| Ok(toml_error(error)))
}

/// Collects the first value that is out of range.
#[derive(Default)]
pub(crate) struct Checker {
    first: Option<(String, String)>,
}

impl Checker {
    pub(crate) fn that(&mut self, holds: bool, key: &str, message: impl FnOnce() -> String) {
        if !holds && self.first.is_none() {
            self.first = Some((key.to_string(), message()));
        }
    }

    pub(crate) fn within(&mut self, key: &str, value: f64, low: f64, high: f64) {
        self.that(value >= low && value <= high, key, || format!("expected {low} to {high}, got {value}"));
    }

    pub(crate) fn table<'a>(&mut self, key: &str, rows: impl Iterator<Item = &'a [f64]> + Clone) {
        let count = rows.clone().count();
        self.that((2..=1000).contains(&count), key, || format!("expected 2 to 1000 rows, got {count}"));
        self.that(rows.clone().flatten().all(|value| value.is_finite()), key, || {
            "expected finite numbers only".to_string()
        });
        let rising = rows.clone().zip(rows.skip(1)).all(|(a, b)| a[0] < b[0]);
        self.that(rising, key, || "expected the first column to rise from row to row".to_string());
    }

    fn done(self) -> Result<(), (String, String)> {
        self.first.map_or(Ok(()), Err)
    }
}

/// Line and column (from 1) of a byte offset.
fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..offset.min(text.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    (line, column)
}

/// Where the dotted key `table.key` stands in a TOML text: good enough to point a person at the line.
fn locate(text: &str, dotted: &str) -> Option<(usize, usize)> {
    let (table, key) = dotted.rsplit_once('.').unwrap_or(("", dotted));
    let mut inside = table.is_empty();
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        let header = trimmed.strip_prefix('[').and_then(|header| header.split(']').next());
        // A row of numbers is no header.
        if let Some(name) = header.filter(|name| name.starts_with(|first: char| first.is_ascii_alphabetic()))
        {
            inside = name.trim() == table;
        } else if inside && trimmed.split('=').next().is_some_and(|name| name.trim() == key) {
            return Some((index + 1, line.len() - trimmed.len() + 1));
        }
    }
    None
}
