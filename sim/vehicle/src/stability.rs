//! Electronic stability control and traction control: brake single wheels, cut the drive.
//!
//! The ECU works with what it can measure: wheel speeds, yaw rate, accelerometer, steering-wheel angle, brake
//! pressure. It monitors in cycles of 5 ms; a wheel it brakes is watched in every step, as by the antilock
//! system.

/// Cycle of the ECU, s.
const CYCLE_S: f64 = 0.005;
/// Time constant with which the accelerometer is smoothed, s.
const SMOOTH_S: f64 = 0.02;
/// How fast the speed follows the chosen wheel beyond what the accelerometer says, m/s²: braked wheels lie.
const FOLLOW_BRAKED_MPS2: f64 = 4.0;
const FOLLOW_ROLLING_MPS2: f64 = 20.0;

/// Speed from which stability control acts, m/s, and a little below which it stops.
const LEAST_SPEED_MPS: f64 = 5.0;
const RELEASE_SPEED_MPS: f64 = 4.0;
/// Speed from which it follows what the driver means, m/s: in time to know when it must act.
const LISTEN_SPEED_MPS: f64 = 3.0;
/// Lateral acceleration that the road is believed to carry beyond what was felt lately, and at most, m/s²; and
/// how fast what was felt is forgotten, m/s³.
const TRUST_MPS2: f64 = 4.0;
const MOST_LATERAL_MPS2: f64 = 8.0;
const FORGET_MPS3: f64 = 2.0;
/// Error of the yaw rate, rad/s, from which an oversteering and an understeering car is braked.
const OVERSTEER_RPS: f64 = 0.07;
const UNDERSTEER_RPS: f64 = 0.12;
/// At this speed the thresholds are twice as wide, m/s: slow turns are tight, and a skid in them is harmless.
const CALM_SPEED_MPS: f64 = 6.0;
/// Rate at which the car may slide sideways while it turns in, rad/s; more counts as oversteer. And what a
/// crossfall adds to the accelerometer, m/s²: a fifth of gravity.
const SLIDE_RPS: f64 = 0.15;
const CROSSFALL_MPS2: f64 = 2.0;
/// Brake share per rad/s beyond.
const OVERSTEER_GAIN: f64 = 5.0;
const UNDERSTEER_GAIN: f64 = 3.0;
/// Largest brake share on a front and on a rear wheel: a rear wheel must keep its side force.
const MOST_SHARE: [f64; 2] = [1.0, 0.6];

/// Build-up and release of the pump's pressure, share of the full pressure per second.
const BUILD_UP_PER_S: f64 = 4.0;
const RELEASE_PER_S: f64 = 6.0;
/// Release of a wheel that is about to lock, share per second; deceleration of its rim, m/s², that says so.
const UNLOCK_PER_S: f64 = 14.0;
const LOCKING_MPS2: f64 = 60.0;

/// A driven wheel may be faster than the ground below it by this, m/s, and this share of the speed.
const SPIN_MPS: f64 = 0.6;
const SPIN_SHARE: f64 = 0.06;
/// Brake share per m/s of spin, its growth per m/s and second, and the largest.
const SPIN_GAIN: f64 = 0.05;
const SPIN_INTEGRAL_PER_S: f64 = 0.5;
const MOST_SPIN_SHARE: f64 = 0.6;
/// Speed above which a spinning wheel is not braked any more (its disc would burn), only unloaded, m/s.
const SPIN_BRAKE_BELOW_MPS: f64 = 20.0;
/// How fast the drive is cut and given back, share per second.
const CUT_PER_S: f64 = 4.0;
const GIVE_BACK_PER_S: f64 = 1.0;
/// The least of the drive that is left to wheels that both spin.
const LEAST_DRIVE_SHARE: f64 = 0.05;

/// The linear single-track car that the driver means to drive.
#[derive(Clone, Debug)]
pub(crate) struct SingleTrack {
    pub(crate) mass_kg: f64,
    pub(crate) yaw_inertia_kgm2: f64,
    /// Distances of the axles' side forces from the centre of mass, m, positive: front, rear.
    pub(crate) arms_m: [f64; 2],
    pub(crate) wheelbase_m: f64,
    /// Cornering stiffness of the axles, N/rad.
    pub(crate) stiffness_npr: [f64; 2],
    /// Relaxation length of the tyres, m.
    pub(crate) relaxation_m: f64,
}

impl SingleTrack {
    /// Understeer: steering angle of the road wheels per lateral acceleration, rad s²/m.
    pub(crate) fn understeer(&self) -> f64 {
        let ([a, b], [front, rear]) = (self.arms_m, self.stiffness_npr);
        self.mass_kg * (b * rear - a * front) / ((a + b) * front * rear)
    }
}

/// Constants.
#[derive(Clone, Debug)]
pub(crate) struct Stability {
    pub(crate) esc: bool,
    pub(crate) traction: bool,
    pub(crate) cycle_s: f64,
    cycle_steps: u32,
    car: SingleTrack,
    understeer: f64,
    steering_ratio: f64,
    /// Hubs from the centre of mass, m to the left.
    left_m: [f64; 4],
    slip_limit: f64,
}

/// What the ECU knows and does.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct StabilityState {
    steps: u32,
    /// Speed of the car, m/s, by wheels and accelerometer.
    speed_mps: f64,
    /// Accelerometer along and to the left, smoothed, m/s².
    felt_mps2: [f64; 2],
    /// Horizontal acceleration that the road has lately carried, m/s².
    carried_mps2: f64,
    /// The single-track car: slip angles that the front and the rear tyres have built up, side velocity of the
    /// centre of mass, yaw rate.
    reference: [f64; 4],
    /// Growing part of the traction control's brake shares on the driven wheels.
    spin_integral: [f64; 2],
    /// Share of the full brake torque that is asked of the pump, per wheel.
    asked: [f64; 4],
    /// Rolling speeds of the wheels when the rims were last looked at, m/s.
    rolling_mps: [f64; 4],
    /// Share of the drive that is left.
    pub(crate) drive_share: f64,
    /// The pump has something to do.
    pub(crate) pumping: bool,
    pub(crate) esc_active: bool,
    pub(crate) traction_active: bool,
}

/// What the ECU reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// 1 in a forward gear, Park and Neutral, −1 in reverse.
    pub(crate) direction: f64,
    pub(crate) steering_wheel_rad: f64,
    pub(crate) yaw_rate_rps: f64,
    /// Accelerometer, forward and left, m/s².
    pub(crate) felt_mps2: [f64; 2],
    /// Rolling speeds of the wheels, m/s.
    pub(crate) rolling_mps: [f64; 4],
    /// The driver's brake pressure is up.
    pub(crate) braked: bool,
    /// Drive force, N, positive forward.
    pub(crate) drive_n: f64,
}

impl Stability {
    pub(crate) fn new(
        [esc, traction]: [bool; 2],
        car: SingleTrack,
        steering_ratio: f64,
        left_m: [f64; 4],
        slip_limit: f64,
        dt_s: f64,
    ) -> Stability {
        let cycle_steps = ((CYCLE_S / dt_s).round() as u32).max(1);
        let understeer = car.understeer().max(0.0);
        let cycle_s = f64::from(cycle_steps) * dt_s;
        Stability { esc, traction, cycle_s, cycle_steps, car, understeer, steering_ratio, left_m, slip_limit }
    }

    /// The ECU of a car that rolls straight ahead at `speed_mps`.
    pub(crate) fn settled(&self, speed_mps: f64) -> StabilityState {
        StabilityState { speed_mps, drive_share: 1.0, ..StabilityState::default() }
    }

    /// Whether the ECU's cycle is due in this step.
    pub(crate) fn is_due(&self, state: &mut StabilityState) -> bool {
        state.steps += 1;
        let due = state.steps >= self.cycle_steps;
        if due {
            state.steps = 0;
        }
        due
    }

    /// One cycle: where the car goes, where it should go, what to do about it.
    pub(crate) fn monitor(&self, state: &mut StabilityState, read: &Reading, pump: &[f64; 4]) {
        let cycle_s = self.cycle_s;
        let smooth = cycle_s / (SMOOTH_S + cycle_s);
        for (smoothed, felt) in state.felt_mps2.iter_mut().zip(read.felt_mps2) {
            *smoothed += smooth * (felt - *smoothed);
        }
        let along_mps = self.speeds_along(read);
        self.estimate_speed(state, read, &along_mps);
        let [ahead, left] = state.felt_mps2;
        let carried = (ahead * ahead + left * left).sqrt();
        state.carried_mps2 = (state.carried_mps2 - FORGET_MPS3 * cycle_s).max(carried);

        let mut asked = [0.0; 4];
        let mut cut = false;
        if self.esc {
            cut |= self.keep_course(state, read, &mut asked);
        }
        let skidding = asked != [0.0; 4];
        if self.traction {
            cut |= self.hold_traction(state, read, &along_mps, &mut asked);
        }
        let moved = if cut { -CUT_PER_S } else { GIVE_BACK_PER_S } * cycle_s;
        state.drive_share = (state.drive_share + moved).clamp(LEAST_DRIVE_SHARE, 1.0);
        state.asked = asked;
        state.pumping = asked != [0.0; 4] || *pump != [0.0; 4];
        state.rolling_mps = read.rolling_mps;
        state.esc_active = skidding;
        state.traction_active = self.traction && !skidding && (asked != [0.0; 4] || state.drive_share < 1.0);
    }

    /// Speed of the centre of mass along the car that each wheel tells, if it rolls: the rear axle does not
    /// move sideways, so the front one does by the yaw rate.
    fn speeds_along(&self, read: &Reading) -> [f64; 4] {
        let (sine, cosine) = libm::sincos(read.steering_wheel_rad / self.steering_ratio);
        let sideways = read.yaw_rate_rps * self.car.wheelbase_m;
        let mut along = read.rolling_mps;
        for front in &mut along[..2] {
            *front = (*front - sideways * sine) / cosine;
        }
        for (along, left) in along.iter_mut().zip(self.left_m) {
            *along += read.yaw_rate_rps * left;
        }
        along
    }

    /// The speed follows the accelerometer, and the wheel that is to be believed: the second fastest while
    /// wheels are braked, the second slowest while they are driven.
    fn estimate_speed(&self, state: &mut StabilityState, read: &Reading, along_mps: &[f64; 4]) {
        let mut sorted = along_mps.map(|speed| speed * read.direction);
        sorted.sort_unstable_by(f64::total_cmp);
        let (believed, follow) =
            if read.braked { (sorted[2], FOLLOW_BRAKED_MPS2) } else { (sorted[1], FOLLOW_ROLLING_MPS2) };
        let most = follow * self.cycle_s;
        let predicted = state.speed_mps + self.cycle_s * state.felt_mps2[0];
        state.speed_mps = predicted + (believed * read.direction - predicted).clamp(-most, most);
    }

    /// Yaw rate as the single-track car would have it on a road that carries what this one seems to carry.
    ///
    /// m (v̇_y + v r) = F_f + F_r, I ṙ = a F_f − b F_r, F = C·α, the slip angles α behind by the tyres'
    /// relaxation (Mitschke/Wallentowitz, single-track model).
    fn advance_reference(&self, state: &mut StabilityState, read: &Reading) -> f64 {
        let (car, cycle_s, v) = (&self.car, self.cycle_s, state.speed_mps);
        let per_angle = 1.0 / (car.wheelbase_m / (v * v) + self.understeer);
        let most = (state.carried_mps2 + TRUST_MPS2).min(MOST_LATERAL_MPS2) / per_angle;
        let asked = (read.steering_wheel_rad / self.steering_ratio).clamp(-most, most);
        let [front, rear, side, yaw] = &mut state.reference;
        let ([a, b], [front_npr, rear_npr]) = (car.arms_m, car.stiffness_npr);
        let travelled = v * cycle_s;
        let built_up = travelled / (car.relaxation_m + travelled);
        *front += built_up * (asked - (*side + a * *yaw) / v - *front);
        *rear += built_up * ((b * *yaw - *side) / v - *rear);
        let (front_n, rear_n) = (front_npr * *front, rear_npr * *rear);
        *side += cycle_s * ((front_n + rear_n) / car.mass_kg - v * *yaw);
        *yaw += cycle_s * (a * front_n - b * rear_n) / car.yaw_inertia_kgm2;
        *yaw
    }

    /// Stability control: brakes the outer front wheel of a car that turns in too much, the inner rear wheel
    /// of one that does not turn in. Returns whether the drive is to be cut.
    fn keep_course(&self, state: &mut StabilityState, read: &Reading, asked: &mut [f64; 4]) -> bool {
        if read.direction < 0.0 || state.speed_mps < LISTEN_SPEED_MPS {
            // Slow tyres roll where they point.
            let yaw = read.yaw_rate_rps;
            state.reference = [0.0, 0.0, yaw * self.car.arms_m[1], yaw];
            return false;
        }
        let meant = self.advance_reference(state, read);
        if state.speed_mps < if state.esc_active { RELEASE_SPEED_MPS } else { LEAST_SPEED_MPS } {
            return false;
        }
        let yaw = read.yaw_rate_rps;
        let error = yaw - meant;
        let calm = CALM_SPEED_MPS / state.speed_mps;
        let wider = 1.0 + calm * calm;
        // In a turn the car slides outward; faster than the path bends, its tail is coming round.
        let slide = yaw - state.felt_mps2[1] / state.speed_mps;
        if error * yaw > 0.0 {
            let usual = SLIDE_RPS + CROSSFALL_MPS2 / state.speed_mps;
            let sliding = (slide * yaw.signum() - usual).max(0.0);
            let beyond = error.abs() + sliding - wider * OVERSTEER_RPS;
            if beyond > 0.0 {
                let outer_front = if yaw > 0.0 { 1 } else { 0 };
                asked[outer_front] = (OVERSTEER_GAIN * beyond).min(MOST_SHARE[0]);
                return true;
            }
        } else {
            let beyond = error.abs() - wider * UNDERSTEER_RPS;
            if beyond > 0.0 {
                let inner_rear = if meant > 0.0 { 2 } else { 3 };
                asked[inner_rear] = (UNDERSTEER_GAIN * beyond).min(MOST_SHARE[1]);
                return true;
            }
        }
        false
    }

    /// Traction control: brakes a driven wheel that spins more than the other, so that the differential turns
    /// to the other, and cuts the drive when both spin. Returns whether it is to be cut.
    fn hold_traction(
        &self,
        state: &mut StabilityState,
        read: &Reading,
        along_mps: &[f64; 4],
        asked: &mut [f64; 4],
    ) -> bool {
        let driven = read.drive_n * read.direction > 0.0;
        let speed = state.speed_mps * read.direction;
        let allowed = SPIN_MPS + SPIN_SHARE * speed.max(0.0);
        let spin = [0, 1].map(|wheel: usize| along_mps[wheel] * read.direction - speed - allowed);
        if !driven || read.braked {
            state.spin_integral = [0.0; 2];
            return false;
        }
        for (wheel, other) in [(0, 1), (1, 0)] {
            // Only what one wheel spins beyond the other is worth braking away.
            let beyond = spin[wheel].min(spin[wheel] - spin[other].max(0.0));
            let integral = &mut state.spin_integral[wheel];
            let grown = *integral + SPIN_INTEGRAL_PER_S * self.cycle_s * beyond.clamp(-1.0, 1.0);
            *integral = grown.clamp(0.0, MOST_SPIN_SHARE);
            if speed < SPIN_BRAKE_BELOW_MPS {
                let share = (*integral + SPIN_GAIN * beyond).clamp(0.0, MOST_SPIN_SHARE);
                asked[wheel] = asked[wheel].max(share);
            }
        }
        let both = spin[0].min(spin[1]) > 0.0;
        let too_fast_to_brake = speed >= SPIN_BRAKE_BELOW_MPS && spin[0].max(spin[1]) > 0.0;
        both || too_fast_to_brake
    }

    /// Moves the pump's pressures by one step toward what is asked, but never so far that a wheel locks.
    pub(crate) fn pump(
        &self,
        state: &mut StabilityState,
        pump: &mut [f64; 4],
        rolling_mps: &[f64; 4],
        dt_s: f64,
    ) {
        let speed = state.speed_mps;
        for wheel in 0..4 {
            let rolling = rolling_mps[wheel];
            let slip = if speed > RELEASE_SPEED_MPS { 1.0 - rolling / speed } else { 0.0 };
            let falling_mps2 = (state.rolling_mps[wheel] - rolling) / dt_s;
            let locking = slip > 0.3 * self.slip_limit && falling_mps2 > LOCKING_MPS2;
            let moved = if slip > self.slip_limit || locking {
                -UNLOCK_PER_S * dt_s
            } else {
                (state.asked[wheel] - pump[wheel]).clamp(-RELEASE_PER_S * dt_s, BUILD_UP_PER_S * dt_s)
            };
            pump[wheel] = (pump[wheel] + moved).max(0.0);
        }
        state.rolling_mps = *rolling_mps;
    }
}
