//! Engine, torque converter with lock-up clutch, stepped gearbox, half shafts.
//!
//! Three inertias turn: engine with pump (ω_E), turbine (ω_T) and differential (ω_D), the last one joined to the
//! wheels by elastic half shafts. Sources: [M] Mitschke/Wallentowitz, *Dynamik der Kraftfahrzeuge*, ch. 4;
//! [K] Kiencke/Nielsen, *Automotive Control Systems*, ch. 8.
//!
//! ```text
//! J_E ω̇_E = M_E − M_L − M_P(ω_E, ω_T)           M_P, M_T: converter; M_L: lock-up clutch
//! J_T ω̇_T = M_T + M_L − M_G                      M_G: torque into the gears
//! J_D ω̇_D = Σ i f M_clutch − M_S                 f: losses of the gears
//! M_S = k φ + c (ω_D − ω_W),  φ̇ = ω_D − ω_W      ω_W: mean of the front wheels
//! ```
//!
//! A gear that holds joins turbine and differential (ω_T = i ω_D), a closed lock-up clutch engine and turbine:
//! their ratios are exact, and the engine's inertia acts on the wheels through the shafts. Slipping clutches
//! are Coulomb torques that catch when their slip passes zero, as impact without loss of momentum. Converter and shafts are
//! implicit in their own speeds (one linear solution of two equations), so a stiff coupling near ν = 1 is stable
//! at any step, and at rest nothing moves.

use super::converter::{Converter, Hydraulic};
use super::params::AutomaticParams;
use super::schedule::{Schedule, ShiftLines};
use crate::brakes::lag_step;
use crate::delay::DelayLine;
use crate::interface::Gear;
use crate::table::Table;

/// 1/min in rad/s.
const RPM: f64 = std::f64::consts::PI / 30.0;
/// Idle governor, over the engine's inertia: torque per speed error, 1/s, and per its integral, 1/s².
const GOVERNOR_PER_S: f64 = 14.0;
const GOVERNOR_PER_S2: f64 = 20.0;
/// Speed above idle up to which the governor learns the torque that idling takes, rad/s.
const GOVERNOR_BAND_RPS: f64 = 15.0;
/// Share of the pedal below which the foot counts as off it.
const IDLE_SHARE: f64 = 0.005;
/// Band above the limit in which the fuel fades out, rad/s.
const LIMIT_BAND_RPS: f64 = 10.0;
/// Turbine speed and torque within which the losses of the gears change their direction, rad/s and Nm.
const LOSS_BAND_RPS: f64 = 5.0;
const LOSS_BAND_NM: f64 = 10.0;
/// Share of the shift time for the hand-over of the torque; the rest brings the engine to its new speed.
const HAND_OVER_SHARE: f64 = 0.35;
/// Least torque that a shift works with, Nm.
const LEAST_CLUTCH_NM: f64 = 30.0;
/// Slip over which an opening clutch takes back its direction, rad/s.
const OPENING_BAND_RPS: f64 = 5.0;
/// Share of the transmitted torque that a clutch opening under power keeps until the engine is up.
const KEPT_SHARE: f64 = 0.5;
/// Share of the shift time after which the lower gear pulls the engine up, if it is still not there.
const PATIENCE_SHARE: f64 = 0.7;
/// A downshift with the pedal of the upshift before it, within this, is hunting (on a hill): the next upshift waits
/// for another pedal or for so many times its speed.
const HUNTING_PCT: f64 = 5.0;
const HUNTING_RELUCTANCE: f64 = 1.3;
/// Share of the engine's limit at which a direction is still engaged.
const ENGAGE_LIMIT_SHARE: f64 = 0.95;

#[derive(Clone, Debug)]
pub(crate) struct Automatic {
    dt_s: f64,
    radius_m: f64,
    dead_steps: usize,
    lag_step: f64,
    full_load: Table,
    drag: Table,
    share: Table,
    engine_inertia: f64,
    idle_rps: f64,
    limit_rps: f64,
    converter: Converter,
    turbine_inertia: f64,
    lockup_rpm: Table,
    lockup_hysteresis_rps: f64,
    lockup_lowest_gear: i8,
    lockup_capacity_nm: f64,
    lockup_per_step_nm: f64,
    schedule: Schedule,
    /// Turbine speed over differential speed: reverse (negative), none, first, second, …
    overall: Vec<f64>,
    loss_share: f64,
    output_inertia: f64,
    shift_time_s: f64,
    engage_time_s: f64,
    shift_torque_cut: f64,
    least_hold_s: f64,
    engage_max_speed_mps: f64,
    max_wheel_torque_nm: f64,
    shaft_nmprad: f64,
    shaft_nmsprad: f64,
}

/// What joins the turbine to the differential.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Gearing {
    /// Nothing.
    Open,
    /// A gear: −1 reverse, from 1 forward.
    Engaged(i8),
    /// One gear hands over to another, or to the first engagement.
    Shifting(Shift),
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Shift {
    /// Gear that lets go; 0 none.
    from: i8,
    to: i8,
    /// The gear that lets go still holds.
    held: bool,
    /// Time since the start, or since it let go, s.
    phase_s: f64,
    /// Torque handed over, Nm.
    level_nm: f64,
    /// Torque that brings engine and turbine to their new speed in time, Nm.
    sync_nm: f64,
    /// The engine drives.
    driving: bool,
}

/// State of the lock-up clutch of a torque converter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LockUp {
    /// No torque.
    #[default]
    Open,
    /// Closing, or overloaded: friction torque.
    Slipping,
    /// Engine and turbine turn as one.
    Locked,
}

/// What engine, converter and gearbox of a stepped automatic do; torques and powers are those of the last step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Driveline {
    /// Engine speed, 1/min.
    pub engine_rpm: f64,
    /// Torque of the engine at the crankshaft, Nm.
    pub engine_torque_nm: f64,
    /// Turbine speed, 1/min.
    pub turbine_rpm: f64,
    /// Torque of converter and lock-up clutch on the gearbox input, Nm.
    pub turbine_torque_nm: f64,
    /// Gear: −1 reverse, 0 none, from 1 forward; during a shift the one that comes.
    pub gear: i8,
    /// A shift is under way.
    pub shifting: bool,
    /// Lock-up clutch.
    pub lockup: LockUp,
    /// Turbine speed over differential speed of the gear, final drive included, 0 with none.
    pub overall_ratio: f64,
    /// Power of the engine, W.
    pub engine_w: f64,
    /// Loss of converter and lock-up clutch, W.
    pub converter_loss_w: f64,
    /// Loss of the gears and of the clutches of a shift, W.
    pub gear_loss_w: f64,
    /// Loss in the half shafts, W.
    pub shaft_loss_w: f64,
    /// Kinetic energy of engine, turbine and differential, and energy of the twisted shafts, J.
    pub stored_j: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AutomaticState {
    pedal: DelayLine,
    /// Pedal position that the engine sees, %.
    pub(crate) pedal_pct: f64,
    /// What the pedal asks for: share of the engine's range, shift speeds, turbine speed for the lock-up.
    asked_share: f64,
    lines: ShiftLines,
    lockup_rps: f64,
    /// Share that the engine gives, after the lag.
    share: f64,
    /// Torque above drag that idling takes, as the governor has learned it, Nm.
    governor_nm: f64,
    engine_rps: f64,
    turbine_rps: f64,
    output_rps: f64,
    twist_rad: f64,
    gearing: Gearing,
    since_shift_s: f64,
    /// Pedal at the last upshift, and at the downshift that took it back, %.
    upshift_pct: f64,
    hunting_pct: Option<f64>,
    lockup: LockUp,
    lockup_nm: f64,
    /// Torque into the gears, Nm.
    input_nm: f64,
    /// Drive force at the tyres, N, positive forward.
    pub(crate) force_n: f64,
    flows: Flows,
}

/// Torques and powers of the last step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Flows {
    engine_nm: f64,
    turbine_nm: f64,
    engine_w: f64,
    converter_loss_w: f64,
    gear_loss_w: f64,
    shaft_loss_w: f64,
}

/// The turbine with all that turns with it: inertia and momentum, torque at rest of the step, damping.
#[derive(Clone, Copy)]
struct Node {
    inertia: f64,
    momentum: f64,
    push_nm: f64,
    damping: f64,
}

/// Half shafts in one step: M_S = pull + damping·ω_D⁺.
#[derive(Clone, Copy)]
struct Shafts {
    pull_nm: f64,
    damping: f64,
}

/// Speeds at the end of a step and the torques that led there.
#[derive(Clone, Copy)]
struct Coupled {
    engine_rps: f64,
    turbine_rps: f64,
    pump_nm: f64,
    turbine_nm: f64,
    lockup_nm: f64,
    lockup: LockUp,
}

impl AutomaticState {
    /// Engine speed, 1/min.
    pub(crate) fn engine_rpm(&self) -> f64 {
        self.engine_rps / RPM
    }
}

impl Automatic {
    pub(crate) fn new(params: &AutomaticParams, radius_m: f64, dt_s: f64) -> Self {
        let (engine, converter, gearbox) = (&params.engine, &params.converter, &params.gearbox);
        let by_speed = |table: &[[f64; 2]]| Table::new(table.iter().map(|row| [row[0] * RPM, row[1]]));
        let limit_rps = engine.limit_rpm * RPM;
        let forward = gearbox.ratios.iter().map(|ratio| ratio * gearbox.final_drive);
        Automatic {
            dt_s,
            radius_m,
            dead_steps: (params.dead_time_s / dt_s).round() as usize,
            lag_step: lag_step(engine.lag_s, dt_s),
            full_load: by_speed(&engine.full_load_nm),
            drag: by_speed(&engine.drag_nm),
            share: Table::new(engine.share_by_pedal.iter().copied()),
            engine_inertia: engine.inertia_kgm2,
            idle_rps: engine.idle_rpm * RPM,
            limit_rps,
            converter: Converter::new(converter),
            turbine_inertia: converter.turbine_inertia_kgm2,
            lockup_rpm: Table::new(converter.lockup_rpm_by_pedal.iter().copied()),
            lockup_hysteresis_rps: converter.lockup_hysteresis_rpm * RPM,
            lockup_lowest_gear: converter.lockup_lowest_gear as i8,
            lockup_capacity_nm: converter.lockup_capacity_nm,
            lockup_per_step_nm: converter.lockup_capacity_nm * dt_s / converter.lockup_time_s,
            schedule: Schedule::new(gearbox, limit_rps),
            overall: [-gearbox.reverse_ratio * gearbox.final_drive, 0.0].into_iter().chain(forward).collect(),
            loss_share: 1.0 - gearbox.efficiency,
            output_inertia: gearbox.output_inertia_kgm2,
            shift_time_s: gearbox.shift_time_s,
            engage_time_s: gearbox.engage_time_s,
            shift_torque_cut: gearbox.shift_torque_cut,
            least_hold_s: gearbox.least_hold_s,
            engage_max_speed_mps: gearbox.engage_max_speed_mps,
            max_wheel_torque_nm: gearbox.max_wheel_torque_nm,
            shaft_nmprad: params.shaft_stiffness_nmprad,
            shaft_nmsprad: params.shaft_damping_nmsprad,
        }
    }

    /// Turbine speed over differential speed of a gear.
    fn ratio(&self, gear: i8) -> f64 {
        self.overall[usize::from((gear + 1).unsigned_abs())]
    }

    pub(crate) fn settled(&self, pedal_pct: f64, selector: Gear, speed_mps: f64) -> AutomaticState {
        let output_rps = speed_mps / self.radius_m;
        let share = self.share.at(pedal_pct);
        let lines = self.schedule.lines(pedal_pct);
        let lockup_rps = self.lockup_rpm.at(pedal_pct) * RPM;
        let gear = match selector {
            Gear::Park | Gear::Neutral => 0,
            Gear::Reverse if self.may_engage(-1, output_rps) => -1,
            Gear::Reverse => 0,
            Gear::Drive | Gear::Low => {
                let low = selector == Gear::Low;
                let first = self.schedule.first(&lines, low, speed_mps, output_rps) as i8;
                if self.may_engage(first, output_rps) { first } else { 0 }
            }
        };
        let ratio = self.ratio(gear);
        let locked = gear >= self.lockup_lowest_gear && ratio * output_rps > lockup_rps;
        // Engine speed at which the engine balances the pump, and the governor's share in it.
        let [mut low_rps, mut high_rps] = [self.idle_rps, self.limit_rps];
        let drives_nm = |rps: f64| share * (self.full_load.at(rps) + self.drag.at(rps)) - self.drag.at(rps);
        let pumped_nm = |rps: f64| match gear {
            0 => 0.0,
            _ => self.converter.torques(rps, ratio * output_rps).pump_nm,
        };
        if drives_nm(low_rps) > pumped_nm(low_rps) {
            for _ in 0..50 {
                let middle = 0.5 * (low_rps + high_rps);
                let surplus = drives_nm(middle) > pumped_nm(middle);
                if surplus { low_rps = middle } else { high_rps = middle }
            }
        }
        let engine_rps = if locked { ratio * output_rps } else { low_rps };
        let turbine_rps = if gear == 0 { engine_rps } else { ratio * output_rps };
        let turbine_nm = match (gear, locked) {
            (0, _) => 0.0,
            (_, true) => drives_nm(engine_rps),
            (_, false) => self.converter.torques(engine_rps, turbine_rps).turbine_nm,
        };
        let mut state = AutomaticState {
            pedal: DelayLine::filled(pedal_pct, self.dead_steps),
            pedal_pct,
            asked_share: share,
            lines,
            lockup_rps,
            share,
            governor_nm: (pumped_nm(self.idle_rps) + self.drag.at(self.idle_rps)).max(0.0),
            engine_rps,
            turbine_rps,
            output_rps,
            twist_rad: 0.0,
            gearing: if gear == 0 { Gearing::Open } else { Gearing::Engaged(gear) },
            since_shift_s: self.least_hold_s,
            upshift_pct: pedal_pct,
            hunting_pct: None,
            lockup: if locked { LockUp::Locked } else { LockUp::Open },
            lockup_nm: if locked { self.lockup_capacity_nm } else { 0.0 },
            input_nm: turbine_nm,
            force_n: 0.0,
            flows: Flows::default(),
        };
        let shaft_nm = ratio * self.left_by_losses(&state) * turbine_nm;
        state.twist_rad = shaft_nm / self.shaft_nmprad;
        state.force_n = shaft_nm / self.radius_m;
        state
    }

    /// One step. `speed_mps` is the mean rolling speed of the driven wheels.
    pub(crate) fn advance(
        &self,
        state: &mut AutomaticState,
        pedal_pct: f64,
        selector: Gear,
        speed_mps: f64,
        drive_share: f64,
    ) {
        let pedal_pct = state.pedal.push(pedal_pct);
        if pedal_pct != state.pedal_pct {
            state.pedal_pct = pedal_pct;
            state.asked_share = self.share.at(pedal_pct);
            state.lines = self.schedule.lines(pedal_pct);
            state.lockup_rps = self.lockup_rpm.at(pedal_pct) * RPM;
        }
        state.share += self.lag_step * (state.asked_share - state.share);
        self.select(state, selector);
        self.close_lockup(state);
        self.turn(state, speed_mps / self.radius_m, drive_share);
    }

    /// Starts and ends gears as selector and schedule want.
    fn select(&self, state: &mut AutomaticState, selector: Gear) {
        let direction = match selector {
            Gear::Park | Gear::Neutral => {
                state.gearing = Gearing::Open;
                return;
            }
            Gear::Reverse => -1,
            Gear::Drive | Gear::Low => 1,
        };
        let low = selector == Gear::Low;
        let speed_mps = state.output_rps * self.radius_m;
        state.since_shift_s += self.dt_s;
        match state.gearing {
            Gearing::Engaged(gear) | Gearing::Shifting(Shift { to: gear, .. }) if gear * direction < 0 => {
                state.gearing = Gearing::Open;
            }
            Gearing::Open => {
                let gear = if direction > 0 {
                    self.schedule.first(&state.lines, low, speed_mps, state.output_rps) as i8
                } else {
                    -1
                };
                if self.may_engage(gear, state.output_rps) {
                    self.start_shift(state, 0, gear);
                }
            }
            Gearing::Engaged(gear) if gear > 0 && state.since_shift_s >= self.least_hold_s => {
                let at = gear.unsigned_abs().into();
                if state.hunting_pct.is_some_and(|pct| (state.pedal_pct - pct).abs() > HUNTING_PCT) {
                    state.hunting_pct = None;
                }
                let reluctance = if state.hunting_pct.is_some() { HUNTING_RELUCTANCE } else { 1.0 };
                let motion = [speed_mps, state.output_rps];
                let wanted = self.schedule.wanted(&state.lines, at, low, reluctance, motion) as i8;
                if wanted > gear {
                    state.upshift_pct = state.pedal_pct;
                } else if wanted < gear && (state.pedal_pct - state.upshift_pct).abs() < HUNTING_PCT {
                    state.hunting_pct = Some(state.pedal_pct);
                }
                if wanted != gear {
                    self.start_shift(state, gear, wanted);
                }
            }
            Gearing::Engaged(_) | Gearing::Shifting(_) => {}
        }
    }

    /// Not against fast motion the other way, and not beyond the engine's limit.
    fn may_engage(&self, gear: i8, output_rps: f64) -> bool {
        let turbine_rps = self.ratio(gear) * output_rps;
        let along_mps = output_rps * self.radius_m * f64::from(gear.signum());
        along_mps >= -self.engage_max_speed_mps && turbine_rps <= ENGAGE_LIMIT_SHARE * self.limit_rps
    }

    fn start_shift(&self, state: &mut AutomaticState, from: i8, to: i8) {
        let slip_rps = (state.turbine_rps - self.ratio(to) * state.output_rps).abs();
        let time_s = if from == 0 { self.engage_time_s } else { (1.0 - HAND_OVER_SHARE) * self.shift_time_s };
        state.gearing = Gearing::Shifting(Shift {
            from,
            to,
            held: from != 0,
            phase_s: 0.0,
            level_nm: state.input_nm.abs().max(LEAST_CLUTCH_NM),
            sync_nm: (self.engine_inertia + self.turbine_inertia) * slip_rps / time_s,
            driving: state.input_nm > LEAST_CLUTCH_NM,
        });
        state.since_shift_s = 0.0;
    }

    /// Torque capacities of the clutch that comes and of the one that goes.
    fn capacities_nm(&self, shift: &Shift) -> [f64; 2] {
        let hand_over_s = HAND_OVER_SHARE * self.shift_time_s;
        let sync_s = self.shift_time_s - hand_over_s;
        let upward = shift.to > shift.from;
        if shift.from == 0 {
            // A ramp that stops the turbine in time and goes on until it holds.
            return [2.0 * (shift.sync_nm + LEAST_CLUTCH_NM) * shift.phase_s / self.engage_time_s, 0.0];
        }
        let x = shift.phase_s / if shift.held { hand_over_s } else { sync_s };
        match (upward, shift.held) {
            // The coming clutch takes the torque until the freewheel of the lower gear has none.
            (true, true) => [shift.level_nm * x, f64::INFINITY],
            // It brings the engine down, harder if that takes too long.
            (true, false) => {
                let cut_nm = if shift.driving { self.shift_torque_cut * shift.level_nm } else { 0.0 };
                let sync_nm = (shift.sync_nm - cut_nm).max(0.2 * shift.sync_nm);
                [
                    shift.level_nm * (1.0 + (x - 1.0).max(0.0))
                        + sync_nm * (4.0 * x).min(1.0 + (x - 1.0).max(0.0)),
                    0.0,
                ]
            }
            (false, true) => [0.0, shift.level_nm * (1.2 - x).max(0.0)],
            // The engine revs up by itself; the lower gear pulls it up if that takes too long.
            (false, false) => {
                let kept = if shift.driving { KEPT_SHARE } else { 0.0 };
                let pull = 2.0 * (x - PATIENCE_SHARE).max(0.0);
                [(shift.level_nm + shift.sync_nm) * pull, kept * shift.level_nm * (1.0 - x).max(0.0)]
            }
        }
    }

    /// Closes and opens the lock-up clutch.
    fn close_lockup(&self, state: &mut AutomaticState) {
        let least_rps = match state.lockup {
            LockUp::Open => state.lockup_rps,
            LockUp::Slipping | LockUp::Locked => state.lockup_rps - self.lockup_hysteresis_rps,
        };
        match state.gearing {
            Gearing::Engaged(gear) if gear >= self.lockup_lowest_gear && state.turbine_rps > least_rps => {
                state.lockup_nm = (state.lockup_nm + self.lockup_per_step_nm).min(self.lockup_capacity_nm);
                if state.lockup == LockUp::Open {
                    state.lockup = LockUp::Slipping;
                }
            }
            _ => {
                state.lockup = LockUp::Open;
                state.lockup_nm = 0.0;
            }
        }
    }

    /// Torque of the engine at the crankshaft, Nm, with the gearbox at `ratio` (0 open) and the converter
    /// multiplying the torque by `gain`; traction control leaves `drive_share` of what the pedal asks for.
    fn engine_nm(&self, state: &mut AutomaticState, ratio: f64, gain: f64, drive_share: f64) -> f64 {
        let speed_rps = state.engine_rps;
        let drag_nm = self.drag.at(speed_rps);
        let range_nm = self.full_load.at(speed_rps) + drag_nm;
        // The governor learns while the foot is off the pedal; what it gives for idling the pedal adds to.
        let error_rps = self.idle_rps - speed_rps;
        if error_rps > 0.0 || (state.asked_share < IDLE_SHARE && error_rps > -GOVERNOR_BAND_RPS) {
            let learned = state.governor_nm + self.dt_s * GOVERNOR_PER_S2 * self.engine_inertia * error_rps;
            state.governor_nm = learned.clamp(0.0, range_nm);
        }
        let governed_nm = state.governor_nm + GOVERNOR_PER_S * self.engine_inertia * error_rps;
        let governed_nm = governed_nm.clamp(0.0, range_nm);
        let mut asked_nm = governed_nm + drive_share * state.share * (range_nm - governed_nm);
        if ratio != 0.0 {
            asked_nm = asked_nm.min(self.max_wheel_torque_nm / (ratio.abs() * gain) + drag_nm);
        }
        if let Gearing::Shifting(Shift { held: false, driving, sync_nm, from, to, .. }) = state.gearing
            && from > 0
        {
            if driving && to > from {
                asked_nm *= 1.0 - self.shift_torque_cut;
            } else if !driving && to < from && speed_rps < self.ratio(to) * state.output_rps {
                // A lower gear without power: the engine revs up to it by itself, not by the wheels.
                asked_nm = asked_nm.max(sync_nm + drag_nm).min(range_nm);
            }
        }
        let fuel = ((self.limit_rps + LIMIT_BAND_RPS - speed_rps) / LIMIT_BAND_RPS).clamp(0.0, 1.0);
        asked_nm * fuel - drag_nm
    }

    /// Share f of the torque that the gears leave: the efficiency under drive, more than one when the wheels
    /// drive; at rest nothing is lost, so that holding and creeping do not chatter.
    fn left_by_losses(&self, state: &AutomaticState) -> f64 {
        let speed = (state.turbine_rps / LOSS_BAND_RPS).clamp(-1.0, 1.0);
        let torque = (state.input_nm / LOSS_BAND_NM).clamp(-1.0, 1.0);
        1.0 - self.loss_share * speed * torque
    }

    /// Turns engine, turbine and differential by one step against wheels at `wheel_rps`.
    fn turn(&self, state: &mut AutomaticState, wheel_rps: f64, drive_share: f64) {
        let dt = self.dt_s;
        let (engine, turbine, output) = (state.engine_rps, state.turbine_rps, state.output_rps);
        let hydraulic = match state.lockup {
            LockUp::Locked => Hydraulic::default(),
            LockUp::Open | LockUp::Slipping => self.converter.torques(engine, turbine),
        };
        let holding = match state.gearing {
            Gearing::Open => 0,
            Gearing::Engaged(gear) => gear,
            Gearing::Shifting(shift) => {
                if shift.from == 0 {
                    shift.to
                } else {
                    shift.from
                }
            }
        };
        let gain = if hydraulic.pump_nm > 1.0 { hydraulic.turbine_nm / hydraulic.pump_nm } else { 1.0 };
        let engine_nm = self.engine_nm(state, self.ratio(holding), gain, drive_share);

        let damping = self.shaft_nmprad * dt + self.shaft_nmsprad;
        let shafts = Shafts { pull_nm: self.shaft_nmprad * state.twist_rad - damping * wheel_rps, damping };
        let left = self.left_by_losses(state);
        let free = Node {
            inertia: self.turbine_inertia,
            momentum: self.turbine_inertia * turbine,
            push_nm: 0.0,
            damping: 0.0,
        };
        // The turbine with a gear that holds, and another clutch that takes `coming_nm` at `coming_ratio`.
        let held = |ratio: f64, coming_nm: f64, coming_ratio: f64| {
            let by = 1.0 / (ratio * left);
            let inertia = self.output_inertia * by;
            Node {
                inertia: self.turbine_inertia + inertia / ratio,
                momentum: self.turbine_inertia * turbine + inertia * output,
                push_nm: by * (left * coming_ratio * coming_nm - shafts.pull_nm) - coming_nm,
                damping: by * shafts.damping / ratio,
            }
        };
        let spin_output = |clutches_nm: f64| {
            (self.output_inertia * output + dt * (clutches_nm - shafts.pull_nm))
                / (self.output_inertia + dt * shafts.damping)
        };

        let (coupled, new_output) = match &mut state.gearing {
            Gearing::Open => (
                self.couple(state.lockup, state.lockup_nm, engine, turbine, engine_nm, &hydraulic, &free),
                spin_output(0.0),
            ),
            Gearing::Engaged(gear) => {
                let ratio = self.ratio(*gear);
                let node = held(ratio, 0.0, 0.0);
                let coupled =
                    self.couple(state.lockup, state.lockup_nm, engine, turbine, engine_nm, &hydraulic, &node);
                (coupled, coupled.turbine_rps / ratio)
            }
            Gearing::Shifting(shift) => {
                shift.phase_s += dt;
                let [coming_nm, going_nm] = self.capacities_nm(shift);
                let [from, to] = [shift.from, shift.to].map(|gear| self.ratio(gear));
                let slip = turbine - to * output;
                let coming_nm = coming_nm * slip.signum();
                let couple = |node: &Node| {
                    self.couple(LockUp::Open, 0.0, engine, turbine, engine_nm, &hydraulic, node)
                };
                if shift.held {
                    let coupled = couple(&held(from, coming_nm, to));
                    let input_nm = self.input_nm(&coupled, turbine);
                    let going = input_nm - coming_nm;
                    let lets_go = if shift.to > shift.from { going <= 0.0 } else { going.abs() > going_nm };
                    if lets_go {
                        shift.level_nm = if shift.to > shift.from { coming_nm.abs() } else { shift.level_nm };
                        (shift.held, shift.phase_s) = (false, 0.0);
                    }
                    (coupled, coupled.turbine_rps / from)
                } else {
                    let back = ((turbine - from * output) / OPENING_BAND_RPS).clamp(-1.0, 1.0);
                    let going_nm = if shift.from == 0 { 0.0 } else { going_nm * back };
                    let coupled = couple(&Node { push_nm: -coming_nm - going_nm, ..free });
                    let new_output = spin_output(left * (to * coming_nm + from * going_nm));
                    let new_slip = coupled.turbine_rps - to * new_output;
                    if slip * new_slip <= 0.0 {
                        // The coming clutch catches.
                        state.gearing = Gearing::Engaged(shift.to);
                        state.since_shift_s = 0.0;
                        let coupled = couple(&held(to, 0.0, 0.0));
                        (coupled, coupled.turbine_rps / to)
                    } else {
                        (coupled, new_output)
                    }
                }
            }
        };

        let shaft_nm = shafts.pull_nm + shafts.damping * new_output;
        let input_nm = self.input_nm(&coupled, turbine);
        let middle = |before: f64, after: f64| 0.5 * (before + after);
        let [engine_mid, turbine_mid] =
            [middle(engine, coupled.engine_rps), middle(turbine, coupled.turbine_rps)];
        let output_nm = self.output_inertia * (new_output - output) / dt + shaft_nm;
        let twisting = new_output - wheel_rps;
        state.flows = Flows {
            engine_nm,
            turbine_nm: coupled.turbine_nm + coupled.lockup_nm,
            engine_w: engine_nm * engine_mid,
            converter_loss_w: coupled.pump_nm * engine_mid - coupled.turbine_nm * turbine_mid
                + coupled.lockup_nm * (engine_mid - turbine_mid),
            gear_loss_w: input_nm * turbine_mid - output_nm * middle(output, new_output),
            shaft_loss_w: (shaft_nm - self.shaft_nmprad * (state.twist_rad + 0.5 * dt * twisting)) * twisting,
        };
        state.lockup = coupled.lockup;
        state.input_nm = input_nm;
        state.engine_rps = coupled.engine_rps;
        state.turbine_rps = coupled.turbine_rps;
        state.output_rps = new_output;
        state.twist_rad += dt * twisting;
        state.force_n = shaft_nm / self.radius_m;
    }

    /// Torque that the gears take from the turbine, Nm.
    fn input_nm(&self, coupled: &Coupled, turbine_rps: f64) -> f64 {
        let accelerating = self.turbine_inertia * (coupled.turbine_rps - turbine_rps) / self.dt_s;
        coupled.turbine_nm + coupled.lockup_nm - accelerating
    }

    /// Engine and turbine node coupled by the converter and by the lock-up clutch with capacity `lockup_nm`.
    #[allow(clippy::too_many_arguments, reason = "one step of one equation system")]
    fn couple(
        &self,
        lockup: LockUp,
        lockup_nm: f64,
        engine: f64,
        turbine: f64,
        engine_nm: f64,
        hydraulic: &Hydraulic,
        node: &Node,
    ) -> Coupled {
        let (dt, inertia) = (self.dt_s, self.engine_inertia);
        let as_one = || {
            let speed = (inertia * engine + node.momentum + dt * (engine_nm + node.push_nm))
                / (inertia + node.inertia + dt * node.damping);
            let carried_nm = engine_nm - inertia * (speed - engine) / dt;
            Coupled {
                engine_rps: speed,
                turbine_rps: speed,
                pump_nm: 0.0,
                turbine_nm: 0.0,
                lockup_nm: carried_nm,
                lockup: if carried_nm.abs() > lockup_nm { LockUp::Slipping } else { LockUp::Locked },
            }
        };
        if lockup == LockUp::Locked {
            return as_one();
        }
        let slip = engine - turbine;
        let friction_nm = if lockup == LockUp::Slipping { lockup_nm * slip.signum() } else { 0.0 };
        let [pump_e, pump_t] = hydraulic.pump_slope;
        let [turbine_e, turbine_t] = hydraulic.turbine_slope;
        let (a11, a12) = (inertia + dt * pump_e, dt * pump_t);
        let (a21, a22) = (-dt * turbine_e, node.inertia + dt * (node.damping - turbine_t));
        let (pump_0, turbine_0) = (
            hydraulic.pump_nm - pump_e * engine - pump_t * turbine,
            hydraulic.turbine_nm - turbine_e * engine - turbine_t * turbine,
        );
        let b1 = inertia * engine + dt * (engine_nm - friction_nm - pump_0);
        let b2 = node.momentum + dt * (node.push_nm + friction_nm + turbine_0);
        let determinant = a11 * a22 - a12 * a21;
        let engine_rps = (b1 * a22 - a12 * b2) / determinant;
        let turbine_rps = (a11 * b2 - a21 * b1) / determinant;
        if lockup == LockUp::Slipping && slip * (engine_rps - turbine_rps) <= 0.0 {
            return Coupled { lockup: LockUp::Locked, ..as_one() };
        }
        Coupled {
            engine_rps,
            turbine_rps,
            pump_nm: pump_0 + pump_e * engine_rps + pump_t * turbine_rps,
            turbine_nm: turbine_0 + turbine_e * engine_rps + turbine_t * turbine_rps,
            lockup_nm: friction_nm,
            lockup,
        }
    }

    pub(crate) fn driveline(&self, state: &AutomaticState) -> Driveline {
        let gear = match state.gearing {
            Gearing::Open => 0,
            Gearing::Engaged(gear) | Gearing::Shifting(Shift { to: gear, .. }) => gear,
        };
        let kinetic = self.engine_inertia * state.engine_rps * state.engine_rps
            + self.turbine_inertia * state.turbine_rps * state.turbine_rps
            + self.output_inertia * state.output_rps * state.output_rps;
        let flows = &state.flows;
        Driveline {
            engine_rpm: state.engine_rps / RPM,
            engine_torque_nm: flows.engine_nm,
            turbine_rpm: state.turbine_rps / RPM,
            turbine_torque_nm: flows.turbine_nm,
            gear,
            shifting: matches!(state.gearing, Gearing::Shifting(_)),
            lockup: state.lockup,
            overall_ratio: self.ratio(gear),
            engine_w: flows.engine_w,
            converter_loss_w: flows.converter_loss_w,
            gear_loss_w: flows.gear_loss_w,
            shaft_loss_w: flows.shaft_loss_w,
            stored_j: 0.5 * (kinetic + self.shaft_nmprad * state.twist_rad * state.twist_rad),
        }
    }
}
