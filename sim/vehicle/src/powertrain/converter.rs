//! Torque converter: pump and turbine torque by their speeds.

use super::params::ConverterParams;
use crate::table::Table;

/// Speed of the pump, rad/s, below which the speed ratio is taken as at this speed: nothing is divided by zero.
const LEAST_SPEED_RPS: f64 = 1.0;
/// Speed at which the map gives the pump torque, rad/s (2000 1/min).
const MAP_SPEED_RPS: f64 = 2000.0 * std::f64::consts::PI / 30.0;

#[derive(Clone, Debug)]
pub(crate) struct Converter {
    /// Pump torque over the square of the pump's speed, Nm s², by speed ratio.
    capacity: Table,
    torque_ratio: Table,
    overrun_share: f64,
}

/// Torques at given speeds, and how they change with the speeds of pump and turbine.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Hydraulic {
    /// Torque that the pump takes from the engine, Nm, and its slopes, N m s.
    pub(crate) pump_nm: f64,
    pub(crate) pump_slope: [f64; 2],
    /// Torque that the turbine gives to the gearbox, Nm, and its slopes, N m s.
    pub(crate) turbine_nm: f64,
    pub(crate) turbine_slope: [f64; 2],
}

impl Converter {
    pub(crate) fn new(params: &ConverterParams) -> Self {
        let square = MAP_SPEED_RPS * MAP_SPEED_RPS;
        Converter {
            capacity: Table::new(params.map.iter().map(|row| [row[0], row[2] / square])),
            torque_ratio: Table::new(params.map.iter().map(|row| [row[0], row[1]])),
            overrun_share: params.overrun_share,
        }
    }

    /// M_P = ρ(ν) ω_P², M_T = μ(ν) M_P with the speed ratio ν = ω_T/ω_P up to 1; a turbine that is faster drives
    /// the pump as a coupling, M_T = M_P = −s ρ(1/ν) ω_T². A turbine that turns backward meets the stall values.
    pub(crate) fn torques(&self, pump_rps: f64, turbine_rps: f64) -> Hydraulic {
        let pump = pump_rps.max(LEAST_SPEED_RPS);
        if turbine_rps <= pump {
            let ratio = turbine_rps / pump;
            let [capacity, fall] = self.capacity.with_slope_at(ratio);
            let [gain, gain_slope] = self.torque_ratio.with_slope_at(ratio);
            let pump_nm = capacity * pump * pump;
            let pump_slope = [2.0 * capacity * pump - fall * turbine_rps, fall * pump];
            let gain_slopes = [-gain_slope * ratio / pump, gain_slope / pump];
            Hydraulic {
                pump_nm,
                pump_slope,
                turbine_nm: gain * pump_nm,
                turbine_slope: [0, 1].map(|by| gain * pump_slope[by] + gain_slopes[by] * pump_nm),
            }
        } else {
            let ratio = pump / turbine_rps;
            let [capacity, fall] = self.capacity.with_slope_at(ratio).map(|value| self.overrun_share * value);
            let torque = -capacity * turbine_rps * turbine_rps;
            let slope = [-fall * turbine_rps, fall * pump - 2.0 * capacity * turbine_rps];
            Hydraulic { pump_nm: torque, pump_slope: slope, turbine_nm: torque, turbine_slope: slope }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converter() -> Converter {
        Converter::new(&ConverterParams {
            map: vec![[0.0, 2.0, 200.0], [0.8, 1.1, 150.0], [0.88, 1.0, 120.0], [1.0, 1.0, 0.0]],
            overrun_share: 0.7,
            turbine_inertia_kgm2: 0.05,
            lockup_rpm_by_pedal: vec![[0.0, 1500.0], [100.0, 3000.0]],
            lockup_hysteresis_rpm: 150.0,
            lockup_lowest_gear: 3,
            lockup_capacity_nm: 500.0,
            lockup_time_s: 0.3,
        })
    }

    #[test]
    fn the_converter_never_makes_power_and_has_no_torque_at_equal_speeds() {
        let converter = converter();
        for pump in [0.0, 0.1, 30.0, 100.0, 600.0] {
            for k in -300..=300 {
                let turbine = 3.0 * f64::from(k);
                let flow = converter.torques(pump, turbine);
                let loss = flow.pump_nm * pump - flow.turbine_nm * turbine;
                assert!(loss >= -1e-9 - 1e-2 * f64::from(pump < 1.0), "{pump} {turbine}: {loss} W");
            }
            if pump >= 1.0 {
                assert_eq!(converter.torques(pump, pump).pump_nm, 0.0);
            }
        }
    }

    #[test]
    fn its_slopes_are_those_of_its_torques() {
        let converter = converter();
        for (pump, turbine) in [(200.0, 5.0), (200.0, 90.0), (200.0, 190.0), (200.0, 260.0), (90.0, -50.0)] {
            let (at, h) = (converter.torques(pump, turbine), 1e-5);
            for (by, other) in [converter.torques(pump + h, turbine), converter.torques(pump, turbine + h)]
                .iter()
                .enumerate()
            {
                let pump_slope = (other.pump_nm - at.pump_nm) / h;
                let turbine_slope = (other.turbine_nm - at.turbine_nm) / h;
                assert!((pump_slope - at.pump_slope[by]).abs() < 1e-4, "{pump} {turbine} {by}");
                assert!((turbine_slope - at.turbine_slope[by]).abs() < 1e-4, "{pump} {turbine} {by}");
            }
        }
    }
}
