//! The PID controller of the longitudinal cascade.

use super::conf::PidConf;

/// A PID controller whose integrator holds `ki · ∫error` and saturates.
///
/// Source: Apollo 1.0 `control/common/pid_controller.cc`. The gain is applied *before* integrating, so changing
/// the gains at a steady state makes no step; enabling and saturating the integrator is fixed when the controller
/// is made, and [`Pid::set_gains`] changes the three gains only.
#[derive(Debug, Clone)]
pub struct Pid {
    kp: f64,
    ki: f64,
    kd: f64,
    integrator_enabled: bool,
    integrator_limit: f64,
    integral: f64,
    previous_error: Option<f64>,
}

impl Pid {
    /// A controller at rest.
    pub fn new(conf: &PidConf) -> Self {
        Self {
            kp: conf.kp,
            ki: conf.ki,
            kd: conf.kd,
            integrator_enabled: conf.integrator_enable,
            integrator_limit: conf.integrator_saturation_level.abs(),
            integral: 0.0,
            previous_error: None,
        }
    }

    /// Takes the three gains of `conf`, keeping the integral.
    pub fn set_gains(&mut self, conf: &PidConf) {
        (self.kp, self.ki, self.kd) = (conf.kp, conf.ki, conf.kd);
    }

    /// Takes all of `conf`, keeping the integral as far as its bound lets it.
    pub fn set_conf(&mut self, conf: &PidConf) {
        self.set_gains(conf);
        self.integrator_enabled = conf.integrator_enable;
        self.integrator_limit = conf.integrator_saturation_level.abs();
        self.integral = self.integral.clamp(-self.integrator_limit, self.integrator_limit);
    }

    /// One step of `dt_s` > 0 seconds: the output for this error.
    pub fn step(&mut self, error: f64, dt_s: f64) -> f64 {
        // The first step after a reset has no derivative.
        let derivative = self.previous_error.map_or(0.0, |previous| (error - previous) / dt_s);
        if self.integrator_enabled {
            self.integral += error * dt_s * self.ki;
            if self.integral.abs() > self.integrator_limit {
                self.integral = self.integrator_limit.copysign(self.integral);
            }
        }
        self.previous_error = Some(error);
        error * self.kp + self.integral + derivative * self.kd
    }

    /// Forgets the integral and the previous error.
    pub fn reset(&mut self) {
        self.integral = 0.0;
        self.previous_error = None;
    }

    /// The integral part of the output, in units of the output.
    pub fn integral(&self) -> f64 {
        self.integral
    }
}
