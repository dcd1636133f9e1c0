//! A recorded drive in, `ADCTrajectory` out.
