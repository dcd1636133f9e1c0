//! What signals stand for, apart from how a car writes them: the words in which by-wire ECUs and the computer agree.

/// The names of a code's values, with the value in Skidpad.
type Codes = &'static [(&'static str, i64)];

const NUMBER: Codes = &[];
const GEARS: Codes = &[("None", 0), ("Park", 1), ("Reverse", 2), ("Neutral", 3), ("Drive", 4), ("Low", 5)];
const TURNS: Codes = &[("None", 0), ("Left", 1), ("Right", 2)];

macro_rules! roles {
    ($($(#[$doc:meta])* $role:ident = $name:literal, $command:literal, $unit:literal, $codes:expr;)*) => {
        /// What a signal stands for. The name is that of the Lincoln's message and signal of the same meaning, unit and
        /// sign, so that the Lincoln's .dbc needs no roles.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Role { $($(#[$doc])* $role,)* }

        impl Role {
            /// All of them.
            pub const ALL: &'static [Role] = &[$(Role::$role,)*];

            /// The name in a .dbc.
            pub fn name(self) -> &'static str {
                match self { $(Role::$role => $name,)* }
            }

            /// The unit of its value, empty for flags and codes.
            pub fn unit(self) -> &'static str {
                match self { $(Role::$role => $unit,)* }
            }

            /// True if the computer says it to the car, false if the car says it to the computer.
            pub fn is_command(self) -> bool {
                match self { $(Role::$role => $command,)* }
            }

            /// For a code: the names that its values may have in the VAL_ of a .dbc, and what each is in Skidpad.
            pub fn codes(self) -> &'static [(&'static str, i64)] {
                match self { $(Role::$role => $codes,)* }
            }
        }
    };
}

roles! {
    /// Brake pedal position asked for.
    BrakePedalCommand = "BrakeCommand.PedalCommand", true, "%", NUMBER;
    /// Brake lamp asked for.
    BrakeLampCommand = "BrakeCommand.BrakeLampCommand", true, "", NUMBER;
    /// Follow the brake command.
    BrakeEnable = "BrakeCommand.Enable", true, "", NUMBER;
    /// Clear the driver's override of the brake.
    BrakeClear = "BrakeCommand.Clear", true, "", NUMBER;
    /// Brake whatever the driver does.
    BrakeIgnore = "BrakeCommand.Ignore", true, "", NUMBER;
    /// Accelerator pedal position asked for.
    ThrottlePedalCommand = "ThrottleCommand.PedalCommand", true, "%", NUMBER;
    /// Follow the throttle command.
    ThrottleEnable = "ThrottleCommand.Enable", true, "", NUMBER;
    /// Clear the driver's override of the throttle.
    ThrottleClear = "ThrottleCommand.Clear", true, "", NUMBER;
    /// Accelerate whatever the driver does.
    ThrottleIgnore = "ThrottleCommand.Ignore", true, "", NUMBER;
    /// Steering-wheel angle asked for, positive left.
    SteeringAngleCommand = "SteeringCommand.AngleCommand", true, "deg", NUMBER;
    /// Largest steering-wheel rate, 0 for the largest that the module allows.
    SteeringRateLimit = "SteeringCommand.RateLimit", true, "deg/s", NUMBER;
    /// Follow the steering command.
    SteeringEnable = "SteeringCommand.Enable", true, "", NUMBER;
    /// Clear the driver's override of the steering.
    SteeringClear = "SteeringCommand.Clear", true, "", NUMBER;
    /// Steer whatever the driver does.
    SteeringIgnore = "SteeringCommand.Ignore", true, "", NUMBER;
    /// Gear asked for.
    GearCommand = "GearCommand.GearCommand", true, "", GEARS;
    /// Clear the driver's override of the selector.
    GearClear = "GearCommand.Clear", true, "", NUMBER;
    /// Turn signal asked for.
    TurnSignalCommand = "TurnSignalCommand.TurnSignalCommand", true, "", TURNS;

    /// Driver's brake pedal.
    BrakePedalInput = "BrakeReport.PedalInput", false, "%", NUMBER;
    /// Brake pedal position last asked for.
    BrakePedalAsked = "BrakeReport.PedalCommand", false, "%", NUMBER;
    /// Brake pedal position in effect.
    BrakePedalOutput = "BrakeReport.PedalOutput", false, "%", NUMBER;
    /// The brake command is followed.
    BrakeEnabled = "BrakeReport.Enabled", false, "", NUMBER;
    /// The driver took the brake over.
    BrakeOverride = "BrakeReport.Override", false, "", NUMBER;
    /// The driver presses the brake pedal.
    BrakeDriverActivity = "BrakeReport.DriverActivity", false, "", NUMBER;
    /// The brake module cannot follow commands.
    BrakeFault = "BrakeReport.Fault", false, "", NUMBER;
    /// No brake command came in time.
    BrakeTimeout = "BrakeReport.CommandTimeout", false, "", NUMBER;
    /// Driver's accelerator pedal.
    ThrottlePedalInput = "ThrottleReport.PedalInput", false, "%", NUMBER;
    /// Accelerator pedal position last asked for.
    ThrottlePedalAsked = "ThrottleReport.PedalCommand", false, "%", NUMBER;
    /// Accelerator pedal position in effect.
    ThrottlePedalOutput = "ThrottleReport.PedalOutput", false, "%", NUMBER;
    /// The throttle command is followed.
    ThrottleEnabled = "ThrottleReport.Enabled", false, "", NUMBER;
    /// The driver took the throttle over.
    ThrottleOverride = "ThrottleReport.Override", false, "", NUMBER;
    /// The driver presses the accelerator pedal.
    ThrottleDriverActivity = "ThrottleReport.DriverActivity", false, "", NUMBER;
    /// The throttle module cannot follow commands.
    ThrottleFault = "ThrottleReport.Fault", false, "", NUMBER;
    /// No throttle command came in time.
    ThrottleTimeout = "ThrottleReport.CommandTimeout", false, "", NUMBER;
    /// Steering-wheel angle, positive left.
    SteeringAngle = "SteeringReport.Angle", false, "deg", NUMBER;
    /// Steering-wheel rate, positive left.
    SteeringRate = "SteeringReport.Rate", false, "deg/s", NUMBER;
    /// Steering-wheel angle last asked for, positive left.
    SteeringAngleAsked = "SteeringReport.AngleCommand", false, "deg", NUMBER;
    /// Torque of the driver on the column, positive left.
    SteeringTorque = "SteeringReport.Torque", false, "Nm", NUMBER;
    /// The steering command is followed.
    SteeringEnabled = "SteeringReport.Enabled", false, "", NUMBER;
    /// The driver took the steering over.
    SteeringOverride = "SteeringReport.Override", false, "", NUMBER;
    /// The steering module cannot follow commands.
    SteeringFault = "SteeringReport.Fault", false, "", NUMBER;
    /// No steering command came in time.
    SteeringTimeout = "SteeringReport.CommandTimeout", false, "", NUMBER;
    /// Speed of the car, no sign.
    Speed = "SteeringReport.Speed", false, "km/h", NUMBER;
    /// Gear engaged.
    Gear = "GearReport.Gear", false, "", GEARS;
    /// The driver took the selector over.
    GearOverride = "GearReport.Override", false, "", NUMBER;
    /// The transmission cannot be reached.
    GearBusFault = "GearReport.BusFault", false, "", NUMBER;
    /// Turn signal in effect.
    TurnSignal = "MiscReport.TurnSignal", false, "", TURNS;
    /// The driver's belt is buckled.
    DriverBelt = "MiscReport.DriverBeltBuckled", false, "", NUMBER;
    /// Spin of the front left wheel, positive forward.
    WheelFrontLeft = "WheelSpeedReport.FrontLeft", false, "rad/s", NUMBER;
    /// Spin of the front right wheel.
    WheelFrontRight = "WheelSpeedReport.FrontRight", false, "rad/s", NUMBER;
    /// Spin of the rear left wheel.
    WheelRearLeft = "WheelSpeedReport.RearLeft", false, "rad/s", NUMBER;
    /// Spin of the rear right wheel.
    WheelRearRight = "WheelSpeedReport.RearRight", false, "rad/s", NUMBER;
    /// Specific force to the left.
    LateralAcceleration = "AccelerationReport.Lateral", false, "m/s^2", NUMBER;
    /// Specific force forward.
    LongitudinalAcceleration = "AccelerationReport.Longitudinal", false, "m/s^2", NUMBER;
    /// Yaw rate, positive left.
    YawRate = "GyroReport.YawRate", false, "rad/s", NUMBER;
    /// The wheels stand still.
    Stationary = "BrakeInfoReport.Stationary", false, "", NUMBER;
    /// Parking brake applied.
    ParkingBrake = "BrakeInfoReport.ParkingBrake", false, "", NUMBER;
    /// Antilock control acts.
    AbsActive = "BrakeInfoReport.AbsActive", false, "", NUMBER;
    /// Stability control acts.
    StabilityActive = "BrakeInfoReport.StabilityActive", false, "", NUMBER;
    /// Traction control acts.
    TractionActive = "BrakeInfoReport.TractionActive", false, "", NUMBER;
    /// Engine speed.
    EngineSpeed = "ThrottleInfoReport.EngineSpeed", false, "1/min", NUMBER;
    /// Fuel level.
    FuelLevel = "FuelReport.FuelLevel", false, "%", NUMBER;
}

impl Role {
    /// The role of that name.
    pub fn from_name(name: &str) -> Option<Role> {
        Role::ALL.iter().copied().find(|role| role.name() == name)
    }
}
