//! IMU and GNSS/INS receiver models: truth in, measurements out, late and wrong as the real ones.
//!
//! [`Imu`] turns the true motion of the body into 200 Hz increments of angle and velocity: the true
//! inertial rate and specific force at its mounting point, with Earth rate and gravity by latitude,
//! then the errors of [`ImuParams`]. [`Receiver`] owns an IMU and gives a navigation solution
//! (INSPVAS) and corrected increments (CORRIMUDATAS) 100 times a second with the errors and the latency
//! of [`ReceiverParams`], and drifts as an unaided inertial system when the satellites are lost.
//!
//! ```
//! use skidpad_geo::{EnuFrame, Geodetic};
//! use skidpad_kernel::SimTime;
//! use skidpad_sensors::{ImuParams, Receiver, ReceiverParams, Truth};
//!
//! let frame = EnuFrame::new(Geodetic { lat_deg: 37.4, lon_deg: -122.0, height_m: 0.0 })?;
//! let (params, imu) = (ReceiverParams::rtk_fixed(), ImuParams::datasheet());
//! let mut receiver = Receiver::new(params, imu, &frame, 1_500_000_000.0, 7)?;
//! let parked = Truth::default();
//! let mut received = 0;
//! for ms in 0..1000 {
//!     let now = SimTime::from_ms(ms);
//!     receiver.observe(now, &parked);
//!     while let Some(output) = receiver.poll(now) {
//!         assert_eq!(output.inspvas.seconds, output.corrimudatas.seconds);
//!         received += 1;
//!     }
//! }
//! assert!(received >= 98); // 10, 20, … 980 ms; that of 990 ms may still be on its way
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod earth;
mod gnss;
mod imu;
mod noise;
mod params;
mod port;
mod receiver;
mod rough;
mod sigmas;
mod solution;
mod unaided;

pub use imu::{Imu, ImuSample};
pub use params::{
    AccelParams, GyroParams, ImuParams, ParameterError, ReceiverParams, Start, VibrationParams,
};
pub use port::{Port, PortStats};
pub use receiver::{Aiding, Receiver};
pub use solution::{
    DualAntennaHeading, FixType, GnssSolution, InsQuality, PseudorangePosition, ReceiverOutput,
};

/// The true motion of the car at one instant, as the sensors see it.
///
/// There is no acceleration in it: the increments an IMU integrates are differences of velocity and
/// attitude between two instants, exact whatever the integrator of the vehicle, and a collision, which
/// is a step of the velocity, is felt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Truth {
    /// Position of the rear-axle centre on the ground plane in the map's ENU frame, m.
    pub position_enu_m: [f64; 3],
    /// Attitude as a unit quaternion \[w, x, y, z\] that turns body axes (x forward, y left, z up) into
    /// the axes of the map's ENU frame.
    pub quaternion_wxyz: [f64; 4],
    /// Velocity of the rear-axle centre in the axes of the map's ENU frame, m/s.
    pub velocity_enu_mps: [f64; 3],
    /// Angular velocity of the body relative to the ground, in body axes, rad/s.
    pub body_rate_rps: [f64; 3],
    /// Speed of the engine over its speed at idle; 0 while it stands. It shakes the car.
    pub engine_over_idle: f64,
}

impl Default for Truth {
    /// Standing at the anchor, facing east, the engine idling.
    fn default() -> Self {
        Truth {
            position_enu_m: [0.0; 3],
            quaternion_wxyz: [1.0, 0.0, 0.0, 0.0],
            velocity_enu_mps: [0.0; 3],
            body_rate_rps: [0.0; 3],
            engine_over_idle: 1.0,
        }
    }
}
