//! The car on the test ground, its steering robot and its cruise control.

use skidpad_vehicle::{
    ActuatorDemand, Environment, Gear, StabilityParams, SteeringDemand, SteeringParams, VehicleModel,
    VehicleParams, VehicleState,
};
use skidpad_world::{Ground, SurfacePoint};

/// Step of the model, s.
pub(crate) const STEP_S: f64 = 1e-3;
/// Standard gravity, m/s².
pub(crate) const G_MPS2: f64 = 9.80665;
/// km/h in m/s.
pub(crate) const KPH: f64 = 1.0 / 3.6;

/// The vehicle under test: its parameters and its model. The driver aids are switched off, but for a manoeuvre
/// that tests them.
pub(crate) struct Subject {
    pub(crate) params: VehicleParams,
    pub(crate) model: VehicleModel,
}

impl Subject {
    /// The car without stability control, traction control and hill-start assist.
    pub(crate) fn new(params: &VehicleParams) -> Subject {
        let none = StabilityParams { esc: false, traction: false, hill_start: false, ..params.stability };
        Subject::as_driven(&VehicleParams { stability: none, ..params.clone() })
    }

    /// The car with the driver aids that it has.
    pub(crate) fn as_driven(params: &VehicleParams) -> Subject {
        Subject { params: params.clone(), model: VehicleModel::new(params, STEP_S) }
    }
}

/// A level, dry plane that can be moved up and down as the posts of a test rig are.
#[derive(Clone, Copy, Debug)]
struct Plane {
    height_m: f64,
}

impl Ground for Plane {
    fn surface(&mut self, _wheel: usize, _x_m: f64, _y_m: f64) -> SurfacePoint {
        SurfacePoint { height_m: self.height_m, normal: [0.0, 0.0, 1.0], friction: 1.0 }
    }
}

/// What is measured, in the horizontal axes that turn with the car (ISO 8855 intermediate axis system), at
/// the centre of mass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) time_s: f64,
    pub(crate) x_m: f64,
    pub(crate) y_m: f64,
    pub(crate) z_m: f64,
    pub(crate) heading_rad: f64,
    /// Speed over ground.
    pub(crate) speed_mps: f64,
    pub(crate) ax_mps2: f64,
    pub(crate) ay_mps2: f64,
    pub(crate) yaw_rate_rps: f64,
    /// Direction of travel relative to the heading, positive left.
    pub(crate) sideslip_rad: f64,
    pub(crate) roll_rad: f64,
    pub(crate) pitch_rad: f64,
    /// Steering-wheel angle.
    pub(crate) wheel_rad: f64,
}

/// A steering machine on the wheel: the standards prescribe the motion of the steering wheel, so neither the
/// dead time nor the rate limit of the by-wire servo may come between. A torque controller with three equal
/// poles moves the free column.
#[derive(Clone, Copy, Debug)]
struct Robot {
    inertia: f64,
    damping: f64,
    gain: f64,
    target_rad: f64,
    integral: f64,
}

/// Poles of the steering robot, rad/s.
const ROBOT_RPS: f64 = 120.0;

impl Robot {
    fn new(params: &SteeringParams) -> Robot {
        Robot {
            inertia: params.column_inertia_kgm2,
            damping: params.column_damping_nms,
            gain: 1.0 / (1.0 + params.assist_gain),
            target_rad: 0.0,
            integral: 0.0,
        }
    }

    fn torque_nm(&mut self, target_rad: f64, angle_rad: f64, rate_rps: f64) -> f64 {
        let target_rate = (target_rad - self.target_rad) / STEP_S;
        self.target_rad = target_rad;
        let error = target_rad - angle_rad;
        self.integral += STEP_S * error;
        let w = ROBOT_RPS;
        let acceleration =
            3.0 * w * (target_rate - rate_rps) + 3.0 * w * w * error + w * w * w * self.integral;
        self.gain * (self.inertia * acceleration + self.damping * rate_rps)
    }
}

/// Holds a speed with the accelerator: a slow integrator finds the pedal.
#[derive(Clone, Copy, Debug)]
struct Cruise {
    speed_mps: f64,
    pedal_pct: f64,
}

/// Pedal per speed error, % per m/s, and its integral, % per m.
const CRUISE_GAIN: f64 = 8.0;
const CRUISE_INTEGRAL: f64 = 2.0;

/// One run of the car.
#[derive(Clone)]
pub(crate) struct Car<'a> {
    pub(crate) model: &'a VehicleModel,
    pub(crate) state: VehicleState,
    environment: Environment,
    plane: Plane,
    robot: Robot,
    cruise: Option<Cruise>,
    pub(crate) throttle_pct: f64,
    pub(crate) brake_pct: f64,
    pub(crate) gear: Gear,
    steps: u64,
}

impl<'a> Car<'a> {
    /// The car at the origin, rolling along x at `speed_mps`, pedals closed, in Drive.
    pub(crate) fn rolling(subject: &'a Subject, speed_mps: f64) -> Car<'a> {
        let environment = Environment::default();
        let mut plane = Plane { height_m: 0.0 };
        let hands_off = demand(SteeringDemand::Servo { angle_rad: 0.0, rate_limit_rps: 0.0 }, 0.0, 0.0);
        let state = subject.model.place(&mut plane, &environment, [0.0; 3], speed_mps, &hands_off);
        Car {
            model: &subject.model,
            state,
            environment,
            plane,
            robot: Robot::new(&subject.params.steering),
            cruise: None,
            throttle_pct: 0.0,
            brake_pct: 0.0,
            gear: Gear::Drive,
            steps: 0,
        }
    }

    /// The car driving straight at a steady speed held by the accelerator, at the origin at time 0.
    pub(crate) fn cruising(subject: &'a Subject, speed_mps: f64) -> Car<'a> {
        let mut car = Car::rolling(subject, speed_mps);
        car.hold_speed(speed_mps);
        car.steps_for(CRUISE_SETTLE_S, 0.0);
        car.state.position_m.x = 0.0;
        car.state.position_m.y = 0.0;
        car.steps = 0;
        car
    }

    /// Holds `speed_mps` with the accelerator from now on; call again to change the speed.
    pub(crate) fn hold_speed(&mut self, speed_mps: f64) {
        let pedal_pct = self.cruise.map_or(self.throttle_pct, |cruise| cruise.pedal_pct);
        self.cruise = Some(Cruise { speed_mps, pedal_pct });
    }

    /// Leaves the accelerator where it is.
    pub(crate) fn hold_throttle(&mut self) {
        self.cruise = None;
    }

    /// Closes the accelerator.
    pub(crate) fn lift(&mut self) {
        self.cruise = None;
        self.throttle_pct = 0.0;
    }

    /// Moves the ground under all wheels to a height.
    pub(crate) fn shake(&mut self, height_m: f64) {
        self.plane.height_m = height_m;
    }

    pub(crate) fn time_s(&self) -> f64 {
        self.steps as f64 * STEP_S
    }

    /// One step with the robot moving the steering wheel to `wheel_rad`.
    pub(crate) fn step(&mut self, wheel_rad: f64) {
        if let Some(cruise) = &mut self.cruise {
            let error = cruise.speed_mps - self.state.velocity_mps.norm();
            cruise.pedal_pct = (cruise.pedal_pct + STEP_S * CRUISE_INTEGRAL * error).clamp(0.0, 100.0);
            self.throttle_pct = (cruise.pedal_pct + CRUISE_GAIN * error).clamp(0.0, 100.0);
        }
        let torque = self.robot.torque_nm(
            wheel_rad,
            self.state.steering_wheel_rad(),
            self.state.steering_wheel_rate_rps(),
        );
        let mut demand =
            demand(SteeringDemand::Free { driver_torque_nm: torque }, self.throttle_pct, self.brake_pct);
        demand.gear = self.gear;
        self.model.step(&mut self.state, &demand, &mut self.plane, &self.environment);
        self.steps += 1;
    }

    /// Steps for `duration_s` with the steering wheel at `wheel_rad`.
    pub(crate) fn steps_for(&mut self, duration_s: f64, wheel_rad: f64) {
        for _ in 0..(duration_s / STEP_S).round() as u64 {
            self.step(wheel_rad);
        }
    }

    pub(crate) fn sample(&self) -> Sample {
        let state = &self.state;
        let heading_rad = state.attitude.yaw_rad();
        let (sine, cosine) = libm::sincos(heading_rad);
        let along = |x: f64, y: f64| (cosine * x + sine * y, cosine * y - sine * x);
        let (vx, vy) = along(state.velocity_mps.x, state.velocity_mps.y);
        let (ax_mps2, ay_mps2) = along(state.acceleration_mps2.x, state.acceleration_mps2.y);
        Sample {
            time_s: self.time_s(),
            x_m: state.position_m.x,
            y_m: state.position_m.y,
            z_m: state.position_m.z,
            heading_rad,
            speed_mps: libm::hypot(vx, vy),
            ax_mps2,
            ay_mps2,
            yaw_rate_rps: (state.attitude.matrix() * state.rate_rps).z,
            sideslip_rad: libm::atan2(vy, vx),
            roll_rad: state.attitude.roll_rad(),
            pitch_rad: state.attitude.pitch_rad(),
            wheel_rad: state.steering_wheel_rad(),
        }
    }
}

/// Time in which the cruise control settles before a manoeuvre, s.
const CRUISE_SETTLE_S: f64 = 20.0;

fn demand(steering: SteeringDemand, throttle_pct: f64, brake_pct: f64) -> ActuatorDemand {
    ActuatorDemand { throttle_pct, brake_pct, steering, gear: Gear::Drive, parking_brake: false }
}
