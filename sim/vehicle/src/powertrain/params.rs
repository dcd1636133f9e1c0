//! The `[powertrain]` table of the `vehicle.toml` file: which drive the car has, and its parameters.

use crate::params::Checker;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most forward gears of a stepped gearbox.
pub(crate) const MOST_GEARS: usize = 10;

/// Drive of the car, chosen by the key `kind`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum PowertrainParams {
    /// `kind = "power_split"`, also when `kind` is left out.
    PowerSplit(PowerSplitParams),
    /// `kind = "automatic"`.
    Automatic(Box<AutomaticParams>),
}

/// The values of `kind`.
pub(crate) const KINDS: [&str; 2] = ["power_split", "automatic"];

/// Names the power-split drive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum PowerSplitKind {
    /// The only value.
    #[default]
    #[serde(rename = "power_split")]
    PowerSplit,
}

/// Names the stepped automatic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum AutomaticKind {
    /// The only value.
    #[serde(rename = "automatic")]
    Automatic,
}

/// Drive of a power-split hybrid with a single-speed front drive: each pedal position asks for a power,
/// bounded by a force; the closed pedal gives creep at low speed and regeneration above.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PowerSplitParams {
    /// `"power_split"`; may be left out.
    #[serde(default)]
    pub kind: PowerSplitKind,
    /// Drive force at the tyres with closed pedal in Drive by speed: [m/s, N], rising speeds.
    /// Positive is creep, negative is regeneration.
    pub closed_pedal_force_by_speed: Vec<[f64; 2]>,
    /// Share of the positive closed-pedal force (creep) left by brake pedal position: [%, share], rising
    /// pedals.
    pub creep_by_brake_pedal: Vec<[f64; 2]>,
    /// What the accelerator pedal adds: [pedal %, power limit W, force limit N], rising pedals.
    pub pedal_map: Vec<[f64; 3]>,
    /// Share of the Drive pedal map available in Reverse.
    pub reverse_share: f64,
    /// Highest speed in Reverse, m/s.
    pub reverse_max_speed_mps: f64,
    /// Largest power at the wheels, W.
    pub max_power_w: f64,
    /// Dead time from the pedal to the start of the force rise, s.
    pub dead_time_s: f64,
    /// Time constant of the drive force, s.
    pub lag_s: f64,
    /// Holding torque of the parking pawl on each front wheel, Nm.
    pub pawl_torque_nm: f64,
    /// Engine speed at idle, 1/min (reported on the bus only).
    pub idle_rpm: f64,
    /// Rise of the engine speed with drive power, 1/min per kW (reported on the bus only).
    pub rpm_per_kw: f64,
}

/// Combustion engine, torque converter with lock-up clutch, stepped gearbox and half shafts to the front
/// wheels.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AutomaticParams {
    /// `"automatic"`.
    pub kind: AutomaticKind,
    /// Dead time from the pedal to the throttle, s.
    pub dead_time_s: f64,
    /// Holding torque of the parking pawl on each front wheel, Nm.
    pub pawl_torque_nm: f64,
    /// Torque of both half shafts together per twist between differential and wheels, Nm/rad.
    pub shaft_stiffness_nmprad: f64,
    /// Damping of that twist, N m s/rad.
    pub shaft_damping_nmsprad: f64,
    /// Engine.
    pub engine: EngineParams,
    /// Torque converter and its lock-up clutch.
    pub converter: ConverterParams,
    /// Gears, shift schedule, final drive.
    pub gearbox: GearboxParams,
}

/// Combustion engine.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EngineParams {
    /// Torque at the crankshaft with open throttle: [1/min, Nm], rising speeds.
    pub full_load_nm: Vec<[f64; 2]>,
    /// Torque that turns the engine without fuel: [1/min, Nm, positive], rising speeds.
    pub drag_nm: Vec<[f64; 2]>,
    /// Share of the way from drag to full load by accelerator pedal: [%, share], rising pedals.
    pub share_by_pedal: Vec<[f64; 2]>,
    /// Moment of inertia of crankshaft, flexplate and pump wheel, kg m².
    pub inertia_kgm2: f64,
    /// Speed held with closed pedal, 1/min: through the converter it makes the car creep.
    pub idle_rpm: f64,
    /// Speed from which fuel is cut, 1/min.
    pub limit_rpm: f64,
    /// Time constant from the throttle to the torque (intake air), s.
    pub lag_s: f64,
}

/// Torque converter and its lock-up clutch.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConverterParams {
    /// By speed ratio turbine/pump from 0 (stall) to 1: [speed ratio, turbine torque over pump torque, pump
    /// torque at 2000 1/min in Nm]. The pump torque goes with the square of the pump's speed and is 0 at 1.
    pub map: Vec<[f64; 3]>,
    /// Pump torque when the turbine drives (overrun), over that of the mirrored speed ratio.
    pub overrun_share: f64,
    /// Moment of inertia of turbine and gearbox input, kg m².
    pub turbine_inertia_kgm2: f64,
    /// Turbine speed above which the lock-up clutch closes by accelerator pedal: [%, 1/min], rising pedals.
    pub lockup_rpm_by_pedal: Vec<[f64; 2]>,
    /// It opens this far below, 1/min.
    pub lockup_hysteresis_rpm: f64,
    /// Lowest gear in which it closes.
    pub lockup_lowest_gear: u8,
    /// Torque that the closed clutch carries, Nm.
    pub lockup_capacity_nm: f64,
    /// Time in which its capacity builds up, s.
    pub lockup_time_s: f64,
}

/// Gears, shift schedule, final drive.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GearboxParams {
    /// Ratios of the forward gears from first to top, turbine speed over output speed, falling.
    pub ratios: Vec<f64>,
    /// Ratio of the reverse gear, positive.
    pub reverse_ratio: f64,
    /// Ratio of the final drive, output speed over differential speed.
    pub final_drive: f64,
    /// Power out over power in of gears and final drive.
    pub efficiency: f64,
    /// Moment of inertia of output shaft and differential, at the wheels, kg m².
    pub output_inertia_kgm2: f64,
    /// Upshift speeds by accelerator pedal: rows [pedal %, 1→2 m/s, 2→3 m/s, …], rising pedals.
    pub upshift_mps: Vec<Vec<f64>>,
    /// Downshift speeds by accelerator pedal: rows [pedal %, 2→1 m/s, 3→2 m/s, …], rising pedals; below the
    /// upshift of the same gears at every pedal.
    pub downshift_mps: Vec<Vec<f64>>,
    /// Time from the start of a shift until the new gear holds, s.
    pub shift_time_s: f64,
    /// Time from the selection of a direction at rest until the gear holds, s.
    pub engage_time_s: f64,
    /// Share of the engine torque taken away while an upshift brings the engine down.
    pub shift_torque_cut: f64,
    /// Shortest time between two shifts, s.
    pub least_hold_s: f64,
    /// Highest gear used in Low while the engine speed allows it.
    pub low_top_gear: u8,
    /// Speed against the selected direction above which it is not engaged, m/s.
    pub engage_max_speed_mps: f64,
    /// Torque at the wheels, both together, to which the engine management limits the drive, Nm.
    pub max_wheel_torque_nm: f64,
}

impl PowertrainParams {
    /// The power-split drive, if the car has one.
    pub fn power_split_mut(&mut self) -> Option<&mut PowerSplitParams> {
        match self {
            PowertrainParams::PowerSplit(params) => Some(params),
            PowertrainParams::Automatic(_) => None,
        }
    }

    /// The stepped automatic, if the car has one.
    pub fn automatic_mut(&mut self) -> Option<&mut AutomaticParams> {
        match self {
            PowertrainParams::PowerSplit(_) => None,
            PowertrainParams::Automatic(params) => Some(params),
        }
    }

    pub(crate) fn validate(&self, check: &mut Checker) {
        match self {
            PowertrainParams::PowerSplit(params) => params.validate(check),
            PowertrainParams::Automatic(params) => params.validate(check),
        }
    }
}

impl PowerSplitParams {
    fn validate(&self, check: &mut Checker) {
        check.table(
            "powertrain.closed_pedal_force_by_speed",
            self.closed_pedal_force_by_speed.iter().map(|row| row.as_slice()),
        );
        check.table(
            "powertrain.creep_by_brake_pedal",
            self.creep_by_brake_pedal.iter().map(|row| row.as_slice()),
        );
        check.table("powertrain.pedal_map", self.pedal_map.iter().map(|row| row.as_slice()));
        let mut within =
            |key: &str, value, low, high| check.within(&format!("powertrain.{key}"), value, low, high);
        for row in &self.pedal_map {
            within("pedal_map", row[1], 0.0, 5e6);
            within("pedal_map", row[2], 0.0, 1e6);
        }
        for row in &self.creep_by_brake_pedal {
            within("creep_by_brake_pedal", row[1], 0.0, 1.0);
        }
        within("reverse_share", self.reverse_share, 0.0, 1.0);
        within("reverse_max_speed_mps", self.reverse_max_speed_mps, 0.1, 50.0);
        within("max_power_w", self.max_power_w, 1.0, 5e6);
        within("dead_time_s", self.dead_time_s, 0.0, 0.25);
        within("lag_s", self.lag_s, 0.0, 5.0);
        within("pawl_torque_nm", self.pawl_torque_nm, 0.0, 1e6);
        within("idle_rpm", self.idle_rpm, 0.0, 3000.0);
        within("rpm_per_kw", self.rpm_per_kw, 0.0, 1000.0);
    }
}

impl AutomaticParams {
    fn validate(&self, check: &mut Checker) {
        let mut within =
            |key: &str, value, low, high| check.within(&format!("powertrain.{key}"), value, low, high);
        within("dead_time_s", self.dead_time_s, 0.0, 0.25);
        within("pawl_torque_nm", self.pawl_torque_nm, 0.0, 1e6);
        within("shaft_stiffness_nmprad", self.shaft_stiffness_nmprad, 100.0, 1e5);
        within("shaft_damping_nmsprad", self.shaft_damping_nmsprad, 0.0, 1000.0);
        self.engine.validate(check);
        self.converter.validate(check);
        self.gearbox.validate(check);
        let lowest =
            self.converter.lockup_rpm_by_pedal.iter().map(|row| row[1]).fold(f64::INFINITY, f64::min);
        let opens = lowest - self.converter.lockup_hysteresis_rpm;
        let idle = self.engine.idle_rpm;
        check.that(opens > idle, "powertrain.converter.lockup_rpm_by_pedal", || {
            format!("the clutch opens at {opens} 1/min, expected above the idle of {idle} 1/min")
        });
    }
}

impl EngineParams {
    fn validate(&self, check: &mut Checker) {
        for (key, table) in [
            ("full_load_nm", &self.full_load_nm),
            ("drag_nm", &self.drag_nm),
            ("share_by_pedal", &self.share_by_pedal),
        ] {
            check.table(&format!("powertrain.engine.{key}"), table.iter().map(|row| row.as_slice()));
        }
        let mut within =
            |key: &str, value, low, high| check.within(&format!("powertrain.engine.{key}"), value, low, high);
        for row in &self.full_load_nm {
            within("full_load_nm", row[1], 0.0, 1e4);
        }
        for row in &self.drag_nm {
            within("drag_nm", row[1], 0.0, 1e3);
        }
        for row in &self.share_by_pedal {
            within("share_by_pedal", row[1], 0.0, 1.0);
        }
        within("inertia_kgm2", self.inertia_kgm2, 0.02, 10.0);
        within("idle_rpm", self.idle_rpm, 200.0, 3000.0);
        within("limit_rpm", self.limit_rpm, self.idle_rpm + 500.0, 20_000.0);
        within("lag_s", self.lag_s, 0.0, 5.0);
    }
}

impl ConverterParams {
    fn validate(&self, check: &mut Checker) {
        let map = "powertrain.converter.map";
        check.table(map, self.map.iter().map(|row| row.as_slice()));
        let ends = self.map.first().zip(self.map.last());
        check.that(
            ends.is_some_and(|(first, last)| first[0] == 0.0 && last[0] == 1.0 && last[2] == 0.0),
            map,
            || "expected speed ratios from 0 to 1 and no pump torque at 1".to_string(),
        );
        for row in &self.map {
            check.within(map, row[1], 0.5, 5.0);
            check.within(map, row[2], 0.0, 1e4);
        }
        // Torque ratio times speed ratio is the efficiency. It is a parabola between two rows.
        for pair in self.map.windows(2) {
            let [a, b] = [pair[0], pair[1]];
            let most = (0..=20)
                .map(|k| f64::from(k) / 20.0)
                .map(|x| (a[0] + x * (b[0] - a[0])) * (a[1] + x * (b[1] - a[1])))
                .fold(0.0, f64::max);
            check.that(most <= 1.0, map, || {
                format!("torque ratio times speed ratio reaches {most:.3} after the row of {}, expected at most 1", a[0])
            });
        }
        let lockup = "powertrain.converter.lockup_rpm_by_pedal";
        check.table(lockup, self.lockup_rpm_by_pedal.iter().map(|row| row.as_slice()));
        for row in &self.lockup_rpm_by_pedal {
            check.within(lockup, row[1], 300.0, 1e5);
        }
        let mut within = |key: &str, value, low, high| {
            check.within(&format!("powertrain.converter.{key}"), value, low, high);
        };
        within("overrun_share", self.overrun_share, 0.0, 2.0);
        within("turbine_inertia_kgm2", self.turbine_inertia_kgm2, 0.005, 5.0);
        within("lockup_hysteresis_rpm", self.lockup_hysteresis_rpm, 0.0, 2000.0);
        within("lockup_lowest_gear", f64::from(self.lockup_lowest_gear), 1.0, (MOST_GEARS + 1) as f64);
        within("lockup_capacity_nm", self.lockup_capacity_nm, 1.0, 1e5);
        within("lockup_time_s", self.lockup_time_s, 0.01, 5.0);
    }
}

impl GearboxParams {
    fn validate(&self, check: &mut Checker) {
        let key = |name: &str| format!("powertrain.gearbox.{name}");
        let gears = self.ratios.len();
        check.that((2..=MOST_GEARS).contains(&gears), &key("ratios"), || {
            format!("expected 2 to {MOST_GEARS} gears, got {gears}")
        });
        for ratio in &self.ratios {
            check.within(&key("ratios"), *ratio, 0.2, 20.0);
        }
        check.that(self.ratios.windows(2).all(|pair| pair[0] > pair[1]), &key("ratios"), || {
            "expected ratios that fall from gear to gear".to_string()
        });
        for (name, rows) in [("upshift_mps", &self.upshift_mps), ("downshift_mps", &self.downshift_mps)] {
            let complete = gears >= 2 && rows.iter().all(|row| row.len() == gears);
            check.that(complete, &key(name), || {
                format!("expected {gears} numbers in a row: the pedal and {} speeds", gears.saturating_sub(1))
            });
            if !complete {
                return;
            }
            check.table(&key(name), rows.iter().map(|row| row.as_slice()));
            for row in rows {
                for speed in row.iter().skip(1) {
                    check.within(&key(name), *speed, 0.0, 200.0);
                }
                let rising = row.iter().skip(1).zip(row.iter().skip(2)).all(|(a, b)| a < b);
                check.that(rising, &key(name), || {
                    format!("expected speeds that rise from gear to gear at a pedal of {} %", row[0])
                });
            }
        }
        // Both are linear between rows, so it is enough to look at every pedal that either names.
        for pedal in self.upshift_mps.iter().chain(&self.downshift_mps).filter_map(|row| row.first()) {
            for shift in 1..gears {
                let up = speed_at(&self.upshift_mps, *pedal, shift);
                let down = speed_at(&self.downshift_mps, *pedal, shift);
                check.that(down < up, &key("downshift_mps"), || {
                    format!(
                        "{}→{shift} at {down} m/s is not below {shift}→{} at {up} m/s (pedal {pedal} %)",
                        shift + 1,
                        shift + 1
                    )
                });
            }
        }
        let mut within = |name: &str, value, low, high| {
            check.within(&format!("powertrain.gearbox.{name}"), value, low, high)
        };
        within("reverse_ratio", self.reverse_ratio, 0.2, 20.0);
        within("final_drive", self.final_drive, 0.2, 20.0);
        within("efficiency", self.efficiency, 0.5, 1.0);
        within("output_inertia_kgm2", self.output_inertia_kgm2, 0.05, 50.0);
        within("shift_time_s", self.shift_time_s, 0.05, 3.0);
        within("engage_time_s", self.engage_time_s, 0.05, 3.0);
        within("shift_torque_cut", self.shift_torque_cut, 0.0, 1.0);
        within("least_hold_s", self.least_hold_s, 0.0, 10.0);
        within("low_top_gear", f64::from(self.low_top_gear), 1.0, gears as f64);
        within("engage_max_speed_mps", self.engage_max_speed_mps, 0.0, 20.0);
        within("max_wheel_torque_nm", self.max_wheel_torque_nm, 1.0, 1e6);
    }
}

/// Speed of column `shift` of a schedule at `pedal`, linear between rows, constant beyond.
pub(crate) fn speed_at(rows: &[Vec<f64>], pedal: f64, shift: usize) -> f64 {
    let value = |row: &[f64]| row.get(shift).copied().unwrap_or(0.0);
    let upper = rows.iter().position(|row| row[0] >= pedal).unwrap_or(rows.len());
    let (Some(below), Some(above)) = (upper.checked_sub(1).map(|at| &rows[at]), rows.get(upper)) else {
        return rows.get(upper.min(rows.len().saturating_sub(1))).map_or(0.0, |row| value(row));
    };
    value(below) + (value(above) - value(below)) * (pedal - below[0]) / (above[0] - below[0])
}
