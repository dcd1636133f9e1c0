//! What signals stand for, apart from how a car writes them: the words in which by-wire ECUs and the computer agree.

/// The names of a code's values, with the value in Skidpad.
type Codes = &'static [(&'static str, i64)];

const NUMBER: Codes = &[];
const GEARS: Codes = &[("None", 0), ("Park", 1), ("Reverse", 2), ("Neutral", 3), ("Drive", 4), ("Low", 5)];
const ON_OFF: Codes = &[("Off", 0), ("On", 1)];
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

            /// The role of that name.
            pub fn from_name(name: &str) -> Option<Role> {
                match name { $($name => Some(Role::$role),)* _ => None }
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
    /// Watchdog counter of the brake command; 0 for as long as the sender does not use it.
    BrakeCount = "BrakeCommand.Count", true, "", NUMBER;
    /// Accelerator pedal position asked for.
    ThrottlePedalCommand = "ThrottleCommand.PedalCommand", true, "%", NUMBER;
    /// Follow the throttle command.
    ThrottleEnable = "ThrottleCommand.Enable", true, "", NUMBER;
    /// Clear the driver's override of the throttle.
    ThrottleClear = "ThrottleCommand.Clear", true, "", NUMBER;
    /// Accelerate whatever the driver does.
    ThrottleIgnore = "ThrottleCommand.Ignore", true, "", NUMBER;
    /// Watchdog counter of the throttle command; 0 for as long as the sender does not use it.
    ThrottleCount = "ThrottleCommand.Count", true, "", NUMBER;
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
    /// Watchdog counter of the steering command; 0 for as long as the sender does not use it.
    SteeringCount = "SteeringCommand.Count", true, "", NUMBER;
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
    /// Brake lamp in effect.
    BrakeLampOutput = "BrakeReport.BrakeLampOutput", false, "", NUMBER;
    /// Brake lamp last asked for.
    BrakeLampAsked = "BrakeReport.BrakeLampCommand", false, "", NUMBER;
    /// Driver's brake lamp switch.
    BrakeLampInput = "BrakeReport.BrakeLampInput", false, "", NUMBER;
    /// The watchdog applies the brakes.
    WatchdogBraking = "BrakeReport.WatchdogBraking", false, "", NUMBER;
    /// What the watchdog found, as the brake module sees it; code of the Lincoln's VAL_.
    BrakeWatchdogSource = "BrakeReport.WatchdogSource", false, "", NUMBER;
    /// The watchdog tripped; latched.
    BrakeWatchdogFault = "BrakeReport.WatchdogFault", false, "", NUMBER;
    /// The first pedal channel failed.
    BrakeChannel1Fault = "BrakeReport.Channel1Fault", false, "", NUMBER;
    /// The second pedal channel failed.
    BrakeChannel2Fault = "BrakeReport.Channel2Fault", false, "", NUMBER;
    /// The brake module has no proper supply.
    BrakePowerFault = "BrakeReport.PowerFault", false, "", NUMBER;
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
    /// What the watchdog found, as the throttle module sees it; code of the Lincoln's VAL_.
    ThrottleWatchdogSource = "ThrottleReport.WatchdogSource", false, "", NUMBER;
    /// The watchdog tripped; latched.
    ThrottleWatchdogFault = "ThrottleReport.WatchdogFault", false, "", NUMBER;
    /// The first pedal channel failed.
    ThrottleChannel1Fault = "ThrottleReport.Channel1Fault", false, "", NUMBER;
    /// The second pedal channel failed.
    ThrottleChannel2Fault = "ThrottleReport.Channel2Fault", false, "", NUMBER;
    /// The throttle module has no proper supply.
    ThrottlePowerFault = "ThrottleReport.PowerFault", false, "", NUMBER;
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
    /// The watchdog tripped; latched.
    SteeringWatchdogFault = "SteeringReport.WatchdogFault", false, "", NUMBER;
    /// The first bus to the EPS failed.
    SteeringChannel1Fault = "SteeringReport.Channel1Fault", false, "", NUMBER;
    /// The second bus to the EPS failed.
    SteeringChannel2Fault = "SteeringReport.Channel2Fault", false, "", NUMBER;
    /// The steering module has no proper supply.
    SteeringPowerFault = "SteeringReport.PowerFault", false, "", NUMBER;
    /// The steering angle is not calibrated.
    CalibrationFault = "SteeringReport.CalibrationFault", false, "", NUMBER;
    /// Speed of the car, no sign.
    Speed = "SteeringReport.Speed", false, "km/h", NUMBER;
    /// Gear engaged.
    Gear = "GearReport.Gear", false, "", GEARS;
    /// The driver took the selector over.
    GearOverride = "GearReport.Override", false, "", NUMBER;
    /// The transmission cannot be reached.
    GearBusFault = "GearReport.BusFault", false, "", NUMBER;
    /// Gear last asked for.
    GearAsked = "GearReport.GearCommand", false, "", GEARS;
    /// Why that gear is not engaged; code of the Lincoln's VAL_.
    GearReject = "GearReport.Reject", false, "", NUMBER;
    /// Turn signal in effect.
    TurnSignal = "MiscReport.TurnSignal", false, "", TURNS;
    /// Light outside; code of the Lincoln's VAL_.
    AmbientLight = "MiscReport.AmbientLight", false, "", NUMBER;
    /// The lamps and buttons cannot be reached.
    MiscBusFault = "MiscReport.BusFault", false, "", NUMBER;
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
    /// Specific force upward: +9.8 at rest.
    VerticalAcceleration = "AccelerationReport.Vertical", false, "m/s^2", NUMBER;
    /// Yaw rate, positive left.
    YawRate = "GyroReport.YawRate", false, "rad/s", NUMBER;
    /// Roll rate about the forward axis.
    RollRate = "GyroReport.RollRate", false, "rad/s", NUMBER;
    /// Latitude of the car's own receiver, positive north.
    GpsLatitude = "GpsPositionReport.Latitude", false, "deg", NUMBER;
    /// There is a latitude.
    GpsLatitudeValid = "GpsPositionReport.LatitudeValid", false, "", NUMBER;
    /// Longitude, positive east.
    GpsLongitude = "GpsPositionReport.Longitude", false, "deg", NUMBER;
    /// There is a longitude.
    GpsLongitudeValid = "GpsPositionReport.LongitudeValid", false, "", NUMBER;
    /// Year of UTC, since 2000.
    GpsYear = "GpsTimeReport.Year", false, "a", NUMBER;
    /// Month, 1 to 12.
    GpsMonth = "GpsTimeReport.Month", false, "", NUMBER;
    /// Day of the month, 1 to 31.
    GpsDay = "GpsTimeReport.Day", false, "d", NUMBER;
    /// Hour.
    GpsHour = "GpsTimeReport.Hour", false, "h", NUMBER;
    /// Minute.
    GpsMinute = "GpsTimeReport.Minute", false, "min", NUMBER;
    /// Second.
    GpsSecond = "GpsTimeReport.Second", false, "s", NUMBER;
    /// Nearest of eight points of the compass to the course, clockwise from north.
    GpsCompass = "GpsTimeReport.Compass", false, "deg", NUMBER;
    /// Dilution of the position.
    GpsPositionDilution = "GpsTimeReport.PositionDilution", false, "", NUMBER;
    /// The receiver does not work.
    GpsFault = "GpsTimeReport.Fault", false, "", NUMBER;
    /// The position is dead reckoning.
    GpsInferred = "GpsTimeReport.Inferred", false, "", NUMBER;
    /// Altitude.
    GpsAltitude = "GpsVelocityReport.Altitude", false, "m", NUMBER;
    /// Course over ground, clockwise from north.
    GpsHeading = "GpsVelocityReport.Heading", false, "deg", NUMBER;
    /// Speed over ground.
    GpsSpeed = "GpsVelocityReport.Speed", false, "mph", NUMBER;
    /// Horizontal dilution.
    GpsHorizontalDilution = "GpsVelocityReport.HorizontalDilution", false, "", NUMBER;
    /// Vertical dilution.
    GpsVerticalDilution = "GpsVelocityReport.VerticalDilution", false, "", NUMBER;
    /// Kind of fix; code of the Lincoln's VAL_.
    GpsQuality = "GpsVelocityReport.Quality", false, "", NUMBER;
    /// Satellites in the solution.
    GpsSatellites = "GpsVelocityReport.Satellites", false, "", NUMBER;
    /// Counter of the front left wheel, which wraps around 16 bits.
    WheelPositionFrontLeft = "WheelPositionReport.FrontLeft", false, "", NUMBER;
    /// Likewise of the front right wheel.
    WheelPositionFrontRight = "WheelPositionReport.FrontRight", false, "", NUMBER;
    /// Likewise of the rear left wheel.
    WheelPositionRearLeft = "WheelPositionReport.RearLeft", false, "", NUMBER;
    /// Likewise of the rear right wheel.
    WheelPositionRearRight = "WheelPositionReport.RearRight", false, "", NUMBER;
    /// Pressure of the front left tyre.
    TyrePressureFrontLeft = "TyrePressureReport.FrontLeft", false, "kPa", NUMBER;
    /// Pressure of the front right tyre.
    TyrePressureFrontRight = "TyrePressureReport.FrontRight", false, "kPa", NUMBER;
    /// Pressure of the rear left tyre.
    TyrePressureRearLeft = "TyrePressureReport.RearLeft", false, "kPa", NUMBER;
    /// Pressure of the rear right tyre.
    TyrePressureRearRight = "TyrePressureReport.RearRight", false, "kPa", NUMBER;
    /// The parking sonar is switched on.
    SonarEnabled = "SurroundReport.SonarEnabled", false, "", NUMBER;
    /// Brake torque asked for at the wheels, sum.
    BrakeTorqueRequest = "BrakeInfoReport.BrakeTorqueRequest", false, "Nm", NUMBER;
    /// Brake torque acting at the wheels, sum.
    BrakeTorqueActual = "BrakeInfoReport.BrakeTorqueActual", false, "Nm", NUMBER;
    /// Drive torque at the wheels, sum.
    WheelTorque = "BrakeInfoReport.WheelTorque", false, "Nm", NUMBER;
    /// Acceleration told from the wheel speeds, since the frame before.
    AccelerationOverGround = "BrakeInfoReport.AccelerationOverGround", false, "m/s^2", NUMBER;
    /// What the hill-start assist does; code of the Lincoln's VAL_.
    HillStartStatus = "BrakeInfoReport.HillStartStatus", false, "", NUMBER;
    /// Whether it is on; code of the Lincoln's VAL_.
    HillStartMode = "BrakeInfoReport.HillStartMode", false, "", NUMBER;
    /// The wheels stand still.
    Stationary = "BrakeInfoReport.Stationary", false, "", NUMBER;
    /// Parking brake applied.
    ParkingBrake = "BrakeInfoReport.ParkingBrake", false, "", ON_OFF;
    /// Antilock control acts.
    AbsActive = "BrakeInfoReport.AbsActive", false, "", NUMBER;
    /// Antilock control is switched on.
    AbsEnabled = "BrakeInfoReport.AbsEnabled", false, "", NUMBER;
    /// Stability control acts.
    StabilityActive = "BrakeInfoReport.StabilityActive", false, "", NUMBER;
    /// Stability control is switched on.
    StabilityEnabled = "BrakeInfoReport.StabilityEnabled", false, "", NUMBER;
    /// Traction control acts.
    TractionActive = "BrakeInfoReport.TractionActive", false, "", NUMBER;
    /// Traction control is switched on.
    TractionEnabled = "BrakeInfoReport.TractionEnabled", false, "", NUMBER;
    /// Engine speed.
    EngineSpeed = "ThrottleInfoReport.EngineSpeed", false, "1/min", NUMBER;
    /// Accelerator pedal in effect.
    AcceleratorPedal = "ThrottleInfoReport.AcceleratorPedal", false, "%", NUMBER;
    /// Its rate, since the frame before.
    AcceleratorPedalRate = "ThrottleInfoReport.AcceleratorPedalRate", false, "%/ms", NUMBER;
    /// Fuel level.
    FuelLevel = "FuelReport.FuelLevel", false, "%", NUMBER;
    /// Module whose licence the frame is about: 1 brake, 2 throttle, 3 steering, one after the other.
    LicenceModule = "LicenceReport.Module", false, "", NUMBER;
    /// The licence has been looked up.
    LicenceReady = "LicenceReport.Ready", false, "", NUMBER;
    /// The module is licensed.
    LicenceEnabled = "LicenceReport.FeatureEnabled", false, "", NUMBER;
    /// Module whose firmware the frame is about, likewise.
    VersionModule = "VersionReport.Module", false, "", NUMBER;
    /// Version of the firmware.
    VersionMajor = "VersionReport.Major", false, "", NUMBER;
    /// Minor version.
    VersionMinor = "VersionReport.Minor", false, "", NUMBER;
    /// Build.
    VersionBuild = "VersionReport.Build", false, "", NUMBER;
}

impl Role {
    /// True for the watchdog's COUNT, which a frame may be too short for.
    pub fn is_watchdog_count(self) -> bool {
        matches!(self, Role::BrakeCount | Role::ThrottleCount | Role::SteeringCount)
    }

    /// Message and signal of the Lincoln in the name.
    pub(crate) fn message_and_signal(self) -> (&'static str, &'static str) {
        self.name().split_once('.').unwrap_or((self.name(), ""))
    }
}
