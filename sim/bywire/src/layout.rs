//! The signals the modules use, looked up once by the names of the .dbc.

use skidpad_can::{Dbc, Frame, MessageLayout, Missing, SignalHandle};

/// A struct of signal handles for one message.
macro_rules! messages {
    ($($struct:ident = $message:literal { $($field:ident: $signal:literal),* $(,)? })*) => {$(
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $struct {
            /// A frame of this message with every bit zero.
            pub blank: Frame,
            $(pub $field: SignalHandle,)*
        }

        impl $struct {
            pub const NAME: &'static str = $message;

            pub fn find(dbc: &Dbc) -> Result<Self, Missing> {
                let message: &MessageLayout = dbc.message_by_name(Self::NAME)?;
                Ok($struct { blank: message.blank(), $($field: message.handle($signal)?,)* })
            }
        }
    )*};
}

messages! {
    BrakeCommand = "BrakeCommand" {
        pedal: "PedalCommand", lamp: "BrakeLampCommand",
        enable: "Enable", clear: "Clear", ignore: "Ignore", count: "Count",
    }
    ThrottleCommand = "ThrottleCommand" {
        pedal: "PedalCommand", enable: "Enable", clear: "Clear", ignore: "Ignore", count: "Count",
    }
    SteeringCommand = "SteeringCommand" {
        angle: "AngleCommand", rate: "RateLimit",
        enable: "Enable", clear: "Clear", ignore: "Ignore", count: "Count",
    }
    GearCommand = "GearCommand" { gear: "GearCommand", clear: "Clear" }
    TurnSignalCommand = "TurnSignalCommand" { turn: "TurnSignalCommand" }

    BrakeReport = "BrakeReport" {
        input: "PedalInput", command: "PedalCommand", output: "PedalOutput",
        lamp_output: "BrakeLampOutput", lamp_command: "BrakeLampCommand", lamp_input: "BrakeLampInput",
        watchdog_braking: "WatchdogBraking", watchdog_source: "WatchdogSource",
        enabled: "Enabled", overridden: "Override", driver: "DriverActivity", watchdog_fault: "WatchdogFault",
        channel_1: "Channel1Fault", channel_2: "Channel2Fault", power: "PowerFault", timeout: "CommandTimeout",
    }
    ThrottleReport = "ThrottleReport" {
        input: "PedalInput", command: "PedalCommand", output: "PedalOutput", watchdog_source: "WatchdogSource",
        enabled: "Enabled", overridden: "Override", driver: "DriverActivity", watchdog_fault: "WatchdogFault",
        channel_1: "Channel1Fault", channel_2: "Channel2Fault", power: "PowerFault", timeout: "CommandTimeout",
    }
    SteeringReport = "SteeringReport" {
        angle: "Angle", command: "AngleCommand", speed: "Speed", torque: "Torque",
        enabled: "Enabled", overridden: "Override", power: "PowerFault", watchdog_fault: "WatchdogFault",
        channel_1: "Channel1Fault", channel_2: "Channel2Fault", calibration: "CalibrationFault",
        timeout: "CommandTimeout",
    }
    GearReport = "GearReport" {
        gear: "Gear", overridden: "Override", command: "GearCommand", bus: "BusFault", reject: "Reject",
    }
    MiscReport = "MiscReport" {
        turn: "TurnSignal", ambient: "AmbientLight", bus: "BusFault", driver_belt: "DriverBeltBuckled",
    }
    WheelSpeedReport = "WheelSpeedReport" {
        front_left: "FrontLeft", front_right: "FrontRight", rear_left: "RearLeft", rear_right: "RearRight",
    }
    AccelerationReport = "AccelerationReport" {
        lateral: "Lateral", longitudinal: "Longitudinal", vertical: "Vertical",
    }
    GyroReport = "GyroReport" { roll: "RollRate", yaw: "YawRate" }
    GpsPositionReport = "GpsPositionReport" {
        latitude: "Latitude", latitude_valid: "LatitudeValid",
        longitude: "Longitude", longitude_valid: "LongitudeValid",
    }
    GpsTimeReport = "GpsTimeReport" {
        year: "Year", month: "Month", day: "Day", hour: "Hour", minute: "Minute", second: "Second",
        compass: "Compass", dilution: "PositionDilution", fault: "Fault", inferred: "Inferred",
    }
    GpsVelocityReport = "GpsVelocityReport" {
        altitude: "Altitude", heading: "Heading", speed: "Speed",
        horizontal: "HorizontalDilution", vertical: "VerticalDilution",
        quality: "Quality", satellites: "Satellites",
    }
    WheelPositionReport = "WheelPositionReport" {
        front_left: "FrontLeft", front_right: "FrontRight", rear_left: "RearLeft", rear_right: "RearRight",
    }
    SurroundReport = "SurroundReport" { sonar_enabled: "SonarEnabled" }
    LicenceReport = "LicenceReport" { module: "Module", ready: "Ready", enabled: "FeatureEnabled" }
    TyrePressureReport = "TyrePressureReport" {
        front_left: "FrontLeft", front_right: "FrontRight", rear_left: "RearLeft", rear_right: "RearRight",
    }
    FuelReport = "FuelReport" { level: "FuelLevel" }
    BrakeInfoReport = "BrakeInfoReport" {
        request: "BrakeTorqueRequest", stationary: "Stationary", actual: "BrakeTorqueActual",
        parking_brake: "ParkingBrake", wheel_torque: "WheelTorque", acceleration: "AccelerationOverGround",
        hill_status: "HillStartStatus", hill_mode: "HillStartMode",
        abs_active: "AbsActive", abs_enabled: "AbsEnabled",
        stability_active: "StabilityActive", stability_enabled: "StabilityEnabled",
        traction_active: "TractionActive", traction_enabled: "TractionEnabled",
    }
    ThrottleInfoReport = "ThrottleInfoReport" {
        engine_speed: "EngineSpeed", pedal: "AcceleratorPedal", rate: "AcceleratorPedalRate",
    }
    VersionReport = "VersionReport" {
        module: "Module", major: "Major", minor: "Minor", build: "Build",
    }
}
