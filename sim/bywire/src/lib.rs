//! The by-wire ECUs of the car: command frames in, actuator demand out, report frames back.
