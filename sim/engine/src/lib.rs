//! One simulation: owns the world, the car and the stack, and advances time tick by tick.
