//! IMU and GNSS/INS receiver models: truth in, measurements out, late and wrong as the real ones.
