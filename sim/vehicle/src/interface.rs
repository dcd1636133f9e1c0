//! What the by-wire ECUs ask of the vehicle, and what they can measure on it.

use serde::{Deserialize, Serialize};

/// Position of the gear selector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gear {
    /// Parking pawl engaged.
    #[default]
    Park,
    /// Backward.
    Reverse,
    /// No drive torque.
    Neutral,
    /// Forward.
    Drive,
    /// Forward with more engine braking.
    Low,
}

/// What acts on the steering column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SteeringDemand {
    /// The EPS follows an angle as a position servo.
    Servo {
        /// Steering-wheel angle, rad, positive left.
        angle_rad: f64,
        /// Largest steering-wheel rate the command allows, rad/s.
        rate_limit_rps: f64,
    },
    /// The wheel is where a recording says it was, whatever it took to bring it there.
    Imposed {
        /// Steering-wheel angle, rad, positive left.
        angle_rad: f64,
    },
    /// The EPS does not follow: the column is moved by the driver and by the tyres.
    Free {
        /// Torque of the driver's hands on the wheel, Nm, positive left.
        driver_torque_nm: f64,
    },
}

/// What the by-wire ECUs ask of the vehicle's actuators. Pedals are *effective* pedal positions: the
/// larger of the driver's foot and the by-wire command.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ActuatorDemand {
    /// Accelerator pedal, % of travel.
    pub throttle_pct: f64,
    /// Brake pedal, % of travel.
    pub brake_pct: f64,
    /// Steering.
    pub steering: SteeringDemand,
    /// Gear selector.
    pub gear: Gear,
    /// Electric parking brake applied.
    pub parking_brake: bool,
}

/// What the hill-start assist is doing; the discriminants are the codes of the car's bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HillStart {
    /// Nothing, or not fitted.
    #[default]
    Inactive = 0,
    /// Standing with the brake pressed: the grade is being measured, or too small to hold on.
    FindingGradient = 1,
    /// Pressure caught while the driver's foot carries the grade itself.
    ActivePressed = 2,
    /// Holding: the foot has left the brake.
    ActiveReleased = 3,
    /// Letting go quickly: the drive carries the car, or it shall not be held any more.
    FastRelease = 4,
    /// Letting go slowly: the time is over.
    SlowRelease = 5,
}

/// What the ECUs of the car can measure on the plant. Arrays are ordered FL, FR, RL, RR.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PlantReport {
    /// Steering-wheel angle, rad, positive left.
    pub steering_wheel_rad: f64,
    /// Steering-wheel rate, rad/s.
    pub steering_wheel_rate_rps: f64,
    /// Torque between the driver's hands and the column, Nm, positive left.
    pub steering_torque_nm: f64,
    /// Speed from the wheels (mean of the rear axle), m/s, negative backward.
    pub wheel_speed_mps: f64,
    /// Wheel spin, rad/s, negative backward.
    pub wheel_spin_rps: [f64; 4],
    /// Wheel angle since the start, rad.
    pub wheel_angle_rad: [f64; 4],
    /// Accelerometer at the centre of mass, body frame (x forward, y left, z up), m/s². Includes the
    /// reaction to gravity: z is +9.8 at rest.
    pub specific_force_mps2: [f64; 3],
    /// Body rates (roll, pitch, yaw; x forward, y left, z up), rad/s.
    pub body_rate_rps: [f64; 3],
    /// Throttle pedal position that the powertrain sees now (after its dead time), %.
    pub throttle_pct: f64,
    /// Brake pedal position that the hydraulics see now (after their dead time), %.
    pub brake_pct: f64,
    /// Brake torque asked for at the wheels, sum, Nm.
    pub brake_torque_request_nm: f64,
    /// Brake torque acting at the wheels, sum, Nm.
    pub brake_torque_actual_nm: f64,
    /// Drive torque at the wheels, sum, Nm, negative when it slows a forward-driving car.
    pub wheel_torque_nm: f64,
    /// Gear engaged.
    pub gear: Gear,
    /// Engine speed, 1/min.
    pub engine_rpm: f64,
    /// Parking brake applied.
    pub parking_brake: bool,
    /// Antilock system fitted.
    pub abs_enabled: bool,
    /// Any wheel under ABS control.
    pub abs_active: bool,
    /// Electronic stability control fitted.
    pub stability_enabled: bool,
    /// Stability control brakes a wheel now.
    pub stability_active: bool,
    /// Traction control fitted.
    pub traction_enabled: bool,
    /// Traction control brakes a wheel or cuts the drive now.
    pub traction_active: bool,
    /// Hill-start assist fitted.
    pub hill_start_enabled: bool,
    /// What the hill-start assist does.
    pub hill_start: HillStart,
    /// All wheels at rest.
    pub stationary: bool,
}
