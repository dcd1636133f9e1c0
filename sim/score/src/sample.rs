//! What the scorer is told at each instant, and what it answers.

/// The true state of the car.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TrueState {
    /// Rear-axle centre on the ground plane, ENU, m.
    pub position_m: [f64; 3],
    /// Centre of mass, ENU, m.
    pub centre_of_mass_m: [f64; 3],
    /// Direction of the body's x axis from east, counter-clockwise, rad.
    pub heading_rad: f64,
    /// Velocity of the rear-axle centre, ENU, m/s.
    pub velocity_mps: [f64; 3],
    /// Speed along the body's x axis, m/s, negative backward.
    pub speed_mps: f64,
    /// Yaw rate, rad/s, positive left.
    pub yaw_rate_rps: f64,
    /// Acceleration along the body's x axis at the centre of mass, gravity taken out, m/s².
    pub longitudinal_acceleration_mps2: f64,
    /// Acceleration along the body's y axis (left) at the centre of mass, gravity taken out, m/s².
    pub lateral_acceleration_mps2: f64,
}

/// Where the stack's localization believes the car to be.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BelievedPose {
    /// The instant the pose is about (measurement time), s since the start of the run.
    pub measured_at_s: f64,
    /// Rear-axle centre, ENU, m. UTM coordinates are brought to ENU before they come here.
    pub position_m: [f64; 3],
    /// Heading from east, counter-clockwise, rad.
    pub heading_rad: f64,
}

/// What the stack commands: on its topic, or, of a canbus that is known on CAN alone, in its command frames, to their
/// resolution.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Command {
    /// Throttle pedal, %.
    pub throttle_pct: f64,
    /// Brake pedal, %.
    pub brake_pct: f64,
    /// Steering target, % of the largest steering-wheel angle, positive left.
    pub steering_pct: f64,
}

/// One instant of the run. The engine gives one every [`SAMPLE_PERIOD_S`](crate::SAMPLE_PERIOD_S).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// Time since the start of the run, s.
    pub time_s: f64,
    /// The stack drives: driving mode COMPLETE_AUTO_DRIVE.
    pub engaged: bool,
    /// What is.
    pub truth: TrueState,
    /// What the stack believes; `None` before its first pose.
    pub believed: Option<BelievedPose>,
    /// What the stack commands; zero before its first command.
    pub command: Command,
    /// Steering-wheel angle, rad, positive left.
    pub steering_wheel_rad: f64,
    /// Steering-wheel rate, rad/s.
    pub steering_wheel_rate_rps: f64,
    /// Station, m along the reference, where the published trajectory wants the car *now*; `None` while
    /// no trajectory is published. On a closed path it may be given wrapped or unrolled.
    pub reference_station_m: Option<f64>,
}

/// The errors of one instant, actual minus reference, NaN where there is nothing to compare with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Errors {
    /// The errors count for the metrics: see [`Scorer`](crate::Scorer).
    pub counted: bool,
    /// Station of the rear axle on the reference, m; unrolled, and along the tangent beyond open ends.
    pub station_m: f64,
    /// The nearest point of the path: x (east), m.
    pub reference_x_m: f64,
    /// The nearest point of the path: y (north), m.
    pub reference_y_m: f64,
    /// Heading of the path there, rad.
    pub reference_heading_rad: f64,
    /// Curvature of the path there, 1/m, positive left.
    pub reference_curvature_1pm: f64,
    /// Speed of the reference there, m/s.
    pub reference_speed_mps: f64,
    /// Rear axle left of the path, m.
    pub lateral_m: f64,
    /// Centre of mass left of the path (of the point nearest to it), m.
    pub lateral_cg_m: f64,
    /// Heading of the body against the path, rad.
    pub heading_rad: f64,
    /// Direction of motion of the rear axle against the path, rad; NaN below 0.5 m/s.
    pub course_rad: f64,
    /// Direction of motion of the rear axle against the heading of the body (sideslip angle β at the rear
    /// axle), rad; NaN below 0.5 m/s.
    pub sideslip_rad: f64,
    /// Speed against the reference speed at the nearest point, m/s.
    pub speed_mps: f64,
    /// Speed against the reference speed where the trajectory wants the car now, m/s.
    pub speed_by_time_mps: f64,
    /// Station against the one where the trajectory wants the car now, m.
    pub station_error_m: f64,
    /// What the lateral error would be if the stack were right about where it is, m.
    pub believed_lateral_m: f64,
    /// Horizontal distance between the believed position and the true one at the measurement time, m.
    pub localization_m: f64,
    /// Believed heading against the true one at the measurement time, rad.
    pub localization_heading_rad: f64,
}

impl Errors {
    /// Nothing to compare with.
    pub const NONE: Errors = Errors {
        counted: false,
        station_m: f64::NAN,
        reference_x_m: f64::NAN,
        reference_y_m: f64::NAN,
        reference_heading_rad: f64::NAN,
        reference_curvature_1pm: f64::NAN,
        reference_speed_mps: f64::NAN,
        lateral_m: f64::NAN,
        lateral_cg_m: f64::NAN,
        heading_rad: f64::NAN,
        course_rad: f64::NAN,
        sideslip_rad: f64::NAN,
        speed_mps: f64::NAN,
        speed_by_time_mps: f64::NAN,
        station_error_m: f64::NAN,
        believed_lateral_m: f64::NAN,
        localization_m: f64::NAN,
        localization_heading_rad: f64::NAN,
    };
}
