//! The embedded stack, one module per seat: planning, control, localization, canbus, gnss_driver.
