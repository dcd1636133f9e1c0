//! Trajectory, pose and chassis in, `ControlCommand` out.
