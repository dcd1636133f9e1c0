//! Frames, geodesy and paths by arc length.
