use crate::ByWireParams;
use skidpad_vehicle::{Gear, PlantReport};

/// What the person in the driver's seat does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DriverInput {
    /// Accelerator pedal held by the foot, % of travel as its sensor reads it; anything below the rest
    /// position (0, say) is no foot.
    pub throttle_pct: f64,
    /// Brake pedal held by the foot, likewise.
    pub brake_pct: f64,
    /// Hands on the wheel.
    pub hands: Hands,
    /// Where the driver has put the selector; acts when it changes. `None`: has not touched it.
    pub gear: Option<Gear>,
    /// Turn signal lever; the computer's command counts while it is off.
    pub turn_signal: TurnSignal,
    /// Parking brake applied. No by-wire command reaches it.
    pub parking_brake: bool,
    /// The button on the wheel that clears a watchdog fault.
    pub acknowledge: bool,
}

/// The driver's hands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Hands {
    /// Off the wheel.
    #[default]
    Off,
    /// Holding the wheel towards an angle, as a spring and a damper of limited torque.
    Hold {
        /// Steering-wheel angle, rad, positive left.
        angle_rad: f64,
        /// Largest torque of the hands, Nm.
        max_torque_nm: f64,
    },
}

impl Hands {
    /// Torque on the column, Nm, positive left.
    pub(crate) fn torque_nm(&self, plant: &PlantReport, params: &ByWireParams) -> f64 {
        match *self {
            Hands::Off => 0.0,
            Hands::Hold { angle_rad, max_torque_nm } => {
                let spring = params.hand_stiffness_nm_per_rad * (angle_rad - plant.steering_wheel_rad);
                let damper = params.hand_damping_nms_per_rad * plant.steering_wheel_rate_rps;
                let limit = max_torque_nm.max(0.0);
                (spring - damper).clamp(-limit, limit)
            }
        }
    }
}

/// Turn signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TurnSignal {
    /// Both off.
    #[default]
    Off,
    /// Left.
    Left,
    /// Right.
    Right,
}

impl TurnSignal {
    /// The code on the wire; 3 means nothing there and is taken for off.
    pub(crate) fn from_raw(raw: i64) -> Self {
        match raw {
            1 => TurnSignal::Left,
            2 => TurnSignal::Right,
            _ => TurnSignal::Off,
        }
    }
}
