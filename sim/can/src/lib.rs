//! CAN frames, the signal codec driven by a .dbc, and the bus model.
